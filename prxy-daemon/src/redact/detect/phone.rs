//! Telephone numbers.

use std::ops::Range;

use super::context::{self, CARD, PHONE as TOPIC};
use super::digits::{
    Groups, MAX_GROUPS, Runs, Separator, continues_left, continues_right, digits_end, in_a_row,
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
    trigger: Trigger::Digits(Runs::of(1, 13).and(Runs::SIGNED).and(Runs::HEX)),
    find,
    positives: &[
        "call ⟦(415) 555-0132⟧ now",
        "⟦(415) 555-0132 ext. 12⟧",
        "⟦+1-415-555-0132 x99⟧,",
        "⟦01 70 18 99 00⟧",
        "⟦06.12.34.56.78⟧",
        "au ⟦06-12-34-56-78⟧.",
        "unter ⟦0551 / 40 12 77⟧ oder",
        "tel ⟦089/ 2180-2345⟧",
        "⟦0049(0)8963648018⟧",
        "⟦(+34) 655 443 322⟧",
        "contactar con ella en el ⟦912 345 678⟧",
        "telef. ⟦21 342 11 00⟧",
        "⟦020 7946 0958⟧",
        "⟦(020) 7946 0958⟧",
        "⟦07700 900123⟧",
        "⟦030/901820⟧",
        "⟦0171-1234567⟧",
        "⟦06-12345678⟧",
        "⟦0049 30 901820⟧",
        "⟦+44 (0)20 7946 0958⟧",
        "⟦+49 (0) 30 / 901820⟧",
        "⟦612 34 56 78⟧",
        "tel. ⟦512 345 678⟧",
        "telemóvel ⟦912 345 678⟧",
        "⟦(11) 91234-5678⟧",
        "⟦11 91234-5678⟧",
        "⟦+91 98765 43210⟧",
        "mobile ⟦98765 43210⟧",
        "手机号⟦13800138000⟧",
        "我的号码是⟦13800138000⟧。",
        "⟦138-0013-8000⟧",
        "⟦010-12345678⟧",
        "cell. ⟦333 1234567⟧",
        "Handy: ⟦0171 1234567⟧",
        "⟦4155550132⟧ is my cell",
        "phone: ⟦555-0132⟧",
        "\"phone\": \"⟦4155550132⟧\"",
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
        "订单号13800138000",
        "call 2024-11-21",
        "dial 10.11.12.13",
        "phone: x, order: 4155550199",
        "01 02 03 04 05 06 07 08 09 10",
        "0.30 901820",
        "2024-01-15 10:30:00",
        "a[3m415-555-0132",
        "%41415-555-0132",
        "x%2D14155550132",
        "iphone 2155550132",
        "+12345",
        "order 912 345 678",
    ],
};

/// The number whose first digits are the run at `run`.
fn find(text: &str, run: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    if let Some(plus) = text::plus_before(bytes, run.start) {
        return international(bytes, plus, run.start).map(|hit| with_extension(bytes, hit));
    }
    // A word of hexadecimal digits.
    if bytes.get(run.end).is_some_and(u8::is_ascii_alphabetic) {
        return None;
    }
    let start = opening(bytes, run.start);
    if !text::word_start(bytes, start) || continues_left(bytes, start) {
        return None;
    }
    if run.len() >= 9 && context::is_silent(bytes, start) {
        return None;
    }
    // `2024-11-21`, the most common of all.
    let dashed = |i: usize| bytes.get(i) == Some(&b'-');
    if run.len() == 4 && dashed(run.end) && dashed(run.end + 3) {
        return None;
    }
    // Inside a row of numbers only a word can tell one.
    if run.len() < 7 && start >= 2 && bytes[start - 1] == b' ' && bytes[start - 2].is_ascii_digit()
    {
        let window = &bytes[start.saturating_sub(24)..start];
        let dashed = matches!(bytes.get(run.end), Some(b'-' | b'.' | b')'));
        if !dashed && !window.iter().any(|b| b.is_ascii_alphabetic() || *b >= 0x80) {
            return None;
        }
    }
    if run.len() == 3 || run.len() == 1 && bytes[run.start] == b'1' {
        let found = north_american(bytes, run.start, &Groups::read(bytes, run.start, 4));
        if found.is_some() {
            return found.map(|hit| with_extension(bytes, hit));
        }
    }
    let lead = bytes[run.start];
    let shape = match run.len() {
        1 => false,
        2 => true,
        3 => matches!(lead, b'0' | b'1' | b'6' | b'7' | b'9'),
        4 | 5 => lead == b'0' || start < run.start,
        _ => false,
    };
    if shape && let Some(hit) = shaped(bytes, run.start) {
        return Some(hit);
    }
    named(bytes, &run)
}

/// `start` or the parenthesis right before it.
fn opening(bytes: &[u8], start: usize) -> usize {
    if start > 0 && bytes[start - 1] == b'(' { start - 1 } else { start }
}

/// The hit with the extension that follows it, such as ` ext. 12` or `x12`.
fn with_extension(bytes: &[u8], hit: Range<usize>) -> Range<usize> {
    let spaced = hit.end + usize::from(bytes.get(hit.end) == Some(&b' '));
    let word = text::run_end(bytes, spaced, 10, |b| b.is_ascii_alphabetic());
    let known = [&b"x"[..], b"ext", b"extension"];
    if !known.iter().any(|known| bytes[spaced..word].eq_ignore_ascii_case(known)) {
        return hit;
    }
    let first = text::run_end(bytes, word, 2, |b| matches!(b, b'.' | b' '));
    let end = digits_end(bytes, first);
    if (1..=6).contains(&(end - first)) && text::word_end(bytes, end) {
        hit.start..end
    } else {
        hit
    }
}

/// Groups that a country writes like this and hardly anything else does.
fn shaped(bytes: &[u8], first: usize) -> Option<Range<usize>> {
    let groups = Groups::read(bytes, first, 7);
    let start = opening(bytes, first);
    let paren = start < first;
    let lead = bytes[first];
    let second = bytes.get(first + 1).copied().unwrap_or(b' ');
    let count = groups.count();
    let lens = &groups.shape()[..count];
    let joint = |i: usize| groups.separator(i);
    let alike = |n: usize| (1..n - 1).all(|i| joint(i) == joint(0));
    let plain = |n: usize| {
        (0..n - 1).all(|i| matches!(joint(i), Separator::Space | Separator::Dash | Separator::Dot))
    };
    let total = |n: usize| lens[..n].iter().sum::<usize>();
    let used = match lens {
        // France: five pairs.
        [2, 2, 2, 2, 2, ..] if lead == b'0' && second != b'0' && alike(5) && plain(5) => 5,
        // Spain and Poland, landlines.
        [2, 3, 2, 2, ..]
            if matches!(lead, b'1'..=b'9')
                && joint(0) == Separator::Space
                && alike(4)
                && lead >= b'8' =>
        {
            4
        }
        [3, 2, 2, 2, ..] if matches!(lead, b'6' | b'7' | b'9') && alike(4) && plain(4) => 4,
        // Brazil.
        [2, 4..=5, 4, ..]
            if joint(1) == Separator::Dash
                && (paren || lens[1] == 5 && joint(0) == Separator::Space) =>
        {
            3
        }
        // China.
        [3, 4, 4, ..]
            if lead == b'1'
                && second >= b'3'
                && alike(3)
                && matches!(joint(0), Separator::Space | Separator::Dash) =>
        {
            3
        }
        [3..=4, 7..=8, ..] if lead == b'0' && joint(0) == Separator::Dash => 2,
        // The trunk prefix 0 and an area code: Britain, Germany, Italy, the Netherlands.
        [2..=5, 3..=9, ..] if lead == b'0' && second != b'0' => {
            let open =
                paren || matches!(joint(0), Separator::Space | Separator::Dash | Separator::Slash);
            // Other numbers are written 01-23-45 and 012-345-6789.
            let most = if lens[0] == 2 { 2 } else { 4 };
            if lens.starts_with(&[3, 3, 4]) && joint(0) != Separator::Space {
                return None;
            }
            let n = [4, 3, 2].into_iter().find(|n| {
                *n <= count
                    && *n <= most
                    && (*n != 3 || lens[2] >= 3)
                    && (*n != 4 || lens[1] == 3)
                    && (9..=12).contains(&total(*n))
                    && (1..*n).all(|i| lens[i] >= 2)
                    && (1..*n - 1).all(|i| matches!(joint(i), Separator::Space | Separator::Dash))
            })?;
            if !open || n == 2 && lens[1] > 8 && joint(0) == Separator::Space && !paren {
                return None;
            }
            n
        }
        // `0551 / 40 12 77`
        [3..=5, 2, 2, 2, ..] if lead == b'0' && second != b'0' && joint(0) == Separator::Slash => {
            let n = if lens.get(4) == Some(&2) { 5 } else { 4 };
            (1..n - 1).all(|i| joint(i) == Separator::Space).then_some(n)?
        }
        // `0049 30 901820`
        [4, ..]
            if lead == b'0' && second == b'0' && known_country(&bytes[first + 2..first + 4]) =>
        {
            let n = (2..=count.min(6)).rev().find(|n| {
                let trunk = |i| i == 1 && joint(0) == Separator::Paren;
                (11..=17).contains(&total(*n)) && (1..*n).all(|i| lens[i] >= 2 || trunk(i))
            })?;
            // `0049(0)89 …`
            (plain(n) || joint(0) == Separator::Paren && lens[1] == 1).then_some(n)?
        }
        _ => return None,
    };
    let range = start..groups.end(used - 1);
    let closed = text::word_end(bytes, range.end) && !continues_right(bytes, range.end);
    // `06-12-34-56-78-ab` is the address of a network card.
    let coded = joint(0) == Separator::Dash
        && lens[0] == 2
        && bytes.get(range.end) == Some(&b'-')
        && bytes.get(range.end + 1).is_some_and(u8::is_ascii_hexdigit);
    let closed = closed && !coded;
    let row = joint(0) == Separator::Space && in_a_row(bytes, &range);
    (closed && !row && !is_time(bytes, &range)).then_some(range)
}

/// Whether a clock's or an amount's mark follows.
fn is_time(bytes: &[u8], range: &Range<usize>) -> bool {
    matches!(bytes.get(range.end), Some(b':' | b'%' | b'$'))
        && bytes.get(range.end + 1).is_some_and(u8::is_ascii_digit)
        || range.start > 0
            && matches!(bytes[range.start - 1], b'$' | b'#' | b':')
            && range.start > 1
            && bytes[range.start - 2].is_ascii_digit()
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
    // `(+34) 655 443 322`
    let opened = plus > 0 && bytes[plus - 1] == b'(' && bytes[plus..end].contains(&b')');
    let opened = opened && !bytes[plus..end].contains(&b'(');
    valid.then_some(plus - usize::from(opened)..end)
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
        && context::before(bytes, start).near & TOPIC == 0
    {
        return None;
    }
    Some(range)
}

/// Digits without a telling shape, beside a word that says what they are.
fn named(bytes: &[u8], run: &Range<usize>) -> Option<Range<usize>> {
    let first = run.start;
    let start = opening(bytes, first);
    let groups = Groups::read(bytes, first, MAX_GROUPS);
    let mut total = 0;
    let mut end = None;
    for i in 0..groups.count() {
        total += groups.len(i);
        if total > 14 {
            break;
        }
        end = Some((groups.end(i), total, i + 1));
    }
    let (end, digits, used) = end?;
    let said = || context::around(bytes, start, end);
    let closed = |end: usize| text::word_end(bytes, end) && !continues_right(bytes, end);
    // A Chinese mobile number needs no more than Chinese around it.
    if run.len() == 11
        && bytes[first] == b'1'
        && matches!(bytes[first + 1], b'3'..=b'9')
        && closed(run.end)
    {
        let said = context::around(bytes, start, run.end);
        let number = bytes[..start].ends_with("号".as_bytes())
            || bytes[..start].ends_with("号：".as_bytes());
        let chinese = |part: &[u8]| part.iter().any(|b| matches!(b, 0xE4..=0xE9));
        let beside = chinese(&bytes[start.saturating_sub(9)..start])
            || chinese(&bytes[run.end..bytes.len().min(run.end + 9)]);
        if said.near & TOPIC != 0 || beside && !number && said.near == 0 {
            return Some(run.clone());
        }
    }
    // Nobody writes digit by digit; tables of zeros do.
    if context::is_silent(bytes, start) || digits < 7 || digits + 1 < 2 * used {
        return None;
    }
    let trunk = bytes[first] == b'0' && (9..=13).contains(&digits);
    let grouped = used > 1 && (8..=12).contains(&digits) && groups.len(0) >= 2;
    let bare = match run.len() {
        10 => bytes[first] > b'1',
        11 => bytes[first] == b'1' && bytes[first + 1] > b'1',
        9 => bytes[first] > b'1',
        _ => false,
    };
    if bare && closed(run.end) && context::around(bytes, start, run.end).near & TOPIC != 0 {
        return Some(start.max(run.start)..run.end);
    }
    if !closed(end) || figures(&groups, used) {
        return None;
    }
    let said = said();
    (said.near & TOPIC != 0 && (trunk || grouped) && said.near & !(TOPIC | CARD) == 0
        || said.announced & TOPIC != 0 && digits >= 7)
        .then_some(start..end)
}

/// Whether the groups are a date or an address of the Internet.
fn figures(groups: &Groups, used: usize) -> bool {
    let dotted = (0..used - 1).all(|i| {
        matches!(groups.separator(i), Separator::Dot | Separator::Dash | Separator::Slash)
    });
    let shape = &groups.shape()[..used];
    match shape {
        [4, 1..=2, 1..=2, ..] | [1..=2, 1..=2, 4, ..] => {
            dotted || groups.separator(0) != Separator::Space
        }
        [1..=3, 1..=3, 1..=3, 1..=3] => dotted && groups.separator(0) == Separator::Dot,
        _ => false,
    }
}

/// Whether the digits can begin with a country code; 28, 83 and 89 are spare (ITU-T E.164, list of assigned codes).
fn known_country(number: &[u8]) -> bool {
    matches!(number, [b'2'..=b'9', _, ..])
        && !matches!(number, [b'2', b'8', ..] | [b'8', b'3' | b'9', ..])
}
