//! The walk over JSON, and what cuts a stream of documents.

use std::convert::Infallible;

use prxy::json::{
    Documents, Edits, MAX_DEPTH, Path, StringToken, SyntaxKind, Visitor, WalkError, walk,
};
use serde::de::IgnoredAny;

#[derive(Default)]
struct Strings<'a>(Vec<StringToken<'a>>);

impl<'a> Visitor<'a> for Strings<'a> {
    type Error = Infallible;

    fn string(&mut self, _: &Path<'a>, token: StringToken<'a>) -> Result<(), Infallible> {
        self.0.push(token);
        Ok(())
    }
}

/// Against serde_json, which reads the same grammar to the same depth.
pub(crate) fn walked(data: &[u8]) {
    let mut strings = Strings::default();
    let met = walk(data, &mut strings);
    let theirs = serde_json::from_slice::<IgnoredAny>(data);
    let valid = std::str::from_utf8(data).is_ok() && theirs.is_ok();
    match &met {
        Ok(()) => assert!(valid || is_deep(data), "accepted, but {theirs:?}"),
        Err(WalkError::Syntax(error)) if error.kind == SyntaxKind::TooDeep => {
            assert!(is_deep(data));
        }
        Err(WalkError::Syntax(error)) => assert!(!valid, "refused: {error}"),
        Err(WalkError::Visitor(never)) => match *never {},
    }
    if met.is_err() {
        return;
    }
    let texts: Vec<String> = strings.0.iter().map(|token| token.decode().into_owned()).collect();
    let mut edits = Edits::new();
    for (token, text) in strings.0.iter().zip(&texts) {
        let all = token.locator().raw_range(0..text.len());
        assert_eq!(all, token.range, "the whole text is the whole string");
        edits.replace_text(token.range.clone(), text);
    }
    let edited = edits.apply(data);
    let mut again = Strings::default();
    let read = walk(&edited, &mut again);
    assert!(read.is_ok(), "an edit broke the document: {read:?}");
    let same: Vec<String> = again.0.iter().map(|token| token.decode().into_owned()).collect();
    assert_eq!(same, texts);
}

fn is_deep(data: &[u8]) -> bool {
    data.iter().filter(|byte| matches!(byte, b'[' | b'{')).count() >= MAX_DEPTH - 1
}

/// Cut at once and in small pieces, the documents are the same and no byte is lost.
pub(crate) fn documents(data: &[u8]) {
    let Some((size, data)) = crate::choice(data, 17) else { return };
    let cut = |size: usize| {
        let (mut documents, mut all) = (Documents::default(), Vec::new());
        let mut cuts = Vec::new();
        for chunk in data.chunks(size) {
            documents.push(chunk);
            while let Ok(Some(document)) = documents.cut() {
                all.extend_from_slice(document.lead);
                all.extend_from_slice(document.bytes);
                cuts.push(all.len());
            }
        }
        all.extend(documents.finish());
        assert_eq!(all, data, "in pieces of {size}");
        cuts
    };
    assert_eq!(cut(size + 1), cut(data.len().max(1)));
}
