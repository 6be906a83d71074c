//! Asks every role for a sign of life, so that one that hangs keeps no client waiting for ever.
//!
//! Questions are counted, not time: a warden that was itself stopped for a while blames nobody. Not
//! for roles that have ended (their pidfd says so).

use std::time::{Duration, Instant};

use prxy_common::Role;

/// How many questions each role has left unanswered.
pub(crate) struct Pulse {
    roles: Vec<(Role, u32)>,
    asked: Instant,
}

impl Pulse {
    pub(crate) fn new(roles: impl Iterator<Item = Role>) -> Self {
        Self { roles: roles.map(|role| (role, 0)).collect(), asked: Instant::now() }
    }

    /// Whom to ask now: everybody, or nobody yet. To be called often.
    ///
    /// # Errors
    /// The role that has left too many questions unanswered.
    pub(crate) fn due(&mut self) -> Result<Vec<Role>, Role> {
        if self.asked.elapsed() < EVERY {
            return Ok(Vec::new());
        }
        self.asked = Instant::now();
        self.count()
    }

    /// A role has answered.
    pub(crate) fn heard(&mut self, role: Role) {
        for (known, unanswered) in &mut self.roles {
            if *known == role {
                *unanswered = 0;
            }
        }
    }

    fn count(&mut self) -> Result<Vec<Role>, Role> {
        for (role, unanswered) in &mut self.roles {
            if *unanswered == MAX_UNANSWERED {
                return Err(*role);
            }
            *unanswered += 1;
        }
        Ok(self.roles.iter().map(|(role, _)| *role).collect())
    }
}

const EVERY: Duration = Duration::from_secs(2);
/// After ten seconds without a sign.
const MAX_UNANSWERED: u32 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_leaves_five_questions_in_a_row_unanswered_hangs() {
        let both = vec![Role::Gateway, Role::Broker];
        let mut pulse = Pulse::new(both.iter().copied());
        assert_eq!(pulse.due(), Ok(Vec::new()), "not yet");
        for _ in 0..20 {
            assert_eq!(pulse.count(), Ok(both.clone()));
            pulse.heard(Role::Gateway);
            pulse.heard(Role::Broker);
        }
        for _ in 0..5 {
            assert_eq!(pulse.count(), Ok(both.clone()));
            pulse.heard(Role::Gateway);
        }
        assert_eq!(pulse.count(), Err(Role::Broker));
    }
}
