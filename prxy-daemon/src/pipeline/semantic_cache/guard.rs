//! Whether two questions ask the same. When in doubt they do not.
//!
//! Both are read into a form (see `reading`) in which only what is known to change nothing is gone:
//! courtesies, openings, spellings, a table of synonyms. The forms must be equal, word for word and
//! in order; so polarity, numbers, units, dates, names, code, quotations, quantifiers, tense, modality
//! and who does what to whom all count, in every language, without a list of them.

use thiserror::Error;

use super::reading::Reading;
use super::tables;
use super::tokens::{Kind, Token};

/// Why two questions do not share an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Error)]
pub enum Differs {
    /// One is too long to compare, or empty.
    #[error("a text cannot be compared")]
    Unreadable,
    /// They speak of other values, or in other roles.
    #[error("placeholders differ")]
    Placeholder,
    /// Code, a quotation, a number, an identifier, an operator.
    #[error("something that must be the same to the letter differs")]
    Exact,
    /// A name, or the case of its letters.
    #[error("names differ")]
    Name,
    /// A negation, or two words that mean the opposite.
    #[error("polarity differs")]
    Polarity,
    /// Another kind of question.
    #[error("the kinds of question differ")]
    Question,
    /// The same words in another order.
    #[error("the order differs")]
    Order,
    /// Any other word or mark.
    #[error("words differ")]
    Word,
}

/// Whether an answer to `a` answers `b`.
///
/// # Errors
/// What differs, or why that cannot be told.
pub fn same_question(a: &str, b: &str) -> Result<(), Differs> {
    match (Reading::of(a), Reading::of(b)) {
        (Some(a), Some(b)) => a.same(&b),
        _ => Err(Differs::Unreadable),
    }
}

impl Reading {
    /// Whether an answer to this question answers `other`.
    ///
    /// # Errors
    /// What differs.
    pub fn same(&self, other: &Self) -> Result<(), Differs> {
        if self.tokens == other.tokens {
            return Ok(());
        }
        let (ours, theirs) =
            (left_over(&self.tokens, &other.tokens), left_over(&other.tokens, &self.tokens));
        if ours.is_empty() && theirs.is_empty() {
            return Err(Differs::Order);
        }
        let word = |token: &Token| matches!(token.kind, Kind::Word | Kind::Name);
        let opposite = ours.iter().filter(|token| word(token)).any(|a| {
            theirs
                .iter()
                .any(|b| tables::are_opposites(&a.text.to_lowercase(), &b.text.to_lowercase()))
        });
        let all = ours.iter().chain(&theirs);
        let negation = all.clone().any(|token| NEGATIONS.contains(&token.text.as_str()));
        if opposite || negation {
            return Err(Differs::Polarity);
        }
        Err(all
            .map(|token| match token.kind {
                Kind::Placeholder => Differs::Placeholder,
                Kind::Code | Kind::Quote | Kind::Exact => Differs::Exact,
                Kind::Name => Differs::Name,
                Kind::Frame => Differs::Question,
                Kind::Word | Kind::Mark => Differs::Word,
            })
            .min()
            .unwrap_or(Differs::Word))
    }
}

/// What of `a` has no partner in `b`.
fn left_over<'a>(a: &'a [Token], b: &[Token]) -> Vec<&'a Token> {
    let mut partners: Vec<&Token> = b.iter().collect();
    a.iter()
        .filter(|token| match partners.iter().position(|partner| partner == token) {
            Some(at) => {
                partners.swap_remove(at);
                false
            }
            None => true,
        })
        .collect()
}

/// For the reason only: what is not in this list counts as well.
const NEGATIONS: &[&str] = &[
    "not", "no", "never", "none", "without", "neither", "nor", "nicht", "kein", "keine", "keinen",
    "nie", "ohne", "ne", "pas", "jamais", "sans", "no", "nunca", "sin", "non", "mai", "senza",
    "niet", "geen", "nooit", "zonder", "não", "sem",
];

#[cfg(test)]
#[path = "guard_tests.rs"]
mod tests;
