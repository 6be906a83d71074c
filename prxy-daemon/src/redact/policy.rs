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
    /// The same of single clients, which outweigh those of providers.
    pub clients: BTreeMap<String, Rules>,
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
    /// The policy for requests of this client to this provider.
    #[must_use]
    pub fn of(&self, provider: &str, client: Option<&str>) -> Self {
        let client = client.and_then(|client| self.clients.get(client));
        let Rules { actions, positions } = self.rules(self.target(provider), client);
        Self { actions, positions, ..self.clone() }
    }

    /// The rules for requests of a client to a provider. What is routed to a local one may be seen
    /// there.
    pub(super) fn rules(&self, target: Target<'_>, client: Option<&Rules>) -> Rules {
        let mut rules = Rules { actions: self.actions.clone(), positions: self.positions.clone() };
        for own in [target.rules, client].into_iter().flatten() {
            rules.put(own);
        }
        if target.is_local {
            let all = rules.positions.values_mut().flat_map(BTreeMap::values_mut);
            for action in rules.actions.values_mut().chain(all) {
                if *action == Action::RouteLocal {
                    *action = Action::Allow;
                }
            }
        }
        rules
    }

    /// What tells providers and clients apart, each kind once; the first is that of all others.
    pub fn apart<'p>(&self, providers: impl IntoIterator<Item = &'p str>) -> Apart<'_> {
        let targets = providers.into_iter().map(|name| (name, self.target(name)));
        let (rows, providers) = kinds(targets);
        let clients = self.clients.iter().map(|(name, rules)| (name.as_str(), Some(rules)));
        let (columns, clients) = kinds(clients);
        Apart { rows, providers, columns, clients }
    }

    fn target(&self, provider: &str) -> Target<'_> {
        let is_local = self.local.providers.iter().any(|local| local == provider);
        Target { rules: self.providers.get(provider), is_local }
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

    /// Every label that this policy can find, with what happens to it in a place. Labels that only a
    /// provider's or a client's rules name are among them, so that all of a configuration have the
    /// same numbers for the same labels.
    pub fn at(&self, place: Place) -> BTreeMap<Label, Action> {
        let built_in = defaults().keys().filter_map(|name| Label::new(name));
        let single = self.providers.values().chain(self.clients.values());
        let all = single.map(|rules| (&rules.actions, &rules.positions));
        let named =
            all.chain([(&self.actions, &self.positions)]).flat_map(|(actions, positions)| {
                actions.keys().chain(positions.values().flat_map(BTreeMap::keys))
            });
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

impl Rules {
    /// Puts stronger ones above these: what they say of a label, they say of every place.
    fn put(&mut self, own: &Self) {
        for label in own.actions.keys() {
            for labels in self.positions.values_mut() {
                labels.remove(label);
            }
        }
        self.actions.extend(own.actions.clone());
        for (place, labels) in &own.positions {
            self.positions.entry(*place).or_default().extend(labels.clone());
        }
    }
}

/// What a policy sees of a provider.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Target<'p> {
    rules: Option<&'p Rules>,
    is_local: bool,
}

/// Which providers and clients have rules that others have not.
pub struct Apart<'p> {
    /// By name, an index of `providers`; who is not named has the first.
    pub(super) rows: BTreeMap<String, usize>,
    pub(super) providers: Vec<Target<'p>>,
    /// By name, an index of `clients`; who is not named has the first.
    pub(super) columns: BTreeMap<String, usize>,
    pub(super) clients: Vec<Option<&'p Rules>>,
}

impl Apart<'_> {
    /// How many policies that makes.
    pub fn policies(&self) -> usize {
        self.providers.len() * self.clients.len()
    }
}

/// Everything that differs, each once, behind what is usual.
fn kinds<'n, T: Default + PartialEq>(
    named: impl Iterator<Item = (&'n str, T)>,
) -> (BTreeMap<String, usize>, Vec<T>) {
    let (mut numbers, mut kinds) = (BTreeMap::new(), vec![T::default()]);
    for (name, kind) in named {
        let known = kinds.iter().position(|known| *known == kind);
        let number = known.unwrap_or(kinds.len());
        if known.is_none() {
            kinds.push(kind);
        }
        numbers.insert(name.to_owned(), number);
    }
    (numbers, kinds)
}

/// What a built-in label does where no rule names it.
fn built_in(label: &Label) -> Option<Action> {
    defaults().get(label.as_str()).copied()
}

/// Whether a label stands for what opens something: those that block by default.
pub fn is_secret(label: &str) -> bool {
    defaults().get(label) == Some(&Action::Block)
}

/// The built-in labels with their actions.
fn defaults() -> &'static BTreeMap<&'static str, Action> {
    static DEFAULTS: LazyLock<BTreeMap<&str, Action>> =
        LazyLock::new(|| detect::labels().collect());
    &DEFAULTS
}
