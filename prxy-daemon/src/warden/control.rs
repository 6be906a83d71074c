//! The control socket: how `prxy status` and `prxy reload` reach a running warden.
//!
//! One line in (`status` or `reload`), one JSON object out, end of file. It is read and written
//! with plain `read(2)` and `write(2)`, which drop any descriptor that comes along, and every part
//! of it is bounded: clients, bytes and time. Nothing here ever waits.
//!
//! Not for what the answers mean: the supervisor gives them.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

use nix::poll::PollFlags;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, connect, getsockopt, setsockopt, socket, sockopt,
};
use nix::sys::stat::Mode;
use nix::sys::time::TimeVal;
use nix::unistd::geteuid;
use serde_json::{Value, json};

use super::unix::{Name, address};
use crate::sys::time::monotonic;

/// What a client asks for.
#[derive(Debug)]
pub(crate) enum Request {
    /// What the warden knows of itself.
    Status(Reply),
    /// Read the configuration again and put it in force.
    Reload(Reply),
}

/// Whom an answer is for; may be kept for a while and then given to [`Control::answer`].
#[derive(Debug)]
#[must_use]
pub(crate) struct Reply(u64);

/// The listening end, in the data directory; removed when dropped.
#[derive(Debug)]
pub(crate) struct Control {
    listener: UnixListener,
    _name: Name,
    clients: Vec<Client>,
    accepted: u64,
}

#[derive(Debug)]
struct Client {
    id: u64,
    stream: UnixStream,
    phase: Phase,
    /// When it is dropped if it has not gone on.
    deadline: Duration,
}

#[derive(Debug)]
enum Phase {
    Asking(Vec<u8>),
    Waiting,
    Answering { bytes: Vec<u8>, written: usize },
}

impl Control {
    /// Makes the socket in `dir`, for its owner only; to be called with the directory locked, so
    /// that a socket that is there already is one that a crash has left.
    ///
    /// # Errors
    /// Something else than a socket or a link stands in its place, or those of the system calls.
    pub(crate) fn open(dir: &Path) -> io::Result<Self> {
        let mode = Mode::S_IRUSR | Mode::S_IWUSR;
        let (name, listener) = Name::listen(&dir.join(NAME), mode, None, MAX_CLIENTS as i32)?;
        Ok(Self { listener, _name: name, clients: Vec::new(), accepted: 0 })
    }

    /// What to wait for. Who waits for an answer is not among it.
    pub(crate) fn interest(&self) -> impl Iterator<Item = (BorrowedFd<'_>, PollFlags)> {
        let room = self.clients.len() < MAX_CLIENTS;
        let listener = room.then(|| (self.listener.as_fd(), PollFlags::POLLIN));
        listener.into_iter().chain(self.clients.iter().filter_map(|client| {
            let flags = match client.phase {
                Phase::Asking(_) => PollFlags::POLLIN,
                Phase::Answering { .. } => PollFlags::POLLOUT,
                Phase::Waiting => return None,
            };
            Some((client.stream.as_fd(), flags))
        }))
    }

    /// Does what can be done without waiting, and returns what was asked.
    pub(crate) fn turn(&mut self) -> Vec<Request> {
        let now = monotonic();
        self.clients.retain(|client| now < client.deadline);
        while self.clients.len() < MAX_CLIENTS {
            let Ok((stream, _)) = self.listener.accept() else { break };
            if may_ask(&stream) && stream.set_nonblocking(true).is_ok() {
                self.accepted += 1;
                self.clients.push(Client {
                    id: self.accepted,
                    stream,
                    phase: Phase::Asking(Vec::new()),
                    deadline: now + PATIENCE,
                });
            }
        }
        let mut requests = Vec::new();
        self.clients.retain_mut(|client| client.go_on(&mut requests, now));
        requests
    }

    /// Sends an answer; whoever does not wait for it any more does not get it.
    pub(crate) fn answer(&mut self, reply: Reply, answer: &Value) {
        let now = monotonic();
        if let Some(client) = self.clients.iter_mut().find(|client| client.id == reply.0) {
            client.say(answer, now);
        }
        let mut requests = Vec::new();
        self.clients.retain_mut(|client| client.id != reply.0 || client.go_on(&mut requests, now));
    }
}

impl Client {
    /// Whether it stays.
    fn go_on(&mut self, requests: &mut Vec<Request>, now: Duration) -> bool {
        if let Phase::Asking(line) = &mut self.phase {
            let mut buffer = [0; MAX_REQUEST];
            let ended = match self.stream.read(&mut buffer) {
                Ok(length) => {
                    line.extend_from_slice(&buffer[..length]);
                    length == 0
                }
                Err(error) => return is_momentary(&error),
            };
            let length = line.iter().position(|byte| *byte == b'\n');
            let asked = match length {
                Some(length) => &line[..length],
                None if line.len() > MAX_REQUEST => return false,
                None if ended && line.is_empty() => return false,
                None if ended => line,
                None => return true,
            };
            let request = match asked {
                b"status" => Request::Status(Reply(self.id)),
                b"reload" => Request::Reload(Reply(self.id)),
                _ => {
                    self.say(&json!({ "error": "unknown-request" }), now);
                    return self.go_on(requests, now);
                }
            };
            requests.push(request);
            self.phase = Phase::Waiting;
            self.deadline = now + ANSWER_PATIENCE;
        }
        if let Phase::Answering { bytes, written } = &mut self.phase {
            while *written < bytes.len() {
                match self.stream.write(&bytes[*written..]) {
                    Ok(length) => *written += length,
                    Err(error) => return is_momentary(&error),
                }
            }
            return false;
        }
        true
    }

    fn say(&mut self, answer: &Value, now: Duration) {
        let bytes = format!("{answer}\n").into_bytes();
        self.phase = Phase::Answering { bytes, written: 0 };
        self.deadline = now + PATIENCE;
    }
}

/// Asks the daemon that runs on a data directory.
///
/// # Errors
/// `NotFound` or `ConnectionRefused` if none runs; `PermissionDenied` for who may not ask;
/// `InvalidData` if somebody else than `warden` listens there; `WouldBlock` or `UnexpectedEof` if
/// it does not answer within `patience`.
pub(crate) fn ask(dir: &Path, warden: i32, request: &str, patience: Duration) -> io::Result<Value> {
    let fd = socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    let whole = TimeVal::new(i64::try_from(patience.as_secs()).unwrap_or(i64::MAX), 0);
    // Also bounds connecting to a daemon whose queue is full.
    setsockopt(&fd, sockopt::SendTimeout, &whole)?;
    let (_dir, address) = address(&dir.join(NAME))?;
    connect(fd.as_raw_fd(), &address)?;
    let mut stream = UnixStream::from(fd);
    // Who has begun to listen there.
    let peer = getsockopt(&stream, sockopt::PeerCredentials)?;
    if peer.pid() != warden || ![0, geteuid().as_raw()].contains(&peer.uid()) {
        let pid = peer.pid();
        let cause = format!("process {pid} listens on {NAME}, which is not the warden");
        return Err(io::Error::new(io::ErrorKind::InvalidData, cause));
    }
    stream.write_all(format!("{request}\n").as_bytes())?;
    let deadline = monotonic() + patience;
    let (mut answer, mut buffer) = (Vec::new(), [0; 8192]);
    loop {
        let left = deadline.saturating_sub(monotonic());
        stream.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => answer.extend_from_slice(&buffer[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if answer.len() > MAX_ANSWER {
            return Err(io::ErrorKind::InvalidData.into());
        }
    }
    if answer.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(serde_json::from_slice(&answer)?)
}

/// Root, and the user that the warden is.
fn may_ask(stream: &UnixStream) -> bool {
    let peer = getsockopt(stream, sockopt::PeerCredentials);
    peer.is_ok_and(|peer| peer.uid() == 0 || peer.uid() == geteuid().as_raw())
}

fn is_momentary(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

/// In the data directory.
const NAME: &str = "control.sock";
const MAX_CLIENTS: usize = 4;
/// The longest request, with its end.
const MAX_REQUEST: usize = 64;
const MAX_ANSWER: usize = 16 << 20;
/// How long a client may take to ask, and to read.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the supervisor may take to answer.
const ANSWER_PATIENCE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{FileTypeExt, MetadataExt, symlink};
    use std::path::PathBuf;
    use std::thread;

    use super::*;

    /// Answers every request with its own name until `stop` is closed.
    fn serve(mut control: Control, stop: UnixStream) -> thread::JoinHandle<()> {
        stop.set_nonblocking(true).unwrap();
        thread::spawn(move || {
            while stop_asked(&stop) {
                for request in control.turn() {
                    let (name, reply) = match request {
                        Request::Status(reply) => ("status", reply),
                        Request::Reload(reply) => ("reload", reply),
                    };
                    control.answer(reply, &json!({ "asked": name, "much": "x".repeat(1 << 20) }));
                }
                thread::sleep(Duration::from_millis(1));
            }
        })
    }

    fn stop_asked(mut stop: &UnixStream) -> bool {
        matches!(stop.read(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// A directory whose path is longer than a socket's address can be.
    fn deep() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("x".repeat(200));
        fs::create_dir(&deep).unwrap();
        (dir, deep)
    }

    fn raw(dir: &Path) -> UnixStream {
        let fd =
            socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap();
        let (_dir, address) = address(&dir.join(NAME)).unwrap();
        connect(fd.as_raw_fd(), &address).unwrap();
        let stream = UnixStream::from(fd);
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    #[test]
    fn a_line_is_answered_with_one_object_and_the_end() {
        let (_keep, dir) = deep();
        let control = Control::open(&dir).unwrap();
        let (stop, stopped) = UnixStream::pair().unwrap();
        let thread = serve(control, stopped);
        let own = std::process::id() as i32;
        for request in ["status", "reload"] {
            let answer = ask(&dir, own, request, Duration::from_secs(20)).unwrap();
            assert_eq!(answer["asked"], request);
        }
        let another = ask(&dir, own + 1, "status", Duration::from_secs(20)).unwrap_err();
        assert_eq!(another.kind(), io::ErrorKind::InvalidData);
        let unknown = ask(&dir, own, "stop", Duration::from_secs(20)).unwrap();
        assert_eq!(unknown, json!({ "error": "unknown-request" }));
        for (request, answered) in [
            (&b"status"[..], true),
            (b"sta\ntus", true),
            (b"", false),
            (&[b'x'; 500], false),
            (&[0xff, 0, b'\n'], true),
        ] {
            let mut client = raw(&dir);
            client.write_all(request).unwrap();
            client.shutdown(std::net::Shutdown::Write).unwrap();
            let mut answer = Vec::new();
            drop(client.read_to_end(&mut answer));
            assert_eq!(!answer.is_empty(), answered, "{request:?}");
        }
        drop(stop);
        thread.join().unwrap();
        let gone = ask(&dir, own, "status", Duration::from_secs(1)).unwrap_err();
        assert_eq!(gone.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn clients_that_are_silent_or_do_not_read_keep_nobody_else_out_for_long() {
        let dir = tempfile::tempdir().unwrap();
        let mut control = Control::open(dir.path()).unwrap();
        let mut silent: Vec<_> = (0..MAX_CLIENTS).map(|_| raw(dir.path())).collect();
        silent[0].write_all(b"status\n").unwrap();
        assert_eq!(control.interest().count(), 1);
        let requests = control.turn();
        let [Request::Status(_)] = requests.as_slice() else { panic!("{requests:?}") };
        let next = raw(dir.path());
        assert!(control.turn().is_empty());
        // Neither the listener, which is full, nor who waits for an answer wakes the supervisor.
        assert_eq!((control.clients.len(), control.interest().count()), (4, 3));
        for client in &mut control.clients {
            client.deadline = Duration::ZERO;
        }
        assert!(control.turn().is_empty());
        assert_eq!((control.clients.len(), control.interest().count()), (1, 2));
        for Request::Status(reply) | Request::Reload(reply) in requests {
            control.answer(reply, &json!({}));
        }
        drop(next);
        assert!(control.turn().is_empty());
        assert_eq!(control.clients.len(), 0);
        let mut reader = raw(dir.path());
        reader.write_all(b"status\n").unwrap();
        let Some(Request::Status(reply)) = control.turn().pop() else { panic!() };
        control.answer(reply, &json!({ "much": "x".repeat(8 << 20) }));
        assert_eq!(control.interest().last().unwrap().1, PollFlags::POLLOUT);
        control.clients[0].deadline = Duration::ZERO;
        control.turn();
        assert_eq!(control.clients.len(), 0);
    }

    #[test]
    fn what_a_crash_left_is_replaced_and_a_link_is_never_followed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(NAME);
        drop(UnixListener::bind(&path).unwrap());
        let control = Control::open(dir.path()).unwrap();
        assert_eq!(fs::symlink_metadata(&path).unwrap().mode() & 0o7777, 0o600);
        drop(control);
        assert!(!path.exists());

        let elsewhere = dir.path().join("elsewhere");
        fs::write(&elsewhere, "kept").unwrap();
        symlink(&elsewhere, &path).unwrap();
        let control = Control::open(dir.path()).unwrap();
        assert!(fs::symlink_metadata(&path).unwrap().file_type().is_socket());
        assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "kept");
        drop(control);

        fs::write(&path, "mine").unwrap();
        assert!(Control::open(dir.path()).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    }
}
