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

#[cfg(test)]
mod tests {
    use http::{Method, Uri};
    use serde_json::{Value, json};

    use super::*;
    use crate::pipeline::canonical::Canonical;
    use crate::provider::Api;
    use crate::provider::endpoint::Endpoint;

    const NARROW: Wide = Wide { multi_turn: false, max_temperature: 0.3 };
    const WIDE: Wide = Wide { multi_turn: true, max_temperature: 2.0 };

    #[track_caller]
    fn check(api: Api, path: &str, body: &Value, narrow: Option<&str>, wide: Option<&str>) {
        let endpoint = Endpoint::find(api, &Method::POST, path).unwrap().endpoint;
        let body = body.to_string();
        for (with, expected) in [(NARROW, narrow), (WIDE, wide)] {
            let uri: Uri = path.parse().unwrap();
            let mut asked = Canonical::read(endpoint, &uri, body.as_bytes());
            let found =
                asked.as_mut().and_then(|asked| find(endpoint.surface, &mut asked.root, with));
            assert_eq!(found.as_deref().map(|text| &**text), expected, "{path} {body}");
        }
    }

    #[test]
    fn the_question_of_every_surface_is_found() {
        let q = Some("q?");
        let chat = |body: Value, narrow, wide| {
            check(Api::OpenAi, "/v1/chat/completions", &body, narrow, wide);
        };
        let system = json!({ "role": "system", "content": "s" });
        let user = json!({ "role": "user", "content": "q?" });
        let said = json!({ "role": "assistant", "content": "a" });
        chat(json!({ "messages": [user] }), q, q);
        chat(json!({ "messages": [system, user] }), q, q);
        chat(json!({ "messages": [user, said, user] }), None, q);
        chat(json!({ "messages": [user, user] }), None, q);
        chat(json!({ "messages": [user, said] }), None, None);
        chat(json!({ "messages": [user], "temperature": 1 }), None, q);
        chat(json!({ "messages": [user], "temperature": 0 }), q, q);
        chat(json!({ "messages": [user], "temperature": null }), q, q);
        chat(json!({ "messages": [user], "temperature": "0" }), None, None);
        chat(json!({ "messages": [user], "tools": [] }), q, q);
        chat(json!({ "messages": [user], "tools": [{ "type": "function" }] }), None, None);
        chat(json!({ "messages": [user], "web_search_options": { "a": 1 } }), None, None);
        chat(json!({ "messages": [user], "store": true }), None, None);
        let parts = |parts: Value| json!({ "messages": [{ "role": "user", "content": parts }] });
        let text = json!({ "type": "text", "text": "q?" });
        let image = json!({ "type": "image_url", "image_url": { "url": "https://x.test" } });
        chat(parts(json!([text])), q, q);
        chat(parts(json!([text, text])), None, None);
        chat(parts(json!([text, image])), None, None);
        chat(parts(json!([image])), None, None);
        chat(json!({ "messages": [parts(json!([image]))["messages"][0], said, user] }), None, None);
        let call = json!({ "role": "assistant", "content": "x", "tool_calls": [{ "id": "1" }] });
        chat(json!({ "messages": [user, call, user] }), None, None);
        let tool = json!({ "role": "tool", "tool_call_id": "1", "content": "x" });
        chat(json!({ "messages": [user, tool, user] }), None, None);

        let responses = |body: Value, narrow, wide| {
            check(Api::OpenAi, "/v1/responses", &body, narrow, wide);
        };
        responses(json!({ "store": false, "input": "q?" }), q, q);
        responses(json!({ "input": "q?" }), None, None);
        let item = json!({ "type": "message", "role": "user", "content": [{ "type": "input_text", "text": "q?" }] });
        responses(json!({ "store": false, "input": [item] }), q, q);
        let output = json!({ "type": "function_call_output", "call_id": "1", "output": "x" });
        responses(json!({ "store": false, "input": [output, item] }), None, None);

        let google = |body: Value, narrow, wide| {
            let path = "/v1beta/models/gemini-x:generateContent";
            check(Api::Google, path, &body, narrow, wide);
        };
        let turn = json!({ "role": "user", "parts": [{ "text": "q?" }] });
        google(json!({ "contents": [turn] }), q, q);
        google(json!({ "contents": [{ "parts": [{ "text": "q?" }] }] }), q, q);
        google(
            json!({ "contents": [turn, { "role": "model", "parts": [{ "text": "a" }] }, turn] }),
            None,
            q,
        );
        google(json!({ "contents": [turn], "generationConfig": { "temperature": 0.9 } }), None, q);
        let inline = json!({ "inlineData": { "mimeType": "image/png", "data": "aGk=" } });
        google(
            json!({ "contents": [{ "role": "user", "parts": [{ "text": "q?" }, inline] }] }),
            None,
            None,
        );

        check(Api::OpenAi, "/v1/completions", &json!({ "prompt": "q?" }), None, None);
        check(Api::Anthropic, "/v1/messages", &json!({ "messages": [user] }), q, q);
        let thinks = json!({ "role": "assistant", "content": [{ "type": "thinking", "thinking": "t", "signature": "s" }] });
        check(
            Api::Anthropic,
            "/v1/messages",
            &json!({ "messages": [user, thinks, user] }),
            None,
            None,
        );
    }
}
