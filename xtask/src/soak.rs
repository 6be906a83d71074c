//! A long life in a short time, judged: see `tests/src/bin/soak/`.

use anyhow::{Result, ensure};

use crate::build::{self, Profile};
use crate::{setup, shell, test};

/// Builds and runs it; the arguments are the program's.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    ensure!(shell::is_root(), "run this as root: it boots a systemd in namespaces");
    setup::programs(test::PROGRAMS)?;
    let mut soak = build::program(Profile::Dev, "soak")?;
    soak.args(arguments);
    if !arguments.iter().any(|argument| argument == "--plot") {
        soak.arg("--plot").arg(shell::target().join("soak.svg"));
    }
    shell::run(&mut soak)
}
