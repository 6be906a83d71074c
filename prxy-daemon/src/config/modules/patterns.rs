//! `patterns:` — what solved a problem is kept, and offered when a like one comes up.

use std::fmt;

use super::Row;
use super::exact_cache::{SCOPES, Sharing};
use crate::config::Module;
use crate::config::decode::{Fields, Found};

/// What is kept of problems that were solved, and when it is offered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Patterns {
    /// Whether answers are learned from; what is known is offered in either case.
    pub learn: bool,
    /// How many are offered for one text of a user; 0 for none.
    pub max_injected: usize,
    /// How alike two problems must be: 1 is the same words.
    pub min_score: f32,
    /// What has helped less often than that is not offered.
    pub min_success_rate: f32,
    /// What an offer may take of the model's window.
    pub max_tokens: u64,
    /// How many are kept for each tenant, or credential; the least useful go first.
    pub max_patterns: usize,
    /// Who learns from whom; with one tenant for all, each credential is on its own in it.
    pub scope: Sharing,
}

impl Default for Patterns {
    fn default() -> Self {
        Self {
            learn: true,
            max_injected: 5,
            min_score: 0.55,
            min_success_rate: 0.6,
            max_tokens: 600,
            max_patterns: 1000,
            scope: Sharing::Tenant,
        }
    }
}

fn decode(fields: Fields<'_>, found: &mut Found) -> Module {
    let mut patterns = Patterns::default();
    let learn = fields.get("learn").and_then(|node| found.flag(node));
    patterns.learn = learn.unwrap_or(patterns.learn);
    let injected = fields.get("maxInjected").and_then(|node| found.number(node, 0, MAX_INJECTED));
    patterns.max_injected = injected.unwrap_or(patterns.max_injected);
    let score = fields.get("minScore").and_then(|node| found.decimal(node, 0, 1));
    patterns.min_score = score.unwrap_or(patterns.min_score);
    let rate = fields.get("minSuccessRate").and_then(|node| found.decimal(node, 0, 1));
    patterns.min_success_rate = rate.unwrap_or(patterns.min_success_rate);
    let tokens =
        fields.get("maxTokens").and_then(|node| found.number(node, MIN_TOKENS, MAX_TOKENS));
    patterns.max_tokens = tokens.map_or(patterns.max_tokens, |tokens| tokens as u64);
    let kept = fields.get("maxPatterns").and_then(|node| found.number(node, 1, MAX_PATTERNS));
    patterns.max_patterns = kept.unwrap_or(patterns.max_patterns);
    let scope = fields.get("scope").and_then(|node| found.word(node, "scope", &SCOPES));
    patterns.scope = scope.unwrap_or(patterns.scope);
    Module::Patterns(patterns)
}

impl fmt::Display for Patterns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { learn, max_injected, min_score, min_success_rate, .. } = self;
        let Self { max_tokens, max_patterns, scope, .. } = self;
        write!(f, "{{ learn: {learn}, maxInjected: {max_injected}, minScore: {min_score}, ")?;
        write!(f, "minSuccessRate: {min_success_rate}, maxTokens: {max_tokens}, ")?;
        write!(f, "maxPatterns: {max_patterns}, scope: {} }}", scope.word())
    }
}

pub(super) const ROW: Row = Row { name: "patterns", keys: KEYS, decode };
const KEYS: &[&str] =
    &["learn", "maxInjected", "minScore", "minSuccessRate", "maxTokens", "maxPatterns", "scope"];
const MAX_INJECTED: u64 = 20;
const MIN_TOKENS: u64 = 50;
const MAX_TOKENS: u64 = 8_000;
const MAX_PATTERNS: u64 = 100_000;
