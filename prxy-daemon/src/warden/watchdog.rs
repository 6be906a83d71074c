//! Looks twice a second whether what the start has read back still holds: links, programs, cgroups,
//! and who is in which.
//!
//! It asks only what needs no capability. Not for what happens then: that is `supervise`.

use std::path::Path;
use std::time::{Duration, Instant};

use prxy_common::Role;

use super::children::Child;
use super::kernel::Kernel;
use super::{During, WardenError};
use crate::sys::cgroup::Membership;

/// Something of the kernel's policy does not hold any more.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// A part of it was taken away.
    Policy(String),
    /// A role that can reach the network is not under it.
    Escape(String),
}

/// Knows what was true at the start.
pub(crate) struct Watchdog {
    residents: Vec<Resident>,
    looked: Instant,
}

/// A process and the cgroup that it must stay in.
struct Resident {
    role: Role,
    seen: Membership,
    /// As `/proc` shows it.
    cgroup: String,
}

impl Watchdog {
    /// Notes where every process is, the warden's own included.
    pub(crate) fn new(kernel: &Kernel, children: &[Child]) -> Result<Self, WardenError> {
        let step = "see a role in its cgroup";
        let own = i32::try_from(std::process::id()).during(step)?;
        let processes = children.iter().map(|child| (child.role, child.pid.as_raw()));
        let mut residents = Vec::new();
        for (role, pid) in processes.chain([(Role::Warden, own)]) {
            let seen = Membership::of(pid).during(step)?;
            let cgroup = seen.now().during(step)?;
            if !is_below(&cgroup, kernel.group(role)?.path()) {
                return Err(WardenError::new(step, role.name()));
            }
            residents.push(Resident { role, seen, cgroup });
        }
        Ok(Self { residents, looked: Instant::now() })
    }

    /// How long until the next look.
    pub(crate) fn pause(&self) -> Duration {
        EVERY.saturating_sub(self.looked.elapsed())
    }

    /// What is lost, if it is time to look.
    pub(crate) fn look(&mut self, kernel: &Kernel) -> Option<Loss> {
        if !self.pause().is_zero() {
            return None;
        }
        self.looked = Instant::now();
        // Whoever escaped is named first: that cannot wait.
        let mut losses: Vec<_> = self.residents.iter().filter_map(Resident::loss).collect();
        losses.extend(kernel.loss().map(Loss::Policy));
        losses.sort_by_key(|loss| matches!(loss, Loss::Policy(_)));
        losses.into_iter().next()
    }
}

impl Resident {
    fn loss(&self) -> Option<Loss> {
        let role = self.role.name();
        let lost = match self.seen.now() {
            Ok(now) if now == self.cgroup => return None,
            Ok(_) => format!("{role} is not in its cgroup"),
            Err(error) => format!("{role}: {error}"),
        };
        let has_network = matches!(self.role, Role::Netgate | Role::Resolver);
        Some(if has_network { Loss::Escape(lost) } else { Loss::Policy(lost) })
    }
}

/// Whether `/proc` names the last two folders of the group: its own view may begin further down.
fn is_below(shown: &str, group: &Path) -> bool {
    let end: Vec<_> = group.components().rev().take(2).collect();
    let shown: Vec<_> = Path::new(shown).components().rev().take(2).collect();
    end.len() == 2 && end == shown
}

const EVERY: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_known_by_the_end_of_its_path() {
        let group = Path::new("/sys/fs/cgroup/system.slice/prxy.service/prxy-1/netgate");
        for (shown, expected) in [
            ("/system.slice/prxy.service/prxy-1/netgate", true),
            ("/prxy-1/netgate", true),
            ("/prxy-1/broker", false),
            ("/prxy-2/netgate", false),
            ("/prxy-1/netgate (deleted)", false),
            ("/", false),
            ("", false),
        ] {
            assert_eq!(is_below(shown, group), expected, "{shown}");
        }
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "someone has to end while he is watched")]
    fn a_process_that_is_elsewhere_or_cannot_be_seen_is_a_loss() {
        let resident = |role, cgroup: &str| {
            let seen = Membership::of(std::process::id().cast_signed()).unwrap();
            Resident { role, seen, cgroup: cgroup.to_owned() }
        };
        let here = resident(Role::Netgate, "").seen.now().unwrap();
        assert_eq!(resident(Role::Netgate, &here).loss(), None);
        let elsewhere = "netgate is not in its cgroup".to_owned();
        assert_eq!(resident(Role::Netgate, "/x").loss(), Some(Loss::Escape(elsewhere)));
        let elsewhere = "broker is not in its cgroup".to_owned();
        assert_eq!(resident(Role::Broker, "/x").loss(), Some(Loss::Policy(elsewhere)));
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let gone = Resident {
            seen: Membership::of(child.id().cast_signed()).unwrap(),
            ..resident(Role::Resolver, &here)
        };
        assert_eq!(gone.loss(), None);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(matches!(gone.loss(), Some(Loss::Escape(_))));
    }
}
