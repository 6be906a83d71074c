//! Which kernel programs there are, and how they come into force: loaded, attached to the parent
//! cgroup, pinned and read back.
//!
//! Not for the maps that steer them: that is `kernel`.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use aya::maps::{Array, Map, MapData, MapInfo};
use aya::programs::{Program, loaded_programs};
use aya::{Ebpf, include_bytes_aligned};
use prxy_common::{Role, State, map};

use super::bpffs::Pins;
use super::{During, WardenError, floor};
use crate::sys::bpf::{self, LinkInfo};
use crate::sys::cgroup::Cgroup;

/// One attached program, and what was true of it at the start.
pub(super) struct Link {
    pub(super) name: &'static str,
    pub(super) fd: OwnedFd,
    pub(super) info: LinkInfo,
}

/// Attaches and pins every program, and reads back what the kernel made of it.
pub(super) fn attach(
    ebpf: &mut Ebpf,
    parent: &Cgroup,
    pins: &Pins,
) -> Result<Vec<Link>, WardenError> {
    let mut links = Vec::new();
    for (name, attach_type) in PROGRAMS {
        let program = ebpf
            .program_mut(name)
            .ok_or_else(|| WardenError::new("find a kernel program", name))?;
        let step = "attach a kernel program (needs CAP_BPF and CAP_NET_ADMIN, Linux 6.6)";
        match program {
            Program::CgroupSkb(program) => program.load(),
            Program::CgroupSock(program) => program.load(),
            Program::CgroupSockAddr(program) => program.load(),
            Program::CgroupSockopt(program) => program.load(),
            _ => return Err(WardenError::new("know the type of a kernel program", name)),
        }
        .map_err(|error| WardenError::new(step, chain(&error)))?;
        let fd = program.fd().during(step)?;
        links.push(put_in_force(&fd, parent, pins, (name, *attach_type))?);
    }
    Ok(links)
}

/// The same for the hooks on unix sockets, which aya has no types for: nobody but the warden, while
/// it sets up, may name a unix socket. `None` where the kernel lacks them; seccomp and Landlock
/// then stand alone.
///
/// They neither count nor record, and know no log-only mode.
pub(super) fn attach_unix(
    parent: &Cgroup,
    warden: &Cgroup,
    pins: &Pins,
) -> Result<Option<Vec<Link>>, WardenError> {
    let step = "attach a kernel program for unix sockets";
    let warden = warden.id().during("identify the warden's cgroup")?;
    let mut links = Vec::new();
    for (name, attach_type) in UNIX {
        let instructions = allow_only(warden);
        let program = match bpf::load(bpf::SOCK_ADDR, *attach_type, &instructions) {
            Err(error) if floor::running()? < floor::UNIX_HOOKS => {
                tracing::debug!(%error, "no hooks for unix sockets");
                return Ok(None);
            }
            loaded => loaded.during(step)?,
        };
        links.push(put_in_force(&program, parent, pins, (name, *attach_type))?);
    }
    Ok(Some(links))
}

fn put_in_force(
    program: &impl AsFd,
    parent: &Cgroup,
    pins: &Pins,
    (name, attach_type): (&'static str, u32),
) -> Result<Link, WardenError> {
    let step = "attach a kernel program (needs CAP_BPF and CAP_NET_ADMIN, Linux 6.6)";
    let fd = bpf::attach(program, parent.dir(), attach_type).during(step)?;
    bpf::pin(&fd, &pins.path(name)).during("pin a link")?;
    let program_id = bpf::program_info(program).during("identify a kernel program")?.id;
    let info = bpf::link_info(&fd).during("read a link back")?;
    let cgroup_id = parent.id().during("identify the parent cgroup")?;
    if info != (LinkInfo { id: info.id, program_id, cgroup_id, attach_type }) {
        return Err(WardenError::new("read back: a link is not as it was made", name));
    }
    Ok(Link { name, fd, info })
}

/// Whether every role is judged by every program. Asked once: it takes a capability that the
/// warden gives up, and `Kernel::loss` then watches what could change it.
pub(super) fn read_back(links: &[Link], groups: &[(Role, Cgroup)]) -> Result<(), WardenError> {
    for link in links {
        for (role, group) in groups {
            let asked = bpf::effective_programs(group.dir(), link.info.attach_type);
            if !asked.during("read back")?.contains(&link.info.program_id) {
                let cause = format_args!("{} for {}", link.name, role.name());
                return Err(WardenError::new("read back: a program is not in force", cause));
            }
        }
    }
    Ok(())
}

/// The state that a loaded program decides by, from its own map. Needs root.
pub(super) fn state_of(program: u32) -> Result<State, WardenError> {
    let step = "read the kernel's state";
    let mut loaded = loaded_programs().filter_map(Result::ok);
    let known = loaded.find(|known| known.id() == program);
    let known = known.ok_or_else(|| WardenError::new(step, "the program is not to be seen"))?;
    for id in known.map_ids().during(step)?.unwrap_or_default() {
        let found = MapInfo::from_id(id).during(step)?;
        if found.name_as_str() == Some(map::STATE) {
            let data = MapData::from_id(id).during(step)?;
            let state = Map::from_map_data(data).during(step)?;
            let state: Array<_, State> = Array::try_from(state).during(step)?;
            return state.get(&0, 0).during(step);
        }
    }
    Err(WardenError::new(step, "the program has none"))
}

/// "Whether the caller is in this cgroup", as eight instructions (`struct bpf_insn`).
fn allow_only(cgroup: u64) -> [u64; 8] {
    [
        insn(0x85, 0, 0, 80),            // r0 = bpf_get_current_cgroup_id()
        insn(0x18, 1, 0, cgroup as u32), // r1 = the cgroup, both halves
        u64::from((cgroup >> 32) as u32) << 32,
        insn(0x1d, 0x10, 2, 0), // if r0 == r1 goto the last two
        insn(0xb7, 0, 0, 0),    // r0 = 0
        insn(0x95, 0, 0, 0),    // exit
        insn(0xb7, 0, 0, 1),    // r0 = 1
        insn(0x95, 0, 0, 0),    // exit
    ]
}

const fn insn(code: u8, registers: u8, offset: u16, value: u32) -> u64 {
    code as u64 | (registers as u64) << 8 | (offset as u64) << 16 | (value as u64) << 32
}

/// The whole chain of causes: the verifier's log is at its end.
fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

/// The kernel lets go of an unpinned link a moment later. Until then the old programs, which do
/// not know the new cgroups, would deny the new listener.
pub(super) fn wait_for_detached(parent: &Cgroup) -> io::Result<()> {
    let types = PROGRAMS.iter().map(|(_, attach_type)| attach_type);
    for attach_type in types.chain(UNIX.iter().map(|(_, attach_type)| attach_type)) {
        for _ in 0..200 {
            // What this kernel does not know was never attached.
            if bpf::attached_programs(parent.dir(), *attach_type).map_or(0, |ids| ids.len()) <= 1 {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    Ok(())
}

/// Program names in the object, with the kernel's `enum bpf_attach_type`.
pub const PROGRAMS: &[(&str, u32)] = &[
    ("egress", 1),
    ("ingress", 0),
    ("sock_create", 2),
    ("bind4", 8),
    ("bind6", 9),
    ("connect4", 10),
    ("connect6", 11),
    ("sendmsg4", 14),
    ("sendmsg6", 15),
    ("setsockopt", 22),
];

/// The hooks on unix sockets (Linux 6.7), by the same numbers.
pub(super) const UNIX: &[(&str, u32)] = &[("connect_unix", 49), ("sendmsg_unix", 50)];

/// The kernel programs and maps, as they are built into this binary.
pub static OBJECT: &[u8] = include_bytes_aligned!(env!("PRXY_BPF_OBJECT"));
