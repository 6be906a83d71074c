//! Values beside a name that says secret: `API_KEY`, `client_secret`, `authToken`; and the keys of issuers without a prefix.

use std::ops::Range;

use super::assign::{self, Assigned, Form};
use super::credential::is_hex_token;
use super::password::{is_placeholder, stands_for_another, suffix_allows};
use super::sample::{self, Alphabet};
use super::{Detector, Trigger, text};
use crate::redact::Action;

pub(super) const KEY: Detector = Detector {
    name: "named-key",
    label: "API_KEY",
    action: Action::Block,
    shape: "a long value that a name such as `api_key` or `access_token` is given; keys without a prefix beside their issuer's name",
    validator: "looks random: no words, path, version; UUID and hash only where the name leaves no doubt",
    score: 75,
    trigger: Trigger::Folded(&[
        "_key",
        "-key",
        " key",
        ".key",
        "ikey",
        "tkey",
        "ekey",
        "skey",
        "nkey",
        "rkey",
        "pkey",
        "ykey",
        "dkey",
        "ckey",
        "hkey",
        "kkey",
        "token",
        "schlüssel",
        "schluessel",
        "clé",
        "clave",
        "chiave",
        "sleutel",
        "klucz",
        "chave",
        "密钥",
        "令牌",
    ]),
    find: find_key,
    positives: &[
        "API_KEY=⟦a8f5f167f44f4964e6c998dee827110c⟧",
        "api_key: \"⟦Zk3pQ8vN1xR6tY0wB5mJ⟧\"",
        "\"apiKey\":\"⟦550e8400-e29b-41d4-a716-446655440000⟧\"",
        "x-api-key: ⟦Zk3pQ8vN1xR6tY0wB5mJ⟧",
        "access_token=⟦Zk3pQ8vN1xR6tY0wB5mJ9cH2⟧&expires=3600",
        "my API key is ⟦Zk3pQ8vN1xR6tY0wB5mJ9cH2⟧.",
        "API-Schlüssel: ⟦Zk3pQ8vN1xR6tY0wB5mJ9cH2⟧",
        "MISTRAL_API_KEY=⟦Zk3pQ8vN1xR6tY0wB5mJ9cH2dL7fG4sA⟧",
        "datadog key: ⟦a8f5f167f44f4964e6c998dee827110c⟧",
        "HEROKU_KEY=⟦550e8400-e29b-41d4-a716-446655440000⟧",
        "SECRET_KEY = '⟦x7#k!p2v9&q4m^w8z3r(t6y0)b5n1c@d⟧'",
        "\"private_key_id\": \"⟦a8f5f167f44f4964e6c998dee827110c12345678⟧\"",
        "DISCORD_TOKEN=⟦MTIzNDU2Nzg5MDEyMzQ1Njc4.GaBcDe.Zk3pQ8vN1xR6tY0wB5mJ9cH2dL7fG4sA⟧",
        "//registry.npmjs.org/:_authToken=⟦550e8400-e29b-41d4-a716-446655440000⟧",
        "https://x.io/reset?token=⟦8f4b2c9d1e7a60538f4b2c9d1e7a6053⟧",
        "token: ⟦8f4b2c9d1e7a60538f4b2c9d1e7a6053⟧",
        "TOKEN=⟦8f4b2c9d1e7a60538f4b2c9d1e7a6053⟧",
    ],
    look_alikes: &[
        "token: sha256:8f4b2c9d1e7a60538f4b2c9d1e7a60538f4b2c9d",
        "token: 512",
        "tokens: 8f4b2c9d1e7a60538f4b2c9d1e7a6053 of 512",
        "next_page_token=8f4b2c9d1e7a60538f4b2c9d1e7a6053",
        "commit token: 8f4b2c9d1e7a60538f4b2c9d1e7a60538f4b2c9d",
        "token_sha256 = 8f4b2c9d1e7a60538f4b2c9d1e7a6053",
        "token: 00000000000000000000000000000000",
        "api_key: string",
        "api_key = os.environ[\"API_KEY\"]",
        "apiKey: process.env.API_KEY",
        "API_KEY=your-api-key",
        "API_KEY=<YOUR_KEY>",
        "API_KEY=${API_KEY}",
        "api_key=\"xxxxxxxxxxxxxxxxxxxxxxxx\"",
        "key: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b",
        "\"key\": \"550e8400-e29b-41d4-a716-446655440000\"",
        "cache_key = \"user:profile:12345678:v2:settings\"",
        "primary_key: 550e8400-e29b-41d4-a716-446655440000",
        "public_key: Zk3pQ8vN1xR6tY0wB5mJ9cH2dL7fG4sA",
        "next_page_token: Zk3pQ8vN1xR6tY0wB5mJ9cH2dL7fG4sA",
        "max_tokens: 4096",
        "tokenizer: bert-base-uncased-2024-v1-large",
        "api_key_header_name = \"X-Api-Key-Header-Name-2\"",
        "secretKeyRef: my-database-secret-2024-v1",
        "access_token = response.json()[\"access_token\"]",
        "accessToken: auth.session.accessToken2,",
        "keyboard: us-international-layout-2024",
        "monkey: Zk3pQ8vN1xR6tY0wB5mJ9cH2dL7",
        "api_key_1 = get_api_key(\"production\")",
        "private_key: ed25519.Ed25519PrivateKey, f_priv",
        "private_key: PKCS7PrivateKeyTypes,",
        "token: ghp_your_token_here_replace_it_please",
        "sort_key=created_at_2024_01_01_descending",
        "ssh key: SHA256:uNiVztksCsDhcc0u9e8BrqxlTKm3A2ZJbQjUwZJ5k2Q",
    ],
};

pub(super) const SECRET: Detector = Detector {
    name: "named-secret",
    label: "SECRET",
    action: Action::Block,
    shape: "the value that a name such as `client_secret` or `JWT_SECRET` is given",
    validator: "letters and digits or signs, eight bytes at least; no reference, name or placeholder",
    score: 74,
    trigger: Trigger::Folded(&["secret", "geheimnis", "_salt"]),
    find: find_secret,
    positives: &[
        "JWT_SECRET=⟦Zk3pQ8vN1xR6tY0w⟧",
        "client_secret: \"⟦Zk3pQ8vN1xR6tY0wB5mJ⟧\"",
        "\"clientSecret\": \"⟦550e8400-e29b-41d4-a716-446655440000⟧\"",
        "SESSION_SECRET=⟦a8f5f167f44f4964e6c998dee827110c⟧",
        "app_secret=⟦a8f5f167f44f4964e6c998dee827110c⟧",
        "JWT_SECRET=⟦supersecretjwt⟧\nX=1",
        "secret = \"⟦hunter2-and-2-more!⟧\"",
        "secret_key_base_secret: ⟦a8f5f167f44f4964e6c998dee827110c⟧",
    ],
    look_alikes: &[
        "secret: my-database-credentials",
        "secretName: tls-cert-2024-wildcard",
        "client_secret: ${CLIENT_SECRET}",
        "client_secret = settings.OAUTH2_SECRET",
        "secret = get_secret(\"db\")",
        "JWT_SECRET=your-256-bit-secret",
        "the secret is 42",
        "TLS_SECRET=wildcard",
        "JWT_SECRET=changeme",
        "JWT_SECRET=placeholder",
        "secret: string",
        "secrets: inherit",
        "secret santa 2024",
        "secret: projects/my-project/secrets/db/versions/1",
        "secret: {{ lookup('env', 'X1234567') }}",
        "\"secret\": \"<redacted-by-policy-12>\"",
        "secret = keypair[:32]",
        "'X-Amz-Credential': '%s/%s/%s/%s/aws4_request' % (a",
    ],
};

fn find_key(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let assigned = assign::read(text, &at)?;
    // Cheap before dear: most values beside `key` are short.
    if assigned.value.len() < SHORTEST_KEY {
        return None;
    }
    let suffix = &bytes[at.end..assigned.name.end];
    let identity = suffix.eq_ignore_ascii_case(b"_id") || suffix == b"Id";
    if !identity && !suffix_allows(suffix) {
        return None;
    }
    let name = squeezed(bytes, &assigned.name, at.end);
    let value = &bytes[assigned.value.clone()];
    if identity && !name.ends_with("privatekey") || !is_value(bytes, &assigned) {
        return None;
    }
    // `the API key maria8@corp.com asked for`: an address is none.
    let domain = value.iter().position(|b| *b == b'@').map(|at| &value[at..]);
    if assigned.form == Form::Prose && domain.is_some_and(|rest| rest.contains(&b'.')) {
        return None;
    }
    let foreign = !text[at.clone()].is_ascii();
    if OTHER_KEYS.iter().any(|other| name.ends_with(other)) {
        return None;
    }
    let clear =
        CLEAR_KEYS.iter().any(|clear| name.ends_with(clear)) || foreign && name.contains("api");
    let head =
        bytes[assigned.name.start.saturating_sub(40)..assigned.value.start].to_ascii_lowercase();
    let issued = ISSUED.iter().any(|(issuer, alphabet, lengths)| {
        lengths.contains(&value.len())
            && value.iter().all(|b| alphabet.has(*b))
            && alphabet.fits(value)
            && sample::says(&head, &[issuer])
            && !sample::is_sample(value)
    });
    let token = name.ends_with("token") || foreign;
    let hash = || sample::says(&head, HASHES);
    let found = token && !foreign && is_hex_token(value) && !hash()
        || issued
        || clear && is_random(value, Name::Clear)
        || token && is_random(value, Name::Open);
    found.then_some(assigned.value)
}

fn find_secret(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let assigned = assign::read(text, &at)?;
    let suffix = &bytes[at.end..assigned.name.end];
    let value = &bytes[assigned.value.clone()];
    if !suffix_allows(suffix) || value.len() < SHORTEST_SECRET || !is_value(bytes, &assigned) {
        return None;
    }
    // A short one must look like a password: a sign, or letters of both cases and digits.
    let signs = value.iter().any(|b| b.is_ascii_punctuation() && !b"-_./:,'()@".contains(b));
    let digit = value.iter().any(u8::is_ascii_digit);
    let alpha = value.iter().any(u8::is_ascii_alphabetic);
    let tense = digit && alpha && (signs || sample::is_mixed(value, Alphabet::Alnum));
    // In a file of the environment a phrase of letters stands where nothing else may.
    let name = bytes[assigned.name.clone()].to_ascii_lowercase();
    let phrase = assigned.form == Form::Environment
        && PHRASES.iter().any(|end| name.ends_with(end.as_bytes()))
        && value.iter().all(u8::is_ascii_lowercase)
        && !(is_placeholder(value) || sample::is_sample(value))
        && matches!(bytes.get(assigned.value.end), None | Some(b'\n' | b'\r'));
    if phrase {
        return Some(assigned.value);
    }
    let written = matches!(assigned.form, Form::Quoted | Form::Environment | Form::Line);
    let short = written && tense && !sample::is_sample(value) && (signs || !is_reference(value));
    (short || is_random(value, Name::Clear)).then_some(assigned.value)
}

/// Whether `assigned` gives something drawn at random.
pub(super) fn is_key(bytes: &[u8], assigned: &Assigned) -> bool {
    is_value(bytes, assigned) && is_random(&bytes[assigned.value.clone()], Name::Clear)
}

/// How sure the name alone makes us.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Name {
    Clear,
    Open,
}

/// Whether `assigned` gives a literal rather than a call, an index, a variable or a template.
fn is_value(bytes: &[u8], assigned: &Assigned) -> bool {
    let value = &bytes[assigned.value.clone()];
    let next = bytes.get(assigned.value.end);
    let quoted = assigned.form == Form::Quoted;
    let made = !quoted
        && (matches!(next, Some(b'(' | b'[' | b'"' | b'\'' | b'`'))
            || value.contains(&b'(')
            || value.contains(&b'[')
            || matches!(next, Some(b',' | b';' | b')')) && is_named(value));
    !made
        && !value.iter().any(|b| b.is_ascii_whitespace() || *b >= 0x80)
        && !stands_for_another(value)
        && !value.starts_with(b"\\x")
}

/// Whether `value` is a name in code rather than a key: letters that make words, few digits.
fn is_named(value: &[u8]) -> bool {
    let path = value.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.'));
    let digits = value.iter().filter(|b| b.is_ascii_digit()).count();
    path && longest_word(value) >= 5 && (digits <= 5 || value.contains(&b'.'))
}

/// Whether `value` is drawn at random.
fn is_random(value: &[u8], name: Name) -> bool {
    let hex = value.iter().all(u8::is_ascii_hexdigit);
    if sample::is_uuid(value) {
        return name == Name::Clear && text::distinct(value) >= 6;
    }
    if hex {
        return name == Name::Clear
            && value.len() >= 24
            && text::distinct(value) >= 8
            && !sample::is_sample(value);
    }
    let digits = value.iter().filter(|b| b.is_ascii_digit()).count();
    let letters = value.iter().filter(|b| b.is_ascii_alphabetic()).count();
    let mixed = sample::is_mixed(value, Alphabet::OneCase);
    let (length, different) = match name {
        Name::Clear => (16, 9),
        Name::Open => (20, 12),
    };
    let both = sample::is_mixed(value, Alphabet::Alnum);
    let shape = mixed && (both || digits >= 3)
        || value.len() >= 24
            && letters == value.len()
            && cases(value) >= 6
            && longest_word(value) <= 5;
    value.len() >= length
        && text::distinct(value) >= different
        && shape
        && !sample::is_sample(value)
        && !is_reference(value)
}

/// The longest run of lower-case letters.
fn longest_word(value: &[u8]) -> usize {
    value.split(|b| !b.is_ascii_lowercase()).map(<[u8]>::len).max().unwrap_or(0)
}

/// The changes between upper and lower case.
fn cases(value: &[u8]) -> usize {
    value
        .windows(2)
        .filter(|pair| pair[0].is_ascii_uppercase() != pair[1].is_ascii_uppercase())
        .count()
}

/// Whether `value` is a path, an address, a fingerprint, or names joined by signs, however random a part looks.
fn is_reference(value: &[u8]) -> bool {
    if FINGERPRINTS.iter().any(|mark| value.starts_with(mark.as_bytes())) {
        return true;
    }
    let slashes = value.iter().filter(|b| **b == b'/').count();
    let parts: Vec<&[u8]> =
        value.split(|b| b"-_./:".contains(b)).filter(|part| !part.is_empty()).collect();
    let named = |part: &&&[u8]| {
        let letters = part.iter().take_while(|b| b.is_ascii_alphabetic()).count();
        let word = part[1..].iter().take(letters.saturating_sub(1)).all(u8::is_ascii_lowercase)
            || part[..letters].iter().all(u8::is_ascii_uppercase);
        word && part[letters..].iter().all(u8::is_ascii_digit) && part.len() - letters <= 4
    };
    let names = parts.iter().filter(named).count();
    let digit = |part: &&[u8]| part.iter().any(u8::is_ascii_digit);
    if parts.iter().any(|part| part.len() >= 16 && digit(part) && !named(&part)) {
        return slashes >= 3;
    }
    parts.len() > 1 && names * 3 >= parts.len() * 2 || slashes >= 2 && names * 2 >= parts.len()
}

/// The name up to the keyword's end, and up to two words before it, in lower case and without its joints.
fn squeezed(bytes: &[u8], name: &Range<usize>, end: usize) -> String {
    let mut start = name.start;
    for _ in 0..2 {
        let window = &bytes[start.saturating_sub(16)..start];
        let Some(before) = window.strip_suffix(b" ") else { break };
        let word =
            before.iter().rev().take_while(|b| b.is_ascii_alphanumeric() || **b == b'-').count();
        if word == 0 {
            break;
        }
        start -= word + 1;
    }
    let letters = bytes[start..end].iter().filter(|b| b.is_ascii_alphanumeric());
    letters.map(|b| char::from(b.to_ascii_lowercase())).collect()
}

/// Names whose value is a secret of letters too.
const PHRASES: &[&str] = &[
    "jwt_secret",
    "session_secret",
    "cookie_secret",
    "auth_secret",
    "app_secret",
    "token_secret",
    "api_secret",
];
/// Names that leave no doubt, by their end.
const CLEAR_KEYS: &[&str] = &[
    "apikey",
    "apisecretkey",
    "secretkey",
    "privatekey",
    "accesskey",
    "authkey",
    "encryptionkey",
    "signingkey",
    "masterkey",
    "accountkey",
    "servicekey",
    "servicerolekey",
    "adminkey",
    "deploykey",
    "appkey",
    "applicationkey",
    "consumerkey",
    "clientkey",
    "sharedkey",
    "sharedaccesskey",
    "storagekey",
    "webhookkey",
    "hmackey",
    "jwtkey",
    "sessionkey",
    "cookiekey",
    "rootkey",
    "subscriptionkey",
    "licensekey",
    "licencekey",
    "serverkey",
    "integrationkey",
    "securitykey",
    "writekey",
    "secretaccesskey",
    "transactionkey",
    "aeskey",
    "fernetkey",
    "merchantkey",
    "accesstoken",
    "apitoken",
    "authtoken",
    "refreshtoken",
    "bearertoken",
    "bottoken",
    "secrettoken",
    "personaltoken",
    "deploytoken",
    "usertoken",
    "servicetoken",
    "sessiontoken",
    "admintoken",
    "accounttoken",
    "securitytoken",
    "privatetoken",
    "npmtoken",
    "githubtoken",
    "gitlabtoken",
    "slacktoken",
    "discordtoken",
    "vaulttoken",
    "hftoken",
    "jobtoken",
    "runnertoken",
    "verificationtoken",
];
/// Names of keys and tokens that are no secrets.
const OTHER_KEYS: &[&str] = &[
    "publickey",
    "publishablekey",
    "primarykey",
    "foreignkey",
    "partitionkey",
    "sortkey",
    "cachekey",
    "objectkey",
    "s3key",
    "idempotencykey",
    "sitekey",
    "rowkey",
    "hashkey",
    "nextpagetoken",
    "pagetoken",
    "nexttoken",
    "continuationtoken",
    "canceltoken",
    "cancellationtoken",
    "synctoken",
    "starttoken",
    "endtoken",
    "padtoken",
    "eostoken",
    "bostoken",
    "unktoken",
    "stoptoken",
    "placeholdertoken",
    "monkey",
    "turkey",
    "keytoken",
    "indexkey",
    "translationkey",
    "publickeytoken",
    "clienttoken",
];
/// Words beside a token that is the hash of something.
const HASHES: &[&str] = &["commit", "sha1", "sha256", "digest", "checksum", "etag", "md5"];
/// Issuers whose keys have no prefix: their word must stand in the name or just before it.
const ISSUED: &[(&str, Alphabet, std::ops::RangeInclusive<usize>)] = &[
    ("mistral", Alphabet::Alnum, 32..=32),
    ("cohere", Alphabet::Alnum, 40..=40),
    ("together", Alphabet::Hex, 64..=64),
    ("deepgram", Alphabet::Hex, 40..=40),
    ("assemblyai", Alphabet::Hex, 32..=32),
    ("exa", Alphabet::Uuid, 36..=36),
    ("wandb", Alphabet::Hex, 40..=40),
    ("azure", Alphabet::Alnum, 32..=88),
    ("cloudflare", Alphabet::Url, 37..=40),
    ("fastly", Alphabet::Url, 32..=32),
    ("heroku", Alphabet::Uuid, 36..=36),
    ("vercel", Alphabet::Alnum, 24..=24),
    ("railway", Alphabet::Uuid, 36..=36),
    ("scaleway", Alphabet::Uuid, 36..=36),
    ("linode", Alphabet::Hex, 64..=64),
    ("hetzner", Alphabet::Alnum, 64..=64),
    ("vultr", Alphabet::Upper, 36..=36),
    ("ovh", Alphabet::Alnum, 16..=32),
    ("npm", Alphabet::Uuid, 36..=36),
    ("snyk", Alphabet::Uuid, 36..=36),
    ("codecov", Alphabet::Uuid, 36..=36),
    ("travis", Alphabet::Alnum, 22..=22),
    ("jenkins", Alphabet::Hex, 34..=34),
    ("discord", Alphabet::Dotted, 59..=80),
    ("twilio", Alphabet::Alnum, 32..=34),
    ("mailgun", Alphabet::HexDash, 32..=50),
    ("mailjet", Alphabet::Hex, 32..=32),
    ("postmark", Alphabet::Uuid, 36..=36),
    ("sparkpost", Alphabet::Hex, 40..=40),
    ("plaid", Alphabet::Hex, 24..=30),
    ("adyen", Alphabet::Base64, 40..=160),
    ("coinbase", Alphabet::Base64, 16..=88),
    ("binance", Alphabet::Alnum, 64..=64),
    ("kraken", Alphabet::Base64, 56..=88),
    ("asana", Alphabet::Dash, 32..=60),
    ("zendesk", Alphabet::Alnum, 40..=40),
    ("hubspot", Alphabet::Uuid, 36..=36),
    ("airtable", Alphabet::DottedAlnum, 82..=82),
    ("crates", Alphabet::Alnum, 35..=35),
    ("cargo", Alphabet::Alnum, 35..=35),
    ("datadog", Alphabet::Hex, 32..=40),
    ("dd_", Alphabet::Hex, 32..=40),
    ("newrelic", Alphabet::Alnum, 32..=40),
    ("new_relic", Alphabet::Alnum, 32..=40),
    ("pagerduty", Alphabet::Url, 20..=20),
    ("honeycomb", Alphabet::Alnum, 22..=32),
    ("algolia", Alphabet::Hex, 32..=32),
    ("okta", Alphabet::Url, 42..=42),
    ("auth0", Alphabet::Url, 32..=64),
    ("ngrok", Alphabet::Word, 40..=52),
    ("terraform", Alphabet::Dotted, 60..=100),
    ("linkedin", Alphabet::Alnum, 14..=16),
    ("twitter", Alphabet::Alnum, 25..=50),
    ("facebook", Alphabet::Hex, 32..=32),
    ("bitly", Alphabet::Hex, 40..=40),
    ("trello", Alphabet::Hex, 32..=64),
    ("jira", Alphabet::Alnum, 24..=24),
    ("confluent", Alphabet::Base64, 16..=64),
    ("elastic", Alphabet::Base64, 40..=80),
    ("rollbar", Alphabet::Hex, 32..=32),
    ("bugsnag", Alphabet::Hex, 32..=32),
    ("sendbird", Alphabet::Hex, 40..=40),
    ("openweather", Alphabet::Hex, 32..=32),
    ("virustotal", Alphabet::Hex, 64..=64),
    ("shodan", Alphabet::Alnum, 32..=32),
    ("serpapi", Alphabet::Hex, 64..=64),
    ("rapidapi", Alphabet::Alnum, 50..=50),
    ("etherscan", Alphabet::Upper, 34..=34),
    ("infura", Alphabet::Hex, 32..=32),
    ("alchemy", Alphabet::Url, 32..=32),
    ("segment", Alphabet::Alnum, 32..=32),
    ("mixpanel", Alphabet::Hex, 32..=32),
    ("amplitude", Alphabet::Hex, 32..=32),
    ("todoist", Alphabet::Hex, 40..=40),
    ("zhipu", Alphabet::Dotted, 49..=49),
    ("baidu", Alphabet::Alnum, 24..=32),
    ("wechat", Alphabet::Hex, 32..=32),
    ("dingtalk", Alphabet::Hex, 64..=64),
    ("snowflake", Alphabet::Url, 40..=400),
    ("artifactory", Alphabet::Alnum, 64..=73),
    ("pinecone", Alphabet::Uuid, 36..=36),
    ("qdrant", Alphabet::Url, 40..=60),
    ("weaviate", Alphabet::Alnum, 36..=40),
    ("steam", Alphabet::Hex, 32..=32),
    ("spotify", Alphabet::Hex, 32..=32),
    ("yelp", Alphabet::Url, 128..=128),
    ("dropbox", Alphabet::OneCase, 15..=15),
    ("gitea", Alphabet::Hex, 40..=40),
    ("opsgenie", Alphabet::Uuid, 36..=36),
    ("mattermost", Alphabet::Alnum, 26..=26),
];
const FINGERPRINTS: &[&str] =
    &["sha256-", "sha384-", "sha512-", "SHA256:", "MD5:", "sha1:", "sha256:", "sha512:"];
const SHORTEST_KEY: usize = 14;
const SHORTEST_SECRET: usize = 8;
