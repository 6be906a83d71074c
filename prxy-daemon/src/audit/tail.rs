//! Reads the log's end and what is added to it, and says each line in words.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::files::{self, CURRENT, NO_LINES};
use super::line::{Line, MAX_LINE};

/// The end of a log, read on over rotations.
#[derive(Debug)]
pub struct Follow {
    dir: PathBuf,
    file: Option<File>,
    partial: Vec<u8>,
    /// The number of the last line that was read.
    last: u64,
    /// Lines that were deleted before they could be read.
    missed: u64,
}

impl Follow {
    /// The last `count` lines of the log in `dir`, and what to read on with.
    ///
    /// # Errors
    /// Those of opening and reading the files.
    pub fn open(dir: &Path, count: usize) -> io::Result<(Vec<Vec<u8>>, Self)> {
        let mut follow =
            Self { dir: dir.to_owned(), file: None, partial: Vec::new(), last: 0, missed: 0 };
        let mut lines = VecDeque::new();
        // The newest is read on from where this ends, before older ones are looked at.
        for (newest, (_, path)) in files::all(dir)?.into_iter().rev().enumerate() {
            if newest == 0 {
                let end = files::end(&path)?.and_then(|end| end.last);
                follow.last = end.map_or(0, |(number, _)| number);
            }
            let mut file = File::open(path)?;
            let (mut found, rest) = last_lines(&mut file, count - lines.len())?;
            if newest == 0 {
                follow.partial = rest;
                follow.file = Some(file);
            }
            while let Some(line) = found.pop() {
                lines.push_front(line);
            }
            if lines.len() >= count {
                break;
            }
        }
        let lines = Vec::from(lines);
        follow.last = last_number(&lines).unwrap_or(follow.last);
        Ok((lines, follow))
    }

    /// The lines that were added since.
    ///
    /// # Errors
    /// Those of opening and reading the files.
    pub fn read_on(&mut self) -> io::Result<Vec<Vec<u8>>> {
        let mut lines = Vec::new();
        loop {
            // Looked at before reading: what is added before the file is set aside is read here.
            let current = match &self.file {
                Some(file) => files::is_at(file, &self.dir.join(CURRENT))?,
                None => false,
            };
            self.drain(&mut lines)?;
            if let Some(last) = last_number(&lines) {
                self.last = last;
            }
            if current {
                return Ok(lines);
            }
            let after = self.last;
            let next = files::all(&self.dir)?
                .into_iter()
                .find(|(first, _)| *first > after && *first != NO_LINES);
            match next {
                Some((first, path)) => {
                    self.missed += first - after - 1;
                    self.file = Some(File::open(path)?);
                }
                None => return Ok(lines),
            }
        }
    }

    /// How many lines were deleted before they could be read, since this was last asked.
    pub fn take_missed(&mut self) -> u64 {
        std::mem::take(&mut self.missed)
    }

    fn drain(&mut self, lines: &mut Vec<Vec<u8>>) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        let mut buffer = vec![0; 1 << 16];
        loop {
            let length = file.read(&mut buffer)?;
            if length == 0 {
                return Ok(());
            }
            for piece in buffer[..length].split_inclusive(|byte| *byte == b'\n') {
                self.partial.extend_from_slice(piece);
                if self.partial.pop_if(|byte| *byte == b'\n').is_some() {
                    lines.push(std::mem::take(&mut self.partial));
                } else if self.partial.len() > MAX_LINE {
                    self.partial.clear();
                }
            }
        }
    }
}

fn last_number(lines: &[Vec<u8>]) -> Option<u64> {
    lines.iter().rev().find_map(|line| Some(Line::read(line)?.seq))
}

/// The last lines of a file without their ends, and what stands behind the last end. The file is
/// left at its end.
fn last_lines(file: &mut File, count: usize) -> io::Result<(Vec<Vec<u8>>, Vec<u8>)> {
    let length = file.metadata()?.len();
    let mut wanted = 1 << 16;
    loop {
        let begin = length.saturating_sub(wanted);
        file.seek(SeekFrom::Start(begin))?;
        let mut bytes = Vec::new();
        file.by_ref().read_to_end(&mut bytes)?;
        let ends = bytes.iter().filter(|byte| **byte == b'\n').count();
        if begin > 0 && ends <= count {
            wanted *= 4;
            continue;
        }
        let mut pieces: Vec<_> = bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        let rest = pieces.pop().unwrap_or_default();
        return Ok((pieces.split_off(pieces.len().saturating_sub(count)), rest));
    }
}

/// Lines in words; the same decision several times in a row is one line with a count.
pub fn describe(lines: &[Vec<u8>]) -> Vec<String> {
    let mut told: Vec<(String, String, u64)> = Vec::new();
    for line in lines {
        let (time, words) = match serde_json::from_slice::<Value>(line) {
            Ok(line) if line["event"].is_string() => (time(&line["time_ms"]), words(&line)),
            _ => (" ".repeat(24), format!("(not an audit line: {} bytes)", line.len())),
        };
        match told.last_mut() {
            Some((_, before, count)) if *before == words && words.contains(" deny ") => *count += 1,
            _ => told.push((time, words, 1)),
        }
    }
    let line = |(time, words, count)| match count {
        1 => format!("{time}  {words}"),
        _ => format!("{time}  {words}  x{count}"),
    };
    told.into_iter().map(line).collect()
}

fn words(line: &Value) -> String {
    let text = |key: &str| plain(&line[key]);
    let event = text("event");
    if event != "decision" {
        let hidden = ["event", "previous", "seq", "time_ms", "totals"];
        let fields = line.as_object().into_iter().flatten();
        let fields =
            fields.filter(|(key, value)| !hidden.contains(&key.as_str()) && !value.is_null());
        let fields: String =
            fields.map(|(key, value)| format!(" {key}={}", plain(value))).collect();
        return format!("{event:9}{fields}");
    }
    let target = match (line["address"].as_str(), line["option"].as_u64(), line["family"].as_u64())
    {
        (Some(address), _, _) if address.contains(':') => format!("[{address}]:{}", text("port")),
        (Some(_), _, _) => format!("{}:{}", text("address"), text("port")),
        (None, Some(option), _) => format!("level {} option {option}", text("level")),
        (None, None, Some(family)) => {
            format!("family {family} type {} protocol {}", text("type"), text("proto"))
        }
        (None, None, None) => String::new(),
    };
    let (role, verdict, reason, hook) =
        (text("role"), text("verdict"), text("reason"), text("hook"));
    format!("{role:9} {verdict:5} {reason:20} {target:24} {hook}")
}

/// A value without quotes; what could steer a terminal stays escaped.
fn plain(value: &Value) -> String {
    let json = value.to_string();
    let inner = json.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(&json);
    inner.chars().map(|c| if c.is_control() || is_steering(c) { '?' } else { c }).collect()
}

/// Characters that change the direction of text.
fn is_steering(c: char) -> bool {
    matches!(c, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Milliseconds since 1970 as UTC, see Howard Hinnant's `civil_from_days`.
fn time(ms: &Value) -> String {
    let ms = ms.as_u64().unwrap_or(0).min(MAX_TIME);
    let (days, of_day) = (ms / 86_400_000 + 719_468, ms % 86_400_000);
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year + u64::from(month <= 2);
    let (seconds, ms) = (of_day / 1000, of_day % 1000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
}

/// The end of the year 9999.
const MAX_TIME: u64 = 253_402_300_799_999;
