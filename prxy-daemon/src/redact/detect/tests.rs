//! Every row of the table against its own examples.

mod texts;

use super::DETECTORS;
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
    let secrets = ["API_KEY", "BEARER_TOKEN", "JWT", "PRIVATE_KEY"];
    for (label, action) in super::labels() {
        assert_eq!(action == Action::Block, secrets.contains(&label), "{label}");
    }
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
