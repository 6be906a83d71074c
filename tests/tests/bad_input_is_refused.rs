//! What cannot be proven clean is refused with a stable reason in the provider's own error shape,
//! and nothing is sent.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use prxy_tests::http::{Answer, request};
use prxy_tests::provider::{Format, Reply, Script};
use prxy_tests::samples::{self, Delivery, secrets};
use prxy_tests::scene::Scene;
use serde_json::json;

const FORMATS: [Format; 2] = [Format::Anthropic, Format::OpenAi];

#[track_caller]
fn assert_refused(scene: &Scene, format: Format, answer: &Answer, what: &str) {
    let reason = answer.reason().unwrap_or_default();
    assert!((400..500).contains(&answer.status), "{what}: {} {}", answer.status, answer.text());
    let kebab = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    assert!(!reason.is_empty() && reason.chars().all(kebab), "{what}: reason {reason:?}");
    let error = answer.json().unwrap();
    assert!(error["error"]["message"].is_string(), "{what}: {error}");
    if format == Format::Anthropic {
        assert_eq!(error["type"], "error", "{what}: {error}");
    }
    assert!(scene.anthropic.requests().is_empty(), "{what}: something was sent");
    assert!(scene.openai.requests().is_empty(), "{what}: something was sent");
}

#[test]
fn secrets_block_wherever_they_stand() {
    let scene = Scene::start().unwrap();
    for format in FORMATS {
        for (kind, secret) in secrets() {
            let text = format!("use {secret} for the deployment");
            for (place, body) in samples::everywhere(format, &text) {
                let answer = scene.post(samples::path(format), &body).unwrap();
                assert_refused(&scene, format, &answer, &format!("{kind} in {place}"));
                assert!(!answer.text().contains(&secret), "{kind}: the error repeats the secret");
            }
        }
    }
    let log = scene.daemon().unwrap().log().join("\n");
    for (kind, secret) in secrets() {
        assert!(!log.contains(&secret), "{kind} is in the log");
    }
}

#[test]
fn bodies_that_are_not_what_they_say_are_refused() {
    let scene = Scene::start().unwrap();
    let json = ("content-type", "application/json");
    for format in FORMATS {
        let path = samples::path(format);
        let good = samples::ask(format, "jane@x-mail.com", Delivery::Whole).to_string();
        let cases: Vec<(&str, Vec<u8>)> = vec![
            ("not JSON", request("POST", path, &[json], b"hello jane@x-mail.com")),
            ("empty", request("POST", path, &[json], b"")),
            ("cut JSON", request("POST", path, &[json], &good.as_bytes()[..good.len() - 1])),
            ("trailing text", request("POST", path, &[json], format!("{good} x").as_bytes())),
            ("bad UTF-8", request("POST", path, &[json], b"{\"messages\":\"\xff\"}")),
            ("brotli", request("POST", path, &[json, ("content-encoding", "br")], good.as_bytes())),
            (
                "gzip that is none",
                request("POST", path, &[json, ("content-encoding", "gzip")], good.as_bytes()),
            ),
        ];
        for (what, bytes) in cases {
            let answer = scene.send(bytes).unwrap();
            assert_refused(&scene, format, &answer, what);
        }
    }
}

#[test]
fn unknown_paths_and_methods_are_refused() {
    let scene = Scene::start().unwrap();
    let body = samples::ask(Format::OpenAi, "hello", Delivery::Whole).to_string();
    for (method, path) in [
        ("POST", "/v1/files"),
        ("POST", "/openai/v1/files"),
        ("POST", "/anthropic/v1/files"),
        ("POST", "/v1/batches"),
        ("POST", "/nobody/v1/messages"),
        ("POST", "/v1/messages/../files"),
        ("POST", "/anthropic/v1/messages/%2e%2e/files"),
        ("POST", "//v1/messages"),
        ("DELETE", "/v1/messages"),
        ("PUT", "/v1/chat/completions"),
        ("POST", "/"),
    ] {
        let answer = scene.send(request(method, path, &[], body.as_bytes())).unwrap();
        assert_refused(&scene, Format::OpenAi, &answer, &format!("{method} {path}"));
    }
}

#[test]
fn a_body_over_the_limit_is_refused_before_it_is_read() {
    let scene = Scene::start().unwrap();
    let head = format!(
        "POST /v1/messages HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        (64 << 20) + 1
    );
    let answer = scene.send(head.into_bytes()).unwrap();
    assert_eq!(answer.status, 413, "{}", answer.text());
    assert!(answer.reason().is_some());
    assert!(scene.anthropic.requests().is_empty());
}

#[test]
fn a_hit_where_nothing_may_be_changed_is_refused() {
    let scene = Scene::start().unwrap();
    let mail = "jane.doe@acme-mail.com";
    let mut key = samples::ask(Format::Anthropic, "hello", Delivery::Whole);
    key[mail] = json!(1);
    let mut model = samples::ask(Format::Anthropic, "hello", Delivery::Whole);
    model["model"] = json!(mail);
    let mut thinking = samples::ask(Format::Anthropic, "hello", Delivery::Whole);
    thinking["messages"] = json!([{"role": "user", "content": "a"},
        {"role": "assistant", "content":
            [{"type": "thinking", "thinking": format!("ask {mail}"), "signature": "c2ln"}]},
        {"role": "user", "content": "b"}]);
    for (what, body) in [("key", key), ("model", model), ("signed thinking", thinking)] {
        let answer = scene.post("/v1/messages", &body).unwrap();
        assert_refused(&scene, Format::Anthropic, &answer, what);
        assert!(!answer.text().contains(mail), "{what}: {}", answer.text());
    }
}

#[test]
fn an_unknown_field_passes_when_it_is_clean_and_never_with_a_hit() {
    let scene = Scene::start().unwrap();
    let mut body = samples::ask(Format::Anthropic, "hello", Delivery::Whole);
    body["tomorrow"] = json!({"new": ["field", 1]});
    body["messages"][0]["content"] = json!([{"type": "text", "text": "a"},
        {"type": "hologram", "data": "clean"}]);
    let answer = scene.post("/v1/messages", &body).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    body["tomorrow"] = json!({"new": "jane.doe@acme-mail.com"});
    let answer = scene.post("/v1/messages", &body).unwrap();
    let seen = scene.anthropic.requests();
    assert!(seen.iter().all(|r| !r.contains("jane.doe@acme-mail.com")), "{}", answer.text());
}

#[test]
fn a_provider_that_fails_gives_502_and_a_redirect_is_not_followed() {
    let scene = Scene::start().unwrap();
    for format in FORMATS {
        let provider = scene.provider(format);
        provider.script(Script::reply(Reply::Raw(b"SSH-2.0-no\r\n\r\n".to_vec())));
        let answer = scene.ask(format, "hello", Delivery::Whole).unwrap();
        assert_eq!(answer.status, 502, "{}", answer.text());
        assert!(answer.reason().is_some());
        provider.script(Script::reply(Reply::Redirect("https://evil.example/".into())));
        provider.forget();
        let answer = scene.ask(format, "hello", Delivery::Whole).unwrap();
        assert!(answer.status >= 300, "{}", answer.status);
        assert_eq!(provider.requests().len(), 1);
        provider.script(Script::default());
    }
    assert!(!scene.range.dns.names().iter().any(|n| n.contains("evil")));
}

#[test]
fn headers_and_queries_carry_nothing_personal_out() {
    let scene = Scene::start().unwrap();
    let mail = "jane.doe@acme-mail.com";
    let body = samples::ask(Format::Anthropic, "hello", Delivery::Whole).to_string();
    let mut requests = Vec::new();
    for header in ["x-user", "referer", "cookie", "user-agent", "from", "anthropic-beta", "via"] {
        let headers = [("content-type", "application/json"), (header, mail)];
        requests.push(request("POST", "/v1/messages", &headers, body.as_bytes()));
    }
    for query in [format!("user={mail}"), "user=jane.doe%40acme-mail.com".into()] {
        let path = format!("/v1/messages?beta=true&{query}");
        requests.push(request("POST", &path, &[], body.as_bytes()));
    }
    for bytes in requests {
        let answer = scene.send(bytes).unwrap();
        for seen in scene.anthropic.requests() {
            let leak = seen.contains(mail) || seen.contains("jane.doe%40acme-mail.com");
            assert!(!leak, "{}", String::from_utf8_lossy(&seen.head.raw));
        }
        assert!(answer.status == 200 || answer.reason().is_some(), "{}", answer.text());
    }
}
