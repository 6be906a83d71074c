//! Why a request is not sent.

use thiserror::Error;

use crate::redact::{Label, VaultError};

/// Why a request is not sent; names label and place, never the value.
#[derive(Debug, Error)]
pub enum Refusal {
    /// The body is not one JSON document.
    #[error("the body is not JSON (byte {at})")]
    NotJson {
        /// The offset of the first wrong byte.
        at: usize,
    },
    /// The body nests too deeply.
    #[error("the body nests more than {} levels", crate::json::MAX_DEPTH)]
    TooDeep,
    /// A text whose escapes are escaped too often to be read to the end.
    #[error("text at {path} is escaped too many times over")]
    TooEscaped {
        /// Where, as a JSON path.
        path: String,
    },
    /// Policy blocks what was found.
    #[error("{} at {path} is blocked by policy", label.as_str())]
    BlockedLabel {
        /// What was found.
        label: Label,
        /// Where, as a JSON path.
        path: String,
    },
    /// Policy wants a local provider for what was found.
    #[error("{} at {path} is for a local provider only (guardrails: local_provider)", label.as_str())]
    NotForRemote {
        /// What was found.
        label: Label,
        /// Where, as a JSON path.
        path: String,
    },
    /// Something to mask stands where nothing may change.
    #[error("{} at {path} cannot be masked there", label.as_str())]
    UnsafePosition {
        /// What was found.
        label: Label,
        /// Where, as a JSON path.
        path: String,
    },
    /// What nobody can read stands there.
    #[error(
        "what stands at {path} cannot be read, so nobody can say that it is clean (guardrails: attachments)"
    )]
    Attachment {
        /// Where, as a JSON path.
        path: String,
    },
    /// Masking made something new to mask, over and over.
    #[error("{path} does not come to rest under masking")]
    MaskUnstable {
        /// Where, as a JSON path.
        path: String,
    },
    /// A body that should have been masked is not.
    #[error("{} at {path} is not masked", label.as_str())]
    Unmasked {
        /// What was found.
        label: Label,
        /// Where, as a JSON path.
        path: String,
    },
    /// The vault could not keep an original.
    #[error("originals cannot be kept")]
    VaultUnavailable(#[from] VaultError),
}

impl Refusal {
    /// What was found, where that is why.
    pub fn label(&self) -> Option<&Label> {
        match self {
            Self::BlockedLabel { label, .. }
            | Self::NotForRemote { label, .. }
            | Self::UnsafePosition { label, .. }
            | Self::Unmasked { label, .. } => Some(label),
            _ => None,
        }
    }

    /// The stable name of the reason, for logs, metrics and headers.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NotJson { .. } => "not-json",
            Self::TooDeep | Self::TooEscaped { .. } => "too-deep",
            Self::BlockedLabel { .. } => "blocked-label",
            Self::NotForRemote { .. } => "no-local-provider",
            Self::UnsafePosition { .. } => "unsafe-position",
            Self::Attachment { .. } => "attachment-blocked",
            Self::MaskUnstable { .. } => "mask-unstable",
            Self::Unmasked { .. } => "unmasked-label",
            Self::VaultUnavailable(_) => "vault-unavailable",
        }
    }
}
