//! The command line as pages: the manual page, docs/cli.md and the README's table.

use std::fmt::Write as _;

use super::definition::{COMMANDS, Command, GROUPS};
use super::examples::{self, Run};
use super::help::{GENERAL, WHAT, options, spelled, usage};
use super::options::{EXITS, FILES, OPTIONS, VARIABLES};

/// prxy(1), for man(1).
pub(super) fn manual() -> String {
    let version = env!("CARGO_PKG_VERSION");
    let mut page = format!(
        ".TH PRXY 1 \"\" \"prxy {version}\" \"User Commands\"\n\
         .nh\n.ad l\n\
         .SH NAME\nprxy \\- mask personal data in LLM requests, behind an airgap in the kernel\n\
         .SH SYNOPSIS\n.B prxy\n.I COMMAND\n[\\fIOPTIONS\\fR]\n\
         .SH DESCRIPTION\n{}\n\
         It is a gateway between LLM clients and their providers: clients need nothing but another\n\
         base URL. \\fBprxy doctor\\fR says what keeps it from running well, \\fBprxy status\\fR\n\
         which layers hold.\n\
         .SH COMMANDS\n",
        roff(WHAT),
    );
    for command in COMMANDS {
        let _ = writeln!(page, ".SS \"{}\"", roff(&command.name()));
        let _ = writeln!(page, "{}.\n.PP\n{}", roff(command.summary), roff(&usage(command)));
        for option in options(command) {
            tagged(&mut page, &spelled(option), option.summary);
        }
        if !command.note().is_empty() {
            let _ = writeln!(page, ".PP\n{}", roff(command.note().trim_end()));
        }
        page.push_str(".PP\n.nf\n.RS\n");
        for line in lines(command) {
            let _ = writeln!(page, "{}", roff(line));
        }
        page.push_str(".RE\n.fi\n");
    }
    page.push_str(".SH OPTIONS OF ANY COMMAND\n");
    GENERAL.iter().for_each(|(name, summary)| tagged(&mut page, name, summary));
    page.push_str(".SH EXIT STATUS\n");
    EXITS.iter().for_each(|(status, what)| tagged(&mut page, &status.to_string(), what));
    page.push_str(".SH ENVIRONMENT\n");
    VARIABLES.iter().for_each(|one| tagged(&mut page, one.name, one.summary));
    page.push_str(".SH FILES\n");
    FILES.iter().for_each(|(name, what)| tagged(&mut page, name, what));
    page.push_str(
        ".SH SEE ALSO\n.BR bpf (2),\n.BR cgroups (7),\n.BR landlock (7),\n.BR systemd.exec (5)\n",
    );
    page
}

fn tagged(page: &mut String, tag: &str, text: &str) {
    let _ = writeln!(page, ".TP\n\\fB{}\\fR\n{}", roff(tag), roff(text));
}

fn lines(command: &Command) -> impl Iterator<Item = &'static str> {
    examples::of(command.verb).flat_map(|example| example.lines.lines())
}

/// Text that troff prints as it stands.
fn roff(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq");
    // A line that begins with one of these is a request to it.
    let guarded = text.lines().map(|line| match line.starts_with('.') {
        true => format!("\\&{line}"),
        false => line.to_owned(),
    });
    guarded
        .map(|line| line.replace('`', "\\(ga").replace('^', "\\(ha").replace('~', "\\(ti"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// docs/cli.md.
pub(super) fn markdown() -> String {
    let mut page = format!(
        "# The command line\n\n\
         `prxy help --markdown` prints this page, `prxy man` the manual page, `prxy completions` what lets\n\
         bash, zsh and fish complete it; all of them are made from one table. A test runs the examples,\n\
         in their order, on one machine.\n\n{}\n\
         ## Exit status\n\n| status | when |\n|---|---|\n",
        commands(),
    );
    for (status, what) in EXITS {
        let _ = writeln!(page, "| {status} | {what} |");
    }
    page.push_str(
        "\n`prxy exec` ends as the program ended that it ran.\n\n\
         Colours are for terminals only, and `NO_COLOR` turns them off. `--json` prints one JSON value on\n\
         standard output; what went wrong is on standard error.\n\n\
         ## Environment\n\n| variable | what |\n|---|---|\n",
    );
    for variable in VARIABLES {
        let _ = writeln!(page, "| `{}` | {} |", variable.name, variable.summary);
    }
    page.push_str(
        "\nAll but `NO_COLOR` concern the commands that have `--config`; `PRXY_DATA_DIR` those with `--data-dir`.\n\n\
         ## Files\n\n| file | what |\n|---|---|\n",
    );
    for (name, what) in FILES {
        let _ = writeln!(page, "| `{name}` | {what} |");
    }
    page.push_str("\n## Options\n\n| option | what |\n|---|---|\n");
    let general = GENERAL.map(|(spelled, summary)| (spelled.to_owned(), summary));
    let own = OPTIONS.iter().map(|option| (spelled(option), option.summary));
    for (option, summary) in own.chain(general) {
        let _ = writeln!(page, "| `{option}` | {summary} |");
    }
    for command in COMMANDS {
        section(&mut page, command);
    }
    page
}

fn section(page: &mut String, command: &Command) {
    let _ = writeln!(page, "\n## prxy {}\n\n{}.\n", command.name(), command.summary);
    let _ = writeln!(page, "```\n{}\n```", usage(command));
    if !command.note().is_empty() {
        let _ = write!(page, "\n{}", command.note());
    }
    for example in examples::of(command.verb) {
        let (before, how) = match example.run {
            Run::Now => (None, String::new()),
            Run::After(before) => (Some(before), String::new()),
            Run::Endless => (None, " endless".to_owned()),
            Run::Never(why) => (None, format!(" no-run: {why}")),
        };
        page.push('\n');
        if let Some(before) = before {
            let _ = writeln!(page, "<!-- before:\n{before}\n-->");
        }
        let _ = writeln!(page, "```sh{how}\n{}\n```", example.lines);
    }
}

/// One line for each command, or for each group of them.
pub(super) fn commands() -> String {
    let mut table = String::from("| command | what it does |\n|---|---|\n");
    let mut before = "";
    for command in COMMANDS {
        let first = command.words[0];
        if first == before {
            continue;
        }
        before = first;
        let group: Vec<_> = COMMANDS
            .iter()
            .filter(|other| other.words[0] == first)
            .filter_map(|other| other.words.get(1).copied())
            .collect();
        let summary = GROUPS.iter().find(|(name, _)| *name == first);
        let _ = match summary {
            Some((_, what)) => writeln!(table, "| `prxy {first}` {} | {what} |", group.join(", ")),
            None => writeln!(table, "| `prxy {first}` | {} |", command.summary),
        };
    }
    table
}
