//! Reads a body of either form into the documents that it holds.

use std::convert::Infallible;

use serde_json::Value;

use super::super::Surface;
use crate::json::{Documents, NumberToken, Path, Visitor, walk};
use crate::redact::rehydrate::Form;
use crate::sse::{Event, Splitter};

/// The documents of an answer.
#[derive(Default)]
pub(super) struct Record {
    /// One, or those of all events in order.
    pub(super) events: Vec<Value>,
    /// Whether it is a stream.
    pub(super) streamed: bool,
    /// Whether the stream said that it is over: `[DONE]`, or the bracket that closes an array.
    pub(super) done: bool,
    /// Whether an error stands in it.
    pub(super) failed: bool,
    /// Whether a part of it cannot be read.
    pub(super) broken: bool,
    /// Whether a tree holds all of it: no number is too long.
    pub(super) exact: bool,
}

impl Record {
    /// The documents, whichever form it has.
    pub(super) fn values(&self) -> impl DoubleEndedIterator<Item = &Value> {
        self.events.iter()
    }

    /// The only document of an answer that is not a stream.
    pub(super) fn whole(self) -> Option<Value> {
        (!self.streamed).then(|| self.events.into_iter().next())?
    }

    fn read(&mut self, data: &[u8]) {
        match serde_json::from_slice::<Value>(data) {
            Ok(value) => {
                self.failed |= !value["error"].is_null() || value["type"] == "error";
                self.exact &= is_exact(data);
                self.events.push(value);
            }
            Err(_) => self.broken = true,
        }
    }

    fn event(&mut self, event: Event<'_>) {
        self.failed |= event.name() == Some(b"error");
        let Some(payload) = event.payload() else { return };
        match payload.bytes.trim_ascii() {
            b"[DONE]" => self.done = true,
            b"" => {}
            data => {
                // Nothing comes after the end.
                self.broken |= self.done;
                self.read(data);
            }
        }
    }
}

/// Reads `body`; `None` where nothing can be read.
pub(super) fn record(surface: Surface, form: Form, body: &[u8]) -> Option<Record> {
    let array = surface == Surface::Generate && body.trim_ascii_start().starts_with(b"[");
    let mut record = Record { exact: true, ..Record::default() };
    match form {
        Form::Stream => {
            record.streamed = true;
            let mut splitter = Splitter::new();
            for event in splitter.push(body) {
                match event {
                    Ok(event) => record.event(event),
                    Err(_too_large) => record.broken = true,
                }
            }
            // Without its blank line an event is none.
            let rest = splitter.finish();
            record.broken |= !rest.trim_ascii().is_empty() && rest.trim_ascii() != b"data: [DONE]";
        }
        Form::Whole if array => {
            record.streamed = true;
            let mut documents = Documents::default();
            documents.push(body);
            loop {
                match documents.cut() {
                    Ok(Some(document)) => record.read(document.bytes),
                    Ok(None) => break,
                    Err(_too_large) => {
                        record.broken = true;
                        break;
                    }
                }
            }
            record.done = documents.finish().trim_ascii() == b"]";
            record.broken |= !record.done;
        }
        Form::Whole => {
            record.read(body);
        }
        Form::Other => return None,
    }
    (!record.events.is_empty()).then_some(record)
}

/// The bytes of all strings that stand anywhere below one of `keys`.
pub(super) fn strings_below(value: &Value, keys: &[&str]) -> u64 {
    match value {
        Value::Array(items) => items.iter().map(|item| strings_below(item, keys)).sum(),
        Value::Object(members) => members
            .iter()
            .map(|(key, value)| match keys.contains(&key.as_str()) {
                true => strings(value),
                false => strings_below(value, keys),
            })
            .sum(),
        _ => 0,
    }
}

fn strings(value: &Value) -> u64 {
    match value {
        Value::String(text) => text.len() as u64,
        Value::Array(items) => items.iter().map(strings).sum(),
        Value::Object(members) => {
            members.iter().map(|(key, value)| key.len() as u64 + strings(value)).sum()
        }
        _ => 0,
    }
}

/// Whether a tree holds every number of `document`: an integer of more than 64 bits would be rounded.
pub(super) fn is_exact(document: &[u8]) -> bool {
    struct Numbers(bool);
    impl<'a> Visitor<'a> for Numbers {
        type Error = Infallible;

        fn number(&mut self, _: &Path<'a>, token: NumberToken<'a>) -> Result<(), Infallible> {
            let raw = token.raw();
            self.0 &= raw.contains(['.', 'e', 'E'])
                || raw.parse::<u64>().is_ok()
                || raw.parse::<i64>().is_ok();
            Ok(())
        }
    }
    let mut numbers = Numbers(true);
    walk(document, &mut numbers).is_ok() && numbers.0
}
