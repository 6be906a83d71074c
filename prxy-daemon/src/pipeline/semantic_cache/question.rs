//! Which requests ask one question in words, and where it stands.

use std::borrow::Cow;

use crate::pipeline::canonical::Node;
use crate::provider::Surface;

/// What a request may have besides one question.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wide {
    pub(super) multi_turn: bool,
    pub(super) max_temperature: f32,
}

/// The question of a request; `None` if it has tools, attachments, or anything else whose answer
/// hangs on more than the question's meaning.
pub(super) fn find<'n, 'a>(
    surface: Surface,
    root: &'n mut Node<'a>,
    wide: Wide,
) -> Option<&'n mut Cow<'a, str>> {
    let (turns, parts) = match surface {
        Surface::Messages | Surface::Chat => ("messages", "content"),
        Surface::Responses => ("input", "content"),
        Surface::Generate => ("contents", "parts"),
        _ => return None,
    };
    if TOOLS.iter().any(|key| member(root, key).is_some_and(says)) || !is_calm(root, wide) {
        return None;
    }
    let turns = member_mut(root, turns)?;
    if let Node::Text(text) = turns {
        return Some(text);
    }
    let Node::Array(turns) = turns else { return None };
    let spoken = |turn: &&Node<'_>| !matches!(role(turn), Some("system" | "developer"));
    let single = turns.iter().filter(spoken).count() == 1;
    if !(single || wide.multi_turn) || !turns.iter().all(|turn| is_plain(turn, parts)) {
        return None;
    }
    let last = turns.last_mut()?;
    // Google's may have no role where there is one turn only.
    match (role(last), surface) {
        (Some("user"), _) | (None, Surface::Generate) => {}
        _ => return None,
    }
    match member_mut(last, parts)? {
        Node::Text(text) => Some(text),
        Node::Array(parts) => match parts.as_mut_slice() {
            [part] => match member_mut(part, "text")? {
                Node::Text(text) => Some(text),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

/// Whether every part of a turn is text.
fn is_plain(turn: &Node<'_>, parts: &str) -> bool {
    let Node::Object(members) = turn else { return false };
    // Calls of tools, refusals, sound.
    let known = ["role", "name", "type", "status", "id", parts];
    if !members.iter().all(|(key, value)| known.contains(&&**key) || !says(value)) {
        return false;
    }
    if !matches!(member(turn, "type"), None | Some(Node::Text(Cow::Borrowed("message")))) {
        return false;
    }
    match member(turn, parts) {
        Some(Node::Text(_)) => true,
        Some(Node::Array(parts)) => parts.iter().all(|part| {
            let kind = match member(part, "type") {
                None => true,
                Some(Node::Text(kind)) => TEXTS.contains(&&**kind),
                Some(_) => false,
            };
            let Node::Object(members) = part else { return false };
            let known = ["type", "text", "cache_control", "annotations", "logprobs"];
            kind && members.iter().all(|(key, value)| known.contains(&&**key) || !says(value))
                && matches!(member(part, "text"), Some(Node::Text(_)))
        }),
        _ => false,
    }
}

/// Whether the request wants no variety. One that says nothing of it does not ask for it.
fn is_calm(root: &Node<'_>, wide: Wide) -> bool {
    let own = [Some(root), member(root, "generationConfig"), member(root, "generation_config")];
    own.into_iter().flatten().filter_map(|node| member(node, "temperature")).all(
        |value| match value {
            Node::Bare("null") => true,
            Node::Bare(number) => number.parse().is_ok_and(|n: f32| n <= wide.max_temperature),
            _ => false,
        },
    )
}

fn role<'n>(turn: &'n Node<'_>) -> Option<&'n str> {
    match member(turn, "role")? {
        Node::Text(role) => Some(role),
        _ => None,
    }
}

/// Whether a value is more than nothing.
fn says(value: &Node<'_>) -> bool {
    match value {
        Node::Bare(bare) => *bare != "null",
        Node::Array(items) => !items.is_empty(),
        Node::Object(members) => !members.is_empty(),
        Node::Text(_) => true,
    }
}

fn member<'n, 'a>(node: &'n Node<'a>, key: &str) -> Option<&'n Node<'a>> {
    let Node::Object(members) = node else { return None };
    members.iter().find(|(known, _)| known == key).map(|(_, value)| value)
}

fn member_mut<'n, 'a>(node: &'n mut Node<'a>, key: &str) -> Option<&'n mut Node<'a>> {
    let Node::Object(members) = node else { return None };
    members.iter_mut().find(|(known, _)| known == key).map(|(_, value)| value)
}

const TEXTS: [&str; 3] = ["text", "input_text", "output_text"];
/// With one of these the answer does something, or hangs on what somebody finds.
const TOOLS: [&str; 12] = [
    "tools",
    "functions",
    "tool_choice",
    "function_call",
    "tool_config",
    "toolConfig",
    "web_search_options",
    "search_parameters",
    "plugins",
    "audio",
    "modalities",
    "prediction",
];
