//! What survives a restart: `prxy.db` in the gateway's directory, an SQLite database.
//!
//! The vault is the only table with raw values, and nothing else may ever hold one.
//!
//! Not for what the values mean (that is `redact`), and only the gateway opens it.

mod checkpoint;
mod schema;
mod vault;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{fmt, io};

use rusqlite::{Connection, ErrorCode, OpenFlags};
use thiserror::Error;

pub use vault::TenantVault;

/// The open database; clones share it.
#[derive(Clone)]
pub struct Store {
    database: Arc<Database>,
    tenants: Arc<Mutex<HashMap<String, Arc<TenantVault>>>>,
}

/// Why the database cannot be used; holds no value from it.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The directory or the file cannot be made or opened.
    #[error("cannot open {}: {source}", path.display())]
    Unusable {
        /// The directory or file.
        path: PathBuf,
        /// What the kernel says.
        source: io::Error,
    },
    /// The file is there but must not be written.
    #[error("{} is read-only; the gateway must be able to write it and its directory", path.display())]
    ReadOnly {
        /// The database file.
        path: PathBuf,
    },
    /// The file is damaged or no database; moving it away starts with an empty vault.
    #[error("the database is damaged, or not a database: {0}")]
    Corrupt(#[source] rusqlite::Error),
    /// A later prxy has written it.
    #[error("the database has version {found}, this prxy knows up to {known}; run the later one")]
    TooNew {
        /// The version in the file.
        found: i64,
        /// The newest version that can be read.
        known: i64,
    },
    /// Anything else, such as a full disk.
    #[error("the database failed: {0}")]
    Failed(#[source] rusqlite::Error),
}

impl Store {
    /// Opens `prxy.db` in `dir`, making both where they are missing, for this user alone.
    ///
    /// # Errors
    /// Anything that would keep a value from being stored later: see [`StoreError`].
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(FILE);
        create(dir, &path).map_err(|source| StoreError::Unusable { path: path.clone(), source })?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(&path, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        if connection.is_readonly(rusqlite::MAIN_DB)? {
            return Err(StoreError::ReadOnly { path });
        }
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // Commits survive a crash of this process; only a power cut may lose the last of them.
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "trusted_schema", false)?;
        // The sandbox has no directory for temporary files.
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        schema::migrate(&mut connection)?;
        // Done by a thread of its own, before this many pages are reached: it waits for the disk.
        connection.pragma_update(None, "wal_autocheckpoint", FALLBACK_CHECKPOINT_PAGES)?;
        let checkpoints = checkpoint::start(path)?;
        let database = Arc::new(Database {
            connection: Mutex::new(connection),
            checkpoints,
            unsaved: AtomicUsize::new(0),
        });
        Ok(Self { database, tenants: Arc::default() })
    }

    /// The vault of one tenant; it is read from the database when it is first used.
    pub fn vault(&self, tenant: &str) -> Arc<TenantVault> {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(vault) = tenants.get(tenant) {
            return Arc::clone(vault);
        }
        let vault = Arc::new(TenantVault::new(Arc::clone(&self.database), tenant));
        tenants.insert(tenant.to_owned(), Arc::clone(&vault));
        vault
    }
}

impl StoreError {
    /// A stable word for logs and metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Unusable { .. } => "store-unusable",
            Self::ReadOnly { .. } => "store-read-only",
            Self::Corrupt(_) => "store-corrupt",
            Self::TooNew { .. } => "store-too-new",
            Self::Failed(_) => "store-failed",
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Corrupt(error),
            _ => Self::Failed(error),
        }
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

/// One connection does all the reading and writing; vaults answer from memory.
struct Database {
    connection: Mutex<Connection>,
    checkpoints: SyncSender<()>,
    /// Rows that were written since a checkpoint was asked for.
    unsaved: AtomicUsize,
}

impl Database {
    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts written rows, and asks for a checkpoint now and then.
    fn wrote(&self, rows: usize) {
        if self.unsaved.fetch_add(rows, Ordering::Relaxed) >= ROWS_PER_CHECKPOINT {
            self.unsaved.store(0, Ordering::Relaxed);
            // A full queue means that one is under way.
            let _ = self.checkpoints.try_send(());
        }
    }
}

/// Makes the file before SQLite does, which would let the umask decide who may read it.
fn create(dir: &Path, path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true).mode(0o600).custom_flags(libc::O_NOFOLLOW);
    let file = match options.open(path) {
        // `is_readonly` tells this apart from what is really wrong.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied && path.is_file() => {
            return Ok(());
        }
        opened => opened?,
    };
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        file.set_permissions(Permissions::from_mode(0o600))?;
    }
    Ok(())
}

/// Everybody's, until clients have identities of their own.
pub const TENANT: &str = "default";
const FILE: &str = "prxy.db";
const ROWS_PER_CHECKPOINT: usize = 5_000;
const FALLBACK_CHECKPOINT_PAGES: i64 = 20_000;
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
