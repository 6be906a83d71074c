//! Embeddings that a provider makes: over the broker, masked, or not at all.

use super::caches::{ask, asked, cached, ended};
use super::*;
use crate::config::{Embeddings, SemanticCache, TenantBy};

async fn bed(change: impl FnOnce(&mut Config)) -> Bed {
    Bed::with(|config| {
        config.pipeline.push(Module::SemanticCache(SemanticCache::default()));
        config.vault.tenant_by = TenantBy::Key;
        let (via, model) = ("openai".to_owned(), "text-embedding-3-small".to_owned());
        config.embeddings = Embeddings::Network { via, model, fallback: None };
        change(config);
    })
    .await
}

/// Answers questions, and makes `embedding` of every text.
fn service(bed: &Bed, embedding: &'static str) {
    bed.mock.script(move |seen| match seen.uri.as_str() {
        "/v1/embeddings" if embedding.is_empty() => {
            Play::new(500, "application/json", vec![Bytes::from_static(b"{}")])
        }
        "/v1/embeddings" => Play::json(&format!(r#"{{"data":[{{"embedding":{embedding}}}]}}"#)),
        _ => ended("Ask <EMAIL_1>."),
    });
}

const FIRST: &str = "How do I enable 2FA for ada@corp.example?";
const AGAIN: &str = "Could you tell me how to turn on 2fa for ada@corp.example, please?";

async fn check(bed: &Bed, text: &str, expected: &str) {
    let got = ask(bed, "key-1", &asked(text, false)).await;
    assert_eq!(cached(&got), expected, "{text}");
    assert_eq!(got.json()["content"][0]["text"], "Ask ada@corp.example.");
}

fn embedded(bed: &Bed) -> Vec<mock::Seen> {
    bed.mock.seen().into_iter().filter(|seen| seen.uri == "/v1/embeddings").collect()
}

async fn told(bed: &Bed) -> serde_json::Value {
    bed.call(Method::GET, "/v1/pipeline", &[], b"").await.json()["embeddings"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_makes_vectors_of_masked_text_with_its_own_key() {
    let bed = bed(|_| {}).await;
    service(&bed, "[1,0]");
    check(&bed, FIRST, "miss").await;
    check(&bed, AGAIN, "semantic-cache").await;
    // Another vector is no likeness, whatever the words say.
    service(&bed, "[0,1]");
    check(&bed, FIRST, "miss").await;
    let seen = embedded(&bed);
    assert_eq!(seen.len(), 3);
    assert_eq!(seen[0].headers["authorization"], "Bearer sk-own-openai");
    let body =
        r#"{"model":"text-embedding-3-small","input":["How do I enable 2FA for EMAIL:0:0?"]}"#;
    assert_eq!(seen[0].text(), body);
    let expected = serde_json::json!({ "embedder": "openai/text-embedding-3-small" });
    assert_eq!(told(&bed).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_fails_is_left_alone_and_the_question_is_answered() {
    let bed = bed(|_| {}).await;
    service(&bed, "");
    check(&bed, FIRST, "bypass").await;
    check(&bed, AGAIN, "bypass").await;
    assert_eq!(embedded(&bed).len(), 1);
    let answered = bed.mock.seen().len() - 1;
    assert_eq!(answered, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_airgap_has_no_place_for_it_nothing_is_asked_of_it() {
    let bed = bed(|config| {
        config.providers[1].host = Host::Name("embeddings.test".to_owned());
        config.pipeline[0] = Module::Airgap {
            allowed_hosts: vec![HOST.to_owned()],
            on_violation: OnViolation::LogOnly,
        };
    })
    .await;
    service(&bed, "[1,0]");
    check(&bed, FIRST, "miss").await;
    check(&bed, AGAIN, "semantic-cache").await;
    assert_eq!(embedded(&bed).len(), 0);
    let told = told(&bed).await;
    assert_eq!(told["embedder"], "offline-1");
    assert_eq!(told["instead"], "the airgap does not allow the host of the configured one");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_configuration_asks_another_model() {
    let bed = bed(|_| {}).await;
    service(&bed, "[1,0]");
    check(&bed, FIRST, "miss").await;
    let mut next = bed.config.clone();
    let (via, model) = ("openai".to_owned(), "other".to_owned());
    next.embeddings = Embeddings::Network { via, model, fallback: None };
    let bundles = Bundles::read(&next).unwrap();
    let built = broker::Config::build(&next, 2, &bundles, &bed.kept).unwrap();
    bed.behind.commit(bed.behind.prepare(built));
    bed.gateway.commit(bed.gateway.prepare(&next, 2).unwrap());
    check(&bed, AGAIN, "miss").await;
    assert_eq!(embedded(&bed).len(), 2);
    assert!(embedded(&bed)[1].text().contains(r#""model":"other""#));
}
