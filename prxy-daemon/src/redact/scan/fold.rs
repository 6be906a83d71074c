//! Characters that a reader takes for others, or does not see at all.
//!
//! Full width, mathematical and enclosed letters and digits, the digits of other scripts, Cyrillic
//! and Greek letters inside Latin words, every kind of space and dash, and what has no width, the
//! colours of a terminal among it.

use std::ops::Range;

use super::view::{Change, View};

/// `text` in plain letters; `None` where that is what it is.
pub(super) fn fold(text: &str) -> Option<View> {
    let bytes = text.as_bytes();
    if text.is_ascii() && memchr::memchr(ESCAPE, bytes).is_none() {
        return None;
    }
    let mut view: Option<View> = None;
    let mut kept = 0;
    let mut word = Word::default();
    let mut at = 0;
    while let Some(skip) = bytes[at..].iter().position(|byte| LEADS[usize::from(*byte)]) {
        let start = at + skip;
        let Some(symbol) = text[start..].chars().next() else { break };
        at = start + symbol.len_utf8();
        let seen = match symbol {
            '\u{1b}' => match control_end(bytes, start) {
                Some(end) => {
                    at = end;
                    Seen::Nothing
                }
                None => continue,
            },
            '\u{370}'..='\u{52f}' if !word.is_latin(text, start) => continue,
            '\u{370}'..='\u{52f}' => match look_alike(symbol) {
                Some(letter) => Seen::As(letter),
                None => continue,
            },
            _ => match seen(symbol) {
                Some(seen) => seen,
                None => continue,
            },
        };
        let view = view.get_or_insert_with(View::default);
        view.keep(text, kept..start);
        if let Seen::As(letter) = seen {
            view.rewrite(Change { meant: Some(letter), weak: false }, start..at);
        }
        kept = at;
    }
    let mut view = view?;
    view.keep(text, kept..text.len());
    Some(view)
}

/// Where the control sequence of a terminal ends that begins at `at`, such as `ESC [ 31 m`.
fn control_end(bytes: &[u8], at: usize) -> Option<usize> {
    let parameters = bytes[at..].strip_prefix(b"\x1b[")?;
    let len = parameters.iter().take(REACH).take_while(|b| matches!(b, b' '..=b'?')).count();
    matches!(parameters.get(len), Some(b'@'..=b'~')).then_some(at + len + 3)
}

enum Seen {
    As(char),
    Nothing,
}

fn seen(symbol: char) -> Option<Seen> {
    let code = u32::from(symbol);
    let digit = |zero: u32| char::from_digit(code - zero, 10).map(Seen::As);
    let letter = |first: u32, base: u8| {
        u8::try_from(code - first).ok().map(|offset| Seen::As(char::from(base + offset)))
    };
    match code {
        0x85 | 0x2028 | 0x2029 => Some(Seen::As('\n')),
        0xa0 | 0x2000..=0x200a | 0x202f | 0x205f | 0x3000 => Some(Seen::As(' ')),
        0x2010..=0x2015 | 0x2212 | 0xfe58 | 0xfe63 => Some(Seen::As('-')),
        0xad | 0x34f | 0x61c | 0x115f | 0x1160 | 0x180b..=0x180e | 0x200b..=0x200f => {
            Some(Seen::Nothing)
        }
        0x202a..=0x202e | 0x2060..=0x206f | 0xfe00..=0xfe0f | 0xfeff => Some(Seen::Nothing),
        0x660..=0x669 => digit(0x660),
        0x6f0..=0x6f9 => digit(0x6f0),
        0x966..=0x96f => digit(0x966),
        0x2460..=0x2468 => digit(0x245f),
        0x24b6..=0x24cf => letter(0x24b6, b'A'),
        0x24d0..=0x24e9 => letter(0x24d0, b'a'),
        0xff01..=0xff5e => letter(0xff01, b'!'),
        0x1d400..=0x1d6a3 => {
            let place = u8::try_from((code - 0x1d400) % 52).ok()?;
            let base = if place < 26 { b'A' } else { b'a' - 26 };
            Some(Seen::As(char::from(base + place)))
        }
        0x1d7ce..=0x1d7ff => char::from_digit((code - 0x1d7ce) % 10, 10).map(Seen::As),
        // Tags spell ASCII that nobody sees.
        0xe0020..=0xe007e => letter(0xe0020, b' '),
        0xe0001 | 0xe007f => Some(Seen::Nothing),
        _ => None,
    }
}

/// The Latin letter that a Greek or Cyrillic one looks like.
fn look_alike(symbol: char) -> Option<char> {
    let place = FOREIGN.chars().position(|one| one == symbol)?;
    LATIN.chars().nth(place)
}

const FOREIGN: &str = "абвгАВеЕкКмМнНоОрРсСтТуУхХіІјЈѕЅһԁԛԝαΑΒΕΖΗιΙκΚΜνΝοΟρΡτΤυΥχΧ";
const LATIN: &str = "a6brABeEkKmMhHoOpPcCtTyYxXiIjJsShdqwaABEZHiIkKMvNoOpPtTuYxX";

/// The word that was asked about last: a run without white space.
#[derive(Default)]
struct Word {
    range: Range<usize>,
    latin: bool,
}

impl Word {
    /// Whether the word around `at` has a Latin letter or an `@` in it.
    fn is_latin(&mut self, text: &str, at: usize) -> bool {
        if !self.range.contains(&at) {
            let bytes = text.as_bytes();
            let space = u8::is_ascii_whitespace;
            let before = bytes[..at].iter().rev().take(REACH).take_while(|b| !space(b)).count();
            let behind = bytes[at..].iter().take(REACH).take_while(|b| !space(b)).count();
            self.range = at - before..at + behind;
            let word = &bytes[self.range.clone()];
            self.latin = word.iter().any(|byte| byte.is_ascii_alphabetic() || *byte == b'@');
        }
        self.latin
    }
}

/// No value that one could take for another is longer.
const REACH: usize = 128;

const ESCAPE: u8 = 0x1b;

/// The first bytes of all that may have to change.
const LEADS: [bool; 256] = {
    let mut leads = [false; 256];
    let list = [
        ESCAPE, 0xc2, 0xcd, 0xce, 0xcf, 0xd0, 0xd1, 0xd2, 0xd3, 0xd4, 0xd8, 0xd9, 0xdb, 0xe0, 0xe1,
        0xe2, 0xe3, 0xef, 0xf0, 0xf3,
    ];
    let mut i = 0;
    while i < list.len() {
        leads[list[i] as usize] = true;
        i += 1;
    }
    leads
};

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, wanted: Option<&str>) {
        assert_eq!(fold(text).as_ref().map(View::text), wanted, "{text:?}");
    }

    #[test]
    fn what_looks_like_ascii_is_read_as_ascii() {
        assert_eq!(FOREIGN.chars().count(), LATIN.chars().count());
        check("plain", None);
        check("Müller in Łódź, “quoted”… 東京", None);
        check("слово и дело", None);
        check("ａｎｎａ＠ｅｘａｍｐｌｅ．ｃｏｍ", Some("anna@example.com"));
        check("４１１１　１１１１", Some("4111 1111"));
        check("an\u{200b}na\u{ad}@x.org", Some("anna@x.org"));
        check("аnnа@ехаmple.com", Some("anna@example.com"));
        check("слово аnna слово", Some("слово anna слово"));
        check("536\u{2013}22\u{2011}8141\u{a0}x", Some("536-22-8141 x"));
        check("𝐚𝐧𝐧𝐚@𝘹.𝚘𝚛𝚐 𝟒𝟏 𝟣𝟷", Some("anna@x.org 41 11"));
        check("ⓐⓑⒸ ①⑨", Some("abC 19"));
        check("٤١ ۴۱ ४१", Some("41 41 41"));
        check("x\u{e0061}\u{e0062}\u{e007f}", Some("xab"));
        check("\u{1b}[33mSarah\u{1b}[0m", Some("Sarah"));
        check("\u{1b}[1mDB\u{1b}[0m=\u{1b}[38;5;12mx", Some("DB=x"));
        check("\u{1b}[33", None);
        check("\u{1b}]8;;x", None);
        check("i\u{2029}j👩\u{200d}🔬", Some("i\nj👩🔬"));
    }
}
