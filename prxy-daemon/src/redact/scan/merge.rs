//! Neighbouring hits of one label that are one value: `Jean` and `Luc` in `Jean-Luc`.

use std::collections::BTreeMap;

use super::{LabelId, Span};

/// Joins hits of a label that are apart by no more than its gap, in characters that may stand inside
/// of a value. `found` is sorted and has no overlaps.
pub(super) fn merge(text: &str, gaps: &BTreeMap<LabelId, usize>, found: &mut Vec<Span>) {
    if gaps.is_empty() || found.len() < 2 {
        return;
    }
    found.dedup_by(|next, last| {
        let Some(most) = gaps.get(&last.label).filter(|_| last.label == next.label) else {
            return false;
        };
        let joins = text.get(last.end..next.start).is_some_and(|gap| {
            gap.len() <= most.saturating_mul(4)
                && gap.chars().count() <= *most
                && gap.chars().all(is_gap)
        });
        if joins {
            last.end = next.end;
            last.score = last.score.max(next.score);
        }
        joins
    });
}

/// Blanks and what joins words; nothing that structures a text, such as quotes, brackets, ends of lines.
fn is_gap(symbol: char) -> bool {
    matches!(
        symbol,
        ' ' | '\t'
            | '\u{a0}'
            | '\u{3000}'
            | '-'
            | '.'
            | ','
            | '\''
            | '&'
            | '/'
            | '_'
            | '+'
            | '·'
            | '‐'..='―' | '’' | '・' | '、' | '，'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, most: usize, expected: &[&str]) {
        let mut found = Vec::new();
        for (start, word) in text.match_indices(char::is_uppercase) {
            let rest = text[start..].find(|c: char| !c.is_alphanumeric());
            let end = rest.map_or(text.len(), |len| start + len.max(word.len()));
            let label = LabelId(u16::from(text[start..end].ends_with('x')));
            found.push(Span { start, end, label, score: 60, detector: "test" });
        }
        merge(text, &BTreeMap::from([(LabelId(0), most)]), &mut found);
        let texts: Vec<_> = found.iter().map(|hit| &text[hit.start..hit.end]).collect();
        assert_eq!(texts, expected, "{text} {most}");
    }

    #[test]
    fn neighbours_become_one_where_the_gap_is_small_and_plain() {
        check("Jean-Luc", 1, &["Jean-Luc"]);
        check("Jean-Luc", 0, &["Jean", "Luc"]);
        check("Maria Gonzalez, Anna", 1, &["Maria Gonzalez", "Anna"]);
        check("Maria Gonzalez, Anna", 2, &["Maria Gonzalez, Anna"]);
        check("Maria \u{2013} Anna", 3, &["Maria \u{2013} Anna"]);
        check("Maria, my Anna", 6, &["Maria", "Anna"]);
        check("Maria\nAnna", 4, &["Maria", "Anna"]);
        check("\"Maria\",\"Anna\"", 4, &["Maria", "Anna"]);
        check("Maria <Anna", 4, &["Maria", "Anna"]);
        check("Maria Max Anna", 9, &["Maria", "Max", "Anna"]);
        check("Max Felix", 9, &["Max", "Felix"]);
    }
}
