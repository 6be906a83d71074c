//! What each role may touch: the one definition that `serve`, `verify` and `exec` share.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use nix::unistd::{Gid, Pid, Uid};
use prxy_common::Role;

use super::bpffs::{PINS, Pins};
use super::{During, RESOLV_CONF, WardenError, confine, identity};
use crate::config::{Config, Transport};
use crate::sys::clone::Network;
use crate::sys::privilege;
use crate::sys::sandbox::{self, Landlock, Reach, Signals, Use};
use crate::sys::seccomp::{self, Profile};

/// The confinement of one role, apart from its cgroup.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) role: Role,
    pub(crate) network: Network,
    /// The user that it becomes; `None` stays who it is.
    pub(crate) user: Option<(Uid, Gid)>,
    /// Files and TCP ports; `None` is held by permissions only.
    pub(crate) reach: Option<Reach>,
    /// System calls; `None` may make all of them.
    pub(crate) profile: Option<Profile>,
}

/// Where a daemon keeps what is its own.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// The data directory.
    data: PathBuf,
    /// The parent cgroup of the roles.
    cgroup: PathBuf,
}

impl Places {
    pub(crate) fn new(data: &Path, cgroup: &Path) -> Self {
        Self { data: data.to_owned(), cgroup: cgroup.to_owned() }
    }
}

impl Plan {
    /// The confinement of `role` under this configuration.
    pub(crate) fn of(
        role: Role,
        config: &Config,
        nameservers: &[SocketAddr],
        places: &Places,
    ) -> Self {
        let (network, profile, reach) = match role {
            Role::Netgate => {
                let connect = provider_ports(config).into_iter().collect();
                let reach = Reach { connect, ..Reach::default() };
                (Network::Inherit, Some(Profile::Dial), Some(reach))
            }
            Role::Resolver => {
                let connect = nameserver_ports(nameservers).into_iter().collect();
                let reach = Reach { connect, ..Reach::default() };
                (Network::Inherit, Some(Profile::Resolve), Some(reach))
            }
            Role::Broker => (Network::Empty, Some(Profile::Relay), Some(Reach::default())),
            Role::Gateway => {
                let files = vec![(identity::state(&places.data), Use::Keep)];
                let reach = Reach { files, ..Reach::default() };
                (Network::Empty, Some(Profile::Serve), Some(reach))
            }
            // It starts nothing more. Signals stay open for one that the kernel sends in its name: a
            // role ends when the warden does. Calls that signal others are on no list.
            Role::Warden => {
                let files = warden_files(config, places);
                let reach = Reach { files, signals: Signals::Any, ..Reach::default() };
                (Network::Inherit, Some(Profile::Supervise), Some(reach))
            }
            // Lives for one `bind`; what it leaves behind is held by the kernel's policy.
            Role::Front | Role::Unknown => (Network::Inherit, None, None),
        };
        let user = match role {
            // It owns the audit log, cgroups and pins.
            Role::Warden | Role::Front | Role::Unknown => None,
            _ => identity::user(role),
        };
        Self { role, network, user, reach, profile }
    }

    /// Gives up user, capabilities and every way to gain them back; ends with `parent`.
    pub(crate) fn take_rights_away(&self, parent: Option<Pid>) -> Result<(), WardenError> {
        privilege::renounce_gains().during("renounce privilege gains")?;
        if let Some((uid, gid)) = self.user {
            privilege::become_user(uid, gid).during("become the role's user")?;
        }
        privilege::drop_capabilities().during("drop capabilities")?;
        privilege::hide_memory().during("hide memory")?;
        match parent {
            Some(parent) => privilege::die_with(parent).during("tie the role to the warden"),
            None => Ok(()),
        }
    }

    /// Applies every layer after that: files and ports, then system calls.
    pub(crate) fn confine(&self) -> Result<(), WardenError> {
        if let Some(reach) = &self.reach {
            if sandbox::confine(reach).during("confine with Landlock")? == Landlock::Missing {
                tracing::warn!(
                    "this kernel has no Landlock: files are guarded by permissions only"
                );
            } else {
                confine::file_canary()?;
            }
        }
        match self.profile {
            Some(profile) => seccomp::install(profile).during("install the system call filter"),
            None => Ok(()),
        }
    }
}

/// What the warden needs after the start: the log, what a reload reads, and what it takes away at
/// the end. The service manager's socket and `/proc/PID/cgroup` are open by then.
fn warden_files(config: &Config, places: &Places) -> Vec<(PathBuf, Use)> {
    let Places { data, cgroup } = places;
    let mut files = vec![
        (identity::audit(data), Use::Keep),
        (data.clone(), Use::Remove),
        (cgroup.clone(), Use::RemoveEmpty),
        (Pins::of(data), Use::Remove),
        (PINS.into(), Use::RemoveEmpty),
    ];
    for socket in [Some(config.metrics.socket_in(data)), config.listen.unix.clone()] {
        if let Some(folder) = socket.as_deref().and_then(Path::parent) {
            files.push((folder.to_owned(), Use::Remove));
        }
    }
    // Kills roles, and leaves its own group so that it can be removed.
    for role in Role::ALL {
        files.push((cgroup.join(role.name()).join("cgroup.kill"), Use::Write));
    }
    if let Some(outside) = cgroup.parent() {
        files.push((outside.join("cgroup.procs"), Use::Write));
        files.push((outside.to_owned(), Use::RemoveEmpty));
    }
    let mut read = |path: PathBuf| files.push((path, Use::Read));
    match &config.file {
        Some(file) => folders(&file.path).into_iter().for_each(&mut read),
        // One may be written until the reload.
        None => read(data.clone()),
    }
    for provider in &config.providers {
        if let Transport::Tls { ca_file: Some(file), .. } = &provider.transport {
            folders(file).into_iter().for_each(&mut read);
        }
    }
    if config.nameservers.is_empty() {
        // Not `/etc` itself: there is more than this in it.
        let named = PathBuf::from(RESOLV_CONF);
        let real = named.canonicalize().unwrap_or_else(|_| named.clone());
        let folder = real.parent().filter(|folder| Some(*folder) != named.parent());
        read(folder.map_or(real.clone(), Path::to_owned));
    }
    files
}

/// The folders of a file, by its name and where links lead: who edits it may put a new one there.
fn folders(file: &Path) -> Vec<PathBuf> {
    let real = file.canonicalize().ok();
    let mut folders = Vec::new();
    for file in [Some(file.to_owned()), real].into_iter().flatten() {
        match file.parent() {
            // All of a machine is no folder of one's own.
            Some(folder) if folder.parent().is_some() => folders.push(folder.to_owned()),
            _ => folders.push(file),
        }
    }
    folders
}

/// The ports that netgate may connect to for as long as it lives: a reload cannot add any.
pub(crate) fn provider_ports(config: &Config) -> BTreeSet<u16> {
    config.providers.iter().map(|provider| provider.port).chain([443]).collect()
}

/// The same for the resolver.
pub(crate) fn nameserver_ports(nameservers: &[SocketAddr]) -> BTreeSet<u16> {
    nameservers.iter().map(SocketAddr::port).chain([53]).collect()
}
