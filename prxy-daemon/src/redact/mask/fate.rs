//! What becomes of a hit where it stands: the one rule for the masker and for the broker's gate.
//!
//! Most detectors know what they see: a checksum, a prefix, a word before it. Names of people, places
//! and companies are guesses from word lists, and an ordinary request has such words in its structure:
//! `Jordan` among the values of an enum, `Grace` as a key. Refusing for those would refuse everybody.

use crate::json::{Path, Segment};
use crate::provider::Surface;
use crate::provider::place::is_definition;
use crate::provider::request::Position;
use crate::redact::scan::{DENIED, Scanner, Span};

/// What becomes of one hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// A placeholder takes its place.
    Mask,
    /// It stays: a guess where nothing may change.
    Pass,
    /// Nothing may change there, and it must not leave.
    Refuse,
}

/// Where a hit stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot {
    pub position: Position,
    pub is_key: bool,
    /// Whether it is one of the values that a schema lists.
    pub listed: bool,
    /// Whether it is a document that cannot be changed as text.
    pub opaque: bool,
    /// Whether it is the identity of a call or an item, which a program made up.
    pub identity: bool,
}

impl Spot {
    /// A string, or a key, of the body.
    pub(super) fn of(surface: Surface, path: &Path<'_>, position: Position, is_key: bool) -> Self {
        let listed = position == Position::FreeForm
            && !is_key
            && is_definition(surface, path)
            && is_listed(path);
        let identity = position == Position::Structural
            && !is_key
            && IDENTITIES.iter().any(|key| path.ends_in(key));
        Self { position, is_key, listed, opaque: false, identity }
    }

    /// What the protocol reads: a part of the path, a header.
    pub(super) const WORD: Self = Self {
        position: Position::Structural,
        is_key: false,
        listed: false,
        opaque: false,
        identity: false,
    };
}

/// What becomes of `hit` in `text`.
pub(super) fn fate(spot: Spot, scanner: &Scanner, hit: &Span, text: &str) -> Fate {
    let guess = is_guess(scanner, hit);
    let word = || text.get(hit.start..hit.end).is_some_and(is_word);
    match spot.position {
        _ if is_chance(spot, scanner, hit, text) => Fate::Pass,
        _ if spot.opaque => {
            if guess {
                Fate::Pass
            } else {
                Fate::Refuse
            }
        }
        Position::FreeForm if spot.listed && guess && word() => Fate::Pass,
        Position::Text | Position::JsonText | Position::FreeForm | Position::Data => Fate::Mask,
        Position::Unknown if !spot.is_key => Fate::Mask,
        Position::Unknown | Position::Structural if guess && word() => Fate::Pass,
        Position::Unknown | Position::Structural => Fate::Refuse,
        // The provider signed or encrypted it, so it knows what it says.
        Position::Exact if guess => Fate::Pass,
        Position::Exact => Fate::Refuse,
    }
}

/// Whether a hit is a guess from word lists; never what the configuration names.
pub(super) fn is_guess(scanner: &Scanner, hit: &Span) -> bool {
    hit.score < SURE
        && hit.detector != DENIED
        && GUESSED.contains(&scanner.label(hit.label).as_str())
}

/// Whether a hit is nothing but characters that fell so: digits in the identity of a call, a piece of
/// what is encrypted.
pub(super) fn is_chance(spot: Spot, scanner: &Scanner, hit: &Span, text: &str) -> bool {
    let value = text.get(hit.start..hit.end).unwrap_or_default();
    match spot.position {
        Position::Exact => {
            let coded = |b: u8| b.is_ascii_alphanumeric() || b"+/-_=".contains(&b);
            text.len() >= CIPHERTEXT && value.len() < text.len() / 2 && text.bytes().all(coded)
        }
        _ if spot.identity => {
            let made = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
            let dashed = value.contains('-') && !holds_uuid(text);
            made && !dashed && NUMBERED.contains(&scanner.label(hit.label).as_str())
        }
        _ => false,
    }
}

/// Whether groups of hexadecimal digits stand in `text` as in a UUID.
fn holds_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split(['-', '_']).collect();
    groups.windows(5).any(|groups| {
        let lengths = [8, 4, 4, 4, 12];
        groups
            .iter()
            .zip(lengths)
            .all(|(group, len)| group.len() == len && group.bytes().all(|b| b.is_ascii_hexdigit()))
    })
}

/// Whether a hit is one identifier, as enums and names of members are; Chinese names have no blanks.
fn is_word(text: &str) -> bool {
    !text.chars().any(|c| c.is_whitespace() || c >= '\u{2e80}')
}

/// Whether `path` leads to a value that a schema lists.
fn is_listed(path: &Path<'_>) -> bool {
    let key = path.segments().iter().rev().find(|step| matches!(step, Segment::Key(_)));
    key.is_some_and(|step| step.is_key("enum") || step.is_key("const"))
}

/// Where the identities of calls and items stand.
const IDENTITIES: [&str; 4] = ["id", "call_id", "tool_call_id", "tool_use_id"];
/// The labels of values that are little more than digits.
const NUMBERED: [&str; 8] = [
    "PHONE",
    "BANK_ACCOUNT",
    "NATIONAL_ID",
    "PASSPORT",
    "DRIVER_LICENSE",
    "MEDICAL_ID",
    "VEHICLE_ID",
    "DATE_OF_BIRTH",
];
/// No signature and nothing encrypted is shorter.
const CIPHERTEXT: usize = 64;
/// The labels whose detectors work by word lists.
const GUESSED: [&str; 4] = ["PERSON", "ORGANIZATION", "ADDRESS", "USERNAME"];
/// From this score on a detector is sure, whatever its label.
const SURE: u8 = 90;
