//! The words of each language, read from the files in `words/`.
//!
//! `[detect]` tells the language. `[open]`, `[ask]` (before a question word), `[request]` (before one
//! of `[verbs]`) and `[close]` are said around a question and dropped. `[howto]` are openings with
//! one meaning; `+er` asks for an ending of the next word. `[same]` are words and phrases with one
//! meaning, `[opposite]` pairs that no line of `[same]` may ever join.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

/// What is known of one language.
pub(super) struct Language {
    pub(super) name: &'static str,
    sections: HashMap<&'static str, Vec<&'static str>>,
    words: HashMap<&'static str, HashSet<&'static str>>,
    /// By first word, longest first: the phrase and what stands for it.
    same: HashMap<&'static str, Vec<Alias>>,
}

pub(super) struct Alias {
    pub(super) phrase: Vec<&'static str>,
    pub(super) meaning: Vec<&'static str>,
}

impl Language {
    /// The language that most of these words belong to; `None` if that is unclear.
    pub(super) fn of<'a>(words: impl Iterator<Item = &'a str> + Clone) -> Option<&'static Self> {
        let mut counts: Vec<(usize, &Self)> = LANGUAGES
            .iter()
            .map(|language| {
                (words.clone().filter(|word| language.has("detect", word)).count(), language)
            })
            .collect();
        counts.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
        (counts[0].0 > counts[1].0).then_some(counts[0].1)
    }

    /// Whether `word` stands in `section`.
    pub(super) fn has(&self, section: &str, word: &str) -> bool {
        self.words.get(section).is_some_and(|words| words.contains(word))
    }

    /// The lines of `section`.
    pub(super) fn lines(&self, section: &str) -> &[&'static str] {
        self.sections.get(section).map_or(&[], Vec::as_slice)
    }

    /// Phrases that begin with `word` and have another spelling in our forms.
    pub(super) fn aliases(&self, word: &str) -> &[Alias] {
        self.same.get(word).map_or(&[], Vec::as_slice)
    }

    fn read(name: &'static str, text: &'static str) -> Self {
        let mut sections: HashMap<&str, Vec<&str>> = HashMap::new();
        let mut section = "";
        for line in text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#')) {
            match line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                Some(name) => section = name,
                None => sections.entry(section).or_default().push(line),
            }
        }
        let words = sections
            .iter()
            .map(|(name, lines)| (*name, lines.iter().flat_map(|l| l.split_whitespace()).collect()))
            .collect();
        let mut same: HashMap<&str, Vec<Alias>> = HashMap::new();
        for line in sections.get("same").into_iter().flatten() {
            let mut phrases = line.split('|').map(|phrase| phrase.split_whitespace().collect());
            let meaning: Vec<&str> = phrases.next().unwrap_or_default();
            for phrase in phrases {
                let phrase: Vec<&str> = phrase;
                let Some(first) = phrase.first() else { continue };
                let alias = Alias { phrase: phrase.clone(), meaning: meaning.clone() };
                same.entry(first).or_default().push(alias);
            }
        }
        for aliases in same.values_mut() {
            aliases.sort_by_key(|alias| std::cmp::Reverse(alias.phrase.len()));
        }
        Self { name, sections, words, same }
    }
}

/// Whether `lower` means the same with capitals.
pub(super) fn is_plain_name(lower: &str) -> bool {
    NAMES.contains(lower)
}

/// Whether some language has `a` and `b` as opposites.
pub(super) fn are_opposites(a: &str, b: &str) -> bool {
    LANGUAGES
        .iter()
        .flat_map(|language| language.lines("opposite"))
        .any(|line| line.split_once(' ').is_some_and(|pair| pair == (a, b) || pair == (b, a)))
}

/// Every language.
pub(super) static LANGUAGES: LazyLock<Vec<Language>> = LazyLock::new(|| {
    let read = |(name, text)| Language::read(name, text);
    FILES.into_iter().map(read).collect()
});

static NAMES: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let lines = include_str!("words/names.txt").lines().filter(|line| !line.starts_with('#'));
    lines.flat_map(str::split_whitespace).map(str::to_lowercase).collect()
});

const FILES: [(&str, &str); 7] = [
    (ENGLISH, include_str!("words/en.txt")),
    (GERMAN, include_str!("words/de.txt")),
    ("fr", include_str!("words/fr.txt")),
    ("es", include_str!("words/es.txt")),
    ("it", include_str!("words/it.txt")),
    ("nl", include_str!("words/nl.txt")),
    ("pt", include_str!("words/pt.txt")),
];
pub(super) const ENGLISH: &str = "en";
pub(super) const GERMAN: &str = "de";
