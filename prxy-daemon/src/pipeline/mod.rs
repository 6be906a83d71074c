//! The modules that a request passes, in the configured order: one trait, one table.
//!
//! Modules do no I/O but through the vault that they are lent, and know no HTTP. Adding one is a
//! file here and a row in [`Pipeline::build`]. Not for enforcement: the kernel and `broker::gate`
//! hold even when everything here is wrong.

mod airgap;
mod guardrails;

use std::collections::BTreeMap;

use bytes::Bytes;
use thiserror::Error;

use crate::config::{self, Provider};
use crate::redact::mask;
use crate::redact::scan::ScannerError;
use crate::redact::{Label, Vault};

use airgap::Airgap;
use guardrails::Guardrails;

/// One stage of the pipeline.
pub trait Module: Send + Sync {
    /// The name in the configuration and in `x-prxy-modules`.
    fn name(&self) -> &'static str;

    /// Changes the request, or says why it must not be sent.
    fn request(&self, exchange: &mut Exchange<'_>) -> Verdict;

    /// Whether answers may hold placeholders because of this module.
    fn masks(&self) -> bool {
        false
    }
}

/// A request on its way through the pipeline.
pub struct Exchange<'a> {
    /// Where it goes.
    pub provider: &'a Provider,
    /// What belongs to the client's tenant.
    pub vault: &'a dyn Vault,
    /// The JSON that is to be sent.
    pub body: Bytes,
    /// How many values were masked, by label.
    pub masked: BTreeMap<Label, u32>,
}

/// What a module says of a request.
#[must_use]
#[derive(Debug)]
pub enum Verdict {
    /// The next module may look.
    Continue,
    /// Nothing is sent.
    Refuse(Refusal),
}

/// Why the pipeline refuses a request.
#[derive(Debug, Error)]
pub enum Refusal {
    /// The airgap does not allow the provider's host.
    #[error("the airgap does not allow the host of provider {provider}")]
    HostNotAllowed {
        /// The provider's name.
        provider: String,
    },
    /// The guardrails found something that cannot be sent, or could not look.
    #[error(transparent)]
    Guardrails(mask::Refusal),
}

impl Refusal {
    /// The stable word for it.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::HostNotAllowed { .. } => "host-not-allowed",
            Self::Guardrails(refusal) => refusal.reason(),
        }
    }
}

/// The configured modules, ready to run.
pub struct Pipeline {
    modules: Vec<Box<dyn Module>>,
}

impl Pipeline {
    /// Builds every configured module, in order.
    pub fn build(config: &config::Config) -> Result<Self, ScannerError> {
        let module = |module: &config::Module| -> Result<Box<dyn Module>, ScannerError> {
            Ok(match module {
                config::Module::Airgap { allowed_hosts, on_violation } => {
                    Box::new(Airgap::new(allowed_hosts, *on_violation, &config.providers))
                }
                config::Module::Guardrails(policy) => Box::new(Guardrails::new(policy)?),
            })
        };
        Ok(Self { modules: config.pipeline.iter().map(module).collect::<Result<_, _>>()? })
    }

    /// Lets every module see the request, until one refuses it.
    pub fn run(&self, exchange: &mut Exchange<'_>) -> Verdict {
        for module in &self.modules {
            if let Verdict::Refuse(refusal) = module.request(exchange) {
                return Verdict::Refuse(refusal);
            }
        }
        Verdict::Continue
    }

    /// Whether answers have to be restored.
    pub fn masks(&self) -> bool {
        self.modules.iter().any(|module| module.masks())
    }

    /// The modules' names in order, joined by commas.
    pub fn names(&self) -> String {
        self.modules.iter().map(|module| module.name()).collect::<Vec<_>>().join(",")
    }
}
