use std::sync::Arc;

use super::super::Stream;
use super::{Fixed, vault};
use crate::provider::Surface;

/// Runs a stream whose chunks are the given events, and compares event by event.
#[track_caller]
fn check_with(surface: Surface, vault: Arc<Fixed>, steps: &[(String, String)], end: &str) {
    let mut stream = Stream::new(surface, vault);
    for (given, expected) in steps {
        let mut out = Vec::new();
        stream.push(given.as_bytes(), &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), *expected, "after {given}");
    }
    let mut out = Vec::new();
    stream.finish(&mut out);
    assert_eq!(String::from_utf8(out).unwrap(), end);
}

#[track_caller]
fn anthropic(steps: &[(String, String)]) {
    check_with(Surface::Messages, vault(), steps, "");
}

#[track_caller]
fn open_ai(steps: &[(String, String)]) {
    check_with(Surface::Chat, vault(), steps, "");
}

fn same(event: impl Into<String>) -> (String, String) {
    let event = event.into();
    (event.clone(), event)
}

/// An Anthropic event; its name is the value of `type`.
fn named(json: &str) -> String {
    let kind = json.split('"').nth(3).unwrap();
    format!("event: {kind}\ndata: {json}\n\n")
}

fn delta(index: u64, kind: &str, field: &str, raw: &str) -> String {
    named(&format!(
        r#"{{"type":"content_block_delta","index":{index},"delta":{{"type":"{kind}","{field}":"{raw}"}}}}"#
    ))
}

fn text(index: u64, raw: &str) -> String {
    delta(index, "text_delta", "text", raw)
}

fn json(index: u64, raw: &str) -> String {
    delta(index, "input_json_delta", "partial_json", raw)
}

fn stop(index: u64) -> String {
    named(&format!(r#"{{"type":"content_block_stop","index":{index}}}"#))
}

fn chunk(choices: &str) -> String {
    format!("data: {{\"id\":\"c-1\",\"created\":17,\"model\":\"m\",\"choices\":[{choices}]}}\n\n")
}

fn content(index: u64, raw: &str) -> String {
    chunk(&format!(r#"{{"index":{index},"delta":{{"content":"{raw}"}},"finish_reason":null}}"#))
}

fn arguments(index: u64, tool: u64, raw: &str) -> String {
    chunk(&format!(
        r#"{{"index":{index},"delta":{{"tool_calls":[{{"index":{tool},"function":{{"arguments":"{raw}"}}}}]}},"finish_reason":null}}"#
    ))
}

#[test]
fn what_stopped_a_stream_and_what_is_said_aloud_are_restored() {
    let end = |stop| {
        named(&format!(
            r#"{{"type":"message_delta","delta":{{"stop_reason":"stop_sequence","stop_sequence":"{stop}"}}}}"#
        ))
    };
    anthropic(&[(end("<EMAIL_1>"), end("ada@example.org"))]);
    let said = |raw| {
        chunk(&format!(
            r#"{{"index":0,"delta":{{"audio":{{"transcript":"{raw}"}}}},"finish_reason":null}}"#
        ))
    };
    open_ai(&[
        (said("To <EMA"), said("To ")),
        (said("IL_1>."), said("ada@example.org.")),
        same(said("<b>")),
    ]);
    check_with(Surface::Chat, vault(), &[(said("a <EMAIL"), said("a "))], &said("<EMAIL"));
}

#[test]
fn a_placeholder_in_a_single_delta_is_restored() {
    anthropic(&[
        same(named(r#"{"type":"message_start","message":{"id":"<EMAIL_1>","content":[]}}"#)),
        (
            text(0, "Hi <EMAIL_1>, \\u00e9<PERSON_10>!"),
            text(0, "Hi ada@example.org, \\u00e9Person Number 10!"),
        ),
        same(stop(0)),
    ]);
}

#[test]
fn a_placeholder_split_over_two_deltas_is_restored() {
    anthropic(&[
        (text(0, "Hi <EMA"), text(0, "Hi ")),
        (text(0, "IL_1> and"), text(0, "ada@example.org and")),
        same(stop(0)),
    ]);
}

#[test]
fn a_placeholder_character_by_character_is_restored() {
    let mut steps: Vec<_> =
        "<PERSON_1".chars().map(|c| (text(0, &c.to_string()), text(0, ""))).collect();
    steps.push((text(0, "2"), text(0, "")));
    steps.push((text(0, ">"), text(0, "Person Number 12")));
    anthropic(&steps);
}

#[test]
fn a_placeholder_split_after_its_first_bracket_is_restored() {
    anthropic(&[
        (text(0, "mail: <"), text(0, "mail: ")),
        (text(0, "EMAIL_2>"), text(0, "x@y.zw")),
        (text(0, "<EMAIL_2"), text(0, "")),
        (text(0, "><"), text(0, "x@y.zw")),
        (text(0, "EMAIL_9>"), text(0, "<EMAIL_9>")),
    ]);
}

#[test]
fn an_incomplete_placeholder_is_flushed_at_the_stop_of_its_block() {
    anthropic(&[
        (text(3, "see <EMAIL_"), text(3, "see ")),
        same(stop(2)),
        (stop(3), text(3, "<EMAIL_") + &stop(3)),
        same(stop(3)),
    ]);
}

#[test]
fn a_held_text_that_goes_on_differently_is_delivered() {
    anthropic(&[
        (text(0, "a <"), text(0, "a ")),
        (text(0, " b"), text(0, "< b")),
        (text(0, "<PER"), text(0, "")),
        (text(0, "L> <PERSON_2>"), text(0, "<PERL> Person Number 2")),
    ]);
}

#[test]
fn code_and_underscore_tails_are_never_held() {
    anthropic(&[
        same(text(0, "if a < b")),
        same(text(0, "x[[")),
        same(text(0, "snake_case_")),
        same(text(0, "Vec<String")),
        same(text(0, "<div")),
        same(text(0, "<EMAIL_3")),
        same(text(0, "<EMAIL_0")),
        same(text(0, "<PERSON_13")),
        same(text(0, "<XML")),
        (text(0, "ends in <"), text(0, "ends in ")),
        (stop(0), text(0, "<") + &stop(0)),
    ]);
}

#[test]
fn a_large_text_without_end_is_never_held() {
    let long = "<EMAIL_1".to_owned() + &"x".repeat(100_000);
    anthropic(&[same(text(0, &long)), same(text(0, &"<".repeat(99).replace('<', "<zz")))]);
}

#[test]
fn blocks_hold_their_texts_apart() {
    anthropic(&[
        (text(0, "<EMA"), text(0, "")),
        (text(1, "<PERS"), text(1, "")),
        (text(0, "IL_1>"), text(0, "ada@example.org")),
        (text(1, "ON_1>"), text(1, "Person Number 1")),
        (text(0, "<EMA"), text(0, "")),
        (json(0, "<EMA"), json(0, "")),
        (stop(0), text(0, "<EMA") + &json(0, "<EMA") + &stop(0)),
    ]);
}

#[test]
fn tool_input_is_escaped_for_its_own_json() {
    anthropic(&[
        same(named(
            r#"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"<EMAIL_1>","name":"<EMAIL_1>","input":{}}}"#,
        )),
        same(json(1, "")),
        (json(1, r#"{\"to\": \"<API_K"#), json(1, r#"{\"to\": \""#)),
        (json(1, r#"EY_1>\"}"#), json(1, r#"line\\nbreak \\\"quoted\\\" back\\\\slash\"}"#)),
        same(stop(1)),
    ]);
}

#[test]
fn escapes_inside_tool_input_may_be_cut_at_any_byte() {
    anthropic(&[
        (json(1, r#"{\"a\":\"x\\"#), json(1, r#"{\"a\":\"x"#)),
        (json(1, "u0"), json(1, "")),
        (json(1, "03C"), json(1, "")),
        (json(1, r"EMAIL_1\\u0"), json(1, "")),
        (json(1, r#"03e\\"#), json(1, r"ada@example.org")),
        (json(1, r#"n\\"#), json(1, r"\\n")),
        (json(1, r#"\\u003cEMAIL_1>\"}"#), json(1, r#"\\\\u003cEMAIL_1>\"}"#)),
        same(stop(1)),
    ]);
}

#[test]
fn the_spelling_of_unchanged_text_stays() {
    anthropic(&[
        same(text(0, r"\u0041\/\u003cb\u003e\n")),
        (
            text(0, r"\u0041\/\u003cEMAIL_1\u003e\u0042 \u003C"),
            text(0, r"\u0041\/ada@example.org\u0042 "),
        ),
        (text(0, r"b\u003e"), text(0, r"<b\u003e")),
    ]);
}

#[test]
fn thinking_and_signatures_pass_byte_for_byte() {
    anthropic(&[
        same(delta(0, "thinking_delta", "thinking", "<EMA")),
        same(delta(0, "thinking_delta", "thinking", "IL_1> <EMAIL_1>")),
        same(delta(0, "signature_delta", "signature", "<EMAIL_1>")),
        same(stop(0)),
    ]);
}

#[test]
fn pings_comments_unknown_and_unparsable_events_pass() {
    anthropic(&[
        (text(0, "<EMA"), text(0, "")),
        same("event: ping\ndata: {\"type\": \"ping\"}\n\n"),
        same(": <EMAIL_1>\n\n"),
        same("\n"),
        same("data: <EMAIL_1>\n\n"),
        same("data: {\"delta\":{\"text\":\"<EMAIL_1>\"}\n\n"),
        same("event: new\ndata: {\"type\":\"new\",\"note\":\"<EMAIL_1>\"}\n\n"),
        same("id: 7\nretry: 10\n\n"),
        (text(0, "IL_1>"), text(0, "ada@example.org")),
    ]);
}

#[test]
fn other_fields_of_an_event_stay_as_they_are() {
    anthropic(&[(
        "id: 9\r\ndata:{ \"delta\" : {\"x\":\"<EMAIL_1>\", \"text\" : \"<EMAIL_1>\",\"n\":1.0e0} }\r\n: c\r\n\r\n".to_owned(),
        "id: 9\r\ndata:{ \"delta\" : {\"x\":\"<EMAIL_1>\", \"text\" : \"ada@example.org\",\"n\":1.0e0} }\r\n: c\r\n\r\n".to_owned(),
    )]);
}

#[test]
fn data_over_several_lines_are_restored() {
    anthropic(&[(
        "data: {\"delta\":\ndata: {\"text\":\"<EMAIL_1>\"}}\n\n".to_owned(),
        "data: {\"delta\":\ndata: {\"text\":\"ada@example.org\"}}\n\n".to_owned(),
    )]);
}

#[test]
fn several_events_in_a_packet_come_out_in_order() {
    let given = text(0, "<EMA") + &text(0, "IL_1><") + &stop(0) + &text(1, "ok");
    let expected =
        text(0, "") + &text(0, "ada@example.org") + &text(0, "<") + &stop(0) + &text(1, "ok");
    anthropic(&[(given, expected)]);
}

#[test]
fn text_and_input_of_a_blocks_start_are_restored() {
    let start = |block: &str| {
        named(&format!(r#"{{"type":"content_block_start","index":0,"content_block":{block}}}"#))
    };
    anthropic(&[
        (start(r#"{"type":"text","text":"<EMA"}"#), start(r#"{"type":"text","text":""}"#)),
        (text(0, "IL_1>"), text(0, "ada@example.org")),
        (
            start(r#"{"type":"tool_use","input":{"<EMAIL_1>":"<API_KEY_1>"}}"#),
            start(
                r#"{"type":"tool_use","input":{"ada@example.org":"line\nbreak \"quoted\" back\\slash"}}"#,
            ),
        ),
    ]);
}

#[test]
fn an_error_event_flushes_and_is_restored() {
    let error =
        |text: &str| named(&format!(r#"{{"type":"error","error":{{"message":"{text}"}}}}"#));
    anthropic(&[
        (text(0, "<EMA"), text(0, "")),
        (error("<EMAIL_1>"), text(0, "<EMA") + &error("ada@example.org")),
    ]);
    let error = |text: &str| format!("data: {{\"error\":{{\"message\":\"{text}\"}}}}\n\n");
    open_ai(&[
        (content(0, "<EMA"), content(0, "")),
        same("data: {\"error\":null}\n\n"),
        (error("<EMAIL_1>"), content(0, "<EMA") + &error("ada@example.org")),
    ]);
}

#[test]
fn held_text_comes_out_when_the_stream_breaks_off() {
    check_with(Surface::Messages, vault(), &[(text(0, "a <EMA"), text(0, "a "))], &text(0, "<EMA"));
    check_with(
        Surface::Chat,
        vault(),
        &[(content(0, "a <EMA"), content(0, "a "))],
        &content(0, "<EMA"),
    );
    let cut = "event: content_block_de".to_owned();
    check_with(
        Surface::Messages,
        vault(),
        &[(text(0, "<") + &cut, text(0, ""))],
        &(text(0, "<") + &cut),
    );
}

#[test]
fn trailing_bytes_without_a_terminator_are_delivered() {
    let whole = content(0, "IL_1>");
    check_with(
        Surface::Chat,
        vault(),
        &[(content(0, "<EMA"), content(0, "")), (whole.trim_end().to_owned(), String::new())],
        content(0, "ada@example.org").trim_end(),
    );
    check_with(
        Surface::Chat,
        vault(),
        &[(content(0, "<EMA"), content(0, "")), ("data: [DONE]".to_owned(), String::new())],
        &(content(0, "<EMA") + "data: [DONE]"),
    );
}

#[test]
fn held_text_comes_before_done() {
    open_ai(&[
        (content(0, "a <EMAIL"), content(0, "a ")),
        ("data: [DONE]\n\n".to_owned(), content(0, "<EMAIL") + "data: [DONE]\n\n"),
    ]);
}

#[test]
fn held_text_comes_before_the_finish_of_its_choice() {
    let finish = chunk(r#"{"index":1,"delta":{},"finish_reason":"stop"}"#);
    open_ai(&[
        (content(0, "<EMA"), content(0, "")),
        (content(1, "<PER"), content(1, "")),
        (finish.clone(), content(1, "<PER") + &finish),
        (content(0, "IL_1>"), content(0, "ada@example.org")),
    ]);
}

#[test]
fn text_in_the_finishing_event_itself_is_not_held() {
    let finish = |raw: &str| {
        chunk(&format!(r#"{{"index":0,"delta":{{"content":"{raw}"}},"finish_reason":"stop"}}"#))
    };
    open_ai(&[
        (content(0, "<EMA"), content(0, "")),
        (finish("IL_1> <"), finish("ada@example.org <")),
    ]);
}

#[test]
fn interleaved_choices_and_tool_calls_are_held_apart() {
    open_ai(&[
        (content(0, "<EMA"), content(0, "")),
        (content(1, "<PERSON"), content(1, "")),
        (arguments(0, 0, r#"{\"a\":\"<API"#), arguments(0, 0, r#"{\"a\":\""#)),
        (arguments(0, 1, r#"\\u003"#), arguments(0, 1, "")),
        (content(1, "_2>"), content(1, "Person Number 2")),
        (content(0, "IL_2>"), content(0, "x@y.zw")),
        (arguments(0, 1, r#"cEMAIL_1>"#), arguments(0, 1, "ada@example.org")),
        (
            arguments(0, 0, r#"_KEY_1>\"}"#),
            arguments(0, 0, r#"line\\nbreak \\\"quoted\\\" back\\\\slash\"}"#),
        ),
    ]);
}

#[test]
fn two_choices_in_one_event_are_told_apart_by_their_index() {
    let both = |a: &str, b: &str| {
        chunk(&format!(
            r#"{{"delta":{{"content":"{a}"}},"index":1}},{{"delta":{{"content":"{b}"}},"index":0}}"#
        ))
    };
    open_ai(&[
        (both("<EMA", "<PER"), both("", "")),
        (content(1, "IL_1>"), content(1, "ada@example.org")),
        (content(0, "SON_1>"), content(0, "Person Number 1")),
    ]);
}

#[test]
fn every_text_of_a_choice_is_restored_and_flushed_in_its_own_shape() {
    let one =
        |delta: &str| chunk(&format!(r#"{{"index":0,"delta":{{{delta}}},"finish_reason":null}}"#));
    let legacy =
        |raw: &str| chunk(&format!(r#"{{"index":0,"text":"{raw}","finish_reason":null}}"#));
    let shapes: [fn(&str) -> String; 4] = [
        |raw| format!(r#""refusal":"{raw}""#),
        |raw| format!(r#""function_call":{{"arguments":"{raw}"}}"#),
        |raw| format!(r#""tool_calls":[{{"index":2,"custom":{{"input":"{raw}"}}}}]"#),
        |raw| format!(r#""tool_calls":[{{"index":2,"function":{{"arguments":"{raw}"}}}}]"#),
    ];
    let done = "data: [DONE]\n\n";
    for shape in shapes {
        open_ai(&[
            (one(&shape("<EMAIL_1><EM")), one(&shape("ada@example.org"))),
            (done.to_owned(), one(&shape("<EM")) + done),
        ]);
    }
    open_ai(&[
        (legacy("<EMAIL_1><EM"), legacy("ada@example.org")),
        (done.to_owned(), legacy("<EM") + done),
    ]);
    let reasoned = |text| one(&format!(r#""reasoning_content":"{text}","role":"<EMAIL_1>""#));
    open_ai(&[(reasoned("<EMAIL_1>"), reasoned("ada@example.org"))]);
}

#[test]
fn restored_text_stays_on_one_line_and_is_not_restored_again() {
    anthropic(&[
        (
            text(0, "<API_KEY_2><LITERAL_1><LITERAL_2>"),
            text(0, r"\u2028😀\u0000<EMAIL_1>\\u003cEMAIL_1\\u003e"),
        ),
        (text(0, "<LITERAL"), text(0, "")),
        (text(0, "_1>"), text(0, "<EMAIL_1>")),
    ]);
}

#[test]
fn a_literal_that_ends_a_delta_is_not_joined_with_what_follows() {
    let vault = Arc::new(Fixed(vec![
        ("LITERAL", vec!["<EMAIL".to_owned()]),
        ("EMAIL", vec!["ada@example.org".to_owned()]),
    ]));
    let steps = [
        (text(0, "<LITERAL_1>"), text(0, "<EMAIL")),
        (text(0, "_1> <EMAIL_1>"), text(0, "_1> ada@example.org")),
    ];
    check_with(Surface::Messages, vault, &steps, "");
}

#[test]
fn an_event_that_is_too_large_passes_with_the_rest_of_the_stream() {
    let mut stream = Stream::new(Surface::Messages, vault());
    let mut out = Vec::new();
    let large = "data: ".to_owned() + &"x".repeat(crate::sse::MAX_EVENT_BYTES) + "\n\n";
    stream.push(text(0, "<EMA").as_bytes(), &mut out);
    stream.push(large.as_bytes(), &mut out);
    stream.push(text(0, "<EMAIL_1>").as_bytes(), &mut out);
    stream.finish(&mut out);
    let expected = text(0, "") + &text(0, "<EMA") + &large + &text(0, "<EMAIL_1>");
    assert!(out == expected.as_bytes());
}

#[test]
fn a_stream_can_move_between_threads() {
    fn assert_send<T: Send>() {}
    assert_send::<Stream>();
}

#[test]
fn a_provider_cannot_make_extra_events_grow() {
    let long = "x".repeat(10_000);
    let many: String = (0..1000).map(|n| format!("\"m{n}\":{n},")).collect();
    let event = format!(
        "event: {long}\ndata: {{\"id\":\"{long}\",{many}\"choices\":[{{\"delta\":{{\"content\":\"<\"}}}}]}}\n\n"
    );
    let mut stream = Stream::new(Surface::Chat, vault());
    let (mut first, mut last) = (Vec::new(), Vec::new());
    stream.push(event.as_bytes(), &mut first);
    stream.finish(&mut last);
    assert!(last.len() < 512, "{}", last.len());
    let data = std::str::from_utf8(&last).unwrap().strip_prefix("data: ").unwrap();
    let data: serde_json::Value = serde_json::from_str(data).unwrap();
    assert_eq!(data["choices"][0]["delta"]["content"], "<");
}

#[test]
fn the_end_of_one_part_of_an_item_is_not_the_end_of_the_next() {
    let piece = |part: u64, text: &str| {
        format!(
            r#"{{"type":"response.output_text.delta","output_index":0,"content_index":{part},"delta":"{text}","logprobs":[]}}"#
        )
    };
    let done = r#"{"type":"response.content_part.done","output_index":0,"content_index":0,"part":{"type":"output_text","text":""}}"#;
    let mut stream = Stream::new(Surface::Responses, vault());
    let mut out = Vec::new();
    for event in [&piece(1, "x <EMAIL_"), done, &piece(1, "1> y")] {
        stream.push(format!("data: {event}\n\n").as_bytes(), &mut out);
    }
    let met = String::from_utf8(out).unwrap();
    let expected = [&piece(1, "x "), done, &piece(1, "ada@example.org y")];
    assert_eq!(met, expected.map(|event| format!("data: {event}\n\n")).concat());
}
