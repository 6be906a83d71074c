//! Values that only a word beside them gives away, found again where that word is missing.
//!
//! `phone: 4155550132` tells what the number is; `she has 4155550132 now`, later in the same request, does not.

use std::borrow::Cow;
use std::collections::BTreeMap;

use aho_corasick::{AhoCorasick, MatchKind};

use super::nested::Hit;
use super::{At, Masker, Refusal};
use crate::redact::Action;
use crate::redact::scan::{Found, LabelId, Span};

/// The values of one request that count wherever they stand.
pub(super) struct Echoes {
    values: AhoCorasick,
    labels: Vec<LabelId>,
}

impl Echoes {
    /// Those of `hits` that no detector would find by themselves; `None` where there are none.
    pub(super) fn of<'h>(
        masker: &Masker,
        hits: impl Iterator<Item = &'h Hit>,
    ) -> Result<Option<Self>, Refusal> {
        let mut values: BTreeMap<&str, LabelId> = BTreeMap::new();
        for Hit { value, label, .. } in hits {
            let digits = value.bytes().filter(u8::is_ascii_digit).count();
            if digits >= MIN_DIGITS
                && !value.bytes().any(|b| b.is_ascii_alphabetic())
                && !values.contains_key(value.as_str())
                && masker.scanner().scan_both(value).spans.is_empty()
            {
                values.insert(value, *label);
            }
        }
        if values.is_empty() {
            return Ok(None);
        }
        let labels = values.values().copied().collect();
        let values = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(values.keys())
            .map_err(|_| Refusal::MaskUnstable { path: "$".to_owned() })?;
        Ok(Some(Self { values, labels }))
    }

    /// `found` in `text`, together with the values of this request that stand there as words.
    pub(super) fn add<'f>(&self, at: At<'_>, text: &str, found: &'f Found) -> Cow<'f, Found> {
        let bytes = text.as_bytes();
        let word = |i: Option<usize>| i.and_then(|i| bytes.get(i)).is_some_and(u8::is_ascii_digit);
        let echoes = self
            .values
            .find_iter(text)
            .filter(|hit| !word(hit.start().checked_sub(1)) && !word(Some(hit.end())));
        let mut echoes = echoes
            .filter(|hit| {
                let label = self.labels[hit.pattern().as_usize()];
                at.scanner.action(label) != Action::Allow
            })
            .map(|hit| Span {
                start: hit.start(),
                end: hit.end(),
                label: self.labels[hit.pattern().as_usize()],
                score: SCORE,
                detector: "echo",
            })
            .peekable();
        if echoes.peek().is_none() {
            return Cow::Borrowed(found);
        }
        let mut all = found.clone();
        all.spans.extend(echoes);
        at.scanner.settle(text, &mut all.spans);
        Cow::Owned(all)
    }

    /// The label of a number that is one of these values.
    pub(super) fn number(&self, raw: &str) -> Option<LabelId> {
        let hit = self.values.find(raw)?;
        (hit.range() == (0..raw.len())).then(|| self.labels[hit.pattern().as_usize()])
    }
}

/// Fewer are no telephone number and no identity number.
const MIN_DIGITS: usize = 9;
/// Below every detector: what it sees for itself is the better reason.
const SCORE: u8 = 50;
