//! `prxy mask` and `prxy unmask`: the vault's placeholders, tried out on plain text.
//!
//! They may run beside the daemon on the same data directory: the database sees to it that a
//! number is given once.

use std::ffi::OsString;
use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::sync::Arc;

use super::{Arguments, Failure, data_dir, detect, keys, print, vault};
use crate::config::VaultScope;
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
    let tenant = arguments.tenant.clone();
    let access = keys::access(&arguments, env)?;
    let (policy, scope) = detect::configured(arguments, env)?;
    let masker = Masker::new(&policy).map_err(anyhow::Error::new)?;
    let text = detect::read(input)?;
    let kept = scope == VaultScope::Persistent;
    if !memory && !kept {
        eprintln!("prxy: vault.scope keeps nothing on a disk: `prxy unmask` will not know these");
    }
    let vault: Arc<dyn Vault> = match memory || !kept {
        true => Store::in_memory().map_err(anyhow::Error::new)?.of_requests().vault(TENANT),
        false => {
            let store = vault::open(&state(directory, env)?, &access)?;
            let tenant = named(&store, tenant)?;
            store.vault(&tenant)
        }
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
    let access = keys::access(&arguments, env)?;
    let Some(store) = vault::open_existing(&state(arguments.data_dir, env)?, &access)? else {
        return print(out, &text);
    };
    let vault = store.vault(&named(&store, arguments.tenant)?);
    print(out, &rehydrate::text(&text, &*vault))
}

/// Where the daemon of this data directory keeps its vault.
fn state(
    directory: Option<PathBuf>,
    env: &dyn Fn(&str) -> Option<OsString>,
) -> Result<PathBuf, Failure> {
    Ok(data_dir(directory, env)?.join("state"))
}

/// The tenant whose name begins so; without one, that of all.
fn named(store: &Store, begin: Option<String>) -> anyhow::Result<String> {
    begin.map_or_else(|| Ok(TENANT.to_owned()), |begin| vault::tenant_of(store, &begin))
}
