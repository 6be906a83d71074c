//! Restores a stream of server-sent events, however placeholders are cut over them.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::super::Vault;
use super::find::{Found, next};
use super::template::{Lane, Shape, Template};
use super::{may_spell_bracket, replace, restore_token};
use crate::json::{Container, Edits, NumberToken, Path, StringToken, Visitor, walk};
use crate::provider::Api;
use crate::provider::answer::{self, Field, Piece, Spot};
use crate::sse::{Event, Splitter};

/// Events in, events out; text that may be the beginning of a placeholder waits for the next event.
///
/// Every event passes at once. What is held of its text goes in front of the next piece of the same
/// text, or into an extra event before that text ends.
pub struct Stream {
    splitter: Splitter,
    lanes: Lanes,
    /// An event was too large: the rest of the stream passes as it is.
    passing: bool,
}

impl Stream {
    /// A stream from a provider that speaks `api`, for the tenant of `vault`.
    pub fn new(api: Api, vault: Arc<dyn Vault>) -> Self {
        let lanes = Lanes { api, vault, held: BTreeMap::new(), seen: Seen::default() };
        Self { splitter: Splitter::new(), lanes, passing: false }
    }

    /// Takes the next bytes of the stream and appends what can be sent on.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        if self.passing {
            out.extend_from_slice(chunk);
            return;
        }
        for event in self.splitter.push(chunk) {
            match event {
                Ok(event) => self.lanes.event(event, Follows::More, out),
                Err(_too_large) => self.passing = true,
            }
        }
        if self.passing {
            self.lanes.flush(out, |_| true);
            out.append(&mut self.splitter.finish());
        }
    }

    /// Appends what is left at the end of the stream.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        let rest = self.splitter.finish();
        if !rest.is_empty() {
            self.lanes.event(Event::new(&rest), Follows::Nothing, out);
        }
        self.lanes.flush(out, |_| true);
    }
}

/// Shows no text: it may be personal data.
impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("held", &self.lanes.held.len()).finish_non_exhaustive()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Follows {
    More,
    Nothing,
}

/// What becomes of a beginning of a placeholder at the end of a piece.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hold {
    Open,
    Nothing,
}

struct Lanes {
    api: Api,
    vault: Arc<dyn Vault>,
    /// Only texts of which something is held.
    held: BTreeMap<Lane, Held>,
    seen: Seen,
}

struct Held {
    text: String,
    template: Template,
}

impl Lanes {
    fn event(&mut self, event: Event<'_>, follows: Follows, out: &mut Vec<u8>) {
        let mut seen = std::mem::take(&mut self.seen);
        if !self.rewrite(event, follows, &mut seen, out) {
            if follows == Follows::Nothing {
                self.flush(out, |_| true);
            }
            out.extend_from_slice(event.raw());
        }
        self.seen = seen;
    }

    /// Whether it wrote the event; if not, nothing of it changes.
    fn rewrite(
        &mut self,
        event: Event<'_>,
        follows: Follows,
        seen: &mut Seen,
        out: &mut Vec<u8>,
    ) -> bool {
        let Some(payload) = event.payload() else { return false };
        let data: &[u8] = &payload.bytes;
        if self.held.is_empty() && !(may_spell_bracket(data) && self.vault.may_begin("")) {
            return false;
        }
        if data.trim_ascii() == b"[DONE]" {
            self.flush(out, |_| true);
            return false;
        }
        seen.clear(self.api);
        let (Ok(()), Ok(source)) = (walk(data, seen), std::str::from_utf8(data)) else {
            return false;
        };
        if follows == Follows::Nothing {
            seen.ends = Ends::All;
        }
        self.flush(out, |lane| seen.ends_lane(lane) && !seen.continues(lane));
        let edits = self.restore(event, source, seen);
        if !edits.is_empty() {
            event.write_with(&payload, &edits.apply(data), out);
        }
        !edits.is_empty()
    }

    fn restore(&mut self, event: Event<'_>, source: &str, seen: &Seen) -> Edits {
        let mut edits = Edits::new();
        for text in &seen.texts {
            let token = StringToken {
                range: text.range.clone(),
                is_key: false,
                escaped: text.escaped,
                source,
            };
            match text.spot {
                Spot::Whole(spelling) => restore_token(&token, spelling, &*self.vault, &mut edits),
                Spot::Piece(piece) => {
                    let lane = seen.lane(piece);
                    let hold = if seen.ends_piece(piece) { Hold::Nothing } else { Hold::Open };
                    let Some(open) = self.restore_piece(lane, &token, hold, &mut edits) else {
                        continue;
                    };
                    let mut members =
                        seen.members.iter().map(|range| &source.as_bytes()[range.clone()]);
                    let shape = Shape {
                        name: event.name(),
                        line_end: event.line_end(),
                        members: &mut members,
                    };
                    self.held
                        .insert(lane, Held { text: open, template: Template::new(lane, shape) });
                }
            }
        }
        edits
    }

    /// Restores one piece together with what is held of its text; returns what is now to be held.
    fn restore_piece(
        &mut self,
        lane: Lane,
        token: &StringToken<'_>,
        hold: Hold,
        edits: &mut Edits,
    ) -> Option<String> {
        let held = self.held.remove(&lane).map(|held| held.text).unwrap_or_default();
        if held.is_empty() && !may_spell_bracket(token.raw().as_bytes()) {
            return None;
        }
        let may_hold = hold == Hold::Open && self.held.len() < MAX_HELD;
        let spelling = lane.field.spelling();
        let (piece, known) = (token.decode(), held.len());
        let text = if held.is_empty() { piece } else { (held + &piece).into() };
        let mut locator = token.locator();
        let mut raw = |range: Range<usize>| {
            locator.raw_range(range.start.max(known) - known..range.end.max(known) - known)
        };
        let start = token.range.start..token.range.start;
        // Text that was held and stays is put in front; text of the piece that stays is not touched.
        let keep = |edits: &mut Edits, range: Range<usize>| {
            if range.start < known {
                edits.replace_text(start.clone(), &text[range.start..range.end.min(known)]);
            }
        };
        let (mut at, mut open) = (0, None);
        while let Some(found) = next(&text, at, spelling, &*self.vault) {
            match found {
                Found::Placeholder { range, original } => {
                    keep(edits, at..range.start);
                    at = range.end;
                    replace(edits, raw(range), &original, spelling);
                }
                Found::Open(from) => {
                    open = may_hold.then_some(from);
                    break;
                }
            }
        }
        keep(edits, at..open.unwrap_or(text.len()));
        let open = open?;
        edits.replace(raw(open..text.len()), b"");
        Some(text[open..].to_owned())
    }

    /// Sends what is held of the texts that `wanted` names, each in an extra event.
    fn flush(&mut self, out: &mut Vec<u8>, wanted: impl Fn(&Lane) -> bool) {
        self.held.retain(|lane, held| {
            let goes = wanted(lane);
            if goes {
                held.template.write(&held.text, out);
            }
            !goes
        });
    }
}

/// What one event holds; kept between events for its memory.
#[derive(Default)]
struct Seen {
    api: Option<Api>,
    texts: Vec<Text>,
    ends: Ends,
    /// Anthropic's index of the content block.
    block: Option<u64>,
    /// The provider's indexes of the elements of `choices`, by position.
    choices: Vec<(usize, u64)>,
    /// The provider's indexes of tool calls, by position of choice and call.
    tools: Vec<((usize, usize), u64)>,
    /// The positions of the choices that are over with this event.
    finished: Vec<usize>,
    /// Members of the outermost object that are strings or numbers, with their keys.
    members: Vec<Range<usize>>,
    key: usize,
}

struct Text {
    spot: Spot,
    range: Range<usize>,
    escaped: bool,
}

/// Which texts are over with an event, beside finished choices.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Ends {
    #[default]
    None,
    Block,
    All,
}

impl Seen {
    fn clear(&mut self, api: Api) {
        self.api = Some(api);
        self.texts.clear();
        self.ends = Ends::None;
        self.block = None;
        self.choices.clear();
        self.tools.clear();
        self.finished.clear();
        self.members.clear();
    }

    fn lane(&self, piece: Piece) -> Lane {
        let Piece { field, choice, tool } = piece;
        if matches!(field, Field::BlockText | Field::BlockInput) {
            return Lane { index: self.block.unwrap_or(0), field, tool: 0 };
        }
        let call = self.tools.binary_search_by_key(&(choice, tool), |(at, _)| *at);
        let tool = call.map_or(tool as u64, |found| self.tools[found].1);
        Lane { index: self.choice(choice), field, tool }
    }

    fn choice(&self, position: usize) -> u64 {
        let found = self.choices.binary_search_by_key(&position, |(at, _)| *at);
        found.map_or(position as u64, |found| self.choices[found].1)
    }

    /// Whether nothing of this text comes after the event.
    fn ends_lane(&self, lane: &Lane) -> bool {
        match self.ends {
            Ends::All => true,
            Ends::Block => self.block == Some(lane.index),
            Ends::None => self.finished.iter().any(|position| self.choice(*position) == lane.index),
        }
    }

    /// The same for a piece of the event itself; there may be very many.
    fn ends_piece(&self, piece: Piece) -> bool {
        self.ends != Ends::None || self.finished.binary_search(&piece.choice).is_ok()
    }

    /// Whether the event has a piece of this text.
    fn continues(&self, lane: &Lane) -> bool {
        self.texts
            .iter()
            .any(|text| matches!(text.spot, Spot::Piece(piece) if self.lane(piece) == *lane))
    }

    fn member(&mut self, path: &Path<'_>, value: Range<usize>) {
        if path.depth() == 1 && path.index(0).is_none() {
            self.members.push(self.key..value.end);
        }
    }
}

impl<'a> Visitor<'a> for Seen {
    type Error = Infallible;

    fn string(&mut self, path: &Path<'a>, token: StringToken<'a>) -> Result<(), Infallible> {
        if token.is_key {
            if path.depth() == 0 {
                self.key = token.range.start - 1;
            }
        } else {
            self.member(path, token.range.start - 1..token.range.end + 1);
            if path.matches(&["choices", "[]", "finish_reason"]) {
                self.finished.extend(path.index(1));
            } else if self.api == Some(Api::Anthropic) && path.matches(&["type"]) {
                match &*token.decode() {
                    "content_block_stop" => self.ends = Ends::Block,
                    "message_delta" | "message_stop" | "error" => self.ends = Ends::All,
                    _ => {}
                }
            }
        }
        if let Some(spot) = self.api.and_then(|api| answer::event(api, path, token.is_key)) {
            self.texts.push(Text { spot, range: token.range, escaped: token.escaped });
        }
        Ok(())
    }

    fn enter(&mut self, path: &Path<'a>, _: Container, _: usize) -> Result<(), Infallible> {
        if path.matches(&["error"]) {
            self.ends = Ends::All;
        }
        Ok(())
    }

    fn number(&mut self, path: &Path<'a>, token: NumberToken<'a>) -> Result<(), Infallible> {
        self.member(path, token.range.clone());
        if !path.ends_in("index") {
            return Ok(());
        }
        let Ok(index) = token.raw().parse() else { return Ok(()) };
        if path.depth() == 1 {
            self.block = Some(index);
        } else if path.matches(&["choices", "[]", "index"]) {
            self.choices.extend(path.index(1).map(|choice| (choice, index)));
        } else if path.matches(&["choices", "[]", "delta", "tool_calls", "[]", "index"]) {
            let position = path.index(1).zip(path.index(4));
            self.tools.extend(position.map(|position| (position, index)));
        }
        Ok(())
    }
}

/// Texts of which something may be held at the same time; more pass without waiting.
const MAX_HELD: usize = 256;
