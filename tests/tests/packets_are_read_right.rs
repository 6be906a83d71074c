//! Every rule by which the kernel programs read a packet, run through the programs themselves.
//!
//! The sockets that `BPF_PROG_TEST_RUN` makes have passed no `connect`, so for a role with network
//! "flow-not-admitted" means that the packet was read; the listener's role shows the way through.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use prxy_common::{Hook, Reason, Role, State, Verdict};
use prxy_tests::policy::{Outcome, Policy};
use prxy_tests::random::Random;

const BOTH: [Hook; 2] = [Hook::Egress, Hook::Ingress];
const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const TCP: u8 = 6;
const UDP: u8 = 17;
const LISTEN: u16 = 3099;
const SYN: u8 = 2;
const ACK: u8 = 16;

fn policy() -> Policy {
    let mut policy = Policy::load().unwrap();
    policy.set(State { generation: 1, listen_port: LISTEN, ..State::default() }).unwrap();
    policy
}

#[track_caller]
fn check(policy: &mut Policy, hook: Hook, role: Role, frame: &[u8], expected: Outcome) {
    let got = policy.packet(hook, role, frame, None).unwrap();
    assert_eq!(got, expected, "{} {} {frame:02x?}", hook.name(), role.name());
}

fn deny(reason: Reason) -> Outcome {
    Outcome { verdict: Verdict::Deny, reason }
}

fn allow(reason: Reason) -> Outcome {
    Outcome { verdict: Verdict::Allow, reason }
}

fn frame(ether_type: u16, packet: &[u8]) -> Vec<u8> {
    [&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2], &ether_type.to_be_bytes()[..], packet].concat()
}

fn v4(proto: u8, payload: &[u8]) -> Vec<u8> {
    let length = (20 + payload.len()) as u16;
    let mut packet =
        vec![0x45, 0, 0, 0, 0, 1, 0x40, 0, 64, proto, 0, 0, 127, 0, 0, 1, 127, 0, 0, 2];
    packet[2..4].copy_from_slice(&length.to_be_bytes());
    packet.extend(payload);
    packet
}

fn v6(next_header: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x60, 0, 0, 0, 0, 0, next_header, 64];
    packet[4..6].copy_from_slice(&(payload.len() as u16).to_be_bytes());
    for _ in 0..2 {
        packet.extend([0; 15]);
        packet.push(1);
    }
    packet.extend(payload);
    packet
}

fn tcp(source: u16, target: u16, flags: u8) -> Vec<u8> {
    let mut header = [source.to_be_bytes(), target.to_be_bytes()].concat();
    header.extend([0, 0, 0, 1, 0, 0, 0, 0, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    header
}

fn udp(source: u16, target: u16) -> Vec<u8> {
    [source.to_be_bytes(), target.to_be_bytes(), [0, 8], [0, 0]].concat()
}

#[test]
fn plain_packets_are_read_and_belong_to_no_flow() {
    let mut policy = policy();
    for (packet, roles) in [
        (frame(IPV4, &v4(TCP, &tcp(40000, 443, ACK))), &[Role::Netgate, Role::Resolver][..]),
        (frame(IPV6, &v6(TCP, &tcp(40000, 443, ACK))), &[Role::Netgate, Role::Resolver]),
        (frame(IPV4, &v4(TCP, &tcp(0, 0, 0))), &[Role::Netgate, Role::Resolver]),
        (frame(IPV4, &v4(UDP, &udp(40000, 53))), &[Role::Resolver]),
        (frame(IPV6, &v6(UDP, &udp(40000, 53))), &[Role::Resolver]),
    ] {
        for hook in BOTH {
            for role in roles {
                check(&mut policy, hook, *role, &packet, deny(Reason::FlowNotAdmitted));
            }
            for role in [Role::Unknown, Role::Warden, Role::Broker, Role::Gateway] {
                check(&mut policy, hook, role, &packet, deny(Reason::RoleWithoutNetwork));
            }
        }
    }
}

#[test]
fn a_packet_that_is_cut_behind_its_first_header_is_denied() {
    let mut policy = policy();
    for (ether_type, packet) in [
        (IPV4, v4(TCP, &tcp(40000, 443, ACK))),
        (IPV4, v4(UDP, &udp(40000, 53))),
        (IPV6, v6(TCP, &tcp(40000, 443, ACK))),
        (IPV6, v6(UDP, &udp(40000, 53))),
    ] {
        for hook in BOTH {
            // Shorter ones the kernel does not take for a test. That nothing is read beyond the end
            // is also what its verifier proves when it loads the program.
            let shortest = if ether_type == IPV4 { 20 } else { 40 };
            for length in shortest..=packet.len() + 1 {
                let cut: Vec<u8> = packet.iter().copied().chain([0]).take(length).collect();
                let whole = length >= packet.len();
                let reason = if whole { Reason::FlowNotAdmitted } else { Reason::PacketShape };
                let frame = frame(ether_type, &cut);
                check(&mut policy, hook, Role::Resolver, &frame, deny(reason));
            }
        }
    }
}

#[test]
fn version_header_length_and_ethertype_must_agree() {
    let mut policy = policy();
    for first in 0..=255 {
        // Options in the header, or a TCP header: both are there, so that no length decides.
        let mut four = v4(TCP, &[tcp(40000, 443, ACK), vec![0; 60]].concat());
        four[0] = first;
        let mut six = v6(TCP, &tcp(40000, 443, ACK));
        six[0] = first;
        for (ether_type, packet) in [(IPV4, &four), (IPV6, &six), (IPV6, &four), (IPV4, &six)] {
            for hook in BOTH {
                let reason = second_reader(hook, ether_type, packet, Role::Netgate);
                let frame = frame(ether_type, packet);
                check(&mut policy, hook, Role::Netgate, &frame, deny(reason));
            }
        }
        let read = |ether_type, packet: &[u8]| {
            let read = second_reader(Hook::Egress, ether_type, packet, Role::Netgate);
            read == Reason::FlowNotAdmitted
        };
        assert_eq!((read(IPV4, &four), read(IPV6, &six)), (first == 0x45, first >> 4 == 6));
    }
    for ether_type in [0, 0x05dc, 0x0801, 0x0806, 0x8100, 0x86dc, 0x8847, 0x88a8, 0x88cc, 0xffff] {
        for packet in [v4(TCP, &tcp(40000, 443, ACK)), v6(TCP, &tcp(40000, 443, ACK))] {
            let frame = frame(ether_type, &packet);
            for hook in BOTH {
                check(&mut policy, hook, Role::Netgate, &frame, deny(Reason::PacketShape));
            }
        }
    }
}

#[test]
fn every_fragment_is_denied_and_only_those() {
    let mut policy = policy();
    let mut packet = v4(TCP, &tcp(40000, 443, ACK));
    for word in 0..=u16::MAX {
        packet[6..8].copy_from_slice(&word.to_be_bytes());
        // More fragments (0x2000), or any of the thirteen bits of an offset.
        let whole = word & 0x3fff == 0;
        let reason = if whole { Reason::FlowNotAdmitted } else { Reason::PacketShape };
        let hook = BOTH[usize::from(word & 1)];
        check(&mut policy, hook, Role::Netgate, &frame(IPV4, &packet), deny(reason));
    }
}

/// What is longer than a question would leave in fragments, after this hook.
#[test]
fn datagrams_that_are_no_question_are_denied_on_their_way_out() {
    let mut policy = policy();
    for (length, passes) in [(8, true), (520, true), (521, false), (1480, false), (65507, false)] {
        let mut datagram = udp(40000, 53);
        datagram[4..6].copy_from_slice(&u16::to_be_bytes(length));
        for packet in [frame(IPV4, &v4(UDP, &datagram)), frame(IPV6, &v6(UDP, &datagram))] {
            let reason = if passes { Reason::FlowNotAdmitted } else { Reason::PacketShape };
            check(&mut policy, Hook::Egress, Role::Resolver, &packet, deny(reason));
            // Answers may be as long as they like.
            let reason = Reason::FlowNotAdmitted;
            check(&mut policy, Hook::Ingress, Role::Resolver, &packet, deny(reason));
        }
    }
}

#[test]
fn every_protocol_but_tcp_and_the_resolvers_udp_is_denied() {
    let mut policy = policy();
    // A transport header that would be read for what it is not.
    let payload = [tcp(40000, 443, ACK), vec![0; 20]].concat();
    for proto in 0..=255 {
        for (role, speaks) in
            [(Role::Netgate, &[TCP][..]), (Role::Resolver, &[TCP, UDP]), (Role::Front, &[TCP])]
        {
            let not_on_list =
                if role == Role::Front { Reason::NotAllowlisted } else { Reason::FlowNotAdmitted };
            let reason = if speaks.contains(&proto) { not_on_list } else { Reason::Protocol };
            for hook in BOTH {
                check(&mut policy, hook, role, &frame(IPV4, &v4(proto, &payload)), deny(reason));
                // Hop-by-hop, routing, fragment, ESP, AH, none, destination, mobility, HIP, shim6,
                // and two for experiments.
                let extension =
                    [0, 43, 44, 50, 51, 59, 60, 135, 139, 140, 253, 254].contains(&proto);
                let reason = if extension { Reason::PacketShape } else { reason };
                check(&mut policy, hook, role, &frame(IPV6, &v6(proto, &payload)), deny(reason));
            }
        }
    }
}

#[test]
fn chains_of_extension_headers_that_end_in_tcp_are_denied() {
    let mut policy = policy();
    let routing = |kind| [vec![TCP, 2, kind, 1, 0, 0, 0, 0], vec![0; 16]].concat();
    for (name, first, headers) in [
        ("hop-by-hop", 0, vec![TCP, 0, 1, 4, 0, 0, 0, 0]),
        ("jumbo payload", 0, vec![TCP, 0, 0xc2, 4, 0, 1, 0, 0]),
        ("router alert", 0, vec![TCP, 0, 5, 2, 0, 0, 1, 0]),
        ("source route", 43, routing(0)),
        ("mobile route", 43, routing(2)),
        ("segment route", 43, routing(4)),
        ("destination", 60, vec![TCP, 0, 1, 4, 0, 0, 0, 0]),
        ("first fragment", 44, vec![TCP, 0, 0, 1, 0, 0, 0, 1]),
        ("atomic fragment", 44, vec![TCP, 0, 0, 0, 0, 0, 0, 1]),
        ("authentication", 51, [vec![TCP, 4, 0, 0], vec![0; 20]].concat()),
        ("two of them", 0, vec![60, 0, 1, 4, 0, 0, 0, 0, TCP, 0, 1, 4, 0, 0, 0, 0]),
    ] {
        let packet = v6(first, &[headers, tcp(40000, 443, ACK)].concat());
        for hook in BOTH {
            let got = policy.packet(hook, Role::Netgate, &frame(IPV6, &packet), None).unwrap();
            assert_eq!(got, deny(Reason::PacketShape), "{name}");
        }
    }
}

#[test]
fn mapped_addresses_in_an_ipv6_header_are_denied() {
    let mut policy = policy();
    let mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 77, 0, 1];
    for (place, mapped, reason) in [
        (8, mapped, Reason::PacketShape),
        (24, mapped, Reason::PacketShape),
        (24, [0; 16], Reason::FlowNotAdmitted),
        // Compatible addresses are no IPv4 to anybody.
        (24, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10, 77, 0, 1], Reason::FlowNotAdmitted),
        (24, [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0xff, 0xff, 10, 77, 0, 1], Reason::FlowNotAdmitted),
    ] {
        let mut packet = v6(TCP, &tcp(40000, 443, ACK));
        packet[place..place + 16].copy_from_slice(&mapped);
        for hook in BOTH {
            check(&mut policy, hook, Role::Netgate, &frame(IPV6, &packet), deny(reason));
        }
    }
}

#[test]
fn lengths_and_segmentation_are_the_kernels_own_affair() {
    let mut policy = policy();
    // `struct __sk_buff`: gso_segs at 164, gso_size at 176.
    let mut gso = vec![0; 192];
    gso[164..168].copy_from_slice(&2_u32.to_ne_bytes());
    gso[176..180].copy_from_slice(&1000_u32.to_ne_bytes());
    let big = [tcp(40000, LISTEN, ACK), vec![7; 2000]].concat();
    for (ether_type, packet) in [(IPV4, v4(TCP, &big)), (IPV6, v6(TCP, &big))] {
        let context = Some(gso.as_slice());
        let packet = frame(ether_type, &packet);
        let got = policy.packet(Hook::Ingress, Role::Front, &packet, context).unwrap();
        assert_eq!(got, allow(Reason::Listener));
        let got = policy.packet(Hook::Egress, Role::Netgate, &packet, context).unwrap();
        assert_eq!(got, deny(Reason::FlowNotAdmitted));
    }
    // Zero stands for "longer than sixteen bits" in packets that are yet to be cut.
    let (mut four, mut six) = (v4(TCP, &big), v6(TCP, &big));
    four[2..4].fill(0);
    six[4..6].fill(0);
    for packet in [frame(IPV4, &four), frame(IPV6, &six)] {
        check(&mut policy, Hook::Ingress, Role::Front, &packet, allow(Reason::Listener));
    }
}

#[test]
fn the_listener_answers_from_its_port_and_never_begins() {
    let mut policy = policy();
    for flags in 0..=255 {
        let begins = flags & (SYN | ACK) == SYN;
        let egress = if begins { deny(Reason::FlowNotAdmitted) } else { allow(Reason::Listener) };
        for (ether_type, out, back) in [
            (IPV4, v4(TCP, &tcp(LISTEN, 40000, flags)), v4(TCP, &tcp(40000, LISTEN, flags))),
            (IPV6, v6(TCP, &tcp(LISTEN, 40000, flags)), v6(TCP, &tcp(40000, LISTEN, flags))),
        ] {
            check(&mut policy, Hook::Egress, Role::Front, &frame(ether_type, &out), egress);
            let expected = allow(Reason::Listener);
            check(&mut policy, Hook::Ingress, Role::Front, &frame(ether_type, &back), expected);
        }
    }
    for port in [0, 1, LISTEN - 1, LISTEN + 1, LISTEN.swap_bytes(), 443, u16::MAX] {
        let expected = deny(Reason::NotAllowlisted);
        let packet = frame(IPV4, &v4(TCP, &tcp(port, LISTEN, ACK)));
        check(&mut policy, Hook::Egress, Role::Front, &packet, expected);
        let packet = frame(IPV4, &v4(TCP, &tcp(LISTEN, port, ACK)));
        check(&mut policy, Hook::Ingress, Role::Front, &packet, expected);
    }
    // While it is being set up there is no port, and no packet of port 0 either.
    policy.set(State { generation: 1, front_setup: 1, ..State::default() }).unwrap();
    for port in [0, LISTEN] {
        let packet = frame(IPV4, &v4(TCP, &tcp(port, 40000, ACK)));
        check(&mut policy, Hook::Egress, Role::Front, &packet, deny(Reason::NotAllowlisted));
    }
}

#[test]
fn a_listener_on_loopback_speaks_on_loopback_only() {
    let mut policy = policy();
    let state = State { generation: 1, listen_port: LISTEN, front_loopback: 1, ..State::default() };
    for (own, peer, local) in [
        ([127, 0, 0, 1], [127, 0, 0, 1], true),
        ([127, 0, 0, 1], [127, 255, 255, 254], true),
        ([127, 0, 0, 1], [126, 255, 255, 255], false),
        ([127, 0, 0, 1], [128, 0, 0, 1], false),
        ([10, 77, 0, 2], [127, 0, 0, 1], false),
        ([127, 0, 0, 1], [10, 77, 0, 66], false),
        ([0, 0, 0, 0], [127, 0, 0, 1], false),
    ] {
        let mut packet = v4(TCP, &tcp(LISTEN, 40000, ACK));
        packet[12..16].copy_from_slice(&own);
        packet[16..20].copy_from_slice(&peer);
        for (loopback, expected) in [(1, local), (0, true)] {
            policy.set(State { front_loopback: loopback, ..state }).unwrap();
            let expected =
                if expected { allow(Reason::Listener) } else { deny(Reason::NotAllowlisted) };
            check(&mut policy, Hook::Egress, Role::Front, &frame(IPV4, &packet), expected);
        }
    }
    policy.set(state).unwrap();
    for (last, local) in [(1, true), (0, false), (2, false)] {
        let mut packet = v6(TCP, &tcp(LISTEN, 40000, ACK));
        packet[39] = last;
        let expected = if local { allow(Reason::Listener) } else { deny(Reason::NotAllowlisted) };
        check(&mut policy, Hook::Egress, Role::Front, &frame(IPV6, &packet), expected);
        packet[39] = 1;
        packet[8] = 0x20;
        let expected = deny(Reason::NotAllowlisted);
        check(&mut policy, Hook::Egress, Role::Front, &frame(IPV6, &packet), expected);
    }
}

#[test]
fn the_listener_of_the_metrics_speaks_on_loopback_only_wherever_clients_connect() {
    let mut policy = policy();
    const METRICS: u16 = 9464;
    for (metrics_port, front_loopback, port, own, peer, allowed) in [
        (METRICS, 0, METRICS, [127, 0, 0, 1], [127, 0, 0, 1], true),
        (METRICS, 1, METRICS, [127, 0, 0, 1], [127, 0, 0, 1], true),
        (METRICS, 0, METRICS, [127, 0, 0, 1], [10, 77, 0, 66], false),
        (METRICS, 0, METRICS, [10, 77, 0, 2], [127, 0, 0, 1], false),
        (METRICS, 0, LISTEN, [10, 77, 0, 2], [10, 77, 0, 66], true),
        (METRICS, 0, METRICS + 1, [127, 0, 0, 1], [127, 0, 0, 1], false),
        (0, 0, METRICS, [127, 0, 0, 1], [127, 0, 0, 1], false),
        (0, 0, 0, [127, 0, 0, 1], [127, 0, 0, 1], false),
        // Both on one port, at two addresses: the clients' rule.
        (LISTEN, 0, LISTEN, [10, 77, 0, 2], [10, 77, 0, 66], true),
    ] {
        let state = State {
            generation: 1,
            listen_port: LISTEN,
            front_loopback,
            metrics_port,
            ..State::default()
        };
        policy.set(state).unwrap();
        let expected = if allowed { allow(Reason::Listener) } else { deny(Reason::NotAllowlisted) };
        for hook in BOTH {
            let ((from, to), ports) = match hook {
                Hook::Egress => ((own, peer), (port, 40000)),
                _ => ((peer, own), (40000, port)),
            };
            let mut packet = v4(TCP, &tcp(ports.0, ports.1, ACK));
            packet[12..16].copy_from_slice(&from);
            packet[16..20].copy_from_slice(&to);
            check(&mut policy, hook, Role::Front, &frame(IPV4, &packet), expected);
        }
        let packet = frame(IPV4, &v4(TCP, &tcp(METRICS, 40000, SYN)));
        // It begins no connection either.
        let reason = match metrics_port {
            METRICS => Reason::FlowNotAdmitted,
            _ => Reason::NotAllowlisted,
        };
        check(&mut policy, Hook::Egress, Role::Front, &packet, deny(reason));
    }
}

#[test]
fn log_only_lets_everything_go_on_and_records_what_it_would_have_denied() {
    let mut policy = policy();
    let state = State { generation: 1, listen_port: LISTEN, ..State::default() };
    for (role, packet, reason) in [
        (Role::Netgate, frame(IPV4, &v4(TCP, &tcp(40000, 443, SYN))), Reason::FlowNotAdmitted),
        (Role::Netgate, frame(IPV4, &v4(UDP, &udp(40000, 53))), Reason::Protocol),
        (Role::Netgate, frame(IPV6, &v6(0, &[0; 40])), Reason::PacketShape),
        (Role::Netgate, frame(IPV4, &v4(TCP, &[0; 19])), Reason::PacketShape),
        (Role::Gateway, frame(IPV4, &v4(1, &[8; 8])), Reason::RoleWithoutNetwork),
        (Role::Unknown, frame(IPV6, &v6(58, &[8; 8])), Reason::RoleWithoutNetwork),
        (Role::Front, frame(IPV4, &v4(TCP, &tcp(1, 2, ACK))), Reason::NotAllowlisted),
    ] {
        for hook in BOTH {
            for (log_only, verdict) in [(0, Verdict::Deny), (1, Verdict::WouldDeny)] {
                policy.set(State { log_only, ..state }).unwrap();
                check(&mut policy, hook, role, &packet, Outcome { verdict, reason });
            }
        }
    }
}

#[test]
fn any_bytes_get_the_verdict_of_a_second_reader() {
    let mut policy = policy();
    let mut random = Random::new(0x9e37_79b9_7f4a_7c15);
    let mut next = move || random.word();
    let mut read = 0;
    for _ in 0..30_000 {
        let mut packet = match next() % 4 {
            0 => v4(TCP, &tcp(next() as u16, LISTEN, next() as u8)),
            1 => v6(TCP, &tcp(next() as u16, LISTEN, next() as u8)),
            2 => v4(UDP, &udp(next() as u16, 53)),
            _ => v6(UDP, &udp(next() as u16, 53)),
        };
        let ether_type = if next() % 16 == 0 {
            next() as u16
        } else if packet[0] == 0x45 {
            IPV4
        } else {
            IPV6
        };
        for _ in 0..next() % 3 {
            let place = next() as usize % packet.len();
            packet[place] = next() as u8;
        }
        if next() % 4 == 0 {
            packet.truncate(packet.len().min(40 + next() as usize % 21));
        }
        let hook = BOTH[next() as usize % 2];
        let role = [Role::Netgate, Role::Resolver][next() as usize % 2];
        let reason = second_reader(hook, ether_type, &packet, role);
        read += usize::from(reason == Reason::FlowNotAdmitted);
        check(&mut policy, hook, role, &frame(ether_type, &packet), deny(reason));
    }
    assert!((5_000..25_000).contains(&read), "{read}");
}

/// The rules once more, as prose would have them.
fn second_reader(hook: Hook, ether_type: u16, packet: &[u8], role: Role) -> Reason {
    let byte = |at: usize| packet.get(at).copied();
    let (proto, offset) = match ether_type {
        IPV4 if packet.len() >= 20 && byte(0) == Some(0x45) => {
            let more = packet[6] & 0x20 != 0;
            let offset = u16::from_be_bytes([packet[6] & 0x1f, packet[7]]);
            if more || offset != 0 {
                return Reason::PacketShape;
            }
            (packet[9], 20)
        }
        IPV6 if packet.len() >= 40 && packet[0] & 0xf0 == 0x60 => {
            let mapped =
                |at: usize| packet[at..at + 12] == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255];
            let chain = [0, 43, 44, 50, 51, 59, 60, 135, 139, 140, 253, 254];
            if chain.contains(&packet[6]) || mapped(8) || mapped(24) {
                return Reason::PacketShape;
            }
            (packet[6], 40)
        }
        _ => return Reason::PacketShape,
    };
    let needed = match proto {
        TCP => 20,
        UDP => 8,
        _ => 0,
    };
    let short = packet.len() - offset < needed;
    let long = proto == UDP
        && hook == Hook::Egress
        && !short
        && u16::from_be_bytes([packet[offset + 4], packet[offset + 5]]) > 520;
    match (short || long, proto, role) {
        (true, ..) => Reason::PacketShape,
        (_, TCP, _) | (_, UDP, Role::Resolver) => Reason::FlowNotAdmitted,
        _ => Reason::Protocol,
    }
}
