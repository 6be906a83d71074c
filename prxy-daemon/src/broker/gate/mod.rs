//! The second pair of eyes: what may be sent, decided on the exact bytes that would be sent.
//!
//! The gateway's word counts for nothing here but the number of a route. [`Gate::judge`] reads top
//! to bottom: route, method and path, client, query, body's declared form, headers, credential, body.
//! Whatever it does not name does not leave; what is sent is built anew, so that nothing of how the
//! request was framed goes on. Reading order: here, then `headers`, then `body`.

mod body;
mod headers;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Method, Request, StatusCode, Uri};
use http_body_util::Full;
use thiserror::Error;

use crate::broker::{Config, POLICY_CHANGED, Route};
use crate::client::{Clients, TwoClients};
use crate::hop;
use crate::link::RouteId;
use crate::provider::endpoint::{Endpoint, Found, Takes, is_escaped, unescaped};
use crate::provider::fetch;
use crate::redact::mask::{self, Masker, Maskers};

use headers::single;

/// Judges requests for every route.
pub(super) struct Gate {
    epoch: u32,
    routes: Vec<Route>,
    maskers: Option<Arc<Maskers>>,
    clients: Clients,
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
    #[error("the query says something that is not passed on")]
    BadQuery,
    #[error("the path or the query holds something that must not leave")]
    UncleanPath,
    #[error("this method and path take no body")]
    UnexpectedBody,
    #[error(transparent)]
    TwoClients(#[from] TwoClients),
    #[error("header {0} has an unusual form")]
    BadHeader(HeaderName),
    #[error("header {0} holds text that must not leave")]
    UncleanHeader(HeaderName),
    #[error("this credential is not one of those that may be passed on (`client_key_sha256`)")]
    CredentialNotAllowed,
    #[error("the body is not application/json")]
    ContentType,
    #[error("the body is compressed")]
    ContentEncoding,
    #[error(transparent)]
    Body(#[from] mask::Refusal),
    #[error(transparent)]
    Fetch(#[from] fetch::Refusal),
}

impl Refusal {
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::UnknownRoute => "unknown-route",
            Self::PolicyChanged => POLICY_CHANGED,
            Self::ForbiddenPath => "forbidden-path",
            Self::BadQuery => "bad-query",
            Self::UncleanPath => "unclean-path",
            Self::UnexpectedBody => "unexpected-body",
            Self::TwoClients(TwoClients) => "two-clients",
            Self::BadHeader(_) => "bad-header",
            Self::UncleanHeader(_) => "unclean-header",
            Self::CredentialNotAllowed => "credential-not-allowed",
            Self::ContentType => "unsupported-content-type",
            Self::ContentEncoding => "unsupported-content-encoding",
            Self::Body(refusal) => refusal.reason(),
            Self::Fetch(refusal) => refusal.reason(),
        }
    }

    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::ForbiddenPath => StatusCode::NOT_FOUND,
            Self::PolicyChanged => StatusCode::SERVICE_UNAVAILABLE,
            Self::CredentialNotAllowed => StatusCode::FORBIDDEN,
            Self::ContentType | Self::ContentEncoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

impl Gate {
    pub(super) fn new(config: &Config) -> Self {
        let (routes, maskers) = (config.routes.clone(), config.maskers.clone());
        Self { epoch: config.epoch, routes, maskers, clients: config.clients.clone() }
    }

    /// Builds the request that may be sent instead of the one that came, or says why there is none.
    pub(super) fn judge(&self, head: &Parts, body: Bytes) -> Result<Outgoing, Refusal> {
        let (number, route) = self.route(&head.headers)?;
        let Found { endpoint, parameter } = endpoint(route, &head.method, head.uri.path())?;
        // Whose rules hold, the credential says; where we have a key of our own it goes no further.
        let client = self.clients.of(&head.headers)?;
        let masker = self.maskers.as_ref().map(|maskers| maskers.of(&route.name, client));
        let is_clean = |text: &str| masker.is_none_or(|masker: &Masker| masker.admits(text));
        let query = query(endpoint, &head.uri, &is_clean)?;
        if let Some(parameter) = parameter {
            // A provider that undoes escapes before it reads the path may find another path there.
            if is_escaped(parameter) && !route.is_local() {
                return Err(Refusal::ForbiddenPath);
            }
            if !is_clean(parameter) || !is_clean(&unescaped(parameter)) {
                return Err(Refusal::UncleanPath);
            }
        }
        check_form(endpoint.takes, &head.headers)?;
        let headers = headers::chosen(route, endpoint, &head.headers, &is_clean)?;
        match endpoint.takes {
            Takes::Json => body::check(route, endpoint.surface, masker, &body)?,
            Takes::Nothing if body.is_empty() => {}
            Takes::Nothing => return Err(Refusal::UnexpectedBody),
        }

        let uri = format!("{}{}{query}", route.path_prefix, head.uri.path());
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
}

/// The query with its question mark.
fn query(
    endpoint: &Endpoint,
    uri: &Uri,
    is_clean: &dyn Fn(&str) -> bool,
) -> Result<String, Refusal> {
    let Some(query) = uri.query().filter(|query| !query.is_empty()) else {
        return Ok(String::new());
    };
    if !endpoint.takes_query(query) {
        return Err(Refusal::BadQuery);
    }
    if is_clean(query) { Ok(format!("?{query}")) } else { Err(Refusal::UncleanPath) }
}

fn endpoint<'p>(route: &Route, method: &Method, path: &'p str) -> Result<Found<'p>, Refusal> {
    Endpoint::find(route.api, method, path).ok_or(Refusal::ForbiddenPath)
}

/// The body must be plain JSON by its own declaration, or the scan would not have seen it.
fn check_form(takes: Takes, headers: &HeaderMap) -> Result<(), Refusal> {
    let encoding =
        single(headers, &header::CONTENT_ENCODING).map_err(|_| Refusal::ContentEncoding)?;
    if encoding.is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(Refusal::ContentEncoding);
    }
    if takes == Takes::Nothing {
        return Ok(());
    }
    let form = single(headers, &header::CONTENT_TYPE).map_err(|_| Refusal::ContentType)?;
    if form.is_some_and(is_json) { Ok(()) } else { Err(Refusal::ContentType) }
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

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-')
}
