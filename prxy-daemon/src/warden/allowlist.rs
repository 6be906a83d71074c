//! Which addresses may be reached: those that the configuration fixes, and of nameservers' answers
//! those that it accepts. The resolver's word counts for nothing else here.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use prxy_common::Role;

use crate::config::{Addresses, Config, Provider};
use crate::link::MAX_ADDRESSES;

/// One destination that the kernel admits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    pub(crate) role: Role,
    pub(crate) address: IpAddr,
    pub(crate) port: u16,
    pub(crate) route: u16,
}

impl fmt::Display for Entry {
    /// As the audit log names it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let to = SocketAddr::new(self.address, self.port);
        match self.role {
            Role::Netgate => write!(f, "netgate {to} route {}", self.route),
            role => write!(f, "{} {to}", role.name()),
        }
    }
}

/// The destinations in force.
#[derive(Debug, Default)]
pub(crate) struct Allowlist {
    nameservers: Vec<SocketAddr>,
    routes: Vec<Route>,
}

#[derive(Debug)]
struct Route {
    provider: Provider,
    addresses: BTreeSet<IpAddr>,
    expires: Duration,
    /// When nameservers last changed the addresses.
    changed: Option<Duration>,
    /// The latest answer, if it came too soon after the last change.
    waiting: Option<Answer>,
    refusals: Refusals,
}

#[derive(Debug)]
struct Answer {
    addresses: BTreeSet<IpAddr>,
    expires: Duration,
}

/// Addresses that were reported and may not be used.
#[derive(Debug, Default)]
struct Refusals {
    count: u64,
    told: Option<Duration>,
}

impl Allowlist {
    /// What the configuration says without any name being resolved.
    pub(crate) fn new(config: &Config, nameservers: &[SocketAddr]) -> Self {
        let routes = config.providers.iter().cloned().map(Route::new).collect();
        Self { nameservers: nameservers.to_vec(), routes }
    }

    /// The list of another configuration, with what is known already of names that stay, as far as
    /// the new configuration accepts it: no outage because of a reload.
    pub(crate) fn reconfigured(&self, config: &Config, nameservers: &[SocketAddr]) -> Self {
        let mut next = Self::new(config, nameservers);
        for route in &mut next.routes {
            let Some(name) = route.provider.name_to_resolve() else { continue };
            let same = |known: &&Route| known.provider.name_to_resolve() == Some(name);
            if let Some(known) = self.routes.iter().find(same) {
                let good = known.addresses.iter().filter(|a| route.provider.accepts(**a));
                route.addresses = good.copied().collect();
                route.expires = known.expires;
            }
        }
        next
    }

    /// Takes an answer; whether the addresses of the route changed by it.
    ///
    /// Only what the configuration accepts counts, whatever the resolver says. An answer without
    /// any such address changes nothing: the last good one stays until it expires. One that comes
    /// within [`MIN_CHANGE`] of the last change waits for [`Allowlist::refresh`], and only the
    /// latest does: a resolver or nameserver that changes its mind all the time makes neither more
    /// generations nor more memory.
    #[must_use]
    pub(crate) fn admit(
        &mut self,
        route: u16,
        addresses: &[IpAddr],
        ttl: Duration,
        now: Duration,
    ) -> bool {
        let Some(entry) = self.routes.get_mut(usize::from(route)) else { return false };
        let (mut good, bad): (BTreeSet<IpAddr>, BTreeSet<IpAddr>) =
            addresses.iter().partition(|address| entry.provider.accepts(**address));
        entry.refusals.add(route, bad.len(), now);
        while good.len() > MAX_ADDRESSES {
            good.pop_last();
        }
        if good.is_empty() {
            return false;
        }
        let expires = now + ttl.clamp(Duration::from_secs(1), MAX_TTL) + HARD_EXPIRY;
        entry.waiting = Some(Answer { addresses: good, expires });
        entry.settle(now)
    }

    /// Takes answers that have waited, and drops addresses that no nameserver has confirmed for
    /// too long; the routes whose addresses changed.
    #[must_use]
    pub(crate) fn refresh(&mut self, now: Duration) -> Vec<u16> {
        let mut changed = Vec::new();
        for (number, route) in (0_u16..).zip(&mut self.routes) {
            let settled = route.settle(now);
            let expired = route.expire(now);
            if expired {
                tracing::warn!(route = number, "addresses expired: no nameserver confirmed them");
            }
            if settled || expired {
                changed.push(number);
            }
        }
        changed
    }

    /// The addresses of a route.
    pub(crate) fn addresses(&self, route: u16) -> Vec<IpAddr> {
        let route = self.routes.get(usize::from(route));
        route.map(|route| route.addresses.iter().copied().collect()).unwrap_or_default()
    }

    /// Everything that the kernel is to admit.
    pub(crate) fn entries(&self) -> impl Iterator<Item = Entry> {
        let nameservers = self.nameservers.iter().map(|server| Entry {
            role: Role::Resolver,
            address: server.ip(),
            port: server.port(),
            route: 0,
        });
        let providers = (0_u16..).zip(&self.routes).flat_map(|(number, route)| {
            route.addresses.iter().map(move |address| Entry {
                role: Role::Netgate,
                address: *address,
                port: route.provider.port,
                route: number,
            })
        });
        nameservers.chain(providers)
    }
}

impl Route {
    fn new(provider: Provider) -> Self {
        let (addresses, expires) = match &provider.addresses {
            Addresses::Fixed(addresses) => (addresses.iter().copied().collect(), Duration::MAX),
            Addresses::Resolved | Addresses::Within(_) => (BTreeSet::new(), Duration::ZERO),
        };
        let refusals = Refusals::default();
        Self { provider, addresses, expires, changed: None, waiting: None, refusals }
    }

    /// Takes the answer that waits, if it is time; whether the addresses changed.
    fn settle(&mut self, now: Duration) -> bool {
        let Some(answer) = self.waiting.take() else { return false };
        if answer.addresses == self.addresses {
            self.expires = answer.expires;
            return false;
        }
        if self.changed.is_some_and(|changed| now < changed + MIN_CHANGE) {
            self.waiting = Some(answer);
            return false;
        }
        (self.addresses, self.expires) = (answer.addresses, answer.expires);
        self.changed = Some(now);
        true
    }

    /// Fixed addresses never expire.
    fn expire(&mut self, now: Duration) -> bool {
        let expired = !self.addresses.is_empty() && self.expires <= now;
        if expired {
            self.addresses.clear();
        }
        expired
    }
}

impl Refusals {
    /// Counts; the log is told at once, and then at most once a minute.
    fn add(&mut self, route: u16, refused: usize, now: Duration) {
        if refused == 0 {
            return;
        }
        self.count = self.count.saturating_add(u64::try_from(refused).unwrap_or(u64::MAX));
        if self.told.is_none_or(|told| now >= told + TELL_AGAIN) {
            self.told = Some(now);
            let total = self.count;
            tracing::warn!(route, total, "nameservers gave addresses that may not be used");
        }
    }
}

/// The resolver keeps to this as well, but its word is not taken for it.
const MAX_TTL: Duration = Duration::from_secs(3600);

/// How long an answer serves beyond its time to live while nameservers are silent.
const HARD_EXPIRY: Duration = Duration::from_secs(24 * 3600);

/// Shortest time between two changes of a route by nameservers; the resolver's is nearly twice as
/// long.
const MIN_CHANGE: Duration = Duration::from_secs(30);

/// Shortest time between two lines of the log about a route's refused addresses.
const TELL_AGAIN: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests;
