//! Only configured names are ever resolved, whatever a request says; and only configured hosts are
//! ever called.

use std::time::Duration;

use prxy::verify::frame::TCP;
use prxy_tests::http::request;
use prxy_tests::lab::{PROVIDER_A, PROVIDER_B};
use prxy_tests::provider::{Format, Provider, Reply, Script};
use prxy_tests::samples::{self, Delivery};
use prxy_tests::scene::{ANTHROPIC, OPENAI, Scene, Setting};
use serde_json::json;

#[test]
fn hostile_requests_cause_no_question_and_no_connection() {
    let scene = Scene::start().unwrap();
    let evil = "tk-secret.evil.example";
    scene.range.dns.addresses(evil, &[prxy_tests::lab::ATTACKER]);
    let clean = samples::ask(Format::OpenAi, "hello", Delivery::Whole).to_string();
    let url = format!("https://{evil}/x");
    let (shouted, dotted) = (evil.to_uppercase(), format!("{evil}."));
    let json_type = [("content-type", "application/json")];
    let mut requests = Vec::new();
    for header in [
        "host",
        "x-forwarded-host",
        "forwarded",
        "x-original-host",
        "x-target-url",
        "x-base-url",
        "x-prxy-upstream",
        "x-upstream",
        "referer",
        "origin",
        "proxy",
        "location",
        "alt-svc",
        "x-portkey-custom-host",
        "openai-base-url",
        "x-forwarded-server",
        "x-http-host-override",
        "x-real-ip",
        "client-ip",
        "via",
        "from",
        "dns",
        "dnt-host",
        "profile",
        "link",
        "sourcemap",
        "content-location",
        "x-wap-profile",
    ] {
        for value in [evil, &url, &shouted, &dotted, "tk-secret.evil.example\tx"] {
            let headers = [("content-type", "application/json"), (header, value)];
            requests.push(request("POST", "/v1/chat/completions", &headers, clean.as_bytes()));
        }
    }
    for path in [
        url.clone(),
        format!("http://{evil}/v1/chat/completions"),
        format!("//{evil}/v1/chat/completions"),
        format!("/{evil}/v1/chat/completions"),
        format!("/https://{evil}/v1/chat/completions"),
        format!("/openai@{evil}/v1/chat/completions"),
        format!("/v1/chat/completions?url={url}"),
        format!("/v1/chat/completions#@{evil}"),
        format!("/v1/chat/completions?u={evil}&host={evil}:53"),
        format!("/openai/{evil}:443/v1/chat/completions"),
        format!("/openai/..;@{evil}/v1/chat/completions"),
        format!("/openai%40{evil}/v1/chat/completions"),
        format!("\\\\{evil}\\v1\\chat\\completions"),
        format!("dns://{evil}/"),
    ] {
        requests.push(request("POST", &path, &json_type, clean.as_bytes()));
    }
    requests.push(format!("CONNECT {evil}:443 HTTP/1.1\r\nhost: {evil}:443\r\n\r\n").into_bytes());
    let fields = ["base_url", "api_base", "url", "endpoint", "host", "model", "webhook"];
    let more = ["proxy", "callback_url", "user", "service_tier", "dns", "metadata", evil];
    for field in fields.into_iter().chain(more) {
        let mut body = samples::ask(Format::OpenAi, "hello", Delivery::Whole);
        body[field] = json!(url);
        let path = samples::path(Format::OpenAi);
        requests.push(request("POST", path, &json_type, body.to_string().as_bytes()));
    }
    let mut image = samples::ask(Format::Anthropic, "hello", Delivery::Whole);
    image["messages"][0]["content"] =
        json!([{"type": "image", "source": {"type": "url", "url": url}}]);
    image["mcp_servers"] = json!([{"type": "url", "url": url, "name": "x"}]);
    requests.push(request("POST", "/v1/messages", &json_type, image.to_string().as_bytes()));
    for text in [
        format!("please fetch {url} and resolve {evil}"),
        format!("mail to somebody@{evil}"),
        format!("{{\"url\": \"{url}\"}}"),
    ] {
        let body = samples::ask(Format::Anthropic, &text, Delivery::Whole).to_string();
        requests.push(request("POST", "/v1/messages", &json_type, body.as_bytes()));
    }

    for bytes in requests {
        let first = String::from_utf8_lossy(&bytes).lines().next().unwrap_or_default().to_owned();
        // Whatever the answer: closed, refused or served by the configured host.
        drop(scene.send(bytes).map_err(|e| println!("{first}: {e:#}")));
    }
    let told = |provider: &Provider| provider.requests().iter().any(|seen| seen.contains(evil));
    assert!(
        told(&scene.openai) && told(&scene.anthropic),
        "the control: such bodies are passed on"
    );
    for provider in [&scene.anthropic, &scene.openai] {
        for seen in provider.requests() {
            let host = seen.head.header("host").unwrap_or_default();
            assert!([ANTHROPIC, OPENAI].contains(&host), "{host}");
            let hostile = seen.head.headers.iter().find(|(_, value)| value.contains("evil"));
            assert_eq!(hostile, None, "a hostile header was passed on");
        }
    }
    let redirect = Script::reply(Reply::Redirect(url));
    scene.openai.script(redirect);
    drop(scene.ask(Format::OpenAi, "hello", Delivery::Whole));

    std::thread::sleep(Duration::from_millis(300)); // what was asked would have come by now
    for query in scene.range.dns.log() {
        // Addresses only: a service binding (HTTPS, SVCB) could bring an encrypted ClientHello.
        let known = [ANTHROPIC, OPENAI].contains(&query.name.as_str());
        assert!(known && [A, AAAA].contains(&query.kind), "{query:?}");
    }
    assert_eq!(scene.range.attacker.caught(), []);
    let packets = scene.range.capture.all(&scene.range.lab).unwrap();
    let judged = prxy_tests::capture::only(&packets, &prxy_tests::attack::allowed());
    assert!(judged.holds(), "{judged}");
}

#[test]
fn questions_do_not_follow_requests() {
    let scene = Scene::start().unwrap();
    let before = scene.range.dns.log().len();
    for _ in 0..50 {
        assert_eq!(scene.ask(Format::OpenAi, "hello", Delivery::Whole).unwrap().status, 200);
    }
    let asked = scene.range.dns.log().len() - before;
    assert!(asked <= 4, "{asked} questions during 50 requests");
}

#[test]
fn fixed_addresses_are_reached_without_any_question() {
    let mut scene = Scene::empty().unwrap();
    let mut config = scene.config(&Setting::default());
    for (host, address) in [(ANTHROPIC, PROVIDER_A), (OPENAI, PROVIDER_B)] {
        let url = format!("base_url: 'https://{host}'");
        config = config.replace(&url, &format!("{url}, pinned: [{address}], resolve: false"));
    }
    scene.launch_on(&config, &[]).unwrap();
    for format in [Format::Anthropic, Format::OpenAi] {
        let answer = scene.ask(format, "hello", Delivery::Whole).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    std::thread::sleep(Duration::from_millis(300)); // what was asked would have come by now
    assert_eq!(scene.range.dns.log(), []);
    let packets = scene.range.capture.all(&scene.range.lab).unwrap();
    let providers = [(TCP, PROVIDER_A, 443), (TCP, PROVIDER_B, 443)];
    let judged = prxy_tests::capture::only(&packets, &providers);
    assert!(judged.holds(), "{judged}");
}

const A: u16 = 1;
const AAAA: u16 = 28;
