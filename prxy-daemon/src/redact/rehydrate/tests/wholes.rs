use super::super::{Form, KeptTools, form, whole};
use super::{empty, vault};
use crate::provider::Surface;

#[track_caller]
fn restores(surface: Surface, body: &str, expected: &str) {
    let restored = whole(surface, body.as_bytes(), &*vault(), &KeptTools::default())
        .expect("nothing was restored");
    assert_eq!(String::from_utf8(restored).unwrap(), expected);
}

#[track_caller]
fn leaves(surface: Surface, body: &str) {
    assert_eq!(
        whole(surface, body.as_bytes(), &*vault(), &KeptTools::default())
            .map(|b| String::from_utf8(b).unwrap()),
        None
    );
}

#[test]
fn text_and_tool_input_of_a_message_are_restored() {
    restores(
        Surface::Messages,
        r#"{"id":"<EMAIL_1>", "model":"<EMAIL_1>","content":[{"type":"thinking","thinking":"<EMAIL_1>","signature":"<EMAIL_1>"},{"type":"redacted_thinking","data":"<EMAIL_1>"},{"type":"text","text":"To \u003cEMAIL_1\u003E \u00e9 <PERSON_10>."},{"type":"tool_use","id":"<EMAIL_1>","name":"<EMAIL_1>","input":{"<EMAIL_1>":["<API_KEY_1>",{"a":"<EMAIL_2>","n":1.50}]}}],"usage":{"x":1e3}}"#,
        r#"{"id":"<EMAIL_1>", "model":"<EMAIL_1>","content":[{"type":"thinking","thinking":"<EMAIL_1>","signature":"<EMAIL_1>"},{"type":"redacted_thinking","data":"<EMAIL_1>"},{"type":"text","text":"To ada@example.org \u00e9 Person Number 10."},{"type":"tool_use","id":"<EMAIL_1>","name":"<EMAIL_1>","input":{"ada@example.org":["line\nbreak \"quoted\" back\\slash",{"a":"x@y.zw","n":1.50}]}}],"usage":{"x":1e3}}"#,
    );
}

#[test]
fn messages_refusals_and_arguments_of_a_completion_are_restored() {
    restores(
        Surface::Chat,
        r#"{"model":"<EMAIL_1>","choices":[{"index":0,"message":{"role":"assistant","content":"<EMAIL_1>","refusal":"<EMAIL_2>","reasoning_content":"<EMAIL_1>"}},{"index":1,"message":{"content":[{"type":"text","text":"<PERSON_1>"},{"type":"refusal","refusal":"<PERSON_2>"}]}},{"text":"<PERSON_12><PERSON_13>"}]}"#,
        r#"{"model":"<EMAIL_1>","choices":[{"index":0,"message":{"role":"assistant","content":"ada@example.org","refusal":"x@y.zw","reasoning_content":"ada@example.org"}},{"index":1,"message":{"content":[{"type":"text","text":"Person Number 1"},{"type":"refusal","refusal":"Person Number 2"}]}},{"text":"Person Number 12<PERSON_13>"}]}"#,
    );
}

#[test]
fn what_stopped_an_answer_and_what_was_said_aloud_are_restored() {
    restores(
        Surface::Messages,
        r#"{"content":[],"stop_reason":"stop_sequence","stop_sequence":"<EMAIL_1>"}"#,
        r#"{"content":[],"stop_reason":"stop_sequence","stop_sequence":"ada@example.org"}"#,
    );
    restores(
        Surface::Chat,
        r#"{"choices":[{"message":{"content":null,"audio":{"id":"<EMAIL_1>","data":"<EMAIL_1>","transcript":"To <EMAIL_1>"}}}]}"#,
        r#"{"choices":[{"message":{"content":null,"audio":{"id":"<EMAIL_1>","data":"<EMAIL_1>","transcript":"To ada@example.org"}}}]}"#,
    );
}

#[test]
fn arguments_are_escaped_for_the_document_in_them_and_for_the_one_around_them() {
    restores(
        Surface::Chat,
        r#"{"choices":[{"message":{"tool_calls":[{"id":"<EMAIL_1>","function":{"name":"<EMAIL_1>","arguments":"{\"a\": \"<API_KEY_1>\", \"b\": \"\\u003cEMAIL_1\\u003E\"}"}},{"custom":{"input":"say <API_KEY_1>"}}],"function_call":{"arguments":"{\"<EMAIL_2>\":1}"}}}]}"#,
        r#"{"choices":[{"message":{"tool_calls":[{"id":"<EMAIL_1>","function":{"name":"<EMAIL_1>","arguments":"{\"a\": \"line\\nbreak \\\"quoted\\\" back\\\\slash\", \"b\": \"ada@example.org\"}"}},{"custom":{"input":"say line\nbreak \"quoted\" back\\slash"}}],"function_call":{"arguments":"{\"x@y.zw\":1}"}}}]}"#,
    );
}

#[test]
fn arguments_that_are_an_object_are_restored_below() {
    restores(
        Surface::Chat,
        r#"{"choices":[{"message":{"tool_calls":[{"function":{"arguments":{"to":["<EMAIL_1>"]}}}]}}]}"#,
        r#"{"choices":[{"message":{"tool_calls":[{"function":{"arguments":{"to":["ada@example.org"]}}}]}}]}"#,
    );
}

#[test]
fn an_escaped_backslash_before_an_escape_is_no_bracket() {
    // Inside the arguments: "\\u003cEMAIL_1>", a backslash and the letters u003cEMAIL_1>.
    leaves(
        Surface::Chat,
        r#"{"choices":[{"message":{"function_call":{"arguments":"{\"a\":\"\\\\u003cEMAIL_1>\"}"}}}]}"#,
    );
}

#[test]
fn error_messages_are_restored() {
    restores(
        Surface::Messages,
        r#"{"type":"error","error":{"type":"<EMAIL_1>","message":"no user <EMAIL_1>"}}"#,
        r#"{"type":"error","error":{"type":"<EMAIL_1>","message":"no user ada@example.org"}}"#,
    );
    restores(
        Surface::Chat,
        r#"{"error":{"message":"<EMAIL_1>"}}"#,
        r#"{"error":{"message":"ada@example.org"}}"#,
    );
}

#[test]
fn restored_text_is_not_restored_again() {
    restores(
        Surface::Messages,
        r#"{"content":[{"text":"<LITERAL_1> <LITERAL_2> <LITERAL_1>"}]}"#,
        r#"{"content":[{"text":"<EMAIL_1> \\u003cEMAIL_1\\u003e <EMAIL_1>"}]}"#,
    );
    restores(
        Surface::Chat,
        r#"{"choices":[{"message":{"function_call":{"arguments":"{\"a\":\"<LITERAL_2>\"}"}}}]}"#,
        r#"{"choices":[{"message":{"function_call":{"arguments":"{\"a\":\"\\\\u003cEMAIL_1\\\\u003e\"}"}}}]}"#,
    );
}

#[test]
fn what_is_no_placeholder_of_this_vault_stays() {
    for text in [
        "<EMAIL_3>",
        "<EMAIL_0>",
        "<EMAIL_01>",
        "<EMAIL_>",
        "<EMAIL>",
        "<_1>",
        "<1>",
        "<>",
        "email_1",
        "< email_1 >",
        "<EMAIL_-1>",
        "<EMAIL_+1>",
        "<PHONE_1>",
        "<PERSON_99999999999999999999>",
        "<PERSON_18446744073709551617>",
        "<XEMAIL_1>",
        "<EMAIL_1_1>",
        "a < b && c > d",
        "<AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA_1>",
    ] {
        leaves(Surface::Messages, &format!(r#"{{"content":[{{"text":"{text}"}}]}}"#));
    }
}

#[test]
fn brackets_around_a_placeholder_stay() {
    restores(
        Surface::Messages,
        r#"{"content":[{"text":"<<EMAIL_1>> <EMAIL_<EMAIL_1> <b><EMAIL_2></b>"}]}"#,
        r#"{"content":[{"text":"<ada@example.org> <EMAIL_ada@example.org <b>x@y.zw</b>"}]}"#,
    );
}

#[test]
fn what_is_not_json_or_has_nothing_to_restore_stays() {
    leaves(Surface::Messages, r#"{"content":[{"text":"<EMAIL_1>"}]"#);
    leaves(Surface::Messages, "<html>EMAIL_1</html>");
    leaves(Surface::Chat, r#"{"content":[{"text":"<EMAIL_1>"}]}"#);
    leaves(Surface::Generate, r#"{"content":[{"text":"<EMAIL_1>"}]}"#);
    assert_eq!(
        whole(
            Surface::Messages,
            br#"{"content":[{"text":"<EMAIL_1>"}]}"#,
            &*empty(),
            &KeptTools::default()
        ),
        None
    );
}

#[test]
fn two_thousand_values_come_back_exactly() {
    let values: Vec<String> = (0..2000).map(|n| format!("v{n}\"\\\n<EMAIL_{n}>")).collect();
    let vault = super::Fixed(vec![("EMAIL", values.clone())]);
    let text: String = (1..=2000).map(|n| format!("<EMAIL_{n}>|")).collect();
    let body = format!(r#"{{"content":[{{"text":"{text}"}}]}}"#);
    let restored =
        whole(Surface::Messages, body.as_bytes(), &vault, &KeptTools::default()).unwrap();
    let restored: serde_json::Value = serde_json::from_slice(&restored).unwrap();
    assert_eq!(restored["content"][0]["text"], values.join("|") + "|");
}

#[test]
fn the_content_type_gives_the_form() {
    for (content_type, expected) in [
        ("text/event-stream", Form::Stream),
        ("Text/Event-Stream; charset=utf-8", Form::Stream),
        ("application/json", Form::Whole),
        ("application/json;charset=utf-8", Form::Whole),
        ("application/problem+json", Form::Whole),
        ("text/plain", Form::Other),
        ("application/octet-stream", Form::Other),
        ("application/jsonl", Form::Other),
        ("", Form::Other),
    ] {
        assert_eq!(form(content_type), expected, "{content_type}");
    }
}
