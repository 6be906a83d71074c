//! Detect, decide, mask and restore: the redaction path, without I/O.
//!
//! Not for SQLite (that is `store`) and not for HTTP (that is `gateway` and `broker`).

pub mod detect;
pub mod mask;
pub mod note;
pub mod rehydrate;
pub mod scan;

use std::collections::BTreeMap;
use std::sync::Arc;

use thiserror::Error;

/// The kind of a sensitive value, such as `EMAIL`; also the name in its placeholder.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Label(Arc<str>);

impl Label {
    /// Takes a name of the form `[A-Z][A-Z0-9_]*`, 32 bytes at most, no digit or `_` at its end.
    pub fn new(name: &str) -> Option<Self> {
        let bytes = name.as_bytes();
        let body = bytes.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b'_');
        let first = bytes.first().is_some_and(u8::is_ascii_uppercase);
        let last = bytes.last().is_some_and(u8::is_ascii_uppercase);
        (body && first && last && bytes.len() <= 32).then(|| Self(name.into()))
    }

    /// The name, such as `EMAIL`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What policy says of one label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The value may leave as it is.
    Allow,
    /// The value leaves as a placeholder `<LABEL_N>`.
    Mask,
    /// A request that holds such a value is refused.
    Block,
}

/// The policy of the guardrails, ready to use: every label has its action.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// Actions that differ from a label's own default.
    pub actions: BTreeMap<Label, Action>,
    /// The user's own detectors, compiled and checked by `config`.
    pub patterns: Vec<(Label, regex::Regex)>,
    /// Whether what cannot be read may leave.
    pub attachments: Attachments,
    /// The tools, by name, whose arguments stay masked in answers.
    pub tools_keep_masked: rehydrate::KeptTools,
    /// Whether models are told what placeholders are.
    pub system_inject: note::Note,
}

/// What becomes of pictures, sound and documents that are no text, and of text as token numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Attachments {
    /// They leave as they are, unseen.
    Allow,
    /// A request that holds one is refused: nobody could say that it is clean.
    #[default]
    Block,
}

/// Placeholder numbers and originals of one tenant; `store` keeps them in SQLite.
pub trait Vault: Send + Sync {
    /// The number of `value` under `label`: the known one, or the next, durable before it returns.
    fn number(&self, label: &Label, value: &str) -> Result<u64, VaultError>;

    /// The numbers of many values at once, in their order; all of them are durable, or none is used.
    fn number_all(&self, values: &[(&Label, &str)]) -> Result<Vec<u64>, VaultError> {
        values.iter().map(|(label, value)| self.number(label, value)).collect()
    }

    /// The original behind `<label_number>`, if this vault made that placeholder.
    fn original(&self, label: &str, number: u64) -> Option<Arc<str>>;

    /// Whether a placeholder of this vault may go on with `prefix` after its `<`, such as `EMA`.
    ///
    /// Streamed text is held back only where it may; a vault that cannot tell says yes.
    fn may_begin(&self, _prefix: &str) -> bool {
        true
    }
}

/// The vault could not keep a value, so nothing may be sent.
#[derive(Debug, Error)]
#[error("vault: {0}")]
pub struct VaultError(pub String);
