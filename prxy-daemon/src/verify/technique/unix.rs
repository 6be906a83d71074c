//! Asking a process outside over a unix socket to send it.

use super::call::{at, family_bytes, open, relay_name, relay_path, reports_are_sent, send, wait};
use super::{Aid, Aim, Failure, Layer, Technique};
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
];

fn unix_relay(aim: &Aim) -> Result<(), Failure> {
    let fd = open(libc::AF_UNIX, libc::SOCK_STREAM, 0)?;
    let mut address = family_bytes(libc::AF_UNIX).to_vec();
    address.push(0);
    address.extend(relay_name(&aim.token).bytes());
    attempt::connect(&fd, &address).map_err(at("connect"))?;
    send(aim, &fd)?;
    // The relay closes when it has passed the data on.
    wait(aim, &fd, libc::POLLIN, "relay")
}

fn datagram(aim: &Aim) -> Result<(), Failure> {
    // A socket of a pair is connected, and may yet name another receiver for each datagram.
    let (ours, _theirs) = attempt::socketpair(libc::SOCK_DGRAM).map_err(at("socketpair"))?;
    let mut address = family_bytes(libc::AF_UNIX).to_vec();
    address.extend(relay_path(&aim.scratch, &aim.token).as_os_str().as_encoded_bytes());
    address.push(0);
    attempt::sendmsg_to(&ours, aim.token.as_bytes(), 0, &address).map_err(at("sendmsg"))?;
    // Until the relay has passed it on.
    reports_are_sent();
    Ok(())
}

const ABSTRACT: &[Layer] = &[Layer::Seccomp, Layer::Landlock, Layer::Namespace];
const PATH: &[Layer] = &[Layer::Seccomp, Layer::Permission];
const UNSEEN_BY_CGROUP: &str = "the kernel's policy does not judge unix sockets; seccomp does";
