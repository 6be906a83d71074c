//! Digits that are called a PIN.
//!
//! Not for passwords: those are `password`.

use std::ops::Range;

use super::{Detector, Trigger, text};
use crate::redact::Action;

pub(super) const PIN: Detector = Detector {
    name: "pin",
    label: "PASSWORD",
    action: Action::Block,
    shape: "four to eight digits that are called a PIN",
    validator: "four digits behind a colon or verb; more beside a card, SIM, account or door",
    score: 70,
    trigger: Trigger::Words(&["pin", "geheimzahl"]),
    find: find_pin,
    positives: &[
        "PIN: ⟦4711⟧",
        "My PIN is ⟦4711⟧.",
        "Die PIN lautet ⟦4711⟧",
        "card PIN ⟦4711⟧",
        "SIM card, PIN: ⟦471108⟧",
        "PIN-Code: ⟦4711⟧",
    ],
    look_alikes: &[
        "GPIO pin 1234",
        "pin: 13",
        "PIN: 560001",
        "ping 1234",
        "pinMode(1234, OUTPUT)",
        "pin 4711 posts",
        "PIN = 17",
    ],
};

fn find_pin(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    if bytes.get(at.end).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_') {
        return None;
    }
    let word = &bytes[at.clone()];
    let secret_number = word.eq_ignore_ascii_case(b"geheimzahl");
    let mut i = at.end;
    for code in ["-code", " code", "-nummer", " number"] {
        if bytes
            .get(i..i + code.len())
            .is_some_and(|next| next.eq_ignore_ascii_case(code.as_bytes()))
        {
            i += code.len();
        }
    }
    let gap = text::run_end(bytes, i, 12, |b| !b.is_ascii_digit() && b != b'\n');
    let between = text.get(i..gap)?.trim_matches([' ', '"', '*', '\'']);
    let said = matches!(
        between,
        ":" | "："
            | "is"
            | "is:"
            | "lautet"
            | "lautet:"
            | "ist"
            | "est"
            | "es"
            | "è"
            | "é"
            | "to"
            | "jest"
            | "is now"
    );
    let near = text::said_before(bytes, at.start, 48, ACCOUNTS);
    let end = text::run_end(bytes, gap, 9, |b| b.is_ascii_digit());
    let named = said || between.is_empty() && near && gap > i;
    let enough = end - gap == 4 || (5..=8).contains(&(end - gap)) && near;
    let board = text::said_before(bytes, at.start, 32, &["gpio", "connector", "board", "arduino"]);
    let cased = word == b"PIN" || secret_number || near || between.starts_with("is");
    let closed = text::word_end(bytes, end)
        && !matches!(bytes.get(end), Some(b'.' | b'-' | b':') if bytes.get(end + 1).is_some_and(u8::is_ascii_digit));
    (named && enough && cased && closed && !board).then_some(gap..end)
}

const ACCOUNTS: &[&str] = &[
    "card", "karte", "sim", "bank", "account", "konto", "door", "alarm", "safe", "phone", "handy",
    "carte", "tarjeta", "carta", "kaart", "karta", "karty", "cartão", "atm", "debit", "credit",
    "login",
];
