//! The form of our own placeholders, `<LABEL_N>`.

use std::ops::Range;

/// The placeholder-like text that starts with the `<` at `at`: its range and its label.
///
/// Leading zeros count: a reader of the answer may take `<EMAIL_01>` for `<EMAIL_1>`.
pub(in crate::redact) fn at(text: &str, at: usize) -> Option<(Range<usize>, &str)> {
    let bytes = text.as_bytes();
    let window = &bytes[at + 1..bytes.len().min(at + MAX_LEN)];
    let close = window
        .iter()
        .position(|b| !(b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b'_'))?;
    if window[close] != b'>' {
        return None;
    }
    let inside = &text[at + 1..at + 1 + close];
    let (label, number) = inside.rsplit_once('_')?;
    let digits = number.bytes().all(|b| b.is_ascii_digit());
    let numbered = digits && (1..=MOST_DIGITS).contains(&number.len());
    (numbered && !label.is_empty()).then_some((at..at + close + 2, label))
}

/// No vault gives out more: what has more digits is a number of somebody else's.
pub(in crate::redact) const MOST_DIGITS: usize = 8;
/// `<`, a label of 32 bytes, `_`, digits, `>`.
const MAX_LEN: usize = 96;
