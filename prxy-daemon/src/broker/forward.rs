//! One request through the gate, to the provider, and the answer back as it comes.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use serde::Serialize;

use crate::broker::config::Identity;
use crate::broker::gate::{Gate, Outgoing};
use crate::broker::upstream::Upstream;
use crate::broker::{Config, Dialer, POLICY_CHANGED};
use crate::hop::{self, Answer, CollectError, Pool, SendError};
use crate::link::RouteId;
use crate::link::reload::Heard;

/// The broker, whose configuration can be replaced while it serves.
pub struct Broker<D> {
    dialer: Arc<D>,
    /// A request is decided and sent by the one that was in force when its body was there.
    policy: RwLock<Arc<Policy<D>>>,
    warden: Heard,
}

/// What one configuration makes of the broker: the gate and a pool per route.
pub(crate) struct Policy<D> {
    gate: Gate,
    lanes: Vec<Lane<D>>,
    max_body_bytes: usize,
}

struct Lane<D> {
    name: String,
    identity: Identity,
    pool: Pool<Upstream<D>>,
}

/// An answer: the provider's, streamed, or our own.
pub(super) type Reply = Response<Either<Full<Bytes>, Answer>>;

impl<D: Dialer> Broker<D> {
    /// Builds it with its first configuration.
    pub fn new(config: Config, dialer: D) -> Self {
        let dialer = Arc::new(dialer);
        let policy = RwLock::new(Arc::new(Policy::new(config, &dialer, &[])));
        Self { dialer, policy, warden: Heard::default() }
    }

    /// Sends only while the warden is heard.
    pub(crate) fn under(self, warden: Heard) -> Self {
        Self { warden, ..self }
    }

    /// Builds what another configuration needs, beside the one in force. Connections that nothing
    /// changes for are shared by both.
    pub(crate) fn prepare(&self, config: Config) -> Policy<D> {
        Policy::new(config, &self.dialer, &self.policy().lanes)
    }

    /// Puts a prepared configuration in force. Connections that it does not share end with their
    /// answers.
    pub(crate) fn commit(&self, policy: Policy<D>) {
        let policy = Arc::new(policy);
        let old = std::mem::replace(
            &mut *self.policy.write().unwrap_or_else(PoisonError::into_inner),
            Arc::clone(&policy),
        );
        for lane in &old.lanes {
            if policy.lanes.iter().all(|kept| kept.identity != lane.identity) {
                lane.pool.retire();
            }
        }
    }

    fn policy(&self) -> Arc<Policy<D>> {
        Arc::clone(&self.policy.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Answers one request of the gateway.
    pub(super) async fn answer(&self, request: Request<Incoming>) -> Reply {
        match self.forward(request).await {
            Ok(response) => response.map(Either::Right),
            Err(failure) => failure.into_reply(),
        }
    }

    async fn forward(&self, request: Request<Incoming>) -> Result<Response<Answer>, Failure> {
        let (head, mut body) = request.into_parts();
        let limit = self.policy().max_body_bytes;
        let body =
            hop::collect(&mut body, limit, BODY_PATIENCE).await.map_err(|error| match error {
                CollectError::TooLarge => {
                    Failure::own(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", "body too large")
                }
                CollectError::Broken | CollectError::Stalled => {
                    Failure::own(StatusCode::BAD_REQUEST, "body-broken", "body broke off")
                }
            })?;
        let policy = self.policy();
        let Outgoing { route, request } =
            hop::on_cpu(body.len(), || policy.gate.judge(&head, body)).map_err(|refusal| {
                tracing::warn!(reason = refusal.reason(), %refusal, "refused");
                Failure::own(refusal.status(), refusal.reason(), refusal)
            })?;
        // The gate knows no other routes than these.
        let lane = policy.lanes.get(route).ok_or_else(|| {
            Failure::own(StatusCode::BAD_REQUEST, "unknown-route", "no such route")
        })?;
        if !self.warden.is_recent() {
            let why = "the process that watches the kernel's policy does not answer";
            return Err(Failure::own(StatusCode::SERVICE_UNAVAILABLE, "warden-silent", why));
        }
        let response = self.send(lane, request).await.inspect_err(|failure| {
            tracing::warn!(route = lane.name, reason = failure.reason, "no answer");
        })?;
        self.admit(lane, response)
    }

    async fn send(
        &self,
        lane: &Lane<D>,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Answer>, Failure> {
        match tokio::time::timeout(ANSWER_TIMEOUT, lane.pool.send(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(SendError::Connect(error))) => {
                let status = match error.reason() {
                    "no-address" | "netgate-gone" | POLICY_CHANGED => {
                        StatusCode::SERVICE_UNAVAILABLE
                    }
                    _ => StatusCode::BAD_GATEWAY,
                };
                Err(Failure::own(
                    status,
                    error.reason(),
                    format_args!("provider {}: {error}", lane.name),
                ))
            }
            Ok(Err(SendError::Lost(_))) => {
                Err(lane.failure("connection-lost", "connection lost before an answer"))
            }
            Err(_) => Err(lane.failure("provider-timeout", "no answer in time")),
        }
    }

    /// What of the provider's answer goes back.
    fn admit(
        &self,
        lane: &Lane<D>,
        mut response: Response<Answer>,
    ) -> Result<Response<Answer>, Failure> {
        if response.status().is_redirection() {
            return Err(
                lane.failure("redirect-refused", "the provider redirects, which is not followed")
            );
        }
        if response.status().is_informational() {
            return Err(lane.failure("bad-answer", "the provider switches protocols"));
        }
        if !is_readable(response.headers()) {
            // It was asked for identity; nothing could be restored in it.
            return Err(lane.failure(
                "encoded-answer",
                "the provider compressed its answer, although asked not to, in a way that cannot \
                 be undone as it comes",
            ));
        }
        let headers = response.headers_mut();
        hop::strip_hop_by_hop(headers);
        for name in LEADING_ELSEWHERE {
            headers.remove(name);
        }
        tracing::debug!(route = lane.name, status = response.status().as_u16(), "answered");
        Ok(response)
    }
}

/// Whether the gateway can read an answer: plain, or in one coding that it takes off as it comes.
/// Decoding is not done here, where keys are.
fn is_readable(headers: &HeaderMap) -> bool {
    let elements = |name| {
        headers
            .get_all(name)
            .iter()
            .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
            .map(<[u8]>::trim_ascii)
            .filter(|element| !element.is_empty())
    };
    let is = |element: &[u8], name: &str| element.eq_ignore_ascii_case(name.as_bytes());
    let mut codings = elements(header::CONTENT_ENCODING).filter(|coding| !is(coding, "identity"));
    let known = |coding: &[u8]| DECODED.iter().any(|name| is(coding, name));
    let decoded = codings.next().is_none_or(known) && codings.next().is_none();
    // hyper takes off chunks and nothing else.
    decoded && elements(header::TRANSFER_ENCODING).all(|coding| is(coding, "chunked"))
}

impl<D: Dialer> Policy<D> {
    fn new(config: Config, dialer: &Arc<D>, known: &[Lane<D>]) -> Self {
        let gate = Gate::new(&config);
        let lane = |(number, route): (u16, crate::broker::Route)| {
            let id = RouteId { epoch: config.epoch, number };
            let same = known.iter().find(|lane| lane.identity == route.identity);
            let pool = match same {
                Some(lane) => lane.pool.with(lane.pool.connector().renumbered(id)),
                None => Pool::new(Upstream::new(Arc::clone(dialer), id, route.tls)),
            };
            Lane { name: route.name, identity: route.identity, pool }
        };
        let lanes = (0_u16..).zip(config.routes).map(lane).collect();
        // A placeholder can be longer than what it stands for.
        let max_body_bytes = config.max_body_bytes.saturating_mul(2).saturating_add(64 * 1024);
        Self { gate, lanes, max_body_bytes }
    }
}

impl<D> Lane<D> {
    fn failure(&self, reason: &'static str, text: &str) -> Failure {
        Failure::own(
            StatusCode::BAD_GATEWAY,
            reason,
            format_args!("provider {}: {text}", self.name),
        )
    }
}

/// No answer of the provider; the gateway words it for the client.
struct Failure {
    status: StatusCode,
    reason: &'static str,
    message: String,
}

/// What everybody is told once the kernel's policy no longer holds.
pub(super) fn enforcement_lost() -> Reply {
    Failure::own(
        StatusCode::SERVICE_UNAVAILABLE,
        "enforcement-lost",
        "the kernel's egress policy is no longer in force; nothing is sent until prxy is restarted",
    )
    .into_reply()
}

/// The body of a failure on its way to the gateway.
#[derive(Serialize)]
struct FailureBody<'a> {
    message: &'a str,
}

impl Failure {
    fn own(status: StatusCode, reason: &'static str, message: impl ToString) -> Self {
        Self { status, reason, message: message.to_string() }
    }

    fn into_reply(self) -> Reply {
        // A struct of one string always serialises.
        let body = serde_json::to_vec(&FailureBody { message: &self.message }).unwrap_or_default();
        let mut response = Response::new(Either::Left(Full::new(body.into())));
        *response.status_mut() = self.status;
        response.headers_mut().insert(hop::ERROR, HeaderValue::from_static(self.reason));
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }
}

/// Headers of answers that make a client, or a proxy between it and us, connect, fetch, report or
/// remember something by itself. None of them belongs to an API's answer.
const LEADING_ELSEWHERE: [&str; 20] = [
    "alt-svc",
    "clear-site-data",
    "content-location",
    "content-security-policy",
    "content-security-policy-report-only",
    "link",
    "location",
    "nel",
    "origin",
    "refresh",
    "report-to",
    "reporting-endpoints",
    "set-cookie",
    "set-cookie2",
    "sourcemap",
    "speculation-rules",
    "strict-transport-security",
    "x-accel-redirect",
    "x-sendfile",
    "x-sourcemap",
];

/// Codings of an answer that the gateway takes off event by event. A zstd decoder holds a window back.
const DECODED: [&str; 4] = ["gzip", "x-gzip", "deflate", "br"];
/// The gateway has the whole body before it sends any of it.
const BODY_PATIENCE: Duration = Duration::from_secs(30);
/// To the first byte of an answer; large models think for minutes.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_readable_plain_or_in_one_coding() {
        for (lines, expected) in [
            (&[][..], true),
            (&[("content-encoding", "identity")], true),
            (&[("content-encoding", "Identity, ")], true),
            (&[("transfer-encoding", "Chunked")], true),
            (&[("content-encoding", "gzip")], true),
            (&[("content-encoding", "X-GZip")], true),
            (&[("content-encoding", "deflate")], true),
            (&[("content-encoding", "identity"), ("content-encoding", "br")], true),
            (&[("content-encoding", "zstd")], false),
            (&[("content-encoding", "gzip, br")], false),
            (&[("content-encoding", "gzip"), ("content-encoding", "gzip")], false),
            (&[("content-encoding", "dcb")], false),
            (&[("content-encoding", "x\u{fc}")], false),
            (&[("transfer-encoding", "gzip, chunked")], false),
            (&[("transfer-encoding", "gzip"), ("transfer-encoding", "chunked")], false),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in lines {
                headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
            }
            assert_eq!(is_readable(&headers), expected, "{lines:?}");
        }
    }
}
