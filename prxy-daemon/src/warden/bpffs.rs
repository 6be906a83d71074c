//! Where links are pinned: a directory on bpffs that only root can enter.

use std::collections::BTreeSet;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::mount::{MsFlags, mount};
use nix::sys::statfs::{BPF_FS_MAGIC, statfs};

use super::{During, WardenError, identity};
use crate::sys::bpf;

/// The pins of one daemon: one folder per start, so that new links are in force before the old
/// ones go.
#[derive(Debug)]
pub(crate) struct Pins {
    instance: PathBuf,
    current: PathBuf,
    _lock: Flock<File>,
}

/// The folder of one daemon's pins, locked. Whoever shares this bpffs and has a data directory of
/// the same name, as in another mount namespace, would take a living daemon's pins away.
#[derive(Debug)]
pub(crate) struct Locked {
    instance: PathBuf,
    lock: Flock<File>,
}

impl Pins {
    /// Where the pins of a data directory's daemon are.
    pub(crate) fn of(data_dir: &Path) -> PathBuf {
        Path::new(PINS).join(identity::instance_of(data_dir))
    }

    /// Locks the folder of one daemon, mounting bpffs at its usual place if nothing is mounted there.
    pub(crate) fn lock(instance: &str) -> Result<Locked, WardenError> {
        let root = Path::new(BPFFS);
        let step = "find or mount bpffs at /sys/fs/bpf";
        if statfs(root).during(step)?.filesystem_type() != BPF_FS_MAGIC {
            let none: Option<&str> = None;
            let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
            mount(Some("bpf"), root, Some("bpf"), flags, none).during(step)?;
        }
        let step = "make a folder for pins on bpffs";
        let pins = Path::new(PINS);
        let instance = pins.join(instance);
        for dir in [pins, &instance] {
            make(dir).during(step)?;
        }
        let step = "lock the folder for pins on bpffs";
        let dir = File::open(&instance).during(step)?;
        // The kernel lets go of it when the last process that has it open ends; roles have not.
        let lock =
            Flock::lock(dir, FlockArg::LockExclusiveNonblock).map_err(
                |(_, error)| match error {
                    Errno::EWOULDBLOCK => {
                        let cause =
                            "another prxy is running in it, on a data directory of this name";
                        WardenError::new(step, cause)
                    }
                    other => WardenError::new(step, other),
                },
            )?;
        Ok(Locked { instance, lock })
    }

    /// Where a link of this start is pinned.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.current.join(name)
    }

    /// How many links of this start are pinned: whoever removes a pin makes the policy end with the
    /// warden.
    pub(crate) fn count(&self) -> io::Result<usize> {
        fs::read_dir(&self.current).map(Iterator::count)
    }

    /// Removes what earlier starts left. Their links go with their pins, and so only those that
    /// nothing depends on: that are on `parent`, which this start's links hold as well, or on a
    /// cgroup that is gone with the last socket that was made in it.
    pub(crate) fn remove_older(&self, parent: u64) -> io::Result<usize> {
        let mut removed = 0;
        for entry in fs::read_dir(&self.instance)? {
            let path = entry?.path();
            if path != self.current && groups(&path)?.iter().all(|id| [0, parent].contains(id)) {
                remove(&path)?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Removes everything, after the last process and the last socket are gone; whether nothing of
    /// earlier starts is left, which the next one then looks at.
    pub(crate) fn remove_all(&self) -> io::Result<bool> {
        remove(&self.current)?;
        match fs::remove_dir(&self.instance) {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(false),
            result => result.map(|()| true),
        }
    }
}

impl Locked {
    /// Removes the pins of every start, with what nothing depends on any more.
    pub(crate) fn remove_all(self) -> io::Result<()> {
        for entry in fs::read_dir(&self.instance)? {
            remove(&entry?.path())?;
        }
        fs::remove_dir(&self.instance)
    }

    /// Makes the folder of this start.
    pub(crate) fn begin(self) -> Result<Pins, WardenError> {
        let started = crate::sys::time::monotonic().as_nanos();
        let current = self.instance.join(started.to_string());
        make(&current).during("make a folder for pins on bpffs")?;
        Ok(Pins { instance: self.instance, current, _lock: self.lock })
    }
}

/// The folder of the last start of an instance, if there is one.
pub(super) fn newest(instance: &str) -> io::Result<Option<PathBuf>> {
    let mut newest = None;
    for entry in fs::read_dir(Path::new(PINS).join(instance))? {
        let path = entry?.path();
        let started = path.file_name().and_then(|name| name.to_str()?.parse::<u128>().ok());
        newest = newest.max(started.map(|started| (started, path)));
    }
    Ok(newest.map(|(_, path)| path))
}

/// The cgroups that the links in a folder are on, by their numbers; 0 is one that is gone.
pub(super) fn groups(folder: &Path) -> io::Result<BTreeSet<u64>> {
    let entries = fs::read_dir(folder)?;
    entries.map(|entry| Ok(bpf::link_info(&bpf::open_pin(&entry?.path())?)?.cgroup_id)).collect()
}

fn make(dir: &Path) -> io::Result<()> {
    match fs::create_dir(dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => fs::set_permissions(dir, Permissions::from_mode(0o700)),
    }
}

fn remove(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        fs::remove_file(entry?.path())?;
    }
    fs::remove_dir(dir)
}

const BPFFS: &str = "/sys/fs/bpf";
/// Every daemon of this machine has its folder there.
pub(super) const PINS: &str = "/sys/fs/bpf/prxy";
