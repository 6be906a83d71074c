//! Answers that are given again: masked, found by the key of their request.
//!
//! A cache, not a record: whatever fails here is logged and counts as not known.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::{Database, Store, StoreError, now};
use crate::redact::{Name, Number, placeholder};

/// Where answers are kept; clones of the store share it.
pub struct Answers {
    database: Arc<Database>,
    /// Of all answers, as far as this process knows.
    bytes: AtomicU64,
    puts: AtomicU64,
}

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One JSON document.
    Whole,
    /// Server-sent events.
    Events,
    /// A JSON array whose elements come one after the other.
    Array,
}

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// How it is written.
    pub kind: Kind,
    /// What its request said of its form: one that says the same gets the same bytes.
    pub form: String,
    /// The placeholders of its request, in the order of the key.
    pub names: Vec<Name>,
    /// As the provider wrote it.
    pub body: Bytes,
}

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// How many answers.
    pub answers: u64,
    /// Their bodies' bytes.
    pub bytes: u64,
}

impl Answers {
    pub(super) fn new(database: Arc<Database>) -> Self {
        Self { database, bytes: AtomicU64::new(u64::MAX), puts: AtomicU64::new(0) }
    }

    /// The answer to this request, unless it is older than `ttl`.
    pub fn find(&self, key: &[u8; 32], ttl: Duration) -> Option<Answer> {
        let connection = self.database.connection();
        logged(find(&connection, key, now(), ttl)).flatten()
    }

    /// Keeps an answer, and of all only so many bytes: those go first that nobody asked for the longest.
    pub fn put(&self, key: &[u8; 32], answer: &Answer, max_bytes: u64, ttl: Duration) {
        let size = answer.body.len() as u64;
        // One answer must not throw out all others.
        if size > max_bytes / 8 {
            return;
        }
        let mut connection = self.database.connection();
        let mut put = || -> Result<(), StoreError> {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            insert(&transaction, key, answer, now())?;
            if self.puts.fetch_add(1, Ordering::Relaxed).is_multiple_of(PUTS_PER_LOOK) {
                let before = now().saturating_sub_unsigned(ttl.as_secs());
                transaction
                    .prepare_cached("DELETE FROM answer WHERE created < ?1")?
                    .execute(params![before])?;
                self.bytes.store(u64::MAX, Ordering::Relaxed);
            }
            let mut bytes = self.bytes.load(Ordering::Relaxed).saturating_add(size);
            if bytes > max_bytes {
                bytes = total(&transaction)?.bytes;
                if bytes > max_bytes {
                    bytes = evict(&transaction, bytes, max_bytes - max_bytes / 10)?;
                }
            }
            transaction.commit()?;
            self.bytes.store(bytes, Ordering::Relaxed);
            self.database.wrote(1);
            Ok(())
        };
        logged(put());
    }

    /// How much is kept.
    ///
    /// # Errors
    /// The database fails.
    pub fn size(&self) -> Result<Size, StoreError> {
        total(&self.database.connection())
    }

    /// Forgets every answer; says how many there were.
    ///
    /// # Errors
    /// The database fails.
    pub fn clear(&self) -> Result<usize, StoreError> {
        let cleared = self.database.connection().execute("DELETE FROM answer", [])?;
        self.bytes.store(0, Ordering::Relaxed);
        Ok(cleared)
    }
}

impl Kind {
    pub(super) fn code(self) -> u8 {
        match self {
            Self::Whole => 0,
            Self::Events => 1,
            Self::Array => 2,
        }
    }

    pub(super) fn from_code(code: u8) -> Option<Self> {
        [Self::Whole, Self::Events, Self::Array].into_iter().find(|kind| kind.code() == code)
    }
}

impl Store {
    /// The answers that are given again.
    pub fn answers(&self) -> Arc<Answers> {
        Arc::clone(&self.answers)
    }
}

fn find(
    connection: &Connection,
    key: &[u8; 32],
    now: i64,
    ttl: Duration,
) -> Result<Option<Answer>, StoreError> {
    let mut found = connection.prepare_cached(
        "SELECT id, used, kind, form, names, body FROM answer WHERE key = ?1 AND created >= ?2",
    )?;
    let since = now.saturating_sub_unsigned(ttl.as_secs());
    let row = found.query_row(params![key, since], |row| {
        let (id, used): (i64, i64) = (row.get(0)?, row.get(1)?);
        let (kind, form): (u8, String) = (row.get(2)?, row.get(3)?);
        let (names, body): (String, Vec<u8>) = (row.get(4)?, row.get(5)?);
        Ok((id, used, kind, form, names, body))
    });
    let Some((id, used, kind, form, names, body)) = row.optional()? else { return Ok(None) };
    if used + USED_EVERY <= now {
        connection
            .prepare_cached("UPDATE answer SET used = ?2 WHERE id = ?1")?
            .execute(params![id, now])?;
    }
    let (Some(kind), Some(names)) = (Kind::from_code(kind), read(&names)) else { return Ok(None) };
    Ok(Some(Answer { kind, form, names, body: body.into() }))
}

fn insert(
    connection: &Connection,
    key: &[u8; 32],
    answer: &Answer,
    now: i64,
) -> Result<(), StoreError> {
    let Answer { kind, form, names, body } = answer;
    let mut insert = connection.prepare_cached(
        "INSERT OR REPLACE INTO answer (key, kind, form, names, created, used, bytes, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6, ?7)",
    )?;
    let bytes = body.len() as i64;
    insert.execute(params![key, kind.code(), form, write(names), now, bytes, &body[..]])?;
    Ok(())
}

fn total(connection: &Connection) -> Result<Size, StoreError> {
    let mut total =
        connection.prepare_cached("SELECT count(*), coalesce(sum(bytes), 0) FROM answer")?;
    let (answers, bytes): (i64, i64) = total.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(Size { answers: answers.unsigned_abs(), bytes: bytes.unsigned_abs() })
}

/// Deletes until no more than `most` bytes are left; says how many are.
fn evict(connection: &Connection, mut bytes: u64, most: u64) -> Result<u64, StoreError> {
    while bytes > most {
        let mut oldest =
            connection.prepare_cached("SELECT id, bytes FROM answer ORDER BY used, id LIMIT ?1")?;
        let rows = oldest.query_map(params![AT_ONCE], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let rows = rows.collect::<Result<Vec<(i64, i64)>, _>>()?;
        if rows.is_empty() {
            break;
        }
        let mut delete = connection.prepare_cached("DELETE FROM answer WHERE id = ?1")?;
        for (id, size) in rows {
            if bytes <= most {
                break;
            }
            delete.execute(params![id])?;
            bytes = bytes.saturating_sub(size.unsigned_abs());
        }
    }
    Ok(bytes)
}

/// `EMAIL_1 PERSON_2_1`, as placeholders have it between their brackets.
pub(super) fn write(names: &[Name]) -> String {
    let names: Vec<_> = names.iter().map(|(label, number)| format!("{label}_{number}")).collect();
    names.join(" ")
}

pub(super) fn read(names: &str) -> Option<Vec<Name>> {
    let name = |name: &str| -> Option<(Box<str>, Number)> {
        placeholder::split(name).map(|(label, number)| (label.into(), number))
    };
    names.split_ascii_whitespace().map(name).collect()
}

pub(super) fn logged<T>(done: Result<T, StoreError>) -> Option<T> {
    done.inspect_err(|error| {
        tracing::warn!(reason = error.reason(), %error, "the cache of answers failed");
    })
    .ok()
}

pub(super) const TABLES: &str = "
    CREATE TABLE answer (
        id INTEGER PRIMARY KEY,
        key BLOB NOT NULL UNIQUE,
        kind INTEGER NOT NULL,
        form TEXT NOT NULL,
        names TEXT NOT NULL,
        created INTEGER NOT NULL,
        used INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        body BLOB NOT NULL
    ) STRICT;
    CREATE INDEX answer_used ON answer (used, id, bytes);
    CREATE INDEX answer_created ON answer (created);
";
/// A use is noted if the last note is this old, in seconds.
const USED_EVERY: i64 = 60;
/// What is too old is looked for now and then.
const PUTS_PER_LOOK: u64 = 256;
const AT_ONCE: i64 = 64;
