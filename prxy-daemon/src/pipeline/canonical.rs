//! The canonical form of a masked request: two requests that ask the same have the same key.
//!
//! Members of objects are sorted, and placeholders are numbered anew by their first appearance: what
//! two people ask of the same template is the same, whatever their vaults call their names. What
//! cannot change an answer is left out, and a request whose answer hangs on more than its text has
//! no canonical form.

use std::borrow::Cow;
use std::convert::Infallible;
use std::ops::Range;

use http::Uri;

use crate::json::{Container, Literal, NumberToken, Path, StringToken, Visitor, walk};
use crate::provider::Surface;
use crate::provider::endpoint::Endpoint;
use crate::redact::{Name, Number, placeholder};
use crate::store::Kind;

/// A request, read for comparing.
pub(crate) struct Canonical<'a> {
    pub(super) root: Node<'a>,
    /// The path without what chooses the form of the answer.
    path: String,
    /// What chooses it.
    form: String,
    kind: Kind,
}

/// What a request is found by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    /// The same for all requests that ask the same.
    pub(crate) hash: [u8; 32],
    /// Its placeholders in the order of their first appearance.
    pub(crate) names: Vec<Name>,
}

pub(super) enum Node<'a> {
    Object(Vec<(Cow<'a, str>, Node<'a>)>),
    Array(Vec<Node<'a>>),
    Text(Cow<'a, str>),
    /// A number or a bare word, as it is spelled.
    Bare(&'a str),
}

impl<'a> Canonical<'a> {
    /// Reads a request; `None` where its answer hangs on more than its text.
    pub(crate) fn read(endpoint: &Endpoint, uri: &Uri, body: &'a [u8]) -> Option<Self> {
        if !is_conversation(endpoint) {
            return None;
        }
        let mut tree = Tree { open: Vec::new(), root: None };
        walk(body, &mut tree).ok()?;
        let Node::Object(mut members) = tree.root? else { return None };
        if has_twice(&members) || hangs_on_state(endpoint.surface, &members) {
            return None;
        }
        let mut form = String::new();
        let streams = |(key, value): &(Cow<'_, str>, Node<'_>)| {
            key == "stream" && matches!(value, Node::Bare("true"))
        };
        let mut kind = if members.iter().any(streams) { Kind::Events } else { Kind::Whole };
        members.retain(|(key, value)| {
            let chooses = FORM.contains(&&**key);
            if chooses {
                form.push_str(key);
                value.write(&mut form);
            }
            !chooses && !silent(endpoint.surface).contains(&&**key)
        });
        let query = uri.query().unwrap_or_default();
        let path = match uri.path().strip_suffix(STREAMED) {
            Some(model) => {
                let (alt, query): (Vec<&str>, Vec<&str>) =
                    query.split('&').partition(|pair| pair.starts_with("alt="));
                kind = if alt == ["alt=sse"] { Kind::Events } else { Kind::Array };
                form = format!("{STREAMED}{}", alt.concat());
                format!("{model}{WHOLE}?{}", query.join("&"))
            }
            // What `alt` does to an answer that is not streamed is the provider's secret.
            None => format!("{}?{query}", uri.path()),
        };
        Some(Self { root: Node::Object(members), path, form, kind })
    }

    /// What the request is found by among those of `partition`.
    pub(crate) fn key(&self, partition: &[u8]) -> Key {
        let mut keying =
            Keying { hasher: blake3::Hasher::new(), names: Vec::new(), spelled: Vec::new() };
        keying.part(partition);
        keying.part(self.path.as_bytes());
        keying.node(&self.root);
        Key { hash: *keying.hasher.finalize().as_bytes(), names: keying.spelled }
    }

    /// Whether a stream is to end with what it cost.
    pub(crate) fn wants_usage(&self) -> bool {
        self.form.contains("include_usagetrue")
    }

    /// How the answer is to be written.
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// What chooses the form of the answer: only requests with the same share bytes.
    pub(crate) fn form(&self) -> &str {
        &self.form
    }
}

/// Whether it has one answer that somebody may be given again.
fn is_conversation(endpoint: &Endpoint) -> bool {
    let path = endpoint.path;
    endpoint.method == http::Method::POST
        && match endpoint.surface {
            Surface::Messages => path.ends_with("/messages"),
            Surface::Chat => path.ends_with("/chat/completions"),
            Surface::Completions => path.ends_with("/completions"),
            Surface::Responses => path.ends_with("/responses"),
            Surface::Generate => path.ends_with(WHOLE) || path.ends_with(STREAMED),
            _ => false,
        }
}

/// Two members of the same name: readers differ in which one they take.
fn has_twice(members: &[(Cow<'_, str>, Node<'_>)]) -> bool {
    let mut keys: Vec<&str> = members.iter().map(|(key, _)| &**key).collect();
    keys.sort_unstable();
    keys.windows(2).any(|pair| pair[0] == pair[1])
}

/// Whether the provider keeps something that the answer hangs on, or that hangs on the answer.
fn hangs_on_state(surface: Surface, members: &[(Cow<'_, str>, Node<'_>)]) -> bool {
    let value = |key: &str| members.iter().find(|(known, _)| known == key).map(|(_, value)| value);
    let says = |key: &str| !matches!(value(key), None | Some(Node::Bare("null" | "false")));
    let kept = match surface {
        // Responses are kept unless the request says otherwise.
        Surface::Responses => !matches!(value("store"), Some(Node::Bare("false"))),
        _ => says("store"),
    };
    // Elsewhere it is the text.
    let template = surface == Surface::Responses && says("prompt");
    kept || template
        || STATE.iter().any(|key| says(key))
        || members.iter().any(|(_, value)| value.names_file())
}

impl<'a> Node<'a> {
    fn names_file(&self) -> bool {
        match self {
            Node::Object(members) => {
                members.iter().any(|(key, value)| FILES.contains(&&**key) || value.names_file())
            }
            Node::Array(items) => items.iter().any(Node::names_file),
            Node::Text(_) | Node::Bare(_) => false,
        }
    }

    fn write(&self, out: &mut String) {
        match self {
            Node::Object(members) => members.iter().for_each(|(key, value)| {
                out.push_str(key);
                value.write(out);
            }),
            Node::Array(items) => items.iter().for_each(|item| item.write(out)),
            Node::Text(text) => {
                out.push('"');
                out.push_str(text);
            }
            Node::Bare(text) => out.push_str(text),
        }
    }
}

/// Hashes a tree, numbering placeholders on the way.
struct Keying {
    hasher: blake3::Hasher,
    /// Labels with the values that were met.
    names: Vec<(Box<str>, Vec<Met>)>,
    spelled: Vec<Name>,
}

/// A value with the spellings of it that were met.
type Met = (u32, Vec<u32>);

impl Keying {
    fn part(&mut self, bytes: &[u8]) {
        self.hasher.update(&(bytes.len() as u64).to_le_bytes()).update(bytes);
    }

    fn node(&mut self, node: &Node<'_>) {
        match node {
            Node::Object(members) => {
                self.hasher.update(b"{").update(&(members.len() as u64).to_le_bytes());
                for (key, value) in members {
                    self.text(key);
                    self.node(value);
                }
            }
            Node::Array(items) => {
                self.hasher.update(b"[").update(&(items.len() as u64).to_le_bytes());
                items.iter().for_each(|item| self.node(item));
            }
            Node::Text(text) => {
                self.hasher.update(b"\"");
                self.text(text);
            }
            Node::Bare(text) => {
                self.hasher.update(b"0");
                self.part(text.as_bytes());
            }
        }
    }

    fn text(&mut self, text: &str) {
        let mut renamed = String::new();
        let mut at = 0;
        for (range, label, number) in placeholders(text) {
            renamed.push_str(&text[at..range.start]);
            let number = self.renumber(label, number);
            renamed.push_str(&format!("<{label}_{number}>"));
            at = range.end;
        }
        if at == 0 {
            return self.part(text.as_bytes());
        }
        renamed.push_str(&text[at..]);
        self.part(renamed.as_bytes());
    }

    fn renumber(&mut self, label: &str, number: Number) -> Number {
        let known = self.names.iter().position(|(known, _)| **known == *label);
        let at = known.unwrap_or_else(|| {
            self.names.push((label.into(), Vec::new()));
            self.names.len() - 1
        });
        let values = &mut self.names[at].1;
        let known = values.iter().position(|(value, _)| *value == number.value);
        let value = known.unwrap_or_else(|| {
            values.push((number.value, Vec::new()));
            values.len() - 1
        });
        let spellings = &mut values[value].1;
        let spelling = match spellings.iter().position(|spelling| *spelling == number.spelling) {
            Some(known) => known,
            None => {
                spellings.push(number.spelling);
                self.spelled.push((label.into(), number));
                spellings.len() - 1
            }
        };
        let counted = |index: usize| u32::try_from(index + 1).unwrap_or(u32::MAX);
        Number { value: counted(value), spelling: counted(spelling) }
    }
}

/// The placeholders of a text, exactly as masking writes them.
pub(crate) fn placeholders(text: &str) -> impl Iterator<Item = (Range<usize>, &str, Number)> {
    memchr::memchr_iter(b'<', text.as_bytes()).filter_map(|at| {
        let (range, _) = placeholder::at(text, at)?;
        let (label, number) = placeholder::split(&text[range.start + 1..range.end - 1])?;
        Some((range, label, number))
    })
}

/// Builds the nodes.
struct Tree<'a> {
    open: Vec<(Node<'a>, Option<Cow<'a, str>>)>,
    root: Option<Node<'a>>,
}

impl<'a> Tree<'a> {
    fn put(&mut self, node: Node<'a>) {
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some((Node::Array(items), _)) => items.push(node),
            Some((Node::Object(members), key)) => {
                members.push((key.take().unwrap_or_default(), node));
            }
            Some(_) => {}
        }
    }
}

impl<'a> Visitor<'a> for Tree<'a> {
    type Error = Infallible;

    fn string(&mut self, _: &Path<'a>, token: StringToken<'a>) -> Result<(), Infallible> {
        match self.open.last_mut() {
            Some((_, key)) if token.is_key => *key = Some(token.decode()),
            _ => self.put(Node::Text(token.decode())),
        }
        Ok(())
    }

    fn number(&mut self, _: &Path<'a>, token: NumberToken<'a>) -> Result<(), Infallible> {
        self.put(Node::Bare(token.raw()));
        Ok(())
    }

    fn literal(&mut self, _: &Path<'a>, literal: Literal) -> Result<(), Infallible> {
        self.put(Node::Bare(match literal {
            Literal::True => "true",
            Literal::False => "false",
            Literal::Null => "null",
        }));
        Ok(())
    }

    fn enter(&mut self, _: &Path<'a>, container: Container, _: usize) -> Result<(), Infallible> {
        let node = match container {
            Container::Object => Node::Object(Vec::new()),
            Container::Array => Node::Array(Vec::new()),
        };
        self.open.push((node, None));
        Ok(())
    }

    fn leave(&mut self, _: &Path<'a>, _: Container, _: Range<usize>) -> Result<(), Infallible> {
        if let Some((mut node, _)) = self.open.pop() {
            if let Node::Object(members) = &mut node {
                // Stable, so that members of the same name keep their order.
                members.sort_by(|a, b| a.0.cmp(&b.0));
            }
            self.put(node);
        }
        Ok(())
    }
}

/// What chooses the form of an answer and not what it says.
const FORM: [&str; 2] = ["stream", "stream_options"];
const WHOLE: &str = ":generateContent";
const STREAMED: &str = ":streamGenerateContent";

/// Whose request it is and how the provider accounts for it, which no answer tells.
fn silent(surface: Surface) -> &'static [&'static str] {
    match surface {
        Surface::Messages => &["metadata"],
        Surface::Chat => &["metadata", "user", "safety_identifier", "prompt_cache_key", "store"],
        Surface::Completions => &["user"],
        // The answer repeats what else there is.
        Surface::Responses => &["prompt_cache_key"],
        _ => &["labels"],
    }
}

/// What stands for something that the provider keeps for one account.
const STATE: [&str; 9] = [
    "previous_response_id",
    "conversation",
    "background",
    "container",
    "thread",
    "mcp_servers",
    "cachedContent",
    "cached_content",
    "vector_store_ids",
];
const FILES: [&str; 4] = ["file_id", "fileUri", "file_uri", "vector_store_ids"];
