//! Messages: <https://docs.anthropic.com/en/api/messages>,
//! <https://docs.anthropic.com/en/docs/build-with-claude/streaming>.

use serde_json::{Map, Value, json};

use super::read::{Record, is_exact};
use super::{Finish, Usage, count, named, object, pieces};

pub(super) fn finish(record: &Record) -> Option<Finish> {
    let reason = if record.streamed {
        (record.values().next_back()?["type"] == "message_stop").then_some(())?;
        let deltas = record.values().filter(|event| event["type"] == "message_delta");
        deltas.filter_map(|event| event["delta"]["stop_reason"].as_str()).next_back()
    } else {
        let message = record.values().next().filter(|message| message["type"] == "message")?;
        message["stop_reason"].as_str()
    };
    match reason? {
        "end_turn" | "stop_sequence" => Some(Finish::Said),
        "tool_use" => Some(Finish::Called),
        _ => None,
    }
}

/// `input_tokens` leaves out what the cache gave and took. Those of a stream come with its start,
/// and grow with each `message_delta`.
pub(super) fn usage(record: &Record) -> Option<Usage> {
    let mut all = Map::new();
    for event in record.values() {
        for usage in [&event["message"]["usage"], &event["usage"]] {
            overlay(&mut all, usage.as_object().cloned().unwrap_or_default());
        }
    }
    (!all.is_empty()).then_some(())?;
    let all = Value::Object(all);
    Some(Usage {
        input: count(&all, "input_tokens"),
        output: count(&all, "output_tokens"),
        cache_read: count(&all, "cache_read_input_tokens"),
        cache_write: count(&all, "cache_creation_input_tokens"),
        cache_write_hour: count(&all["cache_creation"], "ephemeral_1h_input_tokens"),
    })
}

pub(super) fn text(record: &Record) -> String {
    let mut text = String::new();
    if !record.streamed {
        let blocks = record.values().filter_map(|message| message["content"].as_array()).flatten();
        for block in blocks.filter(|block| block["type"] == "text") {
            text.push_str(block["text"].as_str().unwrap_or_default());
        }
    }
    for event in record.values().filter(|_| record.streamed) {
        for (place, kind) in [("content_block", "text"), ("delta", "text_delta")] {
            if event[place]["type"] == kind {
                text.push_str(event[place]["text"].as_str().unwrap_or_default());
            }
        }
    }
    text
}

pub(super) fn to_stream(message: Value) -> Option<Vec<u8>> {
    (message["type"] == "message").then_some(())?;
    let mut message = object(message)?;
    let Some(Value::Array(blocks)) = message.insert("content".into(), json!([])) else {
        return None;
    };
    // What is known only at the end.
    let mut last = json!({"type": "message_delta", "delta": {}});
    for key in LATE {
        if let Some(value) = message.get_mut(key) {
            last["delta"][key] = value.take();
        }
    }
    if let Some(value) = message.remove("context_management") {
        last["context_management"] = value;
    }
    if let Some(usage) = message.get_mut("usage").and_then(Value::as_object_mut) {
        let counted = usage.iter().filter(|(key, _)| COUNTED.contains(&key.as_str()));
        last["usage"] = counted.map(|(key, value)| (key.clone(), value.clone())).collect();
        if let Some(output) = usage.get_mut("output_tokens")
            && output.as_u64().is_some_and(|tokens| tokens > 1)
        {
            *output = json!(1);
        }
    }
    let mut out = Vec::new();
    named(&mut out, &json!({"type": "message_start", "message": message}))?;
    for (index, block) in blocks.into_iter().enumerate() {
        write_block(&mut out, index, block)?;
    }
    named(&mut out, &last)?;
    named(&mut out, &json!({"type": "message_stop"}))?;
    Some(out)
}

/// What comes in pieces leaves the block at its start; everything else stands there whole.
fn write_block(out: &mut Vec<u8>, index: usize, block: Value) -> Option<()> {
    let mut block = object(block)?;
    let mut deltas = Vec::new();
    let take = |block: &mut Map<String, Value>, key: &str, empty: Value| {
        Some(std::mem::replace(block.get_mut(key)?, empty))
    };
    match block.get("type")?.as_str()? {
        "text" => {
            if block.get("citations").is_some_and(Value::is_array)
                && let Some(Value::Array(citations)) = take(&mut block, "citations", json!([]))
            {
                let delta = |citation| json!({"type": "citations_delta", "citation": citation});
                deltas.extend(citations.into_iter().map(delta));
            }
            let Value::String(text) = take(&mut block, "text", json!(""))? else { return None };
            deltas.extend(pieces(&text).map(|text| json!({"type": "text_delta", "text": text})));
        }
        "thinking" => {
            let Value::String(text) = take(&mut block, "thinking", json!(""))? else {
                return None;
            };
            let delta = |text| json!({"type": "thinking_delta", "thinking": text});
            deltas.extend(pieces(&text).map(delta));
            if block.get("signature").is_some_and(Value::is_string)
                && let Some(signature) = take(&mut block, "signature", json!(""))
            {
                deltas.push(json!({"type": "signature_delta", "signature": signature}));
            }
        }
        _ if block.get("input").is_some_and(Value::is_object) => {
            let input = take(&mut block, "input", json!({}))?.to_string();
            let delta = |text| json!({"type": "input_json_delta", "partial_json": text});
            deltas.push(delta(""));
            deltas.extend(pieces(&input).filter(|_| input != "{}").map(delta));
        }
        _ => {}
    }
    named(out, &json!({"type": "content_block_start", "index": index, "content_block": block}))?;
    for delta in deltas {
        named(out, &json!({"type": "content_block_delta", "index": index, "delta": delta}))?;
    }
    named(out, &json!({"type": "content_block_stop", "index": index}))
}

pub(super) fn to_whole(record: Record) -> Option<Value> {
    let mut message = None;
    // The block that is open, with what came of its input.
    let mut open: Option<(Map<String, Value>, String)> = None;
    let mut blocks = Vec::new();
    let mut over = false;
    for event in record.events {
        (!over).then_some(())?;
        let mut event = object(event)?;
        let at = event.get("index").and_then(Value::as_u64);
        let here = at == u64::try_from(blocks.len()).ok();
        match event.remove("type")?.as_str()? {
            "ping" => {}
            "message_start" if message.is_none() => {
                message = Some(object(event.remove("message")?)?)
            }
            "content_block_start" if here && open.is_none() => {
                open = Some((object(event.remove("content_block")?)?, String::new()));
            }
            "content_block_delta" if here => {
                let (block, input) = open.as_mut()?;
                extend_block(block, input, object(event.remove("delta")?)?)?;
            }
            "content_block_stop" if here => {
                let (mut block, input) = open.take()?;
                if !input.trim().is_empty() {
                    is_exact(input.as_bytes()).then_some(())?;
                    block.insert("input".into(), serde_json::from_str(&input).ok()?);
                }
                blocks.push(Value::Object(block));
            }
            "message_delta" => {
                let message = message.as_mut()?;
                let usage = event.remove("usage").and_then(object).unwrap_or_default();
                if !usage.is_empty() {
                    let all = message.entry("usage").or_insert_with(|| json!({}));
                    overlay(all.as_object_mut()?, usage);
                }
                overlay(message, event.remove("delta").and_then(object)?);
                overlay(message, event);
            }
            "message_stop" => over = open.is_none(),
            _ => return None,
        }
    }
    let mut message = message.filter(|_| over)?;
    match message.insert("content".into(), blocks.into()) {
        Some(Value::Array(before)) if !before.is_empty() => None,
        _ => Some(Value::Object(message)),
    }
}

fn extend_block(
    block: &mut Map<String, Value>,
    input: &mut String,
    mut delta: Map<String, Value>,
) -> Option<()> {
    let kind = delta.remove("type")?;
    let kind = kind.as_str()?;
    let key = match kind {
        "text_delta" => "text",
        "thinking_delta" => "thinking",
        "signature_delta" => "signature",
        "input_json_delta" => "partial_json",
        "citations_delta" => "citation",
        "compaction_delta" => "content",
        _ => return None,
    };
    let value = delta.remove(key)?;
    // What else comes with it would be lost.
    delta.values().all(Value::is_null).then_some(())?;
    match (kind, value) {
        ("text_delta" | "thinking_delta", Value::String(piece)) => {
            match block.entry(key).or_insert_with(|| json!("")) {
                Value::String(text) => text.push_str(&piece),
                _ => return None,
            }
        }
        ("input_json_delta", Value::String(piece)) => input.push_str(&piece),
        ("citations_delta", citation) => match block.entry("citations").or_insert(Value::Null) {
            Value::Array(citations) => citations.push(citation),
            none @ Value::Null => *none = json!([citation]),
            _ => return None,
        },
        ("signature_delta" | "compaction_delta", value) => {
            block.insert(key.into(), value);
        }
        _ => return None,
    }
    Some(())
}

/// Later values over earlier ones; nothing takes the place of something only if that is not known.
fn overlay(below: &mut Map<String, Value>, above: Map<String, Value>) {
    for (key, value) in above {
        if !value.is_null() || !below.contains_key(&key) {
            below.insert(key, value);
        }
    }
}

/// What a message says last.
const LATE: [&str; 4] = ["stop_reason", "stop_sequence", "stop_details", "container"];
/// The counts that come again when they are final.
const COUNTED: [&str; 6] = [
    "input_tokens",
    "output_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "server_tool_use",
    "iterations",
];
