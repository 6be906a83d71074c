//! Whole answers as the APIs give them, and the streams made of them.

use std::sync::Arc;

use super::*;
use crate::redact::{Label, Number, Vault, VaultError, rehydrate};

#[track_caller]
fn round(surface: Surface, whole: Value, expected: Said) {
    let body = whole.to_string();
    assert_eq!(said(surface, Form::Whole, body.as_bytes()), expected, "whole");
    let stream = to_stream(surface, body.as_bytes(), UsageChunk::Give).unwrap();
    assert_eq!(parsed(&to_whole(surface, &stream).unwrap()), whole);
    assert_eq!(said(surface, Form::Stream, &stream), expected, "stream");
}

fn message(content: Value, stop_reason: &str) -> Value {
    json!({"id": "msg_013Zva2CMHLNnXjNJJKqJ2EF", "type": "message", "role": "assistant",
        "model": "claude-sonnet-4-5-20250929", "content": content,
        "stop_reason": stop_reason, "stop_sequence": null,
        "usage": {"input_tokens": 12, "cache_creation_input_tokens": 30,
            "cache_read_input_tokens": 400,
            "cache_creation": {"ephemeral_5m_input_tokens": 30, "ephemeral_1h_input_tokens": 0},
            "output_tokens": 503, "service_tier": "standard", "inference_geo": null}})
}

#[test]
fn messages_survive_the_way_to_a_stream_and_back() {
    let long = "Grüße \u{1f600} \"quoted\" \\ \u{2028}\n".repeat(300);
    let citation = json!({"type": "char_location", "cited_text": "the \"grass\"", "document_index": 0,
        "document_title": null, "start_char_index": 0, "end_char_index": 20, "file_id": null});
    for (content, stop, finish, text) in [
        (
            json!([{"type": "text", "text": "Hello <EMAIL_1>"}]),
            "end_turn",
            Finish::Said,
            "Hello <EMAIL_1>",
        ),
        (
            json!([{"type": "text", "text": long, "citations": null}]),
            "stop_sequence",
            Finish::Said,
            &long,
        ),
        (json!([{"type": "text", "text": ""}]), "end_turn", Finish::Said, ""),
        (json!([]), "end_turn", Finish::Said, ""),
        (
            json!([
                {"type": "thinking", "thinking": "Let me \u{301}think", "signature": "EqQBCgIYAhIM1gbcDa9GJwZA2b3hGgxBdjrkzLoky3dl1pk="},
                {"type": "redacted_thinking", "data": "EmwKAhgBEgy3va3pzix/LafPsn4aDFIT2Xlxh0L5L8rLVyIw"},
                {"type": "thinking", "thinking": "", "signature": "abc"},
                {"type": "text", "text": "Said."},
            ]),
            "end_turn",
            Finish::Said,
            "Said.",
        ),
        (
            json!([
                {"type": "text", "text": "I look "},
                {"type": "tool_use", "id": "toolu_01D7FLrfh4GYq7yT1ULFeyMV", "name": "get_weather",
                 "input": {"a": {"deep": [1, -2.5, 1e-7, null, true]}, "city": "São \"P\" \u{1f327}", "n": 9007199254740993_i64}},
                {"type": "tool_use", "id": "toolu_2", "name": "now", "input": {}},
            ]),
            "tool_use",
            Finish::Called,
            "I look ",
        ),
        (
            json!([
                {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}},
                {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [
                    {"type": "web_search_result", "title": "T", "url": "https://example.org", "encrypted_content": "Eq", "page_age": null}]},
                {"type": "text", "text": "As it ", "citations": []},
                {"type": "text", "text": "says", "citations": [citation, citation]},
                {"type": "a_block_of_tomorrow", "some": {"deep": ["thing"]}, "text": 5},
            ]),
            "end_turn",
            Finish::Said,
            "As it says",
        ),
    ] {
        let text = (!text.is_empty()).then(|| text.to_owned());
        round(
            Surface::Messages,
            message(content, stop),
            (Some(finish), used(12, 503, 400, 30), text),
        );
    }
    let mut rich = message(json!([{"type": "text", "text": "x"}]), "end_turn");
    rich["container"] = json!({"id": "container_1", "expires_at": "2026-01-01T00:00:00Z"});
    rich["context_management"] = json!({"applied_edits": []});
    rich["usage"]["server_tool_use"] = json!({"web_search_requests": 1});
    rich["usage"]["cache_creation"]["ephemeral_1h_input_tokens"] = json!(7);
    let usage = used(12, 503, 400, 30).map(|usage| Usage { cache_write_hour: 7, ..usage });
    round(Surface::Messages, rich, (Some(Finish::Said), usage, Some("x".to_owned())));
}

#[test]
fn a_message_streams_as_the_api_does() {
    let whole = message(
        json!([
            {"type": "thinking", "thinking": "Hm", "signature": "sig="},
            {"type": "text", "text": "Hi"},
            {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": 1}},
        ]),
        "tool_use",
    );
    let stream =
        to_stream(Surface::Messages, whole.to_string().as_bytes(), UsageChunk::Omit).unwrap();
    let start = |index, block: Value| json!({"type": "content_block_start", "index": index, "content_block": block});
    let delta = |index, delta: Value| json!({"type": "content_block_delta", "index": index, "delta": delta});
    let stop = |index| json!({"type": "content_block_stop", "index": index});
    let mut begun = whole.clone();
    begun["content"] = json!([]);
    begun["stop_reason"] = Value::Null;
    begun["usage"]["output_tokens"] = json!(1);
    let expected = [
        json!({"type": "message_start", "message": begun}),
        start(0, json!({"type": "thinking", "thinking": "", "signature": ""})),
        delta(0, json!({"type": "thinking_delta", "thinking": "Hm"})),
        delta(0, json!({"type": "signature_delta", "signature": "sig="})),
        stop(0),
        start(1, json!({"type": "text", "text": ""})),
        delta(1, json!({"type": "text_delta", "text": "Hi"})),
        stop(1),
        start(2, json!({"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}})),
        delta(2, json!({"type": "input_json_delta", "partial_json": ""})),
        delta(2, json!({"type": "input_json_delta", "partial_json": "{\"a\":1}"})),
        stop(2),
        json!({"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": null},
            "usage": {"input_tokens": 12, "cache_creation_input_tokens": 30,
                "cache_read_input_tokens": 400, "output_tokens": 503}}),
        json!({"type": "message_stop"}),
    ];
    let expected: Vec<_> = expected
        .into_iter()
        .map(|event| (event["type"].as_str().unwrap().to_owned(), event))
        .collect();
    assert_eq!(events(&stream), expected);
}

fn completion(choices: Value) -> Value {
    json!({"id": "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT", "object": "chat.completion",
        "created": 1741569952, "model": "gpt-4.1-2025-04-14", "choices": choices,
        "usage": {"prompt_tokens": 100, "completion_tokens": 30, "total_tokens": 130,
            "prompt_tokens_details": {"cached_tokens": 64, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 8, "audio_tokens": 0}},
        "service_tier": "default", "system_fingerprint": null})
}

#[test]
fn chat_completions_survive_the_way_to_a_stream_and_back() {
    let long = "naïve \u{1f469}\u{200d}\u{1f4bb} \\\"\n".repeat(400);
    let token = |token: &str| {
        json!({"token": token, "logprob": -0.31725305, "bytes": [72, 105],
        "top_logprobs": [{"token": token, "logprob": -1.2e-5, "bytes": null}]})
    };
    let call = |id: &str, arguments: &str| json!({"id": id, "type": "function", "function": {"name": "get_weather", "arguments": arguments}});
    for (message, reason, finish, text) in [
        (
            json!({"role": "assistant", "content": "Hello", "refusal": null, "annotations": []}),
            "stop",
            Finish::Said,
            "Hello",
        ),
        (json!({"role": "assistant", "content": long}), "stop", Finish::Said, long.as_str()),
        (json!({"role": "assistant", "content": ""}), "stop", Finish::Said, ""),
        (
            json!({"role": "assistant", "content": "4", "reasoning_content": long, "reasoning": "r"}),
            "stop",
            Finish::Said,
            "4",
        ),
        (
            json!({"role": "assistant", "content": null, "refusal": null, "tool_calls": [
                call("call_1", &json!({"city": long}).to_string()), call("call_2", ""),
                {"id": "call_3", "type": "custom", "custom": {"name": "sql", "input": "select \"x\""}},
                {"id": "call_4", "type": "function", "function": {"name": "odd", "arguments": {"a": 1}}}]}),
            "tool_calls",
            Finish::Called,
            "",
        ),
        (
            json!({"role": "assistant", "content": null, "function_call": {"name": "f", "arguments": "{\"a\":1}"}}),
            "function_call",
            Finish::Called,
            "",
        ),
        (
            json!({"role": "assistant", "content": "x", "a_field_of_tomorrow": {"a": [{"b": 1}]}}),
            "stop",
            Finish::Said,
            "x",
        ),
    ] {
        let text = (!text.is_empty()).then(|| text.to_owned());
        let choices =
            json!([{"index": 0, "message": message, "logprobs": null, "finish_reason": reason}]);
        round(Surface::Chat, completion(choices), (Some(finish), used(36, 30, 64, 0), text));
    }
    let two = json!([
        {"index": 0, "message": {"role": "assistant", "content": "Hi", "refusal": null},
         "logprobs": {"content": [token("H"), token("i")], "refusal": null}, "finish_reason": "stop"},
        {"index": 1, "message": {"role": "assistant", "content": "Ho", "refusal": null},
         "logprobs": null, "finish_reason": "stop"},
    ]);
    round(
        Surface::Chat,
        completion(two),
        (Some(Finish::Said), used(36, 30, 64, 0), Some("Hi".to_owned())),
    );
    let logprobs = json!({"tokens": ["a", "b"], "token_logprobs": [-0.1, -0.25], "top_logprobs": null, "text_offset": [0, 1]});
    for logprobs in [logprobs, Value::Null] {
        let old = json!({"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "gpt-3.5-turbo-instruct",
            "choices": [{"text": "ab", "index": 0, "logprobs": logprobs, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}});
        round(
            Surface::Completions,
            old,
            (Some(Finish::Said), used(5, 7, 0, 0), Some("ab".to_owned())),
        );
    }
}

#[test]
fn a_chat_completion_streams_as_the_api_does() {
    let whole = completion(
        json!([{"index": 0, "message": {"role": "assistant", "content": "Hi", "refusal": null,
        "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        "logprobs": null, "finish_reason": "tool_calls"}]),
    );
    for (asked, usage) in
        [(UsageChunk::Omit, None), (UsageChunk::Give, Some(whole["usage"].clone()))]
    {
        let stream = to_stream(Surface::Chat, whole.to_string().as_bytes(), asked).unwrap();
        let chunk = |choices: Value| {
            let mut chunk = completion(choices);
            chunk["object"] = json!("chat.completion.chunk");
            chunk["usage"] = Value::Null;
            if usage.is_none() {
                chunk.as_object_mut().unwrap().remove("usage");
            }
            (String::new(), chunk)
        };
        let choice = |delta: Value, reason: Value| {
            chunk(json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": reason}]))
        };
        let mut expected = vec![
            choice(json!({"role": "assistant", "content": "", "refusal": null}), Value::Null),
            choice(json!({"content": "Hi"}), Value::Null),
            choice(
                json!({"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": ""}}]}),
                Value::Null,
            ),
            choice(
                json!({"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}),
                Value::Null,
            ),
            choice(json!({}), json!("tool_calls")),
        ];
        if let Some(usage) = &usage {
            let mut last = chunk(json!([]));
            last.1["usage"] = usage.clone();
            expected.push(last);
        }
        expected.push((String::new(), json!("[DONE]")));
        assert_eq!(events(&stream), expected);
    }
}

fn response(output: Value) -> Value {
    json!({"id": "resp_67ccd2bed1ec8190", "object": "response", "created_at": 1741476542,
        "status": "completed", "background": false, "completed_at": 1741476543, "error": null,
        "incomplete_details": null, "instructions": null, "max_output_tokens": null,
        "model": "gpt-4.1-2025-04-14", "output": output, "parallel_tool_calls": true,
        "previous_response_id": null, "reasoning": {"effort": null, "summary": null}, "store": true,
        "temperature": 1.0, "text": {"format": {"type": "text"}}, "tool_choice": "auto",
        "tools": [], "top_p": 1.0, "truncation": "disabled",
        "usage": {"input_tokens": 36, "input_tokens_details": {"cached_tokens": 6},
            "output_tokens": 87, "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 123}, "user": null, "metadata": {}})
}

#[test]
fn responses_survive_the_way_to_a_stream_and_back() {
    let text = "It \"says\" \u{1f600}\n".repeat(200);
    let note = json!({"type": "url_citation", "url": "https://example.org", "title": "T", "start_index": 0, "end_index": 3});
    for (output, finish, said) in [
        (
            json!([
                {"type": "reasoning", "id": "rs_1", "encrypted_content": "gAAAA", "summary": [{"type": "summary_text", "text": "I think"}]},
                {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "q"}},
                {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": [
                    {"type": "output_text", "text": text, "annotations": [note], "logprobs": []},
                    {"type": "output_text", "text": "!", "annotations": [], "logprobs": [{"token": "!", "logprob": -0.5, "bytes": [33], "top_logprobs": []}]}]},
            ]),
            Finish::Said,
            Some(format!("{text}!")),
        ),
        (
            json!([
                {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "open"}]},
                {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "f", "arguments": "{\"a\":\"\\u00e9\"}", "status": "completed"},
                {"type": "custom_tool_call", "id": "ctc_1", "call_id": "call_2", "name": "sql", "input": "select 1"},
                {"type": "mcp_call", "id": "mcp_1", "server_label": "s", "name": "n", "arguments": "{}", "output": "done", "error": null},
                {"type": "code_interpreter_call", "id": "ci_1", "code": "1+1", "container_id": "c", "outputs": null, "status": "completed"},
                {"type": "an_item_of_tomorrow", "id": "x_1", "deep": {"a": 1}},
            ]),
            Finish::Called,
            None,
        ),
    ] {
        round(Surface::Responses, response(output), (Some(finish), used(30, 87, 6, 0), said));
    }
}

#[test]
fn a_response_streams_as_the_api_does() {
    let part = |text: &str| json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []});
    let item = |status: &str, content: Value| json!({"type": "message", "id": "msg_1", "status": status, "role": "assistant", "content": content});
    let call = |status: &str, arguments: &str| json!({"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "f", "arguments": arguments, "status": status});
    let whole = response(json!([item("completed", json!([part("Hi")])), call("completed", "{}")]));
    let stream =
        to_stream(Surface::Responses, whole.to_string().as_bytes(), UsageChunk::Omit).unwrap();
    let mut begun = response(json!([]));
    begun["status"] = json!("in_progress");
    begun["usage"] = Value::Null;
    begun["completed_at"] = Value::Null;
    let expected = [
        json!({"type": "response.created", "response": begun}),
        json!({"type": "response.in_progress", "response": begun}),
        json!({"type": "response.output_item.added", "output_index": 0, "item": item("in_progress", json!([]))}),
        json!({"type": "response.content_part.added", "item_id": "msg_1", "output_index": 0, "content_index": 0, "part": part("")}),
        json!({"type": "response.output_text.delta", "item_id": "msg_1", "output_index": 0, "content_index": 0, "delta": "Hi", "logprobs": []}),
        json!({"type": "response.output_text.done", "item_id": "msg_1", "output_index": 0, "content_index": 0, "text": "Hi", "logprobs": []}),
        json!({"type": "response.content_part.done", "item_id": "msg_1", "output_index": 0, "content_index": 0, "part": part("Hi")}),
        json!({"type": "response.output_item.done", "output_index": 0, "item": item("completed", json!([part("Hi")]))}),
        json!({"type": "response.output_item.added", "output_index": 1, "item": call("in_progress", "")}),
        json!({"type": "response.function_call_arguments.delta", "item_id": "fc_1", "output_index": 1, "delta": "{}"}),
        json!({"type": "response.function_call_arguments.done", "item_id": "fc_1", "output_index": 1, "name": "f", "arguments": "{}"}),
        json!({"type": "response.output_item.done", "output_index": 1, "item": call("completed", "{}")}),
        json!({"type": "response.completed", "response": whole}),
    ];
    let expected: Vec<_> = expected
        .into_iter()
        .enumerate()
        .map(|(number, mut event)| {
            event["sequence_number"] = json!(number);
            (event["type"].as_str().unwrap().to_owned(), event)
        })
        .collect();
    assert_eq!(events(&stream), expected);
}

#[test]
fn googles_answers_survive_the_way_to_a_stream_and_back() {
    for (parts, finish, text) in [
        (
            json!([{"text": "Thinking", "thought": true}, {"text": "Hé"}, {"text": "llo", "thoughtSignature": "Cg=="}]),
            Finish::Said,
            Some("Héllo"),
        ),
        (
            json!([{"functionCall": {"name": "f", "args": {"a": "\u{1f600}\""}}, "thoughtSignature": "Cg=="}]),
            Finish::Called,
            None,
        ),
        (
            json!([{"executableCode": {"language": "PYTHON", "code": "1"}}, {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}}, {"inlineData": {"mimeType": "image/png", "data": "iVBO"}}]),
            Finish::Said,
            None,
        ),
    ] {
        let whole = json!({"candidates": [{"content": {"parts": parts, "role": "model"}, "finishReason": "STOP", "index": 0,
                "avgLogprobs": -0.0012345678901234567, "groundingMetadata": {"webSearchQueries": ["q"]}}],
            "usageMetadata": {"promptTokenCount": 100, "cachedContentTokenCount": 40, "candidatesTokenCount": 10,
                "thoughtsTokenCount": 5, "toolUsePromptTokenCount": 3, "totalTokenCount": 118,
                "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 100}]},
            "modelVersion": "gemini-2.5-flash", "responseId": "r1"});
        let expected: Said = (Some(finish), used(63, 15, 40, 0), text.map(str::to_owned));
        round(Surface::Generate, whole.clone(), expected.clone());
        let body = whole.to_string();
        let array = to_array(Surface::Generate, Form::Whole, body.as_bytes()).unwrap();
        assert_eq!(parsed(&array), json!([whole]));
        assert_eq!(said(Surface::Generate, Form::Whole, &array), expected);
        assert_eq!(parsed(&to_whole(Surface::Generate, &array).unwrap()), whole);
    }
}

#[test]
fn what_a_stream_could_not_say_is_not_converted() {
    let answer = message(json!([{"type": "text", "text": "x"}]), "end_turn");
    let chat = completion(
        json!([{"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}]),
    );
    let mut sound = chat.clone();
    sound["choices"][0]["message"]["audio"] =
        json!({"id": "a", "data": "AA==", "transcript": "x", "expires_at": 1});
    let mut uncounted = chat.clone();
    uncounted["usage"] = Value::Null;
    let long = answer.to_string().replace("503", "5030000000000000000000");
    for (surface, body) in [
        (Surface::Messages, long.as_str()),
        (
            Surface::Messages,
            r#"{"type":"error","error":{"type":"overloaded_error","message":"x"}}"#,
        ),
        (Surface::Messages, r#"{"input_tokens":25}"#),
        (Surface::Chat, &sound.to_string()),
        (Surface::Chat, &uncounted.to_string()),
        (Surface::Chat, "{}"),
        (Surface::Chat, "no json"),
        (Surface::Responses, r#"{"object":"list","data":[]}"#),
        (Surface::Inputs, &chat.to_string()),
    ] {
        assert_eq!(to_stream(surface, body.as_bytes(), UsageChunk::Give), None, "{body}");
    }
    for (surface, body) in [(Surface::Messages, answer), (Surface::Chat, chat)] {
        assert!(to_stream(surface, body.to_string().as_bytes(), UsageChunk::Give).is_some());
    }
}

#[test]
fn only_answers_that_ended_by_themselves_are_finished() {
    let cut = |stop: &str| message(json!([{"type": "text", "text": "x"}]), stop);
    let choice = |message: Value, reason: &str| json!({"index": 0, "message": message, "finish_reason": reason});
    let said = json!({"role": "assistant", "content": "x"});
    let refused = json!({"role": "assistant", "content": null, "refusal": "no"});
    let mut incomplete = response(json!([]));
    incomplete["status"] = json!("incomplete");
    let candidate = |reason: &str| json!({"candidates": [{"content": {"parts": [{"text": "x"}]}, "finishReason": reason}]});
    for (surface, body, finished) in [
        (Surface::Messages, cut("end_turn"), true),
        (Surface::Messages, cut("max_tokens"), false),
        (Surface::Messages, cut("refusal"), false),
        (Surface::Messages, cut("pause_turn"), false),
        (Surface::Messages, cut("model_context_window_exceeded"), false),
        (Surface::Messages, json!({"type": "error", "error": {"type": "api_error"}}), false),
        (Surface::Messages, json!({"input_tokens": 1}), false),
        (Surface::Chat, completion(json!([choice(said.clone(), "stop")])), true),
        (Surface::Chat, completion(json!([choice(said.clone(), "length")])), false),
        (Surface::Chat, completion(json!([choice(said.clone(), "content_filter")])), false),
        (Surface::Chat, completion(json!([choice(refused, "stop")])), false),
        (
            Surface::Chat,
            completion(
                json!([choice(said.clone(), "stop"), {"index": 1, "message": said, "finish_reason": null}]),
            ),
            false,
        ),
        (Surface::Chat, json!({"error": {"message": "no"}}), false),
        (Surface::Responses, response(json!([])), true),
        (Surface::Responses, incomplete, false),
        (
            Surface::Responses,
            response(
                json!([{"type": "message", "content": [{"type": "refusal", "refusal": "no"}]}]),
            ),
            false,
        ),
        (Surface::Generate, candidate("STOP"), true),
        (Surface::Generate, candidate("MAX_TOKENS"), false),
        (Surface::Generate, candidate("SAFETY"), false),
        (Surface::Generate, json!({"promptFeedback": {"blockReason": "SAFETY"}}), false),
        (Surface::Generate, json!({"totalTokens": 7}), false),
        (Surface::Objects(crate::provider::Api::OpenAi), json!({"data": []}), false),
    ] {
        let finish = finish(surface, Form::Whole, body.to_string().as_bytes());
        assert_eq!(finish.is_some(), finished, "{body}");
    }
}

/// Knows one address.
struct Ada;

impl Vault for Ada {
    fn number(&self, _: &Label, _: &str) -> Result<Number, VaultError> {
        Ok(Number::first(1))
    }

    fn original(&self, label: &str, _: Number) -> Option<Arc<str>> {
        (label == "EMAIL").then(|| "ada@example.org".into())
    }
}

#[test]
fn originals_find_their_places_in_a_stream_made_of_a_whole_answer() {
    let long = |name: &str| format!("{} {name}, {name}", "x".repeat(1018));
    let given = |name: &str| json!({"to": long(name)});
    let answers = |name: &str| {
        let call = json!({"id": "call_1", "type": "function", "function": {"name": "mail", "arguments": given(name).to_string()}});
        let called = json!({"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "mail", "arguments": given(name).to_string(), "status": "completed"});
        let part =
            json!({"type": "output_text", "text": long(name), "annotations": [], "logprobs": []});
        let item = json!({"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": [part]});
        [
            (
                Surface::Messages,
                message(
                    json!([{"type": "text", "text": long(name)}, {"type": "tool_use", "id": "t", "name": "mail", "input": given(name)}]),
                    "tool_use",
                ),
            ),
            (
                Surface::Chat,
                completion(
                    json!([{"index": 0, "message": {"role": "assistant", "content": long(name), "tool_calls": [call]}, "finish_reason": "tool_calls"}]),
                ),
            ),
            (Surface::Responses, response(json!([item, called]))),
            (
                Surface::Generate,
                json!({"candidates": [{"content": {"parts": [{"text": long(name)}, {"functionCall": {"name": "mail", "args": given(name)}}]}, "finishReason": "STOP"}]}),
            ),
        ]
    };
    for ((surface, masked), (_, original)) in
        answers("<EMAIL_1>").into_iter().zip(answers("ada@example.org"))
    {
        let stream = to_stream(surface, masked.to_string().as_bytes(), UsageChunk::Omit).unwrap();
        assert!(!String::from_utf8_lossy(&stream).contains("ada@"));
        let mut restored = Vec::new();
        let mut restorer = rehydrate::Stream::new(surface, Arc::new(Ada));
        restorer.push(&stream, &mut restored);
        restorer.finish(&mut restored);
        let mut original = original;
        if surface == Surface::Chat {
            original.as_object_mut().unwrap().remove("usage");
        }
        assert_eq!(parsed(&to_whole(surface, &restored).unwrap()), original);
    }
}
