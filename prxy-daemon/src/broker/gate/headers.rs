//! The headers of the request that is sent: ours, the few that a client may choose, one credential.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use super::{Refusal, is_token};
use crate::broker::{Route, secret};
use crate::client::{bare, sum};
use crate::provider::endpoint::{Endpoint, Takes};
use crate::provider::{Api, fetch};

/// A request header that may come from the client; its value is scanned like the body.
struct Passed {
    api: Api,
    name: HeaderName,
    form: fn(u8) -> bool,
    max_bytes: usize,
}

/// Everything else a client sends stays here: `user-agent` and `x-stainless-*` describe the user's
/// machine, cookies and tracing headers the user, and no provider needs them to answer.
const PASSED: [Passed; 5] = [
    Passed {
        api: Api::Anthropic,
        name: HeaderName::from_static("anthropic-version"),
        form: is_token,
        max_bytes: 32,
    },
    Passed {
        api: Api::Anthropic,
        name: HeaderName::from_static("anthropic-beta"),
        form: is_list,
        max_bytes: 1024,
    },
    Passed {
        api: Api::OpenAi,
        name: HeaderName::from_static("openai-organization"),
        form: is_token,
        max_bytes: 128,
    },
    Passed {
        api: Api::OpenAi,
        name: HeaderName::from_static("openai-project"),
        form: is_token,
        max_bytes: 128,
    },
    Passed {
        api: Api::OpenAi,
        name: HeaderName::from_static("openai-beta"),
        form: is_list,
        max_bytes: 256,
    },
];

/// How a provider wants its key: the header and what stands before the key.
fn own_credential(api: Api) -> (HeaderName, &'static str) {
    match api {
        Api::Anthropic => (X_API_KEY, ""),
        Api::OpenAi => (header::AUTHORIZATION, "Bearer "),
        Api::Google => (X_GOOG_API_KEY, ""),
    }
}

/// Where a client's own credential may stand.
const CLIENT_CREDENTIALS: [(Api, HeaderName); 5] = [
    (Api::Anthropic, X_API_KEY),
    (Api::Anthropic, header::AUTHORIZATION),
    (Api::OpenAi, header::AUTHORIZATION),
    (Api::Google, X_GOOG_API_KEY),
    (Api::Google, header::AUTHORIZATION),
];

/// All headers of the request that is sent on `route` for one that came with `from`.
pub(super) fn chosen(
    route: &Route,
    endpoint: &Endpoint,
    from: &HeaderMap,
    is_clean: &dyn Fn(&str) -> bool,
) -> Result<HeaderMap, Refusal> {
    // Google's compatible paths want what OpenAI's do.
    let api = endpoint.surface.api();
    let mut headers = own(route, endpoint.takes, from);
    pass(route, api, from, is_clean, &mut headers)?;
    put_credential(route, api, from, &mut headers)?;
    Ok(headers)
}

fn own(route: &Route, takes: Takes, from: &HeaderMap) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(12);
    headers.insert(header::HOST, route.authority.clone());
    if takes == Takes::Json {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.insert(header::USER_AGENT, USER_AGENT);
    let accept =
        from.get(header::ACCEPT).and_then(|value| ACCEPTED.iter().find(|known| value == **known));
    headers.insert(header::ACCEPT, HeaderValue::from_static(accept.copied().unwrap_or("*/*")));
    headers
}

fn pass(
    route: &Route,
    api: Api,
    from: &HeaderMap,
    is_clean: &dyn Fn(&str) -> bool,
    to: &mut HeaderMap,
) -> Result<(), Refusal> {
    for passed in PASSED.iter().filter(|passed| passed.api == api) {
        let Some(value) = single(from, &passed.name)? else { continue };
        let bad = || Refusal::BadHeader(passed.name.clone());
        let text = value.to_str().map_err(|_| bad())?;
        if text.len() > passed.max_bytes || !text.bytes().all(passed.form) {
            return Err(bad());
        }
        if !is_clean(text) {
            return Err(Refusal::UncleanHeader(passed.name.clone()));
        }
        if passed.name.as_str() != BETA {
            to.insert(passed.name.clone(), value.clone());
            continue;
        }
        let kept = admitted_betas(text, route.fetch).ok_or_else(bad)?;
        if !kept.is_empty() {
            to.insert(passed.name.clone(), HeaderValue::try_from(kept).map_err(|_| bad())?);
        }
    }
    Ok(())
}

/// The list without what would switch a provider-side feature on that is not allowed. Clients name
/// features that they do not use, so this is no reason to refuse; what is no name of a feature is.
///
/// However a lenient reader takes the list apart, it finds the names that were judged here.
fn admitted_betas(list: &str, allow: fetch::Kinds) -> Option<String> {
    let list = list.to_ascii_lowercase();
    let names = || list.split([',', ' ', '=']).filter(|name| !name.is_empty());
    let is_name = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let admitted = |name: &&str| fetch::beta(name).is_none_or(|kind| allow.has(kind));
    names().all(is_name).then(|| names().filter(admitted).collect::<Vec<_>>().join(","))
}

/// Our own key, or else what the client brought, unscanned: it is a secret by nature.
///
/// A credential in any other header stays here like that header.
fn put_credential(
    route: &Route,
    api: Api,
    from: &HeaderMap,
    to: &mut HeaderMap,
) -> Result<(), Refusal> {
    if let Some(key) = &route.key {
        let (name, prefix) = own_credential(api);
        let value = key.header(prefix).ok_or_else(|| Refusal::BadHeader(name.clone()))?;
        to.insert(name, value);
        return Ok(());
    }
    let mut found = false;
    for (_, name) in CLIENT_CREDENTIALS.iter().filter(|(known, _)| *known == api) {
        let value = single(from, name)?.filter(|value| !value.as_bytes().trim_ascii().is_empty());
        let Some(value) = value else { continue };
        let graphic = value.as_bytes().iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ');
        if !graphic || value.len() > secret::MAX_BYTES {
            return Err(Refusal::BadHeader(name.clone()));
        }
        if !is_listed(route, value.as_bytes()) {
            return Err(Refusal::CredentialNotAllowed);
        }
        let mut value = value.clone();
        value.set_sensitive(true);
        to.insert(name.clone(), value);
        found = true;
    }
    // Where keys are listed, a request without one is nobody's.
    if found || route.client_keys.is_empty() { Ok(()) } else { Err(Refusal::CredentialNotAllowed) }
}

/// Whether a credential may be passed on: the bare key's sum is listed, or none is.
fn is_listed(route: &Route, credential: &[u8]) -> bool {
    if route.client_keys.is_empty() {
        return true;
    }
    bare(credential).is_some_and(|key| route.client_keys.contains(&sum(key)))
}

/// The value of a header that may come once at most.
pub(super) fn single<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'h HeaderValue>, Refusal> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        (_, Some(_)) => Err(Refusal::BadHeader(name.clone())),
    }
}

fn is_list(byte: u8) -> bool {
    is_token(byte) || matches!(byte, b',' | b' ' | b'=')
}

const BETA: &str = "anthropic-beta";
const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const X_GOOG_API_KEY: HeaderName = HeaderName::from_static("x-goog-api-key");
const USER_AGENT: HeaderValue =
    HeaderValue::from_static(concat!("prxy/", env!("CARGO_PKG_VERSION")));
const ACCEPTED: [&str; 3] = ["application/json", "text/event-stream", "*/*"];
