//! Reads an answer as the official clients do: events to text and tool arguments.
//!
//! Strict where clients are strict: a stream without its proper end is an error.

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::provider::Format;

/// What a client makes of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// The text, all deltas joined.
    pub text: String,
    /// The arguments of the tool call, as JSON text.
    pub arguments: String,
}

/// Reads a whole (not streamed) answer.
pub fn whole(format: Format, body: &[u8]) -> Result<Reading> {
    let answer: Value = serde_json::from_slice(body)
        .with_context(|| format!("not JSON: {}", String::from_utf8_lossy(body)))?;
    let mut reading = Reading::default();
    match format {
        Format::Anthropic => {
            for block in answer["content"].as_array().context("no content")? {
                match block["type"].as_str() {
                    Some("text") => push(&mut reading.text, &block["text"]),
                    Some("tool_use") => reading.arguments.push_str(&block["input"].to_string()),
                    other => bail!("unknown block {other:?}"),
                }
            }
        }
        Format::OpenAi => {
            let message = &answer["choices"][0]["message"];
            push(&mut reading.text, &message["content"]);
            push(&mut reading.arguments, &message["tool_calls"][0]["function"]["arguments"]);
        }
    }
    Ok(reading)
}

/// Reads a stream of events.
pub fn stream(format: Format, body: &[u8]) -> Result<Reading> {
    let mut reading = Reading::default();
    let mut ended = false;
    for (name, data) in events(body)? {
        if ended {
            bail!("an event after the end: {data}");
        }
        if format == Format::OpenAi && data == "[DONE]" {
            ended = true;
            continue;
        }
        let value: Value = serde_json::from_str(&data).with_context(|| format!("bad: {data}"))?;
        match format {
            Format::Anthropic => {
                if value["type"].as_str() != name.as_deref() {
                    bail!("event {name:?} holds {}", value["type"]);
                }
                let delta = &value["delta"];
                push(&mut reading.text, &delta["text"]);
                push(&mut reading.arguments, &delta["partial_json"]);
                ended = value["type"] == "message_stop";
            }
            Format::OpenAi => {
                let delta = &value["choices"][0]["delta"];
                push(&mut reading.text, &delta["content"]);
                push(&mut reading.arguments, &delta["tool_calls"][0]["function"]["arguments"]);
            }
        }
    }
    if !ended {
        bail!("the stream ended early: {}", String::from_utf8_lossy(body));
    }
    Ok(reading)
}

/// Splits a stream into (event name, data), as the HTML standard says.
pub fn events(body: &[u8]) -> Result<Vec<(Option<String>, String)>> {
    let text = std::str::from_utf8(body).context("the stream is not UTF-8")?;
    let mut events = Vec::new();
    let (mut name, mut data) = (None, Vec::new());
    for line in text.split('\n') {
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.is_empty() {
            if !data.is_empty() {
                events.push((name.take(), std::mem::take(&mut data).join("\n")));
            }
            name = None;
        } else if let Some(value) = line.strip_prefix("data:") {
            data.push(value.strip_prefix(' ').unwrap_or(value).to_owned());
        } else if let Some(value) = line.strip_prefix("event:") {
            name = Some(value.strip_prefix(' ').unwrap_or(value).to_owned());
        } else if !line.starts_with(':') && !line.starts_with("id:") {
            bail!("not a line of a stream: {line:?}");
        }
    }
    if !data.is_empty() {
        bail!("an event without its empty line: {data:?}");
    }
    Ok(events)
}

fn push(text: &mut String, value: &Value) {
    text.push_str(value.as_str().unwrap_or_default());
}
