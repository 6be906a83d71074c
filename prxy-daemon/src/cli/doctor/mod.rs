//! `prxy doctor`: what keeps prxy from running well on this machine, and what to do about it.
//!
//! It reads, and asks the running daemon over its own socket. No name is resolved and no provider
//! is connected to: that is for the daemon's roles alone, which the policy holds.

mod host;
mod setup;

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::anyhow;
use serde_json::{Value, json};

use super::colour::Colour;
use super::{Arguments, Failure, data_dir, keys, print, sources};
use crate::config::{Config, ConfigErrors};
use crate::warden::control;
use crate::warden::inspect::{Inspection, inspect};

/// What was looked at, and what came of it.
struct Check {
    name: &'static str,
    outcome: Outcome,
    found: String,
    /// What to do; empty if nothing.
    advice: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Ok,
    Warning,
    Failed,
}

impl Outcome {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
        }
    }
}

impl Check {
    fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, outcome: Outcome::Ok, found: found.into(), advice: String::new() }
    }

    fn warning(name: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { name, outcome: Outcome::Warning, found: found.into(), advice: advice.into() }
    }

    fn failed(name: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { name, outcome: Outcome::Failed, found: found.into(), advice: advice.into() }
    }
}

/// What the checks are about.
struct Bed<'a> {
    arguments: &'a Arguments,
    env: &'a dyn Fn(&str) -> Option<OsString>,
    data_dir: PathBuf,
    config: Result<Config, ConfigErrors>,
    /// Whether a daemon runs, and how it looks from outside.
    seen: Inspection,
    /// What its warden says.
    warden: Option<Value>,
    root: bool,
}

impl Bed<'_> {
    fn runs(&self) -> bool {
        self.seen.cgroup.is_some()
    }
}

/// Prints every check; fails if one of them did.
pub(super) fn run(
    arguments: &Arguments,
    env: &dyn Fn(&str) -> Option<OsString>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let data_dir = data_dir(arguments.data_dir.clone(), env)?;
    let mut asked = keys::places(arguments);
    asked.listen.clone_from(&arguments.listen);
    let config = Config::load(&sources(asked, env));
    let seen = inspect(&data_dir);
    let pid = seen.roles.iter().find(|view| view.role == "warden").map(|view| view.pid);
    let warden = pid.and_then(|pid| control::ask(&data_dir, pid, "status", PATIENCE).ok());
    let root = nix::unistd::geteuid().is_root();
    let bed = Bed { arguments, env, data_dir, config, seen, warden, root };
    let mut checks = host::checks(&bed);
    checks.extend(setup::checks(&bed));
    let failed = checks.iter().filter(|check| check.outcome == Outcome::Failed).count();
    let text = match arguments.json {
        true => format!("{}\n", to_json(&checks)),
        false => in_words(&checks, Colour::of(env)),
    };
    print(out, &text)?;
    match failed {
        0 => Ok(()),
        1 => Err(anyhow!("doctor: 1 check failed").into()),
        some => Err(anyhow!("doctor: {some} checks failed").into()),
    }
}

fn to_json(checks: &[Check]) -> Value {
    let rows = checks.iter().map(|check| {
        json!({
            "check": check.name, "result": check.outcome.word(), "found": check.found,
            "advice": check.advice,
        })
    });
    let ok = checks.iter().all(|check| check.outcome != Outcome::Failed);
    json!({ "ok": ok, "checks": rows.collect::<Value>() })
}

fn in_words(checks: &[Check], colour: Colour) -> String {
    let mut text = String::new();
    for check in checks {
        let word = format!("{:8}", check.outcome.word());
        let word = match check.outcome {
            Outcome::Ok => colour.good(&word),
            Outcome::Warning => colour.doubtful(&word),
            Outcome::Failed => colour.bad(&word),
        };
        text.push_str(&format!("{word} {:15} {}\n", check.name, check.found));
        for line in check.advice.lines() {
            text.push_str(&format!("{:24} -> {line}\n", ""));
        }
    }
    text
}

const PATIENCE: Duration = Duration::from_secs(5);
