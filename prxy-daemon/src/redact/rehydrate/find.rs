//! Finds placeholders in decoded text, and beginnings of placeholders at its end.

use std::ops::Range;
use std::sync::Arc;

use super::super::Vault;
use crate::provider::answer::Spelling;

/// What stands at a `<`.
#[derive(Debug)]
pub(super) enum Found {
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

/// The next placeholder or open end at or after `from`, which is no place inside an escape.
pub(super) fn next(
    text: &str,
    from: usize,
    spelling: Spelling,
    vault: &dyn Vault,
) -> Option<Found> {
    let bytes = text.as_bytes();
    let mut at = from;
    loop {
        at += match spelling {
            Spelling::Plain => memchr::memchr(b'<', &bytes[at..])?,
            Spelling::Json => memchr::memchr2(b'<', b'\\', &bytes[at..])?,
        };
        match unit(bytes, at, spelling) {
            Unit::Byte(b'<', len) => match placeholder(bytes, at + len, spelling, vault) {
                Match::Whole(end, original) => {
                    return Some(Found::Placeholder { range: at..end, original });
                }
                Match::Open => return Some(Found::Open(at)),
                Match::None => at += len,
            },
            Unit::Byte(_, len) => at += len,
            Unit::Cut => {
                let rest = bytes[at..].to_ascii_lowercase();
                let open = br"\u003c".starts_with(&rest) && vault.may_begin("");
                return open.then_some(Found::Open(at));
            }
        }
    }
}

enum Match {
    Whole(usize, Arc<str>),
    Open,
    None,
}

/// Reads on behind a `<`.
fn placeholder(bytes: &[u8], mut at: usize, spelling: Spelling, vault: &dyn Vault) -> Match {
    let mut name = [0_u8; MAX_NAME];
    let mut len = 0;
    loop {
        let read = std::str::from_utf8(&name[..len]).unwrap_or_default();
        match unit(bytes, at, spelling) {
            Unit::Cut if vault.may_begin(read) => return Match::Open,
            Unit::Byte(b'>', width) => {
                let original =
                    split(read).and_then(|(label, number)| vault.original(label, number));
                return original.map_or(Match::None, |text| Match::Whole(at + width, text));
            }
            Unit::Byte(byte, width) if len < MAX_NAME && fits(byte, len) => {
                name[len] = byte;
                len += 1;
                at += width;
            }
            Unit::Byte(..) | Unit::Cut => return Match::None,
        }
    }
}

fn fits(byte: u8, len: usize) -> bool {
    byte.is_ascii_uppercase() || (len > 0 && (byte.is_ascii_digit() || byte == b'_'))
}

/// `EMAIL_1` as label and number; numbers have no leading zeros.
pub(crate) fn split(name: &str) -> Option<(&str, u64)> {
    let (label, digits) = name.rsplit_once('_')?;
    let canonical = digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
    Some((label, digits.parse().ok().filter(|_| canonical)?))
}

/// One character of the text as far as placeholders care, with its length in bytes.
enum Unit {
    /// An ASCII character, or a byte that no placeholder has.
    Byte(u8, usize),
    /// The text ends here, or in the middle of an escape.
    Cut,
}

fn unit(bytes: &[u8], at: usize, spelling: Spelling) -> Unit {
    let rest = &bytes[at..];
    match (spelling, rest) {
        (_, []) | (Spelling::Json, [b'\\']) => Unit::Cut,
        (Spelling::Json, [b'\\', b'u', digits @ ..]) => {
            let digits = &digits[..digits.len().min(4)];
            let hex = std::str::from_utf8(digits).ok().filter(|_| digits.len() == 4);
            match hex.map(|hex| u8::from_str_radix(hex, 16)) {
                Some(Ok(byte)) => Unit::Byte(byte, 6),
                Some(Err(_)) => Unit::Byte(0, 2),
                None if digits.iter().all(u8::is_ascii_hexdigit) => Unit::Cut,
                None => Unit::Byte(0, 2),
            }
        }
        (Spelling::Json, [b'\\', ..]) => Unit::Byte(0, 2),
        (_, [byte, ..]) => Unit::Byte(*byte, 1),
    }
}

/// A label of 32 bytes, `_`, and the 20 digits of the largest number.
const MAX_NAME: usize = 53;
