//! Placeholders mean the same after a restart, and nothing outside the vault holds a raw value.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use prxy_tests::daemon;
use prxy_tests::http::Answer;
use prxy_tests::provider::wire::{last_user_text, placeholders};
use prxy_tests::provider::{Format, Reply, Script};
use prxy_tests::reader;
use prxy_tests::samples::{self, Delivery, PERSONAL, TICKET};
use prxy_tests::scene::{Scene, Setting, call};

#[test]
fn a_value_keeps_its_placeholder_and_comes_back_after_a_restart() {
    let mut scene = Scene::start().unwrap();
    scene.ask(Format::Anthropic, TICKET, Delivery::Whole).unwrap();
    let before = last_user_text(&scene.anthropic.last().unwrap().json().unwrap());
    scene.stop().unwrap();

    scene.launch(&Setting::default()).unwrap();
    scene.wait_for_routes().unwrap();
    // Restored without having been sent in this life of the daemon.
    scene.anthropic.script(Script::reply(Reply::Text(before.clone())));
    let answer = remind(&scene, Format::Anthropic, Delivery::Streamed);
    assert_eq!(reader::stream(Format::Anthropic, &answer.body).unwrap().text, TICKET);

    scene.anthropic.script(Script::default());
    scene.ask(Format::Anthropic, TICKET, Delivery::Whole).unwrap();
    let after = last_user_text(&scene.anthropic.last().unwrap().json().unwrap());
    assert_eq!(after, before);
    scene.ask(Format::Anthropic, "new@x-mail.com", Delivery::Whole).unwrap();
    let new = last_user_text(&scene.anthropic.last().unwrap().json().unwrap());
    assert!(!placeholders(&before).contains(&new), "{new} was given twice");
}

#[test]
fn a_crash_loses_nothing_that_was_sent() {
    let mut scene = Scene::start().unwrap();
    scene.ask(Format::OpenAi, "jane@x-mail.com", Delivery::Whole).unwrap();
    let before = last_user_text(&scene.openai.last().unwrap().json().unwrap());
    let pid = nix::unistd::Pid::from_raw(scene.daemon().unwrap().pid());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
    scene.stop().unwrap();
    scene.launch(&Setting::default()).unwrap();
    scene.wait_for_routes().unwrap();
    scene.openai.script(Script::reply(Reply::Text(before)));
    let answer = remind(&scene, Format::OpenAi, Delivery::Whole);
    assert_eq!(reader::whole(Format::OpenAi, &answer.body).unwrap().text, "jane@x-mail.com");
}

#[test]
fn only_the_vault_holds_raw_values_and_others_cannot_read_it() {
    let mut scene = Scene::start().unwrap();
    scene.ask(Format::Anthropic, TICKET, Delivery::Streamed).unwrap();
    let log = scene.daemon().unwrap().log().join("\n");
    scene.stop().unwrap();
    for (label, value) in PERSONAL {
        assert!(!log.contains(value), "{label} is in the log");
    }
    let mut vaults = 0;
    for path in files(&scene.data()) {
        let bytes = fs::read(&path).unwrap();
        let holds = PERSONAL.iter().any(|(_, v)| bytes.windows(v.len()).any(|w| w == v.as_bytes()));
        if holds {
            vaults += 1;
            assert!(path.starts_with(scene.data().join("state")), "{}", path.display());
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{} is open to others: {mode:o}", path.display());
        }
    }
    assert!(vaults > 0, "the vault holds nothing");
}

#[test]
fn every_spelling_of_a_value_comes_back_as_it_was() {
    let mut scene = Scene::start().unwrap();
    let text = "jane@x-mail.com, Jane@X-mail.com; +1 415 555 0132 or +1-415-555-0132; JANE@x-mail.com, <EMAIL_1_2>";
    let masked = "<EMAIL_1>, <EMAIL_1_3>; <PHONE_1> or <PHONE_1_2>; <EMAIL_1_4>, <EMAIL_1_2>";
    ask(&scene, "jane@x-mail.com");
    // Typed before there was such a spelling: it is nobody's now.
    ask(&scene, "what is <EMAIL_1_2>?");
    for restarted in [false, true] {
        if restarted {
            scene.stop().unwrap();
            scene.launch(&Setting::default()).unwrap();
            scene.wait_for_routes().unwrap();
        }
        scene.anthropic.script(Script::default());
        for delivery in [Delivery::Whole, Delivery::Streamed] {
            let answer = scene.ask(Format::Anthropic, text, delivery).unwrap();
            let read = match delivery {
                Delivery::Whole => reader::whole(Format::Anthropic, &answer.body),
                Delivery::Streamed => reader::stream(Format::Anthropic, &answer.body),
            };
            assert_eq!(read.unwrap().text, text);
            assert_eq!(last(&scene), masked);
        }
        // What is masked already stays, and is not restored: nobody has masked it here.
        let answer = scene.ask(Format::Anthropic, masked, Delivery::Streamed).unwrap();
        assert_eq!(last(&scene), masked);
        assert_eq!(reader::stream(Format::Anthropic, &answer.body).unwrap().text, masked);
    }
}

#[test]
fn a_daemon_that_is_killed_while_it_masks_has_kept_whatever_it_sent() {
    let mut scene = Scene::start().unwrap();
    for life in 0..3 {
        scene.anthropic.forget();
        scene.anthropic.script(Script::default());
        let address = scene.daemon().unwrap().address;
        let pid = nix::unistd::Pid::from_raw(scene.daemon().unwrap().pid());
        std::thread::scope(|scope| {
            for client in 0..3 {
                let app = scene.app();
                scope.spawn(move || {
                    for turn in 0.. {
                        let mails: Vec<String> = (0..20)
                            .map(|n| format!("u{life}-{client}-{turn}-{n}@x-mail.com"))
                            .collect();
                        let text = format!("{life}-{client}-{turn}: {}", mails.join(" "));
                        let bytes = samples::request(Format::Anthropic, &text, Delivery::Whole);
                        if call(app, address, bytes).is_err() {
                            break;
                        }
                    }
                });
            }
            std::thread::sleep(Duration::from_millis(700));
            nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
        });
        scene.stop().unwrap();
        let sent: BTreeSet<String> = scene
            .anthropic
            .requests()
            .iter()
            .map(|request| last_user_text(&request.json().unwrap()))
            .filter(|text| text.starts_with(&format!("{life}-")))
            .collect();
        assert!(sent.len() > 3, "only {} requests were sent", sent.len());
        let mut given = BTreeSet::new();
        for text in &sent {
            for placeholder in placeholders(text) {
                assert!(given.insert(placeholder.clone()), "{placeholder} stands for two values");
            }
        }
        scene.launch(&Setting::default()).unwrap();
        scene.wait_for_routes().unwrap();
        for text in &sent {
            let (name, masked) = text.split_once(": ").unwrap();
            scene.anthropic.script(Script::reply(Reply::Text(masked.to_owned())));
            let answer = remind(&scene, Format::Anthropic, Delivery::Whole);
            let told = reader::whole(Format::Anthropic, &answer.body).unwrap().text;
            let mails: Vec<String> = (0..20).map(|n| format!("u{name}-{n}@x-mail.com")).collect();
            assert_eq!(told, mails.join(" "));
        }
    }
}

#[test]
fn entries_are_listed_deleted_and_imported_while_the_daemon_runs() {
    let mut scene = Scene::start().unwrap();
    ask(&scene, "jane@x-mail.com JANE@x-mail.com tom@x-mail.com");
    assert_eq!(last(&scene), "<EMAIL_1> <EMAIL_1_2> <EMAIL_2>");
    let owners = owners(&scene);
    let listed = prxy(&scene, &["list"]);
    assert_eq!(listed.lines().count(), 3, "{listed}");
    assert!(listed.starts_with("<EMAIL_1> ") && !listed.contains("x-mail.com"), "{listed}");
    let shown = prxy(&scene, &["list", "--values", "--label", "EMAIL"]);
    assert!(shown.contains("\"JANE@x-mail.com\""), "{shown}");

    assert_eq!(prxy(&scene, &["delete", "<EMAIL_1>"]), "2 entries deleted\n");
    // In the answers of the running daemon it stays as it is; its number is nobody's.
    assert_eq!(
        told(&scene, "<EMAIL_1> <EMAIL_1_2> <EMAIL_2>"),
        "<EMAIL_1> <EMAIL_1_2> tom@x-mail.com"
    );
    ask(&scene, "jane@x-mail.com");
    assert_eq!(last(&scene), "<EMAIL_3>");
    let gone = ["vault", "show", "EMAIL_1"];
    let output = command(&scene).args(gone).output().unwrap();
    assert_eq!(output.status.code(), Some(1));

    let file = scene.dir().join("store.json");
    let store = r#"{"reverse": {"<PERSON_4>": "Ada Byron", "<EMAIL_9>": "tom@x-mail.com"}, "counters": {"PERSON": 6, "EMAIL": 9}}"#;
    fs::write(&file, store).unwrap();
    let done = prxy(&scene, &["import", &file.display().to_string()]);
    assert_eq!(done, "1 added, 0 added under new numbers, 1 known, 0 skipped\n");
    assert_eq!(told(&scene, "<PERSON_4>"), "Ada Byron");
    ask(&scene, "new@x-mail.com");
    assert_eq!(last(&scene), "<EMAIL_10>");
    let exported = prxy(&scene, &["export", "--format", "anon-proxy"]);
    let exported: serde_json::Value = serde_json::from_str(&exported).unwrap();
    assert_eq!(exported["reverse"]["<PERSON_4>"], "Ada Byron");
    assert_eq!(exported["counters"]["EMAIL"], 10);
    assert_eq!(prxy(&scene, &["expire", "--older-than", "1d"]), "0 entries deleted\n");
    assert_eq!(self::owners(&scene), owners);
    scene.stop().unwrap();
    // Nobody else has the files open now, and they are made anew.
    prxy(&scene, &["stats"]);
    scene.launch(&Setting::default()).unwrap();
    scene.wait_for_routes().unwrap();
    ask(&scene, "one-more@x-mail.com");
    assert_eq!(last(&scene), "<EMAIL_11>");
    assert_eq!(self::owners(&scene), owners);
}

#[test]
fn the_vault_of_an_older_prxy_is_taken_over_by_the_running_one() {
    let mut scene = Scene::empty().unwrap();
    let state = scene.data().join("state");
    fs::create_dir_all(&state).unwrap();
    let old = include_bytes!("../../prxy-daemon/src/store/tests/version-1.db");
    fs::write(state.join("prxy.db"), old).unwrap();
    scene.launch(&Setting::default()).unwrap();
    scene.wait_for_routes().unwrap();
    assert_eq!(told(&scene, "<EMAIL_1> <EMAIL_2>"), "a@b.org A@b.org");
    ask(&scene, "new@x-mail.com");
    assert_eq!(last(&scene), "<EMAIL_10>");
    let copies = owners(&scene);
    let copy = &copies["prxy.db.version-1.bak"];
    assert_eq!((copy.0, copy.2), (copies["prxy.db"].0, 0o600));
}

#[test]
fn a_vault_in_memory_is_on_no_disk_and_forgotten() {
    let setting = Setting { extra: "vault: { scope: memory }".into(), ..Setting::default() };
    let mut scene = Scene::start_with(&setting).unwrap();
    ask(&scene, "tom@x-mail.com jane@x-mail.com");
    assert_eq!(last(&scene), "<EMAIL_1> <EMAIL_2>");
    assert_eq!(told(&scene, "<EMAIL_2>"), "jane@x-mail.com");
    for path in files(&scene.data()).into_iter().filter(|path| path.is_file()) {
        let bytes = fs::read(&path).unwrap();
        assert!(!bytes.windows(10).any(|bytes| bytes == b"x-mail.com"), "{}", path.display());
    }
    scene.stop().unwrap();
    scene.launch(&setting).unwrap();
    scene.wait_for_routes().unwrap();
    assert_eq!(told(&scene, "<EMAIL_2>"), "<EMAIL_2>");
    ask(&scene, "jane@x-mail.com");
    assert_eq!(last(&scene), "<EMAIL_1>");
}

#[test]
fn a_vault_of_a_request_is_forgotten_with_its_answer() {
    let setting = Setting { extra: "vault: { scope: request }".into(), ..Setting::default() };
    let scene = Scene::start_with(&setting).unwrap();
    for mail in ["tom@x-mail.com", "jane@x-mail.com"] {
        scene.anthropic.script(Script::default());
        let answer = scene.ask(Format::Anthropic, mail, Delivery::Streamed).unwrap();
        assert_eq!(last(&scene), "<EMAIL_1>");
        assert_eq!(reader::stream(Format::Anthropic, &answer.body).unwrap().text, mail);
        assert_eq!(told(&scene, "<EMAIL_1>"), "<EMAIL_1>");
    }
    assert_eq!(files(&scene.data().join("state")), [] as [std::path::PathBuf; 0]);
}

/// Sends one message, which is echoed and must come back as it was.
fn ask(scene: &Scene, text: &str) {
    scene.anthropic.script(Script::default());
    let answer = scene.ask(Format::Anthropic, text, Delivery::Whole).unwrap();
    assert_eq!(reader::whole(Format::Anthropic, &answer.body).unwrap().text, text);
}

/// Asks without a value, of something that the provider keeps: all the vault has may come back.
fn remind(scene: &Scene, format: Format, delivery: Delivery) -> Answer {
    let mut body = samples::ask(format, "and now?", delivery);
    body["conversation"] = "c".into();
    scene.post(samples::path(format), &body).unwrap()
}

/// What the client gets when the provider says `text`.
fn told(scene: &Scene, text: &str) -> String {
    scene.anthropic.script(Script::reply(Reply::Text(text.to_owned())));
    let answer = remind(scene, Format::Anthropic, Delivery::Streamed);
    reader::stream(Format::Anthropic, &answer.body).unwrap().text
}

/// What the provider got last.
fn last(scene: &Scene) -> String {
    last_user_text(&scene.anthropic.last().unwrap().json().unwrap())
}

fn command(scene: &Scene) -> Command {
    let mut command = Command::new(daemon::binary().unwrap());
    command.env("PRXY_DATA_DIR", scene.data());
    command
}

fn prxy(scene: &Scene, words: &[&str]) -> String {
    let output = command(scene).arg("vault").args(words).output().unwrap();
    assert!(output.status.success(), "{words:?} {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Of every file of the database: whose it is, and its mode.
fn owners(scene: &Scene) -> BTreeMap<String, (u32, u32, u32)> {
    files(&scene.data().join("state"))
        .iter()
        .map(|path| {
            let known = fs::metadata(path).unwrap();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, (known.uid(), known.gid(), known.mode() & 0o777))
        })
        .collect()
}

fn files(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(dir).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() { all.extend(files(&path)) } else { all.push(path) }
    }
    all
}
