//! `prxy status` says that everything holds only when it has seen it, and names what does not.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Output};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use prxy_tests::provider::Format;
use prxy_tests::samples::Delivery;
use prxy_tests::scene::{Scene, Setting};
use prxy_tests::sys::detach_pinned_link;
use prxy_tests::{daemon, eventually};
use serde_json::{Value, json};

fn command(scene: &Scene, more: &[&str]) -> Command {
    let mut command = Command::new(daemon::binary().unwrap());
    command.arg("status").args(more).arg("--data-dir").arg(scene.data());
    command
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn status(scene: &Scene) -> Value {
    serde_json::from_slice(&command(scene, &["--json"]).output().unwrap().stdout).unwrap()
}

fn pins(scene: &Scene) -> PathBuf {
    let role = scene.daemon().unwrap().role("netgate").unwrap();
    let group = role.cgroup.parent().unwrap().file_name().unwrap().to_string_lossy().into_owned();
    let instance = PathBuf::from("/sys/fs/bpf/prxy").join(group.strip_prefix("prxy-").unwrap());
    std::fs::read_dir(instance).unwrap().next().unwrap().unwrap().path()
}

#[test]
fn all_of_it_holds_and_each_part_was_read() {
    let scene = Scene::start().unwrap();
    assert_eq!(scene.ask(Format::Anthropic, "hello", Delivery::Whole).unwrap().status, 200);
    let output = command(&scene, &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).starts_with("prxy holds: 5 roles, "), "{}", said(&output));
    assert!(said(&output).contains("cannot be read back from outside"), "{}", said(&output));
    assert!(said(&output).lines().count() < 45, "{}", said(&output));

    let status = status(&scene);
    assert_eq!((&status["holds"], &status["seen"]["unknown"]), (&json!(true), &json!([])));
    let roles = scene.daemon().unwrap().roles().unwrap();
    for view in status["seen"]["roles"].as_array().unwrap() {
        let role = &roles[view["role"].as_str().unwrap()];
        assert_eq!(view["pid"], role.pids[0]);
        assert_eq!(view["seccomp_mode"], 2);
        assert_eq!(view["capabilities"]["CapEff"], "0000000000000000");
    }
    let warden = &status["warden_says"];
    assert_eq!(warden["halted"], false);
    assert_eq!(warden["routes"][0]["addresses"], json!(["10.77.0.1"]));
    assert_eq!(warden["pid"], scene.daemon().unwrap().pid());
    let sum = Command::new("sha256sum").arg(scene.dir().join("config.yaml")).output().unwrap();
    let sum = String::from_utf8(sum.stdout).unwrap();
    assert_eq!(warden["config"]["sha256"], sum.split(' ').next().unwrap());
    let log = std::fs::read_to_string(scene.data().join("audit/egress.jsonl")).unwrap();
    let ready = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let ready = ready.rev().find(|line| line["event"] == "ready").unwrap();
    let programs = status["seen"]["programs"].as_array().unwrap().iter();
    let programs: Vec<_> = programs.map(|program| program["name"].clone()).collect();
    assert_eq!(ready["programs"], json!(programs), "the log names the same ones");
    let counters = warden["counters"].to_string();
    assert!(counters.contains(r#""reason":"allowlisted""#), "{counters}");
}

#[test]
fn a_link_that_is_gone_is_named() {
    for program in ["egress", "connect4"] {
        let scene = Scene::start().unwrap();
        detach_pinned_link(&pins(&scene).join(program)).unwrap();
        let output = command(&scene, &[]).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        assert_eq!(output.stderr, b"", "said once");
        assert!(said(&output).contains(&format!("{program}: NOT")), "{}", said(&output));
        assert!(!said(&output).contains("prxy holds"), "{}", said(&output));
    }
    let scene = Scene::start().unwrap();
    std::fs::remove_file(pins(&scene).join("bind4")).unwrap();
    let output = command(&scene, &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("bind4: NOT"), "{}", said(&output));
}

#[test]
fn a_daemon_that_is_stopped_killed_or_never_was_is_not_said_to_hold() {
    let mut scene = Scene::start().unwrap();
    let warden = Pid::from_raw(scene.daemon().unwrap().pid());
    // It is all there, but nobody watches.
    kill(warden, Signal::SIGSTOP).unwrap();
    let output = command(&scene, &[]).output().unwrap();
    kill(warden, Signal::SIGCONT).unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("warden: does not answer"), "{}", said(&output));

    let netgate = scene.daemon().unwrap().role("netgate").unwrap();
    kill(Pid::from_raw(netgate.pids[0]), Signal::SIGKILL).unwrap();
    let no_daemon = || {
        let output = command(&scene, &[]).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        output.status.code() == Some(3) && error.contains("no daemon runs on")
    };
    eventually!(no_daemon());
    scene.launch(&Setting::default()).unwrap();
    assert_eq!(command(&scene, &[]).output().unwrap().status.code(), Some(0));

    let nowhere = tempfile::tempdir().unwrap();
    let mut never = Command::new(daemon::binary().unwrap());
    let output = never.arg("status").arg("--data-dir").arg(nowhere.path()).output().unwrap();
    let told = format!(
        "prxy: no daemon runs on {}; for another directory give --data-dir\n",
        nowhere.path().display()
    );
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), said(&output), error), (Some(3), String::new(), told));
    // Machines are told as well as of anything else.
    let mut never = Command::new(daemon::binary().unwrap());
    let never = never.args(["status", "--json", "--data-dir"]).arg(nowhere.path());
    let output = never.output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &report["holds"]), (Some(3), &json!(false)));
}

#[test]
fn whoever_is_not_root_is_told_what_could_not_be_read() {
    let scene = Scene::start().unwrap();
    // A copy that other users can reach.
    let binary = scene.dir().join("prxy");
    std::fs::copy(daemon::binary().unwrap(), &binary).unwrap();
    let mut command = Command::new(binary);
    command.arg("status").arg("--data-dir").arg(scene.data()).uid(65534).gid(65534);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).starts_with("prxy UNKNOWN: "), "{}", said(&output));
    for unknown in ["unknown  egress: ", "only root may ask", "unknown  gateway: "] {
        assert!(said(&output).contains(unknown), "{unknown}: {}", said(&output));
    }
    // And nobody else can reach the socket, whatever it is told.
    let socket = scene.data().join("control.sock");
    let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(socket).unwrap());
    assert_eq!(mode & 0o777, 0o600);
}

/// Only the warden is asked, whoever else listens in its place.
#[test]
fn somebody_else_on_the_control_socket_is_named_and_not_believed() {
    let scene = Scene::start().unwrap();
    let socket = scene.data().join("control.sock");
    let truth = status(&scene)["warden_says"].clone();
    std::fs::rename(&socket, scene.data().join("aside")).unwrap();
    let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    std::thread::spawn(move || {
        use std::io::Write;
        while let Ok((mut stream, _)) = listener.accept() {
            drop(stream.write_all(truth.to_string().as_bytes()));
        }
    });
    let output = command(&scene, &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("which is not the warden"), "{}", said(&output));
    let mut reload = Command::new(daemon::binary().unwrap());
    let output = reload.arg("reload").arg("--data-dir").arg(scene.data()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    // The daemon removes its own at the end.
    std::fs::rename(scene.data().join("aside"), socket).unwrap();
}
