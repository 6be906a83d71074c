//! `exact-cache`: the same request is answered again, over a restart, in either form, and everybody
//! sees their own names.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use std::fs;

use prxy_tests::http::{self, Answer};
use prxy_tests::provider::{Format, Script};
use prxy_tests::reader;
use prxy_tests::samples::{self, Delivery};
use prxy_tests::scene::{Scene, Setting, call};

fn setting(scope: &str) -> Setting {
    Setting {
        pipeline: format!("[airgap, guardrails, exact-cache: {{ scope: {scope} }}]"),
        extra: "vault: { tenant_by: key }".into(),
        ..Setting::default()
    }
}

fn ask(scene: &Scene, format: Format, key: &str, text: &str, delivery: Delivery) -> Answer {
    let body = samples::ask(format, text, delivery).to_string();
    let headers = [("content-type", "application/json"), ("authorization", key)];
    let bytes = http::request("POST", samples::path(format), &headers, body.as_bytes());
    let answer = call(scene.app(), scene.daemon().unwrap().address, bytes).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer
}

fn said(format: Format, delivery: Delivery, answer: &Answer) -> String {
    match delivery {
        Delivery::Whole => reader::whole(format, &answer.body).unwrap().text,
        Delivery::Streamed => reader::stream(format, &answer.body).unwrap().text,
    }
}

fn cached(answer: &Answer) -> &str {
    answer.head.header("x-prxy-cache").unwrap_or("none")
}

const FORMATS: [Format; 2] = [Format::Anthropic, Format::OpenAi];
const FORMS: [Delivery; 2] = [Delivery::Whole, Delivery::Streamed];

#[test]
fn an_answer_is_given_again_in_either_form_and_after_a_restart() {
    let mut scene = Scene::start_with(&setting("tenant")).unwrap();
    scene.anthropic.script(Script::default());
    scene.openai.script(Script::default());
    for (round, restarted) in [false, true].into_iter().enumerate() {
        if restarted {
            scene.stop().unwrap();
            scene.launch(&setting("tenant")).unwrap();
            scene.wait_for_routes().unwrap();
        }
        scene.anthropic.forget();
        scene.openai.forget();
        let mut asked = 0;
        for format in FORMATS {
            for first in FORMS {
                let text = format!("{format:?} {first:?}: write to ada@x-mail.com, \"é\" \\ <b>");
                let got = ask(&scene, format, "Bearer a", &text, first);
                let expected = if round == 0 { "miss" } else { "exact-cache" };
                assert_eq!(cached(&got), expected, "{text}");
                assert_eq!(said(format, first, &got), text);
                asked += usize::from(round == 0);
                for delivery in FORMS {
                    let again = ask(&scene, format, "Bearer a", &text, delivery);
                    assert_eq!(cached(&again), "exact-cache", "{text} {delivery:?}");
                    assert_eq!(said(format, delivery, &again), text);
                }
            }
        }
        let sent = scene.anthropic.requests().len() + scene.openai.requests().len();
        assert_eq!(sent, asked);
    }
}

#[test]
fn two_tenants_of_one_template_see_their_own_names_and_never_the_others() {
    let scene = Scene::start_with(&setting("global")).unwrap();
    scene.anthropic.script(Script::default());
    let text =
        |n: usize, user: &str| format!("template {n}: {user}@x-mail.com and {user}@y-mail.com");
    for n in 0..4 {
        let (writer, reader) = if n % 2 == 0 { ("ada", "bob") } else { ("bob", "ada") };
        for (user, word) in [(writer, "miss"), (reader, "exact-cache"), (writer, "exact-cache")] {
            // So that the same people have other numbers with everybody.
            for delivery in FORMS {
                let key = format!("Bearer key-of-{user}");
                let answer = ask(&scene, Format::Anthropic, &key, &text(n, user), delivery);
                let expected = if delivery == Delivery::Whole { word } else { "exact-cache" };
                assert_eq!(cached(&answer), expected);
                assert_eq!(said(Format::Anthropic, delivery, &answer), text(n, user));
                let other = if user == "ada" { "bob@" } else { "ada@" };
                assert!(!answer.text().contains(other), "{}", answer.text());
            }
        }
        ask(&scene, Format::Anthropic, "Bearer key-of-bob", &format!("n{n}@x-mail.com"), FORMS[0]);
    }
    // Where answers are not shared, the same template is asked twice.
    let scene = Scene::start_with(&setting("tenant")).unwrap();
    scene.anthropic.script(Script::default());
    for user in ["ada", "bob"] {
        let key = format!("Bearer key-of-{user}");
        let answer = ask(&scene, Format::Anthropic, &key, &text(0, user), Delivery::Whole);
        assert_eq!(cached(&answer), "miss");
    }
}

#[test]
fn what_is_kept_of_answers_is_masked() {
    let mut scene = Scene::start_with(&Setting {
        extra: "vault: { scope: memory }".into(),
        ..setting("tenant")
    })
    .unwrap();
    scene.stop().unwrap();
    // With the vault on the disk the value is there, once; the answers add nothing to it.
    let vault = Setting { extra: String::new(), ..setting("tenant") };
    let plain = Setting { pipeline: "[airgap, guardrails]".into(), ..vault.clone() };
    let mut found = Vec::new();
    for setting in [&plain, &vault] {
        fs::remove_dir_all(scene.data()).unwrap();
        scene.launch(setting).unwrap();
        scene.wait_for_routes().unwrap();
        scene.anthropic.script(Script::default());
        for delivery in FORMS {
            let text = "write to carla.jensen@x-mail.com";
            let answer = ask(&scene, Format::Anthropic, "Bearer a", text, delivery);
            assert_eq!(said(Format::Anthropic, delivery, &answer), text);
        }
        scene.stop().unwrap();
        let database = fs::read(scene.data().join("state/prxy.db")).unwrap();
        let count = |needle: &[u8]| database.windows(needle.len()).filter(|w| *w == needle).count();
        found.push((count(b"carla.jensen"), count(b"write to <EMAIL_1>") > 0));
    }
    assert!(found[0].0 > 0, "the vault holds nothing: {found:?}");
    assert_eq!((found[1].0, found[0].1, found[1].1), (found[0].0, false, true), "{found:?}");
}
