//! `prxy cache …`: the answers that are kept to be given again.
//!
//! Everything here may be done while the daemon runs: it looks into the database each time.

use std::ffi::OsString;
use std::io::Write;

use anyhow::anyhow;
use serde_json::{Value, json};

use super::arguments::UsageError;
use super::definition::Verb;
use super::{Arguments, Failure, data_dir, keys, print, vault};
use crate::store::{Kept, StoreError, Which, now};

/// Does what the words say.
pub(super) fn run(
    arguments: &Arguments,
    env: &dyn Fn(&str) -> Option<OsString>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let wanted = wanted(arguments)?;
    let access = keys::access(arguments, env)?;
    let dir = data_dir(arguments.data_dir.clone(), env)?.join("state");
    let store = vault::open_existing(&dir, &access)?;
    let store = store.ok_or_else(|| anyhow!("there are no answers in {}", dir.display()))?;
    let of = |which: Which| Ok((which, store.kept(which)?));
    let kept: Result<Vec<(Which, Kept)>, StoreError> = wanted.into_iter().map(of).collect();
    let kept = kept.map_err(anyhow::Error::from)?;
    let clears = arguments.verb == Verb::CacheClear;
    if clears {
        for (which, _) in &kept {
            store.forget(*which).map_err(anyhow::Error::from)?;
        }
        store.tidy().map_err(anyhow::Error::from)?;
    }
    let text = match (arguments.json, clears) {
        (true, false) => format!("{}\n", kept.iter().map(row).collect::<Value>()),
        (true, true) => {
            let deleted: u64 = kept.iter().map(|(_, kept)| kept.answers).sum();
            format!("{}\n", json!({ "deleted": deleted }))
        }
        (false, false) => kept.iter().map(in_words).collect(),
        (false, true) => kept
            .iter()
            .map(|(which, kept)| format!("{}: {} answers deleted\n", which.module(), kept.answers))
            .collect(),
    };
    print(out, &text)
}

fn wanted(arguments: &Arguments) -> Result<Vec<Which>, UsageError> {
    let named: Vec<_> = arguments.places.iter().map(|place| place.to_string_lossy()).collect();
    match named.iter().map(AsRef::as_ref).collect::<Vec<_>>()[..] {
        [] => Ok(vec![Which::Exact, Which::Semantic]),
        ["exact" | "exact-cache"] => Ok(vec![Which::Exact]),
        ["semantic" | "semantic-cache"] => Ok(vec![Which::Semantic]),
        _ => Err(UsageError::Cache),
    }
}

fn row((which, kept): &(Which, Kept)) -> Value {
    let Kept { answers, bytes, oldest, used } = kept;
    let module = which.module();
    json!({ "cache": module, "answers": answers, "bytes": bytes, "oldest": oldest, "used": used })
}

fn in_words((which, kept): &(Which, Kept)) -> String {
    let ago = |at: Option<i64>| match at.map(|at| (now() - at).max(0)) {
        None => "never".to_owned(),
        Some(secs) if secs < 2 * 3600 => format!("{} min ago", secs / 60),
        Some(secs) if secs < 2 * 24 * 3600 => format!("{} h ago", secs / 3600),
        Some(secs) => format!("{} days ago", secs / (24 * 3600)),
    };
    let Kept { answers, bytes, oldest, used } = kept;
    let (module, kib) = (which.module(), bytes.div_ceil(1024));
    let (oldest, used) = (ago(*oldest), ago(*used));
    format!("{module:14}  {answers:>8} answers  {kib:>8} KiB  oldest {oldest}, used {used}\n")
}
