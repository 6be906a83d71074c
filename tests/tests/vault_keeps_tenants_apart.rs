//! With `vault.tenant_by: key`, nobody gets the original behind another one's placeholder.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use std::fs;
use std::process::Command;

use prxy_tests::daemon;
use prxy_tests::http::{self, Answer};
use prxy_tests::provider::wire::last_user_text;
use prxy_tests::provider::{Format, Reply, Script};
use prxy_tests::reader;
use prxy_tests::samples::{self, Delivery};
use prxy_tests::scene::{Scene, Setting, call};

fn by_key() -> Setting {
    Setting { extra: "vault: { tenant_by: key }".into(), ..Setting::default() }
}

/// Asks with a header of one's own in place of the usual key.
fn ask(scene: &Scene, key: (&str, &str), text: &str, delivery: Delivery) -> Answer {
    let mut body = samples::ask(Format::Anthropic, text, delivery);
    if text == REMIND {
        // Of something that the provider keeps: all the vault has may come back.
        body["conversation"] = "c".into();
    }
    let body = body.to_string();
    let headers = [("content-type", "application/json"), key];
    let bytes = http::request("POST", samples::path(Format::Anthropic), &headers, body.as_bytes());
    call(scene.app(), scene.daemon().unwrap().address, bytes).unwrap()
}

/// What the provider gets.
fn sent(scene: &Scene, key: (&str, &str), text: &str) -> String {
    scene.anthropic.script(Script::default());
    let answer = ask(scene, key, text, Delivery::Whole);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(reader::whole(Format::Anthropic, &answer.body).unwrap().text, text);
    last_user_text(&scene.anthropic.last().unwrap().json().unwrap())
}

/// What the client gets when the provider says `text`, whole and streamed.
fn told(scene: &Scene, key: (&str, &str), text: &str) -> String {
    scene.anthropic.script(Script::reply(Reply::Text(text.to_owned())));
    let answer = ask(scene, key, REMIND, Delivery::Whole);
    let whole = reader::whole(Format::Anthropic, &answer.body).unwrap().text;
    let answer = ask(scene, key, REMIND, Delivery::Streamed);
    assert_eq!(reader::stream(Format::Anthropic, &answer.body).unwrap().text, whole);
    whole
}

const REMIND: &str = "and now?";
const ADA: (&str, &str) = ("x-api-key", "key-of-ada");
const BOB: (&str, &str) = ("authorization", "Bearer key-of-bob");
const EVE: (&str, &str) = ("x-api-key", "key-of-eve");
/// Every form in which a placeholder is restored.
const GUESSES: &str =
    "<EMAIL_1> <email_1> &lt;EMAIL_1&gt; EMAIL_1 <EMAIL_1_2> <EMAIL_2> <EMAIL_1's>";

#[test]
fn neither_tenant_restores_what_the_other_has_masked() {
    let mut scene = Scene::start_with(&by_key()).unwrap();
    // The first requests, which looked for the routes, brought no values.
    assert_eq!(sent(&scene, ADA, "ada@x-mail.com"), "<EMAIL_1>");
    assert_eq!(sent(&scene, BOB, "bob@x-mail.com, BOB@x-mail.com"), "<EMAIL_1>, <EMAIL_1_2>");
    for restarted in [false, true] {
        if restarted {
            scene.stop().unwrap();
            scene.launch(&by_key()).unwrap();
            scene.wait_for_routes().unwrap();
        }
        assert_eq!(
            told(&scene, ADA, GUESSES),
            "ada@x-mail.com ada@x-mail.com ada@x-mail.com ada@x-mail.com <EMAIL_1_2> <EMAIL_2> ada@x-mail.com's"
        );
        assert_eq!(told(&scene, BOB, "<EMAIL_1> <EMAIL_1_2>"), "bob@x-mail.com BOB@x-mail.com");
        assert_eq!(told(&scene, EVE, GUESSES), GUESSES);
        // The same key in another header is the same client.
        let ada = ("authorization", "Bearer key-of-ada");
        assert_eq!(told(&scene, ada, "<EMAIL_1>"), "ada@x-mail.com");
        // Whoever masks the same value learns nothing of the other's numbers.
        assert_eq!(sent(&scene, ADA, "ada@x-mail.com"), "<EMAIL_1>");
    }
    assert_eq!(sent(&scene, EVE, "ada@x-mail.com"), "<EMAIL_1>");
    assert_eq!(sent(&scene, BOB, "ada@x-mail.com"), "<EMAIL_2>");
}

#[test]
fn without_tenants_the_same_guess_is_restored() {
    let scene = Scene::start().unwrap();
    assert_eq!(sent(&scene, ADA, "ada@x-mail.com"), "<EMAIL_1>");
    assert_eq!(told(&scene, EVE, "<EMAIL_1>"), "ada@x-mail.com");
    assert_eq!(sent(&scene, BOB, "bob@x-mail.com"), "<EMAIL_2>");
}

#[test]
fn who_brings_no_key_is_refused_and_nothing_is_sent() {
    let scene = Scene::start_with(&by_key()).unwrap();
    for header in [("x-other", "x"), ("x-api-key", ""), ("authorization", "Bearer ")] {
        let answer = ask(&scene, header, "ada@x-mail.com", Delivery::Whole);
        assert_eq!(
            (answer.status, answer.head.header("x-prxy-error")),
            (401, Some("no-client-key")),
            "{header:?}"
        );
    }
    assert_eq!(scene.anthropic.requests().len(), 0);
}

#[test]
fn the_vault_names_tenants_and_holds_no_key() {
    let mut scene = Scene::start_with(&by_key()).unwrap();
    sent(&scene, ADA, "ada@x-mail.com");
    sent(&scene, BOB, "bob@x-mail.com");
    let run = |words: &[&str]| {
        let mut command = Command::new(daemon::binary().unwrap());
        let output = command.args(words).arg("--data-dir").arg(scene.data()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let listed: serde_json::Value =
        serde_json::from_str(&run(&["vault", "list", "--json"])).unwrap();
    let mut tenants: Vec<&str> = Vec::new();
    for row in listed.as_array().unwrap() {
        assert_eq!(row["placeholder"], "<EMAIL_1>");
        assert_eq!(row.get("value"), None);
        tenants.push(row["tenant"].as_str().unwrap());
    }
    assert!(tenants.len() == 2 && tenants[0] != tenants[1], "{tenants:?}");
    let values: Vec<String> = tenants
        .iter()
        .map(|tenant| run(&["vault", "show", "EMAIL_1", "--values", "--tenant", &tenant[..8]]))
        .collect();
    let holds = |name: &str| values.iter().filter(|value| value.contains(name)).count();
    assert_eq!((holds("ada@x-mail.com"), holds("bob@x-mail.com")), (1, 1), "{values:?}");
    scene.stop().unwrap();
    for entry in fs::read_dir(scene.data().join("state")).unwrap().flatten() {
        let bytes = fs::read(entry.path()).unwrap();
        let key = bytes.windows(7).any(|bytes| bytes == b"key-of-");
        assert!(!key, "{} holds a key", entry.path().display());
    }
}

#[test]
fn a_client_with_a_name_keeps_its_vault_when_its_key_changes() {
    // printf %s key-of-ann | sha256sum, and of key-of-bob
    let sums = [
        "ca64daa8b294dc4835d29ca02a6a47427ebc6a225ea3ac2e15f8417fb6601db2",
        "808a1d81b5de08d72083995df738947d519d230a20c236003268f0f4b65ee475",
    ];
    let setting = |sums: &[&str]| {
        let clients = format!("clients: {{ team: {{ key_sha256: ['{}'] }} }}", sums.join("', '"));
        Setting { extra: format!("vault: {{ tenant_by: key }}\n{clients}\n"), ..Setting::default() }
    };
    let mut scene = Scene::start_with(&setting(&sums)).unwrap();
    let ann = ("x-api-key", "key-of-ann");
    assert_eq!(sent(&scene, ann, "ann@x-mail.com"), "<EMAIL_1>");
    // The other key of the same client; nobody else, not even by what the tenant is called.
    assert_eq!(told(&scene, BOB, "<EMAIL_1>"), "ann@x-mail.com");
    assert_eq!(sent(&scene, BOB, "ann@x-mail.com, bob@x-mail.com"), "<EMAIL_1>, <EMAIL_2>");
    for other in [ADA, EVE, ("x-api-key", "client:team"), ("x-api-key", "team")] {
        assert_eq!(told(&scene, other, GUESSES), GUESSES, "{other:?}");
    }
    // The first key is given up: it is nobody's now, and has a vault of its own.
    scene.stop().unwrap();
    scene.launch(&setting(&sums[1..])).unwrap();
    scene.wait_for_routes().unwrap();
    assert_eq!(told(&scene, BOB, "<EMAIL_1> <EMAIL_2>"), "ann@x-mail.com bob@x-mail.com");
    assert_eq!(told(&scene, ann, GUESSES), GUESSES);
    let mut command = Command::new(daemon::binary().unwrap());
    let listed = command.args(["vault", "list", "--tenant", "client:team", "--data-dir"]);
    let listed = listed.arg(scene.data()).output().unwrap();
    assert!(String::from_utf8_lossy(&listed.stdout).contains("<EMAIL_2>"), "{listed:?}");
}
