//! All literal triggers in one vectorised search.

use std::ops::Range;

use aho_corasick::packed::{self, Searcher};
use aho_corasick::{AhoCorasick, MatchKind};

use super::{Recogniser, ScannerError};

/// The literals of all detectors, and which detector each belongs to.
pub(super) struct Literals {
    search: Search,
    rows: Vec<Recogniser>,
}

enum Search {
    Nothing,
    /// Vector instructions find candidates.
    Packed(Searcher),
    /// For machines without them.
    Automaton(AhoCorasick),
}

impl Literals {
    pub(super) fn none() -> Self {
        Self { search: Search::Nothing, rows: Vec::new() }
    }

    pub(super) fn new(literals: Vec<(&'static str, Recogniser)>) -> Result<Self, ScannerError> {
        if literals.is_empty() {
            return Ok(Self::none());
        }
        let texts: Vec<&str> = literals.iter().map(|(text, _)| *text).collect();
        let rows = literals.iter().map(|(_, row)| *row).collect();
        let packed = packed::Config::new()
            .match_kind(packed::MatchKind::LeftmostLongest)
            .builder()
            .extend(&texts)
            .build();
        let search = match packed {
            Some(searcher) => Search::Packed(searcher),
            None => AhoCorasick::builder()
                .match_kind(MatchKind::LeftmostLongest)
                .build(&texts)
                .map(Search::Automaton)
                .map_err(|error| ScannerError::Triggers(error.to_string()))?,
        };
        Ok(Self { search, rows })
    }

    /// Calls `see` for every literal in `text`, from left to right.
    pub(super) fn each(&self, text: &str, mut see: impl FnMut(&Recogniser, Range<usize>)) {
        match &self.search {
            Search::Nothing => {}
            Search::Packed(searcher) => {
                for hit in searcher.find_iter(text) {
                    see(&self.rows[hit.pattern().as_usize()], hit.start()..hit.end());
                }
            }
            Search::Automaton(automaton) => {
                for hit in automaton.find_iter(text) {
                    see(&self.rows[hit.pattern().as_usize()], hit.start()..hit.end());
                }
            }
        }
    }
}
