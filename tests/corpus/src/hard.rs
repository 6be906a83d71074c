//! What is written by hand: the hard cases of `hard.txt`, and the whole texts of `fresh.txt`.
//!
//! One case per line: `LANG FORMAT TEXT`, values as `⟦LABEL:value⟧`. In the text `\n`, `\t`, `\\` and
//! `\u{200b}` stand for what they stand for in Rust. Lines with `# ` and empty lines are passed over.

use crate::{Gold, Text};

/// Every hard case.
///
/// # Panics
/// Where the file is malformed.
pub fn hard() -> Vec<Text> {
    read("hard", HARD)
}

/// Every whole text that was written before a detector had been run over it.
///
/// # Panics
/// Where the file is malformed.
pub fn fresh() -> Vec<Text> {
    read("fresh", FRESH)
}

fn read(name: &str, file: &str) -> Vec<Text> {
    let cases =
        file.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with("# "));
    cases.map(|(number, line)| case(&format!("{name}-{}", number + 1), line)).collect()
}

fn case(id: &str, line: &str) -> Text {
    let mut parts = line.splitn(3, ' ');
    let mut part = || parts.next().unwrap_or_default().to_owned();
    let (lang, format, marked) = (part(), part(), part());
    let (mut text, mut spans) = (String::new(), Vec::new());
    let mut rest = marked.as_str();
    while let Some((before, behind)) = rest.split_once('⟦') {
        let value = behind.split_once('⟧').and_then(|(inside, behind)| {
            rest = behind;
            inside.split_once(':')
        });
        let Some((label, value)) = value else {
            unreachable!("{id}: no `⟦LABEL:value⟧`");
        };
        text.push_str(&unescaped(before));
        let start = text.len();
        text.push_str(&unescaped(value));
        spans.push(Gold { start, end: text.len(), label: label.to_owned() });
    }
    text.push_str(&unescaped(rest));
    Text { id: id.to_owned(), lang, format, text, spans }
}

fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('\\') {
        out.push_str(before);
        let mut letters = behind.chars();
        match letters.next() {
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('t') => out.push('\t'),
            Some('\\') => out.push('\\'),
            Some('u') => {
                let code = letters.as_str().strip_prefix('{').and_then(|text| text.split_once('}'));
                let (hex, behind) = code.unwrap_or_default();
                let code = u32::from_str_radix(hex, 16).ok().and_then(char::from_u32);
                let Some(code) = code else { unreachable!("bad escape \\u{behind}") };
                out.push(code);
                letters = behind.chars();
            }
            other => unreachable!("bad escape {other:?}"),
        }
        rest = letters.as_str();
    }
    out.push_str(rest);
    out
}

const HARD: &str = include_str!("../hard.txt");
const FRESH: &str = include_str!("../fresh.txt");
