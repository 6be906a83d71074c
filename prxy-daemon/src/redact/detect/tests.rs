//! Every row of the table against its own examples.

mod texts;

use super::DETECTORS;
use super::issuers::ISSUERS;
use super::sample::Alphabet;
use crate::redact::scan::Scanner;
use crate::redact::{Action, Label, Policy};

#[test]
fn every_detector_finds_its_positives_exactly() {
    let scanner = Scanner::new(&Policy::default()).unwrap();
    let mut wrong = Vec::new();
    for detector in DETECTORS {
        for marked in detector.positives {
            let (text, wanted) = unmark(marked);
            let found: Vec<_> = scanned(&scanner, &text);
            let hidden = if marked.contains('⟦') { wanted } else { vec![] };
            let got: Vec<_> =
                found.iter().map(|(label, value)| (label.as_str(), value.as_str())).collect();
            let want: Vec<_> =
                hidden.iter().map(|value| (detector.label, value.as_str())).collect();
            if got != want {
                wrong.push(format!("{}: {marked:?}\n   found {got:?}", detector.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_text_may_begin_and_end_anywhere() {
    let scanner = Scanner::new(&Policy::default()).unwrap();
    let mut found = Vec::new();
    let texts = DETECTORS.iter().flat_map(|row| row.positives.iter().chain(row.look_alikes));
    for marked in texts {
        let (text, _) = unmark(marked);
        for (at, _) in text.char_indices().filter(|(at, _)| *at < 120) {
            scanner.scan(&text[at..], &mut found);
            scanner.scan(&text[..at], &mut found);
            found.clear();
        }
    }
    for text in ["- 2019 revenue", "/2024/05/x.txt", "...2024 was", "and Mark", "und Grace."] {
        scanner.scan(text, &mut found);
    }
}

#[test]
fn every_detector_leaves_its_look_alikes_alone() {
    let scanner = Scanner::new(&Policy::default()).unwrap();
    let mut wrong = Vec::new();
    for detector in DETECTORS {
        for text in detector.look_alikes {
            let found = scanned(&scanner, text);
            if !found.is_empty() {
                wrong.push(format!("{}: {text:?}\n   found {found:?}", detector.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_row_has_a_valid_label_a_name_of_its_own_and_examples_of_both_sides() {
    let mut names = std::collections::BTreeSet::new();
    for detector in DETECTORS {
        assert!(Label::new(detector.label).is_some(), "{}", detector.label);
        assert!(names.insert(detector.name), "{}", detector.name);
        assert!(
            !detector.positives.is_empty() && !detector.look_alikes.is_empty(),
            "{}",
            detector.name
        );
        assert!(
            detector.score <= 100 && !detector.shape.is_empty() && !detector.validator.is_empty()
        );
    }
}

#[test]
fn a_label_has_one_default_whatever_detects_it() {
    for detector in DETECTORS {
        let default = super::labels().find(|(label, _)| *label == detector.label);
        assert_eq!(default, Some((detector.label, detector.action)), "{}", detector.name);
    }
    let secrets = [
        "API_KEY",
        "BEARER_TOKEN",
        "CONNECTION_STRING",
        "JWT",
        "PASSWORD",
        "PRIVATE_KEY",
        "SECRET",
    ];
    for (label, action) in super::labels() {
        assert_eq!(action == Action::Block, secrets.contains(&label), "{label}");
    }
}

#[test]
fn every_row_of_the_issuers_is_found_at_its_shortest_and_longest_and_nothing_less() {
    let scanner = Scanner::new(&Policy::default()).unwrap();
    let mut wrong = Vec::new();
    let mut names = std::collections::BTreeSet::new();
    for row in ISSUERS {
        assert!(names.insert(row.name), "{}", row.name);
        let (from, to) = row.length;
        assert!(from <= to && (12..=128.max(to)).contains(&from), "{}", row.name);
        for (seed, length) in (0..).zip([from, to.min(from + 8)].repeat(3)) {
            let key = format!("{}{}", row.prefix, drawn(row.body, length, seed));
            let texts = [
                key.clone(),
                format!("see {key}."),
                format!("\"{key}\","),
                format!("({key})"),
                format!("x\\n{key}\\n"),
                format!("A={key}\nB=1"),
                format!("<b>{key}</b>"),
                format!("?k={key}&x=1"),
            ];
            for text in texts {
                let found = scanned(&scanner, &text);
                if found != [("API_KEY".to_owned(), key.clone())] {
                    wrong.push(format!("{}: {text:?}\n   found {found:?}", row.name));
                }
            }
        }
        let short = drawn(row.body, from - 1, 1);
        let look_alikes = [
            format!("see {}", row.prefix),
            format!("see {}{}", row.prefix, "x".repeat(from)),
            format!("see {}{}", row.prefix, "0".repeat(from)),
            format!("see {}<your-key>", row.prefix),
            format!("see q{}{}", row.prefix, drawn(row.body, from, 1)),
            format!("see {}{short}", row.prefix),
        ];
        // A shorter body may be that of another issuer.
        let others = ISSUERS.iter().filter(|other| other.name != row.name);
        let shared = others
            .clone()
            .any(|other| row.prefix.starts_with(other.prefix) || other.prefix == row.prefix);
        let checked = if shared { &look_alikes[..4] } else { &look_alikes[..] };
        for text in checked {
            let found = scanned(&scanner, text);
            if found.iter().any(|(_, value)| value.contains(row.prefix)) {
                wrong.push(format!("{}: {text:?}\n   found {found:?}", row.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A body of `alphabet`, the same for the same seed.
fn drawn(alphabet: Alphabet, length: usize, seed: u64) -> String {
    if alphabet == Alphabet::Uuid {
        let digits = drawn(Alphabet::Hex, 32, seed);
        let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
        return parts.join("-")[..length].to_owned();
    }
    let (mut all, signs): (Vec<u8>, Vec<u8>) =
        (b'!'..=b'~').filter(|b| alphabet.has(*b)).partition(u8::is_ascii_alphanumeric);
    if alphabet == Alphabet::Hex {
        all.retain(|b| !b.is_ascii_uppercase());
    }
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x1234_5678_9ABC_DEF1;
    let mut next = |of: &[u8]| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        of[(state >> 20) as usize % of.len()]
    };
    let mut body: Vec<u8> = (0..length).map(|_| next(&all)).collect();
    // One sign in the middle, and what only chance would leave out.
    if let [.., sign] = signs[..]
        && length > 20
    {
        body[length / 2] = sign;
        if alphabet.has(b'!') {
            body[length / 2] = b'!';
        }
    }
    let kinds: [&[u8]; 3] = [b"7", b"K", b"w"];
    for (at, kind) in kinds.iter().enumerate() {
        if let Some(b) = kind.iter().find(|b| all.contains(b)) {
            body[2 + at] = *b;
        }
    }
    String::from_utf8(body).unwrap()
}

fn scanned(scanner: &Scanner, text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    scanner.scan(text, &mut found);
    found
        .iter()
        .map(|s| (scanner.label(s.label).as_str().into(), text[s.start..s.end].into()))
        .collect()
}

/// The text without its markers, and what stood between them.
fn unmark(marked: &str) -> (String, Vec<String>) {
    let values = marked
        .split('⟦')
        .skip(1)
        .filter_map(|part| part.split_once('⟧'))
        .map(|(value, _)| value.into())
        .collect();
    (marked.replace(['⟦', '⟧'], ""), values)
}
