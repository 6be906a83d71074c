//! `clients:` — who is told apart by the keys that they bring, and the rules of each.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use super::decode::{Fields, Found};
use super::guardrails::{self, Labels};
use super::modules::CostLimits;
use super::problem::{Kind, Quoted};
use super::providers;
use super::yaml::Node;
use crate::redact::Rules;

/// A client that has a name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Client {
    /// As in the configuration, such as `ward-7`.
    pub name: String,
    /// SHA-256 of each of its keys, which no other client has.
    pub keys: Vec<[u8; 32]>,
    /// Who it is on this host, which no other client is.
    pub peer: Option<Peer>,
    /// How much it may ask for.
    pub limits: ClientLimits,
}

/// Who connects to a unix socket, as the kernel says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Peer {
    /// By its user.
    User(u32),
    /// By its first group.
    Group(u32),
}

/// How much a client may ask for; nothing where there is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientLimits {
    /// Spread evenly; as many at once after a pause.
    pub requests_per_minute: Option<u32>,
    /// Whose answer has not ended.
    pub concurrent: Option<u32>,
    /// What it may spend, in place of what `cost-guard` says for all.
    pub cost: CostLimits,
}

/// Clients with the rules of those that have any.
pub(super) type Known = (Vec<Client>, BTreeMap<String, Rules>);

pub(super) fn decode(node: &Node, labels: &Labels, found: &mut Found) -> Known {
    let entries = found.mapping(node).unwrap_or_default();
    if let Some(excess) = entries.get(MAX_CLIENTS) {
        found.add(excess.key_span, Kind::TooMany { what: "clients", most: MAX_CLIENTS });
    }
    let (mut clients, mut all) = (Vec::new(), BTreeMap::new());
    let (mut taken, mut peers) = (HashSet::new(), HashSet::new());
    for entry in entries.iter().take(MAX_CLIENTS) {
        if !providers::is_name(&entry.key) {
            found.add(entry.key_span, Kind::BadClientName(Quoted::new(&entry.key)));
        }
        let Some(fields) = found.fields(&entry.value, KEYS) else { continue };
        let keys = keys(fields, &mut taken, found);
        let peer = peer(fields, found);
        if peer.is_some_and(|peer| !peers.insert(peer)) {
            found.add(entry.key_span, Kind::ClientPeerTwice);
        }
        if [KEY_SHA256, "uid", "gid"].iter().all(|key| fields.get(key).is_none()) {
            found.add(entry.key_span, Kind::ClientWithoutKey(Quoted::new(&entry.key)));
        }
        let own = fields.get("limits").and_then(|node| found.fields(node, LIMIT_KEYS));
        let limits = own.map(|own| limits(own, found)).unwrap_or_default();
        let rules = guardrails::rules(fields, labels, found);
        if rules != Rules::default() {
            all.insert(entry.key.clone(), rules);
        }
        clients.push(Client { name: entry.key.clone(), keys, peer, limits });
    }
    (clients, all)
}

/// A key can be that of one client only.
fn keys(fields: Fields<'_>, taken: &mut HashSet<[u8; 32]>, found: &mut Found) -> Vec<[u8; 32]> {
    let Some(node) = fields.get(KEY_SHA256) else { return Vec::new() };
    let keys = providers::client_keys(KEY_SHA256, node, found);
    let mut own = Vec::new();
    for (span, sum) in keys {
        if !taken.insert(sum) {
            found.add(span, Kind::ClientKeyTwice);
        }
        own.push(sum);
    }
    own
}

fn peer(fields: Fields<'_>, found: &mut Found) -> Option<Peer> {
    let mut number = |key| {
        let node = fields.get(key)?;
        // The last one stands for nobody.
        let number = found.number(node, 0, u64::from(u32::MAX - 1))?;
        Some((node.span, u32::try_from(number).ok()?))
    };
    match (number("uid"), number("gid")) {
        (Some(_), Some((span, _))) => {
            found.add(span, Kind::ClientUserAndGroup);
            None
        }
        (Some((_, uid)), None) => Some(Peer::User(uid)),
        (None, Some((_, gid))) => Some(Peer::Group(gid)),
        (None, None) => None,
    }
}

fn limits(fields: Fields<'_>, found: &mut Found) -> ClientLimits {
    let mut number = |key, most| {
        let number = fields.get(key).and_then(|node| found.number(node, 1, most));
        number.and_then(|number| u32::try_from(number).ok())
    };
    ClientLimits {
        requests_per_minute: number("requests_per_minute", 1_000_000),
        concurrent: number("concurrent", 10_000),
        cost: CostLimits::decode(fields, found),
    }
}

impl fmt::Display for ClientLimits {
    /// As in the configuration.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = self.requests_per_minute.map(|it| format!("requests_per_minute: {it}"));
        let concurrent = self.concurrent.map(|it| format!("concurrent: {it}"));
        let all: Vec<_> = rate.into_iter().chain(concurrent).chain(self.cost.spelled()).collect();
        write!(f, "{{ {} }}", all.join(", "))
    }
}

pub(super) const LIMIT_KEYS: &[&str] =
    &["requests_per_minute", "concurrent", "perRequest", "perDay", "perMonth"];
const KEY_SHA256: &str = "key_sha256";
pub(super) const KEYS: &[&str] = &[KEY_SHA256, "uid", "gid", "limits", "policy", "positions"];
const MAX_CLIENTS: usize = 1024;
