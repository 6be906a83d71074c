//! Options of a TCP socket that choose its path, forge its sender or mark its packets for others
//! on the way to read. The packets may well go to the provider: that the option could be set is
//! the hole.

use super::call::{at, connect, inet, open_stream, set};
use super::{Aim, Failure, INET, Layer, Technique};
use crate::sys::attempt;
use crate::verify::ground::{INSIDE_LINK, PROVIDER, PROVIDER_PORT, PROVIDER_V6};

const PATH: &str = "19";
const SIGNAL: &str = "9";

pub(super) const ROWS: &[Technique] = &[
    option("bind-index", "SO_BINDTOIFINDEX", PATH, |_| {
        let index = nix::net::if_::if_nametoindex(INSIDE_LINK).map_err(at("if_nametoindex"))?;
        v4(libc::SOL_SOCKET, libc::SO_BINDTOIFINDEX, &index.to_ne_bytes())
    }),
    option("dont-route", "SO_DONTROUTE", PATH, |_| v4(libc::SOL_SOCKET, libc::SO_DONTROUTE, ONE)),
    option("mark", "SO_MARK, which routing and filters read", PATH, |_| {
        v4(libc::SOL_SOCKET, libc::SO_MARK, &[77, 0, 0, 0])
    }),
    option("unicast-interface", "IP_UNICAST_IF", PATH, |_| {
        let index = nix::net::if_::if_nametoindex(INSIDE_LINK).map_err(at("if_nametoindex"))?;
        v4(libc::IPPROTO_IP, libc::IP_UNICAST_IF, &index.to_be_bytes())
    }),
    option("transparent", "IP_TRANSPARENT, any sender address", "11", |_| {
        v4(libc::IPPROTO_IP, libc::IP_TRANSPARENT, ONE)
    }),
    option("free-bind", "IP_FREEBIND, any sender address", "11", |_| {
        v4(libc::IPPROTO_IP, libc::IP_FREEBIND, ONE)
    }),
    option("repair", "TCP_REPAIR, a connection made up", "18", |_| {
        v4(libc::IPPROTO_TCP, libc::TCP_REPAIR, ONE)
    }),
    option("signed-segments", "TCP_MD5SIG, bytes in every segment", SIGNAL, signature),
    option("congestion", "TCP_CONGESTION, other timing", SIGNAL, |_| {
        v4(libc::IPPROTO_TCP, libc::TCP_CONGESTION, b"reno")
    }),
    option("segment-size", "TCP_MAXSEG, bits in the size of segments", SIGNAL, |_| {
        v4(libc::IPPROTO_TCP, libc::TCP_MAXSEG, &1000_i32.to_ne_bytes())
    }),
    option("type-of-service", "IP_TOS, bits in every header", SIGNAL, |_| {
        v4(libc::IPPROTO_IP, libc::IP_TOS, &[0x5c, 0, 0, 0])
    }),
    option("traffic-class", "IPV6_TCLASS, bits in every header", "10", |_| {
        v6(libc::IPPROTO_IPV6, libc::IPV6_TCLASS, &[0x5c, 0, 0, 0])
    }),
    option("time-to-live", "IP_TTL, bits in every header", SIGNAL, |_| {
        v4(libc::IPPROTO_IP, libc::IP_TTL, &[42, 0, 0, 0])
    }),
    option("hop-limit", "IPV6_UNICAST_HOPS, bits in every header", "10", |_| {
        v6(libc::IPPROTO_IPV6, libc::IPV6_UNICAST_HOPS, &[42, 0, 0, 0])
    }),
    option("priority", "SO_PRIORITY, a class on the way out", SIGNAL, |_| {
        v4(libc::SOL_SOCKET, libc::SO_PRIORITY, &[5, 0, 0, 0])
    }),
    option("flow-label", "IPV6_FLOWINFO_SEND, 20 bits in every header", "10", |_| {
        v6(libc::IPPROTO_IPV6, IPV6_FLOWINFO_SEND, ONE)
    }),
    option("flow-label-lease", "IPV6_FLOWLABEL_MGR, 20 bits in every header", "10", flow_label),
    option("zero-copy", "SO_ZEROCOPY, pages left with the kernel", "40", |_| {
        v4(libc::SOL_SOCKET, libc::SO_ZEROCOPY, ONE)
    }),
    Technique::calls("source-port", "16 bits in the port one comes from", "18", INET, source_port),
    Technique::calls("listen-unbound", "listen without a bind", "18", LISTEN, listen_unbound)
        .root_may("no packet of who connects reaches it: ingress admits only known flows"),
];

const fn option(
    name: &'static str,
    what: &'static str,
    threat: &'static str,
    act: fn(&Aim) -> Result<(), Failure>,
) -> Technique {
    Technique::calls(name, what, threat, INET, act)
}

fn v4(level: i32, name: i32, value: &[u8]) -> Result<(), Failure> {
    set(&open_stream(PROVIDER, 0)?, level, name, value)
}

fn v6(level: i32, name: i32, value: &[u8]) -> Result<(), Failure> {
    set(&open_stream(PROVIDER_V6, 0)?, level, name, value)
}

fn signature(_: &Aim) -> Result<(), Failure> {
    let mut request = vec![0_u8; 216]; // struct tcp_md5sig
    let peer = inet(PROVIDER, PROVIDER_PORT);
    request[..peer.len()].copy_from_slice(&peer);
    request[130..132].copy_from_slice(&4_u16.to_ne_bytes());
    request[136..140].copy_from_slice(b"prxy");
    v4(libc::IPPROTO_TCP, libc::TCP_MD5SIG, &request)
}

fn flow_label(_: &Aim) -> Result<(), Failure> {
    let mut request = super::packet::octets(PROVIDER_V6); // struct in6_flowlabel_req
    request.extend(0x0007_7123_u32.to_be_bytes());
    request.extend([0, 1]); // get a label, for this socket alone
    request.extend(1_u16.to_ne_bytes()); // and make it
    request.extend([0; 8]);
    v6(libc::IPPROTO_IPV6, IPV6_FLOWLABEL_MGR, &request)
}

fn source_port(aim: &Aim) -> Result<(), Failure> {
    let fd = open_stream(PROVIDER, 0)?;
    let anywhere = std::net::Ipv4Addr::UNSPECIFIED.into();
    attempt::bind(&fd, &inet(anywhere, 45_678)).map_err(at("bind"))?;
    // Somebody may listen there or not: what counts is that the call has passed.
    match connect(aim, &fd, PROVIDER, PROVIDER_PORT) {
        Err(failure) if failure.error.raw_os_error() == Some(libc::EPERM) => Err(failure),
        _ => Ok(()),
    }
}

fn listen_unbound(_: &Aim) -> Result<(), Failure> {
    attempt::listen(&open_stream(PROVIDER, 0)?).map_err(at("listen"))
}

const ONE: &[u8] = &[1, 0, 0, 0];
const LISTEN: &[Layer] = &[Layer::Seccomp, Layer::Cgroup];
const IPV6_FLOWLABEL_MGR: i32 = 32;
const IPV6_FLOWINFO_SEND: i32 = 33;
