//! Assignments in every common form: what a name is given, in code, configuration, markup, command lines and prose.
//!
//! Not for whether the value is a secret: that is `password` and `generic`.

use std::ops::Range;

use super::text;

/// A value that a name is given.
#[derive(Clone, Debug)]
pub(super) struct Assigned {
    /// The whole name that holds the keyword, such as `DB_PASSWORD`.
    pub(super) name: Range<usize>,
    /// The value alone, without its quotes.
    pub(super) value: Range<usize>,
    pub(super) form: Form,
}

/// How the value stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// In quotes or between tags.
    Quoted,
    /// `NAME=value` in capitals, as shells and `.env` files have it.
    Environment,
    /// A line of configuration of its own: `a.b=value`, `name: value`.
    Line,
    /// Behind an option of a command, or in the query of a URL.
    Argument,
    /// `name = value` among other text: configuration or code.
    Loose,
    /// `the password is value`.
    Prose,
}

/// Reads the assignment whose name holds the keyword at `at`.
pub(super) fn read(text: &str, at: &Range<usize>) -> Option<Assigned> {
    let bytes = text.as_bytes();
    let name = name_around(bytes, at);
    let before = &bytes[..name.start];
    let mut i = name.end;
    // What closes the name: quotes, brackets, emphasis.
    let closed = text::run_end(bytes, i, 8, |b| b"\"'`\\]*".contains(&b));
    let quoted = bytes[i..closed].iter().any(|b| b"\"'`".contains(b));
    let tagged = before.ends_with(b"<") && bytes.get(closed) == Some(&b'>');
    let option = !quoted && before.ends_with(b"-") && bytes.get(closed) == Some(&b' ');
    i = blanks(bytes, closed);
    let spaced = i > closed;
    if tagged {
        let end = text::run_end(bytes, closed + 1, LONGEST, |b| b != b'<' && b != b'\n');
        return (bytes[end..].starts_with(b"</")).then(|| Assigned {
            name,
            value: closed + 1..end,
            form: Form::Quoted,
        });
    }
    let rest = &bytes[i..];
    let separator = match rest {
        [b'=', b'=', b'=', ..] => 3,
        [b':', b'=', ..] | [b'=', b'>' | b'=', ..] => 2,
        [b'=' | b':', ..] => 1,
        [b'|', b' ', ..] if spaced => 1,
        _ if rest.starts_with("：".as_bytes()) => 3,
        [b',', ..] if quoted => 1,
        _ => 0,
    };
    let compares = rest.starts_with(b"==");
    if quoted && let Some(from) = paired(bytes, i) {
        return open(bytes, from).map(|(value, form)| Assigned { name, value, form });
    }
    if let Some(from) = cell(bytes, i) {
        return bare(bytes, from, Form::Prose).map(|(value, form)| Assigned { name, value, form });
    }
    if separator == 0 {
        if option {
            let form = Form::Argument;
            return open(bytes, i).or_else(|| bare(bytes, i, form)).map(|(value, form)| Assigned {
                name,
                value,
                form,
            });
        }
        let found = if spaced && is_docker_variable(bytes, &name) {
            open(bytes, i).or_else(|| bare(bytes, i, Form::Environment))
        } else if spaced && behind_account(bytes, name.start) {
            // It is the last word of its clause, or the next machine follows.
            let last = |value: &Range<usize>| {
                let rest = &bytes[value.end..];
                rest.first().is_none_or(|b| *b != b' ') || rest.starts_with(b" machine ")
            };
            let found = pair(bytes, i).filter(|(value, _)| last(value));
            found.or_else(|| prose(bytes, i, spaced))
        } else if spaced && before.ends_with(b"(") {
            let closed = |value: &Range<usize>| bytes.get(value.end) == Some(&b')');
            let found = pair(bytes, i).filter(|(value, _)| closed(value));
            found.or_else(|| prose(bytes, i, spaced))
        } else {
            prose(bytes, i, spaced)
        };
        return found.map(|(value, form)| Assigned { name, value, form });
    }
    if rest[0] == b',' {
        // `set("password", "value")`, and the pairs of `{"name": "PASSWORD", "value": "value"}`.
        let call = before.len() >= 2 && before[before.len() - 2] == b'(';
        let from = match paired(bytes, i + 1) {
            Some(from) => from,
            None if call => blanks(bytes, i + 1),
            None => return None,
        };
        return open(bytes, from).map(|(value, form)| Assigned { name, value, form });
    }
    let mut from = i + separator;
    from = text::run_end(bytes, from, 4, |b| b == b'*');
    let tight = !spaced && !matches!(bytes.get(from), Some(b' ' | b'\t'));
    from = blanks(bytes, from);
    if rest[0] == b':'
        && let Some(next) = indented(bytes, &name, from)
    {
        if ends_statement(bytes, name.start) {
            return None;
        }
        let form = Form::Line;
        return open(bytes, next)
            .or_else(|| bare(bytes, next, form))
            .map(|(value, form)| Assigned { name, value, form });
    }
    // `"password": {"value": "…"}`.
    if quoted
        && bytes.get(from) == Some(&b'{')
        && let Some(from) = paired(bytes, from + 1)
    {
        return open(bytes, from).map(|(value, form)| Assigned { name, value, form });
    }
    if rest[0] == b':' && !quoted {
        from = typed(bytes, from).unwrap_or(from);
    }
    if let Some((value, form)) = open(bytes, from) {
        return Some(Assigned { name, value, form });
    }
    if compares || rest[0] == b'|' && bytes[from..].starts_with(b"-") {
        return None;
    }
    let capitals = bytes[name.clone()].iter().all(|b| !b.is_ascii_lowercase());
    let query = matches!(before.last(), Some(b'?' | b'&'));
    let form = if query || option || before.ends_with(b"-") && separator == 1 && rest[0] == b'=' {
        Form::Argument
    } else if capitals && tight && rest[0] == b'=' {
        Form::Environment
    } else if begins_line(before) {
        Form::Line
    } else if rest[0] == b'=' || tight {
        Form::Loose
    } else {
        Form::Prose
    };
    let (value, form) = bare(bytes, from, form)?;
    Some(Assigned { name, value, form })
}

/// The name around the keyword: letters, digits, `_`, `-`, and `.` inside.
fn name_around(bytes: &[u8], at: &Range<usize>) -> Range<usize> {
    let part = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    let window = &bytes[at.start.saturating_sub(LONGEST_NAME)..at.start];
    let mut start = at.start - window.iter().rev().take_while(|b| part(**b)).count();
    while matches!(bytes[start], b'-' | b'.') && start < at.start {
        start += 1;
    }
    // `\n` spelled out before a name is not its first letter.
    if start < at.start && text::word_start(bytes, start + 1) && bytes[..start].ends_with(b"\\") {
        start += 1;
    }
    if !bytes[at.end - 1].is_ascii() {
        return start..at.end;
    }
    let mut end = text::run_end(bytes, at.end, LONGEST_NAME, part);
    while end > at.end && matches!(bytes[end - 1], b'.' | b'-') {
        end -= 1;
    }
    start..end
}

/// The value in quotes that opens at `i`, whatever quotes they are; a prefix such as `b` or `String::from(` may stand before it.
fn open(bytes: &[u8], i: usize) -> Option<(Range<usize>, Form)> {
    let rest = bytes.get(i..)?;
    let wrapper = WRAPPERS.iter().find(|wrapper| rest.starts_with(wrapper.as_bytes()));
    let mut start = i + wrapper.map_or(0, |wrapper| wrapper.len());
    let prefix = text::run_end(bytes, start, 2, |b| b"bBrRuUL@".contains(&b));
    if matches!(bytes.get(prefix), Some(b'"' | b'\'')) {
        start = prefix;
    }
    let slashes = text::run_end(bytes, start, 4, |b| b == b'\\');
    let rest = &bytes[slashes..];
    let coded: Option<&[u8]> = [&b"&quot;"[..], b"&#34;", b"&#39;", b"%22"]
        .into_iter()
        .find(|mark| rest.starts_with(mark));
    let mark = match rest.first()? {
        b'"' | b'\'' | b'`' => &bytes[start..slashes + 1],
        _ => coded?,
    };
    let from = start + mark.len();
    let mut at = from;
    let limit = bytes.len().min(from + LONGEST);
    while at < limit {
        if bytes[at..].starts_with(mark) {
            return Some((from..at, Form::Quoted));
        }
        match bytes[at] {
            b'\n' | b'\r' => return None,
            b'\\' if slashes == start => at += 2,
            _ => at += 1,
        }
    }
    None
}

/// The value without quotes that starts at `i`.
fn bare(bytes: &[u8], i: usize, form: Form) -> Option<(Range<usize>, Form)> {
    let mut start = i;
    for mark in ["“", "„", "‘", "‚", "「", "«"] {
        if bytes[start..].starts_with(mark.as_bytes()) {
            start += mark.len();
        }
    }
    let whole = matches!(form, Form::Environment | Form::Line);
    let query = form == Form::Argument;
    let stops = |b: u8| match b {
        0..=b' ' | b'"' | b'`' | b'<' | b'>' | b'\\' | 0x7f | 0xc2 | 0xe2.. => true,
        b'\'' | b',' | b';' | b')' | b']' | b'}' | b'|' => !whole,
        // In prose only what looks like the next pair of a query ends it: see below.
        b'&' => query,
        _ => false,
    };
    let end = text::run_end(bytes, start, LONGEST, |b| !stops(b));
    if end - start == LONGEST {
        return None;
    }
    let mut last = end;
    let trailing: &[u8] = if form == Form::Prose { b".,;:?)'" } else { b",;'" };
    while last > start && trailing.contains(&bytes[last - 1]) {
        last -= 1;
    }
    // A call or an index follows: a reference. So does what ends in punctuation of code on a line of its own.
    if let Some(next) = bytes[start..last]
        .windows(2)
        .position(|pair| pair[0] == b'&' && pair[1].is_ascii_lowercase())
    {
        let rest = &bytes[start + next + 1..last];
        let key = rest
            .iter()
            .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
            .count();
        // `&quot;` closes too.
        let behind = bytes.get(start + next + 1 + key);
        if rest.get(key) == Some(&b'=') || behind == Some(&b';') {
            last = start + next;
        }
    }
    if last == start {
        return None;
    }
    let quiet = matches!(bytes.get(end), None | Some(b'\n' | b'\r' | b'\\'))
        || bytes[end..].starts_with(b" #")
        || bytes[end..].starts_with(b" \n")
        || form == Form::Environment;
    // The next option is not the value of this one.
    if form == Form::Argument && bytes[start] == b'-' {
        return None;
    }
    let form = match form {
        Form::Line if !quiet || last < end => Form::Loose,
        form => form,
    };
    Some((start..last, form))
}

/// Where the value starts that stands on the line behind its name, further in than that, alone.
fn indented(bytes: &[u8], name: &Range<usize>, end: usize) -> Option<usize> {
    let line = bytes.get(end..)?;
    let line = line.strip_prefix(b"\r").unwrap_or(line).strip_prefix(b"\n")?;
    let start = bytes.len() - line.len();
    let value = blanks(bytes, start);
    let window = &bytes[name.start.saturating_sub(32)..name.start];
    let own = window.iter().rev().take_while(|b| matches!(b, b' ' | b'\t' | b'"' | b'\'')).count();
    let last = text::run_end(bytes, value, LONGEST, |b| !matches!(b, b'\n' | b'\r'));
    let whole = &bytes[value..last];
    let first = *whole.first()?;
    // A map or a list, and a sentence, are no value.
    let another = whole.windows(2).any(|pair| pair == b": ")
        || whole.ends_with(b":")
        || matches!(first, b'-' | b'#' | b'<' | b'{' | b'[' | b'|')
        || whole.trim_ascii_end().contains(&b' ') && !matches!(first, b'"' | b'\'');
    (value - start > own && !another).then_some(value)
}

/// Whether the line of the name at `i` is a statement that a `:` ends, as Python has them.
fn ends_statement(bytes: &[u8], i: usize) -> bool {
    let from = i.saturating_sub(LONGEST);
    let window = &bytes[from..i];
    let line = window.rsplit(|b| *b == b'\n').next().unwrap_or_default().trim_ascii_start();
    let word = line.iter().take_while(|b| b.is_ascii_alphanumeric()).count();
    // A condition over several lines ends with its last one.
    STATEMENTS.iter().any(|known| line[..word] == *known.as_bytes())
}

/// Where the value of `password: string = "value"` starts.
fn typed(bytes: &[u8], i: usize) -> Option<usize> {
    let part = |b: u8| b.is_ascii_alphanumeric() || b"_<>&'?|[]. ".contains(&b);
    let end = text::run_end(bytes, i, 40, part);
    let more =
        bytes[i..end].first().is_some_and(u8::is_ascii_alphabetic) || bytes.get(i) == Some(&b'&');
    (more && end > i && bytes.get(end) == Some(&b'=')).then(|| blanks(bytes, end + 1))
}

/// Where the value of a pair starts whose name was a value itself: `"value": "…"`, also on the next line.
fn paired(bytes: &[u8], i: usize) -> Option<usize> {
    let space = |b: u8| b.is_ascii_whitespace() || matches!(b, b'"' | b'\'' | b'\\');
    let word = text::run_end(bytes, i, 80, space);
    let rest = bytes[word..].get(..5)?;
    if !rest.eq_ignore_ascii_case(b"value") {
        return None;
    }
    let after = text::run_end(bytes, word + 5, 4, |b| matches!(b, b'"' | b'\'' | b'\\'));
    matches!(bytes.get(after), Some(b':' | b'=')).then(|| blanks(bytes, after + 1))
}

/// The value that a sentence gives: `the password for X is value`, `password "value"`.
fn prose(bytes: &[u8], i: usize, spaced: bool) -> Option<(Range<usize>, Form)> {
    if let Some(from) = environment_list(bytes, i) {
        return open(bytes, from).or_else(|| bare(bytes, from, Form::Environment));
    }
    if let Some(is) = ["是", "为", "為"].iter().find(|is| bytes[i..].starts_with(is.as_bytes()))
    {
        let from = blanks(bytes, i + is.len());
        let from = if bytes[from..].starts_with("：".as_bytes()) { from + 3 } else { from };
        return open(bytes, from).or_else(|| bare(bytes, from, Form::Prose));
    }
    if !spaced {
        return None;
    }
    if let Some(found) = open(bytes, i).or_else(|| telling(bytes, i)) {
        return Some(found);
    }
    // The connecting word, behind a few others.
    let mut at = i;
    // In `the password that you pass to it` a verb comes first.
    let mut verb = false;
    for _ in 0..7 {
        let end = text::run_end(bytes, at, 24, |b| !b.is_ascii_whitespace());
        let word = &bytes[at..end];
        let next = blanks(bytes, end);
        let (plain, colon) = match word {
            [head @ .., b':'] => (head, true),
            _ => (word, false),
        };
        let connects = CONNECTORS.iter().any(|is| plain.eq_ignore_ascii_case(is.as_bytes()));
        verb |= VERBS.iter().any(|known| word == known.as_bytes());
        if (connects || colon) && !(verb && word == b"to") {
            let twice = bytes[next..].starts_with(b"now ");
            let next = if twice { next + 4 } else { next };
            return open(bytes, next).or_else(|| bare(bytes, next, Form::Prose));
        }
        let wordlike = |b: &u8| b.is_ascii_alphanumeric() || b"-_@./'()".contains(b) || *b >= 0x80;
        if next == end || word.is_empty() || !word.iter().all(wordlike) || word.ends_with(b".") {
            return None;
        }
        at = next;
    }
    None
}

/// Where the next cell of a row of HTML starts.
fn cell(bytes: &[u8], i: usize) -> Option<usize> {
    let rest = &bytes[i..bytes.len().min(i + 120)];
    if !rest.starts_with(b"</") && !rest.starts_with(b":</") {
        return None;
    }
    let open = [&b"<td"[..], b"<dd"].into_iter().find_map(|tag| {
        let at = rest.windows(tag.len()).position(|part| part.eq_ignore_ascii_case(tag))?;
        let end = at + rest[at..].iter().position(|b| *b == b'>')? + 1;
        // Only tags and blanks lie between.
        let mut inside = false;
        let blank = rest[..end].iter().skip(usize::from(rest[0] == b':')).all(|b| {
            let tag = inside || matches!(b, b'<');
            inside = tag && *b != b'>';
            tag || b.is_ascii_whitespace()
        });
        blank.then_some(end)
    })?;
    Some(text::run_end(bytes, i + open, 32, |b| b.is_ascii_whitespace()))
}

/// Whether the name is a variable that an image is given: `ENV NAME value`.
fn is_docker_variable(bytes: &[u8], name: &Range<usize>) -> bool {
    let before = &bytes[..name.start];
    let line = before.strip_suffix(b"ENV ");
    line.is_some_and(begins_line)
        && bytes[name.clone()]
            .iter()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b'_')
}

/// Whether an account stands right before `i`, behind a word that says so: `login jdoe password …`.
fn behind_account(bytes: &[u8], i: usize) -> bool {
    let window = &bytes[i.saturating_sub(80)..i];
    let mut words = window.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).rev();
    let (Some(account), Some(says)) = (words.next(), words.next()) else { return false };
    let is = |word: &[u8], list: &[&str]| {
        list.iter().any(|known| word.eq_ignore_ascii_case(known.as_bytes()))
    };
    is(says, ACCOUNTS) && !is(account, NO_ACCOUNTS) && account.iter().all(|b| b.is_ascii_graphic())
}

/// A value of letters and digits that stands behind its name alone.
fn pair(bytes: &[u8], i: usize) -> Option<(Range<usize>, Form)> {
    let (value, form) = bare(bytes, i, Form::Prose)?;
    let has = |kind: fn(&u8) -> bool| bytes[value.clone()].iter().any(kind);
    let fits = has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic) && value.len() >= 6;
    fits.then_some((value, form))
}

/// A value that nothing leads to, as in `the password Winter#Sun21`: letters, digits and a sign that no word has.
fn telling(bytes: &[u8], i: usize) -> Option<(Range<usize>, Form)> {
    let (value, form) = bare(bytes, i, Form::Prose)?;
    let has = |kind: fn(&u8) -> bool| bytes[value.clone()].iter().any(kind);
    let sign = has(|b| b"!#$%&*+?@^~".contains(b));
    let fits = sign && has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic) && value.len() >= 6;
    (fits && !bytes[value.clone()].contains(&b'(')).then_some((value, form))
}

/// Where the value starts in a list such as `- name: PASSWORD`, next line `value: …`.
fn environment_list(bytes: &[u8], i: usize) -> Option<usize> {
    matches!(bytes.get(i), Some(b'\n' | b'\r')).then(|| paired(bytes, i)).flatten()
}

/// Whether only blanks, a list mark or `export` stand between the line's start and here.
fn begins_line(before: &[u8]) -> bool {
    let window = &before[before.len().saturating_sub(48)..];
    let line = match window.iter().rposition(|b| *b == b'\n') {
        Some(at) => &window[at + 1..],
        None if window.len() == before.len() => window,
        None => return false,
    };
    let line = line.trim_ascii();
    let spelled = line.strip_suffix(b"\\n").is_some() || line.ends_with(b"\\r");
    spelled || matches!(line, b"" | b"-" | b"export" | b"set" | b"ENV" | b"ARG" | b"+" | b"*")
}

fn blanks(bytes: &[u8], i: usize) -> usize {
    text::run_end(bytes, i, 32, |b| b == b' ' || b == b'\t')
}

/// Words before an account.
const ACCOUNTS: &[&str] =
    &["user", "username", "login", "account", "benutzer", "utilisateur", "usuario"];
/// Words that are none.
const NO_ACCOUNTS: &[&str] = &[
    "with", "and", "or", "the", "a", "by", "via", "using", "has", "no", "name", "id", "is", "for",
    "in", "on", "of", "to", "must", "should", "can", "entered", "forgot", "changed", "needs",
    "your", "mit", "und", "avec", "et", "con", "y", "&", "/", "-", "=",
];
/// What makes a `to` behind it lead to no value.
const VERBS: &[&str] = &[
    "they", "you", "we", "which", "that", "will", "can", "must", "should", "may", "pass", "passed",
    "need", "needs", "has", "have", "used", "sent", "want",
];
/// Verbs between a name and its value.
const CONNECTORS: &[&str] = &[
    "is", "was", "to", "lautet", "ist", "est", "es", "è", "é", "jest", "to:", "becomes", "=", "->",
    "sera", "será", "sarà", "wird", "wordt", "luidt", "brzmi",
];
/// What such a statement begins with.
const STATEMENTS: &[&str] = &[
    "if", "elif", "else", "while", "for", "with", "def", "class", "and", "or", "not", "except",
    "case", "match", "async", "lambda", "return",
];
/// What a literal is wrapped in without becoming something else.
const WRAPPERS: &[&str] =
    &["String::from(", "SecretString::from(", "SecretStr(", "Secret(", "Some(", "str(", "N"];
const LONGEST_NAME: usize = 64;
const LONGEST: usize = 512;
