//! What the scanner asks at each word that begins with a capital: which detectors have to look.
//!
//! Not for what they find.

use super::address::numbered_street;
use super::cued::cue_before;
use super::hanzi;
use super::lexicon::*;

/// The word that begins at the capital or ideograph `at`: the offset behind it, and the classes that start a detector.
pub(in crate::redact) fn word_at(bytes: &[u8], at: usize) -> (usize, Class) {
    if bytes[at] >= 0xe3 {
        return hanzi::look(bytes, at);
    }
    let before = at.checked_sub(1).map(|before| bytes[before]);
    let inner = before.is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_' || b >= 0x80);
    if inner && !super::text::escape_before(bytes, at) && !behind_mark(bytes, at) {
        return (at + 1, 0);
    }
    let Some(word) = word(bytes, at) else { return (at + 1, 0) };
    // A digit or an underscore behind it makes it an identifier; so do capitals inside.
    if !word.capital() && !word.is(LEGAL)
        || bytes.get(word.end).is_some_and(|b| b.is_ascii_digit() || *b == b'_')
    {
        return (word.end, 0);
    }
    let mut class = word.class & !(CUED | NUMBERED);
    if matches!(before, Some(b' ' | b'\'')) || word.start > 2 && before == Some(b'.') {
        let initial = bytes[..at].ends_with(b". ") && at > 2 && bytes[at - 3].is_ascii_uppercase();
        let cued = matches!(bytes[..at], [.., b'a'..=b'z' | b'.' | b',' | 0x80.., b' '])
            && cue_before(bytes, at).is_some();
        let street = at > 2
            && (bytes[at - 2] | 0x20).is_ascii_lowercase() | matches!(bytes[at - 2], b'.' | b'/')
            && super::person::before(bytes, at).is_some_and(|word| {
                word.is(STREET | PARTICLE) && word.case == Case::Lower || word.is(STREET)
            });
        if initial || cued || street {
            class |= CUED;
        }
    }
    let single = word.len() == 1 && bytes.get(word.end) == Some(&b'.')
        || bytes[word.start..word.end] == *b"Sp"
        || bytes[word.start..word.end] == *b"Co";
    let calle = word.len() == 1 && bytes[at] == b'C' && bytes.get(word.end) == Some(&b'/');
    if single || calle || numbered_street(bytes, &word) {
        class |= NUMBERED;
    }
    (word.end, class)
}

/// Whether what stands before is a mark beyond ASCII, such as a quote or a dash, or an ideograph.
fn behind_mark(bytes: &[u8], at: usize) -> bool {
    matches!(
        bytes[..at],
        [.., 0xe2, 0x80..=0xbf, 0x80..=0xbf]
            | [.., 0xc2, 0x80..=0xbf]
            | [.., 0xe3..=0xef, 0x80..=0xbf, 0x80..=0xbf]
    )
}
