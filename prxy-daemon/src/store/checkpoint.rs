//! Moves the write-ahead log into the database, off the path of any request.

use std::path::PathBuf;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use rusqlite::{Connection, OpenFlags};

use super::StoreError;

/// Starts the thread; every message asks for one checkpoint. It ends with its last sender.
pub(super) fn start(path: PathBuf) -> Result<SyncSender<()>, StoreError> {
    let (sender, orders) = sync_channel(1);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&path, flags)?;
    let run = move || {
        for () in orders {
            // Passive: waits for nobody and lets nobody wait; what it leaves, the next one takes.
            if let Err(error) = connection.execute_batch("PRAGMA wal_checkpoint(PASSIVE)") {
                tracing::warn!(%error, "checkpoint failed");
            }
        }
    };
    thread::Builder::new()
        .name("prxy-checkpoint".to_owned())
        .spawn(run)
        .map_err(|source| StoreError::Unusable { path, source })?;
    Ok(sender)
}
