//! Texts that the configuration lists: those that are always found, and those in which nothing is.
//!
//! One automaton per list, built once; the second is asked only where there are hits at all.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use aho_corasick::{AhoCorasick, MatchKind};

use super::{LabelId, ScannerError, Span, wrap};
use crate::redact::{Label, Policy};

/// The lists of one policy, ready to be looked for.
#[derive(Default)]
pub(super) struct Lists {
    denied: Option<(AhoCorasick, Vec<LabelId>)>,
    allowed: Option<AhoCorasick>,
}

impl Lists {
    /// Those of `policy`; `label` tells which labels are wanted.
    pub(super) fn new(
        policy: &Policy,
        mut label: impl FnMut(&Label) -> Option<LabelId>,
    ) -> Result<Self, ScannerError> {
        let mut texts: BTreeMap<String, LabelId> = BTreeMap::new();
        for (name, list) in &policy.deny {
            let Some(id) = label(name) else { continue };
            for text in list.iter().filter(|text| !text.is_empty()) {
                for spelling in spellings(text) {
                    texts.entry(spelling).or_insert(id);
                }
            }
        }
        let denied = match texts.is_empty() {
            true => None,
            false => {
                let kind = MatchKind::Standard;
                Some((automaton(texts.keys(), Case::Any, kind)?, texts.into_values().collect()))
            }
        };
        let allow: BTreeSet<_> = policy.allow.iter().filter(|text| !text.is_empty()).collect();
        let allowed = match allow.is_empty() {
            true => None,
            false => Some(automaton(allow, Case::Exact, MatchKind::LeftmostLongest)?),
        };
        Ok(Self { denied, allowed })
    }

    /// Whether there is anything to find.
    pub(super) fn denies(&self) -> bool {
        self.denied.is_some()
    }

    /// Appends what is denied in `text`.
    pub(super) fn find(&self, text: &str, found: &mut Vec<Span>) {
        let Some((automaton, labels)) = &self.denied else { return };
        let span = |range: Range<usize>, pattern: usize| Span {
            start: range.start,
            end: range.end,
            label: labels[pattern],
            score: SCORE,
            detector: DENIED,
        };
        // The gravest of those that overlap counts, not the first.
        let plain = automaton.find_overlapping_iter(text);
        found.extend(plain.map(|hit| span(hit.range(), hit.pattern().as_usize())));
        let Some(view) = wrap::unwrapped(text) else { return };
        // What is the same in both has been found.
        let wrapped = automaton
            .find_overlapping_iter(view.text())
            .filter(|hit| view.weakness(&hit.range()).is_some());
        found.extend(wrapped.map(|hit| span(view.source(&hit.range()), hit.pattern().as_usize())));
    }

    /// Takes out of `found[base..]`, hits of `text`, what lies inside an allowed text.
    pub(super) fn spare(&self, text: &str, found: &mut Vec<Span>, base: usize) {
        let Some(automaton) = &self.allowed else { return };
        if found.len() == base {
            return;
        }
        let spared: Vec<_> = automaton.find_iter(text).map(|hit| hit.range()).collect();
        if spared.is_empty() {
            return;
        }
        let mut at = 0;
        found.retain(|hit| {
            at += 1;
            if at <= base || hit.detector == DENIED {
                return true;
            }
            let before = spared.partition_point(|range| range.start <= hit.start);
            before == 0 || spared[before - 1].end < hit.end
        });
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Case {
    Any,
    Exact,
}

fn automaton<T: AsRef<[u8]>>(
    texts: impl IntoIterator<Item = T>,
    case: Case,
    kind: MatchKind,
) -> Result<AhoCorasick, ScannerError> {
    AhoCorasick::builder()
        .match_kind(kind)
        .ascii_case_insensitive(case == Case::Any)
        .build(texts)
        .map_err(|error| ScannerError::Triggers(error.to_string()))
}

/// The automaton knows the cases of ASCII only, and texts are looked at with single blanks as well.
fn spellings(text: &str) -> BTreeSet<String> {
    let cases = |text: &str| [text.to_owned(), text.to_lowercase(), text.to_uppercase()];
    let collapsed = wrap::collapsed(text);
    let mut spellings = BTreeSet::from(cases(text));
    if collapsed != " " {
        spellings.extend(cases(&collapsed));
    }
    spellings
}

/// What is listed is what it is called.
const SCORE: u8 = 100;
/// The detector of what is denied.
pub(in crate::redact) const DENIED: &str = "deny";
