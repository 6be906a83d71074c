//! What a key is made of, and what only stands for one: placeholders, samples of documentation, words.
//!
//! Not for finding keys: that is `issuer`, `generic` and `password`.

use super::text;

/// The characters of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alphabet {
    Hex,
    /// Hexadecimal digits and dashes.
    HexDash,
    Alnum,
    /// Letters of one case, or of both without a dash: what no name in a program looks like.
    OneCase,
    /// Upper-case letters and digits.
    Upper,
    UpperDash,
    DottedUpper,
    /// Letters, digits and `_`.
    Word,
    /// Letters, digits and `-`.
    Dash,
    DottedDash,
    DottedAlnum,
    /// Base64 of URLs: letters, digits, `-` and `_`.
    Url,
    /// That and `.`.
    Dotted,
    /// That and `!`.
    Bang,
    /// Letters, digits and `$`.
    Dollar,
    /// Letters, digits, `+`, `/` and `=`.
    Base64,
    /// Both kinds of base64.
    Base64Url,
    DottedBase64,
    /// Base64 with percent escapes.
    Percent,
    /// The 8-4-4-4-12 form.
    Uuid,
}

impl Alphabet {
    pub(super) fn has(self, b: u8) -> bool {
        let more: &[u8] = match self {
            Self::Hex => return b.is_ascii_hexdigit(),
            Self::HexDash | Self::Uuid => return b.is_ascii_hexdigit() || b == b'-',
            Self::Upper => return b.is_ascii_uppercase() || b.is_ascii_digit(),
            Self::UpperDash => return b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-',
            Self::DottedUpper => return b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'.',
            Self::Alnum | Self::OneCase => b"",
            Self::Word => b"_",
            Self::Dash => b"-",
            Self::DottedDash => b"-.",
            Self::DottedAlnum => b".",
            Self::Url => b"-_",
            Self::Dotted => b"-_.",
            Self::Bang => b"-_.!",
            Self::Dollar => b"$",
            Self::Base64 => b"+/=",
            Self::Base64Url => b"+/=-_",
            Self::DottedBase64 => b"+/=-_.",
            Self::Percent => b"%+/=-_",
        };
        b.is_ascii_alphanumeric() || more.contains(&b)
    }

    /// Whether `body` has the form that the characters alone do not say.
    pub(super) fn fits(self, body: &[u8]) -> bool {
        match self {
            Self::Uuid => is_uuid(body),
            Self::DottedAlnum | Self::DottedUpper => body.contains(&b'.'),
            Self::Bang => body.contains(&b'!'),
            _ => true,
        }
    }
}

/// Whether `body` is what a document writes where a key would stand, or names a thing.
pub(super) fn is_sample(body: &[u8]) -> bool {
    let head = &body[..body.len().min(HEAD)];
    same_in_a_row(head) >= 5 || wordy(head) || says(head, MARKS) || SAMPLES.contains(&body)
}

/// Whether one of `words` (lower case) stands in `body`, in any case.
pub(super) fn says(body: &[u8], words: &[&str]) -> bool {
    let starts = |word: &&str| {
        body.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes()))
    };
    words.iter().any(starts)
}

/// The longest run of one byte.
fn same_in_a_row(body: &[u8]) -> usize {
    body.chunk_by(|a, b| a == b).map(<[u8]>::len).max().unwrap_or(0)
}

/// Whether `body` is words and short numbers, joined: `my-cool-project-2024`, `SOME_NAME_HERE`.
pub(super) fn wordy(body: &[u8]) -> bool {
    let mut parts = body.split(|b| matches!(b, b'-' | b'_' | b'.')).peekable();
    let word = |part: &[u8]| {
        let tail = part.get(1..).unwrap_or_default();
        part.len() <= 4 && part.iter().all(u8::is_ascii_digit)
            || tail.iter().all(u8::is_ascii_lowercase) && part.iter().all(u8::is_ascii_alphabetic)
            || part.iter().all(u8::is_ascii_uppercase)
    };
    let joined = body.iter().any(|b| matches!(b, b'-' | b'_' | b'.'));
    joined && parts.all(word)
}

pub(super) fn is_uuid(body: &[u8]) -> bool {
    body.len() == 36
        && body.iter().enumerate().all(|(i, b)| match i {
            8 | 13 | 18 | 23 => *b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

/// Whether `body` shows lower case, upper case and digits; digits and letters are enough where only one case is allowed.
pub(super) fn is_mixed(body: &[u8], alphabet: Alphabet) -> bool {
    let (mut lower, mut upper, mut digit) = (false, false, false);
    for b in &body[..body.len().min(HEAD)] {
        lower |= b.is_ascii_lowercase();
        upper |= b.is_ascii_uppercase();
        digit |= b.is_ascii_digit();
    }
    use Alphabet::{Hex, HexDash, OneCase, Upper, Uuid};
    let one_case = matches!(alphabet, Hex | HexDash | OneCase | Upper | Uuid);
    digit && (lower && upper || one_case && (lower || upper))
}

/// Whether `body` is drawn at random rather than written, as a key is.
pub(super) fn is_drawn(body: &[u8]) -> bool {
    let head = &body[..body.len().min(HEAD)];
    let cases = head.iter().any(u8::is_ascii_lowercase) && head.iter().any(u8::is_ascii_uppercase);
    !is_sample(body) && (text::looks_random(head) || cases && text::distinct(head) >= 12)
}

/// What marks a key that is none.
const MARKS: &[&str] = &[
    "example",
    "xxxx",
    "your",
    "placeholder",
    "changeme",
    "redacted",
    "dummy",
    "insert",
    "replace",
    "goes-here",
    "goes_here",
    "sample",
    "todo",
    "fake",
];

/// Keys that documentation shows, or that an emulator has built in: everybody knows them.
const SAMPLES: &[&[u8]] = &[
    b"4eC39HqLyjWDarjtT1zdp7dc",
    b"BQokikJOvBiI2HlWgH4olfQ2",
    b"Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==",
    b"C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEHLM+4QDU5DE2nQ9nDuVTqobD4b8mGGyPMbIZnqyMsEcaGQy67XIw/Jw==",
];

/// What decides about a key; the rest of a long one is not looked at.
const HEAD: usize = 128;
