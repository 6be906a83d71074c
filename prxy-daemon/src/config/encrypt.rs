//! `encrypt:` — that the state is encrypted, and where its secret comes from.
//!
//! The pipeline's `local-encrypt` demands the same, with the usual name.

use std::fmt;
use std::path::{Path, PathBuf};

use super::decode::{Fields, Found};
use super::problem::Kind;
use super::providers::{key_name, path};
use super::yaml::Node;

/// The state must be encrypted, and what opens it is here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Encrypt {
    /// The systemd credential of this name, else the environment variable.
    Name(String),
    /// A file that is its owner's alone.
    File(PathBuf),
}

impl Default for Encrypt {
    fn default() -> Self {
        Self::Name(USUAL.to_owned())
    }
}

impl Encrypt {
    /// The name, if it is one.
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Self::Name(name) => Some(name),
            Self::File(_) => None,
        }
    }
}

pub(super) fn decode(node: &Node, fields: Fields<'_>, found: &mut Found) -> Encrypt {
    let name = fields.get("key").map(|node| key_name(node, found));
    let file = fields.get("key_file").map(|node| path(node, found));
    match (name, file) {
        (Some(_), Some(_)) => found.add(node.span, Kind::KeyAndFile),
        (_, Some(Some(file))) => return Encrypt::File(file),
        (Some(Some(name)), _) => return Encrypt::Name(name),
        _ => {}
    }
    Encrypt::default()
}

/// Makes a relative path relative to the file that names it.
pub(super) fn anchor(encrypt: &mut Encrypt, folder: &Path) {
    if let Encrypt::File(file) = encrypt {
        *file = folder.join(&*file);
    }
}

impl fmt::Display for Encrypt {
    /// As in the configuration.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, "{{ key: {name} }}"),
            Self::File(file) => {
                write!(f, "{{ key_file: {} }}", super::summary::quoted(&file.to_string_lossy()))
            }
        }
    }
}

/// Where a secret is looked for if nothing is said.
pub(crate) const USUAL: &str = "PRXY_STATE_KEY";
pub(super) const KEYS: &[&str] = &["key", "key_file"];

#[cfg(test)]
mod tests {
    use crate::config::tests::load;

    #[test]
    fn what_is_read_is_shown_as_it_was() {
        for (text, expected) in [
            ("", None),
            ("encrypt: {}", Some("{ key: PRXY_STATE_KEY }")),
            ("encrypt:", Some("{ key: PRXY_STATE_KEY }")),
            ("pipeline: [local-encrypt, guardrails]", Some("{ key: PRXY_STATE_KEY }")),
            ("pipeline: [local-encrypt]\nencrypt: { key: OTHER }", Some("{ key: OTHER }")),
            ("encrypt: { key: OTHER }", Some("{ key: OTHER }")),
            ("encrypt: { key_file: /etc/it's }", Some("{ key_file: '/etc/it''s' }")),
        ] {
            let config = load(text).unwrap();
            assert_eq!(config.encrypt.as_ref().map(ToString::to_string).as_deref(), expected);
            let again = load(&config.summary().to_string()).unwrap();
            assert_eq!(again.encrypt, config.encrypt, "{text}");
        }
    }

    #[test]
    fn a_secret_has_one_place_and_does_not_stand_in_the_file() {
        for (text, told) in [
            ("encrypt: { key: A, key_file: /b }", "either `key` or `key_file`"),
            ("encrypt: { key: 'correct horse battery' }", "environment variable"),
            ("encrypt: { passphrase: 'x' }", "unknown key"),
            ("encrypt: yes", "encrypt"),
            // Its other name takes nothing.
            (
                "pipeline: [guardrails, local-encrypt: { key: A }]",
                "`local-encrypt` takes no options here: see `encrypt`",
            ),
        ] {
            let errors = load(text).unwrap_err().to_string();
            assert!(errors.contains(told) && !errors.contains("horse"), "{errors}");
        }
    }
}
