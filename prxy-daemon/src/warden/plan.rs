//! What each role may touch: the one definition that `serve`, `verify` and `exec` share.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use nix::unistd::{Gid, Pid, Uid};
use prxy_common::Role;

use super::identity::Home;
use super::{During, WardenError, confine};
use crate::config::Config;
use crate::sys::clone::Network;
use crate::sys::privilege;
use crate::sys::sandbox::{self, Landlock, Reach};
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

impl Plan {
    /// The confinement of `role` under this configuration.
    pub(crate) fn of(role: Role, config: &Config, nameservers: &[SocketAddr], home: &Home) -> Self {
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
                let reach = Reach { writable: vec![home.state()], ..Reach::default() };
                (Network::Empty, Some(Profile::Serve), Some(reach))
            }
            // Keeps its user and its files: it removes cgroups and pins at the end.
            Role::Warden => (Network::Inherit, Some(Profile::Supervise), None),
            // Lives for one `bind`; what it leaves behind is held by the kernel's policy.
            Role::Front | Role::Unknown => (Network::Inherit, None, None),
        };
        let user = reach.as_ref().and_then(|_| home.user(role));
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

/// The ports that netgate may connect to for as long as it lives: a reload cannot add any.
pub(crate) fn provider_ports(config: &Config) -> BTreeSet<u16> {
    config.providers.iter().map(|provider| provider.port).chain([443]).collect()
}

/// The same for the resolver.
pub(crate) fn nameserver_ports(nameservers: &[SocketAddr]) -> BTreeSet<u16> {
    nameservers.iter().map(SocketAddr::port).chain([53]).collect()
}
