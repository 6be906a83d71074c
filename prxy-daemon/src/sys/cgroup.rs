//! cgroup v2 directories: found in `/proc/self/mountinfo`, made, entered, removed.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use thiserror::Error;

/// Why there is no usable cgroup.
#[derive(Debug, Error)]
pub enum CgroupError {
    /// No cgroup v2 hierarchy is mounted.
    #[error(
        "no cgroup v2 mount in /proc/self/mountinfo; mount one or boot with systemd (`ip netns exec` hides it, `nsenter --net` does not)"
    )]
    NotMounted,
    /// A file operation failed.
    #[error("{action} {path}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
}

/// One cgroup v2 directory.
#[derive(Debug)]
pub struct Cgroup {
    path: PathBuf,
    dir: File,
}

impl Cgroup {
    /// Where the hierarchy is mounted.
    pub fn root() -> Result<PathBuf, CgroupError> {
        mount_point(&read("/proc/self/mountinfo")?).ok_or(CgroupError::NotMounted)
    }

    /// The cgroup that this process is in.
    pub fn own() -> Result<PathBuf, CgroupError> {
        let mount = Self::root()?;
        let own = read("/proc/self/cgroup")?;
        let relative = own.lines().find_map(|line| line.strip_prefix("0::/")).unwrap_or("");
        Ok(mount.join(relative))
    }

    /// Opens the directory at `path`, making it if it is missing.
    pub fn make(path: &Path) -> Result<Self, CgroupError> {
        match fs::create_dir(path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(source) => return Err(failed("make", path, source)),
        }
        Self::open(path)
    }

    /// Opens the directory at `path`, which is there.
    pub fn open(path: &Path) -> Result<Self, CgroupError> {
        let dir = File::open(path).map_err(|source| failed("open", path, source))?;
        Ok(Self { path: path.to_owned(), dir })
    }

    /// The number by which the kernel's programs know it.
    pub fn id(&self) -> Result<u64, CgroupError> {
        let data = self.dir.metadata().map_err(|source| failed("stat", &self.path, source))?;
        Ok(data.ino())
    }

    /// Whether its path still leads to it: a directory that was removed and made again is another
    /// cgroup, which no program knows.
    pub fn is_in_place(&self) -> bool {
        let found = fs::metadata(&self.path).map(|data| data.ino());
        found.is_ok_and(|found| self.id().is_ok_and(|id| id == found))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The open directory.
    pub fn dir(&self) -> &File {
        &self.dir
    }

    /// Moves the calling process in. Its sockets keep the cgroup that they were created in.
    pub fn enter(&self) -> Result<(), CgroupError> {
        let procs = self.path.join("cgroup.procs");
        fs::write(&procs, "0").map_err(|source| failed("write", &procs, source))
    }

    /// The processes in it.
    pub fn processes(&self) -> Result<Vec<i32>, CgroupError> {
        let text = read(self.path.join("cgroup.procs"))?;
        Ok(text.lines().filter_map(|line| line.parse().ok()).collect())
    }

    /// Opens the count of what was removed below it and is still in use.
    pub fn dying(&self) -> Result<Dying, CgroupError> {
        let path = self.path.join("cgroup.stat");
        let file = File::open(&path).map_err(|source| failed("open", &path, source))?;
        Ok(Dying { file, path })
    }

    /// Kills every process in it and below (Linux 5.14).
    pub fn kill(&self) -> Result<(), CgroupError> {
        let kill = self.path.join("cgroup.kill");
        fs::write(&kill, "1").map_err(|source| failed("write", &kill, source))
    }

    /// Removes the directory as soon as it is empty, waiting for a second at most: a killed
    /// process stays in its cgroup for a moment.
    ///
    /// # Errors
    /// Those of `rmdir(2)`.
    pub fn remove(self) -> io::Result<()> {
        for _ in 0..200 {
            match fs::remove_dir(&self.path) {
                Err(error) if error.raw_os_error() == Some(libc::EBUSY) => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                result => return result,
            }
        }
        Err(io::ErrorKind::ResourceBusy.into())
    }
}

/// The cgroups that were removed below another one and are still in use, as by a socket that has
/// something to send: a closed socket outlives its process and its cgroup's directory.
#[derive(Debug)]
pub struct Dying {
    file: File,
    path: PathBuf,
}

impl Dying {
    /// How many there are now (Linux 4.14).
    pub fn count(&self) -> Result<u64, CgroupError> {
        let text = from_start(&self.file).map_err(|source| failed("read", &self.path, source))?;
        let count = text.lines().find_map(|line| line.strip_prefix("nr_dying_descendants "));
        count
            .and_then(|count| count.trim().parse().ok())
            .ok_or_else(|| failed("read", &self.path, io::ErrorKind::InvalidData.into()))
    }

    /// Waits until there are none; whether that came within `patience`.
    ///
    /// # Errors
    /// As [`Self::count`].
    pub fn end_within(&self, patience: Duration) -> Result<bool, CgroupError> {
        let deadline = Instant::now() + patience;
        while self.count()? > 0 {
            if Instant::now() >= deadline {
                return Ok(false);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(true)
    }
}

/// Where one process is, now and later: its file in `/proc`, opened once.
#[derive(Debug)]
pub struct Membership {
    file: File,
    path: PathBuf,
}

impl Membership {
    /// Opens `/proc/PID/cgroup`; needs no capability.
    pub fn of(pid: i32) -> Result<Self, CgroupError> {
        let path = PathBuf::from(format!("/proc/{pid}/cgroup"));
        let file = File::open(&path).map_err(|source| failed("open", &path, source))?;
        Ok(Self { file, path })
    }

    /// The process's cgroup v2 path; holds also for one that has ended and was not waited for.
    ///
    /// # Errors
    /// The process is no more.
    pub fn now(&self) -> Result<String, CgroupError> {
        let text = from_start(&self.file).map_err(|source| failed("read", &self.path, source))?;
        Ok(text.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or_default().to_owned())
    }
}

/// The mount point of the first cgroup v2 hierarchy, see `proc_pid_mountinfo(5)`.
fn mount_point(mountinfo: &str) -> Option<PathBuf> {
    mountinfo.lines().find_map(|line| {
        let (mount, filesystem) = line.split_once(" - ")?;
        if filesystem.split(' ').next() != Some("cgroup2") {
            return None;
        }
        mount.split(' ').nth(4).map(|path| PathBuf::from(unescape(path)))
    })
}

/// Mount points spell blanks and backslashes as three octal digits.
fn unescape(path: &str) -> String {
    path.replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")
}

/// All of a file that the kernel writes anew each time.
fn from_start(mut file: &File) -> io::Result<String> {
    let mut text = String::new();
    file.rewind()?;
    file.read_to_string(&mut text)?;
    Ok(text)
}

fn read(path: impl AsRef<Path>) -> Result<String, CgroupError> {
    fs::read_to_string(&path).map_err(|source| failed("read", path.as_ref(), source))
}

fn failed(action: &'static str, path: &Path, source: io::Error) -> CgroupError {
    CgroupError::Io { action, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mount_is_found_wherever_it_is() {
        let hybrid = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n\
                      41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw";
        let optional_fields = "30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 none rw";
        let blank = "30 24 0:26 / /mnt/my\\040groups rw - cgroup2 none rw";
        assert_eq!(mount_point(hybrid), Some("/sys/fs/cgroup/unified".into()));
        assert_eq!(mount_point(optional_fields), Some("/sys/fs/cgroup".into()));
        assert_eq!(mount_point(blank), Some("/mnt/my groups".into()));
        assert_eq!(mount_point("31 23 0:28 / /x rw - cgroup cgroup rw"), None);
    }
}
