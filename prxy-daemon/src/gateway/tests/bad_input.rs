//! What cannot be understood or must not leave gets a 4xx in the client's own format, and stays.

use super::*;

const JSON: (&str, &str) = ("content-type", "application/json");

struct Case {
    what: &'static str,
    method: Method,
    path: &'static str,
    headers: &'static [(&'static str, &'static str)],
    body: Vec<u8>,
    status: u16,
    reason: &'static str,
}

fn case(
    what: &'static str,
    path: &'static str,
    headers: &'static [(&'static str, &'static str)],
    body: impl Into<Vec<u8>>,
    status: u16,
    reason: &'static str,
) -> Case {
    Case { what, method: Method::POST, path, headers, body: body.into(), status, reason }
}

fn cases() -> Vec<Case> {
    let hi = || messages("hi");
    vec![
        case("not JSON", "/v1/messages", &[JSON], "hello", 400, "not-json"),
        case("empty", "/v1/messages", &[JSON], "", 400, "not-json"),
        case("half a body", "/v1/messages", &[JSON], &hi().as_bytes()[..20], 400, "not-json"),
        case("not UTF-8", "/v1/messages", &[JSON], b"{\"a\":\"\xff\"}".to_vec(), 400, "not-json"),
        case(
            "a secret",
            "/v1/messages",
            &[JSON],
            messages(
                "my key: sk-ant-api03-aaaabbbbccccddddeeeeffffgggghhhhiiiijjjjkkkkllllmmmmnnnnooooppppqqqqrrrrssssttttuuuuvvvvAA",
            ),
            400,
            "blocked-label",
        ),
        case("unknown path", "/v1/files", &[JSON], hi(), 404, "unknown-path"),
        case("unknown provider", "/nobody/v1/messages", &[JSON], hi(), 404, "unknown-path"),
        case(
            "gzip that is none",
            "/v1/messages",
            &[JSON, ("content-encoding", "gzip")],
            hi(),
            400,
            "body-undecodable",
        ),
        case(
            "two encodings, one unknown",
            "/v1/messages",
            &[JSON, ("content-encoding", "br"), ("content-encoding", "aes128gcm")],
            hi(),
            415,
            "unsupported-content-encoding",
        ),
        case(
            "a form",
            "/v1/messages",
            &[("content-type", "text/plain")],
            hi(),
            415,
            "unsupported-content-type",
        ),
        case(
            "UTF-16",
            "/v1/messages",
            &[("content-type", "application/json; charset=utf-16")],
            hi(),
            415,
            "unsupported-content-type",
        ),
        case("no type", "/v1/messages", &[], hi(), 415, "unsupported-content-type"),
        case(
            "rebound name",
            "/v1/messages",
            &[JSON, ("host", "evil.example:3099")],
            hi(),
            421,
            "foreign-host",
        ),
        case(
            "web page",
            "/v1/messages",
            &[JSON, ("origin", "https://evil.example")],
            hi(),
            403,
            "foreign-origin",
        ),
        case("odd query", "/v1/messages?to=ada@corp.example", &[JSON], hi(), 400, "bad-query"),
        case(
            "e-mail in a header",
            "/v1/messages",
            &[JSON, ("anthropic-beta", "ada@corp.example")],
            hi(),
            400,
            "bad-header",
        ),
        case(
            "too large",
            "/v1/messages",
            &[JSON],
            vec![b' '; 4 * 1024 * 1024 + 1],
            413,
            "body-too-large",
        ),
        Case {
            method: Method::GET,
            ..case("wrong method", "/v1/messages", &[], "", 405, "wrong-method")
        },
        Case {
            method: Method::OPTIONS,
            ..case(
                "preflight",
                "/v1/messages",
                &[("origin", "https://evil.example")],
                "",
                403,
                "foreign-origin",
            )
        },
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_input_gets_its_reason_and_nothing_is_sent() {
    let bed = Bed::start().await;
    for Case { what, method, path, headers, body, status, reason } in cases() {
        let got = bed.call(method, path, headers, &body).await;
        assert_eq!((got.status.as_u16(), got.reason()), (status, reason), "{what}: {}", got.text());
        assert_eq!(got.header("content-type"), Some("application/json"), "{what}");
        assert!(
            !got.text().contains("corp.example") && !got.text().contains("sk-ant-api03"),
            "{what}: {}",
            got.text()
        );
    }
    assert_eq!(bed.mock.seen().len(), 0);
    assert_eq!(bed.mock.connections(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_bodies_pass_when_nothing_is_wrong_with_them() {
    let bed = Bed::start().await;
    let cases: [(&str, &[(&str, &str)]); 7] = [
        ("/v1/messages?beta=true", &[JSON]),
        ("/v1/messages", &[("content-type", "application/json; charset=UTF-8")]),
        ("/v1/messages", &[JSON, ("content-encoding", "identity"), ("host", "127.0.0.1:3099")]),
        ("/v1/messages", &[JSON, ("anthropic-beta", BETA), ("anthropic-version", "2023-06-01")]),
        (
            "/v1/messages",
            &[JSON, ("anthropic-beta", "oauth-2025-04-20"), ("anthropic-version", "2026-10-21")],
        ),
        ("/v1/messages", &[JSON, ("origin", "http://localhost:3099")]),
        (
            "/v1/chat/completions",
            &[
                JSON,
                ("openai-organization", "org-kZ3x0aQ9uL2mN7pR4sT6vW8y"),
                ("openai-project", "proj_a1B2c3D4e5F6g7H8i9J0k1L2"),
                ("openai-beta", "assistants=v2"),
            ],
        ),
    ];
    for (path, headers) in cases {
        let got = bed.call(Method::POST, path, headers, messages("hi").as_bytes()).await;
        assert_eq!(got.status, 200, "{headers:?}: {}", got.text());
        for (name, value) in headers
            .iter()
            .filter(|(name, _)| name.starts_with("anthropic") || name.starts_with("openai"))
        {
            assert_eq!(bed.mock.seen().last().unwrap().header(name), Some(*value));
        }
    }
}

const BETA: &str =
    "claude-code-20250219,interleaved-thinking-2025-05-14,fine-grained-tool-streaming-2025-05-14";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_have_the_shape_of_the_api_that_was_asked() {
    let bed = Bed::start().await;
    let anthropic = bed.post("/v1/messages", "{").await.json();
    assert_eq!(anthropic["type"], "error");
    assert_eq!(anthropic["error"]["type"], "invalid_request_error");
    assert!(anthropic["error"]["message"].as_str().unwrap().starts_with("prxy: "));

    let openai = bed.post("/v1/chat/completions", "{").await.json();
    assert_eq!(openai["error"]["type"], "invalid_request_error");
    assert_eq!(openai["error"]["code"], "not-json");
    assert_eq!(openai["error"]["param"], serde_json::Value::Null);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_without_a_length_is_cut_off_at_the_limit() {
    use tokio::io::AsyncReadExt;
    let bed = Bed::with(|config| config.max_body_bytes = 1000).await;
    let mut stream = TcpStream::connect(bed.address).await.unwrap();
    let head = "POST /v1/messages HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(format!("7d0\r\n{}\r\n", " ".repeat(2000)).as_bytes()).await.unwrap();
    let mut answer = vec![0; 4096];
    let read = stream.read(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer[..read]);
    assert!(
        answer.starts_with("HTTP/1.1 413") && answer.contains("x-prxy-error: body-too-large"),
        "{answer}"
    );
    assert_eq!(bed.mock.connections(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn smuggled_framing_reaches_nobody() {
    use tokio::io::AsyncReadExt;
    let bed = Bed::start().await;
    for head in [
        "content-length: 5\r\ntransfer-encoding: chunked\r\n",
        "content-length: 5\r\ncontent-length: 6\r\n",
        "transfer-encoding: chunked, identity\r\n",
        "content-length: +5\r\n",
    ] {
        let mut stream = TcpStream::connect(bed.address).await.unwrap();
        let request = format!(
            "POST /v1/messages HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n{head}\r\n0\r\n\r\nGET /health HTTP/1.1\r\nhost: localhost\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(!answer.contains("\"ok\"") || answer.starts_with("HTTP/1.1 4"), "{head}: {answer}");
    }
    assert_eq!(bed.mock.seen().len(), 0);
}
