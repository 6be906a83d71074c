use http::Method;

use super::*;
use crate::provider::Api;
use crate::redact::Policy;
use crate::redact::mask::Masker;

fn endpoint(api: Api, path: &str) -> &'static Endpoint {
    Endpoint::find(api, &Method::POST, path).unwrap().endpoint
}

/// `@` in `expected` is the note, as it stands in JSON; nothing else may differ.
#[track_caller]
fn check(api: Api, path: &str, body: &str, expected: &str) {
    let endpoint = endpoint(api, path);
    let expected = expected.replace('@', &escape(NOTE));
    let met = add(endpoint, body.as_bytes());
    let met = met.map_or_else(|| body.to_owned(), |met| String::from_utf8(met).unwrap());
    assert_eq!(met, expected);
    serde_json::from_str::<serde_json::Value>(&met).unwrap();
    assert_eq!(add(endpoint, met.as_bytes()), None, "never twice");
}

const MESSAGES: &str = "/v1/messages";
const CHAT: &str = "/v1/chat/completions";
const RESPONSES: &str = "/v1/responses";
const GEMINI: &str = "/v1beta/models/g:generateContent";

#[test]
fn a_message_has_the_note_behind_all_that_the_system_says() {
    let cases = [
        (r#"{"messages":[]}"#, r#"{"messages":[],"system":"@"}"#),
        (r#" { } "#, r#" { "system":"@"} "#),
        (
            r#"{"system" : "Be\u0020brief." ,"n":1.50}"#,
            r#"{"system" : "Be\u0020brief.\n\n@" ,"n":1.50}"#,
        ),
        (r#"{"system":""}"#, r#"{"system":"@"}"#),
        (r#"{"system":null,"n":1}"#, r#"{"system":"@","n":1}"#),
        (r#"{"system":[]}"#, r#"{"system":[{"type":"text","text":"@"}]}"#),
        (
            r#"{"system":[{"type":"text","text":"x-anthropic-billing-header: a"},{"type":"text","text":"You are","cache_control":{"type":"ephemeral"}} ],"messages":[{"role":"user","content":"hi"}]}"#,
            r#"{"system":[{"type":"text","text":"x-anthropic-billing-header: a"},{"type":"text","text":"You are","cache_control":{"type":"ephemeral"}} ,{"type":"text","text":"@"}],"messages":[{"role":"user","content":"hi"}]}"#,
        ),
        // What no provider takes stays as it is.
        (r#"{"system":7}"#, r#"{"system":7}"#),
        (r#"{"system":{"text":"a"}}"#, r#"{"system":{"text":"a"}}"#),
        ("[]", "[]"),
        // Only the outermost one is the system's.
        (r#"{"messages":[{"system":"x"}]}"#, r#"{"messages":[{"system":"x"}],"system":"@"}"#),
    ];
    for (body, expected) in cases {
        check(Api::Anthropic, MESSAGES, body, expected);
        check(Api::Anthropic, "/v1/messages/count_tokens", body, expected);
    }
}

#[test]
fn each_request_of_a_batch_has_its_own() {
    check(
        Api::Anthropic,
        "/v1/messages/batches",
        r#"{"requests":[{"custom_id":"a","params":{"system":"s","messages":[]}},{"params":{"messages":[]}}],"system":"x"}"#,
        r#"{"requests":[{"custom_id":"a","params":{"system":"s\n\n@","messages":[]}},{"params":{"messages":[],"system":"@"}}],"system":"x"}"#,
    );
}

#[test]
fn a_chat_has_the_note_in_its_first_message() {
    for (body, expected) in [
        (
            r#"{"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"x"}]}"#,
            r#"{"messages":[{"role":"system","content":"Be brief.\n\n@"},{"role":"user","content":"x"}]}"#,
        ),
        (
            r#"{"messages":[{"content":[{"type":"text","text":"a"}],"role":"developer"}]}"#,
            r#"{"messages":[{"content":[{"type":"text","text":"a"},{"type":"text","text":"@"}],"role":"developer"}]}"#,
        ),
        (
            r#"{"messages":[ {"role":"user","content":"x"},{"role":"system","content":"late"}]}"#,
            r#"{"messages":[{"role":"system","content":"@"}, {"role":"user","content":"x"},{"role":"system","content":"late"}]}"#,
        ),
        (r#"{"messages":[ ]}"#, r#"{"messages":[{"role":"system","content":"@"} ]}"#),
        (r#"{"model":"m"}"#, r#"{"model":"m"}"#),
        (r#"{"messages":"x"}"#, r#"{"messages":"x"}"#),
    ] {
        check(Api::OpenAi, CHAT, body, expected);
        check(Api::Google, "/v1beta/openai/chat/completions", body, expected);
    }
}

#[test]
fn a_response_has_the_note_in_its_instructions() {
    for (body, expected) in [
        (r#"{"input":"x"}"#, r#"{"input":"x","instructions":"@"}"#),
        (
            r#"{"instructions":"Be brief.","input":[]}"#,
            r#"{"instructions":"Be brief.\n\n@","input":[]}"#,
        ),
        (r#"{"instructions": null,"input":[]}"#, r#"{"instructions": "@","input":[]}"#),
        // A stored prompt has instructions of its own.
        (r#"{"prompt":{"id":"p"},"input":[]}"#, r#"{"prompt":{"id":"p"},"input":[]}"#),
        (
            r#"{"prompt":{"id":"p"},"instructions":"a"}"#,
            r#"{"prompt":{"id":"p"},"instructions":"a\n\n@"}"#,
        ),
        (r#"{"input":[{"prompt":1}]}"#, r#"{"input":[{"prompt":1}],"instructions":"@"}"#),
    ] {
        check(Api::OpenAi, RESPONSES, body, expected);
        check(Api::OpenAi, "/v1/responses/input_tokens", body, expected);
    }
}

#[test]
fn google_has_the_note_as_the_last_part_of_its_instruction() {
    for (body, expected) in [
        (r#"{"contents":[]}"#, r#"{"contents":[],"systemInstruction":{"parts":[{"text":"@"}]}}"#),
        (
            r#"{"system_instruction":{"role":"user","parts":[{"text":"a"}]},"contents":[]}"#,
            r#"{"system_instruction":{"role":"user","parts":[{"text":"a"},{"text":"@"}]},"contents":[]}"#,
        ),
        (r#"{"systemInstruction":null}"#, r#"{"systemInstruction":{"parts":[{"text":"@"}]}}"#),
        (
            r#"{"systemInstruction":{"parts":{"text":"a"}}}"#,
            r#"{"systemInstruction":{"parts":{"text":"a"}}}"#,
        ),
        (r#"{"systemInstruction":{}}"#, r#"{"systemInstruction":{}}"#),
        (r#"{"systemInstruction":"a"}"#, r#"{"systemInstruction":"a"}"#),
        (r#"{"cachedContent":"c","contents":[]}"#, r#"{"cachedContent":"c","contents":[]}"#),
    ] {
        check(Api::Google, GEMINI, body, expected);
        check(Api::Google, "/v1/models/g:streamGenerateContent", body, expected);
    }
    let count = "/v1beta/models/g:countTokens";
    check(
        Api::Google,
        count,
        r#"{"generateContentRequest":{"contents":[]}}"#,
        r#"{"generateContentRequest":{"contents":[],"systemInstruction":{"parts":[{"text":"@"}]}}}"#,
    );
    check(Api::Google, count, r#"{"contents":[]}"#, r#"{"contents":[]}"#);
}

#[test]
fn what_has_no_system_has_no_note() {
    let text = r#"{"input":"x","content":{"parts":[{"text":"x"}]},"prompt":"x"}"#;
    check(Api::OpenAi, "/v1/embeddings", text, text);
    check(Api::OpenAi, "/v1/moderations", text, text);
    check(Api::OpenAi, "/v1/completions", text, text);
    check(Api::Google, "/v1beta/models/g:embedContent", text, text);
    check(Api::Google, "/v1beta/models/g:batchEmbedContents", text, text);
}

/// A provider caches what stands before the first byte that differs.
#[test]
fn a_conversation_that_grows_keeps_all_that_was_sent_before() {
    let mut turns = String::new();
    let mut before = String::new();
    for turn in 0..6 {
        let body = format!(r#"{{"system":[{{"type":"text","text":"s"}}],"messages":[{turns}"#);
        let whole = add(endpoint(Api::Anthropic, MESSAGES), format!("{body}]}}").as_bytes());
        let sent = String::from_utf8(whole.unwrap()).unwrap();
        assert!(sent.starts_with(before.trim_end_matches("]}")), "{sent}");
        before = sent;
        let comma = if turn == 0 { "" } else { "," };
        turns += &format!(r#"{comma}{{"role":"user","content":"{turn}"}}"#);
    }
}

#[test]
fn no_detector_and_no_restoring_sees_anything_in_the_note() {
    let masker = Masker::new(&Policy::default()).unwrap();
    masker.check(serde_json::to_string(NOTE).unwrap().as_bytes()).unwrap();
    let vault = crate::redact::mask::tests::Memory::default();
    let (masked, counts) = masker.text(NOTE, &vault).unwrap();
    assert_eq!((masked.as_str(), counts.len()), (NOTE, 0));
}
