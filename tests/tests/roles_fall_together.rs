//! However a role or the warden ends, all end, nothing leaves the policy meanwhile, and the next
//! start works and takes away what was left.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use prxy_tests::attack::{self, Confinement, Verdict, allowed};
use prxy_tests::capture::only;
use prxy_tests::daemon::Daemon;
use prxy_tests::provider::Format;
use prxy_tests::samples::{self, Delivery, TICKET};
use prxy_tests::scene::{Scene, Setting};
use prxy_tests::{eventually, http};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[test]
fn whoever_is_killed_under_traffic_all_end_and_the_next_start_works() {
    let mut scene = Scene::start().unwrap();
    for victim in ["broker", "netgate", "resolver", "gateway", "warden"] {
        let roles = scene.daemon().unwrap().roles().unwrap();
        let pins = pins_of(&roles["warden"].cgroup);
        let traffic = traffic(&scene);
        std::thread::sleep(Duration::from_millis(300));
        for pid in &roles[victim].pids {
            kill(Pid::from_raw(*pid), Signal::SIGKILL).unwrap();
        }
        for (name, role) in &roles {
            for pid in &role.pids {
                eventually!(has_ended(*pid), "{victim} was killed, {name} lives on");
            }
        }
        if victim != "warden" {
            let said = format!("{victim} was killed by SIGKILL");
            let log = || scene.daemon().unwrap().log();
            eventually!(log().iter().any(|line| line.contains(&said)), "{said} is not in the log");
        }
        traffic.iter().for_each(|task| task.abort());
        // The policy outlives a warden that had no time to clean up, and only that.
        assert_eq!(folders(&pins), usize::from(victim == "warden"), "{victim}");
        scene.launch(&Setting::default()).unwrap();
        scene.wait_for_routes().unwrap();
        assert_eq!(folders(&pins), 1, "{victim}");
        assert_eq!(scene.ask(Format::Anthropic, TICKET, Delivery::Whole).unwrap().status, 200);
    }
    scene.stop().unwrap();
    let packets = scene.range.capture.all(&scene.range.lab).unwrap();
    let judged = only(&packets, &allowed());
    assert!(judged.holds(), "{judged}");
}

#[test]
fn the_policy_stays_in_force_when_the_warden_is_gone() {
    let scene = Scene::start().unwrap();
    let netgate = scene.daemon().unwrap().role("netgate").unwrap();
    let from = Confinement::kernel_policy_of(&netgate).unwrap();
    let warden = scene.daemon().unwrap().role("warden").unwrap();
    kill(Pid::from_raw(warden.pids[0]), Signal::SIGKILL).unwrap();
    for pid in netgate.pids.iter().chain(&warden.pids) {
        eventually!(has_ended(*pid));
    }
    // Root in the cgroup that was left over.
    for name in ["tcp4", "tcp6", "udp4", "srh-tcp", "raw-ip", "icmp", "listen", "igmp"] {
        let technique = attack::technique::by_name(name).unwrap();
        let verdict = scene.range.attempt(technique, &from).unwrap();
        assert!(matches!(verdict, Verdict::Blocked(_)), "{name}: {verdict:?}");
    }
}

#[test]
#[expect(clippy::type_complexity, reason = "a table of cases")]
fn a_start_that_fails_says_why_and_leaves_nothing_in_the_kernel() {
    let scene = Scene::start().unwrap();
    let address = scene.daemon().unwrap().address;
    let credentials = scene.dir().join("credentials");
    fs::create_dir_all(credentials.join("ANTHROPIC_API_KEY")).unwrap();
    let credentials = credentials.display().to_string();
    let usual = scene.config(&Setting::default());
    let ca = format!("{}/ca.pem", scene.dir().display());
    let open = usual.replace("127.0.0.1:0", "192.0.2.7:3099");
    let open = format!("{open}\nclients: {{ ward: {{ uid: 1001 }} }}\n");
    let cases: &[(String, &[(&str, &str)], &str)] = &[
        (usual.replace("127.0.0.1:0", &address.to_string()), &[], "Address already in use"),
        (open, &[], "Cannot assign requested address"),
        (usual.replace(&ca, "/nonexistent.pem"), &[], "cannot read trust roots"),
        (usual.replace(&ca, "/etc/passwd"), &[], "no usable trust root"),
        (usual.clone(), &[("CREDENTIALS_DIRECTORY", &credentials)], "credential ANTHROPIC_API_KEY"),
        (usual.clone(), &[("ANTHROPIC_API_KEY", "two words")], "is not a key"),
    ];
    for (config, env, expected) in cases {
        let other = tempfile::tempdir().unwrap();
        let file = other.path().join("config.yaml");
        fs::write(&file, config).unwrap();
        // The second one would say if it found links of the first.
        for _ in 0..2 {
            let output = Daemon::refusal(scene.app(), &file, other.path(), env).unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(said.contains(expected), "{expected}: {said}");
            assert!(!said.contains("replaced the links"), "{expected}: {said}");
            assert_eq!(output.status.code(), Some(1), "{said}");
        }
    }
    assert_eq!(scene.ask(Format::Anthropic, "hello", Delivery::Whole).unwrap().status, 200);
}

#[test]
fn links_in_the_data_directory_give_nothing_away() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
    let scene = Scene::empty().unwrap();
    let victim = tempfile::tempdir().unwrap();
    let file = victim.path().join("file");
    fs::write(&file, "untouched").unwrap();
    fs::set_permissions(victim.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let usual = scene.config(&Setting::default());
    let data = scene.data();
    let refused = |what: &str| {
        let output = scene.refusal(&usual, &[]).unwrap();
        assert_eq!(output.status.code(), Some(1), "{what}");
        for path in [victim.path(), file.as_path()] {
            let now = fs::metadata(path).unwrap();
            assert_eq!(now.uid(), 0, "{what}: {}", path.display());
            assert_ne!(now.mode() & 0o777, 0o700, "{what}: {}", path.display());
        }
        assert_eq!(fs::read_to_string(&file).unwrap(), "untouched", "{what}");
        fs::remove_dir_all(&data).unwrap();
    };
    let fresh = || fs::create_dir_all(&data).unwrap();
    for name in ["state", "audit"] {
        fresh();
        symlink(victim.path(), data.join(name)).unwrap();
        refused(name);
    }
    fresh();
    fs::create_dir(data.join("audit")).unwrap();
    symlink(&file, data.join("audit/egress.jsonl")).unwrap();
    refused("audit log");
    fresh();
    symlink(&file, data.join("prxy.lock")).unwrap();
    refused("lock");
    fresh();
    fs::create_dir(data.join("state")).unwrap();
    // The two temporary directories are on one file system.
    fs::hard_link(&file, data.join("state/prxy.db")).unwrap();
    refused("second name of a file");
    fresh();
    fs::set_permissions(&data, fs::Permissions::from_mode(0o777)).unwrap();
    refused("writable by everyone");
}

/// Clients that keep asking, streamed and not, until they are aborted.
fn traffic(scene: &Scene) -> Vec<tokio::task::JoinHandle<()>> {
    let address = scene.daemon().unwrap().address;
    let client = |delivery| {
        let body = samples::ask(Format::Anthropic, TICKET, delivery).to_string();
        let headers = [("content-type", "application/json"), ("x-api-key", "test-key")];
        let path = samples::path(Format::Anthropic);
        let request = http::request("POST", path, &headers, body.as_bytes());
        scene.app().spawn(async move {
            loop {
                if let Ok(mut stream) = tokio::net::TcpStream::connect(address).await {
                    drop(stream.write_all(&request).await);
                    drop(stream.read(&mut [0; 4096]).await);
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
    };
    (0..4).flat_map(|_| [client(Delivery::Whole), client(Delivery::Streamed)]).collect()
}

/// Gone, or a zombie that its parent has not asked for yet.
fn has_ended(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_none_or(|rest| rest.is_empty() || rest.starts_with('Z'))
}

fn pins_of(role: &Path) -> PathBuf {
    let group = role.parent().unwrap().file_name().unwrap().to_str().unwrap();
    Path::new("/sys/fs/bpf/prxy").join(group.strip_prefix("prxy-").unwrap())
}

fn folders(dir: &Path) -> usize {
    fs::read_dir(dir).map_or(0, Iterator::count)
}
