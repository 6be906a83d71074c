//! What a request may cost at most, in tokens, before anybody has counted them.

use std::convert::Infallible;

use crate::json::{NumberToken, Path, StringToken, Visitor, walk};
use crate::provider::Surface;
use crate::provider::endpoint::{Endpoint, Takes};
use crate::provider::recorded::Usage;

/// What a request asks for that costs something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Asked {
    /// The models that may answer: several in a batch.
    pub(super) models: Vec<String>,
    /// What may be read and written.
    pub(super) usage: Usage,
    /// Whether it asks to be served faster, for a price of its own.
    pub(super) fast: bool,
}

impl Asked {
    /// Reads a request; `None` where it costs nothing.
    pub(super) fn of(
        endpoint: &Endpoint,
        path: &str,
        body: &[u8],
        assume_output: u64,
    ) -> Option<Self> {
        if endpoint.takes == Takes::Nothing || FREE.iter().any(|end| endpoint.path.ends_with(end)) {
            return None;
        }
        let mut seen = Seen { caps: caps(endpoint.surface), ..Seen::default() };
        // What is no JSON has no model either.
        let _ = walk(body, &mut seen);
        let Seen { mut models, bytes, attached, most, each, choices, caching, fast, .. } = seen;
        models.extend(in_path(path));
        let embeds = endpoint.surface == Surface::Inputs
            || path.ends_with("mbedContents")
            || path.ends_with("mbedContent");
        let output = match (embeds, endpoint.surface) {
            (true, _) => 0,
            (_, Surface::MessageBatch) => each,
            _ => most.unwrap_or(assume_output).saturating_mul(choices.max(1)),
        };
        let input = (bytes / BYTES_PER_TOKEN).saturating_add(attached).saturating_add(OVERHEAD);
        let mut usage = Usage { output, ..Usage::default() };
        match caching {
            Caching::Never => usage.input = input,
            Caching::Minutes => usage.cache_write = input,
            Caching::Hour => (usage.cache_write, usage.cache_write_hour) = (input, input),
        }
        Some(Self { models, usage, fast })
    }
}

/// Where a request says how much may be written; what another API calls it says nothing.
fn caps(surface: Surface) -> &'static [&'static [&'static str]] {
    match surface {
        Surface::Chat => &[&["max_tokens"], &["max_completion_tokens"]],
        Surface::Responses => &[&["max_output_tokens"]],
        Surface::Generate => &[
            &["generationConfig", "maxOutputTokens"],
            &["generationConfig", "max_output_tokens"],
            &["generation_config", "maxOutputTokens"],
            &["generation_config", "max_output_tokens"],
        ],
        _ => &[&["max_tokens"]],
    }
}

/// The model that stands in a path of Google's.
fn in_path(path: &str) -> Option<String> {
    let (_, rest) = path.split_once("/models/")?;
    let (model, _) = rest.rsplit_once(':')?;
    Some(model.replace("%2F", "/").replace("%3A", ":"))
}

#[derive(Default)]
struct Seen {
    caps: &'static [&'static [&'static str]],
    models: Vec<String>,
    bytes: u64,
    /// Tokens of what is no text.
    attached: u64,
    /// The most that may be written, if it says so.
    most: Option<u64>,
    /// The same of all requests in a batch.
    each: u64,
    /// How many answers are asked for.
    choices: u64,
    caching: Caching,
    fast: bool,
}

/// Whether what is read is written into the provider's cache, for a price.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Caching {
    #[default]
    Never,
    Minutes,
    Hour,
}

impl<'a> Visitor<'a> for Seen {
    type Error = Infallible;

    fn string(&mut self, path: &Path<'a>, token: StringToken<'a>) -> Result<(), Infallible> {
        let raw = token.raw();
        if token.is_key {
            if raw == "cache_control" {
                self.caching = self.caching.max(Caching::Minutes);
            }
        } else if path.ends_in("ttl") && raw == "1h" {
            self.caching = Caching::Hour;
        } else if path.matches(&["model"]) || path.matches(&["requests", "[]", "params", "model"]) {
            self.models.push(token.decode().into_owned());
        } else if FAST.iter().any(|pattern| path.matches(pattern)) {
            self.fast |= matches!(raw, "priority" | "fast");
        }
        let bytes = raw.len() as u64;
        if bytes > LONGEST_WORD && !raw.bytes().any(|byte| byte == b' ' || byte >= 0x80) {
            self.attached =
                self.attached.saturating_add(ATTACHMENT + bytes / BYTES_PER_ATTACHED_TOKEN);
        } else {
            self.bytes += bytes;
        }
        Ok(())
    }

    fn number(&mut self, path: &Path<'a>, token: NumberToken<'a>) -> Result<(), Infallible> {
        let raw = token.raw();
        self.bytes += raw.len() as u64;
        let value = raw.parse().unwrap_or(u64::MAX);
        if self.caps.iter().any(|pattern| path.matches(pattern)) {
            self.most = self.most.max(Some(value));
        } else if path.matches(&["requests", "[]", "params", "max_tokens"]) {
            self.each = self.each.saturating_add(value);
        } else if CHOICES.iter().any(|pattern| path.matches(pattern)) {
            self.choices = self.choices.max(value);
        }
        Ok(())
    }
}

/// What only counts or judges.
const FREE: [&str; 4] = ["/count_tokens", ":countTokens", "/input_tokens", "/moderations"];
/// Where a request may ask to be served faster.
const FAST: &[&[&str]] = &[
    &["service_tier"],
    &["speed"],
    &["requests", "[]", "params", "service_tier"],
    &["requests", "[]", "params", "speed"],
];
const CHOICES: &[&[&str]] = &[
    &["n"],
    &["best_of"],
    &["generationConfig", "candidateCount"],
    &["generation_config", "candidate_count"],
    &["generation_config", "candidateCount"],
    &["generationConfig", "candidate_count"],
];
/// Fewer than English prose has, and about what code and other scripts have.
const BYTES_PER_TOKEN: u64 = 3;
/// What the provider puts around a message.
const OVERHEAD: u64 = 16;
/// What has no blanks for so long is a picture or a file.
const LONGEST_WORD: u64 = 2000;
const ATTACHMENT: u64 = 1600;
const BYTES_PER_ATTACHED_TOKEN: u64 = 64;

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;
    use crate::provider::Api;

    #[track_caller]
    fn check(api: Api, path: &str, body: &str, expected: Option<(&[&str], u64, u64)>) {
        let endpoint = Endpoint::find(api, &Method::POST, path).unwrap().endpoint;
        let asked = Asked::of(endpoint, path, body.as_bytes(), 4096);
        let expected = expected.map(|(models, input, output)| Asked {
            models: models.iter().map(|model| (*model).to_owned()).collect(),
            usage: Usage { input, output, ..Usage::default() },
            fast: false,
        });
        assert_eq!(asked, expected, "{path} {body}");
    }

    #[test]
    fn what_is_asked_for_is_read_from_every_api() {
        use Api::{Anthropic, Google, OpenAi};
        let claude: Option<(&[&str], u64, u64)> = Some((&["c"], 16 + 4, 100));
        check(
            Anthropic,
            "/v1/messages",
            r#"{"model":"c","max_tokens":100}"#,
            claude.map(|c| (c.0, 16 + 6, c.2)),
        );
        check(Anthropic, "/v1/messages/count_tokens", r#"{"model":"c"}"#, None);
        check(
            Anthropic,
            "/v1/messages/batches",
            r#"{"requests":[{"params":{"model":"c","max_tokens":100}},{"params":{"model":"d","max_tokens":50}}]}"#,
            Some((&["c", "d"], 16 + 19, 150)),
        );
        check(
            OpenAi,
            "/v1/chat/completions",
            r#"{"model":"g","n":3}"#,
            Some((&["g"], 16 + 2, 3 * 4096)),
        );
        check(
            OpenAi,
            "/v1/chat/completions",
            r#"{"model":"g","max_tokens":5,"max_completion_tokens":9}"#,
            Some((&["g"], 16 + 13, 9)),
        );
        check(
            OpenAi,
            "/v1/responses",
            r#"{"model":"g","max_output_tokens":9}"#,
            Some((&["g"], 16 + 8, 9)),
        );
        check(OpenAi, "/v1/embeddings", r#"{"model":"g","input":"x"}"#, Some((&["g"], 16 + 4, 0)));
        check(OpenAi, "/v1/moderations", r#"{"input":"x"}"#, None);
        check(
            Google,
            "/v1beta/models/gemini-2.5-pro:streamGenerateContent",
            r#"{"generationConfig":{"maxOutputTokens":7,"candidateCount":2}}"#,
            Some((&["gemini-2.5-pro"], 16 + 15, 14)),
        );
        check(Google, "/v1beta/models/gemini-2.5-pro:countTokens", "{}", None);
        check(OpenAi, "/v1/chat/completions", "no json", Some((&[], 16, 4096)));
    }

    #[test]
    fn a_picture_is_no_text_and_marks_cost_more() {
        let endpoint =
            Endpoint::find(Api::Anthropic, &Method::POST, "/v1/messages").unwrap().endpoint;
        let asked = |body: String| Asked::of(endpoint, "/v1/messages", body.as_bytes(), 0).unwrap();
        let picture = asked(format!(r#"{{"data":"{}"}}"#, "iVBO".repeat(16_000)));
        assert_eq!(picture.usage.input, 1600 + 1000 + 1 + 16);
        let text = asked(format!(r#"{{"text":"{}"}}"#, "word ".repeat(6000)));
        assert_eq!(text.usage.input, 10_001 + 16);
        let marked = asked(r#"{"system":[{"cache_control":{"type":"ephemeral"}}]}"#.to_owned());
        assert_eq!((marked.usage.input, marked.usage.cache_write_hour), (0, 0));
        assert!(marked.usage.cache_write > 0);
        let hour = asked(r#"{"system":[{"cache_control":{"ttl":"1h"}}]}"#.to_owned());
        assert_eq!(hour.usage.cache_write_hour, hour.usage.cache_write);
        assert!(asked(r#"{"speed":"fast"}"#.to_owned()).fast);
        assert!(!asked(r#"{"speed":"standard"}"#.to_owned()).fast);
        assert!(!asked(r#"{"input":{"speed":"fast"}}"#.to_owned()).fast);
        let foreign = asked(r#"{"max_tokens":9,"max_output_tokens":1}"#.to_owned());
        assert_eq!(foreign.usage.output, 9);
    }
}
