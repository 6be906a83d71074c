//! A secret at any place of a request, in any spelling, and a reader of our own that finds it there.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::redact::mask::Refusal as Text;

/// What is in the table of detectors, put together at run time so that this file is no leak.
fn secrets() -> Vec<(&'static str, String)> {
    let tail = "9fK2mQx7Rb4TzW1cVn8LpYd3";
    let join = |parts: &[&str]| parts.concat();
    vec![
        ("API_KEY", join(&["sk-", "ant-api03-", tail, tail, tail, &tail[..21], "AA"])),
        ("API_KEY", join(&["AK", "IA", "Q3EGRZ7WX5PLM2TN"])),
        ("API_KEY", join(&["gh", "p_", "a8Fk2LmQ9xRb4TzW1cVn8LpYd3Hs6GtJ5qWe"])),
        ("BEARER_TOKEN", join(&["Authorization: ", "Bearer ", tail, tail])),
        (
            "JWT",
            join(&[
                "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9",
                ".eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkphbmUifQ",
                ".SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c",
            ]),
        ),
        (
            "PRIVATE_KEY",
            join(&[
                "-----BEGIN ",
                "PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg9fK2mQx7Rb4TzW1c\n-----END ",
                "PRIVATE KEY-----",
            ]),
        ),
        ("EMAIL", "jane.doe@acme-mail.com".to_owned()),
        ("PHONE", "+1 415-555-2671".to_owned()),
        ("NATIONAL_ID", "536-22-1849".to_owned()),
        ("CREDIT_CARD", "4111 1111 1111 1111".to_owned()),
        ("IBAN", "DE89 3704 0044 0532 0130 00".to_owned()),
        ("IP_ADDRESS", "81.2.69.142".to_owned()),
    ]
}

/// Requests as clients send them, for the routes 0 and 1.
fn requests() -> Vec<(usize, Value)> {
    let schema = json!({"type": "object", "properties": {"to": {"type": "string", "description": "d",
        "enum": ["a", "b"], "default": "a"}}, "required": ["to"]});
    vec![
        (
            0,
            json!({"model": "claude", "max_tokens": 9, "stream": true, "system": [{"type": "text",
            "text": "s", "cache_control": {"type": "ephemeral"}}], "metadata": {"user_id": "u"},
            "stop_sequences": ["x"], "tools": [{"name": "n", "description": "d", "input_schema": schema}],
            "messages": [{"role": "user", "content": "c"}, {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "t", "signature": "c2ln"},
                {"type": "tool_use", "id": "i", "name": "n", "input": {"to": "x", "deep": [{"er": [1, null]}]}}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "i", "content": [
                    {"type": "text", "text": "r"}, {"type": "image", "source": {"type": "base64",
                    "media_type": "image/png", "data": "AAAA"}}]}]}], "tomorrow": {"new": ["field", true]}}),
        ),
        (
            1,
            json!({"model": "gpt", "n": 1, "user": "u", "metadata": {"k": "v"}, "stop": ["x"],
            "tools": [{"type": "function", "function": {"name": "n", "description": "d", "parameters": schema}}],
            "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}},
            "messages": [{"role": "developer", "content": "s"}, {"role": "user", "name": "n",
                "content": [{"type": "text", "text": "t"}, {"type": "image_url",
                "image_url": {"url": "data:image/png;base64,AAAA"}}]},
                {"role": "assistant", "content": null, "tool_calls": [{"id": "c", "type": "function",
                    "function": {"name": "n", "arguments": "{\"to\":\"x\"}"}}]},
                {"role": "tool", "tool_call_id": "c", "content": "r"}], "tomorrow": {"new": "field"}}),
        ),
    ]
}

/// Any JSON at all.
fn anything() -> impl Strategy<Value = Value> {
    let name = prop::sample::select(
        &["messages", "content", "text", "input", "tools", "source", "data", "x", "y z"][..],
    );
    let leaf = prop_oneof![
        "[ -~é]{0,9}".prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        Just(Value::Null)
    ];
    leaf.prop_recursive(5, 32, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name.clone().prop_map(str::to_owned), inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Puts `text` at the `place`-th place of `value`, counting each value and each object's keys.
fn put(value: &mut Value, place: &mut usize, text: &str) -> bool {
    if *place == 0 {
        *value = Value::from(text);
        return true;
    }
    *place -= 1;
    match value {
        Value::Array(items) => items.iter_mut().any(|item| put(item, place, text)),
        Value::Object(members) => {
            if *place == 0 {
                members.insert(text.to_owned(), Value::from(1));
                return true;
            }
            *place -= 1;
            members.values_mut().any(|member| put(member, place, text))
        }
        _ => false,
    }
}

fn places(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(places).sum::<usize>(),
        Value::Object(members) => 2 + members.values().map(places).sum::<usize>(),
        _ => 1,
    }
}

/// How characters are spelled, in turn.
type Spelling = Vec<u8>;

fn spelling() -> impl Strategy<Value = Spelling> {
    prop_oneof![
        1 => Just(vec![0]),
        1 => Just(vec![1]),
        4 => prop::collection::vec(prop::sample::select(&[0, 0, 0, 1, 2, 3][..]), 1..9),
    ]
}

/// `text` between the quotes of a JSON string: 0 as it is, 1 and 2 as `\u…` in either case, 3 short.
fn spell(text: &str, how: &Spelling) -> String {
    let mut out = String::new();
    for (c, how) in text.chars().zip(how.iter().cycle()) {
        let units = |upper: bool| {
            let mut units = [0; 2];
            c.encode_utf16(&mut units)
                .iter()
                .map(|u| if upper { format!("\\u{u:04X}") } else { format!("\\u{u:04x}") })
                .collect::<String>()
        };
        match (c, how) {
            (_, 1) => out += &units(false),
            (_, 2) => out += &units(true),
            ('/', 3) => out += "\\/",
            ('\n', _) => out += "\\n",
            ('"' | '\\', _) => out.extend(['\\', c]),
            (c, _) if c.is_control() => out += &units(false),
            (c, _) => out.push(c),
        }
    }
    out
}

fn written(value: &Value, how: &Spelling) -> String {
    match value {
        Value::String(text) => format!("\"{}\"", spell(text, how)),
        Value::Array(items) => {
            format!(
                "[{}]",
                items.iter().map(|item| written(item, how)).collect::<Vec<_>>().join(", ")
            )
        }
        Value::Object(members) => {
            let members = members
                .iter()
                .map(|(key, member)| format!("\"{}\":{}", spell(key, how), written(member, how)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        }
        other => other.to_string(),
    }
}

/// JSON inside of a string, once per spelling.
fn nested(text: &str, levels: &[Spelling]) -> String {
    levels.iter().fold(format!("see {text} please"), |text, how| {
        format!("{{\"k\": [\"{}\", 1.5]}}", spell(&text, how))
    })
}

/// Whether a reader of JSON that knows nothing of ours comes upon `secret`.
fn comes_upon(value: &Value, secret: &str) -> bool {
    let reads = |text: &str| {
        text.contains(secret)
            || serde_json::from_str::<Value>(text)
                .is_ok_and(|inner| !inner.is_number() && comes_upon(&inner, secret))
    };
    match value {
        Value::String(text) => reads(text),
        Value::Array(items) => items.iter().any(|item| comes_upon(item, secret)),
        Value::Object(members) => {
            members.iter().any(|(key, member)| reads(key) || comes_upon(member, secret))
        }
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1200))]

    #[test]
    fn a_secret_at_any_place_in_any_spelling_is_never_sent(
        shaped in prop::option::weighted(0.7, 0..2usize), other in anything(), route in 0..2usize,
        which in 0..12usize, place in any::<prop::sample::Index>(),
        levels in prop::collection::vec(spelling(), 0..4), outer in spelling(),
    ) {
        let policy = Policy { attachments: Attachments::Allow, ..Policy::default() };
        let gate = gate(routes(), Some(&policy));
        let (label, secret) = secrets().swap_remove(which);
        let (route, mut body) = match shaped {
            Some(which) => requests().swap_remove(which),
            None => (route, other),
        };
        let clean = written(&body, &outer);
        if shaped.is_some() {
            prop_assert_eq!(judged(&gate, route, clean.as_bytes()), "ok", "the control: {}", clean);
        }
        let mut place = place.index(places(&body));
        prop_assert!(put(&mut body, &mut place, &nested(&secret, &levels)));
        let bytes = written(&body, &outer);
        let read: Value = serde_json::from_str(&bytes).unwrap();
        prop_assert!(comes_upon(&read, &secret), "the oracle is blind: {bytes}");
        match gate.judge(&head(route, "", &[]), Bytes::from(bytes.clone())) {
            Ok(_) => prop_assert!(false, "{label} passes: {bytes}"),
            Err(refusal) => {
                prop_assert!(!refusal.to_string().contains(&secret), "{refusal}");
                if !matches!(refusal, Refusal::Body(Text::Unmasked { .. })) {
                    prop_assert!(matches!(refusal, Refusal::Fetch(_)), "{refusal}: {bytes}");
                }
            }
        }
    }

    #[test]
    fn any_bytes_are_judged_without_a_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..120), text in "[\\[\\]{}\":,\\\\u0-9a-f tools]{0,80}", route in 0..3usize,
    ) {
        let gate = gate(routes(), Some(&Policy::default()));
        judged(&gate, route, &bytes);
        judged(&gate, route, text.as_bytes());
    }
}
