//! YAML text to a tree that knows where everything stands: the only file that knows YAML.
//!
//! Takes plain YAML 1.2 with the core schema, which includes JSON. Anchors, aliases,
//! merge keys, tags, directives and further documents are refused: an allowlist must read
//! the same to a person and to the machine. Duplicate keys are refused at every level.

use std::collections::HashMap;

use serde_yaml::granit_parser::{Event, Options, Parser, ScalarStyle, ScanError, Span as Scanned};
use serde_yaml::granit_parser::{StrInput, Tag};

use super::problem::{Kind, Quoted, Span};

/// One value with its place in the text.
#[derive(Clone)]
pub(super) struct Node {
    pub(super) span: Span,
    pub(super) value: Value,
}

/// What stands at a place; numbers keep their spelling.
#[derive(Clone)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Node>),
    Mapping(Vec<Entry>),
    /// Already reported; nothing more is said about it.
    Broken,
}

/// One key of a mapping with its value.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_span: Span,
    pub(super) value: Node,
}

/// What was found in a text: its one document, if it has one, and everything wrong with its form.
pub(super) struct Parsed {
    pub(super) root: Option<Node>,
    /// Entries that are in no mapping, because their key is a duplicate or no text.
    pub(super) dropped: Vec<Entry>,
    pub(super) problems: Vec<(Span, Kind)>,
}

/// Reads one document. A syntax error yields no tree; other problems do not hide what follows them.
pub(super) fn parse(text: &str) -> Parsed {
    let mut options = Options::default();
    options.set_emit_comments(false);
    options.disallow_directives = true;
    options.flow_nesting_limit = MAX_DEPTH;
    options.block_nesting_limit = MAX_DEPTH;
    let mut builder = Builder {
        text,
        events: Parser::new_from_str_with_options(text, options),
        nodes: 0,
        dropped: Vec::new(),
        problems: Vec::new(),
    };
    let root = builder.document().unwrap_or_default();
    Parsed { root, dropped: builder.dropped, problems: builder.problems }
}

impl Value {
    /// The word for this kind of value in a message.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "true or false",
            Self::Number(_) => "a number",
            Self::Text(_) => "a string",
            Self::List(_) => "a list",
            Self::Mapping(_) => "a mapping",
            Self::Broken => "something unreadable",
        }
    }

    fn of_scalar(text: &str, style: ScalarStyle) -> Self {
        if style != ScalarStyle::Plain {
            return Self::Text(text.to_owned());
        }
        match text {
            "" | "~" | "null" | "Null" | "NULL" => Self::Null,
            "true" | "True" | "TRUE" => Self::Bool(true),
            "false" | "False" | "FALSE" => Self::Bool(false),
            _ if is_number(text) => Self::Number(text.to_owned()),
            _ => Self::Text(text.to_owned()),
        }
    }
}

/// The problem is recorded and the rest of the text cannot be read.
struct Stop;

struct Builder<'t> {
    text: &'t str,
    events: Parser<'t, StrInput<'t>>,
    nodes: usize,
    dropped: Vec<Entry>,
    problems: Vec<(Span, Kind)>,
}

impl<'t> Builder<'t> {
    fn document(&mut self) -> Result<Option<Node>, Stop> {
        let mut root = None;
        loop {
            let (event, at) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(root),
                Event::DocumentStart(..) if root.is_some() => {
                    self.problems.push((self.span(at), Kind::Unsupported("a second document")));
                    return Ok(root);
                }
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
                event => root = Some(self.node(event, at, 0)?),
            }
        }
    }

    fn node(&mut self, event: Event<'t>, at: Scanned, depth: usize) -> Result<Node, Stop> {
        let mut span = self.span(at);
        self.nodes += 1;
        if depth > MAX_DEPTH || self.nodes > MAX_NODES {
            self.problems.push((span, Kind::TooComplex));
            return Err(Stop);
        }
        let value = match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_decoration(span, at, anchor, tag.as_deref());
                Value::of_scalar(&text, style)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.refuse_decoration(span, at, anchor, tag.as_deref());
                let mut items = Vec::new();
                loop {
                    let (event, at) = self.next()?;
                    if matches!(event, Event::SequenceEnd) {
                        span.end = span.end.max(self.span(at).end);
                        break Value::List(items);
                    }
                    items.push(self.node(event, at, depth + 1)?);
                }
            }
            Event::MappingStart(_, anchor, tag) => {
                self.refuse_decoration(span, at, anchor, tag.as_deref());
                let (entries, end) = self.entries(depth)?;
                span.end = span.end.max(end);
                Value::Mapping(entries)
            }
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                self.problems.push((span, Kind::Unsupported("an alias")));
                Value::Broken
            }
            _ => Value::Broken,
        };
        Ok(Node { span, value })
    }

    fn entries(&mut self, depth: usize) -> Result<(Vec<Entry>, usize), Stop> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut seen: HashMap<String, Span> = HashMap::new();
        loop {
            let (event, at) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                return Ok((entries, self.span(at).end));
            }
            let name = match &event {
                Event::Scalar(text, ..) => Some(text.to_string()),
                _ => None,
            };
            let key = self.node(event, at, depth + 1)?;
            let (event, at) = self.next()?;
            let mut value = self.node(event, at, depth + 1)?;
            if value.span.is_empty() {
                value.span = key.span;
            }
            let key_span = key.span;
            let Some(name) = name else {
                if !matches!(key.value, Value::Broken) {
                    self.problems.push((key_span, Kind::KeyNotText));
                }
                self.dropped.push(Entry { key: String::new(), key_span, value: key });
                self.dropped.push(Entry { key: String::new(), key_span, value });
                continue;
            };
            let problem = if name == "<<" {
                Some(Kind::Unsupported("a merge key"))
            } else {
                seen.get(&name).map(|first| Kind::DuplicateKey {
                    key: Quoted::new(&name),
                    line: line_of(self.text, first.start),
                })
            };
            let entry = Entry { key: name, key_span, value };
            match problem {
                Some(kind) => {
                    self.problems.push((key_span, kind));
                    self.dropped.push(entry);
                }
                None => {
                    seen.insert(entry.key.clone(), key_span);
                    entries.push(entry);
                }
            }
        }
    }

    fn refuse_decoration(&mut self, span: Span, at: Scanned, anchor: usize, tag: Option<&Tag>) {
        if anchor != 0 {
            self.problems.push((span, Kind::Unsupported("an anchor")));
        }
        if tag.is_some() {
            let span = at.tag_span().map_or(span, |tag| self.span(tag));
            self.problems.push((span, Kind::Unsupported("a tag")));
        }
    }

    fn next(&mut self) -> Result<(Event<'t>, Scanned), Stop> {
        match self.events.next() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => {
                self.problems.push(self.syntax(&error));
                Err(Stop)
            }
            None => Ok((Event::StreamEnd, Scanned::default())),
        }
    }

    fn syntax(&self, error: &ScanError) -> (Span, Kind) {
        let start = error.marker().byte_offset().unwrap_or(0).min(self.text.len());
        let span = Span { start, end: start };
        (span, Kind::Syntax(Quoted::plain(&error.info())))
    }

    /// The scanner counts bytes for borrowed text; what it leaves out is taken as the start.
    fn span(&self, at: Scanned) -> Span {
        let start = at.start.byte_offset().unwrap_or(0).min(self.text.len());
        let end = at.end.byte_offset().unwrap_or(start).clamp(start, self.text.len());
        Span { start, end }
    }
}

/// Counts from 1.
fn line_of(text: &str, offset: usize) -> usize {
    1 + text.as_bytes()[..offset].iter().filter(|b| **b == b'\n').count()
}

/// The core schema's integers and floats.
fn is_number(text: &str) -> bool {
    let body = text.strip_prefix(['+', '-']).unwrap_or(text);
    let radix = |prefix: &str, base: u32| {
        text.strip_prefix(prefix)
            .is_some_and(|d| !d.is_empty() && d.chars().all(|c| c.is_digit(base)))
    };
    matches!(body, ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN")
        || radix("0x", 16)
        || radix("0o", 8)
        || (body.bytes().any(|b| b.is_ascii_digit())
            && body.bytes().all(|b| matches!(b, b'0'..=b'9' | b'e' | b'E' | b'+' | b'-' | b'.'))
            && body.parse::<f64>().is_ok())
}

/// Far more than any sensible file nests.
const MAX_DEPTH: usize = 16;
/// Far more values than any sensible file has.
const MAX_NODES: usize = 50_000;
