//! What many techniques have in common: open, connect, send, and say which call failed.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use super::{Aim, Failure};
use crate::sys::attempt;

/// The port that listening techniques listen on.
pub const LISTEN_PORT: u16 = 7777;

/// The abstract unix name of the relay for an attempt.
pub fn relay_name(token: &str) -> String {
    format!("prxy-relay-{token}")
}

/// The path of the relay for an attempt's datagrams.
pub fn relay_path(scratch: &Path, token: &str) -> PathBuf {
    scratch.join(relay_name(token))
}

pub(super) fn open(family: i32, kind: i32, protocol: i32) -> Result<OwnedFd, Failure> {
    attempt::socket(family, kind, protocol).map_err(at("socket"))
}

/// A TCP socket for this family of addresses that does not block.
pub(super) fn open_stream(ip: IpAddr, protocol: i32) -> Result<OwnedFd, Failure> {
    open(family(ip), libc::SOCK_STREAM | libc::SOCK_NONBLOCK, protocol)
}

/// Connects, and waits for the answer if there has to be one.
pub(super) fn connect(aim: &Aim, fd: &OwnedFd, ip: IpAddr, port: u16) -> Result<(), Failure> {
    match attempt::connect(fd, &inet(ip, port)) {
        Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => connected(aim, fd),
        other => other.map_err(at("connect")),
    }
}

pub(super) fn connected(aim: &Aim, fd: &OwnedFd) -> Result<(), Failure> {
    wait(aim, fd, libc::POLLOUT, "connect")?;
    attempt::pending_error(fd).map_err(at("connect"))
}

/// Waits until the descriptor is ready; `what` timed out if it never is.
pub(super) fn wait(
    aim: &Aim,
    fd: &OwnedFd,
    events: i16,
    what: &'static str,
) -> Result<(), Failure> {
    let patience = i32::try_from(aim.patience.as_millis()).unwrap_or(i32::MAX);
    if attempt::poll(fd, events, patience).map_err(at("poll"))? {
        return Ok(());
    }
    Err(Failure { at: what, error: io::Error::from_raw_os_error(libc::ETIMEDOUT) })
}

/// Sends the token on a connected socket.
pub(super) fn send(aim: &Aim, fd: &OwnedFd) -> Result<(), Failure> {
    attempt::sendto(fd, aim.token.as_bytes(), 0, None).map_err(at("send")).map(drop)
}

pub(super) fn send_to(
    fd: &OwnedFd,
    data: &[u8],
    flags: i32,
    ip: IpAddr,
    port: u16,
) -> Result<(), Failure> {
    attempt::sendto(fd, data, flags, Some(&inet(ip, port))).map_err(at("sendto")).map(drop)
}

pub(super) fn set(fd: &OwnedFd, level: i32, name: i32, value: &[u8]) -> Result<(), Failure> {
    attempt::setsockopt(fd, level, name, value).map_err(at("setsockopt"))
}

/// A report goes out on a timer, and leaving the group too soon would cancel it.
pub(super) fn reports_are_sent() {
    std::thread::sleep(std::time::Duration::from_millis(100));
}

pub(super) fn at(at: &'static str) -> impl Fn(io::Error) -> Failure {
    move |error| Failure { at, error }
}

pub(super) fn family(ip: IpAddr) -> i32 {
    if ip.is_ipv6() { libc::AF_INET6 } else { libc::AF_INET }
}

pub(super) fn mapped(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(ip) => IpAddr::V6(ip.to_ipv6_mapped()),
        v6 @ IpAddr::V6(_) => v6,
    }
}

/// The bytes of a `sockaddr_in` or `sockaddr_in6`.
pub(in crate::verify) fn inet(ip: IpAddr, port: u16) -> Vec<u8> {
    let mut bytes = family_bytes(family(ip)).to_vec();
    bytes.extend(port.to_be_bytes());
    match SocketAddr::new(ip, port) {
        SocketAddr::V4(a) => {
            bytes.extend(a.ip().octets());
            bytes.extend([0; 8]);
        }
        SocketAddr::V6(a) => {
            bytes.extend([0; 4]);
            bytes.extend(a.ip().octets());
            bytes.extend([0; 4]);
        }
    }
    bytes
}

/// The first bytes of a socket address.
pub(super) fn family_bytes(family: i32) -> [u8; 2] {
    // Families are small positive numbers.
    u16::try_from(family).unwrap_or(0).to_ne_bytes()
}

/// The bytes of a `sockaddr_ll`.
pub fn link_address(index: u32, ethertype: u16, to: [u8; 6]) -> Vec<u8> {
    let mut bytes = family_bytes(libc::AF_PACKET).to_vec();
    bytes.extend(ethertype.to_be_bytes());
    bytes.extend(index.to_ne_bytes());
    bytes.extend([0, 0, 0, 6]); // hatype, pkttype, halen
    bytes.extend(to);
    bytes.extend([0, 0]);
    bytes
}
