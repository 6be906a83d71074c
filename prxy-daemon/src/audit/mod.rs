//! The egress log: every decision that the kernel reports, one JSON object a line, each with the
//! SHA-256 of the line before it, so that a changed or missing line shows.
//!
//! Not for text of any request: addresses, ports, roles and reasons only.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::net::Ipv6Addr;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use prxy_common::{Event, Hook, Reason, Role, Verdict};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::sys::time::monotonic;

/// The file `egress.jsonl`, open for appending.
#[derive(Debug)]
pub struct EgressLog {
    file: File,
    previous: String,
    pending: Vec<u8>,
}

impl EgressLog {
    /// Opens the log in `dir` and goes on with its chain.
    ///
    /// # Errors
    /// Those of opening and reading the file.
    pub fn open(dir: &Path) -> io::Result<Self> {
        let path = dir.join("egress.jsonl");
        let mut file = File::options().create(true).read(true).append(true).open(path)?;
        let previous = match last_line(&mut file)? {
            Some(line) => digest(&line),
            None => "0".repeat(64),
        };
        let mut log = Self { file, previous, pending: Vec::new() };
        log.push(json!({ "time_ms": wall_ms(0), "event": "start" }));
        Ok(log)
    }

    /// Adds one decision; written by the next [`Self::flush`].
    pub fn append(&mut self, event: &Event) {
        let address = Ipv6Addr::from(event.addr);
        let address = match address.to_ipv4_mapped() {
            Some(v4) => v4.to_string(),
            None => address.to_string(),
        };
        let hook = Hook::from_code(event.hook.into());
        let mut line = json!({
            "time_ms": wall_ms(event.ts_ns),
            "event": "decision",
            "role": Role::from_code(event.role.into()).map_or("?", Role::name),
            "hook": hook.map_or("?", Hook::name),
            "verdict": Verdict::from_code(event.verdict.into()).map_or("?", Verdict::name),
            "reason": Reason::from_code(event.reason.into()).map_or("?", Reason::name),
            "generation": event.generation,
            "pid": event.pid,
            "cookie": event.cookie,
        });
        let more = match hook {
            Some(Hook::SockCreate) => json!({
                "family": event.detail >> 16, "type": event.detail & 0xffff, "proto": event.proto,
            }),
            Some(Hook::Setsockopt) => json!({ "level": event.proto, "option": event.detail }),
            _ => json!({ "address": address, "port": event.port, "proto": event.proto }),
        };
        if let (Value::Object(line), Value::Object(more)) = (&mut line, more) {
            line.extend(more);
        }
        self.push(line);
    }

    /// Adds a line that says how many decisions the kernel could not report.
    pub fn append_lost(&mut self, count: u64) {
        self.push(json!({ "time_ms": wall_ms(0), "event": "lost", "count": count }));
    }

    /// Adds a line that names an event of the daemon itself.
    pub fn append_note(&mut self, event: &str) {
        self.push(json!({ "time_ms": wall_ms(0), "event": event }));
    }

    /// Adds the kernel's counters, which also hold what is not recorded one by one: packets that
    /// were let through.
    pub fn append_totals(&mut self, totals: &[(Role, Reason, u64)]) {
        let totals: Vec<_> = totals
            .iter()
            .map(|(role, reason, count)| {
                json!({ "role": role.name(), "reason": reason.name(), "count": count })
            })
            .collect();
        self.push(json!({ "time_ms": wall_ms(0), "event": "stop", "totals": totals }));
    }

    /// Writes what was added since the last flush.
    ///
    /// # Errors
    /// Those of writing; what could not be written is kept, up to a bound.
    pub fn flush(&mut self) -> io::Result<()> {
        while !self.pending.is_empty() {
            let written = self.file.write(&self.pending)?;
            self.pending.drain(..written);
        }
        Ok(())
    }

    fn push(&mut self, mut line: Value) {
        if self.pending.len() > MAX_PENDING {
            return;
        }
        line["previous"] = json!(self.previous);
        let text = line.to_string();
        self.previous = digest(text.as_bytes());
        self.pending.extend_from_slice(text.as_bytes());
        self.pending.push(b'\n');
    }
}

/// Checks the chain of a log; the number of lines, or the first line that does not fit.
///
/// # Errors
/// The one-based number of the first line whose `previous` is not the hash of the line before.
pub fn verify(text: &str) -> Result<usize, usize> {
    let mut previous = "0".repeat(64);
    let mut count = 0;
    for line in text.lines() {
        count += 1;
        let parsed: Value = serde_json::from_str(line).map_err(|_| count)?;
        if parsed["previous"] != json!(previous) {
            return Err(count);
        }
        previous = digest(line.as_bytes());
    }
    Ok(count)
}

fn digest(line: &[u8]) -> String {
    Sha256::digest(line).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The last complete line, without its end; reads at most [`MAX_LINE`] bytes.
fn last_line(file: &mut File) -> io::Result<Option<Vec<u8>>> {
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(MAX_LINE)))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    if !tail.is_empty() && tail.last() != Some(&b'\n') {
        // The last write was cut: the cut line stays visible as one that is not in the chain.
        file.write_all(b"\n")?;
        tail.push(b'\n');
    }
    tail.pop();
    let line = tail.rsplit(|byte| *byte == b'\n').next().unwrap_or(&[]);
    Ok((!line.is_empty()).then(|| line.to_vec()))
}

/// Milliseconds since 1970 of a kernel time stamp; 0 stands for now.
fn wall_ms(ts_ns: u64) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let age = match ts_ns {
        0 => 0,
        _ => monotonic().as_nanos().saturating_sub(ts_ns.into()) / 1_000_000,
    };
    u64::try_from(now.as_millis().saturating_sub(age)).unwrap_or(0)
}

/// Bytes that wait for the disk, at most; beyond that, lines are dropped.
const MAX_PENDING: usize = 1 << 20;
const MAX_LINE: u64 = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_holds_over_restarts_and_shows_a_change() {
        let dir = tempfile::tempdir().unwrap();
        for _ in 0..3 {
            let mut log = EgressLog::open(dir.path()).unwrap();
            log.append(&Event { role: 3, hook: 2, verdict: 0, reason: 4, ..Event::default() });
            log.append_lost(2);
            log.flush().unwrap();
        }
        let text = std::fs::read_to_string(dir.path().join("egress.jsonl")).unwrap();
        assert_eq!(verify(&text), Ok(9));
        assert!(text.contains(r#""reason":"not-allowlisted""#));
        assert_eq!(verify(&text.replacen("netgate", "gateway", 1)), Err(3));
        let without_second: Vec<_> = text.lines().take(1).chain(text.lines().skip(2)).collect();
        assert_eq!(verify(&without_second.join("\n")), Err(2));
    }
}
