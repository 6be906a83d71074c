//! Street addresses, whole: street, number, flat, post code, town and country as one.
//!
//! A town or a country alone is no address.

use std::ops::Range;

use super::lexicon::*;
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
    ],
};

/// The address around a word for a street, or behind it.
fn address(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let head = joined(bytes, at.start)?;
    let street = pobox(bytes, &head)
        .or_else(|| street_first(bytes, &head))
        .or_else(|| number_first(bytes, &head))
        .or_else(|| behind_kind(bytes, &head))?;
    Some(unit_before(bytes, street.start)..rest_end(bytes, street.end))
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
    let mut i = head.start;
    let mut words = 0;
    for _ in 0..5 {
        let at = i.checked_sub(1).filter(|at| bytes[*at] == b' ')?;
        let end = if bytes[..at].ends_with(b".") { at - 1 } else { at };
        if let Some(word) = word_before(bytes, end) {
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
        if word.case == Case::Upper && kind.case == Case::Title && word.len() > 1 {
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
        && french(bytes, &kind)
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

/// What belongs to the street that ends at `end`: flat, post code and town, region, country.
fn rest_end(bytes: &[u8], street: usize) -> usize {
    let mut end = street;
    let (mut coded, mut town) = (false, false);
    // Behind the last sure part: a town that counts once a code or a region follows.
    let mut open = street;
    for _ in 0..8 {
        let Some(next) = separator(bytes, open) else { break };
        let spaced = bytes[open] == b' ';
        if let Some(to) = unit(bytes, next) {
            (end, open) = (to, to);
        } else if let Some(to) = post_code(bytes, next).filter(|_| !coded) {
            (end, open, coded) = (to, to, true);
            if let Some(to) =
                bytes.get(to).filter(|b| **b == b' ').and_then(|_| town_end(bytes, to + 1))
            {
                (end, open, town) = (to, to, true);
            }
        } else if let Some(to) = state(bytes, next) {
            (end, open) = (to, to);
            if let Some(code) =
                bytes.get(to).filter(|b| **b == b' ').and_then(|_| post_code(bytes, to + 1))
            {
                (end, open, coded) = (code, code, true);
            }
        } else if let Some((to, known)) = place(bytes, next).filter(|_| !spaced) {
            open = to;
            if known || coded {
                end = to;
            }
            if coded && !known && town {
                break;
            }
            town = true;
        } else {
            break;
        }
    }
    end
}

/// Behind what separates two parts of an address.
fn separator(bytes: &[u8], i: usize) -> Option<usize> {
    let mut at = i;
    let mut seen = false;
    let mut lines = 0;
    while let Some(rest) = bytes.get(at..).filter(|_| at - i < 8) {
        let len = match rest {
            [b',', ..] if at == i => 1,
            [b'\n', ..] => {
                lines += 1;
                1
            }
            [b'\\', b'n', ..] => {
                lines += 1;
                2
            }
            [b'\r' | b' ', ..] => 1,
            [b'-' | b';', b' ', ..] | [b'|', b' ', ..] if seen => 2,
            [0xc2, 0xa0, ..] => 2,
            _ => break,
        };
        at += len;
        seen = true;
    }
    (seen && lines <= 1 && at < bytes.len()).then_some(at)
}

/// `Apt. 4B`, `Suite 200`, `3. OG`, `3º B`, `m. 5`, `Floor 2`.
fn unit(bytes: &[u8], i: usize) -> Option<usize> {
    const WORDS: &[&str] = &[
        "Apartment ",
        "Apt. ",
        "Apt ",
        "Apt.",
        "apt ",
        "apt. ",
        "Suite ",
        "Ste. ",
        "Ste ",
        "Unit ",
        "Flat ",
        "Floor ",
        "Room ",
        "Bldg ",
        "Building ",
        "# ",
        "#",
        "App. ",
        "appt ",
        "Appt ",
        "Whg. ",
        "Wohnung ",
        "piso ",
        "Piso ",
        "puerta ",
        "esc. ",
        "int. ",
        "interno ",
        "scala ",
        "m. ",
        "lok. ",
        "lokal ",
        "m ",
        "apto ",
        "Apto ",
        "apto. ",
        "apartamento ",
        "sala ",
        "bus ",
        "étage ",
        "bât. ",
        "Bât. ",
    ];
    if let Some(mark) = WORDS.iter().find(|mark| bytes[i..].starts_with(mark.as_bytes())) {
        let run = bytes[i + mark.len()..]
            .iter()
            .take(6)
            .take_while(|b| b.is_ascii_alphanumeric() || **b == b'-')
            .count();
        let value = &bytes[i + mark.len()..i + mark.len() + run];
        let fits =
            value.iter().any(u8::is_ascii_digit) || run == 1 && value[0].is_ascii_uppercase();
        return fits.then_some(i + mark.len() + run);
    }
    // `3. OG links`, `3rd Floor`, `3º B`, `2º andar`.
    let after = digits(bytes, i).filter(|end| end - i <= 2)?;
    let tail = [
        ". OG links",
        ". OG rechts",
        ". OG",
        ". Stock",
        ". Etage",
        "rd Floor",
        "th Floor",
        "nd Floor",
        "st Floor",
        "th floor",
        "rd floor",
        "nd floor",
        "st floor",
        "º andar",
        "e étage",
        "er étage",
    ]
    .iter()
    .find(|tail| bytes[after..].starts_with(tail.as_bytes()));
    if let Some(tail) = tail {
        return Some(after + tail.len());
    }
    let degree = ["º ", "ª ", "° ", "º", "ª"]
        .iter()
        .find(|mark| bytes[after..].starts_with(mark.as_bytes()))?;
    let door = after + degree.len();
    let letter = bytes.get(door).is_some_and(u8::is_ascii_uppercase)
        && !bytes.get(door + 1).is_some_and(u8::is_ascii_alphabetic);
    let side = ["izquierda", "derecha", "izda", "dcha", "esq", "dto", "Esq", "Dto"]
        .iter()
        .find(|side| bytes[door..].starts_with(side.as_bytes()));
    match side {
        Some(side) => Some(door + side.len()),
        None => Some(if letter { door + 1 } else { after + degree.trim_end().len() }),
    }
}

/// A post code: `62704-1234`, `SW1A 2AA`, `D-10115`, `1015 CJ`, `00-238`, `1000-205`, `01304-001`.
fn post_code(bytes: &[u8], i: usize) -> Option<usize> {
    let country = [
        b"D-".as_slice(),
        b"A-",
        b"CH-",
        b"F-",
        b"I-",
        b"E-",
        b"NL-",
        b"B-",
        b"L-",
        b"PL-",
        b"CEP ",
        b"CEP: ",
    ]
    .iter()
    .find(|country| bytes[i..].starts_with(country))
    .map_or(0, |country| country.len());
    let i = i + country;
    if let Some(end) = digits(bytes, i) {
        let rest = &bytes[end..];
        let dash = |n: usize| {
            (rest.first() == Some(&b'-'))
                .then(|| digits(bytes, end + 1))
                .flatten()
                .filter(|to| to - end - 1 == n)
        };
        let full = match end - i {
            5 => dash(4).or_else(|| dash(3)).or(Some(end)),
            4 => match rest {
                [b' ', a, b, tail @ ..]
                    if a.is_ascii_uppercase()
                        && b.is_ascii_uppercase()
                        && !tail.first().is_some_and(u8::is_ascii_alphanumeric) =>
                {
                    Some(end + 3)
                }
                [a, b, tail @ ..]
                    if a.is_ascii_uppercase()
                        && b.is_ascii_uppercase()
                        && !tail.first().is_some_and(u8::is_ascii_alphanumeric) =>
                {
                    Some(end + 2)
                }
                _ => dash(3).or_else(|| {
                    (rest.first() == Some(&b' ') && town_end(bytes, end + 1).is_some())
                        .then_some(end)
                }),
            },
            2 => dash(3),
            6 => Some(end),
            _ => None,
        }?;
        return (!bytes.get(full).is_some_and(u8::is_ascii_alphanumeric)).then_some(full);
    }
    // The United Kingdom, and Canada's `K1A 0B1`.
    let rest = bytes.get(i..)?;
    let run =
        rest.iter().take(5).take_while(|b| b.is_ascii_uppercase() || b.is_ascii_digit()).count();
    let outward = &rest[..run];
    if !(2..=4).contains(&run)
        || !outward[0].is_ascii_uppercase()
        || !outward.iter().any(u8::is_ascii_digit)
        || rest.get(run) != Some(&b' ')
    {
        return None;
    }
    let inward = rest.get(run + 1..run + 4)?;
    let fits = inward[0].is_ascii_digit()
        && inward[1].is_ascii_alphanumeric()
        && inward[2].is_ascii_alphanumeric()
        && !rest.get(run + 4).is_some_and(u8::is_ascii_alphanumeric);
    fits.then_some(i + run + 4)
}

/// A state of the United States, a province or a country, in letters: `IL`, `USA`.
fn state(bytes: &[u8], i: usize) -> Option<usize> {
    let run = bytes[i..].iter().take(4).take_while(|b| b.is_ascii_uppercase()).count();
    let end = i + run;
    let known = match run {
        2 => STATES.as_bytes().chunks(3).any(|state| state[..2] == bytes[i..end]),
        3 => bytes[i..end] == *b"USA",
        _ => false,
    };
    (known && !bytes.get(end).is_some_and(u8::is_ascii_alphanumeric)).then_some(end)
}

/// The end of one to four words of a town, and whether it is one that the lists know.
fn place(bytes: &[u8], i: usize) -> Option<(usize, bool)> {
    let first = word(bytes, i)?;
    let known = first.is(PLACE)
        || ["United ", "New ", "São ", "San ", "Los ", "Saint ", "St. "]
            .iter()
            .any(|start| bytes[i..].starts_with(start.as_bytes()));
    let end = town_end(bytes, i)?;
    (known || !first.no_name()).then_some((end, known && (end == first.end || known)))
}

/// Where the town at `i` ends.
fn town_end(bytes: &[u8], i: usize) -> Option<usize> {
    let (mut at, mut end, mut count) = (i, None, 0);
    while count < 4 {
        let Some(word) = joined(bytes, at) else { break };
        if bytes.get(word.end).is_some_and(u8::is_ascii_digit) {
            break;
        }
        let small = word.case == Case::Lower
            && (word.is(PARTICLE)
                || matches!(
                    &bytes[word.start..word.end],
                    b"am"
                        | b"an"
                        | b"sur"
                        | b"upon"
                        | b"on"
                        | b"aan"
                        | b"im"
                        | b"in"
                        | b"bei"
                        | b"ob"
                ))
            && count > 0;
        if !small && !word.capital()
            || word.is(TITLE | SALUTE | LEGAL | NAMED) && !word.is(PLACE) && word.len() > 2
            || word.is(ORDINARY)
                && !word.is(PLACE | FAMILY | GIVEN | PARTICLE)
                && count > 0
                && !small
        {
            break;
        }
        if word.no_name()
            && word.is(ORDINARY)
            && !word.is(PLACE)
            && !matches!(
                &bytes[word.start..word.end],
                b"New"
                    | b"San"
                    | b"Los"
                    | b"Las"
                    | b"La"
                    | b"El"
                    | b"North"
                    | b"South"
                    | b"East"
                    | b"West"
                    | b"Bad"
                    | b"Den"
                    | b"Santa"
                    | b"Salt"
                    | b"Long"
                    | b"Santo"
                    | b"Porto"
                    | b"Saint"
                    | [b'S', 0xc3, 0xa3, b'o']
            )
        {
            break;
        }
        if !small {
            end = Some(word.end);
        }
        count += 1;
        let stop = word.end + usize::from(word.len() <= 2 && bytes.get(word.end) == Some(&b'.'));
        if bytes.get(stop) != Some(&b' ') {
            break;
        }
        at = stop + 1;
    }
    // `Lyon Cedex 07`, `London` and its code.
    let end = end?;
    if bytes[..end].ends_with(b"Cedex") || bytes[..end].ends_with(b"CEDEX") {
        return bytes
            .get(end)
            .filter(|b| **b == b' ')
            .and_then(|_| digits(bytes, end + 1))
            .or(Some(end));
    }
    Some(end)
}

/// Behind a house number: `12`, `12a`, `12-14`, `12/3`, `12 B`.
fn number(bytes: &[u8], i: usize) -> Option<usize> {
    let mut end = digits(bytes, i).filter(|end| end - i <= 5)?;
    if let Some([mark @ (b'-' | b'/'), next]) = bytes.get(end..end + 2)
        && (next.is_ascii_digit() || *mark == b'/' && next.is_ascii_alphabetic())
    {
        end = digits(bytes, end + 1).unwrap_or(end + 2);
    }
    let alone = |at: usize| {
        bytes.get(at).is_some_and(u8::is_ascii_alphabetic)
            && !bytes
                .get(at + 1)
                .is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'.' || *b >= 0x80)
    };
    if alone(end) {
        end += 1;
    } else if bytes.get(end) == Some(&b' ')
        && alone(end + 1)
        && bytes[end + 1].is_ascii_lowercase()
        && matches!(bytes[end + 1], b'a'..=b'd')
        && bytes.get(end + 2).is_none_or(|b| matches!(b, b',' | b'\n'))
    {
        end += 2;
    }
    let time = matches!(bytes.get(end), Some(b':' | b'%'))
        || bytes.get(end) == Some(&b'.') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit);
    (!time && !bytes.get(end).is_some_and(u8::is_ascii_alphanumeric)).then_some(end)
}

fn digits(bytes: &[u8], i: usize) -> Option<usize> {
    let run = bytes.get(i..)?.iter().take(8).take_while(|b| b.is_ascii_digit()).count();
    (run > 0).then_some(i + run)
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
                ]
                .iter()
                .any(|at| bytes[..word.start].ends_with(at)))
}

/// Streets of German towns whose names say nothing of streets.
fn linden(text: &[u8]) -> bool {
    matches!(
        text,
        b"Linden" | b"Anger" | b"Dorf" | b"Kamp" | b"Brink" | b"Wall" | b"Graben" | b"Bahnhof"
    )
}

const STATES: &str = "AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK OR PA RI SC SD TN TX UT VT VA WA WV WI WY DC ON QC BC AB MB SK NS NB UK EU ";
