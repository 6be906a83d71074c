//! Masks a request in place, and checks that nothing is left to mask.
//!
//! Not for finding (that is `scan`) and not for where a field may change (that is `provider`).

mod attachment;
mod echo;
mod fate;
mod hidden;
mod maskers;
mod memo;
mod nested;
mod number;
mod plan;
mod refusal;
mod sets;
mod telling;

#[cfg(test)]
pub(super) mod tests;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use super::rehydrate::lookalikes;
use super::scan::{Found, Hidden, LabelId, Scanner, ScannerError, Span};
use super::{Action, Attachments, Label, Lasts, Policy, Vault, placeholder};
use crate::json::{self, NumberToken, Path, StringToken, SyntaxError, WalkError};
use crate::provider::answer::Spelling;
use crate::provider::place::{Outline, Place};
use crate::provider::request::{Position, is_text_token, may_be_data, position};
use crate::provider::{Api, Surface};

pub use maskers::Maskers;
pub use refusal::Refusal;

use attachment::{Attachment, Declared};
use echo::Echoes;
use fate::{Fate, Spot, fate, is_guess};
use plan::Plan;
use sets::{ByPlace, Set, Sets, SetsBuilder};
use telling::telling_name;

/// Masks requests by one policy; built once, shared by all connections.
#[derive(Clone, Debug)]
pub struct Masker {
    sets: Arc<Sets>,
    by_place: ByPlace,
    attachments: Attachments,
}

/// A request that may be sent.
#[derive(Default, PartialEq, Eq)]
pub struct Masked {
    /// The body to send; `None`: the one that came, unchanged.
    pub body: Option<Vec<u8>>,
    /// How many values were replaced, by label.
    pub masked: BTreeMap<Label, u32>,
    /// Whether the request asks for a streamed answer.
    pub stream: bool,
    /// The model that the request names.
    pub model: Option<String>,
}

impl Masker {
    /// Builds the detectors that `policy` asks for.
    ///
    /// # Errors
    /// Where the policy uses a label that it must not.
    pub fn new(policy: &Policy) -> Result<Self, ScannerError> {
        let mut sets = SetsBuilder::default();
        let by_place = sets.add(policy)?;
        Ok(Self::of(&Arc::new(sets.build()), by_place, policy.attachments))
    }

    fn of(sets: &Arc<Sets>, by_place: ByPlace, attachments: Attachments) -> Self {
        Self { sets: Arc::clone(sets), by_place, attachments }
    }

    /// The scanner, for callers that only look.
    pub fn scanner(&self) -> &Scanner {
        self.at(Place::Other).scanner
    }

    /// Masks `body`, a request of this shape; whatever is not masked stays byte for byte.
    ///
    /// # Errors
    /// Every reason not to send it. The vault is not asked before the whole body is known to be sendable.
    pub fn request(
        &self,
        surface: Surface,
        body: &[u8],
        vault: &dyn Vault,
    ) -> Result<Masked, Refusal> {
        let outline = self.outline(surface, body);
        let mut plan = Plan::new(self, surface, &outline);
        json::walk(body, &mut plan).map_err(Refusal::from)?;
        let turns = || Outline::read(surface, body).turns();
        if let Some(echoes) = Echoes::of(self, plan.hits(), turns)? {
            plan = Plan::new(self, surface, &outline).with_echoes(echoes);
            json::walk(body, &mut plan).map_err(Refusal::from)?;
        }
        self.leave_strange(body, vault)?;
        plan.carry_out(body, vault)
    }

    /// Entries may have labels that the policy does not know any more, or that came from elsewhere:
    /// where `body` has text that looks like their placeholders, the answer is not restored.
    fn leave_strange(&self, body: &[u8], vault: &dyn Vault) -> Result<(), Refusal> {
        let strange = vault.strange_labels(&|label| self.scanner().knows(label));
        let (false, Ok(text)) = (strange.is_empty(), std::str::from_utf8(body)) else {
            return Ok(());
        };
        let mut names = BTreeSet::new();
        let knows = |label: &str| strange.iter().any(|known| **known == *label);
        lookalikes(text, Spelling::Json, &knows, |_, name| {
            names.insert(name.to_owned());
        });
        let looks: Vec<_> = names.iter().filter_map(|name| placeholder::split(name)).collect();
        vault.typed(&looks, Lasts::OneAnswer)?;
        Ok(())
    }

    /// Makes sure that `body`, ready to be sent, holds nothing that the policy masks or blocks.
    ///
    /// It knows no API: every key, every string and every long number counts, wherever it stands,
    /// as it is spelled and as escapes in it would be read, to any depth.
    ///
    /// # Errors
    /// The first hit, or what is wrong with the JSON.
    pub fn check(&self, body: &[u8]) -> Result<(), Refusal> {
        let surface = Surface::Objects(Api::Google);
        json::walk(body, &mut self.checker(surface, body)).map_err(Refusal::from)
    }

    /// What [`Self::check`] looks at each token with, for callers that walk `body` themselves.
    pub fn checker(&self, surface: Surface, body: &[u8]) -> Check<'_> {
        let outline = self.outline(surface, body);
        Check { masker: self, surface, outline, declared: Declared::default() }
    }

    /// Whether a word of the protocol, such as a model's name in a path, may leave.
    pub fn admits(&self, word: &str) -> bool {
        let at = self.at(Place::Other);
        let found = at.scan(None, word);
        let passes = |hit: &Span| fate(Spot::WORD, at.scanner, hit, word) == Fate::Pass;
        found.hidden.is_none() && found.rest.iter().all(passes)
    }

    /// Masks plain text.
    ///
    /// # Errors
    /// As for [`Self::request`]; the path is `$`.
    pub fn text(
        &self,
        text: &str,
        vault: &dyn Vault,
    ) -> Result<(String, BTreeMap<Label, u32>), Refusal> {
        let outline = Outline::default();
        let mut plan = Plan::new(self, Surface::Objects(Api::Google), &outline);
        let masked = plan.text(text, vault)?;
        Ok((masked, plan.counts()))
    }

    /// Who says what, where that makes a difference.
    fn outline(&self, surface: Surface, body: &[u8]) -> Outline {
        let one = self.by_place.iter().all(|set| *set == self.by_place[0]);
        if one { Outline::default() } else { Outline::read(surface, body) }
    }

    /// What counts in a place.
    fn at(&self, place: Place) -> At<'_> {
        // Places are numbered as they are listed, and each has its scanner.
        let set = self.by_place.get(place as usize).copied().unwrap_or_default();
        self.by(set)
    }

    fn by(&self, set: Set) -> At<'_> {
        At { masker: self, scanner: self.sets.scanner(set), set }
    }

    fn label(&self, id: LabelId) -> Label {
        self.scanner().label(id).clone()
    }

    /// Refuses what nobody can read, unless policy lets it pass.
    fn admit_unread(&self, path: &Path<'_>) -> Result<(), Refusal> {
        match self.attachments {
            Attachments::Allow => Ok(()),
            Attachments::Block => Err(Refusal::Attachment { path: place(path, false) }),
        }
    }
}

/// The masker with the rules of one place.
#[derive(Clone, Copy)]
struct At<'m> {
    masker: &'m Masker,
    scanner: &'m Scanner,
    set: Set,
}

impl At<'_> {
    /// What the string `token` at `path` holds, from memory where it was seen before.
    fn found(&self, path: &Path<'_>, token: &StringToken<'_>) -> Arc<Found> {
        let raw = token.raw();
        let name = if token.is_key { None } else { telling_name(path) };
        if raw.len() < if name.is_some() { SHORTEST_NAMED } else { self.scanner.shortest() } {
            return self.masker.sets.memo.nothing();
        }
        self.remembered(name.as_deref(), token.escaped, raw, || token.decode())
    }

    /// What a number holds, where it has digits enough for somebody's or its name tells that it is.
    fn found_number(&self, path: &Path<'_>, token: &NumberToken<'_>) -> Option<Found> {
        let raw = token.raw();
        let whole = number::whole(raw);
        let name = telling_name(path);
        let short = !is_long(raw) && (name.is_none() || raw.len() < SHORTEST_NUMBER);
        if whole.is_none() && short && !self.scanner.denies() {
            return None;
        }
        let found = self.scan(name.as_deref(), whole.as_deref().unwrap_or(raw));
        (!found.spans.is_empty()).then_some(found)
    }

    /// What a masked text still holds.
    fn found_again(&self, name: Option<&str>, text: &str) -> Arc<Found> {
        self.remembered(name, false, text, || Cow::Borrowed(text))
    }

    /// Long ones are remembered: the same history is masked again and again.
    fn remembered<'t>(
        &self,
        name: Option<&str>,
        escaped: bool,
        raw: &str,
        text: impl FnOnce() -> Cow<'t, str>,
    ) -> Arc<Found> {
        if raw.len() >= memo::WORTH {
            let key = (self.set, name, escaped, raw);
            return self.masker.sets.memo.remember(key, || self.scan(name, &text()));
        }
        let found = self.scan(name, &text());
        if found.is_empty() { self.masker.sets.memo.nothing() } else { Arc::new(found) }
    }

    /// Everything in `text`, also below its surface, and beside the name of its field.
    fn scan(&self, name: Option<&str>, text: &str) -> Found {
        let mut found = self.scanner.scan_both(text);
        found.hidden = hidden::hidden(self.scanner, text);
        if let Some(name) = name {
            self.scan_beside(name, text, &mut found);
        }
        // Beside a placeholder, word lists see names that are none.
        let Found { rest, placeholders, .. } = &mut found;
        rest.retain(|hit| !(is_guess(self.scanner, hit) && crosses(placeholders, hit)));
        found
    }

    /// Scans the beginning of `text` as it stands in a document, so that detectors see its name.
    fn scan_beside(&self, name: &str, text: &str, found: &mut Found) {
        let head = &text[..text.floor_char_boundary(HEAD)];
        let whole = format!("\"{name}\": \"{head}\"");
        let before = name.len() + 5;
        let beside = self.scanner.scan_both(&whole);
        for (list, other) in [(&mut found.spans, beside.spans), (&mut found.rest, beside.rest)] {
            let inside = |span: &Span| span.start >= before && span.end <= before + head.len();
            let more = other.into_iter().filter(inside);
            list.extend(more.map(|span| Span {
                start: span.start - before,
                end: span.end - before,
                ..span
            }));
            self.scanner.settle(text, list);
        }
        found.hidden = found.hidden.or_else(|| hidden::hidden(self.scanner, &whole));
    }

    /// Why a request with these hits is not sent to its provider, if policy says so.
    fn refuse_grave<'s>(
        &self,
        spans: impl IntoIterator<Item = &'s Span>,
        path: impl FnOnce() -> String,
    ) -> Result<(), Refusal> {
        // Of several, the first of the gravest.
        let mut gravest: Option<&Span> = None;
        for span in spans {
            let action = self.scanner.action(span.label);
            if action > Action::Mask
                && gravest.is_none_or(|known| action > self.scanner.action(known.label))
            {
                gravest = Some(span);
            }
        }
        let Some(hit) = gravest else { return Ok(()) };
        self.grave(hit.label, path()).map_or(Ok(()), Err)
    }

    /// The refusal for a label that is not masked.
    fn grave(&self, id: LabelId, path: String) -> Option<Refusal> {
        let label = self.masker.label(id);
        match self.scanner.action(id) {
            Action::Block => Some(Refusal::BlockedLabel { label, path }),
            Action::RouteLocal => Some(Refusal::NotForRemote { label, path }),
            Action::Mask | Action::Allow => None,
        }
    }
}

/// Whether a hit begins or ends in a placeholder, or lies around one.
fn crosses(placeholders: &[Span], hit: &Span) -> bool {
    let from = placeholders.partition_point(|own| own.end <= hit.start);
    placeholders.get(from).is_some_and(|own| own.start < hit.end)
}

/// What follows the name of a field further on stands in a text of its own.
const HEAD: usize = memo::WORTH;
/// `Al` is a name.
const SHORTEST_NAMED: usize = 2;
/// No number that belongs to somebody has fewer digits.
const SHORTEST_NUMBER: usize = 4;

/// Shows sizes and counts only: a masked prompt is still somebody's prompt.
impl fmt::Debug for Masked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Masked")
            .field("body_bytes", &self.body.as_ref().map(Vec::len))
            .field("masked", &self.masked)
            .field("stream", &self.stream)
            .finish_non_exhaustive()
    }
}

/// The broker's look at a finished body, token by token.
#[derive(Debug)]
pub struct Check<'m> {
    masker: &'m Masker,
    surface: Surface,
    outline: Outline,
    declared: Declared,
}

impl<'a> json::Visitor<'a> for Check<'_> {
    type Error = Refusal;

    fn string(&mut self, path: &Path<'a>, token: StringToken<'a>) -> Result<(), Refusal> {
        let at = self.masker.at(self.outline.place(path));
        let mut opaque = false;
        let place_of = || position(self.surface, path, false);
        if !token.is_key && self.declared.is_unreadable(path, &token, place_of) {
            self.masker.admit_unread(path)?;
        }
        if !token.is_key && self.may_be_attached(path) {
            opaque = self.attachment(at, path, &token)?;
        }
        let found = at.found(path, &token);
        if found.rest.is_empty() && found.hidden.is_none() {
            return Ok(());
        }
        let position = position(self.surface, path, token.is_key);
        let spot = Spot { opaque, ..Spot::of(self.surface, path, position, token.is_key) };
        self.refuse(at, spot, &found, &token.decode(), || place(path, token.is_key))
    }

    fn number(&mut self, path: &Path<'a>, token: NumberToken<'a>) -> Result<(), Refusal> {
        if is_text_token(self.surface, path) {
            self.masker.admit_unread(path)?;
        }
        let at = self.masker.at(self.outline.place(path));
        let found = at.found_number(path, &token);
        match found.as_ref().and_then(|found| found.rest.first()) {
            None => Ok(()),
            Some(hit) => Err(Refusal::Unmasked {
                label: self.masker.label(hit.label),
                path: place(path, false),
            }),
        }
    }
}

impl Check<'_> {
    fn may_be_attached(&self, path: &Path<'_>) -> bool {
        may_be_data(path) && position(self.surface, path, false) == Position::Data
    }

    /// A document is looked at as what it says; whether it is more than plain text.
    fn attachment(
        &self,
        at: At<'_>,
        path: &Path<'_>,
        token: &StringToken<'_>,
    ) -> Result<bool, Refusal> {
        let value = token.decode();
        let text = match attachment::read(&value) {
            Attachment::Plain => return Ok(false),
            Attachment::Binary => return self.masker.admit_unread(path).map(|()| true),
            Attachment::Encoded(read) => read,
        };
        if text.foreign {
            self.masker.admit_unread(path)?;
        }
        let text = text.text;
        let spot = Spot::of(self.surface, path, Position::Data, false);
        self.refuse(at, spot, &at.scan(None, &text), &text, || place(path, false))?;
        Ok(true)
    }

    /// Refuses what should have been masked, and is not.
    fn refuse(
        &self,
        at: At<'_>,
        spot: Spot,
        found: &Found,
        text: &str,
        path: impl Fn() -> String,
    ) -> Result<(), Refusal> {
        let left = |hit: &&Span| fate(spot, at.scanner, hit, text) != Fate::Pass;
        let label = match (found.rest.iter().find(left), found.hidden) {
            (Some(hit), _) => hit.label,
            (None, Some(Hidden::Label(label))) => label,
            (None, Some(Hidden::TooDeep)) => return Err(Refusal::TooEscaped { path: path() }),
            (None, None) => return Ok(()),
        };
        Err(Refusal::Unmasked { label: self.masker.label(label), path: path() })
    }
}

/// Whether a number has enough digits to be somebody's.
fn is_long(number: &str) -> bool {
    number.len() >= 12 && number.bytes().filter(u8::is_ascii_digit).count() >= 12
}

/// A path for an error: keys that may be personal data are not shown.
fn place(path: &Path<'_>, is_key: bool) -> String {
    if is_key { format!("{path}.{{key}}") } else { path.to_string() }
}

impl From<WalkError<Refusal>> for Refusal {
    fn from(error: WalkError<Refusal>) -> Self {
        match error {
            WalkError::Visitor(refusal) => refusal,
            WalkError::Syntax(error) => error.into(),
        }
    }
}

impl From<SyntaxError> for Refusal {
    fn from(error: SyntaxError) -> Self {
        match error.kind {
            json::SyntaxKind::TooDeep => Self::TooDeep,
            _ => Self::NotJson { at: error.at },
        }
    }
}
