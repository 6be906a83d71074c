//! What tools are given of what was masked.
//!
//! A tool acts: it writes files, runs commands, fetches pages. So secrets come back in the arguments of
//! a tool only if the configuration names it, and nothing at all comes back for those that it keeps
//! masked. What a person reads is restored whole.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::redact::{Label, Number, Vault, VaultError, is_secret};

/// Names of tools.
pub type ToolNames = Arc<BTreeSet<String>>;

/// The tools that are not treated as others are.
#[derive(Clone, Debug, Default)]
pub struct KeptTools {
    /// Those whose arguments stay masked.
    pub masked: ToolNames,
    /// Those that are given secrets; `None`: all of them.
    pub secrets: Option<ToolNames>,
}

/// What the arguments of one call may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Given {
    /// What belongs to people, and nothing that opens something.
    NoSecrets,
    /// Every original.
    Everything,
    /// Placeholders only.
    Nothing,
}

impl KeptTools {
    /// Whether all tools are treated alike.
    pub(super) fn is_empty(&self) -> bool {
        self.masked.is_empty() && self.secrets.as_ref().is_none_or(|names| names.is_empty())
    }

    /// What tools are given that the configuration does not name.
    fn usual(&self) -> Given {
        if self.secrets.is_none() { Given::Everything } else { Given::NoSecrets }
    }

    /// What a tool is given whose name is not known, or not yet.
    pub(super) fn unnamed(&self) -> Given {
        if self.masked.is_empty() { self.usual() } else { Given::Nothing }
    }

    /// What the tool of this name is given.
    pub(super) fn given(&self, name: &str) -> Given {
        if self.masked.contains(name) {
            Given::Nothing
        } else if self.secrets.as_ref().is_some_and(|names| names.contains(name)) {
            Given::Everything
        } else {
            self.usual()
        }
    }
}

/// A vault without its secrets.
pub(super) struct Public<'v>(pub(super) &'v dyn Vault);

impl Vault for Public<'_> {
    fn number(&self, label: &Label, value: &str) -> Result<Number, VaultError> {
        self.0.number(label, value)
    }

    fn original(&self, label: &str, number: Number) -> Option<Arc<str>> {
        if is_secret(label) { None } else { self.0.original(label, number) }
    }

    fn may_begin(&self, prefix: &str) -> bool {
        self.0.may_begin(prefix)
    }
}

/// Calls `look` with what a call may see of `vault`.
pub(super) fn seeing<T>(vault: &dyn Vault, given: Given, look: impl FnOnce(&dyn Vault) -> T) -> T {
    match given {
        Given::NoSecrets => look(&Public(vault)),
        Given::Everything | Given::Nothing => look(vault),
    }
}
