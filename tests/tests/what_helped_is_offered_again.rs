//! What solved a problem is offered when a like one comes up, also after a restart, and never
//! brings anybody's name along.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use std::process::Command;

use prxy_tests::daemon;
use prxy_tests::http::{self, Answer};
use prxy_tests::provider::{Format, Reply, Script};
use prxy_tests::reader;
use prxy_tests::samples::Delivery;
use prxy_tests::scene::{Scene, Setting, call};

const PROBLEM: &str = "Mail of jane.doe@acme-mail.com: our build fails with\nError: Cannot find module 'webpack-merge'";
const ANSWER: &str = "The issue was that <EMAIL_1> removed `webpack-merge`. The fix is to run `npm install --save-dev webpack-merge`.";
const AGAIN: &str = "tom@acme-mail.com sees npm ERR! Error: Cannot find module 'webpack-merge'";
/// What everybody brings here.
const KEY: &str = "test-key";
const NOTE: &str = "[Notes by prxy";

fn setting() -> Setting {
    let pipeline = "[{ airgap: {} }, { guardrails: {} }, { patterns: {} }]".into();
    Setting { pipeline, ..Setting::default() }
}

/// Asks; the answer, and what the provider got.
fn ask(
    scene: &Scene,
    format: Format,
    text: &str,
    says: &str,
    delivery: Delivery,
) -> (Answer, String) {
    let provider = scene.provider(format);
    provider.script(Script::reply(Reply::Text(says.to_owned())));
    let answer = scene.ask(format, text, delivery).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    (answer, provider.last().unwrap().json().unwrap().to_string())
}

fn outcome(scene: &Scene, key: &str, body: &str) -> Answer {
    let headers = [("content-type", "application/json"), ("x-api-key", key)];
    let bytes = http::request("POST", "/v1/outcomes", &headers, body.as_bytes());
    call(scene.app(), scene.daemon().unwrap().address, bytes).unwrap()
}

fn prxy(scene: &Scene, words: &[&str]) -> String {
    let mut command = Command::new(daemon::binary().unwrap());
    let output =
        command.env("PRXY_DATA_DIR", scene.data()).arg("patterns").args(words).output().unwrap();
    assert!(output.status.success(), "{words:?} {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn what_was_learned_from_a_stream_is_offered_to_another_provider_and_after_a_restart() {
    let mut scene = Scene::start_with(&setting()).unwrap();
    let (first, sent) = ask(&scene, Format::Anthropic, PROBLEM, ANSWER, Delivery::Streamed);
    assert_eq!((first.head.header("x-prxy-patterns"), sent.contains(NOTE)), (None, false));
    // It came whole to the one who asked.
    let told = reader::stream(Format::Anthropic, &first.body).unwrap().text;
    assert!(told.contains("that jane.doe@acme-mail.com removed"), "{told}");
    for restarted in [false, true] {
        if restarted {
            scene.stop().unwrap();
            scene.launch(&setting()).unwrap();
            scene.wait_for_routes().unwrap();
        }
        for format in [Format::OpenAi, Format::Anthropic] {
            let echo = "[email] or <EMAIL_2>?";
            let (answer, sent) = ask(&scene, format, AGAIN, echo, Delivery::Whole);
            assert_eq!(answer.head.header("x-prxy-patterns"), Some("1"), "{sent}");
            let (before, note) = sent.split_once(NOTE).unwrap();
            assert!(before.contains("<EMAIL_2> sees npm ERR!"), "{sent}");
            assert!(note.contains("that [email] removed `webpack-merge`"), "{sent}");
            assert!(!sent.contains("jane") && !sent.contains("EMAIL_1"), "{sent}");
            let told = reader::whole(format, &answer.body).unwrap().text;
            assert_eq!(told, "[email] or tom@acme-mail.com?");
        }
    }
    // The daemon is asked by itself, and by the command beside it.
    let worked = r#"{"pattern":1,"outcome":"worked"}"#;
    for (key, body, status) in [
        (KEY, r#"{"pattern":7,"outcome":"worked"}"#, 404),
        (KEY, r#"{"pattern":1}"#, 400),
        (KEY, r#"{"pattern":1,"outcome":"worked","score":0.1}"#, 400),
        ("another", worked, 404),
        ("", worked, 404),
    ] {
        assert_eq!(outcome(&scene, key, body).status, status, "{key} {body}");
    }
    let counted = outcome(&scene, KEY, worked);
    assert_eq!(counted.status, 201, "{}", counted.text());
    assert_eq!(counted.json().unwrap()["patterns"][0]["successes"], 1);
    let listed: serde_json::Value =
        serde_json::from_str(&prxy(&scene, &["list", "--json"])).unwrap();
    let row = &listed[0];
    assert_eq!((row["id"].as_u64(), row["successes"].as_u64()), (Some(1), Some(1)), "{row}");
    assert_eq!(row["evidence"].as_str(), Some("said"));
    assert!(row["tenant"].as_str().unwrap().starts_with("default/"), "{row}");
    assert!(!prxy(&scene, &["show", "1"]).contains("acme-mail"));
    // What the command changes, the running daemon notices.
    let exported = prxy(&scene, &["export"]);
    assert_eq!(prxy(&scene, &["delete", "1"]), "1 pattern deleted\n");
    let (answer, sent) = ask(&scene, Format::OpenAi, AGAIN, "ok", Delivery::Whole);
    assert_eq!((answer.head.header("x-prxy-patterns"), sent.contains(NOTE)), (None, false));
    let file = scene.dir().join("patterns.jsonl");
    let leak = r#"{"problem":"Error: login of x failed","remedy":"The fix is the password: hunter2-Zx8Qw3Rt5Yu7"}"#;
    let name = r#"{"problem":"Error: mail to <EMAIL_1> bounced","remedy":"The fix is to write to tom@acme-mail.com"}"#;
    std::fs::write(&file, format!("{exported}{leak}\n{name}\n")).unwrap();
    let file = file.display().to_string();
    assert_eq!(prxy(&scene, &["import", &file]), "2 added, 0 known, 1 skipped\n");
    assert_eq!(prxy(&scene, &["import", &file]), "0 added, 2 known, 1 skipped\n");
    assert!(prxy(&scene, &["export"]).contains("Error: mail to [email] bounced"));
    let (answer, sent) = ask(&scene, Format::OpenAi, AGAIN, "ok", Delivery::Whole);
    // No number is given twice.
    assert_eq!(answer.head.header("x-prxy-patterns"), Some("2"), "{sent}");
    assert!(sent.contains("helped 1 of 1"), "{sent}");
    assert_eq!(prxy(&scene, &["clear"]), "2 patterns deleted\n");
    assert_eq!(prxy(&scene, &["list"]), "");
}

#[test]
fn without_the_module_nothing_is_learned() {
    let scene = Scene::start().unwrap();
    ask(&scene, Format::Anthropic, PROBLEM, ANSWER, Delivery::Whole);
    let (answer, sent) = ask(&scene, Format::Anthropic, AGAIN, "ok", Delivery::Whole);
    assert_eq!((answer.head.header("x-prxy-patterns"), sent.contains(NOTE)), (None, false));
    assert_eq!(prxy(&scene, &["list", "--json"]), "[]\n");
}
