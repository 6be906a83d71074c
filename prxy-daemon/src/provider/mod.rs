//! Where text lives in each provider's API: what may be changed, what must not.
//!
//! Not for I/O, hosts or credentials: those are `config` and `broker`.

pub mod answer;
pub mod fetch;
pub mod request;

/// The wire format that a provider speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Api {
    /// `POST /v1/messages`, see <https://docs.anthropic.com/en/api/messages>.
    Anthropic,
    /// `POST /v1/chat/completions`, see <https://platform.openai.com/docs/api-reference/chat>.
    OpenAi,
    /// `POST /v1beta/models/…:generateContent`, see <https://ai.google.dev/api/generate-content>.
    Google,
}
