//! Sends only the tools that matter, where there are many.
//!
//! The choice is a pure function of the history: every text of the user adds the tools that have to
//! do with it, in turn, whatever a text names stays, and none is taken away. So it grows with a conversation and is otherwise the
//! same from request to request, as a provider's prompt cache wants it. What stays, stays in its
//! order and byte for byte. Not for turns: those are `ipc`'s.

use std::collections::{BTreeSet, HashSet};
use std::ops::Range;
use std::sync::Arc;

use aho_corasick::AhoCorasick;

use super::words::{Weights, words};
use super::{Exchange, Module, Verdict};
use crate::config;
use crate::json::{Edits, Node};
use crate::provider::Surface;
use crate::provider::conversation::memo::Memo;
use crate::provider::conversation::{Conversation, Part, Tool};

/// The module.
pub struct McpOptimizer {
    options: config::McpOptimizer,
    words: Memo<Arc<BTreeSet<String>>>,
}

/// A request with fewer tools.
#[derive(Debug, PartialEq, Eq)]
pub struct Fewer {
    /// The request now.
    pub body: Vec<u8>,
    /// How many tools it had.
    pub before: usize,
    /// How many it has.
    pub after: usize,
}

impl McpOptimizer {
    /// With these options.
    pub fn new(options: config::McpOptimizer) -> Self {
        Self { options, words: Memo::new(MEMORY) }
    }

    /// The request without the tools that do not matter; `None` where it stays as it is.
    pub fn fewer(&self, surface: Surface, body: &[u8]) -> Option<Fewer> {
        let root = Node::read(body).ok()?;
        let conversation = Conversation::read(surface, &root)?;
        let tools = &conversation.tools;
        // Which tools an unseen part of the conversation used cannot be told.
        if conversation.continued || tools.len() < self.options.min_tools_to_optimize.max(2) {
            return None;
        }
        let own = |tool: &Tool<'_>| tool.name.starts_with(OF_SERVERS);
        let of_servers = tools.iter().any(own);
        let used = used(&conversation);
        let names = Names::of(tools);
        let named = names.anywhere(&conversation);
        let mut stays: Vec<bool> = tools
            .iter()
            .map(|tool| {
                !tool.optional
                    || of_servers && !own(tool)
                    || self.options.preserve_tools.contains(&*tool.name)
                    || conversation.chosen.contains(&tool.name)
                    || used.contains(&*tool.name)
                    || named.contains(&*tool.name)
                    // A mark says up to where the provider remembers: it stays where it is.
                    || tool.node.get("cache_control").is_some()
            })
            .collect();
        if !self.choose(body, &conversation, &names, &mut stays) {
            return None;
        }
        keep_one_of_each_list(tools, &mut stays);
        let after = stays.iter().filter(|stays| **stays).count();
        (after < tools.len()).then(|| Fewer {
            body: without(body, tools, &stays),
            before: tools.len(),
            after,
        })
    }

    /// Adds the tools that each text of the user has to do with; `false` if none says anything.
    fn choose(
        &self,
        body: &[u8],
        conversation: &Conversation<'_>,
        names: &Names<'_>,
        stays: &mut [bool],
    ) -> bool {
        let about: Vec<_> = conversation.tools.iter().map(|tool| self.about(body, tool)).collect();
        let weights = Weights::of(about.iter().map(|(_, all)| &**all));
        let mut said = false;
        let mut added = HashSet::new();
        let asks = conversation.items.iter().filter(|item| item.asks());
        // Responses may take the user's text alone.
        let alone = conversation.list.and_then(Node::text);
        for text in alone.into_iter().chain(asks.flat_map(|item| item.texts())) {
            // What it names stays anyway; here counts what it says besides.
            let (named, text) = names.taken_out(&text);
            said |= !named.is_empty();
            let text: String = text.chars().take(MOST_CHARACTERS).collect();
            let asked = self.words(&text);
            let fit = |(name, all): &(Arc<BTreeSet<String>>, Arc<BTreeSet<String>>)| {
                let shared = weights.sum(asked.intersection(all));
                shared + 2.0 * weights.sum(asked.intersection(name))
            };
            let fits: Vec<f64> = about.iter().map(fit).collect();
            let best = fits.iter().copied().fold(0.0, f64::max);
            if best <= 0.0 {
                continue;
            }
            said = true;
            let mut order: Vec<usize> = (0..fits.len()).collect();
            // The best first, and of equals the first in the list.
            order.sort_by(|a, b| fits[*b].total_cmp(&fits[*a]));
            for (rank, at) in order.into_iter().enumerate() {
                let enough = fits[at] >= best * f64::from(self.options.relevance_threshold)
                    && fits[at] > 0.0;
                // The best of every text comes, so that a long history shuts out no later turn.
                let room = rank == 0 || added.len() < self.options.max_tools;
                if enough && room && added.insert(at) {
                    stays[at] = true;
                }
            }
        }
        said
    }

    /// The words in a tool's name, and all that it says of itself.
    fn about(
        &self,
        body: &[u8],
        tool: &Tool<'_>,
    ) -> (Arc<BTreeSet<String>>, Arc<BTreeSet<String>>) {
        let name = tool.name.strip_prefix(OF_SERVERS).unwrap_or(&tool.name);
        let spelled = body.get(tool.node.range.clone()).unwrap_or_default();
        let all = self.words.remember(1, spelled, || {
            let properties = tool.schema.and_then(|schema| schema.get("properties"));
            let takes = properties.map(Node::members).unwrap_or_default();
            let takes: String = takes.iter().map(|(key, _)| format!(" {}", key.decode())).collect();
            Some(Arc::new(words(&format!("{name} {}{takes}", tool.description))))
        });
        (self.words(name), all.unwrap_or_default())
    }

    fn words(&self, text: &str) -> Arc<BTreeSet<String>> {
        let read = || Some(Arc::new(words(text)));
        self.words.remember(0, text.as_bytes(), read).unwrap_or_default()
    }
}

impl Module for McpOptimizer {
    fn name(&self) -> &'static str {
        "mcp-optimizer"
    }

    fn request(&self, exchange: &mut Exchange<'_>) -> Verdict {
        if let Some(fewer) = self.fewer(exchange.endpoint.surface, &exchange.body) {
            exchange.body = fewer.body.into();
            exchange.say("tools", format_args!("{}/{}", fewer.after, fewer.before));
        }
        Verdict::Continue
    }
}

/// The tools that the history called or found.
fn used<'c>(conversation: &'c Conversation<'_>) -> HashSet<&'c str> {
    let parts = conversation.items.iter().flat_map(|item| &item.parts);
    parts
        .filter_map(|part| match part {
            Part::Call { name, .. } | Part::Found(name) => Some(&**name),
            _ => None,
        })
        .collect()
}

/// Finds the names of tools in texts.
struct Names<'c> {
    /// `None`: there are too many to look for.
    search: Option<AhoCorasick>,
    /// Whose name each one is.
    whose: Vec<&'c str>,
}

impl<'c> Names<'c> {
    fn of(tools: &'c [Tool<'_>]) -> Self {
        let (mut names, mut whose) = (Vec::new(), Vec::new());
        for name in tools.iter().map(|tool| &*tool.name).filter(|name| !name.is_empty()) {
            names.push(name);
            whose.push(name);
            // People leave out the server, where the rest cannot be a mere word.
            let rest = name.strip_prefix(OF_SERVERS).and_then(|rest| rest.split_once("__"));
            if let Some((_, short)) = rest
                && short.contains(|symbol: char| "_-".contains(symbol) || symbol.is_uppercase())
            {
                names.push(short);
                whose.push(name);
            }
        }
        Self { search: AhoCorasick::new(&names).ok(), whose }
    }

    /// The names in a text, each whole.
    fn in_text(&self, text: &str) -> Vec<(Range<usize>, &'c str)> {
        let Some(search) = &self.search else { return Vec::new() };
        let part = |at: Option<usize>| {
            let byte = at.and_then(|at| text.as_bytes().get(at));
            byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
        };
        search
            .find_overlapping_iter(text)
            .filter(|hit| !part(hit.start().checked_sub(1)) && !part(Some(hit.end())))
            .filter_map(|hit| Some((hit.range(), *self.whose.get(hit.pattern().as_usize())?)))
            .collect()
    }

    /// The names in a text, and the text without them.
    fn taken_out(&self, text: &str) -> (HashSet<&'c str>, String) {
        let found = self.in_text(text);
        let mut rest = text.as_bytes().to_vec();
        for (range, _) in &found {
            rest[range.clone()].fill(b' ');
        }
        let rest = String::from_utf8_lossy(&rest).into_owned();
        (found.into_iter().map(|(_, name)| name).collect(), rest)
    }

    /// The tools that any text of the request names: of the user, of the model, of whoever gives
    /// orders, or of a tool.
    fn anywhere(&self, conversation: &Conversation<'_>) -> HashSet<&'c str> {
        if self.search.is_none() {
            return self.whose.iter().copied().collect();
        }
        let mut named = HashSet::new();
        let mut look = |text: &str| named.extend(self.in_text(text).iter().map(|(_, name)| *name));
        conversation.system.iter().for_each(|node| strings(node, &mut look));
        for part in conversation.items.iter().flat_map(|item| &item.parts) {
            match part {
                Part::Text(node) | Part::Said(node) | Part::Other(node) => strings(node, &mut look),
                Part::Call { input: Some(input), .. } => strings(input, &mut look),
                // Clients leave out of later requests what the model thought.
                _ => {}
            }
        }
        named
    }
}

/// Every string below a node that is a value.
fn strings(node: &Node<'_>, look: &mut dyn FnMut(&str)) {
    if let Some(text) = node.text() {
        look(&text);
    }
    node.elements().iter().for_each(|node| strings(node, look));
    node.members().iter().for_each(|(_, node)| strings(node, look));
}

/// A list of declarations that is empty is refused by some APIs.
fn keep_one_of_each_list(tools: &[Tool<'_>], stays: &mut [bool]) {
    let mut start = 0;
    while start < tools.len() {
        let same = |tool: &&Tool<'_>| tool.list.range == tools[start].list.range;
        let end = start + tools[start..].iter().take_while(same).count();
        if !stays[start..end].contains(&true) {
            stays[start] = true;
        }
        start = end;
    }
}

fn without(body: &[u8], tools: &[Tool<'_>], stays: &[bool]) -> Vec<u8> {
    let mut edits = Edits::new();
    let mut start = 0;
    while start < tools.len() {
        let same = |tool: &&Tool<'_>| tool.list.range == tools[start].list.range;
        let end = start + tools[start..].iter().take_while(same).count();
        let place = |at: usize| tools[at].node.range.clone();
        let last = (start..end).rev().find(|at| stays[*at]).unwrap_or(start);
        for at in (start..end).filter(|at| !stays[*at]) {
            // With the comma behind it, or before it where nothing that stays comes behind.
            let gone = if at < last {
                place(at).start..place(at + 1).start
            } else {
                place(at - 1).end..place(at).end
            };
            edits.replace(gone, b"");
        }
        start = end;
    }
    edits.apply(body)
}

/// How clients that have tools of their own name those of servers: the others are their hands.
const OF_SERVERS: &str = "mcp__";
/// Of one text of the user: what comes behind them is pasted.
const MOST_CHARACTERS: usize = 8_000;
const MEMORY: usize = 4_096;

#[cfg(test)]
mod tests;
