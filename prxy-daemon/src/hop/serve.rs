//! Serving one connection until it ends or the drain signal comes.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What a peer may cost before its request is known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// From the connection's or the last answer's end until the next request's head is complete.
    pub(crate) header_timeout: Option<Duration>,
    /// Number of header fields.
    pub(crate) max_headers: usize,
}

/// The connections of one server, and the signal that drains them.
pub(crate) struct Tasks {
    connections: JoinSet<()>,
    drain: watch::Sender<()>,
}

impl Tasks {
    pub(crate) fn new() -> Self {
        Self { connections: JoinSet::new(), drain: watch::Sender::new(()) }
    }

    /// Fires when the server begins to drain.
    pub(crate) fn drain_signal(&self) -> watch::Receiver<()> {
        self.drain.subscribe()
    }

    pub(crate) fn len(&self) -> usize {
        self.connections.len()
    }

    pub(crate) fn spawn(&mut self, connection: impl Future<Output = ()> + Send + 'static) {
        while self.connections.try_join_next().is_some() {}
        self.connections.spawn(connection);
    }

    /// Waits for one connection to end; pending for ever when there is none.
    pub(crate) async fn one_ended(&mut self) {
        if self.connections.join_next().await.is_none() {
            std::future::pending().await
        }
    }

    /// Lets running answers end, for at most `patience`; what is left then is cut.
    pub(crate) async fn drain(mut self, patience: Duration) {
        // No receiver left means no connection left.
        let _ = self.drain.send(());
        let all = async { while self.connections.join_next().await.is_some() {} };
        if tokio::time::timeout(patience, all).await.is_err() {
            tracing::warn!(
                left = self.connections.len(),
                "connections cut at the end of the drain"
            );
        }
    }
}

/// Answers the requests of one connection with `answer`, in order, until either side ends it.
pub(crate) async fn serve<I, A, F, B>(
    io: I,
    limits: Limits,
    mut drain: watch::Receiver<()>,
    answer: A,
) where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    A: Fn(Request<Incoming>) -> F,
    F: Future<Output = Response<B>>,
    B: Body + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let begun = AtomicBool::new(false);
    let service = service_fn(|request| {
        begun.store(true, Ordering::Relaxed);
        let answered = answer(request);
        async { Ok::<_, Infallible>(answered.await) }
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_headers(limits.max_headers);
    let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(io), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        _ = drain.changed() => {
            connection.as_mut().graceful_shutdown();
            match tokio::time::timeout(FIRST_HEAD, connection.as_mut()).await {
                Ok(ended) => ended,
                Err(_) if begun.load(Ordering::Relaxed) => connection.await,
                Err(_) => return,
            }
        }
    };
    if let Err(error) = ended
        && !super::is_hangup(&error)
        && !error.is_timeout()
    {
        tracing::debug!(parse = error.is_parse(), user = error.is_user(), "connection ended early");
    }
}

/// How long a drain waits for the rest of a connection's first head: whoever sends half of one must
/// not keep a restart waiting.
const FIRST_HEAD: Duration = Duration::from_secs(1);
