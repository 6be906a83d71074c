//! Connections: kept, found stale, cancelled, many at once.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_are_kept_for_the_next_request() {
    let bed = Bed::start().await;
    for _ in 0..100 {
        assert_eq!(bed.post("/v1/messages", &messages("hi")).await.status, 200);
    }
    assert_eq!((bed.mock.seen().len(), bed.mock.connections()), (100, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_two_clients_are_served_at_once_and_get_their_own_answers() {
    let bed = Arc::new(Bed::start().await);
    bed.mock.script(echo);
    let mut clients = tokio::task::JoinSet::new();
    for client in 0..32 {
        let bed = Arc::clone(&bed);
        clients.spawn(async move {
            for turn in 0..10 {
                let text = format!("client {client} turn {turn}: c{client}t{turn}@corp.example");
                let got = bed.post("/v1/messages", &messages(&text)).await;
                assert_eq!((got.status.as_u16(), got.text()), (200, answer(&text).as_str()));
            }
        });
    }
    while let Some(ended) = clients.join_next().await {
        ended.unwrap();
    }
    assert!(bed.mock.connections() <= 40, "{}", bed.mock.connections());
    assert!(bed.mock.seen().iter().all(|seen| !seen.text().contains("corp.example")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_the_provider_closed_is_replaced() {
    let bed = Bed::start().await;
    bed.mock.state.requests_per_connection.store(1, Ordering::SeqCst);
    for turn in 1..=3 {
        assert_eq!(bed.post("/v1/messages", &messages("hi")).await.status, 200);
        eventually("the provider closes", || bed.mock.open() == 0).await;
        assert_eq!((bed.mock.seen().len(), bed.mock.connections()), (turn, turn));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_may_have_been_processed_is_not_repeated() {
    let begun = Play { hangs: true, ..Play::new(200, "application/json", vec![]) };
    let mute = Play { mute: true, ..Play::json("{}") };
    for (play, reason) in [(begun, "bad-answer"), (mute, "connection-lost")] {
        for path in ["/v1/messages", "/lab/v1/messages"] {
            let bed = Bed::start().await;
            // One good request, so that the next one goes over a pooled connection.
            assert_eq!(bed.post(path, &messages("hi")).await.status, 200);
            bed.mock.state.requests_per_connection.store(0, Ordering::SeqCst);
            let play = play.clone();
            bed.mock.script(move |_| play.clone());
            // The provider takes the request, begins an answer or none, and hangs up.
            let got = bed.post(path, &messages("again")).await;
            assert_eq!((got.status.as_u16(), got.reason()), (502, reason), "{}", got.text());
            assert_eq!((bed.mock.seen().len(), bed.mock.connections()), (2, 1));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_goes_away_mid_stream_cancels_the_provider() {
    for path in ["/v1/messages", "/lab/v1/messages"] {
        let bed = Bed::start().await;
        bed.mock.script(|_| Play {
            hangs: true,
            ..Play::events(vec!["event: ping\ndata: {\"type\":\"ping\"}\n\n".into()])
        });
        let stream = TcpStream::connect(bed.address).await.unwrap();
        let mut response = send(
            stream,
            Method::POST,
            path,
            &[("content-type", "application/json")],
            messages("hi").as_bytes(),
        )
        .await;
        let first = response.body_mut().frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(first, "event: ping\ndata: {\"type\":\"ping\"}\n\n");
        assert_eq!(bed.mock.open(), 1);
        drop(response);
        eventually("the provider sees the connection end", || bed.mock.open() == 0).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_goes_away_before_the_answer_cancels_the_provider() {
    let begun = Play { hangs: true, ..Play::new(200, "application/json", vec!["{".into()]) };
    let mute = Play { mute: true, ..Play::json("{}") };
    for play in [begun, mute] {
        let bed = Bed::start().await;
        bed.mock.script(move |_| play.clone());
        let mut stream = TcpStream::connect(bed.address).await.unwrap();
        let body = messages("hi");
        let head =
            "POST /v1/messages HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
        stream
            .write_all(format!("{head}content-length: {}\r\n\r\n{body}", body.len()).as_bytes())
            .await
            .unwrap();
        eventually("the request arrives", || bed.mock.seen().len() == 1).await;
        drop(stream);
        eventually("the provider sees the connection end", || bed.mock.open() == 0).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_breaks_off_is_not_passed_off_as_whole() {
    let bed = Bed::start().await;
    bed.mock.state.requests_per_connection.store(1, Ordering::SeqCst);
    bed.mock
        .script(|_| Play { hangs: true, ..Play::events(vec!["event: ping\ndata: {}\n\n".into()]) });
    let stream = TcpStream::connect(bed.address).await.unwrap();
    let response = send(
        stream,
        Method::POST,
        "/v1/messages",
        &[("content-type", "application/json")],
        messages("hi").as_bytes(),
    )
    .await;
    assert!(response.into_body().collect().await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_breaks_off_has_lost_nothing_of_what_had_come() {
    let bed = Bed::start().await;
    bed.mock.state.requests_per_connection.store(1, Ordering::SeqCst);
    let event = |text: &str| {
        let delta = serde_json::json!({"type": "text_delta", "text": text});
        let data = serde_json::json!({"type": "content_block_delta", "index": 0, "delta": delta});
        Bytes::from(format!("data: {data}\n\n"))
    };
    bed.mock.script(move |_| {
        let pieces = vec![event("to <EMAIL"), event("_1>, <EMAIL_"), "data: {\"ty".into()];
        Play { hangs: true, ..Play::events(pieces) }
    });
    let stream = TcpStream::connect(bed.address).await.unwrap();
    let body = messages("mail ada@corp.example");
    let headers = [("content-type", "application/json")];
    let response = send(stream, Method::POST, "/v1/messages", &headers, body.as_bytes()).await;
    let mut body = response.into_body();
    let (mut read, mut broken) = (Vec::new(), false);
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => read.extend_from_slice(&frame.into_data().unwrap()),
            Err(_) => broken = true,
        }
    }
    let read = String::from_utf8(read).unwrap();
    let mut text = String::new();
    for data in read.lines().filter_map(|line| line.strip_prefix("data: ")) {
        let Ok(data) = serde_json::from_str::<serde_json::Value>(data) else { continue };
        text += data["delta"]["text"].as_str().unwrap();
    }
    assert_eq!((text.as_str(), broken), ("to ada@corp.example, <EMAIL_", true), "{read}");
    assert!(read.ends_with("data: {\"ty"), "{read}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_the_broker_is_a_503() {
    let bed = Bed::start().await;
    assert_eq!(bed.post("/v1/messages", &messages("hi")).await.status, 200);
    bed.broker_task.abort();
    eventually("the broker ends", || bed.broker_task.is_finished()).await;
    let got = bed.post("/v1/chat/completions", &messages("hi")).await;
    assert_eq!((got.status.as_u16(), got.reason()), (503, "broker-gone"));
    assert_eq!(got.json()["error"]["type"], "server_error");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_the_end_running_answers_are_finished_and_no_new_ones_begun() {
    let bed = Bed::start().await;
    let (release, released) = tokio::sync::watch::channel(false);
    bed.mock.script(move |_| {
        let mut released = released.clone();
        let waiting = async move { drop(released.wait_for(|released| *released).await) };
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(waiting));
        Play::json("{}")
    });
    let (address, headers) = (bed.address, [("content-type", "application/json")]);
    let running = tokio::spawn(async move {
        let stream = TcpStream::connect(address).await.unwrap();
        let response =
            send(stream, Method::POST, "/v1/messages", &headers, messages("hi").as_bytes()).await;
        Got::read(response).await
    });
    eventually("the request arrives", || bed.mock.open() == 1).await;
    bed.shutdown.send(()).unwrap();
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    release.send(true).unwrap();
    assert_eq!(running.await.unwrap().status, 200);
    bed.gateway_task.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_outlives_refusals_and_takes_requests_in_a_row() {
    use tokio::io::AsyncReadExt;
    let bed = Bed::start().await;
    bed.mock.script(echo);
    let request = |form: &str, more: &str, body: &str| {
        let length = body.len();
        format!(
            "POST /v1/messages HTTP/1.1\r\nhost: localhost\r\ncontent-type: {form}\r\n{more}content-length: {length}\r\n\r\n{body}"
        )
    };
    let json = "application/json";
    let all = [
        request("text/plain", "", &messages("one")),
        request(json, "", "not json"),
        request(json, "content-encoding: gzip\r\n", &messages("three")),
        request(json, "", &messages("four to ada@corp.example")),
        request(json, "connection: close\r\n", &messages("five")),
    ];
    let mut stream = TcpStream::connect(bed.address).await.unwrap();
    stream.write_all(all.concat().as_bytes()).await.unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).await.unwrap();
    let lines: Vec<_> = answers.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect();
    assert_eq!(lines, ["415", "400", "400", "200", "200"]);
    assert!(
        answers.contains("four to ada@corp.example") && answers.ends_with(&answer("five")),
        "{answers}"
    );
    let seen: Vec<_> = bed.mock.seen().iter().map(|seen| seen.text().to_owned()).collect();
    assert_eq!(seen, [messages("four to <EMAIL_1>"), messages("five")]);
}
