//! What one event of a stream holds, as far as restoring it needs to know.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::ops::Range;

use super::template::{Lane, THOUGHT};
use super::tools::Given;
use super::{KeptTools, named_tool};
use crate::json::{Container, Literal, NumberToken, Path, StringToken, Visitor};
use crate::provider::answer::{self, Field, Piece, Spot};
use crate::provider::{Api, Surface};

/// What one event holds; kept between events for its memory.
#[derive(Default)]
pub(super) struct Seen {
    surface: Option<Surface>,
    kept: KeptTools,
    pub(super) texts: Vec<Text>,
    /// The tools that it names, each by the text that it will be given.
    pub(super) names: Vec<(Piece, String)>,
    /// The identities of calls, in the same way.
    pub(super) ids: Vec<(Piece, String)>,
    /// Where the objects begin that name a tool, and what it is given, if not what others are.
    pub(super) given: BTreeMap<usize, Given>,
    /// Members of the outermost object that are strings or numbers, with their keys.
    pub(super) members: Vec<Range<usize>>,
    ends: Ends,
    /// Its `type`.
    kind: String,
    /// The index of the content block, or of the item of a response.
    block: Option<u64>,
    /// The index of the part of an item.
    part: Option<u64>,
    /// The provider's indexes of the elements of `choices`, by position.
    choices: BTreeMap<usize, u64>,
    /// The provider's indexes of tool calls, by position of choice and call.
    tools: BTreeMap<(usize, usize), u64>,
    /// The positions of the choices that are over with this event.
    finished: BTreeSet<usize>,
    /// Google's parts, by position of candidate and part.
    parts: BTreeSet<(usize, usize)>,
    /// Those of them that have a text.
    spoken: BTreeSet<(usize, usize)>,
    /// The provider's indexes of the choices and candidates of which texts end.
    ended: BTreeSet<u64>,
    /// Those of them that are thoughts.
    thoughts: BTreeSet<(usize, usize)>,
    /// Where the containers begin that are open.
    objects: Vec<usize>,
    key: usize,
}

pub(super) struct Text {
    pub(super) spot: Spot,
    pub(super) range: Range<usize>,
    pub(super) escaped: bool,
    /// Where the object begins that names the tool which is given this text.
    pub(super) object: Option<usize>,
}

/// Which texts are over with an event, beside finished choices.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Ends {
    #[default]
    None,
    /// One part of an item.
    Part(u64),
    Block,
    All,
}

impl Seen {
    pub(super) fn clear(&mut self, surface: Surface, kept: KeptTools) {
        self.surface = Some(surface);
        self.kept = kept;
        self.texts.clear();
        self.names.clear();
        self.ids.clear();
        self.given.clear();
        self.members.clear();
        self.ends = Ends::None;
        self.kind.clear();
        self.block = None;
        self.part = None;
        self.choices.clear();
        self.tools.clear();
        self.finished.clear();
        self.parts.clear();
        self.spoken.clear();
        self.ended.clear();
        self.thoughts.clear();
        self.objects.clear();
    }

    /// What only the whole event tells.
    pub(super) fn settle(&mut self) {
        match self.surface {
            Some(Surface::Messages) => match &*self.kind {
                "content_block_stop" => self.ends = Ends::Block,
                "message_delta" | "message_stop" | "error" => self.ends = Ends::All,
                _ => {}
            },
            Some(Surface::Responses) => {
                if let "response.completed"
                | "response.incomplete"
                | "response.failed"
                | "response.cancelled"
                | "error" = &*self.kind
                {
                    self.ends = Ends::All;
                } else if self.kind.ends_with(".done") {
                    self.ends = self.part.map_or(Ends::Block, Ends::Part);
                }
                if let Some(field) = answer::delta(&self.kind) {
                    for text in self.texts.iter_mut().filter(|text| text.spot == Spot::Delta) {
                        text.spot = Spot::Piece(Piece { field, choice: 0, part: 0 });
                    }
                }
            }
            _ => {}
        }
        let over = self.finished.iter().chain(self.parts.iter().map(|(candidate, _)| candidate));
        self.ended = over.map(|position| self.choice(*position)).collect();
    }

    /// The call that begins with this event, whether it has a name or not.
    pub(super) fn begun(&self) -> Option<(u64, u64)> {
        (self.kind == "content_block_start").then(|| self.item()).flatten()
    }

    /// Nothing follows this event.
    pub(super) fn end_all(&mut self) {
        self.ends = Ends::All;
    }

    pub(super) fn lane(&self, piece: Piece) -> Lane {
        let Piece { field, choice, part } = piece;
        match field {
            Field::BlockText | Field::BlockInput => {
                Lane { index: self.block.unwrap_or(0), field, tool: 0 }
            }
            Field::Delta | Field::Summary | Field::ItemArguments | Field::ItemInput => {
                Lane { index: self.block.unwrap_or(0), field, tool: self.part.unwrap_or(0) }
            }
            Field::PartText => {
                let thought = self.thoughts.contains(&(choice, part));
                Lane { index: self.choice(choice), field, tool: if thought { THOUGHT } else { 0 } }
            }
            _ => {
                let tool = self.tools.get(&(choice, part)).copied().unwrap_or(part as u64);
                Lane { index: self.choice(choice), field, tool }
            }
        }
    }

    /// The call of a tool that a piece belongs to.
    pub(super) fn call(&self, piece: Piece) -> (u64, u64) {
        match piece.field {
            Field::ItemArguments | Field::ItemInput | Field::BlockInput => {
                (self.block.unwrap_or(0), 0)
            }
            Field::FunctionArguments => (self.lane(piece).index, u64::MAX),
            _ => {
                let Lane { index, tool, .. } = self.lane(piece);
                (index, tool)
            }
        }
    }

    /// The call that the whole event belongs to.
    pub(super) fn item(&self) -> Option<(u64, u64)> {
        self.block.map(|block| (block, 0))
    }

    fn choice(&self, position: usize) -> u64 {
        self.choices.get(&position).copied().unwrap_or(position as u64)
    }

    /// Whether nothing of this text comes after the event, or something else comes before it.
    pub(super) fn ends_lane(&self, lane: &Lane) -> bool {
        match self.ends {
            Ends::All => true,
            Ends::Block => self.block == Some(lane.index),
            // Parts and summaries are counted each for themselves.
            Ends::Part(part) => {
                let summary = self.kind.starts_with("response.reasoning_summary_");
                (self.block, part) == (Some(lane.index), lane.tool)
                    && (lane.field == Field::Summary) == summary
            }
            Ends::None => self.ended.contains(&lane.index),
        }
    }

    /// The same for a piece of the event itself; there may be very many.
    pub(super) fn ends_piece(&self, piece: Piece) -> bool {
        let Piece { field, choice, part } = piece;
        self.ends != Ends::None
            || self.finished.contains(&choice)
            || field == Field::PartText && self.is_followed_by_other(choice, part)
    }

    /// Whether the next part of this candidate is not more of the same text.
    fn is_followed_by_other(&self, candidate: usize, part: usize) -> bool {
        let here = |part: usize| Piece { field: Field::PartText, choice: candidate, part };
        self.parts.contains(&(candidate, part + 1))
            && !(self.spoken.contains(&(candidate, part + 1))
                && self.lane(here(part + 1)) == self.lane(here(part)))
    }

    /// The texts that the event has a piece of.
    pub(super) fn lanes(&self) -> BTreeSet<Lane> {
        let lane = |text: &Text| match text.spot {
            Spot::Piece(piece) => Some(self.lane(piece)),
            Spot::Whole(_) | Spot::Delta => None,
        };
        self.texts.iter().filter_map(lane).collect()
    }

    /// Notes the tool that a string names, if what tools are given differs.
    fn name(&mut self, surface: Surface, path: &Path<'_>, token: &StringToken<'_>) {
        let given = named_tool(&self.kept, path, token);
        super::note_given(&mut self.given, self.objects.last().copied().zip(given));
        if given.is_some()
            && let Some(piece) = answer::tool_name(surface, path)
        {
            let value = token.decode();
            self.names.extend(answer::tool(path, &value).map(|name| (piece, name.to_owned())));
        }
    }

    fn member(&mut self, path: &Path<'_>, value: Range<usize>) {
        if path.depth() == 1 && path.index(0).is_none() && !path.ends_in("delta") {
            self.members.push(self.key..value.end);
        }
    }
}

impl<'a> Visitor<'a> for Seen {
    type Error = Infallible;

    fn string(&mut self, path: &Path<'a>, token: StringToken<'a>) -> Result<(), Infallible> {
        let Some(surface) = self.surface else { return Ok(()) };
        if token.is_key {
            if path.depth() == 0 {
                self.key = token.range.start - 1;
            }
        } else {
            self.member(path, token.range.start - 1..token.range.end + 1);
            if path.matches(&["type"]) {
                self.kind.push_str(&token.decode());
            } else if path.matches(&["choices", "[]", "finish_reason"])
                || path.matches(&["candidates", "[]", "finishReason"])
            {
                self.finished.extend(path.index(1));
            } else if let Some(call) = answer::tool_id(surface, path) {
                self.ids.push((call, token.decode().into_owned()));
            }
            self.name(surface, path, &token);
        }
        if let Some(spot) = answer::event(surface, path, token.is_key) {
            let object = match spot {
                Spot::Whole(whole) => whole.tool.and_then(|depth| self.objects.get(depth).copied()),
                Spot::Piece(_) | Spot::Delta => None,
            };
            if let Spot::Piece(Piece { field: Field::PartText, choice, part }) = spot {
                self.spoken.insert((choice, part));
            }
            let (range, escaped) = (token.range, token.escaped);
            self.texts.push(Text { spot, range, escaped, object });
        }
        Ok(())
    }

    fn enter(&mut self, path: &Path<'a>, _: Container, at: usize) -> Result<(), Infallible> {
        self.objects.truncate(path.depth());
        self.objects.push(at);
        if path.matches(&["error"]) {
            self.ends = Ends::All;
        } else if self.surface.map(Surface::api) == Some(Api::Google)
            && path.matches(&["candidates", "[]", "content", "parts", "[]"])
        {
            self.parts.extend(path.index(1).zip(path.index(4)));
        }
        Ok(())
    }

    fn leave(&mut self, path: &Path<'a>, _: Container, _: Range<usize>) -> Result<(), Infallible> {
        self.objects.truncate(path.depth());
        Ok(())
    }

    fn literal(&mut self, path: &Path<'a>, literal: Literal) -> Result<(), Infallible> {
        let thought = ["candidates", "[]", "content", "parts", "[]", "thought"];
        if literal == Literal::True && path.matches(&thought) {
            self.thoughts.extend(path.index(1).zip(path.index(4)));
        }
        Ok(())
    }

    fn number(&mut self, path: &Path<'a>, token: NumberToken<'a>) -> Result<(), Infallible> {
        self.member(path, token.range.clone());
        let Ok(index) = token.raw().parse() else { return Ok(()) };
        if path.depth() == 1 {
            if path.ends_in("index") || path.ends_in("output_index") {
                self.block = Some(index);
            } else if path.ends_in("content_index") || path.ends_in("summary_index") {
                self.part = Some(index);
            }
        } else if !path.ends_in("index") {
        } else if path.matches(&["choices", "[]", "index"])
            || path.matches(&["candidates", "[]", "index"])
        {
            self.choices.extend(path.index(1).map(|choice| (choice, index)));
        } else if path.matches(&["choices", "[]", "delta", "tool_calls", "[]", "index"]) {
            let position = path.index(1).zip(path.index(4));
            self.tools.extend(position.map(|position| (position, index)));
        }
        Ok(())
    }
}
