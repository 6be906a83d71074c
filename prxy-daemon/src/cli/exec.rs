//! `prxy exec`: a command of the user's own in a role's confinement.

use std::ffi::OsString;

use super::Failure;
use super::arguments::Arguments;

/// Runs it.
pub(super) fn run(
    _arguments: Arguments,
    _env: &dyn Fn(&str) -> Option<OsString>,
) -> Result<(), Failure> {
    Err(anyhow::anyhow!("exec: not there yet").into())
}
