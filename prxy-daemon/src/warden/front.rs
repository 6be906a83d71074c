//! Where clients connect, and where metrics are read. TCP listeners are made by a process that lives in the `front`
//! cgroup just long enough, because a socket belongs to the cgroup in which it was created.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixListener;

use nix::sys::stat::Mode;
use nix::sys::wait::waitpid;
use prxy_common::Role;

use super::activation::Doorbell;
use super::identity::{Home, user};
use super::kernel::Kernel;
use super::unix::Name;
use super::{During, WardenError};
use crate::config::Config;
use crate::sys::channel::Channel;
use crate::sys::clone::{Clone, Network, into_cgroup};
use crate::sys::handed;

/// Every listener of a daemon.
#[derive(Debug)]
pub(crate) struct Doors {
    /// Where clients connect.
    pub(crate) clients: TcpListener,
    /// Where metrics are read.
    pub(crate) metrics: UnixListener,
    /// The same on loopback.
    pub(crate) metrics_tcp: Option<TcpListener>,
    names: Vec<Name>,
}

/// Makes all of them.
pub(crate) fn open(
    kernel: &Kernel,
    config: &Config,
    home: &Home,
    doorbell: Option<Doorbell>,
) -> Result<Doors, WardenError> {
    let clients = bind(kernel, config.listen, doorbell)?;
    let metrics_tcp =
        config.metrics.listen.map(|address| bind(kernel, address, None)).transpose()?;
    let path = config.metrics.socket_in(home.dir());
    // Whoever is in the gateway's group may read, where it has one.
    let group = user(Role::Gateway).map(|(_, group)| group);
    let (name, metrics) = Name::listen(&path, Mode::from_bits_truncate(0o660), group, BACKLOG)
        .map_err(|error| {
            let cause = format_args!("{}: {error}", path.display()).to_string();
            WardenError::new("make the socket of the metrics", cause)
        })?;
    Ok(Doors { clients, metrics, metrics_tcp, names: vec![name] })
}

impl Doors {
    /// Where clients connect, and where metrics are read.
    pub(crate) fn addresses(&self) -> Result<(SocketAddr, Option<SocketAddr>), WardenError> {
        let step = "read the listener's address";
        let metrics = self.metrics_tcp.as_ref().map(TcpListener::local_addr).transpose();
        Ok((self.clients.local_addr().during(step)?, metrics.during(step)?))
    }

    /// What the gateway gets, and the names of its sockets, which stay with the warden.
    pub(crate) fn split(mut self) -> (Self, Vec<Name>) {
        let names = std::mem::take(&mut self.names);
        (self, names)
    }

    /// Their descriptors.
    pub(crate) fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let tcp = self.metrics_tcp.iter().map(AsFd::as_fd);
        [self.clients.as_fd(), self.metrics.as_fd()].into_iter().chain(tcp)
    }

    /// The same listeners by other descriptors.
    pub(crate) fn try_clone(&self) -> std::io::Result<Self> {
        Ok(Self {
            clients: self.clients.try_clone()?,
            metrics: self.metrics.try_clone()?,
            metrics_tcp: self.metrics_tcp.as_ref().map(TcpListener::try_clone).transpose()?,
            names: Vec::new(),
        })
    }
}

/// Binds and listens on `address` from inside the `front` cgroup; beside a doorbell, if there is
/// one, whose connections are ended.
pub(crate) fn bind(
    kernel: &Kernel,
    address: SocketAddr,
    doorbell: Option<Doorbell>,
) -> Result<TcpListener, WardenError> {
    let step = "listen for clients";
    let (ours, theirs) = Channel::pair().during(step)?;
    let group = kernel.group(Role::Front)?;
    match into_cgroup(Some(group.dir()), Network::Inherit).during(step)? {
        Clone::Child => {
            let result = make(address, doorbell.as_ref());
            let sent = match &result {
                Ok(listener) => theirs.send(b"+", Some(listener.as_fd())).is_ok(),
                Err(error) => theirs.send(error.to_string().as_bytes(), None).is_ok(),
            };
            std::process::exit(i32::from(!sent));
        }
        Clone::Parent { pid, .. } => {
            drop((theirs, doorbell));
            let mut text = [0; 256];
            let received = ours.receive(&mut text);
            waitpid(pid, None).during(step)?;
            match received.during(step)? {
                (_, Some(listener)) => Ok(TcpListener::from(listener)),
                (length, None) => {
                    let cause = String::from_utf8_lossy(&text[..length]).into_owned();
                    Err(WardenError::new(step, format_args!("{address}: {cause}")))
                }
            }
        }
    }
}

/// Monitoring is one reader, or a few.
const BACKLOG: i32 = 16;

#[expect(clippy::disallowed_methods, reason = "the one place that listens")]
fn make(address: SocketAddr, doorbell: Option<&Doorbell>) -> io::Result<TcpListener> {
    let Some(doorbell) = doorbell else { return TcpListener::bind(address) };
    let beside = handed::listen_beside(address)?;
    // No new one goes there any more; those that did get an end, not a wait for ever.
    handed::hang_up(doorbell.listener())?;
    Ok(beside)
}
