//! `cost-guard:` — what may be spent, and what models cost.

use std::fmt;

use super::Row;
use crate::config::Module;
use crate::config::decode::{Fields, Found};
use crate::config::models::ModelPattern;
use crate::config::problem::Kind;
use crate::config::yaml::{Node, Value};

/// What may be spent; a limit that is not there does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CostGuard {
    /// By one request at most, as estimated before it is sent.
    pub per_request: Option<Money>,
    /// In a day of UTC.
    pub per_day: Option<Money>,
    /// In a month of UTC.
    pub per_month: Option<Money>,
    /// In a day, read and written.
    pub tokens_per_day: Option<u64>,
    /// In a month.
    pub tokens_per_month: Option<u64>,
    /// What a request is taken to have written that names no maximum.
    pub assume_output: u64,
    /// What becomes of a request whose model has no price.
    pub unpriced: Unpriced,
    /// Before the built-in ones; the first that matches holds.
    pub prices: Vec<(ModelPattern, Price)>,
}

/// What becomes of a request whose model has no price.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unpriced {
    /// It is refused, where a limit is in dollars.
    #[default]
    Refuse,
    /// It is free; its tokens count.
    CountZero,
}

/// US dollars, in millionths of a millionth: what a token costs is a whole number of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Money(pub u64);

/// What a model costs for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    /// Read anew.
    pub input: Money,
    /// Written.
    pub output: Money,
    /// Read from the provider's cache.
    pub cache_read: Money,
    /// Written into it.
    pub cache_write: Money,
    /// The same, kept for an hour.
    pub cache_write_hour: Money,
}

/// What one client may spend, where that is not what all may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CostLimits {
    /// By one request at most.
    pub per_request: Option<Money>,
    /// In a day of UTC.
    pub per_day: Option<Money>,
    /// In a month of UTC.
    pub per_month: Option<Money>,
}

impl CostLimits {
    pub(in crate::config) fn decode(fields: Fields<'_>, found: &mut Found) -> Self {
        let mut limit = |key| fields.get(key).and_then(|node| money(node, MOST, found));
        Self {
            per_request: limit("perRequest"),
            per_day: limit("perDay"),
            per_month: limit("perMonth"),
        }
    }

    /// As in the configuration.
    pub(in crate::config) fn spelled(&self) -> impl Iterator<Item = String> {
        let Self { per_request, per_day, per_month } = self;
        let named = [("perRequest", per_request), ("perDay", per_day), ("perMonth", per_month)];
        named.into_iter().filter_map(|(key, money)| Some(format!("{key}: {}", (*money)?)))
    }
}

impl Money {
    /// So many dollars and no cents.
    pub const fn dollars(dollars: u64) -> Self {
        Self(dollars * DOLLAR)
    }

    /// `2`, `2.5`, `0.000001`.
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(part) || part.len() > DECIMALS {
            return None;
        }
        let part: u64 = format!("{part:0<DECIMALS$}").parse().ok()?;
        let whole: u64 = whole.parse().ok()?;
        whole.checked_mul(DOLLAR)?.checked_add(part).map(Self)
    }

    /// What one token costs, of which a million costs this.
    fn per_million(self) -> Self {
        Self(self.0 / 1_000_000)
    }
}

impl fmt::Display for Money {
    /// Dollars with two decimals, or as many as it takes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = format!("{:012}", self.0 % DOLLAR);
        let part = part.trim_end_matches('0');
        write!(f, "{}.{part:0<2}", self.0 / DOLLAR)
    }
}

impl Default for CostGuard {
    fn default() -> Self {
        Self {
            per_request: None,
            per_day: None,
            per_month: None,
            tokens_per_day: None,
            tokens_per_month: None,
            assume_output: 4096,
            unpriced: Unpriced::Refuse,
            prices: Vec::new(),
        }
    }
}

fn decode(fields: Fields<'_>, found: &mut Found) -> Module {
    let mut guard = CostGuard::default();
    let mut limit = |key| fields.get(key).and_then(|node| money(node, MOST, found));
    guard.per_request = limit("perRequest");
    guard.per_day = limit("perDay");
    guard.per_month = limit("perMonth");
    let mut tokens = |key, low| {
        let node = fields.get(key)?;
        found.number(node, low, MOST_TOKENS).map(|tokens| tokens as u64)
    };
    guard.tokens_per_day = tokens("tokensPerDay", 1);
    guard.tokens_per_month = tokens("tokensPerMonth", 1);
    guard.assume_output = tokens("assumeOutput", 0).unwrap_or(guard.assume_output);
    if let Some(word) = fields.get("unpriced").and_then(|n| found.word(n, "unpriced", &UNPRICED)) {
        guard.unpriced = word;
    }
    if let Some(node) = fields.get("prices") {
        for entry in found.mapping(node).unwrap_or_default() {
            match ModelPattern::new(&entry.key) {
                Some(model) => guard.prices.extend(price(&entry.value, found).map(|p| (model, p))),
                None => found.add(entry.key_span, Kind::BadName),
            }
        }
    }
    Module::CostGuard(guard)
}

/// What is not said is as with the providers that charge most for it: a cache is read at the price
/// of the input, and written at more.
fn price(node: &Node, found: &mut Found) -> Option<Price> {
    let fields = found.fields(node, PRICE_KEYS)?;
    let mut of = |key| {
        fields.get(key).map(|node| money(node, MOST_PER_MILLION, found).map(Money::per_million))
    };
    let (input, output) = (of("input"), of("output"));
    let (read, write, hour) = (of("cacheRead"), of("cacheWrite"), of("cacheWriteHour"));
    let (Some(input), Some(output)) = (input, output) else {
        return found.wrong(node, "a price with `input` and `output`");
    };
    let (input, output) = (input?, output?);
    let write = write.unwrap_or(Some(Money(input.0 + input.0 / 4)))?;
    Some(Price {
        input,
        output,
        cache_read: read.unwrap_or(Some(input))?,
        cache_write: write,
        cache_write_hour: hour.unwrap_or(Some(Money(write.0.max(input.0 * 2))))?,
    })
}

fn money(node: &Node, most: Money, found: &mut Found) -> Option<Money> {
    let text = match &node.value {
        Value::Number(text) => text,
        _ => return found.wrong(node, AMOUNT),
    };
    let money = Money::parse(text).filter(|money| *money <= most);
    if money.is_none() {
        let high = most.0 / DOLLAR;
        found.add(node.span, Kind::OutOfRange { low: 0, high });
    }
    money
}

impl fmt::Display for CostGuard {
    /// As in the configuration.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{ ")?;
        let limits = [
            ("perRequest", self.per_request),
            ("perDay", self.per_day),
            ("perMonth", self.per_month),
        ];
        for (key, limit) in limits {
            limit.map_or(Ok(()), |limit| write!(f, "{key}: {limit}, "))?;
        }
        let tokens =
            [("tokensPerDay", self.tokens_per_day), ("tokensPerMonth", self.tokens_per_month)];
        for (key, limit) in tokens {
            limit.map_or(Ok(()), |limit| write!(f, "{key}: {limit}, "))?;
        }
        let word = UNPRICED.iter().find(|(_, known)| *known == self.unpriced);
        let (word, own) = (word.map_or("", |(word, _)| word), self.prices.len());
        write!(
            f,
            "assumeOutput: {}, unpriced: {word}, prices: {own} of your own }}",
            self.assume_output
        )
    }
}

pub(super) const ROW: Row = Row {
    name: "cost-guard",
    keys: &[
        "perRequest",
        "perDay",
        "perMonth",
        "tokensPerDay",
        "tokensPerMonth",
        "assumeOutput",
        "unpriced",
        "prices",
    ],
    decode,
};
const PRICE_KEYS: &[&str] = &["input", "output", "cacheRead", "cacheWrite", "cacheWriteHour"];
const UNPRICED: [(&str, Unpriced); 2] =
    [("refuse", Unpriced::Refuse), ("count-zero", Unpriced::CountZero)];
const AMOUNT: &str = "an amount of dollars such as 2.50";
const DOLLAR: u64 = 1_000_000_000_000;
const DECIMALS: usize = 12;
const MOST: Money = Money::dollars(1_000_000);
const MOST_PER_MILLION: Money = Money::dollars(10_000);
const MOST_TOKENS: u64 = 1 << 50;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::load;

    #[test]
    fn money_is_read_and_shown_exactly() {
        for (text, expected) in [
            ("0", "0.00"),
            ("2.5", "2.50"),
            ("10", "10.00"),
            ("0.075", "0.075"),
            ("0.000000000001", "0.000000000001"),
        ] {
            assert_eq!(Money::parse(text).unwrap().to_string(), expected);
        }
        for text in ["", ".5", "-1", "1e3", "1.0000000000001", "1,5", "+1", "99999999999"] {
            assert_eq!(Money::parse(text), None, "{text}");
        }
    }

    #[test]
    fn options_are_read_and_shown() {
        let text = "pipeline: [cost-guard: { perRequest: 0.5, perDay: 10, tokensPerMonth: 1000, \
             prices: { 'llama*': { input: 0, output: 0 }, m: { input: 2, output: 8, cacheRead: 0.2 } } }]";
        let config = load(text).unwrap();
        let Module::CostGuard(guard) = &config.pipeline[0] else { panic!("another module") };
        assert_eq!(
            guard.to_string(),
            "{ perRequest: 0.50, perDay: 10.00, tokensPerMonth: 1000, assumeOutput: 4096, \
             unpriced: refuse, prices: 2 of your own }"
        );
        let price = Price {
            input: Money(2_000_000),
            output: Money(8_000_000),
            cache_read: Money(200_000),
            cache_write: Money(2_500_000),
            cache_write_hour: Money(4_000_000),
        };
        assert_eq!(guard.prices[1].1, price);
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for options in [
            "{ perDay: ten }",
            "{ perDay: -1 }",
            "{ perDay: 2000000 }",
            "{ perDay: '5' }",
            "{ tokensPerDay: 0 }",
            "{ unpriced: maybe }",
            "{ prices: { m: { input: 1 } } }",
            "{ prices: { m: 3 } }",
            "{ prices: { m: { input: 1, output: 1, reading: 1 } } }",
            "{ perYear: 5 }",
        ] {
            assert!(load(&format!("pipeline: [cost-guard: {options}]")).is_err(), "{options}");
        }
    }
}
