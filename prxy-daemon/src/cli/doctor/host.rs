//! The machine: kernel, rights, cgroups, bpffs, clock.

use nix::sys::statfs::{BPF_FS_MAGIC, statfs};
use nix::unistd::{AccessFlags, access};

use super::{Bed, Check};
use crate::store::now;
use crate::sys::cgroup::Cgroup;
use crate::sys::privilege;
use crate::sys::time::{Sync, synchronised};
use crate::warden::floor;

pub(super) fn checks(bed: &Bed<'_>) -> Vec<Check> {
    let mut checks = kernel();
    checks.push(rights(bed));
    checks.push(cgroups(bed));
    checks.push(bpffs());
    checks.push(clock());
    checks.push(daemon(bed));
    checks
}

fn kernel() -> Vec<Check> {
    let running = match (floor::check(), floor::running()) {
        (Ok(()), Ok(running)) => running,
        (Err(error), _) | (_, Err(error)) => {
            return vec![Check::failed("kernel", error.to_string(), "Boot a newer kernel.")];
        }
    };
    let layers = floor::layers(running >= floor::UNIX_HOOKS);
    let missing: Vec<_> = layers.iter().filter(|(_, holds)| !holds).collect();
    let found =
        format!("Linux {running}, {} of {} layers", layers.len() - missing.len(), layers.len());
    if missing.is_empty() {
        return vec![Check::ok("kernel", found)];
    }
    let lacks = missing.iter().map(|(layer, _)| {
        let (name, since) = (layer.name, layer.since);
        format!("{name} (Linux {since} or later, or switched on): {}", layer.without)
    });
    vec![Check::warning("kernel", found, lacks.collect::<Vec<_>>().join("\n"))]
}

fn rights(bed: &Bed<'_>) -> Check {
    if !bed.root {
        return Check::warning(
            "rights",
            "this is not root, which `prxy serve` needs to be; some checks cannot be made",
            "sudo prxy doctor",
        );
    }
    let lacks: Vec<_> = CAPABILITIES
        .iter()
        .filter(|(_, number)| !privilege::holds(*number).unwrap_or(false))
        .map(|(name, _)| *name)
        .collect();
    match lacks.is_empty() {
        true => Check::ok("rights", "root, with every capability that the start needs"),
        false => Check::failed(
            "rights",
            format!("root without {}", lacks.join(", ")),
            "In a container: add these capabilities. Under systemd: look at CapabilityBoundingSet=.",
        ),
    }
}

fn cgroups(bed: &Bed<'_>) -> Check {
    let own = match Cgroup::root().and_then(|_| Cgroup::own()) {
        Ok(own) => own,
        Err(error) => return Check::failed("cgroups", error.to_string(), "Mount cgroup v2."),
    };
    let shown = own.display();
    match access(&own, AccessFlags::W_OK) {
        Ok(()) => Check::ok("cgroups", format!("v2, and {shown} can be added to")),
        Err(_) if !bed.root => Check::ok("cgroups", "v2"),
        Err(error) => Check::failed(
            "cgroups",
            format!("{shown}: {error}"),
            "Under systemd: Delegate=yes, and no ProtectControlGroups=. In a container: mount \
             /sys/fs/cgroup writable.",
        ),
    }
}

fn bpffs() -> Check {
    match statfs(BPFFS) {
        Ok(known) if known.filesystem_type() == BPF_FS_MAGIC => Check::ok("bpffs", BPFFS),
        _ => Check::warning(
            "bpffs",
            format!(
                "nothing is mounted at {BPFFS}: prxy mounts it for itself, and its pins end with it"
            ),
            format!("mount -t bpf bpf {BPFFS}"),
        ),
    }
}

/// Certificates are judged by the wall clock.
fn clock() -> Check {
    if now() < BUILT_AFTER {
        return Check::failed(
            "clock",
            "the wall clock is behind: no provider's certificate will be valid",
            "Set it, and let something like systemd-timesyncd keep it.",
        );
    }
    match synchronised() {
        Sync::Yes => Check::ok("clock", "synchronised, as the kernel says"),
        Sync::No => Check::warning(
            "clock",
            "the kernel does not know it to be synchronised",
            "Certificates and cost limits go by it: let something like systemd-timesyncd keep it.",
        ),
        Sync::Unknown => Check::ok("clock", "set; whether it is synchronised cannot be asked here"),
    }
}

fn daemon(bed: &Bed<'_>) -> Check {
    let dir = bed.data_dir.display();
    if !bed.runs() {
        return Check::warning(
            "daemon",
            format!("none runs on {dir}"),
            "systemctl start prxy; if it does not stay: journalctl -u prxy",
        );
    }
    match (bed.seen.broken.as_slice(), bed.seen.unknown.as_slice()) {
        ([], []) => Check::ok("daemon", format!("runs on {dir}, and all layers hold")),
        ([], unknown) => Check::warning(
            "daemon",
            format!("runs on {dir}; {} things could not be read", unknown.len()),
            "sudo prxy status",
        ),
        (broken, _) => Check::failed("daemon", broken.join("; "), "prxy status says all of it."),
    }
}

const BPFFS: &str = "/sys/fs/bpf";
/// What the warden starts with (capabilities(7)).
const CAPABILITIES: &[(&str, u32)] = &[
    ("CAP_BPF", 39),
    ("CAP_NET_ADMIN", 12),
    ("CAP_SYS_ADMIN", 21),
    ("CAP_SETUID", 7),
    ("CAP_SETGID", 6),
];
/// 2026-01-01: before this program was.
const BUILT_AFTER: i64 = 1_767_225_600;
