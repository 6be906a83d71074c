//! Socket activation, `sd_listen_fds(3)`: the listener that systemd made and hands over.
//!
//! It is never served from. A socket belongs to the cgroup in which it was created, so systemd's,
//! and every connection accepted on it, would be outside the kernel's policy. It is only a
//! doorbell: `front` listens on the same address beside it (`ReusePort=yes`), takes over, and ends
//! the connections that rang.

use std::ffi::OsString;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;

use super::{During, WardenError};
use crate::sys::handed;

/// A listener that was handed over, and is what it has to be.
#[derive(Debug)]
pub(crate) struct Doorbell(TcpListener);

impl Doorbell {
    /// Finds it; `None` if nothing was handed over. Connections go past it as soon as `front`
    /// listens. To be called before anything is closed, and before the policy is in force.
    pub(crate) fn find(
        env: &dyn Fn(&str) -> Option<OsString>,
        listen: Option<SocketAddr>,
    ) -> Result<Option<Self>, WardenError> {
        if !is_announced(env, std::process::id()).during(STEP)? {
            return Ok(None);
        }
        let Some(listen) = listen else {
            return Err(WardenError::new(STEP, "`listen` has no address"));
        };
        Self::check(handed::first().during(STEP)?, listen).map(Some)
    }

    fn check(socket: OwnedFd, listen: SocketAddr) -> Result<Self, WardenError> {
        if !handed::is_tcp_listener(&socket).during(STEP)? {
            return Err(WardenError::new(STEP, "it is no listening TCP socket"));
        }
        let shares = handed::shares_its_port(&socket).during(STEP)?;
        let listener = TcpListener::from(socket);
        let address = listener.local_addr().during(STEP)?;
        if !address.ip().is_loopback() {
            let cause = format_args!("{address} is no loopback address");
            return Err(WardenError::new(STEP, cause));
        }
        if address != listen {
            let cause = format_args!("it listens on {address}, and `listen` is {listen}");
            return Err(WardenError::new(STEP, cause));
        }
        if !shares {
            let cause = "its unit lacks ReusePort=yes: I listen beside it, because connections \
                         of a socket that I did not make are outside the kernel's policy";
            return Err(WardenError::new(STEP, cause));
        }
        handed::step_behind(&listener).during(STEP)?;
        Ok(Self(listener))
    }

    /// The listener; for nothing but to keep it open and to hang up on it.
    pub(crate) fn listener(&self) -> &TcpListener {
        &self.0
    }
}

/// Whether exactly one descriptor was handed to this process; none is fine as well.
fn is_announced(env: &dyn Fn(&str) -> Option<OsString>, own: u32) -> Result<bool, String> {
    let text = |name: &str| env(name).and_then(|value| value.into_string().ok());
    // What stands there for another process was inherited from it and is not for us.
    if text("LISTEN_PID").and_then(|pid| pid.parse().ok()) != Some(own) {
        return Ok(false);
    }
    match text("LISTEN_FDS").and_then(|count| count.parse::<u32>().ok()) {
        None => return Err("LISTEN_FDS is no number".to_owned()),
        Some(0) => return Ok(false),
        Some(1) => {}
        Some(count) => return Err(format!("{count} were handed over, and I take one")),
    }
    match env("LISTEN_FDNAMES") {
        Some(name) if name != NAME => {
            Err(format!("its name is not `{NAME}` (FileDescriptorName=)"))
        }
        _ => Ok(true),
    }
}

const STEP: &str = "take the socket that systemd hands over";
/// `FileDescriptorName=` in `prxy.socket`.
const NAME: &str = "prxy";

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "listeners have to be made")]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn one_socket_of_our_name_is_taken_none_is_fine_and_all_else_is_refused() {
        type Environment = &'static [(&'static str, &'static str)];
        let cases: &[(Environment, Result<bool, &str>)] = &[
            (&[], Ok(false)),
            (&[("LISTEN_FDS", "1")], Ok(false)),
            (&[("LISTEN_PID", "8"), ("LISTEN_FDS", "1")], Ok(false)),
            (&[("LISTEN_PID", "7"), ("LISTEN_FDS", "0")], Ok(false)),
            (&[("LISTEN_PID", "7"), ("LISTEN_FDS", "1")], Ok(true)),
            (&[("LISTEN_PID", "7"), ("LISTEN_FDS", "1"), ("LISTEN_FDNAMES", "prxy")], Ok(true)),
            (
                &[("LISTEN_PID", "7"), ("LISTEN_FDS", "1"), ("LISTEN_FDNAMES", "other")],
                Err("its name is not `prxy` (FileDescriptorName=)"),
            ),
            (
                &[("LISTEN_PID", "7"), ("LISTEN_FDS", "1"), ("LISTEN_FDNAMES", "prxy:prxy")],
                Err("its name is not `prxy` (FileDescriptorName=)"),
            ),
            (
                &[("LISTEN_PID", "7"), ("LISTEN_FDS", "2"), ("LISTEN_FDNAMES", "prxy:prxy")],
                Err("2 were handed over, and I take one"),
            ),
            (&[("LISTEN_PID", "7"), ("LISTEN_FDS", "-1")], Err("LISTEN_FDS is no number")),
            (&[("LISTEN_PID", "7")], Err("LISTEN_FDS is no number")),
        ];
        for (set, expected) in cases {
            let env = |name: &str| {
                set.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
            };
            assert_eq!(is_announced(&env, 7), expected.map_err(str::to_owned), "{set:?}");
        }
    }

    #[test]
    fn a_socket_that_is_not_our_loopback_listener_is_refused() {
        let tcp = |address: &str| TcpListener::bind(address).unwrap();
        let refused = |socket: OwnedFd, listen| Doorbell::check(socket, listen).unwrap_err().cause;
        let own = tcp("127.0.0.1:0");
        let listen = own.local_addr().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let unix = UnixListener::bind(dir.path().join("socket")).unwrap();
        assert_eq!(refused(unix.into(), listen), "it is no listening TCP socket");
        let any = tcp("0.0.0.0:0");
        let address = any.local_addr().unwrap();
        assert_eq!(refused(any.into(), listen), format!("{address} is no loopback address"));
        let other = tcp("127.0.0.1:0");
        let address = other.local_addr().unwrap();
        let told = format!("it listens on {address}, and `listen` is {listen}");
        assert_eq!(refused(other.into(), listen), told);
        assert!(refused(own.try_clone().unwrap().into(), listen).contains("ReusePort=yes"));
        let shared = handed::listen_beside("127.0.0.1:0".parse().unwrap()).unwrap();
        let listen = shared.local_addr().unwrap();
        Doorbell::check(shared.into(), listen).unwrap();
    }
}
