//! What the documentation tells people to type: the fenced blocks of Markdown files.
//!
//! The info string behind the fence says how a block is run: ```` ```sh ```` as it stands,
//! `sh endless` goes on until it is ended, `sh fails` ends with another status than 0, and
//! `sh no-run: REASON` is not run. `console` has commands behind `$ ` and their very output between
//! them. Comments before a block, which readers do not see, may hold `<!-- before:` lines to be run
//! first, and `<!-- lines: fails 2; endless 3 5 -->` has each line run by itself, some of them so.
//!
//! Not for running them: that is the test's.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// One block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Relative to the repository.
    pub file: String,
    /// Of its first line, from 1.
    pub line: usize,
    /// The first word behind the fence.
    pub language: String,
    /// How it is run.
    pub run: Run,
    /// Lines to be run first.
    pub before: String,
    /// What stands in it.
    pub text: String,
}

/// How a block, or a line of it, is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Run {
    /// As it stands, and it must succeed.
    Whole,
    /// As it stands, and it must fail.
    Fails,
    /// It must go on until it is ended.
    Endless,
    /// Each line by itself.
    Lines(Vec<(String, Run)>),
    /// Not at all, for this reason.
    Never(String),
}

/// The Markdown files of the repository that tell people what to do.
pub fn files() -> Result<Vec<PathBuf>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files =
        vec![root.join("README.md"), root.join("SECURITY.md"), root.join("ARCHITECTURE.md")];
    let mut folders = vec![root.join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            match path.extension() {
                _ if path.is_dir() => folders.push(path),
                Some(extension) if extension == "md" => files.push(path),
                _ => {}
            }
        }
    }
    files.sort();
    Ok(files)
}

/// Every fenced block of a file.
///
/// # Errors
/// A fence is not closed, or an info string is not understood.
pub fn blocks(path: &Path) -> Result<Vec<Block>> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let file = path.strip_prefix(&root).unwrap_or(path).display().to_string();
    parse(&file, &text)
}

fn parse(file: &str, text: &str) -> Result<Vec<Block>> {
    let mut blocks = Vec::new();
    let mut lines = text.lines().enumerate();
    let (mut before, mut hint) = (String::new(), None);
    while let Some((at, line)) = lines.next() {
        let place = || format!("{file}:{}", at + 1);
        if let Some(first) = line.strip_prefix("<!-- before:") {
            before = first.trim().to_owned();
            let rest = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "-->");
            before.extend(rest.flat_map(|line| [line, "\n"]));
        } else if let Some(rest) = line.strip_prefix("<!-- lines:") {
            hint = Some(rest.strip_suffix("-->").with_context(place)?.trim().to_owned());
        } else if let Some(info) = line.strip_prefix("```") {
            let mut text = String::new();
            loop {
                match lines.next() {
                    None => bail!("{}: a fence is not closed", place()),
                    Some((_, "```")) => break,
                    Some((_, line)) => text.extend([line, "\n"]),
                }
            }
            let (language, how) = info.split_once(' ').unwrap_or((info, ""));
            let run = run(how, hint.take(), &text).with_context(place)?;
            blocks.push(Block {
                file: file.to_owned(),
                line: at + 1,
                language: language.to_owned(),
                run,
                before: std::mem::take(&mut before),
                text,
            });
        }
    }
    Ok(blocks)
}

fn run(how: &str, hint: Option<String>, text: &str) -> Result<Run> {
    Ok(match (how, hint) {
        ("", None) => Run::Whole,
        ("", Some(hint)) => {
            let mut lines: Vec<_> =
                text.lines().map(|line| (line.to_owned(), Run::Whole)).collect();
            for part in hint.split(';') {
                let mut words = part.split_whitespace();
                let run = match words.next() {
                    Some("fails") => Run::Fails,
                    Some("endless") => Run::Endless,
                    other => bail!("`lines: {other:?}`"),
                };
                for number in words {
                    let number: usize = number.parse()?;
                    let line = number.checked_sub(1).and_then(|at| lines.get_mut(at));
                    line.context("no such line")?.1 = run.clone();
                }
            }
            Run::Lines(lines)
        }
        ("fails", None) => Run::Fails,
        ("endless", None) => Run::Endless,
        (how, None) => match how.strip_prefix("no-run: ") {
            Some(why) if !why.trim().is_empty() => Run::Never(why.trim().to_owned()),
            _ => bail!("`{how}` says nothing about how it is run"),
        },
        _ => bail!("`lines:` before a block that says how it is run"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_says_how_it_is_run() {
        let text = "x\n<!-- before:\ncd /\n-->\n```sh\nls\n```\n```sh no-run: apt\na\n```\n\
                    <!-- lines: fails 2; endless 3 -->\n```sh\na\nb\nc\n```\n```sh endless\nd\n```\n";
        let block = |line, run, before: &str, text: &str| Block {
            file: "f".into(),
            line,
            language: "sh".into(),
            run,
            before: before.into(),
            text: text.into(),
        };
        let lines = [("a", Run::Whole), ("b", Run::Fails), ("c", Run::Endless)];
        let lines = lines.map(|(line, run)| (line.to_owned(), run)).to_vec();
        assert_eq!(
            parse("f", text).unwrap(),
            [
                block(5, Run::Whole, "cd /\n", "ls\n"),
                block(8, Run::Never("apt".into()), "", "a\n"),
                block(12, Run::Lines(lines), "", "a\nb\nc\n"),
                block(17, Run::Endless, "", "d\n"),
            ]
        );
        for wrong in
            ["```sh\n", "```sh maybe\n```\n", "```sh no-run: \n```\n", "```sh no-run\n```\n"]
        {
            assert!(parse("f", wrong).is_err(), "{wrong}");
        }
    }
}
