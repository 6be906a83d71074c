//! A socket that comes into being when TLS first waits for an answer.
//!
//! netgate wants to see the whole ClientHello before it dials. So what rustls writes first is kept
//! here; with the first flush or read it goes to the [`Dialer`], and the socket that comes back has
//! it written already.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::broker::{DialError, Dialer};
use crate::link::RouteId;

/// The connection of one route, not yet dialled, being dialled, or open.
pub(super) struct HelloStream<D> {
    dialer: Arc<D>,
    route: RouteId,
    state: State,
}

enum State {
    Hello(Vec<u8>),
    Dialing(Pin<Box<dyn Future<Output = Result<TcpStream, DialError>> + Send>>),
    Open(TcpStream),
    Failed(DialError),
}

impl<D: Dialer> HelloStream<D> {
    pub(super) fn new(dialer: Arc<D>, route: RouteId) -> Self {
        Self { dialer, route, state: State::Hello(Vec::new()) }
    }

    /// Dials unless that has happened; then the open socket.
    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Pin<&mut TcpStream>>> {
        if let State::Hello(hello) = &mut self.state {
            let (dialer, route, hello) =
                (Arc::clone(&self.dialer), self.route, std::mem::take(hello));
            self.state = State::Dialing(Box::pin(async move { dialer.dial(route, hello).await }));
        }
        if let State::Dialing(dialing) = &mut self.state {
            self.state = match ready!(dialing.as_mut().poll(cx)) {
                Ok(stream) => State::Open(stream),
                Err(error) => State::Failed(error),
            };
        }
        Poll::Ready(match &mut self.state {
            State::Open(stream) => Ok(Pin::new(stream)),
            State::Failed(error) => Err(io::Error::other(*error)),
            State::Hello(_) | State::Dialing(_) => {
                Err(io::Error::from(io::ErrorKind::NotConnected))
            }
        })
    }
}

/// The dialer's own error, if it is what made the stream fail.
pub(super) fn dial_error(error: &io::Error) -> Option<DialError> {
    error.get_ref()?.downcast_ref().copied()
}

impl<D: Dialer> AsyncWrite for HelloStream<D> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        if let State::Hello(hello) = &mut self.state {
            if hello.len() + data.len() > MAX_HELLO {
                return Poll::Ready(Err(io::Error::from(io::ErrorKind::InvalidData)));
            }
            hello.extend_from_slice(data);
            return Poll::Ready(Ok(data.len()));
        }
        ready!(self.poll_open(cx))?.poll_write(cx, data)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let State::Hello(_) = self.state {
            let first =
                slices.iter().find(|slice| !slice.is_empty()).map_or(&[][..], |slice| &**slice);
            return self.poll_write(cx, first);
        }
        ready!(self.poll_open(cx))?.poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_open(cx))?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.state {
            State::Open(stream) => Pin::new(stream).poll_shutdown(cx),
            // Nothing was opened, so nothing is left to close.
            State::Hello(_) | State::Dialing(_) | State::Failed(_) => Poll::Ready(Ok(())),
        }
    }
}

impl<D: Dialer> AsyncRead for HelloStream<D> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_open(cx))?.poll_read(cx, buffer)
    }
}

/// A ClientHello with post-quantum shares has under 2 KiB, one with a resumption ticket under 4.
const MAX_HELLO: usize = 16 * 1024;
