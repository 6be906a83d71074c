//! International bank account numbers.

use std::ops::Range;

use super::digits::Runs;
use super::{Detector, Trigger, text};
use crate::redact::Action;

pub(super) const IBAN: Detector = Detector {
    name: "iban",
    label: "IBAN",
    action: Action::Mask,
    shape: "country, two check digits, the country's number of letters and digits; spaces or dashes between groups",
    validator: "length of the country; mod 97 (ISO 13616)",
    score: 95,
    trigger: Trigger::Digits(Runs::WORD.and(Runs::HEAD).and(Runs::HEX)),
    find,
    positives: &[
        "IBAN ⟦DE89 3704 0044 0532 0130 00⟧.",
        "⟦DE89370400440532013000⟧",
        "⟦GB29 NWBK 6016 1331 9268 19⟧",
        "⟦NL91ABNA0417164300⟧",
        "⟦FR14 2004 1010 0505 0001 3M02 606⟧",
        "⟦ES91 2100 0418 4502 0005 1332⟧",
        "⟦MT84MALT011000012345MTLCAST001S⟧",
        "⟦NO93 8601 1117 947⟧",
        "⟦de89370400440532013000⟧",
        "iban:⟦DE89-3704-0044-0532-0130-00⟧",
        "\\n⟦DE89370400440532013000⟧",
        "⟦DE89  3704  0044  0532  0130  00⟧",
        "⟦DE89 - 3704 - 0044 - 0532 - 0130 - 00⟧",
        "⟦DE89.3704.0044.0532.0130.00⟧",
    ],
    look_alikes: &[
        "DE88370400440532013000",
        "XDE89370400440532013000",
        "DE893704004405320130001",
        "ZZ89370400440532013000",
        "DE89 3704 0044",
        "AB12CD34EF56",
        "de89370400440532013OOO",
    ],
};

/// The account number whose check digits begin the run.
fn find(text: &str, run: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let start = run.start.checked_sub(2)?;
    let country = [bytes[start].to_ascii_uppercase(), bytes[start + 1].to_ascii_uppercase()];
    let same_case = bytes[start].is_ascii_uppercase() == bytes[start + 1].is_ascii_uppercase();
    if run.len() < 2 || !same_case || !country.iter().all(u8::is_ascii_uppercase) {
        return None;
    }
    let (_, length) = *LENGTHS.iter().find(|(known, _)| known.as_bytes() == country)?;
    if !text::word_start(bytes, start) {
        return None;
    }
    let mut account = Vec::with_capacity(length);
    let (mut i, mut last) = (start, start);
    while account.len() < length {
        match *bytes.get(i)? {
            b if b.is_ascii_alphanumeric() => {
                account.push(b);
                last = i;
            }
            // `DE89 - 3704` at most.
            b' ' | b'-' | b'.' if account.len() >= 4 && i - last <= 3 => {}
            0xC2 if bytes.get(i + 1) == Some(&0xA0) => i += 1,
            _ => return None,
        }
        i += 1;
    }
    let upper = account.iter().all(|b| !b.is_ascii_lowercase());
    let lower = account.iter().all(|b| !b.is_ascii_uppercase());
    (text::word_end(bytes, i) && (upper || lower) && remainder(&account) == 1).then_some(start..i)
}

/// ISO 7064 mod 97: the first four characters behind the rest, letters as 10 to 35.
fn remainder(account: &[u8]) -> u32 {
    account[4..].iter().chain(&account[..4]).fold(0, |rest, b| match b {
        b'0'..=b'9' => (rest * 10 + u32::from(b - b'0')) % 97,
        letter => (rest * 100 + u32::from(letter.to_ascii_uppercase() - b'A') + 10) % 97,
    })
}

/// Whether `country`, in capitals, has such numbers.
pub(super) fn is_country(country: &[u8]) -> bool {
    LENGTHS.iter().any(|(known, _)| known.as_bytes() == country)
}

/// Lengths by country, from the IBAN registry (ISO 13616, SWIFT).
const LENGTHS: &[(&str, usize)] = &[
    ("AD", 24),
    ("AE", 23),
    ("AL", 28),
    ("AT", 20),
    ("AZ", 28),
    ("BA", 20),
    ("BE", 16),
    ("BG", 22),
    ("BH", 22),
    ("BI", 27),
    ("BR", 29),
    ("BY", 28),
    ("CH", 21),
    ("CR", 22),
    ("CY", 28),
    ("CZ", 24),
    ("DE", 22),
    ("DJ", 27),
    ("DK", 18),
    ("DO", 28),
    ("EE", 20),
    ("EG", 29),
    ("ES", 24),
    ("FI", 18),
    ("FK", 18),
    ("FO", 18),
    ("FR", 27),
    ("GB", 22),
    ("GE", 22),
    ("GI", 23),
    ("GL", 18),
    ("GR", 27),
    ("GT", 28),
    ("HR", 21),
    ("HU", 28),
    ("IE", 22),
    ("IL", 23),
    ("IQ", 23),
    ("IS", 26),
    ("IT", 27),
    ("JO", 30),
    ("KW", 30),
    ("KZ", 20),
    ("LB", 28),
    ("LC", 32),
    ("LI", 21),
    ("LT", 20),
    ("LU", 20),
    ("LV", 21),
    ("LY", 25),
    ("MC", 27),
    ("MD", 24),
    ("ME", 22),
    ("MK", 19),
    ("MN", 20),
    ("MR", 27),
    ("MT", 31),
    ("MU", 30),
    ("NI", 28),
    ("NL", 18),
    ("NO", 15),
    ("OM", 23),
    ("PK", 24),
    ("PL", 28),
    ("PS", 29),
    ("PT", 25),
    ("QA", 29),
    ("RO", 24),
    ("RS", 22),
    ("RU", 33),
    ("SA", 24),
    ("SC", 31),
    ("SD", 18),
    ("SE", 24),
    ("SI", 19),
    ("SK", 24),
    ("SM", 27),
    ("SO", 23),
    ("ST", 25),
    ("SV", 28),
    ("TL", 23),
    ("TN", 24),
    ("TR", 26),
    ("UA", 29),
    ("VA", 22),
    ("VG", 24),
    ("XK", 20),
    ("YE", 30),
];
