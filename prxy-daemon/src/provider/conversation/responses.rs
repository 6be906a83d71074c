//! <https://platform.openai.com/docs/api-reference/responses/create>

use super::{Conversation, Item, Part, Role, Tail, function, tail};
use crate::json::{Node, Value};

pub(super) fn read<'t>(root: &'t Node<'t>, mut into: Conversation<'t>) -> Option<Conversation<'t>> {
    let list = root.get("input")?;
    into.list = Some(list);
    into.max_output = root.get("max_output_tokens").and_then(Node::whole).unwrap_or(0);
    into.system.extend(root.get("instructions"));
    into.system.extend(root.get("text"));
    into.continued = ["previous_response_id", "conversation"]
        .iter()
        .any(|key| root.get(key).is_some_and(Node::is_something));
    if let Some(tools) = root.get("tools") {
        into.tools.extend(tools.elements().iter().map(|node| {
            let mut tool = function(node, tools, node, &["parameters"]);
            let deferred = node.get("defer_loading").is_some_and(Node::is_true);
            tool.optional = node.says("type", "function") && tool.schema.is_some() && !deferred;
            tool
        }));
    }
    if let Some(choice) = root.get("tool_choice") {
        into.chosen.extend(choice.text_of("name"));
        let allowed = choice.get("tools").map(Node::elements).unwrap_or_default();
        into.chosen.extend(allowed.iter().filter_map(|tool| tool.text_of("name")));
    }
    if let Value::Text(_) = list.value {
        into.system.push(list);
    }
    for node in list.elements() {
        into.continued |= node.says("type", "item_reference");
        into.items.push(item(node));
    }
    Some(into)
}

fn item<'t>(node: &'t Node<'t>) -> Item<'t> {
    let kind = node.text_of("type").unwrap_or("message".into());
    let id = node.text_of("call_id");
    let mut parts = Vec::new();
    let mut end = Tail::Closed;
    let role = match (&*kind, &id) {
        ("message", _) => {
            let content = node.get("content");
            match content.map(|content| &content.value) {
                Some(Value::Text(_)) => parts.extend(content.map(Part::Text)),
                _ => content.map(Node::elements).unwrap_or_default().iter().for_each(|part| {
                    parts.push(said(part, Part::Text));
                }),
            }
            end = tail(content, r#"{"type":"input_text","text":""#);
            match node.text_of("role").as_deref() {
                Some("user") => Role::User,
                Some("assistant") => Role::Model,
                _ => Role::Instruction,
            }
        }
        ("reasoning", _) => {
            let lists = ["summary", "content"].iter().filter_map(|key| node.get(key));
            parts.extend(
                lists
                    .flat_map(Node::elements)
                    .filter_map(|part| part.get("text"))
                    .map(Part::Thinking),
            );
            parts.extend(node.get("encrypted_content").map(Part::Opaque));
            if parts.is_empty() {
                parts.push(Part::Opaque(node));
            }
            Role::Model
        }
        // What it found stays callable.
        ("tool_search_call" | "tool_search_output", _) => {
            parts.push(Part::Other(node));
            Role::Instruction
        }
        ("mcp_approval_request", _) => {
            parts.push(call(node, node.text_of("id")));
            Role::Model
        }
        ("mcp_approval_response", _) => {
            parts.push(Part::Result { id: node.text_of("approval_request_id") });
            parts.push(Part::Other(node));
            Role::User
        }
        (kind, Some(_)) if kind.ends_with("_call") => {
            parts.push(call(node, id));
            Role::Model
        }
        (kind, Some(_)) if kind.ends_with("_output") => {
            parts.push(Part::Result { id });
            let output = node.get("output");
            match output.map(|output| &output.value) {
                Some(Value::Text(_)) => parts.extend(output.map(Part::Said)),
                Some(Value::Array(list)) => list.iter().for_each(|part| {
                    parts.push(said(part, Part::Said));
                }),
                _ => parts.extend(output.map(attachment)),
            }
            Role::User
        }
        // What the provider ran by itself, call and result in one.
        (kind, None) if kind.ends_with("_call") => {
            parts.push(attachment(node));
            Role::Model
        }
        _ => {
            parts.push(Part::Other(node));
            Role::Instruction
        }
    };
    Item { node, role, parts, tail: end }
}

fn call<'t>(node: &'t Node<'t>, id: Option<std::borrow::Cow<'t, str>>) -> Part<'t> {
    let name = node.any(&["name", "type"]).and_then(Node::text).unwrap_or_default();
    let input = node.any(&["arguments", "input", "action", "operation"]);
    Part::Call { id, name, input }
}

fn said<'t>(part: &'t Node<'t>, text: fn(&'t Node<'t>) -> Part<'t>) -> Part<'t> {
    let kind = part.text_of("type").unwrap_or_default();
    match (&*kind, part.get("text")) {
        (_, Some(node)) => text(node),
        ("input_image" | "input_file" | "input_audio", _) => attachment(part),
        _ => Part::Other(part),
    }
}

/// An attachment, or something that may hold one.
fn attachment<'t>(node: &'t Node<'t>) -> Part<'t> {
    let kind = node.text_of("type").unwrap_or_default();
    match &*kind {
        "input_image"
        | "input_file"
        | "input_audio"
        | "computer_screenshot"
        | "image_generation_call" => Part::Attachment(node),
        _ => Part::Other(node),
    }
}
