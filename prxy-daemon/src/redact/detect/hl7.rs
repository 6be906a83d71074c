//! Segments of HL7 messages that speak of people: `PID`, `NK1`, `GT1`, `IN1`, `PV1`.
//!
//! A field is told by its place alone. Not for FHIR, which names its fields: that is `fhir`.

use std::ops::Range;

use super::birth::DATE_OF_BIRTH;
use super::identity::MEDICAL_ID;
use super::phone::PHONE;
use super::{Detector, Trigger, address, person, text};

const SEGMENTS: &[&str] = &["PID|", "NK1|", "GT1|", "IN1|", "PV1|"];

pub(super) const HL7_NAME: Detector = Detector {
    name: "hl7-name",
    shape: "the name in a PID, NK1, GT1, IN1 or PV1 segment: family name, `^`, given names",
    validator: "letters in two components at least",
    score: 90,
    trigger: Trigger::Literals(SEGMENTS),
    find: |text, at| {
        let field = field(text, &at, [5, 2, 3, 16, 7])?;
        let bytes = text.as_bytes();
        // The identifier of a doctor stands before the name.
        let mut start = field.start;
        if bytes[start].is_ascii_digit() {
            start += bytes[field.clone()].iter().position(|b| *b == b'^')? + 1;
        }
        // The kind of the name and what follows it are no part of it.
        let name = |b: u8| b.is_ascii_alphabetic() || b >= 0x80 || b"^ -'.".contains(&b);
        let mut end = text::run_end(bytes, start, field.end - start, name);
        if let Some(twice) = text.get(start..end)?.find("^^") {
            end = start + twice;
        }
        while end > start && matches!(bytes[end - 1], b'^' | b' ') {
            end -= 1;
        }
        let value = &bytes[start..end];
        let two = value.iter().position(|b| *b == b'^').is_some_and(|at| at > 1);
        (two && value[0] != b'^').then_some(start..end)
    },
    positives: &[
        "PID|1||||⟦DOE^JANE^Q⟧||",
        "NK1|1|⟦DOE^JOHN⟧|SPO",
        "NK1|1|⟦MEYER^KARL^J⟧^^^^L|FTH",
    ],
    look_alikes: &[
        "PID|1",
        "PID|CPU|MEM",
        "PID|PPID|12345|19800214",
        "NK1|1||SPO",
        "| PID | USER |",
        "NK1|1|A|B|C",
    ],
    ..person::NAME
};

pub(super) const HL7_ID: Detector = Detector {
    name: "hl7-number",
    shape: "the identifier of a patient, a policy or a visit in a segment",
    validator: "four digits at least",
    score: 90,
    trigger: Trigger::Literals(SEGMENTS),
    find: |text, at| {
        let field = field(text, &at, [3, 0, 2, 36, 19])?;
        let bytes = text.as_bytes();
        let code = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        let end = text::run_end(bytes, field.start, 32, code);
        let value = &bytes[field.start..end];
        let digits = value.iter().filter(|b| b.is_ascii_digit()).count();
        (digits >= 4 && end <= field.end).then_some(field.start..end)
    },
    positives: &["PID|1||⟦123456⟧^^^HOSP^MR|", "GT1|1|⟦G8831207⟧|"],
    look_alikes: &["PID|1||12", "PID|1||RUNNING", "GT1|1|"],
    ..MEDICAL_ID
};

pub(super) const HL7_BIRTH: Detector = Detector {
    name: "hl7-birth",
    shape: "the date of birth in a PID, NK1, GT1 or IN1 segment",
    validator: "year, month and day",
    score: 90,
    trigger: Trigger::Literals(SEGMENTS),
    find: |text, at| {
        let field = field(text, &at, [7, 16, 8, 18, 0])?;
        let bytes = text.as_bytes();
        let end = text::run_end(bytes, field.start, 14, |b| b.is_ascii_digit());
        let value = &bytes[field.start..end.min(field.start + 8)];
        let century = value.starts_with(b"19") || value.starts_with(b"20");
        (value.len() == 8 && century).then_some(field.start..field.start + 8)
    },
    positives: &["PID|1||||||⟦19800214⟧|F"],
    look_alikes: &["PID|1||||||198002|F", "PID|1||||||78123456|F"],
    ..DATE_OF_BIRTH
};

pub(super) const HL7_ADDRESS: Detector = Detector {
    name: "hl7-address",
    shape: "the address in a PID, NK1, GT1 or IN1 segment, with its `^`",
    validator: "a figure, and letters",
    score: 90,
    trigger: Trigger::Literals(SEGMENTS),
    find: |text, at| {
        let field = field(text, &at, [11, 4, 5, 19, 0])?;
        let bytes = text.as_bytes();
        let value = &bytes[field.clone()];
        let digit = value.iter().any(u8::is_ascii_digit);
        let parts = value.iter().filter(|b| **b == b'^').count();
        (digit && parts > 1 && value.iter().any(u8::is_ascii_alphabetic)).then_some(field)
    },
    positives: &["PID|1||||||||||⟦12 MAIN ST^^BOSTON^MA^02118⟧||"],
    look_alikes: &["PID|1||||||||||12||", "PID|1||||||||||A^B||"],
    ..address::ADDRESS
};

pub(super) const HL7_PHONE: Detector = Detector {
    name: "hl7-phone",
    shape: "the telephone number in a PID, NK1 or GT1 segment",
    validator: "seven digits at least",
    score: 90,
    trigger: Trigger::Literals(SEGMENTS),
    find: |text, at| {
        let field = field(text, &at, [13, 5, 6, 0, 0])?;
        let bytes = text.as_bytes();
        let part = |b: u8| b.is_ascii_digit() || b"+()- ./".contains(&b);
        let end = text::run_end(bytes, field.start, 24, part).min(field.end);
        let digits = bytes[field.start..end].iter().filter(|b| b.is_ascii_digit()).count();
        (7..=15).contains(&digits).then_some(field.start..end)
    },
    positives: &["PID|1||||||||||||⟦(617)555-0100⟧"],
    look_alikes: &["PID|1||||||||||||12345", "PID|1||||||||||||none"],
    ..PHONE
};

pub(super) const X12_NAME: Detector = Detector {
    name: "x12-name",
    shape: "the name in an NM1 segment of X12: family name, `*`, given names",
    validator: "the segment says that it is a person",
    score: 90,
    trigger: Trigger::Literals(&["NM1*"]),
    find: |text, at| {
        let bytes = text.as_bytes();
        let kind = text::run_end(bytes, at.end, 4, |b| b.is_ascii_alphanumeric());
        let start = kind + 3;
        if !bytes[kind..].starts_with(b"*1*") || !text::word_start(bytes, at.start) {
            return None;
        }
        let name = |b: u8| b.is_ascii_alphabetic() || b >= 0x80 || b"* -'.".contains(&b);
        let mut end = text::run_end(bytes, start, 80, name);
        if let Some(twice) = text.get(start..end)?.find("**") {
            end = start + twice;
        }
        // The qualifier of the number behind the name.
        while end > start && matches!(bytes[end - 1], b'*' | b' ') {
            end -= 1;
        }
        let value = &bytes[start..end];
        (value.len() > 2 && value[0] != b'*').then_some(start..end)
    },
    positives: &[
        "NM1*IL*1*⟦OYELARAN*FOLAKE⟧****MI*W123~",
        "NM1*QC*1*⟦PIKE*ROWENA*T⟧~",
        "NM1*IL*1*⟦OYELARAN*FOLAKE⟧",
    ],
    look_alikes: &["NM1*PR*2*PAYER", "NM1*IL*1**", "NM1*IL"],
    ..person::NAME
};

/// The field of a segment at one of these places, in the order of [`SEGMENTS`]; nothing at place 0, nor where it is empty.
fn field(text: &str, at: &Range<usize>, places: [usize; 5]) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let which = SEGMENTS.iter().position(|name| *name == &text[at.clone()])?;
    let place = places[which];
    if place == 0 || !text::word_start(bytes, at.start) {
        return None;
    }
    let limit = bytes.len().min(at.end + LONGEST);
    let mut start = at.end;
    for number in 1..place {
        let end = text::run_end(bytes, start, limit.saturating_sub(start), |b| !closes(b));
        // The first field counts the segments.
        if number == 1 && !bytes[start..end].iter().all(u8::is_ascii_digit) {
            return None;
        }
        if bytes.get(end) != Some(&b'|') {
            return None;
        }
        start = end + 1;
    }
    let end = text::run_end(bytes, start, limit.checked_sub(start)?, |b| !closes(b) && b != b'~');
    // What is cut off is no whole field.
    (end > start && (end < limit || end == bytes.len())).then_some(start..end)
}

fn closes(byte: u8) -> bool {
    matches!(byte, b'|' | b'\n' | b'\r' | b'\\' | b'"')
}

/// The part of a segment that is read.
const LONGEST: usize = 1024;
