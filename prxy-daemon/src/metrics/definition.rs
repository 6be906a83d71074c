//! Every metric, once: its name, its labels, and the words for it. The output and `docs/metrics.md`
//! are made from this table.

/// What kind of numbers a metric has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Goes up only, since the start.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Durations, by the bounds in [`super::histogram::BOUNDS`].
    Histogram,
}

impl Kind {
    /// As in `# TYPE`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// One metric with all its series.
#[derive(Debug)]
pub struct Family {
    /// As scraped; public API: add, never rename.
    pub name: &'static str,
    /// Its numbers.
    pub kind: Kind,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// What it says.
    pub help: &'static str,
}

macro_rules! families {
    ($($id:ident $kind:ident $name:literal [$($label:literal),*] $help:literal;)+) => {
        $(pub(super) static $id: Family = Family {
            name: $name, kind: Kind::$kind, labels: &[$($label),*], help: $help,
        };)+

        /// All of them.
        pub static FAMILIES: &[&Family] = &[$(&$id),+];
    };
}

families! {
    INFO Gauge "prxy_info" ["version"] "Always 1.";
    READY Gauge "prxy_ready" [] "1 while the kernel's policy is known to be in force and requests are served, as in `/ready`.";
    UPTIME Gauge "prxy_uptime_seconds" [] "Since the start of the daemon.";
    REQUESTS Counter "prxy_requests_total" ["provider", "surface", "status"] "Requests answered, by what was asked. `provider` is `-` where none was chosen.";
    IN_FLIGHT Gauge "prxy_requests_in_flight" [] "Requests whose answer has not ended.";
    REFUSED Counter "prxy_refused_total" ["reason"] "Requests that prxy answered itself, by `x-prxy-error`.";
    STAGE Histogram "prxy_stage_seconds" ["stage"] "Time that a request spends: `read` until its body is there, `pipeline` in all modules, `whole` until the last byte of its answer.";
    MODULE Histogram "prxy_module_seconds" ["module"] "Time that a request spends in one module.";
    FIRST_BYTE Histogram "prxy_upstream_first_byte_seconds" ["provider"] "From sending a request until the head of the provider's answer.";
    UPSTREAM Counter "prxy_upstream_total" ["provider", "result"] "What came of requests that were sent on: the class of the answer's status, or why there was none.";
    MASKED Counter "prxy_masked_total" ["label"] "Values that were masked.";
    BLOCKED Counter "prxy_blocked_total" ["label"] "Requests that were refused because of a value.";
    CACHE Counter "prxy_cache_total" ["result"] "What the caches made of requests: the module that answered, `shared` with another request, `miss` or `bypass`.";
    CLIENT Counter "prxy_client_requests_total" ["client", "result"] "Requests of the clients in `clients`: `served`, or `refused` by prxy.";
    VAULT Gauge "prxy_vault_entries" [] "Placeholders in the vault, of all tenants; counted now and then.";
    STATE Gauge "prxy_state_bytes" [] "Size of the database.";
    DECISIONS Counter "prxy_kernel_decisions_total" ["role", "reason", "verdict"] "What the kernel's programs decided, canaries at the start included.";
    LOST Counter "prxy_kernel_events_lost_total" [] "Decisions that could not be reported, and so are in no audit log.";
    GENERATION Gauge "prxy_generation" [] "The allowlist in force.";
    GENERATION_AGE Gauge "prxy_generation_age_seconds" [] "How long it has been in force.";
    DRAINING Gauge "prxy_generations_draining" [] "Older allowlists that may still carry connections.";
    EPOCH Gauge "prxy_config_epoch" [] "The configuration in force; each reload adds one.";
    LOG_ONLY Gauge "prxy_log_only" [] "1 if the kernel's programs record and deny nothing.";
    AUDIT_LINES Counter "prxy_audit_lines_total" [] "The number of the last line of the audit log; goes on over restarts.";
    AUDIT_OMITTED Counter "prxy_audit_omitted_total" [] "Decisions left out of the audit log, because there were too many or no room.";
}

/// The surfaces of the providers' APIs, then what the gateway answers itself.
pub(super) const SURFACES: [&str; 13] = [
    "messages",
    "message-batch",
    "chat",
    "responses",
    "completions",
    "inputs",
    "generate",
    "objects",
    "health",
    "ready",
    "pipeline",
    "outcomes",
    "unknown",
];

/// The classes of an answer's status.
pub(super) const CLASSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];

/// What caches make of a request; see [`Cached`](crate::pipeline::Cached).
pub(super) const CACHES: [&str; 5] = ["exact-cache", "semantic-cache", "shared", "miss", "bypass"];

/// The modules of the pipeline.
pub(super) const MODULES: [&str; 9] = [
    "airgap",
    "guardrails",
    "exact-cache",
    "semantic-cache",
    "patterns",
    "ipc",
    "mcp-optimizer",
    "cost-guard",
    "local-encrypt",
];

/// The stages of a request.
pub(super) const STAGES: [&str; 3] = ["read", "pipeline", "whole"];

/// Whatever is in none of these tables: a label is never what somebody sent.
pub(super) const OTHER: &str = "other";

/// Every word of `x-prxy-error`, as in `docs/refusals.md`.
pub(super) const REASONS: &[&str] = &[
    "attachment-blocked",
    "bad-answer",
    "bad-header",
    "bad-outcome",
    "bad-query",
    "blocked-label",
    "body-broken",
    "body-stalled",
    "body-too-large",
    "body-undecodable",
    "broker-gone",
    "certificate-pin-mismatch",
    "client-busy",
    "client-rate",
    "connect-refused",
    "connect-timeout",
    "connection-lost",
    "cost-limit-per-day",
    "cost-limit-per-month",
    "cost-limit-per-request",
    "cost-unknown",
    "cost-unpriced",
    "credential-not-allowed",
    "duplicate-key",
    "encoded-answer",
    "enforcement-lost",
    "file-reference",
    "forbidden-path",
    "foreign-host",
    "foreign-origin",
    "host-not-allowed",
    "hosted-tool",
    "mask-unstable",
    "netgate-gone",
    "no-address",
    "no-client-key",
    "no-local-provider",
    "not-in-pipeline",
    "not-json",
    "outcome-not-kept",
    "policy-changed",
    "provider-timeout",
    "provider-untrusted",
    "redirect-refused",
    "remote-mcp",
    "sni-mismatch",
    "stored-state",
    "tls-failed",
    "too-deep",
    "two-clients",
    "unclean-header",
    "unclean-path",
    "unexpected-body",
    "unknown-client",
    "unknown-model",
    "unknown-path",
    "unknown-pattern",
    "unknown-route",
    "unknown-tool",
    "unmasked-label",
    "unsafe-position",
    "unsupported-content-encoding",
    "unsupported-content-type",
    "url-source",
    "vault-unavailable",
    "warden-silent",
    "web-tool",
    "wrong-method",
];

/// The place of a word in [`REASONS`], which is sorted; behind them all, [`OTHER`].
pub(super) fn reason(word: &str) -> usize {
    REASONS.binary_search(&word).unwrap_or(REASONS.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words of the first column of the tables in `docs/refusals.md`.
    fn documented() -> Vec<&'static str> {
        let text = include_str!("../../../docs/refusals.md");
        let rows =
            text.lines().filter(|line| line.starts_with("| `") && !line.starts_with("| `x-prxy"));
        let cells = rows.filter_map(|row| row.split('|').nth(1));
        let mut words: Vec<_> = cells
            .flat_map(|cell| cell.split(", ").map(|word| word.trim().trim_matches('`')))
            .collect();
        words.sort_unstable();
        words.dedup();
        words
    }

    #[test]
    fn every_reason_is_documented_and_every_documented_one_is_counted() {
        assert_eq!(documented(), REASONS);
        assert_eq!(reason(REASONS[3]), 3);
        assert_eq!(reason("of-tomorrow"), REASONS.len());
    }

    #[test]
    fn names_follow_the_rules_of_prometheus_and_stand_once() {
        let mut names: Vec<_> = FAMILIES.iter().map(|family| family.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), FAMILIES.len());
        for Family { name, kind, labels, help } in FAMILIES {
            let letters = |text: &str| text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            assert!(letters(name) && name.starts_with("prxy_"), "{name}");
            assert_eq!(name.ends_with("_total"), *kind == Kind::Counter, "{name}");
            assert!(name.ends_with("_seconds") || *kind != Kind::Histogram, "{name}");
            assert!(labels.iter().all(|label| letters(label)), "{name}");
            assert!(help.ends_with('.') && !help.contains('\n'), "{name}");
        }
    }
}
