//! Examples of every command, as the help, the manual page and docs/cli.md show them.
//!
//! Those of docs/cli.md are run by a test, one after the other, on one machine on which prxy is a
//! service: what an example leaves behind is there for the next.

use super::definition::Verb;

/// One or more lines for a shell.
pub(super) struct Example {
    pub(super) verb: Verb,
    pub(super) lines: &'static str,
    pub(super) run: Run,
}

/// How the test of the documentation runs it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Run {
    /// As it stands.
    Now,
    /// As it stands, after these lines.
    After(&'static str),
    /// It goes on until it is ended, and is.
    Endless,
    /// Not at all, for this reason.
    Never(&'static str),
}

/// Those of one command.
pub(super) fn of(verb: Verb) -> impl Iterator<Item = &'static Example> {
    EXAMPLES.iter().filter(move |example| example.verb == verb)
}

const fn now(verb: Verb, lines: &'static str) -> Example {
    Example { verb, lines, run: Run::Now }
}

const fn after(verb: Verb, before: &'static str, lines: &'static str) -> Example {
    Example { verb, lines, run: Run::After(before) }
}

const fn endless(verb: Verb, lines: &'static str) -> Example {
    Example { verb, lines, run: Run::Endless }
}

const EXAMPLES: &[Example] = &[
    endless(Verb::Serve, "prxy serve --listen 127.0.0.1:3100 --data-dir ./try"),
    now(Verb::Reload, "prxy reload"),
    now(Verb::Status, "prxy status\nprxy status --json | jq .holds"),
    now(Verb::AuditVerify, "prxy audit verify\nprxy audit verify /var/lib/prxy/audit --json"),
    now(Verb::AuditTail, "prxy audit tail -n 50"),
    endless(Verb::AuditTail, "prxy audit tail --follow --json"),
    now(Verb::Verify, "prxy verify --role netgate --technique tcp4\nprxy verify --list"),
    now(Verb::Exec, "prxy exec --role gateway -- ls /proc/self/net"),
    now(Verb::Detect, "echo 'Write to ada@lovelace.org' | prxy detect\nprxy detect --labels"),
    now(Verb::Mask, "echo 'Write to ada@lovelace.org' | prxy mask > masked.txt"),
    now(Verb::Unmask, "prxy unmask < masked.txt"),
    now(Verb::VaultList, "prxy vault list --label EMAIL\nprxy vault list --values --json"),
    now(Verb::VaultShow, "prxy vault show EMAIL_1 --values"),
    after(Verb::VaultDelete, "echo 'or grace@hopper.org' | prxy mask", "prxy vault delete EMAIL_2"),
    now(Verb::VaultExpire, "prxy vault expire --older-than 90d"),
    now(Verb::VaultStats, "prxy vault stats"),
    after(
        Verb::VaultImport,
        "prxy vault export > vault.jsonl",
        "prxy vault import vault.jsonl --tenant default",
    ),
    now(Verb::VaultExport, "prxy vault export --label EMAIL > emails.jsonl"),
    after(Verb::Encrypt, KEY, "systemctl stop prxy\nprxy encrypt --key-file /etc/prxy/state.key"),
    now(Verb::Decrypt, "prxy decrypt --key-file /etc/prxy/state.key\nsystemctl start prxy"),
    after(
        Verb::Rekey,
        "systemctl stop prxy\nprxy encrypt --key-file /etc/prxy/state.key\n\
         install -m 600 /dev/null /etc/prxy/new.key\necho 'another long passphrase' > /etc/prxy/new.key",
        "prxy rekey --key-file /etc/prxy/state.key --new-key-file /etc/prxy/new.key",
    ),
    after(
        Verb::Backup,
        "prxy decrypt --key-file /etc/prxy/new.key\nsystemctl start prxy",
        "prxy backup ./backup",
    ),
    now(Verb::Export, "prxy export ./state.jsonl"),
    now(
        Verb::Import,
        "prxy import --merge ./state.jsonl\nprxy import ./state.jsonl --data-dir ./copy",
    ),
    Example {
        verb: Verb::ModelAdd,
        lines: "prxy model add ./all-MiniLM-L6-v2 --name minilm",
        run: Run::Never("needs the files of a model; tests/tests/a_local_model_embeds.rs has one"),
    },
    now(Verb::ModelShow, "prxy model show"),
    Example {
        verb: Verb::ModelRemove,
        lines: "prxy model remove minilm",
        run: Run::Never("needs an installed model; tests/tests/a_local_model_embeds.rs has one"),
    },
    now(Verb::CacheShow, "prxy cache show"),
    now(Verb::CacheClear, "prxy cache clear\nprxy cache clear semantic"),
    now(Verb::PatternsList, "prxy patterns list"),
    after(Verb::PatternsShow, PATTERN, "prxy patterns show 1"),
    now(Verb::PatternsDelete, "prxy patterns delete 1"),
    now(Verb::PatternsExport, "prxy patterns export > patterns.jsonl"),
    now(Verb::PatternsImport, "prxy patterns import patterns.jsonl"),
    now(Verb::PatternsClear, "prxy patterns clear"),
    now(
        Verb::ConfigCheck,
        "prxy config check\nprxy config check --config /var/lib/prxy/config.yaml --json",
    ),
    now(Verb::ConfigShow, "prxy config show"),
    now(Verb::Doctor, "prxy doctor"),
    now(Verb::ClientAdd, "prxy client add ward-7 --write\nprxy reload"),
    now(Verb::ClientList, "prxy client list"),
    now(
        Verb::Completions,
        "prxy completions bash > /etc/bash_completion.d/prxy\n\
         prxy completions zsh > _prxy          # into a directory of $fpath\n\
         prxy completions fish > prxy.fish     # into ~/.config/fish/completions",
    ),
    now(Verb::Man, "prxy man > prxy.1 && man ./prxy.1"),
    now(Verb::Version, "prxy version"),
    now(Verb::Help, "prxy help vault\nprxy vault list --help"),
];

const KEY: &str = "install -D -m 600 /dev/null /etc/prxy/state.key\necho 'a long passphrase' > /etc/prxy/state.key";
const PATTERN: &str =
    r#"echo '{"problem":"the build fails","remedy":"run it again"}' | prxy patterns import -"#;
