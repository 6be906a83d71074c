//! The one place where a failure becomes an HTTP answer in the shape that the client's SDK expects.

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::Full;
use serde_json::json;
use thiserror::Error;

use crate::broker::POLICY_CHANGED;
use crate::client::TwoClients;
use crate::config::Provider;
use crate::hop;
use crate::pipeline::{self, CostRefusal};
use crate::provider::Api;
use crate::redact::mask;

/// Why a request is answered by the gateway itself, by culprit.
#[derive(Debug, Error)]
pub(super) enum Failure {
    /// The `Host` header names something other than this gateway: a rebound name in a browser.
    #[error(
        "the Host header does not name this gateway: use 127.0.0.1, localhost or the listen address"
    )]
    ForeignHost,
    /// A web page of another origin is asking.
    #[error("requests from other origins are not served")]
    ForeignOrigin,
    /// Nothing is served under this path.
    #[error(
        "no configured provider is asked for this path; docs/surfaces.md lists what is passed on"
    )]
    UnknownPath,
    /// The path is served, with another method.
    #[error("this path is served with {allow}")]
    WrongMethod {
        /// The methods.
        allow: String,
    },
    /// No provider has a model of this name.
    #[error("no configured provider has this model (providers: models)")]
    UnknownModel,
    /// The query could carry anything.
    #[error("the query has an unusual form")]
    BadQuery,
    /// Clients are told apart by their keys, and this one has none, or two of a kind.
    #[error("clients are told apart by their API keys (vault.tenant_by): bring one")]
    NoClientKey,
    /// Only known clients are served here, and this is none.
    #[error("only known clients are served here (`clients`): bring the key of one")]
    UnknownClient,
    /// The client has as much under way as it may.
    #[error("this client has as many requests under way as it may have (`limits`)")]
    ClientBusy,
    /// The client has asked as often as it may.
    #[error("this client has sent as many requests as it may in a minute (`limits`)")]
    ClientRate {
        /// Seconds until the next.
        wait: u64,
    },
    /// Rules are the client's, and this request has two.
    #[error(transparent)]
    TwoClients(#[from] TwoClients),
    /// What is asked for takes no body.
    #[error("this method and path take no body")]
    UnexpectedBody,
    /// The body is not declared to be JSON in UTF-8.
    #[error("the body must be application/json: set the content-type header")]
    ContentType,
    /// The body is compressed in a way that cannot be undone.
    #[error("the body's content-encoding must be gzip, deflate, br or zstd, three at most")]
    ContentEncoding,
    /// The body is not compressed as it says.
    #[error("the body is not what its content-encoding says")]
    BodyUndecodable,
    /// The body exceeds the configured limit.
    #[error("the body exceeds {limit} bytes, decoded (limits.max_body_bytes)")]
    BodyTooLarge {
        /// Bytes.
        limit: usize,
    },
    /// The client stopped sending.
    #[error("the body broke off")]
    BodyBroken,
    /// The client is connected but sends nothing.
    #[error("the body came too slowly")]
    BodyStalled,
    /// The request names modules that it cannot choose.
    #[error(transparent)]
    Pipe(#[from] pipeline::NotInPipeline),
    /// An outcome cannot be understood.
    #[error("{0}")]
    BadOutcome(&'static str),
    /// An outcome is of a pattern that is not there, or not this client's.
    #[error("no such pattern")]
    UnknownPattern,
    /// An outcome cannot be kept.
    #[error("the outcome cannot be kept")]
    NotKept,
    /// A module refuses.
    #[error(transparent)]
    Pipeline(pipeline::Refusal),
    /// The broker cannot be reached.
    #[error("the broker cannot be reached")]
    BrokerGone,
    /// The broker refuses, or the provider cannot be reached.
    #[error("{message}")]
    Broker {
        /// The broker's own choice.
        status: StatusCode,
        /// The broker's own word.
        reason: HeaderValue,
        /// The broker's own text, without any value of the request.
        message: String,
    },
    /// The provider's answer ended early or is larger than can be held.
    #[error("the provider's answer could not be read")]
    BadAnswer,
}

impl Failure {
    fn status(&self) -> StatusCode {
        match self {
            Self::ForeignHost => StatusCode::MISDIRECTED_REQUEST,
            Self::ForeignOrigin | Self::Pipeline(pipeline::Refusal::HostNotAllowed { .. }) => {
                StatusCode::FORBIDDEN
            }
            Self::NoClientKey | Self::UnknownClient => StatusCode::UNAUTHORIZED,
            Self::ClientBusy | Self::ClientRate { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::UnknownPath | Self::UnknownModel | Self::UnknownPattern => StatusCode::NOT_FOUND,
            Self::WrongMethod { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::ContentType | Self::ContentEncoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::BodyStalled => StatusCode::REQUEST_TIMEOUT,
            Self::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BrokerGone
            | Self::NotKept
            | Self::Pipeline(pipeline::Refusal::Guardrails(mask::Refusal::VaultUnavailable(_))) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Pipeline(pipeline::Refusal::Cost(refusal)) => match refusal {
                CostRefusal::Over { .. } => StatusCode::TOO_MANY_REQUESTS,
                CostRefusal::Unknown(_) => StatusCode::SERVICE_UNAVAILABLE,
                // To wait does not help.
                CostRefusal::PerRequest { .. } | CostRefusal::Unpriced | CostRefusal::Fast => {
                    StatusCode::BAD_REQUEST
                }
            },
            Self::Broker { status, .. } => *status,
            Self::BadAnswer => StatusCode::BAD_GATEWAY,
            Self::BadQuery
            | Self::TwoClients(_)
            | Self::UnexpectedBody
            | Self::BodyBroken
            | Self::BodyUndecodable
            | Self::Pipe(_)
            | Self::BadOutcome(_)
            | Self::Pipeline(_) => StatusCode::BAD_REQUEST,
        }
    }

    /// The stable word in `x-prxy-error`.
    pub(super) fn reason(&self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::ForeignHost => "foreign-host",
            Self::ForeignOrigin => "foreign-origin",
            Self::UnknownPath => "unknown-path",
            Self::WrongMethod { .. } => "wrong-method",
            Self::UnknownModel => "unknown-model",
            Self::NoClientKey => "no-client-key",
            Self::UnknownClient => "unknown-client",
            Self::ClientBusy => "client-busy",
            Self::ClientRate { .. } => "client-rate",
            Self::TwoClients(TwoClients) => "two-clients",
            Self::UnexpectedBody => "unexpected-body",
            Self::BadQuery => "bad-query",
            Self::ContentType => "unsupported-content-type",
            Self::ContentEncoding => "unsupported-content-encoding",
            Self::BodyUndecodable => "body-undecodable",
            Self::BodyTooLarge { .. } => "body-too-large",
            Self::BodyBroken => "body-broken",
            Self::BodyStalled => "body-stalled",
            Self::Pipe(_) => "not-in-pipeline",
            Self::BadOutcome(_) => "bad-outcome",
            Self::UnknownPattern => "unknown-pattern",
            Self::NotKept => "outcome-not-kept",
            Self::Pipeline(refusal) => refusal.reason(),
            Self::BrokerGone => "broker-gone",
            Self::Broker { reason, .. } => return reason.clone(),
            Self::BadAnswer => "bad-answer",
        })
    }

    /// Whether the broker knows that the provider was not asked.
    pub(super) fn is_before_sending(&self) -> bool {
        matches!(self, Self::Broker { reason, .. } if !AFTER_SENDING.iter().any(|known| reason == known))
    }

    /// Whether the request may be prepared again, by the policy that is in force by then.
    pub(super) fn is_policy_change(&self) -> bool {
        matches!(self, Self::Broker { reason, .. } if reason == POLICY_CHANGED)
    }

    /// The answer in the error format of `api`.
    pub(super) fn into_response(self, api: Api) -> Response<Full<Bytes>> {
        let (status, reason) = (self.status(), self.reason());
        let allow = match &self {
            Self::WrongMethod { allow } => HeaderValue::try_from(allow).ok(),
            _ => None,
        };
        let wait = match &self {
            Self::Pipeline(pipeline::Refusal::Cost(refusal)) => refusal.retry_after(),
            Self::ClientRate { wait } => Some(*wait),
            Self::ClientBusy => Some(1),
            _ => None,
        };
        tracing::info!(
            reason = reason.to_str().unwrap_or_default(),
            status = status.as_u16(),
            "refused: {self}"
        );
        let body = shape(api, status, &reason, &format!("prxy: {self}"));
        let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(allow) = allow {
            headers.insert(header::ALLOW, allow);
        }
        if let Some(wait) = wait {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(wait));
        }
        let passing = matches!(self, Self::ClientBusy | Self::ClientRate { .. });
        if reason == "redirect-refused" || (wait.is_some() && !passing) {
            // The SDKs repeat every 5xx and 429 unless told that it is no use.
            headers.insert(SHOULD_RETRY, HeaderValue::from_static("false"));
        }
        headers.insert(hop::ERROR, reason);
        response
    }
}

/// Which format a client expects that asks for something unknown.
pub(super) fn guess_api(providers: &[Provider], path: &str, headers: &HeaderMap) -> Api {
    let name = path.split('/').nth(1).unwrap_or_default();
    if path.contains("/v1beta/openai/") {
        Api::OpenAi
    } else if let Some(named) = providers.iter().find(|provider| provider.name == name) {
        named.api
    } else if headers.contains_key("anthropic-version")
        || headers.contains_key("x-api-key")
        || path.contains("/messages")
        || path.starts_with("/anthropic/")
    {
        Api::Anthropic
    } else if headers.contains_key("x-goog-api-key") || path.contains("/v1beta/") {
        Api::Google
    } else {
        Api::OpenAi
    }
}

/// The provider's own error format; `message` and `reason` are ours.
fn shape(api: Api, status: StatusCode, reason: &HeaderValue, message: &str) -> serde_json::Value {
    let reason = reason.to_str().unwrap_or("unknown");
    match api {
        // https://docs.anthropic.com/en/api/errors
        Api::Anthropic => {
            let kind = match status.as_u16() {
                401 => "authentication_error",
                403 => "permission_error",
                404 => "not_found_error",
                413 => "request_too_large",
                429 => "rate_limit_error",
                400..=499 => "invalid_request_error",
                _ => "api_error",
            };
            json!({ "type": "error", "error": { "type": kind, "message": message } })
        }
        // https://platform.openai.com/docs/guides/error-codes
        Api::OpenAi => {
            let kind = match status.as_u16() {
                429 => "insufficient_quota",
                400..=499 => "invalid_request_error",
                _ => "server_error",
            };
            json!({ "error": { "message": message, "type": kind, "param": null, "code": reason } })
        }
        // https://cloud.google.com/apis/design/errors
        Api::Google => {
            let name = match status.as_u16() {
                403 => "PERMISSION_DENIED",
                404 => "NOT_FOUND",
                429 => "RESOURCE_EXHAUSTED",
                503 => "UNAVAILABLE",
                400..=499 => "INVALID_ARGUMENT",
                _ => "INTERNAL",
            };
            json!({ "error": { "code": status.as_u16(), "message": message, "status": name } })
        }
    }
}

/// What the broker says of a request that the provider may have served.
const AFTER_SENDING: [&str; 5] =
    ["connection-lost", "provider-timeout", "bad-answer", "encoded-answer", "redirect-refused"];
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");
