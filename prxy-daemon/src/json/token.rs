//! Strings and numbers as they stand in their document.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

/// A string between its quotes, as a walk found it.
#[derive(Clone)]
pub struct StringToken<'a> {
    /// Where the string's raw text stands in `source`, without the quotes.
    pub range: Range<usize>,
    /// Whether it is the key of a member.
    pub is_key: bool,
    /// Whether a backslash occurs in it; if not, raw and decoded text are the same.
    pub escaped: bool,
    /// The whole document.
    pub source: &'a str,
}

/// A number, as a walk found it.
#[derive(Clone)]
pub struct NumberToken<'a> {
    /// Where the number stands in `source`.
    pub range: Range<usize>,
    /// The whole document.
    pub source: &'a str,
}

impl<'a> StringToken<'a> {
    /// The text as spelled in the document, escapes and all.
    pub fn raw(&self) -> &'a str {
        &self.source[self.range.clone()]
    }

    /// The text that the string means; borrowed where nothing is escaped.
    ///
    /// A lone surrogate, which no UTF-8 text can hold, becomes U+FFFD.
    pub fn decode(&self) -> Cow<'a, str> {
        if !self.escaped {
            return Cow::Borrowed(self.raw());
        }
        let mut text = String::with_capacity(self.range.len());
        self.decode_into(&mut text);
        Cow::Owned(text)
    }

    /// Appends what [`Self::decode`] returns.
    pub fn decode_into(&self, out: &mut String) {
        let mut rest = self.raw();
        while let Some(plain) = memchr::memchr(b'\\', rest.as_bytes()) {
            out.push_str(&rest[..plain]);
            let (symbol, len) = unescape(&rest[plain..]);
            out.push(symbol);
            rest = &rest[plain + len..];
        }
        out.push_str(rest);
    }

    /// Whether the string means `text`.
    pub fn is(&self, text: &str) -> bool {
        if self.escaped { self.decode() == text } else { self.raw() == text }
    }

    /// Translates ranges of the decoded text into ranges of the document.
    pub fn locator(&self) -> Locator<'a> {
        Locator {
            raw: self.raw(),
            base: self.range.start,
            escaped: self.escaped,
            decoded_at: 0,
            raw_at: 0,
        }
    }
}

impl<'a> NumberToken<'a> {
    /// The number as spelled in the document.
    pub fn raw(&self) -> &'a str {
        &self.source[self.range.clone()]
    }
}

/// Shows the place only: the text may be personal data.
impl fmt::Debug for StringToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StringToken")
            .field("range", &self.range)
            .field("is_key", &self.is_key)
            .field("escaped", &self.escaped)
            .finish_non_exhaustive()
    }
}

/// Shows the place only: the number may be personal data.
impl fmt::Debug for NumberToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NumberToken").field("range", &self.range).finish_non_exhaustive()
    }
}

/// Finds the raw bytes behind a part of a decoded string.
///
/// It reads the string once over all calls as long as the ranges ascend.
#[derive(Clone)]
pub struct Locator<'a> {
    raw: &'a str,
    base: usize,
    escaped: bool,
    decoded_at: usize,
    raw_at: usize,
}

impl Locator<'_> {
    /// The range of the document that spells `decoded`, a range of [`StringToken::decode`].
    ///
    /// An offset inside a character counts as the character's end.
    pub fn raw_range(&mut self, decoded: Range<usize>) -> Range<usize> {
        let start = self.raw_offset(decoded.start);
        let end = self.raw_offset(decoded.end);
        start..end
    }

    fn raw_offset(&mut self, decoded: usize) -> usize {
        if !self.escaped {
            return self.base + decoded.min(self.raw.len());
        }
        if decoded < self.decoded_at {
            (self.decoded_at, self.raw_at) = (0, 0);
        }
        while self.decoded_at < decoded && self.raw_at < self.raw.len() {
            let rest = &self.raw[self.raw_at..];
            let wanted = decoded - self.decoded_at;
            let window = &rest.as_bytes()[..wanted.min(rest.len())];
            match memchr::memchr(b'\\', window) {
                Some(0) => {
                    let (symbol, len) = unescape(rest);
                    self.decoded_at += symbol.len_utf8();
                    self.raw_at += len;
                }
                plain => {
                    let step = plain.unwrap_or(window.len());
                    self.decoded_at += step;
                    self.raw_at += step;
                    while !self.raw.is_char_boundary(self.raw_at) {
                        self.decoded_at += 1;
                        self.raw_at += 1;
                    }
                }
            }
        }
        self.base + self.raw_at
    }
}

impl fmt::Debug for Locator<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Locator").field("raw_at", &self.raw_at).finish_non_exhaustive()
    }
}

/// The character that the escape at the start of `text` means, and the escape's length.
///
/// What is no escape is U+FFFD and 1; the walk lets none of those through.
pub(crate) fn unescape(text: &str) -> (char, usize) {
    let symbol = match text.as_bytes().get(1) {
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => return unescape_unicode(text),
        Some(same @ (b'"' | b'\\' | b'/')) => char::from(*same),
        _ => return (char::REPLACEMENT_CHARACTER, 1),
    };
    (symbol, 2)
}

fn unescape_unicode(text: &str) -> (char, usize) {
    let Some(first) = code_unit(text) else { return (char::REPLACEMENT_CHARACTER, 1) };
    if let Some(symbol) = char::from_u32(first) {
        return (symbol, 6);
    }
    let low = text.get(6..).filter(|_| first < 0xdc00).and_then(code_unit);
    match low {
        Some(low @ 0xdc00..=0xdfff) => {
            let code = 0x10000 + ((first - 0xd800) << 10) + (low - 0xdc00);
            (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 12)
        }
        _ => (char::REPLACEMENT_CHARACTER, 6),
    }
}

fn code_unit(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    u32::from_str_radix(digits, 16).ok()
}
