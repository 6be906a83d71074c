//! In log-only mode the kernel's programs let pass and record what they would deny, nothing else is
//! relaxed, and nobody can take the mode for the other.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use prxy_tests::attack::{Confinement, Verdict, technique};
use prxy_tests::eventually;
use prxy_tests::http::request;
use prxy_tests::provider::Format;
use prxy_tests::samples::Delivery;
use prxy_tests::scene::{Scene, Setting};
use serde_json::Value;

fn scene(word: &str) -> Scene {
    let pipeline = format!("[{{ airgap: {{ onViolation: {word} }} }}, {{ guardrails: {{}} }}]");
    Scene::start_with(&Setting { pipeline, ..Setting::default() }).unwrap()
}

/// What the audit log says of the attacker's address: verdict and hook.
fn recorded(scene: &Scene) -> Vec<(String, String)> {
    let log = std::fs::read_to_string(scene.data().join("audit/egress.jsonl")).unwrap_or_default();
    let events = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let word = |event: &Value, key: &str| event[key].as_str().unwrap_or_default().to_owned();
    events
        .filter(|event| event["address"] == "10.77.0.66")
        .map(|event| (word(&event, "verdict"), word(&event, "hook")))
        .collect()
}

#[test]
fn a_technique_gets_through_and_is_recorded_only_in_log_only_mode() {
    for (word, verdict) in [("block", "deny"), ("log-only", "would-deny")] {
        let scene = scene(word);
        let from = |name| {
            let role = scene.daemon().unwrap().role(name).unwrap();
            (Confinement::kernel_policy_of(&role).unwrap(), Confinement::of(&role).unwrap())
        };
        let tcp4 = technique::by_name("tcp4").unwrap();
        let (policy_alone, _) = from("netgate");
        let got = scene.range.attempt(tcp4, &policy_alone).unwrap();
        let through = matches!(got, Verdict::GotThrough(_));
        assert_eq!(through, word == "log-only", "{got:?}");
        let connect = (verdict.to_owned(), "connect4".to_owned());
        eventually!(recorded(&scene).contains(&connect), "{:?}", recorded(&scene));
        let egress = (verdict.to_owned(), "egress".to_owned());
        if through {
            eventually!(recorded(&scene).contains(&egress), "{:?}", recorded(&scene));
        }
        assert!(recorded(&scene).iter().all(|(said, _)| said == verdict));
        // The other layers know no such mode: raw text has no way out but the kernel's policy's.
        let (_, gateway) = from("gateway");
        let got = scene.range.attempt(tcp4, &gateway).unwrap();
        assert!(matches!(got, Verdict::Blocked(_)), "{got:?}");
    }
}

#[test]
fn start_log_and_every_answer_say_it() {
    for (word, mark) in [("block", None), ("log-only", Some("log-only"))] {
        let scene = scene(word);
        let ready = || scene.send(request("GET", "/ready", &[], b"")).unwrap();
        let expected = match mark {
            None => (200, r#"{"status":"ready"}"#),
            Some(_) => (503, r#"{"reason":"log-only","status":"not-ready"}"#),
        };
        eventually!((ready().status, ready().text().as_str()) == expected, "{}", ready().text());
        let said = |needle: &str| {
            scene.daemon().unwrap().log().iter().filter(|line| line.contains(needle)).count()
        };
        let banner = "THE AIRGAP DOES NOT PROTECT";
        assert_eq!(said(banner), usize::from(mark.is_some()));
        let ok = scene.ask(Format::Anthropic, "hello", Delivery::Whole).unwrap();
        let streamed = scene.ask(Format::OpenAi, "hello", Delivery::Streamed).unwrap();
        let unknown = scene.send(request("POST", "/nowhere", &[], b"")).unwrap();
        for (answer, status) in [(ok, 200), (streamed, 200), (unknown, 404)] {
            assert_eq!((answer.status, answer.head.header("x-prxy-airgap")), (status, mark));
        }
        assert_eq!(said("answered without the protection") > 0, mark.is_some());
        let audit = std::fs::read_to_string(scene.data().join("audit/egress.jsonl")).unwrap();
        assert_eq!(audit.contains(r#""event":"log-only""#), mark.is_some());
    }
}

#[test]
fn providers_that_the_list_leaves_out_are_reached_and_named() {
    let hosts = "allowedHosts: [api.anthropic.com]";
    let pipeline = |word| format!("[airgap: {{ {hosts}, onViolation: {word} }}, guardrails]");
    let setting = |word| Setting { pipeline: pipeline(word), ..Setting::default() };
    let scene = Scene::start_with(&setting("log-only")).unwrap();
    assert_eq!(scene.ask(Format::OpenAi, "hello", Delivery::Whole).unwrap().status, 200);
    let named = |line: &&String| line.contains("host-not-allowed") && line.contains("openai");
    let log = || scene.daemon().unwrap().log();
    eventually!(log().iter().any(|line| named(&line)), "{:?}", log());
    drop(scene);
    let scene = Scene::empty().unwrap();
    let refusal = scene.refusal(&scene.config(&setting("block")), &[]).unwrap();
    assert_eq!(refusal.status.code(), Some(64));
}
