//! `prxy config check` and `prxy config show`.

use std::ffi::OsString;
use std::io::Write;

use serde_json::json;

use super::{Arguments, Failure, print, sources, warnings};
use crate::config::{Config, Sources, explain};

/// Says that everything is right, or all problems at once.
pub(super) fn check(
    arguments: Arguments,
    env: &dyn Fn(&str) -> Option<OsString>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let as_json = arguments.json;
    let sources = sources(arguments, env);
    match (Config::load(&sources), as_json) {
        (Ok(config), true) => {
            let report = json!({
                "ok": true, "file": sources.file(), "problems": [], "warnings": warnings::of(&config),
            });
            print(out, &format!("{report}\n"))
        }
        (Ok(config), false) => {
            let told = warnings::of(&config).into_iter().map(|told| format!("warning: {told}\n"));
            print(out, &format!("{}: ok\n{}", origin(&sources), told.collect::<String>()))
        }
        (Err(errors), true) => {
            let report = json!({
                "ok": false, "file": sources.file(), "problems": errors.told(), "warnings": [],
            });
            print(out, &format!("{report}\n"))?;
            Err(errors.into())
        }
        (Err(errors), false) => Err(errors.into()),
    }
}

/// Prints what is in effect, and where each value comes from.
pub(super) fn show(
    arguments: Arguments,
    env: &dyn Fn(&str) -> Option<OsString>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let as_json = arguments.json;
    let sources = sources(arguments, env);
    let explained = explain(&sources)?;
    let text = match as_json {
        true => format!("{}\n", explained.to_json()),
        false => format!("# from {}\n{}", origin(&sources), explained.to_yaml()),
    };
    print(out, &text)
}

fn origin(sources: &Sources<'_>) -> String {
    sources.file().map_or_else(|| "defaults".to_owned(), |file| file.display().to_string())
}
