//! Masks personal data and refuses secrets, by calling the masker.

use bytes::Bytes;

use super::{Exchange, Module, Refusal, Verdict};
use crate::redact::Policy;
use crate::redact::mask::Masker;
use crate::redact::scan::ScannerError;

/// The masker with its policy.
pub(super) struct Guardrails {
    masker: Masker,
}

impl Guardrails {
    pub(super) fn new(policy: &Policy) -> Result<Self, ScannerError> {
        Ok(Self { masker: Masker::new(policy)? })
    }
}

impl Module for Guardrails {
    fn name(&self) -> &'static str {
        "guardrails"
    }

    fn masks(&self) -> bool {
        true
    }

    fn request(&self, exchange: &mut Exchange<'_>) -> Verdict {
        match self.masker.request(exchange.provider.api, &exchange.body, exchange.vault) {
            Ok(masked) => {
                if let Some(body) = masked.body {
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
