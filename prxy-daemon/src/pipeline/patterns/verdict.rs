//! Whether a user says that what was tried before worked.

use super::cues;
use super::problem::sentences;
use crate::store::patterns::Outcome;

/// What the user says of what came before: `None` if nothing, or both.
pub(super) fn of(text: &str) -> Option<Outcome> {
    let text = text.trim();
    // Who says it, says it first, and shortly.
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let said: Vec<&str> = sentences(first).into_iter().take(3).collect();
    if text.len() > MAX_TEXT || said.is_empty() {
        return None;
    }
    let first = &first[..first.floor_char_boundary(MAX_SAID)];
    let asked = said.iter().any(|it| it.ends_with('?') || cues::ASKED.is_in(it));
    let but = BUT.iter().any(|word| first.to_lowercase().contains(word));
    let failed =
        said.iter().any(|it| cues::FAILED.is_in(it) && (!it.ends_with('?') || it.contains(',')));
    let worked = cues::WORKED.is_in(first);
    match (worked, failed) {
        (_, true) if but && worked => None,
        (_, true) => Some(Outcome::Failed),
        (true, false) if !asked && !but && !negated(first) => Some(Outcome::Worked),
        _ => None,
    }
}

/// `nearly fixed`, `not fixed`.
fn negated(text: &str) -> bool {
    let lower = text.to_lowercase();
    lower
        .split(|c: char| !c.is_alphanumeric() && c != '\'' && c != '’')
        .any(|word| NOT.contains(&word) || word.ends_with("n't") || word.ends_with("n’t"))
}

const BUT: [&str; 9] =
    [" but ", " however", " except ", " aber ", " jedoch", " mais ", " pero ", " ma ", " maar "];
const NOT: [&str; 18] = [
    "not",
    "never",
    "almost",
    "nearly",
    "partly",
    "partially",
    "nicht",
    "kein",
    "fast",
    "pas",
    "jamais",
    "presque",
    "no",
    "nunca",
    "casi",
    "non",
    "não",
    "niet",
];
const MAX_TEXT: usize = 600;
const MAX_SAID: usize = 240;
