//! `mcp-optimizer:` — which tools are sent where there are many.

use std::collections::BTreeSet;
use std::fmt;

use super::Row;
use crate::config::decode::{Fields, Found};
use crate::config::{Module, guardrails};

/// Which tools are sent where there are many.
#[derive(Clone, Debug, PartialEq)]
pub struct McpOptimizer {
    /// How well a tool must fit a text, as a share of how well the best one does.
    pub relevance_threshold: f32,
    /// Tools that are always sent.
    pub preserve_tools: BTreeSet<String>,
    /// With fewer tools than this, all are sent.
    pub min_tools_to_optimize: usize,
    /// How many tools are added for what they are, at most; those that must stay come on top.
    pub max_tools: usize,
}

impl Default for McpOptimizer {
    fn default() -> Self {
        Self {
            relevance_threshold: 0.35,
            preserve_tools: BTreeSet::new(),
            min_tools_to_optimize: 5,
            max_tools: 24,
        }
    }
}

fn decode(fields: Fields<'_>, found: &mut Found) -> Module {
    let mut optimizer = McpOptimizer::default();
    if let Some(node) = fields.get("relevanceThreshold")
        && let Some(share) = found.decimal(node, 0, 1)
    {
        optimizer.relevance_threshold = share;
    }
    if let Some(node) = fields.get("preserveTools") {
        optimizer.preserve_tools = guardrails::tools(node, found);
    }
    if let Some(node) = fields.get("minToolsToOptimize")
        && let Some(tools) = found.number(node, 2, MOST)
    {
        optimizer.min_tools_to_optimize = tools;
    }
    if let Some(tools) = fields.get("maxTools").and_then(|node| found.number(node, 1, MOST)) {
        optimizer.max_tools = tools;
    }
    Module::McpOptimizer(optimizer)
}

impl fmt::Display for McpOptimizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tools: Vec<_> = self.preserve_tools.iter().map(|tool| format!("\"{tool}\"")).collect();
        let (share, tools) = (self.relevance_threshold, tools.join(", "));
        let (least, most) = (self.min_tools_to_optimize, self.max_tools);
        write!(
            f,
            "{{ relevanceThreshold: {share}, preserveTools: [{tools}], \
             minToolsToOptimize: {least}, maxTools: {most} }}"
        )
    }
}

pub(super) const ROW: Row = Row {
    name: "mcp-optimizer",
    keys: &["relevanceThreshold", "preserveTools", "minToolsToOptimize", "maxTools"],
    decode,
};
const MOST: u64 = 10_000;
