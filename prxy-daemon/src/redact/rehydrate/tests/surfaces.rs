//! Each API's own way to stream and to say things twice.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::{KeptTools, Stream, whole};
use super::vault;
use crate::provider::Surface;

fn kept(names: &[&str]) -> KeptTools {
    let masked = Arc::new(names.iter().map(|name| (*name).to_owned()).collect());
    KeptTools { masked, ..KeptTools::default() }
}

/// The stream, given byte by byte, piece by piece and at once, must always mean the same.
#[track_caller]
fn run(make: impl Fn() -> Stream, given: &str) -> String {
    let with = |size: usize| {
        let (mut stream, mut out) = (make(), Vec::new());
        for chunk in given.as_bytes().chunks(size) {
            stream.push(chunk, &mut out);
        }
        stream.finish(&mut out);
        String::from_utf8(out).unwrap()
    };
    let whole = with(given.len());
    for size in [1, 2, 7, 64] {
        assert_eq!(with(size), whole, "{size}");
    }
    whole
}

fn events(given: &[Value]) -> String {
    let event =
        |data: &Value| format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap());
    given.iter().map(event).collect()
}

#[track_caller]
fn check_responses(tools: &[&str], given: &[Value], expected: &[Value]) {
    let make = || Stream::new(Surface::Responses, vault()).keeping(kept(tools));
    let out = run(make, &events(given));
    let met: Vec<Value> = out
        .split_terminator("\n\n")
        .map(|event| serde_json::from_str(event.split_once("data: ").unwrap().1).unwrap())
        .collect();
    assert_eq!(met, expected);
}

#[test]
fn deltas_and_done_events_of_a_response_say_the_same() {
    let delta = |text: &str| json!({"type": "response.output_text.delta", "item_id": "m", "output_index": 1, "content_index": 0, "delta": text, "sequence_number": 4, "logprobs": []});
    let rest = |text: &str| {
        let part = json!({"type": "output_text", "text": text, "annotations": []});
        let item = json!({"type": "message", "id": "m", "content": [part]});
        [
            json!({"type": "response.output_text.done", "output_index": 1, "content_index": 0, "text": text}),
            json!({"type": "response.content_part.done", "output_index": 1, "content_index": 0, "part": part}),
            json!({"type": "response.output_item.done", "output_index": 1, "item": item}),
            json!({"type": "response.completed", "response": {"id": "<EMAIL_1>", "output": [item], "instructions": text}}),
        ]
    };
    let mut given = vec![delta("Hi <EMA"), delta("IL_1>, a < b <PERS")];
    given.extend(rest("Hi <EMAIL_1>, a < b <PERS"));
    let mut expected = vec![delta("Hi "), delta("ada@example.org, a < b "), delta("<PERS")];
    expected.extend(rest("Hi ada@example.org, a < b <PERS"));
    check_responses(&[], &given, &expected);
}

#[test]
fn arguments_and_summaries_of_a_response_are_restored() {
    let events = |arguments: [&str; 2], whole: &str, input: &str, text: &str| {
        let [first, second] = arguments;
        vec![
            json!({"type": "response.output_item.added", "output_index": 0, "item": {"type": "function_call", "name": "mail", "arguments": ""}}),
            json!({"type": "response.function_call_arguments.delta", "output_index": 0, "delta": first}),
            json!({"type": "response.function_call_arguments.delta", "output_index": 0, "delta": second}),
            json!({"type": "response.function_call_arguments.done", "output_index": 0, "arguments": whole}),
            json!({"type": "response.output_item.done", "output_index": 0, "item": {"type": "function_call", "name": "mail", "arguments": whole}}),
            json!({"type": "response.output_item.added", "output_index": 1, "item": {"type": "custom_tool_call", "name": "note", "input": ""}}),
            json!({"type": "response.custom_tool_call_input.delta", "output_index": 1, "delta": input}),
            json!({"type": "response.custom_tool_call_input.done", "output_index": 1, "input": input}),
            json!({"type": "response.output_item.added", "output_index": 2, "item": {"type": "mcp_call", "name": "look", "arguments": ""}}),
            json!({"type": "response.mcp_call_arguments.done", "output_index": 2, "arguments": whole}),
            json!({"type": "response.reasoning_summary_text.delta", "output_index": 3, "summary_index": 0, "delta": text}),
            json!({"type": "response.reasoning_summary_text.done", "output_index": 3, "summary_index": 0, "text": text}),
            json!({"type": "response.refusal.delta", "output_index": 4, "content_index": 0, "delta": text}),
            json!({"type": "response.refusal.done", "output_index": 4, "content_index": 0, "refusal": text}),
            json!({"type": "error", "code": "x", "message": text}),
        ]
    };
    let given = events(
        [r#"{"a":"<API_"#, r#"KEY_1>"}"#],
        r#"{"a":"<API_KEY_1>"}"#,
        "<API_KEY_1>!",
        "<PERSON_1>.",
    );
    let key = "line\nbreak \"quoted\" back\\slash";
    let spelled = r#"{"a":"line\nbreak \"quoted\" back\\slash"}"#;
    let expected =
        events([r#"{"a":""#, &spelled[6..]], spelled, &format!("{key}!"), "Person Number 1.");
    check_responses(&["other"], &given, &expected);

    // What the tool is given stays; everything else does not.
    let mut masked = expected.clone();
    masked[1..5].clone_from_slice(&given[1..5]);
    check_responses(&["mail"], &given, &masked);
}

#[test]
fn the_whole_response_and_its_items_are_restored() {
    let body = |text: &str, input: &str| {
        json!({"id": "resp_1", "model": "<EMAIL_1>", "error": null, "metadata": {"of": text}, "output": [
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": text}], "encrypted_content": "<EMAIL_1>"},
            {"type": "message", "content": [{"type": "output_text", "text": text}, {"type": "refusal", "refusal": text}]},
            {"type": "function_call", "name": "mail", "arguments": format!("{{\"to\":\"{input}\"}}")},
            {"type": "custom_tool_call", "name": "sh", "input": input},
            {"type": "local_shell_call", "action": {"command": ["mail", text]}},
            {"type": "mcp_call", "name": "get", "arguments": "{}", "output": text},
        ]})
    };
    let given = body("<EMAIL_1>", "<EMAIL_2>").to_string();
    let restored = |tools: &[&str]| -> Value {
        let out = whole(Surface::Responses, given.as_bytes(), &*vault(), &kept(tools));
        serde_json::from_slice(&out.unwrap()).unwrap()
    };
    assert_eq!(restored(&[]), body("ada@example.org", "x@y.zw"));
    assert_eq!(restored(&["mail", "sh"]), body("ada@example.org", "<EMAIL_2>"));
}

fn part(index: u64, part: &Value, more: &str) -> String {
    format!(
        r#"{{"candidates":[{{"content":{{"parts":[{part}],"role":"model"}},"index":{index}{more}}}],"modelVersion":"g"}}"#
    )
}

fn text(text: &str) -> String {
    part(0, &json!({"text": text}), "")
}

fn extra(text: &str) -> String {
    format!(
        r#"{{"modelVersion":"g","candidates":[{{"index":0,"content":{{"role":"model","parts":[{{"text":"{text}"}}]}}}}]}}"#
    )
}

#[test]
fn a_growing_array_is_restored_element_by_element() {
    let array = || Stream::new(Surface::Generate, vault()).of_documents();
    let call =
        |to: &str| part(0, &json!({"functionCall": {"name": "mail", "args": {"to": to}}}), "");
    let given = format!(
        "[{}\n,\r\n{}\n,\r\n{}\n,\r\n{}]",
        text("Hi <EMA"),
        text("IL_1> <"),
        call("<EMAIL_2>"),
        text("EMAIL_1")
    );
    let expected = format!(
        "[{}\n,\r\n{}\n,\r\n{},\n{}\n,\r\n{},\n{}]",
        text("Hi "),
        text("ada@example.org "),
        extra("<"),
        call("x@y.zw"),
        text(""),
        extra("ada@example.org"),
    );
    assert_eq!(run(array, &given), expected);
    serde_json::from_str::<Value>(&expected).unwrap();

    let error = |text: &str| format!(r#"[{{"error":{{"code":400,"message":"{text}"}}}}]"#);
    assert_eq!(run(array, &error("no <EMAIL_1>")), error("no ada@example.org"));
    assert_eq!(run(array, "<EMAIL_1> is no JSON"), "<EMAIL_1> is no JSON");
}

#[test]
fn googles_events_are_restored_and_the_last_holds_nothing_back() {
    let make = || Stream::new(Surface::Generate, vault());
    let event = |data: String| format!("data: {data}\r\n\r\n");
    let thought = |text: &str| {
        part(0, &json!({"text": text, "thought": true, "thoughtSignature": "<EMAIL_1>"}), "")
    };
    let last = |text: &str| part(0, &json!({"text": text}), r#","finishReason":"STOP""#);
    let given =
        event(thought("of <EMAIL_1>")) + &event(text("<EMA")) + &event(last("IL_1> and EMAIL_2"));
    let expected = event(thought("of ada@example.org"))
        + &event(text(""))
        + &event(last("ada@example.org and x@y.zw"));
    assert_eq!(run(make, &given), expected);
}

#[test]
fn lines_of_batch_results_are_restored_one_by_one() {
    let lines = |text: &str, thought: &str| {
        let message = json!({"content": [{"type": "thinking", "thinking": thought, "signature": thought}, {"type": "text", "text": text}, {"type": "tool_use", "name": "mail", "input": {"to": text}}]});
        [
            json!({"custom_id": "a", "result": {"type": "succeeded", "message": message}}),
            json!({"custom_id": "b", "result": {"type": "errored", "error": {"type": "error", "error": {"message": text}}}}),
        ]
        .map(|line| line.to_string() + "\n")
        .concat()
    };
    let make = || Stream::new(Surface::MessageBatch, vault()).of_documents();
    let given = lines("for <EMAIL_1>", "<EMAIL_1>");
    assert_eq!(run(make, &given), lines("for ada@example.org", "<EMAIL_1>"));
}

#[test]
fn a_kept_tool_of_a_stream_is_known_by_its_first_event() {
    let start = |index: u64, name: &str| json!({"type": "content_block_start", "index": index, "content_block": {"type": "tool_use", "name": name, "input": {}}});
    let input = |index: u64, part: &str| json!({"type": "content_block_delta", "index": index, "delta": {"type": "input_json_delta", "partial_json": part}});
    let given = [
        start(0, "WebFetch"),
        input(0, "{\"u\":\"<EMAIL_1>\"}"),
        start(1, "Write"),
        input(1, "{\"u\":\"<EMAIL_1>\"}"),
    ];
    let expected = [
        start(0, "WebFetch"),
        input(0, "{\"u\":\"<EMAIL_1>\"}"),
        start(1, "Write"),
        input(1, "{\"u\":\"ada@example.org\"}"),
    ];
    let make = || Stream::new(Surface::Messages, vault()).keeping(kept(&["WebFetch"]));
    assert_eq!(run(make, &events(&given)), events(&expected));

    let call = |name: Option<&str>, part: &str| {
        let name = name.map(|name| format!("\"name\":\"{name}\",")).unwrap_or_default();
        format!(
            "data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"tool_calls\":[{{\"index\":3,\"function\":{{{name}\"arguments\":\"{part}\"}}}}]}}}}]}}\n\n"
        )
    };
    let make = || Stream::new(Surface::Chat, vault()).keeping(kept(&["WebFetch"]));
    let kept = call(Some("WebFetch"), "") + &call(None, "<EMAIL_1>");
    assert_eq!(run(make, &kept), kept);
    let other = call(Some("Write"), "") + &call(None, "<EMAIL_1>");
    assert_eq!(run(make, &other), call(Some("Write"), "") + &call(None, "ada@example.org"));
}

#[test]
fn every_form_in_which_models_say_a_placeholder_comes_back() {
    for (said, expected) in [
        ("<email_1>", "ada@example.org"),
        ("<Email_1>", "ada@example.org"),
        ("&lt;EMAIL_1&gt;", "ada@example.org"),
        ("\\u003cEMAIL_1\\u003e", "ada@example.org"),
        ("<EMAIL\\_1>", "ada@example.org"),
        ("**<EMAIL_1>**", "**ada@example.org**"),
        ("**EMAIL_1**", "**ada@example.org**"),
        ("`EMAIL_1`", "`ada@example.org`"),
        ("[EMAIL_1](mailto:EMAIL_1)", "[ada@example.org](mailto:ada@example.org)"),
        ("<PERSON_1>'s and <PERSON_2>s", "Person Number 1's and Person Number 2s"),
        (
            "<PERSON_1's> <PERSON_1\u{2019}s> <PERSON_12s>",
            "Person Number 1's Person Number 1\u{2019}s Person Number 12s",
        ),
        ("PERSON_1's, EMAIL_1. EMAIL_2", "Person Number 1's, ada@example.org. x@y.zw"),
        ("\u{8054}\u{7cfb}EMAIL_1\u{5427}", "\u{8054}\u{7cfb}ada@example.org\u{5427}"),
        ("C:\\Users\\<PERSON_1>\\x", "C:\\Users\\Person Number 1\\x"),
        ("C:\\Users\\PERSON_1", "C:\\Users\\PERSON_1"),
        (
            "MY_EMAIL_1 EMAIL_1_x EMAIL_12 $EMAIL_1 ${EMAIL_1} x.EMAIL_1 EMAIL_1.y EMAIL_1(",
            "MY_EMAIL_1 EMAIL_1_x EMAIL_12 $EMAIL_1 ${EMAIL_1} x.EMAIL_1 EMAIL_1.y EMAIL_1(",
        ),
        (
            "EMAIL_1=x email_1 Email_1 EMAIL_3 <EMAIL_01>",
            "EMAIL_1=x email_1 Email_1 EMAIL_3 <EMAIL_01>",
        ),
    ] {
        let body = |text: &str| json!({"content": [{"type": "text", "text": text}]}).to_string();
        let given = body(said);
        let none = KeptTools::default();
        let met = whole(Surface::Messages, given.as_bytes(), &*vault(), &none);
        let met: Value = serde_json::from_slice(&met.unwrap_or(given.into_bytes())).unwrap();
        assert_eq!(met["content"][0]["text"], expected, "{said}");
    }
}

#[test]
fn code_is_not_delayed() {
    let delta = |text: &str| {
        events(&[
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}),
        ])
    };
    for code in [
        "if a < b",
        "x <",
        "a && b &",
        "let s = \"<div>",
        "for (i=0;i<n",
        "MAX_LEN",
        "vec<T",
        "x_1 ",
    ] {
        let mut stream = Stream::new(Surface::Messages, vault());
        let mut out = Vec::new();
        stream.push(delta(code).as_bytes(), &mut out);
        let out = String::from_utf8(out).unwrap();
        let data: Value = serde_json::from_str(out.split_once("data: ").unwrap().1.trim()).unwrap();
        let passed = data["delta"]["text"].as_str().unwrap();
        assert!(code.len() - passed.len() <= 1, "{code}: {passed}");
    }
}

/// Whatever is said, no more of it waits than the longest placeholder is long.
#[test]
fn no_text_waits_for_more_than_a_placeholder_is_long() {
    let mut lags = Vec::new();
    for text in [
        "if (a < b && c > d) { x = y < EMAIL_COUNT; } return <div>a &amp; b</div> < EMAIL_ >",
        "&lt;&lt;&lt;&lt; < < < < <EMAIL_<EMAIL_<EMAIL_ EMAIL_ EMAIL_EMAIL_ \\u003c\\u003cEM <PERSON_1 <PERSON_12",
        &"<".repeat(500),
        &"EMAIL_".repeat(200),
        &"< EMAIL_1".repeat(100),
    ] {
        let (mut stream, mut given, mut passed) = (Stream::new(Surface::Messages, vault()), 0, 0);
        for c in text.chars() {
            let delta = json!({"type": "text_delta", "text": c.to_string()});
            let event = json!({"type": "content_block_delta", "index": 0, "delta": delta});
            let mut out = Vec::new();
            stream.push(format!("data: {event}\n\n").as_bytes(), &mut out);
            let out = String::from_utf8(out).unwrap();
            let data = out.trim_end().strip_prefix("data: ").unwrap();
            let data: Value = serde_json::from_str(data).unwrap();
            given += c.len_utf8();
            passed += data["delta"]["text"].as_str().unwrap().len();
            lags.push(given as i64 - passed as i64);
        }
    }
    let longest = "&#x3c; API_KEY_1\u{2019}s &#x3e;".len() as i64;
    assert!((2..=longest).contains(lags.iter().max().unwrap()), "{:?}", lags.iter().max());
}
