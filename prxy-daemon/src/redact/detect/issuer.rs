//! Keys that their issuers mark: by a prefix (`issuers`), or by something in their middle.

use std::ops::Range;

use super::issuers::{ISSUERS, Issuer, Strength};
use super::{Detector, Trigger, sample, text};
use crate::redact::Action;

pub(super) const ISSUER: Detector = Detector {
    name: "issuer-key",
    label: "API_KEY",
    action: Action::Block,
    shape: "the prefix, characters and length that an issuer gives its keys: one row each in `issuers`",
    validator: "looks random, is no sample of documentation",
    score: 98,
    trigger: Trigger::Literals(&PREFIXES),
    find: find_issuer,
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
        concat!("⟦ghp_", "Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8Qr9St0Uv1Wx2⟧"),
        concat!("'⟦github_pat_", "11ABCDEFG0abcdefghijkl_Ab1Cd2Ef3Gh4Ij5Kl6⟧'"),
        concat!("key=⟦AIza", "SyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q⟧&q=1"),
        concat!("\"⟦AIza", "SyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6-⟧\""),
        concat!("⟦xoxb-", "2345678901-3456789012-Ab1Cd2Ef3Gh4⟧"),
        concat!("⟦xapp-", "1-A0B1C2D3E4F-5678901234567-0a1b2c3d4e5f⟧"),
        concat!("⟦sk_live_", "Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8⟧"),
        concat!("⟦sk_live_", "abcdefghijklmnopqrstuvwx⟧"),
        concat!("⟦rk_test_", "Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8⟧,"),
        concat!("STRIPE=⟦whsec_", "Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8Qr9St0Uv⟧"),
        concat!("⟦gsk_", "Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8Qr9St0Uv1Wx2⟧"),
        concat!("⟦glpat-", "Ab1Cd2Ef3Gh4Ij5Kl6Mn⟧"),
        concat!("//registry/:_authToken=⟦npm_", "Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8Qr9St0Uv1Wx2⟧"),
        concat!("⟦SG.", "Ab1Cd2Ef3Gh4Ij5Kl6Mn7O.p8Qr9St0Uv1Wx2Yz3Ab4Cd5Ef6Gh7Ij8Kl9Mn0Op1⟧"),
        concat!("⟦AGE-SECRET-KEY-1", "QP3XR7ZC9V2MN8TK4HJ6DL0SWF5EYAUGQP3XR7ZC9V2MN8TK4HJ6DL0SWA⟧"),
    ],
    look_alikes: &[
        "task-0123456789abcdefghij",
        "disk-usage-report-2024-01-01-final",
        "sk-learn",
        "sk-...",
        "sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "sk-ant-your-api-key-goes-here",
        "sk-proj-XXXXXXXXXXXXXXXXXXXXXXXX",
        "sk-proj-my-cool-project-2024-final",
        "sk-spinner-three-bounce-element",
        "ask-sk-0123456789abcdefghij",
        "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "high_ghp_score",
        "github_pat_prefix",
        "AIzaXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX",
        "AIzaSyShort",
        "xoxb-your-token-here",
        "foxoxb-1234567890ab",
        "xoxb-xxxxxxxxxxxx-xxxxxxxxxxxx",
        "sk_test_xxxxxxxxxxxxxxxxxxxxxxxx",
        concat!("sk_test_", "4eC39HqLyjWDarjtT1zdp7dc"),
        "task_live_0123456789abcdef",
        "pk_live_Ab1Cd2Ef3Gh4Ij5",
        "npm_config_registry",
        "npm_package_version_of_something_1",
        "MSG.Length",
        "path/to/pattern.of.things",
        "re_compile_the_pattern_again_and_again",
        "key-0123",
        "api-550e8400-e29b-41d4-a716",
        "secret_name_of_the_thing_in_the_store_2024",
    ],
};

pub(super) const EMBEDDED: Detector = Detector {
    name: "marked-key",
    label: "API_KEY",
    action: Action::Block,
    shape: "keys with a mark in the middle: Telegram bots, Azure AD secrets, Terraform, Mailchimp",
    validator: "the parts around the mark have their characters and lengths; looks random",
    score: 97,
    trigger: Trigger::Literals(MARKS),
    find: find_embedded,
    positives: &[
        concat!("bot⟦1234567890:AA", "Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8Qr9St0Uv1⟧/getMe"),
        concat!("TG=⟦123456789:AA", "Fb1Cd2Ef3Gh4Ij5Kl6Mn7Op8Qr9St0Uv1⟧"),
        concat!("⟦ab18Q~", "Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8Qr9St0Uv1⟧"),
        concat!(
            "⟦Ab1Cd2Ef3Gh4Ij.atlasv1.",
            "Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8Qr9St0Uv1Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8Qr9⟧"
        ),
        concat!("⟦0123456789abcdef0123456789abcdef", "-us12⟧"),
        concat!("⟦zAb8Q~", "Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8Qr9St0Uv1⟧,"),
    ],
    look_alikes: &[
        "10:AAa",
        "a:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "en-us12",
        "SKU 0123",
        "SK0123456789",
        "terraform.atlasv1.x",
        "8Q~",
    ],
};

pub(super) const WEBHOOK: Detector = Detector {
    name: "webhook-url",
    label: "API_KEY",
    action: Action::Block,
    shape: "webhook URLs of Slack, Discord, Microsoft Teams: whoever knows one may post",
    validator: "looks random",
    score: 97,
    trigger: Trigger::Literals(&[
        "hooks.slack.com/",
        "discord.com/api/webhooks/",
        "discordapp.com/api/webhooks/",
        "webhook.office.com/webhookb2/",
    ]),
    find: find_webhook,
    positives: &[
        concat!(
            "url: ⟦https://hooks.slack.com/",
            "services/T02AB3CD4/B05EF6GH7/Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8⟧"
        ),
        concat!(
            "'⟦https://discord.com/api/webhooks/",
            "123456789012345678/Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8Qr9St0Uv1Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8Qr9St0Uv1⟧'"
        ),
    ],
    look_alikes: &[
        "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX",
        "https://discord.com/api/webhooks/{id}/{token}",
        "POST to hooks.slack.com/services/...",
    ],
};

/// The trigger of every row of the table.
const PREFIXES: [&str; ISSUERS.len()] = {
    let mut prefixes = [""; ISSUERS.len()];
    let mut i = 0;
    while i < prefixes.len() {
        prefixes[i] = ISSUERS[i].prefix;
        i += 1;
    }
    prefixes
};

fn find_issuer(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    // Most prefixes are met in words: their bodies are too short for any row.
    let any = |b: u8| b.is_ascii_alphanumeric() || b"-_.+/=%!$".contains(&b);
    let short = text::run_end(bytes, at.end, SHORTEST, any) < at.end + SHORTEST;
    if short || !text::word_start(bytes, at.start) {
        return None;
    }
    let prefix = &text[at.clone()];
    let rows = ISSUERS.iter().filter(|row| row.prefix == prefix);
    rows.filter_map(|row| body_end(bytes, &at, row)).max().map(|end| at.start..end)
}

/// Where the key of `row` ends whose prefix is at `at`.
fn body_end(bytes: &[u8], at: &Range<usize>, row: &Issuer) -> Option<usize> {
    let (from, to) = row.length;
    let weak = row.prefix_is == Strength::Weak;
    if weak && at.start > 0 && b"-_+/.".contains(&bytes[at.start - 1]) {
        return None;
    }
    // The head decides, so that many false starts in one long run stay cheap.
    let has = |b| row.body.has(b);
    let limit = if to == usize::MAX { HEAD } else { to + 1 };
    let end = text::run_end(bytes, at.end, limit, has);
    let exact = from == to && end - at.end == to;
    let end = if exact { end } else { trim_end(bytes, at.end, end) };
    let body = &bytes[at.end..end];
    let long = (from..=to).contains(&body.len());
    let mixed = !weak || sample::is_mixed(body, row.body);
    if !long || !mixed || !row.body.fits(body) || !sample::is_drawn(body) {
        return None;
    }
    if to == usize::MAX {
        return Some(trim_end(bytes, at.end, text::run_end(bytes, at.end, to, has)));
    }
    text::word_end(bytes, end).then_some(end)
}

/// Punctuation of the sentence around a key is not part of it.
fn trim_end(bytes: &[u8], start: usize, end: usize) -> usize {
    let body = &bytes[start..end];
    start + body.iter().rposition(|b| !b".-!%".contains(b)).map_or(0, |last| last + 1)
}

/// The trigger marks of [`EMBEDDED`].
const MARKS: &[&str] = &[":AA", "7Q~", "8Q~", ".atlasv1.", "-us1", "-us2", "-us3", "-us4", "-us5"];

fn find_embedded(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let url = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    let azure = |b: u8| url(b) || matches!(b, b'.' | b'~');
    let digit = |b: u8| b.is_ascii_digit();
    let range = match &text[at.clone()] {
        ":AA" => {
            let start = back(bytes, at.start, 11, digit);
            let end = text::run_end(bytes, at.end, 34, url);
            let lengths = (8..=10).contains(&(at.start - start)) && end - at.end == 33;
            // `bot` before the number belongs to the URL of the API.
            let begins = text::word_start(bytes, start) || bytes[..start].ends_with(b"bot");
            (lengths && begins).then_some(start..end)
        }
        mark if mark.starts_with("-us") => {
            let start = back(bytes, at.start, 33, |b| b.is_ascii_hexdigit());
            let end = text::run_end(bytes, at.end, 2, |b| b.is_ascii_digit());
            let lengths = at.start - start == 32 && end - at.end <= 1;
            (lengths && text::word_start(bytes, start)).then_some(start..end)
        }
        ".atlasv1." => {
            let start = back(bytes, at.start, 15, |b| b.is_ascii_alphanumeric());
            let end = text::run_end(bytes, at.end, 81, url);
            let lengths = at.start - start == 14 && (50..=80).contains(&(end - at.end));
            lengths.then_some(start..end)
        }
        _ => {
            let start = back(bytes, at.start, 4, azure);
            let end = text::run_end(bytes, at.end, 35, azure);
            let lengths = at.start - start == 3 && (31..=34).contains(&(end - at.end));
            lengths.then_some(start..end)
        }
    }?;
    (text::word_end(bytes, range.end) && sample::is_drawn(&bytes[range.clone()])).then_some(range)
}

/// The start of the run of bytes before `i` that `keep` accepts, at most `limit` long.
fn back(bytes: &[u8], i: usize, limit: usize, keep: impl Fn(u8) -> bool) -> usize {
    let window = &bytes[i.saturating_sub(limit)..i];
    i - window.iter().rev().take_while(|b| keep(**b)).count()
}

fn find_webhook(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let host = back(bytes, at.start, 64, |b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'));
    let start = if bytes[..host].ends_with(b"https://") { host - 8 } else { host };
    let path = |b: u8| b.is_ascii_alphanumeric() || b"-_/@.%=&?".contains(&b);
    let end = trim_end(bytes, at.end, text::run_end(bytes, at.end, 512, path));
    let last = bytes[at.end..end].rsplit(|b| *b == b'/').next()?;
    let secret = last.len() >= 18 && sample::is_drawn(last);
    secret.then_some(start..end)
}

/// What decides about a key without a longest length; no row wants more.
const HEAD: usize = 128;
/// No body of any row is shorter.
const SHORTEST: usize = 12;
