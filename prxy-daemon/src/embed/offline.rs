//! The embedder that is always there: hashed words and pieces of words, no model.
//!
//! Texts are alike for it when they are spelled alike. What it computes is fixed: a change needs
//! a new name.

use super::{EmbedError, Embedder, Reads, Vector};

/// Words and their pieces of 3 to 5 letters, each hashed to a number and a sign.
#[derive(Clone, Copy, Debug, Default)]
pub struct Offline;

impl Embedder for Offline {
    fn name(&self) -> &str {
        NAME
    }

    fn reads(&self) -> Reads {
        Reads::Words
    }

    fn embed(&self, text: &str) -> Result<Vector, EmbedError> {
        let mut numbers = vec![0.0; DIMENSIONS];
        let text = text.to_lowercase();
        for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
            let weight = if SMALL.contains(&word) { WEIGHT_OF_SMALL } else { 1.0 };
            add(&mut numbers, word.as_bytes(), weight);
            let edged = format!("<{word}>");
            // Where letters begin, and where the last one ends.
            let ends: Vec<usize> =
                edged.char_indices().map(|(at, _)| at).chain([edged.len()]).collect();
            let letters = ends.len() - 1;
            let pieces: Vec<&str> = (SHORTEST..=LONGEST)
                .flat_map(|n| (0..(letters + 1).saturating_sub(n)).map(move |at| (at, n)))
                .map(|(at, n)| &edged[ends[at]..ends[at + n]])
                .collect();
            // All pieces together count as much as the word, however long it is.
            let each = weight / (pieces.len().max(1) as f32).sqrt();
            for piece in pieces {
                add(&mut numbers, piece.as_bytes(), each);
            }
        }
        Ok(Vector::new(numbers))
    }
}

fn add(numbers: &mut [f32], feature: &[u8], weight: f32) {
    // FNV-1a, and the finish of SplitMix64, which spreads short features over all bits.
    let mut hash = feature
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x100_0000_01b3));
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^= hash >> 31;
    let sign = if hash >> 63 == 0 { 1.0 } else { -1.0 };
    numbers[(hash % DIMENSIONS as u64) as usize] += sign * weight;
}

/// The name of [`Offline`].
pub const NAME: &str = "offline-1";
const DIMENSIONS: usize = 384;
const SHORTEST: usize = 3;
const LONGEST: usize = 5;
const WEIGHT_OF_SMALL: f32 = 0.25;
/// Words that say little about what a text is about.
const SMALL: &[&str] = &[
    "a", "an", "and", "are", "as", "at", "be", "by", "can", "could", "der", "die", "das", "de",
    "del", "des", "do", "does", "du", "ein", "eine", "el", "en", "et", "for", "from", "have",
    "het", "how", "i", "ich", "il", "in", "is", "it", "je", "la", "le", "les", "los", "me", "mit",
    "my", "o", "of", "on", "or", "os", "please", "que", "the", "this", "to", "un", "una", "und",
    "une", "van", "was", "we", "what", "when", "where", "which", "who", "why", "wie", "will",
    "with", "would", "you", "your",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn likeness(a: &str, b: &str) -> f32 {
        Offline.embed(a).unwrap().similarity(&Offline.embed(b).unwrap())
    }

    #[test]
    fn like_spellings_are_near_and_others_far() {
        let near = likeness("How do I list open ports?", "how to list all open ports");
        let far = likeness("How do I list open ports?", "Who painted the ceiling in Rome?");
        assert!(near > 0.75, "{near}");
        assert!(far < 0.25, "{far}");
        assert!((likeness("Größe und Äpfel", "größe und äpfel") - 1.0).abs() < 1e-6);
        assert_eq!(likeness("", "anything"), 0.0);
        assert_eq!(likeness("?!", "?!"), 0.0);
    }

    #[test]
    fn the_vectors_of_this_name_never_change() {
        for (text, expected) in TABLE {
            let vector = Offline.embed(text).unwrap();
            let first: Vec<(usize, i32)> = vector
                .numbers()
                .iter()
                .enumerate()
                .filter(|(_, n)| **n != 0.0)
                .map(|(at, n)| (at, (n * 1e4).round() as i32))
                .take(expected.len())
                .collect();
            assert_eq!(first, *expected, "{text}: a change needs a new name");
        }
    }

    const TABLE: &[(&str, &[(usize, i32)])] = &[
        ("cache", &[(7, 1859), (42, 1859), (74, 1859), (105, 1859), (117, 1859), (183, -1859)]),
        ("Größe 7", &[(1, -1349), (7, 4674), (112, -1349), (121, -1349), (151, -1349)]),
        ("how to enable 2FA", &[(20, 1903), (31, 1204), (43, 1204), (57, -3107), (112, 673)]),
    ];
}
