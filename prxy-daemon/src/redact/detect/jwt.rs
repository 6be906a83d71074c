//! JSON web tokens (RFC 7519), signed or encrypted.

use std::ops::Range;

use super::{Detector, Trigger, text};
use crate::base64;
use crate::redact::Action;

pub(super) const JWT: Detector = Detector {
    name: "jwt",
    label: "JWT",
    action: Action::Block,
    shape: "three (signed) or five (encrypted) base64url parts joined by dots",
    validator: "the first part decodes to a JSON object with `alg`",
    score: 99,
    trigger: Trigger::Literals(&["eyJ"]),
    find,
    positives: &[
        concat!(
            "t=⟦eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.",
            "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk⟧ x"
        ),
        concat!(
            "Bearer ⟦eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.",
            "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk⟧"
        ),
        concat!("/⟦eyJhbGciOiJub25lIn0.", "eyJzdWIiOiIxIn0.⟧"),
        concat!("?next=%3Ft%3D⟦eyJhbGciOiJub25lIn0.", "eyJzdWIiOiIxIn0.⟧"),
    ],
    look_alikes: &[
        "eyJpZCI6MTIzfQ",
        "eyJpZCI6MTIzfQ.eyJpZCI6MTIzfQ.abc",
        "eyJ.eyJ.x",
        "keyJson.value.name",
        "eyJhbGciOiJIUzI1NiJ9 then words",
    ],
};

fn find(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let start = at.start;
    if !text::word_start(bytes, start) {
        return None;
    }
    // One run may begin a token behind each of its dashes: a short look there keeps this linear.
    let inside = start > 0 && matches!(bytes[start - 1], b'-' | b'_');
    let limit = if inside { MAX_INNER_HEADER } else { MAX_HEADER };
    let header = text::run_end(bytes, start, limit, is_url_base64);
    if bytes.get(header) != Some(&b'.') || !is_header(&bytes[start..header]) {
        return None;
    }
    let payload = part_end(bytes, header + 1);
    if bytes.get(payload) != Some(&b'.') {
        return None;
    }
    let mut end = part_end(bytes, payload + 1);
    for _ in 0..2 {
        let next = end + 1;
        if bytes.get(end) != Some(&b'.') || part_end(bytes, next.min(bytes.len())) <= next {
            break;
        }
        end = part_end(bytes, next);
    }
    Some(start..end)
}

fn part_end(bytes: &[u8], start: usize) -> usize {
    text::run_end(bytes, start, usize::MAX, is_url_base64)
}

fn is_url_base64(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')
}

fn is_header(part: &[u8]) -> bool {
    #[derive(serde::Deserialize)]
    struct Header {
        #[serde(rename = "alg")]
        _alg: serde::de::IgnoredAny,
    }
    // Without padding.
    base64::decode(part, base64::URL_SAFE)
        .is_some_and(|(json, _)| serde_json::from_slice::<Header>(&json).is_ok())
}

/// Headers carry an algorithm and names of keys; certificates make them long, not endless.
const MAX_HEADER: usize = 16 * 1024;
const MAX_INNER_HEADER: usize = 160;
