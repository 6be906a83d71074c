//! The tables, for the terminal and docs/quality.md, and the floors.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context, Result, bail};

use crate::score::{Counts, Score, share};

/// A part of the corpus with its figures.
pub(crate) struct Part {
    pub(crate) name: &'static str,
    pub(crate) texts: usize,
    pub(crate) score: Score,
}

/// Every table, as Markdown.
pub(crate) fn tables(parts: &[Part]) -> String {
    let mut out = String::new();
    for part in parts {
        let _ = writeln!(out, "### {} ({} texts)\n", part.name, part.texts);
        group(&mut out, "label", &part.score.labels, Some(&part.score.all));
    }
    out.push_str("### Nothing to hide\n\nTexts without any sensitive value, and what surrounds values in the others.\n\n");
    out.push_str("| part | texts | hit | characters | hidden for nothing | around values |\n");
    out.push_str("|---|--:|--:|--:|--:|--:|\n");
    for part in parts {
        let (over, around) = (&part.score.look_alikes, &part.score.around);
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {:.2} % | {:.2} % |",
            part.name,
            over.texts,
            over.texts_hit,
            over.characters,
            100.0 * share(over.characters_hit, over.characters),
            100.0 * share(around.characters_hit, around.characters),
        );
    }
    out.push('\n');
    for part in parts {
        let _ = writeln!(out, "### {} by language and by format\n", part.name);
        group(&mut out, "language", &part.score.languages, None);
        group(&mut out, "format", &part.score.formats, None);
    }
    out
}

fn group(out: &mut String, what: &str, rows: &BTreeMap<String, Counts>, all: Option<&Counts>) {
    let head = "gold | found | precision | recall | F1 | F1 exact | leaked";
    let _ = writeln!(out, "| {what} | {head} |\n|---|--:|--:|--:|--:|--:|--:|--:|");
    let all = all.map(|counts| ("all", counts));
    for (name, counts) in rows.iter().map(|(name, counts)| (name.as_str(), counts)).chain(all) {
        let _ = writeln!(
            out,
            "| {name} | {} | {} | {:.3} | {:.3} | {:.3} | {:.3} | {:.1} % |",
            counts.gold,
            counts.found,
            counts.precision(),
            counts.recall(),
            counts.f1(),
            counts.strict_f1(),
            100.0 * counts.leak(),
        );
    }
    out.push('\n');
}

/// `text` with everything between the markers replaced.
pub(crate) fn between_markers(text: &str, tables: &str) -> Result<String> {
    let (before, rest) = text.split_once(BEGIN).context("docs/quality.md: no begin marker")?;
    let (_, after) = rest.split_once(END).context("docs/quality.md: no end marker")?;
    Ok(format!("{before}{BEGIN}\n\n{tables}{END}{after}"))
}

/// The floors that these figures give, with some slack.
pub(crate) fn floors(parts: &[Part]) -> String {
    let mut out = String::from(FLOORS_HEAD);
    for part in parts {
        for (label, counts) in part.score.labels.iter().filter(|(_, counts)| counts.gold > 0) {
            let floor = (counts.f1() - SLACK).max(0.0);
            let ceiling = (counts.leak() + SLACK).min(1.0);
            let _ = writeln!(out, "{} {label} {floor:.3} {ceiling:.3}", part.name);
        }
        let over = &part.score.look_alikes;
        let ceiling = share(over.texts_hit, over.texts) + SLACK / 2.0;
        let _ = writeln!(out, "{} {LOOK_ALIKES} {:.3} {ceiling:.3}", part.name, 0.0);
    }
    out
}

/// Every figure that is worse than its floor.
pub(crate) fn below(parts: &[Part], floors: &str) -> Result<Vec<String>> {
    let mut worse = Vec::new();
    for line in floors.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let words: Vec<&str> = line.split(' ').collect();
        let [part, label, floor, ceiling] = words[..] else { bail!("floors.txt: {line}") };
        let (floor, ceiling): (f64, f64) = (floor.parse()?, ceiling.parse()?);
        let named = parts.iter().find(|one| one.name == part);
        let score = &named.with_context(|| format!("floors.txt: no part {part}"))?.score;
        if label == LOOK_ALIKES {
            let hit = share(score.look_alikes.texts_hit, score.look_alikes.texts);
            if hit > ceiling {
                worse.push(format!("{part}: {hit:.3} of the look-alikes hit, at most {ceiling}"));
            }
            continue;
        }
        let counts = score.labels.get(label).copied().unwrap_or_default();
        if counts.f1() < floor {
            worse.push(format!("{part}: {label}: F1 {:.3}, at least {floor}", counts.f1()));
        }
        if counts.leak() > ceiling {
            worse.push(format!("{part}: {label}: leak {:.3}, at most {ceiling}", counts.leak()));
        }
    }
    Ok(worse)
}

const BEGIN: &str = "<!-- figures: begin -->";
const END: &str = "<!-- figures: end -->";
const LOOK_ALIKES: &str = "LOOK_ALIKES";
const SLACK: f64 = 0.02;
const FLOORS_HEAD: &str = "\
# PART LABEL F1-AT-LEAST LEAK-AT-MOST; LOOK_ALIKES: share of texts without any value that are hit.
# Written by `cargo xtask quality --floors`; raise it when the detectors get better.
";

#[cfg(test)]
mod tests {
    use super::*;

    fn part(f1: (usize, usize), leaked: usize, hit: usize) -> Part {
        let mut score = Score::default();
        let (gold, met) = f1;
        let counts =
            Counts { gold, met, found: met, right: met, exact: met, characters: 100, leaked };
        score.labels.insert("EMAIL".into(), counts);
        score.look_alikes.texts = 100;
        score.look_alikes.texts_hit = hit;
        Part { name: "dev", texts: 1, score }
    }

    #[test]
    fn a_figure_that_falls_below_its_floor_is_told_and_one_within_the_slack_is_not() {
        let floors = floors(&[part((100, 90), 10, 3)]);
        assert_eq!(below(&[part((100, 89), 11, 4)], &floors).unwrap(), Vec::<String>::new());
        let worse = below(&[part((100, 80), 20, 9)], &floors).unwrap();
        assert_eq!(worse.len(), 3, "{worse:?}");
        assert!(below(&[], &floors).is_err());
    }

    #[test]
    fn only_what_stands_between_the_markers_is_replaced() {
        let text = format!("a\n{BEGIN}\nold\n{END}\nb\n");
        let new = between_markers(&text, "new\n").unwrap();
        assert_eq!(new, format!("a\n{BEGIN}\n\nnew\n{END}\nb\n"));
        assert!(between_markers("a", "new").is_err());
    }
}
