//! Clocks that both the kernel programs and the daemon read.

use std::time::Duration;

/// `CLOCK_MONOTONIC`, the clock of the kernel's `bpf_ktime_get_ns`.
pub fn monotonic() -> Duration {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a live timespec; this clock always exists.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut now) };
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or(0))
}
