//! Credentials of other forms: sessions of browsers, hashes of passwords, an account and its password in one.
//!
//! Not for keys of programs and for passwords beside their name: those are `generic` and `password`.

use std::ops::Range;

use super::assign::{self, Form};
use super::password::{is_placeholder, names_a_secret, stands_for_another};
use super::sample::{self, Alphabet};
use super::{Detector, Trigger, generic, text};
use crate::redact::Action;

pub(super) const SESSION: Detector = Detector {
    name: "session-token",
    label: "BEARER_TOKEN",
    action: Action::Block,
    shape: "what a cookie or a name such as `session_id` or `csrftoken` is given",
    validator: "16 characters at least that look drawn at random; no UUID",
    score: 76,
    trigger: Trigger::Folded(&[
        "sessionid",
        "session_id",
        "session-id",
        "sessid",
        "csrf-token",
        "csrf_token",
        "csrftoken",
        "xsrf-token",
        "xsrf_token",
        "xsrftoken",
        "_session=",
        " session=",
        "connect.sid",
        "; sid=",
        ": sid=",
        "aspxauth",
    ]),
    find: find_session,
    positives: &[
        "Cookie: sessionid=⟦8f4b2c9d1e7a60538f4b2c9d1e7a6053⟧",
        "Set-Cookie: JSESSIONID=⟦8F4B2C9D1E7A60538F4B2C9D1E7A6053⟧; Path=/; HttpOnly",
        "Cookie: PHPSESSID=⟦q7k2m9v4b8x1z5n3⟧; lang=de",
        "Cookie: csrftoken=⟦Zx8kQ2mVb7LpT4wRn9Yc3HsJ6dPaG5eU⟧",
        "X-CSRF-Token: ⟦Zx8kQ2mVb7LpT4wRn9Yc3HsJ6dPaG5eU⟧",
        "\"session_id\": \"⟦8f4b2c9d1e7a60538f4b2c9d1e7a6053⟧\"",
        "Cookie: app_session=⟦Zx8kQ2mVb7LpT4wRn9Yc3HsJ6dPaG5eU⟧",
        "-H 'Cookie: a=1; sid=⟦Zx8kQ2mVb7LpT4wRn9Yc3HsJ6dPaG5eU⟧'",
    ],
    look_alikes: &[
        "\"session_id\": \"550e8400-e29b-41d4-a716-446655440000\"",
        "session_id = request.cookies['sessionid']",
        "session_id: 4711",
        "sessionid=abc123",
        "SESSION_ID=session-2024-11-21-batch-0001",
        "db_session=sessionmaker(bind=engine1)",
        "csrf_token: {{ csrf_token }}",
        "X-CSRF-Token: your-token-here-please-123",
        "get_session_id(request4711abcdefgh)",
        "CSRF_TOKEN_HEADER_NAME_V2 = 'X-CSRFToken'",
    ],
};

pub(super) const HASH: Detector = Detector {
    name: "password-hash",
    label: "PASSWORD",
    action: Action::Block,
    shape: "a hash of a password as systems store it: `$6$salt$hash`, bcrypt, yescrypt, argon2",
    validator: "the length that the scheme has, characters of its base64",
    score: 84,
    trigger: Trigger::Literals(&[
        "$1$", "$5$", "$6$", "$y$", "$apr1$", "$2a$", "$2b$", "$2y$", "$argon2",
    ]),
    find: find_hash,
    positives: &[
        "jdoe:⟦$apr1$x7Kq2mVb$LpT4wRn9Yc3HsJ6dPaG5e.⟧",
        "root:⟦$6$rounds=5000$x7Kq2mVb$LpT4wRn9Yc3HsJ6dPaG5eUoWiZx8kQ2mVb7LpT4wRn9Yc3HsJ6dPaG5eUoWi12345678901234567890⟧:19000:0:99999:7:::",
        "eve:⟦$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7⟧:19000",
        "password: ⟦$2b$12$KIXQJ8e7k8Yq9v1c2d3e4uF5g6h7i8j9k0l1m2n3o4p5q6r7s8t9u⟧",
        "\"⟦$2y$10$KIXQJ8e7k8Yq9v1c2d3e4uF5g6h7i8j9k0l1m2n3o4p5q6r7s8t9u⟧\"",
        "⟦$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b2dWRWJTmaaJObGkpS2tLbHQ4Q⟧",
    ],
    look_alikes: &[
        "$1$2",
        "s/$1$2/x/",
        "a$6$b is $5 and $6",
        "$2b$12$",
        "$2b$12$xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "$argon2id$v=19$m=65536,t=3,p=4$",
        "the prefix $6$ means SHA-512",
        "$6$saltsalt$",
    ],
};

pub(super) const LOGIN: Detector = Detector {
    name: "login-pair",
    label: "PASSWORD",
    action: Action::Block,
    shape: "what stands behind the account and a slash: `login: NAME / password`",
    validator: "letters and digits or signs, six bytes at least; no path",
    score: 66,
    trigger: Trigger::Folded(&[
        "login:",
        "logins:",
        "credentials:",
        "creds:",
        "zugangsdaten:",
        "zugang:",
        "identifiants:",
        "credenciales:",
        "credenziali:",
    ]),
    find: find_login,
    positives: &[
        "login: jdoe / ⟦Tuesday9!⟧",
        "Zugangsdaten: svc-ris / ⟦Regen#22bogen⟧.",
        "Login: admin/⟦Tuesday9!⟧",
    ],
    look_alikes: &[
        "login: jdoe / 2024-11-21",
        "login: GET /api/v2/login",
        "login: POST / HTTP/1.1",
        "credentials: user / password",
        "login: web / mobile",
        "login: jdoe / $PASSWORD1",
        "login: jdoe / 10.0.0.1",
    ],
};

pub(super) const INSERTED: Detector = Detector {
    name: "inserted-password",
    label: "PASSWORD",
    action: Action::Block,
    shape: "the value of a column of passwords or keys in `INSERT INTO t (…) VALUES (…)`",
    validator: "in quotes; no reference, no placeholder",
    score: 79,
    trigger: Trigger::Folded(&["insert into "]),
    find: find_inserted,
    positives: &[
        "INSERT INTO users (username, password) VALUES ('x1','⟦Tuesday9!⟧');",
        "insert into `users` (`id`, `password`, `n`)\n  values (1, '⟦letmein⟧', 'it''s, (x)')",
        "INSERT INTO cfg(name,api_key) VALUES ('it''s, x', '⟦letmein-now⟧')",
    ],
    look_alikes: &[
        "INSERT INTO users (username, password) VALUES (?, ?)",
        "INSERT INTO users (username, password) VALUES (:name, :password)",
        "INSERT INTO users (username, password) VALUES ('%s', '%s')",
        "INSERT INTO users (username, password) VALUES ('x1', NULL)",
        "INSERT INTO words (token, n) SELECT 'a1' FROM t",
        "INSERT INTO users VALUES ('marigold')",
        "INSERT INTO users (password) VALUES ('changeme')",
    ],
};

fn find_inserted(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let open = text::run_end(bytes, at.end, 80, |b| b != b'(' && b != b';');
    let close = text::run_end(bytes, open, 800, |b| b != b')');
    let columns = text.get(open + 1..close)?;
    let quotes = |c: char| c.is_whitespace() || matches!(c, '`' | '"' | '[' | ']');
    let wanted = columns.split(',').position(|name| names_a_secret(name.trim_matches(quotes)))?;
    let space = |b: u8| b.is_ascii_whitespace();
    let values = text::run_end(bytes, (close + 1).min(bytes.len()), 16, space);
    let word = bytes.get(values..values + 6)?;
    let first = text::run_end(bytes, values + 6, 16, space);
    if !word.eq_ignore_ascii_case(b"values") || bytes.get(first) != Some(&b'(') {
        return None;
    }
    let (mut column, mut start, mut quoted) = (0, first + 1, false);
    let end = bytes.len().min(first + 1024);
    for i in first + 1..end {
        match bytes[i] {
            b'\'' => quoted = !quoted,
            b',' | b')' if !quoted && column == wanted => {
                let lead = text::run_end(bytes, start, 16, space);
                let value =
                    bytes[lead..i].trim_ascii_end().strip_prefix(b"'")?.strip_suffix(b"'")?;
                let sound = (4..=128).contains(&value.len())
                    && !value.iter().any(|b| b.is_ascii_whitespace() || *b == b'\'')
                    && !stands_for_another(value)
                    && !is_placeholder(value);
                return sound.then(|| lead + 1..lead + 1 + value.len());
            }
            b',' if !quoted => (column, start) = (column + 1, i + 1),
            b')' if !quoted => return None,
            _ => {}
        }
    }
    None
}

fn find_session(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let lead = text::run_end(bytes, at.start, 2, |b| matches!(b, b' ' | b';' | b':' | b'_'));
    let lead = if bytes[at.start] == b'_' { at.start } else { lead };
    let sign = usize::from(bytes[at.end - 1] == b'=');
    let at = lead..at.end - sign;
    let mut assigned = assign::read(text, &at)?;
    // The quotes may be around the whole header.
    if matches!(bytes.get(assigned.value.end), Some(b'"' | b'\'')) {
        assigned.form = Form::Quoted;
    }
    let value = &bytes[assigned.value.clone()];
    let known = assigned.name.end == at.end && assigned.form != Form::Prose
        || bytes[at.end..].starts_with(b":");
    (known
        && (16..=256).contains(&value.len())
        && !sample::is_uuid(value)
        && generic::is_key(bytes, &assigned))
    .then_some(assigned.value)
}

fn find_hash(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let scheme = &text[at.clone()];
    let salt = |b: u8| b.is_ascii_alphanumeric() || b"./=,+-".contains(&b);
    let hash = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'/');
    // The parts between the scheme and the hash.
    let (parts, shortest) = match scheme {
        "$1$" | "$apr1$" => (1, 22),
        "$5$" => (1, 43),
        "$6$" => (1, 80),
        "$y$" => (2, 43),
        "$argon2" => (4, 22),
        _ => (1, 50),
    };
    let mut start = at.end;
    for part in 0..parts {
        let end = text::run_end(bytes, start, 64, salt);
        // The rounds are a part of their own, where there are any.
        let rounds = part == 0 && bytes[start..end].starts_with(b"rounds=");
        if bytes.get(end) != Some(&b'$') {
            return None;
        }
        start = end + 1;
        if rounds {
            let end = text::run_end(bytes, start, 32, hash);
            if bytes.get(end) != Some(&b'$') {
                return None;
            }
            start = end + 1;
        }
    }
    let keep = |b: u8| hash(b) || b == b'+' && scheme == "$argon2";
    let end = text::run_end(bytes, start, 129, keep);
    let body = &bytes[start..end];
    let fits = (shortest..=128).contains(&body.len()) && text::distinct(body) >= 10;
    (fits && !sample::says(body, &["xxxx", "your"])).then_some(at.start..end)
}

fn find_login(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    if !text::word_start(bytes, at.start) {
        return None;
    }
    let blank = |b: u8| b == b' ';
    let name = text::run_end(bytes, at.end, 3, blank);
    let end = text::run_end(bytes, name, 64, |b| {
        b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'@')
    });
    let slash = text::run_end(bytes, end, 2, blank);
    if end == name || bytes.get(slash) != Some(&b'/') {
        return None;
    }
    let start = text::run_end(bytes, slash + 1, 2, blank);
    let spaced = (slash > end) == (start > slash + 1);
    let mut last = text::run_end(bytes, start, 64, |b| {
        b.is_ascii_graphic() && !matches!(b, b'"' | b'\'' | b'<' | b'\\')
    });
    while last > start && matches!(bytes[last - 1], b'.' | b',' | b';' | b')') {
        last -= 1;
    }
    let value = &bytes[start..last];
    let has = |kind: fn(&u8) -> bool| value.iter().any(kind);
    let sign = has(|b| b"!#$%&*+?@^~".contains(b));
    let strong = has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic) && sign;
    (spaced
        && strong
        && value.len() >= 6
        && !value.contains(&b'/')
        && !stands_for_another(value)
        && !is_placeholder(value))
    .then_some(start..last)
}

/// Whether `value` is hexadecimal digits as a token has them.
pub(super) fn is_hex_token(value: &[u8]) -> bool {
    (32..=128).contains(&value.len())
        && value.iter().all(|b| Alphabet::Hex.has(*b))
        && text::distinct(value) >= 8
        && !sample::is_sample(value)
}
