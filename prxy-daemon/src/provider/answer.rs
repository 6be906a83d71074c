//! Where an answer holds text that a user or a tool reads.
//!
//! What is not listed here is never changed: signed thinking, ids, names, models, the tokens of log
//! probabilities.

use super::Surface;
use crate::json::Path;

/// How the text in a string is spelled, once the string itself is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Spelling {
    /// As it is read.
    Plain,
    /// As JSON: the string holds a document, or a part of one.
    Json,
}

/// A string that is complete in itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whole {
    /// How it is spelled.
    pub spelling: Spelling,
    /// For what a tool is given: the depth of the object whose `name` is the tool's.
    pub tool: Option<usize>,
}

/// A string of a stream event that is restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spot {
    /// Complete in itself.
    Whole(Whole),
    /// The next piece of a text that runs over many events.
    Piece(Piece),
    /// The same, of the text that the event's `type` says, see [`delta`].
    Delta,
}

/// Which text of an answer a piece belongs to; indexes are positions in the event's arrays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The kind of text.
    pub field: Field,
    /// The element of `choices` or `candidates`, 0 where there is none.
    pub choice: usize,
    /// The element of `tool_calls` or `parts`, 0 where there is none.
    pub part: usize,
}

/// The texts that providers stream in pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Field {
    /// Anthropic `text_delta`.
    BlockText,
    /// Anthropic `input_json_delta`.
    BlockInput,
    /// OpenAI `delta.content`.
    Content,
    /// OpenAI `delta.refusal`.
    Refusal,
    /// `delta.reasoning_content` of compatible servers: nobody has signed it.
    ReasoningContent,
    /// The same as `delta.reasoning`.
    Reasoning,
    /// OpenAI `delta.audio.transcript`.
    Transcript,
    /// OpenAI `delta.tool_calls[].function.arguments`.
    ToolArguments,
    /// OpenAI `delta.tool_calls[].custom.input`.
    ToolInput,
    /// OpenAI `delta.function_call.arguments`.
    FunctionArguments,
    /// OpenAI `text` of the older completions.
    Text,
    /// A response's `delta` that is prose.
    Delta,
    /// A response's `delta` of a summary of its reasoning, counted by `summary_index`.
    Summary,
    /// A response's `delta` of what a tool is given, as JSON.
    ItemArguments,
    /// A response's `delta` of what a tool is given, as text.
    ItemInput,
    /// Google `parts[].text`.
    PartText,
}

impl Field {
    /// How this text is spelled.
    pub fn spelling(self) -> Spelling {
        match self {
            Self::BlockInput
            | Self::ToolArguments
            | Self::FunctionArguments
            | Self::ItemArguments => Spelling::Json,
            _ => Spelling::Plain,
        }
    }

    /// Whether a tool is given this text.
    pub fn is_for_tool(self) -> bool {
        self.spelling() == Spelling::Json || matches!(self, Self::ToolInput | Self::ItemInput)
    }
}

/// How the string (or, if `is_key`, the key) at `path` of a whole answer is restored, if it is.
pub fn whole(surface: Surface, path: &Path<'_>, is_key: bool) -> Option<Whole> {
    let tables = match surface {
        Surface::Messages => MESSAGE,
        Surface::MessageBatch => BATCH_RESULT,
        Surface::Chat | Surface::Completions => COMPLETION,
        Surface::Responses => RESPONSE,
        Surface::Generate => GENERATED,
        Surface::Inputs | Surface::Objects(_) => ERROR_ALONE,
    };
    find(tables, path, is_key)
}

/// What the string (or, if `is_key`, the key) at `path` of a stream event is, if it is restored.
pub fn event(surface: Surface, path: &Path<'_>, is_key: bool) -> Option<Spot> {
    let (pieces, wholes) = match surface {
        Surface::Messages => (MESSAGE_PIECES, MESSAGE_EVENT),
        Surface::Chat | Surface::Completions => (CHAT_PIECES, COMPLETION),
        Surface::Responses => (&[] as _, RESPONSE_EVENT),
        Surface::Generate => (GENERATED_PIECES, GENERATED),
        Surface::MessageBatch | Surface::Inputs | Surface::Objects(_) => {
            return whole(surface, path, is_key).map(Spot::Whole);
        }
    };
    if !is_key && surface == Surface::Responses && path.matches(&["delta"]) {
        return Some(Spot::Delta);
    }
    if !is_key && let Some(field) = piece(pieces, path) {
        return Some(Spot::Piece(placed(field, path)));
    }
    find(wholes, path, is_key).map(Spot::Whole)
}

/// The text that `delta` of an event of this `type` continues.
pub fn delta(kind: &str) -> Option<Field> {
    DELTAS.iter().find(|(name, _)| *name == kind).map(|(_, field)| *field)
}

/// The tool that the string at `path` names: by its name, or by the kind of a call that has none.
pub fn tool<'v>(path: &Path<'_>, value: &'v str) -> Option<&'v str> {
    if path.ends_in("name") {
        Some(value)
    } else if path.ends_in("type") {
        UNNAMED.iter().find(|(kind, _)| *kind == value).map(|(_, name)| *name)
    } else {
        is_language(path).then_some("code_execution")
    }
}

/// Whether the string at `path` may name a tool.
pub fn may_name_tool(path: &Path<'_>) -> bool {
    path.ends_in("name") || path.ends_in("type") || is_language(path)
}

/// Google's code has a language and no name.
fn is_language(path: &Path<'_>) -> bool {
    let above = path.depth().checked_sub(2).and_then(|at| path.segments().get(at));
    path.ends_in("language") && above.is_some_and(|segment| segment.is_key("executableCode"))
}

/// The call of a tool whose identity stands at `path` of a stream event: what comes with another
/// one under the same index is another call.
pub fn tool_id(surface: Surface, path: &Path<'_>) -> Option<Piece> {
    let id = ["choices", "[]", "delta", "tool_calls", "[]", "id"];
    (surface == Surface::Chat && path.matches(&id)).then(|| placed(Field::ToolArguments, path))
}

/// Which text in pieces goes to the tool that the string at `path` of a stream event names.
pub fn tool_name(surface: Surface, path: &Path<'_>) -> Option<Piece> {
    let names = match surface {
        Surface::Messages => MESSAGE_TOOLS,
        Surface::Chat => CHAT_TOOLS,
        Surface::Responses => RESPONSE_TOOLS,
        _ => return None,
    };
    piece(names, path).map(|field| placed(field, path))
}

fn placed(field: Field, path: &Path<'_>) -> Piece {
    let choice = path.index(1).unwrap_or(0);
    let counted = |key| path.segments().get(3).is_some_and(|segment| segment.is_key(key));
    let part = path.index(4).filter(|_| counted("tool_calls") || counted("parts")).unwrap_or(0);
    Piece { field, choice, part }
}

fn piece(table: Pieces, path: &Path<'_>) -> Option<Field> {
    table.iter().find(|(pattern, _)| path.matches(pattern)).map(|(_, field)| *field)
}

fn find(tables: Tables, path: &Path<'_>, is_key: bool) -> Option<Whole> {
    for (above, rows) in tables.iter().filter(|(above, _)| path.starts_with(above)) {
        // A key stands at the path of its object, so only what covers whole objects can mean it.
        let row = rows.iter().find(|row| {
            path.matches_below(above.len(), row.pattern)
                && (!is_key || row.pattern.last() == Some(&"**"))
        });
        if let Some(row) = row {
            let tool = row.tool.map(|depth| above.len() + depth);
            return Some(Whole { spelling: row.spelling, tool });
        }
    }
    None
}

/// Rows that hold below a place.
type Tables = &'static [(&'static [&'static str], &'static [Row])];
type Pieces = &'static [(&'static [&'static str], Field)];

struct Row {
    pattern: &'static [&'static str],
    spelling: Spelling,
    tool: Option<usize>,
}

const fn text(pattern: &'static [&'static str]) -> Row {
    Row { pattern, spelling: Spelling::Plain, tool: None }
}

/// What a tool is given; its `name` stands in the object `depth` steps below the table's place.
const fn given(spelling: Spelling, depth: usize, pattern: &'static [&'static str]) -> Row {
    Row { pattern, spelling, tool: Some(depth) }
}

use Spelling::{Json, Plain};

const ERROR: &[Row] = &[text(&[]), text(&["message"]), text(&["details", "**"])];
/// What compatible servers and those in between say instead.
const OUTCRY: &[Row] = &[text(&["message"]), text(&["detail", "**"])];
const ERROR_ALONE: Tables = &[(&["error"], ERROR), (&[], OUTCRY)];

/// <https://docs.anthropic.com/en/api/messages>
const BLOCK: &[Row] = &[
    text(&["text"]),
    given(Plain, 0, &["input", "**"]),
    text(&["citations", "[]", "cited_text"]),
    text(&["citations", "[]", "document_title"]),
    text(&["citations", "[]", "title"]),
    text(&["citations", "[]", "source"]),
    // What tools of the provider or of MCP gave.
    text(&["content"]),
    text(&["content", "[]", "text"]),
    text(&["content", "[]", "title"]),
    text(&["content", "stdout"]),
    text(&["content", "stderr"]),
    text(&["content", "title"]),
    text(&["content", "content"]),
    text(&["content", "lines", "[]"]),
    text(&["content", "content", "title"]),
    text(&["content", "content", "source", "data"]),
];
/// What stopped the model; the client's own words.
const STOPPED: &[Row] = &[text(&["stop_sequence"])];
const MESSAGE: Tables =
    &[(&["content", "[]"], BLOCK), (&["error"], ERROR), (&[], STOPPED), (&[], OUTCRY)];

/// <https://docs.anthropic.com/en/api/retrieving-message-batch-results>
const BATCH_RESULT: Tables = &[
    (&["result", "message", "content", "[]"], BLOCK),
    (&["result", "error", "error"], ERROR),
    (&["result", "error"], ERROR),
    (&["error"], ERROR),
    (&["result", "message"], STOPPED),
];

/// <https://docs.anthropic.com/en/docs/build-with-claude/streaming>
const MESSAGE_PIECES: Pieces = &[
    (&["delta", "text"], Field::BlockText),
    (&["delta", "partial_json"], Field::BlockInput),
    (&["content_block", "text"], Field::BlockText),
];
const MESSAGE_TOOLS: Pieces = &[(&["content_block", "name"], Field::BlockInput)];
const MESSAGE_EVENT: Tables = &[
    (
        &["delta", "citation"],
        &[text(&["cited_text"]), text(&["document_title"]), text(&["title"]), text(&["source"])],
    ),
    // The summary that takes the place of what came before.
    (&["delta"], &[text(&["content"])]),
    (&["content_block"], BLOCK),
    (&["message", "content", "[]"], BLOCK),
    (&["message"], STOPPED),
    (&["delta"], STOPPED),
    (&["error"], ERROR),
    (&[], OUTCRY),
];

/// <https://platform.openai.com/docs/api-reference/chat/object>; a `message` may also end a stream.
const CHOICE: &[Row] = &[
    text(&["message", "content"]),
    text(&["message", "content", "[]", "text"]),
    text(&["message", "content", "[]", "refusal"]),
    text(&["message", "refusal"]),
    text(&["message", "reasoning_content"]),
    text(&["message", "reasoning"]),
    text(&["message", "annotations", "[]", "url_citation", "title"]),
    text(&["delta", "annotations", "[]", "url_citation", "title"]),
    // Groq's own tools.
    given(Json, 4, &["message", "executed_tools", "[]", "arguments"]),
    text(&["message", "executed_tools", "[]", "output"]),
    given(Json, 4, &["delta", "executed_tools", "[]", "arguments"]),
    text(&["delta", "executed_tools", "[]", "output"]),
    text(&["message", "audio", "transcript"]),
    given(Json, 4, &["message", "tool_calls", "[]", "function", "arguments"]),
    // Some compatible servers send the arguments as an object.
    given(Plain, 4, &["message", "tool_calls", "[]", "function", "arguments", "**"]),
    given(Plain, 4, &["message", "tool_calls", "[]", "custom", "input"]),
    given(Json, 2, &["message", "function_call", "arguments"]),
    text(&["text"]),
];
const COMPLETION: Tables = &[(&["choices", "[]"], CHOICE), (&["error"], ERROR), (&[], OUTCRY)];

/// <https://platform.openai.com/docs/api-reference/chat-streaming/streaming>
const CHAT_PIECES: Pieces = &[
    (&["choices", "[]", "delta", "content"], Field::Content),
    (&["choices", "[]", "delta", "content", "[]", "text"], Field::Content),
    (&["choices", "[]", "delta", "refusal"], Field::Refusal),
    (&["choices", "[]", "delta", "reasoning_content"], Field::ReasoningContent),
    (&["choices", "[]", "delta", "reasoning"], Field::Reasoning),
    (&["choices", "[]", "delta", "audio", "transcript"], Field::Transcript),
    (
        &["choices", "[]", "delta", "tool_calls", "[]", "function", "arguments"],
        Field::ToolArguments,
    ),
    (&["choices", "[]", "delta", "tool_calls", "[]", "custom", "input"], Field::ToolInput),
    (&["choices", "[]", "delta", "function_call", "arguments"], Field::FunctionArguments),
    (&["choices", "[]", "text"], Field::Text),
];
const CHAT_TOOLS: Pieces = &[
    (&["choices", "[]", "delta", "tool_calls", "[]", "function", "name"], Field::ToolArguments),
    (&["choices", "[]", "delta", "tool_calls", "[]", "custom", "name"], Field::ToolInput),
    (&["choices", "[]", "delta", "function_call", "name"], Field::FunctionArguments),
];

/// <https://platform.openai.com/docs/api-reference/responses/object>
const ITEM: &[Row] = &[
    text(&["content"]),
    text(&["content", "[]", "text"]),
    text(&["content", "[]", "refusal"]),
    text(&["content", "[]", "transcript"]),
    text(&["content", "[]", "annotations", "[]", "title"]),
    text(&["summary", "[]", "text"]),
    given(Json, 0, &["arguments"]),
    given(Plain, 0, &["arguments", "**"]),
    given(Plain, 0, &["input"]),
    given(Plain, 0, &["action", "**"]),
    given(Plain, 0, &["operation", "**"]),
    text(&["output"]),
    text(&["output", "[]", "text"]),
    text(&["output", "[]", "stdout"]),
    text(&["output", "[]", "stderr"]),
    given(Plain, 0, &["code"]),
    text(&["revised_prompt"]),
    text(&["outputs", "[]", "logs"]),
    text(&["queries", "[]"]),
    text(&["results", "[]", "text"]),
    text(&["error"]),
    text(&["error", "message"]),
];
/// What a response says again of its request.
const SAID_AGAIN: &[Row] = &[
    text(&["instructions"]),
    text(&["metadata", "**"]),
    text(&["user"]),
    text(&["safety_identifier"]),
    text(&["prompt_cache_key"]),
    text(&["prompt", "variables", "**"]),
    text(&["tools", "[]", "description"]),
];
const RESPONSE: Tables = &[
    (&["output", "[]"], ITEM),
    // A list of items.
    (&["data", "[]"], ITEM),
    (&["instructions", "[]"], ITEM),
    (&["error"], ERROR),
    (&[], SAID_AGAIN),
    (&[], OUTCRY),
];

/// <https://platform.openai.com/docs/api-reference/responses-streaming>
const RESPONSE_EVENT: Tables = &[
    (&["response", "output", "[]"], ITEM),
    (&["response", "instructions", "[]"], ITEM),
    (&["response", "error"], ERROR),
    (&["response"], SAID_AGAIN),
    (&["item"], ITEM),
    (
        &["part"],
        &[
            text(&["text"]),
            text(&["refusal"]),
            text(&["transcript"]),
            text(&["annotations", "[]", "title"]),
        ],
    ),
    (&["annotation"], &[text(&["title"])]),
    (&["error"], ERROR),
    // Events that end a text say all of it once more.
    (
        &[],
        &[
            text(&["text"]),
            text(&["refusal"]),
            text(&["transcript"]),
            text(&["message"]),
            given(Plain, 0, &["code"]),
            given(Plain, 0, &["diff"]),
            given(Plain, 0, &["command"]),
            given(Json, 0, &["arguments"]),
            given(Plain, 0, &["input"]),
        ],
    ),
];
const RESPONSE_TOOLS: Pieces =
    &[(&["item", "name"], Field::ItemArguments), (&["item", "type"], Field::ItemInput)];
/// Calls that have a type and no name, and what the configuration calls their tools.
const UNNAMED: &[(&str, &str)] = &[
    ("apply_patch_call", "apply_patch"),
    ("code_interpreter_call", "code_interpreter"),
    ("computer_call", "computer"),
    ("file_search_call", "file_search"),
    ("image_generation_call", "image_generation"),
    ("local_shell_call", "local_shell"),
    ("shell_call", "shell"),
    ("web_search_call", "web_search"),
];
const DELTAS: &[(&str, Field)] = &[
    ("response.output_text.delta", Field::Delta),
    ("response.refusal.delta", Field::Delta),
    ("response.reasoning_text.delta", Field::Delta),
    ("response.reasoning_summary_text.delta", Field::Summary),
    ("response.audio.transcript.delta", Field::Delta),
    ("response.output_audio_transcript.delta", Field::Delta),
    ("response.apply_patch_call_operation_diff.delta", Field::ItemInput),
    ("response.shell_call_command.delta", Field::ItemInput),
    ("response.code_interpreter_call_code.delta", Field::ItemInput),
    ("response.function_call_arguments.delta", Field::ItemArguments),
    ("response.mcp_call_arguments.delta", Field::ItemArguments),
    ("response.custom_tool_call_input.delta", Field::ItemInput),
];

/// <https://ai.google.dev/api/generate-content#v1beta.GenerateContentResponse>
const GENERATED: Tables = &[
    (
        &["candidates", "[]", "content", "parts", "[]"],
        &[
            text(&["text"]),
            given(Plain, 1, &["functionCall", "args", "**"]),
            given(Plain, 1, &["executableCode", "code"]),
            text(&["codeExecutionResult", "output"]),
        ],
    ),
    (
        &["candidates", "[]"],
        &[
            text(&["finishMessage"]),
            text(&["groundingMetadata", "webSearchQueries", "[]"]),
            text(&["groundingMetadata", "groundingSupports", "[]", "segment", "text"]),
            text(&["groundingMetadata", "groundingChunks", "[]", "*", "title"]),
            text(&["groundingMetadata", "groundingChunks", "[]", "*", "text"]),
        ],
    ),
    (&["promptFeedback"], &[text(&["blockReasonMessage"])]),
    (&["error"], ERROR),
    (&[], OUTCRY),
];
const GENERATED_PIECES: Pieces =
    &[(&["candidates", "[]", "content", "parts", "[]", "text"], Field::PartText)];
