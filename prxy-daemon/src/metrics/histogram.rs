//! Durations, counted by upper bounds: two atomic additions each, no lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How many durations were how long.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    /// By the first bound that is not below; the last is above them all.
    counts: [AtomicU64; BOUNDS.len() + 1],
    sum_ns: AtomicU64,
}

impl Histogram {
    /// Counts one.
    pub(crate) fn observe(&self, took: Duration) {
        let ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let at = BOUNDS.partition_point(|(_, bound)| *bound < ns);
        self.counts[at].fetch_add(1, Ordering::Relaxed);
        self.sum_ns.fetch_add(ns, Ordering::Relaxed);
    }

    /// How many were not above each bound and in all, and their sum in seconds.
    ///
    /// What is counted meanwhile may be in the sum already, and in no count yet.
    pub(super) fn read(&self) -> ([u64; BOUNDS.len() + 1], f64) {
        let mut below = 0;
        let counts = std::array::from_fn(|at| {
            below += self.counts[at].load(Ordering::Relaxed);
            below
        });
        let sum = Duration::from_nanos(self.sum_ns.load(Ordering::Relaxed)).as_secs_f64();
        (counts, sum)
    }
}

/// Seconds as they are written, and nanoseconds.
pub(crate) const BOUNDS: [(&str, u64); 18] = [
    ("0.0001", 100_000),
    ("0.00025", 250_000),
    ("0.0005", 500_000),
    ("0.001", 1_000_000),
    ("0.0025", 2_500_000),
    ("0.005", 5_000_000),
    ("0.01", 10_000_000),
    ("0.025", 25_000_000),
    ("0.05", 50_000_000),
    ("0.1", 100_000_000),
    ("0.25", 250_000_000),
    ("0.5", 500_000_000),
    ("1", 1_000_000_000),
    ("2.5", 2_500_000_000),
    ("5", 5_000_000_000),
    ("15", 15_000_000_000),
    ("60", 60_000_000_000),
    ("300", 300_000_000_000),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_counts_below_every_bound_that_it_is_not_above() {
        let histogram = Histogram::default();
        for (micros, first) in [
            (0, 0),
            (100, 0),
            (101, 1),
            (2_500, 4),
            (300_000_000, BOUNDS.len() - 1),
            (300_000_001, BOUNDS.len()),
        ] {
            let (before, _) = histogram.read();
            histogram.observe(Duration::from_micros(micros));
            let (after, _) = histogram.read();
            for at in 0..=BOUNDS.len() {
                assert_eq!(after[at] - before[at], u64::from(at >= first), "{micros} {at}");
            }
        }
        let (counts, sum) = histogram.read();
        assert_eq!(counts.last(), Some(&6));
        assert!((sum - 600.002_702).abs() < 1e-6, "{sum}");
        assert!(
            BOUNDS.iter().all(|(word, ns)| {
                (word.parse::<f64>().unwrap() * 1e9 - *ns as f64).abs() < 1e-3
            })
        );
    }
}
