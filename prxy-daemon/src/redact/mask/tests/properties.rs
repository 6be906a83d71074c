//! Whatever a request looks like: nothing leaves, nothing else changes.

use proptest::prelude::*;

use super::{Memory, agent, masker};
use crate::provider::Surface;
use crate::redact::{Number, Vault};

const SURFACES: [Surface; 5] = [
    Surface::Messages,
    Surface::MessageBatch,
    Surface::Chat,
    Surface::Responses,
    Surface::Generate,
];

/// Values that the agent's policy masks, whatever stands around them behind a space.
pub(super) const SECRETS: &[&str] = &[
    "maria@corp.com",
    "+14155550132",
    "536-22-8141",
    "4111 1111 1111 1111",
    "DE89370400440532013000",
    "81.2.69.142",
    "2606:4700:4700::1111",
    concat!("sk-proj-", "Ab1Cd2Ef3Gh4Ij5Kl6Mn7"),
    "E-123456",
];

/// Spells `text` as the inside of a JSON string, escaping where `choices` says so.
fn spell(text: &str, choices: &[bool]) -> String {
    let mut choices = choices.iter().cycle();
    let mut out = String::new();
    for c in text.chars() {
        let escape = choices.next().copied().unwrap_or(false);
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() || escape => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
            c => out.push(c),
        }
    }
    out
}

/// Text of every kind, with and without something to hide.
pub(super) fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[ -~é世\n]{0,12}",
        2 => prop::sample::select(SECRETS).prop_map(String::from),
        1 => prop::sample::select(&["<EMAIL_1>", "<LITERAL_2>", "<EMAIL_", "_1>", "<", "@", ":", "1", "-", ".", "+", " "][..])
            .prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

/// A JSON document with names that the APIs know and others.
fn document() -> impl Strategy<Value = String> {
    let names = &[
        "messages",
        "content",
        "text",
        "system",
        "role",
        "input",
        "tools",
        "description",
        "input_schema",
        "arguments",
        "function",
        "tool_calls",
        "thinking",
        "signature",
        "source",
        "data",
        "metadata",
        "model",
        "name",
        "phone",
        "x",
    ][..];
    let string = (text(), prop::collection::vec(any::<bool>(), 1..7))
        .prop_map(|(text, how)| format!("\"{}\"", spell(&text, &how)))
        .boxed();
    let key = prop_oneof![6 => prop::sample::select(names).prop_map(|name| format!("\"{name}\"")), 1 => string.clone()];
    let leaf = prop_oneof![
        6 => string,
        1 => any::<i64>().prop_map(|n| n.to_string()),
        1 => prop::sample::select(&["true", "null", "4111111111111111", "1.5e3", "0"][..]).prop_map(String::from),
    ];
    leaf.prop_recursive(5, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|items| format!("[{}]", items.join(" , "))),
            prop::collection::vec((key.clone(), inner), 0..4).prop_map(|members| {
                let members: Vec<_> =
                    members.iter().map(|(key, value)| format!("{key} :{value}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

/// `masked` with every placeholder of `vault` resolved, once, from left to right.
fn restored(masked: &str, vault: &Memory) -> String {
    let mut out = String::new();
    let mut rest = masked;
    while let Some(at) = rest.find('<') {
        out.push_str(&rest[..at]);
        let inside = rest[at + 1..].split_once('>').and_then(|(inside, _)| inside.rsplit_once('_'));
        let original = inside
            .and_then(|(label, number)| vault.original(label, Number::first(number.parse().ok()?)));
        match (inside, original) {
            (Some((label, number)), Some(original)) => {
                out.push_str(&original);
                rest = &rest[at + label.len() + number.len() + 3..];
            }
            _ => {
                out.push('<');
                rest = &rest[at + 1..];
            }
        }
    }
    out + rest
}

fn decoded(value: &serde_json::Value, out: &mut String) {
    match value {
        serde_json::Value::String(text) => out.push_str(&format!("\n{text}\n")),
        serde_json::Value::Array(items) => items.iter().for_each(|item| decoded(item, out)),
        serde_json::Value::Object(members) => members.iter().for_each(|(key, value)| {
            out.push_str(&format!("\n{key}\n"));
            decoded(value, out);
        }),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn whatever_is_accepted_passes_the_check_and_stays_json(body in document(), surface in prop::sample::select(&SURFACES[..])) {
        for masker in [agent(), masker()] {
            let Ok(masked) = masker.request(surface, body.as_bytes(), &Memory::default()) else { continue };
            let sent = masked.body.as_deref().unwrap_or(body.as_bytes());
            prop_assert!(masker.check(sent).is_ok(), "{body}\n{}", String::from_utf8_lossy(sent));
            prop_assert_eq!(serde_json::from_slice::<serde_json::Value>(sent).is_ok(), true);
            // The same request gives the same bytes, and what is masked needs no masking but of its literals.
            let again = masker.request(surface, body.as_bytes(), &Memory::default()).unwrap();
            prop_assert_eq!(&again, &masked);
        }
    }

    #[test]
    fn a_secret_in_any_string_is_gone_or_refused(
        before in "[a-z ]{0,9} ", after in " [a-z ]{0,9}", secret in prop::sample::select(SECRETS),
        how in prop::collection::vec(any::<bool>(), 1..9), place in 0..PLACES.len(), surface in prop::sample::select(&SURFACES[..]),
    ) {
        let body = PLACES[place].replace('@', &spell(&format!("{before}{secret}{after}"), &how));
        let vault = Memory::default();
        let masker = agent();
        let Ok(masked) = masker.request(surface, body.as_bytes(), &vault) else { return Ok(()) };
        let sent = masked.body.expect("something is masked");
        let mut all = String::new();
        decoded(&serde_json::from_slice(&sent).unwrap(), &mut all);
        prop_assert!(!all.contains(secret), "{all}");
        prop_assert_eq!(vault.values().into_iter().map(|(_, value)| value).collect::<Vec<_>>(), [secret]);
        // Whatever stands outside the string is the same, byte for byte.
        let (head, tail) = PLACES[place].split_once('@').unwrap();
        prop_assert!(sent.starts_with(head.as_bytes()) && sent.ends_with(tail.as_bytes()));
    }

    #[test]
    fn broken_pieces_of_values_come_to_rest_or_are_refused(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..24)) {
        let text = pieces.concat();
        let vault = Memory::default();
        for masker in [agent(), masker()] {
            let Ok((masked, _)) = masker.text(&text, &vault) else { continue };
            prop_assert_eq!(&restored(&masked, &vault), &text);
            let body = serde_json::to_vec(&masked).unwrap();
            prop_assert!(masker.check(&body).is_ok(), "{text}\n{masked}");
        }
    }

    #[test]
    fn what_the_vault_gives_back_is_the_text_that_was_masked(text in text()) {
        let vault = Memory::default();
        let Ok((masked, _)) = agent().text(&text, &vault) else { return Ok(()) };
        prop_assert_eq!(restored(&masked, &vault), text);
    }

    #[test]
    fn any_bytes_are_masked_or_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), text in ".{0,200}") {
        let _ = masker().request(Surface::Messages, &bytes, &Memory::default());
        let mut found = Vec::new();
        agent().scanner().scan(&text, &mut found);
        for span in &found {
            prop_assert!(text.is_char_boundary(span.start) && text.is_char_boundary(span.end) && span.start < span.end);
        }
        prop_assert!(found.windows(2).all(|pair| pair[0].end <= pair[1].start));
    }
}

/// Places for a string, each spelled as somebody might.
const PLACES: &[&str] = &[
    r#"{"system":"@"}"#,
    r#"{"system":[{"text":"@","type":"text","cache_control":{"type":"ephemeral"}}]}"#,
    r#"{ "messages" : [ {"content": "@" , "role": "user"} ] }"#,
    r#"{"messages":[{"role":"user","content":[{"type":"text","text":"<system-reminder>\n@\n</system-reminder>"}]}]}"#,
    r#"{"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"n","input":{"a":[{"b":"@"}]}}]}]}"#,
    r#"{"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"n","input":{"@":1}}]}]}"#,
    r#"{"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":[{"type":"text","text":"@"}]}]}]}"#,
    r#"{"messages":[{"role":"user","content":[{"type":"tool_result","content":"@"}]}]}"#,
    r#"{"messages":[{"role":"user","content":[{"type":"thinking","thinking":"@"}]}]}"#,
    r#"{"messages":[{"role":"user","content":[{"type":"never_heard_of","deep":{"er":"@"}}]}]}"#,
    r#"{"messages":[{"role":"assistant","tool_calls":[{"function":{"name":"n","arguments":"@"}}]}]}"#,
    r#"{"messages":[{"role":"assistant","function_call":{"name":"n","arguments":"{\"a\":\"x\"} @"}}]}"#,
    r#"{"tools":[{"name":"n","description":"@","input_schema":{"type":"object"}}]}"#,
    r#"{"tools":[{"name":"n","input_schema":{"properties":{"a":{"type":"string","default":"@"}}}}]}"#,
    r#"{"tools":[{"function":{"name":"n","parameters":{"properties":{"a":{"enum":["@"]}}}}}]}"#,
    r#"{"metadata":{"user_id":"@"}}"#,
    r#"{"tomorrow":["@"]}"#,
    r#"{"@":null}"#,
    r#"{"model":"@"}"#,
    r#""@""#,
];

/// What values are made of, and what stands between them.
const PIECES: &[&str] = &[
    "maria",
    "@",
    "%40",
    "corp.com",
    ".",
    "git",
    "\"",
    "'",
    "+",
    "1",
    "415",
    "555",
    "0132",
    "-",
    " ",
    "(",
    ")",
    "/",
    "ssn ",
    "phone: ",
    "536",
    "22",
    "8141",
    "4111",
    "1111",
    "4111111111111111",
    "DE89",
    "3704",
    "0044 0532 0130 00",
    "81.2.69.142",
    "v",
    "version ",
    ":",
    "::",
    "2606:4700",
    "1111",
    "sk-",
    "sk-proj-",
    "ghp_",
    "Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8Qr9St0Uv1Wx2",
    "Bearer ",
    "Authorization: ",
    "Basic ",
    "eyJhbGciOiJub25lIn0",
    "eyJzdWIiOiIxIn0",
    "-----",
    "BEGIN PRIVATE KEY",
    "END PRIVATE KEY",
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC",
    "\n",
    "\\n",
    "\\u0061",
    "<",
    "EMAIL_1",
    ">",
    "<LITERAL_1>",
    "é",
    "世",
    "\u{a0}",
    "–",
    "E-123456",
    "aws_secret_access_key=",
    "AKIA",
    "Y3FDNNRPAQ7TK2XM",
    "=",
    "_",
];
