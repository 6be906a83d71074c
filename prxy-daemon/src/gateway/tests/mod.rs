//! Client → gateway → broker → provider, in one process, over real sockets and real TLS.

#![expect(clippy::disallowed_methods, reason = "clients and mock providers of the tests")]

mod bad_input;
mod caches;
mod clients;
mod coded;
mod embeddings;
mod http2;
mod life;
mod mock;
mod patterns;
mod raw;
mod refusals;
mod reload;
mod roundtrip;
mod similar;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::{mpsc, oneshot};

use self::mock::{Mock, Play, answer, echo};
use crate::broker::{self, Broker, ConnectionSource, DialError, Dialer};
use crate::config::{
    Addresses, Bundles, Config, Enforcement, Host, Module, OnViolation, Provider, Transport,
};
use crate::gateway::{self, BrokerLink, Gateway};
use crate::link::RouteId;
use crate::provider::Api;
use crate::redact::Policy;
use crate::redact::note::Note;
use crate::store::Store;

/// Dials the mock, as netgate would.
#[derive(Clone)]
struct TestDialer {
    targets: Vec<SocketAddr>,
    state: Arc<DialerState>,
}

#[derive(Default)]
struct DialerState {
    fails: Mutex<Option<DialError>>,
    hellos: Mutex<Vec<(usize, Vec<u8>)>>,
}

impl Dialer for TestDialer {
    async fn dial(&self, route: RouteId, client_hello: Vec<u8>) -> Result<TcpStream, DialError> {
        if let Some(error) = *self.state.fails.lock().unwrap() {
            return Err(error);
        }
        let route = usize::from(route.number);
        self.state.hellos.lock().unwrap().push((route, client_hello.clone()));
        let mut stream =
            TcpStream::connect(self.targets[route]).await.map_err(|_| DialError::ConnectRefused)?;
        stream.set_nodelay(true).map_err(|_| DialError::ConnectRefused)?;
        stream.write_all(&client_hello).await.map_err(|_| DialError::ConnectRefused)?;
        Ok(stream)
    }
}

/// Hands one end of a socket pair to the broker.
#[derive(Clone)]
struct TestLink(mpsc::Sender<UnixStream>);

impl BrokerLink for TestLink {
    async fn connect(&self) -> io::Result<UnixStream> {
        let (ours, theirs) = UnixStream::pair()?;
        self.0.send(theirs).await.map_err(|_| io::Error::from(io::ErrorKind::ConnectionRefused))?;
        Ok(ours)
    }
}

struct TestSource(mpsc::Receiver<UnixStream>);

impl ConnectionSource for TestSource {
    async fn next(&mut self) -> io::Result<Option<UnixStream>> {
        Ok(self.0.recv().await)
    }
}

/// Everything running.
struct Bed {
    address: SocketAddr,
    mock: Mock,
    dialer: Arc<DialerState>,
    broker: TestLink,
    config: Config,
    kept: broker::Kept,
    behind: Arc<Broker<TestDialer>>,
    gateway: Arc<Gateway<TestLink>>,
    broker_task: tokio::task::JoinHandle<io::Result<()>>,
    gateway_task: tokio::task::JoinHandle<()>,
    shutdown: oneshot::Sender<()>,
    dir: tempfile::TempDir,
}

impl Bed {
    async fn start() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut Config)) -> Self {
        Self::before(Mock::start(&["http/1.1"]).await, change).await
    }

    /// Before a provider that speaks HTTP/2.
    async fn http2() -> Self {
        Self::before(Mock::start(&["h2", "http/1.1"]).await, |_| {}).await
    }

    async fn before(mock: Mock, change: impl FnOnce(&mut Config)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let ca_file = dir.path().join("ca.pem");
        std::fs::write(&ca_file, &mock.ca_pem).unwrap();
        let provider = |name: &str, api, key_name: Option<&str>, transport| Provider {
            name: name.to_owned(),
            api,
            host: Host::Name(HOST.to_owned()),
            addresses: Addresses::Resolved,
            port: 443,
            path_prefix: String::new(),
            transport,
            private: true,
            key_name: key_name.map(str::to_owned),
            fetch: Default::default(),
            client_keys: Vec::new(),
            models: Vec::new(),
        };
        let tls = Transport::Tls { ca_file: Some(ca_file), keys: Vec::new() };
        let mut lab = provider("lab", Api::Anthropic, None, Transport::Plaintext);
        lab.host = Host::Address(IpAddr::V4(Ipv4Addr::LOCALHOST));
        lab.path_prefix = "/api/v2".to_owned();
        let mut config = Config {
            listen: std::net::SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into(),
            data_dir: dir.path().to_owned(),
            pipeline: vec![
                Module::Airgap { allowed_hosts: Vec::new(), on_violation: OnViolation::Block },
                Module::Guardrails(Policy { system_inject: Note::Omit, ..Policy::default() }),
            ],
            providers: vec![
                provider("anthropic", Api::Anthropic, None, tls.clone()),
                provider("openai", Api::OpenAi, Some("OPENAI_API_KEY"), tls.clone()),
                lab,
                provider("keyed", Api::Anthropic, Some("KEYED_API_KEY"), tls),
            ],
            clients: Vec::new(),
            nameservers: Vec::new(),
            enforcement: Enforcement::BestEffort,
            max_body_bytes: 4 * 1024 * 1024,
            audit: crate::config::Audit::default(),
            embeddings: Default::default(),
            vault: Default::default(),
            encrypt: None,
            metrics: Default::default(),
            file: None,
        };
        change(&mut config);

        let keys = |name: &str| match name {
            "OPENAI_API_KEY" => Ok(Some("sk-own-openai\n".to_owned())),
            "KEYED_API_KEY" => Ok(Some("sk-own-keyed".to_owned())),
            _ => Ok(None),
        };
        let bundles = Bundles::read(&config).unwrap();
        let (broker_config, kept) = broker::Config::load(&config, &bundles, keys).unwrap();
        let dialer = TestDialer {
            targets: vec![mock.tls, mock.tls, mock.plain, mock.tls],
            state: Arc::default(),
        };
        let dialer_state = Arc::clone(&dialer.state);
        let (sender, receiver) = mpsc::channel(8);
        let behind = Arc::new(Broker::new(broker_config, dialer));
        let broker_task = tokio::spawn(broker::run(Arc::clone(&behind), TestSource(receiver)));

        let listener = TcpListener::bind(config.listen.tcp.unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let link = TestLink(sender);
        let (shutdown, ended) = oneshot::channel::<()>();
        let store = Store::open(&dir.path().join("state")).unwrap();
        let gateway = Arc::new(Gateway::new(&config, address, link.clone(), store).unwrap());
        let serving = Arc::clone(&gateway);
        let gateway_task = tokio::spawn(async move {
            let ended = async { drop(ended.await) };
            gateway::run(serving, listener.into(), ended).await;
        });
        Self {
            address,
            mock,
            dialer: dialer_state,
            broker: link,
            config,
            kept,
            behind,
            gateway,
            broker_task,
            gateway_task,
            shutdown,
            dir,
        }
    }

    /// Sends JSON to `path` with a client's usual headers.
    async fn post(&self, path: &str, body: &str) -> Got {
        self.call(Method::POST, path, &[("content-type", "application/json")], body.as_bytes())
            .await
    }

    async fn call(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Got {
        let stream = TcpStream::connect(self.address).await.unwrap();
        Got::read(send(stream, method, path, headers, body).await).await
    }

    /// Sends straight to the broker, as a gateway would that lies.
    async fn lie(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Got {
        let stream = self.broker.connect().await.unwrap();
        Got::read(send(stream, method, path, headers, body).await).await
    }
}

async fn send(
    stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Response<Incoming> {
    let (mut sender, driver) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(driver);
    let mut request = Request::builder().method(method).uri(path);
    if !headers.iter().any(|(name, _)| *name == "host") {
        request = request.header("host", "localhost:3099");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    sender
        .send_request(request.body(Full::new(Bytes::copy_from_slice(body))).unwrap())
        .await
        .unwrap()
}

/// A whole answer.
#[derive(Debug)]
struct Got {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Got {
    async fn read(response: Response<Incoming>) -> Self {
        let (head, body) = response.into_parts();
        Self {
            status: head.status,
            headers: head.headers,
            body: body.collect().await.unwrap().to_bytes(),
        }
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    fn reason(&self) -> &str {
        self.header("x-prxy-error").unwrap_or("")
    }

    fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// Waits until `condition` holds; fails after five seconds.
async fn eventually(what: &str, condition: impl Fn() -> bool) {
    for _ in 0..500 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never happened: {what}");
}

/// A request to `/v1/messages` with one user text.
fn messages(text: &str) -> String {
    serde_json::json!({ "model": "claude-x", "max_tokens": 9, "messages": [{ "role": "user", "content": text }] }).to_string()
}

const HOST: &str = "mock.test";
