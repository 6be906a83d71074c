//! Where strings stand in a request for a response, and in the items that make up its input.

use super::Position::{self, Data, Exact, FreeForm, JsonText, Structural, Text, Unknown};
use super::{Step, behind_index, openai_function, part, schema, split};

/// <https://platform.openai.com/docs/api-reference/responses/create>
pub(super) fn position(steps: &[Step<'_>]) -> Position {
    let Some((key, rest)) = split(steps) else { return Unknown };
    match key {
        "input" | "instructions" => item(rest),
        "tools" => tool(behind_index(rest)),
        "text" => match split(rest) {
            Some(("format", rest)) => openai_function(rest),
            _ => Structural,
        },
        "prompt" => match split(rest) {
            Some(("variables", _)) => FreeForm,
            _ => Structural,
        },
        "metadata" => FreeForm,
        "user" | "safety_identifier" | "prompt_cache_key" => Text,
        "model"
        | "tool_choice"
        | "reasoning"
        | "include"
        | "service_tier"
        | "truncation"
        | "previous_response_id"
        | "conversation"
        | "stream_options"
        | "prompt_cache_retention"
        | "context_management" => Structural,
        _ => Unknown,
    }
}

/// An item, or the string that stands for one message.
fn item(steps: &[Step<'_>]) -> Position {
    let Some((key, rest)) = split(behind_index(steps)) else { return Text };
    match key {
        "content" | "summary" => part(rest),
        "output" => output(rest),
        "arguments" if rest.is_empty() => JsonText,
        // What the model asked for, as the client was given it.
        "arguments" | "action" | "operation" | "results" | "outputs" | "attributes" => FreeForm,
        "input" | "code" | "queries" | "reason" | "error" | "text" => Text,
        "image_url" | "file_data" => Data,
        "encrypted_content" | "result" => Exact,
        "tools" => tool(behind_index(rest)),
        // A name must be one that a tool has, an id one that was given.
        "type"
        | "id"
        | "role"
        | "status"
        | "name"
        | "call_id"
        | "server_label"
        | "namespace"
        | "phase"
        | "approval_request_id"
        | "file_id"
        | "detail" => Structural,
        _ => Unknown,
    }
}

/// What a tool gave: text, parts, or the streams of a shell.
fn output(steps: &[Step<'_>]) -> Position {
    match split(behind_index(steps)) {
        Some(("stdout" | "stderr", _)) => Text,
        Some(("outcome", _)) => Structural,
        _ => part(steps),
    }
}

fn tool(steps: &[Step<'_>]) -> Position {
    let Some((key, rest)) = split(steps) else { return Unknown };
    match key {
        "description" | "server_description" => Text,
        "input_schema" | "output_schema" => schema(rest),
        "user_location" => match split(rest) {
            Some(("city" | "region", _)) => Text,
            _ => Structural,
        },
        "tools" => tool(behind_index(rest)),
        "parameters" | "format" | "name" | "type" | "strict" => openai_function(steps),
        "server_label"
        | "server_url"
        | "connector_id"
        | "authorization"
        | "headers"
        | "allowed_tools"
        | "require_approval"
        | "vector_store_ids"
        | "container"
        | "filters"
        | "environment"
        | "search_context_size" => Structural,
        _ => Unknown,
    }
}
