//! Every other wire format beside messages and chat completions, asked and answered by an echo.
//!
//! Sources: <https://platform.openai.com/docs/api-reference/responses-streaming>,
//! <https://ai.google.dev/api/generate-content>, <https://docs.anthropic.com/en/api/messages-count-tokens>,
//! <https://docs.anthropic.com/en/api/retrieving-message-batch-results>.

use serde_json::{Value, json};

use super::script::{Script, Split};

/// An answer's head and the writes of its body.
pub(super) struct Answer {
    pub(super) content_type: &'static str,
    pub(super) writes: Vec<Vec<u8>>,
}

/// Answers what a path asks for; `None` where no such path is known.
pub(super) fn answer(method: &str, target: &str, body: &[u8], script: &Script) -> Option<Answer> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let request: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let text = last_text(&request);
    let whole = |body: Value| Some(json_answer(&body));
    match (method, path) {
        ("POST", "/v1/messages/count_tokens") => whole(json!({"input_tokens": 25})),
        ("POST", "/v1/messages/batches") => whole(
            json!({"id": "msgbatch_1", "type": "message_batch", "processing_status": "in_progress"}),
        ),
        ("GET", "/v1/messages/batches/msgbatch_1/results") => {
            let line = |id: &str| json!({"custom_id": id, "result": {"type": "succeeded", "message": {"role": "assistant", "content": [{"type": "text", "text": "for <EMAIL_1>"}]}}});
            let lines = format!("{}\n{}\n", line("a"), line("b"));
            Some(Answer {
                content_type: "application/x-jsonl",
                writes: lines.into_bytes().chunks(7).map(<[u8]>::to_vec).collect(),
            })
        }
        ("GET", "/v1/models") => {
            whole(json!({"object": "list", "data": [{"id": "m", "object": "model"}]}))
        }
        ("POST", "/v1/embeddings") => whole(
            json!({"object": "list", "model": "m", "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}]}),
        ),
        ("POST", "/v1/completions") => whole(
            json!({"id": "cmpl_1", "choices": [{"index": 0, "text": text, "finish_reason": "stop"}]}),
        ),
        ("POST", "/v1/responses") if request["stream"] == true => {
            Some(responses(&text, &script.split))
        }
        ("POST", "/v1/responses") => whole(response(&text)),
        ("GET", "/v1/responses/resp_1") => whole(response("kept for <EMAIL_1>")),
        ("POST", path) if path.ends_with(":generateContent") => {
            whole(candidate(&text, Some("STOP")))
        }
        ("POST", path) if path.ends_with(":countTokens") => whole(json!({"totalTokens": 7})),
        ("POST", path) if path.ends_with(":streamGenerateContent") => {
            Some(google_stream(&text, query.contains("alt=sse"), &script.split))
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

fn response(text: &str) -> Value {
    json!({"id": "resp_1", "object": "response", "status": "completed", "model": "m", "error": null,
        "output": [{"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": text}], "encrypted_content": "<EMAIL_1>"},
            item(text)]})
}

fn item(text: &str) -> Value {
    json!({"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
        "content": [{"type": "output_text", "text": text, "annotations": [], "logprobs": []}]})
}

fn responses(text: &str, split: &Split) -> Answer {
    let at = json!({"item_id": "msg_1", "output_index": 1, "content_index": 0});
    let with = |kind: &str, more: Value| {
        let mut event = at.clone();
        event["type"] = kind.into();
        for (key, value) in more.as_object().into_iter().flatten() {
            event[key] = value.clone();
        }
        event
    };
    let mut data =
        vec![json!({"type": "response.created", "response": {"id": "resp_1", "output": []}})];
    data.extend(
        split.deltas(text).into_iter().map(|delta| {
            with("response.output_text.delta", json!({"delta": delta, "logprobs": []}))
        }),
    );
    data.push(with("response.output_text.done", json!({"text": text})));
    data.push(with("response.output_item.done", json!({"item": item(text)})));
    data.push(json!({"type": "response.completed", "response": response(text)}));
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

fn candidate(text: &str, finish: Option<&str>) -> Value {
    let mut candidate =
        json!({"content": {"parts": [{"text": text}], "role": "model"}, "index": 0});
    if let Some(finish) = finish {
        candidate["finishReason"] = finish.into();
    }
    json!({"candidates": [candidate], "modelVersion": "gemini-mock", "responseId": "r1"})
}

fn google_stream(text: &str, events: bool, split: &Split) -> Answer {
    let deltas = split.deltas(text);
    let last = deltas.len().saturating_sub(1);
    let chunks =
        deltas.iter().enumerate().map(|(n, delta)| candidate(delta, (n == last).then_some("STOP")));
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
