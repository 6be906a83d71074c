//! Speaks TLS and HTTP to providers, holds their keys, and looks at every request a second time.
//!
//! Runs without network and without files: [`Kept`] holds system roots and keys, read beforehand,
//! sockets come from a [`Dialer`] (netgate, in production), requests from a [`ConnectionSource`]
//! (the gateway). Not for masking: what is not clean here is refused, never repaired.
//!
//! Reading order: [`gate`] decides, `upstream` connects, `forward` sends and streams back.

mod config;
mod forward;
pub(crate) mod gate;
mod hello;
mod pins;
mod secret;
mod upstream;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use thiserror::Error;
use tokio::net::{TcpStream, UnixStream};

use crate::hop::{Limits, Tasks, serve};
use crate::link::RouteId;

#[cfg(test)]
pub(crate) use config::client_config;
pub use config::{Config, ConfigError, Kept, Route};
pub use forward::Broker;
pub use secret::Secret;

/// Yields the connections that the gateway opens.
pub trait ConnectionSource: Send {
    /// The next connection; an error or `None` ends the broker, as the gateway is gone.
    fn next(&mut self) -> impl Future<Output = io::Result<Option<UnixStream>>> + Send;
}

/// Opens connections to providers for a process that cannot.
pub trait Dialer: Send + Sync + 'static {
    /// A socket connected to the route's host on which `client_hello` has already been written.
    ///
    /// `client_hello` is everything that TLS sends before it waits for an answer, or empty for a
    /// plaintext route. The socket should come with `TCP_NODELAY` set. The future is dropped when the
    /// client goes away or ten seconds have passed; a socket that comes later must be closed.
    fn dial(
        &self,
        route: RouteId,
        client_hello: Vec<u8>,
    ) -> impl Future<Output = Result<TcpStream, DialError>> + Send;
}

/// Why there is no connection to a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DialError {
    /// The route's host has no admitted address at present.
    #[error("no admitted address")]
    NoAddress,
    /// Every address refused.
    #[error("connection refused")]
    ConnectRefused,
    /// No address answered in time.
    #[error("connection timed out")]
    ConnectTimeout,
    /// The ClientHello does not name the route's host, or hides the name.
    #[error("server name does not match the route")]
    SniMismatch,
    /// The route belongs to a configuration that is no longer in force.
    #[error("the configuration has changed meanwhile")]
    PolicyChanged,
    /// Nobody is there to dial.
    #[error("netgate is gone")]
    NetgateGone,
}

impl DialError {
    /// The stable word for it.
    pub fn reason(self) -> &'static str {
        match self {
            Self::NoAddress => "no-address",
            Self::ConnectRefused => "connect-refused",
            Self::ConnectTimeout => "connect-timeout",
            Self::SniMismatch => "sni-mismatch",
            Self::PolicyChanged => POLICY_CHANGED,
            Self::NetgateGone => "netgate-gone",
        }
    }
}

/// Serves the gateway until `listener` ends.
pub async fn run<D: Dialer>(
    broker: Arc<Broker<D>>,
    mut listener: impl ConnectionSource,
) -> io::Result<()> {
    let mut tasks = Tasks::new();
    let ended = loop {
        match listener.next().await {
            Ok(Some(stream)) => {
                let broker = Arc::clone(&broker);
                let answer = move |request: Request<Incoming>| {
                    let broker = Arc::clone(&broker);
                    async move { broker.answer(request).await }
                };
                let seat = tasks.seat();
                tasks.spawn(serve(stream, LIMITS, seat, answer));
            }
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    tasks.drain(DRAIN).await;
    ended
}

/// Refuses every request on `listener`: the kernel's policy no longer holds.
///
/// # Errors
/// The listener's.
pub async fn refuse_all(mut listener: impl ConnectionSource) -> io::Result<()> {
    let mut tasks = Tasks::new();
    while let Some(stream) = listener.next().await? {
        let answer = |_request: Request<Incoming>| async { forward::enforcement_lost() };
        let seat = tasks.seat();
        tasks.spawn(serve(stream, LIMITS, seat, answer));
    }
    Ok(())
}

impl<T: ConnectionSource> ConnectionSource for &mut T {
    fn next(&mut self) -> impl Future<Output = io::Result<Option<UnixStream>>> + Send {
        T::next(self)
    }
}

/// Nothing was sent, because the policy under which the request was prepared is no longer in
/// force; the gateway prepares it again.
pub(crate) const POLICY_CHANGED: &str = "policy-changed";

/// The gateway keeps idle connections as long as it likes.
const LIMITS: Limits =
    Limits { first_head: None, header_timeout: None, max_headers: 128, streams: None };
/// The gateway is gone when this begins; nobody reads the answers.
const DRAIN: Duration = Duration::from_secs(1);
