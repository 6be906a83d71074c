//! JSON read in place: a validating walk, string tokens that know their bytes, edits by range.
//!
//! A body is never parsed into a tree and printed again: [`walk`] shows every token with its
//! place, [`Edits`] rewrites the few that change, and every other byte stays as the client sent it.
//!
//! Not for building JSON (that is `serde_json`), and not for what a field means (that is `provider`).

mod documents;
mod edit;
mod names;
mod path;
mod token;
mod tree;
mod walk;

#[cfg(test)]
mod tests;

pub use documents::{Document, Documents, TooLarge};
pub use edit::{Edits, escape, escape_into};
pub use path::{Path, Segment};
pub(crate) use token::unescape;
pub use token::{Locator, NumberToken, StringToken};
pub use tree::{Node, TreeError, Value};
pub use walk::{Container, Literal, MAX_DEPTH, SyntaxError, SyntaxKind, Visitor, WalkError, walk};
