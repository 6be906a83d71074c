//! The corpus itself: spans, determinism, size, and that both halves are apart.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

fn all() -> Vec<Text> {
    [generate(Half::Dev, SEED), generate(Half::HeldOut, SEED), hard(), fresh()].concat()
}

#[test]
fn spans_are_sorted_apart_and_on_character_boundaries() {
    for text in all() {
        let mut last = 0;
        for span in &text.spans {
            let value = text.text.get(span.start..span.end);
            let value = value.unwrap_or_else(|| panic!("{}: {span:?}", text.id));
            assert!(last <= span.start && span.start < span.end, "{}: {span:?}", text.id);
            assert_eq!(value.trim(), value, "{}", text.id);
            assert!(LABELS.contains(&span.label.as_str()), "{}: {}", text.id, span.label);
            last = span.end;
        }
        for mark in ["{{", "⟪", "⟫", "⟦", "⟧", "‹‹"] {
            let literal = mark == "{{" && text.spans.is_empty();
            assert!(literal || !text.text.contains(mark), "{}: {mark}", text.id);
        }
    }
}

#[test]
fn the_generator_is_deterministic_and_its_seed_matters() {
    for half in [Half::Dev, Half::HeldOut] {
        assert_eq!(generate(half, SEED), generate(half, SEED));
        assert_ne!(generate(half, SEED), generate(half, SEED + 1));
    }
}

#[test]
fn ids_are_unique_and_there_are_thousands_of_texts() {
    let all = all();
    let ids: BTreeSet<&str> = all.iter().map(|text| text.id.as_str()).collect();
    assert_eq!(ids.len(), all.len());
    assert!(all.len() >= 4_400, "{}", all.len());
    assert!(hard().len() >= 400, "{}", hard().len());
}

#[test]
fn every_half_holds_every_label_language_and_texts_without_any() {
    for half in [Half::Dev, Half::HeldOut] {
        let texts = generate(half, SEED);
        let mut counts: BTreeMap<&str, usize> = LABELS.iter().map(|label| (*label, 0)).collect();
        for span in texts.iter().flat_map(|text| &text.spans) {
            *counts.get_mut(span.label.as_str()).unwrap() += 1;
        }
        assert!(counts.values().all(|count| *count >= 25), "{half:?}: {counts:?}");
        let languages: BTreeSet<&str> = texts.iter().map(|text| text.lang.as_str()).collect();
        assert_eq!(languages.len(), 9);
        assert!(texts.iter().filter(|text| text.spans.is_empty()).count() >= 400);
    }
}

#[test]
fn no_name_of_one_half_is_in_the_other() {
    let people = |half| -> BTreeSet<String> {
        let texts = generate(half, SEED);
        let spans = texts.iter().flat_map(|text| text.spans.iter().map(move |span| (text, span)));
        spans
            .filter(|(_, span)| ["PERSON", "ORGANIZATION", "ADDRESS"].contains(&&*span.label))
            .map(|(text, span)| text.text[span.start..span.end].to_owned())
            .collect()
    };
    let (dev, held) = (people(Half::Dev), people(Half::HeldOut));
    assert_eq!(dev.intersection(&held).collect::<Vec<_>>(), Vec::<&String>::new());
}

/// Lengths by country, from the IBAN registry.
#[test]
fn every_iban_has_the_length_of_its_country() {
    let first = [("GB", 22), ("DE", 22), ("FR", 27), ("ES", 24), ("IT", 27)];
    let second = [("NL", 18), ("PL", 28), ("PT", 25), ("CH", 21)];
    let lengths: BTreeMap<&str, usize> = first.into_iter().chain(second).collect();
    for half in [Half::Dev, Half::HeldOut] {
        for text in generate(half, SEED) {
            for span in text.spans.iter().filter(|span| span.label == "IBAN") {
                let iban = text.text[span.start..span.end].replace(' ', "");
                assert_eq!(Some(&iban.len()), lengths.get(&iban[..2]), "{iban}");
            }
        }
    }
}

#[test]
fn hard_cases_read_as_they_are_meant() {
    let texts = hard();
    assert!(texts.iter().any(|text| text.spans.is_empty()));
    let labels: BTreeSet<&str> =
        texts.iter().flat_map(|text| text.spans.iter().map(|span| span.label.as_str())).collect();
    assert_eq!(labels.len(), LABELS.len(), "{labels:?}");
}

const LABELS: &[&str] = &[
    "EMAIL",
    "PHONE",
    "PERSON",
    "ORGANIZATION",
    "ADDRESS",
    "DATE_OF_BIRTH",
    "NATIONAL_ID",
    "PASSPORT",
    "DRIVER_LICENSE",
    "MEDICAL_ID",
    "CREDIT_CARD",
    "IBAN",
    "BANK_ACCOUNT",
    "IP_ADDRESS",
    "MAC_ADDRESS",
    "CRYPTO_ADDRESS",
    "USERNAME",
    "API_KEY",
    "PASSWORD",
    "BEARER_TOKEN",
    "JWT",
    "PRIVATE_KEY",
    "CONNECTION_STRING",
];
