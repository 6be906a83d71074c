//! What the words around a value say of it.
//!
//! One look over a bounded window answers for all topics at once.

use std::sync::LazyLock;

use super::text::escape_before;

/// A set of things that words can announce.
pub(in crate::redact) type Topics = u32;

pub(super) const PHONE: Topics = 1;
pub(super) const BIRTH: Topics = 1 << 1;
/// An identity or tax number; by itself only for numbers whose check digits are right.
pub(super) const NATIONAL: Topics = 1 << 2;
/// As [`NATIONAL`], said so plainly that a mistyped number counts too.
pub(super) const IDENTITY: Topics = 1 << 3;
pub(super) const PASSPORT: Topics = 1 << 4;
pub(super) const LICENSE: Topics = 1 << 5;
pub(super) const MEDICAL: Topics = 1 << 6;
pub(super) const BANK: Topics = 1 << 7;
pub(super) const CARD: Topics = 1 << 8;
pub(super) const CRYPTO: Topics = 1 << 9;
pub(super) const VEHICLE: Topics = 1 << 10;
pub(super) const USER: Topics = 1 << 11;
pub(super) const VERSION: Topics = 1 << 12;

/// The Scottish health number, by itself only for numbers whose check digit is right.
pub(super) const CHI: Topics = 1 << 13;
/// The number of an employee or a student.
pub(super) const STAFF: Topics = 1 << 14;

/// The topics whose words introduce a value of no form of its own.
const NAMED: Topics = STAFF | IDENTITY | PASSPORT | LICENSE | MEDICAL | BANK | VEHICLE;

/// What stands around a value.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::redact) struct Said {
    /// Everything the words before it and behind it speak of.
    pub near: Topics,
    /// What the words right before it announce: nothing but `number`, `is`, `:` and the like in between.
    pub announced: Topics,
}

/// What the word right before the run of digits at `run` announces; nothing, mostly, after a few instructions.
pub(in crate::redact) fn announcing(bytes: &[u8], run: &std::ops::Range<usize>) -> Topics {
    let letter = |i: usize| bytes.get(i).is_some_and(u8::is_ascii_alphabetic);
    let glued = letter(run.start.wrapping_sub(1));
    let mut start = if glued { super::text::word_begin(bytes, run.start) } else { run.start };
    // A short group of capitals before a dash belongs to the value.
    if start >= 2 && matches!(bytes[start - 1], b'-' | b'/') {
        let group = super::text::word_begin(bytes, start - 1);
        if start - 1 - group <= 4 && bytes[group..start - 1].iter().all(|b| !b.is_ascii_lowercase())
        {
            start = group;
        }
    }
    // `Passport no. ......: X` of a form: dots lead to the value.
    let dots = |b: &&u8| matches!(b, b'.' | b' ' | b':' | b'_');
    let led = |from: usize| bytes[from..start].iter().rev().take_while(dots).count();
    let reach =
        6 + if start > 6 && led(start - 6) == 6 { led(start.saturating_sub(LEADERS)) } else { 0 };
    let from = start.saturating_sub(reach);
    let joint = |b: &&u8| {
        matches!(
            b,
            b' ' | b'"'
                | b'\''
                | b':'
                | b'='
                | b'#'
                | b'.'
                | b'('
                | b'|'
                | b'\t'
                | b'*'
                | b'\n'
                | b'\\'
                | b'>'
                | b','
                | b'_'
                | b'-'
                | b'['
                | b')'
        )
    };
    let joints = bytes[from..start].iter().rev().take_while(joint).count();
    let end = start - joints;
    if end == 0 || end == from || joints == 0 && bytes[end - 1] < 0x80 || !is_letter(bytes[end - 1])
    {
        return 0;
    }
    // The last word is the name itself or one of the few that follow a name.
    let near = end.saturating_sub(20);
    let len = bytes[near..end].iter().rev().take_while(|b| b.is_ascii_alphabetic()).count();
    let word = end - len;
    let hump = |at: usize| at == word || bytes[at].is_ascii_uppercase();
    let says = len == 0
        || is_filler(&bytes[word..end])
        || word > 0 && bytes[word - 1] >= 0x80
        || ends_name(&bytes[word..end])
        || (word..end).any(|at| {
            hump(at) && word_at(bytes, at, start).is_some_and(|(topics, _)| topics & NAMED != 0)
        });
    let topics = if says { before(bytes, start).announced } else { 0 };
    // So does one that a space sets apart, as in `QQ 12 34 56 C`.
    if topics == 0 && bytes[start - 1] == b' ' && bytes[end - 1].is_ascii_uppercase() {
        let short =
            start - 1 == end && len <= 3 && bytes[word..end].iter().all(u8::is_ascii_uppercase);
        let dashed = word > 0 && (bytes[word - 1] == b' ' || bytes[word - 1] == b'-');
        if short && dashed {
            return announcing(bytes, &(word..word));
        }
    }
    topics
}

/// Whether no word stands near `start`: rows of numbers say nothing.
pub(super) fn is_silent(bytes: &[u8], start: usize) -> bool {
    let from = start.saturating_sub(REACH);
    // Most often a letter is very near.
    let any = |window: &[u8]| window.iter().fold(false, |any, b| any | is_letter(*b));
    let near = bytes.len().min(start + 16);
    !any(&bytes[start.saturating_sub(16)..near])
        && !any(&bytes[from..start])
        && !any(&bytes[near..bytes.len().min(start + REACH)])
}

/// What the text around `start..end` says.
pub(in crate::redact) fn around(bytes: &[u8], start: usize, end: usize) -> Said {
    let mut said = before(bytes, start);
    said.near |= behind(bytes, end);
    said
}

/// What the text before `start` says.
pub(super) fn before(bytes: &[u8], start: usize) -> Said {
    let mut from = start.saturating_sub(REACH);
    // A long name of a field is read whole.
    if bytes[from..start].contains(&b'_') {
        let word = |b: &&u8| b.is_ascii_alphanumeric() || **b == b'_';
        from -= bytes[from.saturating_sub(LONG_NAME)..from].iter().rev().take_while(word).count();
    }
    let window = &bytes[from..start];
    let mut said = Said::default();
    if !window.iter().any(|b| is_letter(*b)) {
        return said;
    }
    let mut at = from;
    // A word that the window cuts says nothing.
    if from > 0 && is_letter(bytes[from - 1]) && bytes[from] < 0xE3 {
        at += window.iter().position(|b| !is_letter(*b) || *b >= 0xE3).unwrap_or(window.len());
    }
    let (mut foreign, mut comma) = (false, false);
    while at < start {
        let byte = bytes[at];
        if !is_letter(byte) {
            comma |= byte == b',';
            match byte {
                b'<' if let Some(len) = placeholder_len(&bytes[at..start]) => {
                    said.announced = 0;
                    foreign = true;
                    at += len;
                    continue;
                }
                b'0'..=b'9' => {
                    let run = super::digits::digits_end(bytes, at).min(start);
                    said.announced = 0;
                    foreign |= run - at >= 5;
                    at = run;
                    continue;
                }
                b'\n' if at + 1 < start && bytes[at + 1..start].iter().any(|b| is_letter(*b)) => {
                    said = Said::default();
                }
                b'\\' if at + 1 < start && matches!(bytes[at + 1], b'n' | b't' | b'r') => {
                    // A spelled-out end of line.
                    if bytes[at + 2..start].iter().any(|b| is_letter(*b)) {
                        said = Said::default();
                    }
                    at += 2;
                    continue;
                }
                b';' | b'{' | b'}' => said = Said::default(),
                b'&' | b','
                    if at + 1 < start && !bytes[at + 1].is_ascii_whitespace()
                    // `phone=1&order=2` and `"phone": "1", "order": "2"` are two things.
                    && bytes[at + 1..start].iter().any(|b| is_letter(*b)) =>
                {
                    said = Said::default();
                }
                b'"' | b'\'' if at > from && matches!(bytes[at - 1], b',' | b'{') => {
                    said = Said::default();
                }
                b'"' if at >= from + 2 && bytes[at - 1] == b' ' && bytes[at - 2] == b',' => {
                    said = Said::default();
                }
                _ => {}
            }
            at += 1;
            continue;
        }
        if let Some((topics, end)) = word_at(bytes, at, start) {
            // Words behind another number speak of the next one only.
            if foreign {
                said.near = 0;
                foreign = false;
            }
            said.near |= topics;
            said.announced = if topics == VERSION { topics } else { said.announced | topics };
            at = end;
            continue;
        }
        let end = word_end(bytes, at, start);
        if !is_filler(&bytes[at..end]) {
            said.announced = 0;
            // `phone: x, order: 4155550199`: the label of something else.
            let label = comma && matches!(bytes.get(end), Some(b':' | b'='));
            if foreign || label {
                said = Said::default();
                foreign = false;
            }
        }
        at = end;
    }
    said
}

/// What the text behind `end` says, up to the end of its line or the next number.
pub(super) fn behind(bytes: &[u8], end: usize) -> Topics {
    let to = bytes.len().min(end + BEHIND);
    let mut topics = 0;
    let mut at = end;
    // The rest of the value itself, where `end` is the end of its first group only.
    let mut words = 0;
    while at < to {
        let byte = bytes[at];
        if byte == b'\n' || byte == b';' || byte == b'{' || byte == b'|' || byte == b'\t' {
            break;
        }
        if byte.is_ascii_digit() && words > 0 || byte == b'<' {
            break;
        }
        if !is_letter(byte) {
            if byte == b',' && words > 0 || byte == b'"' && bytes.get(at + 1) == Some(&b',') {
                break;
            }
            at += 1;
            continue;
        }
        words += 1;
        if let Some((more, end)) = word_at(bytes, at, bytes.len().min(to + 24)) {
            // `…, phone: 555` and `… tel 555` speak of what follows.
            let next =
                bytes[end..].iter().take(6).find(|b| !matches!(b, b' ' | b'.' | b'#' | b'"'));
            if !next.is_some_and(|b| b.is_ascii_digit() || matches!(b, b':' | b'=' | b'+')) {
                topics |= more;
            }
            at = end;
        } else {
            at = word_end(bytes, at, to);
        }
    }
    topics
}

/// Whether the name of a field or column announces values of somebody.
pub(in crate::redact) fn names_a_value(name: &str) -> bool {
    of_name(name) & !(VERSION | CRYPTO | CARD) != 0
        || super::field::key(name.as_bytes()).is_some()
        || super::keyed::names_a_value(name.as_bytes())
}

/// What the name of a field or column speaks of.
fn of_name(name: &str) -> Topics {
    let bytes = name.as_bytes();
    let mut topics = 0;
    let mut at = 0;
    while at < bytes.len() {
        if let Some((more, end)) = word_at(bytes, at, bytes.len()) {
            topics |= more;
            at = end;
        } else {
            at += 1;
        }
    }
    topics
}

/// The topics of the entry that begins with a word at `at`, and where it ends.
fn word_at(bytes: &[u8], at: usize, limit: usize) -> Option<(Topics, usize)> {
    let [long, short] = entries(bytes, at);
    if long.is_empty() && short.is_empty() || !begins(bytes, at) || is_decilitre(bytes, at) {
        return None;
    }
    // `5cf` in a hash: only a long word begins behind a digit.
    let least = if at > 0 && bytes[at - 1].is_ascii_digit() { at + 4 } else { at };
    let mut best = (0, at);
    for (word, topics) in long.iter().chain(short) {
        let Some(end) = matched(bytes, at, limit, word.as_bytes()) else { continue };
        if end >= best.1.max(least) {
            // One word may be in several lists.
            best = (if end == best.1 { best.0 | topics } else { *topics }, end);
        }
    }
    (best.0 != 0).then_some(best)
}

/// Whether the word at `at` is the unit of `mg/dL`, and no `DL` of a driving licence.
fn is_decilitre(bytes: &[u8], at: usize) -> bool {
    let unit = match &bytes[at..] {
        [b'd', b'L', ..] => true,
        [b'd' | b'D', b'l' | b'L', ..] => at > 0 && bytes[at - 1] == b'/',
        _ => false,
    };
    unit && !bytes.get(at + 2).is_some_and(u8::is_ascii_alphanumeric)
}

/// Whether a name of several words ends with `word`.
fn ends_name(word: &[u8]) -> bool {
    let mut lower = [0; 20];
    let Some(lower) = lower.get_mut(..word.len()).filter(|lower| !lower.is_empty()) else {
        return false;
    };
    lower.copy_from_slice(word);
    lower.make_ascii_lowercase();
    TAILS[slot(lower[0], lower.get(1).copied().unwrap_or(0))].contains(&&*lower)
}

/// The entries that begin with the three bytes at `at`, and the few that are told by two.
fn entries(bytes: &[u8], at: usize) -> [&'static [(&'static str, Topics)]; 2] {
    if at + 1 >= bytes.len() {
        return [&[], &[]];
    }
    let two = slot(fold(bytes, at), fold(bytes, at + 1));
    let long: &[_] =
        if at + 2 < bytes.len() { &INDEX[slot3(two, fold(bytes, at + 2))] } else { &[] };
    [long, &SHORT[two]]
}

fn slot(first: u8, second: u8) -> usize {
    (usize::from(first) << 3 ^ usize::from(second)) & (SLOTS - 1)
}

fn slot3(two: usize, third: u8) -> usize {
    (two << 2 ^ usize::from(third).wrapping_mul(37)) & (MANY_SLOTS - 1)
}

/// Where `word` ends, if it stands at `at`. A space in it stands for any joint; `*` at its end for the rest of a word.
fn matched(bytes: &[u8], at: usize, limit: usize, word: &[u8]) -> Option<usize> {
    let mut i = at;
    for (n, wanted) in word.iter().enumerate() {
        match wanted {
            b' ' => match bytes.get(i..limit)? {
                [b' ' | b'_' | b'-' | b'.', b' ', ..] | [b'.', b'-', ..] => i += 2,
                [b' ' | b'_' | b'-' | b'.', ..] => i += 1,
                [0xC2, 0xA0, ..] => i += 2,
                // `patientId`
                [b'A'..=b'Z', ..] => {}
                _ => return None,
            },
            b'*' if n + 1 == word.len() => {
                let more = i < limit && is_letter(bytes[i]) && bytes[i] < 0xE2;
                return Some(if more { word_end(bytes, i, limit) } else { i });
            }
            _ => {
                if i >= limit || fold(bytes, i) != *wanted {
                    return None;
                }
                i += 1;
            }
        }
    }
    if word[word.len() - 1] >= 0x80 && word[0] >= 0xE3 {
        return Some(i);
    }
    let plural = i + usize::from(bytes.get(i).is_some_and(|b| b.eq_ignore_ascii_case(&b's')));
    let upper = bytes[i - 1].is_ascii_uppercase();
    let closed = |i: usize| match bytes.get(i) {
        None => true,
        Some(b) if *b >= 0xE2 => true,
        Some(b) if *b >= 0xC3 => false,
        Some(b) => !(b.is_ascii_lowercase() || upper && b.is_ascii_uppercase()),
    };
    [i, plural].into_iter().find(|i| closed(*i))
}

/// Whether a word may begin at `at`.
fn begins(bytes: &[u8], at: usize) -> bool {
    if bytes[at] >= 0xE3 {
        return true;
    }
    match at.checked_sub(1).map(|before| bytes[before]) {
        None => true,
        Some(before) => {
            !(before.is_ascii_alphabetic()
                || (0x80..0xE2).contains(&before)
                || before >= 0x80 && latin_before(bytes, at))
                || bytes[at].is_ascii_uppercase() && before.is_ascii_lowercase()
                || escape_before(bytes, at)
        }
    }
}

/// Whether the character before `at` is a Latin letter beyond ASCII.
fn latin_before(bytes: &[u8], at: usize) -> bool {
    at >= 2 && matches!(bytes[at - 2], 0xC3..=0xC5)
}

/// The lower-case form of the byte at `at`, in ASCII and Latin-1 letters.
fn fold(bytes: &[u8], at: usize) -> u8 {
    let byte = bytes[at];
    let latin = matches!(byte, 0x80..=0x9E) && at > 0 && bytes[at - 1] == 0xC3;
    if latin { byte + 0x20 } else { byte.to_ascii_lowercase() }
}

/// The end of the word at `at`, of letters only; a Chinese character is a word.
fn word_end(bytes: &[u8], at: usize, limit: usize) -> usize {
    if bytes[at] >= 0xE3 {
        return limit.min(at + if bytes[at] >= 0xF0 { 4 } else { 3 });
    }
    let mut i = at + 1;
    while i < limit && is_letter(bytes[i]) && bytes[i] < 0xE3 {
        // The humps of `passportNumber` are words.
        if bytes[i].is_ascii_uppercase() && bytes[i - 1].is_ascii_lowercase() {
            break;
        }
        i += 1;
    }
    i.max(at + 1)
}

/// The length of what looks like one of our placeholders; its label speaks of nothing but itself.
fn placeholder_len(bytes: &[u8]) -> Option<usize> {
    let inside = |b: &u8| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b'_';
    let len = 1 + bytes[1..].iter().take(96).take_while(|b| inside(b)).count();
    (bytes.get(len) == Some(&b'>') && bytes[len - 1].is_ascii_digit()).then_some(len + 1)
}

fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte >= 0x80
}

/// Words that stand between the name of a number and the number.
fn is_filler(word: &[u8]) -> bool {
    let second = |word: &[u8]| word.get(1).map_or(0, u8::to_ascii_lowercase);
    let entries = &FILLER_INDEX[slot(word[0].to_ascii_lowercase(), second(word))];
    entries.iter().any(|filler| word.eq_ignore_ascii_case(filler))
        // Full-width punctuation and typographic marks count as letters above.
        || word.len() <= 3 && word.iter().all(|b| *b >= 0x80)
}

const FILLERS: &[&str] = &[
    "no",
    "nos",
    "nr",
    "nbr",
    "num",
    "number",
    "numbers",
    "numer",
    "nummer",
    "numero",
    "número",
    "numéro",
    "n°",
    "nº",
    "№",
    "is",
    "was",
    "are",
    "id",
    "ref",
    "code",
    "est",
    "es",
    "ist",
    "lautet",
    "è",
    "jest",
    "to",
    "de",
    "du",
    "del",
    "da",
    "do",
    "of",
    "the",
    "my",
    "his",
    "her",
    "your",
    "their",
    "our",
    "with",
    "date",
    "card",
    "copy",
    "value",
    "as",
    "on",
    "in",
    "am",
    "le",
    "el",
    "il",
    "em",
    "op",
    "lit",
    "und",
    "mit",
    "het",
    "den",
    "der",
    "die",
    "das",
    "string",
    "s",
    "full",
    "ending",
    "following",
    "new",
    "old",
    "m",
    "f",
    "n",
    "nt",
    "u",
    "x",
    "text",
    "span",
    "td",
    "th",
    "li",
    "p",
    "b",
    "strong",
    "usa",
    "uk",
    "dnia",
    "r",
    "em:",
    "issued",
];

/// The entries by their first three bytes.
static INDEX: LazyLock<Vec<Vec<(&'static str, Topics)>>> = LazyLock::new(|| {
    let mut index = vec![Vec::new(); MANY_SLOTS];
    for (word, topics) in words().filter(|(word, _)| !is_short(word)) {
        if let [first, second, third, ..] = *word.as_bytes() {
            index[slot3(slot(first, second), third)].push((word, topics));
        }
    }
    index
});

/// The entries of which only two bytes stand in every text that they match.
static SHORT: LazyLock<Vec<Vec<(&'static str, Topics)>>> = LazyLock::new(|| {
    let mut index = vec![Vec::new(); SLOTS];
    for (word, topics) in words().filter(|(word, _)| is_short(word)) {
        if let [first, second, ..] = *word.as_bytes() {
            index[slot(first, second)].push((word, topics));
        }
    }
    index
});

fn words() -> impl Iterator<Item = (&'static str, Topics)> {
    super::words::WORDS.iter().flat_map(|(topics, words)| words.iter().map(|word| (*word, *topics)))
}

fn is_short(word: &str) -> bool {
    matches!(word.as_bytes(), [_, _] | [_, _, b' ' | b'*', ..])
}

/// The fillers by their first two bytes.
static FILLER_INDEX: LazyLock<Vec<Vec<&'static [u8]>>> = LazyLock::new(|| {
    let mut index = vec![Vec::new(); SLOTS];
    for filler in FILLERS.iter().map(|filler| filler.as_bytes()) {
        index[slot(filler[0], filler.get(1).copied().unwrap_or(0))].push(filler);
    }
    index
});

/// The last words of entries of several words.
static TAILS: LazyLock<Vec<Vec<&'static [u8]>>> = LazyLock::new(|| {
    let mut index = vec![Vec::new(); SLOTS];
    for tail in words().filter_map(|(word, _)| Some(word.rsplit_once([' ', '/', '.', '\''])?.1)) {
        if let [first, rest @ ..] = tail.as_bytes() {
            index[slot(*first, rest.first().copied().unwrap_or(0))].push(tail.as_bytes());
        }
    }
    index
});

const SLOTS: usize = 2048;
const MANY_SLOTS: usize = 8192;
/// The name of a field may be longer than that by so much.
const LONG_NAME: usize = 256;
/// How far before a value its name may begin.
const REACH: usize = 56;
/// The longest row of dots before a value.
const LEADERS: usize = 40;
/// How far behind it, the rest of the value included.
const BEHIND: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, near: Topics, announced: Topics) {
        let start = text.find('^').unwrap();
        let text = text.replace('^', "");
        let said = around(text.as_bytes(), start, start + 8);
        assert_eq!((said.near, said.announced), (near, announced), "{text:?}");
    }

    #[test]
    fn words_speak_of_the_value_beside_them_and_of_no_other() {
        check("passport no. ^12345678", PASSPORT, PASSPORT);
        check("passportNumber=^12345678", PASSPORT, PASSPORT);
        check("\"passport_number\": \"^12345678\"", PASSPORT, PASSPORT);
        check("Reisepassnummer: ^12345678", PASSPORT, PASSPORT);
        check("护照号码：^12345678", PASSPORT, PASSPORT);
        check("PASSPORT NUMBER ^12345678", PASSPORT, PASSPORT);
        check("his passport, as far as we know ^12345678", PASSPORT, 0);
        check("^12345678 is my passport number", PASSPORT, 0);
        check("passport 123456789, order ^12345678", 0, 0);
        check("passport: x; order ^12345678", 0, 0);
        check("{\"passport\": \"x\", \"order\": ^12345678", 0, 0);
        check("passport=x&order=^12345678", 0, 0);
        check("passport\norder ^12345678", 0, 0);
        check("Passport\n^12345678", PASSPORT, PASSPORT);
        let long = "phone_number_of_the_person_that_called_us_yesterday_about_the_order=^12345678";
        check(long, PHONE, 0);
        check("phoneless ^12345678", 0, 0);
        check("^12345678, passport: 1234", 0, 0);
    }
}
