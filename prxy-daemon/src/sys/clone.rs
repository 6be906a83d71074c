//! Creates a process directly inside a cgroup, so that no socket of it can be older.

use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};

use nix::unistd::Pid;

/// Which side of a clone the caller is on.
#[derive(Debug)]
#[must_use]
pub enum Clone {
    /// The new process.
    Child,
    /// The old one, with the child's number and a descriptor that becomes readable when it ends.
    Parent {
        /// The child's process number.
        pid: Pid,
        /// Its pidfd.
        pidfd: OwnedFd,
    },
}

/// The network that a new process sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// The caller's namespace.
    Inherit,
    /// A new namespace with nothing in it but an unconfigured loopback.
    Empty,
    /// As [`Network::Empty`], in a new user namespace: needs no privilege.
    EmptyUnprivileged,
}

/// Clones the process into `cgroup` (Linux 5.7).
///
/// # Errors
/// Those of `clone3(2)`; with more than one thread `EBUSY`, because the child would inherit
/// locked mutexes.
pub fn into_cgroup(cgroup: Option<&impl AsFd>, network: Network) -> io::Result<Clone> {
    if threads()? != 1 {
        return Err(io::Error::from_raw_os_error(libc::EBUSY));
    }
    let mut pidfd: RawFd = -1;
    let (new, target) = match cgroup {
        Some(dir) => {
            let fd = u64::try_from(dir.as_fd().as_raw_fd()).unwrap_or(u64::MAX);
            (CLONE_INTO_CGROUP, fd)
        }
        None => (0, 0),
    };
    let isolation = match network {
        Network::Inherit => 0,
        Network::Empty => libc::CLONE_NEWNET | libc::CLONE_NEWIPC,
        Network::EmptyUnprivileged => libc::CLONE_NEWUSER | libc::CLONE_NEWNET,
    };
    let mut args = CloneArgs {
        flags: new | flag(libc::CLONE_PIDFD) | flag(isolation),
        pidfd: std::ptr::from_mut(&mut pidfd) as u64,
        exit_signal: flag(libc::SIGCHLD),
        cgroup: target,
        ..CloneArgs::default()
    };
    // SAFETY: single-threaded (checked above), no shared memory: this is `fork` with options,
    // and `args` outlives the call.
    let result = unsafe {
        libc::syscall(libc::SYS_clone3, std::ptr::from_mut(&mut args), size_of::<CloneArgs>())
    };
    match result {
        0 => Ok(Clone::Child),
        pid if pid > 0 => Ok(Clone::Parent {
            pid: Pid::from_raw(i32::try_from(pid).unwrap_or(i32::MAX)),
            // SAFETY: the kernel has just opened it for us.
            pidfd: unsafe { OwnedFd::from_raw_fd(pidfd) },
        }),
        _ => Err(io::Error::last_os_error()),
    }
}

fn threads() -> io::Result<usize> {
    Ok(std::fs::read_dir("/proc/self/task")?.count())
}

fn flag(value: i32) -> u64 {
    u64::from(value.cast_unsigned())
}

const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// `struct clone_args` of `linux/sched.h`.
#[repr(C)]
#[derive(Default)]
struct CloneArgs {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}
