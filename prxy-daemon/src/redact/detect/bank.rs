//! Bank accounts other than IBAN: by their form and check digits, or by the word that announces them.

use std::ops::Range;
use std::sync::LazyLock;

use super::check::{is_flat, mod97, number, value, weighted};
use super::context::BANK;
use super::digits::Runs;
use super::form::{Announced, Form, Forms};
use super::{Detector, Trigger, text};
use crate::redact::Action;

pub(super) const BANK_ACCOUNT: Detector = Detector {
    name: "bank-account",
    label: "BANK_ACCOUNT",
    action: Action::Mask,
    shape: "4 to 20 digits right after words such as `account number`, `sort code`, `Kontonummer`, `agência`",
    validator: "at least four digits, no date",
    score: 65,
    trigger: Trigger::Announced(BANK),
    find: |text, run| {
        let hit = ANNOUNCED.find(text.as_bytes(), &run)?;
        let letters =
            text.as_bytes()[hit.clone()].iter().filter(|b| b.is_ascii_alphabetic()).count();
        (letters <= 1 || hit.len() == 11).then_some(hit)
    },
    positives: &[
        "Account number: ⟦000123456789⟧",
        "account no. ⟦12345678⟧, sort code ⟦20-00-00⟧",
        "routing number ⟦021000021⟧",
        "Routing: ⟦021000021⟧ Account: 12",
        "acct #⟦123456789⟧",
        "BSB ⟦062-000⟧",
        "Kontonummer ⟦532013000⟧, BLZ ⟦37040044⟧",
        "Konto-Nr. ⟦0532013000⟧",
        "BLZ: ⟦370 400 44⟧",
        "agência ⟦1234-5⟧ conta ⟦12345-6⟧",
        "numéro de compte ⟦0500013M026⟧",
        "número de cuenta ⟦0200051332⟧",
        "rekeningnummer ⟦417164300⟧",
        "numer konta: ⟦61 1090 1014 0000 0712 1981 2874⟧",
        "账号：⟦6225 8812 3456⟧",
        "\"account_number\": \"⟦12345678⟧\"",
        "CLABE: ⟦032180000118359719⟧",
        "IFSC ⟦SBIN0001234⟧",
    ],
    look_alikes: &[
        "account 12",
        "account for 2024 items",
        "Kontostand 1234",
        "AWS account 123456789012",
        "account opened 2024-01-15",
        "routing table 12345",
        "checking 1024 files",
        "account_id: 12345678",
    ],
};

pub(super) const BANK_NUMBER: Detector = Detector {
    name: "bank-number",
    label: "BANK_ACCOUNT",
    action: Action::Mask,
    shape: "Spanish and Polish account numbers in groups; CLABE, French and American numbers with a word nearby",
    validator: "the scheme's check digits",
    score: 83,
    trigger: Trigger::Digits(Runs::of(2, 20)),
    find: |text, run| FORMS.find(text.as_bytes(), &run),
    positives: &[
        "⟦61 1090 1014 0000 0712 1981 2874⟧",
        "⟦2100 0418 45 0200051332⟧",
        "my bank account is at Chase, ⟦021000021⟧",
    ],
    look_alikes: &[
        "61 1090 1014 0000 0712 1981 2875",
        "2100 0418 46 0200051332",
        "021000021",
        "032180000118359719",
    ],
};

pub(super) const BESIDE_BANK: Detector = Detector {
    name: "account-beside-bank",
    shape: "7 to 10 digits right behind `account`",
    validator: "a sort code or a bank before it",
    trigger: Trigger::Words(&["account ", "account: ", "acct: ", "a/c ", "compte ", "cuenta "]),
    find: |text, at| {
        const WORDS: &[&str] =
            &["sort code", "sortcode", "bsb", "routing", "bank", "banque", "banco", "swift"];
        let bytes = text.as_bytes();
        let end = text::run_end(bytes, at.end, 11, |b| b.is_ascii_digit());
        let fits = (7..=10).contains(&(end - at.end))
            && text::word_end(bytes, end)
            && !super::digits::continues_right(bytes, end)
            && !is_flat(&bytes[at.end..end])
            && text::said_before(bytes, at.start, 56, WORDS);
        fits.then_some(at.end..end)
    },
    positives: &["sort code ⟦20-44-91⟧, account ⟦73920184⟧", "the bank says account: ⟦73920184⟧."],
    look_alikes: &["account 73920184", "the bankruptcy of account 73920184", "bank account 12"],
    ..BANK_ACCOUNT
};

pub(super) const BIC: Detector = Detector {
    name: "bic",
    label: "BANK_ACCOUNT",
    action: Action::Mask,
    shape: "eight or eleven capitals and digits after `BIC` or `SWIFT`",
    validator: "four letters, a country of the IBAN registry or US, CN, JP and the like",
    score: 70,
    trigger: Trigger::Literals(&["BIC", "SWIFT"]),
    find: bic,
    positives: &[
        "BIC: ⟦COBADEFFXXX⟧",
        "SWIFT/BIC ⟦DEUTDEFF⟧.",
        "BIC/SWIFT-Code: ⟦NWBKGB2L⟧",
        "SWIFT code ⟦CHASUS33⟧",
    ],
    look_alikes: &[
        "BIC PENS",
        "SWIFT LANGUAGE",
        "BIC: see below",
        "SWIFT code DOCUMENT",
        "Swift 5.9",
    ],
};

const ANNOUNCED: Announced = Announced { topics: BANK, digits: (4, 28), letters: 4 };

static FORMS: LazyLock<Forms> = LazyLock::new(|| {
    let form = |pattern, valid, needs| Form { pattern, valid, needs };
    Forms::new(&[
        form("99 9999 9999 9999 9999 9999 9999", pl_nrb, 0),
        form("99999999999999999999999999", pl_nrb, BANK),
        form("9999 9999 99 9999999999", es_ccc, 0),
        form("9999-9999-99-9999999999", es_ccc, 0),
        form("99999999999999999999", es_ccc, BANK),
        form("99999 99999 99999999999 99", fr_rib, 0),
        form("999999999999999999", clabe, BANK),
        form("999999999", aba, BANK),
    ])
});

fn pl_nrb(n: &[u8]) -> bool {
    !is_flat(n) && mod97(&[&n[2..], b"PL", &n[..2]].concat()) == 1
}

fn es_ccc(n: &[u8]) -> bool {
    let check = |digits: &[u8]| match 11 - weighted(digits, &[1, 2, 4, 8, 5, 10, 9, 7, 3, 6]) % 11 {
        11 => 0,
        10 => 1,
        digit => digit,
    };
    !is_flat(n)
        && check(&[b"00", &n[..8]].concat()) == value(n[8])
        && check(&n[10..]) == value(n[9])
}

fn fr_rib(n: &[u8]) -> bool {
    !is_flat(n)
        && (89 * number(&n[..5])
            + 15 * number(&n[5..10])
            + 3 * number(&n[10..21])
            + number(&n[21..]))
        .is_multiple_of(97)
}

fn clabe(n: &[u8]) -> bool {
    let sum: u32 =
        n[..17].iter().zip([3, 7, 1].iter().cycle()).map(|(d, w)| value(*d) * w % 10).sum();
    !is_flat(n) && (10 - sum % 10) % 10 == value(n[17])
}

/// The Federal Reserve's districts and check digit.
fn aba(n: &[u8]) -> bool {
    matches!(number(&n[..2]), 1..=12 | 21..=32 | 61..=72 | 80)
        && weighted(n, &[3, 7, 1, 3, 7, 1, 3, 7, 1]).is_multiple_of(10)
}

fn bic(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    if !text::word_start(bytes, at.start) {
        return None;
    }
    let window = at.end..bytes.len().min(at.end + 32);
    let mut i = at.end;
    while i < window.end {
        let end = text::run_end(bytes, i, 16, |b| b.is_ascii_alphanumeric());
        let word = &bytes[i..end];
        // Capitals alone may be a headline.
        let said = || {
            let gap = &bytes[at.end..i];
            gap.iter().any(|b| matches!(b, b':' | b'='))
                || gap.ends_with(b"ode ")
                || gap.starts_with(b"/BIC")
        };
        let plain = word.iter().all(u8::is_ascii_alphabetic);
        if is_bic(word) && text::word_end(bytes, end) && i > at.end && (!plain || said()) {
            return Some(i..end);
        }
        if !word.is_empty() && word.len() > 6 {
            return None;
        }
        i = end.max(i) + 1;
    }
    None
}

fn is_bic(word: &[u8]) -> bool {
    matches!(word.len(), 8 | 11)
        && word[..6].iter().all(u8::is_ascii_uppercase)
        && word[6..].iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
        && (super::iban::is_country(&word[4..6]) || MORE.contains(&&word[4..6]))
        && !word.ends_with(b"MENT")
}

/// Countries with banks and without IBAN.
const MORE: &[&[u8]] = &[
    b"US", b"CN", b"JP", b"IN", b"CA", b"AU", b"NZ", b"ZA", b"MX", b"AR", b"CL", b"CO", b"KR",
    b"HK", b"SG", b"TW", b"TH", b"MY", b"ID", b"PH", b"VN", b"NG", b"KE", b"MA",
];
