//! A new configuration under traffic: put in force whole or not at all, and no request is lost.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use std::fs;
use std::net::SocketAddr;
use std::process::{Command, Output};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use prxy::verify::frame::TCP;
use prxy_tests::attack::allowed;
use prxy_tests::capture::only;
use prxy_tests::daemon;
use prxy_tests::eventually;
use prxy_tests::http::{Answer, Wire};
use prxy_tests::lab::{PROVIDER_A, PROVIDER_B};
use prxy_tests::provider::{Delta, Format, Provider, Script, Split};
use prxy_tests::reader;
use prxy_tests::samples::{self, Delivery, TICKET};
use prxy_tests::scene::{Scene, Setting};
use prxy_tests::traffic::Traffic;
use tokio::net::TcpStream;

#[test]
fn fifty_reloads_under_traffic_cost_not_one_request() {
    let scene = Scene::start().unwrap();
    let traffic = Traffic::start(scene.app(), scene.daemon().unwrap().address, 4);
    let usual = scene.config(&Setting::default());
    let turned = {
        let mut lines: Vec<_> = usual.lines().collect();
        let first = lines.iter().position(|line| line.contains("  anthropic:")).unwrap();
        lines.swap(first, first + 1);
        lines.join("\n")
    };
    let variants = [
        format!("{usual}\nlimits: {{ max_body_bytes: 1048576 }}"),
        turned,
        usual.replace("dns:", &format!("{}dns:", literal("more", PROVIDER_B))),
        usual.replace("{ guardrails: {} }", "{ guardrails: { patterns: { CASE: 'C-\\d{6}' } } }"),
        usual.clone(),
    ];
    for (round, variant) in variants.iter().cycle().take(50).enumerate() {
        write(&scene, variant);
        let said = reload(&scene);
        assert!(said.status.success(), "{round}: {said:?}");
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        assert!(said.lines().count() > 1 && said.contains("reloaded, generation "), "{said}");
    }
    let before = traffic.tally().answered;
    eventually!(traffic.tally().answered > before + 20);
    let tally = traffic.tally();
    drop(traffic);
    assert!(tally.refused.is_empty() && tally.wrong.is_empty(), "{tally:?}");
    assert_eq!((tally.cut, tally.hung), (0, 0), "{tally:?}");
    assert!(tally.answered > 50, "{tally:?}");
    let packets = scene.range.capture.all(&scene.range.lab).unwrap();
    let judged = only(&packets, &allowed());
    assert!(judged.holds() && !packets.is_empty(), "{judged}");
    for (label, value) in samples::PERSONAL {
        assert!(!packets.iter().any(|p| p.contains(value.as_bytes())), "{label} on the wire");
    }
    let log = fs::read_to_string(scene.data().join("audit/egress.jsonl")).unwrap();
    let noted = log.lines().filter(|line| line.contains("\"event\":\"reload\"")).count();
    assert!(noted >= 49, "{noted} lines of the audit log"); // the last may not be flushed yet
}

#[test]
fn an_address_that_changes_takes_new_requests_and_the_old_one_ends_what_it_began() {
    let (mut scene, a, b) = two_literals();
    let at = |address| config(&scene, &literal("lab", address));
    let (first, second) = (at(PROVIDER_A), at(PROVIDER_B));
    scene.launch_on(&first, &[]).unwrap();
    let pause = Duration::from_millis(40);
    a.script(Script::echo(Split { delta: Delta::Bytes(10), pause, ..Split::default() }));
    let address = scene.daemon().unwrap().address;
    let stream = scene.app().spawn(async move {
        let body = samples::ask(Format::Anthropic, TICKET, Delivery::Streamed);
        let request = samples::post("/lab/v1/messages", &body);
        Wire::new(TcpStream::connect(address).await.unwrap()).call(&request).await.unwrap()
    });
    eventually!(a.requests().len() == 1);
    write(&scene, &second);
    let said = String::from_utf8(reload(&scene).stdout).unwrap();
    for line in [
        "~ providers.lab.base_url: http://10.77.0.1:9100 -> http://10.77.0.3:9100",
        "+ netgate to 10.77.0.3:9100",
        "- netgate to 10.77.0.1:9100",
    ] {
        assert!(said.lines().any(|said| said == line), "{line}: {said}");
    }
    assert!(!stream.is_finished(), "the stream was to outlive the reload");
    for _ in 0..5 {
        assert_eq!(ask_lab(&scene, "hello").status, 200);
    }
    assert_eq!((a.requests().len(), b.requests().len()), (1, 5));
    let whole = scene.app().block_on(async { stream.await.unwrap() });
    assert_eq!(reader::stream(Format::Anthropic, &whole.body).unwrap().text, TICKET);
    // The kernel would not let netgate connect there any more: only the old connection went there.
    assert_eq!(a.connections(), 1);
    let places = [(TCP, PROVIDER_A, 9100), (TCP, PROVIDER_B, 9100)];
    let places: Vec<_> = places.into_iter().chain(allowed()).collect();
    let judged = only(&scene.range.capture.all(&scene.range.lab).unwrap(), &places);
    assert!(judged.holds(), "{judged}");
}

#[test]
fn providers_come_and_go_and_policy_changes_for_new_requests() {
    let (mut scene, a, _) = two_literals();
    let without = scene.config(&Setting::default());
    let with = config(&scene, &literal("lab", PROVIDER_A));
    scene.launch_on(&with, &[]).unwrap();
    scene.wait_for_routes().unwrap();
    assert_eq!(ask_lab(&scene, "to jane.doe@acme-mail.com").status, 200);

    write(&scene, &without);
    hang_up(&scene, "- providers.lab");
    assert_eq!(ask_lab(&scene, "hello").reason(), Some("unknown-path"));
    // Names that stay keep their addresses.
    assert_eq!(scene.ask(Format::OpenAi, "hello", Delivery::Whole).unwrap().status, 200);

    let block = "{ guardrails: { policy: { EMAIL: block } } }";
    write(&scene, &with.replace("{ guardrails: {} }", block));
    hang_up(&scene, "+ pipeline.guardrails.policy.EMAIL: block");
    let answer = ask_lab(&scene, "to jane.doe@acme-mail.com");
    assert_eq!((answer.status, a.requests().len()), (400, 1), "{}", answer.text());
    assert_eq!(ask_lab(&scene, "to nobody").status, 200);

    write(&scene, &with);
    hang_up(&scene, "- pipeline.guardrails.policy.EMAIL");
    assert_eq!(ask_lab(&scene, "to jane.doe@acme-mail.com").status, 200);
    // The vault knows the value from before.
    assert_eq!(a.requests()[0].body, a.last().unwrap().body);
}

#[test]
fn what_cannot_be_put_in_force_changes_nothing_and_says_all_that_is_wrong() {
    let scene = Scene::start().unwrap();
    let usual = scene.config(&Setting::default());
    let traffic = Traffic::start(scene.app(), scene.daemon().unwrap().address, 2);
    let ca = scene.dir().join("ca.pem").display().to_string();
    let no_bundle = scene.dir().join("no-bundle.pem").display().to_string();
    fs::write(&no_bundle, "nothing").unwrap();
    let cases: &[(&str, String, &[&str])] = &[
        (
            "problems",
            "listen: nowhere\npipeline: [airgap, guardrail]\n".to_owned(),
            &["config.yaml:1:9: error: ", "config.yaml:2:20: error: unknown module `guardrail`"],
        ),
        (
            "restart",
            usual
                .replace("127.0.0.1:0", "127.0.0.1:4000")
                .replace("openai:", "groq: {}\n  openai:")
                .replace("providers:\n", "enforcement: best-effort\nproviders:\n"),
            &[
                "listen: the listener is made before the roles; restart prxy",
                "enforcement: it decides on what the start may do without; restart prxy",
                "providers.groq.key: GROQ_API_KEY was not read at the start; restart prxy",
            ],
        ),
        (
            "port",
            usual.replace("https://api.openai.com'", "https://api.openai.com:8443'"),
            &["providers.openai.base_url: netgate may not connect to port 8443; restart prxy"],
        ),
        (
            "no bundle",
            usual.replace(&ca, "/nonexistent.pem"),
            &["cannot read trust roots from /nonexistent.pem: there is no such file"],
        ),
        (
            "not a bundle",
            usual.replace(&ca, &no_bundle),
            &["providers.anthropic: broker refuses it: no-trust-roots"],
        ),
        (
            "out of reach",
            usual.replace(&ca, "/etc/passwd"),
            &["cannot read trust roots from /etc/passwd: permission denied; "],
        ),
    ];
    let check = |what: &str, expected: &[&str]| {
        let output = reload(&scene);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{what}: {said}");
        for expected in expected {
            assert!(said.contains(expected), "{what}: {expected} not in {said}");
        }
        assert!(said.contains("not reloaded, nothing has changed"), "{what}: {said}");
        assert_eq!(ask(&scene), 200, "{what}");
    };
    for (what, text, expected) in cases {
        write(&scene, text);
        check(what, expected);
    }
    fs::remove_file(scene.dir().join("config.yaml")).unwrap();
    check("vanished", &["config.yaml: error: "]);
    // The same by signal: it is in the log.
    let log = || scene.daemon().unwrap().log();
    let refused = |log: &[String]| log.iter().filter(|l| l.contains("not reloaded")).count();
    let before = refused(&log());
    signal(&scene);
    eventually!(refused(&log()) == before + 1);
    assert!(!log().iter().any(|line| line.contains("configuration reloaded")));
    // And what is right afterwards works.
    write(&scene, &usual);
    assert!(reload(&scene).status.success());
    let answered = traffic.tally().answered;
    eventually!(traffic.tally().answered > answered + 5);
    let tally = traffic.tally();
    assert!(tally.refused.is_empty() && tally.wrong.is_empty() && tally.cut == 0, "{tally:?}");
}

#[test]
fn two_signals_at_once_leave_the_last_configuration_in_force() {
    let scene = Scene::start().unwrap();
    let usual = scene.config(&Setting::default());
    for _ in 0..10 {
        write(&scene, &format!("{usual}\nlimits: {{ max_body_bytes: 4096 }}"));
        signal(&scene);
        write(&scene, &format!("{usual}\nlimits: {{ max_body_bytes: 2048 }}"));
        signal(&scene);
        let long = "x".repeat(3000);
        let refused = || {
            let answer = scene.ask(Format::Anthropic, &long, Delivery::Whole).unwrap();
            (answer.status == 413).then(|| answer.text().contains("2048"))
        };
        eventually!(refused() == Some(true));
        write(&scene, &usual);
        signal(&scene);
        eventually!(refused().is_none());
    }
}

#[test]
fn a_reload_while_draining_is_answered_and_does_not_end_the_drain() {
    let scene = Scene::start().unwrap();
    let (delta, pause) = (Delta::Bytes(10), Duration::from_millis(100));
    scene.anthropic.script(Script::echo(Split { delta, pause, ..Split::default() }));
    let address = scene.daemon().unwrap().address;
    let stream = scene.app().spawn(async move {
        let request = samples::request(Format::Anthropic, TICKET, Delivery::Streamed);
        Wire::new(TcpStream::connect(address).await.unwrap()).call(&request).await.unwrap()
    });
    eventually!(scene.anthropic.requests().len() == 1);
    kill(Pid::from_raw(scene.daemon().unwrap().pid()), Signal::SIGTERM).unwrap();
    let log = || scene.daemon().unwrap().log();
    eventually!(log().iter().any(|line| line.contains("draining")));
    signal(&scene);
    let output = reload(&scene);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && said.contains("about to end"), "{said}");
    let whole = scene.app().block_on(async { stream.await.unwrap() });
    assert_eq!(reader::stream(Format::Anthropic, &whole.body).unwrap().text, TICKET);
}

fn write(scene: &Scene, config: &str) {
    // As careful editors do: there is no moment with half of it.
    let (file, new) = (scene.dir().join("config.yaml"), scene.dir().join("config.new"));
    fs::write(&new, config).unwrap();
    fs::rename(new, file).unwrap();
}

fn signal(scene: &Scene) {
    kill(Pid::from_raw(scene.daemon().unwrap().pid()), Signal::SIGHUP).unwrap();
}

/// Reloads by signal and waits until the log tells this change.
fn hang_up(scene: &Scene, change: &str) {
    signal(scene);
    let line = format!("reload: {change}");
    eventually!(
        scene.daemon().unwrap().log().iter().any(|said| said.contains(&line)),
        "{line}: {:#?}",
        scene.daemon().unwrap().log()
    );
}

/// `prxy reload`.
fn reload(scene: &Scene) -> Output {
    let mut command = Command::new(daemon::binary().unwrap());
    command.arg("reload").arg("--data-dir").arg(scene.data()).output().unwrap()
}

fn ask(scene: &Scene) -> u16 {
    scene.ask(Format::Anthropic, "hello", Delivery::Whole).unwrap().status
}

fn ask_lab(scene: &Scene, text: &str) -> Answer {
    let body = samples::ask(Format::Anthropic, text, Delivery::Whole);
    scene.post("/lab/v1/messages", &body).unwrap()
}

/// A stage with two more providers, in plain text and at literal addresses.
fn two_literals() -> (Scene, Provider, Provider) {
    let scene = Scene::empty().unwrap();
    let start = |ip| {
        let address = SocketAddr::new(ip, 9100);
        Provider::start(&scene.range.lab.net, address, None).unwrap()
    };
    let (a, b) = (start(PROVIDER_A), start(PROVIDER_B));
    (scene, a, b)
}

fn config(scene: &Scene, provider: &str) -> String {
    let usual = scene.config(&Setting::default());
    usual.replace("dns:", &format!("{provider}dns:"))
}

fn literal(name: &str, address: std::net::IpAddr) -> String {
    match name {
        "lab" => format!(
            "  lab: {{ base_url: 'http://{address}:9100', api: anthropic, private: true, \
             dangerously_allow_plaintext: true }}\n"
        ),
        name => format!(
            "  {name}: {{ base_url: 'https://{address}', api: anthropic, private: true }}\n"
        ),
    }
}
