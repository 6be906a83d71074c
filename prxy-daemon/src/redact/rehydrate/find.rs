//! Finds placeholders in decoded text, in the forms in which models return them, and beginnings of
//! placeholders at its end.
//!
//! `<EMAIL_1>`, `<email_1>`, `< EMAIL_1 >`, `&lt;EMAIL_1&gt;`, `\u003cEMAIL_1\u003e`, full-width brackets,
//! `<EMAIL\_1>`, `<EMAIL_1's>`, and `EMAIL_1` where it stands as a word; the same of `EMAIL_1_2`.
//! What is found here is also what masking takes for text that looks like a placeholder, so nothing
//! that a user typed is ever restored.

use std::ops::Range;
use std::sync::Arc;

use memchr::memmem;

use super::super::Vault;
use super::super::placeholder::{MAX_NAME, split};
use crate::provider::answer::Spelling;

/// What stands somewhere in a text.
#[derive(Debug)]
pub(crate) enum Found {
    /// A placeholder of this vault.
    Placeholder {
        /// Where it stands in the text.
        range: Range<usize>,
        /// What it stands for.
        original: Arc<str>,
    },
    /// From this offset to its end, the text is a beginning of a placeholder.
    Open(usize),
}

/// What comes before a text, or after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Edge {
    /// Nothing that makes one word with it.
    #[default]
    Free,
    /// A letter or the like.
    Word,
    /// A digit, with which `>` makes one too.
    Digit,
    /// `$`, with which `{` does.
    Dollar,
    /// Not known yet.
    Unknown,
}

/// A text that is searched.
#[derive(Clone, Copy)]
pub(crate) struct Text<'t> {
    pub(crate) text: &'t str,
    pub(crate) spelling: Spelling,
    /// What stands before it.
    pub(crate) before: Edge,
    /// What comes behind it: [`Edge::Unknown`] if more of it is to come.
    pub(crate) behind: Edge,
}

impl<'t> Text<'t> {
    /// A text that is complete.
    pub(crate) fn whole(text: &'t str, spelling: Spelling) -> Self {
        Self { text, spelling, before: Edge::Free, behind: Edge::Free }
    }

    /// The next placeholder or open end at or after `from`, which is no place inside an escape.
    pub(crate) fn next(&self, from: usize, vault: &dyn Vault) -> Option<Found> {
        let bytes = self.text.as_bytes();
        let mut at = from;
        loop {
            at += bytes[at..].iter().position(|byte| STARTS[usize::from(*byte)])?;
            let end = match bytes[at] {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' => {
                    let end = at + bytes[at..].iter().take_while(|b| is_letter(**b)).count();
                    match self.bare(at, end, vault) {
                        Match::None => end,
                        found => return found.into_found(at),
                    }
                }
                _ => match self.bracketed(at, vault) {
                    Match::None => self.behind_unit(at),
                    found => return found.into_found(at),
                },
            };
            at = end;
        }
    }

    /// What stands before the text that follows `self.text[..end]`.
    pub(crate) fn edge(&self, end: usize) -> Edge {
        match &self.text.as_bytes()[..end] {
            [] => self.before,
            [.., b'$'] => Edge::Dollar,
            [.., b'$', b'{'] => Edge::Word,
            [b'{'] if matches!(self.before, Edge::Dollar | Edge::Unknown) => Edge::Word,
            // Beside a placeholder, what is masked may have made one word with it.
            [.., b'0'..=b'9', b'>'] => Edge::Word,
            [b'>'] if matches!(self.before, Edge::Digit | Edge::Unknown) => Edge::Word,
            [.., b'0'..=b'9'] => Edge::Digit,
            [.., last] if joins_before(*last) && !self.is_short_escape(end) => Edge::Word,
            _ => Edge::Free,
        }
    }

    /// A placeholder that stands without brackets from `at` to `end`.
    fn bare(&self, at: usize, end: usize, vault: &dyn Vault) -> Match {
        let bytes = self.text.as_bytes();
        let word = &self.text[at..end];
        let behind = self.behind(end);
        if !word.starts_with(|c: char| c.is_ascii_uppercase()) || word.len() > MAX_NAME {
            return Match::None;
        }
        if self.edge(at) != Edge::Free {
            return Match::None;
        }
        match (split(word), behind) {
            (Some((label, number)), Edge::Free) => vault
                .original(label, number)
                .map_or(Match::None, |original| Match::Whole(end, original)),
            (_, Edge::Unknown) if end == bytes.len() && vault.may_begin(word) => Match::Open,
            (Some(_), Edge::Unknown) if vault.may_begin(word) => Match::Open,
            _ => Match::None,
        }
    }

    /// Whether what follows makes one word with a placeholder that ends at `end`.
    fn behind(&self, end: usize) -> Edge {
        match &self.text.as_bytes()[end..] {
            [] => self.behind,
            // An escape may end a line, or be what holds `_` in Markdown.
            [b'\\', b'_', ..] => Edge::Word,
            [b'(' | b'=' | b'@' | b'%' | b'$', ..] => Edge::Word,
            [b'.' | b'-' | b'\\'] if self.behind == Edge::Unknown => Edge::Unknown,
            [b'.' | b'-', next, ..] if next.is_ascii_alphanumeric() => Edge::Word,
            [b'.' | b'-', b'<', next, ..] | [b'<', next, ..] if next.is_ascii_uppercase() => {
                Edge::Word
            }
            [b'<'] | [b'.' | b'-', b'<'] if self.behind == Edge::Unknown => Edge::Unknown,
            _ => Edge::Free,
        }
    }

    /// A placeholder with an opening bracket at `at`, in whichever spelling.
    fn bracketed(&self, at: usize, vault: &dyn Vault) -> Match {
        let mut at = match self.bracket(at, Bracket::Open) {
            Unit::Here(behind) => behind,
            Unit::Cut => return self.open(vault, ""),
            Unit::Other => return Match::None,
        };
        let mut name = [0_u8; MAX_NAME];
        let mut len = 0;
        // Comparisons have spaces, and names in lower case: both together are code.
        let spaced = self.text.as_bytes().get(at) == Some(&b' ');
        at += usize::from(spaced);
        loop {
            let read = std::str::from_utf8(&name[..len]).unwrap_or_default();
            match self.symbol(at) {
                Symbol::Name(byte, _) if spaced && byte.is_ascii_lowercase() => return Match::None,
                Symbol::Name(byte, behind) if len < MAX_NAME && fits(byte, len) => {
                    name[len] = byte.to_ascii_uppercase();
                    len += 1;
                    at = behind;
                }
                Symbol::Cut => return self.open(vault, read),
                _ => break,
            }
        }
        let read = std::str::from_utf8(&name[..len]).unwrap_or_default();
        at += usize::from(spaced && self.text.as_bytes().get(at) == Some(&b' '));
        self.closed(at, read, vault)
    }

    /// The rest of a placeholder: `>`, or `'s>`, or `s>`, which has been read as a part of the name.
    fn closed(&self, at: usize, read: &str, vault: &dyn Vault) -> Match {
        let name = singular(read);
        let mut suffix = if name.len() < read.len() { "s" } else { "" };
        let Some((label, number)) = split(name) else { return Match::None };
        let mut end = at;
        if suffix.is_empty() {
            let rest = &self.text[at..];
            let said = OWNERS.iter().find(|owner| rest.starts_with(**owner));
            if let Some(owner) = said {
                (suffix, end) = (*owner, at + owner.len());
            } else if OWNERS.iter().any(|owner| owner.starts_with(rest)) {
                return self.open(vault, name);
            }
        }
        match self.bracket(end, Bracket::Close) {
            Unit::Here(behind) => vault.original(label, number).map_or(Match::None, |original| {
                let text =
                    if suffix.is_empty() { original } else { format!("{original}{suffix}").into() };
                Match::Whole(behind, text)
            }),
            Unit::Cut => self.open(vault, name),
            Unit::Other => Match::None,
        }
    }

    fn open(&self, vault: &dyn Vault, read: &str) -> Match {
        let open = self.behind == Edge::Unknown && vault.may_begin(singular(read));
        if open { Match::Open } else { Match::None }
    }

    /// Whether a bracket stands at `at`, in any of its spellings.
    fn bracket(&self, at: usize, bracket: Bracket) -> Unit {
        let rest = &self.text.as_bytes()[at..];
        if rest.is_empty() {
            return Unit::Cut;
        }
        let mut cut = false;
        for spelled in bracket.spellings() {
            let known = spelled.len().min(rest.len());
            if rest[..known].eq_ignore_ascii_case(&spelled.as_bytes()[..known]) {
                if known == spelled.len() {
                    return Unit::Here(at + known);
                }
                cut = true;
            }
        }
        if cut { Unit::Cut } else { Unit::Other }
    }

    /// A character of a name, as itself or as an escape.
    fn symbol(&self, at: usize) -> Symbol {
        match (&self.text.as_bytes()[at..], self.spelling) {
            ([], _) => Symbol::Cut,
            ([b'\\', b'_', ..], Spelling::Plain) => Symbol::Name(b'_', at + 2),
            ([b'\\', b'\\', b'_', ..], Spelling::Json) => Symbol::Name(b'_', at + 3),
            ([b'\\'], _) | ([b'\\', b'\\'], Spelling::Json) => Symbol::Cut,
            ([b'\\', b'u', digits @ ..], Spelling::Json) => {
                let digits = &digits[..digits.len().min(4)];
                let hex = std::str::from_utf8(digits).ok().filter(|_| digits.len() == 4);
                match hex.map(|hex| u8::from_str_radix(hex, 16)) {
                    Some(Ok(byte)) => Symbol::Name(byte, at + 6),
                    None if digits.iter().all(u8::is_ascii_hexdigit) => Symbol::Cut,
                    _ => Symbol::Other,
                }
            }
            ([byte, ..], _) => Symbol::Name(*byte, at + 1),
        }
    }

    /// Where to read on behind what is no bracket: an escape of JSON is one character.
    fn behind_unit(&self, at: usize) -> usize {
        let bytes = self.text.as_bytes();
        let escape = self.spelling == Spelling::Json && bytes[at] == b'\\';
        let len = match bytes.get(at + 1) {
            Some(b'u') if escape => 2,
            Some(next) if escape && next.is_ascii() => 2,
            _ => 1,
        };
        at + len
    }

    /// Whether `\n` or the like ends at `end`, so that its letter is none.
    fn is_short_escape(&self, end: usize) -> bool {
        let bytes = &self.text.as_bytes()[..end];
        let Some((b'n' | b'r' | b't' | b'b' | b'f', before)) = bytes.split_last() else {
            return false;
        };
        let slashes = before.iter().rev().take_while(|byte| **byte == b'\\').count();
        self.spelling == Spelling::Json && slashes % 2 == 1
    }
}

enum Match {
    Whole(usize, Arc<str>),
    Open,
    None,
}

impl Match {
    fn into_found(self, at: usize) -> Option<Found> {
        match self {
            Self::Whole(end, original) => Some(Found::Placeholder { range: at..end, original }),
            Self::Open => Some(Found::Open(at)),
            Self::None => None,
        }
    }
}

enum Unit {
    /// It ends at this offset.
    Here(usize),
    /// The text ends before one can tell.
    Cut,
    Other,
}

enum Symbol {
    Name(u8, usize),
    Cut,
    Other,
}

#[derive(Clone, Copy)]
enum Bracket {
    Open,
    Close,
}

impl Bracket {
    /// In prose an escape is what a model wrote; in JSON it is the bracket itself.
    fn spellings(self) -> [&'static str; 7] {
        match self {
            Self::Open => ["<", "&lt;", "\\u003c", "&#60;", "&#x3c;", FULL_WIDTH[0], ANGLES[0]],
            Self::Close => [">", "&gt;", "\\u003e", "&#62;", "&#x3e;", FULL_WIDTH[1], ANGLES[1]],
        }
    }
}

fn fits(byte: u8, len: usize) -> bool {
    byte.is_ascii_alphabetic() || (len > 0 && (byte.is_ascii_digit() || byte == b'_'))
}

/// What a word of a placeholder's alphabet consists of, or would be joined with.
fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// What makes one identifier with the letters that follow.
fn joins_before(byte: u8) -> bool {
    is_letter(byte) || matches!(byte, b'$' | b'.' | b'@' | b'-' | b'%' | b'\\')
}

/// `EMAIL_1` of `EMAIL_1S`.
fn singular(name: &str) -> &str {
    match name.strip_suffix('S') {
        Some(one) if one.ends_with(|c: char| c.is_ascii_digit()) => one,
        _ => name,
    }
}

/// Whether raw JSON may hold a placeholder or the beginning of one, in any form.
pub(crate) fn may_hold(raw: &[u8]) -> bool {
    memchr::memchr3(b'<', b'\\', b'_', raw).is_some()
        || memchr::memchr(b'&', raw).is_some()
        || [FULL_WIDTH, ANGLES].iter().any(|pair| memmem::find(raw, pair[0].as_bytes()).is_some())
        || raw.last().is_some_and(|last| last.is_ascii_uppercase() || last.is_ascii_digit())
}

/// Where the scan looks closer.
const STARTS: [bool; 256] = {
    let mut starts = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        let c = byte as u8;
        starts[byte] = c.is_ascii_alphanumeric() || matches!(c, b'_' | b'<' | b'&' | b'\\');
        byte += 1;
    }
    starts[FULL_WIDTH[0].as_bytes()[0] as usize] = true;
    starts[ANGLES[0].as_bytes()[0] as usize] = true;
    starts
};
/// The brackets of Chinese and Japanese keyboards.
const FULL_WIDTH: [&str; 2] = ["\u{ff1c}", "\u{ff1e}"];
const ANGLES: [&str; 2] = ["\u{3008}", "\u{3009}"];
/// How a name that owns something ends.
const OWNERS: [&str; 2] = ["'s", "\u{2019}s"];
