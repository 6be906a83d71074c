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

/// What kind of run a recogniser of digits wants to see, as a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::redact) struct Runs(pub u32);

impl Runs {
    /// After a `+`.
    pub(super) const SIGNED: Self = Self(1 << SIGNED);
    /// In a word of letters and digits, as long as an identity number.
    pub(super) const WORD: Self = Self(1 << WORD);
    /// Two letters and digits, as an account number begins.
    pub(super) const HEAD: Self = Self(1 << HEAD);
    /// Pairs or fours of hexadecimal digits that dashes or dots join.
    pub(super) const HEX: Self = Self(1 << HEX);
    /// A long word that begins like an address of a cryptocurrency.
    pub(super) const CHAIN: Self = Self(1 << CHAIN);
    /// A year.
    pub(super) const YEAR: Self = Self(1 << YEAR);

    /// Runs of digits alone, of `from` to `to` digits.
    pub(super) const fn of(from: u32, to: u32) -> Self {
        Self((!0 >> (31 - to)) & (!0 << from))
    }

    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(in crate::redact) fn has(self, class: usize) -> bool {
        self.0 >> class & 1 != 0
    }
}

/// What the scanner does about a run of digits.
#[derive(Clone, Copy, Debug)]
pub(in crate::redact) struct Look {
    /// Its kind, where a recogniser may succeed. Most runs of ordinary text have none.
    pub class: Option<usize>,
    /// Where to go on.
    pub next: usize,
}

/// What the maximal run `run` is worth.
pub(in crate::redact) fn look(bytes: &[u8], run: &Range<usize>) -> Look {
    let before = run.start.checked_sub(1).map_or(b' ', |i| bytes[i]);
    let after = bytes.get(run.end).copied().unwrap_or(b' ');
    if let Some(end) = uuid_end(bytes, run.start) {
        return Look { class: None, next: end };
    }
    let letters = before.is_ascii_alphabetic() || after.is_ascii_alphabetic();
    if letters && !(before.is_ascii_alphabetic() && super::text::escape_before(bytes, run.start)) {
        return look_at_word(bytes, run);
    }
    let len = run.len();
    let none = Look { class: None, next: run.end };
    let some = |class| Look { class: Some(class), next: run.end };
    if before == b'+' {
        return some(SIGNED);
    }
    if len >= 9 {
        return if len <= MOST_DIGITS { some(len.min(LONG)) } else { none };
    }
    if before == b'(' {
        return some(len);
    }
    if let Some(end) = instant_end(bytes, run) {
        return Look { class: Some(YEAR), next: end };
    }
    let digit = |ahead: usize| bytes.get(run.end + ahead).is_some_and(u8::is_ascii_digit);
    let joined = match after {
        b'-' | b'.' | b'/' | b')' | b'(' | 0xC2 | 0xE2 => digit(1) || digit(2) || digit(3),
        b' ' => digit(1) || digit(2) || digit(3),
        _ => false,
    };
    // Inside a row of numbers nothing short begins.
    if len <= 3
        && before == b' '
        && after == b' '
        && run.start > 1
        && bytes[run.start - 2].is_ascii_digit()
    {
        return none;
    }
    match len {
        // A digit alone begins `1-800-…`, `0 30 …`, `1 85 05 …` and `8.8.8.8` only, and dates.
        1 => match after {
            b'.' | b'/' | b'-' if digit(1) => some(1),
            b' ' | b'.' | b'-' | 0xC2 | 0xE2 if joined => {
                let two = digit(1) && digit(2) || digit(2) && digit(3);
                if matches!(bytes[run.start], b'0'..=b'4' | b'7' | b'8') && two {
                    some(1)
                } else {
                    none
                }
            }
            _ => none,
        },
        2 if hex_pairs(bytes, run.start) => some(HEX),
        4 if !joined => {
            let century = matches!(&bytes[run.start..run.start + 2], b"18" | b"19" | b"20");
            if century { some(YEAR) } else { none }
        }
        7 | 8 if !joined => {
            let lone = matches!(after, b'-' | b' ')
                && bytes.get(run.end + 1).is_some_and(|b| b.is_ascii_uppercase())
                && !bytes.get(run.end + 2).is_some_and(u8::is_ascii_alphanumeric);
            let date = len == 8 && matches!(&bytes[run.start..run.start + 2], b"19" | b"20");
            if lone || date { some(len) } else { none }
        }
        _ if joined => some(len),
        _ => none,
    }
}

/// Where the UUID ends whose first digit is at `at`.
fn uuid_end(bytes: &[u8], at: usize) -> Option<usize> {
    let first = &bytes[at.saturating_sub(8)..at];
    let start = at - first.iter().rev().take_while(|b| b.is_ascii_hexdigit()).count();
    if bytes.get(start + 8) != Some(&b'-') {
        return None;
    }
    let fits = super::sample::is_uuid(bytes.get(start..start + 36)?);
    let part = |i: usize| bytes.get(i).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'-');
    (fits && !part(start.wrapping_sub(1)) && !part(start + 36)).then_some(start + 36)
}

/// Where a date such as `2024-11-21` ends, together with a time of day behind it, if `run` is its year.
fn instant_end(bytes: &[u8], run: &Range<usize>) -> Option<usize> {
    let digit = |i: usize| bytes.get(i).is_some_and(u8::is_ascii_digit);
    let two = |i: usize| digit(i) && digit(i + 1);
    let is = |i: usize, byte: u8| bytes.get(i) == Some(&byte);
    let (month, day) = (run.end + 1, run.end + 4);
    let dated = run.len() == 4
        && is(run.end, b'-')
        && is(run.end + 3, b'-')
        && matches!(&bytes[run.start..run.start + 2], b"19" | b"20")
        && two(month)
        && two(day)
        && bytes[month] <= b'1'
        && bytes[day] <= b'3'
        && !digit(day + 2)
        && !(is(day + 2, b'-') || is(day + 2, b'.') || is(day + 2, b'/'));
    if !dated {
        return None;
    }
    let date = day + 2;
    let clock = date + 1;
    if !(is(date, b'T') || is(date, b' ')) || !two(clock) || !is(clock + 2, b':') || !two(clock + 3)
    {
        return Some(date);
    }
    let mut end = clock + 5;
    if is(end, b':') && two(end + 1) {
        end += 3;
    }
    if is(end, b'.') {
        end = digits_end(bytes, end + 1);
    }
    Some(if is(end, b':') || digit(end) { date } else { end })
}

/// What a word of letters and digits is worth; nothing in it is looked at twice.
fn look_at_word(bytes: &[u8], run: &Range<usize>) -> Look {
    let alphanumeric = |b: &u8| b.is_ascii_alphanumeric();
    let from = run.start.saturating_sub(MOST_WORD);
    let mut start =
        run.start - bytes[from..run.start].iter().rev().take_while(|b| alphanumeric(b)).count();
    if start > 0 && matches!(bytes[start - 1], b'\\' | b'%' | b'[' | b';') {
        start = super::text::word_begin(bytes, run.start);
    }
    let end = run.end
        + bytes[run.end..].iter().position(|b| !alphanumeric(b)).unwrap_or(bytes.len() - run.end);
    let none = Look { class: None, next: end };
    let some = |class| Look { class: Some(class), next: end };
    let word = &bytes[start..end];
    match word.len() {
        0..=6 => {
            let head = word[..2].iter().all(u8::is_ascii_alphabetic)
                && word[2..].iter().all(u8::is_ascii_digit);
            // `1EG4-TE5-MK73`
            let coded = word.len() == 4
                && bytes.get(end) == Some(&b'-')
                && bytes.get(end + 4) == Some(&b'-');
            if coded && !hex_fours(bytes, start) {
                return some(WORD);
            }
            let hex = word.len() == 2 && hex_pairs(bytes, start)
                || word.len() == 4 && hex_fours(bytes, start);
            // What stands behind may still be digits of its own, as in `A4-5E`.
            match (hex, head && word.len() >= 4) {
                (true, _) => some(HEX),
                (_, true) => some(HEAD),
                // A short word may hold a run of its own: `x2024`.
                _ => Look { class: None, next: run.end },
            }
        }
        7..=MOST_WORD => {
            let lower = word.iter().any(u8::is_ascii_lowercase);
            let upper = word.iter().any(u8::is_ascii_uppercase);
            match (lower, upper) {
                (true, true) if word.len() >= 25 => some(CHAIN),
                (true, true) => none,
                (true, false) if word.len() < 9 => none,
                _ => some(WORD),
            }
        }
        _ if start == run.start && word.len() <= 110 => some(CHAIN),
        _ => none,
    }
}

/// Whether the single digit at `at`, with a letter behind it, begins an address of a cryptocurrency.
pub(in crate::redact) fn begins_chain(bytes: &[u8], at: usize) -> bool {
    let start = match bytes[at] {
        b'0' if matches!(bytes.get(at + 1), Some(b'x')) => at,
        b'1' if at >= 2 && matches!(bytes[at - 1], b'c' | b'r') => at - 2,
        b'1' | b'3' | b'4' => at,
        _ => return false,
    };
    let far = bytes.get(at + 24).is_some_and(u8::is_ascii_alphanumeric);
    far && (start < at || at == 0 || !bytes[at - 1].is_ascii_alphanumeric())
}

/// Whether pairs of hexadecimal digits with dashes between them begin at `at`.
fn hex_pairs(bytes: &[u8], at: usize) -> bool {
    bytes.get(at + 2) == Some(&b'-')
        && bytes.get(at + 5) == Some(&b'-')
        && bytes.get(at + 8) == Some(&b'-')
}

/// Whether fours of hexadecimal digits with dots between them begin at `at`.
fn hex_fours(bytes: &[u8], at: usize) -> bool {
    bytes.get(at + 4) == Some(&b'.') && bytes.get(at + 9) == Some(&b'.')
}

impl Groups {
    /// Reads up to `limit` groups from the run that starts at `start`, until a separator fails.
    pub(super) fn read(bytes: &[u8], start: usize, limit: usize) -> Self {
        Self::read_spaced(bytes, start, limit, 1)
    }

    /// The same with up to `spaces` spaces on either side of a separator.
    pub(super) fn read_spaced(bytes: &[u8], start: usize, limit: usize, spaces: usize) -> Self {
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
            let Some((separator, next)) = separator(bytes, end, spaces) else { break };
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
fn separator(bytes: &[u8], at: usize, spaces: usize) -> Option<(Separator, usize)> {
    let mut i = at;
    let mut kind = None;
    if bytes.get(i) == Some(&b')') {
        kind = Some(Separator::Paren);
        i += 1;
    }
    let spaced = blanks(bytes, i, spaces);
    i += spaced;
    let (mark, len) = mark(bytes, i);
    i += len;
    // `415 - 555` and `089/ 555` are numbers; `415. 555` is the end of a sentence, `415- 555` a list.
    if len > 0 && (spaced > 0 || mark == Some(Separator::Slash)) {
        i += blanks(bytes, i, spaces);
    }
    if bytes.get(i) == Some(&b'(') {
        kind = Some(Separator::Paren);
        i += 1;
    }
    let kind = kind.or(mark).or((spaced > 0).then_some(Separator::Space))?;
    bytes.get(i)?.is_ascii_digit().then_some((kind, i))
}

/// The length of up to `most` spaces at `i`.
fn blanks(bytes: &[u8], i: usize, most: usize) -> usize {
    (0..most).fold(0, |len, _| len + space(bytes, i + len))
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

/// Runs of more digits than a detector counts by length.
const LONG: usize = 20;
/// No number has more.
const MOST_DIGITS: usize = 30;
/// No identity number written as one word is longer; IBANs of 33 characters exist.
const MOST_WORD: usize = 34;
const SIGNED: usize = 21;
const WORD: usize = 22;
const HEAD: usize = 23;
const HEX: usize = 24;
/// The class of [`Runs::CHAIN`].
pub(in crate::redact) const CHAIN: usize = 25;
const YEAR: usize = 26;
/// One more than the highest class.
pub(in crate::redact) const CLASSES: usize = 27;
