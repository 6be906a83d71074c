//! Boundaries and context, shared by the recognisers.

/// Whether a word may start at `i`: what stands before is no letter or digit, or is an escape spelled out, such as `\n`.
pub(super) fn word_start(bytes: &[u8], i: usize) -> bool {
    match i.checked_sub(1).map(|p| bytes[p]) {
        None => true,
        Some(before) => !before.is_ascii_alphanumeric() || escape_before(bytes, i),
    }
}

/// Whether a word, or a part of a `camelCase` name, starts at `i`.
pub(in crate::redact) fn starts_word(bytes: &[u8], i: usize) -> bool {
    word_start(bytes, i)
        || i > 0 && bytes[i].is_ascii_uppercase() && !bytes[i - 1].is_ascii_uppercase()
}

/// Whether the bytes before `i` end an escape that some outer encoding left in the text: `\n`, `%3D`, `\u0022`, a terminal's colour.
pub(super) fn escape_before(bytes: &[u8], i: usize) -> bool {
    let coded = |mark: &[u8], digits: usize| {
        i >= mark.len() + digits
            && bytes[..i - digits].ends_with(mark)
            && coded_len(bytes, i - digits) == Some(digits)
    };
    spelled_escape(bytes, i)
        || coded(b"%", 2)
        || coded(b"\\x", 2)
        || coded(b"\\u", 4)
        || colour_before(bytes, i)
}

/// The number of hexadecimal digits at `i` that belong to an escape (`%20`, `\x20`, `\u0020`) of something other than a letter or digit.
pub(in crate::redact) fn coded_len(bytes: &[u8], i: usize) -> Option<usize> {
    let digits = match &bytes[..i] {
        [.., b'%'] | [.., b'\\', b'x'] => 2,
        [.., b'\\', b'u'] => 4,
        _ => return None,
    };
    let code = bytes
        .get(i..i + digits)?
        .iter()
        .try_fold(0, |code, byte| char::from(*byte).to_digit(16).map(|digit| code << 4 | digit))?;
    // What is above ASCII may be one byte of several; no value in ASCII goes on over it.
    let symbol = char::from_u32(code).is_none_or(|c| !c.is_ascii_alphanumeric());
    symbol.then_some(digits)
}

/// Whether the control sequence of a terminal ends before `i`, such as the end of `ESC [ 31 m`.
fn colour_before(bytes: &[u8], i: usize) -> bool {
    if !matches!(bytes[i - 1], b'm' | b'K') {
        return false;
    }
    let window = &bytes[i.saturating_sub(24)..i - 1];
    let parameters = window.iter().rev().take_while(|b| b.is_ascii_digit() || **b == b';').count();
    let Some(before) = window[..window.len() - parameters].strip_suffix(b"[") else { return false };
    const ESCAPES: [&[u8]; 5] = [b"\x1b", b"x1b", b"x1B", b"033", b"\\e"];
    ESCAPES.iter().any(|escape| before.ends_with(escape))
        || before.to_ascii_lowercase().ends_with(b"u001b")
}

/// Where a plus sign right before `i` starts, spelled as itself or as an escape.
pub(super) fn plus_before(bytes: &[u8], i: usize) -> Option<usize> {
    let spellings: [&[u8]; 4] = [b"+", b"%2B", b"\\x2B", b"\\u002B"];
    spellings
        .iter()
        .map(|plus| (i.saturating_sub(plus.len()), plus))
        .find_map(|(start, plus)| bytes[start..i].eq_ignore_ascii_case(plus).then_some(start))
}

/// Whether a word may end at `i`.
pub(super) fn word_end(bytes: &[u8], i: usize) -> bool {
    !bytes.get(i).is_some_and(u8::is_ascii_alphanumeric)
}

/// Whether the two bytes before `i` are an escape that some outer encoding left in the text, such as `\n`.
pub(in crate::redact) fn spelled_escape(bytes: &[u8], i: usize) -> bool {
    i >= 2 && bytes[i - 2] == b'\\' && matches!(bytes[i - 1], b'n' | b'r' | b't' | b'b' | b'f')
}

/// The end of the run of bytes from `i` that `keep` accepts, at most `limit` long.
pub(super) fn run_end(bytes: &[u8], i: usize, limit: usize, keep: impl Fn(u8) -> bool) -> usize {
    let window = &bytes[i..bytes.len().min(i.saturating_add(limit))];
    i + window.iter().position(|b| !keep(*b)).unwrap_or(window.len())
}

/// Whether one of `words` (lower case) begins in the `reach` bytes before `i`: as a word or its plural, or as one of a `camelCase` name.
pub(super) fn said_before(bytes: &[u8], i: usize, reach: usize, words: &[&str]) -> bool {
    let begins = |at: usize| match at.checked_sub(1).map(|before| bytes[before]) {
        None => true,
        Some(before) => {
            !before.is_ascii_alphabetic()
                || bytes[at].is_ascii_uppercase() && before.is_ascii_lowercase()
                || escape_before(bytes, at)
        }
    };
    let says = |at: usize, word: &&str| {
        let Some(rest) = bytes[at..i].split_at_checked(word.len()) else { return false };
        let ends = rest.1.strip_prefix(b"s").unwrap_or(rest.1);
        rest.0.eq_ignore_ascii_case(word.as_bytes())
            && !ends.first().is_some_and(u8::is_ascii_lowercase)
    };
    (i.saturating_sub(reach)..i).any(|at| {
        bytes[at].is_ascii_alphabetic() && begins(at) && words.iter().any(|word| says(at, word))
    })
}

/// Whether `body` looks drawn at random rather than written: enough different bytes, and not `xxxx` or `your-key-here`.
pub(super) fn looks_random(body: &[u8]) -> bool {
    let different = distinct(body);
    let one_word = body.iter().all(u8::is_ascii_alphanumeric);
    different >= 6 && body.iter().any(u8::is_ascii_digit)
        || different >= 12 && body.len() >= 20 && one_word
}

/// The number of different bytes in `body`, of its first 64.
pub(super) fn distinct(body: &[u8]) -> usize {
    let mut seen = [false; 256];
    body.iter().take(64).filter(|b| !std::mem::replace(&mut seen[usize::from(**b)], true)).count()
}

/// The start of the word of ASCII letters and digits that `i` stands in, at most 40 bytes back.
pub(super) fn word_begin(bytes: &[u8], i: usize) -> usize {
    let from = i.saturating_sub(40);
    let len = bytes[from..i].iter().rev().take_while(|b| b.is_ascii_alphanumeric()).count();
    let start = i - len;
    // The letters of a spelled-out escape belong to the escape.
    if start > 0 && matches!(bytes[start - 1], b'\\' | b'%' | b'[' | b';') {
        return (start + 1..=i).find(|at| escape_before(bytes, *at)).unwrap_or(start);
    }
    start
}

/// The length of one space at `i`, plain or no-break.
pub(super) fn space_len(bytes: &[u8], i: usize) -> Option<usize> {
    match bytes.get(i..)? {
        [b' ', ..] => Some(1),
        [0xC2, 0xA0, ..] => Some(2),
        [0xE2, 0x80, 0xAF | 0x89, ..] => Some(3),
        _ => None,
    }
}

/// The length of one dash at `i`, plain or typographic.
pub(super) fn dash_len(bytes: &[u8], i: usize) -> Option<usize> {
    match bytes.get(i..)? {
        [b'-', ..] => Some(1),
        [0xE2, 0x80, 0x90..=0x93, ..] => Some(3),
        _ => None,
    }
}
