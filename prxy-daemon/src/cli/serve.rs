//! `prxy serve`: logging, then the daemon.

use anyhow::anyhow;
use tracing_subscriber::filter::LevelFilter;

use super::{journal, warnings};
use crate::config::{Config, Origin};
use crate::warden::Show;

/// Runs the daemon until it is told to end.
pub(super) fn start(config: &Config, origin: &Origin, show: Show) -> anyhow::Result<()> {
    let lines = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(LevelFilter::INFO)
        .with_target(false);
    if journal::is_there(&|name| std::env::var_os(name)) {
        lines.without_time().with_level(false).with_writer(journal::Journal).init();
    } else {
        lines.with_writer(std::io::stderr).init();
    }
    tracing::info!("prxy {}\n{}", env!("CARGO_PKG_VERSION"), config.summary_for_log());
    for told in warnings::of(config) {
        tracing::warn!("{told}");
    }
    if show == Show::Differences {
        tracing::warn!(
            "--debug shows raw data on this terminal: what is masked and what is restored"
        );
    }
    let served = crate::warden::serve(config, origin, show);
    served.map_err(|error| match nix::unistd::geteuid().is_root() {
        true => anyhow::Error::new(error),
        false => anyhow!(
            "{error}; prxy serve is started by root: sudo prxy serve, or systemctl start prxy"
        ),
    })
}
