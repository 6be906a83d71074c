//! The text that Prometheus reads, version 0.0.4.
//!
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>

use std::fmt::{Display, Write as _};

use super::definition::{Family, Kind};
use super::histogram::{BOUNDS, Histogram};

/// The `content-type` of the text.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Text on its way; writing to a `String` cannot fail.
#[derive(Default)]
pub(super) struct Text(String);

impl Text {
    /// Begins a family; its samples follow.
    pub(super) fn begin(&mut self, family: &'static Family) -> Samples<'_> {
        let Family { name, kind, help, .. } = family;
        let _ = writeln!(self.0, "# HELP {name} {}", help.replace('\\', r"\\"));
        let _ = writeln!(self.0, "# TYPE {name} {}", kind.word());
        Samples { text: &mut self.0, family }
    }

    /// All of it.
    pub(super) fn done(self) -> String {
        self.0
    }
}

/// The samples of one family.
pub(super) struct Samples<'t> {
    text: &'t mut String,
    family: &'static Family,
}

impl Samples<'_> {
    /// One value, with a value for each of the family's labels.
    pub(super) fn value(&mut self, labels: &[&str], value: impl Display) {
        debug_assert!(self.family.kind != Kind::Histogram);
        self.line("", labels, None, value);
    }

    /// A histogram, if it has counted anything.
    pub(super) fn histogram(&mut self, labels: &[&str], histogram: &Histogram) {
        let (counts, sum) = histogram.read();
        let all = counts[BOUNDS.len()];
        if all == 0 {
            return;
        }
        let words = BOUNDS.iter().map(|(word, _)| *word).chain(["+Inf"]);
        for (bound, count) in words.zip(counts) {
            self.line("_bucket", labels, Some(bound), count);
        }
        self.line("_sum", labels, None, sum);
        self.line("_count", labels, None, all);
    }

    fn line(&mut self, suffix: &str, labels: &[&str], bound: Option<&str>, value: impl Display) {
        debug_assert_eq!(labels.len(), self.family.labels.len(), "{}", self.family.name);
        self.text.push_str(self.family.name);
        self.text.push_str(suffix);
        let named = self.family.labels.iter().copied().zip(labels.iter().copied());
        let mut open = '{';
        for (name, value) in named.chain(bound.map(|bound| ("le", bound))) {
            self.text.push(open);
            self.text.push_str(name);
            self.text.push_str("=\"");
            for c in value.chars() {
                match c {
                    '\\' => self.text.push_str(r"\\"),
                    '"' => self.text.push_str("\\\""),
                    '\n' => self.text.push_str("\\n"),
                    c => self.text.push(c),
                }
            }
            self.text.push('"');
            open = ',';
        }
        if open == ',' {
            self.text.push('}');
        }
        let _ = writeln!(self.text, " {value}");
    }
}
