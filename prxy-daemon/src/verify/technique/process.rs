//! Leaving the confinement as a process: cgroups, namespaces, other processes.

use super::call::at;
use super::{Aim, Failure, Layer, Technique, ip};
use crate::sys::attempt;
use crate::sys::clone::{Clone, Network, into_cgroup};
use crate::verify::ground::ATTACKER;

pub(super) const ROWS: &[Technique] = &[
    Technique::wire("leave-cgroup", "move to the root cgroup, then TCP", "34", FILES, leave_cgroup)
        .root_only_in_namespace("root may write to any cgroup.procs; no role has rights over them"),
    Technique::calls("child-cgroup", "make a cgroup below one's own", "34", FILES, child_cgroup)
        .root_may("a cgroup below inherits the programs, so nothing is gained"),
    Technique::calls("clone-into-cgroup", "a child in the root cgroup", "34", FILES, clone_into)
        .root_may("root may start processes in any cgroup; no role has rights over them"),
    Technique::calls("fork", "another process", "34", &[Layer::Seccomp], fork)
        .root_may("a child is in the same cgroup, so nothing is gained"),
    Technique::calls(
        "user-namespace",
        "new user and network namespace",
        "41",
        &[Layer::Seccomp],
        user_namespace,
    )
    .root_may("the programs follow the cgroup into any namespace"),
];

fn leave_cgroup(aim: &Aim) -> Result<(), Failure> {
    std::fs::write(aim.cgroup_root.join("cgroup.procs"), "0").map_err(at("cgroup.procs"))?;
    ip::tcp(aim, ATTACKER, 443)
}

fn child_cgroup(aim: &Aim) -> Result<(), Failure> {
    let own = std::fs::read_to_string("/proc/self/cgroup").map_err(at("open"))?;
    let own = own.lines().find_map(|line| line.strip_prefix("0::/")).unwrap_or("");
    let child = aim.cgroup_root.join(own).join(format!("child-{}", aim.token));
    std::fs::create_dir(&child).map_err(at("mkdir"))?;
    std::fs::remove_dir(&child).map_err(at("rmdir"))
}

fn clone_into(aim: &Aim) -> Result<(), Failure> {
    let root = std::fs::File::open(&aim.cgroup_root).map_err(at("open"))?;
    match into_cgroup(Some(&root), Network::Inherit).map_err(at("clone3"))? {
        Clone::Child => std::process::exit(0),
        Clone::Parent { pid, .. } => {
            nix::sys::wait::waitpid(pid, None).map_err(at("wait")).map(drop)
        }
    }
}

fn fork(_: &Aim) -> Result<(), Failure> {
    attempt::fork().map_err(at("clone"))
}

fn user_namespace(_: &Aim) -> Result<(), Failure> {
    use nix::sched::{CloneFlags, unshare};
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET).map_err(at("unshare"))
}

const FILES: &[Layer] = &[Layer::Seccomp, Layer::Landlock, Layer::Permission];
