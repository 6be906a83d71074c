//! How much a client may ask for: requests in a minute, and at the same time.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::error::Failure;
use crate::config::ClientLimits;

/// What every client with limits has under way; outlasts every configuration.
#[derive(Debug, Default)]
pub(super) struct Limits(Mutex<HashMap<String, Arc<Meter>>>);

#[derive(Debug, Default)]
struct Meter {
    running: AtomicU32,
    bucket: Mutex<Option<Bucket>>,
}

/// Fills evenly, by as much in a minute as it holds.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: f64,
    at: Instant,
}

/// The place of one request among those under way; given back when dropped.
#[derive(Debug)]
pub(crate) struct Place(Arc<Meter>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Limits {
    /// Lets a request of this client in; `None` where nothing is limited.
    pub(super) fn enter(
        &self,
        client: &str,
        limits: Option<ClientLimits>,
    ) -> Result<Option<Place>, Failure> {
        let limits = limits.unwrap_or_default();
        if limits.requests_per_minute.is_none() && limits.concurrent.is_none() {
            return Ok(None);
        }
        let meter = {
            let mut meters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            match meters.get(client) {
                Some(meter) => Arc::clone(meter),
                None => Arc::clone(meters.entry(client.to_owned()).or_default()),
            }
        };
        let most = limits.concurrent.unwrap_or(u32::MAX);
        let one_more = |running: u32| (running < most).then(|| running + 1);
        let order = Ordering::Relaxed;
        if meter.running.fetch_update(order, order, one_more).is_err() {
            return Err(Failure::ClientBusy);
        }
        let place = Place(Arc::clone(&meter));
        if let Some(rate) = limits.requests_per_minute {
            meter.take(rate, Instant::now()).map_err(|wait| Failure::ClientRate { wait })?;
        }
        Ok(Some(place))
    }
}

impl Meter {
    /// Takes one request of so many a minute; else how many seconds to wait for the next.
    fn take(&self, rate: u32, now: Instant) -> Result<(), u64> {
        let rate = f64::from(rate);
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let known = bucket.unwrap_or(Bucket { left: rate, at: now });
        let passed = now.saturating_duration_since(known.at).as_secs_f64();
        let left = (known.left + passed * rate / MINUTE.as_secs_f64()).min(rate);
        if left < 1.0 {
            *bucket = Some(Bucket { left, at: now });
            let wait = Duration::from_secs_f64((1.0 - left) * MINUTE.as_secs_f64() / rate);
            return Err(wait.as_secs() + 1);
        }
        *bucket = Some(Bucket { left: left - 1.0, at: now });
        Ok(())
    }
}

const MINUTE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(entered: Result<Option<Place>, Failure>) -> String {
        entered.map_or_else(|failure| format!("{failure:?}"), |_| "in".to_owned())
    }

    #[test]
    fn so_many_at_once_and_the_next_when_one_has_left() {
        let limits = Limits::default();
        let at_once = |most| Some(ClientLimits { concurrent: Some(most), ..Default::default() });
        let first = limits.enter("ward", at_once(2)).unwrap();
        let _second = limits.enter("ward", at_once(2)).unwrap();
        assert_eq!(reason(limits.enter("ward", at_once(2))), "ClientBusy");
        assert_eq!(reason(limits.enter("lab", at_once(2))), "in");
        drop(first);
        let _third = limits.enter("ward", at_once(2)).unwrap();
        assert_eq!(reason(limits.enter("ward", at_once(2))), "ClientBusy");
        // A reload that takes the limit away, or makes it smaller.
        assert_eq!(reason(limits.enter("ward", None)), "in");
        assert_eq!(reason(limits.enter("ward", at_once(1))), "ClientBusy");
    }

    #[test]
    fn so_many_in_a_minute_spread_over_it() {
        let meter = Meter::default();
        let start = Instant::now();
        let at = |seconds: f64| start + Duration::from_secs_f64(seconds);
        for _ in 0..6 {
            assert_eq!(meter.take(6, at(0.0)), Ok(()));
        }
        assert_eq!(meter.take(6, at(0.5)), Err(10));
        assert_eq!(meter.take(6, at(5.5)), Err(5));
        assert_eq!(meter.take(6, at(10.1)), Ok(()));
        assert_eq!(meter.take(6, at(10.2)), Err(10));
        // However long nobody asks, no more are saved up than for a minute.
        for _ in 0..6 {
            assert_eq!(meter.take(6, at(10_000.0)), Ok(()));
        }
        assert!(meter.take(6, at(10_000.0)).is_err());
        // Who is refused for the rate holds no place.
        let limits = Limits::default();
        let one = ClientLimits {
            requests_per_minute: Some(1),
            concurrent: Some(1),
            ..ClientLimits::default()
        };
        drop(limits.enter("ward", Some(one)).unwrap());
        for _ in 0..3 {
            assert!(reason(limits.enter("ward", Some(one))).starts_with("ClientRate"));
        }
    }
}
