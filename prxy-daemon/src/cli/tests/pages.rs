//! What is made from the tables: docs/cli.md, the README's table, the manual page, completions.
#![expect(clippy::disallowed_methods, reason = "the shells and groff judge what is made for them")]

use std::io::Write as _;
use std::process::{Command, Stdio};

use super::super::definition::{COMMANDS, GROUPS};
use super::super::{examples, reference};
use super::prxy;

#[test]
fn the_documentation_is_what_the_tables_say() {
    let page = include_str!("../../../../docs/cli.md");
    assert!(page == reference::markdown(), "prxy help --markdown > docs/cli.md");
    let readme = include_str!("../../../../README.md");
    let between = readme.split("<!-- commands -->\n").nth(1);
    assert_eq!(between, Some(reference::commands().as_str()), "README.md");
}

#[test]
fn every_command_has_an_example_and_every_group_a_summary() {
    for command in COMMANDS {
        let name = command.name();
        let mut lines = examples::of(command.verb).flat_map(|example| example.lines.lines());
        assert!(lines.any(|line| line.contains(&format!("prxy {name}"))), "{name}");
        if let [group, _] = command.words {
            assert!(GROUPS.iter().any(|(known, _)| known == group), "{group}");
        }
    }
}

#[test]
fn the_manual_page_is_right_to_the_program_that_sets_it() {
    let page = prxy("man").unwrap();
    let mut groff = Command::new("groff")
        .args(["-man", "-ww", "-Tutf8", "-P-c"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("apt-get install groff-base");
    groff.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let set = groff.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&set.stderr), "");
    let text = String::from_utf8(set.stdout).unwrap();
    // Dashes and quotes can be copied out of it.
    for expected in
        ["prxy exec --role gateway -- ls /proc/self/net", "echo 'Write to ada", "--help"]
    {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
}

/// What bash offers for the last word of a line.
#[track_caller]
fn offered(line: &str, dir: &std::path::Path) -> String {
    let script = format!(
        "set -u; source <({{ cat <<'END'\n{}\nEND\n}})\n\
         COMP_WORDS=({line}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))\n\
         compopt() {{ :; }}\n_prxy\nprintf '%s\\n' \"${{COMPREPLY[@]}}\" | LC_ALL=C sort -u | tr '\\n' ' '",
        prxy("completions bash").unwrap()
    );
    let output = Command::new("bash").arg("-c").arg(script).current_dir(dir).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{line}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn bash_completes_commands_options_and_their_values() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("prxy.yaml"), "").unwrap();
    std::fs::create_dir(dir.path().join("data")).unwrap();
    for (line, expected) in [
        ("prxy ser", "serve"),
        ("prxy va", "vault"),
        ("prxy vault ''", "delete expire export import list show stats"),
        ("prxy vault ex", "expire export"),
        ("prxy config check --con", "--config"),
        ("prxy config check --config ''", "data prxy.yaml"),
        ("prxy config check --config = pr", "prxy.yaml"),
        ("prxy serve --data-dir ''", "data"),
        ("prxy --data-dir data vault exp", "expire export"),
        ("prxy verify --role ne", "netgate"),
        ("prxy verify --without ''", "cgroup landlock namespace seccomp"),
        ("prxy vault export --format ''", "anon-proxy jsonl"),
        ("prxy completions ''", "bash fish zsh"),
        ("prxy cache clear s", "semantic"),
        ("prxy import pr", "prxy.yaml"),
        ("prxy version ''", "--help --version -V -h"),
        ("prxy exec --role gateway -- tru", "true"),
        ("prxy audit nothing ''", "--help --version -V -h"),
        ("prxy detect --label", "--labels"),
    ] {
        let offered = offered(line, dir.path());
        let found = match line.ends_with("tru") {
            true => offered.split(' ').find(|word| *word == "true").unwrap_or(&offered).to_owned(),
            false => offered,
        };
        assert_eq!(found, expected, "{line}");
    }
}

#[test]
fn zsh_completes_commands_options_and_their_values() {
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("_prxy");
    std::fs::write(&script, prxy("completions zsh").unwrap()).unwrap();
    // What the script hands to zsh, which then takes what begins with the word.
    let stubs = "_describe() { print -l -- ${(P)2} }; compadd() { shift; print -l -- $@ }; \
                 _files() { print files $@ }; _message() { print $@ }";
    for (words, expected) in [
        (&["prxy", ""][..], "vault:What the placeholders stand for"),
        (&["prxy", "vault", ""], "show:Print the entries of some placeholders"),
        (&["prxy", "--data-dir", "x", "vault", ""], "stats:Count the entries by label"),
        (&["prxy", "serve", "--"], "--listen:Where clients connect (default 127.0.0.1:3099)"),
        (&["prxy", "verify", "--role", ""], "netgate"),
        (&["prxy", "serve", "--data-dir", ""], "files -/"),
        (&["prxy", "import", ""], "files"),
        (&["prxy", "completions", ""], "fish"),
        (&["prxy", "vault", "expire", "--older-than", ""], "AGE"),
    ] {
        let quoted: Vec<_> = words.iter().map(|word| format!("'{word}'")).collect();
        let line = format!(
            "autoload -U compinit && compinit -u -D && source {}; {stubs}\n\
             words=({}); CURRENT={}; _prxy",
            script.display(),
            quoted.join(" "),
            words.len()
        );
        let output = Command::new("zsh").args(["-f", "-c", &line]).output();
        let output = output.expect("apt-get install zsh");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{words:?}");
        let offered = String::from_utf8(output.stdout).unwrap();
        assert!(offered.lines().any(|line| line == expected), "{words:?}\n{offered}");
    }
}

#[test]
fn fish_completes_commands_options_and_their_values() {
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("prxy.fish");
    std::fs::write(&script, prxy("completions fish").unwrap()).unwrap();
    std::fs::write(dir.path().join("state.jsonl"), "").unwrap();
    for (line, expected) in [
        ("prxy va", "vault\tWhat the placeholders stand for\n"),
        (
            "prxy vault ex",
            "expire\tDelete the entries that have not been used for long\nexport\tPrint every entry with its value\n",
        ),
        ("prxy --data-dir x vault st", "stats\tCount the entries by label\n"),
        ("prxy serve --li", "--listen\tWhere clients connect (default 127.0.0.1:3099)\n"),
        ("prxy status --li", ""),
        (
            "prxy verify --role ne",
            "netgate\tOne of warden, resolver, netgate, broker, gateway, front\n",
        ),
        ("prxy completions z", "zsh\n"),
        ("prxy import sta", "state.jsonl\n"),
        ("prxy detect sta", ""),
    ] {
        let command = format!("source {}; complete -C '{line}'", script.display());
        let output = Command::new("fish")
            .args(["--no-config", "-c", &command])
            .env("HOME", dir.path())
            .current_dir(dir.path())
            .output()
            .expect("apt-get install fish");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{line}");
        let mut offered: Vec<_> = std::str::from_utf8(&output.stdout).unwrap().lines().collect();
        offered.sort_unstable();
        let expected: Vec<_> = expected.lines().collect();
        // What a word is for stands behind a tab, where there is anything to say.
        let offered: Vec<_> = offered.iter().map(|line| line.trim_end()).collect();
        assert_eq!(offered, expected, "{line}");
    }
}
