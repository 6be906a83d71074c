//! One tenant's vault during one request: answers from memory or through an index, new numbers in
//! the database first.

use std::collections::HashSet;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, TransactionBehavior};

use super::cache::Tenant;
use super::ledger::{self, Counter, Known, Standing, USED_EVERY};
use super::{Database, StoreError, now};
use crate::redact::placeholder::begins;
use crate::redact::{Label, Lasts, Number, Typed, Vault, VaultError};

/// The vault of one tenant, as one request sees it.
pub struct TenantVault {
    database: Arc<Database>,
    tenant: Box<str>,
    /// What this request has typed: its answer is not restored there.
    left: Mutex<HashSet<(Box<str>, Number)>>,
    /// The values of this request, in whichever spelling.
    own: Mutex<HashSet<(Box<str>, u32)>>,
    /// Whether its answer is given these alone.
    only_its_own: AtomicBool,
}

impl TenantVault {
    pub(super) fn new(database: Arc<Database>, tenant: &str) -> Self {
        Self {
            database,
            tenant: tenant.into(),
            left: Mutex::default(),
            own: Mutex::default(),
            only_its_own: AtomicBool::new(false),
        }
    }

    fn number_values(&self, values: &[(&Label, &str)]) -> Result<Vec<Number>, StoreError> {
        if values.is_empty() {
            return Ok(Vec::new());
        }
        self.database.notice_others();
        let now = now();
        let fresh = |known: &Known| now < known.used + USED_EVERY;
        let mut known = self.remembered(values);
        if !known.iter().all(|known| known.as_ref().is_some_and(fresh)) {
            let mut connection = self.database.connection();
            self.database.notice_others_on(&connection)?;
            self.look_up(&connection, values, &mut known)?;
            if !known.iter().all(|known| known.as_ref().is_some_and(fresh)) {
                match self.write(&mut connection, values, now) {
                    Ok(numbers) => known = numbers.into_iter().map(Some).collect(),
                    // Only that they were used could not be noted.
                    Err(error) if known.iter().all(Option::is_some) => {
                        tracing::warn!(reason = error.reason(), %error, "the vault notes no use");
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        let numbers: Vec<Number> = known.into_iter().flatten().map(|known| known.number).collect();
        let mut own = self.own();
        for ((label, _), number) in values.iter().zip(&numbers) {
            own.insert((label.as_str().into(), number.value));
        }
        drop(own);
        let mut left = self.left();
        if !left.is_empty() {
            for ((label, _), number) in values.iter().zip(&numbers) {
                left.remove(&(label.as_str().into(), *number));
            }
        }
        Ok(numbers)
    }

    fn remembered(&self, values: &[(&Label, &str)]) -> Vec<Option<Known>> {
        let mut cache = self.database.cache();
        let Some(Some(tenant)) = cache.tenant(&self.tenant) else {
            return vec![None; values.len()];
        };
        let number =
            |(label, value): &(&Label, &str)| cache.number(tenant.id, label.as_str(), value);
        values.iter().map(number).collect()
    }

    /// Reads what memory does not have.
    fn look_up(
        &self,
        connection: &Connection,
        values: &[(&Label, &str)],
        known: &mut [Option<Known>],
    ) -> Result<(), StoreError> {
        let Some(tenant) = self.tenant(connection)? else { return Ok(()) };
        for ((label, value), known) in values.iter().zip(known) {
            if known.is_none() {
                *known = ledger::find(connection, tenant.id, label.as_str(), value)?;
                if let Some(known) = known {
                    self.database.cache().put_number(tenant.id, label.as_str(), value, *known);
                }
            }
        }
        Ok(())
    }

    /// Gives every value its number, in one transaction.
    fn write(
        &self,
        connection: &mut Connection,
        values: &[(&Label, &str)],
        now: i64,
    ) -> Result<Vec<Known>, StoreError> {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let tenant = ledger::make_tenant(&transaction, &self.tenant)?;
        let mut numbers = Vec::with_capacity(values.len());
        for (label, value) in values {
            let number = ledger::assign(&transaction, tenant, label.as_str(), value, now)?;
            numbers.push(Known { number, used: now });
        }
        transaction.commit()?;
        self.read_tenant(connection, tenant)?;
        let mut cache = self.database.cache();
        for ((label, value), known) in values.iter().zip(&numbers) {
            cache.put_number(tenant, label.as_str(), value, *known);
            cache.put_original(tenant, label.as_str(), known.number, Some((*value).into()));
        }
        drop(cache);
        self.database.wrote(values.len());
        Ok(numbers)
    }

    fn look_at_typed(
        &self,
        looks: &[(&str, Number)],
        lasts: Lasts,
    ) -> Result<Vec<Typed>, StoreError> {
        if looks.is_empty() {
            return Ok(Vec::new());
        }
        let mut connection = self.database.connection();
        self.database.notice_others_on(&connection)?;
        let known = self.tenant(&connection)?;
        let standings = ledger::standings(&connection, known.map(|tenant| tenant.id), looks)?;
        let may_be_given = |(standing, (_, number)): (&Standing, &(&str, Number))| {
            *standing == Standing::Free && number.is_small()
        };
        let standings = match standings.iter().zip(looks).any(may_be_given) {
            false => standings,
            true => self.reserve(&mut connection, looks)?,
        };
        let mut left = self.left();
        let tell = |(standing, (label, number)): (Standing, &(&str, Number))| match standing {
            Standing::Nobodys => Typed::Stays,
            Standing::Given if lasts == Lasts::OneAnswer => {
                left.insert(((*label).into(), *number));
                Typed::Stays
            }
            Standing::Given | Standing::Free => Typed::Masked,
        };
        Ok(standings.into_iter().zip(looks).map(tell).collect())
    }

    /// Keeps from every value what no value has, if it is no number of somebody's.
    fn reserve(
        &self,
        connection: &mut Connection,
        looks: &[(&str, Number)],
    ) -> Result<Vec<Standing>, StoreError> {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let tenant = ledger::make_tenant(&transaction, &self.tenant)?;
        let mut standings = ledger::standings(&transaction, Some(tenant), looks)?;
        for (standing, (label, number)) in standings.iter_mut().zip(looks) {
            if *standing == Standing::Free && number.is_small() {
                ledger::reserve(&transaction, tenant, label, *number, now())?;
                *standing = Standing::Nobodys;
            }
        }
        transaction.commit()?;
        self.read_tenant(connection, tenant)?;
        Ok(standings)
    }

    /// The tenant, if it has entries.
    fn tenant(&self, connection: &Connection) -> Result<Option<Tenant>, StoreError> {
        if let Some(tenant) = self.database.cache().tenant(&self.tenant) {
            return Ok(tenant);
        }
        match ledger::tenant(connection, &self.tenant)? {
            None => {
                self.database.cache().put_tenant(&self.tenant, None);
                Ok(None)
            }
            Some(id) => self.read_tenant(connection, id).map(Some),
        }
    }

    fn read_tenant(&self, connection: &Connection, id: i64) -> Result<Tenant, StoreError> {
        let counters = ledger::counters(connection, id)?;
        let tenant = Tenant { id, counters: counters.into() };
        self.database.cache().put_tenant(&self.tenant, Some(tenant.clone()));
        Ok(tenant)
    }

    /// The same, without the database where memory has it; nothing if it cannot be read.
    fn known_tenant(&self) -> Option<Tenant> {
        if let Some(tenant) = self.database.cache().tenant(&self.tenant) {
            return tenant;
        }
        logged(self.tenant(&self.database.connection()))?
    }

    fn find_original(&self, label: &str, number: Number) -> Option<Arc<str>> {
        self.database.notice_others();
        let tenant = self.known_tenant()?;
        let given = |counter: &Counter| {
            *counter.label == *label
                && number.value <= counter.last
                && number.spelling <= counter.spellings
        };
        if !tenant.counters.iter().any(given) {
            return None;
        }
        if let Some(known) = self.database.cache().original(tenant.id, label, number) {
            return known;
        }
        let connection = self.database.connection();
        let original = logged(ledger::value(&connection, tenant.id, label, number))?;
        self.database.cache().put_original(tenant.id, label, number, original.clone());
        original
    }

    fn own(&self) -> MutexGuard<'_, HashSet<(Box<str>, u32)>> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn left(&self) -> MutexGuard<'_, HashSet<(Box<str>, Number)>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Vault for TenantVault {
    fn number(&self, label: &Label, value: &str) -> Result<Number, VaultError> {
        let numbers = self.number_all(&[(label, value)])?;
        numbers.first().copied().ok_or_else(|| VaultError("no number was given".to_owned()))
    }

    fn number_all(&self, values: &[(&Label, &str)]) -> Result<Vec<Number>, VaultError> {
        self.number_values(values).map_err(|error| VaultError(error.to_string()))
    }

    fn typed(&self, looks: &[(&str, Number)], lasts: Lasts) -> Result<Vec<Typed>, VaultError> {
        self.look_at_typed(looks, lasts).map_err(|error| VaultError(error.to_string()))
    }

    fn only_its_own(&self) {
        self.only_its_own.store(true, Ordering::Relaxed);
    }

    fn strange_labels(&self, known: &dyn Fn(&str) -> bool) -> Vec<Box<str>> {
        let Some(tenant) = self.known_tenant() else { return Vec::new() };
        let labels = tenant.counters.iter().map(|counter| &counter.label);
        labels.filter(|label| !known(label)).cloned().collect()
    }

    fn original(&self, label: &str, number: Number) -> Option<Arc<str>> {
        if self.left().contains(&(label.into(), number)) {
            return None;
        }
        let only_its_own = self.only_its_own.load(Ordering::Relaxed);
        if only_its_own && !self.own().contains(&(label.into(), number.value)) {
            return None;
        }
        self.find_original(label, number)
    }

    fn may_begin(&self, prefix: &str) -> bool {
        self.known_tenant().is_some_and(|tenant| {
            let may =
                |counter: &Counter| begins(&counter.label, counter.last, counter.spellings, prefix);
            tenant.counters.iter().any(may)
        })
    }
}

/// Shows no entries: they are personal data, and the tenant may be.
impl fmt::Debug for TenantVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantVault").finish_non_exhaustive()
    }
}

fn logged<T>(read: Result<T, StoreError>) -> Option<T> {
    read.inspect_err(|error| {
        tracing::error!(reason = error.reason(), %error, "the vault cannot be read");
    })
    .ok()
}
