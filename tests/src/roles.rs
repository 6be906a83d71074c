//! The roles of a running daemon, seen from outside: cgroups, processes and what confines them.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// One role: its cgroup and its processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Such as `netgate`.
    pub name: String,
    /// Its cgroup's directory.
    pub cgroup: PathBuf,
    /// The processes in it.
    pub pids: Vec<i32>,
}

/// What `/proc/PID/status` says of a process's rights.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    /// Effective user id.
    pub uid: u32,
    /// Effective group id.
    pub gid: u32,
    /// Supplementary groups.
    pub groups: Vec<u32>,
    /// Effective capabilities.
    pub effective: u64,
    /// Capabilities that an exec could bring back.
    pub bounding: u64,
    /// Whether exec can never gain rights.
    pub no_new_privs: bool,
    /// How many seccomp filters are on.
    pub seccomp_filters: usize,
}

/// The mount point of cgroup v2, from `/proc/self/mountinfo`.
pub fn cgroup_root() -> Result<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mountinfo")?;
    mounts
        .lines()
        .find_map(|line| {
            let (left, right) = line.split_once(" - ")?;
            right.starts_with("cgroup2 ").then(|| left.split(' ').nth(4))?
        })
        .map(PathBuf::from)
        .context("cgroup v2 is not mounted")
}

/// The roles of the daemon whose first process is `pid`, by name.
///
/// They lie in `…/prxy-XXXXXXXX/<role>`; other daemons' are told apart by their processes' parents.
pub fn of_daemon(pid: i32) -> Result<BTreeMap<String, Role>> {
    let mut groups = Vec::new();
    find_groups(&cgroup_root()?, 6, &mut groups);
    let mut roles = BTreeMap::new();
    for group in groups {
        let mut here = Vec::new();
        for entry in fs::read_dir(&group).into_iter().flatten().flatten() {
            let cgroup = entry.path();
            if let Ok(pids) = pids_of(&cgroup) {
                let name = entry.file_name().to_string_lossy().into_owned();
                here.push(Role { name, cgroup, pids });
            }
        }
        if here.iter().flat_map(|r| &r.pids).any(|&p| descends_from(p, pid)) {
            roles.extend(here.into_iter().map(|r| (r.name.clone(), r)));
        }
    }
    if roles.is_empty() {
        bail!("no cgroup named prxy-… holds a process of daemon {pid}");
    }
    Ok(roles)
}

/// The processes of a cgroup.
pub fn pids_of(cgroup: &Path) -> Result<Vec<i32>> {
    let text = fs::read_to_string(cgroup.join("cgroup.procs"))?;
    Ok(text.lines().filter_map(|line| line.parse().ok()).collect())
}

/// The rights of a process.
pub fn rights(pid: i32) -> Result<Rights> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let field = |name: &str| {
        status
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
            .map(str::trim)
            .unwrap_or_default()
    };
    let second = |name| -> Result<u32> {
        Ok(field(name).split_whitespace().nth(1).context("no such id")?.parse()?)
    };
    Ok(Rights {
        uid: second("Uid")?,
        gid: second("Gid")?,
        groups: field("Groups").split_whitespace().filter_map(|g| g.parse().ok()).collect(),
        effective: u64::from_str_radix(field("CapEff"), 16)?,
        bounding: u64::from_str_radix(field("CapBnd"), 16)?,
        no_new_privs: field("NoNewPrivs") == "1",
        seccomp_filters: field("Seccomp_filters").parse().unwrap_or(0),
    })
}

/// Resident memory of a process in KiB: (RSS, PSS).
pub fn memory_kib(pid: i32) -> Result<(u64, u64)> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let field = |name: &str| {
        rollup
            .lines()
            .find_map(|l| l.strip_prefix(name)?.split_whitespace().next()?.parse().ok())
            .unwrap_or(0)
    };
    Ok((field("Rss:"), field("Pss:")))
}

fn find_groups(dir: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if !entry.file_type().is_ok_and(|t| t.is_dir()) {
            continue;
        }
        if entry.file_name().to_string_lossy().starts_with("prxy-") {
            found.push(entry.path());
        }
        if depth > 0 {
            find_groups(&entry.path(), depth - 1, found);
        }
    }
}

fn descends_from(pid: i32, ancestor: i32) -> bool {
    let mut seen = HashSet::new();
    let mut at = pid;
    while at > 1 && seen.insert(at) {
        if at == ancestor {
            return true;
        }
        let status = fs::read_to_string(format!("/proc/{at}/status")).unwrap_or_default();
        let parent = status.lines().find_map(|l| l.strip_prefix("PPid:")?.trim().parse().ok());
        at = parent.unwrap_or(0);
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_rights_are_read() {
        let rights = rights(std::process::id() as i32).unwrap();
        assert_eq!((rights.uid, rights.gid), (0, 0), "the tests run as root");
        assert_ne!(rights.effective, 0);
        let (rss, pss) = memory_kib(std::process::id() as i32).unwrap();
        assert!(rss >= pss && pss > 0);
    }

    #[test]
    fn children_descend_from_us() {
        let me = std::process::id() as i32;
        assert!(descends_from(me, me) && !descends_from(1, me));
        assert!(cgroup_root().unwrap().join("cgroup.procs").exists());
    }
}

/// How many writable mappings of a process hold these bytes.
pub fn copies_in_memory(pid: i32, needle: &[u8]) -> Result<usize> {
    let memory = fs::File::open(format!("/proc/{pid}/mem"))?;
    let mut found = 0;
    for line in fs::read_to_string(format!("/proc/{pid}/maps"))?.lines() {
        let mut words = line.split_whitespace();
        let (Some(range), Some(rights)) = (words.next(), words.next()) else { continue };
        let Some((start, end)) = range.split_once('-') else { continue };
        let number = |hex| u64::from_str_radix(hex, 16).unwrap_or(u64::MAX);
        let (start, end) = (number(start), number(end));
        if !rights.starts_with("rw") || end - start > 1 << 30 {
            continue;
        }
        let mut bytes = vec![0; (end - start) as usize];
        if memory.read_at(&mut bytes, start).is_ok_and(|length| length == bytes.len()) {
            found += usize::from(holds(&bytes, needle));
        }
    }
    Ok(found)
}

/// Whether the bytes stand somewhere in these.
pub fn holds(bytes: &[u8], needle: &[u8]) -> bool {
    let first = |rest: &[u8]| rest.iter().position(|byte| *byte == needle[0]);
    let mut rest = bytes;
    while let Some(at) = first(rest) {
        if rest[at..].starts_with(needle) {
            return true;
        }
        rest = &rest[at + 1..];
    }
    false
}
