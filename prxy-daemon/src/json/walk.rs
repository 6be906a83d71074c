//! The walk: one pass over a document, RFC 8259 to the letter, nothing allocated per value.

use std::ops::Range;

use thiserror::Error;

use super::{NumberToken, Path, Segment, StringToken};

/// Containers may be nested this deep; a document that goes deeper is refused.
pub const MAX_DEPTH: usize = 128;

/// What a walk shows; hooks that are not wanted stay empty.
///
/// An error from a hook ends the walk at once.
pub trait Visitor<'a> {
    /// Why a visitor would stop the walk.
    type Error;

    /// A string: a value at `path`, or (`token.is_key`) a key of the object at `path`.
    fn string(&mut self, _path: &Path<'a>, _token: StringToken<'a>) -> Result<(), Self::Error> {
        Ok(())
    }

    /// A number at `path`.
    fn number(&mut self, _path: &Path<'a>, _token: NumberToken<'a>) -> Result<(), Self::Error> {
        Ok(())
    }

    /// `true`, `false` or `null` at `path`.
    fn literal(&mut self, _path: &Path<'a>, _literal: Literal) -> Result<(), Self::Error> {
        Ok(())
    }

    /// The object or array at `path` begins; `at` is the offset of its bracket.
    fn enter(
        &mut self,
        _path: &Path<'a>,
        _container: Container,
        _at: usize,
    ) -> Result<(), Self::Error> {
        Ok(())
    }

    /// The object or array at `path` is over; `range` covers it with its brackets.
    fn leave(
        &mut self,
        _path: &Path<'a>,
        _container: Container,
        _range: Range<usize>,
    ) -> Result<(), Self::Error> {
        Ok(())
    }
}

/// The two kinds of container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Container {
    /// `{…}`
    Object,
    /// `[…]`
    Array,
}

/// The three bare words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Literal {
    /// `true`
    True,
    /// `false`
    False,
    /// `null`
    Null,
}

/// Why a walk ended early.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum WalkError<E> {
    /// The bytes are not one JSON document.
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
    /// The visitor stopped the walk.
    #[error("the visitor stopped the walk")]
    Visitor(E),
}

/// What is wrong with a document, and where; holds none of its text.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("not valid JSON: {kind} at byte {at}")]
pub struct SyntaxError {
    /// What is wrong.
    pub kind: SyntaxKind,
    /// The offset of the first byte that cannot stand where it stands.
    pub at: usize,
}

/// The ways in which bytes fail to be JSON.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum SyntaxKind {
    /// Not UTF-8, which RFC 8259 §8.1 asks for.
    #[error("invalid UTF-8")]
    NotUtf8,
    /// Starts with a byte order mark, which RFC 8259 §8.1 forbids to send.
    #[error("a byte order mark")]
    ByteOrderMark,
    /// Ends in the middle.
    #[error("an unexpected end")]
    UnexpectedEnd,
    /// A byte that the grammar does not allow there.
    #[error("an unexpected byte")]
    UnexpectedByte,
    /// A raw control character inside a string.
    #[error("a control character in a string")]
    ControlCharacter,
    /// A backslash followed by something that is no escape.
    #[error("an invalid escape")]
    BadEscape,
    /// A number such as `01`, `1.` or `-`.
    #[error("an invalid number")]
    BadNumber,
    /// More than [`MAX_DEPTH`] containers inside each other.
    #[error("nesting too deep")]
    TooDeep,
    /// Something follows the document.
    #[error("trailing data")]
    TrailingData,
}

/// Walks the whole of `bytes`, which must be exactly one JSON document.
///
/// Duplicate keys are shown as often as they stand there: readers differ in which one they take.
/// Escaped lone surrogates are within the grammar and accepted, see [`StringToken::decode`].
///
/// # Errors
/// [`WalkError::Syntax`] at the first offence; hooks have run for what came before it.
pub fn walk<'a, V: Visitor<'a>>(
    bytes: &'a [u8],
    visitor: &mut V,
) -> Result<(), WalkError<V::Error>> {
    let source = std::str::from_utf8(bytes)
        .map_err(|error| SyntaxError { kind: SyntaxKind::NotUtf8, at: error.valid_up_to() })?;
    if source.starts_with('\u{feff}') {
        return Err(SyntaxError { kind: SyntaxKind::ByteOrderMark, at: 0 }.into());
    }
    let mut walker = Walker { source, bytes, at: 0, path: Path::default(), visitor };
    walker.space();
    walker.value()?;
    walker.space();
    if walker.at < bytes.len() {
        return walker.fail(SyntaxKind::TrailingData);
    }
    Ok(())
}

struct Walker<'a, 'v, V> {
    source: &'a str,
    bytes: &'a [u8],
    at: usize,
    path: Path<'a>,
    visitor: &'v mut V,
}

type Step<E> = Result<(), WalkError<E>>;

impl<'a, V: Visitor<'a>> Walker<'a, '_, V> {
    fn value(&mut self) -> Step<V::Error> {
        match self.peek() {
            Some(b'"') => {
                let token = self.string_token(false)?;
                self.visitor.string(&self.path, token).map_err(WalkError::Visitor)
            }
            Some(b'{') => self.container(Container::Object),
            Some(b'[') => self.container(Container::Array),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.literal("true", Literal::True),
            Some(b'f') => self.literal("false", Literal::False),
            Some(b'n') => self.literal("null", Literal::Null),
            _ => self.unexpected(),
        }
    }

    fn container(&mut self, container: Container) -> Step<V::Error> {
        if self.path.depth() == MAX_DEPTH {
            return self.fail(SyntaxKind::TooDeep);
        }
        let start = self.at;
        self.visitor.enter(&self.path, container, start).map_err(WalkError::Visitor)?;
        self.at += 1;
        self.space();
        match container {
            Container::Object => self.members()?,
            Container::Array => self.elements()?,
        }
        self.visitor.leave(&self.path, container, start..self.at).map_err(WalkError::Visitor)
    }

    fn members(&mut self) -> Step<V::Error> {
        if self.skip(b'}') {
            return Ok(());
        }
        loop {
            if self.peek() != Some(b'"') {
                return self.unexpected();
            }
            let key = self.string_token(true)?;
            self.visitor.string(&self.path, key.clone()).map_err(WalkError::Visitor)?;
            self.space();
            if !self.skip(b':') {
                return self.unexpected();
            }
            self.space();
            self.path.push(Segment::Key(key));
            self.value()?;
            self.path.pop();
            self.space();
            if self.skip(b'}') {
                return Ok(());
            }
            if !self.skip(b',') {
                return self.unexpected();
            }
            self.space();
        }
    }

    fn elements(&mut self) -> Step<V::Error> {
        if self.skip(b']') {
            return Ok(());
        }
        let mut index = 0;
        loop {
            self.path.push(Segment::Index(index));
            self.value()?;
            self.path.pop();
            self.space();
            if self.skip(b']') {
                return Ok(());
            }
            if !self.skip(b',') {
                return self.unexpected();
            }
            self.space();
            index += 1;
        }
    }

    fn string_token(&mut self, is_key: bool) -> Result<StringToken<'a>, SyntaxError> {
        let start = self.at + 1;
        let mut escaped = false;
        let mut at = start;
        loop {
            at = string_stop(self.bytes, at);
            match self.bytes.get(at) {
                Some(b'"') => {
                    self.at = at + 1;
                    return Ok(StringToken {
                        range: start..at,
                        is_key,
                        escaped,
                        source: self.source,
                    });
                }
                Some(b'\\') => {
                    escaped = true;
                    at += self.escape_len(at)?;
                }
                Some(_) => return Err(SyntaxError { kind: SyntaxKind::ControlCharacter, at }),
                None => return Err(SyntaxError { kind: SyntaxKind::UnexpectedEnd, at }),
            }
        }
    }

    fn escape_len(&self, at: usize) -> Result<usize, SyntaxError> {
        let end = SyntaxError { kind: SyntaxKind::UnexpectedEnd, at: self.bytes.len() };
        match self.bytes.get(at + 1).ok_or(end)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(2),
            b'u' => {
                for digit in at + 2..at + 6 {
                    if !self.bytes.get(digit).ok_or(end)?.is_ascii_hexdigit() {
                        return Err(SyntaxError { kind: SyntaxKind::BadEscape, at: digit });
                    }
                }
                Ok(6)
            }
            _ => Err(SyntaxError { kind: SyntaxKind::BadEscape, at: at + 1 }),
        }
    }

    fn number(&mut self) -> Step<V::Error> {
        let start = self.at;
        self.skip(b'-');
        let whole = if self.skip(b'0') {
            !matches!(self.peek(), Some(b'0'..=b'9'))
        } else {
            self.digits() > 0
        };
        if !whole {
            return self.fail(SyntaxKind::BadNumber);
        }
        if self.skip(b'.') && self.digits() == 0 {
            return self.fail(SyntaxKind::BadNumber);
        }
        if self.skip(b'e') || self.skip(b'E') {
            let _signed = self.skip(b'+') || self.skip(b'-');
            if self.digits() == 0 {
                return self.fail(SyntaxKind::BadNumber);
            }
        }
        let token = NumberToken { range: start..self.at, source: self.source };
        self.visitor.number(&self.path, token).map_err(WalkError::Visitor)
    }

    fn literal(&mut self, word: &str, literal: Literal) -> Step<V::Error> {
        for expected in word.bytes() {
            if !self.skip(expected) {
                return self.unexpected();
            }
        }
        self.visitor.literal(&self.path, literal).map_err(WalkError::Visitor)
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at - start
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn unexpected(&self) -> Step<V::Error> {
        match self.peek() {
            Some(_) => self.fail(SyntaxKind::UnexpectedByte),
            None => self.fail(SyntaxKind::UnexpectedEnd),
        }
    }

    fn fail(&self, kind: SyntaxKind) -> Step<V::Error> {
        Err(SyntaxError { kind, at: self.at }.into())
    }
}

/// The offset of the first `"`, `\` or control character at or after `at`, or the end.
fn string_stop(bytes: &[u8], mut at: usize) -> usize {
    while let Some(word) = bytes[at..].first_chunk::<8>() {
        let word = u64::from_le_bytes(*word);
        // A borrow can only set a bit above a true one, so the lowest set bit is exact.
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        let quote = zero_bytes(word ^ (ONES * b'"' as u64));
        let backslash = zero_bytes(word ^ (ONES * b'\\' as u64));
        let stops = (control | quote | backslash) & HIGHS;
        if stops != 0 {
            return at + (stops.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    let stop = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    bytes[at..].iter().position(stop).map_or(bytes.len(), |offset| at + offset)
}

fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;
