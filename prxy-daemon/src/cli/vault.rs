//! `prxy vault …`: what is in the vault, and how it gets out of it.
//!
//! Everything here may be done while the daemon runs: it notices. Root becomes the user whose
//! files they are, so that no file changes hands.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{IsTerminal as _, Read as _, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use nix::fcntl::{Flock, FlockArg};
use nix::unistd::{Gid, Uid};
use serde_json::{Value, json};

use super::arguments::UsageError;
use super::definition::Verb;
use super::{Arguments, Failure, data_dir, keys, print};
use crate::config::age;
use crate::redact::placeholder::split;
use crate::redact::{Label, Number};
use crate::store::{Access, AnonStore, Entry, Store, TENANT, now};
use crate::sys::privilege;

/// Does what the words say.
pub(super) fn run(
    arguments: Arguments,
    env: &dyn Fn(&str) -> Option<OsString>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let mut wanted = Wanted::of(&arguments)?;
    let access = keys::access(&arguments, env)?;
    // Before root becomes somebody else, who may not read it.
    let file = match arguments.verb {
        Verb::VaultImport => Some(read(&arguments.places)?),
        _ => None,
    };
    let dir = data_dir(arguments.data_dir, env)?.join("state");
    let store = match arguments.verb {
        Verb::VaultImport => open(&dir, &access)?,
        _ => {
            let store = open_existing(&dir, &access)?;
            store.ok_or_else(|| anyhow!("there is no vault in {}", dir.display()))?
        }
    };
    if let Some(begin) = wanted.tenant.take() {
        wanted.tenant = Some(match arguments.verb {
            Verb::VaultImport => begin,
            _ => tenant_of(&store, &begin)?,
        });
    }
    let text = match arguments.verb {
        Verb::VaultShow => show(&store, &wanted)?,
        Verb::VaultDelete => delete(&store, &wanted)?,
        Verb::VaultExpire => expire(&store, &wanted)?,
        Verb::VaultStats => stats(&store, &wanted)?,
        Verb::VaultImport => import(&store, &wanted, file.as_deref().unwrap_or_default())?,
        Verb::VaultExport => return Ok(export(&store, &wanted, out)?),
        _ => return Ok(list(&store, &wanted, out)?),
    };
    print(out, &text)
}

/// The vault that the daemon of this data directory uses; made where there is none.
pub(super) fn open(state: &Path, access: &Access) -> anyhow::Result<Store> {
    become_owner(state)?;
    hold(state)?;
    let opened = keys::opened(access, |access| Store::open_with(state, access));
    opened.map_err(|error| anyhow!("vault: {error}"))
}

/// The same; `None` where there is none.
pub(super) fn open_existing(state: &Path, access: &Access) -> anyhow::Result<Option<Store>> {
    become_owner(state)?;
    hold(state)?;
    let opened = keys::opened(access, |access| Store::open_existing(state, access));
    opened.map_err(|error| anyhow!("vault: {error}"))
}

/// Keeps `prxy encrypt` and its like from putting another directory in its place until this process
/// ends. They are done with what was here when this began.
fn hold(state: &Path) -> anyhow::Result<()> {
    loop {
        let Ok(dir) = File::open(state) else { return Ok(()) };
        let opened = dir.metadata()?.ino();
        let held = Flock::lock(dir, FlockArg::LockShared).map_err(|(_, error)| error)?;
        if state.metadata().is_ok_and(|now| now.ino() == opened) {
            std::mem::forget(held);
            return Ok(());
        }
    }
}

/// Whatever is in the directory was put there by its owner: nothing there is to be done as root.
pub(super) fn become_owner(state: &Path) -> anyhow::Result<()> {
    let Ok(known) = state.symlink_metadata() else { return Ok(()) };
    if nix::unistd::geteuid().is_root() && known.uid() != 0 {
        let (uid, gid) = (Uid::from_raw(known.uid()), Gid::from_raw(known.gid()));
        privilege::become_user(uid, gid).context("vault: cannot become its owner")?;
    }
    Ok(())
}

/// What the options and words ask for.
struct Wanted {
    names: Vec<(String, Number)>,
    tenant: Option<String>,
    label: Option<String>,
    values: bool,
    json: bool,
    before: Option<i64>,
    anon: bool,
}

impl Wanted {
    fn of(arguments: &Arguments) -> Result<Self, Failure> {
        let named = matches!(arguments.verb, Verb::VaultShow | Verb::VaultDelete);
        let mut names = Vec::new();
        for place in arguments.places.iter().filter(|_| named) {
            let text = place.to_string_lossy();
            let name = text.trim_start_matches('<').trim_end_matches('>');
            let (label, number) = split(name).ok_or_else(|| {
                anyhow!("{name:?} is no placeholder such as EMAIL_1 or EMAIL_1_2")
            })?;
            names.push((label.to_owned(), number));
        }
        if named && names.is_empty() {
            return Err(anyhow!("which placeholder? For instance EMAIL_1").into());
        }
        let label = match &arguments.label {
            Some(label) if Label::new(label).is_none() => {
                return Err(anyhow!("{label:?} is no label such as EMAIL").into());
            }
            label => label.clone(),
        };
        let before = match &arguments.older_than {
            None => None,
            Some(text) => {
                let known =
                    || "a number of days, hours, minutes or seconds, such as 30d".to_owned();
                let wrong = || UsageError::UnknownValue {
                    option: "older-than",
                    value: text.clone(),
                    known: known(),
                };
                let age = age(text).ok_or_else(wrong)?;
                Some(now().saturating_sub_unsigned(age.as_secs()))
            }
        };
        let anon = match arguments.format.as_deref() {
            None | Some("jsonl") => false,
            Some("anon-proxy") => true,
            Some(other) => {
                let (value, known) = (other.to_owned(), "jsonl, anon-proxy".to_owned());
                return Err(UsageError::UnknownValue { option: "format", value, known }.into());
            }
        };
        let Arguments { tenant, values, json, .. } = arguments;
        Ok(Self {
            names,
            tenant: tenant.clone(),
            label,
            values: *values,
            json: *json,
            before,
            anon,
        })
    }

    fn tenant(&self) -> &str {
        self.tenant.as_deref().unwrap_or(TENANT)
    }
}

/// The tenant whose name begins so.
pub(super) fn tenant_of(store: &Store, begin: &str) -> anyhow::Result<String> {
    begun(store.tenants()?, begin)
}

/// The one of these names that begins so.
pub(super) fn begun(tenants: Vec<String>, begin: &str) -> anyhow::Result<String> {
    if tenants.iter().any(|tenant| tenant == begin) {
        return Ok(begin.to_owned());
    }
    let mut found = tenants.into_iter().filter(|tenant| tenant.starts_with(begin));
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (None, _) => bail!("no tenant's name begins with {begin:?}"),
        _ => bail!("the names of several tenants begin with {begin:?}"),
    }
}

fn list(store: &Store, wanted: &Wanted, out: &mut dyn Write) -> anyhow::Result<()> {
    let (mut first, mut written) = (true, Ok(()));
    store.entries(wanted.tenant.as_deref(), wanted.label.as_deref(), &mut |entry| {
        let line = match wanted.json {
            true => format!("{}{}", if first { "[" } else { ",\n" }, row(&entry, wanted.values)),
            false => in_words(&entry, wanted.values),
        };
        first = false;
        written = out.write_all(line.as_bytes());
        written.is_ok()
    })?;
    if let (true, Ok(())) = (wanted.json, &written) {
        written = out.write_all(if first { b"[]\n" } else { b"]\n" });
    }
    closed(written.and_then(|()| out.flush()))
}

fn show(store: &Store, wanted: &Wanted) -> anyhow::Result<String> {
    let values = wanted.values || std::io::stdout().is_terminal();
    let mut rows = Vec::new();
    for (label, number) in &wanted.names {
        let entry = store.entry(wanted.tenant(), label, *number)?;
        rows.push(entry.ok_or_else(|| anyhow!("the vault has no <{label}_{number}>"))?);
    }
    Ok(match wanted.json {
        true => format!("{}\n", Value::from_iter(rows.iter().map(|entry| row(entry, values)))),
        false => rows.iter().map(|entry| in_words(entry, values)).collect(),
    })
}

fn delete(store: &Store, wanted: &Wanted) -> anyhow::Result<String> {
    let mut gone = 0;
    for (label, number) in &wanted.names {
        match store.delete(wanted.tenant(), label, *number)? {
            0 => bail!("the vault has no <{label}_{number}>; {gone} entries were deleted"),
            entries => gone += entries,
        }
    }
    store.tidy()?;
    Ok(count(wanted, "deleted", gone))
}

fn expire(store: &Store, wanted: &Wanted) -> anyhow::Result<String> {
    let before = wanted.before.ok_or_else(|| anyhow!("older than what? Give --older-than 30d"))?;
    let gone = store.expire(before)?;
    store.tidy()?;
    Ok(count(wanted, "deleted", gone))
}

fn count(wanted: &Wanted, what: &str, entries: u64) -> String {
    match wanted.json {
        true => format!("{}\n", json!({ what: entries })),
        false => format!("{entries} {} {what}\n", if entries == 1 { "entry" } else { "entries" }),
    }
}

fn stats(store: &Store, wanted: &Wanted) -> anyhow::Result<String> {
    let stats = store.stats()?;
    if wanted.json {
        let rows = stats.iter().map(|row| {
            json!({ "tenant": row.tenant, "label": row.label, "entries": row.entries, "last": row.last })
        });
        return Ok(format!("{}\n", Value::from_iter(rows)));
    }
    let mut text = String::new();
    for row in &stats {
        let (tenant, label) = (short(&row.tenant), &row.label);
        text.push_str(&format!("{tenant:12}  {label:20}  {:>9}  last {}\n", row.entries, row.last));
    }
    text.push_str(&format!("{} entries\n", stats.iter().map(|row| row.entries).sum::<u64>()));
    Ok(text)
}

fn import(store: &Store, wanted: &Wanted, text: &str) -> anyhow::Result<String> {
    let file = AnonStore::read(text).context("import")?;
    let done = store.import(wanted.tenant(), &file.entries, &file.last)?;
    let (added, renumbered, known, skipped) =
        (done.added, done.renumbered, done.known, file.skipped);
    Ok(match wanted.json {
        true => format!(
            "{}\n",
            json!({ "added": added, "renumbered": renumbered, "known": known, "skipped": skipped })
        ),
        false => format!(
            "{added} added, {renumbered} added under new numbers, {known} known, {skipped} skipped\n"
        ),
    })
}

/// Values in the open: that is what it is for.
fn export(store: &Store, wanted: &Wanted, out: &mut dyn Write) -> anyhow::Result<()> {
    if !wanted.anon {
        let mut written = Ok(());
        store.entries(wanted.tenant.as_deref(), wanted.label.as_deref(), &mut |entry| {
            written = writeln!(out, "{}", row(&entry, true));
            written.is_ok()
        })?;
        return closed(written.and_then(|()| out.flush()));
    }
    let mut entries = Vec::new();
    store.entries(Some(wanted.tenant()), wanted.label.as_deref(), &mut |entry| {
        entries.push(entry);
        true
    })?;
    let counted = |label: &str| wanted.label.as_deref().is_none_or(|wanted| wanted == label);
    let last: BTreeMap<String, u32> = store
        .stats()?
        .into_iter()
        .filter(|row| row.tenant == wanted.tenant() && counted(&row.label))
        .map(|row| (row.label, row.last))
        .collect();
    closed(out.write_all(AnonStore::write(&entries, &last).as_bytes()).and_then(|()| out.flush()))
}

fn row(entry: &Entry, values: bool) -> Value {
    let mut row = json!({
        "placeholder": entry.placeholder(),
        "label": entry.label,
        "tenant": entry.tenant,
        "created": entry.created,
        "used": entry.used,
        "bytes": entry.value.len(),
    });
    if values {
        row["value"] = json!(entry.value);
    }
    row
}

fn in_words(entry: &Entry, values: bool) -> String {
    let days = |at: i64| at.div_euclid(24 * 3600);
    let ago = |at: i64| (days(now()) - days(at)).max(0);
    let (placeholder, tenant) = (entry.placeholder(), short(&entry.tenant));
    let (created, used) = (ago(entry.created), ago(entry.used));
    // What is in a value must not steer the terminal.
    let value = if values { format!("  {:?}", entry.value) } else { String::new() };
    format!("{placeholder:24}  {tenant:12}  made {created} days ago, used {used} days ago{value}\n")
}

/// Enough of a SHA-256 to name it.
fn short(tenant: &str) -> &str {
    tenant.get(..12).unwrap_or(tenant)
}

/// A file of a size that fits into memory.
pub(super) fn read(places: &[PathBuf]) -> anyhow::Result<String> {
    let [file] = places else { bail!("which file? Give one, or - for standard input") };
    let mut bytes = Vec::new();
    let named = || format!("cannot read {}", file.display());
    match file.as_os_str() == "-" {
        true => std::io::stdin().take(MAX_FILE + 1).read_to_end(&mut bytes),
        false => std::fs::File::open(file)
            .with_context(named)?
            .take(MAX_FILE + 1)
            .read_to_end(&mut bytes),
    }
    .with_context(named)?;
    if bytes.len() as u64 > MAX_FILE {
        bail!("{} has more than {MAX_FILE} bytes", file.display());
    }
    String::from_utf8(bytes).map_err(|_| anyhow!("{} is not UTF-8", file.display()))
}

/// Whoever reads has seen enough.
fn closed(written: std::io::Result<()>) -> anyhow::Result<()> {
    match written {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(anyhow::Error::new(error).context("cannot write the answer"))
        }
        _ => Ok(()),
    }
}

const MAX_FILE: u64 = 1 << 30;
