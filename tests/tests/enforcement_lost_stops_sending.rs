//! When the kernel's policy is taken away under a running daemon, nothing is sent any more and
//! clients are told why.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use std::path::PathBuf;

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use prxy_tests::eventually;
use prxy_tests::http::request;
use prxy_tests::metrics::Metrics;
use prxy_tests::provider::Format;
use prxy_tests::samples::Delivery;
use prxy_tests::scene::Scene;
use prxy_tests::sys::detach_pinned_link;

fn pins(scene: &Scene) -> PathBuf {
    let role = scene.daemon().unwrap().role("netgate").unwrap();
    let group = role.cgroup.parent().unwrap().file_name().unwrap().to_string_lossy().into_owned();
    let instance = PathBuf::from("/sys/fs/bpf/prxy").join(group.strip_prefix("prxy-").unwrap());
    std::fs::read_dir(instance).unwrap().next().unwrap().unwrap().path()
}

/// What `/ready` says: status and reason.
fn ready(scene: &Scene) -> (u16, String) {
    let answer = scene.send(request("GET", "/ready", &[], b"")).unwrap();
    let reason = answer.json().unwrap()["reason"].as_str().unwrap_or_default().to_owned();
    (answer.status, reason)
}

#[test]
fn a_detached_program_ends_all_sending_and_clients_are_told() {
    for program in ["egress", "connect4", "setsockopt"] {
        let scene = Scene::start().unwrap();
        let ask = || scene.ask(Format::Anthropic, "hello", Delivery::Whole).unwrap();
        assert_eq!(ask().status, 200);
        eventually!(ready(&scene) == (200, "".into()));
        detach_pinned_link(&pins(&scene).join(program)).unwrap();
        eventually!(ask().status == 503);
        assert_eq!(ready(&scene), (503, "enforcement-lost".into()), "{program}");
        let sent = scene.anthropic.connections();
        for _ in 0..10 {
            let answer = ask();
            assert_eq!(answer.status, 503, "{program}: {}", answer.text());
            assert_eq!(answer.reason(), Some("enforcement-lost"), "{program}");
        }
        assert_eq!(scene.anthropic.connections(), sent, "{program}: connected again");
    }
}

/// A role's answer that is read in the same moment as the loss is seen.
#[test]
fn a_role_that_speaks_at_the_moment_of_the_loss_changes_nothing() {
    let mut scene = Scene::start().unwrap();
    let roles = scene.daemon().unwrap().roles().unwrap();
    let signal = |role: &str, signal: Signal| {
        kill(Pid::from_raw(roles[role].pids[0]), signal).unwrap();
    };
    // It is asked for a sign of life meanwhile, and answers when nobody reads.
    signal("gateway", Signal::SIGSTOP);
    sleep(Duration::from_millis(2500));
    signal("warden", Signal::SIGSTOP);
    signal("gateway", Signal::SIGCONT);
    sleep(Duration::from_millis(300));
    fs::remove_file(pins(&scene).join("egress")).unwrap();
    signal("warden", Signal::SIGCONT);
    let ask = || scene.ask(Format::Anthropic, "hello", Delivery::Whole);
    eventually!(ask().is_ok_and(|answer| answer.reason() == Some("enforcement-lost")));
    let log = scene.data().join("audit/egress.jsonl");
    eventually!(fs::read_to_string(&log).unwrap().contains(r#""event":"stop""#));
    let said = scene.daemon().unwrap().log().join("\n");
    assert!(!said.contains("panicked"), "{said}");
    assert_eq!(scene.end().unwrap().code(), Some(1));
}

#[test]
fn without_a_warden_that_watches_nothing_is_sent_until_it_is_back() {
    let scene = Scene::start().unwrap();
    let ask = || scene.ask(Format::Anthropic, "hello", Delivery::Whole).unwrap();
    // It has asked for signs of life by then.
    sleep(Duration::from_millis(2500));
    assert_eq!(ask().status, 200);
    let warden = Pid::from_raw(scene.daemon().unwrap().pid());
    kill(warden, Signal::SIGSTOP).unwrap();
    sleep(Duration::from_secs(10));
    let sent = scene.anthropic.requests().len();
    let answer = ask();
    let (told, counted) = (ready(&scene), Metrics::read(&scene).unwrap());
    kill(warden, Signal::SIGCONT).unwrap();
    assert_eq!(told, (503, "warden-silent".into()));
    // What it last said is of another time.
    assert_eq!(counted.sum("prxy_ready", &[]), 0.0);
    assert_eq!(counted.sum("prxy_kernel_decisions_total", &[]), 0.0);
    assert_eq!((answer.status, answer.reason()), (503, Some("warden-silent")));
    assert_eq!(scene.anthropic.requests().len(), sent);
    eventually!(ask().status == 200);
    eventually!(ready(&scene) == (200, "".into()));
    assert!(Metrics::read(&scene).unwrap().sum("prxy_kernel_decisions_total", &[]) > 0.0);
}
