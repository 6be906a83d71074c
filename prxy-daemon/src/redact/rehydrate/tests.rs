mod goldens;
mod properties;
mod secrets;
mod streams;
mod surfaces;
mod table;
mod wholes;

use std::sync::Arc;

use super::super::placeholder::begins;
use super::super::{Label, Number, Vault, VaultError};

/// A vault of fixed values: `(label, values)`, numbered from 1.
pub(super) struct Fixed(pub(super) Vec<(&'static str, Vec<String>)>);

impl Vault for Fixed {
    fn number(&self, _: &Label, _: &str) -> Result<Number, VaultError> {
        Err(VaultError("fixed".to_owned()))
    }

    fn original(&self, label: &str, number: Number) -> Option<Arc<str>> {
        let (_, values) = self.0.iter().find(|(known, _)| *known == label)?;
        let value = values.get(usize::try_from(number.value).ok()?.checked_sub(1)?)?;
        match number.spelling {
            1 => Some(value.as_str().into()),
            2 if label == "PERSON" => Some(value.to_uppercase().into()),
            _ => None,
        }
    }

    fn may_begin(&self, prefix: &str) -> bool {
        let spellings = |label: &str| if label == "PERSON" { 2 } else { 1 };
        self.0.iter().any(|(label, values)| {
            begins(label, u32::try_from(values.len()).unwrap(), spellings(label), prefix)
        })
    }
}

/// Values of every awkward kind.
pub(super) fn vault() -> Arc<Fixed> {
    let people = (1..=12).map(|n| format!("Person Number {n}"));
    Arc::new(Fixed(vec![
        ("EMAIL", vec!["ada@example.org".to_owned(), "x@y.zw".to_owned()]),
        ("PERSON", people.collect()),
        (
            "API_KEY",
            vec![
                "line\nbreak \"quoted\" back\\slash".to_owned(),
                "\u{2028}\u{1F600}\u{0}".to_owned(),
            ],
        ),
        ("LITERAL", vec!["<EMAIL_1>".to_owned(), "\\u003cEMAIL_1\\u003e".to_owned()]),
    ]))
}

pub(super) fn empty() -> Arc<Fixed> {
    Arc::new(Fixed(Vec::new()))
}
