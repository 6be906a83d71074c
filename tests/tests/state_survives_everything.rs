//! The state is there after whatever happens to the daemon and its disk, or the request is refused:
//! nothing leaves unmasked because the vault could not be written.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use prxy_tests::daemon;
use prxy_tests::provider::wire::last_user_text;
use prxy_tests::provider::{Format, Reply, Script};
use prxy_tests::reader;
use prxy_tests::samples::{self, Delivery, PERSONAL, TICKET};
use prxy_tests::scene::{Scene, Setting};

#[test]
fn the_data_directory_holds_what_the_guide_says_and_without_it_nothing_is_left() {
    let mut scene = Scene::start().unwrap();
    ask(&scene, "jane@x-mail.com");
    assert_eq!(last(&scene), "<EMAIL_1>");
    let known = ["audit", "control.sock", "metrics.sock", "prxy.lock", "state"];
    assert_eq!(names(&scene.data()), known.map(str::to_owned).into());
    let of_state = names(&scene.data().join("state"));
    let known = ["blob", "prxy.db", "prxy.db-shm", "prxy.db-wal"].map(str::to_owned);
    assert!(of_state.is_subset(&known.into()), "{of_state:?}");
    scene.stop().unwrap();
    let of_state = names(&scene.data().join("state"));
    assert!(of_state.is_subset(&["blob".to_owned(), "prxy.db".to_owned()].into()), "{of_state:?}");

    restart(&mut scene);
    assert_eq!(told(&scene, "<EMAIL_1>"), "jane@x-mail.com");
    scene.stop().unwrap();
    fs::remove_dir_all(scene.data().join("state")).unwrap();
    restart(&mut scene);
    assert_eq!(told(&scene, "<EMAIL_1>"), "<EMAIL_1>");
    ask(&scene, "tom@x-mail.com");
    assert_eq!(last(&scene), "<EMAIL_1>");
}

#[test]
fn a_backup_of_the_running_daemon_is_a_data_directory_that_it_can_go_on_with() {
    let mut scene = Scene::start().unwrap();
    ask(&scene, "jane@x-mail.com");
    let backup = scene.dir().join("backup");
    let words = ["backup", backup.to_str().unwrap()];
    assert!(prxy(&scene, &words).status.success());
    // It is not written over.
    assert!(!prxy(&scene, &words).status.success());
    ask(&scene, "tom@x-mail.com");
    scene.stop().unwrap();
    fs::remove_dir_all(scene.data().join("state")).unwrap();
    fs::rename(backup.join("state"), scene.data().join("state")).unwrap();
    restart(&mut scene);
    assert_eq!(told(&scene, "<EMAIL_1> <EMAIL_2>"), "jane@x-mail.com <EMAIL_2>");
}

#[test]
fn what_is_exported_from_a_running_daemon_comes_in_again_and_overwrites_nothing() {
    let mut scene = Scene::start().unwrap();
    ask(&scene, "jane@x-mail.com");
    let file = scene.dir().join("export.jsonl");
    let name = file.to_str().unwrap();
    assert!(prxy(&scene, &["export", name]).status.success());
    assert!(!prxy(&scene, &["export", name]).status.success());
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&file).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let running = prxy(&scene, &["import", "--force", name]);
    assert!(said(&running).contains("another prxy is running"), "{}", said(&running));
    scene.stop().unwrap();
    let full = prxy(&scene, &["import", name]);
    assert!(said(&full).contains("the state is not empty"), "{}", said(&full));

    fs::remove_dir_all(scene.data().join("state")).unwrap();
    restart(&mut scene);
    ask(&scene, "tom@x-mail.com");
    assert_eq!(last(&scene), "<EMAIL_1>");
    let merged = prxy(&scene, &["import", "--merge", name]);
    assert!(String::from_utf8_lossy(&merged.stdout).starts_with("0 added, 1 added under new"));
    assert_eq!(told(&scene, "<EMAIL_1> <EMAIL_2>"), "tom@x-mail.com jane@x-mail.com");
    scene.stop().unwrap();
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, &text[..text.len() - 10]).unwrap();
    let cut = prxy(&scene, &["import", "--force", name]);
    assert!(!cut.status.success(), "a file that is cut off came in");
    restart(&mut scene);
    assert_eq!(told(&scene, "<EMAIL_1> <EMAIL_2>"), "tom@x-mail.com jane@x-mail.com");
    scene.stop().unwrap();
    fs::write(&file, &text).unwrap();
    let forced = prxy(&scene, &["import", "--force", name]);
    assert!(forced.status.success(), "{}", said(&forced));
    restart(&mut scene);
    assert_eq!(told(&scene, "<EMAIL_1> <EMAIL_2>"), "jane@x-mail.com <EMAIL_2>");
}

#[test]
fn a_backup_or_export_that_fails_leaves_nothing_behind() {
    let mut scene = Scene::start().unwrap();
    ask(&scene, "jane@x-mail.com");
    scene.stop().unwrap();
    let to = scene.dir().join("target");
    let name = to.to_str().unwrap();
    let database = scene.data().join("state/prxy.db");
    let good = fs::read(&database).unwrap();
    for damaged in [&b"no database at all, but long enough for one".repeat(100)[..], &good] {
        fs::write(&database, damaged).unwrap();
        for verb in ["backup", "export"] {
            let done = prxy(&scene, &[verb, name]);
            let whole = damaged == good;
            assert_eq!((done.status.success(), to.exists()), (whole, whole), "{}", said(&done));
            if verb == "backup" && whole {
                fs::remove_dir_all(&to).unwrap();
            }
        }
    }
}

#[test]
fn on_a_full_disk_nothing_new_is_sent_and_what_is_known_goes_on() {
    let mut scene = Scene::empty().unwrap();
    let disk = Disk::small(&scene.data().join("state"));
    restart(&mut scene);
    ask(&scene, "jane@x-mail.com");
    let ballast = disk.0.join("ballast");
    // Whatever is left, down to the last page.
    for size in [1 << 20, 1 << 16, 4096] {
        let mut more = fs::File::options().create(true).append(true).open(&ballast).unwrap();
        while std::io::Write::write_all(&mut more, &vec![b'x'; size]).is_ok() {}
    }
    scene.anthropic.forget();
    let mut refused = 0;
    for turn in 0..40 {
        // Longer than a page: the write-ahead log has to grow.
        let mails: Vec<String> = (0..200).map(|n| format!("u{turn}-{n}@x-mail.com")).collect();
        let answer = scene.ask(Format::Anthropic, &mails.join(" "), Delivery::Whole).unwrap();
        if answer.status != 200 {
            assert_eq!(answer.reason(), Some("vault-unavailable"), "{}", answer.text());
            refused += 1;
        }
    }
    assert!(refused > 30, "{refused} of 40");
    for request in scene.anthropic.requests() {
        assert!(!String::from_utf8_lossy(&request.body).contains("x-mail.com"));
    }
    ask(&scene, "jane@x-mail.com");
    assert_eq!(last(&scene), "<EMAIL_1>");
    fs::remove_file(&ballast).unwrap();
    ask(&scene, "after@x-mail.com");
    scene.stop().unwrap();
    restart(&mut scene);
    assert_eq!(told(&scene, "<EMAIL_1>"), "jane@x-mail.com");
    scene.stop().unwrap();
}

#[test]
fn on_a_disk_that_must_not_be_written_nothing_is_served() {
    let mut scene = Scene::empty().unwrap();
    let disk = Disk::small(&scene.data().join("state"));
    restart(&mut scene);
    ask(&scene, "jane@x-mail.com");
    scene.stop().unwrap();
    let flags = MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
    mount(None::<&str>, &disk.0, None::<&str>, flags, None::<&str>).unwrap();
    let refused = scene.refusal(&scene.config(&Setting::default()), &[]).unwrap();
    assert!(said(&refused).contains("Read-only file system"), "{}", said(&refused));
    mount(None::<&str>, &disk.0, None::<&str>, MsFlags::MS_REMOUNT, None::<&str>).unwrap();
    restart(&mut scene);
    assert_eq!(told(&scene, "<EMAIL_1>"), "jane@x-mail.com");
    scene.stop().unwrap();
}

#[test]
fn a_damaged_file_is_told_or_does_no_harm() {
    let mut scene = Scene::start().unwrap();
    let restored = scene.ask(Format::Anthropic, TICKET, Delivery::Whole).unwrap();
    assert_eq!(reader::whole(Format::Anthropic, &restored.body).unwrap().text, TICKET);
    // The gateway must not hear that the warden is gone: it would close the database in order.
    let warden = Pid::from_raw(scene.daemon().unwrap().pid());
    let gateway = scene.daemon().unwrap().role("gateway").unwrap().pids;
    kill(warden, Signal::SIGSTOP).unwrap();
    gateway.into_iter().for_each(|pid| kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap());
    kill(warden, Signal::SIGKILL).unwrap();
    scene.stop().unwrap();
    let state = scene.data().join("state");
    let good: Vec<(PathBuf, Vec<u8>)> = ["prxy.db", "prxy.db-wal"]
        .map(|name| (state.join(name), fs::read(state.join(name)).unwrap_or_default()))
        .into();
    assert!(good[1].1.len() > 4096, "there is no write-ahead log to damage");
    let (mut refused, mut served) = (0, 0);
    for (file, at) in [(0, 0), (0, 30), (0, 105), (1, 3), (1, 40), (1, 60), (1, 4200), (1, 9000)] {
        for (path, bytes) in &good {
            fs::write(path, bytes).unwrap();
        }
        let _ = fs::remove_file(state.join("prxy.db-shm"));
        let (path, bytes) = &good[file];
        if bytes.len() <= at {
            continue;
        }
        let mut bad = bytes.clone();
        bad[at] ^= 0x55;
        fs::write(path, bad).unwrap();
        if let Err(error) = scene.launch(&Setting::default()) {
            let told = format!("{error:#}");
            assert!(told.contains("the database is damaged"), "{file} {at}: {told}");
            refused += 1;
            continue;
        }
        scene.wait_for_routes().unwrap();
        scene.anthropic.forget();
        let answer = scene.ask(Format::Anthropic, TICKET, Delivery::Whole).unwrap();
        if answer.status == 200 {
            let text = reader::whole(Format::Anthropic, &answer.body).unwrap().text;
            assert_eq!(text, TICKET, "{file} {at}");
        }
        for request in scene.anthropic.requests() {
            let sent = String::from_utf8_lossy(&request.body).into_owned();
            for (label, value) in PERSONAL {
                assert!(!sent.contains(value), "{file} {at}: {label} was sent");
            }
        }
        served += 1;
        scene.stop().unwrap();
    }
    assert!(served > 0, "refused {refused}, served {served}");
    // Without a write-ahead log there is no other copy of the first page.
    for (path, bytes) in &good {
        fs::write(path, bytes).unwrap();
    }
    let _ = fs::remove_file(state.join("prxy.db-shm"));
    restart(&mut scene);
    scene.stop().unwrap();
    let whole = fs::read(state.join("prxy.db")).unwrap();
    for at in [0, 100] {
        let mut bad = whole.clone();
        bad[at] ^= 0x55;
        fs::write(state.join("prxy.db"), bad).unwrap();
        let refused = scene.refusal(&scene.config(&Setting::default()), &[]).unwrap();
        assert!(said(&refused).contains("the database is damaged"), "{at}: {}", said(&refused));
    }
    fs::write(state.join("prxy.db"), whole).unwrap();
    restart(&mut scene);
    assert_eq!(told(&scene, "<EMAIL_1>"), PERSONAL[1].1);
}

/// A disk of one megabyte, mounted for as long as this lives.
struct Disk(PathBuf);

impl Disk {
    fn small(at: &Path) -> Self {
        fs::create_dir_all(at).unwrap();
        let size = Some("size=1m,mode=700");
        mount(Some("none"), at, Some("tmpfs"), MsFlags::empty(), size).unwrap();
        Self(at.to_owned())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // A test that failed may still have it open.
        let _ = umount2(&self.0, MntFlags::MNT_DETACH);
    }
}

fn restart(scene: &mut Scene) {
    scene.launch(&Setting::default()).unwrap();
    scene.wait_for_routes().unwrap();
}

/// Sends one message, which is echoed and must come back as it was.
fn ask(scene: &Scene, text: &str) {
    scene.anthropic.script(Script::default());
    let answer = scene.ask(Format::Anthropic, text, Delivery::Whole).unwrap();
    assert_eq!(reader::whole(Format::Anthropic, &answer.body).unwrap().text, text);
}

/// What the client gets when the provider says `text` of something that it keeps.
fn told(scene: &Scene, text: &str) -> String {
    scene.anthropic.script(Script::reply(Reply::Text(text.to_owned())));
    let mut body = samples::ask(Format::Anthropic, "and now?", Delivery::Whole);
    body["conversation"] = "c".into();
    let answer = scene.post(samples::path(Format::Anthropic), &body).unwrap();
    reader::whole(Format::Anthropic, &answer.body).unwrap().text
}

/// What the provider got last.
fn last(scene: &Scene) -> String {
    last_user_text(&scene.anthropic.last().unwrap().json().unwrap())
}

fn prxy(scene: &Scene, words: &[&str]) -> Output {
    let mut command = Command::new(daemon::binary().unwrap());
    command.args(words).env_clear().env("PRXY_DATA_DIR", scene.data());
    command.stdin(Stdio::null()).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn names(dir: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(dir).unwrap();
    entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
}
