//! What CI runs: the script that it calls, so that both cannot differ.

use std::process::Command;

use anyhow::Result;

use crate::shell;

/// Runs `.ci/run`.
pub(crate) fn run() -> Result<()> {
    shell::run(Command::new("bash").arg(shell::root().join(".ci/run")).env("CI", "true"))
}
