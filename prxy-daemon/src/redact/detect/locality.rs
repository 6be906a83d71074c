//! What belongs to a street: flat, post code, town, region and country.
//!
//! Not for the street and its number: that is `address`.

use super::lexicon::*;
use super::name::joined;

/// What belongs to the street that ends at `end`: flat, post code and town, region, country.
pub(super) fn rest_end(bytes: &[u8], street: usize) -> usize {
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
        } else if let Some(to) = state(bytes, next).or_else(|| {
            brazilian(bytes, next)
                .filter(|_| bytes[..next].ends_with(b"- ") || bytes[..next].ends_with(b"/"))
        }) {
            (end, open) = (to, to);
            if let Some(code) =
                bytes.get(to).filter(|b| **b == b' ').and_then(|_| post_code(bytes, to + 1))
            {
                (end, open, coded) = (code, code, true);
            }
        } else if let Some((to, known)) = place(bytes, next).filter(|_| !spaced) {
            // Behind the town, on a new line mostly, something else begins.
            if coded && !known && town {
                break;
            }
            open = to;
            if known || coded {
                end = to;
            }
            town = true;
        } else {
            break;
        }
    }
    // `Roma (RM)`.
    match &bytes[end..] {
        [b' ', b'(', a, b, b')', ..]
            if end > street && a.is_ascii_uppercase() && b.is_ascii_uppercase() =>
        {
            end + 5
        }
        _ => end,
    }
}

/// Behind what separates two parts of an address.
fn separator(bytes: &[u8], i: usize) -> Option<usize> {
    let mut at = i;
    let mut seen = false;
    let mut lines = 0;
    while let Some(rest) = bytes.get(at..).filter(|_| at - i < 8) {
        let len = match rest {
            [b',', b' ' | b'\n' | b'\r' | b'\\', ..] if at == i => 1,
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
            [0xe2, 0x80, 0x93, b' ', ..] if seen => 4,
            [0xc2, 0xa0, ..] => 2,
            // `São Paulo/SP`.
            [b'/', a, b, ..] if at == i && a.is_ascii_uppercase() && b.is_ascii_uppercase() => 1,
            _ => break,
        };
        at += len;
        seen = true;
    }
    // On another line: the key of the next field is none of its parts.
    let field = || {
        bytes[at..]
            .iter()
            .take(24)
            .find(|b| !(b.is_ascii_alphabetic() || matches!(b, b' ' | b'_' | 0x80..)))
            == Some(&b':')
    };
    (seen && lines <= 1 && at < bytes.len() && !(lines == 1 && field())).then_some(at)
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
        "ap. ",
        "Ap. ",
        "Apart. ",
        "Kat. ",
        "hus ",
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
    let degree = [".º ", ".ª ", "º ", "ª ", "° ", "º", "ª"]
        .iter()
        .find(|mark| bytes[after..].starts_with(mark.as_bytes()))?;
    let door = after + degree.len();
    let letter = bytes.get(door).is_some_and(u8::is_ascii_uppercase)
        && !bytes.get(door + 1).is_some_and(u8::is_ascii_alphabetic);
    let side = ["izquierda", "derecha", "izda", "dcha", "esq", "dto", "Esq", "Dto"]
        .iter()
        .find(|side| bytes[door..].starts_with(side.as_bytes()));
    match side {
        Some(side) => {
            let end = door + side.len();
            Some(end + usize::from(bytes[end..].starts_with(b".,")))
        }
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

/// A state of Brazil: `SP`.
fn brazilian(bytes: &[u8], i: usize) -> Option<usize> {
    let state = bytes.get(i..i + 2)?;
    let known = STATES_BR.as_bytes().chunks(3).any(|known| known[..2] == *state);
    (known && !bytes.get(i + 2).is_some_and(u8::is_ascii_alphanumeric)).then_some(i + 2)
}

/// The end of one to four words of a town, and whether it is one that the lists know.
fn place(bytes: &[u8], i: usize) -> Option<(usize, bool)> {
    let first = word(bytes, i)?;
    let known = first.is(PLACE)
        || ["United ", "New ", "São ", "San ", "Los ", "Saint ", "St. "]
            .iter()
            .any(|start| bytes[i..].starts_with(start.as_bytes()));
    let end = town_end(bytes, i)?;
    (known || !first.no_name()).then_some((end, known))
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
                    | b"De"
                    | b"Het"
                    | b"Le"
                    | b"Ter"
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
pub(super) fn number(bytes: &[u8], i: usize) -> Option<usize> {
    let mut end = digits(bytes, i).filter(|end| end - i <= 5)?;
    if let Some([mark @ (b'-' | b'/'), next]) = bytes.get(end..end + 2)
        && (next.is_ascii_digit() || *mark == b'/' && next.is_ascii_alphabetic())
    {
        end = digits(bytes, end + 1).unwrap_or(end + 2);
    } else if bytes.get(end) == Some(&b'-') {
        // `263-H`, `12-III`.
        let run = bytes[end + 1..]
            .iter()
            .take(4)
            .take_while(|b| matches!(b, b'A'..=b'H' | b'I' | b'V' | b'X'))
            .count();
        if run > 0 && run < 4 && !bytes.get(end + 1 + run).is_some_and(u8::is_ascii_alphanumeric) {
            end += 1 + run;
        }
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
    for tail in [" hs", " bis", " ter", " huis", "-hs", "hs"] {
        let next = end + tail.len();
        if bytes[end..].starts_with(tail.as_bytes())
            && !bytes.get(next).is_some_and(u8::is_ascii_alphabetic)
        {
            end = next;
            break;
        }
    }
    let time = matches!(bytes.get(end), Some(b':' | b'%'))
        || bytes.get(end) == Some(&b'.') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit);
    (!time && !bytes.get(end).is_some_and(u8::is_ascii_alphanumeric)).then_some(end)
}

pub(super) fn digits(bytes: &[u8], i: usize) -> Option<usize> {
    let run = bytes.get(i..)?.iter().take(8).take_while(|b| b.is_ascii_digit()).count();
    (run > 0).then_some(i + run)
}

const STATES: &str = "AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK OR PA RI SC SD TN TX UT VT VA WA WV WI WY DC ON QC BC AB MB SK NS NB UK EU ";
const STATES_BR: &str =
    "AC AL AP AM BA CE DF ES GO MA MT MS MG PA PB PR PE PI RJ RN RS RO RR SC SP SE TO ";
