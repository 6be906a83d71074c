//! The Debian package, under a real systemd: it installs, upgrades, goes, and leaves nothing behind
//! if that is what is asked for. `cargo xtask dist` makes it anew for this.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use prxy_tests::daemon;
use prxy_tests::provider::Format;
use prxy_tests::reader;
use prxy_tests::samples::{Delivery, TICKET};
use prxy_tests::scene::Setting;
use prxy_tests::systemd::{SOURCES, Service, UNIT};
use tempfile::TempDir;

#[test]
fn it_is_installed_upgraded_removed_and_purged() {
    let dir = tempfile::tempdir().unwrap();
    let service = Service::boot().unwrap();
    let before = traces(&service);
    for version in ["0.1.0", "0.2.0"] {
        let package = fs::read(package(dir.path(), version, EPOCH)).unwrap();
        service.systemd.install(&format!("/tmp/{version}.deb"), &package, 0o644).unwrap();
    }
    let dpkg = |arguments: &[&str]| service.systemd.output("dpkg", arguments).unwrap();
    let run = |program: &str, arguments: &[&str]| {
        service.systemd.output(program, arguments).unwrap_or_else(|error| panic!("{error:#}"))
    };

    // Installed: everything is there, nothing runs, and the configuration is right as it is.
    dpkg(&["-i", "/tmp/0.1.0.deb"]);
    assert_eq!(service.state().unwrap().active, "inactive");
    let enabled = service.systemd.run("systemctl", &["is-enabled", UNIT]).unwrap();
    assert_eq!(String::from_utf8_lossy(&enabled.stdout).trim(), "disabled");
    assert_eq!(run("prxy", &["config", "check"]), "/var/lib/prxy/config.yaml: ok");
    for (file, said) in [
        ("/usr/share/man/man1/prxy.1", ".TH"),
        ("/usr/share/bash-completion/completions/prxy", "complete"),
        ("/usr/share/doc/prxy/LICENSE", "Apache License"),
        ("/usr/share/doc/prxy/third-party.txt", "sqlcipher-src"),
        ("/usr/share/doc/prxy/third-party.txt", "rustls"),
    ] {
        let content = fs::read_to_string(service.systemd.path(file)).unwrap();
        assert!(content.contains(said), "{file}: {said}");
    }
    for unit in ["prxy.service", "prxy.socket"] {
        let checked = service.systemd.run("systemd-analyze", &["verify", unit]).unwrap();
        let said = String::from_utf8_lossy(&checked.stderr).into_owned();
        assert!(checked.status.success() && said.is_empty(), "{unit}: {said}");
    }

    // Started, with the administrator's configuration.
    let config = service.config(&Setting::default());
    service.systemd.install("/etc/prxy/config.yaml", config.as_bytes(), 0o644).unwrap();
    service.systemd.systemctl(&["enable", "--now", UNIT]).unwrap();
    service.answers().unwrap();
    let masked = sent(&service);
    assert!(masked.contains("<EMAIL_"), "{masked}");
    assert_eq!(run("stat", &["-c", "%U %a", "/var/lib/prxy/state"]), "prxy 700");

    // Upgraded: it runs on, as the new one, with the vault and the configuration of before.
    let old = service.state().unwrap().main_pid;
    dpkg(&["-i", "/tmp/0.2.0.deb"]);
    service.answers().unwrap();
    assert_ne!(service.state().unwrap().main_pid, old);
    assert_eq!(
        run("dpkg-query", &["-Wf", "${Version} ${Status}", PACKAGE]),
        "0.2.0 install ok installed"
    );
    assert_eq!(sent(&service), masked);
    assert_eq!(fs::read_to_string(service.systemd.path("/etc/prxy/config.yaml")).unwrap(), config);

    // What root put back from a copy is the gateway's again with the next start.
    service.systemd.systemctl(&["stop", UNIT]).unwrap();
    run("chown", &["-R", "0:0", "/var/lib/prxy/state"]);
    service.systemd.systemctl(&["start", UNIT]).unwrap();
    assert_eq!(sent(&service), masked);

    // An upgrade of a service that was stopped does not start it.
    service.systemd.systemctl(&["stop", UNIT]).unwrap();
    dpkg(&["-i", "/tmp/0.2.0.deb"]);
    assert_eq!(service.state().unwrap().active, "inactive");
    service.systemd.systemctl(&["start", UNIT]).unwrap();

    // Removed: stopped, without a pin; state and configuration stay for the next installation.
    dpkg(&["-r", PACKAGE]);
    assert!(service.roles().is_empty());
    for (path, there) in [
        ("/usr/bin/prxy", false),
        ("/usr/lib/systemd/system/prxy.service", false),
        ("/etc/prxy/config.yaml", true),
        ("/var/lib/prxy/state", true),
    ] {
        assert_eq!(service.systemd.path(path).exists(), there, "{path}");
    }
    dpkg(&["-i", "/tmp/0.2.0.deb"]);
    service.systemd.systemctl(&["start", UNIT]).unwrap();
    service.answers().unwrap();
    assert_eq!(sent(&service), masked);

    // Purged: as if it had never been there.
    let key = b"[Service]\nEnvironment=A=B\n";
    service.systemd.install("/etc/systemd/system/prxy.service.d/a.conf", key, 0o644).unwrap();
    service.systemd.install("/etc/prxy/anthropic.key", b"key", 0o600).unwrap();
    assert!(traces(&service).len() > before.len() + 10);
    dpkg(&["-P", PACKAGE]);
    assert_eq!(traces(&service), before);
}

#[test]
fn the_same_sources_make_the_same_bytes() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let made = |dir: &TempDir, epoch| {
        let deb = package(dir.path(), "0.1.0", epoch);
        let tar = fs::read_dir(dir.path()).unwrap().flatten().map(|entry| entry.path());
        let tar = tar.into_iter().find(|path| path.extension().is_some_and(|e| e == "tar"));
        [deb, tar.unwrap()].map(|path| fs::read(path).unwrap())
    };
    let one = made(&first, EPOCH);
    assert!(one == made(&second, EPOCH));
    assert!(one != made(&second, EPOCH + 1), "the date is in it");
}

#[test]
fn every_shared_library_is_declared_and_documented() {
    let dir = tempfile::tempdir().unwrap();
    let package = package(dir.path(), "0.1.0", EPOCH);
    let field = |field: &str| output(Command::new("dpkg-deb").arg("-f").arg(&package).arg(field));
    let depends = field("Depends");
    let guide = fs::read_to_string(Path::new(SOURCES).join("../docs/install.md")).unwrap();
    let linked = output(Command::new("ldd").arg(daemon::binary().unwrap()));
    let mut seen = 0;
    for line in linked.lines().filter(|line| !line.contains("linux-vdso")) {
        let library = Path::new(line.split_whitespace().next().unwrap());
        let name = library.file_name().unwrap().to_str().unwrap();
        assert!(guide.contains(&format!("`{name}`")), "{name} is not in docs/install.md");
        // Whose it is, as dpkg knows it, which may know it by a folder that is a link now.
        let owners = output(Command::new("dpkg").arg("-S").arg(format!("*/{name}")));
        let known =
            |line: &str| line.split(':').next().is_some_and(|owner| depends.contains(owner));
        assert!(owners.lines().any(known), "{name} is of {owners}, not in: {depends}");
        seen += 1;
    }
    assert!(seen >= 4, "{linked}");
}

/// Makes the package of this test's binary.
fn package(dir: &Path, version: &str, epoch: u64) -> PathBuf {
    let mut dist = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    dist.current_dir(Path::new(SOURCES).join("..")).args(["xtask", "dist", "--quick", "--version"]);
    dist.arg(version).arg("--binary").arg(daemon::binary().unwrap()).arg("--out").arg(dir);
    let made = output(dist.env("SOURCE_DATE_EPOCH", epoch.to_string()));
    PathBuf::from(made.lines().find(|line| line.ends_with(".deb")).unwrap())
}

/// What the provider gets of the ticket.
fn sent(service: &Service) -> String {
    service.answers().unwrap();
    service.scene.openai.forget();
    let answer = service.ask(Format::OpenAi, TICKET, Delivery::Whole).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(reader::whole(Format::OpenAi, &answer.body).unwrap().text, TICKET);
    service.scene.openai.requests()[0].text()
}

/// Every file and account that bears the name, outside of what `dpkg` keeps of its own doings.
fn traces(service: &Service) -> BTreeSet<String> {
    let places = "/etc /usr /var/lib /run /sys/fs/bpf";
    let find = format!(
        "find {places} -xdev -name '*prxy*' -not -path '/var/lib/dpkg/*'; getent passwd prxy; getent group prxy; true"
    );
    let found = service.systemd.output("sh", &["-c", &find]).unwrap();
    found.lines().filter(|line| !line.contains("prxy-test-ca.pem")).map(str::to_owned).collect()
}

fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

const PACKAGE: &str = "prxy";
const EPOCH: u64 = 1_700_000_000;
