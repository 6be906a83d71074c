//! Google's answers: <https://ai.google.dev/api/generate-content>.
//!
//! Each chunk of a stream has the shape of a whole answer; there is no sign of its end but the
//! reason why the candidates finished.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::read::Record;
use super::{Finish, Usage, count, data, object};

pub(super) fn finish(record: &Record) -> Option<Finish> {
    let mut reasons: BTreeMap<u64, Option<&str>> = BTreeMap::new();
    let mut finish = Finish::Said;
    for chunk in record.values() {
        chunk["promptFeedback"]["blockReason"].is_null().then_some(())?;
        for candidate in chunk["candidates"].as_array().into_iter().flatten() {
            let reason = reasons.entry(count(candidate, "index")).or_default();
            *reason = candidate["finishReason"].as_str().or(*reason);
            let mut parts = candidate["content"]["parts"].as_array().into_iter().flatten();
            if parts.any(|part| part["functionCall"].is_object()) {
                finish = Finish::Called;
            }
        }
    }
    let stopped = !reasons.is_empty() && reasons.values().all(|reason| *reason == Some("STOP"));
    stopped.then_some(finish)
}

/// The counts of a stream grow with every chunk. `promptTokenCount` holds what the cache gave;
/// thoughts are not among the candidates'.
pub(super) fn usage(record: &Record) -> Option<Usage> {
    let mut all = Map::new();
    for usage in record.values().filter_map(|chunk| chunk["usageMetadata"].as_object()) {
        all.extend(usage.clone());
    }
    (!all.is_empty()).then_some(())?;
    let all = Value::Object(all);
    let prompt = count(&all, "promptTokenCount");
    let cached = count(&all, "cachedContentTokenCount").min(prompt);
    let of_tools = count(&all, "toolUsePromptTokenCount");
    let written =
        count(&all, "candidatesTokenCount").saturating_add(count(&all, "thoughtsTokenCount"));
    let rest = count(&all, "totalTokenCount").saturating_sub(prompt.saturating_add(of_tools));
    Some(Usage {
        input: (prompt - cached).saturating_add(of_tools),
        output: written.max(rest),
        cache_read: cached,
        ..Usage::default()
    })
}

pub(super) fn text(record: &Record) -> String {
    let mut text = String::new();
    let candidates = record.values().filter_map(|chunk| chunk["candidates"].as_array()).flatten();
    for candidate in candidates.filter(|candidate| count(candidate, "index") == 0) {
        let parts = candidate["content"]["parts"].as_array().into_iter().flatten();
        for part in parts.filter(|part| part["thought"] != true) {
            text.push_str(part["text"].as_str().unwrap_or_default());
        }
    }
    text
}

/// Chunks as events. An answer in one chunk is what Google sends where it is short.
pub(super) fn events(chunks: Vec<Value>) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    chunks.iter().try_for_each(|chunk| data(&mut out, chunk, "\r\n\r\n"))?;
    Some(out)
}

pub(super) fn to_whole(record: Record) -> Option<Value> {
    finish(&record)?;
    let mut whole = Map::new();
    let mut candidates: BTreeMap<u64, Map<String, Value>> = BTreeMap::new();
    for chunk in record.events {
        let mut chunk = object(chunk)?;
        if let Some(list) = chunk.remove("candidates") {
            let Value::Array(list) = list else { return None };
            for candidate in list {
                let candidate = object(candidate)?;
                let index = candidate.get("index").and_then(Value::as_u64).unwrap_or(0);
                let all = candidates.entry(index).or_default();
                for (key, value) in candidate {
                    match key.as_str() {
                        "content" => add_content(all, value)?,
                        // The last word counts.
                        "finishReason" | "finishMessage" | "safetyRatings" | "tokenCount"
                        | "avgLogprobs" => {
                            all.insert(key, value);
                        }
                        _ => once(all, key, value)?,
                    }
                }
            }
        }
        for (key, value) in chunk {
            match (key.as_str(), whole.get_mut(&key), value) {
                ("usageMetadata", Some(Value::Object(all)), Value::Object(usage)) => {
                    all.extend(usage);
                }
                (_, _, value) => once(&mut whole, key, value)?,
            }
        }
    }
    let list: Vec<Value> = candidates.into_values().map(Value::Object).collect();
    whole.insert("candidates".into(), json!(list));
    Some(whole.into())
}

/// Adds the parts of a chunk; a text goes on where the chunk before it has stopped.
fn add_content(all: &mut Map<String, Value>, content: Value) -> Option<()> {
    let mut content = object(content)?;
    let parts = content.remove("parts");
    let whole = all.entry("content").or_insert_with(|| json!({})).as_object_mut()?;
    content.into_iter().try_for_each(|(key, value)| once(whole, key, value))?;
    let Some(Value::Array(parts)) = parts else { return parts.is_none().then_some(()) };
    let all = whole.entry("parts").or_insert_with(|| json!([])).as_array_mut()?;
    let mut parts = parts.into_iter().peekable();
    if let (Some(last), Some(next)) = (all.last_mut(), parts.peek())
        && is_text(last)
        && is_text(next)
        && last["thought"] == next["thought"]
        && let (Value::String(text), Some(more)) = (&mut last["text"], next["text"].as_str())
    {
        text.push_str(more);
        parts.next();
    }
    all.extend(parts);
    Some(())
}

/// Whether a part is text and nothing beside: what is signed stays as it is.
fn is_text(part: &Value) -> bool {
    let known = |key: &String| key == "text" || key == "thought";
    part["text"].is_string() && part.as_object().is_some_and(|part| part.keys().all(known))
}

/// Says what was not said before, or the same; `None` for anything else.
fn once(all: &mut Map<String, Value>, key: String, value: Value) -> Option<()> {
    match all.get(&key) {
        Some(before) if *before == value => Some(()),
        Some(_) => None,
        None => {
            all.insert(key, value);
            Some(())
        }
    }
}
