//! The configuration as a user meets it: files in, effective configuration or error text out.

mod accepted;
mod files;
mod hostile;
mod refused;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;

use super::{Config, ConfigErrors, Sources};

/// Loads `text` as config.yaml, with nothing in the environment.
pub(crate) fn load(text: &str) -> Result<Config, ConfigErrors> {
    load_with(text, &[])
}

fn load_with(text: &str, env: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("config.yaml"), text).unwrap();
    let mut env: BTreeMap<String, OsString> =
        env.iter().map(|(name, value)| (name.to_string(), value.into())).collect();
    env.entry("PRXY_DATA_DIR".into()).or_insert(dir.path().into());
    let lookup = |name: &str| env.get(name).cloned();
    Config::load(&Sources { config: None, listen: None, data_dir: None, env: &lookup, root: false })
}

/// The effective configuration without the line that names the test's directory.
#[track_caller]
fn shown(result: Result<Config, ConfigErrors>) -> String {
    let config = result.unwrap_or_else(|errors| panic!("{errors}"));
    let summary = config.summary().to_string();
    summary.split_once('\n').unwrap().1.to_owned()
}

/// The error text without the test's directory.
#[track_caller]
fn errors(result: Result<Config, ConfigErrors>) -> String {
    let text = result.expect_err("should be refused").to_string();
    text.lines()
        .map(|line| match line.split_once("/config.yaml") {
            Some((_, rest)) if line.starts_with('/') => format!("config.yaml{rest}\n"),
            _ => format!("{line}\n"),
        })
        .collect()
}

/// The messages alone.
#[track_caller]
fn messages(result: Result<Config, ConfigErrors>) -> Vec<String> {
    let text = errors(result);
    let message = |line: &str| line.split_once(": error: ").map(|(_, text)| text.to_owned());
    text.lines().filter_map(message).collect()
}
