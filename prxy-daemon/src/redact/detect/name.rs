//! The shape of a name: its words, particles and initials, and where it ends.
//!
//! Not for deciding whether it is one: that is `person`.

use super::lexicon::*;
use super::text::spelled_escape;

/// The words of what may be a name, from left to right.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name {
    words: [Word; MAX_WORDS],
    count: usize,
    /// The offset behind the last word.
    pub end: usize,
    /// The word that follows on the same line, if there is one.
    pub next: Option<Word>,
}

/// Which words a name may go on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// Any capitalised words that mean nothing else: a cue said that a name comes.
    Cued,
    /// Only what fits names.
    Plain,
}

impl Name {
    /// Reads what may be a name from `at`.
    pub(super) fn read(bytes: &[u8], at: usize, reading: Reading) -> Option<Self> {
        let first = joined(bytes, at)?;
        let mut name = Self { words: [Word::default(); MAX_WORDS], count: 0, end: at, next: None };
        let (mut word, mut unknown, mut family) = (first, 0, 0);
        // The words of the name and, behind them, particles that count only if a word follows.
        let mut held = 0;
        loop {
            let initial = initial(bytes, &word);
            let fits = match name.count - held {
                0 => word.capital() && (reading == Reading::Cued || !word.no_name()),
                _ if initial.is_some() => true,
                _ if word.case == Case::Lower => word.is(PARTICLE),
                _ if word.case == Case::Mixed => false,
                _ if word.no_name() && !(word.is(PARTICLE) && word.capital()) => false,
                // `Ortega y Gasset`.
                _ if held > 0
                    && name.words[name.count - 1].len() == 1
                    && !(word.is(FAMILY)
                        && name.count > 1
                        && name.words[name.count - 2].is(FAMILY)) =>
                {
                    false
                }
                // `Herr Rossi della Edilizia Bresciana`: the name has ended before the particle.
                _ if held > 0
                    && !word.is(FAMILY)
                    && (family > 0 || unknown > usize::from(first.unknown())) =>
                {
                    false
                }
                _ if held > 0
                    && name.count - held == 1
                    && !word.is(FAMILY)
                    && !first.surely(GIVEN)
                    && behind_particle(bytes, at) =>
                {
                    false
                }
                _ if held > 0 => !word.is(PLACE) || word.is(FAMILY),
                _ if first.case == Case::Upper
                    && word.case == Case::Upper
                    && reading == Reading::Cued
                    && word.unknown() =>
                {
                    unknown < 2 && family == 0 && word.len() > 2
                }
                _ if family > 0 && word.is(ORDINARY | TERM | KIND) => false,
                _ if word.unknown() => unknown < 2 && family == 0 && plausible(bytes, &word),
                _ => true,
            };
            let single = word.len() == 1 && initial.is_none();
            if !fits || single && word.capital() || name.count == MAX_WORDS {
                name.next = Some(word);
                break;
            }
            name.words[name.count] = word;
            name.count += 1;
            let mut end = word.end;
            if word.case == Case::Lower {
                held += 1;
            } else {
                unknown += usize::from(word.unknown() && initial.is_none());
                family += usize::from(name.count > 1 && word.surely(FAMILY | PINYIN));
                end = initial.unwrap_or(end);
                held = 0;
                name.end = end;
            }
            let Some(next) = gap(bytes, end, initial.is_some()) else { break };
            let Some(found) = joined(bytes, next) else { break };
            word = found;
        }
        if held > 0 {
            name.next = Some(name.words[name.count - held]);
            name.count -= held;
        }
        // `Thiago da Móveis Ipanema Ltda.`: the company begins behind the particle.
        if name
            .next
            .is_some_and(|word| word.is(LEGAL) && word.capital() && word.start == name.end + 1)
            && let Some(link) = name.words().iter().rposition(|word| word.case == Case::Lower)
            && link > 0
        {
            name.next = Some(name.words[link]);
            name.count = link;
            name.end = name.words[link - 1].end;
        }
        (name.count > 0).then_some(name)
    }

    pub(super) fn words(&self) -> &[Word] {
        &self.words[..self.count]
    }

    /// The words that are no initials and no particles.
    pub(super) fn parts(&self) -> impl Iterator<Item = &Word> {
        // `De` of `De Santis` is none.
        let article = |i: usize, word: &Word| {
            i + 1 < self.count
                && word.len() < 6
                && word.is(PARTICLE)
                && !word.is(GIVEN | FAMILY | PINYIN)
        };
        self.words()
            .iter()
            .enumerate()
            .filter(move |(i, word)| word.capital() && word.len() > 1 && !article(*i, word))
            .map(|(_, word)| word)
    }

    pub(super) fn start(&self) -> usize {
        self.words[0].start
    }
}

/// The word at `at` with what a hyphen or an apostrophe joins to it: `Anna-Lena`, `O'Brien`.
pub(super) fn joined(bytes: &[u8], at: usize) -> Option<Word> {
    let mut whole = word(bytes, at)?;
    for _ in 0..2 {
        let apostrophe = match &bytes[whole.end..] {
            [b'\'', ..] => 1,
            [0xe2, 0x80, 0x99, ..] => 3,
            _ => 0,
        };
        let short = whole.len() <= 2 || whole.is(PARTICLE);
        let next = match bytes.get(whole.end) {
            Some(b'-') => whole.end + 1,
            _ if apostrophe > 0 && short => whole.end + apostrophe,
            _ => break,
        };
        let Some(part) = word(bytes, next).filter(Word::capital) else { break };
        if whole.len() == 1 && apostrophe == 0 {
            break;
        }
        let class = match apostrophe {
            0 => whole.class & part.class | (whole.class | part.class) & (GIVEN | FAMILY),
            _ => FAMILY,
        };
        whole = Word { end: part.end, class, ..whole };
    }
    Some(whole)
}

/// Whether a particle such as `van der` stands before the name at `at`.
fn behind_particle(bytes: &[u8], at: usize) -> bool {
    at.checked_sub(1)
        .and_then(|end| word_before(bytes, end))
        .is_some_and(|word| word.case == Case::Lower && word.is(PARTICLE))
}

/// Where the initial `word` ends, its point included; `None` if it is no initial.
fn initial(bytes: &[u8], word: &Word) -> Option<usize> {
    if word.case != Case::Upper || word.len() > 2 || bytes[word.start..].len() < 2 {
        return None;
    }
    let single = word.len() == 1 || !bytes[word.start].is_ascii();
    match bytes.get(word.end) {
        Some(b'.') if single => Some(word.end + 1),
        // `John F Kennedy`.
        Some(b' ') if single && word.start > 1 && bytes[word.start - 2].is_ascii_lowercase() => {
            let next = bytes.get(word.end + 1)?;
            (next.is_ascii_uppercase() && *bytes.get(word.end + 2)? != b' ').then_some(word.end)
        }
        _ => None,
    }
}

/// Where the next word of a name begins behind `end`.
fn gap(bytes: &[u8], end: usize, after_initial: bool) -> Option<usize> {
    match &bytes[end..] {
        [b' ', b' ', ..] => None,
        [b' ', ..] => Some(end + 1),
        [0xc2, 0xa0, ..] => Some(end + 2),
        [b, ..] if after_initial && b.is_ascii_uppercase() => Some(end),
        // `H.-J. Wittgenfeld`
        [b'-', b, b'.', ..] if after_initial && b.is_ascii_uppercase() => Some(end + 1),
        _ => None,
    }
}

/// Whether an unknown word may be a family name by its ending.
fn plausible(bytes: &[u8], word: &Word) -> bool {
    let text = &bytes[word.start..word.end];
    const NOUNS: &[&[u8]] = &[
        b"ung", b"ungen", b"heit", b"keit", b"schaft", b"tion", b"tions", b"ment", b"ments",
        b"ness", b"ismus", b"ity", b"logy", b"ware", b"able", b"ible", b"ance", b"ence", b"ship",
        b"ful", b"less", b"ings", b"dad", b"nummer", b"zeit", b"straat", b"ized", b"ated",
        b"ically", b"ously", b"tive", b"ical", b"ismo", b"gracht", b"buch", b"amt",
    ];
    word.len() > 1
        && word.case == Case::Title
        && !street_like(text)
        && !NOUNS.iter().any(|noun| text.len() > noun.len() + 1 && text.ends_with(noun))
}

/// Whether a word ends like the name of a street in German or Dutch.
pub(super) fn street_like(text: &[u8]) -> bool {
    const ENDINGS: &[&[u8]] = &[
        "straße".as_bytes(),
        b"strasse",
        b"str",
        b"weg",
        b"platz",
        b"allee",
        b"gasse",
        b"damm",
        b"ring",
        b"ufer",
        b"steig",
        b"markt",
        b"graben",
        b"chaussee",
        b"stieg",
        b"promenade",
        b"hof",
        b"berg",
        b"straat",
        b"laan",
        b"gracht",
        b"plein",
        b"kade",
        b"singel",
        b"dijk",
        b"dreef",
        b"steeg",
        b"plantsoen",
        b"hof",
        b"pad",
        b"wal",
        b"haven",
        b"lei",
        b"baan",
        b"gata",
        b"gatan",
        b"vej",
    ];
    ENDINGS.iter().any(|end| text.len() >= end.len() + 3 && text.ends_with(end))
}

/// Whether a line begins at `i`, by a line break or by one spelled out.
pub(super) fn line_start(bytes: &[u8], i: usize) -> bool {
    i == 0
        || matches!(bytes[i - 1], b'\n' | b'\r')
        || spelled_escape(bytes, i) && bytes[i - 1] != b't'
}

/// Whether a line ends at `i`: by a line break, one spelled out, a closing quote or the end.
pub(super) fn line_end(bytes: &[u8], i: usize) -> bool {
    let rest = &bytes[i.min(bytes.len())..];
    let rest = &rest[rest.iter().take_while(|b| **b == b' ').count()..];
    matches!(rest, [] | [b'\n' | b'\r' | b'"' | b'<' | b'|', ..] | [b'\\', b'n' | b'r' | b'"', ..])
}

/// Skips one line break or several, and the blanks around them; `None` if there is none.
pub(super) fn next_line(bytes: &[u8], mut i: usize) -> Option<usize> {
    let mut broken = 0;
    loop {
        match &bytes[i..] {
            [b'\n', ..] => (i, broken) = (i + 1, broken + 1),
            [b'\r' | b' ' | b'\t', ..] => i += 1,
            [b'\\', b'n', ..] => (i, broken) = (i + 2, broken + 1),
            [b'\\', b'r', ..] => i += 2,
            [b'<', b'b', b'r', b'>', ..] => (i, broken) = (i + 4, broken + 1),
            [b'>', b' ', ..] if broken > 0 => i += 2,
            [] => return None,
            _ => break,
        }
        if broken > 4 {
            return None;
        }
    }
    (broken > 0).then_some(i)
}

/// No name has more parts; the search for its end stays short.
const MAX_WORDS: usize = 6;
