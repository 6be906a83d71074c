//! Landlock: which files and TCP ports a role may still name, and the canaries that prove the
//! confinement from inside.

use std::io;
use std::path::PathBuf;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, NetPort, PathBeneath,
    PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus, Scope,
};
use thiserror::Error;

/// What a role may still name.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    /// Files and directories, and what may be done with each or below it.
    pub files: Vec<(PathBuf, Use)>,
    /// TCP ports to connect to.
    pub connect: Vec<u16>,
    /// Whom it may signal.
    pub signals: Signals,
}

/// What may be done with a file, or with everything below a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Read and write files, make and remove files and directories.
    Keep,
    /// Read files and list directories.
    Read,
    /// Read, list and execute; only `prxy exec` allows it.
    Run,
    /// Write to the files that are there.
    Write,
    /// Read and write what is there, such as a device.
    ReadWrite,
    /// List, and remove files and directories.
    Remove,
    /// Remove empty directories.
    RemoveEmpty,
}

/// Whom a role may signal, as far as Landlock goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Signals {
    /// Itself and what it starts.
    #[default]
    Own,
    /// Anyone.
    Any,
}

/// Whether the kernel took the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Landlock {
    /// All rules that this build knows and the kernel offers are in force.
    Enforced,
    /// The kernel has no Landlock, or it is switched off.
    Missing,
}

/// The rules could not be applied.
#[derive(Debug, Error)]
#[error("landlock: {0}")]
pub struct SandboxError(String);

/// Confines the calling thread and all that it starts.
///
/// File rules are required as the kernel offers them (ABI 1, Linux 5.13); TCP ports (ABI 4) and
/// scopes (ABI 6) are taken where they exist.
pub fn confine(reach: &Reach) -> Result<Landlock, SandboxError> {
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(LANDLOCK))
        .and_then(|rules| rules.handle_access(AccessNet::from_all(LANDLOCK)))
        .and_then(|rules| match reach.signals {
            Signals::Own => rules.scope(Scope::from_all(LANDLOCK)),
            Signals::Any => rules.scope(Scope::AbstractUnixSocket),
        })
        .and_then(Ruleset::create)
        .map_err(failed)?;
    for (name, what) in &reach.files {
        let path = match PathFd::new(name) {
            Ok(path) => path,
            // What must be there is asked for in vain later on; the rest needs no rule.
            Err(_) if !name.exists() => continue,
            Err(error) => return Err(failed(error)),
        };
        let allowed = match name.is_dir() {
            true => what.allowed(),
            false => what.allowed() & AccessFs::from_file(LANDLOCK),
        };
        rules = rules.add_rule(PathBeneath::new(path, allowed)).map_err(failed)?;
    }
    for port in &reach.connect {
        rules = rules.add_rule(NetPort::new(*port, AccessNet::ConnectTcp)).map_err(failed)?;
    }
    let status = rules.restrict_self().map_err(failed)?;
    Ok(match status.ruleset {
        RulesetStatus::NotEnforced => Landlock::Missing,
        RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced => Landlock::Enforced,
    })
}

impl Use {
    fn allowed(self) -> BitFlags<AccessFs> {
        use AccessFs::{
            Execute, MakeDir, MakeReg, ReadDir, ReadFile, RemoveDir, RemoveFile, Truncate,
            WriteFile,
        };
        match self {
            Self::Keep => {
                let keep = ReadFile | ReadDir | WriteFile | Truncate | MakeReg | MakeDir;
                keep | RemoveFile | RemoveDir
            }
            Self::Read => ReadFile | ReadDir,
            Self::Run => ReadFile | ReadDir | Execute,
            Self::Write => WriteFile | Truncate,
            Self::ReadWrite => ReadFile | WriteFile | Truncate,
            Self::Remove => ReadDir | RemoveFile | RemoveDir,
            Self::RemoveEmpty => RemoveDir.into(),
        }
    }
}

/// The version of the kernel's Landlock interface (ABI); 0 where there is none.
pub fn landlock_version() -> u32 {
    const VERSION: libc::c_long = 1;
    let nothing = std::ptr::null::<u8>();
    // SAFETY: with this flag the call takes no attributes and only answers with a number.
    let version =
        unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, nothing, 0_usize, VERSION) };
    u32::try_from(version).unwrap_or(0)
}

/// Tries to create a socket, and gives the kernel's answer.
pub fn try_socket(family: i32, kind: i32, protocol: i32) -> Result<(), i32> {
    // SAFETY: takes integers; the descriptor is closed at once.
    let fd = unsafe { libc::socket(family, kind | libc::SOCK_CLOEXEC, protocol) };
    if fd < 0 {
        return Err(errno());
    }
    // SAFETY: just opened, owned by nobody else.
    unsafe { libc::close(fd) };
    Ok(())
}

/// Tries to set up an `io_uring`, and gives the kernel's answer.
pub fn try_io_uring() -> Result<(), i32> {
    let mut parameters = [0_u8; 120];
    // SAFETY: the buffer has the size of `struct io_uring_params` and is zeroed.
    let fd = unsafe { libc::syscall(libc::SYS_io_uring_setup, 1, parameters.as_mut_ptr()) };
    if fd < 0 {
        return Err(errno());
    }
    // SAFETY: just opened, owned by nobody else.
    unsafe { libc::close(i32::try_from(fd).unwrap_or(-1)) };
    Ok(())
}

fn errno() -> i32 {
    io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

fn failed(error: impl std::fmt::Display) -> SandboxError {
    SandboxError(error.to_string())
}

const LANDLOCK: ABI = ABI::V6;
