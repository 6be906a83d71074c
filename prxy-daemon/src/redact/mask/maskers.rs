//! The maskers of one configuration: for each set of rules that single providers and clients make.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Masker;
use super::sets::{ByPlace, Sets, SetsBuilder};
use crate::redact::policy::Apart;
use crate::redact::scan::ScannerError;
use crate::redact::{Action, Policy};

/// The maskers of one configuration. They share their scanners, of which there is one for each set of
/// actions that differs from the others.
#[derive(Clone, Debug)]
pub struct Maskers {
    /// The row of a provider that is told apart; others have the first.
    rows: BTreeMap<String, usize>,
    /// The same for clients.
    columns: BTreeMap<String, usize>,
    /// In each row, as many as there are columns.
    all: Vec<Vec<Masker>>,
    /// Which of them let something pass that another one masks or refuses.
    laxer: Vec<Vec<bool>>,
}

impl Maskers {
    /// Builds them for these providers, and for the clients that the policy names.
    ///
    /// # Errors
    /// Where the policy uses a label that it must not.
    pub fn new<'p>(
        policy: &Policy,
        providers: impl IntoIterator<Item = &'p str>,
    ) -> Result<Self, ScannerError> {
        let Apart { rows, providers, columns, clients } = policy.apart(providers);
        let mut sets = SetsBuilder::default();
        let mut one = policy.clone();
        let mut places = Vec::new();
        for provider in &providers {
            let mut row = Vec::new();
            for client in &clients {
                let rules = policy.rules(*provider, *client);
                (one.actions, one.positions) = (rules.actions, rules.positions);
                row.push(sets.add(&one)?);
            }
            places.push(row);
        }
        let sets = Arc::new(sets.build());
        let laxer = laxer(&sets, &places);
        let masker = |by_place| Masker::of(&sets, by_place, policy.attachments);
        let all = places.into_iter().map(|row| row.into_iter().map(masker).collect()).collect();
        Ok(Self { rows, columns, all, laxer })
    }

    /// The masker for requests of a client to a provider.
    pub fn of(&self, provider: &str, client: Option<&str>) -> &Masker {
        let (row, column) = self.cell(provider, client);
        &self.all[row][column]
    }

    /// Whether requests of a client to a provider may hold what those of another, or to another,
    /// must not: what is learned from them is for nobody else.
    pub fn is_laxer(&self, provider: &str, client: Option<&str>) -> bool {
        let (row, column) = self.cell(provider, client);
        self.laxer[row][column]
    }

    fn cell(&self, provider: &str, client: Option<&str>) -> (usize, usize) {
        let row = self.rows.get(provider).copied().unwrap_or_default();
        let column = client.and_then(|client| self.columns.get(client)).copied();
        (row, column.unwrap_or_default())
    }
}

fn laxer(sets: &Sets, places: &[Vec<ByPlace>]) -> Vec<Vec<bool>> {
    // The same place and label has the same index everywhere.
    let allowed = |by_place: &ByPlace| -> Vec<bool> {
        let scanners = by_place.iter().map(|set| sets.scanner(*set));
        scanners.flat_map(|it| it.actions().map(|action| action == Action::Allow)).collect()
    };
    let mut by_all: Option<Vec<bool>> = None;
    for by_place in places.iter().flatten() {
        let allowed = allowed(by_place);
        match &mut by_all {
            Some(known) => known.iter_mut().zip(allowed).for_each(|(all, one)| *all &= one),
            None => by_all = Some(allowed),
        }
    }
    let by_all = by_all.unwrap_or_default();
    let is_laxer =
        |by_place: &ByPlace| allowed(by_place).iter().zip(&by_all).any(|(one, all)| *one && !*all);
    places.iter().map(|row| row.iter().map(is_laxer).collect()).collect()
}
