//! Calls on sockets: immediate errors for the caller, events for the auditor, and the admission
//! of flows that `packet` asks for. Judged by the cgroup of the *calling* process; `connect` also
//! asks for a socket that this role created, so one that was passed on gains its holder nothing.

use aya_ebpf::helpers::{
    bpf_get_current_cgroup_id, bpf_get_current_pid_tgid, bpf_get_socket_cookie,
};
use aya_ebpf::programs::{SockAddrContext, SockContext, SockoptContext};
use prxy_common::{Flow, Hook, Reason, Role};

use crate::flow;
use crate::policy::{self, Decision, MAPPED, TCP, UDP};
use crate::report::{Subject, settle};

const SOCK_STREAM: u32 = 1;
const SOCK_DGRAM: u32 = 2;
const AF_INET6: u32 = 10;

const SOL_SOCKET: i32 = 1;
const SOL_TCP: i32 = 6;
const SOL_IPV6: i32 = 41;

/// Judges `connect`, and admits the flow.
#[inline(always)]
pub(crate) fn connect(ctx: &SockAddrContext, hook: Hook) -> i32 {
    let role = caller();
    let mut subject = subject(ctx, hook);
    let decision = admit(ctx, role, &mut subject);
    settle(ctx, hook, role, &subject, decision, true)
}

#[inline(always)]
fn admit(ctx: &SockAddrContext, role: Role, subject: &mut Subject) -> Decision {
    // SAFETY: fields of the program's own context.
    let (kind, proto) = unsafe { ((*ctx.sock_addr).type_, (*ctx.sock_addr).protocol) };
    let proto = match (kind, proto) {
        (SOCK_STREAM, 6) => TCP,
        (SOCK_DGRAM, 17) => UDP,
        _ => return Err(Reason::Protocol),
    };
    policy::protocol(role, proto)?;
    if role == Role::Front {
        return Err(Reason::NotAllowlisted);
    }
    let state = policy::state()?;
    subject.generation = state.generation;
    if !policy::allowlisted(state.generation, role, subject.port, subject.addr) {
        return Err(Reason::NotAllowlisted);
    }
    // A socket that this role did not create itself has no record, or another role's.
    match flow::of_call(ctx) {
        Some(flow) if u32::from(flow.role) == role.code() => {
            // A socket that connects again is admitted for its new peer only.
            *flow = Flow {
                addr: subject.addr,
                generation: state.generation,
                port: subject.port.to_be(),
                proto,
                role: flow.role,
            };
            Ok(Reason::Allowlisted)
        }
        _ => Err(Reason::FlowNotAdmitted),
    }
}

/// Judges datagrams that carry their own address: nobody sends those.
#[inline(always)]
pub(crate) fn sendmsg(ctx: &SockAddrContext, hook: Hook) -> i32 {
    settle(ctx, hook, caller(), &subject(ctx, hook), Err(Reason::Sendmsg), false)
}

/// Judges `bind`: only the front listener, while it is set up.
#[inline(always)]
pub(crate) fn bind(ctx: &SockAddrContext, hook: Hook) -> i32 {
    let role = caller();
    let decision = match (role, policy::state()) {
        (Role::Front, Ok(state)) if state.front_setup != 0 => Ok(Reason::Listener),
        _ => Err(Reason::Bind),
    };
    settle(ctx, hook, role, &subject(ctx, hook), decision, true)
}

/// Judges the creation of an inet socket.
#[inline(always)]
pub(crate) fn create(ctx: &SockContext) -> i32 {
    let role = caller();
    // SAFETY: fields of the program's own context.
    let (family, kind, proto) =
        unsafe { ((*ctx.sock).family, (*ctx.sock).type_, (*ctx.sock).protocol) };
    let subject = Subject {
        proto: proto as u16,
        detail: family << 16 | kind & 0xffff,
        pid: pid(),
        ..Subject::default()
    };
    let decision = match (role, kind, proto) {
        (Role::Netgate | Role::Resolver, SOCK_STREAM, 6) | (Role::Resolver, SOCK_DGRAM, 17) => {
            // `connect` asks for this record, and fills it in.
            match flow::begin(ctx, Flow { role: role.code() as u8, ..Flow::default() }) {
                true => Ok(Reason::Allowlisted),
                false => Err(Reason::Internal),
            }
        }
        (Role::Front, SOCK_STREAM, 6) => match policy::state() {
            Ok(state) if state.front_setup != 0 => Ok(Reason::Listener),
            _ => Err(Reason::SocketType),
        },
        (Role::Netgate | Role::Resolver | Role::Front, ..) => Err(Reason::SocketType),
        _ => Err(Reason::RoleWithoutNetwork),
    };
    settle(ctx, Hook::SockCreate, role, &subject, decision, false)
}

/// Judges `setsockopt`: the few that change no path and no packet shape.
#[inline(always)]
pub(crate) fn setsockopt(ctx: &SockoptContext) -> i32 {
    let role = caller();
    // SAFETY: fields of the program's own context.
    let (level, option) = unsafe { ((*ctx.sockopt).level, (*ctx.sockopt).optname) };
    let harmless = match level {
        // DEBUG is not here; REUSEADDR, ERROR, SNDBUF, RCVBUF, KEEPALIVE, LINGER, REUSEPORT,
        // PASSCRED, RCVTIMEO, SNDTIMEO (both spellings), PASSRIGHTS.
        SOL_SOCKET => matches!(option, 2 | 4 | 7 | 8 | 9 | 13 | 15 | 16 | 20 | 21 | 66 | 67 | 83),
        // NODELAY, KEEPIDLE, KEEPINTVL, KEEPCNT, LINGER2, QUICKACK, USER_TIMEOUT.
        SOL_TCP => matches!(option, 1 | 4 | 5 | 6 | 8 | 12 | 18),
        // V6ONLY.
        SOL_IPV6 => option == 26,
        _ => false,
    };
    let subject =
        Subject { proto: level as u16, detail: option as u32, pid: pid(), ..Subject::default() };
    let decision = if harmless { Ok(Reason::Allowlisted) } else { Err(Reason::SocketOption) };
    settle(ctx, Hook::Setsockopt, role, &subject, decision, false)
}

#[inline(always)]
fn caller() -> Role {
    // SAFETY: the helper takes nothing.
    policy::role(unsafe { bpf_get_current_cgroup_id() })
}

#[inline(always)]
fn pid() -> u32 {
    (bpf_get_current_pid_tgid() >> 32) as u32
}

/// Address and port as the caller named them, IPv4 mapped.
#[inline(always)]
fn subject(ctx: &SockAddrContext, hook: Hook) -> Subject {
    let raw = ctx.sock_addr;
    // SAFETY: fields of the program's own context, read in the widths that the kernel allows.
    let (addr, port, family, proto) = unsafe {
        let addr = match hook {
            Hook::Connect4 | Hook::Sendmsg4 | Hook::Bind4 => [0, 0, MAPPED, (*raw).user_ip4],
            _ => [(*raw).user_ip6[0], (*raw).user_ip6[1], (*raw).user_ip6[2], (*raw).user_ip6[3]],
        };
        (addr, (*raw).user_port, (*raw).family, (*raw).protocol)
    };
    Subject {
        addr,
        port: u16::from_be(port as u16),
        proto: proto as u16,
        detail: if family == AF_INET6 { 6 } else { 4 },
        generation: 0,
        // SAFETY: the context pointer is the program's own.
        cookie: unsafe { bpf_get_socket_cookie(raw.cast()) },
        pid: pid(),
    }
}
