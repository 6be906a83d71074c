//! One tenant's vault: answers from memory, new numbers in the database first.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::{Database, StoreError};
use crate::redact::{Label, Vault, VaultError};

/// The vault of one tenant.
pub struct TenantVault {
    database: Arc<Database>,
    tenant: Box<str>,
    /// Nothing until the first use. Locked after the connection, never before it.
    entries: RwLock<Option<Entries>>,
}

type Entries = HashMap<String, Numbers>;

/// The values of one label.
#[derive(Default)]
struct Numbers {
    by_value: HashMap<Arc<str>, u64>,
    by_number: HashMap<u64, Arc<str>>,
    last: u64,
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
        self.load(&connection)?;
        // Another thread may have been here while this one waited.
        if let Some(numbers) = self.known(values) {
            return Ok(numbers);
        }
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let numbers = values.iter().map(|(label, value)| self.assign(&transaction, label, value));
        let numbers = numbers.collect::<Result<Vec<u64>, _>>()?;
        transaction.commit()?;
        let mut entries = self.write();
        let entries = entries.get_or_insert_default();
        for ((label, value), number) in values.iter().zip(&numbers) {
            add(entries, label.as_str(), *number, value);
        }
        Ok(numbers)
    }

    /// The numbers of values that are all known.
    fn known(&self, values: &[(&Label, &str)]) -> Option<Vec<u64>> {
        let entries = self.read();
        let entries = entries.as_ref()?;
        let known = |(label, value): &(&Label, &str)| {
            entries.get(label.as_str())?.by_value.get(*value).copied()
        };
        values.iter().map(known).collect()
    }

    /// The number of `value` in the database, always positive, which another process may have given.
    fn assign(
        &self,
        transaction: &Transaction<'_>,
        label: &Label,
        value: &str,
    ) -> rusqlite::Result<u64> {
        let (tenant, label) = (&*self.tenant, label.as_str());
        let mut find = transaction.prepare_cached(FIND)?;
        let found = find.query_row(params![tenant, label, value], |row| row.get::<_, i64>(0));
        if let Some(number) = found.optional()? {
            return Ok(number.cast_unsigned());
        }
        let mut count = transaction.prepare_cached(COUNT)?;
        let number: i64 = count.query_row(params![tenant, label], |row| row.get(0))?;
        transaction.prepare_cached(INSERT)?.execute(params![tenant, label, number, value])?;
        Ok(number.cast_unsigned())
    }

    /// Reads the tenant's entries, once.
    fn load(&self, connection: &Connection) -> Result<(), StoreError> {
        if self.read().is_some() {
            return Ok(());
        }
        let mut entries = Entries::new();
        let mut statement = connection.prepare_cached(LOAD)?;
        let mut rows = statement.query(params![&*self.tenant])?;
        while let Some(row) = rows.next()? {
            let label = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
            let value = row.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?;
            add(&mut entries, label, row.get::<_, i64>(1)?.cast_unsigned(), value);
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
        self.ask(|entries| entries.get(label)?.by_number.get(&number).cloned())
    }

    fn may_begin(&self, prefix: &str) -> bool {
        let may = |entries: &Entries| {
            let found = entries.iter().any(|(label, numbers)| begins(label, numbers.last, prefix));
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

fn add(entries: &mut Entries, label: &str, number: u64, value: &str) {
    if !entries.contains_key(label) {
        entries.insert(label.to_owned(), Numbers::default());
    }
    let Some(numbers) = entries.get_mut(label) else { return };
    let value: Arc<str> = value.into();
    numbers.by_value.insert(Arc::clone(&value), number);
    numbers.by_number.insert(number, value);
    numbers.last = numbers.last.max(number);
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

const FIND: &str = "SELECT number FROM vault WHERE tenant = ?1 AND label = ?2 AND value = ?3";

const COUNT: &str = "INSERT INTO vault_counter (tenant, label, last) VALUES (?1, ?2, 1)
    ON CONFLICT (tenant, label) DO UPDATE SET last = last + 1 RETURNING last";

const INSERT: &str = "INSERT INTO vault (tenant, label, number, value) VALUES (?1, ?2, ?3, ?4)";

const LOAD: &str = "SELECT label, number, value FROM vault WHERE tenant = ?1";
