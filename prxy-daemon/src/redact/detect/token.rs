//! The keys of Amazon, and the tokens of HTTP authorization.
//!
//! Not for other issuers: those are `issuers`.

use std::ops::Range;

use super::{Detector, Trigger, sample, text};
use crate::redact::Action;

pub(super) const AWS_ID: Detector = Detector {
    name: "aws-access-key-id",
    label: "API_KEY",
    action: Action::Block,
    shape: "AKIA or ASIA and 16 upper-case letters or digits",
    validator: "a word of its own",
    score: 95,
    trigger: Trigger::Literals(&["AKIA", "ASIA", "ABIA", "ACCA"]),
    find: find_aws_id,
    positives: &[
        concat!("id ⟦AKIA", "Y3FDNNRPAQ7TK2XM⟧"),
        concat!("=⟦ASIA", "Y3FDNNRPAQ7TK2XM⟧&"),
        concat!("\\n⟦AKIA", "Y3FDNNRPAQ7TK2XM⟧"),
        concat!("a/⟦AKIA", "Y3FDNNRPAQ7TK2XM⟧/b"),
        concat!("X-Amz-Credential%3D⟦AKIA", "Y3FDNNRPAQ7TK2XM⟧%2F2024"),
    ],
    look_alikes: &[
        "AKIA",
        "ASIA PACIFIC",
        "AKIAXXXXXXXXXXXXXXXX",
        "xAKIAY3FDNNRPAQ7TK2XM",
        "AKIAY3FDNNRPAQ7TK2XMZZ",
        "AKIAIOSFODNN7EXAMPLE",
    ],
};

pub(super) const AWS_SECRET: Detector = Detector {
    name: "aws-secret-access-key",
    label: "API_KEY",
    action: Action::Block,
    shape: "40 base64 characters beside a name such as aws_secret_access_key",
    validator: "looks random",
    score: 90,
    trigger: Trigger::Folded(&[
        "secret_access_key",
        "secretaccesskey",
        "secret access key",
        "secret-access-key",
        "aws_secret_key",
        "aws_secret",
    ]),
    find: find_aws_secret,
    positives: &[
        concat!("aws_secret_access_key = ⟦wJalrXUtnFEMI/", "K7MDENG/bPxRfiCYzQ8mTk4sVe⟧"),
        concat!("AWS_SECRET_ACCESS_KEY=\"⟦wJalrXUtnFEMI/", "K7MDENG/bPxRfiCYzQ8mTk4sVe⟧\""),
        concat!("{\"SecretAccessKey\": \"⟦wJalrXUtnFEMI/", "K7MDENG/bPxRfiCYzQ8mTk4sVe⟧\"}"),
        concat!("\\\"secretAccessKey\\\": \\\"⟦wJalrXUtnFEMI/", "K7MDENG/bPxRfiCYzQ8mTk4sVe⟧\\\""),
        concat!("set('aws_secret_access_key', '⟦wJalrXUtnFEMI/", "K7MDENG/bPxRfiCYzQ8mTk4sVe⟧')"),
    ],
    look_alikes: &[
        "aws_secret_access_key = ${AWS_SECRET}",
        "aws_secret_access_key = os.environ['X']",
        "aws_secret_access_key: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        concat!("aws_secret_access_key = wJalrXUtnFEMI/", "K7MDENG/bPxRfiCYEXAMPLEKEY"),
    ],
};

pub(super) const BEARER: Detector = Detector {
    name: "bearer-token",
    label: "BEARER_TOKEN",
    action: Action::Block,
    shape: "`Bearer` and an opaque token (RFC 6750)",
    validator: "looks random",
    score: 60,
    trigger: Trigger::Words(&["bearer ", "bearer\t", "bearer%20", "bearer+"]),
    find: find_bearer,
    positives: &[
        "Authorization: Bearer ⟦a1B2c3D4e5F6g7H8i9J0⟧",
        "bearer ⟦0123456789abcdef0123456789abcdef⟧",
        "BEARER   ⟦a1B2c3D4e5F6g7H8i9J0==⟧\n",
        "-H 'Authorization: Bearer ⟦a1B2.c3D4_e5F6-g7H8~i9J0⟧'",
        "Bearer ⟦a1B2c3D4e5F6g7H8i9J0⟧.",
        "Bearer ⟦mF_9.B5f-4.1JqM⟧",
        "Bearer ⟦abcdefghijklmnopqrstuvwxyz⟧",
        "Bearer\t⟦a1B2c3D4e5F6g7H8i9J0⟧",
    ],
    look_alikes: &[
        "Bearer <token>",
        "Bearer $TOKEN",
        "Bearer ${TOKEN}",
        "Bearer YOUR_API_TOKEN_HERE",
        "Bearer test-token-1",
        "bearer authentication-is-required-here",
        "the bearer of this letter",
        "Bearer xxxxxxxxxxxxxxxxxxxxxxxx1",
        "forbearer a1B2c3D4e5F6g7H8i9J0",
    ],
};

pub(super) const AUTHORIZATION: Detector = Detector {
    name: "authorization-header",
    label: "BEARER_TOKEN",
    action: Action::Block,
    shape: "`Authorization:` and an opaque value, after `Basic`, `Token` or another scheme or none",
    validator: "looks random",
    score: 59,
    trigger: Trigger::Folded(&["authorization"]),
    find: find_authorization,
    positives: &[
        "Authorization: Basic ⟦dXNlcjpzM2NyM3RwYXNz⟧",
        "\"authorization\": \"Token ⟦a1B2c3D4e5F6g7H8i9J0⟧\"",
        "AUTHORIZATION=⟦a1B2c3D4e5F6g7H8i9J0⟧",
        "Proxy-Authorization: Basic ⟦dXNlcjpzM2NyM3RwYXNz⟧",
    ],
    look_alikes: &[
        "Authorization: Basic <credentials>",
        "authorization: required",
        "exports.assertProviderOwnsAuthorization = assertProviderOwnsAuthorization;",
        "authorization = request.headers[0]",
        "Authorization code flow with PKCE S256",
        "authorization: v1.authorization.k8s.io",
    ],
};

fn find_aws_id(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let end = text::run_end(bytes, at.end, 17, |b| b.is_ascii_uppercase() || b.is_ascii_digit());
    let whole =
        end - at.end == 16 && text::word_start(bytes, at.start) && text::word_end(bytes, end);
    // Amazon's documentation marks its own.
    let sample = bytes[at.end..end].ends_with(b"EXAMPLE");
    (whole && !sample && text::distinct(&bytes[at.end..end]) >= 5).then_some(at.start..end)
}

fn find_aws_secret(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let start = text::run_end(bytes, at.end, 12, |b| {
        matches!(b, b' ' | b'\t' | b':' | b'=' | b'"' | b'\'' | b'`' | b'>' | b'\\' | b',')
    });
    let end = text::run_end(bytes, start, 41, is_base64);
    (end - start == 40 && start > at.end && sample::is_drawn(&bytes[start..end]))
        .then_some(start..end)
}

fn find_bearer(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let start = text::run_end(bytes, at.end, 8, |b| matches!(b, b' ' | b'\t'));
    credential(bytes, start, 16)
}

fn find_authorization(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let mut start =
        text::run_end(bytes, at.end, 8, |b| matches!(b, b'"' | b'\'' | b' ' | b'\t' | b'\\'));
    if !matches!(bytes.get(start), Some(b':' | b'=')) {
        return None;
    }
    start = text::run_end(bytes, start, 12, |b| {
        matches!(b, b':' | b'=' | b'"' | b'\'' | b' ' | b'\t' | b'\\' | b'>')
    });
    let scheme = text::run_end(bytes, start, 20, |b| b.is_ascii_alphabetic() || b == b'-');
    let is_scheme = scheme > start && bytes.get(scheme) == Some(&b' ');
    if is_scheme {
        let value = text::run_end(bytes, scheme, 8, |b| b == b' ');
        let minimum = if bytes[start..scheme].eq_ignore_ascii_case(b"basic") { 8 } else { 16 };
        return credential(bytes, value, minimum);
    }
    // Without a scheme a name in code comes as often: a credential has digits.
    credential(bytes, start, 20).filter(|at| bytes[at.clone()].iter().any(u8::is_ascii_digit))
}

/// An opaque credential from `start` on, in the characters of RFC 7235's token68.
fn credential(bytes: &[u8], start: usize, minimum: usize) -> Option<Range<usize>> {
    let keep = |b| is_base64(b) || matches!(b, b'-' | b'.' | b'_' | b'~');
    let end = token_end(bytes, start, keep, |head| {
        let mixed =
            head.iter().any(u8::is_ascii_uppercase) && head.iter().any(u8::is_ascii_lowercase);
        let dotted = head.contains(&b'.') && !mixed;
        let dense = mixed && head.iter().any(u8::is_ascii_digit) && head.len() >= SHORT_CREDENTIAL;
        (head.len() >= minimum || dense) && opaque(head) && text::looks_random(head) && !dotted
    })?;
    Some(start..end)
}

/// The end of the token whose body starts at `start`, if its head convinces.
///
/// Only the head is looked at to decide, so that many false starts in one long run stay cheap.
fn token_end(
    bytes: &[u8],
    start: usize,
    keep: impl Fn(u8) -> bool,
    convinces: impl Fn(&[u8]) -> bool,
) -> Option<usize> {
    let head = trim_end(bytes, start, text::run_end(bytes, start, HEAD, &keep));
    if !convinces(&bytes[start..head]) {
        return None;
    }
    Some(trim_end(bytes, start, text::run_end(bytes, start, usize::MAX, keep)))
}

/// Punctuation of the sentence around a token is not part of it.
fn trim_end(bytes: &[u8], start: usize, end: usize) -> usize {
    let mut end = end;
    while end > start && matches!(bytes[end - 1], b'.' | b'-' | b'~') {
        end -= 1;
    }
    end
}

/// Neither one letter over and over nor words joined by dashes, such as `your-key-here`.
fn opaque(body: &[u8]) -> bool {
    let words = body.iter().all(|b| b.is_ascii_lowercase() || *b == b'-')
        || body.iter().all(|b| b.is_ascii_uppercase() || matches!(b, b'_' | b'-'));
    text::distinct(body) >= 5 && !(words && body.iter().any(|b| matches!(b, b'-' | b'_')))
}

fn is_base64(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=')
}

/// What decides about a token; the shortest are 16 bytes, ordinary ones fit.
const HEAD: usize = 128;
/// Shorter than this, a credential is more likely somebody's example.
const SHORT_CREDENTIAL: usize = 12;
