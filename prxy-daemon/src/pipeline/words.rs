//! Which words of two texts agree, and how much that says.
//!
//! Sees spellings, no meaning: deterministic, and always there. Words inside names count
//! (`readFile`, `read_file`), endings do not (`files`, `file`).

use std::collections::{BTreeSet, HashMap};

/// The words of a text that say something, each once.
pub(super) fn words(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut word = String::new();
    let mut lower = false;
    for symbol in text.chars().chain([' ']) {
        // `readFile` is two words, `HTTP` is one.
        if !symbol.is_alphanumeric() || symbol.is_uppercase() && lower {
            let whole = stem(&std::mem::take(&mut word));
            if whole.chars().count() >= SHORTEST && !COMMON.contains(&whole.as_str()) {
                found.insert(whole);
            }
        }
        if symbol.is_alphanumeric() {
            word.extend(symbol.to_lowercase());
        }
        lower = symbol.is_lowercase() || symbol.is_numeric();
    }
    found
}

/// A word without its ending, as far as a rule of thumb goes.
fn stem(word: &str) -> String {
    let long = |rest: &&str| rest.len() >= 3;
    let cut = |ending| word.strip_suffix(ending).filter(long);
    let rest = cut("ies").map(|rest| format!("{rest}y"));
    rest.unwrap_or_else(|| {
        let rest = cut("ing").or_else(|| cut("ed")).or_else(|| cut("es")).or_else(|| cut("s"));
        let rest = rest.unwrap_or(word);
        rest.strip_suffix('e').filter(long).unwrap_or(rest).to_owned()
    })
}

/// How much each word says among a number of texts: the rarer, the more.
pub(super) struct Weights {
    texts: usize,
    holding: HashMap<String, usize>,
}

impl Weights {
    /// Of the words of these texts.
    pub(super) fn of<'w>(texts: impl IntoIterator<Item = &'w BTreeSet<String>>) -> Self {
        let mut weights = Self { texts: 0, holding: HashMap::new() };
        for text in texts {
            weights.texts += 1;
            for word in text {
                *weights.holding.entry(word.clone()).or_default() += 1;
            }
        }
        weights
    }

    /// What a word says, above 0.
    pub(super) fn word(&self, word: &str) -> f64 {
        let holding = self.holding.get(word).copied().unwrap_or(0) as f64;
        (1.0 + (self.texts as f64 + 0.5) / (holding + 0.5)).ln()
    }

    /// What all of them say.
    pub(super) fn sum<'w>(&self, words: impl IntoIterator<Item = &'w String>) -> f64 {
        words.into_iter().map(|word| self.word(word)).sum()
    }
}

const SHORTEST: usize = 2;
/// Words, without their endings, that say nothing about what a text is about.
const COMMON: [&str; 113] = [
    "a", "about", "after", "again", "all", "also", "am", "an", "and", "any", "are", "as", "at",
    "back", "be", "because", "been", "befor", "but", "by", "can", "could", "did", "do", "doe",
    "don", "each", "else", "ever", "for", "from", "get", "giv", "go", "had", "has", "hav", "her",
    "here", "him", "his", "how", "if", "in", "into", "is", "it", "its", "just", "know", "let",
    "lik", "ll", "mak", "may", "me", "mor", "most", "much", "my", "need", "no", "not", "now", "of",
    "off", "ok", "on", "one", "only", "or", "our", "out", "pleas", "say", "see", "she", "should",
    "so", "som", "such", "tak", "tell", "than", "thank", "that", "the", "their", "them", "then",
    "ther", "thes", "they", "thi", "this", "to", "too", "up", "us", "use", "very", "want", "was",
    "we", "were", "what", "when", "where", "which", "who", "why", "will", "with",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_in_names_and_without_their_endings() {
        for (text, expected) in [
            ("Please list the open issues", "issu list open"),
            ("mcp__github__listIssues", "github issu list mcp"),
            ("queries, HTTP2 caching", "cach http2 query"),
            ("Grüße 東京", "grüß 東京"),
            ("is it so?", ""),
        ] {
            let expected: BTreeSet<_> = expected.split_whitespace().map(str::to_owned).collect();
            assert_eq!(words(text), expected, "{text}");
        }
    }

    #[test]
    fn a_rare_word_says_more_than_a_common_one() {
        let texts = [words("github issue list"), words("github pull list"), words("github file")];
        let weights = Weights::of(&texts);
        assert!(weights.word("issu") > weights.word("list"));
        assert!(weights.word("list") > weights.word("github"));
    }
}
