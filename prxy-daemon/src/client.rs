//! Who sends a request: told by the credential that it brings, or by who has connected, by gateway and
//! broker alike.
//!
//! Not for what a client may do (`redact::Policy`), nor for letting anybody in: who is not known here
//! is nobody in particular.

use std::collections::HashMap;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::config::{Client, Peer};
use crate::hop;

/// The clients that have a name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clients {
    /// By the SHA-256 of their bare keys.
    keys: HashMap<[u8; 32], String>,
    /// By whom the kernel names.
    peers: HashMap<Peer, String>,
}

/// A request brings the keys of two clients.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("the credentials are those of two clients (`clients`): bring one")]
pub(crate) struct TwoClients;

impl Clients {
    pub(crate) fn new(clients: &[Client]) -> Self {
        let keys = |client: &Client| {
            let name = client.name.clone();
            client.keys.clone().into_iter().map(move |sum| (sum, name.clone()))
        };
        let peer = |client: &Client| Some((client.peer?, client.name.clone()));
        Self {
            keys: clients.iter().flat_map(keys).collect(),
            peers: clients.iter().filter_map(peer).collect(),
        }
    }

    /// The name of whoever has connected with this user and group; the user says more.
    pub(crate) fn of_peer(&self, uid: u32, gid: u32) -> Option<&str> {
        let known = self.peers.get(&Peer::User(uid)).or_else(|| self.peers.get(&Peer::Group(gid)));
        known.map(String::as_str)
    }

    /// The name of one that is told by who connects; nobody says so of one that is told by its keys
    /// alone.
    fn named(&self, value: &HeaderValue) -> Option<&String> {
        self.peers.values().find(|name| value == name.as_str())
    }

    /// The name of whoever brings one of these keys, in whichever header: one more credential, that
    /// nobody knows, hides no client from its rules. What the gateway says of who has connected counts
    /// as one.
    pub(crate) fn of(&self, headers: &HeaderMap) -> Result<Option<&str>, TwoClients> {
        if self.keys.is_empty() && self.peers.is_empty() {
            return Ok(None);
        }
        let by_key = credentials(headers).filter_map(|sum| self.keys.get(&sum));
        let by_peer = headers.get_all(hop::CLIENT).iter().filter_map(|value| self.named(value));
        let mut names = by_key.chain(by_peer);
        let first = names.next();
        match names.all(|other| Some(other) == first) {
            true => Ok(first.map(String::as_str)),
            false => Err(TwoClients),
        }
    }
}

/// The SHA-256 of every bare key that a request brings, in the order of [`CREDENTIALS`].
pub(crate) fn credentials(headers: &HeaderMap) -> impl Iterator<Item = [u8; 32]> {
    let places = CREDENTIALS.into_iter().chain([hop::CALLER]);
    let values = places.flat_map(|name| headers.get_all(name));
    values.filter_map(|value| bare(value.as_bytes()).map(sum))
}

/// The key itself, without `Bearer`; nothing if there is none.
pub(crate) fn bare(credential: &[u8]) -> Option<&[u8]> {
    let key = match credential.trim_ascii().split_at_checked(BEARER.len()) {
        Some((scheme, key)) if scheme.eq_ignore_ascii_case(BEARER) => key,
        _ => credential,
    };
    Some(key.trim_ascii()).filter(|key| !key.is_empty() && !key.eq_ignore_ascii_case(b"bearer"))
}

/// What stands for a bare key in the configuration.
pub(crate) fn sum(key: &[u8]) -> [u8; 32] {
    Sha256::digest(key).into()
}

const BEARER: &[u8] = b"bearer ";
/// Where clients' credentials stand.
pub(crate) const CREDENTIALS: [HeaderName; 3] = [
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("x-goog-api-key"),
    header::AUTHORIZATION,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_known_by_any_of_its_keys_wherever_it_stands() {
        let client = |name: &str, keys: &[&str]| Client {
            name: name.to_owned(),
            keys: keys.iter().map(|key| sum(key.as_bytes())).collect(),
            ..Client::default()
        };
        let clients = [client("ward", &["ward-old", "ward-new"]), client("lab", &["lab"])];
        for (headers, expected) in [
            (&[("x-api-key", "ward-old")][..], Ok(Some("ward"))),
            (&[("authorization", "Bearer ward-new")], Ok(Some("ward"))),
            (&[("authorization", "bearer  ward-new ")], Ok(Some("ward"))),
            (&[("x-goog-api-key", "lab")], Ok(Some("lab"))),
            (&[("x-prxy-caller", "lab")], Ok(Some("lab"))),
            (&[("x-api-key", "ward-old"), ("authorization", "Bearer ward-new")], Ok(Some("ward"))),
            // What nobody knows hides nothing, before or behind.
            (&[("x-api-key", "junk"), ("authorization", "Bearer lab")], Ok(Some("lab"))),
            (&[("x-api-key", "lab"), ("authorization", "Bearer junk")], Ok(Some("lab"))),
            (&[("x-api-key", "junk"), ("x-api-key", "lab")], Ok(Some("lab"))),
            (&[("x-api-key", "lab"), ("authorization", "Bearer ward-old")], Err(TwoClients)),
            (&[("x-api-key", "lab"), ("x-api-key", "ward-old")], Err(TwoClients)),
            (&[("x-api-key", "LAB")], Ok(None)),
            (&[("x-api-key", "")], Ok(None)),
            (&[("authorization", "Bearer")], Ok(None)),
            (&[("authorization", "Basic lab")], Ok(None)),
            (&[("x-key", "lab")], Ok(None)),
            (&[], Ok(None)),
        ] {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.append(*name, HeaderValue::from_static(value));
            }
            assert_eq!(Clients::new(&clients).of(&map), expected, "{headers:?}");
            assert_eq!(Clients::new(&[]).of(&map), Ok(None), "{headers:?}");
        }
    }
    #[test]
    fn who_connects_is_told_by_user_or_group_and_only_where_the_configuration_says_so() {
        let client = |name: &str, key: &str, peer| Client {
            name: name.to_owned(),
            keys: vec![sum(key.as_bytes())],
            peer,
            ..Client::default()
        };
        let clients = Clients::new(&[
            client("ward", "w", Some(Peer::User(1001))),
            client("staff", "s", Some(Peer::Group(50))),
            client("lab", "l", None),
        ]);
        for (uid, gid, expected) in [
            (1001, 1, Some("ward")),
            (1001, 50, Some("ward")),
            (7, 50, Some("staff")),
            (50, 1001, None),
            (0, 0, None),
        ] {
            assert_eq!(clients.of_peer(uid, gid), expected, "{uid} {gid}");
        }
        for (name, key, expected) in [
            ("ward", "", Ok(Some("ward"))),
            ("ward", "w", Ok(Some("ward"))),
            ("ward", "l", Err(TwoClients)),
            // Nobody connects as one that is told by its key.
            ("lab", "", Ok(None)),
            ("lab", "w", Ok(Some("ward"))),
            ("nobody", "", Ok(None)),
        ] {
            let mut map = HeaderMap::new();
            map.insert(hop::CLIENT, HeaderValue::from_static(name));
            map.insert("x-api-key", HeaderValue::from_static(key));
            assert_eq!(clients.of(&map), expected, "{name} {key}");
        }
    }
}
