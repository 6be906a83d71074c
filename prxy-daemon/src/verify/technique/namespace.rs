//! Namespaces and mounts: other worlds with other rules, or this one's rules changed.

use std::os::fd::AsFd;

use nix::sched::{CloneFlags, setns, unshare};

use super::call::{ask_in_vain, at};
use super::{Aim, Failure, Layer, Technique};
use crate::sys::attempt::probe::{self, Arg};

pub(super) const ROWS: &[Technique] = &[
    apart("network-namespace", "a new network namespace", "41", |_| {
        leave(CloneFlags::CLONE_NEWNET)
    }),
    apart("mount-namespace", "a new mount namespace", "41", |_| leave(CloneFlags::CLONE_NEWNS)),
    apart("cgroup-namespace", "a new cgroup namespace", "34 41", |_| {
        leave(CloneFlags::CLONE_NEWCGROUP)
    }),
    apart("pid-namespace", "a new process namespace", "41", |_| leave(CloneFlags::CLONE_NEWPID)),
    apart("ipc-namespace", "a new IPC namespace", "41", |_| leave(CloneFlags::CLONE_NEWIPC)),
    apart("join-network", "setns to another process's network", "42", |_| {
        let namespace = std::fs::File::open(format!("/proc/{}/ns/net", nix::unistd::getppid()))
            .map_err(at("open"))?;
        setns(namespace.as_fd(), CloneFlags::CLONE_NEWNET).map_err(at("setns"))
    })
    .stopped_by(&[Layer::Seccomp, Layer::Landlock, Layer::Capability]),
    apart("join-by-pidfd", "setns by a process descriptor", "42", |_| {
        let parent = i64::from(nix::unistd::getppid().as_raw());
        let process = probe::open(probe::PIDFD_OPEN, &[Arg::Number(parent), Arg::Number(0)])
            .map_err(at("pidfd_open"))?;
        setns(process.as_fd(), CloneFlags::CLONE_NEWNET).map_err(at("setns"))
    }),
    apart("mount", "mount a file system", "47", |_| {
        // No kernel has a file system of this name.
        let none = Arg::Text(c"none");
        let here = [none, Arg::Text(c"/"), Arg::Text(NO_SUCH), Arg::Number(0), Arg::Null];
        ask_in_vain(probe::MOUNT, &here)
    }),
    apart("unmount", "unmount a file system", "44 47", |_| {
        // Never a mount point.
        ask_in_vain(probe::UMOUNT2, &[Arg::Text(c"/proc/self"), Arg::Number(0)])
    }),
    apart("fsopen", "mount a file system, new calls", "47", |_| {
        ask_in_vain(probe::FSOPEN, &[Arg::Text(NO_SUCH), Arg::Number(0)])
    }),
    apart("open-tree", "a copy of the mounts of its own", "47", |_| {
        const CLONE: i64 = 1;
        let here = Arg::Number(libc::AT_FDCWD.into());
        probe::open(probe::OPEN_TREE, &[here, Arg::Text(c"/proc"), Arg::Number(CLONE)])
            .map_err(at("open_tree"))
            .map(drop)
    }),
    apart("move-mount", "move a mount", "47", |_| {
        let (none, empty) = (Arg::Number(-1), Arg::Text(c""));
        ask_in_vain(probe::MOVE_MOUNT, &[none, empty, none, empty, Arg::Number(4)])
    }),
    apart("pivot-root", "another root of the file system", "47", |_| {
        // Never mount points, so that nothing is moved.
        let here = Arg::Text(c"/proc/self");
        ask_in_vain(probe::PIVOT_ROOT, &[here, here])
    }),
    apart("chroot", "chroot", "47", |_| nix::unistd::chroot("/").map_err(at("chroot"))),
    apart("hostname", "the machine's name, which others read", "48", |_| {
        // Too long for a name.
        ask_in_vain(probe::SETHOSTNAME, &[Arg::Text(c""), Arg::Number(1 << 20)])
    }),
];

const fn apart(
    name: &'static str,
    what: &'static str,
    threat: &'static str,
    act: fn(&Aim) -> Result<(), Failure>,
) -> Technique {
    Technique::calls(name, what, threat, RIGHTS, act).root_may(FOLLOWS)
}

fn leave(which: CloneFlags) -> Result<(), Failure> {
    unshare(which).map_err(at("unshare"))
}

const NO_SUCH: &std::ffi::CStr = c"prxy-no-such-file-system";
const RIGHTS: &[Layer] = &[Layer::Seccomp, Layer::Capability];
const FOLLOWS: &str = "the programs follow the cgroup into any namespace; no role has such rights";
