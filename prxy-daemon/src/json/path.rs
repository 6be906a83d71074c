//! Where a token stands in its document.

use std::fmt;

use super::{StringToken, names};

/// The way from the root to a value: `$.messages[0].content`.
#[derive(Clone, Default)]
pub struct Path<'a> {
    segments: Vec<Segment<'a>>,
}

/// One step of a [`Path`].
#[derive(Clone, Debug)]
pub enum Segment<'a> {
    /// Into the member of an object; the token is its key.
    Key(StringToken<'a>),
    /// Into the element of an array.
    Index(usize),
}

impl<'a> Path<'a> {
    /// Whether this is the place that `pattern` describes.
    ///
    /// `"*"` stands for any one segment, `"[]"` for any index, a last `"**"` for any number of
    /// segments, none included, and everything else for that key.
    pub fn matches(&self, pattern: &[&str]) -> bool {
        self.matches_below(0, pattern)
    }

    /// The same for the way that is left behind the first `depth` steps.
    pub fn matches_below(&self, depth: usize, pattern: &[&str]) -> bool {
        let steps = self.segments.get(depth..).unwrap_or_default();
        let (pattern, open) = match pattern {
            [above @ .., "**"] => (above, true),
            _ => (pattern, false),
        };
        (steps.len() == pattern.len() || open && steps.len() > pattern.len())
            && steps.iter().zip(pattern).all(|(segment, part)| segment.matches(part))
    }

    /// Whether this is the place that `pattern` describes, or one below it.
    pub fn starts_with(&self, pattern: &[&str]) -> bool {
        self.segments.len() >= pattern.len()
            && self.segments.iter().zip(pattern).all(|(segment, part)| segment.matches(part))
    }

    /// The steps from the root.
    pub fn segments(&self) -> &[Segment<'a>] {
        &self.segments
    }

    /// How many steps from the root; 0 is the root itself.
    pub fn depth(&self) -> usize {
        self.segments.len()
    }

    /// The index at step `depth`, if that step goes into an array.
    pub fn index(&self, depth: usize) -> Option<usize> {
        match self.segments.get(depth) {
            Some(Segment::Index(index)) => Some(*index),
            _ => None,
        }
    }

    /// Whether the last step goes into the member `key`.
    pub fn ends_in(&self, key: &str) -> bool {
        self.segments.last().is_some_and(|segment| segment.is_key(key))
    }

    pub(super) fn push(&mut self, segment: Segment<'a>) {
        self.segments.push(segment);
    }

    pub(super) fn pop(&mut self) {
        self.segments.pop();
    }
}

impl Segment<'_> {
    /// Whether this step goes into the member `key`, whatever the spelling of its escapes.
    pub fn is_key(&self, key: &str) -> bool {
        matches!(self, Self::Key(token) if token.is(key))
    }

    fn matches(&self, part: &str) -> bool {
        match (part, self) {
            ("*", _) | ("[]", Self::Index(_)) => true,
            (_, Self::Key(token)) => token.is(part),
            (_, Self::Index(_)) => false,
        }
    }
}

/// Keys that no provider's API has are shown as `["…"]`: they may be personal data, or a value that
/// the configuration wants masked.
impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("$")?;
        for segment in &self.segments {
            match segment {
                Segment::Index(index) => write!(f, "[{index}]")?,
                Segment::Key(token) if names::is_known(token.raw()) => {
                    write!(f, ".{}", token.raw())?
                }
                Segment::Key(_) => f.write_str("[\"…\"]")?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
