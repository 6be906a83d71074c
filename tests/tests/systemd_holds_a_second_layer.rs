//! What systemd itself takes from the service, beside all that prxy does; what it cannot take is
//! listed with its reason in `docs/operations.md`. And what the journal gets to see.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use prxy_tests::eventually;
use prxy_tests::provider::Format;
use prxy_tests::samples::{Delivery, PERSONAL, TICKET, secrets};
use prxy_tests::systemd::{SOURCES, Service, UNIT};
use serde_json::Value;

#[test]
fn what_systemd_could_still_take_is_listed_with_its_reason() {
    let service = Service::install().unwrap();
    let judged = ["security", "--no-pager", "--json=short", "--threshold=30", UNIT];
    let judged = service.systemd.output("systemd-analyze", &judged).unwrap();
    let rows: Vec<Value> = serde_json::from_str(&judged).unwrap();
    assert!(rows.len() > 60, "it judges everything");
    let exposed: BTreeSet<_> = rows
        .iter()
        .filter(|row| row["exposure"].as_str().is_some_and(|e| e.parse::<f64>().unwrap() > 0.0))
        .map(|row| row["name"].as_str().unwrap().to_owned())
        .collect();
    let guide = fs::read_to_string(Path::new(SOURCES).join("../docs/operations.md")).unwrap();
    let section =
        guide.split("## What systemd adds").nth(1).unwrap().split("\n## ").next().unwrap();
    let told: BTreeSet<_> = section
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split(" |").next())
        .flat_map(|cell| cell.split(", "))
        .map(|name| name.trim_matches('`').to_owned())
        .collect();
    assert_eq!(told, exposed);
    // Nothing that a reader of the file would not see.
    for unit in ["prxy.service", "prxy.socket"] {
        let checked = service.systemd.run("systemd-analyze", &["verify", unit]).unwrap();
        let said = String::from_utf8_lossy(&checked.stderr).into_owned();
        assert!(checked.status.success() && said.is_empty(), "{unit}: {said}");
    }
}

#[test]
fn no_process_keeps_a_right_and_every_layer_of_prxy_holds_inside() {
    let service = Service::start().unwrap();
    let mut users = BTreeSet::new();
    for (name, role) in service.roles() {
        let status = fs::read_to_string(format!("/proc/{}/status", role.pids[0])).unwrap();
        let field = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap();
            line.split_whitespace().next().unwrap().to_owned()
        };
        for set in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
            assert_eq!(field(set), "0000000000000000", "{name} {set}");
        }
        assert_eq!(
            (field("NoNewPrivs:").as_str(), field("Seccomp:").as_str()),
            ("1", "2"),
            "{name}"
        );
        assert!(users.insert(field("Uid:")), "{name} has a user of its own");
    }
    assert_eq!(users.len(), 5);
    let journal = service.systemd.journal();
    let held = journal.lines().find(|line| line.contains("part of the airgap holds")).unwrap();
    for layer in ["packet programs", "Landlock files", "system call filter", "unix socket programs"]
    {
        assert!(held.contains(layer), "{layer}: {held}");
    }
    assert!(!journal.contains("not in this kernel"), "{journal}");
}

#[test]
fn what_runs_in_the_unit_is_held_also_before_prxy_has_done_anything() {
    /// Commands that work where the unit does not hold them.
    const TRIED: &[&str] = &[
        "touch /usr/bin/tried",
        "touch /etc/tried",
        "touch /sys/fs/cgroup/system.slice/cgroup.max.depth",
        "mkdir /sys/fs/cgroup/system.slice/tried",
        "mkdir /sys/fs/bpf/tried",
        "unshare -m true",
        "unshare -i true",
        "mount -t tmpfs tmpfs /mnt",
        "hostname tried",
        "python3 -c 'import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)'",
        "python3 -c 'import socket; socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)'",
        "python3 -c 'import ctypes; exit(ctypes.CDLL(None).syscall(425, 1, bytes(120)) < 0)'",
        "ls -A /root /home | grep -q .",
        "test -e /dev/mem -o -e /dev/kmsg -o -e /dev/tty0 -o -e /proc/kcore",
    ];
    /// What prxy needs, and so must work.
    const NEEDED: &[&str] = &[
        "touch /var/lib/prxy/tried /run/prxy/tried",
        "rmdir /sys/fs/bpf/prxy/tried 2>/dev/null; mkdir /sys/fs/bpf/prxy/tried && rmdir /sys/fs/bpf/prxy/tried",
        "mkdir /sys/fs/cgroup/system.slice/prxy.service/tried && rmdir /sys/fs/cgroup/system.slice/prxy.service/tried",
        "python3 -c 'import socket; socket.socket(socket.AF_INET6)'",
    ];
    let service = Service::install().unwrap();
    // Something to find, where the machine has nothing.
    for (path, mode) in [("/root/secret", 0o600), ("/home/secret", 0o600), ("/dev/kmsg", 0o600)] {
        service.systemd.install(path, b"secret", mode).unwrap();
    }
    let held = tried(&service, "", &[TRIED, NEEDED].concat());
    let expected: Vec<bool> =
        TRIED.iter().map(|_| false).chain(NEEDED.iter().map(|_| true)).collect();
    let shown = |results: &[bool]| -> Vec<(bool, &str)> {
        results.iter().copied().zip(TRIED.iter().chain(NEEDED).copied()).collect()
    };
    assert_eq!(shown(&held), shown(&expected));
    // The same, where the unit is nothing but a command: all of it works.
    let free = tried(&service, FREE, TRIED);
    assert_eq!(shown(&free), shown(&vec![true; TRIED.len()]));
}

#[test]
fn keys_come_as_credentials_also_encrypted_ones() {
    let service = Service::install().unwrap();
    let key = "sk-of-the-service-4711";
    service.systemd.install("/etc/prxy/anthropic.key", key.as_bytes(), 0o600).unwrap();
    let seal = "printf sk-sealed-4711 | systemd-creds encrypt --with-key=host --name=OPENAI_API_KEY - /etc/prxy/openai.cred";
    service.systemd.output("sh", &["-c", seal]).unwrap();
    // The example, as an administrator would fill it in.
    let example = fs::read_to_string(Path::new(SOURCES).join("credentials.conf.example")).unwrap();
    let text = example.replace("#LoadCredential=ANTHROPIC", "LoadCredential=ANTHROPIC").replace(
        "#LoadCredentialEncrypted=ANTHROPIC_API_KEY:/etc/prxy/anthropic",
        "LoadCredentialEncrypted=OPENAI_API_KEY:/etc/prxy/openai",
    );
    service.drop_in("credentials", &text).unwrap();
    service.systemd.systemctl(&["start", UNIT]).unwrap();
    service.answers().unwrap();
    let sent = |head: &prxy_tests::http::Head, name: &str| head.header(name).unwrap().to_owned();
    let anthropic = service.scene.anthropic.last().unwrap();
    let openai = service.scene.openai.last().unwrap();
    assert_eq!(sent(&anthropic.head, "x-api-key"), key);
    assert_eq!(sent(&openai.head, "authorization"), "Bearer sk-sealed-4711");
    assert!(!service.systemd.journal().contains("4711"));
}

#[test]
fn wrong_permissions_are_refused_and_named_or_mended() {
    let service = Service::install().unwrap();
    let config = service.systemd.path("/var/lib/prxy/config.yaml");
    let mode =
        |mode| fs::set_permissions(&config, std::os::unix::fs::PermissionsExt::from_mode(mode));
    mode(0o666).unwrap();
    assert!(!service.systemd.run("systemctl", &["start", UNIT]).unwrap().status.success());
    assert_eq!(service.state().unwrap().status, 64);
    assert!(
        service.systemd.journal().contains("everyone may write to the configuration"),
        "{}",
        service.systemd.journal()
    );
    mode(0o644).unwrap();
    // systemd itself sees to its state directory, and tmpfiles to what is in it.
    service.systemd.output("chmod", &["777", "/var/lib/prxy"]).unwrap();
    service.systemd.output("chmod", &["777", "/var/lib/prxy/state"]).unwrap();
    service.systemd.systemctl(&["start", UNIT]).unwrap();
    service.answers().unwrap();
    for (path, expected) in [
        ("/var/lib/prxy", "root 755"),
        ("/var/lib/prxy/state", "prxy 700"),
        ("/var/lib/prxy/audit", "root 700"),
        ("/sys/fs/bpf/prxy", "root 700"),
    ] {
        let seen = service.systemd.output("stat", &["-c", "%U %a", path]).unwrap();
        assert_eq!(seen, expected, "{path}");
    }
}

#[test]
fn the_journal_has_priorities_and_not_a_word_of_anybody() {
    let service = Service::start().unwrap();
    let mut words: Vec<String> = PERSONAL.iter().map(|(_, value)| (*value).to_owned()).collect();
    words.extend(secrets().into_iter().map(|(_, value)| value));
    for text in words.iter().map(String::as_str).chain([TICKET]) {
        for delivery in [Delivery::Whole, Delivery::Streamed] {
            service.ask(Format::Anthropic, text, delivery).unwrap();
        }
    }
    fs::write(service.role("broker").unwrap().cgroup.join("cgroup.kill"), "1").unwrap();
    eventually!(service.state().unwrap().restarts == 1);
    service.answers().unwrap();
    service.systemd.systemctl(&["reload", UNIT]).unwrap();
    let read = ["--no-pager", "--output=json", "SYSLOG_IDENTIFIER=prxy"];
    let entries = service.systemd.output("journalctl", &read).unwrap();
    let entries: Vec<Value> =
        entries.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let priorities = |text: &str| -> BTreeSet<&str> {
        let said = entries.iter().filter(|e| e["MESSAGE"].as_str().unwrap().contains(text));
        said.map(|entry| entry["PRIORITY"].as_str().unwrap()).collect()
    };
    assert_eq!(priorities("prxy: ready, listening on"), ["6"].into());
    assert_eq!(priorities("pipeline:"), ["6"].into(), "each line of an event");
    for entry in &entries {
        assert_eq!(entry["_SYSTEMD_UNIT"], UNIT);
        let message = entry["MESSAGE"].as_str().unwrap();
        assert!(!message.starts_with('<') && !message.starts_with("2026"), "{message}");
    }
    let journal = service.systemd.journal();
    for word in &words {
        assert!(!journal.contains(word.as_str()), "{word}");
    }
    assert!(!journal.contains("Ticket"), "nor what is around it");
}

/// Whether each command ends well as the unit's own process.
fn tried(service: &Service, unit: &str, commands: &[&str]) -> Vec<bool> {
    const RESULTS: &str = "/var/lib/prxy/results";
    let mut script = format!("#!/bin/sh\nexec 3>{RESULTS}\n");
    for (number, command) in commands.iter().enumerate() {
        script += &format!("if ( {command} ) >/dev/null 2>&1; then echo {number} >&3; fi\n");
    }
    service.systemd.install("/usr/local/bin/try", script.as_bytes(), 0o755).unwrap();
    let only = "Type=oneshot\nRestart=no\nWatchdogSec=0\nExecStart=\nExecStart=/usr/local/bin/try";
    service.drop_in("try", &format!("[Service]\n{only}\n{unit}")).unwrap();
    service.systemd.systemctl(&["start", UNIT]).unwrap();
    let worked = fs::read_to_string(service.systemd.path(RESULTS)).unwrap();
    let worked: BTreeSet<usize> = worked.lines().map(|line| line.parse().unwrap()).collect();
    (0..commands.len()).map(|number| worked.contains(&number)).collect()
}

/// Takes every layer of the unit off.
const FREE: &str = "\
CapabilityBoundingSet=~
NoNewPrivileges=no
ProtectSystem=no
ProtectControlGroups=no
ReadWritePaths=
ProtectHome=no
ProtectClock=no
ProtectHostname=no
ProtectKernelLogs=no
ProtectKernelModules=no
ProtectKernelTunables=no
ProtectProc=default
ProcSubset=all
PrivateDevices=no
PrivateIPC=no
PrivateMounts=no
PrivateTmp=no
LockPersonality=no
MemoryDenyWriteExecute=no
RestrictRealtime=no
RestrictSUIDSGID=no
RestrictAddressFamilies=
SystemCallArchitectures=
SystemCallFilter=
";
