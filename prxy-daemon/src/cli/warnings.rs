//! What a correct configuration does that few people want.

use std::collections::BTreeSet;

use crate::config::{Config, Module};
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
    if let Some(address) = config.listen.tcp.filter(|_| config.listen.is_open()) {
        warnings.push(format!(
            "listen {address} is not loopback: clients' keys and texts go over a line in the clear"
        ));
    }
    warnings
}

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
    fn a_pipeline_that_masks_nothing_is_warned_of() {
        for (pipe, count) in [("airgap,guardrails", 0), ("guardrails", 0), ("airgap", 1)] {
            let env = |name: &str| (name == "PRXY_PIPE").then(|| OsString::from(pipe));
            let nowhere = Some("/nonexistent".into());
            let sources =
                Sources { config: None, listen: None, data_dir: nowhere, env: &env, root: false };
            assert_eq!(of(&Config::load(&sources).unwrap()).len(), count, "{pipe}");
        }
    }
}
