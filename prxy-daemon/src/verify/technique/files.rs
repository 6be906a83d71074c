//! Files that are levers of the machine, or that others read. They are opened, never written to.

use super::call::{at, relay_path, special};
use super::{Aim, Failure, Layer, Technique};

pub(super) const ROWS: &[Technique] = &[
    lever("kernel-log", "the kernel's log, which others forward", "48", |_| writable("/dev/kmsg"))
        .optional(),
    lever("core-pattern", "who gets core files: a program of root's", "48", |_| {
        writable("/proc/sys/kernel/core_pattern")
    }),
    lever("kernel-switches", "the kernel's network switches", "18", |_| {
        writable("/proc/sys/net/ipv4/ip_forward")
    }),
    lever("magic-keys", "the kernel's emergency keys", "44", |_| writable("/proc/sysrq-trigger"))
        .optional(),
    lever("drop-file", "a new file where others look", "47", |a| {
        let path = relay_path(&a.scratch, &a.token);
        std::fs::File::create_new(&path).map_err(at("open"))?;
        std::fs::remove_file(path).map_err(at("unlink"))
    }),
    lever("read-secrets", "read the machine's passwords", "33", |_| {
        std::fs::File::open("/etc/shadow").map_err(at("open")).map(drop)
    }),
    lever("read-names", "ask the machine's resolver files", "36", |_| {
        std::fs::read("/etc/resolv.conf").map_err(at("open")).map(drop)
    }),
];

const fn lever(
    name: &'static str,
    what: &'static str,
    threat: &'static str,
    act: fn(&Aim) -> Result<(), Failure>,
) -> Technique {
    Technique::calls(name, what, threat, FILES, act)
        .root_may("files are guarded by Landlock, permissions and seccomp, not by the cgroup")
}

fn writable(path: &str) -> Result<(), Failure> {
    special(path, std::fs::File::options().write(true)).map(drop)
}

const FILES: &[Layer] = &[Layer::Seccomp, Layer::Landlock, Layer::Permission];
