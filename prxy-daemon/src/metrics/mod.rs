//! What is counted of requests and of the kernel's policy, and the text that Prometheus reads.
//!
//! Counting is a handful of atomic additions: no lock, no allocation. A label's value is a name from
//! the configuration or a word from a table, never anything of a request. Not for logs, and not for
//! the sockets that the text is read from: those are the gateway's.

mod counts;
mod definition;
pub(crate) mod histogram;
mod report;
mod text;
mod trace;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::link::Figures;
use crate::link::reload::Heard;
use crate::pipeline::Cached;

pub(crate) use counts::{Client, Counts, Label, Provider};
use definition::{CACHES, MODULES, REASONS, STAGES};
pub use definition::{FAMILIES, Family, Kind};
use histogram::Histogram;
pub(crate) use report::Sizes;
pub(crate) use text::CONTENT_TYPE;
pub(crate) use trace::{Surface, Trace, Whole};

/// Everything that is counted, since the start; outlasts every configuration.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    in_flight: AtomicU64,
    stages: [Histogram; STAGES.len()],
    modules: [Arc<Histogram>; MODULES.len()],
    refused: Counters<{ REASONS.len() + 1 }>,
    caches: Counters<{ CACHES.len() }>,
    /// Requests that no provider was chosen for.
    nobody: Arc<Provider>,
    /// By name, of every configuration so far. Looked up when one is put in force, and never for a
    /// request.
    known: Mutex<Known>,
    warden: Warden,
}

#[derive(Debug, Default)]
struct Known {
    providers: BTreeMap<String, Arc<Provider>>,
    labels: BTreeMap<String, Arc<Label>>,
    clients: BTreeMap<String, Arc<Client>>,
}

/// A row of counters.
#[derive(Debug)]
struct Counters<const N: usize>([AtomicU64; N]);

impl<const N: usize> Default for Counters<N> {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl<const N: usize> Counters<N> {
    fn add(&self, at: usize) {
        self.0[at].fetch_add(1, Ordering::Relaxed);
    }
}

/// What the warden has said.
#[derive(Debug, Default)]
struct Warden {
    figures: Mutex<Option<Figures>>,
    heard: OnceLock<Heard>,
    halted: AtomicBool,
    draining: AtomicBool,
}

/// Why no request should be sent here now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Readiness {
    /// The kernel's policy is in force, and requests are served.
    Ready,
    /// Not every role has passed its canaries yet.
    Starting,
    /// The kernel's policy was taken away.
    EnforcementLost,
    /// The process that watches the policy does not answer.
    WardenSilent,
    /// The policy only records.
    LogOnly,
    /// The daemon is about to end.
    Draining,
}

impl Readiness {
    /// The stable word for it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Starting => "starting",
            Self::EnforcementLost => "enforcement-lost",
            Self::WardenSilent => "warden-silent",
            Self::LogOnly => "log-only",
            Self::Draining => "draining",
        }
    }
}

impl Metrics {
    /// Whether the warden is heard is asked here.
    pub(crate) fn listen_to(&self, heard: Heard) {
        // There is one warden.
        let _ = self.warden.heard.set(heard);
    }

    /// What the warden has counted.
    pub(crate) fn note_figures(&self, figures: Figures) {
        *self.warden.figures.lock().unwrap_or_else(PoisonError::into_inner) = Some(figures);
    }

    /// Nothing is sent any more.
    pub(crate) fn note_halt(&self) {
        self.warden.halted.store(true, Ordering::Relaxed);
    }

    /// Only what is under way is still answered.
    pub(crate) fn note_drain(&self) {
        self.warden.draining.store(true, Ordering::Relaxed);
    }

    /// Whether requests can be sent here.
    pub(crate) fn readiness(&self) -> Readiness {
        let Warden { figures, heard, halted, draining } = &self.warden;
        let log_only = figures.lock().unwrap_or_else(PoisonError::into_inner);
        let log_only = log_only.as_ref().map(|figures| figures.log_only);
        if halted.load(Ordering::Relaxed) {
            Readiness::EnforcementLost
        } else if draining.load(Ordering::Relaxed) {
            Readiness::Draining
        } else if heard.get().is_some_and(|heard| !heard.is_recent()) {
            Readiness::WardenSilent
        } else {
            match log_only {
                None => Readiness::Starting,
                Some(true) => Readiness::LogOnly,
                Some(false) => Readiness::Ready,
            }
        }
    }

    /// Where the time in a module is counted; `None` for one that the table does not have.
    pub(crate) fn module(&self, name: &str) -> Option<Arc<Histogram>> {
        let at = MODULES.iter().position(|known| *known == name)?;
        Some(Arc::clone(&self.modules[at]))
    }

    fn note_cached(&self, cached: Cached) {
        let word = cached.word();
        if let Some(at) = CACHES.iter().position(|known| *known == word) {
            self.caches.add(at);
        }
    }
}
