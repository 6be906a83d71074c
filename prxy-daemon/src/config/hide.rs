//! Keeps secrets and terminal tricks out of what is printed.

use std::borrow::Cow;
use std::ops::Range;

use super::problem::Span;
use super::yaml::{Entry, Node, Parsed, Value};

/// What stands for a hidden stretch.
pub(super) const HIDDEN: &str = "[hidden]";

/// The text with everything that looks like a secret left out.
pub(super) fn secrets(text: &str) -> Cow<'_, str> {
    let ranges = secret_ranges(text);
    if ranges.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut shown = String::new();
    let mut at = 0;
    for range in ranges {
        shown.push_str(&text[at..range.start]);
        shown.push_str(HIDDEN);
        at = range.end;
    }
    shown.push_str(&text[at..]);
    Cow::Owned(shown)
}

/// Where a text holds what looks like a secret, in order, without overlaps.
///
/// Two shapes: user information in a URL, and long words of letters and digits such as keys have.
pub(super) fn secret_ranges(text: &str) -> Vec<Range<usize>> {
    let mut ranges = url_users(text);
    let mut start = None;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        let inside = c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        match (inside, start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                start = None;
                if is_key(&text[from..at]) {
                    ranges.push(from..at);
                }
            }
            _ => {}
        }
    }
    merge(ranges)
}

/// Values under keys that name a secret, wherever they stand; `policy` maps labels, not secrets.
pub(super) fn key_values(text: &str, parsed: &Parsed) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut entries: Vec<&Entry> = parsed.dropped.iter().collect();
    let mut nodes: Vec<&Node> = parsed.root.iter().collect();
    loop {
        if let Some(entry) = entries.pop() {
            let Span { start, end } = entry.value.span;
            if names_secret(&entry.key) && entry.value.span != entry.key_span && !is_path(entry) {
                // A block scalar ends where the next key begins.
                ranges.push(start..start + text[start..end].trim_end().len());
            } else if let ("guardrails", Value::Mapping(options)) =
                (entry.key.as_str(), &entry.value.value)
            {
                // What these list is listed because it is somebody's.
                let (lists, others): (Vec<&Entry>, Vec<_>) =
                    options.iter().partition(|one| matches!(one.key.as_str(), "allow" | "deny"));
                ranges.extend(lists.iter().map(|list| {
                    let Span { start, end } = list.value.span;
                    start..start + text[start..end].trim_end().len()
                }));
                entries.extend(others);
            } else if !matches!(
                entry.key.as_str(),
                "policy" | "positions" | "patterns" | "merge_gap" | "tools_restore_secrets"
            ) {
                nodes.push(&entry.value);
            }
        } else if let Some(node) = nodes.pop() {
            match &node.value {
                Value::Mapping(inner) => entries.extend(inner),
                Value::List(items) => nodes.extend(items),
                _ => {}
            }
        } else {
            return merge(ranges);
        }
    }
}

/// The same for text that could not be read: from such a key to the end of its line.
pub(super) fn key_lines(text: &str) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let end = start + line.trim_end().len();
        let lower = line.to_ascii_lowercase();
        let word = SECRET_WORDS.iter().filter_map(|word| lower.find(word)).min();
        let colon = word.and_then(|at| line[at..].find(':').map(|colon| at + colon + 1));
        if let Some(at) = colon {
            ranges.push((start + at).min(end)..end);
        }
        start += line.len();
    }
    ranges
}

/// A character that a terminal shows as itself: no control, no direction change, nothing invisible.
pub(crate) fn printable(c: char) -> char {
    let invisible = matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}');
    if c.is_control() || invisible { '\u{fffd}' } else { c }
}

fn names_secret(key: &str) -> bool {
    let lower = key.to_ascii_lowercase();
    SECRET_WORDS.iter().any(|word| lower.contains(word)) && !COUNTS.contains(&key)
}

/// A path to a secret is none, as long as it is not the secret itself.
fn is_path(entry: &Entry) -> bool {
    let Value::Text(path) = &entry.value.value else { return false };
    entry.key == "key_file" && PATHS.iter().any(|begins| path.starts_with(begins))
}

fn is_key(word: &str) -> bool {
    let digits = word.bytes().any(|b| b.is_ascii_digit());
    let letters = word.bytes().any(|b| b.is_ascii_alphabetic());
    (word.len() >= MIN_KEY && digits && letters)
        || (word.len() >= 8 && KEY_PREFIXES.iter().any(|prefix| word.starts_with(prefix)))
}

/// `user:password` of everything that has the shape of `//user:password@host` or `user:password@host`.
fn url_users(text: &str) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut start = 0;
    for word in text.split_inclusive(|c: char| c.is_whitespace() || "'\"".contains(c)) {
        if let Some(at) = word.rfind('@') {
            let user = word[..at].find("//").map_or(0, |slashes| slashes + 2);
            if user > 0 || word[..at].contains(':') {
                ranges.push(start + user..start + at);
            }
        }
        start += word.len();
    }
    ranges
}

pub(super) fn merge(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.retain(|range| !range.is_empty());
    ranges.sort_by_key(|range| range.start);
    let mut merged: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

const SECRET_WORDS: [&str; 8] =
    ["key", "secret", "token", "passw", "credential", "auth", "bearer", "pwd"];
/// Options whose names only sound like it.
const COUNTS: [&str; 3] = ["tokensPerDay", "tokensPerMonth", "recallTokens"];
const PATHS: [&str; 3] = ["/", "./", "../"];
const KEY_PREFIXES: [&str; 7] = ["sk-", "sk_", "gsk_", "AIza", "ghp_", "xox", "AKIA"];
/// Shorter words of letters and digits are mostly names.
const MIN_KEY: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_secret_is_hidden_and_a_name_is_not() {
        for (text, shown) in [
            ("https://bob:hunter2@example.com/x", "https://[hidden]@example.com/x"),
            ("https://bob@[::1]:80", "https://[hidden]@[::1]:80"),
            ("https://a:b@c@host", "https://[hidden]@host"),
            ("https://a:b/c@host", "https://[hidden]@host"),
            ("base_url: 'a:b@host'", "base_url: '[hidden]@host'"),
            ("someone@example.com", "someone@example.com"),
            ("sk-ant-abcd", "[hidden]"),
            ("x gsk_0123456789 y", "x [hidden] y"),
            ("abcdefghijklmnopqrstuvwx0", "[hidden]"),
            ("generativelanguage.googleapis.com", "generativelanguage.googleapis.com"),
            ("https://api.anthropic.com/v1", "https://api.anthropic.com/v1"),
            ("dangerously_allow_plaintext", "dangerously_allow_plaintext"),
            ("", ""),
        ] {
            assert_eq!(secrets(text), shown);
        }
    }

    #[test]
    fn counts_and_paths_are_no_secrets_and_keys_are() {
        for (text, hidden) in [
            ("tokensPerDay: 1.5", &[][..]),
            ("recallTokens: x", &[]),
            ("key_file: /etc/prxy/key", &[]),
            ("key_file: ./key", &[]),
            ("key_file: correct horse", &["correct horse"]),
            ("key: /etc/prxy/key", &["/etc/prxy/key"]),
            ("tokens: 1.5", &["1.5"]),
        ] {
            let parsed = super::super::yaml::parse(text);
            let shown: Vec<&str> =
                key_values(text, &parsed).into_iter().map(|range| &text[range]).collect();
            assert_eq!(shown, hidden, "{text}");
        }
    }

    #[test]
    fn without_a_tree_the_rest_of_a_secret_line_is_hidden() {
        let text = "a: 1\n  my_key: x: y\nb: {token: z}\n";
        let hidden: Vec<&str> = key_lines(text).into_iter().map(|r| &text[r]).collect();
        assert_eq!(hidden, [" x: y", " z}"]);
    }
}
