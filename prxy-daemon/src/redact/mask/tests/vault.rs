//! With the real vault: every byte comes back, and what is masked stays as it is.

use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{agent, label};
use crate::provider::Surface;
use crate::redact::Vault;
use crate::redact::mask::Masker;
use crate::redact::rehydrate::{self, KeptTools};
use crate::store::Store;

fn body(text: &str) -> Vec<u8> {
    json!({ "messages": [{ "role": "user", "content": text }] }).to_string().into_bytes()
}

/// The text that is sent; `None` where the request is refused.
fn sent(masker: &Masker, text: &str, vault: &dyn Vault) -> Option<String> {
    let body = body(text);
    let masked = masker.request(Surface::Chat, &body, vault).ok()?;
    let sent: Value = serde_json::from_slice(masked.body.as_deref().unwrap_or(&body)).unwrap();
    Some(sent["messages"][0]["content"].as_str().unwrap().to_owned())
}

/// What the client gets of an answer with this text.
fn answered(text: &str, vault: &dyn Vault) -> String {
    let body = json!({ "choices": [{ "message": { "content": text } }] }).to_string();
    let restored = rehydrate::whole(Surface::Chat, body.as_bytes(), vault, &KeptTools::default());
    let answer: Value = serde_json::from_slice(&restored.unwrap_or(body.into_bytes())).unwrap();
    answer["choices"][0]["message"]["content"].as_str().unwrap().to_owned()
}

/// Values in several spellings, and what looks like the placeholders that they get.
const PIECES: &[&str] = &[
    "maria@corp.com",
    "Maria@Corp.com",
    "MARIA@CORP.COM",
    "tom@corp.com",
    "+1 415 555 0132",
    "+1-415-555-0132",
    "4111 1111 1111 1111",
    "4111-1111-1111-1111",
    "4111111111111111",
    "DE89370400440532013000",
    "DE89 3704 0044 0532 0130 00",
    "E-123456",
    "<EMAIL_1>",
    "<EMAIL_2>",
    "<EMAIL_1_2>",
    "<EMAIL_1_3>",
    "<email_1>",
    "&lt;EMAIL_1&gt;",
    "\\u003cEMAIL_1_2\\u003e",
    "EMAIL_1",
    "EMAIL_2_2",
    "<EMAIL\\_1>",
    "<EMAIL_01>",
    "<EMAIL_1_1>",
    "<EMAIL_1's>",
    "<PHONE_1>",
    "<CREDIT_CARD_1_2>",
    "<EMAIL_1234567>",
    "<LITERAL_1>",
    "<LITERAL_2>",
    "LITERAL_1",
    "<EMPLOYEE_ID_1>",
    "<UNKNOWN_1>",
    "<",
    ">",
    "'s",
    "s",
    "_2",
    "\n",
    "\"",
    "\\",
    "x",
];

fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        8 => prop::sample::select(PIECES).prop_map(|piece| format!(" {piece} ")),
        2 => prop::sample::select(PIECES).prop_map(String::from),
        1 => "[ -~é世]{0,6}",
    ];
    prop::collection::vec(piece, 0..10).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn every_byte_comes_back_and_what_is_masked_stays_so(texts in prop::collection::vec(text(), 1..4)) {
        let dir = TempDir::new().unwrap();
        let masker = agent();
        let mut first: Vec<Option<String>> = Vec::new();
        for round in 0..2 {
            // The second round is after a restart: the same conversation has the same bytes.
            let store = Store::open(dir.path()).unwrap();
            for (turn, text) in texts.iter().enumerate() {
                let vault = store.vault("t");
                let masked = sent(&masker, text, &*vault);
                let Some(masked) = masked else { first.push(None); continue };
                prop_assert_eq!(&answered(&masked, &*vault), text, "sent {:?}", masked);
                let again = sent(&masker, text, &*store.vault("t"));
                prop_assert_eq!(again.as_ref(), Some(&masked));
                if round == 0 {
                    first.push(Some(masked.clone()));
                } else {
                    prop_assert_eq!(first[turn].as_ref(), Some(&masked));
                }
                // Masked once more: nothing changes, and nothing is restored that was not meant.
                for other in ["t", "somebody else"] {
                    let vault = store.vault(other);
                    let twice = sent(&masker, &masked, &*vault);
                    prop_assert_eq!(twice.as_ref(), Some(&masked), "of {:?} for {}", text, other);
                    prop_assert_eq!(&answered(&masked, &*vault), &masked);
                }
            }
        }
    }

    #[test]
    fn a_text_that_is_masked_alone_is_unmasked_alone(text in text()) {
        let dir = TempDir::new().unwrap();
        let masker = agent();
        for _ in 0..2 {
            let vault = Store::open(dir.path()).unwrap().vault("t");
            let Ok((masked, _)) = masker.text(&text, &*vault) else { return Ok(()) };
            let later = Store::open(dir.path()).unwrap().vault("t");
            prop_assert_eq!(&rehydrate::text(&masked, &*later), &text, "masked {:?}", masked);
        }
    }

    #[test]
    fn a_vault_of_one_request_does_the_same(text in text()) {
        let (masker, store) = (agent(), Store::in_memory().unwrap().of_requests());
        let vault = store.vault("t");
        let Some(masked) = sent(&masker, &text, &*vault) else { return Ok(()) };
        prop_assert_eq!(&answered(&masked, &*vault), &text, "sent {:?}", masked);
        prop_assert_eq!(sent(&masker, &text, &*store.vault("t")), Some(masked));
    }
}

#[test]
fn what_looks_like_a_placeholder_is_masked_only_where_it_would_be_mistaken() {
    let store = Store::in_memory().unwrap();
    let masker = agent();
    for (text, expected) in [
        ("what is <EMAIL_1>?", "what is <EMAIL_1>?"),
        ("<EMAIL_1> maria@corp.com", "<EMAIL_1> <EMAIL_2>"),
        ("<EMAIL_2>", "<EMAIL_2>"),
        ("<EMAIL_2> maria@corp.com", "<LITERAL_1> <EMAIL_2>"),
        ("EMAIL_2, &lt;email_2&gt; Maria@corp.com", "EMAIL_2, &lt;email_2&gt; <EMAIL_2_2>"),
        ("EMAIL_2 maria@corp.com", "<LITERAL_2> <EMAIL_2>"),
        ("<LITERAL_1>", "<LITERAL_1>"),
        ("<LITERAL_1> <EMAIL_2> maria@corp.com", "<LITERAL_3> <LITERAL_1> <EMAIL_2>"),
        ("PASSPORT_12345678", "<LITERAL_4>"),
    ] {
        let vault = store.vault("t");
        assert_eq!(sent(&masker, text, &*vault).as_deref(), Some(expected), "{text}");
        assert_eq!(answered(expected, &*vault), text);
    }
}

#[test]
fn what_the_provider_keeps_is_masked_where_another_answer_could_bring_it_up() {
    let store = Store::in_memory().unwrap();
    let masker = agent();
    store.vault("t").number(&label("EMAIL"), "maria@corp.com").unwrap();
    for (body, expected) in [
        (r#"{"input":"<EMAIL_1> <EMAIL_2>"}"#, Some(r#"{"input":"<LITERAL_1> <EMAIL_2>"}"#)),
        (r#"{"store":false,"input":"<EMAIL_1> <EMAIL_2>"}"#, None),
        (
            r#"{"previous_response_id":"r","store":false,"input":"<EMAIL_1>"}"#,
            Some(r#"{"previous_response_id":"r","store":false,"input":"<LITERAL_1>"}"#),
        ),
    ] {
        let masked =
            masker.request(Surface::Responses, body.as_bytes(), &*store.vault("t")).unwrap();
        let masked = masked.body.map(|body| String::from_utf8(body).unwrap());
        assert_eq!(masked.as_deref(), expected);
    }
}

#[test]
fn a_label_that_the_policy_does_not_know_is_not_restored_where_it_was_typed() {
    let store = Store::in_memory().unwrap();
    let masker = agent();
    store.vault("t").number(&label("PROJECT"), "Apollo").unwrap();
    let vault = store.vault("t");
    assert_eq!(sent(&masker, "see <PROJECT_1>", &*vault).as_deref(), Some("see <PROJECT_1>"));
    assert_eq!(answered("<PROJECT_1>", &*vault), "<PROJECT_1>");
    // What the provider keeps may come in an answer to no text at all.
    assert_eq!(answered("<PROJECT_1>", &*store.vault("t")), "Apollo");
}

#[test]
fn an_answer_is_given_the_values_of_its_own_request_only() {
    let store = Store::in_memory().unwrap();
    let masker = agent();
    store
        .vault("t")
        .number_all(&[(&label("EMAIL"), "a@corp.com"), (&label("EMAIL"), "b@corp.com")])
        .unwrap();
    let vault = store.vault("t");
    assert_eq!(sent(&masker, "to b@corp.com", &*vault).as_deref(), Some("to <EMAIL_2>"));
    for (said, got) in [
        ("to <EMAIL_2>", "to b@corp.com"),
        ("set EMAIL_2 and EMAIL_1", "set b@corp.com and EMAIL_1"),
        ("CREATE TABLE t (EMAIL_1 TEXT, x TEXT)", "CREATE TABLE t (EMAIL_1 TEXT, x TEXT)"),
        ("<EMAIL_1>", "<EMAIL_1>"),
    ] {
        assert_eq!(answered(said, &*vault), got);
    }
}

#[test]
fn what_masking_puts_beside_a_word_makes_no_placeholder_of_it() {
    let store = Store::in_memory().unwrap();
    let masker = agent();
    for text in ["a@corp.com; EMAIL_1-b@corp.com", "a@corp.com; born 12/03/1984EMAIL_1"] {
        let vault = store.vault("t");
        let masked = sent(&masker, text, &*vault).unwrap();
        assert_eq!(answered(&masked, &*vault), text, "{masked}");
    }
}

#[test]
fn no_tenant_restores_what_another_one_has_masked() {
    let store = Store::in_memory().unwrap();
    let masker = agent();
    for tenant in ["ada", "bob"] {
        let text = format!("{tenant}@corp.com");
        let masked = sent(&masker, &text, &*store.vault(tenant));
        assert_eq!(masked.as_deref(), Some("<EMAIL_1>"));
    }
    assert_eq!(answered("<EMAIL_1>", &*store.vault("ada")), "ada@corp.com");
    assert_eq!(answered("<EMAIL_1>", &*store.vault("bob")), "bob@corp.com");
    assert_eq!(answered("<EMAIL_1>", &*store.vault("eve")), "<EMAIL_1>");
}

#[test]
fn names_that_are_spelled_with_escapes_are_masked_and_come_back_as_they_were() {
    let store = Store::in_memory().unwrap();
    let masker = agent();
    for (text, expected) in [
        (r#"{"name": "J\u00fcrgen M\u00fcller"}"#, r#"{"name": "<PERSON_1>"}"#),
        (r#"{"name": "\u738b\u5c0f\u660e"}"#, r#"{"name": "<PERSON_2>"}"#),
        ("<td>Name: J&uuml;rgen M&uuml;ller</td>", "<td>Name: <PERSON_3></td>"),
    ] {
        let vault = store.vault("t");
        assert_eq!(sent(&masker, text, &*vault).as_deref(), Some(expected));
        assert_eq!(answered(expected, &*vault), text);
    }
}

#[test]
fn identities_that_programs_make_up_are_nobodys_numbers_and_others_are_refused() {
    let (masker, store) = (agent(), Store::in_memory().unwrap());
    for (id, passes) in [
        ("365401828", true),
        ("4155550132", true),
        ("call_1763765400123", true),
        ("call_1763765400_7", true),
        ("12345ccc-6671-4a3a-9abc-0123456789ab", true),
        ("toolu_0f86bccc-7665-4982-a835-012345678901", true),
        ("maria@corp.com", false),
        ("078-05-1121", false),
        ("DE89370400440532013000", false),
        (
            "sk-ant-api03-Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8Qr9St0Uv1Wx2Yz3Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8Qr9AA",
            false,
        ),
    ] {
        let chat = json!({"messages": [
            {"role": "assistant", "tool_calls": [{"id": id, "type": "function", "function": {"name": "n", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": id, "content": "ok"},
        ]});
        let responses = json!({"store": false, "input": [
            {"type": "function_call", "call_id": id, "name": "n", "arguments": "{}"},
            {"type": "function_call_output", "call_id": id, "output": "ok"},
        ]});
        let messages = json!({"messages": [
            {"role": "assistant", "content": [{"type": "tool_use", "id": id, "name": "n", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": id, "content": "ok"}]},
        ]});
        for (surface, body) in
            [(Surface::Chat, chat), (Surface::Responses, responses), (Surface::Messages, messages)]
        {
            let body = body.to_string();
            let masked = masker.request(surface, body.as_bytes(), &*store.vault("t"));
            assert_eq!(masked.is_ok(), passes, "{surface:?} {id}");
            assert_eq!(
                crate::json::walk(body.as_bytes(), &mut masker.checker(surface, body.as_bytes()))
                    .is_ok(),
                passes,
                "{surface:?} {id}"
            );
        }
    }
}

#[test]
fn a_piece_of_what_is_encrypted_is_nobodys_and_a_whole_value_there_is_refused() {
    let (masker, store) = (agent(), Store::in_memory().unwrap());
    let around = |value: &str| format!("gAAAA{}{value}{}", "Zk3".repeat(40), "aQ2".repeat(40));
    for (said, passes) in [
        (around("GVoDl-sc513ia3Jqn0D_sKsJC"), true),
        (around("K66c0-r8_1v0FNzhU8VILAiPzBkKNzpPNkE71spmdQSYmTJX-MFU5G"), true),
        (around("0CIpR-6MEFj606-gHe3U"), true),
        (around("z1PiS_289e8M52Wa_S5qwz"), true),
        (around(" maria@corp.com "), false),
        ("AKIAQ4XTRBGMZ7WNPLKD".to_owned(), false),
        ("4111 1111 1111 1111".to_owned(), false),
    ] {
        let body = json!({"store": false, "input": [
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": said},
        ]})
        .to_string();
        let masked = masker.request(Surface::Responses, body.as_bytes(), &*store.vault("t"));
        assert_eq!(masked.is_ok(), passes, "{said}");
    }
}
