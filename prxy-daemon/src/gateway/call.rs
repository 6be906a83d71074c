//! What is made of a request: a call of a provider's endpoint, and what is sent or answered.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::Request;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http_body_util::Full;

use super::local;
use super::route::Aim;
use crate::config::Provider;
use crate::hop;
use crate::link::RouteId;
use crate::pipeline::{Cached, Flight, Listener, Recorded, Sent};
use crate::provider::endpoint::Endpoint;
use crate::provider::fetch;
use crate::redact::Label;

/// What is sent or answered, and what was done to it.
pub(super) struct Prepared {
    pub(super) body: Bytes,
    pub(super) masked: BTreeMap<Label, u32>,
    pub(super) stripped: Option<HeaderValue>,
    pub(super) passed: Vec<(&'static str, String)>,
    /// What modules tell in headers of their own.
    pub(super) told: HeaderMap,
    /// Known already: nothing is sent.
    pub(super) answer: Option<Recorded>,
    pub(super) cached: Option<Cached>,
    pub(super) flight: Option<Flight>,
    pub(super) listeners: Vec<Listener>,
    pub(super) sent: Sent,
}

impl Prepared {
    /// What the client is told of its request.
    pub(super) fn told(&self, call: &Call<'_>) -> HeaderMap {
        let mut told = self.told.clone();
        if let Some(value) = counts(&self.masked) {
            told.insert(hop::MASKED, value);
        }
        if let Some(value) = self.stripped.clone() {
            told.insert(hop::STRIPPED, value);
        }
        if call.routed == Routed::Locally
            && let Ok(name) = HeaderValue::try_from(&call.provider.name)
        {
            told.insert(hop::ROUTED, name);
        }
        let passed: Vec<_> =
            self.passed.iter().map(|(name, said)| format!("{name}{said}")).collect();
        if let Ok(value) = HeaderValue::try_from(passed.join(",")) {
            told.insert(hop::MODULES, value);
        }
        told
    }
}

/// Whether a request goes where it was meant to go.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Routed {
    AsAsked,
    /// To a local provider instead: what it holds must not leave.
    Locally,
}

/// A request on its way to a known endpoint of a known provider.
pub(super) struct Call<'a> {
    /// What the broker gets; it chooses itself which of them go on.
    pub(super) headers: HeaderMap,
    /// Whose it is, if that is somebody with a name.
    pub(super) client: Option<&'a str>,
    pub(super) provider: &'a Provider,
    /// The provider's.
    pub(super) number: usize,
    pub(super) aim: Aim,
    pub(super) routed: Routed,
}

impl Call<'_> {
    /// What the broker gets.
    pub(super) fn request(&self, body: Bytes) -> Request<Full<Bytes>> {
        let mut headers = self.headers.clone();
        if self.routed == Routed::Locally {
            local::withhold_credentials(&mut headers);
        }
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = self.aim.endpoint.method.clone();
        *request.uri_mut() = self.aim.uri.clone();
        *request.headers_mut() = headers;
        request
    }
}

/// What the broker gets of a request's head.
pub(super) fn headers(
    head: &Parts,
    route: RouteId,
    aim: &Aim,
    peer: Option<HeaderValue>,
) -> HeaderMap {
    let mut headers = head.headers.clone();
    hop::strip_hop_by_hop(&mut headers);
    // The body goes on plain, whatever it came as.
    for name in [
        header::HOST,
        header::CONTENT_ENCODING,
        header::CONTENT_LENGTH,
        header::EXPECT,
        header::COOKIE,
    ] {
        headers.remove(name);
    }
    headers.insert(header::HOST, HeaderValue::from_static("broker"));
    // Two numbers and a dot always make a value.
    let route = HeaderValue::try_from(route.to_string());
    headers.insert(hop::ROUTE, route.unwrap_or(HeaderValue::from_static("")));
    if let Some(name) = peer {
        headers.insert(hop::CLIENT, name);
    }
    if let Some(key) = &aim.key {
        // Beside another one it goes no further than to the broker, which must know whose it is.
        let place = if headers.contains_key(GOOGLE) { hop::CALLER } else { GOOGLE };
        headers.insert(place, key.clone());
    }
    headers
}

/// The modules that a request wants to pass, if it says so.
pub(super) fn pipe(headers: &HeaderMap) -> Option<&str> {
    // What is no text names no module.
    headers.get(hop::PIPE).map(|value| value.to_str().unwrap_or("?"))
}

pub(super) const GOOGLE: HeaderName = HeaderName::from_static("x-goog-api-key");

/// Takes out what the provider must not be asked for, and says what that was: `web-tool`.
pub(super) fn strip(
    provider: &Provider,
    endpoint: &Endpoint,
    body: Bytes,
) -> (Bytes, Option<HeaderValue>) {
    let kinds = provider.fetch.strip;
    if kinds.is_empty() {
        return (body, None);
    }
    match hop::on_cpu(body.len(), || fetch::strip(endpoint.surface, kinds, &body)) {
        Some(stripped) => {
            (stripped.body.into(), HeaderValue::try_from(stripped.kinds.to_string()).ok())
        }
        None => (body, None),
    }
}

/// `EMAIL=2,PHONE=1`; nothing when nothing was masked.
fn counts(masked: &BTreeMap<Label, u32>) -> Option<HeaderValue> {
    let entries: Vec<_> =
        masked.iter().map(|(label, count)| format!("{}={count}", label.as_str())).collect();
    if entries.is_empty() { None } else { HeaderValue::try_from(entries.join(",")).ok() }
}
