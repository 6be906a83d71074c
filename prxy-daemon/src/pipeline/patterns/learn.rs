//! What is learned from an answer and its conversation.

use std::sync::Arc;

use super::plain::Whole;
use super::problem::{self, Problem, Told};
use super::remedy::{self, Knows};
use super::{MAX_PROBLEM, MAX_REMEDY, Plain, Turn, cues, hex, offer, vector};
use crate::config;
use crate::embed::{Embedder as _, OFFLINE, Offline};
use crate::json::Node;
use crate::pipeline::Answered;
use crate::provider::Surface;
use crate::provider::conversation::{Conversation, Item, Role};
use crate::provider::recorded;
use crate::store::patterns::{CONFIRMED, Lesson, Pattern, Patterns as Kept, WHOSE};

/// Keeps what is learned; listeners share it.
pub(super) struct Learner {
    pub(super) options: config::Patterns,
    pub(super) kept: Arc<Kept>,
    pub(super) plain: Arc<Plain>,
}

/// Where something is learned.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) tenant: &'a str,
    pub(super) conversation: Option<&'a Turn>,
    pub(super) model: &'a str,
    /// What was offered in the conversation: that it is said again is only our own echo.
    pub(super) offered: &'a [i64],
}

impl Learner {
    /// Learns from an answer that is whole, if it says what solved a problem of its conversation.
    pub(super) fn answer(
        &self,
        source: &Source<'_>,
        surface: Surface,
        body: &[u8],
        answered: &Answered,
    ) {
        let Answered { form, body: answer, .. } = answered;
        if recorded::finish(surface, *form, answer).is_none() {
            return;
        }
        let Some(answer) = recorded::text(surface, *form, answer) else { return };
        // What no kind of knowledge would make a remedy of needs no look at the request.
        if remedy::of(&answer, Knows::Success).is_none() {
            return;
        }
        let Ok(root) = Node::read(body) else { return };
        let Some(conversation) = Conversation::read(surface, &root) else { return };
        // What it goes on from nobody sees here, nor what that says of the words in it.
        if conversation.continued || solved(&conversation, &answer).is_none() {
            return;
        }
        let model = conversation.model.as_deref().unwrap_or_default();
        let source = Source { model, ..*source };
        self.keep(&source, surface, (body, &answer), solved);
    }

    /// Learns from advice that the user says has worked.
    pub(super) fn advice(&self, source: &Source<'_>, conversation: &Conversation<'_>, body: &[u8]) {
        if !conversation.continued && advised(conversation, "").is_some() {
            self.keep(source, conversation.surface, (body, ""), advised);
        }
    }

    /// Keeps what `taught` finds once everything is masked.
    fn keep(
        &self,
        source: &Source<'_>,
        surface: Surface,
        (body, answer): (&[u8], &str),
        taught: fn(&Conversation<'_>, &str) -> Option<Taught>,
    ) {
        let lesson = || {
            let whole = self.plain.whole(body, answer)?;
            let root = whole.root()?;
            let (body, answer) = Whole::parts(&root)?;
            let Taught { problem, remedy, evidence } =
                taught(&Conversation::read(surface, body)?, &answer)?;
            lesson(&self.plain, &whole.words(&problem)?, &whole.words(&remedy)?, evidence)
        };
        let Some(lesson) = lesson() else { return };
        let conversation =
            source.conversation.map(|hash| hex(&hash[WHOSE..][..8])).unwrap_or_default();
        let lesson = Lesson { model: model_name(source.model), conversation, ..lesson };
        let same = |known: &Pattern| is_same(known, &lesson);
        let Source { tenant, offered, .. } = source;
        self.kept.learn(tenant, &lesson, same, offered, self.options.max_patterns);
    }
}

/// What a conversation teaches.
struct Taught {
    problem: String,
    remedy: String,
    evidence: &'static str,
}

/// What an answer says that solved the problem of its conversation.
fn solved(conversation: &Conversation<'_>, answer: &str) -> Option<Taught> {
    let (problem, tested) = match conversation.items.as_slice() {
        [] => (problem::of_user(&offer::last_text(conversation)).into_iter().next(), false),
        items => (problem_of(items), is_tested(items)),
    };
    let problem = problem?;
    let remedy = match remedy::of(answer, Knows::Problem(problem.told)) {
        None if tested => remedy::of(answer, Knows::Success),
        said => said,
    };
    let evidence = if tested { TESTED } else { SAID };
    Some(Taught { problem: problem.text, remedy: remedy?, evidence })
}

/// What was advised before the user's last words.
fn advised(conversation: &Conversation<'_>, _: &str) -> Option<Taught> {
    let (_, before) = conversation.items.split_last()?;
    let says = |item: &Item<'_>| item.texts().any(|text| !text.trim().is_empty());
    let advice = before.iter().rposition(|item| item.role == Role::Model && says(item))?;
    let problem = problem_of(&before[..advice])?;
    let remedy = remedy::of(&offer::said(&before[advice]), Knows::Word)?;
    Some(Taught { problem: problem.text, remedy, evidence: CONFIRMED })
}

/// A problem and its remedy as they may be kept; `None` if they may not.
pub(crate) fn lesson(
    plain: &Plain,
    problem: &str,
    remedy: &str,
    evidence: &'static str,
) -> Option<Lesson> {
    let plain_text = |text: &str, most: usize| {
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let line: String = line.chars().filter(|c| !c.is_control()).collect();
        let unsafe_for_models = cues::UNSAFE.is_in(&line) || line.contains(offer::MARK);
        let usable = !line.is_empty() && line.len() <= most && !unsafe_for_models;
        usable.then(|| plain.text(&line))?
    };
    let (problem, remedy) = (plain_text(problem, MAX_PROBLEM)?, plain_text(remedy, MAX_REMEDY)?);
    let vector = vector(&problem);
    let (model, conversation) = (String::new(), String::new());
    let embedder = OFFLINE;
    Some(Lesson { problem, remedy, evidence, model, conversation, vector, embedder })
}

/// Whether a lesson says what is known: the same problem and much the same remedy.
fn is_same(known: &Pattern, lesson: &Lesson) -> bool {
    let likeness = |a: &str, b: &str| match (Offline.embed(a), Offline.embed(b)) {
        (Ok(a), Ok(b)) => a.similarity(&b),
        _ => 0.0,
    };
    known.problem == lesson.problem && known.remedy == lesson.remedy
        || problem::alike(&known.problem, &lesson.problem)
            && likeness(&known.remedy, &lesson.remedy) >= SAME_REMEDY
}

/// The problem that a conversation is about at its end: the latest that a program reports, or else
/// the latest that the user tells of.
fn problem_of(items: &[Item<'_>]) -> Option<Problem> {
    let mut told = None;
    for item in items.iter().rev().take(MAX_ITEMS).filter(|item| item.role == Role::User) {
        let user = problem::of_user(&offer::said(item)).into_iter();
        let tool = item
            .said()
            .filter(|text| !problem::is_success(text))
            .flat_map(|text| problem::of_tool(&text));
        let mut found: Vec<Problem> = tool.chain(user).collect();
        found.sort_by_key(|problem| problem.told != Told::ByProgram);
        let first = found.into_iter().next();
        if first.as_ref().is_some_and(|problem| problem.told == Told::ByProgram) {
            return first;
        }
        told = told.or(first);
    }
    told
}

/// Whether a tool failed, something was done, and a tool succeeded at last.
fn is_tested(items: &[Item<'_>]) -> bool {
    let outputs: Vec<String> = items
        .iter()
        .rev()
        .take(MAX_ITEMS)
        .flat_map(|item| {
            item.said().map(|text| text.into_owned()).collect::<Vec<_>>().into_iter().rev()
        })
        .collect();
    let succeeded = outputs.iter().take(LAST_OUTPUTS).position(|text| problem::is_success(text));
    succeeded.is_some_and(|at| {
        outputs[..at].iter().all(|text| problem::of_tool(text).is_empty())
            && outputs[at + 1..].iter().any(|text| !problem::of_tool(text).is_empty())
    })
}

/// A model's name, if it is one.
fn model_name(model: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '/');
    let good = model.len() <= 80 && model.chars().all(plain);
    if good { model.to_owned() } else { String::new() }
}

const SAID: &str = "said";
const TESTED: &str = "tested";
/// From which likeness on two remedies of one problem are one.
const SAME_REMEDY: f32 = 0.7;
const MAX_ITEMS: usize = 60;
const LAST_OUTPUTS: usize = 4;
