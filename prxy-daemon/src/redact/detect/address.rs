//! Street addresses, whole: street, number, flat, post code, town and country as one.
//!
//! A town or a country alone is no address.

use std::ops::Range;

use super::lexicon::*;
use super::locality::{digits, number, rest_end};
use super::name::{joined, street_like};
use super::{Detector, Trigger};
use crate::redact::Action;

pub(super) const ADDRESS: Detector = Detector {
    name: "address",
    label: "ADDRESS",
    action: Action::Mask,
    shape: "a street and its number, with what belongs to it up to the country",
    validator: "a number beside the street",
    score: 68,
    trigger: Trigger::Word(STREET | CUED | NUMBERED | POBOX),
    find: address,
    positives: &[
        "lives at ⟦123 Main Street, Springfield, IL 62704⟧.",
        "⟦10 Downing Street, London SW1A 2AA⟧",
        "⟦742 N. Evergreen Terrace, Apt. 4B, Springfield, OR 97475-1234, USA⟧",
        "Post an ⟦Hauptstr. 12a, 10115 Berlin⟧!",
        "⟦Unter den Linden 5\n10117 Berlin\nDeutschland⟧",
        "⟦12 rue de la Paix, 75002 Paris⟧",
        "⟦Calle Mayor 5, 3º B, 28013 Madrid⟧",
        "⟦Via Roma 12, 00184 Roma⟧",
        "⟦Keizersgracht 123, 1015 CJ Amsterdam⟧",
        "⟦ul. Długa 5 m. 3, 00-238 Warszawa⟧",
        "⟦Rua Augusta, 1500, 01304-001 São Paulo⟧",
        "⟦P.O. Box 123, Austin, TX 78701⟧",
        "⟦Postfach 12 34, 80331 München⟧",
    ],
    look_alikes: &[
        "Main Street is busy",
        "Berlin",
        "Paris, France",
        "Street View",
        "the Road to 2020",
        "Via API 2",
        "Drive 5 miles",
        "Court of Appeal 12",
        "Place 3 orders",
        "Box 5 is full",
        "Lane 4",
        "Ring 0 and Platz 3",
        "in a Mac OS 11 box",
    ],
};

pub(super) const UK_HOUSE: Detector = Detector {
    name: "address-house",
    shape: "a number and the name of a house or a row of houses, with town and British post code",
    validator: "the post code",
    trigger: Trigger::Literals(&[
        " Mansions,",
        " Bank,",
        " House,",
        " Court,",
        " Cottage,",
        " Cottages,",
        " Villas,",
        " Buildings,",
        " Gate,",
        " Fold,",
        " Garth,",
        " Heights,",
        " Towers,",
        " Tower,",
        " Quay,",
        " Yard,",
        " Parade,",
        " Field,",
        " Fields,",
        " Meadow,",
        " Meadows,",
        " Orchard,",
        " Brow,",
        " Chase,",
        " Copse,",
        " Dene,",
        " End,",
        " Lodge,",
        " Park,",
        " Point,",
    ]),
    find: |text, at| {
        let bytes = text.as_bytes();
        let head = word(bytes, at.start + 1)?;
        let street = behind_number(bytes, &head, 0)?;
        let end = rest_end(bytes, street.end);
        let coded = bytes[street.end..end].iter().any(u8::is_ascii_digit)
            && bytes[end - 1].is_ascii_uppercase();
        coded.then_some(street.start..end)
    },
    positives: &["⟦3 Fern Bank, Otley LS21 3HR⟧", "at ⟦11B Marlborough Mansions, London NW6 1JS⟧."],
    look_alikes: &["3 Fern Bank, Otley", "2 World Bank, IMF papers", "Fern Bank, Otley"],
    ..ADDRESS
};

/// The address around a word for a street, or behind it.
fn address(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let head = joined(bytes, at.start)?;
    // `Mac OS 11`
    if bytes[head.start..head.end] == *b"OS" {
        return None;
    }
    let street = june(bytes, &head)
        .or_else(|| pobox(bytes, &head))
        .or_else(|| street_first(bytes, &head))
        .or_else(|| number_first(bytes, &head))
        .or_else(|| behind_kind(bytes, &head))
        .or_else(|| unnumbered(bytes, &head))?;
    let end = rest_end(bytes, street.end);
    // `12 Path View` may be anything.
    if end == street.end && weak(&bytes[head.start..head.end]) && street.end >= head.end {
        return None;
    }
    Some(unit_before(bytes, street.start)..end)
}

/// Kinds of streets that are words first: an address needs its town or post code.
fn weak(kind: &[u8]) -> bool {
    const KINDS: &[&[u8]] = &[
        b"way",
        b"walk",
        b"row",
        b"hill",
        b"wharf",
        b"green",
        b"trail",
        b"rise",
        b"croft",
        b"vale",
        b"mead",
        b"ridge",
        b"hollow",
        b"pike",
        b"crossing",
        b"view",
        b"alley",
        b"broadway",
        b"kingsway",
        b"queensway",
        b"piccadilly",
        b"strand",
        b"esplanade",
        b"embankment",
        b"cheapside",
    ];
    KINDS.iter().any(|word| kind.eq_ignore_ascii_case(word))
}

/// Where a flat before the street begins: `Flat 3, 22 Kensington Road`.
fn unit_before(bytes: &[u8], start: usize) -> usize {
    let Some(line) = bytes[..start].strip_suffix(b", ") else { return start };
    let run = line.iter().rev().take(5).take_while(|b| b.is_ascii_alphanumeric()).count();
    let words = &line[..line.len() - run];
    const UNITS: &[&[u8]] =
        &[b"Flat ", b"Apt ", b"Apt. ", b"Apartment ", b"Suite ", b"Unit ", b"Room "];
    UNITS
        .iter()
        .find(|unit| run > 0 && words.ends_with(unit))
        .map_or(start, |unit| words.len() - unit.len())
}

/// The one street whose name has a number.
fn june(bytes: &[u8], head: &Word) -> Option<Range<usize>> {
    let name = " des 17. Juni ".as_bytes();
    bytes[head.end..].starts_with(name).then_some(())?;
    Some(head.start..number(bytes, head.end + name.len())?)
}

/// `P.O. Box 123`, `Postfach 12 34`.
fn pobox(bytes: &[u8], head: &Word) -> Option<Range<usize>> {
    if !head.is(POBOX) || bytes.get(head.end) != Some(&b' ') {
        return None;
    }
    let mut start = head.start;
    if head.len() == 3 {
        const OFFICES: &[&[u8]] = &[b"P.O. ", b"PO ", b"P. O. ", b"P.O.", b"Post Office "];
        let office = OFFICES.iter().find(|office| bytes[..start].ends_with(office))?;
        start -= office.len();
    }
    let mut end = number(bytes, head.end + 1)?;
    // A blood pressure: `BP 120/80`.
    if bytes[head.end + 1..end].contains(&b'/') {
        return None;
    }
    while bytes.get(end) == Some(&b' ') && end < head.end + 12 {
        match digits(bytes, end + 1) {
            Some(next) if next - end <= 4 => end = next,
            _ => break,
        }
    }
    Some(start..end)
}

/// `Hauptstraße 5`, `Unter den Linden 5`, `Keizersgracht 123`: a street in one word or its last part, and the number.
fn street_first(bytes: &[u8], head: &Word) -> Option<Range<usize>> {
    if !numbered_street(bytes, head) {
        return None;
    }
    let text = &bytes[head.start..head.end];
    let alone =
        head.is(STREET) || text.len() < 6 && !text.ends_with(b"str") && !text.ends_with(b"weg");
    let mut end = head.end + usize::from(bytes.get(head.end) == Some(&b'.'));
    end = number(bytes, end + 1)?;
    let (mut start, mut first) = (head.start, head.start);
    // `Alte Poststraße`, `Karl-Marx-Str.`, `Straße des 17. Juni` (not this one), `Van der Helststraat`.
    for count in 0..4 {
        let at = match &bytes[..start] {
            [.., b'-'] => start - 1,
            [.., b' '] => start - 1,
            _ => break,
        };
        let Some(word) = word_before(bytes, at) else { break };
        let hyphen = bytes[at] == b'-';
        let adjective = word.case == Case::Title
            && (alone && count == 0
                || ends_like_adjective(&bytes[word.start..word.end])
                || word.is(FAMILY | GIVEN) && hyphen
                || matches!(
                    &bytes[word.start..word.end],
                    b"Am"
                        | b"An"
                        | b"Auf"
                        | b"Im"
                        | b"In"
                        | b"Zum"
                        | b"Zur"
                        | b"Unter"
                        | b"Van"
                        | b"Sankt"
                ));
        let small = word.case == Case::Lower
            && matches!(
                &bytes[word.start..word.end],
                b"der" | b"den" | b"dem" | b"van" | b"de" | b"het"
            );
        if !(hyphen || adjective || small) {
            break;
        }
        start = word.start;
        // Only what begins with a capital; `in der Hauptstraße` has an article of its own.
        if word.case != Case::Lower {
            first = start;
        }
    }
    let plain = !street_like(text) && !head.is(STREET);
    let counts = !(alone && first == head.start) && (!plain || rest_end(bytes, end) > end);
    counts.then_some(first..end)
}

fn ends_like_adjective(text: &[u8]) -> bool {
    [b"er".as_slice(), b"e", b"en", b"es"].iter().any(|end| text.ends_with(end)) && text.len() > 3
}

/// `123 Main Street`: number, one to four words, the kind of street.
fn number_first(bytes: &[u8], head: &Word) -> Option<Range<usize>> {
    if !head.is(STREET) || !head.capital() || bytes[head.end..].starts_with(b" View") {
        return None;
    }
    // `14 Kingsway`: the whole name in one word.
    let whole = [
        &b"Broadway"[..],
        b"Kingsway",
        b"Queensway",
        b"Piccadilly",
        b"Strand",
        b"Esplanade",
        b"Embankment",
        b"Cheapside",
    ]
    .contains(&&bytes[head.start..head.end]);
    behind_number(bytes, head, usize::from(whole))
}

/// A number, one to four words and the one at `head`; `words` of them are there without those before it.
fn behind_number(bytes: &[u8], head: &Word, mut words: usize) -> Option<Range<usize>> {
    let mut i = head.start;
    for _ in 0..5 {
        let at = i.checked_sub(1).filter(|at| bytes[*at] == b' ')?;
        let end = if bytes[..at].ends_with(b".") { at - 1 } else { at };
        if let Some(word) = word_before(bytes, end) {
            // `11B`
            if word.len() == 1 && word.start > 0 && bytes[word.start - 1].is_ascii_digit() {
                return numbered(bytes, at, end, words).map(|start| start..street_end(bytes, head));
            }
            if !(word.capital() || words > 0 && word.is(PARTICLE)) || word.case == Case::Mixed {
                return numbered(bytes, at, word.end, words)
                    .map(|start| start..street_end(bytes, head));
            }
            i = word.start;
            words += 1;
            continue;
        }
        return numbered(bytes, at, end, words).map(|start| start..street_end(bytes, head));
    }
    None
}

/// `The Old Rectory, Church Lane, Little Wenlock, TF6 5BB`: a house without a number, and its post code.
fn unnumbered(bytes: &[u8], head: &Word) -> Option<Range<usize>> {
    if !head.is(STREET) || head.case != Case::Title || !is_english(bytes, head) {
        return None;
    }
    let titles = |mut start: usize, most: usize| {
        for _ in 0..most {
            let Some(word) =
                super::person::before(bytes, start).filter(|word| word.case == Case::Title)
            else {
                break;
            };
            start = word.start;
        }
        start
    };
    let start = titles(head.start, 3);
    let end = street_end(bytes, head);
    let coded = bytes[end..rest_end(bytes, end)].iter().any(u8::is_ascii_digit);
    if start == head.start || !coded {
        return None;
    }
    let house = bytes[..start].ends_with(b", ").then(|| word_before(bytes, start - 2)).flatten();
    let from = match house {
        Some(word) if word.case == Case::Title => titles(word.start, 4),
        _ => start,
    };
    Some(from..end)
}

/// Where the house number before `at` begins: `12`, `12B`, `12-14`, or an ordinal that is a street itself.
fn numbered(bytes: &[u8], at: usize, _: usize, words: usize) -> Option<usize> {
    let run = bytes[..at]
        .iter()
        .rev()
        .take(9)
        .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'/'))
        .count();
    let token = &bytes[at - run..at];
    let ordinal = token.len() > 2
        && matches!(&token[token.len() - 2..], b"th" | b"st" | b"nd" | b"rd")
        && token[0].is_ascii_digit();
    if ordinal {
        let before = (at - run).checked_sub(1).filter(|before| bytes[*before] == b' ')?;
        // `1120 W 45th St`.
        let before = match &bytes[..before] {
            [.., b' ', b'N' | b'S' | b'E' | b'W'] => before - 2,
            [.., b' ', b'N' | b'S' | b'E' | b'W', b'.'] => before - 3,
            _ => before,
        };
        return numbered(bytes, before, before, 1);
    }
    let plain = token.first().is_some_and(u8::is_ascii_digit)
        && token.iter().filter(|b| b.is_ascii_alphabetic()).count() <= 1
        && token.len() <= 7;
    let start = at - run;
    let free = start == 0 || !matches!(bytes[start - 1], b'.' | b':' | b'$' | b'#' | b'_' | b'@');
    (plain && free && words > 0).then_some(start)
}

/// Behind `Street`: its point, and a direction.
fn street_end(bytes: &[u8], head: &Word) -> usize {
    let mut end = head.end;
    let short = head.len() <= 4;
    if short
        && bytes.get(end) == Some(&b'.')
        && bytes.get(end + 1).is_some_and(|b| matches!(b, b',' | b' ' | b'\n'))
        && bytes
            .get(end + 1..end + 3)
            .is_none_or(|next| !next[1].is_ascii_uppercase() || next[0] == b',')
    {
        end += 1;
    }
    for direction in
        [" NW", " NE", " SW", " SE", " N", " S", " E", " W", " North", " South", " East", " West"]
    {
        let next = end + direction.len();
        if bytes[end..].starts_with(direction.as_bytes())
            && !bytes.get(next).is_some_and(u8::is_ascii_alphanumeric)
        {
            return next;
        }
    }
    end
}

/// `rue de la Paix`, `Calle Mayor 5`, `ul. Długa 5`, `12 rue …`: the kind of street first.
fn behind_kind(bytes: &[u8], head: &Word) -> Option<Range<usize>> {
    if &bytes[head.start..head.end] == b"C" && bytes.get(head.end) == Some(&b'/') {
        let blank = usize::from(bytes.get(head.end + 1) == Some(&b' '));
        return named_street(bytes, head, head.end + 1 + blank);
    }
    let (kind, first) = if head.is(STREET) && head.case == Case::Title {
        let mut next = head.end;
        next += usize::from(bytes.get(next) == Some(&b'.'));
        next += usize::from(bytes.get(next) == Some(&b'/'));
        (*head, bytes.get(next).filter(|b| **b == b' ').map(|_| next + 1)?)
    } else {
        (kind_before(bytes, head.start)?, head.start)
    };
    if !kind.is(STREET) || is_english(bytes, &kind) {
        return None;
    }
    named_street(bytes, &kind, first)
}

/// The street whose kind is `kind` and whose name begins at `first`.
fn named_street(bytes: &[u8], kind: &Word, first: usize) -> Option<Range<usize>> {
    // The name: words and particles, up to six.
    let (mut end, mut i, mut capitals) = (first, first, 0);
    for _ in 0..7 {
        let Some(word) = joined(bytes, i) else { break };
        let elided = bytes.get(word.end) == Some(&b'\'') && word.len() <= 2
            || bytes[word.end..].starts_with("\u{2019}".as_bytes());
        if word.case == Case::Lower
            && !word.is(PARTICLE)
            && !matches!(
                &bytes[word.start..word.end],
                b"des" | b"les" | b"aux" | b"sur" | b"nos" | b"und" | b"maja"
            )
            && !elided
        {
            break;
        }
        let roman = bytes[word.start..word.end].iter().all(|b| b"IVXLCDM".contains(b));
        if word.case == Case::Upper && kind.case == Case::Title && word.len() > 1 && !roman {
            break;
        }
        capitals += usize::from(word.capital());
        end = word.end + usize::from(bytes.get(word.end) == Some(&b'.') && word.len() <= 4);
        i = if elided {
            word.end + if bytes[word.end] == b'\'' { 1 } else { 3 }
        } else if bytes.get(end) == Some(&b' ') {
            end + 1
        } else {
            break;
        };
    }
    // `Plaza 25 de Mayo` and `rue du 8 Mai 1945` are rare; their number is part of the name.
    if capitals == 0 {
        return None;
    }
    // Before it: `12 rue`, `12 bis, avenue`.
    let mut at = kind.start;
    at = match &bytes[..at] {
        [.., b',', b' '] => at - 2,
        [.., b' '] => at - 1,
        _ => 0,
    };
    for tail in [b" bis".as_slice(), b" ter", b" quater"] {
        at = bytes[..at].strip_suffix(tail).map_or(at, <[u8]>::len);
    }
    if at > 0
        && let Some(start) = numbered(bytes, at, at, 1)
        && french(bytes, kind)
    {
        return Some(start..end);
    }
    // Behind it: ` 5`, `, 5`, `, nº 5`, ` n. 5`.
    let mut next = match &bytes[end..] {
        [b',', b' ', ..] => end + 2,
        [b' ', ..] => end + 1,
        _ => return None,
    };
    for mark in [
        "n.º ", "nº ", "n° ", "n.º", "nº", "n°", "n. ", "nr ", "No. ", "no. ", "N° ", "núm. ",
        "num. ", "number ",
    ] {
        if bytes[next..].starts_with(mark.as_bytes()) {
            next += mark.len();
            break;
        }
    }
    let end =
        number(bytes, next).or_else(|| bytes[next..].starts_with(b"s/n").then_some(next + 3))?;
    Some(kind.start..end)
}

fn french(bytes: &[u8], kind: &Word) -> bool {
    const KINDS: &[&str] = &[
        "rue",
        "avenue",
        "av",
        "bd",
        "boulevard",
        "place",
        "chemin",
        "allée",
        "allee",
        "impasse",
        "quai",
        "cours",
        "route",
        "passage",
        "square",
    ];
    std::str::from_utf8(&bytes[kind.start..kind.end])
        .is_ok_and(|text| KINDS.contains(&text.to_lowercase().as_str()))
}

/// Kinds that stand behind the name in English: before it they are words.
fn is_english(bytes: &[u8], kind: &Word) -> bool {
    const KINDS: &[&[u8]] = &[
        b"street",
        b"road",
        b"rd",
        b"lane",
        b"drive",
        b"court",
        b"terrace",
        b"crescent",
        b"parkway",
        b"circle",
        b"close",
        b"gardens",
        b"grove",
        b"mews",
        b"route",
        b"square",
        b"st",
        b"dr",
        b"ln",
        b"ct",
        b"ring",
        b"weg",
        b"platz",
        b"highway",
        b"place",
        b"passage",
        b"cours",
        b"way",
        b"walk",
        b"row",
        b"hill",
        b"wharf",
        b"green",
        b"trail",
        b"rise",
        b"croft",
        b"wynd",
        b"brae",
        b"vale",
        b"mead",
        b"ridge",
        b"hollow",
        b"pike",
        b"crossing",
        b"view",
        b"alley",
        b"broadway",
        b"kingsway",
        b"queensway",
        b"piccadilly",
        b"strand",
        b"esplanade",
        b"embankment",
        b"cheapside",
    ];
    let text = bytes[kind.start..kind.end].to_ascii_lowercase();
    KINDS.contains(&text.as_slice()) && kind.capital()
}

/// The kind of street before a name at `at`, over particles.
fn kind_before(bytes: &[u8], at: usize) -> Option<Word> {
    let mut i = at;
    for _ in 0..4 {
        let end = match &bytes[..i] {
            [.., b'.', b' '] => i - 2,
            [.., b'/', b' '] | [.., b' '] | [.., b'\''] => i - 1,
            [.., 0xe2, 0x80, 0x99] => i - 3,
            _ => return None,
        };
        let end = if bytes[..end].ends_with(b"/") { end - 1 } else { end };
        let word = word_before(bytes, end)?;
        if word.is(STREET)
            && !(word.is(PARTICLE) && word.len() <= 2 && bytes.get(word.end) != Some(&b'.'))
        {
            return Some(word);
        }
        if word.case != Case::Lower || !word.is(PARTICLE) {
            return None;
        }
        i = word.start;
    }
    None
}

/// Whether the word that ends at `end` is the name of a street with its number behind it.
pub(super) fn numbered_street(bytes: &[u8], word: &Word) -> bool {
    let behind = &bytes[word.end..];
    let number = matches!(behind, [b' ', b, ..] | [b'.', b' ', b, ..] if b.is_ascii_digit());
    let short = behind.first() == Some(&b'.');
    number
        && (!short || bytes[..word.end].ends_with(b"tr"))
        && (street_like(&bytes[word.start..word.end])
            || word.is(STREET)
            || linden(&bytes[word.start..word.end])
            || !word.is(ORDINARY)
                && [
                    b"Am ".as_slice(),
                    b"Im ",
                    b"Zum ",
                    b"Zur ",
                    b"An der ",
                    b"Auf der ",
                    b"Auf dem ",
                    b"In der ",
                ]
                .iter()
                .any(|at| bytes[..word.start].ends_with(at)))
}

/// Streets of German towns whose names say nothing of streets.
fn linden(text: &[u8]) -> bool {
    matches!(
        text,
        b"Linden"
            | b"Markt"
            | b"Tor"
            | b"Hof"
            | b"Park"
            | b"Anger"
            | b"Dorf"
            | b"Kamp"
            | b"Brink"
            | b"Wall"
            | b"Graben"
            | b"Bahnhof"
    )
}
