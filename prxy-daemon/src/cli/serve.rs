//! `prxy serve`: logging, then the daemon.

use std::io::IsTerminal;

use tracing_subscriber::filter::LevelFilter;

use crate::config::Config;

/// Runs the daemon until it is told to end.
pub(super) fn start(config: &Config) -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_max_level(LevelFilter::INFO)
        .with_target(false)
        .init();
    tracing::info!("prxy {}\n{}", env!("CARGO_PKG_VERSION"), config.summary());
    Ok(crate::warden::serve(config)?)
}
