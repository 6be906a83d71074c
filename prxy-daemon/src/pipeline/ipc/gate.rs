//! What is added to a request must get past the broker, which looks at every text again.
//!
//! Sentences that are harmless where they stood may be read as one value side by side. Whatever
//! would be refused is left out: a request must not be refused for what we have added.

use std::ops::Range;

use crate::json;
use crate::provider::Surface;
use crate::provider::conversation::Item;
use crate::redact::mask::Masker;

use super::append;

/// The broker's judgement of requests of one client to one provider.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gate<'m> {
    pub(super) masker: &'m Masker,
    pub(super) surface: Surface,
    /// The provider and the client, which decide about the rules.
    pub(super) whose: &'m str,
}

impl Gate<'_> {
    /// Whether an item of `body` may be sent with `text` at its end.
    pub(super) fn admits(self, body: &[u8], item: &Item<'_>, text: &str) -> bool {
        let list = match self.surface {
            Surface::Responses => "input",
            Surface::Generate => "contents",
            _ => "messages",
        };
        // Every text is judged alone, by where it stands and who says it.
        let Range { start, end } = item.node.range;
        let mut edits = json::Edits::new();
        edits.replace(0..start, format!("{{\"{list}\":[").as_bytes());
        append(&mut edits, item, text);
        edits.replace(end..body.len(), b"]}");
        let alone = edits.apply(body);
        json::walk(&alone, &mut self.masker.checker(self.surface, &alone)).is_ok()
    }
}

/// As many of `pieces`, in order, as `passes` takes together.
pub(super) fn passing<T: Copy>(pieces: &[T], passes: impl Fn(&[T]) -> bool) -> Vec<T> {
    let mut kept = Vec::new();
    add(&mut kept, pieces, &passes);
    kept
}

/// By halves: that all pass is the rule.
fn add<T: Copy>(kept: &mut Vec<T>, more: &[T], passes: &impl Fn(&[T]) -> bool) {
    let before = kept.len();
    kept.extend_from_slice(more);
    if more.is_empty() || passes(kept) {
        return;
    }
    kept.truncate(before);
    if more.len() > 1 {
        let (first, second) = more.split_at(more.len() / 2);
        add(kept, first, passes);
        add(kept, second, passes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_pass_with_the_others_is_left_out_and_nothing_else() {
        let check = |bad: &[u8], expected: &[u8]| {
            let all: Vec<u8> = (0..20).collect();
            let passes = |kept: &[u8]| !kept.iter().any(|n| bad.contains(n));
            assert_eq!(passing(&all, passes), expected);
        };
        let without = |bad: &[u8]| -> Vec<u8> { (0..20).filter(|n| !bad.contains(n)).collect() };
        for bad in [&[][..], &[0], &[19], &[3, 4, 12], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]] {
            check(bad, &without(bad));
        }
        // Two that pass alone and not beside each other: the second one goes.
        let beside = |kept: &[u8]| !kept.windows(2).any(|pair| pair == [8, 9]);
        assert_eq!(passing(&(0..20).collect::<Vec<u8>>(), beside), without(&[9]));
        assert_eq!(passing(&[], |_: &[u8]| false), Vec::<u8>::new());
        assert_eq!(passing(&[1, 2, 3], |_: &[u8]| false), Vec::<u8>::new());
    }
}
