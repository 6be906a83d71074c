//! From chunks, cut anywhere, to whole events.

use std::fmt;

use thiserror::Error;

use super::Event;

/// An event may be this long, with its blank line.
pub const MAX_EVENT_BYTES: usize = 16 << 20;

/// Cuts a stream of bytes into events; every byte is in exactly one event or in the rest.
#[derive(Default)]
pub struct Splitter {
    buffer: Vec<u8>,
    /// Everything before this has been handed out as events.
    consumed: usize,
    /// Everything before this has been searched for line ends.
    scanned: usize,
    /// Whether the current line has bytes before `scanned`.
    in_line: bool,
    /// Whether the byte before `scanned` is a carriage return whose line feed may still come.
    after_return: bool,
    ends: Vec<usize>,
}

/// An event is longer than [`MAX_EVENT_BYTES`].
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("a server-sent event is longer than {MAX_EVENT_BYTES} bytes")]
pub struct TooLarge;

impl Splitter {
    /// A splitter at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes and returns the events that they complete.
    ///
    /// Events that are not drawn from the iterator are skipped. A line that ends in a carriage
    /// return is over at once; a line feed that comes later then is an event of its own.
    pub fn push(&mut self, chunk: &[u8]) -> Events<'_> {
        self.buffer.drain(..self.consumed);
        self.scanned -= self.consumed;
        self.buffer.extend_from_slice(chunk);
        self.scan();
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let large = starts.zip(&self.ends).position(|(start, end)| end - start > MAX_EVENT_BYTES);
        self.ends.truncate(large.unwrap_or(self.ends.len()));
        self.consumed = self.ends.last().copied().unwrap_or(0);
        let waiting = self.buffer.len() - self.consumed;
        let too_large = large.is_some() || waiting > MAX_EVENT_BYTES;
        Events { buffer: &self.buffer, start: 0, ends: self.ends.iter(), too_large }
    }

    /// The bytes after the last whole event: a stream may end without its blank line.
    pub fn finish(&mut self) -> Vec<u8> {
        let rest = self.buffer.split_off(self.consumed);
        *self = Self::new();
        rest
    }

    fn scan(&mut self) {
        self.ends.clear();
        while let Some(&byte) = self.buffer.get(self.scanned) {
            if std::mem::take(&mut self.after_return) && byte == b'\n' {
                self.scanned += 1;
                if self.scanned == 1 + self.ends.last().copied().unwrap_or(0) {
                    self.ends.push(self.scanned);
                }
                continue;
            }
            let Some(offset) = memchr::memchr2(b'\n', b'\r', &self.buffer[self.scanned..]) else {
                self.in_line = true;
                self.scanned = self.buffer.len();
                return;
            };
            let end = self.scanned + offset;
            let blank = offset == 0 && !self.in_line;
            self.in_line = false;
            self.scanned = end + 1;
            if self.buffer[end] == b'\r' {
                match self.buffer.get(end + 1) {
                    Some(b'\n') => self.scanned += 1,
                    Some(_) => {}
                    None => self.after_return = true,
                }
            }
            if blank {
                self.ends.push(self.scanned);
            }
        }
    }
}

/// Shows lengths only: the bytes may hold personal data.
impl fmt::Debug for Splitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = self.buffer.len() - self.consumed;
        f.debug_struct("Splitter").field("waiting", &waiting).finish_non_exhaustive()
    }
}

/// The events that one chunk completed.
///
/// [`TooLarge`] comes last; the bytes of that event are what [`Splitter::finish`] returns.
#[derive(Debug)]
pub struct Events<'a> {
    buffer: &'a [u8],
    start: usize,
    ends: std::slice::Iter<'a, usize>,
    too_large: bool,
}

impl<'a> Iterator for Events<'a> {
    type Item = Result<Event<'a>, TooLarge>;

    fn next(&mut self) -> Option<Self::Item> {
        let Some(&end) = self.ends.next() else {
            return std::mem::take(&mut self.too_large).then_some(Err(TooLarge));
        };
        let raw = &self.buffer[self.start..end];
        self.start = end;
        Some(Ok(Event::new(raw)))
    }
}
