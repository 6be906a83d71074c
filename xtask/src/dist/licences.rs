//! The licences of what is linked into the binary, from the crates' own sources.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::shell;

/// Every crate with its licence, then every text once, with those that it stands for.
pub(super) fn all() -> Result<String> {
    let mut metadata = shell::cargo();
    metadata.args(["metadata", "--locked", "--format-version=1", "--filter-platform"]);
    let metadata =
        shell::output(metadata.arg(format!("{}-unknown-linux-gnu", std::env::consts::ARCH)))?;
    let metadata: Value = serde_json::from_str(&metadata).context("read cargo's metadata")?;
    let linked = linked(&metadata);
    let mut list = String::from(HEAD);
    let mut texts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut packages: Vec<_> = array(&metadata["packages"]).collect();
    packages.sort_by_key(|package| (text(&package["name"]), text(&package["version"])));
    for package in packages {
        // Our own have no source, and a licence file of their own.
        if package["source"].is_null() || !linked.contains(text(&package["id"])) {
            continue;
        }
        let name = format!("{} {}", text(&package["name"]), text(&package["version"]));
        let licence = package["license"].as_str().unwrap_or("see its text");
        writeln!(list, "{name}: {licence}")?;
        let manifest = Path::new(text(&package["manifest_path"]));
        let folder = manifest.parent().context("a manifest lies in a folder")?;
        for found in texts_in(folder, 1)? {
            texts.entry(found).or_default().insert(name.clone());
        }
    }
    for (found, names) in texts {
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        write!(list, "\n{RULE}\n{}\n{RULE}\n\n{}\n", names.join(", "), found.trim_end())?;
    }
    Ok(list)
}

/// The packages that end up in the binary or in the kernel object in it.
fn linked(metadata: &Value) -> BTreeSet<&str> {
    let nodes: BTreeMap<_, _> =
        array(&metadata["resolve"]["nodes"]).map(|node| (text(&node["id"]), node)).collect();
    let ours = array(&metadata["packages"])
        .filter(|package| ["prxy-daemon", "prxy-ebpf"].contains(&text(&package["name"])));
    let mut wanted: Vec<_> = ours.map(|package| text(&package["id"])).collect();
    let mut linked = BTreeSet::new();
    while let Some(id) = wanted.pop() {
        if !linked.insert(id) {
            continue;
        }
        let Some(node) = nodes.get(id) else { continue };
        for dependency in array(&node["deps"]) {
            // Neither what builds it nor what tests it.
            if array(&dependency["dep_kinds"]).any(|kind| kind["kind"].is_null()) {
                wanted.push(text(&dependency["pkg"]));
            }
        }
    }
    linked
}

/// Texts in a crate's folder, and in those just below it: C sources bring their own.
fn texts_in(folder: &Path, depth: u8) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_uppercase();
        if path.is_dir() {
            if depth > 0 {
                found.extend(texts_in(&path, depth - 1)?);
            }
        } else if NAMES.iter().any(|start| name.starts_with(start)) {
            found.insert(String::from_utf8_lossy(&fs::read(&path)?).into_owned());
        }
    }
    Ok(found)
}

fn array(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

const NAMES: &[&str] = &["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE", "UNLICENSE"];
const RULE: &str = "----------------------------------------------------------------------------";
const HEAD: &str = "\
What is linked into prxy beside its own code, and under which licence. The texts follow; where two
licences are joined by OR, prxy takes either. The standard library of Rust is linked as well:
MIT OR Apache-2.0, copyright the Rust project contributors.

";
