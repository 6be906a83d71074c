//! A vault for one request: numbers begin at 1, and are forgotten with its answer.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::redact::placeholder::begins;
use crate::redact::spelling::key;
use crate::redact::{Label, Lasts, Number, Typed, Vault, VaultError};

/// Keeps nothing anywhere but in itself.
#[derive(Default)]
pub(super) struct Scratch(Mutex<HashMap<Box<str>, Values>>);

/// Those of one label.
#[derive(Default)]
struct Values {
    numbers: HashMap<Arc<str>, Number>,
    originals: HashMap<Number, Arc<str>>,
    /// Every value's number by what its spellings have in common, and how many it has.
    families: HashMap<Box<str>, (u32, u32)>,
    /// What no value gets.
    left: HashSet<Number>,
    last: u32,
    spellings: u32,
}

impl Values {
    fn number(&mut self, label: &str, value: &str) -> Number {
        if let Some(number) = self.numbers.get(value) {
            return *number;
        }
        let (last, left) = (&mut self.last, &self.left);
        let (family, spellings) =
            self.families.entry(key(label, value).into()).or_insert_with(|| {
                *last += 1;
                while left.iter().any(|number| number.value == *last) {
                    *last += 1;
                }
                (*last, 0)
            });
        *spellings += 1;
        while left.contains(&Number { value: *family, spelling: *spellings }) {
            *spellings += 1;
        }
        self.spellings = self.spellings.max(*spellings);
        let number = Number { value: *family, spelling: *spellings };
        let value: Arc<str> = value.into();
        self.numbers.insert(Arc::clone(&value), number);
        self.originals.insert(number, value);
        number
    }
}

impl Scratch {
    fn labels(&self) -> MutexGuard<'_, HashMap<Box<str>, Values>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Vault for Scratch {
    fn number(&self, label: &Label, value: &str) -> Result<Number, VaultError> {
        let mut labels = self.labels();
        let values = labels.entry(label.as_str().into()).or_default();
        Ok(values.number(label.as_str(), value))
    }

    fn typed(&self, looks: &[(&str, Number)], _: Lasts) -> Result<Vec<Typed>, VaultError> {
        let mut labels = self.labels();
        let mut decide = |(label, number): &(&str, Number)| {
            let values = labels.entry((*label).into()).or_default();
            if values.originals.contains_key(number) || !number.is_small() {
                return Typed::Masked;
            }
            values.left.insert(*number);
            Typed::Stays
        };
        Ok(looks.iter().map(&mut decide).collect())
    }

    fn original(&self, label: &str, number: Number) -> Option<Arc<str>> {
        self.labels().get(label)?.originals.get(&number).cloned()
    }

    fn may_begin(&self, prefix: &str) -> bool {
        let labels = self.labels();
        let given = |(label, values): (&Box<str>, &Values)| {
            values.last > 0 && begins(label, values.last, values.spellings, prefix)
        };
        labels.iter().any(given)
    }
}
