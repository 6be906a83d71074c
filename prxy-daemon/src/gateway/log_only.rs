//! While the airgap only records, every answer says so, and so does the log, from time to time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderValue};

use crate::hop;

/// The reminder that nothing is enforced.
pub(super) struct LogOnly {
    started: Instant,
    /// Seconds after the start at which the log says it again.
    due_secs: AtomicU64,
    requests: AtomicU64,
}

impl LogOnly {
    pub(super) fn new() -> Self {
        let (due_secs, requests) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { started: Instant::now(), due_secs, requests }
    }

    /// Marks one answer.
    pub(super) fn mark(&self, headers: &mut HeaderMap) {
        headers.insert(hop::AIRGAP, HeaderValue::from_static("log-only"));
        let requests = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        let now = self.started.elapsed().as_secs();
        let due = self.due_secs.load(Ordering::Relaxed);
        let next = now + SAY_EVERY.as_secs();
        let order = Ordering::Relaxed;
        if due <= now && self.due_secs.compare_exchange(due, next, order, order).is_ok() {
            tracing::warn!(requests, "log-only: answered without the protection of the airgap");
        }
    }
}

const SAY_EVERY: Duration = Duration::from_secs(10);
