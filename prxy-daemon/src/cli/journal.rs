//! Log lines as the journal takes them: each with its priority before it (`sd-daemon(3)`), and
//! without a time, which the journal has of its own.
//!
//! Not the journal's own protocol: that takes a datagram socket, which no role may have.

use std::ffi::OsString;
use std::io::{self, Write};

use nix::sys::stat::fstat;
use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// Whether standard error goes into the journal, and nowhere else.
pub(super) fn is_there(env: &dyn Fn(&str) -> Option<OsString>) -> bool {
    let named = env("JOURNAL_STREAM").and_then(|value| value.into_string().ok());
    let own = fstat(io::stderr()).map(|known| format!("{}:{}", known.st_dev, known.st_ino));
    named.is_some() && named == own.ok()
}

/// Writes to standard error.
pub(super) struct Journal;

/// One event, of which every line gets its priority.
pub(super) struct Event<W: Write> {
    priority: u8,
    to: W,
}

impl<'a> MakeWriter<'a> for Journal {
    type Writer = Event<io::Stderr>;

    fn make_writer(&'a self) -> Self::Writer {
        Event { priority: priority(Level::INFO), to: io::stderr() }
    }

    fn make_writer_for(&'a self, meta: &Metadata<'_>) -> Self::Writer {
        Event { priority: priority(*meta.level()), to: io::stderr() }
    }
}

impl<W: Write> Write for Event<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let mut lines = Vec::with_capacity(event.len() + 16);
        for line in event.split_inclusive(|byte| *byte == b'\n') {
            write!(lines, "<{}>", self.priority)?;
            lines.extend_from_slice(line);
        }
        // At once, so that lines of two roles do not mix.
        self.to.write_all(&lines)?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// As `syslog(3)` numbers them.
fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_an_event_has_its_priority() {
        let mut written = Vec::new();
        let mut event = Event { priority: priority(Level::WARN), to: &mut written };
        event.write_all(b"one\n two\nthree\n").unwrap();
        assert_eq!(String::from_utf8(written).unwrap(), "<4>one\n<4> two\n<4>three\n");
    }

    #[test]
    fn it_is_there_only_where_standard_error_is_the_named_stream() {
        let known = fstat(io::stderr()).unwrap();
        let own = format!("{}:{}", known.st_dev, known.st_ino);
        for (named, expected) in [(Some(own.as_str()), true), (Some("1:2"), false), (None, false)] {
            let env = |name: &str| {
                assert_eq!(name, "JOURNAL_STREAM");
                named.map(OsString::from)
            };
            assert_eq!(is_there(&env), expected, "{named:?}");
        }
    }
}
