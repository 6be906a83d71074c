//! All tests: units, then one file per promise against the real daemon in real namespaces.

use anyhow::{Result, ensure};

use crate::build::{self, Profile};
use crate::{model, setup, shell};

/// Builds both sides and runs every test. Extra arguments go to `cargo test`.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let all = ["--workspace", "--exclude", "prxy-ebpf"].map(str::to_owned);
    run_these(&[&all[..], arguments].concat())
}

/// Builds both sides and runs the tests that these arguments of `cargo test` choose.
pub(crate) fn run_these(arguments: &[String]) -> Result<()> {
    ensure!(shell::is_root(), "run this as root: the tests make namespaces, cgroups and captures");
    setup::programs(PROGRAMS)?;
    setup::python()?;
    if let Err(error) = model::fetch() {
        ensure!(std::env::var_os("CI").is_none(), "no local model: {error:#}");
        eprintln!("test: no local model, its tests are SKIPPED: {error:#}");
    }
    build::all(Profile::Dev)?;
    let mut test = shell::cargo();
    // One failure does not hide another.
    test.args(["test", "--no-fail-fast"]).args(arguments);
    test.env("PRXY_BIN", build::daemon(Profile::Dev));
    shell::run(&mut test)
}

/// Programs that the harness starts, with their Debian packages.
pub(crate) const PROGRAMS: &[(&str, &str)] = &[
    ("ip", "iproute2"),
    ("tcpdump", "tcpdump"),
    ("curl", "curl"),
    ("openssl", "openssl"),
    ("systemctl", "systemd"),
    ("nsenter", "util-linux"),
    ("node", "nodejs"),
    ("npm", "npm"),
    ("python3", "python3"),
    ("jq", "jq"),
    ("strace", "strace"),
    ("podman", "podman"),
    ("crun", "crun"),
    ("man", "man-db"),
    ("groff", "groff-base"),
    ("zsh", "zsh"),
    ("fish", "fish"),
];
