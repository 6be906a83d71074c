//! Other processes: taking their descriptors, reading and writing their memory, ending them.
//!
//! The neighbour is the parent of the attempt, a process of the same user.

use nix::unistd::getppid;

use super::call::{ask, at, permitted};
use super::{Aim, Failure, Layer, Technique};
use crate::sys::attempt::probe::{self, Arg};

pub(super) const ROWS: &[Technique] = &[
    other("pidfd-getfd", "take a descriptor of another process", "33", |_| {
        let process = probe::open(probe::PIDFD_OPEN, &[parent(), Arg::Number(0)])
            .map_err(at("pidfd_open"))?;
        let process = Arg::Number(std::os::fd::AsRawFd::as_raw_fd(&process).into());
        probe::open(probe::PIDFD_GETFD, &[process, Arg::Number(2), Arg::Number(0)])
            .map_err(at("pidfd_getfd"))
            .map(drop)
    }),
    other("proc-descriptors", "open another process's files again", "33", |_| {
        std::fs::read_dir(of_parent("fd")).map_err(at("open")).map(drop)
    }),
    other("ptrace", "trace another process", "33", |_| {
        probe::ptrace_seize(getppid().as_raw()).map_err(at("ptrace"))
    }),
    other("process-write", "write another process's memory", "33", |_| {
        // Nothing is mapped at address 16.
        let words = [16_u64, 8];
        let remote: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        let (one, bytes) = (Arg::Number(1), Arg::Bytes(&remote));
        let result = probe::call(
            probe::PROCESS_VM_WRITEV,
            &[parent(), bytes, one, bytes, one, Arg::Number(0)],
        );
        permitted("process_vm_writev", result)
    }),
    other("proc-memory", "another process's memory as a file", "33", |_| {
        let open = std::fs::File::options().read(true).write(true).open(of_parent("mem"));
        open.map_err(at("open")).map(drop)
    }),
    other("proc-environment", "another process's environment: keys", "33", |_| {
        std::fs::read(of_parent("environ")).map_err(at("open")).map(drop)
    }),
    other("signal", "signal another process", "33", |_| {
        ask(probe::KILL, &[parent(), Arg::Number(0)])
    }),
    other("signal-all", "signal every process of the user", "33", |_| {
        ask(probe::KILL, &[Arg::Number(-1), Arg::Number(0)])
    }),
];

const fn other(
    name: &'static str,
    what: &'static str,
    threat: &'static str,
    act: fn(&Aim) -> Result<(), Failure>,
) -> Technique {
    Technique::calls(name, what, threat, PROCESSES, act)
        .root_may("root may do anything to any process; no role is root with rights")
}

fn parent() -> Arg<'static> {
    Arg::Number(getppid().as_raw().into())
}

fn of_parent(what: &str) -> String {
    format!("/proc/{}/{what}", getppid())
}

const PROCESSES: &[Layer] = &[Layer::Seccomp, Layer::Permission, Layer::Landlock];
