//! What a large vault costs: `cargo test --release -p prxy-daemon --lib -- --ignored --nocapture vault`.

use std::hint::black_box;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::Store;
use crate::embed::Embedder as _;
use crate::provider::Surface;
use crate::redact::mask::Masker;
use crate::redact::{Label, Number, Policy};

#[test]
#[ignore = "prints figures"]
fn vault_figures() {
    println!("| entries | on disk | start | memory | request, known | request, new | original |");
    println!("|---|---|---|---|---|---|---|");
    for entries in [10, 10_000, 1_000_000] {
        measure(entries);
    }
}

fn measure(entries: u32) {
    let dir = TempDir::new().unwrap();
    let email = Label::new("EMAIL").unwrap();
    let store = Store::open(dir.path()).unwrap();
    for batch in (0..entries).collect::<Vec<_>>().chunks(20_000) {
        let texts: Vec<String> = batch.iter().map(|n| address(*n)).collect();
        let values: Vec<(&Label, &str)> =
            texts.iter().map(|text| (&email, text.as_str())).collect();
        store.vault("t").number_all(&values).unwrap();
    }
    store.tidy().unwrap();
    drop(store);
    let disk = std::fs::metadata(dir.path().join("prxy.db")).unwrap().len();

    let before = resident();
    let began = Instant::now();
    let store = Store::open(dir.path()).unwrap();
    let start = began.elapsed();
    let masker = Masker::new(&Policy::default()).unwrap();
    let request = |first: u32| {
        let mails: Vec<String> = (0..10).map(|n| address(first + n)).collect();
        let body = format!(
            r#"{{"messages":[{{"role":"user","content":"{} {}"}}]}}"#,
            mails.join(" and "),
            "Some words that nobody has to hide. ".repeat(100)
        );
        let began = Instant::now();
        let masked = masker.request(Surface::Chat, body.as_bytes(), &*store.vault("t")).unwrap();
        black_box(masked);
        began.elapsed()
    };
    // Spread over the whole vault, so that hardly any is remembered.
    let known = median((0..ROUNDS).map(|n| request(spread(n, entries.saturating_sub(10)))));
    let new = median((0..ROUNDS).map(|n| request(entries + n * 10)));
    let original = median((0..ROUNDS).map(|n| {
        let number = Number::first(spread(n, entries - 1) + 1);
        let began = Instant::now();
        assert!(black_box(store.vault("t").original("EMAIL", number)).is_some());
        began.elapsed()
    }));
    let memory = resident().saturating_sub(before);
    println!(
        "| {entries} | {:.1} MB | {start:.1?} | {:.1} MB | {known:.0?} | {new:.0?} | {original:.1?} |",
        disk as f64 / 1e6,
        memory as f64 / 1e6
    );
}

fn address(n: u32) -> String {
    format!("user{n}@example.org")
}

/// The `n`th of numbers up to `most` that lie far from each other.
fn spread(n: u32, most: u32) -> u32 {
    (u64::from(n) * 7_368_787 % (u64::from(most) + 1)) as u32
}

pub(crate) fn median(times: impl IntoIterator<Item = Duration>) -> Duration {
    let mut times: Vec<Duration> = times.into_iter().collect();
    times.sort_unstable();
    times[times.len() / 2]
}

/// Bytes of this process in memory.
pub(crate) fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

const ROUNDS: u32 = 1000;

/// So many answers in both caches, that nobody asks for.
pub(crate) fn fill_caches(store: &Store, rows: u32) {
    let numbers = format!(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})"
    );
    let fill = format!(
        "BEGIN;
         {numbers} INSERT INTO answer (key, kind, form, names, created, used, bytes, body)
             SELECT randomblob(32), 0, '', '', unixepoch(), unixepoch(), 900, randomblob(900) FROM n;
         {numbers} INSERT INTO similar
             (partition, embedder, vector, kind, form, names, created, used, bytes, body)
             SELECT randomblob(32), 'offline-1', randomblob(400), 0, '', '', unixepoch(), unixepoch(),
                 100, randomblob(100) FROM n;
         COMMIT;"
    );
    store.database.connection().execute_batch(&fill).unwrap();
}

/// So many patterns of other problems, of which one tenant has no more than its share.
pub(crate) fn fill_patterns(store: &Store, rows: u32) {
    let vector = crate::embed::Packed::new(&crate::embed::Offline.embed("a problem").unwrap());
    let size = vector.bytes().len();
    let fill = format!(
        "BEGIN;
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
         INSERT INTO pattern (tenant, problem, remedy, evidence, model, conversation, seen, uses,
                 successes, failures, created, used, embedder, vector)
             SELECT CASE WHEN i <= {MOST} THEN 't' ELSE 't' || i / {MOST} END, 'problem ' || i,
                 hex(randomblob(100)), 'said', 'm', '', 1, 0, 0, 0, unixepoch(), unixepoch(),
                 '{}', randomblob({size}) FROM n;
         COMMIT;",
        crate::embed::OFFLINE
    );
    store.database.connection().execute_batch(&fill).unwrap();
}

/// Patterns of one tenant.
const MOST: u32 = 10_000;
