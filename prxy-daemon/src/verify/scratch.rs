//! What a run makes on this machine beside its namespaces, and takes away again: a directory, a
//! cgroup with the real policy on it, and one without.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::unistd::{Pid, getpid};
use prxy_common::{Event, Role};

use super::VerifyError;
use super::ground::{NAMESERVER, PROVIDER, PROVIDER_V6};
use super::world::World;
use crate::config::{Config, Sources};
use crate::sys::cgroup::Cgroup;
use crate::sys::{bpf, random};
use crate::warden::front;
use crate::warden::identity::Home;
use crate::warden::kernel::Kernel;
use crate::warden::plan::{Places, Plan};
use crate::warden::{During, WardenError};

/// Everything of one run; removed when dropped.
pub(super) struct Scratch {
    kernel: Option<Kernel>,
    free: Option<Cgroup>,
    places: Places,
    config: Config,
    nameservers: Vec<SocketAddr>,
    dir: Directory,
    /// Locks the data directory.
    _home: Home,
}

impl Scratch {
    /// Attaches the policy for the world's provider and nameserver, exactly as the daemon would.
    pub(super) fn make(world: &World) -> Result<Self, VerifyError> {
        let dir = Directory::make()?;
        let file = dir.path.join("config.yaml");
        fs::write(&file, configuration()).during("write a scratch configuration")?;
        let nothing = |_: &str| None::<OsString>;
        let sources = Sources {
            config: Some(file),
            listen: None,
            data_dir: Some(dir.path.clone()),
            env: &nothing,
            root: true,
        };
        let config = Config::load(&sources).during("read the scratch configuration")?;
        let nameservers = config.nameservers.clone();
        Self::in_dir(dir, config, nameservers, Some(world))
    }

    /// Attaches the policy of another configuration, in a directory of its own and without a
    /// listener.
    pub(super) fn of(config: Config, nameservers: Vec<SocketAddr>) -> Result<Self, VerifyError> {
        Self::in_dir(Directory::make()?, config, nameservers, None)
    }

    fn in_dir(
        dir: Directory,
        config: Config,
        nameservers: Vec<SocketAddr>,
        world: Option<&World>,
    ) -> Result<Self, VerifyError> {
        let data = dir.path.join("data");
        let config = Config { data_dir: data.clone(), ..config };
        let home = Home::open(&config)?;
        fs::set_permissions(&data, Permissions::from_mode(0o711)).during("open the directory")?;
        let own = Cgroup::own().during("find the cgroup v2 hierarchy")?;
        let mut kernel = Kernel::attach(&home)?;
        // Whatever fails from here on, `scratch` removes.
        let listener = match world {
            Some(world) => world
                .inside
                .within(|| front::bind(&kernel, config.listen).map_err(std::io::Error::other))
                .and_then(|listener| listener.local_addr()),
            None => Ok(SocketAddr::from(([127, 0, 0, 1], 0))),
        };
        let name = format!("prxy-verify-{}", home.instance());
        let free = Cgroup::make(&own.join(name));
        let set_up = |kernel: &mut Kernel| -> Result<(), WardenError> {
            kernel.close_front(listener.during("listen in the scratch world")?)?;
            kernel.install(&config, &nameservers)
        };
        let ready = set_up(&mut kernel);
        let (places, kernel) = (kernel.places(&home), Some(kernel));
        let scratch =
            Self { places, free: free.ok(), config, nameservers, dir, kernel, _home: home };
        ready?;
        Ok(scratch)
    }

    /// A role's confinement.
    pub(super) fn plan(&self, role: Role) -> Plan {
        Plan::of(role, &self.config, &self.nameservers, &self.places)
    }

    /// A role's cgroup, under the policy.
    pub(super) fn group(&self, role: Role) -> Result<&Cgroup, VerifyError> {
        match &self.kernel {
            Some(kernel) => Ok(kernel.group(role)?),
            None => Err(VerifyError::Interrupted),
        }
    }

    /// A cgroup that no program is attached to.
    pub(super) fn free(&self) -> Result<&Cgroup, VerifyError> {
        self.free.as_ref().ok_or(VerifyError::Interrupted)
    }

    /// What the kernel has reported since the last time, and how much did not fit.
    pub(super) fn events(&mut self) -> Vec<Event> {
        let Some(kernel) = &mut self.kernel else { return Vec::new() };
        kernel.logger.flush();
        let mut events = Vec::new();
        while let Some(item) = kernel.events.next() {
            events.extend(bpf::read_event(&item));
        }
        events
    }

    /// Whether every program is still in force.
    pub(super) fn holds(&self) -> bool {
        self.kernel.as_ref().is_some_and(|kernel| kernel.loss().is_none())
    }

    /// A directory that everyone may write to.
    pub(super) fn open_dir(&self) -> PathBuf {
        self.dir.path.join("open")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if self.dir.owner != getpid() {
            return;
        }
        if let Some(kernel) = self.kernel.take() {
            for role in Role::ALL {
                drop(kernel.group(*role).map(|group| remove_below(group.path())));
            }
            kernel.abandon();
        }
        if let Some(free) = self.free.take() {
            remove_below(free.path());
            drop(free.kill());
            drop(free.remove());
        }
    }
}

/// What attempts have made below a cgroup.
fn remove_below(group: &Path) {
    for entry in fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_below(&entry.path());
            drop(fs::remove_dir(entry.path()));
        }
    }
}

/// A directory that goes when this does, in the process that has made it.
struct Directory {
    path: PathBuf,
    owner: Pid,
}

impl Directory {
    fn make() -> Result<Self, VerifyError> {
        let step = "make a scratch directory";
        let name = u64::from_ne_bytes(random::bytes().during(step)?);
        let path = std::env::temp_dir().join(format!("prxy-verify-{name:016x}"));
        // Roles of other users reach their part of it by name.
        DirBuilder::new().mode(0o711).create(&path).during(step)?;
        let directory = Self { path, owner: getpid() };
        fs::set_permissions(&directory.path, Permissions::from_mode(0o711)).during(step)?;
        let open = directory.path.join("open");
        fs::create_dir(&open).during(step)?;
        fs::set_permissions(&open, Permissions::from_mode(0o1777)).during(step)?;
        Ok(directory)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if self.owner == getpid() {
            drop(fs::remove_dir_all(&self.path));
        }
    }
}

/// Two providers by address, so that no name has to be resolved.
fn configuration() -> String {
    format!(
        "listen: 127.0.0.1:0\n\
         providers:\n\
         \x20 anthropic: {{ base_url: 'https://{PROVIDER}', private: true }}\n\
         \x20 openai: {{ base_url: 'https://[{PROVIDER_V6}]', private: true }}\n\
         dns: {{ nameservers: ['{NAMESERVER}'] }}\n"
    )
}

/// The mount point of cgroup v2.
pub(super) fn cgroup_root() -> Result<PathBuf, VerifyError> {
    let own = Cgroup::own().during("find the cgroup v2 hierarchy")?;
    let text = fs::read_to_string("/proc/self/cgroup").during("find the cgroup v2 hierarchy")?;
    let depth = text
        .lines()
        .find_map(|line| line.strip_prefix("0::/"))
        .map_or(0, |path| Path::new(path).components().count());
    Ok(own.ancestors().nth(depth).unwrap_or(&own).to_owned())
}
