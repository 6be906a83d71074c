use serde_json::{Value, json};

use super::*;

mod streams;
mod wholes;

/// What is asked of an answer: its end, its usage and its text.
type Said = (Option<Finish>, Option<Usage>, Option<String>);

fn said(surface: Surface, form: Form, body: &[u8]) -> Said {
    (finish(surface, form, body), usage(surface, form, body), text(surface, form, body))
}

fn used(input: u64, output: u64, cache_read: u64, cache_write: u64) -> Option<Usage> {
    Some(Usage { input, output, cache_read, cache_write, cache_write_hour: 0 })
}

fn parsed(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap()
}

/// The data of a stream, and the names of its events.
fn events(stream: &[u8]) -> Vec<(String, Value)> {
    let stream = std::str::from_utf8(stream).unwrap();
    let event = |event: &str| {
        let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
        let data = field("data: ").unwrap();
        let data = serde_json::from_str(data).unwrap_or_else(|_| json!(data));
        (field("event: ").unwrap_or_default().to_owned(), data)
    };
    stream.replace("\r\n", "\n").split_terminator("\n\n").map(event).collect()
}
