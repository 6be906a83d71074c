//! What `ipc` and `mcp-optimizer` save on a made-up day of an agent, request by request, and what
//! they cost in time.
//!
//! Tokens are counted as the modules count them: for OpenAI's models exactly, for others high.
#![expect(clippy::print_stdout, reason = "a program whose output is a table")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use prxy::config;
use prxy::json::Node;
use prxy::pipeline::ipc::{Archive, Ipc, Outcome};
use prxy::pipeline::mcp_optimizer::McpOptimizer;
use prxy::provider::Surface;
use prxy::provider::conversation::{Conversation, tokens::Counter};
use prxy::store::BlobId;
use prxy_tests::agent;
use prxy_tests::strict::{self, Rules};

/// The windows in which the day is spent, in tokens.
const WINDOWS: [u64; 2] = [128_000, 32_000];

struct Nowhere;

impl Archive for Nowhere {
    fn keep(&self, turns: &[u8]) -> Option<BlobId> {
        Some(BlobId::of(turns))
    }

    fn used(&self, _: &BlobId) {}
}

/// Tokens of all requests together.
#[derive(Default)]
struct Total {
    before: u64,
    after: u64,
    /// What stands in a request as it stood in the one before, which providers charge less for.
    cached_before: u64,
    cached_after: u64,
    spent: Duration,
    changed: u32,
}

fn main() -> Result<()> {
    println!(
        "{:<10} {:<28} {:>10} {:>10} {:>6} {:>11} {:>11} {:>8} {:>6}",
        "api", "modules", "tokens in", "out", "saved", "fresh in", "fresh out", "ms each", "steps"
    );
    for (rules, surface) in [
        (Rules::Messages, Surface::Messages),
        (Rules::Chat, Surface::Chat),
        (Rules::Responses, Surface::Responses),
        (Rules::Generate, Surface::Generate),
    ] {
        for window in WINDOWS {
            run(rules, surface, &format!("ipc, window {window}"), Some(window), false)?;
        }
        run(rules, surface, "mcp-optimizer", None, true)?;
        run(rules, surface, "mcp-optimizer, ipc, 32000", Some(32_000), true)?;
    }
    Ok(())
}

fn run(rules: Rules, surface: Surface, name: &str, window: Option<u64>, fewer: bool) -> Result<()> {
    let session = agent::session(rules);
    let model = agent::model(rules);
    let context_size = window.and_then(|tokens| Some((config::ModelPattern::new("*")?, tokens)));
    let options =
        config::Ipc { context_size: context_size.into_iter().collect(), ..Default::default() };
    let ipc = Ipc::new(options, Arc::new(Nowhere), None);
    let optimizer = McpOptimizer::new(config::McpOptimizer::default());
    let counter = Counter::default();
    let mut total = Total::default();
    let (mut last_in, mut last_out) = (Vec::new(), Vec::new());
    for end in &session.requests {
        let body = session.unmarked(*end);
        let began = Instant::now();
        let mut after = body.clone();
        if fewer && let Some(fewer) = optimizer.fewer(surface, &after) {
            after = fewer.body;
        }
        if window.is_some() {
            match ipc.shorten(surface, Some(model), &after) {
                Outcome::Cut { body, .. } => after = body,
                Outcome::Fits => {}
                Outcome::LeftAlone(why) => ensure!(why == "too-long", "left alone: {why}"),
            }
        }
        total.spent += began.elapsed();
        strict::check(rules, &after).map_err(anyhow::Error::msg)?;
        let (before_parts, after_parts) =
            (parts(&counter, surface, model, &body)?, parts(&counter, surface, model, &after)?);
        total.before += sum(&before_parts);
        total.after += sum(&after_parts);
        total.cached_before += shared(&last_in, &before_parts);
        let shared_after = shared(&last_out, &after_parts);
        total.cached_after += shared_after;
        total.changed += u32::from(shared_after + shared_after / 8 < sum(&last_out));
        (last_in, last_out) = (before_parts, after_parts);
    }
    let saved = 100.0 * (1.0 - total.after as f64 / total.before as f64);
    let each = total.spent.as_secs_f64() * 1e3 / session.requests.len() as f64;
    println!(
        "{:<10} {name:<28} {:>10} {:>10} {saved:>5.1}% {:>11} {:>11} {each:>8.2} {:>6}",
        format!("{rules:?}"),
        total.before,
        total.after,
        total.before - total.cached_before,
        total.after - total.cached_after,
        total.changed
    );
    Ok(())
}

/// What a request holds in the order in which providers remember it: tools, system, turns.
fn parts(
    counter: &Counter,
    surface: Surface,
    model: &str,
    body: &[u8],
) -> Result<Vec<(Vec<u8>, u64)>> {
    let root = Node::read(body)?;
    let conversation = Conversation::read(surface, &root).context("no conversation")?;
    let spelled = |node: &Node<'_>| body[node.range.clone()].to_vec();
    let tools = conversation.tools.iter().flat_map(|tool| spelled(tool.node)).collect();
    let mut parts = vec![(tools, counter.fixed(model, body, &conversation))];
    parts.extend(
        conversation.items.iter().map(|item| (spelled(item.node), counter.item(model, body, item))),
    );
    Ok(parts)
}

fn sum(parts: &[(Vec<u8>, u64)]) -> u64 {
    parts.iter().map(|(_, tokens)| tokens).sum()
}

fn shared(last: &[(Vec<u8>, u64)], parts: &[(Vec<u8>, u64)]) -> u64 {
    let same = last.iter().zip(parts).take_while(|(a, b)| a.0 == b.0);
    same.map(|(_, (_, tokens))| tokens).sum()
}
