//! Compressed bodies, both ways: nothing passes unseen, and what comes back is restored.

use super::*;
use crate::gateway::coding::tests::{encode, pieces};

const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_compressed_request_is_masked_and_sent_plain() {
    let bed = Bed::start().await;
    bed.mock.script(echo);
    let body = messages("mail ada@corp.example");
    for coding in ["gzip", "deflate", "br", "zstd", "zstd, gzip", "identity"] {
        let encoded = encode(coding, body.as_bytes());
        let headers = [JSON, ("content-encoding", coding)];
        let got = bed.call(Method::POST, "/v1/messages", &headers, &encoded).await;
        assert_eq!((got.status.as_u16(), got.reason()), (200, ""), "{coding}: {}", got.text());
        assert_eq!(got.text(), answer("mail ada@corp.example"));
        let seen = bed.mock.seen().pop().unwrap();
        assert_eq!(seen.text(), messages("mail <EMAIL_1>"), "{coding}");
        assert_eq!(seen.header("content-encoding"), None);
        assert_eq!(seen.header("content-length"), Some(seen.body.len().to_string().as_str()));
        assert_eq!(seen.header("accept-encoding"), Some("identity"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_read_is_not_sent() {
    let bed = Bed::start().await;
    let body = messages("mail ada@corp.example");
    let large = messages(&"x".repeat(5 << 20));
    for (coding, body, status, reason) in [
        ("compress", body.clone().into_bytes(), 415, "unsupported-content-encoding"),
        (
            "gzip, br, gzip, br",
            encode("gzip", body.as_bytes()),
            415,
            "unsupported-content-encoding",
        ),
        ("gzip", body.clone().into_bytes(), 400, "body-undecodable"),
        ("br", encode("gzip", body.as_bytes()), 400, "body-undecodable"),
        (
            "zstd",
            [encode("zstd", body.as_bytes()), body.into_bytes()].concat(),
            400,
            "body-undecodable",
        ),
        ("gzip", encode("gzip", large.as_bytes()), 413, "body-too-large"),
        ("zstd", encode("zstd", large.as_bytes()), 413, "body-too-large"),
        // Decoded once only, what is left is no JSON.
        ("gzip", encode("gzip, gzip", messages("hi").as_bytes()), 400, "not-json"),
    ] {
        let headers = [JSON, ("content-encoding", coding)];
        let got = bed.call(Method::POST, "/v1/messages", &headers, &body).await;
        assert_eq!((got.status.as_u16(), got.reason()), (status, reason), "{coding}");
    }
    assert_eq!(bed.mock.seen().len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_compressed_anyway_is_restored() {
    let bed = Bed::start().await;
    for coding in ["gzip", "deflate", "br", "x-gzip"] {
        let body = encode(coding.trim_start_matches("x-"), answer("to <EMAIL_1>").as_bytes());
        let parts: Vec<Bytes> = body.chunks(9).map(Bytes::copy_from_slice).collect();
        bed.mock.script(move |_| {
            Play::new(200, "application/json", parts.clone()).with("content-encoding", coding)
        });
        let got = bed.post("/v1/messages", &messages("mail ada@corp.example")).await;
        assert_eq!(got.text(), answer("to ada@corp.example"), "{coding}");
        assert_eq!(got.header("content-encoding"), None);
        assert_eq!(got.header("content-length"), Some(got.body.len().to_string().as_str()));
    }
    assert_eq!(
        bed.mock.connections(),
        1,
        "an answer that was read to its end leaves the connection"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_event_of_a_compressed_stream_comes_as_soon_as_it_is_there() {
    let bed = Bed::start().await;
    let event = |text: &str| {
        format!(
            "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{{\"type\":\"text_delta\",\"text\":\"{text}\"}}}}\n\n"
        )
    };
    let events = [event("to <EMAIL_1> now"), event("and then "), event("more.")];
    for coding in ["gzip", "deflate", "br"] {
        let parts: Vec<&[u8]> = events.iter().map(String::as_bytes).collect();
        let parts: Vec<Bytes> = pieces(coding, &parts).into_iter().map(Bytes::from).collect();
        bed.mock.script(move |_| Play {
            hangs: true,
            ..Play::events(parts.clone()).with("content-encoding", coding)
        });
        let stream = TcpStream::connect(bed.address).await.unwrap();
        let body = messages("mail ada@corp.example");
        let mut response =
            send(stream, Method::POST, "/v1/messages", &[JSON], body.as_bytes()).await;
        let expected = events.concat().replace("<EMAIL_1>", "ada@corp.example");
        let mut got = Vec::new();
        // The provider says no more and does not end.
        while got.len() < expected.len() {
            let frame = tokio::time::timeout(Duration::from_secs(5), response.frame()).await;
            got.extend(frame.expect("at once").unwrap().unwrap().into_data().unwrap());
        }
        assert_eq!(String::from_utf8(got).unwrap(), expected, "{coding}");
        drop(response);
        eventually("the provider is cancelled", || bed.mock.open() == 0).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_compressed_answer_that_is_broken_shows_as_broken() {
    let bed = Bed::start().await;
    let whole = encode("gzip", answer("to <EMAIL_1>").as_bytes());
    for body in [
        whole[..whole.len() - 4].to_vec(),
        answer("to <EMAIL_1>").into_bytes(),
        [&whole[..], b"more"].concat(),
        encode("gzip", &vec![0; 300 << 20]),
    ] {
        bed.mock.script(move |_| {
            let body = Bytes::copy_from_slice(&body);
            Play::new(200, "application/json", vec![body]).with("content-encoding", "gzip")
        });
        let got = bed.post("/v1/messages", &messages("mail ada@corp.example")).await;
        assert_eq!((got.status.as_u16(), got.reason()), (502, "bad-answer"));
    }
}
