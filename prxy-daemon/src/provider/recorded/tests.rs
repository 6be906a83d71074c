use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

mod streams;
mod wholes;

/// What is asked of an answer: its end, its usage and its text.
type Said = (Option<Finish>, Option<Usage>, Option<String>);

fn said(surface: Surface, form: Form, body: &[u8]) -> Said {
    (finish(surface, form, body), usage(surface, form, body), text(surface, form, body))
}

fn used(input: u64, output: u64, cache_read: u64, cache_write: u64) -> Option<Usage> {
    Some(Usage { input, output, cache_read, cache_write, cache_write_hour: 0 })
}

fn parsed(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap()
}

/// The data of a stream, and the names of its events.
fn events(stream: &[u8]) -> Vec<(String, Value)> {
    let stream = std::str::from_utf8(stream).unwrap();
    let event = |event: &str| {
        let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
        let data = field("data: ").unwrap();
        let data = serde_json::from_str(data).unwrap_or_else(|_| json!(data));
        (field("event: ").unwrap_or_default().to_owned(), data)
    };
    stream.replace("\r\n", "\n").split_terminator("\n\n").map(event).collect()
}

/// One answer of each surface that can be converted.
fn samples() -> Vec<(Surface, Value)> {
    let choice = json!({"index": 0, "message": {"role": "assistant", "content": "é", "tool_calls": [
        {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        "logprobs": {"content": [{"token": "é", "logprob": -0.5}]}, "finish_reason": "tool_calls"});
    let text = json!({"index": 0, "text": "é", "logprobs": null, "finish_reason": "stop"});
    vec![
        (
            Surface::Messages,
            json!({"type": "message", "content": [{"type": "thinking", "thinking": "é", "signature": "s"},
                {"type": "text", "text": "x", "citations": [{"a": 1}]},
                {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}}],
                "stop_reason": "tool_use", "usage": {"input_tokens": 1, "output_tokens": 2}}),
        ),
        (
            Surface::Chat,
            json!({"object": "chat.completion", "choices": [choice], "usage": {"prompt_tokens": 1}}),
        ),
        (Surface::Completions, json!({"choices": [text], "usage": {"prompt_tokens": 1}})),
        (
            Surface::Responses,
            json!({"object": "response", "status": "completed", "output": [
                {"type": "message", "id": "m", "content": [{"type": "output_text", "text": "é", "annotations": [{}]}]},
                {"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": "x"}]},
                {"type": "function_call", "id": "f", "arguments": "{}", "status": "completed"}]}),
        ),
        (
            Surface::Generate,
            json!({"candidates": [{"content": {"parts": [{"text": "é"}]}, "finishReason": "STOP"}],
                "usageMetadata": {"promptTokenCount": 1}}),
        ),
    ]
}

proptest! {
    /// Providers may send anything.
    #[test]
    fn no_answer_does_any_harm(
        which in 0..5usize,
        at in any::<prop::sample::Index>(),
        gone in 0..40usize,
        put in prop::sample::select(vec!["", "null", "[]", "{}", "\"x\"", "1", ",", "\"", "\n\n", "0e9"]),
    ) {
        let (surface, whole) = samples().swap_remove(which);
        let body = whole.to_string();
        let stream = to_stream(surface, body.as_bytes(), UsageChunk::Omit).unwrap();
        prop_assert!(finish(surface, Form::Stream, &stream).is_some());
        for (form, body) in [(Form::Whole, body.into_bytes()), (Form::Stream, stream)] {
            let start = at.index(body.len());
            let end = (start + gone).min(body.len());
            let changed = [&body[..start], put.as_bytes(), &body[end..]].concat();
            let _ = said(surface, form, &changed);
            let _ = written(surface, form, &changed);
            let _ = to_stream(surface, &changed, UsageChunk::Give);
            let _ = to_whole(surface, &changed);
            let _ = to_array(surface, form, &changed);
            // What was cut off is never taken for whole.
            if form == Form::Stream && surface != Surface::Generate {
                prop_assert_eq!(to_whole(surface, &body[..start]), None);
            }
        }
    }
}
