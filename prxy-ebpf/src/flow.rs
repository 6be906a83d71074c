//! What each socket was created and admitted for: one record in the socket itself.

use aya_ebpf::bindings::{BPF_SK_STORAGE_GET_F_CREATE, bpf_sock};
use aya_ebpf::helpers::bpf_sk_storage_get;
use aya_ebpf::programs::{SkBuffContext, SockAddrContext, SockContext};
use prxy_common::Flow;

use crate::maps::FLOWS;

/// The record of the socket that a packet belongs to.
#[inline(always)]
pub(crate) fn of_packet(ctx: &SkBuffContext) -> Option<&mut Flow> {
    // SAFETY: a context field that the verifier types as a nullable socket.
    let sk = unsafe { (*ctx.skb.skb).__bindgen_anon_2.sk };
    if sk.is_null() { None } else { storage(sk, core::ptr::null_mut()) }
}

/// The record of the socket that a call is made on.
#[inline(always)]
pub(crate) fn of_call(ctx: &SockAddrContext) -> Option<&mut Flow> {
    // SAFETY: as above; never null for these hooks.
    storage(unsafe { (*ctx.sock_addr).__bindgen_anon_1.sk }, core::ptr::null_mut())
}

/// Gives a socket that is being created its record.
#[inline(always)]
pub(crate) fn begin(ctx: &SockContext, mut flow: Flow) -> bool {
    storage(ctx.sock, &mut flow).is_some()
}

/// Packets on several CPUs may write the generation of one flow at once: all write a current one.
#[inline(always)]
fn storage<'a>(sk: *mut bpf_sock, new: *mut Flow) -> Option<&'a mut Flow> {
    let map = core::ptr::from_ref(&FLOWS).cast_mut().cast();
    let flags = if new.is_null() { 0 } else { BPF_SK_STORAGE_GET_F_CREATE.into() };
    // SAFETY: the map is ours, the socket is not null, and `new` is null or a whole value.
    let found = unsafe { bpf_sk_storage_get(map, sk.cast(), new.cast(), flags) };
    // SAFETY: the helper gives null or a value that lives as long as the program runs.
    unsafe { found.cast::<Flow>().as_mut() }
}
