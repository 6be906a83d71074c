//! Connection strings and URLs with a password in them.
//!
//! A string that leads to a database or a queue is one value, whole: host, user and database say as much as the password.
//! Of other URLs, only the password is.

use std::ops::Range;

use super::password::{is_placeholder, stands_for_another};
use super::{Detector, Trigger, sample, text};
use crate::redact::Action;

pub(super) const URL: Detector = Detector {
    name: "connection-url",
    label: "CONNECTION_STRING",
    action: Action::Block,
    shape: "the whole URL of a database, queue or directory with a password before `@` or in its parameters",
    validator: "the password is no variable or placeholder",
    score: 90,
    trigger: Trigger::Literals(&["://", "jdbc:oracle:thin:"]),
    find: find_url,
    positives: &[
        "DATABASE_URL=⟦postgres://app:hunter2@db.corp.com:5432/shop?sslmode=require⟧\n",
        "\"⟦mongodb+srv://app:S3cr3t@cluster0.ab1cd.mongodb.net/shop⟧\"",
        "⟦redis://:hunter2@cache:6379/0⟧",
        "(⟦amqp://app:hunter2@queue/vhost⟧)",
        "url: '⟦mysql+pymysql://root:hunter2@127.0.0.1/shop⟧',",
        "⟦jdbc:postgresql://db/shop?user=app&password=hunter2⟧ x",
        "⟦jdbc:sqlserver://db:1433;databaseName=shop;user=sa;password=Str0ng!Pass;⟧",
        "⟦jdbc:oracle:thin:scott/tig3r99@db:1521:orcl⟧",
        "use ⟦postgresql://app:p%40ss@db/shop⟧.",
        "⟦postgres://app:p@ss@db/shop⟧",
    ],
    look_alikes: &[
        "postgres://localhost/shop",
        "postgres://app@db/shop",
        "postgres://user:password@localhost/db",
        "postgres://${USER}:${PASSWORD}@db/shop",
        "postgres://app:<password>@db/shop",
        "postgres://app:****@db/shop",
        "mongodb://host1:27017,host2:27017/?replicaSet=rs0",
        "jdbc:postgresql://db/shop",
        "jdbc:oracle:thin:@db:1521:orcl",
        "amqp://guest:guest@localhost",
    ],
};

pub(super) const CREDENTIAL: Detector = Detector {
    name: "url-password",
    label: "PASSWORD",
    action: Action::Block,
    shape: "the password in `scheme://user:password@host`",
    validator: "no variable or placeholder",
    score: 79,
    trigger: Trigger::Literals(&["://"]),
    find: find_credential,
    positives: &[
        "https://bob:⟦hunter2⟧@corp.com/x",
        "ftp://bob:⟦hunter2⟧@files.corp.com",
        "git clone https://oauth2:⟦a8f5f167f44f4964⟧@git.corp.com/x.git",
        "http_proxy=http://bob:⟦hunter2⟧@proxy:3128\n",
        "smtp://bob:⟦hunter-2⟧@mail.corp.com:587",
        "git clone https://bob:⟦S3cr3t!x9⟧@git.corp.com/x.git",
    ],
    look_alikes: &[
        "https://corp.com:8443/@scope/pkg",
        "https://user:pass@intranet/x",
        "https://user:password@intranet",
        "https://x-access-token:${TOKEN}@github.com/x",
        "https://$USER:$PASS@intranet",
        "ssh://git@github.com:22/x",
        "https://example.com/a:b@c",
    ],
};

pub(super) const URL_KEY: Detector = Detector {
    name: "url-key",
    label: "CONNECTION_STRING",
    action: Action::Block,
    shape: "`scheme://key@host/path` whole, with a key of 32 hexadecimal digits, as an ingest address has it",
    validator: "drawn at random",
    score: 79,
    trigger: Trigger::Literals(&["://"]),
    find: |text, at| {
        let bytes = text.as_bytes();
        let end = text::run_end(bytes, at.end, 33, |b| b.is_ascii_hexdigit());
        let key = &bytes[at.end..end];
        if key.len() != 32 || bytes.get(end) != Some(&b'@') || !text::looks_random(key) {
            return None;
        }
        let start = text::word_begin(bytes, at.start);
        let part = |b: u8| b.is_ascii_alphanumeric() || b"-._/:".contains(&b);
        let mut end = text::run_end(bytes, end + 1, 160, part);
        while matches!(bytes[end - 1], b'.' | b':') {
            end -= 1;
        }
        Some(start..end)
    },
    positives: &["DSN_URL=⟦https://9f8e7d6c5b4a392817069f8e7d6c5b4a@o123.ingest.sentry.io/4⟧"],
    look_alikes: &[
        "https://00000000000000000000000000000000@o1.ingest.sentry.io/4",
        "https://corp.com/9f8e7d6c5b4a392817069f8e7d6c5b4a",
    ],
};

pub(super) const PAIRS: Detector = Detector {
    name: "connection-pairs",
    label: "CONNECTION_STRING",
    action: Action::Block,
    shape: "`Server=…;User Id=…;Password=…;` of ODBC and ADO, `AccountName=…;AccountKey=…` of Azure, whole",
    validator: "two known keys, one of them a secret with a value",
    score: 91,
    trigger: Trigger::Folded(&["password", "pwd", "accountkey", "sharedaccesskey"]),
    find: find_pairs,
    positives: &[
        "\"⟦Server=db.corp.com;Database=shop;User Id=sa;Password=Str0ng!Pass;⟧\"",
        "⟦Driver={ODBC Driver 18 for SQL Server};Server=tcp:db,1433;Uid=sa;Pwd=hunter2⟧\n",
        "conn = '⟦Data Source=db;Initial Catalog=shop;User ID=sa;Password=hunter2;Encrypt=True⟧'",
        concat!(
            "⟦DefaultEndpointsProtocol=https;AccountName=corp;AccountKey=Zk3pQ8vN1xR6tY0wB5mJ9cH2dL7fG4sAZk3pQ8vN1xR6tY0wB5mJ9cH2dL7fG4sA",
            "Zk3pQ8vN1xR6tY0wB5mJ9c==;EndpointSuffix=core.windows.net⟧"
        ),
        concat!(
            "⟦Endpoint=sb://corp.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey=",
            "Zk3pQ8vN1xR6tY0wB5mJ9cH2dL7fG4sAZk3pQ8vN1xQ=⟧"
        ),
        "⟦host=db user=app password=hunter2 dbname=shop⟧",
    ],
    look_alikes: &[
        "Server=db;Database=shop;Integrated Security=true;",
        "Server=db;User Id=sa;Password=${DB_PASSWORD};",
        "Server=db;User Id=sa;Password=<password>;",
        "Server=db;User Id=sa;Password=;",
    ],
};

pub(super) const SIGNATURE: Detector = Detector {
    name: "azure-sas-signature",
    label: "API_KEY",
    action: Action::Block,
    shape: "`sig=` in the query of a shared access signature",
    validator: "beside its expiry or version; looks random",
    score: 89,
    trigger: Trigger::Literals(&["sig="]),
    find: find_signature,
    positives: &[
        "https://corp.blob.core.windows.net/c/f?sv=2022-11-02&se=2025-01-01&sr=b&sp=r&sig=⟦Zk3pQ8vN1xR6tY0wB5mJ9cH2dL7fG4sAZk3pQ8vN1xQ%3D⟧",
    ],
    look_alikes: &["sig=abc", "?sv=1&sig=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"],
};

fn find_url(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    if bytes[at.start] == b'j' {
        let end = url_end(bytes, at.end);
        let body = &bytes[at.end..end];
        let slash = body.iter().position(|b| *b == b'/')?;
        let host = body.iter().rposition(|b| *b == b'@')?;
        let sound = slash < host && is_secret(body.get(slash + 1..host)?);
        return sound.then_some(at.start..end);
    }
    let start = scheme_start(bytes, at.start);
    let scheme = bytes[start..at.start].to_ascii_lowercase();
    let known = SCHEMES.iter().any(|known| sample::says(&scheme, &[known]));
    if !known {
        return None;
    }
    let end = url_end(bytes, at.end);
    let secret = password_in(bytes, at.end).is_some_and(|at| is_secret(&bytes[at])) || {
        let rest = &bytes[at.end..end];
        rest.split(|b| matches!(b, b'?' | b'&' | b';')).any(|part| {
            let split = part.iter().position(|b| *b == b'=').map(|i| part.split_at(i));
            split.is_some_and(|(key, value)| {
                SECRET_KEYS.iter().any(|secret| key.eq_ignore_ascii_case(secret.as_bytes()))
                    && is_secret(&value[1..])
            })
        })
    };
    secret.then_some(start..end)
}

fn find_credential(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let range = password_in(bytes, at.end)?;
    let named = scheme_start(bytes, at.start) < at.start;
    (named && is_secret(&bytes[range.clone()])).then_some(range)
}

/// The password of the `user:password@` that starts at `i`.
fn password_in(bytes: &[u8], i: usize) -> Option<Range<usize>> {
    let ends = |b: u8| b <= b' ' || b"/?#\"'`<>\\,()".contains(&b) || b >= 0x80;
    let end = text::run_end(bytes, i, 256, |b| !ends(b));
    let host = i + bytes[i..end].iter().rposition(|b| *b == b'@')?;
    let colon = i + bytes[i..host].iter().position(|b| *b == b':')?;
    // The broker's own default opens nothing that is not open.
    let default = &bytes[i..host] == b"guest:guest";
    (!default).then_some(colon + 1..host)
}

fn is_secret(value: &[u8]) -> bool {
    value.len() >= 3 && !stands_for_another(value) && !is_placeholder(value)
}

fn scheme_start(bytes: &[u8], i: usize) -> usize {
    let window = &bytes[i.saturating_sub(32)..i];
    let part = |b: &u8| b.is_ascii_alphanumeric() || b"+.-:".contains(b);
    let mut start = i - window.iter().rev().take_while(|b| part(b)).count();
    while start < i && !bytes[start].is_ascii_alphabetic() {
        start += 1;
    }
    // The `n` of a line break spelled out.
    if start + 1 < i && text::spelled_escape(bytes, start + 1) {
        start += 1;
    }
    // `url:postgres`: the key of the line is not the scheme.
    match bytes[start..i].iter().rposition(|b| *b == b':') {
        Some(colon) if !bytes[start..].starts_with(b"jdbc:") => start + colon + 1,
        _ => start,
    }
}

fn url_end(bytes: &[u8], i: usize) -> usize {
    let ends = |b: u8| b <= b' ' || b"\"'`<>\\|".contains(&b) || b >= 0x80;
    let mut end = text::run_end(bytes, i, 1024, |b| !ends(b));
    while end > i && b".,)]}".contains(&bytes[end - 1]) {
        end -= 1;
    }
    end
}

fn find_pairs(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let value_at = text::run_end(bytes, at.end, 2, |b| b == b' ');
    if bytes.get(value_at) != Some(&b'=') || !text::word_start(bytes, at.start) {
        return None;
    }
    let first = text::run_end(bytes, value_at + 1, 4, |b| b == b' ');
    if bytes.get(first).is_none_or(|b| b";\"'<$\n".contains(b)) {
        return None;
    }
    let stop = |b: u8| matches!(b, b'\n' | b'\r' | b'"' | b'\'' | b'`' | b'<' | b'\\');
    let value = |b: u8| b != b';' && b != b' ' && !stop(b);
    if text::run_end(bytes, first, LONGEST_PASSWORD, value) - first == LONGEST_PASSWORD {
        return None;
    }
    let window = at.start.saturating_sub(REACH);
    let line = window + bytes[window..at.start].iter().rposition(|b| stop(*b)).map_or(0, |i| i + 1);
    // Pairs are joined by `;`, those of libpq by blanks: then no value holds one.
    let before = &bytes[line..at.start];
    let joint = if before.trim_ascii_end().ends_with(b";")
        || bytes[at.end..].iter().take(REACH).find(|b| **b == b';' || stop(**b)) == Some(&b';')
    {
        b';'
    } else {
        b' '
    };
    // Where each known key of a range starts, found by its `=`.
    let known = |range: Range<usize>| {
        range.filter(|i| bytes[*i] == b'=').filter_map(|equals| known_key(bytes, equals))
    };
    let start = known(line..at.start).next().filter(|start| *start >= line).unwrap_or(at.start);
    let mut end = value_at + 1;
    let mut part_start = start;
    let limit = bytes.len().min(at.end + REACH);
    // The pairs before the secret, the secret, and those behind it.
    let mut last = end;
    while part_start < limit {
        let part_end =
            text::run_end(bytes, part_start, limit - part_start, |b| b != joint && !stop(b));
        let part = &bytes[part_start..part_end];
        let Some(equals) = part.iter().position(|b| *b == b'=') else { break };
        let key = part[..equals].trim_ascii();
        if key.is_empty()
            || !key.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b' ' | b'_'))
        {
            break;
        }
        let closed = joint == b';' && bytes.get(part_end) == Some(&b';');
        last = if closed {
            part_end + 1
        } else {
            let value = equals + 1 + part[equals + 1..].iter().take_while(|b| **b == b' ').count();
            let run = part[value..]
                .iter()
                .position(u8::is_ascii_whitespace)
                .unwrap_or(part.len() - value);
            part_start + value + run
        };
        end = end.max(last);
        if part_end >= limit || stop(bytes[part_end]) {
            break;
        }
        part_start = part_end + 1;
    }
    while end > value_at && b".,) ".contains(&bytes[end - 1]) {
        end -= 1;
    }
    if last <= value_at {
        return None;
    }
    let value_end =
        text::run_end(bytes, value_at + 1, end.saturating_sub(value_at + 1), |b| b != joint);
    let value = bytes[value_at + 1..value_end.min(end).max(value_at + 1)].trim_ascii();
    let enough = if joint == b';' { 1 } else { 2 };
    (known(start..end).take(enough).count() >= enough
        && is_secret(value)
        && bytes[start..end].contains(&joint))
    .then_some(start..end)
}

/// Where the known key starts that the `=` at `equals` belongs to.
fn known_key(bytes: &[u8], equals: usize) -> Option<usize> {
    let window = &bytes[equals.saturating_sub(40)..equals];
    let name = window.trim_ascii_end();
    let end = equals - (window.len() - name.len());
    let starts = KEYS.iter().filter_map(|key| {
        let start = name.len().checked_sub(key.len())?;
        name[start..].eq_ignore_ascii_case(key.as_bytes()).then_some(end - key.len())
    });
    starts.filter(|start| text::word_start(bytes, *start)).min()
}

fn find_signature(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let end =
        text::run_end(bytes, at.end, 100, |b| b.is_ascii_alphanumeric() || b"%+/=-_".contains(&b));
    let query = at.start > 0 && matches!(bytes[at.start - 1], b'?' | b'&' | b';');
    let value = &bytes[at.end..end];
    if !query || value.len() < 40 || !sample::is_drawn(value) {
        return None;
    }
    let around = &bytes[at.start.saturating_sub(400)..bytes.len().min(end + 200)];
    let signed = sample::says(around, &["&se=", "?se=", "&sv=", "?sv=", "expiry=", "st="]);
    signed.then_some(at.end..end)
}

/// Parts of the schemes that lead to stored data, queues or directories.
const SCHEMES: &[&str] = &[
    "postgres",
    "mysql",
    "mariadb",
    "mongodb",
    "redis",
    "valkey",
    "amqp",
    "mssql",
    "sqlserver",
    "jdbc",
    "oracle",
    "clickhouse",
    "cockroach",
    "snowflake",
    "redshift",
    "couchbase",
    "couchdb",
    "neo4j",
    "bolt",
    "influx",
    "cassandra",
    "scylla",
    "elastic",
    "opensearch",
    "kafka",
    "nats",
    "mqtt",
    "stomp",
    "ldap",
    "db2",
    "sybase",
    "firebird",
    "memcache",
    "cloudinary",
    "trino",
    "presto",
    "vertica",
    "teradata",
    "hive",
    "rethinkdb",
    "arangodb",
    "surrealdb",
    "libsql",
    "pulsar",
];
const SECRET_KEYS: &[&str] = &["password", "pwd", "pass", "passwd"];
const KEYS: &[&str] = &[
    "server",
    "data source",
    "datasource",
    "host",
    "hostname",
    "driver",
    "dsn",
    "uid",
    "user id",
    "userid",
    "user",
    "username",
    "database",
    "initial catalog",
    "dbname",
    "accountname",
    "endpoint",
    "defaultendpointsprotocol",
    "sharedaccesskeyname",
    "accountendpoint",
    "hostaddr",
    "port",
    "address",
    "provider",
    "hostname",
];
/// How far the pairs go to either side.
const REACH: usize = 400;
/// A key of Azure's storage has 88 bytes.
const LONGEST_PASSWORD: usize = 160;
