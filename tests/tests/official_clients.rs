//! The SDKs that Anthropic, OpenAI, Google and Groq publish work unchanged: what they send is masked,
//! what they return is restored, and what is refused arrives as their own exception, asked once.
//!
//! They are installed at pinned versions into the target folder. Without Python, its `venv` module,
//! Node, npm or a package index this fails; it never skips.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::fcntl::{Flock, FlockArg};
use prxy_tests::eventually;
use prxy_tests::http::request;
use prxy_tests::provider::{Brackets, Format, Recorded, Script, Split};
use prxy_tests::samples::{HARMLESS, PERSONAL, TICKET, secrets};
use prxy_tests::scene::{Scene, Setting};
use serde_json::{Value, json};

/// One SDK for one language, and the provider that it reaches.
type Sdk = (Language, &'static str, Format);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Language {
    Python,
    Node,
}

use Language::{Node, Python};

const SDKS: [Sdk; 6] = [
    (Python, "anthropic", Format::Anthropic),
    (Python, "openai", Format::OpenAi),
    (Python, "groq", Format::OpenAi),
    (Python, "google", Format::OpenAi),
    (Node, "anthropic", Format::Anthropic),
    (Node, "openai", Format::OpenAi),
];

/// The stage with two more providers, behind the second one's address.
fn scene() -> Scene {
    let mut scene = Scene::empty().unwrap();
    let config = scene.config(&Setting::default());
    let openai = config.lines().find(|line| line.starts_with("  openai:")).unwrap();
    let google = openai.replace("  openai:", "  google:");
    let groq = openai.replace("  openai:", "  groq:").replace("{ ", "{ path_prefix: '/openai', ");
    let config = config.replace(openai, &[openai, &google, &groq].join("\n"));
    scene.launch_on(&config, &[]).unwrap();
    scene.wait_for_routes().unwrap();
    for path in ["/google/v1beta/models", "/groq/v1/models"] {
        let ask = || scene.send(request("GET", path, &[("authorization", "Bearer x")], b""));
        eventually!(ask().unwrap().status == 200, "{path}");
    }
    scene.openai.forget();
    scene
}

#[test]
fn the_sdks_see_originals_and_the_provider_placeholders() {
    let scene = scene();
    for sdk in SDKS {
        let provider = scene.provider(sdk.2);
        provider.forget();
        let got = ask(&scene, sdk, "echo", TICKET);
        let texts = got["texts"].as_array().unwrap();
        for (call, text) in texts.iter().enumerate() {
            assert_eq!(text, TICKET, "{sdk:?}, call {call}");
        }
        let labels =
            ["CREDIT_CARD", "EMAIL", "IBAN", "IP_ADDRESS", "NATIONAL_ID", "PERSON", "PHONE"];
        assert_eq!(got["masked"], json!(labels), "{sdk:?}");
        let seen = provider.requests();
        assert!(texts.len() >= 2 && seen.len() >= 2, "{sdk:?}: {}", seen.len());
        check_masked(&seen);
    }
}

#[test]
fn tools_get_originals_and_their_results_are_masked_again() {
    let scene = scene();
    let text = "mail jane.doe@acme-mail.com \"now\" \\ or call +1 415-555-2671";
    let responses = SDKS.into_iter().filter(|sdk| sdk.1 == "openai");
    let cases = SDKS.into_iter().map(|sdk| (sdk, "tool"));
    for (sdk, case) in cases.chain(responses.map(|sdk| (sdk, "responses_tool"))) {
        let provider = scene.provider(sdk.2);
        provider.forget();
        provider.script(Script::tool("mail", Brackets::Plain, Split::default()));
        let got = ask(&scene, sdk, case, text);
        for arguments in got.as_array().unwrap() {
            assert_eq!(arguments["text"], text, "{sdk:?} {case}");
            let seen = json!(["jane.doe@acme-mail.com", "+1 415-555-2671"]);
            assert_eq!(arguments["seen"], seen, "{sdk:?} {case}");
        }
        assert_eq!(got.as_array().unwrap().len(), 2, "{sdk:?} {case}");
        let requests = provider.requests();
        assert_eq!(requests.len(), 3, "{sdk:?} {case}");
        check_masked(&requests);
        // The question, the arguments of the call and the result: one placeholder for one value.
        let last = requests[2].text();
        assert!(last.contains("mail <EMAIL_1> ") && !last.contains("<EMAIL_2>"), "{last}");
        assert_eq!(last.matches("<PHONE_1>").count(), last.matches("<EMAIL_1>").count(), "{last}");
    }
}

#[test]
fn every_other_surface_is_spoken_by_its_sdk() {
    let scene = scene();
    // The number of the placeholder in answers that the mock makes up.
    let mail = "jane.doe@acme-mail.com";
    let text = format!("write to {mail}, please");
    for sdk in SDKS.into_iter().filter(|sdk| sdk.1 != "groq") {
        let provider = scene.provider(sdk.2);
        provider.forget();
        let mut got = ask(&scene, sdk, "surfaces", &text);
        let texts = got.as_object_mut().unwrap().remove("texts").unwrap_or(json!([]));
        for (call, said) in texts.as_array().unwrap().iter().enumerate() {
            assert_eq!(said, &text, "{sdk:?}, call {call}");
        }
        let expected = match sdk.1 {
            "anthropic" => json!({"count": 25, "batch": ["msgbatch_1", "ended"],
                "results": [format!("for {mail}"), format!("for {mail}")], "models": ["m"]}),
            "google" => {
                json!({"count": 7, "embedding": [0.5, -2.5], "models": ["models/gemini-mock"]})
            }
            _ => json!({"summary": text, "encrypted": "<EMAIL_1>", "ordered": true,
                "kept": format!("kept for {mail}"), "embedding": [0.5, -2.5], "models": ["m"]}),
        };
        assert_eq!(got, expected, "{sdk:?}");
        let seen = provider.requests();
        assert!(seen.len() >= 3, "{sdk:?}: {} requests", seen.len());
        for request in seen {
            assert!(!request.contains(mail), "{sdk:?}: {}", request.text());
            let text = request.text();
            assert!(text.is_empty() || text.contains("<EMAIL_1>"), "{sdk:?}: {text}");
        }
    }
}

#[test]
fn a_refusal_is_the_sdks_own_exception_and_is_not_tried_again() {
    let scene = scene();
    let (_, secret) = &secrets()[2];
    let refusals = || {
        let log = scene.daemon().unwrap().log();
        log.iter().filter(|line| line.contains("blocked-label")).count()
    };
    scene.anthropic.forget();
    for sdk in SDKS {
        let before = refusals();
        let got = ask(&scene, sdk, "refused", &format!("my key is {secret}"));
        let exception = if sdk.1 == "google" { "ClientError" } else { "BadRequestError" };
        for error in got.as_array().unwrap() {
            let expected = [json!(exception), json!(400), json!("blocked-label")];
            assert_eq!(error.as_array().unwrap()[..3], expected, "{sdk:?} {error}");
            let message = error[3].as_str().unwrap();
            assert!(message.contains("API_KEY at $."), "{message}");
            assert!(!message.contains(secret.as_str()), "{message}");
        }
        assert_eq!(scene.provider(sdk.2).requests().len(), 0, "{sdk:?}");
        assert_eq!(refusals() - before, 2, "{sdk:?}: one for each call");
    }
}

#[test]
fn what_this_version_does_not_serve_says_so() {
    let scene = scene();
    for sdk in SDKS.into_iter().filter(|sdk| sdk.0 == Python && sdk.1 != "groq") {
        let got = ask(&scene, sdk, "unserved", TICKET);
        let errors = got.as_array().unwrap();
        assert_eq!(errors.len(), 3);
        let exception = if sdk.1 == "google" { "ClientError" } else { "NotFoundError" };
        for error in errors {
            let expected = [json!(exception), json!(404), json!("unknown-path")];
            assert_eq!(error.as_array().unwrap()[..3], expected, "{sdk:?} {error}");
            assert!(error[3].as_str().unwrap().contains("docs/surfaces.md"), "{error}");
        }
        assert_eq!(scene.provider(sdk.2).requests().len(), 0, "{sdk:?}");
    }
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

#[test]
fn the_metrics_are_read_by_the_parser_of_prometheus_itself() {
    let scene = scene();
    assert_eq!(scene.send(request("GET", "/nowhere", &[], b"")).unwrap().status, 404);
    let text = prxy_tests::metrics::get(&scene, "/metrics").unwrap().text();
    let path = scene.dir().join("metrics.txt");
    std::fs::write(&path, &text).unwrap();
    let script = "import sys\n\
        from prometheus_client.parser import text_string_to_metric_families as read\n\
        for family in read(open(sys.argv[1]).read()):\n\
        \x20   for sample in family.samples: print(sample.name)";
    let mut command = Command::new(python());
    let output = command.args(["-I", "-c", script]).arg(&path).env_clear().output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let mut theirs: Vec<_> =
        String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect();
    let ours = prxy_tests::metrics::Metrics::parse(&text).0;
    let mut ours: Vec<_> = ours.into_keys().map(|(name, _)| name).collect();
    theirs.sort_unstable();
    ours.sort_unstable();
    assert!(ours.len() > 100, "{}", ours.len());
    assert_eq!(theirs, ours);
}

/// Runs one case beside the daemon, with nothing of the machine's own environment.
#[track_caller]
fn ask(scene: &Scene, (language, sdk, _): Sdk, case: &str, text: &str) -> Value {
    let url = format!("http://{}", scene.daemon().unwrap().address);
    let mut command = match language {
        Python => {
            let mut command = scene.app().command(python());
            command.args(["-I", "-W", "ignore"]).arg(here().join("client.py"));
            command
        }
        Node => {
            let mut command = scene.app().command(which("node"));
            command.arg(here().join("client.mjs")).current_dir(packages());
            command
        }
    };
    let output = command.args([&url, sdk, case, text]).env_clear().output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{language:?} {sdk} {case}: {errors}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn which(program: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|dir| dir.join(program)).find(|p| p.is_file());
    found.unwrap_or_else(|| panic!("no {program} (`apt-get install nodejs npm`)"))
}

/// The folder that holds Node's pinned packages; made once for all tests.
fn packages() -> PathBuf {
    let (home, _lock) = home();
    let folder = home.join("node");
    let wanted = std::fs::read_to_string(here().join("package-lock.json")).unwrap();
    let installed = folder.join("installed.json");
    if std::fs::read_to_string(&installed).is_ok_and(|text| text == wanted) {
        return folder;
    }
    std::fs::create_dir_all(&folder).unwrap();
    for file in ["package.json", "package-lock.json"] {
        std::fs::copy(here().join(file), folder.join(file)).unwrap();
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix"]).arg(&folder);
    must(&mut npm, "nodejs npm");
    std::fs::write(installed, wanted).unwrap();
    folder
}

/// The folder for what is installed, locked for as long as the second value lives.
fn home() -> (PathBuf, Flock<File>) {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("official-clients");
    std::fs::create_dir_all(&home).unwrap();
    let lock = File::create(home.join("lock")).unwrap();
    let lock = Flock::lock(lock, FlockArg::LockExclusive).map_err(|(_, error)| error).unwrap();
    (home, lock)
}

/// The interpreter of an environment that holds the pinned packages; made once for all tests.
fn python() -> PathBuf {
    let requirements = here().join("requirements.txt");
    let wanted = std::fs::read_to_string(&requirements).unwrap();
    let (home, _lock) = home();
    let (venv, installed) = (home.join("venv"), home.join("installed.txt"));
    let python = venv.join("bin/python");
    let fits = std::fs::read_to_string(&installed).is_ok_and(|text| text == wanted);
    if fits
        && runs(
            Command::new(&python)
                .args(["-c", "import anthropic, groq, openai, google.genai, prometheus_client"]),
        )
    {
        return python;
    }
    must(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv), "python3-venv");
    must(
        Command::new(&python)
            .args(["-m", "pip", "install", "--quiet", "--only-binary", ":all:", "--requirement"])
            .arg(&requirements),
        "python3-venv",
    );
    std::fs::write(installed, wanted).unwrap();
    python
}

fn runs(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

#[track_caller]
fn must(command: &mut Command, packages: &str) {
    let output = command.output().unwrap_or_else(|error| {
        panic!("{command:?}: {error} (`apt-get install {packages}`)");
    });
    let said = String::from_utf8_lossy(&output.stderr);
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{command:?} (needs {packages}): {told}{said}");
}

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/official_clients")
}
