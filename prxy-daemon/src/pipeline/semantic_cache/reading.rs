//! A question in the form that all its harmless variants share.
//!
//! What is dropped or replaced here must never change the answer, in any field. What is not known
//! stays as it is, in its place: then the two forms differ, and nothing is shared.

use std::fmt::Write as _;

use super::tables::{self, Language};
use super::tokens::{Kind, ROLE, Token, renumbered, tokens};
use crate::embed::Reads;

/// What a question asks, as far as that can be told without understanding it.
#[derive(Clone, Debug)]
pub struct Reading {
    pub(super) tokens: Vec<Token>,
    placeholders: Vec<String>,
}

impl Reading {
    /// Reads `text`, masked and in any language; `None` if it is too long or says nothing.
    pub fn of(text: &str) -> Option<Self> {
        if text.len() > LONGEST || text.contains(ROLE) || is_spaced(text) {
            return None;
        }
        let (mut tokens, placeholders) = tokens(text);
        let words: Vec<String> = tokens
            .iter()
            .filter(|token| matches!(token.kind, Kind::Word | Kind::Name))
            .map(|token| token.text.split('\'').next().unwrap_or_default().to_lowercase())
            .collect();
        let about_words = words.iter().any(|word| ABOUT_WORDS.contains(&word.as_str()));
        if let Some(language) = Language::of(words.iter().map(String::as_str))
            && !about_words
        {
            tokens = Reader { language, tokens, polite: false }.read();
        }
        let says = tokens.iter().any(|token| token.kind != Kind::Mark);
        says.then_some(Self { tokens, placeholders })
    }

    /// What an embedder is best given of the text that was read.
    pub fn seen_by(&self, reads: Reads, text: &str) -> String {
        match reads {
            Reads::Words => self.words(),
            Reads::Sentences => renumbered(text).replace(ROLE, ""),
        }
    }

    /// The words that are left, for an embedder that sees spellings only.
    pub fn words(&self) -> String {
        self.tokens.iter().map(|token| token.text.as_str()).collect::<Vec<_>>().join(" ")
    }

    /// A text that two questions share only if they are the same, and whose placeholders, as they
    /// are numbered in the request, come first.
    pub(super) fn form(&self) -> String {
        let mut form = self.placeholders.concat();
        for token in &self.tokens {
            let _ = write!(form, "{}{}{}:{}", ROLE, token.kind as u8, token.text.len(), token.text);
        }
        form
    }
}

/// Whether blanks stand in a row where they end no sentence: they may be what is asked about.
fn is_spaced(text: &str) -> bool {
    let bytes = text.trim().as_bytes();
    bytes.windows(3).any(|three| {
        let [before, first, second] = *three else { return false };
        let ends = matches!(before, b'.' | b'?' | b'!' | b':' | b';' | b'\n' | b' ');
        first == b' ' && second == b' ' && !ends || three.contains(&b'\t')
    })
}

/// A question with one of these may be about a word itself, which then has no other that says the same.
const ABOUT_WORDS: [&str; 42] = [
    "spell",
    "spelled",
    "spelling",
    "spelt",
    "pronounce",
    "pronounced",
    "synonym",
    "synonyms",
    "word",
    "words",
    "letter",
    "letters",
    "mean",
    "means",
    "meaning",
    "differ",
    "difference",
    "differences",
    "different",
    "versus",
    "vs",
    "same",
    "equivalent",
    "wort",
    "wörter",
    "unterschied",
    "bedeutet",
    "schreibt",
    "différence",
    "mot",
    "mots",
    "signifie",
    "diferencia",
    "palabra",
    "significa",
    "differenza",
    "parola",
    "verschil",
    "woord",
    "betekent",
    "diferença",
    "palavra",
];

struct Reader {
    language: &'static Language,
    tokens: Vec<Token>,
    /// A request was put as a question: its question mark asks nothing.
    polite: bool,
}

#[derive(Default)]
struct End {
    asks: bool,
    shouts: bool,
}

impl Reader {
    fn read(mut self) -> Vec<Token> {
        self.lower();
        self.replace();
        let mut ended = self.end();
        while self.close() {
            // What stood behind the thanks was not said of the question.
            let before = self.end();
            ended = End { asks: ended.asks || before.asks, ..before };
        }
        while self.open() {}
        self.front();
        self.frame();
        if self.language.name == tables::ENGLISH {
            self.english();
        }
        let question = self.is_question();
        if ended.asks && !self.polite && !question {
            self.tokens.push(Token::new(Kind::Mark, "?"));
        }
        // `How do I call save!` asks for the name.
        if ended.shouts && question {
            self.tokens.push(Token::new(Kind::Mark, "!"));
        }
        self.tokens
    }

    /// Capitals at the beginning of a sentence, and of names that have no second meaning.
    fn lower(&mut self) {
        let mut first = true;
        for at in 0..self.tokens.len() {
            let token = &self.tokens[at];
            let lower = token.text.to_lowercase();
            let only_first = token.text.chars().skip(1).all(|c| !c.is_uppercase());
            let plain = match token.kind {
                Kind::Name if lower == "i" => self.is_pronoun(at),
                Kind::Name => {
                    // German nouns have capitals.
                    let noun =
                        self.language.name == tables::GERMAN && self.language.has("same", &lower);
                    let begins = first
                        && (!self.language.has("capital", &lower)
                            || VERBS_OF_QUESTIONS.contains(&lower.as_str()));
                    tables::is_plain_name(&lower) || only_first && (begins || noun)
                }
                Kind::Exact => tables::is_plain_name(&lower),
                _ => false,
            };
            if plain {
                self.tokens[at] = Token::of(&lower);
            }
            let token = &self.tokens[at];
            first = ["?", ".", "!", "\n"].iter().any(|mark| token.is(mark));
        }
    }

    /// Whether an `I` is who speaks, not a letter: `What is I?`.
    fn is_pronoun(&self, at: usize) -> bool {
        let before = at.checked_sub(1).and_then(|at| self.tokens.get(at));
        let letter = before.is_some_and(|token| {
            ["is", "of", "between", "and", "or", "letter", "symbol", "than"].contains(&&*token.text)
        });
        let verb = |next: &Token| {
            next.kind == Kind::Word && !NO_NOUNS.contains(&next.text.as_str())
                || ["do", "was", "be"].contains(&&*next.text)
        };
        !letter && self.tokens.get(at + 1).is_some_and(verb)
    }

    /// Words and phrases that mean the same.
    fn replace(&mut self) {
        let old = std::mem::take(&mut self.tokens);
        let mut at = 0;
        while let Some(token) = old.get(at) {
            let aliases = self.language.aliases(&token.text);
            let found = aliases.iter().find(|alias| is_at(&old[at..], &alias.phrase));
            match found {
                Some(alias) => {
                    self.tokens.extend(alias.meaning.iter().map(|word| Token::of(word)));
                    at += alias.phrase.len();
                }
                None => {
                    self.tokens.push(token.clone());
                    at += 1;
                }
            }
        }
    }

    /// Drops what ends the text, and says what that was.
    fn end(&mut self) -> End {
        let mut end = End::default();
        while let Some(last) = self.tokens.last()
            && last.kind == Kind::Mark
            && matches!(last.text.as_str(), "." | "?" | "!" | "," | "\n")
        {
            end.asks |= last.is("?");
            end.shouts |= last.is("!");
            self.tokens.pop();
        }
        end
    }

    /// Drops a greeting or a courtesy in front.
    fn open(&mut self) -> bool {
        let greeting = self.tokens.first().is_some_and(|token| {
            token.kind == Kind::Word && GREETINGS.contains(&token.text.as_str())
        });
        if greeting && self.is_pause(1) {
            return self.drop_front(2);
        }
        if let Some(length) = self.starts("open") {
            self.polite |= length > 1;
            return self.drop_front(length + usize::from(self.is_pause(length)));
        }
        if let Some(length) = self.starts("request")
            && self.word(length).is_some_and(|word| self.language.has("verbs", word))
        {
            self.polite = true;
            return self.drop_front(length);
        }
        if let Some(length) = self.starts("ask") {
            let length = length + usize::from(self.is_pause(length));
            if self.word(length).is_some_and(|word| self.language.has("question", word)) {
                return self.drop_front(length);
            }
        }
        false
    }

    /// Drops thanks at the end; only behind a mark: `how do I say thank you` asks for it.
    fn close(&mut self) -> bool {
        let count = self.tokens.len();
        let found = self.language.lines("close").iter().find_map(|line| {
            let phrase: Vec<&str> = line.split_whitespace().collect();
            let at = count.checked_sub(phrase.len())?;
            let behind_mark = at > 1 && self.is_pause(at - 1);
            (behind_mark && is_at(&self.tokens[at..], &phrase)).then_some(at)
        });
        found.is_some_and(|at| {
            self.tokens.truncate(at);
            true
        })
    }

    /// `In Python, how do I …` as `how do I … in Python`.
    fn front(&mut self) {
        let Some(comma) = self.tokens.iter().position(|token| token.is(",")) else { return };
        let fronted = self.word(0).is_some_and(|word| self.language.has("front", word));
        let named = self.tokens.get(1).is_some_and(|token| {
            let name = !matches!(token.kind, Kind::Word) || tables::is_plain_name(&token.text);
            name && !self.language.has("time", &token.text.to_lowercase())
        });
        if !fronted || !named || comma != 2 {
            return;
        }
        let rest = Self {
            language: self.language,
            tokens: self.tokens[comma + 1..].to_vec(),
            polite: false,
        };
        let of_code = rest.tokens.get(2).is_some_and(|token| token.kind == Kind::Code);
        let meaning = is_at(&rest.tokens, &["what", "does"]) && of_code;
        if rest.starts("howto").is_some() || rest.starts("what").is_some() || meaning {
            let front: Vec<Token> = self.tokens.drain(..=comma).take(comma).collect();
            self.tokens.extend(front);
        }
    }

    /// Openings that ask for a way to do something.
    fn frame(&mut self) {
        let Some(length) = self.starts("howto") else { return };
        let next = self.tokens.get(length).filter(|next| next.kind != Kind::Mark);
        if next.is_some_and(|next| !self.language.has("not howto", &next.text)) {
            self.tokens.splice(..length, [Token::new(Kind::Frame, "how-to")]);
        }
    }

    fn english(&mut self) {
        self.be();
        self.singular();
        if matches!(self.word(0), Some("why" | "where" | "when" | "how"))
            && matches!(self.word(1), Some("do" | "does"))
        {
            self.tokens.remove(1);
        }
        // In `a x = b` a letter is none.
        let formula = |token: &Token| {
            token.kind == Kind::Exact && !token.text.contains(char::is_alphanumeric)
        };
        if self.tokens.iter().any(formula) {
            return;
        }
        // `a mean` and `the mean` are two things where they are what is asked for.
        let kept = matches!(self.word(0), Some("what" | "who")) && self.word(1) == Some("be");
        let mut at = 0;
        while at < self.tokens.len() {
            let article = match self.word(at) {
                Some("a" | "an") => true,
                Some("the") => !(kept && at == 2),
                _ => false,
            };
            // Not the letter in `a and b`.
            let noun = self.tokens.get(at + 1).is_some_and(|next| {
                next.kind != Kind::Mark && !NO_NOUNS.contains(&next.text.as_str())
            });
            if article && noun {
                self.tokens.remove(at);
            } else {
                at += 1;
            }
        }
    }

    /// One form of `be` in the present, at one place: `why the sky is`, `why is the sky`.
    fn be(&mut self) {
        let mut places = Vec::new();
        for (at, token) in self.tokens.iter_mut().enumerate() {
            if token.kind == Kind::Word && matches!(token.text.as_str(), "is" | "are" | "am") {
                "be".clone_into(&mut token.text);
                places.push(at);
            }
        }
        let [at] = places[..] else { return };
        let moves = match self.word(0) {
            Some("why" | "where" | "when") => true,
            Some("what" | "who") => at + 1 == self.tokens.len(),
            _ => false,
        };
        if moves && at > 1 {
            let be = self.tokens.remove(at);
            self.tokens.insert(1, be);
        }
    }

    /// `files` as `a file`, where nothing says that certain ones are meant.
    fn singular(&mut self) {
        let mut changed = Vec::new();
        for at in 0..self.tokens.len() {
            let before = &self.tokens[at.saturating_sub(2)..at];
            let certain = before.iter().any(|token| {
                self.language.has("determiners", &token.text)
                    || token.text.starts_with(|c: char| c.is_ascii_digit())
            });
            if let Some(one) = self.word(at).filter(|_| !certain).and_then(|w| self.without_s(w)) {
                changed.push((at, one));
            }
        }
        for (at, one) in changed {
            self.tokens[at].text = one;
        }
        self.replace();
    }

    fn without_s(&self, word: &str) -> Option<String> {
        let plain = word.len() >= 4 && word.is_ascii() && !self.language.has("keep s", word);
        let odd = ["ss", "us", "is", "'s", "xes", "ches", "shes", "sses", "oes"];
        if !plain || odd.iter().any(|end| word.ends_with(end)) {
            return None;
        }
        match word.strip_suffix("ies") {
            Some(stem) if stem.len() > 2 => Some(format!("{stem}y")),
            _ => word.strip_suffix('s').map(str::to_owned),
        }
    }

    /// Whether the order of the words alone says that this is a question.
    fn is_question(&self) -> bool {
        let first = self.tokens.first();
        first.is_some_and(|token| token.kind == Kind::Frame)
            || self.word(0).is_some_and(|word| {
                self.language.has("question", word)
                    || self.language.name == tables::ENGLISH && VERBS_OF_QUESTIONS.contains(&word)
            })
    }

    /// How many tokens the phrase of `section` has that the text begins with; the longest counts.
    fn starts(&self, section: &str) -> Option<usize> {
        let lines = self.language.lines(section).iter();
        lines
            .filter_map(|line| {
                let (phrase, ends): (Vec<&str>, Vec<&str>) =
                    line.split_whitespace().partition(|word| !word.starts_with('+'));
                let next = self.word(phrase.len());
                let fits = ends.is_empty()
                    || next.is_some_and(|next| ends.iter().any(|end| next.ends_with(&end[1..])));
                (fits && is_at(&self.tokens, &phrase)).then_some(phrase.len())
            })
            .max()
    }

    fn word(&self, at: usize) -> Option<&str> {
        self.tokens
            .get(at)
            .filter(|token| token.kind == Kind::Word)
            .map(|token| token.text.as_str())
    }

    fn is_pause(&self, at: usize) -> bool {
        let marks = [",", ".", "!", ":", ";", "?", "\n"];
        self.tokens
            .get(at)
            .is_some_and(|token| token.kind == Kind::Mark && marks.contains(&token.text.as_str()))
    }

    fn drop_front(&mut self, count: usize) -> bool {
        self.tokens.drain(..count);
        if let Some(first) = self.tokens.first_mut()
            && first.kind == Kind::Name
            && first.text.chars().skip(1).all(|c| !c.is_uppercase())
        {
            // `Hello. How …` has been lowered; `Hello, How …` not yet.
            let lower = first.text.to_lowercase();
            if self.language.has("detect", &lower) || self.language.has("verbs", &lower) {
                *first = Token::of(&lower);
            }
        }
        true
    }
}

/// Whether `tokens` begin with the words of `phrase`.
fn is_at(tokens: &[Token], phrase: &[&str]) -> bool {
    tokens.len() >= phrase.len()
        && phrase.iter().zip(tokens).all(|(word, token)| {
            matches!(token.kind, Kind::Word | Kind::Exact) && token.text == *word
        })
}

/// Longer texts are not compared.
const LONGEST: usize = 4096;
const GREETINGS: &[&str] = &[
    "hi",
    "hello",
    "hey",
    "hallo",
    "bonjour",
    "salut",
    "hola",
    "ciao",
    "buongiorno",
    "hoi",
    "olá",
    "oi",
];
const VERBS_OF_QUESTIONS: &[&str] = &[
    "be", "was", "were", "do", "does", "did", "can", "could", "should", "would", "will", "must",
    "may", "might", "has", "have", "had",
];
/// An article is none in front of these.
const NO_NOUNS: &[&str] = &[
    "and", "or", "vs", "versus", "to", "in", "of", "on", "for", "from", "with", "be", "was", "as",
    "at", "by", "than", "but", "not", "if", "when", "a", "an", "the", "do", "does", "mean",
    "before", "after",
];
