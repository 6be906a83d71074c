//! A bill of materials of a release in CycloneDX 1.5, <https://cyclonedx.org/docs/1.5/json/>.

use std::fs;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::{Crate, Crates, shipped};
use crate::shell;

/// Writes it to the file that is named, or prints it.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let bill = serde_json::to_string_pretty(&bill(&Crates::read()?)?)?;
    match arguments {
        [] => println!("{bill}"),
        [file] => fs::write(file, bill + "\n").with_context(|| format!("write {file}"))?,
        _ => anyhow::bail!("takes one file, or nothing"),
    }
    Ok(())
}

fn bill(crates: &Crates) -> Result<Value> {
    let sums = sums(&fs::read_to_string(shell::root().join("Cargo.lock"))?);
    let (ours, foreign): (Vec<_>, Vec<_>) =
        shipped(crates)?.into_iter().partition(|one| !one.is_foreign);
    let prxy = ours.iter().find(|one| one.name == "prxy-daemon").context("no daemon")?;
    let reference = |one: &Crate| format!("pkg:cargo/{}@{}", one.name, one.version);
    let component = |one: &&Crate| {
        let sum =
            sums.iter().find(|(name, version, _)| *name == one.name && *version == one.version);
        let mut component = json!({
            "type": "library",
            "bom-ref": reference(one),
            "name": one.name,
            "version": one.version,
            "purl": reference(one),
            "licenses": [{ "expression": one.licence.replace('/', " OR ") }],
        });
        if let Some((_, _, sum)) = sum {
            component["hashes"] = json!([{ "alg": "SHA-256", "content": sum }]);
        }
        component
    };
    let mut components: Vec<Value> = foreign.iter().map(component).collect();
    // SQLCipher's AES is the system's.
    components.push(json!({
        "type": "library", "bom-ref": "libcrypto", "name": "libcrypto",
        "description": "OpenSSL's libcrypto of the system that prxy runs on, linked when it starts",
    }));
    let by_id = |id: &String| crates.all.iter().find(|one| one.id == *id);
    let dependencies = ours.iter().chain(&foreign).map(|one| {
        let on = crates.linked.get(&one.id).into_iter().flatten().filter_map(by_id);
        json!({ "ref": reference(one), "dependsOn": on.map(reference).collect::<Vec<_>>() })
    });
    let dependencies: Vec<Value> = dependencies.collect();
    components.extend(ours.iter().filter(|one| one.id != prxy.id).map(component));
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": { "component": {
            "type": "application", "bom-ref": reference(prxy), "name": "prxy",
            "version": prxy.version, "licenses": [{ "expression": prxy.licence }],
        } },
        "components": components,
        "dependencies": dependencies,
    }))
}

/// Name, version and SHA-256 of what the lock file pins.
fn sums(lock: &str) -> Vec<(String, String, String)> {
    let field = |block: &str, key: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = \""));
        line.map(|value| value.trim_end_matches('"').to_owned())
    };
    let row = |block: &str| {
        Some((field(block, "name")?, field(block, "version")?, field(block, "checksum")?))
    };
    lock.split("[[package]]").filter_map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_foreign_crate_of_a_release_is_in_the_bill_with_its_hash_and_licence() {
        let crates = Crates::read().unwrap();
        let bill = bill(&crates).unwrap();
        let components = bill["components"].as_array().unwrap();
        let named = |name: &str| components.iter().find(|one| one["name"] == name);
        for name in ["rustls", "hyper", "rusqlite", "aya", "aya-ebpf", "regex-automata"] {
            let one = named(name).unwrap_or_else(|| panic!("no {name}"));
            assert_eq!(one["hashes"][0]["content"].as_str().unwrap().len(), 64, "{name}");
            assert!(!one["licenses"][0]["expression"].as_str().unwrap().is_empty(), "{name}");
        }
        for tests_only in ["proptest", "rcgen", "libfuzzer-sys", "tempfile"] {
            assert!(named(tests_only).is_none(), "{tests_only}");
        }
        // Whatever something depends on is in the bill.
        let known = |reference: &Value| {
            components.iter().any(|one| one["bom-ref"] == *reference)
                || bill["metadata"]["component"]["bom-ref"] == *reference
        };
        for row in bill["dependencies"].as_array().unwrap() {
            assert!(known(&row["ref"]), "{row}");
            assert!(row["dependsOn"].as_array().unwrap().iter().all(known), "{row}");
        }
    }
}
