//! Payment card numbers.

use std::ops::Range;

use super::check::luhn;
use super::context::{self, CARD};
use super::digits::{Groups, MAX_GROUPS, Runs, Separator, continues_left, continues_right};
use super::{Detector, Trigger, text};
use crate::redact::Action;

pub(super) const CREDIT_CARD: Detector = Detector {
    name: "payment-card",
    label: "CREDIT_CARD",
    action: Action::Mask,
    shape: "13 to 19 digits, bare or in groups that spaces (two at most), dashes or dots join",
    validator: "Luhn; issuer prefix with that issuer's lengths",
    score: 95,
    trigger: Trigger::Digits(Runs::of(2, 4).and(Runs::of(8, 19))),
    find,
    positives: &[
        "card ⟦4111 1111 1111 1111⟧ exp 12/27",
        "⟦4111-1111-1111-1111⟧",
        "⟦4111.1111.1111.1111⟧",
        "⟦4111111111111111⟧",
        "⟦3782 822463 10005⟧",
        "⟦378282246310005⟧",
        "⟦5555 5555 5555 4444⟧",
        "⟦2223003122003222⟧",
        "⟦6011 1111 1111 1117⟧",
        "⟦3056 9309 0259 04⟧",
        "⟦3566002020360505⟧",
        "⟦6200000000000005⟧",
        "card:⟦4111111111111111⟧",
        "card_⟦4111111111111111⟧",
        "card%3A⟦4111111111111111⟧",
        "\\u0022⟦4111 1111 1111 1111⟧\\u0022",
        "\\n⟦4111111111111111⟧\\n",
        "⟦4111 1111 1111 1111⟧ 123",
        "⟦41 11 11 11 11 11 11 11⟧",
        "order 12 ⟦4111 1111 1111 1111⟧",
        "card ⟦4111  1111  1111  1111⟧ ok",
        "⟦4111 - 1111 - 1111 - 1111⟧",
        "卡号⟦4111111111111111⟧。",
        "银行卡 ⟦6222021234567890128⟧",
        "⟦6222 0212 3456 7890 128⟧",
        "Maestro ⟦6759649826438453⟧",
        "diners club ⟦30569309025904⟧",
        "⟦4111 1111\n1111 1111⟧",
    ],
    look_alikes: &[
        "4111111111111112",
        "4111 1111 1111 1112",
        "1732179600000",
        "1732179600000000",
        "1732179600000000000",
        "6222021234567890128",
        "4222222222222",
        "978-3-16-148410-0",
        "9783161484100",
        "a4111111111111111f",
        "41111111111111111111111111111111",
        "0.4111111111111111",
        "0000000000000000",
        "9411 1111 1111 1111",
        "412345678901234567",
        "62.642721301357187",
        "lon 30.49475907497664",
        "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
        "4111\n1111\n1111\n1111",
        "2436\n2437\n2445\n2447\n2449\n2451",
    ],
};

fn find(text: &str, run: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    if run.len() > 19 || !text::word_start(bytes, run.start) || continues_left(bytes, run.start) {
        return None;
    }
    // No issuer has a number that begins with 0, 1, 7 or 9.
    if run.len() < 2 || matches!(bytes[run.start], b'0' | b'1' | b'7' | b'9') {
        return None;
    }
    // Four digits are followed by four or six, two by two.
    if run.len() < 13 {
        let rest = &bytes[run.end..];
        let gap = rest.iter().take(5).take_while(|b| matches!(b, b' ' | b'-' | b'.')).count();
        let next = &rest[gap..];
        let digits = next.iter().take(7).take_while(|b| b.is_ascii_digit()).count();
        let fits = match run.len() {
            2 => digits == 2,
            4 => matches!(digits, 4 | 6),
            8 => matches!(digits, 6 | 7),
            _ => true,
        };
        // A space that is no byte of its own is looked at closer.
        if !fits && next.first().is_none_or(|b| *b < 0x80) {
            return None;
        }
    }
    let groups = Groups::read_spaced(bytes, run.start, MAX_GROUPS, 2);
    let mut number = [0_u8; 19];
    let mut total = 0;
    let mut found = None;
    for i in 0..groups.count() {
        let digits = groups.digits(bytes, i);
        if total + digits.len() > number.len() || digits.len() < 2 {
            break;
        }
        if i > 0 && !joins(groups.separator(i - 1), groups.separator(0)) {
            break;
        }
        number[total..total + digits.len()].copy_from_slice(digits);
        total += digits.len();
        let end = groups.end(i);
        let closed =
            text::word_end(bytes, end) && !(i + 1 == groups.count() && continues_right(bytes, end));
        // The usual length of an issuer comes before a longer one that a security code would complete.
        // `38.8976763000002` is a coordinate.
        let decimal = i == 1 && groups.separator(0) == Separator::Dot;
        if closed && !decimal && found.is_none() && is_card(&number[..total]) {
            let usual = i > 0 && total < 17 || usual(&number[..total], i > 0);
            let range = run.start..end;
            if usual || context::around(bytes, range.start, range.end).near & CARD != 0 {
                found = Some(range);
            }
        }
    }
    found
}

fn joins(separator: Separator, first: Separator) -> bool {
    separator == first && matches!(separator, Separator::Space | Separator::Dash | Separator::Dot)
}

/// Whether an issuer gives out numbers like this, with a right check digit.
fn is_card(number: &[u8]) -> bool {
    issuer_has(number) && luhn(number)
}

/// Whether an issuer's cards mostly have this length, so that it counts without a word: identifiers of 64 bits have 19 digits.
fn usual(number: &[u8], grouped: bool) -> bool {
    match number.len() {
        15 => number[0] == b'3',
        16 => {
            !matches!(&number[..2], b"36" | b"38" | b"39" | b"30" | b"50" | b"58" | b"63" | b"67")
        }
        14 => grouped,
        17..=19 => grouped && (number.starts_with(b"62") || number[0] == b'4' || number[0] == b'6'),
        _ => false,
    }
}

/// Issuer prefixes (ISO/IEC 7812) with the lengths that each uses.
fn issuer_has(number: &[u8]) -> bool {
    let prefix = |n: usize| number[..n].iter().fold(0_u32, |sum, d| sum * 10 + u32::from(d - b'0'));
    if number.len() < 13 {
        return false;
    }
    let len = number.len();
    match (prefix(1), prefix(2), prefix(3), prefix(4)) {
        (4, ..) => matches!(len, 13 | 16 | 19),
        (_, 34 | 37, ..) => len == 15,
        (_, 51..=55, ..) | (_, _, _, 2221..=2720) => len == 16,
        (_, _, _, 6011) | (_, _, 644..=649, _) | (_, 65, ..) => (16..=19).contains(&len),
        (_, _, 300..=305, _) | (_, _, _, 3095) | (_, 36 | 38 | 39, ..) => (14..=19).contains(&len),
        (_, _, _, 3528..=3589) => (16..=19).contains(&len),
        (_, 62 | 81, ..) => (16..=19).contains(&len),
        (_, _, _, 2200..=2204) => (16..=19).contains(&len),
        (_, _, _, 5018 | 5020 | 5038 | 5893 | 6304 | 6759 | 6761..=6763) => true,
        _ => false,
    }
}

const _: () = assert!(MAX_GROUPS * 2 >= 19, "a card in pairs of digits fits");
