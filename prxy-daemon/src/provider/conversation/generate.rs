//! <https://ai.google.dev/api/generate-content>, in either spelling of its keys.

use super::{Conversation, Item, Part, Role, Tail, Tool};
use crate::json::{Node, Value};

pub(super) fn read<'t>(root: &'t Node<'t>, mut into: Conversation<'t>) -> Option<Conversation<'t>> {
    let list = root.get("contents").filter(|list| matches!(list.value, Value::Array(_)))?;
    into.list = Some(list);
    // The model stands in the path.
    into.model = None;
    let config = root.any(&["generationConfig", "generation_config"]);
    let limit = config.and_then(|node| node.any(&["maxOutputTokens", "max_output_tokens"]));
    into.max_output = limit.and_then(Node::whole).unwrap_or(0);
    into.system.extend(root.any(&["systemInstruction", "system_instruction"]));
    into.system.extend(config);
    into.continued = root.any(&["cachedContent", "cached_content"]).is_some_and(Node::is_something);
    for group in root.get("tools").map(Node::elements).unwrap_or_default() {
        let Some(list) = group.any(&["functionDeclarations", "function_declarations"]) else {
            continue;
        };
        into.tools.extend(list.elements().iter().map(|node| Tool {
            optional: true,
            ..super::function(
                node,
                list,
                node,
                &["parameters", "parametersJsonSchema", "parameters_json_schema"],
            )
        }));
    }
    let choice = root
        .any(&["toolConfig", "tool_config"])
        .and_then(|node| node.any(&["functionCallingConfig", "function_calling_config"]))
        .and_then(|node| node.any(&["allowedFunctionNames", "allowed_function_names"]));
    into.chosen
        .extend(choice.map(Node::elements).unwrap_or_default().iter().filter_map(Node::text));
    for node in list.elements() {
        let role = if node.says("role", "model") { Role::Model } else { Role::User };
        let blocks = node.get("parts");
        let mut parts = Vec::new();
        for part in blocks.map(Node::elements).unwrap_or_default() {
            parts_of(part, &mut parts);
        }
        let tail = match blocks {
            Some(list @ Node { value: Value::Array(_), .. }) => Tail::List(list, r#"{"text":""#),
            _ => Tail::Closed,
        };
        into.items.push(Item { node, role, parts, tail });
    }
    Some(into)
}

fn parts_of<'t>(part: &'t Node<'t>, parts: &mut Vec<Part<'t>>) {
    let before = parts.len();
    if let Some(text) = part.get("text") {
        let thought = part.get("thought").is_some_and(Node::is_true);
        parts.push(if thought { Part::Thinking(text) } else { Part::Text(text) });
    }
    if let Some(call) = part.any(&["functionCall", "function_call"]) {
        let name = call.text_of("name").unwrap_or_default();
        parts.push(Part::Call { id: call.text_of("id"), name, input: call.get("args") });
    }
    if let Some(result) = part.any(&["functionResponse", "function_response"]) {
        parts.push(Part::Result { id: result.text_of("id") });
        if let Some(said) = result.get("response") {
            let strings = said.members().iter().map(|(_, node)| node);
            let plain = |node: &&Node<'_>| matches!(node.value, Value::Text(_));
            match said.members().len() {
                0 => {}
                _ if strings.clone().all(|node| plain(&node)) => {
                    parts.extend(strings.map(Part::Said))
                }
                _ => parts.push(Part::Other(said)),
            }
        }
        for inner in result.get("parts").map(Node::elements).unwrap_or_default() {
            parts_of(inner, parts);
        }
    }
    if part.any(&["inlineData", "inline_data", "fileData", "file_data"]).is_some() {
        parts.push(Part::Attachment(part));
    }
    if parts.len() == before {
        parts.push(Part::Other(part));
    }
    parts.extend(part.any(&["thoughtSignature", "thought_signature"]).map(Part::Opaque));
}
