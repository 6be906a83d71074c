//! The kernel object, then the daemon that embeds it.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::setup::{self, Compiler};
use crate::shell;

/// How the daemon is compiled; the kernel object is always optimised.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    Dev,
    Release,
}

/// The verb `build`.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    match arguments {
        [one] if one == "--kernel" => kernel_object().map(drop),
        _ => all(profile(arguments)?),
    }
}

fn profile(arguments: &[String]) -> Result<Profile> {
    match arguments {
        [] => Ok(Profile::Dev),
        [one] if one == "--release" => Ok(Profile::Release),
        _ => bail!("takes only --release or --kernel"),
    }
}

/// Builds both sides.
pub(crate) fn all(profile: Profile) -> Result<()> {
    kernel_object()?;
    let mut build = shell::cargo();
    build.args(["build", "--package", "prxy-daemon"]);
    if profile == Profile::Release {
        build.arg("--release");
        build.env("CARGO_ENCODED_RUSTFLAGS", anywhere()?.join("\u{1f}")).env_remove("RUSTFLAGS");
    }
    shell::run(&mut build)
}

/// Flags that keep the folders of this machine out of what is built, so that it comes to the same
/// bytes on another one.
fn anywhere() -> Result<Vec<String>> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(std::env::home_dir()?.join(".cargo")));
    let home = home.context("no home folder")?;
    let remap =
        |from: &std::path::Path, to: &str| format!("--remap-path-prefix={}={to}", from.display());
    Ok(vec![
        remap(&home, "cargo"),
        remap(&shell::target(), "target"),
        remap(&shell::root(), "prxy"),
    ])
}

/// Where the daemon is after [`all`].
pub(crate) fn daemon(profile: Profile) -> PathBuf {
    let folder = match profile {
        Profile::Dev => "debug",
        Profile::Release => "release",
    };
    shell::target().join(folder).join("prxy")
}

/// Builds everything; the command that runs a program of the tests on that daemon.
pub(crate) fn program(profile: Profile, name: &str) -> Result<Command> {
    all(profile)?;
    let mut run = shell::cargo();
    run.args(["run", "--quiet", "--package", "prxy-tests", "--bin", name]);
    if profile == Profile::Release {
        run.arg("--release");
    }
    run.env("PRXY_BIN", daemon(profile)).arg("--");
    Ok(run)
}

/// Builds the kernel object and puts it where the daemon's build script looks.
pub(crate) fn kernel_object() -> Result<PathBuf> {
    let compiler = setup::compiler()?;
    let linker = setup::bpf_linker()?;
    let folder = shell::target().join("bpf");
    let mut build = match &compiler {
        Compiler::Pinned => shell::cargo(),
        Compiler::Distribution { libraries } => {
            let mut cargo = Command::new("/usr/bin/cargo");
            cargo.current_dir(shell::root()).env("RUSTC", "/usr/bin/rustc");
            cargo.env("LD_LIBRARY_PATH", libraries);
            cargo
        }
    };
    let tools = linker.parent().context("bpf-linker lies in no folder")?.to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(tools).chain(std::env::split_paths(&path)))?;
    let mut flags = anywhere()?;
    flags.extend(["-Cdebuginfo=2".to_owned(), "-Clink-arg=--btf".to_owned()]);
    build
        .args(["build", "--package", "prxy-ebpf", "--release", "--target", TARGET])
        .args(["-Z", "build-std=core", "--target-dir"])
        .arg(&folder)
        .env("PATH", path)
        // `-Z` on the pinned stable toolchain, for this one build.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"))
        .env_remove("RUSTFLAGS");
    shell::run(&mut build)?;
    let object = folder.join("prxy-ebpf.o");
    let built = folder.join(TARGET).join("release/prxy-ebpf");
    // Rewritten only if it changed, so that the daemon is not rebuilt for nothing.
    let new = std::fs::read(&built).with_context(|| format!("read {}", built.display()))?;
    if std::fs::read(&object).ok().as_deref() != Some(&new) {
        std::fs::write(&object, new)?;
    }
    Ok(object)
}

const TARGET: &str = "bpfel-unknown-none";
