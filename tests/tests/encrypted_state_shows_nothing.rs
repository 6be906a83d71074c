//! With a passphrase, no file of the state shows what is in it; and whatever happens while it is
//! given one or another, everything in it is there afterwards.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use prxy_tests::daemon;
use prxy_tests::provider::wire::last_user_text;
use prxy_tests::provider::{Format, Reply, Script};
use prxy_tests::reader;
use prxy_tests::roles::{copies_in_memory, holds};
use prxy_tests::samples::{self, Delivery, PERSONAL, TICKET};
use prxy_tests::scene::{Scene, Setting};

const FIRST: &str = "the first passphrase of this state";
const SECOND: &str = "another passphrase, for later on";

#[test]
fn no_file_shows_a_value_and_no_role_the_passphrase() {
    // The control: without encryption the values are found, so they would be found here.
    let mut open = Scene::start().unwrap();
    assert_eq!(restored(&open), TICKET);
    assert!(showing(&open.data()).iter().any(|name| name.starts_with("prxy.db")));
    open.stop().unwrap();

    let mut scene = Scene::start_with(&encrypted("", FIRST)).unwrap();
    assert_eq!(restored(&scene), TICKET);
    // While it runs, with the write-ahead log and the shared memory; after a crash; after a stop.
    assert_eq!(showing(&scene.data()), [] as [String; 0]);
    let names: Vec<_> = files(&scene.data().join("state")).iter().map(|path| name(path)).collect();
    for expected in ["encryption.json", "prxy.db", "prxy.db-shm", "prxy.db-wal"] {
        assert!(names.iter().any(|name| name == expected), "{names:?}");
    }
    let backup = scene.dir().join("backup");
    let done = prxy(&scene, &["backup", &backup.display().to_string()], FIRST);
    assert!(done.status.success(), "{}", said(&done));
    assert_eq!(showing(&backup), [] as [String; 0]);
    assert!(backup.join("state/prxy.db").exists() && backup.join("state/encryption.json").exists());

    let log = scene.daemon().unwrap().log().join("\n");
    assert!(!log.contains(FIRST), "the passphrase is in the log");
    let mut seen = 0;
    for (role, process) in scene.daemon().unwrap().roles().unwrap() {
        for pid in process.pids {
            seen += 1;
            for of in ["environ", "cmdline"] {
                let bytes = fs::read(format!("/proc/{pid}/{of}")).unwrap();
                assert!(!holds(&bytes, FIRST.as_bytes()), "{role} shows it in its {of}");
            }
            // Not even the gateway, which has the key that was made from it.
            assert_eq!(copies_in_memory(pid, FIRST.as_bytes()).unwrap(), 0, "{role} remembers it");
        }
    }
    assert!(seen >= 4, "{seen}");
    kill(&scene);
    scene.stop().unwrap();
    assert_eq!(showing(&scene.data()), [] as [String; 0]);
    scene.launch(&encrypted("", FIRST)).unwrap();
    scene.wait_for_routes().unwrap();
    assert_eq!(told(&scene, "<EMAIL_1>"), PERSONAL[1].1);
    scene.stop().unwrap();
    assert_eq!(showing(&scene.data()), [] as [String; 0]);
}

#[test]
fn a_state_is_encrypted_in_place_and_opens_with_its_own_passphrase_only() {
    let mut scene = Scene::start().unwrap();
    assert_eq!(restored(&scene), TICKET);
    let refused = prxy(&scene, &["encrypt"], FIRST);
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("another prxy is running"), "{}", said(&refused));
    scene.stop().unwrap();
    assert_ne!(showing(&scene.data()), [] as [String; 0]);

    // What demands encryption does not take a state that is open.
    let demand = scene.config(&encrypted("", FIRST));
    let refused = scene.refusal(&demand, &[("PRXY_STATE_KEY", FIRST)]).unwrap();
    assert!(said(&refused).contains("run `prxy encrypt`"), "{}", said(&refused));
    let done = prxy(&scene, &["encrypt"], FIRST);
    assert!(done.status.success(), "{}", said(&done));
    assert_eq!(showing(&scene.data()), [] as [String; 0]);
    let owners = |path: PathBuf| {
        let known = fs::metadata(path).unwrap();
        (known.uid(), known.permissions().mode() & 0o777)
    };
    let state = scene.data().join("state");
    assert_eq!(owners(state.clone()).0, owners(state.join("prxy.db")).0);
    assert_eq!((owners(state.clone()).1, owners(state.join("prxy.db")).1), (0o700, 0o600));

    for (env, reason) in [
        (vec![], "the state is encrypted"),
        (vec![("PRXY_STATE_KEY", SECOND)], "is not the one that the state is encrypted with"),
        (vec![("PRXY_STATE_KEY", "short")], "at least 12 bytes"),
    ] {
        let refused = scene.refusal(&scene.config(&Setting::default()), &env).unwrap();
        assert!(said(&refused).contains(reason), "{reason}: {}", said(&refused));
        assert!(!said(&refused).contains(SECOND));
    }
    scene.launch(&encrypted("", FIRST)).unwrap();
    scene.wait_for_routes().unwrap();
    assert_eq!(told(&scene, "<EMAIL_1>"), PERSONAL[1].1);
    scene.stop().unwrap();

    let wrong = prxy(&scene, &["decrypt"], SECOND);
    assert!(said(&wrong).contains("is not the one"), "{}", said(&wrong));
    let new = key_file(&scene, SECOND);
    let done = prxy(&scene, &["rekey", "--new-key-file", &new], FIRST);
    assert!(done.status.success(), "{}", said(&done));
    assert!(!prxy(&scene, &["vault", "stats"], FIRST).status.success());
    let shown = prxy(&scene, &["vault", "show", "EMAIL_1", "--values", "--key-file", &new], FIRST);
    assert!(String::from_utf8_lossy(&shown.stdout).contains(PERSONAL[1].1), "{}", said(&shown));
    assert_eq!(showing(&scene.data()), [] as [String; 0]);

    let setting = encrypted(&format!("encrypt: {{ key_file: '{new}' }}"), "");
    scene.launch(&setting).unwrap();
    scene.wait_for_routes().unwrap();
    assert_eq!(told(&scene, "<EMAIL_1>"), PERSONAL[1].1);
    scene.stop().unwrap();
    let done = prxy(&scene, &["decrypt"], SECOND);
    assert!(done.status.success(), "{}", said(&done));
    assert_ne!(showing(&scene.data()), [] as [String; 0]);
    scene.launch(&Setting::default()).unwrap();
    scene.wait_for_routes().unwrap();
    assert_eq!(told(&scene, "<EMAIL_1>"), PERSONAL[1].1);
}

#[test]
fn killed_at_any_moment_it_leaves_a_whole_state_of_one_of_the_two_kinds() {
    let mut scene = Scene::start().unwrap();
    assert_eq!(restored(&scene), TICKET);
    scene.stop().unwrap();
    let expected = values(&scene, "unused passphrase");
    assert!(expected.contains(PERSONAL[1].1), "{expected}");
    let new = key_file(&scene, SECOND);
    let old = scene.dir().join("old.key").display().to_string();
    fs::rename(key_file(&scene, FIRST), &old).unwrap();
    key_file(&scene, SECOND);
    let state = scene.data().join("state");
    let fresh = scene.data().join("state.new");
    let (mut changed, mut kept) = (0, 0);
    let mut key = None;
    for round in 0..27 {
        let (words, next) = match (key, round % 3) {
            (None, _) => (vec!["encrypt"], Some(FIRST)),
            (Some(_), 2) => (vec!["decrypt"], None),
            (Some(FIRST), _) => (vec!["rekey", "--new-key-file", &new], Some(SECOND)),
            (Some(_), _) => (vec!["rekey", "--new-key-file", &old], Some(FIRST)),
        };
        let inode = fs::metadata(&state).unwrap().ino();
        let since = Instant::now();
        let moment = || match round % 9 {
            0 => fresh.exists(),
            1 => fresh.join("encryption.json").exists() || next.is_none(),
            2 => fresh.join("prxy.db").exists(),
            3 => fs::metadata(fresh.join("prxy.db")).is_ok_and(|known| known.len() > 0),
            4 => fresh.join("prxy.db-wal").exists(),
            5 => fresh.join("blob").exists(),
            6 | 7 => fs::metadata(&state).is_ok_and(|known| known.ino() != inode),
            _ => since.elapsed() > Duration::from_millis(40 * round),
        };
        let mut child = command(&scene, &words, key.unwrap_or(FIRST))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let group = nix::unistd::Pid::from_raw(child.id() as i32);
        while !moment() && child.try_wait().unwrap().is_none() {
            std::hint::spin_loop();
        }
        // What it has started dies as well: it is in the same group.
        let _ = nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL);
        child.wait().unwrap();
        if fs::metadata(&state).unwrap().ino() == inode {
            kept += 1;
        } else {
            changed += 1;
            key = next;
        }
        let told = format!("round {round}: {words:?}, then {key:?}");
        assert_eq!(state.join("encryption.json").exists(), key.is_some(), "{told}");
        assert_eq!(values(&scene, key.unwrap_or(FIRST)), expected, "{told}");
    }
    assert!(changed > 3 && kept > 3, "changed {changed} times, kept {kept} times");
    if let Some(key) = key {
        assert!(prxy(&scene, &["decrypt"], key).status.success());
    }
    // As a crash between the exchange and the end of the old state leaves it.
    fs::create_dir_all(fresh.join("blob")).unwrap();
    fs::write(fresh.join("blob/x"), TICKET).unwrap();
    scene.launch(&Setting::default()).unwrap();
    // The first thing that a start does is to remove what was left.
    assert!(!scene.data().join("state.new").exists());
    scene.wait_for_routes().unwrap();
    assert_eq!(told(&scene, "<EMAIL_1>"), PERSONAL[1].1);
}

/// The usual setting with a demand for encryption, or another one.
fn encrypted(extra: &str, passphrase: &str) -> Setting {
    let extra = if extra.is_empty() { "encrypt: {}" } else { extra };
    let env = match passphrase {
        "" => Vec::new(),
        text => vec![("PRXY_STATE_KEY".to_owned(), text.to_owned())],
    };
    Setting { extra: extra.to_owned(), env, ..Setting::default() }
}

/// Sends the ticket; what comes back of its echo.
fn restored(scene: &Scene) -> String {
    let answer = scene.ask(Format::Anthropic, TICKET, Delivery::Whole).unwrap();
    let masked = last_user_text(&scene.anthropic.last().unwrap().json().unwrap());
    assert!(masked.contains("<EMAIL_1>") && !masked.contains(PERSONAL[1].1), "{masked}");
    reader::whole(Format::Anthropic, &answer.body).unwrap().text
}

/// What the client gets when the provider says `text` of something that it keeps.
fn told(scene: &Scene, text: &str) -> String {
    scene.anthropic.script(Script::reply(Reply::Text(text.to_owned())));
    let mut body = samples::ask(Format::Anthropic, "and now?", Delivery::Whole);
    body["conversation"] = "c".into();
    let answer = scene.post(samples::path(Format::Anthropic), &body).unwrap();
    scene.anthropic.script(Script::default());
    reader::whole(Format::Anthropic, &answer.body).unwrap().text
}

/// The vault's entries with their values, as the command prints them.
fn values(scene: &Scene, passphrase: &str) -> String {
    let listed = prxy(scene, &["vault", "list", "--values"], passphrase);
    assert!(listed.status.success(), "{}", said(&listed));
    String::from_utf8(listed.stdout).unwrap()
}

fn command(scene: &Scene, words: &[&str], passphrase: &str) -> Command {
    let mut command = Command::new(daemon::binary().unwrap());
    command.args(words).env_clear().env("PRXY_DATA_DIR", scene.data());
    command.env("PRXY_STATE_KEY", passphrase).stdin(Stdio::null());
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command
}

fn prxy(scene: &Scene, words: &[&str], passphrase: &str) -> Output {
    command(scene, words, passphrase).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn key_file(scene: &Scene, passphrase: &str) -> String {
    let path = scene.dir().join("new.key");
    fs::write(&path, passphrase).unwrap();
    fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    path.display().to_string()
}

fn kill(scene: &Scene) {
    let pid = nix::unistd::Pid::from_raw(scene.daemon().unwrap().pid());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
}

/// The names of the files that hold a value of the ticket.
fn showing(dir: &Path) -> Vec<String> {
    let shows = |path: &PathBuf| {
        let Ok(bytes) = fs::read(path) else { return false };
        PERSONAL
            .iter()
            .filter(|(_, value)| value.len() > 4)
            .any(|(_, value)| holds(&bytes, value.as_bytes()))
    };
    files(dir).into_iter().filter(shows).map(|path| name(&path)).collect()
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(dir).unwrap().flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => all.extend(files(&path)),
            // A socket, such as the control socket, has no content.
            false => all.extend(path.is_file().then_some(path)),
        }
    }
    all
}
