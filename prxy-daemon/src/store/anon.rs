//! The JSON that anon-proxy keeps its placeholders in, and lines of JSON with more.
//!
//! `{"reverse": {"<PERSON_1>": "Ada"}, "counters": {"PERSON": 1}}`; a counter is the last number used.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use thiserror::Error;

use super::Entry;
use crate::redact::Label;
use crate::redact::placeholder::{MOST, split};

/// What a file of entries says.
#[derive(Default, PartialEq, Eq)]
pub struct AnonStore {
    /// The placeholder's name, such as `PERSON_1`, and its value.
    pub entries: Vec<(String, String)>,
    /// The last number of a label that was given out.
    pub last: Vec<(Label, u32)>,
    /// What is no placeholder of ours or no text.
    pub skipped: u64,
}

/// Why a file is none.
#[derive(Debug, Error)]
pub enum AnonError {
    /// It is no JSON.
    #[error("not JSON (line {line})")]
    NotJson {
        /// From 1.
        line: usize,
    },
    /// It has not the keys that it must have.
    #[error("`{0}` is missing: neither anon-proxy's store nor lines of JSON")]
    Missing(&'static str),
}

impl AnonStore {
    /// Reads anon-proxy's store, or lines with `placeholder` and `value` each.
    ///
    /// # Errors
    /// It is neither.
    pub fn read(text: &str) -> Result<Self, AnonError> {
        match serde_json::from_str(text) {
            Ok(Value::Object(object)) if !object.contains_key("placeholder") => {
                Self::of_object(&object)
            }
            _ => Self::of_lines(text),
        }
    }

    fn of_object(object: &Map<String, Value>) -> Result<Self, AnonError> {
        let part = |name: &'static str| {
            object.get(name).and_then(Value::as_object).ok_or(AnonError::Missing(name))
        };
        let mut store = Self::default();
        for (token, value) in part("reverse")? {
            store.add(token, value);
        }
        for (label, last) in part("counters")? {
            let last = last.as_u64().and_then(|last| u32::try_from(last).ok());
            match (Label::new(label), last) {
                (Some(label), Some(last)) if last <= MOST => store.last.push((label, last)),
                _ => store.skipped += 1,
            }
        }
        Ok(store)
    }

    fn of_lines(text: &str) -> Result<Self, AnonError> {
        let mut store = Self::default();
        for (line, text) in text.lines().enumerate().filter(|(_, text)| !text.trim().is_empty()) {
            let value: Value =
                serde_json::from_str(text).map_err(|_| AnonError::NotJson { line: line + 1 })?;
            let token = value.get("placeholder").and_then(Value::as_str);
            let token = token.ok_or(AnonError::Missing("placeholder"))?;
            store.add(token, value.get("value").ok_or(AnonError::Missing("value"))?);
        }
        Ok(store)
    }

    fn add(&mut self, token: &str, value: &Value) {
        let name = token.strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
        match (name.filter(|name| split(name).is_some()), value.as_str()) {
            (Some(name), Some(value)) => self.entries.push((name.to_owned(), value.to_owned())),
            _ => self.skipped += 1,
        }
    }

    /// The text of a store with these entries and counters.
    pub fn write(entries: &[Entry], last: &BTreeMap<String, u32>) -> String {
        let reverse: Map<String, Value> =
            entries.iter().map(|entry| (entry.placeholder(), json!(entry.value))).collect();
        let store = json!({ "reverse": reverse, "counters": last });
        format!("{store:#}\n")
    }
}

impl std::fmt::Debug for AnonStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AnonStore").field("entries", &self.entries.len()).finish_non_exhaustive()
    }
}
