//! What the broker needs: routes with their trust roots and keys, and the second scan.
//!
//! What a later configuration may need as well is read before the files are out of reach, and kept:
//! [`Kept`].

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use http::HeaderValue;
use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use thiserror::Error;

use crate::broker::Secret;
use crate::broker::pins::PinVerifier;
use crate::client::Clients;
use crate::config::{self, Bundles, Host, KeyPin, Module, Transport};
use crate::link::reload::Objection;
use crate::link::{FIRST_EPOCH, Obstacle};
use crate::provider::{Api, fetch};
use crate::redact::mask::Maskers;
use crate::redact::scan::ScannerError;

/// Everything that the broker holds.
#[derive(Clone, Debug)]
pub struct Config {
    /// Which configuration this is.
    pub epoch: u32,
    /// By route number, as in [`config::Config::providers`].
    pub routes: Vec<Route>,
    /// The second scan; `None` when the pipeline has no guardrails.
    pub maskers: Option<Arc<Maskers>>,
    /// Who has rules of their own.
    pub(super) clients: Clients,
    /// Largest body that a client may send; masking may make it longer.
    pub max_body_bytes: usize,
}

/// One provider as the broker sees it.
#[derive(Clone, Debug)]
pub struct Route {
    /// The provider's name, for logs.
    pub name: String,
    /// The wire format, which decides on paths and credentials.
    pub api: Api,
    /// The `Host` header.
    pub authority: HeaderValue,
    /// Put before every path.
    pub path_prefix: String,
    /// TLS with the name to verify; `None` for plaintext.
    pub tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    /// Our own key; without one the client's credential is passed on.
    pub key: Option<Secret>,
    /// What the provider may be made to do.
    pub fetch: fetch::Kinds,
    /// SHA-256 of the clients' credentials that may be passed on; empty: whichever they bring.
    pub client_keys: Vec<[u8; 32]>,
    /// What its connections depend on.
    pub(super) identity: Identity,
}

/// What makes a provider's connections what they are: while it stays, they stay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    /// Without what concerns single requests; whatever else the configuration says counts.
    provider: config::Provider,
    /// The bundle's content.
    roots: Option<blake3::Hash>,
}

impl Identity {
    pub(super) fn of(provider: &config::Provider, bundles: &Bundles) -> Self {
        let ca_file = match &provider.transport {
            Transport::Tls { ca_file, .. } => ca_file.as_deref(),
            Transport::Plaintext => None,
        };
        let roots = ca_file.and_then(|path| bundles.get(path)).map(blake3::hash);
        let provider = config::Provider {
            api: Api::OpenAi,
            path_prefix: String::new(),
            key_name: None,
            fetch: Default::default(),
            client_keys: Vec::new(),
            models: Vec::new(),
            ..provider.clone()
        };
        Self { provider, roots }
    }
}

/// What is read once, before the sandbox closes: keys and the system's trust roots.
#[derive(Debug)]
pub struct Kept {
    keys: BTreeMap<String, Option<Secret>>,
    /// Read also where no provider of the first configuration needs them.
    system: Option<Arc<RootCertStore>>,
}

impl Kept {
    /// Reads keys through `lookup`, which maps names such as `OPENAI_API_KEY` to values.
    ///
    /// # Errors
    /// A key is there but cannot be read or used.
    pub fn read(
        config: &config::Config,
        lookup: impl Fn(&str) -> io::Result<Option<String>>,
    ) -> Result<Self, ConfigError> {
        let mut keys = BTreeMap::new();
        for provider in &config.providers {
            if let Some(name) = &provider.key_name
                && !keys.contains_key(name)
            {
                keys.insert(name.clone(), own_key(provider, name, &lookup)?);
            }
        }
        tell_whose_keys(&config.providers, &keys);
        Ok(Self { keys, system: system_roots() })
    }
}

/// The broker cannot start.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// A trust bundle could not be read, or has no form.
    #[error("cannot read trust roots from {}: {source}", path.display())]
    Roots {
        /// The number of the provider that names it first.
        route: u16,
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    /// A trust bundle holds no usable certificate.
    #[error("no usable trust root in {from}")]
    NoRoots {
        /// The number of the provider that needs it first.
        route: u16,
        /// The file, or the system's store.
        from: String,
    },
    /// The host cannot stand in a certificate or in a `Host` header.
    #[error("provider {provider}: unusable host")]
    Host {
        /// The provider's number.
        route: u16,
        /// The provider's name.
        provider: String,
    },
    /// The key was not looked for at the start.
    #[error("provider {provider}: {key_name} was not read at the start")]
    UnknownKey {
        /// The provider's number.
        route: u16,
        /// The provider's name.
        provider: String,
        /// Where the key would be.
        key_name: String,
    },
    /// A key is there but cannot be read: must not pass for one that is not there, because then
    /// the clients' own would be sent instead.
    #[error("credential {key_name}: {source}")]
    Credential {
        /// Where the key was looked for.
        key_name: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The key cannot stand in a header.
    #[error(
        "provider {provider}: {key_name} is not a key: it has spaces or control characters, or is empty"
    )]
    Key {
        /// The provider's name.
        provider: String,
        /// Where the key came from.
        key_name: String,
    },
    /// The policy cannot be scanned for.
    #[error("guardrails")]
    Policy(#[from] ScannerError),
    /// The protocol versions and the crypto provider do not fit; a build error.
    #[error("TLS cannot be set up")]
    Tls(#[from] rustls::Error),
}

impl ConfigError {
    /// The same for the warden, which words it itself.
    pub(crate) fn objection(&self) -> Objection {
        match self {
            Self::Roots { route, .. } | Self::NoRoots { route, .. } => {
                Objection(Obstacle::Roots, Some(*route))
            }
            Self::Host { route, .. } => Objection(Obstacle::Host, Some(*route)),
            Self::UnknownKey { route, .. } => Objection(Obstacle::Key, Some(*route)),
            Self::Credential { .. } | Self::Key { .. } => Objection(Obstacle::Key, None),
            Self::Policy(_) => Objection(Obstacle::Pipeline, None),
            Self::Tls(_) => Objection(Obstacle::Roots, None),
        }
    }
}

impl Config {
    /// The first configuration.
    ///
    /// # Errors
    /// Those of [`Kept::read`] and [`Self::build`].
    pub fn load(
        config: &config::Config,
        bundles: &Bundles,
        lookup: impl Fn(&str) -> io::Result<Option<String>>,
    ) -> Result<(Self, Kept), ConfigError> {
        let kept = Kept::read(config, lookup)?;
        Ok((Self::build(config, FIRST_EPOCH, bundles, &kept)?, kept))
    }

    /// Builds everything from what is in memory.
    ///
    /// # Errors
    /// What is missing or cannot be used.
    pub fn build(
        config: &config::Config,
        epoch: u32,
        bundles: &Bundles,
        kept: &Kept,
    ) -> Result<Self, ConfigError> {
        let routes = (0_u16..)
            .zip(&config.providers)
            .map(|(number, provider)| Route::build(number, provider, bundles, kept))
            .collect::<Result<Vec<_>, _>>()?;
        let policy = config.pipeline.iter().find_map(|module| match module {
            Module::Guardrails(policy) => Some(policy),
            _ => None,
        });
        let names = || config.providers.iter().map(|provider| provider.name.as_str());
        let maskers = policy.map(|policy| Maskers::new(policy, names())).transpose()?;
        let maskers = maskers.map(Arc::new);
        let clients = Clients::new(&config.clients);
        Ok(Self { epoch, routes, maskers, clients, max_body_bytes: config.max_body_bytes })
    }
}

impl Route {
    /// Whether it can only lead to private addresses.
    pub(super) fn is_local(&self) -> bool {
        self.identity.provider.is_local()
    }

    fn build(
        number: u16,
        provider: &config::Provider,
        bundles: &Bundles,
        kept: &Kept,
    ) -> Result<Self, ConfigError> {
        let unusable_host = || ConfigError::Host { route: number, provider: provider.name.clone() };
        let tls = match &provider.transport {
            Transport::Plaintext => None,
            Transport::Tls { ca_file, keys } => {
                let name = match &provider.host {
                    Host::Name(name) => {
                        ServerName::try_from(name.clone()).map_err(|_| unusable_host())?
                    }
                    Host::Address(address) => ServerName::from(*address),
                };
                let roots = match ca_file {
                    Some(path) => Arc::new(bundle(number, path, bundles)?),
                    None => kept.system.clone().ok_or_else(|| ConfigError::NoRoots {
                        route: number,
                        from: "the system's store".to_owned(),
                    })?,
                };
                Some((client_config(roots, keys)?, name))
            }
        };
        let key = match &provider.key_name {
            Some(name) => kept.keys.get(name).cloned().ok_or_else(|| ConfigError::UnknownKey {
                route: number,
                provider: provider.name.clone(),
                key_name: name.clone(),
            })?,
            None => None,
        };
        Ok(Self {
            name: provider.name.clone(),
            api: provider.api,
            authority: authority(provider).ok_or_else(unusable_host)?,
            path_prefix: provider.path_prefix.clone(),
            tls,
            key,
            fetch: provider.fetch.allow,
            client_keys: provider.client_keys.clone(),
            identity: Identity::of(provider, bundles),
        })
    }
}

fn own_key(
    provider: &config::Provider,
    name: &str,
    lookup: impl Fn(&str) -> io::Result<Option<String>>,
) -> Result<Option<Secret>, ConfigError> {
    let key_name = || name.to_owned();
    let found =
        lookup(name).map_err(|source| ConfigError::Credential { key_name: key_name(), source })?;
    let usable = |key: String| {
        Secret::new(&key).ok_or_else(|| ConfigError::Key {
            provider: provider.name.clone(),
            key_name: key_name(),
        })
    };
    found.map(usable).transpose()
}

/// A key that was meant to be there and is not must show: the clients' own would be used instead.
fn tell_whose_keys(providers: &[config::Provider], keys: &BTreeMap<String, Option<Secret>>) {
    for provider in providers {
        let name = provider.key_name.as_deref();
        let key = name.and_then(|name| keys.get(name)).and_then(Option::as_ref);
        match (key, name) {
            (Some(_), Some(key_name)) => {
                tracing::info!("provider {}: key from {key_name}", provider.name);
            }
            (None, Some(key_name)) => tracing::info!(
                "provider {}: {key_name} is not set, clients' own credentials are passed on",
                provider.name
            ),
            (_, None) => {
                tracing::info!(
                    "provider {}: clients' own credentials are passed on",
                    provider.name
                );
            }
        }
    }
}

/// Host and, where it is not the scheme's own, port.
fn authority(provider: &config::Provider) -> Option<HeaderValue> {
    let own_port = match provider.transport {
        Transport::Tls { .. } => 443,
        Transport::Plaintext => 80,
    };
    let host = match &provider.host {
        Host::Name(name) => name.clone(),
        Host::Address(std::net::IpAddr::V4(address)) => address.to_string(),
        Host::Address(std::net::IpAddr::V6(address)) => format!("[{address}]"),
    };
    let authority =
        if provider.port == own_port { host } else { format!("{host}:{}", provider.port) };
    HeaderValue::try_from(authority).ok()
}

/// One configuration per route, so that sessions are never resumed across routes.
///
/// No encrypted ClientHello (netgate must see the name), no early data (it could be replayed), no
/// process-wide crypto provider.
pub(crate) fn client_config(
    roots: Arc<RootCertStore>,
    keys: &[KeyPin],
) -> Result<Arc<ClientConfig>, ConfigError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?;
    let builder = if keys.is_empty() {
        builder.with_root_certificates(roots)
    } else {
        let usual = WebPkiServerVerifier::builder_with_provider(roots, provider)
            .build()
            .map_err(|error| rustls::Error::General(error.to_string()))?;
        let verifier = PinVerifier { usual, keys: keys.to_vec() };
        builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier))
    };
    let mut config = builder.with_no_client_auth();
    // What `netgate/client_hello.rs` lets through, to the letter.
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.enable_early_data = false;
    Ok(Arc::new(config))
}

/// The system's roots, if it has any.
fn system_roots() -> Option<Arc<RootCertStore>> {
    let loaded = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // System stores carry certificates that no verifier takes; the others still hold.
    let (added, _ignored) = roots.add_parsable_certificates(loaded.certs);
    (added > 0).then(|| Arc::new(roots))
}

fn bundle(route: u16, path: &Path, bundles: &Bundles) -> Result<RootCertStore, ConfigError> {
    let no_roots = || ConfigError::NoRoots { route, from: path.display().to_string() };
    let unreadable = |source| ConfigError::Roots { route, path: path.to_owned(), source };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(bundles.get(path).ok_or_else(no_roots)?) {
        roots.add(certificate.map_err(unreadable)?).map_err(|_| no_roots())?;
    }
    if roots.is_empty() { Err(no_roots()) } else { Ok(roots) }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use super::*;

    fn provider(host: Host, port: u16, transport: Transport) -> config::Provider {
        config::Provider {
            name: "lab".to_owned(),
            api: Api::OpenAi,
            host,
            addresses: config::Addresses::Resolved,
            port,
            path_prefix: String::new(),
            transport,
            private: true,
            key_name: Some("LAB_API_KEY".to_owned()),
            fetch: Default::default(),
            client_keys: Vec::new(),
            models: Vec::new(),
        }
    }

    fn config(provider: config::Provider) -> config::Config {
        let mut config = crate::config::tests::load("").unwrap();
        config.providers = vec![provider];
        config
    }

    fn load(transport: Transport, pem: &str, key: Option<&str>) -> Result<Route, ConfigError> {
        let config = config(provider(Host::Name("lab.example".to_owned()), 443, transport));
        let bundles = [("ca.pem".into(), pem.as_bytes().to_vec())].into_iter().collect();
        let (built, _) = Config::load(&config, &bundles, |name| {
            assert_eq!(name, "LAB_API_KEY");
            Ok(key.map(str::to_owned))
        })?;
        Ok(built.routes[0].clone())
    }

    #[test]
    fn the_host_header_names_a_port_only_where_it_is_not_the_schemes_own() {
        let tls = || Transport::Tls { ca_file: None, keys: Vec::new() };
        let name = || Host::Name("lab.example".to_owned());
        let loopback = || Host::Address(Ipv6Addr::LOCALHOST.into());
        for (host, port, transport, expected) in [
            (name(), 443, tls(), "lab.example"),
            (name(), 80, tls(), "lab.example:80"),
            (name(), 80, Transport::Plaintext, "lab.example"),
            (name(), 443, Transport::Plaintext, "lab.example:443"),
            (loopback(), 443, tls(), "[::1]"),
            (loopback(), 9100, Transport::Plaintext, "[::1]:9100"),
        ] {
            assert_eq!(authority(&provider(host, port, transport)).unwrap(), expected);
        }
    }

    #[test]
    fn a_key_that_is_none_stops_the_start_without_being_shown() {
        let error = load(Transport::Plaintext, "", Some("sk two words")).unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(text.contains("LAB_API_KEY") && !text.contains("two words"), "{text}");
        assert!(load(Transport::Plaintext, "", None).unwrap().key.is_none());
        let route = load(Transport::Plaintext, "", Some("sk-123\n")).unwrap();
        assert!(route.key.is_some() && !format!("{route:?}").contains("sk-123"));
    }

    #[test]
    fn trust_roots_that_cannot_be_used_stop_the_start() {
        let from = |pem: &str| {
            let ca_file = Some(PathBuf::from("ca.pem"));
            load(Transport::Tls { ca_file, keys: Vec::new() }, pem, None).unwrap_err()
        };
        assert!(matches!(from(""), ConfigError::NoRoots { .. }));
        let cut = "-----BEGIN CERTIFICATE-----\nAAAA\n";
        assert!(matches!(from(cut), ConfigError::Roots { .. }));
        let wrong = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(matches!(from(wrong), ConfigError::NoRoots { .. }));
        let other = Transport::Tls { ca_file: Some("other.pem".into()), keys: Vec::new() };
        let nowhere = load(other, wrong, None);
        assert!(matches!(nowhere, Err(ConfigError::NoRoots { .. })));
    }

    #[test]
    fn a_later_configuration_uses_what_was_kept_and_nothing_else() {
        let lab = || provider(Host::Name("lab.example".to_owned()), 443, Transport::Plaintext);
        let bundles = Bundles::default();
        let key = |_: &str| Ok(Some("sk-123".to_owned()));
        let (_, kept) = Config::load(&config(lab()), &bundles, key).unwrap();
        let built = Config::build(&config(lab()), 2, &bundles, &kept).unwrap();
        assert_eq!((built.epoch, built.routes[0].key.is_some()), (2, true));
        let other = config::Provider { key_name: Some("OTHER_KEY".to_owned()), ..lab() };
        let refused = Config::build(&config(other), 2, &bundles, &kept).unwrap_err();
        assert_eq!(refused.objection(), Objection(Obstacle::Key, Some(0)));
    }

    #[test]
    fn connections_are_shared_only_where_nothing_that_they_depend_on_differs() {
        let lab = || {
            let ca_file = Some("ca.pem".into());
            let transport = Transport::Tls { ca_file, keys: Vec::new() };
            provider(Host::Name("lab.example".to_owned()), 443, transport)
        };
        let bundles = |pem: &str| [("ca.pem".into(), pem.into())].into_iter().collect::<Bundles>();
        let usual = Identity::of(&lab(), &bundles("A"));
        let elsewise = config::Provider {
            api: Api::Anthropic,
            path_prefix: "/x".to_owned(),
            key_name: None,
            ..lab()
        };
        assert_eq!(Identity::of(&elsewise, &bundles("A")), usual);
        assert_ne!(Identity::of(&lab(), &bundles("B")), usual);
        for changed in [
            config::Provider { name: "other".to_owned(), ..lab() },
            config::Provider { host: Host::Name("b.example".to_owned()), ..lab() },
            config::Provider { port: 444, ..lab() },
            config::Provider { private: false, ..lab() },
            config::Provider { transport: Transport::Plaintext, ..lab() },
            config::Provider {
                transport: Transport::Tls { ca_file: None, keys: Vec::new() },
                ..lab()
            },
            config::Provider {
                addresses: config::Addresses::Fixed(vec!["192.0.2.1".parse().unwrap()]),
                ..lab()
            },
        ] {
            assert_ne!(Identity::of(&changed, &bundles("A")), usual, "{changed:?}");
        }
    }
}
