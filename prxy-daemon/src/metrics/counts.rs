//! What is counted by names of the configuration: found once, when a configuration is put in force.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};

use super::definition::{CLASSES, REASONS, SURFACES};
use super::histogram::Histogram;
use super::{Counters, Metrics};
use crate::config::Config;
use crate::provider::place::Place;
use crate::redact;

/// Of one provider.
#[derive(Debug, Default)]
pub(crate) struct Provider {
    /// By what was asked, and the class of the answer's status.
    pub(super) requests: [Counters<{ CLASSES.len() }>; SURFACES.len()],
    /// By the class of its answer's status, or why there was none; the last is none of those.
    pub(super) upstream: Counters<{ CLASSES.len() + REASONS.len() + 1 }>,
    pub(super) first_byte: Histogram,
}

/// Of one label.
#[derive(Debug, Default)]
pub(crate) struct Label {
    pub(super) masked: AtomicU64,
    pub(super) blocked: AtomicU64,
}

/// Of one client.
#[derive(Debug, Default)]
pub(crate) struct Client {
    pub(super) served: AtomicU64,
    pub(super) refused: AtomicU64,
}

/// What one configuration counts by.
#[derive(Debug)]
pub(crate) struct Counts {
    providers: Vec<Arc<Provider>>,
    labels: HashMap<redact::Label, Arc<Label>>,
    /// For labels that no policy names.
    other: Arc<Label>,
    clients: HashMap<String, Arc<Client>>,
}

impl Metrics {
    /// Finds what a configuration names, or makes it.
    pub(crate) fn counts(&self, config: &Config) -> Counts {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let providers = config.providers.iter().map(|it| find(&mut known.providers, &it.name));
        let providers = providers.collect();
        let clients = config.clients.iter();
        let clients = clients
            .map(|client| (client.name.clone(), find(&mut known.clients, &client.name)))
            .collect();
        let labels = config.policy().map(|policy| policy.at(Place::User)).unwrap_or_default();
        let labels = labels
            .into_keys()
            .map(|label| {
                let counted = find(&mut known.labels, label.as_str());
                (label, counted)
            })
            .collect();
        let other = find(&mut known.labels, super::definition::OTHER);
        Counts { providers, labels, other, clients }
    }
}

fn find<T: Default>(known: &mut BTreeMap<String, Arc<T>>, name: &str) -> Arc<T> {
    if let Some(known) = known.get(name) {
        return Arc::clone(known);
    }
    Arc::clone(known.entry(name.to_owned()).or_default())
}

impl Counts {
    /// By the provider's number in the configuration.
    pub(super) fn provider(&self, number: usize) -> Option<&Arc<Provider>> {
        self.providers.get(number)
    }

    pub(super) fn client(&self, name: &str) -> Option<&Arc<Client>> {
        self.clients.get(name)
    }

    /// Counts what was masked of a request.
    pub(crate) fn note_masked(&self, masked: &BTreeMap<redact::Label, u32>) {
        for (label, count) in masked {
            self.label(label).masked.fetch_add(u64::from(*count), Ordering::Relaxed);
        }
    }

    /// Counts a request that was refused because of what it holds.
    pub(crate) fn note_blocked(&self, label: &redact::Label) {
        self.label(label).blocked.fetch_add(1, Ordering::Relaxed);
    }

    fn label(&self, label: &redact::Label) -> &Label {
        self.labels.get(label).unwrap_or(&self.other)
    }
}
