//! Where clients connect: reads a request, runs the pipeline, asks the broker, restores the answer.
//!
//! The only process that sees raw text, and one without any network but the inherited listener.
//! Not for TLS, keys or hosts (that is `broker`), and not for detection (that is `redact`).
//!
//! Reading order: `request` (the way of a request), `admit` (who may ask), `route` (what a path
//! means), `coding` (what a body's bytes say), `call` (what is made of it), `limits` (how much a client may ask for), `answer` (the way back), `shared` (one answer for several), `error` (every failure in the
//! provider's own format), `screen` (`--debug`). Before it `doors` (where connections come in), beside
//! it `scrape` (where the metrics are read).

mod admit;
mod answer;
mod call;
mod coding;
mod doors;
mod embedder;
mod error;
mod limits;
mod local;
mod log_only;
mod outcomes;
mod request;
mod route;
mod scrape;
mod screen;
mod shared;
mod tenant;
#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use tokio::net::UnixStream;
use tokio::sync::Semaphore;

use crate::hop::{Holding, Limits, Seat, Tasks, serve};

pub use doors::Doors;
use doors::Visit;
pub(crate) use limits::Place;
pub use request::{BuildError, Gateway};
pub use scrape::run as serve_metrics;
pub use screen::Screen;

/// The way to the broker.
pub trait BrokerLink: Send + Sync + 'static {
    /// A new connection that the broker serves.
    fn connect(&self) -> impl Future<Output = io::Result<UnixStream>> + Send;
}

/// Serves clients at `doors` until `shutdown`, then lets running answers end.
pub async fn run<L: BrokerLink>(
    gateway: Arc<Gateway<L>>,
    doors: Doors,
    shutdown: impl Future<Output = ()>,
) {
    // As many requests as connections, however they are spread over these.
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let visit = |Visit { line, visitor }: Visit, seat: Seat| {
        let (gateway, places) = (Arc::clone(&gateway), Arc::clone(&places));
        let answer = move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(visitor);
            let (gateway, places) = (Arc::clone(&gateway), Arc::clone(&places));
            async move {
                // Never closed, so there is always one in the end.
                let place = places.acquire_owned().await.ok();
                gateway.answer(request).await.map(|body| Holding::new(body, place))
            }
        };
        serve(line, LIMITS, seat, answer)
    };
    welcome(doors, MAX_CONNECTIONS, shutdown, visit).await;
}

/// Takes at most so many connections at once, until `shutdown`, and lets them end.
async fn welcome<F: Future<Output = ()> + Send + 'static>(
    mut doors: Doors,
    at_most: usize,
    shutdown: impl Future<Output = ()>,
    visit: impl Fn(Visit, Seat) -> F,
) {
    let mut tasks = Tasks::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let full = tasks.len() >= at_most;
        if full {
            tasks.close_oldest_silent();
        }
        let visitor = tokio::select! {
            () = shutdown.as_mut() => break,
            () = tasks.one_ended(), if full => continue,
            accepted = doors.accept(), if !full => match accepted {
                Ok(visitor) => visitor,
                Err(error) => {
                    // A client that gave up, or no descriptors left: neither ends the gateway.
                    tracing::warn!(kind = %error.kind(), "accept failed");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        let seat = tasks.seat();
        tasks.spawn(visit(visitor, seat));
    }
    drop(doors);
    tasks.drain(DRAIN).await;
}

/// The header timeout also bounds how long an idle connection is kept; SDKs drop theirs long before.
const LIMITS: Limits = Limits {
    first_head: Some(Duration::from_secs(10)),
    header_timeout: Some(Duration::from_secs(75)),
    max_headers: 100,
    streams: Some(100),
};
/// With one to the broker for each, below the usual limit of 1024 descriptors.
const MAX_CONNECTIONS: usize = 448;
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// A streamed answer may run for minutes; a service manager waits less.
const DRAIN: Duration = Duration::from_secs(20);
