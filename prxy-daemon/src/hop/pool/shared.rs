//! One HTTP/2 connection for many requests, and the place of one of them.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Uri, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::{MAX_IDLE, Unanswered, lock};

/// An open HTTP/2 connection. It ends when nobody holds it and its last stream has ended.
pub(super) struct Shared {
    sender: http2::SendRequest<Full<Bytes>>,
    /// Streams that the peer takes at once.
    most: Arc<AtomicUsize>,
    pub(super) streams: AtomicUsize,
    /// The peer has said that it takes no more.
    leaving: AtomicBool,
    last_used: Mutex<Instant>,
}

impl Shared {
    /// Speaks HTTP/2 on `io`; the future drives the connection.
    pub(super) async fn open<I>(
        io: TokioIo<I>,
    ) -> hyper::Result<(Arc<Self>, impl Future<Output = ()> + Send)>
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, mut driver) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_header_list_size(MAX_HEADER_LIST_BYTES)
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_TIMEOUT)
            .handshake(io)
            .await?;
        let most = Arc::new(AtomicUsize::new(driver.current_max_send_streams()));
        let told = Arc::clone(&most);
        let driving = std::future::poll_fn(move |cx| {
            let ended = Pin::new(&mut driver).poll(cx).map(drop);
            told.store(driver.current_max_send_streams(), Ordering::Relaxed);
            ended
        });
        let shared = Self {
            sender,
            most,
            streams: AtomicUsize::new(0),
            leaving: AtomicBool::new(false),
            last_used: Mutex::new(Instant::now()),
        };
        Ok((Arc::new(shared), driving))
    }

    /// Whether another request may go over it.
    pub(super) fn is_usable(&self) -> bool {
        let idle = self.streams.load(Ordering::SeqCst) == 0;
        let open = !self.sender.is_closed() && !self.leaving.load(Ordering::Relaxed);
        open && !(idle && lock(&self.last_used).elapsed() > MAX_IDLE)
    }
}

/// One place of a shared connection.
pub(super) struct Stream(Arc<Shared>);

impl Stream {
    /// A place of a connection that has just been opened for it.
    pub(super) fn first_of(shared: Arc<Shared>) -> Self {
        shared.streams.fetch_add(1, Ordering::SeqCst);
        Self(shared)
    }

    /// A place, unless all are taken.
    pub(super) fn of(shared: &Arc<Shared>) -> Option<Self> {
        let most = shared.most.load(Ordering::Relaxed).min(MAX_STREAMS);
        let one_more = |streams| (streams < most).then_some(streams + 1);
        shared.streams.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_more).ok()?;
        Some(Self(Arc::clone(shared)))
    }

    /// Sends `request`; with it back where it was certainly not processed.
    pub(super) async fn send(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, Unanswered> {
        let mut sender = self.0.sender.clone();
        match sender.try_send_request(absolute(request.clone())).await {
            Ok(response) => Ok(response),
            Err(error) => {
                let mut lost = Unanswered::from(error);
                if lost.unsent.is_some() || is_unprocessed(&lost.error) {
                    self.0.leaving.store(true, Ordering::Relaxed);
                    lost.unsent = Some(Box::new(request));
                }
                Err(lost)
            }
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        *lock(&self.0.last_used) = Instant::now();
        self.0.streams.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The form in which HTTP/2 names its target: `:scheme` and `:authority` instead of `host`.
pub(super) fn absolute(mut request: Request<Full<Bytes>>) -> Request<Full<Bytes>> {
    let Some(host) = request.headers_mut().remove(header::HOST) else { return request };
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    parts.scheme = Some(http::uri::Scheme::HTTPS);
    parts.authority = host.as_bytes().try_into().ok();
    // With an authority missing it would be no URI, and hyper refuses the empty one.
    *request.uri_mut() = Uri::from_parts(parts).unwrap_or_default();
    request
}

/// Whether the peer itself said that it has not looked at the request (RFC 9113 §8.7).
///
/// Of the streams of a connection that it says goodbye on, only those get that error that it named
/// as not processed; the others find the connection closed.
fn is_unprocessed(error: &hyper::Error) -> bool {
    let source = std::error::Error::source(error);
    source.and_then(|error| error.downcast_ref::<h2::Error>()).is_some_and(|error| {
        error.is_remote()
            && match error.reason() {
                Some(h2::Reason::REFUSED_STREAM) => error.is_reset(),
                Some(h2::Reason::NO_ERROR) => error.is_go_away(),
                _ => false,
            }
    })
}

/// Of one connection, whatever the peer allows.
pub(super) const MAX_STREAMS: usize = 64;
const MAX_HEADER_LIST_BYTES: u32 = 64 * 1024;
/// What may come unread: a client that reads slowly must not hold up the others, so the connection
/// has room for all of its streams.
const STREAM_WINDOW_BYTES: u32 = 256 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 64 * STREAM_WINDOW_BYTES;
/// A connection that has died would hold up all of its streams.
const PING_INTERVAL: Duration = Duration::from_secs(20);
const PING_TIMEOUT: Duration = Duration::from_secs(20);
