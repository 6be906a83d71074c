//! `semantic-cache:` — answers that are given again to the same question in other words.

use std::fmt;
use std::time::Duration;

use super::Row;
use super::exact_cache::{MAX_TTL, SCOPES, Sharing};
use crate::config::Module;
use crate::config::decode::{Fields, Found};
use crate::pipeline::semantic_cache::SIMILARITY;
use crate::store::Limits;

/// Answers that are given again to the same question in other words.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SemanticCache {
    /// How near the vectors of two questions must be: 1 is the same direction.
    pub similarity: f32,
    /// How much is kept, and how long it is given again.
    pub limits: Limits,
    /// Who is given the same answers.
    pub scope: Sharing,
    /// Whether the last question of a conversation is looked for, not only a single one.
    pub multi_turn: bool,
    /// Requests with a higher temperature want to be surprised.
    pub max_temperature: f32,
}

impl Default for SemanticCache {
    fn default() -> Self {
        let limits =
            Limits { max_entries: 10_000, max_bytes: 64 << 20, ttl: Duration::from_secs(3600) };
        Self {
            similarity: SIMILARITY,
            limits,
            scope: Sharing::Tenant,
            multi_turn: false,
            max_temperature: 0.3,
        }
    }
}

fn decode(fields: Fields<'_>, found: &mut Found) -> Module {
    let mut cache = SemanticCache::default();
    let limits = &mut cache.limits;
    let seconds = fields.get("ttlSeconds").and_then(|node| found.number(node, 1, MAX_TTL));
    limits.ttl = seconds.map_or(limits.ttl, |seconds| Duration::from_secs(seconds as u64));
    let entries = fields.get("maxEntries").and_then(|node| found.number(node, 1, MAX_ENTRIES));
    limits.max_entries = entries.map_or(limits.max_entries, |entries| entries as u64);
    let bytes = fields.get("maxBytes").and_then(|node| found.number(node, MIN_BYTES, MAX_BYTES));
    limits.max_bytes = bytes.map_or(limits.max_bytes, |bytes| bytes as u64);
    let similarity = fields.get("similarity").and_then(|node| found.decimal(node, 0, 1));
    cache.similarity = similarity.unwrap_or(cache.similarity);
    let temperature = fields.get("maxTemperature").and_then(|node| found.decimal(node, 0, 2));
    cache.max_temperature = temperature.unwrap_or(cache.max_temperature);
    let multi_turn = fields.get("multiTurn").and_then(|node| found.flag(node));
    cache.multi_turn = multi_turn.unwrap_or(cache.multi_turn);
    let scope = fields.get("scope").and_then(|node| found.word(node, "scope", &SCOPES));
    cache.scope = scope.unwrap_or(cache.scope);
    Module::SemanticCache(cache)
}

impl fmt::Display for SemanticCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { similarity, limits, scope, multi_turn, max_temperature } = self;
        let (ttl, scope) = (limits.ttl.as_secs(), scope.word());
        write!(f, "{{ similarity: {similarity}, ttlSeconds: {ttl}, ")?;
        write!(f, "maxEntries: {}, maxBytes: {}, ", limits.max_entries, limits.max_bytes)?;
        write!(f, "scope: {scope}, multiTurn: {multi_turn}, maxTemperature: {max_temperature} }}")
    }
}

pub(super) const ROW: Row = Row { name: "semantic-cache", keys: KEYS, decode };
const KEYS: &[&str] =
    &["similarity", "ttlSeconds", "maxEntries", "maxBytes", "scope", "multiTurn", "maxTemperature"];
const MAX_ENTRIES: u64 = 10_000_000;
const MIN_BYTES: u64 = 1 << 16;
const MAX_BYTES: u64 = 1 << 40;
