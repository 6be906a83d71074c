//! Where connections come in: TCP, or a unix socket.
//!
//! Every listener is inherited; nothing here makes one.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};

/// The listeners of one server, asked in turn.
#[derive(Debug, Default)]
pub struct Doors {
    doors: Vec<Door>,
    next: usize,
}

/// One listener.
#[derive(Debug)]
enum Door {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// A connection, whatever it runs over.
pub(super) trait Io: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// A connection that was accepted.
pub(super) struct Visit {
    pub(super) line: Box<dyn Io>,
    pub(super) visitor: Visitor,
}

/// Who has connected, and at what kind of door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Visitor {
    /// Anybody who reaches the address.
    Tcp,
    /// A process of this host, as the kernel names it.
    Unix {
        /// Its user when it connected.
        uid: u32,
        /// Its group then.
        gid: u32,
    },
}

impl Doors {
    /// One more listener; needs a running runtime.
    ///
    /// # Errors
    /// It cannot be polled.
    pub fn and_tcp(mut self, listener: std::net::TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        self.doors.push(Door::Tcp(TcpListener::from_std(listener)?));
        Ok(self)
    }

    /// One more listener; needs a running runtime.
    ///
    /// # Errors
    /// It cannot be polled.
    pub fn and_unix(mut self, listener: std::os::unix::net::UnixListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        self.doors.push(Door::Unix(UnixListener::from_std(listener)?));
        Ok(self)
    }

    /// The next connection; may be dropped while it waits.
    pub(super) async fn accept(&mut self) -> io::Result<Visit> {
        poll_fn(|cx| self.poll_accept(cx)).await
    }

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Visit>> {
        let count = self.doors.len();
        for turn in 0..count {
            let at = (self.next + turn) % count;
            if let Poll::Ready(accepted) = self.doors[at].poll_accept(cx) {
                // Whoever knocks without end at one keeps nobody out of the others.
                self.next = at + 1;
                return Poll::Ready(accepted);
            }
        }
        Poll::Pending
    }
}

impl From<TcpListener> for Doors {
    fn from(listener: TcpListener) -> Self {
        Self { doors: vec![Door::Tcp(listener)], next: 0 }
    }
}

impl Door {
    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<Visit>> {
        match self {
            Self::Tcp(listener) => listener.poll_accept(cx).map_ok(|(stream, _)| {
                if let Err(error) = stream.set_nodelay(true) {
                    // Slower, not wrong.
                    tracing::debug!(kind = %error.kind(), "no TCP_NODELAY");
                }
                Visit { line: Box::new(stream), visitor: Visitor::Tcp }
            }),
            Self::Unix(listener) => listener.poll_accept(cx).map(|accepted| {
                let (stream, _) = accepted?;
                let peer = stream.peer_cred()?;
                let visitor = Visitor::Unix { uid: peer.uid(), gid: peer.gid() };
                Ok(Visit { line: Box::new(stream), visitor })
            }),
        }
    }
}
