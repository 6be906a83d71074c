//! What the kernel programs say to calls and to flows, on a cgroup of the test's own and to root
//! with every capability: no other layer helps.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use prxy_common::{Reason, Role, State};
use prxy_tests::attack::{Confinement, Verdict, technique};
use prxy_tests::netns::Namespace;
use prxy_tests::policy::{Policy, python, python_output};
use prxy_tests::scene::Scene;
use prxy_tests::sys::Entry;
use tokio::net::{TcpListener, UdpSocket};

const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const LOCAL_V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);
const EPERM: i32 = 1;

fn policy() -> Policy {
    let mut policy = Policy::load().unwrap();
    policy.set(State { generation: 1, ..State::default() }).unwrap();
    policy
}

fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    }
}

fn count(policy: &Policy, role: Role, reason: Reason) -> u64 {
    policy.counts(role).unwrap()[reason.code() as usize]
}

fn outside(namespace: &Namespace) -> Entry {
    Entry { cgroup: None, netns: Some(namespace.fd()) }
}

/// Level, option and how many bytes of ones are its value.
const REFUSED: &[(&str, i32, i32, usize)] = &[
    ("IP_TOS", 0, 1, 4),
    ("IP_TTL", 0, 2, 4),
    ("IP_HDRINCL", 0, 3, 4),
    ("IP_OPTIONS", 0, 4, 4),
    ("IP_RETOPTS", 0, 7, 4),
    ("IP_PKTINFO", 0, 8, 4),
    ("IP_MTU_DISCOVER", 0, 10, 4),
    ("IP_RECVERR", 0, 11, 4),
    ("IP_FREEBIND", 0, 15, 4),
    ("IP_TRANSPARENT", 0, 19, 4),
    ("IP_NODEFRAG", 0, 22, 4),
    ("IP_BIND_ADDRESS_NO_PORT", 0, 24, 4),
    ("IP_MULTICAST_IF", 0, 32, 4),
    ("IP_MULTICAST_TTL", 0, 33, 4),
    ("IP_ADD_MEMBERSHIP", 0, 35, 8),
    ("IP_UNICAST_IF", 0, 50, 4),
    ("IP_LOCAL_PORT_RANGE", 0, 51, 4),
    ("SO_DEBUG", 1, 1, 4),
    ("SO_DONTROUTE", 1, 5, 4),
    ("SO_BROADCAST", 1, 6, 4),
    ("SO_OOBINLINE", 1, 10, 4),
    ("SO_NO_CHECK", 1, 11, 4),
    ("SO_PRIORITY", 1, 12, 4),
    ("SO_BINDTODEVICE", 1, 25, 4),
    ("SO_ATTACH_FILTER", 1, 26, 16),
    ("SO_DETACH_FILTER", 1, 27, 4),
    ("SO_TIMESTAMP", 1, 29, 4),
    ("SO_SNDBUFFORCE", 1, 32, 4),
    ("SO_RCVBUFFORCE", 1, 33, 4),
    ("SO_MARK", 1, 36, 4),
    ("SO_TIMESTAMPING", 1, 37, 4),
    ("SO_BUSY_POLL", 1, 46, 4),
    ("SO_MAX_PACING_RATE", 1, 47, 4),
    ("SO_INCOMING_CPU", 1, 49, 4),
    ("SO_ATTACH_BPF", 1, 50, 4),
    ("SO_ZEROCOPY", 1, 60, 4),
    ("SO_TXTIME", 1, 61, 8),
    ("SO_BINDTOIFINDEX", 1, 62, 4),
    ("SO_PREFER_BUSY_POLL", 1, 69, 4),
    ("SO_TXREHASH", 1, 74, 4),
    ("TCP_MAXSEG", 6, 2, 4),
    ("TCP_CORK", 6, 3, 4),
    ("TCP_DEFER_ACCEPT", 6, 9, 4),
    ("TCP_WINDOW_CLAMP", 6, 10, 4),
    ("TCP_CONGESTION", 6, 13, 4),
    ("TCP_MD5SIG", 6, 14, 216),
    ("TCP_REPAIR", 6, 19, 4),
    ("TCP_FASTOPEN", 6, 23, 4),
    ("TCP_NOTSENT_LOWAT", 6, 25, 4),
    ("TCP_SAVE_SYN", 6, 27, 4),
    ("TCP_FASTOPEN_CONNECT", 6, 30, 4),
    ("TCP_ULP", 6, 31, 4),
    ("TCP_MD5SIG_EXT", 6, 32, 216),
    ("TCP_FASTOPEN_KEY", 6, 33, 16),
    ("TCP_FASTOPEN_NO_COOKIE", 6, 34, 4),
    ("TCP_TX_DELAY", 6, 37, 4),
    ("TCP_AO_ADD_KEY", 6, 38, 288),
    ("UDP_CORK", 17, 1, 4),
    ("UDP_ENCAP", 17, 100, 4),
    ("UDP_SEGMENT", 17, 103, 4),
    ("IPV6_ADDRFORM", 41, 1, 4),
    ("IPV6_FLOWINFO", 41, 11, 4),
    ("IPV6_UNICAST_HOPS", 41, 16, 4),
    ("IPV6_MULTICAST_IF", 41, 17, 4),
    ("IPV6_ADD_MEMBERSHIP", 41, 20, 20),
    ("IPV6_ROUTER_ALERT", 41, 22, 4),
    ("IPV6_MTU_DISCOVER", 41, 23, 4),
    ("IPV6_FLOWLABEL_MGR", 41, 32, 32),
    ("IPV6_FLOWINFO_SEND", 41, 33, 4),
    ("IPV6_HDRINCL", 41, 36, 4),
    ("IPV6_PKTINFO", 41, 50, 20),
    ("IPV6_HOPOPTS", 41, 54, 8),
    ("IPV6_RTHDR", 41, 57, 24),
    ("IPV6_DSTOPTS", 41, 59, 8),
    ("IPV6_DONTFRAG", 41, 62, 4),
    ("IPV6_TCLASS", 41, 67, 4),
    ("IPV6_TRANSPARENT", 41, 75, 4),
    ("IPV6_UNICAST_IF", 41, 76, 4),
    ("IPV6_FREEBIND", 41, 78, 4),
    ("DCCP", 33, 1, 4),
    ("SCTP_SOCKOPT_CONNECTX", 132, 110, 16),
    ("UDP-Lite", 136, 10, 4),
    ("raw ICMP filter", 255, 1, 4),
    ("packet", 263, 5, 4),
    ("TLS", 282, 1, 40),
    ("MPTCP", 284, 1, 4),
    ("no level at all", -1, 1, 4),
];

const TAKEN: &[(&str, i32, i32, usize)] = &[
    ("SO_REUSEADDR", 1, 2, 4),
    ("SO_SNDBUF", 1, 7, 4),
    ("SO_RCVBUF", 1, 8, 4),
    ("SO_KEEPALIVE", 1, 9, 4),
    ("SO_LINGER", 1, 13, 8),
    ("SO_RCVTIMEO", 1, 20, 16),
    ("SO_SNDTIMEO", 1, 21, 16),
    ("TCP_NODELAY", 6, 1, 4),
    ("TCP_KEEPIDLE", 6, 4, 4),
    ("TCP_KEEPINTVL", 6, 5, 4),
    ("TCP_KEEPCNT", 6, 6, 4),
    ("TCP_QUICKACK", 6, 12, 4),
    ("TCP_USER_TIMEOUT", 6, 18, 4),
    ("IPV6_V6ONLY", 41, 26, 4),
];

const SET_OPTIONS: &str = r#"
import json, socket, sys
answers = []
for level, option, length in json.load(sys.stdin):
    with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as one:
        try:
            one.setsockopt(level, option, b"\x01\0\0\0" * (length // 4))
            answers.append(0)
        except OSError as error:
            answers.append(error.errno)
json.dump(answers, sys.stdout)
"#;

#[test]
fn every_socket_option_but_a_few_is_refused() {
    let namespace = Namespace::new("options").unwrap();
    let mut policy = policy();
    let netgate = policy.confine(Role::Netgate).unwrap();
    let all: Vec<_> = REFUSED.iter().chain(TAKEN).collect();
    let input: Vec<_> = all.iter().map(|(_, level, option, size)| (level, option, size)).collect();
    let input = serde_json::to_string(&input).unwrap();
    let set = |entry| -> Vec<i32> {
        serde_json::from_str(&python_output(entry, SET_OPTIONS, &input).unwrap()).unwrap()
    };
    let control = set(outside(&namespace));
    let confined = set(netgate.entry(&namespace).unwrap());
    assert_eq!((control.len(), confined.len()), (all.len(), all.len()));
    for (index, (name, ..)) in all.iter().enumerate() {
        let refused = index < REFUSED.len();
        // Whatever root gets without the policy, it is not our answer.
        assert_ne!(control[index], EPERM, "control of {name}");
        assert_eq!(confined[index] == EPERM, refused, "{name}: {}", confined[index]);
        if !refused {
            assert_eq!(confined[index], control[index], "{name}");
        }
    }
    // The controls are not all errors of another kind.
    assert!(control.iter().filter(|errno| **errno == 0).count() > 40, "{control:?}");
}

const SEND_WITH: &str = r#"
import json, socket, sys
answers = []
for family, level, kind, value in json.load(sys.stdin):
    address = "127.0.0.1" if family == 4 else "::1"
    family = socket.AF_INET if family == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as one:
        one.connect((address, 5353))
        extra = [(level, kind, bytes(value))] if value else []
        try:
            one.sendmsg([b"question"], extra)
            answers.append(0)
        except OSError as error:
            answers.append(error.errno)
json.dump(answers, sys.stdout)
"#;

/// Control messages change a datagram without any `setsockopt`.
#[test]
fn options_that_come_with_a_datagram_keep_it_in() {
    let namespace = Namespace::new("messages").unwrap();
    let servers = namespace.block_on(async {
        [UdpSocket::bind((LOCAL, 5353)).await, UdpSocket::bind((LOCAL_V6, 5353)).await]
    });
    let mut policy = policy();
    for address in [LOCAL, LOCAL_V6] {
        policy.allow(1, Role::Resolver, octets(address), 5353).unwrap();
    }
    let resolver = policy.confine(Role::Resolver).unwrap();
    let padding = vec![0, 0, 1, 4, 0, 0, 0, 0];
    let cases = [
        ("plain, IPv4", (4, 0, 0, vec![]), true),
        ("plain, IPv6", (6, 0, 0, vec![]), true),
        ("UDP_SEGMENT", (4, 17, 103, vec![100, 0]), true),
        ("SO_MARK", (4, 1, 36, vec![1, 0, 0, 0]), false),
        ("IP_TOS", (4, 0, 1, vec![4, 0, 0, 0]), false),
        ("IP_TTL", (4, 0, 2, vec![1, 0, 0, 0]), false),
        ("IP_RETOPTS, source route", (4, 0, 7, vec![1, 131, 7, 4, 127, 0, 0, 1]), false),
        ("IP_RETOPTS, padding", (4, 0, 7, vec![1, 1, 1, 1]), false),
        ("IP_PKTINFO", (4, 0, 8, vec![1, 0, 0, 0, 127, 0, 0, 1, 0, 0, 0, 0]), false),
        ("IPV6_HOPLIMIT", (6, 41, 52, vec![1, 0, 0, 0]), false),
        ("IPV6_HOPOPTS", (6, 41, 54, padding.clone()), false),
        ("IPV6_DSTOPTS", (6, 41, 59, padding), false),
        ("IPV6_TCLASS", (6, 41, 67, vec![4, 0, 0, 0]), false),
    ];
    let input = serde_json::to_string(&cases.iter().map(|case| &case.1).collect::<Vec<_>>());
    let input = input.unwrap();
    let send = |entry| -> Vec<i32> {
        serde_json::from_str(&python_output(entry, SEND_WITH, &input).unwrap()).unwrap()
    };
    assert_eq!(send(outside(&namespace)), vec![0; cases.len()]);
    let confined = send(resolver.entry(&namespace).unwrap());
    for ((name, _, passes), errno) in cases.iter().zip(&confined) {
        assert_eq!(*errno, if *passes { 0 } else { EPERM }, "{name}");
    }
    // The kernel takes such a socket for one that is not connected, which asks `sendmsg`.
    let refused = cases.iter().filter(|(_, _, passes)| !passes).count() as u64;
    assert_eq!(count(&policy, Role::Resolver, Reason::Sendmsg), refused);
    drop(servers);
}

const ECHO: &str = r#"
import socket
with socket.create_connection(("127.0.0.1", 4430)) as one:
    while word := one.recv(100):
        one.sendall(word)
"#;

#[test]
fn a_flow_ends_with_its_generation_or_its_drain() {
    let namespace = Namespace::new("flows").unwrap();
    let mut policy = policy();
    policy.allow(1, Role::Netgate, octets(LOCAL), 4430).unwrap();
    let listener = namespace.block_on(TcpListener::bind((LOCAL, 4430))).unwrap();
    let netgate = policy.confine(Role::Netgate).unwrap();
    let mut child = python(netgate.entry(&namespace).unwrap(), ECHO).spawn().unwrap();
    let mut peer =
        namespace.block_on(async move { listener.accept().await.unwrap().0.into_std() }).unwrap();
    peer.set_nonblocking(false).unwrap();
    // One word over and back; a packet on its way in is judged as one on its way out.
    let mut word = 0_u8;
    let mut echoes = |patience| {
        word += 1;
        peer.write_all(&[word]).unwrap();
        peer.set_read_timeout(Some(patience)).unwrap();
        let mut got = [0];
        // Words that were held back come first.
        while got != [word] {
            if peer.read_exact(&mut got).is_err() {
                return false;
            }
        }
        true
    };
    let (long, short) = (Duration::from_secs(10), Duration::from_millis(400));
    assert!(echoes(long));
    assert_eq!(count(&policy, Role::Netgate, Reason::Draining), 0);

    let on_list = count(&policy, Role::Netgate, Reason::Allowlisted);
    policy.set(State { generation: 2, oldest_draining: 1, ..State::default() }).unwrap();
    assert!(echoes(long));
    assert_eq!(count(&policy, Role::Netgate, Reason::Allowlisted), on_list);
    assert!(count(&policy, Role::Netgate, Reason::Draining) > 1);
    assert_eq!(count(&policy, Role::Netgate, Reason::NotAllowlisted), 0);

    policy.set(State { generation: 2, oldest_draining: 2, ..State::default() }).unwrap();
    assert!(!echoes(short));
    assert!(count(&policy, Role::Netgate, Reason::NotAllowlisted) > 0);

    // Back on the list: the flow goes on where it was.
    policy.allow(3, Role::Netgate, octets(LOCAL), 4430).unwrap();
    policy.set(State { generation: 3, oldest_draining: 3, ..State::default() }).unwrap();
    assert!(echoes(long));
    assert!(count(&policy, Role::Netgate, Reason::Allowlisted) > on_list);

    // Another port, another role and the old generation are other entries.
    policy.allow(4, Role::Netgate, octets(LOCAL), 4431).unwrap();
    policy.allow(4, Role::Resolver, octets(LOCAL), 4430).unwrap();
    policy.set(State { generation: 4, oldest_draining: 4, ..State::default() }).unwrap();
    assert!(!echoes(short));
    child.kill().unwrap();
    child.wait().unwrap();
}

const RECONNECT: &str = r#"
import errno, socket
one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
one.connect(("127.0.0.1", 5353))
one.send(b"question")
try:
    one.connect(("10.99.0.1", 5353))
    print("connected")
except OSError as error:
    print(errno.errorcode[error.errno])
try:
    one.send(b"question")
    print("sent")
except OSError as error:
    print(errno.errorcode[error.errno])
"#;

/// The kernel's socket and our note of it may differ: a socket that was admitted for a second
/// address, to which there is no route, still sends to the first.
#[test]
fn a_socket_sends_only_where_it_was_admitted_last() {
    let namespace = Namespace::new("mismatch").unwrap();
    let server = namespace.block_on(UdpSocket::bind((LOCAL, 5353))).unwrap();
    let mut policy = policy();
    for address in [LOCAL, IpAddr::from([10, 99, 0, 1])] {
        policy.allow(1, Role::Resolver, octets(address), 5353).unwrap();
    }
    let resolver = policy.confine(Role::Resolver).unwrap();
    let output = python_output(outside(&namespace), RECONNECT, "").unwrap();
    assert_eq!(output, "ENETUNREACH\nsent\n");
    let output = python_output(resolver.entry(&namespace).unwrap(), RECONNECT, "").unwrap();
    assert_eq!(output, "ENETUNREACH\nEPERM\n");
    assert_eq!(count(&policy, Role::Resolver, Reason::FlowMismatch), 1);
    drop(server);
}

const MOVE: &str = r#"
import errno, socket, sys
early = socket.socket()
with open(sys.stdin.readline().strip(), "w") as procs:
    procs.write("0")
for one in early, socket.socket():
    try:
        one.connect(("127.0.0.1", 4430))
        print("connected")
    except OSError as error:
        print(errno.errorcode[error.errno])
"#;

#[test]
fn a_socket_that_another_role_made_is_not_admitted_even_to_an_allowed_address() {
    let namespace = Namespace::new("early").unwrap();
    let listener = namespace.block_on(TcpListener::bind((LOCAL, 4430))).unwrap();
    let mut policy = policy();
    for role in [Role::Netgate, Role::Resolver] {
        policy.allow(1, role, octets(LOCAL), 4430).unwrap();
    }
    let (netgate, resolver) =
        (policy.confine(Role::Netgate).unwrap(), policy.confine(Role::Resolver).unwrap());
    for (to, expected, refused) in
        [(&netgate, "EPERM\nconnected\n", 1), (&resolver, "connected\nconnected\n", 0)]
    {
        let input = format!("{}\n", to.procs().display());
        let output = python_output(resolver.entry(&namespace).unwrap(), MOVE, &input).unwrap();
        assert_eq!(output, expected);
        let role = if refused == 1 { Role::Netgate } else { Role::Resolver };
        assert_eq!(count(&policy, role, Reason::FlowNotAdmitted), refused);
    }
    drop(listener);
}

/// Linux 6.7 and later; the tests ask for that, the daemon does not.
#[test]
fn unix_sockets_outside_are_out_of_reach_by_path_and_by_name() {
    let scene = Scene::start().unwrap();
    let daemon = scene.daemon().unwrap();
    for name in ["netgate", "gateway", "broker", "resolver"] {
        let role = daemon.role(name).unwrap();
        // In the lab's namespace, where the relays are: only the policy stands between.
        let from = Confinement::kernel_policy_of(&role).unwrap();
        let from = from.in_namespace(scene.range.lab.app.fd());
        for (technique, call) in [("unix-relay", "connect"), ("unix-datagram", "sendmsg")] {
            let technique = technique::by_name(technique).unwrap();
            let verdict = scene.range.attempt(technique, &from).unwrap();
            assert_eq!(verdict, Verdict::Blocked(format!("{call}: EPERM")), "{name}");
        }
    }
}
