//! `prxy exec`: a command of the auditor's own, held as a role is held.
//!
//! Where a daemon runs on the data directory, the command joins the living role: its cgroup, its
//! namespaces, and so the very policy in force. Else a policy is attached for as long as the
//! command runs. Files are readable and executable, so that programs can start; the data directory
//! is not. Everything that concerns networks is the role's own.

use std::ffi::{CString, OsString};
use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, setns};
use nix::sys::prctl::set_child_subreaper;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, execvp, getpid};
use prxy_common::Role;

use super::VerifyError;
use super::scratch::Scratch;
use crate::config::Config;
use crate::sys::cgroup::Cgroup;
use crate::sys::clone::{Clone, Network, into_cgroup};
use crate::sys::fds;
use crate::sys::sandbox::{self, Landlock, Reach, Use};
use crate::sys::seccomp;
use crate::warden::plan::{Places, Plan};
use crate::warden::{During, WardenError, identity, inspect, nameservers, roles};

/// Runs `program` as `role` under this configuration; its exit status, or 128 and the signal.
///
/// # Errors
/// What kept it from being confined; it does not run then.
pub fn exec(role: Role, config: &Config, program: &[OsString]) -> Result<u8, VerifyError> {
    if !nix::unistd::geteuid().is_root() {
        return Err(VerifyError::NotRoot);
    }
    let step = "check standard input, output and error";
    for (name, local) in [
        ("input", fds::is_local(&io::stdin())),
        ("output", fds::is_local(&io::stdout())),
        ("error", fds::is_local(&io::stderr())),
    ] {
        if !local.during(step)? {
            let cause = format_args!("standard {name} is a network or datagram socket");
            return Err(WardenError::new(step, cause).into());
        }
    }
    if role == Role::Front {
        let cause = "no process lives as front: it is a listener that answers";
        return Err(WardenError::new("join the role", cause).into());
    }
    let program = words(program)?;
    roles::wipe_keys(config);
    roles::wipe_state_key(config);
    set_child_subreaper(true).during("keep what the command starts")?;
    let signals = take_signals().during("block signals")?;
    let data_dir = config.data_dir.canonicalize().unwrap_or_else(|_| config.data_dir.clone());
    match living(&data_dir, role)? {
        Some((group, pid)) => {
            let places = Places::new(&data_dir, group.path().parent().unwrap_or(group.path()));
            let plan = Plan::of(role, config, &nameservers(config)?, &places);
            for (name, kind) in
                [("net", CloneFlags::CLONE_NEWNET), ("ipc", CloneFlags::CLONE_NEWIPC)]
            {
                let step = "enter the living role's namespaces";
                let space = File::open(format!("/proc/{pid}/ns/{name}")).during(step)?;
                setns(&space, kind).during(step)?;
            }
            let plan = Plan { network: Network::Inherit, user: identity::guest(role), ..plan };
            run(&plan, &group, &data_dir, &program, &signals)
        }
        None => {
            eprintln!(
                "prxy exec: no daemon runs on {}: a policy with the literal addresses of the \
                 configuration is attached for this command only",
                data_dir.display()
            );
            let nameservers = nameservers(config)?;
            let scratch = Scratch::of(config.clone(), nameservers)?;
            let plan = Plan { user: identity::guest(role), ..scratch.plan(role) };
            run(&plan, scratch.group(role)?, &data_dir, &program, &signals)
        }
    }
}

/// The cgroup of a role of the daemon that runs on this directory, and one of its processes: only
/// if the policy on it is the daemon's own.
fn living(data_dir: &Path, role: Role) -> Result<Option<(Cgroup, i32)>, VerifyError> {
    let Some((parent, _)) = inspect::living(data_dir) else { return Ok(None) };
    let step = "find the running daemon";
    let seen = inspect::programs(data_dir, &parent);
    if seen.log_only == Some(true) {
        for line in LOG_ONLY {
            eprintln!("prxy exec: {line}");
        }
    } else if let Some(doubt) = seen.broken.iter().chain(&seen.unknown).next() {
        let parent = parent.display();
        return Err(WardenError::new(step, format_args!("{parent}: {doubt}")).into());
    }
    let group = Cgroup::open(&parent.join(role.name())).during(step)?;
    match group.processes().during(step)?.first().copied() {
        Some(pid) => Ok(Some((group, pid))),
        None => Err(WardenError::new(step, "the role has no process").into()),
    }
}

fn run(
    plan: &Plan,
    group: &Cgroup,
    data_dir: &Path,
    program: &[CString],
    signals: &SignalFd,
) -> Result<u8, VerifyError> {
    let parent = getpid();
    match into_cgroup(Some(group.dir()), plan.network).during("create the process")? {
        Clone::Child => {
            let error = become_program(plan, data_dir, program, parent);
            eprintln!("prxy exec: {error}");
            std::process::exit(1);
        }
        Clone::Parent { pid, pidfd } => {
            let status = wait(pid, &pidfd, signals);
            end_the_rest();
            status.map_err(Into::into)
        }
    }
}

/// Confines the calling process and turns it into the program; returns only if that fails.
fn become_program(plan: &Plan, data_dir: &Path, program: &[CString], parent: Pid) -> WardenError {
    let confined = || -> Result<(), WardenError> {
        fds::close_all_but(&[]).during("close inherited descriptors")?;
        let mut files: Vec<_> =
            all_but(data_dir).into_iter().map(|path| (path, Use::Run)).collect();
        files.extend(DEVICES.map(|device| (device.into(), Use::ReadWrite)));
        plan.take_rights_away(Some(parent))?;
        let connect = plan.reach.as_ref().map(|reach| reach.connect.clone()).unwrap_or_default();
        let reach = Reach { files, connect, ..Reach::default() };
        let step = "confine with Landlock";
        if sandbox::confine(&reach).during(step)? == Landlock::Missing {
            let cause = "this kernel has none, and the data directory must not be readable";
            return Err(WardenError::new(step, cause));
        }
        SigSet::all().thread_unblock().during("unblock signals")?;
        match plan.profile {
            Some(profile) => {
                seccomp::install_for_programs(profile).during("install the system call filter")
            }
            None => Err(WardenError::new("install the system call filter", "none is planned")),
        }
    };
    if let Err(error) = confined() {
        return error;
    }
    let Some(name) = program.first() else { return WardenError::new("start it", "which?") };
    let Err(error) = execvp(name, program);
    let name = name.to_string_lossy();
    let why = match error {
        // Some directory of PATH is closed to this user: the kernel says no more than that.
        Errno::EACCES | Errno::ENOENT => "not found, or not for this user to run",
        other => other.desc(),
    };
    WardenError::new("start the program", format_args!("{name}: {why}"))
}

/// Everything on this machine but `left_out`: Landlock can only allow, so its parents are named
/// entry by entry.
fn all_but(left_out: &Path) -> Vec<PathBuf> {
    let mut readable = Vec::new();
    let mut dir = PathBuf::from("/");
    for part in left_out.components().skip(1) {
        let next = dir.join(part);
        let entries = fs::read_dir(&dir).into_iter().flatten().flatten();
        // A link is a name for something that another rule is about.
        let real = entries.filter(|entry| entry.file_type().is_ok_and(|kind| !kind.is_symlink()));
        readable.extend(real.map(|entry| entry.path()).filter(|path| *path != next));
        dir = next;
    }
    readable
}

/// Passes signals on until the program ends.
fn wait(pid: Pid, pidfd: &impl AsFd, signals: &SignalFd) -> Result<u8, WardenError> {
    let step = "wait for the program";
    loop {
        let mut polled =
            [pidfd.as_fd(), signals.as_fd()].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        match poll(&mut polled, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error).during(step),
        }
        let [ended, asked] = polled.map(|fd| fd.any().unwrap_or(false));
        if asked && let Some(info) = signals.read_signal().during(step)? {
            let signal = i32::try_from(info.ssi_signo).ok().and_then(|n| Signal::try_from(n).ok());
            // What the terminal sends, it sends to the program as well.
            if let (Some(signal), true) = (signal, info.ssi_code <= 0) {
                let _ = kill(pid, signal);
            }
        }
        if ended {
            return Ok(match waitpid(pid, None).during(step)? {
                WaitStatus::Exited(_, code) => u8::try_from(code).unwrap_or(u8::MAX),
                WaitStatus::Signaled(_, signal, _) => {
                    u8::try_from(128 + signal as i32).unwrap_or(u8::MAX)
                }
                _ => u8::MAX,
            });
        }
    }
}

/// What the program has left running came to us when it ended.
fn end_the_rest() {
    let path = format!("/proc/self/task/{}/children", nix::unistd::gettid());
    loop {
        let children = fs::read_to_string(&path).unwrap_or_default();
        for child in children.split_whitespace().filter_map(|word| word.parse().ok()) {
            let _ = kill(Pid::from_raw(child), Signal::SIGKILL);
        }
        match waitpid(None, Some(WaitPidFlag::empty())) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(_) => return,
        }
    }
}

fn take_signals() -> nix::Result<SignalFd> {
    let signals = SigSet::from_iter(PASSED_ON);
    signals.thread_block()?;
    SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
}

fn words(program: &[OsString]) -> Result<Vec<CString>, WardenError> {
    program.iter().map(|word| CString::new(word.as_bytes()).during("read the command")).collect()
}

const PASSED_ON: [Signal; 8] = [
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGTERM,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGALRM,
    Signal::SIGWINCH,
];

/// Programs write to these and take it for granted.
const DEVICES: [&str; 2] = ["/dev/null", "/dev/tty"];

/// What runs there is held by namespaces, system call filters and Landlock only.
const LOG_ONLY: [&str; 3] = [
    "================ THE AIRGAP DOES NOT PROTECT ================",
    "the daemon runs with onViolation: log-only: THE KERNEL LETS THIS COMMAND REACH THE NETWORK",
    "=============================================================",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_can_be_read_but_the_directory_that_is_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().canonicalize().unwrap();
        for name in ["data", "beside"] {
            fs::create_dir(dir.join(name)).unwrap();
        }
        let readable = all_but(&dir.join("data"));
        assert!(readable.contains(&dir.join("beside")));
        assert!(readable.contains(&PathBuf::from("/usr")));
        let data = dir.join("data");
        assert!(!readable.iter().any(|path| data.starts_with(path)), "{readable:?}");
        // A directory that does not exist leaves nothing else out.
        assert!(all_but(&dir.join("none")).contains(&data));
    }
}
