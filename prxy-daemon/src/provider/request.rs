//! Where strings stand in a request, and what may happen to them there.
//!
//! Decided by key names alone, so the order of an object's members does not matter.

use std::borrow::Cow;

use super::Surface;
use crate::json::{Path, Segment};

/// What may happen to a string that holds something sensitive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// Prose: the value may change.
    Text,
    /// A string that holds JSON of its own, whose values and keys may change.
    JsonText,
    /// Below here values, keys and numbers may change.
    FreeForm,
    /// The protocol reads it: never changed.
    Structural,
    /// Signed or encrypted by the provider: must pass byte for byte.
    Exact,
    /// A document or a picture of the client's: text, base64, or a `data:` URL.
    Data,
    /// Not known to us: a value may change, a key not.
    Unknown,
}

/// The position of the value at `path`, or of a key of the object at `path`.
pub fn position(surface: Surface, path: &Path<'_>, is_key: bool) -> Position {
    let proper = path.segments().get(surface.envelope(path)..).unwrap_or_default();
    let steps: Vec<Step<'_>> = proper.iter().map(Step::from).collect();
    let position = match surface {
        Surface::Messages => anthropic(&steps),
        Surface::MessageBatch if proper.len() < path.depth() => anthropic(&steps),
        Surface::MessageBatch => batch(&steps),
        Surface::Chat => openai(&steps),
        Surface::Responses => responses::position(&steps),
        Surface::Completions => completion(&steps),
        Surface::Inputs => inputs(&steps),
        Surface::Generate => google::position(&steps),
        Surface::Objects(_) => Unknown,
    };
    match position {
        FreeForm | Exact | Unknown => position,
        _ if is_key => Structural,
        _ => position,
    }
}

/// Whether the string value at `path` may be [`Position::JsonText`]; cheap enough to ask for every string.
pub fn may_hold_json(surface: Surface, path: &Path<'_>) -> bool {
    matches!(surface, Surface::Chat | Surface::Responses) && path.ends_in("arguments")
}

/// Whether the string value at `path` may be [`Position::Data`]; as cheap.
pub fn may_be_data(path: &Path<'_>) -> bool {
    ["data", "url", "image_url", "file_data"].iter().any(|key| path.ends_in(key))
}

/// Whether the number at `path` is text in the numbers of a model's vocabulary.
pub fn is_text_token(surface: Surface, path: &Path<'_>) -> bool {
    matches!(surface, Surface::Inputs | Surface::Completions)
        && (path.starts_with(&["input"]) || path.starts_with(&["prompt"]))
}

/// One step of a path, with its key decoded.
enum Step<'a> {
    Key(Cow<'a, str>),
    Index,
}

impl<'a> From<&Segment<'a>> for Step<'a> {
    fn from(segment: &Segment<'a>) -> Self {
        match segment {
            Segment::Key(token) => Self::Key(token.decode()),
            Segment::Index(_) => Self::Index,
        }
    }
}

/// The first step's key (empty for an index), and the steps behind it.
fn split<'s, 'a>(steps: &'s [Step<'a>]) -> Option<(&'s str, &'s [Step<'a>])> {
    let (first, rest) = steps.split_first()?;
    match first {
        Step::Key(key) => Some((key, rest)),
        Step::Index => Some(("", rest)),
    }
}

/// The steps behind an index, where one comes first.
fn behind_index<'s, 'a>(steps: &'s [Step<'a>]) -> &'s [Step<'a>] {
    match steps {
        [Step::Index, rest @ ..] => rest,
        _ => steps,
    }
}

/// <https://docs.anthropic.com/en/api/messages>
fn anthropic(steps: &[Step<'_>]) -> Position {
    let Some((key, rest)) = split(steps) else { return Unknown };
    match key {
        "system" => block(rest),
        "messages" => match split(behind_index(rest)) {
            Some(("content", rest)) => block(rest),
            Some(("role" | "type" | "id", _)) => Structural,
            _ => Unknown,
        },
        "tools" => anthropic_tool(behind_index(rest)),
        "metadata" => FreeForm,
        "stop_sequences" => Text,
        "output_config" | "output_format" => below_schema(rest),
        "model" | "tool_choice" | "thinking" | "mcp_servers" | "container"
        | "context_management" | "service_tier" | "thread" | "betas" | "inference_geo" => {
            Structural
        }
        _ => Unknown,
    }
}

/// What stands beside the messages of a batch. A `custom_id` takes letters, digits, `_` and `-` only.
fn batch(steps: &[Step<'_>]) -> Position {
    match split(steps) {
        Some(("requests", rest)) => match split(behind_index(rest)) {
            Some(("custom_id", _)) => Structural,
            _ => Unknown,
        },
        _ => Unknown,
    }
}

/// A content block of Anthropic's API, or the string that stands for one text block.
fn block(steps: &[Step<'_>]) -> Position {
    let Some((key, rest)) = split(behind_index(steps)) else { return Text };
    match key {
        "text" | "title" | "context" | "cited_text" | "document_title" | "stdout" | "stderr" => {
            Text
        }
        "thinking" | "signature" | "data" | "encrypted_content" | "encrypted_index"
        | "encrypted_stdout" => Exact,
        "input" => FreeForm,
        "content" => block(rest),
        "citations" => block(rest),
        "source" => match split(rest) {
            Some(("data", _)) => Data,
            Some(("content", rest)) => block(rest),
            // Where a search result comes from, in the client's own words.
            None => Text,
            _ => Structural,
        },
        "type" | "id" | "name" | "tool_use_id" | "tool_name" | "server_name" | "file_id"
        | "url" | "media_type" | "cache_control" | "caller" | "error_code" | "page_age"
        | "retrieved_at" => Structural,
        _ => Unknown,
    }
}

fn anthropic_tool(steps: &[Step<'_>]) -> Position {
    let Some((key, rest)) = split(steps) else { return Unknown };
    match key {
        "description" => Text,
        "input_schema" => schema(rest),
        "input_examples" => FreeForm,
        "name" | "type" | "id" | "cache_control" | "allowed_domains" | "blocked_domains"
        | "mcp_server_name" | "allowed_callers" => Structural,
        _ => Unknown,
    }
}

/// <https://platform.openai.com/docs/api-reference/chat/create>
fn openai(steps: &[Step<'_>]) -> Position {
    let Some((key, rest)) = split(steps) else { return Unknown };
    match key {
        "messages" => openai_message(behind_index(rest)),
        "tools" => match split(behind_index(rest)) {
            Some(("function" | "custom", rest)) => openai_function(rest),
            Some(("type", _)) => Structural,
            _ => Unknown,
        },
        "functions" => openai_function(behind_index(rest)),
        "response_format" => match split(rest) {
            Some(("json_schema", rest)) => openai_function(rest),
            _ => Structural,
        },
        "prediction" => match split(rest) {
            Some(("content", rest)) => part(rest),
            _ => Structural,
        },
        "metadata" => FreeForm,
        "user" | "safety_identifier" | "prompt_cache_key" | "stop" => Text,
        "model" | "tool_choice" | "function_call" | "service_tier" | "modalities" | "audio"
        | "reasoning_effort" | "verbosity" | "stream_options" => Structural,
        _ => Unknown,
    }
}

fn openai_message(steps: &[Step<'_>]) -> Position {
    let Some((key, rest)) = split(steps) else { return Unknown };
    match key {
        "content" => part(rest),
        "refusal" | "reasoning" | "reasoning_content" => Text,
        "function_call" => called(rest),
        "tool_calls" => match split(behind_index(rest)) {
            Some(("function", rest)) => called(rest),
            Some(("custom", rest)) => match split(rest) {
                Some(("input", _)) => Text,
                _ => Structural,
            },
            _ => Structural,
        },
        "thinking_blocks" | "reasoning_details" => Exact,
        // `name` must match ^[a-zA-Z0-9_-]+$, which no placeholder does.
        "role" | "name" | "tool_call_id" | "id" | "type" | "audio" => Structural,
        _ => Unknown,
    }
}

/// A function that the model called: its name, and its arguments as JSON in a string (or, with some servers, as JSON).
fn called(steps: &[Step<'_>]) -> Position {
    match split(steps) {
        Some(("arguments", [])) => JsonText,
        Some(("arguments", _)) => FreeForm,
        _ => Structural,
    }
}

/// A content part of OpenAI's API, or the string that stands for one text part.
fn part(steps: &[Step<'_>]) -> Position {
    let Some((key, rest)) = split(behind_index(steps)) else { return Text };
    match key {
        "text" | "refusal" => Text,
        "filename" => Text,
        // A string of its own in responses, below `url` in chat completions.
        "image_url" => match split(rest) {
            None | Some(("url", _)) => Data,
            _ => Structural,
        },
        "input_audio" => match split(rest) {
            Some(("data", _)) => Data,
            _ => Structural,
        },
        "file_data" => Data,
        "file" => match split(rest) {
            Some(("filename", _)) => Text,
            Some(("file_data", _)) => Data,
            _ => Structural,
        },
        "thinking" | "signature" | "encrypted_content" => Exact,
        "type" | "id" | "cache_control" | "detail" | "file_id" | "file_url" => Structural,
        _ => Unknown,
    }
}

fn openai_function(steps: &[Step<'_>]) -> Position {
    let Some((key, rest)) = split(steps) else { return Unknown };
    match key {
        "description" => Text,
        "parameters" | "schema" => schema(rest),
        "format" => match split(rest) {
            Some(("grammar", rest)) if matches!(split(rest), Some(("definition", _))) => Text,
            Some(("definition", _)) => Text,
            _ => Structural,
        },
        "name" | "type" | "strict" => Structural,
        _ => Unknown,
    }
}

/// <https://platform.openai.com/docs/api-reference/completions/create>
fn completion(steps: &[Step<'_>]) -> Position {
    match split(steps) {
        Some(("prompt" | "suffix" | "stop" | "user", _)) => Text,
        Some(("model" | "stream_options", _)) => Structural,
        _ => Unknown,
    }
}

/// <https://platform.openai.com/docs/api-reference/embeddings/create>, and that of moderations.
fn inputs(steps: &[Step<'_>]) -> Position {
    match split(steps) {
        Some(("input", rest)) => part(rest),
        Some(("user", _)) => Text,
        Some(("model" | "encoding_format" | "input_type" | "task", _)) => Structural,
        _ => Unknown,
    }
}

/// The schema somewhere below, behind the key `schema`.
fn below_schema(steps: &[Step<'_>]) -> Position {
    match split(steps) {
        Some(("schema", rest)) => schema(rest),
        Some((_, rest)) if !rest.is_empty() => below_schema(rest),
        _ => Structural,
    }
}

/// A JSON schema: keywords are structure, except those that carry prose or sample values.
fn schema(steps: &[Step<'_>]) -> Position {
    let mut rest = steps;
    while let Some((key, behind)) = split(rest) {
        match key {
            "properties" | "patternProperties" | "$defs" | "definitions" | "dependentSchemas" => {
                // The next step is a name that the tool's author chose, whatever it is called.
                rest = behind.get(1..).unwrap_or_default();
            }
            "default" | "examples" | "example" | "const" | "enum" => return FreeForm,
            "description" | "title" | "$comment" => return Text,
            "type" | "format" | "pattern" | "required" | "$ref" | "$id" | "$schema" | "$anchor" => {
                return Structural;
            }
            _ => rest = behind,
        }
    }
    Unknown
}

mod google;
mod responses;

use Position::{Data, Exact, FreeForm, JsonText, Structural, Text, Unknown};

#[cfg(test)]
mod tests;
