//! The way of one request: admitted, routed, read, masked, sent to the broker.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::request::Parts;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use thiserror::Error;
use tokio::net::UnixStream;
use tokio::sync::watch;

use super::answer::{self, Reply, Source};
use super::call::{Call, GOOGLE, Prepared, Routed, headers, pipe, strip};
use super::coding::{Codings, DecodeError};
use super::doors::Visitor;
use super::embedder;
use super::error::{Failure, guess_api};
use super::limits::Limits;
use super::local::Local;
use super::log_only::LogOnly;
use super::outcomes;
use super::route::{Aim, Target, route};
use super::screen::{Screen, Shown};
use super::shared::{self, Flights, Head, Place, Waited};
use super::tenant::tenant;
use super::{BrokerLink, admit};
use crate::broker::gate::is_json;
use crate::client::{CREDENTIALS, Clients};
use crate::config::{ClientLimits, Config, Provider, TenantBy};
use crate::embed::model::ModelError;
use crate::hop::{self, CollectError, Connect, Holding, Pool, Protocol};
use crate::link::{FIRST_EPOCH, RouteId};
use crate::metrics::{Counts, Metrics, Sizes, Surface, Trace, Whole};
use crate::pipeline::patterns;
use crate::pipeline::{
    Cached, Chosen, Confined, Exchange, Flight, Kind, Pipeline, Recorded, Sent, Translated,
    Verdict, Watch,
};
use crate::provider::endpoint::{Endpoint, Takes};
use crate::redact::Vault;
use crate::redact::rehydrate::Form;
use crate::redact::scan::ScannerError;
use crate::store::Store;

/// The gateway, whose configuration can be replaced while it serves.
pub struct Gateway<L> {
    listen: SocketAddr,
    store: Store,
    broker: Arc<Pool<Link<L>>>,
    policy: watch::Sender<Arc<Policy>>,
    screen: Option<Arc<Screen>>,
    flights: Arc<Flights>,
    metrics: Arc<Metrics>,
    limits: Limits,
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
    counts: Counts,
    /// At which doors only known clients are served.
    strict: Strict,
    limits: HashMap<String, ClientLimits>,
}

/// Where whoever is not known is refused.
#[derive(Clone, Copy)]
struct Strict {
    tcp: bool,
    unix: bool,
}

impl Policy {
    fn new(
        config: &Config,
        epoch: u32,
        store: &Store,
        embedder: embedder::Chosen,
        metrics: &Metrics,
    ) -> Result<Self, BuildError> {
        let pipeline = Pipeline::build(config, store, &embedder.embedder)?.timed(metrics);
        // Module names are lower-case words.
        let names: Vec<_> = pipeline.modules().map(|(name, _)| name).collect();
        let modules =
            HeaderValue::try_from(names.join(",")).unwrap_or(HeaderValue::from_static(""));
        let (providers, max_body_bytes) = (config.providers.clone(), config.max_body_bytes);
        let log_only = config.is_log_only().then(LogOnly::new);
        let tenant_by = config.vault.tenant_by;
        let (local, clients) = (Local::of(config), Clients::new(&config.clients));
        let limits = config.clients.iter().map(|client| (client.name.clone(), client.limits));
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
            counts: metrics.counts(config),
            strict: Strict {
                tcp: config.listen.is_open(),
                unix: config.clients.iter().any(|client| client.peer.is_some()),
            },
            limits: limits.collect(),
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
        let metrics = Arc::<Metrics>::default();
        let policy = Policy::new(config, FIRST_EPOCH, &store, embedder, &metrics)?;
        let policy = watch::Sender::new(Arc::new(policy));
        Ok(Self {
            listen,
            store,
            broker,
            policy,
            screen: None,
            flights: Arc::default(),
            metrics,
            limits: Limits::default(),
        })
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
        Policy::new(config, epoch, &self.store, embedder, &self.metrics)
    }

    /// Puts a prepared configuration in force for every request that is not on its way yet.
    pub(crate) fn commit(&self, policy: Policy) {
        self.policy.send_replace(Arc::new(policy));
    }

    fn policy(&self) -> Arc<Policy> {
        Arc::clone(&self.policy.borrow())
    }

    /// What is counted.
    pub(crate) fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.metrics)
    }

    /// All that is counted, as text.
    pub(super) fn report(&self) -> String {
        let (entries, bytes) = (self.store.count(), self.store.size());
        self.metrics.report(Sizes { entries, bytes })
    }

    /// Answers one request, whatever happens.
    pub(super) async fn answer(
        &self,
        request: Request<Incoming>,
    ) -> Response<Holding<Reply, Whole>> {
        let mut trace = self.metrics.trace();
        let mut response = self.answer_to(request, &mut trace).await;
        if let Some(log_only) = &self.policy().log_only {
            log_only.mark(response.headers_mut());
        }
        let whole = trace.ends(response.status(), response.headers().get(hop::ERROR));
        response.map(|body| Holding::new(body, whole))
    }

    async fn answer_to(&self, request: Request<Incoming>, trace: &mut Trace) -> Response<Reply> {
        let (head, body) = request.into_parts();
        let policy = self.policy();
        let target = admit::admit(self.listen, head.version, &head.uri, &head.headers)
            .and_then(|()| route(&policy.providers, &head.method, &head.uri, &head.headers))
            .and_then(|target| {
                self.let_in(&policy, &head, &target, trace)?;
                Ok(target)
            });
        let refusal = |failure: Failure| {
            let api = guess_api(&policy.providers, head.uri.path(), &head.headers);
            failure.into_response(api).map(answer::whole)
        };
        match target {
            Ok(Target::Alive) => {
                trace.asks(Surface::HEALTH);
                answer::alive()
            }
            Ok(Target::Ready) => {
                trace.asks(Surface::READY);
                answer::ready(self.metrics.readiness())
            }
            Ok(Target::Pipeline) => {
                trace.asks(Surface::PIPELINE);
                let told = policy.tell_pipeline(&head.headers);
                told.map_or_else(refusal, |told| answer::own(&told))
            }
            Ok(Target::Outcomes) => {
                trace.asks(Surface::OUTCOMES);
                let noted = self.note_outcome(&policy, &head, body).await;
                noted.unwrap_or_else(refusal)
            }
            Ok(Target::Provider(Aim { endpoint, .. })) => {
                trace.asks(endpoint.surface);
                let api = endpoint.surface.api();
                let (answered, policy) = self.exchange(policy, endpoint, &head, body, trace).await;
                if let Err(Failure::Pipeline(refusal)) = &answered
                    && let Some(label) = refusal.label()
                {
                    policy.counts.note_blocked(label);
                }
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

    /// Whether whoever asks is served at this door, and within the limits of the client that it is.
    fn let_in(
        &self,
        policy: &Policy,
        head: &Parts,
        target: &Target,
        trace: &mut Trace,
    ) -> Result<(), Failure> {
        let in_query = match target {
            // Whoever asks whether we live may be anybody.
            Target::Alive | Target::Ready => return Ok(()),
            Target::Provider(aim) => aim.key.as_ref(),
            Target::Pipeline | Target::Outcomes => None,
        };
        let client = policy.whose(head, in_query)?;
        trace.comes_from(&policy.counts, client);
        let strict = match head.extensions.get::<Visitor>() {
            Some(Visitor::Tcp) | None => policy.strict.tcp,
            Some(Visitor::Unix { .. }) => policy.strict.unix,
        };
        match client {
            None if strict => Err(Failure::UnknownClient),
            None => Ok(()),
            Some(name) => {
                let place = self.limits.enter(name, policy.limits.get(name).copied())?;
                place.into_iter().for_each(|place| trace.holds(place));
                Ok(())
            }
        }
    }

    /// Counts what a client says came of patterns that it was offered.
    async fn note_outcome(
        &self,
        policy: &Policy,
        head: &Parts,
        body: Incoming,
    ) -> Result<Response<Reply>, Failure> {
        let headers = &head.headers;
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
        let client = policy.whose(head, None)?;
        let tenant = tenant(policy.tenant_by, client, headers, None)?;
        let whose = patterns::whose(&tenant, client, headers);
        let told = report.note(&self.store.patterns(), &whose)?;
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
        trace: &mut Trace,
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
        trace.is_read();
        // The body may have taken a while to come.
        policy = self.policy();
        let give_up = tokio::time::Instant::now() + CHANGE_PATIENCE;
        loop {
            let answered = self.attempt(&policy, head, body.clone(), trace).await;
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
        trace: &mut Trace,
    ) -> Result<Response<Reply>, Failure> {
        let target = route(&policy.providers, &head.method, &head.uri, &head.headers)?;
        let Target::Provider(aim) = target else { return Err(Failure::UnknownPath) };
        let number = aim.provider(&policy.providers, &body)?;
        trace.goes_to(&policy.counts, number);
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
            trace.goes_to(&policy.counts, number);
            call = Call { routed: Routed::Locally, ..policy.call(head, number, call.aim)? };
            prepared = policy.prepare(&call, body, &lent);
        }
        let masking = began.elapsed();
        trace.is_prepared(masking);
        let prepared = prepared?;
        policy.counts.note_masked(&prepared.masked);
        let vault = match shown {
            Some(shown) => shown.watch(vault),
            None => vault,
        };
        let told = prepared.told(&call);
        let answering = self.answering(&call, prepared, vault, trace).await?;
        let Answering { answer, vault, cached } = answering;
        cached.into_iter().for_each(|cached| trace.is_cached(cached));
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
        trace: &Trace,
    ) -> Result<Answering, Failure> {
        let Prepared { body, answer, cached, flight, listeners, sent, .. } = prepared;
        if let Some(Recorded { kind, body, theirs, own }) = answer {
            let vault = Translated::new(&theirs, &own, vault).ok_or(Failure::BadAnswer)?;
            let answer = answer::known(kind, body);
            return Ok(Answering { answer, vault: Arc::new(vault), cached });
        }
        let mut lead = None;
        if let Some(Flight { key, names, .. }) = flight {
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
        let began = Instant::now();
        let opened = match self.broker.send(call.request(body)).await {
            Ok(answer) => answer::open(answer).await,
            Err(error) => {
                tracing::warn!(%error, "no broker");
                Err(Failure::BrokerGone)
            }
        };
        let (head, body) = match opened {
            Ok(answer) => {
                trace.is_answered(answer.status(), began.elapsed());
                answer.into_parts()
            }
            Err(failure) => {
                trace.is_lost(&failure.reason());
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

    /// Whose a request is, by all that it brings and by who has connected.
    fn whose(&self, head: &Parts, in_query: Option<&HeaderValue>) -> Result<Option<&str>, Failure> {
        let mut brought = HeaderMap::new();
        for name in &CREDENTIALS {
            for value in head.headers.get_all(name) {
                brought.append(name, value.clone());
            }
        }
        if let Some(key) = in_query {
            brought.append(GOOGLE, key.clone());
        }
        if let Some(name) = self.peer(head) {
            brought.insert(hop::CLIENT, name);
        }
        Ok(self.clients.of(&brought)?)
    }

    /// The client that has connected, if the kernel says who that is.
    fn peer(&self, head: &Parts) -> Option<HeaderValue> {
        let Some(Visitor::Unix { uid, gid }) = head.extensions.get::<Visitor>() else {
            return None;
        };
        HeaderValue::try_from(self.clients.of_peer(*uid, *gid)?).ok()
    }

    /// A request to one of the providers.
    fn call(&self, head: &Parts, number: usize, aim: Aim) -> Result<Call<'_>, Failure> {
        let provider = self.providers.get(number).ok_or(Failure::UnknownPath)?;
        let route = u16::try_from(number).map_err(|_| Failure::UnknownPath)?;
        let route = RouteId { epoch: self.epoch, number: route };
        let headers = headers(head, route, &aim, self.peer(head));
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
                confined: Confined::default(),
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

/// An answer that is about to be restored.
struct Answering {
    answer: Response<Source>,
    vault: Arc<dyn Vault>,
    cached: Option<Cached>,
}

/// Opens connections to the broker for the pool.
pub(super) struct Link<L>(L);

impl<L: BrokerLink> Connect for Link<L> {
    type Io = UnixStream;
    type Error = io::Error;

    async fn connect(&self) -> io::Result<(UnixStream, Protocol)> {
        Ok((self.0.connect().await?, Protocol::Http1))
    }
}

/// How long a request waits for the rest of a change of the configuration.
const CHANGE_PATIENCE: Duration = Duration::from_secs(5);
/// Between two pieces of a request's body.
const BODY_PATIENCE: Duration = Duration::from_secs(30);
