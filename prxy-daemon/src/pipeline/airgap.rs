//! Refuses requests to hosts that the configuration does not allow.
//!
//! This is the polite half: an early 4xx with a reason. Enforcement is the kernel's.

use std::collections::HashSet;

use super::{Exchange, Kind, Module, Refusal, Verdict};
use crate::config::{self, Config, Host, OnViolation, Provider};

/// The hosts that may be reached.
pub(super) struct Airgap {
    allowed: HashSet<String>,
    on_violation: OnViolation,
}

impl Airgap {
    /// An empty `allowed_hosts` stands for the hosts of all configured providers.
    pub(super) fn new(
        allowed_hosts: &[String],
        on_violation: OnViolation,
        providers: &[Provider],
    ) -> Self {
        let allowed = if allowed_hosts.is_empty() {
            providers.iter().map(|provider| text(&provider.host)).collect()
        } else {
            allowed_hosts.iter().map(|host| spelled(host)).collect()
        };
        Self { allowed, on_violation }
    }

    /// Whether the provider's host is on the list, whatever happens if it is not.
    fn allows(&self, provider: &Provider) -> bool {
        self.allowed.contains(&text(&provider.host))
    }
}

/// Whether all lists that are configured have a place for a provider.
pub(crate) fn allows(config: &Config, provider: &Provider) -> bool {
    config.pipeline.iter().all(|module| match module {
        config::Module::Airgap { allowed_hosts, on_violation } => {
            Airgap::new(allowed_hosts, *on_violation, &config.providers).allows(provider)
        }
        _ => true,
    })
}

impl Module for Airgap {
    fn name(&self) -> &'static str {
        "airgap"
    }

    fn kind(&self) -> Kind {
        Kind::Safety
    }

    fn request(&self, exchange: &mut Exchange<'_>) -> Verdict {
        if self.allows(exchange.provider) {
            return Verdict::Continue;
        }
        match self.on_violation {
            OnViolation::Block => Verdict::Refuse(Refusal::HostNotAllowed {
                provider: exchange.provider.name.clone(),
            }),
            OnViolation::LogOnly => {
                let reason = "host-not-allowed";
                let provider = exchange.provider.name.as_str();
                tracing::warn!(reason, provider, "log-only: this request would be refused");
                Verdict::Continue
            }
        }
    }
}

/// As hosts are compared: lower case, no final dot, no brackets.
fn spelled(host: &str) -> String {
    host.trim_matches(['[', ']']).trim_end_matches('.').to_ascii_lowercase()
}

fn text(host: &Host) -> String {
    match host {
        Host::Name(name) => name.clone(),
        Host::Address(address) => address.to_string(),
    }
}
