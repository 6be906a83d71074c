//! Answers that are given again: masked, found by the key of their request.
//!
//! A cache, not a record: whatever fails here is logged and counts as not known.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, params};

use super::room::{Limits, Room};
use super::{Database, Store, StoreError, now};
use crate::redact::{Name, Number, placeholder};

/// Where answers are kept; clones of the store share it.
pub struct Answers {
    database: Arc<Database>,
    room: Room,
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

impl Answers {
    pub(super) fn new(database: Arc<Database>) -> Self {
        Self { database, room: Room::of("answer") }
    }

    /// The answer to this request, unless it is older than `ttl`.
    pub fn find(&self, key: &[u8; 32], ttl: Duration) -> Option<Answer> {
        let connection = self.database.connection();
        logged(find(&connection, &self.room, key, now(), ttl)).flatten()
    }

    /// Keeps an answer, and of all only so many bytes: those go first that nobody asked for the longest.
    pub fn put(&self, key: &[u8; 32], answer: &Answer, max_bytes: u64, ttl: Duration) {
        let size = answer.body.len() as u64;
        let limits = Limits { max_entries: u64::MAX, max_bytes, ttl };
        let insert = |connection: &Connection| insert(connection, key, answer, now());
        logged(self.room.put(&self.database, size, limits, insert));
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
    room: &Room,
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
    room.touch(connection, id, used, now)?;
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
