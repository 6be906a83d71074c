//! Documents that come encoded: base64 of text is read and masked, everything else is unreadable.

use std::borrow::Cow;

/// What stands where a document or a picture may stand.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Attachment<'t> {
    /// Text as it is.
    Plain,
    /// Text in base64.
    Encoded(Encoded<'t>),
    /// Nothing that could be read.
    Binary,
}

/// A text in base64.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Encoded<'t> {
    /// What stands before it: of a `data:` URL, everything up to the comma.
    pub(super) prefix: &'t str,
    /// What it says.
    pub(super) text: String,
    alphabet: &'static [u8; 64],
    padded: bool,
}

/// Looks at a value that may be a document.
pub(super) fn read(value: &str) -> Attachment<'_> {
    let (prefix, data) = match url(value) {
        Some(Url::Base64(prefix, data)) => (prefix, data),
        Some(Url::Other) | None => ("", value),
    };
    let Some((bytes, alphabet)) = decode(data) else {
        return if prefix.is_empty() { Attachment::Plain } else { Attachment::Binary };
    };
    let padded = data.ends_with('=') || data.len().is_multiple_of(4);
    match String::from_utf8(bytes) {
        Ok(text) if is_readable(&text) => {
            Attachment::Encoded(Encoded { prefix, text, alphabet, padded })
        }
        // No picture is so small, but many a word consists of the letters of base64.
        _ if prefix.is_empty() && data.len() < SMALLEST => Attachment::Plain,
        _ => Attachment::Binary,
    }
}

impl Encoded<'_> {
    /// `text` in the same form.
    pub(super) fn encode(&self, text: &str) -> String {
        let mut out = String::with_capacity(self.prefix.len() + text.len().div_ceil(3) * 4);
        out.push_str(self.prefix);
        for chunk in text.as_bytes().chunks(3) {
            let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
            let group = byte(0) << 16 | byte(1) << 8 | byte(2);
            for digit in 0..4 {
                if digit <= chunk.len() {
                    let index = (group >> (18 - 6 * digit)) & 63;
                    out.push(char::from(self.alphabet[index as usize]));
                } else if self.padded {
                    out.push('=');
                }
            }
        }
        out
    }
}

enum Url<'t> {
    Base64(&'t str, &'t str),
    Other,
}

/// `data:[type][;…];base64,…`
fn url(value: &str) -> Option<Url<'_>> {
    if !value.get(..5)?.eq_ignore_ascii_case("data:") {
        return None;
    }
    let comma = value.find(',')?;
    let (prefix, data) = value.split_at(comma + 1);
    let base64 = prefix.trim_end_matches(',').to_ascii_lowercase().ends_with(";base64");
    Some(if base64 { Url::Base64(prefix, data) } else { Url::Other })
}

/// Base64 of either alphabet; line breaks do no harm.
fn decode(data: &str) -> Option<(Vec<u8>, &'static [u8; 64])> {
    let lines = data.bytes().any(|b| matches!(b, b'\r' | b'\n'));
    let data: Cow<'_, str> =
        if lines { data.replace(['\r', '\n'], "").into() } else { data.into() };
    let digits = data.trim_end_matches('=');
    if digits.is_empty() || data.len() - digits.len() > 2 || digits.len() % 4 == 1 {
        return None;
    }
    let url_safe = digits.bytes().any(|b| matches!(b, b'-' | b'_'));
    let alphabet = if url_safe { URL_SAFE } else { STANDARD };
    let mut out = Vec::with_capacity(digits.len() / 4 * 3 + 3);
    let (mut bits, mut held) = (0_u32, 0);
    for byte in digits.bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            _ if byte == alphabet[62] => 62,
            _ if byte == alphabet[63] => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held & 0xff) as u8);
        }
    }
    Some((out, alphabet))
}

/// Whether a text is one that people or programs read, and no chance.
fn is_readable(text: &str) -> bool {
    text.chars().all(|c| !c.is_control() || matches!(c, '\t' | '\n' | '\r' | '\u{c}'))
}

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const SMALLEST: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: &str, expected: Option<(&str, &str)>) {
        let Attachment::Encoded(read) = read(value) else {
            panic!("{value} is not read");
        };
        assert_eq!(Some((read.prefix, &*read.text)), expected);
        assert_eq!(read.encode(&read.text), value);
    }

    #[test]
    fn base64_of_text_is_read_and_written_again() {
        check("bmFtZSxtYWlsCmFkYSxhZGFAY29ycC5jb20=", Some(("", "name,mail\nada,ada@corp.com")));
        check("YQ==", Some(("", "a")));
        check("Pz8_", Some(("", "???")));
        check("w7_Dvw", Some(("", "ÿÿ")));
        check("data:text/csv;base64,YSxi", Some(("data:text/csv;base64,", "a,b")));
        check("DATA:;BASE64,YSxi", Some(("DATA:;BASE64,", "a,b")));
    }

    #[test]
    fn what_is_no_base64_is_text_and_what_is_no_text_is_binary() {
        for plain in ["A note, and more.", "Hello", "word", "", "data:text/plain,hi", "a\u{e9}b"] {
            assert_eq!(read(plain), Attachment::Plain, "{plain}");
        }
        for binary in [
            "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ",
            "data:image/png;base64,iVBORw0KGgo=",
            "data:image/png;base64,not base64",
            "JVBERi0xLjcKJeLjz9MKNyAwIG9iago8PCAvVHlwZSAvUGFnZSA+PgA=",
        ] {
            assert_eq!(read(binary), Attachment::Binary, "{binary}");
        }
    }
}
