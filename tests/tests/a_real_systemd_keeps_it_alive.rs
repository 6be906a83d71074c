//! Under a real systemd the service comes back by itself, or its unit fails and says why.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use prxy_tests::eventually;
use prxy_tests::provider::Format;
use prxy_tests::reader;
use prxy_tests::samples::{Delivery, TICKET};
use prxy_tests::scene::Setting;
use prxy_tests::systemd::{ADDRESS, Service, State, UNIT};
use tokio::net::TcpListener;

#[test]
fn a_unit_that_is_active_serves_and_only_the_warden_speaks_to_systemd() {
    let service = Service::install().unwrap();
    service.systemd.systemctl(&["start", UNIT]).unwrap();
    // Connected, not refused: the word "ready" came after the listener.
    service.ask(Format::Anthropic, "hello", Delivery::Whole).unwrap();
    let status = service.systemd.systemctl(&["show", UNIT, "--property", "StatusText"]).unwrap();
    assert_eq!(status, format!("StatusText=listening on {ADDRESS}"));
    let roles = service.roles();
    let warden = roles["warden"].pids[0];
    assert_eq!(datagram_sockets(warden).len(), 1);
    for (name, role) in roles.iter().filter(|(name, _)| *name != "warden") {
        let held = sockets(role.pids[0]);
        assert!(!held.is_empty(), "{name}");
        assert_eq!(held.iter().filter(|s| datagram_sockets(warden).contains(s)).count(), 0);
    }
    service.systemd.systemctl(&["stop", UNIT]).unwrap();
    assert_eq!(service.state().unwrap().result, "success");
}

#[test]
fn a_wrong_configuration_fails_the_unit_at_once_and_the_journal_says_where() {
    let service = Service::install().unwrap();
    let good = service.config(&Setting::default());
    service.configure(&good.replace("guardrails", "guardrail")).unwrap();
    assert!(!service.systemd.run("systemctl", &["start", UNIT]).unwrap().status.success());
    let expected = State {
        active: "failed".into(),
        sub: "failed".into(),
        result: "exit-code".into(),
        status: 64,
        restarts: 0,
        main_pid: 0,
    };
    assert_eq!(service.state().unwrap(), expected);
    let journal = service.systemd.journal();
    assert!(journal.contains("config.yaml:2:"), "where it is");
    assert!(journal.contains("did you mean `guardrails`?"), "what it is");
    // Nothing of it is left in the way of the next start.
    service.configure(&good).unwrap();
    service.systemd.systemctl(&["start", UNIT]).unwrap();
    service.answers().unwrap();
}

#[test]
fn what_fails_at_every_start_is_tried_again_for_a_while_and_then_failed() {
    let service = Service::install().unwrap();
    let squatter = service.scene.app().block_on(TcpListener::bind(ADDRESS)).unwrap();
    assert!(!service.systemd.run("systemctl", &["start", UNIT]).unwrap().status.success());
    eventually!(service.state().unwrap().restarts >= 2);
    assert!(service.systemd.journal().contains("Address already in use"));
    drop(squatter);
    service.answers().unwrap();

    let credential = "[Service]\nLoadCredential=ANTHROPIC_API_KEY:/etc/prxy/missing";
    service.drop_in("credential", credential).unwrap();
    let began = Instant::now();
    assert!(!service.systemd.run("systemctl", &["restart", UNIT]).unwrap().status.success());
    let failed = || service.state().unwrap().active == "failed";
    while !failed() && began.elapsed() < Duration::from_secs(28) {
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(failed(), "{:?}", service.state());
    let journal = service.systemd.journal();
    assert!(journal.contains("Start request repeated too quickly"));
    assert!(journal.contains("Failed to set up credentials"));
}

#[test]
fn a_host_that_lacks_something_is_told_or_is_enough() {
    let service = Service::install().unwrap();
    let refused: &[(&str, &str, &str)] = &[
        (
            "cgroups are read-only",
            "ReadWritePaths=\nReadWritePaths=-/sys/fs/bpf/prxy",
            "make the parent cgroup (prxy is started as root): make /sys/fs/cgroup",
        ),
        ("no right to use bpf", "CapabilityBoundingSet=~CAP_SYS_ADMIN", "needs CAP_BPF"),
        ("no bpf in the kernel", "SystemCallFilter=~bpf:ENOSYS", "needs CAP_BPF"),
        (
            "no way to begin inside a cgroup",
            "SystemCallFilter=~clone3:ENOSYS",
            "listen for clients: Function not implemented",
        ),
    ];
    for (what, setting, said) in refused {
        service.drop_in("host", &format!("[Service]\nRestart=no\n{setting}")).unwrap();
        let started = service.systemd.run("systemctl", &["start", UNIT]).unwrap();
        assert!(!started.status.success(), "{what}");
        let state = service.state().unwrap();
        assert_eq!((state.active.as_str(), state.status), ("failed", 1), "{what}: {state:?}");
        assert!(service.systemd.journal().contains(said), "{what}");
    }
    let enough: &[(&str, &str)] = &[
        ("no IPv6 sockets", "RestrictAddressFamilies=\nRestrictAddressFamilies=AF_INET AF_UNIX"),
        ("no Landlock", "SystemCallFilter=~landlock_create_ruleset:ENOSYS"),
    ];
    for (what, setting) in enough {
        service.drop_in("host", &format!("[Service]\n{setting}")).unwrap();
        service.systemd.systemctl(&["restart", UNIT]).unwrap();
        service.answers().unwrap_or_else(|error| panic!("{what}: {error:#}"));
    }
    service.drop_in("host", "[Service]\nRestart=no").unwrap();
    service.systemd.systemctl(&["stop", UNIT]).unwrap();
    service.systemd.output("umount", &["/sys/fs/bpf"]).unwrap();
    assert!(!service.systemd.run("systemctl", &["start", UNIT]).unwrap().status.success());
    assert!(service.systemd.journal().contains("\"/sys/fs/bpf/prxy\": No such file"));
    let mount = ["-t", "bpf", "-o", "mode=700", "bpf", "/sys/fs/bpf"];
    service.systemd.output("mount", &mount).unwrap();
    service.drop_in("host", "").unwrap();
    for key in ["all", "default", "lo"] {
        let key = format!("ipv6/conf/{key}/disable_ipv6");
        service.scene.app().sysctl(&key, "1").unwrap();
    }
    service.systemd.systemctl(&["restart", UNIT]).unwrap();
    service.answers().unwrap();
}

#[test]
fn a_full_disk_stops_what_needs_it_and_nothing_else_and_is_over_when_it_is_over() {
    let service = Service::install().unwrap();
    let small = ["-t", "tmpfs", "-o", "size=2m", "tmpfs", "/var/lib/prxy"];
    assert!(service.systemd.run("mount", &small).unwrap().status.success());
    service.configure(&service.config(&Setting::default())).unwrap();
    service.systemd.systemctl(&["start", UNIT]).unwrap();
    service.answers().unwrap();
    let restored = |text: &str| {
        let answer = service.ask(Format::OpenAi, text, Delivery::Whole).unwrap();
        (answer.status == 200)
            .then(|| reader::whole(Format::OpenAi, &answer.body).unwrap().text)
            .ok_or(answer)
    };
    assert_eq!(restored(TICKET).unwrap(), TICKET);

    let filler = service.systemd.path("/var/lib/prxy/filler");
    fill(&filler);
    service.scene.openai.forget();
    // What cannot be remembered could not be restored: it is not sent.
    for number in 0..300 {
        let text = format!("write to fresh-{number}@corp-mail.com");
        let answer = restored(&text).unwrap_err();
        assert_eq!((answer.status, answer.reason()), (503, Some("vault-unavailable")));
    }
    assert_eq!(service.scene.openai.requests().len(), 0);
    for known in ["hello", TICKET] {
        assert_eq!(restored(known).unwrap(), known);
    }
    // A restart that the full disk stops is tried again.
    service.systemd.run("systemctl", &["restart", UNIT]).unwrap();
    eventually!(service.systemd.journal().contains("database or disk is full"));
    fs::remove_file(&filler).unwrap();
    service.answers().unwrap();
    let fresh = "write to fresh-0@corp-mail.com";
    assert_eq!(
        (restored(fresh).unwrap().as_str(), restored(TICKET).unwrap().as_str()),
        (fresh, TICKET)
    );
}

#[test]
fn a_data_directory_that_vanishes_hurts_nobody_who_is_served() {
    let service = Service::start().unwrap();
    let dir = service.systemd.path("/var/lib/prxy");
    let config = fs::read(dir.join("config.yaml")).unwrap();
    let restored = |text: &str| {
        let answer = service.ask(Format::OpenAi, text, Delivery::Whole).unwrap();
        reader::whole(Format::OpenAi, &answer.body).unwrap().text
    };
    assert_eq!(restored(TICKET), TICKET);
    for entry in fs::read_dir(&dir).unwrap().flatten() {
        drop(fs::remove_file(entry.path()).or_else(|_| fs::remove_dir_all(entry.path())));
    }
    for text in [TICKET, "write to fresh@corp-mail.com"] {
        assert_eq!(restored(text), text);
    }
    // A second start in the same place finds no lock any more, but the group of the first.
    fs::write(dir.join("config.yaml"), &config).unwrap();
    let before = service.roles();
    let second = "echo $$ > /sys/fs/cgroup/system.slice/prxy.service/cgroup.procs; \
                  exec prxy serve --listen 127.0.0.1:3199";
    let second = service.systemd.run("sh", &["-c", second]).unwrap();
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(said.contains("another prxy is running in it"), "{said}");
    assert_eq!(service.roles(), before);
    assert_eq!(restored(TICKET), TICKET);
    service.systemd.systemctl(&["restart", UNIT]).unwrap();
    service.answers().unwrap();
}

/// Writes until the last byte is taken.
fn fill(path: &Path) {
    let mut file = File::create(path).unwrap();
    for size in [4096, 1] {
        while file.write_all(&vec![0; size]).is_ok() {}
    }
}

/// The sockets that a process holds, without its standard ones.
fn sockets(pid: i32) -> Vec<String> {
    let dir = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
    dir.filter(|fd| fd.file_name().to_string_lossy().parse::<i32>().unwrap() > 2)
        .filter_map(|fd| fs::read_link(fd.path()).ok()?.to_str().map(str::to_owned))
        .filter_map(|target| {
            Some(target.strip_prefix("socket:[")?.trim_end_matches(']').to_owned())
        })
        .collect()
}

/// Those of them that are unix datagram sockets.
fn datagram_sockets(pid: i32) -> Vec<String> {
    let table = fs::read_to_string(format!("/proc/{pid}/net/unix")).unwrap();
    let datagram: Vec<_> = table
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|words| words.get(4) == Some(&"0002"))
        .filter_map(|words| words.get(6).map(|inode| (*inode).to_owned()))
        .collect();
    sockets(pid).into_iter().filter(|socket| datagram.contains(socket)).collect()
}
