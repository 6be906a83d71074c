//! Command lines in; answers, error texts and exit codes out.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt as _;
use std::process::ExitCode;

use super::{Failure, run};

mod client;
mod detect;
mod pages;

/// The answer, or the error text with the exit code; `DIR` stands for an empty data directory.
fn prxy(line: &str) -> Result<String, (String, String)> {
    let dir = tempfile::tempdir().unwrap();
    in_dir(dir.path().to_str().unwrap(), line)
}

fn in_dir(dir: &str, line: &str) -> Result<String, (String, String)> {
    let (out, result) = fed(dir, line, b"");
    assert!(result.is_ok() || out.is_empty());
    result.map(|()| out)
}

/// What is printed for this standard input, and how it ends.
fn fed(dir: &str, line: &str, input: &[u8]) -> (String, Result<(), (String, String)>) {
    let mut out = Vec::new();
    let env = |name: &str| (name == "PRXY_DATA_DIR").then(|| OsString::from(dir));
    let args = line.split_whitespace().map(|word| OsString::from(word.replace("DIR", dir)));
    let result = run(args, &env, &mut &*input, &mut out).map_err(|failure| {
        (failure.to_string().replace(dir, "DIR"), format!("{:?}", failure.exit_code()))
    });
    (String::from_utf8(out).unwrap().replace(dir, "DIR"), result)
}

const HELP: &str = "\
prxy masks personal data in LLM requests, behind an airgap in the kernel.

Usage: prxy COMMAND [OPTIONS]

Commands:
  serve            Run the gateway until it is told to end
  reload           Let the running daemon read its configuration again
  status           Say which layers hold, as read back from the kernel just now
  audit verify     Check the audit log's chain, in all of its files
  audit tail       Print the end of the audit log
  verify           Try every known way out of every role, and show what stopped it
  exec             Run a command of your own in a role's confinement
  detect           Say what the detectors find in the text on standard input
  mask             Print the text on standard input masked, and keep the values in the vault
  unmask           Print the text on standard input with the values of its placeholders
  vault list       Print the entries of the vault, without their values
  vault show       Print the entries of some placeholders
  vault delete     Delete entries: what they stood for stays masked
  vault expire     Delete the entries that have not been used for long
  vault stats      Count the entries by label
  vault import     Add the entries of a file: anon-proxy's store, or lines of JSON
  vault export     Print every entry with its value
  encrypt          Encrypt the whole state in place; the daemon must not run
  decrypt          Take the encryption off again; the daemon must not run
  rekey            Encrypt the state with another key; the daemon must not run
  backup           Copy state and configuration into a new directory, also while the daemon runs
  export           Write the whole state, values and all, into a new file of JSON lines
  import           Read such a file into an empty state
  model add        Check a local model for embeddings, and install it
  model show       Print the models that are installed
  model remove     Delete an installed model
  cache show       Count the answers that are kept to be given again
  cache clear      Delete them, of both caches or of one
  patterns list    Print what solved problems, and how often it helped
  patterns show    Print some patterns whole, with where they come from
  patterns delete  Delete patterns by their numbers
  patterns export  Print all patterns as lines of JSON
  patterns import  Add the patterns of a file of such lines
  patterns clear   Delete all patterns, or all of one tenant
  config check     Check the configuration and print every problem
  config show      Print the effective configuration, and where each value comes from
  doctor           Look for what keeps prxy from running well here, and say what to do
  client add       Make a token for a new client, and print it once
  client list      Print the clients of the configuration
  completions      Print what lets a shell complete prxy's command line
  man              Print the manual page, as man(1) reads it
  version          Print the version
  help             Print help, also for one command: prxy help serve

Options of any command:
  -h, --help     Print help
  -V, --version  Print the version
";

const HELP_SERVE: &str = "\
Run the gateway until it is told to end.

Usage: prxy serve [--config PATH] [--listen ADDRESS:PORT] [--data-dir DIR] [--debug]

Options:
  --config PATH          Read this file instead of config.yaml in the data directory
  --listen ADDRESS:PORT  Where clients connect (default 127.0.0.1:3099)
  --data-dir DIR         The data directory (default ~/.prxy, for root /var/lib/prxy)
  --debug                Show raw data, masked and unmasked, on this terminal and nowhere else

Environment:
  PRXY_PIPE       The modules in order, such as airgap,guardrails
  PRXY_LISTEN     As --listen, which wins
  PRXY_DATA_DIR   As --data-dir, which wins
  PRXY_STATE_KEY  The passphrase of an encrypted state
  NO_COLOR        If set to anything: no colours, also on a terminal

Examples:
  prxy serve --listen 127.0.0.1:3100 --data-dir ./try
";

const HELP_EXEC: &str = "\
Run a command of your own in a role's confinement.

Usage: prxy exec [--config PATH] [--data-dir DIR] [--role ROLE] -- PROGRAM [ARGUMENTS]

Options:
  --config PATH   Read this file instead of config.yaml in the data directory
  --data-dir DIR  The data directory (default ~/.prxy, for root /var/lib/prxy)
  --role ROLE     One of warden, resolver, netgate, broker, gateway, front

ptrace(2) and kill(2) are refused as they are to the role: strace and gdb can trace nothing,
and strace waits for ever (end it with Ctrl-C).

Environment:
  PRXY_PIPE       The modules in order, such as airgap,guardrails
  PRXY_LISTEN     As --listen, which wins
  PRXY_DATA_DIR   As --data-dir, which wins
  PRXY_STATE_KEY  The passphrase of an encrypted state
  NO_COLOR        If set to anything: no colours, also on a terminal

Examples:
  prxy exec --role gateway -- ls /proc/self/net
";

const HELP_VERIFY: &str = "\
Check the audit log's chain, in all of its files.

Usage: prxy audit verify [--data-dir DIR] [--json] [--head SHA256] [DIR or FILE]...

Options:
  --data-dir DIR  The data directory (default ~/.prxy, for root /var/lib/prxy)
  --json          Print one JSON value instead of a table
  --head SHA256   This line, noted elsewhere, must be in the log

Examples:
  prxy audit verify
  prxy audit verify /var/lib/prxy/audit --json
";

const HELP_CONFIG: &str = "\
Usage: prxy config COMMAND [OPTIONS]

Commands:
  config check  Check the configuration and print every problem
  config show   Print the effective configuration, and where each value comes from

Options of any command:
  -h, --help     Print help
  -V, --version  Print the version
";

#[test]
fn help_is_printed_from_the_table() {
    for (line, page) in [
        ("help", HELP),
        ("--help", HELP),
        ("-h", HELP),
        ("help serve", HELP_SERVE),
        ("serve --help", HELP_SERVE),
        ("--config x serve -h", HELP_SERVE),
        ("help exec", HELP_EXEC),
        ("help config", HELP_CONFIG),
        ("help audit verify", HELP_VERIFY),
        ("config --help", HELP_CONFIG),
    ] {
        assert_eq!(prxy(line).as_deref(), Ok(page), "{line}");
    }
    let version = format!("prxy {}\n", env!("CARGO_PKG_VERSION"));
    for line in ["version", "--version", "-V", "serve -V"] {
        assert_eq!(prxy(line), Ok(version.clone()), "{line}");
    }
}

#[test]
fn a_command_line_that_cannot_be_meant_ends_with_64_and_a_hint() {
    for (line, text) in [
        (
            "",
            "which command? One of: serve, reload, status, audit verify, audit tail, verify, exec, detect, mask, unmask, vault list, vault show, vault delete, vault expire, vault stats, vault import, vault export, encrypt, decrypt, rekey, backup, export, import, model add, model show, model remove, cache show, cache clear, patterns list, patterns show, patterns delete, patterns export, patterns import, patterns clear, config check, config show, doctor, client add, client list, completions, man, version, help",
        ),
        ("config", "which command? One of: config check, config show"),
        ("srve", "unknown command `srve`; did you mean `serve`?"),
        ("config shwo", "unknown command `config shwo`; did you mean `config show`?"),
        ("check", "unknown command `check`; did you mean `config check`?"),
        ("hide", "unknown command `hide`"),
        ("serve now", "`prxy serve` takes no further words"),
        (
            "detect notes.txt",
            "`prxy detect` takes no further words and reads standard input: prxy detect < FILE",
        ),
        ("start", "unknown command `start`; did you mean `serve`?"),
        ("redact", "unknown command `redact`; did you mean `mask`?"),
        ("validate", "unknown command `validate`; did you mean `config check`?"),
        ("logs", "unknown command `logs`; did you mean `audit tail`?"),
        ("config validate", "unknown command `config validate`; did you mean `config check`?"),
        ("audit check", "unknown command `audit check`; did you mean `audit verify`?"),
        ("vault get", "unknown command `vault get`; did you mean `vault show`?"),
        ("vault rm", "unknown command `vault rm`; did you mean `vault delete`?"),
        ("completions", "for which shell? prxy completions bash, zsh or fish"),
        ("completions tcsh", "for which shell? prxy completions bash, zsh or fish"),
        ("cache clear all", "which cache? exact, semantic, or neither for both"),
        ("cache flush", "unknown command `cache flush`; did you mean `cache clear`?"),
        ("help --write", "`prxy help` takes no option `--write`"),
        ("audit fly", "unknown command `audit fly`; one of: audit verify, audit tail"),
        ("help nothing", "unknown command `nothing`"),
        ("serve --conf x", "unknown option `--conf`; did you mean `--config`?"),
        ("serve --data_dir x", "unknown option `--data_dir`; did you mean `--data-dir`?"),
        ("serve --insecure", "unknown option `--insecure`"),
        ("serve -c x", "unknown option `-c`"),
        ("serve --config", "option `--config` needs a value"),
        ("serve --config=", "option `--config` needs a value"),
        ("serve --listen 1 --listen 2", "option `--listen` stands twice"),
        ("version --listen 1", "`prxy version` takes no option `--listen`"),
        ("exec --role netgate", "which program? prxy exec --role ROLE -- PROGRAM"),
        ("exec --role netgate --", "which program? prxy exec --role ROLE -- PROGRAM"),
        ("exec -- true", "which role? prxy exec --role ROLE -- PROGRAM"),
        ("serve -- true", "only `prxy exec` takes `--`"),
        ("verify --json=1", "option `--json` takes no value"),
        ("verify --without luck", "`--without luck`: one of seccomp, cgroup, landlock, namespace"),
        (
            "verify --role unknown",
            "`--role unknown`: one of warden, resolver, netgate, broker, gateway, front",
        ),
        ("verify --technique luck", "`--technique luck`: prxy verify --list has them all"),
        (
            "verify --technique tpc4",
            "`--technique tpc4`: did you mean `tcp4`? prxy verify --list has them all",
        ),
        (
            "verify --list --role luck",
            "`--role luck`: one of warden, resolver, netgate, broker, gateway, front",
        ),
        (
            "exec --role netgate curl -m 2",
            "put `--` before the command: prxy exec --role ROLE -- PROGRAM",
        ),
        (
            "audit verify --head 83b3f95b",
            "option `--head` needs all 64 hexadecimal digits of a SHA-256, not 8",
        ),
        ("audit", "which command? One of: audit verify, audit tail"),
        ("audit tail now", "`prxy audit tail` takes no further words"),
        ("audit tail -n many", "option `--lines` needs a whole number up to 1000000"),
        ("audit tail -n", "option `--lines` needs a value"),
        ("audit tail --json=yes", "option `--json` takes no value"),
        ("serve -f", "`prxy serve` takes no option `--follow`"),
        ("--help=yes", "option `--help` takes no value"),
    ] {
        let told = Err((
            format!("prxy: {text}\nTry `prxy help`."),
            "ExitCode(unix_exit_status(64))".into(),
        ));
        assert_eq!(prxy(line), told, "{line}");
    }
    let args = [OsString::from_vec(vec![0xff])];
    let failure = run(args, &|_| None, &mut &b""[..], &mut Vec::new()).unwrap_err();
    assert_eq!(failure.to_string(), "prxy: an argument is not UTF-8\nTry `prxy help`.");
}

#[test]
fn config_check_and_show_answer_with_the_file_or_end_with_64() {
    assert_eq!(prxy("config check"), Ok("defaults: ok\n".into()));
    let shown = prxy("config show --listen [::1]:1").unwrap();
    assert!(
        shown.starts_with(
            "# from defaults\n# data directory: DIR (PRXY_DATA_DIR)\nlisten: '[::1]:1' # --listen\n\
             pipeline: # default\n"
        ),
        "{shown}"
    );

    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_str().unwrap();
    fs::write(dir.path().join("config.yaml"), "enforcement: best-effort\n").unwrap();
    assert_eq!(in_dir(path, "config check"), Ok("DIR/config.yaml: ok\n".into()));
    let config = "listen: 0.0.0.0:3099\nclients: { ward: { uid: 1001 } }\npipeline:\n  - guardrails: { policy: { PERSON: route_local } }\n\
                  providers: { groq: { policy: { EMAIL: route_local } } }\n";
    fs::write(dir.path().join("wide"), config).unwrap();
    let told = "\
DIR/wide: ok
warning: EMAIL, PERSON: route_local, but no local_provider is named: requests with such values are refused
warning: listen 0.0.0.0:3099 is not loopback: clients' keys and texts go over a line in the clear
";
    assert_eq!(in_dir(path, "config check --config DIR/wide"), Ok(told.into()));
    fs::write(dir.path().join("other"), "enforcement: of\nlimit: 1\n").unwrap();
    let told = "\
DIR/other:1:14: error: unknown enforcement `of`; known: `required`, `best-effort`
1 | enforcement: of
  |              ^^
DIR/other:2:1: error: unknown key `limit`; did you mean `limits`?
2 | limit: 1
  | ^^^^^
prxy: 2 configuration problems";
    let told = Err((told.to_owned(), "ExitCode(unix_exit_status(64))".to_owned()));
    for command in ["config check", "config show", "serve"] {
        assert_eq!(in_dir(path, &format!("{command} --config=DIR/other")), told, "{command}");
    }
}

#[test]
fn a_failure_of_the_work_ends_with_1_and_one_line() {
    let failure = Failure::from(anyhow::anyhow!("no such cgroup").context("cannot start"));
    assert_eq!(failure.to_string(), "prxy: cannot start: no such cgroup");
    assert_eq!(failure.exit_code(), ExitCode::FAILURE);
}

#[test]
fn a_closed_pipe_is_no_failure_and_a_full_disk_is() {
    struct Broken(std::io::ErrorKind);
    impl std::io::Write for Broken {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(self.0.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let version =
        |kind| run([OsString::from("version")], &|_| None, &mut &b""[..], &mut Broken(kind));
    assert!(version(std::io::ErrorKind::BrokenPipe).is_ok());
    assert!(matches!(version(std::io::ErrorKind::StorageFull), Err(Failure::Work(_))));
}

#[test]
fn an_audit_log_is_checked_where_it_is_said_to_be() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_str().unwrap();
    let audit = dir.path().join("audit");
    fs::create_dir(&audit).unwrap();
    let line = |seq: u32, previous: &str| {
        format!(r#"{{"event":"start","previous":"{previous}","seq":{seq},"time_ms":0}}"#)
    };
    let first = line(1, &"0".repeat(64));
    let hash = crate::audit::sha256(first.as_bytes());
    let head = crate::audit::sha256(line(2, &hash).as_bytes());
    fs::write(audit.join("egress.jsonl"), format!("{first}\n{}\n", line(2, &hash))).unwrap();
    let told =
        format!("1 files, 2 lines (1 to 2), 2 starts, 0 stops\nhead 2 {head}\nthe chain holds\n");
    for words in ["", "DIR/audit", "DIR/audit/egress.jsonl"] {
        assert_eq!(in_dir(path, &format!("audit verify {words}")), Ok(told.clone()), "{words}");
    }
    let tail = "1970-01-01T00:00:00.000Z  start    \n".repeat(2);
    assert_eq!(in_dir(path, "audit tail"), Ok(tail));
    assert_eq!(in_dir(path, "audit tail --json -n 1"), Ok(line(2, &hash) + "\n"));
    fs::write(audit.join("egress.jsonl"), line(2, &hash) + "\n").unwrap();
    let mut out = Vec::new();
    let args = ["audit", "verify", "--data-dir", path].map(OsString::from);
    let failure = run(args, &|_| None, &mut &b""[..], &mut out).unwrap_err();
    assert_eq!(failure.to_string(), "prxy: audit log: 1 fault");
    assert!(String::from_utf8(out).unwrap().ends_with("the chain is BROKEN\n"));
}

#[test]
fn models_are_told_and_what_is_none_is_not_installed() {
    let fails = |line: &str, expected: &str| {
        let (error, status) = prxy(line).unwrap_err();
        assert!(error.contains(expected), "{line}: {error}");
        assert!(status.contains('1'), "{status}");
    };
    assert_eq!(prxy("model show").unwrap(), "no model is installed\n");
    assert_eq!(prxy("model show --json").unwrap(), "[]\n");
    fails("model add", "which directory?");
    fails("model add DIR/none", "DIR/none: No such file or directory");
    fails("model add DIR --name x", "config.json: No such file or directory");
    fails("model remove", "which model?");
    fails("model remove x", "there is no model \"x\"");
    fails("model remove ../state", "is no name of a model");
}
