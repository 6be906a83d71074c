//! Every command and option, in the order in which the help prints them.

/// What a command does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Serve,
    ConfigCheck,
    ConfigShow,
    Version,
    Help,
}

/// One command: its words, what it does and what it takes.
pub(super) struct Command {
    pub(super) words: &'static [&'static str],
    pub(super) verb: Verb,
    pub(super) summary: &'static str,
    pub(super) options: &'static [&'static str],
}

/// One option with a value.
pub(super) struct Opt {
    pub(super) name: &'static str,
    pub(super) value: &'static str,
    pub(super) summary: &'static str,
}

/// An environment variable that the commands with options heed.
pub(super) struct Variable {
    pub(super) name: &'static str,
    pub(super) summary: &'static str,
}

pub(super) const COMMANDS: &[Command] = &[
    Command {
        words: &["serve"],
        verb: Verb::Serve,
        summary: "Run the gateway until it is told to end",
        options: SOURCES,
    },
    Command {
        words: &["config", "check"],
        verb: Verb::ConfigCheck,
        summary: "Check the configuration and print every problem",
        options: SOURCES,
    },
    Command {
        words: &["config", "show"],
        verb: Verb::ConfigShow,
        summary: "Print the effective configuration",
        options: SOURCES,
    },
    Command {
        words: &["version"],
        verb: Verb::Version,
        summary: "Print the version",
        options: &[],
    },
    Command {
        words: &["help"],
        verb: Verb::Help,
        summary: "Print help, also for one command: prxy help serve",
        options: &[],
    },
];

pub(super) const OPTIONS: &[Opt] = &[
    Opt {
        name: "config",
        value: "PATH",
        summary: "Read this file instead of config.yaml in the data directory",
    },
    Opt {
        name: "listen",
        value: "ADDRESS:PORT",
        summary: "Where clients connect (default 127.0.0.1:3099)",
    },
    Opt {
        name: "data-dir",
        value: "DIR",
        summary: "The data directory (default ~/.prxy, for root /var/lib/prxy)",
    },
];

pub(super) const VARIABLES: &[Variable] = &[
    Variable { name: "PRXY_PIPE", summary: "The modules in order, such as airgap,guardrails" },
    Variable { name: "PRXY_LISTEN", summary: "As --listen, which wins" },
    Variable { name: "PRXY_DATA_DIR", summary: "As --data-dir, which wins" },
];

const SOURCES: &[&str] = &["config", "listen", "data-dir"];
