//! Private keys in PEM (RFC 7468) and its relatives, and those of PuTTY.

use std::ops::Range;

use memchr::memmem;

use super::{Detector, Trigger, text};
use crate::redact::Action;

pub(super) const PRIVATE_KEY: Detector = Detector {
    name: "pem-private-key",
    label: "PRIVATE_KEY",
    action: Action::Block,
    shape: "the block from -----BEGIN … PRIVATE KEY----- to its end, cut off or with `\\n` spelled out too",
    validator: "has a body of base64",
    score: 100,
    trigger: Trigger::Literals(&["-----BEGIN "]),
    find,
    positives: &[
        concat!(
            "x\n⟦-----BEGIN ",
            "PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nBKcwggSjAgEA\n-----END PRIVATE KEY-----⟧\ny"
        ),
        concat!(
            "⟦-----BEGIN ",
            "RSA PRIVATE KEY-----\r\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\r\n-----END RSA PRIVATE KEY-----⟧"
        ),
        concat!(
            "\"⟦-----BEGIN ",
            "EC PRIVATE KEY-----\\nMHcCAQEEIIB3yJ8fD9pQvXk2s7H4wM5n\\n-----END EC PRIVATE KEY-----⟧\\n\""
        ),
        concat!(
            "⟦-----BEGIN ",
            "OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQ\n-----END OPENSSH PRIVATE KEY-----⟧"
        ),
        concat!(
            "⟦-----BEGIN ",
            "PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj⟧"
        ),
        concat!(
            "⟦-----BEGIN ",
            "PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj⟧\n... (cut)"
        ),
        concat!(
            "⟦-----BEGIN ",
            "RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0A1B2C\n\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END RSA PRIVATE KEY-----⟧"
        ),
        concat!(
            "⟦-----BEGIN ",
            "PGP PRIVATE KEY BLOCK-----\nVersion: GnuPG v2\n\nlQOYBGPnAbcBCADGq8vN1xR6tY0wB5mJ9cH2dL7f\n=aB3d\n-----END PGP PRIVATE KEY BLOCK-----⟧"
        ),
        concat!(
            "⟦-----BEGIN ",
            "ENCRYPTED PRIVATE KEY-----MIIFHDBOBgkqhkiG9w0BBQ0wQTApBgkq-----END ENCRYPTED PRIVATE KEY-----⟧"
        ),
        concat!(
            "{\"private_key\": \"⟦-----BEGIN ",
            "PRIVATE KEY-----\\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\\n-----END PRIVATE KEY-----⟧\\n\"}"
        ),
    ],
    look_alikes: &[
        concat!(
            "-----BEGIN ",
            "PGP PUBLIC KEY BLOCK-----\n\nmQENBGPnAbcBCADGq8vN1xR6tY0wB5mJ9cH2dL7f\n=aB3d\n-----END PGP PUBLIC KEY BLOCK-----"
        ),
        concat!(
            "-----BEGIN ",
            "CERTIFICATE-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END CERTIFICATE-----"
        ),
        concat!(
            "-----BEGIN ",
            "PUBLIC KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END PUBLIC KEY-----"
        ),
        concat!("grep -r -- '-----BEGIN ", "RSA PRIVATE KEY-----' ."),
        concat!("-----BEGIN ", "PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----"),
        concat!("-----BEGIN ", "PRIVATE KEY-----<a long private key>-----END PRIVATE KEY-----"),
        "-----BEGIN ",
    ],
};

pub(super) const PUTTY: Detector = Detector {
    name: "putty-private-key",
    label: "PRIVATE_KEY",
    action: Action::Block,
    shape: "a key file of PuTTY, from its first line to its MAC; without one, from `Private-Lines:` on",
    validator: "has lines of base64",
    score: 100,
    trigger: Trigger::Literals(&["Private-Lines:"]),
    find: find_putty,
    positives: &[
        concat!(
            "⟦PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nComment: bob\nPublic-Lines: 1\nAAAAC3NzaC1lZDI1NTE5AAAA\n",
            "Private-Lines: 1\nAAAAIEx7Qm3pQ8vN1xR6tY0wB5mJ9cH2\nPrivate-MAC: 0123456789abcdef0123456789abcdef⟧\nend"
        ),
        "⟦Private-Lines: 1\nAAAAIEx7Qm3pQ8vN1xR6tY0wB5mJ9cH2⟧\n",
    ],
    look_alikes: &["Private-Lines: the number of lines of the private part", "Private-Lines: 1"],
};

fn find_putty(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let window = at.start.saturating_sub(LONGEST_PUTTY);
    let start = memmem::rfind(&bytes[window..at.start], b"PuTTY-User-Key-File-")
        .map_or(at.start, |before| window + before);
    let limit = bytes.len().min(at.end + LONGEST_PUTTY);
    let mac = memmem::find(&bytes[at.end..limit], b"Private-MAC:").map(|i| at.end + i);
    let Some(mac) = mac else {
        return cut_off_end(bytes, at.end, limit).map(|end| start..end);
    };
    let value = text::run_end(bytes, mac + 12, 4, |b| b == b' ');
    let end = text::run_end(bytes, value, 128, |b| b.is_ascii_hexdigit());
    has_body(&bytes[at.end..mac], MIN_BODY).then_some(start..end)
}

fn find(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let name_end = text::run_end(bytes, at.end, 40, |b| {
        b.is_ascii_uppercase() || b.is_ascii_digit() || b == b' '
    });
    let name = &bytes[at.end..name_end];
    let private = name.ends_with(b"PRIVATE KEY") || name.ends_with(b"PRIVATE KEY BLOCK");
    if !private || !bytes[name_end..].starts_with(DASHES) {
        return None;
    }
    let body = name_end + DASHES.len();
    // Looking no further than the next dashes keeps many openings without an end linear.
    let next = memmem::find(&bytes[body..], DASHES).map(|i| body + i);
    if let Some(close) = next.filter(|i| bytes[*i..].starts_with(b"-----END ")) {
        let last = text::run_end(bytes, close + 9, 40, |b| {
            b.is_ascii_uppercase() || b.is_ascii_digit() || b == b' '
        });
        let end = if bytes[last..].starts_with(DASHES) { last + DASHES.len() } else { last };
        return has_body(&bytes[body..close], MIN_BODY).then_some(at.start..end);
    }
    let limit = next.unwrap_or(bytes.len());
    cut_off_end(bytes, body, limit).map(|end| at.start..end)
}

fn has_body(body: &[u8], minimum: usize) -> bool {
    body.split(|b| !is_base64(*b)).any(|run| run.len() >= minimum)
}

/// Where the base64 lines of a block without an end stop; words of prose are shorter than they are.
fn cut_off_end(bytes: &[u8], body: usize, limit: usize) -> Option<usize> {
    let mut end = None;
    let mut at = body;
    let mut short = 0;
    while at < limit {
        let start = text::run_end(bytes, at, limit - at, |b| !is_base64(b));
        let mut from = start;
        // The `n` of a spelled-out line break is no part of the line.
        if from < limit
            && from > 0
            && bytes[from - 1] == b'\\'
            && matches!(bytes[from], b'n' | b'r')
        {
            from += 1;
        }
        let stop = text::run_end(bytes, start, limit - start, is_base64);
        if stop.saturating_sub(from) >= MIN_LINE {
            end = Some(stop);
            short = 0;
        } else if stop > from {
            short += 1;
            let padded = bytes[stop - 1] == b'=';
            if end.is_some() && padded {
                end = Some(stop);
            }
            if short > MAX_SHORT || end.is_some() {
                break;
            }
        }
        at = stop.max(start + 1);
    }
    end
}

fn is_base64(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=')
}

const DASHES: &[u8] = b"-----";
/// A key in words, such as `<your private key>`, has none as long.
const MIN_BODY: usize = 16;
/// No English word that follows a mention of a PEM header is as long.
const MIN_LINE: usize = 20;
/// Words of `Proc-Type` and `DEK-Info` headers before the first line.
const MAX_SHORT: usize = 12;
/// The longer half of a key file of PuTTY.
const LONGEST_PUTTY: usize = 8 * 1024;
