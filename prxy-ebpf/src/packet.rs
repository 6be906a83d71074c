//! `cgroup_skb`: the truth. What is not plain TCP (for the resolver also UDP) to an admitted
//! destination does not leave, whatever call or kernel path produced it.
//!
//! The way of nearly every packet is [`judge`] alone: one look at the socket's flow, which was
//! checked in the generation in force. Everything else, allowed or not, goes through
//! [`judge_slowly`].

use aya_ebpf::bindings::__sk_buff;
use aya_ebpf::helpers::{bpf_get_socket_cookie, bpf_skb_cgroup_id};
use aya_ebpf::programs::SkBuffContext;
use prxy_common::{Flow, Hook, Reason, Role, State, counter_index_of};

use crate::flow;
use crate::maps::STATE;
use crate::policy::{self, Decision, MAPPED, TCP, UDP};
use crate::report::{self, PASS, Subject, settle};

/// What policy looks at, as it stands in the headers: addresses and ports in network order, IPv4
/// mapped.
#[derive(Clone, Copy)]
struct Headers {
    source: [u32; 4],
    target: [u32; 4],
    source_port: u16,
    target_port: u16,
    proto: u8,
    tcp_flags: u8,
}

/// Judges a packet on its way out.
#[inline(always)]
pub(crate) fn egress(ctx: &SkBuffContext) -> i32 {
    judge(ctx, Hook::Egress)
}

/// Judges a packet on its way to a socket.
#[inline(always)]
pub(crate) fn ingress(ctx: &SkBuffContext) -> i32 {
    judge(ctx, Hook::Ingress)
}

#[inline(always)]
fn judge(ctx: &SkBuffContext, hook: Hook) -> i32 {
    if let (Ok(packet), Some(flow), Some(state)) =
        (read(ctx, hook), flow::of_packet(ctx), STATE.get(0))
    {
        // A list never changes within its generation, so what was on it then still is.
        if flow.generation == state.generation && is_of(&packet, hook, flow) {
            report::count(counter_index_of(flow.role.into(), Reason::Allowlisted));
            return PASS;
        }
    }
    judge_slowly(ctx.skb.skb, hook)
}

/// Out of line, so that the usual way is short; it reads the packet again rather than have the
/// usual way keep what it read in memory.
#[inline(never)]
fn judge_slowly(skb: *mut __sk_buff, hook: Hook) -> i32 {
    let ctx = SkBuffContext::new(skb);
    // SAFETY: the context pointer is the program's own; the helper reads the socket's cgroup.
    let role = policy::role(unsafe { bpf_skb_cgroup_id(skb) });
    let mut subject = Subject::default();
    let decision = match read(&ctx, hook) {
        Ok(packet) => decide(&ctx, hook, role, &packet, &mut subject),
        Err(reason) => Err(reason),
    };
    if decision.is_err() {
        // SAFETY: as above.
        subject.cookie = unsafe { bpf_get_socket_cookie(skb.cast()) };
    }
    settle(&ctx, hook, role, &subject, decision, false)
}

#[inline(always)]
fn decide(
    ctx: &SkBuffContext,
    hook: Hook,
    role: Role,
    packet: &Headers,
    subject: &mut Subject,
) -> Decision {
    let (peer, peer_port) = peer(packet, hook);
    let port = u16::from_be(peer_port);
    subject.addr = peer;
    subject.port = port;
    subject.proto = packet.proto.into();
    policy::protocol(role, packet.proto)?;
    let state = policy::state()?;
    subject.generation = state.generation;
    if role == Role::Front {
        return front(hook, packet, &state);
    }
    let flow = flow::of_packet(ctx).ok_or(Reason::FlowNotAdmitted)?;
    if flow.port == 0 {
        return Err(Reason::FlowNotAdmitted);
    }
    if !is_of(packet, hook, flow) {
        return Err(Reason::FlowMismatch);
    }
    if policy::allowlisted(state.generation, role, port, subject.addr) {
        flow.generation = state.generation;
        return Ok(Reason::Allowlisted);
    }
    if flow.generation != state.generation && flow.generation >= state.oldest_draining {
        return Ok(Reason::Draining);
    }
    Err(Reason::NotAllowlisted)
}

/// The listener answers; it never begins a connection.
#[inline(always)]
fn front(hook: Hook, packet: &Headers, state: &State) -> Decision {
    let (peer, _) = peer(packet, hook);
    let (own, own_port) = match hook {
        Hook::Egress => (packet.source, packet.source_port),
        _ => (packet.target, packet.target_port),
    };
    let is_port = |port: u16| port != 0 && own_port == port.to_be();
    let loopback_only = if is_port(state.listen_port) {
        state.front_loopback != 0
    } else if is_port(state.metrics_port) {
        true
    } else {
        return Err(Reason::NotAllowlisted);
    };
    if loopback_only && !(is_loopback(peer) && is_loopback(own)) {
        return Err(Reason::NotAllowlisted);
    }
    if hook == Hook::Egress && packet.tcp_flags & (TCP_SYN | TCP_ACK) == TCP_SYN {
        return Err(Reason::FlowNotAdmitted);
    }
    Ok(Reason::Listener)
}

#[inline(always)]
fn peer(packet: &Headers, hook: Hook) -> ([u32; 4], u16) {
    match hook {
        Hook::Egress => (packet.target, packet.target_port),
        _ => (packet.source, packet.source_port),
    }
}

/// Whether a packet belongs to a flow.
#[inline(always)]
fn is_of(packet: &Headers, hook: Hook, flow: &Flow) -> bool {
    let (peer, port) = peer(packet, hook);
    flow.addr[3] == peer[3]
        && flow.addr[2] == peer[2]
        && flow.addr[1] == peer[1]
        && flow.addr[0] == peer[0]
        && flow.port == port
        && flow.proto == packet.proto
}

/// Reads the headers; any shape but the plain one is an error.
///
/// The kernel has pulled the headers that it built or parsed into the packet's linear part before
/// either hook runs, so that what is not there is not a packet of ours.
#[inline(always)]
fn read(ctx: &SkBuffContext, hook: Hook) -> Result<Headers, Reason> {
    // SAFETY: a field of the program's own context.
    let ether_type = unsafe { (*ctx.skb.skb).protocol };
    if ether_type == ETHER_IPV4 {
        let ip: &Ipv4 = header(ctx, 0)?;
        // 0x3fff: more fragments, or an offset. The hook runs before fragmentation.
        if ip.version_ihl != 0x45 || u16::from_be(ip.fragment) & 0x3fff != 0 {
            return Err(Reason::PacketShape);
        }
        let source = [0, 0, MAPPED, ip.source];
        transport(ctx, hook, size_of::<Ipv4>(), ip.proto, source, [0, 0, MAPPED, ip.target])
    } else if ether_type == ETHER_IPV6 {
        let ip: &Ipv6 = header(ctx, 0)?;
        if ip.version_class >> 4 != 6 || is_extension(ip.next_header) {
            return Err(Reason::PacketShape);
        }
        // On a wire they mean nothing good (RFC 4942, 2.2); here they would pass for IPv4.
        if is_mapped(ip.source) || is_mapped(ip.target) {
            return Err(Reason::PacketShape);
        }
        transport(ctx, hook, size_of::<Ipv6>(), ip.next_header, ip.source, ip.target)
    } else {
        Err(Reason::PacketShape)
    }
}

#[inline(always)]
fn transport(
    ctx: &SkBuffContext,
    hook: Hook,
    offset: usize,
    proto: u8,
    source: [u32; 4],
    target: [u32; 4],
) -> Result<Headers, Reason> {
    let (source_port, target_port, tcp_flags) = match proto {
        TCP => {
            let tcp: &Tcp = header(ctx, offset)?;
            (tcp.source_port, tcp.target_port, tcp.flags)
        }
        UDP => {
            let udp: &Udp = header(ctx, offset)?;
            // No question is longer, and what is would leave in fragments after this hook.
            if hook == Hook::Egress && u16::from_be(udp.length) > MAX_QUESTION {
                return Err(Reason::PacketShape);
            }
            (udp.source_port, udp.target_port, 0)
        }
        // No role speaks it: there is nothing to read.
        _ => (0, 0, 0),
    };
    Ok(Headers { source, target, source_port, target_port, proto, tcp_flags })
}

/// A header in the packet, if all of it is there.
#[inline(always)]
fn header<T>(ctx: &SkBuffContext, offset: usize) -> Result<&T, Reason> {
    // SAFETY: fields of the program's own context, which the verifier types as packet pointers.
    let (start, end) = unsafe { ((*ctx.skb.skb).data as usize, (*ctx.skb.skb).data_end as usize) };
    if start + offset + size_of::<T>() > end {
        return Err(Reason::PacketShape);
    }
    // SAFETY: checked to lie within the packet, as the verifier proves again, which also knows
    // whether the machine wants the alignment that an IP header has.
    Ok(unsafe { &*((start + offset) as *const T) })
}

/// Headers that may stand between IPv6 and the transport (IANA, IPv6 extension header types, and
/// "no next header").
#[inline(always)]
fn is_extension(next_header: u8) -> bool {
    matches!(next_header, 0 | 43 | 44 | 50 | 51 | 59 | 60 | 135 | 139 | 140 | 253 | 254)
}

#[inline(always)]
fn is_mapped(addr: [u32; 4]) -> bool {
    addr[0] == 0 && addr[1] == 0 && addr[2] == MAPPED
}

#[inline(always)]
fn is_loopback(addr: [u32; 4]) -> bool {
    is_mapped(addr) && u32::from_be(addr[3]) >> 24 == 127
        || addr[0] == 0 && addr[1] == 0 && addr[2] == 0 && addr[3] == 1_u32.to_be()
}

/// RFC 791, without options.
#[repr(C)]
struct Ipv4 {
    version_ihl: u8,
    tos: u8,
    length: u16,
    id: u16,
    fragment: u16,
    ttl: u8,
    proto: u8,
    checksum: u16,
    source: u32,
    target: u32,
}

/// RFC 8200.
#[repr(C)]
struct Ipv6 {
    version_class: u8,
    class_flow: [u8; 3],
    length: u16,
    next_header: u8,
    hops: u8,
    source: [u32; 4],
    target: [u32; 4],
}

/// RFC 9293, without options.
#[repr(C)]
struct Tcp {
    source_port: u16,
    target_port: u16,
    sequence: u32,
    acknowledgement: u32,
    offset: u8,
    flags: u8,
    window: u16,
    checksum: u16,
    urgent: u16,
}

/// RFC 768.
#[repr(C)]
struct Udp {
    source_port: u16,
    target_port: u16,
    length: u16,
    checksum: u16,
}

const _: () = {
    assert!(size_of::<Ipv4>() == 20 && size_of::<Ipv6>() == 40);
    assert!(size_of::<Tcp>() == 20 && size_of::<Udp>() == 8);
};

/// A DNS message without EDNS (RFC 1035, 4.2.1) and its UDP header.
const MAX_QUESTION: u16 = 512 + 8;
const ETHER_IPV4: u32 = 0x0800_u16.to_be() as u32;
const ETHER_IPV6: u32 = 0x86dd_u16.to_be() as u32;
const TCP_SYN: u8 = 0x02;
const TCP_ACK: u8 = 0x10;
