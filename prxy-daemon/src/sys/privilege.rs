//! Gives up identity, capabilities and ways to regain them.

use std::io;

use nix::unistd::{Gid, Pid, Uid, setgroups, setresgid, setresuid};

/// Becomes `uid`/`gid` for good, with no supplementary groups.
pub fn become_user(uid: Uid, gid: Gid) -> io::Result<()> {
    setgroups(&[])?;
    setresgid(gid, gid, gid)?;
    setresuid(uid, uid, uid)?;
    Ok(())
}

/// Gives up the right to gain anything by executing a file; to be called before
/// [`become_user`], which takes the capability that the bounding set needs.
///
/// The bounding set can only be emptied with `CAP_SETPCAP`; without it no-new-privileges already
/// keeps the process from gaining anything.
pub fn renounce_gains() -> io::Result<()> {
    prctl(libc::PR_SET_NO_NEW_PRIVS, 1)?;
    for capability in 0..64 {
        match prctl(libc::PR_CAPBSET_DROP, capability) {
            Ok(()) => {}
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => break,
            Err(error) if error.raw_os_error() == Some(libc::EPERM) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Drops every capability from every set.
pub fn drop_capabilities() -> io::Result<()> {
    prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL.cast_unsigned().into())?;
    let header = CapHeader { version: LINUX_CAPABILITY_VERSION_3, pid: 0 };
    let empty = [CapData::default(); 2];
    // SAFETY: header and data have the layout of version 3, which takes two data elements.
    match unsafe { libc::syscall(libc::SYS_capset, &raw const header, empty.as_ptr()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Whether the process holds a capability now.
pub fn holds(capability: u32) -> io::Result<bool> {
    let header = CapHeader { version: LINUX_CAPABILITY_VERSION_3, pid: 0 };
    let mut data = [CapData::default(); 2];
    // SAFETY: as in `drop_capabilities`.
    match unsafe { libc::syscall(libc::SYS_capget, &raw const header, data.as_mut_ptr()) } {
        0 => Ok(data[(capability / 32) as usize & 1].effective & (1 << (capability % 32)) != 0),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Asks to be killed when `parent` ends, and checks that it has not ended already.
///
/// To be called after the last change of identity: the kernel forgets the request then.
pub fn die_with(parent: Pid) -> io::Result<()> {
    prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL.cast_unsigned().into())?;
    if nix::unistd::getppid() == parent {
        Ok(())
    } else {
        Err(io::Error::from_raw_os_error(libc::ESRCH))
    }
}

/// No core files, no `ptrace`, no `/proc/PID/mem` by processes of the same user.
pub fn hide_memory() -> io::Result<()> {
    nix::sys::resource::setrlimit(nix::sys::resource::Resource::RLIMIT_CORE, 0, 0)?;
    prctl(libc::PR_SET_DUMPABLE, 0)
}

/// The name in `ps` and `top`, at most 15 bytes.
pub fn set_process_name(name: &str) -> io::Result<()> {
    let name = std::ffi::CString::new(name)?;
    prctl(libc::PR_SET_NAME, name.as_ptr() as u64)
}

fn prctl(option: i32, value: u64) -> io::Result<()> {
    // SAFETY: the options used here take integers, or a string that lives through the call.
    match unsafe { libc::prctl(option, value, 0, 0, 0) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

const LINUX_CAPABILITY_VERSION_3: u32 = 0x2008_0522;

#[repr(C)]
struct CapHeader {
    version: u32,
    pid: i32,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct CapData {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}
