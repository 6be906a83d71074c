//! How fast: printed, never asserted. `cargo test --release -p prxy-daemon --lib -- --ignored throughput --nocapture`

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::masker;
use crate::provider::Surface;
use crate::redact::scan::Scanner;
use crate::redact::{Label, Number, Policy, Vault, VaultError};

#[test]
#[ignore = "prints figures"]
fn throughput() {
    let scanner = Scanner::new(&Policy::default()).unwrap();
    for (name, text) in [
        ("prose", prose(1)),
        ("json", json()),
        ("code", code()),
        ("base64", base64()),
        ("numeric csv", csv()),
        ("table of zeros", "0 ".repeat(50_000)),
        ("table of numbers", "640 480 1024 768 ".repeat(6_000)),
        ("log", log()),
    ] {
        let mut found = Vec::new();
        let best = best(|| {
            found.clear();
            scanner.scan(black_box(&text), &mut found);
        });
        report(name, text.len(), best, found.len());
    }
    for unit in crate::redact::scan::tests::HOSTILE {
        let text = unit.repeat(1_000_000 / unit.len());
        let mut found = Vec::new();
        let start = Instant::now();
        scanner.scan(black_box(&text), &mut found);
        report(unit.trim(), text.len(), start.elapsed(), found.len());
    }
    for (name, resent) in [("fresh", false), ("resent", true)] {
        let bodies: Vec<String> = (0..200)
            .map(|i| {
                format!(
                    r#"{{"model":"m","messages":[{{"role":"user","content":"{}"}}]}}"#,
                    prose(if resent { 1 } else { i })
                )
            })
            .collect();
        let (masker, broker, vault) = (masker(), masker(), Hashed);
        let (mut mask, mut check, mut hits) = (Duration::MAX, Duration::MAX, 0);
        for body in &bodies {
            let start = Instant::now();
            let masked = masker.request(Surface::Messages, body.as_bytes(), &vault).unwrap();
            mask = mask.min(start.elapsed());
            hits = masked.masked.values().sum::<u32>();
            let start = Instant::now();
            broker.check(masked.body.as_deref().unwrap()).unwrap();
            check = check.min(start.elapsed());
        }
        report(&format!("request {name}"), bodies[0].len(), mask, hits as usize);
        report(&format!("check {name}"), bodies[0].len(), check, 0);
    }
}

/// A vault that costs next to nothing.
struct Hashed;

impl Vault for Hashed {
    fn number(&self, _: &Label, value: &str) -> Result<Number, VaultError> {
        Ok(Number::first(value.bytes().fold(1, |sum, b| (sum * 31 + u32::from(b)) % 100_003)))
    }

    fn original(&self, _: &str, _: Number) -> Option<Arc<str>> {
        None
    }
}

fn report(name: &str, len: usize, time: Duration, hits: usize) {
    let rate = len as f64 / time.as_secs_f64() / 1e6;
    println!("{name:>16}: {len} bytes, {hits} hits, {time:?}, {rate:.0} MB/s");
}

fn best(mut run: impl FnMut()) -> Duration {
    (0..200)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed()
        })
        .min()
        .unwrap()
}

/// 100 KB of words, one in a hundred an address.
fn prose(seed: u64) -> String {
    let mut random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut text = String::new();
    while text.len() < 100_000 {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let word = WORDS[(random % WORDS.len() as u64) as usize];
        if random >> 32 & 127 == 0 {
            text.push_str(&format!("{word}{}@corp.com ", random >> 60));
        } else {
            text.push_str(word);
            text.push_str(if random >> 40 & 15 == 0 { ". " } else { " " });
        }
    }
    text
}

fn json() -> String {
    let row = r#"{"id": 48213, "name": "Widget", "created_at": "2024-11-21T08:59:37Z", "price": 12.50, "tags": ["a", "b"], "ok": true},"#;
    row.repeat(100_000 / row.len())
}

/// Rows of identifiers, times, prices and coordinates.
fn csv() -> String {
    let mut random = 3_u64;
    let mut text = String::from("id,time,price,lat,lon,count,code\n");
    while text.len() < 100_000 {
        random = random.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(1);
        let (a, b) = (random >> 32, random >> 16 & 0xFFFF);
        text.push_str(&format!(
            "{a},17{b:08},{b}.{:02},48.{a},-{}.{b},{},{random}\n",
            a % 100,
            b % 180,
            b % 10
        ));
    }
    text
}

fn log() -> String {
    let line = "2024-11-21T08:59:37.123456Z INFO server{id=550e8400-e29b-41d4-a716-446655440000} GET /v1/users/12345/orders/67890?page=2 200 5316 12.4ms 10.0.0.7:3099\n";
    line.repeat(100_000 / line.len())
}

fn code() -> String {
    let lines = "    fn value(&mut self, at: usize) -> Result<(), Error> {\n        match self.peek(3) {\n            Some(b'\"') => self.string_token(false)?,\n            _ => std::mem::take(&mut self.items[0..12]),\n        }\n    }\n";
    lines.repeat(100_000 / lines.len())
}

fn base64() -> String {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut random = 7_u64;
    (0..100_000)
        .map(|_| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            char::from(alphabet[(random >> 20 & 63) as usize])
        })
        .collect()
}

const WORDS: &[&str] = &[
    "the", "task", "of", "Invoice", "customer", "asked", "I", "refund", "because", "order",
    "arrived", "12", "late", "and", "Monday", "we", "should", "risk", "answer", "before", "2024",
    "in", "Berlin", "API", "key", "token", "please", "thanks",
];
