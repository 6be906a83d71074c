//! The SDKs that Anthropic and OpenAI publish work unchanged: what they send is masked, what they
//! return is restored, and what is refused arrives as their own exception, asked once.
//!
//! They are installed at pinned versions into the target folder. Without Python, its `venv` module
//! or a package index this fails; it never skips.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::fcntl::{Flock, FlockArg};
use prxy_tests::provider::{Brackets, Format, Recorded, Script, Split};
use prxy_tests::samples::{HARMLESS, PERSONAL, TICKET, secrets};
use prxy_tests::scene::Scene;
use serde_json::{Value, json};

const SDKS: [(Format, &str); 2] = [(Format::Anthropic, "anthropic"), (Format::OpenAi, "openai")];

#[test]
fn the_sdks_see_originals_and_the_provider_placeholders() {
    let (python, scene) = (python(), Scene::start().unwrap());
    for (format, sdk) in SDKS {
        let got = ask(&python, &scene, sdk, "echo", TICKET);
        for (call, text) in got["texts"].as_array().unwrap().iter().enumerate() {
            assert_eq!(text, TICKET, "{sdk}, call {call}");
        }
        let labels =
            ["CREDIT_CARD", "EMAIL", "IBAN", "IP_ADDRESS", "NATIONAL_ID", "PERSON", "PHONE"];
        assert_eq!(got["masked"], json!(labels), "{sdk}");
        let seen = scene.provider(format).requests();
        assert!(seen.len() >= 12, "{sdk}: {} requests", seen.len());
        check_masked(&seen);
    }
}

#[test]
fn tools_get_originals_and_their_results_are_masked_again() {
    let (python, scene) = (python(), Scene::start().unwrap());
    let text = "mail jane.doe@acme-mail.com \"now\" \\ or call +1 415-555-2671";
    for (format, sdk) in SDKS {
        let provider = scene.provider(format);
        provider.script(Script::tool("mail", Brackets::Plain, Split::default()));
        let got = ask(&python, &scene, sdk, "tool", text);
        let seen = json!(["jane.doe@acme-mail.com", "+1 415-555-2671"]);
        let arguments = json!({"text": text, "seen": seen, "n": 1});
        assert_eq!(got, json!([arguments, arguments]), "{sdk}");
        let requests = provider.requests();
        assert_eq!(requests.len(), 3, "{sdk}");
        check_masked(&requests);
        // The question, the arguments of the call and the result: one placeholder for one value.
        let last = requests[2].text();
        assert!(last.contains("sent: mail <EMAIL_1> ") && !last.contains("<EMAIL_2>"), "{last}");
        assert_eq!(last.matches("<PHONE_1>").count(), last.matches("<EMAIL_1>").count(), "{last}");
    }
}

#[test]
fn a_refusal_is_the_sdks_own_exception_and_is_not_tried_again() {
    let (python, scene) = (python(), Scene::start().unwrap());
    let (_, secret) = &secrets()[2];
    let refusals = || {
        let log = scene.daemon().unwrap().log();
        log.iter().filter(|line| line.contains("blocked-label")).count()
    };
    for (format, sdk) in SDKS {
        let before = refusals();
        let got = ask(&python, &scene, sdk, "refused", &format!("my key is {secret}"));
        for error in got.as_array().unwrap() {
            assert_eq!(error.as_array().unwrap()[..3], refusal("BadRequestError", 400), "{error}");
            let message = error[3].as_str().unwrap();
            assert!(message.contains("API_KEY at $.messages[0].content"), "{message}");
            assert!(!message.contains(secret.as_str()), "{message}");
        }
        assert_eq!(scene.provider(format).requests().len(), 0, "{sdk}");
        assert_eq!(refusals() - before, 2, "{sdk}: one for each call");
    }
}

#[test]
fn what_this_version_does_not_serve_says_so() {
    let (python, scene) = (python(), Scene::start().unwrap());
    for (format, sdk) in SDKS {
        let got = ask(&python, &scene, sdk, "unserved", TICKET);
        let errors = got.as_array().unwrap();
        assert_eq!(errors.len(), 3);
        for error in errors {
            let expected = [json!("NotFoundError"), json!(404), json!("unknown-path")];
            assert_eq!(error.as_array().unwrap()[..3], expected, "{error}");
            assert!(error[3].as_str().unwrap().contains("docs/surfaces.md"), "{error}");
        }
        assert_eq!(scene.provider(format).requests().len(), 0, "{sdk}");
    }
}

fn refusal(exception: &str, status: u16) -> [Value; 3] {
    [json!(exception), json!(status), json!("blocked-label")]
}

#[track_caller]
fn check_masked(requests: &[Recorded]) {
    for request in requests {
        let text = request.text();
        for (label, value) in PERSONAL {
            assert!(!request.contains(value), "{label} reached the provider: {text}");
        }
        if text.contains("Ticket") {
            assert!(request.contains(HARMLESS[0]), "{text}");
        }
    }
}

/// Runs one case of `client.py` beside the daemon, with nothing of the machine's own environment.
#[track_caller]
fn ask(python: &Path, scene: &Scene, sdk: &str, case: &str, text: &str) -> Value {
    let url = format!("http://{}", scene.daemon().unwrap().address);
    let output = scene
        .app()
        .command(python)
        .args(["-I", "-W", "ignore"])
        .arg(here().join("client.py"))
        .args([&url, sdk, case, text])
        .env_clear()
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{sdk} {case}: {errors}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The interpreter of an environment that holds the pinned packages; made once for all tests.
fn python() -> PathBuf {
    let requirements = here().join("requirements.txt");
    let wanted = std::fs::read_to_string(&requirements).unwrap();
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("official-clients");
    std::fs::create_dir_all(&home).unwrap();
    let lock = File::create(home.join("lock")).unwrap();
    let _lock = Flock::lock(lock, FlockArg::LockExclusive).map_err(|(_, error)| error).unwrap();
    let (venv, installed) = (home.join("venv"), home.join("installed.txt"));
    let python = venv.join("bin/python");
    let fits = std::fs::read_to_string(&installed).is_ok_and(|text| text == wanted);
    if fits && runs(Command::new(&python).args(["-c", "import anthropic, openai"])) {
        return python;
    }
    must(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv));
    must(
        Command::new(&python)
            .args(["-m", "pip", "install", "--quiet", "--only-binary", ":all:", "--requirement"])
            .arg(&requirements),
    );
    std::fs::write(installed, wanted).unwrap();
    python
}

fn runs(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

#[track_caller]
fn must(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| {
        panic!("{command:?}: {error} (`apt-get install python3-venv`)");
    });
    let said = String::from_utf8_lossy(&output.stderr);
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{command:?} (needs python3-venv): {told}{said}");
}

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/official_clients")
}
