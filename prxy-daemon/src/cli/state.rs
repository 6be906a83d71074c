//! `prxy encrypt`, `decrypt`, `rekey`, `backup`, `export` and `import`: the state as a whole.
//!
//! What replaces it holds the daemon's lock, makes a new state beside the old one, and exchanges
//! the two in one step. Root does nothing with the owner's files: that is a process of the owner's.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, BufReader, BufWriter, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, chown,
};
use std::path::{Path, PathBuf};
use std::process::exit;

use anyhow::{Context as _, anyhow, bail};
use nix::fcntl::{Flock, FlockArg};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::geteuid;
use prxy_common::Role;

use super::definition::Verb;
use super::progress::{Counter, over};
use super::vault::{become_owner, open, open_existing};
use super::{Arguments, Failure, UsageError, data_dir, keys, print, said_once, sources};
use crate::store::{
    Access, Archive, Counted, HEADER, Secret, Step, Store, StoreError, convert, exchange,
};
use crate::sys::clone::{Clone, Network, into_cgroup};
use crate::warden::identity::{self, fresh_state, remove_all};

/// Does what the words say.
pub(super) fn run(
    arguments: Arguments,
    env: &dyn Fn(&str) -> Option<OsString>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    if arguments.merge && arguments.force {
        return Err(UsageError::Program("either --merge or --force").into());
    }
    let access = keys::access(&arguments, env)?;
    let data = data_dir(arguments.data_dir.clone(), env)?;
    let text = match arguments.verb {
        Verb::Encrypt => encrypt(&data, &access)?,
        Verb::Decrypt => decrypt(&data, &access)?,
        Verb::Rekey => rekey(&data, &access, arguments.new_key_file.as_deref())?,
        Verb::Backup => {
            let config = sources(keys::places(&arguments), env).file();
            back_up(&data, &access, config.as_deref(), one(&arguments.places)?)?
        }
        Verb::Export => export(&data, &access, one(&arguments.places)?)?,
        _ => import(&data, &access, &arguments)?,
    };
    print(out, &text)
}

fn encrypt(data: &Path, access: &Access) -> anyhow::Result<String> {
    let state = identity::state(data);
    if is_encrypted(&state) {
        bail!("the state is encrypted already; `prxy rekey` changes its key");
    }
    let _lock = identity::lock(data)?;
    let secret = keys::new(access.secret.clone())?;
    replace(data, |state, fresh| into(state, fresh, &Access::default(), Some(&secret)))?;
    Ok("The state is encrypted. The daemon needs the same passphrase: as PRXY_STATE_KEY, or as \
        `encrypt:` in the configuration says. Without it nothing brings the values back.\n"
        .to_owned())
}

fn decrypt(data: &Path, access: &Access) -> anyhow::Result<String> {
    let state = identity::state(data);
    if !is_encrypted(&state) {
        bail!("the state is not encrypted");
    }
    let _lock = identity::lock(data)?;
    let access = known(access, &state)?;
    replace(data, |state, fresh| into(state, fresh, &access, None))?;
    Ok("The state is not encrypted any more.\n".to_owned())
}

fn rekey(data: &Path, access: &Access, new: Option<&Path>) -> anyhow::Result<String> {
    let state = identity::state(data);
    if !is_encrypted(&state) {
        bail!("the state is not encrypted; `prxy encrypt` does that");
    }
    let _lock = identity::lock(data)?;
    let access = known(access, &state)?;
    let secret = keys::new(new.map(Secret::from_file).transpose()?)?;
    replace(data, |state, fresh| into(state, fresh, &access, Some(&secret)))?;
    Ok("The state is encrypted with the new key; the old one opens nothing any more, but for \
        backups that were made with it.\n"
        .to_owned())
}

fn back_up(
    data: &Path,
    access: &Access,
    config: Option<&Path>,
    to: &Path,
) -> anyhow::Result<String> {
    let state = identity::state(data);
    let owner = fs::metadata(&state).with_context(|| format!("no state in {}", data.display()))?;
    make(to)?;
    let copied = copy_into(to, (&state, &owner), access, config);
    // What is not whole must not look like a backup.
    copied.inspect_err(|_| drop(remove_all(to)))?;
    Ok(format!("{} is a data directory of its own\n", to.display()))
}

fn copy_into(
    to: &Path,
    (state, owner): (&Path, &fs::Metadata),
    access: &Access,
    config: Option<&Path>,
) -> anyhow::Result<()> {
    let copy = to.join("state");
    make(&copy)?;
    if let Some(config) = config {
        let copied = fs::copy(config, to.join("config.yaml"));
        copied.with_context(|| format!("cannot copy {}", config.display()))?;
        File::open(to.join("config.yaml"))?.sync_all()?;
    }
    let whole = File::open(to)?;
    if geteuid().is_root() {
        chown(&copy, Some(owner.uid()), Some(owner.gid()))?;
        // Whoever owns the state must get into its own part.
        whole.set_permissions(Permissions::from_mode(0o711))?;
    }
    as_owner(state, "there is no backup", || {
        let store = open_existing(state, access)?;
        let store = store.ok_or_else(|| anyhow!("there is no database in {}", state.display()))?;
        Ok(store.back_up(&copy)?)
    })?;
    Ok(whole.sync_all()?)
}

fn make(dir: &Path) -> anyhow::Result<()> {
    let made = DirBuilder::new().mode(0o700).create(dir);
    made.with_context(|| format!("cannot make {}", dir.display()))
}

fn export(data: &Path, access: &Access, to: &Path) -> anyhow::Result<String> {
    let mut file = OpenOptions::new();
    let file = file.read(true).write(true).create_new(true).mode(0o600).open(to);
    let file = file.with_context(|| format!("cannot make {}", to.display()))?;
    let state = identity::state(data);
    let none = || anyhow!("there is no state in {}", data.display());
    let write = || {
        let store = open_existing(&state, access)?.ok_or_else(none)?;
        let mut out = BufWriter::new(&file);
        Archive::write(&store, &mut out, &Counter::default().teller())?;
        out.flush()?;
        Ok(file.sync_all()?)
    };
    let written = match state.is_dir() {
        true => as_owner(&state, "there is no export", write),
        false => Err(none()),
    };
    over();
    // Whoever reads it finds its end, or no file.
    let counted = written.and_then(|()| Ok(Archive::counted(&file)?));
    let Counted { rows, blobs, .. } = counted.inspect_err(|_| drop(fs::remove_file(to)))?;
    Ok(format!("{rows} rows and {blobs} texts, in the open\n"))
}

fn import(data: &Path, access: &Access, arguments: &Arguments) -> anyhow::Result<String> {
    let from = one(&arguments.places)?;
    let file = File::open(from).with_context(|| format!("cannot read {}", from.display()))?;
    let state = identity::state(data);
    if arguments.merge {
        // What it says of the vault is read as a state of its own, which no disk holds.
        let other = Store::in_memory()?;
        let read = Archive::read(&other, &mut BufReader::new(file), &Counter::default().teller())?;
        over();
        tell_stray(read.stray);
        let done = open(&state, access)?.merge(&other)?;
        return Ok(format!(
            "{} added, {} added under new numbers, {} known\n",
            done.added, done.renumbered, done.known
        ));
    }
    fs::create_dir_all(data).with_context(|| format!("cannot make {}", data.display()))?;
    let _lock = identity::lock(data)?;
    let encrypted = is_encrypted(&state);
    let access = if encrypted { known(access, &state)? } else { access.clone() };
    let wanted = encrypted || access.encrypted_only;
    let secret = if wanted { Some(keys::new(access.secret.clone())?) } else { None };
    replace(data, |state, fresh| {
        if !arguments.force
            && let Some(store) =
                Store::open_existing(state, &Access { encrypted_only: false, ..access.clone() })?
            && !store.is_empty()?
        {
            bail!("the state is not empty: --merge adds the vault's entries, --force replaces all");
        }
        let store =
            Store::open_with(fresh, &Access { encrypted_only: wanted, secret: secret.clone() })?;
        let read = Archive::read(&store, &mut BufReader::new(&file), &Counter::default().teller())?;
        over();
        tell_stray(read.stray);
        store.tidy()?;
        Ok(())
    })?;
    Ok("The state is what was exported.\n".to_owned())
}

/// The secret of the state that is there, asked for if need be.
fn known(access: &Access, state: &Path) -> anyhow::Result<Access> {
    keys::opened(access, |access| access.check(state).map(|()| access.clone()))
}

fn is_encrypted(state: &Path) -> bool {
    state.join(HEADER).symlink_metadata().is_ok()
}

fn into(state: &Path, fresh: &Path, from: &Access, to: Option<&Secret>) -> anyhow::Result<()> {
    let counter = Counter::default();
    let told = |step: Step| -> Result<(), StoreError> {
        counter.tell(match step {
            Step::Copy(done, whole) => (0, done, whole),
            Step::Check => (50, 0, 1),
            Step::Blobs(done, whole) => (60, done, whole),
            Step::Done => (99, 1, 1),
        });
        Ok(())
    };
    let converted = convert(state, fresh, from, to, &told);
    over();
    Ok(converted?)
}

/// Makes a new state with `fill` and puts it in the old one's place; the lock is the caller's.
fn replace(
    data: &Path,
    fill: impl FnOnce(&Path, &Path) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let (state, fresh) = (identity::state(data), fresh_state(data));
    remove_all(&fresh).with_context(|| format!("cannot remove {}", fresh.display()))?;
    let dir = |path: &Path| DirBuilder::new().mode(0o700).create(path);
    match dir(&state) {
        Ok(()) => {
            if let Some((uid, gid)) = identity::user(Role::Gateway) {
                chown(&state, Some(uid.as_raw()), Some(gid.as_raw()))?;
            }
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error).context("cannot make the state's directory"),
    }
    let held = Flock::lock(File::open(&state)?, FlockArg::LockExclusiveNonblock);
    let _held = held.map_err(|_| anyhow!("another prxy command is at work on the state"))?;
    dir(&fresh).with_context(|| format!("cannot make {}", fresh.display()))?;
    let owner = state.symlink_metadata()?;
    if geteuid().is_root() {
        chown(&fresh, Some(owner.uid()), Some(owner.gid()))?;
    }
    let filled = as_owner(&state, "nothing has changed", || fill(&state, &fresh));
    let exchanged = filled.and_then(|()| {
        exchange(&state, &fresh)
            .context("the file system cannot exchange two directories; nothing has changed")
    });
    let removed = remove_all(&fresh).with_context(|| {
        format!("{} holds what was there before, and cannot be removed", fresh.display())
    });
    exchanged.and(removed)
}

/// Runs it as the user who owns the state, in a process of its own if that is somebody else.
fn as_owner(
    state: &Path,
    failed: &'static str,
    fill: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let owner = state.symlink_metadata()?.uid();
    if !geteuid().is_root() || owner == 0 {
        return fill();
    }
    match into_cgroup(None::<&OwnedFd>, Network::Inherit)? {
        Clone::Child => {
            let filled = become_owner(state).and_then(|()| fill());
            if let Err(error) = &filled {
                eprintln!("prxy: {}", said_once(error));
            }
            exit(i32::from(filled.is_err()))
        }
        Clone::Parent { pid, .. } => match waitpid(pid, None)? {
            WaitStatus::Exited(_, 0) => Ok(()),
            _ => bail!(failed),
        },
    }
}

/// What was left out of an import.
fn tell_stray(rows: u64) {
    if rows > 0 {
        eprintln!("prxy: {rows} rows of the vault are of no tenant in the file, and left out");
    }
}

fn one(places: &[PathBuf]) -> anyhow::Result<&Path> {
    match places {
        [one] => Ok(one),
        _ => bail!("where to, or where from? Give one path"),
    }
}
