//! Random bytes, guided by coverage, at every parser, for a bounded time.
//!
//! libFuzzer and the compiler's own coverage counters; the pinned stable toolchain has both, so no
//! nightly is needed. There is no address sanitizer: the code under test holds no `unsafe`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::{build, setup, shell};

/// Runs every target, or those that are named, each for a bounded time.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let wanted = Wanted::read(arguments)?;
    let targets = targets()?;
    if let Some(unknown) = wanted.names.iter().find(|name| !targets.contains(name)) {
        bail!("no target `{unknown}`; one of: {}", targets.join(", "));
    }
    let program = build()?;
    let mut found = Vec::new();
    for target in &targets {
        if wanted.names.is_empty() || wanted.names.contains(target) {
            found.extend(attack(&program, target, wanted.seconds)?);
        }
    }
    if found.is_empty() {
        return Ok(());
    }
    let list: Vec<String> = found.iter().map(|file| file.display().to_string()).collect();
    bail!(
        "{} findings; once fixed, move the input to fuzz/seeds:\n{}",
        found.len(),
        list.join("\n")
    )
}

struct Wanted {
    seconds: u32,
    names: Vec<String>,
}

impl Wanted {
    fn read(arguments: &[String]) -> Result<Self> {
        let mut wanted = Self { seconds: SECONDS, names: Vec::new() };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            if word == "--seconds" {
                let seconds = words.next().context("--seconds needs a number")?;
                wanted.seconds = seconds.parse().context("--seconds needs a number")?;
                ensure!(wanted.seconds > 0, "--seconds needs a number above 0");
            } else if word.starts_with('-') {
                bail!("unknown option {word}");
            } else {
                wanted.names.push(word.clone());
            }
        }
        Ok(wanted)
    }
}

/// The names in the table of `fuzz/src/lib.rs`; each has a folder of seeds.
fn targets() -> Result<Vec<String>> {
    let table = std::fs::read_to_string(shell::root().join("fuzz/src/lib.rs"))?;
    let named = table.split("name: \"").skip(1).filter_map(|rest| rest.split('"').next());
    Ok(named.map(str::to_owned).collect())
}

/// The program with all targets in it, instrumented.
fn build() -> Result<PathBuf> {
    setup::programs(&[("c++", "g++")])?;
    let object = build::kernel_object()?;
    let host = host()?;
    let mut build = shell::cargo();
    // A target of its own, so that build scripts and macros are not instrumented.
    build.args(["build", "--package", "prxy-fuzz", "--profile", "fuzz", "--target", &host]);
    build.env("CARGO_ENCODED_RUSTFLAGS", INSTRUMENTS.join("\u{1f}")).env_remove("RUSTFLAGS");
    shell::run(build.env("PRXY_BPF_OBJECT", object))?;
    Ok(shell::target().join(host).join("fuzz/fuzz"))
}

fn host() -> Result<String> {
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    let version = shell::output(rustc.current_dir(shell::root()).arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc does not say its host")?.to_owned())
}

/// What libFuzzer wrote down as a finding, if it found something.
fn attack(program: &Path, target: &str, seconds: u32) -> Result<Option<PathBuf>> {
    let kept = shell::target().join("fuzz-corpus").join(target);
    let findings = shell::target().join("fuzz-findings").join(target);
    for folder in [&kept, &findings] {
        std::fs::create_dir_all(folder)?;
    }
    let before = files(&findings)?;
    let mut fuzz = Command::new(program);
    fuzz.env("PRXY_FUZZ_TARGET", target).arg(&kept);
    fuzz.arg(shell::root().join("fuzz/seeds").join(target));
    fuzz.arg(format!("-max_total_time={seconds}"));
    fuzz.arg(format!("-artifact_prefix={}/", findings.display()));
    fuzz.args(["-timeout=10", "-rss_limit_mb=2048", "-max_len=4096", "-verbosity=0"]);
    fuzz.args(["-print_final_stats=1", "-use_value_profile=1"]);
    eprintln!("fuzz: {target}, {seconds} s");
    let ended = shell::run(&mut fuzz);
    let new = files(&findings)?.into_iter().find(|file| !before.contains(file));
    match (ended, new) {
        (Ok(()), _) => Ok(None),
        (Err(_), Some(file)) => Ok(Some(file)),
        (Err(error), None) => Err(error),
    }
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder)?;
    Ok(entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?)
}

/// As cargo-fuzz sets them.
const INSTRUMENTS: &[&str] = &[
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];
/// For each target, unless told otherwise.
const SECONDS: u32 = 60;
