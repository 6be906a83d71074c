//! What makes vectors under one configuration, and the way to a service that makes them.
//!
//! A service is asked over the same broker as everything else: the same gate, keys and kernel policy.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, HeaderValue};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::Full;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::Semaphore;

use super::BrokerLink;
use super::answer;
use super::request::Link;
use crate::config::{Config, Embeddings};
use crate::embed::model::ModelError;
use crate::embed::{self, Embedder, Network, Service};
use crate::hop::{self, Pool};
use crate::link::RouteId;
use crate::pipeline;

/// The embedder of one configuration.
pub(super) struct Chosen {
    configured: Embeddings,
    /// The one that this process holds whole: asked itself, or where the service must not be.
    own: Arc<dyn Embedder>,
    pub(super) embedder: Arc<dyn Embedder>,
}

impl Chosen {
    /// Of a configuration of this epoch; a model that `before` has read is not read again.
    pub(super) fn of<L: BrokerLink>(
        config: &Config,
        epoch: u32,
        broker: &Arc<Pool<Link<L>>>,
        before: Option<&Self>,
    ) -> Result<Self, ModelError> {
        let configured = config.embeddings.clone();
        let own = match before {
            Some(before) if model(&before.configured) == model(&configured) => {
                Arc::clone(&before.own)
            }
            _ => embed::open(model(&configured), &config.data_dir.join("state"))?,
        };
        let embedder = match &configured {
            Embeddings::Network { via, model, .. } => match route(config, via) {
                Some(number) => {
                    let route = RouteId { epoch, number };
                    let places = Semaphore::new(MOST_AT_ONCE);
                    let service = OverBroker { broker: Arc::clone(broker), route, places };
                    Arc::new(Network::new(via, model, service))
                }
                None => {
                    let instead = own.name();
                    tracing::warn!(via, instead, "the airgap does not allow the embeddings' host");
                    Arc::clone(&own)
                }
            },
            Embeddings::Offline | Embeddings::Local { .. } => Arc::clone(&own),
        };
        Ok(Self { configured, own, embedder })
    }

    /// What `GET /v1/pipeline` says of it.
    pub(super) fn tell(&self) -> serde_json::Value {
        let refused =
            matches!(self.configured, Embeddings::Network { .. }) && !self.embedder.is_remote();
        let mut told = serde_json::json!({ "embedder": self.embedder.name() });
        if refused {
            told["instead"] = "the airgap does not allow the host of the configured one".into();
        }
        told
    }
}

/// The model that the process itself holds.
fn model(configured: &Embeddings) -> Option<&str> {
    match configured {
        Embeddings::Offline => None,
        Embeddings::Local { model } => Some(model),
        Embeddings::Network { fallback, .. } => fallback.as_deref(),
    }
}

/// The number of the provider, if the airgap has a place for it.
fn route(config: &Config, via: &str) -> Option<u16> {
    let number = config.providers.iter().position(|provider| provider.name == via)?;
    let allowed = pipeline::allows(config, &config.providers[number]);
    u16::try_from(number).ok().filter(|_| allowed)
}

/// A provider that makes embeddings.
struct OverBroker<L> {
    broker: Arc<Pool<Link<L>>>,
    route: RouteId,
    /// Each that waits holds up a thread.
    places: Semaphore,
}

impl<L: BrokerLink> OverBroker<L> {
    async fn send(&self, body: Bytes) -> Result<Bytes, String> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = Uri::from_static("/v1/embeddings");
        let headers = request.headers_mut();
        headers.insert(HOST, HeaderValue::from_static("broker"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let route = HeaderValue::try_from(self.route.to_string());
        headers.insert(hop::ROUTE, route.map_err(|error| error.to_string())?);
        let answer = self.broker.send(request).await.map_err(|_| "no broker".to_owned())?;
        let answer = answer::open(answer).await.map_err(|failure| {
            format!("refused as {}", failure.reason().to_str().unwrap_or_default())
        })?;
        if answer.status() != StatusCode::OK {
            return Err(format!("it answers with status {}", answer.status().as_u16()));
        }
        let mut body = answer.into_body();
        let whole = hop::collect(&mut body, MAX_ANSWER, PATIENCE).await;
        whole.map_err(|_| "its answer is not whole".to_owned())
    }
}

impl<L: BrokerLink> Service for OverBroker<L> {
    fn ask(&self, body: Bytes) -> Result<Bytes, String> {
        let _place = self.places.try_acquire().map_err(|_| "too many wait for it".to_owned())?;
        match Handle::try_current() {
            Ok(handle) if handle.runtime_flavor() == RuntimeFlavor::MultiThread => {
                let answer = async { tokio::time::timeout(PATIENCE, self.send(body)).await };
                tokio::task::block_in_place(|| handle.block_on(answer))
                    .unwrap_or_else(|_| Err("it does not answer in time".to_owned()))
            }
            _ => Err("nobody can wait for it here".to_owned()),
        }
    }
}

const PATIENCE: Duration = Duration::from_secs(3);
const MOST_AT_ONCE: usize = 16;
const MAX_ANSWER: usize = 1024 * 1024;
