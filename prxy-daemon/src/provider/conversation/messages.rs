//! <https://docs.anthropic.com/en/api/messages>

use super::{Conversation, Item, Part, Role, TEXT_BLOCK, function, tail};
use crate::json::{Node, Value};

pub(super) fn read<'t>(root: &'t Node<'t>, mut into: Conversation<'t>) -> Option<Conversation<'t>> {
    let list = root.get("messages")?;
    into.list = Some(list);
    into.max_output = root.get("max_tokens").and_then(Node::whole).unwrap_or(0);
    into.system.extend(root.get("system"));
    into.continued = root.get("thread").is_some_and(|thread| !thread.says("type", "create"));
    if let Some(tools) = root.get("tools") {
        into.tools.extend(tools.elements().iter().map(|node| {
            let mut tool = function(node, tools, node, &["input_schema"]);
            let own = node.get("type").is_none() || node.says("type", "custom");
            let deferred = node.get("defer_loading").is_some_and(Node::is_true);
            tool.optional = own && tool.schema.is_some() && !deferred;
            tool
        }));
    }
    into.chosen.extend(root.get("tool_choice").and_then(|choice| choice.text_of("name")));
    for node in list.elements() {
        let role = match node.text_of("role").as_deref() {
            Some("assistant") => Role::Model,
            // Where orders may stand between turns is a rule of its own.
            Some("system") => {
                into.continued = true;
                Role::Instruction
            }
            _ => Role::User,
        };
        let content = node.get("content");
        let mut parts = Vec::new();
        match content.map(|content| &content.value) {
            Some(Value::Text(_)) => parts.extend(content.map(Part::Text)),
            _ => {
                for block in content.map(Node::elements).unwrap_or_default() {
                    into.continued |= block.says("type", "compaction");
                    parts_of(block, &mut parts);
                }
            }
        }
        into.items.push(Item { node, role, parts, tail: tail(content, TEXT_BLOCK) });
    }
    Some(into)
}

fn parts_of<'t>(block: &'t Node<'t>, parts: &mut Vec<Part<'t>>) {
    let kind = block.text_of("type").unwrap_or_default();
    match &*kind {
        "text" => parts.extend(block.get("text").map(Part::Text)),
        "thinking" => parts.extend(block.get("thinking").map(Part::Thinking)),
        "redacted_thinking" => parts.extend(block.get("data").map(Part::Opaque)),
        "image" | "document" | "container_upload" => parts.push(Part::Attachment(block)),
        _ if kind.ends_with("tool_use") => parts.push(Part::Call {
            id: block.text_of("id"),
            name: block.text_of("name").unwrap_or_default(),
            input: block.get("input"),
        }),
        _ if kind.ends_with("tool_result") => {
            parts.push(Part::Result { id: block.text_of("tool_use_id") });
            let Some(content) = block.get("content") else { return };
            match &content.value {
                Value::Text(_) => parts.push(Part::Said(content)),
                Value::Array(blocks) => blocks.iter().for_each(|block| result(block, parts)),
                _ => parts.push(Part::Other(content)),
            }
        }
        _ => parts.push(Part::Other(block)),
    }
}

/// A block inside the result of a tool.
fn result<'t>(block: &'t Node<'t>, parts: &mut Vec<Part<'t>>) {
    match &*block.text_of("type").unwrap_or_default() {
        "text" => parts.extend(block.get("text").map(Part::Said)),
        "image" | "document" => parts.push(Part::Attachment(block)),
        "tool_reference" => parts.extend(block.text_of("tool_name").map(Part::Found)),
        _ => parts.push(Part::Other(block)),
    }
}
