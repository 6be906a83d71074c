//! `prxy reload`: asks the running daemon, and prints what it has changed or why it has not.

use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::Failure;
use crate::warden::{control, inspect};

/// Waits until the daemon has decided.
pub(super) fn run(data_dir: &Path, json: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let living = inspect::living(data_dir).ok_or_else(|| io::Error::from(ErrorKind::NotFound));
    let answer = living.and_then(|(_, warden)| control::ask(data_dir, warden, "reload", PATIENCE));
    let answer = answer.map_err(|error| {
        let dir = data_dir.display();
        match error.kind() {
            ErrorKind::NotFound | ErrorKind::ConnectionRefused => {
                anyhow::anyhow!("no daemon is running on {dir}")
            }
            ErrorKind::PermissionDenied => anyhow::anyhow!("only root may ask the daemon on {dir}"),
            _ => anyhow::anyhow!("the daemon on {dir} does not answer: {error}"),
        }
    })?;
    let text = if json { format!("{answer}\n") } else { lines(&answer, "changes") };
    let reloaded = answer["reloaded"] == true;
    if json || reloaded {
        super::print(out, &text)?;
    }
    match reloaded {
        true => Ok(()),
        false => {
            let problems = lines(&answer, "problems");
            Err(anyhow::anyhow!("not reloaded, nothing has changed\n{}", problems.trim_end())
                .into())
        }
    }
}

/// What happened, a line each.
fn lines(answer: &Value, key: &str) -> String {
    let items = answer[key].as_array().into_iter().flatten().filter_map(Value::as_str);
    let mut text: String = items.map(|line| format!("{line}\n")).collect();
    if let Some(generation) = answer["generation"].as_u64() {
        text.push_str(&format!("reloaded, generation {generation}\n"));
    }
    text
}

/// Longer than the daemon gives its roles.
const PATIENCE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn changes_and_problems_are_printed_a_line_each() {
        let done = json!({ "reloaded": true, "generation": 7, "changes": ["+ providers.lab"] });
        assert_eq!(lines(&done, "changes"), "+ providers.lab\nreloaded, generation 7\n");
        let refused = json!({ "reloaded": false, "problems": ["a", "b"] });
        assert_eq!(lines(&refused, "problems"), "a\nb\n");
    }

    #[test]
    fn where_no_daemon_runs_nobody_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let error = run(dir.path(), false, &mut Vec::new()).unwrap_err().to_string();
        assert_eq!(error, format!("prxy: no daemon is running on {}", dir.path().display()));
    }
}
