//! What is spent stays below its limits: by what providers report, over restarts, for every form of
//! answer and in every API's own words.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use prxy_tests::eventually;
use prxy_tests::http::{self, Answer};
use prxy_tests::provider::script::Ending;
use prxy_tests::provider::{Exchange, Format, Reply, Script};
use prxy_tests::samples::{self, Delivery};
use prxy_tests::scene::{Scene, Setting};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// A tenth of a cent for every token: an answer of the mock, 25 tokens and 15, costs four cents.
const PRICES: &str = "prices: { '*': { input: 1000, output: 1000 } }";
const ANSWER: f64 = 0.04;

fn setting(limits: &str) -> Setting {
    let guard = format!("{{ cost-guard: {{ {limits}, {PRICES}, assumeOutput: 1000 }} }}");
    let pipeline = format!("[{{ airgap: {{}} }}, {{ guardrails: {{}} }}, {guard}]");
    Setting { pipeline, ..Setting::default() }
}

fn ask(scene: &Scene, format: Format, most: u64, delivery: Delivery) -> Answer {
    let mut body = samples::ask(format, "hello", delivery);
    match format {
        Format::Anthropic => body["max_tokens"] = json!(most),
        Format::OpenAi => body["max_completion_tokens"] = json!(most),
    }
    if format == Format::OpenAi && delivery == Delivery::Streamed {
        body["stream_options"] = json!({"include_usage": true});
    }
    scene.post(samples::path(format), &body).unwrap()
}

/// What is spent, as a refusal tells it: nobody may write so much.
fn spent(scene: &Scene) -> f64 {
    let refused = ask(scene, Format::Anthropic, 1_000_000_000, Delivery::Whole);
    assert_eq!(refused.status, 429, "{}", refused.text());
    let text = refused.text();
    let (before, _) = text.split_once(" spent").unwrap();
    before.rsplit_once('$').unwrap().1.parse().unwrap()
}

#[track_caller]
fn same(one: f64, other: f64) {
    assert!((one - other).abs() < 1e-9, "{one} {other}");
}

#[test]
fn every_form_of_answer_is_counted_and_a_restart_forgets_nothing() {
    let setting = setting("perDay: 100");
    let mut scene = Scene::start_with(&setting).unwrap();
    // The two that found the routes; those that found none cost nothing.
    let mut expected = 2.0 * ANSWER;
    same(spent(&scene), expected);
    for format in [Format::Anthropic, Format::OpenAi] {
        for delivery in [Delivery::Whole, Delivery::Streamed] {
            let answer = ask(&scene, format, 100, delivery);
            assert_eq!(answer.status, 200, "{}", answer.text());
            expected += ANSWER;
            eventually!((spent(&scene) - expected).abs() < 1e-9, "{format:?} {delivery:?}");
        }
    }
    for signal in [nix::sys::signal::Signal::SIGTERM, nix::sys::signal::Signal::SIGKILL] {
        let pid = nix::unistd::Pid::from_raw(scene.daemon().unwrap().pid());
        nix::sys::signal::kill(pid, signal).unwrap();
        scene.end().unwrap();
        scene.launch(&setting).unwrap();
        scene.wait_for_routes().unwrap();
        expected += 2.0 * ANSWER;
        same(spent(&scene), expected);
    }
}

#[test]
fn a_restart_forgets_nothing_where_the_vault_does() {
    for scope in ["request", "memory"] {
        let extra = format!("vault: {{ scope: {scope} }}");
        let setting = Setting { extra, ..setting("perDay: 100") };
        let mut scene = Scene::start_with(&setting).unwrap();
        let before = spent(&scene);
        assert!(before > 0.0);
        scene.stop().unwrap();
        scene.launch(&setting).unwrap();
        scene.wait_for_routes().unwrap();
        same(spent(&scene), before + 2.0 * ANSWER);
    }
}

#[test]
fn a_limit_is_reached_and_never_gone_over() {
    let limit = 2.5;
    let scene = Scene::start_with(&setting(&format!("perMonth: 100, perDay: {limit}"))).unwrap();
    for format in [Format::Anthropic, Format::OpenAi] {
        let mut answered = 0;
        let refused = loop {
            let answer = ask(&scene, format, 500, Delivery::Whole);
            if answer.status != 200 {
                break answer;
            }
            answered += 1;
            assert!(answered < 100, "no limit holds");
        };
        assert!(answered > 3 || format == Format::OpenAi, "{answered}");
        let provider = scene.provider(format);
        let before = provider.requests().len();
        assert_eq!((refused.status, refused.reason()), (429, Some("cost-limit-per-day")));
        assert_eq!(refused.head.header("x-should-retry"), Some("false"));
        let wait: u64 = refused.head.header("retry-after").unwrap().parse().unwrap();
        assert!(wait <= 24 * 3600, "{wait}");
        let body: Value = refused.json().unwrap();
        let message = body["error"]["message"].as_str().unwrap();
        assert!(
            message.contains("the day ends at 2") && message.contains("T00:00:00Z"),
            "{message}"
        );
        match format {
            Format::Anthropic => assert_eq!(body["error"]["type"], "rate_limit_error"),
            Format::OpenAi => {
                assert_eq!(body["error"]["type"], "insufficient_quota");
                assert_eq!(body["error"]["code"], "cost-limit-per-day");
            }
        }
        assert_eq!(provider.requests().len(), before, "it was sent");
        assert!(spent(&scene) <= limit);
        // What costs nothing is never refused.
        let count = scene.post(
            "/v1/messages/count_tokens",
            &samples::ask(Format::Anthropic, "hello", Delivery::Whole),
        );
        assert_eq!(count.unwrap().status, 200);
    }
}

#[test]
fn a_request_that_may_cost_too_much_is_refused_and_no_client_can_leave_the_guard_out() {
    let scene = Scene::start_with(&setting("perRequest: 5")).unwrap();
    assert_eq!(ask(&scene, Format::Anthropic, 1000, Delivery::Whole).status, 200);
    let refused = ask(&scene, Format::Anthropic, 6000, Delivery::Whole);
    assert_eq!((refused.status, refused.reason()), (400, Some("cost-limit-per-request")));
    let mut body = samples::ask(Format::Anthropic, "hello", Delivery::Whole);
    body["max_tokens"] = json!(6000);
    for pipe in ["", "cost-guard", "guardrails"] {
        let headers = [("content-type", "application/json"), ("x-prxy-pipe", pipe)];
        let bytes = http::request("POST", "/v1/messages", &headers, body.to_string().as_bytes());
        let refused = scene.send(bytes).unwrap();
        assert_eq!(refused.reason(), Some("cost-limit-per-request"), "{pipe}");
    }
}

#[test]
fn what_breaks_off_counts_as_much_as_is_known_of_it() {
    let scene = Scene::start_with(&setting("perDay: 100")).unwrap();
    let mut before = spent(&scene);
    // The stream has told what it has read: 25 tokens, and one that it wrote.
    scene.anthropic.script(Script { ending: Ending::CutAfter(600), ..Script::default() });
    let body = samples::ask(Format::Anthropic, "hello", Delivery::Streamed);
    assert!(scene.post("/v1/messages", &body).is_err(), "it did not break off");
    eventually!((spent(&scene) - before - 0.026).abs() < 0.011, "{}", spent(&scene) - before);
    before = spent(&scene);
    // A failure costs nothing.
    scene.anthropic.script(Script::reply(Reply::Status(529, "{}".into())));
    assert_eq!(ask(&scene, Format::Anthropic, 1000, Delivery::Whole).status, 529);
    eventually!((spent(&scene) - before).abs() < 1e-9, "{}", spent(&scene) - before);
    // A client that goes before there is an answer may have made the provider write all of it.
    scene.anthropic.forget();
    scene.anthropic.script(Script::reply(Reply::Silence));
    let mut body = samples::ask(Format::Anthropic, "hello", Delivery::Whole);
    body["max_tokens"] = json!(1000);
    let bytes = samples::post("/v1/messages", &body);
    let address = scene.daemon().unwrap().address;
    let stream = scene.app().block_on(async move {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
        stream
    });
    eventually!(!scene.anthropic.requests().is_empty(), "it was not sent");
    drop(stream);
    let state = || scene.anthropic.last().unwrap().state;
    eventually!(state() == Exchange::Cancelled, "it is still waited for");
    assert!(spent(&scene) - before > 1.0, "{}", spent(&scene) - before);
}

#[test]
fn a_model_without_a_price_is_refused() {
    let guard = "[{ airgap: {} }, { guardrails: {} }, { cost-guard: { perDay: 100 } }]";
    let setting = Setting { pipeline: guard.into(), ..Setting::default() };
    let scene = Scene::start_with(&setting).unwrap();
    let mut body = samples::ask(Format::Anthropic, "hello", Delivery::Whole);
    body["model"] = json!("claude-of-tomorrow");
    let refused = scene.post("/v1/messages", &body).unwrap();
    assert_eq!((refused.status, refused.reason()), (400, Some("cost-unpriced")));
    assert_eq!(scene.anthropic.requests().len(), 0);
}
