//! Which problem a text speaks of, and whether two problems are alike.

use std::collections::BTreeSet;

use super::cues;
use super::cues::Cue;
use crate::pipeline::words::words;

/// What went wrong, in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) text: String,
    /// How it is told.
    pub(super) told: Told,
}

/// How a problem is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Told {
    /// By the user, in their own words.
    InWords,
    /// By the output of a program.
    ByProgram,
}

/// The problems that a user's text speaks of, the most telling first.
pub(super) fn of_user(text: &str) -> Vec<Problem> {
    let lines = lines(text);
    let mut found = by_program(&lines, From::User);
    let whole = text.trim();
    if found.is_empty() && !cues::TASK.is_in(whole) {
        for line in &lines {
            for sentence in sentences(line) {
                if cues::TROUBLE.is_in(sentence)
                    && !cues::NO_ERRORS.is_in(sentence)
                    && !cues::TASK.is_in(sentence)
                    && let Some(text) = tidy(sentence)
                {
                    found.push(Problem { text, told: Told::InWords });
                }
            }
        }
    }
    found.truncate(MOST);
    found
}

/// The problems that the output of a tool reports, the most telling first.
pub(super) fn of_tool(text: &str) -> Vec<Problem> {
    let mut found = by_program(&lines(text), From::Tool);
    found.truncate(MOST);
    found
}

/// Whether the output of a tool says that all is well.
pub(super) fn is_success(text: &str) -> bool {
    cues::PASSED.is_in(clip(text)) && of_tool(text).is_empty()
}

/// A line without what is another every time; `None` if nothing is left that says something.
pub(super) fn tidy(line: &str) -> Option<String> {
    let text = cues::NOISE.replaced(line, " ");
    let text = cues::FOLDERS.replaced(&text, "$1");
    let text = cues::LINES.replaced(&text, "$1");
    let text = text.replace("**", "");
    let words: Vec<&str> = text.split_whitespace().collect();
    let text = words.join(" ");
    let text =
        text.trim_matches(|c: char| matches!(c, '#' | '>' | '|' | '-' | '*' | '─') || c == ' ');
    let end = text.floor_char_boundary(MAX_PROBLEM);
    let text = &text[..end];
    let says = text.chars().filter(|c| c.is_alphabetic()).count() >= 8 && words.len() >= 2;
    says.then(|| text.to_owned())
}

/// Whether what helped with one may help with the other, as far as spelling tells; their vectors
/// say how near they are otherwise.
pub(super) fn alike(a: &str, b: &str) -> bool {
    let (codes_a, codes_b) = (specific(&cues::CODES, a), specific(&cues::CODES, b));
    let same_code = !codes_a.is_disjoint(&codes_b);
    if !same_code && !codes_a.is_empty() && !codes_b.is_empty() {
        return false;
    }
    let (names_a, names_b) = (specific(&cues::NAMES, a), specific(&cues::NAMES, b));
    let same_name = !names_a.is_disjoint(&names_b);
    if !same_name && !names_a.is_empty() && !names_b.is_empty() {
        let decides = cues::NAMED.is_in(a) || cues::NAMED.is_in(b);
        if decides || !same_code {
            return false;
        }
    }
    let (words_a, words_b) = (words(a), words(b));
    let shared = words_a.intersection(&words_b).count();
    let fewest = words_a.len().min(words_b.len());
    if same_code || same_name {
        return shared >= 2;
    }
    shared >= 3 && shared * 10 >= fewest * 6
}

/// What marks this error and hardly another one.
fn specific(cue: &Cue, text: &str) -> BTreeSet<String> {
    let all = cue.all(text).into_iter().map(str::to_lowercase);
    all.filter(|word| !GENERAL.contains(&word.as_str())).collect()
}

enum From {
    User,
    Tool,
}

fn by_program(lines: &[&str], from: From) -> Vec<Problem> {
    let mut found: Vec<(usize, Problem)> = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let source = cues::SOURCE.is_in(line);
        let asked = matches!(from, From::User) && cues::TASK.is_in(line);
        // A question that names an error is a user's own words.
        let prose = matches!(from, From::User) && line.split_whitespace().count() > 40;
        if source || asked || prose || !cues::ERROR_LINE.is_in(line) || cues::NO_ERRORS.is_in(line)
        {
            continue;
        }
        let mut line = (*line).to_owned();
        // `Traceback (most recent call last):` and `error:` say it in a later line.
        if line.trim_end().ends_with(':')
            && let Some(next) = lines.get(at + 1)
        {
            line = format!("{} {}", line.trim_end(), next.trim());
        }
        let Some(text) = tidy(&line) else { continue };
        if found.iter().any(|(_, known)| known.text == text) {
            continue;
        }
        let codes = specific(&cues::CODES, &text).len().min(2);
        let named = usize::from(!specific(&cues::NAMES, &text).is_empty());
        let traceback = usize::from(text.starts_with("Traceback"));
        found
            .push((2 + codes * 2 + named - traceback * 2, Problem { text, told: Told::ByProgram }));
    }
    found.sort_by_key(|(score, _)| usize::MAX - score);
    found.into_iter().map(|(_, problem)| problem).collect()
}

/// The lines of a text; of a long one its beginning and its end.
fn lines(text: &str) -> Vec<&str> {
    let text_lines: Vec<&str> =
        text.lines().map(str::trim_end).filter(|it| !it.is_empty()).collect();
    if text_lines.len() <= MAX_LINES {
        return text_lines;
    }
    let (head, tail) = (MAX_LINES / 4, MAX_LINES - MAX_LINES / 4);
    [&text_lines[..head], &text_lines[text_lines.len() - tail..]].concat()
}

/// The last part of a long output: there it says how it ended.
fn clip(text: &str) -> &str {
    &text[text.ceil_char_boundary(text.len().saturating_sub(MAX_OUTPUT))..]
}

/// The sentences of one line.
pub(super) fn sentences(line: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut start = 0;
    let bytes = line.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        let ends = matches!(byte, b'.' | b'!' | b'?' | b';') && bytes.get(at + 1) == Some(&b' ');
        if !ends {
            continue;
        }
        // `e.g. this`, `1. that`
        let word = line[start..at].rsplit(' ').next().unwrap_or_default();
        if *byte == b'.' && (word.len() <= 1 || word.contains('.') && word.len() <= 4) {
            continue;
        }
        found.push(line[start..=at].trim());
        start = at + 1;
    }
    found.push(line[start..].trim());
    found.retain(|sentence| !sentence.is_empty());
    found
}

const MOST: usize = 4;
const MAX_PROBLEM: usize = 240;
const MAX_LINES: usize = 400;
const MAX_OUTPUT: usize = 16 * 1024;
/// Too many different errors have these.
const GENERAL: &[&str] = &[
    "typeerror",
    "valueerror",
    "keyerror",
    "runtimeerror",
    "syntaxerror",
    "attributeerror",
    "error",
    "nameerror",
    "oserror",
    "ioerror",
    "ioexception",
    "exception",
    "errors",
    "runtimeexception",
    "indexerror",
    "importerror",
    "modulenotfounderror",
    "referenceerror",
    "rangeerror",
    "assertionerror",
    "systemerror",
    "exec_error",
    "utf-8",
    "email",
    "nullpointerexception",
    "illegalstateexception",
    "illegalargumentexception",
    "operationalerror",
    "programmingerror",
];
