//! Where clients connect, and where metrics are read. TCP listeners are made by a process that lives
//! in the `front` cgroup just long enough, because a socket belongs to the cgroup in which it was
//! created.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixListener;
use std::path::Path;

use nix::sys::stat::Mode;
use nix::sys::wait::waitpid;
use prxy_common::Role;

use super::activation::Doorbell;
use super::identity::{Home, user};
use super::kernel::Kernel;
use super::unix::Name;
use super::{During, WardenError};
use crate::config::Config;
use crate::gateway;
use crate::sys::channel::Channel;
use crate::sys::clone::{Clone, Network, into_cgroup};
use crate::sys::handed;

/// Every listener of a daemon.
#[derive(Debug, Default)]
pub(crate) struct Doors {
    /// Where clients connect.
    pub(crate) clients: Listeners,
    /// Where metrics are read.
    pub(crate) metrics: Listeners,
    names: Vec<Name>,
}

/// Listeners of one kind each.
#[derive(Debug, Default)]
pub(crate) struct Listeners {
    pub(crate) tcp: Option<TcpListener>,
    pub(crate) unix: Option<UnixListener>,
}

/// Makes all of them.
pub(crate) fn open(
    kernel: &Kernel,
    config: &Config,
    home: &Home,
    doorbell: Option<Doorbell>,
) -> Result<Doors, WardenError> {
    let mut doors = Doors::default();
    let tcp = |address: Option<SocketAddr>, doorbell| {
        address.map(|address| bind(kernel, address, doorbell)).transpose()
    };
    doors.clients.tcp = tcp(config.listen.tcp, doorbell)?;
    doors.metrics.tcp = tcp(config.metrics.listen, None)?;
    // Whoever is in the gateway's group may connect, where it has one.
    let group = user(Role::Gateway).map(|(_, group)| group);
    let mut unix = |path: &Path, mode: u32| -> Result<UnixListener, WardenError> {
        let made = Name::listen(path, Mode::from_bits_truncate(mode), group, BACKLOG);
        let (name, listener) = made.map_err(|error| {
            let cause = format_args!("{}: {error}", path.display()).to_string();
            WardenError::new("make a unix socket", cause)
        })?;
        doors.names.push(name);
        Ok(listener)
    };
    doors.metrics.unix = Some(unix(&config.metrics.socket_in(home.dir()), 0o660)?);
    if let Some(path) = &config.listen.unix {
        // Where the kernel tells clients apart, it also tells who is none.
        let told = config.clients.iter().any(|client| client.peer.is_some());
        doors.clients.unix = Some(unix(path, if told { 0o666 } else { 0o660 })?);
    }
    Ok(doors)
}

impl Doors {
    /// Where clients connect and where metrics are read, by TCP.
    pub(crate) fn addresses(
        &self,
    ) -> Result<(Option<SocketAddr>, Option<SocketAddr>), WardenError> {
        let of = |listeners: &Listeners| {
            let address = listeners.tcp.as_ref().map(TcpListener::local_addr).transpose();
            address.during("read the listener's address")
        };
        Ok((of(&self.clients)?, of(&self.metrics)?))
    }

    /// What the gateway gets, and the names of its sockets, which stay with the warden.
    pub(crate) fn split(mut self) -> (Self, Vec<Name>) {
        let names = std::mem::take(&mut self.names);
        (self, names)
    }

    /// Their descriptors.
    pub(crate) fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.clients.fds().chain(self.metrics.fds())
    }

    /// The same listeners by other descriptors.
    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        let (clients, metrics) = (self.clients.try_clone()?, self.metrics.try_clone()?);
        Ok(Self { clients, metrics, names: Vec::new() })
    }
}

impl Listeners {
    fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.tcp.iter().map(AsFd::as_fd).chain(self.unix.iter().map(AsFd::as_fd))
    }

    fn try_clone(&self) -> io::Result<Self> {
        Ok(Self {
            tcp: self.tcp.as_ref().map(TcpListener::try_clone).transpose()?,
            unix: self.unix.as_ref().map(UnixListener::try_clone).transpose()?,
        })
    }

    /// As the gateway takes them; needs a running runtime.
    pub(crate) fn into_doors(self) -> io::Result<gateway::Doors> {
        let mut doors = gateway::Doors::default();
        if let Some(listener) = self.tcp {
            doors = doors.and_tcp(listener)?;
        }
        match self.unix {
            Some(listener) => doors.and_unix(listener),
            None => Ok(doors),
        }
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

const BACKLOG: i32 = 128;

#[expect(clippy::disallowed_methods, reason = "the one place that listens")]
fn make(address: SocketAddr, doorbell: Option<&Doorbell>) -> io::Result<TcpListener> {
    let Some(doorbell) = doorbell else { return TcpListener::bind(address) };
    let beside = handed::listen_beside(address)?;
    // No new one goes there any more; those that did get an end, not a wait for ever.
    handed::hang_up(doorbell.listener())?;
    Ok(beside)
}
