//! What an answer says that solved a problem.

use super::cues;
use super::problem::{Told, sentences};

/// What is known of the problem, and so what an answer must say to be learned from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Knows {
    /// That there is one.
    Problem(Told),
    /// That a tool failed first and succeeded afterwards.
    Success,
    /// That the user says that it worked.
    Word,
}

/// The remedy that an answer names; `None` unless it is sure of it.
pub(super) fn of(answer: &str, knows: Knows) -> Option<String> {
    let answer = &answer[..answer.floor_char_boundary(MAX_ANSWER)];
    if cues::UNSAFE.is_in(answer) {
        return None;
    }
    let units = units(answer);
    let sure = |at: usize| match &units[at] {
        Unit::Said(text) => {
            let hedged = knows != Knows::Word && cues::HEDGE.is_in(text);
            !hedged && !text.ends_with('?')
        }
        Unit::Code(_) => true,
    };
    let says = |at: usize, cue: &cues::Cue| {
        matches!(&units[at], Unit::Said(text) if cue.is_in(text)) && sure(at)
    };
    let orders = |at: usize| {
        let parts = |text: &str| text.split([':', ',']).any(|part| cues::ORDER.is_in(part.trim()));
        matches!(&units[at], Unit::Said(text) if parts(text)) && sure(at)
    };
    let fixes = |at: usize| says(at, &cues::FIX) || says(at, &cues::DONE) || orders(at);
    let all = 0..units.len();
    let cause = all.clone().find(|at| says(*at, &cues::CAUSE));
    let (from, to) = match cause {
        Some(cause) => {
            let behind = cause..units.len().min(cause + REACH);
            // The next sentence says what was done; the cause may sound as if it did.
            let next = behind.clone().skip(1).take(2).find(|at| fixes(*at));
            let fix = next.or_else(|| behind.clone().find(|at| fixes(*at)));
            let code = behind.clone().find(|at| matches!(units[*at], Unit::Code(_)));
            let enough = match knows {
                Knows::Problem(Told::InWords) => false,
                Knows::Problem(Told::ByProgram) => says(cause, &cues::FOUND),
                Knows::Success | Knows::Word => true,
            };
            match fix.or(code) {
                Some(fix) => (cause, fix),
                None if enough => (cause, cause),
                None => return None,
            }
        }
        None => {
            let named = |at: &usize| match knows {
                Knows::Problem(Told::InWords) => false,
                Knows::Problem(Told::ByProgram) => says(*at, &cues::FIX) && !is_bare(&units[*at]),
                Knows::Success => says(*at, &cues::FIX) || says(*at, &cues::DONE),
                Knows::Word => fixes(*at),
            };
            let at = all.clone().find(named)?;
            (at, at)
        }
    };
    let mut remedy = String::new();
    let mut put = |unit: &Unit| {
        let text = match unit {
            Unit::Said(text) => text.clone(),
            Unit::Code(code) => format!("`{}`", code.trim()),
        };
        if remedy.len() + text.len() < MAX_REMEDY {
            if !remedy.is_empty() {
                remedy.push(' ');
            }
            remedy.push_str(&text);
        }
    };
    put(&units[from]);
    if to != from {
        put(&units[to]);
    }
    // What it leads to: the line to run, the lines to write.
    if let Some(Unit::Code(code)) = units.get(to + 1)
        && !matches!(units[to], Unit::Code(_))
        && code.len() <= MAX_CODE
    {
        put(&units[to + 1]);
    }
    let remedy = remedy.split_whitespace().collect::<Vec<_>>().join(" ");
    let says = remedy.split_whitespace().count() >= 4 && remedy.len() >= 20;
    (says && !cues::UNSAFE.is_in(&remedy)).then_some(remedy)
}

/// `You need to look at it.`: nothing that anybody could do.
fn is_bare(unit: &Unit) -> bool {
    matches!(unit, Unit::Said(text) if text.split_whitespace().count() < 5 && !text.contains('`'))
}

enum Unit {
    /// A sentence.
    Said(String),
    /// What stands between fences.
    Code(String),
}

/// The sentences and the code of an answer in their order.
fn units(answer: &str) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::new();
    let mut code: Option<String> = None;
    // A heading, which says what the next sentence is.
    let mut heading: Option<String> = None;
    for line in answer.lines() {
        let trimmed = line.trim();
        if trimmed.starts_with("```") || trimmed.starts_with("~~~") {
            match code.take() {
                Some(code) => units.push(Unit::Code(code)),
                None => {
                    units.extend(heading.take().map(Unit::Said));
                    code = Some(String::new());
                }
            }
            continue;
        }
        if let Some(code) = &mut code {
            if code.len() < MAX_CODE + 1 {
                code.push_str(trimmed);
                code.push('\n');
            }
            continue;
        }
        let plain = trimmed.replace("**", "");
        let plain = plain.trim_start_matches(['#', '>', '-', '*', '•', ' ']);
        if plain.is_empty() {
            continue;
        }
        let is_heading = plain.split_whitespace().count() <= 3
            && (trimmed.starts_with('#') || plain.ends_with(':') || trimmed.ends_with("**"));
        if is_heading && heading.is_none() {
            heading = Some(plain.trim_end_matches(':').to_owned());
            continue;
        }
        for sentence in sentences(plain) {
            units.push(Unit::Said(match heading.take() {
                Some(heading) => format!("{heading}: {sentence}"),
                None => sentence.to_owned(),
            }));
        }
    }
    if let Some(code) = code {
        units.push(Unit::Code(code));
    }
    units
}

/// How far behind a cause its remedy may stand, in sentences.
const REACH: usize = 6;
const MAX_ANSWER: usize = 32 * 1024;
const MAX_REMEDY: usize = 600;
const MAX_CODE: usize = 240;
