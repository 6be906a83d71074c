//! Formatting, lints, and the rules that no compiler knows.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::{build, shell, supply};

/// Checks everything and reports all findings at once.
pub(crate) fn run() -> Result<()> {
    shell::run(shell::cargo().args(["fmt", "--all", "--check"]))?;
    build::kernel_object()?;
    let mut clippy = shell::cargo();
    clippy.args(["clippy", "--workspace", "--exclude", "prxy-ebpf", "--all-targets", "--quiet"]);
    shell::run(clippy.args(["--", "--deny", "warnings"]))?;
    let root = shell::root();
    let mut findings = Vec::new();
    for file in files(&root)? {
        check_file(&root, &file, &mut findings)?;
    }
    check_dependencies(&root, &mut findings)?;
    findings.extend(supply::findings()?);
    if findings.is_empty() {
        eprintln!("tidy: ok");
        return Ok(());
    }
    bail!("{} findings\n{}", findings.len(), findings.join("\n"))
}

fn check_file(root: &Path, file: &Path, findings: &mut Vec<String>) -> Result<()> {
    let Ok(text) = fs::read_to_string(root.join(file)) else { return Ok(()) };
    let name = file.display();
    let lines = text.lines().count();
    if lines > MAX_LINES && file.extension().is_some_and(|end| end == "rs" || end == "md") {
        findings.push(format!("{name}: {lines} lines, at most {MAX_LINES}"));
    }
    let allowed = UNSAFE.iter().any(|place| file.starts_with(place));
    for (number, line) in (1..).zip(text.lines()) {
        let code = line.trim_start();
        let is_code = file.extension().is_some_and(|end| end == "rs") && !code.starts_with("//");
        if is_code && !allowed && code.contains(concat!("unsafe", " ")) && !code.contains('"') {
            findings.push(format!("{name}:{number}: unsafe belongs into a sys module"));
        }
        for word in FORBIDDEN {
            let about_paths = ABOUT_PATHS.iter().any(|place| file.starts_with(place));
            if line.contains(word) && !(word.ends_with('/') && about_paths) {
                findings.push(format!("{name}:{number}: {word}"));
            }
        }
    }
    Ok(())
}

/// Every direct dependency of the daemon has its reason written down.
fn check_dependencies(root: &Path, findings: &mut Vec<String>) -> Result<()> {
    let reasons = fs::read_to_string(root.join("docs/DEPENDENCIES.md"))
        .context("read docs/DEPENDENCIES.md")?;
    let manifest = fs::read_to_string(root.join("Cargo.toml")).context("read Cargo.toml")?;
    let section = manifest.split("[workspace.dependencies]").nth(1).unwrap_or_default();
    for line in section.lines().take_while(|line| !line.starts_with('[')) {
        let Some((name, _)) = line.split_once(" = ") else { continue };
        if !name.starts_with("prxy-") && !reasons.contains(&format!("`{name}`")) {
            findings.push(format!("docs/DEPENDENCIES.md: no line for `{name}`"));
        }
    }
    Ok(())
}

fn files(root: &Path) -> Result<Vec<PathBuf>> {
    let mut git = std::process::Command::new("git");
    git.current_dir(root).args(["ls-files", "--cached", "--others", "--exclude-standard"]);
    Ok(shell::output(&mut git)?.lines().map(PathBuf::from).collect())
}

const MAX_LINES: usize = 800;

/// Where `unsafe` may stand.
const UNSAFE: &[&str] = &[
    "prxy-daemon/src/sys",
    "prxy-common/src/records.rs",
    "prxy-ebpf/src",
    "tests/src/sys.rs",
    "xtask/src/tidy.rs",
];

/// Paths of users stand here because they are looked for.
const ABOUT_PATHS: &[&str] = &[
    "prxy-daemon/src/redact/detect",
    "tests/tests/docs_say_what_works.rs",
    "tests/tests/systemd_holds_a_second_layer.rs",
];

/// Left-overs and things that a repository must not carry.
const FORBIDDEN: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("/ho", "me/"),
    concat!("/ro", "ot/"),
    concat!("#[al", "low("),
];
