//! Where text lives in each provider's API: what may be changed, what must not.
//!
//! Not for I/O, hosts or credentials: those are `config` and `broker`.

pub mod answer;
pub mod conversation;
pub mod endpoint;
pub mod fetch;
pub mod place;
pub mod recorded;
pub mod request;
mod surface;

pub use surface::Surface;

/// The family of wire formats that a provider speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Api {
    /// <https://docs.anthropic.com/en/api/overview>
    Anthropic,
    /// <https://platform.openai.com/docs/api-reference/introduction>, and what is compatible with it.
    OpenAi,
    /// <https://ai.google.dev/api>
    Google,
}
