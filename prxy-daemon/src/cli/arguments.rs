//! From the words of a command line to one command that can be run.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use lexopt::Arg;
use thiserror::Error;

use super::definition::{COMMANDS, Command, Verb};
use super::help::begins;
use super::options::{OPTIONS, OTHERWISE};
use crate::config::closest;

/// A command with its options, ready to run.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Arguments {
    pub(super) verb: Verb,
    /// What help was asked about.
    pub(super) topic: Vec<String>,
    pub(super) config: Option<PathBuf>,
    pub(super) listen: Option<String>,
    pub(super) data_dir: Option<PathBuf>,
    pub(super) role: Option<String>,
    pub(super) technique: Option<String>,
    pub(super) without: Option<String>,
    pub(super) json: bool,
    pub(super) all: bool,
    pub(super) list: bool,
    pub(super) markdown: bool,
    pub(super) jsonl: bool,
    pub(super) labels: bool,
    pub(super) memory: bool,
    pub(super) values: bool,
    pub(super) label: Option<String>,
    pub(super) tenant: Option<String>,
    pub(super) older_than: Option<String>,
    pub(super) format: Option<String>,
    pub(super) name: Option<String>,
    pub(super) head: Option<String>,
    pub(super) lines: Option<usize>,
    pub(super) follow: bool,
    pub(super) debug: bool,
    pub(super) key_file: Option<PathBuf>,
    pub(super) new_key_file: Option<PathBuf>,
    pub(super) merge: bool,
    pub(super) force: bool,
    pub(super) write: bool,
    /// Further words, of commands that take any.
    pub(super) places: Vec<PathBuf>,
    /// What stands after `--`.
    pub(super) program: Vec<OsString>,
}

/// Why a command line cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UsageError {
    /// No command was given.
    #[error("which command? One of: {0}")]
    MissingCommand(String),
    /// There is no such command.
    #[error("unknown command `{word}`{hint}")]
    UnknownCommand {
        /// As typed.
        word: String,
        /// `; did you mean …?`, or nothing.
        hint: String,
    },
    /// The command takes no further words.
    #[error("`prxy {command}` takes no further words{hint}")]
    Surplus {
        /// The command's words.
        command: String,
        /// Where it reads instead, or nothing.
        hint: String,
    },
    /// There is no such option, or not for this command.
    #[error("unknown option `{option}`{hint}")]
    UnknownOption {
        /// As typed, without its value.
        option: String,
        /// `; did you mean …?`, or nothing.
        hint: String,
    },
    /// The command does not take this option.
    #[error("`prxy {command}` takes no option `--{option}`")]
    MisplacedOption {
        /// The command's words.
        command: String,
        /// Without its dashes.
        option: &'static str,
    },
    /// An option needs a value.
    #[error("option `--{0}` needs a value")]
    MissingValue(&'static str),
    /// An option stands twice.
    #[error("option `--{0}` stands twice")]
    Twice(&'static str),
    /// An option needs a number.
    #[error("option `--{0}` needs a whole number up to {MAX_NUMBER}")]
    NotANumber(&'static str),
    /// An option needs a whole SHA-256.
    #[error("option `--{option}` needs all 64 hexadecimal digits of a SHA-256, not {length}")]
    NotAHash {
        /// Without its dashes.
        option: &'static str,
        /// How many characters it was.
        length: usize,
    },
    /// `--` and a program are needed, or not taken.
    #[error("{0}")]
    Program(&'static str),
    /// An option has a value that is not one of its.
    #[error("`--{option} {value}`: {known}")]
    UnknownValue {
        /// Without its dashes.
        option: &'static str,
        /// As typed.
        value: String,
        /// What it may be, in words.
        known: String,
    },
    /// Raw data is shown on terminals only.
    #[error("`--debug` shows raw data: standard error must be a terminal, and is none")]
    NoTerminal,
    /// A flag was given a value.
    #[error("option `{0}` takes no value")]
    UnexpectedValue(String),
    /// There are completions for these shells only.
    #[error("for which shell? prxy completions bash, zsh or fish")]
    Shell,
    /// There are these caches only.
    #[error("which cache? exact, semantic, or neither for both")]
    Cache,
    /// A word that should be text is not UTF-8.
    #[error("an argument is not UTF-8")]
    NotUtf8,
}

impl Arguments {
    pub(super) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Self, UsageError> {
        let mut words: Vec<OsString> = Vec::new();
        let mut values: Vec<(&'static str, OsString)> = Vec::new();
        let mut instead = None;
        let mut args: Vec<OsString> = args.into_iter().collect();
        let program = args.iter().position(|arg| arg == "--").map(|at| {
            let program = args.split_off(at);
            program[1..].to_vec()
        });
        let mut parser = lexopt::Parser::from_args(args);
        while let Some(arg) = parser.next().map_err(usage)? {
            match arg {
                Arg::Short('h') | Arg::Long("help") => instead = Some(Verb::Help),
                Arg::Short('V') | Arg::Long("version") => instead = Some(Verb::Version),
                Arg::Long(name) => {
                    let option = option(name)?;
                    if values.iter().any(|(known, _)| *known == option) {
                        return Err(UsageError::Twice(option));
                    }
                    if is_flag(option) {
                        values.push((option, OsString::new()));
                        continue;
                    }
                    let value = parser.value().ok().filter(|value| !value.is_empty());
                    values.push((option, value.ok_or(UsageError::MissingValue(option))?));
                }
                Arg::Short('n') => {
                    let value = parser.value().map_err(|_| UsageError::MissingValue("lines"))?;
                    values.push(("lines", value));
                }
                Arg::Short('f') => values.push(("follow", OsString::new())),
                Arg::Short(short) => {
                    let option = format!("-{short}");
                    return Err(UsageError::UnknownOption { option, hint: String::new() });
                }
                // Its own options would be taken for ours.
                Arg::Value(_) if words == ["exec"] => return Err(UsageError::Program(DASHES)),
                Arg::Value(word) => words.push(word),
            }
        }
        let places = places(&mut words);
        let words = words.into_iter().map(text).collect::<Result<Vec<_>, _>>()?;
        let mut arguments = Self { places, ..Self::default() };
        if let Some(verb) = instead {
            arguments.verb = verb;
            arguments.topic = topic(&words)?;
            return Ok(arguments);
        }
        let command = command(&words)?;
        arguments.verb = command.verb;
        if command.verb == Verb::Help {
            arguments.topic = topic(&words[1..])?;
        }
        for (option, value) in values {
            if !command.options.contains(&option) {
                let command = command.words.join(" ");
                return Err(UsageError::MisplacedOption { command, option });
            }
            match option {
                "config" => arguments.config = Some(value.into()),
                "data-dir" => arguments.data_dir = Some(value.into()),
                "role" => arguments.role = Some(text(value)?),
                "technique" => arguments.technique = Some(text(value)?),
                "without" => arguments.without = Some(text(value)?),
                "json" => arguments.json = true,
                "all" => arguments.all = true,
                "list" => arguments.list = true,
                "markdown" => arguments.markdown = true,
                "jsonl" => arguments.jsonl = true,
                "labels" => arguments.labels = true,
                "memory" => arguments.memory = true,
                "values" => arguments.values = true,
                "label" => arguments.label = Some(text(value)?),
                "tenant" => arguments.tenant = Some(text(value)?),
                "older-than" => arguments.older_than = Some(text(value)?),
                "format" => arguments.format = Some(text(value)?),
                "name" => arguments.name = Some(text(value)?),
                "follow" => arguments.follow = true,
                "debug" => arguments.debug = true,
                "key-file" => arguments.key_file = Some(value.into()),
                "new-key-file" => arguments.new_key_file = Some(value.into()),
                "merge" => arguments.merge = true,
                "force" => arguments.force = true,
                "write" => arguments.write = true,
                "head" => arguments.head = Some(text(value)?),
                "lines" => arguments.lines = Some(number(option, value)?),
                _ => arguments.listen = Some(text(value)?),
            }
        }
        arguments.program = match (command.verb == Verb::Exec, program) {
            (true, Some(program)) if !program.is_empty() => program,
            (true, _) => {
                return Err(UsageError::Program("which program? prxy exec --role ROLE -- PROGRAM"));
            }
            (false, Some(_)) => return Err(UsageError::Program("only `prxy exec` takes `--`")),
            (false, None) => Vec::new(),
        };
        Ok(arguments)
    }
}

/// The command that the words name, all of them; only `help` takes further ones.
fn command(words: &[String]) -> Result<&'static Command, UsageError> {
    let found = COMMANDS.iter().find(|command| {
        let whole = words.len() == command.words.len() || command.verb == Verb::Help;
        words.len() >= command.words.len()
            && whole
            && begins(command.words, &words[..command.words.len()])
    });
    found.ok_or_else(|| unknown(words))
}

/// Takes away what stands behind the words of a command that takes places.
fn places(words: &mut Vec<OsString>) -> Vec<PathBuf> {
    let found = COMMANDS.iter().filter(|command| !command.places().is_empty()).find(|command| {
        let named = words.iter().take(command.words.len());
        words.len() > command.words.len() && named.eq(command.words.iter())
    });
    let Some(command) = found else { return Vec::new() };
    words.split_off(command.words.len()).into_iter().map(PathBuf::from).collect()
}

/// What help can be asked about: the beginning of a command.
fn topic(words: &[String]) -> Result<Vec<String>, UsageError> {
    let known = COMMANDS.iter().any(|command| begins(command.words, words));
    if known { Ok(words.to_vec()) } else { Err(unknown(words)) }
}

fn unknown(words: &[String]) -> UsageError {
    let names = || COMMANDS.iter().map(|command| command.words.join(" "));
    if COMMANDS.iter().any(|command| begins(command.words, words)) {
        let topic = words.join(" ");
        let known: Vec<String> = names().filter(|name| name.starts_with(&topic)).collect();
        return UsageError::MissingCommand(known.join(", "));
    }
    let whole = |command: &&Command| words.iter().take(command.words.len()).eq(command.words);
    if let Some(command) = COMMANDS.iter().find(whole) {
        let name = command.words.join(" ");
        let hint = match command.reads() {
            true => format!(" and reads standard input: prxy {name} < FILE"),
            false => String::new(),
        };
        return UsageError::Surplus { command: name, hint };
    }
    let names: Vec<String> = names().collect();
    let names = || names.iter().map(String::as_str);
    let word = words.join(" ");
    let (group, last) = word.rsplit_once(' ').unwrap_or(("", &word));
    let of_group = |name: &&str| name.rsplit_once(' ').map_or("", |(group, _)| group) == group;
    let meant = OTHERWISE.iter().find(|(other, _)| *other == last).map(|(_, ours)| *ours);
    let near = closest(&word, names())
        .or_else(|| names().filter(of_group).find(|name| name.rsplit(' ').next() == meant))
        // `prxy check` most likely means `prxy config check`.
        .or_else(|| names().find(|name| name.split(' ').any(|part| part == word)))
        .or_else(|| names().find(|name| group.is_empty() && name.rsplit(' ').next() == meant));
    let siblings: Vec<&str> = names().filter(|name| !group.is_empty() && of_group(name)).collect();
    let hint = match (near, siblings.is_empty()) {
        (None, false) => format!("; one of: {}", siblings.join(", ")),
        _ => hint("", near),
    };
    UsageError::UnknownCommand { hint, word }
}

fn option(name: &str) -> Result<&'static str, UsageError> {
    let names = || OPTIONS.iter().map(|option| option.name);
    names().find(|known| *known == name).ok_or_else(|| {
        let near = closest(name, names().chain(["help", "version"]));
        UsageError::UnknownOption { option: format!("--{name}"), hint: hint("--", near) }
    })
}

fn is_flag(name: &str) -> bool {
    OPTIONS.iter().any(|option| option.name == name && option.value.is_empty())
}

fn number(option: &'static str, value: OsString) -> Result<usize, UsageError> {
    let number = value.to_str().and_then(|text| text.parse().ok());
    number.filter(|number| *number <= MAX_NUMBER).ok_or(UsageError::NotANumber(option))
}

fn hint(dashes: &str, near: Option<&str>) -> String {
    near.map(|near| format!("; did you mean `{dashes}{near}`?")).unwrap_or_default()
}

fn text(word: OsString) -> Result<String, UsageError> {
    AsRef::<OsStr>::as_ref(&word).to_str().map(str::to_owned).ok_or(UsageError::NotUtf8)
}

/// What is left of lexopt's errors here: `--help=x`.
fn usage(error: lexopt::Error) -> UsageError {
    match error {
        lexopt::Error::UnexpectedValue { option, .. } => UsageError::UnexpectedValue(option),
        _ => UsageError::NotUtf8,
    }
}

const DASHES: &str = "put `--` before the command: prxy exec --role ROLE -- PROGRAM";
/// Lines are held in memory.
const MAX_NUMBER: usize = 1_000_000;
