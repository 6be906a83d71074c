//! `prxy mask` and `prxy unmask`: the vault's placeholders, tried out on plain text.
//!
//! They may run beside the daemon on the same data directory: the database sees to it that a
//! number is given once.

use std::ffi::OsString;
use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::sync::Arc;

use super::{Arguments, Failure, data_dir, detect, print, vault};
use crate::redact::mask::Masker;
use crate::redact::{Vault, rehydrate};
use crate::store::{Store, TENANT};

/// Prints the text with a placeholder for every value that the policy masks.
pub(super) fn mask(
    arguments: Arguments,
    env: &dyn Fn(&str) -> Option<OsString>,
    input: &mut dyn BufRead,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let (memory, directory) = (arguments.memory, arguments.data_dir.clone());
    let policy = detect::policy(arguments, env)?;
    let masker = Masker::new(&policy).map_err(anyhow::Error::new)?;
    let text = detect::read(input)?;
    let vault: Arc<dyn Vault> = match memory {
        true => Store::of_requests().vault(TENANT),
        false => open(directory, env)?,
    };
    let (masked, _) = masker.text(&text, &*vault).map_err(anyhow::Error::new)?;
    print(out, &masked)
}

/// Prints the text with the original for every placeholder that the vault knows.
pub(super) fn unmask(
    arguments: Arguments,
    env: &dyn Fn(&str) -> Option<OsString>,
    input: &mut dyn BufRead,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let text = detect::read(input)?;
    let vault = open(arguments.data_dir, env)?;
    print(out, &rehydrate::text(&text, &*vault))
}

/// The vault that the daemon of this data directory uses.
fn open(
    directory: Option<PathBuf>,
    env: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Arc<dyn Vault>, Failure> {
    let state = data_dir(directory, env)?.join("state");
    Ok(vault::open(&state)?.vault(TENANT))
}
