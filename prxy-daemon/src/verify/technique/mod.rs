//! Ways to get data out of a process, each by its system calls: one row each, one file per family.
//!
//! What an attempt returns is only what the system calls said; whether data got out is judged on
//! the wire. To add a technique, add a row to a family's `ROWS`; to add a family, add a file and
//! a line to [`FAMILIES`]. `docs/threat-model.md` is printed from these rows.

mod address;
mod call;
mod datagram;
mod dns;
mod extension;
mod family;
mod files;
mod ip;
mod ipc;
mod kernel;
mod link;
mod memory;
mod namespace;
mod neighbour;
mod options;
mod packet;
mod process;
mod provenance;
mod raw;
mod rights;
mod ring;
mod send;
mod socket;
mod unix;

use std::io;
use std::os::fd::RawFd;
use std::path::PathBuf;
use std::time::Duration;

use prxy_common::Role;

pub(super) use call::inet;
pub use call::{
    LISTEN_PORT, MEETING_PORT, abstract_address, link_address, open_listener, relay_key,
    relay_name, relay_path, relay_port,
};

/// One way out.
#[derive(Clone, Copy, Debug)]
pub struct Technique {
    /// A stable name.
    pub name: &'static str,
    /// What it does, in a few words.
    pub what: &'static str,
    /// The rows of the threat table that it belongs to, such as `8` or `7 17`.
    pub threat: &'static str,
    /// The layers each of which may be seen to stop it.
    pub layers: &'static [Layer],
    /// What counts as having got through.
    pub judge: Judge,
    /// Whether every kernel has it.
    pub presence: Presence,
    /// What is promised if the process is root with every right, held by the kernel's policy and
    /// its namespaces alone.
    pub as_root: AsRoot,
    /// A role whose task it is, and why.
    pub open_to: Option<(Role, &'static str)>,
    /// What others have to do for it.
    pub aid: Aid,
    /// Does it; the system call that failed if one did.
    pub act: fn(&Aim) -> Result<(), Failure>,
}

/// What counts as having got through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judge {
    /// A frame that is not allowed, or that carries the attempt's token, on the wire.
    Wire,
    /// All system calls succeeded.
    Calls,
}

/// Whether every kernel has what a technique needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Yes: a control that does not get through is an error.
    Always,
    /// No: it may be built without.
    Optional,
}

/// What root with every right can do against the kernel's policy alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsRoot {
    /// Nothing: it must be stopped as well.
    Stopped,
    /// It may get through, for this reason; no role is root with rights.
    NotPromised(&'static str),
    /// The same, but not out of an empty namespace: where a role has one, it must be stopped.
    OnlyInNamespace(&'static str),
}

/// A layer that stops attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// The programs on the role's cgroup.
    Cgroup,
    /// The system call allowlist.
    Seccomp,
    /// Landlock: files, TCP ports, scopes.
    Landlock,
    /// A network or IPC namespace of its own.
    Namespace,
    /// A capability that it does not have.
    Capability,
    /// A user of its own: file and process permissions.
    Permission,
    /// Descriptors that it was never given.
    Descriptors,
}

/// What others have to do for a technique to have a chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aid {
    /// Nothing.
    None,
    /// Someone outside connects to whatever listens inside on every address, and reads.
    Fetch,
    /// Someone outside connects from and to [`MEETING_PORT`].
    Meet,
    /// A process beside it passes on what it hears on an abstract unix socket.
    Relay,
    /// A process beside it passes on datagrams sent to a path.
    PathRelay,
    /// A process beside it passes on what it hears there, see [`super::relay`].
    Heard(Medium),
    /// A descriptor that was made elsewhere, under [`Aim::given`]; only `prxy verify` gives any.
    Given(Given),
}

/// Where a process beside it listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Medium {
    /// A TCP port of its own on every local address.
    Loopback,
    /// A unix stream socket with a path.
    Path,
    /// An abstract unix socket for sequenced packets.
    Seqpacket,
    /// An abstract unix socket for datagrams.
    Datagram,
    /// A named pipe.
    Fifo,
    /// A file that it reads again and again.
    File,
    /// A POSIX message queue.
    Posix,
    /// A System V message queue.
    SystemV,
    /// It calls: the attempt listens on an abstract unix socket.
    Caller,
}

impl Medium {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::Loopback,
        Self::Path,
        Self::Seqpacket,
        Self::Datagram,
        Self::Fifo,
        Self::File,
        Self::Posix,
        Self::SystemV,
        Self::Caller,
    ];
}

/// Descriptors from elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    /// A TCP socket, made before the process was.
    Socket,
    /// A TCP connection to the attacker, older than the process.
    Connection,
    /// A listener on [`LISTEN_PORT`].
    Listener,
    /// A connected TCP socket is sent by another process once this one runs.
    Passed,
}

/// What an attempt is to send, and the places it may need.
#[derive(Clone, Debug)]
pub struct Aim {
    /// Unique to the attempt; letters and digits.
    pub token: String,
    /// The mount point of cgroup v2.
    pub cgroup_root: PathBuf,
    /// A directory that everyone may write to.
    pub scratch: PathBuf,
    /// How long to wait for what a peer would do.
    pub patience: Duration,
    /// The number of a descriptor that was opened for it elsewhere, if it has it at all.
    pub given: RawFd,
}

/// The system call that failed.
#[derive(Debug)]
pub struct Failure {
    /// Its name.
    pub at: &'static str,
    /// Why.
    pub error: io::Error,
}

/// Every family of techniques, in the order in which they are tried and printed.
pub const FAMILIES: &[&[Technique]] = &[
    ip::ROWS,
    address::ROWS,
    options::ROWS,
    socket::ROWS,
    extension::ROWS,
    datagram::ROWS,
    send::ROWS,
    dns::ROWS,
    raw::ROWS,
    link::ROWS,
    unix::ROWS,
    ipc::ROWS,
    process::ROWS,
    provenance::ROWS,
    namespace::ROWS,
    neighbour::ROWS,
    rights::ROWS,
    files::ROWS,
    memory::ROWS,
    ring::ROWS,
    kernel::ROWS,
    family::ROWS,
];

/// Every technique.
pub fn all() -> impl Iterator<Item = &'static Technique> {
    FAMILIES.iter().copied().flatten()
}

/// Looks a technique up by its name.
pub fn by_name(name: &str) -> Option<&'static Technique> {
    all().find(|technique| technique.name == name)
}

impl Technique {
    /// Judged by the wire.
    const fn wire(
        name: &'static str,
        what: &'static str,
        threat: &'static str,
        layers: &'static [Layer],
        act: fn(&Aim) -> Result<(), Failure>,
    ) -> Self {
        Self {
            name,
            what,
            threat,
            layers,
            judge: Judge::Wire,
            presence: Presence::Always,
            as_root: AsRoot::Stopped,
            open_to: None,
            aid: Aid::None,
            act,
        }
    }

    /// Judged by whether all calls succeeded.
    const fn calls(
        name: &'static str,
        what: &'static str,
        threat: &'static str,
        layers: &'static [Layer],
        act: fn(&Aim) -> Result<(), Failure>,
    ) -> Self {
        Self { judge: Judge::Calls, ..Self::wire(name, what, threat, layers, act) }
    }

    /// Not every kernel has it.
    const fn optional(self) -> Self {
        Self { presence: Presence::Optional, ..self }
    }

    /// Root with every right gets through, for this reason.
    const fn root_may(self, why: &'static str) -> Self {
        Self { as_root: AsRoot::NotPromised(why), ..self }
    }

    /// Root with every right gets through where the role shares the host's namespaces.
    const fn root_only_in_namespace(self, why: &'static str) -> Self {
        Self { as_root: AsRoot::OnlyInNamespace(why), ..self }
    }

    /// It is the task of this role.
    const fn open_to(self, role: Role, why: &'static str) -> Self {
        Self { open_to: Some((role, why)), ..self }
    }

    /// Other layers than those of its family.
    const fn stopped_by(self, layers: &'static [Layer]) -> Self {
        Self { layers, ..self }
    }

    /// Others have to do something for it.
    const fn aided(self, aid: Aid) -> Self {
        Self { aid, ..self }
    }
}

/// What a kernel answers for what it was built without.
pub const MISSING: &[i32] = &[
    libc::ENOSYS,
    libc::EAFNOSUPPORT,
    libc::EPROTONOSUPPORT,
    libc::ESOCKTNOSUPPORT,
    libc::ENOPROTOOPT,
    libc::EOPNOTSUPP,
    libc::ENODEV,
];

impl Layer {
    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cgroup => "cgroup",
            Self::Seccomp => "seccomp",
            Self::Landlock => "landlock",
            Self::Namespace => "namespace",
            Self::Capability => "capability",
            Self::Permission => "permission",
            Self::Descriptors => "descriptors",
        }
    }
}

/// What stops an inet socket of a role: its kind at birth, its peer at `connect`, each packet.
const INET: &[Layer] = &[Layer::Seccomp, Layer::Cgroup, Layer::Landlock];

/// What cgroup programs cannot see.
const UNSEEN: &[Layer] = &[Layer::Seccomp, Layer::Capability];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_fit_on_a_command_line() {
        let mut seen = BTreeSet::new();
        for technique in all() {
            let name = technique.name;
            assert!(seen.insert(name), "{name} stands twice");
            assert!(
                name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            );
            assert!(!technique.layers.is_empty() && technique.what.len() <= 60, "{name}");
            let rows: Vec<_> = technique.threat.split(' ').map(str::parse::<u8>).collect();
            assert!(rows.iter().all(Result::is_ok), "{name}: {}", technique.threat);
        }
    }
}
