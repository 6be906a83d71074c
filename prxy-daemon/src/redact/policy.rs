//! What shall happen to what is found: per label, per place in a request, per provider.
//!
//! Parsed and checked by `config`; not for finding, and not for carrying it out (`scan`, `mask`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use super::{Label, detect, note, rehydrate};
use crate::provider::place::Place;

/// What policy says of one label; the graver ones come last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// The value may leave as it is.
    Allow,
    /// The value leaves as a placeholder `<LABEL_N>`.
    Mask,
    /// A request that holds such a value goes to the local provider instead.
    RouteLocal,
    /// A request that holds such a value is refused.
    Block,
}

/// What the labels that no rule names are treated as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// Every label by its own default: secrets block.
    #[default]
    Strict,
    /// Secrets that are there already, in tool results and in history, are masked.
    Agent,
}

/// Rules for labels: everywhere, or in one place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Wherever a value stands.
    pub actions: BTreeMap<Label, Action>,
    /// In one place; stronger than `actions`.
    pub positions: BTreeMap<Place, BTreeMap<Label, Action>>,
}

/// Where requests go whose values must not leave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Local {
    /// Names of providers, the first of each API counts.
    pub providers: Vec<String>,
    /// The model that is asked for there; `None`: the one that the request names.
    pub model: Option<String>,
}

/// The policy of the guardrails, ready to use: every label has its action.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// What labels without a rule are treated as.
    pub profile: Profile,
    /// Actions that differ from a label's own default.
    pub actions: BTreeMap<Label, Action>,
    /// The same for one place.
    pub positions: BTreeMap<Place, BTreeMap<Label, Action>>,
    /// Rules of single providers: whatever label they name, they decide on it alone.
    pub providers: BTreeMap<String, Rules>,
    /// The user's own detectors, compiled and checked by `config`.
    pub patterns: Vec<(Label, regex::Regex)>,
    /// Labels that no built-in detector looks for.
    pub ignore: BTreeSet<Label>,
    /// Texts in which nothing is found but what is denied.
    pub allow: BTreeSet<String>,
    /// Texts that are always found, under this label.
    pub deny: BTreeMap<Label, BTreeSet<String>>,
    /// How many characters between two hits of a label make them one.
    pub merge_gap: BTreeMap<Label, usize>,
    /// Whether what cannot be read may leave.
    pub attachments: Attachments,
    /// The tools, by name, whose arguments stay masked in answers.
    pub tools_keep_masked: rehydrate::ToolNames,
    /// The tools, by name, that are given secrets.
    pub tools_restore_secrets: rehydrate::ToolNames,
    /// Where [`Action::RouteLocal`] leads.
    pub local: Local,
    /// Whether models are told what placeholders are.
    pub system_inject: note::Note,
}

/// What becomes of pictures, sound and documents that are no text, and of text as token numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Attachments {
    /// They leave as they are, unseen.
    Allow,
    /// A request that holds one is refused: nobody could say that it is clean.
    #[default]
    Block,
}

impl Policy {
    /// The policy for requests to this provider. What is routed to a local one may be seen there.
    #[must_use]
    pub fn of(&self, provider: &str) -> Self {
        let mut policy = self.clone();
        if let Some(rules) = self.providers.get(provider) {
            for label in rules.actions.keys() {
                for labels in policy.positions.values_mut() {
                    labels.remove(label);
                }
            }
            policy.actions.extend(rules.actions.clone());
            for (place, labels) in &rules.positions {
                policy.positions.entry(*place).or_default().extend(labels.clone());
            }
        }
        if self.local.providers.iter().any(|local| local == provider) {
            let all = policy.positions.values_mut().flat_map(BTreeMap::values_mut);
            for action in policy.actions.values_mut().chain(all) {
                if *action == Action::RouteLocal {
                    *action = Action::Allow;
                }
            }
        }
        policy
    }

    /// Whether [`Self::of`] this provider is another policy than that of any other.
    pub fn tells_apart(&self, provider: &str) -> bool {
        self.providers.contains_key(provider)
            || self.local.providers.iter().any(|local| local == provider)
    }

    /// What happens to a value in a place.
    pub fn action(&self, label: &Label, place: Place) -> Action {
        if place == Place::Mixed {
            let others = Place::ALL.into_iter().filter(|place| *place != Place::Mixed);
            return others.map(|place| self.action(label, place)).max().unwrap_or(Action::Block);
        }
        let there = self.positions.get(&place).and_then(|labels| labels.get(label));
        if let Some(action) = there.or_else(|| self.actions.get(label)) {
            return *action;
        }
        let default = built_in(label).unwrap_or(Action::Mask);
        match (self.profile, place, default) {
            (Profile::Agent, Place::ToolResult | Place::History, Action::Block) => Action::Mask,
            _ => default,
        }
    }

    /// Every label that this policy can find, with what happens to it in a place.
    pub fn at(&self, place: Place) -> BTreeMap<Label, Action> {
        let built_in = detect::labels().filter_map(|(name, _)| Label::new(name));
        let named = self.actions.keys().chain(self.positions.values().flat_map(BTreeMap::keys));
        let own = self.patterns.iter().map(|(label, _)| label).chain(self.deny.keys());
        let labels: BTreeSet<Label> = built_in.chain(named.chain(own).cloned()).collect();
        labels
            .into_iter()
            .map(|label| {
                let action = self.action(&label, place);
                (label, action)
            })
            .collect()
    }
}

/// What a built-in label does where no rule names it.
fn built_in(label: &Label) -> Option<Action> {
    detect::labels().find(|(name, _)| *name == label.as_str()).map(|(_, action)| action)
}

/// Whether a label stands for what opens something: those that block by default.
pub fn is_secret(label: &str) -> bool {
    static SECRETS: LazyLock<BTreeSet<&str>> = LazyLock::new(|| {
        let blocked = detect::labels().filter(|(_, action)| *action == Action::Block);
        blocked.map(|(name, _)| name).collect()
    });
    SECRETS.contains(label)
}
