//! Responses: <https://platform.openai.com/docs/api-reference/responses>,
//! <https://platform.openai.com/docs/api-reference/responses-streaming>.

use serde_json::{Value, json};

use super::read::Record;
use super::{Finish, Usage, count, named, pieces};

pub(super) fn finish(record: &Record) -> Option<Finish> {
    let response = response(record)?;
    (response["status"] == "completed" && response["incomplete_details"].is_null()).then_some(())?;
    let mut finish = Finish::Said;
    for item in response["output"].as_array()? {
        let mut parts = item["content"].as_array().into_iter().flatten();
        parts.all(|part| part["type"] != "refusal").then_some(())?;
        if item["type"].as_str().is_some_and(|kind| CALLS.contains(&kind)) {
            finish = Finish::Called;
        }
    }
    Some(finish)
}

/// `input_tokens` holds what the cache gave; it comes with the end of a stream.
pub(super) fn usage(record: &Record) -> Option<Usage> {
    let mut usages =
        record.values().flat_map(|value| [&value["usage"], &value["response"]["usage"]]);
    let usage = usages.rfind(|usage| usage.is_object())?;
    let input = count(usage, "input_tokens");
    let cached = count(&usage["input_tokens_details"], "cached_tokens").min(input);
    Some(Usage {
        input: input - cached,
        output: count(usage, "output_tokens"),
        cache_read: cached,
        ..Usage::default()
    })
}

pub(super) fn text(record: &Record) -> String {
    let mut text = String::new();
    if let Some(response) = response(record) {
        let items = response["output"].as_array().into_iter().flatten();
        let parts = items.filter_map(|item| item["content"].as_array()).flatten();
        for part in parts.filter(|part| part["type"] == "output_text") {
            text.push_str(part["text"].as_str().unwrap_or_default());
        }
        return text;
    }
    for event in record.values().filter(|event| event["type"] == "response.output_text.delta") {
        text.push_str(event["delta"].as_str().unwrap_or_default());
    }
    text
}

/// The last event of a stream says the whole response again.
pub(super) fn to_whole(record: &Record) -> Option<Value> {
    let response = response(record).filter(|_| record.streamed)?;
    let done = record.values().filter(|event| event["type"] == "response.output_item.done").count();
    (response["output"].as_array()?.len() == done).then(|| response.clone())
}

pub(super) fn to_stream(response: &Value) -> Option<Vec<u8>> {
    (response["object"] == "response" && response["status"] == "completed").then_some(())?;
    let mut begun = response.clone();
    begun["status"] = json!("in_progress");
    begun["output"] = json!([]);
    for key in ["usage", "completed_at", "output_text"] {
        if let Some(value) = begun.get_mut(key) {
            *value = Value::Null;
        }
    }
    let mut events = Events::default();
    events.push("response.created", json!({ "response": begun }))?;
    events.push("response.in_progress", json!({ "response": begun }))?;
    for (index, item) in response["output"].as_array()?.iter().enumerate() {
        events.item(index, item)?;
    }
    events.push("response.completed", json!({ "response": response }))?;
    Some(events.out)
}

/// The response that an answer holds, if it has come to its end.
fn response(record: &Record) -> Option<&Value> {
    let last = record.values().next_back()?;
    if !record.streamed {
        return Some(last).filter(|response| response["object"] == "response");
    }
    (last["type"] == "response.completed").then(|| &last["response"])
}

#[derive(Default)]
struct Events {
    out: Vec<u8>,
    number: u64,
}

impl Events {
    fn push(&mut self, kind: &str, mut event: Value) -> Option<()> {
        event["type"] = json!(kind);
        event["sequence_number"] = json!(self.number);
        self.number += 1;
        named(&mut self.out, &event)
    }

    /// An event `kind` at the place `at`, with the members of `more`.
    fn at(&mut self, kind: &str, at: &Value, more: Value) -> Option<()> {
        let mut event = at.clone();
        if let (Value::Object(event), Value::Object(more)) = (&mut event, more) {
            event.extend(more);
        }
        self.push(kind, event)
    }

    fn item(&mut self, index: usize, item: &Value) -> Option<()> {
        let output = json!({ "output_index": index });
        let mut at = output.clone();
        at["item_id"] = item["id"].clone();
        let kind = item["type"].as_str()?;
        let mut begun = item.clone();
        if item["status"] == "completed" {
            begun["status"] = json!("in_progress");
        }
        let emptied: &[&str] = match kind {
            "message" => &["content"],
            "reasoning" => &["summary", "content"],
            "function_call" | "mcp_call" => &["arguments"],
            "custom_tool_call" => &["input"],
            "code_interpreter_call" => &["code"],
            _ => &[],
        };
        for key in emptied {
            match begun.get_mut(*key) {
                Some(value @ Value::String(_)) => *value = json!(""),
                Some(value @ Value::Array(_)) => *value = json!([]),
                _ => {}
            }
        }
        if kind == "mcp_call" && begun.get("output").is_some() {
            begun["output"] = Value::Null;
        }
        self.at("response.output_item.added", &output, json!({ "item": begun }))?;
        match kind {
            "message" | "reasoning" => {
                for (number, part) in list(item, "summary") {
                    let mut at = at.clone();
                    at["summary_index"] = json!(number);
                    self.part(&at, part)?;
                }
                for (number, part) in list(item, "content") {
                    let mut at = at.clone();
                    at["content_index"] = json!(number);
                    self.part(&at, part)?;
                }
            }
            "function_call" => {
                self.given("response.function_call_arguments", &at, "arguments", item)?;
            }
            "custom_tool_call" => {
                self.given("response.custom_tool_call_input", &at, "input", item)?;
            }
            "mcp_call" => {
                self.at("response.mcp_call.in_progress", &at, json!({}))?;
                self.given("response.mcp_call_arguments", &at, "arguments", item)?;
                self.at("response.mcp_call.completed", &at, json!({}))?;
            }
            "code_interpreter_call" => {
                self.at("response.code_interpreter_call.in_progress", &at, json!({}))?;
                self.given("response.code_interpreter_call_code", &at, "code", item)?;
                self.at("response.code_interpreter_call.interpreting", &at, json!({}))?;
                self.at("response.code_interpreter_call.completed", &at, json!({}))?;
            }
            "web_search_call" | "file_search_call" => {
                for step in ["in_progress", "searching", "completed"] {
                    self.at(&format!("response.{kind}.{step}"), &at, json!({}))?;
                }
            }
            // Every other kind comes whole, as it begins and as it ends.
            _ => {}
        }
        self.at("response.output_item.done", &output, json!({ "item": item }))
    }

    /// What a tool is given.
    fn given(&mut self, kind: &str, at: &Value, key: &str, item: &Value) -> Option<()> {
        let Some(text) = item[key].as_str() else { return Some(()) };
        for piece in pieces(text) {
            self.at(&format!("{kind}.delta"), at, json!({ "delta": piece }))?;
        }
        let mut done = json!({ key: text });
        if kind == "response.function_call_arguments" {
            done["name"] = item["name"].clone();
        }
        self.at(&format!("{kind}.done"), at, done)
    }

    /// A part of a message or of reasoning.
    fn part(&mut self, at: &Value, part: &Value) -> Option<()> {
        let (place, text, key) = match part["type"].as_str() {
            Some("output_text") => ("content_part", "output_text", "text"),
            Some("refusal") => ("content_part", "refusal", "refusal"),
            Some("reasoning_text") => ("content_part", "reasoning_text", "text"),
            Some("summary_text") => ("reasoning_summary_part", "reasoning_summary_text", "text"),
            _ => ("content_part", "", ""),
        };
        let mut empty = part.clone();
        for key in [key, "annotations", "logprobs"] {
            match empty.get_mut(key) {
                Some(value @ Value::String(_)) => *value = json!(""),
                Some(value @ Value::Array(_)) => *value = json!([]),
                _ => {}
            }
        }
        self.at(&format!("response.{place}.added"), at, json!({ "part": empty }))?;
        if let Some(said) = part[key].as_str() {
            let logprobs = (text == "output_text").then(|| part["logprobs"].as_array());
            let with = |key: &str, said: &str, logprobs: Option<&Vec<Value>>| {
                let mut more = json!({ key: said });
                if text == "output_text" {
                    more["logprobs"] = json!(logprobs.cloned().unwrap_or_default());
                }
                more
            };
            // The chance of every token comes with the text of all.
            match logprobs.flatten().filter(|logprobs| !logprobs.is_empty()) {
                Some(all) => {
                    let more = with("delta", said, Some(all));
                    self.at(&format!("response.{text}.delta"), at, more)?;
                }
                None => {
                    for piece in pieces(said) {
                        let more = with("delta", piece, None);
                        self.at(&format!("response.{text}.delta"), at, more)?;
                    }
                }
            }
            for (number, annotation) in list(part, "annotations") {
                let more = json!({"annotation": annotation, "annotation_index": number});
                self.at("response.output_text.annotation.added", at, more)?;
            }
            let more = with(key, said, logprobs.flatten());
            self.at(&format!("response.{text}.done"), at, more)?;
        }
        self.at(&format!("response.{place}.done"), at, json!({ "part": part }))
    }
}

fn list<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = (usize, &'v Value)> {
    value[key].as_array().into_iter().flatten().enumerate()
}

/// Items that ask the client for something.
const CALLS: [&str; 7] = [
    "function_call",
    "custom_tool_call",
    "computer_call",
    "local_shell_call",
    "shell_call",
    "apply_patch_call",
    "mcp_approval_request",
];
