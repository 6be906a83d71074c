//! What packets and calls are judged by alike.

use aya_ebpf::btf_maps::lpm_trie::Key;
use prxy_common::{AllowKey, Reason, Role, State};

use crate::maps::{ALLOW, ROLES, STATE};

/// IP protocol numbers that policy knows.
pub(crate) const TCP: u8 = 6;
/// See [`TCP`].
pub(crate) const UDP: u8 = 17;

/// The third word of a mapped IPv4 address, `::ffff:a.b.c.d`.
pub(crate) const MAPPED: u32 = 0xffff_u32.to_be();

/// A decision that says why.
pub(crate) type Decision = Result<Reason, Reason>;

/// The role of a cgroup; one that is not listed has none.
#[inline(always)]
pub(crate) fn role(cgroup_id: u64) -> Role {
    // SAFETY: values are plain integers that the daemon writes once before any role runs.
    match unsafe { ROLES.get(&cgroup_id) } {
        Some(code) => Role::from_code(*code).unwrap_or(Role::Unknown),
        None => Role::Unknown,
    }
}

/// The state word, or the reason to deny.
#[inline(always)]
pub(crate) fn state() -> Result<State, Reason> {
    match STATE.get(0) {
        Some(state) => Ok(*state),
        None => Err(Reason::Internal),
    }
}

/// Whether what is denied goes on all the same; what cannot be read is denied.
#[inline(always)]
pub(crate) fn is_log_only() -> bool {
    STATE.get(0).is_some_and(|state| state.log_only != 0)
}

/// Whether a role speaks this protocol at all.
#[inline(always)]
pub(crate) fn protocol(role: Role, proto: u8) -> Result<(), Reason> {
    match (role, proto) {
        (Role::Netgate | Role::Resolver | Role::Front, TCP) | (Role::Resolver, UDP) => Ok(()),
        (Role::Netgate | Role::Resolver | Role::Front, _) => Err(Reason::Protocol),
        _ => Err(Reason::RoleWithoutNetwork),
    }
}

/// Whether a destination is on the role's list in this generation.
#[inline(always)]
pub(crate) fn allowlisted(generation: u32, role: Role, port: u16, addr: [u32; 4]) -> bool {
    let data = AllowKey::new(generation, role, port, octets(addr));
    ALLOW.get(&Key::new(AllowKey::EXACT_BITS + 128, data)).is_some()
}

/// An address as bytes.
#[inline(always)]
pub(crate) fn octets(words: [u32; 4]) -> [u8; 16] {
    // SAFETY: both are sixteen bytes of plain numbers.
    unsafe { core::mem::transmute(words) }
}
