//! Handshakes with real certificates, good ones and bad ones.

#![expect(clippy::disallowed_methods, reason = "the servers of the tests")]

use std::net::Ipv4Addr;
use std::sync::Mutex;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, PublicKeyData};
use rustls::crypto::aws_lc_rs::{default_provider, kx_group};
use rustls::pki_types::CertificateDer;
use rustls::version::{TLS12, TLS13};
use rustls::{HandshakeKind, RootCertStore, ServerConfig, SupportedProtocolVersion};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::broker::config::client_config;
use crate::config::KeyPin;
use crate::netgate::client_hello;

const HOST: &str = "api.example.com";
const ANY: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];

/// A signer of certificates.
struct Ca {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
}

/// What a server shows.
struct Shown {
    chain: Vec<CertificateDer<'static>>,
    key: KeyPair,
}

impl Ca {
    fn new(above: Option<&Self>) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let name = if above.is_some() { "below" } else { "root" };
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let certificate = match above {
            Some(above) => params.signed_by(&key, &above.issuer),
            None => params.self_signed(&key),
        };
        let certificate = certificate.unwrap().der().clone();
        Self { issuer: Issuer::new(params, key), certificate }
    }

    fn sign(&self, host: &str, change: impl FnOnce(&mut CertificateParams)) -> Shown {
        let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let leaf = params.signed_by(&key, &self.issuer).unwrap();
        Shown { chain: vec![leaf.der().clone()], key }
    }
}

impl Shown {
    fn and(mut self, more: &CertificateDer<'static>) -> Self {
        self.chain.push(more.clone());
        self
    }

    fn pin(&self) -> KeyPin {
        pin(&self.key)
    }

    fn server(self, versions: &[&'static SupportedProtocolVersion]) -> ServerConfig {
        self.server_with(default_provider(), versions)
    }

    fn server_with(
        self,
        provider: rustls::crypto::CryptoProvider,
        versions: &[&'static SupportedProtocolVersion],
    ) -> ServerConfig {
        ServerConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(self.chain, self.key.serialize_der().try_into().unwrap())
            .unwrap()
    }
}

fn pin(key: &KeyPair) -> KeyPin {
    KeyPin(Sha256::digest(key.subject_public_key_info()).into())
}

/// Connects to a server of the test.
struct Bed {
    server: Act,
    kinds: Arc<Mutex<Vec<HandshakeKind>>>,
    heard: Arc<Mutex<Vec<u8>>>,
}

enum Act {
    Tls(TlsAcceptor),
    Raw(Vec<u8>),
}

impl Bed {
    fn new(server: Act) -> Arc<Self> {
        Arc::new(Self { server, kinds: Arc::default(), heard: Arc::default() })
    }

    fn tls(server: ServerConfig) -> Arc<Self> {
        Self::new(Act::Tls(TlsAcceptor::from(Arc::new(server))))
    }

    /// The server's finished handshakes, when there are so many.
    async fn kinds(&self, count: usize) -> Vec<HandshakeKind> {
        for _ in 0..100 {
            if self.kinds.lock().unwrap().len() >= count {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.kinds.lock().unwrap().clone()
    }

    /// One connection, as the broker makes it.
    async fn connect(self: &Arc<Self>, ca: &Ca, keys: &[KeyPin]) -> Result<(), &'static str> {
        self.upstream(ca, keys).connect().await.map(drop).map_err(|error| error.reason())
    }

    fn upstream(self: &Arc<Self>, ca: &Ca, keys: &[KeyPin]) -> Upstream<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(ca.certificate.clone()).unwrap();
        let config = client_config(Arc::new(roots), keys).unwrap();
        let name = ServerName::try_from(HOST).unwrap();
        Upstream::new(Arc::clone(self), RouteId::default(), Some((config, name)))
    }
}

impl Dialer for Bed {
    async fn dial(&self, _route: RouteId, hello: Vec<u8>) -> Result<TcpStream, DialError> {
        assert_eq!(client_hello::check(&hello, Some(HOST)), Ok(()), "netgate would refuse it");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let mut stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        stream.write_all(&hello).await.unwrap();
        let (mut peer, _) = listener.accept().await.unwrap();
        match &self.server {
            Act::Tls(acceptor) => {
                let (acceptor, kinds) = (acceptor.clone(), Arc::clone(&self.kinds));
                tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(peer).await {
                        kinds.lock().unwrap().extend(stream.get_ref().1.handshake_kind());
                        // Tickets go out before this; then the client closes.
                        let (mut reader, mut writer) = tokio::io::split(stream);
                        drop(writer.write_all(b"x").await);
                        drop(reader.read(&mut [0]).await);
                    }
                });
            }
            Act::Raw(bytes) => {
                let (bytes, heard) = (bytes.clone(), Arc::clone(&self.heard));
                tokio::spawn(async move {
                    let mut hello = vec![0; hello.len()];
                    peer.read_exact(&mut hello).await.unwrap();
                    peer.write_all(&bytes).await.unwrap();
                    let mut buffer = [0; 64];
                    while let Ok(length @ 1..) = peer.read(&mut buffer).await {
                        heard.lock().unwrap().extend(&buffer[..length]);
                    }
                });
            }
        }
        Ok(stream)
    }
}

#[tokio::test]
async fn only_a_certificate_that_verifies_and_holds_a_pinned_key_is_trusted() {
    const UNTRUSTED: Result<(), &str> = Err("provider-untrusted");
    const MISMATCH: Result<(), &str> = Err("certificate-pin-mismatch");
    let (ours, other) = (Ca::new(None), Ca::new(None));
    let below = Ca::new(Some(&ours));
    let plain = || ours.sign(HOST, |_| {});
    let expired = || ours.sign(HOST, |p| p.not_after = rcgen::date_time_ymd(2020, 1, 1));
    let own = || {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![HOST.to_owned()]).unwrap();
        let chain = vec![params.self_signed(&key).unwrap().der().clone()];
        Shown { chain, key }
    };
    let stranger = other.sign(HOST, |_| {});
    let early = |p: &mut CertificateParams| p.not_before = rcgen::date_time_ymd(2999, 1, 1);

    let cases: Vec<(&str, Shown, &Ca, Result<(), &str>)> = vec![
        ("good", plain(), &ours, Ok(())),
        ("by an intermediate", below.sign(HOST, |_| {}).and(&below.certificate), &ours, Ok(())),
        ("only the intermediate is trusted", below.sign(HOST, |_| {}), &below, Ok(())),
        ("without its intermediate", below.sign(HOST, |_| {}), &ours, UNTRUSTED),
        ("beside the trusted intermediate", plain(), &below, UNTRUSTED),
        ("another name", ours.sign("tenant.example", |_| {}), &ours, UNTRUSTED),
        ("a parent's name", ours.sign("example.com", |_| {}), &ours, UNTRUSTED),
        ("a wildcard above", ours.sign("*.com", |_| {}), &ours, UNTRUSTED),
        ("a wildcard", ours.sign("*.example.com", |_| {}), &ours, Ok(())),
        ("expired", expired(), &ours, UNTRUSTED),
        ("not yet valid", ours.sign(HOST, early), &ours, UNTRUSTED),
        ("another authority", stranger, &ours, UNTRUSTED),
        ("self-signed", own(), &ours, UNTRUSTED),
    ];
    for (case, shown, ca, expected) in cases {
        let right = shown.pin();
        let wrong = plain().pin();
        let pinned_expected = if expected.is_ok() { MISMATCH } else { expected };
        let bed = Bed::tls(shown.server(ANY));
        assert_eq!(bed.connect(ca, &[]).await, expected, "{case}");
        // A pin that fits never makes up for a certificate that does not verify.
        assert_eq!(bed.connect(ca, &[right]).await, expected, "{case}, pinned");
        assert_eq!(bed.connect(ca, &[wrong, right]).await, expected, "{case}, two pins");
        assert_eq!(bed.connect(ca, &[wrong]).await, pinned_expected, "{case}, wrong pin");
    }
}

#[tokio::test]
async fn a_pin_counts_for_the_servers_own_key_only() {
    let ours = Ca::new(None);
    let below = Ca::new(Some(&ours));
    let attacker = Ca::new(Some(&ours));
    let real = below.sign(HOST, |_| {}).and(&below.certificate);
    let real_pin = real.pin();
    // A certificate for the host, got by mistake from a trusted authority, with the real chain
    // sent along.
    let forged = attacker
        .sign(HOST, |_| {})
        .and(&attacker.certificate)
        .and(&real.chain[0])
        .and(&below.certificate)
        .and(&ours.certificate);
    let pins = [real_pin, pin(below.issuer.key()), pin(ours.issuer.key())];
    let bed = Bed::tls(forged.server(ANY));
    assert_eq!(bed.connect(&ours, &[]).await, Ok(()), "the control");
    assert_eq!(bed.connect(&ours, &pins).await, Err("certificate-pin-mismatch"));
    let bed = Bed::tls(real.server(ANY));
    assert_eq!(bed.connect(&ours, &pins).await, Ok(()));
    assert_eq!(bed.connect(&ours, &pins[1..]).await, Err("certificate-pin-mismatch"));
}

#[tokio::test]
async fn versions_and_groups_that_servers_insist_on() {
    let ca = Ca::new(None);
    let shown = || ca.sign(HOST, |_| {});
    let wrong = [shown().pin()];
    for (case, versions) in [("TLS 1.2", &[&TLS12][..]), ("TLS 1.3", &[&TLS13])] {
        let leaf = shown();
        let right = [leaf.pin()];
        let bed = Bed::tls(leaf.server(versions));
        assert_eq!(bed.connect(&ca, &right).await, Ok(()), "{case}");
        let refused = bed.connect(&ca, &wrong).await;
        assert_eq!(refused, Err("certificate-pin-mismatch"), "{case}");
        assert_eq!(bed.kinds(1).await, [HandshakeKind::Full], "{case}");
    }
    // The broker has sent no key share for this group: the server asks for a second ClientHello.
    let mut provider = default_provider();
    provider.kx_groups = vec![kx_group::SECP384R1];
    let bed = Bed::tls(shown().server_with(provider, &[&TLS13]));
    assert_eq!(bed.connect(&ca, &[]).await, Ok(()));
    assert_eq!(bed.kinds(1).await, [HandshakeKind::FullWithHelloRetryRequest]);

    for (case, protocols, expected) in [
        ("HTTP/1.1", vec![&b"http/1.1"[..]], Ok(Protocol::Http1)),
        ("no protocol", vec![], Ok(Protocol::Http1)),
        ("HTTP/1.1 first", vec![&b"http/1.1"[..], b"h2"], Ok(Protocol::Http1)),
        ("HTTP/2 first", vec![&b"h2"[..], b"http/1.1"], Ok(Protocol::Http2)),
        ("HTTP/2 only", vec![&b"h2"[..]], Ok(Protocol::Http2)),
        ("something else only", vec![&b"spdy/3"[..]], Err("tls-failed")),
    ] {
        let mut server = shown().server(ANY);
        server.alpn_protocols = protocols.into_iter().map(<[u8]>::to_vec).collect();
        let connected = Bed::tls(server).upstream(&ca, &[]).connect().await;
        let agreed = connected.map(|(_, protocol)| protocol).map_err(|error| error.reason());
        assert_eq!(agreed, expected, "{case}");
    }
}

#[tokio::test]
async fn a_resumed_session_passes_netgate_as_well() {
    let ca = Ca::new(None);
    for versions in [&[&TLS12][..], &[&TLS13]] {
        let shown = ca.sign(HOST, |_| {});
        let keys = [shown.pin()];
        let bed = Bed::tls(shown.server(versions));
        let upstream = bed.upstream(&ca, &keys);
        for _ in 0..2 {
            let (mut stream, _) = upstream.connect().await.unwrap();
            assert_eq!(stream.read_u8().await.unwrap(), b'x');
        }
        assert_eq!(bed.kinds(2).await, [HandshakeKind::Full, HandshakeKind::Resumed]);
    }
}

/// A ServerHello of this version without extensions.
fn server_hello(version: u8, random_end: &[u8; 8]) -> Vec<u8> {
    let mut body = vec![3, version];
    body.extend([5; 24]);
    body.extend(random_end);
    body.extend([0, 0xc0, 0x2b, 0]); // no session, ECDHE-ECDSA-AES128-GCM, no compression
    let length = u8::try_from(body.len()).unwrap();
    [&[22, 3, version, 0, length + 4, 2, 0, 0, length][..], &body].concat()
}

#[tokio::test]
async fn a_server_that_would_weaken_the_connection_is_left() {
    const PROTOCOL_VERSION: u8 = 70;
    const ILLEGAL_PARAMETER: u8 = 47;
    let ca = Ca::new(None);
    for (case, bytes, alert) in [
        ("TLS 1.1", server_hello(2, &[5; 8]), Some(PROTOCOL_VERSION)),
        ("TLS 1.0", server_hello(1, &[5; 8]), Some(PROTOCOL_VERSION)),
        ("marked as downgraded", server_hello(3, b"DOWNGRD\x01"), Some(ILLEGAL_PARAMETER)),
        ("an alert", vec![21, 3, 1, 0, 2, 2, 40], None),
        ("plain HTTP", b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), Some(0)),
    ] {
        let bed = Bed::new(Act::Raw(bytes));
        assert_eq!(bed.connect(&ca, &[]).await, Err("tls-failed"), "{case}");
        tokio::time::sleep(Duration::from_millis(50)).await;
        let heard = bed.heard.lock().unwrap().clone();
        match alert {
            Some(0) => {}
            Some(alert) => {
                assert_eq!(heard.get(5..7), Some(&[2, alert][..]), "{case}: {heard:x?}");
            }
            None => assert!(heard.is_empty(), "{case}: {heard:x?}"),
        }
    }
    // The control: the same ServerHello unmarked is one that the broker goes on with.
    let bed = Bed::new(Act::Raw(server_hello(3, &[5; 8])));
    let going_on = tokio::time::timeout(Duration::from_millis(200), bed.connect(&ca, &[])).await;
    assert!(going_on.is_err());
    assert!(bed.heard.lock().unwrap().is_empty());
}
