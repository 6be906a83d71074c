//! Masks a request in place, and checks that nothing is left to mask.
//!
//! Not for finding (that is `scan`) and not for where a field may change (that is `provider`).

mod attachment;
mod echo;
mod hidden;
mod memo;
mod nested;
mod number;
mod plan;
mod refusal;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::scan::{Found, Hidden, LabelId, Scanner, ScannerError, Span};
use super::{Action, Attachments, Label, Policy, Vault};
use crate::json::{self, NumberToken, Path, Segment, StringToken, SyntaxError, WalkError};
use crate::provider::request::{Position, is_text_token, may_be_data, position};
use crate::provider::{Api, Surface};

pub use refusal::Refusal;

use attachment::Attachment;
use echo::Echoes;
use memo::Memo;
use plan::Plan;

/// Masks requests by one policy; built once, shared by all connections.
#[derive(Debug)]
pub struct Masker {
    scanner: Scanner,
    memo: Memo,
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
        let attachments = policy.attachments;
        Ok(Self { scanner: Scanner::new(policy)?, memo: Memo::new(), attachments })
    }

    /// The scanner, for callers that only look.
    pub fn scanner(&self) -> &Scanner {
        &self.scanner
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
        let mut plan = Plan::new(self, surface);
        json::walk(body, &mut plan).map_err(Refusal::from)?;
        if let Some(echoes) = Echoes::of(self, plan.hits())? {
            plan = Plan::new(self, surface).with_echoes(echoes);
            json::walk(body, &mut plan).map_err(Refusal::from)?;
        }
        plan.carry_out(body, vault)
    }

    /// Makes sure that `body`, ready to be sent, holds nothing that the policy masks or blocks.
    ///
    /// It knows no API: every key, every string and every long number counts, wherever it stands,
    /// as it is spelled and as escapes in it would be read, to any depth.
    ///
    /// # Errors
    /// The first hit, or what is wrong with the JSON.
    pub fn check(&self, body: &[u8]) -> Result<(), Refusal> {
        json::walk(body, &mut self.checker(Surface::Objects(Api::Google))).map_err(Refusal::from)
    }

    /// What [`Self::check`] looks at each token with, for callers that walk themselves.
    pub fn checker(&self, surface: Surface) -> Check<'_> {
        Check { masker: self, surface }
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
        let mut plan = Plan::new(self, Surface::Objects(Api::Google));
        let masked = plan.text(text, vault)?;
        Ok((masked, plan.counts()))
    }

    /// What the string `token` at `path` holds, from memory where it was seen before.
    fn found(&self, path: &Path<'_>, token: &StringToken<'_>) -> Arc<Found> {
        let raw = token.raw();
        if raw.len() < self.scanner.shortest() {
            return self.memo.nothing();
        }
        if raw.len() >= memo::WORTH {
            return self.memo.remember(token.escaped, raw, || self.scan(&token.decode()));
        }
        let text = token.decode();
        let name = if !token.is_key && wants_name(&text) { telling_name(path) } else { None };
        self.found_short(name.as_deref(), &text)
    }

    /// What a number holds, where it has digits enough for somebody's or its name tells that it is.
    fn found_number(&self, path: &Path<'_>, token: &NumberToken<'_>) -> Option<Found> {
        let raw = token.raw();
        let found = if let Some(whole) = number::whole(raw) {
            self.scanner.scan_both(&whole)
        } else if is_long(raw) {
            self.scanner.scan_both(raw)
        } else if wants_name(raw) {
            self.found_beside(&telling_name(path)?, raw)
        } else {
            return None;
        };
        (!found.spans.is_empty()).then_some(found)
    }

    /// What a text holds, seen beside the name of its field where that matters.
    fn found_short(&self, name: Option<&str>, text: &str) -> Arc<Found> {
        let found = match name {
            Some(name) => self.found_beside(name, text),
            None => self.scan(text),
        };
        if found.is_empty() { self.memo.nothing() } else { Arc::new(found) }
    }

    /// What a masked text still holds. Long ones are remembered like all others: the same history is masked again.
    fn found_again(&self, name: Option<&str>, text: &str) -> Arc<Found> {
        if text.len() >= memo::WORTH {
            return self.memo.remember(false, text, || self.scan(text));
        }
        self.found_short(name.filter(|_| wants_name(text)), text)
    }

    /// Everything in `text`, also below its surface.
    fn scan(&self, text: &str) -> Found {
        let found = self.scanner.scan_both(text);
        Found { hidden: hidden::hidden(&self.scanner, text), ..found }
    }

    /// Scans `name=text`, so that detectors which need a word before the value see it; hits are those in `text`.
    fn found_beside(&self, name: &str, text: &str) -> Found {
        let whole = format!("{name}={text}");
        let before = name.len() + 1;
        let mut found = self.scanner.scan_both(&whole);
        let alone = self.scanner.scan_both(text);
        for (list, other) in [(&mut found.spans, &alone.spans), (&mut found.rest, &alone.rest)] {
            list.retain(|span| span.start >= before);
            for span in list.iter_mut() {
                (span.start, span.end) = (span.start - before, span.end - before);
            }
            list.extend_from_slice(other);
            self.scanner.settle(list);
        }
        found.placeholders = alone.placeholders;
        found.hidden = hidden::hidden(&self.scanner, &whole);
        found
    }

    /// Refuses what nobody can read, unless policy lets it pass.
    fn admit_unread(&self, path: &Path<'_>) -> Result<(), Refusal> {
        match self.attachments {
            Attachments::Allow => Ok(()),
            Attachments::Block => Err(Refusal::Attachment { path: place(path, false) }),
        }
    }

    fn blocks(&self, span: &Span) -> bool {
        self.scanner.action(span.label) == Action::Block
    }

    fn label(&self, id: LabelId) -> Label {
        self.scanner.label(id).clone()
    }
}

/// Whether `text` is a value that the name of its field may reveal.
fn wants_name(text: &str) -> bool {
    if !(9..memo::WORTH).contains(&text.len()) {
        return false;
    }
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    digits >= 9 || digits > 0 && text.len() >= 16
}

/// The name of the field that a value stands in, where that name may tell what the value is.
fn telling_name(path: &Path<'_>) -> Option<String> {
    let key = path.segments().iter().rev().find_map(|segment| match segment {
        Segment::Key(key) => Some(key),
        Segment::Index(_) => None,
    })?;
    if key.range.len() > 48 {
        return None;
    }
    let lower = key.raw().to_ascii_lowercase();
    TELLING.iter().any(|word| lower.contains(word)).then(|| key.decode().into_owned())
}

/// Parts of field names after which a bare value counts.
const TELLING: &[&str] = &[
    "phone",
    "tel",
    "mobile",
    "cell",
    "fax",
    "whatsapp",
    "ssn",
    "social",
    "secret",
    "authorization",
];

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
}

impl<'a> json::Visitor<'a> for Check<'_> {
    type Error = Refusal;

    fn string(&mut self, path: &Path<'a>, token: StringToken<'a>) -> Result<(), Refusal> {
        if !token.is_key && self.may_be_attached(path) {
            self.attachment(path, &token)?;
        }
        let found = self.masker.found(path, &token);
        let label = match (found.rest.first(), found.hidden) {
            (Some(hit), _) => hit.label,
            (None, Some(Hidden::Label(label))) => label,
            (None, Some(Hidden::TooDeep)) => {
                return Err(Refusal::TooEscaped { path: place(path, token.is_key) });
            }
            (None, None) => return Ok(()),
        };
        Err(Refusal::Unmasked { label: self.masker.label(label), path: place(path, token.is_key) })
    }

    fn number(&mut self, path: &Path<'a>, token: NumberToken<'a>) -> Result<(), Refusal> {
        if is_text_token(self.surface, path) {
            self.masker.admit_unread(path)?;
        }
        let found = self.masker.found_number(path, &token);
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

    /// A document is looked at as what it says.
    fn attachment(&self, path: &Path<'_>, token: &StringToken<'_>) -> Result<(), Refusal> {
        let value = token.decode();
        let text = match attachment::read(&value) {
            Attachment::Plain => return Ok(()),
            Attachment::Binary => return self.masker.admit_unread(path),
            Attachment::Encoded(read) => read.text,
        };
        let found = self.masker.scan(&text);
        let label = match (found.rest.first(), found.hidden) {
            (Some(hit), _) => hit.label,
            (None, Some(Hidden::Label(label))) => label,
            (None, Some(Hidden::TooDeep)) => {
                return Err(Refusal::TooEscaped { path: place(path, false) });
            }
            (None, None) => return Ok(()),
        };
        Err(Refusal::Unmasked { label: self.masker.label(label), path: place(path, false) })
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
