//! Texts as they may be kept: without secrets, and without anything that a vault would restore.
//!
//! A placeholder means something else to every tenant, and tomorrow perhaps to the same one. So
//! `<PERSON_1>` becomes `[person]` in whichever form it is written, and what the policy lets through
//! as it is, becomes the same.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::redact::rehydrate;
use crate::redact::scan::{Scanner, ScannerError, Span};
use crate::redact::{Label, Number, Policy, Vault, VaultError, is_secret, placeholder};

/// Makes texts plain.
pub(crate) struct Plain {
    scanner: Scanner,
    own: BTreeSet<String>,
}

impl Plain {
    /// For what the built-in detectors find, and the user's own, whatever the policy does with it.
    ///
    /// # Errors
    /// The policy names a label that it must not.
    pub(crate) fn new(policy: Option<&Policy>) -> Result<Self, ScannerError> {
        let (patterns, deny) = policy
            .map_or_else(Default::default, |policy| (policy.patterns.clone(), policy.deny.clone()));
        let labels = policy.map_or_else(BTreeSet::new, |policy| {
            let named = policy.at(crate::provider::place::Place::Other);
            named.into_keys().map(|label| label.as_str().to_owned()).collect()
        });
        let everything = Policy { patterns, deny, ..Policy::default() };
        let scanner = Scanner::new(&everything)?;
        let built_in = everything
            .at(crate::provider::place::Place::Other)
            .into_keys()
            .map(|label| label.as_str().to_owned());
        let ours = std::iter::once(crate::redact::scan::LITERAL.to_owned());
        Ok(Self { scanner, own: labels.into_iter().chain(built_in).chain(ours).collect() })
    }

    /// The text as it may be kept; `None` if it holds a secret.
    pub(crate) fn text(&self, text: &str) -> Option<String> {
        let mut text = bracketed(&rehydrate::text(text, self));
        // What one look makes plain may be what hid another value.
        for _ in 0..LOOKS {
            let mut found = Vec::new();
            self.scanner.scan(&text, &mut found);
            if found.is_empty() {
                return Some(text);
            }
            text = self.without(&text, &found)?;
        }
        None
    }

    fn without(&self, text: &str, found: &[Span]) -> Option<String> {
        let mut plain = String::with_capacity(text.len());
        let mut at = 0;
        for span in found {
            let label = self.scanner.label(span.label).as_str();
            if is_secret(label) {
                return None;
            }
            plain.push_str(&text[at..span.start]);
            plain.push_str(&word(label));
            at = span.end;
        }
        plain.push_str(&text[at..]);
        Some(plain)
    }
}

/// Takes every placeholder for its own, so that all of their forms are found.
impl Vault for Plain {
    fn number(&self, _: &Label, _: &str) -> Result<Number, VaultError> {
        Err(VaultError("nothing is kept here".to_owned()))
    }

    fn original(&self, label: &str, _: Number) -> Option<Arc<str>> {
        self.own.contains(label).then(|| word(label).into())
    }
}

/// `<FOO_1>` of a label that the configuration does not have any more.
fn bracketed(text: &str) -> String {
    let (mut plain, mut at) = (String::with_capacity(text.len()), 0);
    for (start, _) in text.match_indices('<') {
        if start >= at
            && let Some((range, label)) = placeholder::at(text, start)
        {
            plain.push_str(&text[at..range.start]);
            plain.push_str(&word(label));
            at = range.end;
        }
    }
    plain.push_str(&text[at..]);
    plain
}

/// `[credit card]` for `CREDIT_CARD`.
fn word(label: &str) -> String {
    format!("[{}]", label.to_lowercase().replace('_', " "))
}

const LOOKS: usize = 3;
