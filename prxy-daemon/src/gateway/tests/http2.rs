//! HTTP/2, from clients and to providers: many requests on one connection, each for itself.

use http::Version;
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::TokioExecutor;

use super::*;

const JSON: (&str, &str) = ("content-type", "application/json");

/// A client's connection, with prior knowledge.
async fn client(bed: &Bed) -> SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(bed.address).await.unwrap();
    let io = TokioIo::new(stream);
    let (sender, driver) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(driver);
    sender
}

fn request(
    method: Method,
    uri: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Request<Full<Bytes>> {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Full::new(Bytes::copy_from_slice(body.as_bytes()))).unwrap()
}

fn post(text: &str) -> Request<Full<Bytes>> {
    request(Method::POST, "http://localhost:3099/v1/messages", &[JSON], &messages(text))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_asks_many_things_at_once_on_one_connection() {
    let bed = Bed::start().await;
    bed.mock.script(echo);
    let sender = client(&bed).await;
    let mut asked = tokio::task::JoinSet::new();
    for n in 0..64 {
        let mut sender = sender.clone();
        asked.spawn(async move {
            let text = format!("n{n}@corp.example");
            let got = Got::read(sender.send_request(post(&text)).await.unwrap()).await;
            assert_eq!((got.status.as_u16(), got.text()), (200, answer(&text).as_str()));
            assert_eq!(got.header("x-prxy-masked"), Some("EMAIL=1"));
        });
    }
    while let Some(ended) = asked.join_next().await {
        ended.unwrap();
    }
    let seen = bed.mock.seen();
    assert_eq!(seen.len(), 64);
    assert!(seen.iter().all(|seen| !seen.text().contains("corp.example")));
    assert!(seen.iter().all(|seen| seen.header("host") == Some(HOST)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_http_2_could_smuggle_is_refused() {
    let bed = Bed::start().await;
    let mut sender = client(&bed).await;
    let local = "http://localhost:3099/v1/messages";
    for (case, method, uri, headers, status, reason) in [
        (
            "another authority",
            Method::POST,
            "http://evil.example/v1/messages",
            &[JSON][..],
            421,
            "foreign-host",
        ),
        (
            "another host",
            Method::POST,
            local,
            &[JSON, ("host", "evil.example")],
            421,
            "foreign-host",
        ),
        (
            "ours, spelt otherwise",
            Method::POST,
            local,
            &[JSON, ("host", "localhost")],
            421,
            "foreign-host",
        ),
        (
            "another origin",
            Method::POST,
            local,
            &[JSON, ("origin", "https://evil.example")],
            403,
            "foreign-origin",
        ),
        ("CONNECT", Method::CONNECT, "localhost:3099", &[], 404, "unknown-path"),
        ("CONNECT elsewhere", Method::CONNECT, "evil.example:443", &[], 421, "foreign-host"),
        ("a path unknown", Method::POST, "http://localhost/v1/files", &[JSON], 404, "unknown-path"),
        ("no content type", Method::POST, local, &[], 415, "unsupported-content-type"),
        (
            "gzip that is none",
            Method::POST,
            local,
            &[JSON, ("content-encoding", "gzip")],
            400,
            "body-undecodable",
        ),
    ] {
        let body = if method == Method::CONNECT { String::new() } else { messages("hi") };
        let sent = sender.send_request(request(method, uri, headers, &body)).await;
        let got = Got::read(sent.unwrap_or_else(|error| panic!("{case}: {error:?}"))).await;
        assert_eq!((got.status.as_u16(), got.reason()), (status, reason), "{case}");
    }
    assert_eq!(bed.mock.seen().len(), 0);
    // The control: the same connection, a good request.
    assert_eq!(sender.send_request(post("hi")).await.unwrap().status(), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_framing_ends_a_stream_or_the_connection_and_is_not_sent() {
    use tokio::io::AsyncReadExt;
    fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
        let length = u8::try_from(payload.len()).unwrap();
        [&[0, 0, length, kind, flags, 0, 0, 0, stream][..], payload].concat()
    }
    /// Literal fields without indexing (RFC 7541 §6.2.2).
    fn fields(fields: &[(&str, &str)]) -> Vec<u8> {
        let text = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
        fields
            .iter()
            .flat_map(|(name, value)| [vec![0], text(name), text(value)].concat())
            .collect()
    }
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    const DATA: u8 = 0;
    const HEADERS: u8 = 1;
    const RST_STREAM: u8 = 3;
    const SETTINGS: u8 = 4;
    const GOAWAY: u8 = 7;
    let bed = Bed::start().await;
    let body = messages("hi");
    let good = [
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", "localhost"),
        (":path", "/v1/messages"),
        ("content-type", "application/json"),
    ];
    let with = |more: &[(&'static str, &'static str)]| [&good[..], more].concat();
    let without = |name: &str| good.into_iter().filter(|(n, _)| *n != name).collect::<Vec<_>>();
    for (case, head, accepted) in [
        ("the control", with(&[]), true),
        ("te: trailers", with(&[("te", "trailers")]), true),
        ("connection", with(&[("connection", "close")]), false),
        ("transfer-encoding", with(&[("transfer-encoding", "chunked")]), false),
        ("upgrade", with(&[("upgrade", "websocket")]), false),
        ("te: gzip", with(&[("te", "gzip")]), false),
        ("a length that is wrong", with(&[("content-length", "3")]), false),
        ("upper case", with(&[("X-Odd", "1")]), false),
        ("a second path", with(&[(":path", "/v1/files")]), false),
        ("an unknown pseudo-header", with(&[(":protocol", "websocket")]), false),
        ("a line end in a value", with(&[("x-odd", "1\r\nhost: evil.example")]), false),
        ("no method", without(":method"), false),
        ("no path", without(":path"), false),
        ("no scheme", without(":scheme"), false),
        ("no authority", without(":authority"), false),
    ] {
        let mut stream = TcpStream::connect(bed.address).await.unwrap();
        let request = [
            PREFACE.to_vec(),
            frame(SETTINGS, 0, 0, &[]),
            frame(HEADERS, 4, 1, &fields(&head)),
            frame(DATA, 1, 1, body.as_bytes()),
        ];
        let before = bed.mock.seen().len();
        stream.write_all(&request.concat()).await.unwrap();
        // The first frame that tells what came of it.
        let told = loop {
            let mut head = [0; 9];
            if stream.read_exact(&mut head).await.is_err() {
                break None;
            }
            let mut payload = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
            stream.read_exact(&mut payload).await.unwrap();
            if [HEADERS, RST_STREAM, GOAWAY].contains(&head[3]) {
                break Some((head[3], payload));
            }
        };
        // `:status: 200` is the eighth field of the static table.
        let answered = matches!(&told, Some((HEADERS, fields)) if fields[0] == 0x88);
        assert_eq!(answered, accepted, "{case}: {told:?}");
        assert_eq!(bed.mock.seen().len() - before, usize::from(accepted), "{case}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn providers_that_speak_it_get_all_requests_on_one_connection() {
    let bed = Arc::new(Bed::http2().await);
    bed.mock.script(echo);
    assert_eq!(bed.post("/v1/messages", &messages("hi")).await.status, 200);
    let mut clients = tokio::task::JoinSet::new();
    for client in 0..48 {
        let bed = Arc::clone(&bed);
        clients.spawn(async move {
            for turn in 0..5 {
                let text = format!("c{client}t{turn}@corp.example");
                let got = bed.post("/v1/messages?beta=true", &messages(&text)).await;
                assert_eq!((got.status.as_u16(), got.text()), (200, answer(&text).as_str()));
            }
        });
    }
    while let Some(ended) = clients.join_next().await {
        ended.unwrap();
    }
    let seen = bed.mock.seen();
    assert_eq!((seen.len(), bed.mock.connections()), (241, 1));
    for seen in &seen[1..] {
        assert_eq!(seen.version, Version::HTTP_2);
        assert_eq!(seen.uri, format!("https://{HOST}/v1/messages?beta=true"));
        assert_eq!(seen.header("host"), None);
        assert_eq!(seen.header("content-length"), Some(seen.body.len().to_string().as_str()));
        assert!(!seen.text().contains("corp.example"));
    }
    // A plaintext route is spoken to in HTTP/1.1.
    assert_eq!(bed.post("/lab/v1/messages", &messages("hi")).await.status, 200);
    assert_eq!(bed.mock.seen().pop().unwrap().version, Version::HTTP_11);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_bodies_pass_both_ways() {
    let bed = Bed::http2().await;
    bed.mock.script(echo);
    let text = "word ".repeat(600_000);
    let mut sender = client(&bed).await;
    for _ in 0..2 {
        let got = Got::read(sender.send_request(post(&text)).await.unwrap()).await;
        assert_eq!(got.status, 200);
        assert_eq!(got.text(), answer(&text));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_goes_away_resets_its_stream_and_no_other() {
    let bed = Bed::http2().await;
    let ping = "event: ping\ndata: {\"type\":\"ping\"}\n\n";
    let hanging = Play { hangs: true, ..Play::events(vec![ping.into()]) };
    let mute = Play { mute: true, ..Play::json("{}") };
    for (turn, play) in [(1, hanging), (2, mute)] {
        bed.mock.script(move |seen| match seen.text().contains("stays") {
            true => Play::json("{}"),
            false => play.clone(),
        });
        // Over HTTP/1.1 and HTTP/2 alike.
        let before = bed.mock.seen().len();
        let mut sender = client(&bed).await;
        let streamed = tokio::spawn(async move {
            let mut response = sender.send_request(post("goes")).await.unwrap();
            while response.frame().await.is_some() {}
        });
        eventually("the provider has it", || bed.mock.seen().len() == before + 1).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(bed.mock.cancelled(), turn * 2 - 2);
        streamed.abort();
        eventually("reset", || bed.mock.cancelled() == turn * 2 - 1).await;

        let bytes = messages("goes");
        let address = bed.address;
        let closed = tokio::spawn(async move {
            let stream = TcpStream::connect(address).await.unwrap();
            let mut response =
                send(stream, Method::POST, "/v1/messages", &[JSON], bytes.as_bytes()).await;
            while response.frame().await.is_some() {}
        });
        eventually("the provider has it", || bed.mock.seen().len() == before + 2).await;
        closed.abort();
        eventually("reset", || bed.mock.cancelled() == turn * 2).await;
        assert_eq!(bed.post("/v1/messages", &messages("stays")).await.status, 200);
    }
    assert_eq!(bed.mock.connections(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_the_provider_ends_is_replaced() {
    let bed = Bed::http2().await;
    bed.mock.script(echo);
    bed.mock.state.requests_per_connection.store(1, Ordering::SeqCst);
    for turn in 1..=3 {
        assert_eq!(bed.post("/v1/messages", &messages("hi")).await.status, 200);
        eventually("the provider closes", || bed.mock.open() == 0).await;
        assert_eq!((bed.mock.seen().len(), bed.mock.connections()), (turn, turn));
    }
}
