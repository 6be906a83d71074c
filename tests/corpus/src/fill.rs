//! Templates with slots in, texts with gold spans out.
//!
//! `{{slot}}` is a value; the same slot gives the same value again, `{{slot:2}}` another one.
//! `{{-slot}}` is filler that is no personal data and is new each time.
//! `⟪one|other⟫` is one of the parts, which may hold slots. `‹‹` and `››` stand for literal braces.

use std::collections::BTreeMap;

use crate::lists::Lists;
use crate::random::Random;
use crate::values::{Person, Values};
use crate::{Gold, Half};

/// Fills one text.
pub(crate) struct Filler<'r> {
    values: Values<'r>,
    people: BTreeMap<String, Person>,
    known: BTreeMap<String, (String, &'static str)>,
}

impl<'r> Filler<'r> {
    pub(crate) fn new(lists: &'r Lists, half: Half, random: &'r mut Random) -> Self {
        let values = Values { lists, half, random };
        Self { values, people: BTreeMap::new(), known: BTreeMap::new() }
    }

    /// The text and its spans.
    pub(crate) fn fill(mut self, body: &str) -> (String, Vec<Gold>) {
        let body = self.choose(body);
        let (mut text, mut spans) = (String::new(), Vec::new());
        let mut rest = body.as_str();
        while let Some((before, behind)) = rest.split_once("{{") {
            let Some((slot, behind)) = behind.split_once("}}") else { break };
            text.push_str(&literal(before));
            rest = behind;
            let (value, label) = self.slot(slot);
            let start = text.len();
            text.push_str(&value);
            if !label.is_empty() {
                spans.push(Gold { start, end: text.len(), label: label.to_owned() });
            }
        }
        text.push_str(&literal(rest));
        (text, spans)
    }

    fn choose(&mut self, body: &str) -> String {
        let mut out = String::new();
        let mut rest = body;
        while let Some((before, behind)) = rest.split_once('⟪') {
            let Some((choice, behind)) = behind.split_once('⟫') else { break };
            out.push_str(before);
            let parts: Vec<&str> = choice.split('|').collect();
            out.push_str(self.values.random.pick(&parts));
            rest = behind;
        }
        out.push_str(rest);
        out
    }

    fn slot(&mut self, slot: &str) -> (String, &'static str) {
        if let Some(filler) = slot.strip_prefix('-') {
            return (self.values.filler(filler), "");
        }
        if let Some(known) = self.known.get(slot) {
            return known.clone();
        }
        let kind = slot.split(':').next().unwrap_or(slot);
        let made = match kind.split_once('.').unwrap_or((kind, "full")) {
            (who, part) if is_person(who) => {
                let person = self.people.entry(who.to_owned());
                let person = person.or_insert_with(|| self.values.person());
                person.part(part)
            }
            _ => self.values.value(kind),
        };
        self.known.insert(slot.to_owned(), made.clone());
        made
    }
}

fn literal(text: &str) -> String {
    text.replace("‹‹", "{{").replace("››", "}}")
}

/// `p`, `p2`, `p3` and so on.
fn is_person(who: &str) -> bool {
    who.strip_prefix('p').is_some_and(|number| number.bytes().all(|b| b.is_ascii_digit()))
}
