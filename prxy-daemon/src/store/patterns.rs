//! What solved a problem: masked texts, found by how alike their problems are.
//!
//! The vectors of all rows are in memory too; they are read anew when another process has written.
//! Nobody waits for what is here: whatever fails in a request is logged and counts as not known.

use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension, Row, Transaction, TransactionBehavior, params};

use super::{Database, Store, StoreError, TENANT, now};
use crate::embed::search::{Index, Packed, PartitionKey};

/// Where patterns are kept; clones of the store share it.
pub struct Patterns {
    database: Arc<Database>,
    /// Locked after the connection, never before it.
    near: Mutex<Near>,
}

/// A problem and what solved it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// Never given to another one.
    pub id: i64,
    /// Whose it is; [`EVERYBODY`] for one that all share.
    pub tenant: String,
    /// What went wrong.
    pub problem: String,
    /// What helped.
    pub remedy: String,
    /// How it is known: `said`, `tested`, `confirmed`, `imported`.
    pub evidence: String,
    /// The model that said it.
    pub model: String,
    /// The conversation that it was seen in last: the beginning of a hash.
    pub conversation: String,
    /// In how many conversations.
    pub seen: u64,
    /// How often it was offered.
    pub uses: u64,
    /// How often it is known to have helped.
    pub successes: u64,
    /// How often it is known not to have helped.
    pub failures: u64,
    /// Seconds since 1970.
    pub created: i64,
    /// When it was seen or offered last.
    pub used: i64,
}

/// What is learned.
#[derive(Clone, Debug)]
pub struct Lesson {
    /// As in [`Pattern`].
    pub problem: String,
    /// As in [`Pattern`].
    pub remedy: String,
    /// As in [`Pattern`].
    pub evidence: &'static str,
    /// As in [`Pattern`].
    pub model: String,
    /// As in [`Pattern`].
    pub conversation: String,
    /// Of the problem.
    pub vector: Packed,
    /// What made the vector.
    pub embedder: &'static str,
}

/// Whether something helped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It did.
    Worked,
    /// It did not.
    Failed,
    /// Nobody can say.
    Unclear,
}

/// What was offered in a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offered {
    /// The turn's place in the list that was asked for.
    pub turn: usize,
    /// What.
    pub pattern: i64,
}

#[derive(Default)]
struct Near {
    /// Of the database, when the index was read.
    version: Option<i64>,
    index: Index,
}

impl Pattern {
    /// How often it helped, from 0 to 1; that it was learned at all counts as once.
    pub fn rate(&self) -> f32 {
        (self.successes + 1) as f32 / (self.successes + self.failures + 1) as f32
    }
}

impl Patterns {
    pub(super) fn new(database: Arc<Database>) -> Self {
        Self { database, near: Mutex::default() }
    }

    /// At most `most` patterns of a tenant whose problems are as near to one of `vectors` as that,
    /// the nearest first.
    pub fn near(
        &self,
        tenant: &str,
        vectors: &[Packed],
        at_least: f32,
        most: usize,
        embedder: &str,
    ) -> Vec<(Pattern, f32)> {
        let connection = self.database.connection();
        logged(self.near_on(&connection, tenant, vectors, at_least, most, embedder))
            .unwrap_or_default()
    }

    fn near_on(
        &self,
        connection: &Connection,
        tenant: &str,
        vectors: &[Packed],
        at_least: f32,
        most: usize,
        embedder: &str,
    ) -> Result<Vec<(Pattern, f32)>, StoreError> {
        self.read_anew(connection, embedder)?;
        let mut nearest: Vec<(i64, f32)> = Vec::new();
        let keys = [(tenant, Origin::Learned), (tenant, Origin::Imported)];
        let keys = keys.into_iter().chain(wider(tenant).map(|wider| (wider, Origin::Imported)));
        let keys: Vec<_> = keys.map(|(tenant, origin)| partition(tenant, origin)).collect();
        for (vector, key) in vectors.iter().flat_map(|it| keys.iter().map(move |key| (it, key))) {
            for near in self.lock().index.nearest(key, vector, at_least, most) {
                let id = near.id.cast_signed();
                match nearest.iter_mut().find(|(known, _)| *known == id) {
                    Some((_, score)) => *score = score.max(near.similarity),
                    None => nearest.push((id, near.similarity)),
                }
            }
        }
        nearest.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        nearest.truncate(most);
        let mut found = Vec::new();
        for (id, score) in nearest {
            found.extend(one(connection, id)?.map(|pattern| (pattern, score)));
        }
        Ok(found)
    }

    /// Keeps a lesson, of all of the tenant's only so many: the least useful go. One that is known,
    /// as `same` says, is noted as seen again, unless it is in `offered`: that is only our own echo.
    pub fn learn(
        &self,
        tenant: &str,
        lesson: &Lesson,
        same: impl Fn(&Pattern) -> bool,
        offered: &[i64],
        most: usize,
    ) {
        let mut connection = self.database.connection();
        logged(self.learn_on(&mut connection, tenant, lesson, same, offered, most));
    }

    fn learn_on(
        &self,
        connection: &mut Connection,
        tenant: &str,
        lesson: &Lesson,
        same: impl Fn(&Pattern) -> bool,
        offered: &[i64],
        most: usize,
    ) -> Result<(), StoreError> {
        let vectors = std::slice::from_ref(&lesson.vector);
        let near =
            self.near_on(connection, tenant, vectors, SAME_PROBLEM, MOST_ALIKE, lesson.embedder)?;
        let known = near.into_iter().map(|(pattern, _)| pattern).find(|pattern| same(pattern));
        if let Some(known) = known {
            // What was brought from elsewhere for more than these is theirs to change.
            if !offered.contains(&known.id) && known.tenant == tenant {
                see_again(connection, &known, lesson)?;
                self.database.wrote(1);
            }
            return Ok(());
        }
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let id = insert(&transaction, tenant, lesson, &Counts::first(lesson))?;
        let gone = evict(&transaction, tenant, id, most)?;
        transaction.commit()?;
        self.database.wrote(1 + gone.len());
        let mut near = self.lock();
        near.index.insert(partition(tenant, Origin::Learned), id.cast_unsigned(), &lesson.vector);
        gone.into_iter().for_each(|id| _ = near.index.remove(id.cast_unsigned()));
        Ok(())
    }

    /// What was offered in these turns.
    pub fn offered(&self, turns: &[[u8; 32]]) -> Vec<Offered> {
        let connection = self.database.connection();
        let read = || -> Result<Vec<Offered>, StoreError> {
            let mut rows = connection.prepare_cached(
                "SELECT pattern FROM pattern_offer WHERE turn = ?1 ORDER BY pattern",
            )?;
            let mut found = Vec::new();
            for (turn, hash) in turns.iter().enumerate() {
                for pattern in rows.query_map(params![hash], |row| row.get(0))? {
                    found.push(Offered { turn, pattern: pattern? });
                }
            }
            Ok(found)
        };
        logged(read()).unwrap_or_default()
    }

    /// Notes that these were offered in a turn; once for each turn.
    pub fn offer(&self, turn: &[u8; 32], patterns: &[i64]) {
        let mut connection = self.database.connection();
        let mut write = || -> Result<(), StoreError> {
            let now = now();
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction
                .prepare_cached("DELETE FROM pattern_offer WHERE made < ?1")?
                .execute(params![now - OFFERS_LAST])?;
            for pattern in patterns {
                let new = transaction
                    .prepare_cached("INSERT OR IGNORE INTO pattern_offer (turn, pattern, made, settled) VALUES (?1, ?2, ?3, 0)")?
                    .execute(params![turn, pattern, now])?;
                transaction
                    .prepare_cached("UPDATE pattern SET uses = uses + ?2, used = ?3 WHERE id = ?1")?
                    .execute(params![pattern, new as i64, now])?;
            }
            transaction.commit()?;
            self.database.wrote(patterns.len());
            Ok(())
        };
        logged(write());
    }

    /// Counts what came of everything that was offered in these turns; only the first word counts.
    pub fn settle(&self, turns: &[[u8; 32]], outcome: Outcome) {
        let mut connection = self.database.connection();
        let mut write = || -> Result<(), StoreError> {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let mut wrote = 0;
            for turn in turns {
                let mut open = transaction.prepare_cached(
                    "UPDATE pattern_offer SET settled = 1 WHERE turn = ?1 AND settled = 0 RETURNING pattern",
                )?;
                let patterns = open.query_map(params![turn], |row| row.get(0))?;
                for pattern in patterns.collect::<Result<Vec<i64>, _>>()? {
                    count(&transaction, pattern, outcome)?;
                    wrote += 1;
                }
            }
            transaction.commit()?;
            self.database.wrote(wrote);
            Ok(())
        };
        logged(write());
    }

    /// Counts an outcome of patterns that a reporter was offered: each once, for the latest turn of
    /// which nothing is known. The patterns as they are then, with whether it was counted.
    /// `None`, and nothing is counted, if one of them is neither theirs nor everybody's.
    ///
    /// # Errors
    /// The database fails.
    pub fn report(
        &self,
        reporter: &str,
        patterns: &[i64],
        outcome: Outcome,
    ) -> Result<Option<Vec<(Pattern, bool)>>, StoreError> {
        let mut connection = self.database.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut now = Vec::new();
        for id in patterns {
            let counts = outcome != Outcome::Unclear && settle_one(&transaction, reporter, *id)?;
            if counts {
                count(&transaction, *id, outcome)?;
            }
            match one(&transaction, *id)?.filter(|pattern| is_theirs(pattern, reporter)) {
                Some(pattern) => now.push((pattern, counts)),
                None => return Ok(None),
            }
        }
        transaction.commit()?;
        self.database.wrote(patterns.len());
        Ok(Some(now))
    }

    /// All patterns of a tenant, or of all, by their numbers.
    ///
    /// # Errors
    /// The database fails.
    pub fn all(&self, tenant: Option<&str>) -> Result<Vec<Pattern>, StoreError> {
        let connection = self.database.connection();
        let mut rows = connection.prepare(&format!(
            "SELECT {COLUMNS} FROM pattern WHERE ?1 IS NULL OR tenant = ?1 ORDER BY id"
        ))?;
        let rows = rows.query_map(params![tenant], read)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The tenants that have any.
    ///
    /// # Errors
    /// The database fails.
    pub fn tenants(&self) -> Result<Vec<String>, StoreError> {
        let connection = self.database.connection();
        let mut rows = connection.prepare("SELECT DISTINCT tenant FROM pattern ORDER BY tenant")?;
        let rows = rows.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Deletes these, all or none; says which is not there.
    ///
    /// # Errors
    /// The database fails.
    pub fn delete(&self, patterns: &[i64]) -> Result<Result<(), i64>, StoreError> {
        let mut connection = self.database.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for id in patterns {
            if transaction.execute("DELETE FROM pattern WHERE id = ?1", params![id])? == 0 {
                return Ok(Err(*id));
            }
        }
        forget_offers(&transaction)?;
        transaction.commit()?;
        self.lock().version = None;
        Ok(Ok(()))
    }

    /// Deletes all of a tenant, or of all; says how many there were.
    ///
    /// # Errors
    /// The database fails.
    pub fn clear(&self, tenant: Option<&str>) -> Result<usize, StoreError> {
        let mut connection = self.database.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let gone = transaction
            .execute("DELETE FROM pattern WHERE ?1 IS NULL OR tenant = ?1", params![tenant])?;
        forget_offers(&transaction)?;
        transaction.commit()?;
        self.lock().version = None;
        Ok(gone)
    }

    /// Adds patterns of a file to a tenant's, with what is known of their success; those whose texts
    /// are there already are left as they are. Says how many were added.
    ///
    /// # Errors
    /// The database fails.
    pub fn import(&self, tenant: &str, lessons: &[(Lesson, Counts)]) -> Result<usize, StoreError> {
        let mut connection = self.database.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut added = 0;
        for (lesson, counts) in lessons {
            let known = transaction
                .prepare_cached(
                    "SELECT 1 FROM pattern WHERE tenant = ?1 AND problem = ?2 AND remedy = ?3",
                )?
                .exists(params![tenant, lesson.problem, lesson.remedy])?;
            if !known {
                insert(&transaction, tenant, lesson, counts)?;
                added += 1;
            }
        }
        transaction.commit()?;
        self.lock().version = None;
        Ok(added)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Near> {
        self.near.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads all vectors, if that was never done or another process has written since.
    fn read_anew(&self, connection: &Connection, embedder: &str) -> Result<(), StoreError> {
        let version: i64 =
            connection.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))?;
        if self.lock().version == Some(version) {
            return Ok(());
        }
        let mut index = Index::default();
        let mut rows = connection.prepare_cached(
            "SELECT id, tenant, vector, evidence FROM pattern WHERE embedder = ?1",
        )?;
        let mut rows = rows.query(params![embedder])?;
        while let Some(row) = rows.next()? {
            let (id, tenant): (i64, String) = (row.get(0)?, row.get(1)?);
            let vector: Vec<u8> = row.get(2)?;
            let origin = origin(&row.get::<_, String>(3)?);
            let key = partition(&tenant, origin);
            index.insert(key, id.cast_unsigned(), &Packed::from_bytes(&vector));
        }
        *self.lock() = Near { version: Some(version), index };
        Ok(())
    }
}

/// What is known of a pattern's success.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// As in [`Pattern`].
    pub seen: u64,
    /// As in [`Pattern`].
    pub uses: u64,
    /// As in [`Pattern`].
    pub successes: u64,
    /// As in [`Pattern`].
    pub failures: u64,
}

impl Counts {
    fn first(lesson: &Lesson) -> Self {
        let successes = u64::from(lesson.evidence == CONFIRMED);
        Self { seen: 1, uses: 0, successes, failures: 0 }
    }
}

impl Store {
    /// What solved problems.
    pub fn patterns(&self) -> Arc<Patterns> {
        Arc::clone(&self.patterns)
    }
}

fn one(connection: &Connection, id: i64) -> Result<Option<Pattern>, StoreError> {
    let mut row =
        connection.prepare_cached(&format!("SELECT {COLUMNS} FROM pattern WHERE id = ?1"))?;
    Ok(row.query_row(params![id], read).optional()?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Pattern> {
    let number = |at: usize| row.get(at).map(|number: i64| number.unsigned_abs());
    Ok(Pattern {
        id: row.get(0)?,
        tenant: row.get(1)?,
        problem: row.get(2)?,
        remedy: row.get(3)?,
        evidence: row.get(4)?,
        model: row.get(5)?,
        conversation: row.get(6)?,
        seen: number(7)?,
        uses: number(8)?,
        successes: number(9)?,
        failures: number(10)?,
        created: row.get(11)?,
        used: row.get(12)?,
    })
}

fn insert(
    connection: &Connection,
    tenant: &str,
    lesson: &Lesson,
    counts: &Counts,
) -> Result<i64, StoreError> {
    let Lesson { problem, remedy, evidence, model, conversation, vector, embedder } = lesson;
    let Counts { seen, uses, successes, failures } = *counts;
    let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    connection
        .prepare_cached(
            "INSERT INTO pattern (tenant, problem, remedy, evidence, model, conversation,
                 seen, uses, successes, failures, created, used, embedder, vector)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11, ?12, ?13)",
        )?
        .execute(params![
            tenant,
            problem,
            remedy,
            evidence,
            model,
            conversation,
            number(seen),
            number(uses),
            number(successes),
            number(failures),
            now(),
            embedder,
            vector.bytes()
        ])?;
    Ok(connection.last_insert_rowid())
}

/// Each conversation counts once, and so does its word that it worked.
fn see_again(connection: &Connection, known: &Pattern, lesson: &Lesson) -> Result<(), StoreError> {
    let elsewhere = known.conversation != lesson.conversation;
    let confirmed = lesson.evidence == CONFIRMED && (elsewhere || known.evidence != CONFIRMED);
    let stronger = strength(lesson.evidence) > strength(&known.evidence);
    let evidence = if stronger { lesson.evidence } else { &known.evidence };
    connection
        .prepare_cached(
            "UPDATE pattern SET seen = seen + ?2, successes = successes + ?3, evidence = ?4,
                 conversation = ?5, used = ?6 WHERE id = ?1",
        )?
        .execute(params![known.id, elsewhere, confirmed, evidence, lesson.conversation, now()])?;
    Ok(())
}

fn strength(evidence: &str) -> usize {
    EVIDENCE.iter().position(|known| *known == evidence).unwrap_or(0)
}

fn count(connection: &Connection, id: i64, outcome: Outcome) -> Result<(), StoreError> {
    let (successes, failures) = (outcome == Outcome::Worked, outcome == Outcome::Failed);
    connection
        .prepare_cached(
            "UPDATE pattern SET successes = successes + ?2, failures = failures + ?3 WHERE id = ?1",
        )?
        .execute(params![id, successes, failures])?;
    Ok(())
}

/// Deletes the least useful of a tenant until no more than `most` are left; never the new one.
fn evict(
    transaction: &Transaction<'_>,
    tenant: &str,
    new: i64,
    most: usize,
) -> Result<Vec<i64>, StoreError> {
    let rows: i64 = transaction
        .prepare_cached("SELECT count(*) FROM pattern WHERE tenant = ?1")?
        .query_row(params![tenant], |row| row.get(0))?;
    let excess = rows - i64::try_from(most).unwrap_or(i64::MAX);
    if excess <= 0 {
        return Ok(Vec::new());
    }
    let gone = transaction
        .prepare_cached(
            "DELETE FROM pattern WHERE id IN (
                 SELECT id FROM pattern WHERE tenant = ?1 AND id != ?2
                 ORDER BY 3 * successes + 2 * seen + min(uses, 10) - 4 * failures, used, id LIMIT ?3
             ) RETURNING id",
        )?
        .query_map(params![tenant, new, excess], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    forget_offers(transaction)?;
    Ok(gone)
}

fn forget_offers(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    transaction
        .execute("DELETE FROM pattern_offer WHERE pattern NOT IN (SELECT id FROM pattern)", [])?;
    Ok(())
}

/// Notes that something is known of the latest turn of a reporter in which a pattern was offered and
/// nothing was; whether there was one.
fn settle_one(connection: &Connection, whose: &str, pattern: i64) -> Result<bool, StoreError> {
    let (mut from, mut to) = ([0; 32], [255; 32]);
    for end in [&mut from, &mut to] {
        end[..WHOSE].copy_from_slice(&reporter(whose));
    }
    let settled = connection
        .prepare_cached(
            "UPDATE pattern_offer SET settled = 1 WHERE pattern = ?1 AND turn = (
                 SELECT turn FROM pattern_offer
                 WHERE turn BETWEEN ?2 AND ?3 AND pattern = ?1 AND settled = 0
                 ORDER BY made DESC, turn LIMIT 1)",
        )?
        .execute(params![pattern, from, to])?;
    Ok(settled > 0)
}

/// How turns begin that are those of one reporter.
pub fn reporter(whose: &str) -> [u8; WHOSE] {
    let mut key = [0; WHOSE];
    key.copy_from_slice(&blake3::hash(whose.as_bytes()).as_bytes()[..WHOSE]);
    key
}

/// Where a pattern comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// From answers.
    Learned,
    /// From a file of the operator's.
    Imported,
}

fn origin(evidence: &str) -> Origin {
    if evidence == EVIDENCE[0] { Origin::Imported } else { Origin::Learned }
}

fn partition(tenant: &str, origin: Origin) -> PartitionKey {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&[u8::from(origin == Origin::Imported)]).update(tenant.as_bytes());
    *hasher.finalize().as_bytes()
}

/// Of whom somebody is one who has the credentials of nobody else: what was imported for all of
/// them is theirs too. What was learned under that name, by versions that told nobody apart, is not.
fn wider(tenant: &str) -> Option<&str> {
    let (wider, _) = tenant.split_once('/')?;
    (wider == TENANT).then_some(wider)
}

fn is_theirs(pattern: &Pattern, reporter: &str) -> bool {
    let theirs = [reporter, EVERYBODY].contains(&pattern.tenant.as_str());
    let imported = origin(&pattern.evidence) == Origin::Imported;
    theirs || imported && wider(reporter) == Some(pattern.tenant.as_str())
}

fn logged<T>(done: Result<T, StoreError>) -> Option<T> {
    done.inspect_err(|error| {
        tracing::warn!(reason = error.reason(), %error, "the store of patterns failed");
    })
    .ok()
}

/// In a turn of 32 bytes, how many say whose it is.
pub const WHOSE: usize = 16;
/// Whose a pattern is that all share; no tenant has this name.
pub const EVERYBODY: &str = "everybody";
/// From the weakest to the strongest.
pub const EVIDENCE: [&str; 4] = ["imported", "said", "tested", CONFIRMED];
/// The user has said that it worked.
pub const CONFIRMED: &str = "confirmed";

pub(super) const TABLES: &str = "
    CREATE TABLE pattern (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        tenant TEXT NOT NULL,
        problem TEXT NOT NULL,
        remedy TEXT NOT NULL,
        evidence TEXT NOT NULL,
        model TEXT NOT NULL,
        conversation TEXT NOT NULL,
        seen INTEGER NOT NULL,
        uses INTEGER NOT NULL,
        successes INTEGER NOT NULL,
        failures INTEGER NOT NULL,
        created INTEGER NOT NULL,
        used INTEGER NOT NULL,
        embedder TEXT NOT NULL,
        vector BLOB NOT NULL
    ) STRICT;
    CREATE INDEX pattern_tenant ON pattern (tenant, problem);
    CREATE TABLE pattern_offer (
        turn BLOB NOT NULL,
        pattern INTEGER NOT NULL,
        made INTEGER NOT NULL,
        settled INTEGER NOT NULL,
        PRIMARY KEY (turn, pattern)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX pattern_offer_made ON pattern_offer (made);
";
const COLUMNS: &str = "id, tenant, problem, remedy, evidence, model, conversation, seen, uses, successes, failures, created, used";
/// From which likeness on two problems may be one.
const SAME_PROBLEM: f32 = 0.8;
const MOST_ALIKE: usize = 8;
/// Conversations are over after so many seconds.
const OFFERS_LAST: i64 = 30 * 24 * 3600;
