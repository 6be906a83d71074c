//! `--debug` shows raw data on a terminal, and on nothing that is kept.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use std::path::Path;
use std::process::{Command, Stdio};

use prxy_tests::daemon::binary;
use prxy_tests::provider::Format;
use prxy_tests::reader;
use prxy_tests::samples::Delivery;
use prxy_tests::scene::{Scene, Setting};
use prxy_tests::{eventually, samples};

const VALUE: &str = "jane@x-mail.com";

fn says(scene: &Scene, text: &str) -> bool {
    scene.daemon().unwrap().log().iter().any(|line| line.contains(text))
}

fn ask(scene: &Scene) {
    let answer =
        scene.ask(Format::Anthropic, &format!("one\nto {VALUE} now"), Delivery::Streamed).unwrap();
    let text = reader::stream(Format::Anthropic, &answer.body).unwrap().text;
    assert!(text.contains(VALUE), "{text}");
}

#[test]
fn a_terminal_shows_what_is_masked_and_restored_and_no_file_does() {
    let mut scene = Scene::empty().unwrap();
    scene.launch_on_terminal(&Setting::default()).unwrap();
    scene.wait_for_routes().unwrap();
    assert!(says(&scene, "--debug shows raw data"));
    ask(&scene);
    eventually!(says(&scene, "restored <EMAIL_1> = jane@x-mail.com"));
    assert!(says(&scene, &format!("  - to {VALUE} now")));
    assert!(says(&scene, "  + to <EMAIL_1> now"));
    assert!(!says(&scene, "- one"), "only lines that differ");
    // What is not sent says why, and not what.
    let key = concat!("sk-proj-", "Ab1Cd2Ef3Gh4Ij5Kl6Mn7");
    let body = samples::ask(Format::Anthropic, key, Delivery::Whole);
    assert_eq!(scene.post(samples::path(Format::Anthropic), &body).unwrap().status, 400);
    eventually!(says(&scene, "not sent: API_KEY at $.messages[0].content"));
    scene.stop().unwrap();
    let kept = files_with(&scene.data(), VALUE);
    assert!(kept.iter().all(|file| file.contains("/state/")), "{kept:?}");
    assert!(!kept.is_empty(), "the vault holds it, or the search finds nothing at all");
}

#[test]
fn without_it_nothing_is_shown() {
    let scene = Scene::start().unwrap();
    ask(&scene);
    let log = scene.daemon().unwrap().log().join("\n");
    assert!(!log.contains(VALUE) && !log.contains("debug #"), "{log}");
}

#[test]
fn what_is_no_terminal_is_refused_before_anything_starts() {
    let scene = Scene::empty().unwrap();
    std::fs::create_dir_all(scene.data()).unwrap();
    let file = std::fs::File::create(scene.dir().join("log")).unwrap();
    for stderr in [Stdio::from(file.try_clone().unwrap()), Stdio::piped()] {
        let mut command = Command::new(binary().unwrap());
        command.args(["serve", "--debug", "--data-dir"]).arg(scene.data()).stdout(Stdio::null());
        let output = command
            .stdin(Stdio::null())
            .stderr(stderr)
            .spawn()
            .unwrap()
            .wait_with_output()
            .unwrap();
        assert_eq!(output.status.code(), Some(64));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.is_empty() || said.contains("standard error must be a terminal"), "{said}");
    }
    let said = std::fs::read_to_string(scene.dir().join("log")).unwrap();
    assert!(said.contains("`--debug` shows raw data: standard error must be a terminal"), "{said}");
    assert_eq!(std::fs::read_dir(scene.data()).unwrap().count(), 0, "nothing was made");
}

/// The files below `folder` that hold these bytes.
fn files_with(folder: &Path, needle: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files_with(&path, needle));
        } else if std::fs::read(&path).is_ok_and(|bytes| {
            bytes.windows(needle.len()).any(|window| window == needle.as_bytes())
        }) {
            found.push(path.display().to_string());
        }
    }
    found
}
