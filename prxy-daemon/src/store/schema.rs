//! The tables, and the way from every older version of them to the newest.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::{fs, io};

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior, params};

use super::key::Key;
use super::ledger::{family_hash, value_hash};
use super::{StoreError, answers, patterns, similar, spend};

/// Brings the database to the newest version, and proves that it can be written. Of an older
/// version at `path` a copy is kept beside it.
pub(super) fn migrate(
    connection: &mut Connection,
    path: Option<&Path>,
    key: Option<&Key>,
) -> Result<(), StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if !(0..=VERSION).contains(&found) {
        return Err(StoreError::TooNew { found, known: VERSION });
    }
    if let Some(path) = path.filter(|_| found > 0 && found < VERSION) {
        // The lock on writing is held: what the copy gets is what is migrated.
        back_up(path, found, key)?;
    }
    match found {
        0 => transaction.execute_batch(TABLES)?,
        1 => from_1(&transaction)?,
        _ => {}
    }
    if found < 3 {
        for tables in ADDED_IN_3 {
            transaction.execute_batch(tables)?;
        }
    }
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()?;
    Ok(())
}

/// Where the copy of a database of this version is kept.
pub(super) fn backup(path: &Path, version: i64) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".version-{version}.bak"));
    name.into()
}

fn back_up(path: &Path, version: i64, key: Option<&Key>) -> Result<(), StoreError> {
    let copy = backup(path, version);
    let unusable = |source: io::Error| StoreError::Unusable { path: copy.clone(), source };
    match fs::remove_file(&copy) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(unusable(error)),
        _ => {}
    }
    // SQLite takes a file that is empty, and would let the umask decide who may read its own.
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&copy);
    made.map_err(unusable)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let reader = Connection::open_with_flags(path, flags)?;
    // The copy gets the same key.
    if let Some(key) = key {
        key.unlock(&reader)?;
    }
    let name = copy.to_str().ok_or_else(|| unusable(io::ErrorKind::InvalidFilename.into()))?;
    reader.execute("VACUUM INTO ?1", params![name])?;
    Ok(())
}

/// Version 1 had one table without an index over values, and one number for each spelling.
fn from_1(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    transaction.execute_batch(TABLES)?;
    transaction.execute_batch(
        "INSERT INTO tenant (name) SELECT DISTINCT tenant FROM vault_counter ORDER BY tenant;
         INSERT INTO counter (tenant, label, last)
             SELECT id, label, last FROM vault_counter JOIN tenant ON tenant.name = tenant;",
    )?;
    let mut old = transaction.prepare(
        "SELECT id, label, number, value, created FROM vault JOIN tenant ON tenant.name = tenant",
    )?;
    let mut new = transaction.prepare(
        "INSERT INTO entry (tenant, label, number, spelling, value, value_hash, family_hash, created, used)
         VALUES (?1, ?2, ?3, 1, ?4, ?5, ?6, ?7, unixepoch())",
    )?;
    let mut rows = old.query([])?;
    while let Some(row) = rows.next()? {
        let (tenant, number, created): (i64, i64, i64) = (row.get(0)?, row.get(2)?, row.get(4)?);
        let (label, value): (String, String) = (row.get(1)?, row.get(3)?);
        let hashes = (value_hash(tenant, &label, &value), family_hash(tenant, &label, &value));
        new.execute(params![tenant, label, number, value, hashes.0, hashes.1, created])?;
    }
    drop(rows);
    drop((old, new));
    transaction.execute_batch("DROP TABLE vault; DROP TABLE vault_counter;")?;
    Ok(())
}

pub(super) const VERSION: i64 = 3;
/// What the modules of the pipeline keep.
const ADDED_IN_3: [&str; 4] = [answers::TABLES, similar::TABLES, spend::TABLES, patterns::TABLES];

// The counter outlives its entries: a number is never given to a second value. An entry without a
// value is a number that somebody typed, and that no value will get.
const TABLES: &str = "
    CREATE TABLE tenant (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
    CREATE TABLE counter (
        tenant INTEGER NOT NULL,
        label TEXT NOT NULL,
        last INTEGER NOT NULL,
        spellings INTEGER NOT NULL DEFAULT 1,
        PRIMARY KEY (tenant, label)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE entry (
        tenant INTEGER NOT NULL,
        label TEXT NOT NULL,
        number INTEGER NOT NULL CHECK (number > 0),
        spelling INTEGER NOT NULL CHECK (spelling > 0),
        value TEXT,
        value_hash INTEGER,
        family_hash INTEGER,
        spellings INTEGER NOT NULL DEFAULT 1,
        created INTEGER NOT NULL,
        used INTEGER NOT NULL,
        PRIMARY KEY (tenant, label, number, spelling)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX entry_value ON entry (value_hash) WHERE value_hash IS NOT NULL;
    CREATE INDEX entry_family ON entry (family_hash) WHERE family_hash IS NOT NULL;
";
