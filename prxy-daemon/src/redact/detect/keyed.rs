//! Fields that hold an institution, an address or a part of one: their keys say so.
//!
//! Used for `key: value` and for the columns of tables. Not for fields with people: those are `field`.

use std::ops::Range;

use super::address::ADDRESS;
use super::field::{ends, key_before};
use super::lexicon::*;
use super::name::joined;
use super::organization::{COMPANY, vendor};
use super::{Detector, Trigger};

pub(super) const ORGANIZATION_FIELD: Detector = Detector {
    name: "organization-field",
    shape: "the value of a field such as `Company:` or `\"employer\":`",
    validator: "a name of its own that is no well-known maker of software",
    score: 64,
    trigger: Trigger::Key,
    find: organization,
    positives: &[
        "{\"company\": \"⟦Northgate⟧\"}",
        "Employer: ⟦Vantage Timber⟧",
        "company_name: ⟦Bluewater & Sons⟧",
        "Firma: ⟦Hufnagel Bau⟧",
        "id,company\n1,⟦Munro Textiles⟧\n2,⟦Calder Mills⟧\n",
    ],
    look_alikes: &[
        "company: string",
        "\"company\": null",
        "\"company\": \"Google\"",
        "Company: Required",
        "organization: true",
        "company_id: Northgate",
        "school: Enum",
    ],
    ..COMPANY
};

pub(super) const EMPLOYER: Detector = Detector {
    name: "employer",
    shape: "two words or more with capitals behind `works at`, `arbeitet bei`, `travaille chez` and the like",
    validator: "one of them no ordinary word; no well-known maker of software, no name of a person",
    score: 55,
    trigger: Trigger::Words(&[
        "works at ",
        "worked at ",
        "working at ",
        "employed at ",
        "employed by ",
        "employee of ",
        "arbeitet bei ",
        "arbeite bei ",
        "arbeitete bei ",
        "travaille chez ",
        "travaillait chez ",
        "lavora presso ",
        "werkt bij ",
        "werkte bij ",
    ]),
    find: employer,
    positives: &[
        "I worked at ⟦Hollins Marine⟧ from 2015",
        "she works at ⟦Calder & Munro Textiles⟧.",
        "er arbeitet bei der ⟦Hufnagel Bautechnik⟧, seit",
        "il travaille chez ⟦Menuiserie Kervoal⟧ depuis",
    ],
    look_alikes: &[
        "she works at Google Cloud",
        "it works at Full Speed",
        "he works at night",
        "employed by the state",
        "arbeitet bei Zimmertemperatur",
        "works at Scale",
    ],
    ..COMPANY
};

pub(super) const ADDRESS_FIELD: Detector = Detector {
    name: "address-field",
    shape: "the value of a field such as `Address:` or `\"street\":`; town and post code beside one",
    validator: "letters and a number; no address of a machine",
    score: 67,
    trigger: Trigger::Key,
    find: address,
    positives: &[
        "{\"street\": \"⟦Marszałkowska 10/4⟧\", \"city\": \"⟦Warszawa⟧\", \"zip\": \"⟦00-590⟧\"}",
        "Address: ⟦8 Castle Wynd⟧",
        "ADDRESS: ⟦23 ELM PARK AVENUE, LONDON N15 6AR⟧\nOCCUPATION: NURSE",
        "PLZ/Ort: ⟦10717 Berlin⟧",
        "name,street\nx,⟦Kirkegata 5⟧\ny,⟦Storgata 7⟧\n",
    ],
    look_alikes: &[
        "address: 10.0.0.1:8080",
        "\"address\": \"0x1f\"",
        "address: localhost 80",
        "email address: none 1",
        "\"city\": \"Berlin\"",
        "address: VARCHAR(255)",
        "address: A string or integer, the IP address.  Either IPv4 or IPv6",
        "street: string",
        "zip: 12345",
        "base address: Sector 5",
    ],
    ..ADDRESS
};

/// What a key speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Topic {
    Organization,
    Address,
    /// A town or a post code.
    Town,
}

/// Whether a column with this header holds such values.
pub(super) fn names_a_value(header: &[u8]) -> bool {
    matches!(topic(header), Some(Topic::Organization | Topic::Address))
}

/// What the key before the colon at `colon` says. Most keys end with a word that says nothing.
fn topic_before(bytes: &[u8], colon: usize) -> Option<Topic> {
    let tail = bytes[colon.saturating_sub(6)..colon]
        .iter()
        .rev()
        .take_while(|b| !b.is_ascii_alphabetic() && **b < 0x80 && **b != b'\n')
        .count();
    let last = word_before(bytes, colon - tail)?;
    const KEYS: Class = KEY_ORG | KEY_ADDRESS | KEY_TOWN | KEY_NAME | KEY_DATA;
    if last.case != Case::Mixed && !last.is(KEYS) && !bytes[..last.end].ends_with(b"ine") {
        return None;
    }
    topic(key_before(bytes, colon)?)
}

fn topic(key: &[u8]) -> Option<Topic> {
    let key = key.trim_ascii();
    if key.is_empty() || key.len() > 32 {
        return None;
    }
    let (mut class, mut last, mut parts, mut from) = (0, 0, 0, 0);
    let letter = |b: &u8| b.is_ascii_alphabetic() || *b >= 0x80;
    for i in 0..=key.len() {
        let mark = key.get(i).is_some_and(|b| !letter(b));
        let hump = i > 0
            && key.get(i).is_some_and(u8::is_ascii_uppercase)
            && key[i - 1].is_ascii_lowercase();
        if i < key.len() && !mark && !hump {
            continue;
        }
        if i > from {
            let text = &key[from..i];
            if MACHINES.iter().any(|machine| text.eq_ignore_ascii_case(machine)) {
                return None;
            }
            last = piece(text);
            class |= last;
            parts += 1;
        }
        from = i + usize::from(mark);
    }
    let ends = |wanted: Class| last & wanted != 0 || class & wanted != 0 && last & KEY_NAME != 0;
    let line = class & KEY_ADDRESS != 0
        && (key.ends_with(b"1") || key.to_ascii_lowercase().ends_with(b"line"));
    if parts > 3 {
        None
    } else if ends(KEY_ADDRESS) || line {
        Some(Topic::Address)
    } else if ends(KEY_TOWN) || class & KEY_TOWN != 0 && parts == 2 && last & KEY_DATA != 0 {
        Some(Topic::Town)
    } else {
        ends(KEY_ORG).then_some(Topic::Organization)
    }
}

/// Where the value behind the colon at `colon` begins, and whether it is in quotes.
fn value_start(bytes: &[u8], colon: usize) -> Option<(usize, bool)> {
    let (mut i, mut quoted) = (colon + 1, false);
    while let Some(b) = bytes.get(i).filter(|_| i < colon + 16) {
        match b {
            b'"' | b'\'' | b'`' => {
                if quoted || i + 1 == bytes.len() {
                    // What was behind the key closes it: `"key": "value"`.
                    return (i == colon + 1).then_some((i, quoted));
                }
                quoted = true;
            }
            b'\\' if bytes.get(i + 1) == Some(&b'"') => {}
            b' ' | b'\t' | b'*' => {}
            _ => return Some((i, quoted)),
        }
        i += 1;
    }
    None
}

fn organization(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let (start, _) = value_start(bytes, at.start)?;
    if !(bytes[start].is_ascii_uppercase() || bytes[start] >= 0xc3)
        || topic_before(bytes, at.start) != Some(Topic::Organization)
    {
        return None;
    }
    let Title { end, own, count } = title(bytes, start);
    let two = count > 1 && !bytes[start..end].iter().all(|b| b.is_ascii_uppercase());
    (end > start + 2 && (own || two) && ends(bytes, end) && !vendor(bytes, start))
        .then_some(start..end)
}

/// The company behind the words at `at` that say that somebody works there.
fn employer(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let rest = &bytes[at.end..];
    let article = [&b"the "[..], b"der ", b"dem ", b"den ", b"de ", b"la "];
    let start = at.end + article.iter().find(|a| rest.starts_with(a)).map_or(0, |a| a.len());
    let first = joined(bytes, start).filter(Word::capital)?;
    let Title { end, own, count } = title(bytes, start);
    let person = first.surely(GIVEN) && count == 2;
    let goes_on = bytes.get(end).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
    (count > 1 && own && !person && !goes_on && !vendor(bytes, start)).then_some(start..end)
}

/// The words of a company's name.
struct Title {
    end: usize,
    /// Whether one of them is no ordinary word.
    own: bool,
    count: usize,
}

fn title(bytes: &[u8], start: usize) -> Title {
    let (mut i, mut end, mut own, mut count) = (start, start, false, 0);
    while let Some(word) = joined(bytes, i).filter(|_| count < 8) {
        if word.case == Case::Lower && !word.is(PARTICLE) && !LINKS.contains(&&bytes[i..word.end]) {
            break;
        }
        own |= word.capital() && !word.is(ORDINARY) || word.case == Case::Mixed;
        count += 1;
        end = word.end;
        let point = usize::from(bytes.get(end) == Some(&b'.') && word.len() < 4);
        i = match &bytes[end + point..] {
            [b' ', b'&' | b'+', b' ', ..] => end + point + 3,
            [b'\'', b's', b' ', ..] => end + 3,
            [b' ' | b'-', ..] => end + point + 1,
            _ => break,
        };
    }
    Title { end, own, count }
}

const LINKS: &[&[u8]] =
    &[b"and", b"of", b"for", b"the", b"und", b"et", b"y", b"e", b"i", b"pour", b"w"];

fn address(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let (start, quoted) = value_start(bytes, at.start)?;
    if !(bytes[start].is_ascii_alphanumeric() || bytes[start] >= 0xc3) {
        return None;
    }
    let topic = topic_before(bytes, at.start)?;
    let end = value_end(bytes, start, quoted)?;
    let value = &bytes[start..end];
    let digits = value.iter().filter(|b| b.is_ascii_digit()).count();
    // `Either IPv4 or IPv6`
    let numbered = value[0].is_ascii_digit()
        || value.windows(2).any(|two| two[1].is_ascii_digit() && !two[0].is_ascii_lowercase());
    let words = value
        .split(|b| !(b.is_ascii_alphabetic() || *b >= 0x80))
        .filter(|word| word.len() > 2 && (word[0].is_ascii_uppercase() || word[0] >= 0xc3))
        .count();
    let spaced = value.contains(&b' ');
    let fits = match topic {
        Topic::Organization => false,
        Topic::Address => numbered && digits < 16 && words > 0 && spaced,
        // `10717 Berlin`.
        Topic::Town if (4..7).contains(&digits) && words > 0 => spaced && value.len() < 40,
        Topic::Town => {
            value.len() <= 40
                && (digits >= 3 || digits == 0 && words > 0)
                && beside_street(bytes, at.start)
        }
    };
    fits.then_some(start..end)
}

/// Where the value at `start` ends; `None` if it is no text.
fn value_end(bytes: &[u8], start: usize, quoted: bool) -> Option<usize> {
    let (mut end, mut cut) = (start, start);
    for (i, b) in bytes[start..].iter().take(121).enumerate() {
        let at = start + i;
        match b {
            b'\n' | b'\r' | b'"' | b'|' | b'\t' | b';' | b'<' => break,
            b'\'' if quoted && !bytes.get(at + 1).is_some_and(u8::is_ascii_alphabetic) => break,
            b'\\' => break,
            b'}' | b']' if !quoted => break,
            b'@' | b'{' | b'$' | b'=' | b'(' | b')' | b'>' | b'*' | b'_' | b'[' => return None,
            // The next field of the same line.
            b':' => {
                end = cut;
                break;
            }
            b' ' if !quoted && matches!(bytes[at - 1], b',' | b'.' | b' ' | b'-') => cut = at,
            _ => {}
        }
        end = at + 1;
        if i == 120 {
            return None;
        }
    }
    let tail = bytes[start..end]
        .iter()
        .rev()
        .take_while(|b| matches!(b, b' ' | b',' | b'.' | b'-' | b'*'))
        .count();
    (end - tail > start + 2).then_some(end - tail)
}

/// Whether a field for a street stands near `at`, in the same object.
fn beside_street(bytes: &[u8], at: usize) -> bool {
    let from = at.saturating_sub(REACH);
    let near = bytes[from..bytes.len().min(at + REACH)].to_ascii_lowercase();
    STREETS.iter().any(|key| memchr::memmem::find(&near, key.as_bytes()).is_some())
}

/// An address has no longer form.
const REACH: usize = 160;
const STREETS: &[&str] = &[
    "street",
    "\"address",
    "address:",
    "address1",
    "addressline",
    "straße",
    "strasse",
    "rue\"",
    "adresse",
    "calle",
    "direccion",
    "dirección",
    "indirizzo",
    "adres",
    "straat",
    "ulica",
    "endereço",
    "endereco",
    "logradouro",
    "rua\"",
];
/// What has an address and is a machine, or a place in memory.
const MACHINES: &[&[u8]] = &[
    b"ip",
    b"ipv4",
    b"ipv6",
    b"mac",
    b"email",
    b"mail",
    b"web",
    b"url",
    b"http",
    b"wallet",
    b"memory",
    b"base",
    b"server",
    b"listen",
    b"bind",
    b"remote",
    b"host",
    b"network",
    b"contract",
    b"return",
    b"start",
    b"physical",
    b"virtual",
    b"id",
];

/// The words of keys, for the lexicon.
pub(super) const LISTS: &[(Class, &[&str])] =
    &[(KEY_ORG, ORGANIZATIONS), (KEY_ADDRESS, ADDRESSES), (KEY_TOWN, TOWNS)];

const ORGANIZATIONS: &[&str] = &[
    "company",
    "companyname",
    "employer",
    "organization",
    "organisation",
    "organizationname",
    "firm",
    "business",
    "firma",
    "firmenname",
    "unternehmen",
    "arbeitgeber",
    "entreprise",
    "société",
    "societe",
    "employeur",
    "empresa",
    "empleador",
    "compañía",
    "azienda",
    "ditta",
    "società",
    "bedrijf",
    "bedrijfsnaam",
    "werkgever",
    "organisatie",
    "pracodawca",
    "przedsiębiorstwo",
    "empregador",
    "hospital",
    "clinic",
    "school",
    "university",
    "institution",
    "facility",
    "insurer",
    "supplier",
    "krankenhaus",
    "schule",
    "hôpital",
    "école",
    "ospedale",
    "scuola",
    "ziekenhuis",
    "szpital",
    "szkoła",
    "escola",
    "escuela",
];
const ADDRESSES: &[&str] = &[
    "address",
    "addresses",
    "street",
    "streetaddress",
    "streetname",
    "addressline",
    "residence",
    "anschrift",
    "adresse",
    "straße",
    "strasse",
    "wohnanschrift",
    "rue",
    "domicile",
    "dirección",
    "direccion",
    "domicilio",
    "calle",
    "indirizzo",
    "residenza",
    "adres",
    "straat",
    "woonadres",
    "ulica",
    "zamieszkania",
    "endereço",
    "endereco",
    "logradouro",
    "morada",
];
const TOWNS: &[&str] = &[
    "city",
    "town",
    "zip",
    "zipcode",
    "postcode",
    "postalcode",
    "postal",
    "plz",
    "ort",
    "wohnort",
    "stadt",
    "ville",
    "codepostal",
    "ciudad",
    "localidad",
    "cap",
    "città",
    "comune",
    "plaats",
    "woonplaats",
    "miasto",
    "kod",
    "cidade",
    "cep",
];
