//! A request on its way through the pipeline, and what modules leave for its answer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::{HeaderMap, Uri};

use super::{Answered, Flight, Listener};
use crate::config::{Provider, Sharing};
use crate::provider::endpoint::Endpoint;
use crate::redact::{Label, Vault};

/// A request on its way through the pipeline.
pub struct Exchange<'a> {
    /// Where it goes.
    pub provider: &'a Provider,
    /// Whose it is, if that is somebody with a name.
    pub client: Option<&'a str>,
    /// Whose vault it uses.
    pub tenant: &'a str,
    /// What it asks for there.
    pub endpoint: &'static Endpoint,
    /// The path and the query, as the provider will see them.
    pub uri: &'a Uri,
    /// What the broker gets, which chooses itself what goes on.
    pub headers: &'a HeaderMap,
    /// What belongs to the client's tenant.
    pub vault: &'a dyn Vault,
    /// The JSON that is to be sent; empty where the endpoint takes nothing.
    pub body: Bytes,
    /// How many values were masked, by label.
    pub masked: BTreeMap<Label, u32>,
    /// Who is shown what is masked.
    pub watch: Option<&'a dyn Watch>,
    /// The modules that it has passed, with what they say of it.
    pub passed: Vec<(&'static str, String)>,
    /// Who is told the answer, in order.
    pub listeners: Vec<Listener>,
    /// What the caches made of it; nothing where there is none.
    pub cached: Option<Cached>,
    /// With whom it may share an answer that is on its way.
    pub flight: Option<Flight>,
    /// What modules tell the client in headers of their own.
    pub told: HeaderMap,
    /// Whether it may have reached the provider.
    pub sent: Sent,
    /// Whether it holds what others must not learn.
    pub confined: Confined,
}

/// What the caches made of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cached {
    /// The module of this name answered.
    Hit(&'static str),
    /// It shares the answer to another one.
    Shared,
    /// No answer was known.
    Miss,
    /// No cache looked: it cannot be cached, or asked not to be.
    Bypass,
}

impl Cached {
    /// The value of `x-prxy-cache`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Hit(module) => module,
            Self::Shared => "shared",
            Self::Miss => "miss",
            Self::Bypass => "bypass",
        }
    }
}

/// Is shown raw data, see `--debug`.
pub trait Watch: Sync {
    /// What a body was and what it became.
    fn masked(&self, before: &[u8], after: &[u8]);
}

/// Whether a request may have reached the provider: a listener that is never told an answer knows by
/// it whether there was one to come. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Sent(Arc<AtomicBool>);

impl Sent {
    /// It is on its way.
    pub fn note(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// It is known not to have arrived.
    pub fn forget(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    /// Whether it may have reached the provider.
    pub fn is_noted(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Whether something was put into a request that belongs to whoever sends it: an answer may repeat
/// it, so nobody else is given that answer. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Confined(Arc<AtomicBool>);

impl Confined {
    /// Whether an answer may be kept for, or shared with, all that `scope` names.
    pub fn allows(&self, scope: Sharing) -> bool {
        scope == Sharing::Tenant || !self.0.load(Ordering::Relaxed)
    }
}

impl Exchange<'_> {
    /// Has nobody else given the answer, whatever caches were configured for, before or behind.
    pub fn confine(&mut self) {
        self.confined.0.store(true, Ordering::Relaxed);
        self.flight = self.flight.take().filter(|flight| flight.scope == Sharing::Tenant);
    }

    /// Who may be given the answer where a cache is configured for `scope`.
    pub fn within(&self, scope: Sharing) -> Sharing {
        if self.confined.allows(scope) { scope } else { Sharing::Tenant }
    }

    /// Has `listener` told the answer; see [`Listener`].
    pub fn then(&mut self, listener: impl FnOnce(&Answered) + Send + 'static) {
        self.listeners.push(Box::new(listener));
    }

    /// Says in `x-prxy-modules` what the module did that is running: `ipc;saved-tokens=1200`.
    ///
    /// Both are plain words, without anything of the request.
    pub fn say(&mut self, what: &str, value: impl std::fmt::Display) {
        if let Some((_, said)) = self.passed.last_mut() {
            said.push_str(&format!(";{what}={value}"));
        }
    }

    /// Notes what a cache made of it; a cache that looked has more to say than one that did not.
    pub fn note(&mut self, cached: Cached) {
        if self.cached.is_none() || cached != Cached::Bypass {
            self.cached = Some(cached);
        }
    }
}
