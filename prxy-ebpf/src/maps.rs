//! The maps that both sides share; their names are `prxy_common::map`.

use aya_ebpf::btf_maps::{Array, HashMap, LpmTrie, PerCpuArray, RingBuf, SkStorage};
use aya_ebpf::macros::btf_map;
use prxy_common::{AllowKey, COUNTERS as COUNTER_SLOTS, Event, Flow, State};

/// Destinations per generation, role and port; the value is the route's number.
#[btf_map]
pub(crate) static ALLOW: LpmTrie<AllowKey, u32, 8192> = LpmTrie::new();

/// One element: generation, drain time, listener.
#[btf_map]
pub(crate) static STATE: Array<State, 1> = Array::new();

/// cgroup id → role code. A cgroup that is not listed may do nothing.
#[btf_map]
pub(crate) static ROLES: HashMap<u64, u32, 16> = HashMap::new();

/// What a socket was admitted for.
#[btf_map]
pub(crate) static FLOWS: SkStorage<Flow> = SkStorage::new();

/// Decisions for the audit log. When it is full, the last counter says how many were lost.
#[btf_map]
pub(crate) static EVENTS: RingBuf<Event, 262_144> = RingBuf::new();

/// Decisions per role and reason.
#[btf_map]
pub(crate) static COUNTERS: PerCpuArray<u64, { COUNTER_SLOTS as usize }> = PerCpuArray::new();
