//! The options of the modules that come after the guardrails, one file each: what is read, what is
//! the default, how it is printed again.
//!
//! Not for the airgap (its hosts are checked with the providers) and not for the guardrails.

mod cost_guard;
mod exact_cache;
mod ipc;
mod local_encrypt;
mod mcp_optimizer;
mod patterns;
mod semantic_cache;

use super::Module;
use super::decode::{Fields, Found};

pub use cost_guard::{CostGuard, CostLimits, Money, Price, Unpriced};
pub use exact_cache::{ExactCache, Sharing};
pub use ipc::Ipc;
pub use mcp_optimizer::McpOptimizer;
pub use patterns::Patterns;
pub use semantic_cache::SemanticCache;

/// How the options of one module are read.
#[derive(Clone, Copy)]
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) keys: &'static [&'static str],
    pub(super) decode: fn(Fields<'_>, &mut Found) -> Module,
}

/// Every module of this folder.
pub(super) const ROWS: &[Row] = &[
    cost_guard::ROW,
    exact_cache::ROW,
    ipc::ROW,
    local_encrypt::ROW,
    mcp_optimizer::ROW,
    patterns::ROW,
    semantic_cache::ROW,
];
