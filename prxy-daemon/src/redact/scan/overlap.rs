//! Which of several overlapping hits stays.

use super::{LabelId, Span};
use crate::redact::{Action, Label};

/// Keeps of `found[base..]` the longest hits, then the surest, then the first, then by label; sorts what stays.
///
/// Hits that refuse or route come before all others: no longer hit around one may turn that into a mask.
pub(in crate::redact) fn resolve<'a>(
    found: &mut Vec<Span>,
    base: usize,
    label: impl Fn(LabelId) -> &'a (Label, Action),
) {
    if found.len() - base < 2 {
        return;
    }
    let hits = &mut found[base..];
    hits.sort_unstable_by_key(|hit| (hit.start, hit.end));
    if hits.windows(2).all(|pair| pair[0].end <= pair[1].start) {
        return;
    }
    let mut ranked = found.split_off(base);
    ranked.sort_by(|a, b| {
        let rank = |hit: &Span| (grave(label(hit.label).1), hit.end - hit.start, hit.score);
        rank(b)
            .cmp(&rank(a))
            .then_with(|| a.start.cmp(&b.start))
            .then_with(|| label(a.label).0.cmp(&label(b.label).0))
            .then_with(|| a.detector.cmp(b.detector))
    });
    let mut taken = std::collections::BTreeMap::new();
    for hit in ranked {
        let before = taken.range(..hit.end).next_back();
        if before.is_none_or(|(_, end)| *end <= hit.start) {
            taken.insert(hit.start, hit.end);
            found.push(hit);
        }
    }
    found[base..].sort_unstable_by_key(|hit| hit.start);
}

/// Masking and what is weaker count alike.
fn grave(action: Action) -> Action {
    action.max(Action::Mask)
}
