//! HTTP as clients and providers speak it: versions 1.1 and 2, connections that are kept, bodies that
//! are announced first or compressed. However a request comes, it is masked.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use std::io::Write as _;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use prxy_tests::eventually;
use prxy_tests::http::{Wire, request};
use prxy_tests::provider::{Ending, Exchange, Format, Reply, Script, Split, Write};
use prxy_tests::reader;
use prxy_tests::samples::{self, Delivery, TICKET};
use prxy_tests::scene::Scene;
use tokio::net::TcpStream;

const FORMATS: [Format; 2] = [Format::Anthropic, Format::OpenAi];
const JSON: (&str, &str) = ("content-type", "application/json");
const MAIL: &str = "jane.doe@acme-mail.com";

/// A connection to the daemon.
fn connect(scene: &Scene) -> Wire<TcpStream> {
    let address = scene.daemon().unwrap().address;
    scene.app().block_on(async move { Wire::new(TcpStream::connect(address).await.unwrap()) })
}

#[test]
fn providers_are_spoken_to_in_http_2_on_one_connection_each() {
    let scene = Scene::start_speaking(&[b"h2", b"http/1.1"]).unwrap();
    for format in FORMATS {
        let provider = scene.provider(format);
        let before = provider.connections();
        // Frames of one byte by the thousand are an attack, and end the connection.
        let splits = || Split::all().into_iter().filter(|split| split.write != Write::Bytes(1));
        for split in splits() {
            provider.script(Script::echo(split.clone()));
            let answer = scene.ask(format, TICKET, Delivery::Streamed);
            let answer = answer.unwrap_or_else(|error| panic!("{split:?}: {error:#}"));
            assert_eq!(reader::stream(format, &answer.body).unwrap().text, TICKET, "{split:?}");
            let answer = scene.ask(format, TICKET, Delivery::Whole).unwrap();
            assert_eq!(reader::whole(format, &answer.body).unwrap().text, TICKET);
        }
        let seen = provider.requests();
        assert_eq!(provider.connections(), before, "the one of the first request is kept");
        for request in &seen {
            assert!(request.head.first.ends_with(" HTTP/2"), "{}", request.head.first);
            assert!(request.head.header(":authority").unwrap().starts_with("api."));
            assert_eq!(request.head.header("host"), None);
            assert_eq!(request.state, Exchange::Done);
            assert!(!request.contains(MAIL), "{}", request.text());
        }
        assert_eq!(seen.len(), 2 * splits().count());
    }
}

#[test]
fn a_client_that_leaves_resets_its_stream_and_the_connection_goes_on() {
    let scene = Scene::start_speaking(&[b"h2"]).unwrap();
    for format in FORMATS {
        let provider = scene.provider(format);
        let before = provider.connections();
        for script in [
            Script::reply(Reply::Silence),
            Script { ending: Ending::HangAfter(4), ..Script::default() },
            Script::echo(Split { pause: Duration::from_secs(1), ..Split::default() }),
        ] {
            provider.forget();
            provider.script(script);
            let body = samples::ask(format, "hello there", Delivery::Streamed).to_string();
            let bytes = request("POST", samples::path(format), &[JSON], body.as_bytes());
            let mut wire = connect(&scene);
            let wire = scene.app().block_on(async move {
                wire.send(&bytes).await.unwrap();
                wire
            });
            eventually!(provider.requests().len() == 1);
            assert_eq!(provider.last().unwrap().state, Exchange::Open);
            drop(wire);
            eventually!(provider.last().unwrap().state == Exchange::Cancelled, "{format:?}");
        }
        provider.script(Script::default());
        assert_eq!(scene.ask(format, "hello", Delivery::Whole).unwrap().status, 200);
        assert_eq!(provider.connections(), before);
    }
}

#[test]
fn curl_speaks_http_2_with_prior_knowledge_and_upgrades_to_nothing() {
    let scene = Scene::start().unwrap();
    let url = format!("http://{}/v1/messages", scene.daemon().unwrap().address);
    let body = samples::ask(Format::Anthropic, TICKET, Delivery::Whole).to_string();
    for (version, expected) in
        [("--http2-prior-knowledge", "2 200"), ("--http1.1", "1.1 200"), ("--http2", "1.1 200")]
    {
        let output = scene
            .app()
            .command("curl")
            .args(["--silent", "--show-error", "--max-time", "20", version])
            .args(["--write-out", "\n%{http_version} %{http_code}"])
            .args(["--header", "content-type: application/json", "--data-binary", &body, &url])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let (answer, told) = said.rsplit_once('\n').unwrap();
        assert_eq!(told, expected, "{version}: {said} {}", String::from_utf8_lossy(&output.stderr));
        let text = reader::whole(Format::Anthropic, answer.as_bytes()).unwrap().text;
        assert_eq!(text, TICKET, "{version}");
        assert!(!scene.anthropic.last().unwrap().contains(MAIL));
    }
}

#[test]
fn leave_to_send_is_given_only_where_the_body_will_be_read() {
    let scene = Scene::start().unwrap();
    let body = samples::ask(Format::Anthropic, TICKET, Delivery::Whole).to_string();
    let head = |path: &str, length: usize, form: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {form}\r\n\
             expect: 100-continue\r\ncontent-length: {length}\r\n\r\n"
        )
        .into_bytes()
    };
    let mut wire = connect(&scene);
    let ask = head("/v1/messages", body.len(), "application/json");
    let sent = body.clone();
    let answer = scene.app().block_on(async move {
        wire.send(&ask).await.unwrap();
        let leave = wire.head().await.unwrap().unwrap();
        assert_eq!(leave.first, "HTTP/1.1 100 Continue");
        wire.send(sent.as_bytes()).await.unwrap();
        wire.answer().await.unwrap()
    });
    assert_eq!(reader::whole(Format::Anthropic, &answer.body).unwrap().text, TICKET);
    assert!(!scene.anthropic.last().unwrap().contains(MAIL));
    let before = scene.anthropic.requests().len();
    for (path, length, form, status) in [
        ("/v1/files", body.len(), "application/json", 404),
        ("/v1/messages", body.len(), "text/plain", 415),
        ("/v1/messages", 1 << 40, "application/json", 413),
    ] {
        let mut wire = connect(&scene);
        let ask = head(path, length, form);
        // The refusal is the first thing said, though nothing of the body has come.
        let answer = scene.app().block_on(async move {
            wire.send(&ask).await.unwrap();
            tokio::time::timeout(Duration::from_secs(5), wire.answer()).await.unwrap().unwrap()
        });
        assert_eq!(answer.status, status, "{path}");
    }
    assert_eq!(scene.anthropic.requests().len(), before);
}

#[test]
fn connections_are_kept_on_both_sides() {
    let scene = Scene::start().unwrap();
    let before = scene.anthropic.connections();
    let mut wire = connect(&scene);
    let body = samples::ask(Format::Anthropic, TICKET, Delivery::Whole).to_string();
    let good = request("POST", "/v1/messages", &[JSON], body.as_bytes());
    let refused = request("POST", "/v1/files", &[JSON], body.as_bytes());
    scene.app().block_on(async move {
        for _ in 0..20 {
            assert_eq!(wire.call(&good).await.unwrap().status, 200);
            assert_eq!(wire.call(&refused).await.unwrap().status, 404);
        }
    });
    assert_eq!(scene.anthropic.requests().len(), 20);
    assert_eq!(scene.anthropic.connections(), before, "the one of the first request is kept");
}

#[test]
fn a_compressed_body_is_masked_or_refused() {
    let scene = Scene::start().unwrap();
    for format in FORMATS {
        let body = samples::ask(format, TICKET, Delivery::Whole).to_string();
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(body.as_bytes()).unwrap();
        let packed = encoder.finish().unwrap();
        let send = |coding: &str, body: &[u8]| {
            let headers = [JSON, ("content-encoding", coding)];
            scene.send(request("POST", samples::path(format), &headers, body)).unwrap()
        };
        let answer = send("gzip", &packed);
        assert_eq!(reader::whole(format, &answer.body).unwrap().text, TICKET);
        let seen = scene.provider(format).last().unwrap();
        assert_eq!(seen.head.header("content-encoding"), None);
        assert!(!seen.contains(MAIL) && seen.contains("<EMAIL_1>"), "{}", seen.text());
        let before = scene.provider(format).requests().len();
        for (coding, body, expected) in [
            ("gzip", body.as_bytes(), (400, "body-undecodable")),
            ("br", &packed, (400, "body-undecodable")),
            ("zstd", &packed, (400, "body-undecodable")),
            ("compress", &packed, (415, "unsupported-content-encoding")),
            ("identity", &packed, (400, "not-json")),
        ] {
            let answer = send(coding, body);
            assert_eq!((answer.status, answer.reason().unwrap()), expected, "{coding}");
        }
        assert_eq!(scene.provider(format).requests().len(), before);
    }
}
