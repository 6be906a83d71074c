//! The kernel's policy as the warden holds it: programs attached to the parent cgroup, links
//! pinned, maps kept by descriptor so that they can be filled without any capability.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aya::maps::lpm_trie::Key;
use aya::maps::{Array, HashMap, LpmTrie, MapData, PerCpuArray, RingBuf};
use aya::programs::Program;
use aya::{Ebpf, EbpfLoader, include_bytes_aligned};
use aya_log::EbpfLogger;
use prxy_common::{AllowKey, COUNTERS, Reason, Role, State, counter_index, map};

use super::allowlist::Allowlist;
use super::bpffs::Pins;
use super::drains::Drains;
use super::identity::Home;
use super::{During, WardenError};
use crate::config::Config;
use crate::link::wire::as_v6;
use crate::sys::cgroup::Cgroup;
use crate::sys::{bpf, time};

/// The programs in force and the maps that steer them.
pub(crate) struct Kernel {
    parent: Cgroup,
    groups: Vec<(Role, Cgroup)>,
    pins: Pins,
    links: Vec<OwnedFd>,
    parent_id: u64,
    allow: LpmTrie<MapData, AllowKey, u32>,
    state: Array<MapData, State>,
    counters: PerCpuArray<MapData, u64>,
    /// Decisions, as the kernel reports them.
    pub(crate) events: RingBuf<MapData>,
    /// What the programs say of themselves.
    pub(crate) logger: EbpfLogger<&'static dyn log::Log>,
    current: State,
    allowlist: Allowlist,
    drains: Drains,
    admitted: BTreeSet<String>,
    changes: Vec<Change>,
    flipped: Duration,
}

/// What a new generation changed, for the audit log.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) generation: u32,
    pub(crate) why: &'static str,
    pub(crate) added: Vec<String>,
    pub(crate) removed: Vec<String>,
}

impl Kernel {
    /// Makes the cgroups, attaches every program, pins every link and reads all of it back.
    pub(crate) fn attach(home: &Home) -> Result<Self, WardenError> {
        let own = Cgroup::own().during("find the cgroup v2 hierarchy")?;
        let own = own.ancestors().find(|path| !is_role_group(path)).unwrap_or(&own);
        let parent = Cgroup::make(&own.join(format!("{GROUP}{}", home.instance())))
            .during("make the parent cgroup (prxy is started as root)")?;
        clear(&parent)?;
        let parent_id = parent.id().during("identify the parent cgroup")?;
        let groups = Role::ALL
            .iter()
            .filter(|role| **role != Role::Unknown)
            .map(|role| Ok((*role, Cgroup::make(&parent.path().join(role.name()))?)))
            .collect::<Result<Vec<_>, crate::sys::cgroup::CgroupError>>()
            .during("make the roles' cgroups")?;
        let pins = Pins::make(home.instance())?;
        let mut ebpf = EbpfLoader::new()
            .load(OBJECT)
            .during("load the kernel's maps (needs CAP_BPF and CAP_NET_ADMIN, Linux 6.6)")?;
        let mut roles: HashMap<_, u64, u32> = take(&mut ebpf, map::ROLES)?;
        for (role, group) in &groups {
            let id = group.id().during("identify a role's cgroup")?;
            roles.insert(id, role.code(), 0).during("name the roles to the kernel")?;
        }
        let mut state: Array<_, State> = take(&mut ebpf, map::STATE)?;
        let current = State { generation: 1, front_setup: 1, ..State::default() };
        state.set(0, current, 0).during("write the kernel's state")?;
        let allow = take(&mut ebpf, map::ALLOW)?;
        let counters = take(&mut ebpf, map::COUNTERS)?;
        let events = take(&mut ebpf, map::EVENTS)?;
        let links = attach_all(&mut ebpf, &parent, &pins)?;
        let logger = EbpfLogger::init(&mut ebpf).during("read the kernel programs' log")?;
        bpf::keep_maps_from_children().during("keep the kernel's maps from the roles")?;
        let removed = pins.remove_older().during("remove old pins")?;
        if removed > 0 {
            wait_for_detached(&parent).during("detach the programs of an earlier start")?;
            tracing::info!(removed, "replaced the links of an earlier start");
        }
        Ok(Self {
            parent,
            groups,
            pins,
            links,
            parent_id,
            allow,
            state,
            counters,
            events,
            logger,
            current,
            allowlist: Allowlist::default(),
            drains: Drains::default(),
            admitted: BTreeSet::new(),
            changes: Vec::new(),
            flipped: time::monotonic(),
        })
    }

    /// Moves the warden itself under the policy.
    pub(crate) fn enter_own_cgroup(&self) -> Result<(), WardenError> {
        self.group(Role::Warden)?.enter().during("enter the warden's cgroup")
    }

    /// The cgroup of a role.
    pub(crate) fn group(&self, role: Role) -> Result<&Cgroup, WardenError> {
        self.groups
            .iter()
            .find_map(|(name, group)| (*name == role).then_some(group))
            .ok_or_else(|| WardenError::new("find a role's cgroup", role.name()))
    }

    /// From now on no listener can be made, and the one that was made speaks on its port only.
    pub(crate) fn close_front(&mut self, listener: SocketAddr) -> Result<(), WardenError> {
        let next = State {
            listen_port: listener.port(),
            front_setup: 0,
            front_loopback: u8::from(listener.ip().is_loopback()),
            ..self.current
        };
        self.write(next)
    }

    /// Admits the nameservers and the literal addresses of the configuration.
    pub(crate) fn install(
        &mut self,
        config: &Config,
        nameservers: &[SocketAddr],
    ) -> Result<(), WardenError> {
        self.allowlist = Allowlist::new(config, nameservers);
        self.flip("start")
    }

    /// Takes a nameserver's answer; the addresses that are now in force, if they changed.
    pub(crate) fn admit(
        &mut self,
        route: u16,
        addresses: &[IpAddr],
        ttl: Duration,
    ) -> Result<Option<Vec<IpAddr>>, WardenError> {
        if !self.allowlist.admit(route, addresses, ttl, time::monotonic()) {
            return Ok(None);
        }
        self.flip("resolved")?;
        Ok(Some(self.allowlist.addresses(route)))
    }

    /// Drops what has expired and ends flows that drained long enough; the routes that lost their
    /// addresses.
    pub(crate) fn expire(&mut self) -> Result<Vec<u16>, WardenError> {
        let now = time::monotonic();
        let expired = self.allowlist.expire(now);
        if !expired.is_empty() {
            self.flip("expired")?;
        }
        let oldest_draining = self.drains.oldest(self.current.generation, now);
        if oldest_draining != self.current.oldest_draining {
            self.write(State { oldest_draining, ..self.current })?;
        }
        Ok(expired)
    }

    /// The addresses in force for a route.
    pub(crate) fn addresses(&self, route: u16) -> Vec<IpAddr> {
        self.allowlist.addresses(route)
    }

    /// Whether every program is still attached where it was.
    pub(crate) fn holds(&self) -> bool {
        self.links.iter().all(|link| match bpf::link_info(link) {
            Ok(info) => info.cgroup_id == self.parent_id,
            Err(error) => {
                tracing::error!(%error, "cannot ask a link");
                false
            }
        })
    }

    /// The generation in force.
    pub(crate) fn generation(&self) -> u32 {
        self.current.generation
    }

    /// How long it has been in force.
    pub(crate) fn generation_age(&self) -> Duration {
        time::monotonic().saturating_sub(self.flipped)
    }

    /// How many generations before it may still carry flows.
    pub(crate) fn draining(&self) -> u32 {
        self.current.generation - self.current.oldest_draining.min(self.current.generation)
    }

    /// What generations have changed since this was last asked.
    pub(crate) fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// Where the programs are attached, and where their links are pinned.
    pub(crate) fn places(&self) -> (&Path, PathBuf) {
        (self.parent.path(), self.pins.path(""))
    }

    /// How often each role was judged in each way since the start; zeros are left out.
    pub(crate) fn totals(&self) -> Vec<(Role, Reason, u64)> {
        let pairs = Role::ALL.iter().flat_map(|role| Reason::ALL.iter().map(|why| (*role, *why)));
        pairs
            .map(|(role, reason)| (role, reason, self.sum(counter_index(role, reason))))
            .filter(|(_, _, count)| *count > 0)
            .collect()
    }

    /// Decisions that did not fit into the ring buffer.
    pub(crate) fn lost_events(&self) -> u64 {
        self.sum(COUNTERS - 1)
    }

    /// Removes everything that is ours; what cannot be removed, the next start takes over.
    pub(crate) fn abandon(self) {
        if let Err(error) = self.tear_down() {
            tracing::warn!(%error, "clean up");
        }
    }

    /// Kills what is left, then removes links and cgroups.
    fn tear_down(self) -> std::io::Result<()> {
        for (role, group) in &self.groups {
            if *role != Role::Warden {
                let _ = group.kill();
            }
        }
        if let Some(outside) = self.parent.path().parent() {
            std::fs::write(outside.join("cgroup.procs"), "0")?;
        }
        for (_, group) in self.groups {
            group.remove()?;
        }
        self.pins.remove_all()?;
        match self.parent.remove() {
            // The hierarchy's root is read-only even to root without capabilities. The empty
            // directory that stays has no links, and the next start takes it over.
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => Ok(()),
            result => result,
        }
    }

    /// Writes the whole list as a new generation, then lets one word decide.
    fn flip(&mut self, why: &'static str) -> Result<(), WardenError> {
        let step = "write the allowlist";
        let old = self.current.generation;
        let new = old.wrapping_add(1);
        for entry in self.allowlist.entries() {
            let data = AllowKey::new(new, entry.role, entry.port, as_v6(entry.address).octets());
            let key = Key::new(AllowKey::EXACT_BITS + 128, data);
            self.allow.insert(&key, u32::from(entry.route), 0).during(step)?;
        }
        let now = time::monotonic();
        self.drains.retire(old, now);
        let oldest_draining = self.drains.oldest(new, now);
        self.write(State { generation: new, oldest_draining, ..self.current })?;
        self.flipped = now;
        let admitted: BTreeSet<_> = self.allowlist.entries().map(|e| e.to_string()).collect();
        let added = admitted.difference(&self.admitted).cloned().collect();
        let removed = self.admitted.difference(&admitted).cloned().collect();
        self.changes.push(Change { generation: new, why, added, removed });
        self.admitted = admitted;
        let stale: Vec<_> = self
            .allow
            .keys()
            .filter_map(Result::ok)
            .filter(|key| { key.data() }.generation != new.to_be_bytes())
            .collect();
        for key in stale {
            self.allow.remove(&key).during(step)?;
        }
        Ok(())
    }

    fn write(&mut self, state: State) -> Result<(), WardenError> {
        self.state.set(0, state, 0).during("write the kernel's state")?;
        self.current = state;
        Ok(())
    }

    fn sum(&self, index: u32) -> u64 {
        self.counters.get(&index, 0).map_or(0, |values| values.iter().sum())
    }
}

fn take<T: TryFrom<aya::maps::Map>>(ebpf: &mut Ebpf, name: &'static str) -> Result<T, WardenError>
where
    T::Error: std::fmt::Display,
{
    let map = ebpf.take_map(name).ok_or_else(|| WardenError::new("find a kernel map", name))?;
    T::try_from(map).during("open a kernel map")
}

/// Attaches, pins and reads back every program.
fn attach_all(ebpf: &mut Ebpf, parent: &Cgroup, pins: &Pins) -> Result<Vec<OwnedFd>, WardenError> {
    let mut links = Vec::new();
    for (name, attach_type) in PROGRAMS {
        let program = ebpf
            .program_mut(name)
            .ok_or_else(|| WardenError::new("find a kernel program", name))?;
        let step = "attach a kernel program (needs CAP_BPF and CAP_NET_ADMIN, Linux 6.6)";
        match program {
            Program::CgroupSkb(program) => program.load(),
            Program::CgroupSock(program) => program.load(),
            Program::CgroupSockAddr(program) => program.load(),
            Program::CgroupSockopt(program) => program.load(),
            _ => return Err(WardenError::new("know the type of a kernel program", name)),
        }
        .map_err(|error| WardenError::new(step, chain(&error)))?;
        let fd = program.fd().during(step)?;
        let link = bpf::attach(&fd, parent.dir(), *attach_type).during(step)?;
        bpf::pin(&link, &pins.path(name)).during("pin a link")?;
        let expected = program.info().during("identify a kernel program")?.id();
        let in_force = bpf::attached_programs(parent.dir(), *attach_type).during("read back")?;
        if !in_force.contains(&expected) {
            return Err(WardenError::new("read back: the kernel does not list a program", name));
        }
        links.push(link);
    }
    Ok(links)
}

/// The whole chain of causes: the verifier's log is at its end.
fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

/// Whatever a crashed daemon left in the group is ended before anything new starts.
fn clear(parent: &Cgroup) -> Result<(), WardenError> {
    let step = "end the processes of an earlier daemon";
    let Ok(children) = std::fs::read_dir(parent.path()) else { return Ok(()) };
    for child in children.flatten().filter(|entry| entry.path().is_dir()) {
        let group = Cgroup::make(&child.path()).during(step)?;
        clear(&group)?;
        if !group.processes().during(step)?.is_empty() {
            group.kill().during(step)?;
        }
        group.remove().during(step)?;
    }
    Ok(())
}

/// The kernel lets go of an unpinned link a moment later. Until then the old programs, which do
/// not know the new cgroups, would deny the new listener.
fn wait_for_detached(parent: &Cgroup) -> std::io::Result<()> {
    for (_, attach_type) in PROGRAMS {
        for _ in 0..200 {
            if bpf::attached_programs(parent.dir(), *attach_type)?.len() <= 1 {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    Ok(())
}

/// A daemon that restarts itself already stands in a role's group: the new one goes beside it.
fn is_role_group(path: &std::path::Path) -> bool {
    let names = [path.file_name(), path.parent().and_then(|parent| parent.file_name())];
    names.into_iter().flatten().any(|name| name.to_string_lossy().starts_with(GROUP))
}

const GROUP: &str = "prxy-";

/// Program names in the object, with the kernel's `enum bpf_attach_type`.
pub(crate) const PROGRAMS: &[(&str, u32)] = &[
    ("egress", 1),
    ("ingress", 0),
    ("sock_create", 2),
    ("bind4", 8),
    ("bind6", 9),
    ("connect4", 10),
    ("connect6", 11),
    ("sendmsg4", 14),
    ("sendmsg6", 15),
    ("setsockopt", 22),
];

static OBJECT: &[u8] = include_bytes_aligned!(env!("PRXY_BPF_OBJECT"));
