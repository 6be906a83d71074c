//! The wire shapes: how a request of an endpoint is built, and its answer.

use super::Api;
use crate::json::Path;

/// What a request and its answer look like; positions, answers and fetch rules are keyed by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Surface {
    /// A message, or the count of its tokens: <https://docs.anthropic.com/en/api/messages>.
    Messages,
    /// Many messages: <https://docs.anthropic.com/en/api/creating-message-batches>.
    MessageBatch,
    /// A chat completion: <https://platform.openai.com/docs/api-reference/chat>.
    Chat,
    /// A response and its items: <https://platform.openai.com/docs/api-reference/responses>.
    Responses,
    /// A completion of the older kind: <https://platform.openai.com/docs/api-reference/completions>.
    Completions,
    /// Inputs without a conversation: embeddings and moderations.
    Inputs,
    /// Everything of Google's that has contents: <https://ai.google.dev/api/generate-content>.
    Generate,
    /// Objects that hold none of the user's text, such as models.
    Objects(Api),
}

impl Surface {
    /// Whose error format, headers and tools it has.
    pub fn api(self) -> Api {
        match self {
            Self::Messages | Self::MessageBatch => Api::Anthropic,
            Self::Chat | Self::Responses | Self::Completions | Self::Inputs => Api::OpenAi,
            Self::Generate => Api::Google,
            Self::Objects(api) => api,
        }
    }

    /// How many steps of `path` lead to the request proper, where several stand in one body.
    pub fn envelope(self, path: &Path<'_>) -> usize {
        let envelopes: &[&[&str]] = match self {
            Self::MessageBatch => &[&["requests", "[]", "params"]],
            Self::Generate => &[&["generateContentRequest"], &["requests", "[]"]],
            _ => &[],
        };
        envelopes.iter().find(|steps| path.starts_with(steps)).map_or(0, |steps| steps.len())
    }
}
