//! What is asked of the tables: entries by value and by number, and new numbers.
//!
//! Values are found by hash: a million of them cost a request three pages to read.

use std::sync::Arc;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::StoreError;
use crate::redact::Number;
use crate::redact::placeholder::MOST;
use crate::redact::spelling::key;

/// A known value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) number: Number,
    /// When it was last masked, as far as that is noted: seconds since 1970.
    pub(super) used: i64,
}

/// How far a label's numbers go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Counter {
    pub(super) label: Box<str>,
    pub(super) last: u32,
    /// Of the value that has the most.
    pub(super) spellings: u32,
}

pub(super) fn tenant(connection: &Connection, name: &str) -> Result<Option<i64>, StoreError> {
    let mut found = connection.prepare_cached("SELECT id FROM tenant WHERE name = ?1")?;
    Ok(found.query_row(params![name], |row| row.get(0)).optional()?)
}

pub(super) fn make_tenant(transaction: &Transaction<'_>, name: &str) -> Result<i64, StoreError> {
    if let Some(id) = tenant(transaction, name)? {
        return Ok(id);
    }
    transaction.execute("INSERT INTO tenant (name) VALUES (?1)", params![name])?;
    Ok(transaction.last_insert_rowid())
}

pub(super) fn counters(connection: &Connection, tenant: i64) -> Result<Vec<Counter>, StoreError> {
    let mut found = connection
        .prepare_cached("SELECT label, last, spellings FROM counter WHERE tenant = ?1")?;
    let rows = found.query_map(params![tenant], |row| {
        let label: String = row.get(0)?;
        Ok(Counter { label: label.into(), last: row.get(1)?, spellings: row.get(2)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The entry of exactly this value.
pub(super) fn find(
    connection: &Connection,
    tenant: i64,
    label: &str,
    value: &str,
) -> Result<Option<Known>, StoreError> {
    let mut found = connection.prepare_cached(
        "SELECT number, spelling, used, value FROM entry
         WHERE value_hash = ?1 AND tenant = ?2 AND label = ?3 ORDER BY number",
    )?;
    let mut rows = found.query(params![value_hash(tenant, label, value), tenant, label])?;
    while let Some(row) = rows.next()? {
        // Hashes may be the same by chance.
        if row.get_ref(3)? == ValueRef::Text(value.as_bytes()) {
            let number = Number { value: row.get(0)?, spelling: row.get(1)? };
            return Ok(Some(Known { number, used: row.get(2)? }));
        }
    }
    Ok(None)
}

/// The value of an entry.
pub(super) fn value(
    connection: &Connection,
    tenant: i64,
    label: &str,
    number: Number,
) -> Result<Option<Arc<str>>, StoreError> {
    let mut found = connection.prepare_cached(
        "SELECT value FROM entry WHERE tenant = ?1 AND label = ?2 AND number = ?3 AND spelling = ?4",
    )?;
    let place = params![tenant, label, number.value, number.spelling];
    let value: Option<Option<Arc<str>>> = found.query_row(place, |row| row.get(0)).optional()?;
    Ok(value.flatten())
}

/// The number of `value`: that of its entry, the next spelling of a value that it is a spelling of,
/// or the next.
pub(super) fn assign(
    transaction: &Transaction<'_>,
    tenant: i64,
    label: &str,
    value: &str,
    now: i64,
) -> Result<Number, StoreError> {
    if let Some(known) = find(transaction, tenant, label, value)? {
        if known.used + USED_EVERY <= now {
            touch(transaction, tenant, label, known.number, now)?;
        }
        return Ok(known.number);
    }
    let number = match family(transaction, tenant, label, value)? {
        Some((number, spellings)) => {
            let number = next_spelling(transaction, tenant, label, number, spellings)?;
            note_spelling(transaction, tenant, label, number)?;
            number
        }
        None => next_number(transaction, tenant, label)?,
    };
    insert(transaction, tenant, label, number, value, now)?;
    count(transaction, tenant, label, number)?;
    Ok(number)
}

/// Writes an entry whose number is known to be free.
pub(super) fn insert(
    transaction: &Transaction<'_>,
    tenant: i64,
    label: &str,
    number: Number,
    value: &str,
    now: i64,
) -> Result<(), StoreError> {
    let family = (number.spelling == 1).then(|| family_hash(tenant, label, value));
    let hash = value_hash(tenant, label, value);
    let mut insert = transaction.prepare_cached(
        "INSERT INTO entry (tenant, label, number, spelling, value, value_hash, family_hash, created, used)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8)",
    )?;
    let place = (number.value, number.spelling);
    insert.execute(params![tenant, label, place.0, place.1, value, hash, family, now])?;
    Ok(())
}

/// Sees to it that the label's next number comes after `number`.
pub(super) fn count(
    transaction: &Transaction<'_>,
    tenant: i64,
    label: &str,
    number: Number,
) -> Result<(), StoreError> {
    let mut count = transaction.prepare_cached(
        "INSERT INTO counter (tenant, label, last, spellings) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (tenant, label) DO UPDATE
         SET last = max(last, excluded.last), spellings = max(spellings, excluded.spellings)",
    )?;
    count.execute(params![tenant, label, number.value, number.spelling])?;
    Ok(())
}

/// What became of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// A value has it.
    Given,
    /// A value may get it.
    Free,
    /// No value has it, and none will.
    Nobodys,
}

/// What became of numbers; a tenant without entries has given out none.
pub(super) fn standings(
    connection: &Connection,
    tenant: Option<i64>,
    looks: &[(&str, Number)],
) -> Result<Vec<Standing>, StoreError> {
    // No row has this tenant.
    let tenant = tenant.unwrap_or(0);
    looks.iter().map(|(label, number)| standing(connection, tenant, label, *number)).collect()
}

/// What became of `number`.
pub(super) fn standing(
    connection: &Connection,
    tenant: i64,
    label: &str,
    number: Number,
) -> Result<Standing, StoreError> {
    let Number { value, spelling } = number;
    if value == 0 || spelling == 0 || value > MOST || spelling > MOST {
        return Ok(Standing::Nobodys);
    }
    let mut found = connection.prepare_cached(
        "SELECT value IS NOT NULL, spellings FROM entry
         WHERE tenant = ?1 AND label = ?2 AND number = ?3 AND spelling = ?4",
    )?;
    let mut ask = |spelling: u32| -> Result<Option<(bool, u32)>, StoreError> {
        let place = params![tenant, label, value, spelling];
        Ok(found.query_row(place, |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
    };
    if let Some((given, _)) = ask(spelling)? {
        return Ok(if given { Standing::Given } else { Standing::Nobodys });
    }
    let mut last = connection
        .prepare_cached("SELECT last >= ?3 FROM counter WHERE tenant = ?1 AND label = ?2")?;
    let counted: Option<bool> =
        last.query_row(params![tenant, label, value], |row| row.get(0)).optional()?;
    if counted != Some(true) {
        return Ok(Standing::Free);
    }
    Ok(match ask(1)? {
        Some((true, spellings)) if spelling > spellings => Standing::Free,
        _ => Standing::Nobodys,
    })
}

/// Whether `number` can be that of `value`: it is the first spelling of a new value, or the value's
/// first spelling has the same number; that one then counts it.
pub(super) fn follows(
    transaction: &Transaction<'_>,
    tenant: i64,
    label: &str,
    number: Number,
    value: &str,
) -> Result<bool, StoreError> {
    let family = family(transaction, tenant, label, value)?;
    if number.spelling == 1 {
        return Ok(family.is_none());
    }
    if family.is_none_or(|(value, _)| value != number.value) {
        return Ok(false);
    }
    note_spelling(transaction, tenant, label, number)?;
    Ok(true)
}

fn note_spelling(
    transaction: &Transaction<'_>,
    tenant: i64,
    label: &str,
    number: Number,
) -> Result<(), StoreError> {
    let mut note = transaction.prepare_cached(
        "UPDATE entry SET spellings = max(spellings, ?4)
         WHERE tenant = ?1 AND label = ?2 AND number = ?3 AND spelling = 1",
    )?;
    note.execute(params![tenant, label, number.value, number.spelling])?;
    Ok(())
}

/// Keeps a number from every value.
pub(super) fn reserve(
    transaction: &Transaction<'_>,
    tenant: i64,
    label: &str,
    number: Number,
    now: i64,
) -> Result<(), StoreError> {
    let mut insert = transaction.prepare_cached(
        "INSERT OR IGNORE INTO entry (tenant, label, number, spelling, created, used) VALUES (?1, ?2, ?3, ?4, ?5, ?5)",
    )?;
    insert.execute(params![tenant, label, number.value, number.spelling, now])?;
    Ok(())
}

fn touch(
    transaction: &Transaction<'_>,
    tenant: i64,
    label: &str,
    number: Number,
    now: i64,
) -> Result<(), StoreError> {
    let mut touch = transaction.prepare_cached(
        "UPDATE entry SET used = ?5 WHERE tenant = ?1 AND label = ?2 AND number = ?3 AND spelling = ?4",
    )?;
    touch.execute(params![tenant, label, number.value, number.spelling, now])?;
    Ok(())
}

/// The value that `value` is a spelling of, and how many spellings it has.
fn family(
    connection: &Connection,
    tenant: i64,
    label: &str,
    value: &str,
) -> Result<Option<(u32, u32)>, StoreError> {
    let mut found = connection.prepare_cached(
        "SELECT number, spellings, value FROM entry
         WHERE family_hash = ?1 AND tenant = ?2 AND label = ?3 ORDER BY number",
    )?;
    let mut rows = found.query(params![family_hash(tenant, label, value), tenant, label])?;
    while let Some(row) = rows.next()? {
        let first = row.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?;
        if key(label, first) == key(label, value) {
            return Ok(Some((row.get(0)?, row.get(1)?)));
        }
    }
    Ok(None)
}

fn next_number(
    transaction: &Transaction<'_>,
    tenant: i64,
    label: &str,
) -> Result<Number, StoreError> {
    let mut last =
        transaction.prepare_cached("SELECT last FROM counter WHERE tenant = ?1 AND label = ?2")?;
    let last: Option<u32> = last.query_row(params![tenant, label], |row| row.get(0)).optional()?;
    let mut taken = transaction
        .prepare_cached("SELECT 1 FROM entry WHERE tenant = ?1 AND label = ?2 AND number = ?3")?;
    for value in last.unwrap_or(0).saturating_add(1)..=MOST {
        if !taken.exists(params![tenant, label, value])? {
            return Ok(Number::first(value));
        }
    }
    Err(StoreError::Full)
}

fn next_spelling(
    transaction: &Transaction<'_>,
    tenant: i64,
    label: &str,
    value: u32,
    spellings: u32,
) -> Result<Number, StoreError> {
    let mut taken = transaction.prepare_cached(
        "SELECT 1 FROM entry WHERE tenant = ?1 AND label = ?2 AND number = ?3 AND spelling = ?4",
    )?;
    for spelling in spellings.saturating_add(1)..=MOST {
        if !taken.exists(params![tenant, label, value, spelling])? {
            return Ok(Number { value, spelling });
        }
    }
    Err(StoreError::Full)
}

/// Where an entry is found by its value.
pub(super) fn value_hash(tenant: i64, label: &str, value: &str) -> i64 {
    hash("value", tenant, label, value)
}

/// Where an entry is found by what all spellings of its value have in common.
pub(super) fn family_hash(tenant: i64, label: &str, value: &str) -> i64 {
    hash("family", tenant, label, &key(label, value))
}

fn hash(what: &str, tenant: i64, label: &str, text: &str) -> i64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(what.as_bytes()).update(&tenant.to_le_bytes());
    hasher.update(label.as_bytes()).update(b"\0").update(text.as_bytes());
    let hash: [u8; 32] = *hasher.finalize().as_bytes();
    let [a, b, c, d, e, f, g, h, ..] = hash;
    i64::from_le_bytes([a, b, c, d, e, f, g, h])
}

/// A use is noted if the last note is this old, in seconds: whoever asks daily writes hourly.
pub(super) const USED_EVERY: i64 = 3600;
