//! Puts the originals back into answers: `<EMAIL_1>` becomes the address again.
//!
//! Answers are edited in place. Text that people and tools read is restored, wherever a provider's
//! API has it; thinking, signatures, ids and everything else pass byte for byte. Restored text is
//! never searched again, so a value that looks like a placeholder comes back as it was typed.
//!
//! Not for masking, and not for HTTP: the gateway asks [`form`] which of the two ways to take.

mod find;
mod stream;
mod template;

#[cfg(test)]
mod tests;

use std::convert::Infallible;

pub use stream::Stream;

use self::find::{Found, next};
use super::Vault;
use crate::json::{Edits, Path, StringToken, Visitor, escape, walk};
use crate::provider::Api;
use crate::provider::answer::{self, Spelling};

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
pub fn whole(api: Api, body: &[u8], vault: &dyn Vault) -> Option<Vec<u8>> {
    (may_spell_bracket(body) && vault.may_begin("")).then_some(())?;
    let mut restore = Restore { api, vault, edits: Edits::new() };
    let walked = walk(body, &mut restore);
    (walked.is_ok() && !restore.edits.is_empty()).then(|| restore.edits.apply(body))
}

/// Restores a plain text; a placeholder that the vault did not make stays.
pub fn text(text: &str, vault: &dyn Vault) -> String {
    let (mut restored, mut at) = (String::with_capacity(text.len()), 0);
    while let Some(found) = next(text, at, Spelling::Plain, vault) {
        let Found::Placeholder { range, original } = found else { break };
        restored.push_str(&text[at..range.start]);
        restored.push_str(&original);
        at = range.end;
    }
    restored.push_str(&text[at..]);
    restored
}

struct Restore<'v> {
    api: Api,
    vault: &'v dyn Vault,
    edits: Edits,
}

impl<'a> Visitor<'a> for Restore<'_> {
    type Error = Infallible;

    fn string(&mut self, path: &Path<'a>, token: StringToken<'a>) -> Result<(), Infallible> {
        if may_spell_bracket(token.raw().as_bytes())
            && let Some(spelling) = answer::whole(self.api, path, token.is_key)
        {
            restore_token(&token, spelling, self.vault, &mut self.edits);
        }
        Ok(())
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
    let mut locator = token.locator();
    let mut at = 0;
    while let Some(Found::Placeholder { range, original }) = next(&text, at, spelling, vault) {
        at = range.end;
        replace(edits, locator.raw_range(range), &original, spelling);
    }
}

/// Replaces a raw range of a string by an original, in the spelling that is due there.
fn replace(edits: &mut Edits, raw: std::ops::Range<usize>, original: &str, spelling: Spelling) {
    match spelling {
        Spelling::Plain => edits.replace_text(raw, original),
        Spelling::Json => edits.replace_text(raw, &escape(original)),
    }
}

/// Whether raw JSON may spell a `<`, as itself or as an escape.
fn may_spell_bracket(raw: &[u8]) -> bool {
    memchr::memchr2(b'<', b'\\', raw).is_some()
}
