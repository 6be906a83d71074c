//! Every command and option, in the order in which the help prints them.

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
            Verb::ModelRemove => "NAME",
            Verb::PatternsShow | Verb::PatternsDelete => "NUMBER...",
            _ => "",
        }
    }
}

/// One option; a flag has an empty `value`.
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

/// What other programs call what some command does, and the last word of its name here.
pub(super) const OTHERWISE: &[(&str, &str)] = &[
    ("start", "serve"),
    ("run", "serve"),
    ("restart", "reload"),
    ("log", "tail"),
    ("logs", "tail"),
    ("scan", "detect"),
    ("redact", "mask"),
    ("anonymize", "mask"),
    ("restore", "unmask"),
    ("reveal", "unmask"),
    ("get", "show"),
    ("print", "show"),
    ("dump", "show"),
    ("ls", "list"),
    ("rm", "delete"),
    ("remove", "delete"),
    ("purge", "expire"),
    ("count", "stats"),
    ("validate", "check"),
    ("test", "check"),
    ("check", "verify"),
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
    Opt {
        name: "debug",
        value: "",
        summary: "Show raw data, masked and unmasked, on this terminal and nowhere else",
    },
    Opt { name: "json", value: "", summary: "Print one JSON value instead of a table" },
    Opt {
        name: "head",
        value: "SHA256",
        summary: "This line, noted elsewhere, must be in the log",
    },
    Opt { name: "lines", value: "N", summary: "How many lines (default 20)" },
    Opt { name: "follow", value: "", summary: "Go on with what is added, over rotations" },
    Opt {
        name: "role",
        value: "ROLE",
        summary: "One of warden, resolver, netgate, broker, gateway, front",
    },
    Opt { name: "technique", value: "NAME", summary: "Try only this one" },
    Opt {
        name: "without",
        value: "LAYER",
        summary: "See it fail: leave out seccomp, cgroup, landlock or namespace",
    },
    Opt { name: "all", value: "", summary: "Show also what no role is: root with rights" },
    Opt { name: "list", value: "", summary: "Print what would be tried, and try none" },
    Opt {
        name: "jsonl",
        value: "",
        summary: "Lines of {\"id\",\"text\"} in, lines of {\"id\",\"spans\"} out",
    },
    Opt { name: "labels", value: "", summary: "Print the labels, their detectors and actions" },
    Opt { name: "memory", value: "", summary: "Use no vault: forget the values at the end" },
    Opt { name: "label", value: "LABEL", summary: "Only entries of this label" },
    Opt { name: "values", value: "", summary: "Print the values too" },
    Opt {
        name: "tenant",
        value: "NAME",
        summary: "Only this tenant's; the beginning of a name will do",
    },
    Opt { name: "older-than", value: "AGE", summary: "Not used for so long, such as 30d or 12h" },
    Opt { name: "name", value: "NAME", summary: "What to call it (default: the directory's name)" },
    Opt { name: "format", value: "NAME", summary: "jsonl (default) or anon-proxy" },
    Opt {
        name: "key-file",
        value: "PATH",
        summary: "Where the passphrase of an encrypted state is (else PRXY_STATE_KEY)",
    },
    Opt { name: "new-key-file", value: "PATH", summary: "Where the new passphrase is" },
    Opt { name: "merge", value: "", summary: "Add the vault's entries to those that are there" },
    Opt { name: "force", value: "", summary: "Replace what is there; the daemon must not run" },
    Opt {
        name: "markdown",
        value: "",
        summary: "With --list: the whole table of docs/threat-model.md",
    },
];

pub(super) const VARIABLES: &[Variable] = &[
    Variable { name: "PRXY_PIPE", summary: "The modules in order, such as airgap,guardrails" },
    Variable { name: "PRXY_LISTEN", summary: "As --listen, which wins" },
    Variable { name: "PRXY_DATA_DIR", summary: "As --data-dir, which wins" },
    Variable { name: "PRXY_STATE_KEY", summary: "The passphrase of an encrypted state" },
];

const SOURCES: &[&str] = &["config", "listen", "data-dir"];
