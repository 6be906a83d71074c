//! The two wire formats: Anthropic messages and OpenAI chat completions, asked and answered.
//!
//! Sources: <https://docs.anthropic.com/en/api/messages-streaming> and
//! <https://platform.openai.com/docs/api-reference/chat/streaming>.

use serde_json::{Value, json};

use super::script::{Brackets, Reply, Script, Split, ToolCall};

/// Which provider's format a request is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `POST /v1/messages`
    Anthropic,
    /// `POST /v1/chat/completions`
    OpenAi,
}

/// An answer's body, ready for the wire.
pub(super) enum Payload {
    Json(String),
    Events(Vec<Vec<u8>>),
}

impl Format {
    /// The format that a path stands for.
    pub fn of_path(path: &str) -> Option<Self> {
        let path = path.split('?').next().unwrap_or_default();
        let below = super::surface::PREFIXES.iter().find_map(|prefix| path.strip_prefix(prefix));
        match below.unwrap_or(path) {
            "/v1/messages" => Some(Self::Anthropic),
            "/v1/chat/completions" => Some(Self::OpenAi),
            _ => None,
        }
    }

    /// An error in this provider's shape.
    pub fn error(self, message: &str) -> String {
        match self {
            Self::Anthropic => json!({"type": "error", "error":
                {"type": "invalid_request_error", "message": message}, "request_id": "req_mock"}),
            Self::OpenAi => json!({"error": {"message": message, "type": "invalid_request_error",
                "param": null, "code": null}}),
        }
        .to_string()
    }

    pub(super) fn payload(self, request: &Value, script: &Script) -> Option<Payload> {
        let call;
        let said = match &script.reply {
            Reply::Echo => Said::Text(last_user_text(request)),
            Reply::Text(text) => Said::Text(text.clone()),
            Reply::Tool(tool) => {
                call = tool;
                Said::Tool(call, arguments(request, call.brackets))
            }
            _ => return None,
        };
        let model = request["model"].as_str().unwrap_or("mock");
        if request["stream"] != json!(true) {
            return Some(Payload::Json(match self {
                Self::Anthropic => anthropic_whole(model, &said),
                Self::OpenAi => openai_whole(model, &said),
            }));
        }
        let usage = request["stream_options"]["include_usage"] == json!(true);
        let events = match self {
            Self::Anthropic => anthropic_events(model, &said, &script.split),
            Self::OpenAi => openai_events(model, &said, &script.split, usage),
        };
        Some(Payload::Events(script.split.writes(&events)))
    }
}

enum Said<'a> {
    Text(String),
    Tool(&'a ToolCall, String),
}

/// The last text that a user (or a tool's result) put into a conversation.
pub fn last_user_text(request: &Value) -> String {
    let Some(messages) = request["messages"].as_array() else { return String::new() };
    let last = messages.iter().rev().find(|m| m["role"] == "user" || m["role"] == "tool");
    let mut texts = Vec::new();
    if let Some(message) = last {
        collect_text(&message["content"], &mut texts);
    }
    texts.join("\n")
}

fn collect_text(content: &Value, texts: &mut Vec<String>) {
    match content {
        Value::String(text) => texts.push(text.clone()),
        Value::Array(blocks) => blocks.iter().for_each(|b| collect_text(b, texts)),
        Value::Object(block) => {
            for key in ["text", "content"] {
                if let Some(inner) = block.get(key) {
                    collect_text(inner, texts);
                }
            }
        }
        _ => (),
    }
}

/// Everything in `text` of the form `<LABEL_N>`, in order of appearance, each once.
pub fn placeholders(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        let Some(end) = rest.find('>') else { break };
        let inner = &rest[..end];
        let shaped = inner.rsplit_once('_').is_some_and(|(label, number)| {
            label.starts_with(|c: char| c.is_ascii_uppercase())
                && label.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
                && !number.is_empty()
                && number.bytes().all(|b| b.is_ascii_digit())
        });
        let placeholder = format!("<{inner}>");
        if shaped && !found.contains(&placeholder) {
            found.push(placeholder);
        }
    }
    found
}

fn arguments(request: &Value, brackets: Brackets) -> String {
    let mut texts = Vec::new();
    collect_strings(request, &mut texts);
    let text = last_user_text(request);
    let arguments = json!({"text": text, "seen": placeholders(&texts.join("\n")), "n": 1});
    let arguments = arguments.to_string();
    match brackets {
        Brackets::Plain => arguments,
        Brackets::Escaped => arguments.replace('<', "\\u003c").replace('>', "\\u003e"),
    }
}

fn collect_strings(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) => texts.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|v| collect_strings(v, texts)),
        Value::Object(fields) => fields.values().for_each(|v| collect_strings(v, texts)),
        _ => (),
    }
}

fn anthropic_whole(model: &str, said: &Said<'_>) -> String {
    // A tool's input is an object, written as the model wrote it: spliced in, not re-encoded.
    let (block, reason) = match said {
        Said::Text(text) => (json!({"type": "text", "text": text}).to_string(), "end_turn"),
        Said::Tool(call, arguments) => (
            format!(
                r#"{{"type":"tool_use","id":"toolu_01mock","name":{},"input":{arguments}}}"#,
                json!(call.name)
            ),
            "tool_use",
        ),
    };
    format!(
        r#"{{"id":"msg_01mock","type":"message","role":"assistant","model":{},"content":[{block}],"stop_reason":"{reason}","stop_sequence":null,"usage":{{"input_tokens":25,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":15}}}}"#,
        json!(model)
    )
}

fn openai_whole(model: &str, said: &Said<'_>) -> String {
    let (message, reason) = match said {
        Said::Text(text) => {
            (json!({"role": "assistant", "content": text, "refusal": null}), "stop")
        }
        Said::Tool(call, arguments) => {
            let function = json!({"name": call.name, "arguments": arguments});
            let calls = json!([{"id": "call_mock", "type": "function", "function": function}]);
            let message = json!({"role": "assistant", "content": null, "tool_calls": calls});
            (message, "tool_calls")
        }
    };
    json!({
        "id": "chatcmpl-mock", "object": "chat.completion", "created": 1_700_000_000,
        "model": model, "system_fingerprint": "fp_mock",
        "choices": [{"index": 0, "message": message, "logprobs": null, "finish_reason": reason}],
        "usage": {"prompt_tokens": 25, "completion_tokens": 15, "total_tokens": 40},
    })
    .to_string()
}

type Events = Vec<(Option<&'static str>, String)>;

fn anthropic_events(model: &str, said: &Said<'_>, split: &Split) -> Events {
    let usage = json!({"input_tokens": 25, "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0, "output_tokens": 1});
    let message = json!({"id": "msg_01mock", "type": "message", "role": "assistant",
        "model": model, "content": [], "stop_reason": null, "stop_sequence": null, "usage": usage});
    let mut data = vec![json!({"type": "message_start", "message": message})];
    let (block, deltas, reason): (_, Vec<Value>, _) = match said {
        Said::Text(text) => (
            json!({"type": "text", "text": ""}),
            split
                .deltas(text)
                .into_iter()
                .map(|d| json!({"type": "text_delta", "text": d}))
                .collect(),
            "end_turn",
        ),
        Said::Tool(call, arguments) => (
            json!({"type": "tool_use", "id": "toolu_01mock", "name": call.name, "input": {}}),
            std::iter::once("")
                .chain(split.deltas(arguments))
                .map(|d| json!({"type": "input_json_delta", "partial_json": d}))
                .collect(),
            "tool_use",
        ),
    };
    data.push(json!({"type": "content_block_start", "index": 0, "content_block": block}));
    data.push(json!({"type": "ping"}));
    for delta in deltas {
        data.push(json!({"type": "content_block_delta", "index": 0, "delta": delta}));
    }
    data.push(json!({"type": "content_block_stop", "index": 0}));
    data.push(json!({"type": "message_delta",
        "delta": {"stop_reason": reason, "stop_sequence": null}, "usage": {"output_tokens": 15}}));
    data.push(json!({"type": "message_stop"}));
    data.into_iter().map(|d| (anthropic_name(&d), d.to_string())).collect()
}

fn anthropic_name(data: &Value) -> Option<&'static str> {
    const NAMES: [&str; 7] = [
        "message_start",
        "content_block_start",
        "ping",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ];
    NAMES.into_iter().find(|name| data["type"] == *name)
}

fn openai_events(model: &str, said: &Said<'_>, split: &Split, usage: bool) -> Events {
    let chunk = |delta: Value, reason: Option<&str>| {
        let mut chunk = json!({
            "id": "chatcmpl-mock", "object": "chat.completion.chunk", "created": 1_700_000_000,
            "model": model, "system_fingerprint": "fp_mock",
            "choices": [{"index": 0, "delta": delta, "logprobs": null, "finish_reason": reason}],
        });
        if usage {
            chunk["usage"] = Value::Null;
        }
        chunk.to_string()
    };
    let mut data = Vec::new();
    let reason = match said {
        Said::Text(text) => {
            data.push(chunk(json!({"role": "assistant", "content": "", "refusal": null}), None));
            for delta in split.deltas(text) {
                data.push(chunk(json!({"content": delta}), None));
            }
            "stop"
        }
        Said::Tool(call, arguments) => {
            let function = json!({"name": call.name, "arguments": ""});
            let first =
                json!([{"index": 0, "id": "call_mock", "type": "function", "function": function}]);
            let first = json!({"role": "assistant", "content": null, "tool_calls": first});
            data.push(chunk(first, None));
            for delta in split.deltas(arguments) {
                let call = json!([{"index": 0, "function": {"arguments": delta}}]);
                data.push(chunk(json!({"tool_calls": call}), None));
            }
            "tool_calls"
        }
    };
    data.push(chunk(json!({}), Some(reason)));
    if usage {
        data.push(
            json!({"id": "chatcmpl-mock", "object": "chat.completion.chunk",
                "created": 1_700_000_000, "model": model, "system_fingerprint": "fp_mock",
                "choices": [],
                "usage": {"prompt_tokens": 25, "completion_tokens": 15, "total_tokens": 40}})
            .to_string(),
        );
    }
    data.push("[DONE]".into());
    data.into_iter().map(|d| (None, d)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_found_among_look_alikes() {
        let text = "<EMAIL_1> a<b> <EMAIL_1>, <API_KEY_12> <email_1> <X> <IPV4_2> <_1> < EMAIL_2>";
        assert_eq!(placeholders(text), ["<EMAIL_1>", "<API_KEY_12>", "<IPV4_2>"]);
    }

    #[test]
    fn the_last_user_text_is_found_in_either_shape() {
        for (request, expected) in [
            (json!({"messages": [{"role": "user", "content": "a"}]}), "a"),
            (
                json!({"messages": [{"role": "user", "content": "a"},
                    {"role": "assistant", "content": "b"},
                    {"role": "user", "content": [{"type": "text", "text": "c"},
                        {"type": "tool_result", "content": [{"type": "text", "text": "d"}]}]}]}),
                "c\nd",
            ),
            (json!({}), ""),
        ] {
            assert_eq!(last_user_text(&request), expected);
        }
    }
}
