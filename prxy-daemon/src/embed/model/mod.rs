//! A local model: an encoder of the BERT family as sentence-transformers keeps it in a directory.
//!
//! Not for getting one: nothing here knows a network. `installed` is where models are kept, `files`
//! reads what may be anything, `tokens` makes numbers of a text, `bert` a vector of these.

mod bert;
mod files;
pub mod installed;
mod tokens;

#[cfg(test)]
pub(crate) mod tests;

use std::path::Path;

use thiserror::Error;

use super::{EmbedError, Embedder, Reads, Vector};
use crate::hop;
use bert::{Bert, Shape};
use files::Settings;
use tokens::Tokenizer;

/// A model in memory.
pub struct Model {
    name: String,
    sha256: String,
    tokenizer: Tokenizer,
    bert: Bert,
    longest: usize,
}

/// Why a model cannot be used; holds no text that was embedded.
#[derive(Debug, Error)]
pub enum ModelError {
    /// A file cannot be read or written.
    #[error("{file}: {source}")]
    Unreadable {
        /// Relative to the model's directory.
        file: &'static str,
        /// What the kernel says.
        source: std::io::Error,
    },
    /// A file is larger than any model's.
    #[error("{file} has more than {most} bytes")]
    TooLarge {
        /// Relative to the model's directory.
        file: &'static str,
        /// What is read at most.
        most: u64,
    },
    /// A file is not what its name says.
    #[error("{file} is malformed: {why}")]
    Malformed {
        /// Relative to the model's directory.
        file: &'static str,
        /// What is wrong, and where.
        why: String,
    },
    /// It may be a good model, but not one that is computed here.
    #[error("{file}: {what} is not supported")]
    Unsupported {
        /// Relative to the model's directory.
        file: &'static str,
        /// What is.
        what: String,
    },
    /// Its vectors are no numbers.
    #[error("the vector of a sentence holds what is no number")]
    NotFinite,
    /// The name is none for a directory.
    #[error(
        "{0:?} is no name of a model: use a to z, 0 to 9, `-`, `_` and `.`, a letter or digit first, at most 64"
    )]
    BadName(String),
    /// There is no such model.
    #[error(
        "there is no model {name:?} in {dir}; install it with `prxy model add DIR --name {name}`"
    )]
    NotInstalled {
        /// As configured.
        name: String,
        /// Where models are.
        dir: String,
    },
    /// There is one of that name.
    #[error("there is a model {0:?} already; remove it first, or give this one another --name")]
    Installed(String),
    /// The weights are not those that were installed.
    #[error("the model {0:?} has changed since it was installed; remove it and add it again")]
    Changed(String),
    /// The directory of models cannot be used.
    #[error("{dir}: {source}")]
    Directory {
        /// Which.
        dir: String,
        /// What the kernel says.
        source: std::io::Error,
    },
}

impl Model {
    /// Reads the model in `dir`, and tries it.
    ///
    /// # Errors
    /// Anything that would keep it from giving a vector of any text.
    pub fn load(dir: &Path, name: &str) -> Result<Self, ModelError> {
        let Settings { shape, longest } = Settings::read(dir)?;
        let tokenizer = Tokenizer::parse(&files::read(dir, files::TOKENIZER)?, shape.vocabulary)?;
        let (bert, sha256) = Bert::read(files::open(dir, files::WEIGHTS)?, shape)?;
        let name = format!("{name}@{}", &sha256[..HASH_SHOWN]);
        let model = Self { name, sha256, tokenizer, bert, longest };
        match model.numbers(PROBE).iter().all(|n| n.is_finite()) {
            true => Ok(model),
            false => Err(ModelError::NotFinite),
        }
    }

    /// Of the weights, as `sha256sum` prints it.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    fn numbers(&self, text: &str) -> Vec<f32> {
        // Milliseconds for a sentence, a tenth of a second and more for a page.
        hop::on_cpu(usize::MAX, || self.bert.mean(&self.tokenizer.ids(text, self.longest)))
    }
}

impl Model {
    /// How many numbers a vector has.
    pub fn dimensions(&self) -> usize {
        self.bert.shape().hidden
    }
}

impl Embedder for Model {
    fn name(&self) -> &str {
        &self.name
    }

    fn reads(&self) -> Reads {
        Reads::Sentences
    }

    fn embed(&self, text: &str) -> Result<Vector, EmbedError> {
        let numbers = self.numbers(text);
        if numbers.iter().all(|n| n.is_finite()) {
            return Ok(Vector::new(numbers));
        }
        let why = ModelError::NotFinite.to_string();
        Err(EmbedError::Unavailable { name: self.name.clone(), why })
    }
}

const PROBE: &str = "How do I list open ports?";
/// Enough to tell the models of one installation apart.
const HASH_SHOWN: usize = 12;
