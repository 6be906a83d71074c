//! Client connections that are kept and used again, one request at a time.
//!
//! A request is sent a second time only when the first connection turned out to be closed before a
//! single byte of it was written: a body that may have been processed is never repeated.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;

use super::body::Answer;

/// Opens the connections of one pool.
pub(crate) trait Connect: Send + Sync + 'static {
    /// The byte stream that HTTP is spoken over.
    type Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;
    /// Why there is none.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Opens a connection that is ready for HTTP.
    fn connect(&self) -> impl Future<Output = Result<Self::Io, Self::Error>> + Send;
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
    }

    pub(crate) fn connector(&self) -> &C {
        &self.connector
    }

    /// Sends `request` over an idle connection, or over a new one.
    ///
    /// Dropping the future, or the answer's body before its end, closes the connection.
    pub(crate) async fn send(
        &self,
        mut request: Request<Full<Bytes>>,
    ) -> Result<Response<Answer>, SendError<C::Error>> {
        if let Some(mut connection) = self.shelf.take().await {
            match connection.sender.try_send_request(request).await {
                Ok(response) => return Ok(self.lease(connection, response)),
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(SendError::Lost(error.into_error())),
                },
            }
        }
        let mut connection = self.open().await?;
        match connection.sender.try_send_request(request).await {
            Ok(response) => Ok(self.lease(connection, response)),
            Err(error) => Err(SendError::Lost(error.into_error())),
        }
    }

    async fn open(&self) -> Result<Connection, SendError<C::Error>> {
        let io = self.connector.connect().await.map_err(SendError::Connect)?;
        let (sender, driver) = http1::Builder::new()
            .max_headers(MAX_HEADERS)
            .handshake(TokioIo::new(io))
            .await
            .map_err(SendError::Lost)?;
        let driver = self.shelf.drive(async move {
            // The request that the error belongs to reports it.
            let _ = driver.await;
        });
        Ok(Connection { sender, driver })
    }

    fn lease(
        &self,
        connection: Connection,
        response: Response<hyper::body::Incoming>,
    ) -> Response<Answer> {
        let lease = Lease { connection, shelf: Arc::clone(&self.shelf) };
        response.map(|incoming| Answer::new(incoming, lease))
    }
}

/// A connection whose answer is still being read; dropped, it is closed.
pub(super) struct Lease {
    connection: Connection,
    shelf: Arc<Shelf>,
}

impl Lease {
    /// Puts the connection back for the next request.
    pub(super) fn release(self) {
        self.shelf.put(self.connection);
    }
}

/// An open connection; its driver task ends with it.
struct Connection {
    sender: SendRequest<Full<Bytes>>,
    driver: AbortHandle,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

struct Idle {
    connection: Connection,
    since: Instant,
}

#[derive(Default)]
struct Shelf {
    /// Oldest first; the newest is used first, so that a burst's surplus ages out.
    idle: Mutex<Vec<Idle>>,
    /// Nothing is put back any more.
    retired: AtomicBool,
    drivers: Mutex<JoinSet<()>>,
}

impl Shelf {
    async fn take(&self) -> Option<Connection> {
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
                return Some(connection);
            }
        }
    }

    fn put(&self, connection: Connection) {
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
