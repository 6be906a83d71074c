//! What each API says of a conversation that it takes, checked to the letter.
//!
//! Written from the providers' pages, not from `pipeline::ipc`: it is the judge of that.

use std::collections::HashMap;

use serde_json::Value;

/// Which API's rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rules {
    /// <https://docs.anthropic.com/en/docs/agents-and-tools/tool-use/implement-tool-use>
    Messages,
    /// <https://platform.openai.com/docs/guides/function-calling>
    Chat,
    /// <https://platform.openai.com/docs/guides/reasoning#keeping-reasoning-items-in-context>
    Responses,
    /// <https://ai.google.dev/gemini-api/docs/function-calling>
    Generate,
}

type Check = Result<(), String>;

/// Whether the API takes the request, and if not, why.
pub fn check(rules: Rules, body: &[u8]) -> Check {
    let body: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    match rules {
        Rules::Messages => messages(&body),
        Rules::Chat => chat(&body),
        Rules::Responses => responses(&body),
        Rules::Generate => generate(&body),
    }
}

fn messages(body: &Value) -> Check {
    let list = list(body, "messages")?;
    let mut waiting: Vec<&str> = Vec::new();
    for (at, message) in list.iter().enumerate() {
        let role = text(message, "role");
        ensure(role == "user" || role == "assistant", at, "unknown role")?;
        ensure(at > 0 || role == "user", at, "the first message must use the user role")?;
        let blocks = blocks(&message["content"], at)?;
        let mut results = Vec::new();
        let mut others = 0;
        for block in blocks {
            match text(block, "type") {
                "text" => ensure(!text(block, "text").is_empty(), at, "empty text block")?,
                "thinking" => {
                    ensure(role == "assistant", at, "thinking of a user")?;
                    let signed = signature(text(block, "thinking"));
                    ensure(text(block, "signature") == signed, at, "thinking was changed")?;
                    ensure(block.get("cache_control").is_none(), at, "marked thinking")?;
                }
                "tool_result" => {
                    ensure(role == "user" && others == 0, at, "tool_result must come first")?;
                    results.push(text(block, "tool_use_id"));
                    continue;
                }
                "tool_use" => ensure(role == "assistant", at, "tool_use of a user")?,
                "image" => ensure(role == "user", at, "image of the model")?,
                _ => return Err(format!("message {at}: unknown block")),
            }
            others += 1;
        }
        if role == "user" && !waiting.is_empty() {
            let mut answered = results.clone();
            (answered.sort_unstable(), waiting.sort_unstable());
            ensure(answered == waiting, at, "tool_use without tool_result right after it")?;
            waiting.clear();
        } else {
            ensure(results.is_empty(), at, "tool_result without tool_use right before it")?;
        }
        if role == "assistant" {
            ensure(waiting.is_empty(), at, "tool_use without tool_result right after it")?;
            let calls = blocks.iter().filter(|block| block["type"] == "tool_use");
            waiting.extend(calls.map(|block| text(block, "id")));
        }
    }
    ensure(waiting.is_empty(), list.len(), "tool_use without tool_result at the end")?;
    let markers = count_key(body, "cache_control");
    ensure(markers <= 4, 0, "more than 4 cache_control")?;
    if body["thinking"]["type"] == "enabled" {
        let last = list.iter().rfind(|message| message["role"] == "assistant");
        let open = list.last().is_some_and(|message| {
            blocks(&message["content"], 0)
                .is_ok_and(|b| b.iter().any(|b| b["type"] == "tool_result"))
        });
        if let Some(last) = last.filter(|_| open) {
            let first = &last["content"][0]["type"];
            ensure(first == "thinking", list.len(), "expected thinking, but found tool_use")?;
        }
    }
    Ok(())
}

fn chat(body: &Value) -> Check {
    let list = list(body, "messages")?;
    let mut waiting: Vec<&str> = Vec::new();
    let mut spoken = false;
    for (at, message) in list.iter().enumerate() {
        let role = text(message, "role");
        if role == "tool" {
            let id = text(message, "tool_call_id");
            let place = waiting.iter().position(|waits| *waits == id);
            let Some(place) = place else {
                return Err(format!("message {at}: tool must follow its tool_calls"));
            };
            waiting.remove(place);
            continue;
        }
        ensure(waiting.is_empty(), at, "tool_calls must be followed by tool messages")?;
        match role {
            "system" | "developer" => {}
            "user" => spoken = true,
            "assistant" => {
                ensure(spoken, at, "the assistant speaks first")?;
                let calls = message["tool_calls"].as_array();
                let calls = calls.into_iter().flatten();
                waiting.extend(calls.map(|call| text(call, "id")));
                let says = message["content"].is_string() || !waiting.is_empty();
                ensure(says, at, "neither content nor tool_calls")?;
            }
            _ => return Err(format!("message {at}: unknown role")),
        }
    }
    ensure(waiting.is_empty(), list.len(), "tool_calls must be followed by tool messages")
}

fn responses(body: &Value) -> Check {
    let list = list(body, "input")?;
    let mut calls: HashMap<&str, bool> = HashMap::new();
    let mut reasons: Vec<&str> = Vec::new();
    for (at, item) in list.iter().enumerate() {
        match text(item, "type") {
            "message" => {
                let part = match text(item, "role") {
                    "assistant" => "output_text",
                    "user" | "developer" => "input_text",
                    _ => return Err(format!("item {at}: unknown role")),
                };
                for block in blocks(&item["content"], at)? {
                    ensure(text(block, "type") == part, at, "unknown part")?;
                }
            }
            "reasoning" => {
                let next = list.get(at + 1).map(|next| (text(next, "type"), text(next, "role")));
                let follows = matches!(next, Some(("function_call", _) | ("message", "assistant")));
                ensure(follows, at, "reasoning without its required following item")?;
                let sealed = text(item, "encrypted_content");
                ensure(sealed == signature(text(item, "id")), at, "reasoning was changed")?;
                reasons.push(text(item, "id"));
            }
            "function_call" => {
                calls.insert(text(item, "call_id"), false);
                // The generator names the reasoning that a call came from.
                if let Some(from) = text(item, "id").strip_prefix("fc_of_") {
                    let from = from.rsplit_once('_').map_or(from, |(from, _)| from);
                    let there = reasons.contains(&from);
                    ensure(there, at, "function_call without its required reasoning item")?;
                }
            }
            "function_call_output" => match calls.get_mut(text(item, "call_id")) {
                Some(answered) => *answered = true,
                None => return Err(format!("item {at}: no tool call found for this output")),
            },
            _ => return Err(format!("item {at}: unknown type")),
        }
    }
    ensure(calls.values().all(|answered| *answered), list.len(), "no tool output for a call")
}

fn generate(body: &Value) -> Check {
    let list = list(body, "contents")?;
    let mut waiting: Vec<&str> = Vec::new();
    let mut before = "";
    // Gemini 3 checks the steps since the user's last text.
    let parts = |content: &'_ Value| content["parts"].as_array().cloned().unwrap_or_default();
    let asked = list.iter().rposition(|content| {
        content["role"] == "user" && parts(content).iter().any(|part| part.get("text").is_some())
    });
    for (at, content) in list.iter().enumerate() {
        let role = text(content, "role");
        ensure(role == "user" || role == "model", at, "please use a valid role: user, model")?;
        ensure(at > 0 || role == "user", at, "the first content must be of role user")?;
        let parts = content["parts"].as_array().filter(|parts| !parts.is_empty());
        let Some(parts) = parts else { return Err(format!("content {at}: no parts")) };
        let named = |key: &str| {
            parts.iter().filter_map(|part| part.get(key)).map(|call| text(call, "name")).collect()
        };
        let calls: Vec<&str> = named("functionCall");
        let answers: Vec<&str> = named("functionResponse");
        ensure(
            answers == waiting,
            at,
            "function response parts must equal the function call parts of the turn before",
        )?;
        if !calls.is_empty() {
            ensure(
                role == "model" && before == "user",
                at,
                "function call turn after a model turn",
            )?;
            let first = parts.iter().find(|part| part.get("functionCall").is_some());
            let signed = first.is_some_and(|part| part.get("thoughtSignature").is_some());
            ensure(asked.is_none_or(|asked| at < asked) || signed, at, "no thought signature")?;
        }
        waiting = calls;
        before = role;
    }
    ensure(waiting.is_empty(), list.len(), "function call without function response")
}

/// What a provider signs: a stand-in that shows any change.
pub fn signature(text: &str) -> String {
    let sum = text.bytes().fold(7_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    format!("sig{sum:016x}")
}

fn list<'b>(body: &'b Value, key: &str) -> Result<&'b Vec<Value>, String> {
    body[key].as_array().filter(|list| !list.is_empty()).ok_or_else(|| format!("{key}: empty"))
}

/// The blocks of a content; none where it is a string, which must say something.
fn blocks(content: &Value, at: usize) -> Result<&[Value], String> {
    match content {
        Value::String(text) if !text.is_empty() => Ok(&[]),
        Value::Array(blocks) if !blocks.is_empty() => Ok(blocks),
        _ => Err(format!("at {at}: empty content")),
    }
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}

fn count_key(value: &Value, key: &str) -> usize {
    match value {
        Value::Object(map) => {
            usize::from(map.contains_key(key))
                + map.values().map(|value| count_key(value, key)).sum::<usize>()
        }
        Value::Array(list) => list.iter().map(|value| count_key(value, key)).sum(),
        _ => 0,
    }
}

fn ensure(holds: bool, at: usize, otherwise: &str) -> Check {
    if holds { Ok(()) } else { Err(format!("at {at}: {otherwise}")) }
}
