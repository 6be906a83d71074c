//! Whether a crate may be used under the licences that `deny.toml` allows.

use std::path::Path;

use anyhow::{Context, Result};

use super::Crate;

/// The list `allow` of the section `[licenses]`.
pub(super) fn allowed(rules: &str) -> Vec<String> {
    let section = rules.split("\n[licenses]\n").nth(1).unwrap_or_default();
    let section = section.split("\n[").next().unwrap_or_default();
    let list = section.split("\nallow = [").nth(1).unwrap_or_default();
    let list = list.split("\n]").next().unwrap_or_default();
    let lines = list.lines().map(|line| line.split('#').next().unwrap_or_default());
    lines.filter_map(|line| line.split('"').nth(1)).map(str::to_owned).collect()
}

/// What is wrong with a crate's licence.
pub(super) fn finding(one: &Crate, allowed: &[String]) -> Option<String> {
    let Crate { name, version, licence, .. } = one;
    let is_ours = !one.is_foreign;
    if is_ours || Terms::of(licence).hold(allowed) {
        return None;
    }
    Some(format!("{name} {version}: licence {licence:?} is not one that deny.toml allows"))
}

/// Files that look like licences, in the order of their names; also just below, where foreign C
/// sources bring their own.
pub(super) fn files(folder: &Path) -> Result<Vec<(String, String)>> {
    files_to(folder, 1)
}

fn files_to(folder: &Path, depth: u8) -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    let read = std::fs::read_dir(folder).with_context(|| format!("list {}", folder.display()))?;
    for entry in read {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let upper = name.to_uppercase();
        let is_text = ["LICEN", "COPYING", "COPYRIGHT", "NOTICE", "UNLICENSE"]
            .iter()
            .any(|word| upper.starts_with(word));
        let kind = entry.file_type()?;
        if kind.is_dir() && depth > 0 {
            let below = files_to(&entry.path(), depth - 1)?;
            found.extend(below.into_iter().map(|(file, text)| (format!("{name}/{file}"), text)));
        } else if is_text && kind.is_file() {
            let text = std::fs::read(entry.path())?;
            found.push((name, String::from_utf8_lossy(&text).into_owned()));
        }
    }
    found.sort();
    Ok(found)
}

/// An SPDX expression, word by word.
struct Terms<'t> {
    words: Vec<&'t str>,
    at: usize,
}

impl<'t> Terms<'t> {
    fn of(text: &'t str) -> Self {
        let mut words = Vec::new();
        for part in text.split_whitespace() {
            let mut rest = part;
            while let Some(at) = rest.find(['(', ')', '/']) {
                words.extend([&rest[..at], &rest[at..=at]]);
                rest = &rest[at + 1..];
            }
            words.push(rest);
        }
        words.retain(|word| !word.is_empty());
        Self { words, at: 0 }
    }

    /// Whether some choice of it needs nothing else than what is allowed.
    fn hold(mut self, allowed: &[String]) -> bool {
        let holds = self.any(allowed);
        holds && self.at == self.words.len()
    }

    fn any(&mut self, allowed: &[String]) -> bool {
        let mut holds = self.every(allowed);
        // `/` is how `OR` was written once.
        while self.takes("OR") || self.takes("/") {
            holds |= self.every(allowed);
        }
        holds
    }

    fn every(&mut self, allowed: &[String]) -> bool {
        let mut holds = self.one(allowed);
        while self.takes("AND") {
            holds &= self.one(allowed);
        }
        holds
    }

    fn one(&mut self, allowed: &[String]) -> bool {
        if self.takes("(") {
            let holds = self.any(allowed);
            return self.takes(")") && holds;
        }
        let Some(name) = self.words.get(self.at).copied() else { return false };
        self.at += 1;
        let mut name = name.to_owned();
        if self.takes("WITH") {
            let Some(exception) = self.words.get(self.at) else { return false };
            self.at += 1;
            name = format!("{name} WITH {exception}");
        }
        allowed.contains(&name)
    }

    fn takes(&mut self, word: &str) -> bool {
        let takes = self.words.get(self.at) == Some(&word);
        self.at += usize::from(takes);
        takes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_may_be_used_if_one_choice_is_allowed() {
        let rules = "[graph]\n\n[licenses]\nversion = 2\nallow = [\n    \"MIT\", # short\n    # \"GPL-3.0\",\n    \"Apache-2.0 WITH LLVM-exception\",\n    \"ISC\",\n]\n\n[bans]\nallow = [\n \"WTFPL\",\n]\n";
        let allowed = allowed(rules);
        assert_eq!(allowed, ["MIT", "Apache-2.0 WITH LLVM-exception", "ISC"]);
        for (text, expected) in [
            ("MIT", true),
            ("MIT OR GPL-3.0", true),
            ("GPL-3.0/MIT", true),
            ("GPL-3.0 / MIT", true),
            ("MIT AND GPL-3.0", false),
            ("ISC AND (GPL-3.0 OR MIT)", true),
            ("(ISC AND GPL-3.0) OR WTFPL", false),
            ("Apache-2.0", false),
            ("Apache-2.0 WITH LLVM-exception OR Apache-2.0", true),
            ("MIT WITH LLVM-exception", false),
            ("", false),
            ("MIT MIT", false),
            ("(MIT", false),
            ("MIT OR", true),
        ] {
            assert_eq!(Terms::of(text).hold(&allowed), expected, "{text}");
        }
    }
}
