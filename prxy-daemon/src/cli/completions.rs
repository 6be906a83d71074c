//! `prxy completions …`: what lets a shell complete the command line, made from the tables.
//!
//! Each shell gets the same three things: which options take a value, which words follow which,
//! and which options a command has.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use super::arguments::UsageError;
use super::definition::{COMMANDS, Command, GROUPS};
use super::help::{GENERAL, options};
use super::options::{CHOICES, OPTIONS, Opt};

/// The script for the shell that is asked for.
pub(super) fn script(places: &[PathBuf]) -> Result<String, UsageError> {
    let named: Vec<_> = places.iter().map(|place| place.to_string_lossy()).collect();
    match named.iter().map(AsRef::as_ref).collect::<Vec<_>>()[..] {
        ["bash"] => Ok(bash()),
        ["zsh"] => Ok(zsh()),
        ["fish"] => Ok(fish()),
        _ => Err(UsageError::Shell),
    }
}

/// What stands behind an option or a command.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    Nothing,
    File,
    Directory,
    OneOf(&'static [&'static str]),
    Anything,
}

impl Takes {
    fn of_option(option: &Opt) -> Self {
        match (CHOICES.iter().find(|(name, _)| *name == option.name), option.value) {
            (Some((_, words)), _) => Self::OneOf(words),
            (None, "") => Self::Nothing,
            (None, "PATH" | "FILE") => Self::File,
            (None, "DIR") => Self::Directory,
            _ => Self::Anything,
        }
    }

    fn of_command(command: &Command) -> Self {
        match command.places() {
            "" => Self::Nothing,
            "DIR" => Self::Directory,
            "FILE" | "[DIR or FILE]..." => Self::File,
            "bash|zsh|fish" => Self::OneOf(SHELLS),
            "[exact or semantic]" => Self::OneOf(&["exact", "semantic"]),
            _ => Self::Anything,
        }
    }
}

/// Every beginning of a command that is none itself, with the words that may follow.
fn stems() -> Vec<(String, Vec<(&'static str, &'static str)>)> {
    let mut stems: Vec<(String, Vec<(&str, &str)>)> = vec![(String::new(), Vec::new())];
    for command in COMMANDS {
        let (stem, word) = match command.words {
            [word] => (String::new(), word),
            [group, word, ..] => ((*group).to_owned(), word),
            [] => continue,
        };
        if let [group, _, ..] = command.words
            && !stems.iter().any(|(known, _)| known == group)
        {
            let summary = GROUPS.iter().find(|(name, _)| name == group).map_or("", |(_, s)| *s);
            stems[0].1.push((group, summary));
            stems.push((stem.clone(), Vec::new()));
        }
        if let Some((_, words)) = stems.iter_mut().find(|(known, _)| *known == stem) {
            words.push((word, command.summary));
        }
    }
    stems
}

fn with_value() -> impl Iterator<Item = &'static Opt> {
    OPTIONS.iter().filter(|option| !option.value.is_empty())
}

/// `--config|--listen`, as `case` has it.
fn pattern(names: impl Iterator<Item = &'static Opt>) -> String {
    names.map(|option| format!("--{}", option.name)).collect::<Vec<_>>().join("|")
}

fn general() -> Vec<&'static str> {
    GENERAL.iter().flat_map(|(spelled, _)| spelled.split(", ")).collect()
}

fn bash() -> String {
    let mut arms = String::new();
    for option in with_value() {
        let name = option.name;
        let _ = match Takes::of_option(option) {
            Takes::File => writeln!(
                arms,
                "        --{name}) compopt -o filenames; COMPREPLY=($(compgen -f -- \"$word\")); return ;;"
            ),
            Takes::Directory => writeln!(
                arms,
                "        --{name}) compopt -o filenames; COMPREPLY=($(compgen -d -- \"$word\")); return ;;"
            ),
            Takes::OneOf(words) => writeln!(
                arms,
                "        --{name}) COMPREPLY=($(compgen -W \"{}\" -- \"$word\")); return ;;",
                words.join(" ")
            ),
            Takes::Anything | Takes::Nothing => writeln!(arms, "        --{name}) return ;;"),
        };
    }
    let mut commands = String::new();
    for (stem, words) in stems() {
        let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        let _ = writeln!(commands, "        \"{stem}\") words=\"{}\" ;;", words.join(" "));
    }
    for command in COMMANDS {
        let name = command.name();
        let mut own: Vec<_> = options(command).map(|one| format!("--{}", one.name)).collect();
        own.extend(general().into_iter().map(str::to_owned));
        let places = match Takes::of_command(command) {
            Takes::File => "files=-f",
            Takes::Directory => "files=-d",
            Takes::OneOf(words) => &format!("words=\"{}\"", words.join(" ")),
            Takes::Anything | Takes::Nothing => ":",
        };
        let _ = writeln!(
            commands,
            "        \"{name}\"|\"{name} \"*) {places}; options=\"{}\" ;;",
            own.join(" ")
        );
    }
    format!(
        r#"# bash completion for prxy, as `prxy completions bash` prints it
_prxy() {{
    local word="${{COMP_WORDS[COMP_CWORD]}}" before="${{COMP_WORDS[COMP_CWORD-1]}}"
    local command="" words="" options="{general}" files="" i
    # `--option=value` is three words to bash.
    if [[ $word == "=" ]]; then word=""; elif [[ $before == "=" ]]; then before="${{COMP_WORDS[COMP_CWORD-2]}}"; fi
    case "$before" in
{arms}    esac
    for ((i = 1; i < COMP_CWORD; i++)); do
        case "${{COMP_WORDS[i]}}" in
            {pattern}) [[ ${{COMP_WORDS[i+1]}} == "=" ]] && ((i++)); ((i++)) ;;
            --) COMPREPLY=($(compgen -c -- "$word")); return ;;
            -*) ;;
            *) command="${{command:+$command }}${{COMP_WORDS[i]}}" ;;
        esac
    done
    case "$command" in
{commands}    esac
    if [[ $word == -* ]]; then
        COMPREPLY=($(compgen -W "$options" -- "$word"))
    elif [[ -n $files ]]; then
        compopt -o filenames
        COMPREPLY=($(compgen "$files" -- "$word"))
    elif [[ -n $words ]]; then
        COMPREPLY=($(compgen -W "$words" -- "$word"))
    else
        COMPREPLY=($(compgen -W "$options" -- "$word"))
    fi
}}
complete -F _prxy prxy
"#,
        general = general().join(" "),
        pattern = pattern(with_value()),
    )
}

fn zsh() -> String {
    // `_describe` reads `word:what it is`.
    let item = |word: &str, summary: &str| {
        format!("'{}:{}'", word.replace(':', "\\:"), summary.replace('\'', "'\\''"))
    };
    let mut arms = String::new();
    for option in with_value() {
        let name = option.name;
        let _ = match Takes::of_option(option) {
            Takes::File => writeln!(arms, "        --{name}) _files; return ;;"),
            Takes::Directory => writeln!(arms, "        --{name}) _files -/; return ;;"),
            Takes::OneOf(words) => {
                writeln!(arms, "        --{name}) compadd -- {}; return ;;", words.join(" "))
            }
            Takes::Anything | Takes::Nothing => {
                writeln!(arms, "        --{name}) _message '{}'; return ;;", option.value)
            }
        };
    }
    let mut commands = String::new();
    for (stem, words) in stems() {
        let items: Vec<_> = words.iter().map(|(word, summary)| item(word, summary)).collect();
        let _ = writeln!(commands, "        \"{stem}\") items=({}) ;;", items.join(" "));
    }
    for command in COMMANDS {
        let name = command.name();
        let own = options(command).map(|one| item(&format!("--{}", one.name), one.summary));
        let all = GENERAL
            .iter()
            .flat_map(|(spelled, summary)| spelled.split(", ").map(|one| item(one, summary)));
        let own: Vec<_> = own.chain(all).collect();
        let places = match Takes::of_command(command) {
            Takes::File => "places=_files",
            Takes::Directory => "places='_files -/'",
            Takes::OneOf(words) => &format!("items=({})", words.join(" ")),
            Takes::Anything | Takes::Nothing => ":",
        };
        let _ = writeln!(
            commands,
            "        \"{name}\"|\"{name} \"*) {places}; options=({}) ;;",
            own.join(" ")
        );
    }
    format!(
        r#"#compdef prxy
# zsh completion for prxy, as `prxy completions zsh` prints it
_prxy() {{
    local command="" places="" i
    local -a items options
    options=({general})
    case "${{words[CURRENT-1]}}" in
{arms}    esac
    for ((i = 2; i < CURRENT; i++)); do
        case "${{words[i]}}" in
            {pattern}) ((i++)) ;;
            --) shift $i words; ((CURRENT -= i)); _normal; return ;;
            -*) ;;
            *) command="${{command:+$command }}${{words[i]}}" ;;
        esac
    done
    case "$command" in
{commands}    esac
    if [[ ${{words[CURRENT]}} != -* && ( -n $places || ${{#items}} -gt 0 ) ]]; then
        if [[ -n $places ]]; then ${{=places}}; else _describe word items; fi
    else
        _describe option options
    fi
}}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _prxy "$@"; else compdef _prxy prxy; fi
"#,
        general = general().join(" "),
        pattern = pattern(with_value()),
    )
}

fn fish() -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"));
    let mut lines = String::new();
    for (stem, words) in stems() {
        for (word, summary) in words {
            let summary = quoted(summary);
            let _ = writeln!(
                lines,
                "complete -c prxy -n '__prxy_is \"{stem}\"' -a {word} -d {summary}"
            );
        }
    }
    for command in COMMANDS {
        let at = format!("complete -c prxy -n '__prxy_begins \"{}\"'", command.name());
        let _ = match Takes::of_command(command) {
            Takes::File => writeln!(lines, "{at} -F"),
            Takes::Directory => writeln!(lines, "{at} -a '(__fish_complete_directories)'"),
            Takes::OneOf(words) => writeln!(lines, "{at} -a {}", quoted(&words.join(" "))),
            Takes::Anything | Takes::Nothing => Ok(()),
        };
        for option in options(command) {
            let (name, summary) = (option.name, quoted(option.summary));
            let value = match Takes::of_option(option) {
                Takes::Nothing => "",
                Takes::File => " -r -F",
                Takes::Directory => " -x -a '(__fish_complete_directories)'",
                Takes::OneOf(words) => &format!(" -x -a {}", quoted(&words.join(" "))),
                Takes::Anything => " -x",
            };
            let _ = writeln!(lines, "{at} -l {name}{value} -d {summary}");
        }
    }
    for (spelled, summary) in GENERAL {
        if let Some((short, long)) = spelled.split_once(", ") {
            let (short, long) = (short.trim_start_matches('-'), long.trim_start_matches('-'));
            let _ = writeln!(lines, "complete -c prxy -s {short} -l {long} -d {}", quoted(summary));
        }
    }
    let valued: BTreeSet<_> = with_value().map(|option| format!("--{}", option.name)).collect();
    let valued = valued.into_iter().collect::<Vec<_>>().join(" ");
    format!(
        r#"# fish completion for prxy, as `prxy completions fish` prints it
function __prxy_words
    set -l value no
    set -l words
    for word in (commandline -opc)[2..-1]
        if test $value = yes
            set value no
            continue
        end
        switch $word
            case {valued}
                set value yes
            case '-*'
            case '*'
                set -a words $word
        end
    end
    string join ' ' -- $words
end
function __prxy_is
    test "$(__prxy_words)" = "$argv[1]"
end
function __prxy_begins
    string match -q -- "$argv[1] *" "$(__prxy_words) "
end
complete -c prxy -f
{lines}"#
    )
}

const SHELLS: &[&str] = &["bash", "zsh", "fish"];
