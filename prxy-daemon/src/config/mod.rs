//! What the user configured, parsed and checked: a [`Config`] cannot be wrong.
//!
//! Not for applying it: every component takes its own part and builds itself; nor for keys,
//! of which only the names stand here.

mod bundles;
mod clients;
mod decode;
mod difference;
mod edit;
mod embeddings;
mod encrypt;
mod errors;
mod guardrails;
mod hide;
mod listen;
mod load;
mod metrics;
mod models;
mod modules;
mod origins;
mod pins;
mod pipeline;
mod problem;
mod providers;
mod suggest;
mod summary;
mod url;
mod vault;
mod yaml;

#[cfg(test)]
pub(crate) mod tests;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use crate::audit::Rotation;
use crate::provider::{Api, fetch};
use crate::redact::Policy;

pub use bundles::{BundleError, Bundles};
pub use clients::{Client, ClientLimits, Peer};
pub(crate) use difference::difference;
pub(crate) use edit::{lines as client_lines, with_client};
pub use embeddings::Embeddings;
pub use encrypt::Encrypt;
pub(crate) use encrypt::USUAL as USUAL_STATE_KEY;
pub use errors::{ConfigErrors, Told};
pub(crate) use hide::printable;
pub use listen::Listen;
pub use load::{Origin, Sources, Text};
pub use metrics::Metrics;
pub use models::ModelPattern;
pub use modules::{
    CostGuard, CostLimits, ExactCache, Ipc, McpOptimizer, Money, Patterns, Price, SemanticCache,
    Sharing, Unpriced,
};
pub(crate) use origins::explain;
pub use pins::{Addresses, KeyPin, Network};
pub(crate) use providers::is_name as is_client_name;
pub(crate) use suggest::closest;
pub use url::{Scope, scope};
pub(crate) use vault::age;
pub use vault::{Scope as VaultScope, TenantBy, Vault};

/// The effective configuration of one daemon.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where clients connect.
    pub listen: Listen,
    /// Holds `config.yaml`, `state/` (the gateway's) and `audit/` (the warden's).
    pub data_dir: PathBuf,
    /// The modules that a request passes, in order.
    pub pipeline: Vec<Module>,
    /// Every provider that can be reached; a route's number is its index here.
    pub providers: Vec<Provider>,
    /// Who is told apart, by name.
    pub clients: Vec<Client>,
    /// Nameservers for the resolver; empty: those of `/etc/resolv.conf`.
    pub nameservers: Vec<SocketAddr>,
    /// Whether the daemon may run without the kernel filter.
    pub enforcement: Enforcement,
    /// Largest request body, in bytes (64 MiB unless configured).
    pub max_body_bytes: usize,
    /// How the audit log is kept.
    pub audit: Audit,
    /// How the vault is kept.
    pub vault: Vault,
    /// That the state is encrypted, and what opens it.
    pub encrypt: Option<Encrypt>,
    /// Where what is counted can be read.
    pub metrics: Metrics,
    /// What makes vectors of texts.
    pub embeddings: Embeddings,
    /// The file that was read, if there was one.
    pub file: Option<ConfigFile>,
}

impl Config {
    /// Reads all sources and checks them; either everything is right, or all problems are told.
    pub fn load(sources: &Sources<'_>) -> Result<Self, ConfigErrors> {
        Origin::of(sources).load().map(|(config, _)| config)
    }

    /// What the guardrails mask and block, if the pipeline has them.
    pub fn policy(&self) -> Option<&Policy> {
        self.pipeline.iter().find_map(|module| match module {
            Module::Guardrails(policy) => Some(policy),
            _ => None,
        })
    }

    /// Whether the airgap only records what it would block.
    pub fn is_log_only(&self) -> bool {
        pipeline::is_log_only(&self.pipeline)
    }

    /// The effective configuration as YAML that [`Config::load`] takes; holds no secrets.
    pub fn summary(&self) -> impl fmt::Display {
        summary::Summary { config: self, texts: summary::Texts::Shown }
    }

    /// The same for logs: without the texts that the guardrails allow and deny, of which it says
    /// how many there are.
    pub fn summary_for_log(&self) -> impl fmt::Display {
        summary::Summary { config: self, texts: summary::Texts::Counted }
    }
}

/// How the audit log is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Audit {
    /// When a new file begins, and how many old ones stay.
    pub rotation: Rotation,
    /// What happens when it cannot be written.
    pub on_full: OnFull,
}

/// What happens when the audit log cannot be written, as on a full disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFull {
    /// Go on: the kernel enforces as before, and lines are counted that are left out.
    Continue,
    /// End: nothing is sent that is not recorded.
    Stop,
}

impl Default for Audit {
    fn default() -> Self {
        let rotation = Rotation { max_bytes: DEFAULT_AUDIT_BYTES, keep: DEFAULT_AUDIT_FILES };
        Self { rotation, on_full: OnFull::Continue }
    }
}

/// The file that a configuration was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFile {
    /// As it was named.
    pub path: PathBuf,
    /// Of its bytes, as `sha256sum` prints it.
    pub sha256: String,
}

/// Whether the kernel filter must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enforcement {
    /// Refuse to start without it.
    Required,
    /// Start with the layers that hold, and say which do not.
    BestEffort,
}

/// One stage of the pipeline with its own configuration.
#[derive(Clone, Debug)]
pub enum Module {
    /// Kernel-enforced egress.
    Airgap {
        /// Hosts that may be reached; empty: those of the configured providers.
        allowed_hosts: Vec<String>,
        /// What a violation does.
        on_violation: OnViolation,
    },
    /// Masking and blocking.
    Guardrails(Policy),
    /// The same answer to the same request.
    ExactCache(ExactCache),
    /// What helped is offered again.
    Patterns(Patterns),
    /// The state must be encrypted.
    LocalEncrypt,
    /// Conversations inside a share of the model's window.
    Ipc(Ipc),
    /// The tools that matter.
    McpOptimizer(McpOptimizer),
    /// The same answer to the same question in other words.
    SemanticCache(SemanticCache),
    /// What may be spent.
    CostGuard(CostGuard),
}

impl Module {
    /// The name in `pipeline:` and `PRXY_PIPE`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Airgap { .. } => "airgap",
            Self::Guardrails(_) => "guardrails",
            Self::ExactCache(_) => "exact-cache",
            Self::Patterns(_) => "patterns",
            Self::LocalEncrypt => "local-encrypt",
            Self::Ipc(_) => "ipc",
            Self::McpOptimizer(_) => "mcp-optimizer",
            Self::SemanticCache(_) => "semantic-cache",
            Self::CostGuard(_) => "cost-guard",
        }
    }

    /// The airgap as it is without options.
    fn airgap() -> Self {
        Self::Airgap { allowed_hosts: Vec::new(), on_violation: OnViolation::Block }
    }
}

/// What happens to whatever the airgap does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnViolation {
    /// It is refused, by the kernel and by the pipeline.
    Block,
    /// It goes on and is recorded: the kernel's programs protect from nothing.
    LogOnly,
}

/// One upstream that requests can be routed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// The name in `/{name}/…`, such as `anthropic`.
    pub name: String,
    /// The wire format that it speaks.
    pub api: Api,
    /// Its host, as configured.
    pub host: Host,
    /// Where its addresses come from; a literal address is one that is fixed.
    pub addresses: Addresses,
    /// Its TCP port.
    pub port: u16,
    /// Put before every path, without a slash at its end; mostly empty.
    pub path_prefix: String,
    /// How the connection is protected.
    pub transport: Transport,
    /// Whether private and loopback addresses are expected for it.
    pub private: bool,
    /// The name of the environment variable or systemd credential with its key, such as `OPENAI_API_KEY`.
    pub key_name: Option<String>,
    /// What it may be made to do for a request.
    pub fetch: fetch::Policy,
    /// SHA-256 of the clients' credentials that may be passed on; empty: whichever they bring.
    pub client_keys: Vec<[u8; 32]>,
    /// On shared paths, the models that it is asked for; empty: those that nobody else has.
    pub models: Vec<ModelPattern>,
}

impl Provider {
    /// The name that nameservers are asked for; `None` if its addresses are fixed.
    pub fn name_to_resolve(&self) -> Option<&str> {
        match (&self.host, &self.addresses) {
            (_, Addresses::Fixed(_)) | (Host::Address(_), _) => None,
            (Host::Name(name), _) => Some(name),
        }
    }

    /// Whether it can only be reached at private addresses, whatever nameservers say.
    pub fn is_local(&self) -> bool {
        let private = |address: &IpAddr| scope(*address) == Scope::Private;
        self.private
            && match &self.addresses {
                Addresses::Resolved => false,
                Addresses::Within(networks) => networks.iter().all(Network::is_private),
                Addresses::Fixed(addresses) => addresses.iter().all(private),
            }
    }

    /// Whether a nameserver's answer may be used: never an address that names no single host, one
    /// of the special ranges (RFC 6890) only for a provider that is called private, and nothing
    /// outside the pins.
    pub fn accepts(&self, address: IpAddr) -> bool {
        let usable = match scope(address) {
            Scope::Public => true,
            Scope::Private => self.private,
            Scope::NoDestination => false,
        };
        usable
            && match &self.addresses {
                Addresses::Resolved => true,
                Addresses::Within(networks) => networks.iter().any(|n| n.contains(address)),
                Addresses::Fixed(_) => false,
            }
    }
}

/// A host as the configuration names it; never taken from a request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// A DNS name, lower-case ASCII, without a final dot.
    Name(String),
    /// A literal address.
    Address(IpAddr),
}

impl fmt::Display for Host {
    /// As in a URL: an IPv6 address in brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// How a provider connection is protected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transport {
    /// TLS, verified against the system roots, or against `ca_file` alone.
    Tls {
        /// PEM bundle that replaces the system roots.
        ca_file: Option<PathBuf>,
        /// Of these keys, the server's certificate must hold one as well; empty: any.
        keys: Vec<KeyPin>,
    },
    /// No TLS: `dangerously_allow_plaintext` on a private provider.
    Plaintext,
}

const DEFAULT_AUDIT_BYTES: u64 = 64 << 20;
/// 4 GiB in all: years of ordinary use, and the most that a hostile role can fill.
const DEFAULT_AUDIT_FILES: usize = 64;
