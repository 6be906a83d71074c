//! The maskers of one configuration: for each set of rules that single providers and clients make.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Masker;
use super::sets::SetsBuilder;
use crate::redact::Policy;
use crate::redact::policy::Apart;
use crate::redact::scan::ScannerError;

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
        let masker = |by_place| Masker::of(&sets, by_place, policy.attachments);
        let all = places.into_iter().map(|row| row.into_iter().map(masker).collect()).collect();
        Ok(Self { rows, columns, all })
    }

    /// The masker for requests of a client to a provider.
    pub fn of(&self, provider: &str, client: Option<&str>) -> &Masker {
        let row = self.rows.get(provider).copied().unwrap_or_default();
        let column = client.and_then(|client| self.columns.get(client)).copied();
        &self.all[row][column.unwrap_or_default()]
    }
}
