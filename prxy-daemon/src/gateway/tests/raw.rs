//! Bytes on the broker's own socket, as a gateway under somebody else's control would write them.
//!
//! Whatever they are: the provider sees requests that the broker has built, or none.

use tokio::io::AsyncReadExt;

use super::*;

const CLEAN: &str = r#"{"messages":[{"role":"user","content":"hi"}]}"#;
const DIRTY: &str = r#"{"messages":[{"role":"user","content":"ada@corp.example"}]}"#;

/// A request head that the broker takes, with these further lines, and whatever follows it.
fn request(lines: &str, rest: &str) -> String {
    format!(
        "POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-prxy-route: 1.0\r\ncontent-type: application/json\r\n{lines}\r\n{rest}"
    )
}

fn sized(lines: &str, body: &str) -> String {
    request(&format!("{lines}content-length: {}\r\n", body.len()), body)
}

fn chunked(body: &str, trailers: &str) -> String {
    format!("{:x}\r\n{body}\r\n0\r\n{trailers}\r\n", body.len())
}

impl Bed {
    /// Writes `bytes` to the broker and reads until it closes or is silent.
    async fn write(&self, bytes: &[u8]) -> String {
        let mut stream = self.broker.connect().await.unwrap();
        // The broker may close before it has read everything.
        let _ = stream.write_all(bytes).await;
        let mut answer = Vec::new();
        let mut piece = [0; 4096];
        while let Ok(Ok(read @ 1..)) =
            tokio::time::timeout(Duration::from_millis(300), stream.read(&mut piece)).await
        {
            answer.extend_from_slice(&piece[..read]);
        }
        String::from_utf8_lossy(&answer).into_owned()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_it_is_framed_the_provider_sees_what_the_broker_built() {
    let bed = Bed::start().await;
    let many: String = (0..200).map(|i| format!("x-h{i}: 1\r\n")).collect();
    let smuggled = request("content-length: 2\r\n", "{}").replace("/v1/messages", "/v1/files");
    // What is written, and how many requests the provider may get to see for it.
    let cases: Vec<(&str, String, usize)> = vec![
        ("the control", sized("", CLEAN), 1),
        ("chunked", request("transfer-encoding: chunked\r\n", &chunked(CLEAN, "")), 1),
        (
            "both lengths",
            request(
                "content-length: 4\r\ntransfer-encoding: chunked\r\n",
                &(chunked(CLEAN, "") + &smuggled),
            ),
            1,
        ),
        (
            "both, the other way round",
            request(
                "transfer-encoding: chunked\r\ncontent-length: 4\r\n",
                &(chunked(CLEAN, "") + &smuggled),
            ),
            1,
        ),
        (
            "two lengths",
            request(&format!("content-length: {}\r\ncontent-length: 2\r\n", CLEAN.len()), CLEAN),
            0,
        ),
        ("a list of lengths", request("content-length: 45, 2\r\n", CLEAN), 0),
        ("a signed length", request("content-length: +45\r\n", CLEAN), 0),
        (
            "an unknown coding",
            request("transfer-encoding: gzip, chunked\r\n", &chunked(CLEAN, "")),
            1,
        ),
        (
            "chunked, but not last",
            request("transfer-encoding: chunked, gzip\r\n", &chunked(CLEAN, "")),
            0,
        ),
        (
            "a coding that only looks like it",
            request("transfer-encoding: xchunked\r\n", &chunked(CLEAN, "")),
            0,
        ),
        (
            "a chunk of a wrong size",
            request("transfer-encoding: chunked\r\n", "zz\r\n{}\r\n0\r\n\r\n"),
            0,
        ),
        (
            "text in trailers",
            request(
                "transfer-encoding: chunked\r\ntrailer: x-leak\r\n",
                &chunked(CLEAN, "x-leak: ada@corp.example\r\n"),
            ),
            1,
        ),
        ("pipelined, the second dirty", sized("", CLEAN) + &sized("", DIRTY), 1),
        ("pipelined, the first dirty", sized("", DIRTY) + &sized("", CLEAN), 1),
        ("pipelined to another path", sized("", CLEAN) + &smuggled, 1),
        ("a folded header", sized("x-a: 1\r\n b\r\n", CLEAN), 0),
        ("a space before the colon", sized("x-a : 1\r\n", CLEAN), 0),
        ("a header without a name", sized(": 1\r\n", CLEAN), 0),
        ("NUL in a header", sized("anthropic-version: 1\0\r\n", CLEAN), 0),
        ("too many headers", sized(&many, CLEAN), 0),
        (
            "a head without end",
            "POST /v1/messages HTTP/1.1\r\n".to_owned() + &"x-a: 1\r\n".repeat(100_000),
            0,
        ),
        ("expect", sized("expect: 100-continue\r\n", CLEAN), 1),
        (
            "upgrade",
            sized(
                "connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AA\r\n",
                CLEAN,
            ),
            1,
        ),
        (
            "websocket",
            sized("connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: AA\r\n", CLEAN),
            1,
        ),
        ("another host", sized("host: evil.example\r\n", CLEAN), 1),
        (
            "another host in the line",
            sized("", CLEAN).replace("POST /v1", "POST https://evil.example:444/v1"),
            1,
        ),
        ("a tunnel", sized("", CLEAN).replace("POST /v1/messages", "CONNECT evil.example:443"), 0),
        ("another method by header", sized("x-http-method-override: DELETE\r\n", CLEAN), 1),
        ("HTTP/1.0", sized("", CLEAN).replace("HTTP/1.1", "HTTP/1.0"), 1),
        ("HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_owned(), 0),
        ("TLS", "\x16\x03\x01\x02\0\x01\0\x01\u{7c}\x03\x03".to_owned(), 0),
        ("a body that ends early", request("content-length: 100\r\n", CLEAN), 0),
        ("bytes behind the body", sized("", CLEAN) + "GET /secret HTTP/1.1\r\n\r\n", 1),
    ];
    for (what, bytes, most) in cases {
        let before = bed.mock.seen().len();
        let answer = bed.write(bytes.as_bytes()).await;
        let seen = bed.mock.seen();
        assert!(seen.len() - before <= most, "{what}: {} requests; {answer}", seen.len() - before);
        if what == "the control" || what.starts_with("pipelined") {
            assert_eq!(seen.len() - before, 1, "{what}: {answer}");
        }
        for seen in &seen[before..] {
            assert_eq!((seen.uri.as_str(), seen.text()), ("/v1/messages", CLEAN), "{what}");
            assert_eq!(seen.header("host"), Some(HOST), "{what}");
            let listed = [
                "host",
                "content-type",
                "content-length",
                "accept",
                "accept-encoding",
                "user-agent",
            ];
            for name in seen.headers.keys() {
                assert!(listed.contains(&name.as_str()), "{what}: {name}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lying_gateway_makes_no_provider_fetch() {
    let bed = Bed::start().await;
    let lie = async |route: &str, body: &str| {
        let path = if route == "1" { "/v1/chat/completions" } else { "/v1/messages" };
        let route = format!("1.{route}");
        let headers = [("content-type", "application/json"), ("x-prxy-route", route.as_str())];
        let got = bed.lie(Method::POST, path, &headers, body.as_bytes()).await;
        (got.status.as_u16(), got.reason().to_owned())
    };
    for (route, body, reason) in [
        (
            "0",
            r#"{"mcp_servers":[{"type":"url","url":"https://evil.example","name":"n"}]}"#,
            "remote-mcp",
        ),
        ("0", r#"{"tools":[{"type":"web_fetch_20260318","name":"web_fetch"}]}"#, "web-tool"),
        ("1", r#"{"messages":[],"web_search_options":{}}"#, "web-tool"),
        (
            "1",
            r#"{"messages":[{"content":[{"type":"image_url","image_url":{"url":"https://evil.example"}}]}]}"#,
            "url-source",
        ),
        (
            "0",
            r#"{"messages":[{"content":[{"type":"container_upload","file_id":"f"}]}]}"#,
            "file-reference",
        ),
        ("0", r#"{"tools":[{"type":"code_execution_20260521"}]}"#, "hosted-tool"),
        ("1", r#"{"tools":[{"type":"teleport"}]}"#, "unknown-tool"),
        ("0", r#"{"model":"a","model":"b"}"#, "duplicate-key"),
    ] {
        assert_eq!(lie(route, body).await, (400, reason.to_owned()), "{body}");
    }
    assert_eq!((bed.mock.seen().len(), bed.mock.connections()), (0, 0));
    assert_eq!(lie("0", CLEAN).await.0, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn declarations_are_stripped_where_the_configuration_says_so() {
    let body = r#"{"model":"m","tools":[{"type":"web_search"},{"type":"function","function":{"name":"f"}}],"messages":[]}"#;
    let strict = Bed::start().await;
    let got = strict.post("/v1/chat/completions", body).await;
    assert_eq!(
        (got.status.as_u16(), got.reason(), got.header("x-prxy-stripped")),
        (400, "web-tool", None)
    );
    assert_eq!(got.json()["error"]["code"], "web-tool");
    assert_eq!(
        got.json()["error"]["message"],
        "prxy: web-tool at $.tools[0].type: the provider would search or fetch from the web, which `provider_fetch` does not allow for this provider"
    );
    let bed = Bed::with(|config| {
        config.providers[1].fetch.strip =
            [crate::provider::fetch::Kind::WebTool].into_iter().collect();
    })
    .await;
    let got = bed.post("/v1/chat/completions", body).await;
    assert_eq!(
        (got.status.as_u16(), got.header("x-prxy-stripped")),
        (200, Some("web-tool")),
        "{}",
        got.text()
    );
    assert_eq!(
        bed.mock.seen()[0].text(),
        r#"{"model":"m","tools":[{"type":"function","function":{"name":"f"}}],"messages":[]}"#
    );
    let got = bed.post("/v1/chat/completions", r#"{"model":"m","messages":[]}"#).await;
    assert_eq!(got.header("x-prxy-stripped"), None);
}
