//! Server-sent events as bytes: cut a stream into events, replace the data of one.
//!
//! Sans-I/O, after <https://html.spec.whatwg.org/multipage/server-sent-events.html>. An event keeps
//! its own bytes (line ends, comments, unknown fields), so one that is not changed can pass as it came.
//!
//! Not for what the data mean: that is `provider` and `redact`.

mod event;
mod splitter;

#[cfg(test)]
mod tests;

pub use event::{Event, Payload};
pub use splitter::{Events, MAX_EVENT_BYTES, Splitter, TooLarge};
