//! Clocks that both the kernel programs and the daemon read.

use std::time::Duration;

/// `CLOCK_MONOTONIC`, the clock of the kernel's `bpf_ktime_get_ns`.
pub fn monotonic() -> Duration {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a live timespec; this clock always exists.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut now) };
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or(0))
}

/// Whether something keeps the wall clock right, as the kernel was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// It is within a bound.
    Yes,
    /// Nobody has said so for long.
    No,
    /// The kernel does not tell.
    Unknown,
}

/// Asks with `adjtimex(2)`, and changes nothing.
pub fn synchronised() -> Sync {
    // SAFETY: all bytes zero are a timex that asks for no change; the pointer is to it, and live.
    let state = unsafe {
        let mut ask: libc::timex = std::mem::zeroed();
        libc::adjtimex(&raw mut ask)
    };
    match state {
        -1 => Sync::Unknown,
        libc::TIME_ERROR => Sync::No,
        _ => Sync::Yes,
    }
}
