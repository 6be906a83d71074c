//! systemd may listen in its place, and start it at the first connection; what systemd made is
//! never served from, because it is outside the kernel's policy.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use std::collections::BTreeSet;

use prxy_tests::eventually;
use prxy_tests::provider::Format;
use prxy_tests::samples::Delivery;
use prxy_tests::scene::Setting;
use prxy_tests::systemd::{SOCKET, Service, UNIT};

#[test]
fn a_connection_starts_it_and_every_later_one_is_in_a_cgroup_of_its_own() {
    let service = Service::install().unwrap();
    service.systemd.systemctl(&["start", SOCKET]).unwrap();
    assert_eq!(service.state().unwrap().active, "inactive");
    for round in 0..2 {
        // The one that rings is ended, not left waiting.
        let rang = service.ask(Format::Anthropic, "hello", Delivery::Whole);
        assert!(rang.is_err(), "{round}: {rang:?}");
        service.answers().unwrap();
        for _ in 0..50 {
            let answer = service.ask(Format::Anthropic, "hello", Delivery::Whole).unwrap();
            assert_eq!(answer.status, 200, "{round}");
        }
        // systemd's listener and ours, as the kernel tells them apart.
        let listeners = listeners(&service);
        assert!(listeners.contains("/system.slice/prxy.socket"), "{listeners:?}");
        let ours: Vec<_> = listeners.iter().filter(|l| l.ends_with("/front")).collect();
        assert_eq!((listeners.len(), ours.len()), (2, 1), "{listeners:?}");
        // No process of prxy holds systemd's.
        let theirs = inode(&service, "prxy.socket");
        for (name, role) in service.roles() {
            let held = sockets(role.pids[0]);
            assert!(!held.is_empty() && !held.contains(&theirs), "{name}");
        }
        service.systemd.systemctl(&["stop", UNIT]).unwrap();
        eventually!(service.state().unwrap().active == "inactive");
    }
    // Without the socket it listens by itself, as ever.
    service.systemd.systemctl(&["stop", SOCKET]).unwrap();
    service.systemd.systemctl(&["start", UNIT]).unwrap();
    service.answers().unwrap();
    assert_eq!(listeners(&service).len(), 1);
}

#[test]
fn it_comes_back_beside_the_socket_when_a_role_is_killed() {
    let service = Service::install().unwrap();
    service.systemd.systemctl(&["start", SOCKET, UNIT]).unwrap();
    service.answers().unwrap();
    let gateway = service.role("gateway").unwrap().pids[0];
    std::fs::write(service.role("gateway").unwrap().cgroup.join("cgroup.kill"), "1").unwrap();
    eventually!(service.role("gateway").is_ok_and(|role| role.pids[0] != gateway));
    service.answers().unwrap();
}

#[test]
fn any_other_socket_is_refused_and_the_journal_says_why() {
    let cases: &[(&str, &str, &str, &str)] = &[
        ("not shared", "127.0.0.1", "ReusePort=no", "its unit lacks ReusePort=yes"),
        ("another name", "127.0.0.1", "FileDescriptorName=web", "its name is not `prxy`"),
        (
            "another address",
            "127.0.0.1",
            "ListenStream=\nListenStream=127.0.0.1:3098",
            "it listens on 127.0.0.1:3098, and `listen` is 127.0.0.1:3099",
        ),
        (
            "not loopback",
            "0.0.0.0",
            "ListenStream=\nListenStream=0.0.0.0:3099",
            "0.0.0.0:3099 is no loopback address",
        ),
        (
            "two of them",
            "127.0.0.1",
            "ListenStream=127.0.0.1:3098",
            "2 were handed over, and I take one",
        ),
        (
            "datagrams",
            "127.0.0.1",
            "ListenStream=\nListenDatagram=127.0.0.1:3099",
            "it is no listening TCP socket",
        ),
        ("a path", "127.0.0.1", "ListenStream=\nListenStream=/run/prxy.sock", "no listening TCP"),
    ];
    let service = Service::install().unwrap();
    service.drop_in("once", "[Service]\nRestart=no").unwrap();
    for (what, listen, setting, said) in cases {
        let config = service.config(&Setting::default());
        let config = config.replace("127.0.0.1:3099", &format!("{listen}:3099"));
        service.configure(&config).unwrap();
        service.drop_in_of(SOCKET, "case", &format!("[Socket]\n{setting}")).unwrap();
        service.systemd.systemctl(&["start", SOCKET]).unwrap();
        let started = service.systemd.run("systemctl", &["start", UNIT]).unwrap();
        assert!(!started.status.success(), "{what}");
        let journal = service.systemd.journal();
        assert!(journal.contains(said), "{what}");
        assert!(!journal.contains("prxy: ready"), "{what}");
        service.systemd.systemctl(&["stop", SOCKET]).unwrap();
        service.systemd.systemctl(&["reset-failed"]).unwrap();
    }
    service.drop_in_of(SOCKET, "case", "").unwrap();
    service.configure(&service.config(&Setting::default())).unwrap();
    service.systemd.systemctl(&["start", SOCKET, UNIT]).unwrap();
    service.answers().unwrap();
}

/// The cgroups of all sockets that listen on the service's port.
fn listeners(service: &Service) -> BTreeSet<String> {
    let table = service.systemd.output("ss", &["-Htlne", "sport", "=", "3099"]).unwrap();
    table.lines().map(|line| word(line, "cgroup:")).collect()
}

/// The inode of the one whose cgroup ends so.
fn inode(service: &Service, cgroup: &str) -> String {
    let table = service.systemd.output("ss", &["-Htlne", "sport", "=", "3099"]).unwrap();
    let line = table.lines().find(|line| word(line, "cgroup:").ends_with(cgroup)).unwrap();
    word(line, "ino:")
}

fn word(line: &str, key: &str) -> String {
    let found = line.split_whitespace().find_map(|word| word.strip_prefix(key));
    found.unwrap_or_else(|| panic!("no {key} in {line}")).to_owned()
}

/// The inodes of the sockets that a process holds.
fn sockets(pid: i32) -> BTreeSet<String> {
    let dir = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
    dir.filter_map(|fd| std::fs::read_link(fd.path()).ok()?.to_str().map(str::to_owned))
        .filter_map(|target| {
            Some(target.strip_prefix("socket:[")?.trim_end_matches(']').to_owned())
        })
        .collect()
}
