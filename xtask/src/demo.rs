//! The whole promise on one screen.

use anyhow::{Result, ensure};

use crate::build::{self, Profile};
use crate::{setup, shell, test};

/// Builds and runs the demonstration.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    ensure!(shell::is_root(), "run this as root: the demo makes namespaces and loads the policy");
    setup::programs(test::PROGRAMS)?;
    shell::run(build::program(Profile::Dev, "demo")?.args(arguments))
}
