//! What the user's commands ask of the vaults: lists, deletion, expiry, import.
//!
//! Safe beside the daemon: it notices that somebody else has written, and forgets what it knew.

use rusqlite::{Connection, Row, TransactionBehavior, params};

use super::ledger::{self, Standing};
use super::{Database, Store, StoreError, now};
use crate::redact::placeholder::split;
use crate::redact::{Label, Number};

/// One entry. Shows no value in `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// Whose it is.
    pub tenant: String,
    /// Its label.
    pub label: String,
    /// Its number.
    pub number: Number,
    /// What it stands for.
    pub value: String,
    /// When it was made: seconds since 1970.
    pub created: i64,
    /// When it was last masked, to the hour.
    pub used: i64,
}

impl Entry {
    /// `<EMAIL_1>`.
    pub fn placeholder(&self) -> String {
        format!("<{}_{}>", self.label, self.number)
    }
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entry").field("label", &self.label).finish_non_exhaustive()
    }
}

/// How many entries there are under one label of one tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stats {
    /// Whose they are.
    pub tenant: String,
    /// Their label.
    pub label: String,
    /// Every spelling of a value is one.
    pub entries: u64,
    /// The last number that was given out.
    pub last: u32,
}

/// What an import has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Under their own numbers.
    pub added: u64,
    /// Their numbers were taken: under new ones.
    pub renumbered: u64,
    /// Their values were there already.
    pub known: u64,
}

impl Store {
    /// Shows the entries of these tenants and labels, in order, until `see` has seen enough.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn entries(
        &self,
        tenant: Option<&str>,
        label: Option<&str>,
        see: &mut dyn FnMut(Entry) -> bool,
    ) -> Result<(), StoreError> {
        let database = &self.database;
        let connection = database.connection();
        let mut entries = connection.prepare(
            "SELECT name, label, number, spelling, value, created, used
             FROM entry JOIN tenant ON tenant.id = entry.tenant
             WHERE value IS NOT NULL AND name = coalesce(?1, name) AND label = coalesce(?2, label)
             ORDER BY name, label, number, spelling",
        )?;
        let mut rows = entries.query(params![tenant, label])?;
        while let Some(row) = rows.next()? {
            if !see(entry(row)?) {
                break;
            }
        }
        Ok(())
    }

    /// The entry of one placeholder.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn entry(
        &self,
        tenant: &str,
        label: &str,
        number: Number,
    ) -> Result<Option<Entry>, StoreError> {
        let database = &self.database;
        let connection = database.connection();
        let mut entries = connection.prepare_cached(
            "SELECT name, label, number, spelling, value, created, used
             FROM entry JOIN tenant ON tenant.id = entry.tenant
             WHERE value IS NOT NULL AND name = ?1 AND label = ?2 AND number = ?3 AND spelling = ?4",
        )?;
        let mut rows = entries.query(params![tenant, label, number.value, number.spelling])?;
        Ok(rows.next()?.map(entry).transpose()?)
    }

    /// Deletes an entry, with the first spelling of a value all others. Returns how many went.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn delete(&self, tenant: &str, label: &str, number: Number) -> Result<u64, StoreError> {
        let database = &self.database;
        let connection = database.connection();
        let Some(tenant) = ledger::tenant(&connection, tenant)? else { return Ok(0) };
        let mut delete = connection.prepare_cached(
            "DELETE FROM entry WHERE tenant = ?1 AND label = ?2 AND number = ?3
             AND value IS NOT NULL AND (?4 = 1 OR spelling = ?4)",
        )?;
        let gone = delete.execute(params![tenant, label, number.value, number.spelling])?;
        database.forget();
        Ok(gone as u64)
    }

    /// Deletes the values that were not masked since `before`, in seconds since 1970.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn expire(&self, before: i64) -> Result<u64, StoreError> {
        self.database.expire(before)
    }

    /// What there is, by tenant and label.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn stats(&self) -> Result<Vec<Stats>, StoreError> {
        let database = &self.database;
        let connection = database.connection();
        let mut stats = connection.prepare(
            "SELECT name, counter.label, last,
                 (SELECT count(*) FROM entry WHERE entry.tenant = counter.tenant
                  AND entry.label = counter.label AND value IS NOT NULL)
             FROM counter JOIN tenant ON tenant.id = counter.tenant ORDER BY name, counter.label",
        )?;
        let rows = stats.query_map([], |row| {
            let (tenant, label, last) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok(Stats { tenant, label, last, entries: row.get::<_, i64>(3)?.cast_unsigned() })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The tenants that have had an entry.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn tenants(&self) -> Result<Vec<String>, StoreError> {
        let database = &self.database;
        let connection = database.connection();
        let mut names = connection.prepare("SELECT name FROM tenant ORDER BY name")?;
        let rows = names.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Adds entries, `(name of the placeholder, value)`, and numbers that must not be given out
    /// again, `(label, last)`; all of it or nothing. A number that is taken gives way to a new one.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn import(
        &self,
        tenant: &str,
        entries: &[(String, String)],
        last: &[(Label, u32)],
    ) -> Result<Imported, StoreError> {
        let database = &self.database;
        let mut connection = database.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let tenant = ledger::make_tenant(&transaction, tenant)?;
        let mut entries: Vec<_> = entries
            .iter()
            .filter_map(|(name, value)| split(name).map(|(label, number)| (label, number, value)))
            .collect();
        entries.sort();
        let (mut imported, now) = (Imported::default(), now());
        for (label, number, value) in entries {
            if ledger::find(&transaction, tenant, label, value)?.is_some() {
                imported.known += 1;
                continue;
            }
            let free = ledger::standing(&transaction, tenant, label, number)? == Standing::Free;
            if free && ledger::follows(&transaction, tenant, label, number, value)? {
                ledger::insert(&transaction, tenant, label, number, value, now)?;
                ledger::count(&transaction, tenant, label, number)?;
                imported.added += 1;
            } else {
                ledger::assign(&transaction, tenant, label, value, now)?;
                imported.renumbered += 1;
            }
        }
        for (label, last) in last {
            ledger::count(&transaction, tenant, label.as_str(), Number::first(*last))?;
        }
        transaction.commit()?;
        database.forget();
        Ok(imported)
    }

    /// Adds all that another store's vaults hold, as [`Self::import`] does.
    ///
    /// # Errors
    /// One cannot be read, or the other not be written.
    pub fn merge(&self, other: &Self) -> Result<Imported, StoreError> {
        let (mut all, stats) = (Imported::default(), other.stats()?);
        for tenant in other.tenants()? {
            let mut entries = Vec::new();
            other.entries(Some(&tenant), None, &mut |entry| {
                entries.push((format!("{}_{}", entry.label, entry.number), entry.value));
                true
            })?;
            let counted = stats.iter().filter(|row| row.tenant == tenant);
            let last: Vec<_> =
                counted.filter_map(|row| Some((Label::new(&row.label)?, row.last))).collect();
            let done = self.import(&tenant, &entries, &last)?;
            all.added += done.added;
            all.renumbered += done.renumbered;
            all.known += done.known;
        }
        Ok(all)
    }

    /// Moves everything into the database's own file, so that deleted values are in none.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn tidy(&self) -> Result<(), StoreError> {
        let database = &self.database;
        // Whoever reads meanwhile keeps the rest; the daemon's next checkpoint takes it.
        let ask = "PRAGMA wal_checkpoint(TRUNCATE)";
        database.connection().query_row(ask, [], |_| Ok(()))?;
        Ok(())
    }
}

impl Database {
    /// Little by little: nobody waits for long.
    pub(super) fn expire(&self, before: i64) -> Result<u64, StoreError> {
        let (mut gone, mut at) = (0, (0, String::new(), 0, 0));
        loop {
            let mut connection = self.connection();
            let rows = rows_after(&connection, &at)?;
            let Some(last) = rows.last() else { return Ok(gone) };
            at = last.0.clone();
            let mut old: Vec<_> = rows
                .into_iter()
                .filter(|(_, used)| *used < before)
                .map(|((tenant, label, number, _), _)| (tenant, label, number))
                .collect();
            old.dedup();
            if old.is_empty() {
                continue;
            }
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let mut delete = transaction.prepare_cached(
                "DELETE FROM entry WHERE tenant = ?1 AND label = ?2 AND number = ?3 AND value IS NOT NULL
                 AND NOT EXISTS (SELECT 1 FROM entry AS other
                     WHERE other.tenant = ?1 AND other.label = ?2 AND other.number = ?3
                     AND other.value IS NOT NULL AND other.used >= ?4)",
            )?;
            for (tenant, label, number) in old {
                gone += delete.execute(params![tenant, label, number, before])? as u64;
            }
            drop(delete);
            transaction.commit()?;
            self.forget();
        }
    }
}

type Place = (i64, String, u32, u32);

/// The next entries behind `at`, and when they were used.
fn rows_after(connection: &Connection, at: &Place) -> Result<Vec<(Place, i64)>, StoreError> {
    let mut rows = connection.prepare_cached(
        "SELECT tenant, label, number, spelling, CASE WHEN value IS NULL THEN ?5 ELSE used END FROM entry
         WHERE (tenant, label, number, spelling) > (?1, ?2, ?3, ?4)
         ORDER BY tenant, label, number, spelling LIMIT 2000",
    )?;
    let found = rows.query_map(params![at.0, at.1, at.2, at.3, i64::MAX], |row| {
        Ok(((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?), row.get(4)?))
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        tenant: row.get(0)?,
        label: row.get(1)?,
        number: Number { value: row.get(2)?, spelling: row.get(3)? },
        value: row.get(4)?,
        created: row.get(5)?,
        used: row.get(6)?,
    })
}
