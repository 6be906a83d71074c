//! Telephone numbers.

use std::ops::Range;

use super::digits::{
    Groups, MAX_GROUPS, Separator, continues_left, continues_right, digits_end, in_a_row,
};
use super::{Detector, Trigger, text};
use crate::redact::Action;

pub(super) const PHONE: Detector = Detector {
    name: "phone",
    label: "PHONE",
    action: Action::Mask,
    shape: "+ and 8 to 15 digits; North American with separators; bare or with a leading 0 beside a word such as `phone`",
    validator: "country code; no 0 before the area code; more the less the separators tell",
    score: 70,
    trigger: Trigger::Digits,
    find,
    positives: &[
        "call ⟦(415) 555-0132⟧ now",
        "⟦(415)555-0132⟧",
        "⟦415-555-0132⟧",
        "⟦415.555.0132⟧",
        "⟦1-800-555-0132⟧",
        "⟦1 (800) 555-0132⟧",
        "⟦1.800.555.0132⟧",
        "⟦415 555-0132⟧",
        "call ⟦415 555 0132⟧",
        "⟦+14155550132⟧",
        "⟦+1 415 555 0132⟧",
        "⟦+1 (415) 555-0132⟧",
        "⟦+1-415-555-0132⟧",
        "⟦+44 20 7946 0958⟧",
        "⟦+49 30 901820⟧",
        "⟦+33 1 70 18 99 00⟧",
        "⟦+86 138 0013 8000⟧",
        "⟦+34 612 34 56 78⟧",
        "tel:⟦+442079460958⟧",
        "\"⟦+442079460958⟧\"",
        "\\n⟦415-555-0132⟧",
        "https://x/?p=⟦415-555-0132⟧",
        "notes/⟦415-555-0132⟧",
        "phone: ⟦4155550132⟧",
        "homePhone=⟦4155550132⟧",
        "phone_number: ⟦4155550132⟧",
        "phoneNumber: ⟦4155550132⟧",
        "Tel. ⟦020 7946 0958⟧",
        "⟦415‑555‑0132⟧",
        "3 ⟦415-555-0132⟧",
        "⟦555-867-5309⟧",
        "⟦(555) 123-4567⟧",
        "⟦123-456-7890⟧",
        "⟦+1 555 123 4567⟧",
        "mobile: ⟦5551234567⟧",
        "phones: ⟦4155550132⟧",
        "\\nphone: ⟦4155550132⟧",
        "To=⟦%2B14155550132⟧&From=1",
        "%22To%22%3A⟦%2b442079460958⟧",
        "{\\u0022tel\\u0022:\\u0022⟦\\u002B14155550132⟧\\u0022}",
        "\\n⟦1-800-555-0132⟧",
        "q=%20⟦415-555-0132⟧%20",
        "\x1b[31m⟦415-555-0132⟧\x1b[0m",
        "\x1b[01;31m\x1b[K⟦415-555-0132⟧\x1b[m",
        "\\u001b[1;32m⟦415-555-0132⟧\\u001b[0m",
    ],
    look_alikes: &[
        "timestamp 4155550132",
        "4155550132",
        "1732179600000000000",
        "640 480 1024 768",
        "550e8400-e29b-41d4-a716-446655440000",
        "2024-11-21 08:59:37",
        "015-555-0132",
        "115.555.0132",
        "415 055 0132",
        "+20240115,1",
        "1-415-555-01320",
        "415-555-0132-9",
        "978-3-16-148410-0",
        "+0100",
        "1+14155550132",
        "+1234567890",
        "9415-555-0132",
        "10.415.555.0132",
        "@@ -1,7 +1,12 @@",
        "callback(2155550132)",
        "tell 2155550132",
        "cell 0 0 0 0 0 0 0 0 0 0",
        "phonetics 2155550132",
        "a[3m415-555-0132",
        "%41415-555-0132",
        "x%2D14155550132",
        "iphone 2155550132",
        "+12345",
    ],
};

/// The number whose first digits are the run at `run`.
fn find(text: &str, run: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    if let Some(plus) = text::plus_before(bytes, run.start) {
        return international(bytes, plus, run.start);
    }
    if run.len() == 3 || run.len() == 1 && bytes[run.start] == b'1' {
        let found = north_american(bytes, run.start, &Groups::read(bytes, run.start, 4));
        if found.is_some() {
            return found;
        }
    }
    // Without separators that tell, only a word before the number does.
    if bytes[run.start] == b'0' || matches!(run.len(), 10 | 11) {
        return named(bytes, run.start);
    }
    None
}

/// `+` and a country code, up to 15 digits (ITU-T E.164).
fn international(bytes: &[u8], plus: usize, first: usize) -> Option<Range<usize>> {
    if !text::word_start(bytes, plus) || bytes[first] == b'0' {
        return None;
    }
    let groups = Groups::read(bytes, first, MAX_GROUPS);
    let mut number = Vec::with_capacity(16);
    let mut end = None;
    let american = bytes[first] == b'1';
    for i in 0..groups.count() {
        number.extend_from_slice(&groups.digits(bytes, i)[..groups.len(i).min(16)]);
        if number.len() > 15 {
            break;
        }
        if !american || number.len() == 11 {
            end = Some(groups.end(i));
        }
        if american && number.len() >= 11 {
            break;
        }
    }
    let end = end?;
    let digits = number.len().min(15);
    let valid = if american {
        digits >= 11 && number[1] > b'1'
    } else {
        // `+20240115` is a date in a diff.
        digits >= if groups.count() > 1 { 8 } else { 9 } && known_country(&number)
    };
    valid.then_some(plus..end)
}

/// `415-555-0132` and its kin, with or without the leading 1.
fn north_american(bytes: &[u8], first: usize, groups: &Groups) -> Option<Range<usize>> {
    let (lead, groups_used) = match groups.shape() {
        [1, 3, 3, 4, ..] if bytes[first] == b'1' => (1, 4),
        [3, 3, 4, ..] => (0, 3),
        [3, 7, ..] if groups.separator(0) != Separator::Space => (0, 2),
        _ => return None,
    };
    let opened = first > 0 && bytes[first - 1] == b'(';
    let start = if opened && groups.separator(0) == Separator::Paren { first - 1 } else { first };
    let range = start..groups.end(groups_used - 1);
    let joined_by = |kind| (lead..groups_used - 1).all(|i| groups.separator(i) == kind);
    let (area, exchange) = (groups.digits(bytes, lead)[0], groups.digits(bytes, lead + 1)[0]);
    // Dots and spaces join numbers of all kinds; the invented numbers that people use too come with dashes.
    let plausible = if joined_by(Separator::Space) {
        area > b'1' && exchange > b'1'
    } else if joined_by(Separator::Dot) {
        area > b'1'
    } else {
        area > b'0'
    };
    if !plausible
        || !text::word_start(bytes, start)
        || !text::word_end(bytes, range.end)
        || continues_left(bytes, start)
        || continues_right(bytes, range.end)
    {
        return None;
    }
    if joined_by(Separator::Space)
        && in_a_row(bytes, &range)
        && !text::said_before(bytes, start, 24, WORDS)
    {
        return None;
    }
    Some(range)
}

/// Digits without a telling shape, right after a word that says what they are.
fn named(bytes: &[u8], first: usize) -> Option<Range<usize>> {
    let start = if first > 0 && bytes[first - 1] == b'(' { first - 1 } else { first };
    if !text::word_start(bytes, start) || continues_left(bytes, start) {
        return None;
    }
    let groups = Groups::read(bytes, first, MAX_GROUPS);
    let mut total = 0;
    let mut end = None;
    for i in 0..groups.count() {
        total += groups.len(i);
        if total > 13 {
            break;
        }
        end = Some((groups.end(i), total, i + 1));
    }
    let (end, digits, used) = end?;
    // Nobody writes digit by digit; tables of zeros do.
    let trunk = bytes[first] == b'0' && (9..=13).contains(&digits) && digits + 1 >= 2 * used;
    let run = digits_end(bytes, first);
    let bare = match run - first {
        10 => bytes[first] > b'1',
        11 => bytes[first] == b'1' && bytes[first + 1] > b'1',
        _ => false,
    };
    let end = if bare { run } else { end };
    let shaped = trunk || bare;
    (shaped
        && text::word_end(bytes, end)
        && !continues_right(bytes, end)
        && text::said_before(bytes, start, 20, WORDS))
    .then_some(start..end)
}

/// Whether the digits can begin with a country code; 28, 83 and 89 are spare (ITU-T E.164, list of assigned codes).
fn known_country(number: &[u8]) -> bool {
    matches!(number, [b'2'..=b'9', _, ..])
        && !matches!(number, [b'2', b'8', ..] | [b'8', b'3' | b'9', ..])
}

/// Words that announce a telephone number.
const WORDS: &[&str] =
    &["phone", "telephone", "tel", "mobile", "cell", "call", "fax", "whatsapp", "telefon", "handy"];
