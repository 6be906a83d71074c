//! The whole promise on one screen.

use anyhow::{Result, ensure};

use crate::build::{self, Profile};
use crate::{setup, shell, test};

/// Builds and runs the demonstration.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    ensure!(shell::is_root(), "run this as root: the demo makes namespaces and loads the policy");
    setup::programs(test::PROGRAMS)?;
    build::all(Profile::Dev)?;
    let mut demo = shell::cargo();
    demo.args(["run", "--quiet", "--package", "prxy-tests", "--bin", "demo", "--"]);
    demo.args(arguments).env("PRXY_BIN", build::daemon(Profile::Dev));
    shell::run(&mut demo)
}
