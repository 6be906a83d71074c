//! The vault of somebody who is given an answer that was made for somebody else.
//!
//! The answer speaks of placeholders by the numbers that they had in the first one's request. Here
//! they stand for what stood in the same places of the second one's request, and for nothing else.

use std::sync::Arc;

use crate::redact::{Label, Name, Number, Vault, VaultError};

/// Reads the placeholders of another request as those of this one.
pub(crate) struct Translated {
    /// As they are in the answer, with what they are here.
    names: Vec<(Name, Name)>,
    own: Arc<dyn Vault>,
}

impl Translated {
    /// `theirs` and `own` are the placeholders of two requests with the same key, in order.
    ///
    /// `None` if they are not: nothing may be restored then.
    pub(crate) fn new(theirs: &[Name], own: &[Name], vault: Arc<dyn Vault>) -> Option<Self> {
        let same = |(theirs, own): (&Name, &Name)| theirs.0 == own.0;
        if theirs.len() != own.len() || !theirs.iter().zip(own).all(same) {
            return None;
        }
        let names = theirs.iter().cloned().zip(own.iter().cloned()).collect();
        Some(Self { names, own: vault })
    }
}

impl Vault for Translated {
    fn number(&self, _: &Label, _: &str) -> Result<Number, VaultError> {
        Err(VaultError("an answer numbers nothing".to_owned()))
    }

    fn original(&self, label: &str, number: Number) -> Option<Arc<str>> {
        let of_value = || {
            let same = |((known, theirs), _): &&(Name, Name)| {
                **known == *label && theirs.value == number.value
            };
            self.names.iter().filter(same)
        };
        let exact = of_value().find(|((_, theirs), _)| *theirs == number);
        if let Some((_, (_, own))) = exact {
            // What stands for nothing here is what this client typed.
            let original = self.own.original(label, *own);
            return Some(original.unwrap_or_else(|| format!("<{label}_{own}>").into()));
        }
        // Another spelling of a value that stands there.
        let (_, (_, own)) = of_value().next()?;
        let same = || self.own.original(label, number);
        let first = || self.own.original(label, Number::first(own.value));
        if own.value == number.value { same().or_else(first) } else { first() }
    }

    fn may_begin(&self, prefix: &str) -> bool {
        self.names.iter().any(|((label, number), _)| {
            let value = format!("{label}_{}", number.value);
            value.starts_with(prefix) || prefix.starts_with(&format!("{value}_"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Own;

    impl Vault for Own {
        fn number(&self, _: &Label, _: &str) -> Result<Number, VaultError> {
            Ok(Number::first(1))
        }

        fn original(&self, label: &str, number: Number) -> Option<Arc<str>> {
            (number.value != 9).then(|| format!("{label} {number} of mine").into())
        }
    }

    fn name(label: &str, value: u32) -> Name {
        (label.into(), Number::first(value))
    }

    #[test]
    fn only_what_stands_in_the_same_place_is_restored() {
        let theirs = [name("EMAIL", 1), name("PERSON", 4), name("PERSON", 5)];
        let own = [name("EMAIL", 7), name("PERSON", 1), name("PERSON", 9)];
        let vault = Translated::new(&theirs, &own, Arc::new(Own)).unwrap();
        let original = |label, value| vault.original(label, Number::first(value));
        assert_eq!(original("EMAIL", 1).as_deref(), Some("EMAIL 7 of mine"));
        assert_eq!(original("PERSON", 4).as_deref(), Some("PERSON 1 of mine"));
        // Typed here, so it is given back as it was typed.
        assert_eq!(original("PERSON", 5).as_deref(), Some("<PERSON_9>"));
        // Mine, but not what the answer speaks of.
        for (label, value) in [("EMAIL", 7), ("PERSON", 1), ("PERSON", 9), ("IBAN", 1)] {
            assert_eq!(original(label, value), None, "{label} {value}");
        }
        for (prefix, may) in [("", true), ("PERSON_4", true), ("PERSON_1", false), ("X", false)] {
            assert_eq!(vault.may_begin(prefix), may, "{prefix}");
        }
    }

    #[test]
    fn another_spelling_is_that_of_the_value_that_stands_there() {
        let spelled = |value, spelling| Number { value, spelling };
        let name = |number| -> Name { ("EMAIL".into(), number) };
        let (theirs, own) = ([name(spelled(1, 2))], [name(spelled(4, 1))]);
        let vault = Translated::new(&theirs, &own, Arc::new(Own)).unwrap();
        for (number, expected) in [
            (spelled(1, 2), Some("EMAIL 4 of mine")),
            (spelled(1, 1), Some("EMAIL 4 of mine")),
            (spelled(1, 3), Some("EMAIL 4 of mine")),
            (spelled(4, 1), None),
        ] {
            assert_eq!(vault.original("EMAIL", number).as_deref(), expected, "{number}");
        }
        // For whom it was made, it is as it would have been at once.
        let vault = Translated::new(&theirs, &theirs, Arc::new(Own)).unwrap();
        assert_eq!(vault.original("EMAIL", spelled(1, 3)).as_deref(), Some("EMAIL 1_3 of mine"));
    }

    #[test]
    fn requests_with_other_placeholders_share_nothing() {
        for own in [&[][..], &[name("IBAN", 1)], &[name("EMAIL", 1), name("EMAIL", 2)]] {
            assert!(Translated::new(&[name("EMAIL", 1)], own, Arc::new(Own)).is_none());
        }
    }
}
