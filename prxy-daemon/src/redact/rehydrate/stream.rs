//! Restores a stream of events or documents, however placeholders are cut over them.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::super::Vault;
use super::find::{Edge, Found, Text};
use super::seen::Seen;
use super::template::{Framing, Lane, Shape, Template};
use super::tools::{Given, seeing};
use super::{KeptTools, find, replace, restore_token};
use crate::json::{Document, Documents, Edits, StringToken, escape, walk};
use crate::provider::Surface;
use crate::provider::answer::{Field, Piece, Spelling, Spot};
use crate::sse::{Event, Splitter};

/// Events in, events out; text that may be the beginning of a placeholder waits for the next event.
///
/// Every event passes at once. What is held of its text goes in front of the next piece of the same
/// text, or into an extra event before that text ends.
pub struct Stream {
    cutter: Cutter,
    lanes: Lanes,
    /// An event was too large: the rest of the stream passes as it is.
    passing: bool,
}

enum Cutter {
    Events(Splitter),
    Documents(Documents),
}

impl Stream {
    /// A stream of events from a provider, for the tenant of `vault`.
    pub fn new(surface: Surface, vault: Arc<dyn Vault>) -> Self {
        let lanes = Lanes {
            surface,
            vault,
            framing: Framing::Events,
            held: BTreeMap::new(),
            edges: BTreeMap::new(),
            kept: KeptTools::default(),
            calls: BTreeMap::new(),
            seen: Seen::default(),
        };
        Self { cutter: Cutter::Events(Splitter::new()), lanes, passing: false }
    }

    /// The same for the elements of an array, or for lines.
    #[must_use]
    pub fn of_documents(mut self) -> Self {
        self.cutter = Cutter::Documents(Documents::default());
        self.lanes.framing = Framing::Documents;
        self
    }

    /// Gives these tools more or less than others.
    #[must_use]
    pub fn keeping(mut self, kept: KeptTools) -> Self {
        self.lanes.kept = kept;
        self
    }

    /// Takes the next bytes of the stream and appends what can be sent on.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        if self.passing {
            out.extend_from_slice(chunk);
            return;
        }
        match &mut self.cutter {
            Cutter::Events(splitter) => {
                for event in splitter.push(chunk) {
                    match event {
                        Ok(event) => self.lanes.frame(&Frame::Event(event), Follows::More, out),
                        Err(_too_large) => self.passing = true,
                    }
                }
            }
            Cutter::Documents(documents) => {
                documents.push(chunk);
                loop {
                    match documents.cut() {
                        Ok(Some(document)) => {
                            self.lanes.frame(&Frame::Document(document), Follows::More, out);
                        }
                        Ok(None) => break,
                        Err(_too_large) => {
                            self.passing = true;
                            break;
                        }
                    }
                }
            }
        }
        if self.passing {
            self.lanes.flush(Place::End, out, |_| true);
            out.append(&mut self.cutter.finish());
        }
    }

    /// Appends what is left at the end of the stream.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        let rest = self.cutter.finish();
        match self.cutter {
            Cutter::Events(_) if !rest.is_empty() => {
                self.lanes.frame(&Frame::Event(Event::new(&rest)), Follows::Nothing, out);
                self.lanes.flush(Place::End, out, |_| true);
            }
            _ => {
                self.lanes.flush(Place::End, out, |_| true);
                out.extend_from_slice(&rest);
            }
        }
    }
}

impl Cutter {
    fn finish(&mut self) -> Vec<u8> {
        match self {
            Self::Events(splitter) => splitter.finish(),
            Self::Documents(documents) => documents.finish(),
        }
    }
}

/// Shows no text: it may be personal data.
impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("held", &self.lanes.held.len()).finish_non_exhaustive()
    }
}

/// One step of a stream.
enum Frame<'a> {
    Event(Event<'a>),
    Document(Document<'a>),
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

/// Where an extra event goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In front of another one.
    Front,
    /// Behind the last one.
    End,
}

struct Lanes {
    surface: Surface,
    vault: Arc<dyn Vault>,
    framing: Framing,
    /// Only texts of which something is held.
    held: BTreeMap<Lane, Held>,
    /// What stands before the next piece of a text; nothing is known of a text that is not here.
    edges: BTreeMap<Lane, Edge>,
    kept: KeptTools,
    /// The calls that were named, by the lane of their arguments.
    calls: BTreeMap<(u64, u64), Call>,
    seen: Seen,
}

/// What is known of a call of a tool.
#[derive(Default)]
struct Call {
    id: String,
    name: String,
    given: Option<Given>,
}

/// The call at `place`; a provider must not make prxy remember them without end.
fn call_at(calls: &mut BTreeMap<(u64, u64), Call>, place: (u64, u64)) -> Option<&mut Call> {
    let known = calls.len() < MAX_CALLS || calls.contains_key(&place);
    known.then(|| calls.entry(place).or_default())
}

struct Held {
    text: String,
    given: Given,
    template: Template,
}

impl Lanes {
    fn frame(&mut self, frame: &Frame<'_>, follows: Follows, out: &mut Vec<u8>) {
        let mut seen = std::mem::take(&mut self.seen);
        let written = match frame {
            Frame::Event(event) => self.event(*event, follows, &mut seen, out),
            Frame::Document(document) => {
                out.extend_from_slice(document.lead);
                self.rewrite(document.bytes, None, follows, &mut seen, out).is_some_and(|edits| {
                    out.extend_from_slice(&edits.apply(document.bytes));
                    true
                })
            }
        };
        if !written {
            if follows == Follows::Nothing {
                self.flush(Place::Front, out, |_| true);
            }
            out.extend_from_slice(match frame {
                Frame::Event(event) => event.raw(),
                Frame::Document(document) => document.bytes,
            });
        }
        self.seen = seen;
    }

    /// Whether it wrote the event; if not, nothing of it changes.
    fn event(
        &mut self,
        event: Event<'_>,
        follows: Follows,
        seen: &mut Seen,
        out: &mut Vec<u8>,
    ) -> bool {
        let Some(payload) = event.payload() else { return false };
        let data: &[u8] = &payload.bytes;
        if data.trim_ascii() == b"[DONE]" {
            self.flush(Place::Front, out, |_| true);
            return false;
        }
        let Some(edits) = self.rewrite(data, Some(event), follows, seen, out) else {
            return false;
        };
        event.write_with(&payload, &edits.apply(data), out);
        true
    }

    /// What changes in the JSON of an event, if anything does.
    fn rewrite(
        &mut self,
        data: &[u8],
        event: Option<Event<'_>>,
        follows: Follows,
        seen: &mut Seen,
        out: &mut Vec<u8>,
    ) -> Option<Edits> {
        if self.held.is_empty() && !self.vault.may_begin("") {
            return None;
        }
        seen.clear(self.surface, self.kept.clone());
        let (Ok(()), Ok(source)) = (walk(data, seen), std::str::from_utf8(data)) else {
            return None;
        };
        seen.settle();
        if follows == Follows::Nothing {
            seen.end_all();
        }
        let anew = self.note_calls(seen);
        if !anew.is_empty() {
            let of_tool =
                |lane: &Lane| lane.field.is_for_tool() && anew.contains(&(lane.index, lane.tool));
            self.flush(Place::Front, out, of_tool);
            self.edges.retain(|lane, _| !of_tool(lane));
        }
        if !self.held.is_empty() {
            let lanes = seen.lanes();
            self.flush(Place::Front, out, |lane| seen.ends_lane(lane) && !lanes.contains(lane));
        }
        let edits = self.restore(event, source, seen);
        (!edits.is_empty()).then_some(edits)
    }

    /// Notes which calls this event names; the ones that begin under the index of another.
    fn note_calls(&mut self, seen: &Seen) -> Vec<(u64, u64)> {
        let mut anew = Vec::new();
        if let Some(place) = seen.begun() {
            self.calls.remove(&place);
        }
        for (piece, id) in seen.ids.iter().filter(|(_, id)| !id.is_empty()) {
            let place = seen.call(*piece);
            let known = self.calls.get(&place);
            if known.is_some_and(|call| !call.id.is_empty() && call.id != *id) {
                self.calls.remove(&place);
                anew.push(place);
            }
            if let Some(call) = call_at(&mut self.calls, place) {
                call.id.clone_from(id);
            }
        }
        let in_pieces = self.surface == Surface::Chat;
        for (piece, name) in seen.names.iter().filter(|(_, name)| !name.is_empty()) {
            let Some(call) = call_at(&mut self.calls, seen.call(*piece)) else { continue };
            if !in_pieces {
                call.name.clone_from(name);
            } else if call.name != *name && call.name.len() < MAX_NAME {
                call.name.push_str(name);
            }
            // What is masked under one reading of its name stays so under all.
            let readings = [call.given.unwrap_or(Given::Everything), self.kept.given(name)];
            let masked = readings.contains(&Given::Nothing);
            call.given = Some(if masked { Given::Nothing } else { self.kept.given(&call.name) });
        }
        anew
    }

    /// What may stand in this text.
    fn given(&self, seen: &Seen, spot: Spot, object: Option<usize>) -> Given {
        let call = |call| self.calls.get(&call).and_then(|call| call.given);
        match spot {
            Spot::Piece(piece) if piece.field.is_for_tool() => {
                call(seen.call(piece)).unwrap_or(self.kept.unnamed())
            }
            Spot::Whole(whole) if whole.tool.is_some() => {
                let named = object.and_then(|at| seen.given.get(&at)).copied();
                match (named, seen.item().and_then(call)) {
                    (Some(Given::Nothing), _) | (_, Some(Given::Nothing)) => Given::Nothing,
                    (named, item) => named.or(item).unwrap_or(self.kept.unnamed()),
                }
            }
            Spot::Whole(_) | Spot::Piece(_) | Spot::Delta => Given::Everything,
        }
    }

    fn restore(&mut self, event: Option<Event<'_>>, source: &str, seen: &Seen) -> Edits {
        let mut edits = Edits::new();
        for text in &seen.texts {
            let given = self.given(seen, text.spot, text.object);
            if given == Given::Nothing {
                continue;
            }
            let token = StringToken {
                range: text.range.clone(),
                is_key: false,
                escaped: text.escaped,
                source,
            };
            match text.spot {
                Spot::Delta => {}
                Spot::Whole(whole) => {
                    if find::may_hold(token.raw().as_bytes()) {
                        seeing(&*self.vault, given, |vault| {
                            restore_token(&token, whole.spelling, vault, &mut edits);
                        });
                    }
                }
                Spot::Piece(piece) => {
                    self.piece(event, source, seen, (piece, given), &token, &mut edits);
                }
            }
        }
        edits
    }

    fn piece(
        &mut self,
        event: Option<Event<'_>>,
        source: &str,
        seen: &Seen,
        (piece, given): (Piece, Given),
        token: &StringToken<'_>,
        edits: &mut Edits,
    ) {
        let lane = seen.lane(piece);
        let hold = if seen.ends_piece(piece) { Hold::Nothing } else { Hold::Open };
        let Some(open) = self.restore_piece((lane, given), token, hold, edits) else { return };
        let mut members = seen.members.iter().map(|range| &source.as_bytes()[range.clone()]);
        let shape = Shape {
            framing: self.framing,
            name: event.as_ref().and_then(Event::name),
            line_end: event.as_ref().map_or(b"", Event::line_end),
            members: &mut members,
        };
        self.held.insert(lane, Held { text: open, given, template: Template::new(lane, shape) });
    }

    /// Restores one piece together with what is held of its text; returns what is now to be held.
    fn restore_piece(
        &mut self,
        (lane, given): (Lane, Given),
        token: &StringToken<'_>,
        hold: Hold,
        edits: &mut Edits,
    ) -> Option<String> {
        let held = self.held.remove(&lane).map(|held| held.text).unwrap_or_default();
        let before = self.before(lane);
        let may_hold = hold == Hold::Open && self.held.len() < MAX_HELD;
        let spelling = lane.field.spelling();
        let (piece, known) = (token.decode(), held.len());
        let text = if held.is_empty() { piece } else { (held + &piece).into() };
        let behind = if may_hold { Edge::Unknown } else { Edge::Free };
        let found = Text { text: &text, spelling, before, behind };
        if known == 0 && !find::may_hold(token.raw().as_bytes()) {
            self.note_edge(lane, found.edge(text.len()));
            return None;
        }
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
        while let Some(next) = seeing(&*self.vault, given, |vault| found.next(at, vault)) {
            match next {
                Found::Placeholder { range, original } => {
                    keep(edits, at..range.start);
                    at = range.end;
                    replace(edits, raw(range), &original, spelling);
                }
                Found::Open(from) => {
                    open = Some(from);
                    break;
                }
            }
        }
        let end = open.unwrap_or(text.len());
        keep(edits, at..end);
        self.note_edge(lane, found.edge(end));
        let open = open?;
        edits.replace(raw(open..text.len()), b"");
        Some(text[open..].to_owned())
    }

    /// What stands before what comes next of a text.
    fn before(&self, lane: Lane) -> Edge {
        let full = self.edges.len() >= MAX_EDGES;
        self.edges.get(&lane).copied().unwrap_or(if full { Edge::Unknown } else { Edge::Free })
    }

    fn note_edge(&mut self, lane: Lane, edge: Edge) {
        if self.edges.len() < MAX_EDGES || self.edges.contains_key(&lane) {
            self.edges.insert(lane, edge);
        }
    }

    /// Sends what is held of the texts that `wanted` names, each in an extra event.
    fn flush(&mut self, place: Place, out: &mut Vec<u8>, wanted: impl Fn(&Lane) -> bool) {
        let Self { held, vault, edges, framing, .. } = self;
        let between: &[u8] = if *framing == Framing::Documents { b",\n" } else { b"" };
        held.retain(|lane, held| {
            let goes = wanted(lane);
            if goes {
                // Nothing follows, so it is what it is.
                let before = edges.get(lane).copied().unwrap_or(Edge::Unknown);
                let text = seeing(&**vault, held.given, |vault| {
                    restored(&held.text, lane.field, before, vault)
                });
                let write = |out: &mut Vec<u8>| held.template.write(&text, out);
                match place {
                    Place::Front => {
                        write(out);
                        out.extend_from_slice(between);
                    }
                    Place::End => {
                        out.extend_from_slice(between);
                        write(out);
                    }
                }
            }
            !goes
        });
    }
}

/// A text that ends, with originals in it.
fn restored(text: &str, field: Field, before: Edge, vault: &dyn Vault) -> String {
    let spelling = field.spelling();
    let found = Text { text, spelling, before, behind: Edge::Free };
    let (mut out, mut at) = (String::new(), 0);
    while let Some(Found::Placeholder { range, original }) = found.next(at, vault) {
        out.push_str(&text[at..range.start]);
        match spelling {
            Spelling::Plain => out.push_str(&original),
            Spelling::Json => out.push_str(&escape(&original)),
        }
        at = range.end;
    }
    out.push_str(&text[at..]);
    out
}

/// Texts of which something may be held at the same time; more pass without waiting.
const MAX_HELD: usize = 256;
/// Texts whose last character is known.
const MAX_EDGES: usize = 1024;
/// Calls of tools that are remembered; more are given what those without a name are.
const MAX_CALLS: usize = 1024;
/// The bytes of a name up to which pieces of it are joined.
const MAX_NAME: usize = 256;
