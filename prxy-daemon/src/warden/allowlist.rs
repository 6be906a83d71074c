//! Which addresses may be reached: the configuration's literals and nameservers' answers, after
//! the ranges that no public name may point to are taken out.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use prxy_common::Role;

use crate::config::{Config, Host, Scope, scope};

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
    port: u16,
    private: bool,
    literal: bool,
    addresses: BTreeSet<IpAddr>,
    expires: Duration,
}

impl Allowlist {
    /// What the configuration says without any name being resolved.
    pub(crate) fn new(config: &Config, nameservers: &[SocketAddr]) -> Self {
        let routes = config
            .providers
            .iter()
            .map(|provider| {
                let literal = match provider.host {
                    Host::Address(address) => Some(address),
                    Host::Name(_) => None,
                };
                Route {
                    port: provider.port,
                    private: provider.private,
                    literal: literal.is_some(),
                    addresses: literal.into_iter().collect(),
                    expires: Duration::MAX,
                }
            })
            .collect();
        Self { nameservers: nameservers.to_vec(), routes }
    }

    /// Takes an answer; whether the addresses of the route changed by it.
    ///
    /// An answer without any acceptable address changes nothing: the last good one stays until
    /// it expires.
    #[must_use]
    pub(crate) fn admit(
        &mut self,
        route: u16,
        addresses: &[IpAddr],
        ttl: Duration,
        now: Duration,
    ) -> bool {
        let Some(entry) = self.routes.get_mut(usize::from(route)) else { return false };
        if entry.literal {
            return false;
        }
        let (good, bad): (BTreeSet<IpAddr>, BTreeSet<IpAddr>) =
            addresses.iter().partition(|address| is_acceptable(**address, entry.private));
        if !bad.is_empty() {
            tracing::warn!(route, refused = bad.len(), "nameserver gave special addresses");
        }
        if good.is_empty() {
            return false;
        }
        entry.expires = now + ttl.clamp(Duration::from_secs(1), MAX_TTL) + HARD_EXPIRY;
        let changed = entry.addresses != good;
        entry.addresses = good;
        changed
    }

    /// Drops addresses that no nameserver has confirmed for too long; the routes concerned.
    #[must_use]
    pub(crate) fn expire(&mut self, now: Duration) -> Vec<u16> {
        let mut expired = Vec::new();
        for (number, route) in (0_u16..).zip(&mut self.routes) {
            if !route.literal && !route.addresses.is_empty() && route.expires <= now {
                route.addresses.clear();
                expired.push(number);
            }
        }
        expired
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
                port: route.port,
                route: number,
            })
        });
        nameservers.chain(providers)
    }
}

/// Whether an answer may be used: never an address that names no single host, and one of the
/// special ranges (RFC 6890) only for a host that the configuration calls private.
fn is_acceptable(address: IpAddr, private: bool) -> bool {
    match scope(address) {
        Scope::Public => true,
        Scope::Private => private,
        Scope::NoDestination => false,
    }
}

/// The resolver keeps to this as well, but its word is not taken for it.
const MAX_TTL: Duration = Duration::from_secs(3600);

/// How long an answer serves beyond its time to live while nameservers are silent.
const HARD_EXPIRY: Duration = Duration::from_secs(24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_addresses_never_stand_behind_a_public_name() {
        for address in [
            "10.0.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "192.168.1.1",
            "192.0.0.8",
            "198.18.0.1",
            "::1",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001::1",
            "::127.0.0.1",
        ] {
            let address = address.parse().unwrap();
            assert!(!is_acceptable(address, false) && is_acceptable(address, true), "{address}");
        }
        for address in ["0.0.0.0", "224.0.0.1", "255.255.255.255", "::", "ff02::1"] {
            assert!(!is_acceptable(address.parse().unwrap(), true), "{address}");
        }
        for address in ["1.1.1.1", "160.79.104.10", "2607:6bc0::10"] {
            assert!(is_acceptable(address.parse().unwrap(), false), "{address}");
        }
    }

    fn list(private: bool) -> Allowlist {
        Allowlist {
            nameservers: Vec::new(),
            routes: vec![Route {
                port: 443,
                private,
                literal: false,
                addresses: BTreeSet::new(),
                expires: Duration::MAX,
            }],
        }
    }

    #[test]
    fn private_answers_count_only_where_the_configuration_says_so() {
        let answer = ["10.0.0.1".parse().unwrap(), "1.1.1.1".parse().unwrap()];
        let ttl = Duration::from_secs(60);
        let mut public = list(false);
        assert!(public.admit(0, &answer, ttl, Duration::ZERO));
        assert_eq!(public.addresses(0), vec!["1.1.1.1".parse::<IpAddr>().unwrap()]);
        let mut private = list(true);
        assert!(private.admit(0, &answer, ttl, Duration::ZERO));
        assert_eq!(private.addresses(0).len(), 2);
    }

    #[test]
    fn a_bad_answer_keeps_the_last_good_one_until_it_expires() {
        let mut list = list(false);
        let good = ["1.1.1.1".parse().unwrap()];
        assert!(list.admit(0, &good, Duration::from_secs(60), Duration::ZERO));
        assert!(!list.admit(0, &["127.0.0.1".parse().unwrap()], Duration::ZERO, Duration::ZERO));
        assert_eq!(list.addresses(0), good);
        assert!(list.expire(HARD_EXPIRY).is_empty());
        assert_eq!(list.expire(HARD_EXPIRY + Duration::from_secs(61)), vec![0]);
        assert!(list.addresses(0).is_empty());
    }

    #[test]
    fn no_answer_holds_longer_than_an_hour_and_a_day() {
        let mut list = list(false);
        let for_ever = Duration::from_secs(u32::MAX.into());
        assert!(list.admit(0, &["1.1.1.1".parse().unwrap()], for_ever, Duration::ZERO));
        assert_eq!(list.expire(HARD_EXPIRY + MAX_TTL), vec![0]);
    }

    #[test]
    fn answers_for_unknown_routes_change_nothing() {
        let good = ["1.1.1.1".parse().unwrap()];
        assert!(!list(false).admit(7, &good, Duration::ZERO, Duration::ZERO));
    }
}
