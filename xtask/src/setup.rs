//! What the build needs beyond the pinned toolchain, found or installed, and said plainly.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::shell;

/// Who compiles the kernel side.
pub(crate) enum Compiler {
    /// The pinned toolchain, with its `rust-src`.
    Pinned,
    /// Debian's matching pair, where rustup has no network.
    Distribution {
        /// A folder that holds `libLLVM.so`, for bpf-linker.
        libraries: PathBuf,
    },
}

/// Finds or installs everything that building needs.
pub(crate) fn all() -> Result<()> {
    compiler()?;
    bpf_linker()?;
    // SQLCipher takes its AES from it.
    packages(&[("", "libssl-dev")])
}

/// A compiler that can build `core` for the kernel's virtual machine.
pub(crate) fn compiler() -> Result<Compiler> {
    if std::env::var_os(FORCE_DISTRIBUTION).is_none() {
        if has_rust_src()? {
            return Ok(Compiler::Pinned);
        }
        eprintln!("setup: the kernel side compiles `core` itself and needs rust-src: adding it");
        let mut rustup = Command::new("rustup");
        rustup.args(["component", "add", "rust-src", "--toolchain", TOOLCHAIN]);
        if shell::run(&mut rustup).is_ok() && has_rust_src()? {
            return Ok(Compiler::Pinned);
        }
        eprintln!("setup: rustup could not add it: trying the distribution's compiler");
    }
    packages(&[
        ("/usr/lib/rustlib-web", "rust-web-src"),
        ("/usr/bin/rustc", "rustc-web"),
        ("/usr/bin/cargo", "cargo-web"),
        ("", "rust-web-llvm"),
    ])
    .context("neither rustup nor the distribution offers rust-src")?;
    let libraries = shell::target().join("tools/llvm");
    std::fs::create_dir_all(&libraries)?;
    let llvm = newest_llvm()?;
    let link = libraries.join("libLLVM.so");
    if !link.exists() {
        std::os::unix::fs::symlink(llvm, link)?;
    }
    Ok(Compiler::Distribution { libraries })
}

/// The linker for the kernel's object format, built once into the target folder.
pub(crate) fn bpf_linker() -> Result<PathBuf> {
    let tools = shell::target().join("tools");
    let linker = tools.join("bin/bpf-linker");
    let version = Command::new(&linker).arg("--version").output();
    if version.is_ok_and(|out| String::from_utf8_lossy(&out.stdout).contains(BPF_LINKER)) {
        return Ok(linker);
    }
    eprintln!(
        "setup: building bpf-linker {BPF_LINKER} into {} (about two minutes)",
        tools.display()
    );
    let mut install = shell::cargo();
    install.args(["install", "--locked", "--version", BPF_LINKER, "--root"]).arg(&tools);
    install.arg("bpf-linker").env_remove("CARGO_TARGET_DIR");
    shell::run(&mut install)?;
    Ok(linker)
}

/// Programs that tests and benchmarks start, as Debian packages.
pub(crate) fn programs(wanted: &[(&str, &str)]) -> Result<()> {
    let missing: Vec<_> =
        wanted.iter().filter(|(program, _)| !shell::has(program)).copied().collect();
    if missing.is_empty() {
        return Ok(());
    }
    install(&missing.iter().map(|(_, package)| *package).collect::<Vec<_>>())
}

/// Python with its `venv` module, which Debian packages apart.
pub(crate) fn python() -> Result<()> {
    let mut venv = Command::new("python3");
    if shell::succeeds(venv.args(["-c", "import venv, ensurepip"])) {
        return Ok(());
    }
    install(&["python3", "python3-venv"])
}

fn packages(wanted: &[(&str, &str)]) -> Result<()> {
    let installed =
        |package: &str| shell::succeeds(Command::new("dpkg").args(["--status", package]));
    let missing: Vec<_> =
        wanted.iter().map(|(_, package)| *package).filter(|package| !installed(package)).collect();
    if missing.is_empty() { Ok(()) } else { install(&missing) }
}

fn install(packages: &[&str]) -> Result<()> {
    let names = packages.join(" ");
    if !shell::is_root() || !shell::has("apt-get") {
        bail!("missing packages; install them with `apt-get install {names}`");
    }
    eprintln!("setup: installing {names}");
    let mut apt = Command::new("apt-get");
    apt.args(["install", "--yes", "--no-install-recommends"]).args(packages);
    apt.env("DEBIAN_FRONTEND", "noninteractive");
    if shell::run(&mut apt).is_ok() {
        return Ok(());
    }
    shell::run(Command::new("apt-get").arg("update"))?;
    shell::run(&mut apt)
}

fn has_rust_src() -> Result<bool> {
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    let sysroot = shell::output(rustc.current_dir(shell::root()).args(["--print", "sysroot"]))?;
    Ok(PathBuf::from(sysroot).join("lib/rustlib/src/rust/library/core/src/lib.rs").is_file())
}

fn newest_llvm() -> Result<PathBuf> {
    let dirs = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib"];
    let mut found: Vec<_> = dirs
        .iter()
        .filter_map(|dir| std::fs::read_dir(dir).ok())
        .flatten()
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.file_name().is_some_and(|n| n.to_string_lossy().starts_with("libLLVM")))
        .collect();
    found.sort();
    found.pop().context("the distribution's compiler came without libLLVM")
}

/// As in `rust-toolchain.toml`.
const TOOLCHAIN: &str = "1.95.0";
/// The last version that finds LLVM inside the toolchain.
const BPF_LINKER: &str = "0.10.3";
/// Set to try the path that a machine without rustup's network takes.
const FORCE_DISTRIBUTION: &str = "PRXY_XTASK_DISTRIBUTION_COMPILER";
