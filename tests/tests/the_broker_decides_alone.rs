//! What a provider would be made to fetch is refused with its reason and not sent, whatever the
//! gateway thinks of it; where the configuration allows a kind, or has it stripped, the request goes on.
//!
//! The gateway does not look for any of this, so every refusal here is the broker's.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use prxy_tests::http::{Answer, request};
use prxy_tests::provider::Format::{self, Anthropic, OpenAi};
use prxy_tests::samples::{self, Delivery, PERSONAL};
use prxy_tests::scene::{Scene, Setting};
use serde_json::{Value, json};

/// A member to add to a request, and the reason of its refusal.
type Case = (Format, &'static str, Value, &'static str);

fn cases() -> Vec<Case> {
    let content = |part: Value| json!([{"role": "user", "content": [part]}]);
    let tool = |kind: &str| json!([{"name": "f", "input_schema": {"type": "object"}}, {"type": kind, "name": "t"}]);
    let image = |source: Value| content(json!({"type": "image", "source": source}));
    let part = |name: &str, value: Value| content(json!({"type": name, name: value}));
    vec![
        (
            Anthropic,
            "mcp_servers",
            json!([{"type": "url", "url": "https://evil.example", "name": "n"}]),
            "remote-mcp",
        ),
        (Anthropic, "tools", tool("mcp_toolset"), "remote-mcp"),
        (Anthropic, "tools", tool("web_search_20260318"), "web-tool"),
        (Anthropic, "tools", tool("web_fetch_20260318"), "web-tool"),
        (Anthropic, "tools", tool("code_execution_20260521"), "hosted-tool"),
        (Anthropic, "tools", tool("teleport_20270101"), "unknown-tool"),
        (
            Anthropic,
            "container",
            json!({"skills": [{"type": "custom", "skill_id": "s"}]}),
            "hosted-tool",
        ),
        (
            Anthropic,
            "messages",
            image(json!({"type": "url", "url": "https://evil.example/a.png"})),
            "url-source",
        ),
        (
            Anthropic,
            "messages",
            image(json!({"type": "file", "file_id": "file_1"})),
            "file-reference",
        ),
        (
            Anthropic,
            "messages",
            content(json!({"type": "container_upload", "file_id": "file_1"})),
            "file-reference",
        ),
        (Anthropic, "tomorrow", json!({"from": "https://evil.example/"}), "url-source"),
        (OpenAi, "web_search_options", json!({}), "web-tool"),
        (OpenAi, "tools", json!([{"type": "web_search"}]), "web-tool"),
        (
            OpenAi,
            "tools",
            json!([{"type": "mcp", "server_url": "https://evil.example"}]),
            "remote-mcp",
        ),
        (
            OpenAi,
            "tools",
            json!([{"type": "code_interpreter", "container": {"type": "auto"}}]),
            "hosted-tool",
        ),
        (OpenAi, "tools", json!([{"type": "teleport"}]), "unknown-tool"),
        (
            OpenAi,
            "messages",
            part("image_url", json!({"url": "https://evil.example/a.png"})),
            "url-source",
        ),
        (OpenAi, "messages", part("file", json!({"file_id": "file-1"})), "file-reference"),
        (
            OpenAi,
            "messages",
            part("file", json!({"file_data": "https://evil.example/a.pdf"})),
            "url-source",
        ),
        (
            OpenAi,
            "messages",
            part("input_audio", json!({"data": "https://evil.example/a.mp3"})),
            "url-source",
        ),
        (OpenAi, "tomorrow", json!({"from": "ht\ttps:\\\\evil.example"}), "url-source"),
        (OpenAi, "models", json!(["m", "gpt-4o:online"]), "web-tool"),
        (OpenAi, "tools", json!([{"web_search": {}}]), "unknown-tool"),
    ]
}

fn ask(scene: &Scene, (format, key, value, _): &Case) -> Answer {
    let mut body = samples::ask(*format, "hello", Delivery::Whole);
    body[*key] = value.clone();
    scene.post(samples::path(*format), &body).unwrap()
}

/// A scene whose providers have these further keys.
fn scene_with(keys: &str) -> Scene {
    let mut scene = Scene::empty().unwrap();
    // Whole members are compared, so the model is told nothing.
    let pipeline = "[{ airgap: {} }, { guardrails: { system_inject: false } }]".into();
    let config = scene.config(&Setting { pipeline, ..Setting::default() });
    let changed = config.replace(", private: true }", &format!(", private: true, {keys} }}"));
    assert_ne!(config, changed, "the scene's configuration looks different now");
    scene.launch_on(&changed, &[]).unwrap();
    scene
}

fn nothing_was_sent(scene: &Scene) -> bool {
    scene.anthropic.requests().is_empty() && scene.openai.requests().is_empty()
}

#[test]
fn each_kind_is_refused_with_its_reason_and_not_sent() {
    let scene = Scene::start().unwrap();
    for case in cases() {
        let (format, key, value, reason) = &case;
        let answer = ask(&scene, &case);
        assert_eq!((answer.status, answer.reason()), (400, Some(*reason)), "{format:?} {value}");
        let message = answer.json().unwrap()["error"]["message"].as_str().unwrap().to_owned();
        // It tells what, where, and which key would allow it; never the value.
        let place = match *key {
            // No API has it: it may be the user's own word.
            "tomorrow" => "at $[\"…\"]".to_owned(),
            known => format!("at $.{known}"),
        };
        for part in [reason, place.as_str(), "provider_fetch"] {
            assert!(message.contains(part), "{part}: {message}");
        }
        assert!(!message.contains("evil.example"), "{message}");
        assert!(nothing_was_sent(&scene), "{format:?} {value} was sent");
    }
    assert!(!scene.range.dns.names().iter().any(|name| name.contains("evil")));
    // Documents in the request itself are nothing to fetch.
    for (format, part) in [
        (
            Anthropic,
            json!({"type": "document", "source": {"type": "base64", "media_type": "text/plain", "data": "aGkgeW91"}}),
        ),
        (
            OpenAi,
            json!({"type": "file", "file": {"filename": "a.txt", "file_data": "data:text/plain;base64,aGkgeW91"}}),
        ),
    ] {
        let mut body = samples::ask(format, "hello", Delivery::Whole);
        body["messages"][0]["content"] = json!([part]);
        assert_eq!(scene.post(samples::path(format), &body).unwrap().status, 200);
    }
}

#[test]
fn each_kind_is_sent_where_it_is_allowed_and_its_text_is_masked_all_the_same() {
    let scene = scene_with(
        "provider_fetch: { allow: [remote-mcp, web-tool, url-source, file-reference, hosted-tool, unknown-tool] }",
    );
    scene.wait_for_routes().unwrap();
    for case in cases() {
        let (format, key, value, _) = &case;
        let answer = ask(&scene, &case);
        assert_eq!(answer.status, 200, "{format:?} {value}: {}", answer.text());
        let seen = scene.provider(*format).last().unwrap().json().unwrap();
        assert_eq!(seen[key], *value, "{format:?}");
    }
    scene.anthropic.forget();
    // An allowed URL is still no way out for what policy masks: no placeholder can stand in it.
    let mut body = samples::ask(Anthropic, "hello", Delivery::Whole);
    let url = "https://evil.example/?q=jane.doe@acme-mail.com";
    body["messages"][0]["content"] =
        json!([{"type": "image", "source": {"type": "url", "url": url}}]);
    let answer = scene.post("/v1/messages", &body).unwrap();
    assert_eq!((answer.status, answer.reason()), (400, Some("unsafe-position")));
    // `allow` names all that is allowed: stored conversations were not.
    let mut body = samples::ask(Anthropic, "hello", Delivery::Whole);
    body["thread"] = json!({"type": "create"});
    let answer = scene.post("/v1/messages", &body).unwrap();
    assert_eq!((answer.status, answer.reason()), (400, Some("stored-state")));
    assert!(scene.anthropic.requests().is_empty());
}

#[test]
fn stripped_declarations_do_not_arrive_and_the_rest_does_byte_for_byte() {
    let scene = scene_with("provider_fetch: { strip: [web-tool] }");
    scene.wait_for_routes().unwrap();
    let own = r#"{"name": "f" , "input_schema":{"type":"object"}}"#;
    let body = |tools: &str| {
        format!(
            r#"{{"model":"m","max_tokens":9, "tools":[{tools}],"messages":[{{"role":"user","content":"hi"}}]}}"#
        )
    };
    let asked = body(&format!(r#"{{"type":"web_search_20250305","name":"web_search"}}, {own}"#));
    let headers = [("content-type", "application/json"), ("x-api-key", "test-key")];
    let answer = scene.send(request("POST", "/v1/messages", &headers, asked.as_bytes())).unwrap();
    let stripped = answer.head.header("x-prxy-stripped").map(str::to_owned);
    assert_eq!((answer.status, stripped.as_deref()), (200, Some("web-tool")), "{}", answer.text());
    assert_eq!(scene.anthropic.last().unwrap().text(), body(own));
    // What is not to be stripped is refused as ever.
    let answer = ask(&scene, &cases()[0]);
    assert_eq!((answer.status, answer.reason()), (400, Some("remote-mcp")));
}

#[test]
fn only_pinned_keys_of_clients_reach_the_provider() {
    // echo -n good-key | sha256sum
    let sum = "b8ce88d57f4916859bcecb01b98b041299a759313987af89f9fc6608d7440537";
    let scene = scene_with(&format!("client_key_sha256: ['{sum}']"));
    let hello = |format| samples::ask(format, "hello", Delivery::Whole).to_string();
    let send = |format, header: (&str, &str)| {
        let headers = [("content-type", "application/json"), header];
        scene
            .send(request("POST", samples::path(format), &headers, hello(format).as_bytes()))
            .unwrap()
    };
    // Its own key is what opens the way; the routes may take a moment.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    for (format, header) in
        [(Anthropic, ("x-api-key", "good-key")), (OpenAi, ("authorization", "Bearer good-key"))]
    {
        loop {
            let answer = send(format, header);
            if answer.status == 200 {
                break;
            }
            assert!(
                answer.status == 503 && std::time::Instant::now() < deadline,
                "{}",
                answer.text()
            );
        }
    }
    scene.anthropic.forget();
    scene.openai.forget();
    for (format, header) in [
        (Anthropic, ("x-api-key", "attackers-key")),
        (Anthropic, ("authorization", "Bearer attackers-key")),
        (Anthropic, ("accept", "*/*")),
        (OpenAi, ("authorization", "Bearer attackers-key")),
    ] {
        let answer = send(format, header);
        assert_eq!(
            (answer.status, answer.reason()),
            (403, Some("credential-not-allowed")),
            "{header:?}"
        );
        assert!(!answer.text().contains("attackers-key"));
    }
    for query in ["?key=attackers-key", "?beta=true&key=attackers-key"] {
        let headers = [("content-type", "application/json"), ("x-api-key", "good-key")];
        let path = format!("/v1/messages{query}");
        let answer =
            scene.send(request("POST", &path, &headers, hello(Anthropic).as_bytes())).unwrap();
        assert_eq!((answer.status, answer.reason()), (400, Some("bad-query")));
    }
    assert!(nothing_was_sent(&scene));
    assert!(!scene.daemon().unwrap().log().join("\n").contains("attackers-key"));
}

#[test]
fn nothing_that_escapes_and_nesting_hide_reaches_a_provider() {
    let scene = Scene::start().unwrap();
    let secrets = samples::secrets().into_iter().map(|(kind, text)| (kind, text, true));
    // A first name alone is nothing that could be told without the words around it.
    let certain = PERSONAL.iter().filter(|(label, _)| *label != "PERSON");
    let personal = certain.map(|(label, text)| (*label, (*text).to_owned(), false));
    let mut sent = 0;
    for (turn, (kind, value, blocks)) in secrets.chain(personal).enumerate() {
        for format in [Anthropic, OpenAi] {
            for (place, (name, _)) in samples::everywhere(format, "").into_iter().enumerate() {
                let text = nested(&value, 1 + (turn + place) % 4, (turn + place) % 3);
                let (_, body) = samples::everywhere(format, &text).swap_remove(place);
                assert!(comes_upon(&body, &value), "the reader is blind: {body}");
                let answer = scene.post(samples::path(format), &body).unwrap();
                let what = format!("{kind} in {name}: {} {}", answer.status, answer.text());
                assert!(!answer.text().contains(&value) || answer.status == 200, "{what}");
                assert!(answer.status == 400 || answer.status == 200 && !blocks, "{what}");
                for seen in scene.provider(format).requests() {
                    sent += 1;
                    assert!(!comes_upon(&seen.json().unwrap(), &value), "{what}: {}", seen.text());
                }
                scene.provider(format).forget();
            }
        }
    }
    // Personal data that is not spelled with escapes is masked and goes out, however it is nested.
    assert!(sent > 20, "{sent}");
    let harmless = nested("caf\u{e9} \\u00e9 C:\\dir", 3, 1);
    assert_eq!(scene.ask(Anthropic, &harmless, Delivery::Whole).unwrap().status, 200);
}

/// JSON in JSON, `depth` times; the innermost spelled as it is, in full or every other character.
fn nested(text: &str, depth: usize, escapes: usize) -> String {
    let spelled = |(i, c): (usize, char)| match escapes {
        1 => format!("\\u{:04x}", u32::from(c)),
        2 if i % 2 == 1 => format!("\\u{:04X}", u32::from(c)),
        _ => json_inside(c),
    };
    let inner: String = text.chars().enumerate().map(spelled).collect();
    let first = format!("{{\"note\": \"{inner}\"}}");
    (1..depth).fold(first, |text, _| json!({ "note": text, "n": 1 }).to_string())
}

/// A character as it stands inside the quotes of a JSON string.
fn json_inside(c: char) -> String {
    let quoted = Value::from(c.to_string()).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// Whether somebody who reads JSON, and JSON in its strings, comes upon `value`.
fn comes_upon(json: &Value, value: &str) -> bool {
    let reads = |text: &str| {
        text.contains(value)
            || serde_json::from_str::<Value>(text)
                .is_ok_and(|inner| !inner.is_number() && comes_upon(&inner, value))
    };
    match json {
        Value::String(text) => reads(text),
        Value::Array(items) => items.iter().any(|item| comes_upon(item, value)),
        Value::Object(members) => {
            members.iter().any(|(key, member)| reads(key) || comes_upon(member, value))
        }
        _ => false,
    }
}
