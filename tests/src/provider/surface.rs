//! Every other wire format beside messages and chat completions, asked and answered by an echo.
//!
//! Sources: <https://platform.openai.com/docs/api-reference/responses-streaming>,
//! <https://ai.google.dev/api/generate-content>, <https://docs.anthropic.com/en/api/messages-count-tokens>,
//! <https://docs.anthropic.com/en/api/retrieving-message-batch-results>.

use serde_json::{Value, json};

use super::script::{Reply, Script, Split};
use super::wire::placeholders;

/// An answer's head and the writes of its body.
pub(super) struct Answer {
    pub(super) content_type: &'static str,
    pub(super) writes: Vec<Vec<u8>>,
}

/// Answers what a path asks for; `None` where no such path is known.
pub(super) fn answer(method: &str, target: &str, body: &[u8], script: &Script) -> Option<Answer> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    // Some providers serve these paths below one of their own.
    let path = PREFIXES.iter().find_map(|prefix| path.strip_prefix(prefix)).unwrap_or(path);
    let request: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let text = last_text(&request);
    let whole = |body: Value| Some(json_answer(&body));
    let said = |text| match &script.reply {
        Reply::Tool(call) => {
            Said::Call(call.name.clone(), json!({"text": text, "seen": placeholders(text)}))
        }
        _ => Said::Text(text),
    };
    match (method, path) {
        ("POST", "/v1/messages/count_tokens") => whole(json!({"input_tokens": 25})),
        ("POST", "/v1/messages/batches") | ("GET", "/v1/messages/batches/msgbatch_1") => {
            whole(batch())
        }
        ("GET", "/v1/messages/batches/msgbatch_1/results") => {
            let line = |id: &str| json!({"custom_id": id, "result": {"type": "succeeded", "message": {"id": "msg_1", "type": "message", "model": "m", "role": "assistant", "content": [{"type": "text", "text": "for <EMAIL_1>"}], "stop_reason": "end_turn", "stop_sequence": null, "usage": {"input_tokens": 1, "output_tokens": 1}}}});
            let lines = format!("{}\n{}\n", line("a"), line("b"));
            Some(Answer {
                content_type: "application/x-jsonl",
                writes: lines.into_bytes().chunks(7).map(<[u8]>::to_vec).collect(),
            })
        }
        // What each of the three APIs lists here; Google's older path is its own.
        ("GET", "/v1/models" | "/v1beta/models") => whole(
            json!({"object": "list", "has_more": false, "first_id": "m", "last_id": "m", "data": [
                {"id": "m", "object": "model", "created": 1, "owned_by": "mock", "type": "model",
                 "display_name": "M", "created_at": "2026-01-01T00:00:00Z"}],
                "models": [{"name": "models/gemini-mock", "version": "1", "displayName": "M"}]}),
        ),
        ("POST", "/v1/embeddings") => {
            // 0.5 and -2.5 as little-endian floats.
            let embedding = match request["encoding_format"].as_str() {
                Some("base64") => json!("AAAAPwAAIMA="),
                _ => json!([0.5, -2.5]),
            };
            whole(json!({"object": "list", "model": "m",
                "data": [{"object": "embedding", "index": 0, "embedding": embedding}],
                "usage": {"prompt_tokens": 1, "total_tokens": 1}}))
        }
        ("POST", path) if path.ends_with(":batchEmbedContents") => {
            whole(json!({"embeddings": [{"values": [0.5, -2.5]}]}))
        }
        ("POST", "/v1/completions") => whole(
            json!({"id": "cmpl_1", "choices": [{"index": 0, "text": text, "finish_reason": "stop"}]}),
        ),
        ("POST", "/v1/responses") if request["stream"] == true => {
            Some(responses(&said(&text), &script.split))
        }
        ("POST", "/v1/responses") => whole(response(&said(&text))),
        ("GET", "/v1/responses/resp_1") => whole(response(&Said::Text("kept for <EMAIL_1>"))),
        ("POST", path) if path.ends_with(":generateContent") => {
            whole(candidate(&said(&text), Some("STOP")))
        }
        ("POST", path) if path.ends_with(":countTokens") => whole(json!({"totalTokens": 7})),
        ("POST", path) if path.ends_with(":streamGenerateContent") => {
            Some(google_stream(&said(&text), query.contains("alt=sse"), &script.split))
        }
        _ => None,
    }
}

/// The last text of a request of any of these formats.
fn last_text(request: &Value) -> String {
    let mut texts = Vec::new();
    for key in ["input", "prompt", "contents", "messages"] {
        collect(&request[key], &mut texts);
    }
    texts.pop().unwrap_or_default()
}

fn collect(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) => texts.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| collect(item, texts)),
        Value::Object(members) => {
            for key in ["content", "parts", "text"] {
                collect(members.get(key).unwrap_or(&Value::Null), texts);
            }
        }
        _ => {}
    }
}

fn json_answer(body: &Value) -> Answer {
    Answer { content_type: "application/json", writes: vec![body.to_string().into_bytes()] }
}

/// A text, or a call of a tool with its arguments.
enum Said<'a> {
    Text(&'a str),
    Call(String, Value),
}

fn batch() -> Value {
    json!({"id": "msgbatch_1", "type": "message_batch", "processing_status": "ended",
        "request_counts": {"processing": 0, "succeeded": 2, "errored": 0, "canceled": 0, "expired": 0},
        "created_at": "2026-01-01T00:00:00Z", "expires_at": "2026-01-02T00:00:00Z",
        "ended_at": "2026-01-01T00:01:00Z", "archived_at": null, "cancel_initiated_at": null,
        "results_url": "https://api.anthropic.com/v1/messages/batches/msgbatch_1/results"})
}

fn response(said: &Said<'_>) -> Value {
    let summary = match said {
        Said::Text(text) => *text,
        Said::Call(..) => "",
    };
    let mut response = begun("completed");
    response["output"] = json!([reasoning(summary), item(said, "completed")]);
    response["usage"] = json!({"input_tokens": 1, "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 1, "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 2});
    response
}

fn begun(status: &str) -> Value {
    json!({"id": "resp_1", "object": "response", "created_at": 1, "status": status, "model": "m",
        "error": null, "incomplete_details": null, "instructions": null, "metadata": {},
        "parallel_tool_calls": true, "temperature": 1.0, "tool_choice": "auto", "tools": [],
        "top_p": 1.0, "previous_response_id": null, "output": []})
}

fn reasoning(summary: &str) -> Value {
    json!({"type": "reasoning", "id": "rs_1", "encrypted_content": "<EMAIL_1>",
        "summary": [{"type": "summary_text", "text": summary}]})
}

fn item(said: &Said<'_>, status: &str) -> Value {
    match said {
        Said::Text(text) => {
            json!({"type": "message", "id": "msg_1", "role": "assistant", "status": status,
                "content": [part(text)]})
        }
        Said::Call(name, arguments) => {
            json!({"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": name,
                "arguments": arguments.to_string(), "status": status})
        }
    }
}

fn part(text: &str) -> Value {
    json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []})
}

fn responses(said: &Said<'_>, split: &Split) -> Answer {
    let event = |kind: &str, at: Value, more: Value| {
        let mut event = at;
        event["type"] = format!("response.{kind}").into();
        for (key, value) in more.as_object().into_iter().flatten() {
            event[key] = value.clone();
        }
        event
    };
    let summary = if let Said::Text(text) = said { text } else { "" };
    let output = |index: u8| json!({ "output_index": index });
    let mut data = vec![
        event("created", json!({}), json!({"response": begun("in_progress")})),
        event("in_progress", json!({}), json!({"response": begun("in_progress")})),
        event("output_item.added", output(0), json!({"item": reasoning("")})),
        event("output_item.done", output(0), json!({"item": reasoning(summary)})),
    ];
    match said {
        Said::Text(text) => {
            let at = json!({"item_id": "msg_1", "output_index": 1, "content_index": 0});
            let mut empty = item(&Said::Text(""), "in_progress");
            empty["content"] = json!([]);
            data.push(event("output_item.added", output(1), json!({"item": empty})));
            data.push(event("content_part.added", at.clone(), json!({"part": part("")})));
            for delta in split.deltas(text) {
                let delta = json!({"delta": delta, "logprobs": []});
                data.push(event("output_text.delta", at.clone(), delta));
            }
            let done = json!({"text": text, "logprobs": []});
            data.push(event("output_text.done", at.clone(), done));
            data.push(event("content_part.done", at, json!({"part": part(text)})));
        }
        Said::Call(name, arguments) => {
            let at = json!({"item_id": "fc_1", "output_index": 1});
            let arguments = arguments.to_string();
            let mut empty = item(said, "in_progress");
            empty["arguments"] = "".into();
            data.push(event("output_item.added", output(1), json!({"item": empty})));
            for delta in split.deltas(&arguments) {
                let delta = json!({ "delta": delta });
                data.push(event("function_call_arguments.delta", at.clone(), delta));
            }
            let done = json!({"name": name, "arguments": arguments});
            data.push(event("function_call_arguments.done", at, done));
        }
    }
    let whole = json!({"item": item(said, "completed")});
    data.push(event("output_item.done", output(1), whole));
    data.push(event("completed", json!({}), json!({"response": response(said)})));
    let numbered = data.into_iter().enumerate().map(|(number, mut event)| {
        event["sequence_number"] = number.into();
        event
    });
    let events: Vec<String> = numbered
        .map(|event| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or("")))
        .collect();
    Answer {
        content_type: "text/event-stream",
        writes: events.into_iter().map(String::into_bytes).collect(),
    }
}

fn candidate(said: &Said<'_>, finish: Option<&str>) -> Value {
    let part = match said {
        Said::Text(text) => json!({ "text": text }),
        Said::Call(name, args) => json!({"functionCall": {"name": name, "args": args}}),
    };
    let mut candidate = json!({"content": {"parts": [part], "role": "model"}, "index": 0});
    if let Some(finish) = finish {
        candidate["finishReason"] = finish.into();
    }
    json!({"candidates": [candidate], "modelVersion": "gemini-mock", "responseId": "r1",
        "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}})
}

fn google_stream(said: &Said<'_>, events: bool, split: &Split) -> Answer {
    // The arguments of a call come in one piece.
    let pieces: Vec<Said<'_>> = match said {
        Said::Text(text) => split.deltas(text).into_iter().map(Said::Text).collect(),
        Said::Call(name, args) => vec![Said::Call(name.clone(), args.clone())],
    };
    let last = pieces.len().saturating_sub(1);
    let chunks =
        pieces.iter().enumerate().map(|(n, piece)| candidate(piece, (n == last).then_some("STOP")));
    let writes: Vec<Vec<u8>> = if events {
        chunks.map(|chunk| format!("data: {chunk}\r\n\r\n").into_bytes()).collect()
    } else {
        let lead = |n: usize| if n == 0 { "[" } else { ",\r\n" };
        let body = chunks.enumerate().map(|(n, chunk)| format!("{}{chunk}", lead(n)).into_bytes());
        body.chain([b"]".to_vec()]).collect()
    };
    let content_type = if events { "text/event-stream" } else { "application/json; charset=UTF-8" };
    Answer { content_type, writes }
}

/// Groq's, and a custom provider's.
pub(super) const PREFIXES: [&str; 2] = ["/openai", "/lab/api"];
