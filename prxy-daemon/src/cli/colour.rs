//! Colours, on a terminal and nowhere else.

use std::ffi::OsString;
use std::io::IsTerminal as _;

/// Whether what is printed has colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colour {
    Shown,
    Omitted,
}

impl Colour {
    /// Standard output is a terminal that knows them, and nobody has asked for none
    /// (<https://no-color.org>).
    pub(super) fn of(env: &dyn Fn(&str) -> Option<OsString>) -> Self {
        let plain = env("NO_COLOR").is_some_and(|value| !value.is_empty())
            || env("TERM").is_none_or(|term| term == "dumb");
        match std::io::stdout().is_terminal() && !plain {
            true => Self::Shown,
            false => Self::Omitted,
        }
    }

    pub(super) fn title(self, text: &str) -> String {
        self.paint("1", text)
    }

    pub(super) fn good(self, text: &str) -> String {
        self.paint("32", text)
    }

    pub(super) fn doubtful(self, text: &str) -> String {
        self.paint("33", text)
    }

    pub(super) fn bad(self, text: &str) -> String {
        self.paint("1;31", text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        match self {
            Self::Shown => format!("\x1b[{code}m{text}\x1b[0m"),
            Self::Omitted => text.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_without_colours_is_the_text() {
        assert_eq!(Colour::Omitted.bad("failed"), "failed");
        assert_eq!(Colour::Shown.bad("failed"), "\x1b[1;31mfailed\x1b[0m");
    }
}
