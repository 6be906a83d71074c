//! The modules that a request passes, in the configured order: one trait, one table.
//!
//! Modules do no I/O but through the vault and the store that they are lent, and know no HTTP.
//! Adding one is a file here, its options in `config/modules/`, and a row in [`Pipeline::build`]. Not
//! for enforcement: the kernel and `broker::gate` hold even when everything here is wrong.

mod airgap;
mod answer;
#[cfg(test)]
mod benchmark;
mod canonical;
mod cost_guard;
mod exact_cache;
mod exchange;
mod guardrails;
pub mod ipc;
mod local_encrypt;
pub mod mcp_optimizer;
pub(crate) mod patterns;
pub mod semantic_cache;
mod translate;
mod words;

use std::sync::Arc;
use std::time::Instant;

use thiserror::Error;

use crate::config;
use crate::embed::Embedder;
use crate::metrics::Metrics;
use crate::metrics::histogram::Histogram;
use crate::redact::rehydrate::KeptTools;
use crate::redact::scan::ScannerError;
use crate::redact::{Label, mask};
use crate::store::Store;

use airgap::Airgap;
use cost_guard::CostGuard;
use exact_cache::ExactCache;
use guardrails::Guardrails;
use ipc::Ipc;
use local_encrypt::LocalEncrypt;
use mcp_optimizer::McpOptimizer;
use patterns::Patterns;
use semantic_cache::SemanticCache;

pub(crate) use airgap::allows;
pub use answer::{Answered, End, Flight, Listener, Recorded};
pub use cost_guard::Refusal as CostRefusal;
pub use exchange::{Cached, Confined, Exchange, Sent, Watch};
pub(crate) use translate::Translated;

/// One stage of the pipeline.
pub trait Module: Send + Sync {
    /// The name in the configuration and in `x-prxy-modules`.
    fn name(&self) -> &'static str;

    /// Changes the request, or says why it must not be sent, or answers it.
    fn request(&self, exchange: &mut Exchange<'_>) -> Verdict;

    /// Whether a client may leave it out.
    fn kind(&self) -> Kind {
        Kind::Optional
    }

    /// Whether answers may hold placeholders because of this module.
    fn masks(&self) -> bool {
        false
    }

    /// The tools that it gives more or less than others.
    fn kept_tools(&self) -> Option<&KeptTools> {
        None
    }
}

/// Whether a client may leave a module out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It protects something: every request passes it.
    Safety,
    /// A request may ask to go without it.
    Optional,
}

/// What a module says of a request.
#[must_use]
#[derive(Debug)]
pub enum Verdict {
    /// The next module may look.
    Continue,
    /// Nothing is sent.
    Refuse(Refusal),
    /// Nothing is sent: this is the answer.
    Answer(Recorded),
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
    /// It would cost too much, or nobody knows what it costs.
    #[error(transparent)]
    Cost(cost_guard::Refusal),
}

impl Refusal {
    /// Whether the request may be sent to a local provider instead.
    pub fn is_for_local(&self) -> bool {
        matches!(self, Self::Guardrails(mask::Refusal::NotForRemote { .. }))
    }

    /// What was found, where that is why.
    pub fn label(&self) -> Option<&Label> {
        match self {
            Self::Guardrails(refusal) => refusal.label(),
            Self::HostNotAllowed { .. } | Self::Cost(_) => None,
        }
    }

    /// The stable word for it.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::HostNotAllowed { .. } => "host-not-allowed",
            Self::Guardrails(refusal) => refusal.reason(),
            Self::Cost(refusal) => refusal.reason(),
        }
    }
}

/// The configured modules, ready to run.
pub struct Pipeline {
    modules: Vec<Box<dyn Module>>,
    /// Where the time in each of them is counted; none: nowhere.
    times: Vec<Option<Arc<Histogram>>>,
}

/// A request asks for modules that cannot be chosen like that.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("x-prxy-pipe names a module that is not in the pipeline")]
pub struct NotInPipeline;

impl Pipeline {
    /// Builds every configured module, in order; what they keep is in `store`, and all that compare
    /// meanings share `embedder`.
    pub fn build(
        config: &config::Config,
        store: &Store,
        embedder: &Arc<dyn Embedder>,
    ) -> Result<Self, ScannerError> {
        // Guardrails stand before every module that adds text.
        let mut maskers = None;
        let module = |module: &config::Module| -> Result<Box<dyn Module>, ScannerError> {
            Ok(match module {
                config::Module::Airgap { allowed_hosts, on_violation } => {
                    Box::new(Airgap::new(allowed_hosts, *on_violation, &config.providers))
                }
                config::Module::Guardrails(policy) => {
                    let guardrails = Guardrails::new(policy, &config.providers)?;
                    maskers = Some(Arc::clone(guardrails.maskers()));
                    Box::new(guardrails)
                }
                config::Module::LocalEncrypt => Box::new(LocalEncrypt),
                config::Module::CostGuard(options) => {
                    let guard = CostGuard::new(options.clone(), store.spend());
                    Box::new(guard.for_clients(&config.clients))
                }
                config::Module::ExactCache(options) => {
                    Box::new(ExactCache::new(*options, store.answers()))
                }
                config::Module::Patterns(options) => {
                    let patterns = Patterns::new(*options, config.policy(), store.patterns())?;
                    Box::new(patterns.with_maskers(maskers.clone()))
                }
                config::Module::Ipc(options) => {
                    let archive = ipc::archive(store, options);
                    let ipc = Ipc::new(options.clone(), archive, ipc::likeness(embedder));
                    Box::new(ipc.with_maskers(maskers.clone()))
                }
                config::Module::McpOptimizer(options) => {
                    Box::new(McpOptimizer::new(options.clone()))
                }
                config::Module::SemanticCache(options) => {
                    Box::new(SemanticCache::new(*options, Arc::clone(embedder), store.similar()))
                }
            })
        };
        let modules = config.pipeline.iter().map(module).collect::<Result<_, _>>()?;
        Ok(Self { modules, times: Vec::new() })
    }

    /// Counts from now on how long each module takes.
    #[must_use]
    pub(crate) fn timed(self, metrics: &Metrics) -> Self {
        let times = self.modules.iter().map(|module| metrics.module(module.name())).collect();
        Self { times, ..self }
    }

    /// Which modules a request passes that names those it wants: the others that protect nothing
    /// are left out. Without names, all.
    pub fn chosen(&self, names: Option<&str>) -> Result<Chosen, NotInPipeline> {
        let Some(names) = names else { return Ok(Chosen(vec![true; self.modules.len()])) };
        let named: Vec<&str> =
            names.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
        let has = |name: &&str| self.modules.iter().any(|module| module.name() == *name);
        if !named.iter().all(has) {
            return Err(NotInPipeline);
        }
        let runs = |(name, kind)| kind == Kind::Safety || named.contains(&name);
        Ok(Chosen(self.modules().map(runs).collect()))
    }

    /// The modules that no request goes without.
    pub fn safety(&self) -> Chosen {
        Chosen(self.modules().map(|(_, kind)| kind == Kind::Safety).collect())
    }

    /// Lets every chosen module see the request, until one refuses or answers it.
    pub fn run(&self, chosen: &Chosen, exchange: &mut Exchange<'_>) -> Verdict {
        let mut began = Instant::now();
        for (at, module) in self.modules.iter().enumerate() {
            if !chosen.0.get(at).is_some_and(|runs| *runs) {
                continue;
            }
            exchange.passed.push((module.name(), String::new()));
            let verdict = module.request(exchange);
            if let Some(Some(times)) = self.times.get(at) {
                let now = Instant::now();
                times.observe(now.duration_since(began));
                began = now;
            }
            match verdict {
                Verdict::Continue => {}
                ended => return ended,
            }
        }
        Verdict::Continue
    }

    /// Whether answers have to be restored.
    pub fn masks(&self) -> bool {
        self.modules.iter().any(|module| module.masks())
    }

    /// The tools that are given more or less than others.
    pub fn kept_tools(&self) -> KeptTools {
        self.modules.iter().find_map(|module| module.kept_tools()).cloned().unwrap_or_default()
    }

    /// The modules in order, with whether a client may leave them out.
    pub fn modules(&self) -> impl Iterator<Item = (&'static str, Kind)> {
        self.modules.iter().map(|module| (module.name(), module.kind()))
    }

    /// The names of the chosen modules in order, joined by commas.
    pub fn names(&self, chosen: &Chosen) -> String {
        let runs = self.modules.iter().zip(&chosen.0).filter(|(_, runs)| **runs);
        runs.map(|(module, _)| module.name()).collect::<Vec<_>>().join(",")
    }
}

/// Which modules a request passes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen(Vec<bool>);

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use std::collections::BTreeMap;

    use bytes::Bytes;
    use http::{HeaderMap, Uri};

    use super::*;
    use crate::config::{Addresses, Config, Enforcement, Host, OnViolation, Provider, Transport};
    use crate::embed::Offline;
    use crate::provider::Api;
    use crate::provider::endpoint::Endpoint;
    use crate::redact::note::{NOTE, Note};
    use crate::redact::{Label, Number, Policy, Vault, VaultError};

    #[derive(Default)]
    struct Counter(AtomicU32);

    impl Vault for Counter {
        fn number(&self, _: &Label, _: &str) -> Result<Number, VaultError> {
            Ok(Number::first(self.0.fetch_add(1, Ordering::SeqCst) + 1))
        }

        fn original(&self, _: &str, _: Number) -> Option<Arc<str>> {
            None
        }
    }

    pub(super) fn lab() -> Provider {
        Provider {
            name: "lab".to_owned(),
            api: Api::Anthropic,
            host: Host::Address(Ipv4Addr::LOCALHOST.into()),
            addresses: Addresses::Fixed(vec![Ipv4Addr::LOCALHOST.into()]),
            port: 9100,
            path_prefix: String::new(),
            transport: Transport::Plaintext,
            private: true,
            key_name: None,
            fetch: Default::default(),
            client_keys: Vec::new(),
            models: Vec::new(),
        }
    }

    fn config(pipeline: Vec<config::Module>) -> Config {
        Config {
            listen: std::net::SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into(),
            data_dir: "unused".into(),
            pipeline,
            providers: vec![lab()],
            nameservers: Vec::new(),
            enforcement: Enforcement::BestEffort,
            max_body_bytes: 1024,
            audit: crate::config::Audit::default(),
            vault: crate::config::Vault::default(),
            encrypt: None,
            metrics: Default::default(),
            embeddings: config::Embeddings::default(),
            clients: Vec::new(),
            file: None,
        }
    }

    fn airgap(hosts: &[&str]) -> config::Module {
        let allowed_hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
        config::Module::Airgap { allowed_hosts, on_violation: OnViolation::Block }
    }

    fn guardrails() -> config::Module {
        guardrails_with(Note::Omit)
    }

    fn guardrails_with(system_inject: Note) -> config::Module {
        config::Module::Guardrails(Policy { system_inject, ..Policy::default() })
    }

    #[track_caller]
    fn check(modules: Vec<config::Module>, names: &str, expected: &str, numbered: u32) {
        let config = config(modules);
        let embedder: Arc<dyn Embedder> = Arc::new(Offline);
        let store = Store::in_memory().unwrap();
        let pipeline = Pipeline::build(&config, &store, &embedder).unwrap();
        let all = pipeline.chosen(None).unwrap();
        assert_eq!(pipeline.names(&all), names);
        let vault = Counter::default();
        let mut exchange = Exchange {
            provider: &config.providers[0],
            client: None,
            tenant: "t",
            uri: &Uri::from_static("/v1/messages"),
            headers: &HeaderMap::new(),
            endpoint: Endpoint::find(Api::Anthropic, &http::Method::POST, "/v1/messages")
                .unwrap()
                .endpoint,
            vault: &vault,
            body: Bytes::from_static(
                br#"{"messages":[{"role":"user","content":"ada@corp.example"}]}"#,
            ),
            masked: BTreeMap::new(),
            watch: None,
            passed: Vec::new(),
            listeners: Vec::new(),
            cached: None,
            flight: None,
            told: HeaderMap::new(),
            sent: Sent::default(),
            confined: Confined::default(),
        };
        let verdict = match pipeline.run(&all, &mut exchange) {
            Verdict::Continue => String::from_utf8(exchange.body.to_vec()).unwrap(),
            Verdict::Refuse(refusal) => refusal.reason().to_owned(),
            Verdict::Answer(_) => panic!("nobody knows an answer"),
        };
        assert_eq!((verdict.as_str(), vault.0.load(Ordering::SeqCst)), (expected, numbered));
    }

    #[test]
    fn modules_run_in_the_configured_order_until_one_refuses() {
        let raw = r#"{"messages":[{"role":"user","content":"ada@corp.example"}]}"#;
        let masked = r#"{"messages":[{"role":"user","content":"<EMAIL_1>"}]}"#;
        check(vec![], "", raw, 0);
        check(vec![airgap(&[])], "airgap", raw, 0);
        check(vec![airgap(&[]), guardrails()], "airgap,guardrails", masked, 1);
        check(vec![airgap(&["127.0.0.1"]), guardrails()], "airgap,guardrails", masked, 1);
        check(
            vec![airgap(&["192.0.2.1"]), guardrails()],
            "airgap,guardrails",
            "host-not-allowed",
            0,
        );
        check(
            vec![guardrails(), airgap(&["192.0.2.1"])],
            "guardrails,airgap",
            "host-not-allowed",
            1,
        );
        let noted = masked.replace("]}", &format!(r#"],"system":"{NOTE}"}}"#));
        check(vec![guardrails_with(Note::Give)], "guardrails", &noted, 1);
    }
}
