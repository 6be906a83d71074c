//! How far a long command has come, on a terminal and nowhere else.

use std::io::{self, IsTerminal as _};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::store::Counted;

/// How much is done, in percent, on a terminal.
#[derive(Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    /// From `base` on, `done` of `whole`.
    pub(super) fn tell(&self, (base, done, whole): (u64, u64, u64)) {
        let reach = if base == 0 { 50 } else { 39 };
        let percent = base + (done * reach).checked_div(whole.max(1)).unwrap_or(0);
        if self.0.swap(percent, Ordering::Relaxed) != percent && io::stderr().is_terminal() {
            eprint!("\r{:3} %", percent.min(99));
        }
    }

    /// Where nobody knows the whole: every thousandth row.
    pub(super) fn teller(&self) -> impl Fn(Counted) {
        |counted| {
            let rows = counted.rows + counted.blobs;
            if rows.is_multiple_of(1000) && io::stderr().is_terminal() {
                eprint!("\r{rows} rows");
            }
        }
    }
}

/// The line on the terminal is free again.
pub(super) fn over() {
    if io::stderr().is_terminal() {
        eprint!("\r          \r");
    }
}
