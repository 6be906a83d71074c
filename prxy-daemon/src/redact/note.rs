//! The note that tells a model what placeholders are, and where it stands in a request.
//!
//! Always the same bytes at the same place, whether something is masked or not: a note that came
//! with the first masked value would end the provider's prompt cache at that turn. It stands behind
//! everything that the client says to the system, so cache markers keep what they mark. All other
//! bytes stay. Not for requests that have no place for it, such as embeddings.

use std::convert::Infallible;
use std::ops::Range;

use crate::json::{
    Container, Edits, Literal, NumberToken, Path, Segment, StringToken, Visitor, escape, walk,
};
use crate::provider::Surface;
use crate::provider::endpoint::{Endpoint, Takes};

/// Whether the note is given to models.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Note {
    /// In every request that has a place for it.
    #[default]
    Give,
    /// Never.
    Omit,
}

/// What the model is told. It holds nothing that looks like a placeholder of a vault.
pub const NOTE: &str = "Some values in this conversation are replaced by placeholders of the form \
<LABEL_N>, where LABEL names the kind of value and N is a number; <LABEL_N_M> is another spelling of the \
value of <LABEL_N>. Every placeholder stands for one fixed value that you do not see. Use it as if it were \
that value: in text, in code and in tool arguments write the placeholder itself, character for character \
and with its brackets. Do not change, translate, explain or invent placeholders. They are turned back into \
the values before anybody reads what you write.";

/// The body with the note, or nothing if it has no place for it or has it already.
pub fn add(endpoint: &Endpoint, body: &[u8]) -> Option<Vec<u8>> {
    let mut seen = Seen { form: Form::of(endpoint)?, hosts: Vec::new() };
    walk(body, &mut seen).ok()?;
    let mut edits = Edits::new();
    for host in seen.hosts.iter().filter(|host| !host.has_note) {
        seen.form.write(host, body, &mut edits);
    }
    (!edits.is_empty()).then(|| edits.apply(body))
}

/// How an API takes what the system says.
#[derive(Clone, Copy)]
struct Form {
    /// Where the objects stand that hold it.
    hosts: &'static [&'static str],
    /// Their member for it, in every spelling; the first is the one to add.
    members: &'static [&'static str],
    /// Members beside which none may be added.
    excluded_by: &'static [&'static str],
    shape: Shape,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// A string, or a list of text blocks.
    Blocks,
    /// The first of a list of messages, if it is the system's.
    Messages,
    /// A string.
    Text,
    /// An object with a list of parts.
    Parts,
}

impl Form {
    fn of(endpoint: &Endpoint) -> Option<Self> {
        let row =
            |hosts, members, excluded_by, shape| Some(Self { hosts, members, excluded_by, shape });
        let path = endpoint.path;
        match endpoint.surface {
            _ if endpoint.takes == Takes::Nothing => None,
            Surface::Messages => row(&[], &["system"], &[], Shape::Blocks),
            Surface::MessageBatch => {
                row(&["requests", "[]", "params"], &["system"], &[], Shape::Blocks)
            }
            Surface::Chat => row(&[], &["messages"], &[], Shape::Messages),
            // Instructions would take the place of those of a stored prompt.
            Surface::Responses => row(&[], &["instructions"], &["prompt"], Shape::Text),
            Surface::Generate if path.to_ascii_lowercase().ends_with("generatecontent") => {
                row(&[], GOOGLE, CACHED, Shape::Parts)
            }
            // Bare contents are counted without what the system says: there is no place for it.
            Surface::Generate if path.ends_with(":countTokens") => {
                row(&["generateContentRequest"], GOOGLE, CACHED, Shape::Parts)
            }
            _ => None,
        }
    }

    fn write(self, host: &Host, body: &[u8], edits: &mut Edits) {
        let note = escape(NOTE);
        let mut insert = |at: usize, text: String| edits.replace(at..at, text.as_bytes());
        // Behind what is in a container, or alone in it.
        let comma = |range: &Range<usize>| {
            let inside = &body[range.start + 1..range.end - 1];
            if inside.trim_ascii().is_empty() { "" } else { "," }
        };
        // What the first message holds is only the system's to say more to.
        let met = if self.shape == Shape::Messages && !host.is_system {
            &Met::Nothing
        } else {
            &host.met
        };
        match met {
            Met::Text(range) if range.is_empty() => insert(range.end, note),
            Met::Text(range) => insert(range.end, format!("\\n\\n{note}")),
            Met::List(range) => {
                let kind = if self.shape == Shape::Parts { "" } else { "\"type\":\"text\"," };
                let block = format!("{}{{{kind}\"text\":\"{note}\"}}", comma(range));
                insert(range.end - 1, block);
            }
            Met::Null(at) => edits.replace(*at..*at + 4, self.value(&note).as_bytes()),
            Met::Other => {}
            Met::Nothing if host.is_excluded => {}
            Met::Nothing => match (self.shape, &host.messages) {
                (Shape::Messages, Some(list)) => {
                    let message = format!("{{\"role\":\"system\",\"content\":\"{note}\"}}");
                    insert(list.start + 1, message + comma(list));
                }
                (Shape::Messages, None) => {}
                _ => {
                    let name = self.members.first().copied().unwrap_or_default();
                    let value = self.value(&note);
                    let member = format!("{}\"{name}\":{value}", comma(&host.range));
                    insert(host.range.end - 1, member);
                }
            },
        }
    }

    /// Whether the system speaks at `path`.
    fn is_system(self, path: &Path<'_>) -> bool {
        let member = path.segments().get(self.hosts.len());
        let first = path.index(self.hosts.len() + 1).is_none_or(|index| index == 0);
        member.is_some_and(|step| self.members.iter().any(|name| step.is_key(name)))
            && (first || self.shape != Shape::Messages)
    }

    /// The whole value where there is none.
    fn value(self, note: &str) -> String {
        match self.shape {
            Shape::Parts => format!("{{\"parts\":[{{\"text\":\"{note}\"}}]}}"),
            Shape::Blocks | Shape::Text | Shape::Messages => format!("\"{note}\""),
        }
    }
}

/// One object that holds what the system says.
#[derive(Default)]
struct Host {
    range: Range<usize>,
    met: Met,
    messages: Option<Range<usize>>,
    /// Whether the first of the messages is the system's.
    is_system: bool,
    has_note: bool,
    is_excluded: bool,
}

/// What stands where the note belongs.
#[derive(Default)]
enum Met {
    #[default]
    Nothing,
    /// The inside of a string.
    Text(Range<usize>),
    /// A list with its brackets.
    List(Range<usize>),
    /// Where `null` stands.
    Null(usize),
    /// Something that takes no text.
    Other,
}

struct Seen {
    form: Form,
    hosts: Vec<Host>,
}

impl Seen {
    /// Takes a value in, if it stands where the note belongs or leads there.
    fn meet(&mut self, path: &Path<'_>, met: Met) {
        let Form { hosts, members, shape, .. } = self.form;
        let Some(host) = self.hosts.last_mut().filter(|_| path.starts_with(hosts)) else { return };
        let [Segment::Key(member), steps @ ..] = &path.segments()[hosts.len()..] else { return };
        if !members.iter().any(|name| member.is(name)) {
            return;
        }
        match (shape, steps, met) {
            (Shape::Messages, [], Met::List(range)) => host.messages = Some(range),
            (Shape::Messages, [Segment::Index(0), key], met) if key.is_key("content") => {
                host.met = met;
            }
            (Shape::Parts, [key], met @ Met::List(_)) if key.is_key("parts") => host.met = met,
            (Shape::Parts, [], Met::Null(at)) => host.met = Met::Null(at),
            // Its parts have been seen by now.
            (Shape::Parts, [], _) if !matches!(host.met, Met::List(_)) => host.met = Met::Other,
            (Shape::Text, [], Met::List(_)) => host.met = Met::Other,
            (Shape::Blocks | Shape::Text, [], met) => host.met = met,
            _ => {}
        }
    }
}

impl<'a> Visitor<'a> for Seen {
    type Error = Infallible;

    fn string(&mut self, path: &Path<'a>, token: StringToken<'a>) -> Result<(), Infallible> {
        let Form { hosts, excluded_by, shape, .. } = self.form;
        let Some(host) = self.hosts.last_mut() else { return Ok(()) };
        if token.is_key {
            let here = path.depth() == hosts.len() && path.starts_with(hosts);
            host.is_excluded |= here && excluded_by.iter().any(|name| token.is(name));
            return Ok(());
        }
        if shape == Shape::Messages && path.matches(&["messages", "[]", "role"]) {
            let system = token.is("system") || token.is("developer");
            host.is_system |= system && path.index(1) == Some(0);
        }
        let may_be = token.range.len() >= NOTE.len() && self.form.is_system(path);
        host.has_note |= may_be && token.decode().contains(NOTE);
        self.meet(path, Met::Text(token.range));
        Ok(())
    }

    fn number(&mut self, path: &Path<'a>, _: NumberToken<'a>) -> Result<(), Infallible> {
        self.meet(path, Met::Other);
        Ok(())
    }

    fn literal(&mut self, path: &Path<'a>, literal: Literal) -> Result<(), Infallible> {
        let null = path.segments().last().and_then(|step| match step {
            // Between a key and its value there are white space and a colon only.
            Segment::Key(key) => Some(key.range.end + key.source[key.range.end..].find('n')?),
            Segment::Index(_) => None,
        });
        let null = null.filter(|_| literal == Literal::Null);
        self.meet(path, null.map_or(Met::Other, Met::Null));
        Ok(())
    }

    fn enter(&mut self, path: &Path<'a>, kind: Container, _: usize) -> Result<(), Infallible> {
        if kind == Container::Object && path.matches(self.form.hosts) {
            self.hosts.push(Host::default());
        }
        Ok(())
    }

    fn leave(
        &mut self,
        path: &Path<'a>,
        kind: Container,
        range: Range<usize>,
    ) -> Result<(), Infallible> {
        if kind == Container::Object && path.matches(self.form.hosts) {
            self.hosts.last_mut().into_iter().for_each(|host| host.range = range.clone());
        }
        self.meet(path, if kind == Container::Array { Met::List(range) } else { Met::Other });
        Ok(())
    }
}

/// Both spellings mean the same there.
const GOOGLE: &[&str] = &["systemInstruction", "system_instruction"];
/// What is cached has its own.
const CACHED: &[&str] = &["cachedContent", "cached_content"];

#[cfg(test)]
mod tests;
