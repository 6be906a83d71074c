//! Values that only a word beside them gives away, found again where that word is missing.
//!
//! `phone: 4155550132` tells what the number is; `she has 4155550132 now`, in the same request, does not.
//!
//! What was sent in one turn stays as it was sent: a value counts in the turn that names it, and later.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use aho_corasick::{AhoCorasick, MatchKind};

use super::nested::Hit;
use super::{At, Masker, Refusal, crosses};
use crate::redact::Action;
use crate::redact::detect::{is_own, means_nothing_else, spelled_escape, stands_alone, sure_parts};
use crate::redact::scan::{Found, LabelId, Span};

/// The values of one request that count where nothing stands beside them.
pub(super) struct Echoes {
    values: AhoCorasick,
    /// What each pattern of `values` stands for.
    known: Vec<Known>,
    /// The turn of each message.
    turns: Vec<u32>,
}

/// One value, in one of the ways that it may be written.
struct Known {
    value: String,
    label: LabelId,
    /// The first turn that names it.
    first: u32,
    /// Whether it counts as it was written; if not, a detector finds it so.
    plain: bool,
    /// Whether it counts in other cases and with more blanks.
    other: Other,
}

/// In which other ways a value may be written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Other {
    /// `Will` is a name, `will` is none.
    None,
    /// `GRACE YOUNG`, not `grace young`: its words mean something.
    Capital,
    /// `HOLLIS ABERNATHY`, `hollis abernathy`.
    Any,
}

impl Known {
    /// Whether `text`, which is the value but for its case, counts.
    fn counts(&self, text: &str) -> bool {
        if text == self.value {
            return self.plain;
        }
        match self.other {
            Other::None => false,
            Other::Capital => {
                text.split_whitespace().all(|word| word.starts_with(char::is_uppercase))
            }
            Other::Any => true,
        }
    }
}

impl Echoes {
    /// Those of `hits`, each with its message, that no detector would find by themselves; `None` where there are none.
    pub(super) fn of<'h>(
        masker: &Masker,
        hits: impl Iterator<Item = (Option<usize>, &'h Hit)>,
        turns: impl FnOnce() -> Vec<u32>,
    ) -> Result<Option<Self>, Refusal> {
        let scanner = masker.scanner();
        let mut hits: Vec<_> = hits.collect();
        // What is new comes last, whatever the order of the members: it must not change what is known.
        hits.sort_by_key(|(message, _)| *message);
        let mut values: BTreeMap<&str, (LabelId, Option<usize>, bool, Other)> = BTreeMap::new();
        let (mut short, mut names) = (0, 0);
        for (message, Hit { value, label, .. }) in hits {
            let name = scanner.label(*label).as_str();
            let counted: Vec<&str> = match name {
                "PERSON" => sure_parts(value),
                "USERNAME" if is_own(value) => vec![value],
                _ if is_long(value) => vec![value],
                _ if IDENTIFYING.contains(&name) && is_telling(value) => vec![value],
                _ => continue,
            };
            for value in counted {
                if value.len() > LONGEST || values.contains_key(value) {
                    continue;
                }
                let other = match name {
                    "PERSON" if names < MOST => other_ways(value),
                    _ => Other::None,
                };
                let plain =
                    (is_long(value) || short < MOST) && scanner.scan_both(value).spans.is_empty();
                if plain || other != Other::None {
                    short += usize::from(plain && !is_long(value));
                    names += usize::from(other != Other::None);
                    values.insert(value, (*label, message, plain, other));
                }
            }
        }
        if values.is_empty() {
            return Ok(None);
        }
        let turns = turns();
        let mut known = Vec::with_capacity(values.len());
        let mut patterns: Vec<String> = Vec::with_capacity(values.len());
        for (value, (label, message, plain, other)) in values {
            for way in ways(value, other) {
                patterns.push(way);
                let first = turn(&turns, message);
                known.push(Known { value: value.to_owned(), label, first, plain, other });
            }
        }
        // Overlapping matches: a longer value that a later turn names hides no shorter one before it.
        let values = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .ascii_case_insensitive(true)
            .build(patterns)
            .map_err(|_| Refusal::MaskUnstable { path: "$".to_owned() })?;
        Ok(Some(Self { values, known, turns }))
    }

    /// `found` in `text` of a message, together with the values known there that stand there as words.
    pub(super) fn add<'f>(
        &self,
        at: At<'_>,
        message: Option<usize>,
        text: &str,
        found: &'f Found,
    ) -> Cow<'f, Found> {
        let mut echoes = self
            .matches(message, text)
            .filter(|(range, label)| match at.scanner.label(*label).as_str() {
                "PERSON" => stands_alone(text, range.clone()),
                _ => is_whole(text, range.clone()),
            })
            .filter(|(_, label)| at.scanner.action(*label) != Action::Allow)
            .map(|(Range { start, end }, label)| Span {
                start,
                end,
                label,
                score: SCORE,
                detector: "echo",
            })
            .filter(|span| !crosses(&found.placeholders, span))
            .peekable();
        if echoes.peek().is_none() {
            return Cow::Borrowed(found);
        }
        let mut all = found.clone();
        all.spans.extend(echoes);
        at.scanner.settle(text, &mut all.spans);
        Cow::Owned(all)
    }

    /// The label of a number of a message that is one of the values known there.
    pub(super) fn number(&self, message: Option<usize>, raw: &str) -> Option<LabelId> {
        let mut whole = self.matches(message, raw).filter(|(range, _)| *range == (0..raw.len()));
        whole.next().map(|(_, label)| label)
    }

    fn matches(
        &self,
        message: Option<usize>,
        text: &str,
    ) -> impl Iterator<Item = (Range<usize>, LabelId)> {
        let now = turn(&self.turns, message);
        self.values.find_overlapping_iter(text).filter_map(move |hit| {
            let known = &self.known[hit.pattern().as_usize()];
            let counts = known.first <= now && known.counts(text.get(hit.range())?);
            counts.then_some((hit.range(), known.label))
        })
    }
}

/// The turn of a message; what stands outside of the conversation is sent with the first one.
fn turn(turns: &[u32], message: Option<usize>) -> u32 {
    message.map_or(0, |message| turns.get(message).copied().unwrap_or(u32::MAX))
}

/// In which other ways a name may be written: only one of several words.
fn other_ways(name: &str) -> Other {
    match (name.contains(' '), means_nothing_else(name)) {
        (false, _) => Other::None,
        (true, false) => Other::Capital,
        (true, true) => Other::Any,
    }
}

/// What to look for: ASCII letters match in both cases, so those of other letters only are written out.
fn ways(value: &str, other: Other) -> Vec<String> {
    let mut ways = vec![value.to_owned()];
    if other == Other::None {
        return ways;
    }
    if !value.is_ascii() {
        ways.extend([value.to_lowercase(), value.to_uppercase()]);
        ways.dedup();
    }
    for i in 0..ways.len() {
        ways.extend(["  ", "\n"].map(|gap| ways[i].replace(' ', gap)));
    }
    ways
}

fn digits(value: &str) -> usize {
    value.bytes().filter(u8::is_ascii_digit).count()
}

/// Whether a value is so long a number that it is nothing else.
fn is_long(value: &str) -> bool {
    !value.bytes().any(|b| b.is_ascii_alphabetic()) && digits(value) >= MIN_DIGITS
}

/// Whether a shorter number that a label gave away is nothing else: no date, version, round or short number.
fn is_telling(value: &str) -> bool {
    let all: Vec<u8> = value.bytes().filter(u8::is_ascii_digit).collect();
    if value.bytes().any(|b| b.is_ascii_alphabetic()) {
        return all.len() >= MIN_BESIDE_LETTERS && value.len() > MIN_BESIDE_LETTERS;
    }
    let parts: Vec<&str> = value.split(|c: char| !c.is_ascii_digit()).collect();
    let significant = all.len() - all.iter().rev().take_while(|b| **b == b'0').count();
    let round = significant <= 3
        || all.windows(2).all(|pair| pair[0] == pair[1])
        || all.windows(2).all(|pair| pair[0].abs_diff(pair[1]) == 1);
    let year = |part: &str| part.len() == 4 && (part.starts_with("19") || part.starts_with("20"));
    let date = match parts.as_slice() {
        [one] => {
            let (head, tail) = (one.get(..4), one.get(one.len().saturating_sub(4)..));
            matches!(one.len(), 6 | 8) && (head.is_some_and(year) || tail.is_some_and(year))
        }
        [_, _, _] => parts.iter().all(|part| part.len() <= 2 || year(part)),
        _ => false,
    };
    let version = parts.len() > 1 && value.bytes().all(|b| b == b'.' || b.is_ascii_digit());
    all.len() >= MIN_ALONE && !round && !date && !version
}

/// Whether what stands there goes on on neither side, as a word or as a number.
fn is_whole(text: &str, range: Range<usize>) -> bool {
    let bytes = text.as_bytes();
    let long = is_long(&text[range.clone()]);
    let at = |i: Option<usize>| i.and_then(|i| bytes.get(i)).copied().unwrap_or(b' ');
    let (before, behind) = (at(range.start.checked_sub(1)), at(Some(range.end)));
    let goes_on = |b: u8| b.is_ascii_digit() || !long && b.is_ascii_alphabetic();
    let joins = |b: u8| !long && matches!(b, b'.' | b',' | b'-');
    let before_it = goes_on(before) && !spelled_escape(bytes, range.start)
        || joins(before) && at(range.start.checked_sub(2)).is_ascii_digit();
    let behind_it = goes_on(behind) || joins(behind) && at(Some(range.end + 1)).is_ascii_digit();
    !before_it && !behind_it
}

/// Labels of values that belong to one person, and that a word beside them gives away.
const IDENTIFYING: [&str; 7] = [
    "MEDICAL_ID",
    "NATIONAL_ID",
    "PASSPORT",
    "DRIVER_LICENSE",
    "BANK_ACCOUNT",
    "VEHICLE_ID",
    "PHONE",
];
/// Of values that are no long numbers; more are found where they stand only.
const MOST: usize = 512;
/// So the matches that end at one byte are few.
const LONGEST: usize = 64;
/// Numbers of so many digits are nothing else.
const MIN_DIGITS: usize = 9;
/// Of a number that only its label gave away.
const MIN_ALONE: usize = 6;
/// The same for one with letters in it.
const MIN_BESIDE_LETTERS: usize = 4;
/// Below every detector: what it sees for itself is the better reason.
const SCORE: u8 = 50;
