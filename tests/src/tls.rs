//! A certificate authority of the test's own, and server configurations made from it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use anyhow::{Context, Result};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::ResolvesServerCertUsingSni;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

/// The authority; its certificate also lies in a file.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    pem: String,
}

/// A certificate chain and key in PEM, for programs such as nginx.
pub struct Leaf {
    /// The certificate, in PEM.
    pub certificate_pem: String,
    /// The private key, in PEM.
    pub key_pem: String,
    der: CertificateDer<'static>,
    key: Vec<u8>,
}

/// What a server insists on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Insists {
    /// Nothing.
    OnNothing,
    /// TLS 1.2.
    OnTls12,
    /// A key exchange for which the client has to send a second ClientHello.
    OnRetry,
}

impl Authority {
    /// Makes a new authority.
    pub fn new() -> Result<Self> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "prxy test authority");
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        let pem = certificate.pem();
        let certificate = certificate.der().clone();
        Ok(Self { issuer: Issuer::new(params, key), certificate, pem })
    }

    /// Writes the authority's certificate to `dir/ca.pem`, readable by all.
    pub fn write_to(&self, dir: &Path) -> Result<PathBuf> {
        let path = dir.join("ca.pem");
        std::fs::write(&path, &self.pem).with_context(|| path.display().to_string())?;
        Ok(path)
    }

    /// Signs a server certificate for a host name or address.
    pub fn leaf(&self, host: &str) -> Result<Leaf> {
        self.leaf_with(host, |_| ())
    }

    fn leaf_with(&self, host: &str, change: impl FnOnce(&mut CertificateParams)) -> Result<Leaf> {
        let mut params = CertificateParams::new(vec![host.to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, host);
        params.use_authority_key_identifier_extension = true;
        change(&mut params);
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Leaf {
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
            der: certificate.der().clone(),
            key: key.serialize_der(),
        })
    }

    /// The same for a certificate that is no longer valid.
    pub fn expired_leaf(&self, host: &str) -> Result<Leaf> {
        self.leaf_with(host, |params| params.not_after = rcgen::date_time_ymd(2020, 1, 1))
    }

    /// A server configuration that answers for these host names, by SNI, and for no other.
    pub fn server(&self, hosts: &[&str]) -> Result<Arc<ServerConfig>> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut resolver = ResolvesServerCertUsingSni::new();
        for host in hosts {
            let leaf = self.leaf(host)?;
            let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(leaf.key));
            let key = provider.key_provider.load_private_key(key)?;
            resolver.add(host, CertifiedKey::new(vec![leaf.der], key))?;
        }
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(resolver));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    /// A client configuration that trusts this authority only.
    pub fn client(&self) -> Result<Arc<ClientConfig>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone())?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Arc::new(config))
    }
}

impl Leaf {
    /// A server configuration that answers with this certificate, whatever name is asked for.
    pub fn server(self, insists: Insists) -> Result<Arc<ServerConfig>> {
        let mut provider = rustls::crypto::aws_lc_rs::default_provider();
        if insists == Insists::OnRetry {
            provider.kx_groups = vec![rustls::crypto::aws_lc_rs::kx_group::SECP384R1];
        }
        let versions: &[_] = match insists {
            Insists::OnTls12 => &[&rustls::version::TLS12],
            Insists::OnNothing | Insists::OnRetry => rustls::ALL_VERSIONS,
        };
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key));
        let mut config = ServerConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(versions)?
            .with_no_client_auth()
            .with_single_cert(vec![self.der], key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    /// The pin of its key, by the commands of `docs/configuration.md`.
    pub fn pin(&self) -> Result<String> {
        let commands = "openssl x509 -pubkey -noout | openssl pkey -pubin -outform der | \
                        openssl dgst -sha256 -binary | base64";
        let mut shell = Command::new("sh")
            .args(["-c", commands])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot run openssl")?;
        // Taken, so that it is closed when everything is written.
        shell.stdin.take().context("no stdin")?.write_all(self.certificate_pem.as_bytes())?;
        let output = shell.wait_with_output()?;
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }
}
