//! Where strings stand in Google's requests; both spellings of a key mean the same there.

use super::Position::{self, Data, Exact, FreeForm, Structural, Text, Unknown};
use super::{Step, behind_index, schema, split};

/// <https://ai.google.dev/api/generate-content>
pub(super) fn position(steps: &[Step<'_>]) -> Position {
    let Some((key, rest)) = split(steps) else { return Unknown };
    match key {
        "contents" => content(behind_index(rest)),
        // One content, or (as lenient readers take it) text.
        "content" | "systemInstruction" | "system_instruction" => match rest {
            [] => Text,
            _ => content(rest),
        },
        "tools" => tool(behind_index(rest)),
        "generationConfig" | "generation_config" => config(rest),
        "title" => Text,
        "labels" => FreeForm,
        "model" | "toolConfig" | "tool_config" | "safetySettings" | "safety_settings"
        | "cachedContent" | "cached_content" | "taskType" | "task_type" | "serviceTier"
        | "service_tier" => Structural,
        _ => Unknown,
    }
}

fn content(steps: &[Step<'_>]) -> Position {
    match split(steps) {
        Some(("parts", rest)) => part(behind_index(rest)),
        Some(("role", _)) => Structural,
        _ => Unknown,
    }
}

fn part(steps: &[Step<'_>]) -> Position {
    let Some((key, rest)) = split(steps) else { return Text };
    match key {
        "text" => Text,
        "inlineData" | "inline_data" => match split(rest) {
            Some(("data", _)) => Data,
            Some(("displayName" | "display_name", _)) => Text,
            _ => Structural,
        },
        "functionCall" | "function_call" | "toolCall" | "tool_call" => match split(rest) {
            Some(("args", _)) => FreeForm,
            _ => Structural,
        },
        "functionResponse" | "function_response" | "toolResponse" | "tool_response" => {
            match split(rest) {
                Some(("response", _)) => FreeForm,
                Some(("parts", rest)) => part(behind_index(rest)),
                _ => Structural,
            }
        }
        "executableCode" | "executable_code" => match split(rest) {
            Some(("code", _)) => Text,
            _ => Structural,
        },
        "codeExecutionResult" | "code_execution_result" => match split(rest) {
            Some(("output", _)) => Text,
            _ => Structural,
        },
        "thoughtSignature" | "thought_signature" => Exact,
        "fileData" | "file_data" | "videoMetadata" | "video_metadata" | "mediaResolution"
        | "media_resolution" => Structural,
        _ => Unknown,
    }
}

fn tool(steps: &[Step<'_>]) -> Position {
    match split(steps) {
        Some(("functionDeclarations" | "function_declarations", rest)) => {
            match split(behind_index(rest)) {
                Some(("description", _)) => Text,
                Some((
                    "parameters"
                    | "parametersJsonSchema"
                    | "parameters_json_schema"
                    | "response"
                    | "responseJsonSchema"
                    | "response_json_schema",
                    rest,
                )) => schema(rest),
                Some(("name" | "behavior", _)) => Structural,
                _ => Unknown,
            }
        }
        _ => Structural,
    }
}

fn config(steps: &[Step<'_>]) -> Position {
    match split(steps) {
        Some(("stopSequences" | "stop_sequences", _)) => Text,
        Some((
            "responseSchema"
            | "response_schema"
            | "responseJsonSchema"
            | "response_json_schema"
            | "_responseJsonSchema",
            rest,
        )) => schema(rest),
        _ => Structural,
    }
}
