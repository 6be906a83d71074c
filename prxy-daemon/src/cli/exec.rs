//! `prxy exec`: a command of the user's own in a role's confinement.

use std::ffi::OsString;

use super::arguments::{Arguments, UsageError};
use super::{Failure, sources, verify};
use crate::config::Config;

/// Runs it, and ends as it ended.
pub(super) fn run(
    arguments: Arguments,
    env: &dyn Fn(&str) -> Option<OsString>,
) -> Result<(), Failure> {
    let role = verify::role(
        arguments
            .role
            .as_deref()
            .ok_or(UsageError::Program("which role? prxy exec --role ROLE -- PROGRAM"))?,
    )?;
    let program = arguments.program.clone();
    let config = Config::load(&sources(arguments, env))?;
    match crate::verify::exec(role, &config, &program).map_err(anyhow::Error::new)? {
        0 => Ok(()),
        status => Err(Failure::Said(status)),
    }
}
