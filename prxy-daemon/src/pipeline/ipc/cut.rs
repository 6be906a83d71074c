//! Where a conversation is cut: a pure function of its turns.
//!
//! It walks the turns as if each request of the conversation came again, with a running total.
//! Whenever that passes the high mark at the end of a request, the cut moves on so far that what
//! stays is at most the low mark. A history that is sent again is therefore cut where it was cut
//! before, until the next step.

use std::collections::HashMap;
use std::ops::Range;

use crate::provider::conversation::{Conversation, Item, Part, Role, Tail};

/// The marks, in tokens.
#[derive(Clone, Copy, Debug)]
pub(super) struct Marks {
    /// What stands above the turns.
    pub(super) fixed: u64,
    /// What must not be passed.
    pub(super) high: u64,
    /// What the digest may take.
    pub(super) digest: u64,
    /// What may be brought back for one text of the user.
    pub(super) recall: u64,
}

/// How a conversation is shortened.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// The item with the user's first text, which stays with all before it.
    pub(super) task: usize,
    /// The first item behind the task that stays.
    pub(super) cut: usize,
    /// What left in each step.
    pub(super) steps: Vec<Range<usize>>,
    /// What is brought back, by the item behind which it goes.
    pub(super) recalled: Vec<(usize, String)>,
    /// What the request takes in the end.
    pub(super) total: u64,
}

/// Why a conversation is not cut at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Uncuttable {
    /// It has no text of a user to begin with, or one that nothing can be added to.
    NoTask,
    /// A result has no call in it.
    Orphan,
}

/// Plans the cut; `recall` gives what a text of the user brings back from a range of items, within
/// a budget, and what that takes.
pub(super) fn plan(
    conversation: &Conversation<'_>,
    tokens: &[u64],
    marks: Marks,
    mut recall: impl FnMut(usize, Range<usize>, u64) -> Option<(String, u64)>,
) -> Result<Plan, Uncuttable> {
    let items = &conversation.items;
    let begins = |item: &Item<'_>| item.asks() && !item.has_results();
    let task = items.iter().position(begins).ok_or(Uncuttable::NoTask)?;
    if matches!(items[task].tail, Tail::Closed) {
        return Err(Uncuttable::NoTask);
    }
    let edges = edges(items, task)?;
    let head = marks.fixed + tokens[..=task].iter().sum::<u64>();
    let mut walk = Walk { items, tokens: tokens.to_vec(), edges, marks, head, cut: task + 1, task };
    let mut plan =
        Plan { task, cut: task + 1, steps: Vec::new(), recalled: Vec::new(), total: head };
    let mut asked = Vec::new();
    for at in task + 1..items.len() {
        plan.total += walk.tokens[at];
        if items[at].asks() {
            asked.push(at);
        }
        if !ends_request(items, at) {
            continue;
        }
        if plan.total > marks.high
            && let Some((cut, total)) = walk.step(at)
        {
            plan.steps.push(walk.cut..cut);
            walk.cut = cut;
            plan.total = total;
        }
        for user in asked.drain(..) {
            let budget = marks.recall.min(marks.high.saturating_sub(plan.total));
            if walk.cut == task + 1 || user < walk.cut || matches!(items[user].tail, Tail::Closed) {
                continue;
            }
            if let Some((text, takes)) = recall(user, task + 1..walk.cut, budget) {
                walk.tokens[user] += takes;
                plan.total += takes;
                plan.recalled.push((user, text));
            }
        }
    }
    plan.cut = walk.cut;
    plan.recalled.retain(|(user, _)| *user >= walk.cut);
    Ok(plan)
}

/// Whether an item leaves when the cut passes it.
pub(super) fn leaves(item: &Item<'_>) -> bool {
    item.role != Role::Instruction
}

struct Walk<'w, 't> {
    items: &'w [Item<'t>],
    tokens: Vec<u64>,
    edges: Vec<Edge>,
    marks: Marks,
    head: u64,
    task: usize,
    cut: usize,
}

impl Walk<'_, '_> {
    /// Where the cut goes when the request that ends in `at` is too long; `None` if nowhere.
    fn step(&self, at: usize) -> Option<(usize, u64)> {
        let base = self.head + self.marks.digest;
        let low = base + self.marks.high.saturating_sub(base) / 2;
        let totals = self.totals(at);
        let among = |edge| {
            let edges = (self.cut + 1..=at).filter(move |k| self.edges[*k] == edge);
            edges.map(|k| (k, totals[k - self.task - 1]))
        };
        let fits = |(_, total): &(usize, u64)| *total <= self.marks.high;
        // A cut before the model's turn leaves turns in turn; one before the user's leaves two of
        // the user's in a row, which every API joins.
        among(Edge::Model)
            .find(|(_, total)| *total <= low)
            .or_else(|| among(Edge::Model).next_back().filter(fits))
            .or_else(|| among(Edge::User).next_back().filter(fits))
            .or_else(|| among(Edge::Model).chain(among(Edge::User)).max())
    }

    /// What is left at `at` with a cut before each item behind the task.
    fn totals(&self, at: usize) -> Vec<u64> {
        let behind = self.task + 1..=at;
        let pinned = behind.clone().filter(|k| !leaves(&self.items[*k]));
        let mut total = self.head + self.marks.digest + pinned.map(|k| self.tokens[k]).sum::<u64>();
        let mut totals: Vec<u64> = behind
            .rev()
            .map(|k| {
                total += if leaves(&self.items[k]) { self.tokens[k] } else { 0 };
                total
            })
            .collect();
        totals.reverse();
        totals
    }
}

/// Whether a conversation can be cut before an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Edge {
    /// No: it belongs to what stands before it.
    None,
    /// The model's turn begins.
    Model,
    /// The user's turn begins.
    User,
}

/// A request could have ended here.
fn ends_request(items: &[Item<'_>], at: usize) -> bool {
    match items.get(at + 1) {
        None => true,
        Some(next) => next.role == Role::Model && items[at].role != Role::Model,
    }
}

fn edges(items: &[Item<'_>], task: usize) -> Result<Vec<Edge>, Uncuttable> {
    let joined = joined(items)?;
    let reasons = items.iter().any(Item::thinks);
    let mut edges = vec![Edge::None; items.len()];
    let mut before = items[task].role;
    for at in task + 1..items.len() {
        let role = items[at].role;
        if role == Role::Instruction {
            continue;
        }
        // Calls stay behind the reasoning that led to them.
        let calls = || items[at..].iter().take_while(|i| i.role != Role::User).any(Item::calls);
        let headless = || reasons && role == Role::Model && !items[at].thinks() && calls();
        if role != before && !joined[at] && !headless() {
            edges[at] = if role == Role::Model { Edge::Model } else { Edge::User };
        }
        before = role;
    }
    Ok(edges)
}

/// The items that a call before them and a result in or behind them hold to what stands before.
fn joined(items: &[Item<'_>]) -> Result<Vec<bool>, Uncuttable> {
    let mut calls: HashMap<&str, usize> = HashMap::new();
    let mut latest = None;
    // How many more pairs are open at an item than at the one before.
    let mut change = vec![0_isize; items.len() + 2];
    for (at, item) in items.iter().enumerate() {
        for part in &item.parts {
            match part {
                Part::Call { id, .. } => {
                    latest = Some(at);
                    calls.extend(id.as_deref().map(|id| (id, at)));
                }
                Part::Result { id } => {
                    let call = id.as_deref().map_or(latest, |id| calls.get(id).copied().or(latest));
                    change[call.ok_or(Uncuttable::Orphan)? + 1] += 1;
                    change[at + 1] -= 1;
                }
                _ => {}
            }
        }
    }
    let open = change.iter().scan(0, |open, change| {
        *open += change;
        Some(*open > 0)
    });
    Ok(open.take(items.len()).collect())
}
