//! Hits in a string that may hold JSON of its own.

use std::ops::Range;

use super::{At, Refusal};
use crate::json::{self, NumberToken, Path, StringToken};
use crate::redact::scan::{Found, LabelId, Span};

/// One value to replace in a decoded string.
#[derive(Clone)]
pub(super) struct Hit {
    pub range: Range<usize>,
    pub label: LabelId,
    /// What the placeholder stands for.
    pub value: String,
    /// Whether the placeholder needs quotes of its own: it replaces a number.
    pub quoted: bool,
}

impl Hit {
    /// A hit whose value is the text itself.
    pub(super) fn plain(span: &Span, text: &str) -> Self {
        let range = span.start..span.end;
        Self { value: text[range.clone()].to_owned(), range, label: span.label, quoted: false }
    }
}

/// The hits of `text`, read as JSON where it is JSON, together with those of the same text read plainly.
pub(super) fn nested_hits(
    at: At<'_>,
    text: &str,
    found: &Found,
    path: &str,
) -> Result<Vec<Hit>, Refusal> {
    let mut inner = Inner { at, path, hits: Vec::new(), numbers: Vec::new() };
    match json::walk(text.as_bytes(), &mut inner) {
        Err(json::WalkError::Visitor(refusal)) => return Err(refusal),
        Err(json::WalkError::Syntax(error)) if error.kind == json::SyntaxKind::TooDeep => {
            return Err(Refusal::TooDeep);
        }
        Ok(()) => {}
        // Of JSON that is cut off or wrong, what came before counts too; the rest is read as one string.
        Err(json::WalkError::Syntax(_)) => {
            let whole =
                StringToken { range: 0..text.len(), is_key: false, escaped: true, source: text };
            let decoded = whole.decode();
            inner.add(&whole, &decoded, &at.scanner.scan_both(&decoded))?;
        }
    }
    let numbers = inner.numbers;
    let plain = found.spans.iter().map(|span| {
        let hit = Hit::plain(span, text);
        // A part of a number cannot give way to a string; all of it can.
        let next = numbers.partition_point(|number| number.end < hit.range.end);
        match numbers.get(next).filter(|number| number.start <= hit.range.start) {
            Some(number) => Hit {
                value: text[number.clone()].to_owned(),
                range: number.clone(),
                quoted: true,
                ..hit
            },
            None => hit,
        }
    });
    // Read as JSON comes first among equals: its value is what the tool was given.
    let mut ranked: Vec<Hit> = inner.hits.into_iter().chain(plain).collect();
    ranked.sort_by_key(|hit| std::cmp::Reverse(hit.range.len()));
    let mut taken = std::collections::BTreeMap::new();
    let mut hits: Vec<Hit> = Vec::new();
    for hit in ranked {
        let before = taken.range(..hit.range.end).next_back();
        if before.is_none_or(|(_, end)| *end <= hit.range.start) {
            taken.insert(hit.range.start, hit.range.end);
            hits.push(hit);
        }
    }
    hits.sort_by_key(|hit| hit.range.start);
    Ok(hits)
}

/// The walk over the JSON inside a string.
struct Inner<'m, 'p> {
    at: At<'m>,
    path: &'p str,
    hits: Vec<Hit>,
    numbers: Vec<Range<usize>>,
}

impl<'a> json::Visitor<'a> for Inner<'_, '_> {
    type Error = Refusal;

    fn string(&mut self, path: &Path<'a>, token: StringToken<'a>) -> Result<(), Refusal> {
        let found = self.at.found(path, &token);
        if found.spans.is_empty() {
            return Ok(());
        }
        self.add(&token, &token.decode(), &found)
    }

    fn number(&mut self, path: &Path<'a>, token: NumberToken<'a>) -> Result<(), Refusal> {
        self.numbers.push(token.range.clone());
        let Some(found) = self.at.found_number(path, &token) else { return Ok(()) };
        self.refuse_blocked(&found.spans)?;
        if let Some(span) = found.spans.first() {
            let whole = Span { start: 0, end: token.raw().len(), ..*span };
            self.hits.push(Hit {
                range: token.range.clone(),
                quoted: true,
                ..Hit::plain(&whole, token.raw())
            });
        }
        Ok(())
    }
}

impl Inner<'_, '_> {
    /// Takes what was found in `text`, which is what `token` means.
    fn add(&mut self, token: &StringToken<'_>, text: &str, found: &Found) -> Result<(), Refusal> {
        self.refuse_blocked(&found.spans)?;
        let mut locator = token.locator();
        for span in &found.spans {
            let hit = Hit::plain(span, text);
            self.hits.push(Hit { range: locator.raw_range(hit.range.clone()), ..hit });
        }
        Ok(())
    }

    fn refuse_blocked(&self, spans: &[Span]) -> Result<(), Refusal> {
        self.at.refuse_grave(spans, || self.path.to_owned())
    }
}
