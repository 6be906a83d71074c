//! A whole state made anew beside the old one, and put in its place by one system call: after a
//! crash there is the one or the other, never half of each.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use rusqlite::{Connection, params};

use super::blob::{self, Blobs};
use super::key::{Access, HEADER, Key, Secret};
use super::{BLOBS, FILE, StoreError, connect, schema};

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// So much of the database is copied, in bytes.
    Copy(u64, u64),
    /// The copy is read and compared.
    Check,
    /// So many of the blobs are copied.
    Blobs(u64, u64),
    /// Everything is on the disk.
    Done,
}

/// Is told how far it is, and may end it.
pub type Told<'a> = &'a (dyn Fn(Step) -> Result<(), StoreError> + Sync);

/// Copies the state in `dir` into the empty directory `fresh`, encrypted with `to` or not at all,
/// and reads it back. Changes nothing in `dir`; nobody else may write there meanwhile.
///
/// # Errors
/// `from` does not open it, there is none, or the copy could not be made or is not the same.
pub fn convert(
    dir: &Path,
    fresh: &Path,
    from: &Access,
    to: Option<&Secret>,
    told: Told<'_>,
) -> Result<(), StoreError> {
    let old = dir.join(FILE);
    old.symlink_metadata().map_err(|source| unusable(&old, source))?;
    let from = Key::find(dir, from)?;
    // Through its write-ahead log, if a crash has left one.
    let source = connect(&old, from.as_ref())?;
    source.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    let version: i64 = source.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if !(0..=schema::VERSION).contains(&version) {
        return Err(StoreError::TooNew { found: version, known: schema::VERSION });
    }
    let to = to.map(|secret| Key::make(fresh, secret)).transpose()?;
    let new = fresh.join(FILE);
    make(&new)?;
    copy(&source, &old, &new, to.as_ref(), version, told)?;
    told(Step::Check)?;
    same(&source, &new, to.as_ref())?;
    drop(source);

    let blobs = Blobs::open(&dir.join(BLOBS), from.as_ref().map(Key::seal));
    let copies = Blobs::open(&fresh.join(BLOBS), to.as_ref().map(Key::seal));
    let whole = blob::files(&dir.join(BLOBS))?.len() as u64;
    let mut done = 0;
    blobs.each(&mut |id, content| {
        copies.put(content)?;
        if copies.get(id)?.as_deref() != Some(content) {
            return Err(StoreError::Damaged(*id));
        }
        done += 1;
        told(Step::Blobs(done, whole))
    })?;
    others(dir, fresh)?;
    sync(&new)?;
    sync(fresh)?;
    told(Step::Done)
}

/// Puts `fresh` in the place of `dir`, and `dir` in that of `fresh`, at once and for good.
///
/// # Errors
/// Those of `renameat2(2)`; both are as they were then.
pub fn exchange(dir: &Path, fresh: &Path) -> io::Result<()> {
    renameat2(AT_FDCWD, fresh, AT_FDCWD, dir, RenameFlags::RENAME_EXCHANGE)?;
    match dir.parent() {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

/// Everything into the new file, in one statement.
fn copy(
    source: &Connection,
    old: &Path,
    new: &Path,
    key: Option<&Key>,
    version: i64,
    told: Told<'_>,
) -> Result<(), StoreError> {
    let name = new.to_str().ok_or_else(|| unusable(new, io::ErrorKind::InvalidFilename.into()))?;
    let spelled = key.map(Key::spelled);
    // An empty key is none.
    let spelled = spelled.as_ref().map_or("", |spelled| spelled.as_str());
    source.execute("ATTACH ?1 AS fresh KEY ?2", params![name, spelled])?;
    let size = |path: &Path| fs::metadata(path).map_or(0, |known| known.len());
    let (whole, ended) = (size(old), AtomicBool::new(false));
    told(Step::Copy(0, whole))?;
    let exported = thread::scope(|scope| {
        scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                thread::park_timeout(TELL_EVERY);
                // Who wants to end it is heard at the next step.
                let _ = told(Step::Copy(size(new).min(whole), whole));
            }
        });
        let exported = source.query_row("SELECT sqlcipher_export('fresh')", [], |_| Ok(()));
        ended.store(true, Ordering::Relaxed);
        exported
    });
    exported?;
    source.pragma_update(Some("fresh"), "user_version", version)?;
    source.execute("DETACH fresh", [])?;
    told(Step::Copy(whole, whole))
}

/// Whether the new file, opened as the daemon will, is sound and has every row.
fn same(source: &Connection, new: &Path, key: Option<&Key>) -> Result<(), StoreError> {
    let copied = connect(new, key)?;
    let sound: String = copied.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if sound != "ok" || summary(source)? != summary(&copied)? {
        return Err(StoreError::Strange { path: new.to_owned() });
    }
    // Into its own file, and the log away.
    copied.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok(())
}

/// Every table and index as it was made, with its rows counted.
fn summary(connection: &Connection) -> Result<Vec<(String, i64)>, StoreError> {
    let mut tables = connection.prepare(
        "SELECT type || ' ' || name || ' ' || coalesce(sql, ''), name, type FROM sqlite_schema
         WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY 1",
    )?;
    let rows = tables.query_map([], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?))
    })?;
    let mut all = Vec::new();
    for row in rows {
        let (sql, name, kind) = row?;
        let quoted = name.replace('"', "\"\"");
        let count = match kind.as_str() {
            "table" => {
                let ask = format!("SELECT count(*) FROM \"{quoted}\"");
                connection.query_row(&ask, [], |row| row.get(0))?
            }
            _ => 0,
        };
        all.push((sql, count));
    }
    Ok(all)
}

/// What else is in the directory; copies that an upgrade has left are not taken along.
fn others(dir: &Path, fresh: &Path) -> Result<(), StoreError> {
    for path in blob::files(dir)? {
        let name = path.file_name().unwrap_or_default();
        let text = name.to_string_lossy();
        let ours = text == HEADER || text == BLOBS || text.starts_with(FILE);
        if !ours && !text.starts_with(blob::UNFINISHED) {
            carry(&path, &fresh.join(name))?;
        }
    }
    Ok(())
}

/// A file or a whole directory; links are left behind.
fn carry(from: &Path, to: &Path) -> Result<(), StoreError> {
    let known = from.symlink_metadata().map_err(|source| unusable(from, source))?;
    if known.is_dir() {
        let made = fs::DirBuilder::new().mode(0o700).create(to);
        made.map_err(|source| unusable(to, source))?;
        for path in blob::files(from)? {
            carry(&path, &to.join(path.file_name().unwrap_or_default()))?;
        }
    } else if known.is_file() {
        fs::copy(from, to).map_err(|source| unusable(to, source))?;
    } else {
        return Ok(());
    }
    sync(to)
}

/// An empty file for its owner alone, before SQLite makes one.
pub(super) fn make(path: &Path) -> Result<(), StoreError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options.open(path).map(drop).map_err(|source| unusable(path, source))
}

pub(super) fn sync(path: &Path) -> Result<(), StoreError> {
    let synced = File::open(path).and_then(|file| file.sync_all());
    synced.map_err(|source| unusable(path, source))
}

fn unusable(path: &Path, source: io::Error) -> StoreError {
    StoreError::Unusable { path: path.to_owned(), source }
}

const TELL_EVERY: Duration = Duration::from_millis(200);
