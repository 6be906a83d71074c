//! `prxy verify`: every known way out of every role, tried for real and judged on the wire.
//!
//! `technique` is the table of what is tried, `world` the scratch namespaces in which it is tried,
//! `battery` the order of things, `report` what comes out. Not for confining: attempts run in
//! exactly what `warden` puts on its roles, under the same programs.

mod attempt;
mod battery;
mod conversation;
mod exec;
pub mod frame;
pub mod ground;
pub mod judge;
mod markdown;
mod neighbours;
mod netlink;
pub mod relay;
mod report;
mod scratch;
pub mod technique;
mod world;

use std::time::Instant;

use nix::sched::{CloneFlags, unshare};
use prxy_common::Role;
use thiserror::Error;

use crate::warden::{During, WardenError, block_signals};
use battery::Battery;
pub use exec::exec;
pub use markdown::markdown;
pub use report::{Report, Row, Shown};
use technique::{Layer, Technique};

/// What is to be tried.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Only this role.
    pub role: Option<Role>,
    /// Only this technique.
    pub technique: Option<&'static Technique>,
    /// Left out, to see that the run can fail.
    pub without: Option<Layer>,
}

/// Why a run came to no result.
#[derive(Debug, Error)]
pub enum VerifyError {
    /// It takes root to make namespaces and to attach programs.
    #[error("this needs root: it makes namespaces and attaches the kernel's policy")]
    NotRoot,
    /// A signal asked for the end.
    #[error("interrupted; everything that was made is removed")]
    Interrupted,
    /// Something could not be set up.
    #[error(transparent)]
    SetUp(#[from] WardenError),
}

/// Tries what was asked for, and removes everything that it has made.
///
/// # Errors
/// What kept it from trying. An attempt that gets through is no error: it stands in the report.
pub fn run(options: &Options) -> Result<Report, VerifyError> {
    if !nix::unistd::geteuid().is_root() {
        return Err(VerifyError::NotRoot);
    }
    let began = Instant::now();
    let signals = block_signals().during("block signals")?;
    // Queues of the controls are made in there, and end with this process.
    unshare(CloneFlags::CLONE_NEWIPC).during("make an IPC namespace")?;
    let mut battery = Battery::new(options, signals)?;
    let chosen: Vec<_> = match options.technique {
        Some(one) => vec![one],
        None => technique::all().collect(),
    };
    let mut rows = Vec::new();
    for technique in &chosen {
        rows.extend(battery.technique(technique)?);
    }
    let unaccounted = battery.finish()?;
    let seconds = began.elapsed().as_secs_f64();
    Ok(Report::new(options.without, chosen.len(), rows, unaccounted, seconds))
}
