//! What is done off the path of any request: the write-ahead log is moved into the database, and
//! what nobody uses any more is deleted.

use std::fs;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, UNIX_EPOCH};

use rusqlite::{Connection, OpenFlags};

use super::key::Key;
use super::{Database, StoreError, now, schema};

/// Every message asks for one checkpoint.
pub(super) fn channel() -> (SyncSender<()>, Receiver<()>) {
    sync_channel(1)
}

/// Starts the thread that makes checkpoints; it ends with the database. One in memory has none.
pub(super) fn start(
    database: &Arc<Database>,
    key: Option<&Key>,
    orders: Receiver<()>,
) -> Result<(), StoreError> {
    let Some(path) = &database.path else { return Ok(()) };
    remove_old_backups(path);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    if let Some(key) = key {
        key.unlock(&connection)?;
    }
    let run = move || {
        for () in orders {
            // Passive: waits for nobody and lets nobody wait; what it leaves, the next one takes.
            if let Err(error) = connection.execute_batch("PRAGMA wal_checkpoint(PASSIVE)") {
                tracing::warn!(%error, "checkpoint failed");
            }
        }
    };
    spawn("prxy-checkpoint", path, run)
}

/// Starts the thread that deletes what has not been used for so long.
pub(super) fn expire(database: &Arc<Database>, unused: Duration) -> Result<(), StoreError> {
    let path = database.path.clone().unwrap_or_default();
    let database = Arc::downgrade(database);
    let run = move || {
        while let Some(database) = Weak::upgrade(&database) {
            let before = now().saturating_sub_unsigned(unused.as_secs());
            match database.expire(before) {
                Ok(0) => {}
                Ok(entries) => tracing::info!(entries, "vault: entries have expired"),
                Err(error) => {
                    tracing::warn!(reason = error.reason(), %error, "vault: nothing expires");
                }
            }
            drop(database);
            thread::sleep(LOOK_EVERY);
        }
    };
    spawn("prxy-expire", &path, run)
}

/// A thread that ends when there is nothing left to do.
pub(super) fn spawn(
    name: &str,
    path: &Path,
    run: impl FnOnce() + Send + 'static,
) -> Result<(), StoreError> {
    let spawned = thread::Builder::new().name(name.to_owned()).spawn(run);
    spawned.map_err(|source| StoreError::Unusable { path: path.to_owned(), source })?;
    Ok(())
}

/// A copy holds values that have been deleted since.
fn remove_old_backups(path: &Path) {
    for version in 1..schema::VERSION {
        let copy = schema::backup(path, version);
        let made = copy.symlink_metadata().and_then(|copy| copy.modified());
        let made = made.ok().and_then(|made| made.duration_since(UNIX_EPOCH).ok());
        let kept_from = now().saturating_sub_unsigned(KEEP_BACKUPS.as_secs()).cast_unsigned();
        let old = made.is_some_and(|made| made.as_secs() < kept_from);
        if old && let Err(error) = fs::remove_file(&copy) {
            tracing::warn!(%error, "an old copy of the vault cannot be removed");
        }
    }
}

const LOOK_EVERY: Duration = Duration::from_secs(600);
const KEEP_BACKUPS: Duration = Duration::from_secs(30 * 24 * 3600);
