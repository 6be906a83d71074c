//! A client that goes away takes its upstream request with it.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use std::time::Duration;

use prxy_tests::eventually;
use prxy_tests::http::{Wire, request};
use prxy_tests::provider::{Ending, Exchange, Format, Reply, Script, Split};
use prxy_tests::samples::{self, Delivery};
use prxy_tests::scene::Scene;
use tokio::net::TcpStream;

const FORMATS: [Format; 2] = [Format::Anthropic, Format::OpenAi];

/// Sends a streamed request and hands the connection back.
fn begin(scene: &Scene, format: Format) -> Wire<TcpStream> {
    let body = samples::ask(format, "hello there, how are you?", Delivery::Streamed).to_string();
    let headers = [("content-type", "application/json")];
    let bytes = request("POST", samples::path(format), &headers, body.as_bytes());
    let address = scene.daemon().unwrap().address;
    scene.app().block_on(async move {
        let mut wire = Wire::new(TcpStream::connect(address).await.unwrap());
        wire.send(&bytes).await.unwrap();
        wire
    })
}

#[test]
fn leaving_before_the_first_word_cancels() {
    let scene = Scene::start().unwrap();
    for format in FORMATS {
        let provider = scene.provider(format);
        provider.script(Script::reply(Reply::Silence));
        let wire = begin(&scene, format);
        eventually!(provider.requests().len() == 1);
        assert_eq!(provider.last().unwrap().state, Exchange::Open);
        drop(wire);
        eventually!(provider.last().unwrap().state == Exchange::Cancelled, "{format:?}");
    }
}

#[test]
fn leaving_in_the_middle_of_a_stream_cancels() {
    let scene = Scene::start().unwrap();
    for format in FORMATS {
        let provider = scene.provider(format);
        for script in [
            Script { ending: Ending::HangAfter(4), ..Script::default() },
            Script::echo(Split { pause: Duration::from_secs(1), ..Split::default() }),
        ] {
            provider.forget();
            provider.script(script);
            let mut wire = begin(&scene, format);
            let wire = scene.app().block_on(async move {
                let head = tokio::time::timeout(Duration::from_secs(5), wire.head());
                head.await.expect("the head comes before the end").unwrap().unwrap();
                wire
            });
            eventually!(provider.requests().len() == 1);
            drop(wire);
            eventually!(provider.last().unwrap().state == Exchange::Cancelled, "{format:?}");
        }
    }
}

#[test]
fn others_go_on_when_one_client_leaves() {
    let scene = Scene::start().unwrap();
    let provider = scene.provider(Format::OpenAi);
    provider.script(Script::echo(Split { pause: Duration::from_millis(50), ..Split::default() }));
    let gone = begin(&scene, Format::OpenAi);
    let mut stays = begin(&scene, Format::OpenAi);
    eventually!(provider.requests().len() == 2);
    drop(gone);
    let answer = scene.app().block_on(async move { stays.answer().await.unwrap() });
    let reading = prxy_tests::reader::stream(Format::OpenAi, &answer.body).unwrap();
    assert_eq!(reading.text, "hello there, how are you?");
}

#[test]
fn a_stream_that_the_provider_cuts_ends_for_the_client_too() {
    let scene = Scene::start().unwrap();
    for format in FORMATS {
        let ending = Ending::CutAfter(400);
        scene.provider(format).script(Script { ending, ..Script::default() });
        let mut wire = begin(&scene, format);
        let outcome = scene.app().block_on(async move {
            tokio::time::timeout(Duration::from_secs(5), wire.answer()).await.map(|r| r.is_err())
        });
        assert_eq!(outcome, Ok(true), "{format:?}: the cut must show as a cut");
    }
}
