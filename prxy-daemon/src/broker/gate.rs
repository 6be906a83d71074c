//! The second pair of eyes: what may be sent, decided on the exact bytes that would be sent.
//!
//! The gateway's word counts for nothing here but the number of a route. [`Gate::judge`] reads top
//! to bottom: route, method and path, query, body's declared form, headers, credential, body.
//! Whatever it does not name does not leave.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Method, Request, StatusCode, Uri};
use http_body_util::Full;
use thiserror::Error;

use crate::broker::secret;
use crate::broker::{Config, POLICY_CHANGED, Route};
use crate::hop;
use crate::link::RouteId;
use crate::provider::Api;
use crate::redact::mask::{self, Masker};

/// A method and a path that a provider of `api` is known to serve.
pub(crate) struct Endpoint {
    pub(crate) api: Api,
    pub(crate) method: Method,
    pub(crate) path: &'static str,
}

/// All that can be asked of a provider.
pub(crate) const ENDPOINTS: [Endpoint; 2] = [
    Endpoint { api: Api::Anthropic, method: Method::POST, path: "/v1/messages" },
    Endpoint { api: Api::OpenAi, method: Method::POST, path: "/v1/chat/completions" },
];

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

/// Judges requests for every route.
pub(super) struct Gate {
    epoch: u32,
    routes: Vec<Route>,
    masker: Option<Arc<Masker>>,
}

/// A request that may be sent, to this route and no other.
#[must_use]
pub(super) struct Outgoing {
    pub(super) route: usize,
    pub(super) request: Request<Full<Bytes>>,
}

/// Why a request is not sent.
#[derive(Debug, Error)]
pub(super) enum Refusal {
    #[error("no such route")]
    UnknownRoute,
    #[error("the configuration has changed meanwhile")]
    PolicyChanged,
    #[error("the provider does not serve this method and path")]
    ForbiddenPath,
    #[error("the query has an unusual form")]
    BadQuery,
    #[error("header {0} has an unusual form")]
    BadHeader(HeaderName),
    #[error("header {0} holds text that must not leave")]
    UncleanHeader(HeaderName),
    #[error("the query holds text that must not leave")]
    UncleanQuery,
    #[error("the body is not application/json")]
    ContentType,
    #[error("the body is compressed")]
    ContentEncoding,
    #[error(transparent)]
    Body(mask::Refusal),
}

impl Refusal {
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::UnknownRoute => "unknown-route",
            Self::PolicyChanged => POLICY_CHANGED,
            Self::ForbiddenPath => "forbidden-path",
            Self::BadQuery => "bad-query",
            Self::BadHeader(_) => "bad-header",
            Self::UncleanHeader(_) => "unclean-header",
            Self::UncleanQuery => "unclean-query",
            Self::ContentType => "unsupported-content-type",
            Self::ContentEncoding => "unsupported-content-encoding",
            Self::Body(refusal) => refusal.reason(),
        }
    }

    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::ForbiddenPath => StatusCode::NOT_FOUND,
            Self::PolicyChanged => StatusCode::SERVICE_UNAVAILABLE,
            Self::ContentType | Self::ContentEncoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

impl Gate {
    pub(super) fn new(config: &Config) -> Self {
        Self { epoch: config.epoch, routes: config.routes.clone(), masker: config.masker.clone() }
    }

    /// Builds the request that may be sent instead of the one that came, or says why there is none.
    pub(super) fn judge(&self, head: &Parts, body: Bytes) -> Result<Outgoing, Refusal> {
        let (number, route) = self.route(&head.headers)?;
        let path = endpoint(route, &head.method, head.uri.path())?;
        let query = self.query(&head.uri)?;
        check_form(&head.headers)?;
        let mut headers = own_headers(route, &head.headers);
        self.pass_headers(route, &head.headers, &mut headers)?;
        put_credential(route, &head.headers, &mut headers)?;
        self.check_body(&body)?;

        // Provider-side fetching (remote MCP servers, URL sources, hosted tools) is to be judged
        // here, on the same bytes, before anything is built.

        let uri = format!("{}{path}{query}", route.path_prefix);
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = head.method.clone();
        *request.uri_mut() = uri.parse().map_err(|_| Refusal::ForbiddenPath)?;
        *request.headers_mut() = headers;
        Ok(Outgoing { route: number, request })
    }

    fn route(&self, headers: &HeaderMap) -> Result<(usize, &Route), Refusal> {
        let id = single(headers, &hop::ROUTE).map_err(|_| Refusal::UnknownRoute)?;
        let id = id.and_then(|value| value.to_str().ok()?.parse::<RouteId>().ok());
        let id = id.ok_or(Refusal::UnknownRoute)?;
        // Masked by another policy, and the number would mean another provider.
        if id.epoch != self.epoch {
            return Err(Refusal::PolicyChanged);
        }
        let number = usize::from(id.number);
        Ok((number, self.routes.get(number).ok_or(Refusal::UnknownRoute)?))
    }

    /// The query with its question mark; `?beta=true` is what clients send.
    fn query(&self, uri: &Uri) -> Result<String, Refusal> {
        let Some(query) = uri.query().filter(|query| !query.is_empty()) else {
            return Ok(String::new());
        };
        if !is_plain_query(query) {
            return Err(Refusal::BadQuery);
        }
        if !self.is_clean(query) {
            return Err(Refusal::UncleanQuery);
        }
        Ok(format!("?{query}"))
    }

    fn pass_headers(
        &self,
        route: &Route,
        from: &HeaderMap,
        to: &mut HeaderMap,
    ) -> Result<(), Refusal> {
        for passed in PASSED.iter().filter(|passed| passed.api == route.api) {
            let Some(value) = single(from, &passed.name)? else { continue };
            let text = value.to_str().map_err(|_| Refusal::BadHeader(passed.name.clone()))?;
            if text.len() > passed.max_bytes || !text.bytes().all(passed.form) {
                return Err(Refusal::BadHeader(passed.name.clone()));
            }
            if !self.is_clean(text) {
                return Err(Refusal::UncleanHeader(passed.name.clone()));
            }
            to.insert(passed.name.clone(), value.clone());
        }
        Ok(())
    }

    /// Whether `text` passes as the body's strings do; it has been checked to need no JSON escapes.
    fn is_clean(&self, text: &str) -> bool {
        self.masker
            .as_ref()
            .is_none_or(|masker| masker.check(format!("\"{text}\"").as_bytes()).is_ok())
    }

    fn check_body(&self, body: &[u8]) -> Result<(), Refusal> {
        self.masker.as_ref().map_or(Ok(()), |masker| masker.check(body)).map_err(Refusal::Body)
    }
}

fn endpoint(route: &Route, method: &Method, path: &str) -> Result<&'static str, Refusal> {
    ENDPOINTS
        .iter()
        .find(|endpoint| {
            endpoint.api == route.api && endpoint.method == *method && endpoint.path == path
        })
        .map(|endpoint| endpoint.path)
        .ok_or(Refusal::ForbiddenPath)
}

/// The body must be plain JSON by its own declaration, or the scan would not have seen it.
fn check_form(headers: &HeaderMap) -> Result<(), Refusal> {
    let encoding =
        single(headers, &header::CONTENT_ENCODING).map_err(|_| Refusal::ContentEncoding)?;
    if encoding.is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(Refusal::ContentEncoding);
    }
    let form = single(headers, &header::CONTENT_TYPE).map_err(|_| Refusal::ContentType)?;
    if form.is_some_and(is_json) { Ok(()) } else { Err(Refusal::ContentType) }
}

/// Whether a query has the simple form that clients send, such as `beta=true`.
pub(crate) fn is_plain_query(query: &str) -> bool {
    query.len() <= MAX_QUERY_BYTES
        && query.bytes().all(|byte| is_token(byte) || matches!(byte, b'=' | b'&'))
}

/// Whether a `content-type` says JSON, in UTF-8.
pub(crate) fn is_json(value: &HeaderValue) -> bool {
    let Ok(text) = value.to_str() else { return false };
    let (essence, parameters) = text.split_once(';').unwrap_or((text, ""));
    let utf8 = parameters.split(';').map(str::trim).filter(|parameter| !parameter.is_empty()).all(
        |parameter| {
            parameter.eq_ignore_ascii_case("charset=utf-8")
                || parameter.eq_ignore_ascii_case("charset=\"utf-8\"")
        },
    );
    essence.trim().eq_ignore_ascii_case("application/json") && utf8
}

fn own_headers(route: &Route, from: &HeaderMap) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(12);
    headers.insert(header::HOST, route.authority.clone());
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.insert(header::USER_AGENT, USER_AGENT);
    let accept =
        from.get(header::ACCEPT).and_then(|value| ACCEPTED.iter().find(|known| value == **known));
    headers.insert(header::ACCEPT, HeaderValue::from_static(accept.copied().unwrap_or("*/*")));
    headers
}

/// Our own key, or else what the client brought, unscanned: it is a secret by nature.
fn put_credential(route: &Route, from: &HeaderMap, to: &mut HeaderMap) -> Result<(), Refusal> {
    if let Some(key) = &route.key {
        let (name, prefix) = own_credential(route.api);
        let value = key.header(prefix).ok_or_else(|| Refusal::BadHeader(name.clone()))?;
        to.insert(name, value);
        return Ok(());
    }
    for (_, name) in CLIENT_CREDENTIALS.iter().filter(|(api, _)| *api == route.api) {
        let Some(value) = single(from, name)? else { continue };
        let graphic = value.as_bytes().iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ');
        if !graphic || value.len() > secret::MAX_BYTES {
            return Err(Refusal::BadHeader(name.clone()));
        }
        let mut value = value.clone();
        value.set_sensitive(true);
        to.insert(name.clone(), value);
    }
    Ok(())
}

/// The value of a header that may come once at most.
fn single<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'h HeaderValue>, Refusal> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        (_, Some(_)) => Err(Refusal::BadHeader(name.clone())),
    }
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-')
}

fn is_list(byte: u8) -> bool {
    is_token(byte) || matches!(byte, b',' | b' ' | b'=')
}

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const X_GOOG_API_KEY: HeaderName = HeaderName::from_static("x-goog-api-key");
const USER_AGENT: HeaderValue =
    HeaderValue::from_static(concat!("prxy/", env!("CARGO_PKG_VERSION")));
const ACCEPTED: [&str; 3] = ["application/json", "text/event-stream", "*/*"];
const MAX_QUERY_BYTES: usize = 256;
