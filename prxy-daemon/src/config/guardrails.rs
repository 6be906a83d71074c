//! The options of the guardrails, and the rules that a provider has of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use regex::RegexBuilder;
use regex_automata::util::syntax;

use super::decode::{Fields, Found};
use super::pipeline::Stages;
use super::problem::{Kind, Quoted};
use super::yaml::{Entry, Node, Value};
use crate::provider::endpoint;
use crate::provider::place::Place;
use crate::redact::note::Note;
use crate::redact::{Action, Attachments, Label, Policy, Profile, Rules, detect};

/// Labels by their names.
pub(super) struct Labels(BTreeMap<String, Label>);

impl Default for Labels {
    fn default() -> Self {
        let built_in = detect::labels().filter_map(|(name, _)| Label::new(name));
        Self(built_in.map(|label| (label.as_str().to_owned(), label)).collect())
    }
}

impl Labels {
    /// The label that is called so.
    fn find(&self, entry: &Entry, found: &mut Found) -> Option<Label> {
        let label = self.0.get(&entry.key).cloned();
        if label.is_none() {
            let word = Quoted::new(&entry.key);
            let instead = found.instead(&entry.key, self.0.keys().map(String::as_str));
            found.add(entry.key_span, Kind::UnknownWord { what: "label", word, instead });
        }
        label
    }
}

/// Reads the options; what is beside the policy goes to `stages`.
pub(super) fn decode(fields: Fields<'_>, stages: &mut Stages, found: &mut Found) -> Policy {
    let mut policy = Policy::default();
    if let Some(node) = fields.get("patterns") {
        patterns(node, &mut policy, &mut stages.labels, found);
    }
    if let Some(node) = fields.get("deny") {
        deny(node, &mut policy, &mut stages.labels, found);
    }
    if let Some(node) = fields.get("allow") {
        policy.allow = texts(node, &BTreeSet::new(), found);
        let denied: BTreeSet<_> =
            policy.deny.values().flatten().map(|t| t.to_lowercase()).collect();
        let items = if let Value::List(items) = &node.value { &**items } else { &[] };
        for item in items {
            if matches!(&item.value, Value::Text(text) if denied.contains(&text.to_lowercase())) {
                found.add(item.span, Kind::AllowedAndDenied);
            }
        }
    }
    let labels = &stages.labels;
    if let Some(word) = fields.get("profile").and_then(|n| found.word(n, "profile", &PROFILES)) {
        policy.profile = word;
    }
    let Rules { actions, positions } = rules(fields, labels, found);
    policy.actions.extend(actions);
    policy.positions = positions;
    if let Some(node) = fields.get("ignore_labels") {
        let built_in: Vec<_> =
            Labels::default().0.into_values().map(|label| (name_of(&label), label)).collect();
        for item in found.list(node, "a list of labels").unwrap_or_default() {
            let names: Vec<_> = (0..).zip(&built_in).map(|(at, (name, _))| (*name, at)).collect();
            let at: Option<usize> = found.word(item, "built-in label", &names);
            policy.ignore.extend(at.and_then(|at| built_in.get(at)).map(|(_, l)| l.clone()));
        }
    }
    for entry in fields.get("merge_gap").and_then(|n| found.mapping(n)).unwrap_or_default() {
        let label = labels.find(entry, found);
        let gap = found.number(&entry.value, 0, MAX_GAP);
        policy.merge_gap.extend(label.zip(gap));
    }
    let attachments = fields.get("attachments");
    if let Some(word) = attachments.and_then(|node| found.word(node, "word", &ATTACHMENTS)) {
        policy.attachments = word;
    }
    if let Some(node) = fields.get("tools_keep_masked") {
        policy.tools_keep_masked = Arc::new(tools(node, found));
    }
    if let Some(node) = fields.get("tools_restore_secrets") {
        policy.tools_restore_secrets = Arc::new(tools(node, found));
    }
    if let Some(node) = fields.get("system_inject") {
        policy.system_inject = match found.flag(node) {
            Some(false) => Note::Omit,
            Some(true) | None => Note::Give,
        };
    }
    if let Some(node) = fields.get("local_provider") {
        let items = match &node.value {
            Value::List(items) => items.as_slice(),
            _ => std::slice::from_ref(node),
        };
        for item in items {
            let Some(name) = found.text(item, "a provider's name") else { continue };
            policy.local.providers.push(name.to_owned());
            stages.local.push((item.span, name.to_owned()));
        }
    }
    if let Some(node) = fields.get("local_model") {
        let name = found.text(node, "a model's name");
        if name.is_some_and(|name| !endpoint::is_model(name)) {
            found.add(node.span, Kind::BadModel);
        }
        policy.local.model = name.map(str::to_owned);
    }
    policy
}

/// The rules that single providers have of their own.
pub(super) fn of_providers(
    providers: &Node,
    labels: &Labels,
    found: &mut Found,
) -> BTreeMap<String, Rules> {
    let Value::Mapping(entries) = &providers.value else { return BTreeMap::new() };
    let mut all = BTreeMap::new();
    for entry in entries {
        let Value::Mapping(fields) = &entry.value.value else { continue };
        let rules = rules(Fields::of(fields), labels, found);
        if rules != Rules::default() {
            all.insert(entry.key.clone(), rules);
        }
    }
    all
}

/// `policy` and `positions`, wherever rules may stand.
pub(super) fn rules(fields: Fields<'_>, labels: &Labels, found: &mut Found) -> Rules {
    let mut rules = Rules::default();
    if let Some(node) = fields.get("policy") {
        rules.actions = actions(node, labels, found);
    }
    for entry in fields.get("positions").and_then(|n| found.mapping(n)).unwrap_or_default() {
        let place = Place::NAMED.iter().find(|(name, _)| *name == entry.key);
        if place.is_none() {
            let word = Quoted::new(&entry.key);
            let instead = found.instead(&entry.key, Place::NAMED.iter().map(|(name, _)| *name));
            found.add(entry.key_span, Kind::UnknownWord { what: "position", word, instead });
        }
        let actions = actions(&entry.value, labels, found);
        rules.positions.extend(place.map(|(_, place)| (*place, actions)));
    }
    rules.positions.retain(|_, labels| !labels.is_empty());
    rules
}

fn actions(node: &Node, labels: &Labels, found: &mut Found) -> BTreeMap<Label, Action> {
    let mut actions = BTreeMap::new();
    for entry in found.mapping(node).unwrap_or_default() {
        let label = labels.find(entry, found);
        actions.extend(label.zip(found.word(&entry.value, "action", &ACTIONS)));
    }
    actions
}

fn patterns(node: &Node, policy: &mut Policy, labels: &mut Labels, found: &mut Found) {
    let patterns = found.mapping(node).unwrap_or_default();
    if let Some(excess) = patterns.get(MAX_PATTERNS) {
        found.add(excess.key_span, Kind::TooMany { what: "patterns", most: MAX_PATTERNS });
    }
    for entry in patterns.iter().take(MAX_PATTERNS) {
        let label = own_label(entry, policy, labels, found);
        let regex = pattern(&entry.value, found);
        policy.patterns.extend(label.zip(regex));
    }
}

fn deny(node: &Node, policy: &mut Policy, labels: &mut Labels, found: &mut Found) {
    let mut all = BTreeSet::new();
    for entry in found.mapping(node).unwrap_or_default() {
        let label = own_label(entry, policy, labels, found);
        let texts = texts(&entry.value, &all, found);
        all.extend(texts.iter().map(|text| text.to_lowercase()));
        policy.deny.extend(label.map(|label| (label, texts)));
    }
}

/// The label of a detector of the user's; one with mistakes in its value is known all the same, so
/// that rules may name it. New ones mask unless a rule says otherwise.
fn own_label(
    entry: &Entry,
    policy: &mut Policy,
    labels: &mut Labels,
    found: &mut Found,
) -> Option<Label> {
    let kind = match Label::new(&entry.key) {
        _ if entry.key == RESERVED_LABEL => Kind::ReservedLabel,
        Some(label) => {
            if !labels.0.contains_key(&entry.key) {
                policy.actions.insert(label.clone(), Action::Mask);
                labels.0.insert(entry.key.clone(), label.clone());
            }
            return Some(label);
        }
        None => Kind::BadLabel { label: Quoted::new(&entry.key) },
    };
    found.add(entry.key_span, kind);
    None
}

/// Texts that are found, or spared, as they stand; never shown.
fn texts(node: &Node, known: &BTreeSet<String>, found: &mut Found) -> BTreeSet<String> {
    let items = found.list(node, "a list of texts").unwrap_or_default();
    if let Some(excess) = items.get(MAX_TEXTS) {
        found.add(excess.span, Kind::TooMany { what: "texts", most: MAX_TEXTS });
    }
    let mut texts = BTreeSet::new();
    for item in items.iter().take(MAX_TEXTS) {
        let text = match &item.value {
            Value::Number(digits) => digits,
            _ => match found.text(item, "a text") {
                Some(text) => text,
                None => continue,
            },
        };
        let length = text.chars().count();
        if !(MIN_TEXT..=MAX_TEXT).contains(&length) || text.trim() != text {
            found.add(item.span, Kind::BadText);
        } else if known.contains(&text.to_lowercase()) || !texts.insert(text.to_owned()) {
            found.add(item.span, Kind::TextTwice);
        }
    }
    texts
}

/// Names of tools, as models say them.
pub(super) fn tools(node: &Node, found: &mut Found) -> BTreeSet<String> {
    let items = found.list(node, "a list of tools").unwrap_or_default();
    if let Some(excess) = items.get(MAX_TOOLS) {
        found.add(excess.span, Kind::TooMany { what: "tools", most: MAX_TOOLS });
    }
    let mut tools = BTreeSet::new();
    for item in items.iter().take(MAX_TOOLS) {
        let Some(name) = found.text(item, "a tool's name") else { continue };
        let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'\\');
        if name.is_empty() || name.len() > 128 || !name.bytes().all(plain) {
            found.add(item.span, Kind::BadName);
        }
        tools.insert(name.to_owned());
    }
    tools
}

fn pattern(node: &Node, found: &mut Found) -> Option<regex::Regex> {
    let text = found.text(node, "a regex")?;
    let regex = RegexBuilder::new(text).size_limit(MAX_REGEX_BYTES).build();
    let checked = regex.map_err(|error| Kind::BadRegex(complaint(&error))).and_then(|regex| {
        let least = syntax::parse(text).map(|hir| hir.properties().minimum_len());
        match least {
            Ok(Some(0)) => Err(Kind::EmptyRegex),
            Ok(None) => Err(Kind::DeadRegex),
            Ok(Some(_)) => Ok(regex),
            Err(error) => Err(Kind::BadRegex(Quoted::plain(&error.to_string()))),
        }
    });
    checked.map_err(|kind| found.add(node.span, kind)).ok()
}

/// The last line of a syntax error; the lines before show the regex, which the caret line does already.
fn complaint(error: &regex::Error) -> Quoted {
    match error {
        regex::Error::CompiledTooBig(_) => Quoted::plain("too large when compiled"),
        error => {
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default();
            Quoted::plain(last.strip_prefix("error: ").unwrap_or(last))
        }
    }
}

/// A word of the table that every label of the built-in detectors stands in.
fn name_of(label: &Label) -> &'static str {
    detect::labels().map(|(name, _)| name).find(|name| *name == label.as_str()).unwrap_or_default()
}

pub(super) const GUARDRAILS_KEYS: &[&str] = &[
    "profile",
    "policy",
    "positions",
    "patterns",
    "ignore_labels",
    "allow",
    "deny",
    "merge_gap",
    "attachments",
    "tools_keep_masked",
    "tools_restore_secrets",
    "local_provider",
    "local_model",
    "system_inject",
];
pub(super) const ATTACHMENTS: [(&str, Attachments); 2] =
    [("allow", Attachments::Allow), ("block", Attachments::Block)];
pub(super) const PROFILES: [(&str, Profile); 2] =
    [("strict", Profile::Strict), ("agent", Profile::Agent)];
pub(super) const ACTIONS: [(&str, Action); 4] = [
    ("allow", Action::Allow),
    ("mask", Action::Mask),
    ("route_local", Action::RouteLocal),
    ("block", Action::Block),
];
/// Marks text that looked like a placeholder before masking.
const RESERVED_LABEL: &str = "LITERAL";
const MAX_PATTERNS: usize = 100;
const MAX_TOOLS: usize = 256;
const MAX_TEXTS: usize = 10_000;
/// In characters; Chinese names have two.
const MIN_TEXT: usize = 2;
const MAX_TEXT: usize = 256;
/// No value has wider gaps in it.
const MAX_GAP: u64 = 16;
/// Of one compiled regex; bounds memory and the time to compile it.
const MAX_REGEX_BYTES: usize = 1 << 20;
