//! A table of answers and its limits: what is too old goes, then what nobody asked for the longest.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior, params};

use super::{Database, StoreError, now};

/// How much is kept, and how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many answers.
    pub max_entries: u64,
    /// Their bodies' bytes.
    pub max_bytes: u64,
    /// How long an answer is given again.
    pub ttl: Duration,
}

/// One table with the columns `id`, `created`, `used` and `bytes`.
pub(super) struct Room {
    table: &'static str,
    /// Of all rows, as far as this process knows.
    entries: AtomicU64,
    bytes: AtomicU64,
    puts: AtomicU64,
}

impl Room {
    pub(super) fn of(table: &'static str) -> Self {
        let unknown = || AtomicU64::new(u64::MAX);
        Self { table, entries: unknown(), bytes: unknown(), puts: AtomicU64::new(0) }
    }

    /// Has `insert` add a row with a body of this size, and keeps the limits.
    pub(super) fn put(
        &self,
        database: &Database,
        size: u64,
        limits: Limits,
        insert: impl FnOnce(&Connection) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        // One answer must not throw out all others.
        if size > limits.max_bytes / 8 {
            return Ok(());
        }
        let mut connection = database.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        insert(&transaction)?;
        if self.puts.fetch_add(1, Ordering::Relaxed).is_multiple_of(PUTS_PER_LOOK) {
            let before = now().saturating_sub_unsigned(limits.ttl.as_secs());
            let delete = format!("DELETE FROM {} WHERE created < ?1", self.table);
            transaction.prepare_cached(&delete)?.execute(params![before])?;
            self.bytes.store(u64::MAX, Ordering::Relaxed);
        }
        let entries = self.entries.load(Ordering::Relaxed).saturating_add(1);
        let bytes = self.bytes.load(Ordering::Relaxed).saturating_add(size);
        let full =
            |(entries, bytes): (u64, u64)| entries > limits.max_entries || bytes > limits.max_bytes;
        let mut sum = (entries, bytes);
        if full(sum) {
            sum = self.total(&transaction)?;
            if full(sum) {
                sum = self.evict(&transaction, sum, limits)?;
            }
        }
        transaction.commit()?;
        self.entries.store(sum.0, Ordering::Relaxed);
        self.bytes.store(sum.1, Ordering::Relaxed);
        database.wrote(1);
        Ok(())
    }

    /// Notes that a row was asked for, if the last note is old.
    pub(super) fn touch(
        &self,
        connection: &Connection,
        id: i64,
        used: i64,
        now: i64,
    ) -> Result<(), StoreError> {
        if used + USED_EVERY <= now {
            let update = format!("UPDATE {} SET used = ?2 WHERE id = ?1", self.table);
            connection.prepare_cached(&update)?.execute(params![id, now])?;
        }
        Ok(())
    }

    /// How many rows there are, and their bytes.
    pub(super) fn total(&self, connection: &Connection) -> Result<(u64, u64), StoreError> {
        let total = format!("SELECT count(*), coalesce(sum(bytes), 0) FROM {}", self.table);
        let mut total = connection.prepare_cached(&total)?;
        let (entries, bytes): (i64, i64) =
            total.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok((entries.unsigned_abs(), bytes.unsigned_abs()))
    }

    /// Deletes until a tenth of what may be kept is free; says how much is left.
    fn evict(
        &self,
        connection: &Connection,
        (mut entries, mut bytes): (u64, u64),
        limits: Limits,
    ) -> Result<(u64, u64), StoreError> {
        let most = |limit: u64| limit - limit / 10;
        let oldest = format!("SELECT id, bytes FROM {} ORDER BY used, id LIMIT ?1", self.table);
        let delete = format!("DELETE FROM {} WHERE id = ?1", self.table);
        loop {
            let mut oldest = connection.prepare_cached(&oldest)?;
            let rows = oldest.query_map(params![AT_ONCE], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let rows = rows.collect::<Result<Vec<(i64, i64)>, _>>()?;
            let mut delete = connection.prepare_cached(&delete)?;
            if rows.is_empty() {
                return Ok((entries, bytes));
            }
            for (id, size) in rows {
                if entries <= most(limits.max_entries) && bytes <= most(limits.max_bytes) {
                    return Ok((entries, bytes));
                }
                delete.execute(params![id])?;
                entries = entries.saturating_sub(1);
                bytes = bytes.saturating_sub(size.unsigned_abs());
            }
        }
    }
}

/// A use is noted if the last note is this old, in seconds.
const USED_EVERY: i64 = 60;
/// What is too old is looked for now and then.
const PUTS_PER_LOOK: u64 = 256;
const AT_ONCE: i64 = 64;
