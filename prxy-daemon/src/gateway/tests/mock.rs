//! A provider that is scripted, and remembers what it was sent.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, Version};
use http_body::Frame;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

use super::HOST;

/// What the provider got.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) version: Version,
    pub(super) uri: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Seen {
    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// What the provider answers.
#[derive(Clone)]
pub(super) struct Play {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) pieces: VecDeque<Bytes>,
    /// Whether the answer never ends after its last piece.
    pub(super) hangs: bool,
    /// Whether there is no answer at all.
    pub(super) mute: bool,
}

impl Play {
    pub(super) fn json(body: &str) -> Self {
        Self::new(200, "application/json", vec![Bytes::copy_from_slice(body.as_bytes())])
    }

    pub(super) fn events(pieces: Vec<Bytes>) -> Self {
        Self::new(200, "text/event-stream; charset=utf-8", pieces)
    }

    pub(super) fn new(status: u16, form: &str, pieces: Vec<Bytes>) -> Self {
        Self {
            status,
            headers: vec![("content-type", form.to_owned())],
            pieces: pieces.into(),
            hangs: false,
            mute: false,
        }
    }

    pub(super) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

pub(super) type Script = Arc<dyn Fn(&Seen) -> Play + Send + Sync>;

/// Two providers behind one address: TLS on one port, plaintext on the other.
pub(super) struct Mock {
    pub(super) tls: SocketAddr,
    pub(super) plain: SocketAddr,
    pub(super) ca_pem: String,
    pub(super) state: Arc<MockState>,
}

pub(super) struct MockState {
    pub(super) seen: Mutex<Vec<Seen>>,
    pub(super) connections: AtomicUsize,
    pub(super) open: AtomicUsize,
    pub(super) cancelled: AtomicUsize,
    /// Requests after which a connection is closed, silently.
    pub(super) requests_per_connection: AtomicUsize,
    pub(super) script: Mutex<Script>,
}

impl Mock {
    /// A provider that offers these protocols.
    pub(super) async fn start(protocols: &[&str]) -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut ca = rcgen::CertificateParams::new(Vec::new()).unwrap();
        ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let ca_pem = ca.self_signed(&key).unwrap().pem();
        let issuer = rcgen::Issuer::new(ca, key);
        let leaf_key = rcgen::KeyPair::generate().unwrap();
        let leaf = rcgen::CertificateParams::new(vec![HOST.to_owned()])
            .unwrap()
            .signed_by(&leaf_key, &issuer)
            .unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![leaf.der().clone()],
                leaf_key.serialize_der().try_into().unwrap(),
            )
            .unwrap();
        tls.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        let acceptor = TlsAcceptor::from(Arc::new(tls));

        let state = Arc::new(MockState {
            seen: Mutex::default(),
            connections: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            cancelled: AtomicUsize::new(0),
            requests_per_connection: AtomicUsize::new(usize::MAX),
            script: Mutex::new(Arc::new(|_| Play::json("{}"))),
        });
        let listen = |acceptor: Option<TlsAcceptor>, state: Arc<MockState>| async {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            let address = listener.local_addr().unwrap();
            tokio::spawn(accept(listener, acceptor, state));
            address
        };
        let tls = listen(Some(acceptor), Arc::clone(&state)).await;
        let plain = listen(None, Arc::clone(&state)).await;
        Self { tls, plain, ca_pem, state }
    }

    pub(super) fn script(&self, script: impl Fn(&Seen) -> Play + Send + Sync + 'static) {
        *self.state.script.lock().unwrap() = Arc::new(script);
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.state.seen.lock().unwrap().clone()
    }

    pub(super) fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    pub(super) fn cancelled(&self) -> usize {
        self.state.cancelled.load(Ordering::SeqCst)
    }

    pub(super) fn open(&self) -> usize {
        self.state.open.load(Ordering::SeqCst)
    }
}

async fn accept(listener: TcpListener, acceptor: Option<TlsAcceptor>, state: Arc<MockState>) {
    while let Ok((stream, _)) = listener.accept().await {
        stream.set_nodelay(true).unwrap();
        let (acceptor, state) = (acceptor.clone(), Arc::clone(&state));
        tokio::spawn(async move {
            state.connections.fetch_add(1, Ordering::SeqCst);
            state.open.fetch_add(1, Ordering::SeqCst);
            match acceptor {
                Some(acceptor) => {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        play(stream, &state).await;
                    }
                }
                None => play(stream, &state).await,
            }
            state.open.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

async fn play(
    stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    state: &Arc<MockState>,
) {
    let served = Arc::new(AtomicUsize::new(0));
    let last = Arc::new(tokio::sync::Notify::new());
    let service = service_fn(|request: Request<Incoming>| {
        let (state, last, served) = (Arc::clone(state), Arc::clone(&last), Arc::clone(&served));
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            let gone = Gone(Arc::clone(&state));
            let seen = Seen {
                version: head.version,
                uri: head.uri.to_string(),
                headers: head.headers,
                body,
            };
            let script = Arc::clone(&state.script.lock().unwrap());
            let play = script(&seen);
            state.seen.lock().unwrap().push(seen);
            if served.fetch_add(1, Ordering::SeqCst) + 1
                >= state.requests_per_connection.load(Ordering::SeqCst)
            {
                last.notify_one();
            }
            if play.mute {
                std::future::pending::<()>().await;
            }
            std::mem::forget(gone);
            let mut response = Response::builder().status(play.status);
            for (name, value) in &play.headers {
                response = response.header(*name, value);
            }
            let body = match (play.pieces.len(), play.hangs) {
                (1, false) => {
                    Full::new(play.pieces[0].clone()).map_err(|never| match never {}).boxed_unsync()
                }
                _ => pieces(play, &state).boxed_unsync(),
            };
            Ok::<_, hyper::Error>(response.body(body).unwrap())
        }
    });
    let builder = auto::Builder::new(TokioExecutor::new());
    let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        _ = connection.as_mut() => {}
        // Cut without a `connection: close`, once the answer is out.
        () = async { last.notified().await; tokio::time::sleep(Duration::from_millis(30)).await } => {}
    }
}

/// Every piece in a write of its own.
fn pieces(play: Play, state: &Arc<MockState>) -> Pieces {
    let (sender, receiver) = mpsc::channel(1);
    let gone = Gone(Arc::clone(state));
    tokio::spawn(async move {
        for piece in play.pieces {
            if sender.send(piece).await.is_err() {
                return;
            }
            tokio::task::yield_now().await;
        }
        if play.hangs {
            sender.closed().await;
            return;
        }
        std::mem::forget(gone);
    });
    Pieces(receiver)
}

/// Counts the requests whose answer was not wanted to its end.
struct Gone(Arc<MockState>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.cancelled.fetch_add(1, Ordering::SeqCst);
    }
}

struct Pieces(mpsc::Receiver<Bytes>);

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        self.0.poll_recv(cx).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}

/// An answer of `/v1/messages` that says what the user said.
pub(super) fn echo(seen: &Seen) -> Play {
    let said: serde_json::Value = serde_json::from_slice(&seen.body).unwrap();
    Play::json(&answer(said["messages"][0]["content"].as_str().unwrap()))
}

/// An answer of `/v1/messages` with one text.
pub(super) fn answer(text: &str) -> String {
    serde_json::json!({ "type": "message", "role": "assistant", "content": [{ "type": "text", "text": text }] }).to_string()
}
