//! A socket goes on without its process: the policy that it was made under stays until it is gone.

use std::fs;
use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use prxy_tests::lab::PROVIDER_B;
use prxy_tests::provider::Format;
use prxy_tests::samples::Delivery;
use prxy_tests::scene::{Scene, Setting};
use prxy_tests::{daemon, eventually};
use tokio::net::TcpListener;

const PORT: u16 = 9443;

/// The folders of starts whose links are pinned.
fn pins(instance: &Path) -> Vec<PathBuf> {
    fs::read_dir(instance).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

#[test]
fn what_a_socket_still_has_to_send_is_judged_after_the_daemon_has_stopped() {
    let mut scene = Scene::empty().unwrap();
    let address = SocketAddr::new(PROVIDER_B, PORT);
    let more =
        format!("\x20 slow: {{ base_url: 'https://{address}', api: openai, private: true }}\ndns:");
    let config = scene.config(&Setting::default()).replace("dns:", &more);
    scene.launch_on(&config, &[]).unwrap();
    let parent = scene.daemon().unwrap().role("netgate").unwrap();
    let parent = parent.cgroup.parent().unwrap().to_owned();
    let name = parent.file_name().unwrap().to_string_lossy().into_owned();
    let instance = Path::new("/sys/fs/bpf/prxy").join(name.strip_prefix("prxy-").unwrap());
    let listener = scene.range.lab.net.block_on(TcpListener::bind(address)).unwrap();

    // Gives a provider that does not read more than it takes.
    let line = format!("exec 3<>/dev/tcp/{PROVIDER_B}/{PORT} && echo x && cat /dev/zero >&3");
    let mut child = scene
        .app()
        .command(daemon::binary().unwrap())
        .args(["exec", "--role", "netgate", "--config"])
        .arg(scene.dir().join("config.yaml"))
        .arg("--data-dir")
        .arg(scene.data())
        .args(["--", "bash", "-c", &line])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
    let peer = scene.range.lab.net.block_on(async move { listener.accept().await.unwrap().0 });
    let queued = || {
        let output = scene.app().command("cat").arg("/proc/net/tcp").output().unwrap();
        let table = String::from_utf8(output.stdout).unwrap();
        table.lines().any(|line| {
            let words: Vec<_> = line.split_whitespace().collect();
            words[2].ends_with(&format!(":{PORT:04X}")) && !words[4].starts_with("00000000")
        })
    };
    eventually!(queued());

    scene.stop().unwrap();
    child.wait().unwrap();
    let still = |scene: &Scene| {
        let output = scene.app().command("cat").arg("/proc/net/tcp").output().unwrap();
        String::from_utf8(output.stdout).unwrap().contains(&format!(":{PORT:04X} "))
    };
    assert!(still(&scene), "the socket has gone with its process");
    let left = pins(&instance);
    assert_eq!(left.len(), 1, "the policy has gone before the socket");
    assert!(left[0].join("egress").exists());

    // When it is gone, the next start takes over and takes all away.
    drop(peer);
    eventually!(!still(&scene));
    scene.launch_on(&config, &[]).unwrap();
    scene.wait_for_routes().unwrap();
    scene.stop().unwrap();
    assert_eq!(pins(&instance), Vec::<PathBuf>::new());
    assert!(!instance.exists());
}

/// Another mount namespace, or a lock that was removed: the pins know who lives.
#[test]
fn a_second_daemon_does_not_take_the_pins_of_the_first() {
    let scene = Scene::start().unwrap();
    let role = scene.daemon().unwrap().role("netgate").unwrap();
    let parent = role.cgroup.parent().unwrap().to_owned();
    let name = parent.file_name().unwrap().to_string_lossy().into_owned();
    let instance = Path::new("/sys/fs/bpf/prxy").join(name.strip_prefix("prxy-").unwrap());
    let before = pins(&instance);
    fs::remove_file(scene.data().join("prxy.lock")).unwrap();
    let elsewhere = parent.with_file_name(format!("second-{}", std::process::id()));
    fs::create_dir(&elsewhere).unwrap();
    let mut second: Command = scene.app().command("sh");
    let output = second
        .args(["-c", "echo $$ >$0/cgroup.procs && exec \"$@\""])
        .arg(&elsewhere)
        .arg(daemon::binary().unwrap())
        .args(["serve", "--config"])
        .arg(scene.dir().join("config.yaml"))
        .arg("--data-dir")
        .arg(scene.data())
        .output()
        .unwrap();
    for entry in fs::read_dir(&elsewhere).unwrap().flatten() {
        drop(fs::remove_dir(entry.path()));
    }
    fs::remove_dir(&elsewhere).unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("another prxy is running in it, on a data directory of this name"),
        "{said}"
    );
    assert_eq!(pins(&instance), before);
    assert_eq!(scene.ask(Format::Anthropic, "hello", Delivery::Whole).unwrap().status, 200);
}
