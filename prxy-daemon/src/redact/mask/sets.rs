//! The scanners of one or more maskers: one for each set of actions that differs from the others.

use std::collections::BTreeMap;

use super::memo::Memo;
use crate::provider::place::Place;
use crate::redact::scan::{Scanner, ScannerError};
use crate::redact::{Action, Label, Policy};

/// The number of a set.
pub(super) type Set = u32;
/// Which set counts in a place, in the order of [`Place::ALL`].
pub(super) type ByPlace = [Set; Place::ALL.len()];

/// The scanners, and what they have found lately.
#[derive(Debug)]
pub(super) struct Sets {
    scanners: Vec<Scanner>,
    pub(super) memo: Memo,
}

/// Builds them. All policies must be the same but for their actions and positions.
#[derive(Default)]
pub(super) struct SetsBuilder {
    known: BTreeMap<BTreeMap<Label, Action>, Set>,
    scanners: Vec<Scanner>,
}

impl SetsBuilder {
    /// The sets of one more policy.
    pub(super) fn add(&mut self, policy: &Policy) -> Result<ByPlace, ScannerError> {
        let mut by_place = [0; Place::ALL.len()];
        for (place, which) in Place::ALL.into_iter().zip(&mut by_place) {
            let actions = policy.at(place);
            *which = match self.known.get(&actions) {
                Some(set) => *set,
                None => {
                    // Memory ends before the numbers do.
                    let set = Set::try_from(self.scanners.len()).unwrap_or_default();
                    self.scanners.push(Scanner::at(policy, place)?);
                    self.known.insert(actions, set);
                    set
                }
            };
        }
        Ok(by_place)
    }

    pub(super) fn build(self) -> Sets {
        Sets { scanners: self.scanners, memo: Memo::new() }
    }
}

impl Sets {
    /// The scanner of a set that was [added](SetsBuilder::add).
    pub(super) fn scanner(&self, set: Set) -> &Scanner {
        &self.scanners[set as usize]
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.scanners.len()
    }
}
