//! Hits that show only when a text is read as JSON would read it: escapes inside of strings, JSON in
//! strings inside of JSON, to any depth.
//!
//! What the text holds as it stands is not for here.

use crate::json::unescape;
use crate::redact::scan::{Hidden, Scanner};

/// Reads `text` as often as its escapes ask for, and scans every reading.
///
/// The first reading takes one level of escapes away, as the next reader does. Those after it take
/// every level at once, so that the work is linear however deep the nesting: only an escaped
/// backslash (`\u005c`) asks for another one.
pub(super) fn hidden(scanner: &Scanner, text: &str) -> Option<Hidden> {
    let mut reading = read(text, Levels::One)?;
    for _ in 0..READINGS {
        if let Some(hit) = scanner.scan_both(&reading).rest.first() {
            return Some(Hidden::Label(hit.label));
        }
        reading = read(&reading, Levels::All)?;
    }
    Some(Hidden::TooDeep)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Levels {
    One,
    /// A run of backslashes counts as one.
    All,
}

/// `text` without its escapes; `None` if it has none. What is no escape stays.
fn read(text: &str, levels: Levels) -> Option<String> {
    let mut rest = text;
    let mut at = memchr::memchr(b'\\', rest.as_bytes())?;
    let mut out = String::with_capacity(text.len());
    let mut changed = false;
    loop {
        let (plain, escape) = rest.split_at(at);
        out.push_str(plain);
        let run = match levels {
            Levels::One => 1,
            Levels::All => escape.bytes().take_while(|byte| *byte == b'\\').count(),
        };
        let escape = &escape[run - 1..];
        let (symbol, len) = unescape(escape);
        if len > 1 {
            changed = true;
            out.push(symbol);
        } else {
            out.push('\\');
        }
        rest = &escape[len..];
        match memchr::memchr(b'\\', rest.as_bytes()) {
            Some(next) => at = next,
            None => break,
        }
    }
    out.push_str(rest);
    changed.then_some(out)
}

/// Real text needs two.
const READINGS: usize = 5;

#[cfg(test)]
mod tests {
    use super::Levels::{All, One};
    use super::*;

    #[track_caller]
    fn check(text: &str, levels: Levels, expected: Option<&str>) {
        assert_eq!(read(text, levels).as_deref(), expected, "{text}");
    }

    #[test]
    fn one_level_of_escapes_or_all_of_them_are_read() {
        check("plain", One, None);
        check("C:\\dir", One, None);
        check("C:\\dir\\", All, None);
        check("C:\\\\dir", One, Some("C:\\dir"));
        check("C:\\\\dir", All, None);
        check("a\\u0040b\\nc\\/d\\\"", One, Some("a@b\nc/d\""));
        check("a\\\\u0040b", One, Some("a\\u0040b"));
        check("a\\\\u0040b", All, Some("a@b"));
        check("a\\\\\\\\\\u0040b", All, Some("a@b"));
        check("\\u005cu0040", All, Some("\\u0040"));
        check("\\ud83d\\ude00 \\ud83d", One, Some("😀 \u{fffd}"));
        check("\\u00e", One, None);
        check("\\", All, None);
    }
}
