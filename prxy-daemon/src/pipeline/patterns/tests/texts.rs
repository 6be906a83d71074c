//! Users' words of success, likeness, and texts made plain.

use super::*;
use crate::store::patterns::Outcome::{Failed, Worked};

#[test]
fn a_user_says_that_it_worked_or_that_it_did_not() {
    for text in [
        "That fixed it, thanks!",
        "that worked",
        "it works now",
        "Works now. Next: the login page",
        "Fixed!",
        "perfect, that solved it",
        "solved, thank you",
        "All tests pass now",
        "Great, the problem is gone",
        "It builds again.",
        "yes that did the trick",
        "that did the trick",
        "danke, geht jetzt",
        "Danke, funktioniert",
        "Jetzt läuft es",
        "Super, das hat geholfen",
        "es hat geklappt",
        "Ça marche, merci",
        "c'est réglé merci",
        "ça fonctionne",
        "ya funciona, gracias",
        "Ahora sí funciona",
        "Solucionado",
        "eso lo arregló",
        "ora funziona, grazie",
        "agora funciona",
        "het werkt, bedankt",
    ] {
        assert_eq!(verdict::of(text), Some(Worked), "{text}");
    }
    for text in [
        "still fails",
        "It still doesn't work",
        "Same error",
        "that didn't help",
        "no luck",
        "Still getting the same error:\nE0502",
        "didn't work",
        "geht immer noch nicht",
        "Funktioniert nicht",
        "hat nicht geholfen",
        "gleicher Fehler",
        "ça ne marche pas",
        "toujours pas",
        "sigue fallando",
        "no funciona",
        "el mismo error",
        "non funziona",
        "werkt niet",
    ] {
        assert_eq!(verdict::of(text), Some(Failed), "{text}");
    }
    for text in [
        "",
        "thanks",
        "danke",
        "ok",
        "How does it work now?",
        "Does that work?",
        "explain why it works",
        "make sure that it works",
        "that fixed the first error, but now it still fails",
        "almost fixed",
        "It works but the layout is off",
        "Write a test",
        "it works on my machine, however CI is red",
        "If that fixed it, we can close it",
        "wie funktioniert das jetzt?",
        "comment ça marche ?",
        "¿cómo funciona?",
        "is the bug fixed now?",
        "not fixed yet?",
        "tell me once it works",
        "Should this work now?",
        "verify that it works now",
    ] {
        assert_eq!(verdict::of(text), None, "{text}");
    }
}

/// Whether `asked` would be offered what helped with `known`, with the default.
fn offered(asked: &str, known: &str) -> (bool, f32) {
    let first = |text: &str| {
        let found = of_user(text).into_iter().next().map(|problem| problem.text);
        found.or_else(|| problem::tidy(text)).unwrap()
    };
    let (asked, known) = (first(asked), first(known));
    let of = |text: &str| Offline.embed(text).unwrap();
    let near = of(&asked).similarity(&of(&known));
    (alike(&asked, &known) && near >= config::Patterns::default().min_score, near)
}

const LIKE: &[(&str, &str)] = &[
    (
        "Error: Cannot find module 'webpack-merge'",
        "npm ERR! Error: Cannot find module 'webpack-merge' required by /srv/x/app/webpack.config.js",
    ),
    (
        "error[E0502]: cannot borrow `items` as mutable because it is also borrowed as immutable",
        "error[E0502]: cannot borrow `rows` as mutable because it is also borrowed as immutable",
    ),
    (
        "ModuleNotFoundError: No module named 'yaml'",
        "Traceback (most recent call last):\n  File \"/srv/a.py\", line 3, in <module>\nModuleNotFoundError: No module named 'yaml'",
    ),
    (
        "connect ECONNREFUSED 127.0.0.1:6379",
        "Error: connect ECONNREFUSED 127.0.0.1:6379 at TCPConnectWrap",
    ),
    (
        "the websocket keeps disconnecting behind the load balancer, it is broken",
        "our websocket is broken: disconnecting all the time behind a load balancer",
    ),
    (
        "git push fails: error: failed to push some refs",
        "error: failed to push some refs to the remote",
    ),
    (
        "Der Dienst startet nicht: libssl.so.3: cannot open shared object file",
        "error while loading shared libraries: libssl.so.3: cannot open shared object file: No such file",
    ),
    (
        "nginx: bind() to 0.0.0.0:80 failed (98: Address already in use)",
        "bind() to 0.0.0.0:80 failed: Address already in use",
    ),
    (
        "La migración falla con: error: relation \"users\" does not exist",
        "ERROR: relation \"users\" does not exist at character 15",
    ),
    (
        "terraform: Error acquiring the state lock",
        "Error: Error acquiring the state lock: ConditionalCheckFailedException",
    ),
    (
        "fatal: refusing to merge unrelated histories",
        "git pull says fatal: refusing to merge unrelated histories",
    ),
    (
        "x509: certificate signed by unknown authority, error when pulling",
        "error: x509: certificate signed by unknown authority",
    ),
];

const UNLIKE: &[(&str, &str)] = &[
    ("ModuleNotFoundError: No module named 'yaml'", "ModuleNotFoundError: No module named 'numpy'"),
    (
        "error[E0502]: cannot borrow `items` as mutable",
        "error[E0499]: cannot borrow `items` as mutable more than once at a time",
    ),
    ("Error: Cannot find module 'express'", "Error: Cannot find module 'lodash'"),
    (
        "TypeError: Cannot read properties of undefined (reading 'map')",
        "TypeError: Cannot read properties of undefined (reading 'user')",
    ),
    ("connect ECONNREFUSED 127.0.0.1:6379", "connect ETIMEDOUT 127.0.0.1:6379"),
    ("My build fails with exit code 1", "My build fails with exit code 137"),
    ("bash: jq: command not found", "bash: kubectl: command not found"),
    ("HTTP 401 error from the API", "HTTP 503 error from the API"),
    ("The login page is broken", "The printer is broken"),
    ("error: relation \"users\" does not exist", "error: relation \"orders\" does not exist"),
    ("why does the app crash at start?", "why does the train stop at night?"),
    ("fatal: not a git repository", "fatal: refusing to merge unrelated histories"),
];

#[test]
fn a_like_problem_is_one_with_the_same_error_and_names() {
    for (a, b) in LIKE {
        for (asked, known) in [(a, b), (b, a)] {
            let (offered, near) = offered(asked, known);
            assert!(offered, "{near} {asked} / {known}");
        }
    }
    for (a, b) in UNLIKE {
        for (asked, known) in [(a, b), (b, a)] {
            let (offered, near) = offered(asked, known);
            assert!(!offered, "{near} {asked} / {known}");
        }
    }
}

#[test]
fn nothing_that_is_kept_can_be_restored_or_is_a_secret() {
    let plain = Plain::new(None).unwrap();
    for (text, expected) in [
        ("Error: login of <EMAIL_1> failed", Some("Error: login of [email] failed")),
        ("<PERSON_1_2> and <PERSON_3>'s key", Some("[person] and [person]'s key")),
        (
            "ask EMAIL_1 or &lt;email_2&gt;, <CREDIT\\_CARD_9>",
            Some("ask [email] or [email], [credit card]"),
        ),
        (
            "an <OLD_LABEL_7> of a pattern that is gone",
            Some("an [old label] of a pattern that is gone"),
        ),
        ("mail to ada@corp.example now", Some("mail to [email] now")),
        ("error TS2345 in ERR_404 and CVE_2024", Some("error TS2345 in ERR_404 and CVE_2024")),
        (
            "set the key to sk-ant-api03-Zx8Qw3Rt5Yu7Io9Pa1Sd2Fg4Hj6Kl8Zx0Cv2Bn4Mq6We8Rt0Yu2Io4Pa6Sd8Fg0Hj2Kl4Zx6Cv8Bn0Mq2We4Rt6Yu8Io-AbCdEfGh",
            None,
        ),
        ("use postgres://app:S3cretPassw0rd@db.example/app", None),
    ] {
        assert_eq!(plain.text(text).as_deref(), expected, "{text}");
        if let Some(once) = plain.text(text) {
            assert_eq!(plain.text(&once), Some(once), "{text}");
        }
    }
}

#[test]
fn a_problem_is_kept_without_what_is_another_every_time() {
    for (line, expected) in [
        (
            "2026-03-04T10:11:12.345Z [10:11:12] ERROR: pid=4711 cannot open /srv/ada/app/src/main.rs:12:5",
            "ERROR: cannot open main.rs",
        ),
        (
            "\u{1b}[31mError:\u{1b}[0m Cannot find module '/srv/www/app/index.js'",
            "Error: Cannot find module 'index.js'",
        ),
        ("   ####  **panic** at 0xdeadbeef in worker", "panic in worker"),
    ] {
        assert_eq!(problem::tidy(line).as_deref(), Some(expected), "{line}");
    }
    assert_eq!(problem::tidy("----"), None);
    assert_eq!(
        of_tool(
            "x\nTraceback (most recent call last):\n  File \"a.py\", line 3\nValueError: bad port\n"
        )
        .first()
        .unwrap()
        .text,
        "ValueError: bad port"
    );
    let told: Vec<Told> = of_user("It fails. Help!").iter().map(|problem| problem.told).collect();
    assert_eq!(told, [Told::InWords; 0]);
}

#[test]
fn an_offer_stands_at_the_end_of_the_last_words_of_the_user_on_every_surface() {
    use crate::provider::Surface::{Chat, Generate, Messages, Responses};
    for (surface, body, expected) in [
        (
            Messages,
            r#"{"messages":[{"role":"user","content":"a\n"}] }"#,
            r#"{"messages":[{"role":"user","content":"a\n\n\nN\"1"}] }"#,
        ),
        (
            Messages,
            r#"{"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":"r"},{"type":"text","text":"a"}]}]}"#,
            r#"{"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":"r"},{"type":"text","text":"a"},{"type":"text","text":"N\"1"}]}]}"#,
        ),
        (
            Messages,
            r#"{"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":"r"}]}]}"#,
            "",
        ),
        (
            Messages,
            r#"{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"So"}]}"#,
            "",
        ),
        (
            Messages,
            r#"{"cache_control":{"type":"ephemeral"},"messages":[{"role":"user","content":"a"}]}"#,
            "",
        ),
        (
            Chat,
            r#"{"messages":[{"role":"system","content":"s"},{"role":"user","content":"a"}]}"#,
            r#"{"messages":[{"role":"system","content":"s"},{"role":"user","content":"a\n\nN\"1"}]}"#,
        ),
        (
            Chat,
            r#"{"messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"x"}}]}]}"#,
            r#"{"messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"x"}},{"type":"text","text":"N\"1"}]}]}"#,
        ),
        (
            Chat,
            r#"{"messages":[{"role":"user","content":"a"},{"role":"tool","tool_call_id":"t","content":"r"}]}"#,
            "",
        ),
        (Responses, r#"{"input":"a"}"#, r#"{"input":"a\n\nN\"1"}"#),
        (
            Responses,
            r#"{"input":[{"role":"user","content":[{"type":"input_text","text":"a"}]}]}"#,
            r#"{"input":[{"role":"user","content":[{"type":"input_text","text":"a"},{"type":"input_text","text":"N\"1"}]}]}"#,
        ),
        (
            Responses,
            r#"{"input":[{"role":"user","content":"a"},{"type":"function_call_output","call_id":"c","output":"r"}]}"#,
            "",
        ),
        (
            Generate,
            r#"{"contents":[{"parts":[{"text":"a"}]}]}"#,
            r#"{"contents":[{"parts":[{"text":"a"},{"text":"N\"1"}]}]}"#,
        ),
        (
            Generate,
            r#"{"contents":[{"parts":[{"functionResponse":{"name":"f","response":{}}},{"text":"a"}]}]}"#,
            "",
        ),
    ] {
        let root = Node::read(body.as_bytes()).unwrap();
        let conversation = Conversation::read(surface, &root).unwrap();
        let put = offer::place(&conversation, &root)
            .map(|place| String::from_utf8(offer::put(body.as_bytes(), &place, "N\"1")).unwrap());
        assert_eq!(put.unwrap_or_default(), expected, "{body}");
    }
}

#[test]
fn notes_take_no_more_than_their_budget() {
    let pattern = |id, problem: &str| Pattern {
        id,
        tenant: "t".into(),
        problem: problem.into(),
        remedy: "Run `make clean` first.".into(),
        evidence: "said".into(),
        model: String::new(),
        conversation: String::new(),
        seen: 2,
        uses: 1,
        successes: 0,
        failures: 0,
        created: 0,
        used: 0,
    };
    let patterns = [pattern(1, "short"), pattern(2, &"long ".repeat(400)), pattern(3, "third")];
    for (budget, expected) in [(300, vec![1, 3]), (1000, vec![1, 2, 3]), (10, vec![])] {
        let notes = offer::notes(&patterns, "claude-x", budget);
        assert_eq!(notes.as_ref().map_or(vec![], |(_, ids)| ids.clone()), expected, "{budget}");
        if let Some((text, _)) = notes {
            let tokens = crate::provider::conversation::tokens::estimate(&text);
            assert!(tokens <= budget && text.starts_with(offer::MARK), "{tokens} {text}");
        }
    }
}
