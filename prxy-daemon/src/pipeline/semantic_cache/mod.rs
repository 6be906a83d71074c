//! One answer for questions that are asked in other words.
//!
//! Not for requests that are the same: that is `exact_cache`.

pub mod guard;
mod reading;
mod tables;
mod tokens;

pub use reading::Reading;

/// How near two vectors must be by default.
pub const SIMILARITY: f32 = 0.92;
