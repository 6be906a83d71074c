//! Gives the same answer to the same request.
//!
//! What is kept is masked; a hit is restored with the asker's own vault. Answers that broke off, were
//! cut short or report a failure are not kept.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};

use super::answer::{Answered, End, Flight, Recorded};
use super::canonical::{Canonical, Key};
use super::exchange::Confined;
use super::{Cached, Exchange, Module, Verdict};
use crate::client::credentials;
use crate::config::{self, Provider, Sharing};
use crate::provider::Surface;
use crate::provider::endpoint::{Endpoint, Gives};
use crate::provider::recorded::{self, UsageChunk};
use crate::redact::Name;
use crate::redact::rehydrate::Form;
use crate::store::{Answer, Answers, Kind};

/// The answers that one configuration gives again; where they are kept outlasts it.
pub(super) struct ExactCache {
    options: config::ExactCache,
    answers: Arc<Answers>,
}

impl ExactCache {
    pub(super) fn new(options: config::ExactCache, answers: Arc<Answers>) -> Self {
        Self { options, answers }
    }

    fn find(&self, surface: Surface, key: &Key, asked: &Canonical<'_>) -> Option<Recorded> {
        let answer = self.answers.find(&key.hash, self.options.ttl)?;
        if !is_theirs(&answer, &key.names) {
            return None;
        }
        let body = written_as(surface, &answer, asked)?;
        Some(Recorded { kind: asked.kind(), body, theirs: answer.names, own: key.names.clone() })
    }
}

impl Module for ExactCache {
    fn name(&self) -> &'static str {
        "exact-cache"
    }

    fn request(&self, exchange: &mut Exchange<'_>) -> Verdict {
        let wish = Wish::of(exchange.headers);
        let body = exchange.body.clone();
        let asked = match wish {
            Wish::Neither => None,
            _ => Canonical::read(exchange.endpoint, exchange.uri, &body),
        };
        let scope = exchange.within(self.options.scope);
        let partition = partition(exchange, scope);
        let (Some(asked), Some(partition)) = (asked, partition) else {
            exchange.note(Cached::Bypass);
            return Verdict::Continue;
        };
        let key = asked.key(&partition);
        if wish == Wish::Known
            && let Some(recorded) = self.find(exchange.endpoint.surface, &key, &asked)
        {
            exchange.note(Cached::Hit(self.name()));
            return Verdict::Answer(recorded);
        }
        exchange.note(Cached::Miss);
        if wish == Wish::Known && !may_be_sealed(exchange.endpoint.surface, &body) {
            let mut flight = blake3::Hasher::new();
            flight.update(&key.hash).update(asked.form().as_bytes());
            let flight = *flight.finalize().as_bytes();
            exchange.flight = Some(Flight { key: flight, names: key.names.clone(), scope });
        }
        let (answers, options, endpoint) =
            (Arc::clone(&self.answers), self.options, exchange.endpoint);
        let (form, confined) = (asked.form().to_owned(), exchange.confined.clone());
        exchange.then(move |answered| {
            if let Some(answer) = kept(endpoint, answered, form, key.names, (scope, &confined)) {
                answers.put(&key.hash, &answer, options.max_bytes, options.ttl);
            }
        });
        Verdict::Continue
    }
}

/// What a request wants of caches, by its `cache-control` (RFC 9111 §5.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// An answer that is known.
    Known,
    /// A new one, which may be kept: `no-cache`.
    New,
    /// To be left alone: `no-store`.
    Neither,
}

impl Wish {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let values = headers.get_all(header::CACHE_CONTROL);
        let said = |word: &str| {
            values.iter().any(|value| {
                let value = value.to_str().unwrap_or_default();
                value.split(',').any(|directive| directive.trim().eq_ignore_ascii_case(word))
            })
        };
        match (said("no-store"), said("no-cache")) {
            (true, _) => Self::Neither,
            (false, true) => Self::New,
            (false, false) => Self::Known,
        }
    }
}

/// Among whose requests an answer is looked for; `None` for whom the provider would not answer.
pub(super) fn partition(exchange: &Exchange<'_>, scope: Sharing) -> Option<Vec<u8>> {
    let Provider { name, host, port, path_prefix, client_keys, .. } = exchange.provider;
    let keys: Vec<[u8; 32]> = credentials(exchange.headers).collect();
    // What the broker would refuse must not be answered from here.
    if !client_keys.is_empty() && !keys.iter().any(|key| client_keys.contains(key)) {
        return None;
    }
    let mut parts: Vec<Vec<u8>> = vec![format!("{name} {host}:{port}{path_prefix}").into()];
    for header in DECIDING {
        let values: Vec<_> =
            exchange.headers.get_all(header).iter().map(|value| value.as_bytes()).collect();
        parts.push(values.join(&b','));
    }
    parts.push(exchange.client.unwrap_or_default().into());
    if scope == Sharing::Tenant {
        parts.push(exchange.tenant.into());
        parts.extend(keys.iter().map(|key| key.to_vec()));
    }
    let mut partition = Vec::new();
    for part in parts {
        partition.extend((part.len() as u64).to_le_bytes());
        partition.extend(part);
    }
    Some(partition)
}

/// What is kept of an answer; nothing of one that is not whole, or that not all may be given who
/// would find it.
pub(super) fn kept(
    endpoint: &Endpoint,
    answered: &Answered,
    form: String,
    names: Vec<Name>,
    (scope, confined): (Sharing, &Confined),
) -> Option<Answer> {
    if !confined.allows(scope) {
        return None;
    }
    let Answered { status, form: written, body, end } = answered;
    // Who leaves a stream behind its last event has read all of it.
    let whole = match end {
        End::Whole => true,
        End::Left => *written == Form::Stream,
        End::Broken => false,
    };
    if *status != StatusCode::OK || *written == Form::Other || !whole {
        return None;
    }
    recorded::finish(endpoint.surface, *written, body)?;
    // Only whose key it was recorded with can go on from there.
    if scope == Sharing::Global && is_sealed(body) {
        return None;
    }
    let kind = match written {
        Form::Stream => Kind::Events,
        _ if endpoint.gives == Gives::Array => Kind::Array,
        _ => Kind::Whole,
    };
    Some(Answer { kind, form, names, body: body.clone() })
}

/// An answer as it is asked for; `None` if it cannot be written like that.
pub(super) fn written_as(
    surface: Surface,
    answer: &Answer,
    asked: &Canonical<'_>,
) -> Option<Bytes> {
    let Answer { kind, form, body, .. } = answer;
    let usage = match asked.wants_usage() {
        true => UsageChunk::Give,
        false => UsageChunk::Omit,
    };
    let streamed = || recorded::to_stream(surface, body, usage);
    let whole = || recorded::to_whole(surface, body);
    let converted = match (kind, asked.kind()) {
        (Kind::Whole, Kind::Whole) => return Some(body.clone()),
        (Kind::Events | Kind::Array, _) if form == asked.form() => return Some(body.clone()),
        (Kind::Events | Kind::Array, Kind::Whole) => whole(),
        (Kind::Whole | Kind::Array, Kind::Events) => streamed(),
        (Kind::Events, Kind::Events) => recorded::to_stream(surface, &whole()?, usage),
        (Kind::Events, Kind::Array) => recorded::to_array(surface, Form::Stream, body),
        (Kind::Whole | Kind::Array, Kind::Array) => recorded::to_array(surface, Form::Whole, body),
    };
    converted.map(Bytes::from)
}

/// Whether an answer can be given to a request with these placeholders: what is signed or sealed in
/// it cannot be translated, so it speaks of the ones that it was made for.
pub(super) fn is_theirs(answer: &Answer, names: &[Name]) -> bool {
    answer.names == names || !is_sealed(&answer.body)
}

/// Whether something in an answer is signed or sealed by the provider, for whoever asked.
fn is_sealed(body: &[u8]) -> bool {
    SEALED.iter().any(|key| memchr::memmem::find(body, key.as_bytes()).is_some())
}

/// Whether the answer to a request may be like that.
fn may_be_sealed(surface: Surface, body: &[u8]) -> bool {
    let says = |text: &str| memchr::memmem::find(body, text.as_bytes()).is_some();
    match surface {
        Surface::Messages => says("\"thinking\""),
        Surface::Responses => says("encrypted_content"),
        // Its models think unless they are told not to.
        Surface::Generate => true,
        _ => says("\"reasoning"),
    }
}

const SEALED: [&str; 6] = [
    "\"signature\"",
    "\"redacted_thinking\"",
    "\"thoughtSignature\"",
    "\"thought_signature\"",
    "\"encrypted_content\"",
    "\"reasoning_details\"",
];
/// The headers that change what a provider answers.
const DECIDING: [&str; 5] =
    ["anthropic-version", "anthropic-beta", "openai-beta", "openai-organization", "openai-project"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::Api;

    #[test]
    fn what_broke_off_is_not_kept_though_it_looks_whole() {
        let endpoint =
            Endpoint::find(Api::OpenAi, &http::Method::POST, "/v1/chat/completions").unwrap();
        let whole = r#"{"choices":[{"message":{"content":"x"},"finish_reason":"stop"}]}"#;
        let stream = "data: {\"choices\":[{\"delta\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
        for (form, body, end, expected) in [
            (Form::Whole, whole, End::Whole, true),
            (Form::Whole, whole, End::Broken, false),
            (Form::Whole, whole, End::Left, false),
            (Form::Stream, stream, End::Whole, true),
            // Everybody left behind the last event.
            (Form::Stream, stream, End::Left, true),
            (Form::Stream, stream, End::Broken, false),
        ] {
            let body = Bytes::from_static(body.as_bytes());
            let answered = Answered { status: StatusCode::OK, form, body, end };
            let everybody = (Sharing::Global, &Confined::default());
            let kept = kept(endpoint.endpoint, &answered, String::new(), Vec::new(), everybody);
            assert_eq!(kept.is_some(), expected, "{form:?} {end:?}");
        }
    }
}
