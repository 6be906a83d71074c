//! What holds, read back from outside: `/proc`, the cgroups and the kernel's own lists.
//!
//! Nothing here takes the daemon's word; what cannot be read is unknown, never fine. Not for what
//! only the warden knows: `status` tells that.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use prxy_common::Role;
use serde::Serialize;

use super::bpffs::{self, Pins};
use super::identity::instance_of;
use super::kernel::{self, GROUP, SETTLE};
use super::programs::{self, PROGRAMS, UNIX};
use super::{During, WardenError};
use crate::sys::bpf;
use crate::sys::cgroup::Cgroup;

/// Everything that was read.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Inspection {
    /// The parent cgroup of the roles, if there is one with a process in it.
    pub(crate) cgroup: Option<PathBuf>,
    pub(crate) roles: Vec<RoleView>,
    pub(crate) programs: Vec<ProgramView>,
    /// Whether the programs only record, as the kernel has it.
    pub(crate) log_only: Option<bool>,
    /// What does not hold.
    pub(crate) broken: Vec<String>,
    /// What could not be read.
    pub(crate) unknown: Vec<String>,
}

/// One role's process; `None` is what could not be read.
#[derive(Debug, Serialize)]
pub(crate) struct RoleView {
    pub(crate) role: &'static str,
    pub(crate) pid: i32,
    pub(crate) uid: Option<u32>,
    pub(crate) gid: Option<u32>,
    /// Of all sets (effective, permitted, inheritable, ambient, bounding), in hexadecimal.
    pub(crate) capabilities: BTreeMap<&'static str, Option<String>>,
    pub(crate) no_new_privs: Option<bool>,
    /// 2 is a filter.
    pub(crate) seccomp_mode: Option<u32>,
    pub(crate) seccomp_filters: Option<u32>,
    /// Whether it is another than the warden's.
    pub(crate) own_network: Option<bool>,
    pub(crate) interfaces: Option<Vec<String>>,
    /// Open sockets by protocol, as the warden's network namespace lists them.
    pub(crate) sockets: Option<BTreeMap<&'static str, usize>>,
}

/// One program on the parent cgroup.
#[derive(Debug, Serialize)]
pub(crate) struct ProgramView {
    pub(crate) name: &'static str,
    /// The programs that the kernel lists for this hook.
    pub(crate) in_force: Option<Vec<u32>>,
    /// What the pinned link runs.
    pub(crate) pinned_program: Option<u32>,
    pub(crate) link: Option<u32>,
    pub(crate) holds: bool,
}

/// Looks at the daemon of a data directory.
pub(crate) fn inspect(data_dir: &Path) -> Inspection {
    let mut seen = Inspection::default();
    let instance = match data_dir.canonicalize() {
        Ok(dir) => instance_of(&dir),
        Err(error) => {
            seen.broken.push(format!("no data directory {}: {error}", data_dir.display()));
            return seen;
        }
    };
    let Some(parent) = group_of(&instance) else {
        seen.broken.push(format!("no daemon runs on {}", data_dir.display()));
        return seen;
    };
    seen.look_at_roles(&parent);
    seen.look_at_programs(&parent, &instance);
    seen.cgroup = Some(parent);
    seen
}

/// The parent cgroup of the daemon that runs on a data directory, and its warden.
pub(crate) fn living(data_dir: &Path) -> Option<(PathBuf, i32)> {
    let instance = instance_of(&data_dir.canonicalize().ok()?);
    let parent = group_of(&instance)?;
    let warden = processes(&parent.join(Role::Warden.name())).ok()?.first().copied()?;
    Some((parent, warden))
}

/// Looks only at the kernel programs on the parent cgroup of a daemon.
pub(crate) fn programs(data_dir: &Path, parent: &Path) -> Inspection {
    let mut seen = Inspection::default();
    seen.look_at_programs(parent, &instance_of(data_dir));
    seen
}

/// The parent cgroup of a daemon, with a process in it. A directory of that name proves nothing
/// where a part of the hierarchy is delegated: it must be root's, and the one that the pinned links
/// are on. Where there are no pins to be read, that is for the programs to tell.
fn group_of(instance: &str) -> Option<PathBuf> {
    let found = find(&Cgroup::root().ok()?, &format!("{GROUP}{instance}"), DEPTH);
    let mut found: Vec<_> = found
        .into_iter()
        .filter_map(|group| Some((fs::symlink_metadata(&group).ok()?, group)))
        .filter(|(known, group)| known.uid() == 0 && has_process(group))
        .collect();
    let pinned = bpffs::newest(instance).ok().flatten();
    let pinned = pinned.and_then(|folder| bpffs::groups(&folder).ok()).unwrap_or_default();
    found.sort_by_key(|(known, _)| !pinned.contains(&known.ino()));
    found.into_iter().next().map(|(_, group)| group)
}

/// Takes away what a daemon that was killed has left in the kernel and nobody will start again;
/// whether all of it is gone.
pub(crate) fn sweep(instance: &str) -> Result<bool, WardenError> {
    let step = "clear up after a run that was killed";
    let pins = Pins::lock(instance)?;
    let root = Cgroup::root().during(step)?;
    for name in [format!("{GROUP}{instance}"), format!("{GROUP}verify-{instance}")] {
        for path in find(&root, &name, DEPTH) {
            if fs::symlink_metadata(&path).during(step)?.uid() != 0 {
                continue;
            }
            let group = Cgroup::open(&path).during(step)?;
            kernel::clear(&group)?;
            group.kill().during(step)?;
            if !group.dying().and_then(|dying| dying.end_within(SETTLE)).during(step)? {
                return Ok(false);
            }
            group.remove().during(step)?;
        }
    }
    pins.remove_all().during(step)?;
    Ok(true)
}

impl Inspection {
    fn look_at_roles(&mut self, parent: &Path) {
        let warden = processes(&parent.join(Role::Warden.name()));
        let Some(warden) = warden.unwrap_or_default().first().copied() else {
            self.broken.push("warden: is not running".into());
            return;
        };
        let network = namespace(warden);
        let inet = Sockets::read(warden);
        for role in Role::ALL.iter().copied().filter(|role| *role != Role::Unknown) {
            let name = role.name();
            let found = match processes(&parent.join(name)) {
                Ok(found) => found,
                Err(error) => {
                    self.broken.push(format!("{name}: its cgroup cannot be read: {error}"));
                    continue;
                }
            };
            match (role, found.as_slice()) {
                // It lives for one `bind`.
                (Role::Front, []) => {}
                (Role::Front, _) => self.broken.push("front: a process is in its cgroup".into()),
                (_, [pid]) => self.look_at_role(role, *pid, network.as_deref(), inet.as_ref()),
                (_, []) => self.broken.push(format!("{name}: is not running")),
                (_, more) => {
                    self.broken.push(format!("{name}: {} processes in its cgroup", more.len()));
                    for pid in more {
                        self.look_at_role(role, *pid, network.as_deref(), inet.as_ref());
                    }
                }
            }
        }
    }

    fn look_at_role(
        &mut self,
        role: Role,
        pid: i32,
        warden_network: Option<&Path>,
        inet: Option<&Sockets>,
    ) {
        let name = role.name();
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let field = |key: &str| {
            let value = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
            value.map(|value| value.trim().to_owned())
        };
        let second = |key: &str| field(key)?.split_whitespace().nth(1)?.parse().ok();
        let number = |key: &str| field(key)?.parse::<u32>().ok();
        let network = namespace(pid);
        let view = RoleView {
            role: name,
            pid,
            uid: second("Uid"),
            gid: second("Gid"),
            capabilities: CAPABILITIES.iter().map(|key| (*key, field(key))).collect(),
            no_new_privs: number("NoNewPrivs").map(|flag| flag == 1),
            seccomp_mode: number("Seccomp"),
            seccomp_filters: number("Seccomp_filters"),
            own_network: warden_network.zip(network).map(|(warden, own)| *warden != *own),
            interfaces: interfaces(pid),
            sockets: inet.and_then(|inet| inet.of(pid)),
        };
        for key in CAPABILITIES {
            let none =
                view.capabilities[key].as_deref().map(|set| set.trim_matches('0').is_empty());
            self.expect(none, name, &format!("without {key}"));
        }
        self.expect(view.no_new_privs, name, "under no-new-privileges");
        self.expect(view.seccomp_mode.map(|mode| mode == 2), name, "under a system call filter");
        match role {
            Role::Gateway | Role::Broker => {
                self.expect(view.own_network, name, "in a network namespace of its own");
                let only_loopback = view.interfaces.as_ref().map(|all| all == &["lo"]);
                self.expect(only_loopback, name, "without network interfaces");
            }
            _ => {}
        }
        if role != Role::Warden {
            let root = nix::unistd::geteuid().is_root();
            self.expect(view.uid.map(|uid| !root || uid != 0), name, "a user other than root");
        }
        let stray = view.sockets.as_ref().map(|all| {
            all.keys().all(|kind| match *kind {
                "raw" | "packet" => false,
                "udp" => role == Role::Resolver,
                _ => role != Role::Warden,
            })
        });
        self.expect(stray, name, "without sockets that it must not have");
        self.roles.push(view);
    }

    fn look_at_programs(&mut self, parent: &Path, instance: &str) {
        let group = fs::File::open(parent);
        let id = group.as_ref().ok().and_then(|group| group.metadata().ok()).map(|data| data.ino());
        let pins = bpffs::newest(instance);
        if let Err(error) = &pins
            && error.kind() == io::ErrorKind::NotFound
        {
            self.broken.push("the folder of pinned links is missing".into());
        }
        let pins = pins.ok().flatten();
        self.look_at_state(pins.as_deref());
        for (name, attach_type) in PROGRAMS.iter().chain(UNIX) {
            let in_force = group.as_ref().ok().map(|g| bpf::attached_programs(g, *attach_type));
            let unheard_of =
                matches!(&in_force, Some(Err(e)) if e.kind() == io::ErrorKind::InvalidInput);
            if unheard_of && UNIX.iter().any(|(unix, _)| unix == name) {
                // This kernel has no such hook, and so nothing was attached to it.
                continue;
            }
            let link = match &pins {
                Some(pins) => {
                    bpf::open_pin(&pins.join(name)).and_then(|l| bpf::link_info(&l)).map(Some)
                }
                None => Ok(None),
            };
            let missing = matches!(&link, Err(e) if e.kind() == io::ErrorKind::NotFound);
            let (in_force, link) = (in_force.and_then(Result::ok), link.ok().flatten());
            let holds = match (&in_force, &link, id) {
                _ if missing => Some(false),
                (Some(list), Some(link), Some(id)) => Some(
                    link.cgroup_id == id
                        && link.attach_type == *attach_type
                        && list.contains(&link.program_id),
                ),
                (Some(list), _, _) if list.is_empty() => Some(false),
                _ => None,
            };
            self.expect(holds, name, "in force by its pinned link");
            self.programs.push(ProgramView {
                name,
                in_force,
                pinned_program: link.as_ref().map(|link| link.program_id),
                link: link.as_ref().map(|link| link.id),
                holds: holds == Some(true),
            });
        }
    }

    /// The kernel's own word for what it does with what it denies.
    fn look_at_state(&mut self, pins: Option<&Path>) {
        let program = pins.and_then(|pins| bpf::open_pin(&pins.join(PROGRAMS[0].0)).ok());
        let program = program.and_then(|link| Some(bpf::link_info(&link).ok()?.program_id));
        match program.map(programs::state_of) {
            Some(Ok(state)) => self.log_only = Some(state.log_only != 0),
            _ => self.unknown.push("kernel: whether it stops what it denies".into()),
        }
        if self.log_only == Some(true) {
            self.broken.push("log-only: violations are recorded and not stopped".into());
        }
    }

    fn expect(&mut self, holds: Option<bool>, who: &str, what: &str) {
        match holds {
            Some(true) => {}
            Some(false) => self.broken.push(format!("{who}: NOT {what}")),
            None => self.unknown.push(format!("{who}: {what}")),
        }
    }
}

/// The sockets of a network namespace, by inode.
struct Sockets(BTreeMap<u64, &'static str>);

impl Sockets {
    fn read(pid: i32) -> Option<Self> {
        let mut all = BTreeMap::new();
        for (file, kind, column) in TABLES {
            // A table that the kernel does not have lists nothing.
            let text = match fs::read_to_string(format!("/proc/{pid}/net/{file}")) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                read => read.ok()?,
            };
            for line in text.lines().skip(1) {
                let inode = line.split_whitespace().nth(*column).and_then(|n| n.parse().ok());
                all.extend(inode.map(|inode: u64| (inode, *kind)));
            }
        }
        Some(Self(all))
    }

    fn of(&self, pid: i32) -> Option<BTreeMap<&'static str, usize>> {
        let mut found = BTreeMap::new();
        for entry in fs::read_dir(format!("/proc/{pid}/fd")).ok()? {
            let Ok(target) = fs::read_link(entry.ok()?.path()) else { continue };
            let target = target.to_string_lossy();
            let inode = target.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']'));
            let kind = inode.and_then(|inode| self.0.get(&inode.parse().ok()?));
            if let Some(kind) = kind {
                *found.entry(*kind).or_default() += 1;
            }
        }
        Some(found)
    }
}

fn namespace(pid: i32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/ns/net")).ok()
}

fn interfaces(pid: i32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/net/dev")).ok()?;
    let name = |line: &str| Some(line.split_once(':')?.0.trim().to_owned());
    Some(text.lines().filter_map(name).collect())
}

fn processes(group: &Path) -> io::Result<Vec<i32>> {
    let text = fs::read_to_string(group.join("cgroup.procs"))?;
    Ok(text.lines().filter_map(|line| line.parse().ok()).collect())
}

fn has_process(parent: &Path) -> bool {
    let roles = Role::ALL.iter().map(|role| processes(&parent.join(role.name())));
    roles.flatten().any(|found| !found.is_empty())
}

/// The directories of this name, at most `depth` below.
fn find(dir: &Path, name: &str, depth: u32) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        if entry.file_name() == name {
            found.push(entry.path());
        } else if depth > 0 {
            found.extend(find(&entry.path(), name, depth - 1));
        }
    }
    found
}

/// `/proc/PID/net/` files with the column of the inode.
const TABLES: &[(&str, &str, usize)] = &[
    ("tcp", "tcp", 9),
    ("tcp6", "tcp", 9),
    ("udp", "udp", 9),
    ("udp6", "udp", 9),
    ("udplite", "udp", 9),
    ("udplite6", "udp", 9),
    ("icmp", "raw", 9),
    ("icmp6", "raw", 9),
    ("raw", "raw", 9),
    ("raw6", "raw", 9),
    ("packet", "packet", 8),
];
const CAPABILITIES: &[&str] = &["CapEff", "CapPrm", "CapInh", "CapAmb", "CapBnd"];
/// Services of users live at five or six.
const DEPTH: u32 = 7;
