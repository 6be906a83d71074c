//! The pipeline section: which modules, in which order, with which options.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use regex::RegexBuilder;
use regex_automata::util::syntax;

use super::decode::{Fields, Found};
use super::problem::{Instead, Kind, ModuleItem, Quoted, Span};
use super::providers::MAX_PROVIDERS;
use super::url::parse_host;
use super::yaml::{Node, Value};
use super::{Host, Module, OnViolation};
use crate::redact::note::Note;
use crate::redact::{Action, Attachments, Label, Policy};

/// The modules in the file's order, and where its allowlist stands.
#[derive(Default)]
pub(super) struct Stages {
    pub(super) modules: Vec<Module>,
    pub(super) allowed: Vec<(Span, Host)>,
}

/// Whether a module can be used.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    Airgap,
    Guardrails,
    NotYet,
}

pub(super) fn decode(node: &Node, found: &mut Found) -> Option<Stages> {
    let items = found.list(node, "a list of modules")?;
    let mut stages = Stages::default();
    let mut order = Order::default();
    if items.is_empty() {
        found.add(node.span, Kind::EmptyPipeline);
    }
    for item in items {
        let Some((name, span, options)) = named(item, found) else { continue };
        match order.next(name) {
            Ok(known) => {
                let fields = match options {
                    Some(Node { value: Value::Null, .. }) | None => Some(Fields::NONE),
                    Some(node) if known == Known::Airgap => found.fields(node, AIRGAP_KEYS),
                    Some(node) => found.fields(node, GUARDRAILS_KEYS),
                };
                let fields = fields.unwrap_or(Fields::NONE);
                let module = match known {
                    Known::Airgap => airgap(fields, &mut stages.allowed, found),
                    _ => Module::Guardrails(guardrails(fields, found)),
                };
                stages.modules.push(module);
            }
            Err(kind) => found.add(span, kind),
        }
    }
    Some(stages)
}

/// The modules that `PRXY_PIPE` names, with the options that the file gives them.
pub(super) fn from_names(names: &str, mut file: Vec<Module>, found: &mut Found) -> Vec<Module> {
    let mut modules = Vec::new();
    let mut order = Order::default();
    let mut start = 0;
    for item in names.split(',') {
        let name = item.trim();
        let from = start + item.len() - item.trim_start().len();
        let span = Span { start: from, end: from + name.len() };
        start += item.len() + 1;
        match order.next(name) {
            Ok(known) => {
                let same =
                    |m: &Module| matches!(m, Module::Airgap { .. }) == (known == Known::Airgap);
                modules.push(match file.iter().position(same) {
                    Some(at) => file.swap_remove(at),
                    None if known == Known::Airgap => Module::airgap(),
                    None => Module::Guardrails(Policy::default()),
                });
            }
            Err(kind) => found.add(span, kind),
        }
    }
    modules
}

/// Admits one name after the other, as far as the order is a sound one.
#[derive(Default)]
struct Order(Vec<&'static str>);

impl Order {
    fn next(&mut self, name: &str) -> Result<Known, Kind> {
        let Some((name, known)) = MODULES.iter().find(|(known, _)| *known == name) else {
            let instead = Instead::of(name, MODULES.iter().map(|(name, _)| *name));
            return Err(Kind::UnknownModule { module: Quoted::new(name), instead });
        };
        let first = self.0.is_empty();
        let twice = self.0.contains(name);
        self.0.push(name);
        match known {
            _ if twice => Err(Kind::ModuleTwice(name)),
            Known::NotYet => Err(Kind::UnavailableModule(name)),
            Known::Airgap if !first => Err(Kind::AirgapNotFirst),
            known => Ok(*known),
        }
    }
}

/// `- airgap`, `- airgap:` or `- airgap: {…}`.
fn named<'n>(item: &'n Node, found: &mut Found) -> Option<(&'n str, Span, Option<&'n Node>)> {
    match &item.value {
        Value::Text(name) => Some((name, item.span, None)),
        Value::Mapping(entries) => match entries.as_slice() {
            [one, rest @ ..] => {
                for beside in rest {
                    let key = Quoted::new(&beside.key);
                    found.add(beside.key_span, Kind::ModuleItem(ModuleItem::Beside(key)));
                }
                Some((&one.key, one.key_span, Some(&one.value)))
            }
            [] => {
                found.add(item.span, Kind::ModuleItem(ModuleItem::Found("nothing")));
                None
            }
        },
        Value::Broken => None,
        other => {
            found.add(item.span, Kind::ModuleItem(ModuleItem::Found(other.kind())));
            None
        }
    }
}

/// Whether the airgap only records; without the module the kernel's policy is enforced.
pub(super) fn is_log_only(modules: &[Module]) -> bool {
    modules
        .iter()
        .any(|module| matches!(module, Module::Airgap { on_violation: OnViolation::LogOnly, .. }))
}

fn airgap(fields: Fields<'_>, allowed: &mut Vec<(Span, Host)>, found: &mut Found) -> Module {
    if let Some(node) = fields.get("allowedHosts") {
        let items = found.list(node, "a list of hosts").unwrap_or_default();
        if let Some(excess) = items.get(MAX_PROVIDERS) {
            found.add(excess.span, Kind::TooMany { what: "hosts", most: MAX_PROVIDERS });
        }
        for item in items.iter().take(MAX_PROVIDERS) {
            let Some(text) = found.text(item, "a host") else { continue };
            match parse_host(text) {
                Err(problem) => found.add(item.span, problem.into()),
                Ok(host) if allowed.iter().any(|(_, known)| *known == host) => {
                    found.add(item.span, Kind::HostTwice(Quoted::new(text)));
                }
                Ok(host) => allowed.push((item.span, host)),
            }
        }
    }
    let on_violation = fields
        .get("onViolation")
        .and_then(|node| found.word(node, "violation", &ON_VIOLATION))
        .unwrap_or(OnViolation::Block);
    let allowed_hosts = allowed.iter().map(|(_, host)| host.to_string()).collect();
    Module::Airgap { allowed_hosts, on_violation }
}

fn guardrails(fields: Fields<'_>, found: &mut Found) -> Policy {
    let mut policy = Policy::default();
    let patterns = fields.get("patterns").and_then(|node| found.mapping(node)).unwrap_or_default();
    if let Some(excess) = patterns.get(MAX_PATTERNS) {
        found.add(excess.key_span, Kind::TooMany { what: "patterns", most: MAX_PATTERNS });
    }
    // Labels with a bad regex are known all the same, so that `policy` may name them.
    let mut labels: BTreeMap<&str, Label> = BTreeMap::new();
    for entry in patterns.iter().take(MAX_PATTERNS) {
        match label(&entry.key) {
            Ok(label) => {
                labels.insert(&entry.key, label.clone());
                if let Some(regex) = pattern(&entry.value, found) {
                    policy.patterns.push((label, regex));
                }
            }
            Err(kind) => {
                found.add(entry.key_span, kind);
                pattern(&entry.value, found);
            }
        }
    }
    for (name, label) in labels.iter().filter(|(name, _)| !BUILT_IN_LABELS.contains(name)) {
        debug_assert_eq!(*name, label.as_str());
        policy.actions.insert(label.clone(), Action::Mask);
    }
    for name in BUILT_IN_LABELS {
        labels.extend(Label::new(name).map(|label| (*name, label)));
    }
    let actions = fields.get("policy").and_then(|node| found.mapping(node)).unwrap_or_default();
    for entry in actions {
        let label = labels.get(entry.key.as_str()).cloned();
        if label.is_none() {
            let word = Quoted::new(&entry.key);
            let instead = found.instead(&entry.key, labels.keys().copied());
            found.add(entry.key_span, Kind::UnknownWord { what: "label", word, instead });
        }
        let action = match &entry.value.value {
            Value::Text(word) if word == "route_local" => {
                found.add(entry.value.span, Kind::RouteLocal);
                None
            }
            _ => found.word(&entry.value, "action", &ACTIONS),
        };
        policy.actions.extend(label.zip(action));
    }
    let attachments = fields.get("attachments");
    if let Some(word) = attachments.and_then(|node| found.word(node, "word", &ATTACHMENTS)) {
        policy.attachments = word;
    }
    if let Some(node) = fields.get("tools_keep_masked") {
        policy.tools_keep_masked = Arc::new(tools(node, found));
    }
    if let Some(node) = fields.get("system_inject") {
        policy.system_inject = match found.flag(node) {
            Some(false) => Note::Omit,
            Some(true) | None => Note::Give,
        };
    }
    policy
}

/// Names of tools, as models say them.
fn tools(node: &Node, found: &mut Found) -> BTreeSet<String> {
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

fn label(name: &str) -> Result<Label, Kind> {
    if name == RESERVED_LABEL {
        return Err(Kind::ReservedLabel);
    }
    Label::new(name).ok_or_else(|| Kind::BadLabel { label: Quoted::new(name) })
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

/// Every module that prxy knows, and whether this version has it.
const MODULES: [(&str, Known); 7] = [
    ("airgap", Known::Airgap),
    ("guardrails", Known::Guardrails),
    ("ipc", Known::NotYet),
    ("patterns", Known::NotYet),
    ("semantic-cache", Known::NotYet),
    ("exact-cache", Known::NotYet),
    ("mcp-optimizer", Known::NotYet),
];
pub(super) const AIRGAP_KEYS: &[&str] = &["allowedHosts", "onViolation"];
pub(super) const GUARDRAILS_KEYS: &[&str] =
    &["policy", "patterns", "attachments", "tools_keep_masked", "system_inject"];
pub(super) const ATTACHMENTS: [(&str, Attachments); 2] =
    [("allow", Attachments::Allow), ("block", Attachments::Block)];
const ON_VIOLATION: [(&str, OnViolation); 2] =
    [("block", OnViolation::Block), ("log-only", OnViolation::LogOnly)];
pub(super) const ACTIONS: [(&str, Action); 3] =
    [("allow", Action::Allow), ("mask", Action::Mask), ("block", Action::Block)];
/// What the built-in detectors find.
pub(super) const BUILT_IN_LABELS: &[&str] = &[
    "EMAIL",
    "PHONE",
    "NATIONAL_ID",
    "CREDIT_CARD",
    "IBAN",
    "IP_ADDRESS",
    "API_KEY",
    "BEARER_TOKEN",
    "JWT",
    "PRIVATE_KEY",
];
/// Marks text that looked like a placeholder before masking.
const RESERVED_LABEL: &str = "LITERAL";
const MAX_PATTERNS: usize = 100;
const MAX_TOOLS: usize = 256;
/// Of one compiled regex; bounds memory and the time to compile it.
const MAX_REGEX_BYTES: usize = 1 << 20;
