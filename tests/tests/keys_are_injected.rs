//! A provider key of the daemon's own takes the place of the client's; without one, the client's own
//! credential is passed on. Neither shows up where it does not belong.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use prxy_tests::http::request;
use prxy_tests::provider::Format;
use prxy_tests::samples::{self, Delivery};
use prxy_tests::scene::{Scene, Setting};

const KEY: &str = "the-daemons-own-key-4711";

/// The credential headers that a client sends, and those that the provider must see.
type Case = (Format, (&'static str, &'static str), Vec<(&'static str, String)>);

fn cases(own: Option<&str>) -> Vec<Case> {
    let bearer = |key: &str| format!("Bearer {key}");
    let key = own.unwrap_or("clients");
    vec![
        (Format::Anthropic, ("x-api-key", "clients"), vec![("x-api-key", key.into())]),
        (
            Format::Anthropic,
            ("authorization", "Bearer clients"),
            match own {
                Some(own) => vec![("x-api-key", own.into())],
                None => vec![("authorization", bearer("clients"))],
            },
        ),
        (Format::OpenAi, ("authorization", "Bearer clients"), vec![("authorization", bearer(key))]),
    ]
}

#[track_caller]
fn check(scene: &Scene, own: Option<&str>) {
    for (format, sent, expected) in cases(own) {
        let body = samples::ask(format, "hello", Delivery::Whole).to_string();
        let headers = [("content-type", "application/json"), sent];
        let bytes = request("POST", samples::path(format), &headers, body.as_bytes());
        assert_eq!(scene.send(bytes).unwrap().status, 200, "{format:?} {sent:?}");
        let head = scene.provider(format).last().unwrap().head;
        let credentials: Vec<_> = head
            .headers
            .iter()
            .filter(|(name, _)| name == "x-api-key" || name == "authorization")
            .map(|(name, value)| (name.as_str(), value.clone()))
            .collect();
        assert_eq!(credentials, expected, "{format:?} {sent:?}");
    }
}

#[test]
fn the_daemons_key_replaces_the_clients() {
    let env = ["ANTHROPIC_API_KEY", "OPENAI_API_KEY"].map(|n| (n.to_owned(), KEY.to_owned()));
    let setting = Setting { env: env.to_vec(), ..Setting::default() };
    let mut scene = Scene::start_with(&setting).unwrap();
    check(&scene, Some(KEY));
    // Only the broker, which injects it, may know it; and it is nowhere on disk or in the log.
    for (name, role) in scene.daemon().unwrap().roles().unwrap() {
        for pid in role.pids.iter().filter(|_| name != "broker" && name != "warden") {
            let environ = std::fs::read(format!("/proc/{pid}/environ")).unwrap();
            let holds = environ.windows(KEY.len()).any(|w| w == KEY.as_bytes());
            assert!(!holds, "{name} has the key in its environment");
        }
    }
    assert!(!scene.daemon().unwrap().log().join("\n").contains(KEY));
    scene.stop().unwrap();
}

#[test]
fn without_one_the_clients_own_is_passed_on() {
    let scene = Scene::start().unwrap();
    check(&scene, None);
}
