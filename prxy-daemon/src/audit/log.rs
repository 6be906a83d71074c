//! The writer: goes on with the chain that it finds, bounds what a hostile role can make it write,
//! rotates, and keeps counting when the disk is full.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Write};
use std::net::Ipv6Addr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prxy_common::{Event, Hook, Reason, Role, Verdict};
use serde_json::{Value, json};

use super::AuditError;
use super::files::{self, CURRENT, NO_LINES};
use super::line::{digest, no_hash};
use crate::sys::time::monotonic;

/// When a new file begins, and how many old ones stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// A file that has this many bytes is the last of them to grow.
    pub max_bytes: u64,
    /// Files that stay beside the current one; 0: all of them.
    pub keep: usize,
}

/// The end of the chain: who knows it can tell whether anything before it has been changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The number of the last line.
    pub seq: u64,
    /// Its hash.
    pub sha256: String,
}

/// The log of one daemon, open for appending.
#[derive(Debug)]
pub struct EgressLog {
    dir: PathBuf,
    rotation: Rotation,
    file: File,
    /// The number of the current file's first line.
    first: u64,
    head: Head,
    pending: Vec<u8>,
    /// By role and verdict.
    budgets: BTreeMap<(u8, u8), Budget>,
    omitted: Count,
    /// Of these, since the last line that says so: decisions, by role and reason.
    unsaid: BTreeMap<(u8, u8), u64>,
    lost: Count,
    /// When a line last said that something was left out.
    said: Option<Duration>,
    /// When what was written was last made to last, and when the file's place was looked at.
    looked: Duration,
    unsynced: bool,
    /// Why the head is due on standard error, and when it was last there.
    anchor: Option<&'static str>,
    anchored: Duration,
    /// When it was last said that it cannot be written; `None` while it can.
    failing: Option<Duration>,
}

/// What is left out: in all, and since the last line that says so.
#[derive(Debug, Default)]
struct Count {
    all: u64,
    unsaid: u64,
}

/// How many decisions of one role and verdict may still be written one by one.
///
/// A hostile role can make the kernel deny hundreds of thousands of calls a second; the disk that
/// would fill is the gateway's too. It spends its own budget with that and nobody else's, and hides
/// nothing new: what was not seen before is written whatever the budget.
#[derive(Debug)]
struct Budget {
    left: u32,
    filled: Duration,
    /// Reason, address and port.
    seen: BTreeSet<(u8, [u8; 16], u16)>,
}

impl EgressLog {
    /// Opens the log in `dir`, goes on with its chain and adds a line `start` with these fields.
    ///
    /// What a crash has cut stays as it is; the line names it.
    ///
    /// # Errors
    /// The file ends in something that no daemon has written, or those of reading and opening.
    pub fn open(dir: &Path, rotation: Rotation, start: Value) -> Result<Self, AuditError> {
        let path = dir.join(CURRENT);
        let named =
            |path: &Path, source| AuditError::Io { path: path.display().to_string(), source };
        let ending = |path: &Path| match files::end(path) {
            Ok(Some(end)) => Ok(Some(end)),
            Ok(None) => Err(AuditError::NotALog { path: path.display().to_string() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(named(path, error)),
        };
        let mut pending = Vec::new();
        let (mut last, mut cut, mut first) = (None, Vec::new(), None);
        if let Some(end) = ending(&path)? {
            if end.unended || !end.cut.is_empty() {
                pending.push(b'\n');
            }
            (last, cut, first) = (end.last, end.cut, end.first);
        }
        let mut continued = None;
        if last.is_none() {
            // Between setting a file aside and beginning the next one somebody may have crashed,
            // or another program has rotated while no daemon ran.
            let others = files::all(dir).map_err(|error| named(dir, error))?;
            let before = others.into_iter().rfind(|(n, other)| *n != NO_LINES && *other != path);
            if let Some((_, before)) = before
                && let Some(end) = ending(&before)?
            {
                last = end.last;
                if cut.is_empty() {
                    cut = end.cut;
                }
                continued = Some(before);
            }
        }
        let file = files::open(&path, true).map_err(|error| named(&path, error))?;
        let (seq, sha256) = last.unwrap_or_else(|| (0, no_hash()));
        let now = monotonic();
        let mut log = Self {
            dir: dir.to_owned(),
            rotation,
            file,
            first: first.unwrap_or(seq + 1),
            head: Head { seq, sha256 },
            pending,
            budgets: BTreeMap::new(),
            omitted: Count::default(),
            unsaid: BTreeMap::new(),
            lost: Count::default(),
            said: None,
            looked: now,
            unsynced: false,
            anchor: Some("start"),
            anchored: now,
            failing: None,
        };
        if let Some(before) = continued {
            log.append_event("rotated", json!({ "continues": name(&before) }));
        }
        let mut start = start;
        if !cut.is_empty() {
            tracing::warn!(bytes = cut.len(), "audit log: a crash has cut its last line");
            start["cut_bytes"] = json!(cut.len());
            start["cut_sha256"] = json!(digest(&cut));
        }
        log.append_event("start", start);
        Ok(log)
    }

    /// Adds one decision; written by the next [`Self::flush`].
    ///
    /// Beyond [`BURST`] at once and [`PER_SECOND`] in the long run, those of one role and verdict
    /// are only counted, apart from the first of each reason, address and port.
    pub fn append(&mut self, event: &Event) {
        let now = monotonic();
        let budget = self.budgets.entry((event.role, event.verdict));
        let budget = budget.or_insert_with(|| Budget::full(now));
        let fits = budget.take((event.reason, event.addr, event.port), now);
        if !fits || self.pending.len() > MAX_PENDING {
            self.omitted.add(1);
            *self.unsaid.entry((event.role, event.reason)).or_default() += 1;
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
            "role": role_name(event.role),
            "hook": hook.map_or("?", Hook::name),
            "verdict": Verdict::from_code(event.verdict.into()).map_or("?", Verdict::name),
            "reason": reason_name(event.reason),
            "generation": event.generation,
            "pid": event.pid,
            "cookie": event.cookie,
        });
        extend(
            &mut line,
            match hook {
                Some(Hook::SockCreate) => json!({
                    "family": event.detail >> 16, "type": event.detail & 0xffff,
                    "proto": event.proto,
                }),
                Some(Hook::Setsockopt) => json!({ "level": event.proto, "option": event.detail }),
                _ => json!({ "address": address, "port": event.port, "proto": event.proto }),
            },
        );
        self.push(line);
    }

    /// Counts decisions that the kernel could not report; a line says so, once a second at most.
    pub fn append_lost(&mut self, count: u64) {
        self.lost.add(count);
    }

    /// Adds a line about the daemon itself; `fields` is an object.
    pub fn append_event(&mut self, name: &str, fields: Value) {
        let mut line = json!({ "time_ms": wall_ms(0), "event": name });
        extend(&mut line, fields);
        self.push(line);
    }

    /// Adds the last line of a run: why it ends, and the kernel's counters, which also hold what
    /// is not recorded one by one, as packets that were let through.
    pub fn append_stop(&mut self, why: &str, totals: Value) {
        self.said = None;
        self.append_event("stop", json!({ "why": why, "totals": totals }));
        self.anchor = Some("stop");
    }

    /// Writes what was added since the last flush, rotates where it is due, and makes it last at
    /// most once a second.
    ///
    /// # Errors
    /// Those of writing; what could not be written is kept, up to a bound, and counted beyond it.
    pub fn flush(&mut self) -> io::Result<()> {
        let now = monotonic();
        match (self.try_flush(), self.failing) {
            (Ok(()), None) => Ok(()),
            (Ok(()), Some(_)) => {
                tracing::info!("audit log: it is written again");
                self.failing = None;
                Ok(())
            }
            (Err(error), said) => {
                if said.is_none_or(|said| now.saturating_sub(said) >= COMPLAIN_EVERY) {
                    let omitted = self.omitted.all;
                    tracing::error!(%error, omitted, "audit log: it cannot be written");
                    self.failing = Some(now);
                }
                Err(error)
            }
        }
    }

    fn try_flush(&mut self) -> io::Result<()> {
        self.write_pending()?;
        self.say_omissions();
        self.write_pending()?;
        if self.unsynced && self.file.metadata()?.len() >= self.rotation.max_bytes {
            self.rotate()?;
        }
        let now = monotonic();
        let end = self.anchor == Some("stop");
        if end || now.saturating_sub(self.looked) >= LOOK_EVERY {
            self.looked = now;
            self.notice_outside_rotation()?;
            self.sync()?;
        }
        if now.saturating_sub(self.anchored) >= ANCHOR_EVERY {
            self.anchor = Some("daily");
        }
        if let Some(why) = self.anchor.take() {
            self.anchored = now;
            let Head { seq, sha256 } = &self.head;
            tracing::info!("audit head at {why}: line {seq}, sha256 {sha256}");
        }
        Ok(())
    }

    /// The last line, written or not yet.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The number of its last line, and how many events it leaves out.
    pub fn counts(&self) -> (u64, u64) {
        (self.head.seq, self.omitted.all)
    }

    /// What is known of the log's own state, for `prxy status`.
    pub fn status(&self) -> Value {
        json!({
            "file": self.dir.join(CURRENT),
            "seq": self.head.seq,
            "head": self.head.sha256,
            "omitted": self.omitted.all,
            "lost": self.lost.all,
            "unwritten_bytes": self.pending.len(),
            "failing": self.failing.is_some(),
        })
    }

    /// Makes the next flush look where its file is.
    #[cfg(test)]
    pub(super) fn looked_long_ago(&mut self) {
        self.looked = Duration::ZERO;
    }

    /// Writes elsewhere.
    #[cfg(test)]
    pub(super) fn write_to(&mut self, file: File) {
        self.file = file;
    }

    fn say_omissions(&mut self) {
        let now = monotonic();
        if self.said.is_some_and(|said| now.saturating_sub(said) < SAY_EVERY) {
            return;
        }
        let omitted = std::mem::take(&mut self.omitted.unsaid);
        if omitted > 0 {
            self.said = Some(now);
            let by = std::mem::take(&mut self.unsaid).into_iter().map(|((role, reason), count)| {
                json!({ "role": role_name(role), "reason": reason_name(reason), "count": count })
            });
            let by: Value = by.collect();
            self.append_event("omitted", json!({ "count": omitted, "decisions": by }));
        }
        let lost = std::mem::take(&mut self.lost.unsaid);
        if lost > 0 {
            self.said = Some(now);
            self.append_event("lost", json!({ "count": lost }));
        }
    }

    fn write_pending(&mut self) -> io::Result<()> {
        while !self.pending.is_empty() {
            let written = self.file.write(&self.pending)?;
            self.pending.drain(..written);
            self.unsynced = true;
        }
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        if self.unsynced {
            self.file.sync_data()?;
            self.unsynced = false;
        }
        Ok(())
    }

    /// Sets the current file aside and begins the next; deletes what is one too many.
    fn rotate(&mut self) -> io::Result<()> {
        self.sync()?;
        let aside = files::rotated_name(self.first);
        let target = self.dir.join(&aside);
        if fs::symlink_metadata(&target).is_ok() {
            return Err(io::Error::other(format!("{aside} exists already")));
        }
        fs::rename(self.dir.join(CURRENT), target)?;
        self.begin(Some(aside))?;
        self.anchor = Some("rotation");
        if self.rotation.keep > 0 {
            self.delete_oldest()?;
        }
        Ok(())
    }

    /// Another program has renamed or removed the file: the chain goes on in a new one.
    fn notice_outside_rotation(&mut self) -> io::Result<()> {
        if files::is_at(&self.file, &self.dir.join(CURRENT))? {
            return Ok(());
        }
        self.sync()?;
        let aside = files::name_of(&self.file, &self.dir)?;
        tracing::warn!("audit log: the file was moved; the chain goes on in a new one");
        self.begin(aside)?;
        self.anchor = Some("rotation");
        Ok(())
    }

    /// Goes on in the file that has the current name, a new one if there is none.
    fn begin(&mut self, continues: Option<String>) -> io::Result<()> {
        self.file = files::open(&self.dir.join(CURRENT), true)?;
        self.first = self.head.seq + 1;
        if self.file.metadata()?.len() > 0 {
            // Not ours; whatever its last line is, it does not become part of one of ours.
            self.pending.push(b'\n');
        }
        self.append_event("rotated", json!({ "continues": continues }));
        self.write_pending()?;
        self.sync()?;
        File::open(&self.dir)?.sync_data()
    }

    /// A file is deleted only after a line says so; the line names its end, so that what is left
    /// can be shown to follow it.
    fn delete_oldest(&mut self) -> io::Result<()> {
        let rotated = files::rotated(&self.dir)?;
        for (first, path) in &rotated[..rotated.len().saturating_sub(self.rotation.keep)] {
            let Some((last, sha256)) = files::end(path)?.and_then(|end| end.last) else {
                return Err(io::Error::other(format!("{} is damaged: not deleted", name(path))));
            };
            self.append_event(
                "deleted",
                json!({
                    "file": name(path), "lines": (last + 1).saturating_sub(*first),
                    "last_seq": last, "last_sha256": sha256,
                }),
            );
            self.write_pending()?;
            self.sync()?;
            fs::remove_file(path)?;
        }
        Ok(())
    }

    fn push(&mut self, mut line: Value) {
        if self.pending.len() > MAX_PENDING {
            self.omitted.add(1);
            return;
        }
        let seq = self.head.seq + 1;
        line["seq"] = json!(seq);
        line["previous"] = json!(self.head.sha256);
        let text = line.to_string();
        self.head = Head { seq, sha256: digest(text.as_bytes()) };
        self.pending.extend_from_slice(text.as_bytes());
        self.pending.push(b'\n');
    }
}

impl Count {
    fn add(&mut self, count: u64) {
        self.all += count;
        self.unsaid += count;
    }
}

impl Budget {
    fn full(now: Duration) -> Self {
        Self { left: BURST, filled: now, seen: BTreeSet::new() }
    }

    fn take(&mut self, what: (u8, [u8; 16], u16), now: Duration) -> bool {
        if self.seen.len() < MAX_SEEN && self.seen.insert(what) {
            return true;
        }
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

fn role_name(code: u8) -> &'static str {
    Role::from_code(code.into()).map_or("?", Role::name)
}

fn reason_name(code: u8) -> &'static str {
    Reason::from_code(code.into()).map_or("?", Reason::name)
}

fn extend(line: &mut Value, fields: Value) {
    if let (Value::Object(line), Value::Object(fields)) = (line, fields) {
        line.extend(fields);
    }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Milliseconds since 1970 of a kernel time stamp; 0 stands for now. Only ever printed: a clock
/// that jumps changes nothing else.
#[expect(clippy::disallowed_methods, reason = "a time to print")]
fn wall_ms(ts_ns: u64) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let age = match ts_ns {
        0 => 0,
        _ => monotonic().as_nanos().saturating_sub(ts_ns.into()) / 1_000_000,
    };
    u64::try_from(now.as_millis().saturating_sub(age)).unwrap_or(0)
}

/// Bytes that wait for the disk, at most; beyond that, lines are counted only.
const MAX_PENDING: usize = 1 << 20;
/// Different decisions of one role and verdict that are told apart.
const MAX_SEEN: usize = 4096;
/// Decisions that are written one by one after a quiet time.
const BURST: u32 = 2000;
/// Between two lines that say how much was left out.
const SAY_EVERY: Duration = Duration::from_secs(1);
/// Decisions that are written one by one in the long run.
const PER_SECOND: u32 = 500;
/// How long a power cut may reach back, and a renamed file goes unnoticed.
const LOOK_EVERY: Duration = Duration::from_secs(1);
const COMPLAIN_EVERY: Duration = Duration::from_secs(60);
const ANCHOR_EVERY: Duration = Duration::from_secs(24 * 3600);
