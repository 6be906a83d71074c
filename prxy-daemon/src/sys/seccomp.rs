//! System call allowlists, one per role; everything else answers `EPERM`.
//!
//! Native architecture only: 32-bit and x32 calls are not on any list. `io_uring` is on none,
//! because its operations pass no seccomp filter.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter,
};
use thiserror::Error;

/// What a role needs beyond the calls that every role makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Creates and connects TCP sockets.
    Dial,
    /// Creates and connects TCP and UDP sockets.
    Resolve,
    /// Reads and writes sockets that it is given.
    Relay,
    /// Accepts connections and keeps files.
    Serve,
    /// Watches descriptors, fills kernel maps, removes its own files. No socket of any family.
    Supervise,
}

/// The filter could not be built or installed.
#[derive(Debug, Error)]
#[error("seccomp: {0}")]
pub struct SeccompError(String);

/// Installs the profile on the calling thread; threads that it starts inherit it.
///
/// # Errors
/// The kernel lacks seccomp filters, or a rule is malformed.
pub fn install(profile: Profile) -> Result<(), SeccompError> {
    apply(rules(profile)?)
}

/// Installs the profile with what any program needs to start and to read files: processes without
/// new namespaces, executable memory, file calls, the size of a terminal. What concerns networks,
/// namespaces, bpf, tracing, keys and io_uring stays exactly as it is in the profile.
///
/// # Errors
/// As [`install`].
pub fn install_for_programs(profile: Profile) -> Result<(), SeccompError> {
    let mut rules = rules(profile)?;
    rules.extend(FILES.iter().chain(PROGRAMS).map(|call| (*call, Vec::new())));
    rules.insert(libc::SYS_clone, vec![rule(vec![masked(0, NEW_NAMESPACES, 0)?])?]);
    for call in [libc::SYS_mmap, libc::SYS_mprotect] {
        rules.insert(call, Vec::new());
    }
    let ioctls = [libc::FIONBIO, libc::FIOCLEX, libc::FIONCLEX, libc::TCGETS, libc::TIOCGWINSZ];
    let ioctls = ioctls.into_iter().map(|request| rule(vec![equal(1, request)?]));
    rules.insert(libc::SYS_ioctl, ioctls.collect::<Result<_, _>>()?);
    // Of nobody else: the living roles run beside it.
    rules.insert(libc::SYS_prlimit64, vec![rule(vec![equal(0, 0)?])?]);
    // Descriptors that are accepted come from a listener; what has none in the profile gets none.
    if profile != Profile::Serve {
        rules.remove(&libc::SYS_accept4);
    }
    apply(rules)
}

fn apply(rules: Rules) -> Result<(), SeccompError> {
    let allow = filter(rules, SeccompAction::Errno(EPERM), SeccompAction::Allow)?;
    // glibc asks for clone3 first, whose flags no filter can see; told that it does not exist,
    // it uses clone, which is on the list for threads only.
    let hidden = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
    let hide = filter(hidden, SeccompAction::Allow, SeccompAction::Errno(ENOSYS))?;
    apply_filter(&hide).map_err(failed)?;
    apply_filter(&allow).map_err(failed)
}

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

fn rules(profile: Profile) -> Result<Rules, SeccompError> {
    let mut rules: Rules = COMMON.iter().map(|call| (*call, Vec::new())).collect();
    // No prctl at all: threads that start from here on keep the process's name, because a name is
    // a message that every process can read.
    // Threads, not processes: CLONE_THREAD must be set.
    let thread = masked(0, libc::CLONE_THREAD as u64, libc::CLONE_THREAD as u64)?;
    rules.insert(libc::SYS_clone, vec![rule(vec![thread])?]);
    // Only to itself, as abort does.
    let own = equal(0, u64::from(std::process::id()))?;
    rules.insert(libc::SYS_tgkill, vec![rule(vec![own])?]);
    rules.insert(libc::SYS_ioctl, vec![rule(vec![equal(1, libc::FIONBIO)?])?]);
    // No W^X violation: memory is never made executable.
    let data = || masked(2, libc::PROT_EXEC as u64, 0);
    rules.insert(libc::SYS_mmap, vec![rule(vec![data()?])?]);
    rules.insert(libc::SYS_mprotect, vec![rule(vec![data()?])?]);
    // Datagrams without an address of their own: the fifth argument is null.
    let connected = SeccompCondition::new(4, SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, 0);
    rules.insert(libc::SYS_sendto, vec![rule(vec![connected.map_err(failed)?])?]);
    let more: &[i64] = match profile {
        Profile::Dial | Profile::Resolve => &[libc::SYS_connect],
        Profile::Relay => &[],
        Profile::Serve => FILES,
        Profile::Supervise => SUPERVISION,
    };
    rules.extend(more.iter().map(|call| (*call, Vec::new())));
    let kinds: &[i32] = match profile {
        Profile::Dial => &[libc::SOCK_STREAM],
        Profile::Resolve => &[libc::SOCK_STREAM, libc::SOCK_DGRAM],
        Profile::Relay | Profile::Serve | Profile::Supervise => &[],
    };
    let mut sockets = Vec::new();
    for family in [libc::AF_INET, libc::AF_INET6] {
        for kind in kinds {
            let kind = masked(1, SOCK_TYPE_MASK, u64::from(kind.cast_unsigned()))?;
            let family = equal(0, u64::from(family.cast_unsigned()))?;
            let protocol = SeccompCondition::new(2, SeccompCmpArgLen::Dword, SeccompCmpOp::Le, 17);
            sockets.push(rule(vec![family, kind, protocol.map_err(failed)?])?);
        }
    }
    if !sockets.is_empty() {
        rules.insert(libc::SYS_socket, sockets);
    }
    if profile == Profile::Serve {
        // Streams only: a datagram socket of a pair could be sent from to any path on the host.
        let unix = equal(0, u64::from(libc::AF_UNIX.cast_unsigned()))?;
        let stream = masked(1, SOCK_TYPE_MASK, u64::from(libc::SOCK_STREAM.cast_unsigned()))?;
        rules.insert(libc::SYS_socketpair, vec![rule(vec![unix, stream])?]);
    }
    if profile == Profile::Supervise {
        // Elements of maps by descriptor; no program, map or link can be made or fetched.
        // Links are asked whether they still hold.
        let commands = (BPF_MAP_LOOKUP_ELEM..=BPF_MAP_GET_NEXT_KEY)
            .chain([BPF_OBJ_GET_INFO_BY_FD])
            .map(|command| rule(vec![equal(0, command)?]))
            .collect::<Result<_, _>>()?;
        rules.insert(libc::SYS_bpf, commands);
    }
    Ok(rules)
}

fn equal(argument: u8, value: u64) -> Result<SeccompCondition, SeccompError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value)
        .map_err(failed)
}

fn masked(argument: u8, mask: u64, value: u64) -> Result<SeccompCondition, SeccompError> {
    let operator = SeccompCmpOp::MaskedEq(mask);
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value).map_err(failed)
}

fn rule(conditions: Vec<SeccompCondition>) -> Result<SeccompRule, SeccompError> {
    SeccompRule::new(conditions).map_err(failed)
}

fn filter(
    rules: Rules,
    otherwise: SeccompAction,
    matched: SeccompAction,
) -> Result<BpfProgram, SeccompError> {
    let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(failed)?;
    let filter = SeccompFilter::new(rules, otherwise, matched, arch).map_err(failed)?;
    filter.try_into().map_err(failed)
}

fn failed(error: impl std::fmt::Display) -> SeccompError {
    SeccompError(error.to_string())
}

const EPERM: u32 = libc::EPERM.cast_unsigned();
const ENOSYS: u32 = libc::ENOSYS.cast_unsigned();
/// The type without `SOCK_NONBLOCK` and `SOCK_CLOEXEC`.
const SOCK_TYPE_MASK: u64 = 0xf;

/// What the allocator, the runtime and sockets that are already there need.
const COMMON: &[i64] = &[
    libc::SYS_brk,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_clone3,
    libc::SYS_close,
    libc::SYS_dup,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_epoll_wait,
    libc::SYS_eventfd2,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_fcntl,
    libc::SYS_futex,
    libc::SYS_getpeername,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_getrandom,
    libc::SYS_getsockname,
    libc::SYS_getsockopt,
    libc::SYS_gettid,
    libc::SYS_gettimeofday,
    libc::SYS_madvise,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_nanosleep,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
    libc::SYS_ppoll,
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_restart_syscall,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_sendmsg,
    libc::SYS_set_robust_list,
    libc::SYS_setsockopt,
    libc::SYS_shutdown,
    libc::SYS_sigaltstack,
    libc::SYS_write,
    libc::SYS_writev,
];

/// Every `CLONE_NEW…` flag that fits into `clone(2)`.
const NEW_NAMESPACES: u64 = 0x7e02_0000;

const BPF_MAP_LOOKUP_ELEM: u64 = 1;
const BPF_MAP_GET_NEXT_KEY: u64 = 4;
const BPF_OBJ_GET_INFO_BY_FD: u64 = 15;

/// What supervising and cleaning up need; the filter is the last step of the start.
const SUPERVISION: &[i64] = &[
    // Takes clients of the control socket, the one listener that the warden has.
    libc::SYS_accept4,
    // The audit log lasts, and is rotated.
    libc::SYS_fdatasync,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_rename,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    // Unlocks the data directory at the end.
    libc::SYS_flock,
    libc::SYS_fstat,
    libc::SYS_getdents64,
    libc::SYS_lseek,
    libc::SYS_newfstatat,
    libc::SYS_openat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_rmdir,
    libc::SYS_statx,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_unlink,
    libc::SYS_unlinkat,
    libc::SYS_wait4,
    libc::SYS_waitid,
];

/// What SQLite and an accepting listener need; Landlock says where.
const FILES: &[i64] = &[
    libc::SYS_accept4,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_access,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_fallocate,
    libc::SYS_fchmod,
    libc::SYS_fchown,
    libc::SYS_fdatasync,
    libc::SYS_fstat,
    libc::SYS_fsync,
    libc::SYS_ftruncate,
    libc::SYS_getcwd,
    libc::SYS_getdents64,
    libc::SYS_geteuid,
    libc::SYS_lseek,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lstat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_mkdir,
    libc::SYS_mkdirat,
    libc::SYS_newfstatat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_open,
    libc::SYS_openat,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_readlink,
    libc::SYS_readlinkat,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_stat,
    libc::SYS_statx,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_unlink,
    libc::SYS_unlinkat,
    // The time of a blob says when it was used.
    libc::SYS_utimensat,
];

/// What starting a program and working on files take, beyond [`FILES`].
const PROGRAMS: &[i64] = &[
    #[cfg(target_arch = "x86_64")]
    libc::SYS_alarm,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_arch_prctl,
    libc::SYS_capget,
    libc::SYS_chdir,
    libc::SYS_clock_getres,
    libc::SYS_copy_file_range,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_dup2,
    libc::SYS_dup3,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_epoll_create,
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_fadvise64,
    libc::SYS_fchdir,
    libc::SYS_flock,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_fork,
    libc::SYS_fstatfs,
    libc::SYS_getegid,
    libc::SYS_getgid,
    libc::SYS_getgroups,
    libc::SYS_getitimer,
    libc::SYS_getpgid,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_getpgrp,
    libc::SYS_getpriority,
    libc::SYS_getresgid,
    libc::SYS_getresuid,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_getrlimit,
    libc::SYS_getrusage,
    libc::SYS_getsid,
    libc::SYS_getuid,
    libc::SYS_membarrier,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_pause,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_pipe,
    libc::SYS_pipe2,
    libc::SYS_pselect6,
    libc::SYS_rt_sigpending,
    libc::SYS_rt_sigsuspend,
    libc::SYS_rt_sigtimedwait,
    libc::SYS_sched_getparam,
    libc::SYS_sched_getscheduler,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_select,
    libc::SYS_set_tid_address,
    libc::SYS_setitimer,
    libc::SYS_setpgid,
    libc::SYS_setsid,
    libc::SYS_statfs,
    libc::SYS_sysinfo,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_time,
    libc::SYS_timerfd_create,
    libc::SYS_timerfd_gettime,
    libc::SYS_timerfd_settime,
    libc::SYS_times,
    libc::SYS_umask,
    libc::SYS_uname,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_vfork,
    libc::SYS_wait4,
    libc::SYS_waitid,
];
