//! Values of FHIR resources whose own key says nothing: what stands beside it does.
//!
//! Not for keys that tell, such as `family` and `birthDate`: those are `field` and `context`.

use std::ops::Range;

use super::identity::MEDICAL_ID;
use super::phone::PHONE;
use super::{Detector, Trigger, person, text};

pub(super) const FHIR_GIVEN: Detector = Detector {
    name: "fhir-given",
    shape: "the other strings of a list `\"given\": […]`",
    validator: "one of them was found; letters alone",
    score: 75,
    trigger: Trigger::Sweep(given),
    find: |_, _| None,
    positives: &[
        "{\"name\":[{\"family\":\"⟦Chalmers⟧\",\"given\":[\"⟦Peter⟧\",\"⟦James⟧\"]}]}",
        "\"family\": \"⟦Quaxwick⟧\", \"given\": [\"⟦Peter⟧\", \"⟦Zorban⟧\"]",
    ],
    look_alikes: &["\"given\": [\"a\", \"b\"]", "\"given\":[1,2]", "\"family\": \"Arial\""],
    ..person::NAME
};

pub(super) const FHIR_DISPLAY: Detector = Detector {
    name: "fhir-display",
    shape: "the rest of a string of `\"display\"` behind a title",
    validator: "two to four words with capitals",
    score: 75,
    trigger: Trigger::Literals(&["\"display\"", "\"display\\\""]),
    find: |text, at| {
        let bytes = text.as_bytes();
        let string = string(bytes, at.end, 60);
        let end = string.end;
        let value = text.get(string)?;
        const TITLES: &[&str] =
            &["Dr ", "Dr. ", "Prof ", "Prof. ", "Mr ", "Mrs ", "Ms ", "Mr. ", "Mrs. ", "Ms. "];
        let mut name = value;
        while let Some(rest) = TITLES.iter().find_map(|title| name.strip_prefix(title)) {
            name = rest;
        }
        let words = name.split(' ').count();
        let capital = name.split(' ').all(|word| word.starts_with(char::is_uppercase));
        let letters = name.chars().all(|c| c.is_alphabetic() || " .-'".contains(c));
        (name.len() < value.len() && (2..=4).contains(&words) && capital && letters)
            .then(|| end - name.len()..end)
    },
    positives: &[
        "{\"reference\":\"Practitioner/1\",\"display\":\"Dr ⟦Rowena Pike⟧\"}",
        "\"display\": \"Prof. Dr. ⟦Rowena Pike⟧\"",
    ],
    look_alikes: &["\"display\":\"Body height\"", "\"display\": \"Dr\"", "\"display\": \"none\""],
    ..person::NAME
};

pub(super) const FHIR_ID: Detector = Detector {
    name: "fhir-identifier",
    shape: "the `value` beside a `system` of an identifier whose name says medical record or number",
    validator: "four digits at least",
    score: 87,
    trigger: Trigger::Literals(&["\"value\"", "\"value\\\""]),
    find: |text, at| {
        let value =
            value(text, &at, &["mrn", "/mr", "nhs", "medical", "patient", "health", "2.16.840."])?;
        let digits = text[value.clone()].bytes().filter(u8::is_ascii_digit).count();
        let code = text[value.clone()].bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        (digits >= 4 && code).then_some(value)
    },
    positives: &["\"identifier\":[{\"system\":\"urn:mrn\",\"value\":\"⟦A99812⟧\"}]"],
    look_alikes: &[
        "{\"system\":\"http://loinc.org\",\"value\":\"12345-6\"}",
        "\"value\": \"A99812\"",
    ],
    ..MEDICAL_ID
};

pub(super) const FHIR_PHONE: Detector = Detector {
    name: "fhir-telecom",
    shape: "the `value` beside `\"system\": \"phone\"`",
    validator: "seven digits at least, and what stands between them",
    score: 87,
    trigger: Trigger::Literals(&["\"value\"", "\"value\\\""]),
    find: |text, at| {
        let value = value(text, &at, &["\"phone", "\"fax", "\"sms", "\"pager"])?;
        let digits = text[value.clone()].bytes().filter(u8::is_ascii_digit).count();
        let written =
            text[value.clone()].bytes().all(|b| b.is_ascii_digit() || b"+()- ./".contains(&b));
        ((7..=15).contains(&digits) && written).then_some(value)
    },
    positives: &["\"telecom\":[{\"system\":\"phone\",\"value\":\"⟦(03) 5555 6473⟧\"}]"],
    look_alikes: &[
        "{\"system\":\"phone\",\"value\":\"none\"}",
        "{\"system\":\"url\",\"value\":\"5555 6473\"}",
    ],
    ..PHONE
};

/// The string behind the key at `at`, if the object before it has a `system` of one of these.
fn value(text: &str, at: &Range<usize>, systems: &[&str]) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let from = at.start.saturating_sub(REACH);
    let before = bytes[from..at.start].rsplit(|b| matches!(b, b'{' | b'}')).next()?;
    let before = before.to_ascii_lowercase();
    let system = memchr::memmem::find(&before, b"system")?;
    let said = &before[system + 6..];
    if !systems.iter().any(|word| memchr::memmem::find(said, word.as_bytes()).is_some()) {
        return None;
    }
    let Range { start, end } = string(bytes, at.end, 40);
    let quoted = matches!(bytes.get(end), Some(b'"' | b'\\')) && bytes[..start].ends_with(b"\"");
    (quoted && end > start).then_some(start..end)
}

/// What stands between quotes, spelled out or not, behind the key that ends at `at`.
fn string(bytes: &[u8], at: usize, most: usize) -> Range<usize> {
    let start = text::run_end(bytes, at, 8, |b| matches!(b, b' ' | b':' | b'"' | b'\\'));
    start..text::run_end(bytes, start, most, |b| !matches!(b, b'"' | b'\\' | b'\n'))
}

/// The strings that follow a given name in its list.
fn given(text: &str, people: &[Range<usize>], found: &mut Vec<Range<usize>>) {
    let bytes = text.as_bytes();
    for person in people {
        let from = person.start.saturating_sub(24);
        let Some(head) = bytes[from..person.start].strip_suffix(b"\"") else { continue };
        let head = head.strip_suffix(b"\\").unwrap_or(head).trim_ascii_end();
        let Some(key) = head.strip_suffix(b"[") else { continue };
        if memchr::memmem::find(key, b"given").is_none() {
            continue;
        }
        let mut end = person.end;
        for _ in 0..4 {
            let start =
                text::run_end(bytes, end, 10, |b| matches!(b, b'"' | b',' | b' ' | b'\\' | b'\n'));
            let letter = |b: u8| {
                b.is_ascii_alphabetic() || b >= 0x80 || matches!(b, b' ' | b'-' | b'.' | b'\'')
            };
            let next = text::run_end(bytes, start, 40, letter);
            let listed = bytes[end..start].contains(&b',') && bytes[..start].ends_with(b"\"");
            if !listed || next < start + 2 || !matches!(bytes.get(next), Some(b'"' | b'\\')) {
                break;
            }
            found.push(start..next);
            end = next;
        }
    }
}

/// How far before a value its system may stand.
const REACH: usize = 160;
