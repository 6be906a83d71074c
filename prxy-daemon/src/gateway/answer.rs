//! The way back: a provider's answer with the original values in it again.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{Either, Full};
use serde::Deserialize;

use super::coding::Decoded;
use super::error::Failure;
use super::shared;
use crate::hop::{self, Answer};
use crate::json::{Edits, Path, StringToken, Visitor, walk};
use crate::metrics::Readiness;
use crate::provider::endpoint::{Endpoint, Gives};
use crate::redact::Vault;
use crate::redact::rehydrate::{self, Form, KeptTools};
use crate::store::Kind;

/// A body that goes to a client: whole, passed on as it comes, or restored as it comes.
pub(super) type Reply = Either<Full<Bytes>, Either<Source, Restored>>;

/// Where an answer comes from.
pub(super) enum Source {
    /// The provider, for one client alone.
    Provider(Decoded<Answer>),
    /// The provider, for whoever asks the same, or for listeners.
    Shared(shared::Reader),
    /// What was kept; `None` once it is read.
    Known(Option<Bytes>),
}

impl Body for Source {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.get_mut() {
            Self::Provider(answer) => Pin::new(answer).poll_frame(cx).map_err(Into::into),
            Self::Shared(reader) => Pin::new(reader).poll_frame(cx),
            Self::Known(body) => Poll::Ready(body.take().map(|body| Ok(Frame::data(body)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Provider(answer) => answer.is_end_stream(),
            Self::Shared(_) => false,
            Self::Known(body) => body.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Provider(answer) => answer.size_hint(),
            Self::Shared(_) => SizeHint::default(),
            Self::Known(body) => {
                SizeHint::with_exact(body.as_ref().map_or(0, |body| body.len() as u64))
            }
        }
    }
}

/// A whole body.
pub(super) fn whole(body: Full<Bytes>) -> Reply {
    Either::Left(body)
}

/// The answer to a probe.
pub(super) fn alive() -> Response<Reply> {
    own(&serde_json::json!({ "status": "ok" }))
}

/// Whether requests can be sent here: 503 and the word for it if not.
pub(super) fn ready(readiness: Readiness) -> Response<Reply> {
    let word = readiness.word();
    if readiness == Readiness::Ready {
        return own(&serde_json::json!({ "status": word }));
    }
    let mut response = own(&serde_json::json!({ "status": "not-ready", "reason": word }));
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response
}

/// What the gateway tells by itself.
pub(super) fn own(told: &serde_json::Value) -> Response<Reply> {
    let mut response = Response::new(whole(Full::new(Bytes::from(told.to_string()))));
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// What restores the answer to one request.
pub(super) struct Restorer {
    /// What was asked for.
    pub(super) endpoint: &'static Endpoint,
    /// The originals.
    pub(super) vault: Arc<dyn Vault>,
    /// The tools that are given more or less than others.
    pub(super) kept: KeptTools,
    /// What the client put before the path of what it asked for.
    pub(super) base: Option<String>,
}

impl Restorer {
    fn stream(self) -> rehydrate::Stream {
        rehydrate::Stream::new(self.endpoint.surface, self.vault).keeping(self.kept)
    }
}

/// What the broker sent, plain; what it says itself is a failure.
pub(super) async fn open(response: Response<Answer>) -> Result<Response<Decoded<Answer>>, Failure> {
    let (mut head, body) = response.into_parts();
    if let Some(reason) = head.headers.get(hop::ERROR).cloned() {
        return Err(broker_failure(head.status, reason, body).await);
    }
    hop::strip_hop_by_hop(&mut head.headers);
    let body = Decoded::new(&mut head.headers, body).ok_or(Failure::BadAnswer)?;
    Ok(Response::from_parts(head, body))
}

/// An answer that was kept.
pub(super) fn known(kind: Kind, body: Bytes) -> Response<Source> {
    let content_type = match kind {
        Kind::Events => "text/event-stream; charset=utf-8",
        Kind::Whole | Kind::Array => "application/json",
    };
    let mut response = Response::new(Source::Known(Some(body)));
    let content_type = HeaderValue::from_static(content_type);
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}

/// The form of an answer, by its `content-type`.
pub(super) fn form(headers: &HeaderMap) -> Form {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    rehydrate::form(value.unwrap_or_default())
}

/// Puts originals back into an answer of any status; without a restorer it passes as it is.
pub(super) async fn restore(
    restorer: Option<Restorer>,
    response: Response<Source>,
) -> Result<Response<Reply>, Failure> {
    let (mut head, mut body) = response.into_parts();
    let form = form(&head.headers);
    let gives = restorer.as_ref().map(|restorer| restorer.endpoint.gives);
    let reply = match (form, restorer) {
        (Form::Stream, Some(restorer)) => {
            head.headers.remove(header::CONTENT_LENGTH);
            Either::Right(Either::Right(Restored::new(restorer.stream(), body)))
        }
        (Form::Whole, Some(restorer)) if gives == Some(Gives::Array) => {
            head.headers.remove(header::CONTENT_LENGTH);
            Either::Right(Either::Right(Restored::new(restorer.stream().of_documents(), body)))
        }
        // Lines are not always called what they are.
        (_, Some(restorer)) if gives == Some(Gives::Lines) => {
            head.headers.remove(header::CONTENT_LENGTH);
            Either::Right(Either::Right(Restored::new(restorer.stream().of_documents(), body)))
        }
        (Form::Whole, Some(Restorer { endpoint, vault, kept, base })) => {
            let body = hop::collect(&mut body, MAX_ANSWER_BYTES, ANSWER_PATIENCE)
                .await
                .map_err(|_| Failure::BadAnswer)?;
            let mut body = body;
            let restored = hop::on_cpu(body.len(), || {
                rehydrate::whole(endpoint.surface, &body, &*vault, &kept)
            });
            body = restored.map_or(body, Bytes::from);
            if endpoint.path.starts_with(BATCHES)
                && let Some(base) = base
                && let Some(ours) = results_at(&base, &body)
            {
                body = ours.into();
            }
            // The length is the new body's, and hyper's to state.
            head.headers.remove(header::CONTENT_LENGTH);
            whole(Full::new(body))
        }
        (Form::Other, _) | (_, None) => Either::Right(Either::Left(body)),
    };
    Ok(Response::from_parts(head, reply))
}

/// The origin and the path that a client put before one of [`BATCHES`].
pub(super) fn base(host: &str, path: &str) -> Option<String> {
    let before = path.split_once(BATCHES.trim_start_matches("/v1"))?.0;
    Some(format!("http://{host}{}", before.trim_end_matches("/v1")))
}

/// Lets `results_url` lead here instead of to the provider: an SDK that follows it there would go
/// around us, with its key, and get placeholders. `None` where there is none.
fn results_at(base: &str, body: &[u8]) -> Option<Vec<u8>> {
    struct Urls<'u> {
        base: &'u str,
        edits: Edits,
    }
    impl<'a> Visitor<'a> for Urls<'_> {
        type Error = Infallible;

        fn string(&mut self, path: &Path<'a>, token: StringToken<'a>) -> Result<(), Infallible> {
            if !token.is_key && path.ends_in("results_url") {
                let url = token.decode();
                if let Some(at) = url.rfind(BATCHES) {
                    self.edits.replace_text(token.range, &format!("{}{}", self.base, &url[at..]));
                }
            }
            Ok(())
        }
    }
    let mut urls = Urls { base, edits: Edits::new() };
    walk(body, &mut urls).ok()?;
    (!urls.edits.is_empty()).then(|| urls.edits.apply(body))
}

/// What the broker says when it has no answer.
#[derive(Deserialize)]
struct BrokerFailure {
    message: String,
}

async fn broker_failure(status: StatusCode, reason: HeaderValue, mut body: Answer) -> Failure {
    let body =
        hop::collect(&mut body, MAX_FAILURE_BYTES, ANSWER_PATIENCE).await.unwrap_or_default();
    let message = serde_json::from_slice(&body)
        .map_or_else(|_| NO_MESSAGE.to_owned(), |BrokerFailure { message }| message);
    Failure::Broker { status, reason, message }
}

/// A stream of server-sent events, restored event by event.
///
/// Every piece that can go out does so at once; what may be part of a placeholder waits.
pub(super) struct Restored {
    answer: Source,
    /// `None` once the answer has ended.
    stream: Option<rehydrate::Stream>,
    /// How it broke off; told after what was held of it.
    broken: Option<io::Error>,
}

impl Restored {
    fn new(stream: rehydrate::Stream, answer: Source) -> Self {
        Self { answer, stream: Some(stream), broken: None }
    }
}

impl Body for Restored {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = self.get_mut();
        loop {
            let Some(stream) = &mut this.stream else {
                return Poll::Ready(this.broken.take().map(Err));
            };
            let mut restored = Vec::new();
            match std::task::ready!(Pin::new(&mut this.answer).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => stream.push(&data, &mut restored),
                    // Trailers say nothing to a client of an event stream.
                    Err(_) => continue,
                },
                ended => {
                    stream.finish(&mut restored);
                    this.stream = None;
                    this.broken = ended.and_then(Result::err);
                }
            }
            if !restored.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(Bytes::from(restored)))));
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.stream.is_none() && self.broken.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

/// Anthropic's message batches.
const BATCHES: &str = "/v1/messages/batches";
/// Far above any answer that is not streamed.
const MAX_ANSWER_BYTES: usize = 256 * 1024 * 1024;
/// Some APIs keep a slow answer alive with white space; more than this between two pieces is no answer.
const ANSWER_PATIENCE: Duration = Duration::from_secs(10 * 60);
const MAX_FAILURE_BYTES: usize = 64 * 1024;
const NO_MESSAGE: &str = "the broker refused without a word";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_results_of_a_batch_are_asked_for_here() {
        for (path, url, expected) in [
            (
                "/v1/messages/batches",
                "https://api.anthropic.com/v1/messages/batches/b/results",
                "http://localhost:3099/v1/messages/batches/b/results",
            ),
            (
                "/anthropic/v1/messages/batches/b",
                "https://api.anthropic.com/v1/messages/batches/b/results",
                "http://localhost:3099/anthropic/v1/messages/batches/b/results",
            ),
            (
                "/lab/messages/batches/b",
                "https://lab.example/api/v2/v1/messages/batches/b/results",
                "http://localhost:3099/lab/v1/messages/batches/b/results",
            ),
            (
                "/v1/messages/batches",
                "https://elsewhere.example/results",
                "https://elsewhere.example/results",
            ),
        ] {
            let base = base("localhost:3099", path).unwrap();
            let body = |url: &str| {
                format!(
                    r#"{{"data":[{{"id":"b", "results_url":"{url}"}},{{"results_url":null}}]}}"#
                )
            };
            let got = results_at(&base, body(url).as_bytes());
            let expected = (url != expected).then(|| body(expected).into_bytes());
            assert_eq!(got, expected, "{path}");
        }
        assert_eq!(base("localhost:3099", "/v1/messages"), None);
    }
}
