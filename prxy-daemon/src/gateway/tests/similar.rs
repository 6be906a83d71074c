//! The semantic cache.

use super::caches::{ask, ask_with, asked, cached, ended, said, streamed};
use super::*;
use crate::config::{SemanticCache, Sharing, TenantBy};

async fn bed(options: SemanticCache) -> Bed {
    Bed::with(|config| {
        config.pipeline.push(Module::SemanticCache(options));
        config.vault.tenant_by = TenantBy::Key;
    })
    .await
}

fn global() -> SemanticCache {
    SemanticCache { scope: Sharing::Global, ..SemanticCache::default() }
}

/// Asks, and checks what the cache made of it.
async fn check(bed: &Bed, body: &str, expected: &str) {
    let got = ask(bed, "key-1", body).await;
    assert_eq!(cached(&got), expected, "{body}");
}

/// `asked(text)` with further members.
fn with(text: &str, members: serde_json::Value) -> String {
    let mut body: serde_json::Value = serde_json::from_str(&asked(text, false)).unwrap();
    for (key, value) in members.as_object().unwrap() {
        body[key] = value.clone();
    }
    body.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_in_other_words_is_answered_without_the_provider() {
    let bed = bed(SemanticCache::default()).await;
    bed.mock.script(|_| ended("Ask <EMAIL_1>."));
    let first = asked("How do I enable 2FA for ada@corp.example?", false);
    check(&bed, &first, "miss").await;
    let other =
        asked("Hi! Could you tell me how to turn on 2fa for ada@corp.example, please?", false);
    let got = ask(&bed, "key-1", &other).await;
    assert_eq!(cached(&got), "semantic-cache");
    assert_eq!(
        got.header("x-prxy-modules"),
        Some("airgap,guardrails,semantic-cache;similarity=1.00")
    );
    assert_eq!(got.json()["content"][0]["text"], "Ask ada@corp.example.");
    assert_eq!(bed.mock.seen().len(), 1);
    for near in [
        "How do I disable 2FA for ada@corp.example?",
        "How do I turn 2FA off for ada@corp.example?",
        "How do I not enable 2FA for ada@corp.example?",
        "Why do I enable 2FA for ada@corp.example?",
        "How do I enable 2FA for ada@corp.example and bob@corp.example?",
        "How do I enable 2FA?",
        "How do I enable 3FA for ada@corp.example?",
    ] {
        check(&bed, &asked(near, false), "miss").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_a_request_but_its_question_must_be_the_same() {
    let bed = bed(global()).await;
    bed.mock.script(|_| ended("so"));
    let (first, again) = ("How do I boil an egg?", "how can I boil an egg");
    check(&bed, &asked(first, false), "miss").await;
    check(&bed, &asked(again, false), "semantic-cache").await;
    for other in [
        serde_json::json!({ "model": "claude-y" }),
        serde_json::json!({ "system": "Talk like a pirate." }),
        serde_json::json!({ "max_tokens": 10 }),
        serde_json::json!({ "temperature": 0.1 }),
        serde_json::json!({ "stop_sequences": ["x"] }),
    ] {
        check(&bed, &with(again, other.clone()), "miss").await;
        check(&bed, &with(first, other), "semantic-cache").await;
    }
    let beta = [("anthropic-beta", "fine-grained")];
    assert_eq!(cached(&ask_with(&bed, "key-1", &beta, &asked(again, false)).await), "miss");
    assert_eq!(cached(&ask(&bed, "key-2", &asked(again, false)).await), "semantic-cache");
    for (wish, expected) in [("no-store", "bypass"), ("no-cache", "miss")] {
        let wish = [("cache-control", wish)];
        assert_eq!(cached(&ask_with(&bed, "key-1", &wish, &asked(again, false)).await), expected);
    }
    let without = [("x-prxy-pipe", "")];
    let got = ask_with(&bed, "key-1", &without, &asked(again, false)).await;
    assert_eq!(got.header("x-prxy-cache"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_tenant_is_asked_for_anew() {
    let bed = bed(SemanticCache::default()).await;
    bed.mock.script(|_| ended("so"));
    let body = asked("How do I boil an egg?", false);
    check(&bed, &body, "miss").await;
    assert_eq!(cached(&ask(&bed, "key-2", &body).await), "miss");
    check(&bed, &body, "semantic-cache").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_users_share_an_answer_and_see_their_own_names() {
    let bed = bed(global()).await;
    bed.mock.script(|seen| {
        let said: serde_json::Value = serde_json::from_slice(&seen.body).unwrap();
        let text = said["messages"][0]["content"].as_str().unwrap();
        let names: Vec<_> = text.split(['<', '>']).skip(1).step_by(2).collect();
        let pieces = ["To <", names[0], ">, not <", names.last().unwrap(), ">."];
        match seen.text().contains("\"stream\"") {
            true => Play::events(streamed(&pieces)),
            false => ended(&pieces.concat()),
        }
    });
    // So that the second user's numbers are others.
    ask(&bed, "key-2", &asked("x@y.example one@y.example two@y.example", false)).await;
    for stream in [false, true] {
        let how = if stream { "to" } else { "for" };
        let first = format!("How do I write {how} ada@corp.example about bob@corp.example?");
        let second = format!("how can i write {how} two@y.example about cyd@firm.example");
        let twice = format!("how can i write {how} two@y.example about two@y.example");
        let first = ask(&bed, "key-1", &asked(&first, stream)).await;
        assert_eq!(cached(&first), "miss");
        let second = ask(&bed, "key-2", &asked(&second, stream)).await;
        assert_eq!(cached(&second), "semantic-cache");
        let text = |got: &Got| match stream {
            true => said(got.text()).0,
            false => got.json()["content"][0]["text"].as_str().unwrap().to_owned(),
        };
        assert_eq!(text(&first), "To ada@corp.example, not bob@corp.example.");
        assert_eq!(text(&second), "To two@y.example, not cyd@firm.example.");
        assert!(!second.text().contains("corp.example"));
        assert_eq!(cached(&ask(&bed, "key-2", &asked(&twice, stream)).await), "miss");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_count_over_the_whole_request() {
    let bed = bed(global()).await;
    bed.mock.script(|_| ended("so"));
    let body = |key: &str, boss: &str| {
        let text = format!("How do I write to {key}@corp.example?");
        with(&text, serde_json::json!({ "system": format!("The boss is {boss}@corp.example.") }))
    };
    check(&bed, &body("ada", "ada"), "miss").await;
    check(&bed, &body("bob", "ada"), "miss").await;
    check(&bed, &body("cyd", "cyd"), "semantic-cache").await;
    check(&bed, &body("cyd", "dan"), "semantic-cache").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_single_question_in_words_is_looked_for() {
    let text = "How do I boil an egg?";
    let user =
        |content: serde_json::Value| serde_json::json!({ "role": "user", "content": content });
    let parts = |more: serde_json::Value| serde_json::json!({ "messages": [user(serde_json::json!([{ "type": "text", "text": text }, more]))] });
    let result = serde_json::json!({ "type": "tool_result", "tool_use_id": "t", "content": "x" });
    let tool =
        serde_json::json!({ "tools": [{ "name": "look", "input_schema": { "type": "object" } }] });
    let turns = serde_json::json!({ "messages": [
        user("Hello".into()), { "role": "assistant", "content": "Yes?" }, user(text.into()),
    ] });
    let prefilled = serde_json::json!({ "messages": [
        user(text.into()), { "role": "assistant", "content": "First" },
    ] });
    for multi_turn in [false, true] {
        let bed = bed(SemanticCache { multi_turn, ..SemanticCache::default() }).await;
        bed.mock.script(|_| ended("so"));
        for (members, expected) in [
            (serde_json::json!({}), "miss"),
            (serde_json::json!({ "temperature": 0.3 }), "miss"),
            (serde_json::json!({ "temperature": 0.31 }), "bypass"),
            (serde_json::json!({ "tools": [] }), "miss"),
            (tool.clone(), "bypass"),
            (parts(result.clone()), "bypass"),
            (parts(serde_json::json!({ "type": "text", "text": "More." })), "bypass"),
            (prefilled.clone(), "bypass"),
            (turns.clone(), if multi_turn { "miss" } else { "bypass" }),
        ] {
            check(&bed, &with(text, members), expected).await;
        }
        // The control: the same conversation, with the question in other words.
        let again = with("", turns.clone()).replace("How do I", "How can I");
        check(&bed, &again, if multi_turn { "semantic-cache" } else { "bypass" }).await;
        let elsewhere = again.replace("Yes?", "No.");
        check(&bed, &elsewhere, if multi_turn { "miss" } else { "bypass" }).await;
    }
}
