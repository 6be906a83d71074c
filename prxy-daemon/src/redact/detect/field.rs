//! Fields that hold names: what their keys say, and what a value may be.
//!
//! Used for `key: value` and for the columns of tables.

use std::ops::Range;

use super::lexicon::*;
use super::name::{Name, Reading};
use super::{Detector, Trigger};

/// How much a field's key says of its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// `name:`, which things have too.
    Any,
    /// `customer:`, a person or a company.
    Party,
    /// `first_name:`, a part of a name or all of one.
    Person,
}

/// The key before the colon at `colon`, without quotes and what it stands in.
pub(super) fn key_before(bytes: &[u8], colon: usize) -> Option<&[u8]> {
    let window = &bytes[colon.saturating_sub(MAX_KEY)..colon];
    let end = window
        .iter()
        .rposition(|b| !matches!(b, b'"' | b'\'' | b'*' | b'`' | b'_' | b'\\' | b' '))?
        + 1;
    let window = &window[..end];
    let window = window
        .strip_suffix(b")")
        .and_then(|inner| inner.iter().rposition(|b| *b == b'(').map(|open| &inner[..open]))
        .unwrap_or(window);
    let start = window
        .iter()
        .rposition(|b| {
            matches!(
                b,
                b'\n'
                    | b'{'
                    | b','
                    | b'"'
                    | b'\''
                    | b';'
                    | b'|'
                    | b'>'
                    | b'('
                    | b'\t'
                    | b'*'
                    | b'.'
                    | b'['
                    | b'&'
                    | b'?'
                    | b'='
            )
        })
        .map_or(0, |at| at + 1);
    Some(&window[start..])
}

/// What a key, or the head of a column, says.
pub(super) fn key(text: &[u8]) -> Option<Kind> {
    let text = text
        .strip_prefix(b"n")
        .filter(|rest| rest.first().is_some_and(u8::is_ascii_uppercase))
        .unwrap_or(text);
    let text = text.trim_ascii();
    if text.len() > MAX_KEY || text.is_empty() {
        return None;
    }
    let (mut parts, mut kind, mut last, mut data) = (0, None, None, false);
    let mut from = 0;
    for i in 0..=text.len() {
        let ends = match text.get(i) {
            None => true,
            Some(b) => {
                !(b.is_ascii_alphabetic() || *b >= 0x80)
                    || b.is_ascii_uppercase() && i > 0 && text[i - 1].is_ascii_lowercase()
            }
        };
        if !ends {
            continue;
        }
        if i > from {
            let class = piece(&text[from..i]);
            last = say(class);
            data = class & KEY_DATA != 0;
            kind = kind.max(last);
            parts += 1;
        }
        let mark = text.get(i).is_some_and(|b| !(b.is_ascii_alphabetic() || *b >= 0x80));
        from = i + usize::from(mark);
    }
    // FHIR: `"family": "…", "given": ["…"]`; the columns `first,last`.
    match text {
        b"given" => return Some(Kind::Person),
        b"family" | b"first" | b"last" => return Some(Kind::Party),
        _ => {}
    }
    if data || kind.is_none() {
        return None;
    }
    let lower = text.to_ascii_lowercase();
    let says = |word: &str| memchr::memmem::find(&lower, word.as_bytes()).is_some();
    if parts > 1 && last == Some(Kind::Any) {
        if THINGS.iter().any(|word| says(word)) {
            return None;
        }
        if WHOSE.iter().any(|word| says(word)) {
            return Some(Kind::Person);
        }
    }
    // What stands in front must not be a sentence.
    if parts > 4 { None } else { kind }
}

/// What one word of a key says.
fn say(class: Class) -> Option<Kind> {
    if class & KEY_PERSON != 0 {
        Some(Kind::Person)
    } else if class & KEY_PARTY != 0 {
        Some(Kind::Party)
    } else {
        (class & KEY_NAME != 0).then_some(Kind::Any)
    }
}

/// The name at `i`, where a value begins.
pub(super) fn value(bytes: &[u8], i: usize, kind: Kind, shouted: bool) -> Option<Range<usize>> {
    let first = word(bytes, i)?;
    if first.case == Case::Lower && !first.is(PARTICLE | TITLE) {
        return lower_value(bytes, i, kind);
    }
    let title = first.is(TITLE) && !first.surely(GIVEN | FAMILY);
    let start = if title { behind(bytes, first.end)? } else { i };
    let name_at = if word(bytes, start).is_some_and(|word| word.case == Case::Lower) {
        particles(bytes, start)?
    } else {
        start
    };
    let name = Name::read(bytes, name_at, Reading::Cued)?;
    let head = *name.parts().next()?;
    let (mut end, mut listed) = (name.end, false);
    if let Some(given) = bytes[end..]
        .starts_with(b", ")
        .then(|| Name::read(bytes, end + 2, Reading::Plain))
        .flatten()
    {
        let fits = given
            .parts()
            .next()
            .is_some_and(|word| word.is(GIVEN) || word.unknown() && head.is(FAMILY))
            // `Folu, Hamish McRae`: a list.
            && given.parts().skip(1).all(|word| word.is(GIVEN) && !word.surely(FAMILY))
            && name.parts().count() < 3
            && !head.surely(GIVEN);
        // `OYELARAN, Folake T`
        let initial = match &bytes[given.end..] {
            [b' ', letter, ..] if letter.is_ascii_uppercase() => 2,
            _ => 0,
        };
        let shouted = head.case == Case::Upper
            && head.unknown()
            && head.len() > 3
            && given.words().len() < 3
            && given.words().iter().all(|word| word.case == Case::Title && !word.no_name());
        listed = shouted && ends(bytes, given.end + initial);
        if (fits || shouted) && ends(bytes, given.end + initial) {
            end = given.end + initial;
        }
    }
    let count = name.parts().count();
    let known = name.parts().any(|word| word.surely(GIVEN | FAMILY | PINYIN));
    let named = name.parts().any(|word| word.is(GIVEN | FAMILY | PINYIN));
    let ends = ends(bytes, end);
    let code = super::person::code_around(bytes, &head) && !matches!(bytes[head.start - 1], b'=');
    if code
        || head.no_name()
        || name.parts().nth(1).is_some_and(|second| known_together(&head, second))
    {
        return None;
    }
    // `Acme Weber GmbH` is no person.
    if name
        .next
        .is_some_and(|word| word.is(LEGAL | KIND) && word.start <= end + 2 && word.capital())
    {
        return None;
    }
    let typed = head.case == Case::Upper && count == 1 && !named && !shouted;
    let counts = match kind {
        Kind::Person => ends && !typed || known,
        Kind::Party => known && (ends || count > 1) || named && count > 1 && ends,
        Kind::Any => {
            name.parts().any(|word| word.surely(GIVEN)) && (count > 1 || ends)
                || known && named && count > 1 && ends && head.is(GIVEN)
                || end > name.end && (known || listed)
                || count == 1 && named && parted(bytes, end)
        }
    };
    counts.then_some(start..end)
}

/// Elements and variables for names, which no colon follows.
pub(super) const MARKED: Detector = Detector {
    name: "person-element",
    shape: "the text of an element such as `<LastName>`, what is assigned to or compared with `last_name`",
    validator: "as in a field",
    trigger: Trigger::Words(&[
        "given",
        "family",
        "givenname",
        "familyname",
        "given_name",
        "family_name",
        "firstname",
        "lastname",
        "first_name",
        "last_name",
        "surname",
        "forename",
        "fullname",
        "full_name",
        "vorname",
        "nachname",
        "prenom",
        "apellido",
        "apellidos",
        "cognome",
        "achternaam",
        "voornaam",
        "nazwisko",
        "imie",
        "sobrenome",
        "patientname",
        "patient_name",
        "customer_name",
        "customername",
    ]),
    find: marked,
    positives: &[
        "<given>⟦Sarah⟧</given><family>⟦Connor⟧</family>",
        "<FirstName>⟦Folake⟧</FirstName>\n<LastName>⟦Oyelaran⟧</LastName>",
        "<ns:LastName>⟦OYELARAN⟧</ns:LastName>",
        "<family value=\"⟦Oyelaran⟧\"/>",
        "lastName = \"⟦Oyelaran⟧\";",
        "SELECT * FROM c WHERE last_name = '⟦Oyelaran⟧' AND x",
        "last_name='⟦Oyelaran⟧'",
        "WHERE surname LIKE '⟦Oyelaran⟧%'",
    ],
    look_alikes: &[
        "<LastName>string</LastName>",
        "<given>true</given>",
        "lastName = \"\";",
        "last_name = 'Required'",
        "lastName = getName()",
        "last_name > 'a'",
        "family = \"sans-serif\"",
        "a given = b",
    ],
    ..super::person::NAME
};

/// The name behind the key at `at`.
fn marked(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let before = at.start.checked_sub(1).map(|before| bytes[before]);
    let weak = matches!(
        &bytes[at.clone()],
        [b'g' | b'G', b'i', b'v', b'e', b'n'] | [b'f' | b'F', b'a', b'm', b'i', b'l', b'y']
    );
    let element = matches!(before, Some(b'<' | b':'));
    let mut i = at.end;
    match &bytes[i..] {
        [b'>', ..] if element => i += 1,
        [b' ', b'v', b'a', b'l', b'u', b'e', b'=', b'"', ..] if element => i += 8,
        _ if weak => return None,
        _ => {
            i = super::text::run_end(bytes, i, 2, |b| b == b' ' || b == b'"');
            let operators = ["===", "==", "=", "LIKE", "like", "ILIKE"];
            i += operators.iter().find(|mark| bytes[i..].starts_with(mark.as_bytes()))?.len();
            i = super::text::run_end(bytes, i, 1, |b| b == b' ');
            if !matches!(bytes.get(i), Some(b'"' | b'\'')) {
                return None;
            }
            i += 1;
        }
    }
    i = super::text::run_end(bytes, i, 2, |b| b == b' ');
    let first = word(bytes, i)?;
    // `LIKE 'Oyelaran%'`
    if bytes.get(first.end) == Some(&b'%') && first.case == Case::Title && !first.no_name() {
        return Some(first.start..first.end);
    }
    value(bytes, i, Kind::Person, true)
}

/// Whether the next line is for a given name: this one was for a family name.
fn parted(bytes: &[u8], end: usize) -> bool {
    const GIVENS: &[&[u8]] = &[
        b"Vorname",
        b"First name",
        "Prénom".as_bytes(),
        b"Nome:",
        b"Nombre",
        "Imię".as_bytes(),
        b"Voornaam",
        b"Forename",
    ];
    super::name::next_line(bytes, end)
        .is_some_and(|at| GIVENS.iter().any(|key| bytes[at..].starts_with(key)))
}

/// Behind `Dr.`, `Mr`, `Herr Prof.`
fn behind(bytes: &[u8], mut end: usize) -> Option<usize> {
    for _ in 0..4 {
        end += usize::from(bytes.get(end) == Some(&b'.'));
        end += usize::from(bytes.get(end) == Some(&b' '));
        let next = word(bytes, end)?;
        if !next.is(TITLE) || next.surely(GIVEN | FAMILY) {
            return Some(end);
        }
        end = next.end;
    }
    None
}

fn particles(bytes: &[u8], mut i: usize) -> Option<usize> {
    for _ in 0..3 {
        let word = word(bytes, i)?;
        if word.case != Case::Lower {
            return Some(i);
        }
        i = word.end + 1;
    }
    Some(i)
}

/// A value in lower case: all of its words have to be names.
fn lower_value(bytes: &[u8], i: usize, kind: Kind) -> Option<Range<usize>> {
    let (mut end, mut given, mut family, mut count) = (i, false, false, 0);
    while let Some(word) = word(bytes, if count == 0 { i } else { end + 1 }) {
        if word.case != Case::Lower || !word.is(GIVEN | FAMILY | PARTICLE) {
            return None;
        }
        given |= word.surely(GIVEN);
        family |= word.surely(FAMILY);
        end = word.end;
        count += 1;
        if bytes.get(end) != Some(&b' ') || count > 4 {
            break;
        }
    }
    let counts = match kind {
        Kind::Person => given || family,
        Kind::Party | Kind::Any => given && count > 1,
    };
    (counts && ends(bytes, end)).then_some(i..end)
}

/// Whether a value ends at `i`.
pub(super) fn ends(bytes: &[u8], i: usize) -> bool {
    let rest = &bytes[i..];
    let blanks = rest.iter().take_while(|b| **b == b' ').count();
    matches!(
        &rest[blanks..],
        [] | [
            b'\n'
                | b'\r'
                | b'"'
                | b'\''
                | b','
                | b';'
                | b'|'
                | b'<'
                | b'('
                | b'\t'
                | b'}'
                | b'/'
                | b'`'
                | b'*'
                | b')'
                | b']'
                | b'&',
            ..
        ] | [b'\\', b'n' | b'r' | b't' | b'"', ..]
    ) || matches!(&rest[blanks..], [b'.', next, ..] if next.is_ascii_whitespace())
        || rest[blanks..] == *b"."
        || rest.starts_with(b" - ")
        || rest.starts_with(" – ".as_bytes())
        || rest.starts_with(b"  ")
}

const MAX_KEY: usize = 40;

/// The words of keys, for the lexicon.
pub(super) const LISTS: &[(Class, &[&str])] =
    &[(KEY_PERSON, PERSONS), (KEY_PARTY, PARTIES), (KEY_NAME, NAMES), (KEY_DATA, DATA)];

/// Keys of parts of names and of people.
const PERSONS: &[&str] = &[
    "firstname",
    "lastname",
    "surname",
    "surnames",
    "forename",
    "forenames",
    "kin",
    "absent",
    "claimant",
    "respondent",
    "petitioner",
    "appellant",
    "kläger",
    "klägerin",
    "beklagter",
    "zeuge",
    "zeugin",
    "antragsteller",
    "antragstellerin",
    "demandante",
    "demandado",
    "demandada",
    "acusado",
    "testigo",
    "demandeur",
    "défendeur",
    "requérant",
    "témoin",
    "ricorrente",
    "convenuto",
    "testimone",
    "eiser",
    "eiseres",
    "gedaagde",
    "verweerder",
    "huurder",
    "powód",
    "powódka",
    "świadek",
    "najemca",
    "autora",
    "testemunha",
    "inquilino",
    "arrendatario",
    "locataire",
    "gp",
    "pcp",
    "fullname",
    "givenname",
    "familyname",
    "middlename",
    "maidenname",
    "fname",
    "lname",
    "vorname",
    "vornamen",
    "nachname",
    "familienname",
    "geburtsname",
    "rufname",
    "prénom",
    "prenom",
    "prénoms",
    "nom",
    "apellido",
    "apellidos",
    "cognome",
    "sobrenome",
    "apelido",
    "achternaam",
    "voornaam",
    "tussenvoegsel",
    "imię",
    "imie",
    "nazwisko",
    "patient",
    "patientin",
    "paciente",
    "paziente",
    "pacjent",
    "pacjentka",
    "patiënt",
    "cardholder",
    "signatory",
    "signed",
    "spouse",
    "witness",
    "insured",
    "attending",
    "physician",
    "surgeon",
    "plaintiff",
    "defendant",
    "displayname",
    "realname",
    "karteninhaber",
    "kontoinhaber",
    "unterzeichner",
    "ansprechpartner",
    "ansprechpartnerin",
    "sachbearbeiter",
    "sachbearbeiterin",
    "mieter",
    "vermieter",
    "arzt",
    "hausarzt",
    "huisarts",
    "behandelaar",
    "médecin",
    "medico",
    "médico",
    "lekarz",
    "attendees",
    "participants",
    "teilnehmer",
    "anwesend",
    "interpreter",
    "applicant",
    "deceased",
    "beneficiary",
    "nextofkin",
    "guardian",
    "student",
    "employee",
    "mitarbeiter",
    "empleado",
    "dipendente",
    "werknemer",
    "pracownik",
    "bewerber",
    "versicherter",
    "versicherte",
    "candidate",
];
const PARTIES: &[&str] = &[
    "customer",
    "client",
    "kunde",
    "kundin",
    "cliente",
    "klant",
    "klient",
    "contact",
    "kontakt",
    "contacto",
    "contatto",
    "author",
    "autor",
    "auteur",
    "autore",
    "from",
    "to",
    "cc",
    "bcc",
    "von",
    "an",
    "de",
    "da",
    "van",
    "od",
    "do",
    "para",
    "attn",
    "assignee",
    "reporter",
    "owner",
    "requester",
    "manager",
    "supervisor",
    "teacher",
    "doctor",
    "tenant",
    "landlord",
    "buyer",
    "seller",
    "recipient",
    "sender",
    "empfänger",
    "absender",
    "destinataire",
    "expéditeur",
    "destinatario",
    "remitente",
    "mittente",
    "odbiorca",
    "nadawca",
    "holder",
    "titular",
    "titulaire",
    "intestatario",
    "by",
    "with",
    "user",
    "agent",
    "caller",
    "guest",
    "gast",
    "speaker",
    "presenter",
    "lead",
    "reviewer",
    "reviewers",
    "approver",
    "approved",
    "prepared",
    "responsible",
    "verantwortlich",
    "presenti",
    "asistentes",
    "obecni",
    "participantes",
    "aanwezig",
];
const NAMES: &[&str] = &["name", "names", "naam", "nombre", "nome", "imiona", "namen"];
/// Whose name is a person's.
const WHOSE: &[&str] = &[
    "first",
    "last",
    "full",
    "given",
    "family",
    "middle",
    "maiden",
    "sur",
    "legal",
    "patient",
    "customer",
    "client",
    "contact",
    "employee",
    "person",
    "recipient",
    "sender",
    "holder",
    "applicant",
    "insured",
    "member",
    "student",
    "doctor",
    "provider",
    "guardian",
    "spouse",
    "father",
    "mother",
    "emergency",
    "beneficiary",
    "kunden",
    "completo",
    "complet",
    "volledige",
    "your",
    "real",
    "author",
    "owner",
    "caller",
    "candidate",
    "tenant",
    "payee",
    "billing",
    "guest",
    "passenger",
    "user's",
    "printed",
    "volle",
    "ganzer",
];
/// What has a name and is nobody.
const THINGS: &[&str] = &[
    "file",
    "host",
    "domain",
    "class",
    "table",
    "column",
    "field",
    "display_",
    "project",
    "repo",
    "branch",
    "package",
    "module",
    "function",
    "method",
    "variable",
    "company",
    "firm",
    "product",
    "brand",
    "server",
    "service",
    "bucket",
    "image",
    "container",
    "app",
    "tag",
    "event",
    "key",
    "path",
    "type",
    "group",
    "team",
    "role",
    "device",
    "model",
    "tool",
    "user",
    "account",
    "school",
    "street",
    "city",
    "country",
    "bank",
    "hotel",
    "drug",
    "medic",
    "pet",
    "code",
    "space",
    "dir",
    "schema",
    "database",
    "db",
    "index",
    "metric",
    "job",
    "task",
    "step",
    "test",
    "node",
    "pod",
    "cluster",
    "theme",
    "font",
    "color",
    "thread",
    "process",
    "program",
    "plugin",
    "course",
    "book",
    "song",
    "movie",
    "trade",
    "nick",
    "screen",
    "login",
];
/// Last words of keys whose values are no names.
const DATA: &[&str] = &[
    "id",
    "ids",
    "number",
    "no",
    "nr",
    "count",
    "type",
    "status",
    "email",
    "mail",
    "phone",
    "address",
    "date",
    "url",
    "key",
    "code",
    "age",
    "gender",
    "note",
    "notes",
    "time",
    "len",
    "length",
    "size",
    "info",
    "history",
    "information",
    "details",
    "group",
    "role",
    "at",
    "on",
    "service",
    "list",
    "field",
    "index",
    "city",
    "country",
    "birth",
];
