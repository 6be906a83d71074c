//! What policy says of a label holds in every place of a request, for every provider, and the broker
//! says the same.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use prxy_tests::daemon;
use prxy_tests::http::{self, Answer};
use prxy_tests::lab::PROVIDER_A;
use prxy_tests::provider::{Brackets, Format, Provider, Script, Split};
use prxy_tests::reader;
use prxy_tests::samples::{self, Delivery};
use prxy_tests::scene::{Scene, Setting};
use serde_json::{Value, json};

const FORMATS: [Format; 2] = [Format::Anthropic, Format::OpenAi];
const VALUE: &str = "jane.doe@acme-mail.com";

fn guardrails(options: &str) -> Setting {
    let pipeline = format!("[{{ airgap: {{}} }}, {{ guardrails: {{ {options} }} }}]");
    Setting { pipeline, ..Setting::default() }
}

/// One more provider, in plain text at a private address; and a stage without a daemon.
fn with_local() -> (Scene, Provider) {
    let scene = Scene::empty().unwrap();
    let address = SocketAddr::new(PROVIDER_A, 9100);
    let local = Provider::start(&scene.range.lab.net, address, None).unwrap();
    (scene, local)
}

/// The usual configuration with the local provider in it.
fn with_box(scene: &Scene, options: &str, of_box: &str) -> String {
    let line = format!(
        "  box: {{ base_url: 'http://{PROVIDER_A}:9100', api: anthropic, private: true, \
         dangerously_allow_plaintext: true{of_box} }}\n"
    );
    scene.config(&guardrails(options)).replace("dns:", &format!("{line}dns:"))
}

/// A GitHub token, made up.
fn token() -> String {
    samples::secrets().into_iter().find(|(name, _)| *name == "github").unwrap().1
}

#[track_caller]
fn refused(answer: &Answer, provider: &Provider, reason: &str) {
    assert_eq!((answer.status, answer.reason()), (400, Some(reason)), "{}", answer.text());
    assert_eq!(provider.requests().len(), 0, "it reached the provider all the same");
}

#[test]
fn every_action_holds_in_every_place() {
    let mut scene = Scene::start_with(&guardrails("policy: { EMAIL: allow }")).unwrap();
    let text = format!("write to {VALUE} today");
    for (action, wanted) in [
        ("allow", None),
        ("mask", None),
        ("block", Some("blocked-label")),
        ("route_local", Some("no-local-provider")),
    ] {
        reload(&mut scene, &guardrails(&format!("policy: {{ EMAIL: {action} }}")));
        for format in FORMATS {
            for (place, request) in samples::everywhere(format, &text) {
                let provider = scene.provider(format);
                provider.forget();
                let answer = scene.post(samples::path(format), &request).unwrap();
                if let Some(reason) = wanted {
                    refused(&answer, provider, reason);
                    assert!(answer.text().contains("EMAIL at $."), "{place}: {}", answer.text());
                    assert!(!answer.text().contains(VALUE), "{place}");
                    continue;
                }
                assert_eq!(answer.status, 200, "{action} {place}: {}", answer.text());
                let seen = provider.last().unwrap();
                assert_eq!(seen.contains(VALUE), action == "allow", "{action} {place}");
            }
        }
    }
}

#[test]
fn a_rule_for_one_place_holds_there_and_not_elsewhere() {
    let mut scene = Scene::start_with(&guardrails("")).unwrap();
    let text = format!("write to {VALUE} today");
    for (position, names) in [
        ("user", &["user message", "text block", "text part"][..]),
        // Whoever sends a tool's result sends what the model asked for along with it.
        (
            "history",
            &[
                "earlier turns",
                "tool_use input",
                "tool call arguments",
                "tool_result text",
                "tool_result blocks",
                "tool message",
            ][..],
        ),
        ("system", &["system", "system blocks"][..]),
        ("tool_result", &["tool_result text", "tool_result blocks", "tool message"][..]),
        ("tools", &["tool definition"][..]),
    ] {
        let rule = format!("positions: {{ {position}: {{ EMAIL: block }} }}");
        reload(&mut scene, &guardrails(&rule));
        for format in FORMATS {
            for (place, request) in samples::everywhere(format, &text) {
                let provider = scene.provider(format);
                provider.forget();
                let answer = scene.post(samples::path(format), &request).unwrap();
                if names.contains(&place) {
                    refused(&answer, provider, "blocked-label");
                } else {
                    assert_eq!(answer.status, 200, "{position} {place}: {}", answer.text());
                    assert!(!provider.last().unwrap().contains(VALUE), "{position} {place}");
                }
            }
        }
    }
}

/// A request of a coding agent that has read a file.
fn after_reading(format: Format, file: &str, delivery: Delivery) -> Value {
    let mut request = samples::ask(format, "why does it not start?", delivery);
    let user = json!({"role": "user", "content": "why does it not start?"});
    request["messages"] = match format {
        Format::Anthropic => json!([user,
            {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1",
                "name": "Read", "input": {"path": ".env"}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1",
                "content": file}]}]),
        Format::OpenAi => json!([user,
            {"role": "assistant", "content": null, "tool_calls": [{"id": "call_1",
                "type": "function", "function": {"name": "Read", "arguments": "{\"path\":\".env\"}"}}]},
            {"role": "tool", "tool_call_id": "call_1", "content": file}]),
    };
    request
}

#[test]
fn an_agent_that_has_read_secrets_goes_on_and_only_named_tools_are_given_them() {
    let token = token();
    let file = format!("# .env\nGITHUB_TOKEN={token}\nMAIL={VALUE}\n");
    let strict = Scene::start().unwrap();
    for format in FORMATS {
        let request = after_reading(format, &file, Delivery::Whole);
        let answer = strict.post(samples::path(format), &request).unwrap();
        refused(&answer, strict.provider(format), "blocked-label");
    }
    drop(strict);
    let agent = guardrails("profile: agent, tools_restore_secrets: [Bash]");
    let scene = Scene::start_with(&agent).unwrap();
    for format in FORMATS {
        let provider = scene.provider(format);
        for (tool, given) in [("Bash", true), ("Write", false)] {
            for delivery in [Delivery::Whole, Delivery::Streamed] {
                provider.script(Script::tool(tool, Brackets::Plain, Split::default()));
                let request = after_reading(format, &file, delivery);
                let answer = scene.post(samples::path(format), &request).unwrap();
                assert_eq!(answer.status, 200, "{}", answer.text());
                let seen = provider.last().unwrap();
                assert!(!seen.contains(&token) && seen.contains("<API_KEY_1>"), "{}", seen.text());
                let reading = match delivery {
                    Delivery::Whole => reader::whole(format, &answer.body),
                    Delivery::Streamed => reader::stream(format, &answer.body),
                };
                let arguments = reading.unwrap().arguments;
                assert_eq!(arguments.contains(&token), given, "{tool}: {arguments}");
                assert_eq!(arguments.contains("<API_KEY_1>"), !given, "{tool}: {arguments}");
                assert!(arguments.contains(VALUE), "{tool}: {arguments}");
            }
        }
        provider.script(Script::default());
        provider.forget();
        // The user may not type it, not even among tool results, nor in the instructions.
        let typed = samples::ask(format, &format!("use {token}"), Delivery::Whole);
        refused(&scene.post(samples::path(format), &typed).unwrap(), provider, "blocked-label");
        let mut beside = after_reading(format, &file, Delivery::Whole);
        let last = json!({"role": "user", "content": [{"type": "text", "text": &token}]});
        beside["messages"].as_array_mut().unwrap().push(last);
        refused(&scene.post(samples::path(format), &beside).unwrap(), provider, "blocked-label");
        // Sent again as history, it is masked: never in the clear.
        let again = json!([{"role": "user", "content": format!("use {token}")},
            {"role": "assistant", "content": "no"}, {"role": "user", "content": "and now?"}]);
        let mut request = samples::ask(format, "", Delivery::Whole);
        request["messages"] = again;
        assert_eq!(scene.post(samples::path(format), &request).unwrap().status, 200);
        assert!(!provider.last().unwrap().contains(&token));
    }
}

#[test]
fn what_is_routed_reaches_the_local_provider_and_no_other() {
    let (mut scene, local) = with_local();
    let rule =
        "policy: { EMAIL: route_local, PHONE: mask }, local_provider: box, local_model: small";
    scene.launch_on(&with_box(&scene, rule, ""), &[]).unwrap();
    scene.wait_for_routes().unwrap();
    let phone = "+1 415-555-2671";
    for delivery in [Delivery::Whole, Delivery::Streamed] {
        for (place, mut request) in
            samples::everywhere(Format::Anthropic, &format!("{VALUE} or {phone}"))
        {
            request["stream"] = json!(delivery == Delivery::Streamed);
            local.forget();
            let answer = scene.post("/v1/messages", &request).unwrap();
            assert_eq!(answer.status, 200, "{place}: {}", answer.text());
            assert_eq!(answer.head.header("x-prxy-routed"), Some("box"), "{place}");
            let seen = local.last().unwrap();
            // It sees what is meant for it, and nothing else; nor the client's key.
            assert!(seen.contains(VALUE) && !seen.contains(phone), "{place}: {}", seen.text());
            assert_eq!(seen.json().unwrap()["model"], "small", "{place}");
            assert_eq!(seen.head.header("x-api-key"), None, "{place}");
        }
    }
    assert_eq!(scene.anthropic.requests().len(), 0);
    // The same with a path that names the other provider, and what holds no such value goes there.
    let body = samples::ask(Format::Anthropic, VALUE, Delivery::Whole);
    let answer = scene.post("/anthropic/v1/messages", &body).unwrap();
    assert_eq!((answer.status, answer.head.header("x-prxy-routed")), (200, Some("box")));
    let text = reader::whole(Format::Anthropic, &answer.body).unwrap().text;
    assert_eq!((text.as_str(), scene.anthropic.requests().len()), (VALUE, 0));
    let plain = scene.ask(Format::Anthropic, phone, Delivery::Whole).unwrap();
    assert_eq!((plain.status, plain.head.header("x-prxy-routed")), (200, None));
    let seen = scene.anthropic.last().unwrap();
    assert!(!seen.contains(phone) && seen.head.header("x-api-key") == Some("test-key"));
    // Nobody local speaks the other API; and what blocks is not sent there either.
    let answer = scene.ask(Format::OpenAi, VALUE, Delivery::Whole).unwrap();
    refused(&answer, &scene.openai, "no-local-provider");
    local.forget();
    let secret = format!("{VALUE} {}", token());
    let answer = scene.ask(Format::Anthropic, &secret, Delivery::Whole).unwrap();
    refused(&answer, &local, "blocked-label");
}

#[test]
fn a_local_provider_that_is_away_is_not_replaced() {
    let mut scene = Scene::empty().unwrap();
    let rule = "policy: { EMAIL: route_local }, local_provider: box";
    let config = with_box(&scene, rule, "");
    scene.launch_on(&config, &[]).unwrap();
    scene.wait_for_routes().unwrap();
    let answer = scene.ask(Format::Anthropic, VALUE, Delivery::Whole).unwrap();
    assert!(answer.status >= 500, "{} {}", answer.status, answer.text());
    assert_eq!(scene.anthropic.requests().len(), 0);
    // A local provider must be one.
    let public = config.replace("local_provider: box", "local_provider: anthropic");
    let said = scene.refusal(&public, &[]).unwrap();
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(said.contains("a local provider must be"), "{said}");
}

#[test]
fn lists_gaps_and_labels_that_are_off_are_kept_by_gateway_and_broker() {
    let token = token();
    let options = format!(
        "allow: ['{VALUE}', '{token}'], deny: {{ PROJECT: [Falcon], SECRET: ['tiger lily'] }}, \
         ignore_labels: [PHONE], patterns: {{ PART: 'P[0-9]{{3}}' }}, merge_gap: {{ PART: 1 }}"
    );
    let scene = Scene::start_with(&guardrails(&options)).unwrap();
    for format in FORMATS {
        let provider = scene.provider(format);
        for (text, sent) in [
            (format!("to {VALUE} now"), format!("to {VALUE} now")),
            (format!("with {token} now"), format!("with {token} now")),
            (format!("to x{VALUE} now"), "to <EMAIL_1> now".into()),
            ("the FALCON flies".into(), "the <PROJECT_".into()),
            ("call +1 415-555-2671".into(), "call +1 415-555-2671".into()),
            ("take P111 P222, P333".into(), "take <PART_1>, <PART_2>".into()),
        ] {
            let answer = scene.ask(format, &text, Delivery::Whole).unwrap();
            assert_eq!(answer.status, 200, "{text}: {}", answer.text());
            assert!(
                provider.last().unwrap().contains(&sent),
                "{:?}",
                provider.last().unwrap().text()
            );
            assert_eq!(reader::whole(format, &answer.body).unwrap().text, text);
        }
        provider.forget();
        let answer = scene.ask(format, "my Tiger Lily", Delivery::Whole).unwrap();
        refused(&answer, provider, "blocked-label");
        for (place, request) in samples::everywhere(format, "so the falcon flies") {
            provider.forget();
            let answer = scene.post(samples::path(format), &request).unwrap();
            assert_eq!(answer.status, 200, "{place}: {}", answer.text());
            assert!(!provider.last().unwrap().contains("falcon"), "{place}");
        }
    }
}

#[test]
fn a_provider_has_rules_of_its_own_and_a_reload_changes_them() {
    let (mut scene, local) = with_local();
    let rules = |own: &str| with_box(&scene, "policy: { EMAIL: block }", own);
    let (first, second) =
        (rules(", policy: { EMAIL: allow }"), rules(", positions: { user: { EMAIL: mask } }"));
    scene.launch_on(&first, &[]).unwrap();
    scene.wait_for_routes().unwrap();
    let body = samples::ask(Format::Anthropic, VALUE, Delivery::Whole);
    let at_box = |scene: &Scene| scene.post("/box/v1/messages", &body).unwrap().status;
    assert_eq!(at_box(&scene), 200);
    assert!(local.last().unwrap().contains(VALUE));
    let answer = scene.ask(Format::Anthropic, VALUE, Delivery::Whole).unwrap();
    refused(&answer, &scene.anthropic, "blocked-label");

    let said = reload_on(&scene, &second);
    assert!(said.contains("+ providers.box.positions.user.EMAIL: mask"), "{said}");
    assert_eq!(at_box(&scene), 200);
    assert!(!local.last().unwrap().contains(VALUE));
    let mut system = body.clone();
    system["system"] = json!(VALUE);
    let answer = scene.post("/box/v1/messages", &system).unwrap();
    assert_eq!((answer.status, answer.reason()), (400, Some("blocked-label")));
    // What is listed is changed by a reload, and not told.
    let third = scene.config(&guardrails("deny: { CLIENT: [Grace Hopper] }"));
    let said = reload_on(&scene, &third);
    assert!(
        said.contains("+ pipeline.guardrails.deny.CLIENT") && !said.contains("Grace"),
        "{said}"
    );
    assert!(!scene.daemon().unwrap().log().iter().any(|line| line.contains("Grace")));
    let answer = scene.ask(Format::Anthropic, "to Grace Hopper", Delivery::Whole).unwrap();
    assert_eq!(answer.status, 200);
    assert!(scene.anthropic.last().unwrap().contains("to <CLIENT_1>"));
}

/// `printf %s key-of-NAME | sha256sum`
const SUMS: [(&str, &str); 2] = [
    ("ward", "004d91ce509ca42ec32ec5ad6dea31c3eaad1b56f7d54ae92a2ecfee1d744e08"),
    ("desk", "a64198d6870f5906e82dd9a7b36ed06515c60ec40e3c55e9f25bf4e82fdc9725"),
];

/// Two clients with rules of their own, before general ones that mask.
fn with_clients(of_ward: &str, of_desk: &str) -> Setting {
    let [(_, ward), (_, desk)] = SUMS;
    let extra = format!(
        "clients:\n\
         \x20 ward: {{ key_sha256: ['{ward}'], {of_ward} }}\n\
         \x20 desk: {{ key_sha256: ['{desk}'], {of_desk} }}\n"
    );
    Setting { extra, ..Setting::default() }
}

#[test]
fn clients_have_rules_of_their_own_and_a_reload_changes_them() {
    let mut scene = Scene::start_with(&with_clients(
        "policy: { EMAIL: block }",
        "positions: { user: { EMAIL: allow } }",
    ))
    .unwrap();
    let ask = |scene: &Scene, format, headers: &[(&str, &str)]| {
        let provider = scene.provider(format);
        provider.forget();
        let body = samples::ask(format, VALUE, Delivery::Whole).to_string();
        let mut all = vec![("content-type", "application/json")];
        all.extend(headers);
        let bytes = http::request("POST", samples::path(format), &all, body.as_bytes());
        let answer = scene.send(bytes).unwrap();
        match (answer.status, provider.last()) {
            (200, Ok(seen)) => {
                assert_eq!(reader::whole(format, &answer.body).unwrap().text, VALUE);
                if seen.contains(VALUE) { "allow" } else { "mask" }
            }
            (400, Err(_)) if answer.reason() == Some("blocked-label") => "block",
            (400, Err(_)) if answer.reason() == Some("two-clients") => "two",
            other => panic!("{} {}", other.0, answer.text()),
        }
    };
    let (ward, desk) = ("Bearer key-of-ward", "Bearer key-of-desk");
    for format in FORMATS {
        for (headers, wanted) in [
            (&[("authorization", ward)][..], "block"),
            (&[("x-api-key", "key-of-ward")], "block"),
            (&[("authorization", desk)], "allow"),
            (&[("authorization", "Bearer key-of-eve")], "mask"),
            (&[], "mask"),
            // Nobody escapes from rules by one credential more, nor gets another's by its name.
            (&[("x-api-key", "junk"), ("authorization", ward)], "block"),
            (&[("x-api-key", "key-of-desk"), ("authorization", ward)], "two"),
            (&[("x-prxy-caller", "key-of-desk"), ("x-api-key", "desk")], "mask"),
            (&[("x-api-key", SUMS[1].1)], "mask"),
        ] {
            assert_eq!(ask(&scene, format, headers), wanted, "{headers:?}");
        }
    }
    // The same keys under other rules, told by a difference that shows no sum.
    let swapped = with_clients("policy: { EMAIL: allow }", "policy: { EMAIL: block }");
    let said = reload_on(&scene, &scene.config(&swapped));
    assert!(said.contains("~ clients.ward.policy.EMAIL: block -> allow"), "{said}");
    assert!(said.contains("+ clients.desk.policy.EMAIL: block"), "{said}");
    for format in FORMATS {
        assert_eq!(ask(&scene, format, &[("authorization", ward)]), "allow");
        assert_eq!(ask(&scene, format, &[("authorization", desk)]), "block");
        assert_eq!(ask(&scene, format, &[("x-api-key", "key-of-eve")]), "mask");
    }
    // Without a name it is one of all.
    reload(&mut scene, &Setting::default());
    assert_eq!(ask(&scene, Format::Anthropic, &[("authorization", ward)]), "mask");
    let log = scene.daemon().unwrap().log();
    assert!(!log.iter().any(|line| line.contains(VALUE) || line.contains("key-of-")));
}

/// Puts another configuration in force.
fn reload(scene: &mut Scene, setting: &Setting) {
    let config = scene.config(setting);
    reload_on(scene, &config);
}

fn reload_on(scene: &Scene, config: &str) -> String {
    fs::write(scene.dir().join("config.yaml"), config).unwrap();
    let mut command = Command::new(daemon::binary().unwrap());
    let said = command.arg("reload").arg("--data-dir").arg(scene.data()).output().unwrap();
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.status.success(), "{said:?}");
    text
}
