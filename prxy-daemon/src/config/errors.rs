//! All problems of one load, printed as a compiler prints its own.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use unicode_width::UnicodeWidthChar;

use super::hide;
use super::problem::{Kind, Span};

/// Every problem that a load found; `Display` prints them all, with places and carets.
#[derive(Debug, Default)]
pub struct ConfigErrors {
    problems: Vec<Problem>,
}

impl std::error::Error for ConfigErrors {}

impl ConfigErrors {
    /// How many there are; never zero.
    pub fn count(&self) -> usize {
        self.problems.len()
    }

    /// All of them, for machines.
    pub fn told(&self) -> Vec<Told> {
        self.problems.iter().map(Problem::told).collect()
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().take(MAX_SHOWN).enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        match self.problems.len().saturating_sub(MAX_SHOWN) {
            0 => Ok(()),
            more => write!(f, "\nand {more} more"),
        }
    }
}

/// One problem, for machines.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Told {
    /// A path, a variable or an option.
    pub source: String,
    /// From 1; none for what is no file.
    pub line: Option<usize>,
    /// From 1, in characters.
    pub column: Option<usize>,
    /// What is wrong.
    pub message: String,
}

/// Collects problems from all sources, in the order in which they should be read.
#[derive(Default)]
pub(super) struct Problems(Vec<Problem>);

impl Problems {
    pub(super) fn add(&mut self, source: &Arc<Source>, span: Option<Span>, kind: Kind) {
        self.0.push(Problem { source: source.clone(), span, kind });
    }

    /// Adds problems of one text in the order of their places.
    pub(super) fn extend(&mut self, source: &Arc<Source>, mut problems: Vec<(Span, Kind)>) {
        problems.sort_by_key(|(span, _)| span.start);
        self.0.extend(problems.into_iter().map(|(span, kind)| Problem {
            source: source.clone(),
            span: Some(span),
            kind,
        }));
    }

    /// `Err` if there is any.
    pub(super) fn check(self) -> Result<(), ConfigErrors> {
        if self.0.is_empty() { Ok(()) } else { Err(ConfigErrors { problems: self.0 }) }
    }
}

/// A text that configuration came from.
pub(super) struct Source {
    /// A path, a variable or an option, as the user knows it.
    pub(super) name: String,
    pub(super) text: String,
    /// Whether places in it have a line and a column.
    pub(super) has_lines: bool,
    /// What must never be printed, in order.
    pub(super) hidden: Vec<Range<usize>>,
}

impl Source {
    /// A value that is no file: a variable, an option.
    pub(super) fn value(name: &str, text: &str) -> Arc<Self> {
        let hidden = hide::secret_ranges(text);
        Arc::new(Self { name: name.to_owned(), text: text.to_owned(), has_lines: false, hidden })
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("name", &self.name).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Problem {
    source: Arc<Source>,
    span: Option<Span>,
    kind: Kind,
}

impl Problem {
    fn told(&self) -> Told {
        let at = self.span.filter(|_| self.source.has_lines);
        let at = at.map(|span| Place::of(&self.source.text, span));
        Told {
            source: self.source.name.clone(),
            line: at.as_ref().map(|at| at.line),
            column: at.as_ref().map(|at| at.column),
            message: self.kind.to_string(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(span) = self.span else {
            return write!(f, "{}: error: {}", self.source.name, self.kind);
        };
        let place = Place::of(&self.source.text, span);
        let line = Line::of(&self.source, place.line_start, span);
        let gutter = if self.source.has_lines {
            write!(f, "{}:{}:{}: error: ", self.source.name, place.line, place.column)?;
            place.line.to_string()
        } else {
            write!(f, "{}: error: ", self.source.name)?;
            String::new()
        };
        writeln!(f, "{}", self.kind)?;
        let width = gutter.len();
        writeln!(f, "{gutter} | {}", line.shown)?;
        write!(f, "{:width$} | {:before$}{}", "", "", "^".repeat(line.carets), before = line.before)
    }
}

/// Line and column, both from 1; columns count characters.
struct Place {
    line: usize,
    column: usize,
    line_start: usize,
}

impl Place {
    fn of(text: &str, span: Span) -> Self {
        let before = &text[..span.start];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Self {
            line: 1 + before.bytes().filter(|b| *b == b'\n').count(),
            column: 1 + before[line_start..].chars().count(),
            line_start,
        }
    }
}

/// One line as a terminal shows it, and where the carets go below it.
struct Line {
    shown: String,
    before: usize,
    carets: usize,
}

impl Line {
    fn of(source: &Source, start: usize, span: Span) -> Self {
        let text = source.text[start..].lines().next().unwrap_or_default();
        let (cells, carets) = cells(source, text, start, span);
        let width = |cells: &[char]| cells.iter().map(|c| c.width().unwrap_or(0)).sum::<usize>();

        // A file may be one long line: show the part around the carets.
        let from = if carets.end.min(carets.start + MAX_LINE / 2) > MAX_LINE {
            carets.start.saturating_sub(MAX_LINE / 4)
        } else {
            0
        };
        let to = cells.len().min(from + MAX_LINE);
        let carets = carets.start..carets.end.min(to).max(carets.start);
        let mut shown: String = cells[from..to].iter().collect();
        let mut before = width(&cells[from..carets.start.max(from)]);
        if from > 0 {
            shown.insert(0, '…');
            before += 1;
        }
        if to < cells.len() {
            shown.push('…');
        }
        let shown = shown.trim_end().to_owned();
        Self { shown, before, carets: width(&cells[carets]).max(1) }
    }
}

/// The characters to show for a line, and which of them the span covers.
fn cells(source: &Source, text: &str, start: usize, span: Span) -> (Vec<char>, Range<usize>) {
    let hidden = hide::merge(
        hide::secret_ranges(text)
            .into_iter()
            .map(|range| range.start + start..range.end + start)
            .chain(source.hidden.iter().filter(|r| r.end > start).cloned())
            .collect(),
    );
    let mut hidden = hidden.into_iter().peekable();
    let mut cells: Vec<char> = Vec::new();
    let mut covered: Option<Range<usize>> = None;
    let mut replaced = usize::MAX;
    for (at, c) in text.trim_end().char_indices().map(|(at, c)| (at + start, c)) {
        while hidden.next_if(|range| range.end <= at).is_some() {}
        let first = cells.len();
        match hidden.peek() {
            Some(range) if range.contains(&at) => {
                if replaced != range.start {
                    replaced = range.start;
                    cells.extend(hide::HIDDEN.chars());
                }
            }
            _ if c == '\t' => cells.extend([' '; TAB]),
            _ => cells.push(hide::printable(c)),
        }
        if at >= span.start && (at < span.end || (span.is_empty() && covered.is_none())) {
            let begin = covered.map_or(first, |range| range.start);
            covered = Some(begin..cells.len());
        }
    }
    let end = cells.len();
    (cells, covered.unwrap_or(end..end))
}

/// How many problems are printed.
pub(super) const MAX_SHOWN: usize = 50;
/// Longest part of a line that is shown, in characters.
const MAX_LINE: usize = 120;
const TAB: usize = 4;
