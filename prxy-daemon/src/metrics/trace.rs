//! One request on its way, and what is counted of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use http::{HeaderValue, StatusCode};

use super::definition::{CLASSES, SURFACES, reason};
use super::{Client, Counts, Metrics, Provider};
use crate::gateway::Place;
use crate::pipeline::Cached;
use crate::provider;

/// What was asked, as a label: a word of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Surface(usize);

impl Surface {
    pub(crate) const HEALTH: Self = Self(8);
    pub(crate) const READY: Self = Self(9);
    pub(crate) const PIPELINE: Self = Self(10);
    pub(crate) const OUTCOMES: Self = Self(11);
    pub(crate) const UNKNOWN: Self = Self(12);
}

impl From<provider::Surface> for Surface {
    fn from(surface: provider::Surface) -> Self {
        use provider::Surface as S;
        Self(match surface {
            S::Messages => 0,
            S::MessageBatch => 1,
            S::Chat => 2,
            S::Responses => 3,
            S::Completions => 4,
            S::Inputs => 5,
            S::Generate => 6,
            S::Objects(_) => 7,
        })
    }
}

/// What is known of a request so far.
pub(crate) struct Trace {
    metrics: Arc<Metrics>,
    began: Instant,
    surface: Surface,
    provider: Arc<Provider>,
    client: Option<Arc<Client>>,
    /// Of a client with limits.
    place: Option<Place>,
    _in_flight: InFlight,
}

struct InFlight(Arc<Metrics>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Kept as long as an answer is read, and counts how long that took.
pub(crate) struct Whole {
    metrics: Arc<Metrics>,
    began: Instant,
    _place: Option<Place>,
    _in_flight: InFlight,
}

impl Drop for Whole {
    fn drop(&mut self) {
        self.metrics.stages[WHOLE].observe(self.began.elapsed());
    }
}

impl Metrics {
    /// A request has come.
    pub(crate) fn trace(self: &Arc<Self>) -> Trace {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        Trace {
            began: Instant::now(),
            surface: Surface::UNKNOWN,
            provider: Arc::clone(&self.nobody),
            client: None,
            place: None,
            _in_flight: InFlight(Arc::clone(self)),
            metrics: Arc::clone(self),
        }
    }
}

impl Trace {
    /// What it asks for.
    pub(crate) fn asks(&mut self, surface: impl Into<Surface>) {
        self.surface = surface.into();
    }

    /// Its body is there.
    pub(crate) fn is_read(&self) {
        self.metrics.stages[READ].observe(self.began.elapsed());
    }

    /// What is given back when its answer has ended.
    pub(crate) fn holds(&mut self, place: Place) {
        self.place = Some(place);
    }

    /// Which provider it goes to, by its number in the configuration.
    pub(crate) fn goes_to(&mut self, counts: &Counts, number: usize) {
        if let Some(provider) = counts.provider(number) {
            self.provider = Arc::clone(provider);
        }
    }

    /// Whose it is.
    pub(crate) fn comes_from(&mut self, counts: &Counts, client: Option<&str>) {
        self.client = client.and_then(|name| counts.client(name)).cloned();
    }

    /// It has passed the modules.
    pub(crate) fn is_prepared(&self, took: Duration) {
        self.metrics.stages[PIPELINE].observe(took);
    }

    /// What the caches made of it.
    pub(crate) fn is_cached(&self, cached: Cached) {
        self.metrics.note_cached(cached);
    }

    /// The provider has begun to answer.
    pub(crate) fn is_answered(&self, status: StatusCode, took: Duration) {
        self.provider.first_byte.observe(took);
        self.provider.upstream.add(class(status));
    }

    /// It was sent on, and there is no answer of the provider.
    pub(crate) fn is_lost(&self, word: &HeaderValue) {
        let at = CLASSES.len() + word.to_str().map_or(super::REASONS.len(), reason);
        self.provider.upstream.add(at);
    }

    /// Its answer begins; `refused` is the word for it if the answer is our own.
    pub(crate) fn ends(self, status: StatusCode, refused: Option<&HeaderValue>) -> Whole {
        self.provider.requests[self.surface.0].add(class(status));
        if let Some(word) = refused {
            let at = word.to_str().map_or(super::REASONS.len(), reason);
            self.metrics.refused.add(at);
        }
        if let Some(client) = &self.client {
            let Client { served, refused: not } = &**client;
            let count: &AtomicU64 = if refused.is_some() { not } else { served };
            count.fetch_add(1, Ordering::Relaxed);
        }
        let Self { metrics, began, place, _in_flight, .. } = self;
        Whole { metrics, began, _place: place, _in_flight }
    }
}

/// Nobody answers with another one.
fn class(status: StatusCode) -> usize {
    usize::from(status.as_u16() / 100).clamp(2, 1 + CLASSES.len()) - 2
}

const READ: usize = 0;
const PIPELINE: usize = 1;
const WHOLE: usize = 2;
const _: () = assert!(SURFACES.len() == Surface::UNKNOWN.0 + 1);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::definition::STAGES;
    use crate::provider::Api;

    #[test]
    fn numbers_stand_for_the_words_of_their_tables() {
        use provider::Surface as S;
        for (surface, word) in [
            (S::Messages.into(), "messages"),
            (S::MessageBatch.into(), "message-batch"),
            (S::Chat.into(), "chat"),
            (S::Responses.into(), "responses"),
            (S::Completions.into(), "completions"),
            (S::Inputs.into(), "inputs"),
            (S::Generate.into(), "generate"),
            (S::Objects(Api::OpenAi).into(), "objects"),
            (Surface::HEALTH, "health"),
            (Surface::READY, "ready"),
            (Surface::PIPELINE, "pipeline"),
            (Surface::OUTCOMES, "outcomes"),
            (Surface::UNKNOWN, "unknown"),
        ] {
            assert_eq!(SURFACES[surface.0], word);
        }
        assert_eq!((STAGES[READ], STAGES[PIPELINE], STAGES[WHOLE]), ("read", "pipeline", "whole"));
        for (status, word) in [(100, "2xx"), (200, "2xx"), (304, "3xx"), (429, "4xx"), (599, "5xx")]
        {
            assert_eq!(CLASSES[class(StatusCode::from_u16(status).unwrap())], word, "{status}");
        }
        assert_eq!(CLASSES[class(StatusCode::from_u16(999).unwrap())], "5xx");
    }
}
