//! `ipc:` — conversations that are kept inside a share of the model's window.

use std::fmt;
use std::time::Duration;

use super::Row;
use super::exact_cache::{MAX_BYTES, MAX_TTL};
use crate::config::decode::{Fields, Found};
use crate::config::problem::Kind;
use crate::config::yaml::{Node, Value};
use crate::config::{ModelPattern, Module};
use crate::store::ShelfRoom;

/// How far conversations may grow.
#[derive(Clone, Debug, PartialEq)]
pub struct Ipc {
    /// The share of the model's window, less the answer's, that a request may take.
    pub target_utilization: f32,
    /// The windows of models in tokens, by pattern; the first that fits counts, before the
    /// built-in table.
    pub context_size: Vec<(ModelPattern, u64)>,
    /// How many tokens are brought back for one text of the user; 0 for none.
    pub recall_tokens: u64,
    /// How much of what left is kept, and how long.
    pub archive: ShelfRoom,
}

impl Default for Ipc {
    fn default() -> Self {
        let archive =
            ShelfRoom { max_bytes: 256 << 20, unused: Duration::from_secs(30 * 24 * 3600) };
        Self { target_utilization: 0.75, context_size: Vec::new(), recall_tokens: 2_000, archive }
    }
}

fn decode(fields: Fields<'_>, found: &mut Found) -> Module {
    let mut ipc = Ipc::default();
    if let Some(node) = fields.get("targetUtilization")
        && let Some(share) = found.decimal(node, 0, 1)
    {
        ipc.target_utilization = share;
    }
    if let Some(node) = fields.get("contextSize") {
        ipc.context_size = windows(node, found);
    }
    if let Some(node) = fields.get("recallTokens")
        && let Some(tokens) = found.number(node, 0, MAX_RECALL)
    {
        ipc.recall_tokens = tokens as u64;
    }
    if let Some(node) = fields.get("archiveMaxBytes")
        && let Some(bytes) = found.number(node, 0, MAX_BYTES)
    {
        ipc.archive.max_bytes = bytes as u64;
    }
    if let Some(node) = fields.get("archiveTtlSeconds")
        && let Some(seconds) = found.number(node, 1, MAX_TTL)
    {
        ipc.archive.unused = Duration::from_secs(seconds as u64);
    }
    Module::Ipc(ipc)
}

/// One number for all models, or one for each pattern.
fn windows(node: &Node, found: &mut Found) -> Vec<(ModelPattern, u64)> {
    if let Value::Number(_) = node.value {
        let tokens = found.number(node, MIN_WINDOW, MAX_WINDOW);
        return ModelPattern::new("*").zip(tokens.map(|n| n as u64)).into_iter().collect();
    }
    let entries = found.mapping(node).unwrap_or_default();
    if let Some(excess) = entries.get(MAX_PATTERNS) {
        found.add(excess.key_span, Kind::TooMany { what: "models", most: MAX_PATTERNS });
    }
    let mut windows = Vec::new();
    for entry in entries.iter().take(MAX_PATTERNS) {
        let tokens = found.number(&entry.value, MIN_WINDOW, MAX_WINDOW);
        match ModelPattern::new(&entry.key) {
            Some(model) => windows.extend(tokens.map(|tokens| (model, tokens as u64))),
            None => found.add(entry.key_span, Kind::BadName),
        }
    }
    windows
}

impl fmt::Display for Ipc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let window =
            |(model, tokens): &(ModelPattern, u64)| format!("\"{}\": {tokens}", model.as_str());
        let windows: Vec<_> = self.context_size.iter().map(window).collect();
        let (share, windows, recall) =
            (self.target_utilization, windows.join(", "), self.recall_tokens);
        let (bytes, seconds) = (self.archive.max_bytes, self.archive.unused.as_secs());
        write!(
            f,
            "{{ targetUtilization: {share}, contextSize: {{ {windows} }}, recallTokens: {recall}, \
             archiveMaxBytes: {bytes}, archiveTtlSeconds: {seconds} }}"
        )
    }
}

pub(super) const ROW: Row = Row {
    name: "ipc",
    keys: &[
        "targetUtilization",
        "contextSize",
        "recallTokens",
        "archiveMaxBytes",
        "archiveTtlSeconds",
    ],
    decode,
};
const MIN_WINDOW: u64 = 1_024;
const MAX_WINDOW: u64 = 1_000_000_000;
const MAX_RECALL: u64 = 100_000;
const MAX_PATTERNS: usize = 256;
