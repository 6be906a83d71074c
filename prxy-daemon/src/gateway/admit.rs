//! Whom the gateway listens to at all: no web page can make a browser talk to it.
//!
//! A page whose name was rebound to a loopback address carries its own name in `Host`; a page that
//! simply posts here carries its `Origin`.

use std::net::{IpAddr, SocketAddr};

use http::header::{self, HeaderMap};
use http::uri::Authority;
use http::{HeaderName, Uri, Version};

use super::error::Failure;

/// Refuses names other than loopback's and the listen address, and every cross-origin request.
pub(super) fn admit(
    listen: SocketAddr,
    version: Version,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<(), Failure> {
    let host = host(version, uri, headers).ok_or(Failure::ForeignHost)?;
    let named = |authority: &Authority| is_ours(listen, authority.host());
    if !host.parse::<Authority>().is_ok_and(|authority| named(&authority)) {
        return Err(Failure::ForeignHost);
    }
    // In HTTP/1.1 the absolute form, which only a client that takes us for a forward proxy sends.
    if uri.authority().is_some_and(|authority| !named(authority)) {
        return Err(Failure::ForeignHost);
    }
    if headers.contains_key(header::ORIGIN) {
        let origin =
            single(headers, &header::ORIGIN).and_then(|origin| origin.strip_prefix("http://"));
        if !origin.is_some_and(|origin| origin.eq_ignore_ascii_case(host)) {
            return Err(Failure::ForeignOrigin);
        }
    }
    Ok(())
}

/// Whom a request is for, if it says so without contradicting itself.
///
/// HTTP/2 has `:authority` for that, beside which `host` may stand and say the same (RFC 9113 §8.3.1).
pub(super) fn host<'r>(version: Version, uri: &'r Uri, headers: &'r HeaderMap) -> Option<&'r str> {
    let authority = uri.authority().filter(|_| version == Version::HTTP_2).map(Authority::as_str);
    if headers.contains_key(header::HOST) {
        let host = single(headers, &header::HOST)?;
        authority.is_none_or(|authority| authority == host).then_some(host)
    } else {
        authority
    }
}

/// An address cannot be rebound, so a listener on every address takes every address.
fn is_ours(listen: SocketAddr, host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<IpAddr>() {
        Ok(address) => {
            address.is_loopback() || address == listen.ip() || listen.ip().is_unspecified()
        }
        Err(_) => bare.eq_ignore_ascii_case("localhost"),
    }
}

/// The value of a header that is there exactly once.
fn single<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[track_caller]
    fn check(listen: &str, host: &str, origin: Option<&str>, expected: &str) {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_str(host).unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, HeaderValue::from_str(origin).unwrap());
        }
        let verdict =
            match admit(listen.parse().unwrap(), H1, &Uri::from_static("/v1/messages"), &headers) {
                Ok(()) => "ok".to_owned(),
                Err(failure) => format!("{failure:?}"),
            };
        assert_eq!(verdict, expected, "{host} {origin:?}");
    }

    #[test]
    fn only_names_that_cannot_be_rebound_are_ours() {
        let local = "127.0.0.1:3099";
        for host in [
            "localhost",
            "LOCALHOST:3099",
            "127.0.0.1:3099",
            "127.9.9.9",
            "[::1]:3099",
            "localhost:8080",
        ] {
            check(local, host, None, "ok");
        }
        for host in [
            "evil.example:3099",
            "localhost.evil.example",
            "127.0.0.1.nip.io",
            "0.0.0.0",
            "192.0.2.7",
            "",
            "a b",
        ] {
            check(local, host, None, "ForeignHost");
        }
        check("192.0.2.7:3099", "192.0.2.7:3099", None, "ok");
        check("0.0.0.0:3099", "192.0.2.7:3099", None, "ok");
        check("0.0.0.0:3099", "evil.example:3099", None, "ForeignHost");
    }

    #[test]
    fn pages_of_other_origins_are_refused() {
        let (local, host) = ("127.0.0.1:3099", "localhost:3099");
        check(local, host, Some("http://localhost:3099"), "ok");
        for origin in
            ["https://evil.example", "http://localhost:5173", "https://localhost:3099", "null"]
        {
            check(local, host, Some(origin), "ForeignOrigin");
        }
    }

    #[test]
    fn host_must_come_once_and_agree_with_the_target() {
        let h2 = Version::HTTP_2;
        for (version, target, hosts, expected) in [
            (H1, "/", &[][..], false),
            (H1, "/", &["localhost"], true),
            (H1, "/", &["localhost", "localhost"], false),
            (H1, "/", &["localhost", "evil.example"], false),
            (H1, "http://localhost/", &["localhost"], true),
            (H1, "http://localhost/", &[], false),
            (H1, "http://evil.example/v1/messages", &["localhost"], false),
            (h2, "http://localhost/", &[], true),
            (h2, "https://localhost:3099/", &[], true),
            (h2, "http://localhost/", &["localhost"], true),
            (h2, "http://localhost/", &["localhost:3099"], false),
            (h2, "http://localhost/", &["evil.example"], false),
            (h2, "http://localhost/", &["localhost", "localhost"], false),
            (h2, "http://evil.example/", &[], false),
            (h2, "http://evil.example/", &["localhost"], false),
            (h2, "/", &["localhost"], true),
            (h2, "/", &["evil.example"], false),
            (h2, "/", &[], false),
        ] {
            let mut headers = HeaderMap::new();
            for host in hosts {
                headers.append(header::HOST, HeaderValue::from_static(host));
            }
            let listen = "127.0.0.1:3099".parse().unwrap();
            let admitted = admit(listen, version, &Uri::from_static(target), &headers);
            assert_eq!(admitted.is_ok(), expected, "{version:?} {target} {hosts:?}");
        }
    }

    const H1: Version = Version::HTTP_11;
}
