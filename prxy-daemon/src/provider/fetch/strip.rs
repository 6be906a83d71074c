//! Takes declarations out of a request, so that clients which declare more than policy allows still work.
//!
//! Only what declares goes: elements of `tools`, and members such as `web_search_options`. Whatever
//! cannot be taken out cleanly stays, and the broker refuses it.

use std::ops::Range;

use super::Kinds;
use super::look::{Finding, Name, Rules, Value, keys};
use crate::json::{self, Container, Edits, Literal, NumberToken, Path, Segment, StringToken};
use crate::provider::{Api, Surface};

/// A request without some of its declarations.
#[derive(PartialEq, Eq)]
pub struct Stripped {
    /// The body; every other byte is as it came.
    pub body: Vec<u8>,
    /// What went.
    pub kinds: Kinds,
}

/// Takes every declaration of `kinds` out of `body`; `None` where there is none, or no JSON.
pub fn strip(surface: Surface, kinds: Kinds, body: &[u8]) -> Option<Stripped> {
    if kinds.is_empty() {
        return None;
    }
    let mut lists = Lists {
        surface,
        rules: Rules::new(surface),
        root: List::default(),
        open: Vec::new(),
        done: Vec::new(),
        found: Vec::new(),
    };
    // What is no JSON is refused later, by those whose task it is.
    json::walk(body, &mut lists).ok()?;
    lists.strip(kinds, body)
}

/// A list whose items can be taken out: an array of tools, or the members of the whole request.
#[derive(Default)]
struct List {
    /// The depth of the container.
    depth: usize,
    /// From bracket to bracket.
    range: Range<usize>,
    items: Vec<Item>,
    /// Whether all items have been seen for what they are.
    odd: bool,
}

struct Item {
    at: usize,
    /// How many members it has, if it is an object.
    members: usize,
    goes: bool,
}

struct Found {
    /// Where the key stands that says it.
    at: usize,
    at_root: bool,
    finding: Finding,
}

struct Lists {
    surface: Surface,
    rules: Rules,
    root: List,
    open: Vec<List>,
    done: Vec<List>,
    found: Vec<Found>,
}

impl<'a> json::Visitor<'a> for Lists {
    type Error = std::convert::Infallible;

    fn string(&mut self, path: &Path<'a>, token: StringToken<'a>) -> Result<(), Self::Error> {
        if !token.is_key {
            self.judge(path, &Value::Text(&token));
            self.note_odd(path);
        } else if path.depth() == 0 {
            self.root.items.push(Item { at: token.range.start - 1, members: 0, goes: false });
        } else if let Some(list) =
            self.open.last_mut().filter(|list| path.depth() == list.depth + 1)
            && let Some(item) = list.items.last_mut()
        {
            item.members += 1;
        }
        Ok(())
    }

    fn number(&mut self, path: &Path<'a>, _: NumberToken<'a>) -> Result<(), Self::Error> {
        self.judge(path, &Value::Number);
        self.note_odd(path);
        Ok(())
    }

    fn literal(&mut self, path: &Path<'a>, literal: Literal) -> Result<(), Self::Error> {
        self.judge(path, &Value::Literal(literal));
        self.note_odd(path);
        Ok(())
    }

    fn enter(
        &mut self,
        path: &Path<'a>,
        container: Container,
        at: usize,
    ) -> Result<(), Self::Error> {
        self.rules.enter(path, container);
        let tools = matches!(path.segments().last(), Some(Segment::Key(key))
            if Name::of(key).as_str() == "tools");
        if container == Container::Object {
            self.judge(path, &Value::Object);
            if let Some(list) = self.open.last_mut().filter(|list| path.depth() == list.depth + 1) {
                list.items.push(Item { at, members: 0, goes: false });
            }
        } else if tools && !self.rules.in_free_form() {
            self.open.push(List { depth: path.depth(), ..List::default() });
        } else {
            self.note_odd(path);
        }
        Ok(())
    }

    fn leave(
        &mut self,
        path: &Path<'a>,
        container: Container,
        range: Range<usize>,
    ) -> Result<(), Self::Error> {
        if let Some(finding) = self.rules.leave(path) {
            self.found.push(Found { at: range.start, at_root: false, finding });
        }
        if path.depth() == 0 {
            self.root.range = range;
        } else if container == Container::Array
            && let Some(list) = self.open.pop_if(|list| list.depth == path.depth())
        {
            self.done.push(List { range, ..list });
        }
        Ok(())
    }
}

impl Lists {
    fn judge(&mut self, path: &Path<'_>, value: &Value<'_, '_>) {
        let Some(finding) = self.rules.judge(path, value) else { return };
        let Some(key) = keys(self.surface, path).next() else { return };
        // Of the whole body, and not of one request among many.
        let at_root = keys(Surface::Objects(self.surface.api()), path).nth(1).is_none();
        self.found.push(Found { at: key.range.start, at_root, finding });
    }

    /// Something that is no object stands in a list of tools: where it begins and ends is not noted.
    fn note_odd(&mut self, path: &Path<'_>) {
        if let Some(list) = self.open.last_mut() {
            list.odd |= path.depth() == list.depth + 1;
        }
    }

    fn strip(mut self, kinds: Kinds, body: &[u8]) -> Option<Stripped> {
        let mut gone = Kinds::NONE;
        for Found { at, at_root, finding } in &self.found {
            if !kinds.has(finding.kind) || !finding.kind.can_be_stripped() {
                continue;
            }
            let inner = self
                .done
                .iter_mut()
                .filter(|list| list.range.contains(at))
                .max_by_key(|list| list.range.start);
            let item = match inner {
                Some(list) if list.odd => None,
                // What else Google's tool holds must stay.
                Some(list) => list
                    .item(*at)
                    .filter(|item| self.surface.api() != Api::Google || item.members == 1),
                None if *at_root && finding.declares => self.root.item(*at),
                None => None,
            };
            if let Some(item) = item {
                item.goes = true;
                gone = gone.with(finding.kind);
            }
        }
        if gone.is_empty() {
            return None;
        }
        self.drop_empty_tools(body);
        let mut edits = Edits::new();
        for list in self.done.iter().chain([&self.root]) {
            list.cut(body, &mut edits);
        }
        Some(Stripped { body: edits.apply(body), kinds: gone })
    }

    /// Some APIs refuse an empty list of tools, and a choice among none.
    fn drop_empty_tools(&mut self, body: &[u8]) {
        let emptied = |list: &&List| {
            list.depth == 1 && !list.items.is_empty() && list.items.iter().all(|item| item.goes)
        };
        let Some(at) = self.done.iter().find(emptied).map(|list| list.range.start) else { return };
        if let Some(member) = self.root.item(at) {
            member.goes = true;
        }
        for item in &mut self.root.items {
            let key = &body[item.at + 1..];
            item.goes |= CHOICES.iter().any(|name| {
                key.strip_prefix(name.as_bytes()).is_some_and(|rest| rest.starts_with(b"\""))
            });
        }
    }
}

impl List {
    /// The item that spans `at`.
    fn item(&mut self, at: usize) -> Option<&mut Item> {
        let behind = self.items.partition_point(|item| item.at <= at);
        self.items.get_mut(behind.checked_sub(1)?)
    }

    /// Takes the items out that go, each with one of the commas beside it.
    fn cut(&self, body: &[u8], edits: &mut Edits) {
        if !self.items.iter().any(|item| item.goes) {
            return;
        }
        let end = self.range.end.saturating_sub(1);
        let Some(kept) = self.items.iter().rposition(|item| !item.goes) else {
            edits.replace(self.range.start + 1..end, b"");
            return;
        };
        for pair in self.items[..=kept].windows(2).filter(|pair| pair[0].goes) {
            edits.replace(pair[0].at..pair[1].at, b"");
        }
        if let Some(tail) = self.items.get(kept + 1) {
            let comma = body[..tail.at].iter().rposition(|byte| *byte == b',');
            edits.replace(comma.unwrap_or(tail.at)..end, b"");
        }
    }
}

/// What makes no sense without tools.
const CHOICES: [&str; 4] = ["tool_choice", "parallel_tool_calls", "toolConfig", "tool_config"];
