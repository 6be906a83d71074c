//! `POST /v1/outcomes`: what came of patterns that were offered.

use serde_json::{Map, Value, json};

use super::error::Failure;
use crate::store::patterns::{Outcome, Pattern, Patterns};

/// What a client says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Report {
    patterns: Vec<i64>,
    outcome: Outcome,
}

impl Report {
    /// `{"pattern": 12, "outcome": "worked"}`, or `"patterns": [12, 15]`, or a `score` from 0 to 1.
    ///
    /// # Errors
    /// Says what is wrong, and repeats nothing of it.
    pub(super) fn read(body: &[u8]) -> Result<Self, Failure> {
        let bad = |why| Failure::BadOutcome(why);
        let report: Map<String, Value> = serde_json::from_slice(body).map_err(|_| {
            bad("an outcome is a JSON object such as {\"pattern\":12,\"outcome\":\"worked\"}")
        })?;
        if report.keys().any(|key| !KEYS.contains(&key.as_str())) {
            return Err(bad(
                "an outcome has pattern or patterns, outcome or score, and call_id, source, labels, notes beside",
            ));
        }
        let ids = match (report.get("pattern"), report.get("patterns")) {
            (Some(one), None) => vec![one.as_i64()],
            (None, Some(Value::Array(many))) => many.iter().map(Value::as_i64).collect(),
            _ => {
                return Err(bad(
                    "an outcome names a pattern by its number, or patterns by a list of them",
                ));
            }
        };
        let mut patterns: Vec<i64> = ids
            .into_iter()
            .collect::<Option<_>>()
            .ok_or(bad("patterns are named by their numbers"))?;
        patterns.sort_unstable();
        patterns.dedup();
        if patterns.is_empty() || patterns.len() > MOST {
            return Err(bad("an outcome is of 1 to 100 patterns"));
        }
        let score = match report.get("score") {
            None | Some(Value::Null) => None,
            Some(score) => {
                let score = score.as_f64().filter(|score| (0.0..=1.0).contains(score));
                Some(score.ok_or(bad("a score is a number from 0 to 1"))?)
            }
        };
        let word = match report.get("outcome").map(Value::as_str) {
            None => None,
            Some(word) => {
                let known = WORDS.iter().find(|(known, _)| Some(*known) == word);
                Some(known.map(|(_, outcome)| *outcome).ok_or(bad(
                    "an outcome is worked, failed or unclear, or another word of docs/pipeline/patterns.md",
                ))?)
            }
        };
        let score = score.map(|score| match score {
            GOOD.. => Outcome::Worked,
            ..=BAD => Outcome::Failed,
            _ => Outcome::Unclear,
        });
        let outcome = match (word, score) {
            (Some(word), Some(score)) if word != score => {
                return Err(bad("outcome and score say different things: give one of them"));
            }
            (word, score) => word.or(score).ok_or(bad("what came of it? Give outcome or score"))?,
        };
        Ok(Self { patterns, outcome })
    }

    /// Counts it once for each turn; what is known of the patterns then.
    ///
    /// # Errors
    /// One of the patterns is not the reporter's, or the store fails: then none is counted.
    pub(super) fn note(&self, kept: &Patterns, reporter: &str) -> Result<Value, Failure> {
        let counted = kept.report(reporter, &self.patterns, self.outcome).map_err(|error| {
            tracing::warn!(reason = error.reason(), %error, "an outcome cannot be kept");
            Failure::NotKept
        })?;
        let row = |(pattern, counted): (Pattern, bool)| {
            let rate = (f64::from(pattern.rate()) * 1000.0).round() / 1000.0;
            let Pattern { id, uses, successes, failures, .. } = pattern;
            json!({
                "id": id, "uses": uses, "successes": successes, "failures": failures, "rate": rate,
                "counted": counted,
            })
        };
        let rows: Vec<Value> =
            counted.ok_or(Failure::UnknownPattern)?.into_iter().map(row).collect();
        Ok(json!({ "patterns": rows }))
    }
}

/// Nothing that anybody says here is longer.
pub(super) const MAX_BYTES: usize = 64 * 1024;
const MOST: usize = 100;
const KEYS: &[&str] =
    &["pattern", "patterns", "outcome", "score", "call_id", "source", "labels", "notes"];
const GOOD: f64 = 0.7;
const BAD: f64 = 0.3;
const WORDS: &[(&str, Outcome)] = &[
    ("worked", Outcome::Worked),
    ("success", Outcome::Worked),
    ("solved", Outcome::Worked),
    ("accepted", Outcome::Worked),
    ("helpful", Outcome::Worked),
    ("failed", Outcome::Failed),
    ("failure", Outcome::Failed),
    ("rejected", Outcome::Failed),
    ("not_helpful", Outcome::Failed),
    ("partial", Outcome::Unclear),
    ("unclear", Outcome::Unclear),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_is_read_or_refused_with_the_reason() {
        let read =
            |body: &str| Report::read(body.as_bytes()).map_err(|failure| failure.to_string());
        let report =
            |patterns: &[i64], outcome| Ok(Report { patterns: patterns.to_vec(), outcome });
        for (body, expected) in [
            (r#"{"pattern":12,"outcome":"worked"}"#, report(&[12], Outcome::Worked)),
            (
                r#"{"patterns":[15,12,15],"outcome":"rejected","source":"user","notes":"x"}"#,
                report(&[12, 15], Outcome::Failed),
            ),
            (r#"{"pattern":1,"outcome":"partial","score":0.5}"#, report(&[1], Outcome::Unclear)),
            (r#"{"pattern":1,"outcome":"worked","score":0.9}"#, report(&[1], Outcome::Worked)),
            (r#"{"pattern":1,"score":0.7}"#, report(&[1], Outcome::Worked)),
            (r#"{"pattern":1,"score":0}"#, report(&[1], Outcome::Failed)),
            (r#"{"pattern":1,"score":0.5}"#, report(&[1], Outcome::Unclear)),
        ] {
            assert_eq!(read(body), expected, "{body}");
        }
        for (body, why) in [
            ("", "JSON object"),
            ("[]", "JSON object"),
            (r#"{"outcome":"worked"}"#, "names a pattern"),
            (r#"{"pattern":1,"patterns":[1],"outcome":"worked"}"#, "names a pattern"),
            (r#"{"pattern":"1","outcome":"worked"}"#, "by their numbers"),
            (r#"{"patterns":[1,2.5],"outcome":"worked"}"#, "by their numbers"),
            (r#"{"patterns":[],"outcome":"worked"}"#, "1 to 100"),
            (r#"{"pattern":1,"outcome":"great"}"#, "is worked, failed or unclear"),
            (r#"{"pattern":1,"outcome":7}"#, "is worked, failed or unclear"),
            (r#"{"pattern":1,"score":2}"#, "from 0 to 1"),
            (r#"{"pattern":1}"#, "Give outcome or score"),
            (r#"{"pattern":1,"outcome":"worked","score":0.1}"#, "different things"),
            (r#"{"pattern":1,"outcome":"partial","score":1}"#, "different things"),
            (r#"{"pattern":1,"outcome":"worked","secret":1}"#, "call_id"),
        ] {
            let met = read(body).unwrap_err();
            assert!(met.contains(why) && !met.contains("secret"), "{body}: {met}");
        }
        let many =
            format!("{{\"patterns\":{:?},\"outcome\":\"worked\"}}", (0..101).collect::<Vec<_>>());
        assert!(read(&many).unwrap_err().contains("1 to 100"));
    }
}
