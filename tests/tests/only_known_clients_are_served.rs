//! Where others than the users of this host could connect, only clients with a key are served; on a unix
//! socket the kernel says who a client is; and none of them takes more than its limits.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;

use prxy_tests::eventually;
use prxy_tests::http::{Answer, Wire, request};
use prxy_tests::metrics::Metrics;
use prxy_tests::provider::{Format, Reply, Script};
use prxy_tests::samples::{self, Delivery};
use prxy_tests::scene::{Scene, Setting, call};
use serde_json::json;
use tokio::net::{TcpStream, UnixStream};

const MAIL: &str = "jane.doe@acme-mail.com";

/// As `sha256sum` prints it.
fn sum(key: &str) -> String {
    let output = std::process::Command::new("sh")
        .args(["-c", "printf %s \"$1\" | sha256sum", "sh", key])
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout[..64]).into_owned()
}

/// A configuration with these places to listen and these clients; `test-key`, which the harness brings,
/// is one of them.
fn config(scene: &Scene, listen: &str, pipeline: &str, clients: &str) -> String {
    let usual = Setting { pipeline: pipeline.into(), ..Setting::default() };
    let harness = sum("test-key");
    scene.config(&usual).replace("listen: 127.0.0.1:0", &format!("listen: {listen}"))
        + &format!("\nclients:\n  harness: {{ key_sha256: ['{harness}'] }}\n{clients}")
}

const PIPELINE: &str = "[{ airgap: {} }, { guardrails: {} }]";

fn socket(scene: &Scene) -> PathBuf {
    scene.dir().join("prxy.sock")
}

fn post(key: Option<&str>, more: &[(&str, &str)], text: &str) -> Vec<u8> {
    let body = samples::ask(Format::Anthropic, text, Delivery::Whole).to_string();
    let mut headers = vec![("content-type", "application/json")];
    headers.extend(key.map(|key| ("x-api-key", key)));
    headers.extend(more);
    request("POST", "/v1/messages", &headers, body.as_bytes())
}

#[track_caller]
fn check(answer: &Answer, status: u16, reason: Option<&str>) {
    assert_eq!((answer.status, answer.reason()), (status, reason), "{}", answer.text());
}

#[test]
fn a_listener_that_others_reach_without_clients_is_refused_at_the_start() {
    let mut scene = Scene::empty().unwrap();
    let usual = scene.config(&Setting::default());
    for listen in ["0.0.0.0:0", "'[::]:0'"] {
        let open = usual.replace("listen: 127.0.0.1:0", &format!("listen: {listen}"));
        let refused = scene.refusal(&open, &[]).unwrap();
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(64), "{said}");
        assert!(said.contains("other machines can reach this address"), "{said}");
        assert!(said.contains(":1:9"), "no place: {said}");
    }
    let refused = scene.refusal(&usual, &[("PRXY_LISTEN", "0.0.0.0:0")]).unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(64) && said.contains("PRXY_LISTEN"), "{said}");
    // The positive control.
    scene.launch_on(&config(&scene, "0.0.0.0:0", PIPELINE, ""), &[]).unwrap();
}

#[test]
fn where_others_connect_only_who_brings_a_clients_key_is_served() {
    let mut scene = Scene::empty().unwrap();
    scene.launch_on(&config(&scene, "0.0.0.0:0", PIPELINE, ""), &[]).unwrap();
    scene.wait_for_routes().unwrap();
    let port = scene.daemon().unwrap().address.port();
    let at = SocketAddr::from(([127, 0, 0, 1], port));
    let send = |bytes| call(scene.app(), at, bytes).unwrap();
    check(&send(post(Some("test-key"), &[], "hello")), 200, None);
    scene.anthropic.forget();
    for (key, more) in [
        (None, &[][..]),
        (Some(""), &[]),
        (Some("test-key2"), &[]),
        (None, &[("x-prxy-client", "harness")]),
        (None, &[("x-prxy-caller", "test-key")]),
        (None, &[("cookie", "test-key")]),
    ] {
        check(&send(post(key, more, MAIL)), 401, Some("unknown-client"));
    }
    for path in ["/v1/pipeline", "/v1/models", "/openai/v1/models"] {
        check(&send(request("GET", path, &[], b"")), 401, Some("unknown-client"));
    }
    let json = [("content-type", "application/json")];
    check(&send(request("POST", "/v1/outcomes", &json, b"{}")), 401, Some("unknown-client"));
    assert_eq!(scene.anthropic.requests().len() + scene.openai.requests().len(), 0, "it was sent");
    for path in ["/health", "/ready"] {
        assert_eq!(send(request("GET", path, &[], b"")).status, 200, "{path}");
    }
    assert_eq!(send(request("GET", "/v1/pipeline", &[("x-api-key", "test-key")], b"")).status, 200);
    let now = Metrics::read(&scene).unwrap();
    assert_eq!(now.sum("prxy_refused_total", &["unknown-client"]), 10.0);
    assert!(now.sum("prxy_client_requests_total", &["harness", "served"]) >= 2.0);
}

/// Sends a request to the unix socket as this user, and returns status and reason.
fn as_user(scene: &Scene, uid: u32, gid: u32, bytes: &[u8]) -> (u16, String) {
    let script = "import os,socket,sys\n\
        os.setgroups([]); os.setgid(int(sys.argv[4])); os.setuid(int(sys.argv[3]))\n\
        s=socket.socket(socket.AF_UNIX)\n\
        s.connect(sys.argv[1])\n\
        s.sendall(bytes.fromhex(sys.argv[2]))\n\
        data=b''\n\
        while b'\\r\\n\\r\\n' not in data:\n\
        \x20 more=s.recv(4096)\n\
        \x20 if not more: break\n\
        \x20 data+=more\n\
        sys.stdout.write(data.decode('latin-1'))";
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut command = scene.app().command("/usr/bin/python3");
    command.args(["-I", "-c", script]).arg(socket(scene)).arg(hex);
    command.args([uid.to_string(), gid.to_string()]);
    let output = command.output().unwrap();
    let head = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    let status = head.split(' ').nth(1).unwrap_or_else(|| panic!("{errors}")).parse().unwrap();
    let reason = head.lines().find_map(|line| line.strip_prefix("x-prxy-error: "));
    (status, reason.unwrap_or_default().to_owned())
}

#[test]
fn on_a_unix_socket_the_kernel_says_who_a_client_is() {
    let mut scene = Scene::empty().unwrap();
    let listen = format!("['127.0.0.1:0', 'unix:{}']", socket(&scene).display());
    let clients = "  ward: { uid: 40001, policy: { EMAIL: block } }\n\
        \x20 desk: { uid: 40002, policy: { EMAIL: allow } }\n\
        \x20 staff: { gid: 40050, policy: { EMAIL: allow } }\n";
    scene.launch_on(&config(&scene, &listen, PIPELINE, clients), &[]).unwrap();
    scene.wait_for_routes().unwrap();
    let known = std::fs::symlink_metadata(socket(&scene)).unwrap();
    assert_eq!(known.mode() & 0o7777, 0o666, "everybody may ask who it is");
    let ask = |uid, gid, more: &[(&str, &str)]| as_user(&scene, uid, gid, &post(None, more, MAIL));
    let sent = || scene.anthropic.requests();
    assert_eq!(ask(40001, 1, &[]), (400, "blocked-label".into()));
    assert_eq!(ask(40001, 40050, &[]), (400, "blocked-label".into()), "the user says more");
    assert_eq!(sent().len(), 0);
    // The broker knows it too: what this client may send, it lets pass.
    for (uid, gid) in [(40002, 1), (40003, 40050)] {
        scene.anthropic.forget();
        assert_eq!(ask(uid, gid, &[]), (200, String::new()));
        let seen = sent();
        assert!(seen.len() == 1 && seen[0].contains(MAIL), "{uid} {}", seen[0].text());
        assert_eq!(seen[0].head.header("x-prxy-client"), None);
    }
    scene.anthropic.forget();
    for more in [&[][..], &[("x-prxy-client", "desk")], &[("x-prxy-caller", "desk")]] {
        assert_eq!(ask(40003, 1, more), (401, "unknown-client".into()), "{more:?}");
    }
    // One that is told by its user is not two.
    let both = post(Some("test-key"), &[], MAIL);
    assert_eq!(as_user(&scene, 40002, 1, &both), (400, "two-clients".into()));
    assert_eq!(sent().len(), 0);
    // With a key, whoever connects is that client.
    assert_eq!(as_user(&scene, 40003, 1, &both), (200, String::new()));
    assert!(sent()[0].contains("<EMAIL_1>"), "{}", sent()[0].text());
    // On loopback, where users are not told apart, everybody is nobody in particular, and no claim helps.
    scene.anthropic.forget();
    let claimed = post(None, &[("x-prxy-client", "desk")], MAIL);
    check(&scene.send(claimed).unwrap(), 200, None);
    assert!(sent()[0].contains("<EMAIL_1>"), "{}", sent()[0].text());
    // Nobody opens that door to all users without the question who they are.
    let open = config(&scene, &listen, PIPELINE, "");
    std::fs::write(scene.dir().join("config.yaml"), open).unwrap();
    let mut reload = scene.app().command(prxy_tests::daemon::binary().unwrap());
    let reload = reload.args(["reload", "--data-dir"]).arg(scene.data()).output().unwrap();
    let said = String::from_utf8_lossy(&reload.stderr).into_owned();
    assert!(!reload.status.success() && said.contains("who may open the unix socket"), "{said}");
    assert_eq!(ask(40003, 1, &[]), (401, "unknown-client".into()));
    scene.stop().unwrap();
    assert!(!socket(&scene).exists(), "its name stays behind");
}

#[test]
fn a_unix_socket_alone_is_for_its_group_and_leaves_no_port() {
    let mut scene = Scene::empty().unwrap();
    let listen = format!("'unix:{}'", socket(&scene).display());
    let usual = scene.config(&Setting::default());
    let text = usual.replace("listen: 127.0.0.1:0", &format!("listen: {listen}"));
    scene.launch_on(&text, &[]).unwrap();
    let known = std::fs::symlink_metadata(socket(&scene)).unwrap();
    assert_eq!(known.permissions().mode() & 0o7777, 0o660);
    let listening = scene.app().command("ss").args(["-Hltn"]).output().unwrap();
    let ports = String::from_utf8_lossy(&listening.stdout).into_owned();
    assert!(ports.trim().is_empty(), "{ports}");
    let path = socket(&scene);
    let ask = || {
        let (path, bytes) = (path.clone(), post(Some("any"), &[], MAIL));
        scene.app().block_on(async move {
            let stream = UnixStream::connect(path).await.unwrap();
            Wire::new(stream).call(&bytes).await.unwrap()
        })
    };
    eventually!(ask().status == 200);
    assert!(scene.anthropic.last().unwrap().contains("<EMAIL_1>"));
}

#[test]
fn no_client_takes_more_than_its_limits() {
    let mut scene = Scene::empty().unwrap();
    let client = |name: &str, limits: &str| {
        format!("  {name}: {{ key_sha256: ['{}'], limits: {{ {limits} }} }}\n", sum(name))
    };
    let clients = client("often", "requests_per_minute: 3")
        + &client("many", "concurrent: 2")
        + &client("poor", "perDay: 0.60")
        + &client("small", "perRequest: 0.01");
    // A tenth of a cent for every token: an answer of the mock, 25 tokens and 15, costs four cents.
    let pipeline = "[{ airgap: {} }, { guardrails: {} }, { cost-guard: \
        { prices: { '*': { input: 1000, output: 1000 } }, assumeOutput: 10 } }]";
    scene.launch_on(&config(&scene, "127.0.0.1:0", pipeline, &clients), &[]).unwrap();
    scene.wait_for_routes().unwrap();
    let ask = |key: &str| {
        let mut body = samples::ask(Format::Anthropic, "hi", Delivery::Whole);
        body["max_tokens"] = json!(15);
        let headers = [("content-type", "application/json"), ("x-api-key", key)];
        let bytes = request("POST", "/v1/messages", &headers, body.to_string().as_bytes());
        scene.send(bytes).unwrap()
    };
    for _ in 0..3 {
        check(&ask("often"), 200, None);
    }
    let refused = ask("often");
    check(&refused, 429, Some("client-rate"));
    let wait: u64 = refused.head.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=21).contains(&wait), "{wait}");
    check(&ask("test-key"), 200, None);

    // Two whose answers do not come.
    scene.anthropic.script(Script::reply(Reply::Silence));
    let address = scene.daemon().unwrap().address;
    scene.anthropic.forget();
    let waiting = scene.app().block_on(async move {
        let mut waiting = Vec::new();
        for _ in 0..2 {
            let mut wire = Wire::new(TcpStream::connect(address).await.unwrap());
            wire.send(&post(Some("many"), &[], "hi")).await.unwrap();
            waiting.push(wire);
        }
        waiting
    });
    eventually!(scene.anthropic.requests().len() == 2, "they are not under way");
    scene.anthropic.script(Script::default());
    check(&ask("many"), 429, Some("client-busy"));
    check(&ask("test-key"), 200, None);
    drop(waiting);
    eventually!(ask("many").status == 200);

    // Each has its own purse, and nobody else's is touched.
    let mut served = 0;
    let refused = loop {
        let answer = ask("poor");
        if answer.status != 200 {
            break answer;
        }
        served += 1;
        assert!(served < 20, "no limit holds");
    };
    check(&refused, 429, Some("cost-limit-per-day"));
    assert!(served >= 1, "{served}");
    check(&ask("small"), 400, Some("cost-limit-per-request"));
    check(&ask("test-key"), 200, None);
    let now = Metrics::read(&scene).unwrap();
    for name in ["often", "many", "poor", "small"] {
        assert!(now.sum("prxy_client_requests_total", &[name, "refused"]) >= 1.0, "{name}");
    }
}
