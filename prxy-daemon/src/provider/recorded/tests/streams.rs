//! Streams as the APIs cut them, and the answers made of them.

use super::*;

fn named(events: &[Value]) -> String {
    let event =
        |event: &Value| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap());
    events.iter().map(event).collect()
}

fn unnamed(chunks: &[Value]) -> String {
    chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect()
}

fn message() -> String {
    named(&[
        json!({"type": "message_start", "message": {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x", "content": [], "stop_reason": null, "stop_sequence": null,
            "usage": {"input_tokens": 472, "cache_creation_input_tokens": 5, "cache_read_input_tokens": 9, "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 5}, "output_tokens": 2, "service_tier": "standard"}}}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": "", "signature": ""}}),
        json!({"type": "ping"}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "Let me"}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": " see"}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "EqQB"}}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "Okay, \""}}),
        json!({"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "é\u{1f600}"}}),
        json!({"type": "content_block_delta", "index": 1, "delta": {"type": "citations_delta", "citation": {"type": "char_location", "cited_text": "c"}}}),
        json!({"type": "content_block_stop", "index": 1}),
        json!({"type": "content_block_start", "index": 2, "content_block": {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {}}}),
        json!({"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": ""}}),
        json!({"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": "{\"location\":"}}),
        json!({"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": " \"San"}}),
        json!({"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": " \\u00"}}),
        json!({"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": "e9\", \"n\": 1.50}"}}),
        json!({"type": "content_block_stop", "index": 2}),
        json!({"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": null}, "usage": {"output_tokens": 89}}),
        json!({"type": "message_stop"}),
    ])
}

#[test]
fn a_stream_of_a_message_becomes_the_message() {
    let usage = Some(Usage { cache_write_hour: 5, ..used(472, 89, 9, 5).unwrap() });
    let expected = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x",
        "content": [
            {"type": "thinking", "thinking": "Let me see", "signature": "EqQB"},
            {"type": "text", "text": "Okay, \"é\u{1f600}", "citations": [{"type": "char_location", "cited_text": "c"}]},
            {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"location": "San é", "n": 1.5}},
        ],
        "stop_reason": "tool_use", "stop_sequence": null,
        "usage": {"input_tokens": 472, "cache_creation_input_tokens": 5, "cache_read_input_tokens": 9,
            "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 5},
            "output_tokens": 89, "service_tier": "standard"}});
    for stream in [message(), message().replace('\n', "\r\n")] {
        let expected_said = (Some(Finish::Called), usage, Some("Okay, \"é\u{1f600}".to_owned()));
        assert_eq!(said(Surface::Messages, Form::Stream, stream.as_bytes()), expected_said);
        assert_eq!(parsed(&to_whole(Surface::Messages, stream.as_bytes()).unwrap()), expected);
    }
}

#[test]
fn a_stream_that_breaks_off_has_usage_and_no_end() {
    let whole = message();
    let cut = |before: &str| &whole[..whole.find(before).unwrap()];
    for (stream, output) in [
        (cut("event: message_stop").to_owned(), 89),
        (cut("event: message_delta").to_owned(), 2),
        (cut("\"citations_delta\"").to_owned(), 2),
        (
            format!(
                "{}event: error\ndata: {{\"type\":\"error\",\"error\":{{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}}}\n\n",
                cut("event: message_delta")
            ),
            2,
        ),
        (
            whole
                .replace("\"tool_use\",\"stop_sequence\"", "\"max_tokens\",\"stop_sequence\"")
                .replace("data: {\"type\":\"message_stop\"}", "data: {"),
            89,
        ),
    ] {
        let bytes = stream.as_bytes();
        assert_eq!(finish(Surface::Messages, Form::Stream, bytes), None, "{stream}");
        assert_eq!(to_whole(Surface::Messages, bytes), None, "{stream}");
        let usage = usage(Surface::Messages, Form::Stream, bytes).unwrap();
        assert_eq!((usage.input, usage.output), (472, output), "{stream}");
        assert!(written(Surface::Messages, Form::Stream, bytes) > 20);
    }
    assert_eq!(usage(Surface::Messages, Form::Stream, b""), None);
    assert!(finish(Surface::Messages, Form::Stream, whole.as_bytes()).is_some());
}

#[test]
fn what_a_document_could_not_say_is_not_converted() {
    for (from, to) in [
        ("thinking_delta", "delta_of_tomorrow"),
        ("content_block_stop\",\"index\":1", "content_block_stop\",\"index\":7"),
        (": 1.50}", ": 1.50"),
        (": 1.50}", ": 123456789012345678901234567890}"),
        ("\"type\":\"ping\"", "\"type\":\"event_of_tomorrow\""),
        ("\"type\":\"text_delta\"", "\"type\":\"text_delta\",\"more\":1"),
    ] {
        // Members are in the order of the alphabet.
        let stream = message();
        let changed = match from {
            "content_block_stop\",\"index\":1" => stream.replace(
                "{\"index\":1,\"type\":\"content_block_stop\"}",
                "{\"index\":7,\"type\":\"content_block_stop\"}",
            ),
            _ => stream.replace(from, to),
        };
        assert_ne!(stream, changed, "{from}");
        assert_eq!(to_whole(Surface::Messages, changed.as_bytes()), None, "{from} → {to}");
    }
}

fn chunk(choices: Value, usage: Value) -> Value {
    json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1694268190, "model": "gpt-x", "service_tier": "default",
        "system_fingerprint": "fp_1", "choices": choices, "usage": usage, "obfuscation": "xyz"})
}

fn delta(index: u64, delta: Value, reason: Value) -> Value {
    chunk(
        json!([{"index": index, "delta": delta, "logprobs": null, "finish_reason": reason}]),
        Value::Null,
    )
}

fn call(id: &str, name: &str) -> Value {
    json!({"id": id, "type": "function", "function": {"name": name, "arguments": ""}})
}

#[test]
fn chunks_of_a_chat_become_the_completion() {
    let given = |index: u64, text: &str| json!({"tool_calls": [{"index": index, "function": {"arguments": text}}]});
    let mut begin = call("call_1", "get_weather");
    begin["index"] = json!(0);
    let mut second = call("call_2", "now");
    second["index"] = json!(1);
    let usage = json!({"prompt_tokens": 50, "completion_tokens": 9, "total_tokens": 59, "prompt_tokens_details": {"cached_tokens": 20}});
    let mut chunks = vec![
        delta(0, json!({"role": "assistant", "content": "", "refusal": null}), Value::Null),
        delta(0, json!({"content": "Hé"}), Value::Null),
        delta(1, json!({"role": "assistant", "content": ""}), Value::Null),
        delta(0, json!({"content": "llo"}), Value::Null),
        delta(0, json!({"tool_calls": [begin]}), Value::Null),
        delta(0, given(0, "{\"a"), Value::Null),
        delta(0, json!({"tool_calls": [second]}), Value::Null),
        delta(0, given(0, "\":1}"), Value::Null),
        delta(0, given(1, "{}"), Value::Null),
        delta(1, json!({"content": "No"}), Value::Null),
        delta(0, json!({}), json!("tool_calls")),
        delta(1, json!({}), json!("stop")),
    ];
    let mut first = call("call_1", "get_weather");
    first["function"]["arguments"] = json!("{\"a\":1}");
    let mut second = call("call_2", "now");
    second["function"]["arguments"] = json!("{}");
    let mut expected = json!({"id": "chatcmpl-1", "object": "chat.completion", "created": 1694268190, "model": "gpt-x",
        "service_tier": "default", "system_fingerprint": "fp_1", "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "Héllo", "refusal": null, "tool_calls": [first, second]}, "logprobs": null, "finish_reason": "tool_calls"},
            {"index": 1, "message": {"role": "assistant", "content": "No"}, "logprobs": null, "finish_reason": "stop"}]});
    let open = unnamed(&chunks);
    let text = Some("Héllo".to_owned());
    let stream = format!("{open}data: [DONE]\n\n");
    assert_eq!(
        said(Surface::Chat, Form::Stream, stream.as_bytes()),
        (Some(Finish::Called), None, text.clone())
    );
    assert_eq!(parsed(&to_whole(Surface::Chat, stream.as_bytes()).unwrap()), expected);

    chunks.push(chunk(json!([]), usage.clone()));
    expected["usage"] = usage;
    let stream = format!("{}data: [DONE]\n\n", unnamed(&chunks));
    assert_eq!(
        said(Surface::Chat, Form::Stream, stream.as_bytes()),
        (Some(Finish::Called), used(30, 9, 20, 0), text)
    );
    assert_eq!(parsed(&to_whole(Surface::Chat, stream.as_bytes()).unwrap()), expected);

    let length = stream.replace("\"stop\"", "\"length\"");
    let error = format!("{open}data: {{\"error\":{{\"message\":\"x\"}}}}\n\ndata: [DONE]\n\n");
    let early = stream.replacen("data: [DONE]\n\n", "", 1);
    for stream in [open, length, error, early] {
        assert_eq!(finish(Surface::Chat, Form::Stream, stream.as_bytes()), None, "{stream}");
    }
}

#[test]
fn what_compatible_servers_add_is_kept_or_not_converted() {
    let end = delta(0, json!({}), json!("stop"));
    let done = |chunks: &[Value]| format!("{}data: [DONE]\n\n", unnamed(chunks));
    let whole = |chunks: &[Value]| {
        to_whole(Surface::Chat, done(chunks).as_bytes()).map(|body| parsed(&body))
    };
    let mut groq = end.clone();
    groq["x_groq"] = json!({"id": "r", "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 9}});
    let thinking = [
        delta(0, json!({"role": "assistant", "reasoning_content": "Hm"}), Value::Null),
        delta(0, json!({"role": "assistant", "reasoning_content": "m"}), Value::Null),
        delta(0, json!({"content": "4", "reasoning_content": null}), Value::Null),
        groq,
    ];
    let got = whole(&thinking).unwrap();
    assert_eq!(
        got["choices"][0]["message"],
        json!({"role": "assistant", "content": "4", "reasoning_content": "Hmm"})
    );
    assert_eq!(got["x_groq"]["id"], "r");
    // Six: what was neither asked nor said was thought.
    assert_eq!(usage(Surface::Chat, Form::Stream, done(&thinking).as_bytes()), used(3, 6, 0, 0));
    let unknown = |value: &str| delta(0, json!({"a_field_of_tomorrow": value}), Value::Null);
    assert!(whole(&[unknown("a"), unknown("a"), end.clone()]).is_some());
    assert_eq!(whole(&[unknown("a"), unknown("b"), end.clone()]), None);
    assert_eq!(
        whole(&[delta(0, json!({"audio": {"id": "a", "data": "AA"}}), Value::Null), end]),
        None
    );
}

#[test]
fn chunks_of_an_old_completion_become_the_completion() {
    let chunk = |text: &str, reason: Value| {
        json!({"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "m",
        "choices": [{"text": text, "index": 0, "logprobs": {"tokens": [text], "text_offset": [1]}, "finish_reason": reason}]})
    };
    let stream = format!(
        "{}data: [DONE]\n\n",
        unnamed(&[chunk("a", Value::Null), chunk("b", json!("stop"))])
    );
    let mut expected = chunk("ab", json!("stop"));
    expected["choices"][0]["logprobs"] = json!({"tokens": ["a", "b"], "text_offset": [1, 1]});
    assert_eq!(parsed(&to_whole(Surface::Completions, stream.as_bytes()).unwrap()), expected);
    let said = said(Surface::Completions, Form::Stream, stream.as_bytes());
    assert_eq!(said, (Some(Finish::Said), None, Some("ab".to_owned())));
}

#[test]
fn a_stream_of_a_response_ends_with_the_response() {
    let item = json!({"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": [{"type": "output_text", "text": "Hi", "annotations": []}]});
    let response = |status: &str| {
        json!({"id": "resp_1", "object": "response", "status": status, "error": null, "incomplete_details": null,
        "output": [item], "usage": {"input_tokens": 9, "input_tokens_details": {"cached_tokens": 4}, "output_tokens": 2, "total_tokens": 11}})
    };
    let begin = [
        json!({"type": "response.created", "sequence_number": 0, "response": {"id": "resp_1", "object": "response", "status": "in_progress", "output": [], "usage": null}}),
        json!({"type": "response.output_text.delta", "sequence_number": 1, "item_id": "msg_1", "output_index": 0, "content_index": 0, "delta": "Hi", "logprobs": [], "obfuscation": "aQ"}),
    ];
    let done = json!({"type": "response.output_item.done", "sequence_number": 2, "output_index": 0, "item": item});
    let end = |status: &str| json!({"type": format!("response.{status}"), "sequence_number": 3, "response": response(status)});
    let stream = |events: &[Value]| named(&[&begin[..], events].concat());
    let hi = Some("Hi".to_owned());
    let whole = stream(&[done.clone(), end("completed")]);
    assert_eq!(
        said(Surface::Responses, Form::Stream, whole.as_bytes()),
        (Some(Finish::Said), used(5, 2, 4, 0), hi.clone())
    );
    assert_eq!(
        parsed(&to_whole(Surface::Responses, whole.as_bytes()).unwrap()),
        response("completed")
    );
    let failed = json!({"type": "error", "code": "x", "message": "y", "sequence_number": 2});
    for (events, usage) in [
        (vec![done.clone(), end("incomplete")], used(5, 2, 4, 0)),
        (vec![done, end("failed")], used(5, 2, 4, 0)),
        (vec![failed], None),
        (vec![], None),
    ] {
        let stream = stream(&events);
        assert_eq!(
            said(Surface::Responses, Form::Stream, stream.as_bytes()),
            (None, usage, hi.clone()),
            "{stream}"
        );
        assert_eq!(to_whole(Surface::Responses, stream.as_bytes()), None);
    }
    assert_eq!(to_whole(Surface::Responses, stream(&[end("completed")]).as_bytes()), None);
}

#[test]
fn chunks_of_google_become_the_answer_in_either_kind_of_stream() {
    let chunk = |parts: Value, thought: u64, reason: Value| {
        let mut chunk = json!({"candidates": [{"content": {"parts": parts, "role": "model"}, "index": 0}],
            "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 4, "thoughtsTokenCount": thought, "totalTokenCount": 14 + thought},
            "modelVersion": "gemini-x", "responseId": "r1"});
        if !reason.is_null() {
            chunk["candidates"][0]["finishReason"] = reason;
        }
        chunk
    };
    let chunks = |reason: &str| {
        vec![
            chunk(json!([{"text": "Hm", "thought": true}]), 1, Value::Null),
            chunk(json!([{"text": "m", "thought": true}]), 2, Value::Null),
            chunk(json!([{"text": "Hé"}]), 5, Value::Null),
            chunk(json!([{"text": "llo"}]), 5, Value::Null),
            chunk(json!([{"text": "", "thoughtSignature": "Cg=="}]), 5, json!(reason)),
        ]
    };
    let whole = chunk(
        json!([{"text": "Hmm", "thought": true}, {"text": "Héllo"}, {"text": "", "thoughtSignature": "Cg=="}]),
        5,
        json!("STOP"),
    );
    let events = |chunks: &[Value]| {
        chunks.iter().map(|chunk| format!("data: {chunk}\r\n\r\n")).collect::<String>()
    };
    let array =
        json!(chunks("STOP")).to_string().replace("},{\"candidates\"", "}\n,\r\n{\"candidates\"");
    let stream = events(&chunks("STOP"));
    let expected: Said = (Some(Finish::Said), used(10, 9, 0, 0), Some("Héllo".to_owned()));
    for (form, body) in [(Form::Stream, &stream), (Form::Whole, &array)] {
        assert_eq!(said(Surface::Generate, form, body.as_bytes()), expected);
        assert_eq!(parsed(&to_whole(Surface::Generate, body.as_bytes()).unwrap()), whole);
    }
    assert_eq!(
        to_stream(Surface::Generate, array.as_bytes(), UsageChunk::Omit).unwrap(),
        stream.as_bytes()
    );
    assert_eq!(
        parsed(&to_array(Surface::Generate, Form::Stream, stream.as_bytes()).unwrap()),
        json!(chunks("STOP"))
    );
    for (form, body) in [
        (Form::Stream, events(&chunks("MAX_TOKENS"))),
        (Form::Stream, events(&chunks("STOP")[..4])),
        (Form::Whole, array.trim_end_matches(']').to_owned()),
    ] {
        assert_eq!(finish(Surface::Generate, form, body.as_bytes()), None, "{body}");
        assert_eq!(usage(Surface::Generate, form, body.as_bytes()), used(10, 9, 0, 0));
        assert_eq!(to_whole(Surface::Generate, body.as_bytes()), None);
    }
}
