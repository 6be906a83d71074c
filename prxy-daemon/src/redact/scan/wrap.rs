//! A text as if its lines were not broken and its blanks not doubled.
//!
//! For texts that a list names: what detectors read over line breaks is `decode`.

use std::ops::Range;

use super::view::{Change, View};

/// `text` with one blank for each run of white space; `None` where that is what it is.
///
/// Nothing stands for a line break between ideographs or behind the hyphen or the slash of a word: there
/// lines are broken without a blank.
pub(super) fn unwrapped(text: &str) -> Option<View> {
    let bytes = text.as_bytes();
    let mut view: Option<View> = None;
    let (mut kept, mut at) = (0, 0);
    while let Some(skip) = bytes[at..].iter().position(|b| is_blank(*b) || *b == b'\\') {
        let start = at + skip;
        let (end, broken) = gap(bytes, start);
        at = end.max(start + 1);
        if end == start || bytes[start..end] == *b" " {
            continue;
        }
        let view = view.get_or_insert_with(View::default);
        view.keep(text, kept..start);
        let joined = broken && joins(bytes, &(start..end));
        let meant = if joined { None } else { Some(' ') };
        view.rewrite(Change { meant, weak: false }, start..end);
        kept = end;
    }
    let mut view = view?;
    view.keep(text, kept..text.len());
    Some(view)
}

/// The end of the white space at `start`, with what quotes or indents a line behind a break; whether there is one.
fn gap(bytes: &[u8], start: usize) -> (usize, bool) {
    let (mut at, mut broken) = (start, false);
    loop {
        match &bytes[at..] {
            [b'\\', b'n' | b'r' | b't', ..] => {
                broken |= bytes[at + 1] != b't';
                at += 2;
            }
            [b, ..] if is_blank(*b) => {
                broken |= matches!(b, b'\n' | b'\r');
                at += 1;
            }
            [b'>' | b'|' | b'#' | b'*' | b'/', ..] if broken => at += 1,
            _ => return (at, broken),
        }
    }
}

/// Whether what a line break parts would stand together without it.
fn joins(bytes: &[u8], gap: &Range<usize>) -> bool {
    let (before, behind) = (&bytes[..gap.start], &bytes[gap.end..]);
    let letter = |b: &u8| b.is_ascii_alphanumeric() || *b >= 0x80;
    match (before, behind) {
        // Ideographs take three bytes.
        ([.., 0xe3..=0xe9, _, _], [0xe3..=0xe9, ..]) => true,
        ([.., last, b'-' | b'/'], [first, ..]) => letter(last) && letter(first),
        _ => false,
    }
}

/// `text` as it stands in the view: one blank for each run of white space.
pub(super) fn collapsed(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for symbol in text.chars() {
        let symbol = if symbol.is_whitespace() { ' ' } else { symbol };
        if symbol != ' ' || !out.ends_with(' ') {
            out.push(symbol);
        }
    }
    out
}

fn is_blank(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_on() {
        for (text, wanted) in [
            ("Acme Holding, one blank each", None),
            (r"C:\dir\ and \ x", None),
            ("Acme  Holding", Some("Acme Holding")),
            ("Acme\tHolding", Some("Acme Holding")),
            ("> Acme \r\n> Holding", Some("> Acme Holding")),
            (" * Acme\n * Holding", Some(" * Acme Holding")),
            (r"Acme\n  Holding", Some("Acme Holding")),
            ("Müller-\n  Lüdenscheidt", Some("Müller-Lüdenscheidt")),
            ("a -\nb", Some("a - b")),
            ("王\n明", Some("王明")),
            ("王  明", Some("王 明")),
            ("end\n", Some("end ")),
        ] {
            assert_eq!(unwrapped(text).as_ref().map(View::text), wanted, "{text:?}");
        }
        assert_eq!(collapsed("Acme \u{a0}\n Holding x"), "Acme Holding x");
    }
}
