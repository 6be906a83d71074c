//! `prxy patterns …`: what solved problems, as the daemon keeps it.
//!
//! Everything here may be done while the daemon runs: it notices.

use std::ffi::OsString;
use std::io::Write;

use anyhow::{Context as _, anyhow, bail};
use serde_json::{Value, json};

use super::definition::Verb;
use super::{Arguments, Failure, data_dir, keys, print, vault};
use crate::pipeline::patterns::{Plain, lesson};
use crate::store::TENANT;
use crate::store::patterns::{Counts, Lesson, Pattern, Patterns};

/// Does what the words say.
pub(super) fn run(
    arguments: Arguments,
    env: &dyn Fn(&str) -> Option<OsString>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let ids = match arguments.verb {
        Verb::PatternsShow | Verb::PatternsDelete => ids(&arguments)?,
        _ => Vec::new(),
    };
    let access = keys::access(&arguments, env)?;
    // Before root becomes somebody else, who may not read it.
    let file = match arguments.verb {
        Verb::PatternsImport => Some(vault::read(&arguments.places)?),
        _ => None,
    };
    let (verb, as_json, begin) = (arguments.verb, arguments.json, arguments.tenant);
    let dir = data_dir(arguments.data_dir, env)?.join("state");
    let store = match verb {
        Verb::PatternsImport => vault::open(&dir, &access)?,
        _ => {
            let store = vault::open_existing(&dir, &access)?;
            store.ok_or_else(|| anyhow!("there are no patterns in {}", dir.display()))?
        }
    };
    let kept = store.patterns();
    let tenant = match begin {
        Some(begin) if verb != Verb::PatternsImport => {
            let tenants = kept.tenants().map_err(anyhow::Error::from)?;
            Some(vault::begun(tenants, &begin)?)
        }
        begin => begin,
    };
    let tenant = tenant.as_deref();
    let text = match verb {
        Verb::PatternsShow => show(&kept, &ids, as_json)?,
        Verb::PatternsDelete => delete(&kept, &ids, as_json)?,
        Verb::PatternsClear => {
            count(as_json, "deleted", kept.clear(tenant).map_err(anyhow::Error::from)?)
        }
        Verb::PatternsImport => {
            import(&kept, tenant.unwrap_or(TENANT), as_json, &file.unwrap_or_default())?
        }
        Verb::PatternsExport => {
            all(&kept, tenant)?.iter().map(|it| format!("{}\n", row(it))).collect()
        }
        _ if as_json => format!("{}\n", Value::from_iter(all(&kept, tenant)?.iter().map(row))),
        _ => all(&kept, tenant)?.iter().map(in_a_line).collect(),
    };
    if matches!(verb, Verb::PatternsDelete | Verb::PatternsClear) {
        store.tidy().map_err(anyhow::Error::from)?;
    }
    print(out, &text)
}

fn ids(arguments: &Arguments) -> anyhow::Result<Vec<i64>> {
    if arguments.places.is_empty() {
        bail!("which pattern? Give its number, as `prxy patterns list` prints it");
    }
    let number = |place: &std::path::PathBuf| {
        let text = place.to_string_lossy();
        text.parse()
            .ok()
            .filter(|id| *id > 0)
            .ok_or_else(|| anyhow!("{text:?} is no number of a pattern"))
    };
    arguments.places.iter().map(number).collect()
}

fn all(kept: &Patterns, tenant: Option<&str>) -> anyhow::Result<Vec<Pattern>> {
    Ok(kept.all(tenant)?)
}

fn show(kept: &Patterns, ids: &[i64], as_json: bool) -> anyhow::Result<String> {
    let known = all(kept, None)?;
    let mut rows = Vec::new();
    for id in ids {
        let found = known.iter().find(|pattern| pattern.id == *id);
        rows.push(found.ok_or_else(|| anyhow!("there is no pattern {id}"))?);
    }
    Ok(match as_json {
        true => format!("{}\n", Value::from_iter(rows.into_iter().map(row))),
        false => rows.into_iter().map(in_words).collect(),
    })
}

fn delete(kept: &Patterns, ids: &[i64], as_json: bool) -> anyhow::Result<String> {
    match kept.delete(ids)? {
        Ok(()) => Ok(count(as_json, "deleted", ids.len())),
        Err(id) => bail!("there is no pattern {id}; nothing was deleted"),
    }
}

/// Lines as `export` prints them; what could be restored or is a secret is left out.
fn import(kept: &Patterns, tenant: &str, as_json: bool, text: &str) -> anyhow::Result<String> {
    let plain = Plain::new(None).context("import")?;
    let (mut lessons, mut skipped) = (Vec::new(), 0);
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let line: Value = serde_json::from_str(line)
            .map_err(|_| anyhow!("import: line {} is no JSON", at + 1))?;
        let (Some(problem), Some(remedy)) = (line["problem"].as_str(), line["remedy"].as_str())
        else {
            bail!("import: line {} has no problem and remedy", at + 1);
        };
        match lesson(&plain, problem, remedy, "imported") {
            Some(lesson) => lessons.push((lesson, counts(&line))),
            None => skipped += 1,
        }
    }
    let lessons: Vec<(Lesson, Counts)> = lessons;
    let added = kept.import(tenant, &lessons)?;
    let known = lessons.len() - added;
    Ok(match as_json {
        true => format!("{}\n", json!({ "added": added, "known": known, "skipped": skipped })),
        false => format!("{added} added, {known} known, {skipped} skipped\n"),
    })
}

fn counts(line: &Value) -> Counts {
    let count = |key: &str| line[key].as_u64().unwrap_or(0).min(MOST_COUNTED);
    Counts {
        seen: count("seen").max(1),
        uses: count("uses"),
        successes: count("successes"),
        failures: count("failures"),
    }
}

fn count(as_json: bool, what: &str, patterns: usize) -> String {
    match as_json {
        true => format!("{}\n", json!({ what: patterns })),
        false => format!("{patterns} pattern{} {what}\n", if patterns == 1 { "" } else { "s" }),
    }
}

fn row(pattern: &Pattern) -> Value {
    let rate = (f64::from(pattern.rate()) * 1000.0).round() / 1000.0;
    let Pattern { id, tenant, problem, remedy, evidence, model, conversation, .. } = pattern;
    let Pattern { seen, uses, successes, failures, created, used, .. } = pattern;
    json!({
        "id": id, "tenant": tenant, "problem": problem, "remedy": remedy, "evidence": evidence,
        "model": model, "conversation": conversation, "seen": seen, "uses": uses,
        "successes": successes, "failures": failures, "rate": rate, "created": created, "used": used,
    })
}

fn in_a_line(pattern: &Pattern) -> String {
    let Pattern { id, tenant, problem, seen, uses, .. } = pattern;
    let rate = pattern.rate() * 100.0;
    let tenant = tenant.get(..12).unwrap_or(tenant);
    let end = problem.floor_char_boundary(PROBLEM_IN_LINE);
    // What is in a text must not steer the terminal.
    let problem = &problem[..end];
    format!(
        "{id:>6}  {tenant:12}  seen {seen:>3}  offered {uses:>3}  helps {rate:>3.0} %  {problem:?}\n"
    )
}

fn in_words(pattern: &Pattern) -> String {
    let Pattern { id, tenant, problem, remedy, evidence, model, conversation, .. } = pattern;
    let Pattern { seen, uses, successes, failures, .. } = pattern;
    let rate = pattern.rate() * 100.0;
    format!(
        "pattern {id} of {tenant}\n  problem       {problem:?}\n  what helped   {remedy:?}\n  \
         evidence      {evidence}, model {model:?}, conversation {conversation}\n  \
         seen          {seen}x, offered {uses}x\n  \
         outcomes      {successes} helped, {failures} did not: {rate:.0} %\n"
    )
}

const PROBLEM_IN_LINE: usize = 80;
const MOST_COUNTED: u64 = 1_000_000;
