//! Values spelled otherwise than they are meant: escapes of URLs, HTML and JSON, `[at]` and
//! `(dot)`, and values that a line break cuts in two.
//!
//! Only what stands around such spellings is read again, so that ordinary text costs nothing more.

use std::ops::Range;

use super::view::{Change, View};

/// The surroundings of all such spellings, decoded; `None` where there are none.
pub(super) fn decode(text: &str) -> Option<View> {
    let bytes = text.as_bytes();
    let mut view: Option<View> = None;
    // What stands before `kept` is in the view or will not be.
    let mut kept = 0;
    // The window that is open, if one is, ends here.
    let mut open = 0;
    let mut at = 0;
    while let Some(skip) = bytes[at..].iter().position(|byte| MARKS[usize::from(*byte)]) {
        let mark = at + skip;
        at = mark + 1;
        let Some(spelled) = spelled(bytes, mark) else { continue };
        let view = view.get_or_insert_with(View::default);
        let start = spelled.range.start.max(kept);
        let begin = boundary(text, start.saturating_sub(WINDOW)).max(kept);
        if begin > open {
            view.keep(text, kept..open);
            view.cut();
            kept = begin;
        }
        view.keep(text, kept..start);
        let range = start..spelled.range.end;
        view.rewrite(spelled.change, range);
        kept = spelled.range.end;
        at = kept.max(at);
        open = boundary(text, (kept + WINDOW).min(text.len()));
    }
    let mut view = view?;
    view.keep(text, kept..open.max(kept));
    Some(view)
}

struct Spelled {
    range: Range<usize>,
    change: Change,
}

impl Spelled {
    fn sure(range: Range<usize>, meant: char) -> Self {
        Self { range, change: Change { meant: Some(meant), weak: false } }
    }
}

fn spelled(bytes: &[u8], at: usize) -> Option<Spelled> {
    match bytes[at] {
        b'%' => percent(bytes, at),
        b'&' => entity(bytes, at),
        b'\\' => escape(bytes, at),
        b'[' | b'(' | b'{' | b'<' => word(bytes, at),
        b'=' => soft_break(bytes, at),
        b'\n' => line_break(bytes, at),
        _ => None,
    }
}

/// `%40`, `%2540`, `%C3%BC`, …
fn percent(bytes: &[u8], at: usize) -> Option<Spelled> {
    let mut digits = at + 1;
    while bytes[digits..].starts_with(b"25") && is_hex(bytes, digits + 2, 2) {
        digits += 2;
    }
    if let Some(meant) = hex(bytes, digits, 2) {
        return Some(Spelled::sure(at..digits + 2, meant));
    }
    let (mut symbol, mut len) = ([0; 4], 0);
    let mut from = digits;
    while len < symbol.len() {
        let pair = bytes.get(from..from + 2)?;
        symbol[len] = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        len += 1;
        from += 2;
        if let Ok(read) = std::str::from_utf8(&symbol[..len]) {
            let meant = read.chars().next().filter(|symbol| symbol.is_alphabetic())?;
            return Some(Spelled::sure(at..from, meant));
        }
        // The other bytes are spelled as the first one is.
        let lead = &bytes[at..digits];
        if !bytes[from..].starts_with(lead) {
            return None;
        }
        from += lead.len();
    }
    None
}

/// `&#64;`, `&#x40;`, `&commat;`, `&uuml;`, `&amp;#64;`, …
fn entity(bytes: &[u8], at: usize) -> Option<Spelled> {
    let mut from = at + 1;
    while bytes[from..].starts_with(b"amp;") {
        from += 4;
    }
    let rest = &bytes[from..bytes.len().min(from + 10)];
    let len = rest.iter().position(|byte| *byte == b';');
    let meant = len.and_then(|len| match &rest[..len] {
        [b'#', b'x' | b'X', digits @ ..] => number(digits, 16),
        [b'#', digits @ ..] => number(digits, 10),
        name => {
            let known = ENTITIES.iter().find(|(known, _)| known.as_bytes() == name);
            known.map(|(_, meant)| *meant).or_else(|| accented(name))
        }
    });
    match (meant, len) {
        (Some(meant), Some(len)) => Some(Spelled::sure(at..from + len + 1, meant)),
        _ => (from > at + 1).then(|| Spelled::sure(at..from, '&')),
    }
}

/// The letter of `uuml`, `Eacute`, `szlig`.
fn accented(name: &[u8]) -> Option<char> {
    if name == b"szlig" {
        return Some('ß');
    }
    let (letter, mark) = name.split_first()?;
    let (_, letters) = ACCENTS.iter().find(|(known, _)| known.as_bytes() == mark)?;
    let plain = letters.chars().step_by(2).position(|plain| plain == char::from(*letter))?;
    letters.chars().nth(2 * plain + 1)
}

/// `\u0040`, `\x40`, `\u{40}`, with any number of backslashes.
fn escape(bytes: &[u8], at: usize) -> Option<Spelled> {
    // Those before belong to it as well, and have been looked at.
    if at > 0 && bytes[at - 1] == b'\\' {
        return None;
    }
    let run = bytes[at..].iter().take_while(|byte| **byte == b'\\').count();
    let from = at + run + 1;
    let (digits, end) = match bytes.get(at + run)? {
        b'u' | b'x' if bytes.get(from) == Some(&b'{') => {
            let len = bytes[from..].iter().take(8).position(|byte| *byte == b'}')?;
            (from + 1..from + len, from + len + 1)
        }
        b'u' => (from..from + 4, from + 4),
        b'x' => (from..from + 2, from + 2),
        _ => return None,
    };
    let meant = number(bytes.get(digits)?, 16)?;
    Some(Spelled::sure(at..end, meant))
}

/// `[at]`, `(dot)`, ` { at } `, with the spaces around it.
fn word(bytes: &[u8], at: usize) -> Option<Spelled> {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let from = at + 1 + bytes[at + 1..].iter().take(2).take_while(|b| blank(b)).count();
    let len = bytes[from..].iter().take(5).take_while(|b| b.is_ascii_alphabetic()).count();
    let name = &bytes[from..from + len];
    let meant = WORDS.iter().find(|(known, _)| name.eq_ignore_ascii_case(known.as_bytes()))?.1;
    let close = from + len;
    let close = close + bytes[close..].iter().take(2).take_while(|b| blank(b)).count();
    let wanted = match bytes[at] {
        b'[' => b']',
        b'(' => b')',
        b'{' => b'}',
        _ => b'>',
    };
    if bytes.get(close) != Some(&wanted) {
        return None;
    }
    let before = bytes[..at].iter().rev().take(2).take_while(|b| blank(b)).count();
    let behind = bytes[close + 1..].iter().take(2).take_while(|b| blank(b)).count();
    let range = at - before..close + 1 + behind;
    let sides = range.start.checked_sub(1).map(|i| bytes[i]).zip(bytes.get(range.end).copied());
    let joined = sides.is_some_and(|(a, b)| a.is_ascii_alphanumeric() && b.is_ascii_alphanumeric());
    joined.then(|| Spelled::sure(range, meant))
}

/// `=` at the end of a line of quoted-printable text, and `=40` in it.
fn soft_break(bytes: &[u8], at: usize) -> Option<Spelled> {
    let rest = &bytes[at + 1..];
    let len = match rest {
        [b'\r', b'\n', ..] => 2,
        [b'\n', ..] => 1,
        _ => {
            let meant = hex(bytes, at + 1, 2).filter(|c| matches!(c, '@' | '=' | '.' | '-'))?;
            return Some(Spelled::sure(at..at + 3, meant));
        }
    };
    let inside = |byte: Option<&u8>| byte.is_some_and(|b| !b.is_ascii_whitespace());
    let ends = inside(at.checked_sub(1).and_then(|i| bytes.get(i))) && inside(rest.get(len));
    ends.then_some(Spelled { range: at..at + 1 + len, change: Change { meant: None, weak: false } })
}

/// A line break, with what quotes or indents the next line, inside of something that goes on.
fn line_break(bytes: &[u8], at: usize) -> Option<Spelled> {
    let mut start = at;
    while start > 0 && matches!(bytes[start - 1], b'\r' | b'\\' | b' ') && at - start < 3 {
        start -= 1;
    }
    let indent = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'>' | b'|' | b'#' | b'*');
    let end = at + 1 + bytes[at + 1..].iter().take(INDENT).take_while(indent).count();
    let range = start..end;
    let (before, behind) = (bytes.get(start.checked_sub(1)?)?, bytes.get(end)?);
    if before.is_ascii_digit() && behind.is_ascii_digit() {
        // Groups of digits, as they would stand on one line.
        return Some(Spelled { range, change: Change { meant: Some(' '), weak: true } });
    }
    let part =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'@' | b'.' | b'_' | b'-');
    let cut = matches!(before, b'@' | b'_') || matches!(behind, b'@' | b'_');
    if cut && part(before) && part(behind) {
        return Some(Spelled { range, change: Change { meant: None, weak: true } });
    }
    // An address cut behind a point or a hyphen; what follows the end of a sentence is no part of it.
    let at = |b: &u8| *b == b'@';
    let address =
        |window: &mut dyn Iterator<Item = &u8>| window.take(LOCAL).take_while(|b| part(b)).any(at);
    let joint = matches!(before, b'.' | b'-')
        && part(behind)
        && bytes[..start - 1].last().is_some_and(u8::is_ascii_alphanumeric);
    if joint
        && (address(&mut bytes[..start].iter().rev())
            || *before == b'-' && address(&mut bytes[end..].iter()))
    {
        let weak = *before == b'.';
        return Some(Spelled { range, change: Change { meant: None, weak } });
    }
    let full =
        bytes[..start].iter().rev().take(TOKEN).take_while(|b| in_token(**b)).count() == TOKEN;
    let len = bytes[end..].iter().take(TOKEN * 4).take_while(|b| in_token(**b)).count();
    let next = &bytes[end..end + len];
    let padding = bytes[end + len..].iter().take(2).take_while(|byte| **byte == b'=').count();
    let close = bytes.get(end + len + padding);
    let lone = close.is_none_or(|byte| b"\n\r\"'`,.)\\".contains(byte));
    let kinds = [u8::is_ascii_digit, u8::is_ascii_lowercase, u8::is_ascii_uppercase];
    let odd = len >= 4 && kinds.iter().filter(|kind| next.iter().any(kind)).count() > 1;
    (full && lone && odd).then_some(Spelled { range, change: Change { meant: None, weak: false } })
}

fn in_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

/// The visible character of ASCII that these hexadecimal digits mean.
fn hex(bytes: &[u8], at: usize, len: usize) -> Option<char> {
    number(bytes.get(at..at + len)?, 16).filter(char::is_ascii)
}

fn is_hex(bytes: &[u8], at: usize, len: usize) -> bool {
    bytes.get(at..at + len).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
}

fn number(digits: &[u8], radix: u32) -> Option<char> {
    let code = digits.iter().take(8).try_fold(0_u32, |code, byte| {
        char::from(*byte).to_digit(radix).map(|digit| (code << 8 >> 8) * radix + digit)
    })?;
    let shows =
        |symbol: &char| matches!(symbol, ' '..='~') || !symbol.is_ascii() && symbol.is_alphabetic();
    char::from_u32(code).filter(|symbol| !digits.is_empty() && shows(symbol))
}

/// The nearest character boundary at or before `at`.
fn boundary(text: &str, at: usize) -> usize {
    (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// What recognisers may want to see on either side.
const WINDOW: usize = 256;
/// A token this long that reaches the end of its line may go on.
const TOKEN: usize = 20;
const INDENT: usize = 12;
/// How far the `@` of an address may be from where a line cuts it.
const LOCAL: usize = 64;

const WORDS: [(&str, char); 7] = [
    ("at", '@'),
    ("arroba", '@'),
    ("dot", '.'),
    ("punkt", '.'),
    ("punto", '.'),
    ("point", '.'),
    ("ponto", '.'),
];

const ENTITIES: [(&str, char); 12] = [
    ("commat", '@'),
    ("period", '.'),
    ("hyphen", '-'),
    ("dash", '-'),
    ("lowbar", '_'),
    ("colon", ':'),
    ("sol", '/'),
    ("plus", '+'),
    ("num", '#'),
    ("equals", '='),
    ("nbsp", ' '),
    ("Tab", ' '),
];

/// Letters in pairs: without the accent, and with it.
const ACCENTS: [(&str, &str); 8] = [
    ("uml", "aäoöuüeëiïyÿAÄOÖUÜEËIÏ"),
    ("acute", "aáeéiíoóuúyýAÁEÉIÍOÓUÚYÝ"),
    ("grave", "aàeèiìoòuùAÀEÈIÌOÒUÙ"),
    ("circ", "aâeêiîoôuûAÂEÊIÎOÔUÛ"),
    ("tilde", "aãnñoõAÃNÑOÕ"),
    ("cedil", "cçCÇ"),
    ("ring", "aåAÅ"),
    ("slash", "oøOØ"),
];

const MARKS: [bool; 256] = {
    let mut marks = [false; 256];
    let list = b"%&\\[({<=\n";
    let mut i = 0;
    while i < list.len() {
        marks[list[i] as usize] = true;
        i += 1;
    }
    marks
};

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, wanted: Option<&str>) {
        assert_eq!(decode(text).as_ref().map(View::text), wanted, "{text:?}");
    }

    #[test]
    fn what_is_spelled_is_read() {
        check("a plain text (with [some] marks) = 100 % & more\n\\n <b>", None);
        check("a%40b%2Ec", Some("a@b.c"));
        check("a%252540b", Some("a@b"));
        check("a&#64;b&#x2e;c&commat;d&amp;#64;e", Some("a@b.c@d@e"));
        check("a\\u0040b\\\\\\u002ec\\x40d\\u{40}e", Some("a@b.c@d@e"));
        check("J\\u00fcrgen M\\u00FCller", Some("Jürgen Müller"));
        check("\\u738b\\u5c0f\\u660e", Some("王小明"));
        check("J%C3%BCrgen%20M%25C3%25BCller %E7%8E%8B", Some("Jürgen Müller 王"));
        check("J&uuml;rgen Stra&szlig;e &Eacute;lo&iuml;se", Some("Jürgen Straße Éloïse"));
        check("S&amp;P &amp;&nosuch;", Some("S&P &&nosuch;"));
        check("%C3%zz %C3 %FF%FE \\ud83d &nosuch; &xuml;", None);
        check("anna [at] example (dot) com", Some("anna@example.com"));
        check("f(at) [dot]", None);
        check("anna.we=\r\nber=40x.org", Some("anna.weber@x.org"));
        check("4111 1111\n> 1111 1111", Some("4111 1111 1111 1111"));
        check("anna@\n  example.com", Some("anna@example.com"));
        check("one line.\nAnother", None);
        check("one-\nline", None);
        check("anna@example.\ncom", Some("anna@example.com"));
        check("anna.we-\n> ber@example.com", Some("anna.we-ber@example.com"));
        check(
            "key Ab1Cd2Ef3Gh4Ij5Kl6Mn7\n  Op8Qr9\nX=1",
            Some("key Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8Qr9\nX=1"),
        );
        check("%41\u{20ac}%zz", Some("A\u{20ac}%zz"));
        let far = "é".repeat(400);
        let text = format!("{far}%40{far}{far}%41{far}");
        let near = "é".repeat(128);
        check(&text, Some(&format!("{near}@{near}\n\n{near}A{near}")));
    }
}
