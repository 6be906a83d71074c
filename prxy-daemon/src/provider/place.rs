//! Who says what stands where in a request: the newest user text, history, a tool.
//!
//! A request lists its messages in order, but a message may name its role behind its content. So an
//! [`Outline`] reads roles first, and [`Outline::place`] answers afterwards. What can be read in two
//! ways (a key that stands twice) is [`Place::Mixed`]. Not for what may change there: that is `request`.

use super::Surface;
use crate::json::{self, Container, Path, StringToken, Visitor};

/// A part of a request that policy can tell from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// What the user says now: the messages of the newest turn of theirs.
    User,
    /// What user and model said before, and everything that the model said.
    History,
    /// Instructions of the application.
    System,
    /// What tools gave, whenever that was.
    ToolResult,
    /// Definitions of tools and schemas of answers.
    Tools,
    /// Everything else, such as metadata.
    Other,
    /// What could be more than one of these: the strictest of their rules holds.
    Mixed,
}

impl Place {
    /// Every place.
    pub const ALL: [Self; 7] = [
        Self::User,
        Self::History,
        Self::System,
        Self::ToolResult,
        Self::Tools,
        Self::Other,
        Self::Mixed,
    ];

    /// Those that a configuration can name.
    pub const NAMED: [(&'static str, Self); 5] = [
        ("user", Self::User),
        ("history", Self::History),
        ("system", Self::System),
        ("tool_result", Self::ToolResult),
        ("tools", Self::Tools),
    ];
}

/// The roles of a request's messages.
#[derive(Debug, Default)]
pub struct Outline {
    surface: Option<Surface>,
    /// One for each request in the body.
    talks: Vec<Talk>,
    mixed: bool,
}

#[derive(Debug, Default)]
struct Talk {
    turns: Vec<Turn>,
    /// How often the list of messages begins.
    lists: usize,
    /// The first turn of what the user says now.
    newest: usize,
}

#[derive(Debug, Default)]
struct Turn {
    role: Role,
    roles: usize,
    types: usize,
    /// Blocks with the number of their types, and whether they are a tool's.
    blocks: Vec<(usize, bool)>,
    /// Whether the content is one text.
    plain: bool,
    /// How often the content stands there.
    contents: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Role {
    #[default]
    Unknown,
    User,
    Model,
    System,
    Tool,
}

impl Outline {
    /// Reads the roles of `body`; of what is no JSON, those before its first mistake.
    pub fn read(surface: Surface, body: &[u8]) -> Self {
        let mut outline = Self { surface: Some(surface), ..Self::default() };
        // Whoever walks the body for its text tells what is wrong with it.
        drop(json::walk(body, &mut outline));
        outline.settle();
        outline
    }

    /// The place of what stands at `path`, value or key.
    pub fn place(&self, path: &Path<'_>) -> Place {
        let Some(surface) = self.surface else { return Place::Other };
        if self.mixed {
            return Place::Mixed;
        }
        let depth = surface.envelope(path);
        let key = |names: &[&str]| key_at(path, depth, names);
        let parts = parts(surface);
        if surface == Surface::MessageBatch && depth == 0 {
            Place::Other
        } else if is_definition(surface, path) {
            Place::Tools
        } else if key(parts.system) {
            Place::System
        } else if key(list_of(surface)) {
            self.turn(path, depth)
        } else if key(parts.user) {
            Place::User
        } else {
            Place::Other
        }
    }

    /// For each message of the conversation, the number of its turn: what was sent together for the first time.
    ///
    /// A turn begins where the model speaks, because what stands before it was sent before it spoke. So a
    /// message stays in its turn while the conversation grows.
    pub fn turns(&self) -> Vec<u32> {
        let (mut turn, mut before) = (0, Role::User);
        let talk = self.talks.first().map_or(&[][..], |talk| &talk.turns);
        let number = |message: &Turn| {
            // Whose role is not known may be the model.
            let speaks = message.role == Role::Model && before != Role::Model;
            turn += u32::from(speaks || message.role == Role::Unknown);
            before = message.role;
            turn
        };
        talk.iter().map(number).collect()
    }

    /// The place of what stands in a message.
    fn turn(&self, path: &Path<'_>, depth: usize) -> Place {
        let Some(surface) = self.surface else { return Place::Other };
        let talk = self.talks.get(talk_of(surface, path));
        // One text, or one message, in place of a list.
        let Some(index) = path.index(depth + 1) else {
            return if path.depth() == depth + 1 || surface == Surface::Generate {
                Place::User
            } else {
                Place::Other
            };
        };
        let Some((talk, turn)) = talk.and_then(|t| Some((t, t.turns.get(index)?))) else {
            return Place::Other;
        };
        let of_tool = match surface {
            Surface::Messages | Surface::MessageBatch => path
                .index(depth + 3)
                .filter(|_| key_at(path, depth + 2, &["content"]))
                .and_then(|block| turn.blocks.get(block))
                .is_some_and(|(_, of_tool)| *of_tool),
            Surface::Generate => {
                key_at(path, depth + 2, &["parts"])
                    && path.index(depth + 3).is_some()
                    && key_at(path, depth + 4, FUNCTION_RESPONSE)
            }
            // A call of a server's tool holds what was asked and what was given.
            Surface::Responses => key_at(path, depth + 2, &["output"]),
            _ => false,
        };
        match turn.role {
            _ if of_tool => Place::ToolResult,
            Role::Tool => Place::ToolResult,
            Role::System => Place::System,
            Role::Model => Place::History,
            Role::User if index >= talk.newest => Place::User,
            Role::User => Place::History,
            // An unknown role may be anybody's.
            Role::Unknown => Place::Mixed,
        }
    }

    fn settle(&mut self) {
        let surface = self.surface;
        for talk in &mut self.talks {
            let twice = |turn: &Turn| {
                turn.roles > 1
                    || turn.types > 1
                    || turn.contents > 1
                    || turn.blocks.iter().any(|(types, _)| *types > 1)
            };
            self.mixed |= talk.lists > 1 || talk.turns.iter().any(twice);
            if surface == Some(Surface::Generate) {
                // Contents without a role are the user's.
                let unknown = talk.turns.iter_mut().filter(|turn| turn.role == Role::Unknown);
                unknown.filter(|turn| turn.roles == 0).for_each(|turn| turn.role = Role::User);
            }
            let speaks = |turn: &Turn| {
                turn.role == Role::User
                    && (turn.plain || turn.blocks.is_empty() || turn.blocks.iter().any(|b| !b.1))
            };
            let Some(last) = talk.turns.iter().rposition(speaks) else {
                talk.newest = talk.turns.len();
                continue;
            };
            // Messages that no answer parts are one turn.
            let before = &talk.turns[..last];
            let parted = before.iter().rposition(|turn| turn.role == Role::Model);
            talk.newest = parted.map_or(0, |model| model + 1);
        }
    }

    /// The message that a path leads into, made if it is new; and how deep it is.
    fn at(&mut self, path: &Path<'_>) -> Option<(&mut Turn, usize)> {
        let surface = self.surface?;
        let depth = surface.envelope(path);
        if !key_at(path, depth, list_of(surface)) {
            return None;
        }
        let index = path.index(depth + 1)?;
        let talk = talk_mut(&mut self.talks, talk_of(surface, path))?;
        if index > MAX_TURNS {
            return None;
        }
        while talk.turns.len() <= index {
            talk.turns.push(Turn::default());
        }
        talk.turns.get_mut(index).map(|turn| (turn, depth + 2))
    }
}

impl<'a> Visitor<'a> for Outline {
    type Error = std::convert::Infallible;

    fn enter(&mut self, path: &Path<'a>, what: Container, _: usize) -> Result<(), Self::Error> {
        let Some(surface) = self.surface else { return Ok(()) };
        let depth = surface.envelope(path);
        if path.depth() == depth + 1
            && key_at(path, depth, list_of(surface))
            && let Some(talk) = talk_mut(&mut self.talks, talk_of(surface, path))
        {
            talk.lists += 1;
        }
        if let Some((turn, depth)) = self.at(path)
            && path.depth() == depth + 1
            && key_at(path, depth, &["content", "parts"])
        {
            turn.contents += 1;
        }
        let generate = surface == Surface::Generate;
        if let Some((turn, depth)) = self.at(path)
            && what == Container::Object
            && path.depth() == depth + 2
            && key_at(path, depth, &["content", "parts"])
        {
            turn.blocks.push((0, false));
        } else if generate
            && let Some((turn, depth)) = self.at(path)
            && path.depth() == depth + 3
            && key_at(path, depth, &["parts"])
            && key_at(path, depth + 2, FUNCTION_RESPONSE)
            && let Some(block) = turn.blocks.last_mut()
        {
            block.1 = true;
        }
        Ok(())
    }

    fn string(&mut self, path: &Path<'a>, token: StringToken<'a>) -> Result<(), Self::Error> {
        if token.is_key {
            return Ok(());
        }
        let responses = self.surface == Some(Surface::Responses);
        let messages = matches!(self.surface, Some(Surface::Messages | Surface::MessageBatch));
        let Some((turn, depth)) = self.at(path) else { return Ok(()) };
        if path.depth() == depth + 1 {
            if path.ends_in("role") {
                turn.role = role(&token.decode());
                turn.roles += 1;
            } else if responses && path.ends_in("type") {
                turn.types += 1;
                if turn.roles == 0 {
                    turn.role = item(&token.decode());
                }
            } else if path.ends_in("content") {
                turn.plain = true;
                turn.contents += 1;
            }
        } else if messages
            && path.depth() == depth + 3
            && key_at(path, depth, &["content"])
            && path.ends_in("type")
            && let Some(block) = turn.blocks.last_mut()
        {
            *block = (block.0 + 1, token.decode().ends_with("tool_result"));
        } else if path.depth() == depth + 2 && key_at(path, depth, &["content", "parts"]) {
            turn.plain = true;
        }
        Ok(())
    }
}

fn role(word: &str) -> Role {
    match word {
        "user" => Role::User,
        "assistant" | "model" => Role::Model,
        "system" | "developer" => Role::System,
        "tool" | "function" => Role::Tool,
        _ => Role::Unknown,
    }
}

/// An item of a response's input that names no role.
fn item(kind: &str) -> Role {
    match kind {
        "message" => Role::Unknown,
        kind if kind.ends_with("_output") => Role::Tool,
        kind if kind.ends_with("_call") || kind == "reasoning" => Role::Model,
        _ => Role::Unknown,
    }
}

/// Whether `path` leads into the definition of a tool, or the schema of an answer.
pub fn is_definition(surface: Surface, path: &Path<'_>) -> bool {
    key_at(path, surface.envelope(path), parts(surface).definitions)
}

/// The message of a conversation that `path` leads into; `None` outside of it, and in a batch.
pub fn message(surface: Surface, path: &Path<'_>) -> Option<usize> {
    let talks = surface != Surface::MessageBatch && surface.envelope(path) == 0;
    path.index(1).filter(|_| talks && key_at(path, 0, list_of(surface)))
}

/// The members of a request, beside the list of messages, that have a place of their own.
struct Parts {
    system: &'static [&'static str],
    definitions: &'static [&'static str],
    user: &'static [&'static str],
}

fn parts(surface: Surface) -> Parts {
    let (system, definitions, user): (&[_], &[_], &[_]) = match surface {
        Surface::Messages | Surface::MessageBatch => {
            (&["system"], &["tools", "output_config", "output_format"], &[])
        }
        Surface::Chat => (&[], &["tools", "functions", "response_format"], &[]),
        Surface::Responses => (&["instructions"], &["tools", "text"], &["prompt"]),
        Surface::Completions => (&[], &[], &["prompt", "suffix"]),
        Surface::Inputs => (&[], &[], &["input"]),
        Surface::Generate => (
            &["systemInstruction", "system_instruction"],
            &["tools", "generationConfig", "generation_config"],
            &["content"],
        ),
        Surface::Objects(_) => (&[], &[], &[]),
    };
    Parts { system, definitions, user }
}

/// The list of messages of a request.
fn list_of(surface: Surface) -> &'static [&'static str] {
    match surface {
        Surface::Messages | Surface::MessageBatch | Surface::Chat => &["messages"],
        Surface::Responses => &["input"],
        Surface::Generate => &["contents"],
        Surface::Completions | Surface::Inputs | Surface::Objects(_) => &[],
    }
}

/// Which of the requests in a body a path leads into.
fn talk_of(surface: Surface, path: &Path<'_>) -> usize {
    match surface.envelope(path) {
        0 => 0,
        _ => path.index(1).map_or(1, |index| index + 1),
    }
}

fn talk_mut(talks: &mut Vec<Talk>, number: usize) -> Option<&mut Talk> {
    if number > MAX_TURNS {
        return None;
    }
    while talks.len() <= number {
        talks.push(Talk::default());
    }
    talks.get_mut(number)
}

fn key_at(path: &Path<'_>, depth: usize, names: &[&str]) -> bool {
    path.segments().get(depth).is_some_and(|step| names.iter().any(|name| step.is_key(name)))
}

const FUNCTION_RESPONSE: &[&str] =
    &["functionResponse", "function_response", "toolResponse", "tool_response"];
/// No conversation has more; what lies beyond has no place of its own.
const MAX_TURNS: usize = 200_000;

#[cfg(test)]
mod tests;
