//! Who sends a request: told by the credential that it brings, by gateway and broker alike.
//!
//! Not for what a client may do (`redact::Policy`), nor for letting anybody in: who is not known here
//! is nobody in particular.

use std::collections::HashMap;

use http::header::{self, HeaderMap, HeaderName};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::config::Client;
use crate::hop;

/// The clients that have a name, by the SHA-256 of their bare keys.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clients(HashMap<[u8; 32], String>);

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
        Self(clients.iter().flat_map(keys).collect())
    }

    /// The name of whoever brings one of these keys, in whichever header: one more credential, that
    /// nobody knows, hides no client from its rules.
    pub(crate) fn of(&self, headers: &HeaderMap) -> Result<Option<&str>, TwoClients> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let mut names = credentials(headers).filter_map(|sum| self.0.get(&sum));
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
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_client_is_known_by_any_of_its_keys_wherever_it_stands() {
        let client = |name: &str, keys: &[&str]| Client {
            name: name.to_owned(),
            keys: keys.iter().map(|key| sum(key.as_bytes())).collect(),
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
}
