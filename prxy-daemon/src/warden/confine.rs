//! The canaries that prove a confinement from inside before anything is served.

use std::io;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use prxy_common::Role;

use super::{During, WardenError};
use crate::sys::sandbox;

/// Before the sandbox: the kernel's policy alone must already stop the role.
#[expect(clippy::disallowed_methods, reason = "canaries try what must not work")]
pub(crate) fn policy_canary(role: Role) -> Result<(), WardenError> {
    match role {
        Role::Netgate | Role::Resolver => {
            for address in DOCUMENTATION {
                let address: SocketAddr = address.parse().during("read a canary address")?;
                let tcp = TcpStream::connect_timeout(&address, Duration::from_secs(1)).map(drop);
                denied("tcp connect", tcp)?;
                // The resolver may make UDP sockets; none may be bound or sent from.
                denied("udp bind", UdpSocket::bind(unspecified(address)).map(drop))?;
            }
        }
        _ => {
            for (family, kind) in [
                (libc::AF_INET, libc::SOCK_STREAM),
                (libc::AF_INET6, libc::SOCK_STREAM),
                (libc::AF_INET, libc::SOCK_DGRAM),
            ] {
                denied("inet socket", answer(sandbox::try_socket(family, kind, 0)))?;
            }
        }
    }
    Ok(())
}

/// Inside the sandbox: what cgroup programs cannot see must be shut as well.
pub(crate) fn sandbox_canary(role: Role) -> Result<(), WardenError> {
    policy_canary(role)?;
    for (name, family, kind, protocol) in [
        ("packet socket", libc::AF_PACKET, libc::SOCK_DGRAM, 0),
        ("raw socket", libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_ICMP),
        ("ping socket", libc::AF_INET, libc::SOCK_DGRAM, libc::IPPROTO_ICMP),
        ("mptcp socket", libc::AF_INET, libc::SOCK_STREAM, libc::IPPROTO_MPTCP),
        ("vsock socket", libc::AF_VSOCK, libc::SOCK_STREAM, 0),
        ("netlink socket", libc::AF_NETLINK, libc::SOCK_RAW, 0),
        ("unix socket", libc::AF_UNIX, libc::SOCK_STREAM, 0),
        ("xdp socket", libc::AF_XDP, libc::SOCK_RAW, 0),
    ] {
        denied(name, answer(sandbox::try_socket(family, kind, protocol)))?;
    }
    denied("io_uring", answer(sandbox::try_io_uring()))
}

/// Landlock is in force: nobody may read the root directory.
pub(crate) fn file_canary() -> Result<(), WardenError> {
    denied("root directory", std::fs::read_dir("/").map(drop))
}

/// The warden's own check, right after it moved into its cgroup.
pub(crate) fn warden_canary() -> Result<(), WardenError> {
    policy_canary(Role::Warden)
}

/// Anything but an immediate refusal means that a layer is missing.
fn denied(name: &'static str, result: io::Result<()>) -> Result<(), WardenError> {
    match result {
        Err(error) if REFUSALS.contains(&error.raw_os_error().unwrap_or(0)) => Ok(()),
        Err(error) => Err(WardenError::new("canary", format_args!("{name}: not denied: {error}"))),
        Ok(()) => Err(WardenError::new("canary", format_args!("{name}: got through"))),
    }
}

fn answer(result: Result<(), i32>) -> io::Result<()> {
    result.map_err(io::Error::from_raw_os_error)
}

fn unspecified(like: SocketAddr) -> &'static str {
    if like.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" }
}

/// Denied, or the kernel does not know the family at all.
const REFUSALS: [i32; 4] = [libc::EPERM, libc::EACCES, libc::EAFNOSUPPORT, libc::ENOSYS];

/// Addresses that no provider can have (RFC 5737, RFC 3849), discard port.
const DOCUMENTATION: [&str; 2] = ["192.0.2.1:9", "[2001:db8::1]:9"];
