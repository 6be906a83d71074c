//! When two values are one value spelled in two ways.
//!
//! The second spelling of `<PERSON_1>` is `<PERSON_1_2>`: a model sees that both are the same, and
//! each comes back byte for byte as it was.

use std::borrow::Cow;

/// What does not matter to a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ignores {
    /// Nothing: two secrets that differ in one letter's case are two secrets.
    Nothing,
    /// Case, and how much white space stands where.
    Spacing,
    /// Case, and whatever is no letter or digit.
    Marks,
    /// Whatever is no digit, and `00` for `+`.
    AllButDigits,
}

/// What all spellings of a value have in common.
pub(crate) fn key<'v>(label: &str, value: &'v str) -> Cow<'v, str> {
    let row = TABLE.iter().find(|(_, labels)| labels.contains(&label));
    let key = match row.map_or(Ignores::Spacing, |(ignores, _)| *ignores) {
        Ignores::Nothing => return value.into(),
        Ignores::Spacing => {
            let folded = folded(value).collect::<String>();
            folded.split_whitespace().collect::<Vec<_>>().join(" ")
        }
        Ignores::Marks => folded(value).filter(|c| c.is_alphanumeric()).collect(),
        Ignores::AllButDigits => {
            let digits: String = folded(value).filter(char::is_ascii_digit).collect();
            digits.strip_prefix("00").map(str::to_owned).unwrap_or(digits)
        }
    };
    // Where nothing is left, everything would be the same.
    if key.is_empty() { value.into() } else { key.into() }
}

/// Lower case, full-width letters and digits as plain ones, nothing that has no width.
fn folded(value: &str) -> impl Iterator<Item = char> + '_ {
    let plain = |c: char| match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        other => other,
    };
    let seen = |c: &char| !matches!(*c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}');
    let lower = |c: char| {
        let mut twice = None;
        let mut once = None;
        match c {
            'ß' | 'ẞ' => (once, twice) = (Some('s'), Some('s')),
            'ς' => once = Some('σ'),
            _ => {}
        }
        let rest = once.is_none().then(|| c.to_lowercase()).into_iter().flatten();
        once.into_iter().chain(twice).chain(rest)
    };
    value.chars().filter(seen).map(plain).flat_map(lower)
}

/// Labels that are not here, and those of patterns, ignore case and spacing.
const TABLE: &[(Ignores, &[&str])] = &[
    (
        Ignores::Nothing,
        &[
            "LITERAL",
            "API_KEY",
            "BEARER_TOKEN",
            "CONNECTION_STRING",
            "CRYPTO_ADDRESS",
            "JWT",
            "PASSWORD",
            "PRIVATE_KEY",
            "SECRET",
        ],
    ),
    (Ignores::AllButDigits, &["PHONE", "CREDIT_CARD"]),
    (
        Ignores::Marks,
        &[
            "IBAN",
            "BANK_ACCOUNT",
            "NATIONAL_ID",
            "PASSPORT",
            "DRIVER_LICENSE",
            "MEDICAL_ID",
            "VEHICLE_ID",
            "MAC_ADDRESS",
        ],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn same(label: &str, values: &[&str]) {
        for value in values {
            assert_eq!(key(label, value), key(label, values[0]), "{label} {value}");
        }
    }

    #[track_caller]
    fn differ(label: &str, one: &str, other: &str) {
        assert_ne!(key(label, one), key(label, other), "{label}");
    }

    #[test]
    fn spellings_of_a_value_share_a_key() {
        same("PERSON", &["Maria Groß", " maria  GROSS", "MARIA\nGROẞ\t", "Ma\u{ad}ria Groß"]);
        same("EMAIL", &["Ada@X.org", "ada@x.org", "\u{ff41}da@x.org"]);
        same("PHONE", &["+49 170 1234567", "0049-170-1234567", "(49) 170/123 45 67"]);
        same("CREDIT_CARD", &["4111 1111 1111 1111", "4111-1111-1111-1111", "4111111111111111"]);
        same("IBAN", &["DE89 3704 0044 0532 0130 00", "de89370400440532013000"]);
        same("MAC_ADDRESS", &["AA:BB:CC:00:11:22", "aa-bb-cc-00-11-22", "aabb.cc00.1122"]);
        same("EMPLOYEE_ID", &["E-1  2", "e-1 2"]);
    }

    #[test]
    fn other_values_do_not() {
        differ("PERSON", "Maria Groß", "MariaGroß");
        differ("API_KEY", "sk-Abc", "sk-abc");
        differ("LITERAL", "<EMAIL_1>", "<email_1>");
        differ("IBAN", "DE89370400440532013000", "FR89370400440532013000");
        differ("PHONE", "---", "+++");
        differ("EMAIL", "", " ");
    }
}
