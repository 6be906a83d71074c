//! What a recorded answer of a provider says, and the same answer in the other form.
//!
//! A stream and a whole document say the same in two ways; what is asked here is asked of either.
//! A conversion gives the event shapes of the real API and loses nothing that the answer holds;
//! where that is not possible there is none. It is for caches and for modules that count and learn.
//!
//! Not for restoring originals: that is `redact::rehydrate`, and happens after.

mod chat;
mod generate;
mod messages;
mod read;
mod responses;

#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

use self::read::Record;
use super::Surface;
use crate::redact::rehydrate::Form;

/// How a complete answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// The model had said everything.
    Said,
    /// It waits for what a tool of the client gives.
    Called,
}

/// The tokens that a provider reported, each counted once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// What was read anew: neither from a cache nor into one.
    pub input: u64,
    /// What was written, reasoning included.
    pub output: u64,
    /// What the provider read from its prompt cache.
    pub cache_read: u64,
    /// What it wrote into its prompt cache.
    pub cache_write: u64,
    /// How much of `cache_write` is kept for an hour, which costs more.
    pub cache_write_hour: u64,
}

impl Usage {
    /// All tokens, read or written.
    pub fn total(&self) -> u64 {
        [self.input, self.output, self.cache_read, self.cache_write]
            .into_iter()
            .fold(0, u64::saturating_add)
    }
}

/// Whether a stream of chat chunks ends with one that holds the usage: `stream_options` asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsageChunk {
    /// It does.
    Give,
    /// Clients that did not ask for it may not know it.
    Omit,
}

/// How an answer ended that is complete and natural: not cut short, refused, filtered or broken.
pub fn finish(surface: Surface, form: Form, body: &[u8]) -> Option<Finish> {
    let record = read::record(surface, form, body)?;
    if record.failed || record.broken {
        return None;
    }
    match surface {
        Surface::Messages => messages::finish(&record),
        Surface::Chat | Surface::Completions => chat::finish(&record),
        Surface::Responses => responses::finish(&record),
        Surface::Generate => generate::finish(&record),
        _ => None,
    }
}

/// The usage that the provider reported, also in an answer that broke off later.
pub fn usage(surface: Surface, form: Form, body: &[u8]) -> Option<Usage> {
    let record = read::record(surface, form, body)?;
    match surface {
        Surface::Messages => messages::usage(&record),
        Surface::Chat | Surface::Completions | Surface::Inputs => chat::usage(&record),
        Surface::Responses => responses::usage(&record),
        Surface::Generate => generate::usage(&record),
        _ => None,
    }
}

/// What the assistant said, without thinking and calls; of the first choice where there are many.
pub fn text(surface: Surface, form: Form, body: &[u8]) -> Option<String> {
    let record = read::record(surface, form, body)?;
    let text = match surface {
        Surface::Messages => messages::text(&record),
        Surface::Chat | Surface::Completions => chat::text(&record),
        Surface::Responses => responses::text(&record),
        Surface::Generate => generate::text(&record),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

/// How many bytes the model wrote, thinking and calls included: for an estimate without usage.
pub fn written(surface: Surface, form: Form, body: &[u8]) -> u64 {
    let Some(record) = read::record(surface, form, body) else { return 0 };
    let of = |keys: &[&str]| record.values().map(|value| read::strings_below(value, keys)).sum();
    match (surface, record.streamed) {
        (Surface::Messages, false) => of(&["content"]),
        (Surface::Messages, true) => of(&["delta", "content_block"]),
        (Surface::Chat | Surface::Completions, _) => of(&["delta", "message", "text"]),
        (Surface::Responses, false) => of(&["output"]),
        (Surface::Responses, true) => of(&["delta"]),
        (Surface::Generate, _) => of(&["parts"]),
        _ => 0,
    }
}

/// A whole answer as the stream that the provider would have sent, as server-sent events.
///
/// What Google streamed as an array becomes events too.
pub fn to_stream(surface: Surface, body: &[u8], usage: UsageChunk) -> Option<Vec<u8>> {
    let record = faithful(surface, Form::Whole, body)?;
    if record.streamed {
        return (surface == Surface::Generate).then(|| generate::events(record.events))?;
    }
    let whole = record.whole()?;
    match surface {
        Surface::Messages => messages::to_stream(whole),
        Surface::Chat | Surface::Completions => chat::to_stream(surface, whole, usage),
        Surface::Responses => responses::to_stream(&whole),
        Surface::Generate => generate::events(vec![whole]),
        _ => None,
    }
}

/// The answer of a stream as the document that the provider would have sent whole.
///
/// The stream must be complete. It may be one of Google's arrays, too.
pub fn to_whole(surface: Surface, body: &[u8]) -> Option<Vec<u8>> {
    let array = surface == Surface::Generate && body.trim_ascii_start().starts_with(b"[");
    let form = if array { Form::Whole } else { Form::Stream };
    let record = faithful(surface, form, body)?;
    let whole = match surface {
        Surface::Messages => messages::to_whole(record),
        Surface::Chat | Surface::Completions => chat::to_whole(record),
        Surface::Responses => responses::to_whole(&record),
        Surface::Generate => generate::to_whole(record),
        _ => None,
    }?;
    serde_json::to_vec(&whole).ok()
}

/// An answer of Google's, whole or as events, as the array that it streams unless asked for events.
pub fn to_array(surface: Surface, form: Form, body: &[u8]) -> Option<Vec<u8>> {
    let record = (surface == Surface::Generate).then(|| faithful(surface, form, body))??;
    (!record.events.is_empty()).then(|| serde_json::to_vec(&record.events).ok())?
}

/// What can be converted: nothing of it is unreadable, an error, or changed by reading it.
fn faithful(surface: Surface, form: Form, body: &[u8]) -> Option<Record> {
    let record = read::record(surface, form, body)?;
    (!record.failed && !record.broken && record.exact).then_some(record)
}

/// The tokens at `key`; absent ones are none.
fn count(object: &Value, key: &str) -> u64 {
    object[key].as_u64().unwrap_or(0)
}

/// `value` as an object.
fn object(value: Value) -> Option<Map<String, Value>> {
    if let Value::Object(map) = value { Some(map) } else { None }
}

/// A server-sent event without a name.
fn data(out: &mut Vec<u8>, value: &Value, end: &str) -> Option<()> {
    let start = out.len();
    out.extend_from_slice(b"data: ");
    // Some clients take these for the ends of lines.
    let data = value.to_string().replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029");
    out.extend_from_slice(data.as_bytes());
    out.extend_from_slice(end.as_bytes());
    (out.len() - start <= crate::sse::MAX_EVENT_BYTES).then_some(())
}

/// A server-sent event that is named by its `type`.
fn named(out: &mut Vec<u8>, value: &Value) -> Option<()> {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(value["type"].as_str()?.as_bytes());
    out.push(b'\n');
    data(out, value, "\n\n")
}

/// `text` in pieces of a size that streams have.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (piece, later) = rest.split_at(rest.floor_char_boundary(PIECE_BYTES));
        rest = later;
        (!piece.is_empty()).then_some(piece)
    })
}

/// Every deal with an event has its price, and clients show text as it comes.
const PIECE_BYTES: usize = 1024;
