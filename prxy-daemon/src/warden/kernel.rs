//! The kernel's policy as the warden holds it: programs attached to the parent cgroup, links
//! pinned, maps kept by descriptor so that they can be filled without any capability.

use std::collections::BTreeSet;
use std::fs::File;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use aya::maps::lpm_trie::Key;
use aya::maps::{Array, HashMap, LpmTrie, MapData, PerCpuArray, RingBuf};
use aya::{Ebpf, EbpfLoader};
use aya_log::EbpfLogger;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use prxy_common::{AllowKey, COUNTERS, Reason, Role, State, counter_index, map};

use super::allowlist::Allowlist;
use super::bpffs::Pins;
use super::drains::Drains;
use super::floor::Layer;
use super::identity::Home;
use super::plan::Places;
use super::programs::Link;
use super::{During, WardenError, floor, programs};
use crate::config::Config;
use crate::link::wire::as_v6;
use crate::sys::cgroup::{Cgroup, Dying};
use crate::sys::{bpf, time};

/// The programs in force and the maps that steer them.
pub(crate) struct Kernel {
    parent: Cgroup,
    dying: Dying,
    _lock: Flock<File>,
    groups: Vec<(Role, Cgroup)>,
    pins: Pins,
    links: Vec<Link>,
    layers: Vec<(&'static Layer, bool)>,
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
        floor::check()?;
        let pins = Pins::lock(home.instance())?;
        let own = Cgroup::own().during("find the cgroup v2 hierarchy")?;
        let own = own.ancestors().find(|path| !is_role_group(path)).unwrap_or(&own);
        let parent = Cgroup::make(&own.join(format!("{GROUP}{}", home.instance())))
            .during("make the parent cgroup (prxy is started as root)")?;
        let lock = lock(&parent)?;
        clear(&parent)?;
        let groups = Role::ALL
            .iter()
            .filter(|role| **role != Role::Unknown)
            .map(|role| Ok((*role, Cgroup::make(&parent.path().join(role.name()))?)))
            .collect::<Result<Vec<_>, crate::sys::cgroup::CgroupError>>()
            .during("make the roles' cgroups")?;
        let dying = parent.dying().during("count removed cgroups")?;
        let pins = pins.begin()?;
        let mut ebpf = EbpfLoader::new()
            .load(programs::OBJECT)
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
        let mut links = programs::attach(&mut ebpf, &parent, &pins)?;
        let unix = programs::attach_unix(&parent, group_of(&groups, Role::Warden)?, &pins)?;
        let layers = floor::layers(unix.is_some());
        links.extend(unix.into_iter().flatten());
        programs::read_back(&links, &groups)?;
        let logger = EbpfLogger::init(&mut ebpf).during("read the kernel programs' log")?;
        bpf::keep_maps_from_children().during("keep the kernel's maps from the roles")?;
        let id = parent.id().during("identify the parent cgroup")?;
        let removed = pins.remove_older(id).during("remove old pins")?;
        if removed > 0 {
            programs::wait_for_detached(&parent)
                .during("detach the programs of an earlier start")?;
            tracing::info!(removed, "replaced the links of an earlier start");
        }
        Ok(Self {
            parent,
            dying,
            _lock: lock,
            groups,
            pins,
            links,
            layers,
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
        group_of(&self.groups, role)
    }

    /// Whether the programs only record: read back from the kernel.
    pub(crate) fn is_log_only(&self) -> Result<bool, WardenError> {
        Ok(self.state.get(&0, 0).during("read the kernel's state")?.log_only != 0)
    }

    /// From now on what the programs deny goes on all the same and is recorded as "would-deny"; or
    /// not any more. To be called after every canary has passed, because those would get through.
    pub(crate) fn set_log_only(&mut self, log_only: bool) -> Result<(), WardenError> {
        self.write(State { log_only: u8::from(log_only), ..self.current })
    }

    /// Every layer that this build knows, and whether the running kernel has it.
    pub(crate) fn layers(&self) -> &[(&'static Layer, bool)] {
        &self.layers
    }

    /// From now on no listener can be made, and the one that was made speaks on its port only.
    /// So does that of the metrics, which is on loopback, if there is one.
    pub(crate) fn close_front(
        &mut self,
        listener: Option<SocketAddr>,
        metrics: Option<SocketAddr>,
    ) -> Result<(), WardenError> {
        let next = State {
            listen_port: listener.map_or(0, |address| address.port()),
            metrics_port: metrics.map_or(0, |address| address.port()),
            front_setup: 0,
            front_loopback: u8::from(listener.is_none_or(|address| address.ip().is_loopback())),
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

    /// Puts the list of another configuration in force, all at once.
    pub(crate) fn replace(&mut self, allowlist: Allowlist) -> Result<(), WardenError> {
        self.allowlist = allowlist;
        self.flip("reload")
    }

    /// The list in force.
    pub(crate) fn allowlist(&self) -> &Allowlist {
        &self.allowlist
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

    /// Takes answers that had to wait, drops what has expired and ends flows that drained long
    /// enough; the routes whose addresses changed.
    pub(crate) fn refresh(&mut self) -> Result<Vec<u16>, WardenError> {
        let now = time::monotonic();
        let changed = self.allowlist.refresh(now);
        if !changed.is_empty() {
            let gone = changed.iter().all(|route| self.allowlist.addresses(*route).is_empty());
            self.flip(if gone { "expired" } else { "resolved" })?;
        }
        let oldest_draining = self.drains.oldest(self.current.generation, now);
        if oldest_draining != self.current.oldest_draining {
            self.write(State { oldest_draining, ..self.current })?;
        }
        Ok(changed)
    }

    /// What of the policy is not in force any more, or would not be without the warden: a link that
    /// was detached, moved or given another program, a pin or a cgroup that is not where it was.
    pub(crate) fn loss(&self) -> Option<String> {
        if self.pins.count().map_or(true, |count| count != self.links.len()) {
            return Some("pins of links are gone".to_owned());
        }
        let link = self.links.iter().find_map(|link| match bpf::link_info(&link.fd) {
            Ok(info) if info == link.info => None,
            Ok(info) if info.cgroup_id == 0 => Some(format!("program {} is detached", link.name)),
            Ok(_) => Some(format!("program {} was replaced", link.name)),
            Err(error) => Some(format!("program {}: {error}", link.name)),
        });
        let group = || {
            let groups = self.groups.iter().map(|(role, group)| (role.name(), group));
            groups
                .chain([("parent", &self.parent)])
                .find(|(_, group)| !group.is_in_place())
                .map(|(name, _)| format!("the {name} cgroup is gone"))
        };
        link.or_else(group)
    }

    /// Kills whoever is in a role's cgroup; that takes no capability.
    pub(crate) fn kill(&self, role: Role) -> Result<(), WardenError> {
        self.group(role)?.kill().during("kill a role")
    }

    /// The programs in force, by the names of their pins.
    pub(crate) fn program_names(&self) -> impl Iterator<Item = &'static str> {
        self.links.iter().map(|link| link.name)
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

    /// Where this daemon keeps what is its own.
    pub(crate) fn places(&self, home: &Home) -> Places {
        Places::new(home.dir(), self.parent.path())
    }

    /// Where the programs are attached.
    pub(crate) fn cgroup(&self) -> &Path {
        self.parent.path()
    }

    /// Where their links are pinned.
    pub(crate) fn pins(&self) -> PathBuf {
        self.pins.path("")
    }

    /// How often each role was judged in each way since the start; zeros are left out.
    pub(crate) fn totals(&self) -> Vec<(Role, Reason, u64)> {
        let pairs = Role::ALL.iter().flat_map(|role| Reason::ALL.iter().map(|why| (*role, *why)));
        pairs
            .map(|(role, reason)| (role, reason, self.sum(counter_index(role, reason))))
            .filter(|(_, _, count)| *count > 0)
            .collect()
    }

    /// The same by [`counter_index`].
    pub(crate) fn decisions(&self) -> Vec<u64> {
        (0..COUNTERS - 1).map(|slot| self.sum(slot)).collect()
    }

    /// Decisions that did not fit into the ring buffer.
    pub(crate) fn lost_events(&self) -> u64 {
        self.sum(COUNTERS - 1)
    }

    /// Removes everything that is ours; what cannot be removed, the next start takes over. Whether
    /// nothing is left in force.
    pub(crate) fn abandon(self) -> bool {
        match self.tear_down() {
            Ok(true) => true,
            Ok(false) => {
                tracing::warn!(
                    "sockets of ended roles still have something to send: the policy stays in \
                     force for them, until the next start on this data directory"
                );
                false
            }
            Err(error) => {
                tracing::warn!(%error, "clean up");
                false
            }
        }
    }

    /// Kills what is left, then removes links and cgroups: the links only when no socket is left
    /// that was made under them. A socket goes on without its process until its peer has taken all
    /// that it was given, and what the policy denies it would leave the moment the policy goes.
    fn tear_down(self) -> std::io::Result<bool> {
        // The warden's own sockets are of this host only, and some are still open.
        let (own, roles): (Vec<_>, Vec<_>) =
            self.groups.into_iter().partition(|(role, _)| *role == Role::Warden);
        for (_, group) in &roles {
            let _ = group.kill();
        }
        for (_, group) in roles {
            group.remove()?;
        }
        let settled = self.dying.end_within(SETTLE).map_err(std::io::Error::other)?;
        if let Some(outside) = self.parent.path().parent() {
            std::fs::write(outside.join("cgroup.procs"), "0")?;
        }
        for (_, group) in own {
            group.remove()?;
        }
        if !settled {
            return Ok(false);
        }
        let all = self.pins.remove_all()?;
        match self.parent.remove() {
            // The hierarchy's root is read-only even to root without capabilities. The empty
            // directory that stays has no links, and the next start takes it over.
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => Ok(all),
            result => result.map(|()| all),
        }
    }

    /// Writes the whole list as a new generation, then lets one word decide.
    ///
    /// A list never changes within its generation: packets of a flow that was seen on it are not
    /// looked up again before the next one.
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

fn group_of(groups: &[(Role, Cgroup)], role: Role) -> Result<&Cgroup, WardenError> {
    groups
        .iter()
        .find_map(|(name, group)| (*name == role).then_some(group))
        .ok_or_else(|| WardenError::new("find a role's cgroup", role.name()))
}

fn take<T: TryFrom<aya::maps::Map>>(ebpf: &mut Ebpf, name: &'static str) -> Result<T, WardenError>
where
    T::Error: std::fmt::Display,
{
    let map = ebpf.take_map(name).ok_or_else(|| WardenError::new("find a kernel map", name))?;
    T::try_from(map).during("open a kernel map")
}

/// A living daemon holds its group by this, also after somebody has removed its data directory and
/// with that the lock in there. The roles do not inherit it.
fn lock(parent: &Cgroup) -> Result<Flock<File>, WardenError> {
    let step = "lock the parent cgroup";
    let dir = File::open(parent.path()).during(step)?;
    Flock::lock(dir, FlockArg::LockExclusiveNonblock).map_err(|(_, error)| match error {
        Errno::EWOULDBLOCK => WardenError::new(step, "another prxy is running in it"),
        other => WardenError::new(step, other),
    })
}

/// Whatever a crashed daemon left in the group is ended before anything new starts.
pub(super) fn clear(parent: &Cgroup) -> Result<(), WardenError> {
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

/// A daemon that restarts itself already stands in a role's group: the new one goes beside it.
/// Others' groups may have similar names, such as the unit `prxy-staging.service`.
fn is_role_group(path: &std::path::Path) -> bool {
    let names = [path.file_name(), path.parent().and_then(|parent| parent.file_name())];
    names.into_iter().flatten().filter_map(|name| name.to_str()?.strip_prefix(GROUP)).any(
        |instance| instance.len() == 8 && instance.bytes().all(|byte| byte.is_ascii_hexdigit()),
    )
}

pub(super) const GROUP: &str = "prxy-";
/// How long a stop waits for what the roles' sockets still have to send.
pub(super) const SETTLE: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn only_groups_of_our_own_are_taken_for_roles() {
        for (path, role) in [
            ("/sys/fs/cgroup/system.slice/prxy.service", false),
            ("/sys/fs/cgroup/system.slice/prxy-staging.service", false),
            ("/sys/fs/cgroup/system.slice/prxy-1.service", false),
            ("/sys/fs/cgroup/prxy-0123abcd", true),
            ("/sys/fs/cgroup/prxy-0123abcd/warden", true),
        ] {
            assert_eq!(is_role_group(Path::new(path)), role, "{path}");
        }
    }
}
