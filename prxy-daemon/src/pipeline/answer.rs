//! What modules are told of an answer, and what a module answers by itself.

use bytes::Bytes;
use http::StatusCode;

use crate::config::Sharing;
use crate::redact::Name;
use crate::redact::rehydrate::Form;
use crate::store::Kind;

/// Told what the provider answered, once: when the answer is over or has broken off.
///
/// Dropped unheard when there is no answer: nothing was sent, or nobody knows what came of it.
pub type Listener = Box<dyn FnOnce(&Answered) + Send>;

/// What a provider answered, with placeholders as it wrote them.
#[derive(Clone, Debug)]
pub struct Answered {
    /// Of the answer.
    pub status: StatusCode,
    /// By its `content-type`.
    pub form: Form,
    /// All of it, or what came before it broke off or became too long to keep.
    pub body: Bytes,
    /// How it ended.
    pub end: End,
}

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It was read to its end.
    Whole,
    /// The provider broke it off.
    Broken,
    /// Everybody left, or it became too long to keep.
    Left,
}

/// An answer that is given again.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// How it is written.
    pub kind: Kind,
    /// With the placeholders of the request that it was recorded for.
    pub body: Bytes,
    /// These placeholders, in the order of the request's key.
    pub theirs: Vec<Name>,
    /// Those of the request that is answered, in the same order.
    pub own: Vec<Name>,
}

/// An answer that is on its way already and that this request can share.
#[derive(Clone, Debug)]
pub struct Flight {
    /// The same for requests that can share one.
    pub key: [u8; 32],
    /// The request's placeholders, in the order of its key.
    pub names: Vec<Name>,
    /// Who can share it.
    pub scope: Sharing,
}
