//! Runs of digits: which are worth a closer look, and how groups of them hang together.

use std::ops::Range;

/// Groups of digits that single separators join, as far as a recogniser needs them.
pub(super) struct Groups {
    runs: [(usize, usize); MAX_GROUPS],
    separators: [Separator; MAX_GROUPS],
    count: usize,
}

/// What joins two groups of digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Separator {
    Space,
    Dash,
    Dot,
    Slash,
    Paren,
}

/// Whether any digit detector can succeed on the maximal run `run`. Most runs of ordinary text cannot.
pub(in crate::redact) fn worth_a_look(bytes: &[u8], run: &Range<usize>) -> bool {
    if run.len() >= 9 {
        return true;
    }
    let joined = match bytes.get(run.end) {
        Some(b' ' | b'-' | b'.' | b'/' | b')' | b'(' | 0xC2 | 0xE2) => {
            let ahead = &bytes[run.end + 1..bytes.len().min(run.end + 4)];
            ahead.iter().any(u8::is_ascii_digit)
        }
        _ => false,
    };
    let before = run.start.checked_sub(1).map(|i| bytes[i]);
    match before {
        Some(b'+' | b'(') => true,
        Some(b) if b.is_ascii_alphabetic() => {
            run.len() >= 2 && (joined && run.len() >= 3 || run.start >= 2)
                || joined && super::text::escape_before(bytes, run.start)
        }
        // A digit alone begins `1-800-…`, `0 30 …` and `8.8.8.8` only.
        _ if run.len() == 1 => {
            joined && (matches!(bytes[run.start], b'0' | b'1') || bytes[run.end] == b'.')
        }
        _ => joined,
    }
}

impl Groups {
    /// Reads up to `limit` groups from the run that starts at `start`, until a separator fails.
    pub(super) fn read(bytes: &[u8], start: usize, limit: usize) -> Self {
        let mut groups = Self {
            runs: [(start, start); MAX_GROUPS],
            separators: [Separator::Space; MAX_GROUPS],
            count: 0,
        };
        let mut at = start;
        while groups.count < limit.min(MAX_GROUPS) {
            let end = digits_end(bytes, at);
            if end == at {
                break;
            }
            groups.runs[groups.count] = (at, end);
            groups.count += 1;
            let Some((separator, next)) = separator(bytes, end) else { break };
            groups.separators[groups.count - 1] = separator;
            at = next;
        }
        groups
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn len(&self, i: usize) -> usize {
        self.runs[i].1 - self.runs[i].0
    }

    pub(super) fn end(&self, i: usize) -> usize {
        self.runs[i].1
    }

    /// The digits of group `i`.
    pub(super) fn digits<'a>(&self, bytes: &'a [u8], i: usize) -> &'a [u8] {
        &bytes[self.runs[i].0..self.runs[i].1]
    }

    /// The separator between groups `i` and `i + 1`.
    pub(super) fn separator(&self, i: usize) -> Separator {
        self.separators[i]
    }

    /// The lengths of the first groups.
    pub(super) fn shape(&self) -> [usize; MAX_GROUPS] {
        let mut shape = [0; MAX_GROUPS];
        for (i, len) in shape.iter_mut().enumerate().take(self.count) {
            *len = self.len(i);
        }
        shape
    }
}

/// The end of the run of digits at `at`; longer than any recogniser's value is still one run.
pub(super) fn digits_end(bytes: &[u8], at: usize) -> usize {
    at + bytes[at..].iter().position(|b| !b.is_ascii_digit()).unwrap_or(bytes.len() - at)
}

/// Whether digits before `i` continue into it over a `-` or `.`.
pub(super) fn continues_left(bytes: &[u8], i: usize) -> bool {
    i >= 2 && matches!(bytes[i - 1], b'-' | b'.') && bytes[i - 2].is_ascii_digit()
}

/// Whether digits go on after `i` over a `-` or `.`.
pub(super) fn continues_right(bytes: &[u8], i: usize) -> bool {
    matches!(bytes.get(i), Some(b'-' | b'.')) && bytes.get(i + 1).is_some_and(u8::is_ascii_digit)
}

/// Whether a group of digits stands on either side, a space away: a row of a table.
pub(super) fn in_a_row(bytes: &[u8], range: &Range<usize>) -> bool {
    let left = range.start >= 2
        && bytes[range.start - 1] == b' '
        && bytes[range.start - 2].is_ascii_digit();
    let right = bytes.get(range.end) == Some(&b' ')
        && bytes.get(range.end + 1).is_some_and(u8::is_ascii_digit);
    left || right
}

/// The separator at `at` and where the next digit stands after it.
fn separator(bytes: &[u8], at: usize) -> Option<(Separator, usize)> {
    let mut i = at;
    let mut kind = None;
    if bytes.get(i) == Some(&b')') {
        kind = Some(Separator::Paren);
        i += 1;
    }
    let spaced = space(bytes, i);
    i += spaced;
    let (mark, len) = mark(bytes, i);
    i += len;
    // `415 - 555` is a number; `415. 555` is the end of a sentence, `415- 555` a list.
    if spaced > 0 && len > 0 {
        i += space(bytes, i);
    }
    if bytes.get(i) == Some(&b'(') {
        kind = Some(Separator::Paren);
        i += 1;
    }
    let kind = kind.or(mark).or((spaced > 0).then_some(Separator::Space))?;
    bytes.get(i)?.is_ascii_digit().then_some((kind, i))
}

/// The length of one space at `i`, plain or no-break.
fn space(bytes: &[u8], i: usize) -> usize {
    match bytes.get(i..) {
        Some([b' ', ..]) => 1,
        Some([0xC2, 0xA0, ..]) => 2,
        Some([0xE2, 0x80, 0xAF, ..]) => 3,
        _ => 0,
    }
}

/// A dash (plain or typographic), dot or slash at `i`, and its length.
fn mark(bytes: &[u8], i: usize) -> (Option<Separator>, usize) {
    match bytes.get(i..) {
        Some([b'-', ..]) => (Some(Separator::Dash), 1),
        Some([b'.', ..]) => (Some(Separator::Dot), 1),
        Some([b'/', ..]) => (Some(Separator::Slash), 1),
        Some([0xE2, 0x80, 0x90..=0x93, ..]) => (Some(Separator::Dash), 3),
        _ => (None, 0),
    }
}

/// Enough for a card in pairs of digits.
pub(super) const MAX_GROUPS: usize = 10;
