//! Clients with rules of their own, through gateway and broker.

use super::*;
use crate::client::sum;
use crate::config::Client;
use crate::redact::{Action, Label, Local, Rules};

const MAIL: &str = "ada@corp.example";

/// `desk` may send addresses anywhere, `near` to the local provider only; nobody else may at all.
async fn bed() -> Bed {
    Bed::with(|config| {
        let actions = |action| [(Label::new("EMAIL").unwrap(), action)].into();
        let rules = |action| Rules { actions: actions(action), ..Rules::default() };
        config.pipeline = vec![Module::Guardrails(Policy {
            system_inject: Note::Omit,
            actions: actions(Action::Block),
            clients: [
                ("desk".to_owned(), rules(Action::Allow)),
                ("near".to_owned(), rules(Action::RouteLocal)),
            ]
            .into(),
            local: Local { providers: vec!["lab".to_owned()], model: None },
            ..Policy::default()
        })];
        let client = |name: &str| Client {
            name: name.to_owned(),
            keys: vec![sum(format!("key-of-{name}").as_bytes())],
            ..Client::default()
        };
        config.clients = vec![client("desk"), client("near")];
        config.providers[2].addresses = Addresses::Fixed(vec![Ipv4Addr::LOCALHOST.into()]);
        config.providers[1].api = Api::Google;
        config.providers[1].key_name = None;
        config.providers[1].name = "google".to_owned();
    })
    .await
}

#[tokio::test]
async fn the_broker_knows_the_client_also_where_its_key_goes_no_further() {
    let bed = bed().await;
    let google = "/v1beta/models/m:generateContent?key=key-of-";
    let contents = format!(r#"{{"contents":[{{"role":"user","parts":[{{"text":"{MAIL}"}}]}}]}}"#);
    for (path, key, body, status, reason, sent) in [
        // Our own key replaces the client's.
        (
            "/keyed/v1/messages",
            "desk",
            messages(MAIL),
            200,
            "",
            Some(("x-api-key", "sk-own-keyed")),
        ),
        ("/keyed/v1/messages", "eve", messages(MAIL), 400, "blocked-label", None),
        ("/v1/messages", "desk", messages(MAIL), 200, "", Some(("x-api-key", "key-of-desk"))),
        // Its own key goes to nobody but the provider that it is for.
        ("/v1/messages", "near", messages(MAIL), 200, "", Some(("x-api-key", ""))),
        ("/v1/messages", "eve", messages(MAIL), 400, "blocked-label", None),
        (google, "desk", contents.clone(), 200, "", Some(("x-goog-api-key", "key-of-desk"))),
        (google, "eve", contents, 400, "blocked-label", None),
    ] {
        let key_of = format!("key-of-{key}");
        let (path, header) = match path == google {
            true => (format!("{path}{key}"), ("accept", "*/*")),
            false => (path.to_owned(), ("x-api-key", key_of.as_str())),
        };
        let before = bed.mock.seen().len();
        let headers = [("content-type", "application/json"), header];
        let got = bed.call(Method::POST, &path, &headers, body.as_bytes()).await;
        assert_eq!((got.status.as_u16(), got.reason()), (status, reason), "{path}: {}", got.text());
        assert_eq!(got.header("x-prxy-routed"), (key == "near").then_some("lab"), "{path}");
        let all = bed.mock.seen();
        let Some((name, value)) = sent else {
            assert_eq!(all.len(), before, "{path}");
            continue;
        };
        let seen = all.last().unwrap();
        assert!(all.len() == before + 1 && seen.text().contains(MAIL), "{path}: {}", seen.text());
        assert_eq!(seen.header(name).unwrap_or_default(), value, "{path}");
        assert_eq!(seen.header("x-prxy-caller"), None, "{path}");
    }
}

#[tokio::test]
async fn a_key_in_the_query_counts_also_beside_one_in_a_header() {
    let bed = bed().await;
    let path = "/v1beta/models/m:generateContent?key=key-of-desk";
    let body = format!(r#"{{"contents":[{{"role":"user","parts":[{{"text":"{MAIL}"}}]}}]}}"#);
    for (key, expected) in
        [("junk", (200, "")), ("key-of-desk", (200, "")), ("key-of-near", (400, "two-clients"))]
    {
        let headers = [("content-type", "application/json"), ("x-goog-api-key", key)];
        let got = bed.call(Method::POST, path, &headers, body.as_bytes()).await;
        assert_eq!((got.status.as_u16(), got.reason()), expected, "{key}: {}", got.text());
    }
    // To the provider goes what the header says, and that alone.
    let sent: Vec<_> =
        bed.mock.seen().iter().map(|it| it.header("x-goog-api-key").map(str::to_owned)).collect();
    assert_eq!(sent, ["junk", "key-of-desk"].map(|key| Some(key.to_owned())));
}

#[tokio::test]
async fn the_keys_of_two_clients_are_refused() {
    let bed = bed().await;
    let headers = [
        ("content-type", "application/json"),
        ("x-api-key", "key-of-desk"),
        ("authorization", "Bearer key-of-near"),
    ];
    let got = bed.call(Method::POST, "/v1/messages", &headers, messages("hi").as_bytes()).await;
    assert_eq!((got.status.as_u16(), got.reason()), (400, "two-clients"), "{}", got.text());
    assert!(!got.text().contains("key-of"), "{}", got.text());
    assert!(bed.mock.seen().is_empty());
}
