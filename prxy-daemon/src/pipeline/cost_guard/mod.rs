//! Keeps what is spent below its limits, by the usage that providers report.
//!
//! What a request may cost at most is counted before it is sent and put right by its answer, so that
//! requests at the same time cannot go over a limit together. Whatever is not known counts as the
//! most that it can be.

mod asked;
mod prices;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use thiserror::Error;

use self::asked::Asked;
use self::prices::Tariff;
use super::{Answered, End, Exchange, Kind, Module, Sent, Verdict};
use crate::config::{self, CostLimits, Money, Unpriced};
use crate::provider::Surface;
use crate::provider::recorded::{self, Usage};
use crate::redact::rehydrate::Form;
use crate::store::{Amount, Day, Limit, Over, Period, Reserved, Spend, StoreError};

/// The limits of one configuration; what was spent outlasts it.
pub(super) struct CostGuard {
    options: config::CostGuard,
    /// Of clients that have limits of their own.
    clients: HashMap<String, CostLimits>,
    spend: Arc<Spend>,
}

/// Why a request must not be paid for.
#[derive(Debug, Error)]
pub enum Refusal {
    /// It alone may cost too much.
    #[error("this request may cost ${estimate}, the limit is ${limit} (cost-guard: perRequest)")]
    PerRequest {
        /// What it may cost.
        estimate: Money,
        /// What it may cost at most.
        limit: Money,
    },
    /// With it, a limit would not hold.
    #[error("{}", told(over, *money, *tokens))]
    Over {
        /// The limit, and what is spent.
        over: Over,
        /// What the request may cost.
        money: Money,
        /// The same in tokens.
        tokens: u64,
    },
    /// Nobody knows what it costs.
    #[error("this model has no price; give it one (cost-guard: prices)")]
    Unpriced,
    /// Faster service has prices of its own.
    #[error("faster service (service_tier, speed) has no price here (cost-guard: unpriced)")]
    Fast,
    /// Nobody knows what was spent.
    #[error("what was spent cannot be counted: {}", .0.reason())]
    Unknown(StoreError),
}

impl Refusal {
    /// The stable word for it.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::PerRequest { .. } => "cost-limit-per-request",
            Self::Over { over, .. } => match over.period {
                Period::Day => "cost-limit-per-day",
                Period::Month => "cost-limit-per-month",
            },
            Self::Unpriced | Self::Fast => "cost-unpriced",
            Self::Unknown(_) => "cost-unknown",
        }
    }

    /// Seconds until the same request may be sent, if that is a matter of time.
    pub fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Over { over, .. } => Some(over.wait),
            _ => None,
        }
    }
}

fn told(over: &Over, money: Money, tokens: u64) -> String {
    let Over { period, spent, by_tokens, reset, .. } = over;
    let period = period.word();
    let (spent, asked) = match by_tokens {
        true => (format!("{} tokens", spent.tokens), format!("{tokens} tokens")),
        false => (format!("${}", Money(spent.money)), format!("${money}")),
    };
    format!(
        "the limit of this {period} would not hold: {spent} spent or on the way, and this request \
         may take {asked}; the {period} ends at {reset} (cost-guard)"
    )
}

impl CostGuard {
    pub(super) fn new(options: config::CostGuard, spend: Arc<Spend>) -> Self {
        Self { options, clients: HashMap::new(), spend }
    }

    /// With the limits that clients have of their own.
    pub(super) fn for_clients(self, clients: &[config::Client]) -> Self {
        let own = clients.iter().filter(|client| client.limits.cost != CostLimits::default());
        let own = own.map(|client| (client.name.clone(), client.limits.cost));
        Self { clients: own.collect(), ..self }
    }

    /// What a client may spend; what it has no limit of its own for is as for all.
    fn cost_limits(&self, own: Option<&CostLimits>) -> CostLimits {
        let own = own.copied().unwrap_or_default();
        CostLimits {
            per_request: own.per_request.or(self.options.per_request),
            per_day: own.per_day.or(self.options.per_day),
            per_month: own.per_month.or(self.options.per_month),
        }
    }

    /// What the dearest of the models costs.
    fn tariff(&self, asked: &Asked, limits: &CostLimits) -> Result<Tariff, Refusal> {
        let strict = *limits != CostLimits::default() && self.options.unpriced == Unpriced::Refuse;
        if asked.fast && strict {
            return Err(Refusal::Fast);
        }
        let mut dearest: Option<Tariff> = None;
        for model in &asked.models {
            match self.price(model) {
                Some(tariff)
                    if dearest.as_ref().is_none_or(|known| {
                        known.cost(&asked.usage) < tariff.cost(&asked.usage)
                    }) =>
                {
                    dearest = Some(tariff);
                }
                Some(_) => {}
                None if strict => return Err(Refusal::Unpriced),
                None => {}
            }
        }
        match dearest {
            Some(tariff) => Ok(tariff),
            None if strict => Err(Refusal::Unpriced),
            None => Ok(Tariff::FREE),
        }
    }

    fn price(&self, model: &str) -> Option<Tariff> {
        let own = self.options.prices.iter().find(|(pattern, _)| pattern.matches(model));
        own.map(|(_, price)| Tariff::flat(*price)).or_else(|| prices::published(model))
    }

    fn limits(&self, limits: &CostLimits) -> [(Period, Limit); 2] {
        let CostLimits { per_day, per_month, .. } = *limits;
        let config::CostGuard { tokens_per_day, tokens_per_month, .. } = self.options;
        let limit = |money: Option<Money>, tokens| Limit { money: money.map(|m| m.0), tokens };
        [
            (Period::Day, limit(per_day, tokens_per_day)),
            (Period::Month, limit(per_month, tokens_per_month)),
        ]
    }

    /// Counts what the request may cost; nothing where it costs nothing.
    fn admit(&self, exchange: &Exchange<'_>, now: i64) -> Result<Option<Hold>, Refusal> {
        let (endpoint, path) = (exchange.endpoint, exchange.uri.path());
        let asked = Asked::of(endpoint, path, &exchange.body, self.options.assume_output);
        let Some(asked) = asked else { return Ok(None) };
        let own = exchange.client.and_then(|name| Some((name, self.clients.get(name)?)));
        let limits = self.cost_limits(own.map(|(_, limits)| limits));
        let tariff = self.tariff(&asked, &limits)?;
        let estimate = tariff.cost(&asked.usage);
        if let Some(limit) = limits.per_request.filter(|limit| estimate > *limit) {
            return Err(Refusal::PerRequest { estimate, limit });
        }
        let reserved = Amount { money: estimate.0, tokens: asked.usage.total() };
        // Whoever has limits of its own is counted alone.
        let tenant = match own {
            Some((name, _)) => format!("client:{name}"),
            None => exchange.tenant.to_owned(),
        };
        match self.spend.reserve(&tenant, reserved, self.limits(&limits), now) {
            Ok(Reserved::Counted(day)) => Ok(Some(Hold {
                spend: Arc::clone(&self.spend),
                tenant,
                day,
                reserved,
                tariff,
                surface: endpoint.surface,
                sent: exchange.sent.clone(),
                open: true,
            })),
            Ok(Reserved::Over(over)) => {
                Err(Refusal::Over { over, money: estimate, tokens: reserved.tokens })
            }
            Err(error) => {
                tracing::error!(reason = error.reason(), %error, "what was spent is not known");
                Err(Refusal::Unknown(error))
            }
        }
    }
}

impl Module for CostGuard {
    fn name(&self) -> &'static str {
        "cost-guard"
    }

    fn kind(&self) -> Kind {
        Kind::Safety
    }

    fn request(&self, exchange: &mut Exchange<'_>) -> Verdict {
        match self.admit(exchange, crate::store::now()) {
            Ok(None) => Verdict::Continue,
            Ok(Some(hold)) => {
                exchange.say("reserved-usd", Money(hold.reserved.money));
                exchange.then(move |answered| hold.settle(answered));
                Verdict::Continue
            }
            Err(refusal) => Verdict::Refuse(super::Refusal::Cost(refusal)),
        }
    }
}

/// What is counted for a request on its way.
struct Hold {
    spend: Arc<Spend>,
    tenant: String,
    day: Day,
    reserved: Amount,
    tariff: Tariff,
    surface: Surface,
    sent: Sent,
    open: bool,
}

impl Hold {
    fn settle(mut self, answered: &Answered) {
        self.open = false;
        if let Some(usage) = self.used(answered) {
            let money = self.tariff.cost(&usage).0;
            self.put(Amount { money, tokens: usage.total() });
        }
    }

    /// What the answer has used; `None` where it does not say: what is reserved stays counted.
    fn used(&self, answered: &Answered) -> Option<Usage> {
        let Answered { status, form, body, end } = answered;
        let surface = self.surface;
        let reported = recorded::usage(surface, *form, body);
        if !status.is_success() {
            // No provider charges for a request that it does not serve.
            return Some(reported.unwrap_or_default());
        }
        let mut usage = reported?;
        if *end != End::Whole && *form == Form::Stream {
            // The count of what is written comes last.
            let written = recorded::written(surface, *form, body) / BYTES_PER_TOKEN;
            usage.output = usage.output.max(written);
        }
        Some(usage)
    }

    fn put(&self, spent: Amount) {
        let settled = self.spend.settle(&self.tenant, self.day, self.reserved, spent);
        if let Err(error) = settled {
            let reason = error.reason();
            tracing::error!(reason, %error, "what was spent is not known: what was reserved counts");
        }
    }
}

/// No answer has been told. What was never sent costs nothing; of anything else nobody knows.
impl Drop for Hold {
    fn drop(&mut self) {
        if self.open && !self.sent.is_noted() {
            self.put(Amount::default());
        }
    }
}

const BYTES_PER_TOKEN: u64 = 3;
