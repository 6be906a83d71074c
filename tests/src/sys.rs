//! The unsafe code of the harness, each call behind a safe function; socket calls are the
//! library's own.
//!
//! Not for decisions: what an errno means is for `attack` to say.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::Arc;

pub use prxy::sys::attempt::{sendto, socket};

/// Where a new process starts: applied between fork and exec.
#[derive(Clone, Default)]
pub struct Entry {
    /// An open `cgroup.procs` that the process writes itself into, first of all.
    pub cgroup: Option<Arc<OwnedFd>>,
    /// The network namespace that it enters.
    pub netns: Option<Arc<OwnedFd>>,
}

/// Makes `command` start inside `entry`, and die with the thread that starts it.
pub fn enter_before_exec(command: &mut Command, entry: Entry) {
    let step = move || {
        if let Some(procs) = &entry.cgroup {
            // SAFETY: writes two bytes of a static string to a descriptor that `entry` keeps open.
            check(unsafe { libc::write(procs.as_raw_fd(), c"0\n".as_ptr().cast(), 2) })?;
        }
        if let Some(netns) = &entry.netns {
            // SAFETY: setns reads nothing but the descriptor, which `entry` keeps open.
            check(unsafe { libc::setns(netns.as_raw_fd(), libc::CLONE_NEWNET) } as isize)?;
        }
        // SAFETY: PR_SET_PDEATHSIG takes a signal number and touches no memory.
        check(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) } as isize)?;
        Ok(())
    };
    // SAFETY: the closure only makes system calls and allocates nothing, so it may run after fork.
    unsafe { command.pre_exec(step) };
}

/// How a forked child ended.
#[derive(Debug)]
pub enum Ended {
    /// It returned these bytes.
    Returned(Vec<u8>),
    /// A signal ended it.
    Killed(i32),
}

/// Runs `work` in a forked child and returns its bytes (at most 4000) or the signal that ended it.
///
/// For single-threaded processes only. The result comes back through shared memory, so the child
/// needs no system call but `exit_group`, whatever seccomp filter it has put on.
pub fn in_child(work: impl FnOnce() -> Vec<u8>) -> io::Result<Ended> {
    const SIZE: usize = 4096;
    // SAFETY: a fresh anonymous mapping; nothing is replaced.
    let page = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            SIZE,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    if page == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the mapping is SIZE bytes, zeroed, aligned, and only read after the child has ended.
    let shared = unsafe { std::slice::from_raw_parts_mut(page.cast::<u8>(), SIZE) };
    // SAFETY: the caller promises a single thread, so the child may do what it likes.
    let pid = unsafe { libc::fork() };
    check(pid as isize)?;
    if pid == 0 {
        let bytes = work();
        let len = bytes.len().min(SIZE - 8);
        shared[..8].copy_from_slice(&(len as u64).to_ne_bytes());
        shared[8..8 + len].copy_from_slice(&bytes[..len]);
        // SAFETY: ends this process at once, running no destructors of the parent's state.
        unsafe { libc::_exit(0) };
    }
    let mut status = 0;
    // SAFETY: waits for our own child and writes one integer.
    check(unsafe { libc::waitpid(pid, &raw mut status, 0) } as isize)?;
    if libc::WIFSIGNALED(status) {
        return Ok(Ended::Killed(libc::WTERMSIG(status)));
    }
    let mut len = [0; 8];
    len.copy_from_slice(&shared[..8]);
    let len = (u64::from_ne_bytes(len) as usize).min(SIZE - 8);
    Ok(Ended::Returned(shared[8..8 + len].to_vec()))
}

/// Drops every capability that is not in `keep` from the bounding set.
pub fn limit_bounding_set(keep: u64) {
    for capability in 0..64u64 {
        if keep & (1 << capability) == 0 {
            // SAFETY: takes integers; unknown numbers give EINVAL, which changes nothing.
            unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) };
        }
    }
}

/// Sets the effective and permitted capabilities and clears the inheritable ones.
pub fn set_capabilities(keep: u64) -> io::Result<()> {
    const VERSION_3: u32 = 0x2008_0522;
    let header: [u32; 2] = [VERSION_3, 0];
    let (low, high) = (keep as u32, (keep >> 32) as u32);
    let data: [u32; 6] = [low, low, 0, high, high, 0];
    // SAFETY: version 3 of the call reads an 8-byte header and 24 bytes of data.
    check(
        unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), data.as_ptr()) as libc::c_long }
            as isize,
    )
}

/// Puts a seccomp filter (an array of 8-byte instructions) on this process.
pub fn install_seccomp(program: &[u8]) -> io::Result<()> {
    let mut filter: Vec<libc::sock_filter> = program
        .chunks_exact(8)
        .map(|c| libc::sock_filter {
            code: u16::from_ne_bytes([c[0], c[1]]),
            jt: c[2],
            jf: c[3],
            k: u32::from_ne_bytes([c[4], c[5], c[6], c[7]]),
        })
        .collect();
    let program =
        libc::sock_fprog { len: filter.len() as libc::c_ushort, filter: filter.as_mut_ptr() };
    // SAFETY: the kernel copies `len` instructions from a live vector of that length.
    check(unsafe {
        libc::prctl(
            libc::PR_SET_SECCOMP,
            libc::c_ulong::from(libc::SECCOMP_MODE_FILTER),
            &raw const program,
        )
    } as isize)
}

/// Reads the seccomp filters of another process, the oldest first, as 8-byte instructions.
///
/// Stops the process for a moment (ptrace), so only for processes that a test has started.
pub fn seccomp_filters(pid: i32) -> io::Result<Vec<Vec<u8>>> {
    const GET_FILTER: libc::c_uint = 0x420c; // PTRACE_SECCOMP_GET_FILTER
    let none = std::ptr::null_mut::<libc::c_void>();
    // SAFETY: seize and interrupt take a process id and touch no memory of ours.
    check(unsafe { libc::ptrace(libc::PTRACE_SEIZE, pid, none, none) } as isize)?;
    let read = || -> io::Result<Vec<Vec<u8>>> {
        // SAFETY: as above.
        check(unsafe { libc::ptrace(libc::PTRACE_INTERRUPT, pid, none, none) } as isize)?;
        let mut status = 0;
        // SAFETY: waits for a process that we trace and writes one integer.
        check(unsafe { libc::waitpid(pid, &raw mut status, libc::__WALL) } as isize)?;
        let mut filters = Vec::new();
        loop {
            let index = filters.len();
            // SAFETY: a null buffer asks for the length only.
            let len = unsafe { libc::ptrace(GET_FILTER, pid, index, none) };
            if len < 0 {
                break;
            }
            let mut program = vec![0u8; len as usize * 8];
            // SAFETY: the buffer holds the `len` instructions that the kernel has announced.
            check(unsafe { libc::ptrace(GET_FILTER, pid, index, program.as_mut_ptr()) } as isize)?;
            filters.push(program);
        }
        Ok(filters)
    };
    let filters = read();
    // SAFETY: lets the process go on; harmless if it is gone.
    unsafe { libc::ptrace(libc::PTRACE_DETACH, pid, none, none) };
    filters
}

fn check(result: isize) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Takes a pinned bpf link out of force, as an intruder with root's rights would.
pub fn detach_pinned_link(pin: &std::path::Path) -> io::Result<()> {
    const BPF_OBJ_GET: libc::c_int = 7;
    const BPF_LINK_DETACH: libc::c_int = 34;
    let path = std::ffi::CString::new(pin.as_os_str().as_encoded_bytes())?;
    let get: [u64; 2] = [path.as_ptr() as u64, 0];
    // SAFETY: the attribute is the path's address and two zero words, as OBJ_GET reads them.
    let link = unsafe { libc::syscall(libc::SYS_bpf, BPF_OBJ_GET, get.as_ptr(), 16) };
    check(link as isize)?;
    // SAFETY: the kernel has just opened it for us.
    let link = unsafe { OwnedFd::from_raw_fd(link as i32) };
    let detach: [u32; 1] = [link.as_raw_fd() as u32];
    // SAFETY: the attribute is one descriptor, as LINK_DETACH reads it.
    let done = unsafe { libc::syscall(libc::SYS_bpf, BPF_LINK_DETACH, detach.as_ptr(), 4) };
    check(done as isize)
}

/// A second descriptor of what another process holds as `fd`, as code inside it would have.
pub fn take_descriptor(pid: i32, fd: i32) -> io::Result<OwnedFd> {
    // SAFETY: both calls take numbers only.
    let process = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    check(process as isize)?;
    // SAFETY: the kernel has just opened it for us.
    let process = unsafe { OwnedFd::from_raw_fd(process as i32) };
    // SAFETY: as above.
    let taken = unsafe { libc::syscall(libc::SYS_pidfd_getfd, process.as_raw_fd(), fd, 0) };
    check(taken as isize)?;
    // SAFETY: the kernel has just opened it for us.
    Ok(unsafe { OwnedFd::from_raw_fd(taken as i32) })
}
