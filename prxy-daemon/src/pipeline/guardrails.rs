//! Masks personal data and refuses secrets, by calling the masker.

use bytes::Bytes;

use super::{Exchange, Module, Refusal, Verdict};
use crate::provider::endpoint::Takes;
use crate::redact::Policy;
use crate::redact::mask::Masker;
use crate::redact::note::{self, Note};
use crate::redact::rehydrate::KeptTools;
use crate::redact::scan::ScannerError;

/// The masker with its policy.
pub(super) struct Guardrails {
    masker: Masker,
    kept: KeptTools,
    note: Note,
}

impl Guardrails {
    pub(super) fn new(policy: &Policy) -> Result<Self, ScannerError> {
        let kept = KeptTools::clone(&policy.tools_keep_masked);
        Ok(Self { masker: Masker::new(policy)?, kept, note: policy.system_inject })
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

    fn request(&self, exchange: &mut Exchange<'_>) -> Verdict {
        let endpoint = exchange.endpoint;
        if endpoint.takes == Takes::Nothing {
            return Verdict::Continue;
        }
        match self.masker.request(endpoint.surface, &exchange.body, exchange.vault) {
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
