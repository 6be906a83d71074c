//! What only the warden knows, as JSON: its lines of the audit log, and its part of `prxy status`.
//!
//! Not for what can be read from outside: `prxy status` reads that itself, and takes nobody's word.

use std::time::Duration;

use nix::unistd::Pid;
use prxy_common::Role;
use serde_json::{Value, json};

use super::kernel::{Change, Kernel};
use crate::audit::{EgressLog, surroundings};
use crate::config::{Config, Enforcement, OnFull};
use crate::link::Figures;

/// The line of a start: what is about to run, on what, with which configuration.
pub(crate) fn start(config: &Config) -> Value {
    let mut line = surroundings();
    line["config"] = file(config);
    line["enforcement"] = json!(enforcement(config));
    line["log_only"] = json!(config.is_log_only());
    line
}

/// The line that follows when every role has passed its canaries: what they have proven.
pub(crate) fn ready(kernel: &Kernel) -> Value {
    json!({
        "generation": kernel.generation(),
        "programs": kernel.program_names().collect::<Vec<_>>(),
        "canaries": "passed",
        "landlock_abi": crate::sys::sandbox::landlock_version(),
    })
}

/// The line of a new generation.
pub(crate) fn generation(change: &Change) -> Value {
    json!({
        "generation": change.generation, "why": change.why,
        "added": change.added, "removed": change.removed,
    })
}

/// What only the warden can count, for the metrics.
pub(crate) fn figures(kernel: &Kernel, facts: &Value, log: &EgressLog, epoch: u32) -> Figures {
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let started = Duration::from_nanos(facts["started_ns"].as_u64().unwrap_or(0));
    let (audit_lines, audit_omitted) = log.counts();
    Figures {
        log_only: facts["log_only"].as_bool().unwrap_or(true),
        generation: kernel.generation(),
        generation_age_ms: millis(kernel.generation_age()),
        draining: kernel.draining(),
        epoch,
        uptime_ms: millis(crate::sys::time::monotonic().saturating_sub(started)),
        lost_events: kernel.lost_events(),
        audit_lines,
        audit_omitted,
        decisions: kernel.decisions(),
    }
}

/// The kernel's counters.
pub(crate) fn totals(kernel: &Kernel) -> Value {
    let totals = kernel.totals().into_iter().map(|(role, reason, count)| {
        json!({ "role": role.name(), "reason": reason.name(), "count": count })
    });
    totals.collect()
}

/// The part of the report that the configuration decides.
pub(crate) fn facts(config: &Config) -> Value {
    let routes: Vec<_> = (0_u16..)
        .zip(&config.providers)
        .map(|(route, provider)| {
            json!({
                "route": route, "provider": provider.name, "host": provider.host.to_string(),
                "port": provider.port,
            })
        })
        .collect();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "pid": std::process::id(),
        "started_ns": u64::try_from(crate::sys::time::monotonic().as_nanos()).unwrap_or(0),
        "config": file(config),
        "enforcement": enforcement(config),
        "log_only": config.is_log_only(),
        "routes": routes,
        "on_full": match config.audit.on_full {
            OnFull::Continue => "continue",
            OnFull::Stop => "stop",
        },
    })
}

/// The answer to `status`.
pub(crate) fn report(
    facts: &Value,
    kernel: &Kernel,
    roles: impl Iterator<Item = (Role, Pid)>,
    log: &EgressLog,
    halted: bool,
) -> Value {
    let mut report = facts.clone();
    if let Some(routes) = report["routes"].as_array_mut() {
        for (number, route) in (0_u16..).zip(routes) {
            route["addresses"] = json!(kernel.allowlist().addresses(number));
        }
    }
    let started = facts["started_ns"].as_u64().unwrap_or(0);
    let up = crate::sys::time::monotonic().as_secs().saturating_sub(started / 1_000_000_000);
    report["uptime_secs"] = json!(up);
    report["halted"] = json!(halted);
    report["generation"] = json!(kernel.generation());
    report["generation_age_secs"] = json!(kernel.generation_age().as_secs());
    report["draining_generations"] = json!(kernel.draining());
    report["roles"] =
        roles.map(|(role, pid)| json!({ "role": role.name(), "pid": pid.as_raw() })).collect();
    report["cgroup"] = json!(kernel.cgroup());
    report["pins"] = json!(kernel.pins());
    report["counters"] = totals(kernel);
    report["lost_events"] = json!(kernel.lost_events());
    report["audit"] = log.status();
    if let Some(report) = report.as_object_mut() {
        report.remove("started_ns");
    }
    report
}

fn file(config: &Config) -> Value {
    let file = config.file.as_ref();
    file.map_or(Value::Null, |file| json!({ "path": file.path, "sha256": file.sha256 }))
}

fn enforcement(config: &Config) -> &'static str {
    match config.enforcement {
        Enforcement::Required => "required",
        Enforcement::BestEffort => "best-effort",
    }
}
