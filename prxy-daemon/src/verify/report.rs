//! What a run has found, for people and for machines.

use std::collections::BTreeMap;
use std::fmt;

use prxy_common::Role;
use serde::Serialize;

use super::attempt::Said;
use super::technique::{Layer, Technique};

/// What a run has found.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The version of this binary.
    pub prxy: &'static str,
    /// The release of the running kernel.
    pub kernel: String,
    /// The layer that was left out on request; then failures are what is looked for.
    pub without: Option<&'static str>,
    /// How many techniques were tried.
    pub techniques: usize,
    /// One entry for each technique, role and user.
    pub results: Vec<Row>,
    /// Frames that nobody may send and that no attempt accounts for; never empty is never ok.
    pub unaccounted: Vec<String>,
    /// How many ended in which way.
    pub summary: BTreeMap<&'static str, usize>,
    /// How long it took.
    pub seconds: f64,
    /// Whether every control got through and every attempt failed.
    pub ok: bool,
}

/// What became of one technique in one role.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The technique's name.
    pub technique: &'static str,
    /// The rows of the threat table.
    pub threat: &'static str,
    /// The role's name.
    pub role: &'static str,
    /// `user`: the role's exact confinement; `root`: its cgroup and namespaces only.
    #[serde(rename = "as")]
    pub rights: &'static str,
    /// `got-through`, `unavailable` or `failed`.
    pub control: &'static str,
    /// What the control showed.
    pub control_detail: String,
    /// `blocked`, `got-through`, `unavailable` or `not-promised`.
    pub result: &'static str,
    /// The layer that stopped it.
    pub layer: Option<&'static str>,
    /// The hook and reason, the call, the frame, or why it is not promised.
    pub detail: Option<String>,
    /// How the layer is known: `kernel-event`, or `alone`: that layer by itself refuses likewise.
    pub how: Option<&'static str>,
    /// The system call that failed.
    pub call: Option<String>,
    /// Its errno.
    pub errno: Option<String>,
}

/// What a control has shown.
pub(super) enum Control {
    GotThrough(String),
    Unavailable(String),
    Failed(String),
}

/// How a row ends without an attempt.
pub(super) enum Outcome {
    NotPromised(&'static str),
    Unavailable,
}

/// What stopped an attempt, and how that is known.
pub(super) struct Stopped {
    pub(super) layer: Layer,
    pub(super) detail: String,
    pub(super) how: &'static str,
}

impl Row {
    pub(super) fn new(
        technique: &Technique,
        role: Role,
        rights: &'static str,
        control: &Control,
    ) -> Self {
        let (word, detail) = match control {
            Control::GotThrough(how) => ("got-through", how),
            Control::Unavailable(why) => ("unavailable", why),
            Control::Failed(why) => ("failed", why),
        };
        Self {
            technique: technique.name,
            threat: technique.threat,
            role: role.name(),
            rights,
            control: word,
            control_detail: detail.clone(),
            result: "unavailable",
            layer: None,
            detail: None,
            how: None,
            call: None,
            errno: None,
        }
    }

    pub(super) fn ended(self, outcome: Outcome) -> Self {
        match outcome {
            Outcome::NotPromised(why) => {
                Self { result: "not-promised", detail: Some(why.to_owned()), ..self }
            }
            Outcome::Unavailable => self,
        }
    }

    pub(super) fn tried(
        self,
        said: &Said,
        through: Option<String>,
        stopped: Option<Stopped>,
    ) -> Self {
        let row = Self { call: said.call().map(str::to_owned), errno: said.errno(), ..self };
        match (through, stopped) {
            (Some(how), _) => Self { result: "got-through", detail: Some(how), ..row },
            (None, _) if matches!(said, Said::Broken(_)) => {
                Self { result: "broken", detail: Some(said.describe()), ..row }
            }
            (None, Some(by)) => Self {
                result: "blocked",
                layer: Some(by.layer.name()),
                detail: Some(by.detail),
                how: Some(by.how),
                ..row
            },
            (None, None) => Self { result: "blocked", ..row },
        }
    }
}

impl Said {
    /// In words.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Done => "every call succeeded, and nothing came out".to_owned(),
            Self::Failed { at, .. } => format!("{at}: {}", self.errno().unwrap_or_default()),
            Self::Killed(signal) => format!("killed by signal {signal}"),
            Self::Hung => "did not end in time".to_owned(),
            Self::Broken(why) => format!("not tried: {why}"),
        }
    }
}

impl Report {
    pub(super) fn new(
        without: Option<Layer>,
        techniques: usize,
        results: Vec<Row>,
        unaccounted: Vec<String>,
        seconds: f64,
    ) -> Self {
        let mut summary = BTreeMap::new();
        for row in &results {
            *summary.entry(row.result).or_default() += 1;
        }
        let bad =
            |row: &Row| row.control == "failed" || matches!(row.result, "got-through" | "broken");
        let ok = !results.iter().any(bad)
            && results.iter().any(|row| row.result == "blocked")
            && unaccounted.is_empty();
        let release = nix::sys::utsname::uname();
        let kernel = release.map(|name| name.release().to_string_lossy().into_owned());
        Self {
            prxy: env!("CARGO_PKG_VERSION"),
            kernel: kernel.unwrap_or_default(),
            without: without.map(Layer::name),
            techniques,
            results,
            unaccounted,
            summary,
            seconds,
            ok,
        }
    }
}

/// What of a report a table shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Not what was left untried as root because no role is root with rights.
    Promised,
    /// Every result.
    All,
}

impl Report {
    /// A table; roles with the same outcome share a line.
    pub fn table(&self, shown: Shown) -> impl fmt::Display {
        fmt::from_fn(move |f| self.write_table(f, shown))
    }

    fn write_table(&self, f: &mut fmt::Formatter<'_>, shown: Shown) -> fmt::Result {
        writeln!(f, "prxy {} verify, Linux {}", self.prxy, self.kernel)?;
        let is_shown = |row: &&Row| shown == Shown::All || !row.is_untried_root();
        let mut lines: Vec<(Vec<&str>, [String; 7])> = Vec::new();
        for row in self.results.iter().filter(is_shown) {
            let cells = row.cells();
            let near = lines.iter_mut().rev().take(NEAR).find(|(_, other)| *other == cells);
            match near {
                Some((roles, _)) => roles.push(row.role),
                None => lines.push((vec![row.role], cells)),
            }
        }
        let head = ["technique", "as", "control", "result", "call", "errno", "stopped by, or why"]
            .map(str::to_owned);
        let mut table = vec![(vec!["roles"], head)];
        table.extend(lines);
        let table: Vec<_> = table
            .into_iter()
            .map(|(roles, [technique, rights, control, result, call, errno, why])| {
                ([technique, rights, roles.join(" "), control, result, call, errno], why)
            })
            .collect();
        let widths: [usize; 7] = std::array::from_fn(|column| {
            table.iter().map(|(cells, _)| cells[column].chars().count()).max().unwrap_or(0)
        });
        for (cells, why) in table {
            for (cell, width) in cells.iter().zip(widths) {
                write!(f, "{cell:width$}  ")?;
            }
            // The last one may be as long as it likes.
            writeln!(f, "{why}")?;
        }
        for frame in &self.unaccounted {
            writeln!(f, "unaccounted for: {frame}")?;
        }
        self.write_counts(f, self.results.iter().any(|row| !is_shown(&row)))?;
        if let Some(layer) = self.without {
            writeln!(f, "without {layer}, as you asked: what got through shows that it counts")?;
        }
        let count = |result| self.summary.get(result).copied().unwrap_or(0);
        writeln!(
            f,
            "{}: {} techniques, {} attempts, {} of them stopped, {} got through, {:.1} s",
            if self.ok { "ok" } else { "NOT OK" },
            self.techniques,
            count("blocked") + count("got-through") + count("broken"),
            count("blocked"),
            count("got-through"),
            self.seconds
        )
    }

    /// How the rows have ended, what of them stays untried and why.
    fn write_counts(&self, f: &mut fmt::Formatter<'_>, hidden: bool) -> fmt::Result {
        writeln!(f)?;
        for (rights, what) in [
            ("user", "confined as the role is"),
            ("root", "root in the role's cgroup and namespaces; no role is, so this is a margin"),
        ] {
            let mut counts: BTreeMap<_, usize> = BTreeMap::new();
            for row in self.results.iter().filter(|row| row.rights == rights) {
                *counts.entry(row.result).or_default() += 1;
            }
            let counts: Vec<_> = counts.iter().map(|(word, n)| format!("{n} {word}")).collect();
            writeln!(f, "as {rights}: {} ({what})", counts.join(", "))?;
        }
        let tasks =
            self.results.iter().filter(|r| r.rights == "user" && r.result == "not-promised");
        let tasks: Vec<_> = tasks.map(|row| format!("{} {}", row.role, row.technique)).collect();
        if !tasks.is_empty() {
            writeln!(f, "not promised as user, being the role's own task: {}", tasks.join(", "))?;
        }
        let mut untested: Vec<_> = self
            .results
            .iter()
            .filter(|r| r.control == "unavailable")
            .map(|r| r.technique)
            .collect();
        untested.dedup();
        if !untested.is_empty() {
            let (count, names) = (untested.len(), untested.join(", "));
            writeln!(f, "untested, because this kernel has no such thing: {count}: {names}")?;
        }
        if hidden {
            writeln!(
                f,
                "what is not promised or unavailable as root is not shown; --all shows it"
            )?;
        }
        Ok(())
    }
}

impl Row {
    fn is_untried_root(&self) -> bool {
        let untried = matches!(self.result, "not-promised" | "unavailable");
        self.rights == "root" && untried && self.control != "failed"
    }

    fn cells(&self) -> [String; 7] {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let why = match (self.layer, &self.detail) {
            (Some(layer), Some(detail)) if self.how == Some("kernel-event") => {
                format!("{layer}: {detail}")
            }
            (Some(layer), _) => layer.to_owned(),
            (None, Some(detail)) => detail.clone(),
            (None, None) if self.control != "got-through" => self.control_detail.clone(),
            (None, None) => String::new(),
        };
        [
            self.technique.to_owned(),
            self.rights.to_owned(),
            self.control.to_owned(),
            self.result.to_owned(),
            text(&self.call),
            text(&self.errno),
            why,
        ]
    }
}

/// As many lines back as there may be roles and users of one technique.
const NEAR: usize = 12;
