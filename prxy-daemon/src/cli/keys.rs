//! What opens an encrypted state, for commands: an option, the configuration, the environment, or
//! whoever sits at the terminal.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::path::Path;

use anyhow::{Context as _, anyhow, bail};
use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use super::{Arguments, sources};
use crate::config::{Config, Encrypt};
use crate::store::{Access, Secret, StoreError};
use crate::sys::privilege;

/// What is known without asking; read before root becomes somebody else.
pub(super) fn access(
    arguments: &Arguments,
    env: &dyn Fn(&str) -> Option<OsString>,
) -> anyhow::Result<Access> {
    // Secrets are in memory from here on. Without it, cores are as the system has them.
    let _ = privilege::hide_memory();
    let configured = demanded(arguments, env);
    let secret = match &arguments.key_file {
        Some(path) => Some(Secret::from_file(path)?),
        None => Secret::find(configured.as_ref(), env)?,
    };
    Ok(Access { secret, encrypted_only: configured.is_some() })
}

/// What the configuration says, if it can be read.
fn demanded(arguments: &Arguments, env: &dyn Fn(&str) -> Option<OsString>) -> Option<Encrypt> {
    Config::load(&sources(places(arguments), env)).ok()?.encrypt
}

/// What says where the configuration is.
pub(super) fn places(arguments: &Arguments) -> Arguments {
    let (config, data_dir) = (arguments.config.clone(), arguments.data_dir.clone());
    Arguments { config, data_dir, ..Arguments::default() }
}

/// Opens with what is known, and asks where that is not enough and somebody can be asked.
pub(super) fn opened<T>(
    access: &Access,
    open: impl Fn(&Access) -> Result<T, StoreError>,
) -> anyhow::Result<T> {
    match open(access) {
        Err(StoreError::Locked) if can_ask() => {
            let secret = Some(ask("Passphrase of the state: ")?);
            Ok(open(&Access { secret, ..access.clone() })?)
        }
        Err(error @ StoreError::Locked) => {
            Err(anyhow!("{error}: --key-file PATH, or PRXY_STATE_KEY in the environment"))
        }
        opened => Ok(opened?),
    }
}

/// A secret to encrypt with: what is known, else one that is typed twice.
pub(super) fn new(known: Option<Secret>) -> anyhow::Result<Secret> {
    match known {
        Some(secret) => Ok(secret),
        None if can_ask() => {
            let secret = ask("New passphrase: ")?;
            if ask("Once more: ")? != secret {
                bail!("the two are not the same");
            }
            Ok(secret)
        }
        None => bail!("with which passphrase? Give a key file"),
    }
}

/// The lines that the terminal takes do not show, and are not left in a buffer.
fn ask(what: &str) -> anyhow::Result<Secret> {
    let mut terminal = File::options().read(true).write(true).open(TERMINAL)?;
    let before = tcgetattr(&terminal).context("no terminal")?;
    let mut silent = before.clone();
    silent.local_flags.remove(LocalFlags::ECHO);
    tcsetattr(&terminal, SetArg::TCSAFLUSH, &silent)?;
    let read = terminal.write_all(what.as_bytes()).and_then(|()| line(&mut terminal));
    tcsetattr(&terminal, SetArg::TCSAFLUSH, &before)?;
    terminal.write_all(b"\n")?;
    Ok(Secret::new(&read?)?)
}

fn line(terminal: &mut File) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut line = Zeroizing::new(Vec::with_capacity(LONGEST));
    let mut byte = [0];
    while line.len() < LONGEST && terminal.read(&mut byte)? == 1 && byte[0] != b'\n' {
        line.push(byte[0]);
    }
    Ok(line)
}

fn can_ask() -> bool {
    io::stderr().is_terminal() && Path::new(TERMINAL).exists()
}

const TERMINAL: &str = "/dev/tty";
/// What a terminal takes at once.
const LONGEST: usize = 4096;
