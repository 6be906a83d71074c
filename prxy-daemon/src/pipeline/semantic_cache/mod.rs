//! One answer for questions that are asked in other words.
//!
//! All of two requests but the question must be the same, as for `exact_cache`; of the question its
//! form must be (see `guard`), and its vector near. What is kept is masked; a hit is restored with the
//! asker's own vault. Not for requests that are the same: `exact_cache` is quicker.

pub mod guard;
mod question;
mod reading;
mod tables;
mod tokens;

use std::sync::Arc;

use bytes::Bytes;

use super::answer::Recorded;
use super::canonical::{Canonical, Key};
use super::exact_cache::{Wish, Written, is_theirs, kept, partition, written_as};
use super::{Cached, Exchange, Module, Verdict};
use crate::config;
use crate::embed::{Embedder, Packed};
use crate::store::{Asked, Similar};

use question::Wide;

pub use reading::Reading;

/// The answers that one configuration gives again; where they are kept outlasts it.
pub(super) struct SemanticCache {
    options: config::SemanticCache,
    embedder: Arc<dyn Embedder>,
    similar: Arc<Similar>,
}

/// What a request is found by.
struct Question<'a> {
    /// With the form of the question in place of the question.
    asked: Canonical<'a>,
    key: Key,
    vector: Packed,
}

impl SemanticCache {
    pub(super) fn new(
        options: config::SemanticCache,
        embedder: Arc<dyn Embedder>,
        similar: Arc<Similar>,
    ) -> Self {
        Self { options, embedder, similar }
    }

    fn question<'a>(&self, exchange: &Exchange<'_>, body: &'a Bytes) -> Option<Question<'a>> {
        let mut asked = Canonical::read(exchange.endpoint, exchange.uri, body)?;
        let config::SemanticCache { multi_turn, max_temperature, .. } = self.options;
        let wide = Wide { multi_turn, max_temperature };
        let text = question::find(exchange.endpoint.surface, &mut asked.root, wide)?;
        let reading = Reading::of(text)?;
        let seen = reading.seen_by(self.embedder.reads(), text);
        *text = reading.form().into();
        let key = asked.key(&partition(exchange, exchange.within(self.options.scope))?);
        let vector = self.embedder.embed(&seen).inspect_err(|error| {
            tracing::warn!(%error, "the semantic cache cannot compare");
        });
        Some(Question { asked, key, vector: Packed::new(&vector.ok()?) })
    }
}

impl Module for SemanticCache {
    fn name(&self) -> &'static str {
        "semantic-cache"
    }

    fn request(&self, exchange: &mut Exchange<'_>) -> Verdict {
        let wish = Wish::of(exchange.headers);
        let body = exchange.body.clone();
        let question = match wish {
            Wish::Neither => None,
            Wish::Known | Wish::New => self.question(exchange, &body),
        };
        let Some(Question { asked, key, vector }) = question else {
            exchange.note(Cached::Bypass);
            return Verdict::Continue;
        };
        let Key { hash: partition, names } = key;
        let endpoint = exchange.endpoint;
        let config::SemanticCache { similarity, limits, .. } = self.options;
        let scope = exchange.within(self.options.scope);
        if wish == Wish::Known {
            let like =
                Asked { partition: &partition, embedder: self.embedder.name(), vector: &vector };
            let found = self.similar.find(&like, similarity, limits.ttl);
            if let Some((answer, similarity)) = found
                && is_theirs(&answer, &names)
                && let Some(body) = written_as(endpoint.surface, &answer, &asked)
            {
                exchange.note(Cached::Hit(self.name()));
                exchange.say("similarity", format_args!("{similarity:.2}"));
                let theirs = answer.names;
                return Verdict::Answer(Recorded { kind: asked.kind(), body, theirs, own: names });
            }
        }
        exchange.note(Cached::Miss);
        let (embedder, similar) = (Arc::clone(&self.embedder), Arc::clone(&self.similar));
        let form = Written { kind: asked.kind(), form: asked.form().to_owned() };
        let confined = exchange.confined.clone();
        exchange.then(move |answered| {
            if let Some(answer) = kept(endpoint, answered, form, names, (scope, &confined)) {
                let like =
                    Asked { partition: &partition, embedder: embedder.name(), vector: &vector };
                similar.put(&like, &answer, limits);
            }
        });
        Verdict::Continue
    }
}

/// How near two vectors must be by default.
pub const SIMILARITY: f32 = 0.92;
