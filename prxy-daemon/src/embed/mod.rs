//! Texts as vectors, and the nearest of many vectors.
//!
//! Sees masked text only. Not for what a likeness means: two questions with opposite answers can
//! have vectors that are nearly the same, see `pipeline::semantic_cache`.

pub mod model;
mod network;
mod offline;
pub mod search;

use std::path::Path;
use std::sync::Arc;

use thiserror::Error;

use model::{Model, ModelError, installed};

pub use network::{Network, Service};
pub use offline::{NAME as OFFLINE, Offline};
pub use search::Packed;

/// Turns a text into a vector; the same text always into the same.
pub trait Embedder: Send + Sync {
    /// What it is and its version: vectors of another name cannot be compared with its own.
    fn name(&self) -> &str;

    /// What it makes its vectors of.
    fn reads(&self) -> Reads;

    /// Whether it is asked over the network, so that every text costs a round trip.
    fn is_remote(&self) -> bool {
        false
    }

    /// The vector of `text`.
    ///
    /// # Errors
    /// The embedder cannot be asked; the offline one never fails.
    fn embed(&self, text: &str) -> Result<Vector, EmbedError>;
}

/// What an embedder is best given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    /// The words that matter: it sees spellings, no meaning.
    Words,
    /// The sentence as it was written.
    Sentences,
}

/// The installed model of that name, in `state`, the gateway's directory; without a name the offline
/// embedder.
///
/// # Errors
/// The model is not there, or not as it was installed.
pub fn open(model: Option<&str>, state: &Path) -> Result<Arc<dyn Embedder>, ModelError> {
    Ok(match model {
        None => Arc::new(Offline),
        Some(model) => Arc::new(installed::load(state, model)?) as Arc<Model>,
    })
}

/// A vector of length 1, or of length 0 where there is nothing to say.
#[derive(Clone, Debug, PartialEq)]
pub struct Vector(Vec<f32>);

impl Vector {
    /// `numbers`, scaled to length 1.
    pub fn new(mut numbers: Vec<f32>) -> Self {
        let length = numbers.iter().map(|n| n * n).sum::<f32>().sqrt();
        if length.is_normal() {
            numbers.iter_mut().for_each(|n| *n /= length);
        } else {
            numbers.fill(0.0);
        }
        Self(numbers)
    }

    /// Its numbers.
    pub fn numbers(&self) -> &[f32] {
        &self.0
    }

    /// The cosine of the angle to `other`: 1 for the same direction.
    pub fn similarity(&self, other: &Self) -> f32 {
        self.0.iter().zip(&other.0).map(|(a, b)| a * b).sum()
    }
}

/// Why there is no vector; holds no text.
#[derive(Debug, Error)]
pub enum EmbedError {
    /// The model or the service did not answer.
    #[error("the embedder {name} cannot be asked: {why}")]
    Unavailable {
        /// The embedder's name.
        name: String,
        /// What it says.
        why: String,
    },
}
