//! The tables, and the way from every older version of them to the newest.

use rusqlite::{Connection, TransactionBehavior};

use super::StoreError;

/// Brings the database to the newest version, and proves that it can be written.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let known = MIGRATIONS.len() as i64;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let done = usize::try_from(found).ok().filter(|done| *done <= MIGRATIONS.len());
    let Some(done) = done else { return Err(StoreError::TooNew { found, known }) };
    for migration in &MIGRATIONS[done..] {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "user_version", known)?;
    transaction.commit()?;
    Ok(())
}

/// Statement batches from version to version; only ever appended to.
const MIGRATIONS: &[&str] = &[
    // The counter outlives its entries: a number is never given to a second value. That a value
    // has one number only is seen to in memory, under the write lock: an index over the values
    // would cost more than everything else.
    "CREATE TABLE vault (
         tenant TEXT NOT NULL,
         label TEXT NOT NULL,
         number INTEGER NOT NULL CHECK (number > 0),
         value TEXT NOT NULL,
         created INTEGER NOT NULL DEFAULT (unixepoch()),
         PRIMARY KEY (tenant, label, number)
     ) STRICT, WITHOUT ROWID;
     CREATE TABLE vault_counter (
         tenant TEXT NOT NULL,
         label TEXT NOT NULL,
         last INTEGER NOT NULL,
         PRIMARY KEY (tenant, label)
     ) STRICT, WITHOUT ROWID;",
];
