//! Hits that show only when a text is read as JSON would read it: escapes inside of strings, JSON in
//! strings inside of JSON, to any depth.
//!
//! What the text holds as it stands is not for here.

use super::fate::is_guess;
use crate::json::unescape;
use crate::redact::scan::{Hidden, Scanner, Span};

/// Reads `text` as often as its escapes ask for, and scans every reading.
///
/// Each reading takes one level of escapes away, as a reader of JSON does, so all of them together
/// are linear in the text: there are a few at most, and what still has escapes then is not read on.
pub(super) fn hidden(scanner: &Scanner, text: &str) -> Option<Hidden> {
    let mut reading = read(text, Reading::First)?;
    for _ in 0..READINGS {
        // A guess is no reason to refuse what cannot be masked.
        let sure = |hit: &&Span| !is_guess(scanner, hit);
        if let Some(hit) = scanner.scan_both(&reading).rest.iter().find(sure) {
            return Some(Hidden::Label(hit.label));
        }
        reading = read(&reading, Reading::Later)?;
    }
    Some(Hidden::TooDeep)
}

/// Backslashes before anything that is no escape only ever become fewer. The first reading shows
/// that, as patterns of the user's own may look for one; for later ones it is nothing new.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    First,
    Later,
}

/// `text` with one level of escapes taken away; `None` if that shows nothing new.
fn read(text: &str, reading: Reading) -> Option<String> {
    let mut at = memchr::memchr(b'\\', text.as_bytes())?;
    let mut rest = text;
    let mut out = String::with_capacity(text.len());
    let mut changed = false;
    loop {
        let (plain, run) = rest.split_at(at);
        out.push_str(plain);
        let len = run.bytes().take_while(|byte| *byte == b'\\').count();
        let escapes = matches!(
            run.as_bytes().get(len),
            Some(b'"' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' | b'u')
        );
        let pairs = match (escapes, reading) {
            (true, _) | (_, Reading::First) => len / 2,
            (false, Reading::Later) => 0,
        };
        changed |= pairs > 0;
        out.extend(std::iter::repeat_n('\\', pairs));
        rest = &run[len..];
        if escapes && len % 2 == 1 {
            let escape = &run[len - 1..];
            match unescape(escape) {
                // Not one after all.
                (_, 1) => out.push('\\'),
                (symbol, len) => {
                    changed = true;
                    out.push(symbol);
                    rest = &escape[len..];
                }
            }
        } else if len % 2 == 1 || pairs == 0 {
            out.push('\\');
        }
        match memchr::memchr(b'\\', rest.as_bytes()) {
            Some(next) => at = next,
            None => break,
        }
    }
    out.push_str(rest);
    changed.then_some(out)
}

/// Real text needs two or three.
const READINGS: usize = 8;

#[cfg(test)]
mod tests {
    use super::Reading::{First, Later};
    use super::*;

    #[track_caller]
    fn check(text: &str, reading: Reading, expected: Option<&str>) {
        assert_eq!(read(text, reading).as_deref(), expected, "{text}");
    }

    #[test]
    fn one_level_of_escapes_is_read() {
        check("plain", First, None);
        check("C:\\dir\\", First, None);
        check("C:\\\\dir", First, Some("C:\\dir"));
        check("C:\\\\\\dir", First, Some("C:\\\\dir"));
        check("C:\\\\dir", Later, None);
        check("C:\\\\dir\\n", Later, Some("C:\\dir\n"));
        check("a\\u0040b\\nc\\/d\\\"", Later, Some("a@b\nc/d\""));
        check("a\\\\u0040b", Later, Some("a\\u0040b"));
        check("a\\\\\\u0040b", Later, Some("a\\@b"));
        check("\\u005cu0040", Later, Some("\\u0040"));
        check("\\u005cu\\u00300\\u00340", Later, Some("\\u0040"));
        check("\\ud83d\\ude00 \\ud83d", First, Some("😀 \u{fffd}"));
        check("\\u00e \\u", Later, None);
        check("\\", Later, None);
        check("\\\\", Later, None);
    }
}
