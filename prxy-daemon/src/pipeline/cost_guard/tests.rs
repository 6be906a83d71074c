use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Uri};

use super::*;
use crate::config::{ModelPattern, Provider};
use crate::pipeline::Confined;
use crate::pipeline::tests::lab;
use crate::provider::Api;
use crate::provider::endpoint::Endpoint;
use crate::redact::{Label, Number, Vault, VaultError};
use crate::store::Store;

/// Never asked.
struct Nobody;

impl Vault for Nobody {
    fn number(&self, _: &Label, _: &str) -> Result<Number, VaultError> {
        Err(VaultError(String::new()))
    }

    fn original(&self, _: &str, _: Number) -> Option<Arc<str>> {
        None
    }
}

/// One module with its own store.
struct Stage {
    guard: CostGuard,
    provider: Provider,
}

/// Reads $1 and writes $2 for a million tokens.
const CHEAP: config::Price = config::Price {
    input: Money(1_000_000),
    output: Money(2_000_000),
    cache_read: Money(100_000),
    cache_write: Money(1_000_000),
    cache_write_hour: Money(1_000_000),
};

fn stage(options: config::CostGuard) -> Stage {
    let prices = vec![(ModelPattern::new("cheap").unwrap(), CHEAP)];
    let options = config::CostGuard { prices, ..options };
    Stage { guard: CostGuard::new(options, Store::in_memory().unwrap().spend()), provider: lab() }
}

fn money(text: &str) -> Option<Money> {
    Money::parse(text)
}

impl Stage {
    /// What comes of a request of `model` that may write so much: its listener, or why it is refused.
    fn ask_as(
        &self,
        tenant: &str,
        body: &str,
    ) -> Result<(Option<crate::pipeline::Listener>, Sent), &'static str> {
        let sent = Sent::default();
        let mut exchange = Exchange {
            provider: &self.provider,
            client: None,
            tenant,
            endpoint: Endpoint::find(Api::Anthropic, &Method::POST, "/v1/messages")
                .unwrap()
                .endpoint,
            uri: &Uri::from_static("/v1/messages"),
            headers: &HeaderMap::new(),
            vault: &Nobody,
            body: Bytes::copy_from_slice(body.as_bytes()),
            masked: BTreeMap::new(),
            watch: None,
            passed: Vec::new(),
            listeners: Vec::new(),
            cached: None,
            flight: None,
            sent: sent.clone(),
            told: HeaderMap::new(),
            confined: Confined::default(),
        };
        match self.guard.request(&mut exchange) {
            Verdict::Continue => Ok((exchange.listeners.pop(), sent)),
            Verdict::Refuse(refusal) => Err(refusal.reason()),
            Verdict::Answer(_) => panic!("it knows no answer"),
        }
    }

    fn ask(
        &self,
        model: &str,
        most: u64,
    ) -> Result<(Option<crate::pipeline::Listener>, Sent), &'static str> {
        self.ask_as("a", &format!(r#"{{"model":"{model}","max_tokens":{most}}}"#))
    }

    fn spent(&self) -> String {
        let spend = &self.guard.spend;
        Money(spend.spent("a", Period::Day, crate::store::now()).unwrap().money).to_string()
    }
}

fn answered(status: u16, form: Form, body: &str, complete: bool) -> Answered {
    let status = StatusCode::from_u16(status).unwrap();
    let body = Bytes::copy_from_slice(body.as_bytes());
    let end = if complete { End::Whole } else { End::Broken };
    Answered { status, form, body, end }
}

const USED: &str = r#"{"type":"message","usage":{"input_tokens":1000,"output_tokens":500,"cache_read_input_tokens":10000}}"#;

#[test]
fn a_request_counts_as_much_as_it_may_cost_until_its_answer_is_there() {
    let stage = stage(config::CostGuard { per_day: money("0.01"), ..Default::default() });
    let (listener, _) = stage.ask("cheap", 4000).unwrap();
    // 4,000 tokens at $2, and 24 bytes and what surrounds them at $1
    assert_eq!(stage.spent(), "0.008024");
    assert_eq!(stage.ask("cheap", 4000).err(), Some("cost-limit-per-day"));
    listener.unwrap()(&answered(200, Form::Whole, USED, true));
    assert_eq!(stage.spent(), "0.003");
    let (listener, sent) = stage.ask("cheap", 3000).unwrap();
    assert_eq!(stage.spent(), "0.009024");
    // Answered from a cache.
    drop((listener, sent));
    assert_eq!(stage.spent(), "0.003");
}

#[test]
fn whatever_comes_of_a_request_is_counted_right() {
    let start = "data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":1000,\"output_tokens\":1}}}\n\n";
    let said = format!(
        "{start}data: {{\"type\":\"content_block_delta\",\"delta\":{{\"type\":\"text_delta\",\"text\":\"{}\"}}}}\n\n",
        "x".repeat(3000 - 18)
    );
    let end = "data: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":500}}\n\n";
    for (status, form, body, complete, expected) in [
        (200, Form::Whole, USED.to_owned(), true, "0.003"),
        (200, Form::Stream, format!("{start}{end}"), true, "0.002"),
        // The first count is of the first token; what has been written is 3000 bytes.
        (200, Form::Stream, said.clone(), false, "0.003"),
        (200, Form::Stream, format!("{said}{end}"), true, "0.002"),
        (529, Form::Whole, r#"{"type":"error"}"#.to_owned(), true, "0.00"),
        (400, Form::Other, String::new(), true, "0.00"),
        // Nobody knows: as much as it could be.
        (200, Form::Whole, "{}".to_owned(), true, "0.002024"),
        (200, Form::Whole, String::new(), false, "0.002024"),
        (200, Form::Stream, String::new(), false, "0.002024"),
    ] {
        let stage = stage(config::CostGuard { per_day: money("1"), ..Default::default() });
        let (listener, sent) = stage.ask("cheap", 1000).unwrap();
        sent.note();
        listener.unwrap()(&answered(status, form, &body, complete));
        assert_eq!(stage.spent(), expected, "{status} {body}");
    }
    let stage = stage(config::CostGuard { per_day: money("1"), ..Default::default() });
    for (reached, expected) in [(false, "0.00"), (true, "0.002024")] {
        let (listener, sent) = stage.ask("cheap", 1000).unwrap();
        sent.note();
        if !reached {
            sent.forget();
        }
        drop(listener);
        assert_eq!(stage.spent(), expected, "the client was gone before the answer");
    }
}

#[test]
fn every_limit_has_its_reason_and_holds_for_each_tenant() {
    let none = config::CostGuard::default;
    for (options, reason) in [
        (config::CostGuard { per_request: money("0.001"), ..none() }, "cost-limit-per-request"),
        (config::CostGuard { per_day: money("0.001"), ..none() }, "cost-limit-per-day"),
        (config::CostGuard { per_day: money("0"), ..none() }, "cost-limit-per-day"),
        (config::CostGuard { per_month: money("0.001"), ..none() }, "cost-limit-per-month"),
        (config::CostGuard { tokens_per_day: Some(1000), ..none() }, "cost-limit-per-day"),
        (config::CostGuard { tokens_per_month: Some(1000), ..none() }, "cost-limit-per-month"),
    ] {
        let stage = stage(options.clone());
        assert_eq!(stage.ask("cheap", 1000).err(), Some(reason), "{options}");
        assert_eq!(stage.spent(), "0.00");
    }
    let stage = stage(config::CostGuard { per_day: money("0.003"), ..none() });
    let body = r#"{"model":"cheap","max_tokens":1000}"#;
    let first = stage.ask_as("a", body);
    assert!(first.is_ok() && stage.ask_as("a", body).is_err());
    assert!(stage.ask_as("b", body).is_ok());
}

#[test]
fn a_model_without_a_price_is_refused_unless_money_does_not_matter() {
    let limited = config::CostGuard { per_day: money("1"), ..Default::default() };
    let free = config::CostGuard { unpriced: Unpriced::CountZero, ..limited.clone() };
    let tokens = config::CostGuard { tokens_per_day: Some(100_000), ..Default::default() };
    let fast = r#"{"model":"cheap","max_tokens":1,"speed":"fast"}"#;
    for (options, expected) in [(limited, Some("cost-unpriced")), (free, None), (tokens, None)] {
        let stage = stage(options);
        assert_eq!(stage.ask("nobody-knows", 10).err(), expected);
        assert_eq!(stage.ask_as("a", r#"{"max_tokens":10}"#).err(), expected);
        assert_eq!(stage.ask_as("a", fast).err(), expected);
        assert!(stage.ask("claude-sonnet-4-5", 10).is_ok());
        assert!(stage.ask("cheap", 10).is_ok());
    }
}

#[test]
fn requests_at_the_same_time_do_not_go_over_a_limit_together() {
    let stage = stage(config::CostGuard { per_day: money("0.021"), ..Default::default() });
    let stage = &stage;
    let admitted = std::thread::scope(|scope| {
        let asks: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    (0..10)
                        .filter(|_| match stage.ask("cheap", 1000) {
                            Ok((_, sent)) => {
                                sent.note();
                                true
                            }
                            Err(_) => false,
                        })
                        .count()
                })
            })
            .collect();
        asks.into_iter().map(|ask| ask.join().unwrap()).sum::<usize>()
    });
    // The listeners are dropped unheard, but the requests were sent: all stay counted.
    assert!(stage.spent().parse::<f64>().unwrap() <= 0.021, "{}", stage.spent());
    assert!((1..=10).contains(&admitted), "{admitted}");
}

#[test]
fn nothing_is_sent_when_nobody_knows_what_was_spent() {
    let stage = stage(config::CostGuard { per_day: money("1"), ..Default::default() });
    let (listener, _) = stage.ask("cheap", 1000).unwrap();
    stage.guard.spend.fail();
    // A database that fails later must not take the answer away.
    listener.unwrap()(&answered(200, Form::Whole, USED, true));
    assert_eq!(stage.ask("cheap", 1).err(), Some("cost-unknown"));
}
