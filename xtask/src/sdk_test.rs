//! The providers' own SDKs against the daemon, and nothing else.

use anyhow::Result;

use crate::test;

/// Builds both sides and runs the one test file. Extra arguments go to `cargo test`.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let mut only = vec!["--package".to_owned(), "prxy-tests".to_owned()];
    only.extend(["--test".to_owned(), "official_clients".to_owned()]);
    only.extend_from_slice(arguments);
    test::run_these(&only)
}
