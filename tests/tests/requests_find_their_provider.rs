//! Which provider a request goes to: by the path's first word, by the model, and a provider of one's
//! own below a path of its own. And which tools are given what was masked.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use prxy_tests::eventually;
use prxy_tests::http::request;
use prxy_tests::provider::{Brackets, Format, Script, Split};
use prxy_tests::reader;
use prxy_tests::samples::{self, Delivery};
use prxy_tests::scene::{Scene, Setting};
use serde_json::{Value, json};

const MAIL: &str = "jane.doe@acme-mail.com";

/// OpenAI and Groq behind one address, a provider of one's own behind the other.
fn scene() -> Scene {
    let mut scene = Scene::empty().unwrap();
    let usual = scene.config(&Setting::default());
    let line = |name: &str| usual.lines().find(|line| line.trim().starts_with(name)).unwrap();
    let groq = line("openai:").replace("openai: {", "groq: { path_prefix: '/openai',");
    let lab = line("anthropic:")
        .replace("anthropic: {", "lab: { api: openai, models: ['lab-*'], path_prefix: '/lab/api',");
    let config = usual.replace(line("openai:"), &[line("openai:"), &groq, &lab].join("\n"));
    scene.launch_on(&config, &[]).unwrap();
    scene.wait_for_routes().unwrap();
    for path in ["/lab/v1/models", "/groq/v1/models"] {
        let ask = || scene.send(request("GET", path, &[], b"")).unwrap();
        eventually!(ask().status == 200, "{path}");
    }
    scene
}

fn chat(model: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": format!("to {MAIL}")}]})
}

#[test]
fn the_model_or_the_first_word_of_the_path_decides() {
    let scene = scene();
    let (ours, theirs) = (&scene.anthropic, &scene.openai);
    for (path, model, provider, arrives) in [
        ("/v1/chat/completions", "gpt-5", theirs, "/v1/chat/completions"),
        ("/v1/chat/completions", "llama-3.3-70b", theirs, "/openai/v1/chat/completions"),
        ("/v1/chat/completions", "meta-llama/llama-4", theirs, "/openai/v1/chat/completions"),
        ("/v1/chat/completions", "lab-7b", ours, "/lab/api/v1/chat/completions"),
        ("/chat/completions", "lab-7b", ours, "/lab/api/v1/chat/completions"),
        ("/lab/v1/chat/completions", "gpt-5", ours, "/lab/api/v1/chat/completions"),
        ("/lab/lab/api/v1/chat/completions", "gpt-5", ours, "/lab/api/v1/chat/completions"),
        ("/groq/openai/v1/chat/completions", "gpt-5", theirs, "/openai/v1/chat/completions"),
        ("/openai/v1/chat/completions", "lab-7b", theirs, "/v1/chat/completions"),
    ] {
        ours.forget();
        theirs.forget();
        let answer = scene.post(path, &chat(model)).unwrap();
        assert_eq!(answer.status, 200, "{path} {model}: {}", answer.text());
        let text = reader::whole(Format::OpenAi, &answer.body).unwrap().text;
        assert_eq!(text, format!("to {MAIL}"), "{path} {model}");
        assert_eq!(ours.requests().len() + theirs.requests().len(), 1, "{path} {model}");
        let seen = provider.last().unwrap();
        assert_eq!(seen.head.first, format!("POST {arrives} HTTP/1.1"), "{path} {model}");
        assert!(!seen.contains(MAIL) && seen.contains("<EMAIL_1>"), "{}", seen.text());
    }
    for (path, model, reason) in [
        ("/nobody/v1/chat/completions", "gpt-5", "unknown-path"),
        ("/lab/v1/messages", "lab-7b", "unknown-path"),
    ] {
        let answer = scene.post(path, &chat(model)).unwrap();
        assert_eq!((answer.status, answer.reason()), (404, Some(reason)), "{path}");
    }
}

#[test]
fn a_provider_of_ones_own_is_covered_like_any_other() {
    let scene = scene();
    let provider = &scene.anthropic;
    for split in Split::all() {
        provider.script(Script::echo(split.clone()));
        let mut body = chat("lab-7b");
        body["stream"] = true.into();
        let answer = scene.post("/v1/chat/completions", &body).unwrap();
        let text = reader::stream(Format::OpenAi, &answer.body).unwrap().text;
        assert_eq!(text, format!("to {MAIL}"), "{split:?}");
    }
    let (_, secret) = &samples::secrets()[2];
    let mut body = chat("lab-7b");
    body["metadata"] = json!({ "note": secret });
    provider.forget();
    let answer = scene.post("/v1/chat/completions", &body).unwrap();
    assert_eq!((answer.status, answer.reason()), (400, Some("blocked-label")));
    assert_eq!(provider.requests().len(), 0);
}

#[test]
fn a_tool_that_is_to_stay_masked_gets_placeholders_and_others_originals() {
    let pipeline = "[{ airgap: {} }, { guardrails: { tools_keep_masked: [fetch_page] } }]".into();
    let scene = Scene::start_with(&Setting { pipeline, ..Setting::default() }).unwrap();
    for format in [Format::Anthropic, Format::OpenAi] {
        for (tool, expected) in [("fetch_page", "<EMAIL_1>"), ("send_mail", MAIL)] {
            for delivery in [Delivery::Whole, Delivery::Streamed] {
                let script = Script::tool(tool, Brackets::Plain, Split::default());
                scene.provider(format).script(script);
                let answer = scene.ask(format, &format!("to {MAIL}"), delivery).unwrap();
                let read = match delivery {
                    Delivery::Whole => reader::whole(format, &answer.body),
                    Delivery::Streamed => reader::stream(format, &answer.body),
                };
                let arguments: Value = serde_json::from_str(&read.unwrap().arguments).unwrap();
                let wanted = json!({"text": format!("to {expected}"), "seen": [expected], "n": 1});
                assert_eq!(arguments, wanted, "{format:?} {tool}");
            }
        }
    }
}
