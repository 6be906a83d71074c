//! What aya does not offer: which programs are in force at a cgroup, and typed ring buffer items.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

use prxy_common::Event;

/// The ids of the programs attached directly to `cgroup` for one attach type (Linux 4.15).
///
/// # Errors
/// Those of `bpf(2)`.
pub fn attached_programs(cgroup: &impl AsFd, attach_type: u32) -> io::Result<Vec<u32>> {
    let mut ids = [0_u32; MAX_PROGRAMS];
    let mut query = Query {
        target_fd: cgroup.as_fd().as_raw_fd().cast_unsigned(),
        attach_type,
        program_ids: ids.as_mut_ptr() as u64,
        program_count: u32::try_from(MAX_PROGRAMS).unwrap_or(0),
        ..Query::default()
    };
    // SAFETY: `query` has the layout of the PROG_QUERY part of `union bpf_attr` and points to an
    // array of the length that it names; both outlive the call.
    let result =
        unsafe { libc::syscall(libc::SYS_bpf, BPF_PROG_QUERY, &raw mut query, size_of::<Query>()) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(ids.into_iter().take(query.program_count as usize).collect())
}

/// The record that a ring buffer item holds, if it has the right length.
pub fn read_event(item: &[u8]) -> Option<Event> {
    // SAFETY: the length is checked; `Event` is repr(C), and every bit pattern is valid.
    (item.len() == size_of::<Event>()).then(|| unsafe { item.as_ptr().cast::<Event>().read_unaligned() })
}

const BPF_PROG_QUERY: libc::c_int = 16;
/// `BPF_CGROUP_MAX_PROGS` of the kernel.
const MAX_PROGRAMS: usize = 64;

#[repr(C)]
#[derive(Default)]
struct Query {
    target_fd: u32,
    attach_type: u32,
    query_flags: u32,
    attach_flags: u32,
    program_ids: u64,
    program_count: u32,
    reserved: u32,
    program_attach_flags: u64,
    link_ids: u64,
    link_attach_flags: u64,
    revision: u64,
}
