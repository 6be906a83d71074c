//! The metrics say what happened, in words of the configuration alone: whatever a client or a provider
//! calls things, nothing of it gets into them, and their number stays what it is.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use prxy_common::{Reason, Role};
use prxy_tests::eventually;
use prxy_tests::http::{Wire, request};
use prxy_tests::metrics::{Metrics, get};
use prxy_tests::provider::{Format, Reply, Script};
use prxy_tests::samples::{self, Delivery, PERSONAL, TICKET, secrets};
use prxy_tests::scene::{Scene, Setting, call};
use serde_json::json;
use tokio::net::TcpStream;

const EVERYTHING: &str = "[{ airgap: {} }, { guardrails: { patterns: { MRN: 'M-\\d{6}' } } }, \
     { exact-cache: {} }, { semantic-cache: {} }, { patterns: {} }, { ipc: {} }, { mcp-optimizer: {} }]";

fn scene() -> Scene {
    let setting = Setting {
        pipeline: EVERYTHING.into(),
        extra: "metrics: { listen: 127.0.0.1:9464 }".into(),
        ..Setting::default()
    };
    Scene::start_with(&setting).unwrap()
}

#[test]
fn what_was_done_is_what_is_counted() {
    let scene = scene();
    // The warden's part is there as soon as the daemon is ready.
    eventually!(Metrics::read(&scene).unwrap().sum("prxy_ready", &[]) == 1.0);
    let before = Metrics::read(&scene).unwrap();
    assert_eq!(scene.ask(Format::Anthropic, TICKET, Delivery::Whole).unwrap().status, 200);
    assert_eq!(scene.ask(Format::Anthropic, TICKET, Delivery::Whole).unwrap().status, 200);
    assert_eq!(
        scene.ask(Format::OpenAi, "record M-123456", Delivery::Streamed).unwrap().status,
        200
    );
    let secret = &secrets()[0].1;
    assert_eq!(scene.ask(Format::Anthropic, secret, Delivery::Whole).unwrap().status, 400);
    scene.openai.script(Script::reply(Reply::Status(529, "{}".into())));
    assert_eq!(scene.ask(Format::OpenAi, "again", Delivery::Whole).unwrap().status, 529);
    assert_eq!(scene.send(request("GET", "/v1/nowhere", &[], b"")).unwrap().status, 404);
    let done = || Metrics::read(&scene).unwrap().sum("prxy_requests_in_flight", &[]) == 0.0;
    eventually!(done());
    let after = Metrics::read(&scene).unwrap();
    let gained = |name: &str, values: &[&str]| after.sum(name, values) - before.sum(name, values);
    for (name, values, expected) in [
        ("prxy_requests_total", &["anthropic", "messages", "2xx"][..], 2.0),
        ("prxy_requests_total", &["anthropic", "messages", "4xx"], 1.0),
        ("prxy_requests_total", &["openai", "chat", "2xx"], 1.0),
        ("prxy_requests_total", &["openai", "chat", "5xx"], 1.0),
        ("prxy_requests_total", &["-", "unknown", "4xx"], 1.0),
        ("prxy_refused_total", &["blocked-label"], 1.0),
        ("prxy_refused_total", &["unknown-path"], 1.0),
        ("prxy_upstream_total", &["anthropic", "2xx"], 1.0),
        ("prxy_upstream_total", &["openai", "5xx"], 1.0),
        ("prxy_upstream_first_byte_seconds_count", &["anthropic"], 1.0),
        ("prxy_cache_total", &["exact-cache"], 1.0),
        ("prxy_masked_total", &["MRN"], 1.0),
        ("prxy_blocked_total", &["API_KEY"], 1.0),
        ("prxy_stage_seconds_count", &["whole"], 6.0),
        ("prxy_stage_seconds_count", &["pipeline"], 5.0),
        ("prxy_module_seconds_count", &["airgap"], 5.0),
        ("prxy_module_seconds_count", &["guardrails"], 5.0),
        ("prxy_module_seconds_count", &["exact-cache"], 4.0),
        ("prxy_module_seconds_count", &["mcp-optimizer"], 3.0),
        ("prxy_refused_total", &["other"], 0.0),
        ("prxy_masked_total", &["other"], 0.0),
    ] {
        assert_eq!(gained(name, values), expected, "{name} {values:?}");
    }
    // One of them stands twice in the text, and one request was answered twice.
    assert_eq!(gained("prxy_masked_total", &["EMAIL"]), 6.0);
    assert!(after.sum("prxy_state_bytes", &[]) > 4096.0);
    // Counted now and then.
    eventually!(Metrics::read(&scene).unwrap().sum("prxy_vault_entries", &[]) > 5.0);
}

#[test]
fn the_kernels_counters_are_those_of_status() {
    let scene = scene();
    let counted = || {
        let now = Metrics::read(&scene).unwrap();
        let sum = |values: &[&str]| now.sum("prxy_kernel_decisions_total", values);
        (
            sum(&["netgate", "allowlisted", "allow"]),
            sum(&["netgate", "deny"]),
            sum(&["front", "listener"]),
        )
    };
    let (allowed, denied, _) = counted();
    // Canaries were denied, and answers came.
    assert!(denied > 0.0, "{denied}");
    scene.ask(Format::Anthropic, "hello there", Delivery::Whole).unwrap();
    eventually!(counted().0 > allowed, "{:?}", counted());
    let mut control = scene.app().command(prxy_tests::daemon::binary().unwrap());
    let output =
        control.args(["status", "--json", "--data-dir"]).arg(scene.data()).output().unwrap();
    let status: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let told = status["warden_says"]["counters"].as_array().unwrap();
    let of = |role: &str, reason: &str| {
        let row = told.iter().find(|row| row["role"] == role && row["reason"] == reason);
        row.and_then(|row| row["count"].as_u64()).unwrap_or(0)
    };
    let most = of("netgate", "allowlisted") as f64;
    eventually!(counted().0 >= most, "{:?} {most}", counted());
    let now = Metrics::read(&scene).unwrap();
    assert_eq!(
        now.sum("prxy_generation", &[]),
        status["warden_says"]["generation"].as_f64().unwrap()
    );
    assert_eq!(now.sum("prxy_config_epoch", &[]), 1.0);
    assert!(now.sum("prxy_uptime_seconds", &[]) > 0.0);
    assert!(now.sum("prxy_audit_lines_total", &[]) > 0.0);
}

/// Names as hostile as HTTP and JSON let them be.
const HOSTILE: [&str; 6] = [
    "needle-1",
    "needle-2\"} 1\nprxy_needle_total{x=\"y",
    "needle-3\\\n# TYPE prxy_needle counter",
    "needle-4-\u{202e}\u{0}",
    "needle-5-jane.doe@acme-mail.com",
    "needle-6-%0a{}=,\"",
];

#[test]
fn hostile_names_make_no_series_and_leave_no_trace() {
    let scene = scene();
    let ask = |round: usize| {
        for (number, name) in HOSTILE.iter().enumerate() {
            let plain: String =
                name.chars().map(|c| if c.is_ascii_graphic() { c } else { '-' }).collect();
            let unique = format!("{plain}-{round}");
            for path in [
                format!("/{unique}/v1/messages"),
                format!("/v1/messages/{unique}"),
                format!("/v1/files/{unique}?q={unique}"),
                format!("/v1beta/models/{unique}:generateContent"),
            ] {
                let path = path.replace(['{', '}', '"', '\\'], "-");
                let bytes = request("POST", &path, &[("content-type", "application/json")], b"{}");
                drop(scene.send(bytes));
            }
            for format in [Format::Anthropic, Format::OpenAi] {
                let mut body = samples::ask(format, TICKET, Delivery::Whole);
                body["model"] = json!(format!("{name}-{round}"));
                body["user"] = json!(name);
                body["metadata"] = json!({ "user_id": name });
                body["tools"] = json!([{ "name": name, "type": name }]);
                body[name] = json!(name);
                let headers = [
                    ("content-type", "application/json"),
                    ("x-api-key", unique.as_str()),
                    ("x-prxy-pipe", unique.as_str()),
                    ("x-prxy-error", unique.as_str()),
                    ("x-prxy-caller", unique.as_str()),
                    ("user-agent", unique.as_str()),
                    ("anthropic-beta", "needle-beta"),
                ];
                let body = body.to_string();
                for count in [2 + number % 2, headers.len()] {
                    let bytes =
                        request("POST", samples::path(format), &headers[..count], body.as_bytes());
                    drop(scene.send(bytes));
                }
            }
        }
        let method = request(&format!("NEEDLE{round}"), "/v1/messages", &[], b"");
        drop(scene.send(method));
        for reply in [529, 299, 404, 599] {
            let needle = format!("{{\"needle-{round}\":1}}");
            scene.anthropic.script(Script::reply(Reply::Status(reply, needle)));
            drop(scene.ask(Format::Anthropic, &format!("round {round}"), Delivery::Whole));
        }
        scene.anthropic.script(Script::default());
    };
    ask(0);
    ask(1);
    let text = || get(&scene, "/metrics").unwrap().text();
    // Every word of the tables and of the configuration stands somewhere from the beginning; what the
    // kernel's programs say may come later.
    let words = |text: &str| {
        let labels = Metrics::parse(text).0.into_keys().flat_map(|(_, labels)| labels);
        labels.map(|(_, value)| value).collect::<BTreeSet<_>>()
    };
    let kernel = Role::ALL.iter().map(|role| role.name());
    let kernel = kernel.chain(Reason::ALL.iter().map(|reason| reason.name()));
    let mut known = words(&text());
    known.extend(kernel.map(str::to_owned));
    let before = Metrics::parse(&text()).0.len();
    for round in 2..6 {
        ask(round);
    }
    let last = text();
    let strange: Vec<_> = words(&last).difference(&known).cloned().collect();
    assert!(strange.is_empty(), "{strange:?}");
    // The kernel's, and connections that were lost on the way.
    let after = Metrics::parse(&last).0.len();
    assert!(after < before + 12, "{before} {after}");
    let lower = last.to_lowercase();
    assert!(!lower.contains("needle"), "{last}");
    for (_, value) in PERSONAL {
        // A first name can be part of a word of the table's.
        assert!(value.len() < 8 || !last.contains(value), "{value}");
    }
    for word in ["test-key", "claude", "gpt", "jane.doe", "api.anthropic.com", "10.77.", "default"]
    {
        assert!(!lower.contains(word), "{word}: {last}");
    }
    // The positive control: something was counted all the while.
    assert!(Metrics::parse(&last).sum("prxy_refused_total", &[]) > 100.0);
}

#[test]
fn the_sockets_are_for_those_they_are_made_for() {
    let mut scene = scene();
    let path = scene.data().join("metrics.sock");
    let known = fs::symlink_metadata(&path).unwrap();
    assert!(known.file_type().is_socket());
    assert_eq!((known.mode() & 0o7777, known.uid()), (0o660, 0));
    let at = |address: &str, path: &str, host: &str| {
        let bytes = request("GET", path, &[("host", host)], b"");
        call(scene.app(), address.parse().unwrap(), bytes)
    };
    let answer = at("127.0.0.1:9464", "/metrics", "localhost").unwrap();
    assert_eq!(answer.status, 200);
    Metrics::parse(&answer.text());
    assert_eq!(at("127.0.0.1:9464", "/metrics", "evil.example").unwrap().status, 421);
    assert_eq!(at("127.0.0.1:9464", "/", "localhost").unwrap().status, 404);
    assert_eq!(at("127.0.0.1:9464", "/v1/messages", "localhost").unwrap().status, 404);
    // Where clients connect there are none.
    let clients = scene.daemon().unwrap().address.to_string();
    assert_eq!(at(&clients, "/metrics", "localhost").unwrap().status, 404);
    for path in ["/health", "/ready"] {
        assert_eq!(at("127.0.0.1:9464", path, "localhost").unwrap().status, 200, "{path}");
        assert_eq!(at(&clients, path, "localhost").unwrap().status, 200, "{path}");
        assert_eq!(get(&scene, path).unwrap().status, 200, "{path}");
    }
    scene.stop().unwrap();
    assert!(!path.exists(), "its name stays behind");
    // What a crash leaves behind is no obstacle.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    scene.launch(&Setting::default()).unwrap();
    eventually!(get(&scene, "/ready").unwrap().status == 200);
}

#[test]
fn readers_that_never_read_keep_nobody_out() {
    let scene = scene();
    let address: std::net::SocketAddr = "127.0.0.1:9464".parse().unwrap();
    let idle = scene.app().block_on(async move {
        let mut idle = Vec::new();
        for _ in 0..64 {
            idle.push(TcpStream::connect(address).await.unwrap());
        }
        idle
    });
    eventually!(get(&scene, "/metrics").is_ok_and(|answer| answer.status == 200));
    assert_eq!(scene.ask(Format::Anthropic, "hello", Delivery::Whole).unwrap().status, 200);
    drop(idle);
    // A client's door that is full does not shut this one.
    let address = scene.daemon().unwrap().address;
    let many = scene.app().block_on(async move {
        let mut many = Vec::new();
        for _ in 0..450 {
            let mut wire = Wire::new(TcpStream::connect(address).await.unwrap());
            wire.send(
                b"POST /v1/messages HTTP/1.1\r\nhost: localhost\r\n\
                content-type: application/json\r\ncontent-length: 9\r\n\r\n",
            )
            .await
            .unwrap();
            many.push(wire);
        }
        many
    });
    assert_eq!(get(&scene, "/ready").unwrap().status, 200);
    let now = Metrics::read(&scene).unwrap();
    assert!(now.sum("prxy_requests_in_flight", &[]) > 100.0);
    drop(many);
}
