//! Which provider and which endpoint a path means.

use http::{Method, Uri};

use super::error::Failure;
use crate::broker::gate::{ENDPOINTS, Endpoint, is_listed_query};
use crate::config::Provider;

/// What a request asks for.
pub(super) enum Target<'p> {
    /// Something the gateway answers by itself: a probe.
    Local,
    /// A provider by route number, and the path in the provider's own terms.
    Provider { route: usize, provider: &'p Provider, endpoint: &'static Endpoint },
}

/// Reads method and path; base URLs with and without `/v1` mean the same.
pub(super) fn route<'p>(
    providers: &'p [Provider],
    method: &Method,
    uri: &Uri,
) -> Result<Target<'p>, Failure> {
    let path = uri.path();
    if matches!(path, "/" | "/health") {
        let probe = matches!(*method, Method::GET | Method::HEAD);
        return if probe { Ok(Target::Local) } else { Err(Failure::UnknownPath) };
    }
    let (route, provider, endpoint) =
        named(providers, path).or_else(|| shared(providers, path)).ok_or(Failure::UnknownPath)?;
    if endpoint.method != *method {
        return Err(Failure::WrongMethod);
    }
    if !uri.query().is_none_or(|query| is_listed_query(provider.api, query)) {
        return Err(Failure::BadQuery);
    }
    Ok(Target::Provider { route, provider, endpoint })
}

/// `/{provider}/…`, where the rest may repeat the prefix that the provider's own base URL has.
fn named<'p>(
    providers: &'p [Provider],
    path: &str,
) -> Option<(usize, &'p Provider, &'static Endpoint)> {
    let (name, rest) = path.strip_prefix('/')?.split_once('/')?;
    let (route, provider) =
        providers.iter().enumerate().find(|(_, provider)| provider.name == name)?;
    let rest = &path[path.len() - rest.len() - 1..];
    let rest = rest
        .strip_prefix(provider.path_prefix.as_str())
        .filter(|rest| rest.starts_with('/'))
        .unwrap_or(rest);
    let endpoint = endpoint(rest).filter(|endpoint| endpoint.api == provider.api)?;
    Some((route, provider, endpoint))
}

/// The provider's own path: the first provider that speaks the API gets it.
fn shared<'p>(
    providers: &'p [Provider],
    path: &str,
) -> Option<(usize, &'p Provider, &'static Endpoint)> {
    let endpoint = endpoint(path)?;
    let (route, provider) =
        providers.iter().enumerate().find(|(_, provider)| provider.api == endpoint.api)?;
    Some((route, provider, endpoint))
}

/// SDKs append `/v1/messages` or `/chat/completions` to base URLs that users write with or without `/v1`.
fn endpoint(path: &str) -> Option<&'static Endpoint> {
    let bare = |path| -> &str {
        str::strip_prefix(path, "/v1").filter(|rest| rest.starts_with('/')).unwrap_or(path)
    };
    let wanted = bare(bare(path));
    ENDPOINTS.iter().find(|endpoint| bare(endpoint.path) == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Addresses, Host, Transport};
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
        }
    }

    #[track_caller]
    fn check(method: Method, uri: &str, expected: &str) {
        let providers = [
            provider("anthropic", Api::Anthropic, ""),
            provider("openai", Api::OpenAi, ""),
            provider("groq", Api::OpenAi, "/openai"),
            provider("lab", Api::Anthropic, "/api/v2"),
        ];
        let met = match route(&providers, &method, &uri.parse().unwrap()) {
            Ok(Target::Local) => "local".to_owned(),
            Ok(Target::Provider { route, provider, endpoint }) => {
                assert_eq!(providers[route].name, provider.name);
                format!("{} {}", provider.name, endpoint.path)
            }
            Err(failure) => format!("{failure:?}"),
        };
        assert_eq!(met, expected, "{method} {uri}");
    }

    #[test]
    fn every_base_url_that_users_write_leads_to_the_provider() {
        for path in
            ["/v1/messages", "/v1/messages?beta=true", "/v1/v1/messages", "/anthropic/v1/messages"]
        {
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
            "/v1/messages/count_tokens",
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
            check(method, "/v1/messages", "WrongMethod");
        }
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
    }
}
