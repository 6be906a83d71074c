//! `prxy status`: what was read back just now, and beside it what the warden says of itself.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::anyhow;
use serde_json::{Value, json};

use super::{Failure, print};
use crate::warden::control;
use crate::warden::inspect::{Inspection, RoleView, inspect};

/// Prints the state of the daemon on `data_dir`; fails unless everything was read and holds.
pub(super) fn run(data_dir: &Path, as_json: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let mut seen = inspect(data_dir);
    let absent = seen.cgroup.is_none();
    let pid = seen.roles.iter().find(|view| view.role == "warden").map(|view| view.pid);
    let warden = pid.and_then(|pid| ask(data_dir, pid, &mut seen));
    let headline = headline(&seen);
    let holds = seen.broken.is_empty() && seen.unknown.is_empty();
    let text = match as_json {
        true => {
            let report = json!({
                "holds": holds, "summary": headline, "seen": seen, "warden_says": warden,
                "landlock": "canary passed at start; cannot be read back from outside",
            });
            format!("{report}\n")
        }
        false if absent => String::new(),
        false => in_words(&headline, &seen, warden.as_ref()),
    };
    print(out, &text)?;
    match seen.broken.first() {
        Some(why) if absent => Err(Failure::NotRunning(why.clone())),
        // The first line has said so.
        _ if !holds && !as_json => Err(Failure::Said(1)),
        _ if !holds => Err(anyhow!("{headline}").into()),
        _ => Ok(()),
    }
}

/// The warden's own report; what it says against what was seen counts as broken.
fn ask(data_dir: &Path, warden: i32, seen: &mut Inspection) -> Option<Value> {
    let report = match control::ask(data_dir, warden, "status", PATIENCE) {
        Ok(report) => report,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            seen.unknown.push("warden: what it says (only root may ask)".into());
            return None;
        }
        Err(error) => {
            seen.broken.push(format!("warden: does not answer: {error}"));
            return None;
        }
    };
    if report["halted"] == true {
        seen.broken.push("warden: has halted: nothing is sent".into());
    }
    if report["log_only"] == true && seen.log_only != Some(true) {
        seen.broken.push("log-only: the warden says so, and the kernel does not".into());
    }
    if report["audit"]["failing"] == true {
        seen.broken.push("audit log: it cannot be written".into());
    }
    let warden = json!({ "role": "warden", "pid": report["pid"] });
    for role in report["roles"].as_array().into_iter().flatten().chain([&warden]) {
        let mut views = seen.roles.iter().filter(|view| role["role"] == view.role).peekable();
        if views.peek().is_some() && !views.any(|view| role["pid"] == view.pid) {
            let name = role["role"].as_str().unwrap_or("?");
            seen.broken.push(format!("{name}: NOT the process that the warden knows"));
        }
    }
    Some(report)
}

fn headline(seen: &Inspection) -> String {
    if seen.log_only == Some(true) {
        return "LOG-ONLY: prxy records and does NOT protect".into();
    }
    match (seen.broken.as_slice(), seen.unknown.as_slice()) {
        ([], []) => format!(
            "holds: {} roles, {} programs in force, all read back just now",
            seen.roles.len(),
            seen.programs.len()
        ),
        ([], unknown) => format!("UNKNOWN: {} things could not be read", unknown.len()),
        ([one], _) => format!("DOES NOT HOLD: {one}"),
        ([first, rest @ ..], _) => format!("DOES NOT HOLD: {first}; and {} more", rest.len()),
    }
}

fn in_words(headline: &str, seen: &Inspection, warden: Option<&Value>) -> String {
    let mut text = format!("prxy {headline}\n");
    for broken in &seen.broken {
        let _ = writeln!(text, "  broken   {broken}");
    }
    for unknown in &seen.unknown {
        let _ = writeln!(text, "  unknown  {unknown}");
    }
    text.push_str(
        "\nrole      pid      user        capabilities  new-privs  seccomp    network  sockets\n",
    );
    for view in &seen.roles {
        text.push_str(&row(view));
    }
    text.push_str("Landlock: its canary passed at start; it cannot be read back from outside.\n\n");
    let names = |holds: bool| {
        let chosen = seen.programs.iter().filter(|program| program.holds == holds);
        chosen.map(|program| program.name).collect::<Vec<_>>().join(" ")
    };
    let _ = writeln!(text, "programs in force: {}", names(true));
    if seen.programs.iter().any(|program| !program.holds) {
        let _ = writeln!(text, "NOT seen in force: {}", names(false));
    }
    if let Some(warden) = warden {
        text.push_str(&said(warden));
    }
    text
}

fn row(view: &RoleView) -> String {
    let or = |value: Option<String>| value.unwrap_or_else(|| "unknown".into());
    let none = |set: &Option<String>| set.as_ref().map(|set| set.trim_matches('0').is_empty());
    let sets: Option<Vec<bool>> = view.capabilities.values().map(none).collect();
    let capabilities = sets.map(|sets| if sets.iter().all(|none| *none) { "none" } else { "SOME" });
    let new_privs = view.no_new_privs.map(|no| if no { "never" } else { "POSSIBLE" });
    let seccomp = view.seccomp_mode.zip(view.seccomp_filters).map(|(mode, filters)| match mode {
        2 => format!("{filters} filters"),
        _ => "NONE".into(),
    });
    let network = match (view.own_network, view.interfaces.as_ref().map(Vec::len)) {
        (Some(true), Some(1)) => "empty",
        (Some(true), _) => "own",
        (Some(false), _) => "host",
        (None, _) => "unknown",
    };
    let sockets = view.sockets.as_ref().map(|all| {
        let all: Vec<_> = all.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        if all.is_empty() { "none".into() } else { all.join(", ") }
    });
    format!(
        "{:9} {:<8} {:11} {:13} {:10} {:10} {:8} {}\n",
        view.role,
        view.pid,
        or(view.uid.map(|uid| uid.to_string())),
        or(capabilities.map(str::to_owned)),
        or(new_privs.map(str::to_owned)),
        or(seccomp),
        network,
        or(sockets),
    )
}

/// What cannot be read from outside, marked as the warden's word.
fn said(warden: &Value) -> String {
    let word = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut text = String::from("\nthe warden says\n");
    let _ = writeln!(
        text,
        "  up {} s, generation {} for {} s, {} draining, enforcement {}",
        warden["uptime_secs"],
        warden["generation"],
        warden["generation_age_secs"],
        warden["draining_generations"],
        word(&warden["enforcement"]),
    );
    let config = match &warden["config"] {
        Value::Null => "none, defaults".to_owned(),
        file => format!("{} sha256 {}", word(&file["path"]), word(&file["sha256"])),
    };
    let _ = writeln!(text, "  configuration {config}");
    for route in warden["routes"].as_array().into_iter().flatten() {
        let addresses: Vec<_> =
            route["addresses"].as_array().into_iter().flatten().map(word).collect();
        let addresses = if addresses.is_empty() { "none".into() } else { addresses.join(", ") };
        let (name, host) = (word(&route["provider"]), word(&route["host"]));
        let _ = writeln!(text, "  {name} {host}:{} -> {addresses}", route["port"]);
    }
    text.push_str("  decisions of the kernel since the start, those on the canaries among them\n");
    for count in warden["counters"].as_array().into_iter().flatten() {
        let (role, reason) = (word(&count["role"]), word(&count["reason"]));
        let _ = writeln!(text, "  {:>10} x {role} {reason}", count["count"]);
    }
    let audit = &warden["audit"];
    let _ = writeln!(
        text,
        "  audit line {}, head {}, omitted {}, lost {}",
        audit["seq"],
        word(&audit["head"]),
        audit["omitted"],
        audit["lost"],
    );
    text
}

const PATIENCE: Duration = Duration::from_secs(5);
