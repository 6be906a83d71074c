//! What a run makes on this machine beside its namespaces, and takes away again: a directory, a
//! cgroup with the real policy on it, and one without.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::unistd::{Pid, geteuid, getpid};
use prxy_common::{Event, Role};

use super::VerifyError;
use super::ground::{NAMESERVER, PROVIDER, PROVIDER_V6};
use super::world::World;
use crate::config::{Config, Sources};
use crate::sys::cgroup::Cgroup;
use crate::sys::{bpf, random};
use crate::warden::front;
use crate::warden::identity::{self, Home};
use crate::warden::kernel::Kernel;
use crate::warden::plan::{Places, Plan};
use crate::warden::{During, WardenError, inspect};

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

    /// Takes away what runs that were killed have left: their processes first, then the policy that
    /// holds them. What still has something to send is left to the next run.
    fn sweep() {
        for entry in fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
            let (name, path) = (entry.file_name(), entry.path());
            if name.to_string_lossy().starts_with(PREFIX)
                && let Err(error) = sweep(&path)
            {
                eprintln!("prxy: {} is left: {error}", path.display());
            }
        }
    }

    fn in_dir(
        dir: Directory,
        config: Config,
        nameservers: Vec<SocketAddr>,
        world: Option<&World>,
    ) -> Result<Self, VerifyError> {
        Self::sweep();
        let data = dir.path.join("data");
        let config = Config { data_dir: data.clone(), ..config };
        let home = Home::open(&config)?;
        fs::set_permissions(&data, Permissions::from_mode(0o711)).during("open the directory")?;
        let own = Cgroup::own().during("find the cgroup v2 hierarchy")?;
        let mut kernel = Kernel::attach(&home)?;
        // Where clients connect otherwise makes no difference to what is tried here.
        let address = config.listen.tcp.unwrap_or(([127, 0, 0, 1], 0).into());
        // Whatever fails from here on, `scratch` removes.
        let listener = match world {
            Some(world) => world
                .inside
                .within(|| front::bind(&kernel, address, None).map_err(std::io::Error::other))
                .and_then(|listener| listener.local_addr()),
            None => Ok(SocketAddr::from(([127, 0, 0, 1], 0))),
        };
        let name = format!("{PREFIX}{}", home.instance());
        let free = Cgroup::make(&own.join(name));
        let set_up = |kernel: &mut Kernel| -> Result<(), WardenError> {
            kernel.close_front(Some(listener.during("listen in the scratch world")?), None)?;
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
            // The next run looks for what this directory belongs to.
            if !kernel.abandon() {
                self.dir.owner = Pid::from_raw(0);
            }
        }
        if let Some(free) = self.free.take() {
            remove_below(free.path());
            drop(free.kill());
            drop(free.remove());
        }
    }
}

/// Takes away what belongs to the directory of a run that is no more.
fn sweep(dir: &Path) -> Result<(), WardenError> {
    let step = "clear up after a run that was killed";
    let known = fs::symlink_metadata(dir).during(step)?;
    let lock = dir.join("data/prxy.lock");
    let ours = known.is_dir() && known.uid() == geteuid().as_raw() && lock.exists();
    if !ours || is_locked(&lock).during(step)? {
        return Ok(());
    }
    let instance = identity::instance_of(&dir.join("data").canonicalize().during(step)?);
    if inspect::sweep(&instance)? {
        fs::remove_dir_all(dir).during(step)?;
    }
    Ok(())
}

/// Whether the run lives.
fn is_locked(path: &Path) -> io::Result<bool> {
    match Flock::lock(File::open(path)?, FlockArg::LockExclusiveNonblock) {
        Ok(_) => Ok(false),
        Err((_, Errno::EWOULDBLOCK)) => Ok(true),
        Err((_, error)) => Err(error.into()),
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
        let path = std::env::temp_dir().join(format!("{PREFIX}{name:016x}"));
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

/// Of the directories and cgroups of runs.
const PREFIX: &str = "prxy-verify-";

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
