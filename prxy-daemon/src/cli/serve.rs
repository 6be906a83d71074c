//! The one line between the command line and the daemon.

use crate::config::Config;

/// Runs the daemon until it is told to end.
pub(super) fn start(_config: Config) -> anyhow::Result<()> {
    anyhow::bail!("not built yet")
}
