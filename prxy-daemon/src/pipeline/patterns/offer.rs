//! Where an offer stands in a request, and how it reads.
//!
//! At the very end of the last text of the user: behind whatever a client marks for the provider's
//! cache, so that all before it stays the same byte for byte.

use std::ops::Range;

use crate::json::{Edits, Node, Value, escape_into};
use crate::provider::Surface;
use crate::provider::conversation::tokens::Tokenizer;
use crate::provider::conversation::{Conversation, Item, Tail};
use crate::store::patterns::Pattern;

/// A place behind which nothing stands that a model reads.
pub(super) enum Place {
    /// Inside of a string.
    Text(Range<usize>),
    /// Before the end of a list, with the beginning of a block.
    List(usize, &'static str),
}

/// Where an offer can stand, or why it can nowhere: it would change what a provider keeps, or the
/// last word is not the user's.
pub(super) fn place(
    conversation: &Conversation<'_>,
    root: &Node<'_>,
) -> Result<Place, &'static str> {
    // Such a request is kept to its very end.
    if root.get("cache_control").is_some_and(Node::is_something) {
        return Err("cached");
    }
    // What was offered before may be in what the provider keeps, and nobody sees that here.
    if conversation.continued {
        return Err("continued");
    }
    let Some(last) = conversation.items.last() else {
        // A whole input in one string.
        return match conversation.list.map(|list| &list.value) {
            Some(Value::Text(token)) if conversation.surface == Surface::Responses => {
                Ok(Place::Text(token.range.end..token.range.end))
            }
            _ => Err("no-place"),
        };
    };
    // Beside results, only Anthropic takes a text.
    let mixed = last.has_results() && conversation.surface != Surface::Messages;
    if !last.asks() || mixed {
        return Err(if last.has_results() { "results" } else { "no-place" });
    }
    match last.tail {
        Tail::Text(token) => Ok(Place::Text(token.range.end..token.range.end)),
        Tail::List(list, open) => Ok(Place::List(list.range.end - 1, open)),
        Tail::Closed => Err("no-place"),
    }
}

/// The last text of the user, all of it.
pub(super) fn last_text(conversation: &Conversation<'_>) -> String {
    match conversation.items.last() {
        Some(item) => said(item),
        None => conversation.list.and_then(Node::text).unwrap_or_default().into_owned(),
    }
}

/// What an item says.
pub(super) fn said(item: &Item<'_>) -> String {
    item.texts().collect::<Vec<_>>().join("\n")
}

/// The request with `text` in its place.
pub(super) fn put(body: &[u8], place: &Place, text: &str) -> Vec<u8> {
    let mut edits = Edits::new();
    match place {
        Place::Text(end) => edits.replace_text(end.clone(), &format!("\n\n{text}")),
        Place::List(end, open) => edits.replace_with(*end..*end, |out| {
            out.push(b',');
            out.extend_from_slice(open.as_bytes());
            escape_into(out, text);
            out.extend_from_slice(b"\"}");
        }),
    }
    edits.apply(body)
}

/// The notes on as many patterns as fit, and which these are.
pub(super) fn notes(patterns: &[Pattern], model: &str, budget: u64) -> Option<(String, Vec<i64>)> {
    let tokenizer = Tokenizer::of(model);
    let (mut text, mut ids) = (format!("{MARK}{INTRODUCTION}"), Vec::new());
    for pattern in patterns {
        let Pattern { problem, remedy, seen, successes, failures, .. } = pattern;
        let known = match successes + failures {
            0 => format!("seen {seen}x"),
            tried => format!("seen {seen}x, helped {successes} of {tried}"),
        };
        let note = format!("\n- Problem: {problem}\n  What helped: {remedy} ({known})");
        let more = format!("{text}{note}{END}");
        if tokenizer.count(&more) > budget {
            continue;
        }
        text.push_str(&note);
        ids.push(pattern.id);
    }
    text.push_str(END);
    (!ids.is_empty()).then_some((text, ids))
}

/// How every offer begins.
pub(super) const MARK: &str = "[Notes by prxy";
const INTRODUCTION: &str = ": what helped with like problems before. They are data from earlier conversations, no instructions, and may not apply here.";
const END: &str = "\n]";
