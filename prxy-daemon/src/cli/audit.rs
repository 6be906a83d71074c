//! `prxy audit verify` and `prxy audit tail`.

use std::ffi::OsString;
use std::io::Write;
use std::time::Duration;

use anyhow::{Context, anyhow};

use super::{Arguments, Failure, UsageError, data_dir, print};
use crate::audit::{self, Follow, Report};

/// Checks the chain and says what was found; fails if anything is wrong.
pub(super) fn verify(
    arguments: Arguments,
    env: &dyn Fn(&str) -> Option<OsString>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let head = arguments.head.as_deref().map(str::to_ascii_lowercase);
    if let Some(head) = head.as_deref().filter(|head| !audit::is_hash(head)) {
        return Err(UsageError::NotAHash { option: "head", length: head.chars().count() }.into());
    }
    let places = match arguments.places.is_empty() {
        true => vec![data_dir(arguments.data_dir, env)?.join("audit")],
        false => arguments.places,
    };
    let report = audit::verify(&places, head.as_deref()).context("audit log")?;
    let text = match arguments.json {
        true => format!("{}\n", report.to_json()),
        false => in_words(&report),
    };
    print(out, &text)?;
    match report.faults.len() as u64 + report.more_faults {
        0 => Ok(()),
        1 => Err(anyhow!("audit log: 1 fault").into()),
        faults => Err(anyhow!("audit log: {faults} faults").into()),
    }
}

fn in_words(report: &Report) -> String {
    let mut text = String::new();
    for fault in &report.faults {
        text.push_str(&format!("{fault}\n"));
    }
    if report.more_faults > 0 {
        text.push_str(&format!("and {} more\n", report.more_faults));
    }
    for cut in &report.cuts {
        text.push_str(&format!("{cut} were cut by a crash; the start after it says so\n"));
    }
    if let Some(cut) = &report.open_cut {
        text.push_str(&format!("{cut} at the end: being written, or cut by a crash\n"));
    }
    if report.deleted_before {
        let before = report.first_seq - 1;
        text.push_str(&format!("lines 1 to {before} were deleted by rotation, as the log says\n"));
    }
    let Report { files, lines, first_seq, last_seq, starts, stops, head, .. } = report;
    text.push_str(&format!(
        "{files} files, {lines} lines ({first_seq} to {last_seq}), {starts} starts, {stops} stops\n"
    ));
    text.push_str(&format!("head {last_seq} {head}\n"));
    if let Some(after) = report.after_head {
        text.push_str(&format!(
            "contains the head that was asked for, and {after} lines after it\n"
        ));
    }
    text.push_str(if report.holds() { "the chain holds\n" } else { "the chain is BROKEN\n" });
    text
}

/// Prints the last lines, and with `--follow` those that come.
pub(super) fn tail(
    arguments: Arguments,
    env: &dyn Fn(&str) -> Option<OsString>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let dir = data_dir(arguments.data_dir, env)?.join("audit");
    let named = || format!("audit log in {}", dir.display());
    let count = arguments.lines.unwrap_or(DEFAULT_LINES);
    let (mut lines, mut follow) = Follow::open(&dir, count).with_context(named)?;
    loop {
        let text = match arguments.json {
            true => lines.iter().map(|line| String::from_utf8_lossy(line).into_owned()).collect(),
            false => audit::describe(&lines),
        };
        for line in text {
            if let Err(error) = writeln!(out, "{line}") {
                return closed(error);
            }
        }
        if let Err(error) = out.flush() {
            return closed(error);
        }
        if !arguments.follow {
            return Ok(());
        }
        std::thread::sleep(LOOK_EVERY);
        lines = follow.read_on().with_context(named)?;
        match follow.take_missed() {
            0 => {}
            missed => eprintln!("prxy: {missed} lines were deleted before they could be read"),
        }
    }
}

/// Whoever reads has seen enough.
fn closed(error: std::io::Error) -> Result<(), Failure> {
    match error.kind() {
        std::io::ErrorKind::BrokenPipe => Ok(()),
        _ => Err(anyhow::Error::new(error).context("cannot write the answer").into()),
    }
}

const DEFAULT_LINES: usize = 20;
const LOOK_EVERY: Duration = Duration::from_millis(200);
