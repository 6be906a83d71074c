//! How gateway, broker and netgate pass sockets: the production side of the traits that
//! `gateway` and `broker` are written against.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::{TcpStream, UnixStream};
use tokio::sync::oneshot;

use super::{DialOutcome, DialReply, DialRequest, RouteId};
use crate::broker::{ConnectionSource, DialError, Dialer};
use crate::gateway::BrokerLink;
use crate::sys::channel::{AsyncChannel, Channel, is_stream_socket};

/// The gateway's end: makes a socketpair and hands one end to the broker.
#[derive(Debug)]
pub struct ToBroker(AsyncChannel);

impl ToBroker {
    /// Takes the channel over; needs a running runtime.
    pub fn new(channel: Channel) -> io::Result<Self> {
        AsyncChannel::new(channel).map(Self)
    }
}

impl BrokerLink for ToBroker {
    async fn connect(&self) -> io::Result<UnixStream> {
        let (ours, theirs) = UnixStream::pair()?;
        let theirs = theirs.into_std()?;
        self.0.send(b"+", Some(theirs.as_fd())).await?;
        Ok(ours)
    }
}

/// The broker's end: receives what [`ToBroker`] sends.
#[derive(Debug)]
pub struct FromGateway(AsyncChannel);

impl FromGateway {
    /// Takes the channel over; needs a running runtime.
    pub fn new(channel: Channel) -> io::Result<Self> {
        AsyncChannel::new(channel).map(Self)
    }
}

impl ConnectionSource for FromGateway {
    async fn next(&mut self) -> io::Result<Option<UnixStream>> {
        let mut buffer = [0; 8];
        loop {
            match self.0.receive(&mut buffer).await? {
                (0, _) => return Ok(None),
                (_, Some(fd)) if is_stream_socket(&fd, &[libc::AF_UNIX]) => {
                    let stream = std::os::unix::net::UnixStream::from(fd);
                    stream.set_nonblocking(true)?;
                    return UnixStream::from_std(stream).map(Some);
                }
                _ => tracing::warn!("gateway sent something that is no unix stream: dropped"),
            }
        }
    }
}

/// The broker's way to netgate.
#[derive(Clone, Debug)]
pub struct ToNetgate(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    channel: AsyncChannel,
    next: AtomicU64,
    waiting: Mutex<HashMap<u64, oneshot::Sender<Result<OwnedFd, DialError>>>>,
}

impl ToNetgate {
    /// Takes the channel over; needs a running runtime.
    pub fn new(channel: Channel) -> io::Result<Self> {
        let channel = AsyncChannel::new(channel)?;
        Ok(Self(Arc::new(Shared { channel, next: AtomicU64::new(0), waiting: Mutex::default() })))
    }

    /// Gives netgate's replies to those who wait for them, until netgate is gone.
    pub async fn deliver(&self) -> io::Result<()> {
        let mut buffer = [0; 64];
        loop {
            let (length, fd) = self.0.channel.receive(&mut buffer).await?;
            if length == 0 {
                return Ok(());
            }
            let reply = DialReply::decode(&buffer[..length])?;
            let families = [libc::AF_INET, libc::AF_INET6];
            let result = match (reply.outcome, fd) {
                (DialOutcome::Connected, Some(fd)) if is_stream_socket(&fd, &families) => Ok(fd),
                (DialOutcome::Connected, _) => Err(DialError::NetgateGone),
                (DialOutcome::NoAddress, _) => Err(DialError::NoAddress),
                (DialOutcome::HelloRefused, _) => Err(DialError::SniMismatch),
                (DialOutcome::Timeout, _) => Err(DialError::ConnectTimeout),
                (DialOutcome::Refused, _) => Err(DialError::ConnectRefused),
                (DialOutcome::Outdated, _) => Err(DialError::PolicyChanged),
            };
            let mut waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(waiter) = waiting.remove(&reply.id) {
                // A waiter that gave up drops the socket, which closes it.
                let _ = waiter.send(result);
            }
        }
    }
}

impl Dialer for ToNetgate {
    async fn dial(&self, route: RouteId, client_hello: Vec<u8>) -> Result<TcpStream, DialError> {
        let gone = |_| DialError::NetgateGone;
        let id = self.0.next.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = oneshot::channel();
        let waiting = &self.0.waiting;
        waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(id, sender);
        let _forget = Forget { waiting, id };
        let request = DialRequest { id, route, client_hello }.encode();
        self.0.channel.send(&request, None).await.map_err(gone)?;
        let fd = receiver.await.map_err(|_| DialError::NetgateGone)??;
        let stream = std::net::TcpStream::from(fd);
        stream.set_nonblocking(true).map_err(gone)?;
        TcpStream::from_std(stream).map_err(gone)
    }
}

/// Takes a dial off the list when it ends or is given up.
struct Forget<'a> {
    waiting: &'a Mutex<HashMap<u64, oneshot::Sender<Result<OwnedFd, DialError>>>>,
    id: u64,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}
