//! Chat completions and the completions before them:
//! <https://platform.openai.com/docs/api-reference/chat>,
//! <https://platform.openai.com/docs/api-reference/chat-streaming/streaming>.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::super::Surface;
use super::read::Record;
use super::{Finish, Usage, UsageChunk, count, data, object, pieces};

pub(super) fn finish(record: &Record) -> Option<Finish> {
    (!record.streamed || record.done).then_some(())?;
    // The reason of each choice, by its index.
    let mut reasons: BTreeMap<u64, Option<&str>> = BTreeMap::new();
    for choice in record.values().filter_map(|value| value["choices"].as_array()).flatten() {
        for said in [&choice["message"], &choice["delta"]] {
            said["refusal"].as_str().unwrap_or_default().is_empty().then_some(())?;
        }
        let reason = reasons.entry(count(choice, "index")).or_default();
        *reason = choice["finish_reason"].as_str().or(*reason);
    }
    (!reasons.is_empty()).then_some(())?;
    let mut finish = Finish::Said;
    for reason in reasons.values() {
        match (*reason)? {
            "stop" => {}
            "tool_calls" | "function_call" => finish = Finish::Called,
            _ => return None,
        }
    }
    Some(finish)
}

/// `prompt_tokens` holds what the cache gave. The last chunk of a stream has the usage, if it was
/// asked for; Groq puts it into `x_groq`.
pub(super) fn usage(record: &Record) -> Option<Usage> {
    let mut usages = record.values().flat_map(|value| [&value["x_groq"]["usage"], &value["usage"]]);
    let usage = usages.rfind(|usage| usage.is_object())?;
    let prompt = count(usage, "prompt_tokens");
    let details = &usage["prompt_tokens_details"];
    let cached = count(details, "cached_tokens").max(count(usage, "prompt_cache_hit_tokens"));
    let cached = cached.min(prompt);
    let written = count(details, "cache_write_tokens").min(prompt - cached);
    Some(Usage {
        input: prompt - cached - written,
        // Some compatible servers leave reasoning out of the one and not of the other.
        output: count(usage, "completion_tokens")
            .max(count(usage, "total_tokens").saturating_sub(prompt)),
        cache_read: cached,
        cache_write: written,
        cache_write_hour: 0,
    })
}

pub(super) fn text(record: &Record) -> String {
    let mut text = String::new();
    let choices = record.values().filter_map(|value| value["choices"].as_array()).flatten();
    for choice in choices.filter(|choice| count(choice, "index") == 0) {
        for said in [&choice["message"]["content"], &choice["delta"]["content"], &choice["text"]] {
            text.push_str(said.as_str().unwrap_or_default());
            for part in said.as_array().into_iter().flatten() {
                text.push_str(part["text"].as_str().unwrap_or_default());
            }
        }
    }
    text
}

/// A stream that is to have its usage and has none to give is no stream.
pub(super) fn to_stream(surface: Surface, whole: Value, usage: UsageChunk) -> Option<Vec<u8>> {
    let mut whole = object(whole)?;
    let choices = array(whole.remove("choices")?)?;
    let total = whole.remove("usage").filter(|usage| !usage.is_null());
    if surface == Surface::Chat {
        whole.insert("object".into(), json!("chat.completion.chunk"));
    }
    if usage == UsageChunk::Give {
        total.as_ref()?;
        whole.insert("usage".into(), Value::Null);
    }
    let every = |(key, _): &(&String, &Value)| EVERY.contains(&key.as_str());
    let mut chunk: Map<String, Value> =
        whole.iter().filter(every).map(|(key, value)| (key.clone(), value.clone())).collect();
    let mut out = Vec::new();
    let mut first = Some(whole);
    for choice in choices {
        let choice = object(choice)?;
        let choices = if surface == Surface::Chat { deltas(choice)? } else { texts(choice)? };
        for choice in choices {
            let mut now = first.take().unwrap_or_else(|| chunk.clone());
            now.insert("choices".into(), json!([choice]));
            data(&mut out, &now.into(), "\n\n")?;
        }
    }
    first.is_none().then_some(())?;
    if usage == UsageChunk::Give {
        chunk.insert("choices".into(), json!([]));
        chunk.insert("usage".into(), total?);
        data(&mut out, &chunk.into(), "\n\n")?;
    }
    out.extend_from_slice(b"data: [DONE]\n\n");
    Some(out)
}

/// What a choice looks like in each of its chunks: its role, its text, its calls, its end.
fn deltas(mut choice: Map<String, Value>) -> Option<Vec<Value>> {
    let mut message = object(choice.remove("message")?)?;
    // Sound comes in pieces that are not to be cut anywhere.
    message.get("audio").is_none_or(Value::is_null).then_some(())?;
    let reason = choice.insert("finish_reason".into(), Value::Null)?;
    let logprobs = choice.get_mut("logprobs").map(Value::take).filter(|some| !some.is_null());
    let mut steps = Vec::new();
    for key in ["reasoning_content", "reasoning", "content", "refusal"] {
        let Some(Value::String(text)) = message.get_mut(key) else { continue };
        // The chance of every token comes with the text of all.
        let pieces = match logprobs.is_some() && !text.is_empty() {
            true => vec![text.as_str()],
            false => pieces(text).collect(),
        };
        steps.extend(pieces.into_iter().map(|piece| json!({ key: piece })));
        text.clear();
    }
    let given = |call: &mut Map<String, Value>| {
        GIVEN.iter().find_map(|(kind, key)| {
            let field = call.get_mut(*kind)?.get_mut(*key)?;
            let text = field.as_str()?.to_owned();
            *field = json!("");
            Some((*kind, *key, text))
        })
    };
    if let Some(Value::Array(calls)) = message.get_mut("tool_calls")
        && !calls.is_empty()
    {
        for (index, call) in std::mem::take(calls).into_iter().enumerate() {
            let mut call = object(call)?;
            call.insert("index".into(), json!(index));
            let given = given(&mut call);
            steps.push(json!({"tool_calls": [call]}));
            if let Some((kind, key, text)) = given {
                let piece = |text| json!({"tool_calls": [{"index": index, kind: {key: text}}]});
                steps.extend(pieces(&text).map(piece));
            }
        }
        message.remove("tool_calls");
    }
    if let Some(Value::String(arguments)) =
        message.get_mut("function_call").and_then(|call| call.get_mut("arguments"))
    {
        steps.extend(pieces(arguments).map(|text| json!({"function_call": {"arguments": text}})));
        arguments.clear();
    }
    steps.insert(0, message.into());
    steps.push(json!({}));
    let (last, with_logprobs) = (steps.len() - 1, if steps.len() > 2 { 1 } else { 0 });
    let step = |(at, delta)| {
        let mut now = choice.clone();
        now.insert("delta".into(), delta);
        if at == last {
            now.insert("finish_reason".into(), reason.clone());
        }
        if at == with_logprobs
            && let Some(logprobs) = &logprobs
        {
            now.insert("logprobs".into(), logprobs.clone());
        }
        now.into()
    };
    Some(steps.into_iter().enumerate().map(step).collect())
}

/// The same for a completion without messages.
fn texts(mut choice: Map<String, Value>) -> Option<Vec<Value>> {
    let Some(Value::String(text)) = choice.insert("text".into(), json!("")) else { return None };
    if choice.get("logprobs").is_some_and(|logprobs| !logprobs.is_null()) {
        choice.insert("text".into(), text.into());
        return Some(vec![choice.into()]);
    }
    let last: Value = choice.clone().into();
    choice.insert("finish_reason".into(), Value::Null)?;
    let piece = |text: &str| {
        let mut now = choice.clone();
        now.insert("text".into(), json!(text));
        now.into()
    };
    Some(pieces(&text).map(piece).chain([last]).collect())
}

pub(super) fn to_whole(record: Record) -> Option<Value> {
    record.done.then_some(())?;
    let mut whole = Map::new();
    let mut choices: BTreeMap<u64, Map<String, Value>> = BTreeMap::new();
    for chunk in record.events {
        let mut chunk = object(chunk)?;
        for choice in chunk.remove("choices").map_or(Some(Vec::new()), array)? {
            let mut choice = object(choice)?;
            if let Some(delta) = choice.remove("delta") {
                choice.insert("message".into(), delta);
            }
            let index = choice.get("index").and_then(Value::as_u64).unwrap_or(0);
            let all = choices.entry(index).or_default();
            for (key, value) in choice {
                match key.as_str() {
                    "message" | "text" | "logprobs" => grow(all, key, value)?,
                    // The last word counts.
                    _ => say_again(all, key, value),
                }
            }
        }
        // A filler that hides how long a piece is.
        chunk.remove("obfuscation");
        for (key, value) in chunk {
            say_again(&mut whole, key, value);
        }
    }
    (!choices.is_empty()).then_some(())?;
    if whole.get("usage").is_some_and(Value::is_null) {
        whole.remove("usage");
    }
    if whole.get("object").is_some_and(|object| object == "chat.completion.chunk") {
        whole.insert("object".into(), json!("chat.completion"));
    }
    let mut list = Vec::new();
    for (_, mut choice) in choices {
        choice.get("finish_reason")?.as_str()?;
        if let Some(message) = choice.get_mut("message").and_then(Value::as_object_mut) {
            message.entry("content").or_insert(Value::Null);
            message.entry("role").or_insert_with(|| json!("assistant"));
            message.get("audio").is_none_or(Value::is_null).then_some(())?;
            for call in
                message.get_mut("tool_calls").and_then(Value::as_array_mut).into_iter().flatten()
            {
                call.as_object_mut()?.remove("index");
            }
        }
        list.push(choice.into());
    }
    whole.insert("choices".into(), Value::Array(list));
    Some(whole.into())
}

/// Adds a piece to what came before it; `None` where it is not known how.
fn grow(all: &mut Map<String, Value>, key: String, piece: Value) -> Option<()> {
    let Some(before) = all.get_mut(&key).filter(|before| !before.is_null()) else {
        // The calls of one chunk may still be of one call.
        return match piece {
            Value::Object(members) => {
                let mut object = Map::new();
                members.into_iter().try_for_each(|(key, value)| grow(&mut object, key, value))?;
                all.insert(key, object.into());
                Some(())
            }
            Value::Array(items) if is_counted(&items) => {
                all.insert(key.clone(), json!([]));
                items.into_iter().try_for_each(|item| grow_counted(all.get_mut(&key)?, item))
            }
            piece => {
                all.insert(key, piece);
                Some(())
            }
        };
    };
    match (before, piece) {
        (_, Value::Null) => {}
        // Some servers give every piece the id and the name, or empty ones.
        (_, Value::String(piece)) if piece.is_empty() => {}
        (Value::String(before), Value::String(piece)) if GROWS.contains(&key.as_str()) => {
            before.push_str(&piece);
        }
        (Value::Object(before), Value::Object(piece)) => {
            piece.into_iter().try_for_each(|(key, value)| grow(before, key, value))?;
        }
        (before @ Value::Array(_), Value::Array(items)) if is_counted(&items) => {
            items.into_iter().try_for_each(|item| grow_counted(before, item))?;
        }
        (Value::Array(before), Value::Array(items)) if LISTS.contains(&key.as_str()) => {
            before.extend(items);
        }
        (before, piece) => (*before == piece).then_some(())?,
    }
    Some(())
}

/// Whether these are calls, whose place is told by an index.
fn is_counted(items: &[Value]) -> bool {
    !items.is_empty() && items.iter().all(|item| item["index"].is_u64())
}

fn grow_counted(all: &mut Value, item: Value) -> Option<()> {
    let all = all.as_array_mut()?;
    let known = all.iter_mut().find(|known| known["index"] == item["index"]);
    if let Some(known) = known {
        let known = known.as_object_mut()?;
        return object(item)?.into_iter().try_for_each(|(key, value)| grow(known, key, value));
    }
    all.push(item);
    all.sort_by_key(|item| count(item, "index"));
    Some(())
}

/// Lets `value` take the place of what was said before, unless it says nothing.
fn say_again(all: &mut Map<String, Value>, key: String, value: Value) {
    let nothing = value.is_null() || value == "";
    if !nothing || !all.contains_key(&key) {
        all.insert(key, value);
    }
}

fn array(value: Value) -> Option<Vec<Value>> {
    if let Value::Array(items) = value { Some(items) } else { None }
}

/// What every chunk says; everything else is said by the first.
const EVERY: [&str; 7] =
    ["id", "object", "created", "model", "service_tier", "system_fingerprint", "usage"];
/// Where a call has what the tool is given.
const GIVEN: [(&str, &str); 2] = [("function", "arguments"), ("custom", "input")];
/// Strings that come in pieces.
const GROWS: [&str; 7] =
    ["content", "refusal", "reasoning", "reasoning_content", "text", "arguments", "input"];
/// Lists that come in pieces: the chances of tokens.
const LISTS: [&str; 6] =
    ["content", "refusal", "tokens", "token_logprobs", "top_logprobs", "text_offset"];
