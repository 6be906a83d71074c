//! A configuration's text with one client more; every other byte stays as it is.

use thiserror::Error;

use super::yaml::{self, Value};

/// Why the text cannot be added to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum EditError {
    /// It is no YAML, or a flow mapping as in JSON.
    #[error("the file is not written in lines of `key: value`")]
    NoBlock,
    /// `clients` is one of these: `{}`, or nothing at all.
    #[error("`clients` is not written in lines of its own")]
    ClientsInline,
    /// That client is there already.
    #[error("there is a client of that name already")]
    Known,
}

/// Adds it behind the last client, or at the end.
///
/// # Errors
/// The text is not written in a way that takes lines, or knows that client.
pub(crate) fn with_client(text: &str, name: &str, sum: &str) -> Result<String, EditError> {
    let parsed = yaml::parse(text);
    let entries = match parsed.root.as_ref().map(|root| &root.value) {
        None | Some(Value::Null) if parsed.problems.is_empty() => &[][..],
        Some(Value::Mapping(entries)) => entries,
        _ => return Err(EditError::NoBlock),
    };
    // In a flow mapping, the first key does not begin its line.
    if entries.first().is_some_and(|first| column(text, first.key_span.start) != Some(0)) {
        return Err(EditError::NoBlock);
    }
    let Some(clients) = entries.iter().find(|entry| entry.key == "clients") else {
        return Ok(insert(text, text.len(), &format!("clients:\n{}", lines("  ", name, sum))));
    };
    let Value::Mapping(known) = &clients.value.value else { return Err(EditError::ClientsInline) };
    if known.iter().any(|client| client.key == name) {
        return Err(EditError::Known);
    }
    let Some(first) = known.first() else { return Err(EditError::ClientsInline) };
    let Some(indent) = column(text, first.key_span.start).filter(|width| *width > 0) else {
        return Err(EditError::ClientsInline);
    };
    // Behind the last line that has something of them: what follows is a comment of what comes next.
    let next = entries.iter().map(|entry| entry.key_span.start);
    let next = next.filter(|at| *at > clients.key_span.start).min().unwrap_or(text.len());
    let own = &text[clients.key_span.start..next];
    let inside = |line: &str| line.starts_with([' ', '\t']) && !line.trim().is_empty();
    let mut end = clients.key_span.start + own.split_inclusive('\n').next().map_or(0, str::len);
    let mut at = clients.key_span.start;
    for line in own.split_inclusive('\n') {
        at += line.len();
        if inside(line) {
            end = at;
        }
    }
    Ok(insert(text, end, &lines(&" ".repeat(indent), name, sum)))
}

/// What stands for a client in the file.
pub(crate) fn lines(indent: &str, name: &str, sum: &str) -> String {
    format!("{indent}{name}:\n{indent}  key_sha256: ['{sum}']\n")
}

/// How far from the beginning of its line, if only blanks are before it.
fn column(text: &str, at: usize) -> Option<usize> {
    let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let before = text[start..at].trim_start_matches('\u{feff}');
    before.bytes().all(|byte| byte == b' ').then_some(before.len())
}

fn insert(text: &str, at: usize, lines: &str) -> String {
    let (before, after) = text.split_at(at);
    let end = if before.is_empty() || before.ends_with('\n') { "" } else { "\n" };
    format!("{before}{end}{lines}{after}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_added_and_nothing_else_is_touched() {
        let new = "  new:\n    key_sha256: ['aa']\n";
        for (before, after) in [
            ("", format!("clients:\n{new}")),
            ("# nothing yet\n", format!("# nothing yet\nclients:\n{new}")),
            ("listen: 127.0.0.1:1 # here", format!("listen: 127.0.0.1:1 # here\nclients:\n{new}")),
            (
                "clients:\n  # wards\n  old:\n    key_sha256: [bb] # 2025\n\n# the rest\nlimits: {}\n",
                format!(
                    "clients:\n  # wards\n  old:\n    key_sha256: [bb] # 2025\n{new}\n# the rest\nlimits: {{}}\n"
                ),
            ),
            (
                "clients:\n    old: { key_sha256: [bb] }",
                "clients:\n    old: { key_sha256: [bb] }\n    new:\n      key_sha256: ['aa']\n"
                    .into(),
            ),
        ] {
            assert_eq!(with_client(before, "new", "aa"), Ok(after), "{before}");
        }
    }

    #[test]
    fn what_takes_no_lines_or_knows_the_client_is_left_alone() {
        for (text, error) in [
            ("{ listen: '127.0.0.1:1' }", EditError::NoBlock),
            ("- airgap\n", EditError::NoBlock),
            ("listen: [", EditError::NoBlock),
            ("clients: { old: { key_sha256: [bb] } }\n", EditError::ClientsInline),
            ("clients:\n", EditError::ClientsInline),
            ("clients:\n  new: { key_sha256: [bb] }\n", EditError::Known),
        ] {
            assert_eq!(with_client(text, "new", "aa"), Err(error), "{text}");
        }
    }
}
