//! `prxy detect`: what the detectors see in a text, by the policy of the configuration if there is one.
//!
//! Needs no data directory, no root and no running daemon. docs/detect.md has the fields.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{BufRead, Read as _, Write};

use anyhow::{Context as _, anyhow};
use serde::Serialize;
use serde_json::{Value, json};

use super::{Arguments, Failure, print, sources};
use crate::config::{Config, Module, VaultScope};
use crate::redact::detect::{DETECTORS, labels};
use crate::redact::scan::{Scanner, Span};
use crate::redact::{Action, Label, Policy};

/// Reads a text, or with `--jsonl` many, and prints the spans found.
pub(super) fn run(
    arguments: Arguments,
    env: &dyn Fn(&str) -> Option<OsString>,
    input: &mut dyn BufRead,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let (jsonl, list, as_json) = (arguments.jsonl, arguments.labels, arguments.json);
    let policy = policy(arguments, env)?;
    if list {
        return print(out, &catalogue(&policy, as_json));
    }
    let scanner = Scanner::new(&policy).map_err(anyhow::Error::new)?;
    if jsonl {
        return lines(&scanner, input, out);
    }
    let text = read(input)?;
    let spans = spans(&scanner, &text);
    let answer = match as_json {
        true => {
            let rows = serde_json::to_string(&rows(&scanner, &spans)).context("spans")?;
            format!("{{\"spans\":{rows}}}\n")
        }
        false => in_words(&scanner, &text, &spans),
    };
    print(out, &answer)
}

/// The guardrails' policy; the defaults where nothing is configured, or no guardrails are.
fn policy(arguments: Arguments, env: &dyn Fn(&str) -> Option<OsString>) -> Result<Policy, Failure> {
    Ok(configured(arguments, env)?.0)
}

/// The policy, and how the vault is kept.
pub(super) fn configured(
    arguments: Arguments,
    env: &dyn Fn(&str) -> Option<OsString>,
) -> Result<(Policy, VaultScope), Failure> {
    let sources = sources(arguments, env);
    if sources.config.is_none() && matches!(sources.directory(), Ok(None)) {
        return Ok((Policy::default(), VaultScope::default()));
    }
    let config = Config::load(&sources)?;
    let guardrails = config.pipeline.into_iter().find_map(|module| match module {
        Module::Guardrails(policy) => Some(policy),
        _ => None,
    });
    Ok((guardrails.unwrap_or_default(), config.vault.scope))
}

/// The whole of standard input as text.
pub(super) fn read(input: &mut dyn BufRead) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes).context("cannot read standard input")?;
    let text = String::from_utf8(bytes).map_err(|error| {
        anyhow!("standard input is not UTF-8 (byte {})", error.utf8_error().valid_up_to())
    })?;
    Ok(text)
}

/// One answer per line, written before the next line is read.
fn lines(scanner: &Scanner, input: &mut dyn BufRead, out: &mut dyn Write) -> Result<(), Failure> {
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        let read = input.take(MAX_LINE + 1).read_until(b'\n', &mut line);
        if read.context("cannot read standard input")? == 0 {
            break;
        }
        if line.len() as u64 > MAX_LINE {
            return Err(anyhow!("line {number}: longer than {MAX_LINE} bytes").into());
        }
        let line = line.trim_ascii_end();
        if line.is_empty() {
            continue;
        }
        let (id, text) = record(line).map_err(|wrong| anyhow!("line {number}: {wrong}"))?;
        let answer = Answer { id, spans: rows(scanner, &spans(scanner, &text)) };
        let answer = serde_json::to_string(&answer).context("spans")?;
        let written = writeln!(out, "{answer}");
        match written.and_then(|()| out.flush()) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => break,
            Err(error) => {
                return Err(anyhow::Error::new(error).context("cannot write the answer").into());
            }
        }
    }
    Ok(())
}

/// `id` and `text` of one line; what is wrong is told without a word of the line.
fn record(line: &[u8]) -> Result<(Value, String), String> {
    let line = std::str::from_utf8(line)
        .map_err(|error| format!("not UTF-8 (byte {})", error.valid_up_to()))?;
    let value: Value = serde_json::from_str(line)
        .map_err(|error| format!("not JSON (column {})", error.column()))?;
    let Value::Object(mut fields) = value else { return Err("not a JSON object".into()) };
    let id = fields.remove("id").filter(|id| id.is_string() || id.is_number());
    let id = id.ok_or("no `id` that is a string or a number")?;
    let Some(Value::String(text)) = fields.remove("text") else {
        return Err("no `text` that is a string".into());
    };
    Ok((id, text))
}

/// Every hit; text that only looks like a placeholder of ours is none.
fn spans(scanner: &Scanner, text: &str) -> Vec<Span> {
    let mut found = Vec::new();
    scanner.scan(text, &mut found);
    found.retain(|span| span.label != scanner.literal());
    found
}

/// One answer of `--jsonl`; the fields stand in the documented order.
#[derive(Serialize)]
struct Answer<'a> {
    id: Value,
    spans: Vec<Row<'a>>,
}

/// One span as it is printed.
#[derive(Serialize)]
struct Row<'a> {
    start: usize,
    end: usize,
    label: &'a str,
    score: f64,
    detector: &'static str,
}

fn rows<'a>(scanner: &'a Scanner, spans: &[Span]) -> Vec<Row<'a>> {
    let row = |span: &Span| Row {
        start: span.start,
        end: span.end,
        label: scanner.label(span.label).as_str(),
        score: share(span.score),
        detector: span.detector,
    };
    spans.iter().map(row).collect()
}

fn in_words(scanner: &Scanner, text: &str, spans: &[Span]) -> String {
    let mut answer = String::new();
    for span in spans {
        let place = format!("{}..{}", span.start, span.end);
        let label = scanner.label(span.label).as_str();
        // Escaped: what a text holds must not steer the terminal that shows it.
        let value = text[span.start..span.end].escape_debug();
        let (score, name) = (share(span.score), span.detector);
        let _ = writeln!(answer, "{place:14} {label:18} {score:.2}  {name:20} {value}");
    }
    answer
}

/// Scores are hundredths inside, and shares outside.
fn share(score: u8) -> f64 {
    f64::from(score) / 100.0
}

/// Every label with what the policy does to it and who finds it.
fn catalogue(policy: &Policy, as_json: bool) -> String {
    let built_in: Vec<(&str, Action)> = labels().collect();
    let own = policy.patterns.iter().map(|(label, _)| label).chain(policy.deny.keys());
    let own: BTreeSet<&str> = own.map(Label::as_str).collect();
    let own = own.into_iter().filter(|own| built_in.iter().all(|(label, _)| label != own));
    let own = own.map(|label| (label, Action::Mask));
    let rows = built_in.iter().copied().chain(own).map(|(label, default)| {
        let is = |known: &Label| known.as_str() == label;
        let named = policy.actions.iter().find(|(known, _)| is(known)).map(|(_, action)| *action);
        let pattern = policy.patterns.iter().any(|(known, _)| is(known)).then_some("pattern");
        let denied = policy.deny.keys().any(is).then_some("deny");
        let own = pattern.into_iter().chain(denied);
        let table = DETECTORS.iter().filter(|row| row.label == label).map(|row| row.name);
        let action = word(named.unwrap_or(default));
        let (action, detectors): (_, Vec<&str>) = match policy.ignore.iter().any(is) {
            true if pattern.or(denied).is_none() => ("ignore", table.collect()),
            true => (action, own.collect()),
            false => (action, table.chain(own).collect()),
        };
        (label, word(default), action, detectors)
    });
    if as_json {
        let rows = rows.map(|(label, default, action, detectors)| {
            json!({
                "label": label, "default": default, "action": action,
                "detectors": detectors,
            })
        });
        return format!("{}\n", Value::Array(rows.collect()));
    }
    let mut text = format!("{:18} {:8} {:8} detectors\n", "label", "default", "action");
    for (label, default, action, detectors) in rows {
        let _ = writeln!(text, "{label:18} {default:8} {action:8} {}", detectors.join(" "));
    }
    text
}

/// As the configuration says it.
fn word(action: Action) -> &'static str {
    match action {
        Action::Allow => "allow",
        Action::Mask => "mask",
        Action::RouteLocal => "route_local",
        Action::Block => "block",
    }
}

/// As long as the longest request body that is read by default.
const MAX_LINE: u64 = 64 << 20;
