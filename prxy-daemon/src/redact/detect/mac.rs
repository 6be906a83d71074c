//! Hardware addresses of network cards.

use std::ops::Range;

use super::digits::Runs;
use super::{Detector, Trigger, text};
use crate::redact::Action;

pub(super) const MAC: Detector = Detector {
    name: "mac",
    label: "MAC_ADDRESS",
    action: Action::Mask,
    shape: "six pairs of hexadecimal digits with colons",
    validator: "not zero, not broadcast, not part of a longer row of pairs",
    score: 85,
    trigger: Trigger::Colon,
    find: |text, at| pairs(text.as_bytes(), at.start.checked_sub(2)?, b':'),
    positives: &[
        "⟦a4:5e:60:c1:2b:9f⟧",
        "ether ⟦A4:5E:60:C1:2B:9F⟧ txqueuelen",
        "\"mac\":\"⟦00:1b:44:11:3a:b7⟧\"",
    ],
    look_alikes: &[
        "00:00:00:00:00:00",
        "ff:ff:ff:ff:ff:ff",
        "a4:5e:60:c1:2b:9f:11:22",
        "12:30:45",
        "a4:5e:60:c1:2b",
        "SHA256:a4:5e:60:c1:2b:9f:aa:bb:cc:dd:ee:ff:00:11",
        "01:02:03:04:05:06:07",
    ],
};

pub(super) const MAC_DASHED: Detector = Detector {
    name: "mac-dashed",
    label: "MAC_ADDRESS",
    action: Action::Mask,
    shape: "six pairs of hexadecimal digits with dashes, or three fours with dots",
    validator: "not zero, not broadcast, not part of a longer row",
    score: 85,
    trigger: Trigger::Digits(Runs::HEX),
    find: |text, run| {
        let bytes = text.as_bytes();
        let start = text::word_begin(bytes, run.start);
        pairs(bytes, start, b'-').or_else(|| fours(bytes, start))
    },
    positives: &[
        "⟦A4-5E-60-C1-2B-9F⟧",
        "mac ⟦00-1B-44-11-3A-B7⟧,",
        "Cisco ⟦001b.4411.3ab7⟧",
        "⟦a45e.60c1.2b9f⟧",
    ],
    look_alikes: &[
        "00-00-00-00-00-00",
        "10-20-30-40",
        "12-34-56-78-90-12-34",
        "001b.4411.3ab7.11",
        "1234.5678.9012",
    ],
};

fn pairs(bytes: &[u8], start: usize, joint: u8) -> Option<Range<usize>> {
    let word = bytes.get(start..start + 17)?;
    let fits = word
        .iter()
        .enumerate()
        .all(|(i, b)| if i % 3 == 2 { *b == joint } else { b.is_ascii_hexdigit() });
    let end = start + 17;
    let more = |i: usize| {
        bytes.get(i) == Some(&joint) && bytes.get(i + 1).is_some_and(u8::is_ascii_hexdigit)
    };
    let before = start > 1 && bytes[start - 1] == joint && bytes[start - 2].is_ascii_hexdigit();
    let hex = || word.iter().filter(|b| **b != joint).copied();
    // Six pairs of digits alone with dashes are a date and a time, mostly.
    let numbers = joint == b'-' && hex().all(|b| b.is_ascii_digit());
    let flat = hex().all(|b| b == b'0') || hex().all(|b| b.eq_ignore_ascii_case(&b'f'));
    (fits
        && !flat
        && !numbers
        && !before
        && !more(end)
        && text::word_start(bytes, start)
        && text::word_end(bytes, end))
    .then_some(start..end)
}

fn fours(bytes: &[u8], start: usize) -> Option<Range<usize>> {
    let word = bytes.get(start..start + 14)?;
    let fits = word
        .iter()
        .enumerate()
        .all(|(i, b)| if i % 5 == 4 { *b == b'.' } else { b.is_ascii_hexdigit() });
    let end = start + 14;
    let letters = word.iter().any(u8::is_ascii_alphabetic);
    let flat = word.iter().all(|b| matches!(b, b'f' | b'F' | b'.'));
    let more = |i: usize| {
        bytes.get(i) == Some(&b'.') && bytes.get(i + 1).is_some_and(u8::is_ascii_alphanumeric)
    };
    let before = start > 0 && matches!(bytes[start - 1], b'.' | b'-');
    (fits
        && letters
        && !flat
        && !more(end)
        && !before
        && text::word_start(bytes, start)
        && text::word_end(bytes, end))
    .then_some(start..end)
}
