//! Netgate between a warden, a broker and a server that are the test itself.

use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustls::{ClientConnection, RootCertStore};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use super::*;
use crate::config::Sources;
use crate::link::FromWarden;

/// The routes: a provider with TLS, and one without.
const TLS: u16 = 0;
const PLAIN: u16 = 1;
const HOST: &str = "api.example.com";
/// Another tenant at the same address.
const TENANT: &str = "tenant.example";

/// A running netgate whose routes lead to a server of the test.
struct Bed {
    broker: AsyncChannel,
    _warden: AsyncChannel,
    server: TcpListener,
}

impl Bed {
    #[expect(clippy::disallowed_methods, reason = "the server that netgate dials")]
    async fn new() -> Self {
        let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = server.local_addr().unwrap().port();
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config.yaml");
        let text = format!(
            "providers:
  a: {{ base_url: 'https://{HOST}:{port}', api: openai, private: true }}
  b: {{ base_url: 'http://plain.example:{port}', api: openai, private: true, dangerously_allow_plaintext: true }}"
        );
        std::fs::write(&file, text).unwrap();
        let sources = Sources {
            config: Some(file),
            listen: None,
            data_dir: Some(dir.path().to_owned()),
            env: &|_| None,
            root: false,
        };
        let origin = Origin::of(&sources);
        let (config, _) = origin.load().unwrap();
        let (warden, to_warden) = Channel::pair().unwrap();
        let (broker, to_broker) = Channel::pair().unwrap();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(run(&config, &origin, to_warden, to_broker))
        });
        let (warden, broker) =
            (AsyncChannel::new(warden).unwrap(), AsyncChannel::new(broker).unwrap());
        for route in [TLS, PLAIN] {
            let addresses = vec![Ipv4Addr::LOCALHOST.into()];
            let route = RouteId { epoch: FIRST_EPOCH, number: route };
            let order = FromWarden::Addresses { route, addresses };
            warden.send(&order.encode(), None).await.unwrap();
        }
        Self { broker, _warden: warden, server }
    }

    async fn dial(&self, route: u16, client_hello: &[u8]) -> (DialOutcome, Option<OwnedFd>) {
        let route = RouteId { epoch: FIRST_EPOCH, number: route };
        let request = DialRequest { id: 7, route, client_hello: client_hello.to_vec() };
        self.broker.send(&request.encode(), None).await.unwrap();
        let mut buffer = [0; 64];
        let (length, socket) = self.broker.receive(&mut buffer).await.unwrap();
        let reply = DialReply::decode(&buffer[..length]).unwrap();
        assert_eq!(reply.id, 7);
        (reply.outcome, socket)
    }

    /// Dials where it must work (asking again until the addresses have arrived), and returns what
    /// the server received.
    async fn received(&self, route: u16, client_hello: &[u8]) -> Vec<u8> {
        let socket = loop {
            match self.dial(route, client_hello).await {
                (DialOutcome::NoAddress, None) => tokio::task::yield_now().await,
                (outcome, socket) => {
                    assert_eq!(outcome, DialOutcome::Connected);
                    break socket.unwrap();
                }
            }
        };
        let (mut peer, _) = self.server.accept().await.unwrap();
        drop(socket);
        let mut bytes = Vec::new();
        peer.read_to_end(&mut bytes).await.unwrap();
        bytes
    }

    /// Whether nobody has connected to the server.
    async fn is_untouched(&self) -> bool {
        let wait = Duration::from_millis(50);
        tokio::time::timeout(wait, self.server.accept()).await.is_err()
    }
}

fn hello(host: &str) -> Vec<u8> {
    let config = crate::broker::client_config(Arc::new(RootCertStore::empty()), &[]).unwrap();
    let name = rustls_pki_types::ServerName::try_from(host.to_owned()).unwrap();
    let mut client = ClientConnection::new(config, name).unwrap();
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).unwrap();
    bytes
}

#[tokio::test]
async fn the_routes_own_hello_arrives_and_nothing_else_does() {
    let bed = Bed::new().await;
    let own = hello(HOST);
    assert_eq!(bed.received(TLS, &own).await, own);
    assert_eq!(bed.received(PLAIN, b"").await, b"");
    let with = |more: &[u8]| [own.as_slice(), more].concat();
    for (case, route, bytes) in [
        ("another tenant's name", TLS, hello(TENANT)),
        ("no name", TLS, hello("127.0.0.1")),
        ("early data", TLS, with(&[23, 3, 3, 0, 1, 0])),
        ("a second hello", TLS, with(&hello(TENANT))),
        ("another tenant's hello first", TLS, [hello(TENANT), own.clone()].concat()),
        ("no hello", TLS, Vec::new()),
        ("half of it", TLS, own[..100].to_vec()),
        ("plain HTTP", TLS, b"GET / HTTP/1.1\r\nhost: tenant.example\r\n\r\n".to_vec()),
        ("TLS on a plaintext route", PLAIN, own.clone()),
        ("text on a plaintext route", PLAIN, b"GET / HTTP/1.1\r\n\r\n".to_vec()),
        ("a route that is none", 2, own.clone()),
        ("the last route number", u16::MAX, Vec::new()),
    ] {
        let (outcome, socket) = bed.dial(route, &bytes).await;
        assert_eq!((outcome, socket.is_none()), (DialOutcome::HelloRefused, true), "{case}");
    }
    assert!(bed.is_untouched().await);
    assert_eq!(bed.received(TLS, &own).await, own, "and it still serves");
}
