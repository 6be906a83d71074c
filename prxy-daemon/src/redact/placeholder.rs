//! The form of our own placeholders: whatever writes, reads or expects one asks here.
//!
//! `<LABEL_N>` is the first spelling of a value, `<LABEL_N_M>` its `M`th, from 2. No label ends
//! with a digit or `_`, so a name can be read in one way only.

use std::fmt;
use std::ops::Range;

use super::Label;

/// A placeholder by its label and number.
pub type Name = (Box<str>, Number);

/// What stands behind the label: which value, and which of its spellings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number {
    /// The value, counted from 1 for every label.
    pub value: u32,
    /// Its spelling, counted from 1.
    pub spelling: u32,
}

impl Number {
    /// The first spelling of a value.
    pub const fn first(value: u32) -> Self {
        Self { value, spelling: 1 }
    }

    /// Whether this is no number but a placeholder's: nobody's telephone or identity number is so short.
    pub(crate) const fn is_small(self) -> bool {
        self.value < 1000 && self.spelling < 1000
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.spelling {
            1 => write!(f, "{}", self.value),
            spelling => write!(f, "{}_{spelling}", self.value),
        }
    }
}

/// `EMAIL_1` or `EMAIL_1_2` as label and number, exactly as a vault writes it.
pub(crate) fn split(name: &str) -> Option<(&str, Number)> {
    let (label, number) = split_loosely(name)?;
    let canonical = name.len() == label.len() + 1 + digits(number);
    (canonical && number.value > 0 && number.spelling > 0).then_some((label, number))
}

/// The same, with zeros in front of the numbers: a reader may take `<EMAIL_01>` for `<EMAIL_1>`.
pub(crate) fn split_loosely(name: &str) -> Option<(&str, Number)> {
    let (rest, last) = last_number(name)?;
    let (label, number) = match last_number(rest) {
        Some((label, value)) => (label, Number { value, spelling: last }),
        None => (rest, Number::first(last)),
    };
    Label::is_name(label).then_some((label, number))
}

/// `EMAIL` and 1 of `EMAIL_1`.
fn last_number(name: &str) -> Option<(&str, u32)> {
    let (rest, digits) = name.rsplit_once('_')?;
    let number = (1..=MOST_DIGITS).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit());
    Some((rest, digits.parse().ok().filter(|_| number)?))
}

/// How many bytes `number` takes where it is written.
fn digits(number: Number) -> usize {
    let of = |n: u32| n.checked_ilog10().unwrap_or(0) as usize + 1;
    match number.spelling {
        1 => of(number.value),
        spelling => of(number.value) + 1 + of(spelling),
    }
}

/// The placeholder-like text that starts with the `<` at `at`: its range and its label.
pub(crate) fn at(text: &str, at: usize) -> Option<(Range<usize>, &str)> {
    let bytes = text.as_bytes();
    let window = &bytes[at + 1..bytes.len().min(at + 1 + MAX_NAME + 1)];
    let close = window
        .iter()
        .position(|b| !(b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b'_'))?;
    if window[close] != b'>' {
        return None;
    }
    let (label, _) = split_loosely(&text[at + 1..at + 1 + close])?;
    Some((at..at + close + 2, label))
}

/// Whether a placeholder can go on with `prefix` behind its `<`, where a vault has given out
/// `label_1` … `label_last`, and no value more than `spellings` spellings.
pub(crate) fn begins(label: &str, last: u32, spellings: u32, prefix: &str) -> bool {
    let Some(rest) = prefix.strip_prefix(label) else { return label.starts_with(prefix) };
    let Some(rest) = rest.strip_prefix('_') else { return rest.is_empty() };
    let up_to = |digits: &str, most: u32| {
        let plain = !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.is_empty() || plain && digits.parse().is_ok_and(|number: u32| number <= most)
    };
    match rest.split_once('_') {
        None => up_to(rest, last),
        Some((value, spelling)) => {
            !value.is_empty() && up_to(value, last) && spellings > 1 && up_to(spelling, spellings)
        }
    }
}

/// The largest number of a value and of a spelling: what has more digits is somebody else's.
pub(crate) const MOST: u32 = 99_999_999;
const MOST_DIGITS: usize = 8;
/// A label of 32 bytes, two numbers with their `_`, and the `S` of a plural.
pub(crate) const MAX_NAME: usize = 32 + 2 * (1 + MOST_DIGITS) + 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_one_way_only() {
        let spelled = |value, spelling| Number { value, spelling };
        for (name, expected) in [
            ("EMAIL_1", Some(("EMAIL", Number::first(1)))),
            ("EMAIL_1_2", Some(("EMAIL", spelled(1, 2)))),
            ("API_KEY_10_99999999", Some(("API_KEY", spelled(10, 99_999_999)))),
            ("A_1_B_2", Some(("A_1_B", Number::first(2)))),
            ("A_1_B_2_3", Some(("A_1_B", spelled(2, 3)))),
            ("EMAIL_1_1", None),
            ("EMAIL_0", None),
            ("EMAIL_01", None),
            ("EMAIL_1_0", None),
            ("EMAIL_1_02", None),
            ("EMAIL_1_2_3", None),
            ("EMAIL_100000000", None),
            ("EMAIL_1_100000000", None),
            ("EMAIL_", None),
            ("EMAIL_1_", None),
            ("EMAIL__1", None),
            ("EMAIL", None),
            ("_1", None),
            ("1_1", None),
            ("email_1", None),
            ("EMAIL_+1", None),
        ] {
            assert_eq!(split(name), expected, "{name}");
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        for value in [1, 9, 10, 12_345_678, MOST] {
            for spelling in [1, 2, 10, MOST] {
                let number = Number { value, spelling };
                let name = format!("MEDICAL_ID_{number}");
                assert_eq!(split(&name), Some(("MEDICAL_ID", number)));
                assert!(name.len() < MAX_NAME);
                let text = format!("x<{name}>");
                assert_eq!(at(&text, 1), Some((1..text.len(), "MEDICAL_ID")));
                for end in 0..=name.len() {
                    assert!(begins("MEDICAL_ID", value, spelling, &name[..end]), "{name} {end}");
                }
            }
        }
    }

    #[test]
    fn only_what_was_given_out_begins() {
        for prefix in ["", "E", "EMAIL", "EMAIL_", "EMAIL_1", "EMAIL_12", "EMAIL_1_", "EMAIL_12_3"]
        {
            assert!(begins("EMAIL", 12, 3, prefix), "{prefix}");
        }
        for prefix in [
            "X",
            "EMAILS",
            "EMAIL_0",
            "EMAIL_13",
            "EMAIL_1_4",
            "EMAIL_1_0",
            "EMAIL__",
            "EMAIL_1_2_",
        ] {
            assert!(!begins("EMAIL", 12, 3, prefix), "{prefix}");
        }
        assert!(!begins("EMAIL", 12, 1, "EMAIL_1_"));
    }
}
