//! No role has more in its memory and its descriptors than its task needs, and what one role holds
//! cannot be used to blind, stall or fill the others.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use std::collections::BTreeMap;
use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use prxy_tests::provider::Format;
use prxy_tests::roles::{copies_in_memory, holds};
use prxy_tests::samples::Delivery;
use prxy_tests::scene::{Scene, Setting};
use prxy_tests::{daemon, eventually};

const KEY: &str = "sk-ant-0123456789-canary-abcdefghij";

fn scene_with_key() -> Scene {
    let env = vec![("ANTHROPIC_API_KEY".into(), KEY.into())];
    Scene::start_with(&Setting { env, ..Setting::default() }).unwrap()
}

fn processes(scene: &Scene) -> BTreeMap<String, i32> {
    let roles = scene.daemon().unwrap().roles().unwrap();
    let running = roles.into_iter().filter(|(_, role)| !role.pids.is_empty());
    running.map(|(name, role)| (name, role.pids[0])).collect()
}

#[test]
fn only_the_broker_has_the_key_in_its_memory() {
    let scene = scene_with_key();
    let asked = scene.ask(Format::Anthropic, "hello", Delivery::Whole).unwrap();
    assert_eq!(asked.status, 200);
    for (name, pid) in processes(&scene) {
        let found = copies_in_memory(pid, KEY.as_bytes()).unwrap();
        assert_eq!(found > 0, name == "broker", "{name} has {found} copies");
        let environ = fs::read(format!("/proc/{pid}/environ")).unwrap();
        assert!(!holds(&environ, KEY.as_bytes()), "{name} shows the key in its environment");
    }
}

#[test]
fn no_role_has_the_kernels_maps_in_its_memory() {
    let scene = Scene::start().unwrap();
    for (name, pid) in processes(&scene) {
        let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
        assert_eq!(maps.contains("bpf-map"), name == "warden", "{name}:\n{maps}");
    }
}

#[test]
fn roles_have_their_own_descriptors_and_standard_error_only() {
    let scene = Scene::start().unwrap();
    for (name, pid) in processes(&scene) {
        let expected: &[&str] = match name.as_str() {
            "warden" => continue,
            "gateway" => {
                &["socket:", "anon_inode:[event", "/dev/null", "pipe:", "/data/state/prxy.db"]
            }
            _ => &["socket:", "anon_inode:[event", "/dev/null", "pipe:"],
        };
        for entry in fs::read_dir(format!("/proc/{pid}/fd")).unwrap() {
            let entry = entry.unwrap();
            let Ok(target) = fs::read_link(entry.path()) else { continue };
            let target = target.display().to_string();
            let number = entry.file_name();
            assert!(expected.iter().any(|e| target.contains(e)), "{name}: {number:?} {target}");
            match number.to_str().unwrap() {
                "0" | "1" => assert_eq!(target, "/dev/null", "{name}"),
                "2" => assert!(target.starts_with("pipe:"), "{name}: {target}"),
                _ => assert!(!target.starts_with("pipe:"), "{name}: {number:?} {target}"),
            }
        }
    }
}

#[test]
fn a_log_that_is_a_network_socket_is_refused() {
    let scene = Scene::start().unwrap();
    let attacker = std::net::SocketAddr::new(prxy_tests::lab::ATTACKER, 443);
    let open = || {
        let connected = scene.app().block_on(async move {
            tokio::net::TcpStream::connect(attacker).await.unwrap().into_std().unwrap()
        });
        connected.set_nonblocking(false).unwrap();
        std::os::fd::OwnedFd::from(connected)
    };
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("config.yaml");
    fs::write(&config, scene.config(&Setting::default())).unwrap();
    let mut command = scene.app().command(daemon::binary().unwrap());
    command.arg("serve").arg("--config").arg(&config).arg("--data-dir").arg(dir.path());
    command.stdin(Stdio::null()).stdout(open()).stderr(open());
    let mut child = command.spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(5);
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break Some(status);
        }
        if Instant::now() > deadline {
            break None;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    if status.is_none() {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert_eq!(status.and_then(|status| status.code()), Some(1), "it runs with such a log");
}

#[test]
fn a_flood_of_refused_calls_neither_stalls_the_warden_nor_fills_the_disk() {
    let mut scene = Scene::start().unwrap();
    let role = scene.daemon().unwrap().role("netgate").unwrap();
    let entry = prxy_tests::sys::Entry {
        cgroup: Some(std::sync::Arc::new(
            fs::File::options().write(true).open(role.cgroup.join("cgroup.procs")).unwrap().into(),
        )),
        netns: Some(scene.app().fd()),
    };
    // What a compromised netgate can do at full speed: ask for what it may not have.
    let mut flood: Vec<_> = (0..2)
        .map(|_| {
            let mut command = prxy_tests::attack::helper_command().unwrap();
            prxy_tests::sys::enter_before_exec(&mut command, entry.clone());
            command.arg("flood").stdin(Stdio::null()).spawn().unwrap()
        })
        .collect();
    let log = scene.data().join("audit/egress.jsonl");
    eventually!(fs::read_to_string(&log).unwrap().contains(r#""event":"omitted""#));
    std::thread::sleep(Duration::from_secs(2));
    assert!(fs::metadata(&log).unwrap().len() < 8 << 20, "the log grows without bound");
    assert_eq!(scene.ask(Format::Anthropic, "hello", Delivery::Whole).unwrap().status, 200);
    let began = Instant::now();
    let stopped = scene.stop();
    let took = began.elapsed();
    for child in &mut flood {
        drop(child.kill());
        child.wait().unwrap();
    }
    stopped.unwrap();
    assert!(took < Duration::from_secs(5), "{took:?}");
}
