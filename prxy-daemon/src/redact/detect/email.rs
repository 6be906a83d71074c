//! E-mail addresses.

use std::ops::Range;

use super::{Detector, Trigger};
use crate::redact::Action;

pub(super) const EMAIL: Detector = Detector {
    name: "email",
    label: "EMAIL",
    action: Action::Mask,
    shape: "local@domain.tld, ASCII or internationalised, `%40` for the `@` in URLs",
    validator: "the last label is no number, version or file extension; `git@host:` is a remote, not a person",
    score: 90,
    trigger: Trigger::At,
    find,
    positives: &[
        "mail ⟦maria@corp.com⟧ now",
        "⟦maria.lopez+tickets@mail.corp.co.uk⟧",
        "\"⟦maria@corp.com⟧\"",
        "'⟦maria@corp.com⟧',",
        "<⟦maria@corp.com⟧>",
        "notes/⟦maria@corp.com⟧",
        "~⟦maria@corp.com⟧/notes",
        "https://app/?u=⟦maria@corp.com⟧&x=1",
        "https://app/?u=⟦maria%40corp.com⟧&x=1",
        "https://app/?next=%2Flogin%3Fu%3D⟦maria%2540corp.com⟧",
        "mailto:⟦maria@corp.com⟧",
        "{\"to\":\"⟦maria@corp.com⟧\"}",
        "line\\n⟦maria@corp.com⟧\\n",
        "write to ⟦maria@corp.com⟧.",
        "⟦o'brien@corp.ie⟧",
        "⟦jürgen@müller.de⟧",
        "⟦user@xn--mller-kva.xn--p1ai⟧",
        "⟦用户@例子.广告⟧",
        "请联系⟦maria@corp.com⟧谢谢",
        "⟦12345@163.com⟧",
        "⟦maria@corp.internal⟧",
        "⟦a@b.co⟧,⟦c@d.io⟧",
        "user_id=⟦MARIA@CORP.COM⟧;",
        "<system-reminder>\n⟦maria@corp.com⟧\n</system-reminder>",
        "⟦\"maria lopez\"@corp.com⟧",
        "git log --author=⟦git@corp.com⟧",
        "see ⟦report_jane@corp.com⟧_2024.pdf",
        "⟦jane@corp.com⟧_v2",
        "write to ⟦maria.lopez@corp.\ncom⟧ please",
        "write to ⟦maria.lopez@corp-\nexample.com⟧ please",
        "write to ⟦maria.lo-\n  pez@corp.com⟧ please",
        "mail ⟦maria@corp.com⟧.\nthanks",
    ],
    look_alikes: &[
        "user@host",
        "@types/node@20.1.0",
        "react@18.2.0-rc.beta",
        "@media (min-width: 1px)",
        "@app.route('/x')",
        "git@github.com:org/repo.git",
        "ssh://git@github.com/org/repo",
        "ssh -T git@github.com",
        "icon@2x.png",
        "a @ b.com",
        "x@y.z",
        "logo@dark.svg",
        "actions/checkout@v4.1.2",
        "<EMAIL_X>@",
        "@",
        "a@.com",
        "f(a)@b",
        "https://user:password@intranet.corp.com/x",
        "https://user:pass@git.corp.com",
    ],
};

/// Spelled in words, as people do against collectors of addresses.
pub(super) const EMAIL_SPELLED: Detector = Detector {
    name: "email-spelled",
    shape: "local at domain dot tld, in words, in the languages of Europe",
    validator: "the last word is a common top-level domain, and each part one word",
    score: 80,
    trigger: Trigger::Folded(&[
        " dot com",
        " dot org",
        " dot net",
        " dot de",
        " dot fr",
        " dot es",
        " dot it",
        " dot nl",
        " dot pl",
        " dot io",
        " dot edu",
        " dot co",
        " dot eu",
        " dot uk",
        " dot ch",
        " dot at",
        " dot pt",
        " dot br",
        " punkt de",
        " punkt com",
        " punkt net",
        " punkt org",
        " punkt at",
        " punkt ch",
        " point fr",
        " point com",
        " punto es",
        " punto com",
        " punto it",
        " ponto com",
        " ponto pt",
        " kropka pl",
        " kropka com",
        " punt nl",
        " punt com",
    ]),
    find: spelled,
    positives: &[
        "reach me at ⟦marta.kuhn AT posteo DOT de⟧!",
        "write to ⟦tomasz dot nowak at gmail dot com⟧.",
        "⟦anna at corp dot co dot uk⟧",
        "meine Adresse: ⟦anna punkt weber at web punkt de⟧",
        "mi correo es ⟦luis arroba correo punto es⟧",
    ],
    look_alikes: &[
        "look at example dot com",
        "we met at noon dot dot dot",
        "say dot com",
        "dot com bubble at work",
    ],
    ..EMAIL
};

/// The address whose last point and domain are the literal at `at`.
fn spelled(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let part = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.') || *b >= 0x80;
    let mut end = at.end;
    if bytes.get(end).is_some_and(|b| part(b) && *b != b'.') {
        return None;
    }
    // ` dot co dot uk`.
    for tail in [" dot uk", " dot br", " dot au", " ponto br"] {
        if bytes[end..].len() >= tail.len()
            && bytes[end..end + tail.len()].eq_ignore_ascii_case(tail.as_bytes())
        {
            end += tail.len();
        }
    }
    let word = |end: usize| {
        let run = bytes[..end].iter().rev().take(40).take_while(|b| part(b)).count();
        (run > 0 && run < 40).then_some(end - run)
    };
    let joined = |start: usize, marks: &[&str]| {
        marks
            .iter()
            .find(|mark| ends_folded(&bytes[..start], mark.as_bytes()))
            .map(|mark| start - mark.len())
    };
    let mut start = word(at.start)?;
    for _ in 0..3 {
        let Some(end) = joined(start, POINTS) else { break };
        start = word(end)?;
    }
    let at = joined(start, ATS)?;
    let mut start = word(at)?;
    let mut pointed = false;
    for _ in 0..3 {
        let Some(end) = joined(start, POINTS) else { break };
        (start, pointed) = (word(end)?, true);
    }
    let local = &text[start..at];
    // `look at example dot com`, `hosted at …`: a word that is no name of a box.
    let verb = !pointed
        && [
            "look",
            "looks",
            "hosted",
            "site",
            "website",
            "us",
            "available",
            "me",
            "it",
            "him",
            "her",
            "them",
            "page",
            "found",
            "live",
            "is",
            "up",
        ]
        .contains(&local.to_ascii_lowercase().as_str());
    (!verb && local.len() > 1).then_some(start..end)
}

fn ends_folded(bytes: &[u8], end: &[u8]) -> bool {
    bytes.len() >= end.len() && bytes[bytes.len() - end.len()..].eq_ignore_ascii_case(end)
}

const POINTS: &[&str] =
    &[" dot ", " punkt ", " point ", " punto ", " ponto ", " kropka ", " punt "];
const ATS: &[&str] = &[
    " at ",
    " arroba ",
    " arobase ",
    " chiocciola ",
    " małpa ",
    " ät ",
    " apenstaartje ",
    " klammeraffe ",
];

/// The address around the `@` (or `%40`) at `at`.
fn find(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let start = local_start(text, at.start)?;
    let end = domain_end(text, at.end)?;
    let remote = matches!(&text[start..at.start], "git" | "hg" | "svn");
    let host = &text[at.end..end];
    let forge = ["github.com", "gitlab.com", "bitbucket.org"].contains(&host);
    if remote && (forge || matches!(text.as_bytes().get(end), Some(b':' | b'/'))) {
        return None;
    }
    if behind_credentials(text.as_bytes(), at.start) {
        return None;
    }
    Some(start..end)
}

/// Whether the `@` at `at` ends the password, or the key, of a URL: `scheme://user:password@host`.
fn behind_credentials(bytes: &[u8], at: usize) -> bool {
    let window = &bytes[at.saturating_sub(MAX_LOCAL)..at];
    let Some(scheme) = memchr::memmem::rfind(window, b"://") else { return false };
    let user = &window[scheme + 3..];
    let ends = |b: &u8| {
        b.is_ascii_whitespace() || matches!(b, b'/' | b'?' | b'#' | b'"' | b'<' | b'>' | b',')
    };
    let key = user.len() == 32 && user.iter().all(u8::is_ascii_hexdigit);
    !user.iter().any(ends) && (key || user.contains(&b':'))
}

/// Walks left from the `@` over the local part.
fn local_start(text: &str, at: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    if at > 0 && bytes[at - 1] == b'"' {
        return quoted_start(bytes, at);
    }
    let mut start = at;
    let mut ideographic = None;
    for (i, c) in text[..at].char_indices().rev() {
        if at - i > MAX_LOCAL {
            break;
        }
        match c {
            'a'..='z' | 'A'..='Z' => {
                if *ideographic.get_or_insert(false) {
                    break;
                }
            }
            '0'..='9' | '.' | '_' | '+' | '-' => {}
            '\'' if start < at && i > 0 && bytes[i - 1].is_ascii_alphanumeric() => {}
            '%' => match percent(bytes, i) {
                Some(b'+' | b'.' | b'-' | b'_') => {}
                Some(_) => {
                    start = (i + 3).min(at);
                    break;
                }
                None => break,
            },
            c if c.is_alphanumeric() && !c.is_ascii() => {
                if *ideographic.get_or_insert(is_ideographic(c)) != is_ideographic(c) {
                    break;
                }
            }
            _ => break,
        }
        start = i;
    }
    while start < at && matches!(bytes[start], b'.' | b'-' | b'+') {
        start += 1;
    }
    start = after_spelled_escape(bytes, start, at);
    let local = &text[start..at];
    local.chars().any(char::is_alphanumeric).then_some(start)
}

/// A quoted local part, `"maria lopez"@…`.
fn quoted_start(bytes: &[u8], at: usize) -> Option<usize> {
    let from = at.saturating_sub(MAX_LOCAL);
    let inside = &bytes[from..at - 1];
    let open = from + memchr::memrchr(b'"', inside)?;
    let quoted = &bytes[open + 1..at - 1];
    let plain = quoted
        .iter()
        .all(|b| !b.is_ascii_control() && !matches!(b, b':' | b',' | b'{' | b'}' | b'@'));
    (plain && !quoted.is_empty()).then_some(open)
}

/// Skips the letters of an escape that stands spelled out before the address, such as the `n` of `\n`.
fn after_spelled_escape(bytes: &[u8], start: usize, at: usize) -> usize {
    if start == 0 || start >= at || bytes[start - 1] != b'\\' {
        return start;
    }
    match &bytes[start..at] {
        [b'n' | b'r' | b't' | b'b' | b'f', _, ..] => start + 1,
        [b'u', hex @ ..] if hex.len() > 4 && separates(&hex[..4]) => start + 5,
        _ => start,
    }
}

/// Whether four hexadecimal digits name a character that cannot belong to an address, such as a quote.
fn separates(hex: &[u8]) -> bool {
    let code = std::str::from_utf8(hex).ok().and_then(|hex| u32::from_str_radix(hex, 16).ok());
    code.and_then(char::from_u32).is_some_and(|c| !c.is_alphanumeric())
}

/// Walks right from the `@` to the end of the last label that can be a top-level domain.
fn domain_end(text: &str, from: usize) -> Option<usize> {
    let mut end = None;
    let mut label = from;
    let mut count = 0;
    let mut numeric = 0;
    let mut ideographic = false;
    let rest = &text[from..];
    let stops = rest
        .char_indices()
        .map(|(i, c)| (from + i, c))
        .chain(std::iter::once((text.len(), ' ')))
        .take_while(|(i, _)| i - from <= MAX_DOMAIN);
    for (i, c) in stops {
        if i == label {
            ideographic = is_ideographic(c);
        }
        let part = c.is_ascii_alphanumeric()
            || matches!(c, '-' | '_')
            || !c.is_ascii() && c.is_alphanumeric() && (ideographic || !is_ideographic(c));
        if part {
            continue;
        }
        let name = &text[label..i];
        if name.is_empty() {
            break;
        }
        if count == numeric && name.bytes().all(|b| b.is_ascii_digit()) {
            numeric += 1;
        }
        if count == 0 && is_pixel_ratio(name) {
            return None;
        }
        // `report_jane@corp.com_2024.pdf`: no top level has a `_`.
        let head = name.split('_').next().unwrap_or_default();
        if count > 0 && head.len() < name.len() && is_top_level(head) {
            end = Some(label + head.len());
        }
        let trimmed = name.trim_end_matches(['-', '_']);
        if count > 0 && is_top_level(trimmed) {
            end = Some(label + trimmed.len());
        }
        count += 1;
        if c != '.' || trimmed.len() < name.len() {
            break;
        }
        label = i + 1;
    }
    // `pkg@1.2.3-rc.beta` is a version.
    if numeric >= 2 { None } else { end }
}

fn is_top_level(name: &str) -> bool {
    if name.is_ascii() {
        let letters =
            name.bytes().all(|b| b.is_ascii_alphabetic()) && (2..=24).contains(&name.len());
        let encoded = name.len() > 4 && name[..4].eq_ignore_ascii_case("xn--");
        return encoded
            || letters && !FILE_EXTENSIONS.iter().any(|known| name.eq_ignore_ascii_case(known));
    }
    name.chars().count() >= 2 && name.chars().all(char::is_alphabetic)
}

/// `2x` of `icon@2x.png`.
fn is_pixel_ratio(name: &str) -> bool {
    matches!(name.as_bytes(), [b'0'..=b'9', b'x' | b'X'])
}

/// The byte that `%XX` at `i` stands for.
fn percent(bytes: &[u8], i: usize) -> Option<u8> {
    let hex = bytes.get(i + 1..i + 3)?;
    let hex = hex.iter().all(u8::is_ascii_hexdigit).then(|| std::str::from_utf8(hex).ok())??;
    u8::from_str_radix(hex, 16).ok()
}

/// Scripts written without spaces, where an address is glued to the words around it.
fn is_ideographic(c: char) -> bool {
    matches!(u32::from(c), 0x2E80..=0xD7FF | 0xF900..=0xFAFF | 0xFE30..=0xFFEF | 0x20000..=0x3FFFF)
}

/// RFC 5321 allows 64; a longer one still ends in one that is hidden.
const MAX_LOCAL: usize = 128;
const MAX_DOMAIN: usize = 255;

/// Extensions after a dot that are no top-level domain.
const FILE_EXTENSIONS: &[&str] = &[
    "png", "jpg", "jpeg", "gif", "svg", "webp", "ico", "css", "scss", "js", "mjs", "cjs", "ts",
    "tsx", "jsx", "json", "html", "htm", "xml", "yaml", "yml", "toml", "lock", "txt", "csv", "pdf",
    "log",
];
