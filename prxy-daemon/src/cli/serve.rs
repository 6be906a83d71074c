//! `prxy serve`: logging, then the daemon.

use tracing_subscriber::filter::LevelFilter;

use crate::config::{Config, Module, Origin};
use crate::warden::Show;

/// Runs the daemon until it is told to end.
pub(super) fn start(config: &Config, origin: &Origin, show: Show) -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_max_level(LevelFilter::INFO)
        .with_target(false)
        .init();
    tracing::info!("prxy {}\n{}", env!("CARGO_PKG_VERSION"), config.summary_for_log());
    for missing in missing(config) {
        tracing::warn!("{missing}");
    }
    if show == Show::Differences {
        tracing::warn!(
            "--debug shows raw data on this terminal: what is masked and what is restored"
        );
    }
    Ok(crate::warden::serve(config, origin, show)?)
}

/// What a pipeline leaves undone that everyone expects of prxy.
fn missing(config: &Config) -> Vec<&'static str> {
    let has = |wanted: fn(&Module) -> bool| config.pipeline.iter().any(wanted);
    let mut missing = Vec::new();
    if !has(|module| matches!(module, Module::Guardrails(_))) {
        missing
            .push("guardrails is not in the pipeline: nothing is masked, and no secret is blocked");
    }
    missing
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::config::Sources;

    #[test]
    fn a_pipeline_that_masks_nothing_is_warned_of() {
        for (pipe, warnings) in [("airgap,guardrails", 0), ("guardrails", 0), ("airgap", 1)] {
            let env = |name: &str| (name == "PRXY_PIPE").then(|| OsString::from(pipe));
            let nowhere = Some("/nonexistent".into());
            let sources =
                Sources { config: None, listen: None, data_dir: nowhere, env: &env, root: false };
            assert_eq!(missing(&Config::load(&sources).unwrap()).len(), warnings, "{pipe}");
        }
    }
}
