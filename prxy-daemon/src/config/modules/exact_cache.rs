//! `exact-cache:` — answers that are given again to the same request.

use std::fmt;
use std::time::Duration;

use super::Row;
use crate::config::Module;
use crate::config::decode::{Fields, Found};

/// Answers that are given again to the same request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExactCache {
    /// How long an answer is given again.
    pub ttl: Duration,
    /// Of all answers together; those that were not asked for the longest go first.
    pub max_bytes: u64,
    /// Who is given the same answers.
    pub scope: Sharing,
}

/// Who is given the same answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sharing {
    /// Those who share a vault and bring the same credential.
    #[default]
    Tenant,
    /// Everybody.
    Global,
}

impl Default for ExactCache {
    fn default() -> Self {
        Self { ttl: Duration::from_secs(3600), max_bytes: 256 << 20, scope: Sharing::Tenant }
    }
}

fn decode(fields: Fields<'_>, found: &mut Found) -> Module {
    let mut cache = ExactCache::default();
    if let Some(node) = fields.get("ttlSeconds")
        && let Some(seconds) = found.number(node, 1, MAX_TTL)
    {
        cache.ttl = Duration::from_secs(seconds as u64);
    }
    if let Some(node) = fields.get("maxBytes")
        && let Some(bytes) = found.number(node, MIN_BYTES, MAX_BYTES)
    {
        cache.max_bytes = bytes as u64;
    }
    if let Some(scope) = fields.get("scope").and_then(|node| found.word(node, "scope", &SCOPES)) {
        cache.scope = scope;
    }
    Module::ExactCache(cache)
}

impl Sharing {
    /// The word in the configuration.
    pub(super) fn word(self) -> &'static str {
        SCOPES.iter().find(|(_, known)| *known == self).map_or("", |(word, _)| word)
    }
}

impl fmt::Display for ExactCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ttl, bytes, scope) = (self.ttl.as_secs(), self.max_bytes, self.scope.word());
        write!(f, "{{ ttlSeconds: {ttl}, maxBytes: {bytes}, scope: {scope} }}")
    }
}

pub(super) const ROW: Row =
    Row { name: "exact-cache", keys: &["ttlSeconds", "maxBytes", "scope"], decode };
pub(super) const SCOPES: [(&str, Sharing); 2] =
    [("tenant", Sharing::Tenant), ("global", Sharing::Global)];
pub(super) const MAX_TTL: u64 = 10 * 365 * 24 * 3600;
const MIN_BYTES: u64 = 1 << 16;
pub(super) const MAX_BYTES: u64 = 1 << 40;
