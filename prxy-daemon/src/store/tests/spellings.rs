//! Other spellings of a value, and text that only looks like a placeholder.

use tempfile::TempDir;

use super::*;

#[test]
fn another_spelling_shows_its_kinship_and_comes_back_exactly() {
    let dir = TempDir::new().unwrap();
    let rows = [
        ("PERSON", "Maria Groß", "1"),
        ("PERSON", "MARIA GROSS", "1_2"),
        ("PERSON", "Ada Byron", "2"),
        ("PERSON", "Maria  Groß", "1_3"),
        ("PERSON", "ada byron", "2_2"),
        ("PERSON", "Maria Groß", "1"),
        ("PERSON", "MARIA GROSS", "1_2"),
        ("PHONE", "+49 170 1234567", "1"),
        ("PHONE", "0049 170/1234567", "1_2"),
        ("PHONE", "+49 170 1234568", "2"),
        ("CREDIT_CARD", "4111 1111 1111 1111", "1"),
        ("CREDIT_CARD", "4111-1111-1111-1111", "1_2"),
        ("IBAN", "DE89 3704 0044 0532 0130 00", "1"),
        ("IBAN", "de89370400440532013000", "1_2"),
        ("API_KEY", "sk-Abcdefgh", "1"),
        ("API_KEY", "sk-abcdefgh", "2"),
        ("EMPLOYEE_ID", "E-12", "1"),
        ("EMPLOYEE_ID", "e-12", "1_2"),
    ];
    for _ in 0..2 {
        let store = Store::open(dir.path()).unwrap();
        for (label, value, expected) in rows {
            assert_eq!(spelled(&store, "t", label, value), expected, "{value}");
        }
        for (label, value, number) in rows {
            let name = format!("{label}_{number}");
            assert_eq!(original_of(&store, "t", &name).as_deref(), Some(value), "{name}");
        }
        for name in ["PERSON_1_4", "PERSON_2_3", "PHONE_2_2", "API_KEY_1_2", "PERSON_3"] {
            assert_eq!(original_of(&store, "t", name), None, "{name}");
        }
    }
    let scratch = Store::in_memory().unwrap().of_requests().vault("t");
    for (name, value, expected) in rows {
        assert_eq!(scratch.number(&label(name), value).unwrap().to_string(), expected, "{value}");
    }
    for (name, value, number) in rows {
        let name = format!("{name}_{number}");
        let (label, number) = split(&name).unwrap();
        assert_eq!(scratch.original(label, number).as_deref(), Some(value));
        assert!(scratch.may_begin(&name) && store_of(&dir).vault("t").may_begin(&name));
    }
    assert!(!scratch.may_begin("PERSON_3") && !scratch.may_begin("API_KEY_1_"));
}

fn store_of(dir: &TempDir) -> Store {
    Store::open(dir.path()).unwrap()
}

#[test]
fn one_request_may_bring_every_spelling_at_once() {
    let store = Store::in_memory().unwrap();
    let person = label("PERSON");
    let values = [(&person, "Ada"), (&person, "ADA"), (&person, "Bob"), (&person, "ada")];
    let numbers = store.vault("t").number_all(&values).unwrap();
    let numbers: Vec<String> = numbers.iter().map(Number::to_string).collect();
    assert_eq!(numbers, ["1", "1_2", "2", "1_3"]);
}

#[test]
fn ten_thousand_values_of_one_request_come_back() {
    let dir = TempDir::new().unwrap();
    let store = store_of(&dir);
    let email = label("EMAIL");
    let texts: Vec<String> = (0..5000)
        .flat_map(|n| [format!("user{n}@example.org"), format!("USER{n}@example.org")])
        .collect();
    let values: Vec<(&Label, &str)> = texts.iter().map(|text| (&email, text.as_str())).collect();
    let vault = store.vault("t");
    let numbers = vault.number_all(&values).unwrap();
    let distinct: std::collections::BTreeSet<_> = numbers.iter().collect();
    assert_eq!(distinct.len(), texts.len());
    assert_eq!(numbers[1], Number { value: 1, spelling: 2 });
    assert_eq!(store_of(&dir).vault("t").number_all(&values).unwrap(), numbers);
    for (text, number) in texts.iter().zip(&numbers) {
        assert_eq!(vault.original("EMAIL", *number).as_deref(), Some(text.as_str()));
    }
}

#[test]
fn requests_that_race_for_spellings_of_a_value_get_a_number_each() {
    let dir = TempDir::new().unwrap();
    let (one, two) = (store_of(&dir), store_of(&dir));
    let barrier = Barrier::new(8);
    let spellings = ["ada", "Ada", "aDa", "adA", "ADa", "AdA", "aDA", "ADA"];
    let race = |at: usize| {
        let store = if at.is_multiple_of(2) { &one } else { &two };
        barrier.wait();
        spelled(store, "t", "PERSON", spellings[at])
    };
    let mut numbers: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|at| scope.spawn(move || race(at))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    numbers.sort();
    assert_eq!(numbers, ["1", "1_2", "1_3", "1_4", "1_5", "1_6", "1_7", "1_8"]);
}

#[track_caller]
fn typed(vault: &dyn crate::redact::Vault, name: &str, lasts: Lasts, expected: Typed) {
    let look = crate::redact::placeholder::split_loosely(name).unwrap();
    assert_eq!(vault.typed(&[look], lasts).unwrap(), [expected], "{name} {lasts:?}");
}

#[test]
fn a_number_that_was_typed_is_given_to_nobody() {
    let dir = TempDir::new().unwrap();
    let store = store_of(&dir);
    assert_eq!(spelled(&store, "t", "EMAIL", "a@b.org"), "1");
    let vault = store.vault("t");
    for name in ["EMAIL_2", "EMAIL_1_2", "EMAIL_4_2", "PERSON_1", "EMAIL_0", "EMAIL_03"] {
        typed(&*vault, name, Lasts::Longer, Typed::Stays);
    }
    for _ in 0..2 {
        let store = store_of(&dir);
        assert_eq!(spelled(&store, "t", "EMAIL", "c@b.org"), "5");
        assert_eq!(spelled(&store, "t", "EMAIL", "A@b.org"), "1_3");
        assert_eq!(spelled(&store, "t", "PERSON", "Ada"), "2");
        for name in ["EMAIL_2", "EMAIL_1_2", "EMAIL_3", "EMAIL_4_2", "PERSON_1"] {
            assert_eq!(original_of(&store, "t", name), None, "{name}");
        }
        // Another tenant's numbers are another matter.
        assert_eq!(spelled(&store, "u", "PERSON", "Ada"), "1");
    }
    let mut listed = Vec::new();
    store
        .entries(Some("t"), None, &mut |entry| {
            listed.push(entry.placeholder());
            true
        })
        .unwrap();
    assert_eq!(listed, ["<EMAIL_1>", "<EMAIL_1_3>", "<EMAIL_5>", "<PERSON_2>"]);
}

#[test]
fn what_was_typed_is_not_restored_in_its_own_answer_or_is_masked() {
    let store = Store::in_memory().unwrap();
    for (value, number) in [("a@b.org", "1"), ("A@b.org", "1_2")] {
        assert_eq!(spelled(&store, "t", "EMAIL", value), number);
    }
    let vault = store.vault("t");
    typed(&*vault, "EMAIL_1", Lasts::OneAnswer, Typed::Stays);
    assert_eq!(vault.original("EMAIL", Number::first(1)), None);
    // Every other request and spelling goes on as before.
    assert_eq!(original_of(&store, "t", "EMAIL_1").as_deref(), Some("a@b.org"));
    let second = Number { value: 1, spelling: 2 };
    assert_eq!(vault.original("EMAIL", second).as_deref(), Some("A@b.org"));
    // A value of the same request is restored after all.
    vault.number(&label("EMAIL"), "a@b.org").unwrap();
    assert_eq!(vault.original("EMAIL", Number::first(1)).as_deref(), Some("a@b.org"));
    typed(&*store.vault("t"), "EMAIL_1", Lasts::Longer, Typed::Masked);
    // As long as what somebody's passport has: this is no number of ours.
    typed(&*store.vault("t"), "EMAIL_12345678", Lasts::OneAnswer, Typed::Masked);
    typed(&*store.vault("t"), "EMAIL_1_12345678", Lasts::OneAnswer, Typed::Masked);
}
