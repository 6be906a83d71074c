//! A local model, once installed, decides in the sandbox which questions are alike.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use prxy_tests::daemon::binary;
use prxy_tests::http;
use prxy_tests::provider::Format;
use prxy_tests::samples::{self, Delivery};
use prxy_tests::scene::{Scene, Setting, call};
use serde_json::{Value, json};

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

/// Whether the answer was known, and what else the modules say.
fn told(scene: &Scene, text: &str) -> (String, String) {
    let body = samples::ask(Format::Anthropic, text, Delivery::Whole).to_string();
    let headers = [("content-type", "application/json"), ("x-api-key", "ada")];
    let path = samples::path(Format::Anthropic);
    let bytes = http::request("POST", path, &headers, body.as_bytes());
    let answer = call(scene.app(), scene.daemon().unwrap().address, bytes).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    let header = |name: &str| answer.head.header(name).unwrap_or("none").to_owned();
    (header("x-prxy-cache"), header("x-prxy-modules"))
}

#[test]
fn an_installed_model_compares_meanings_in_the_sandbox() {
    let Some(dir) = model() else { return };
    let mut scene = Scene::empty().unwrap();
    let added = prxy(&scene, &["model", "add", dir.to_str().unwrap(), "--json"]);
    assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
    let expected = json!({ "name": "minilm", "dimensions": 384, "sha256": SHA256 });
    assert_eq!(serde_json::from_slice::<Value>(&added.stdout).unwrap(), expected);
    // The offline embedder sees only that the guard let both pass; the model sees how near they are.
    for (extra, similarity, far) in
        [("", "similarity=1.00", "semantic-cache"), (LOCAL, NEAR, "miss")]
    {
        scene.launch(&setting(extra)).unwrap();
        scene.wait_for_routes().unwrap();
        assert_eq!(told(&scene, ASKED).0, "miss", "{extra}");
        let (cached, modules) = told(&scene, ALIKE);
        assert_eq!(cached, "semantic-cache", "{extra}");
        assert!(modules.contains(similarity), "{extra}: {modules}");
        assert_eq!(told(&scene, FAR).0, far, "{extra}");
        assert_eq!(told(&scene, OPPOSITE).0, "miss", "{extra}");
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

const SHA256: &str = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db";
const ASKED: &str = "how to turn on 2FA";
const ALIKE: &str = "Hi, could you please tell me how to turn on 2FA? Thanks!";
const NEAR: &str = "similarity=0.96";
const FAR: &str = "How do I enable 2FA?";
const OPPOSITE: &str = "How do I disable 2FA?";
