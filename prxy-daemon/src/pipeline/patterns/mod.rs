//! What solved a problem is kept, and offered when a like one comes up.
//!
//! Learned from masked text that is made plainer still (see [`plain`]); offered behind everything that
//! a provider's prompt cache may hold (see [`offer`]). Nothing is remembered of a conversation but
//! which patterns were offered after which of its texts. Not for answers that are given again: those
//! are the caches'.

mod cues;
mod offer;
mod plain;
mod problem;
mod remedy;
mod verdict;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, StatusCode};

use super::{Answered, Exchange, Module, Verdict};
use crate::config::{self, Sharing};
use crate::embed::search::Packed;
use crate::embed::{Embedder as _, OFFLINE, Offline};
use crate::hop;
use crate::json::Node;
use crate::provider::Surface;
use crate::provider::conversation::{Conversation, Item, Role};
use crate::provider::endpoint::Endpoint;
use crate::provider::recorded;
use crate::redact::Policy;
use crate::redact::scan::ScannerError;
use crate::store::patterns::{CONFIRMED, EVERYBODY, Lesson, Outcome, Pattern, Patterns as Kept};

use problem::{Problem, Told};
use remedy::Knows;

pub(crate) use plain::Plain;

/// The module.
pub(super) struct Patterns {
    options: config::Patterns,
    kept: Arc<Kept>,
    plain: Arc<Plain>,
}

/// A turn of the user, by everything that was said up to it.
type Turn = [u8; 32];

impl Patterns {
    pub(super) fn new(
        options: config::Patterns,
        policy: Option<&Policy>,
        kept: Arc<Kept>,
    ) -> Result<Self, ScannerError> {
        Ok(Self { options, kept, plain: Arc::new(Plain::new(policy)?) })
    }

    /// Counts what the user says of what was offered, or was advised, before.
    fn hear(&self, tenant: &str, conversation: &Conversation<'_>, turns: &[Turn], model: &str) {
        let Some((last, before)) = conversation.items.split_last() else { return };
        let Some(outcome) = verdict::of(&offer::said(last)) else { return };
        let earlier = &turns[..turns.len().saturating_sub(1)];
        self.kept.settle(earlier, outcome);
        let advice = before.iter().rposition(|item| item.role == Role::Model && says(item));
        let Some(advice) = advice.filter(|_| self.options.learn && outcome == Outcome::Worked)
        else {
            return;
        };
        let answer = offer::said(&before[advice]);
        let Some(problem) = problem_of(&before[..advice]) else { return };
        let Some(remedy) = remedy::of(&answer, Knows::Word) else { return };
        let source = Source { tenant, conversation: turns.first(), model };
        let offered = self.offered(earlier);
        learn(
            &self.kept,
            &self.plain,
            &self.options,
            &source,
            &problem,
            &remedy,
            CONFIRMED,
            &offered,
        );
    }

    fn offered(&self, turns: &[Turn]) -> Vec<i64> {
        self.kept.offered(turns).into_iter().map(|offered| offered.pattern).collect()
    }

    /// What is to be offered for the last text of the user, and for this turn only once.
    fn offers(&self, tenant: &str, text: &str, turns: &[Turn]) -> Vec<Pattern> {
        if self.options.max_injected == 0 || text.contains(offer::MARK) {
            return Vec::new();
        }
        let mut problems: Vec<String> =
            problem::of_user(text).into_iter().map(|problem| problem.text).collect();
        if problems.is_empty() && text.len() <= MAX_QUESTION {
            problems.extend(problem::tidy(text));
        }
        let vectors: Vec<Packed> = problems.iter().map(|problem| vector(problem)).collect();
        if vectors.is_empty() {
            return Vec::new();
        }
        // The same for the same turn, as a client that repeats its request expects; what was offered
        // for an earlier text has been read already.
        let last = turns.len().saturating_sub(1);
        let offered = self.kept.offered(turns);
        let before = |id| offered.iter().any(|it| it.pattern == id && it.turn < last);
        let near = self.kept.near(tenant, &vectors, self.options.min_score, MOST_NEAR, OFFLINE);
        let mut fit: Vec<(Pattern, f32)> = near
            .into_iter()
            .filter(|(pattern, _)| pattern.rate() >= self.options.min_success_rate)
            .filter(|(pattern, _)| !before(pattern.id))
            .filter(|(pattern, _)| problems.iter().any(|it| problem::alike(it, &pattern.problem)))
            // Whoever wrote it there, nothing may be restored in it.
            .filter(|(pattern, _)| {
                let same = |text: &str| self.plain.text(text).as_deref() == Some(text);
                same(&pattern.problem) && same(&pattern.remedy)
            })
            .collect();
        fit.sort_by(|a, b| {
            (b.1 * b.0.rate()).total_cmp(&(a.1 * a.0.rate())).then(a.0.id.cmp(&b.0.id))
        });
        fit.truncate(self.options.max_injected);
        fit.into_iter().map(|(pattern, _)| pattern).collect()
    }

    /// Has the answer learned from, and what was offered noted.
    fn listen(&self, exchange: &mut Exchange<'_>, body: Bytes, turns: &[Turn], offered: Vec<i64>) {
        let (kept, plain, options) =
            (Arc::clone(&self.kept), Arc::clone(&self.plain), self.options);
        let (tenant, turn) = (self.tenant(exchange).to_owned(), turns.last().copied());
        let (surface, first) = (exchange.endpoint.surface, turns.first().copied());
        let mut known = self.offered(turns);
        known.extend(&offered);
        exchange.then(move |answered| {
            if answered.status != StatusCode::OK {
                return;
            }
            if let Some(turn) = turn.filter(|_| !offered.is_empty()) {
                kept.offer(&turn, &offered);
            }
            if options.learn {
                let source = Source { tenant: &tenant, conversation: first.as_ref(), model: "" };
                learn_from(&kept, &plain, &options, &source, surface, &body, answered, &known);
            }
        });
    }

    fn tenant<'e>(&self, exchange: &Exchange<'e>) -> &'e str {
        match self.options.scope {
            Sharing::Tenant => exchange.tenant,
            Sharing::Global => EVERYBODY,
        }
    }
}

impl Module for Patterns {
    fn name(&self) -> &'static str {
        "patterns"
    }

    fn request(&self, exchange: &mut Exchange<'_>) -> Verdict {
        if !is_conversation(exchange.endpoint) {
            return Verdict::Continue;
        }
        let body = exchange.body.clone();
        let Ok(root) = Node::read(&body) else { return Verdict::Continue };
        let Some(conversation) = Conversation::read(exchange.endpoint.surface, &root) else {
            return Verdict::Continue;
        };
        let tenant = self.tenant(exchange);
        let model = conversation.model.clone().unwrap_or_default();
        let turns = turns(exchange.tenant, &conversation);
        let mut offered = Vec::new();
        if let Some(place) = offer::place(&conversation, &root) {
            self.hear(tenant, &conversation, &turns, &model);
            let patterns = self.offers(tenant, &offer::last_text(&conversation), &turns);
            if let Some((text, ids)) = offer::notes(&patterns, &model, self.options.max_tokens) {
                exchange.body = offer::put(&body, place, &text).into();
                let list = ids.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
                if let Ok(list) = HeaderValue::try_from(list) {
                    exchange.told.insert(hop::PATTERNS, list);
                }
                offered = ids;
            }
        }
        exchange.say("offered", offered.len());
        self.listen(exchange, body.clone(), &turns, offered);
        Verdict::Continue
    }
}

/// Where something is learned.
struct Source<'a> {
    tenant: &'a str,
    conversation: Option<&'a Turn>,
    model: &'a str,
}

/// Learns from an answer that is whole, if it says what solved a problem of its conversation.
#[expect(clippy::too_many_arguments, reason = "a listener owns nothing of its module")]
fn learn_from(
    kept: &Kept,
    plain: &Plain,
    options: &config::Patterns,
    source: &Source<'_>,
    surface: Surface,
    body: &[u8],
    answered: &Answered,
    offered: &[i64],
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
    let items = &conversation.items;
    let (problem, tested) = match items.as_slice() {
        [] => (problem::of_user(&offer::last_text(&conversation)).into_iter().next(), false),
        items => (problem_of(items), is_tested(items)),
    };
    let Some(problem) = problem else { return };
    let said = remedy::of(&answer, Knows::Problem(problem.told));
    let (remedy, evidence) = match said {
        Some(remedy) => (Some(remedy), if tested { TESTED } else { SAID }),
        None if tested => (remedy::of(&answer, Knows::Success), TESTED),
        None => (None, SAID),
    };
    let Some(remedy) = remedy else { return };
    let model = conversation.model.as_deref().unwrap_or_default();
    let source = Source { model, ..*source };
    learn(kept, plain, options, &source, &problem, &remedy, evidence, offered);
}

#[expect(clippy::too_many_arguments, reason = "a listener owns nothing of its module")]
fn learn(
    kept: &Kept,
    plain: &Plain,
    options: &config::Patterns,
    source: &Source<'_>,
    problem: &Problem,
    remedy: &str,
    evidence: &'static str,
    offered: &[i64],
) {
    let Some(lesson) = lesson(plain, &problem.text, remedy, evidence) else { return };
    let conversation = source.conversation.map(|hash| hex(&hash[..8])).unwrap_or_default();
    let lesson = Lesson { model: model_name(source.model), conversation, ..lesson };
    let same = |known: &Pattern| is_same(known, &lesson);
    kept.learn(source.tenant, &lesson, same, offered, options.max_patterns);
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

fn says(item: &Item<'_>) -> bool {
    item.texts().any(|text| !text.trim().is_empty())
}

/// The turns of the user in which something is said, the latest of them.
fn turns(tenant: &str, conversation: &Conversation<'_>) -> Vec<Turn> {
    let mut hasher = blake3::Hasher::new_derive_key("prxy patterns: turns of a conversation");
    let mut part = |hasher: &mut blake3::Hasher, text: &str| {
        hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
    };
    part(&mut hasher, tenant);
    if conversation.items.is_empty() {
        part(&mut hasher, &offer::last_text(conversation));
        return vec![*hasher.finalize().as_bytes()];
    }
    let mut turns: Vec<Turn> = Vec::new();
    for item in conversation.items.iter().filter(|item| item.role != Role::Instruction) {
        // Results of tools are cut and cleared by clients; what is said stays.
        let text = offer::said(item);
        if text.trim().is_empty() {
            continue;
        }
        part(&mut hasher, &text);
        if item.role == Role::User {
            turns.push(*hasher.finalize().as_bytes());
        }
    }
    if turns.len() > MAX_TURNS {
        // The first names the conversation.
        turns.drain(1..turns.len() - MAX_TURNS + 1);
    }
    turns
}

fn vector(text: &str) -> Packed {
    // It never fails.
    let vector = Offline.embed(text).unwrap_or_else(|_| crate::embed::Vector::new(Vec::new()));
    Packed::new(&vector)
}

/// A model's name, if it is one.
fn model_name(model: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '/');
    let good = model.len() <= 80 && model.chars().all(plain);
    if good { model.to_owned() } else { String::new() }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether it asks for an answer in a conversation.
fn is_conversation(endpoint: &Endpoint) -> bool {
    endpoint.method == http::Method::POST
        && [
            "/messages",
            "/chat/completions",
            "/responses",
            ":generateContent",
            ":streamGenerateContent",
        ]
        .iter()
        .any(|end| endpoint.path.ends_with(end))
}

const SAID: &str = "said";
const TESTED: &str = "tested";
/// From which likeness on two remedies of one problem are one.
const SAME_REMEDY: f32 = 0.7;
/// A longer text without an error in it is no question about one.
const MAX_QUESTION: usize = 300;
const MOST_NEAR: usize = 50;
const MAX_ITEMS: usize = 60;
const LAST_OUTPUTS: usize = 4;
const MAX_TURNS: usize = 32;
pub(crate) const MAX_PROBLEM: usize = 400;
pub(crate) const MAX_REMEDY: usize = 1000;
