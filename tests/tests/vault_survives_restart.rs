//! Placeholders mean the same after a restart, and nothing outside the vault holds a raw value.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use std::fs;
use std::path::Path;

use prxy_tests::provider::wire::{last_user_text, placeholders};
use prxy_tests::provider::{Format, Reply, Script};
use prxy_tests::reader;
use prxy_tests::samples::{Delivery, PERSONAL, TICKET};
use prxy_tests::scene::{Scene, Setting};

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
    let answer = scene.ask(Format::Anthropic, "remind me", Delivery::Streamed).unwrap();
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
    let answer = scene.ask(Format::OpenAi, "again", Delivery::Whole).unwrap();
    assert_eq!(reader::whole(Format::OpenAi, &answer.body).unwrap().text, "jane@x-mail.com");
}

#[test]
fn only_the_vault_holds_raw_values_and_others_cannot_read_it() {
    use std::os::unix::fs::PermissionsExt;
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

fn files(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(dir).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() { all.extend(files(&path)) } else { all.push(path) }
    }
    all
}
