//! The data directory, its lock, and the users that roles run as.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
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
    privileged: bool,
    _lock: Flock<File>,
}

impl Home {
    /// Makes and locks the directory; everything in it belongs to whom it should.
    pub(crate) fn open(config: &Config) -> Result<Self, WardenError> {
        let step = "open the data directory";
        fs::create_dir_all(&config.data_dir).during(step)?;
        let dir = config.data_dir.canonicalize().during(step)?;
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(dir.join("prxy.lock"))
            .during(step)?;
        let lock = Flock::lock(lock, FlockArg::LockExclusiveNonblock).map_err(|(_, error)| {
            let step = "lock the data directory";
            match error {
                Errno::EWOULDBLOCK => {
                    let dir = dir.display();
                    WardenError::new(step, format_args!("another prxy is running on {dir}"))
                }
                other => WardenError::new(step, other),
            }
        })?;
        let instance = hex(&blake3::hash(dir.as_os_str().as_encoded_bytes()).as_bytes()[..4]);
        let home = Self { dir, instance, privileged: geteuid().is_root(), _lock: lock };
        home.own(&home.state(), home.user(Role::Gateway))?;
        home.own(&home.audit(), None)?;
        Ok(home)
    }

    /// The gateway's directory: database and archives.
    pub(crate) fn state(&self) -> PathBuf {
        self.dir.join("state")
    }

    /// The warden's directory: the audit log, out of every role's reach.
    pub(crate) fn audit(&self) -> PathBuf {
        self.dir.join("audit")
    }

    /// Tells daemons on one host apart: the same for the same directory, also after a crash.
    pub(crate) fn instance(&self) -> &str {
        &self.instance
    }

    /// The user that a role becomes; `None` where the daemon was started without privilege.
    ///
    /// Each role has its own, so that none can signal or trace another. They are high numbers
    /// that no account has; the gateway takes the account `prxy` if there is one, because it
    /// owns files.
    pub(crate) fn user(&self, role: Role) -> Option<(Uid, Gid)> {
        if !self.privileged {
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

    fn own(&self, dir: &Path, user: Option<(Uid, Gid)>) -> Result<(), WardenError> {
        let step = "prepare the data directory";
        fs::create_dir_all(dir).during(step)?;
        fs::set_permissions(dir, Permissions::from_mode(0o700)).during(step)?;
        if let Some((uid, gid)) = user {
            let (uid, gid) = (Some(uid.as_raw()), Some(gid.as_raw()));
            chown(dir, uid, gid).during(step)?;
            for entry in fs::read_dir(dir).during(step)? {
                // Symbolic links are given away as such, never what they point to.
                std::os::unix::fs::lchown(entry.during(step)?.path(), uid, gid).during(step)?;
            }
        }
        Ok(())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `0x70727800`: "prx" and a role's number.
const FIRST_ID: u32 = 0x7072_7800;
