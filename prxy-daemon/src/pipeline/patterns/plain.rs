//! Texts as they may be kept: without secrets, and without anything that a vault would restore.
//!
//! A placeholder means something else to every tenant, and tomorrow perhaps to the same one. So
//! `<PERSON_1>` becomes `[person]` in whichever form it is written, and what the policy lets through
//! as it is, becomes the same.
//!
//! What makes a word a name may stand far from it, so a whole request is looked at, before anybody
//! cuts a line out of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use crate::json::{Node, escape_into};
use crate::provider::Surface;
use crate::provider::place::Place;
use crate::redact::mask::Masker;
use crate::redact::rehydrate;
use crate::redact::scan::{ScannerError, Span};
use crate::redact::{
    Action, Attachments, Label, Number, Policy, Rules, Vault, VaultError, is_secret, placeholder,
};

/// Makes texts plain.
pub(crate) struct Plain {
    masker: Masker,
    own: BTreeSet<String>,
}

/// A request and its answer in which everything is masked that anybody's rules mask or refuse.
pub(super) struct Whole {
    json: Vec<u8>,
    words: Words,
}

/// What the placeholders of a [`Whole`] stand for, as words; the values themselves are not kept
/// longer than that.
struct Words {
    plain: Arc<Plain>,
    known: Mutex<BTreeMap<Label, Vec<Box<str>>>>,
}

impl Plain {
    /// For what the built-in detectors find, and the user's own, whatever the policy does with it.
    ///
    /// # Errors
    /// The policy names a label that it must not.
    pub(crate) fn new(policy: Option<&Policy>) -> Result<Self, ScannerError> {
        let policy = policy.cloned().unwrap_or_default();
        let Policy { actions, positions, providers, clients, patterns, deny, merge_gap, .. } =
            &policy;
        let (patterns, deny, merge_gap) = (patterns.clone(), deny.clone(), merge_gap.clone());
        let everywhere = Rules { actions: actions.clone(), positions: positions.clone() };
        let rules = providers.values().chain(clients.values()).chain([&everywhere]);
        let rules = rules.flat_map(|it| it.positions.values().chain([&it.actions])).flatten();
        // Whatever one of them does not allow, by its own default or by anybody's rule.
        let mut strict: BTreeMap<Label, Action> = BTreeMap::new();
        for (label, _) in rules.filter(|(_, action)| **action != Action::Allow) {
            strict.insert(label.clone(), Action::Mask);
        }
        let named = policy.at(Place::Other).into_keys();
        let own = named.map(|label| label.as_str().to_owned());
        let own = own.chain([crate::redact::scan::LITERAL.to_owned()]).collect();
        let attachments = Attachments::Allow;
        let policy = Policy { patterns, deny, merge_gap, attachments, ..Policy::default() };
        for (label, action) in policy.at(Place::Other) {
            if action != Action::Allow {
                strict.insert(label, Action::Mask);
            }
        }
        Ok(Self { masker: Masker::new(&Policy { actions: strict, ..policy })?, own })
    }

    /// A request and its answer as one text, whose parts are read by what stands in all others.
    /// `None` if it cannot be told what is in it.
    pub(super) fn whole(self: &Arc<Self>, body: &[u8], answer: &str) -> Option<Whole> {
        let mut json = HEAD.to_vec();
        escape_into(&mut json, answer);
        json.extend_from_slice(MIDDLE);
        json.extend_from_slice(body);
        json.extend_from_slice(TAIL);
        let words = Words { plain: Arc::clone(self), known: Mutex::default() };
        let masked = self.masker.request(Surface::Messages, &json, &words).ok()?;
        Some(Whole { json: masked.body.unwrap_or(json), words })
    }

    /// The text as it may be kept; `None` if it holds a secret.
    pub(crate) fn text(&self, text: &str) -> Option<String> {
        let mut text = bracketed(&rehydrate::text(text, self));
        // What one look makes plain may be what hid another value.
        for _ in 0..LOOKS {
            let mut found = Vec::new();
            self.masker.scanner().scan(&text, &mut found);
            if found.is_empty() {
                return Some(text);
            }
            text = self.without(&text, &found)?;
        }
        None
    }

    fn without(&self, text: &str, found: &[Span]) -> Option<String> {
        let mut plain = String::with_capacity(text.len());
        let mut at = 0;
        for span in found {
            let label = self.masker.scanner().label(span.label).as_str();
            if is_secret(label) {
                return None;
            }
            plain.push_str(&text[at..span.start]);
            plain.push_str(&word(label));
            at = span.end;
        }
        plain.push_str(&text[at..]);
        Some(plain)
    }
}

impl Whole {
    /// All of it, to be read.
    pub(super) fn root(&self) -> Option<Node<'_>> {
        Node::read(&self.json).ok()
    }

    /// The request and the answer in it.
    pub(super) fn parts<'n>(root: &'n Node<'n>) -> Option<(&'n Node<'n>, String)> {
        let blocks = root.get("messages")?.elements().first()?.get("content")?.elements();
        let answer = blocks.first()?.text_of("text")?.into_owned();
        Some((blocks.get(1)?.get("input")?, answer))
    }

    /// A text of it with words in place of what was masked; `None` if that was a secret.
    pub(super) fn words(&self, text: &str) -> Option<String> {
        let text = rehydrate::text(text, &self.words);
        (!text.contains(SECRET)).then_some(text)
    }
}

impl Vault for Words {
    fn number(&self, label: &Label, value: &str) -> Result<Number, VaultError> {
        let word = if label.as_str() == crate::redact::scan::LITERAL {
            bracketed(&rehydrate::text(value, &*self.plain))
        } else if is_secret(label.as_str()) {
            SECRET.to_owned()
        } else {
            word(label.as_str())
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let words = known.entry(label.clone()).or_default();
        words.push(word.into());
        let number = u32::try_from(words.len());
        number.map(Number::first).map_err(|_| VaultError("too many values".to_owned()))
    }

    fn original(&self, label: &str, number: Number) -> Option<Arc<str>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let label = Label::new(label)?;
        let words = known.get(&label)?;
        let word = (1..).zip(words).find(|(at, _)| Number::first(*at) == number)?.1;
        Some(Arc::from(&**word))
    }
}

/// Takes every placeholder for its own, so that all of their forms are found.
impl Vault for Plain {
    fn number(&self, _: &Label, _: &str) -> Result<Number, VaultError> {
        Err(VaultError("nothing is kept here".to_owned()))
    }

    fn original(&self, label: &str, _: Number) -> Option<Arc<str>> {
        self.own.contains(label).then(|| word(label).into())
    }
}

/// `<FOO_1>` of a label that the configuration does not have any more.
fn bracketed(text: &str) -> String {
    let (mut plain, mut at) = (String::with_capacity(text.len()), 0);
    for (start, _) in text.match_indices('<') {
        if start >= at
            && let Some((range, label)) = placeholder::at(text, start)
        {
            plain.push_str(&text[at..range.start]);
            plain.push_str(&word(label));
            at = range.end;
        }
    }
    plain.push_str(&text[at..]);
    plain
}

/// `[credit card]` for `CREDIT_CARD`.
fn word(label: &str) -> String {
    format!("[{}]", label.to_lowercase().replace('_', " "))
}

const LOOKS: usize = 3;
/// Stands where a secret was, in no text that comes from elsewhere: it is taken out of lines.
const SECRET: &str = "\u{1}";
/// One message: what is named in it counts in all of it, whichever came first.
const HEAD: &[u8] = br#"{"messages":[{"role":"user","content":[{"type":"text","text":""#;
const MIDDLE: &[u8] = br#""},{"type":"tool_use","id":"","name":"","input":"#;
const TAIL: &[u8] = b"}]}]}";
