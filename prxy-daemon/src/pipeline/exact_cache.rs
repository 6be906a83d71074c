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
use crate::provider::endpoint::Endpoint;
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
        let form = Written { kind: asked.kind(), form: asked.form().to_owned() };
        let confined = exchange.confined.clone();
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

/// How the answer to a request is to be written.
pub(super) struct Written {
    pub(super) kind: Kind,
    /// See [`Canonical::form`].
    pub(super) form: String,
}

/// What is kept of an answer; nothing of one that is not whole or not written as it was asked for, or
/// that not all may be given who would find it.
pub(super) fn kept(
    endpoint: &Endpoint,
    answered: &Answered,
    asked: Written,
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
        _ if body.trim_ascii_start().starts_with(b"[") => Kind::Array,
        _ => Kind::Whole,
    };
    let Written { kind: expected, form } = asked;
    (kind == expected).then(|| Answer { kind, form, names, body: body.clone() })
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
        (Kind::Events, Kind::Events) | (Kind::Array, Kind::Array) if form == asked.form() => {
            return Some(body.clone());
        }
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
            let kind = if form == Form::Stream { Kind::Events } else { Kind::Whole };
            let asked = Written { kind, form: String::new() };
            let kept = kept(endpoint.endpoint, &answered, asked, Vec::new(), everybody);
            assert_eq!(kept.is_some(), expected, "{form:?} {end:?}");
        }
    }

    #[test]
    fn what_is_not_written_as_it_was_asked_for_is_not_kept() {
        const CHUNK: &str =
            r#"{"candidates":[{"content":{"parts":[{"text":"x"}]},"finishReason":"STOP"}]}"#;
        let (events, array) = (format!("data: {CHUNK}\r\n\r\n"), format!("[{CHUNK}]"));
        let model = "/v1beta/models/m";
        let confined = Confined::default();
        let everybody = (Sharing::Global, &confined);
        // By how it is asked for: the kinds of answer that are kept, of events, array and whole.
        for (asked, expected) in [
            (":generateContent", [false, false, true]),
            (":generateContent?alt=sse", [false, false, true]),
            (":streamGenerateContent", [false, true, false]),
            (":streamGenerateContent?alt=sse", [true, false, false]),
        ] {
            let uri: http::Uri = format!("{model}{asked}").parse().unwrap();
            let found = Endpoint::find(Api::Google, &http::Method::POST, uri.path()).unwrap();
            let canonical = Canonical::read(found.endpoint, &uri, b"{}").unwrap();
            let answers = [
                (Form::Stream, &*events, Kind::Events),
                (Form::Whole, &array, Kind::Array),
                (Form::Whole, CHUNK, Kind::Whole),
            ];
            let kept = answers.map(|(form, body, _)| {
                let asked = Written { kind: canonical.kind(), form: canonical.form().to_owned() };
                let body = Bytes::copy_from_slice(body.as_bytes());
                let answered = Answered { status: StatusCode::OK, form, body, end: End::Whole };
                kept(found.endpoint, &answered, asked, Vec::new(), everybody).is_some()
            });
            assert_eq!(kept, expected, "{asked}");
            // Whatever is kept all the same is given in the form that is asked for.
            for (_, body, kind) in answers {
                let body = Bytes::copy_from_slice(body.as_bytes());
                let form = canonical.form().to_owned();
                let answer = Answer { kind, form, names: Vec::new(), body };
                let given = written_as(Surface::Generate, &answer, &canonical).unwrap();
                let first = [b'{', b'd', b'['][canonical.kind() as usize];
                assert_eq!(given.first(), Some(&first), "{asked} {kind:?}");
            }
        }
    }

    #[test]
    fn alt_is_part_of_the_key_where_it_does_not_choose_the_form() {
        let key = |asked: &str| {
            let uri: http::Uri = format!("/v1beta/models/m{asked}").parse().unwrap();
            let found = Endpoint::find(Api::Google, &http::Method::POST, uri.path()).unwrap();
            Canonical::read(found.endpoint, &uri, b"{}").unwrap().key(b"")
        };
        let plain = key(":generateContent");
        assert_eq!(key(":streamGenerateContent?alt=sse"), plain);
        assert_ne!(key(":generateContent?alt=sse"), plain);
    }
}
