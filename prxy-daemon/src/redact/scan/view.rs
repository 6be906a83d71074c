//! A text as its reader sees it, and where each part of it came from.
//!
//! Not for deciding what a reader sees: those are `fold` (characters) and `decode` (spellings).

use std::ops::Range;

/// A rewritten text, whose positions can be led back to the source.
#[derive(Debug, Default)]
pub(super) struct View {
    text: String,
    /// In the order of both texts. What no piece covers is not in the view.
    pieces: Vec<Piece>,
}

#[derive(Debug)]
struct Piece {
    /// Where it starts in the view.
    at: usize,
    source: Range<usize>,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The same bytes.
    Same,
    /// What was spelled there; it stands for all of its source.
    Rewritten(Change),
}

/// How a part of the source differs from the view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// What it means; `None` for what only cuts a value in two.
    pub meant: Option<char>,
    /// Whether it may as well mean nothing, as most ends of lines do.
    pub weak: bool,
}

impl View {
    /// The text to look at.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Takes over a part of the source as it is.
    pub(super) fn keep(&mut self, source: &str, range: Range<usize>) {
        if !range.is_empty() {
            self.pieces.push(Piece {
                at: self.text.len(),
                source: range.clone(),
                kind: Kind::Same,
            });
            self.text.push_str(&source[range]);
        }
    }

    /// Puts something else in place of a part of the source.
    pub(super) fn rewrite(&mut self, change: Change, range: Range<usize>) {
        let kind = Kind::Rewritten(change);
        self.pieces.push(Piece { at: self.text.len(), source: range, kind });
        self.text.extend(change.meant);
    }

    /// Sets two parts of the source apart that do not follow each other there.
    pub(super) fn cut(&mut self) {
        if !self.text.is_empty() {
            self.text.push_str("\n\n");
        }
    }

    /// Where a part of the view came from.
    pub(super) fn source(&self, range: &Range<usize>) -> Range<usize> {
        let start = self.piece(range.start).map_or(0, |piece| match piece.kind {
            Kind::Same => piece.source.start + (range.start - piece.at),
            Kind::Rewritten(_) => piece.source.start,
        });
        let last = range.end.saturating_sub(1).max(range.start);
        let end = self.piece(last).map_or(0, |piece| match piece.kind {
            Kind::Same => piece.source.start + (range.end - piece.at),
            Kind::Rewritten(_) => piece.source.end,
        });
        start..end.max(start)
    }

    /// The surest of the changes in a part of the view: whether it is weak; `None`: no change.
    pub(super) fn weakness(&self, range: &Range<usize>) -> Option<bool> {
        let first = self.pieces.partition_point(|piece| piece.at < range.start);
        let inside = self.pieces[first..].iter().take_while(|piece| piece.at < range.end);
        let changes = inside.filter_map(|piece| match piece.kind {
            // What is left out at the very start cuts nothing in two.
            Kind::Rewritten(change) if change.meant.is_some() || piece.at > range.start => {
                Some(change.weak)
            }
            Kind::Rewritten(_) | Kind::Same => None,
        });
        changes.min()
    }

    /// The piece that gave the view its character at `at`.
    fn piece(&self, at: usize) -> Option<&Piece> {
        let behind = self.pieces.partition_point(|piece| piece.at <= at);
        let full =
            |piece: &&Piece| !matches!(piece.kind, Kind::Rewritten(Change { meant: None, .. }));
        self.pieces[..behind].iter().rev().find(full)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_position_leads_back() {
        let source = "ab\u{200b}c&#64;d=\ne";
        let mut view = View::default();
        view.keep(source, 0..2);
        view.keep(source, 5..6);
        view.rewrite(Change { meant: Some('@'), weak: false }, 6..11);
        view.keep(source, 11..12);
        view.rewrite(Change { meant: None, weak: true }, 12..14);
        view.keep(source, 14..15);
        assert_eq!(view.text(), "abc@de");
        for (range, source, weakness) in [
            (0..6, 0..15, Some(false)),
            (0..2, 0..2, None),
            (1..3, 1..6, None),
            (2..4, 5..11, Some(false)),
            (3..4, 6..11, Some(false)),
            (4..5, 11..12, None),
            (4..6, 11..15, Some(true)),
            (5..6, 14..15, None),
        ] {
            assert_eq!(view.source(&range), source, "{range:?}");
            assert_eq!(view.weakness(&range), weakness, "{range:?}");
        }
    }
}
