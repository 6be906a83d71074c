//! `embeddings:` — what makes vectors of texts, for every module that compares meanings.

use std::fmt;

use super::decode::{Fields, Found};
use super::problem::{Kind, Quoted};
use crate::embed::model::installed::is_name;

/// What makes vectors of texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Embeddings {
    /// Spellings, without any model.
    #[default]
    Offline,
    /// A model that is installed.
    Local {
        /// Its name, one of a directory.
        model: String,
    },
}

pub(super) fn decode(fields: Fields<'_>, found: &mut Found) -> Embeddings {
    let provider = fields.get("provider");
    let local = provider.and_then(|node| found.word(node, "provider of embeddings", &PROVIDERS));
    let Some(node) = fields.get("model") else {
        if let (Some(true), Some(provider)) = (local, provider) {
            found.add(provider.span, Kind::LocalWithoutModel);
        }
        return Embeddings::Offline;
    };
    let Some(model) = found.text(node, "the name of a model") else { return Embeddings::Offline };
    if !is_name(model) {
        found.add(node.span, Kind::BadModelName(Quoted::new(model)));
    }
    match local {
        Some(true) => Embeddings::Local { model: model.to_owned() },
        Some(false) | None => {
            if provider.is_none() || local.is_some() {
                found.add(node.span, Kind::ModelOfNobody);
            }
            Embeddings::Offline
        }
    }
}

impl fmt::Display for Embeddings {
    /// As in the configuration.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Offline => f.write_str("{ provider: offline }"),
            Self::Local { model } => write!(f, "{{ provider: local, model: '{model}' }}"),
        }
    }
}

pub(super) const KEYS: &[&str] = &["provider", "model"];
/// Whether it is a model.
const PROVIDERS: [(&str, bool); 2] = [("offline", false), ("local", true)];

#[cfg(test)]
mod tests {
    use super::Embeddings;
    use crate::config::tests::load;

    #[test]
    fn what_is_read_is_shown_as_it_was() {
        let local = Embeddings::Local { model: "minilm-l6.v2".to_owned() };
        for (text, expected) in [
            ("", Embeddings::Offline),
            ("embeddings: {}", Embeddings::Offline),
            ("embeddings: { provider: offline }", Embeddings::Offline),
            ("embeddings: { provider: local, model: minilm-l6.v2 }", local),
        ] {
            let config = load(text).unwrap();
            assert_eq!(config.embeddings, expected, "{text}");
            let again = load(&config.summary().to_string()).unwrap();
            assert_eq!(again.embeddings, expected, "{text}");
        }
    }

    #[test]
    fn what_names_no_embedder_is_refused() {
        for (text, expected) in [
            ("{ provider: local }", "`local` needs `model`"),
            ("{ model: minilm }", "has no effect without `provider: local`"),
            ("{ provider: offline, model: minilm }", "has no effect without `provider: local`"),
            ("{ provider: locl, model: minilm }", "did you mean `local`?"),
            ("{ provider: local, model: ../vault }", "is no name of a model"),
            ("{ provider: local, model: .hidden }", "is no name of a model"),
            ("{ provider: local, model: '' }", "is no name of a model"),
            ("{ provider: local, model: 7 }", "expected the name of a model"),
            ("{ provder: local }", "did you mean `provider`?"),
        ] {
            let errors = load(&format!("embeddings: {text}")).unwrap_err().to_string();
            assert!(errors.contains(expected), "{text}: {errors}");
            assert!(errors.matches("error:").count() == 1, "{text}: {errors}");
        }
    }
}
