//! What has to change in one request: first gathered and judged whole, then carried out.

mod typed;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;

use self::typed::Left;
use super::attachment::{self, Attachment, Declared};
use super::echo::Echoes;
use super::fate::{Fate, Spot, fate, is_chance};
use super::nested::{Hit, nested_hits};
use super::telling::telling_name;
use super::{At, Masked, Masker, Refusal, crosses, place};
use crate::json::{self, Edits, Literal, NumberToken, Path, StringToken};
use crate::provider::Surface;
use crate::provider::place::{Outline, Place as Speaker, message};
use crate::provider::request::{Position, is_text_token, may_be_data, may_hold_json, position};
use crate::redact::scan::{Found, Hidden, LabelId, Span};
use crate::redact::{Action, Label, Lasts, Number, Vault, VaultError};

/// The changes that a walk gathers.
pub(super) struct Plan<'m, 'a> {
    masker: &'m Masker,
    surface: Surface,
    outline: &'m Outline,
    changes: Vec<Change<'a>>,
    numbers: BTreeMap<LabelId, HashMap<Box<str>, Number>>,
    counts: BTreeMap<LabelId, u32>,
    stream: bool,
    model: Option<String>,
    echoes: Option<Echoes>,
    left: Left,
    lasts: Lasts,
    /// Whether it names something that the provider has kept.
    refers: bool,
    declared: Declared,
}

/// One string or number that has to change.
struct Change<'a> {
    path: String,
    /// The message of the conversation that it stands in.
    message: Option<usize>,
    /// The set of rules that counts there.
    set: super::sets::Set,
    /// The name of its field, where detectors look at it.
    name: Option<String>,
    place: Place<'a>,
    hits: Vec<Hit>,
}

enum Place<'a> {
    String(StringToken<'a>),
    /// A string that is a text in base64.
    Encoded(StringToken<'a>),
    Number(NumberToken<'a>),
}

impl<'a> json::Visitor<'a> for Plan<'_, 'a> {
    type Error = Refusal;

    fn string(&mut self, path: &Path<'a>, token: StringToken<'a>) -> Result<(), Refusal> {
        if token.is_key && path.depth() == 0 && STATE.contains(&&*token.decode()) {
            (self.refers, self.lasts) = (true, Lasts::Longer);
        }
        if !token.is_key && path.ends_in("type") && token.decode() == "item_reference" {
            (self.refers, self.lasts) = (true, Lasts::Longer);
        }
        if !token.is_key && path.depth() == 1 && path.ends_in("model") {
            self.model = Some(token.decode().into_owned());
        }
        let place_of = || position(self.surface, path, false);
        if !token.is_key && self.declared.is_unreadable(path, &token, place_of) {
            self.masker.admit_unread(path)?;
        }
        let at = self.masker.at(self.outline.place(path));
        let found = at.found(path, &token);
        let holds_json = !token.is_key && may_hold_json(self.surface, path);
        let may_be_data = !token.is_key && may_be_data(path);
        if found.spans.is_empty() && !holds_json && !may_be_data && self.echoes.is_none() {
            return refuse_hidden(at, &found, || place(path, token.is_key));
        }
        let position = position(self.surface, path, token.is_key);
        let message = message(self.surface, path);
        let text = token.decode();
        let attached = match position {
            Position::Data => attachment::read(&text),
            _ => Attachment::Plain,
        };
        if let Attachment::Encoded(read) = attached {
            if read.foreign {
                self.masker.admit_unread(path)?;
            }
            return self.document(at, path, token.clone(), &read.text);
        }
        let opaque = attached == Attachment::Binary;
        let spot = Spot { opaque, ..Spot::of(self.surface, path, position, token.is_key) };
        let meant = |hit: &&Span| !is_chance(spot, at.scanner, hit, &text);
        at.refuse_grave(found.spans.iter().filter(meant), || place(path, token.is_key))?;
        if attached == Attachment::Binary {
            self.masker.admit_unread(path)?;
        }
        let fate = |hit: &Span| fate(spot, at.scanner, hit, &text);
        let may_change = match position {
            Position::Text | Position::JsonText | Position::FreeForm => true,
            Position::Unknown => !token.is_key,
            Position::Data => !opaque,
            Position::Structural | Position::Exact => false,
        };
        if !may_change {
            // What only looks like a placeholder stays: here it is nothing that will be restored.
            if let Some(hit) = found.rest.iter().find(|hit| fate(hit) != Fate::Pass) {
                return Err(self.unsafe_position(hit, path, token.is_key));
            }
            return refuse_hidden(at, &found, || place(path, token.is_key));
        }
        let found = match &self.echoes {
            Some(echoes) => echoes.add(at, message, &text, &found),
            None => Cow::Borrowed(&*found),
        };
        at.refuse_grave(&found.spans, || place(path, token.is_key))?;
        let hits = match position {
            Position::JsonText => nested_hits(at, &text, &found, &place(path, false))?,
            _ => {
                let masked = found.spans.iter().filter(|hit| fate(hit) == Fate::Mask);
                masked.map(|span| Hit::plain(span, &text)).collect()
            }
        };
        if hits.is_empty() {
            refuse_hidden(at, &found, || place(path, token.is_key))?;
        } else {
            let name = if token.is_key { None } else { telling_name(path).map(Cow::into_owned) };
            let path = place(path, token.is_key);
            let (set, place) = (at.set, Place::String(token));
            self.changes.push(Change { path, message, set, name, place, hits });
        }
        Ok(())
    }

    fn number(&mut self, path: &Path<'a>, token: NumberToken<'a>) -> Result<(), Refusal> {
        if is_text_token(self.surface, path) {
            self.masker.admit_unread(path)?;
        }
        let raw = token.raw();
        let at = self.masker.at(self.outline.place(path));
        let label = match at.found_number(path, &token) {
            Some(found) => {
                at.refuse_grave(&found.spans, || place(path, false))?;
                if position(self.surface, path, false) != Position::FreeForm {
                    return match found.rest.first() {
                        Some(hit) => Err(self.unsafe_position(hit, path, false)),
                        None => Ok(()),
                    };
                }
                found.spans.first().map(|hit| hit.label)
            }
            None => self
                .echoes
                .as_ref()
                .and_then(|echoes| echoes.number(message(self.surface, path), raw))
                .filter(|label| at.scanner.action(*label) != Action::Allow)
                .filter(|_| position(self.surface, path, false) == Position::FreeForm),
        };
        let Some(label) = label else { return Ok(()) };
        if let Some(refusal) = at.grave(label, place(path, false)) {
            return Err(refusal);
        }
        let hits = vec![Hit { range: 0..raw.len(), label, value: raw.to_owned(), quoted: true }];
        self.changes.push(Change {
            path: place(path, false),
            message: message(self.surface, path),
            set: at.set,
            name: None,
            place: Place::Number(token),
            hits,
        });
        Ok(())
    }

    fn literal(&mut self, path: &Path<'a>, literal: Literal) -> Result<(), Refusal> {
        if path.depth() == 1 && path.ends_in("stream") {
            self.stream = literal == Literal::True;
        }
        let keeps = path.depth() == 1 && path.ends_in("store");
        if keeps && !self.refers && self.surface != Surface::MessageBatch {
            self.lasts = if literal == Literal::False { Lasts::OneAnswer } else { Lasts::Longer };
        }
        Ok(())
    }
}

impl<'m, 'a> Plan<'m, 'a> {
    pub(super) fn new(masker: &'m Masker, surface: Surface, outline: &'m Outline) -> Self {
        Self {
            masker,
            surface,
            outline,
            changes: Vec::new(),
            numbers: BTreeMap::new(),
            counts: BTreeMap::new(),
            stream: false,
            model: None,
            echoes: None,
            left: Left::default(),
            lasts: match surface {
                // OpenAI keeps what is not asked to be forgotten; a batch is answered elsewhere.
                Surface::Responses | Surface::MessageBatch => Lasts::Longer,
                _ => Lasts::OneAnswer,
            },
            refers: false,
            declared: Declared::default(),
        }
    }

    /// A text that comes in base64.
    fn document(
        &mut self,
        at: At<'_>,
        path: &Path<'_>,
        token: StringToken<'a>,
        text: &str,
    ) -> Result<(), Refusal> {
        let found = at.scan(None, text);
        let message = message(self.surface, path);
        let found = match &self.echoes {
            Some(echoes) => echoes.add(at, message, text, &found),
            None => Cow::Borrowed(&found),
        };
        let path = place(path, false);
        at.refuse_grave(&found.spans, || path.clone())?;
        let hits = if text.starts_with(['{', '[']) {
            nested_hits(at, text, &found, &path)?
        } else {
            found.spans.iter().map(|span| Hit::plain(span, text)).collect()
        };
        if hits.is_empty() {
            return refuse_hidden(at, &found, || path);
        }
        let (set, place) = (at.set, Place::Encoded(token));
        self.changes.push(Change { path, message, set, name: None, place, hits });
        Ok(())
    }

    /// A plan for the same request that also masks these values.
    pub(super) fn with_echoes(self, echoes: Echoes) -> Self {
        Self { echoes: Some(echoes), ..self }
    }

    /// Everything that is to change, with the message of the conversation that it stands in.
    pub(super) fn hits(&self) -> impl Iterator<Item = (Option<usize>, &Hit)> {
        self.changes.iter().flat_map(|change| change.hits.iter().map(|hit| (change.message, hit)))
    }

    /// Asks the vault for every placeholder and edits the body.
    pub(super) fn carry_out(mut self, body: &[u8], vault: &dyn Vault) -> Result<Masked, Refusal> {
        let changes = std::mem::take(&mut self.changes);
        let hits = || changes.iter().flat_map(|change| &change.hits);
        let literal = self.masker.scanner().literal();
        self.learn(hits().filter(|hit| hit.label != literal), vault)?;
        self.leave_typed(hits(), self.lasts, vault)?;
        let mut edits = self.edits(&changes, vault)?;
        if self.left.clash {
            self.left = Left::default();
            self.counts.clear();
            edits = self.edits(&changes, vault)?;
        }
        if !self.refers {
            vault.only_its_own();
        }
        let body = (!edits.is_empty()).then(|| edits.apply(body));
        Ok(Masked { body, masked: self.counts(), stream: self.stream, model: self.model })
    }

    fn edits(&mut self, changes: &[Change<'_>], vault: &dyn Vault) -> Result<Edits, Refusal> {
        let mut edits = Edits::new();
        let hits: Vec<&Hit> = changes.iter().flat_map(|c| self.to_replace(&c.hits)).collect();
        self.learn(hits.into_iter(), vault)?;
        for change in changes {
            let hits = self.to_replace(&change.hits);
            let placeholders = self.placeholders(&hits, vault)?;
            match &change.place {
                Place::Number(token) => {
                    edits.replace(token.range.clone(), placeholders.concat().as_bytes())
                }
                Place::Encoded(token) => {
                    let value = token.decode();
                    if let Attachment::Encoded(read) = attachment::read(&value) {
                        let masked = replaced(&read.text, &hits, &placeholders);
                        let settled = self.settle(
                            self.masker.by(change.set),
                            (&masked, None, &change.path),
                            vault,
                        )?;
                        if !hits.is_empty() || settled.is_some() {
                            let text = read.encode(&settled.unwrap_or(masked));
                            edits.replace_text(token.range.clone(), &text);
                        }
                    }
                }
                Place::String(token) => {
                    self.edit_string(change, token, (&hits, &placeholders), &mut edits, vault)?
                }
            }
        }
        Ok(edits)
    }

    /// Masks a text that is no JSON.
    pub(super) fn text(&mut self, text: &str, vault: &dyn Vault) -> Result<String, Refusal> {
        let at = self.masker.at(Speaker::User);
        let found = at.scanner.scan_both(text);
        let sure: Vec<Hit> = found.spans.iter().map(|span| Hit::plain(span, text)).collect();
        let hits = sure.iter().map(|hit| (None, hit));
        let found = match Echoes::of(self.masker, hits, Vec::new)? {
            Some(echoes) => echoes.add(at, None, text, &found).into_owned(),
            None => found,
        };
        at.refuse_grave(&found.spans, || "$".to_owned())?;
        let hits: Vec<Hit> = found.spans.iter().map(|span| Hit::plain(span, text)).collect();
        let literal = self.masker.scanner().literal();
        self.learn(hits.iter().filter(|hit| hit.label != literal), vault)?;
        // Nobody knows when the text is to be unmasked.
        self.leave_typed(hits.iter(), Lasts::Longer, vault)?;
        let hits = self.to_replace(&hits);
        let placeholders = self.placeholders(&hits, vault)?;
        let masked = replaced(text, &hits, &placeholders);
        Ok(self.settle(at, (&masked, None, "$"), vault)?.unwrap_or(masked))
    }

    pub(super) fn counts(&self) -> BTreeMap<Label, u32> {
        self.counts.iter().map(|(id, count)| (self.masker.label(*id), *count)).collect()
    }

    /// Rewrites the hits of one string; all of it only where that made something new to hide.
    fn edit_string(
        &mut self,
        change: &Change<'_>,
        token: &StringToken<'_>,
        (hits, placeholders): (&[&Hit], &[String]),
        edits: &mut Edits,
        vault: &dyn Vault,
    ) -> Result<(), Refusal> {
        let masked = replaced(&token.decode(), hits, placeholders);
        let place = (&*masked, change.name.as_deref(), &*change.path);
        if let Some(settled) = self.settle(self.masker.by(change.set), place, vault)? {
            edits.replace_text(token.range.clone(), &settled);
            return Ok(());
        }
        let mut locator = token.locator();
        for (hit, placeholder) in hits.iter().zip(placeholders) {
            edits.replace_text(locator.raw_range(hit.range.clone()), placeholder);
        }
        Ok(())
    }

    /// Masks what shows only after masking, until nothing does; `None`: nothing did.
    fn settle(
        &mut self,
        at: At<'_>,
        (masked, name, path): (&str, Option<&str>, &str),
        vault: &dyn Vault,
    ) -> Result<Option<String>, Refusal> {
        let mut settled: Option<String> = None;
        for _ in 0..ROUNDS {
            let text = settled.as_deref().unwrap_or(masked);
            let found = at.found_again(name, text);
            if found.rest.is_empty() {
                refuse_hidden(at, &found, || path.to_owned())?;
                return Ok(settled);
            }
            let unstable = || Refusal::MaskUnstable { path: path.to_owned() };
            at.refuse_grave(&found.rest, || path.to_owned())?;
            if found.rest.iter().any(|hit| crosses(&found.placeholders, hit)) {
                return Err(unstable());
            }
            let hits: Vec<Hit> = found.rest.iter().map(|span| Hit::plain(span, text)).collect();
            let hits: Vec<&Hit> = hits.iter().collect();
            let placeholders = self.placeholders(&hits, vault)?;
            settled = Some(replaced(text, &hits, &placeholders));
        }
        let rest = settled.as_deref().map(|text| at.found_again(name, text));
        if let Some(found) = rest.filter(|found| found.rest.is_empty()) {
            refuse_hidden(at, &found, || path.to_owned())?;
            return Ok(settled);
        }
        Err(Refusal::MaskUnstable { path: path.to_owned() })
    }

    /// What takes the place of each hit.
    fn placeholders(&mut self, hits: &[&Hit], vault: &dyn Vault) -> Result<Vec<String>, Refusal> {
        self.learn(hits.iter().copied(), vault)?;
        let mut placeholders = Vec::with_capacity(hits.len());
        for hit in hits {
            let known =
                self.numbers.get(&hit.label).and_then(|numbers| numbers.get(hit.value.as_str()));
            let number = known.ok_or_else(|| VaultError("no number".into()))?;
            *self.counts.entry(hit.label).or_default() += 1;
            let label = self.masker.scanner().label(hit.label).as_str();
            let quote = if hit.quoted { "\"" } else { "" };
            placeholders.push(format!("{quote}<{label}_{number}>{quote}"));
        }
        Ok(placeholders)
    }

    /// Asks the vault for the numbers that are not known yet, all in one go.
    fn learn<'h>(
        &mut self,
        hits: impl Iterator<Item = &'h Hit>,
        vault: &dyn Vault,
    ) -> Result<(), Refusal> {
        let mut asked: Vec<(LabelId, &str)> = Vec::new();
        let mut seen: HashSet<(LabelId, &str)> = HashSet::new();
        for Hit { label, value, .. } in hits {
            let known =
                self.numbers.get(label).is_some_and(|numbers| numbers.contains_key(value.as_str()));
            if !known && seen.insert((*label, value)) {
                asked.push((*label, value));
            }
        }
        if asked.is_empty() {
            return Ok(());
        }
        let values: Vec<(&Label, &str)> =
            asked.iter().map(|(id, value)| (self.masker.scanner().label(*id), *value)).collect();
        let numbers = vault.number_all(&values)?;
        for ((id, value), number) in asked.into_iter().zip(numbers) {
            self.left.meet(self.masker.scanner().label(id).as_str(), number);
            self.numbers.entry(id).or_default().insert(value.into(), number);
        }
        Ok(())
    }

    fn unsafe_position(&self, hit: &Span, path: &Path<'_>, is_key: bool) -> Refusal {
        let label = self.masker.label(hit.label);
        Refusal::UnsafePosition { label, path: place(path, is_key) }
    }
}

/// What only escapes spell cannot be replaced where it stands.
fn refuse_hidden(at: At<'_>, found: &Found, path: impl FnOnce() -> String) -> Result<(), Refusal> {
    let Some(hidden) = found.hidden else { return Ok(()) };
    let path = path();
    let Hidden::Label(id) = hidden else { return Err(Refusal::TooEscaped { path }) };
    let label = at.masker.label(id);
    Err(at.grave(id, path.clone()).unwrap_or(Refusal::UnsafePosition { label, path }))
}

/// `text` with every hit replaced.
fn replaced(text: &str, hits: &[&Hit], placeholders: &[String]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for (hit, placeholder) in hits.iter().zip(placeholders) {
        let Range { start, end } = &hit.range;
        out.push_str(&text[at..*start]);
        out.push_str(placeholder);
        at = *end;
    }
    out.push_str(&text[at..]);
    out
}

/// What a request names that the provider has kept, and that may come back in the answers to others.
const STATE: [&str; 6] = [
    "previous_response_id",
    "conversation",
    "thread",
    "container",
    "cachedContent",
    "cached_content",
];
/// Hits that masking creates can create others; no sane text does so more often.
const ROUNDS: usize = 3;
