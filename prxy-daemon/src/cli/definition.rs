//! Every command, in the order in which the help prints them; its options are in `options`.

/// What a command does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Verb {
    Serve,
    Reload,
    Status,
    AuditVerify,
    AuditTail,
    Verify,
    Exec,
    Detect,
    Mask,
    Unmask,
    VaultList,
    VaultShow,
    VaultDelete,
    VaultExpire,
    VaultStats,
    VaultImport,
    VaultExport,
    PatternsList,
    PatternsShow,
    PatternsDelete,
    PatternsExport,
    PatternsImport,
    PatternsClear,
    Encrypt,
    Decrypt,
    Rekey,
    Backup,
    Export,
    Import,
    ModelAdd,
    ModelShow,
    ModelRemove,
    ConfigCheck,
    ConfigShow,
    Doctor,
    CacheShow,
    CacheClear,
    ClientAdd,
    ClientList,
    Completions,
    Man,
    Version,
    #[default]
    Help,
}

/// One command: its words, what it does and what it takes.
pub(super) struct Command {
    pub(super) words: &'static [&'static str],
    pub(super) verb: Verb,
    pub(super) summary: &'static str,
    pub(super) options: &'static [&'static str],
}

impl Command {
    /// Its words.
    pub(super) fn name(&self) -> String {
        self.words.join(" ")
    }

    /// Whether the variables of the configuration matter to it.
    pub(super) fn heeds_variables(&self) -> bool {
        self.options.contains(&"config")
    }

    /// What stands behind `--`, of the command that runs another.
    pub(super) fn program(&self) -> &'static str {
        match self.verb {
            Verb::Exec => "-- PROGRAM [ARGUMENTS]",
            _ => "",
        }
    }

    /// What else one has to know.
    pub(super) fn note(&self) -> &'static str {
        match self.verb {
            Verb::Status => {
                "The exit status is 0 only if everything was read and holds, 3 if no daemon runs \
                 there, else 1.\n"
            }
            Verb::Exec => {
                "ptrace(2) and kill(2) are refused as they are to the role: strace and gdb can \
                 trace nothing,\nand strace waits for ever (end it with Ctrl-C).\n"
            }
            Verb::Doctor => {
                "The exit status is 0 if nothing failed, warnings or not, else 1. It opens no \
                 socket but the running\ndaemon's own: no nameserver and no provider is asked.\n"
            }
            Verb::ClientAdd => {
                "The token is random, 256 bits, and is kept nowhere: the configuration gets its \
                 SHA-256. A client\nbrings it where it would bring a provider's key.\n"
            }
            _ => "",
        }
    }

    /// Whether it takes a text on standard input.
    pub(super) fn reads(&self) -> bool {
        matches!(self.verb, Verb::Detect | Verb::Mask | Verb::Unmask)
    }

    /// What further words are; empty for a command that takes none.
    pub(super) fn places(&self) -> &'static str {
        match self.verb {
            Verb::AuditVerify => "[DIR or FILE]...",
            Verb::VaultShow | Verb::VaultDelete => "PLACEHOLDER...",
            Verb::VaultImport | Verb::PatternsImport | Verb::Export | Verb::Import => "FILE",
            Verb::Backup | Verb::ModelAdd => "DIR",
            Verb::ModelRemove | Verb::ClientAdd => "NAME",
            Verb::CacheClear => "[exact or semantic]",
            Verb::Completions => "bash|zsh|fish",
            Verb::PatternsShow | Verb::PatternsDelete => "NUMBER...",
            _ => "",
        }
    }
}

pub(super) const COMMANDS: &[Command] = &[
    Command {
        words: &["serve"],
        verb: Verb::Serve,
        summary: "Run the gateway until it is told to end",
        options: &["config", "listen", "data-dir", "debug"],
    },
    Command {
        words: &["reload"],
        verb: Verb::Reload,
        summary: "Let the running daemon read its configuration again",
        options: &["json", "data-dir"],
    },
    Command {
        words: &["status"],
        verb: Verb::Status,
        summary: "Say which layers hold, as read back from the kernel just now",
        options: &["json", "data-dir"],
    },
    Command {
        words: &["audit", "verify"],
        verb: Verb::AuditVerify,
        summary: "Check the audit log's chain, in all of its files",
        options: &["head", "json", "data-dir"],
    },
    Command {
        words: &["audit", "tail"],
        verb: Verb::AuditTail,
        summary: "Print the end of the audit log",
        options: &["lines", "follow", "json", "data-dir"],
    },
    Command {
        words: &["verify"],
        verb: Verb::Verify,
        summary: "Try every known way out of every role, and show what stopped it",
        options: &["json", "role", "technique", "without", "all", "list", "markdown"],
    },
    Command {
        words: &["exec"],
        verb: Verb::Exec,
        summary: "Run a command of your own in a role's confinement",
        options: &["role", "config", "data-dir"],
    },
    Command {
        words: &["detect"],
        verb: Verb::Detect,
        summary: "Say what the detectors find in the text on standard input",
        options: &["jsonl", "json", "labels", "config", "data-dir"],
    },
    Command {
        words: &["mask"],
        verb: Verb::Mask,
        summary: "Print the text on standard input masked, and keep the values in the vault",
        options: &["memory", "tenant", "config", "key-file", "data-dir"],
    },
    Command {
        words: &["unmask"],
        verb: Verb::Unmask,
        summary: "Print the text on standard input with the values of its placeholders",
        options: &["tenant", "key-file", "data-dir"],
    },
    Command {
        words: &["vault", "list"],
        verb: Verb::VaultList,
        summary: "Print the entries of the vault, without their values",
        options: &["label", "values", "tenant", "json", "key-file", "data-dir"],
    },
    Command {
        words: &["vault", "show"],
        verb: Verb::VaultShow,
        summary: "Print the entries of some placeholders",
        options: &["values", "tenant", "json", "key-file", "data-dir"],
    },
    Command {
        words: &["vault", "delete"],
        verb: Verb::VaultDelete,
        summary: "Delete entries: what they stood for stays masked",
        options: &["tenant", "json", "key-file", "data-dir"],
    },
    Command {
        words: &["vault", "expire"],
        verb: Verb::VaultExpire,
        summary: "Delete the entries that have not been used for long",
        options: &["older-than", "json", "key-file", "data-dir"],
    },
    Command {
        words: &["vault", "stats"],
        verb: Verb::VaultStats,
        summary: "Count the entries by label",
        options: &["json", "key-file", "data-dir"],
    },
    Command {
        words: &["vault", "import"],
        verb: Verb::VaultImport,
        summary: "Add the entries of a file: anon-proxy's store, or lines of JSON",
        options: &["tenant", "json", "key-file", "data-dir"],
    },
    Command {
        words: &["vault", "export"],
        verb: Verb::VaultExport,
        summary: "Print every entry with its value",
        options: &["format", "label", "tenant", "key-file", "data-dir"],
    },
    Command {
        words: &["encrypt"],
        verb: Verb::Encrypt,
        summary: "Encrypt the whole state in place; the daemon must not run",
        options: &["key-file", "config", "data-dir"],
    },
    Command {
        words: &["decrypt"],
        verb: Verb::Decrypt,
        summary: "Take the encryption off again; the daemon must not run",
        options: &["key-file", "config", "data-dir"],
    },
    Command {
        words: &["rekey"],
        verb: Verb::Rekey,
        summary: "Encrypt the state with another key; the daemon must not run",
        options: &["key-file", "new-key-file", "config", "data-dir"],
    },
    Command {
        words: &["backup"],
        verb: Verb::Backup,
        summary: "Copy state and configuration into a new directory, also while the daemon runs",
        options: &["key-file", "config", "data-dir"],
    },
    Command {
        words: &["export"],
        verb: Verb::Export,
        summary: "Write the whole state, values and all, into a new file of JSON lines",
        options: &["key-file", "config", "data-dir"],
    },
    Command {
        words: &["import"],
        verb: Verb::Import,
        summary: "Read such a file into an empty state",
        options: &["merge", "force", "key-file", "config", "data-dir"],
    },
    Command {
        words: &["model", "add"],
        verb: Verb::ModelAdd,
        summary: "Check a local model for embeddings, and install it",
        options: &["name", "json", "data-dir"],
    },
    Command {
        words: &["model", "show"],
        verb: Verb::ModelShow,
        summary: "Print the models that are installed",
        options: &["json", "data-dir"],
    },
    Command {
        words: &["model", "remove"],
        verb: Verb::ModelRemove,
        summary: "Delete an installed model",
        options: &["json", "data-dir"],
    },
    Command {
        words: &["cache", "show"],
        verb: Verb::CacheShow,
        summary: "Count the answers that are kept to be given again",
        options: &["json", "key-file", "data-dir"],
    },
    Command {
        words: &["cache", "clear"],
        verb: Verb::CacheClear,
        summary: "Delete them, of both caches or of one",
        options: &["json", "key-file", "data-dir"],
    },
    Command {
        words: &["patterns", "list"],
        verb: Verb::PatternsList,
        summary: "Print what solved problems, and how often it helped",
        options: &["tenant", "json", "key-file", "data-dir"],
    },
    Command {
        words: &["patterns", "show"],
        verb: Verb::PatternsShow,
        summary: "Print some patterns whole, with where they come from",
        options: &["json", "key-file", "data-dir"],
    },
    Command {
        words: &["patterns", "delete"],
        verb: Verb::PatternsDelete,
        summary: "Delete patterns by their numbers",
        options: &["json", "key-file", "data-dir"],
    },
    Command {
        words: &["patterns", "export"],
        verb: Verb::PatternsExport,
        summary: "Print all patterns as lines of JSON",
        options: &["tenant", "key-file", "data-dir"],
    },
    Command {
        words: &["patterns", "import"],
        verb: Verb::PatternsImport,
        summary: "Add the patterns of a file of such lines",
        options: &["tenant", "json", "key-file", "data-dir"],
    },
    Command {
        words: &["patterns", "clear"],
        verb: Verb::PatternsClear,
        summary: "Delete all patterns, or all of one tenant",
        options: &["tenant", "json", "key-file", "data-dir"],
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
        summary: "Print the effective configuration, and where each value comes from",
        options: SOURCES,
    },
    Command {
        words: &["doctor"],
        verb: Verb::Doctor,
        summary: "Look for what keeps prxy from running well here, and say what to do",
        options: &["json", "key-file", "config", "listen", "data-dir"],
    },
    Command {
        words: &["client", "add"],
        verb: Verb::ClientAdd,
        summary: "Make a token for a new client, and print it once",
        options: &["write", "json", "config", "data-dir"],
    },
    Command {
        words: &["client", "list"],
        verb: Verb::ClientList,
        summary: "Print the clients of the configuration",
        options: &["json", "config", "data-dir"],
    },
    Command {
        words: &["completions"],
        verb: Verb::Completions,
        summary: "Print what lets a shell complete prxy's command line",
        options: &[],
    },
    Command {
        words: &["man"],
        verb: Verb::Man,
        summary: "Print the manual page, as man(1) reads it",
        options: &[],
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
        options: &["markdown"],
    },
];

const SOURCES: &[&str] = &["json", "config", "listen", "data-dir"];

/// What the commands of a group are about, by their first word.
pub(super) const GROUPS: &[(&str, &str)] = &[
    ("audit", "Read the audit log, and check that it is whole"),
    ("vault", "What the placeholders stand for"),
    ("model", "Local models for embeddings"),
    ("cache", "Answers that are given again"),
    ("patterns", "What solved problems before"),
    ("config", "The configuration, checked or in effect"),
    ("client", "Who is told apart by a token"),
];
