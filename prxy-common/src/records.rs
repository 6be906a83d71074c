//! Records that live in maps and in the ring buffer.

use crate::{Reason, Role};

/// What a role may reach, as the data of an LPM key: exact up to the address, then a prefix.
///
/// Addresses are 16 bytes; IPv4 stands mapped (`::ffff:a.b.c.d`). All numbers are big-endian so
/// that the trie compares them from the first bit.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AllowKey {
    /// The generation that this entry belongs to, big-endian.
    pub generation: [u8; 4],
    /// The [`Role`](crate::Role) code, big-endian.
    pub role: [u8; 2],
    /// The destination port, big-endian.
    pub port: [u8; 2],
    /// The destination address.
    pub addr: [u8; 16],
}

impl AllowKey {
    /// Bits before the address, which always match exactly.
    pub const EXACT_BITS: u32 = 64;

    /// A key for one destination.
    #[inline(always)]
    pub const fn new(generation: u32, role: Role, port: u16, addr: [u8; 16]) -> Self {
        Self {
            generation: generation.to_be_bytes(),
            role: (role as u16).to_be_bytes(),
            port: port.to_be_bytes(),
            addr,
        }
    }
}

/// What every hook reads: both generations in one word, and the listener's port.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// The generation of [`AllowKey`]s in force.
    pub generation: u32,
    /// Flows that were last on the list before this generation may not go on.
    pub oldest_draining: u32,
    /// The front listener's TCP port, host order; 0 while it is being bound.
    pub listen_port: u16,
    /// 1 while the front listener is being bound, else 0.
    pub front_setup: u8,
    /// 1 if the listener's peers are on loopback only.
    pub front_loopback: u8,
    /// 1 if what is denied goes on all the same and is only recorded.
    pub log_only: u8,
    /// Always 0.
    pub reserved: u8,
    /// The TCP port of the second listener, on loopback only, host order; 0 if there is none.
    pub metrics_port: u16,
}

/// What a socket may do, kept with the socket: written when a role creates it, and again when it
/// connects. All zero but the role in between.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// Destination address as it stands in the header, IPv4 mapped.
    pub addr: [u32; 4],
    /// The newest generation that was seen to have it on the list.
    pub generation: u32,
    /// Destination port as it stands in the header.
    pub port: u16,
    /// IP protocol number.
    pub proto: u8,
    /// [`Role`](crate::Role) code of the creator.
    pub role: u8,
}

/// One decision, as the kernel reports it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// `CLOCK_MONOTONIC` nanoseconds.
    pub ts_ns: u64,
    /// The socket's cookie, 0 where the hook has none.
    pub cookie: u64,
    /// Destination (egress, connect, sendmsg) or source (ingress); IPv4 mapped.
    pub addr: [u8; 16],
    /// The generation in force.
    pub generation: u32,
    /// The process that called, 0 where the hook has none.
    pub pid: u32,
    /// [`Hook`](crate::Hook) code.
    pub hook: u8,
    /// [`Verdict`](crate::Verdict) code.
    pub verdict: u8,
    /// [`Reason`] code.
    pub reason: u8,
    /// [`Role`] code.
    pub role: u8,
    /// Port that belongs to `addr`, host order.
    pub port: u16,
    /// IP protocol, or the socket option's level.
    pub proto: u16,
    /// Socket family, socket type or option name, as the hook has it.
    pub detail: u32,
    /// Always 0.
    pub reserved: u32,
}

/// Slots of the counter array: one per role and reason, then one for lost events.
pub const COUNTERS: u32 = (Role::ALL.len() * Reason::ALL.len()) as u32 + 1;

/// The counter of one role and reason.
#[inline(always)]
pub const fn counter_index(role: Role, reason: Reason) -> u32 {
    counter_index_of(role.code(), reason)
}

/// The same for the code of a role.
#[inline(always)]
pub const fn counter_index_of(role: u32, reason: Reason) -> u32 {
    role * Reason::ALL.len() as u32 + reason.code()
}

#[cfg(feature = "user")]
mod pod {
    // SAFETY: repr(C), `Copy`, no padding (sizes asserted below), every bit pattern is valid.
    unsafe impl aya::Pod for super::AllowKey {}
    // SAFETY: as above.
    unsafe impl aya::Pod for super::State {}
    // SAFETY: as above.
    unsafe impl aya::Pod for super::Flow {}
}

const _: () = {
    assert!(size_of::<AllowKey>() == 24);
    assert!(size_of::<State>() == 16);
    assert!(size_of::<Flow>() == 24);
    assert!(size_of::<Event>() == 56);
    assert!(align_of::<Event>() == 8);
};
