use serde_json::json;

use super::*;
use crate::reader::{self, Reading};
use crate::tls::Authority;

fn ask(provider: &Provider, namespace: &Namespace, path: &str, body: Value) -> crate::http::Answer {
    let address = provider.address;
    let bytes = crate::http::request("POST", path, &[], body.to_string().as_bytes());
    namespace.block_on(async move {
        let stream = TcpStream::connect(address).await.unwrap();
        Wire::new(stream).call(&bytes).await.unwrap()
    })
}

fn loopback() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

#[test]
fn echoes_come_back_whole_however_they_are_cut() {
    let namespace = Namespace::new("echo").unwrap();
    let provider = Provider::start(&namespace, loopback(), None).unwrap();
    let text = "Write to <EMAIL_1> or <EMAIL_2>, \"quoted\" \\ and\nnew 😀 line";
    for split in Split::all() {
        for (format, path) in
            [(Format::Anthropic, "/v1/messages"), (Format::OpenAi, "/v1/chat/completions")]
        {
            let body = |stream| json!({"model": "m", "stream": stream, "messages": [{"role": "user", "content": text}]});
            provider.script(Script::echo(split.clone()));
            let streamed = ask(&provider, &namespace, path, body(true));
            let expected = Reading { text: text.into(), arguments: String::new() };
            assert_eq!(reader::stream(format, &streamed.body).unwrap(), expected, "{split:?}");
            let whole = ask(&provider, &namespace, path, body(false));
            assert_eq!(reader::whole(format, &whole.body).unwrap(), expected);

            for brackets in [Brackets::Plain, Brackets::Escaped] {
                provider.script(Script::tool("send", brackets, split.clone()));
                let answer = ask(&provider, &namespace, path, body(true));
                let got = reader::stream(format, &answer.body).unwrap().arguments;
                assert_eq!(got.contains('<'), brackets == Brackets::Plain);
                let got: Value = serde_json::from_str(&got).unwrap();
                assert_eq!(got, json!({"text": text, "seen": ["<EMAIL_1>", "<EMAIL_2>"], "n": 1}));
            }
        }
    }
}

#[test]
fn requests_are_kept_to_the_byte() {
    let namespace = Namespace::new("kept").unwrap();
    let provider = Provider::start(&namespace, loopback(), None).unwrap();
    ask(&provider, &namespace, "/v1/messages", json!({"messages": [], "x": 1.50}));
    let got = provider.last().unwrap();
    assert_eq!(got.text(), json!({"messages": [], "x": 1.50}).to_string());
    assert_eq!(got.head.first, "POST /v1/messages HTTP/1.1");
    assert_eq!(got.state, Exchange::Done);
}

#[test]
fn a_client_that_leaves_is_noticed() {
    let namespace = Namespace::new("leaves").unwrap();
    let provider = Provider::start(&namespace, loopback(), None).unwrap();
    let pause = Split { pause: Duration::from_secs(20), ..Split::default() };
    for script in [
        Script::reply(Reply::Silence),
        Script { ending: Ending::HangAfter(2), ..Script::default() },
        Script::echo(pause),
    ] {
        provider.forget();
        provider.script(script.clone());
        let address = provider.address;
        let body =
            json!({"stream": true, "messages": [{"role": "user", "content": "hello there"}]});
        let bytes = crate::http::request("POST", "/v1/messages", &[], body.to_string().as_bytes());
        let wire = namespace.block_on(async move {
            let mut wire = Wire::new(TcpStream::connect(address).await.unwrap());
            wire.send(&bytes).await.unwrap();
            wire
        });
        crate::eventually!(provider.requests().len() == 1);
        drop(wire);
        crate::eventually!(provider.last().unwrap().state == Exchange::Cancelled);
    }
}

#[test]
fn tls_serves_the_configured_names_only() {
    let namespace = Namespace::new("tls").unwrap();
    let authority = Authority::new().unwrap();
    let server = authority.server(&["api.anthropic.com"]).unwrap();
    let provider = Provider::start(&namespace, loopback(), Some(server)).unwrap();
    let address = provider.address;
    for (name, works) in [("api.anthropic.com", true), ("evil.example", false)] {
        let connector = tokio_rustls::TlsConnector::from(authority.client().unwrap());
        let connected = namespace.block_on(async move {
            let stream = TcpStream::connect(address).await.unwrap();
            connector.connect(name.try_into().unwrap(), stream).await.is_ok()
        });
        assert_eq!(connected, works, "{name}");
    }
}
