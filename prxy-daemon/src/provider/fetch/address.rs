//! What a lenient reader would take for an address, or for data in place of one.

/// Whether `text` begins like an address that can be fetched.
///
/// Readers of URLs skip control characters and spaces in front, and tabs and line ends anywhere
/// (<https://url.spec.whatwg.org/#concept-basic-url-parser>); some skip a byte order mark too.
pub(super) fn is_address(text: &str) -> bool {
    let text = text.trim_start_matches(is_skipped);
    let mut chars = text.chars().filter(|c| !c.is_control());
    if chars.by_ref().take(2).filter(|c| is_slash(*c)).count() == 2 {
        let host = chars.find(|c| !is_slash(*c));
        // Base64 may begin like this: every MP3 does.
        return host.is_some_and(|c| c.is_alphanumeric() || c == '[')
            && !(text.len().is_multiple_of(4) && is_base64(text));
    }
    let head: String = text.chars().filter(|c| !c.is_control()).take(MAX_SCHEME).collect();
    let Some((scheme, rest)) = head.split_once(':') else { return false };
    let named = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    WEB.iter().any(|web| web.eq_ignore_ascii_case(scheme))
        || !scheme.is_empty()
            && scheme.bytes().all(named)
            && rest.chars().take(2).filter(|c| is_slash(*c)).count() == 2
}

/// Whether the raw text of a string may be one, told without decoding it.
pub(super) fn may_be_address(raw: &str) -> bool {
    let raw = raw.trim_start_matches(is_skipped);
    let head = &raw.as_bytes()[..raw.len().min(MAX_SCHEME * 2)];
    head.iter().any(|byte| matches!(byte, b':' | b'/' | b'\\'))
}

/// Whether a text brings its own content: a `data:` URL, or base64.
pub(super) fn is_inline(text: &str) -> bool {
    begins(text, "data:") || is_base64(text)
}

/// Whether `text` begins with `start`, in whatever case.
pub(super) fn begins(text: &str, start: &str) -> bool {
    text.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start))
}

fn is_base64(text: &str) -> bool {
    let is_letter = |byte: u8| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=' | b'\r' | b'\n')
    };
    text.bytes().all(is_letter)
}

fn is_skipped(c: char) -> bool {
    c.is_control() || c.is_whitespace() || c == '\u{feff}'
}

fn is_slash(c: char) -> bool {
    matches!(c, '/' | '\\')
}

/// Schemes that readers take without their slashes too.
const WEB: [&str; 6] = ["http", "https", "ftp", "file", "ws", "wss"];
/// Longer than any scheme with what follows it.
const MAX_SCHEME: usize = 32;
