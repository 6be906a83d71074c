//! What was lately asked of the database, bounded, for all tenants.

use std::collections::HashMap;
use std::sync::Arc;

use super::ledger::{Counter, Known};
use crate::redact::Number;

/// Right as long as nobody else writes; then it is emptied.
#[derive(Default)]
pub(super) struct Cache {
    /// SQLite's `data_version` when it was filled: another one says that somebody else wrote.
    pub(super) version: i64,
    /// `None`: known to have no entries.
    tenants: HashMap<Box<str>, Option<Tenant>>,
    values: Generations<Known>,
    originals: Generations<Option<Arc<str>>>,
}

/// A tenant that has entries.
#[derive(Clone)]
pub(super) struct Tenant {
    pub(super) id: i64,
    pub(super) counters: Arc<[Counter]>,
}

impl Cache {
    /// An empty one.
    pub(super) fn of(version: i64) -> Self {
        Self { version, ..Self::default() }
    }

    pub(super) fn tenant(&self, name: &str) -> Option<Option<Tenant>> {
        self.tenants.get(name).cloned()
    }

    pub(super) fn put_tenant(&mut self, name: &str, tenant: Option<Tenant>) {
        if self.tenants.len() >= MAX_TENANTS {
            self.tenants.clear();
        }
        self.tenants.insert(name.into(), tenant);
    }

    pub(super) fn number(&mut self, tenant: i64, label: &str, value: &str) -> Option<Known> {
        self.values.find(&by_value(tenant, label, value))
    }

    pub(super) fn put_number(&mut self, tenant: i64, label: &str, value: &str, known: Known) {
        self.values.put(by_value(tenant, label, value), known, 0);
    }

    pub(super) fn original(
        &mut self,
        tenant: i64,
        label: &str,
        number: Number,
    ) -> Option<Option<Arc<str>>> {
        self.originals.find(&by_number(tenant, label, number))
    }

    pub(super) fn put_original(
        &mut self,
        tenant: i64,
        label: &str,
        number: Number,
        original: Option<Arc<str>>,
    ) {
        let bytes = original.as_ref().map_or(0, |original| original.len());
        self.originals.put(by_number(tenant, label, number), original, bytes);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.values.len() + self.originals.len() + self.tenants.len()
    }
}

fn by_value(tenant: i64, label: &str, value: &str) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&tenant.to_le_bytes()).update(label.as_bytes()).update(b"\0");
    *hasher.update(value.as_bytes()).finalize().as_bytes()
}

fn by_number(tenant: i64, label: &str, number: Number) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&tenant.to_le_bytes());
    hasher.update(&number.value.to_le_bytes()).update(&number.spelling.to_le_bytes());
    *hasher.update(label.as_bytes()).finalize().as_bytes()
}

/// Two generations: what is not asked for again while one fills is dropped with the older.
struct Generations<T> {
    /// With the bytes that each holds elsewhere.
    young: HashMap<[u8; 32], (T, usize)>,
    old: HashMap<[u8; 32], (T, usize)>,
    bytes: usize,
}

impl<T> Default for Generations<T> {
    fn default() -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), bytes: 0 }
    }
}

impl<T: Clone> Generations<T> {
    fn find(&mut self, key: &[u8; 32]) -> Option<T> {
        if let Some((found, _)) = self.young.get(key) {
            return Some(found.clone());
        }
        let (found, bytes) = self.old.remove(key)?;
        self.put(*key, found.clone(), bytes);
        Some(found)
    }

    fn put(&mut self, key: [u8; 32], value: T, bytes: usize) {
        if bytes > MAX_BYTES / 4 {
            return;
        }
        if self.young.len() >= MAX_ENTRIES || self.bytes + bytes > MAX_BYTES {
            self.old = std::mem::take(&mut self.young);
            self.bytes = 0;
        }
        self.bytes += bytes;
        self.young.insert(key, (value, bytes));
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

/// Of one generation: about 2 MB.
const MAX_ENTRIES: usize = 16 << 10;
/// Of the values of one generation.
const MAX_BYTES: usize = 4 << 20;
const MAX_TENANTS: usize = 1024;
