//! Which provider and which endpoint a path means.

use http::header::{HeaderMap, HeaderValue};
use http::{Method, Uri};

use super::error::{Failure, guess_api};
use crate::config::Provider;
use crate::json::{self, Path, StringToken};
use crate::provider::Api;
use crate::provider::endpoint::{Endpoint, Found, unescaped};

/// What a request asks for.
pub(super) enum Target {
    /// A probe, which the gateway answers by itself.
    Alive,
    /// Whether requests can be sent here, which it tells by itself.
    Ready,
    /// What is active, which it tells by itself.
    Pipeline,
    /// What came of what was offered, which it keeps by itself.
    Outcomes,
    /// A provider's endpoint.
    Provider(Aim),
}

/// An endpoint with what the path and the query say, in the provider's own terms.
pub(super) struct Aim {
    /// The provider's number, where the path names it.
    named: Option<usize>,
    pub(super) endpoint: &'static Endpoint,
    /// Path and query.
    pub(super) uri: Uri,
    /// Google's key, which clients may also put into the query.
    pub(super) key: Option<HeaderValue>,
    /// The model, where the path says it.
    model: Option<String>,
}

/// Reads method, path and query; base URLs with and without `/v1` mean the same.
pub(super) fn route(
    providers: &[Provider],
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<Target, Failure> {
    let path = uri.path();
    if matches!(path, "/" | "/health" | READY) {
        let probe = matches!(*method, Method::GET | Method::HEAD);
        return match probe {
            true if path == READY => Ok(Target::Ready),
            true => Ok(Target::Alive),
            false => Err(Failure::UnknownPath),
        };
    }
    if path == PIPELINE {
        let allow = "GET".to_owned();
        let asked = *method == Method::GET;
        return if asked { Ok(Target::Pipeline) } else { Err(Failure::WrongMethod { allow }) };
    }
    if path == OUTCOMES {
        let allow = "POST".to_owned();
        let told = *method == Method::POST;
        return if told { Ok(Target::Outcomes) } else { Err(Failure::WrongMethod { allow }) };
    }
    let (named, apis, path) = match named(providers, path) {
        Some((number, path)) => (Some(number), vec![providers[number].api], path),
        None => (None, spoken(providers, guess_api(providers, path, headers)), path),
    };
    let canonical: Vec<(Api, String)> =
        apis.iter().flat_map(|api| spellings(*api, path).map(|path| (*api, path))).collect();
    let found = canonical.iter().find_map(|(api, path)| {
        let found = Endpoint::find(*api, method, path)?;
        Some((found, path))
    });
    let Some((Found { endpoint, parameter }, path)) = found else {
        let methods = canonical.iter().flat_map(|(api, path)| Endpoint::at(*api, path));
        let mut methods: Vec<&str> = methods.map(|found| found.endpoint.method.as_str()).collect();
        methods.sort_unstable();
        methods.dedup();
        return Err(match methods.is_empty() {
            true => Failure::UnknownPath,
            false => Failure::WrongMethod { allow: methods.join(", ") },
        });
    };
    let (query, key) = without_key(endpoint, uri.query().unwrap_or_default())?;
    let uri = if query.is_empty() { path.parse() } else { format!("{path}?{query}").parse() };
    Ok(Target::Provider(Aim {
        named,
        endpoint,
        uri: uri.map_err(|_| Failure::UnknownPath)?,
        key,
        model: parameter.filter(|_| endpoint.names_model()).map(|it| unescaped(it).into_owned()),
    }))
}

impl Aim {
    /// The provider's number. On a shared path the first whose `models` name the model that the
    /// request names, else the first that has no such list.
    pub(super) fn provider(&self, providers: &[Provider], body: &[u8]) -> Result<usize, Failure> {
        if let Some(number) = self.named {
            return Ok(number);
        }
        let speaking = || {
            let all = providers.iter().enumerate();
            all.filter(|(_, provider)| provider.api == self.endpoint.api)
        };
        let first = speaking().next().map(|(number, _)| number);
        if speaking().all(|(_, provider)| provider.models.is_empty()) {
            return first.ok_or(Failure::UnknownPath);
        }
        let Some(model) = self.model.clone().or_else(|| model(body)) else {
            let open = speaking().find(|(_, provider)| provider.models.is_empty());
            return open.map(|(number, _)| number).or(first).ok_or(Failure::UnknownPath);
        };
        let has = |provider: &Provider| provider.models.iter().any(|known| known.matches(&model));
        let chosen = speaking()
            .find(|(_, provider)| has(provider))
            .or_else(|| speaking().find(|(_, provider)| provider.models.is_empty()));
        chosen.map(|(number, _)| number).ok_or(Failure::UnknownModel)
    }
}

const READY: &str = "/ready";
const PIPELINE: &str = "/v1/pipeline";
const OUTCOMES: &str = "/v1/outcomes";

/// `/{provider}/…`, where the rest may repeat the prefix that the provider's own base URL has.
fn named<'u>(providers: &[Provider], path: &'u str) -> Option<(usize, &'u str)> {
    let (name, rest) = path.strip_prefix('/')?.split_once('/')?;
    let number = providers.iter().position(|provider| provider.name == name)?;
    let rest = &path[path.len() - rest.len() - 1..];
    let rest = rest
        .strip_prefix(providers[number].path_prefix.as_str())
        .filter(|rest| rest.starts_with('/'))
        .unwrap_or(rest);
    Some((number, rest))
}

/// What the configured providers speak, the likeliest first.
fn spoken(providers: &[Provider], likeliest: Api) -> Vec<Api> {
    let mut apis = vec![Api::Anthropic, Api::OpenAi, Api::Google];
    apis.retain(|api| providers.iter().any(|provider| provider.api == *api));
    apis.sort_by_key(|api| *api != likeliest);
    apis
}

/// SDKs append `/v1/messages` or `/chat/completions` to base URLs that users write with or without
/// `/v1`. Google's say their version always.
fn spellings(api: Api, path: &str) -> impl Iterator<Item = String> {
    let bare = |path| -> &str {
        str::strip_prefix(path, "/v1").filter(|rest| rest.starts_with('/')).unwrap_or(path)
    };
    let versioned = format!("/v1{}", bare(bare(path)));
    let own = if api == Api::Google { path.to_owned() } else { versioned };
    std::iter::once(own)
}

/// The query without a key, and the key: it goes on in a header, where no log has it.
fn without_key(endpoint: &Endpoint, query: &str) -> Result<(String, Option<HeaderValue>), Failure> {
    let (mut kept, mut keys) = (Vec::new(), Vec::new());
    for pair in query.split('&').filter(|_| !query.is_empty()) {
        match pair.strip_prefix("key=").filter(|_| endpoint.surface.api() == Api::Google) {
            Some(key) => keys.push(key),
            None => kept.push(pair),
        }
    }
    let kept = kept.join("&");
    if !endpoint.takes_query(&kept) || keys.len() > 1 {
        return Err(Failure::BadQuery);
    }
    let Some(key) = keys.first() else { return Ok((kept, None)) };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if key.is_empty() || key.len() > 512 || !key.bytes().all(plain) {
        return Err(Failure::BadQuery);
    }
    let mut value = HeaderValue::try_from(*key).map_err(|_| Failure::BadQuery)?;
    value.set_sensitive(true);
    Ok((kept, Some(value)))
}

/// The model that a body names; read no further than that.
fn model(body: &[u8]) -> Option<String> {
    struct Look;
    impl<'a> json::Visitor<'a> for Look {
        type Error = String;

        fn string(&mut self, path: &Path<'a>, token: StringToken<'a>) -> Result<(), String> {
            let found = !token.is_key
                && (path.matches(&["model"])
                    || path.matches(&["requests", "[]", "params", "model"]));
            if found { Err(token.decode().into_owned()) } else { Ok(()) }
        }
    }
    match json::walk(body, &mut Look) {
        Err(json::WalkError::Visitor(model)) => Some(model),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Addresses, Host, ModelPattern, Transport};
    use crate::provider::Api;

    fn provider(name: &str, api: Api, path_prefix: &str) -> Provider {
        Provider {
            name: name.to_owned(),
            api,
            host: Host::Name(format!("{name}.example")),
            addresses: Addresses::Resolved,
            port: 443,
            path_prefix: path_prefix.to_owned(),
            transport: Transport::Tls { ca_file: None, keys: Vec::new() },
            private: false,
            key_name: None,
            fetch: Default::default(),
            client_keys: Vec::new(),
            models: Vec::new(),
        }
    }

    fn providers() -> Vec<Provider> {
        let mut groq = provider("groq", Api::OpenAi, "/openai");
        groq.models = vec![ModelPattern::new("llama*").unwrap()];
        vec![
            provider("anthropic", Api::Anthropic, ""),
            provider("openai", Api::OpenAi, ""),
            groq,
            provider("lab", Api::Anthropic, "/api/v2"),
            provider("google", Api::Google, ""),
        ]
    }

    fn outcome(
        providers: &[Provider],
        (method, uri, body): (Method, &str, &str),
        headers: &HeaderMap,
    ) -> String {
        match route(providers, &method, &uri.parse().unwrap(), headers) {
            Ok(Target::Pipeline) => "pipeline".to_owned(),
            Ok(Target::Outcomes) => "outcomes".to_owned(),
            Ok(Target::Alive) => "local".to_owned(),
            Ok(Target::Ready) => "ready".to_owned(),
            Ok(Target::Provider(aim)) => match aim.provider(providers, body.as_bytes()) {
                Ok(number) => format!("{} {}", providers[number].name, aim.uri),
                Err(failure) => format!("{failure:?}"),
            },
            Err(failure) => format!("{failure:?}"),
        }
    }

    #[track_caller]
    fn check(method: Method, uri: &str, expected: &str) {
        let met = outcome(&providers(), (method, uri, "{}"), &HeaderMap::new());
        assert_eq!(met, expected, "{uri}");
    }

    #[test]
    fn every_base_url_that_users_write_leads_to_the_provider() {
        check(Method::POST, "/v1/messages?beta=true", "anthropic /v1/messages?beta=true");
        for path in ["/v1/messages", "/v1/v1/messages", "/anthropic/v1/messages"] {
            check(Method::POST, path, "anthropic /v1/messages");
        }
        for path in [
            "/v1/chat/completions",
            "/chat/completions",
            "/openai/v1/chat/completions",
            "/openai/chat/completions",
        ] {
            check(Method::POST, path, "openai /v1/chat/completions");
        }
        for path in [
            "/groq/openai/v1/chat/completions",
            "/groq/v1/chat/completions",
            "/groq/chat/completions",
        ] {
            check(Method::POST, path, "groq /v1/chat/completions");
        }
        for path in ["/lab/v1/messages", "/lab/messages", "/lab/api/v2/v1/messages"] {
            check(Method::POST, path, "lab /v1/messages");
        }
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for path in [
            "/v1/files",
            "/v1/messages/",
            "/v1/messages/count_tokens/",
            "/v1/models/a@b.co:generateContent",
            "//v1/messages",
            "/v1/Messages",
            "/v1/%6dessages",
            "/anthropic/v1/chat/completions",
            "/nobody/v1/messages",
            "/v1/v1/v1/messages",
            "/v1messages",
            "/lab/../anthropic/v1/messages",
            "/anthropic",
            "/anthropic/",
            "/v1",
            "*",
        ] {
            check(Method::POST, path, "UnknownPath");
        }
        for method in [Method::GET, Method::PUT, Method::OPTIONS, Method::HEAD] {
            check(method, "/v1/messages", "WrongMethod { allow: \"POST\" }");
        }
        check(Method::PUT, "/v1/responses/r1", "WrongMethod { allow: \"DELETE, GET\" }");
        for path in [
            "/v1/messages?to=a@b.example",
            "/v1/messages?x=%41",
            "/v1/messages?a/b",
            "/v1/messages?key=abc",
            "/v1/messages?beta=true&beta=true",
            "/v1/messages?beta=true&",
            "/v1/messages?Beta=true",
            "/v1/messages?alt=sse",
            "/v1/chat/completions?beta=true",
        ] {
            check(Method::POST, path, "BadQuery");
        }
        check(Method::POST, "/health", "UnknownPath");
    }

    #[test]
    fn probes_are_answered_here() {
        check(Method::HEAD, "/", "local");
        check(Method::GET, "/", "local");
        check(Method::GET, "/health", "local");
        check(Method::POST, "/v1/outcomes", "outcomes");
        check(Method::GET, "/v1/outcomes", "WrongMethod { allow: \"POST\" }");
    }

    #[test]
    fn a_model_leads_to_the_provider_that_has_it() {
        let to = |providers: &[Provider], body: &str| {
            let request = (Method::POST, "/v1/chat/completions", body);
            outcome(providers, request, &HeaderMap::new())
        };
        let mut all = providers();
        for (body, expected) in [
            (r#"{"messages":[],"model":"llama-3.3-70b"}"#, "groq /v1/chat/completions"),
            (r#"{"model":"gpt-4o"}"#, "openai /v1/chat/completions"),
            (r#"{"x":{"model":"llama"},"model":"gpt-4o"}"#, "openai /v1/chat/completions"),
            ("{}", "openai /v1/chat/completions"),
            ("no json", "openai /v1/chat/completions"),
        ] {
            assert_eq!(to(&all, body), expected, "{body}");
        }
        all[1].models = vec![ModelPattern::new("gpt-*").unwrap()];
        assert_eq!(to(&all, r#"{"model":"mistral"}"#), "UnknownModel");
        assert_eq!(to(&all, "{}"), "openai /v1/chat/completions");
    }

    #[test]
    fn a_list_of_models_is_that_of_the_api_whose_headers_came() {
        let ask = |name: Option<&'static str>, uri: &str| {
            let mut headers = HeaderMap::new();
            if let Some(name) = name {
                headers.insert(name, HeaderValue::from_static("x"));
            }
            outcome(&providers(), (Method::GET, uri, ""), &headers)
        };
        assert_eq!(ask(None, "/v1/models"), "openai /v1/models");
        assert_eq!(ask(Some("anthropic-version"), "/v1/models"), "anthropic /v1/models");
        assert_eq!(ask(Some("x-goog-api-key"), "/v1/models"), "google /v1/models");
        assert_eq!(ask(None, "/v1beta/models?pageSize=5"), "google /v1beta/models?pageSize=5");
        assert_eq!(ask(None, "/groq/v1/models"), "groq /v1/models");
        assert_eq!(ask(None, "/v1/models/llama-3.1-8b"), "groq /v1/models/llama-3.1-8b");
    }

    #[test]
    fn a_key_in_the_query_becomes_a_header() {
        let aim = |uri: &str| {
            let path = format!("/v1beta/models/gemini-2.5-flash:streamGenerateContent?{uri}");
            match route(&providers(), &Method::POST, &path.parse().unwrap(), &HeaderMap::new()) {
                Ok(Target::Provider(aim)) => {
                    let key = aim.key.map(|key| key.to_str().unwrap().to_owned());
                    Ok((aim.uri.query().unwrap_or_default().to_owned(), key))
                }
                Ok(Target::Alive | Target::Ready | Target::Pipeline | Target::Outcomes) => {
                    Err("local".to_owned())
                }
                Err(failure) => Err(format!("{failure:?}")),
            }
        };
        let key = || Some("AIza-x_1".to_owned());
        assert_eq!(aim("alt=sse&key=AIza-x_1"), Ok(("alt=sse".to_owned(), key())));
        assert_eq!(aim("key=AIza-x_1"), Ok((String::new(), key())));
        assert_eq!(aim("alt=sse"), Ok(("alt=sse".to_owned(), None)));
        for bad in ["key=", "key=a&key=b", "key=a%20b", "alt=sse&key=AIza&x=1"] {
            assert_eq!(aim(bad), Err("BadQuery".to_owned()), "{bad}");
        }
    }
}
