//! Masked out, restored back, everything else as it was.

use super::*;
use crate::redact::{Action, Label, Local};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_masked_on_the_way_out_comes_back() {
    let bed = Bed::start().await;
    bed.mock.script(|seen| echo(seen).with("request-id", "req_1"));
    let got = bed
        .post(
            "/v1/messages?beta=true",
            &messages("mail ada@corp.example and bob@corp.example, ada@corp.example"),
        )
        .await;

    let seen = &bed.mock.seen()[0];
    assert_eq!(seen.text(), messages("mail <EMAIL_1> and <EMAIL_2>, <EMAIL_1>"));
    assert_eq!(seen.uri, "/v1/messages?beta=true");
    assert_eq!(seen.header("host"), Some(HOST));
    assert_eq!(seen.header("content-length"), Some(seen.body.len().to_string().as_str()));
    assert_eq!(got.status, 200);
    assert_eq!(
        got.json()["content"][0]["text"],
        "mail ada@corp.example and bob@corp.example, ada@corp.example"
    );
    assert_eq!(got.header("content-length"), Some(got.body.len().to_string().as_str()));
    assert_eq!(got.header("x-prxy-masked"), Some("EMAIL=3"));
    assert_eq!(got.header("x-prxy-modules"), Some("airgap,guardrails"));
    assert_eq!(got.header("request-id"), Some("req_1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_comes_back_whole_however_it_is_cut() {
    let bed = Bed::start().await;
    let event = |text: &str| {
        format!(
            "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{{\"type\":\"text_delta\",\"text\":\"{text}\"}}}}\n\n"
        )
    };
    let stream = format!(
        "event: content_block_start\ndata: {{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{{\"type\":\"text\",\"text\":\"\"}}}}\n\n{}{}event: content_block_stop\ndata: {{\"type\":\"content_block_stop\",\"index\":0}}\n\nevent: message_stop\ndata: {{\"type\":\"message_stop\"}}\n\n",
        event("to <EMAIL_1> now"),
        event("; done"),
    );
    for size in [1, 7, 64, 4096] {
        let pieces: Vec<_> = stream.as_bytes().chunks(size).map(Bytes::copy_from_slice).collect();
        bed.mock.script(move |_| Play::events(pieces.clone()));
        let got = bed.post("/v1/messages", &messages("mail ada@corp.example")).await;
        assert_eq!(got.status, 200);
        assert_eq!(got.header("content-type"), Some("text/event-stream; charset=utf-8"));
        assert_eq!(got.text(), stream.replace("<EMAIL_1>", "ada@corp.example"), "pieces of {size}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_apis_and_every_prefix_reach_their_provider() {
    let bed = Bed::start().await;
    for (path, arrives) in [
        ("/v1/messages", "/v1/messages"),
        ("/anthropic/v1/messages", "/v1/messages"),
        ("/v1/chat/completions", "/v1/chat/completions"),
        ("/chat/completions", "/v1/chat/completions"),
        ("/openai/chat/completions", "/v1/chat/completions"),
        ("/lab/v1/messages", "/api/v2/v1/messages"),
    ] {
        let got = bed
            .post(path, r#"{"messages":[{"role":"user","content":"to ada@corp.example"}]}"#)
            .await;
        assert_eq!(got.status, 200, "{path}: {got:?}");
        let seen = bed.mock.seen();
        let seen = seen.last().unwrap();
        assert_eq!(seen.uri, arrives, "{path}");
        assert_eq!(seen.text(), r#"{"messages":[{"role":"user","content":"to <EMAIL_1>"}]}"#);
    }
    // Plaintext is dialled without a ClientHello, TLS with one that names the host.
    let hellos = bed.dialer.hellos.lock().unwrap();
    for (route, hello) in hellos.iter() {
        assert_eq!(*route == 2, hello.is_empty());
        assert!(
            hello.is_empty() || hello.windows(HOST.len()).any(|window| window == HOST.as_bytes())
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_of_the_provider_passes_whole_and_restored() {
    let bed = Bed::start().await;
    let body = r#"{"type":"error","error":{"type":"invalid_request_error","message":"bad <EMAIL_1>","details":{"error_code":"thread_not_found"}}}"#;
    bed.mock.script(|_| {
        Play::new(404, "application/json", vec![body.into()])
            .with("retry-after", "3")
            .with("set-cookie", "a=b")
            .with("alt-svc", "h3")
            .with("x-prxy-error", "forged")
    });
    let got = bed.post("/v1/messages", &messages("ada@corp.example")).await;
    assert_eq!(got.status, 404);
    assert_eq!(got.text(), body.replace("<EMAIL_1>", "ada@corp.example"));
    assert_eq!(got.header("retry-after"), Some("3"));
    for gone in ["set-cookie", "alt-svc", "x-prxy-error"] {
        assert_eq!(got.header(gone), None, "{gone}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_body_passes_in_both_directions() {
    let bed = Bed::start().await;
    bed.mock.script(echo);
    let text = "lorem ipsum dolor ".repeat(60_000);
    let text = format!("{text}ada@corp.example");
    let body = messages(&text);
    assert!(body.len() > 1_000_000);
    let got = bed.post("/v1/messages", &body).await;
    assert_eq!(bed.mock.seen()[0].text(), body.replace("ada@corp.example", "<EMAIL_1>"));
    assert_eq!((got.status.as_u16(), got.text() == answer(&text)), (200, true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn probes_are_answered_without_a_provider() {
    let bed = Bed::start().await;
    for (method, path) in [(Method::HEAD, "/"), (Method::GET, "/health"), (Method::GET, "/")] {
        let got = bed.call(method, path, &[], b"").await;
        assert_eq!(got.status, 200);
    }
    assert_eq!(bed.mock.connections(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_may_ask_before_it_sends() {
    use tokio::io::AsyncReadExt;
    let bed = Bed::start().await;
    let mut stream = TcpStream::connect(bed.address).await.unwrap();
    let body = messages("ada@corp.example");
    let head = format!(
        "POST /v1/messages HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nexpect: 100-continue\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut first = [0; 25];
    stream.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.unwrap();
    assert!(rest.starts_with("HTTP/1.1 200 OK\r\n"), "{rest}");
    assert_eq!(bed.mock.seen()[0].header("expect"), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_local_model_is_asked_for_by_its_name_whatever_is_in_it() {
    for model in ["qwen2.5:7b", "org/model:tag"] {
        for api in [Api::OpenAi, Api::Google] {
            let bed = Bed::with(|config| {
                config.pipeline = vec![Module::Guardrails(Policy {
                    system_inject: Note::Omit,
                    actions: [(Label::new("EMAIL").unwrap(), Action::RouteLocal)].into(),
                    local: Local {
                        providers: vec!["lab".to_owned()],
                        model: Some(model.to_owned()),
                    },
                    ..Policy::default()
                })];
                config.providers[1].api = api;
                config.providers[2].api = api;
                config.providers[2].addresses = Addresses::Fixed(vec![Ipv4Addr::LOCALHOST.into()]);
            })
            .await;
            let (path, body, arrives, arrived) = match api {
                Api::Google => (
                    "/v1beta/models/models:generateContent",
                    r#"{"contents":[{"parts":[{"text":"ada@corp.example"}]}]}"#.to_owned(),
                    format!(
                        "/api/v2/v1beta/models/{}:generateContent",
                        model.replace('/', "%2F").replace(':', "%3A")
                    ),
                    r#"{"contents":[{"parts":[{"text":"ada@corp.example"}]}]}"#.to_owned(),
                ),
                _ => {
                    let body = |model: &str| {
                        format!(
                            r#"{{"model":"{model}","messages":[{{"role":"user","content":"ada@corp.example"}}]}}"#
                        )
                    };
                    let path = "/v1/chat/completions";
                    (path, body("gpt-4o"), format!("/api/v2{path}"), body(model))
                }
            };
            let got = bed.post(path, &body).await;
            assert_eq!((got.status.as_u16(), got.reason()), (200, ""), "{}", got.text());
            assert_eq!(got.header("x-prxy-routed"), Some("lab"));
            let seen = bed.mock.seen();
            let seen: Vec<_> = seen.iter().map(|seen| (seen.uri.as_str(), seen.text())).collect();
            assert_eq!(seen, [(arrives.as_str(), arrived.as_str())]);
        }
    }
}
