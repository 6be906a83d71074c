//! Documents that come encoded: base64 of text is read and masked, everything else is unreadable.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::base64;
use crate::json::{Path, Segment, StringToken};
use crate::provider::request::Position;

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
    /// Whether its type is one of things that are no text, whatever it says.
    pub(super) foreign: bool,
    alphabet: &'static [u8; 64],
    padded: bool,
}

/// Looks at a value that may be a document.
pub(super) fn read(value: &str) -> Attachment<'_> {
    let (prefix, data) = match url(value) {
        Some(Url::Base64(prefix, data)) => (prefix, data),
        Some(Url::Plain) => return Attachment::Plain,
        Some(Url::Other) => return Attachment::Binary,
        None => ("", value),
    };
    let Some((bytes, alphabet)) = decode(data) else {
        return if prefix.is_empty() { Attachment::Plain } else { Attachment::Binary };
    };
    let padded = data.ends_with('=') || data.len().is_multiple_of(4);
    if is_known_format(&bytes) {
        return Attachment::Binary;
    }
    match String::from_utf8(bytes) {
        Ok(text) if is_readable(&text) => {
            let foreign = !prefix.is_empty() && !is_text_type(type_of(prefix));
            Attachment::Encoded(Encoded { prefix, text, foreign, alphabet, padded })
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
    /// Text that stands there as it is.
    Plain,
    /// Spelled in percent signs, or no text.
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
    let plain = is_text_type(type_of(prefix)) && !data.contains('%');
    Some(match base64 {
        true => Url::Base64(prefix, data),
        false if plain => Url::Plain,
        false => Url::Other,
    })
}

/// The media type of a `data:` URL, from all that stands before its comma.
fn type_of(prefix: &str) -> &str {
    let kind = prefix.get(5..).unwrap_or_default().trim_end_matches(',');
    kind.split(';').next().unwrap_or_default()
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
    let last = [alphabet[62], alphabet[63]];
    base64::decode(digits.as_bytes(), last).map(|(out, _)| (out, alphabet))
}

/// Whether things of this media type are text; without one they are.
fn is_text_type(kind: &str) -> bool {
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match kind.split_once('/') {
        None => kind.is_empty(),
        Some(("text", name)) => name != "rtf" && name != "richtext",
        Some(("application", name)) => {
            let name = name.strip_prefix("x-").unwrap_or(name);
            let suffix = name.rsplit_once('+').map_or(name, |(_, suffix)| suffix);
            TEXT.contains(&suffix)
        }
        Some(_) => false,
    }
}

/// Whether these are the first bytes of a format that is no plain text, though all of it may be letters.
fn is_known_format(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    // Readers of PDF look for its head further on.
    let head = &bytes[..bytes.len().min(1024)];
    FORMATS.iter().any(|first| bytes.starts_with(first))
        || memchr::memmem::find(head, b"%PDF-").is_some()
}

/// Whether a text is one that people or programs read, and no chance.
fn is_readable(text: &str) -> bool {
    text.chars().all(|c| !c.is_control() || matches!(c, '\t' | '\n' | '\r' | '\u{c}'))
}

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const SMALLEST: usize = 32;
/// Types below `application/` that are text.
const TEXT: [&str; 14] = [
    "json",
    "xml",
    "yaml",
    "yml",
    "ndjson",
    "jsonl",
    "jsonlines",
    "javascript",
    "ecmascript",
    "typescript",
    "csv",
    "toml",
    "sql",
    "sh",
];
const FORMATS: [&[u8]; 11] = [
    b"%PDF",
    b"%!PS",
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"GIF8",
    b"RIFF",
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"\xd0\xcf\x11\xe0",
    b"{\\rtf",
    b"OggS",
];

/// What members beside a document say of it. They may stand before or behind it.
#[derive(Debug, Default)]
pub(super) struct Declared(HashMap<String, u8>);

impl Declared {
    /// Takes note of the string at `path`, whose position is given when it is asked for; whether it
    /// is now clear that there is a document that nobody can read.
    pub(super) fn is_unreadable(
        &mut self,
        path: &Path<'_>,
        token: &StringToken<'_>,
        position: impl FnOnce() -> Position,
    ) -> bool {
        let [.., parent, Segment::Key(key)] = path.segments() else { return false };
        let is_key = |names: &[&str]| names.iter().any(|name| parent.is_key(name));
        let key = key.decode();
        let inline = is_key(&["inlineData", "inline_data"]);
        let known = match &*key {
            "data" => inline || is_key(&["source", "input_audio"]),
            "media_type" | "mimeType" | "mime_type" | "type" => inline || parent.is_key("source"),
            "file_data" => true,
            _ => false,
        };
        if !known || !matches!(position(), Position::Data | Position::Structural) {
            return false;
        }
        let value = token.decode();
        let is_plain = || !value.is_empty() && read(&value) == Attachment::Plain;
        let fact = match &*key {
            // Sound; a place to fetch it from is the gate's to judge.
            "data" if parent.is_key("input_audio") => return !value.contains("://"),
            "data" if is_plain() => DATA | LOOSE | if inline { BASE64 } else { 0 },
            "data" => DATA,
            "file_data" => return is_plain() && url(&value).is_none() && decode(&value).is_some(),
            "type" if value == "base64" => BASE64,
            "type" => return false,
            _ if is_text_type(&value) => return false,
            _ => FOREIGN,
        };
        let mut object = String::new();
        for step in &path.segments()[..path.depth() - 1] {
            match step {
                Segment::Key(key) => object.push_str(key.raw()),
                Segment::Index(index) => object.push_str(&index.to_string()),
            }
            object.push('"');
        }
        let facts = self.0.entry(object).or_default();
        *facts |= fact;
        *facts & (DATA | FOREIGN) == DATA | FOREIGN || *facts & (LOOSE | BASE64) == LOOSE | BASE64
    }
}

/// There is a document.
const DATA: u8 = 1;
/// It is not text in base64.
const LOOSE: u8 = 2;
/// It is to be base64.
const BASE64: u8 = 4;
/// Its type is not one of text.
const FOREIGN: u8 = 8;

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
    fn types_of_text_are_told_from_others() {
        for text in ["", "text/plain", "Text/CSV; charset=utf-8", "application/json"] {
            assert!(is_text_type(text), "{text}");
        }
        for text in ["application/ld+json", "application/x-yaml", "application/x-ndjson"] {
            assert!(is_text_type(text), "{text}");
        }
        for other in ["application/pdf", "image/svg+xml", "text/rtf", "pdf", "audio/wav", "*/*"] {
            assert!(!is_text_type(other), "{other}");
        }
        let Attachment::Encoded(read) = read("data:application/pdf;base64,YSxi") else {
            panic!("not read");
        };
        assert!(read.foreign);
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
            "data:image/png;base64,",
            "data:image/svg+xml,<svg/>",
            "data:text/csv,a%40b.org",
            // Letters only: `%PDF-1.4`, `{\\rtf1 a}`, behind a space and a mark of its order.
            "JVBERi0xLjQ=",
            "e1xydGYxIGF9",
            "77u/IHtccnRmMSBhfQ==",
            "JVBERi0xLjcKJeLjz9MKNyAwIG9iago8PCAvVHlwZSAvUGFnZSA+PgA=",
        ] {
            assert_eq!(read(binary), Attachment::Binary, "{binary}");
        }
    }
}
