//! The way of one request: admitted, routed, read, masked, sent to the broker.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use thiserror::Error;
use tokio::net::UnixStream;
use tokio::sync::watch;

use super::answer::{self, Reply, Source};
use super::coding::{Codings, DecodeError};
use super::embedder;
use super::error::{Failure, guess_api};
use super::local::{self, Local};
use super::log_only::LogOnly;
use super::outcomes;
use super::route::{Aim, Target, route};
use super::screen::{Screen, Shown};
use super::shared::{self, Flights, Head, Place, Waited};
use super::tenant::tenant;
use super::{BrokerLink, admit};
use crate::broker::gate::is_json;
use crate::client::Clients;
use crate::config::{Config, Provider, TenantBy};
use crate::embed::model::ModelError;
use crate::hop::{self, CollectError, Connect, Pool, Protocol};
use crate::link::{FIRST_EPOCH, RouteId};
use crate::pipeline::{
    Cached, Chosen, Exchange, Flight, Kind, Listener, Pipeline, Recorded, Sent, Translated,
    Verdict, Watch,
};
use crate::provider::endpoint::{Endpoint, Takes};
use crate::provider::fetch;
use crate::redact::rehydrate::Form;
use crate::redact::scan::ScannerError;
use crate::redact::{Label, Vault};
use crate::store::Store;

/// The gateway, whose configuration can be replaced while it serves.
pub struct Gateway<L> {
    listen: SocketAddr,
    store: Store,
    broker: Arc<Pool<Link<L>>>,
    policy: watch::Sender<Arc<Policy>>,
    screen: Option<Arc<Screen>>,
    flights: Arc<Flights>,
}

/// Why the gateway cannot be built; holds no text of requests.
#[derive(Debug, Error)]
pub enum BuildError {
    /// A module of the pipeline.
    #[error(transparent)]
    Scanner(#[from] ScannerError),
    /// The local model.
    #[error("embeddings: {0}")]
    Model(#[from] ModelError),
}

/// What one configuration makes of the gateway.
pub(crate) struct Policy {
    epoch: u32,
    providers: Vec<Provider>,
    pipeline: Pipeline,
    /// The modules that protect.
    safety: Chosen,
    embedder: embedder::Chosen,
    modules: HeaderValue,
    log_only: Option<LogOnly>,
    local: Local,
    max_body_bytes: usize,
    tenant_by: TenantBy,
    clients: Clients,
}

impl Policy {
    fn new(
        config: &Config,
        epoch: u32,
        store: &Store,
        embedder: embedder::Chosen,
    ) -> Result<Self, BuildError> {
        let pipeline = Pipeline::build(config, store, &embedder.embedder)?;
        // Module names are lower-case words.
        let names: Vec<_> = pipeline.modules().map(|(name, _)| name).collect();
        let modules =
            HeaderValue::try_from(names.join(",")).unwrap_or(HeaderValue::from_static(""));
        let (providers, max_body_bytes) = (config.providers.clone(), config.max_body_bytes);
        let log_only = config.is_log_only().then(LogOnly::new);
        let tenant_by = config.vault.tenant_by;
        let (local, clients) = (Local::of(config), Clients::new(&config.clients));
        Ok(Self {
            epoch,
            providers,
            safety: pipeline.safety(),
            pipeline,
            embedder,
            modules,
            log_only,
            local,
            max_body_bytes,
            tenant_by,
            clients,
        })
    }
}

impl<L: BrokerLink> Gateway<L> {
    /// Builds it with its first configuration.
    ///
    /// # Errors
    /// A module of the pipeline cannot be built, or the local model cannot be used.
    pub fn new(
        config: &Config,
        listen: SocketAddr,
        broker: L,
        store: Store,
    ) -> Result<Self, BuildError> {
        let broker = Arc::new(Pool::new(Link(broker)));
        let embedder = embedder::Chosen::of(config, FIRST_EPOCH, &broker, None)?;
        let policy = Policy::new(config, FIRST_EPOCH, &store, embedder)?;
        let policy = watch::Sender::new(Arc::new(policy));
        Ok(Self { listen, store, broker, policy, screen: None, flights: Arc::default() })
    }

    /// Shows what is masked and restored.
    #[must_use]
    pub fn showing(mut self, screen: Option<Screen>) -> Self {
        self.screen = screen.map(Arc::new);
        self
    }

    /// Builds what another configuration needs, beside the one in force.
    pub(crate) fn prepare(&self, config: &Config, epoch: u32) -> Result<Policy, BuildError> {
        let before = self.policy();
        let embedder = embedder::Chosen::of(config, epoch, &self.broker, Some(&before.embedder))?;
        Policy::new(config, epoch, &self.store, embedder)
    }

    /// Puts a prepared configuration in force for every request that is not on its way yet.
    pub(crate) fn commit(&self, policy: Policy) {
        self.policy.send_replace(Arc::new(policy));
    }

    fn policy(&self) -> Arc<Policy> {
        Arc::clone(&self.policy.borrow())
    }

    /// Answers one request, whatever happens.
    pub(super) async fn answer(&self, request: Request<Incoming>) -> Response<Reply> {
        let mut response = self.answer_to(request).await;
        if let Some(log_only) = &self.policy().log_only {
            log_only.mark(response.headers_mut());
        }
        response
    }

    async fn answer_to(&self, request: Request<Incoming>) -> Response<Reply> {
        let (head, body) = request.into_parts();
        let policy = self.policy();
        let target = admit::admit(self.listen, head.version, &head.uri, &head.headers)
            .and_then(|()| route(&policy.providers, &head.method, &head.uri, &head.headers));
        let refusal = |failure: Failure| {
            let api = guess_api(&policy.providers, head.uri.path(), &head.headers);
            failure.into_response(api).map(answer::whole)
        };
        match target {
            Ok(Target::Local) => answer::alive(),
            Ok(Target::Pipeline) => {
                let told = policy.tell_pipeline(&head.headers);
                told.map_or_else(refusal, |told| answer::own(&told))
            }
            Ok(Target::Outcomes) => {
                let noted = self.note_outcome(&policy, &head.headers, body).await;
                noted.unwrap_or_else(refusal)
            }
            Ok(Target::Provider(Aim { endpoint, .. })) => {
                let api = endpoint.surface.api();
                let (answered, policy) = self.exchange(policy, endpoint, &head, body).await;
                let mut response = answered
                    .unwrap_or_else(|failure| failure.into_response(api).map(answer::whole));
                let modules = response.headers_mut().entry(hop::MODULES);
                modules.or_insert_with(|| policy.modules.clone());
                response
            }
            Err(failure) => {
                policy.discard(&head.headers, body).await;
                refusal(failure)
            }
        }
    }

    /// Counts what a client says came of patterns that it was offered.
    async fn note_outcome(
        &self,
        policy: &Policy,
        headers: &HeaderMap,
        body: Incoming,
    ) -> Result<Response<Reply>, Failure> {
        let codings = match policy.check_head(Takes::Json, headers) {
            Ok(codings) => codings,
            Err(failure) => {
                policy.discard(headers, body).await;
                return Err(failure);
            }
        };
        let body = policy.collect(body, outcomes::MAX_BYTES).await?;
        let body = policy.decode(&codings, body)?;
        let report = outcomes::Report::read(&body)?;
        let tenant = tenant(policy.tenant_by, policy.clients.of(headers)?, headers, None)?;
        let told = report.note(&self.store.patterns(), &tenant)?;
        let mut response = answer::own(&told);
        *response.status_mut() = StatusCode::CREATED;
        Ok(response)
    }

    /// The answer, and the policy that it was got under.
    async fn exchange(
        &self,
        mut policy: Arc<Policy>,
        endpoint: &Endpoint,
        head: &Parts,
        body: Incoming,
    ) -> (Result<Response<Reply>, Failure>, Arc<Policy>) {
        let codings = match policy.check_head(endpoint.takes, &head.headers) {
            Ok(codings) => codings,
            Err(failure) => {
                policy.discard(&head.headers, body).await;
                return (Err(failure), policy);
            }
        };
        let body = policy
            .collect(body, policy.max_body_bytes)
            .await
            .and_then(|body| policy.decode(&codings, body));
        let body = match body {
            Ok(body) => body,
            Err(failure) => return (Err(failure), policy),
        };
        if endpoint.takes == Takes::Nothing && !body.is_empty() {
            return (Err(Failure::UnexpectedBody), policy);
        }
        // The body may have taken a while to come.
        policy = self.policy();
        let give_up = tokio::time::Instant::now() + CHANGE_PATIENCE;
        loop {
            let answered = self.attempt(&policy, head, body.clone()).await;
            match answered {
                // Nothing was sent, and the policy that the broker has already comes here next.
                Err(failure) if failure.is_policy_change() => {
                    match tokio::time::timeout_at(give_up, self.policy_after(policy.epoch)).await {
                        Ok(Some(next)) => policy = next,
                        Ok(None) | Err(_) => return (Err(failure), policy),
                    }
                }
                answered => return (answered, policy),
            }
        }
    }

    /// Masks and sends by one policy, whole.
    async fn attempt(
        &self,
        policy: &Policy,
        head: &Parts,
        body: Bytes,
    ) -> Result<Response<Reply>, Failure> {
        let target = route(&policy.providers, &head.method, &head.uri, &head.headers)?;
        let Target::Provider(aim) = target else { return Err(Failure::UnknownPath) };
        let number = aim.provider(&policy.providers, &body)?;
        let mut call = policy.call(head, number, aim)?;
        let endpoint = call.aim.endpoint;
        let tenant = tenant(policy.tenant_by, call.client, &head.headers, call.aim.key.as_ref())?;
        let vault: Arc<dyn Vault> = self.store.vault(&tenant);
        let began = Instant::now();
        let shown =
            self.screen.as_ref().map(|screen| screen.exchange(&head.method, head.uri.path()));
        let lent = Lent {
            chosen: policy.pipeline.chosen(pipe(&head.headers).as_deref())?,
            tenant: &tenant,
            vault: &*vault,
            shown: shown.as_deref(),
        };
        let mut prepared = policy.prepare(&call, body.clone(), &lent);
        if let Err(Failure::Pipeline(refusal)) = &prepared
            && refusal.is_for_local()
            && let Some(number) = policy.local.provider(endpoint.api)
        {
            // Everything anew, as if the local provider had been asked.
            let (body, uri) = policy.local.renamed(endpoint, body, call.aim.uri.clone());
            call.aim.uri = uri;
            call = Call { routed: Routed::Locally, ..policy.call(head, number, call.aim)? };
            prepared = policy.prepare(&call, body, &lent);
        }
        let prepared = prepared?;
        let masking = began.elapsed();
        let vault = match shown {
            Some(shown) => shown.watch(vault),
            None => vault,
        };
        let told = prepared.told(&call);
        let Answering { answer, vault, cached } = self.answering(&call, prepared, vault).await?;
        let vault = policy.pipeline.masks().then_some(vault);
        let restorer = vault.map(|vault| answer::Restorer {
            endpoint,
            vault,
            kept: policy.pipeline.kept_tools(),
            base: admit::host(head.version, &head.uri, &head.headers)
                .and_then(|host| answer::base(host, head.uri.path())),
        });
        let mut response = answer::restore(restorer, answer).await?;
        response.headers_mut().extend(told);
        if let Some(cached) = cached {
            let word = HeaderValue::from_static(cached.word());
            response.headers_mut().insert(hop::CACHE, word);
        }
        tracing::debug!(
            provider = call.provider.name,
            status = response.status().as_u16(),
            cached = cached.map_or("", Cached::word),
            masking_us = masking.as_micros(),
            "answered"
        );
        Ok(response)
    }

    /// The answer from wherever it comes, and the vault that it is restored with.
    async fn answering(
        &self,
        call: &Call<'_>,
        prepared: Prepared,
        vault: Arc<dyn Vault>,
    ) -> Result<Answering, Failure> {
        let Prepared { body, answer, cached, flight, listeners, sent, .. } = prepared;
        if let Some(Recorded { kind, body, theirs, own }) = answer {
            let vault = Translated::new(&theirs, &own, vault).ok_or(Failure::BadAnswer)?;
            let answer = answer::known(kind, body);
            return Ok(Answering { answer, vault: Arc::new(vault), cached });
        }
        let mut lead = None;
        if let Some(Flight { key, names }) = flight {
            loop {
                let behind = match self.flights.join(key) {
                    Place::First(first) => {
                        lead = Some((first, names));
                        break;
                    }
                    Place::Behind(behind) => behind,
                };
                let (head, reader) = match behind.answer().await {
                    Waited::Shared(head, reader) => (head, reader),
                    Waited::Again => continue,
                    Waited::Alone => break,
                };
                let Some(vault) = Translated::new(&head.names, &names, Arc::clone(&vault)) else {
                    break;
                };
                let mut answer = Response::new(Source::Shared(reader));
                if let Some(value) = head.content_type {
                    answer.headers_mut().insert(header::CONTENT_TYPE, value);
                }
                let cached = Some(Cached::Shared);
                return Ok(Answering { answer, vault: Arc::new(vault), cached });
            }
        }
        sent.note();
        let opened = match self.broker.send(call.request(body)).await {
            Ok(answer) => answer::open(answer).await,
            Err(error) => {
                tracing::warn!(%error, "no broker");
                Err(Failure::BrokerGone)
            }
        };
        let (head, body) = match opened {
            Ok(answer) => answer.into_parts(),
            Err(failure) => {
                if failure.is_before_sending() {
                    sent.forget();
                }
                lead.into_iter().for_each(|(lead, _)| lead.failed());
                return Err(failure);
            }
        };
        let form = answer::form(&head.headers);
        // Nobody else can use an error: it may be about this client alone.
        let usable = head.status == StatusCode::OK && form != Form::Other;
        let lead = match lead {
            Some((lead, names)) if usable => {
                let content_type = head.headers.get(header::CONTENT_TYPE).cloned();
                Some((lead, Head { content_type, names }))
            }
            Some((lead, _)) => {
                lead.failed();
                None
            }
            None => None,
        };
        let body = match listeners.is_empty() && lead.is_none() {
            true => Source::Provider(body),
            false => {
                let reader = shared::share(body, head.status, form, listeners, lead);
                Source::Shared(reader)
            }
        };
        Ok(Answering { answer: Response::from_parts(head, body), vault, cached })
    }

    /// The policy in force as soon as it is a later one than `epoch`.
    async fn policy_after(&self, epoch: u32) -> Option<Arc<Policy>> {
        let mut policies = self.policy.subscribe();
        let next = policies.wait_for(|policy| policy.epoch > epoch).await;
        next.ok().map(|policy| Arc::clone(&policy))
    }
}

impl Policy {
    /// What can be refused before a byte of the body is read.
    fn check_head(&self, takes: Takes, headers: &HeaderMap) -> Result<Codings, Failure> {
        let codings = Codings::of(headers).ok_or(Failure::ContentEncoding)?;
        let mut forms = headers.get_all(header::CONTENT_TYPE).iter();
        let json = forms.next().is_some_and(is_json) && forms.next().is_none();
        if takes == Takes::Json && !json {
            return Err(Failure::ContentType);
        }
        let limit = self.max_body_bytes;
        let announced = hop::content_length(headers).unwrap_or(0);
        if usize::try_from(announced).is_ok_and(|announced| announced <= limit) {
            Ok(codings)
        } else {
            Err(Failure::BodyTooLarge { limit })
        }
    }

    async fn collect(&self, mut body: Incoming, limit: usize) -> Result<Bytes, Failure> {
        match hop::collect(&mut body, limit, BODY_PATIENCE).await {
            Ok(body) => Ok(body),
            Err(CollectError::TooLarge) => {
                hop::discard(body, limit).await;
                Err(Failure::BodyTooLarge { limit })
            }
            Err(CollectError::Broken) => Err(Failure::BodyBroken),
            Err(CollectError::Stalled) => Err(Failure::BodyStalled),
        }
    }

    /// A request to one of the providers.
    fn call(&self, head: &Parts, number: usize, aim: Aim) -> Result<Call<'_>, Failure> {
        let provider = self.providers.get(number).ok_or(Failure::UnknownPath)?;
        let route = u16::try_from(number).map_err(|_| Failure::UnknownPath)?;
        let route = RouteId { epoch: self.epoch, number: route };
        let headers = headers(head, route, &aim);
        // By what the broker gets, so that both come to the same.
        let client = self.clients.of(&headers)?;
        Ok(Call { headers, client, provider, number, aim, routed: Routed::AsAsked })
    }

    /// What is sent for a call, by everything that this policy says of its provider.
    fn prepare(&self, call: &Call<'_>, body: Bytes, lent: &Lent<'_>) -> Result<Prepared, Failure> {
        let endpoint = call.aim.endpoint;
        let (body, stripped) = strip(call.provider, endpoint, body);
        // What goes to a local provider may be raw, so nothing of it is kept or shared.
        let chosen = match self.local.has(call.number) {
            true => &self.safety,
            false => &lent.chosen,
        };
        self.run_pipeline(call, body, stripped, (lent, chosen))
    }

    /// What is active, for a client that would send these headers.
    fn tell_pipeline(&self, headers: &HeaderMap) -> Result<serde_json::Value, Failure> {
        let chosen = self.pipeline.chosen(pipe(headers).as_deref())?;
        let modules = self.pipeline.modules().map(|(name, kind)| {
            let optional = kind == Kind::Optional;
            serde_json::json!({ "name": name, "optional": optional })
        });
        let modules: Vec<_> = modules.collect();
        let active = self.pipeline.names(&chosen);
        let active: Vec<_> = active.split(',').filter(|name| !name.is_empty()).collect();
        let embeddings = self.embedder.tell();
        Ok(serde_json::json!({ "configured": modules, "active": active, "embeddings": embeddings }))
    }

    /// What the body says; the limit is for that as well.
    fn decode(&self, codings: &Codings, body: Bytes) -> Result<Bytes, Failure> {
        if codings.is_empty() {
            return Ok(body);
        }
        let limit = self.max_body_bytes;
        // How large it gets is not known before.
        hop::on_cpu(usize::MAX, || codings.decode(body, limit)).map_err(|error| match error {
            DecodeError::Malformed => Failure::BodyUndecodable,
            DecodeError::TooLarge => Failure::BodyTooLarge { limit },
        })
    }

    fn run_pipeline(
        &self,
        call: &Call<'_>,
        body: Bytes,
        stripped: Option<HeaderValue>,
        (lent, chosen): (&Lent<'_>, &Chosen),
    ) -> Result<Prepared, Failure> {
        let watch = lent.shown.map(|shown| shown as &dyn Watch);
        hop::on_cpu(body.len(), || {
            let mut exchange = Exchange {
                provider: call.provider,
                client: call.client,
                tenant: lent.tenant,
                endpoint: call.aim.endpoint,
                uri: &call.aim.uri,
                headers: &call.headers,
                vault: lent.vault,
                body,
                masked: BTreeMap::new(),
                watch,
                passed: Vec::new(),
                listeners: Vec::new(),
                cached: None,
                flight: None,
                told: HeaderMap::new(),
                sent: Sent::default(),
            };
            let answer = match self.pipeline.run(chosen, &mut exchange) {
                Verdict::Continue => None,
                Verdict::Answer(recorded) => Some(recorded),
                Verdict::Refuse(refusal) => {
                    let line = format!("not sent: {refusal}");
                    lent.shown.into_iter().for_each(|shown| shown.line(&line));
                    return Err(Failure::Pipeline(refusal));
                }
            };
            let Exchange { body, masked, passed, listeners, cached, flight, told, sent, .. } =
                exchange;
            Ok(Prepared {
                body,
                masked,
                stripped,
                passed,
                told,
                answer,
                cached,
                flight,
                listeners,
                sent,
            })
        })
    }

    /// Reads what is still to come, so that the refusal arrives; a client that waits for leave to
    /// send gets none.
    async fn discard(&self, headers: &HeaderMap, body: Incoming) {
        if !headers.contains_key(header::EXPECT) {
            hop::discard(body, self.max_body_bytes.saturating_mul(2)).await;
        }
    }
}

/// What a request brings and is lent for its way through the pipeline.
struct Lent<'a> {
    chosen: Chosen,
    tenant: &'a str,
    vault: &'a dyn Vault,
    shown: Option<&'a Shown>,
}

/// What is sent or answered, and what was done to it.
struct Prepared {
    body: Bytes,
    masked: BTreeMap<Label, u32>,
    stripped: Option<HeaderValue>,
    passed: Vec<(&'static str, String)>,
    /// What modules tell in headers of their own.
    told: HeaderMap,
    /// Known already: nothing is sent.
    answer: Option<Recorded>,
    cached: Option<Cached>,
    flight: Option<Flight>,
    listeners: Vec<Listener>,
    sent: Sent,
}

impl Prepared {
    /// What the client is told of its request.
    fn told(&self, call: &Call<'_>) -> HeaderMap {
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

/// An answer that is about to be restored.
struct Answering {
    answer: Response<Source>,
    vault: Arc<dyn Vault>,
    cached: Option<Cached>,
}

/// Whether a request goes where it was meant to go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Routed {
    AsAsked,
    /// To a local provider instead: what it holds must not leave.
    Locally,
}

/// A request on its way to a known endpoint of a known provider.
struct Call<'a> {
    /// What the broker gets; it chooses itself which of them go on.
    headers: HeaderMap,
    /// Whose it is, if that is somebody with a name.
    client: Option<&'a str>,
    provider: &'a Provider,
    /// The provider's.
    number: usize,
    aim: Aim,
    routed: Routed,
}

impl Call<'_> {
    /// What the broker gets.
    fn request(&self, body: Bytes) -> Request<Full<Bytes>> {
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
fn headers(head: &Parts, route: RouteId, aim: &Aim) -> HeaderMap {
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
    if let Some(key) = &aim.key {
        // Beside another one it goes no further than to the broker, which must know whose it is.
        let place = if headers.contains_key(GOOGLE) { hop::CALLER } else { GOOGLE };
        headers.insert(place, key.clone());
    }
    headers
}

/// The modules that a request wants to pass, if it says so.
fn pipe(headers: &HeaderMap) -> Option<String> {
    // What is no text names no module. Many are one list (RFC 9110 §5.3).
    let all = headers.get_all(hop::PIPE).iter().map(|value| value.to_str().unwrap_or("?"));
    all.map(str::to_owned).reduce(|before, next| format!("{before},{next}"))
}

const GOOGLE: HeaderName = HeaderName::from_static("x-goog-api-key");

/// Opens connections to the broker for the pool.
pub(super) struct Link<L>(L);

impl<L: BrokerLink> Connect for Link<L> {
    type Io = UnixStream;
    type Error = io::Error;

    async fn connect(&self) -> io::Result<(UnixStream, Protocol)> {
        Ok((self.0.connect().await?, Protocol::Http1))
    }
}

/// Takes out what the provider must not be asked for, and says what that was: `web-tool`.
fn strip(provider: &Provider, endpoint: &Endpoint, body: Bytes) -> (Bytes, Option<HeaderValue>) {
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

/// How long a request waits for the rest of a change of the configuration.
const CHANGE_PATIENCE: Duration = Duration::from_secs(5);
/// Between two pieces of a request's body.
const BODY_PATIENCE: Duration = Duration::from_secs(30);
