//! How long flows live on after their address left the list.
//!
//! A flow carries the newest generation that had it on the list. Generations end when the next
//! one begins, and so each has a time of its own at which its last flows must end, however many
//! generations follow.

use std::collections::VecDeque;
use std::time::Duration;

/// The generations that ended a short while ago, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Drains {
    ended: VecDeque<(u32, Duration)>,
}

impl Drains {
    /// Notes that a generation ended `now`.
    pub(crate) fn retire(&mut self, generation: u32, now: Duration) {
        if self.ended.len() == MAX_GENERATIONS {
            self.ended.pop_front();
        }
        self.ended.push_back((generation, now));
    }

    /// The oldest generation whose flows may go on; that in force if there is no other.
    pub(crate) fn oldest(&mut self, in_force: u32, now: Duration) -> u32 {
        while self.ended.front().is_some_and(|(_, ended)| *ended + MAX_DRAIN <= now) {
            self.ended.pop_front();
        }
        self.ended.front().map_or(in_force, |(generation, _)| *generation)
    }
}

/// Longest time that a flow lives on after its address left the list.
const MAX_DRAIN: Duration = Duration::from_secs(600);

/// A nameserver or a role that changes its mind faster shortens the drain, nothing else.
const MAX_GENERATIONS: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_generations_do_not_prolong_the_drain_of_earlier_ones() {
        let mut drains = Drains::default();
        let at = Duration::from_secs;
        assert_eq!(drains.oldest(1, at(0)), 1);
        // One a minute, for ever: a flow last allowed in generation 1 ends after ten minutes.
        for minute in 1..=30 {
            let generation = u32::try_from(minute).unwrap();
            drains.retire(generation, at(minute * 60));
            let oldest = drains.oldest(generation + 1, at(minute * 60));
            let expected = generation.saturating_sub(9).max(1);
            assert_eq!(oldest, expected, "minute {minute}");
        }
        assert_eq!(drains.oldest(31, at(30 * 60 + 599)), 30);
        assert_eq!(drains.oldest(31, at(30 * 60 + 600)), 31);
    }

    #[test]
    fn a_flood_of_generations_is_bounded() {
        let mut drains = Drains::default();
        for generation in 0..10_000 {
            drains.retire(generation, Duration::ZERO);
        }
        assert_eq!(drains.oldest(10_000, Duration::ZERO), 10_000 - 1024);
        assert_eq!(drains.ended.len(), MAX_GENERATIONS);
    }
}
