//! What was spent: one row for each tenant and day of UTC.
//!
//! What a request may cost is written down before it is sent and put right after. What a crash
//! leaves behind stays counted.

use std::sync::Arc;

use rusqlite::{Connection, TransactionBehavior, params};

use super::{Database, Store, StoreError};

/// Where it is kept; clones of the store share it.
pub struct Spend {
    database: Arc<Database>,
}

/// What was or may be spent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// Millionths of a millionth of a US dollar.
    pub money: u64,
    /// Read and written.
    pub tokens: u64,
}

/// What may be spent in a time; nothing where there is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limit {
    /// As in [`Amount`].
    pub money: Option<u64>,
    /// As in [`Amount`].
    pub tokens: Option<u64>,
}

/// A day or a month, of UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// From midnight to midnight.
    Day,
    /// From the first to the last day.
    Month,
}

/// What a reservation came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reserved {
    /// It is counted, on this day.
    Counted(Day),
    /// It would go over a limit: nothing is counted.
    Over(Over),
}

/// The day that something is counted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day(i64);

/// Which limit would not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Over {
    /// Of which time.
    pub period: Period,
    /// What is counted already.
    pub spent: Amount,
    /// Whether it is the one in tokens.
    pub by_tokens: bool,
    /// Seconds until it is over.
    pub wait: u64,
    /// When that is, such as `2026-03-01T00:00:00Z`.
    pub reset: String,
}

impl Spend {
    pub(super) fn new(database: Arc<Database>) -> Self {
        Self { database }
    }

    /// Counts `amount`, unless a limit would not hold with it.
    ///
    /// # Errors
    /// The database fails: nothing is known.
    pub fn reserve(
        &self,
        tenant: &str,
        amount: Amount,
        limits: [(Period, Limit); 2],
        now: i64,
    ) -> Result<Reserved, StoreError> {
        let mut connection = self.database.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for (period, limit) in limits {
            let spent = spent(&transaction, tenant, start(&transaction, period, now)?)?;
            let over = |spent: u64, amount: u64, limit: Option<u64>| {
                limit.is_some_and(|limit| spent >= limit || amount > limit - spent)
            };
            let by_tokens = over(spent.tokens, amount.tokens, limit.tokens);
            if by_tokens || over(spent.money, amount.money, limit.money) {
                let (end, reset) = end(&transaction, period, now)?;
                let wait = end.saturating_sub(now).unsigned_abs();
                return Ok(Reserved::Over(Over { period, spent, by_tokens, wait, reset }));
            }
        }
        let day = Day(start(&transaction, Period::Day, now)?);
        add(&transaction, tenant, day, signed(amount.money), signed(amount.tokens))?;
        transaction.commit()?;
        self.database.wrote(1);
        Ok(Reserved::Counted(day))
    }

    /// Puts what was spent in the place of what was reserved.
    ///
    /// # Errors
    /// The database fails: what was reserved stays counted.
    pub fn settle(
        &self,
        tenant: &str,
        day: Day,
        reserved: Amount,
        spent: Amount,
    ) -> Result<(), StoreError> {
        let money = signed(spent.money) - signed(reserved.money);
        let tokens = signed(spent.tokens) - signed(reserved.tokens);
        add(&self.database.connection(), tenant, day, money, tokens)?;
        self.database.wrote(1);
        Ok(())
    }

    /// What is counted for a time, of requests on their way too.
    ///
    /// # Errors
    /// The database fails.
    pub fn spent(&self, tenant: &str, period: Period, now: i64) -> Result<Amount, StoreError> {
        let connection = self.database.connection();
        spent(&connection, tenant, start(&connection, period, now)?)
    }
}

impl Store {
    /// What was spent.
    pub fn spend(&self) -> Arc<Spend> {
        Arc::clone(&self.spend)
    }
}

fn spent(connection: &Connection, tenant: &str, since: i64) -> Result<Amount, StoreError> {
    let mut sum = connection.prepare_cached(
        "SELECT coalesce(sum(money), 0), coalesce(sum(tokens), 0) FROM spend
         WHERE tenant = ?1 AND day >= ?2",
    )?;
    let (money, tokens): (i64, i64) =
        sum.query_row(params![tenant, since], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let count = |sum: i64| u64::try_from(sum).unwrap_or(0);
    Ok(Amount { money: count(money), tokens: count(tokens) })
}

fn add(
    connection: &Connection,
    tenant: &str,
    day: Day,
    money: i64,
    tokens: i64,
) -> Result<(), StoreError> {
    let mut add = connection.prepare_cached(
        "INSERT INTO spend (tenant, day, money, tokens) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (tenant, day) DO UPDATE
         SET money = money + excluded.money, tokens = tokens + excluded.tokens",
    )?;
    add.execute(params![tenant, day.0, money, tokens])?;
    Ok(())
}

/// When the day or month began that `now` is in.
fn start(connection: &Connection, period: Period, now: i64) -> Result<i64, StoreError> {
    let mut start = connection.prepare_cached("SELECT unixepoch(?1, 'unixepoch', ?2)")?;
    Ok(start.query_row(params![now, period.start()], |row| row.get(0))?)
}

/// When it ends, in seconds and in words.
fn end(connection: &Connection, period: Period, now: i64) -> Result<(i64, String), StoreError> {
    let mut end = connection.prepare_cached(
        "SELECT unixepoch(?1, 'unixepoch', ?2, ?3),
                strftime('%Y-%m-%dT%H:%M:%SZ', ?1, 'unixepoch', ?2, ?3)",
    )?;
    let next = match period {
        Period::Day => "+1 day",
        Period::Month => "+1 month",
    };
    let place = params![now, period.start(), next];
    Ok(end.query_row(place, |row| Ok((row.get(0)?, row.get(1)?)))?)
}

impl Period {
    fn start(self) -> &'static str {
        match self {
            Self::Day => "start of day",
            Self::Month => "start of month",
        }
    }

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Month => "month",
        }
    }
}

/// One request counts for no more than this: the sums of a month must not overflow.
fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX).min(i64::MAX >> 10)
}

pub(super) const TABLES: &str = "
    CREATE TABLE spend (
        tenant TEXT NOT NULL,
        day INTEGER NOT NULL,
        money INTEGER NOT NULL,
        tokens INTEGER NOT NULL,
        PRIMARY KEY (tenant, day)
    ) STRICT, WITHOUT ROWID;
";

#[cfg(test)]
impl Spend {
    /// Lets everything fail from now on.
    pub(crate) fn fail(&self) {
        self.database.connection().execute_batch("DROP TABLE spend").unwrap();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-02-28T23:59:50Z
    const NOW: i64 = 1_772_323_190;

    fn amount(money: u64, tokens: u64) -> Amount {
        Amount { money, tokens }
    }

    fn limits(day: Limit, month: Limit) -> [(Period, Limit); 2] {
        [(Period::Day, day), (Period::Month, month)]
    }

    fn money(limit: u64) -> Limit {
        Limit { money: Some(limit), tokens: None }
    }

    #[track_caller]
    fn counted(reserved: Reserved) -> Day {
        match reserved {
            Reserved::Counted(day) => day,
            over => panic!("{over:?}"),
        }
    }

    #[test]
    fn a_limit_is_never_gone_over_and_ends_with_its_day_or_month() {
        let spend = Store::in_memory().unwrap().spend();
        let limits = limits(money(10), money(15));
        let ask = |money, now| spend.reserve("a", amount(money, 1), limits, now).unwrap();
        let over = |period, money, wait, reset: &str| {
            let reset = reset.to_owned();
            let spent = amount(money, 1);
            Reserved::Over(Over { period, spent, by_tokens: false, wait, reset })
        };
        assert_eq!(ask(11, NOW), over(Period::Day, 0, 10, "2026-03-01T00:00:00Z").with_tokens(0));
        counted(ask(9, NOW - 86_400));
        assert_eq!(ask(10, NOW), over(Period::Month, 9, 10, "2026-03-01T00:00:00Z"));
        counted(ask(6, NOW));
        let full = over(Period::Month, 15, 10, "2026-03-01T00:00:00Z").with_tokens(2);
        assert_eq!(ask(0, NOW), full);
        // The next second is another day and another month.
        counted(ask(10, NOW + 10));
        let tomorrow = over(Period::Day, 10, 86_399, "2026-03-02T00:00:00Z");
        assert_eq!(ask(1, NOW + 11), tomorrow);
        counted(spend.reserve("b", amount(10, 1), limits, NOW).unwrap());
    }

    impl Reserved {
        fn with_tokens(mut self, tokens: u64) -> Self {
            if let Self::Over(over) = &mut self {
                over.spent.tokens = tokens;
            }
            self
        }
    }

    #[test]
    fn what_was_spent_takes_the_place_of_what_was_reserved() {
        let spend = Store::in_memory().unwrap().spend();
        let none = limits(Limit::default(), Limit::default());
        let day = counted(spend.reserve("a", amount(100, 50), none, NOW).unwrap());
        assert_eq!(spend.spent("a", Period::Day, NOW).unwrap(), amount(100, 50));
        // It ends on the day after.
        spend.settle("a", day, amount(100, 50), amount(7, 3)).unwrap();
        for period in [Period::Day, Period::Month] {
            assert_eq!(spend.spent("a", period, NOW).unwrap(), amount(7, 3));
            assert_eq!(spend.spent("a", period, NOW + 10).unwrap(), amount(0, 0));
            assert_eq!(spend.spent("b", period, NOW).unwrap(), amount(0, 0));
        }
    }

    #[test]
    fn tokens_have_limits_of_their_own_and_nothing_overflows() {
        let spend = Store::in_memory().unwrap().spend();
        let tokens = Limit { money: None, tokens: Some(10) };
        let none = limits(Limit::default(), Limit::default());
        let most = amount(u64::MAX, u64::MAX);
        let limited = limits(tokens, Limit::default());
        let Reserved::Over(over) = spend.reserve("a", most, limited, NOW).unwrap() else {
            panic!()
        };
        assert!(over.by_tokens);
        for _ in 0..100 {
            counted(spend.reserve("a", most, none, NOW).unwrap());
        }
        assert!(spend.spent("a", Period::Month, NOW).unwrap().money > 1 << 58);
    }

    #[test]
    fn what_is_reserved_survives_in_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let none = limits(Limit::default(), Limit::default());
        let store = Store::open(&dir.path().join("state")).unwrap();
        counted(store.spend().reserve("a", amount(5, 6), none, NOW).unwrap());
        drop(store);
        let store = Store::open(&dir.path().join("state")).unwrap();
        assert_eq!(store.spend().spent("a", Period::Month, NOW).unwrap(), amount(5, 6));
    }

    #[test]
    fn what_is_spent_survives_beside_a_store_in_memory() {
        let dir = tempfile::tempdir().unwrap();
        let none = limits(Limit::default(), Limit::default());
        for expected in [5, 10] {
            let disk = Store::open(&dir.path().join("state")).unwrap();
            let store = Store::in_memory().unwrap().of_requests().spending_in(&disk);
            drop(disk);
            counted(store.spend().reserve("a", amount(5, 1), none, NOW).unwrap());
            assert_eq!(store.spend().spent("a", Period::Day, NOW).unwrap().money, expected);
            // Nothing else is kept there.
            let label = crate::redact::Label::new("EMAIL").unwrap();
            store.vault("a").number(&label, "ada@x-mail.com").unwrap();
            let database = std::fs::read(dir.path().join("state/prxy.db-wal")).unwrap();
            assert!(memchr::memmem::find(&database, b"ada@").is_none());
        }
    }
}
