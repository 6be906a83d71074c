//! What aya does not offer for every type of cgroup program: links that can be pinned, and which
//! programs are in force.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use prxy_common::Event;

/// Loads a program that is given as instructions (`struct bpf_insn`, eight bytes each).
///
/// # Errors
/// Those of `bpf(2)`.
pub fn load(kind: u32, attach_type: u32, instructions: &[u64]) -> io::Result<OwnedFd> {
    let mut request = ProgramLoad {
        kind,
        count: u32::try_from(instructions.len()).unwrap_or(0),
        instructions: instructions.as_ptr() as u64,
        license: c"Apache-2.0".as_ptr() as u64,
        attach_type,
        ..ProgramLoad::default()
    };
    descriptor(call(BPF_PROG_LOAD, &mut request)?)
}

/// Attaches a loaded program to a cgroup for as long as the returned link, or a pin of it, lives
/// (Linux 5.7).
///
/// Several links on one cgroup are all asked, and each may deny.
///
/// # Errors
/// Those of `bpf(2)`.
pub fn attach(program: &impl AsFd, cgroup: &impl AsFd, attach_type: u32) -> io::Result<OwnedFd> {
    let mut request = LinkCreate {
        program_fd: program.as_fd().as_raw_fd().cast_unsigned(),
        target_fd: cgroup.as_fd().as_raw_fd().cast_unsigned(),
        attach_type,
        flags: 0,
    };
    descriptor(call(BPF_LINK_CREATE, &mut request)?)
}

/// Gives a link a name on bpffs, which keeps it when its last descriptor is closed.
///
/// # Errors
/// Those of `bpf(2)`.
pub fn pin(link: &impl AsFd, path: &Path) -> io::Result<()> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let mut request = ObjectPin {
        path: path.as_ptr() as u64,
        fd: link.as_fd().as_raw_fd().cast_unsigned(),
        flags: 0,
    };
    call(BPF_OBJ_PIN, &mut request).map(drop)
}

/// What a link says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkInfo {
    /// The link's own id.
    pub id: u32,
    /// The program that it runs.
    pub program_id: u32,
    /// The cgroup that it is attached to; 0 once it has been detached.
    pub cgroup_id: u64,
    /// The kernel's `enum bpf_attach_type`.
    pub attach_type: u32,
}

/// Asks a cgroup link what it runs and where (Linux 5.8).
///
/// Needs no capability: the descriptor is enough.
///
/// # Errors
/// Those of `bpf(2)`.
pub fn link_info(link: &impl AsFd) -> io::Result<LinkInfo> {
    let mut info = CgroupLinkInfo::default();
    object_info(link, &mut info)?;
    let CgroupLinkInfo { id, program_id, cgroup_id, attach_type, .. } = info;
    Ok(LinkInfo { id, program_id, cgroup_id, attach_type })
}

/// Opens what is pinned at `path`.
///
/// # Errors
/// Those of `bpf(2)`.
pub fn open_pin(path: &Path) -> io::Result<OwnedFd> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let mut request = ObjectPin { path: path.as_ptr() as u64, fd: 0, flags: 0 };
    descriptor(call(BPF_OBJ_GET, &mut request)?)
}

/// Opens a loaded program by its id (needs `CAP_SYS_ADMIN`).
///
/// # Errors
/// Those of `bpf(2)`.
pub fn open_program(id: u32) -> io::Result<OwnedFd> {
    descriptor(call(BPF_PROG_GET_FD_BY_ID, &mut ObjectId { id, ..ObjectId::default() })?)
}

/// What a program says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProgramInfo {
    /// Its id.
    pub id: u32,
    /// Bytes of machine code.
    pub machine_bytes: u32,
    /// Instructions after the verifier's rewriting.
    pub instructions: u32,
    /// How long it has run while statistics were on.
    pub run_time: Duration,
    /// How often it has run while statistics were on.
    pub runs: u64,
}

/// Asks a loaded program (run time and count: Linux 5.1).
///
/// # Errors
/// Those of `bpf(2)`.
pub fn program_info(program: &impl AsFd) -> io::Result<ProgramInfo> {
    let mut info = RawProgramInfo::default();
    object_info(program, &mut info)?;
    Ok(ProgramInfo {
        id: info.id,
        machine_bytes: info.jited_length,
        instructions: info.xlated_length / 8,
        run_time: Duration::from_nanos(info.run_time_ns),
        runs: info.run_count,
    })
}

/// Lets the kernel measure programs for as long as the returned descriptor is open (Linux 5.8).
///
/// # Errors
/// Those of `bpf(2)`.
pub fn enable_statistics() -> io::Result<OwnedFd> {
    descriptor(call(BPF_ENABLE_STATS, &mut EnableStatistics { kind: 0 })?)
}

/// The ids of the programs attached directly to `cgroup` for one attach type (Linux 4.15).
///
/// # Errors
/// Those of `bpf(2)`.
pub fn attached_programs(cgroup: &impl AsFd, attach_type: u32) -> io::Result<Vec<u32>> {
    query(cgroup, attach_type, 0)
}

/// The ids of all programs that are asked for what happens in `cgroup`, those of its ancestors
/// included (Linux 4.15). Needs `CAP_NET_ADMIN`.
///
/// # Errors
/// Those of `bpf(2)`.
pub fn effective_programs(cgroup: &impl AsFd, attach_type: u32) -> io::Result<Vec<u32>> {
    query(cgroup, attach_type, BPF_F_QUERY_EFFECTIVE)
}

fn query(cgroup: &impl AsFd, attach_type: u32, query_flags: u32) -> io::Result<Vec<u32>> {
    let mut ids = [0_u32; MAX_PROGRAMS];
    let mut query = Query {
        target_fd: cgroup.as_fd().as_raw_fd().cast_unsigned(),
        attach_type,
        query_flags,
        program_ids: ids.as_mut_ptr() as u64,
        program_count: u32::try_from(MAX_PROGRAMS).unwrap_or(0),
        ..Query::default()
    };
    call(BPF_PROG_QUERY, &mut query)?;
    Ok(ids.into_iter().take(query.program_count as usize).collect())
}

/// Keeps the memory of maps out of processes that are created from now on.
///
/// A ring buffer's reading position is shared and writable: with it in a role's memory, the role
/// could blind the audit log. Descriptors are not needed for that, so closing them is not enough.
///
/// # Errors
/// Those of reading `/proc/self/maps` and of `madvise(2)`.
pub fn keep_maps_from_children() -> io::Result<()> {
    for line in std::fs::read_to_string("/proc/self/maps")?.lines() {
        let Some((start, end)) = bpf_mapping(line) else { continue };
        let start = std::ptr::with_exposed_provenance_mut::<libc::c_void>(start);
        let length = end - start.addr();
        // SAFETY: changes what forks copy, not what this process sees; the range is one mapping.
        if unsafe { libc::madvise(start, length, libc::MADV_DONTFORK) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// The range of a line of `/proc/PID/maps` that shows memory of a kernel map.
fn bpf_mapping(line: &str) -> Option<(usize, usize)> {
    let range = line.ends_with("bpf-map").then(|| line.split(' ').next())??;
    let (start, end) = range.split_once('-')?;
    Some((usize::from_str_radix(start, 16).ok()?, usize::from_str_radix(end, 16).ok()?))
}

/// The record that a ring buffer item holds, if it has the right length.
pub fn read_event(item: &[u8]) -> Option<Event> {
    // SAFETY: the length is checked; `Event` is repr(C), and every bit pattern is valid.
    (item.len() == size_of::<Event>())
        .then(|| unsafe { item.as_ptr().cast::<Event>().read_unaligned() })
}

fn object_info<T: Info>(object: &impl AsFd, info: &mut T) -> io::Result<()> {
    let mut request = InfoByFd {
        fd: object.as_fd().as_raw_fd().cast_unsigned(),
        length: u32::try_from(size_of::<T>()).unwrap_or(0),
        info: std::ptr::from_mut(info) as u64,
    };
    call(BPF_OBJ_GET_INFO_BY_FD, &mut request).map(drop)
}

/// What the kernel fills in for `BPF_OBJ_GET_INFO_BY_FD`: plain numbers, zero before.
trait Info {}
impl Info for CgroupLinkInfo {}
impl Info for RawProgramInfo {}

fn descriptor(fd: i64) -> io::Result<OwnedFd> {
    let fd = i32::try_from(fd).map_err(io::Error::other)?;
    // SAFETY: the kernel has just opened it for us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn call<T: Attribute>(command: libc::c_int, attribute: &mut T) -> io::Result<i64> {
    let attribute = std::ptr::from_mut(attribute);
    // SAFETY: `Attribute` is implemented only for the structs below, each of which has the layout
    // of its command's part of `union bpf_attr`; what they point to outlives the call.
    match unsafe { libc::syscall(libc::SYS_bpf, command, attribute, size_of::<T>()) } {
        result if result >= 0 => Ok(result),
        _ => Err(io::Error::last_os_error()),
    }
}

trait Attribute {}
impl Attribute for ProgramLoad {}
impl Attribute for LinkCreate {}
impl Attribute for ObjectPin {}
impl Attribute for Query {}
impl Attribute for InfoByFd {}
impl Attribute for ObjectId {}
impl Attribute for EnableStatistics {}

/// `BPF_PROG_TYPE_CGROUP_SOCK_ADDR`.
pub const SOCK_ADDR: u32 = 18;

const BPF_PROG_LOAD: libc::c_int = 5;
const BPF_OBJ_PIN: libc::c_int = 6;
const BPF_OBJ_GET: libc::c_int = 7;
const BPF_PROG_GET_FD_BY_ID: libc::c_int = 13;
const BPF_OBJ_GET_INFO_BY_FD: libc::c_int = 15;
const BPF_PROG_QUERY: libc::c_int = 16;
const BPF_LINK_CREATE: libc::c_int = 28;
const BPF_F_QUERY_EFFECTIVE: u32 = 1;
const BPF_ENABLE_STATS: libc::c_int = 32;
/// `BPF_CGROUP_MAX_PROGS` of the kernel.
const MAX_PROGRAMS: usize = 64;

#[repr(C)]
#[derive(Default)]
struct ProgramLoad {
    kind: u32,
    count: u32,
    instructions: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
    name: [u8; 16],
    device: u32,
    attach_type: u32,
}

#[repr(C)]
#[derive(Default)]
struct ObjectId {
    id: u32,
    next_id: u32,
    open_flags: u32,
}

#[repr(C)]
struct EnableStatistics {
    kind: u32,
}

#[repr(C)]
struct LinkCreate {
    program_fd: u32,
    target_fd: u32,
    attach_type: u32,
    flags: u32,
}

#[repr(C)]
struct ObjectPin {
    path: u64,
    fd: u32,
    flags: u32,
}

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

#[repr(C)]
struct InfoByFd {
    fd: u32,
    length: u32,
    info: u64,
}

/// `struct bpf_link_info` for a cgroup link, as far as it is asked for.
#[repr(C)]
#[derive(Default)]
struct CgroupLinkInfo {
    kind: u32,
    id: u32,
    program_id: u32,
    reserved: u32,
    cgroup_id: u64,
    attach_type: u32,
    reserved_too: u32,
}

/// `struct bpf_prog_info`, as far as it is asked for. The kernel takes zeros for what it is not to
/// fill in.
#[repr(C)]
#[derive(Default)]
struct RawProgramInfo {
    kind: u32,
    id: u32,
    tag: [u8; 8],
    jited_length: u32,
    xlated_length: u32,
    jited_instructions: u64,
    xlated_instructions: u64,
    load_time: u64,
    created_by_uid: u32,
    map_count: u32,
    map_ids: u64,
    name: [u8; 16],
    interface: u32,
    gpl_compatible: u32,
    namespace_device: u64,
    namespace_inode: u64,
    symbol_count: u32,
    function_count: u32,
    symbols: u64,
    function_lengths: u64,
    btf_id: u32,
    function_record_size: u32,
    functions: u64,
    function_info_count: u32,
    line_count: u32,
    lines: u64,
    jited_lines: u64,
    jited_line_count: u32,
    line_record_size: u32,
    jited_line_record_size: u32,
    tag_count: u32,
    tags: u64,
    run_time_ns: u64,
    run_count: u64,
}

const _: () = {
    assert!(size_of::<ProgramLoad>() == 72);
    assert!(std::mem::offset_of!(RawProgramInfo, run_time_ns) == 192);
    assert!(size_of::<CgroupLinkInfo>() == 32);
};
