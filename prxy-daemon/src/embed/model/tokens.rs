//! From a text to numbers of a vocabulary: the WordPiece of BERT, as `tokenizer.json` describes it.
//!
//! The same numbers as Hugging Face's `tokenizers` gives, whose tables are those of Unicode 8; what a
//! file asks for beyond that is refused.

use std::collections::HashMap;

use regex::Regex;
use serde::Deserialize;
use unicode_normalization::UnicodeNormalization as _;

use super::ModelError;
use super::files::{TOKENIZER, json, malformed, unsupported};

/// A vocabulary, and how words are cut into its pieces.
pub(super) struct Tokenizer {
    normalizer: Normalizer,
    /// What begins a word.
    starts: HashMap<Box<str>, u32>,
    /// What goes on.
    rests: HashMap<Box<str>, u32>,
    /// In characters, of a piece.
    longest: usize,
    /// A word of more characters is unknown.
    longest_word: usize,
    /// Names of tokens, such as `[SEP]`, that stand in a text.
    named: HashMap<String, u32>,
    find_named: Regex,
    dropped: Regex,
    accents: Regex,
    words: Regex,
    unknown: u32,
    first: u32,
    last: u32,
}

#[derive(Deserialize)]
struct File {
    added_tokens: Vec<Added>,
    normalizer: Normalizer,
    pre_tokenizer: Kind,
    model: WordPiece,
}

#[derive(Deserialize)]
struct Added {
    id: u32,
    content: String,
    single_word: bool,
    lstrip: bool,
    rstrip: bool,
    normalized: bool,
}

#[derive(Deserialize)]
struct Kind {
    r#type: String,
}

#[derive(Deserialize)]
struct Normalizer {
    r#type: String,
    clean_text: bool,
    handle_chinese_chars: bool,
    strip_accents: Option<bool>,
    lowercase: bool,
}

#[derive(Deserialize)]
struct WordPiece {
    r#type: Option<String>,
    unk_token: String,
    continuing_subword_prefix: String,
    max_input_chars_per_word: usize,
    vocab: HashMap<String, u32>,
}

impl Tokenizer {
    /// What a `tokenizer.json` says; all of its numbers are below `vocabulary`.
    pub(super) fn parse(bytes: &[u8], vocabulary: usize) -> Result<Self, ModelError> {
        let File { added_tokens, normalizer, pre_tokenizer, model } = json(TOKENIZER, bytes)?;
        let model_kind = model.r#type.as_deref().unwrap_or("WordPiece");
        for (part, found, known) in [
            ("normalizer", normalizer.r#type.as_str(), "BertNormalizer"),
            ("pre_tokenizer", &pre_tokenizer.r#type, "BertPreTokenizer"),
            ("model", model_kind, "WordPiece"),
        ] {
            if found != known {
                return Err(unsupported(TOKENIZER, format_args!("{part} {found:?}")));
            }
        }
        let plain = |token: &Added| {
            !(token.single_word || token.lstrip || token.rstrip || token.normalized)
        };
        if let Some(token) = added_tokens.iter().find(|token| !plain(token)) {
            return Err(unsupported(
                TOKENIZER,
                format_args!("the kind of token {:?}", token.content),
            ));
        }
        let numbers = model.vocab.values().chain(added_tokens.iter().map(|token| &token.id));
        if let Some(id) = numbers.copied().find(|id| *id as usize >= vocabulary) {
            return Err(malformed(TOKENIZER, format_args!("number {id} is beyond the vocabulary")));
        }
        let id = |name: &str| {
            let id = model.vocab.get(name).copied();
            id.ok_or_else(|| malformed(TOKENIZER, format_args!("no token {name:?}")))
        };
        let (unknown, first, last) = (id(&model.unk_token)?, id("[CLS]")?, id("[SEP]")?);
        let regex = |text: &str| Regex::new(text).map_err(|error| malformed(TOKENIZER, error));
        let mut names: Vec<&str> =
            added_tokens.iter().map(|token| token.content.as_str()).collect();
        names.retain(|name| !name.is_empty());
        // The longest first: the first that fits is taken.
        names.sort_unstable_by_key(|name| std::cmp::Reverse(name.len()));
        let names: Vec<_> = names.into_iter().map(regex::escape).collect();
        // Without any name, what no text holds.
        let names = if names.is_empty() { r"[^\s\S]".to_owned() } else { names.join("|") };
        let find_named = regex(&names)?;
        let longest = model.vocab.keys().map(|piece| piece.chars().count()).max().unwrap_or(0);
        let prefix = &model.continuing_subword_prefix;
        let mut rests = HashMap::new();
        let mut starts = HashMap::with_capacity(model.vocab.len());
        for (piece, id) in &model.vocab {
            if let Some(rest) = piece.strip_prefix(prefix.as_str()) {
                rests.insert(rest.into(), *id);
            }
            starts.insert(piece.as_str().into(), *id);
        }
        Ok(Self {
            starts,
            rests,
            longest,
            longest_word: model.max_input_chars_per_word,
            find_named,
            dropped: regex(r"[[\x00\u{FFFD}\p{Cc}\p{Cf}\p{Co}--\t\n\r]&&\p{Age=8.0}]")?,
            accents: regex(r"[\p{Mn}&&\p{Age=8.0}]")?,
            words: regex(r"[[\p{P}&&\p{Age=8.0}][:punct:]]|[^[\p{P}&&\p{Age=8.0}][:punct:]\s]+")?,
            named: added_tokens.into_iter().map(|token| (token.content, token.id)).collect(),
            unknown,
            first,
            last,
            normalizer,
        })
    }

    /// The numbers of a text, at most `most`, between those of its beginning and its end.
    pub(super) fn ids(&self, text: &str, most: usize) -> Vec<u32> {
        let text = &text[..text.floor_char_boundary(MAX_TEXT)];
        let most = most.saturating_sub(1);
        let mut ids = vec![self.first];
        let mut plain = 0;
        for named in self.find_named.find_iter(text) {
            self.words(&text[plain..named.start()], &mut ids, most);
            ids.extend(self.named.get(named.as_str()));
            plain = named.end();
        }
        self.words(&text[plain..], &mut ids, most);
        ids.truncate(most);
        ids.push(self.last);
        ids
    }

    fn words(&self, text: &str, ids: &mut Vec<u32>, most: usize) {
        if ids.len() >= most {
            return;
        }
        let text = self.normal(text);
        for word in self.words.find_iter(&text) {
            self.pieces(word.as_str(), ids);
            if ids.len() >= most {
                return;
            }
        }
    }

    /// The longest pieces from the left; a word that cannot be cut so is unknown as a whole.
    fn pieces(&self, word: &str, ids: &mut Vec<u32>) {
        let ends: Vec<usize> = word.char_indices().map(|(at, c)| at + c.len_utf8()).collect();
        let before = ids.len();
        let mut done = 0;
        if ends.len() > self.longest_word {
            ids.push(self.unknown);
            return;
        }
        while done < ends.len() {
            let known = if done == 0 { &self.starts } else { &self.rests };
            let start = if done == 0 { 0 } else { ends[done - 1] };
            let far = ends.len().min(done + self.longest);
            let longest_first = (done..far).rev();
            let piece = longest_first
                .map(|last| (last + 1, known.get(&word[start..ends[last]])))
                .find_map(|(next, id)| Some((next, *id?)));
            let Some((next, id)) = piece else {
                ids.truncate(before);
                ids.push(self.unknown);
                return;
            };
            ids.push(id);
            done = next;
        }
    }

    fn normal(&self, text: &str) -> String {
        let Normalizer { clean_text, handle_chinese_chars, strip_accents, lowercase, .. } =
            self.normalizer;
        let mut text = text.to_owned();
        if clean_text {
            text = self.dropped.replace_all(&text, "").into_owned();
        }
        if handle_chinese_chars && text.chars().any(is_chinese) {
            let apart = |c| {
                let blank = is_chinese(c).then_some(' ');
                [blank, Some(c), blank].into_iter().flatten()
            };
            text = text.chars().flat_map(apart).collect();
        }
        if strip_accents.unwrap_or(lowercase) && !text.is_ascii() {
            let parted: String = text.nfd().collect();
            text = self.accents.replace_all(&parted, "").into_owned();
        }
        if lowercase {
            // Letter by letter: a sigma does not change at the end of a word.
            text = text.chars().flat_map(char::to_lowercase).collect();
        }
        text
    }
}

/// The blocks of unified ideographs, as the original has them.
fn is_chinese(c: char) -> bool {
    matches!(
        u32::from(c),
        0x4E00..=0x9FFF
            | 0x3400..=0x4DBF
            | 0x20000..=0x2A6DF
            | 0x2A700..=0x2B73F
            | 0x2B740..=0x2B81F
            | 0x2B920..=0x2CEAF
            | 0xF900..=0xFAFF
            | 0x2F800..=0x2FA1F
    )
}

/// More is not looked at: no model reads so many tokens, unless hardly any of it is words.
const MAX_TEXT: usize = 1 << 16;
