//! Internet addresses that can be reached from outside.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use super::context::{self, VERSION};
use super::digits::{Runs, digits_end};
use super::{Detector, Trigger, text};
use crate::redact::Action;

pub(super) const IPV4: Detector = Detector {
    name: "ipv4",
    label: "IP_ADDRESS",
    action: Action::Mask,
    shape: "four decimal octets",
    validator: "globally reachable; no version context such as `v1.2.3.4`",
    score: 80,
    trigger: Trigger::Digits(Runs::of(1, 3)),
    find: find_v4,
    positives: &[
        "from ⟦81.2.69.142⟧ port 22",
        "⟦8.8.8.8⟧:53",
        "https://⟦81.2.69.142⟧/x",
        "[⟦81.2.69.142⟧]",
        "⟦81.2.69.0⟧/24",
        "version ⟦81.2.69.142⟧",
        "\\n⟦81.2.69.142⟧",
        "ip=⟦81.2.69.142⟧.",
        "ip_⟦81.2.69.142⟧",
        "\\n⟦8.8.8.8⟧",
        "http%3A%2F%2F⟦8.8.8.8⟧%2F",
        "Redis ⟦34.90.1.2⟧",
        "Git ⟦81.2.69.142⟧",
        "ip ⟦2.5.29.15⟧",
    ],
    look_alikes: &[
        "127.0.0.1",
        "10.1.2.3",
        "192.168.0.1",
        "172.16.5.4",
        "169.254.169.254",
        "0.0.0.0",
        "192.0.2.7",
        "198.51.100.7",
        "203.0.113.9",
        "255.255.255.0",
        "224.0.0.251",
        "v1.2.3.4",
        "version 1.2.3.4",
        "\"version\": \"1.2.3.4\"",
        "firmware 2.3.4.5",
        "AssemblyVersion(\"1.0.2.4\")",
        "100.64.0.1",
        "Version: 1.2.3.4",
        "release-1.2.3.4",
        "lib-1.2.3.4.tar.gz",
        ">=1.2.3.4",
        "1.2.3.4.5",
        "1.2.3",
        "1.2.3.400",
        "1.02.3.4",
        "a1.2.3.4",
        "Git 1.7.12.1 and OpenSSL 1.0.2.17",
        "keyUsage 2.5.29.15, commonName (2.5.4.3)",
    ],
};

pub(super) const IPV6: Detector = Detector {
    name: "ipv6",
    label: "IP_ADDRESS",
    action: Action::Mask,
    shape: "eight groups of hexadecimal digits, or fewer around `::`",
    validator: "global unicast, or maps to a globally reachable IPv4 address",
    score: 85,
    trigger: Trigger::Colon,
    find: find_v6,
    positives: &[
        "⟦2606:4700:4700::1111⟧",
        "[⟦2a00:1450:4001:81b::200e⟧]:443",
        "⟦2A00:1450:4001:081B:0000:0000:0000:200E⟧",
        "⟦::ffff:81.2.69.142⟧",
        "from ⟦2a00:1450::⟧.",
        "⟦2a00:1450:4001:81b::200e⟧/64",
        "\"⟦2606:4700:4700::1111⟧\"",
        "\\n⟦2606:4700:4700::1111⟧",
        "from x ([IPv6:⟦2a00:1450:4864:20::42f⟧])",
        "ip:⟦2606:4700:4700::1111⟧",
        "addr=tcp:⟦2606:4700:4700::1111⟧",
    ],
    look_alikes: &[
        "::1",
        "::",
        "fe80::1",
        "fc00::1",
        "2001:db8::1",
        "ff02::fb",
        "::ffff:127.0.0.1",
        "std::fmt",
        "Add::add",
        "a::b",
        "de::Deserialize",
        "12:30:45",
        "{\"a\":1,\"b\":2}",
        "2606:4700",
        "abc2606:4700::1x",
    ],
};

fn find_v4(text: &str, run: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    if run.len() > 3 || !text::word_start(bytes, run.start) {
        return None;
    }
    if run.start >= 2
        && bytes[run.start - 1] == b'.'
        && bytes[run.start - 2].is_ascii_alphanumeric()
    {
        return None;
    }
    let mut end = run.end;
    for _ in 0..3 {
        if bytes.get(end) != Some(&b'.') {
            return None;
        }
        let octet = end + 1;
        end = digits_end(bytes, octet);
        if end == octet || end - octet > 3 {
            return None;
        }
    }
    let more =
        bytes.get(end) == Some(&b'.') && bytes.get(end + 1).is_some_and(u8::is_ascii_alphanumeric);
    let address: Ipv4Addr = text[run.start..end].parse().ok()?;
    let sentence = more && !bytes[end + 1].is_ascii_digit() && !names_a_file(bytes, run.start);
    if !text::word_end(bytes, end)
        || more && !sentence
        || !reachable_v4(address)
        || is_version(bytes, &run)
        || is_product(bytes, run.start, address)
        || is_oid(bytes, run.start, address)
    {
        return None;
    }
    Some(run.start..end)
}

/// Around the first `:` of a run of hexadecimal digits, colons and dots.
fn find_v6(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let left = bytes[..at.start].iter().rev().take(5).take_while(|b| b.is_ascii_hexdigit()).count();
    let mut start = at.start - left;
    if left > 4 || !text::word_start(bytes, start) {
        // The letter of a spelled-out escape such as `\b` or `\f` may be hexadecimal itself.
        let escaped = left > 1 && text::spelled_escape(bytes, start + 1) && left <= 5;
        if !escaped {
            return None;
        }
        start += 1;
    }
    // Only the first colon of an address sees all of it; what comes before may be a name such as `ip:`.
    if start > 0 && bytes[start - 1] == b':' && is_group_end(bytes, start - 1) {
        return None;
    }
    let mut end =
        text::run_end(bytes, at.start, 45, |b| b.is_ascii_hexdigit() || matches!(b, b':' | b'.'));
    if !text::word_end(bytes, end) {
        return None;
    }
    // A port, a full stop or a colon may follow without a break.
    for _ in 0..3 {
        if let Ok(address) = text[start..end].parse::<Ipv6Addr>() {
            return reachable_v6(address).then_some(start..end);
        }
        let cut = text[start..end].rfind([':', '.'])?;
        end = start + cut;
    }
    None
}

/// Whether a group of an address, be it empty, ends at `end`.
fn is_group_end(bytes: &[u8], end: usize) -> bool {
    let word = bytes[..end].iter().rev().take(5).take_while(|b| b.is_ascii_alphanumeric()).count();
    word <= 4 && bytes[end - word..end].iter().all(u8::is_ascii_hexdigit)
}

/// Whether the address belongs to somebody outside.
fn reachable_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, d] = address.octets();
    let benchmark = a == 198 && matches!(b, 18 | 19);
    !(address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_documentation()
        || benchmark
        // Between a carrier and its customers.
        || a == 100 && (64..128).contains(&b)
        // A network, or a version such as `Chrome/120.0.0.0`.
        || [b, c, d] == [0, 0, 0]
        || a == 0
        || a >= 224)
}

/// Global unicast without documentation; mapped and translated addresses count as their IPv4 address.
fn reachable_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    if let Some(v4) = address.to_ipv4_mapped() {
        return reachable_v4(v4);
    }
    if segments[..6] == [0x64, 0xff9b, 0, 0, 0, 0] {
        let [.., a, b] = segments;
        return reachable_v4(Ipv4Addr::from((u32::from(a) << 16) | u32::from(b)));
    }
    let documentation = segments[0] == 0x2001 && segments[1] == 0xdb8
        || segments[0] == 0x3fff && segments[1] < 0x1000;
    (0x2000..0x4000).contains(&segments[0]) && !documentation
}

/// Whether the four numbers from `first` on are announced as a version, and begin like one.
fn is_version(bytes: &[u8], first: &Range<usize>) -> bool {
    let start = first.start;
    if first.len() > 2 || bytes[start] > b'3' && first.len() == 2 {
        return false;
    }
    let before = &bytes[start.saturating_sub(20)..start];
    let trimmed = before.trim_ascii_end().strip_suffix(b":").unwrap_or(before.trim_ascii_end());
    let trimmed = trimmed.strip_suffix(b"=").unwrap_or(trimmed);
    let word_len = trimmed.iter().rev().take_while(|b| b.is_ascii_alphabetic()).count();
    let word = trimmed[trimmed.len() - word_len..].to_ascii_lowercase();
    let compared = matches!(before, [.., b'>' | b'<' | b'~', b'='] | [.., b'^' | b'~']);
    let named =
        matches!(&*word, b"version" | b"versions" | b"ver" | b"release" | b"revision" | b"build");
    let dashed = matches!(trimmed, [.., b'-']) && {
        let name = &trimmed[..trimmed.len() - 1];
        [&b"version"[..], b"release", b"build", b"rev"].iter().any(|known| name.ends_with(known))
    };
    compared || named || dashed || context::before(bytes, start).announced & VERSION != 0
}

/// Whether the name of a program stands before four small numbers.
fn is_product(bytes: &[u8], start: usize, address: Ipv4Addr) -> bool {
    let small = address.octets()[0] < 20 && address.octets().iter().all(|octet| *octet < 100);
    small && bytes[..start].ends_with(b" ") && {
        let end = start - 1;
        let name = &bytes[text::word_begin(bytes, end)..end];
        PRODUCTS.iter().any(|known| name.eq_ignore_ascii_case(known))
    }
}

/// Whether the numbers name an attribute or an extension of a certificate, and no word an address.
fn is_oid(bytes: &[u8], start: usize, address: Ipv4Addr) -> bool {
    const WORDS: &[&str] = &["ip", "ipv4", "host", "from", "client", "addr", "ping"];
    matches!(address.octets(), [2, 5, 4 | 29, _]) && !text::said_before(bytes, start, 24, WORDS)
}

/// Programs whose versions have four numbers now and then.
const PRODUCTS: &[&[u8]] = &[
    b"git",
    b"openssl",
    b"java",
    b"jdk",
    b"jre",
    b"python",
    b"ruby",
    b"perl",
    b"php",
    b"node",
    b"npm",
    b"rails",
    b"django",
    b"gcc",
    b"clang",
    b"llvm",
    b"cuda",
    b"cmake",
    b"maven",
    b"gradle",
    b"tomcat",
    b"jenkins",
    b"firefox",
    b"safari",
    b"opera",
    b"edge",
    b"webkit",
    b"flash",
    b"linux",
    b"android",
    b"ios",
    b"windows",
    b"office",
    b"qt",
    b"boost",
    b"electron",
    b"hotfix",
    b"nginx",
    b"mysql",
    b"oracle",
    b"hadoop",
    b"spark",
    b"hive",
    b"kafka",
    b"bash",
    b"svn",
    b"subversion",
    b"mercurial",
    b"vim",
    b"emacs",
    b"curl",
    b"wget",
    b"zlib",
    b"ffmpeg",
    b"silverlight",
];

/// Whether a name with a dash stands before `start`, as in `lib-1.2.3.4.tar.gz`.
fn names_a_file(bytes: &[u8], start: usize) -> bool {
    start >= 2 && bytes[start - 1] == b'-' && bytes[start - 2].is_ascii_alphanumeric()
}
