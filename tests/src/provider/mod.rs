//! Mock providers over real TLS or plaintext, faithful to the wire formats and scripted.
//!
//! Every request is kept byte for byte; every answer is cut as the script says; a client that goes
//! away early is noticed. Not for reading answers: clients' eyes are in `reader`.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use rustls::ServerConfig;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

mod http2;
pub mod script;
mod surface;
pub mod wire;

pub use script::{Brackets, Comments, Delta, Ending, Newline, Reply, Script, Split, Write};
pub use wire::Format;

use self::wire::Payload;
use crate::http::{Head, Wire};
use crate::netns::Namespace;

/// A running mock provider. It ends with its namespace.
#[derive(Clone)]
pub struct Provider {
    shared: Arc<Shared>,
    /// Where it listens.
    pub address: SocketAddr,
}

/// One request as it arrived.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Request line and headers.
    pub head: Head,
    /// The body's exact bytes, transfer coding taken off.
    pub body: Vec<u8>,
    /// How the exchange went.
    pub state: Exchange,
}

/// How far an exchange has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exchange {
    /// The answer is not finished.
    Open,
    /// The answer was sent whole.
    Done,
    /// The client closed the connection before the answer was whole.
    Cancelled,
}

#[derive(Default)]
struct Shared {
    script: Mutex<Script>,
    requests: Mutex<Vec<Recorded>>,
    connections: Mutex<usize>,
    keep: Mutex<Keep>,
}

/// Whether requests are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// All of them.
    #[default]
    All,
    /// None: for benchmarks.
    Nothing,
}

impl Provider {
    /// Starts to listen; with a TLS configuration it speaks TLS only.
    pub fn start(
        namespace: &Namespace,
        address: SocketAddr,
        tls: Option<Arc<ServerConfig>>,
    ) -> Result<Self> {
        let listener = namespace
            .block_on(TcpListener::bind(address))
            .with_context(|| format!("cannot listen on {address}"))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let (serving, acceptor) = (shared.clone(), tls.map(TlsAcceptor::from));
        namespace.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                *locked(&serving.connections) += 1;
                tokio::spawn(connection(stream, acceptor.clone(), serving.clone()));
            }
        });
        Ok(Self { shared, address })
    }

    /// Sets what the next requests are answered.
    pub fn script(&self, script: Script) {
        *locked(&self.shared.script) = script;
    }

    /// Sets whether requests are kept.
    pub fn keep(&self, keep: Keep) {
        *locked(&self.shared.keep) = keep;
    }

    /// Every request so far.
    pub fn requests(&self) -> Vec<Recorded> {
        locked(&self.shared.requests).clone()
    }

    /// The latest request.
    pub fn last(&self) -> Result<Recorded> {
        self.requests().pop().context("the provider has received nothing")
    }

    /// Forgets the requests so far.
    pub fn forget(&self) {
        locked(&self.shared.requests).clear();
    }

    /// How many connections were accepted, whatever came of them.
    pub fn connections(&self) -> usize {
        *locked(&self.shared.connections)
    }
}

impl Recorded {
    /// The body as text; bytes that are not UTF-8 show as U+FFFD.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> Result<Value> {
        Ok(serde_json::from_slice(&self.body)?)
    }

    /// Whether these bytes stand anywhere in head or body.
    pub fn contains(&self, needle: &str) -> bool {
        let holds = |bytes: &[u8]| bytes.windows(needle.len()).any(|w| w == needle.as_bytes());
        holds(&self.head.raw) || holds(&self.body)
    }
}

async fn connection(stream: TcpStream, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    drop(stream.set_nodelay(true));
    let served = match tls {
        Some(tls) => match tls.accept(stream).await {
            Ok(stream) if stream.get_ref().1.alpn_protocol() == Some(b"h2") => {
                http2::serve(stream, shared).await
            }
            Ok(stream) => serve(stream, &shared).await,
            Err(error) => Err(error.into()),
        },
        None => serve(stream, &shared).await,
    };
    // What a broken connection means is for the test to judge, by what was recorded.
    drop(served);
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(stream: S, shared: &Shared) -> Result<()> {
    let mut wire = Wire::new(stream);
    while let Some(head) = wire.head().await? {
        let body = wire.request_body(&head).await?;
        let script = locked(&shared.script).clone();
        let answer = answer(&head, &body, &script);
        let slot = shared.record(head, body);
        let state = send(wire.stream(), answer, &script).await?;
        shared.settle(slot, state);
        if state == Exchange::Cancelled || !matches!(script.ending, Ending::Clean) {
            break;
        }
    }
    Ok(())
}

impl Shared {
    /// Keeps a request, unless nothing is kept; its place.
    fn record(&self, head: Head, body: Vec<u8>) -> Option<usize> {
        let mut requests = locked(&self.requests);
        let keep = *locked(&self.keep) == Keep::All;
        keep.then(|| {
            requests.push(Recorded { head, body, state: Exchange::Open });
            requests.len() - 1
        })
    }

    fn settle(&self, slot: Option<usize>, state: Exchange) {
        if let Some(slot) = slot
            && let Some(request) = locked(&self.requests).get_mut(slot)
        {
            request.state = state;
        }
    }
}

struct Prepared {
    writes: Vec<Vec<u8>>,
    close: bool,
}

fn answer(head: &Head, body: &[u8], script: &Script) -> Prepared {
    let mut words = head.first.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let whole = |status: u16, extra: &str, body: &str| Prepared {
        writes: vec![
            format!(
                "HTTP/1.1 {status} Mock\r\ncontent-type: application/json\r\n{extra}request-id: \
                 req_mock\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            )
            .into_bytes(),
        ],
        close: false,
    };
    match &script.reply {
        Reply::Status(status, body) => return whole(*status, "", body),
        Reply::Redirect(to) => return whole(307, &format!("location: {to}\r\n"), ""),
        Reply::Raw(bytes) => return Prepared { writes: vec![bytes.clone()], close: true },
        Reply::Silence => return Prepared { writes: Vec::new(), close: false },
        Reply::Echo | Reply::Text(_) | Reply::Tool(_) => (),
    }
    if let Some(surface::Answer { content_type, writes }) =
        surface::answer(method, path, body, script)
    {
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\nrequest-id: req_mock\r\n\
             transfer-encoding: chunked\r\n\r\n"
        );
        return Prepared { writes: chunked(head, writes), close: false };
    }
    let Some(format) = Format::of_path(path).filter(|_| method == "POST") else {
        return whole(404, "", &Format::OpenAi.error("no such path"));
    };
    let Ok(request) = serde_json::from_slice::<Value>(body) else {
        return whole(400, "", &format.error("not JSON"));
    };
    match format.payload(&request, script) {
        Some(Payload::Json(body)) => whole(200, "", &body),
        Some(Payload::Events(events)) => {
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n\
                cache-control: no-cache\r\nrequest-id: req_mock\r\n\
                transfer-encoding: chunked\r\n\r\n";
            Prepared { writes: chunked(head.to_owned(), events), close: false }
        }
        None => whole(500, "", &format.error("the script has no answer")),
    }
}

fn chunked(head: String, parts: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let mut writes = vec![head.into_bytes()];
    for part in parts {
        let mut chunk = format!("{:x}\r\n", part.len()).into_bytes();
        chunk.extend(part);
        chunk.extend(b"\r\n");
        writes.push(chunk);
    }
    writes.push(b"0\r\n\r\n".to_vec());
    writes
}

/// Sends what was prepared, and watches whether the client leaves before the end.
async fn send<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    answer: Prepared,
    script: &Script,
) -> Result<Exchange> {
    let silent = answer.writes.is_empty();
    let mut sent = 0;
    for (index, write) in answer.writes.iter().enumerate() {
        let mut bytes = write.as_slice();
        match script.ending {
            Ending::HangAfter(writes) if index >= writes => return Ok(until_gone(stream).await),
            Ending::CutAfter(limit) if sent + bytes.len() > limit => {
                bytes = &bytes[..limit.saturating_sub(sent)];
                stream.write_all(bytes).await?;
                stream.flush().await?;
                return Ok(Exchange::Done);
            }
            _ => (),
        }
        if stream.write_all(bytes).await.is_err() || stream.flush().await.is_err() {
            return Ok(Exchange::Cancelled);
        }
        sent += bytes.len();
        // After the last one the client may already send its next request.
        let between = index + 1 < answer.writes.len() && !script.split.pause.is_zero();
        if between && gone_within(stream, script.split.pause).await {
            return Ok(Exchange::Cancelled);
        }
    }
    if silent {
        return Ok(until_gone(stream).await);
    }
    if answer.close {
        stream.shutdown().await?;
    }
    Ok(Exchange::Done)
}

async fn until_gone<S: AsyncRead + Unpin>(stream: &mut S) -> Exchange {
    let mut byte = [0];
    while let Ok(1) = stream.read(&mut byte).await {}
    Exchange::Cancelled
}

async fn gone_within<S: AsyncRead + Unpin>(stream: &mut S, pause: Duration) -> bool {
    let mut byte = [0];
    matches!(tokio::time::timeout(pause, stream.read(&mut byte)).await, Ok(Ok(0) | Err(_)))
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
