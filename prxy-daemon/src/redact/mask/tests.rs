//! Masking as a whole: goldens, refusals, properties.

mod echo;
mod goldens;
mod policy;
mod properties;
mod review;
mod surfaces;
mod throughput;
mod turns;
mod vault;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::{Masked, Masker, Refusal};
use crate::provider::Surface;
use crate::redact::{Action, Label, Number, Policy, Vault, VaultError};

/// A vault in memory.
#[derive(Default)]
pub(crate) struct Memory(Mutex<BTreeMap<(String, String), u32>>);

impl Vault for Memory {
    fn number(&self, label: &Label, value: &str) -> Result<Number, VaultError> {
        let mut known = self.0.lock().unwrap();
        let next = known.keys().filter(|(name, _)| name == label.as_str()).count() as u32 + 1;
        Ok(Number::first(*known.entry((label.as_str().into(), value.into())).or_insert(next)))
    }

    fn original(&self, label: &str, number: Number) -> Option<Arc<str>> {
        let known = self.0.lock().unwrap();
        known
            .iter()
            .find(|((name, _), n)| name == label && Number::first(**n) == number)
            .map(|((_, value), _)| value.as_str().into())
    }
}

impl Memory {
    fn values(&self) -> Vec<(String, String)> {
        self.0.lock().unwrap().keys().cloned().collect()
    }
}

struct Broken;

impl Vault for Broken {
    fn number(&self, _: &Label, _: &str) -> Result<Number, VaultError> {
        Err(VaultError("disk full".into()))
    }

    fn original(&self, _: &str, _: Number) -> Option<Arc<str>> {
        None
    }
}

fn label(name: &str) -> Label {
    Label::new(name).unwrap()
}

fn masker() -> Masker {
    Masker::new(&Policy::default()).unwrap()
}

/// Secrets are masked too, and employees have numbers.
fn agent() -> Masker {
    let secrets = ["API_KEY", "BEARER_TOKEN", "JWT", "PRIVATE_KEY"];
    let actions = secrets.iter().map(|name| (label(name), Action::Mask)).collect();
    let patterns = vec![(label("EMPLOYEE_ID"), regex::Regex::new(r"E-\d{6}").unwrap())];
    Masker::new(&Policy { actions, patterns, ..Policy::default() }).unwrap()
}

#[track_caller]
fn check_masked(masker: &Masker, surface: Surface, body: &str, wanted: &str) -> Masked {
    let masked = masker.request(surface, body.as_bytes(), &Memory::default()).unwrap();
    let sent = masked.body.as_deref().map_or(body, |bytes| std::str::from_utf8(bytes).unwrap());
    assert_eq!(sent, wanted);
    masker.check(sent.as_bytes()).unwrap();
    masked
}

#[track_caller]
fn check_refused(masker: &Masker, surface: Surface, body: &str, reason: &str, text: &str) {
    let vault = Memory::default();
    let refusal = masker.request(surface, body.as_bytes(), &vault).unwrap_err();
    assert_eq!((refusal.reason(), refusal.to_string().as_str()), (reason, text));
    assert_eq!(vault.values(), [], "a refused request leaves nothing in the vault");
}

#[test]
fn a_request_without_hits_is_not_rewritten() {
    let body = r#" {"model" : "claude-sonnet-4","stream":true, "n": 1.50e0,"messages":[{"role":"user","content":"caf\u00e9"}]} "#;
    let masked = masker().request(Surface::Messages, body.as_bytes(), &Broken).unwrap();
    let wanted =
        Masked { stream: true, model: Some("claude-sonnet-4".into()), ..Masked::default() };
    assert_eq!(masked, wanted);
}

#[test]
fn the_same_value_has_the_same_placeholder_and_every_occurrence_counts() {
    let body =
        r#"{"messages":[{"role":"user","content":"a@b.co c@d.io a@b.co 4111 1111 1111 1111"}]}"#;
    let wanted = r#"{"messages":[{"role":"user","content":"<EMAIL_1> <EMAIL_2> <EMAIL_1> <CREDIT_CARD_1>"}]}"#;
    let masked = check_masked(&masker(), Surface::Chat, body, wanted);
    assert_eq!(masked.masked, BTreeMap::from([(label("EMAIL"), 3), (label("CREDIT_CARD"), 1)]));
}

#[test]
fn unchanged_parts_of_a_string_keep_their_spelling() {
    check_masked(
        &masker(),
        Surface::Chat,
        r#"{"messages":[{"content":"caf\u00e9 \/ maria\u0040corp.com \ud83d\ude00\n\u006daria@corp.com\t"}]}"#,
        r#"{"messages":[{"content":"caf\u00e9 \/ <EMAIL_1> \ud83d\ude00\n<EMAIL_1>\t"}]}"#,
    );
}

#[test]
fn text_that_looks_like_a_placeholder_becomes_a_literal() {
    let masked = check_masked(
        &agent(),
        Surface::Messages,
        r#"{"system":"<EMAIL_1> <EMPLOYEE_ID_7> <LITERAL_1> <UNKNOWN_1> <EMAIL_X> <EMAIL_01> a@b.co","messages":[]}"#,
        r#"{"system":"<LITERAL_1> <LITERAL_2> <LITERAL_3> <UNKNOWN_1> <EMAIL_X> <LITERAL_4> <EMAIL_1>","messages":[]}"#,
    );
    assert_eq!(masked.masked, BTreeMap::from([(label("EMAIL"), 1), (label("LITERAL"), 4)]));
}

#[test]
fn json_inside_a_string_is_edited_in_place_with_the_values_that_the_tool_was_given() {
    let body = r#"{"messages":[{"role":"assistant","tool_calls":[{"id":"call_1","type":"function","function":{"name":"send","arguments":"{\"to\": \"m\\u0061ria@corp.com\",\"card\":4111111111111111, \"maria@corp.com\":1,\"phone\":4155550132,\"q\":\"caf\\u00e9\"}"}}]}]}"#;
    let wanted = r#"{"messages":[{"role":"assistant","tool_calls":[{"id":"call_1","type":"function","function":{"name":"send","arguments":"{\"to\": \"<EMAIL_1>\",\"card\":\"<CREDIT_CARD_1>\", \"<EMAIL_1>\":1,\"phone\":\"<PHONE_1>\",\"q\":\"caf\\u00e9\"}"}}]}]}"#;
    check_masked(&masker(), Surface::Chat, body, wanted);
    // Cut off, it is still read as far as it goes.
    let cut = |text: &str| text.replace(r#"\"q\":\"caf\\u00e9\"}"#, r#"\"q\":\"caf a@b.co"#);
    let wanted = cut(wanted).replace("a@b.co", "<EMAIL_2>");
    check_masked(&masker(), Surface::Chat, &cut(body), &wanted);
    let deep =
        format!(r#"{{"messages":[{{"function_call":{{"arguments":"{}"}}}}]}}"#, "[".repeat(200));
    check_refused(
        &masker(),
        Surface::Chat,
        &deep,
        "too-deep",
        "the body nests more than 128 levels",
    );
    let part = r#"{"messages":[{"function_call":{"arguments":"{\"n\":-12E-1234567,\"m\":[70E-123456]}"}}]}"#;
    let patterns = vec![(label("DIGITS"), regex::Regex::new("123456").unwrap())];
    let digits = Masker::new(&Policy { patterns, ..Policy::default() }).unwrap();
    let wanted = r#"{"messages":[{"function_call":{"arguments":"{\"n\":\"<DIGITS_1>\",\"m\":[\"<DIGITS_2>\"]}"}}]}"#;
    check_masked(&digits, Surface::Chat, part, wanted);
}

#[test]
fn the_name_of_a_field_counts_as_the_word_before_its_value() {
    check_masked(
        &agent(),
        Surface::Messages,
        r#"{"messages":[{"content":[{"type":"tool_use","input":{"phone":"4155550132","n":"4155550199","ssn":["536228141"],"SecretAccessKey":"wJalrXUtnFEMI/K7MDENG/bPxRfiCYzQ8mTk4sVe"}}]}]}"#,
        r#"{"messages":[{"content":[{"type":"tool_use","input":{"phone":"<PHONE_1>","n":"4155550199","ssn":["<NATIONAL_ID_1>"],"SecretAccessKey":"<API_KEY_1>"}}]}]}"#,
    );
}

#[test]
fn secrets_block_wherever_they_stand_and_personal_data_blocks_where_nothing_may_change() {
    let key = concat!("sk-proj-", "Ab1Cd2Ef3Gh4Ij5Kl6Mn7");
    let cases: &[(Surface, String, &str, &str)] = &[
        (Surface::Messages, format!(r#"{{"system":"a@b.co {key}"}}"#), "blocked-label", "API_KEY at $.system is blocked by policy"),
        (Surface::Chat, format!(r#"{{"x":{{"{key}":1}}}}"#), "blocked-label", "API_KEY at $[\"…\"].{key} is blocked by policy"),
        (
            Surface::Chat,
            r#"{"messages":[{"tool_calls":[{"function":{"arguments":"{\"a\":\"sk\\u002dproj-Ab1Cd2Ef3Gh4Ij5Kl6Mn7\"}"}}]}]}"#.into(),
            "blocked-label",
            "API_KEY at $.messages[0].tool_calls[0].function.arguments is blocked by policy",
        ),
        (Surface::Messages, format!(r#"{{"system":"https://{key}@host.com/"}}"#), "blocked-label", "API_KEY at $.system is blocked by policy"),
        (Surface::Messages, r#"{"model":"a@b.co"}"#.into(), "unsafe-position", "EMAIL at $.model cannot be masked there"),
        (Surface::Messages, r#"{"a@b.co":1}"#.into(), "unsafe-position", "EMAIL at $.{key} cannot be masked there"),
        (Surface::Messages, r#"{"a@b.co":"c@d.io","x":1}"#.into(), "unsafe-position", "EMAIL at $.{key} cannot be masked there"),
        (
            Surface::Messages,
            r#"{"messages":[{"content":[{"thinking":"a@b.co","signature":"x","type":"thinking"}]}]}"#.into(),
            "unsafe-position",
            "EMAIL at $.messages[0].content[0].thinking cannot be masked there",
        ),
        (Surface::Messages, r#"{"max_tokens":4111111111111111}"#.into(), "unsafe-position", "CREDIT_CARD at $.max_tokens cannot be masked there"),
        (Surface::Chat, r#"{"messages":[{"name":"a@b.co"}]}"#.into(), "unsafe-position", "EMAIL at $.messages[0].name cannot be masked there"),
        (Surface::Chat, "{".into(), "not-json", "the body is not JSON (byte 1)"),
        (Surface::Chat, "[".repeat(200), "too-deep", "the body nests more than 128 levels"),
    ];
    for (surface, body, reason, text) in cases {
        check_refused(&masker(), *surface, body, reason, text);
    }
}

#[test]
fn without_a_vault_nothing_is_sent() {
    let refusal = masker()
        .request(Surface::Chat, br#"{"messages":[{"content":"a@b.co"}]}"#, &Broken)
        .unwrap_err();
    assert_eq!(
        (refusal.reason(), refusal.to_string().as_str()),
        ("vault-unavailable", "originals cannot be kept")
    );
}

#[test]
fn the_check_knows_no_fields_and_accepts_placeholders() {
    let masker = agent();
    for clean in
        [r#"{"a":"<EMAIL_1> <LITERAL_2>","n":1732179600000000000}"#, "[]", r#"{"<EMAIL_1>":[4]}"#]
    {
        masker.check(clean.as_bytes()).unwrap();
    }
    let cases = [
        (r#"{"zzz":[["\u0061@b.co"]]}"#, "EMAIL at $[\"…\"][0][0] is not masked"),
        (r#"{"a":{"a@b.co":1}}"#, "EMAIL at $[\"…\"].{key} is not masked"),
        (r#"{"a":[4111111111111111]}"#, "CREDIT_CARD at $[\"…\"][0] is not masked"),
        (r#"{"a":"E-123456"}"#, "EMPLOYEE_ID at $[\"…\"] is not masked"),
    ];
    for (body, text) in cases {
        let refusal = masker.check(body.as_bytes()).unwrap_err();
        assert_eq!((refusal.reason(), refusal.to_string().as_str()), ("unmasked-label", text));
    }
}

#[test]
fn masking_that_reveals_something_new_goes_on_until_nothing_shows() {
    let patterns = vec![
        (label("ODD"), regex::Regex::new("x+").unwrap()),
        (label("NEXT"), regex::Regex::new("a<ODD_1>").unwrap()),
    ];
    let crossing = Masker::new(&Policy { patterns, ..Policy::default() }).unwrap();
    let body = r#"{"messages":[{"content":"axb"}]}"#;
    let refusal = crossing.request(Surface::Chat, body.as_bytes(), &Memory::default()).unwrap_err();
    assert_eq!(refusal.to_string(), "$.messages[0].content does not come to rest under masking");

    let patterns = vec![
        (label("ODD"), regex::Regex::new("^x|^<ODD_1>").unwrap()),
        (label("TAIL"), regex::Regex::new("b$").unwrap()),
    ];
    let inside = Masker::new(&Policy { patterns, ..Policy::default() }).unwrap();
    check_masked(
        &inside,
        Surface::Chat,
        r#"{"messages":[{"content":"xb"}]}"#,
        r#"{"messages":[{"content":"<ODD_1><TAIL_1>"}]}"#,
    );
}

#[test]
fn a_label_that_is_allowed_leaves_as_it_is() {
    let actions =
        BTreeMap::from([(label("EMAIL"), Action::Allow), (label("PHONE"), Action::Block)]);
    let masker = Masker::new(&Policy { actions, ..Policy::default() }).unwrap();
    check_masked(&masker, Surface::Chat, r#"{"user":"a@b.co"}"#, r#"{"user":"a@b.co"}"#);
    check_refused(
        &masker,
        Surface::Chat,
        r#"{"user":"+14155550132"}"#,
        "blocked-label",
        "PHONE at $.user is blocked by policy",
    );
}

#[test]
fn plain_text_is_masked_by_the_same_rules() {
    let (text, counts) = masker().text("mail a@b.co, <EMAIL_1>", &Memory::default()).unwrap();
    assert_eq!(text, "mail <EMAIL_1>, <LITERAL_1>");
    assert_eq!(counts, BTreeMap::from([(label("EMAIL"), 1), (label("LITERAL"), 1)]));
}

#[test]
fn what_is_remembered_is_what_would_be_found() {
    let masker = masker();
    let long = format!("{} maria@corp.com {}", "word ".repeat(80), "caf\\u00e9 ".repeat(20));
    let body = format!(r#"{{"messages":[{{"content":"{long}"}}]}}"#);
    let wanted = body.replace("maria@corp.com", "<EMAIL_1>");
    for _ in 0..3 {
        check_masked(&masker, Surface::Chat, &body, &wanted);
    }
}

#[test]
fn refusals_never_show_what_they_refuse() {
    let body =
        r#"{"maria@corp.com":{"maria@corp.com":"4111111111111111"},"model":"maria@corp.com"}"#;
    let refusal: Refusal =
        masker().request(Surface::Chat, body.as_bytes(), &Memory::default()).unwrap_err();
    assert!(!format!("{refusal} {refusal:?}").contains("maria"), "{refusal:?}");
}
