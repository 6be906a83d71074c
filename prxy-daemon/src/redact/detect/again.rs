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
