//! Whatever is asked of a provider, on whichever path: no personal data reaches it, and what comes
//! back is whole again, streamed or not.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use prxy_tests::http::{Answer, request};
use prxy_tests::provider::{Format, Recorded, Script, Split};
use prxy_tests::scene::{Scene, Setting};
use serde_json::{Value, json};

const MAIL: &str = "jane.doe@acme-mail.com";
const TEXT: &str = "a < b, then mail jane.doe@acme-mail.com!";

fn send(scene: &Scene, method: &str, path: &str, body: &str) -> Answer {
    let headers: &[(&str, &str)] = match body {
        "" => &[("authorization", "Bearer clients")],
        _ => &[("content-type", "application/json"), ("authorization", "Bearer clients")],
    };
    scene.send(request(method, path, headers, body.as_bytes())).unwrap()
}

/// Posts, and makes sure of what the provider got.
#[track_caller]
fn post(scene: &Scene, format: Format, path: &str, body: &Value) -> (String, Recorded) {
    let answer = send(scene, "POST", path, &body.to_string());
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    let seen = scene.provider(format).last().unwrap();
    assert!(!seen.contains(MAIL), "{path}: it reached the provider");
    assert!(seen.text().contains("<EMAIL_1>"), "{path}: {}", seen.text());
    (answer.text(), seen)
}

#[test]
fn anthropics_counts_and_batches_are_masked_and_results_restored() {
    let scene = Scene::start().unwrap();
    let message = json!({"model": "claude", "max_tokens": 9, "system": format!("<system-reminder>\n{MAIL}"),
        "messages": [{"role": "user", "content": TEXT}]});
    post(&scene, Format::Anthropic, "/v1/messages/count_tokens?beta=true", &message);
    let batch = json!({"requests": [{"custom_id": "a", "params": message}]});
    post(&scene, Format::Anthropic, "/anthropic/v1/messages/batches", &batch);
    let results = send(&scene, "GET", "/anthropic/v1/messages/batches/msgbatch_1/results", "");
    let lines: Vec<Value> =
        results.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    for line in lines {
        assert_eq!(line["result"]["message"]["content"][0]["text"], format!("for {MAIL}"));
    }
}

#[test]
fn responses_come_back_in_every_event() {
    let scene = Scene::start().unwrap();
    for split in Split::all() {
        scene.provider(Format::OpenAi).script(Script::echo(split.clone()));
        let body = json!({"model": "m", "stream": true, "instructions": TEXT, "previous_response_id": "resp_0",
            "input": [{"role": "user", "content": [{"type": "input_text", "text": TEXT}]}]});
        let (stream, _) = post(&scene, Format::OpenAi, "/v1/responses", &body);
        let (mut deltas, mut wholes) = (String::new(), Vec::new());
        for data in stream.lines().filter_map(|line| line.strip_prefix("data: ")) {
            let event: Value = serde_json::from_str(data).unwrap();
            deltas += event["delta"].as_str().unwrap_or_default();
            wholes.extend(event["text"].as_str().map(str::to_owned));
            let item = event["item"]["content"][0]["text"].as_str();
            let last = event["response"]["output"][1]["content"][0]["text"].as_str();
            wholes.extend(item.or(last).map(str::to_owned));
        }
        assert_eq!(deltas, TEXT, "{split:?}");
        assert_eq!(wholes, [TEXT; 3], "{split:?}");
    }
    let body = json!({"model": "m", "input": TEXT});
    let (whole, _) = post(&scene, Format::OpenAi, "/openai/v1/responses", &body);
    let whole: Value = serde_json::from_str(&whole).unwrap();
    assert_eq!(whole["output"][0]["summary"][0]["text"], TEXT);
    assert_eq!(whole["output"][0]["encrypted_content"], "<EMAIL_1>");
    let kept = send(&scene, "GET", "/v1/responses/resp_1", "").json().unwrap();
    assert_eq!(kept["output"][1]["content"][0]["text"], format!("kept for {MAIL}"));
}

#[test]
fn completions_and_embeddings_are_masked() {
    let scene = Scene::start().unwrap();
    let body = json!({"model": "m", "prompt": TEXT});
    let (answer, _) = post(&scene, Format::OpenAi, "/v1/completions", &body);
    assert_eq!(serde_json::from_str::<Value>(&answer).unwrap()["choices"][0]["text"], TEXT);
    post(&scene, Format::OpenAi, "/v1/embeddings", &json!({"model": "m", "input": [TEXT]}));
    let before = scene.provider(Format::OpenAi).requests().len();
    let numbers = send(&scene, "POST", "/v1/embeddings", r#"{"model":"m","input":[1,2]}"#);
    assert_eq!((numbers.status, numbers.reason()), (400, Some("attachment-blocked")));
    assert_eq!(scene.provider(Format::OpenAi).requests().len(), before);
    assert_eq!(send(&scene, "GET", "/openai/v1/models", "").status, 200);
    let path = format!("/v1/models/{MAIL}");
    let odd = send(&scene, "GET", &path, "");
    assert_eq!((odd.status, odd.reason()), (404, Some("unknown-path")));
    assert!(!odd.text().contains(MAIL), "{}", odd.text());
}

#[test]
fn googles_contents_come_back_as_events_and_as_an_array_and_a_key_stays_out_of_urls() {
    let mut scene = Scene::empty().unwrap();
    let config = scene.config(&Setting::default());
    let config: Vec<String> = config
        .lines()
        .filter(|line| !line.starts_with("  anthropic:"))
        .map(|line| line.replace("  openai:", "  google:"))
        .collect();
    scene.launch_on(&(config.join("\n") + "\n"), &[]).unwrap();
    let path = |verb: &str| format!("/v1beta/models/gemini-2.5-flash:{verb}");
    let body = json!({"systemInstruction": {"parts": [{"text": MAIL}]},
        "contents": [{"role": "user", "parts": [{"text": TEXT}]}]});
    let count = || send(&scene, "POST", &path("countTokens"), &body.to_string());
    prxy_tests::eventually!(count().status == 200, "no route");
    let said = |chunk: &Value| -> String {
        let part = &chunk["candidates"][0]["content"]["parts"][0]["text"];
        part.as_str().unwrap_or_default().to_owned()
    };
    let (whole, seen) =
        post(&scene, Format::OpenAi, &path("generateContent?key=AIza-clients"), &body);
    assert_eq!(said(&serde_json::from_str(&whole).unwrap()), TEXT);
    assert!(!seen.head.first.contains("AIza"), "{}", seen.head.first);
    assert_eq!(seen.head.header("x-goog-api-key"), Some("AIza-clients"));
    for split in Split::all() {
        scene.provider(Format::OpenAi).script(Script::echo(split.clone()));
        let (events, _) =
            post(&scene, Format::OpenAi, &path("streamGenerateContent?alt=sse"), &body);
        let data = events.lines().filter_map(|line| line.strip_prefix("data: "));
        let text: String = data.map(|data| said(&serde_json::from_str(data).unwrap())).collect();
        assert_eq!(text, TEXT, "{split:?}");
        let (array, _) = post(&scene, Format::OpenAi, &path("streamGenerateContent"), &body);
        let chunks: Vec<Value> = serde_json::from_str(&array).unwrap();
        assert_eq!(chunks.iter().map(said).collect::<String>(), TEXT, "{split:?}");
    }
    let log = scene.daemon().unwrap().log();
    assert!(!log.iter().any(|line| line.contains("AIza-clients")), "the key stands in the log");
}
