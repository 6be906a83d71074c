//! The data directory, its lock, and the users that roles run as.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown, lchown};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::unistd::{Gid, Uid, User, geteuid};
use prxy_common::Role;

use super::{During, WardenError};
use crate::config::Config;

/// The data directory of one daemon, locked for as long as this lives.
#[derive(Debug)]
pub(crate) struct Home {
    dir: PathBuf,
    instance: String,
    _lock: Flock<File>,
}

impl Home {
    /// Makes and locks the directory; everything in it belongs to whom it should.
    pub(crate) fn open(config: &Config) -> Result<Self, WardenError> {
        let step = "open the data directory";
        fs::create_dir_all(&config.data_dir).during(step)?;
        let dir = config.data_dir.canonicalize().during(step)?;
        let step = "open the data directory";
        let privileged = geteuid().is_root();
        let lock = lock(&dir)?;
        // Whatever was left there by a crash, one of the two is whole: this is the other one.
        remove_all(&fresh_state(&dir)).during(step)?;
        let instance = instance_of(&dir);
        let home = Self { dir, instance, _lock: lock };
        home.own(&home.state(), user(Role::Gateway))?;
        let blobs = home.state().join("blob");
        if blobs.symlink_metadata().is_ok() {
            home.own(&blobs, user(Role::Gateway))?;
        }
        home.own(&home.audit(), privileged.then(|| (Uid::from_raw(0), Gid::from_raw(0))))?;
        Ok(home)
    }

    /// The data directory itself.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The gateway's directory: database and archives.
    pub(crate) fn state(&self) -> PathBuf {
        state(&self.dir)
    }

    /// The warden's directory: the audit log, out of every role's reach.
    pub(crate) fn audit(&self) -> PathBuf {
        audit(&self.dir)
    }

    /// Tells daemons on one host apart: the same for the same directory, also after a crash.
    pub(crate) fn instance(&self) -> &str {
        &self.instance
    }

    fn own(&self, dir: &Path, user: Option<(Uid, Gid)>) -> Result<(), WardenError> {
        let named = |cause: &dyn std::fmt::Display| {
            let cause = format_args!("{}: {cause}", dir.display()).to_string();
            WardenError::new("prepare the data directory", cause)
        };
        let io = |error: io::Error| named(&error);
        match fs::create_dir(dir) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(io(error)),
            _ => {}
        }
        if let Some((uid, gid)) = user
            && is_given(dir, uid, gid).map_err(io)?
        {
            return Ok(());
        }
        // Whoever put a link here would choose what is given away: the directory itself, or none.
        let flags = libc::O_DIRECTORY | libc::O_NOFOLLOW;
        let opened = File::options().read(true).custom_flags(flags).open(dir).map_err(io)?;
        if let Some((uid, gid)) = user {
            let (uid, gid) = (Some(uid.as_raw()), Some(gid.as_raw()));
            fchown(&opened, uid, gid).map_err(io)?;
            for entry in fs::read_dir(dir).map_err(io)? {
                let entry = entry.map_err(io)?;
                let known = entry.metadata().map_err(io)?;
                if known.is_file() && known.nlink() > 1 {
                    return Err(named(&"a file in it has a second name elsewhere"));
                }
                // Symbolic links are given away as such, never what they point to.
                lchown(entry.path(), uid, gid).map_err(io)?;
            }
        }
        opened.set_permissions(Permissions::from_mode(0o700)).map_err(io)
    }
}

/// Whether a directory is its owner's alone and shut to this process, which then has no right to
/// give anything away: a service's, whose files are given out before it starts.
fn is_given(dir: &Path, uid: Uid, gid: Gid) -> io::Result<bool> {
    let known = fs::symlink_metadata(dir)?;
    let owners = (known.uid(), known.gid()) == (uid.as_raw(), gid.as_raw());
    let shut = fs::read_dir(dir).is_err_and(|e| e.kind() == io::ErrorKind::PermissionDenied);
    Ok(known.is_dir() && owners && known.mode() & 0o7777 == 0o700 && shut)
}

/// Keeps every other daemon from this directory, and whatever needs it for itself.
pub(crate) fn lock(dir: &Path) -> Result<Flock<File>, WardenError> {
    let step = "open the data directory";
    if geteuid().is_root() {
        let known = fs::metadata(dir).during(step)?;
        check_owner(known.uid(), known.mode(), geteuid()).during(step)?;
    }
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .custom_flags(libc::O_NOFOLLOW)
        .open(dir.join("prxy.lock"))
        .during(step)?;
    Flock::lock(lock, FlockArg::LockExclusiveNonblock).map_err(|(_, error)| {
        let step = "lock the data directory";
        match error {
            Errno::EWOULDBLOCK => {
                let dir = dir.display();
                WardenError::new(step, format_args!("another prxy is running on {dir}"))
            }
            other => WardenError::new(step, other),
        }
    })
}

/// Where `prxy encrypt` and its like make a new state, and leave the old one until it is gone.
pub(crate) fn fresh_state(dir: &Path) -> PathBuf {
    dir.join("state.new")
}

/// A directory that need not be there.
pub(crate) fn remove_all(dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Whoever may write to the directory could put a socket or a lock of his own in place of ours.
pub(crate) fn check_owner(owner: u32, mode: u32, own: Uid) -> Result<(), String> {
    if owner != own.as_raw() {
        return Err(format!("it belongs to user {owner}; chown it to {own} first"));
    }
    match (mode & 0o020, mode & 0o002) {
        (0, 0) => Ok(()),
        (_, 0) => Err("its group may write to it; chmod g-w it first".to_owned()),
        _ => Err("every user may write to it; chmod o-w it first".to_owned()),
    }
}

/// [`Home::state`] of a data directory.
pub(crate) fn state(dir: &Path) -> PathBuf {
    dir.join("state")
}

/// [`Home::audit`] of a data directory.
pub(crate) fn audit(dir: &Path) -> PathBuf {
    dir.join("audit")
}

/// The user that a role becomes; `None` where this process has no privilege.
///
/// Each role has its own, so that none can signal or trace another. They are high numbers
/// that no account has; the gateway takes the account `prxy` if there is one, because it
/// owns files.
pub(crate) fn user(role: Role) -> Option<(Uid, Gid)> {
    if !geteuid().is_root() {
        return None;
    }
    if role == Role::Gateway
        && let Ok(Some(user)) = User::from_name("prxy")
    {
        return Some((user.uid, user.gid));
    }
    let id = FIRST_ID + role.code();
    Some((Uid::from_raw(id), Gid::from_raw(id)))
}

/// The user of what `prxy exec` runs as a role; `None` where this process has no privilege.
///
/// Not the role's own: what runs beside a living role is not to change its limits, or to open its
/// files by another path. The kernel's policy knows cgroups, not users.
pub(crate) fn guest(role: Role) -> Option<(Uid, Gid)> {
    let id = FIRST_GUEST + role.code();
    geteuid().is_root().then(|| (Uid::from_raw(id), Gid::from_raw(id)))
}

/// The name that the cgroup and the pins of a data directory have.
pub(crate) fn instance_of(dir: &Path) -> String {
    blake3::hash(dir.as_os_str().as_encoded_bytes()).to_hex()[..8].to_owned()
}

/// `0x70727800`: "prx" and a role's number.
const FIRST_ID: u32 = 0x7072_7800;
/// The same for guests, with a number that no role has.
const FIRST_GUEST: u32 = FIRST_ID + 0x80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_directory_that_others_could_change_is_not_used() {
        let root = Uid::from_raw(0);
        assert_eq!(check_owner(0, 0o40_755, root), Ok(()));
        for (owner, mode, told) in [
            (1000, 0o40_700, "belongs to user 1000"),
            (0, 0o40_770, "its group may write"),
            (0, 0o40_757, "every user may write"),
            (0, 0o41_777, "every user may write"),
        ] {
            assert!(check_owner(owner, mode, root).unwrap_err().contains(told), "{owner} {mode:o}");
        }
    }
}
