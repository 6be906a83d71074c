//! What a running daemon records can be checked, over crashes, rotation and a full disk, and
//! nobody can change it without being seen.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;

use nix::mount::{MsFlags, mount, umount};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use prxy_tests::attack::{self, Confinement, Verdict};
use prxy_tests::provider::Format;
use prxy_tests::samples::{Delivery, TICKET};
use prxy_tests::scene::{Scene, Setting};
use prxy_tests::{daemon, eventually, sys};
use serde_json::Value;

fn prxy(scene: &Scene, arguments: &[&str]) -> Output {
    let mut command = Command::new(daemon::binary().unwrap());
    command.args(arguments).arg("--data-dir").arg(scene.data()).output().unwrap()
}

/// The verifier's report, and whether it ended with 0.
fn verify(scene: &Scene, arguments: &[&str]) -> (Value, bool) {
    let output = prxy(scene, &[&["audit", "verify", "--json"], arguments].concat());
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["ok"], output.status.success(), "{report}");
    (report, output.status.success())
}

fn setting(audit: &str) -> Setting {
    Setting { extra: format!("audit: {audit}\n"), ..Setting::default() }
}

fn audit(scene: &Scene) -> PathBuf {
    scene.data().join("audit")
}

fn events(scene: &Scene) -> Vec<String> {
    let text = fs::read_to_string(audit(scene).join("egress.jsonl")).unwrap();
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter_map(|line| Some(line["event"].as_str()?.to_owned())).collect()
}

fn kill_warden(scene: &Scene) {
    let pid = scene.daemon().unwrap().pid();
    kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    let stat = || fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    eventually!(stat().is_empty() || stat().contains(") Z"));
}

/// A compromised netgate that asks for what it may not have, at full speed.
struct Flood(Child);

impl Flood {
    fn start(scene: &Scene) -> Self {
        let role = scene.daemon().unwrap().role("netgate").unwrap();
        let procs = fs::File::options().write(true).open(role.cgroup.join("cgroup.procs"));
        let cgroup = Some(Arc::new(procs.unwrap().into()));
        let mut command = attack::helper_command().unwrap();
        let entry = sys::Entry { cgroup, netns: Some(scene.app().fd()) };
        sys::enter_before_exec(&mut command, entry);
        Self(command.arg("flood").stdin(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn a_real_log_is_whole_over_a_crash_and_every_change_to_it_is_found() {
    let mut scene = Scene::start().unwrap();
    assert_eq!(scene.ask(Format::Anthropic, TICKET, Delivery::Whole).unwrap().status, 200);
    let netgate = scene.daemon().unwrap().role("netgate").unwrap();
    let from = Confinement::kernel_policy_of(&netgate).unwrap();
    let tcp4 = attack::technique::by_name("tcp4").unwrap();
    assert!(matches!(scene.range.attempt(tcp4, &from).unwrap(), Verdict::Blocked(_)));
    let log = audit(&scene).join("egress.jsonl");
    eventually!(fs::read_to_string(&log).unwrap().contains("10.77.0.66"));

    // A crash in the middle of a line.
    kill_warden(&scene);
    let half = br#"{"address":"10.77.0.1","cookie":17,"ev"#;
    fs::File::options().append(true).open(&log).unwrap().write_all(half).unwrap();
    let (report, _) = verify(&scene, &[]);
    assert!(report["open_cut"].as_str().unwrap().contains("38 bytes"), "{report}");
    scene.launch(&Setting::default()).unwrap();
    scene.wait_for_routes().unwrap();
    let said = scene.daemon().unwrap().log();
    let head = said.iter().find_map(|line| line.split("sha256 ").nth(1)).unwrap().to_owned();
    scene.stop().unwrap();

    let (report, whole) = verify(&scene, &["--head", &head]);
    assert!(whole, "{report}");
    assert_eq!((&report["starts"], &report["stops"]), (&2.into(), &1.into()), "{report}");
    assert_eq!(report["cuts"].as_array().unwrap().len(), 1, "{report}");
    assert!(report["after_head"].as_u64().unwrap() > 0, "{report}");
    let text = fs::read_to_string(&log).unwrap();
    for expected in [
        r#""event":"generation""#,
        r#""why":"start""#,
        r#""why":"resolved""#,
        r#""added":["netgate 10.77.0.1:443 route 0""#,
        r#""verdict":"allow""#,
        r#""verdict":"deny""#,
        r#""event":"ready""#,
        r#""boot_id":"#,
        r#""event":"stop""#,
    ] {
        assert!(text.contains(expected), "{expected} is not in\n{text}");
    }

    // The control is above: the same log, untouched, is whole.
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let middle = lines.len() / 2;
    let mut swapped = lines.clone();
    swapped.swap(middle, middle + 1);
    let tampered = [
        ("edited", text.replacen("10.77.0.66", "10.77.0.67", 1)),
        ("dropped", [&lines[..middle], &lines[middle + 1..]].concat().concat()),
        ("swapped", swapped.concat()),
        ("repeated", [&lines[..=middle], &lines[middle..]].concat().concat()),
        ("the cut edited", text.replacen("\"cookie\":17,\"ev", "\"cookie\":18,\"ev", 1)),
        ("the end cut off", lines[..middle].concat()),
    ];
    for (what, text) in tampered {
        fs::write(&log, text).unwrap();
        let (report, whole) = verify(&scene, &["--head", &head]);
        assert!(!whole, "{what}: {report}");
    }
    fs::write(&log, &text).unwrap();
    assert!(verify(&scene, &["--head", &head]).1);
}

#[test]
fn rotation_under_load_keeps_the_chain_and_tail_follows_it() {
    let mut scene = Scene::empty().unwrap();
    scene.launch(&setting("{ max_bytes: 65536, keep: 0 }")).unwrap();
    scene.wait_for_routes().unwrap();
    let mut tail = Command::new(daemon::binary().unwrap());
    tail.args(["audit", "tail", "--follow", "--json", "-n", "0", "--data-dir"]).arg(scene.data());
    let mut tail = tail.stdout(Stdio::piped()).spawn().unwrap();
    let followed = BufReader::new(tail.stdout.take().unwrap());
    // Something must be there to follow.
    std::thread::sleep(std::time::Duration::from_millis(500));
    let flood = Flood::start(&scene);
    let files = || fs::read_dir(audit(&scene)).unwrap().count();
    eventually!(files() >= 6);
    assert_eq!(scene.ask(Format::Anthropic, "hello", Delivery::Whole).unwrap().status, 200);
    drop(flood);
    scene.stop().unwrap();
    let (report, whole) = verify(&scene, &[]);
    assert!(whole && report["deleted_before"] == false, "{report}");

    let mut seen = Vec::new();
    for line in followed.lines().map_while(Result::ok) {
        let line: Value = serde_json::from_str(&line).unwrap();
        seen.push(line["seq"].as_u64().unwrap());
        if line["event"] == "stop" {
            break;
        }
    }
    tail.kill().unwrap();
    tail.wait().unwrap();
    let all: Vec<u64> = (seen[0]..=*seen.last().unwrap()).collect();
    assert_eq!(seen, all);

    // From the next file on, only three stay beside the current one.
    scene.launch(&setting("{ max_bytes: 65536, keep: 3 }")).unwrap();
    let flood = Flood::start(&scene);
    eventually!(fs::read_dir(audit(&scene)).unwrap().count() == 4);
    drop(flood);
    scene.stop().unwrap();
    let (report, whole) = verify(&scene, &[]);
    assert!(whole, "{report}");
    assert_eq!((&report["files"], &report["deleted_before"]), (&4.into(), &true.into()));

    // One file less, and it shows.
    let mut rotated: Vec<_> = fs::read_dir(audit(&scene)).unwrap().flatten().collect();
    rotated.sort_by_key(fs::DirEntry::file_name);
    fs::remove_file(rotated[1].path()).unwrap();
    let (report, whole) = verify(&scene, &[]);
    assert!(!whole && report["faults"].to_string().contains("are missing"), "{report}");
    let words = prxy(&scene, &["audit", "tail", "-n", "3"]);
    assert_eq!(String::from_utf8(words.stdout).unwrap().lines().count(), 3);
}

/// A disk of its own for the audit log.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn at(path: &Path, size: &str) -> Self {
        fs::create_dir_all(path).unwrap();
        let size = format!("size={size}");
        mount(Some("tmpfs"), path, Some("tmpfs"), MsFlags::empty(), Some(size.as_str())).unwrap();
        Self(path.to_owned())
    }

    fn grow(&self, size: &str) {
        let none: Option<&str> = None;
        let size = format!("size={size}");
        mount(none, &self.0, none, MsFlags::MS_REMOUNT, Some(size.as_str())).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = umount(&self.0);
    }
}

#[test]
fn a_full_disk_costs_counted_lines_and_no_service() {
    let mut scene = Scene::empty().unwrap();
    let disk = SmallDisk::at(&audit(&scene), "128k");
    scene.launch(&setting("{ max_bytes: 65536, keep: 64 }")).unwrap();
    scene.wait_for_routes().unwrap();
    let flood = Flood::start(&scene);
    let log = || scene.daemon().unwrap().log().join("\n");
    eventually!(log().contains("audit log: it cannot be written"), "{}", log());
    assert_eq!(scene.ask(Format::Anthropic, "hello", Delivery::Whole).unwrap().status, 200);
    let status = prxy(&scene, &["status"]);
    let said = String::from_utf8_lossy(&status.stdout).into_owned();
    assert_eq!(status.status.code(), Some(1), "{said}");
    assert!(said.contains("broken   audit log: it cannot be written"), "{said}");
    // The flood itself is a process that should not be there, and is seen.
    assert!(said.contains("broken   netgate: 2 processes in its cgroup"), "{said}");
    drop(flood);
    disk.grow("16m");
    eventually!(log().contains("audit log: it is written again"), "{}", log());
    eventually!(prxy(&scene, &["status"]).status.success());
    scene.stop().unwrap();
    let (report, whole) = verify(&scene, &[]);
    assert!(whole, "{report}");
    assert!(report["files"].as_u64() > Some(1), "{report}");
    drop(scene);
    drop(disk);
}

#[test]
fn with_on_full_stop_nothing_goes_on_unrecorded() {
    let mut scene = Scene::empty().unwrap();
    let disk = SmallDisk::at(&audit(&scene), "128k");
    scene.launch(&setting("{ max_bytes: 65536, keep: 64, on_full: stop }")).unwrap();
    scene.wait_for_routes().unwrap();
    let flood = Flood::start(&scene);
    let log = || scene.daemon().unwrap().log().join("\n");
    eventually!(log().contains("write the audit log: No space left"), "{}", log());
    drop(flood);
    let ended = scene.end().unwrap();
    assert_eq!(ended.code(), Some(1), "it ended as if all were well");
    drop(scene);
    drop(disk);
}

#[test]
fn another_programs_rotation_is_noticed() {
    let mut scene = Scene::start().unwrap();
    let current = audit(&scene).join("egress.jsonl");
    fs::rename(&current, audit(&scene).join("egress.jsonl.1")).unwrap();
    eventually!(current.exists());
    eventually!(events(&scene).first().map(String::as_str) == Some("rotated"));
    scene.stop().unwrap();
    let (report, whole) = verify(&scene, &[]);
    assert!(whole && report["files"] == 2, "{report}");
}
