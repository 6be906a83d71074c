//! Requests that go to a local provider, because they hold what must not leave.
//!
//! Not for deciding that they do: the guardrails say so, and only of what would be sent elsewhere.

use bytes::Bytes;
use http::Uri;
use http::header::HeaderMap;

use crate::client::CREDENTIALS;
use crate::config::{Config, Module, Provider};
use crate::hop;
use crate::json::{self, Edits, Path, StringToken};
use crate::provider::endpoint::Endpoint;
use crate::provider::{Api, Surface};
use crate::redact;

/// The local providers of one configuration.
#[derive(Debug, Default)]
pub(super) struct Local {
    /// By number, one for each API at most.
    providers: Vec<(Api, usize)>,
    model: Option<String>,
}

impl Local {
    pub(super) fn of(config: &Config) -> Self {
        let policy = config.pipeline.iter().find_map(|module| match module {
            Module::Guardrails(policy) => Some(policy),
            _ => None,
        });
        let Some(redact::Local { providers, model }) = policy.map(|policy| &policy.local) else {
            return Self::default();
        };
        let number = |name: &String| {
            let known = |provider: &Provider| provider.name == *name && provider.is_local();
            let at = config.providers.iter().position(known)?;
            Some((config.providers[at].api, at))
        };
        Self { providers: providers.iter().filter_map(number).collect(), model: model.clone() }
    }

    /// The number of the provider that speaks this API.
    pub(super) fn provider(&self, api: Api) -> Option<usize> {
        self.providers.iter().find(|(known, _)| *known == api).map(|(_, number)| *number)
    }

    /// Whether it is one of them.
    pub(super) fn has(&self, number: usize) -> bool {
        self.providers.iter().any(|(_, known)| *known == number)
    }

    /// `body` and `uri` as the local provider understands them: it has other models.
    pub(super) fn renamed(
        &self,
        endpoint: &'static Endpoint,
        body: Bytes,
        uri: Uri,
    ) -> (Bytes, Uri) {
        let Some(model) = &self.model else { return (body, uri) };
        let mut names = Names { surface: endpoint.surface, model, edits: Edits::new() };
        // What is no JSON is refused by whoever masks it.
        let walked = json::walk(&body, &mut names);
        let body = match walked.is_ok() && !names.edits.is_empty() {
            true => names.edits.apply(&body).into(),
            false => body,
        };
        let renamed = endpoint.path_for(model).and_then(|path| match uri.query() {
            Some(query) => format!("{path}?{query}").parse().ok(),
            None => path.parse().ok(),
        });
        (body, renamed.unwrap_or(uri))
    }
}

/// The places of a body where its model is named.
struct Names<'n> {
    surface: Surface,
    model: &'n str,
    edits: Edits,
}

impl<'a> json::Visitor<'a> for Names<'_> {
    type Error = std::convert::Infallible;

    fn string(&mut self, path: &Path<'a>, token: StringToken<'a>) -> Result<(), Self::Error> {
        let depth = self.surface.envelope(path);
        if !token.is_key && path.depth() == depth + 1 && path.ends_in("model") {
            // Google's bodies say it as its paths do.
            let folder = if token.decode().starts_with(FOLDER) { FOLDER } else { "" };
            self.edits.replace_text(token.range, &format!("{folder}{}", self.model));
        }
        Ok(())
    }
}

const FOLDER: &str = "models/";

/// Takes out what belongs to the client's account with the provider that was meant. The broker must
/// still know whose request it is.
pub(super) fn withhold_credentials(headers: &mut HeaderMap) {
    for name in &CREDENTIALS {
        let values: Vec<_> = headers.get_all(name).iter().cloned().collect();
        headers.remove(name);
        for mut value in values {
            value.set_sensitive(true);
            headers.append(hop::CALLER, value);
        }
    }
    for name in ["openai-organization", "openai-project"] {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;

    #[track_caller]
    fn check(api: Api, asked: (&str, &str), expected: (&str, &str)) {
        check_for("small-8b", api, asked, expected);
    }

    #[track_caller]
    fn check_for(model: &str, api: Api, (uri, body): (&str, &str), expected: (&str, &str)) {
        let local = Local { providers: vec![(api, 3)], model: Some(model.to_owned()) };
        let found = Endpoint::find(api, &Method::POST, uri.split('?').next().unwrap()).unwrap();
        let (body, uri) = local.renamed(
            found.endpoint,
            Bytes::copy_from_slice(body.as_bytes()),
            uri.parse().unwrap(),
        );
        assert_eq!((uri.to_string().as_str(), &*body), (expected.0, expected.1.as_bytes()));
    }

    #[test]
    fn the_model_is_named_anew_wherever_an_api_names_it() {
        check(
            Api::Anthropic,
            ("/v1/messages", r#"{"model":"claude","metadata":{"model":"x"}}"#),
            ("/v1/messages", r#"{"model":"small-8b","metadata":{"model":"x"}}"#),
        );
        check(
            Api::Anthropic,
            (
                "/v1/messages/batches",
                r#"{"requests":[{"params":{"model":"a"}},{"params":{"model":"b"}}]}"#,
            ),
            (
                "/v1/messages/batches",
                r#"{"requests":[{"params":{"model":"small-8b"}},{"params":{"model":"small-8b"}}]}"#,
            ),
        );
        check(
            Api::OpenAi,
            ("/v1/chat/completions", r#"{"messages":[]}"#),
            ("/v1/chat/completions", r#"{"messages":[]}"#),
        );
        check(
            Api::Google,
            ("/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse", "{}"),
            ("/v1beta/models/small-8b:streamGenerateContent?alt=sse", "{}"),
        );
    }

    #[test]
    fn a_name_with_a_tag_or_an_owner_is_one_step_of_a_path() {
        for (model, escaped) in
            [("qwen2.5:7b", "qwen2.5%3A7b"), ("org/model:tag", "org%2Fmodel%3Atag")]
        {
            check_for(
                model,
                Api::OpenAi,
                ("/v1/chat/completions", r#"{"model":"gpt-4o","messages":[]}"#),
                ("/v1/chat/completions", &format!(r#"{{"model":"{model}","messages":[]}}"#)),
            );
            // Nothing but the model's own step, whatever it was called.
            for old in ["gemini-2.5-pro", "v1beta", "models", "e", "generateContent", "org%2Fa"] {
                check_for(
                    model,
                    Api::Google,
                    (&format!("/v1beta/models/{old}:generateContent?alt=json"), "{}"),
                    (&format!("/v1beta/models/{escaped}:generateContent?alt=json"), "{}"),
                );
            }
            check_for(
                model,
                Api::Google,
                (
                    "/v1beta/models/gemini:batchEmbedContents",
                    r#"{"requests":[{"model":"models/gemini"},{"model":"gemini"}]}"#,
                ),
                (
                    &format!("/v1beta/models/{escaped}:batchEmbedContents"),
                    &format!(
                        r#"{{"requests":[{{"model":"models/{model}"}},{{"model":"{model}"}}]}}"#
                    ),
                ),
            );
        }
    }

    #[test]
    fn without_a_name_everything_stays() {
        let found = Endpoint::find(Api::OpenAi, &Method::POST, "/v1/chat/completions").unwrap();
        let body = Bytes::from_static(br#"{"model":"a"}"#);
        let uri = Uri::from_static("/v1/chat/completions");
        let renamed = Local::default().renamed(found.endpoint, body.clone(), uri.clone());
        assert_eq!(renamed, (body, uri));
        assert_eq!(Local::default().provider(Api::OpenAi), None);
    }
}
