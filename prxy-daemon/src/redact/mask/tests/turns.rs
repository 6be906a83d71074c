//! Turn after turn: the same bytes, and every text back as it was.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::properties::{SECRETS, text};
use super::{Memory, agent};
use crate::json::escape;
use crate::provider::Surface;
use crate::redact::placeholder::Number;
use crate::redact::rehydrate::{self, KeptTools, Stream};
use crate::redact::{Label, Vault, VaultError};

/// One message of each API, and what stands around all of them.
const FORMS: &[(Surface, &str, &str, &str)] = &[
    (
        Surface::Messages,
        r#"{"system":"Mail bob@corp.com","messages":["#,
        r#"{"role":"user","content":[{"type":"text","text":"@"}]}"#,
        "]}",
    ),
    (
        Surface::Messages,
        r#"{"messages":["#,
        r#"{"role":"assistant","content":[{"type":"tool_use","name":"n","input":{"a":"@"}}]}"#,
        "]}",
    ),
    (Surface::Chat, r#"{"messages":["#, r#"{"role":"tool","content":"@"}"#, "]}"),
    (
        Surface::Chat,
        r#"{"messages":["#,
        r#"{"role":"assistant","tool_calls":[{"function":{"name":"n","arguments":"{\"a\":1,\"b\":\"@\"}"}}]}"#,
        "]}",
    ),
    (
        Surface::Responses,
        r#"{"instructions":"x","input":["#,
        r#"{"type":"message","role":"user","content":[{"type":"input_text","text":"@"}]}"#,
        "]}",
    ),
    (Surface::Generate, r#"{"contents":["#, r#"{"role":"user","parts":[{"text":"@"}]}"#, "]}"),
];

/// A text that detectors know by itself, wherever it stands.
fn turn() -> impl Strategy<Value = String> {
    let secret = prop_oneof![2 => prop::sample::select(SECRETS).prop_map(String::from), 1 => Just(String::new())];
    ("[a-zé世\n]{0,12}", secret, "[a-z<>{}]{0,8}")
        .prop_map(|(a, secret, b)| format!("{a} {secret} {b}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_conversation_that_grows_is_sent_in_the_same_bytes(
        turns in prop::collection::vec(turn(), 1..6), form in prop::sample::select(FORMS),
    ) {
        let (surface, before, message, after) = form;
        let (masker, vault) = (agent(), Memory::default());
        let mut sent_before = String::new();
        for count in 1..=turns.len() {
            let messages: Vec<String> = turns[..count].iter().map(|text| {
                let text = escape(text);
                // Where it stands in a document of its own, it is escaped once more.
                message.replace('@', &if message.contains("arguments") { escape(&text) } else { text })
            }).collect();
            let body = format!("{before}{}{after}", messages.join(","));
            let masked = masker.request(surface, body.as_bytes(), &vault);
            let masked = masked.map_err(|refusal| TestCaseError::fail(refusal.to_string()))?;
            let sent = masked.body.map_or(body.clone(), |sent| String::from_utf8(sent).unwrap());
            prop_assert!(sent.starts_with(sent_before.strip_suffix(after).unwrap_or_default()), "{sent_before}\n{sent}");
            // Nothing of it depends on what is remembered.
            let fresh = agent().request(surface, body.as_bytes(), &vault).unwrap();
            prop_assert_eq!(fresh.body.map_or(body, |sent| String::from_utf8(sent).unwrap()), sent.as_str());
            sent_before = sent;
        }
    }

    #[test]
    fn what_a_model_repeats_comes_back_as_it_was_typed(text in text(), cuts in prop::collection::vec(0..40usize, 0..6)) {
        let vault = Arc::new(Memory::default());
        let Ok((masked, _)) = agent().text(&text, &*vault) else { return Ok(()) };
        let body = json!({"content": [{"type": "text", "text": masked}]}).to_string();
        let whole = rehydrate::whole(Surface::Messages, body.as_bytes(), &*vault, &KeptTools::default());
        let whole: Value = serde_json::from_slice(&whole.unwrap_or(body.into_bytes())).unwrap();
        prop_assert_eq!(whole["content"][0]["text"].as_str().unwrap(), &text);

        let symbols: Vec<char> = masked.chars().collect();
        let mut places: Vec<usize> = cuts.iter().map(|cut| *cut.min(&symbols.len())).chain([0, symbols.len()]).collect();
        places.sort_unstable();
        let mut stream = Stream::new(Surface::Messages, vault);
        let mut out = Vec::new();
        for pair in places.windows(2) {
            let piece: String = symbols[pair[0]..pair[1]].iter().collect();
            let event = json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}});
            stream.push(format!("data: {event}\n\n").as_bytes(), &mut out);
        }
        stream.finish(&mut out);
        let mut read = String::new();
        for data in String::from_utf8(out).unwrap().lines().filter_map(|line| line.strip_prefix("data: ")) {
            read += serde_json::from_str::<Value>(data).unwrap()["delta"]["text"].as_str().unwrap();
        }
        prop_assert_eq!(read, text);
    }

    #[test]
    fn a_masked_text_has_nothing_in_it_but_its_placeholders(text in text()) {
        let vault = Memory::default();
        let Ok((masked, _)) = agent().text(&text, &vault) else { return Ok(()) };
        let (again, counts) = agent().text(&masked, &vault).unwrap();
        let literals = counts.keys().all(|label| label.as_str() == "LITERAL");
        prop_assert!(literals, "{masked}\n{counts:?}");
        prop_assert_eq!(rehydrate::text(&again, &vault), masked.as_str());
        prop_assert_eq!(rehydrate::text(&rehydrate::text(&again, &vault), &vault), text);
    }
}

/// What a vault does wrong.
#[derive(Clone, Copy, Debug)]
enum Fault {
    None,
    /// Fails from the n-th value on.
    At(u64),
    /// Gives fewer numbers than were asked for.
    Short,
    Empty,
}

struct Faulty(Fault, Memory);

impl Vault for Faulty {
    fn number(&self, label: &Label, value: &str) -> Result<Number, VaultError> {
        let number = self.1.number(label, value)?;
        match self.0 {
            Fault::At(n) if self.1.values().len() as u64 >= n => {
                Err(VaultError("disk full".into()))
            }
            _ => Ok(number),
        }
    }

    fn number_all(&self, values: &[(&Label, &str)]) -> Result<Vec<Number>, VaultError> {
        let all = values.iter().map(|(label, value)| self.number(label, value));
        let mut all = all.collect::<Result<Vec<_>, _>>()?;
        match self.0 {
            Fault::Short => drop(all.pop()),
            Fault::Empty => all.clear(),
            Fault::None | Fault::At(_) => {}
        }
        Ok(all)
    }

    fn original(&self, label: &str, number: Number) -> Option<Arc<str>> {
        self.1.original(label, number)
    }
}

#[test]
fn whatever_goes_wrong_in_the_vault_nothing_is_sent() {
    let body = br#"{"system":"a@b.co","messages":[{"content":"c@d.io and +14155550132"}]}"#;
    let with = |fault| agent().request(Surface::Messages, body, &Faulty(fault, Memory::default()));
    assert!(with(Fault::None).unwrap().body.is_some(), "the control");
    for fault in [Fault::At(1), Fault::At(2), Fault::At(3), Fault::Short, Fault::Empty] {
        let refusal = with(fault).unwrap_err();
        assert_eq!(refusal.reason(), "vault-unavailable", "{fault:?}");
    }
}

/// The reason, or what is sent.
#[track_caller]
fn check(body: &[u8], expected: Result<&str, &str>) {
    let vault = Memory::default();
    let met = agent().request(Surface::Messages, body, &vault);
    let met = met.map(|met| String::from_utf8(met.body.unwrap_or_else(|| body.to_vec())).unwrap());
    let met = met.as_deref().map_err(|refusal| refusal.reason());
    assert_eq!(met, expected, "{}", String::from_utf8_lossy(body));
    if met.is_err() {
        assert_eq!(vault.values(), [], "nothing is kept of what is not sent");
    }
}

#[test]
fn whatever_is_wrong_with_a_body_it_is_not_sent_or_masked_all_the_same() {
    let clean = r#"{"messages":[{"role":"user","content":"a@b.co"}]}"#;
    let masked = clean.replace("a@b.co", "<EMAIL_1>");
    check(clean.as_bytes(), Ok(&masked));
    let spoilt = |bytes: &[u8]| {
        clean.as_bytes().iter().copied().chain(bytes.iter().copied()).collect::<Vec<_>>()
    };
    for (body, reason) in [
        (b"\xef\xbb\xbf".iter().copied().chain(clean.bytes()).collect(), "not-json"),
        (spoilt(b"x"), "not-json"),
        (spoilt(b"{}"), "not-json"),
        (spoilt(b"\0"), "not-json"),
        (spoilt(b"//"), "not-json"),
        (clean.replace("a@b", "a\u{0}@b").into_bytes(), "not-json"),
        (clean.replace("a@b", "\\x61@b").into_bytes(), "not-json"),
        (clean.replace("a@b", "\\ud83d\\u12 a@b").into_bytes(), "not-json"),
        (clean.replace(r#"co"}"#, r#"co",}"#).into_bytes(), "not-json"),
        (clean.replace('"', "'").into_bytes(), "not-json"),
        (clean.bytes().take(clean.len() - 1).collect(), "not-json"),
        (Vec::new(), "not-json"),
        (clean.bytes().map(|b| if b == b'u' { 0xff } else { b }).collect(), "not-json"),
        (clean.bytes().map(|b| if b == b'u' { 0xed } else { b }).collect(), "not-json"),
        (clean.encode_utf16().flat_map(u16::to_le_bytes).collect(), "not-json"),
        (format!("{}{clean}{}", "[".repeat(128), "]".repeat(128)).into_bytes(), "too-deep"),
        (
            format!(r#"{{"x":{}"a@b.co"{}}}"#, r#"{"y":"#.repeat(128), "}".repeat(128))
                .into_bytes(),
            "too-deep",
        ),
        (clean.replace(r#""user""#, "01").into_bytes(), "not-json"),
        (clean.replace(r#""user""#, "1.").into_bytes(), "not-json"),
        (clean.replace(r#""user""#, "NaN").into_bytes(), "not-json"),
        (clean.replace(r#""user""#, "+1").into_bytes(), "not-json"),
    ] {
        check(&body, Err(reason));
    }
    // These are JSON, and read as what they say.
    for (given, sent) in [
        // A half of a pair stays as it is spelled; the value beside it does not.
        (r#"{"system":"\ud83d a@b.co \udc00"}"#, r#"{"system":"\ud83d <EMAIL_1> \udc00"}"#),
        // Readers differ in which of two they take, so both are masked; the broker refuses them.
        (
            r#"{"system":"a@b.co","system":"c@d.io"}"#,
            r#"{"system":"<EMAIL_1>","system":"<EMAIL_2>"}"#,
        ),
        (
            r#"{"temperature":1e999,"system":"a@b.co"}"#,
            r#"{"temperature":1e999,"system":"<EMAIL_1>"}"#,
        ),
    ] {
        check(given.as_bytes(), Ok(sent));
    }
    let digits = "7".repeat(10_000);
    let given = format!(r#"{{"n":{digits},"system":"a@b.co"}}"#);
    check(given.as_bytes(), Ok(&given.replace("a@b.co", "<EMAIL_1>")));
}
