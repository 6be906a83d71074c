//! Rewriting parts of a document; everything else stays byte for byte.

use std::fmt;
use std::ops::Range;

/// Replacements for ranges of one document.
#[derive(Clone, Default)]
pub struct Edits {
    /// The range of the document, and the range of `bytes` that replaces it.
    list: Vec<(Range<usize>, Range<usize>)>,
    bytes: Vec<u8>,
}

impl Edits {
    /// No edits.
    pub fn new() -> Self {
        Self::default()
    }

    /// Replaces `range` of the document by `bytes`.
    pub fn replace(&mut self, range: Range<usize>, bytes: &[u8]) {
        self.replace_with(range, |out| out.extend_from_slice(bytes));
    }

    /// Replaces `range` of the document by what `write` appends.
    pub fn replace_with(&mut self, range: Range<usize>, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        write(&mut self.bytes);
        self.list.push((range, start..self.bytes.len()));
    }

    /// Replaces `range`, which lies between the quotes of a string, by `text`, escaped.
    pub fn replace_text(&mut self, range: Range<usize>, text: &str) {
        self.replace_with(range, |out| escape_into(out, text));
    }

    /// Whether the document stays as it is.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many ranges change.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// The document with its edits, in one pass; the order in which they were given is free.
    ///
    /// Where ranges overlap, all that they cover goes and every replacement is written: a mistake
    /// in a caller must not let a masked value through.
    pub fn apply(&self, source: &[u8]) -> Vec<u8> {
        let mut order: Vec<&(Range<usize>, Range<usize>)> = self.list.iter().collect();
        if !order.is_sorted_by_key(|(range, _)| range.start) {
            order.sort_by_key(|(range, _)| range.start);
        }
        let mut out = Vec::with_capacity(source.len() + self.bytes.len());
        let mut at = 0;
        for (range, replacement) in order {
            let start = range.start.min(source.len());
            if start > at {
                out.extend_from_slice(&source[at..start]);
            }
            out.extend_from_slice(&self.bytes[replacement.clone()]);
            at = at.max(range.end.min(source.len())).max(start);
        }
        out.extend_from_slice(&source[at..]);
        out
    }
}

/// Shows the number of edits only: the replacements may be personal data.
impl fmt::Debug for Edits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Edits").field("len", &self.list.len()).finish_non_exhaustive()
    }
}

/// Appends `text` as it must stand between the quotes of a JSON string.
///
/// U+2028 and U+2029 are escaped too: some clients split lines at them.
pub fn escape_into(out: &mut Vec<u8>, text: &str) {
    escape_pieces(text, |piece| out.extend_from_slice(piece.as_bytes()));
}

/// `text` as it must stand between the quotes of a JSON string, see [`escape_into`].
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    escape_pieces(text, |piece| out.push_str(piece));
    out
}

fn escape_pieces(text: &str, mut push: impl FnMut(&str)) {
    let bytes = text.as_bytes();
    let mut copied = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        let (escape, len) = match byte {
            b'"' => ("\\\"", 1),
            b'\\' => ("\\\\", 1),
            control @ 0..0x20 => (CONTROLS[usize::from(control)], 1),
            0xe2 if bytes[at..].starts_with("\u{2028}".as_bytes()) => ("\\u2028", 3),
            0xe2 if bytes[at..].starts_with("\u{2029}".as_bytes()) => ("\\u2029", 3),
            _ => continue,
        };
        push(&text[copied..at]);
        push(escape);
        copied = at + len;
    }
    push(&text[copied..]);
}

const CONTROLS: [&str; 32] = [
    "\\u0000", "\\u0001", "\\u0002", "\\u0003", "\\u0004", "\\u0005", "\\u0006", "\\u0007", "\\b",
    "\\t", "\\n", "\\u000b", "\\f", "\\r", "\\u000e", "\\u000f", "\\u0010", "\\u0011", "\\u0012",
    "\\u0013", "\\u0014", "\\u0015", "\\u0016", "\\u0017", "\\u0018", "\\u0019", "\\u001a",
    "\\u001b", "\\u001c", "\\u001d", "\\u001e", "\\u001f",
];
