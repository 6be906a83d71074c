//! What a new configuration changes, told by the two summaries: whatever stands in a summary is
//! compared, and nothing else is ever shown.

use std::collections::{BTreeMap, BTreeSet};

use super::yaml::{self, Node, Value};
use super::{Config, Module};

/// One line for each change, such as `+ providers.lab` or `~ limits.max_body_bytes: 1024 -> 2048`.
pub(crate) fn difference(old: &Config, new: &Config) -> Vec<String> {
    let mut lines = Vec::new();
    let order =
        |config: &Config| config.pipeline.iter().map(Module::name).collect::<Vec<_>>().join(",");
    if order(old) != order(new) {
        lines.push(format!("~ pipeline: {} -> {}", order(old), order(new)));
    }
    let names = |config: &Config| -> BTreeSet<String> {
        config.providers.iter().map(|provider| provider.name.clone()).collect()
    };
    let (old_names, new_names) = (names(old), names(new));
    lines.extend(new_names.difference(&old_names).map(|name| format!("+ providers.{name}")));
    lines.extend(old_names.difference(&new_names).map(|name| format!("- providers.{name}")));
    let same: BTreeSet<_> = old_names.intersection(&new_names).collect();
    let in_common = |config: &Config| -> Vec<String> {
        let names = config.providers.iter().map(|provider| provider.name.clone());
        names.filter(|name| same.contains(name)).collect()
    };
    // The first that speaks an API gets the paths without a provider's name.
    if in_common(old) != in_common(new) {
        lines.push("~ providers: in another order".to_owned());
    }
    let told = |path: &&String| match path.split('.').collect::<Vec<_>>()[..] {
        ["providers", name, ..] => same.contains(&name.to_owned()),
        _ => true,
    };
    let (old, new) = (leaves(old), leaves(new));
    let paths: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for path in paths.into_iter().filter(told) {
        match (old.get(path), new.get(path)) {
            (Some(old), Some(new)) if old == new => {}
            (Some(old), Some(new)) if is_shown(path, old) && is_shown(path, new) => {
                lines.push(format!("~ {path}: {old} -> {new}"));
            }
            (Some(_), Some(_)) => lines.push(format!("~ {path}")),
            (None, Some(new)) if is_shown(path, new) => lines.push(format!("+ {path}: {new}")),
            (None, _) => lines.push(format!("+ {path}")),
            (_, None) => lines.push(format!("- {path}")),
        }
    }
    lines
}

/// Every scalar of the summary by its path.
fn leaves(config: &Config) -> BTreeMap<String, String> {
    let parsed = yaml::parse(&config.summary().to_string());
    let mut leaves = BTreeMap::new();
    if let Some(root) = &parsed.root {
        collect("", root, &mut leaves);
    }
    leaves
}

fn collect(path: &str, node: &Node, leaves: &mut BTreeMap<String, String>) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match &node.value {
        Value::Mapping(entries) => {
            entries.iter().for_each(|entry| collect(&below(&entry.key), &entry.value, leaves));
        }
        // The pipeline, whose items are mappings of one key, and lists of plain values.
        Value::List(items) => {
            let (deep, plain): (Vec<_>, Vec<_>) =
                items.iter().partition(|item| matches!(item.value, Value::Mapping(_)));
            deep.into_iter().for_each(|item| collect(path, item, leaves));
            if path != "pipeline" {
                let plain: Vec<_> = plain.into_iter().map(scalar).collect();
                leaves.insert(path.to_owned(), format!("[{}]", plain.join(", ")));
            }
        }
        _ => {
            leaves.insert(path.to_owned(), scalar(node));
        }
    }
}

fn scalar(node: &Node) -> String {
    match &node.value {
        Value::Bool(value) => value.to_string(),
        Value::Number(text) | Value::Text(text) => text.clone(),
        _ => "null".to_owned(),
    }
}

/// Long values, such as regexes, are named and not shown; nor are texts that are listed because they
/// are somebody's.
fn is_shown(path: &str, value: &str) -> bool {
    let listed = ["pipeline.guardrails.allow", "pipeline.guardrails.deny."];
    value.len() <= MAX_VALUE && !listed.iter().any(|list| path.starts_with(list))
}

const MAX_VALUE: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::load;

    #[track_caller]
    fn check(old: &str, new: &str, expected: &[&str]) {
        assert_eq!(difference(&load(old).unwrap(), &load(new).unwrap()), expected, "{new}");
    }

    #[test]
    fn every_change_is_told_once() {
        let usual = "providers: { anthropic: {}, openai: {} }";
        check(usual, usual, &[]);
        check(
            usual,
            "providers: { openai: {}, anthropic: {} }",
            &["~ providers: in another order"],
        );
        check(
            usual,
            "providers: { openai: {}, groq: {} }",
            &["+ providers.groq", "- providers.anthropic"],
        );
        check(
            usual,
            "providers: { anthropic: { base_url: 'https://b.example', key: null }, openai: {} }",
            &[
                "~ providers.anthropic.base_url: https://api.anthropic.com:443 -> https://b.example:443",
                "~ providers.anthropic.key: ANTHROPIC_API_KEY -> null",
            ],
        );
        check(
            usual,
            &format!("{usual}\npipeline: [guardrails: {{ policy: {{ EMAIL: block }} }}]"),
            &[
                "~ pipeline: airgap,guardrails -> guardrails",
                "- pipeline.airgap.allowedHosts",
                "- pipeline.airgap.onViolation",
                "+ pipeline.guardrails.policy.EMAIL: block",
            ],
        );
        check(
            "pipeline: [airgap, guardrails: { policy: { EMAIL: block }, patterns: { MRN: 'a-\\d' } }]",
            "pipeline: [airgap, guardrails: { policy: { EMAIL: mask }, patterns: { MRN: 'b-\\d' } }]",
            &[
                "~ pipeline.guardrails.patterns.MRN: a-\\d -> b-\\d",
                "~ pipeline.guardrails.policy.EMAIL: block -> mask",
            ],
        );
        check(
            usual,
            &format!(
                "{usual}\ndns: {{ nameservers: [192.0.2.1] }}\nlimits: {{ max_body_bytes: 2048 }}"
            ),
            &["+ dns.nameservers: [192.0.2.1:53]", "~ limits.max_body_bytes: 67108864 -> 2048"],
        );
    }

    #[test]
    fn rules_are_told_and_listed_texts_are_not() {
        let usual = "providers: { anthropic: {} }";
        check(
            usual,
            "providers: { anthropic: { policy: { EMAIL: allow }, positions: { user: { PHONE: block } } } }\n\
             pipeline: [airgap, guardrails: { profile: agent, positions: { history: { JWT: mask } }, \
             allow: [Ada], deny: { CLIENT: [Grace] }, ignore_labels: [PHONE], merge_gap: { EMAIL: 1 } }]",
            &[
                "+ pipeline.guardrails.allow",
                "+ pipeline.guardrails.deny.CLIENT",
                "+ pipeline.guardrails.ignore_labels: [PHONE]",
                "+ pipeline.guardrails.merge_gap.EMAIL: 1",
                "+ pipeline.guardrails.policy.CLIENT: mask",
                "+ pipeline.guardrails.positions.history.JWT: mask",
                "+ pipeline.guardrails.profile: agent",
                "+ providers.anthropic.policy.EMAIL: allow",
                "+ providers.anthropic.positions.user.PHONE: block",
            ],
        );
        let client = |keys: &str, action: &str| {
            format!(
                "{usual}\nclients: {{ ward: {{ key_sha256: [{keys}], policy: {{ EMAIL: {action} }} }} }}"
            )
        };
        let (a, b) = (format!("'{}'", "ab".repeat(32)), format!("'{}'", "cd".repeat(32)));
        check(
            usual,
            &client(&a, "block"),
            &["+ clients.ward.key_sha256", "+ clients.ward.policy.EMAIL: block"],
        );
        check(
            &client(&a, "block"),
            &client(&b, "mask"),
            &["~ clients.ward.key_sha256", "~ clients.ward.policy.EMAIL: block -> mask"],
        );
        let with =
            |text: &str| format!("pipeline: [guardrails: {{ deny: {{ CLIENT: [{text}] }} }}]");
        check(&with("Ada"), &with("Grace"), &["~ pipeline.guardrails.deny.CLIENT"]);
    }

    #[test]
    fn long_values_are_named_and_not_shown() {
        let with = |letter: &str| {
            let regex = letter.repeat(MAX_VALUE + 1);
            format!("pipeline: [guardrails: {{ patterns: {{ MRN: '{regex}' }} }}]")
        };
        check(&with("a"), &with("b"), &["~ pipeline.guardrails.patterns.MRN"]);
    }
}
