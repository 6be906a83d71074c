//! Names behind a cue: a title, a salutation, a closing formula, an introduction, the key of a field.
//!
//! Not for names that are known by themselves: those are `person`.

use std::ops::Range;

use super::lexicon::*;
use super::name::{Name, Reading, joined, line_end, line_start, next_line};
use super::person::{before, code_around, named_after};
use super::text::spelled_escape;

/// The name behind a title.
pub(super) fn titled(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let title = word(bytes, at.start)?;
    if code_around(bytes, &title) && bytes.get(title.end) != Some(&b'.') {
        return None;
    }
    // `Col. Juárez`: a quarter.
    if bytes[at.clone()] == *b"Col" && bytes[..at.start].ends_with(b", ") {
        return None;
    }
    let start = behind_titles(bytes, title.end)?;
    behind_title(bytes, start, title.is(TITLE))
}

/// The name at `start`, behind a title that only people have (`sure`) or another one.
fn behind_title(bytes: &[u8], start: usize, sure: bool) -> Option<Range<usize>> {
    let particle = word(bytes, start).filter(|word| word.case == Case::Lower && word.is(PARTICLE));
    let first = match particle {
        Some(_) => behind_particles(bytes, start)?,
        None => start,
    };
    let name = Name::read(bytes, first, Reading::Cued)?;
    let mut parts = name.parts();
    let head = parts.next()?;
    let brand = parts.next().is_some_and(|second| known_together(head, second))
        || word_before(bytes, start.saturating_sub(1))
            .or_else(|| word_before(bytes, start.saturating_sub(2)))
            .is_some_and(|title| known_together(&title, head));
    let shouted = head.case == Case::Upper && head.unknown() && head.len() < 4;
    if brand
        || head.no_name()
        || shouted
        || named_after(bytes, &name, false)
        || code_around(bytes, head)
    {
        return None;
    }
    let evidence = name.parts().any(|word| word.surely(GIVEN | FAMILY))
        || name.parts().count() > 1 && name.parts().all(|word| word.is(GIVEN | FAMILY));
    (sure && (!head.is(ORDINARY) || head.is(GIVEN | FAMILY)) || evidence).then_some(start..name.end)
}

/// The name in lower case behind a title; behind `pt` and `patient` a written one too.
pub(super) fn lowered(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let title = bytes[at.clone()].trim_ascii_end();
    let first = joined(bytes, at.end)?;
    // `dhr. J.P. van der Hoogenband`
    if first.len() == 1 && bytes.get(first.end) == Some(&b'.') && title.ends_with(b".") {
        return behind_title(bytes, at.end, true);
    }
    if first.case == Case::Title {
        let patient = title.first().is_some_and(|b| b.eq_ignore_ascii_case(&b'p'));
        return (patient && bytes[at.start].is_ascii_lowercase())
            .then(|| behind_title(bytes, at.end, false))
            .flatten();
    }
    // `his wife ingrid`
    let kin = word(bytes, at.start).is_some_and(|word| word.is(KIN));
    if kin && !first.surely(GIVEN) {
        return None;
    }
    let name = |word: &Word| {
        word.case == Case::Lower
            && word.len() > 2
            && word.surely(FAMILY | GIVEN)
            && !word.is(PARTICLE | BEFORE | AFTER | ROLE | TITLE | KIN)
            && !code_around(bytes, word)
    };
    if !name(&first) {
        return None;
    }
    let second = bytes[first.end..].starts_with(b" ").then(|| word(bytes, first.end + 1)).flatten();
    let end =
        second.filter(|word| name(word) && word.is(FAMILY)).map_or(first.end, |word| word.end);
    Some(at.end..end)
}

fn behind_particles(bytes: &[u8], mut i: usize) -> Option<usize> {
    for _ in 0..3 {
        let word = word(bytes, i)?;
        if word.case != Case::Lower {
            break;
        }
        if !word.is(PARTICLE) {
            return None;
        }
        i = match &bytes[word.end..] {
            [b' ' | b'\'', ..] => word.end + 1,
            [0xe2, 0x80, 0x99, ..] => word.end + 3,
            _ => return None,
        };
    }
    Some(i)
}

/// Where the name begins behind a title that ends at `end`: over points, blanks and further titles.
fn behind_titles(bytes: &[u8], mut end: usize) -> Option<usize> {
    for _ in 0..5 {
        let mut i = end;
        if bytes.get(i) == Some(&b'.') {
            i += 1;
            // `Sig.ra`
            if let Some(tail) =
                word(bytes, i).filter(|word| word.case == Case::Lower && word.len() <= 3)
            {
                i = tail.end + usize::from(bytes.get(tail.end) == Some(&b'.'));
            }
        }
        i = match &bytes[i..] {
            [b' ', ..] => i + 1,
            [0xc2, 0xa0, ..] => i + 2,
            _ if i > end => i,
            _ => return None,
        };
        let next = word(bytes, i)?;
        let pointed = bytes.get(next.end) == Some(&b'.');
        // `Herr Kollege Brandhuber`
        let role = next.is(ROLE)
            && next.case == Case::Title
            && !next.is(GIVEN | FAMILY)
            && bytes.get(next.end) == Some(&b' ')
            && word(bytes, next.end + 1).is_some_and(|word| word.capital() && !word.no_name());
        if role {
            end = next.end;
            continue;
        }
        if next.is(TITLE)
            && (next.capital() && !next.surely(FAMILY | GIVEN) || pointed || next.is(ROLE))
        {
            end = next.end;
        } else {
            return Some(i);
        }
    }
    None
}

/// The name behind a salutation.
pub(super) fn greeted(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let mut last = word(bytes, at.start)?;
    // `Sehr geehrter`, `Hi again`, `Guten Tag`, `Thank you`.
    for _ in 0..3 {
        let next = word(bytes, bytes.get(last.end).filter(|b| **b == b' ').map(|_| last.end + 1)?)?;
        let goes_on = matches!(
            &bytes[next.start..next.end],
            b"geehrter"
                | b"geehrte"
                | b"you"
                | b"again"
                | b"there"
                | b"wieder"
                | b"morning"
                | b"afternoon"
                | b"evening"
                | b"Tag"
                | b"Morgen"
                | b"Abend"
                | b"Morning"
                | b"tardes"
                | b"dia"
        );
        if !goes_on {
            break;
        }
        last = next;
    }
    let mut start = last.end + 1;
    if bytes.get(last.end) == Some(&b',')
        && matches!(last.case, Case::Title)
        && last.is(SALUTE)
        && bytes.get(start) == Some(&b' ')
    {
        start += 1;
    } else if bytes.get(last.end) != Some(&b' ') {
        return None;
    }
    let next = word(bytes, start)?;
    if next.is(TITLE | ROLE) && !next.surely(GIVEN | FAMILY) {
        let sure = next.is(TITLE);
        return behind_title(bytes, behind_titles(bytes, next.end)?, sure);
    }
    let name = Name::read(bytes, start, Reading::Cued)?;
    let head = *name.parts().next()?;
    let shouted = head.case == Case::Upper && head.unknown();
    if head.no_name() || shouted || code_around(bytes, &head) || named_after(bytes, &name, false) {
        return None;
    }
    if name.parts().nth(1).is_some_and(|second| known_together(&head, second)) {
        return None;
    }
    let ends = matches!(
        &bytes[name.end..],
        [b',' | b'!' | b':' | b';' | b'\n' | b'\r', ..]
            | [b' ', b'!' | b'-' | b':' | b',', ..]
            | [b'\\', b'n', ..]
    ) || bytes.len() == name.end
        || bytes[name.end..].starts_with(" –".as_bytes());
    let evidence = name.parts().any(|word| word.surely(GIVEN | FAMILY));
    let calls = matches!(
        &bytes[at.start..at.end],
        b"Sure" | b"Hello" | b"Good" | b"Welcome" | b"Sorry" | b"Thank" | b"Thanks" | b"Morning"
    );
    let unknown_counts = ends && !calls && head.len() > 2 && line_start_or_quote(bytes, at.start);
    (evidence || ends && head.is(GIVEN) || unknown_counts && head.case == Case::Title)
        .then_some(name.start()..name.end)
}

fn line_start_or_quote(bytes: &[u8], i: usize) -> bool {
    line_start(bytes, i)
        || matches!(bytes[i - 1], b'"' | b'\'' | b'>' | b'`')
        || bytes[..i].ends_with(b": ")
        || bytes[..i].ends_with("\u{201e}".as_bytes())
}

/// The name on the line behind a closing formula, or behind its comma.
pub(super) fn signed(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let mut end = at.start;
    // The formula: up to six words.
    for _ in 0..6 {
        end = word(bytes, end)?.end;
        match bytes.get(end) {
            Some(b' ') if word(bytes, end + 1).is_some() => end += 1,
            _ => break,
        }
    }
    let comma = matches!(bytes.get(end), Some(b',' | b'.' | b'!'));
    let behind = end + usize::from(comma);
    let (start, own_line) = match next_line(bytes, behind) {
        Some(start) => (start, true),
        None if bytes[end..].starts_with(b", ") && end == at.end => (end + 2, false),
        None => return None,
    };
    if own_line && !line_start(bytes, at.start) && !bytes[..at.start].ends_with(b". ") {
        return None;
    }
    let start = start
        + bytes[start..].iter().take(2).take_while(|b| matches!(b, b'-' | b' ' | b'*')).count();
    let first = word(bytes, start)?;
    let start = if first.is(TITLE) && !first.surely(GIVEN | FAMILY) {
        behind_titles(bytes, first.end)?
    } else {
        start
    };
    let name = Name::read(bytes, start, Reading::Cued)?;
    let head = *name.parts().next()?;
    let ends = line_end(bytes, name.end)
        || matches!(&bytes[name.end..], [b',' | b'.' | b'*', ..] | [b' ', b'|' | b'(' | b'-', ..]);
    let evidence = name.parts().any(|word| word.is(GIVEN) || word.surely(FAMILY));
    let unknown = own_line
        && comma | (name.parts().count() > 1)
        && head.case == Case::Title
        && !head.is(ORDINARY | PLACE);
    let second = name.parts().nth(1).is_some_and(|second| known_together(&head, second));
    let fits = ends
        && !head.no_name()
        && !second
        && (evidence || unknown)
        && !named_after(bytes, &name, false);
    fits.then_some(name.start()..name.end)
}

/// The name behind a cue in lower case, behind initials, or between parties.
pub(super) fn introduced(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let head = joined(bytes, at.start)?;
    if code_around(bytes, &head) {
        return None;
    }
    if [b"M. ".as_slice(), b"Pr "].iter().any(|title| bytes[..at.start].ends_with(title))
        && near_french(bytes, at.start)
        && !is_disease(bytes, &head)
    {
        return behind_title(bytes, at.start, true);
    }
    let initials = initials_before(bytes, at.start)
        .filter(|start| !(&bytes[*start..at.start] == b"M. " && is_disease(bytes, &head)));
    if let Some(start) = initials {
        let two = bytes[start..at.start].iter().filter(|b| **b == b'.').count() > 1;
        let name = Name::read(bytes, at.start, Reading::Plain)?;
        if (head.surely(FAMILY)
            || head.unknown()
                && (two
                    || before(bytes, start)
                        .is_some_and(|word| word.case == Case::Lower && word.is(BEFORE))))
            && !named_after(bytes, &name, false)
        {
            return Some(start..name.end);
        }
    }
    if head.is(FAMILY)
        && [b" v. ".as_slice(), b" vs. ", b" v "].iter().any(|versus| {
            bytes[head.end..].starts_with(versus)
                && word(bytes, head.end + versus.len())
                    .is_some_and(|word| word.capital() && (word.is(FAMILY) || word.unknown()))
        })
    {
        return Some(head.start..head.end);
    }
    let (cue, particles) = cue_before(bytes, at.start)?;
    if cue.is(KIN) {
        return kin(bytes, at.start, &cue);
    }
    let start = particles.unwrap_or(at.start);
    let own = (cue.end == cue.start + 1) || !cue.is(TITLE);
    if cue.is(TITLE) && !own {
        return behind_title(bytes, start, true);
    }
    let name = Name::read(bytes, at.start, Reading::Cued)?;
    if head.no_name()
        || named_after(bytes, &name, false)
        || name.parts().nth(1).is_some_and(|second| known_together(&head, second))
    {
        return None;
    }
    let cue_text = &bytes[cue.start..cue.end];
    let before_cue = word_before(bytes, cue.start.saturating_sub(1));
    let sure = match cue_text {
        b"is" | b"ist" | b"es" | b"e" | [0xc3, 0xa8] | [0xc3, 0xa9] => {
            before_cue.is_some_and(|word| {
                matches!(
                    &bytes[word.start..word.end].to_ascii_lowercase()[..],
                    b"name" | b"naam" | b"nombre" | b"nome"
                ) && word_before(bytes, word.start.saturating_sub(1)).is_some_and(|own| {
                    matches!(
                        &bytes[own.start..own.end].to_ascii_lowercase()[..],
                        b"my"
                            | b"mein"
                            | b"mijn"
                            | b"mi"
                            | b"mio"
                            | b"meu"
                            | b"his"
                            | b"her"
                            | b"sein"
                            | b"ihr"
                            | b"full"
                            | b"il"
                    )
                })
            })
        }
        _ => cue.is(NAMED),
    };
    let sie = cue_text.starts_with(b"si")
        && before_cue
            .is_some_and(|word| bytes[word.start..word.end].eq_ignore_ascii_case(b"nazywam"));
    if (sure || sie) && head.case == Case::Title && !head.is(ORDINARY | PLACE)
        || (sure || sie) && head.is(GIVEN)
    {
        return Some(start..name.end);
    }
    let selfish = cue.is(SELF)
        && match cue_text {
            b"m" => {
                bytes[..cue.start].ends_with(b"I'")
                    || bytes[..cue.start].ends_with(b"i'")
                    || bytes[..cue.start].ends_with("I\u{2019}".as_bytes())
            }
            b"is" | b"ist" => before_cue.is_some_and(|word| {
                matches!(
                    &bytes[word.start..word.end].to_ascii_lowercase()[..],
                    b"this" | b"hier" | b"dit" | b"name"
                )
            }),
            b"v" | b"vs" => {
                head.is(FAMILY)
                    || head.unknown() && before_cue.is_some_and(|word| word.surely(FAMILY))
            }
            b"es" | b"e" | b"est" => false,
            _ => true,
        };
    let given = head.surely(GIVEN)
        || head.is(GIVEN) && name.parts().count() > 1
        || cue_text.starts_with(b"v") && head.is(FAMILY | GIVEN);
    let versus = cue_text.starts_with(b"v") && selfish && head.case == Case::Title;
    if selfish && given || versus {
        return Some(start..name.end);
    }
    // `met Xiomara Smith yesterday`: the given name is not known, the family name is.
    let mut parts = name.parts();
    let (Some(_), Some(second), None) = (parts.next(), parts.next(), parts.next()) else {
        return None;
    };
    let fits = cue.is(BEFORE)
        && head.unknown()
        && head.case == Case::Title
        && second.surely(FAMILY)
        && !name.next.is_some_and(|word| word.capital());
    fits.then_some(start..name.end)
}

/// The name behind a relation: `her sister Temi`.
fn kin(bytes: &[u8], at: usize, cue: &Word) -> Option<Range<usize>> {
    let name = Name::read(bytes, at, Reading::Cued)?;
    let head = *name.parts().next()?;
    if head.no_name() || head.case != Case::Title || named_after(bytes, &name, false) {
        return None;
    }
    let whose = word_before(bytes, cue.start.checked_sub(1)?);
    let theirs = || {
        whose.is_some_and(|whose| {
            WHOSE.contains(&&bytes[whose.start..whose.end].to_ascii_lowercase()[..])
        }) || bytes[..cue.start].ends_with(b"'s ")
    };
    let known = head.surely(GIVEN) || name.parts().any(|word| word.surely(FAMILY));
    (known || head.len() > 2 && !head.is(ORDINARY | PLACE | ROLE) && theirs())
        .then_some(name.start()..name.end)
}

/// Whose relation it is.
const WHOSE: &[&[u8]] = &[
    b"my",
    b"his",
    b"her",
    b"their",
    b"our",
    b"your",
    b"mon",
    b"ma",
    b"son",
    b"sa",
    b"notre",
    b"leur",
    b"votre",
    b"mi",
    b"su",
    b"tu",
    b"nuestra",
    b"nuestro",
    b"mio",
    b"mia",
    b"suo",
    b"sua",
    b"tuo",
    b"tua",
    b"mijn",
    b"zijn",
    b"haar",
    b"onze",
    b"hun",
    "mój".as_bytes(),
    b"moja",
    "moją".as_bytes(),
    b"jego",
    b"jej",
    b"ich",
    b"meu",
    b"minha",
    b"seu",
    b"dele",
    b"dela",
    b"swoim",
    "swoją".as_bytes(),
    b"moim",
];

/// Whether a name behind `M.` is that of a disease (`Morbus`, `maladie`).
fn is_disease(bytes: &[u8], name: &Word) -> bool {
    const DISEASES: &[&str] = &[
        "addison",
        "alzheimer",
        "basedow",
        "bechterew",
        "behçet",
        "boeck",
        "crohn",
        "cushing",
        "dupuytren",
        "fabry",
        "gaucher",
        "hashimoto",
        "hirschsprung",
        "hodgkin",
        "huntington",
        "kaposi",
        "ledderhose",
        "menière",
        "meulengracht",
        "ménière",
        "osler",
        "paget",
        "parkinson",
        "perthes",
        "raynaud",
        "scheuermann",
        "schlatter",
        "sjögren",
        "sudeck",
        "wegener",
        "werlhof",
        "whipple",
    ];
    let text = &bytes[name.start..name.end];
    DISEASES.iter().any(|known| text.eq_ignore_ascii_case(known.as_bytes()))
}

/// Whether French is written around `at`, where `M.` is a title.
fn near_french(bytes: &[u8], at: usize) -> bool {
    const WORDS: &[&str] = &[
        " le ", " la ", " les ", " est ", " et ", " du ", " à ", " été ", " que ", " par ",
        " pour ", " né ", " une ", " un ", " au ", " aux ", " avec ", " chez ", " vous ", " nous ",
        " dans ", " ce ",
    ];
    let around = &bytes[at.saturating_sub(80)..bytes.len().min(at + 80)];
    WORDS.iter().any(|word| memchr::memmem::find(around, word.as_bytes()).is_some())
}

/// Where the initials before a family name at `at` begin: `J. R. Smith`.
fn initials_before(bytes: &[u8], at: usize) -> Option<usize> {
    let mut start = None;
    let mut i = at;
    for _ in 0..3 {
        let point = match &bytes[..i] {
            [.., b'.', b' '] => i - 2,
            [.., b'.'] => i - 1,
            _ => break,
        };
        let letter = point.checked_sub(1).filter(|letter| bytes[*letter].is_ascii_uppercase());
        let Some(letter) = letter else { break };
        if letter > 0
            && (bytes[letter - 1].is_ascii_alphanumeric() && !spelled_escape(bytes, letter)
                || bytes[letter - 1] >= 0x80)
        {
            break;
        }
        start = Some(letter);
        i = letter;
    }
    start
}

/// The cue in lower case before `at`, and where particles between them begin.
pub(super) fn cue_before(bytes: &[u8], at: usize) -> Option<(Word, Option<usize>)> {
    let mut i = at;
    let mut particles = None;
    for _ in 0..3 {
        let end = match &bytes[..i] {
            [.., b'.' | b',', b' '] => i - 2,
            [.., b' '] => i - 1,
            _ => return None,
        };
        let word = word_before(bytes, end)?;
        if word.case != Case::Lower {
            return None;
        }
        if bytes[end] == b',' {
            return (i == at && word.is(KIN)).then_some((word, None));
        }
        if word.is(KIN) && bytes[end] == b' ' {
            return Some((word, particles));
        }
        if word.is(NAMED | SELF | TITLE | BEFORE) && (!word.is(PARTICLE) || word.is(SELF | TITLE)) {
            return Some((word, particles));
        }
        if !word.is(PARTICLE) {
            return None;
        }
        i = word.start;
        // `é o Thiago`: an article.
        if word.len() > 1 {
            particles = Some(i);
        }
    }
    None
}

/// The name in the value of the field whose colon is at `at`.
pub(super) fn field(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let mut i = at.end;
    let mut quotes = 0;
    let given = bytes[..at.start].trim_ascii_end().ends_with(b"given\"")
        || bytes[..at.start].ends_with(b"given\\\"");
    while let Some(b) = bytes.get(i) {
        match b {
            b'"' | b'\'' | b'`' if quotes == 0 => quotes = 1,
            b'\\' if bytes.get(i + 1) == Some(&b'"') => {}
            b' ' | b'\t' | b'*' | b'"' | b'_' => {}
            // `"given": ["…"]`
            b'[' if given => {}
            _ => break,
        }
        i += 1;
        if i - at.end > 24 {
            return None;
        }
    }
    // Most values are no words, or words in lower case that are no names: their keys need not be read.
    let first = word(bytes, i)?;
    if first.case == Case::Mixed
        || first.case == Case::Lower && !first.is(GIVEN | FAMILY | PARTICLE | TITLE)
    {
        return None;
    }
    let key = super::field::key_before(bytes, at.start)?;
    let mut kind = super::field::key(key)?;
    if key == b"family" {
        let window = &bytes[at.start.saturating_sub(160)..bytes.len().min(at.end + 160)];
        if memchr::memmem::find(window, b"\"given").is_some() {
            kind = super::field::Kind::Person;
        }
    }
    // A form in capitals.
    let shouted = !key.iter().any(|b| b.is_ascii_lowercase() || *b == b'_');
    super::field::value(bytes, i, kind, shouted)
}
