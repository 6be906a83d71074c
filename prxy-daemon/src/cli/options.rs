//! Every option, variable and exit status, and what people type instead of a command.

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
    ("empty", "clear"),
    ("flush", "clear"),
    ("diagnose", "doctor"),
    ("completion", "completions"),
    ("manual", "man"),
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
    Opt { name: "markdown", value: "", summary: "Print it as Markdown, as docs/ has it" },
    Opt { name: "write", value: "", summary: "Add it to the configuration file as well" },
];

/// What the value of an option may be, where that is a word of a list.
pub(super) const CHOICES: &[(&str, &[&str])] = &[
    ("role", &["warden", "resolver", "netgate", "broker", "gateway", "front"]),
    ("without", &["seccomp", "cgroup", "landlock", "namespace"]),
    ("format", &["jsonl", "anon-proxy"]),
];

pub(super) const VARIABLES: &[Variable] = &[
    Variable { name: "PRXY_PIPE", summary: "The modules in order, such as airgap,guardrails" },
    Variable { name: "PRXY_LISTEN", summary: "As --listen, which wins" },
    Variable { name: "PRXY_DATA_DIR", summary: "As --data-dir, which wins" },
    Variable { name: "PRXY_STATE_KEY", summary: "The passphrase of an encrypted state" },
    Variable { name: "NO_COLOR", summary: "If set to anything: no colours, also on a terminal" },
];

/// How a command ends.
pub(super) const EXITS: &[(u8, &str)] = &[
    (0, "Done; for a command that checks something: all is well"),
    (1, "The work failed, or what was checked does not hold; the reason is on standard error"),
    (3, "`prxy status`: no daemon runs on this data directory"),
    (64, "The command line or the configuration is wrong; nothing was done"),
];

/// Where things are, for root and else.
pub(super) const FILES: &[(&str, &str)] = &[
    ("/var/lib/prxy, ~/.prxy", "The data directory of root, and of anybody else"),
    ("config.yaml", "The configuration, in the data directory unless --config names another"),
    ("state/", "What prxy keeps: the vault and the state of its modules; the gateway's own"),
    ("audit/", "The audit log, one JSON object a line, hash-chained; the warden's own"),
    ("control.sock", "Where `prxy status` and `prxy reload` ask the running daemon"),
];
