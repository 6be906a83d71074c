//! Which models a provider is asked for, where a path alone does not tell.

use super::decode::Found;
use super::problem::Kind;
use super::yaml::{Node, Value};

/// A model's name, in which `*` stands for anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelPattern(String);

impl ModelPattern {
    /// Takes visible ASCII without white space, 128 bytes at most.
    pub fn new(text: &str) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'\\');
        let fits = (1..=MAX_BYTES).contains(&text.len()) && text.bytes().all(plain);
        fits.then(|| Self(text.to_owned()))
    }

    /// As configured.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a model of this name is meant.
    pub fn matches(&self, model: &str) -> bool {
        let mut parts = self.0.split('*');
        let Some(rest) = parts.next().and_then(|first| model.strip_prefix(first)) else {
            return false;
        };
        let Some(last) = parts.next_back() else { return rest.is_empty() };
        let Some(mut rest) = rest.strip_suffix(last) else { return false };
        // Each part as early as it comes leaves most for those behind.
        parts.all(|part| match rest.find(part) {
            Some(at) => {
                rest = &rest[at + part.len()..];
                true
            }
            None => false,
        })
    }
}

pub(super) fn decode(node: &Node, found: &mut Found) -> Vec<ModelPattern> {
    let items = found.list(node, "a list of models").unwrap_or_default();
    if items.is_empty() && matches!(node.value, Value::List(_)) {
        found.add(node.span, Kind::EmptyList("models"));
    }
    if let Some(excess) = items.get(MAX_MODELS) {
        found.add(excess.span, Kind::TooMany { what: "models", most: MAX_MODELS });
    }
    let mut models = Vec::new();
    for item in items.iter().take(MAX_MODELS) {
        let Some(text) = found.text(item, "a model") else { continue };
        match ModelPattern::new(text) {
            Some(model) => models.push(model),
            None => found.add(item.span, Kind::BadName),
        }
    }
    models
}

const MAX_BYTES: usize = 128;
const MAX_MODELS: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, model, expected) in [
            ("gpt-4o", "gpt-4o", true),
            ("gpt-4o", "gpt-4o-mini", false),
            ("gpt-*", "gpt-4o-mini", true),
            ("gpt-*", "GPT-4o", false),
            ("*-instruct", "llama-3-instruct", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c", false),
            ("a*a", "a", false),
            ("*", "", true),
            ("**", "x", true),
            ("a**b", "ab", true),
        ] {
            let pattern = ModelPattern::new(pattern).unwrap();
            assert_eq!(pattern.matches(model), expected, "{pattern:?} {model}");
        }
        for bad in ["", "a b", "a\nb", "\u{e9}", "a'b"] {
            assert_eq!(ModelPattern::new(bad), None, "{bad:?}");
        }
    }
}
