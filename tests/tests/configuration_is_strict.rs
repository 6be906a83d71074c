//! A configuration with a mistake never starts: exit status 64, all problems at once, each with its
//! place in the file.

use prxy_tests::daemon::Daemon;
use prxy_tests::provider::Format;
use prxy_tests::samples::Delivery;
use prxy_tests::scene::{Scene, Setting};

/// What a refusal must say, besides the file's name.
struct Case {
    what: &'static str,
    config: &'static str,
    says: &'static [&'static str],
}

const CASES: &[Case] = &[
    Case { what: "unknown key", config: "listne: 127.0.0.1:0\n", says: &["listne", ":1:1"] },
    Case {
        what: "unknown key within a module",
        config: "pipeline:\n  - guardrails: { polciy: {} }\n",
        says: &["polciy", ":2:"],
    },
    Case {
        what: "unknown module",
        config: "pipeline:\n  - teleport: {}\n",
        says: &["teleport", ":2:"],
    },
    Case {
        what: "duplicate key",
        config: "listen: 127.0.0.1:0\nlisten: 127.0.0.1:1\n",
        says: &["listen", ":2:1"],
    },
    Case {
        what: "duplicate provider",
        config: "providers:\n  openai: {}\n  openai: {}\n",
        says: &["openai", ":3:"],
    },
    Case {
        what: "bad regex",
        config: "pipeline:\n  - guardrails: { patterns: { A: '(' } }\n",
        says: &["A", ":2:"],
    },
    Case {
        what: "all problems at once",
        config: "pipeline:\n  - guardrails: { patterns: { A: '(', B: '[' }, policy: { EMAIL: hide } }\n",
        says: &["'('", "'['", "hide"],
    },
    Case { what: "wrong type", config: "listen: true\n", says: &["listen", ":1:"] },
    Case {
        what: "text for a flag",
        config: "providers:\n  openai: { private: 'yes' }\n",
        says: &["private", ":2:"],
    },
    Case {
        what: "plaintext without saying so",
        config: "providers:\n  lab: { base_url: 'http://10.77.0.1', api: anthropic, private: true }\n",
        says: &["dangerously_allow_plaintext", ":2:"],
    },
    Case {
        what: "a private address without saying so",
        config: "providers:\n  lab: { base_url: 'https://10.77.0.1', api: anthropic }\n",
        says: &["private", ":2:"],
    },
    Case {
        what: "user and password in a URL",
        config: "providers:\n  lab: { base_url: 'https://u:p@x.example', api: openai }\n",
        says: &["base_url", ":2:"],
    },
    Case {
        what: "no API for a provider of one's own",
        config: "providers:\n  lab: { base_url: 'https://x.example' }\n",
        says: &["api", ":2:"],
    },
    Case { what: "not YAML", config: "listen: [127.0.0.1:0\n", says: &[":"] },
];

#[test]
fn every_mistake_is_refused_with_its_place() {
    let scene = Scene::empty().unwrap();
    let mut wrong = Vec::new();
    for case in CASES {
        let output = match scene.refusal(case.config, &[]) {
            Ok(output) => output,
            Err(error) => {
                wrong.push(format!("{}: {error:#}", case.what));
                continue;
            }
        };
        let text = String::from_utf8_lossy(&output.stderr);
        let says = case.says.iter().all(|s| text.contains(s)) && text.contains("config.yaml");
        if output.status.code() != Some(64) || !says {
            wrong.push(format!("{}: {} wants {:?}:\n{text}", case.what, output.status, case.says));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_place_is_shown_with_a_caret() {
    let scene = Scene::empty().unwrap();
    let output = scene.refusal("listen: 127.0.0.1:0\nlistne: 1\n", &[]).unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    let line = text.lines().position(|l| l.contains("listne: 1")).expect("the line is shown");
    assert!(text.lines().skip(line).any(|l| l.contains('^')), "{text}");
}

#[test]
fn the_environments_order_is_strict_too() {
    let scene = Scene::empty().unwrap();
    let config = scene.config(&Setting::default());
    let output = scene.refusal(&config, &[("PRXY_PIPE", "airgap,teleport")]).unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(64), "{text}");
    assert!(text.contains("PRXY_PIPE") && text.contains("teleport"), "{text}");
}

#[test]
fn a_missing_configuration_file_is_refused() {
    let scene = Scene::empty().unwrap();
    let missing = scene.dir().join("missing.yaml");
    let output = Daemon::refusal(scene.app(), &missing, &scene.data(), &[]).unwrap();
    assert_eq!(output.status.code(), Some(64));
    assert!(String::from_utf8_lossy(&output.stderr).contains("missing.yaml"));
}

#[test]
fn policy_from_the_file_is_applied() {
    let setting = Setting {
        pipeline: r"[{ airgap: {} }, { guardrails: { policy: { EMAIL: block, PHONE: allow },
            patterns: { EMPLOYEE_ID: 'E-\d{6}' } } }]"
            .into(),
        ..Setting::default()
    };
    let scene = Scene::start_with(&setting).unwrap();
    let ask = |text: &str| scene.ask(Format::OpenAi, text, Delivery::Whole).unwrap();
    assert!((400..500).contains(&ask("jane@x-mail.com").status));
    assert_eq!(scene.openai.requests().len(), 0);
    assert_eq!(ask("E-123456 has +1 415-555-2671").status, 200);
    let seen = scene.openai.last().unwrap();
    assert!(seen.contains("<EMPLOYEE_ID_1> has +1 415-555-2671"), "{}", seen.text());
}
