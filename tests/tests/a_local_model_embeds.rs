//! A local model, once installed, decides in the sandbox which questions are alike.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use prxy_tests::daemon::binary;
use prxy_tests::http;
use prxy_tests::provider::Format;
use prxy_tests::samples::{self, Delivery};
use prxy_tests::scene::{Scene, Setting, call};

const LOCAL: &str = "embeddings: { provider: local, model: minilm }";

/// What `cargo xtask model` fetches; without it, and without CI, a word on why nothing is tested.
fn model() -> Option<PathBuf> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = target.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"));
    let dir = target.join("model/minilm");
    if dir.is_dir() {
        return Some(dir);
    }
    assert!(std::env::var_os("CI").is_none(), "no model in {}", dir.display());
    eprintln!("SKIPPED: no model in {}: run `cargo xtask model`", dir.display());
    None
}

fn prxy(scene: &Scene, words: &[&str]) -> Output {
    let mut command = Command::new(binary().unwrap());
    command.args(words).arg("--data-dir").arg(scene.data()).output().unwrap()
}

fn setting(extra: &str) -> Setting {
    let pipeline = "[{ airgap: {} }, { guardrails: {} }, { semantic-cache: {} }]".into();
    Setting { pipeline, extra: extra.into(), ..Setting::default() }
}

fn cached(scene: &Scene, text: &str) -> String {
    let body = samples::ask(Format::Anthropic, text, Delivery::Whole).to_string();
    let headers = [("content-type", "application/json"), ("x-api-key", "ada")];
    let path = samples::path(Format::Anthropic);
    let bytes = http::request("POST", path, &headers, body.as_bytes());
    let answer = call(scene.app(), scene.daemon().unwrap().address, bytes).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.header("x-prxy-cache").unwrap_or("none").to_owned()
}

#[test]
fn an_installed_model_finds_alike_what_is_spelled_otherwise() {
    let Some(dir) = model() else { return };
    let mut scene = Scene::empty().unwrap();
    let added = prxy(&scene, &["model", "add", dir.to_str().unwrap(), "--json"]);
    assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
    let expected = "{\"name\":\"minilm\",\"dimensions\":384,\"sha256\":\"53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db\"}\n";
    assert_eq!(String::from_utf8(added.stdout).unwrap(), expected);
    for (extra, alike) in [("", "miss"), (LOCAL, "semantic-cache")] {
        scene.launch(&setting(extra)).unwrap();
        scene.wait_for_routes().unwrap();
        assert_eq!(cached(&scene, ASKED), "miss", "{extra}");
        assert_eq!(cached(&scene, ALIKE), alike, "{extra}");
        assert_eq!(cached(&scene, OPPOSITE), "miss", "{extra}");
        scene.stop().unwrap();
    }
    let removed = prxy(&scene, &["model", "remove", "minilm"]);
    assert!(removed.status.success(), "{}", String::from_utf8_lossy(&removed.stderr));
    assert_eq!(prxy(&scene, &["model", "show"]).stdout, b"no model is installed\n");
}

#[test]
fn without_the_configured_model_nothing_starts() {
    let scene = Scene::empty().unwrap();
    let refused = scene.refusal(&scene.config(&setting(LOCAL)), &[]).unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("there is no model \"minilm\""), "{said}");
    assert!(said.contains("prxy model add"), "{said}");
}

const ASKED: &str = "How do I enable 2FA?";
const ALIKE: &str = "How can I turn on two-factor authentication?";
const OPPOSITE: &str = "How do I disable 2FA?";
