//! Results by content hash: a history that is sent again is not worked through again.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

/// Remembers the results asked for lately, at most twice `most` of them.
pub struct Memo<V> {
    most: usize,
    generations: Mutex<Generations<V>>,
}

/// What is not asked for while the younger one fills is dropped with the older.
struct Generations<V> {
    young: HashMap<[u8; 32], V>,
    old: HashMap<[u8; 32], V>,
}

impl<V: Clone> Memo<V> {
    /// An empty one.
    pub fn new(most: usize) -> Self {
        let generations = Generations { young: HashMap::new(), old: HashMap::new() };
        Self { most, generations: Mutex::new(generations) }
    }

    /// What `work` returns for `content`, or what it returned before under the same `rule`.
    ///
    /// `None` is not remembered.
    pub fn remember(
        &self,
        rule: u8,
        content: &[u8],
        work: impl FnOnce() -> Option<V>,
    ) -> Option<V> {
        let key = *blake3::Hasher::new().update(&[rule]).update(content).finalize().as_bytes();
        let lock = || self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lock().find(&key, self.most) {
            return Some(known);
        }
        let value = work()?;
        lock().insert(key, value.clone(), self.most);
        Some(value)
    }
}

impl<V: Clone> Generations<V> {
    fn find(&mut self, key: &[u8; 32], most: usize) -> Option<V> {
        if let Some(value) = self.young.get(key) {
            return Some(value.clone());
        }
        let value = self.old.remove(key)?;
        self.insert(*key, value.clone(), most);
        Some(value)
    }

    fn insert(&mut self, key: [u8; 32], value: V, most: usize) {
        if self.young.len() >= most {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }
}

impl<V> fmt::Debug for Memo<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memo").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_stays_and_the_rest_is_bounded() {
        let memo = Memo::new(10);
        let mut worked = 0;
        for n in 0..100_u32 {
            memo.remember(0, &n.to_le_bytes(), || Some(n));
            memo.remember(0, b"always", || {
                worked += 1;
                Some(7)
            });
            assert_eq!(memo.remember(1, b"always", || None), None);
        }
        let generations = memo.generations.lock().unwrap();
        assert_eq!(worked, 1);
        assert!(generations.young.len() + generations.old.len() <= 20);
    }
}
