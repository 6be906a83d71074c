//! What the broker needs, read before it loses its files: trust roots, keys, routes.

use std::fs;
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
use crate::config::{self, Host, KeyPin, Module, Transport};
use crate::provider::{Api, fetch};
use crate::redact::mask::Masker;
use crate::redact::scan::ScannerError;

/// Everything that the broker holds.
#[derive(Clone, Debug)]
pub struct Config {
    /// By route number, as in [`config::Config::providers`].
    pub routes: Vec<Route>,
    /// The second scan; `None` when the pipeline has no guardrails.
    pub masker: Option<Arc<Masker>>,
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
}

/// The broker cannot start.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// A trust bundle could not be read.
    #[error("cannot read trust roots from {}: {source}", path.display())]
    Roots {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    /// A trust bundle holds no usable certificate.
    #[error("no usable trust root in {from}")]
    NoRoots {
        /// The file, or the system's store.
        from: String,
    },
    /// The host cannot stand in a certificate or in a `Host` header.
    #[error("provider {provider}: unusable host")]
    Host {
        /// The provider's name.
        provider: String,
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

impl Config {
    /// Reads trust roots from files and keys through `lookup`, which maps names such as
    /// `OPENAI_API_KEY` to values.
    pub fn load(
        config: &config::Config,
        lookup: impl Fn(&str) -> io::Result<Option<String>>,
    ) -> Result<Self, ConfigError> {
        let mut trust = Trust::default();
        let routes = config
            .providers
            .iter()
            .map(|provider| Route::load(provider, &mut trust, &lookup))
            .collect::<Result<Vec<_>, _>>()?;
        let policy = config.pipeline.iter().find_map(|module| match module {
            Module::Guardrails(policy) => Some(policy),
            Module::Airgap { .. } => None,
        });
        tell_whose_keys(&routes, &config.providers);
        let masker = policy.map(Masker::new).transpose()?.map(Arc::new);
        Ok(Self { routes, masker, max_body_bytes: config.max_body_bytes })
    }
}

impl Route {
    fn load(
        provider: &config::Provider,
        trust: &mut Trust,
        lookup: impl Fn(&str) -> io::Result<Option<String>>,
    ) -> Result<Self, ConfigError> {
        let unusable_host = || ConfigError::Host { provider: provider.name.clone() };
        let tls = match &provider.transport {
            Transport::Plaintext => None,
            Transport::Tls { ca_file, keys } => {
                let name = match &provider.host {
                    Host::Name(name) => {
                        ServerName::try_from(name.clone()).map_err(|_| unusable_host())?
                    }
                    Host::Address(address) => ServerName::from(*address),
                };
                Some((client_config(trust.roots(ca_file.as_deref())?, keys)?, name))
            }
        };
        let key = match provider.key_name.as_deref() {
            Some(name) => own_key(provider, name, lookup)?,
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
fn tell_whose_keys(routes: &[Route], providers: &[config::Provider]) {
    for (route, provider) in routes.iter().zip(providers) {
        let name = provider.key_name.as_deref();
        match (&route.key, name) {
            (Some(_), Some(name)) => tracing::info!("provider {}: key from {name}", route.name),
            (None, Some(name)) => tracing::info!(
                "provider {}: {name} is not set, clients' own credentials are passed on",
                route.name
            ),
            (_, None) => {
                tracing::info!("provider {}: clients' own credentials are passed on", route.name);
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
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.enable_early_data = false;
    Ok(Arc::new(config))
}

/// The system's roots, read at most once.
#[derive(Default)]
struct Trust {
    system: Option<Arc<RootCertStore>>,
}

impl Trust {
    fn roots(&mut self, ca_file: Option<&Path>) -> Result<Arc<RootCertStore>, ConfigError> {
        if let Some(path) = ca_file {
            return bundle(path).map(Arc::new);
        }
        if let Some(roots) = &self.system {
            return Ok(Arc::clone(roots));
        }
        let loaded = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        // System stores carry certificates that no verifier takes; the others still hold.
        let (added, _ignored) = roots.add_parsable_certificates(loaded.certs);
        if added == 0 {
            return Err(ConfigError::NoRoots { from: "the system's store".to_owned() });
        }
        let roots = Arc::new(roots);
        self.system = Some(Arc::clone(&roots));
        Ok(roots)
    }
}

fn bundle(path: &Path) -> Result<RootCertStore, ConfigError> {
    let unreadable = |source| ConfigError::Roots { path: path.to_owned(), source };
    let pem =
        fs::read(path).map_err(|error| unreadable(rustls::pki_types::pem::Error::Io(error)))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(unreadable)?;
        roots
            .add(certificate)
            .map_err(|_| ConfigError::NoRoots { from: path.display().to_string() })?;
    }
    if roots.is_empty() {
        return Err(ConfigError::NoRoots { from: path.display().to_string() });
    }
    Ok(roots)
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
        }
    }

    fn load(transport: Transport, key: Option<&str>) -> Result<Route, ConfigError> {
        let provider = provider(Host::Name("lab.example".to_owned()), 443, transport);
        Route::load(&provider, &mut Trust::default(), |name| {
            assert_eq!(name, "LAB_API_KEY");
            Ok(key.map(str::to_owned))
        })
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
        let error = load(Transport::Plaintext, Some("sk two words")).unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(text.contains("LAB_API_KEY") && !text.contains("two words"), "{text}");
        assert!(load(Transport::Plaintext, None).unwrap().key.is_none());
        let route = load(Transport::Plaintext, Some("sk-123\n")).unwrap();
        assert!(route.key.is_some() && !format!("{route:?}").contains("sk-123"));
    }

    #[test]
    fn trust_roots_that_cannot_be_used_stop_the_start() {
        let dir = tempfile::tempdir().unwrap();
        let from = |name: &str, text: Option<&str>| {
            let path = dir.path().join(name);
            if let Some(text) = text {
                fs::write(&path, text).unwrap();
            }
            load(Transport::Tls { ca_file: Some(path), keys: Vec::new() }, None).unwrap_err()
        };
        assert!(matches!(from("absent.pem", None), ConfigError::Roots { .. }));
        assert!(matches!(from("empty.pem", Some("")), ConfigError::NoRoots { .. }));
        let cut = "-----BEGIN CERTIFICATE-----\nAAAA\n";
        assert!(matches!(from("cut.pem", Some(cut)), ConfigError::Roots { .. }));
        let wrong = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(matches!(from("wrong.pem", Some(wrong)), ConfigError::NoRoots { .. }));
    }
}
