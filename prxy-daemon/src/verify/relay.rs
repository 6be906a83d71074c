//! A process outside that is told something and passes it on: the listening ends.
//!
//! Opened in the namespace of the attempt. Not for the network: who passes on what was heard, and
//! to whom, is for the caller to do.

use std::fs;
use std::io::{self, Read};
use std::net::{Ipv6Addr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::technique::{Medium, relay_key, relay_name, relay_path, relay_port};
use crate::sys::attempt::{self, queue};

/// A listening end; what stands for it in the file system goes with it.
#[derive(Debug)]
pub struct Relay {
    end: End,
    path: Option<PathBuf>,
    /// The attempt's connection: it waits until this is closed.
    peer: Option<Box<dyn Peer>>,
}

#[derive(Debug)]
enum End {
    Tcp(TcpListener),
    Stream(UnixListener),
    Seqpacket(OwnedFd),
    Datagram(UnixDatagram),
    File(fs::File),
    Posix(queue::Posix),
    SystemV(queue::SystemV),
    Caller(SocketAddr),
}

trait Peer: Read + Send + std::fmt::Debug {}
impl<T: Read + Send + std::fmt::Debug> Peer for T {}

impl Relay {
    /// Begins to listen where an attempt will speak.
    pub fn open(medium: Medium, scratch: &Path, token: &str) -> io::Result<Self> {
        let name = || SocketAddr::from_abstract_name(relay_name(token));
        let mut path = None;
        let mut at = || path.insert(relay_path(scratch, token)).clone();
        let end = match medium {
            Medium::Loopback => {
                let listener = listen(relay_port(token))?;
                listener.set_nonblocking(true)?;
                End::Tcp(listener)
            }
            Medium::Path => {
                let listener = UnixListener::bind(at())?;
                listener.set_nonblocking(true)?;
                End::Stream(listener)
            }
            Medium::Seqpacket => {
                let kind = libc::SOCK_SEQPACKET | libc::SOCK_NONBLOCK;
                let fd = attempt::socket(libc::AF_UNIX, kind, 0)?;
                attempt::bind(&fd, &super::technique::abstract_address(token))?;
                attempt::listen(&fd)?;
                End::Seqpacket(fd)
            }
            Medium::Datagram => {
                let listener = UnixDatagram::bind_addr(&name()?)?;
                listener.set_nonblocking(true)?;
                End::Datagram(listener)
            }
            Medium::Fifo => {
                let path = at();
                nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU)?;
                End::File(fs::File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path)?)
            }
            Medium::File => {
                End::File(fs::File::options().read(true).write(true).create_new(true).open(at())?)
            }
            Medium::Posix => End::Posix(queue::Posix::make(&relay_name(token))?),
            Medium::SystemV => End::SystemV(queue::SystemV::make(relay_key(token))?),
            Medium::Caller => End::Caller(name()?),
        };
        if let Some(path) = &path {
            // Roles are other users.
            fs::set_permissions(path, fs::Permissions::from_mode(0o666))?;
        }
        Ok(Self { end, path, peer: None })
    }

    /// Waits for something to be said, until `over`; the attempt's connection ends with the relay.
    pub fn hear(&mut self, over: impl Fn() -> bool) -> io::Result<Vec<u8>> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.once() {
                Ok(bytes) if !bytes.is_empty() => return Ok(bytes),
                Err(error) if Instant::now() > deadline || over() => return Err(error),
                Ok(_) if over() || Instant::now() > deadline => {
                    return Err(io::ErrorKind::TimedOut.into());
                }
                _ => std::thread::sleep(Duration::from_millis(5)),
            }
        }
    }

    fn once(&mut self) -> io::Result<Vec<u8>> {
        if self.peer.is_none() {
            self.peer = match &self.end {
                End::Tcp(listener) => Some(Box::new(listener.accept()?.0)),
                End::Stream(listener) => Some(Box::new(listener.accept()?.0)),
                End::Seqpacket(fd) => Some(Box::new(fs::File::from(attempt::accept(fd)?))),
                End::Caller(name) => Some(Box::new(UnixStream::connect_addr(name)?)),
                _ => None,
            };
        }
        if let Some(peer) = &mut self.peer {
            return read(peer);
        }
        match &mut self.end {
            End::Datagram(socket) => {
                let mut buffer = [0; 256];
                let length = socket.recv(&mut buffer)?;
                Ok(buffer[..length].to_vec())
            }
            End::File(file) => read(file),
            End::Posix(queue) => queue.take(),
            End::SystemV(queue) => queue.take(),
            End::Tcp(_) | End::Stream(_) | End::Seqpacket(_) | End::Caller(_) => Ok(Vec::new()),
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            drop(fs::remove_file(path));
        }
    }
}

fn read(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut buffer = [0; 256];
    let length = from.read(&mut buffer)?;
    Ok(buffer[..length].to_vec())
}

/// Longer than an attempt waits.
const PATIENCE: Duration = Duration::from_secs(2);

/// Waits for an earlier attempt that listens there and is about to end.
#[expect(clippy::disallowed_methods, reason = "a relay is held by nothing")]
fn listen(port: u16) -> io::Result<TcpListener> {
    let mut tries = 0;
    loop {
        match TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && tries < 100 => {
                tries += 1;
                std::thread::sleep(Duration::from_millis(20));
            }
            done => return done,
        }
    }
}
