//! A request as a conversation: who says what, which tools there are, what belongs together.
//!
//! Read in place from the body of one request: every part knows its bytes. One file per surface
//! says where things stand; [`tokens`] counts them, [`window`] knows what models hold.
//! Not for changing a request: that is what the pipeline's modules do.

mod chat;
mod generate;
pub mod memo;
mod messages;
mod responses;
pub mod tokens;
pub mod window;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use super::Surface;
use crate::json::{Node, StringToken, Value};

/// What a request holds.
#[derive(Debug)]
pub struct Conversation<'t> {
    /// Whose shape it has.
    pub surface: Surface,
    /// The model, where the body names it.
    pub model: Option<Cow<'t, str>>,
    /// How many tokens the answer may have; 0 where the request does not say.
    pub max_output: u64,
    /// What stands above the turns: the system prompt, instructions.
    pub system: Vec<&'t Node<'t>>,
    /// What the model may call, in order.
    pub tools: Vec<Tool<'t>>,
    /// The tools that the request insists on.
    pub chosen: Vec<Cow<'t, str>>,
    /// The list in which the items stand.
    pub list: Option<&'t Node<'t>>,
    /// Messages, contents or input items, in order.
    pub items: Vec<Item<'t>>,
    /// Whether it goes on from something that the provider keeps, so that this is not all of it.
    pub continued: bool,
}

/// Something that the model may call.
#[derive(Debug)]
pub struct Tool<'t> {
    /// The declaration.
    pub node: &'t Node<'t>,
    /// The list in which it stands.
    pub list: &'t Node<'t>,
    /// What the model calls it; empty where it has no name.
    pub name: Cow<'t, str>,
    /// What it is said to do.
    pub description: Cow<'t, str>,
    /// What it takes.
    pub schema: Option<&'t Node<'t>>,
    /// The client's own function with a schema, which may be left out where nobody needs it.
    pub optional: bool,
}

/// One element of the list of turns.
#[derive(Debug)]
pub struct Item<'t> {
    /// All of it.
    pub node: &'t Node<'t>,
    /// Who says it.
    pub role: Role,
    /// What it holds, in order.
    pub parts: Vec<Part<'t>>,
    /// Where a text can be added at its end.
    pub tail: Tail<'t>,
}

/// Whose turn an item is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Whoever gives orders above the user, or something that must stay where it is.
    Instruction,
    /// The user, or the tools that the client runs.
    User,
    /// The model.
    Model,
}

/// What an item holds.
#[derive(Debug)]
pub enum Part<'t> {
    /// What user or model say.
    Text(&'t Node<'t>),
    /// What the model thinks.
    Thinking(&'t Node<'t>),
    /// The model calls a tool.
    Call {
        /// What the result will refer to.
        id: Option<Cow<'t, str>>,
        /// The tool.
        name: Cow<'t, str>,
        /// What it is given.
        input: Option<&'t Node<'t>>,
    },
    /// A tool's result begins; what it says are the [`Part::Said`] behind it.
    Result {
        /// The call.
        id: Option<Cow<'t, str>>,
    },
    /// What a tool says.
    Said(&'t Node<'t>),
    /// A tool that was found by search, and can be called from here on.
    Found(Cow<'t, str>),
    /// An image, a document, a sound.
    Attachment(&'t Node<'t>),
    /// Ciphertext or a signature: bytes that only the provider reads.
    Opaque(&'t Node<'t>),
    /// Anything else, counted as it is spelled.
    Other(&'t Node<'t>),
}

/// How a text is added to the end of an item.
#[derive(Debug)]
pub enum Tail<'t> {
    /// The content is this string.
    Text(&'t StringToken<'t>),
    /// The content is this list of blocks; a block of text begins with these bytes.
    List(&'t Node<'t>, &'static str),
    /// There is no way.
    Closed,
}

impl<'t> Conversation<'t> {
    /// Reads the body of a request; `None` where it has no turns to speak of.
    pub fn read(surface: Surface, root: &'t Node<'t>) -> Option<Self> {
        let empty = Self {
            surface,
            model: root.text_of("model"),
            max_output: 0,
            system: Vec::new(),
            tools: Vec::new(),
            chosen: Vec::new(),
            list: None,
            items: Vec::new(),
            continued: false,
        };
        match surface {
            Surface::Messages => messages::read(root, empty),
            Surface::Chat => chat::read(root, empty),
            Surface::Responses => responses::read(root, empty),
            Surface::Generate => generate::read(root, empty),
            _ => None,
        }
    }
}

impl<'t> Item<'t> {
    /// The texts that user or model say.
    pub fn texts(&self) -> impl Iterator<Item = Cow<'t, str>> {
        self.parts.iter().filter_map(|part| match part {
            Part::Text(node) => node.text(),
            _ => None,
        })
    }

    /// What tools say in it.
    pub fn said(&self) -> impl Iterator<Item = Cow<'t, str>> {
        self.parts.iter().filter_map(|part| match part {
            Part::Said(node) => node.text(),
            _ => None,
        })
    }

    /// Whether the user says something here, beside results of tools.
    pub fn asks(&self) -> bool {
        self.role == Role::User && self.texts().any(|text| !text.trim().is_empty())
    }

    /// Whether it holds a call of a tool.
    pub fn calls(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Call { .. }))
    }

    /// Whether it holds a result.
    pub fn has_results(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Result { .. }))
    }

    /// Whether it holds what the model thought.
    pub fn thinks(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Thinking(_) | Part::Opaque(_)))
    }
}

/// The end of a `content` that is a string or a list of blocks.
fn tail<'t>(content: Option<&'t Node<'t>>, block: &'static str) -> Tail<'t> {
    match content {
        Some(Node { value: Value::Text(token), .. }) => Tail::Text(token),
        Some(node @ Node { value: Value::Array(_), .. }) => Tail::List(node, block),
        _ => Tail::Closed,
    }
}

/// A tool with the usual three members.
fn function<'t>(
    node: &'t Node<'t>,
    list: &'t Node<'t>,
    inner: &'t Node<'t>,
    schema: &[&str],
) -> Tool<'t> {
    Tool {
        node,
        list,
        name: inner.text_of("name").unwrap_or_default(),
        description: inner.text_of("description").unwrap_or_default(),
        schema: inner.any(schema),
        optional: false,
    }
}

const TEXT_BLOCK: &str = r#"{"type":"text","text":""#;
