//! The pipeline section: which modules, in which order, with which options.

use super::decode::{Fields, Found};
use super::guardrails::{self, GUARDRAILS_KEYS, Labels};
use super::modules;
use super::problem::{Instead, Kind, ModuleItem, Quoted, Span};
use super::providers::MAX_PROVIDERS;
use super::url::parse_host;
use super::yaml::{Node, Value};
use super::{Host, Module, OnViolation};
use crate::redact::Policy;

/// The modules in the file's order, and where its allowlist stands.
#[derive(Default)]
pub(super) struct Stages {
    pub(super) modules: Vec<Module>,
    pub(super) allowed: Vec<(Span, Host)>,
    /// The labels that rules may name.
    pub(super) labels: Labels,
    /// Where the local providers are named.
    pub(super) local: Vec<(Span, String)>,
}

/// How a module's options are read.
#[derive(Clone, Copy)]
enum Known {
    Airgap,
    Guardrails,
    Row(modules::Row),
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
                let keys = match known {
                    Known::Airgap => AIRGAP_KEYS,
                    Known::Row(row) => row.keys,
                    _ => GUARDRAILS_KEYS,
                };
                let fields = match options {
                    Some(Node { value: Value::Null, .. }) | None => Some(Fields::NONE),
                    Some(Node { value: Value::Mapping(options), span })
                        if keys.is_empty() && !options.is_empty() =>
                    {
                        found.add(*span, Kind::OptionsOfEncrypt);
                        None
                    }
                    Some(node) => found.fields(node, keys),
                };
                let fields = fields.unwrap_or(Fields::NONE);
                let module = match known {
                    Known::Airgap => airgap(fields, &mut stages.allowed, found),
                    Known::Row(row) => (row.decode)(fields, found),
                    _ => Module::Guardrails(guardrails::decode(fields, &mut stages, found)),
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
                let in_file = file.iter().position(|module| module.name() == name);
                modules.push(match (in_file, known) {
                    (Some(at), _) => file.swap_remove(at),
                    (None, Known::Airgap) => Module::airgap(),
                    (None, Known::Row(row)) => (row.decode)(Fields::NONE, found),
                    (None, _) => Module::Guardrails(Policy::default()),
                });
            }
            Err(kind) => found.add(span, kind),
        }
    }
    modules
}

/// Admits one name after the other, as far as the order is a sound one.
#[derive(Default)]
struct Order {
    names: Vec<&'static str>,
    /// A name was wrong, and may have been meant for any module.
    unknown: bool,
}

impl Order {
    fn next(&mut self, name: &str) -> Result<Known, Kind> {
        let Some((name, known)) = known(name) else {
            self.unknown = true;
            let instead = Instead::of(name, names());
            return Err(Kind::UnknownModule { module: Quoted::new(name), instead });
        };
        let first = self.names.is_empty();
        let twice = self.names.contains(&name);
        let masked = self.unknown || self.names.contains(&GUARDRAILS);
        self.names.push(name);
        match known {
            _ if twice => Err(Kind::ModuleTwice(name)),
            Known::Airgap if !first => Err(Kind::AirgapNotFirst),
            // What it keeps or learns would be raw text.
            Known::Row(_) if !masked && !BEFORE_MASKING.contains(&name) => {
                Err(Kind::NotMasked(name))
            }
            known => Ok(known),
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

/// The modules that a pipeline may have.
pub(super) fn names() -> impl Iterator<Item = &'static str> + Clone {
    let rows = modules::ROWS.iter().map(|row| row.name);
    MODULES.iter().map(|(name, _)| *name).chain(rows)
}

/// The module of this name.
fn known(name: &str) -> Option<(&'static str, Known)> {
    let row = modules::ROWS.iter().find(|row| row.name == name);
    let row = row.map(|row| (row.name, Known::Row(*row)));
    row.or_else(|| MODULES.iter().find(|(known, _)| *known == name).copied())
}

const GUARDRAILS: &str = "guardrails";
/// The modules that have no rows.
const MODULES: [(&str, Known); 2] = [("airgap", Known::Airgap), (GUARDRAILS, Known::Guardrails)];
/// What neither keeps text nor learns from it may stand before the guardrails.
const BEFORE_MASKING: [&str; 2] = ["cost-guard", "local-encrypt"];
pub(super) const AIRGAP_KEYS: &[&str] = &["allowedHosts", "onViolation"];
const ON_VIOLATION: [(&str, OnViolation); 2] =
    [("block", OnViolation::Block), ("log-only", OnViolation::LogOnly)];
