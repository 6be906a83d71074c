//! What the caches of answers hold, counted and thrown away.

use rusqlite::Connection;

use super::{Store, StoreError};

/// One of the caches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The same answer to the same request.
    Exact,
    /// The same answer to the same question in other words.
    Semantic,
}

/// How much there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// How many answers.
    pub answers: u64,
    /// Their bodies' bytes.
    pub bytes: u64,
    /// When the oldest was made, in seconds of Unix time.
    pub oldest: Option<i64>,
    /// When one was last asked for; noted now and then only.
    pub used: Option<i64>,
}

impl Which {
    /// The module whose it is.
    pub fn module(self) -> &'static str {
        match self {
            Self::Exact => "exact-cache",
            Self::Semantic => "semantic-cache",
        }
    }

    fn table(self) -> &'static str {
        match self {
            Self::Exact => "answer",
            Self::Semantic => "similar",
        }
    }
}

impl Store {
    /// What one of the caches holds.
    ///
    /// # Errors
    /// Those of the database.
    pub fn kept(&self, which: Which) -> Result<Kept, StoreError> {
        count(&self.database.connection(), which)
    }

    /// Deletes all answers of one of the caches.
    ///
    /// # Errors
    /// Those of the database.
    pub fn forget(&self, which: Which) -> Result<(), StoreError> {
        self.database.connection().execute(&format!("DELETE FROM {}", which.table()), [])?;
        self.database.wrote(1);
        Ok(())
    }
}

fn count(connection: &Connection, which: Which) -> Result<Kept, StoreError> {
    let table = which.table();
    let count =
        format!("SELECT count(*), coalesce(sum(bytes), 0), min(created), max(used) FROM {table}");
    let kept = connection.query_row(&count, [], |row| {
        let (answers, bytes): (i64, i64) = (row.get(0)?, row.get(1)?);
        let (answers, bytes) = (answers.unsigned_abs(), bytes.unsigned_abs());
        Ok(Kept { answers, bytes, oldest: row.get(2)?, used: row.get(3)? })
    })?;
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::store::answers::{Answer, Kind};

    #[test]
    fn what_is_forgotten_is_gone_and_the_other_cache_stays() {
        let store = Store::in_memory().unwrap();
        let answer = |body: &str| Answer {
            kind: Kind::Whole,
            form: String::new(),
            names: Vec::new(),
            body: body.to_owned().into(),
        };
        let day = Duration::from_secs(24 * 3600);
        store.answers().put(&[1; 32], &answer("one"), 1000, day);
        store.answers().put(&[2; 32], &answer("four"), 1000, day);
        let kept = store.kept(Which::Exact).unwrap();
        assert_eq!((kept.answers, kept.bytes), (2, 7));
        assert!(kept.oldest.is_some() && kept.used.is_some());
        assert_eq!(store.kept(Which::Semantic).unwrap(), Kept::default());
        store.forget(Which::Semantic).unwrap();
        assert_eq!(store.kept(Which::Exact).unwrap(), kept);
        store.forget(Which::Exact).unwrap();
        assert_eq!(store.kept(Which::Exact).unwrap(), Kept::default());
        assert!(store.answers().find(&[1; 32], day).is_none());
    }
}
