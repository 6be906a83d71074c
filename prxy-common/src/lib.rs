//! The ABI between the kernel programs and the daemon: map keys, values, events, codes.
//!
//! Every struct is `repr(C)` without implicit padding and its size is asserted here, because both
//! sides read the same bytes. Not for policy: who decides is `prxy-ebpf` (verdicts) and the
//! daemon's `warden` (what goes into the maps).
#![no_std]

mod codes;
mod records;

pub use codes::{Hook, Reason, Role, Verdict};
pub use records::{AllowKey, COUNTERS, Event, Flow, State, counter_index, counter_index_of};

/// Names of the maps as both sides spell them.
pub mod map {
    /// `LpmTrie<AllowKey, u32>`: destinations a role may reach; the value is the route's number.
    pub const ALLOW: &str = "ALLOW";
    /// `Array<State>` of one element: generation and listener.
    pub const STATE: &str = "STATE";
    /// `HashMap<u64, u32>`: cgroup id → [`Role`](crate::Role) code.
    pub const ROLES: &str = "ROLES";
    /// `SkStorage<Flow>`: what a socket was created and admitted for.
    pub const FLOWS: &str = "FLOWS";
    /// `RingBuf` of [`Event`](crate::Event).
    pub const EVENTS: &str = "EVENTS";
    /// `PerCpuArray<u64>` indexed by [`counter_index`](crate::counter_index).
    pub const COUNTERS: &str = "COUNTERS";
}
