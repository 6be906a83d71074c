//! Where an answer holds text that a user or a tool reads.
//!
//! What is not listed here is never changed: thinking and its signatures, ids, names, models.

use super::Api;
use crate::json::Path;

/// How the text in a string is spelled, once the string itself is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Spelling {
    /// As it is read.
    Plain,
    /// As JSON: the string holds a document, or a part of one.
    Json,
}

/// A string of a stream event that is restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spot {
    /// Complete in itself.
    Whole(Spelling),
    /// The next piece of a text that runs over many events.
    Piece(Piece),
}

/// Which text of an answer a piece belongs to; indexes are positions in the event's arrays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The kind of text.
    pub field: Field,
    /// The element of `choices`, 0 where there is none.
    pub choice: usize,
    /// The element of `tool_calls`, 0 where there is none.
    pub tool: usize,
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
}

impl Field {
    /// How this text is spelled.
    pub fn spelling(self) -> Spelling {
        match self {
            Self::BlockInput | Self::ToolArguments | Self::FunctionArguments => Spelling::Json,
            Self::BlockText
            | Self::Content
            | Self::Refusal
            | Self::Transcript
            | Self::ToolInput
            | Self::Text => Spelling::Plain,
        }
    }
}

/// How the string (or, if `is_key`, the key) at `path` of a whole answer is restored, if it is.
pub fn whole(api: Api, path: &Path<'_>, is_key: bool) -> Option<Spelling> {
    let table = match api {
        Api::Anthropic => ANTHROPIC_MESSAGE,
        Api::OpenAi => OPEN_AI_COMPLETION,
        Api::Google => return None,
    };
    find(table, path, is_key)
}

/// What the string (or, if `is_key`, the key) at `path` of a stream event is, if it is restored.
pub fn event(api: Api, path: &Path<'_>, is_key: bool) -> Option<Spot> {
    let (pieces, wholes) = match api {
        Api::Anthropic => (ANTHROPIC_PIECES, ANTHROPIC_EVENT),
        Api::OpenAi => (OPEN_AI_PIECES, OPEN_AI_COMPLETION),
        Api::Google => return None,
    };
    if let Some(field) = find(pieces, path, is_key) {
        let choice = path.index(1).unwrap_or(0);
        let tool = path.index(4).filter(|_| path.segments()[3].is_key("tool_calls")).unwrap_or(0);
        return Some(Spot::Piece(Piece { field, choice, tool }));
    }
    find(wholes, path, is_key).map(Spot::Whole)
}

fn find<T: Copy>(table: Table<T>, path: &Path<'_>, is_key: bool) -> Option<T> {
    // A key stands at the path of its object, so only what covers whole objects can mean it.
    let row = table
        .iter()
        .find(|(pattern, _)| path.matches(pattern) && (!is_key || pattern.last() == Some(&"**")));
    row.map(|(_, found)| *found)
}

type Table<T> = &'static [(&'static [&'static str], T)];

/// <https://docs.anthropic.com/en/api/messages>
const ANTHROPIC_MESSAGE: Table<Spelling> = &[
    (&["content", "[]", "text"], Spelling::Plain),
    (&["content", "[]", "input", "**"], Spelling::Plain),
    (&["content", "[]", "citations", "[]", "cited_text"], Spelling::Plain),
    (&["content", "[]", "content", "[]", "text"], Spelling::Plain),
    (&["stop_sequence"], Spelling::Plain),
    (&["error", "message"], Spelling::Plain),
];

/// <https://docs.anthropic.com/en/docs/build-with-claude/streaming>
const ANTHROPIC_PIECES: Table<Field> = &[
    (&["delta", "text"], Field::BlockText),
    (&["delta", "partial_json"], Field::BlockInput),
    (&["content_block", "text"], Field::BlockText),
];

const ANTHROPIC_EVENT: Table<Spelling> = &[
    (&["delta", "citation", "cited_text"], Spelling::Plain),
    (&["content_block", "input", "**"], Spelling::Plain),
    (&["content_block", "citations", "[]", "cited_text"], Spelling::Plain),
    (&["content_block", "content", "[]", "text"], Spelling::Plain),
    (&["message", "content", "[]", "text"], Spelling::Plain),
    (&["message", "content", "[]", "input", "**"], Spelling::Plain),
    (&["message", "stop_sequence"], Spelling::Plain),
    (&["delta", "stop_sequence"], Spelling::Plain),
    (&["error", "message"], Spelling::Plain),
];

/// <https://platform.openai.com/docs/api-reference/chat/object>; a `message` may also end a stream.
const OPEN_AI_COMPLETION: Table<Spelling> = &[
    (&["choices", "[]", "message", "content"], Spelling::Plain),
    (&["choices", "[]", "message", "content", "[]", "text"], Spelling::Plain),
    (&["choices", "[]", "message", "content", "[]", "refusal"], Spelling::Plain),
    (&["choices", "[]", "message", "refusal"], Spelling::Plain),
    (&["choices", "[]", "message", "audio", "transcript"], Spelling::Plain),
    (&["choices", "[]", "message", "tool_calls", "[]", "function", "arguments"], Spelling::Json),
    // Some compatible servers send the arguments as an object.
    (
        &["choices", "[]", "message", "tool_calls", "[]", "function", "arguments", "**"],
        Spelling::Plain,
    ),
    (&["choices", "[]", "message", "tool_calls", "[]", "custom", "input"], Spelling::Plain),
    (&["choices", "[]", "message", "function_call", "arguments"], Spelling::Json),
    (&["choices", "[]", "text"], Spelling::Plain),
    (&["error", "message"], Spelling::Plain),
];

/// <https://platform.openai.com/docs/api-reference/chat-streaming/streaming>
const OPEN_AI_PIECES: Table<Field> = &[
    (&["choices", "[]", "delta", "content"], Field::Content),
    (&["choices", "[]", "delta", "content", "[]", "text"], Field::Content),
    (&["choices", "[]", "delta", "refusal"], Field::Refusal),
    (&["choices", "[]", "delta", "audio", "transcript"], Field::Transcript),
    (
        &["choices", "[]", "delta", "tool_calls", "[]", "function", "arguments"],
        Field::ToolArguments,
    ),
    (&["choices", "[]", "delta", "tool_calls", "[]", "custom", "input"], Field::ToolInput),
    (&["choices", "[]", "delta", "function_call", "arguments"], Field::FunctionArguments),
    (&["choices", "[]", "text"], Field::Text),
];
