//! Names in lower case, as people type them: behind an introduction, and as the speakers of a chat.
//!
//! Not for names with capitals: those are `person` and `cued`.

use std::ops::Range;

use super::lexicon::*;
use super::name::line_start;
use super::person::NAME;
use super::{Detector, Trigger};

pub(super) const SAID: Detector = Detector {
    name: "person-said",
    shape: "`my name is`, `ich heiße`, `je m'appelle` and a name in lower case",
    validator: "each word a name; the first one nothing else, unless a family name follows",
    score: 66,
    trigger: Trigger::Words(&[
        "my name is ",
        "my name\u{2019}s ",
        "my name's ",
        "this is ",
        "name is ",
        "mein name ist ",
        "ich heiße ",
        "ich heisse ",
        "ich bin ",
        "je m'appelle ",
        "je suis ",
        "mon nom est ",
        "me llamo ",
        "mi nombre es ",
        "mi chiamo ",
        "sono ",
        "mijn naam is ",
        "ik heet ",
        "nazywam się ",
        "nazywam sie ",
        "mam na imię ",
        "chamo-me ",
        "me chamo ",
        "meu nome é ",
        "i am ",
        "i'm ",
    ]),
    find: said,
    positives: &[
        "my name is ⟦tomasz nowak⟧ and i",
        "hi this is ⟦laura bianchi⟧, i ordered",
        "ich heiße ⟦anna weber⟧.",
        "me llamo ⟦lucía garcía⟧ y",
        "my name is ⟦anna⟧ and",
        "nazywam się ⟦jan kowalski⟧",
    ],
    look_alikes: &[
        "my name is long and",
        "this is will be",
        "i am happy, i'm fine",
        "this is mark down",
        "je suis contente",
        "sono stato",
        "ich bin jung und",
    ],
    ..NAME
};

pub(super) const SPEAKER: Detector = Detector {
    name: "person-speaker",
    shape: "a given name in lower case and a colon at the start of a line",
    validator: "a name that is nothing else, behind a time or before a sentence",
    score: 58,
    trigger: Trigger::Key,
    find: speaker,
    positives: &["[09:14] ⟦priya⟧: morning all", "10:02 ⟦anna⟧: hello", "[9:14] ⟦tomasz⟧: ok"],
    look_alikes: &["mark: done", "anna: 3", "[09:14] error: no", "10:02 warning: x", "a anna: b"],
    ..NAME
};

fn said(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let first = word(bytes, at.end)?;
    if first.case != Case::Lower || !first.is(GIVEN) || first.is(PARTICLE) {
        return None;
    }
    let weak = [&b"this is "[..], b"i am ", b"i'm ", b"ich bin ", b"je suis ", b"sono "]
        .iter()
        .any(|cue| bytes[at.clone()].eq_ignore_ascii_case(cue));
    let mut end = first.end;
    let mut family = false;
    for _ in 0..3 {
        let Some(next) = bytes.get(end).filter(|b| **b == b' ').and_then(|_| word(bytes, end + 1))
        else {
            break;
        };
        let small = next.case == Case::Lower;
        if small && next.surely(FAMILY | GIVEN) && !next.is(PARTICLE) {
            (end, family) = (next.end, true);
        } else if small && next.is(PARTICLE) && !next.is(BEFORE | AFTER) {
            let Some(last) = word(bytes, next.end + 1).filter(|last| last.surely(FAMILY)) else {
                break;
            };
            (end, family) = (last.end, true);
        } else {
            break;
        }
    }
    let code =
        matches!(bytes.get(end), Some(b'_' | b'(' | b'=' | b'/' | b'@' | b'-' | b'0'..=b'9'))
            || matches!(bytes[end..], [b'.', next, ..] if next.is_ascii_alphanumeric());
    (!code && (family || first.surely(GIVEN) && (!weak || stops(bytes, end))))
        .then_some(at.end..end)
}

/// Whether a sentence or its part ends at `end`.
fn stops(bytes: &[u8], end: usize) -> bool {
    matches!(&bytes[end..], [] | [b'.' | b',' | b'!' | b'?' | b'\n', ..])
        || bytes[end..].starts_with(b" from ")
        || bytes[end..].starts_with(b" and ")
}

fn speaker(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let name = word_before(bytes, at.start)?;
    if name.case != Case::Lower || !name.surely(GIVEN) || name.len() < 3 {
        return None;
    }
    let timed = match &bytes[..name.start] {
        [head @ .., b']' | b')', b' '] => head.last().is_some_and(u8::is_ascii_alphanumeric),
        [head @ .., digit, b' '] if digit.is_ascii_digit() => {
            head.iter().rev().take(7).any(|b| *b == b':')
        }
        _ => false,
    };
    let sentence = bytes.get(at.end) == Some(&b' ')
        && bytes.get(at.end + 1).is_some_and(u8::is_ascii_alphabetic)
        && line_start(bytes, name.start)
        && bytes[..name.start].ends_with(b"\n")
        && bytes[at.end..].iter().take_while(|b| **b != b'\n').filter(|b| **b == b' ').count() > 2;
    (timed || sentence).then_some(name.start..name.end)
}
