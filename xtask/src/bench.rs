//! Figures, never a test: latency, throughput, memory, start; hits of the caches; every module.

use anyhow::{Result, ensure};

use crate::build::{self, Profile};
use crate::{setup, shell, test};

/// Builds for release and measures against a direct call and nginx, and then each module.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    ensure!(shell::is_root(), "run this as root: the benchmark makes namespaces");
    setup::programs(test::PROGRAMS)?;
    setup::programs(&[("nginx", "nginx-light")])?;
    shell::run(build::program(Profile::Release, "bench")?.args(arguments))?;
    // Inside the process: each module by itself.
    let mut modules = shell::cargo();
    modules.args(["test", "--quiet", "--release", "--package", "prxy-daemon", "--lib", "--"]);
    shell::run(modules.args(["--ignored", "--nocapture", "--exact", FIGURES]))
}

const FIGURES: &str = "pipeline::benchmark::pipeline_figures";
