//! A request goes to a server that proves to be the configured one, under the configured name, or
//! it is not sent; and nothing that a server or a client says leads anywhere else.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use std::net::SocketAddr;
use std::time::Duration;

use prxy::verify::frame::Packet;
use prxy_tests::capture;
use prxy_tests::http::{self, Wire};
use prxy_tests::lab::{ATTACKER, DNS, PROVIDER_A};
use prxy_tests::provider::{Format, Provider, Reply, Script};
use prxy_tests::samples::{self, Delivery};
use prxy_tests::scene::{ANTHROPIC, OPENAI, Scene};
use prxy_tests::tls::{Authority, Insists};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;

/// Another customer of the provider's host, at the same address and port.
const TENANT: &str = "tenant.evil.example";
const UNTRUSTED: Expected = Err("provider-untrusted");
const MISMATCH: Expected = Err("certificate-pin-mismatch");

type Expected = Result<(), &'static str>;

#[test]
fn a_server_that_does_not_prove_its_identity_gets_no_request() {
    let mut scene = Scene::empty().unwrap();
    let ours = &scene.authority;
    let other = Authority::new().unwrap();
    let (nothing, retry, old) = (Insists::OnNothing, Insists::OnRetry, Insists::OnTls12);
    let own = |name: &str| ours.leaf(&format!("{name}.test")).unwrap();
    let wrong_pin = own("wrong").pin().unwrap();
    let right_pin = |leaf: &prxy_tests::tls::Leaf| Some(leaf.pin().unwrap());
    let mut cases = Vec::new();
    for (name, leaf, pinned, insists, expected) in [
        ("good", own("good"), false, nothing, Ok(())),
        ("tls12", own("tls12"), false, old, Ok(())),
        ("retry", own("retry"), false, retry, Ok(())),
        ("other-name", ours.leaf(OPENAI).unwrap(), false, nothing, UNTRUSTED),
        ("expired", ours.expired_leaf("expired.test").unwrap(), false, nothing, UNTRUSTED),
        ("other-ca", other.leaf("other-ca.test").unwrap(), false, nothing, UNTRUSTED),
        ("pinned", own("pinned"), true, nothing, Ok(())),
        ("pinned12", own("pinned12"), true, old, Ok(())),
        (
            "pinned-expired",
            ours.expired_leaf("pinned-expired.test").unwrap(),
            true,
            nothing,
            UNTRUSTED,
        ),
        ("pinned-other-ca", other.leaf("pinned-other-ca.test").unwrap(), true, nothing, UNTRUSTED),
    ] {
        let pins: Vec<_> = pinned.then(|| right_pin(&leaf)).flatten().into_iter().collect();
        cases.push((name, leaf.server(insists).unwrap(), pins, expected));
    }
    let leaf = own("two-pins");
    let pins = vec![wrong_pin.clone(), leaf.pin().unwrap()];
    cases.push(("two-pins", leaf.server(nothing).unwrap(), pins, Ok(())));
    for (name, insists) in [("mismatch", nothing), ("mismatch12", old)] {
        cases.push((name, own(name).server(insists).unwrap(), vec![wrong_pin.clone()], MISMATCH));
    }

    let ca = scene.dir().join("ca.pem").display().to_string();
    let mut config = "listen: 127.0.0.1:0\nproviders:\n".to_owned();
    let mut providers = Vec::new();
    for (port, (name, server, pins, expected)) in (9000..).zip(cases) {
        let address = SocketAddr::new(PROVIDER_A, port);
        let provider = Provider::start(&scene.range.lab.net, address, Some(server)).unwrap();
        scene.range.dns.addresses(&format!("{name}.test"), &[PROVIDER_A]);
        let pins = match pins.as_slice() {
            [] => String::new(),
            pins => format!(", spki_sha256: ['{}']", pins.join("', '")),
        };
        config += &format!(
            "  {name}: {{ base_url: 'https://{name}.test:{port}', api: anthropic, private: true, ca_file: '{ca}'{pins} }}\n"
        );
        providers.push((name, provider, expected));
    }
    config += &format!("dns: {{ nameservers: ['{DNS}'] }}\n");
    scene.launch_on(&config, &[]).unwrap();

    for (name, provider, expected) in &providers {
        let body = samples::ask(Format::Anthropic, "hello", Delivery::Whole);
        let ask = || scene.post(&format!("/{name}/v1/messages"), &body).unwrap();
        let deadline = std::time::Instant::now() + Duration::from_secs(10);
        let answer = loop {
            let answer = ask();
            if answer.reason() != Some("no-address") || std::time::Instant::now() > deadline {
                break answer;
            }
            std::thread::sleep(Duration::from_millis(50));
        };
        let got = (answer.status, answer.reason(), provider.requests().len());
        let wanted = match expected {
            Ok(()) => (200, None, 1),
            Err(reason) => (502, Some(*reason), 0),
        };
        assert_eq!(got, wanted, "{name}: {}", answer.text());
        assert!(provider.connections() > 0, "{name}");
    }
}

#[test]
fn another_tenant_at_the_same_address_is_never_spoken_to() {
    let mut scene = Scene::empty().unwrap();
    // A port of its own at the first provider's address, with certificates for both tenants.
    let server = scene.authority.server(&["shared.test", TENANT]).unwrap();
    let address = SocketAddr::new(PROVIDER_A, 9443);
    let shared = Provider::start(&scene.range.lab.net, address, Some(server)).unwrap();
    scene.range.dns.addresses("shared.test", &[PROVIDER_A]);
    scene.range.dns.addresses(TENANT, &[PROVIDER_A]);
    let ca = scene.dir().join("ca.pem").display().to_string();
    let config = format!(
        "listen: 127.0.0.1:0\nproviders:\n  shared: {{ base_url: 'https://shared.test:9443', api: anthropic, private: true, ca_file: '{ca}' }}\ndns: {{ nameservers: ['{DNS}'] }}\n"
    );
    scene.launch_on(&config, &[]).unwrap();
    prxy_tests::eventually!(ask_shared(&scene) == 200);
    shared.forget();

    // The control: without prxy the tenant can be reached, and the capture shows its name.
    let start = scene.range.capture.mark(&scene.range.lab).unwrap();
    let client = scene.authority.client().unwrap();
    let body = samples::ask(Format::Anthropic, "hello", Delivery::Whole).to_string();
    let bytes = http::request("POST", "/v1/messages", &[("host", TENANT)], body.as_bytes());
    let status = scene.app().block_on(async move {
        let stream = TcpStream::connect(address).await.unwrap();
        let name = ServerName::try_from(TENANT).unwrap();
        let connector = tokio_rustls::TlsConnector::from(client);
        let stream = connector.connect(name, stream).await.unwrap();
        Wire::new(stream).call(&bytes).await.unwrap().status
    });
    assert_eq!((status, shared.requests().len()), (200, 1));
    let end = scene.range.capture.mark(&scene.range.lab).unwrap();
    assert!(hellos(&scene.range.capture.between(start, end)).iter().any(|h| holds(h, TENANT)));
    shared.forget();

    let start = scene.range.capture.mark(&scene.range.lab).unwrap();
    for (path, header, value) in [
        ("/shared/v1/messages", "host", TENANT),
        ("/shared/v1/messages", "x-forwarded-host", TENANT),
        ("/shared/v1/messages", "x-host", TENANT),
        ("/shared/v1/messages", "x-http-host-override", TENANT),
        ("/shared/v1/messages", "forwarded", "host=tenant.evil.example;proto=https"),
        ("/shared/v1/messages", "x-original-url", "https://tenant.evil.example/v1/messages"),
        ("/shared/v1/messages", "x-rewrite-url", "https://tenant.evil.example/v1/messages"),
        ("/shared/v1/messages", ":authority", TENANT),
        ("/shared/v1/messages", "connection", "upgrade, host"),
        ("https://tenant.evil.example:9443/v1/messages", "accept", "*/*"),
        ("https://tenant.evil.example:9443/shared/v1/messages", "accept", "*/*"),
        ("//tenant.evil.example:9443/shared/v1/messages", "accept", "*/*"),
        ("/shared/@tenant.evil.example/v1/messages", "accept", "*/*"),
        ("/shared/v1/messages?host=tenant.evil.example", "accept", "*/*"),
    ] {
        let headers = [("content-type", "application/json"), (header, value)];
        let bytes = http::request("POST", path, &headers, body.as_bytes());
        // Whatever the answer is: closed, refused, or served by the configured host.
        drop(scene.send(bytes).map_err(|error| println!("{path} {header}: {error:#}")));
    }
    for both in [
        "host: localhost\r\nhost: tenant.evil.example",
        "host: tenant.evil.example\r\nhost: localhost",
    ] {
        let length = body.len();
        let bytes = format!(
            "POST /shared/v1/messages HTTP/1.1\r\n{both}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        drop(scene.send(bytes.into_bytes()).map_err(|error| println!("{error:#}")));
    }
    assert_eq!(ask_shared(&scene), 200);
    for seen in shared.requests() {
        assert_eq!(seen.head.header("host"), Some("shared.test:9443"));
        assert!(seen.head.first.starts_with("POST /v1/messages"), "{}", seen.head.first);
        // A plain query belongs to the request, as its body does.
        let led_astray = seen.head.headers.iter().find(|(_, value)| value.contains("evil"));
        assert_eq!(led_astray, None);
    }
    let end = scene.range.capture.mark(&scene.range.lab).unwrap();
    let packets = scene.range.capture.between(start, end);
    for hello in hellos(&packets) {
        assert!(holds(&hello, "shared.test"), "a ClientHello without the configured name");
    }
    assert!(packets.iter().all(|packet| !holds(&packet.frame, TENANT)));
    assert_eq!(scene.range.dns.names(), ["shared.test"]);
}

fn ask_shared(scene: &Scene) -> u16 {
    let body = samples::ask(Format::Anthropic, "hello", Delivery::Whole);
    scene.post("/shared/v1/messages", &body).unwrap().status
}

#[test]
fn nothing_in_an_answer_leads_anywhere() {
    let scene = Scene::start().unwrap();
    let evil = "evil.example";
    scene.range.dns.addresses(evil, &[ATTACKER]);
    let targets = [
        format!("https://{evil}/v1/messages"),
        format!("//{evil}/v1/messages"),
        format!("https://{ATTACKER}/v1/messages"),
        format!("http://{ATTACKER}/"),
        format!("https://{ANTHROPIC}@{evil}/"),
        format!("https://{OPENAI}/v1/messages"),
        "/v1/elsewhere".to_owned(),
    ];
    let raw = |status: &str, headers: &str| {
        let head = format!("HTTP/1.1 {status}\r\n{headers}content-type: application/json\r\n");
        format!("{head}content-length: 2\r\n\r\n{{}}")
    };
    for status in [300, 301, 302, 303, 304, 305, 307, 308] {
        for target in &targets {
            let answer = scripted(
                &scene,
                &raw(&format!("{status} Moved"), &format!("location: {target}\r\n")),
            );
            assert_eq!(
                (answer.status, answer.reason()),
                (502, Some("redirect-refused")),
                "{status}"
            );
            assert_eq!(answer.head.header("location"), None);
        }
    }
    let target = &targets[0];
    for header in [
        format!("location: {target}"),
        format!("content-location: {target}"),
        format!("refresh: 0; url={target}"),
        format!("link: <{target}>; rel=preload; as=fetch"),
        format!("alt-svc: h2=\"{evil}:443\"; ma=2592000; persist=1, h3=\"{evil}:443\""),
        format!("origin: {evil}"),
        format!("set-cookie: a=b; domain={evil}"),
        format!("x-accel-redirect: {target}"),
        format!("report-to: {{\"endpoints\":[{{\"url\":\"{target}\"}}]}}"),
        format!("reporting-endpoints: x=\"{target}\""),
        format!("nel: {{\"report_to\":\"{target}\"}}"),
        format!("content-security-policy: report-uri {target}"),
        format!("strict-transport-security: max-age=1; {evil}"),
        format!("connection: x-odd\r\nx-odd: {target}"),
        format!("keep-alive: {target}"),
        format!("proxy-authenticate: Basic realm=\"{target}\""),
        format!("upgrade: h2c, {evil}"),
        format!("trailer: {evil}"),
    ] {
        let answer = scripted(&scene, &raw("200 OK", &format!("{header}\r\nrequest-id: kept\r\n")));
        assert_eq!(answer.status, 200, "{header}: {}", answer.text());
        let left = answer.head.headers.iter().find(|(_, value)| value.contains(evil));
        assert_eq!(left, None, "{header}");
        assert_eq!(answer.head.header("request-id"), Some("kept"), "the control");
    }
    let hints = format!(
        "HTTP/1.1 103 Early Hints\r\nlink: <{target}>; rel=preconnect\r\nlocation: {target}\r\n\r\n"
    );
    let answer = scripted(&scene, &(hints + &raw("200 OK", "request-id: kept\r\n")));
    assert_eq!((answer.status, answer.head.header("link")), (200, None));
    assert!(!holds(&answer.head.raw, evil));
    for protocol in ["h2c", "websocket", "TLS/1.0"] {
        let switch = format!(
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: {protocol}\r\nlocation: {target}\r\n\r\n"
        );
        let answer = scripted(&scene, &switch);
        assert_eq!(answer.status, 502, "{protocol}: {:?} {}", answer.reason(), answer.text());
        assert!(!holds(&answer.head.raw, evil));
    }

    // The answers above came to /v1/messages; nothing else was asked of anybody.
    std::thread::sleep(Duration::from_millis(300)); // what was begun would have come by now
    for seen in scene.anthropic.requests() {
        assert!(seen.head.first.starts_with("POST /v1/messages "), "{}", seen.head.first);
    }
    assert_eq!(scene.openai.requests().len(), 0);
    assert_eq!(scene.range.attacker.caught(), []);
    let names = scene.range.dns.names();
    assert!(names.iter().all(|name| name == ANTHROPIC || name == OPENAI), "{names:?}");
    let packets = scene.range.capture.all(&scene.range.lab).unwrap();
    let judged = capture::only(&packets, &prxy_tests::attack::allowed());
    assert!(judged.holds(), "{judged}");
}

/// What a client gets when the first provider answers with these bytes.
fn scripted(scene: &Scene, answer: &str) -> http::Answer {
    scene.anthropic.script(Script::reply(Reply::Raw(answer.as_bytes().to_vec())));
    scene.ask(Format::Anthropic, "hello", Delivery::Whole).unwrap()
}

/// The first records of connections: ClientHellos on their way out.
fn hellos(packets: &[Packet]) -> Vec<Vec<u8>> {
    let out = packets.iter().filter(|packet| packet.outgoing);
    let starts = out.filter_map(|packet| {
        let at = packet.frame.windows(6).position(|w| matches!(w, [22, 3, 1, _, _, 1]))?;
        Some(packet.frame[at..].to_vec())
    });
    starts.collect()
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
