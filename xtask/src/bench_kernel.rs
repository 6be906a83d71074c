//! Figures, never a test: what the kernel programs cost.

use anyhow::{Result, ensure};

use crate::build::{self, Profile};
use crate::{setup, shell, test};

/// Builds, then measures the programs of a running daemon; about a minute.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    ensure!(shell::is_root(), "run this as root: it makes namespaces and reads programs");
    ensure!(arguments.is_empty(), "takes no arguments");
    setup::programs(test::PROGRAMS)?;
    setup::programs(&[("iperf3", "iperf3")])?;
    // The programs are optimised in every profile, and the daemon's own speed does not matter here.
    shell::run(&mut build::program(Profile::Dev, "bench-kernel")?)
}
