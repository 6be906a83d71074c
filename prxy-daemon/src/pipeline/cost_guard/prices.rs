//! What models cost, as their providers publish it.
//!
//! Read on 2026-11-22, for the standard tier. Where a price has changed lately the higher one stands
//! here. Sources: <https://platform.claude.com/docs/en/about-claude/pricing>,
//! <https://developers.openai.com/api/docs/pricing>, <https://ai.google.dev/gemini-api/docs/pricing>,
//! <https://groq.com/pricing>.

use crate::config::{Money, Price};
use crate::provider::recorded::Usage;

/// What a model costs, by the length of what it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tariff {
    price: Price,
    long: Long,
}

/// Beyond so many tokens of input, all costs so many percent: what is read, and what is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Long(u64, u64, u64);

impl Tariff {
    pub(super) const FREE: Self = Self::flat(row(0, 0, 0));

    /// The same for any length.
    pub(super) const fn flat(price: Price) -> Self {
        Self { price, long: NEVER }
    }

    /// What so many tokens cost.
    pub(super) fn cost(&self, usage: &Usage) -> Money {
        let Usage { input, output, cache_read, cache_write, cache_write_hour } = *usage;
        let hour = cache_write_hour.min(cache_write);
        let price = &self.price;
        let times = |tokens: u64, money: Money| u128::from(tokens) * u128::from(money.0);
        let read = times(input, price.input)
            + times(cache_read, price.cache_read)
            + times(cache_write - hour, price.cache_write)
            + times(hour, price.cache_write_hour);
        let prompt = input.saturating_add(cache_read).saturating_add(cache_write);
        let written = times(output, price.output);
        let Long(above, reading, writing) = self.long;
        let all = match prompt > above {
            true => read * u128::from(reading) / 100 + written * u128::from(writing) / 100,
            false => read + written,
        };
        Money(u64::try_from(all).unwrap_or(u64::MAX))
    }
}

/// The published price of a model: of its very name, or of a dated version of it.
pub(super) fn published(model: &str) -> Option<Tariff> {
    let model = model.strip_prefix("models/").unwrap_or(model);
    let rows = MODELS.iter().filter(|(name, ..)| {
        model.strip_prefix(name).is_some_and(|rest| rest.is_empty() || is_version(rest))
    });
    let (_, price, long) = rows.max_by_key(|(name, ..)| name.len())?;
    Some(Tariff { price: *price, long: *long })
}

/// `-20250929`, `-2024-08-06`, `@20250929`, `-001`, `-latest`, `-preview-09-2025`: not `-mini`, not `.5`.
fn is_version(rest: &str) -> bool {
    let mut parts = rest.split(['-', '@']);
    let numeric = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let begins = parts.next() == Some("")
        && parts.next().is_some_and(|part| {
            matches!(part, "latest" | "preview" | "exp") || part.len() >= 3 && numeric(part)
        });
    begins && parts.all(|part| part.len() >= 2 && numeric(part))
}

/// Thousandths of a dollar for a million tokens: input, output, what is read from the cache. To write
/// into it costs a quarter more than the input, for an hour twice as much; where it is free, no
/// provider reports it.
const fn row(input: u64, output: u64, cache_read: u64) -> Price {
    Price {
        input: Money(input * 1000),
        output: Money(output * 1000),
        cache_read: Money(cache_read * 1000),
        cache_write: Money(input * 1250),
        cache_write_hour: Money(input * 2000),
    }
}

const NEVER: Long = Long(u64::MAX, 100, 100);
const CLAUDE_LONG: Long = Long(200_000, 200, 150);
const GEMINI_LONG: Long = Long(200_000, 200, 150);
const GPT_LONG: Long = Long(272_000, 200, 200);

/// A name stands for its dated versions too, and the longest that matches holds.
const MODELS: &[(&str, Price, Long)] = &[
    ("claude-fable-5", row(10_000, 50_000, 1000), NEVER),
    ("claude-fable-5-1", row(10_000, 50_000, 250), NEVER),
    ("claude-mythos-5", row(10_000, 50_000, 1000), NEVER),
    ("claude-mythos-5-1", row(10_000, 50_000, 250), NEVER),
    ("claude-opus-5-5", row(4000, 20_000, 200), NEVER),
    ("claude-opus-5", row(5000, 25_000, 500), NEVER),
    ("claude-opus-4-8", row(5000, 25_000, 500), NEVER),
    ("claude-opus-4-7", row(5000, 25_000, 500), NEVER),
    ("claude-opus-4-6", row(5000, 25_000, 500), NEVER),
    ("claude-opus-4-5", row(5000, 25_000, 500), NEVER),
    ("claude-opus-4-1", row(15_000, 75_000, 1500), NEVER),
    ("claude-opus-4-0", row(15_000, 75_000, 1500), NEVER),
    ("claude-opus-4", row(15_000, 75_000, 1500), NEVER),
    ("claude-3-opus", row(15_000, 75_000, 1500), NEVER),
    ("claude-sonnet-5-5", row(2000, 10_000, 200), NEVER),
    ("claude-sonnet-5", row(2000, 10_000, 200), NEVER),
    ("claude-sonnet-4-6", row(3000, 15_000, 300), NEVER),
    ("claude-sonnet-4-5", row(3000, 15_000, 300), CLAUDE_LONG),
    ("claude-sonnet-4-0", row(3000, 15_000, 300), CLAUDE_LONG),
    ("claude-sonnet-4", row(3000, 15_000, 300), CLAUDE_LONG),
    ("claude-3-7-sonnet", row(3000, 15_000, 300), NEVER),
    ("claude-3-5-sonnet", row(3000, 15_000, 300), NEVER),
    ("claude-haiku-5-5", row(100, 500, 10), Long(100_000, 500, 500)),
    ("claude-haiku-4-5", row(1000, 5000, 100), NEVER),
    ("claude-3-5-haiku", row(800, 4000, 80), NEVER),
    ("claude-3-haiku", row(250, 1250, 30), NEVER),
    ("gpt-6.1-sol", row(2000, 10_000, 100), GPT_LONG),
    ("gpt-6-sol", row(2000, 10_000, 200), GPT_LONG),
    ("gpt-6-luna", row(100, 500, 10), GPT_LONG),
    ("gpt-5.5", row(5000, 30_000, 500), GPT_LONG),
    ("gpt-5.5-pro", row(30_000, 180_000, 30_000), GPT_LONG),
    ("gpt-5.4", row(2500, 15_000, 250), GPT_LONG),
    ("gpt-5.4-mini", row(750, 4500, 75), NEVER),
    ("gpt-5.4-nano", row(200, 1250, 20), NEVER),
    ("gpt-5.4-pro", row(30_000, 180_000, 30_000), GPT_LONG),
    ("gpt-5.3-codex", row(1750, 14_000, 175), NEVER),
    ("gpt-5.2", row(1750, 14_000, 175), NEVER),
    ("gpt-5.2-codex", row(1750, 14_000, 175), NEVER),
    ("gpt-5.2-pro", row(21_000, 168_000, 21_000), NEVER),
    ("gpt-5.1", row(1250, 10_000, 125), NEVER),
    ("gpt-5.1-codex", row(1250, 10_000, 125), NEVER),
    ("gpt-5.1-codex-mini", row(250, 2000, 25), NEVER),
    ("gpt-5", row(1250, 10_000, 125), NEVER),
    ("gpt-5-codex", row(1250, 10_000, 125), NEVER),
    ("gpt-5-chat", row(1250, 10_000, 125), NEVER),
    ("gpt-5-mini", row(250, 2000, 25), NEVER),
    ("gpt-5-nano", row(50, 400, 5), NEVER),
    ("gpt-5-pro", row(15_000, 120_000, 15_000), NEVER),
    ("gpt-4.1", row(2000, 8000, 500), NEVER),
    ("gpt-4.1-mini", row(400, 1600, 100), NEVER),
    ("gpt-4.1-nano", row(100, 400, 25), NEVER),
    ("gpt-4o", row(2500, 10_000, 1250), NEVER),
    ("gpt-4o-2024-05-13", row(5000, 15_000, 5000), NEVER),
    ("gpt-4o-mini", row(150, 600, 75), NEVER),
    ("gpt-4-turbo", row(10_000, 30_000, 10_000), NEVER),
    ("gpt-4", row(30_000, 60_000, 30_000), NEVER),
    ("gpt-3.5-turbo", row(500, 1500, 500), NEVER),
    ("gpt-3.5-turbo-instruct", row(1500, 2000, 1500), NEVER),
    ("o1", row(15_000, 60_000, 7500), NEVER),
    ("o3", row(2000, 8000, 500), NEVER),
    ("o3-pro", row(20_000, 80_000, 20_000), NEVER),
    ("o3-mini", row(1100, 4400, 550), NEVER),
    ("o4-mini", row(1100, 4400, 275), NEVER),
    ("text-embedding-3-small", row(20, 0, 20), NEVER),
    ("text-embedding-3-large", row(130, 0, 130), NEVER),
    ("text-embedding-ada-002", row(100, 0, 100), NEVER),
    ("gemini-3.5-flash", row(1500, 9000, 150), NEVER),
    ("gemini-3.1-pro", row(2000, 12_000, 200), GEMINI_LONG),
    ("gemini-3-pro", row(2000, 12_000, 200), GEMINI_LONG),
    ("gemini-3-flash", row(500, 3000, 50), NEVER),
    ("gemini-2.5-pro", row(1250, 10_000, 310), GEMINI_LONG),
    ("gemini-2.5-flash", row(300, 2500, 75), NEVER),
    ("gemini-2.5-flash-lite", row(100, 400, 25), NEVER),
    ("gemini-2.0-flash", row(100, 400, 25), NEVER),
    ("gemini-2.0-flash-lite", row(75, 300, 75), NEVER),
    ("gemini-embedding-001", row(150, 0, 150), NEVER),
    ("llama-3.3-70b-versatile", row(590, 790, 590), NEVER),
    ("llama-3.1-8b-instant", row(50, 80, 50), NEVER),
    ("openai/gpt-oss-120b", row(150, 600, 150), NEVER),
    ("openai/gpt-oss-20b", row(75, 300, 75), NEVER),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(model: &str, input_per_million: Option<&str>) {
        let found = published(model).map(|tariff| {
            let usage = Usage { input: 1_000_000, ..Usage::default() };
            Tariff::flat(tariff.price).cost(&usage).to_string()
        });
        assert_eq!(found.as_deref(), input_per_million, "{model}");
    }

    #[test]
    fn a_name_stands_for_its_dated_versions_and_for_no_other_model() {
        check("claude-sonnet-4-5-20250929", Some("3.00"));
        check("claude-sonnet-4-5@20250929", Some("3.00"));
        check("claude-sonnet-4-20250514", Some("3.00"));
        check("claude-opus-4-1-20250805", Some("15.00"));
        check("claude-3-5-haiku-latest", Some("0.80"));
        check("gpt-4o-2024-08-06", Some("2.50"));
        check("gpt-4o-2024-05-13", Some("5.00"));
        check("gpt-5-chat-latest", Some("1.25"));
        check("models/gemini-2.5-flash-preview-09-2025", Some("0.30"));
        check("gemini-2.0-flash-001", Some("0.10"));
        for unknown in [
            "claude-opus-4-9",
            "claude-sonnet-6",
            "gpt-5.9",
            "gpt-5-ultra",
            "gpt-5-mini-ultra",
            "o1-pro",
            "gpt-4o-audio-preview",
            "gpt-40",
            "",
            "-latest",
        ] {
            check(unknown, None);
        }
    }

    #[test]
    fn every_kind_of_token_has_its_price() {
        let tariff = published("claude-sonnet-4-5").unwrap();
        let usage = Usage {
            input: 1000,
            output: 1000,
            cache_read: 1000,
            cache_write: 1000,
            cache_write_hour: 400,
        };
        // 0.003 + 0.015 + 0.0003 + 600 at 3.75 + 400 at 6 a million
        assert_eq!(tariff.cost(&usage).to_string(), "0.02295");
        let long = Usage { input: 200_001, output: 1000, ..Usage::default() };
        assert_eq!(tariff.cost(&long).to_string(), "1.222506");
        let short = Usage { input: 200_000, ..long };
        assert_eq!(tariff.cost(&short).to_string(), "0.615");
        assert_eq!(Tariff::FREE.cost(&usage), Money(0));
        let endless = Usage { input: u64::MAX, output: u64::MAX, ..Usage::default() };
        assert_eq!(tariff.cost(&endless), Money(u64::MAX));
    }
}
