//! Texts with gold spans: generated from templates and lists of our own, and hard cases by hand.
//!
//! The generator is seeded and deterministic. It shares no code with the detectors: check digits are
//! computed here, and lists and templates were written without a look at theirs.
//!
//! Not for scoring: that is the `quality` program.

pub mod checksum;
mod fill;
mod hard;
mod ids;
mod lists;
mod random;
mod secrets;
#[cfg(test)]
mod tests;
mod values;

use serde_json::{Value, json};

use fill::Filler;
use random::Random;

pub use hard::{fresh, hard};

/// One text and what is sensitive in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// Unique in the whole corpus; the template's name and a number.
    pub id: String,
    /// `en`, `de`, `fr`, `es`, `it`, `nl`, `pl`, `pt` or `zh`.
    pub lang: String,
    /// What kind of document it is, such as `email` or `csv`.
    pub format: String,
    /// The text.
    pub text: String,
    /// Sorted, not overlapping.
    pub spans: Vec<Gold>,
}

/// One sensitive value: bytes `start..end` of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gold {
    /// The offset of the first byte.
    pub start: usize,
    /// The offset behind the last byte.
    pub end: usize,
    /// What it is.
    pub label: String,
}

/// Which half of lists and templates a text is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Half {
    /// What detectors may be tried on while they are written.
    Dev = 0,
    /// Other names, formats and templates: what the figures say something about.
    HeldOut = 1,
}

impl Half {
    /// Its name in reports and files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::HeldOut => "held-out",
        }
    }
}

/// Every text of one half.
pub fn generate(half: Half, seed: u64) -> Vec<Text> {
    let languages = lists::languages();
    let mut all = Vec::new();
    for template in lists::templates().iter().filter(|template| template.half == half) {
        let own = template.name.bytes().fold(seed, |sum, b| sum.wrapping_mul(31) + u64::from(b));
        let mut random = Random::new(own ^ (half as u64) << 32);
        let neutral = !languages.iter().any(|lists| lists.lang == template.lang);
        let copies = if neutral { COPIES_OF_NEUTRAL } else { COPIES };
        for copy in 0..copies {
            let lists = match languages.iter().find(|lists| lists.lang == template.lang) {
                Some(lists) => lists,
                None => &languages[copy % languages.len()],
            };
            let (text, spans) = Filler::new(lists, half, &mut random).fill(template.body);
            all.push(Text {
                id: format!("{}-{}-{}-{copy}", half.name(), template.lang, template.name),
                lang: lists.lang.to_owned(),
                format: template.format.to_owned(),
                text,
                spans,
            });
        }
    }
    all
}

impl Text {
    /// One JSON line, without its line end.
    pub fn to_json(&self) -> Value {
        let span = |span: &Gold| json!({"start": span.start, "end": span.end, "label": span.label});
        json!({
            "id": self.id,
            "lang": self.lang,
            "format": self.format,
            "text": self.text,
            "spans": self.spans.iter().map(span).collect::<Vec<_>>(),
        })
    }
}

/// The seed of the published figures.
pub const SEED: u64 = 20_260_401;
/// Texts from each template of one language, and from each that takes them all.
const COPIES: usize = 20;
const COPIES_OF_NEUTRAL: usize = 27;
