//! <https://platform.openai.com/docs/api-reference/chat/create>

use super::{Conversation, Item, Part, Role, TEXT_BLOCK, function, tail};
use crate::json::{Node, Value};

pub(super) fn read<'t>(root: &'t Node<'t>, mut into: Conversation<'t>) -> Option<Conversation<'t>> {
    let list = root.get("messages")?;
    into.list = Some(list);
    into.max_output =
        root.any(&["max_completion_tokens", "max_tokens"]).and_then(Node::whole).unwrap_or(0);
    into.system.extend(root.get("functions"));
    into.system.extend(root.get("response_format"));
    if let Some(tools) = root.get("tools") {
        into.tools.extend(tools.elements().iter().map(|node| {
            let inner = node.any(&["function", "custom"]).unwrap_or(node);
            let mut tool = function(node, tools, inner, &["parameters"]);
            tool.optional = node.says("type", "function") && tool.schema.is_some();
            tool
        }));
    }
    if let Some(choice) = root.get("tool_choice") {
        let named = |node: &'t Node<'t>| node.any(&["function", "custom"])?.text_of("name");
        into.chosen.extend(named(choice));
        let allowed = choice.get("allowed_tools").and_then(|allowed| allowed.get("tools"));
        into.chosen
            .extend(allowed.map(Node::elements).unwrap_or_default().iter().filter_map(named));
    }
    for node in list.elements() {
        let role = match node.text_of("role").as_deref() {
            Some("system" | "developer") => Role::Instruction,
            Some("assistant") => Role::Model,
            _ => Role::User,
        };
        let content = node.get("content").filter(|content| content.is_something());
        let result = node.says("role", "tool") || node.says("role", "function");
        let mut parts = Vec::new();
        if result {
            parts.push(Part::Result { id: node.text_of("tool_call_id") });
        }
        parts.extend(node.get("reasoning_content").map(Part::Thinking));
        match content.map(|content| &content.value) {
            Some(Value::Text(_)) => parts.extend(content.map(text(result))),
            _ => {
                for part in content.map(Node::elements).unwrap_or_default() {
                    parts.push(match (part.get("text"), part.says("type", "text")) {
                        (Some(said), true) => text(result)(said),
                        _ if part.get("refusal").is_some() => Part::Other(part),
                        _ => Part::Attachment(part),
                    });
                }
            }
        }
        for call in node.get("tool_calls").map(Node::elements).unwrap_or_default() {
            let inner = call.any(&["function", "custom"]).unwrap_or(call);
            parts.push(Part::Call {
                id: call.text_of("id"),
                name: inner.text_of("name").unwrap_or_default(),
                input: inner.any(&["arguments", "input"]),
            });
        }
        if let Some(call) = node.get("function_call").filter(|call| call.is_something()) {
            let name = call.text_of("name").unwrap_or_default();
            parts.push(Part::Call { id: None, name, input: call.get("arguments") });
        }
        parts.extend(node.get("refusal").filter(|node| node.is_something()).map(Part::Other));
        into.items.push(Item { node, role, parts, tail: tail(content, TEXT_BLOCK) });
    }
    Some(into)
}

fn text<'t>(result: bool) -> impl Fn(&'t Node<'t>) -> Part<'t> {
    move |node| if result { Part::Said(node) } else { Part::Text(node) }
}
