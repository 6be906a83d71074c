//! Masks personal data and refuses secrets, by calling the masker.

use std::sync::Arc;

use bytes::Bytes;

use super::{Exchange, Kind, Module, Refusal, Verdict};
use crate::config::Provider;
use crate::provider::endpoint::Takes;
use crate::redact::Policy;
use crate::redact::mask::Maskers;
use crate::redact::note::{self, Note};
use crate::redact::rehydrate::KeptTools;
use crate::redact::scan::ScannerError;

/// The maskers of all providers and clients.
pub(super) struct Guardrails {
    maskers: Arc<Maskers>,
    kept: KeptTools,
    note: Note,
}

impl Guardrails {
    pub(super) fn new(policy: &Policy, providers: &[Provider]) -> Result<Self, ScannerError> {
        let names = providers.iter().map(|provider| provider.name.as_str());
        let kept = KeptTools {
            masked: Arc::clone(&policy.tools_keep_masked),
            secrets: Some(Arc::clone(&policy.tools_restore_secrets)),
        };
        let maskers = Arc::new(Maskers::new(policy, names)?);
        Ok(Self { maskers, kept, note: policy.system_inject })
    }

    /// By which the broker judges as well.
    pub(super) fn maskers(&self) -> &Arc<Maskers> {
        &self.maskers
    }
}

impl Module for Guardrails {
    fn name(&self) -> &'static str {
        "guardrails"
    }

    fn masks(&self) -> bool {
        true
    }

    fn kept_tools(&self) -> Option<&KeptTools> {
        Some(&self.kept)
    }

    fn kind(&self) -> Kind {
        Kind::Safety
    }

    fn request(&self, exchange: &mut Exchange<'_>) -> Verdict {
        let endpoint = exchange.endpoint;
        if endpoint.takes == Takes::Nothing {
            return Verdict::Continue;
        }
        let masker = self.maskers.of(&exchange.provider.name, exchange.client);
        match masker.request(endpoint.surface, &exchange.body, exchange.vault) {
            Ok(masked) => {
                if let Some(body) = masked.body {
                    if let Some(watch) = exchange.watch {
                        watch.masked(&exchange.body, &body);
                    }
                    exchange.body = Bytes::from(body);
                }
                if self.note == Note::Give
                    && let Some(body) = note::add(endpoint, &exchange.body)
                {
                    exchange.body = Bytes::from(body);
                }
                for (label, count) in masked.masked {
                    *exchange.masked.entry(label).or_default() += count;
                }
                Verdict::Continue
            }
            Err(refusal) => Verdict::Refuse(Refusal::Guardrails(refusal)),
        }
    }
}
