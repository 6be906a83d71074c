//! Puts the originals back into answers: `<EMAIL_1>` becomes the address again.
//!
//! Answers are edited in place. Text that people and tools read is restored, wherever a provider's
//! API has it; thinking, signatures, ids and everything else pass byte for byte. Restored text is
//! never searched again, so a value that looks like a placeholder comes back as it was typed.
//!
//! Not for masking, and not for HTTP: the gateway asks [`form`] which of the two ways to take.

mod find;
mod seen;
mod stream;
mod template;
mod tools;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ops::Range;
use std::sync::Arc;

pub use stream::Stream;
pub use tools::{KeptTools, ToolNames};

use self::find::{Found, Text};
use self::tools::{Given, seeing};
use super::{Label, Number, Vault, VaultError};
use crate::json::{Container, Edits, Path, StringToken, Visitor, escape, walk};
use crate::provider::Surface;
use crate::provider::answer::{self, Spelling, Whole};

/// The form of an answer's body, by its `content-type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One JSON document: for [`whole`].
    Whole,
    /// Server-sent events: for [`Stream`].
    Stream,
    /// Anything else passes untouched.
    Other,
}

/// The form that the value of a `content-type` header announces.
pub fn form(content_type: &str) -> Form {
    let essence = content_type.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    match essence.as_str() {
        "text/event-stream" => Form::Stream,
        "application/json" => Form::Whole,
        other if other.starts_with("application/") && other.ends_with("+json") => Form::Whole,
        _ => Form::Other,
    }
}

/// Restores a whole JSON answer or error body; nothing if it stays as it is.
pub fn whole(
    surface: Surface,
    body: &[u8],
    vault: &dyn Vault,
    kept: &KeptTools,
) -> Option<Vec<u8>> {
    vault.may_begin("").then_some(())?;
    let mut seen =
        Seen { surface, kept, texts: Vec::new(), objects: Vec::new(), given: BTreeMap::new() };
    walk(body, &mut seen).ok()?;
    let mut edits = Edits::new();
    for (token, Whole { spelling, tool }, object) in &seen.texts {
        let given = match tool {
            None => Given::Everything,
            Some(_) => object.and_then(|at| seen.given.get(&at)).copied().unwrap_or(kept.unnamed()),
        };
        if given != Given::Nothing {
            seeing(vault, given, |vault| restore_token(token, *spelling, vault, &mut edits));
        }
    }
    (!edits.is_empty()).then(|| edits.apply(body))
}

/// Restores a plain text; a placeholder that the vault did not make stays.
pub fn text(text: &str, vault: &dyn Vault) -> String {
    let whole = Text::whole(text, Spelling::Plain);
    let (mut restored, mut at) = (String::with_capacity(text.len()), 0);
    while let Some(Found::Placeholder { range, original }) = whole.next(at, vault) {
        restored.push_str(&text[at..range.start]);
        restored.push_str(&original);
        at = range.end;
    }
    restored.push_str(&text[at..]);
    restored
}

/// The texts of a whole answer, and what tools they are for.
struct Seen<'a, 'k> {
    surface: Surface,
    kept: &'k KeptTools,
    /// With the place of the object that names the tool.
    texts: Vec<(StringToken<'a>, Whole, Option<usize>)>,
    /// Where the containers begin that are open.
    objects: Vec<usize>,
    /// Where the objects begin that name a tool, and what it is given, if not what others are.
    given: BTreeMap<usize, Given>,
}

impl<'a> Visitor<'a> for Seen<'a, '_> {
    type Error = Infallible;

    fn string(&mut self, path: &Path<'a>, token: StringToken<'a>) -> Result<(), Infallible> {
        if !token.is_key {
            let given = named_tool(self.kept, path, &token);
            note_given(&mut self.given, self.objects.last().copied().zip(given));
        }
        if find::may_hold(token.raw().as_bytes())
            && let Some(whole) = answer::whole(self.surface, path, token.is_key)
        {
            let object = whole.tool.and_then(|depth| self.objects.get(depth).copied());
            self.texts.push((token, whole, object));
        }
        Ok(())
    }

    fn enter(&mut self, path: &Path<'a>, _: Container, at: usize) -> Result<(), Infallible> {
        self.objects.truncate(path.depth());
        self.objects.push(at);
        Ok(())
    }

    fn leave(&mut self, path: &Path<'a>, _: Container, _: Range<usize>) -> Result<(), Infallible> {
        self.objects.truncate(path.depth());
        Ok(())
    }
}

/// What a tool is given that the string at `path` names, if the configuration knows its name.
fn named_tool(kept: &KeptTools, path: &Path<'_>, token: &StringToken<'_>) -> Option<Given> {
    if kept.is_empty() || !answer::may_name_tool(path) {
        return None;
    }
    answer::tool(path, &token.decode()).map(|name| kept.given(name))
}

/// Notes what the tool is given whose object begins there. One that has two names gets nothing,
/// unless they are given the same.
fn note_given(known: &mut BTreeMap<usize, Given>, named: Option<(usize, Given)>) {
    let Some((object, given)) = named else { return };
    let noted = known.entry(object).or_insert(given);
    if *noted != given {
        *noted = Given::Nothing;
    }
}

/// Restores a string that is complete in itself.
fn restore_token(
    token: &StringToken<'_>,
    spelling: Spelling,
    vault: &dyn Vault,
    edits: &mut Edits,
) {
    let text = token.decode();
    let text = Text::whole(&text, spelling);
    let mut locator = token.locator();
    let mut at = 0;
    while let Some(Found::Placeholder { range, original }) = text.next(at, vault) {
        at = range.end;
        replace(edits, locator.raw_range(range), &original, spelling);
    }
}

/// Replaces a raw range of a string by an original, in the spelling that is due there.
fn replace(edits: &mut Edits, raw: Range<usize>, original: &str, spelling: Spelling) {
    match spelling {
        Spelling::Plain => edits.replace_text(raw, original),
        Spelling::Json => edits.replace_text(raw, &escape(original)),
    }
}

/// Where `text` looks like placeholders of labels that `knows` knows, in whichever form, and the
/// name of each, such as `EMAIL_1`.
pub(in crate::redact) fn lookalikes(
    text: &str,
    spelling: Spelling,
    knows: &(dyn Fn(&str) -> bool + Sync),
    mut see: impl FnMut(Range<usize>, &str),
) {
    let numbered = |at: usize| text.as_bytes().get(at + 1).is_some_and(u8::is_ascii_digit);
    if !memchr::memchr_iter(b'_', text.as_bytes()).any(numbered) {
        return;
    }
    let text = Text::whole(text, spelling);
    let mut at = 0;
    while let Some(Found::Placeholder { range, original }) = text.next(at, &Everything { knows }) {
        at = range.end;
        // The `s` of a plural or a genitive stands behind the name.
        let letter = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        let name = original.split(|c| !letter(c)).next().unwrap_or_default();
        see(range, name);
    }
}

/// As a vault would answer that has given out every number of the labels that are known; its
/// values are the placeholders' names.
struct Everything<'k> {
    knows: &'k (dyn Fn(&str) -> bool + Sync),
}

impl Vault for Everything<'_> {
    fn number(&self, _: &Label, _: &str) -> Result<Number, VaultError> {
        Err(VaultError("not a vault".to_owned()))
    }

    fn original(&self, label: &str, number: Number) -> Option<Arc<str>> {
        (self.knows)(label).then(|| format!("{label}_{number}").into())
    }
}
