//! What prxy is made of: crates and their licences, a bill of materials, builds that can be repeated.

mod licence;
mod reproduce;
mod sbom;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::shell;

pub(crate) use reproduce::run as reproduce;
pub(crate) use sbom::run as sbom;

/// A crate of the lock file.
#[derive(Debug)]
struct Crate {
    id: String,
    name: String,
    version: String,
    /// As it says itself; empty if it says nothing.
    licence: String,
    /// Not one of ours.
    is_foreign: bool,
    /// Where cargo has unpacked it.
    folder: PathBuf,
}

/// Crates of the lock file, and which of them each is built on.
struct Crates {
    all: Vec<Crate>,
    /// By package; those that are linked in, not those that only build or test.
    linked: BTreeMap<String, Vec<String>>,
}

impl Crates {
    /// What `cargo metadata` says.
    fn read() -> Result<Self> {
        let mut metadata = shell::cargo();
        metadata.args(["metadata", "--format-version", "1", "--locked"]);
        metadata.args(["--filter-platform", "x86_64-unknown-linux-gnu"]);
        let said: Value = serde_json::from_str(&shell::output(&mut metadata)?)?;
        Self::of(&said)
    }

    fn of(said: &Value) -> Result<Self> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let mut all = Vec::new();
        for package in list(&said["packages"]) {
            let manifest = text(&package["manifest_path"]);
            let folder = Path::new(&manifest).parent().context("a manifest in no folder")?;
            all.push(Crate {
                id: text(&package["id"]),
                name: text(&package["name"]),
                version: text(&package["version"]),
                licence: text(&package["license"]),
                is_foreign: !package["source"].is_null(),
                folder: folder.to_owned(),
            });
        }
        all.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
        let mut linked = BTreeMap::new();
        for node in list(&said["resolve"]["nodes"]) {
            let is_linked =
                |dep: &Value| list(&dep["dep_kinds"]).iter().any(|kind| kind["kind"].is_null());
            let deps = list(&node["deps"]).into_iter().filter(is_linked);
            let deps = deps.map(|dep| text(&dep["pkg"])).collect();
            linked.insert(text(&node["id"]), deps);
        }
        Ok(Self { all, linked })
    }

    /// Everything that is linked into one of ours, itself included.
    fn linked_into(&self, name: &str) -> Result<Vec<&Crate>> {
        let root = self.all.iter().find(|one| one.name == name && !one.is_foreign);
        let mut next = vec![root.with_context(|| format!("no crate {name}"))?.id.clone()];
        let mut seen = BTreeSet::new();
        while let Some(id) = next.pop() {
            if seen.insert(id.clone()) {
                next.extend(self.linked.get(&id).into_iter().flatten().cloned());
            }
        }
        Ok(self.all.iter().filter(|one| seen.contains(&one.id)).collect())
    }
}

/// What is wrong with the licences, each in a sentence.
pub(crate) fn findings() -> Result<Vec<String>> {
    let deny = shell::root().join("deny.toml");
    let rules = std::fs::read_to_string(&deny).context("read deny.toml")?;
    let allowed = licence::allowed(&rules);
    let crates = Crates::read()?;
    Ok(crates.all.iter().filter_map(|one| licence::finding(one, &allowed)).collect())
}

/// The crates that a release holds: the daemon's, those of the kernel object in it, and C sources,
/// which only a build script knows: crates named `…-src`.
fn shipped(crates: &Crates) -> Result<Vec<&Crate>> {
    let mut all = crates.linked_into("prxy-daemon")?;
    let sources = crates.all.iter().filter(|one| one.is_foreign && one.name.ends_with("-src"));
    for one in crates.linked_into("prxy-ebpf")?.into_iter().chain(sources) {
        if all.iter().all(|known| known.id != one.id) {
            all.push(one);
        }
    }
    all.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
    Ok(all)
}

/// Licence texts of everything foreign in a release, one after the other; a crate that brings none is
/// named with what it says of itself.
pub(crate) fn texts() -> Result<String> {
    let crates = Crates::read()?;
    let mut out = String::from(
        "prxy is under the Apache License 2.0, see LICENSE. It holds these crates; their own words:\n",
    );
    for one in shipped(&crates)?.into_iter().filter(|one| one.is_foreign) {
        out += &format!("\n=== {} {} ({})\n", one.name, one.version, one.licence);
        for (name, text) in licence::files(&one.folder)? {
            out += &format!("--- {name}\n{}\n", text.trim_end());
        }
    }
    Ok(out)
}
