//! Boundaries and context, shared by the recognisers.

/// Whether a word may start at `i`: what stands before is no letter or digit, or is an escape spelled out, such as `\n`.
pub(super) fn word_start(bytes: &[u8], i: usize) -> bool {
    match i.checked_sub(1).map(|p| bytes[p]) {
        None => true,
        Some(before) => !before.is_ascii_alphanumeric() || spelled_escape(bytes, i),
    }
}

/// Whether a word may end at `i`.
pub(super) fn word_end(bytes: &[u8], i: usize) -> bool {
    !bytes.get(i).is_some_and(u8::is_ascii_alphanumeric)
}

/// Whether the two bytes before `i` are an escape that some outer encoding left in the text, such as `\n`.
pub(super) fn spelled_escape(bytes: &[u8], i: usize) -> bool {
    i >= 2 && bytes[i - 2] == b'\\' && matches!(bytes[i - 1], b'n' | b'r' | b't' | b'b' | b'f')
}

/// The end of the run of bytes from `i` that `keep` accepts, at most `limit` long.
pub(super) fn run_end(bytes: &[u8], i: usize, limit: usize, keep: impl Fn(u8) -> bool) -> usize {
    let window = &bytes[i..bytes.len().min(i.saturating_add(limit))];
    i + window.iter().position(|b| !keep(*b)).unwrap_or(window.len())
}

/// Whether one of `words` (lower case) stands in the `reach` bytes before `i`: as a word, or as one of a `camelCase` name.
pub(super) fn said_before(bytes: &[u8], i: usize, reach: usize, words: &[&str]) -> bool {
    let window = &bytes[i.saturating_sub(reach)..i];
    let lower = window.to_ascii_lowercase();
    words.iter().any(|word| {
        memchr::memmem::find_iter(&lower, word.as_bytes()).any(|at| {
            let begins = at == 0
                || !lower[at - 1].is_ascii_alphabetic()
                || window[at].is_ascii_uppercase() && window[at - 1].is_ascii_lowercase();
            begins && !window.get(at + word.len()).is_some_and(u8::is_ascii_lowercase)
        })
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
