//! Asking a process outside over a unix socket to send it.

use std::os::fd::OwnedFd;

use super::call::{
    abstract_address, at, family_bytes, open, relay_path, reports_are_sent, send, wait,
};
use super::{Aid, Aim, Failure, Layer, Medium, Technique};
use crate::sys::attempt;

pub(super) const ROWS: &[Technique] = &[
    Technique::wire("unix-relay", "abstract unix socket to a relay", "38", ABSTRACT, unix_relay)
        .root_may(UNSEEN_BY_CGROUP)
        .aided(Aid::Relay),
    Technique::wire(
        "unix-datagram",
        "datagram to a unix path, out of a pair",
        "38",
        PATH,
        datagram,
    )
    .root_may(UNSEEN_BY_CGROUP)
    .aided(Aid::PathRelay),
    Technique::wire(
        "unix-path",
        "unix socket with a path, as resolvers have",
        "36 38",
        PATH,
        |a| say(a, &open(libc::AF_UNIX, libc::SOCK_STREAM, 0)?, &path_address(a)),
    )
    .root_may(UNSEEN_BY_CGROUP)
    .aided(Aid::Heard(Medium::Path)),
    Technique::wire("unix-packets", "abstract unix socket, sequenced", "38", ABSTRACT, |a| {
        say(a, &open(libc::AF_UNIX, libc::SOCK_SEQPACKET, 0)?, &abstract_address(&a.token))
    })
    .root_may(UNSEEN_BY_CGROUP)
    .aided(Aid::Heard(Medium::Seqpacket)),
    Technique::wire(
        "unix-abstract-datagram",
        "datagram to an abstract name",
        "38",
        ABSTRACT,
        |a| {
            let fd = open(libc::AF_UNIX, libc::SOCK_DGRAM, 0)?;
            let address = abstract_address(&a.token);
            attempt::sendto(&fd, a.token.as_bytes(), 0, Some(&address)).map_err(at("sendto"))?;
            reports_are_sent();
            Ok(())
        },
    )
    .root_may(UNSEEN_BY_CGROUP)
    .aided(Aid::Heard(Medium::Datagram)),
    Technique::wire("unix-listener", "listen on a unix socket, be called", "38", ABSTRACT, called)
        .root_only_in_namespace(UNSEEN_BY_CGROUP)
        .aided(Aid::Heard(Medium::Caller)),
];

fn unix_relay(aim: &Aim) -> Result<(), Failure> {
    let fd = open(libc::AF_UNIX, libc::SOCK_STREAM, 0)?;
    say(aim, &fd, &abstract_address(&aim.token))
}

/// Tells the relay, and waits until it has passed the data on: it closes then.
fn say(aim: &Aim, fd: &OwnedFd, address: &[u8]) -> Result<(), Failure> {
    attempt::connect(fd, address).map_err(at("connect"))?;
    send(aim, fd)?;
    wait(aim, fd, libc::POLLIN, "relay")
}

fn path_address(aim: &Aim) -> Vec<u8> {
    let mut address = family_bytes(libc::AF_UNIX).to_vec();
    address.extend(relay_path(&aim.scratch, &aim.token).as_os_str().as_encoded_bytes());
    address.push(0);
    address
}

/// Waits for the relay to call, and tells it.
fn called(aim: &Aim) -> Result<(), Failure> {
    let fd = open(libc::AF_UNIX, libc::SOCK_STREAM, 0)?;
    attempt::bind(&fd, &abstract_address(&aim.token)).map_err(at("bind"))?;
    attempt::listen(&fd).map_err(at("listen"))?;
    wait(aim, &fd, libc::POLLIN, "accept")?;
    let peer = attempt::accept(&fd).map_err(at("accept"))?;
    send(aim, &peer)?;
    wait(aim, &peer, libc::POLLIN, "relay")
}

fn datagram(aim: &Aim) -> Result<(), Failure> {
    // A socket of a pair is connected, and may yet name another receiver for each datagram.
    let (ours, _theirs) = attempt::socketpair(libc::SOCK_DGRAM).map_err(at("socketpair"))?;
    attempt::sendmsg_to(&ours, aim.token.as_bytes(), 0, &path_address(aim))
        .map_err(at("sendmsg"))?;
    // Until the relay has passed it on.
    reports_are_sent();
    Ok(())
}

const ABSTRACT: &[Layer] = &[Layer::Seccomp, Layer::Landlock, Layer::Namespace];
const PATH: &[Layer] = &[Layer::Seccomp, Layer::Permission];
const UNSEEN_BY_CGROUP: &str = "the kernel's policy does not judge unix sockets; seccomp does";
