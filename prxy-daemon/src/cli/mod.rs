//! What a user types: commands and options, read from one table that also prints the help.
//!
//! Not for the work itself: each command calls one function of the part that it concerns.

mod arguments;
mod audit;
mod cache;
mod client;
mod colour;
mod completions;
mod configuration;
mod definition;
mod detect;
mod doctor;
mod examples;
mod exec;
mod help;
mod journal;
mod keys;
mod mask;
mod model;
mod options;
mod patterns;
mod progress;
mod reference;
mod reload;
mod serve;
mod state;
mod status;
mod vault;
mod verify;
mod warnings;

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::io::{BufRead, IsTerminal as _, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use thiserror::Error;

use crate::config::{ConfigErrors, Origin, Sources};
use crate::sys::fds;
use crate::warden::Show;
use arguments::Arguments;
use colour::Colour;
use definition::Verb;

pub use arguments::UsageError;

/// Why a command did not do its work; printed as it stands.
#[derive(Debug, Error)]
pub enum Failure {
    /// The command line cannot be understood.
    #[error("prxy: {0}\nTry `prxy help`.")]
    Usage(#[from] UsageError),
    /// The configuration is wrong.
    #[error("{0}\nprxy: {n} configuration problem{s}", n = .0.count(), s = if .0.count() == 1 { "" } else { "s" })]
    Config(#[from] ConfigErrors),
    /// The work itself failed.
    #[error("prxy: {}", said_once(.0))]
    Work(#[from] anyhow::Error),
    /// There is no daemon to be asked.
    #[error("prxy: {0}; for another directory give --data-dir")]
    NotRunning(String),
    /// What was printed, or the program that was run, has said why; this is only the status.
    #[error("")]
    Said(u8),
}

/// An error with its causes, each said once: some repeat what they come from.
pub(super) fn said_once(error: &anyhow::Error) -> String {
    let mut said = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if said.is_empty() {
            said = cause;
        } else if !said.contains(&cause) {
            said.push_str(&format!(": {cause}"));
        }
    }
    said
}

impl Failure {
    /// 64 (`EX_USAGE`) for a wrong command line or configuration, 3 if `status` finds no daemon, 1
    /// for everything else.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) | Self::Config(_) => ExitCode::from(64),
            Self::Work(_) => ExitCode::FAILURE,
            Self::NotRunning(_) => ExitCode::from(NOT_RUNNING),
            Self::Said(status) => ExitCode::from(*status),
        }
    }
}

/// As `systemctl status` has it.
const NOT_RUNNING: u8 = 3;

/// Whether what is written to standard error stays on this host. It would tell the network what the
/// configuration is, and the daemon is its own best witness that nothing else leaves.
pub fn may_speak() -> bool {
    fds::is_local(&std::io::stderr()).unwrap_or(false)
}

/// Runs one command; `args` begin after the program's name.
pub fn run(
    args: impl IntoIterator<Item = OsString>,
    env: &dyn Fn(&str) -> Option<OsString>,
    input: &mut dyn BufRead,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let arguments = Arguments::parse(args)?;
    let text = match arguments.verb {
        Verb::Help if arguments.markdown => reference::markdown(),
        Verb::Help => help::page(&arguments.topic, Colour::of(env)),
        Verb::Man => reference::manual(),
        Verb::Completions => completions::script(&arguments.places)?,
        Verb::Version => format!("prxy {}\n", env!("CARGO_PKG_VERSION")),
        Verb::Serve => {
            let show = if arguments.debug { Show::Differences } else { Show::Nothing };
            // Before anything else: what is not a terminal may be a file that is kept.
            if arguments.debug && !std::io::stderr().is_terminal() {
                return Err(UsageError::NoTerminal.into());
            }
            let origin = Origin::of(&sources(arguments, env));
            let (config, _) = origin.load()?;
            return Ok(serve::start(&config, &origin, show)?);
        }
        Verb::Reload => {
            return reload::run(&data_dir(arguments.data_dir, env)?, arguments.json, out);
        }
        Verb::Status => {
            return status::run(&data_dir(arguments.data_dir, env)?, arguments.json, out);
        }
        Verb::AuditVerify => return audit::verify(arguments, env, out),
        Verb::AuditTail => return audit::tail(arguments, env, out),
        Verb::Verify => return verify::run(&arguments, out),
        Verb::Exec => return exec::run(arguments, env),
        Verb::Detect => return detect::run(arguments, env, input, out),
        Verb::Mask => return mask::mask(arguments, env, input, out),
        Verb::Unmask => return mask::unmask(arguments, env, input, out),
        Verb::VaultList
        | Verb::VaultShow
        | Verb::VaultDelete
        | Verb::VaultExpire
        | Verb::VaultStats
        | Verb::VaultImport
        | Verb::VaultExport => return vault::run(arguments, env, out),
        Verb::PatternsList
        | Verb::PatternsShow
        | Verb::PatternsDelete
        | Verb::PatternsExport
        | Verb::PatternsImport
        | Verb::PatternsClear => return patterns::run(arguments, env, out),
        Verb::Encrypt
        | Verb::Decrypt
        | Verb::Rekey
        | Verb::Backup
        | Verb::Export
        | Verb::Import => return state::run(arguments, env, out),
        Verb::ModelAdd | Verb::ModelShow | Verb::ModelRemove => {
            return model::run(arguments, env, out);
        }
        Verb::ConfigCheck => return configuration::check(arguments, env, out),
        Verb::ConfigShow => return configuration::show(arguments, env, out),
        Verb::Doctor => return doctor::run(&arguments, env, out),
        Verb::CacheShow | Verb::CacheClear => return cache::run(&arguments, env, out),
        Verb::ClientAdd => return client::add(arguments, env, out),
        Verb::ClientList => return client::list(arguments, env, out),
    };
    print(out, &text)
}

fn sources(arguments: Arguments, env: &dyn Fn(&str) -> Option<OsString>) -> Sources<'_> {
    Sources {
        config: arguments.config,
        listen: arguments.listen,
        data_dir: arguments.data_dir,
        env,
        root: nix::unistd::Uid::effective().is_root(),
    }
}

/// The data directory alone; the configuration may be wrong, or not for this user to read.
fn data_dir(
    option: Option<PathBuf>,
    env: &dyn Fn(&str) -> Option<OsString>,
) -> Result<PathBuf, Failure> {
    let root = nix::unistd::Uid::effective().is_root();
    let sources = Sources { config: None, listen: None, data_dir: option, env, root };
    let none = || anyhow::anyhow!("which data directory? Give --data-dir");
    Ok(sources.directory().ok().flatten().ok_or_else(none)?)
}

/// A reader that has seen enough, such as `head`, is no failure.
fn print(out: &mut dyn Write, text: &str) -> Result<(), Failure> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(anyhow::Error::new(error).context("cannot write the answer").into())
        }
        _ => Ok(()),
    }
}
