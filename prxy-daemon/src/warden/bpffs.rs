//! Where links are pinned: a directory on bpffs that only root can enter.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix::mount::{MsFlags, mount};
use nix::sys::statfs::{BPF_FS_MAGIC, statfs};

use super::{During, WardenError, identity};

/// The pins of one daemon: one folder per start, so that new links are in force before the old
/// ones go.
#[derive(Debug)]
pub(crate) struct Pins {
    instance: PathBuf,
    current: PathBuf,
}

impl Pins {
    /// Where the pins of a data directory's daemon are.
    pub(crate) fn of(data_dir: &Path) -> PathBuf {
        Path::new(PINS).join(identity::instance_of(data_dir))
    }

    /// Makes a fresh folder, mounting bpffs at its usual place if nothing is mounted there.
    pub(crate) fn make(instance: &str) -> Result<Self, WardenError> {
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
        let started = crate::sys::time::monotonic().as_nanos();
        let current = instance.join(started.to_string());
        for dir in [pins, &instance, &current] {
            match fs::create_dir(dir) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(WardenError::new(step, error));
                }
                _ => fs::set_permissions(dir, Permissions::from_mode(0o700)).during(step)?,
            }
        }
        Ok(Self { instance, current })
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

    /// Removes what earlier starts left. Their links go with their pins.
    pub(crate) fn remove_older(&self) -> io::Result<usize> {
        let mut removed = 0;
        for entry in fs::read_dir(&self.instance)? {
            let path = entry?.path();
            if path != self.current {
                remove(&path)?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Removes everything, after the last process is gone.
    pub(crate) fn remove_all(&self) -> io::Result<()> {
        remove(&self.current)?;
        fs::remove_dir(&self.instance)
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
