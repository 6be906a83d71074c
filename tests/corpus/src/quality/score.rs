//! Gold spans against found ones.
//!
//! A found span is right if it overlaps a gold one of its label; a gold one is found likewise.
//! `exact` counts those whose two ends agree as well. A gold byte leaks if no found span of any label
//! covers it, whatever it is called.

use std::collections::BTreeMap;
use std::ops::{AddAssign, Range};

use prxy_corpus::Text;

/// A span that a detector reports.
#[derive(Clone, Debug)]
pub(crate) struct Hit {
    pub(crate) range: Range<usize>,
    pub(crate) label: String,
    pub(crate) detector: &'static str,
}

/// Counts of one label, language, format or all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Gold spans, and those that were found.
    pub(crate) gold: usize,
    pub(crate) met: usize,
    /// Found spans, and those that are right.
    pub(crate) found: usize,
    pub(crate) right: usize,
    /// Gold spans found to the byte.
    pub(crate) exact: usize,
    /// Gold characters, and those left uncovered.
    pub(crate) characters: usize,
    pub(crate) leaked: usize,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.gold += other.gold;
        self.met += other.met;
        self.found += other.found;
        self.right += other.right;
        self.exact += other.exact;
        self.characters += other.characters;
        self.leaked += other.leaked;
    }
}

impl Counts {
    pub(crate) fn precision(&self) -> f64 {
        share(self.right, self.found)
    }

    pub(crate) fn recall(&self) -> f64 {
        share(self.met, self.gold)
    }

    pub(crate) fn f1(&self) -> f64 {
        mean(self.precision(), self.recall())
    }

    /// F1 where only spans count whose ends agree.
    pub(crate) fn strict_f1(&self) -> f64 {
        mean(share(self.exact, self.found), share(self.exact, self.gold))
    }

    pub(crate) fn leak(&self) -> f64 {
        share(self.leaked, self.characters)
    }
}

/// What was redacted where nothing is sensitive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Over {
    pub(crate) texts: usize,
    pub(crate) texts_hit: usize,
    pub(crate) characters: usize,
    pub(crate) characters_hit: usize,
}

/// The figures of one part of the corpus.
#[derive(Clone, Debug, Default)]
pub(crate) struct Score {
    pub(crate) labels: BTreeMap<String, Counts>,
    pub(crate) languages: BTreeMap<String, Counts>,
    pub(crate) formats: BTreeMap<String, Counts>,
    pub(crate) all: Counts,
    /// Texts without any gold span.
    pub(crate) look_alikes: Over,
    /// Characters outside of gold spans, in the other texts.
    pub(crate) around: Over,
}

impl Score {
    /// Adds one text; `wanted` says which labels count.
    pub(crate) fn add(&mut self, text: &Text, hits: &[Hit], wanted: impl Fn(&str) -> bool) {
        for (label, counts) in compare(text, hits) {
            if wanted(&label) {
                *self.languages.entry(text.lang.clone()).or_default() += counts;
                *self.formats.entry(text.format.clone()).or_default() += counts;
                *self.labels.entry(label).or_default() += counts;
                self.all += counts;
            }
        }
        let over = if text.spans.is_empty() { &mut self.look_alikes } else { &mut self.around };
        let mut hit = false;
        for (at, _) in text.text.char_indices() {
            if text.spans.iter().any(|span| (span.start..span.end).contains(&at)) {
                continue;
            }
            let covered = hits.iter().any(|hit| hit.range.contains(&at) && wanted(&hit.label));
            over.characters += 1;
            over.characters_hit += usize::from(covered);
            hit |= covered;
        }
        over.texts += 1;
        over.texts_hit += usize::from(hit);
    }
}

/// The counts of one text by label.
pub(crate) fn compare(text: &Text, hits: &[Hit]) -> BTreeMap<String, Counts> {
    let mut labels: BTreeMap<String, Counts> = BTreeMap::new();
    for span in &text.spans {
        let counts = labels.entry(span.label.clone()).or_default();
        let range = span.start..span.end;
        counts.gold += 1;
        let same = || hits.iter().filter(|hit| hit.label == span.label);
        counts.met += usize::from(same().any(|hit| overlap(&hit.range, &range)));
        counts.exact += usize::from(same().any(|hit| hit.range == range));
        for (at, _) in text.text[range].char_indices() {
            let at = at + span.start;
            counts.characters += 1;
            counts.leaked += usize::from(!hits.iter().any(|hit| hit.range.contains(&at)));
        }
    }
    for hit in hits {
        let counts = labels.entry(hit.label.clone()).or_default();
        counts.found += 1;
        let right = text
            .spans
            .iter()
            .any(|span| span.label == hit.label && overlap(&hit.range, &(span.start..span.end)));
        counts.right += usize::from(right);
    }
    labels
}

pub(crate) fn overlap(a: &Range<usize>, b: &Range<usize>) -> bool {
    a.start < b.end && b.start < a.end
}

/// A part of a whole; of nothing, nothing.
pub(crate) fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

fn mean(precision: f64, recall: f64) -> f64 {
    if precision + recall == 0.0 { 0.0 } else { 2.0 * precision * recall / (precision + recall) }
}

#[cfg(test)]
mod tests {
    use prxy_corpus::Gold;

    use super::*;

    fn text(text: &str, spans: &[(Range<usize>, &str)]) -> Text {
        let gold = |(range, label): &(Range<usize>, &str)| Gold {
            start: range.start,
            end: range.end,
            label: (*label).to_owned(),
        };
        Text {
            id: "t".into(),
            lang: "en".into(),
            format: "text".into(),
            text: text.into(),
            spans: spans.iter().map(gold).collect(),
        }
    }

    fn hit(range: Range<usize>, label: &str) -> Hit {
        Hit { range, label: label.to_owned(), detector: "test" }
    }

    #[test]
    fn a_wrong_label_covers_but_does_not_count_and_a_wrong_end_is_not_exact() {
        let text = text("äbcdefghij", &[(0..3, "A"), (4..6, "B"), (8..10, "A")]);
        let hits = [hit(0..5, "A"), hit(8..10, "B")];
        let labels = compare(&text, &hits);
        let a = Counts { gold: 2, met: 1, found: 1, right: 1, exact: 0, characters: 4, leaked: 0 };
        let b = Counts { gold: 1, met: 0, found: 1, right: 0, exact: 0, characters: 2, leaked: 1 };
        assert_eq!(labels, BTreeMap::from([("A".to_owned(), a), ("B".to_owned(), b)]));
        assert_eq!((a.precision(), a.recall(), a.strict_f1(), b.leak()), (1.0, 0.5, 0.0, 0.5));
    }

    #[test]
    fn what_is_hidden_for_nothing_is_counted_in_texts_and_characters() {
        let mut score = Score::default();
        score.add(&text("äbcd", &[]), &[hit(0..3, "A")], |_| true);
        score.add(&text("abcd", &[]), &[], |_| true);
        score.add(&text("abcd", &[(0..2, "A")]), &[hit(0..3, "A")], |_| true);
        let over = Over { texts: 2, texts_hit: 1, characters: 8, characters_hit: 2 };
        assert_eq!(score.look_alikes, over);
        let around = Over { texts: 1, texts_hit: 1, characters: 2, characters_hit: 1 };
        assert_eq!(score.around, around);
        assert_eq!(score.all.precision(), 0.5);
    }
}
