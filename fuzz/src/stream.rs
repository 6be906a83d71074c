//! Answers: the events of a stream, and what is restored in them.

use std::sync::Arc;

use prxy::json::escape;
use prxy::provider::Surface;
use prxy::redact::rehydrate::{self, Stream};
use prxy::redact::{Label, Number, Vault, VaultError};
use prxy::sse::{Event, Splitter};

use crate::redact::SURFACES;

/// Cut at once and in small pieces, the events say the same and no byte is lost.
pub(crate) fn events(data: &[u8]) {
    let Some((size, data)) = crate::choice(data, 17) else { return };
    let cut = |size: usize| {
        let (mut splitter, mut raw) = (Splitter::new(), Vec::new());
        for chunk in data.chunks(size) {
            raw.extend(splitter.push(chunk).flatten().map(|event| event.raw().to_vec()));
        }
        let rest = splitter.finish();
        assert_eq!([raw.concat(), rest.clone()].concat(), data, "in pieces of {size}");
        // A line feed behind a carriage return that ended a chunk is an event that says nothing.
        let said = |raw: &Vec<u8>| Event::new(raw).payload().map(|data| data.bytes.into_owned());
        let said: Vec<_> = raw.iter().filter_map(said).collect();
        (said, raw, rest)
    };
    let whole = cut(data.len().max(1));
    let pieces = cut(size + 1);
    assert_eq!((&pieces.0, &pieces.2), (&whole.0, &whole.2));
    for raw in whole.1.iter().chain([&whole.2]) {
        let event = Event::new(raw);
        let Some(payload) = event.payload() else { continue };
        let mut written = Vec::new();
        event.write_with(&payload, &payload.bytes, &mut written);
        let again = Event::new(&written);
        let same = again.payload().map(|payload| payload.bytes.into_owned());
        assert_eq!(same.as_deref(), Some(&*payload.bytes));
        assert_eq!(again.name(), event.name());
    }
}

/// A few values of every awkward kind.
struct Fixed;

impl Vault for Fixed {
    fn number(&self, _: &Label, _: &str) -> Result<Number, VaultError> {
        Err(VaultError("fixed".to_owned()))
    }

    fn original(&self, label: &str, number: Number) -> Option<Arc<str>> {
        let all = VALUES.iter().filter(|(known, _)| *known == label);
        let number =
            usize::try_from(number.value).ok().filter(|_| number.spelling == 1)?.checked_sub(1)?;
        all.map(|(_, value)| Arc::from(*value)).nth(number)
    }

    fn may_begin(&self, prefix: &str) -> bool {
        ["EMAIL_1>", "EMAIL_2>", "API_KEY_1>", "LITERAL_1>"]
            .iter()
            .any(|all| all.starts_with(prefix))
    }
}

const VALUES: &[(&str, &str)] = &[
    ("EMAIL", "ada@example.org"),
    ("EMAIL", "\u{4e16}\u{1f600}@x.y"),
    ("API_KEY", "line\nbreak \"quoted\" back\\slash"),
    ("LITERAL", "<EMAIL_1>"),
];

/// Nobody knows anything.
struct Empty;

impl Vault for Empty {
    fn number(&self, _: &Label, _: &str) -> Result<Number, VaultError> {
        Err(VaultError("empty".to_owned()))
    }

    fn original(&self, _: &str, _: Number) -> Option<Arc<str>> {
        None
    }

    fn may_begin(&self, _: &str) -> bool {
        false
    }
}

fn feed(surface: Surface, vault: Arc<dyn Vault>, lines: bool, data: &[u8], size: usize) -> Vec<u8> {
    let mut stream = Stream::new(surface, vault);
    if lines {
        stream = stream.of_documents();
    }
    let mut out = Vec::new();
    data.chunks(size).for_each(|chunk| stream.push(chunk, &mut out));
    stream.finish(&mut out);
    out
}

pub(crate) fn restored(data: &[u8]) {
    let Some((surface, data)) = crate::choice(data, SURFACES.len()) else { return };
    let Some((size, data)) = crate::choice(data, 23) else { return };
    let (surface, lines) = (SURFACES[surface], size % 2 == 1);
    let whole = feed(surface, Arc::new(Fixed), lines, data, data.len().max(1));
    let pieces = feed(surface, Arc::new(Fixed), lines, data, size + 1);
    assert_eq!(String::from_utf8_lossy(&whole), String::from_utf8_lossy(&pieces));
    let same = feed(surface, Arc::new(Empty), lines, data, size + 1);
    assert_eq!(String::from_utf8_lossy(&same), String::from_utf8_lossy(data));
    if let Some(body) = rehydrate::whole(surface, data, &Fixed, &Default::default()) {
        assert!(serde_json::from_slice::<serde::de::IgnoredAny>(&body).is_ok());
    }
}

/// The text is cut at every zero byte; what a client reads is what one piece would have said.
pub(crate) fn cut(data: &[u8]) {
    let Some((kind, data)) = crate::choice(data, 2) else { return };
    let text = String::from_utf8_lossy(data);
    let pieces: Vec<&str> = text.split('\0').collect();
    let (name, field) = [("text_delta", "text"), ("input_json_delta", "partial_json")][kind];
    let answer = |pieces: &[&str]| {
        let events: String = pieces
            .iter()
            .map(|piece| {
                let piece = escape(piece);
                format!(
                    "data: {{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{{\"type\":\"{name}\",\"{field}\":\"{piece}\"}}}}\n\n"
                )
            })
            .collect();
        let out = feed(Surface::Messages, Arc::new(Fixed), false, events.as_bytes(), 1 << 20);
        let out = String::from_utf8_lossy(&out).into_owned();
        let mut read = String::new();
        for data in out.lines().filter_map(|line| line.strip_prefix("data: ")) {
            match serde_json::from_str::<serde_json::Value>(data) {
                Ok(event) => read += event["delta"][field].as_str().unwrap_or("?"),
                Err(error) => panic!("{error}: {data}"),
            }
        }
        read
    };
    assert_eq!(answer(&pieces), answer(&[&pieces.concat()]));
}
