//! What a correct configuration does that few people want.

use std::collections::BTreeSet;

use crate::config::{Client, Config, CostLimits, Module};
use crate::redact::{Action, Label, Policy};

/// One line each.
pub(super) fn of(config: &Config) -> Vec<String> {
    let mut warnings = Vec::new();
    let guardrails = config.pipeline.iter().find_map(|module| match module {
        Module::Guardrails(policy) => Some(policy),
        _ => None,
    });
    match guardrails {
        None => warnings.push(
            "guardrails is not in the pipeline: nothing is masked, and no secret is blocked".into(),
        ),
        Some(policy) => warnings.extend(unroutable(policy)),
    }
    warnings.extend(unlimited(config));
    warnings.extend(misplaced(config));
    if let Some(address) = config.listen.tcp.filter(|_| config.listen.is_open()) {
        warnings.push(format!(
            "listen {address} is not loopback: clients' keys and texts go over a line in the clear"
        ));
    }
    warnings
}

/// A guard over nothing.
fn unlimited(config: &Config) -> Option<String> {
    let limits = |module: &Module| match module {
        Module::CostGuard(guard) => Some([
            guard.per_request.is_some(),
            guard.per_day.is_some(),
            guard.per_month.is_some(),
            guard.tokens_per_day.is_some(),
            guard.tokens_per_month.is_some(),
        ]),
        _ => None,
    };
    let own = |client: &Client| client.limits.cost != CostLimits::default();
    let none =
        config.pipeline.iter().find_map(limits)? == [false; 5] && !config.clients.iter().any(own);
    none.then(|| "cost-guard has no limit: it counts, and refuses nothing".into())
}

/// Modules that do less behind others.
fn misplaced(config: &Config) -> impl Iterator<Item = String> {
    let at = |name: &str| config.pipeline.iter().position(|module| module.name() == name);
    ORDERS.into_iter().filter_map(move |(first, second, why)| {
        let wrong = at(first)? > at(second)?;
        wrong.then(|| format!("{first} stands behind {second}, and is better before it: {why}"))
    })
}

/// What belongs before what, as the modules' guides say.
const ORDERS: [(&str, &str, &str); 4] = [
    ("exact-cache", "patterns", CACHED),
    ("semantic-cache", "patterns", CACHED),
    ("mcp-optimizer", "ipc", "what ipc leaves out shows no more which tools were used"),
    ("patterns", "ipc", "ipc shortens the history by which a conversation is known again"),
];
const CACHED: &str =
    "a note that is added makes another request, and answers from a cache need none";

/// The labels that are to go to a local provider, where there is none.
fn unroutable(policy: &Policy) -> Option<String> {
    if !policy.local.providers.is_empty() {
        return None;
    }
    let rules = policy.providers.values();
    let everywhere = rules.clone().map(|rules| &rules.actions).chain([&policy.actions]);
    let places = rules.map(|rules| &rules.positions).chain([&policy.positions]);
    let labels: BTreeSet<&Label> = everywhere
        .chain(places.flat_map(|positions| positions.values()))
        .flatten()
        .filter(|(_, action)| **action == Action::RouteLocal)
        .map(|(label, _)| label)
        .collect();
    let labels: Vec<&str> = labels.into_iter().map(Label::as_str).collect();
    (!labels.is_empty()).then(|| {
        format!(
            "{}: route_local, but no local_provider is named: requests with such values are refused",
            labels.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::config::Sources;

    #[test]
    fn what_few_people_want_is_warned_of() {
        for (pipe, count) in [
            ("airgap,guardrails", 0),
            ("guardrails", 0),
            ("airgap", 1),
            ("guardrails,cost-guard", 1),
            ("guardrails,mcp-optimizer,exact-cache,semantic-cache,patterns,ipc", 0),
            ("guardrails,patterns,exact-cache,semantic-cache", 2),
            ("guardrails,ipc,mcp-optimizer", 1),
            ("guardrails,ipc,patterns", 1),
        ] {
            let env = |name: &str| (name == "PRXY_PIPE").then(|| OsString::from(pipe));
            let nowhere = Some("/nonexistent".into());
            let sources =
                Sources { config: None, listen: None, data_dir: nowhere, env: &env, root: false };
            assert_eq!(of(&Config::load(&sources).unwrap()).len(), count, "{pipe}");
        }
    }
}
