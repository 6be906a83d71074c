//! Keeps a conversation inside a share of what the model reads at once.
//!
//! Older turns leave: they go to the archive as they are, and a digest of them is added to the
//! user's first text. Turns that the user refers back to come back behind the text that does.
//! Nothing is remembered of a conversation: the same history is always cut in the same place.
//! Not for changing what stays: every byte of it is as it came.

mod cut;
mod digest;
mod gate;
mod recall;

#[cfg(test)]
pub(crate) mod tests;

use std::ops::Range;
use std::sync::Arc;

use self::cut::{Marks, Plan};
use self::gate::Gate;
use self::recall::Recall;
use super::{Exchange, Module, Verdict};
use crate::config;
use crate::embed::{Embedder, Reads};
use crate::json::{Edits, Node};
use crate::provider::Surface;
use crate::provider::conversation::memo::Memo;
use crate::provider::conversation::tokens::{Counter, Tokenizer};
use crate::provider::conversation::{Conversation, Item, Tail, window};
use crate::provider::endpoint::unescaped;
use crate::redact::mask::Maskers;
use crate::store::{BlobId, Shelf, Store};

/// Where turns go that leave.
pub trait Archive: Send + Sync {
    /// Keeps the bytes of turns, as they stood in the request; `None` if it cannot.
    fn keep(&self, turns: &[u8]) -> Option<BlobId>;

    /// Turns that were kept are part of a conversation that goes on.
    fn used(&self, turns: &BlobId);
}

/// Texts as vectors of length 1, whose product says how alike they are.
pub trait Likeness: Send + Sync {
    /// The vector of a text; `None` where it cannot be told.
    fn vector(&self, text: &str) -> Option<Vec<f32>>;

    /// From which product on two texts are about the same thing.
    fn threshold(&self) -> f32;
}

/// Meanings, as far as the embedder sees any, and nobody else has to be asked for them: every turn
/// that left has to be compared.
pub(super) fn likeness(embedder: &Arc<dyn Embedder>) -> Option<Arc<dyn Likeness>> {
    let sees = embedder.reads() == Reads::Sentences && !embedder.is_remote();
    sees.then(|| Arc::new(Meanings(Arc::clone(embedder))) as Arc<dyn Likeness>)
}

struct Meanings(Arc<dyn Embedder>);

impl Likeness for Meanings {
    fn vector(&self, text: &str) -> Option<Vec<f32>> {
        Some(self.0.embed(text).ok()?.numbers().to_vec())
    }

    fn threshold(&self) -> f32 {
        SAME_MATTER
    }
}

/// Where the turns go that leave a conversation of this state.
pub(super) fn archive(store: &Store, options: &config::Ipc) -> Arc<dyn Archive> {
    let shelf = store.shelf();
    shelf.limit(options.archive);
    Arc::clone(shelf) as Arc<dyn Archive>
}

impl Archive for Shelf {
    fn keep(&self, turns: &[u8]) -> Option<BlobId> {
        let kept = Self::keep(self, turns).inspect_err(|error| {
            let reason = error.reason();
            tracing::warn!(reason, %error, "turns are not archived, so the request is not cut");
        });
        kept.ok()
    }

    fn used(&self, turns: &BlobId) {
        if let Err(error) = Self::used(self, turns) {
            tracing::warn!(reason = error.reason(), %error, "archived turns look unused");
        }
    }
}

/// The module.
pub struct Ipc {
    options: config::Ipc,
    archive: Arc<dyn Archive>,
    likeness: Option<Arc<dyn Likeness>>,
    maskers: Option<Arc<Maskers>>,
    counter: Counter,
    recall: Recall,
    recalled: Memo<Option<(String, u64)>>,
    digests: Memo<String>,
    archived: Memo<BlobId>,
}

/// What became of a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It has no conversation, or it fits.
    Fits,
    /// It stays as it came, for this reason.
    LeftAlone(&'static str),
    /// It is shorter.
    Cut {
        /// The request now.
        body: Vec<u8>,
        /// How many messages left.
        messages: usize,
        /// How many tokens fewer it takes.
        saved: u64,
        /// What it takes, at most.
        tokens: u64,
        /// Whether it passes the target still, though not the model's window.
        over: bool,
    },
}

impl Ipc {
    /// With an archive for what leaves, and a judge of likeness beside the words that agree.
    pub fn new(
        options: config::Ipc,
        archive: Arc<dyn Archive>,
        likeness: Option<Arc<dyn Likeness>>,
    ) -> Self {
        Self {
            options,
            archive,
            likeness,
            maskers: None,
            counter: Counter::default(),
            recall: Recall::default(),
            recalled: Memo::new(MANY),
            digests: Memo::new(MEMORY),
            archived: Memo::new(MANY),
        }
    }

    /// Adds nothing to requests that the broker, which judges by the same rules, would refuse.
    #[must_use]
    pub fn with_maskers(self, maskers: Option<Arc<Maskers>>) -> Self {
        Self { maskers, ..self }
    }

    /// Shortens a request; `model` is what its path names, where its body does not.
    pub fn shorten(&self, surface: Surface, model: Option<&str>, body: &[u8]) -> Outcome {
        self.shortened(surface, model, body, None)
    }

    fn shortened(
        &self,
        surface: Surface,
        model: Option<&str>,
        body: &[u8],
        gate: Option<Gate<'_>>,
    ) -> Outcome {
        let Ok(root) = Node::read(body) else { return Outcome::LeftAlone("unclear") };
        let Some(conversation) = Conversation::read(surface, &root) else { return Outcome::Fits };
        let Some(model) = conversation.model.as_deref().or(model) else {
            return Outcome::LeftAlone("no-model");
        };
        if conversation.items.is_empty() {
            return Outcome::Fits;
        }
        if conversation.continued {
            return Outcome::LeftAlone("continued");
        }
        let Some(window) = self.window(model) else { return Outcome::LeftAlone("unknown-window") };
        let room = window.saturating_sub(conversation.max_output);
        let high = (room as f64 * f64::from(self.options.target_utilization)) as u64;
        let tokens: Vec<u64> =
            conversation.items.iter().map(|item| self.counter.item(model, body, item)).collect();
        let fixed = self.counter.fixed(model, body, &conversation);
        let before = fixed + tokens.iter().sum::<u64>();
        // In steps, so that a few words more in the system prompt move no cut.
        let fixed = fixed.next_multiple_of((high / 32).max(1));
        let marks = Marks {
            fixed,
            high,
            digest: (high / 16).min(MOST_DIGEST),
            recall: (high / 16).min(self.options.recall_tokens),
        };
        let tokenizer = Tokenizer::of(model);
        let items = &conversation.items;
        // What left only grows on the way, so that it is hashed once.
        let (mut hasher, mut hashed) = (blake3::Hasher::new(), 0);
        let recall = |user: usize, left: Range<usize>, budget: u64| {
            for item in &items[left.start.max(hashed)..left.end] {
                hasher.update(&body[item.node.range.clone()]);
            }
            hashed = left.end;
            let mut key = hasher.finalize().as_bytes().to_vec();
            key.extend(budget.to_le_bytes());
            key.extend(gate.map_or("", |gate| gate.whose).as_bytes());
            key.push(0);
            key.extend(&body[items[user].node.range.clone()]);
            let count = |text: &str| tokenizer.count(text);
            let admits = |text: &str| gate.is_none_or(|it| it.admits(body, &items[user], text));
            let (likeness, item) = (self.likeness.as_deref(), &items[user]);
            let find = || Some(self.recall.of(item, &items[left], budget, likeness, count, admits));
            self.recalled.remember(u8::from(tokenizer == Tokenizer::O200k), &key, find)?
        };
        let plan = match cut::plan(&conversation, &tokens, marks, recall) {
            Ok(plan) => plan,
            Err(_) if before <= high => return Outcome::Fits,
            Err(cut::Uncuttable::NoTask) => return Outcome::LeftAlone("no-task"),
            Err(cut::Uncuttable::Orphan) => return Outcome::LeftAlone("orphan"),
        };
        let over = plan.total > high;
        // Counted exactly it may fit though the plan, which rounds up, finds it too long.
        if plan.steps.is_empty() && !over || over && before <= high {
            return Outcome::Fits;
        }
        if plan.steps.is_empty() || over && plan.total > room.min(before) {
            return Outcome::LeftAlone("too-long");
        }
        if !self.archive_all(body, items, &plan) {
            return Outcome::LeftAlone("not-archived");
        }
        let left = || items[plan.task + 1..plan.cut].iter().filter(|item| cut::leaves(item));
        let digest = self.digest(body, items, &plan, tokenizer, marks.digest, gate);
        Outcome::Cut {
            body: written(body, items, &plan, &digest),
            messages: left().count(),
            saved: before.saturating_sub(plan.total),
            tokens: plan.total,
            over,
        }
    }

    fn window(&self, model: &str) -> Option<u64> {
        let configured = self.options.context_size.iter().find(|(known, _)| known.matches(model));
        configured.map(|(_, tokens)| *tokens).or_else(|| window::of(model))
    }

    /// Whether everything that leaves is in the archive.
    fn archive_all(&self, body: &[u8], items: &[Item<'_>], plan: &Plan) -> bool {
        plan.steps.iter().all(|step| {
            let turns =
                &body[items[step.start].node.range.start..items[step.end - 1].node.range.end];
            let mut fresh = false;
            let kept = self.archived.remember(0, turns, || {
                fresh = true;
                self.archive.keep(turns)
            });
            if let Some(id) = kept.filter(|_| !fresh) {
                self.archive.used(&id);
            }
            kept.is_some()
        })
    }

    fn digest(
        &self,
        body: &[u8],
        items: &[Item<'_>],
        plan: &Plan,
        tokenizer: Tokenizer,
        budget: u64,
        gate: Option<Gate<'_>>,
    ) -> String {
        let left = &items[plan.task + 1..plan.cut];
        let turns = left
            .first()
            .zip(left.last())
            .map(|(first, last)| &body[first.node.range.start..last.node.range.end]);
        let mut key = turns.unwrap_or_default().to_vec();
        key.extend(budget.to_le_bytes());
        if let Some(gate) = gate {
            // What it takes depends on what stands before it.
            key.extend(&body[items[plan.task].node.range.clone()]);
            key.extend(gate.whose.as_bytes());
        }
        let rule = u8::from(tokenizer == Tokenizer::O200k);
        let made = || {
            let left = left.iter().filter(|item| cut::leaves(item));
            let admits =
                |text: &str| gate.is_none_or(|it| it.admits(body, &items[plan.task], text));
            Some(digest::digest(left, budget, |text| tokenizer.count(text), admits))
        };
        self.digests.remember(rule, &key, made).unwrap_or_default()
    }
}

impl Module for Ipc {
    fn name(&self) -> &'static str {
        "ipc"
    }

    fn request(&self, exchange: &mut Exchange<'_>) -> Verdict {
        let endpoint = exchange.endpoint;
        let model = Some(exchange.uri.path()).filter(|_| endpoint.names_model());
        let model = model.and_then(|path| path.rsplit_once("/models/"));
        let model = model.map(|(_, rest)| rest.rsplit_once(':').map_or(rest, |(model, _)| model));
        let model = model.map(unescaped);
        let surface = endpoint.surface;
        let (provider, client) = (exchange.provider.name.as_str(), exchange.client);
        let whose = format!("{provider}\0{}", client.unwrap_or_default());
        let masker = self.maskers.as_ref().map(|maskers| maskers.of(provider, client));
        let gate = masker.map(|masker| Gate { masker, surface, whose: &whose });
        match self.shortened(surface, model.as_deref(), &exchange.body, gate) {
            Outcome::Fits => {}
            Outcome::LeftAlone(why) => exchange.say("left-alone", why),
            Outcome::Cut { body, messages, saved, over, .. } => {
                exchange.body = body.into();
                exchange.say("left-out", messages);
                exchange.say("saved-tokens", saved);
                if over {
                    exchange.say("over", "target");
                }
            }
        }
        Verdict::Continue
    }
}

/// The request without what leaves, with what takes its place.
fn written(body: &[u8], items: &[Item<'_>], plan: &Plan, digest: &str) -> Vec<u8> {
    let mut edits = Edits::new();
    for at in plan.task + 1..plan.cut {
        if cut::leaves(&items[at]) {
            // With the comma behind it: something stays behind everything that leaves.
            edits.replace(items[at].node.range.start..items[at + 1].node.range.start, b"");
        }
    }
    let texts = plan.recalled.iter().map(|(user, text)| (*user, text.as_str()));
    for (at, text) in [(plan.task, digest)].into_iter().chain(texts) {
        append(&mut edits, &items[at], text);
    }
    edits.apply(body)
}

/// Adds a text to the end of an item.
fn append(edits: &mut Edits, item: &Item<'_>, text: &str) {
    match item.tail {
        _ if text.is_empty() => {}
        Tail::Text(token) => {
            edits.replace_text(token.range.end..token.range.end, &format!("\n\n{text}"));
        }
        Tail::List(list, open) => {
            let end = list.range.end - 1;
            edits.replace_with(end..end, |out| {
                out.push(b',');
                out.extend_from_slice(open.as_bytes());
                crate::json::escape_into(out, text);
                out.extend_from_slice(b"\"}");
            });
        }
        Tail::Closed => {}
    }
}

/// With MiniLM-L6, a question and what it is about are between 0.35 and 0.6 alike, others below 0.2.
const SAME_MATTER: f32 = 0.4;
/// In tokens.
const MOST_DIGEST: u64 = 2_000;
/// Texts of users in the conversations that go on.
const MANY: usize = 8_192;
/// Conversations that go on at a time, and the steps that they have made.
const MEMORY: usize = 512;
