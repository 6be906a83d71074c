//! Client connections that are kept and used again: HTTP/1.1 for one request at a time, HTTP/2 for
//! many.
//!
//! A request is sent a second time only when it is certain that the first connection did nothing
//! with it: closed before a single byte was written, or the peer's own word that it was not
//! processed. A body that may have been processed is never repeated.

mod shared;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::client::conn::{TrySendError, http1};
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;

use self::shared::{Shared, Stream};
use super::body::Answer;

/// Opens the connections of one pool.
pub(crate) trait Connect: Send + Sync + 'static {
    /// The byte stream that HTTP is spoken over.
    type Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;
    /// Why there is none.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Opens a connection that is ready for HTTP, of the version that was agreed on.
    fn connect(&self) -> impl Future<Output = Result<(Self::Io, Protocol), Self::Error>> + Send;
}

/// A version of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// HTTP/1.1
    Http1,
    /// HTTP/2
    Http2,
}

/// A request got no answer.
#[derive(Debug, Error)]
pub(crate) enum SendError<E> {
    /// No connection could be opened, so nothing was sent.
    #[error(transparent)]
    Connect(E),
    /// The connection ended before an answer began; the request may have been processed.
    #[error("connection lost before an answer")]
    Lost(#[source] hyper::Error),
}

/// Connections to one peer.
pub(crate) struct Pool<C> {
    connector: C,
    shelf: Arc<Shelf>,
}

impl<C: Connect> Pool<C> {
    pub(crate) fn new(connector: C) -> Self {
        Self { connector, shelf: Arc::default() }
    }

    /// The same connections, with another way to open new ones.
    pub(crate) fn with(&self, connector: C) -> Self {
        Self { connector, shelf: Arc::clone(&self.shelf) }
    }

    /// Closes what is idle now, and everything else when its answer has ended.
    pub(crate) fn retire(&self) {
        self.shelf.retired.store(true, Ordering::SeqCst);
        lock(&self.shelf.idle).clear();
        lock(&self.shelf.shared).clear();
    }

    pub(crate) fn connector(&self) -> &C {
        &self.connector
    }

    /// Sends `request` over a connection that is there, or over a new one.
    ///
    /// Dropping the future, or the answer's body before its end, cancels the request: it closes the
    /// HTTP/1.1 connection, or resets the stream of the HTTP/2 connection.
    pub(crate) async fn send(
        &self,
        mut request: Request<Full<Bytes>>,
    ) -> Result<Response<Answer>, SendError<C::Error>> {
        if let Some(lease) = self.shelf.take().await {
            match self.send_over(lease, request).await {
                Ok(response) => return Ok(response),
                Err(Unanswered { unsent: Some(unsent), .. }) => request = *unsent,
                Err(Unanswered { error, .. }) => return Err(SendError::Lost(error)),
            }
        }
        let lease = self.open().await?;
        self.send_over(lease, request).await.map_err(|lost| SendError::Lost(lost.error))
    }

    async fn send_over(
        &self,
        mut lease: Lease,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Answer>, Unanswered> {
        let sent = match &mut lease.connection {
            Connection::Own(own) => own.sender.try_send_request(request).await.map_err(Into::into),
            Connection::Stream(stream) => stream.send(request).await,
        };
        sent.map(|response| response.map(|incoming| Answer::new(incoming, lease)))
    }

    async fn open(&self) -> Result<Lease, SendError<C::Error>> {
        // Where one connection serves many, those who come at once wait for the first one's.
        let opening = match self.shelf.shares.load(Ordering::Relaxed) {
            true => Some(self.shelf.opening.lock().await),
            false => None,
        };
        if opening.is_some()
            && let Some(stream) = self.shelf.stream()
        {
            return Ok(self.shelf.lease(Connection::Stream(stream)));
        }
        let connected = self.connector.connect().await;
        let shares = matches!(connected, Ok((_, Protocol::Http2)));
        // Else those who wait would find out one after the other that there is no connection.
        self.shelf.shares.store(shares, Ordering::Relaxed);
        let (io, protocol) = connected.map_err(SendError::Connect)?;
        let io = TokioIo::new(io);
        let connection = match protocol {
            Protocol::Http1 => Connection::Own(self.shelf.own(io).await.map_err(SendError::Lost)?),
            Protocol::Http2 => {
                Connection::Stream(self.shelf.share(io).await.map_err(SendError::Lost)?)
            }
        };
        Ok(self.shelf.lease(connection))
    }
}

/// A connection, or a stream of one, whose answer is still being read; dropped, it is cancelled.
pub(super) struct Lease {
    connection: Connection,
    shelf: Arc<Shelf>,
}

impl Lease {
    /// Puts the connection back for the next request.
    pub(super) fn release(self) {
        if let Connection::Own(own) = self.connection {
            self.shelf.put(own);
        }
    }
}

enum Connection {
    Own(Own),
    Stream(Stream),
}

/// A request that got no answer; whole, if the peer has certainly done nothing with it.
struct Unanswered {
    unsent: Option<Box<Request<Full<Bytes>>>>,
    error: hyper::Error,
}

impl From<TrySendError<Request<Full<Bytes>>>> for Unanswered {
    fn from(mut error: TrySendError<Request<Full<Bytes>>>) -> Self {
        Self { unsent: error.take_message().map(Box::new), error: error.into_error() }
    }
}

/// An open HTTP/1.1 connection; its driver task ends with it.
struct Own {
    sender: http1::SendRequest<Full<Bytes>>,
    driver: AbortHandle,
}

impl Drop for Own {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

struct Idle {
    connection: Own,
    since: Instant,
}

#[derive(Default)]
struct Shelf {
    /// Oldest first; the newest is used first, so that a burst's surplus ages out.
    idle: Mutex<Vec<Idle>>,
    /// The first with a place is used, so that a burst's surplus ages out here too.
    shared: Mutex<Vec<Arc<Shared>>>,
    /// Whether the last connection was one for many.
    shares: AtomicBool,
    opening: tokio::sync::Mutex<()>,
    /// Nothing is put back any more.
    retired: AtomicBool,
    drivers: Mutex<JoinSet<()>>,
}

impl Shelf {
    fn lease(self: &Arc<Self>, connection: Connection) -> Lease {
        Lease { connection, shelf: Arc::clone(self) }
    }

    async fn take(self: &Arc<Self>) -> Option<Lease> {
        if let Some(stream) = self.stream() {
            return Some(self.lease(Connection::Stream(stream)));
        }
        loop {
            let Idle { mut connection, since } = lock(&self.idle).pop()?;
            if since.elapsed() > MAX_IDLE || connection.sender.is_closed() {
                continue;
            }
            // An answer that has just ended needs one more turn of the driver; a peer that answered
            // before it had read the request may need for ever.
            if connection.sender.is_ready()
                || matches!(
                    tokio::time::timeout(SETTLE, connection.sender.ready()).await,
                    Ok(Ok(()))
                )
            {
                return Some(self.lease(Connection::Own(connection)));
            }
        }
    }

    fn stream(&self) -> Option<Stream> {
        let mut shared = lock(&self.shared);
        shared.retain(|shared| shared.is_usable());
        shared.iter().find_map(Stream::of)
    }

    fn put(&self, connection: Own) {
        if connection.sender.is_closed() {
            return;
        }
        let mut idle = lock(&self.idle);
        // Asked with the lock held, so that `retire` clears what is put before it.
        if self.retired.load(Ordering::SeqCst) {
            return;
        }
        idle.retain(|idle| idle.since.elapsed() <= MAX_IDLE && !idle.connection.sender.is_closed());
        if idle.len() < MAX_IDLE_CONNECTIONS {
            idle.push(Idle { connection, since: Instant::now() });
        }
    }

    async fn own<I>(&self, io: TokioIo<I>) -> hyper::Result<Own>
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, driver) = http1::Builder::new().max_headers(MAX_HEADERS).handshake(io).await?;
        let driver = self.drive(async move {
            // The request that the error belongs to reports it.
            let _ = driver.await;
        });
        Ok(Own { sender, driver })
    }

    async fn share<I>(&self, io: TokioIo<I>) -> hyper::Result<Stream>
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (shared, driver) = Shared::open(io).await?;
        self.drive(driver);
        let stream = Stream::first_of(Arc::clone(&shared));
        let mut shelf = lock(&self.shared);
        if !self.retired.load(Ordering::SeqCst) {
            shelf.push(shared);
        }
        Ok(stream)
    }

    fn drive(&self, driver: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        let mut drivers = lock(&self.drivers);
        while drivers.try_join_next().is_some() {}
        drivers.spawn(driver)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that can panic runs under these locks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Below the idle timeout of every load balancer in front of a provider, which is 60 s at the least.
const MAX_IDLE: Duration = Duration::from_secs(45);
const MAX_IDLE_CONNECTIONS: usize = 32;
const MAX_HEADERS: usize = 100;
const SETTLE: Duration = Duration::from_millis(50);
