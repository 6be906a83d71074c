//! The audit log: what the kernel decided and what the daemon did, one JSON object a line, each
//! with its number and the SHA-256 of the line before, over rotations, restarts and crashes.
//!
//! The chain has no key. It shows every change before its last line; what it cannot show, lines cut
//! off at the end or a log written anew, shows against a head that was kept elsewhere: the daemon
//! writes its head to standard error at start, stop, rotation and once a day.
//!
//! Not for text of any request: addresses, ports, roles and reasons only.

mod files;
mod line;
mod log;
mod tail;
mod verify;

#[cfg(test)]
mod tests;

use std::io;

use serde_json::{Value, json};
use thiserror::Error;

pub use line::{digest as sha256, is_hash};
pub use log::{EgressLog, Head, Rotation};
pub use tail::{Follow, describe};
pub use verify::{Report, verify};

/// Why the log cannot be opened or read.
#[derive(Debug, Error)]
pub enum AuditError {
    /// A file operation failed.
    #[error("{path}: {source}")]
    Io {
        /// The file, or the directory.
        path: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The file does not end with the log of any prxy.
    #[error("{path} does not end in audit lines: somebody has changed it. Keep it, move it away")]
    NotALog {
        /// The file.
        path: String,
    },
}

/// What is running, for the first line of a start.
pub fn surroundings() -> Value {
    let read = |path: &str| std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "kernel": read("/proc/sys/kernel/osrelease"),
        "boot_id": read("/proc/sys/kernel/random/boot_id"),
        "pid": std::process::id(),
    })
}
