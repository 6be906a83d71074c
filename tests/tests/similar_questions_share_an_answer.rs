//! With `semantic-cache`, a question in other words is answered again, and one that means something
//! else never is.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use prxy_tests::http::{self, Answer};
use prxy_tests::provider::{Format, Reply, Script};
use prxy_tests::reader;
use prxy_tests::samples::{self, Delivery};
use prxy_tests::scene::{Scene, Setting, call};

fn setting() -> Setting {
    Setting {
        pipeline: "[{ airgap: {} }, { guardrails: {} }, { semantic-cache: { scope: global } }]"
            .into(),
        extra: "vault: { tenant_by: key }".into(),
        ..Setting::default()
    }
}

fn ask(scene: &Scene, format: Format, key: &str, text: &str, delivery: Delivery) -> Answer {
    let body = samples::ask(format, text, delivery).to_string();
    let headers = [("content-type", "application/json"), ("x-api-key", key)];
    let bytes = http::request("POST", samples::path(format), &headers, body.as_bytes());
    let answer = call(scene.app(), scene.daemon().unwrap().address, bytes).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer
}

/// What the cache made of it, and the text of the answer.
fn told(
    scene: &Scene,
    format: Format,
    key: &str,
    text: &str,
    delivery: Delivery,
) -> (String, String) {
    let answer = ask(scene, format, key, text, delivery);
    let read = match delivery {
        Delivery::Whole => reader::whole(format, &answer.body),
        Delivery::Streamed => reader::stream(format, &answer.body),
    };
    (answer.head.header("x-prxy-cache").unwrap_or("none").to_owned(), read.unwrap().text)
}

#[test]
fn other_words_share_an_answer_and_another_meaning_never_does() {
    let mut scene = Scene::start_with(&setting()).unwrap();
    for format in [Format::Anthropic, Format::OpenAi] {
        let provider = match format {
            Format::Anthropic => &scene.anthropic,
            _ => &scene.openai,
        };
        provider.script(Script::reply(Reply::Text("Ask <EMAIL_1>.".to_owned())));
        let say = |key: &str, text: &str, delivery| told(&scene, format, key, text, delivery);
        let expect = |word: &str, who: &str| (word.to_owned(), format!("Ask {who}."));
        let first = say("ada", "How do I enable 2FA for ada@x-mail.com?", Delivery::Whole);
        assert_eq!(first, expect("miss", "ada@x-mail.com"));
        for delivery in [Delivery::Whole, Delivery::Streamed] {
            let text =
                "Hi, could you please tell me how to turn on 2FA for bob@x-mail.com? Thanks!";
            assert_eq!(say("bob", text, delivery), expect("semantic-cache", "bob@x-mail.com"));
        }
        assert_eq!(provider.requests().len(), 1);
        for near in ["disable", "not enable", "never enable", "avoid"] {
            let text = format!("How do I {near} 2FA for ada@x-mail.com?");
            assert_eq!(say("ada", &text, Delivery::Whole).0, "miss", "{text}");
        }
        assert_eq!(provider.requests().len(), 5);
    }
    scene.stop().unwrap();
    scene.launch(&setting()).unwrap();
    scene.wait_for_routes().unwrap();
    let text = "how can I enable 2FA for cyd@x-mail.com";
    let again = told(&scene, Format::Anthropic, "cyd", text, Delivery::Whole);
    assert_eq!(again, ("semantic-cache".to_owned(), "Ask cyd@x-mail.com.".to_owned()));
    assert!(scene.anthropic.requests().is_empty());
}

#[test]
fn without_the_module_every_question_is_asked() {
    let scene = Scene::start().unwrap();
    for text in ["How do I boil an egg?", "how can I boil an egg"] {
        let (word, _) = told(&scene, Format::Anthropic, "ada", text, Delivery::Whole);
        assert_eq!(word, "none");
    }
    assert_eq!(scene.anthropic.requests().len(), 2);
}

#[test]
fn a_service_compares_questions_over_the_broker_and_sees_them_masked() {
    let network = "embeddings: { provider: network, via: openai, model: voyage-3.5 }";
    let mut setting = setting();
    setting.extra = format!("{}\n{network}", setting.extra);
    setting.env = vec![("OPENAI_API_KEY".to_owned(), "sk-own".to_owned())];
    let scene = Scene::start_with(&setting).unwrap();
    scene.anthropic.script(Script::reply(Reply::Text("Ask <EMAIL_1>.".to_owned())));
    let say = |text: &str| told(&scene, Format::Anthropic, "ada", text, Delivery::Whole).0;
    assert_eq!(say("How do I enable 2FA for ada@x-mail.com?"), "miss");
    assert_eq!(say("Could you tell me how to turn on 2FA for ada@x-mail.com?"), "semantic-cache");
    assert_eq!(say("How do I disable 2FA for ada@x-mail.com?"), "miss");
    let asked = scene.openai.requests();
    let texts: Vec<_> =
        asked.iter().map(|one| String::from_utf8_lossy(&one.body).into_owned()).collect();
    assert_eq!(texts.len(), 3, "{texts:?}");
    assert!(texts[0].contains("How do I enable 2FA for EMAIL:0:0?"), "{texts:?}");
    assert!(!texts.concat().contains("ada@"), "{texts:?}");
    assert!(asked.iter().all(|one| {
        one.head.header("authorization") == Some("Bearer sk-own")
            && one.head.first.starts_with("POST /v1/embeddings ")
    }));
}
