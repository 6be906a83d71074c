//! What solved a problem is kept, and offered when a like one comes up.
//!
//! Learned from masked text that is made plainer still (see [`plain`]); offered behind everything that
//! a provider's prompt cache may hold (see [`offer`]). Nothing is remembered of a conversation but
//! which patterns were offered after which of its texts. Not for answers that are given again: those
//! are the caches'.

mod cues;
mod learn;
mod offer;
mod plain;
mod problem;
mod remedy;
mod verdict;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};

use super::{Exchange, Module, Verdict};
use crate::client::credentials;
use crate::config::{self, Sharing};
use crate::embed::search::Packed;
use crate::embed::{Embedder as _, OFFLINE, Offline};
use crate::hop;
use crate::json::Node;
use crate::provider::conversation::{Conversation, Role};
use crate::provider::endpoint::Endpoint;
use crate::redact::Policy;
use crate::redact::mask::Maskers;
use crate::redact::scan::ScannerError;
use crate::store::TENANT;
use crate::store::patterns::{
    EVERYBODY, Outcome, Pattern, Patterns as Kept, WHOSE, reporter as reporter_key,
};

use learn::{Learner, Source};

pub(crate) use learn::lesson;
pub(crate) use plain::Plain;

/// The module.
pub(super) struct Patterns {
    learner: Arc<Learner>,
    maskers: Option<Arc<Maskers>>,
}

/// A turn of the user: whose it is, and a hash of everything that was said up to it.
type Turn = [u8; 32];

/// Whose the patterns are that a request may learn and be offered, and who reports of them: the
/// tenant, and where all are one tenant, the client that has a name, or else whoever brings the same
/// credentials.
pub(crate) fn whose(tenant: &str, client: Option<&str>, headers: &HeaderMap) -> String {
    if tenant != TENANT {
        return tenant.to_owned();
    }
    if let Some(client) = client {
        // A name stays when keys change.
        return format!("{TENANT}/client:{client}");
    }
    let (mut hasher, mut known) = (blake3::Hasher::new_derive_key(WHO), false);
    for sum in credentials(headers) {
        known = true;
        hasher.update(&sum);
    }
    let who = if known { hex(&hasher.finalize().as_bytes()[..16]) } else { "none".to_owned() };
    format!("{TENANT}/{who}")
}

impl Patterns {
    pub(super) fn new(
        options: config::Patterns,
        policy: Option<&Policy>,
        kept: Arc<Kept>,
    ) -> Result<Self, ScannerError> {
        let plain = Arc::new(Plain::new(policy)?);
        Ok(Self { learner: Arc::new(Learner { options, kept, plain }), maskers: None })
    }

    /// Learns nothing from those who are allowed what others are not.
    #[must_use]
    pub(super) fn with_maskers(self, maskers: Option<Arc<Maskers>>) -> Self {
        Self { maskers, ..self }
    }

    fn learns_from(&self, exchange: &Exchange<'_>) -> bool {
        let (provider, client) = (exchange.provider.name.as_str(), exchange.client);
        let laxer = self.maskers.as_ref().is_some_and(|it| it.is_laxer(provider, client));
        self.learner.options.learn && !laxer
    }

    /// Counts what the user says of what was offered, or was advised, before.
    fn hear(
        &self,
        source: &Source<'_>,
        conversation: &Conversation<'_>,
        turns: &[Turn],
        learned: Option<&[u8]>,
    ) {
        let Some(last) = conversation.items.last() else { return };
        let Some(outcome) = verdict::of(&offer::said(last)) else { return };
        let earlier = &turns[..turns.len().saturating_sub(1)];
        self.learner.kept.settle(earlier, outcome);
        if let Some(body) = learned.filter(|_| outcome == Outcome::Worked) {
            let offered = self.offered(earlier);
            self.learner.advice(&Source { offered: &offered, ..*source }, conversation, body);
        }
    }

    fn offered(&self, turns: &[Turn]) -> Vec<i64> {
        self.learner.kept.offered(turns).into_iter().map(|offered| offered.pattern).collect()
    }

    /// What is to be offered for the last text of the user: the same whenever the same is sent
    /// again, and nothing that was offered for an earlier text.
    fn offers(&self, tenant: &str, text: &str, turns: &[Turn]) -> Vec<Pattern> {
        let Learner { options, kept, plain } = &*self.learner;
        if options.max_injected == 0 || text.contains(offer::MARK) {
            return Vec::new();
        }
        let mut problems: Vec<String> =
            problem::of_user(text).into_iter().map(|problem| problem.text).collect();
        if problems.is_empty() && text.len() <= MAX_QUESTION {
            problems.extend(problem::tidy(text));
        }
        let vectors: Vec<Packed> = problems.iter().map(|problem| vector(problem)).collect();
        let near = kept.near(tenant, &vectors, options.min_score, MOST_NEAR, OFFLINE);
        if near.is_empty() {
            return Vec::new();
        }
        let before = self.offered(&turns[..turns.len().saturating_sub(1)]);
        // Whoever wrote it there: nothing in it may be restored.
        let is_plain = |text: &str| plain.text(text).as_deref() == Some(text);
        let mut fit: Vec<(Pattern, f32)> = near
            .into_iter()
            .filter(|(pattern, _)| {
                pattern.rate() >= options.min_success_rate
                    && !before.contains(&pattern.id)
                    && problems.iter().any(|it| problem::alike(it, &pattern.problem))
                    && is_plain(&pattern.problem)
                    && is_plain(&pattern.remedy)
                    && !cues::UNSAFE.is_in(&pattern.problem)
                    && !cues::UNSAFE.is_in(&pattern.remedy)
            })
            .collect();
        let worth = |(pattern, score): &(Pattern, f32)| score * pattern.rate();
        fit.sort_by(|a, b| worth(b).total_cmp(&worth(a)).then(a.0.id.cmp(&b.0.id)));
        fit.truncate(options.max_injected);
        fit.into_iter().map(|(pattern, _)| pattern).collect()
    }

    /// Has the answer learned from, and what was offered noted.
    fn listen(
        &self,
        exchange: &mut Exchange<'_>,
        (tenant, body): (String, Bytes),
        turns: &[Turn],
        offered: Vec<i64>,
    ) {
        let learner = Arc::clone(&self.learner);
        let (learns, turn) = (self.learns_from(exchange), turns.last().copied());
        let (surface, first) = (exchange.endpoint.surface, turns.first().copied());
        let mut known = self.offered(turns);
        known.extend(&offered);
        exchange.then(move |answered| {
            if answered.status != StatusCode::OK {
                return;
            }
            if let Some(turn) = turn.filter(|_| !offered.is_empty()) {
                learner.kept.offer(&turn, &offered);
            }
            if learns {
                let (conversation, model) = (first.as_ref(), "");
                let source = Source { tenant: &tenant, conversation, model, offered: &known };
                learner.answer(&source, surface, &body, answered);
            }
        });
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
        let Learner { options, .. } = &*self.learner;
        let reporter = whose(exchange.tenant, exchange.client, exchange.headers);
        let turns = turns(&reporter, &conversation);
        let tenant = match options.scope {
            Sharing::Tenant => reporter,
            Sharing::Global => EVERYBODY.to_owned(),
        };
        let model = conversation.model.clone().unwrap_or_default();
        let mut offered = Vec::new();
        let place = offer::place(&conversation, &root);
        if let Ok(place) = &place {
            let first = turns.first();
            let source =
                Source { tenant: &tenant, conversation: first, model: &model, offered: &[] };
            let learned = self.learns_from(exchange).then_some(&*body);
            self.hear(&source, &conversation, &turns, learned);
            let patterns = self.offers(&tenant, &offer::last_text(&conversation), &turns);
            if let Some((text, ids)) = offer::notes(&patterns, &model, options.max_tokens) {
                exchange.body = offer::put(&body, place, &text).into();
                if options.scope == Sharing::Tenant {
                    exchange.confine();
                }
                let list = ids.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
                if let Ok(list) = HeaderValue::try_from(list) {
                    exchange.told.insert(hop::PATTERNS, list);
                }
                offered = ids;
            }
        }
        exchange.say("offered", offered.len());
        if let Err(reason) = place {
            exchange.say("left-alone", reason);
        }
        self.listen(exchange, (tenant, body.clone()), &turns, offered);
        Verdict::Continue
    }
}

/// The turns of the user in which something is said, the latest of them.
fn turns(reporter: &str, conversation: &Conversation<'_>) -> Vec<Turn> {
    let whose = reporter_key(reporter);
    let turn = |hasher: &blake3::Hasher| {
        let mut turn = *hasher.finalize().as_bytes();
        turn[..WHOSE].copy_from_slice(&whose);
        turn
    };
    let mut hasher = blake3::Hasher::new_derive_key("prxy patterns: turns of a conversation");
    let part = |hasher: &mut blake3::Hasher, text: &str| {
        hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
    };
    part(&mut hasher, reporter);
    if conversation.items.is_empty() {
        part(&mut hasher, &offer::last_text(conversation));
        return vec![turn(&hasher)];
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
            turns.push(turn(&hasher));
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

const WHO: &str = "prxy patterns: who brings these credentials";
/// A longer text without an error in it is no question about one.
const MAX_QUESTION: usize = 300;
const MOST_NEAR: usize = 50;
const MAX_TURNS: usize = 32;
pub(crate) const MAX_PROBLEM: usize = 400;
pub(crate) const MAX_REMEDY: usize = 1000;
