//! A masker for each provider whose policy is its own, and one for all others.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Masker;
use crate::redact::Policy;
use crate::redact::scan::ScannerError;

/// The maskers of one configuration.
#[derive(Clone, Debug)]
pub struct Maskers {
    usual: Arc<Masker>,
    own: BTreeMap<String, Arc<Masker>>,
}

impl Maskers {
    /// Builds them for these providers.
    ///
    /// # Errors
    /// Where the policy uses a label that it must not.
    pub fn new<'p>(
        policy: &Policy,
        providers: impl IntoIterator<Item = &'p str>,
    ) -> Result<Self, ScannerError> {
        let usual = Arc::new(Masker::new(policy)?);
        let mut own = BTreeMap::new();
        for name in providers.into_iter().filter(|name| policy.tells_apart(name)) {
            own.insert(name.to_owned(), Arc::new(Masker::new(&policy.of(name))?));
        }
        Ok(Self { usual, own })
    }

    /// The masker for requests to a provider.
    pub fn of(&self, provider: &str) -> &Masker {
        self.own.get(provider).unwrap_or(&self.usual)
    }
}
