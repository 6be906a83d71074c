//! Rules by label, place and provider, and the masker and the check as one.

use std::collections::{BTreeMap, BTreeSet};

use super::{Memory, label};
use crate::provider::Surface;
use crate::provider::place::Place;
use crate::redact::mask::{Masked, Masker, Maskers, Refusal};
use crate::redact::{Action, Local, Policy, Profile, Rules};

/// A key as issuers make them, put together so that this file does not look like a leak.
fn key() -> String {
    ["gh", "p_", "a8Fk2LmQ9xRb4TzW1cVn8LpYd3Hs6GtJ5qWe"].concat()
}

fn actions(of: &[(&str, Action)]) -> BTreeMap<crate::redact::Label, Action> {
    of.iter().map(|(name, action)| (label(name), *action)).collect()
}

/// What is sent of a request, or the reason why it is not; what is sent must pass the check, and what
/// came must not, where anything was masked.
fn outcome(policy: &Policy, surface: Surface, body: &str) -> String {
    let masker = Masker::new(policy).unwrap();
    let check = |body: &str| {
        let mut check = masker.checker(surface, body.as_bytes());
        crate::json::walk(body.as_bytes(), &mut check).map_err(Refusal::from)
    };
    match masker.request(surface, body.as_bytes(), &Memory::default()) {
        Ok(masked) => {
            let sent = masked.body.map(|body| String::from_utf8(body).unwrap());
            let sent = sent.unwrap_or_else(|| body.to_owned());
            check(&sent).unwrap_or_else(|refusal| panic!("{refusal}: {sent}"));
            if sent != body {
                check(body).unwrap_err();
            }
            sent
        }
        Err(refusal) => {
            check(body).expect_err("the check passes what the masker refuses");
            refusal.reason().to_owned()
        }
    }
}

/// One request with a value in each place, by the place's name.
fn places(value: &str) -> [(&'static str, Surface, String); 8] {
    let user = r#"{"role":"user","content":"go"}"#;
    let model = r#"{"role":"assistant","content":"yes"}"#;
    [
        (
            "user",
            Surface::Messages,
            format!(r#"{{"messages":[{{"role":"user","content":"{value}"}}]}}"#),
        ),
        (
            "history",
            Surface::Messages,
            format!(r#"{{"messages":[{{"role":"user","content":"{value}"}},{model},{user}]}}"#),
        ),
        (
            "history",
            Surface::Chat,
            format!(r#"{{"messages":[{user},{{"role":"assistant","content":"{value}"}},{user}]}}"#),
        ),
        ("system", Surface::Messages, format!(r#"{{"system":"{value}","messages":[{user}]}}"#)),
        (
            "tool_result",
            Surface::Messages,
            format!(
                r#"{{"messages":[{user},{{"role":"user","content":[{{"type":"tool_result","content":"{value}"}}]}}]}}"#
            ),
        ),
        (
            "tool_result",
            Surface::Chat,
            format!(r#"{{"messages":[{user},{{"role":"tool","content":"{value}"}}]}}"#),
        ),
        (
            "tools",
            Surface::Messages,
            format!(r#"{{"tools":[{{"name":"t","description":"{value}"}}],"messages":[{user}]}}"#),
        ),
        (
            "other",
            Surface::Messages,
            format!(r#"{{"metadata":{{"user_id":"{value}"}},"messages":[{user}]}}"#),
        ),
    ]
}

#[test]
fn every_action_holds_in_every_place_and_nowhere_else() {
    let value = "ada@corp.example";
    for (action, expected) in [
        (Action::Allow, value),
        (Action::Mask, "<EMAIL_1>"),
        (Action::RouteLocal, "no-local-provider"),
        (Action::Block, "blocked-label"),
    ] {
        for (name, surface, body) in places(value) {
            let everywhere = Policy { actions: actions(&[("EMAIL", action)]), ..Policy::default() };
            let said = outcome(&everywhere, surface, &body);
            assert!(said.contains(expected), "{action:?} {name}: {said}");
        }
        for (ruled, place) in Place::NAMED {
            let positions = BTreeMap::from([(place, actions(&[("EMAIL", action)]))]);
            let policy = Policy { positions, ..Policy::default() };
            for (name, surface, body) in places(value) {
                let said = outcome(&policy, surface, &body);
                let expected = if name == ruled { expected } else { "<EMAIL_1>" };
                assert!(said.contains(expected), "{action:?} in {ruled}, value in {name}: {said}");
            }
        }
    }
}

#[test]
fn an_agent_may_have_read_secrets_and_nobody_may_type_them() {
    let agent = Policy { profile: Profile::Agent, ..Policy::default() };
    for (name, surface, body) in places(&key()) {
        let strict = outcome(&Policy::default(), surface, &body);
        assert_eq!(strict, "blocked-label", "{name}");
        let said = outcome(&agent, surface, &body);
        match name {
            "history" | "tool_result" => assert!(said.contains("<API_KEY_1>"), "{name}: {said}"),
            _ => assert_eq!(said, "blocked-label", "{name}"),
        }
    }
    // What a rule says is said of every place.
    let ruled = Policy { actions: actions(&[("API_KEY", Action::Block)]), ..agent.clone() };
    for (name, surface, body) in places(&key()) {
        assert_eq!(outcome(&ruled, surface, &body), "blocked-label", "{name}");
    }
    // Roles that can be read in two ways are the strictest.
    let twice =
        format!(r#"{{"messages":[{{"role":"assistant","role":"user","content":"{}"}}]}}"#, key());
    assert_eq!(outcome(&agent, Surface::Messages, &twice), "blocked-label");
    let lists = format!(
        r#"{{"messages":[{{"role":"assistant","content":"{}"}}],"messages":[{{"role":"user","content":"x"}}]}}"#,
        key()
    );
    assert_eq!(outcome(&agent, Surface::Messages, &lists), "blocked-label");
    // A digit-only secret that a tool result gives away is not typed again either.
    let echo = r#"{"messages":[{"role":"user","content":"it is 73519482017 now"},
        {"role":"user","content":[{"type":"tool_result","content":"password = 73519482017"}]}]}"#;
    assert_eq!(outcome(&agent, Surface::Messages, echo), "blocked-label");
}

#[test]
fn a_provider_has_rules_of_its_own_and_a_local_one_sees_what_is_routed() {
    let policy = Policy {
        actions: actions(&[("EMAIL", Action::RouteLocal), ("PHONE", Action::Block)]),
        positions: BTreeMap::from([(Place::History, actions(&[("PHONE", Action::Allow)]))]),
        providers: BTreeMap::from([(
            "lab".to_owned(),
            Rules { actions: actions(&[("PHONE", Action::Mask)]), ..Rules::default() },
        )]),
        local: Local { providers: vec!["box".to_owned()], model: None },
        ..Policy::default()
    };
    let body = |value: &str| format!(r#"{{"messages":[{{"role":"user","content":"{value}"}}]}}"#);
    let (mail, phone) = (body("ada@corp.example"), body("call +1 415-555-2671"));
    for (provider, mailed, phoned) in [
        ("other", "no-local-provider", "blocked-label"),
        ("lab", "no-local-provider", "<PHONE_1>"),
        ("box", "ada@corp.example", "blocked-label"),
    ] {
        let policy = policy.of(provider, None);
        assert!(outcome(&policy, Surface::Messages, &mail).contains(mailed), "{provider}");
        assert!(outcome(&policy, Surface::Messages, &phone).contains(phoned), "{provider}");
    }
    // What a provider's own rule says of a label, it says of every place.
    let earlier = places("call +1 415-555-2671")[1].2.clone();
    assert!(outcome(&policy.of("lab", None), Surface::Messages, &earlier).contains("<PHONE_1>"));
    assert!(outcome(&policy.of("other", None), Surface::Messages, &earlier).contains("415-555"));
    assert_eq!(policy.apart(["other", "lab", "box", "another"]).policies(), 3);
}

#[track_caller]
fn check_text(policy: &Policy, cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        let content = serde_json::Value::from(*text);
        let body = serde_json::json!({"messages":[{"role":"user","content":content}]}).to_string();
        let said = outcome(policy, Surface::Messages, &body);
        let wanted =
            serde_json::json!({"messages":[{"role":"user","content":expected}]}).to_string();
        let wanted =
            if expected.contains('-') && !expected.contains(' ') { *expected } else { &wanted };
        assert_eq!(said, wanted, "{text}");
    }
}

fn set(texts: &[&str]) -> BTreeSet<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn denied_texts_are_found_in_every_spelling_and_allowed_ones_never() {
    let deny = BTreeMap::from([
        (label("PROJECT"), set(&["Falcon", "Überflieger", "王明", "Blue  Heron", "Jay-Nest"])),
        (label("SECRET"), set(&["tiger lily"])),
    ]);
    let allow = set(&["support@corp.example", "Write to boss@corp.example now", &key()]);
    let policy = Policy { deny, allow, ..Policy::default() };
    check_text(
        &policy,
        &[
            ("the Falcon flies", "the <PROJECT_1> flies"),
            ("the FALCON flies", "the <PROJECT_1> flies"),
            ("see falcon_db now", "see <PROJECT_1>_db now"),
            ("the ÜBERFLIEGER, too", "the <PROJECT_1>, too"),
            ("the \u{ff26}alcon \u{200b} flies", "the <PROJECT_1> \u{200b} flies"),
            ("so sagt 王明 heute", "so sagt <PROJECT_1> heute"),
            ("a falco n", "a falco n"),
            ("my Tiger Lily", "blocked-label"),
            // With other blanks, and over line breaks as lines are broken.
            ("my Tiger\n> Lily", "blocked-label"),
            ("my Tiger \u{200b}\u{a0} Lily", "blocked-label"),
            (
                "my tigerlily, tiger.\nlily, tiger lil\ny",
                "my tigerlily, tiger.\nlily, tiger lil\ny",
            ),
            ("a blue heron, blue\t\theron", "a <PROJECT_1>, <PROJECT_2>"),
            ("the blue\r\n * heron!", "the <PROJECT_1>!"),
            ("王\n明 said", "<PROJECT_1> said"),
            ("a jay-\n  nest", "a <PROJECT_1>"),
            ("or support@corp.example then", "or support@corp.example then"),
            // Exactly that text, and not what contains it.
            ("or xsupport@corp.example then", "or <EMAIL_1> then"),
            ("or Support@corp.example then", "or <EMAIL_1> then"),
            ("Write to boss@corp.example now", "Write to boss@corp.example now"),
            ("write to boss@corp.example now", "write to <EMAIL_1> now"),
            (&format!("key {} here", key()), &format!("key {} here", key())),
            (&format!("key {}x here", &key()[..key().len() - 1]), "blocked-label"),
        ],
    );
    // As a number, a key, and in JSON inside of strings.
    let numbers =
        Policy { deny: BTreeMap::from([(label("CASE"), set(&["4711"]))]), ..Policy::default() };
    for (surface, body, expected) in [
        (Surface::Messages, r#"{"metadata":{"case":4711}}"#, r#"{"metadata":{"case":"<CASE_1>"}}"#),
        (Surface::Messages, r#"{"max_tokens":4711}"#, "unsafe-position"),
        (Surface::Messages, r#"{"metadata":{"4711":1}}"#, r#"{"metadata":{"<CASE_1>":1}}"#),
        (
            Surface::Chat,
            r#"{"messages":[{"role":"assistant","tool_calls":[{"function":{"arguments":"{\"a\":\"\\u0034711\"}"}}]}]}"#,
            r#"{"messages":[{"role":"assistant","tool_calls":[{"function":{"arguments":"{\"a\":\"<CASE_1>\"}"}}]}]}"#,
        ),
    ] {
        assert_eq!(outcome(&numbers, surface, body), expected, "{body}");
    }
}

#[test]
fn ignored_labels_are_found_by_the_configuration_only() {
    let policy = Policy {
        ignore: [label("EMAIL")].into(),
        patterns: vec![(label("EMAIL"), regex::Regex::new("[a-z]+ at corp").unwrap())],
        deny: BTreeMap::from([(label("EMAIL"), set(&["boss@corp.example"]))]),
        ..Policy::default()
    };
    check_text(
        &policy,
        &[
            ("to ada@corp.example now", "to ada@corp.example now"),
            ("to ada at corp now", "to <EMAIL_1> now"),
            ("to boss@corp.example now", "to <EMAIL_1> now"),
        ],
    );
}

#[test]
fn neighbours_of_one_label_become_one_where_the_configuration_says_so() {
    let names = regex::Regex::new("Maria|Gonzalez|Jean|Luc").unwrap();
    let policy = |gap: usize| Policy {
        patterns: vec![(label("NAME"), names.clone())],
        merge_gap: BTreeMap::from([(label("NAME"), gap)]),
        // They would see these names too.
        ignore: [label("PERSON")].into(),
        ..Policy::default()
    };
    check_text(&policy(0), &[("so Maria Gonzalez said", "so <NAME_1> <NAME_2> said")]);
    check_text(
        &policy(1),
        &[
            ("so Maria Gonzalez said", "so <NAME_1> said"),
            ("so Jean-Luc said", "so <NAME_1> said"),
            ("so Maria, Jean-Luc said", "so <NAME_1>, <NAME_2> said"),
        ],
    );
    check_text(&policy(2), &[("so Maria, Jean-Luc said", "so <NAME_1> said")]);
}

#[test]
fn guesses_do_not_refuse_where_nothing_may_change() {
    let policy = Policy::default();
    let tool = |schema: &str| format!(r#"{{"tools":[{{"name":"t","input_schema":{schema}}}]}}"#);
    // Seen as a name by its key, so that the enum of somebody's countries is looked at as names.
    for body in [
        tool(r#"{"properties":{"customer_name":{"enum":["Jordan","Grace"]}}}"#),
        tool(r#"{"properties":{"Grace":{"type":"string"}},"required":["Grace"]}"#),
        r#"{"messages":[{"role":"assistant","content":[{"type":"thinking","thinking":"My name is Jordan Smith.","signature":"x"}]}]}"#.to_owned(),
    ] {
        assert_eq!(outcome(&policy, Surface::Messages, &body), body);
    }
    // Positive controls: what is sure refuses, and prose is masked.
    for (body, expected) in [
        (
            r#"{"tools":[{"name":"t","input_schema":{"required":["ada@corp.example"]}}]}"#,
            "unsafe-position",
        ),
        (
            r#"{"messages":[{"role":"assistant","content":[{"type":"thinking","thinking":"to ada@corp.example"}]}]}"#,
            "unsafe-position",
        ),
    ] {
        assert_eq!(outcome(&policy, Surface::Messages, body), expected);
    }
    let prose = r#"{"messages":[{"role":"user","content":"My name is Jordan Smith."}]}"#;
    assert!(outcome(&policy, Surface::Messages, prose).contains("<PERSON_1>"));
    // What the configuration denies is no guess.
    let deny = BTreeMap::from([(label("PERSON"), set(&["Grace"]))]);
    let denied = Policy { deny, ..Policy::default() };
    let body = tool(r#"{"required":["Grace"]}"#);
    assert_eq!(outcome(&denied, Surface::Messages, &body), "unsafe-position");
}

#[test]
fn a_client_has_rules_above_its_providers_and_equal_rules_share_their_scanners() {
    let own = |list: &[(&str, Action)]| Rules { actions: actions(list), ..Rules::default() };
    let named = |list: &[(&str, Rules)]| -> BTreeMap<String, Rules> {
        list.iter().map(|(name, rules)| ((*name).to_owned(), rules.clone())).collect()
    };
    let phone_allowed = BTreeMap::from([(Place::User, actions(&[("PHONE", Action::Allow)]))]);
    let policy = Policy {
        positions: BTreeMap::from([(Place::User, actions(&[("EMAIL", Action::Mask)]))]),
        providers: named(&[("lab", own(&[("EMAIL", Action::Allow)]))]),
        clients: named(&[
            ("ward", own(&[("EMAIL", Action::Block)])),
            ("twin", own(&[("EMAIL", Action::Block)])),
            ("desk", Rules { positions: phone_allowed, ..Rules::default() }),
            ("near", own(&[("EMAIL", Action::RouteLocal)])),
        ]),
        local: Local { providers: vec!["box".to_owned()], model: None },
        ..Policy::default()
    };
    let providers = ["cloud", "lab", "box"];
    let maskers = Maskers::new(&policy, providers).unwrap();
    let body = |value: &str| format!(r#"{{"messages":[{{"role":"user","content":"{value}"}}]}}"#);
    let (mail, phone) = (body("to ada@corp.example"), body("call +1 415-555-2671"));
    let said = |masker: &Masker, body: &str| {
        let masked = match masker.request(Surface::Messages, body.as_bytes(), &Memory::default()) {
            Ok(Masked { body: Some(body), .. }) => String::from_utf8(body).unwrap(),
            Ok(Masked { body: None, .. }) => body.to_owned(),
            Err(refusal) => return refusal.reason().to_owned(),
        };
        masked.split(r#""content":""#).nth(1).unwrap().trim_end_matches(r#""}]}"#).to_owned()
    };
    let (raw, masked) = ("to ada@corp.example", "to <EMAIL_1>");
    for (client, [cloud, lab, near], phoned) in [
        (None, [masked, raw, masked], "call <PHONE_1>"),
        (Some("nobody"), [masked, raw, masked], "call <PHONE_1>"),
        (Some("ward"), ["blocked-label"; 3], "call <PHONE_1>"),
        (Some("twin"), ["blocked-label"; 3], "call <PHONE_1>"),
        (Some("desk"), [masked, raw, masked], "call +1 415-555-2671"),
        (Some("near"), ["no-local-provider", "no-local-provider", raw], "call <PHONE_1>"),
    ] {
        for (provider, expected) in providers.into_iter().zip([cloud, lab, near]) {
            let masker = maskers.of(provider, client);
            assert_eq!(said(masker, &mail), expected, "{client:?} {provider}");
            assert_eq!(said(masker, &phone), phoned, "{client:?} {provider}");
            let alone = Masker::new(&policy.of(provider, client)).unwrap();
            assert_eq!(said(&alone, &mail), expected, "{client:?} {provider}");
        }
    }
    // Three kinds of providers, four of clients; of actions, what is listed above and no more:
    // mask, allow, block, route_local for mail, and with phones allowed the first two again.
    assert_eq!(policy.apart(providers).policies(), 12);
    assert_eq!(maskers.of("cloud", None).sets.count(), 6);
}
