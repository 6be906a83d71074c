//! The broker believes nothing that the gateway says.

use super::*;

const JSON: (&str, &str) = ("content-type", "application/json");
const ROUTE: (&str, &str) = ("x-prxy-route", "1.0");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_lies_gets_nothing_past_the_broker() {
    let bed = Bed::start().await;
    let clean = messages("hi");
    let email = messages("ada@corp.example");
    let unknown_field = r#"{"messages":[],"x_new":{"deep":["ada@corp.example"]}}"#;
    let escaped = r#"{"messages":[{"role":"user","content":"ada\u0040corp.example"}]}"#;
    let key = r#"{"ada@corp.example":1}"#;
    let post = Method::POST;
    let get = Method::GET;
    for (what, method, path, headers, body, status, reason) in [
        ("raw e-mail", &post, "/v1/messages", &[JSON, ROUTE][..], email.as_str(), 400, ""),
        ("in a field nobody knows", &post, "/v1/messages", &[JSON, ROUTE], unknown_field, 400, ""),
        ("escaped", &post, "/v1/messages", &[JSON, ROUTE], escaped, 400, ""),
        ("in a key", &post, "/v1/messages", &[JSON, ROUTE], key, 400, ""),
        ("not JSON", &post, "/v1/messages", &[JSON, ROUTE], "ada", 400, ""),
        ("no route", &post, "/v1/messages", &[JSON], &clean, 400, "unknown-route"),
        (
            "no such route",
            &post,
            "/v1/messages",
            &[JSON, ("x-prxy-route", "1.4")],
            &clean,
            400,
            "unknown-route",
        ),
        (
            "negative route",
            &post,
            "/v1/messages",
            &[JSON, ("x-prxy-route", "-1")],
            &clean,
            400,
            "unknown-route",
        ),
        ("two routes", &post, "/v1/messages", &[JSON, ROUTE, ROUTE], &clean, 400, "unknown-route"),
        (
            "a host as route",
            &post,
            "/v1/messages",
            &[JSON, ("x-prxy-route", "evil.example")],
            &clean,
            400,
            "unknown-route",
        ),
        ("another path", &post, "/v1/files", &[JSON, ROUTE], &clean, 404, "forbidden-path"),
        (
            "another API's path",
            &post,
            "/v1/chat/completions",
            &[JSON, ROUTE],
            &clean,
            404,
            "forbidden-path",
        ),
        (
            "absolute URI",
            &post,
            "http://evil.example/v1/files",
            &[JSON, ROUTE],
            &clean,
            404,
            "forbidden-path",
        ),
        ("another method", &get, "/v1/messages", &[JSON, ROUTE], &clean, 404, "forbidden-path"),
        (
            "free query",
            &post,
            "/v1/messages?to=ada@corp.example",
            &[JSON, ROUTE],
            &clean,
            400,
            "bad-query",
        ),
        ("long query", &post, LONG_QUERY, &[JSON, ROUTE], &clean, 400, "bad-query"),
        (
            "secret in the query",
            &post,
            "/v1/messages?k=sk-ant-api03-aaaabbbbccccddddeeeeffffgggghhhhiiiijjjjkkkkllllmmmmnnnnooooppppqqqqrrrrssssttttuuuuvvvvAA",
            &[JSON, ROUTE],
            &clean,
            400,
            "bad-query",
        ),
        (
            "compressed",
            &post,
            "/v1/messages",
            &[JSON, ROUTE, ("content-encoding", "zstd")],
            &clean,
            415,
            "unsupported-content-encoding",
        ),
        (
            "a form",
            &post,
            "/v1/messages",
            &[ROUTE, ("content-type", "multipart/form-data")],
            &clean,
            415,
            "unsupported-content-type",
        ),
        (
            "header twice",
            &post,
            "/v1/messages",
            &[JSON, ROUTE, ("anthropic-beta", "a"), ("anthropic-beta", "b")],
            &clean,
            400,
            "bad-header",
        ),
        (
            "text in a header",
            &post,
            "/v1/messages",
            &[JSON, ROUTE, ("anthropic-version", "Ada Lovelace, London")],
            &clean,
            400,
            "bad-header",
        ),
        (
            "secret in a header",
            &post,
            "/v1/messages",
            &[
                JSON,
                ROUTE,
                (
                    "anthropic-beta",
                    "sk-ant-api03-aaaabbbbccccddddeeeeffffgggghhhhiiiijjjjkkkkllllmmmmnnnnooooppppqqqqrrrrssssttttuuuuvvvvAA",
                ),
            ],
            &clean,
            400,
            "unclean-header",
        ),
    ] {
        let got = bed.lie(method.clone(), path, headers, body.as_bytes()).await;
        assert_eq!(got.status, status, "{what}: {}", got.text());
        assert!(!got.reason().is_empty(), "{what}");
        assert!(reason.is_empty() || got.reason() == reason, "{what}: {}", got.reason());
        assert!(
            !got.text().contains("corp.example") && !got.text().contains("sk-ant-api03"),
            "{what}: {}",
            got.text()
        );
    }
    assert_eq!((bed.mock.seen().len(), bed.mock.connections()), (0, 0));

    // The positive control: the same way is open to what is clean.
    let got = bed.lie(Method::POST, "/v1/messages", &[JSON, ROUTE], clean.as_bytes()).await;
    assert_eq!((got.status.as_u16(), bed.mock.seen().len()), (200, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_guardrails_in_the_pipeline_the_text_passes() {
    let bed = Bed::with(|config| {
        config.pipeline.retain(|module| matches!(module, Module::Airgap { .. }))
    })
    .await;
    let got = bed.post("/v1/messages", &messages("ada@corp.example")).await;
    assert_eq!(got.header("x-prxy-modules"), Some("airgap"));
    assert_eq!(bed.mock.seen()[0].text(), messages("ada@corp.example"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_listed_headers_leave() {
    let bed = Bed::start().await;
    let headers = [
        JSON,
        ("accept", "application/json"),
        ("accept-encoding", "gzip, br"),
        ("anthropic-version", "2023-06-01"),
        ("anthropic-beta", "claude-code-20250219,interleaved-thinking-2025-05-14"),
        ("openai-organization", "org-1"),
        ("user-agent", "claude-cli/2.0 (external, cli)"),
        ("x-stainless-os", "Linux"),
        ("x-app", "cli"),
        ("cookie", "session=1"),
        ("x-forwarded-for", "192.0.2.1"),
        ("x-prxy-route", "1.3"),
        ("connection", "keep-alive, x-named"),
        ("x-named", "1"),
        ("x-api-key", "client-key"),
    ];
    bed.call(Method::POST, "/v1/messages", &headers, messages("hi").as_bytes()).await;
    let seen = &bed.mock.seen()[0];
    let mut got: Vec<_> = seen
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    got.sort();
    let agent = format!("user-agent: prxy/{}", env!("CARGO_PKG_VERSION"));
    let length = format!("content-length: {}", seen.body.len());
    let expected = [
        "accept-encoding: identity",
        "accept: application/json",
        "anthropic-beta: claude-code-20250219,interleaved-thinking-2025-05-14",
        "anthropic-version: 2023-06-01",
        &length,
        "content-type: application/json",
        "host: mock.test",
        &agent,
        "x-api-key: client-key",
    ];
    assert_eq!(got, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_own_key_replaces_the_clients_which_passes_where_there_is_none() {
    let bed = Bed::start().await;
    let client = [JSON, ("authorization", "Bearer client"), ("x-api-key", "client-key")];
    for (path, authorization, x_api_key) in [
        ("/anthropic/v1/messages", Some("Bearer client"), Some("client-key")),
        ("/keyed/v1/messages", None, Some("sk-own-keyed")),
        ("/openai/v1/chat/completions", Some("Bearer sk-own-openai"), None),
    ] {
        bed.call(Method::POST, path, &client, messages("hi").as_bytes()).await;
        let seen = bed.mock.seen();
        let seen = seen.last().unwrap();
        assert_eq!(
            (seen.header("authorization"), seen.header("x-api-key")),
            (authorization, x_api_key),
            "{path}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redirects_are_refused_and_compressed_answers_too() {
    let bed = Bed::start().await;
    bed.mock.script(|_| {
        Play::new(307, "text/html", vec!["moved".into()]).with("location", "https://evil.example/")
    });
    let got = bed.post("/v1/messages", &messages("hi")).await;
    assert_eq!(
        (got.status.as_u16(), got.reason(), got.header("location")),
        (502, "redirect-refused", None)
    );
    assert_eq!(got.header("x-should-retry"), Some("false"));
    assert_eq!(got.json()["error"]["type"], "api_error");

    bed.mock.script(|_| Play::json("{}").with("content-encoding", "zstd"));
    let got = bed.post("/v1/messages", &messages("hi")).await;
    assert_eq!((got.status.as_u16(), got.reason()), (502, "encoded-answer"));
    assert_eq!(bed.mock.seen().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_way_in_which_a_provider_can_be_away_has_its_reason() {
    let bed = Bed::start().await;
    for (error, status, reason) in [
        (DialError::NoAddress, 503, "no-address"),
        (DialError::NetgateGone, 503, "netgate-gone"),
        (DialError::ConnectRefused, 502, "connect-refused"),
        (DialError::ConnectTimeout, 502, "connect-timeout"),
        (DialError::SniMismatch, 502, "sni-mismatch"),
    ] {
        *bed.dialer.fails.lock().unwrap() = Some(error);
        for path in ["/v1/messages", "/lab/v1/messages"] {
            let got = bed.post(path, &messages("hi")).await;
            assert_eq!((got.status.as_u16(), got.reason()), (status, reason), "{path}");
            assert_eq!(got.json()["error"]["type"], "api_error");
        }
    }
    // The route works again as soon as there is an address.
    *bed.dialer.fails.lock().unwrap() = None;
    assert_eq!(bed.post("/v1/messages", &messages("hi")).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_with_a_foreign_certificate_gets_nothing() {
    let bed =
        Bed::with(|config| config.providers[0].host = Host::Name("other.test".to_owned())).await;
    let got = bed.post("/v1/messages", &messages("hi")).await;
    assert_eq!((got.status.as_u16(), got.reason()), (502, "provider-untrusted"));
    assert_eq!(bed.mock.seen().len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_airgap_refuses_hosts_that_it_does_not_allow() {
    let bed = Bed::with(|config| {
        config.pipeline[0] = Module::Airgap {
            allowed_hosts: vec!["Mock.Test.".to_owned()],
            on_violation: OnViolation::Block,
        };
    })
    .await;
    assert_eq!(bed.post("/v1/messages", &messages("hi")).await.status, 200);
    let got = bed.post("/lab/v1/messages", &messages("hi")).await;
    assert_eq!((got.status.as_u16(), got.reason()), (403, "host-not-allowed"));
    assert_eq!(got.json()["error"]["type"], "permission_error");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_log_only_mode_every_answer_says_that_nothing_is_enforced() {
    for (on_violation, status, mark) in
        [(OnViolation::Block, 403, None), (OnViolation::LogOnly, 200, Some("log-only"))]
    {
        let bed = Bed::with(|config| {
            let allowed_hosts = vec!["elsewhere.test".to_owned()];
            config.pipeline[0] = Module::Airgap { allowed_hosts, on_violation };
        })
        .await;
        for (path, status) in [("/v1/messages", status), ("/nowhere", 404)] {
            let got = bed.post(path, &messages("hi")).await;
            let said = got.headers.get("x-prxy-airgap").map(|value| value.to_str().unwrap());
            assert_eq!((got.status.as_u16(), said), (status, mark), "{path}");
        }
    }
}

const LONG_QUERY: &str = concat!(
    "/v1/messages?a=",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
);
