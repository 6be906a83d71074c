//! Text that looks like a placeholder and stands for nothing: somebody typed it.
//!
//! It stays where that can be told apart from a placeholder in the answer. It cannot where this
//! request uses the same number for a value, or where the provider may bring it up in the answer to
//! another request; there it is masked like a value, as `<LITERAL_N>`.

use std::collections::BTreeSet;

use super::{Hit, Plan};
use crate::redact::mask::Refusal;
use crate::redact::placeholder::split_loosely;
use crate::redact::scan::LITERAL;
use crate::redact::{Lasts, Number, Typed, Vault};

/// What stays of the texts that look like placeholders.
#[derive(Default)]
pub(super) struct Left {
    /// As they are spelled.
    texts: BTreeSet<Box<str>>,
    /// What they look like.
    numbers: BTreeSet<(Box<str>, Number)>,
    /// Whether a number was given to a value of this request after all.
    pub(super) clash: bool,
}

impl Left {
    /// Notes a number that is now used.
    pub(super) fn meet(&mut self, label: &str, number: Number) {
        self.clash |= !self.numbers.is_empty() && self.numbers.contains(&(label.into(), number));
    }
}

impl Plan<'_, '_> {
    /// The hits that are replaced.
    pub(super) fn to_replace<'h>(&self, hits: &'h [Hit]) -> Vec<&'h Hit> {
        hits.iter().filter(|hit| !self.stays(hit)).collect()
    }

    fn stays(&self, hit: &Hit) -> bool {
        hit.label == self.masker.scanner().literal() && self.left.texts.contains(hit.value.as_str())
    }

    /// Decides on every text of `hits` that looks like a placeholder; to be called when the values
    /// have their numbers.
    pub(super) fn leave_typed<'h>(
        &mut self,
        hits: impl Iterator<Item = &'h Hit>,
        lasts: Lasts,
        vault: &dyn Vault,
    ) -> Result<(), Refusal> {
        let scanner = self.masker.scanner();
        let texts: BTreeSet<&str> = hits
            .filter(|hit| hit.label == scanner.literal())
            .map(|hit| hit.value.as_str())
            .collect();
        if texts.is_empty() {
            return Ok(());
        }
        let mut used = BTreeSet::new();
        for (id, numbers) in &self.numbers {
            let label = scanner.label(*id).as_str();
            used.extend(numbers.values().map(|number| (label, *number)));
        }
        let named: Vec<(&str, Option<String>)> =
            texts.into_iter().map(|text| (text, scanner.looks_like(text))).collect();
        let looks: Vec<(&str, Option<(&str, Number)>)> = named
            .iter()
            .map(|(text, name)| (*text, name.as_deref().and_then(split_loosely)))
            .collect();
        let free = |look: &Option<(&str, Number)>| look.is_some_and(|look| !used.contains(&look));
        // A number of a literal may be the next one that another gets.
        let all_free = looks.iter().all(|(_, look)| free(look));
        let asked: Vec<(&str, (&str, Number))> = looks
            .iter()
            .filter(|(_, look)| free(look))
            .filter_map(|(text, look)| Some((*text, (*look)?)))
            .filter(|(_, (label, _))| all_free || *label != LITERAL)
            .collect();
        let numbers: Vec<(&str, Number)> = asked.iter().map(|(_, look)| *look).collect();
        let told = vault.typed(&numbers, lasts)?;
        for ((text, (label, number)), typed) in asked.into_iter().zip(told) {
            if typed == Typed::Stays {
                self.left.texts.insert(text.into());
                self.left.numbers.insert((label.into(), number));
            }
        }
        Ok(())
    }
}
