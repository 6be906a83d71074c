//! What follows from names that were found: second mentions.
//!
//! Not for finding the first mention: that is `person`.

use std::ops::Range;

use super::lexicon::*;
use super::lone::doubtful_again;
use super::name::joined;
use super::person::{NAME, code_around};
use super::{Detector, Trigger};

pub(super) const AGAIN: Detector = Detector {
    name: "person-again",
    shape: "a part of a name that stands whole elsewhere in the text",
    validator: "capitalised, and no ordinary word",
    score: 55,
    trigger: Trigger::Sweep(again),
    find: |_, _| None,
    positives: &[
        "⟦Anna Weber⟧ and Herr ⟦Zuiopmann⟧ met; ⟦Zuiopmann⟧ left.",
        "id,first_name,last_name,city\n1,⟦Qwert⟧,⟦Zuiop⟧,Ulm\n2,⟦Asdf⟧,⟦Ghjkl⟧,Bonn\n",
        "| Name | Age |\n|---|---|\n| ⟦Anna Weber⟧ | 3 |\n| ⟦Paul⟧ | 4 |\n",
    ],
    look_alikes: &[
        "id,name,price\n1,Widget,3\n2,Gadget,4\n",
        "Name,Type\nfoo,bar\n",
        "| Name | Type |\n|---|---|\n| Timeout | int |\n",
    ],
    ..NAME
};

/// What of a name counts wherever it stands: each part that means nothing else, and the whole of several parts.
///
/// `Will` and `May` are words too; `Grace Young` is nobody but her.
pub(in crate::redact) fn sure_parts(name: &str) -> Vec<&str> {
    let bytes = name.as_bytes();
    let (mut parts, mut words) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < bytes.len() && words.len() < 6 {
        let Some(part) = joined(bytes, at) else {
            at += 1;
            continue;
        };
        let written = part.case == Case::Title
            || part.case == Case::Upper && part.is(GIVEN | FAMILY | PINYIN);
        if written && part.len() > 3 && !part.is(OTHER) {
            parts.extend(name.get(part.start..part.end));
        }
        words.push(part);
        at = part.end.max(at + 1);
    }
    let named = words.iter().filter(|word| word.capital() && !word.no_name()).count();
    let whole = named > 1
        && words.iter().all(|word| !word.no_name() || word.is(PARTICLE))
        && words
            .iter()
            .any(|word| (word.is(GIVEN | FAMILY | PINYIN) || word.class == 0) && word.len() > 4);
    if whole && name.len() <= LONGEST && words.last().is_some_and(|last| last.end == name.len()) {
        parts.push(name);
    }
    parts
}

/// Whether a word of `name` means nothing else, so that the whole counts in lower case too.
pub(in crate::redact) fn means_nothing_else(name: &str) -> bool {
    name.split(' ').any(|part| {
        joined(part.as_bytes(), 0).is_some_and(|word| word.len() > 3 && !word.is(OTHER))
    })
}

/// Whether a name that stands at `range` goes on on neither side, and is no part of code.
pub(in crate::redact) fn stands_alone(text: &str, range: Range<usize>) -> bool {
    let bytes = text.as_bytes();
    let letter = |c: char| c.is_alphanumeric() || matches!(c, '_' | '@');
    let inner = text[..range.start].chars().next_back().is_some_and(letter)
        && !super::text::spelled_escape(bytes, range.start);
    let last =
        text[range.clone()].rfind([' ', '\n']).map_or(range.start, |blank| range.start + blank + 1);
    let ends = |word: &Word| word.end == range.end;
    let (first, last) = (joined(bytes, range.start), joined(bytes, last).filter(ends));
    !inner
        && first.zip(last).is_some_and(|(a, b)| !code_around(bytes, &a) && !code_around(bytes, &b))
}

/// Parts of the names of `people` that stand alone elsewhere in `text`.
fn again(text: &str, people: &[Range<usize>], found: &mut Vec<Range<usize>>) {
    let bytes = text.as_bytes();
    let mut parts: Vec<u64> = Vec::new();
    // Those that are ordinary words too.
    let mut doubtful: Vec<u64> = Vec::new();
    // The first bytes of both: most capitals end there.
    let mut firsts = [false; 256];
    let mut shortest = usize::MAX;
    for range in people {
        let mut at = range.start;
        for _ in 0..6 {
            let Some(part) = joined(bytes, at).filter(|part| part.end <= range.end) else { break };
            let counts = part.case == Case::Title || part.case == Case::Upper;
            if counts && part.len() > 2 && !part.is(ORDINARY | PLACE | TITLE | PARTICLE) {
                parts.push(hash(&part));
                firsts[usize::from(bytes[at])] = true;
                shortest = shortest.min(part.len());
            } else if counts && part.len() > 2 && part.is(GIVEN) && !part.is(PLACE | TITLE) {
                doubtful.push(hash(&part));
                firsts[usize::from(bytes[at])] = true;
                shortest = shortest.min(part.len());
            }
            at = part.end
                + bytes[part.end..range.end]
                    .iter()
                    .take_while(|b| !b.is_ascii_alphabetic() && **b < 0xc3)
                    .count();
        }
    }
    if parts.is_empty() && doubtful.is_empty() {
        return;
    }
    for list in [&mut parts, &mut doubtful] {
        list.sort_unstable();
        list.dedup();
    }
    let holds = |list: &[u64], word: &Word| list.binary_search(&hash(word)).is_ok();
    let mut at = 0;
    while let Some(skip) = bytes[at..].iter().position(|b| firsts[usize::from(*b)]) {
        let start = at + skip;
        let inner = start > 0
            && (bytes[start - 1].is_ascii_alphanumeric()
                || matches!(bytes[start - 1], b'_' | b'@' | 0x80..))
            && !super::text::spelled_escape(bytes, start);
        let Some(name) = word(bytes, start).filter(|_| !inner) else {
            at = start + 1;
            continue;
        };
        at = name.end;
        let known = name.len() >= shortest
            && match name.case {
                Case::Title => {
                    holds(&parts, &name) || holds(&doubtful, &name) && doubtful_again(bytes, &name)
                }
                Case::Upper => name.len() > 3 && holds(&parts, &name),
                _ => false,
            };
        if known && !code_around(bytes, &name) && !bytes[name.end..].starts_with(b" ..") {
            let whole = joined(bytes, start).unwrap_or(name);
            found.push(start..whole.end);
            at = whole.end;
        }
    }
}

/// What makes a word mean something else than a name.
const OTHER: Class = ORDINARY | PLACE | TITLE | ROLE | PARTICLE | KIND | LEGAL | STREET | TERM;
/// No name of one person is longer.
const LONGEST: usize = 60;
