//! `cgroup_skb`: the truth. What is not plain TCP (for the resolver also UDP) to an admitted
//! destination does not leave, whatever call or kernel path produced it.

use aya_ebpf::helpers::{bpf_get_socket_cookie, bpf_sk_storage_get, bpf_skb_cgroup_id};
use aya_ebpf::programs::SkBuffContext;
use prxy_common::{Flow, Hook, Reason, Role, State};

use crate::maps::FLOWS;
use crate::policy::{self, Decision, TCP};
use crate::report::{Subject, settle};

const TCP_SYN: u8 = 0x02;
const TCP_ACK: u8 = 0x10;
const MAPPED: [u8; 12] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

/// The headers that policy looks at.
#[derive(Clone, Copy)]
struct Headers {
    source: [u8; 16],
    target: [u8; 16],
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
    // SAFETY: the context pointer is the program's own; the helper reads the socket's cgroup.
    let role = policy::role(unsafe { bpf_skb_cgroup_id(ctx.skb.skb) });
    let mut subject = Subject {
        // SAFETY: as above.
        cookie: unsafe { bpf_get_socket_cookie(ctx.skb.skb.cast()) },
        ..Subject::default()
    };
    let decision = decide(ctx, hook, role, &mut subject);
    settle(ctx, hook, role, &subject, decision, false)
}

#[inline(always)]
fn decide(ctx: &SkBuffContext, hook: Hook, role: Role, subject: &mut Subject) -> Decision {
    let packet = read(ctx)?;
    let (peer, peer_port, own, own_port) = match hook {
        Hook::Egress => (packet.target, packet.target_port, packet.source, packet.source_port),
        _ => (packet.source, packet.source_port, packet.target, packet.target_port),
    };
    subject.addr = peer;
    subject.port = peer_port;
    subject.proto = u16::from(packet.proto);
    policy::protocol(role, packet.proto)?;
    let state = policy::state()?;
    subject.generation = state.generation;
    if role == Role::Front {
        return front(hook, &packet, &state, peer, own, own_port);
    }
    let flow = flow(ctx).ok_or(Reason::FlowNotAdmitted)?;
    if flow.addr != peer || flow.port != peer_port || flow.proto != packet.proto {
        return Err(Reason::FlowMismatch);
    }
    if policy::allowlisted(state.generation, role, peer_port, peer) {
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
fn front(
    hook: Hook,
    packet: &Headers,
    state: &State,
    peer: [u8; 16],
    own: [u8; 16],
    own_port: u16,
) -> Decision {
    if own_port != state.listen_port || state.listen_port == 0 {
        return Err(Reason::NotAllowlisted);
    }
    if state.front_loopback != 0 && !(is_loopback(&peer) && is_loopback(&own)) {
        return Err(Reason::NotAllowlisted);
    }
    if hook == Hook::Egress && packet.tcp_flags & (TCP_SYN | TCP_ACK) == TCP_SYN {
        return Err(Reason::FlowNotAdmitted);
    }
    Ok(Reason::Listener)
}

/// What the packet's socket was admitted for at `connect`.
#[inline(always)]
fn flow(ctx: &SkBuffContext) -> Option<&mut Flow> {
    // SAFETY: a context field that the verifier types as a nullable socket.
    let sk = unsafe { (*ctx.skb.skb).__bindgen_anon_2.sk };
    if sk.is_null() {
        return None;
    }
    let map = core::ptr::from_ref(&FLOWS).cast_mut().cast();
    // SAFETY: the map is ours, the socket is not null, no value is created.
    let found = unsafe { bpf_sk_storage_get(map, sk.cast(), core::ptr::null_mut(), 0) };
    // SAFETY: the helper gives null or a value that lives as long as the program runs.
    // Two CPUs may write the generation of one flow at once: both write a current one.
    unsafe { found.cast::<Flow>().as_mut() }
}

/// Reads the headers; any shape but the plain one is an error.
#[inline(always)]
fn read(ctx: &SkBuffContext) -> Result<Headers, Reason> {
    let first: u8 = load(ctx, 0)?;
    let (source, target, proto, next) = match first >> 4 {
        4 => {
            let ip: [u8; 20] = load(ctx, 0)?;
            // 0x3fff: more fragments, or an offset. The hook runs before fragmentation.
            let fragment = u16::from_be_bytes([ip[6], ip[7]]) & 0x3fff;
            if ip[0] != 0x45 || fragment != 0 {
                return Err(Reason::PacketShape);
            }
            let source = mapped([ip[12], ip[13], ip[14], ip[15]]);
            (source, mapped([ip[16], ip[17], ip[18], ip[19]]), ip[9], 20)
        }
        6 => {
            let next_header: u8 = load(ctx, 6)?;
            (load(ctx, 8)?, load(ctx, 24)?, next_header, 40)
        }
        _ => return Err(Reason::PacketShape),
    };
    let ports: [u8; 4] = load(ctx, next)?;
    let tcp_flags = if proto == TCP { load(ctx, next + 13)? } else { 0 };
    Ok(Headers {
        source,
        target,
        source_port: u16::from_be_bytes([ports[0], ports[1]]),
        target_port: u16::from_be_bytes([ports[2], ports[3]]),
        proto,
        tcp_flags,
    })
}

#[inline(always)]
fn load<T>(ctx: &SkBuffContext, offset: usize) -> Result<T, Reason> {
    ctx.skb.load(offset).map_err(|_| Reason::PacketShape)
}

#[inline(always)]
fn mapped(v4: [u8; 4]) -> [u8; 16] {
    let m = MAPPED;
    [
        m[0], m[1], m[2], m[3], m[4], m[5], m[6], m[7], m[8], m[9], m[10], m[11], v4[0], v4[1],
        v4[2], v4[3],
    ]
}

#[inline(always)]
fn is_loopback(addr: &[u8; 16]) -> bool {
    let word = u128::from_be_bytes(*addr);
    word == 1 || word >> 24 == (0xffff_u128 << 8 | 127)
}
