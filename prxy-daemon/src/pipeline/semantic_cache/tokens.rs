//! A text as tokens: words, and all that must be the same to the letter.

use crate::redact::placeholder;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Kind {
    /// The label of a placeholder, and which of the text's values it stands for.
    Placeholder,
    /// Between backticks.
    Code,
    /// Between quotation marks.
    Quote,
    /// Digits, operators, paths, flags, identifiers: not only letters.
    Exact,
    /// Letters, some of them capitals.
    Name,
    /// An opening with a meaning of its own.
    Frame,
    /// Letters in lower case.
    Word,
    /// What separates.
    Mark,
}

impl Token {
    pub(super) fn new(kind: Kind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }

    /// `text` as what it looks like.
    pub(super) fn of(text: &str) -> Self {
        let letters = |c: char| c.is_alphabetic() || matches!(c, '\'' | '-');
        let kind = match text.chars().all(letters) && text.starts_with(char::is_alphabetic) {
            false => Kind::Exact,
            true if text.chars().any(char::is_uppercase) => Kind::Name,
            true => Kind::Word,
        };
        Self::new(kind, text)
    }

    pub(super) fn is(&self, text: &str) -> bool {
        matches!(self.kind, Kind::Word | Kind::Mark) && self.text == text
    }
}

/// The tokens of `text`; placeholders are numbered by their first appearance.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let text = text.replace(['’', '‘', '´'], "'").replace(['“', '”', '„', '«', '»'], "\"");
    let mut reader = Reader { values: Vec::new(), out: Vec::new() };
    reader.text(text.trim());
    reader.out
}

struct Reader {
    values: Vec<String>,
    out: Vec<Token>,
}

impl Reader {
    fn text(&mut self, text: &str) {
        let mut from = 0;
        let mut at = 0;
        while let Some(c) = text[at..].chars().next() {
            let rest = &text[at..];
            let found = match c {
                '`' => span(rest, '`', Kind::Code),
                '"' => span(rest, '"', Kind::Quote),
                '\'' if text[..at].chars().next_back().is_none_or(|c| !c.is_alphanumeric()) => {
                    quoted(rest)
                }
                '<' => placeholder::at(text, at).map(|(range, label)| {
                    let role = self.role(&text[range.clone()]);
                    (Token::new(Kind::Placeholder, format!("<{label}:{role}>")), range.len())
                }),
                _ => None,
            };
            match found {
                Some((token, length)) => {
                    self.plain(&text[from..at]);
                    self.out.push(token);
                    at += length;
                    from = at;
                }
                None => at += c.len_utf8(),
            }
        }
        self.plain(&text[from..]);
    }

    /// Which of the values in this text it is, counted from 1.
    fn role(&mut self, placeholder: &str) -> usize {
        let known = self.values.iter().position(|value| value == placeholder);
        known.map_or_else(
            || {
                self.values.push(placeholder.to_owned());
                self.values.len()
            },
            |at| at + 1,
        )
    }

    fn plain(&mut self, text: &str) {
        for (at, line) in text.split('\n').enumerate() {
            if at > 0 {
                self.out.push(Token::new(Kind::Mark, "\n"));
            }
            line.split_whitespace().for_each(|chunk| self.chunk(chunk));
        }
    }

    /// What stands between spaces, without the marks around it.
    fn chunk(&mut self, chunk: &str) {
        let mut core = chunk;
        while let Some(c) = core.chars().next().filter(|c| OPENING.contains(c)) {
            if !"¿¡".contains(c) {
                self.out.push(Token::new(Kind::Mark, c));
            }
            core = &core[c.len_utf8()..];
        }
        let mut behind = Vec::new();
        while let Some(c) = core.chars().next_back().filter(|c| CLOSING.contains(c)) {
            let before = &core[..core.len() - c.len_utf8()];
            // `5!`, `n!`, `f()` and `arr...` are not at the end of a sentence.
            let ends = match c {
                '!' => before.chars().all(char::is_alphabetic) && before.chars().count() > 2,
                '.' => !before.ends_with('.'),
                ')' => !before.contains('('),
                ']' => !before.contains('['),
                '}' => !before.contains('{'),
                _ => true,
            };
            if !ends && !before.is_empty() {
                break;
            }
            behind.push(Token::new(Kind::Mark, c));
            core = before;
        }
        if !core.is_empty() {
            self.out.push(Token::of(core));
        }
        self.out.extend(behind.into_iter().rev());
    }
}

/// From one `mark` to the next.
fn span(text: &str, mark: char, kind: Kind) -> Option<(Token, usize)> {
    let fence = text.chars().take_while(|c| *c == mark).count();
    let close = &text[..fence];
    let end = text[fence..].find(close)?;
    (end > 0).then(|| (Token::new(kind, &text[fence..fence + end]), end + 2 * fence))
}

/// `'so'`, with no letter behind it.
fn quoted(text: &str) -> Option<(Token, usize)> {
    let (end, _) = text
        .char_indices()
        .skip(1)
        .find(|(at, c)| *c == '\'' && !text[at + 1..].starts_with(char::is_alphanumeric))?;
    (end > 1).then(|| (Token::new(Kind::Quote, &text[1..end]), end + 1))
}

const OPENING: &[char] = &['(', '[', '{', '¿', '¡'];
const CLOSING: &[char] = &[')', ']', '}', ',', ';', ':', '.', '?', '!'];
