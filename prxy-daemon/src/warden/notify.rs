//! Tells the service manager how prxy fares: datagrams to the socket that it names, `sd_notify(3)`.
//!
//! Opened after the roles are made, so that none inherits the socket, and before the system call
//! filter closes, which then lets the warden send on it and make no other.

use std::ffi::OsString;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::{Duration, Instant};

use crate::sys::time::monotonic;

/// The way to the service manager, if there is one.
#[derive(Debug)]
pub(crate) struct Notify {
    socket: Option<UnixDatagram>,
    watchdog: Option<Watchdog>,
}

#[derive(Debug)]
struct Watchdog {
    /// Between two signs of life: half of what the service manager waits for.
    every: Duration,
    next: Instant,
}

impl Notify {
    /// Finds the service manager in the environment; a prxy without one has nobody to tell.
    pub(crate) fn connect(env: &dyn Fn(&str) -> Option<OsString>) -> Self {
        let socket = match env("NOTIFY_SOCKET").map(|name| open(&name)) {
            Some(Err(error)) => {
                // It waits for the word "ready" and ends us when that does not come.
                tracing::error!(%error, "cannot reach the service manager by NOTIFY_SOCKET");
                None
            }
            opened => opened.and_then(Result::ok),
        };
        Self { socket, watchdog: watchdog(env) }
    }

    /// Every role has passed its canaries, or has taken a new configuration.
    pub(crate) fn ready(&self, status: &str) {
        self.send(&format!("READY=1\nSTATUS={status}"));
    }

    /// The configuration is being read again; [`Notify::ready`] ends that.
    pub(crate) fn reloading(&self) {
        self.send(&format!("RELOADING=1\nMONOTONIC_USEC={}", monotonic().as_micros()));
    }

    /// The end has begun.
    pub(crate) fn stopping(&self) {
        self.send("STOPPING=1\nSTATUS=draining");
    }

    /// What `systemctl status` shows.
    pub(crate) fn status(&self, status: &str) {
        self.send(&format!("STATUS={status}"));
    }

    /// A sign of life, as often as the service manager wants one; to be called far more often.
    pub(crate) fn alive(&mut self) {
        let now = Instant::now();
        if let Some(watchdog) = &mut self.watchdog
            && now >= watchdog.next
        {
            watchdog.next = now + watchdog.every;
            self.send("WATCHDOG=1");
        }
    }

    /// Never waits: a service manager that does not read misses a line.
    fn send(&self, text: &str) {
        if let Some(socket) = &self.socket
            && let Err(error) = socket.send(text.as_bytes())
        {
            tracing::warn!(kind = ?error.kind(), "the service manager was not told");
        }
    }
}

/// An absolute path, or an abstract name behind `@`.
fn open(name: &OsString) -> io::Result<UnixDatagram> {
    let address = match name.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        [b'/', ..] => SocketAddr::from_pathname(name)?,
        _ => return Err(io::ErrorKind::InvalidInput.into()),
    };
    let socket = UnixDatagram::unbound()?;
    socket.connect_addr(&address)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn watchdog(env: &dyn Fn(&str) -> Option<OsString>) -> Option<Watchdog> {
    let number = |name| env(name).and_then(|value| value.to_str()?.parse::<u64>().ok());
    let every = Duration::from_micros(number("WATCHDOG_USEC")?) / 2;
    let ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
    ours.then(|| Watchdog { every, next: Instant::now() })
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;

    use super::*;

    fn received(socket: &UnixDatagram) -> Vec<String> {
        socket.set_nonblocking(true).unwrap();
        let mut buffer = [0; 256];
        let text = |length: usize, buffer: &[u8]| String::from_utf8(buffer[..length].to_vec());
        std::iter::from_fn(|| socket.recv(&mut buffer).ok().map(|n| text(n, &buffer).unwrap()))
            .collect()
    }

    fn told(socket: &str, watchdog_pid: u32) -> Notify {
        let (socket, pid) = (OsString::from(socket), watchdog_pid.to_string());
        let mut notify = Notify::connect(&|name| match name {
            "NOTIFY_SOCKET" => Some(socket.clone()),
            "WATCHDOG_USEC" => Some("3600000000".into()),
            "WATCHDOG_PID" => Some(pid.clone().into()),
            _ => None,
        });
        notify.ready("fine");
        for _ in 0..3 {
            notify.alive();
        }
        notify.stopping();
        notify
    }

    #[test]
    fn the_service_manager_is_told_by_path_and_by_abstract_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let by_path = UnixDatagram::bind(&path).unwrap();
        let name = format!("prxy-notify-{}", std::process::id());
        let by_name =
            UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        let me = std::process::id();
        for (socket, name) in [(by_path, path.display().to_string()), (by_name, format!("@{name}"))]
        {
            drop(told(&name, me));
            let expected = ["READY=1\nSTATUS=fine", "WATCHDOG=1", "STOPPING=1\nSTATUS=draining"];
            assert_eq!(received(&socket), expected, "{name}");
            // Signs of life are asked from another process than this one.
            drop(told(&name, me + 1));
            assert_eq!(received(&socket), [expected[0], expected[2]], "{name}");
        }
    }

    #[test]
    fn without_a_service_manager_nothing_is_told_and_nothing_fails() {
        let mut none = Notify::connect(&|_| None);
        none.ready("fine");
        none.alive();
        assert!(none.socket.is_none());
        assert!(told("/nonexistent/notify", 1).socket.is_none());
        assert!(told("relative", 1).socket.is_none());
    }
}
