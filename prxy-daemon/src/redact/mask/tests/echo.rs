//! The next mention of a value, without the word that gave it away.

use proptest::prelude::*;
use serde_json::json;

use super::{Memory, masker};
use crate::provider::Surface;

/// What is sent of `texts`, each a message, by roles in turn.
fn sent(roles: &[&str], texts: &[&str], vault: &Memory) -> Vec<String> {
    let messages: Vec<_> = texts
        .iter()
        .zip(roles.iter().cycle())
        .map(|(text, role)| json!({"role": role, "content": text}))
        .collect();
    let body = json!({ "messages": messages }).to_string();
    let masked = masker().request(Surface::Chat, body.as_bytes(), vault).unwrap();
    let sent = masked.body.unwrap_or(body.into_bytes());
    masker().check(&sent).unwrap();
    let again = masker().request(Surface::Chat, &sent, &Memory::default()).unwrap();
    let literals = again.masked.keys().all(|label| label.as_str() == "LITERAL");
    assert!(literals, "what is masked is not masked again: {:?}", again.masked);
    let sent: serde_json::Value = serde_json::from_slice(&sent).unwrap();
    let messages = sent["messages"].as_array().unwrap().iter();
    messages.map(|message| message["content"].as_str().unwrap().to_owned()).collect()
}

#[track_caller]
fn check(first: &str, next: &str, wanted: &str) {
    let sent = sent(&["user", "assistant"], &[first, next], &Memory::default());
    assert_ne!(sent[0], first, "the control: the word gives it away");
    assert_eq!(sent[1], wanted, "{first}");
}

#[test]
fn a_value_that_a_word_gave_away_is_masked_on_its_next_mention() {
    for (first, next, wanted) in [
        ("MRN 00482913", "what of 00482913?", "what of <MEDICAL_ID_1>?"),
        ("MRN 00482913", "00482913.pdf, scan_00482913", "<MEDICAL_ID_1>.pdf, scan_<MEDICAL_ID_1>"),
        ("MRN 00482913", r"a\n00482913\n", r"a\n<MEDICAL_ID_1>\n"),
        ("Patient: Whitfield", "then Whitfield came", "then <PERSON_1> came"),
        ("Patient: Grace Young", "Grace Young was seen", "<PERSON_1> was seen"),
        ("from Mr Thomas Whitfield", "then Whitfield's son", "then <PERSON_2>'s son"),
        ("ls /Users/mkowalski/src", "owner mkowalski staff", "owner <USERNAME_1> staff"),
        ("username: jdoe42", "ask jdoe42 about it", "ask <USERNAME_1> about it"),
        ("Patient: Hollis Abernathy", "for HOLLIS ABERNATHY", "for <PERSON_2>"),
        ("Patient: Hollis Abernathy", "hollis abernathy came", "<PERSON_2> came"),
        ("Patient: HOLLIS ABERNATHY", "x Hollis Abernathy x", "x <PERSON_2> x"),
        ("Patient: Jörg Ümler", "JÖRG ÜMLER, jörg ümler", "<PERSON_2>, <PERSON_3>"),
        ("Patient: Grace Young", "then Grace  Young left", "then <PERSON_2> left"),
        ("Patient: Grace Young", "GRACE YOUNG", "<PERSON_2>"),
    ] {
        check(first, next, wanted);
    }
}

#[test]
fn what_may_be_something_else_is_not_masked_wherever_it_stands() {
    for (first, next) in [
        ("MRN 00482913", "v00482913, 00482913.5, 00482913x, 1-00482913"),
        ("from Mr Thomas Whitfield", "a.Whitfield() WhitfieldX _Whitfield"),
        ("Patient: May", "In May we may meet."),
        ("Patient: Will", "Will you come? Will do."),
        ("Patient: Will May", "Will May be hot?"),
        ("Hi Claude, can you help", "You are Claude, made by people."),
        ("Patient: Grace Young", "Young people say Grace."),
        ("Patient: Grace Young", "a grace young people have"),
        ("Patient: Hollis Abernathy", "hollis_abernathy hollis-abernathy abernathy hollis"),
        ("Patient: Hollis Abernathy", "xhollis abernathy hollis abernathys"),
        ("Dear Mr Jordan,", "Jordan and Austin are places."),
        ("MRN 12345", "12345 rows"),
        ("MRN 20240131", "built 20240131"),
        ("MRN 31012024", "built 31012024"),
        ("MRN 123456", "123456 rows"),
        ("MRN 500000", "500000 rows"),
        ("username: python3", "run python3 on it"),
        ("username: hello-world", "a hello-world program"),
        ("username: main.py", "see main.py"),
    ] {
        check(first, next, next);
    }
}

#[test]
fn a_turn_stays_as_it_was_sent_whatever_later_ones_name() {
    let texts = ["is 00482913 known?", "No.", "MRN 00482913", "Now 00482913 is.", "00482913!"];
    let masked = [
        "is 00482913 known?",
        "No.",
        "MRN <MEDICAL_ID_1>",
        "Now <MEDICAL_ID_1> is.",
        "<MEDICAL_ID_1>!",
    ];
    let roles = ["user", "assistant"];
    assert_eq!(sent(&roles, &texts, &Memory::default()), masked);
    // What is sent together is one turn.
    let sent = sent(&["user", "user"], &["is 00482913 known?", "MRN 00482913"], &Memory::default());
    assert_eq!(sent, ["is <MEDICAL_ID_1> known?", "MRN <MEDICAL_ID_1>"]);
}

#[test]
fn a_name_in_another_case_counts_from_the_turn_that_names_it_on() {
    let texts = [
        "hollis abernathy?",
        "No.",
        "Patient: Hollis Abernathy; HOLLIS ABERNATHY",
        "hollis abernathy",
    ];
    let masked = ["hollis abernathy?", "No.", "Patient: <PERSON_1>; <PERSON_2>", "<PERSON_3>"];
    assert_eq!(sent(&["user", "assistant"], &texts, &Memory::default()), masked);
}

#[test]
fn what_stands_outside_of_the_conversation_is_of_the_first_turn_wherever_it_stands() {
    let turns = [
        r#"{"role":"user","content":"phone: 4155550132"}"#,
        r#"{"role":"assistant","content":"ok 4155550177 4155550132"}"#,
        r#"{"role":"user","content":"phone: 4155550177"}"#,
    ];
    let masked = |count: usize| {
        let body = format!(
            r#"{{"messages":[{}],"system":"4155550132 or 4155550177"}}"#,
            turns[..count].join(",")
        );
        let sent = masker().request(Surface::Messages, body.as_bytes(), &Memory::default());
        String::from_utf8(sent.unwrap().body.unwrap()).unwrap()
    };
    assert_eq!(
        masked(1),
        r#"{"messages":[{"role":"user","content":"phone: <PHONE_1>"}],"system":"<PHONE_1> or 4155550177"}"#,
    );
    assert_eq!(
        masked(3),
        concat!(
            r#"{"messages":[{"role":"user","content":"phone: <PHONE_1>"},"#,
            r#"{"role":"assistant","content":"ok <PHONE_2> <PHONE_1>"},"#,
            r#"{"role":"user","content":"phone: <PHONE_2>"}],"#,
            r#""system":"<PHONE_1> or 4155550177"}"#
        ),
    );
}

#[test]
fn a_longer_value_of_a_later_turn_hides_no_shorter_one() {
    let texts = ["MRN 482913", "ok", "and 482913-77 too", "ok", "MRN 482913-77"];
    let vault = Memory::default();
    let before = sent(&["user", "assistant"], &texts[..3], &vault);
    let after = sent(&["user", "assistant"], &texts, &vault);
    assert_eq!(before, after[..3]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn a_conversation_with_echoes_is_sent_in_the_same_bytes(
        texts in prop::collection::vec(prop::sample::subsequence(PIECES, 0..5), 1..8),
    ) {
        let texts: Vec<String> = texts.iter().map(|pieces| pieces.join(" and ")).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let roles = ["user", "assistant"];
        let vault = Memory::default();
        let mut before: Vec<String> = Vec::new();
        for count in (1..=texts.len()).step_by(2) {
            let now = sent(&roles, &texts[..count], &vault);
            prop_assert_eq!(&now[..before.len()], before.as_slice());
            prop_assert_eq!(&sent(&roles, &texts[..count], &vault), &now);
            before = now;
        }
    }
}

/// What gives values away, and the same values alone.
const PIECES: &[&str] = &[
    "MRN 00482913",
    "00482913",
    "MRN 482913-77",
    "482913-77",
    "482913",
    "phone: 4155550132",
    "4155550132",
    "Patient: Whitfield",
    "from Mr Thomas Whitfield",
    "Whitfield",
    "Thomas Whitfield",
    "Patient: Grace Young",
    "Grace Young",
    "username: jdoe42",
    "jdoe42",
    "/Users/mkowalski/x",
    "mkowalski",
    "<PERSON_1>",
];
