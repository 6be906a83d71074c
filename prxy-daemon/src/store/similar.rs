//! Answers to questions that are asked in other words: masked, found by what must be the same, and
//! then by a vector.
//!
//! A cache, not a record: whatever fails here is logged and counts as not known.

use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, params};

use super::answers::{self, Answer, Kind};
use super::room::{Limits, Room};
use super::{Database, Store, StoreError, now};
use crate::embed::Packed;

/// Where these answers are kept; clones of the store share it.
pub struct Similar {
    database: Arc<Database>,
    room: Room,
}

/// What an answer is found by.
pub struct Asked<'a> {
    /// Two questions of different partitions have nothing in common.
    pub partition: &'a [u8; 32],
    /// Whose vector it is: those of others are not compared.
    pub embedder: &'a str,
    /// Of the question.
    pub vector: &'a Packed,
}

impl Similar {
    pub(super) fn new(database: Arc<Database>) -> Self {
        Self { database, room: Room::of("similar") }
    }

    /// The answer to the nearest question that is near enough, with how near it is.
    pub fn find(&self, asked: &Asked<'_>, at_least: f32, ttl: Duration) -> Option<(Answer, f32)> {
        let connection = self.database.connection();
        answers::logged(find(&connection, &self.room, asked, at_least, now(), ttl)).flatten()
    }

    /// Keeps an answer, in place of the one to the same question; of all only so many: those go
    /// first that nobody asked for the longest.
    pub fn put(&self, asked: &Asked<'_>, answer: &Answer, limits: Limits) {
        let size = answer.body.len() as u64;
        let insert = |connection: &Connection| insert(connection, asked, answer, now());
        answers::logged(self.room.put(&self.database, size, limits, insert));
    }
}

impl Store {
    /// The answers that are given to questions in other words.
    pub fn similar(&self) -> Arc<Similar> {
        Arc::clone(&self.similar)
    }
}

fn find(
    connection: &Connection,
    room: &Room,
    asked: &Asked<'_>,
    at_least: f32,
    now: i64,
    ttl: Duration,
) -> Result<Option<(Answer, f32)>, StoreError> {
    let since = now.saturating_sub_unsigned(ttl.as_secs());
    let mut vectors = connection.prepare_cached(
        "SELECT id, used, vector FROM similar
         WHERE partition = ?1 AND embedder = ?2 AND created >= ?3
         ORDER BY id DESC LIMIT ?4",
    )?;
    let wanted = params![asked.partition, asked.embedder, since, COMPARED];
    let rows = vectors.query_map(wanted, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let mut nearest: Option<(i64, i64, f32)> = None;
    for row in rows {
        let (id, used, vector): (i64, i64, Vec<u8>) = row?;
        let similarity = Packed::from_bytes(&vector).similarity(asked.vector);
        if similarity + ROUNDING >= at_least && nearest.is_none_or(|(_, _, most)| similarity > most)
        {
            nearest = Some((id, used, similarity));
        }
    }
    let Some((id, used, similarity)) = nearest else { return Ok(None) };
    room.touch(connection, id, used, now)?;
    let mut found =
        connection.prepare_cached("SELECT kind, form, names, body FROM similar WHERE id = ?1")?;
    let (kind, form, names, body): (u8, String, String, Vec<u8>) = found
        .query_row(params![id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
    let (Some(kind), Some(names)) = (Kind::from_code(kind), answers::read(&names)) else {
        return Ok(None);
    };
    Ok(Some((Answer { kind, form, names, body: body.into() }, similarity)))
}

fn insert(
    connection: &Connection,
    asked: &Asked<'_>,
    answer: &Answer,
    now: i64,
) -> Result<(), StoreError> {
    let (partition, embedder, vector) = (asked.partition, asked.embedder, asked.vector.bytes());
    connection
        .prepare_cached(
            "DELETE FROM similar WHERE partition = ?1 AND embedder = ?2 AND vector = ?3",
        )?
        .execute(params![partition, embedder, vector])?;
    let Answer { kind, form, names, body } = answer;
    let mut insert = connection.prepare_cached(
        "INSERT INTO similar
             (partition, embedder, vector, kind, form, names, created, used, bytes, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?8, ?9)",
    )?;
    let (kind, names, bytes) = (kind.code(), answers::write(names), body.len() as i64);
    insert.execute(params![
        partition,
        embedder,
        vector,
        kind,
        form,
        names,
        now,
        bytes,
        &body[..]
    ])?;
    Ok(())
}

pub(super) const TABLES: &str = "
    CREATE TABLE similar (
        id INTEGER PRIMARY KEY,
        partition BLOB NOT NULL,
        embedder TEXT NOT NULL,
        vector BLOB NOT NULL,
        kind INTEGER NOT NULL,
        form TEXT NOT NULL,
        names TEXT NOT NULL,
        created INTEGER NOT NULL,
        used INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        body BLOB NOT NULL
    ) STRICT;
    CREATE INDEX similar_partition ON similar (partition);
    CREATE INDEX similar_used ON similar (used, id, bytes);
    CREATE INDEX similar_created ON similar (created);
";
/// The newest rows of a partition that are looked at: spellings of one question, no more.
const COMPARED: i64 = 64;
/// A vector has itself for its nearest, whatever was asked for.
const ROUNDING: f32 = 1e-5;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embed::{Embedder, Offline};

    const TTL: Duration = Duration::from_secs(100);

    fn packed(text: &str) -> Packed {
        Packed::new(&Offline.embed(text).unwrap())
    }

    fn answer(body: &str) -> Answer {
        Answer {
            kind: Kind::Whole,
            form: String::new(),
            names: Vec::new(),
            body: body.to_owned().into(),
        }
    }

    fn limits(max_entries: u64, max_bytes: u64) -> Limits {
        Limits { max_entries, max_bytes, ttl: TTL }
    }

    #[track_caller]
    fn check(similar: &Similar, partition: u8, embedder: &str, text: &str, expected: Option<&str>) {
        let asked = Asked { partition: &[partition; 32], embedder, vector: &packed(text) };
        let found = similar.find(&asked, 0.92, TTL);
        assert_eq!(found.map(|(answer, _)| answer.body), expected.map(|b| b.to_owned().into()));
    }

    #[test]
    fn only_near_questions_of_the_same_partition_and_embedder_are_found() {
        let store = Store::in_memory().unwrap();
        let similar = store.similar();
        let put = |partition: u8, embedder: &str, text: &str, body: &str| {
            let asked = Asked { partition: &[partition; 32], embedder, vector: &packed(text) };
            similar.put(&asked, &answer(body), limits(100, 10_000));
        };
        put(1, "offline-1", "reset the router", "one");
        check(&similar, 1, "offline-1", "reset the router", Some("one"));
        check(&similar, 1, "offline-1", "Reset the router!", Some("one"));
        check(&similar, 1, "offline-1", "sell the router", None);
        check(&similar, 2, "offline-1", "reset the router", None);
        check(&similar, 1, "offline-2", "reset the router", None);
        put(1, "offline-1", "reset the router", "new");
        put(1, "offline-1", "sell the boat", "boat");
        check(&similar, 1, "offline-1", "reset the router", Some("new"));
        check(&similar, 1, "offline-1", "sell the boat", Some("boat"));
        assert_eq!(store.similar.room.total(&store.database.connection()).unwrap(), (2, 7));
    }

    #[test]
    fn what_is_too_old_is_not_found() {
        let store = Store::in_memory().unwrap();
        let connection = store.database.connection();
        let vector = packed("reset the router");
        let asked = Asked { partition: &[1; 32], embedder: "e", vector: &vector };
        insert(&connection, &asked, &answer("one"), 1000).unwrap();
        for (now, expected) in [(1000, true), (1100, true), (1101, false)] {
            let found = find(&connection, &store.similar.room, &asked, 0.9, now, TTL).unwrap();
            assert_eq!(found.is_some(), expected, "{now}");
        }
    }

    #[test]
    fn what_nobody_asked_for_the_longest_goes_first() {
        let store = Store::in_memory().unwrap();
        for (text, used) in [("alpha", 5), ("beta", 1), ("gamma", 3)] {
            let connection = store.database.connection();
            let vector = packed(text);
            let asked = Asked { partition: &[1; 32], embedder: "e", vector: &vector };
            insert(&connection, &asked, &answer(text), now()).unwrap();
            let set = "UPDATE similar SET used = ?1 WHERE id = last_insert_rowid()";
            connection.execute(set, [used]).unwrap();
        }
        let similar = store.similar();
        let put = |text: &str, limits: Limits| {
            let vector = packed(text);
            let asked = Asked { partition: &[1; 32], embedder: "e", vector: &vector };
            similar.put(&asked, &answer(text), limits);
        };
        put("delta", limits(3, 1000));
        check(&similar, 1, "e", "beta", None);
        check(&similar, 1, "e", "gamma", Some("gamma"));
        put("epsilon", limits(100, 100));
        check(&similar, 1, "e", "gamma", Some("gamma"));
        put("zeta", limits(100, 33));
        assert!(store.similar.room.total(&store.database.connection()).unwrap().1 <= 33);
        check(&similar, 1, "e", "zeta", Some("zeta"));
        put("too long", limits(100, 63));
        check(&similar, 1, "e", "too long", None);
    }

    /// `cargo test --release -p prxy-daemon --lib -- --ignored --nocapture similar_figures`.
    #[test]
    #[ignore = "prints figures"]
    fn similar_figures() {
        for rows in [10, 10_000, 1_000_000] {
            let dir = tempfile::TempDir::new().unwrap();
            let store = Store::open(dir.path()).unwrap();
            let question = |n: u64| format!("How do I reset router number {n} in hall {}?", n % 7);
            let asked = |text: &str| {
                let reading = crate::pipeline::semantic_cache::Reading::of(text).unwrap();
                let words = reading.words();
                (*blake3::hash(words.as_bytes()).as_bytes(), packed(&words))
            };
            let body = answer(&"x".repeat(300));
            {
                let mut connection = store.database.connection();
                let transaction = connection.transaction().unwrap();
                for n in 0..rows {
                    let (partition, vector) = asked(&question(n));
                    let asked = Asked { partition: &partition, embedder: "e", vector: &vector };
                    insert(&transaction, &asked, &body, now()).unwrap();
                }
                transaction.commit().unwrap();
            }
            let similar = store.similar();
            let mut took: Vec<Duration> = (0..1000_u64)
                .map(|n| {
                    let text = question(n * 7919 % rows).replace("How do I", "Hi, how can I");
                    let began = std::time::Instant::now();
                    let (partition, vector) = asked(&text);
                    let asked = Asked { partition: &partition, embedder: "e", vector: &vector };
                    assert!(similar.find(&asked, 0.92, TTL).is_some());
                    began.elapsed()
                })
                .collect();
            took.sort();
            println!("{rows} rows: median {:?}, 99 of 100 below {:?}", took[500], took[990]);
        }
    }
}
