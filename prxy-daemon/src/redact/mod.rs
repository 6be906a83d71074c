//! Detect, decide, mask and restore: the redaction path, without I/O.
//!
//! Not for SQLite (that is `store`) and not for HTTP (that is `gateway` and `broker`).

pub mod detect;
pub mod mask;
pub mod note;
pub(crate) mod placeholder;
mod policy;
pub mod rehydrate;
pub mod scan;
pub(crate) mod spelling;

use std::sync::Arc;

use thiserror::Error;

pub use placeholder::{Name, Number};
pub use policy::{Action, Attachments, Local, Policy, Profile, Rules, is_secret};

/// The kind of a sensitive value, such as `EMAIL`; also the name in its placeholder.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Label(Arc<str>);

impl Label {
    /// Takes a name of the form `[A-Z][A-Z0-9_]*`, 32 bytes at most, no digit or `_` at its end.
    pub fn new(name: &str) -> Option<Self> {
        Self::is_name(name).then(|| Self(name.into()))
    }

    /// Whether a label may be called so.
    pub(crate) fn is_name(name: &str) -> bool {
        let bytes = name.as_bytes();
        let body = bytes.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b'_');
        let first = bytes.first().is_some_and(u8::is_ascii_uppercase);
        let last = bytes.last().is_some_and(u8::is_ascii_uppercase);
        body && first && last && bytes.len() <= 32
    }

    /// The name, such as `EMAIL`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Placeholder numbers and originals of one tenant, for one request; `store` keeps them in SQLite.
pub trait Vault: Send + Sync {
    /// The number of `value` under `label`: the known one, that of another spelling of a known
    /// value, or the next; durable before it returns.
    fn number(&self, label: &Label, value: &str) -> Result<Number, VaultError>;

    /// The numbers of many values at once, in their order; all of them are durable, or none is used.
    fn number_all(&self, values: &[(&Label, &str)]) -> Result<Vec<Number>, VaultError> {
        values.iter().map(|(label, value)| self.number(label, value)).collect()
    }

    /// What becomes of texts that look like these placeholders and stand for nothing in this
    /// request. To be asked when its values have their numbers.
    fn typed(&self, looks: &[(&str, Number)], _lasts: Lasts) -> Result<Vec<Typed>, VaultError> {
        Ok(vec![Typed::Masked; looks.len()])
    }

    /// From now on, only what was numbered for this request is restored: its answer can speak of
    /// nothing else.
    fn only_its_own(&self) {}

    /// The labels with entries that `known` does not know.
    fn strange_labels(&self, _known: &dyn Fn(&str) -> bool) -> Vec<Box<str>> {
        Vec::new()
    }

    /// The original behind `<label_number>`, if this vault made that placeholder.
    fn original(&self, label: &str, number: Number) -> Option<Arc<str>>;

    /// Whether a placeholder of this vault may go on with `prefix` after its `<`, such as `EMA`.
    ///
    /// Streamed text is held back only where it may; a vault that cannot tell says yes.
    fn may_begin(&self, _prefix: &str) -> bool {
        true
    }
}

/// How long a request's text may come back in answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasts {
    /// In its own answer only: the next request brings it again.
    OneAnswer,
    /// The provider may keep it.
    Longer,
}

/// What becomes of a text that somebody typed and that looks like a placeholder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Typed {
    /// It stays: no value gets this number any more, and this request's answer is not restored there.
    Stays,
    /// It is masked like a value, as `<LITERAL_N>`.
    Masked,
}

/// The vault could not keep a value, so nothing may be sent.
#[derive(Debug, Error)]
#[error("vault: {0}")]
pub struct VaultError(pub String);
