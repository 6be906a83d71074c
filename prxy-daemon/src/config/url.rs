//! Base URLs and hosts, parsed so strictly that no two readers could see different hosts in one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use thiserror::Error;

use super::Host;

/// A base URL in parts; nothing else can stand in one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BaseUrl {
    pub(super) tls: Tls,
    pub(super) host: Host,
    pub(super) port: u16,
    /// Without a slash at its end; empty for none.
    pub(super) path: String,
}

/// Whether the scheme means TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tls {
    Https,
    Http,
}

/// Why a text is no base URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum UrlProblem {
    #[error("expected https://HOST or http://HOST")]
    Scheme,
    #[error("user information is not allowed")]
    UserInfo,
    #[error("a query is not allowed")]
    Query,
    #[error("a fragment is not allowed")]
    Fragment,
    #[error("spaces, backslashes and control characters are not allowed")]
    Characters,
    #[error("the port must be a number from 1 to 65535")]
    Port,
    #[error("the path must be segments of letters, digits, `-`, `.`, `_` and `~`")]
    Path,
    #[error("{0}")]
    Host(#[from] HostProblem),
}

/// Why a text is no host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum HostProblem {
    #[error("the host is missing")]
    Missing,
    #[error("this is a URL: write its host alone")]
    Url,
    #[error("the host must be ASCII: write an international name as `xn--…`")]
    NotAscii,
    #[error("an IPv4 address must be four decimal numbers without leading zeros")]
    Ipv4,
    #[error("an IPv6 address must stand in brackets, without a zone")]
    Ipv6,
    #[error("an IPv4 address inside an IPv6 one: write the IPv4 address")]
    Mapped,
    #[error("this address can be no destination")]
    NoDestination,
    #[error("`localhost` is never looked up: write 127.0.0.1 or [::1]")]
    Localhost,
    #[error("a host name is labels of a to z, 0 to 9 and `-`, at most 63 each and 253 in all")]
    Name,
}

/// Where packets to an address would go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Anywhere on the internet.
    Public,
    /// This host, this link or a private network, or an address that can lead there.
    Private,
    /// No single host: unspecified, multicast, broadcast.
    NoDestination,
}

/// Classifies an address by the IANA special-purpose registries.
///
/// Documentation ranges count as public: nothing listens there but a test's own network.
pub fn scope(address: IpAddr) -> Scope {
    match address {
        IpAddr::V4(v4) => scope_v4(v4),
        IpAddr::V6(v6) => scope_v6(v6),
    }
}

fn scope_v4(address: Ipv4Addr) -> Scope {
    let [a, b, c, d] = address.octets();
    if a == 0 || address.is_multicast() || address.is_broadcast() {
        Scope::NoDestination
    } else if address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || (a == 100 && (64..128).contains(&b))
        || (a, b, c) == (192, 0, 0)
        || (a, b, c) == (192, 88, 99)
        // Azure's own service inside of each of its hosts, in no registry.
        || (a, b, c, d) == (168, 63, 129, 16)
        || (a == 198 && (18..20).contains(&b))
        || a >= 240
    {
        Scope::Private
    } else {
        Scope::Public
    }
}

/// Forms with an IPv4 address inside (mapped, compatible, NAT64, 6to4, Teredo) can lead anywhere.
fn scope_v6(address: Ipv6Addr) -> Scope {
    let [a, b, c, d, ..] = address.segments();
    if address.is_unspecified() || address.is_multicast() {
        Scope::NoDestination
    } else if a == 0
        || (a, b) == (0x64, 0xff9b)
        // Set aside for protocols, Teredo among them.
        || a == 0x2001 && b < 0x200
        || a == 0x2002
        || (a, b, c, d) == (0x100, 0, 0, 0)
        || a == 0x5f00
        || a & 0xfe00 == 0xfc00
        || a & 0xff80 == 0xfe80
    {
        Scope::Private
    } else {
        Scope::Public
    }
}

impl BaseUrl {
    pub(super) fn parse(text: &str) -> Result<Self, UrlProblem> {
        if text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '\\') {
            return Err(UrlProblem::Characters);
        }
        let (scheme, rest) = text.split_once("://").ok_or(UrlProblem::Scheme)?;
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "https" => Tls::Https,
            "http" => Tls::Http,
            _ => return Err(UrlProblem::Scheme),
        };
        if rest.contains('@') {
            return Err(UrlProblem::UserInfo);
        }
        if rest.contains('#') {
            return Err(UrlProblem::Fragment);
        }
        if rest.contains('?') {
            return Err(UrlProblem::Query);
        }
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (host, port) = split_port(authority)?;
        let port = match (port, tls) {
            (Some(port), _) => parse_port(port).ok_or(UrlProblem::Port)?,
            (None, Tls::Https) => 443,
            (None, Tls::Http) => 80,
        };
        let host = parse_host(host)?;
        let path = parse_prefix(path).ok_or(UrlProblem::Path)?;
        Ok(Self { tls, host, port, path })
    }
}

/// A path prefix: empty, or `/` and segments. A slash at its end is taken off.
pub(super) fn parse_prefix(path: &str) -> Option<String> {
    let path = path.strip_suffix('/').unwrap_or(path);
    if path.is_empty() {
        return Some(String::new());
    }
    let segments = path.strip_prefix('/')?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
    let good = |s: &str| !matches!(s, "" | "." | "..") && s.bytes().all(plain);
    segments.split('/').all(good).then(|| path.to_owned())
}

/// A host: lower-cased, without a final dot; addresses only in their usual form.
pub(super) fn parse_host(text: &str) -> Result<Host, HostProblem> {
    if text.is_empty() {
        return Err(HostProblem::Missing);
    }
    if !text.is_ascii() {
        return Err(HostProblem::NotAscii);
    }
    if let Some(inner) = text.strip_prefix('[') {
        let inner = inner.strip_suffix(']').ok_or(HostProblem::Ipv6)?;
        let address: Ipv6Addr = inner.parse().map_err(|_| HostProblem::Ipv6)?;
        let [zeros @ .., _, _] = address.segments();
        let compatible = zeros == [0; 6] && !address.is_loopback() && !address.is_unspecified();
        if address.to_ipv4_mapped().is_some() || compatible {
            return Err(HostProblem::Mapped);
        }
        return destination(address.into());
    }
    if text.contains("://") {
        return Err(HostProblem::Url);
    }
    if text.contains(':') {
        return Err(HostProblem::Ipv6);
    }
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    let last = name.rsplit('.').next().unwrap_or_default();
    // Whatever another reader could take for a number must be an address to all readers.
    if last.bytes().all(|b| b.is_ascii_digit()) && !last.is_empty() || last.starts_with("0x") {
        let address: Ipv4Addr = name.parse().map_err(|_| HostProblem::Ipv4)?;
        return destination(address.into());
    }
    if last == "localhost" {
        return Err(HostProblem::Localhost);
    }
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    let good = |l: &str| {
        (1..=63).contains(&l.len())
            && l.bytes().all(plain)
            && !l.starts_with('-')
            && !l.ends_with('-')
    };
    if name.len() > 253 || !name.split('.').all(good) {
        return Err(HostProblem::Name);
    }
    Ok(Host::Name(name))
}

fn destination(address: IpAddr) -> Result<Host, HostProblem> {
    match scope(address) {
        Scope::NoDestination => Err(HostProblem::NoDestination),
        Scope::Public | Scope::Private => Ok(Host::Address(address)),
    }
}

fn split_port(authority: &str) -> Result<(&str, Option<&str>), UrlProblem> {
    let host_end = match authority.rfind(']') {
        Some(bracket) => bracket + 1,
        None if authority.matches(':').count() > 1 => return Err(HostProblem::Ipv6.into()),
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, port) = authority.split_at(host_end);
    match port.strip_prefix(':') {
        Some(port) => Ok((host, Some(port))),
        None if port.is_empty() => Ok((host, None)),
        None => Err(UrlProblem::Port),
    }
}

fn parse_port(text: &str) -> Option<u16> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|port| digits && *port != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(url: &str) -> Result<(Tls, String, u16, String), UrlProblem> {
        BaseUrl::parse(url).map(|u| (u.tls, u.host.to_string(), u.port, u.path))
    }

    #[test]
    fn a_base_url_comes_apart_in_one_way_only() {
        for (url, tls, host, port, path) in [
            ("https://api.anthropic.com", Tls::Https, "api.anthropic.com", 443, ""),
            ("https://api.groq.com/openai/", Tls::Https, "api.groq.com", 443, "/openai"),
            (
                "HTTPS://API.Example.COM.:8443/a/b-c_d.e~",
                Tls::Https,
                "api.example.com",
                8443,
                "/a/b-c_d.e~",
            ),
            ("http://127.0.0.1:9100", Tls::Http, "127.0.0.1", 9100, ""),
            ("http://127.0.0.1./", Tls::Http, "127.0.0.1", 80, ""),
            ("http://[FD00::1]:80", Tls::Http, "[fd00::1]", 80, ""),
            ("http://[::1]", Tls::Http, "[::1]", 80, ""),
            ("https://xn--bcher-kva.example", Tls::Https, "xn--bcher-kva.example", 443, ""),
            ("https://1and1.example", Tls::Https, "1and1.example", 443, ""),
            ("https://ollama", Tls::Https, "ollama", 443, ""),
        ] {
            assert_eq!(parts(url), Ok((tls, host.into(), port, path.into())), "{url}");
        }
    }

    #[test]
    fn what_two_readers_could_read_differently_is_no_base_url() {
        use HostProblem::{Ipv4, Ipv6, Localhost, Mapped, Missing, Name, NoDestination, NotAscii};
        use UrlProblem::{Characters, Fragment, Host, Path, Port, Query, Scheme, UserInfo};
        for (url, problem) in [
            ("", Scheme),
            ("api.anthropic.com", Scheme),
            ("https:api.anthropic.com", Scheme),
            ("ftp://example.com", Scheme),
            ("https://user:pw@example.com", UserInfo),
            ("https://good.com@evil.com", UserInfo),
            ("https://good.com\\@evil.com", Characters),
            ("https://exa mple.com", Characters),
            ("https://example.com\0", Characters),
            ("https://example.com/\u{85}", Characters),
            ("https://example.com?x=1", Query),
            ("https://example.com/#x", Fragment),
            ("https://example.com:0", Port),
            ("https://example.com:", Port),
            ("https://example.com:+80", Port),
            ("https://example.com:65536", Port),
            ("https://[::1]80", Port),
            ("https://example.com//x", Path),
            ("https://example.com/../x", Path),
            ("https://example.com/%2e%2e/", Path),
            ("https://", Host(Missing)),
            ("https:///x", Host(Missing)),
            ("https://:443", Host(Missing)),
            ("https://bücher.example", Host(NotAscii)),
            ("https://аpi.example", Host(NotAscii)),
            ("http://127.1", Host(Ipv4)),
            ("http://0177.0.0.1", Host(Ipv4)),
            ("http://0x7f.0.0.1", Host(Ipv4)),
            ("http://0x7f000001", Host(Ipv4)),
            ("http://2130706433", Host(Ipv4)),
            ("http://1.2.3.4.5", Host(Ipv4)),
            ("http://127.0.0.256", Host(Ipv4)),
            ("http://::1", Host(Ipv6)),
            ("http://[::1", Host(Ipv6)),
            ("http://[fe80::1%eth0]", Host(Ipv6)),
            ("http://[127.0.0.1]", Host(Ipv6)),
            ("http://[::ffff:127.0.0.1]", Host(Mapped)),
            ("http://[::127.0.0.1]", Host(Mapped)),
            ("http://0.0.0.0", Host(NoDestination)),
            ("http://255.255.255.255", Host(NoDestination)),
            ("http://[ff02::1]", Host(NoDestination)),
            ("http://[::]", Host(NoDestination)),
            ("http://localhost:1", Host(Localhost)),
            ("http://x.LocalHost.", Host(Localhost)),
            ("http://example.com..", Host(Name)),
            ("http://.example.com", Host(Name)),
            ("http://-a.example", Host(Name)),
            ("http://a_b.example", Host(Name)),
            ("http://*.example", Host(Name)),
            ("http://a%2eb.example", Host(Name)),
        ] {
            assert_eq!(parts(url), Err(problem), "{url}");
        }
    }

    #[test]
    fn addresses_have_the_scope_that_the_registries_give_them() {
        for (address, expected) in [
            ("8.8.8.8", Scope::Public),
            ("203.0.113.1", Scope::Public),
            ("2606:4700::1", Scope::Public),
            ("2001:db8::1", Scope::Public),
            ("127.8.8.8", Scope::Private),
            ("10.0.0.1", Scope::Private),
            ("172.31.255.255", Scope::Private),
            ("172.32.0.0", Scope::Public),
            ("192.168.0.1", Scope::Private),
            ("169.254.169.254", Scope::Private),
            ("100.64.0.1", Scope::Private),
            ("100.128.0.1", Scope::Public),
            ("198.19.0.1", Scope::Private),
            ("240.0.0.1", Scope::Private),
            ("::1", Scope::Private),
            ("::ffff:8.8.8.8", Scope::Private),
            ("64:ff9b::a00:1", Scope::Private),
            ("2002:a00:1::", Scope::Private),
            ("2001:0:1::", Scope::Private),
            ("2001:2::1", Scope::Private),
            ("2001:200::1", Scope::Public),
            ("100::1", Scope::Private),
            ("100:0:0:1::", Scope::Public),
            ("5f00::1", Scope::Private),
            ("168.63.129.16", Scope::Private),
            ("168.63.129.17", Scope::Public),
            ("192.88.99.1", Scope::Private),
            ("192.88.98.1", Scope::Public),
            ("fd00::1", Scope::Private),
            ("fe80::1", Scope::Private),
            ("fec0::1", Scope::Private),
            ("0.1.2.3", Scope::NoDestination),
            ("224.0.0.1", Scope::NoDestination),
            ("ff05::2", Scope::NoDestination),
        ] {
            assert_eq!(scope(address.parse().unwrap()), expected, "{address}");
        }
    }
}
