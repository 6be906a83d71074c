//! Keys and tokens that their issuers mark with a prefix, or that a name announces.

use std::ops::Range;

use super::{Detector, Trigger, text};
use crate::redact::Action;

pub(super) const OPENAI: Detector = Detector {
    name: "sk-key",
    label: "API_KEY",
    action: Action::Block,
    shape: "sk-…, sk-proj-…, sk-svcacct-…, sk-admin-…, sk-ant-…, sk-or-v1-…",
    validator: "looks random",
    score: 98,
    trigger: Trigger::Literals(&["sk-"]),
    find: find_sk,
    positives: &[
        concat!("key ⟦sk-", "abcDEF123456ghiJKL7890mnopQRST⟧ end"),
        concat!("⟦sk-proj-", "Ab1_Cd2-Ef3Gh4Ij5Kl6Mn7Op8Qr9⟧"),
        concat!("⟦sk-svcacct-", "Ab1Cd2Ef3Gh4Ij5Kl6Mn7⟧"),
        concat!("⟦sk-ant-", "api03-Ab1_Cd2-Ef3Gh4Ij5Kl6Mn7Op8Qr9-AA⟧"),
        concat!("//⟦sk-proj-", "Ab1Cd2Ef3Gh4Ij5Kl6Mn7⟧"),
        concat!("OPENAI_API_KEY=⟦sk-proj-", "Ab1Cd2Ef3Gh4Ij5Kl6Mn7⟧\nX=1"),
        concat!("\"⟦sk-or-v1-", "0123456789abcdef0123456789abcdef⟧\""),
        concat!("\\n⟦sk-ant-", "api03-Ab1Cd2Ef3Gh4Ij5Kl6Mn7⟧\\n"),
        concat!("key-⟦sk-proj-", "Ab1Cd2Ef3Gh4Ij5Kl6Mn7⟧"),
        concat!("see ⟦sk-proj-", "Ab1Cd2Ef3Gh4Ij5Kl6Mn7⟧."),
    ],
    look_alikes: &[
        "task-0123456789abcdefghij",
        "disk-usage-report-2024-01-01-final",
        "sk-learn",
        "sk-...",
        "sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "sk-ant-your-api-key-goes-here",
        "sk-proj-XXXXXXXXXXXXXXXXXXXXXXXX",
        "sk-spinner-three-bounce-element",
        "ask-sk-0123456789abcdefghij",
    ],
};

pub(super) const AWS_ID: Detector = Detector {
    name: "aws-access-key-id",
    label: "API_KEY",
    action: Action::Block,
    shape: "AKIA or ASIA and 16 upper-case letters or digits",
    validator: "a word of its own",
    score: 95,
    trigger: Trigger::Literals(&["AKIA", "ASIA"]),
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
    trigger: Trigger::Literals(&[
        "ecret_access_key",
        "ECRET_ACCESS_KEY",
        "ecretAccessKey",
        "ecret access key",
        "ecret Access Key",
        "ecret Access key",
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
    ],
};

pub(super) const GITHUB: Detector = Detector {
    name: "github-token",
    label: "API_KEY",
    action: Action::Block,
    shape: "ghp_, gho_, ghu_, ghs_, ghr_ and 30 letters or digits; github_pat_",
    validator: "looks random",
    score: 98,
    trigger: Trigger::Literals(&["ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"]),
    find: |text, at| word_token(text, at, 30, is_word),
    positives: &[
        concat!("⟦ghp_", "Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8Qr9St0Uv1Wx2⟧"),
        concat!("https://⟦gho_", "Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8Qr9St0Uv1Wx2⟧@github.com"),
        concat!("'⟦github_pat_", "11ABCDEFG0abcdefghijkl_Ab1Cd2Ef3Gh4Ij5Kl6⟧'"),
    ],
    look_alikes: &[
        "ghp_",
        "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "high_ghp_score",
        "github_pat_prefix",
    ],
};

pub(super) const GOOGLE: Detector = Detector {
    name: "google-api-key",
    label: "API_KEY",
    action: Action::Block,
    shape: "AIza and 35 letters, digits, - or _",
    validator: "looks random",
    score: 98,
    trigger: Trigger::Literals(&["AIza"]),
    find: find_google,
    positives: &[
        concat!("key=⟦AIza", "SyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q⟧&q=1"),
        concat!("\"⟦AIza", "SyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6-⟧\""),
    ],
    look_alikes: &["AIza", "AIzaXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX", "AIzaSyShort"],
};

pub(super) const SLACK: Detector = Detector {
    name: "slack-token",
    label: "API_KEY",
    action: Action::Block,
    shape: "xoxa-, xoxb-, xoxe-, xoxo-, xoxp-, xoxr-, xoxs-, xapp-",
    validator: "looks random",
    score: 98,
    trigger: Trigger::Literals(&[
        "xoxa-", "xoxb-", "xoxe-", "xoxo-", "xoxp-", "xoxr-", "xoxs-", "xapp-",
    ]),
    find: |text, at| word_token(text, at, 12, is_dashed),
    positives: &[
        concat!("⟦xoxb-", "2345678901-3456789012-Ab1Cd2Ef3Gh4⟧"),
        concat!("⟦xapp-", "1-A0B1C2D3E4F-5678901234567-0a1b2c3d4e5f⟧"),
    ],
    look_alikes: &[
        "xoxb-",
        "xoxb-your-token-here",
        "foxoxb-1234567890ab",
        "xoxb-xxxxxxxxxxxx-xxxxxxxxxxxx",
    ],
};

pub(super) const STRIPE: Detector = Detector {
    name: "stripe-key",
    label: "API_KEY",
    action: Action::Block,
    shape: "sk_live_, sk_test_, rk_live_, rk_test_, whsec_",
    validator: "looks random",
    score: 98,
    trigger: Trigger::Literals(&["sk_live_", "sk_test_", "rk_live_", "rk_test_", "whsec_"]),
    find: |text, at| word_token(text, at, 16, is_base64),
    positives: &[
        concat!("⟦sk_live_", "Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8⟧"),
        concat!("⟦sk_live_", "abcdefghijklmnopqrstuvwx⟧"),
        concat!("⟦rk_test_", "Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8⟧,"),
        concat!("STRIPE=⟦whsec_", "Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8Qr9St0Uv⟧"),
    ],
    look_alikes: &[
        "sk_live_",
        "sk_test_xxxxxxxxxxxxxxxxxxxxxxxx",
        "task_live_0123456789abcdef",
        "pk_live_Ab1Cd2Ef3Gh4Ij5",
    ],
};

pub(super) const PREFIXED: Detector = Detector {
    name: "prefixed-key",
    label: "API_KEY",
    action: Action::Block,
    shape: "gsk_ (Groq), glpat- (GitLab), npm_, pypi-AgE, SG. (SendGrid)",
    validator: "looks random",
    score: 97,
    trigger: Trigger::Literals(&["gsk_", "glpat-", "npm_", "pypi-AgE", "SG."]),
    find: find_prefixed,
    positives: &[
        concat!("⟦gsk_", "Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8Qr9St0Uv1Wx2⟧"),
        concat!("⟦glpat-", "Ab1Cd2Ef3Gh4Ij5Kl6Mn⟧"),
        concat!("//registry/:_authToken=⟦npm_", "Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8Qr9St0Uv1Wx2⟧"),
        concat!("⟦SG.", "Ab1Cd2Ef3Gh4Ij5Kl6Mn7O.p8Qr9St0Uv1Wx2Yz3Ab4Cd5Ef6Gh7Ij8Kl9Mn0Op1⟧"),
    ],
    look_alikes: &[
        "npm_config_registry",
        "npm_package_version_of_something_1",
        "SG.",
        "MSG.Length",
        "gsk_",
    ],
};

pub(super) const BEARER: Detector = Detector {
    name: "bearer-token",
    label: "BEARER_TOKEN",
    action: Action::Block,
    shape: "`Bearer` and an opaque token (RFC 6750)",
    validator: "looks random",
    score: 60,
    trigger: Trigger::Literals(&["earer ", "EARER ", "earer\t", "earer%20"]),
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
    trigger: Trigger::Literals(&["uthorization", "UTHORIZATION"]),
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
        "authorization = request.headers[0]",
        "Authorization code flow with PKCE S256",
        "authorization: v1.authorization.k8s.io",
    ],
};

fn find_sk(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    if !text::word_start(bytes, at.start) {
        return None;
    }
    let rest = &bytes[at.end..];
    let named = [&b"proj-"[..], b"svcacct-", b"admin-", b"ant-", b"or-v1-"]
        .into_iter()
        .find(|name| rest.starts_with(name));
    let Some(name) = named else {
        // Old keys have no dash; without a marker the dash before them must not be part of a longer word.
        let part_of_word = at.start > 0 && matches!(bytes[at.start - 1], b'-' | b'_');
        let alphanumeric = |b: u8| b.is_ascii_alphanumeric();
        let end = token_end(bytes, at.end, alphanumeric, |head| {
            head.len() >= 20 && text::looks_random(head)
        })?;
        return (!part_of_word).then_some(at.start..end);
    };
    let body = at.end + name.len();
    let end = token_end(bytes, body, is_url_base64, |head| head.len() >= 16 && opaque(head))?;
    Some(at.start..end)
}

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
    (end - start == 40 && start > at.end && text::looks_random(&bytes[start..end]))
        .then_some(start..end)
}

fn find_google(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let end = text::run_end(bytes, at.end, 36, is_url_base64);
    let whole = end - at.end == 35 && text::word_start(bytes, at.start);
    (whole && text::looks_random(&bytes[at.end..end])).then_some(at.start..end)
}

fn find_prefixed(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    match &text[at.clone()] {
        "npm_" | "gsk_" => word_token(text, at, 30, |b| b.is_ascii_alphanumeric()),
        "SG." => {
            let found = word_token(text, at.clone(), 40, |b| is_url_base64(b) || b == b'.')?;
            text[at.end..found.end].contains('.').then_some(found)
        }
        _ => word_token(text, at, 20, is_url_base64),
    }
}

fn find_bearer(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let word = at.start.checked_sub(1)?;
    if !bytes[word].eq_ignore_ascii_case(&b'b') || !text::word_start(bytes, word) {
        return None;
    }
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
    credential(bytes, start, 20)
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

/// A token that is a word of its own: the trigger and at least `minimum` characters that look random.
fn word_token(
    text: &str,
    at: Range<usize>,
    minimum: usize,
    keep: fn(u8) -> bool,
) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    if !text::word_start(bytes, at.start) {
        return None;
    }
    let end =
        token_end(bytes, at.end, keep, |head| head.len() >= minimum && text::looks_random(head))?;
    Some(at.start..end)
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

fn is_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_'
}

fn is_dashed(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'-'
}

fn is_url_base64(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')
}

fn is_base64(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=')
}

/// What decides about a token; the shortest are 16 bytes, ordinary ones fit.
const HEAD: usize = 128;
/// Shorter than this, a credential is more likely somebody's example.
const SHORT_CREDENTIAL: usize = 12;
