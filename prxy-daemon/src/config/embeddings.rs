//! `embeddings:` — what makes vectors of texts, for every module that compares meanings.

use std::fmt;

use super::Provider;
use super::decode::{Fields, Found};
use super::problem::{Instead, Kind, Quoted, Span};
use super::summary::quoted;
use super::yaml::Node;
use crate::embed::model::installed::is_name;
use crate::provider::Api;

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
    /// A service that one of the providers offers.
    Network {
        /// The provider's name.
        via: String,
        /// The model as the provider calls it.
        model: String,
        /// The installed model that is used where the airgap does not allow the provider's host;
        /// `None` for the offline one.
        fallback: Option<String>,
    },
}

/// What is read, and where the provider is named.
pub(super) type Placed = (Embeddings, Option<Span>);

pub(super) fn decode(fields: Fields<'_>, found: &mut Found) -> Placed {
    let nothing = (Embeddings::Offline, None);
    let Some(provider) = fields.get("provider") else {
        for key in KEYS.iter().filter_map(|key| fields.get(key)) {
            found.add(key.span, Kind::EmbedderOfNobody);
        }
        return nothing;
    };
    let Some(kind) = found.word(provider, "provider of embeddings", &PROVIDERS) else {
        return nothing;
    };
    let takes: &[&str] = match kind {
        Which::Offline => &[],
        Which::Local => &["model"],
        Which::Network => &["model", "via", "fallback"],
    };
    for key in KEYS.iter().filter(|key| **key != "provider" && !takes.contains(key)) {
        if let Some(node) = fields.get(key) {
            found.add(node.span, Kind::EmbedderOfNobody);
        }
    }
    let installed = |node: &Node, found: &mut Found| {
        let name = found.text(node, "the name of a model")?;
        if !is_name(name) {
            found.add(node.span, Kind::BadModelName(Quoted::new(name)));
        }
        Some(name.to_owned())
    };
    let model = fields.get("model");
    match (kind, model, fields.get("via")) {
        (Which::Offline, _, _) => nothing,
        (Which::Local, Some(model), _) => {
            let model = installed(model, found);
            (model.map_or(Embeddings::Offline, |model| Embeddings::Local { model }), None)
        }
        (Which::Local, None, _) => {
            found.add(provider.span, Kind::LocalWithoutModel);
            nothing
        }
        (Which::Network, Some(model), Some(via)) => {
            let fallback = fields.get("fallback").and_then(|node| installed(node, found));
            let name = found.text(model, "the name of a model").map(str::to_owned);
            let fits = |name: &String| {
                (1..=MAX_MODEL).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_graphic())
            };
            if name.as_ref().is_some_and(|name| !fits(name)) {
                found.add(model.span, Kind::BadModelOfService);
            }
            let to = found.text(via, "the name of a provider").map(str::to_owned);
            let (Some(model), Some(to)) = (name, to) else { return nothing };
            (Embeddings::Network { via: to, model, fallback }, Some(via.span))
        }
        (Which::Network, _, _) => {
            found.add(provider.span, Kind::NetworkWithoutService);
            nothing
        }
    }
}

/// The provider that makes the vectors must be one that can; it may be missing from `providers` if
/// it is `known` and the airgap's list leaves it out.
pub(super) fn check(
    (configured, at): &Placed,
    known: &[String],
    providers: &[Provider],
    found: &mut Found,
) {
    let (Embeddings::Network { via, .. }, Some(at)) = (configured, at) else { return };
    if !known.contains(via) {
        let instead = Instead::of(via, known.iter().map(String::as_str));
        found.add(*at, Kind::UnknownWord { what: "provider", word: Quoted::new(via), instead });
    }
    let able = |provider: &Provider| {
        provider.api == Api::OpenAi
            && provider.key_name.is_some()
            && provider.client_keys.is_empty()
    };
    if providers.iter().any(|provider| provider.name == *via && !able(provider)) {
        found.add(*at, Kind::NotForEmbeddings);
    }
}

impl fmt::Display for Embeddings {
    /// As in the configuration.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Offline => f.write_str("{ provider: offline }"),
            Self::Local { model } => write!(f, "{{ provider: local, model: '{model}' }}"),
            Self::Network { via, model, fallback } => {
                let model = quoted(model);
                write!(f, "{{ provider: network, via: '{via}', model: {model}")?;
                match fallback {
                    Some(fallback) => write!(f, ", fallback: '{fallback}' }}"),
                    None => f.write_str(" }"),
                }
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Which {
    Offline,
    Local,
    Network,
}

pub(super) const KEYS: &[&str] = &["provider", "model", "via", "fallback"];
const PROVIDERS: [(&str, Which); 3] =
    [("offline", Which::Offline), ("local", Which::Local), ("network", Which::Network)];
const MAX_MODEL: usize = 128;

#[cfg(test)]
mod tests {
    use super::Embeddings;
    use crate::config::tests::load;

    fn network(model: &str, fallback: Option<&str>) -> Embeddings {
        let (via, model) = ("openai".to_owned(), model.to_owned());
        Embeddings::Network { via, model, fallback: fallback.map(str::to_owned) }
    }

    #[test]
    fn what_is_read_is_shown_as_it_was() {
        let local = Embeddings::Local { model: "minilm-l6.v2".to_owned() };
        for (text, expected) in [
            ("", Embeddings::Offline),
            ("embeddings: {}", Embeddings::Offline),
            ("embeddings: { provider: offline }", Embeddings::Offline),
            ("embeddings: { provider: local, model: minilm-l6.v2 }", local),
            (
                "embeddings: { provider: network, via: openai, model: text-embedding-3-small }",
                network("text-embedding-3-small", None),
            ),
            (
                "embeddings: { provider: network, via: openai, model: 'a/b''c', fallback: minilm }",
                network("a/b'c", Some("minilm")),
            ),
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
            ("{ model: minilm }", "has no effect with this `provider`"),
            ("{ provider: offline, model: minilm }", "has no effect with this `provider`"),
            ("{ provider: locl, model: minilm }", "did you mean `local`?"),
            ("{ provider: local, model: ../vault }", "is no name of a model"),
            ("{ provider: local, model: .hidden }", "is no name of a model"),
            ("{ provider: local, model: '' }", "is no name of a model"),
            ("{ provider: local, model: 7 }", "expected the name of a model"),
            (
                "{ provider: local, model: minilm, via: openai }",
                "has no effect with this `provider`",
            ),
            ("{ provider: network, model: m }", "`network` needs `via` and `model`"),
            ("{ provider: network, via: openai }", "`network` needs `via` and `model`"),
            ("{ provider: network, via: opnai, model: m }", "did you mean `openai`?"),
            ("{ provider: network, via: openai, model: 'a b' }", "is no name of a model"),
            (
                "{ provider: network, via: openai, model: m, fallback: ../x }",
                "is no name of a model",
            ),
            ("{ provider: network, via: anthropic, model: m }", "`api: openai`"),
            ("{ provder: local }", "did you mean `provider`?"),
        ] {
            let errors = load(&format!("embeddings: {text}")).unwrap_err().to_string();
            assert!(errors.contains(expected), "{text}: {errors}");
            assert!(errors.matches("error:").count() == 1, "{text}: {errors}");
        }
    }
}
