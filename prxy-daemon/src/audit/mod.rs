//! The egress log: every decision that the kernel reports, one JSON object a line, each with the
//! SHA-256 of the line before it, so that a changed or missing line shows.
//!
//! Not for text of any request: addresses, ports, roles and reasons only.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::net::Ipv6Addr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

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
    budget: Budget,
    /// Lines that were left out since the last one that says so.
    omitted: u64,
    /// Decisions that the kernel could not report, since the last line that says so.
    lost: u64,
    /// When the last line of either kind was written.
    said: Option<Duration>,
}

/// How many decisions may still be written one by one.
///
/// A hostile role can make the kernel deny hundreds of thousands of calls a second; the disk that
/// would fill is the gateway's too.
#[derive(Debug)]
struct Budget {
    left: u32,
    filled: Duration,
}

impl EgressLog {
    /// Opens the log in `dir` and goes on with its chain.
    ///
    /// # Errors
    /// Those of opening and reading the file.
    pub fn open(dir: &Path) -> io::Result<Self> {
        let path = dir.join("egress.jsonl");
        let mut options = File::options();
        options.create(true).read(true).append(true).mode(0o600).custom_flags(libc::O_NOFOLLOW);
        let mut file = options.open(path)?;
        let previous = match last_line(&mut file)? {
            Some(line) => digest(&line),
            None => "0".repeat(64),
        };
        let budget = Budget { left: BURST, filled: monotonic() };
        let mut log =
            Self { file, previous, pending: Vec::new(), budget, omitted: 0, lost: 0, said: None };
        log.push(json!({ "time_ms": wall_ms(0), "event": "start" }));
        Ok(log)
    }

    /// Adds one decision; written by the next [`Self::flush`].
    ///
    /// Beyond [`BURST`] at once and [`PER_SECOND`] in the long run they are only counted.
    pub fn append(&mut self, event: &Event) {
        if !self.budget.take(monotonic()) {
            self.omitted += 1;
            return;
        }
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

    /// Counts decisions that the kernel could not report; a line says so, once a second at most.
    pub fn append_lost(&mut self, count: u64) {
        self.lost += count;
    }

    /// Adds a line that names an event of the daemon itself.
    pub fn append_note(&mut self, event: &str) {
        self.push(json!({ "time_ms": wall_ms(0), "event": event }));
    }

    /// Adds a line about the daemon itself; `fields` is an object.
    pub fn append_event(&mut self, name: &str, fields: Value) {
        let mut line = json!({ "time_ms": wall_ms(0), "event": name });
        if let (Value::Object(line), Value::Object(fields)) = (&mut line, fields) {
            line.extend(fields);
        }
        self.push(line);
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
        self.said = None;
        self.push(json!({ "time_ms": wall_ms(0), "event": "stop", "totals": totals }));
    }

    /// Writes what was added since the last flush.
    ///
    /// # Errors
    /// Those of writing; what could not be written is kept, up to a bound.
    pub fn flush(&mut self) -> io::Result<()> {
        self.write_pending()?;
        let now = monotonic();
        if self.said.is_none_or(|said| now.saturating_sub(said) >= SAY_EVERY) {
            for (event, count) in [
                ("omitted", std::mem::take(&mut self.omitted)),
                ("lost", std::mem::take(&mut self.lost)),
            ] {
                if count > 0 {
                    self.said = Some(now);
                    self.push(json!({ "time_ms": wall_ms(0), "event": event, "count": count }));
                }
            }
        }
        self.write_pending()
    }

    fn write_pending(&mut self) -> io::Result<()> {
        while !self.pending.is_empty() {
            let written = self.file.write(&self.pending)?;
            self.pending.drain(..written);
        }
        Ok(())
    }

    fn push(&mut self, mut line: Value) {
        if self.pending.len() > MAX_PENDING {
            self.omitted += 1;
            return;
        }
        line["previous"] = json!(self.previous);
        let text = line.to_string();
        self.previous = digest(text.as_bytes());
        self.pending.extend_from_slice(text.as_bytes());
        self.pending.push(b'\n');
    }
}

impl Budget {
    fn take(&mut self, now: Duration) -> bool {
        if self.left == 0 {
            let earned =
                now.saturating_sub(self.filled).as_millis() * u128::from(PER_SECOND) / 1000;
            if earned == 0 {
                return false;
            }
            self.left = u32::try_from(earned).unwrap_or(BURST).min(BURST);
            self.filled = now;
        }
        self.left -= 1;
        true
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
/// The longest line has the totals of all roles and reasons.
const MAX_LINE: u64 = 64 << 10;
/// Decisions that are written one by one after a quiet time.
const BURST: u32 = 2000;
/// Between two lines that say how much was left out.
const SAY_EVERY: Duration = Duration::from_secs(1);
/// Decisions that are written one by one in the long run.
const PER_SECOND: u32 = 500;

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

    #[test]
    fn a_flood_is_counted_and_neither_fills_the_disk_nor_goes_unsaid() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = EgressLog::open(dir.path()).unwrap();
        let flood = 3 * u64::from(BURST);
        for _ in 0..flood {
            log.append(&Event { role: 3, hook: 2, reason: 4, ..Event::default() });
        }
        log.flush().unwrap();
        let text = std::fs::read_to_string(dir.path().join("egress.jsonl")).unwrap();
        verify(&text).unwrap();
        let written = text.matches(r#""event":"decision""#).count() as u64;
        assert!((2000..3000).contains(&written), "{written}");
        let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        assert_eq!((&last["event"], &last["count"]), (&json!("omitted"), &json!(flood - written)));
        // More of it is said once a second, however often the log is flushed.
        let before = text.lines().count();
        for _ in 0..1000 {
            log.append_lost(1);
            log.flush().unwrap();
        }
        let text = std::fs::read_to_string(dir.path().join("egress.jsonl")).unwrap();
        assert!(text.lines().count() <= before + 20, "{}", text.lines().count());
    }

    #[test]
    fn lines_that_a_full_disk_has_cost_are_counted() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = EgressLog::open(dir.path()).unwrap();
        log.file = File::options().write(true).open("/dev/full").unwrap();
        let rounds = 4 * MAX_PENDING / 50;
        for _ in 0..rounds {
            log.append_note("filler");
        }
        assert!(log.flush().is_err());
        log.file = File::options().append(true).open(dir.path().join("egress.jsonl")).unwrap();
        log.flush().unwrap();
        let text = std::fs::read_to_string(dir.path().join("egress.jsonl")).unwrap();
        verify(&text).unwrap();
        let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        assert_eq!(last["event"], "omitted");
        let kept = text.matches(r#""event":"filler""#).count() as u64;
        assert_eq!(last["count"].as_u64().unwrap() + kept, rounds as u64);
    }

    #[test]
    fn the_chain_goes_on_after_a_long_line_and_no_link_is_followed() {
        let dir = tempfile::tempdir().unwrap();
        let totals: Vec<_> =
            Role::ALL.iter().flat_map(|r| Reason::ALL.iter().map(|w| (*r, *w, 1 << 60))).collect();
        for _ in 0..2 {
            let mut log = EgressLog::open(dir.path()).unwrap();
            log.append_totals(&totals);
            log.flush().unwrap();
        }
        let path = dir.path().join("egress.jsonl");
        assert_eq!(verify(&std::fs::read_to_string(&path).unwrap()), Ok(4));
        let elsewhere = tempfile::tempdir().unwrap();
        std::fs::rename(&path, elsewhere.path().join("other")).unwrap();
        std::os::unix::fs::symlink(elsewhere.path().join("other"), &path).unwrap();
        assert!(EgressLog::open(dir.path()).is_err());
    }
}
