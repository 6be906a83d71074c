//! All literal triggers in one pass over the text.
//!
//! A literal is found by four of its bytes: every second position of the text is looked up in one bitmap of such
//! four bytes, so hundreds of literals cost what one costs. An automaton of as many literals is four times slower.

use std::ops::Range;

use super::{Recogniser, ScannerError};
use crate::redact::detect::starts_word;

/// How a literal must stand in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Match {
    /// Byte by byte.
    Exact,
    /// In any ASCII case.
    Folded,
    /// In any ASCII case, and a word or a part of a `camelCase` name begins with it.
    Word,
}

/// The literals of all detectors, and which detector each belongs to.
pub(super) struct Literals {
    /// Which hashes of four bytes may belong to a literal.
    grams: Box<[u64; GRAM_WORDS]>,
    /// By the hash of its first three bytes, the first entry of a chain.
    heads: Box<[u16; HEADS]>,
    entries: Vec<Entry>,
}

struct Entry {
    text: &'static [u8],
    how: Match,
    row: Recogniser,
    /// The next entry of the chain, or [`END`].
    next: u16,
}

impl Literals {
    pub(super) fn none() -> Self {
        Self {
            grams: Box::new([0; GRAM_WORDS]),
            heads: Box::new([END; HEADS]),
            entries: Vec::new(),
        }
    }

    pub(super) fn new(
        literals: Vec<(&'static str, Match, Recogniser)>,
    ) -> Result<Self, ScannerError> {
        let mut all = Self::none();
        // Each entry goes before its chain: in reverse, so that chains keep the order of the table.
        for (text, how, row) in literals.into_iter().rev() {
            let text = text.as_bytes();
            let count = u16::try_from(all.entries.len()).ok().filter(|count| *count < END);
            let (Some(count), Some(start)) = (count, text.first_chunk()) else {
                return Err(ScannerError::Triggers(format!("{} cannot take it", row.name)));
            };
            let head = &mut all.heads[head_of(*start)];
            let next = std::mem::replace(head, count);
            all.entries.push(Entry { text, how, row, next });
            all.mark(text);
        }
        Ok(all)
    }

    /// Notes the four bytes by which a literal is seen from its even and from its odd starts.
    fn mark(&mut self, text: &[u8]) {
        let mut set = |gram| {
            let (word, bits) = place(gram);
            self.grams[word] |= bits;
        };
        let any = || 0..=u8::MAX;
        match *text {
            [a, b, c] => any().for_each(|x| {
                set([a, b, c, x]);
                set([x, a, b, c]);
            }),
            [a, b, c, d] => {
                set([a, b, c, d]);
                any().for_each(|x| set([x, a, b, c]));
            }
            [a, b, c, d, e, ..] => {
                set([a, b, c, d]);
                set([b, c, d, e]);
            }
            _ => {}
        }
    }

    /// Calls `see` for every literal in `text`, those that overlap too, from left to right.
    pub(super) fn each(&self, text: &str, mut see: impl FnMut(&Recogniser, Range<usize>)) {
        if self.entries.is_empty() {
            return;
        }
        let bytes = text.as_bytes();
        let (chunks, _) = bytes.as_chunks::<STEP>();
        let mut at = 0;
        for pair in chunks.windows(2) {
            let hits = self.hits(&pair[0], &pair[1]);
            if hits != 0 {
                self.verify(bytes, at, hits, &mut see);
            }
            at += STEP;
        }
        // The bytes behind a chunk belong to its last position: the end of the text is padded.
        while at < bytes.len() {
            let mut padded = [0; 2 * STEP];
            let rest = &bytes[at..bytes.len().min(at + padded.len())];
            padded[..rest.len()].copy_from_slice(rest);
            let ([first, second], []) = padded.as_chunks::<STEP>() else { return };
            self.verify(bytes, at, self.hits(first, second), &mut see);
            at += STEP;
        }
    }

    /// Which of the four even positions of a chunk may see a literal, one bit each.
    #[inline]
    fn hits(&self, chunk: &[u8; STEP], next: &[u8; STEP]) -> u64 {
        let (low, high) = (u64::from_le_bytes(*chunk), u64::from_le_bytes(*next));
        let seen = |gram: u64| {
            let (word, bits) = place((gram as u32).to_le_bytes());
            u64::from(self.grams[word] & bits == bits)
        };
        seen(low) | seen(low >> 16) << 1 | seen(low >> 32) << 2 | seen(low >> 48 | high << 16) << 3
    }

    /// Calls `see` for the literals that the positions `hits` of the chunk at `at` really see.
    #[inline(never)]
    fn verify(
        &self,
        bytes: &[u8],
        at: usize,
        hits: u64,
        see: &mut impl FnMut(&Recogniser, Range<usize>),
    ) {
        for place in (0..STEP / 2).filter(|place| hits >> place & 1 == 1) {
            let even = at + 2 * place;
            // At odd starts the short literals are seen from the byte before them, the others from their second.
            if even > 0 {
                self.starts(bytes, even - 1, |len| len > SHORT, see);
            }
            self.starts(bytes, even, |_| true, see);
            self.starts(bytes, even + 1, |len| len <= SHORT, see);
        }
    }

    /// Calls `see` for the literals that start at `start` and have a wanted length.
    fn starts(
        &self,
        bytes: &[u8],
        start: usize,
        wanted: impl Fn(usize) -> bool,
        see: &mut impl FnMut(&Recogniser, Range<usize>),
    ) {
        let Some(first) = bytes.get(start..).and_then(|rest| rest.first_chunk()) else { return };
        let mut next = self.heads[head_of(*first)];
        while let Some(entry) = self.entries.get(usize::from(next)) {
            next = entry.next;
            let range = start..start + entry.text.len();
            let Some(found) = bytes.get(range.clone()) else { continue };
            let fits = match entry.how {
                Match::Exact => found == entry.text,
                Match::Folded => found.eq_ignore_ascii_case(entry.text),
                Match::Word => found.eq_ignore_ascii_case(entry.text) && starts_word(bytes, start),
            };
            if fits && wanted(entry.text.len()) {
                see(&entry.row, range);
            }
        }
    }
}

/// The word of the bitmap for four bytes, and the two bits in it that must be set.
#[inline]
fn place(gram: [u8; 4]) -> (usize, u64) {
    let mixed = mix(gram);
    let bits = 1 << (mixed & 63) | 1 << (mixed >> 6 & 63);
    ((mixed >> (32 - WORD_BITS)) as usize, bits)
}

/// Letters count alike in both cases; some other bytes collide, which the comparison settles.
#[inline]
fn mix(gram: [u8; 4]) -> u32 {
    let product =
        u64::from(u32::from_le_bytes(gram) | 0x2020_2020).wrapping_mul(0x9E37_79B1_85EB_CA87);
    (product >> 32) as u32
}

fn head_of([a, b, c]: [u8; SHORTEST]) -> usize {
    mix([a, b, c, 0]) as usize % HEADS
}

/// The bytes looked at in one step.
const STEP: usize = 8;
/// No literal is shorter.
const SHORTEST: usize = 3;
/// Literals of this length have no four bytes at their second.
const SHORT: usize = 4;
/// The bitmap takes 32 KB: it stays in the first-level cache.
const WORD_BITS: u32 = 12;
const GRAM_WORDS: usize = 1 << WORD_BITS;
const HEADS: usize = 4096;
/// The end of a chain.
const END: u16 = u16::MAX;
