//! `prxy verify` shows on any machine that no technique gets out of any role; it can fail, and it
//! leaves nothing behind.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use prxy::verify::technique;
use prxy_tests::{daemon, eventually, roles};
use serde_json::Value;

#[test]
fn every_control_gets_through_and_every_attempt_fails() {
    let Run { report, status } = whole();
    let rows = report["results"].as_array().unwrap();
    println!("{} techniques, {} s", report["techniques"], report["seconds"]);
    println!("{}", report["summary"]);
    let bad: Vec<_> = rows.iter().filter(|row| is_bad(row)).collect();
    assert!(bad.is_empty(), "{bad:#?}");
    assert_eq!(report["unaccounted"], Value::Array(Vec::new()));
    assert_eq!((report["ok"].as_bool(), *status), (Some(true), Some(0)));
    assert!(report["techniques"].as_u64().unwrap() >= 200);
    let tried: BTreeSet<_> =
        rows.iter().filter(|row| row["result"] == "blocked").map(name).collect();
    assert!(tried.len() >= 180, "only {} techniques were there to be stopped", tried.len());
    for role in ["gateway", "broker", "netgate", "resolver", "warden", "front"] {
        let stopped = rows.iter().filter(|row| row["role"] == role && row["result"] == "blocked");
        assert!(stopped.count() >= 40, "{role}");
    }
    assert!(report["seconds"].as_f64().unwrap() < 60.0, "{}", report["seconds"]);
}

/// What the documents say of a technique is what was seen: the layer that stopped it is one of
/// those that its row names.
#[test]
fn the_layer_that_stopped_an_attempt_is_known_and_documented() {
    let report = &whole().report;
    let mut wrong = Vec::new();
    for row in report["results"].as_array().unwrap() {
        if row["result"] != "blocked" {
            continue;
        }
        let layers = technique::by_name(name(row)).unwrap().layers.iter().map(|l| l.name());
        let seen = row["layer"].as_str().unwrap_or("nothing");
        // Root has no user of its own, and its namespaces stop what others need rights for.
        let root = row["as"] == "root" && ["namespace", "cgroup"].contains(&seen);
        if !root && !layers.clone().any(|layer| layer == seen) {
            let (role, rights) = (&row["role"], &row["as"]);
            wrong.push(format!("{} {role} {rights}: {seen}, {}", name(row), row["errno"]));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn it_fails_when_a_layer_is_missing() {
    // Nothing runs beside the one whose time is taken.
    whole();
    let layers = [("cgroup", 60), ("seccomp", 20), ("landlock", 8), ("namespace", 4)];
    std::thread::scope(|scope| {
        for (layer, at_least) in layers {
            scope.spawn(move || {
                let Run { report, status } = run(&["--json", "--without", layer]);
                let rows = report["results"].as_array().unwrap();
                let through: BTreeSet<_> =
                    rows.iter().filter(|row| row["result"] == "got-through").map(name).collect();
                println!("without {layer}: {through:?}");
                assert!(through.len() >= at_least, "without {layer}: {through:?}");
                assert_eq!((report["ok"].as_bool(), status), (Some(false), Some(1)));
                assert_eq!(report["without"], layer);
            });
        }
    });
}

#[test]
fn one_technique_and_one_role_can_be_asked_for() {
    let output = verify(&["--technique", "tcp4", "--role", "netgate"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("cgroup: connect4 not-allowlisted") && text.contains("EPERM"), "{text}");
    assert!(
        text.lines()
            .last()
            .unwrap()
            .starts_with("ok: 1 techniques, 2 attempts, 2 of them stopped, 0 got through"),
        "{text}"
    );
}

#[test]
fn nothing_is_left_behind_at_the_end_or_when_it_is_interrupted() {
    for signal in [None, Some(Signal::SIGINT), Some(Signal::SIGTERM)] {
        let dir = tempfile::tempdir().unwrap();
        let mut child = Command::new(daemon::binary().unwrap())
            .args(["verify", "--technique", "listen"])
            .env("TMPDIR", dir.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Not those of other runs beside this one: it holds its own open.
        let open = format!("/proc/{}/fd", child.id());
        let held = || fs::read_dir(&open).into_iter().flatten().flatten();
        let held = || held().filter_map(|fd| fs::read_link(fd.path()).ok()).collect();
        let made = || groups().intersection(&held()).cloned().collect::<BTreeSet<_>>();
        eventually!(!made().is_empty() || child.try_wait().unwrap().is_some());
        let made = made();
        assert!(!made.is_empty(), "it has made no cgroup");
        if let Some(signal) = signal {
            kill(Pid::from_raw(child.id() as i32), signal).unwrap();
        }
        let status = child.wait().unwrap();
        assert_eq!(status.code(), Some(i32::from(signal.is_some())), "{signal:?}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "{signal:?}");
        for group in made {
            let name = group.file_name().unwrap().to_str().unwrap();
            let instance = name.strip_prefix("prxy-verify-").unwrap();
            let policy = group.with_file_name(format!("prxy-{instance}"));
            let pins = PathBuf::from("/sys/fs/bpf/prxy").join(instance);
            eventually!(!group.exists() && !policy.exists() && !pins.exists(), "{name}");
        }
    }
}

#[test]
fn it_needs_root_and_says_so() {
    let prxy = daemon::binary().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(dir.path(), open).unwrap();
    let copy = dir.path().join("prxy");
    fs::copy(prxy, &copy).unwrap();
    let args = ["--reuid=65534", "--regid=65534", "--clear-groups", "--"];
    let output = Command::new("setpriv").args(args).arg(copy).arg("verify").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.starts_with("prxy: this needs root"), "{told}");
}

/// `docs/threat-model.md` holds the table as it is printed, and every row of the threat table has
/// a technique or words of its own.
#[test]
fn the_threat_model_is_the_table_and_has_a_home_for_every_row() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let text = fs::read_to_string(root.join("docs/threat-model.md")).unwrap();
    let between = text.split("<!-- techniques -->\n").nth(1).unwrap();
    let between = between.split("<!-- end -->").next().unwrap();
    assert!(
        between == prxy::verify::markdown(),
        "docs/threat-model.md is not what `prxy verify --list --markdown` prints"
    );
    let rows: BTreeMap<u8, &str> = text
        .lines()
        .filter_map(|line| {
            let number = line.strip_prefix("| ")?.split(' ').next()?.parse().ok()?;
            Some((number, line))
        })
        .collect();
    let numbers: Vec<u8> = (1..=22).chain(30..=50).chain(60..=74).collect();
    assert_eq!(rows.keys().copied().collect::<Vec<_>>(), numbers);
    let tried: BTreeSet<u8> = technique::all()
        .flat_map(|technique| technique.threat.split(' ').map(|row| row.parse().unwrap()))
        .collect();
    let unknown: Vec<_> = tried.iter().filter(|row| !rows.contains_key(row)).collect();
    assert!(unknown.is_empty(), "techniques name rows that do not exist: {unknown:?}");
    let mut wrong = Vec::new();
    for (number, row) in rows {
        let last = row.trim_end_matches([' ', '|']).rsplit('|').next().unwrap();
        let named: Vec<&str> = last.split('`').skip(1).step_by(2).collect();
        let by_technique = named.contains(&"prxy verify");
        for test in named.iter().filter(|name| **name != "prxy verify") {
            if !root.join(format!("tests/tests/{test}.rs")).exists() {
                wrong.push(format!("row {number}: there is no test {test}"));
            }
        }
        if by_technique != tried.contains(&number) {
            wrong.push(format!("row {number}: says techniques {by_technique}, which is not so"));
        }
        if named.is_empty() && !row.contains("Not promised: ") {
            wrong.push(format!("row {number}: neither tried nor said not to be promised"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// What came of one run.
struct Run {
    report: Value,
    status: Option<i32>,
}

/// A whole run, once for all tests.
fn whole() -> &'static Run {
    static RUN: OnceLock<Run> = OnceLock::new();
    RUN.get_or_init(|| run(&["--json"]))
}

fn run(arguments: &[&str]) -> Run {
    let output = verify(arguments);
    let report = serde_json::from_slice(&output.stdout).unwrap();
    Run { report, status: output.status.code() }
}

fn verify(arguments: &[&str]) -> Output {
    let mut command = Command::new(daemon::binary().unwrap());
    let output = command.arg("verify").args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.stdout.is_empty(), "{:?} {said}", output.status);
    output
}

fn is_bad(row: &Value) -> bool {
    let optional = technique::by_name(name(row)).unwrap().presence == technique::Presence::Optional;
    match (row["control"].as_str().unwrap(), row["result"].as_str().unwrap()) {
        ("got-through", result) => !["blocked", "not-promised"].contains(&result),
        ("unavailable", result) => !optional || !["unavailable", "not-promised"].contains(&result),
        _ => true,
    }
}

fn name(row: &Value) -> &str {
    row["technique"].as_str().unwrap()
}

/// The cgroups that runs make for their controls, beside this process's own.
fn groups() -> BTreeSet<PathBuf> {
    let own = fs::read_to_string("/proc/self/cgroup").unwrap();
    let own = own.lines().find_map(|line| line.strip_prefix("0::/")).unwrap_or("").to_owned();
    let entries = fs::read_dir(roles::cgroup_root().unwrap().join(own)).unwrap();
    let runs = entries.flatten().map(|entry| entry.path());
    runs.filter(|path| path.to_string_lossy().contains("/prxy-verify-")).collect()
}
