//! What in a request makes a provider reach out itself: servers, web searches, URLs, files, sandboxes.
//!
//! A provider is the one host that the airgap lets through; what it fetches or contacts because a
//! request says so would be a way around it. The rules are data in `table`, [`Look`] applies them to
//! one walk over a body, [`strip`] takes declarations out. Not for what may be masked (`request`).

mod address;
mod look;
mod strip;
mod table;

#[cfg(test)]
mod tests;

use std::fmt;

use thiserror::Error;

pub use look::Look;
pub use strip::{Stripped, strip};

/// What a provider is made to do; the names are public API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Talk to an MCP server or connector that the request names.
    RemoteMcp,
    /// Search the web or fetch pages.
    WebTool,
    /// Fetch a URL that stands in the request, or write to one.
    UrlSource,
    /// Use something stored there that this gateway has not seen: a file, a vector store, a prompt.
    FileReference,
    /// Run code or another model in a place of its own.
    HostedTool,
    /// Keep the conversation, or go on with one that is kept there.
    StoredState,
    /// Whatever a tool of a type does that is not known to run at the client.
    UnknownTool,
}

impl Kind {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 7] = [
        Self::RemoteMcp,
        Self::WebTool,
        Self::UrlSource,
        Self::FileReference,
        Self::HostedTool,
        Self::StoredState,
        Self::UnknownTool,
    ];

    /// The stable name, in the configuration and as the reason of a refusal.
    pub fn name(self) -> &'static str {
        match self {
            Self::RemoteMcp => "remote-mcp",
            Self::WebTool => "web-tool",
            Self::UrlSource => "url-source",
            Self::FileReference => "file-reference",
            Self::HostedTool => "hosted-tool",
            Self::StoredState => "stored-state",
            Self::UnknownTool => "unknown-tool",
        }
    }

    /// Whether a declaration of it can be taken out of a request that still makes sense then.
    pub fn can_be_stripped(self) -> bool {
        !matches!(self, Self::UrlSource | Self::StoredState)
    }

    fn effect(self) -> &'static str {
        match self {
            Self::RemoteMcp => "the provider would contact a server that the request names",
            Self::WebTool => "the provider would search or fetch from the web",
            Self::UrlSource => "the provider would fetch a URL",
            Self::FileReference => "the provider would read what is stored there, unseen by prxy",
            Self::HostedTool => "the provider would run code or another model",
            Self::StoredState => "the provider would keep or continue a stored conversation",
            Self::UnknownTool => "the tool's type is not known to run at the client",
        }
    }
}

/// A set of [`Kind`]s.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Kinds(u8);

impl Kinds {
    /// None of them.
    pub const NONE: Self = Self(0);

    /// This set and `kind`.
    #[must_use]
    pub const fn with(self, kind: Kind) -> Self {
        Self(self.0 | 1 << kind as u8)
    }

    /// Whether `kind` belongs to it.
    pub fn has(self, kind: Kind) -> bool {
        self.0 & 1 << kind as u8 != 0
    }

    /// Whether it holds none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Its members, in the order of [`Kind::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Kind> {
        Kind::ALL.into_iter().filter(move |kind| self.has(*kind))
    }
}

impl FromIterator<Kind> for Kinds {
    fn from_iter<I: IntoIterator<Item = Kind>>(kinds: I) -> Self {
        kinds.into_iter().fold(Self::NONE, Self::with)
    }
}

/// The names with commas between them.
impl fmt::Display for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, kind) in self.iter().enumerate() {
            write!(f, "{}{}", if i == 0 { "" } else { ", " }, kind.name())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{self}}}")
    }
}

/// What one provider may be made to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// What passes; everything else is refused.
    pub allow: Kinds,
    /// Whose declarations the gateway takes out, so that nothing is left to refuse.
    pub strip: Kinds,
}

/// Stored conversations pass: official clients use them unasked, and they hold masked text only.
impl Default for Policy {
    fn default() -> Self {
        Self { allow: Kinds::NONE.with(Kind::StoredState), strip: Kinds::NONE }
    }
}

/// Why a body is not sent.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum Refusal {
    /// It makes the provider do something that is not allowed.
    #[error(
        "{} at {path}: {}, which `provider_fetch` does not allow for this provider",
        kind.name(),
        kind.effect()
    )]
    Fetch {
        /// What it would do.
        kind: Kind,
        /// Where, as a JSON path.
        path: String,
    },
    /// A key stands twice in one object, so that two readers may see different requests.
    #[error("a key stands twice at {path}")]
    DuplicateKey {
        /// Where, as a JSON path.
        path: String,
    },
}

impl Refusal {
    /// The stable name of the reason.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Fetch { kind, .. } => kind.name(),
            Self::DuplicateKey { .. } => "duplicate-key",
        }
    }
}

/// What an entry of the `anthropic-beta` header (or of `betas` in a body) would switch on.
pub fn beta(entry: &str) -> Option<Kind> {
    let entry = entry.to_ascii_lowercase();
    entry.split([',', ' ', '=']).find_map(|name| {
        table::BETAS.iter().find(|(prefix, _)| name.starts_with(prefix)).map(|(_, kind)| *kind)
    })
}
