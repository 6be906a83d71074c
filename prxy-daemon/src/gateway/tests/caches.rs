//! The exact cache, and requests that share one that is on its way.

use std::sync::atomic::AtomicUsize;

use super::*;
use crate::config::{ExactCache, Sharing, TenantBy};

async fn bed(options: ExactCache) -> Bed {
    Bed::with(|config| {
        config.pipeline.push(Module::ExactCache(options));
        config.vault.tenant_by = TenantBy::Key;
    })
    .await
}

fn global() -> ExactCache {
    ExactCache { scope: Sharing::Global, ..ExactCache::default() }
}

/// A whole answer of `/v1/messages` that ended by itself.
pub(super) fn ended(text: &str) -> Play {
    Play::json(&whole(text, "end_turn"))
}

fn whole(text: &str, stop_reason: &str) -> String {
    serde_json::json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x",
        "content": [{ "type": "text", "text": text }],
        "stop_reason": stop_reason, "stop_sequence": null,
        "usage": { "input_tokens": 3, "output_tokens": 5 },
    })
    .to_string()
}

/// The same, streamed in pieces of these texts.
pub(super) fn streamed(texts: &[&str]) -> Vec<Bytes> {
    let mut events = vec![
        r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-x","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":3,"output_tokens":1}}}"#.to_owned(),
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#.to_owned(),
    ];
    for text in texts {
        let delta = serde_json::json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "text_delta", "text": text } });
        events.push(delta.to_string());
    }
    events.push(r#"{"type":"content_block_stop","index":0}"#.to_owned());
    events.push(r#"{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":5}}"#.to_owned());
    events.push(r#"{"type":"message_stop"}"#.to_owned());
    let event = |data: String| {
        let name = serde_json::from_str::<serde_json::Value>(&data).unwrap()["type"].to_string();
        Bytes::from(format!("event: {}\ndata: {data}\n\n", name.trim_matches('"')))
    };
    events.into_iter().map(event).collect()
}

pub(super) fn asked(text: &str, stream: bool) -> String {
    let mut body: serde_json::Value = serde_json::from_str(&messages(text)).unwrap();
    if stream {
        body["stream"] = true.into();
    }
    body.to_string()
}

pub(super) async fn ask(bed: &Bed, key: &str, body: &str) -> Got {
    ask_with(bed, key, &[], body).await
}

pub(super) async fn ask_with(bed: &Bed, key: &str, headers: &[(&str, &str)], body: &str) -> Got {
    let mut all = vec![("content-type", "application/json"), ("x-api-key", key)];
    all.extend(headers);
    bed.call(Method::POST, "/v1/messages", &all, body.as_bytes()).await
}

pub(super) fn cached(got: &Got) -> &str {
    assert_eq!(got.status, StatusCode::OK, "{}", got.text());
    got.header("x-prxy-cache").unwrap_or("none")
}

/// What a stream of `/v1/messages` says, and its events' types.
pub(super) fn said(stream: &str) -> (String, Vec<String>) {
    let (mut text, mut kinds) = (String::new(), Vec::new());
    for line in stream.lines().filter_map(|line| line.strip_prefix("data: ")) {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        kinds.push(event["type"].as_str().unwrap().to_owned());
        text += event["delta"]["text"].as_str().unwrap_or_default();
    }
    (text, kinds)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_is_answered_again_without_the_provider() {
    let bed = bed(ExactCache::default()).await;
    bed.mock.script(|_| ended("Dear <EMAIL_1>"));
    let body = asked("write to ada@corp.example", false);
    let first = ask(&bed, "key-1", &body).await;
    assert_eq!(cached(&first), "miss");
    let again = ask(&bed, "key-1", &body).await;
    assert_eq!((cached(&again), again.text()), ("exact-cache", first.text()));
    assert!(again.text().contains("Dear ada@corp.example"));
    assert_eq!(again.header("x-prxy-masked"), Some("EMAIL=1"));
    assert_eq!(again.header("x-prxy-modules"), Some("airgap,guardrails,exact-cache"));
    assert_eq!(bed.mock.seen().len(), 1);
    // Another order of the members and other white space ask the same.
    let spelled = r#"{ "messages": [{"content": "write to ada@corp.example", "role": "user"}], "max_tokens": 9, "model": "claude-x" }"#;
    assert_eq!(cached(&ask(&bed, "key-1", spelled).await), "exact-cache");
    // Whatever can change the answer asks something else.
    for other in [
        body.replace("claude-x", "claude-y"),
        body.replace(":9", ":10"),
        body.replace("write to", "write  to"),
        body.replace('{', r#"{"temperature":0.5,"#).replace(r#"[{"temperature":0.5,"#, "[{"),
        body.replace(r#""role""#, r#""cache_control":null,"role""#),
    ] {
        assert_eq!(cached(&ask(&bed, "key-1", &other).await), "miss", "{other}");
    }
    let beta = [("anthropic-beta", "fine-grained")];
    assert_eq!(cached(&ask_with(&bed, "key-1", &beta, &body).await), "miss");
    assert_eq!(cached(&ask(&bed, "key-2", &body).await), "miss", "another tenant");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_users_of_one_template_share_an_answer_and_see_their_own_names() {
    let bed = bed(global()).await;
    bed.mock.script(|seen| {
        let said: serde_json::Value = serde_json::from_slice(&seen.body).unwrap();
        let text = said["messages"][0]["content"].as_str().unwrap();
        let names: Vec<_> = text.split(['<', '>']).skip(1).step_by(2).collect();
        let pieces = ["To <", names[0], ">, not <", names[1], "> nor <EMAIL_99>"];
        match text.contains("stream") {
            true => Play::events(streamed(&pieces)),
            false => ended(&pieces.concat()),
        }
    });
    // So that the second user's numbers are others.
    let warm = asked("x@y.example one@y.example two@y.example", false);
    ask(&bed, "key-2", &warm).await;
    for stream in [false, true] {
        let word = if stream { "stream" } else { "whole" };
        let template = |a: &str, b: &str| asked(&format!("{word}: {a} and {b}"), stream);
        let first = ask(&bed, "key-1", &template("ada@corp.example", "bob@corp.example")).await;
        assert_eq!(cached(&first), "miss");
        let second = ask(&bed, "key-2", &template("two@y.example", "cyd@firm.example")).await;
        assert_eq!(cached(&second), "exact-cache");
        let text = |got: &Got| match stream {
            true => said(got.text()).0,
            false => got.json()["content"][0]["text"].as_str().unwrap().to_owned(),
        };
        assert_eq!(text(&first), "To ada@corp.example, not bob@corp.example nor <EMAIL_99>");
        assert_eq!(text(&second), "To two@y.example, not cyd@firm.example nor <EMAIL_99>");
        for (got, foreign) in [(&second, "corp.example"), (&first, "y.example")] {
            assert!(!got.text().contains(foreign), "{}", got.text());
        }
        // Who names the same person twice asks something else.
        let twice = ask(&bed, "key-2", &template("two@y.example", "two@y.example")).await;
        assert_eq!(cached(&twice), "miss");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn either_form_of_an_answer_serves_the_other() {
    let bed = bed(ExactCache::default()).await;
    bed.mock.script(|seen| match seen.text().contains("\"stream\"") {
        true => Play::events(streamed(&["Dear <EM", "AIL_1>"])),
        false => ended("Dear <EMAIL_1>"),
    });
    for (first, text) in [(true, "a: ada@corp.example"), (false, "b: ada@corp.example")] {
        assert_eq!(cached(&ask(&bed, "k", &asked(text, first)).await), "miss");
        let stream = ask(&bed, "k", &asked(text, true)).await;
        assert_eq!(cached(&stream), "exact-cache");
        assert_eq!(stream.header("content-type"), Some("text/event-stream; charset=utf-8"));
        let (words, kinds) = said(stream.text());
        assert_eq!(words, "Dear ada@corp.example");
        assert_eq!((&*kinds[0], &**kinds.last().unwrap()), ("message_start", "message_stop"));
        let whole = ask(&bed, "k", &asked(text, false)).await;
        assert_eq!(cached(&whole), "exact-cache");
        assert_eq!(whole.json()["content"][0]["text"], "Dear ada@corp.example");
        assert_eq!(whole.json()["usage"]["output_tokens"], 5);
    }
    assert_eq!(bed.mock.seen().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_or_was_cut_short_is_not_kept() {
    let bed = bed(ExactCache::default()).await;
    let cut = |most: usize| Play::events(streamed(&["Dear"]).into_iter().take(most).collect());
    let error = r#"{"type":"error","error":{"type":"overloaded_error","message":"later"}}"#;
    for (number, play) in [
        Play::new(529, "application/json", vec![error.into()]),
        Play::json(&whole("Dear", "max_tokens")),
        Play::json(&whole("Dear", "refusal")),
        Play::json(error),
        Play::json(r#"{"type":"message","con"#),
        Play::new(200, "text/html", vec!["<p>".into()]),
        cut(3),
        cut(5),
        Play::events(vec![format!("event: error\ndata: {error}\n\n").into()]),
    ]
    .into_iter()
    .enumerate()
    {
        let before = bed.mock.seen().len();
        bed.mock.script(move |_| play.clone());
        let body = asked(&format!("number {number}"), false);
        ask(&bed, "k", &body).await;
        let again = ask(&bed, "k", &body).await;
        assert_eq!(again.header("x-prxy-cache"), Some("miss"), "{number}");
        assert_eq!(bed.mock.seen().len(), before + 2, "{number}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_can_go_past_the_cache_and_never_past_the_guardrails() {
    let bed = bed(ExactCache::default()).await;
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    bed.mock.script(move |_| ended(&format!("{}", counted.fetch_add(1, Ordering::SeqCst))));
    let body = asked("to ada@corp.example", false);
    let text = |got: &Got| got.json()["content"][0]["text"].as_str().unwrap().to_owned();
    for (headers, expected) in [
        (&[][..], ("miss", "0")),
        (&[], ("exact-cache", "0")),
        (&[("cache-control", "no-store")], ("bypass", "1")),
        (&[], ("exact-cache", "0")),
        (&[("cache-control", "max-age=0, No-Cache")], ("miss", "2")),
        (&[], ("exact-cache", "2")),
        (&[("x-prxy-pipe", "guardrails")], ("none", "3")),
        (&[("x-prxy-pipe", "")], ("none", "4")),
        (&[("x-prxy-pipe", "exact-cache")], ("exact-cache", "2")),
        // Two lists are one.
        (&[("x-prxy-pipe", ""), ("x-prxy-pipe", "exact-cache")], ("exact-cache", "2")),
    ] {
        let got = ask_with(&bed, "k", headers, &body).await;
        assert_eq!((cached(&got), &*text(&got)), expected, "{headers:?}");
        let modules = got.header("x-prxy-modules").unwrap();
        assert!(modules.starts_with("airgap,guardrails"), "{modules}");
    }
    assert!(bed.mock.seen().iter().all(|seen| seen.text().contains("<EMAIL_1>")));
    for named in ["airgap,ipc", "exact_cache", "{}", "\u{e9}"] {
        let refused = ask_with(&bed, "k", &[("x-prxy-pipe", named)], &body).await;
        assert_eq!((refused.status.as_u16(), refused.reason()), (400, "not-in-pipeline"));
    }
    let told = bed.call(Method::GET, "/v1/pipeline", &[("x-prxy-pipe", "")], b"").await;
    let expected = serde_json::json!({
        "configured": [
            { "name": "airgap", "optional": false },
            { "name": "guardrails", "optional": false },
            { "name": "exact-cache", "optional": true },
        ],
        "active": ["airgap", "guardrails"],
        "embeddings": { "embedder": "offline-1" },
    });
    assert_eq!(told.json(), expected);
    assert_eq!(bed.call(Method::POST, "/v1/pipeline", &[], b"").await.status.as_u16(), 405);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_requests_at_the_same_time_ask_the_provider_once() {
    let bed = Arc::new(bed(global()).await);
    for stream in [false, true] {
        let before = bed.mock.seen().len();
        bed.mock.script(|seen| {
            // Long enough for all to have asked.
            std::thread::sleep(Duration::from_millis(300));
            let said: serde_json::Value = serde_json::from_slice(&seen.body).unwrap();
            let text = said["messages"][0]["content"].as_str().unwrap();
            let name = text.split(['<', '>']).nth(1).unwrap();
            match seen.text().contains("\"stream\"") {
                true => Play::events(streamed(&["Dear <", &name[..2], &name[2..], ">!"])),
                false => ended(&format!("Dear <{name}>!")),
            }
        });
        let asking: Vec<_> = (0..8)
            .map(|user| {
                let bed = Arc::clone(&bed);
                tokio::spawn(async move {
                    let word = if stream { "streamed" } else { "whole" };
                    let body = asked(&format!("{word} to user{user}@corp.example"), stream);
                    let got = ask(&bed, &format!("key-{user}"), &body).await;
                    let text = match stream {
                        true => said(got.text()).0,
                        false => got.json()["content"][0]["text"].as_str().unwrap().to_owned(),
                    };
                    assert_eq!(text, format!("Dear user{user}@corp.example!"));
                    cached(&got).to_owned()
                })
            })
            .collect();
        let mut words = Vec::new();
        for one in asking {
            words.push(one.await.unwrap());
        }
        words.sort();
        assert_eq!(bed.mock.seen().len(), before + 1, "{words:?}");
        assert_eq!(words.iter().filter(|word| *word == "miss").count(), 1, "{words:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_another_ones_error_asks_again_alone() {
    let bed = Arc::new(bed(global()).await);
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    bed.mock.script(move |_| {
        std::thread::sleep(Duration::from_millis(200));
        match counted.fetch_add(1, Ordering::SeqCst) {
            0 => Play::new(401, "application/json", vec![Bytes::from_static(b"{}")]),
            _ => ended("fine"),
        }
    });
    let asking = |key: &'static str| {
        let bed = Arc::clone(&bed);
        tokio::spawn(async move { ask(&bed, key, &asked("hello", false)).await.status.as_u16() })
    };
    let (bad, good) = (asking("bad"), asking("good"));
    let mut statuses = [bad.await.unwrap(), good.await.unwrap()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401]);
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_takes_nobody_with_it_and_the_last_one_ends_the_request() {
    let bed = Arc::new(bed(global()).await);
    let pieces = streamed(&["one ", "two ", "three"]);
    let hanging = Play { hangs: true, ..Play::events(pieces[..4].to_vec()) };
    bed.mock.script(move |_| hanging.clone());
    let body = asked("hello", true);
    let open = async |key: &str| {
        let stream = TcpStream::connect(bed.address).await.unwrap();
        let headers = [("content-type", "application/json"), ("x-api-key", key)];
        send(stream, Method::POST, "/v1/messages", &headers, body.as_bytes()).await.into_body()
    };
    let read_until = async |answer: &mut Incoming, text: &str| {
        let mut read = String::new();
        while !read.contains(text) {
            let frame = answer.frame().await.unwrap().unwrap();
            read += std::str::from_utf8(frame.data_ref().unwrap()).unwrap();
        }
    };
    let mut first = open("a").await;
    read_until(&mut first, "one ").await;
    let mut second = open("b").await;
    read_until(&mut second, "two ").await;
    drop(first);
    let mut third = open("c").await;
    read_until(&mut third, "two ").await;
    assert_eq!((bed.mock.seen().len(), bed.mock.cancelled()), (1, 0));
    drop((second, third));
    eventually("the provider is left", || bed.mock.cancelled() == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_hangs_on_more_than_its_text_is_not_looked_for() {
    let bed = bed(ExactCache::default()).await;
    bed.mock.script(|_| ended("fine"));
    let body = asked("hello", false);
    for state in [
        r#""container":"c""#,
        r#""thread":{"type":"create"}"#,
        r#""mcp_servers":[]"#,
        r#""model":"claude-y""#,
    ] {
        let body = body.replacen('{', &format!("{{{state},"), 1);
        let got = ask(&bed, "k", &body).await;
        assert!(matches!(got.header("x-prxy-cache"), Some("bypass") | None), "{state}");
    }
    let headers = [("content-type", "application/json"), ("x-api-key", "k")];
    let count =
        bed.call(Method::POST, "/v1/messages/count_tokens", &headers, body.as_bytes()).await;
    assert_eq!(count.header("x-prxy-cache"), Some("bypass"), "{}", count.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_the_provider_would_not_answer_gets_nothing_from_the_cache() {
    let bed = Bed::with(|config| {
        config.pipeline.push(Module::ExactCache(global()));
        config.providers[0].client_keys = vec![crate::client::sum(b"key-1")];
    })
    .await;
    bed.mock.script(|_| ended("fine"));
    let body = asked("hello", false);
    assert_eq!(cached(&ask(&bed, "key-1", &body).await), "miss");
    assert_eq!(cached(&ask(&bed, "key-1", &body).await), "exact-cache");
    let stranger = ask(&bed, "key-2", &body).await;
    assert_ne!(stranger.status, StatusCode::OK, "{}", stranger.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_to_a_local_provider_is_in_no_cache() {
    use crate::redact::{Action, Label, Local};
    let bed = Bed::with(|config| {
        let actions = [(Label::new("EMAIL").unwrap(), Action::RouteLocal)].into();
        let local = Local { providers: vec!["lab".to_owned()], model: None };
        let policy = Policy { system_inject: Note::Omit, actions, local, ..Policy::default() };
        config.pipeline = vec![Module::Guardrails(policy), Module::ExactCache(global())];
        config.providers[2].addresses = Addresses::Fixed(vec![Ipv4Addr::LOCALHOST.into()]);
    })
    .await;
    bed.mock.script(|_| ended("fine"));
    let raw = asked("to ada@corp.example", false);
    for path in ["/v1/messages", "/lab/v1/messages"] {
        for _ in 0..2 {
            let got = bed.post(path, &raw).await;
            assert_eq!((cached(&got), got.header("x-prxy-modules")), ("none", Some("guardrails")));
        }
    }
    assert_eq!(bed.mock.seen().len(), 4);
    assert!(bed.mock.seen().iter().all(|seen| seen.text().contains("ada@corp.example")));
    // Elsewhere there is one.
    let clean = asked("hello", false);
    assert_eq!(cached(&bed.post("/v1/messages", &clean).await), "miss");
    assert_eq!(cached(&bed.post("/v1/messages", &clean).await), "exact-cache");
    let database = std::fs::read(bed.config.data_dir.join("state/prxy.db-wal")).unwrap();
    let holds = |text: &str| database.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(holds("fine") && !holds("ada@corp.example"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_signed_speaks_of_the_placeholders_that_it_was_made_for() {
    for scope in [Sharing::Tenant, Sharing::Global] {
        let bed = bed(ExactCache { scope, ..ExactCache::default() }).await;
        bed.mock.script(|_| {
            let mut answer: serde_json::Value =
                serde_json::from_str(&whole("Dear <EMAIL_1>", "end_turn")).unwrap();
            let thinking = serde_json::json!({
                "type": "thinking", "thinking": "It is for <EMAIL_1>.", "signature": "c2ln",
            });
            answer["content"].as_array_mut().unwrap().insert(0, thinking);
            Play::json(&answer.to_string())
        });
        let body =
            |mail: &str| asked(mail, false).replacen('{', r#"{"thinking":{"type":"enabled"},"#, 1);
        assert_eq!(cached(&ask(&bed, "k", &body("ada@corp.example")).await), "miss");
        let same = ask(&bed, "k", &body("ada@corp.example")).await;
        let other = ask(&bed, "k", &body("bob@corp.example")).await;
        let expected = if scope == Sharing::Tenant { "exact-cache" } else { "miss" };
        assert_eq!((cached(&same), cached(&other)), (expected, "miss"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_first_leaves_before_the_answer_the_next_one_asks_for_all() {
    let bed = Arc::new(bed(global()).await);
    bed.mock.script(|_| Play { mute: true, ..ended("never") });
    let body = asked("hello", true);
    let stream = TcpStream::connect(bed.address).await.unwrap();
    let first = tokio::spawn({
        let body = body.clone();
        async move {
            let headers = [("content-type", "application/json"), ("x-api-key", "first")];
            drop(send(stream, Method::POST, "/v1/messages", &headers, body.as_bytes()).await);
        }
    });
    eventually("the first has asked", || bed.mock.seen().len() == 1).await;
    let asking: Vec<_> = (0..6)
        .map(|user| {
            let (bed, body) = (Arc::clone(&bed), body.clone());
            tokio::spawn(async move { ask(&bed, &format!("k{user}"), &body).await.status })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(bed.mock.seen().len(), 1);
    bed.mock.script(|_| {
        std::thread::sleep(Duration::from_millis(300));
        Play::events(streamed(&["Dear"]))
    });
    first.abort();
    for one in asking {
        assert_eq!(one.await.unwrap(), StatusCode::OK);
    }
    assert_eq!(bed.mock.seen().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_read_makes_nobody_keep_more() {
    let bed = Arc::new(bed(global()).await);
    let filler = "x".repeat(1 << 18);
    let piece = format!("event: ping\ndata: {{\"type\":\"ping\",\"x\":\"{filler}\"}}\n\n");
    let mut pieces = vec![Bytes::from(piece); 120];
    pieces.extend(streamed(&["Dear"]));
    let whole: usize = pieces.iter().map(Bytes::len).sum();
    bed.mock.script(move |_| Play::events(pieces.clone()));
    let body = asked("hello", true);
    let open = async |key: &str| {
        let stream = TcpStream::connect(bed.address).await.unwrap();
        let headers = [("content-type", "application/json"), ("x-api-key", key)];
        send(stream, Method::POST, "/v1/messages", &headers, body.as_bytes()).await.into_body()
    };
    let first = open("a").await;
    let mut idle = open("b").await;
    assert_eq!(bed.mock.seen().len(), 1);
    let read = first.collect().await.unwrap().to_bytes();
    assert_eq!(read.len(), whole);
    let mut left = 0;
    let ended = loop {
        match idle.frame().await {
            Some(Ok(frame)) => left += frame.into_data().map_or(0, |data| data.len()),
            Some(Err(_)) => break "cut off",
            None => break "whole",
        }
    };
    assert_eq!(ended, "cut off", "{left} of {whole}");
}
