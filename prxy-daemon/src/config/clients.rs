//! `clients:` — who is told apart by the keys that they bring, and the rules of each.

use std::collections::{BTreeMap, HashSet};

use super::decode::{Fields, Found};
use super::guardrails::{self, Labels};
use super::problem::{Kind, Quoted};
use super::providers;
use super::yaml::{Entry, Node};
use crate::redact::Rules;

/// A client that has a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// As in the configuration, such as `ward-7`.
    pub name: String,
    /// SHA-256 of each of its keys, which no other client has.
    pub keys: Vec<[u8; 32]>,
}

/// Clients with the rules of those that have any.
pub(super) type Known = (Vec<Client>, BTreeMap<String, Rules>);

pub(super) fn decode(node: &Node, labels: &Labels, found: &mut Found) -> Known {
    let entries = found.mapping(node).unwrap_or_default();
    if let Some(excess) = entries.get(MAX_CLIENTS) {
        found.add(excess.key_span, Kind::TooMany { what: "clients", most: MAX_CLIENTS });
    }
    let (mut clients, mut all) = (Vec::new(), BTreeMap::new());
    let mut taken = HashSet::new();
    for entry in entries.iter().take(MAX_CLIENTS) {
        if !providers::is_name(&entry.key) {
            found.add(entry.key_span, Kind::BadClientName(Quoted::new(&entry.key)));
        }
        let Some(fields) = found.fields(&entry.value, KEYS) else { continue };
        let keys = keys(entry, fields, &mut taken, found);
        let rules = guardrails::rules(fields, labels, found);
        if rules != Rules::default() {
            all.insert(entry.key.clone(), rules);
        }
        clients.push(Client { name: entry.key.clone(), keys });
    }
    (clients, all)
}

/// A key can be that of one client only.
fn keys(
    entry: &Entry,
    fields: Fields<'_>,
    taken: &mut HashSet<[u8; 32]>,
    found: &mut Found,
) -> Vec<[u8; 32]> {
    let Some(node) = fields.get(KEY_SHA256) else {
        found.add(entry.key_span, Kind::ClientWithoutKey(Quoted::new(&entry.key)));
        return Vec::new();
    };
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

const KEY_SHA256: &str = "key_sha256";
pub(super) const KEYS: &[&str] = &[KEY_SHA256, "policy", "positions"];
const MAX_CLIENTS: usize = 1024;
