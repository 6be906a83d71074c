//! What is counted, as it is read; and that nobody's words get into it.

#[expect(unreachable_pub, reason = "the harness of the promises has this file too")]
mod strict;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use http::{HeaderValue, StatusCode};

use self::strict::{Series, sample};
use super::*;
use crate::config;
use crate::link::DECISIONS;
use crate::metrics::report::Sizes;
use crate::redact;

#[track_caller]
fn parse(text: &str) -> BTreeMap<Series, f64> {
    let row = |family: &&'static Family| (family.name, family.kind.word(), family.labels);
    strict::parse(text, &FAMILIES.iter().map(row).collect::<Vec<_>>())
}

fn series(name: &str, labels: &[(&str, &str)]) -> Series {
    let labels = labels.iter().map(|(name, value)| (name.to_string(), value.to_string()));
    (name.to_owned(), labels.collect())
}

fn config() -> config::Config {
    let key = "ab".repeat(32);
    config::tests::load(&format!(
        "providers: {{ anthropic: {{}}, openai: {{}} }}\n\
         clients: {{ ward: {{ key_sha256: ['{key}'] }} }}\n\
         pipeline: [guardrails: {{ patterns: {{ MRN: 'm-\\d' }} }}]"
    ))
    .unwrap()
}

fn figures() -> Figures {
    let mut decisions = vec![0; DECISIONS];
    let at = |role, reason| prxy_common::counter_index(role, reason) as usize;
    use prxy_common::{Reason, Role};
    decisions[at(Role::Netgate, Reason::Allowlisted)] = 41;
    decisions[at(Role::Gateway, Reason::RoleWithoutNetwork)] = 7;
    Figures {
        generation: 3,
        generation_age_ms: 1500,
        draining: 1,
        epoch: 2,
        uptime_ms: 60_000,
        lost_events: 5,
        audit_lines: 99,
        audit_omitted: 4,
        decisions,
        log_only: false,
    }
}

#[test]
fn what_happens_is_counted_under_the_names_of_the_configuration() {
    let metrics = Arc::<Metrics>::default();
    let counts = metrics.counts(&config());
    metrics.note_figures(figures());
    let label = |name| redact::Label::new(name).unwrap();
    for (number, status) in [(0, 200), (0, 200), (1, 429)] {
        let mut trace = metrics.trace();
        trace.asks(provider_surface());
        trace.is_read();
        trace.goes_to(&counts, number);
        trace.comes_from(&counts, Some("ward"));
        trace.is_prepared(Duration::from_millis(2));
        trace.is_answered(StatusCode::from_u16(status).unwrap(), Duration::from_secs(2));
        trace.is_cached(Cached::Miss);
        drop(trace.ends(StatusCode::from_u16(status).unwrap(), None));
    }
    counts.note_masked(&[(label("EMAIL"), 2), (label("MRN"), 1)].into());
    counts.note_blocked(&label("API_KEY"));
    let mut refused = metrics.trace();
    refused.asks(Surface::UNKNOWN);
    let word = HeaderValue::from_static("unknown-path");
    let still_read = refused.ends(StatusCode::NOT_FOUND, Some(&word));
    let got = parse(&metrics.report(Sizes { entries: Some(12), bytes: Some(4096) }));
    let messages = ("surface", "messages");
    for (name, labels, expected) in [
        ("prxy_requests_total", &[("provider", "anthropic"), messages, ("status", "2xx")][..], 2.0),
        ("prxy_requests_total", &[("provider", "openai"), messages, ("status", "4xx")], 1.0),
        (
            "prxy_requests_total",
            &[("provider", "-"), ("surface", "unknown"), ("status", "4xx")],
            1.0,
        ),
        ("prxy_requests_in_flight", &[], 1.0),
        ("prxy_refused_total", &[("reason", "unknown-path")], 1.0),
        ("prxy_stage_seconds_count", &[("stage", "whole")], 3.0),
        ("prxy_stage_seconds_count", &[("stage", "read")], 3.0),
        ("prxy_stage_seconds_sum", &[("stage", "pipeline")], 0.006),
        ("prxy_upstream_first_byte_seconds_bucket", &[("provider", "openai"), ("le", "1")], 0.0),
        ("prxy_upstream_first_byte_seconds_bucket", &[("provider", "openai"), ("le", "2.5")], 1.0),
        ("prxy_upstream_total", &[("provider", "openai"), ("result", "4xx")], 1.0),
        ("prxy_masked_total", &[("label", "EMAIL")], 2.0),
        ("prxy_masked_total", &[("label", "MRN")], 1.0),
        ("prxy_masked_total", &[("label", "PHONE")], 0.0),
        ("prxy_blocked_total", &[("label", "API_KEY")], 1.0),
        ("prxy_cache_total", &[("result", "miss")], 3.0),
        ("prxy_client_requests_total", &[("client", "ward"), ("result", "served")], 3.0),
        ("prxy_vault_entries", &[], 12.0),
        ("prxy_state_bytes", &[], 4096.0),
        (
            "prxy_kernel_decisions_total",
            &[("role", "netgate"), ("reason", "allowlisted"), ("verdict", "allow")],
            41.0,
        ),
        (
            "prxy_kernel_decisions_total",
            &[("role", "gateway"), ("reason", "role-without-network"), ("verdict", "deny")],
            7.0,
        ),
        ("prxy_kernel_events_lost_total", &[], 5.0),
        ("prxy_generation_age_seconds", &[], 1.5),
        ("prxy_audit_lines_total", &[], 99.0),
        ("prxy_ready", &[], 1.0),
    ] {
        assert_eq!(got.get(&series(name, labels)), Some(&expected), "{name} {labels:?}");
    }
    drop(still_read);
    let got = parse(&metrics.report(Sizes::default()));
    assert_eq!(got[&series("prxy_requests_in_flight", &[])], 0.0);
    assert_eq!(got[&series("prxy_stage_seconds_count", &[("stage", "whole")])], 4.0);
    assert_eq!(got.get(&series("prxy_vault_entries", &[])), None);
}

#[test]
fn words_that_nobody_knows_make_no_series_of_their_own() {
    let metrics = Arc::<Metrics>::default();
    let counts = metrics.counts(&config());
    let mut sizes = BTreeSet::new();
    for number in 0..500 {
        let mut trace = metrics.trace();
        trace.goes_to(&counts, 7 + number);
        trace.comes_from(&counts, Some(&format!("nobody-{number}")));
        let word = HeaderValue::try_from(format!("reason-{number}")).unwrap();
        trace.is_lost(&word);
        let odd = HeaderValue::from_bytes(&[0xe9, b'"']).unwrap();
        trace.is_lost(&odd);
        drop(trace.ends(StatusCode::from_u16(100 + number as u16).unwrap(), Some(&word)));
        let name = redact::Label::new(&format!("STRANGE_{number}_X")).unwrap();
        counts.note_masked(&[(name.clone(), 1)].into());
        counts.note_blocked(&name);
        sizes.insert(parse(&metrics.report(Sizes::default())).len());
        assert!(metrics.module(&format!("module-{number}")).is_none());
    }
    // Of the classes of their status, four come to be.
    assert!(sizes.len() <= 4, "{sizes:?}");
    let text = metrics.report(Sizes::default());
    assert!(!text.contains("nobody-") && !text.contains("reason-4") && !text.contains("STRANGE"));
    let got = parse(&text);
    assert_eq!(got[&series("prxy_masked_total", &[("label", "other")])], 500.0);
    assert_eq!(got[&series("prxy_refused_total", &[("reason", "other")])], 500.0);
    let lost = [("provider", "-"), ("result", "other")];
    assert_eq!(got[&series("prxy_upstream_total", &lost)], 1000.0);
}

#[test]
fn a_reload_forgets_nothing_and_counts_on_under_the_same_name() {
    let metrics = Arc::<Metrics>::default();
    let email = redact::Label::new("EMAIL").unwrap();
    for _ in 0..3 {
        metrics.counts(&config()).note_masked(&[(email.clone(), 1)].into());
    }
    let got = parse(&metrics.report(Sizes::default()));
    assert_eq!(got[&series("prxy_masked_total", &[("label", "EMAIL")])], 3.0);
}

#[test]
fn readiness_is_what_the_warden_says() {
    let metrics = Metrics::default();
    assert_eq!(metrics.readiness(), Readiness::Starting);
    metrics.note_figures(Figures { log_only: true, ..figures() });
    assert_eq!(metrics.readiness(), Readiness::LogOnly);
    let would =
        [("role", "gateway"), ("reason", "role-without-network"), ("verdict", "would-deny")];
    let got = parse(&metrics.report(Sizes::default()));
    assert_eq!(got[&series("prxy_kernel_decisions_total", &would)], 7.0);
    assert_eq!(got[&series("prxy_ready", &[])], 0.0);
    metrics.note_figures(figures());
    assert_eq!(metrics.readiness(), Readiness::Ready);
    metrics.note_drain();
    assert_eq!(metrics.readiness(), Readiness::Draining);
    metrics.note_halt();
    assert_eq!(metrics.readiness(), Readiness::EnforcementLost);
}

#[test]
fn a_value_that_needs_escapes_gets_them() {
    let mut text = text::Text::default();
    text.begin(&definition::MASKED).value(&["a\\b\"c\nd"], 1);
    let text = text.done();
    let line = text.lines().last().unwrap();
    assert_eq!(line, r#"prxy_masked_total{label="a\\b\"c\nd"} 1"#);
    let (got, _) = sample(line);
    assert_eq!(got, series("prxy_masked_total", &[("label", "a\\b\"c\nd")]));
}

#[test]
#[ignore = "prints a figure for docs/metrics.md"]
fn what_counting_costs() {
    let metrics = Arc::<Metrics>::default();
    let counts = metrics.counts(&config());
    let masked = [(redact::Label::new("EMAIL").unwrap(), 2)].into();
    let modules: Vec<_> =
        definition::MODULES.iter().filter_map(|name| metrics.module(name)).collect();
    let rounds = 100_000;
    let began = std::time::Instant::now();
    for _ in 0..rounds {
        let mut trace = metrics.trace();
        trace.asks(provider_surface());
        trace.is_read();
        trace.goes_to(&counts, 0);
        trace.comes_from(&counts, Some("ward"));
        for module in &modules {
            let began = std::time::Instant::now();
            module.observe(began.elapsed());
        }
        trace.is_prepared(Duration::from_millis(1));
        counts.note_masked(&masked);
        trace.is_answered(StatusCode::OK, Duration::from_millis(1));
        trace.is_cached(Cached::Miss);
        drop(trace.ends(StatusCode::OK, None));
    }
    println!("{:?} for a request through nine modules", began.elapsed() / rounds);
    let began = std::time::Instant::now();
    let length = metrics.report(Sizes::default()).len();
    println!("{:?} for {length} bytes of text", began.elapsed());
}

/// Between the marks in `docs/metrics.md`.
fn table() -> String {
    let row = |family: &&Family| {
        let labels: Vec<_> = family.labels.iter().map(|label| format!("`{label}`")).collect();
        let Family { name, kind, help, .. } = family;
        format!("| `{name}` | {} | {} | {help} |\n", kind.word(), labels.join(", "))
    };
    let rows: String = FAMILIES.iter().map(row).collect();
    format!("| metric | kind | labels | meaning |\n|---|---|---|---|\n{rows}")
}

#[test]
fn the_documented_table_is_the_one_of_the_code() {
    let page = include_str!("../../../../docs/metrics.md");
    let (_, rest) = page.split_once("<!-- begin -->\n").unwrap();
    let (documented, _) = rest.split_once("<!-- end -->").unwrap();
    assert_eq!(documented, table(), "put this between the marks of docs/metrics.md");
}

/// The names of metrics in an expression.
fn names(expression: &str) -> impl Iterator<Item = &str> {
    let words = expression.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.starts_with("prxy_"))
}

#[test]
fn the_dashboard_shows_what_there_is() {
    let board: serde_json::Value =
        serde_json::from_str(include_str!("../../../../docs/grafana-dashboard.json")).unwrap();
    for key in ["title", "uid", "schemaVersion", "panels", "time", "templating", "tags"] {
        assert!(!board[key].is_null(), "{key}");
    }
    assert!(board["schemaVersion"].as_u64().unwrap() >= 36);
    let (mut ids, mut shown) = (BTreeSet::new(), BTreeSet::new());
    let mut taken = BTreeSet::new();
    for panel in board["panels"].as_array().unwrap() {
        let title = panel["title"].as_str().unwrap();
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title}: its id stands twice");
        let grid = |key: &str| panel["gridPos"][key].as_u64().unwrap();
        assert!(grid("x") + grid("w") <= 24 && grid("h") > 0, "{title}");
        for (x, y) in (grid("x")..grid("x") + grid("w"))
            .flat_map(|x| (grid("y")..grid("y") + grid("h")).map(move |y| (x, y)))
        {
            assert!(taken.insert((x, y)), "{title} lies on another panel");
        }
        assert!(panel["type"].is_string(), "{title}");
        if panel["type"] == "row" {
            continue;
        }
        assert_eq!(panel["datasource"]["type"], "prometheus", "{title}");
        let targets = panel["targets"].as_array().unwrap();
        assert!(!targets.is_empty(), "{title}");
        for target in targets {
            let expression = target["expr"].as_str().unwrap();
            assert_eq!(
                expression.matches('(').count(),
                expression.matches(')').count(),
                "{title}: {expression}"
            );
            for name in names(expression) {
                let family = FAMILIES.iter().find(|family| {
                    let suffix = name.strip_prefix(family.name);
                    suffix.is_some_and(|suffix| match family.kind {
                        Kind::Histogram => ["_bucket", "_sum", "_count"].contains(&suffix),
                        Kind::Counter | Kind::Gauge => suffix.is_empty(),
                    })
                });
                let family = family.unwrap_or_else(|| panic!("{title}: no metric {name}"));
                shown.insert(family.name);
            }
        }
    }
    let missing: Vec<_> =
        FAMILIES.iter().map(|family| family.name).filter(|name| !shown.contains(name)).collect();
    assert_eq!(missing, ["prxy_info"], "on no panel");
}

fn provider_surface() -> crate::provider::Surface {
    crate::provider::Surface::Messages
}
