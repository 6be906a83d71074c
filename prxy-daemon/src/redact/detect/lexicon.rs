//! Words and what is known of them: names, places, ordinary words, cues.
//!
//! Words are compared folded: lower case, without diacritics. Not for deciding what a word is in its text.

use std::sync::LazyLock;

use super::{cues, field, keyed};

/// What a word may be; a set of the constants below.
pub(in crate::redact) type Class = u32;

/// A given name.
pub(super) const GIVEN: Class = 1;
/// A family name.
pub(super) const FAMILY: Class = 1 << 1;
/// An ordinary word.
pub(super) const ORDINARY: Class = 1 << 2;
/// A country, region or city.
pub(super) const PLACE: Class = 1 << 3;
/// A form of address that only people have, such as `Mr`.
pub(super) const TITLE: Class = 1 << 4;
/// A role that people have, and others, such as `Judge`.
pub(super) const ROLE: Class = 1 << 5;
/// The first word of a salutation.
pub(super) const SALUTE: Class = 1 << 6;
/// The first word of a closing line.
pub(super) const CLOSE: Class = 1 << 7;
/// A legal form of a company.
pub(super) const LEGAL: Class = 1 << 8;
/// A kind of institution, such as `Hospital`.
pub(super) const KIND: Class = 1 << 9;
/// A kind of street.
pub(super) const STREET: Class = 1 << 10;
/// A Chinese family name in pinyin.
pub(super) const PINYIN: Class = 1 << 11;
/// A thing that is named after people, such as `theorem`.
pub(super) const TERM: Class = 1 << 12;
/// A particle of family names, such as `van`.
pub(super) const PARTICLE: Class = 1 << 13;
/// A word that a lone given name follows, such as `with`.
pub(super) const BEFORE: Class = 1 << 14;
/// A word that follows a lone given name, such as `said`.
pub(super) const AFTER: Class = 1 << 15;
/// A word that introduces the speaker's name, such as `llamo`.
pub(super) const NAMED: Class = 1 << 16;
/// A word that may introduce the speaker's name, such as `am`.
pub(super) const SELF: Class = 1 << 17;
/// A box for mail.
pub(super) const POBOX: Class = 1 << 18;
/// Seen by its neighbours, not by itself: the word after a cue in lower case.
pub(super) const CUED: Class = 1 << 19;
/// Seen by its neighbours, not by itself: a name of a street before its number.
pub(super) const NUMBERED: Class = 1 << 20;
/// An ideograph that begins a name, an institution or a part of an address.
pub(super) const HANZI: Class = 1 << 21;

/// A word of a field's key that says: a name of a person.
pub(super) const KEY_PERSON: Class = 1 << 22;
/// A word of a field's key that says: a person or a company.
pub(super) const KEY_PARTY: Class = 1 << 23;
/// A word of a field's key that says: a name of anything.
pub(super) const KEY_NAME: Class = 1 << 24;
/// The last word of a field's key whose value is no name.
pub(super) const KEY_DATA: Class = 1 << 25;
/// A word of a field's key that says: a company or an institution.
pub(super) const KEY_ORG: Class = 1 << 28;
/// A word of a field's key that says: an address or a part of one.
pub(super) const KEY_ADDRESS: Class = 1 << 29;

/// A word of a field's key that says: a town or a post code.
pub(super) const KEY_TOWN: Class = 1 << 30;

/// A relation, such as `sister`: whoever is named behind it is a person.
pub(super) const KIN: Class = 1 << 26;
/// A word before or behind a name that only people have beside them, such as `asked`.
pub(super) const HUMAN: Class = 1 << 27;

/// A word of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Word {
    pub start: usize,
    pub end: usize,
    pub class: Class,
    pub case: Case,
    pub hash: u64,
}

/// How a word is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Case {
    #[default]
    Lower,
    Title,
    Upper,
    /// Capitals inside, as in identifiers.
    Mixed,
}

impl Word {
    pub(super) fn is(&self, class: Class) -> bool {
        self.class & class != 0
    }

    /// A name, and nothing else that is known.
    pub(super) fn surely(&self, class: Class) -> bool {
        self.is(class) && !self.is(ORDINARY | PLACE)
    }

    /// Nothing that a name could be.
    pub(super) fn no_name(&self) -> bool {
        !self.is(GIVEN | FAMILY | PINYIN)
            && self.is(ORDINARY
                | PLACE
                | TITLE
                | ROLE
                | SALUTE
                | CLOSE
                | LEGAL
                | KIND
                | STREET
                | TERM)
    }

    pub(super) fn unknown(&self) -> bool {
        self.class
            & (GIVEN | FAMILY | PINYIN | ORDINARY | PLACE | KIND | LEGAL | TERM | TITLE | STREET)
            == 0
    }

    pub(super) fn capital(&self) -> bool {
        matches!(self.case, Case::Title | Case::Upper)
    }

    pub(super) fn len(&self) -> usize {
        self.end - self.start
    }
}

/// The word that begins at `at`: letters only, at most [`MAX_WORD`] bytes.
pub(super) fn word(bytes: &[u8], at: usize) -> Option<Word> {
    let (mut hash, mut i) = (SEED, at);
    let (mut upper, mut lower, mut mixed, mut prefix) = (0, 0, false, 0_u32);
    loop {
        // Plain letters first: they are nearly all there are.
        while let Some(b) = bytes.get(i).filter(|b| b.is_ascii_alphabetic()) {
            if b & 0x20 == 0 {
                let mac = matches!(prefix, 0x6d63 | 0x6d_6163);
                mixed |= lower > 0 && !(mac && upper == 1);
                upper += 1;
            } else {
                lower += 1;
            }
            hash = mix(hash, b | 0x20);
            prefix = prefix << 8 | u32::from(b | 0x20);
            i += 1;
            if mixed && bytes[at] != b'G' {
                // An identifier: what it says is nothing.
                while bytes.get(i).is_some_and(u8::is_ascii_alphanumeric) {
                    i += 1;
                }
                return Some(Word { start: at, end: i, class: 0, case: Case::Mixed, hash: 0 });
            }
        }
        if bytes.get(i).is_none_or(|b| *b < 0xc3) {
            break;
        }
        let Some(letter) = letter(bytes, i) else { break };
        if letter.upper {
            // `McDonald` and `MacLeod` are names; `fooBar` is none.
            let mac = matches!(prefix, 0x6d63 | 0x6d_6163);
            mixed |= lower > 0 && !(mac && upper == 1);
            upper += 1;
        } else {
            lower += 1;
        }
        for folded in letter.folded.into_iter().filter(|b| *b != 0) {
            hash = mix(hash, folded);
            prefix = prefix << 8 | u32::from(folded);
        }
        i += letter.len;
        if i - at > MAX_WORD {
            return None;
        }
    }
    if i == at {
        return None;
    }
    let case = match (upper, lower) {
        _ if mixed => Case::Mixed,
        (0, _) => Case::Lower,
        (1, 0) => Case::Upper,
        (_, 0) => Case::Upper,
        (1, _) => Case::Title,
        _ if matches!(bytes[at + 1], b'c' | b'a') => Case::Title,
        _ => Case::Mixed,
    };
    let mut class = LEXICON.class(hash);
    if case == Case::Mixed {
        // `GmbH` is the one word that is written so.
        class &= LEGAL;
    }
    Some(Word { start: at, end: i, class, case, hash })
}

/// The word that ends at `end`.
pub(super) fn word_before(bytes: &[u8], end: usize) -> Option<Word> {
    let mut start = end;
    while let Some(before) = start.checked_sub(1) {
        let at = match bytes[before] {
            b if b.is_ascii_alphabetic() => before,
            0x80..=0xbf if before > 0 && letter(bytes, before - 1).is_some_and(|l| l.len == 2) => {
                before - 1
            }
            0x80..=0xbf if before > 1 && letter(bytes, before - 2).is_some_and(|l| l.len == 3) => {
                before - 2
            }
            _ => break,
        };
        if end - at > MAX_WORD {
            return None;
        }
        start = at;
    }
    // The letter of an escape belongs to the escape.
    if super::text::spelled_escape(bytes, start + 1) && start < end {
        start += 1;
    }
    (start < end).then(|| word(bytes, start)).flatten().filter(|word| word.end == end)
}

/// Whether the two words are known to be no person together.
pub(super) fn known_together(first: &Word, second: &Word) -> bool {
    LEXICON.known.binary_search(&pair(first.hash, second.hash)).is_ok()
}

/// The hash of a word, for sets of them.
pub(super) fn hash(word: &Word) -> u64 {
    word.hash
}

struct Letter {
    folded: [u8; 2],
    len: usize,
    upper: bool,
}

/// The Latin letter at `i`.
fn letter(bytes: &[u8], i: usize) -> Option<Letter> {
    let first = *bytes.get(i)?;
    if first.is_ascii_alphabetic() {
        let folded = [first | 0x20, 0];
        return Some(Letter { folded, len: 1, upper: first & 0x20 == 0 });
    }
    let row = match first {
        0xc3..=0xc5 | 0xc8 => LATIN[usize::from(if first == 0xc8 { 3 } else { first - 0xc3 })],
        // Vietnamese.
        0xe1 => return vietnamese(bytes, i),
        _ => return None,
    };
    let second = bytes.get(i + 1)?.checked_sub(0x80).filter(|b| *b < 64)?;
    let folded = *row.as_bytes().get(usize::from(second))?;
    if folded == b' ' {
        return None;
    }
    let upper = match first {
        0xc3 => second < 0x1f,
        // In U+0139..=U+0148 and U+0179..=U+017E capitals are the odd ones.
        0xc4 if second >= 0x39 => second % 2 == 1,
        0xc5 if second <= 0x08 => second % 2 == 1,
        0xc5 if second >= 0x38 => second == 0x38 || second % 2 == 1,
        _ => second % 2 == 0,
    };
    let folded = match folded {
        b'!' => *b"ss",
        b'"' => *b"ae",
        b'#' => *b"oe",
        b'$' => *b"th",
        one => [one, 0],
    };
    Some(Letter { folded, len: 2, upper })
}

fn vietnamese(bytes: &[u8], i: usize) -> Option<Letter> {
    let (second, third) = (*bytes.get(i + 1)?, *bytes.get(i + 2)?);
    if !matches!(second, 0xba | 0xbb) || !(0x80..=0xbf).contains(&third) {
        return None;
    }
    let code = u32::from(second & 0x3f) << 6 | u32::from(third & 0x3f);
    let folded = match code {
        0xea0..=0xeb7 => b'a',
        0xeb8..=0xec7 => b'e',
        0xec8..=0xecb => b'i',
        0xecc..=0xee3 => b'o',
        0xee4..=0xef1 => b'u',
        0xef2..=0xef9 => b'y',
        _ => return None,
    };
    Some(Letter { folded: [folded, 0], len: 3, upper: code % 2 == 0 })
}

/// What U+00C0.., U+0100.., U+0140.. and U+0200.. fold to; `!` ss, `"` ae, `#` oe, `$` th.
const LATIN: [&str; 4] = [
    "aaaaaa\"ceeeeiiiidnooooo ouuuuy$!aaaaaa\"ceeeeiiiidnooooo ouuuuy$y",
    "aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiii  jjkkklllllll",
    "lllnnnnnnnnnoooooo##rrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs",
    "aaaaeeeeiiiioooorrrruuuusstt",
];

/// All lexicons in one open table: the upper bits of a slot are the word's hash, the lower its class.
struct Lexicon {
    /// One bit for each hash: most words that are in no list end here, in the first-level cache.
    sieve: Box<[u64]>,
    slots: Box<[u64]>,
    known: Vec<u64>,
}

static LEXICON: LazyLock<Lexicon> = LazyLock::new(Lexicon::new);

impl Lexicon {
    fn new() -> Self {
        let mut lexicon = Self {
            sieve: vec![0; SIEVE / 64].into(),
            slots: vec![0; SLOTS].into(),
            known: Vec::new(),
        };
        for (class, list) in LISTS {
            for line in list.lines().skip(1) {
                lexicon.insert(line, *class);
            }
        }
        let polish = [
            (GIVEN, include_str!("lexicon/given-pl.txt")),
            (FAMILY, include_str!("lexicon/family-pl.txt")),
        ];
        for (class, list) in polish {
            let names = list.lines().skip(1).filter(|name| name.len() > 3);
            names.for_each(|name| declined(name, |form| lexicon.insert(form, class)));
        }
        for (class, list) in cues::LISTS {
            for word in list.split_ascii_whitespace() {
                lexicon.insert(word, *class);
            }
        }
        for (class, words) in field::LISTS.iter().chain(keyed::LISTS) {
            for word in *words {
                lexicon.insert(word, *class);
            }
        }
        for line in include_str!("lexicon/known.txt").lines().skip(1) {
            if let Some((first, second)) = line.split_once(' ') {
                lexicon.known.push(pair(hash_of(first), hash_of(second)));
            }
        }
        lexicon.known.sort_unstable();
        lexicon
    }

    fn insert(&mut self, word: &str, class: Class) {
        let hash = hash_of(word);
        let bit = hash as usize % SIEVE;
        self.sieve[bit / 64] |= 1 << (bit % 64);
        let mut at = (hash >> 20) as usize % SLOTS;
        while self.slots[at] != 0 && self.slots[at] >> CLASS_BITS != hash >> CLASS_BITS {
            at = (at + 1) % SLOTS;
        }
        self.slots[at] |= hash >> CLASS_BITS << CLASS_BITS | u64::from(class);
    }

    fn class(&self, hash: u64) -> Class {
        let bit = hash as usize % SIEVE;
        if self.sieve[bit / 64] & 1 << (bit % 64) == 0 {
            return 0;
        }
        let mut at = (hash >> 20) as usize % SLOTS;
        while self.slots[at] != 0 {
            if self.slots[at] >> CLASS_BITS == hash >> CLASS_BITS {
                return (self.slots[at] & ((1 << CLASS_BITS) - 1)) as Class;
            }
            at = (at + 1) % SLOTS;
        }
        0
    }
}

/// The cases in which a Polish name stands: `Pawłem`, `Kasię`, `Kowalskiego`.
fn declined(name: &str, mut see: impl FnMut(&str)) {
    let mut add = |stem: &str, endings: &[&str]| {
        endings.iter().for_each(|ending| see(&format!("{stem}{ending}")));
    };
    if let Some(stem) = name.strip_suffix("ski").or_else(|| name.strip_suffix("cki")) {
        let stem = &name[..stem.len() + 2];
        add(stem, &["iego", "iemu", "im", "ich"]);
    } else if let Some(stem) = name.strip_suffix("ska").or_else(|| name.strip_suffix("cka")) {
        add(&name[..stem.len() + 2], &["iej", "a"]);
    } else if let Some(stem) = name.strip_suffix('a') {
        add(stem, &["e", "y", "i", "ie", "o"]);
    } else if let Some(stem) = name.strip_suffix("ek") {
        add(stem, &["kiem", "kowi"]);
    } else if let Some(stem) = name.strip_suffix("el").or_else(|| name.strip_suffix("eł")) {
        add(stem, &["lem", "la", "lowi"]);
    } else if name.ends_with(|c: char| c.is_ascii_alphabetic() && !"eiouy".contains(c)) {
        add(name, &["a", "em", "owi"]);
    }
}

/// What a piece of an identifier says, such as `Name` in `firstName`.
pub(super) fn piece(bytes: &[u8]) -> Class {
    let (mut i, mut hash) = (0, SEED);
    while let Some(letter) = letter(bytes, i) {
        letter.folded.into_iter().filter(|b| *b != 0).for_each(|b| hash = mix(hash, b));
        i += letter.len;
    }
    LEXICON.class(hash)
}

fn hash_of(word: &str) -> u64 {
    let (bytes, mut i, mut hash) = (word.as_bytes(), 0, SEED);
    while let Some(letter) = letter(bytes, i) {
        letter.folded.into_iter().filter(|b| *b != 0).for_each(|b| hash = mix(hash, b));
        i += letter.len;
    }
    hash
}

fn mix(hash: u64, byte: u8) -> u64 {
    (hash ^ u64::from(byte)).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29)
}

fn pair(first: u64, second: u64) -> u64 {
    first.rotate_left(7) ^ second
}

const LISTS: &[(Class, &str)] = &[
    (GIVEN, include_str!("lexicon/given-de.txt")),
    (GIVEN, include_str!("lexicon/given-en.txt")),
    (GIVEN, include_str!("lexicon/given-es.txt")),
    (GIVEN, include_str!("lexicon/given-fr.txt")),
    (GIVEN, include_str!("lexicon/given-it.txt")),
    (GIVEN, include_str!("lexicon/given-nl.txt")),
    (GIVEN, include_str!("lexicon/given-pl.txt")),
    (GIVEN, include_str!("lexicon/given-world.txt")),
    (FAMILY, include_str!("lexicon/family-de.txt")),
    (FAMILY, include_str!("lexicon/family-en.txt")),
    (FAMILY, include_str!("lexicon/family-es.txt")),
    (FAMILY, include_str!("lexicon/family-fr.txt")),
    (FAMILY, include_str!("lexicon/family-it.txt")),
    (FAMILY, include_str!("lexicon/family-nl.txt")),
    (FAMILY, include_str!("lexicon/family-pl.txt")),
    (FAMILY, include_str!("lexicon/family-world.txt")),
    (PINYIN, include_str!("lexicon/family-pinyin.txt")),
    (ORDINARY, include_str!("lexicon/ordinary.txt")),
    (PLACE, include_str!("lexicon/places.txt")),
];

/// Twice as many as there are words, and more.
const SLOTS: usize = 1 << 15;
const SIEVE: usize = 1 << 17;
const CLASS_BITS: u32 = 32;
const SEED: u64 = 0x243F_6A88_85A3_08D3;
/// No name has a longer part.
const MAX_WORD: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_fold_to_what_the_lists_hold() {
        for (text, class) in [
            ("Anna", GIVEN),
            ("ANNA", GIVEN),
            ("Müller", FAMILY),
            ("Mueller", FAMILY),
            ("Muller", FAMILY),
            ("Łukasz", GIVEN),
            ("Żukowski", FAMILY),
            ("Wójcik", FAMILY),
            ("François", GIVEN),
            ("Großmann", FAMILY),
            ("Grossmann", FAMILY),
            ("João", GIVEN),
            ("Ștefan", GIVEN),
            ("Nguyễn", FAMILY),
            ("Øyvind", GIVEN),
            ("McDonald", FAMILY),
            ("Monday", ORDINARY),
            ("Berlin", PLACE),
        ] {
            let word = word(text.as_bytes(), 0).unwrap();
            assert!(word.is(class) && word.end == text.len() && word.capital(), "{text}: {word:?}");
            assert_eq!(word_before(text.as_bytes(), text.len()), Some(word), "{text}");
        }
        for text in ["AnnaFactory", "annaWeber", "Xqzt"] {
            assert_eq!(word(text.as_bytes(), 0).unwrap().class, 0, "{text}");
        }
    }

    #[test]
    fn the_lists_are_sorted_and_hold_each_word_once() {
        let mut seen = 0;
        for (_, list) in LISTS {
            assert!(list.starts_with("# "));
            let words: Vec<&str> = list.lines().skip(1).collect();
            assert!(words.windows(2).all(|pair| pair[0] < pair[1]), "{}", &list[..60]);
            seen += words.len();
        }
        assert!((10_000..SLOTS * 2 / 3).contains(&seen), "{seen}");
    }
}
