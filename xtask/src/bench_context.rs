//! Figures, never a test: what `ipc` and `mcp-optimizer` save.

use anyhow::{Result, ensure};

use crate::build::{self, Profile};
use crate::shell;

/// Builds for release and lets a made-up day of an agent pass the two modules.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    ensure!(arguments.is_empty(), "bench-context takes no arguments");
    shell::run(&mut build::program(Profile::Release, "bench-context")?)
}
