//! One event: its fields, found in its own bytes.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

/// One event with all of its bytes, comments and blank line included.
#[derive(Clone, Copy)]
pub struct Event<'a> {
    raw: &'a [u8],
}

/// The data of an event.
#[derive(Clone)]
pub struct Payload<'a> {
    /// The data lines, joined by line feeds.
    pub bytes: Cow<'a, [u8]>,
    /// Where the data stand in the event, if they are one line.
    line: Option<Range<usize>>,
}

impl<'a> Event<'a> {
    /// Takes the bytes of one event; a missing blank line at the end does no harm.
    pub fn new(raw: &'a [u8]) -> Self {
        Self { raw }
    }

    /// All bytes of the event.
    pub fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// The value of the last `event` field.
    pub fn name(&self) -> Option<&'a [u8]> {
        let values = self.lines().filter_map(|line| line.value(b"event"));
        values.last().map(|range| &self.raw[range])
    }

    /// The data, unless there is no `data` field.
    pub fn payload(&self) -> Option<Payload<'a>> {
        let mut lines = self.lines().filter_map(|line| line.value(b"data"));
        let first = lines.next()?;
        let Some(second) = lines.next() else {
            let bytes = Cow::Borrowed(&self.raw[first.clone()]);
            return Some(Payload { bytes, line: Some(first) });
        };
        let mut joined = self.raw[first].to_vec();
        for range in std::iter::once(second).chain(lines) {
            joined.push(b'\n');
            joined.extend_from_slice(&self.raw[range]);
        }
        Some(Payload { bytes: Cow::Owned(joined), line: None })
    }

    /// Appends the event with `data` in place of `payload`; every other line stays as it is.
    ///
    /// `data` holds no carriage return, and no line feed where `payload` has none.
    pub fn write_with(&self, payload: &Payload<'_>, data: &[u8], out: &mut Vec<u8>) {
        if let Some(line) = &payload.line {
            out.extend_from_slice(&self.raw[..line.start]);
            out.extend_from_slice(data);
            out.extend_from_slice(&self.raw[line.end..]);
            return;
        }
        let mut written = false;
        for line in self.lines() {
            if line.value(b"data").is_none() {
                out.extend_from_slice(line.raw);
            } else if !std::mem::replace(&mut written, true) {
                for part in data.split(|byte| *byte == b'\n') {
                    out.extend_from_slice(b"data: ");
                    out.extend_from_slice(part);
                    out.extend_from_slice(self.line_end());
                }
            }
        }
    }

    /// How the event ends its lines; a line feed if that cannot be seen.
    pub fn line_end(&self) -> &'static [u8] {
        match self.raw.iter().position(|byte| matches!(byte, b'\r' | b'\n')) {
            Some(at) if self.raw[at..].starts_with(b"\r\n") => b"\r\n",
            Some(at) if self.raw[at] == b'\r' && at + 1 < self.raw.len() => b"\r",
            _ => b"\n",
        }
    }

    fn lines(&self) -> Lines<'a> {
        Lines { raw: self.raw, at: 0 }
    }
}

/// Shows the length only: the data may be personal.
impl fmt::Debug for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event").field("len", &self.raw.len()).finish_non_exhaustive()
    }
}

/// Shows the length only: the data may be personal.
impl fmt::Debug for Payload<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payload").field("len", &self.bytes.len()).finish_non_exhaustive()
    }
}

struct Lines<'a> {
    raw: &'a [u8],
    at: usize,
}

struct Line<'a> {
    /// The line with its end.
    raw: &'a [u8],
    /// Where the line starts in the event, and how long it is without its end.
    start: usize,
    len: usize,
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        let rest = &self.raw[self.at..];
        if rest.is_empty() {
            return None;
        }
        let len = memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        let end = match &rest[len..] {
            [b'\r', b'\n', ..] => 2,
            [] => 0,
            _ => 1,
        };
        let line = Line { raw: &rest[..len + end], start: self.at, len };
        self.at += line.raw.len();
        Some(line)
    }
}

impl Line<'_> {
    /// Where the value of this line stands in the event, if it is a line of `field`.
    fn value(&self, field: &[u8]) -> Option<Range<usize>> {
        let line = &self.raw[..self.len];
        let end = self.start + self.len;
        // A byte order mark may lead the stream; it belongs to no field.
        let name = line.strip_prefix(b"\xef\xbb\xbf").filter(|_| self.start == 0).unwrap_or(line);
        match name.strip_prefix(field)? {
            [] => Some(end..end),
            [b':', b' ', value @ ..] | [b':', value @ ..] => Some(end - value.len()..end),
            _ => None,
        }
    }
}
