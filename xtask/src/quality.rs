//! Figures and a test: what the detectors find on the corpus, against the committed floors.

use anyhow::Result;

use crate::{build, shell};

/// Runs the `quality` program on a release build, or with `--quick` on the one that tests use.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    build::kernel_object()?;
    let mut quality = shell::cargo();
    quality.args(["run", "--quiet", "--package", "prxy-corpus", "--bin", "quality"]);
    if !arguments.iter().any(|word| word == "--quick") {
        quality.arg("--release");
    }
    quality.arg("--").args(arguments.iter().filter(|word| *word != "--quick"));
    shell::run(&mut quality)
}
