//! What follows from names that were found: second mentions, and the columns of tables.
//!
//! Not for finding the first mention: that is `person`.

use std::collections::HashSet;
use std::ops::Range;

use super::field::{self, Kind};
use super::lexicon::*;
use super::name::joined;
use super::person::{NAME, code_around};
use super::{Detector, Trigger};

pub(super) const AGAIN: Detector = Detector {
    name: "person-again",
    shape: "a part of a name that stands whole elsewhere in the text; cells under a head such as `Name`",
    validator: "capitalised, and no ordinary word; cells: nothing that is ordinary",
    score: 55,
    trigger: Trigger::Sweep(again),
    find: |_, _| None,
    positives: &[
        "⟦Anna Weber⟧ and Herr ⟦Zuiopmann⟧ met; ⟦Zuiopmann⟧ left.",
        "id,first_name,last_name,city\n1,⟦Qwert⟧,⟦Zuiop⟧,Ulm\n2,⟦Asdf⟧,⟦Ghjkl⟧,Bonn\n",
        "| Name | Age |\n|---|---|\n| ⟦Anna Weber⟧ | 3 |\n| ⟦Paul⟧ | 4 |\n",
    ],
    look_alikes: &[
        "id,name,price\n1,Widget,3\n2,Gadget,4\n",
        "Name,Type\nfoo,bar\n",
        "| Name | Type |\n|---|---|\n| Timeout | int |\n",
    ],
    ..NAME
};

/// Everything in `text` that follows from the hits for people so far.
fn again(text: &str, people: &[Range<usize>], found: &mut Vec<Range<usize>>) {
    let bytes = text.as_bytes();
    let first = found.len();
    tables(bytes, found);
    mentions(bytes, people, first, found);
}

/// Parts of names that stand alone elsewhere.
fn mentions(bytes: &[u8], people: &[Range<usize>], first: usize, found: &mut Vec<Range<usize>>) {
    let mut parts: HashSet<u64> = HashSet::new();
    let mut shortest = usize::MAX;
    let cells: Vec<Range<usize>> = found[first..].to_vec();
    for range in people.iter().chain(&cells) {
        let mut at = range.start;
        for _ in 0..6 {
            let Some(part) = joined(bytes, at).filter(|part| part.end <= range.end) else { break };
            let counts = part.case == Case::Title || part.case == Case::Upper;
            if counts && part.len() > 2 && !part.is(ORDINARY | PLACE | TITLE | PARTICLE) {
                parts.insert(hash(&part));
                shortest = shortest.min(part.len());
            }
            at = part.end
                + bytes[part.end..range.end]
                    .iter()
                    .take_while(|b| !b.is_ascii_alphabetic() && **b < 0xc3)
                    .count();
        }
    }
    if parts.is_empty() {
        return;
    }
    let mut at = 0;
    while let Some(skip) =
        bytes[at..].iter().position(|b| b.is_ascii_uppercase() || matches!(b, 0xc3..=0xc5))
    {
        let start = at + skip;
        let inner = start > 0
            && (bytes[start - 1].is_ascii_alphanumeric()
                || matches!(bytes[start - 1], b'_' | b'@' | 0x80..))
            && !super::text::spelled_escape(bytes, start);
        let Some(name) = word(bytes, start).filter(|_| !inner) else {
            at = start + 1;
            continue;
        };
        at = name.end;
        if name.len() >= shortest
            && name.case == Case::Title
            && parts.contains(&hash(&name))
            && !code_around(bytes, &name)
        {
            let whole = joined(bytes, start).unwrap_or(name);
            found.push(start..whole.end);
            at = whole.end;
        }
    }
}

/// The cells under the heads of columns that hold names.
fn tables(bytes: &[u8], found: &mut Vec<Range<usize>>) {
    let mut line_at = 0;
    while line_at < bytes.len() {
        let end = line(bytes, line_at);
        // A table has as many marks in its first row as in its head.
        let row = line(bytes, (end + 1).min(bytes.len()));
        let alike =
            end < bytes.len() && like(&bytes[line_at..end], &bytes[end + 1..row.max(end + 1)]);
        let next = match alike.then(|| head(&bytes[line_at..end])).flatten() {
            Some((mark, columns)) => rows(bytes, end + 1, mark, &columns, found),
            None => end + 1,
        };
        line_at = next.max(end + 1);
    }
}

fn line(bytes: &[u8], from: usize) -> usize {
    memchr::memchr(b'\n', &bytes[from..]).map_or(bytes.len(), |at| from + at)
}

/// Whether two lines have as many marks of one kind.
fn like(first: &[u8], second: &[u8]) -> bool {
    const MARKS: [u8; 4] = [b'|', b'\t', b';', b','];
    let Some(mark) = MARKS.into_iter().find(|mark| first.contains(mark)) else { return false };
    let count = |line: &[u8]| memchr::memchr_iter(mark, line).count();
    count(second) >= count(first)
}

/// The mark between columns, and what each column holds, if this is the head of a table with names.
fn head(line: &[u8]) -> Option<(u8, Vec<Option<Kind>>)> {
    if line.len() > 400 || line.len() < 8 {
        return None;
    }
    let mark = [b'|', b'\t', b';', b','].into_iter().find(|mark| line.contains(mark))?;
    // The head of a table is short words; prose is not.
    let cells = || line.split(move |b| *b == mark).map(trim);
    if cells().count() < 2 || cells().any(|cell| cell.len() > 40) {
        return None;
    }
    let kinds: Vec<Option<Kind>> =
        cells().map(|cell| field::key(cell).filter(|_| !cell.contains(&b':'))).collect();
    kinds.iter().any(Option::is_some).then_some((mark, kinds))
}

/// Reads the rows from `at`, as long as they have as many cells as the head.
fn rows(
    bytes: &[u8],
    mut at: usize,
    mark: u8,
    columns: &[Option<Kind>],
    found: &mut Vec<Range<usize>>,
) -> usize {
    while at < bytes.len() {
        let end = line(bytes, at);
        let before = found.len();
        let (mut start, mut column, mut quoted) = (at, 0, false);
        for i in at..=end {
            let last = i == end;
            if !last && bytes[i] == b'"' {
                quoted = !quoted;
            }
            if !last && (quoted || bytes[i] != mark) {
                continue;
            }
            if let Some(Some(kind)) = columns.get(column) {
                cell(bytes, start..i, *kind, found);
            }
            column += 1;
            start = i + 1;
        }
        if column != columns.len() {
            found.truncate(before);
            return at;
        }
        at = end + 1;
    }
    at
}

/// The name that a cell is, if it is one.
fn cell(bytes: &[u8], range: Range<usize>, kind: Kind, found: &mut Vec<Range<usize>>) {
    let text = trim(&bytes[range.clone()]);
    if text.is_empty() || text.len() > 60 {
        return;
    }
    let start = range.start
        + bytes[range.clone()]
            .iter()
            .take_while(|b| matches!(b, b' ' | b'"' | b'\'' | b'*'))
            .count();
    if let Some(hit) = field::value(bytes, start, kind).filter(|hit| hit.end <= range.end) {
        found.push(hit);
    }
}

fn trim(cell: &[u8]) -> &[u8] {
    let from = cell
        .iter()
        .position(|b| !matches!(b, b' ' | b'"' | b'\'' | b'*' | b'\r'))
        .unwrap_or(cell.len());
    let to = cell
        .iter()
        .rposition(|b| !matches!(b, b' ' | b'"' | b'\'' | b'*' | b'\r'))
        .map_or(from, |at| at + 1);
    &cell[from..to]
}
