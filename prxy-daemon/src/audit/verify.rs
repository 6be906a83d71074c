//! The verifier: reads any number of files once, in bounded memory, and tells everything that does
//! not fit.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::AuditError;
use super::files;
use super::line::{Line, MAX_LINE, digest, hex, no_hash};

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How many files were read.
    pub files: usize,
    /// Lines in the chain.
    pub lines: u64,
    /// The number of the first line.
    pub first_seq: u64,
    /// The number of the last line.
    pub last_seq: u64,
    /// Its hash.
    pub head: String,
    /// Lines before the first were deleted by rotation, which a later line says.
    pub deleted_before: bool,
    /// How often a daemon has started, and ended in order.
    pub starts: u64,
    /// As `starts`.
    pub stops: u64,
    /// Lines that a crash has cut, each named by the start that followed.
    pub cuts: Vec<String>,
    /// Bytes at the very end that no start has named yet: a crash, or a line being written.
    pub open_cut: Option<String>,
    /// Lines after the head that was asked for; `None` if none was, or it is not in the log.
    pub after_head: Option<u64>,
    /// What is wrong, at most [`MAX_FAULTS`] of it: `file:line: what`.
    pub faults: Vec<String>,
    /// How much more is wrong.
    pub more_faults: u64,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn holds(&self) -> bool {
        self.faults.is_empty()
    }

    /// The report as JSON.
    pub fn to_json(&self) -> Value {
        json!({
            "ok": self.holds(), "files": self.files, "lines": self.lines,
            "first_seq": self.first_seq, "last_seq": self.last_seq, "head": self.head,
            "deleted_before": self.deleted_before, "starts": self.starts, "stops": self.stops,
            "cuts": self.cuts, "open_cut": self.open_cut, "after_head": self.after_head,
            "faults": self.faults, "more_faults": self.more_faults,
        })
    }

    fn fault(&mut self, at: &Place, what: &str) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(format!("{at}: {what}"));
        } else {
            self.more_faults += 1;
        }
    }
}

/// Checks the logs in `places`: directories, or files in any order. `head` is a hash that must
/// stand in the chain.
///
/// # Errors
/// A file cannot be read. What is wrong in it stands in the report.
pub fn verify(places: &[PathBuf], head: Option<&str>) -> Result<Report, AuditError> {
    let mut tries = 0;
    loop {
        tries += 1;
        let before = list(places);
        let report = match &before {
            Ok(files) => read(files, head),
            Err(_) => read(&list(places)?, head),
        };
        // A living daemon may rotate meanwhile: a file would be read twice, or not at all.
        let same = matches!((&before, list(places)), (Ok(before), Ok(after)) if *before == after);
        if same || tries == MAX_TRIES {
            return report;
        }
    }
}

/// The files in `places` in the order of their lines, each with the number of its first.
fn list(places: &[PathBuf]) -> Result<Vec<(u64, PathBuf)>, AuditError> {
    let mut found = Vec::new();
    for place in places {
        let metadata = std::fs::metadata(place).map_err(|error| named(place, error))?;
        if metadata.is_dir() {
            let files = files::all(place).map_err(|error| named(place, error))?;
            found.extend(files.into_iter().map(|(_, path)| path));
        } else {
            found.push(place.clone());
        }
    }
    files::in_order(found).map_err(|error| named(Path::new("sort"), error))
}

fn read(files: &[(u64, PathBuf)], head: Option<&str>) -> Result<Report, AuditError> {
    let mut chain = Chain::new(head);
    for (number, (_, path)) in files.iter().enumerate() {
        let last = number + 1 == files.len();
        chain.file(path, last).map_err(|error| named(path, error))?;
    }
    Ok(chain.end())
}

fn named(path: &Path, source: io::Error) -> AuditError {
    AuditError::Io { path: path.display().to_string(), source }
}

/// A log that is rotated faster than it can be read is told as it was found.
const MAX_TRIES: u32 = 20;

/// The state between two lines.
struct Chain<'h> {
    report: Report,
    /// What the next line must say; `None` before the first.
    expected: Option<(u64, String)>,
    /// What is not a line, since the last one that is.
    gap: Option<Gap>,
    at: Place,
    head: Option<&'h str>,
    /// The first line follows this one, which is not there.
    before: Option<(u64, String)>,
    deleted: bool,
    /// Where the first line stands.
    begin: Place,
}

#[derive(Clone, Debug, Default)]
struct Place {
    file: String,
    line: u64,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// Bytes that are no line, hashed as they pass. The last line feed is held back: the daemon puts
/// one between what a crash has cut and its next line.
struct Gap {
    at: Place,
    hash: Sha256,
    bytes: u64,
    line_feed: bool,
}

impl Gap {
    fn add(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        if std::mem::take(&mut self.line_feed) {
            self.hash.update(b"\n");
            self.bytes += 1;
        }
        self.line_feed = bytes.last() == Some(&b'\n');
        let bytes = &bytes[..bytes.len() - usize::from(self.line_feed)];
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
    }
}

impl<'h> Chain<'h> {
    fn new(head: Option<&'h str>) -> Self {
        Self {
            report: Report::default(),
            expected: None,
            gap: None,
            at: Place::default(),
            head,
            before: None,
            deleted: false,
            begin: Place::default(),
        }
    }

    fn file(&mut self, path: &Path, last: bool) -> io::Result<()> {
        self.report.files += 1;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.at = Place { file: name, line: 0 };
        let mut reader = BufReader::with_capacity(1 << 16, File::open(path)?);
        let mut bytes = Vec::new();
        let mut begins = true;
        loop {
            bytes.clear();
            if reader.by_ref().take(MAX_LINE as u64).read_until(b'\n', &mut bytes)? == 0 {
                break;
            }
            if begins {
                self.at.line += 1;
            }
            let ended = bytes.last() == Some(&b'\n');
            let content = &bytes[..bytes.len() - usize::from(ended)];
            match Line::read(content).filter(|_| begins) {
                // A line without its end: the daemon ends it when it starts again.
                Some(line) => self.line(&line, digest(content)),
                None => self.no_line(&bytes),
            }
            begins = ended;
        }
        if let Some(gap) = &mut self.gap
            && !last
            && std::mem::take(&mut gap.line_feed)
        {
            // The line feed was not put there by a daemon that went on in another file.
            gap.hash.update(b"\n");
            gap.bytes += 1;
        }
        Ok(())
    }

    fn no_line(&mut self, bytes: &[u8]) {
        let at = &self.at;
        let gap = self.gap.get_or_insert_with(|| Gap {
            at: at.clone(),
            hash: Sha256::new(),
            bytes: 0,
            line_feed: false,
        });
        gap.add(bytes);
    }

    fn line(&mut self, line: &Line<'_>, hash: String) {
        self.check_place(line);
        self.check_gap(line);
        match line.event.as_ref() {
            "start" => self.report.starts += 1,
            "stop" => self.report.stops += 1,
            "deleted" => {
                let named = line.last_seq.zip(line.last_sha256.as_deref());
                let missing = self.before.as_ref().map(|(seq, hash)| (*seq, hash.as_str()));
                self.deleted |= named.is_some() && named == missing;
            }
            _ => {}
        }
        self.report.lines += 1;
        if let Some(after) = &mut self.report.after_head {
            *after += 1;
        } else if self.head == Some(&hash) {
            self.report.after_head = Some(0);
        }
        self.expected = Some((line.seq.saturating_add(1), hash));
    }

    /// Whether it follows the line before.
    fn check_place(&mut self, line: &Line<'_>) {
        let Some((seq, hash)) = &self.expected else {
            self.report.first_seq = line.seq;
            self.begin = self.at.clone();
            if line.seq != 1 {
                self.before = Some((line.seq.saturating_sub(1), line.previous.to_string()));
            } else if line.previous != no_hash() {
                self.report.fault(&self.at, "line 1 names a line before it");
            }
            return;
        };
        let fits = line.previous == hash.as_str();
        let what = match (line.seq, *seq) {
            (found, expected) if found == expected && fits => return,
            (found, expected) if found == expected => format!(
                "is not the line that followed: line {} before it was changed, or this one",
                expected - 1
            ),
            (found, expected) if fits => format!("has number {found} instead of {expected}"),
            (found, expected) if found > expected => {
                format!("lines {expected} to {} are missing before it", found - 1)
            }
            (found, expected) => format!(
                "has number {found} where {expected} should be: repeated, inserted or out of order"
            ),
        };
        self.report.fault(&self.at, &what);
    }

    /// What is no line must be named by the next start; only `rotated` may stand between.
    fn check_gap(&mut self, line: &Line<'_>) {
        let named = line.cut_bytes.zip(line.cut_sha256.as_deref());
        let Some(gap) = self.gap.take_if(|_| line.event != "rotated") else {
            if named.is_some() && line.event == "start" {
                self.report.fault(&self.at, "names a cut that is not there");
            }
            return;
        };
        let found = hex(&gap.hash.finalize());
        if line.event == "start" && named == Some((gap.bytes, found.as_str())) {
            self.report.cuts.push(format!("{}: {} bytes", gap.at, gap.bytes));
        } else {
            self.report.fault(&gap.at, "is no audit line, and no start says that a crash cut it");
        }
    }

    fn end(mut self) -> Report {
        if let Some(gap) = self.gap.take() {
            if gap.line_feed {
                self.report.fault(&gap.at, "is no audit line");
            } else {
                self.report.open_cut = Some(format!("{}: {} bytes", gap.at, gap.bytes));
            }
        }
        if let Some((last, _)) = &self.before {
            self.report.deleted_before = self.deleted;
            if !self.deleted {
                let at = self.begin.clone();
                let what = format!(
                    "lines 1 to {last} are missing, and no line says that they were deleted"
                );
                self.report.fault(&at, &what);
            }
        }
        let (next, head) = self.expected.take().unwrap_or_else(|| (1, no_hash()));
        self.report.last_seq = next - 1;
        self.report.head = head;
        if self.report.lines == 0 {
            self.report.fault(&self.at, "there is not one audit line");
        }
        if let Some(head) = self.head
            && self.report.after_head.is_none()
        {
            self.report.faults.push(format!("the log does not contain this head: {head}"));
        }
        self.report
    }
}

/// More is counted only.
const MAX_FAULTS: usize = 20;
