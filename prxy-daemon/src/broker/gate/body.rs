//! One walk over the body: is it JSON, what would the provider do, is the text clean.

use std::ops::Range;

use super::Refusal;
use crate::broker::Route;
use crate::json::{self, Container, Literal, NumberToken, Path, StringToken, Visitor, WalkError};
use crate::provider::Surface;
use crate::provider::fetch::Look;
use crate::redact::mask::{self, Check, Masker};

/// Makes sure that `body` may be sent on `route`.
pub(super) fn check(
    route: &Route,
    surface: Surface,
    masker: Option<&Masker>,
    body: &[u8],
) -> Result<(), Refusal> {
    let text = masker.map(|masker| masker.checker(surface, body));
    let mut judge = Judge { text, look: Look::new(surface, route.fetch) };
    json::walk(body, &mut judge).map_err(|error| match error {
        WalkError::Visitor(refusal) => refusal,
        WalkError::Syntax(error) => mask::Refusal::from(error).into(),
    })?;
    Ok(judge.look.finish()?)
}

/// Both looks at once. Text comes first: a secret is the graver reason.
struct Judge<'m> {
    text: Option<Check<'m>>,
    look: Look,
}

impl<'a> Visitor<'a> for Judge<'_> {
    type Error = Refusal;

    fn string(&mut self, path: &Path<'a>, token: StringToken<'a>) -> Result<(), Refusal> {
        if let Some(text) = &mut self.text {
            text.string(path, token.clone())?;
        }
        Ok(self.look.string(path, token)?)
    }

    fn number(&mut self, path: &Path<'a>, token: NumberToken<'a>) -> Result<(), Refusal> {
        if let Some(text) = &mut self.text {
            text.number(path, token.clone())?;
        }
        Ok(self.look.number(path, token)?)
    }

    fn literal(&mut self, path: &Path<'a>, literal: Literal) -> Result<(), Refusal> {
        Ok(self.look.literal(path, literal)?)
    }

    fn enter(&mut self, path: &Path<'a>, what: Container, at: usize) -> Result<(), Refusal> {
        Ok(self.look.enter(path, what, at)?)
    }

    fn leave(
        &mut self,
        path: &Path<'a>,
        what: Container,
        range: Range<usize>,
    ) -> Result<(), Refusal> {
        Ok(self.look.leave(path, what, range)?)
    }
}
