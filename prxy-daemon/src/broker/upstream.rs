//! Connections to one provider: dialled by somebody else, encrypted here.

use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;

use crate::broker::hello::{self, HelloStream};
use crate::broker::{DialError, Dialer, pins};
use crate::hop::{Connect, Protocol};
use crate::link::RouteId;

/// Opens connections of one route.
pub(super) struct Upstream<D> {
    dialer: Arc<D>,
    route: RouteId,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

/// No connection to the provider.
#[derive(Debug, Error)]
pub(super) enum UpstreamError {
    /// There is no socket.
    #[error(transparent)]
    Dial(DialError),
    /// The provider's certificate does not verify against the route's trust roots and host.
    #[error("certificate not trusted")]
    Untrusted,
    /// The certificate is valid, but its key is none of the pinned ones.
    #[error("the certificate's key is none of `spki_sha256`")]
    PinMismatch,
    /// The handshake failed otherwise.
    #[error("TLS handshake failed")]
    Handshake,
}

impl UpstreamError {
    fn of_handshake(error: &std::io::Error) -> Self {
        let tls = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
        match tls {
            Some(rustls::Error::InvalidCertificate(error)) if pins::is_mismatch(error) => {
                Self::PinMismatch
            }
            Some(rustls::Error::InvalidCertificate(_)) => Self::Untrusted,
            _ => Self::Handshake,
        }
    }

    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::Dial(error) => error.reason(),
            Self::Untrusted => "provider-untrusted",
            Self::PinMismatch => "certificate-pin-mismatch",
            Self::Handshake => "tls-failed",
        }
    }
}

impl<D: Dialer> Upstream<D> {
    pub(super) fn new(
        dialer: Arc<D>,
        route: RouteId,
        tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    ) -> Self {
        let tls = tls.map(|(config, name)| (TlsConnector::from(config), name));
        Self { dialer, route, tls }
    }

    /// The same, tickets of earlier sessions included, under another number.
    pub(super) fn renumbered(&self, route: RouteId) -> Self {
        Self { dialer: Arc::clone(&self.dialer), route, tls: self.tls.clone() }
    }

    async fn open(&self) -> Result<(Box<dyn Stream>, Protocol), UpstreamError> {
        let Some((connector, name)) = &self.tls else {
            let stream =
                self.dialer.dial(self.route, Vec::new()).await.map_err(UpstreamError::Dial)?;
            return Ok((Box::new(stream), Protocol::Http1));
        };
        let stream = HelloStream::new(Arc::clone(&self.dialer), self.route);
        match connector.connect(name.clone(), stream).await {
            Ok(stream) => {
                let protocol = match stream.get_ref().1.alpn_protocol() {
                    Some(b"h2") => Protocol::Http2,
                    _ => Protocol::Http1,
                };
                Ok((Box::new(stream), protocol))
            }
            Err(error) => Err(match hello::dial_error(&error) {
                Some(error) => UpstreamError::Dial(error),
                None => UpstreamError::of_handshake(&error),
            }),
        }
    }
}

impl<D: Dialer> Connect for Upstream<D> {
    type Io = Box<dyn Stream>;
    type Error = UpstreamError;

    async fn connect(&self) -> Result<(Box<dyn Stream>, Protocol), UpstreamError> {
        match tokio::time::timeout(CONNECT_TIMEOUT, self.open()).await {
            Ok(opened) => opened,
            Err(_) => Err(UpstreamError::Dial(DialError::ConnectTimeout)),
        }
    }
}

/// An open connection, encrypted or not.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Dialling and handshake together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests;
