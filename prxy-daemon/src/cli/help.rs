//! Help pages, printed from the tables.

use std::fmt::Write as _;

use super::definition::{COMMANDS, Command, OPTIONS, Opt, VARIABLES, Verb};

/// The page for the commands that begin with `topic`; for no topic, the page of them all.
pub(super) fn page(topic: &[String]) -> String {
    let commands: Vec<&Command> =
        COMMANDS.iter().filter(|command| begins(command.words, topic)).collect();
    match commands.as_slice() {
        [one] if !topic.is_empty() => command(one),
        some => list(topic, some),
    }
}

/// Whether the first words of a command are these.
pub(super) fn begins(words: &[&str], topic: &[String]) -> bool {
    topic.len() <= words.len() && topic.iter().zip(words).all(|(a, b)| a == b)
}

fn list(topic: &[String], commands: &[&Command]) -> String {
    let mut page = String::new();
    if topic.is_empty() {
        page.push_str(
            "prxy masks personal data in LLM requests, behind an airgap in the kernel.\n\n",
        );
    }
    let topic = topic.iter().map(|word| format!(" {word}")).collect::<String>();
    page.push_str(&format!("Usage: prxy{topic} COMMAND [OPTIONS]\n\nCommands:\n"));
    let rows: Vec<_> = commands.iter().map(|c| (c.words.join(" "), c.summary)).collect();
    table(&mut page, &rows);
    page.push_str("\nOptions of any command:\n");
    table(&mut page, &GENERAL.map(|(option, summary)| (option.to_owned(), summary)));
    page
}

fn command(command: &Command) -> String {
    let name = command.words.join(" ");
    let mut page = format!("{}.\n\nUsage: prxy {name}", command.summary);
    let options: Vec<_> =
        OPTIONS.iter().filter(|option| command.options.contains(&option.name)).collect();
    for option in &options {
        let _ = write!(page, " [{}]", spelled(option));
    }
    if command.verb == Verb::Exec {
        page.push_str(" -- PROGRAM [ARGUMENTS]");
    }
    if !command.places().is_empty() {
        let _ = write!(page, " {}", command.places());
    }
    page.push('\n');
    if !options.is_empty() {
        page.push_str("\nOptions:\n");
        let rows: Vec<_> = options.iter().map(|option| (spelled(option), option.summary)).collect();
        table(&mut page, &rows);
    }
    if !command.note().is_empty() {
        let _ = write!(page, "\n{}", command.note());
    }
    if command.options.contains(&"config") {
        page.push_str("\nEnvironment:\n");
        let rows: Vec<_> = VARIABLES.iter().map(|v| (v.name.to_owned(), v.summary)).collect();
        table(&mut page, &rows);
    }
    page
}

fn spelled(option: &Opt) -> String {
    format!("--{} {}", option.name, option.value).trim_end().to_owned()
}

fn table(page: &mut String, rows: &[(String, &str)]) {
    let width = rows.iter().map(|(left, _)| left.len()).max().unwrap_or(0);
    for (left, right) in rows {
        let _ = writeln!(page, "  {left:width$}  {right}");
    }
}

const GENERAL: [(&str, &str); 2] =
    [("-h, --help", "Print help"), ("-V, --version", "Print the version")];
