//! Help pages, printed from the tables.

use std::fmt::Write as _;

use super::colour::Colour;
use super::definition::{COMMANDS, Command};
use super::examples;
use super::options::{OPTIONS, Opt, VARIABLES};

/// The page for the commands that begin with `topic`; for no topic, the page of them all.
pub(super) fn page(topic: &[String], colour: Colour) -> String {
    let commands: Vec<&Command> =
        COMMANDS.iter().filter(|command| begins(command.words, topic)).collect();
    match commands.as_slice() {
        [one] if !topic.is_empty() => command(one, colour),
        some => list(topic, some, colour),
    }
}

/// Whether the first words of a command are these.
pub(super) fn begins(words: &[&str], topic: &[String]) -> bool {
    topic.len() <= words.len() && topic.iter().zip(words).all(|(a, b)| a == b)
}

fn list(topic: &[String], commands: &[&Command], colour: Colour) -> String {
    let mut page = String::new();
    if topic.is_empty() {
        let _ = write!(page, "{WHAT}\n\n");
    }
    let topic = topic.iter().map(|word| format!(" {word}")).collect::<String>();
    let _ = writeln!(page, "{} prxy{topic} COMMAND [OPTIONS]", colour.title("Usage:"));
    let rows: Vec<_> = commands.iter().map(|c| (c.name(), c.summary)).collect();
    table(&mut page, colour, "Commands:", &rows);
    let general = GENERAL.map(|(option, summary)| (option.to_owned(), summary));
    table(&mut page, colour, "Options of any command:", &general);
    page
}

fn command(command: &Command, colour: Colour) -> String {
    let mut page =
        format!("{}.\n\n{} {}\n", command.summary, colour.title("Usage:"), usage(command));
    let rows: Vec<_> = options(command).map(|option| (spelled(option), option.summary)).collect();
    table(&mut page, colour, "Options:", &rows);
    if !command.note().is_empty() {
        let _ = write!(page, "\n{}", command.note());
    }
    if command.heeds_variables() {
        let rows: Vec<_> = VARIABLES.iter().map(|v| (v.name.to_owned(), v.summary)).collect();
        table(&mut page, colour, "Environment:", &rows);
    }
    let _ = writeln!(page, "\n{}", colour.title("Examples:"));
    for line in examples::of(command.verb).flat_map(|example| example.lines.lines()) {
        let _ = writeln!(page, "  {line}");
    }
    page
}

/// How it is written: its words, its options, what else it takes.
pub(super) fn usage(command: &Command) -> String {
    let mut usage = format!("prxy {}", command.name());
    for option in options(command) {
        let _ = write!(usage, " [{}]", spelled(option));
    }
    for rest in [command.program(), command.places()].into_iter().filter(|rest| !rest.is_empty()) {
        let _ = write!(usage, " {rest}");
    }
    usage
}

/// Those of one command, in the table's order.
pub(super) fn options(command: &Command) -> impl Iterator<Item = &'static Opt> {
    OPTIONS.iter().filter(|option| command.options.contains(&option.name))
}

/// With its dashes and what it takes.
pub(super) fn spelled(option: &Opt) -> String {
    format!("--{} {}", option.name, option.value).trim_end().to_owned()
}

fn table(page: &mut String, colour: Colour, title: &str, rows: &[(String, &str)]) {
    if rows.is_empty() {
        return;
    }
    let _ = writeln!(page, "\n{}", colour.title(title));
    let width = rows.iter().map(|(left, _)| left.len()).max().unwrap_or(0);
    for (left, right) in rows {
        let _ = writeln!(page, "  {left:width$}  {right}");
    }
}

/// What prxy is, in one line.
pub(super) const WHAT: &str =
    "prxy masks personal data in LLM requests, behind an airgap in the kernel.";
pub(super) const GENERAL: [(&str, &str); 2] =
    [("-h, --help", "Print help"), ("-V, --version", "Print the version")];
