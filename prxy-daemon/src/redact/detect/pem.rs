//! Private keys in PEM (RFC 7468) and its relatives.

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
    ],
    look_alikes: &[
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
