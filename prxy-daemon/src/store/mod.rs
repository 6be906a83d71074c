//! What survives a restart: `prxy.db` in the gateway's directory, an SQLite database.
//!
//! The vault is the only table with raw values, and nothing else may ever hold one.
//!
//! Not for what the values mean (that is `redact`), and only the gateway opens it.

mod admin;
mod anon;
mod answers;
mod archive;
mod backup;
pub mod blob;
mod cache;
mod housekeeping;
mod kept;
mod key;
mod ledger;
pub mod patterns;
mod replace;
mod room;
mod schema;
mod scratch;
mod seal;
mod shelf;
mod similar;
mod spend;
mod vault;

#[cfg(test)]
mod benchmark;
#[cfg(test)]
mod tests;

use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{fmt, io};

use rusqlite::{Connection, ErrorCode, OpenFlags};
use thiserror::Error;

use cache::Cache;
use key::Key;
use scratch::Scratch;

pub use admin::{Entry, Imported, Stats};
pub use anon::{AnonError, AnonStore};
pub use answers::{Answer, Answers, Kind};
pub use archive::{Archive, ArchiveError, Counted};
#[cfg(test)]
pub(crate) use benchmark::{fill_caches, fill_patterns, median, resident};
pub use blob::{BlobId, Blobs};
pub use kept::{Kept, Which};
pub(crate) use key::HEADER;
pub use key::{Access, Secret, SecretError};
pub use replace::{Step, Told, convert, exchange};
pub use room::Limits;
pub use shelf::{Room as ShelfRoom, Shelf};
pub use similar::{Asked, Similar};
pub use spend::{Amount, Day, Limit, Over, Period, Reserved, Spend};
pub use vault::TenantVault;

use crate::redact::Vault;

/// Where the vaults are; clones share it.
#[derive(Clone)]
pub struct Store {
    database: Arc<Database>,
    vaults: Vaults,
    answers: Arc<Answers>,
    patterns: Arc<patterns::Patterns>,
    blobs: Blobs,
    shelf: Arc<Shelf>,
    similar: Arc<Similar>,
}

/// How long a vault lasts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Vaults {
    /// As long as the database.
    Kept,
    /// Every request has one of its own.
    OfRequests,
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
    /// It is encrypted, and nobody has said how to open it.
    #[error("the state is encrypted: give its passphrase or key file")]
    Locked,
    /// It is encrypted with another secret.
    #[error("the passphrase or key file is not the one that the state is encrypted with")]
    WrongKey,
    /// It should be encrypted, and is not.
    #[error("the state is not encrypted, and the configuration demands it; run `prxy encrypt`")]
    NotEncrypted,
    /// What says how the key is made is damaged.
    #[error("{} is damaged, or not ours", path.display())]
    Header {
        /// The file.
        path: PathBuf,
    },
    /// A text is longer than any request.
    #[error("a text has more than {most} bytes")]
    TooLong {
        /// How many it may have.
        most: u64,
    },
    /// A blob is not what was put there.
    #[error("blob {0} is damaged")]
    Damaged(BlobId),
    /// A file in `blob/` is no blob of this state.
    #[error("{} is damaged, or no file of this state", path.display())]
    Strange {
        /// The file.
        path: PathBuf,
    },
    /// There was no randomness, or no memory.
    #[error("a blob cannot be encrypted")]
    Seal,
    /// A label has no numbers left.
    #[error("no number is left for this label")]
    Full,
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
        Self::open_with(dir, &Access::default())
    }

    /// The same for a state that is encrypted, or is to be.
    ///
    /// # Errors
    /// As for [`Self::open`]; and the secret does not open it, or it is not encrypted and should be.
    /// Nothing is changed then.
    pub fn open_with(dir: &Path, access: &Access) -> Result<Self, StoreError> {
        let path = dir.join(FILE);
        let key = match Key::find(dir, access)? {
            None if access.encrypted_only => {
                if path.symlink_metadata().is_ok_and(|known| known.len() > 0) {
                    return Err(StoreError::NotEncrypted);
                }
                Some(Key::make(dir, access.secret.as_ref().ok_or(StoreError::Locked)?)?)
            }
            key => key,
        };
        create(dir, &path).map_err(|source| StoreError::Unusable { path: path.clone(), source })?;
        Self::of(connect(&path, key.as_ref())?, Some((&path, key)))
    }

    /// Opens the `prxy.db` that is in `dir`; `None` if there is none.
    ///
    /// # Errors
    /// As for [`Self::open_with`].
    pub fn open_existing(dir: &Path, access: &Access) -> Result<Option<Self>, StoreError> {
        let path = dir.join(FILE);
        match path.symlink_metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(StoreError::Unusable { path, source }),
            Ok(_) => Self::open_with(dir, access).map(Some),
        }
    }

    /// A store that is forgotten at the end, with nothing on any disk.
    ///
    /// # Errors
    /// There is no memory for it.
    pub fn in_memory() -> Result<Self, StoreError> {
        Self::of(Connection::open_in_memory()?, None)
    }

    /// The same with vaults that are empty, and forgotten with their request.
    #[must_use]
    pub fn of_requests(self) -> Self {
        Self { vaults: Vaults::OfRequests, ..self }
    }

    fn of(
        mut connection: Connection,
        place: Option<(&Path, Option<Key>)>,
    ) -> Result<Self, StoreError> {
        connection.pragma_update(None, "trusted_schema", false)?;
        // What was deleted is not left in the file's free pages.
        connection.pragma_update(None, "secure_delete", true)?;
        // The sandbox has no directory for temporary files.
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        let (path, key) = place.unzip();
        let key = key.flatten();
        schema::migrate(&mut connection, path, key.as_ref())?;
        // Done by a thread of its own, before this many pages are reached: it waits for the disk.
        connection.pragma_update(None, "wal_autocheckpoint", FALLBACK_CHECKPOINT_PAGES)?;
        let (checkpoints, orders) = housekeeping::channel();
        let blobs = match path.and_then(Path::parent) {
            Some(dir) => Blobs::open(&dir.join(BLOBS), key.as_ref().map(Key::seal)),
            None => Blobs::in_memory(),
        };
        blobs.sweep();
        let database = Arc::new(Database {
            connection: Mutex::new(connection),
            cache: Mutex::default(),
            path: path.map(Path::to_owned),
            checkpoints,
            unsaved: AtomicUsize::new(0),
            counted: Mutex::default(),
        });
        housekeeping::start(&database, key.as_ref(), orders)?;
        let answers = Arc::new(Answers::new(Arc::clone(&database)));
        let patterns = Arc::new(patterns::Patterns::new(Arc::clone(&database)));
        let similar = Arc::new(Similar::new(Arc::clone(&database)));
        let shelf = Arc::new(Shelf::new(blobs.clone()));
        Ok(Self { database, vaults: Vaults::Kept, answers, similar, patterns, blobs, shelf })
    }

    /// The vault of one tenant, for one request and its answer.
    pub fn vault(&self, tenant: &str) -> Arc<dyn Vault> {
        match self.vaults {
            Vaults::Kept => {
                // Answers ask what may begin, without looking again.
                self.database.notice_others();
                Arc::new(TenantVault::new(Arc::clone(&self.database), tenant))
            }
            Vaults::OfRequests => Arc::new(Scratch::default()),
        }
    }

    /// How many placeholders there are, of all tenants; `None` if nobody knows.
    ///
    /// Counting takes milliseconds for each hundred thousand, and others wait for it: what was counted
    /// a while ago is said again.
    pub fn count(&self) -> Option<u64> {
        let mut counted = self.database.counted.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, took, entries)) = *counted
            && at.elapsed() < MIN_RECOUNT.max(took * RECOUNT_SHARE)
        {
            return Some(entries);
        }
        let began = Instant::now();
        let connection = self.database.connection();
        let count = connection.query_row("SELECT count(*) FROM entry", [], |row| row.get(0));
        let entries = count.map(i64::cast_unsigned).ok()?;
        *counted = Some((began, began.elapsed(), entries));
        Some(entries)
    }

    /// Of the database; `None` if nobody knows.
    pub fn size(&self) -> Option<u64> {
        let connection = self.database.connection();
        let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        let (pages, size) = (number("page_count").ok()?, number("page_size").ok()?);
        Some(pages.cast_unsigned().saturating_mul(size.cast_unsigned()))
    }

    /// The long texts beside the tables.
    pub fn blobs(&self) -> &Blobs {
        &self.blobs
    }

    /// The same within limits.
    pub fn shelf(&self) -> &Arc<Shelf> {
        &self.shelf
    }

    /// Deletes, now and then, what has not been used for so long.
    ///
    /// # Errors
    /// There is no thread for it.
    pub fn expire_after(&self, unused: Duration) -> Result<(), StoreError> {
        housekeeping::expire(&self.database, unused)
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
            Self::Locked => "store-locked",
            Self::WrongKey => "store-wrong-key",
            Self::NotEncrypted => "store-not-encrypted",
            Self::Header { .. } => "store-header",
            Self::TooLong { .. } => "store-too-long",
            Self::Damaged(_) | Self::Strange { .. } => "store-blob-damaged",
            Self::Seal => "store-seal",
            Self::Full => "store-full",
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

/// One connection does all the reading and writing; what is asked often is answered from memory.
struct Database {
    connection: Mutex<Connection>,
    /// Locked after the connection, never before it.
    cache: Mutex<Cache>,
    /// `None`: in memory only.
    path: Option<PathBuf>,
    checkpoints: SyncSender<()>,
    /// Rows that were written since a checkpoint was asked for.
    unsaved: AtomicUsize,
    /// When entries were counted, how long that took, and how many there were.
    counted: Mutex<Option<(Instant, Duration, u64)>>,
}

impl Database {
    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets what memory has if another process has written. While the connection is busy none
    /// has: whoever holds it has looked, or is about to.
    fn notice_others(&self) {
        if let Ok(connection) = self.connection.try_lock()
            && let Err(error) = self.notice_others_on(&connection)
        {
            tracing::error!(reason = error.reason(), %error, "the vault cannot be read");
            *self.cache() = Cache::default();
        }
    }

    fn notice_others_on(&self, connection: &Connection) -> Result<(), StoreError> {
        let version: i64 =
            connection.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))?;
        let mut cache = self.cache();
        if cache.version != version {
            *cache = Cache::of(version);
        }
        Ok(())
    }

    /// Forgets what memory has.
    fn forget(&self) {
        let mut cache = self.cache();
        *cache = Cache::of(cache.version);
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

/// A connection for reading and writing, with the file's key if it has one.
fn connect(path: &Path, key: Option<&Key>) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let connection = Connection::open_with_flags(path, flags)?;
    if let Some(key) = key {
        key.unlock(&connection)?;
    }
    connection.busy_timeout(BUSY_TIMEOUT)?;
    if connection.is_readonly(rusqlite::MAIN_DB)? {
        return Err(StoreError::ReadOnly { path: path.to_owned() });
    }
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // Commits survive a crash of this process; only a power cut may lose the last of them.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    Ok(connection)
}

/// Makes the file before SQLite does, which would let the umask decide who may read it.
fn create(dir: &Path, path: &Path) -> io::Result<()> {
    // The directory above is for every role: `prxy mask` may be there before the daemon.
    if let Some(data) = dir.parent() {
        DirBuilder::new().recursive(true).mode(0o755).create(data)?;
    }
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

/// Seconds since 1970, as the database has them.
#[expect(clippy::disallowed_methods, reason = "ages are of days, and last over restarts")]
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// Whose a vault is where clients are not told apart.
pub const TENANT: &str = "default";
const FILE: &str = "prxy.db";
const BLOBS: &str = "blob";
const ROWS_PER_CHECKPOINT: usize = 5_000;
const FALLBACK_CHECKPOINT_PAGES: i64 = 20_000;
/// Nobody counts more often.
const MIN_RECOUNT: Duration = Duration::from_secs(5);
/// Nor for more than this part of the time.
const RECOUNT_SHARE: u32 = 200;
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// More than there are in `ledger` and `admin`.
const STATEMENTS: usize = 64;
