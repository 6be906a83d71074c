//! What is learned from, what is not, and what is like what.

mod texts;

use super::problem::{Problem, Told, alike, of_tool, of_user};
use super::remedy::{self, Knows};
use super::*;

/// One conversation of a file.
struct Case<'t> {
    line: usize,
    problem: Option<Problem>,
    answer: String,
    holds: &'t str,
}

fn cases(file: &str) -> Vec<Case<'_>> {
    let mut cases: Vec<Case<'_>> = Vec::new();
    for (at, line) in file.lines().enumerate().filter(|(_, line)| !line.starts_with('#')) {
        let Some((kind, text)) = line.split_once("> ").or_else(|| line.split_once("=~ ")) else {
            assert_eq!(line, "", "line {}", at + 1);
            continue;
        };
        let unescaped = text.replace("\\n", "\n");
        match kind {
            "U" | "T" => {
                let found = if kind == "U" { of_user(&unescaped) } else { of_tool(&unescaped) };
                let problem = found.into_iter().next();
                cases.push(Case { line: at + 1, problem, answer: String::new(), holds: "" });
            }
            "A" => cases.last_mut().unwrap().answer = unescaped,
            _ => cases.last_mut().unwrap().holds = text,
        }
    }
    assert!(cases.iter().all(|case| !case.answer.is_empty()));
    cases
}

fn learned(case: &Case<'_>) -> Option<(String, String)> {
    let problem = case.problem.as_ref()?;
    let remedy = remedy::of(&case.answer, Knows::Problem(problem.told))?;
    Some((problem.text.clone(), remedy))
}

#[test]
fn what_solved_a_problem_is_learned_in_every_language() {
    let cases = cases(include_str!("learned.txt"));
    assert!(cases.len() >= 40, "{}", cases.len());
    let mut missed = Vec::new();
    for case in &cases {
        assert_ne!(case.holds, "", "line {}", case.line);
        match learned(case) {
            Some((_, remedy)) if remedy.contains(case.holds) => {}
            other => missed.push((case.line, case.problem.clone(), other)),
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn what_solved_nothing_or_is_not_sure_is_not_learned() {
    let cases = cases(include_str!("not_learned.txt"));
    assert!(cases.len() >= 60, "{}", cases.len());
    let wrong: Vec<_> = cases.iter().filter_map(|case| Some((case.line, learned(case)?))).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}
