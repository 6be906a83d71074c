//! Interfaces of the kernel that no cgroup program sees.

use super::call::{at, open};
use super::{Aim, Failure, Layer, Technique};
use crate::sys::attempt;

pub(super) const ROWS: &[Technique] = &[
    Technique::calls("vsock", "vsock, to the machine's host", "22", SECCOMP, vsock)
        .optional()
        .root_may(SEEN_BY_SECCOMP),
    Technique::calls("io-uring", "io_uring (unseen by seccomp)", "39", SECCOMP, io_uring)
        .optional()
        .root_may("its inet sockets pass the same programs; the others only seccomp can deny"),
    Technique::calls("netlink", "netlink, to the routing tables", "22", SECCOMP, netlink)
        .root_may(SEEN_BY_SECCOMP),
];

fn vsock(_: &Aim) -> Result<(), Failure> {
    open(libc::AF_VSOCK, libc::SOCK_STREAM, 0).map(drop)
}

fn io_uring(_: &Aim) -> Result<(), Failure> {
    attempt::io_uring_setup().map_err(at("io_uring_setup")).map(drop)
}

fn netlink(_: &Aim) -> Result<(), Failure> {
    open(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_ROUTE).map(drop)
}

const SECCOMP: &[Layer] = &[Layer::Seccomp];
const SEEN_BY_SECCOMP: &str = "cgroup programs judge inet sockets only; seccomp denies this family";
