//! Dates of birth: any date, where a word nearby says that somebody was born.

use std::ops::Range;

use super::context::{self, BIRTH};
use super::digits::{Runs, digits_end};
use super::{Detector, Trigger, text};
use crate::redact::Action;

pub(super) const DATE_OF_BIRTH: Detector = Detector {
    name: "date-of-birth",
    label: "DATE_OF_BIRTH",
    action: Action::Mask,
    shape: "a date in figures, with the month in words, or in Chinese; beside `born`, `DOB`, `geb.`, `né(e) le` and the like",
    validator: "day, month and year exist",
    score: 80,
    trigger: Trigger::Digits(
        Runs::of(1, 2).and(Runs::of(4, 4)).and(Runs::of(8, 8)).and(Runs::YEAR),
    ),
    find,
    positives: &[
        "DOB: ⟦1985-03-04⟧",
        "DOB ⟦03/04/1985⟧,",
        "born on ⟦March 4, 1985⟧.",
        "born ⟦4th of March 1985⟧ in Leeds",
        "born ⟦4 Mar 1985⟧",
        "Born: ⟦04-Mar-1985⟧",
        "Date of birth (DD/MM/YYYY): ⟦4/3/85⟧",
        "geboren am ⟦4. März 1985⟧ in Ulm",
        "geb. ⟦04.03.1985⟧",
        "Geburtsdatum: ⟦4.3.1985⟧",
        "née le ⟦4 mars 1985⟧ à Lyon",
        "né le ⟦1er août 1985⟧",
        "Nací el ⟦3 de mayo de 1988⟧.",
        "nacido el ⟦4 de marzo de 1985⟧",
        "Fecha de nacimiento: ⟦04/03/1985⟧",
        "nata il ⟦4 marzo 1985⟧",
        "nato a Roma il ⟦04/03/1985⟧",
        "geboren op ⟦4 maart 1985⟧",
        "geboortedatum ⟦04-03-1985⟧",
        "urodzony ⟦4 marca 1985⟧ r.",
        "ur. ⟦04.03.1985⟧ w Łodzi",
        "nascida em ⟦4 de março de 1985⟧",
        "出生日期：⟦1985年3月4日⟧",
        "⟦1985年03月04日⟧出生",
        "生日 ⟦1985-03-04⟧",
        "{\"birth_date\": \"⟦1985-03-04⟧\"}",
        "\"dateOfBirth\":\"⟦1985-03-04⟧T00:00:00Z\"",
        "birthday=⟦19850304⟧",
        "his birthday is ⟦March 4th, 1985⟧",
        "⟦1985-03-04⟧ (date of birth)",
        "geb. ⟦22.05.1988⟧, fristgerecht zum 12.02.2026",
        "born ⟦2 June 1944⟧, died 3 May 2024",
        "lote 123456789, nascido a ⟦30-12-1949⟧.",
        "F. nac.: ⟦07/07/1955⟧.",
        "the above, b. ⟦3 May 1951⟧, seen",
        "der Obige, *⟦09.08.1990⟧",
        "der Obige (* ⟦9.8.1990⟧ in Ulm)",
    ],
    look_alikes: &[
        "sub. 3 May 1951",
        "**2024-03-04**",
        "* 12.03.2026 meeting",
        "1985-03-04",
        "created 1985-03-04",
        "on March 4, 1985 we met",
        "birth rate 12.5 in 1985",
        "born in 1985",
        "dob: 1985-13-44",
        "born 1.2.3",
        "geb. 12 Rosen",
        "birthday party for 25 on stage 2024",
        "birth_count = 20240304123",
        "版本 1985年3月4日",
    ],
};

fn find(text: &str, run: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let range = figures(bytes, &run).or_else(|| words(text, &run))?;
    let open = text::word_start(bytes, range.start)
        && !super::digits::continues_left(bytes, range.start)
        && !bytes.get(range.end).is_some_and(u8::is_ascii_digit);
    let said = || {
        context::around(bytes, range.start, range.end).near & BIRTH != 0
            && !of_another_day(bytes, &range)
    };
    (open && (is_marked(&bytes[..range.start]) || said())).then_some(range)
}

/// `, b. ` and the star of German registers.
fn is_marked(before: &[u8]) -> bool {
    [b", b. ".as_slice(), b"(b. ", b", *", b"(*", b", * ", b"(* "]
        .iter()
        .any(|mark| before.ends_with(mark))
}

/// Whether another date stands between the word of birth and this one, with a word of its own: `…1988, died 3 May 2024`.
fn of_another_day(bytes: &[u8], range: &Range<usize>) -> bool {
    let window = &bytes[range.start.saturating_sub(48)..range.start];
    let died = |word: &[u8]| DEATHS.iter().any(|death| word.eq_ignore_ascii_case(death.as_bytes()));
    let gap = window.iter().rposition(u8::is_ascii_digit).map_or(0, |at| at + 1);
    // `1234567, born 2 June 1944`
    if context::before(&window[gap..], window.len() - gap).near & BIRTH != 0 {
        return false;
    }
    let mut words = window[gap..].split(|b| !b.is_ascii_alphabetic() && *b < 0x80);
    let year = gap >= 4 && window[gap - 4..gap].iter().all(u8::is_ascii_digit);
    let other = |word: &[u8]| word.len() > 3 && word[0].is_ascii_lowercase();
    let says_birth = context::before(bytes, range.start).announced & BIRTH != 0
        || context::behind(bytes, range.end) & BIRTH != 0;
    !says_birth && words.any(|word| died(word) || year && other(word))
}

/// What says of a date that somebody died.
const DEATHS: &[&str] = &[
    "died",
    "deceased",
    "gestorben",
    "verstorben",
    "décédé",
    "décédée",
    "falleció",
    "fallecido",
    "morto",
    "morta",
    "deceduto",
    "deceduta",
    "overleden",
    "zmarł",
    "zmarła",
    "faleceu",
];

/// A date in figures that begins with `run`.
fn figures(bytes: &[u8], run: &Range<usize>) -> Option<Range<usize>> {
    let number = |range: &Range<usize>| super::check::number(&bytes[range.clone()]);
    if run.len() == 8 {
        let at = run.start;
        let (month, day) = (number(&(at + 4..at + 6)), number(&(at + 6..at + 8)));
        return (is_year(number(&(at..at + 4))) && is_day(month, day)).then(|| run.clone());
    }
    let (second, kind) = joint(bytes, run.end)?;
    let second = second..digits_end(bytes, second);
    if second.is_empty() || second.len() > 2 {
        return None;
    }
    let (third, other) = joint(bytes, second.end)?;
    let third = third..digits_end(bytes, third);
    if third.is_empty() || third.len() > 4 {
        return None;
    }
    let (first, middle, last) = (number(run), number(&second), number(&third));
    match (kind, other, run.len(), third.len()) {
        (Joint::Year, Joint::Month, 4, 1..=2) => {
            let end = third.end;
            let closed = bytes[end..].starts_with("日".as_bytes())
                || bytes[end..].starts_with("号".as_bytes());
            (closed && is_year(first) && is_day(middle, last)).then_some(run.start..end + 3)
        }
        (Joint::Mark(a), Joint::Mark(b), 4, 1..=2) if a == b => {
            (is_year(first) && is_day(middle, last)).then_some(run.start..third.end)
        }
        (Joint::Mark(a), Joint::Mark(b), 1..=2, 2 | 4) if a == b => {
            let year = third.len() == 2 || is_year(last);
            let day = is_day(middle, first) || is_day(first, middle);
            (year && day).then_some(run.start..third.end)
        }
        _ => None,
    }
}

#[derive(PartialEq, Eq)]
enum Joint {
    Mark(u8),
    Year,
    Month,
}

/// What joins two figures of a date at `at`, and where the next one begins.
fn joint(bytes: &[u8], at: usize) -> Option<(usize, Joint)> {
    let mark = *bytes.get(at)?;
    match mark {
        b'.' | b'/' | b'-' => {
            let spaced = usize::from(mark == b'.' && bytes.get(at + 1) == Some(&b' '));
            Some((at + 1 + spaced, Joint::Mark(mark)))
        }
        _ if bytes[at..].starts_with("年".as_bytes()) => Some((at + 3, Joint::Year)),
        _ if bytes[at..].starts_with("月".as_bytes()) => Some((at + 3, Joint::Month)),
        _ => text::dash_len(bytes, at).map(|len| (at + len, Joint::Mark(b'-'))),
    }
}

/// A date whose month is a word and whose year is `run`.
fn words(text: &str, run: &Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    if run.len() != 4 || !is_year(super::check::number(&bytes[run.clone()])) {
        return None;
    }
    let mut at = skip_back(bytes, run.start, b" ,.-/");
    if at == run.start || at == 0 {
        return None;
    }
    if bytes[at - 1].is_ascii_digit() || ends_ordinal(bytes, at) {
        // `March 4, 1985`
        let (day, start) = day_before(bytes, at)?;
        let month = skip_back(bytes, start, b" .");
        let word = letters_before(bytes, month);
        let named = start > month && (1..=31).contains(&day) && is_month(text.get(word..month)?);
        return named.then_some(word..run.end);
    }
    // `4 March 1985`, `4 de marzo de 1985`
    at = skip_particle(bytes, at);
    let word = letters_before(bytes, at);
    let end = skip_particle(bytes, skip_back(bytes, word, b" .-/,"));
    let (day, start) = day_before(bytes, end)?;
    let named = (1..=31).contains(&day) && is_month(text.get(word..at)?);
    named.then_some(start..run.end)
}

fn skip_back(bytes: &[u8], from: usize, marks: &[u8]) -> usize {
    let len = bytes[..from].iter().rev().take(4).take_while(|b| marks.contains(b)).count();
    from - len
}

/// Where the text before a `de`, `del`, `of` or `do` at `at` ends.
fn skip_particle(bytes: &[u8], at: usize) -> usize {
    let word = letters_before(bytes, at);
    let particle = [&b"de"[..], b"del", b"of", b"di"].contains(&&bytes[word..at]);
    if particle { skip_back(bytes, word, b" ") } else { at }
}

/// The start of the word of letters that ends at `at`.
fn letters_before(bytes: &[u8], at: usize) -> usize {
    let from = at.saturating_sub(16);
    at - bytes[from..at].iter().rev().take_while(|b| b.is_ascii_alphabetic() || **b >= 0x80).count()
}

fn ends_ordinal(bytes: &[u8], at: usize) -> bool {
    let word = letters_before(bytes, at);
    let ordinal = [&b"st"[..], b"nd", b"rd", b"th", b"er", "º".as_bytes(), "°".as_bytes()];
    word > 0 && bytes[word - 1].is_ascii_digit() && ordinal.contains(&&bytes[word..at])
}

/// The day that ends at `at`, ordinal endings included, and where it starts.
fn day_before(bytes: &[u8], at: usize) -> Option<(u64, usize)> {
    let end = if ends_ordinal(bytes, at) { letters_before(bytes, at) } else { at };
    let len = bytes[..end].iter().rev().take(3).take_while(|b| b.is_ascii_digit()).count();
    (1..=2).contains(&len).then(|| (super::check::number(&bytes[end - len..end]), end - len))
}

fn is_year(year: u64) -> bool {
    (1880..=2035).contains(&year)
}

fn is_day(month: u64, day: u64) -> bool {
    (1..=12).contains(&month) && (1..=31).contains(&day)
}

/// Whether `word` names a month in one of the nine languages, in full or short.
fn is_month(word: &str) -> bool {
    let word = word.trim_end_matches('.').to_lowercase();
    MONTHS.split_ascii_whitespace().any(|month| {
        word == month || word.len() >= 3 && word.is_char_boundary(3) && SHORT.contains(&&*word)
    })
}

const MONTHS: &str = "january february march april may june july august september october november december \
    januar jänner februar feber märz maerz mai juni juli oktober dezember \
    janvier février fevrier mars avril juin juillet août aout septembre octobre novembre décembre decembre \
    enero febrero marzo abril mayo junio julio agosto septiembre setiembre octubre noviembre diciembre \
    gennaio febbraio aprile maggio giugno luglio settembre ottobre dicembre \
    januari februari maart mei augustus \
    stycznia lutego marca kwietnia maja czerwca lipca sierpnia września wrzesnia października pazdziernika listopada grudnia \
    styczeń luty marzec kwiecień maj czerwiec lipiec sierpień wrzesień październik listopad grudzień \
    janeiro fevereiro março marco maio junho julho setembro outubro novembro dezembro";
const SHORT: &[&str] = &[
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec",
    "mär", "mrz", "okt", "dez", "janv", "févr", "fév", "avr", "juil", "aoû", "déc", "ene", "abr",
    "ago", "dic", "gen", "mag", "giu", "lug", "set", "ott", "mrt", "mei", "sty", "lut", "kwi",
    "maj", "cze", "lip", "sie", "wrz", "paź", "lis", "gru", "fev", "out", "mai", "jui",
];
