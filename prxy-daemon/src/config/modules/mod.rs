//! The options of the modules that come after the guardrails, one file each: what is read, what is
//! the default, how it is printed again.
//!
//! Not for the airgap (its hosts are checked with the providers) and not for the guardrails.

mod exact_cache;
mod patterns;

use super::Module;
use super::decode::{Fields, Found};

pub use exact_cache::{ExactCache, Sharing};
pub use patterns::Patterns;

/// How the options of one module are read.
#[derive(Clone, Copy)]
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) keys: &'static [&'static str],
    pub(super) decode: fn(Fields<'_>, &mut Found) -> Module,
}

/// Every module of this folder.
pub(super) const ROWS: &[Row] = &[exact_cache::ROW, patterns::ROW];
