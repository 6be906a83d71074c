//! Tables in text: the header of a column speaks for its cells.
//!
//! CSV with commas, semicolons or tabs, and Markdown. One header is remembered per table, so a text is read once.

use std::ops::Range;

use crate::redact::detect;

/// Calls `see` with the header and the place of every cell whose header announces something.
pub(super) fn each_cell(text: &str, mut see: impl FnMut(&str, Range<usize>)) {
    let bytes = text.as_bytes();
    let mut before: Option<Line> = None;
    let mut table: Option<Table<'_>> = None;
    let mut start = 0;
    while start < bytes.len() {
        let end = memchr::memchr(b'\n', &bytes[start..]).map_or(bytes.len(), |i| start + i);
        let range = start..end;
        start = end + 1;
        // A rule of `-` and `+` parts the header of a query's answer from its rows.
        if is_rule(&bytes[range.clone()]) {
            continue;
        }
        let line = Line::read(bytes, range);
        // A table goes on while its mark and the number of its columns do.
        let same = match (&before, &line) {
            (Some(above), Some(line)) => above.mark == line.mark && above.count == line.count,
            _ => false,
        };
        match (&mut table, line) {
            (Some(known), Some(line)) if known.fits(&line) => {
                known.cells(text, &line, &mut see);
                before = Some(line);
            }
            (_, line) => {
                table = None;
                if let (true, Some(header), Some(line)) = (same, &before, &line) {
                    let new = Table::of(text, header);
                    if !new.columns.is_empty() {
                        new.cells(text, line, &mut see);
                    }
                    // One without columns of ours too: its rows are not taken for headers.
                    table = Some(new);
                }
                before = line;
            }
        }
    }
}

fn is_rule(line: &[u8]) -> bool {
    line.first().is_some_and(|b| matches!(b, b'-' | b'+'))
        && line.iter().all(|b| matches!(b, b'-' | b'+' | b'=' | b' ' | b'\r'))
}

/// A line with marks between cells.
struct Line {
    range: Range<usize>,
    mark: u8,
    count: usize,
}

impl Line {
    fn read(bytes: &[u8], range: Range<usize>) -> Option<Self> {
        let line = &bytes[range.clone()];
        let first = memchr::memchr3(b',', b'\t', b'|', line);
        let other = memchr::memchr(b';', &line[..first.unwrap_or(line.len())]);
        let mark = line[other.or(first)?];
        let count = if memchr::memchr(b'"', line).is_none() {
            memchr::memchr_iter(mark, line).count()
        } else {
            let mut quoted = false;
            line.iter()
                .filter(|b| {
                    quoted ^= **b == b'"';
                    **b == mark && !quoted
                })
                .count()
        };
        Some(Self { range, mark, count })
    }
}

/// A table whose header was seen.
struct Table<'t> {
    mark: u8,
    count: usize,
    /// The columns of ours: their places and headers.
    columns: Vec<(usize, &'t str)>,
}

impl<'t> Table<'t> {
    fn of(text: &'t str, header: &Line) -> Self {
        let (mut columns, mut named) = (Vec::new(), 0);
        each_field(text.as_bytes(), header, |column, cell| {
            let name = &text[cell];
            let short = (2..=40).contains(&name.len()) && column < MOST_COLUMNS;
            if short
                && !name.ends_with(':')
                && (detect::names_a_value(name) || detect::names_a_secret(name))
            {
                columns.push((column, name));
            }
            named += usize::from(!name.is_empty());
        });
        // A lone name and a comma is an argument of a call.
        if named < 2 {
            columns.retain(|(_, name)| detect::names_a_value(name));
        }
        Self { mark: header.mark, count: header.count, columns }
    }

    fn fits(&self, line: &Line) -> bool {
        line.mark == self.mark && line.count == self.count
    }

    fn cells(&self, text: &str, line: &Line, see: &mut impl FnMut(&str, Range<usize>)) {
        if self.columns.is_empty() {
            return;
        }
        let mut wanted = self.columns.iter().peekable();
        each_field(text.as_bytes(), line, |column, cell| {
            if let Some((_, name)) = wanted.next_if(|(known, _)| *known == column)
                && (2..=64).contains(&cell.len())
            {
                see(name, cell);
            }
        });
    }
}

/// Calls `see` with the place of every cell of a line, without quotes and spaces around it.
fn each_field(bytes: &[u8], line: &Line, mut see: impl FnMut(usize, Range<usize>)) {
    let (mut column, mut start, mut quoted) = (0, line.range.start, false);
    let trim = |b: &u8| matches!(b, b' ' | b'"' | b'\'' | b'*' | b'`' | b'\r' | b'_');
    let mut give = |column, range: Range<usize>| {
        let cell = &bytes[range.clone()];
        let lead = cell.iter().take_while(|b| trim(b)).count();
        let tail = cell[lead..].iter().rev().take_while(|b| trim(b)).count();
        see(column, range.start + lead..range.end - tail);
    };
    for i in line.range.clone() {
        if bytes[i] == b'"' {
            quoted = !quoted;
        } else if bytes[i] == line.mark && !quoted {
            give(column, start..i);
            (column, start) = (column + 1, i + 1);
        }
    }
    give(column, start..line.range.end);
}

/// Wider tables have no headers that anybody reads.
const MOST_COLUMNS: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_seen_below_their_header_and_nowhere_else() {
        let cases: &[(&str, &[(&str, &str)])] = &[
            (
                "id,ssn,note\n1,536228141,x\n2,536228142,y\n\n3,536228143,z\n",
                &[("ssn", "536228141"), ("ssn", "536228142")],
            ),
            ("id;\"dob\"\n1;\"1985-03-04\"\r\n", &[("dob", "1985-03-04")]),
            (
                "| Name | Phone |\n|------|-------|\n| A | 4155550132 |\n",
                &[("Name", "------"), ("Phone", "-------"), ("Phone", "4155550132")],
            ),
            (
                "a,phone\n\"x, y\",4155550132\n1,4155550133",
                &[("phone", "4155550132"), ("phone", "4155550133")],
            ),
            ("n\tpassport\n1\tX1234567", &[("passport", "X1234567")]),
            ("Dear John, my phone\nis broken, thanks for", &[("my phone", "thanks for")]),
            (
                " username | password\n----------+-----------\n jdoe | Tuesday9!\n(1 row)\n",
                &[("username", "jdoe"), ("password", "Tuesday9!")],
            ),
            ("id,api_key\n1,x7\n", &[("api_key", "x7")]),
            ("field,tokens used\na,512\n", &[]),
            ("x = f(a, b)\ny = g(a, b)", &[]),
        ];
        for (text, wanted) in cases {
            let mut got = Vec::new();
            each_cell(text, |name, cell| got.push((name.to_owned(), text[cell].to_owned())));
            let got: Vec<_> = got.iter().map(|(n, c)| (n.as_str(), c.as_str())).collect();
            assert_eq!(got, *wanted, "{text:?}");
        }
    }
}
