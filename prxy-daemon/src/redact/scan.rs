//! The scanner: everything sensitive in one text, found in one pass.
//!
//! Not for deciding what happens to it: that is `mask`.

mod decode;
mod encoded;
mod fold;
mod lists;
mod merge;
mod overlap;
mod table;
mod triggers;
mod view;
mod wrap;

#[cfg(test)]
pub(super) mod tests;

use std::collections::BTreeMap;
use std::ops::Range;

use regex::Regex;
use thiserror::Error;

use super::detect::{self, DETECTORS};
use super::rehydrate::lookalikes;
use super::{Action, Label, Policy, placeholder};
use crate::provider::answer::Spelling;
use crate::provider::place::Place;
pub(super) use lists::DENIED;
use lists::Lists;
use triggers::{Literals, Match};

use overlap::resolve;
use view::View;

/// The index of a label in its [`Scanner`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LabelId(pub u16);

/// One hit: bytes `start..end` of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The offset of the first byte.
    pub start: usize,
    /// The offset behind the last byte.
    pub end: usize,
    /// What it is.
    pub label: LabelId,
    /// Confidence, 0 to 100.
    pub score: u8,
    /// The detector's name; `pattern` for the user's own.
    pub detector: &'static str,
}

/// What one look at a text finds.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    /// Every hit, placeholder-like text included: for text that is not masked yet.
    pub spans: Vec<Span>,
    /// Every hit that does not lie inside placeholder-like text: for text that is masked already.
    pub rest: Vec<Span>,
    /// The placeholder-like texts.
    pub placeholders: Vec<Span>,
    /// What escapes hide in it; `mask::hidden` looks for that.
    pub hidden: Option<Hidden>,
}

/// What is wrong below the surface of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hidden {
    /// A value spelled with escapes.
    Label(LabelId),
    /// Escapes of escapes, more often than anybody writes: not read to the end.
    TooDeep,
}

impl Found {
    /// Whether there is nothing to remember.
    pub(super) fn is_empty(&self) -> bool {
        self.spans.is_empty() && self.hidden.is_none()
    }
}

/// Why a policy cannot be scanned for.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ScannerError {
    /// A policy or pattern names `LITERAL`, which is ours.
    #[error("the label LITERAL is reserved for text that looks like a placeholder")]
    Reserved,
    /// More labels than an index holds.
    #[error("too many labels")]
    TooManyLabels,
    /// The literal triggers could not be built.
    #[error("triggers: {0}")]
    Triggers(String),
}

/// All detectors that a policy wants, built once.
pub struct Scanner {
    labels: Vec<(Label, Action)>,
    ids: BTreeMap<Label, LabelId>,
    literal: LabelId,
    literals: Literals,
    email: Option<Recogniser>,
    /// By the kind of run that starts them.
    digits: [Vec<Recogniser>; detect::CLASSES],
    announced: Vec<(u32, Recogniser)>,
    colon: Vec<Recogniser>,
    keys: Vec<Recogniser>,
    words: Vec<(detect::Class, Recogniser)>,
    sweeps: Vec<(detect::Sweep, Recogniser)>,
    patterns: Vec<(LabelId, Regex)>,
    lists: Lists,
    gaps: BTreeMap<LabelId, usize>,
}

/// Where the last hit of each detector ends, in one pass from left to right.
struct Seen([usize; DETECTORS.len()]);

impl Default for Seen {
    fn default() -> Self {
        Self([0; DETECTORS.len()])
    }
}

/// A detector of the table with its label's index.
#[derive(Clone, Copy)]
struct Recogniser {
    label: LabelId,
    score: u8,
    name: &'static str,
    /// Its place in the table.
    row: usize,
    find: fn(&str, Range<usize>) -> Option<Range<usize>>,
}

/// The label of text that looks like one of our placeholders.
pub const LITERAL: &str = "LITERAL";

impl Scanner {
    /// Builds the scanner for the labels that `policy` does not allow to leave.
    ///
    /// # Errors
    /// Where the policy uses a label that it must not.
    pub fn new(policy: &Policy) -> Result<Self, ScannerError> {
        Self::at(policy, Place::Other)
    }

    /// The same for one place. All scanners of a policy have the same indexes of labels.
    ///
    /// # Errors
    /// Where the policy uses a label that it must not.
    pub(super) fn at(policy: &Policy, place: Place) -> Result<Self, ScannerError> {
        let actions = policy.at(place);
        let mut scanner = Self {
            labels: Vec::new(),
            ids: BTreeMap::new(),
            literal: LabelId(0),
            literals: Literals::none(),
            email: None,
            digits: std::array::from_fn(|_| Vec::new()),
            announced: Vec::new(),
            colon: Vec::new(),
            keys: Vec::new(),
            words: Vec::new(),
            sweeps: Vec::new(),
            patterns: Vec::new(),
            lists: Lists::default(),
            gaps: BTreeMap::new(),
        };
        let ours = Label::new(LITERAL).ok_or(ScannerError::Reserved)?;
        if actions.contains_key(&ours) {
            return Err(ScannerError::Reserved);
        }
        scanner.literal = scanner.intern(ours, Action::Mask)?;
        let mut literals = Vec::new();
        for (row, detector) in DETECTORS.iter().enumerate() {
            let Some(label) = Label::new(detector.label) else { continue };
            let action = actions.get(&label).copied().unwrap_or(detector.action);
            let off = action == Action::Allow || policy.ignore.contains(&label);
            let id = scanner.intern(label, action)?;
            if off {
                continue;
            }
            let row = Recogniser {
                label: id,
                score: detector.score,
                name: detector.name,
                row,
                find: detector.find,
            };
            match detector.trigger {
                detect::Trigger::At => {
                    scanner.email = Some(row);
                    literals.push(("%40", Match::Exact, row));
                    literals.push(("%2540", Match::Exact, row));
                }
                detect::Trigger::Digits(runs) => {
                    let wanted = |(class, _): &(usize, _)| runs.has(*class);
                    let lists = scanner.digits.iter_mut().enumerate().filter(wanted);
                    lists.for_each(|(_, list)| list.push(row));
                }
                detect::Trigger::Announced(topics) => scanner.announced.push((topics, row)),
                detect::Trigger::Colon => scanner.colon.push(row),
                detect::Trigger::Word(class) => scanner.words.push((class, row)),
                detect::Trigger::Key => scanner.keys.push(row),
                detect::Trigger::Sweep(sweep) => scanner.sweeps.push((sweep, row)),
                detect::Trigger::Literals(list) => {
                    literals.extend(list.iter().map(|text| (*text, Match::Exact, row)))
                }
                detect::Trigger::Folded(list) => {
                    literals.extend(list.iter().map(|text| (*text, Match::Folded, row)))
                }
                detect::Trigger::Words(list) => {
                    literals.extend(list.iter().map(|text| (*text, Match::Word, row)))
                }
            }
        }
        for (label, regex) in &policy.patterns {
            let action = actions.get(label).copied().unwrap_or(Action::Mask);
            let id = scanner.intern(label.clone(), action)?;
            if scanner.labels[usize::from(id.0)].1 != Action::Allow {
                scanner.patterns.push((id, regex.clone()));
            }
        }
        for (label, action) in actions {
            scanner.intern(label, action)?;
        }
        scanner.gaps = policy
            .merge_gap
            .iter()
            .filter_map(|(label, gap)| Some((*scanner.ids.get(label)?, *gap)))
            .collect();
        scanner.lists = Lists::new(policy, |label| {
            let id = *scanner.ids.get(label)?;
            (scanner.action(id) != Action::Allow).then_some(id)
        })?;
        scanner.literals = Literals::new(literals)?;
        Ok(scanner)
    }

    /// Finds every hit in `text`: sorted, not overlapping, appended to `found`.
    ///
    /// Text that looks like one of our own placeholders is found under the label [`LITERAL`].
    pub fn scan(&self, text: &str, found: &mut Vec<Span>) {
        let base = found.len();
        self.candidates(text, found);
        let mut placeholders = Vec::new();
        self.placeholders(text, &mut placeholders);
        found.append(&mut placeholders);
        let mut all = found.split_off(base);
        self.settle(text, &mut all);
        found.append(&mut all);
    }

    /// Finds every hit, and apart from that what is left if the placeholders in `text` are our own.
    pub(super) fn scan_both(&self, text: &str) -> Found {
        let mut spans = Vec::new();
        self.candidates(text, &mut spans);
        let mut placeholders = Vec::new();
        self.placeholders(text, &mut placeholders);
        if placeholders.is_empty() {
            self.settle(text, &mut spans);
            return Found { rest: spans.clone(), spans, placeholders, hidden: None };
        }
        // Detectors may see a hit inside a placeholder: that is its own text.
        let inside = |hit: &Span| {
            let behind = placeholders.partition_point(|own| own.start <= hit.start);
            behind > 0 && hit.end <= placeholders[behind - 1].end
        };
        let mut rest: Vec<Span> = spans.iter().filter(|hit| !inside(hit)).copied().collect();
        self.settle(text, &mut rest);
        spans.extend_from_slice(&placeholders);
        self.settle(text, &mut spans);
        Found { spans, rest, placeholders, hidden: None }
    }

    /// The label behind an index of this scanner.
    pub fn label(&self, id: LabelId) -> &Label {
        &self.labels[usize::from(id.0)].0
    }

    /// What the policy says of a label of this scanner.
    pub fn action(&self, id: LabelId) -> Action {
        self.labels[usize::from(id.0)].1
    }

    /// What the policy says of each label, in the order of their indexes.
    pub(super) fn actions(&self) -> impl Iterator<Item = Action> {
        self.labels.iter().map(|(_, action)| *action)
    }

    /// The length below which no text can hold a hit.
    pub(super) fn shortest(&self) -> usize {
        if self.patterns.is_empty() && !self.denies() { MIN_HIT } else { 1 }
    }

    /// Resolves the overlaps of hits of one text, and joins those that are one value.
    pub(super) fn settle(&self, text: &str, found: &mut Vec<Span>) {
        resolve(found, 0, |id| self.row(id));
        merge::merge(text, &self.gaps, found);
    }

    /// Whether there are texts that are found wherever they stand.
    pub(super) fn denies(&self) -> bool {
        self.lists.denies()
    }

    fn row(&self, id: LabelId) -> &(Label, Action) {
        &self.labels[usize::from(id.0)]
    }

    /// The index of [`LITERAL`].
    pub fn literal(&self) -> LabelId {
        self.literal
    }

    fn intern(&mut self, label: Label, action: Action) -> Result<LabelId, ScannerError> {
        if let Some(id) = self.ids.get(&label) {
            return Ok(*id);
        }
        let id =
            LabelId(u16::try_from(self.labels.len()).map_err(|_| ScannerError::TooManyLabels)?);
        self.ids.insert(label.clone(), id);
        self.labels.push((label, action));
        Ok(id)
    }

    /// Every hit before overlaps are resolved, placeholders left out.
    fn candidates(&self, text: &str, found: &mut Vec<Span>) {
        self.candidates_within(text, ENCODINGS, found);
    }

    /// The same, read as often as values are encoded in one another.
    fn candidates_within(&self, text: &str, encodings: usize, found: &mut Vec<Span>) {
        let base = found.len();
        let folded = fold::fold(text);
        let plain = folded.as_ref().map_or(text, View::text);
        self.plain(plain, found);
        if let Some(view) = decode::decode(plain) {
            let mut hits = Vec::new();
            self.plain(view.text(), &mut hits);
            for hit in hits {
                let Some(weak) = view.weakness(&(hit.start..hit.end)) else { continue };
                let hit = moved(&hit, view.source(&(hit.start..hit.end)));
                if is_column(&plain.as_bytes()[hit.start..hit.end]) {
                    continue;
                }
                let overlaps = |other: &Span| other.start < hit.end && hit.start < other.end;
                if !(weak && found[base..].iter().any(overlaps)) {
                    found.push(hit);
                }
            }
        }
        if encodings > 0 {
            encoded::each(plain, |range, decoded| {
                let mut hits = Vec::new();
                self.candidates_within(decoded, encodings - 1, &mut hits);
                // The gravest; of several, the first.
                let gravest = hits.iter().rev().max_by_key(|hit| self.action(hit.label));
                if let Some(hit) = gravest {
                    found.push(moved(hit, range));
                }
            });
        }
        if let Some(view) = &folded {
            for hit in &mut found[base..] {
                *hit = moved(hit, view.source(&(hit.start..hit.end)));
            }
            self.patterns(text, found);
        }
        self.lists.spare(text, found, base);
    }

    /// Every hit of a text as it stands.
    fn plain(&self, text: &str, found: &mut Vec<Span>) {
        let base = found.len();
        self.shapes(text, found);
        // The header of a column is the word before each of its cells.
        let (mut named, mut hits) = (String::new(), Vec::new());
        table::each_cell(text, |header, cell| {
            named.clear();
            named.push_str(header);
            named.push_str(": ");
            let lead = named.len();
            named.push_str(&text[cell.clone()]);
            hits.clear();
            self.shapes(&named, &mut hits);
            let inside = hits.iter().filter(|hit| hit.start >= lead);
            found.extend(inside.map(|hit| {
                let at = |i: usize| i - lead + cell.start;
                moved(hit, at(hit.start)..at(hit.end))
            }));
        });
        for (sweep, row) in &self.sweeps {
            let hits = found[base..].iter().filter(|hit| hit.label == row.label);
            let hits: Vec<Range<usize>> = hits.map(|hit| hit.start..hit.end).collect();
            if hits.is_empty() {
                continue;
            }
            let mut more = Vec::new();
            sweep(text, &hits, &mut more);
            found.extend(more.into_iter().map(|range| row.hit(range)));
        }
        self.patterns(text, found);
    }

    /// Every hit of the table of detectors.
    fn shapes(&self, text: &str, found: &mut Vec<Span>) {
        let bytes = text.as_bytes();
        if bytes.len() >= MIN_SECRET {
            let mut seen = Seen::default();
            self.literals.each(text, |row, at| row.look(text, at, &mut seen, found));
        }
        let mut seen = Seen::default();
        let mut i = 0;
        while let Some(skip) = bytes[i..].iter().position(|b| STARTS[usize::from(*b)]) {
            let at = i + skip;
            i = at + 1;
            match bytes[at] {
                b'@' => {
                    if let Some(row) = &self.email {
                        row.look(text, at..i, &mut seen, found);
                    }
                }
                b':' => {
                    if colon_inside(bytes, at) {
                        self.colon.iter().for_each(|row| row.look(text, at..i, &mut seen, found));
                    }
                    if behind_key(bytes, at) {
                        self.keys.iter().for_each(|row| row.look(text, at..i, &mut seen, found));
                    }
                }
                // Inside of a word; behind `\n` spelled out one may begin.
                b'A'..=b'Z' if inside(bytes, at) => {}
                b'A'..=b'Z' | 0xc3..=0xc5 | 0xe3..=0xe9 => {
                    if self.words.is_empty() {
                        continue;
                    }
                    let (end, class) = detect::word_at(bytes, at);
                    i = end;
                    if class != 0 {
                        for (wanted, row) in &self.words {
                            if class & wanted != 0 {
                                row.look(text, at..end, &mut seen, found);
                            }
                        }
                    }
                }
                b'0'..=b'9' if let Some(len) = detect::coded_len(bytes, at) => i = at + len,
                // In identifiers and base64 a digit alone is the most common trigger, and hardly ever begins a value.
                _ if bytes.get(i).is_some_and(u8::is_ascii_alphabetic) => {
                    if detect::begins_chain(bytes, at) {
                        let class = detect::CHAIN;
                        self.digits[class]
                            .iter()
                            .for_each(|row| row.look(text, at..i, &mut seen, found));
                    }
                }
                _ => {
                    while bytes.get(i).is_some_and(u8::is_ascii_digit) {
                        i += 1;
                    }
                    let run = at..i;
                    let look = detect::look(bytes, &run);
                    i = look.next;
                    if let Some(class) = look.class {
                        self.digits[class]
                            .iter()
                            .for_each(|row| row.look(text, run.clone(), &mut seen, found));
                    }
                    if (run.len() >= 3 || look.class.is_some()) && !self.announced.is_empty() {
                        let topics = detect::announcing(bytes, &run);
                        for (wanted, row) in &self.announced {
                            if wanted & topics != 0 {
                                row.look(text, run.clone(), &mut seen, found);
                            }
                        }
                    }
                }
            }
        }
    }

    /// What the configuration names.
    fn patterns(&self, text: &str, found: &mut Vec<Span>) {
        self.lists.find(text, found);
        for (label, regex) in &self.patterns {
            found.extend(regex.find_iter(text).filter(|hit| !hit.is_empty()).map(|hit| Span {
                start: hit.start(),
                end: hit.end(),
                label: *label,
                score: PATTERN_SCORE,
                detector: "pattern",
            }));
        }
    }

    /// Everything that looks like one of our placeholders.
    fn placeholders(&self, text: &str, found: &mut Vec<Span>) {
        for at in memchr::memchr_iter(b'<', text.as_bytes()) {
            let Some((range, label)) = placeholder::at(text, at) else { continue };
            if self.knows(label) {
                found.push(self.literal_at(range));
            }
        }
        // Whatever else would be restored if a model said it, and is not there yet.
        let mut others = Vec::new();
        lookalikes(text, Spelling::Plain, &|label| self.knows(label), |range, _| {
            let before = found.partition_point(|own| own.end <= range.start);
            if found.get(before).is_none_or(|own| own.start >= range.end) {
                others.push(self.literal_at(range));
            }
        });
        if !others.is_empty() {
            found.append(&mut others);
            found.sort_unstable_by_key(|own| own.start);
        }
    }

    /// The name of the placeholder that such a text would be taken for, such as `EMAIL_1`.
    pub(super) fn looks_like(&self, text: &str) -> Option<String> {
        if let Some((range, _)) =
            placeholder::at(text, 0).filter(|(range, _)| range.end == text.len())
        {
            return Some(text[range.start + 1..range.end - 1].to_owned());
        }
        let mut name = None;
        lookalikes(text, Spelling::Plain, &|label| self.knows(label), |_, found| {
            name = Some(found.to_owned());
        });
        name
    }

    pub(super) fn knows(&self, label: &str) -> bool {
        Label::new(label).is_some_and(|label| self.ids.contains_key(&label))
    }

    fn literal_at(&self, range: Range<usize>) -> Span {
        let (start, end, label) = (range.start, range.end, self.literal);
        Span { start, end, label, score: 100, detector: "placeholder" }
    }
}

impl Recogniser {
    fn look(&self, text: &str, at: Range<usize>, seen: &mut Seen, found: &mut Vec<Span>) {
        // A trigger inside this detector's last hit has been seen already.
        if at.start < seen.0[self.row] {
            return;
        }
        if let Some(range) = (self.find)(text, at) {
            seen.0[self.row] = range.end;
            found.push(self.hit(range));
        }
    }

    fn hit(&self, range: Range<usize>) -> Span {
        Span {
            start: range.start,
            end: range.end,
            label: self.label,
            score: self.score,
            detector: self.name,
        }
    }
}

impl std::fmt::Debug for Scanner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scanner").field("labels", &self.labels).finish_non_exhaustive()
    }
}

/// The same hit elsewhere.
fn moved(hit: &Span, range: Range<usize>) -> Span {
    Span { start: range.start, end: range.end, ..*hit }
}

/// Whether `value` is numbers below each other: one number is broken once at most.
fn is_column(value: &[u8]) -> bool {
    memchr::memchr_iter(b'\n', value).nth(1).is_some() && !value.iter().any(u8::is_ascii_alphabetic)
}

/// Whether the colon at `at` can belong to an IPv6 address.
fn colon_inside(bytes: &[u8], at: usize) -> bool {
    let part = |b: &u8| b.is_ascii_hexdigit() || *b == b':';
    let next = bytes.get(at + 1);
    next.is_some_and(part) && (next == Some(&b':') || at > 0 && part(&bytes[at - 1]))
}

/// Whether a letter or a digit that no escape could end stands before `at`.
fn inside(bytes: &[u8], at: usize) -> bool {
    let Some(before) = at.checked_sub(1).map(|before| bytes[before]) else { return false };
    let escape = at > 1 && matches!(bytes[at - 2], b'\\' | b'%')
        || at > 2 && matches!(bytes[at - 3], b'%' | b'x' | b'[' | b'u');
    before.is_ascii_alphanumeric() && !escape && before != b'm'
}

/// Whether the colon at `at` may end a field's key: a letter, a quote or a bracket before it, and no second colon.
fn behind_key(bytes: &[u8], at: usize) -> bool {
    let Some(before) = at.checked_sub(1).map(|before| bytes[before]) else { return false };
    let key = before.is_ascii_alphabetic()
        || matches!(before, b'"' | b'\'' | b'*' | b')' | b'`' | b' ' | 0x80..);
    key && matches!(
        bytes.get(at + 1),
        Some(b' ' | b'"' | b'\'' | b'*' | b'\t' | b'[' | b'A'..=b'Z' | b'a'..=b'z' | b'\\')
    )
}

/// The bytes that make the scanner look closer.
const STARTS: [bool; 256] = {
    let mut starts = [false; 256];
    let mut digit = b'0';
    while digit <= b'9' {
        starts[digit as usize] = true;
        digit += 1;
    }
    let mut capital = b'A';
    while capital <= b'Z' {
        starts[capital as usize] = true;
        capital += 1;
    }
    // The first bytes of letters with diacritics and of ideographs.
    let mut first = 0xc3;
    while first <= 0xe9 {
        starts[first] = first <= 0xc5 || first >= 0xe3;
        first += 1;
    }
    starts[b'@' as usize] = true;
    starts[b':' as usize] = true;
    starts
};

/// A value in base64 in base64 is found.
const ENCODINGS: usize = 2;
/// No key with a literal trigger, nor `a%40b.co`, is shorter.
const MIN_SECRET: usize = 8;
/// `a@b.co`.
const MIN_HIT: usize = 6;
/// What the user asked for by name outweighs what a table guesses, at equal length.
const PATTERN_SCORE: u8 = 100;
