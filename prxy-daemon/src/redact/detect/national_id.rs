//! National identity numbers: the social security number of the United States.

use std::ops::Range;

use super::digits::{Groups, Separator, continues_left, continues_right, in_a_row};
use super::{Detector, Trigger, text};
use crate::redact::Action;

pub(super) const SSN: Detector = Detector {
    name: "us-ssn",
    label: "NATIONAL_ID",
    action: Action::Mask,
    shape: "ddd-dd-dddd, with dashes or spaces; nine bare digits beside `ssn`",
    validator: "area not 000, 666 or 9xx, group not 00, serial not 0000",
    score: 85,
    trigger: Trigger::Digits,
    find,
    positives: &[
        "SSN ⟦536-22-8141⟧.",
        "⟦536 22 8141⟧",
        "ssn=⟦536228141⟧",
        "social security number: ⟦536228141⟧",
        "\"⟦536-22-8141⟧\"",
        "\\n⟦536-22-8141⟧",
        "x/⟦536-22-8141⟧",
        "⟦536–22–8141⟧",
        "id%3D⟦536-22-8141⟧%26",
        "%20⟦536-22-8141⟧",
        "{\\u0022ssn\\u0022:\\u0022⟦536-22-8141⟧\\u0022}",
        "\x1b[31m⟦536-22-8141⟧\x1b[0m",
    ],
    look_alikes: &[
        "000-12-3456",
        "666-12-3456",
        "900-12-3456",
        "123-00-4567",
        "123-45-0000",
        "1123-45-6789",
        "123-45-67890",
        "123-45-6789-01",
        "01-123-45-6789",
        "536228141",
        "order 536 22 8141 7",
        "a536-22-8141",
        "536-22.8141",
    ],
};

fn find(text: &str, run: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    if !text::word_start(bytes, run.start) || continues_left(bytes, run.start) {
        return None;
    }
    if run.len() == 9 {
        let closed = text::word_end(bytes, run.end) && !continues_right(bytes, run.end);
        let named =
            text::said_before(bytes, run.start, 32, &["ssn", "social security", "social_security"]);
        return (closed && assignable(&bytes[run.clone()]) && named).then_some(run);
    }
    if run.len() != 3 {
        return None;
    }
    let groups = Groups::read(bytes, run.start, 3);
    let [3, 2, 4, ..] = groups.shape() else { return None };
    let separator = groups.separator(0);
    if groups.separator(1) != separator || !matches!(separator, Separator::Dash | Separator::Space)
    {
        return None;
    }
    let range = run.start..groups.end(2);
    let digits: Vec<u8> = (0..3).flat_map(|i| groups.digits(bytes, i)).copied().collect();
    let closed = text::word_end(bytes, range.end) && !continues_right(bytes, range.end);
    let alone = separator == Separator::Dash || !in_a_row(bytes, &range);
    (assignable(&digits) && closed && alone).then_some(range)
}

/// The rules of the Social Security Administration for numbers that can be assigned.
fn assignable(digits: &[u8]) -> bool {
    let (area, group, serial) = (&digits[..3], &digits[3..5], &digits[5..]);
    area != b"000" && area != b"666" && area[0] != b'9' && group != b"00" && serial != b"0000"
}
