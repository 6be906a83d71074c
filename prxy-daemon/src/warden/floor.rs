//! The oldest kernel that will do, and what each layer needs, closes and costs when it is missing.
//!
//! `docs/kernel.md` shows this table; a test keeps the two the same.

use std::fmt;

use nix::sys::utsname::uname;

use super::{During, WardenError};
use crate::sys::channel::Channel;
use crate::sys::sandbox;

/// A kernel's version, as far as features go by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    major: u16,
    minor: u16,
}

/// One thing that the kernel does for the airgap.
#[derive(Debug, PartialEq, Eq)]
pub struct Layer {
    /// In log lines and in the documentation.
    pub name: &'static str,
    /// The first kernel that has it.
    pub since: Version,
    /// What cannot be done because of it.
    pub closes: &'static str,
    /// What happens where it is missing.
    pub without: &'static str,
    probe: Probe,
}

/// How it is found out whether the running kernel has a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Probe {
    /// It is put in force and read back, or proven by a canary; else the daemon does not start.
    Required,
    /// The kernel is asked for the version of its Landlock interface.
    Landlock(u32),
    /// Attaching them was tried.
    UnixHooks,
    /// The option was set on a socket.
    PassRights,
}

impl Version {
    const fn new(major: u16, minor: u16) -> Self {
        Self { major, minor }
    }

    /// Reads `uname -r`, such as `6.6.0-13-generic`; what follows the second number is not ours.
    pub fn parse(release: &str) -> Option<Self> {
        let (major, rest) = release.split_once('.')?;
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(major) {
            return None;
        }
        Some(Self { major: major.parse().ok()?, minor: rest[..end].parse().ok()? })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// Refuses a kernel that is too old for the promise.
pub(crate) fn check() -> Result<(), WardenError> {
    let running = running()?;
    if running >= FLOOR {
        return Ok(());
    }
    let cause = format_args!(
        "Linux {running} is too old: prxy needs {FLOOR} or later, because before it the answers of \
         listening sockets pass the egress programs unseen"
    );
    Err(WardenError::new("check the kernel", cause))
}

/// The version of the kernel that runs.
pub(crate) fn running() -> Result<Version, WardenError> {
    let step = "ask for the kernel's version";
    let names = uname().during(step)?;
    let release = names.release().to_string_lossy();
    Version::parse(&release)
        .ok_or_else(|| WardenError::new(step, format_args!("cannot read `{release}`")))
}

/// Asks the running kernel for every layer; whether it has it.
pub(crate) fn layers(unix_hooks: bool) -> Vec<(&'static Layer, bool)> {
    let landlock = sandbox::landlock_version();
    let pass_rights = Channel::pair().is_ok_and(|(channel, _)| channel.refuse_descriptors());
    let holds = |layer: &Layer| match layer.probe {
        Probe::Required => true,
        Probe::Landlock(version) => landlock >= version,
        Probe::UnixHooks => unix_hooks,
        Probe::PassRights => pass_rights,
    };
    LAYERS.iter().map(|layer| (layer, holds(layer))).collect()
}

/// Says in one line what holds, and in one more for each layer that does not.
pub(crate) fn tell(layers: &[(&Layer, bool)]) {
    let held: Vec<_> = layers.iter().filter(|(_, holds)| *holds).map(|(l, _)| l.name).collect();
    tracing::info!(layers = held.join(", "), "the kernel's part of the airgap holds");
    for (layer, _) in layers.iter().filter(|(_, holds)| !holds) {
        let (since, without) = (layer.since, layer.without);
        tracing::warn!(layer = layer.name, %since, without, "not in this kernel");
    }
}

/// Below it nothing starts.
pub(crate) const FLOOR: Version = Version::new(6, 6);
/// Where attaching to unix sockets' hooks may not fail.
pub(crate) const UNIX_HOOKS: Version = Version::new(6, 7);

const STOP: &str = "the daemon does not start";

/// Every layer that the kernel has a part in.
pub const LAYERS: &[Layer] = &[
    Layer {
        name: "packet programs",
        since: FLOOR,
        closes: "every packet that is not plain TCP (resolver: and UDP) on an admitted flow, in \
                 both directions; the answers of listening sockets only since 6.6",
        without: STOP,
        probe: Probe::Required,
    },
    Layer {
        name: "connect, bind and sendmsg programs",
        since: Version::new(4, 18),
        closes: "calls that name an address, at once and with a line in the audit log",
        without: STOP,
        probe: Probe::Required,
    },
    Layer {
        name: "sock_create program",
        since: Version::new(4, 10),
        closes: "raw, ping, UDP, MPTCP, SCTP sockets, and with them group joins",
        without: STOP,
        probe: Probe::Required,
    },
    Layer {
        name: "setsockopt program",
        since: Version::new(5, 3),
        closes: "routing headers, IP options, device binding, marks, repair, protocol layers",
        without: STOP,
        probe: Probe::Required,
    },
    Layer {
        name: "socket storage",
        since: Version::new(5, 12),
        closes: "sockets that a role did not create itself, or that never passed `connect`",
        without: STOP,
        probe: Probe::Required,
    },
    Layer {
        name: "ring buffer",
        since: Version::new(5, 8),
        closes: "decisions that nobody hears of",
        without: STOP,
        probe: Probe::Required,
    },
    Layer {
        name: "pinned cgroup links",
        since: Version::new(5, 7),
        closes: "the moment after the warden's death",
        without: STOP,
        probe: Probe::Required,
    },
    Layer {
        name: "clone into a cgroup",
        since: Version::new(5, 7),
        closes: "sockets from before the policy",
        without: STOP,
        probe: Probe::Required,
    },
    Layer {
        name: "cgroup.kill",
        since: Version::new(5, 14),
        closes: "processes that an earlier daemon left",
        without: STOP,
        probe: Probe::Required,
    },
    Layer {
        name: "system call filter",
        since: Version::new(3, 17),
        closes: "other socket families, io_uring, ptrace, bpf, namespaces, exec",
        without: STOP,
        probe: Probe::Required,
    },
    Layer {
        name: "Landlock files",
        since: Version::new(5, 13),
        closes: "files by name",
        without: "a warning; users and permissions remain",
        probe: Probe::Landlock(1),
    },
    Layer {
        name: "Landlock TCP ports",
        since: Version::new(6, 7),
        closes: "TCP ports, a second time",
        without: "the programs remain",
        probe: Probe::Landlock(4),
    },
    Layer {
        name: "Landlock scopes",
        since: Version::new(6, 12),
        closes: "abstract unix sockets of others, signals to others",
        without: "empty namespaces, users and the system call filter remain",
        probe: Probe::Landlock(6),
    },
    Layer {
        name: "unix socket programs",
        since: UNIX_HOOKS,
        closes: "unix sockets by path or abstract name, datagrams included",
        without: "the system call filter and Landlock remain",
        probe: Probe::UnixHooks,
    },
    Layer {
        name: "SO_PASSRIGHTS",
        since: Version::new(6, 16),
        closes: "descriptors sent to a role that expects none",
        without: "what was not expected is closed on receipt",
        probe: Probe::PassRights,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_distributions_write_them() {
        for (release, expected) in [
            ("6.6.0-13-generic", Some((6, 6))),
            ("6.18.44", Some((6, 18))),
            ("5.15.167.4-microsoft-standard-WSL2", Some((5, 15))),
            ("7.1.0-rc2", Some((7, 1))),
            ("6.1-custom", Some((6, 1))),
            ("6.12+deb13-amd64", Some((6, 12))),
            ("10.0", Some((10, 0))),
            ("6", None),
            ("", None),
            ("6.", None),
            ("6.x", None),
            ("+6.6", None),
            ("-6.6", None),
            (" 6.6", None),
            ("six.six", None),
            ("99999.1", None),
        ] {
            let expected = expected.map(|(major, minor)| Version::new(major, minor));
            assert_eq!(Version::parse(release), expected, "{release:?}");
        }
    }

    #[test]
    fn versions_compare_by_number_and_not_by_letter() {
        let version = |text| Version::parse(text).unwrap();
        assert!(version("6.10") > version("6.9") && version("6.9") > version("6.6"));
        assert!(version("5.19") < FLOOR && version("6.5.13") < FLOOR && version("6.6") >= FLOOR);
        assert!(version("7.0") > FLOOR && version("10.0") > version("9.9"));
    }

    #[test]
    fn whatever_the_floor_does_not_have_may_be_missing() {
        for layer in LAYERS {
            assert_eq!(layer.probe == Probe::Required, layer.without == STOP, "{}", layer.name);
            assert!(layer.probe != Probe::Required || layer.since <= FLOOR, "{}", layer.name);
        }
    }

    #[test]
    fn the_documentation_shows_this_table() {
        let rows: String = LAYERS
            .iter()
            .map(|l| format!("| {} | {} | {} | {} |\n", l.name, l.since, l.closes, l.without))
            .collect();
        let table = format!("| layer | Linux | closes | without it |\n|---|---|---|---|\n{rows}");
        let page = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/kernel.md"));
        assert!(page.contains(&table), "docs/kernel.md should hold:\n{table}");
        assert!(page.contains(&format!("Linux {FLOOR}")));
    }
}
