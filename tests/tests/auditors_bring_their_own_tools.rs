//! `prxy exec` holds any program as a role is held: what the role may do works, nothing else does.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use std::fs;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use prxy_tests::attack::{Range, allowed};
use prxy_tests::capture::{is_probe, only};
use prxy_tests::lab::{ATTACKER, NOBODY, PROVIDER_A};
use prxy_tests::netns::Namespace;
use prxy_tests::scene::{Scene, Setting};
use prxy_tests::{daemon, eventually};

/// Each with what it is called by, and what it says to an address and port.
const TOOLS: &[(&str, &str)] = &[
    ("bash", "exec 3<>/dev/tcp/HOST/PORT"),
    (
        "curl",
        "curl --silent --show-error --insecure --max-time 3 --output /dev/null \
         --connect-to ::HOST:PORT https://api.anthropic.com:PORT/",
    ),
    ("python3", "python3 -c 'import socket; socket.create_connection((\"HOST\", PORT), 3)'"),
    ("nc", "nc -z -w 3 HOST PORT"),
    ("openssl", "openssl s_client -connect HOST:PORT -servername api.anthropic.com </dev/null"),
];

/// What no role may do with any address.
const MORE: &[(&str, &str)] = &[
    ("bash", "echo x >/dev/udp/HOST/53"),
    ("ping", "ping -c 1 -W 1 HOST"),
    ("dig", "dig +time=1 +tries=1 @HOST example.com"),
    ("ip", "ip link add dummy0 type dummy"),
    ("unshare", "unshare --user --net true"),
    ("mount", "mount -t tmpfs none /mnt"),
    ("tcpdump", "tcpdump -c 1 -i any"),
];

#[test]
fn tools_in_a_living_role_reach_what_the_role_may_and_nothing_else() {
    let scene = Scene::start().unwrap();
    let place = Place::of(&scene);
    let mark = scene.range.capture.mark(&scene.range.lab).unwrap();
    let mut run = 0;
    for (name, line) in installed(TOOLS) {
        let to = |host: String, port: u16| said(line, &host, port);
        let good = place.exec("netgate", &to(PROVIDER_A.to_string(), 443));
        assert!(good.status.success(), "{name}: {}", told(&good));
        for (host, port) in [(ATTACKER, 443), (PROVIDER_A, 80), (NOBODY, 443)] {
            let bad = place.exec("netgate", &to(host.to_string(), port));
            assert!(!bad.status.success(), "{name} has reached {host}:{port}");
        }
        for role in ["gateway", "broker", "warden", "resolver"] {
            let bad = place.exec(role, &to(PROVIDER_A.to_string(), 443));
            assert!(!bad.status.success(), "{name} has reached the provider as {role}");
        }
        run += 1;
    }
    assert!(run >= 3, "only {run} tools are installed here");
    for (name, line) in installed(MORE) {
        for role in ["gateway", "broker", "netgate", "resolver", "warden"] {
            let bad = place.exec(role, &said(line, &ATTACKER.to_string(), 443));
            assert!(!bad.status.success(), "{name} works as {role}: {}", told(&bad));
        }
    }
    let end = scene.range.capture.mark(&scene.range.lab).unwrap();
    let judged = only(&scene.range.capture.between(mark, end), &allowed());
    assert!(judged.holds() && !judged.noise.iter().any(is_probe), "{judged}");
    assert_eq!(scene.range.attacker.caught(), []);
    // And the daemon has taken no harm.
    assert_eq!(scene.daemon().unwrap().roles().unwrap().len(), 6);
}

/// Without it, the same tools reach the attacker: else the test above would prove nothing.
#[test]
fn the_same_tools_reach_the_attacker_without_confinement() {
    let range = Range::new().unwrap();
    for (name, line) in installed(TOOLS) {
        let line = said(line, &ATTACKER.to_string(), 443);
        // Some wait for ever for an answer that the attacker does not give.
        let mut command = range.lab.app.command("timeout");
        drop(command.args(["5", "bash", "-c", &line]).output().unwrap());
        eventually!(!range.attacker.caught().is_empty(), "{name}");
    }
}

#[test]
fn files_can_be_read_but_not_written_and_the_data_directory_not_even_read() {
    let scene = Scene::start().unwrap();
    let place = Place::of(&scene);
    let data = scene.data();
    let database = data.join("state/prxy.db");
    assert!(database.exists());
    for role in ["gateway", "broker", "netgate", "resolver", "warden"] {
        let read = place.exec(role, "cat /etc/hosts /proc/self/status");
        assert!(read.status.success(), "{role}: {}", told(&read));
        for forbidden in [
            format!("cat {}", database.display()),
            format!("ls {}", data.display()),
            format!("echo x >{}", data.with_file_name("new").display()),
            "echo x >/dev/shm/new".to_owned(),
        ] {
            let bad = place.exec(role, &forbidden);
            assert!(!bad.status.success(), "{role}: {forbidden}: {}", told(&bad));
        }
    }
}

#[test]
fn status_output_and_signals_pass_through() {
    let place = Place::without_daemon();
    let output = place.exec("broker", "echo out; echo err >&2; exit 7");
    assert_eq!((output.status.code(), &output.stdout[..]), (Some(7), &b"out\n"[..]));
    let said = told(&output);
    assert!(said.contains("for this command only") && said.ends_with("err\n"), "{said}");
    assert_eq!(place.exec("broker", "exec /nonexistent").status.code(), Some(127));
    let mut command = Command::new(daemon::binary().unwrap());
    let command = command.args(["exec", "--role", "broker", "--", "no-such-program"]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(told(&output).contains("no-such-program: not found"), "{}", told(&output));
    // Nobody is signalled by its number, not even by the program itself.
    assert_eq!(place.exec("broker", "kill -KILL $$").status.code(), Some(1));

    let mut child = place.start("netgate", "trap 'exit 9' TERM; echo x; while :; do :; done");
    let mut byte = [0];
    std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut byte).unwrap();
    kill(Pid::from_raw(child.id() as i32), Signal::SIGTERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(9));
    place.leaves_nothing();
}

#[test]
fn what_a_command_leaves_running_ends_with_it() {
    let place = Place::without_daemon();
    let output = place.exec("netgate", "sleep 1000 & echo $!");
    let pid = String::from_utf8(output.stdout).unwrap().trim().to_owned();
    assert!(!Path::new("/proc").join(&pid).exists(), "{pid} goes on");
    place.leaves_nothing();
}

#[test]
fn a_network_socket_for_input_or_output_is_refused() {
    let place = Place::without_daemon();
    let range = Range::new().unwrap();
    let open = || -> OwnedFd {
        let address = SocketAddr::new(ATTACKER, 443);
        let stream = range.lab.app.block_on(async move {
            tokio::net::TcpStream::connect(address).await.unwrap().into_std().unwrap()
        });
        stream.into()
    };
    for which in 0..3 {
        let mut command = place.command("gateway", "cat");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        match which {
            0 => command.stdin(open()),
            1 => command.stdout(open()),
            _ => command.stderr(open()),
        };
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1), "descriptor {which}: {}", told(&output));
    }
}

#[test]
fn front_has_no_process_and_other_words_no_role() {
    let place = Place::without_daemon();
    assert_eq!(place.exec("front", "true").status.code(), Some(1));
    assert_eq!(place.exec("root", "true").status.code(), Some(64));
}

/// A living role has limits and files that its user may change, and nobody else.
#[test]
fn a_command_is_not_the_user_of_the_role_and_changes_no_limits() {
    let scene = Scene::start().unwrap();
    let place = Place::of(&scene);
    let roles = scene.daemon().unwrap().roles().unwrap();
    let mut users = std::collections::BTreeSet::new();
    for (name, role) in roles.iter().filter(|(_, role)| !role.pids.is_empty()) {
        let user = place.exec(name, "id -u");
        let user: u32 = String::from_utf8(user.stdout).unwrap().trim().parse().unwrap();
        assert!(users.insert(user) && user != 0, "{name} {user}");
        let pid = role.pids[0];
        let living =
            std::os::unix::fs::MetadataExt::uid(&fs::metadata(format!("/proc/{pid}")).unwrap());
        assert_ne!(user, living, "{name}");
        let limit = |pid: i32| {
            let set = "resource.prlimit({}, resource.RLIMIT_FSIZE, (0, 0))";
            let line =
                format!("python3 -c 'import resource; {}'", set.replace("{}", &pid.to_string()));
            place.exec(name, &line)
        };
        assert!(limit(0).status.success(), "{name}: {}", told(&limit(0)));
        assert!(!limit(pid).status.success(), "{name} has changed the limits of the living role");
    }
    let database = scene.data().join("state");
    let mode = std::os::unix::fs::MetadataExt::mode(&fs::metadata(database).unwrap());
    assert_eq!(mode & 0o077, 0);
}

#[test]
fn scripts_in_files_run() {
    let place = Place::without_daemon();
    let script = place.dir.path().join("script.py");
    fs::write(&script, "print('it runs')").unwrap();
    let output = place.exec("broker", &format!("python3 {}", script.display()));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "it runs\n");
}

/// Whoever is given a part of the cgroups may name directories there as he likes.
#[test]
fn a_cgroup_that_only_has_the_name_of_a_daemon_is_not_joined() {
    let mut scene = Scene::start().unwrap();
    let warden = scene.daemon().unwrap().role("warden").unwrap();
    let parent = warden.cgroup.parent().unwrap().to_owned();
    for (owner, alive) in [(65534, true), (65534, false), (0, false)] {
        if !alive && scene.daemon().is_ok() {
            scene.stop().unwrap();
        }
        let place = Place::of(&scene);
        let decoy = Decoy::new(parent.file_name().unwrap().to_str().unwrap(), owner);
        let output = place.exec("netgate", "cat /proc/self/cgroup");
        let group = String::from_utf8(output.stdout.clone()).unwrap();
        assert!(!group.contains("0-decoy"), "{owner} {alive}: {group}");
        // Root's own directory without a policy is no decoy, but broken.
        assert_eq!(output.status.success(), owner != 0, "{owner} {alive}: {}", told(&output));
        let mut status = Command::new(daemon::binary().unwrap());
        let output = status.arg("status").arg("--data-dir").arg(scene.data()).output().unwrap();
        assert_eq!(output.status.success(), alive, "{owner} {alive}: {output:?}");
        drop(decoy);
    }
}

#[test]
fn where_the_daemon_only_records_a_command_is_told_that_it_is_not_held() {
    let setting = Setting { pipeline: LOG_ONLY.into(), ..Setting::default() };
    let scene = Scene::start_with(&setting).unwrap();
    let output = Place::of(&scene).exec("netgate", "true");
    assert!(output.status.success(), "{}", told(&output));
    assert!(told(&output).contains("THE AIRGAP DOES NOT PROTECT"), "{}", told(&output));
    let scene = Scene::start().unwrap();
    let output = Place::of(&scene).exec("netgate", "true");
    assert!(output.status.success() && told(&output).is_empty(), "{}", told(&output));
}

#[test]
fn what_a_killed_run_has_left_the_next_one_takes_away() {
    let place = Place::without_daemon();
    let mut child = place.start("netgate", "sleep 1000 & echo $!; wait");
    let mut line = String::new();
    let mut output = std::io::BufReader::new(child.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut output, &mut line).unwrap();
    let pid: i32 = line.trim().parse().unwrap();
    let group = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    let group = group.lines().find_map(|line| line.strip_prefix("0::/")).unwrap().to_owned();
    let group = prxy_tests::roles::cgroup_root().unwrap().join(group);
    let parent = group.parent().unwrap();
    let name = parent.file_name().unwrap().to_str().unwrap().strip_prefix("prxy-").unwrap();
    let pins = Path::new("/sys/fs/bpf/prxy").join(name);
    kill(Pid::from_raw(child.id() as i32), Signal::SIGKILL).unwrap();
    child.wait().unwrap();
    // It goes on, and it is still held.
    assert!(Path::new("/proc").join(pid.to_string()).exists() && pins.exists());
    assert!(place.exec("broker", "true").status.success());
    assert!(!group.exists() && !pins.exists());
    place.leaves_nothing();
}

/// A directory of a daemon's name where it is found first, with processes where roles would be.
struct Decoy {
    dir: PathBuf,
    processes: Vec<Child>,
}

impl Decoy {
    fn new(name: &str, owner: u32) -> Self {
        let root = prxy_tests::roles::cgroup_root().unwrap();
        let dir = root.join(format!("0-decoy-{}", std::process::id()));
        let parent = dir.join(name);
        let mut processes = Vec::new();
        for role in ["warden", "netgate"] {
            let group = parent.join(role);
            fs::create_dir_all(&group).unwrap();
            let child = Command::new("sleep").arg("1000").spawn().unwrap();
            fs::write(group.join("cgroup.procs"), child.id().to_string()).unwrap();
            processes.push(child);
        }
        std::os::unix::fs::chown(&parent, Some(owner), Some(owner)).unwrap();
        Self { dir, processes }
    }
}

impl Drop for Decoy {
    fn drop(&mut self) {
        for child in &mut self.processes {
            drop(child.kill());
            drop(child.wait());
        }
        for parent in fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            for role in ["warden", "netgate"] {
                drop(fs::remove_dir(parent.path().join(role)));
            }
            drop(fs::remove_dir(parent.path()));
        }
        drop(fs::remove_dir(&self.dir));
    }
}

/// Where commands are run, with which configuration.
struct Place<'a> {
    namespace: Option<&'a Namespace>,
    dir: tempfile::TempDir,
    data: PathBuf,
}

impl<'a> Place<'a> {
    fn of(scene: &'a Scene) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("config.yaml"), scene.config(&Setting::default())).unwrap();
        Self { namespace: Some(scene.app()), dir, data: scene.data() }
    }

    fn without_daemon() -> Place<'static> {
        let dir = tempfile::tempdir().unwrap();
        let text = "providers:\n  anthropic: { base_url: 'https://10.77.0.1', private: true }\n\
                    \x20 openai: { base_url: 'https://10.77.0.3', private: true }\n";
        fs::write(dir.path().join("config.yaml"), text).unwrap();
        let data = dir.path().join("data");
        Place { namespace: None, dir, data }
    }

    fn command(&self, role: &str, line: &str) -> Command {
        let prxy = daemon::binary().unwrap();
        let mut command = match self.namespace {
            Some(namespace) => namespace.command(prxy),
            None => Command::new(prxy),
        };
        command.args(["exec", "--role", role, "--config"]).arg(self.dir.path().join("config.yaml"));
        command.arg("--data-dir").arg(&self.data).args(["--", "bash", "-c", line]);
        // A place of its own for what is made beside the data directory.
        let scratch = self.dir.path().join("scratch");
        fs::create_dir_all(&scratch).unwrap();
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(self.dir.path(), open).unwrap();
        command.env("TMPDIR", scratch).env("PATH", PATH);
        command
    }

    fn start(&self, role: &str, line: &str) -> Child {
        let mut command = self.command(role, line);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        command.spawn().unwrap()
    }

    fn exec(&self, role: &str, line: &str) -> Output {
        self.command(role, line).stdin(Stdio::null()).output().unwrap()
    }

    fn leaves_nothing(&self) {
        assert!(!self.data.exists(), "the data directory was made");
        assert_eq!(fs::read_dir(self.dir.path().join("scratch")).unwrap().count(), 0);
    }
}

const LOG_ONLY: &str = "[{ airgap: { onViolation: log-only } }, { guardrails: {} }]";

/// Where every user finds programs.
const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

fn installed(tools: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    let there = |name: &str| PATH.split(':').any(|dir| Path::new(dir).join(name).is_file());
    tools.iter().filter(|(name, _)| there(name)).copied().collect()
}

fn said(line: &str, host: &str, port: u16) -> String {
    line.replace("HOST", host).replace("PORT", &port.to_string())
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
