//! One tenant's vault: answers from memory, new numbers in the database first.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use super::{Database, StoreError};
use crate::redact::{Label, Vault, VaultError};

/// The vault of one tenant.
pub struct TenantVault {
    database: Arc<Database>,
    tenant: Box<str>,
    /// Nothing until the first use. Locked after the connection, never before it.
    entries: RwLock<Option<Entries>>,
}

#[derive(Default)]
struct Entries {
    /// SQLite's `data_version` when they were read: another value says that somebody else wrote.
    version: i64,
    labels: HashMap<String, Numbers>,
}

impl Entries {
    fn number(&self, label: &str, value: &str) -> Option<u64> {
        self.labels.get(label)?.by_value.get(value).copied()
    }
}

/// What one request adds.
#[derive(Default)]
struct Fresh<'v> {
    numbers: HashMap<(&'v str, &'v str), u64>,
    last: HashMap<&'v str, u64>,
}

/// The values of one label.
#[derive(Default)]
struct Numbers {
    by_value: HashMap<Arc<str>, u64>,
    by_number: HashMap<u64, Arc<str>>,
    last: u64,
}

impl Numbers {
    fn add(&mut self, number: u64, value: &str) {
        let value: Arc<str> = value.into();
        self.by_value.insert(Arc::clone(&value), number);
        self.by_number.insert(number, value);
        self.last = self.last.max(number);
    }
}

impl TenantVault {
    pub(super) fn new(database: Arc<Database>, tenant: &str) -> Self {
        Self { database, tenant: tenant.into(), entries: RwLock::new(None) }
    }

    fn number_values(&self, values: &[(&Label, &str)]) -> Result<Vec<u64>, StoreError> {
        if let Some(numbers) = self.known(values) {
            return Ok(numbers);
        }
        let mut connection = self.database.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // From here on nobody else writes: what memory knows after this is what there is.
        self.load(&transaction)?;
        let mut entries = self.write();
        let entries = entries.get_or_insert_default();
        let mut fresh = Fresh::default();
        let numbers = values
            .iter()
            .map(|(label, value)| self.assign(&transaction, entries, &mut fresh, label, value))
            .collect::<rusqlite::Result<Vec<u64>>>()?;
        for (label, last) in &fresh.last {
            let last = last.cast_signed();
            transaction.prepare_cached(COUNT)?.execute(params![&*self.tenant, label, last])?;
        }
        transaction.commit()?;
        let written = fresh.numbers.len();
        for ((label, value), number) in fresh.numbers {
            entries.labels.entry(label.to_owned()).or_default().add(number, value);
        }
        self.database.wrote(written);
        Ok(numbers)
    }

    /// The numbers of values that are all known.
    fn known(&self, values: &[(&Label, &str)]) -> Option<Vec<u64>> {
        let entries = self.read();
        let entries = entries.as_ref()?;
        values.iter().map(|(label, value)| entries.number(label.as_str(), value)).collect()
    }

    /// The number of `value`: a known one, or the next, which is written.
    fn assign<'v>(
        &self,
        transaction: &Transaction<'_>,
        entries: &Entries,
        fresh: &mut Fresh<'v>,
        label: &'v Label,
        value: &'v str,
    ) -> rusqlite::Result<u64> {
        let label = label.as_str();
        let known = entries.number(label, value);
        if let Some(number) = known.or_else(|| fresh.numbers.get(&(label, value)).copied()) {
            return Ok(number);
        }
        let known_last = || entries.labels.get(label).map_or(0, |numbers| numbers.last);
        let last = fresh.last.entry(label).or_insert_with(known_last);
        *last += 1;
        let number = *last;
        let row = params![&*self.tenant, label, number.cast_signed(), value];
        transaction.prepare_cached(INSERT)?.execute(row)?;
        fresh.numbers.insert((label, value), number);
        Ok(number)
    }

    /// Reads the tenant's entries, unless memory has them and nobody else has written since.
    fn load(&self, connection: &Connection) -> Result<(), StoreError> {
        let version: i64 = connection.prepare_cached(VERSION)?.query_row([], |row| row.get(0))?;
        if self.read().as_ref().is_some_and(|entries| entries.version == version) {
            return Ok(());
        }
        let mut entries = Entries { version, labels: HashMap::new() };
        let mut statement = connection.prepare_cached(LOAD_COUNTERS)?;
        let mut rows = statement.query(params![&*self.tenant])?;
        while let Some(row) = rows.next()? {
            let numbers = entries.labels.entry(row.get(0)?).or_default();
            numbers.last = row.get::<_, i64>(1)?.cast_unsigned();
        }
        let mut statement = connection.prepare_cached(LOAD)?;
        let mut rows = statement.query(params![&*self.tenant])?;
        while let Some(row) = rows.next()? {
            let label = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
            let value = row.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?;
            let number = row.get::<_, i64>(1)?.cast_unsigned();
            if !entries.labels.contains_key(label) {
                entries.labels.insert(label.to_owned(), Numbers::default());
            }
            if let Some(numbers) = entries.labels.get_mut(label) {
                numbers.add(number, value);
            }
        }
        *self.write() = Some(entries);
        Ok(())
    }

    /// What `answer` says of the entries; nothing if they cannot be read.
    fn ask<T>(&self, answer: impl Fn(&Entries) -> Option<T>) -> Option<T> {
        if let Some(entries) = self.read().as_ref() {
            return answer(entries);
        }
        if let Err(error) = self.load(&self.database.connection()) {
            tracing::error!(reason = error.reason(), %error, "the vault cannot be read");
        }
        self.read().as_ref().and_then(answer)
    }

    fn read(&self) -> RwLockReadGuard<'_, Option<Entries>> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Option<Entries>> {
        self.entries.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Vault for TenantVault {
    fn number(&self, label: &Label, value: &str) -> Result<u64, VaultError> {
        let numbers = self.number_all(&[(label, value)])?;
        numbers.first().copied().ok_or_else(|| VaultError("no number was given".to_owned()))
    }

    fn number_all(&self, values: &[(&Label, &str)]) -> Result<Vec<u64>, VaultError> {
        self.number_values(values).map_err(|error| VaultError(error.to_string()))
    }

    fn original(&self, label: &str, number: u64) -> Option<Arc<str>> {
        self.ask(|entries| entries.labels.get(label)?.by_number.get(&number).cloned())
    }

    fn may_begin(&self, prefix: &str) -> bool {
        let may = |entries: &Entries| {
            let found =
                entries.labels.iter().any(|(label, numbers)| begins(label, numbers.last, prefix));
            found.then_some(())
        };
        self.ask(may).is_some()
    }
}

/// Shows no entries: they are personal data, and the tenant may be.
impl fmt::Debug for TenantVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantVault").finish_non_exhaustive()
    }
}

/// Whether one of `label_1` … `label_last` begins with `prefix`.
fn begins(label: &str, last: u64, prefix: &str) -> bool {
    let Some(rest) = prefix.strip_prefix(label) else { return label.starts_with(prefix) };
    match rest.strip_prefix('_') {
        None => rest.is_empty(),
        Some("") => true,
        Some(digits) => {
            let plain =
                !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit());
            plain && digits.parse().is_ok_and(|number: u64| number <= last)
        }
    }
}

const VERSION: &str = "PRAGMA data_version";

const COUNT: &str = "INSERT INTO vault_counter (tenant, label, last) VALUES (?1, ?2, ?3)
    ON CONFLICT (tenant, label) DO UPDATE SET last = excluded.last";

const INSERT: &str = "INSERT INTO vault (tenant, label, number, value) VALUES (?1, ?2, ?3, ?4)";

const LOAD: &str = "SELECT label, number, value FROM vault WHERE tenant = ?1";

const LOAD_COUNTERS: &str = "SELECT label, last FROM vault_counter WHERE tenant = ?1";
