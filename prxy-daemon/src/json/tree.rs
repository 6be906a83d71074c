//! A document as a tree of places, for readers that need to see an object whole.
//!
//! It borrows the document, and is never printed again.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use thiserror::Error;

use super::{
    Container, Literal, NumberToken, Path, StringToken, SyntaxError, Visitor, WalkError, walk,
};

/// A value and where it stands.
#[derive(Clone, Debug)]
pub struct Node<'a> {
    /// The whole value, with its quotes or brackets; empty for a [`Literal`].
    pub range: Range<usize>,
    /// What it is.
    pub value: Value<'a>,
}

/// What a [`Node`] is.
#[derive(Clone, Debug)]
pub enum Value<'a> {
    /// `{…}`
    Object(Vec<(StringToken<'a>, Node<'a>)>),
    /// `[…]`
    Array(Vec<Node<'a>>),
    /// A string.
    Text(StringToken<'a>),
    /// A number.
    Number(NumberToken<'a>),
    /// A bare word.
    Literal(Literal),
}

/// Why there is no tree.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum TreeError {
    /// The bytes are no document.
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
    /// A key stands twice in an object: readers differ in which one they take.
    #[error("a key stands twice in one object")]
    KeyTwice,
}

impl<'a> Node<'a> {
    /// Reads the whole of `bytes`.
    pub fn read(bytes: &'a [u8]) -> Result<Self, TreeError> {
        let mut builder = Builder::default();
        walk(bytes, &mut builder).map_err(|error| match error {
            WalkError::Syntax(error) => TreeError::Syntax(error),
            WalkError::Visitor(KeyTwice) => TreeError::KeyTwice,
        })?;
        let null = Node { range: 0..0, value: Value::Literal(Literal::Null) };
        Ok(builder.root.unwrap_or(null))
    }

    /// The member `key` of an object.
    pub fn get(&self, key: &str) -> Option<&Node<'a>> {
        self.members().iter().find(|(token, _)| token.is(key)).map(|(_, node)| node)
    }

    /// The first of these members that is there.
    pub fn any(&self, keys: &[&str]) -> Option<&Node<'a>> {
        keys.iter().find_map(|key| self.get(key))
    }

    /// The members of an object; none where it is something else.
    pub fn members(&self) -> &[(StringToken<'a>, Node<'a>)] {
        match &self.value {
            Value::Object(members) => members,
            _ => &[],
        }
    }

    /// The elements of an array; none where it is something else.
    pub fn elements(&self) -> &[Node<'a>] {
        match &self.value {
            Value::Array(elements) => elements,
            _ => &[],
        }
    }

    /// What a string means.
    pub fn text(&self) -> Option<Cow<'a, str>> {
        match &self.value {
            Value::Text(token) => Some(token.decode()),
            _ => None,
        }
    }

    /// What the string in the member `key` means.
    pub fn text_of(&self, key: &str) -> Option<Cow<'a, str>> {
        self.get(key)?.text()
    }

    /// Whether the member `key` is the string `text`.
    pub fn says(&self, key: &str, text: &str) -> bool {
        matches!(self.get(key), Some(Node { value: Value::Text(token), .. }) if token.is(text))
    }

    /// A whole number that is not negative.
    pub fn whole(&self) -> Option<u64> {
        match &self.value {
            Value::Number(token) => token.raw().parse().ok(),
            _ => None,
        }
    }

    /// Whether it is there as more than `null`.
    pub fn is_something(&self) -> bool {
        !matches!(self.value, Value::Literal(Literal::Null))
    }

    /// Whether it is `true`.
    pub fn is_true(&self) -> bool {
        matches!(self.value, Value::Literal(Literal::True))
    }
}

#[derive(Default)]
struct Builder<'a> {
    open: Vec<Node<'a>>,
    keys: Vec<StringToken<'a>>,
    root: Option<Node<'a>>,
}

struct KeyTwice;

impl<'a> Builder<'a> {
    fn add(&mut self, node: Node<'a>) {
        match self.open.last_mut().map(|node| &mut node.value) {
            Some(Value::Array(elements)) => elements.push(node),
            Some(Value::Object(members)) => {
                if let Some(key) = self.keys.pop() {
                    members.push((key, node));
                }
            }
            _ => self.root = Some(node),
        }
    }
}

impl<'a> Visitor<'a> for Builder<'a> {
    type Error = KeyTwice;

    fn string(&mut self, _: &Path<'a>, token: StringToken<'a>) -> Result<(), KeyTwice> {
        if token.is_key {
            self.keys.push(token);
        } else {
            let range = token.range.start - 1..token.range.end + 1;
            self.add(Node { range, value: Value::Text(token) });
        }
        Ok(())
    }

    fn number(&mut self, _: &Path<'a>, token: NumberToken<'a>) -> Result<(), KeyTwice> {
        self.add(Node { range: token.range.clone(), value: Value::Number(token) });
        Ok(())
    }

    fn literal(&mut self, _: &Path<'a>, literal: Literal) -> Result<(), KeyTwice> {
        self.add(Node { range: 0..0, value: Value::Literal(literal) });
        Ok(())
    }

    fn enter(&mut self, _: &Path<'a>, container: Container, at: usize) -> Result<(), KeyTwice> {
        let value = match container {
            Container::Object => Value::Object(Vec::new()),
            Container::Array => Value::Array(Vec::new()),
        };
        self.open.push(Node { range: at..at, value });
        Ok(())
    }

    fn leave(&mut self, _: &Path<'a>, _: Container, range: Range<usize>) -> Result<(), KeyTwice> {
        let Some(node) = self.open.pop() else { return Ok(()) };
        if has_twice(node.members()) {
            return Err(KeyTwice);
        }
        self.add(Node { range, ..node });
        Ok(())
    }
}

fn has_twice(members: &[(StringToken<'_>, Node<'_>)]) -> bool {
    let mut seen = HashSet::with_capacity(members.len());
    members.len() > 1 && !members.iter().all(|(key, _)| seen.insert(key.decode()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_knows_its_place() {
        let source = r#" {"a":[1,"x\n",{"b":null}],"c":true} "#;
        let root = Node::read(source.as_bytes()).unwrap();
        let list = root.get("a").unwrap();
        let at = |node: &Node<'_>| source[node.range.clone()].to_owned();
        assert_eq!(at(&root), source.trim());
        assert_eq!(at(list), r#"[1,"x\n",{"b":null}]"#);
        assert_eq!(
            list.elements().iter().map(at).collect::<Vec<_>>(),
            ["1", r#""x\n""#, r#"{"b":null}"#]
        );
        assert_eq!(list.elements()[0].whole(), Some(1));
        assert_eq!(list.elements()[1].text().as_deref(), Some("x\n"));
        assert!(!list.elements()[2].get("b").unwrap().is_something());
        assert!(root.get("c").unwrap().is_true() && root.get("d").is_none());
    }

    #[test]
    fn a_key_that_stands_twice_is_no_tree_whatever_its_spelling() {
        for (source, error) in [
            (r#"{"a":1,"\u0061":2}"#, Some(TreeError::KeyTwice)),
            (r#"[{"a":{"b":1,"b":1}}]"#, Some(TreeError::KeyTwice)),
            (r#"[{"a":1},{"a":1}]"#, None),
        ] {
            assert_eq!(Node::read(source.as_bytes()).err(), error, "{source}");
        }
    }
}
