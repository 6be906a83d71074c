//! From the file's tree to checked parts, with every problem on the way, not only the first.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::errors::MAX_SHOWN;
use super::problem::{Instead, Kind, Quoted, Span};
use super::yaml::{Entry, Node, Value};
use super::{
    Audit, Encrypt, Enforcement, Listen, Metrics, OnFull, Vault, clients, embeddings, encrypt,
    guardrails, listen, metrics, pipeline, providers, vault,
};
use crate::redact::Rules;

/// What the file says; `None` where it is silent.
#[derive(Default)]
pub(super) struct Parts {
    pub(super) listen: Option<Listen>,
    /// Where it stands.
    pub(super) listen_at: Option<Span>,
    pub(super) pipeline: Option<pipeline::Stages>,
    pub(super) providers: Option<Vec<providers::Placed>>,
    /// The rules that providers have of their own.
    pub(super) rules: BTreeMap<String, Rules>,
    pub(super) clients: clients::Known,
    /// Where they stand.
    pub(super) clients_at: Option<Span>,
    pub(super) nameservers: Vec<SocketAddr>,
    pub(super) enforcement: Option<Enforcement>,
    pub(super) max_body_bytes: Option<usize>,
    pub(super) audit: Audit,
    pub(super) vault: Vault,
    pub(super) encrypt: Option<Encrypt>,
    pub(super) metrics: Metrics,
    pub(super) embeddings: embeddings::Placed,
}

/// Reads the top level. Parts with problems are missing or incomplete.
pub(super) fn parts(root: &Node, found: &mut Found) -> Parts {
    let mut parts = Parts::default();
    // A file of comments configures nothing.
    if matches!(root.value, Value::Null) {
        return parts;
    }
    let Some(fields) = found.fields(root, TOP_KEYS) else { return parts };
    if let Some(node) = fields.get("listen") {
        parts.listen = listen::decode(node, found);
        parts.listen_at = Some(node.span);
    }
    parts.providers = fields.get("providers").and_then(|node| providers::decode(node, found));
    parts.pipeline = fields.get("pipeline").and_then(|node| pipeline::decode(node, found));
    let built_in = guardrails::Labels::default();
    let labels = parts.pipeline.as_ref().map_or(&built_in, |stages| &stages.labels);
    if let Some(node) = fields.get("providers") {
        parts.rules = guardrails::of_providers(node, labels, found);
    }
    if let Some(node) = fields.get("clients") {
        parts.clients = clients::decode(node, labels, found);
        parts.clients_at = Some(node.span);
    }
    if let Some(fields) = fields.get("dns").and_then(|node| found.fields(node, DNS_KEYS))
        && let Some(node) = fields.get("nameservers")
    {
        parts.nameservers = nameservers(node, found);
    }
    if let Some(node) = fields.get("enforcement") {
        parts.enforcement = found.word(node, "enforcement", &ENFORCEMENT);
    }
    if let Some(fields) = fields.get("limits").and_then(|node| found.fields(node, LIMIT_KEYS))
        && let Some(node) = fields.get("max_body_bytes")
    {
        parts.max_body_bytes = found.number(node, MIN_BODY, MAX_BODY);
    }
    if let Some(fields) = fields.get("audit").and_then(|node| found.fields(node, AUDIT_KEYS)) {
        parts.audit = audit(fields, found);
    }
    if let Some(fields) = fields.get("vault").and_then(|node| found.fields(node, vault::KEYS)) {
        parts.vault = vault::decode(fields, found);
    }
    if let Some(node) = fields.get("encrypt") {
        let own = match node.value {
            Value::Null => Some(Fields::NONE),
            _ => found.fields(node, encrypt::KEYS),
        };
        parts.encrypt = own.map(|own| encrypt::decode(node, own, found));
    }
    if let Some(fields) = fields.get("metrics").and_then(|node| found.fields(node, metrics::KEYS)) {
        parts.metrics = metrics::decode(fields, found);
    }
    let embedder = fields.get("embeddings").and_then(|node| found.fields(node, embeddings::KEYS));
    if let Some(fields) = embedder {
        parts.embeddings = embeddings::decode(fields, found);
    }
    parts
}

fn audit(fields: Fields<'_>, found: &mut Found) -> Audit {
    let mut audit = Audit::default();
    let bytes = fields.get("max_bytes").and_then(|n| found.number(n, MIN_AUDIT, MAX_AUDIT));
    if let Some(bytes) = bytes {
        audit.rotation.max_bytes = bytes as u64;
    }
    if let Some(keep) = fields.get("keep").and_then(|node| found.number(node, 0, MAX_AUDIT_FILES)) {
        audit.rotation.keep = keep;
    }
    if let Some(word) = fields.get("on_full").and_then(|n| found.word(n, "on_full", &ON_FULL)) {
        audit.on_full = word;
    }
    audit
}

fn nameservers(node: &Node, found: &mut Found) -> Vec<SocketAddr> {
    let mut servers = Vec::new();
    let items = found.list(node, "a list of addresses").unwrap_or_default();
    if let Some(excess) = items.get(MAX_NAMESERVERS) {
        found.add(excess.span, Kind::TooMany { what: "nameservers", most: MAX_NAMESERVERS });
    }
    for item in items.iter().take(MAX_NAMESERVERS) {
        let Some(text) = found.text(item, "an address") else { continue };
        match nameserver(text) {
            None => found.add(item.span, Kind::BadNameserver(Quoted::new(text))),
            Some(server) if servers.contains(&server) => {
                found.add(item.span, Kind::NameserverTwice(Quoted::new(text)));
            }
            Some(server) => servers.push(server),
        }
    }
    servers
}

fn nameserver(text: &str) -> Option<SocketAddr> {
    let bracketed = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let server = match bracketed {
        Some(inner) => SocketAddr::from((inner.parse::<Ipv6Addr>().ok()?, DNS_PORT)),
        None => text
            .parse::<IpAddr>()
            .map(|address| SocketAddr::from((address, DNS_PORT)))
            .or_else(|_| text.parse())
            .ok()?,
    };
    let reachable = super::scope(server.ip()) != super::Scope::NoDestination;
    (reachable && server.port() != 0).then_some(server)
}

/// Problems found so far, and the checks of types that every part needs.
#[derive(Default)]
pub(super) struct Found(pub(super) Vec<(Span, Kind)>);

impl Found {
    pub(super) fn add(&mut self, span: Span, kind: Kind) {
        self.0.push((span, kind));
    }

    /// What was probably meant, as long as anybody reads on: the search takes time.
    pub(super) fn instead<'k>(
        &self,
        word: &str,
        known: impl IntoIterator<Item = &'k str> + Clone,
    ) -> Instead {
        if self.0.len() < MAX_SHOWN { Instead::of(word, known) } else { Instead::Nothing }
    }

    /// A mapping whose keys are all among `known`.
    pub(super) fn fields<'n>(
        &mut self,
        node: &'n Node,
        known: &'static [&str],
    ) -> Option<Fields<'n>> {
        let entries = self.mapping(node)?;
        for entry in entries.iter().filter(|entry| !known.contains(&entry.key.as_str())) {
            let instead = self.instead(&entry.key, known.iter().copied());
            let key = Quoted::new(&entry.key);
            self.add(entry.key_span, Kind::UnknownKey { key, instead });
        }
        Some(Fields(entries))
    }

    pub(super) fn mapping<'n>(&mut self, node: &'n Node) -> Option<&'n [Entry]> {
        match &node.value {
            Value::Mapping(entries) => Some(entries),
            _ => self.wrong(node, "a mapping"),
        }
    }

    pub(super) fn list<'n>(
        &mut self,
        node: &'n Node,
        expected: &'static str,
    ) -> Option<&'n [Node]> {
        match &node.value {
            Value::List(items) => Some(items),
            _ => self.wrong(node, expected),
        }
    }

    pub(super) fn text<'n>(&mut self, node: &'n Node, expected: &'static str) -> Option<&'n str> {
        match &node.value {
            Value::Text(text) => Some(text),
            _ => self.wrong(node, expected),
        }
    }

    pub(super) fn flag(&mut self, node: &Node) -> Option<bool> {
        match &node.value {
            Value::Bool(flag) => Some(*flag),
            _ => self.wrong(node, "true or false"),
        }
    }

    /// A whole decimal number from `low` to `high`.
    pub(super) fn number(&mut self, node: &Node, low: u64, high: u64) -> Option<usize> {
        let digits = match &node.value {
            Value::Number(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => digits,
            _ => return self.wrong(node, "a whole number"),
        };
        let number = digits.parse().ok().filter(|number| (low..=high).contains(number));
        if number.is_none() {
            self.add(node.span, Kind::OutOfRange { low, high });
        }
        number.and_then(|number| usize::try_from(number).ok())
    }

    /// A decimal number from `low` to `high`.
    pub(super) fn decimal(&mut self, node: &Node, low: u64, high: u64) -> Option<f32> {
        let Value::Number(spelled) = &node.value else { return self.wrong(node, "a number") };
        let number = spelled.parse().ok().filter(|n| (low as f32..=high as f32).contains(n));
        if number.is_none() {
            self.add(node.span, Kind::OutOfRange { low, high });
        }
        number
    }

    /// One word of a table; `what` names the table in the message.
    pub(super) fn word<T: Copy>(
        &mut self,
        node: &Node,
        what: &'static str,
        known: &[(&'static str, T)],
    ) -> Option<T> {
        let word = self.text(node, "a word")?;
        let hit = known.iter().find(|(name, _)| *name == word);
        if hit.is_none() {
            let instead = self.instead(word, known.iter().map(|(name, _)| *name));
            self.add(node.span, Kind::UnknownWord { what, word: Quoted::new(word), instead });
        }
        hit.map(|(_, value)| *value)
    }

    pub(super) fn wrong<T>(&mut self, node: &Node, expected: &'static str) -> Option<T> {
        let found = node.value.kind();
        let hint = match (&node.value, expected) {
            (Value::Broken, _) => return None,
            (Value::Text(_), "a whole number" | "true or false") => {
                ": take the quotes or letters away"
            }
            (Value::Null, "a mapping") => ": give it a value, or remove the key",
            (Value::Bool(_) | Value::Number(_), "a regex" | "a path" | "a URL") => ": quote it",
            _ => "",
        };
        self.add(node.span, Kind::WrongType { expected, found, hint });
        None
    }
}

/// The keys of one mapping, known to be the right ones.
#[derive(Clone, Copy)]
pub(super) struct Fields<'n>(&'n [Entry]);

impl<'n> Fields<'n> {
    pub(super) const NONE: Self = Self(&[]);

    /// The same where the keys have been checked already.
    pub(super) fn of(entries: &'n [Entry]) -> Self {
        Self(entries)
    }

    pub(super) fn get(&self, key: &str) -> Option<&'n Node> {
        self.0.iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }
}

pub(super) const TOP_KEYS: &[&str] = &[
    "listen",
    "pipeline",
    "providers",
    "clients",
    "dns",
    "enforcement",
    "limits",
    "audit",
    "vault",
    "encrypt",
    "metrics",
    "embeddings",
];
pub(super) const DNS_KEYS: &[&str] = &["nameservers"];
pub(super) const AUDIT_KEYS: &[&str] = &["max_bytes", "keep", "on_full"];
pub(super) const LIMIT_KEYS: &[&str] = &["max_body_bytes"];
const ENFORCEMENT: [(&str, Enforcement); 2] =
    [("required", Enforcement::Required), ("best-effort", Enforcement::BestEffort)];
pub(super) const ON_FULL: [(&str, OnFull); 2] =
    [("continue", OnFull::Continue), ("stop", OnFull::Stop)];
const DNS_PORT: u16 = 53;
const MAX_NAMESERVERS: usize = 8;
const MIN_BODY: u64 = 1 << 10;
const MIN_AUDIT: u64 = 1 << 16;
const MAX_AUDIT: u64 = 1 << 40;
const MAX_AUDIT_FILES: u64 = 100_000;
/// A body is held in memory as a whole.
const MAX_BODY: u64 = 1 << 30;
