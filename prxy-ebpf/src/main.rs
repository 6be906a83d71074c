//! prxy's kernel policy: deny by default, per role, for every socket below prxy's cgroup.
//!
//! This file names the hooks; `packet` judges packets (the truth), `socket` judges calls (fast
//! errors and the admission of flows), `flow` is what a socket was admitted for, `policy` holds
//! what all share, `report` counts and records. All programs are attached once, to the parent cgroup of all roles.
//!
//! **Invariant:** whatever is not understood is denied; no branch allows by falling through.
#![no_std]
#![no_main]
#![expect(missing_docs, unreachable_pub, reason = "the hook macros expand to items of their own")]

mod flow;
mod maps;
mod packet;
mod policy;
mod report;
mod socket;

use aya_ebpf::macros::{cgroup_skb, cgroup_sock, cgroup_sock_addr, cgroup_sockopt};
use aya_ebpf::programs::{SkBuffContext, SockAddrContext, SockContext, SockoptContext};
use prxy_common::Hook;

/// Every packet that leaves (Linux 4.10).
#[cgroup_skb(egress)]
pub fn egress(ctx: SkBuffContext) -> i32 {
    packet::egress(&ctx)
}

/// Every packet that reaches a socket (Linux 4.10).
#[cgroup_skb(ingress)]
pub fn ingress(ctx: SkBuffContext) -> i32 {
    packet::ingress(&ctx)
}

/// `connect` to IPv4 (Linux 4.17).
#[cgroup_sock_addr(connect4)]
pub fn connect4(ctx: SockAddrContext) -> i32 {
    socket::connect(&ctx, Hook::Connect4)
}

/// `connect` to IPv6, mapped IPv4 included (Linux 4.17).
#[cgroup_sock_addr(connect6)]
pub fn connect6(ctx: SockAddrContext) -> i32 {
    socket::connect(&ctx, Hook::Connect6)
}

/// `sendto` and friends with an IPv4 address (Linux 4.18).
#[cgroup_sock_addr(sendmsg4)]
pub fn sendmsg4(ctx: SockAddrContext) -> i32 {
    socket::sendmsg(&ctx, Hook::Sendmsg4)
}

/// `sendto` and friends with an IPv6 address (Linux 4.18).
#[cgroup_sock_addr(sendmsg6)]
pub fn sendmsg6(ctx: SockAddrContext) -> i32 {
    socket::sendmsg(&ctx, Hook::Sendmsg6)
}

/// Creation of an inet socket (Linux 4.10).
#[cgroup_sock(sock_create)]
pub fn sock_create(ctx: SockContext) -> i32 {
    socket::create(&ctx)
}

/// `bind` to IPv4 (Linux 4.17).
#[cgroup_sock_addr(bind4)]
pub fn bind4(ctx: SockAddrContext) -> i32 {
    socket::bind(&ctx, Hook::Bind4)
}

/// `bind` to IPv6 (Linux 4.17).
#[cgroup_sock_addr(bind6)]
pub fn bind6(ctx: SockAddrContext) -> i32 {
    socket::bind(&ctx, Hook::Bind6)
}

/// `setsockopt` on any socket (Linux 5.3).
#[cgroup_sockopt(setsockopt)]
pub fn setsockopt(ctx: SockoptContext) -> i32 {
    socket::setsockopt(&ctx)
}

#[cfg(not(test))]
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// Socket storage and ring buffers need no GPL, but other helpers may: the kernel reads this.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
