//! Passwords behind short words, which mean other things too: `pw:`, `mdp :`, `clave:`, and an account with its password.
//!
//! Not for names that say `password` in full: that is `password`.

use std::ops::Range;

use super::password::{PASSWORD, is_placeholder, stands_for_another};
use super::{Detector, Trigger, text};

pub(super) const SHORT: Detector = Detector {
    name: "short-password",
    shape: "what follows `pw`, `pass:`, `mdp`, `clave` and the like, or the slash of `user/pass: a/b`",
    validator: "six characters at least, letters in both cases or a sign, and digits; no word, type or placeholder",
    score: 78,
    trigger: Trigger::Words(&[
        "pw:",
        "pw=",
        "pw ",
        "pw\"",
        "pw\\",
        "pass:",
        "pass\"",
        "pass ",
        "mdp",
        "clave",
        "kw:",
        "zugangsdaten",
        "user/pass",
        "credentials:",
        "credenciales",
        "identifiants",
        "logindaten",
        "login/pass",
        "inloggegevens",
        "credenziali",
    ]),
    find,
    positives: &[
        "pw: ⟦Bluebird77!⟧",
        "pw=⟦Bluebird77!⟧",
        "{\"pw\": \"⟦Bluebird77!⟧\"}",
        "the router, PW ⟦Bluebird77!⟧.",
        "Pass: ⟦Bluebird77!⟧",
        "mdp: ⟦Soleil75!⟧",
        "MDP : ⟦Soleil75!⟧",
        "clave: ⟦Girasol22!⟧",
        "user/pass: kmx/⟦Girasol22!⟧",
        "Zugangsdaten: schmx / ⟦Herbst!23⟧",
    ],
    look_alikes: &[
        "pass: true",
        "Pass --abort-after=1 to it",
        "pass key=value2! on",
        "PW 12 weeks",
        "tests pass: 14",
        "boarding pass: gate",
        "boarding pass: B22",
        "clave: valor",
        "pass: Option<u8>",
        "pw: String2,",
        "pass: user.pass1",
        "pw = get_pw2()",
        "mdp 2024",
        "pass 1: 14 of 20",
        "pw: ${DB_PW}",
        "pw: <Your-Pw-1>",
        "credentials: see Appendix B2 / C3",
        "Zugangsdaten: siehe Anlage 3 / Blatt 4",
    ],
    ..PASSWORD
};

fn find(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    // The word stands alone: `tests_pass:` is another one.
    if at.start > 0 && matches!(bytes[at.start - 1], b'_' | b'-' | b'.' | b'$') {
        return None;
    }
    let mark = text[at.clone()].trim_end_matches([':', '=', ' ', '"', '\\']).len();
    let mut i = at.start + mark;
    let lead = i;
    i = text::run_end(bytes, i, 10, |b| {
        matches!(b, b' ' | b'"' | b'\'' | b'\\' | b':' | b'=' | b'`' | b'*')
    });
    let told = bytes[lead..i].iter().any(|b| matches!(b, b':' | b'='));
    let stops = |b: u8| b <= b' ' || matches!(b, b'"' | b'\'' | b'`' | b'\\' | b'<' | b'>');
    let mut end = text::run_end(bytes, i, 65, |b| !stops(b));
    let word = &bytes[at.start..lead];
    let pair = word.len() > 5 && !word.eq_ignore_ascii_case(b"clave");
    if pair {
        // An account, a slash, its password.
        let slash = bytes[i..end].iter().position(|b| *b == b'/');
        i = match slash {
            Some(slash) => i + slash + 1,
            None => {
                let next = text::run_end(bytes, end, 2, |b| b == b' ');
                if bytes.get(next) != Some(&b'/') {
                    return None;
                }
                text::run_end(bytes, next + 1, 2, |b| b == b' ')
            }
        };
        end = text::run_end(bytes, i, 65, |b| !stops(b));
    }
    while end > i && matches!(bytes[end - 1], b'.' | b',' | b';' | b')' | b'}' | b']') {
        end -= 1;
    }
    let value = &bytes[i..end];
    let digits = value.iter().filter(|b| b.is_ascii_digit()).count();
    let lower = value.iter().any(u8::is_ascii_lowercase);
    let upper = value.iter().any(u8::is_ascii_uppercase);
    let sign = value.iter().any(|b| b.is_ascii_punctuation() && !b"-_./:,'()[]{}".contains(b));
    let code = value.iter().any(|b| b"(){}[]|".contains(b)) || value.contains(&b'.') && !sign;
    let typed = digits < 2 && !sign;
    let mixed = (lower || upper) && digits > 0 && (lower && upper || sign || told && digits > 1);
    // `Pass --abort-after=1`
    let option = value.starts_with(b"-") || !told && value.contains(&b'=');
    let enough = (6..=64).contains(&value.len()) && i > lead && !option;
    (enough
        && mixed
        && !code
        && !typed
        && (told || sign || pair)
        && !stands_for_another(value)
        && !is_placeholder(value))
    .then_some(i..end)
}
