//! Builds, then starts the daemon as a user would.

use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Result, bail};

use crate::build::{self, Profile};
use crate::shell;

/// Replaces this process by `prxy serve` with the given arguments.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    build::all(Profile::Release)?;
    let daemon = build::daemon(Profile::Release);
    let mut command = if shell::is_root() {
        Command::new(&daemon)
    } else if shell::has("sudo") {
        eprintln!("run: the kernel's policy is loaded by root: asking sudo");
        let mut sudo = Command::new("sudo");
        sudo.arg(format!("--preserve-env={KEYS}")).arg(&daemon);
        sudo
    } else {
        bail!("run this as root: it loads programs into the kernel")
    };
    command.arg("serve").args(arguments);
    eprintln!("$ {} serve {}", daemon.display(), arguments.join(" "));
    Err(command.exec().into())
}

const KEYS: &str = "ANTHROPIC_API_KEY,OPENAI_API_KEY,GOOGLE_API_KEY,GROQ_API_KEY,PRXY_PIPE,\
                    PRXY_LISTEN,PRXY_DATA_DIR";
