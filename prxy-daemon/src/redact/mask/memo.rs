//! Results by content hash: a conversation that resends its history pays for the hash only.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::sets::Set;
use crate::redact::scan::Found;

/// Remembers what long strings hold, of the strings seen lately.
pub(super) struct Memo {
    shards: [Mutex<Shard>; SHARDS],
    nothing: Arc<Found>,
}

/// Two generations: what is not asked for again while one fills is dropped with the older.
#[derive(Default)]
struct Shard {
    young: HashMap<[u8; 32], Arc<Found>>,
    old: HashMap<[u8; 32], Arc<Found>>,
    /// What the younger generation weighs.
    weight: usize,
}

impl Memo {
    pub(super) fn new() -> Self {
        Self { shards: std::array::from_fn(|_| Mutex::default()), nothing: Arc::default() }
    }

    /// An empty result, shared.
    pub(super) fn nothing(&self) -> Arc<Found> {
        Arc::clone(&self.nothing)
    }

    /// What `scan` returns for the string spelled `raw` in a field of this name under a set of rules,
    /// or what it returned before.
    pub(super) fn remember(
        &self,
        (set, name, escaped, raw): (Set, Option<&str>, bool, &str),
        scan: impl FnOnce() -> Found,
    ) -> Arc<Found> {
        let mut hasher = blake3::Hasher::new();
        let name = name.unwrap_or_default();
        hasher.update(&set.to_le_bytes()).update(&[u8::from(escaped)]);
        hasher.update(&name.len().to_le_bytes());
        hasher.update(name.as_bytes()).update(raw.as_bytes());
        let key = *hasher.finalize().as_bytes();
        let shard = &self.shards[usize::from(key[0]) % SHARDS];
        if let Some(found) = shard.lock().unwrap_or_else(PoisonError::into_inner).find(&key) {
            return found;
        }
        let found = scan();
        let found = if found.is_empty() { self.nothing() } else { Arc::new(found) };
        shard.lock().unwrap_or_else(PoisonError::into_inner).insert(key, Arc::clone(&found));
        found
    }
}

impl Shard {
    fn find(&mut self, key: &[u8; 32]) -> Option<Arc<Found>> {
        if let Some(found) = self.young.get(key) {
            return Some(Arc::clone(found));
        }
        let found = self.old.remove(key)?;
        self.insert(*key, Arc::clone(&found));
        Some(found)
    }

    fn insert(&mut self, key: [u8; 32], found: Arc<Found>) {
        let weight = weight(&found);
        if weight > PER_SHARD / 4 {
            return;
        }
        if self.weight + weight > PER_SHARD {
            self.old = std::mem::take(&mut self.young);
            self.weight = 0;
        }
        self.weight += weight;
        self.young.insert(key, found);
    }
}

/// How much memory a result takes, in entries that hold nothing.
fn weight(found: &Found) -> usize {
    1 + (found.spans.len() + found.rest.len() + found.placeholders.len()) / 2
}

impl std::fmt::Debug for Memo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Memo").finish_non_exhaustive()
    }
}

/// Shorter strings are scanned as fast as they are hashed.
pub(super) const WORTH: usize = 256;
const SHARDS: usize = 16;
/// At about 100 bytes an entry, both generations of all shards stay below 4 MB.
const PER_SHARD: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::scan::{LabelId, Span};

    #[test]
    fn what_is_used_stays_and_the_rest_is_bounded() {
        let memo = Memo::new();
        let mut scans = 0;
        for i in 0..4 * SHARDS * PER_SHARD {
            memo.remember((0, None, false, &i.to_string()), Found::default);
            memo.remember((0, None, false, "used all the time"), || {
                scans += 1;
                Found::default()
            });
        }
        assert_eq!(scans, 1);
        let kept: usize = memo
            .shards
            .iter()
            .map(|shard| shard.lock().unwrap())
            .map(|shard| shard.young.len() + shard.old.len())
            .sum();
        assert!(kept <= 2 * SHARDS * PER_SHARD, "{kept}");
    }

    #[test]
    fn what_holds_very_much_is_not_kept() {
        let span = Span { start: 0, end: 6, label: LabelId(0), score: 0, detector: "" };
        let memo = Memo::new();
        for i in 0..SHARDS * PER_SHARD {
            memo.remember((0, None, false, &i.to_string()), || Found {
                spans: vec![span; if i % 2 == 0 { 20 } else { PER_SHARD }],
                ..Found::default()
            });
        }
        let spans: usize = memo
            .shards
            .iter()
            .map(|shard| shard.lock().unwrap())
            .map(|shard| {
                shard.young.values().chain(shard.old.values()).map(|f| f.spans.len()).sum::<usize>()
            })
            .sum();
        assert!((1..=4 * SHARDS * PER_SHARD).contains(&spans), "{spans}");
    }

    #[test]
    fn the_same_bytes_with_and_without_escapes_or_under_other_rules_are_two_texts() {
        let memo = Memo::new();
        let mut scans = 0;
        for (set, escaped) in [(0, false), (0, true), (0, false), (0, true), (1, true), (1, true)] {
            memo.remember((set, None, escaped, r"a\nb"), || {
                scans += 1;
                Found::default()
            });
        }
        assert_eq!(scans, 3);
    }
}
