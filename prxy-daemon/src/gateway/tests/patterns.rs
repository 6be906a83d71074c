//! What helped in one conversation is offered in another, masked and behind the cached prefix.

use std::sync::atomic::AtomicUsize;

use super::*;
use crate::client::sum;
use crate::config::{Client, ExactCache, Patterns, SemanticCache, Sharing, TenantBy};
use crate::redact::{Action, Label, Rules};

const PROBLEM: &str =
    "npm run build fails for ada@corp.example with\nError: Cannot find module 'webpack-merge'";
const ANSWER: &str = "The issue was that `webpack-merge` is missing for <EMAIL_1>. The fix is to run `npm install --save-dev webpack-merge`.";
const AGAIN: &str = "Help, the deployment of bob@firm.example says\nnpm ERR! Error: Cannot find module 'webpack-merge'";
const NOTE: &str = "[Notes by prxy";

async fn bed(options: Patterns) -> Bed {
    Bed::with(|config| {
        config.pipeline.push(Module::Patterns(options));
        config.vault.tenant_by = TenantBy::Key;
    })
    .await
}

fn whole(text: &str) -> Play {
    Play::json(
        &serde_json::json!({
            "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x",
            "content": [{ "type": "text", "text": text }], "stop_reason": "end_turn",
            "stop_sequence": null, "usage": { "input_tokens": 3, "output_tokens": 5 },
        })
        .to_string(),
    )
}

async fn ask(bed: &Bed, key: &str, body: &str) -> Got {
    let headers = [("content-type", "application/json"), ("x-api-key", key)];
    let got = bed.call(Method::POST, "/v1/messages", &headers, body.as_bytes()).await;
    assert_eq!(got.status, StatusCode::OK, "{}", got.text());
    got
}

/// Asks, is answered `answer`, and gives back the answer and what the provider got.
async fn turn(bed: &Bed, key: &str, body: &str, answer: &'static str) -> (Got, String) {
    bed.mock.script(move |_| whole(answer));
    let got = ask(bed, key, body).await;
    let seen = bed.mock.seen();
    (got, String::from_utf8(seen.last().unwrap().body.to_vec()).unwrap())
}

async fn outcome(bed: &Bed, key: &str, body: &str) -> Got {
    let headers = [("content-type", "application/json"), ("x-api-key", key)];
    bed.call(Method::POST, "/v1/outcomes", &headers, body.as_bytes()).await
}

fn conversation(turns: &[(&str, &str)]) -> String {
    let messages: Vec<_> = turns
        .iter()
        .map(|(role, text)| serde_json::json!({ "role": role, "content": text }))
        .collect();
    serde_json::json!({ "model": "claude-x", "max_tokens": 9, "messages": messages }).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_solved_a_problem_is_offered_when_a_like_one_comes_up() {
    let bed = bed(Patterns::default()).await;
    let (first, _) = turn(&bed, "k", &messages(PROBLEM), ANSWER).await;
    assert_eq!(first.header("x-prxy-modules"), Some("airgap,guardrails,patterns;offered=0"));
    assert_eq!(first.header("x-prxy-patterns"), None);
    let (second, sent) = turn(&bed, "k", &messages(AGAIN), "ok").await;
    assert_eq!(second.header("x-prxy-modules"), Some("airgap,guardrails,patterns;offered=1"));
    assert_eq!(second.header("x-prxy-patterns"), Some("1"));
    // Behind everything that the client sent, which is as it was.
    let masked = messages(AGAIN).replace("bob@firm.example", "<EMAIL_2>");
    let (before, rest) = sent.split_once("\\n\\n[Notes by prxy").unwrap();
    let (note, behind) = rest.rsplit_once("\\n]").unwrap();
    assert_eq!(format!("{before}{behind}"), masked);
    assert!(note.contains("npm install --save-dev webpack-merge"), "{sent}");
    // Nothing that anybody's vault would restore.
    assert!(note.contains("[email]") && !note.contains("EMAIL_1"), "{note}");
    // The same turn gets the same offer; another problem gets none.
    assert_eq!(turn(&bed, "k", &messages(AGAIN), "ok").await.1, sent);
    let other = AGAIN.replace("webpack-merge", "lodash");
    let (third, sent) = turn(&bed, "k", &messages(&other), "ok").await;
    assert_eq!((third.header("x-prxy-patterns"), sent.contains(NOTE)), (None, false));
    // What was offered in a conversation is not offered there again.
    let later = conversation(&[("user", AGAIN), ("assistant", "ok"), ("user", AGAIN)]);
    let (fourth, sent) = turn(&bed, "k", &later, "ok").await;
    assert_eq!((fourth.header("x-prxy-patterns"), sent.contains(NOTE)), (None, false));
    // Another tenant knows nothing of it.
    let (stranger, sent) = turn(&bed, "other", &messages(AGAIN), "ok").await;
    assert_eq!((stranger.header("x-prxy-patterns"), sent.contains(NOTE)), (None, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn all_share_where_the_scope_is_global_and_nobody_sees_a_name() {
    let bed = bed(Patterns { scope: Sharing::Global, ..Patterns::default() }).await;
    turn(&bed, "k", &messages(PROBLEM), ANSWER).await;
    let echo = "You asked: [email], <EMAIL_1>. The fix is known.";
    let (got, sent) = turn(&bed, "other", &messages(AGAIN), echo).await;
    assert_eq!(got.header("x-prxy-patterns"), Some("1"));
    assert!(sent.contains(NOTE) && !sent.contains("ada@"), "{sent}");
    // Restored is what the asker has masked, and nothing of the note.
    assert!(got.text().contains("You asked: [email], bob@firm.example."), "{}", got.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_stands_behind_what_is_cached_and_never_between_calls_and_results() {
    let bed = bed(Patterns::default()).await;
    turn(&bed, "k", &messages(PROBLEM), ANSWER).await;
    let text = AGAIN.replace("bob@firm.example", "x").replace('\n', "\\n");
    let marked = format!(
        r#"{{"model":"claude-x","max_tokens":9,"system":[{{"type":"text","text":"s","cache_control":{{"type":"ephemeral"}}}}],"messages":[{{"role":"user","content":[ {{"type":"text","text":"{text}","cache_control":{{"type":"ephemeral"}}}} ]}}]}}"#
    );
    let (got, sent) = turn(&bed, "k", &marked, "ok").await;
    assert_eq!(got.header("x-prxy-patterns"), Some("1"));
    let prefix = &marked[..marked.len() - " ]}]}".len() + 1];
    let block = r#",{"type":"text","text":"[Notes by prxy"#;
    assert!(sent.starts_with(&format!("{prefix}{block}")), "{sent}");
    assert!(sent.ends_with("\\n]\"}]}]}") && sent.matches("cache_control").count() == 2, "{sent}");
    // Kept to the very end, or answered by tools: it is sent as it came.
    let automatic = marked.replacen('{', r#"{"cache_control":{"type":"ephemeral"},"#, 1);
    let results = format!(
        r#"{{"model":"claude-x","max_tokens":9,"messages":[{{"role":"user","content":"{text}"}},{{"role":"assistant","content":[{{"type":"tool_use","id":"t","name":"sh","input":{{}}}}]}},{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"t","content":"{text}"}}]}}]}}"#
    );
    for body in [automatic, results] {
        let (got, sent) = turn(&bed, "k", &body, "ok").await;
        assert_eq!((sent, got.header("x-prxy-patterns")), (body, None));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn outcomes_count_and_what_fails_is_not_offered_any_more() {
    let bed = bed(Patterns::default()).await;
    turn(&bed, "k", &messages(PROBLEM), ANSWER).await;
    turn(&bed, "k", &messages(AGAIN), "ok").await;
    let worked = r#"{"pattern":1,"outcome":"worked"}"#;
    for counted in [true, false] {
        let got = outcome(&bed, "k", worked).await;
        assert_eq!(got.status, StatusCode::CREATED, "{}", got.text());
        let row = &got.json()["patterns"][0];
        let known = (row["successes"].as_u64(), row["rate"].as_f64(), row["counted"].as_bool());
        assert_eq!(known, (Some(1), Some(1.0), Some(counted)));
    }
    for (key, body, status, reason) in [
        ("k", r#"{"pattern":99,"outcome":"worked"}"#, 404, "unknown-pattern"),
        ("k", r#"{"patterns":[1,99],"outcome":"worked"}"#, 404, "unknown-pattern"),
        ("other", r#"{"pattern":1,"outcome":"failed"}"#, 404, "unknown-pattern"),
        ("k", r#"{"pattern":1,"outcome":"splendid"}"#, 400, "bad-outcome"),
        ("k", "no json", 400, "bad-outcome"),
        ("", r#"{"pattern":1,"outcome":"worked"}"#, 401, "no-client-key"),
    ] {
        let got = outcome(&bed, key, body).await;
        assert_eq!((got.status.as_u16(), got.reason()), (status, reason), "{body} {}", got.text());
    }
    let large = format!(r#"{{"pattern":1,"outcome":"worked","notes":"{}"}}"#, "x".repeat(70_000));
    assert_eq!(outcome(&bed, "k", &large).await.reason(), "body-too-large");
    // The user's own words count as well, once for a turn, whoever says it first.
    let said = |first: &str| {
        let fixed = "That fixed it, thanks!";
        conversation(&[("user", first), ("assistant", "ok"), ("user", fixed)])
    };
    let report = async |body| {
        let got = outcome(&bed, "k", body).await.json();
        let row = &got["patterns"][0];
        (row["successes"].as_u64().unwrap(), row["failures"].as_u64().unwrap())
    };
    let unclear = r#"{"pattern":1,"outcome":"unclear"}"#;
    turn(&bed, "k", &said(AGAIN), "fine").await;
    assert_eq!(report(unclear).await, (1, 0));
    let elsewhere = AGAIN.replace("Help", "Hello");
    turn(&bed, "k", &messages(&elsewhere), "ok").await;
    turn(&bed, "k", &said(&elsewhere), "fine").await;
    turn(&bed, "k", &said(&elsewhere), "fine").await;
    assert_eq!(report(worked).await, (2, 0));
    // One in two helps too seldom.
    for (failures, other) in (1..).zip(["One", "Two", "Three"]) {
        let (got, _) = turn(&bed, "k", &messages(&AGAIN.replace("Help", other)), "ok").await;
        assert_eq!(got.header("x-prxy-patterns"), Some("1"), "{other}");
        assert_eq!(report(r#"{"pattern":1,"score":0}"#).await, (2, failures));
        assert_eq!(report(r#"{"pattern":1,"score":0}"#).await, (2, failures));
    }
    let (got, sent) = turn(&bed, "k", &messages(&AGAIN.replace("Help", "Please")), "ok").await;
    assert_eq!((got.header("x-prxy-patterns"), sent.contains(NOTE)), (None, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn advice_that_the_user_confirms_is_learned_and_nothing_raw_is_in_the_tables() {
    let bed = bed(Patterns::default()).await;
    let advice = "It might be the lockfile of ada@corp.example: try to delete `package-lock.json` and run `npm install` again.";
    let body = conversation(&[("user", PROBLEM), ("assistant", advice), ("user", "that fixed it")]);
    turn(&bed, "k", &body, "Glad to hear.").await;
    let (got, sent) = turn(&bed, "k", &messages(AGAIN), "ok").await;
    assert_eq!(got.header("x-prxy-patterns"), Some("1"));
    assert!(sent.contains("package-lock.json") && sent.contains("helped 1 of 1"), "{sent}");
    let file = rusqlite::Connection::open(bed.dir.path().join("state/prxy.db")).unwrap();
    let copy = bed.dir.path().join("copy.db");
    let holds = |tables: &[&str]| {
        file.execute("ATTACH ?1 AS copy", [copy.to_str().unwrap()]).unwrap();
        for table in tables {
            file.execute_batch(&format!("CREATE TABLE copy.{table} AS SELECT * FROM main.{table}"))
                .unwrap();
        }
        file.execute_batch("DETACH copy").unwrap();
        let bytes = std::fs::read(&copy).unwrap();
        std::fs::remove_file(&copy).unwrap();
        let has = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        (has("ada@corp.example"), has("EMAIL_1"), has("webpack-merge"))
    };
    assert_eq!(holds(&["pattern", "pattern_offer"]), (false, false, true));
    // The same look finds it where it is.
    assert_eq!(holds(&["entry"]), (true, false, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_learned_or_offered_where_that_is_switched_off() {
    let bed = bed(Patterns { learn: false, ..Patterns::default() }).await;
    turn(&bed, "k", &messages(PROBLEM), ANSWER).await;
    assert_eq!(turn(&bed, "k", &messages(AGAIN), "ok").await.0.header("x-prxy-patterns"), None);
    let bed = self::bed(Patterns { max_injected: 0, ..Patterns::default() }).await;
    turn(&bed, "k", &messages(PROBLEM), ANSWER).await;
    assert_eq!(turn(&bed, "k", &messages(AGAIN), "ok").await.0.header("x-prxy-patterns"), None);
    let known = outcome(&bed, "k", r#"{"pattern":1,"outcome":"unclear"}"#).await;
    assert_eq!(known.status, StatusCode::CREATED, "{}", known.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_made_a_tool_succeed_is_learned() {
    let bed = bed(Patterns::default()).await;
    let used = |id: &str| serde_json::json!({ "role": "assistant", "content": [{ "type": "tool_use", "id": id, "name": "sh", "input": {} }] });
    let result = |id: &str, text: &str| serde_json::json!({ "role": "user", "content": [{ "type": "tool_result", "tool_use_id": id, "content": text }] });
    let body = |last: &str| {
        serde_json::json!({ "model": "claude-x", "max_tokens": 9, "messages": [
            { "role": "user", "content": "please make the tests green" },
            used("a"), result("a", "running 3 tests\nerror[E0599]: no method named `frobnicate` found for struct `Widget`"),
            used("b"), result("b", last),
        ] })
        .to_string()
    };
    let answer = "Everything passes. I added the method `frobnicate` to `Widget` in widget.rs.";
    let ask_again =
        messages("I get error[E0599]: no method named `frobnicate` found for struct `Widget`");
    turn(&bed, "k", &body("file written"), answer).await;
    assert_eq!(turn(&bed, "k", &ask_again, "ok").await.0.header("x-prxy-patterns"), None);
    turn(&bed, "k", &body("test result: ok. 3 passed; 0 failed"), answer).await;
    let (got, sent) = turn(&bed, "k", &ask_again.replace("I get", "We get"), "ok").await;
    assert_eq!(got.header("x-prxy-patterns"), Some("1"), "{sent}");
    assert!(sent.contains("I added the method `frobnicate`"), "{sent}");
}

const HIDDEN: &str =
    "I am Dr. Xandrilo Bevermann.\nError: EQN1 user Bevermann has no access to 'share'";
const LIKE_HIDDEN: &str = "Hi:\nError: EQN1 user Smith has no access to 'share'";
const REMEDY: &str = "The issue was a stale lease. The fix is to run `fooctl repair --now`.";

/// All learn from all; `desk` may name people, and with `everybody` anyone may.
async fn naming(everybody: Action) -> Bed {
    Bed::with(|config| {
        let person = |action| [(Label::new("PERSON").unwrap(), action)].into();
        let rules = Rules { actions: person(Action::Allow), ..Rules::default() };
        let options = Patterns { scope: Sharing::Global, ..Patterns::default() };
        config.pipeline = vec![
            Module::Guardrails(Policy {
                system_inject: Note::Omit,
                actions: person(everybody),
                clients: [("desk".to_owned(), rules)].into(),
                ..Policy::default()
            }),
            Module::Patterns(options),
        ];
        let keys = vec![sum(b"k-desk")];
        config.clients = vec![Client { name: "desk".to_owned(), keys, ..Client::default() }];
        config.vault.tenant_by = TenantBy::Key;
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_client_may_say_is_never_in_what_another_is_offered() {
    for (everybody, teacher, raw, offered) in [
        // It may say what others must not: nothing is learned from it.
        (Action::Mask, "k-desk", true, None),
        (Action::Mask, "k-gen", false, Some("1")),
        // Nobody hides it, so all are learned from; the line alone does not tell that it is a name.
        (Action::Allow, "k-gen", true, Some("1")),
        (Action::Allow, "k-desk", true, Some("1")),
    ] {
        let bed = naming(everybody).await;
        let (_, sent) = turn(&bed, teacher, &messages(HIDDEN), REMEDY).await;
        assert_eq!(sent.contains("user Bevermann"), raw, "{sent}");
        let (got, sent) = turn(&bed, "k-other", &messages(LIKE_HIDDEN), "ok").await;
        assert_eq!(got.header("x-prxy-patterns"), offered, "{everybody:?} {teacher} {sent}");
        assert!(!sent.contains("Bevermann"), "{everybody:?} {teacher} {sent}");
        assert_eq!(sent.contains("user [person] has no access"), offered.is_some(), "{sent}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_later_text_or_the_answer_makes_a_name_is_none_in_a_pattern() {
    let line = "Error: EQN1 user Bevermann has no access to 'share'";
    let later = conversation(&[
        ("user", line),
        ("assistant", "Who?"),
        (
            "user",
            "I am Dr. Xandrilo Bevermann. Error: EQN1 user Bevermann has no access to 'share'",
        ),
    ]);
    let answers = "The owner is Mr. Xandrilo Bevermann. The issue was a stale lease. The fix is to run `fooctl repair --now`.";
    for (body, answer) in [(later, REMEDY), (messages(line), answers)] {
        let bed = naming(Action::Allow).await;
        turn(&bed, "k-gen", &body, answer).await;
        let (got, sent) = turn(&bed, "k-other", &messages(LIKE_HIDDEN), "ok").await;
        assert_eq!(got.header("x-prxy-patterns"), Some("1"), "{sent}");
        assert!(!sent.contains("Bevermann"), "{sent}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_for_one_tenant_reaches_no_other_through_a_cache_that_all_share() {
    let exact = Module::ExactCache(ExactCache { scope: Sharing::Global, ..ExactCache::default() });
    let semantic =
        Module::SemanticCache(SemanticCache { scope: Sharing::Global, ..SemanticCache::default() });
    let patterns = || Module::Patterns(Patterns::default());
    for modules in
        [vec![exact.clone(), semantic.clone(), patterns()], vec![patterns(), exact, semantic]]
    {
        let bed = Bed::with(|config| {
            config.pipeline.extend(modules.clone());
            config.vault.tenant_by = TenantBy::Key;
        })
        .await;
        turn(&bed, "alice", &messages(PROBLEM), ANSWER).await;
        let quote = "As your notes say: run `npm install --save-dev webpack-merge`.";
        let (got, sent) = turn(&bed, "alice", &messages(AGAIN), quote).await;
        assert_eq!(got.header("x-prxy-patterns"), Some("1"), "{modules:?} {sent}");
        let asked = bed.mock.seen().len();
        let (got, _) = turn(&bed, "bob", &messages(AGAIN), "I do not know.").await;
        assert_eq!(got.header("x-prxy-cache"), Some("miss"), "{modules:?}");
        assert!(got.text().contains("I do not know.") && bed.mock.seen().len() == asked + 1);
        // Without a note, they do share.
        let question = messages("How do I boil an egg?");
        turn(&bed, "alice", &question, "In water.").await;
        let got = ask(&bed, "bob", &question).await;
        assert_eq!(got.header("x-prxy-cache"), Some("exact-cache"), "{modules:?}");
        let likewise = messages("how can I boil an egg");
        let got = ask(&bed, "bob", &likewise).await;
        assert_eq!(got.header("x-prxy-cache"), Some("semantic-cache"), "{modules:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_all_are_one_tenant_each_key_learns_and_reports_alone() {
    for (scope, shared) in [(Sharing::Tenant, None), (Sharing::Global, Some("1"))] {
        let bed = Bed::with(|config| {
            config.pipeline.push(Module::Patterns(Patterns { scope, ..Patterns::default() }));
            assert_eq!(config.vault.tenant_by, TenantBy::Nothing);
        })
        .await;
        turn(&bed, "alice", &messages(PROBLEM), ANSWER).await;
        let (got, _) = turn(&bed, "alice", &messages(AGAIN), "ok").await;
        assert_eq!(got.header("x-prxy-patterns"), Some("1"));
        let (got, sent) = turn(&bed, "bob", &messages(AGAIN), "ok").await;
        assert_eq!(
            (got.header("x-prxy-patterns"), sent.contains(NOTE)),
            (shared, shared.is_some())
        );
        let worked = r#"{"pattern":1,"outcome":"worked"}"#;
        let report = async |headers: &[(&str, &str)]| {
            let got = bed.call(Method::POST, "/v1/outcomes", headers, worked.as_bytes()).await;
            let counted = || got.json()["patterns"][0]["counted"].as_bool();
            if got.status == StatusCode::CREATED { counted() } else { None }
        };
        let json = ("content-type", "application/json");
        // Who brings no key was offered nothing, nor was bob where nothing is shared.
        assert_eq!(report(&[json]).await, shared.map(|_| false));
        assert_eq!(report(&[json, ("x-api-key", "bob")]).await, shared.map(|_| true));
        // The same key in another header is the same one.
        assert_eq!(report(&[json, ("authorization", "Bearer alice")]).await, Some(true));
        assert_eq!(report(&[json, ("x-api-key", "alice")]).await, Some(false));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_offered_or_learned_where_the_provider_knows_more_than_is_seen() {
    let bed = bed(Patterns::default()).await;
    let play = |text: &str| {
        Play::json(
            &serde_json::json!({ "id": "resp_1", "object": "response", "status": "completed", "model": "m", "output": [{ "type": "message", "role": "assistant", "status": "completed", "content": [{ "type": "output_text", "text": text, "annotations": [] }] }] })
                .to_string(),
        )
    };
    let headers = [("content-type", "application/json"), ("authorization", "Bearer k")];
    let ask = async |text: &str, before: Option<&str>, answer: &'static str| {
        bed.mock.script(move |_| play(answer));
        let mut body = serde_json::json!({ "model": "gpt-x", "input": text });
        if let Some(before) = before {
            body["previous_response_id"] = before.into();
        }
        let body = body.to_string();
        let got = bed.call(Method::POST, "/v1/responses", &headers, body.as_bytes()).await;
        assert_eq!(got.status, StatusCode::OK, "{}", got.text());
        got.header("x-prxy-modules").unwrap().rsplit(',').next().unwrap().to_owned()
    };
    let alone = "patterns;offered=0;left-alone=continued";
    assert_eq!(ask(PROBLEM, Some("resp_1"), REMEDY).await, alone);
    assert_eq!(ask(AGAIN, None, "ok").await, "patterns;offered=0");
    assert_eq!(ask(PROBLEM, None, REMEDY).await, "patterns;offered=0");
    assert_eq!(ask(AGAIN, Some("resp_1"), "ok").await, alone);
    assert_eq!(ask(&AGAIN.replace("Help", "Hello"), None, "ok").await, "patterns;offered=1");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_on_its_way_to_a_note_is_shared_with_nobody_else() {
    let bed = Bed::with(|config| {
        let global = ExactCache { scope: Sharing::Global, ..ExactCache::default() };
        config.pipeline.push(Module::ExactCache(global));
        config.pipeline.push(Module::Patterns(Patterns::default()));
        config.vault.tenant_by = TenantBy::Key;
    })
    .await;
    turn(&bed, "alice", &messages(PROBLEM), ANSWER).await;
    let bed = Arc::new(bed);
    let begun = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&begun);
    bed.mock.script(move |seen| {
        counter.fetch_add(1, Ordering::SeqCst);
        // Long enough for both to have asked.
        std::thread::sleep(Duration::from_millis(500));
        whole(if seen.text().contains(NOTE) { "As your notes say." } else { "Nobody knows." })
    });
    for (text, notes, asked) in [(AGAIN, true, 2), ("Why is the sky blue?", false, 1)] {
        let (before, mut asking) = (begun.load(Ordering::SeqCst), Vec::new());
        for (at, key) in ["alice", "bob"].into_iter().enumerate() {
            let body = messages(text);
            eventually("the first has asked", || begun.load(Ordering::SeqCst) >= before + at).await;
            let bed = Arc::clone(&bed);
            asking.push(tokio::spawn(async move { ask(&bed, key, &body).await }));
        }
        let mut answers = Vec::new();
        for one in asking {
            let got = one.await.unwrap();
            let shared = got.header("x-prxy-cache") == Some("shared");
            answers.push((got.text().contains("As your notes say."), shared));
        }
        let expected = vec![(notes, false), (false, asked == 1)];
        assert_eq!((answers, begun.load(Ordering::SeqCst)), (expected, before + asked), "{text}");
    }
}
