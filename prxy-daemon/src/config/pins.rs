//! What narrows a provider further: where it may be, and which key its certificate must hold.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::decode::{Fields, Found};
use super::problem::{Kind, Quoted};
use super::yaml::Node;
use super::{Host, Scope, scope};
use crate::base64;
use crate::link::MAX_ADDRESSES;

/// Where a provider's addresses come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Addresses {
    /// Whatever nameservers report.
    Resolved,
    /// Of what nameservers report, only what lies in one of these.
    Within(Vec<Network>),
    /// These alone; no nameserver is asked.
    Fixed(Vec<IpAddr>),
}

/// A range of addresses (CIDR, RFC 4632); no bits are set beyond its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    base: IpAddr,
    length: u8,
}

/// SHA-256 of a certificate's SubjectPublicKeyInfo in DER, as in RFC 7469 §2.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyPin(pub [u8; 32]);

/// The addresses of a provider, from `pinned` and `resolve`.
pub(super) fn addresses(
    fields: Fields<'_>,
    host: &Host,
    private: bool,
    found: &mut Found,
) -> Addresses {
    let pinned = fields.get("pinned");
    let resolve = fields.get("resolve");
    if let Host::Address(address) = host {
        for (key, node) in [("pinned", pinned), ("resolve", resolve)] {
            if let Some(node) = node {
                found.add(node.span, Kind::NameOnly(key));
            }
        }
        return Addresses::Fixed(vec![*address]);
    }
    let networks = pinned.map(|node| networks(node, private, found));
    let ask = resolve.and_then(|node| found.flag(node).map(|flag| (node.span, flag)));
    match (networks, ask) {
        (None, Some((span, false))) => {
            found.add(span, Kind::UnresolvedUnpinned);
            Addresses::Resolved
        }
        (None, _) => Addresses::Resolved,
        (Some(networks), Some((span, false))) => {
            let fixed: Vec<_> = networks.iter().filter_map(Network::single).collect();
            if fixed.len() < networks.len() {
                found.add(span, Kind::UnresolvedRange);
            }
            if fixed.len() > MAX_ADDRESSES {
                found.add(span, Kind::TooMany { what: "addresses", most: MAX_ADDRESSES });
            }
            Addresses::Fixed(fixed)
        }
        (Some(networks), _) => Addresses::Within(networks),
    }
}

fn networks(node: &Node, private: bool, found: &mut Found) -> Vec<Network> {
    let Some(items) = found.list(node, "a list of addresses and ranges") else { return Vec::new() };
    if items.is_empty() {
        found.add(node.span, Kind::EmptyList("pinned"));
    }
    if let Some(excess) = items.get(MAX_NETWORKS) {
        found.add(excess.span, Kind::TooMany { what: "ranges", most: MAX_NETWORKS });
    }
    let mut networks = Vec::new();
    for item in items.iter().take(MAX_NETWORKS) {
        let Some(text) = found.text(item, "an address or a range") else { continue };
        match Network::parse(text) {
            None => found.add(item.span, Kind::BadNetwork(Quoted::new(text))),
            Some(network) if networks.contains(&network) => {
                found.add(item.span, Kind::ValueTwice(Quoted::new(text)));
            }
            Some(network) => {
                if network.is_special() && !private {
                    let (why, keys) = ("a private address", "`private: true`");
                    found.add(item.span, Kind::NeedsConsent { why, keys });
                }
                networks.push(network);
            }
        }
    }
    networks
}

/// The keys of a provider, from `spki_sha256`.
pub(super) fn keys(node: &Node, found: &mut Found) -> Vec<KeyPin> {
    let Some(items) = found.list(node, "a list of hashes") else { return Vec::new() };
    if items.is_empty() {
        found.add(node.span, Kind::EmptyList("spki_sha256"));
    }
    if let Some(excess) = items.get(MAX_KEYS) {
        found.add(excess.span, Kind::TooMany { what: "hashes", most: MAX_KEYS });
    }
    let mut pins = Vec::new();
    for item in items.iter().take(MAX_KEYS) {
        let Some(text) = found.text(item, "a hash") else { continue };
        match hex(text).or_else(|| in_base64(text)) {
            Some(hash) => pins.push(KeyPin(hash)),
            None => found.add(item.span, Kind::BadKeyPin),
        }
    }
    pins
}

impl Network {
    /// An address, or `ADDRESS/LENGTH`.
    fn parse(text: &str) -> Option<Self> {
        let (base, length) = match text.split_once('/') {
            Some((base, length)) => (base, Some(decimal(length)?)),
            None => (text, None),
        };
        let base: IpAddr = base.parse().ok()?;
        let (widest, whole) = match base {
            IpAddr::V4(_) => (WIDEST_V4, 32),
            IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some() => return None,
            IpAddr::V6(_) => (WIDEST_V6, 128),
        };
        let length = length.unwrap_or(whole);
        if !(widest..=whole).contains(&length) {
            return None;
        }
        let network = Self { base, length };
        let exact = number(base) & network.span() == 0;
        let reachable = scope(base) != Scope::NoDestination;
        (exact && reachable).then_some(network)
    }

    /// Whether it holds this address.
    pub fn contains(&self, address: IpAddr) -> bool {
        let same_family = address.is_ipv4() == self.base.is_ipv4();
        same_family && number(address) & !self.span() == number(self.base)
    }

    fn single(&self) -> Option<IpAddr> {
        (self.span() == 0).then_some(self.base)
    }

    /// Whether it begins or ends in a range that no public host is in. What lies between needs no
    /// look: special addresses are refused one by one.
    fn is_special(&self) -> bool {
        self.ends().into_iter().any(|address| scope(address) != Scope::Public)
    }

    /// Whether no public host is in it. Every private network is one range, and no range that may be
    /// written here begins in one and ends in another.
    pub(super) fn is_private(&self) -> bool {
        self.ends().into_iter().all(|address| scope(address) == Scope::Private)
    }

    /// Its first and its last address.
    fn ends(&self) -> [IpAddr; 2] {
        let last = number(self.base) | self.span();
        let last = match self.base {
            // An IPv4 range does not reach beyond 32 bits.
            IpAddr::V4(_) => Ipv4Addr::from(u32::try_from(last).unwrap_or(u32::MAX)).into(),
            IpAddr::V6(_) => Ipv6Addr::from(last).into(),
        };
        [self.base, last]
    }

    /// Ones where addresses of the range differ.
    fn span(&self) -> u128 {
        let whole = if self.base.is_ipv4() { 32 } else { 128 };
        (1 << (whole - u32::from(self.length))) - 1
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.single() {
            Some(address) => address.fmt(f),
            None => write!(f, "{}/{}", self.base, self.length),
        }
    }
}

impl fmt::Display for KeyPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_bits().into(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

fn decimal(text: &str) -> Option<u8> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| plain)
}

pub(super) fn hex(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u32> = text.chars().map(|c| c.to_digit(16)).collect::<Option<_>>()?;
    let bytes = digits.chunks_exact(2).filter_map(|pair| u8::try_from(pair[0] << 4 | pair[1]).ok());
    bytes.collect::<Vec<_>>().try_into().ok().filter(|_| digits.len() == 64)
}

/// Exactly 44 characters, the last one `=`, no stray bits before it.
fn in_base64(text: &str) -> Option<[u8; 32]> {
    let digits = text.strip_suffix('=').filter(|digits| digits.len() == 43)?;
    let (bytes, rest) = base64::decode(digits.as_bytes(), base64::STANDARD)?;
    bytes.try_into().ok().filter(|_| rest == 0)
}

/// Wider ranges are no pins.
const WIDEST_V4: u8 = 8;
const WIDEST_V6: u8 = 16;
const MAX_NETWORKS: usize = 256;
const MAX_KEYS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_what_lies_in_them_and_nothing_beside() {
        for (range, inside, outside) in [
            ("203.0.113.7", "203.0.113.7", "203.0.113.6"),
            ("203.0.113.7/32", "203.0.113.7", "203.0.113.8"),
            ("203.0.113.0/24", "203.0.113.255", "203.0.114.0"),
            ("203.0.113.128/25", "203.0.113.128", "203.0.113.127"),
            ("10.0.0.0/8", "10.255.255.255", "11.0.0.0"),
            ("240.0.0.0/8", "240.1.1.1", "::f001:101"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("2001:db8::1", "2001:db8::1", "2001:db8::2"),
            ("2001::/16", "2001:ffff::", "2002::"),
        ] {
            let network = Network::parse(range).unwrap();
            assert!(network.contains(inside.parse().unwrap()), "{range}");
            assert!(!network.contains(outside.parse().unwrap()), "{range}");
            let again = Network::parse(&network.to_string());
            assert_eq!(again, Some(network), "{range}");
        }
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for text in [
            "",
            "/8",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "10.0.0.0/08",
            "10.0.0.0/33",
            "10.0.0.0/7",
            "0.0.0.0/0",
            "10.0.0.1/8",
            "10.0.0/8",
            "010.0.0.0/8",
            "10.0.0.0/8/8",
            "10.0.0.0-10.0.0.9",
            "0.0.0.0",
            "224.0.0.1",
            "ff02::1",
            "::/0",
            "2000::/15",
            "2001:db8::1/32",
            "2001:db8::/129",
            "[2001:db8::1]",
            "fe80::1%eth0",
            "::ffff:203.0.113.7",
            "api.example.com",
        ] {
            assert_eq!(Network::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_hash_is_read_in_hex_and_base64_and_in_no_other_length() {
        let zeros = [0; 32];
        let mixed: [u8; 32] = std::array::from_fn(|i| 0xf8 ^ u8::try_from(i * 7).unwrap());
        let shown = KeyPin(mixed).to_string();
        assert_eq!(hex(&shown), Some(mixed));
        assert_eq!(hex(&shown.to_uppercase()), Some(mixed));
        let encoded = "+P/27eTb0snAx761rKOakYiPhn10a2JZUFdORTwzKiE=";
        assert_eq!(in_base64(encoded), Some(mixed));
        assert_eq!(in_base64(&format!("{}=", "A".repeat(43))), Some(zeros));
        for text in [
            "",
            "=",
            &"0".repeat(63),
            &"0".repeat(65),
            &"0".repeat(66),
            &"g".repeat(64),
            &"A".repeat(44),
            &format!("{}=", "A".repeat(42)),
            &format!("{}B=", "A".repeat(42)),
            &format!("{}-=", "A".repeat(42)),
            &format!("{}==", "A".repeat(43)),
        ] {
            assert_eq!(hex(text).or_else(|| in_base64(text)), None, "{text}");
        }
    }
}
