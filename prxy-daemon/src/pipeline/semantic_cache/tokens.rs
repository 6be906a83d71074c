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

/// The tokens of `text`, and its placeholders by their first appearance.
pub(super) fn tokens(text: &str) -> (Vec<Token>, Vec<String>) {
    let text = text.replace(['’', '‘', '´'], "'").replace(['“', '”', '„', '«', '»'], "\"");
    let mut reader = Reader::default();
    reader.text(text.trim());
    (reader.out, reader.placeholders)
}

/// `text` with its placeholders numbered by their first appearance.
pub(super) fn renumbered(text: &str) -> String {
    Reader::default().renamed(text)
}

#[derive(Default)]
struct Reader {
    placeholders: Vec<String>,
    /// A label, a value of it, and the spellings of that.
    values: Vec<(String, u32, Vec<u32>)>,
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
                '<' => placeholder::at(text, at).map(|(range, _)| {
                    let role = self.role(&text[range.clone()]);
                    (Token::new(Kind::Placeholder, role), range.len())
                }),
                _ => None,
            };
            match found {
                Some((token, length)) => {
                    self.plain(&text[from..at]);
                    let renamed = self.renamed(&token.text);
                    self.out.push(Token::new(token.kind, renamed));
                    at += length;
                    from = at;
                }
                None => at += c.len_utf8(),
            }
        }
        self.plain(&text[from..]);
    }

    /// The placeholder's label, which of the text's values it stands for, and in which spelling.
    fn role(&mut self, placeholder: &str) -> String {
        if !self.placeholders.iter().any(|known| known == placeholder) {
            self.placeholders.push(placeholder.to_owned());
        }
        let name = placeholder.trim_matches(['<', '>']);
        let Some((label, number)) = placeholder::split(name) else {
            return format!("{ROLE}{name}");
        };
        let known =
            self.values.iter().position(|(l, value, _)| l == label && *value == number.value);
        let value = known.unwrap_or_else(|| {
            self.values.push((label.to_owned(), number.value, Vec::new()));
            self.values.len() - 1
        });
        let spellings = &mut self.values[value].2;
        let known = spellings.iter().position(|spelling| *spelling == number.spelling);
        let spelling = known.unwrap_or_else(|| {
            spellings.push(number.spelling);
            spellings.len() - 1
        });
        format!("{ROLE}{label}:{value}:{spelling}")
    }

    fn renamed(&mut self, text: &str) -> String {
        let mut out = String::new();
        let mut from = 0;
        for at in memchr::memchr_iter(b'<', text.as_bytes()) {
            if let Some((range, _)) = placeholder::at(text, at) {
                out.push_str(&text[from..at]);
                out.push_str(&self.role(&text[range.clone()]));
                from = range.end;
            }
        }
        out + &text[from..]
    }

    fn plain(&mut self, text: &str) {
        for (at, line) in text.split('\n').enumerate() {
            if at > 0 {
                self.out.push(Token::new(Kind::Mark, "\n"));
            }
            let mut gap = 0;
            for chunk in line.split(char::is_whitespace) {
                if chunk.is_empty() {
                    gap += 1;
                    continue;
                }
                // Indentation and columns mean something in programs and tables.
                if gap > usize::from(at == 0) {
                    self.out.push(Token::new(Kind::Exact, " ".repeat(gap)));
                }
                gap = 0;
                self.chunk(chunk);
            }
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
                '!' => before.chars().all(char::is_alphabetic) && before.chars().count() > 1,
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

/// Begins what stands for a placeholder; no question that is read has it.
pub(super) const ROLE: char = '\u{1}';
const OPENING: &[char] = &['(', '[', '{', '¿', '¡'];
const CLOSING: &[char] = &[')', ']', '}', ',', ';', ':', '.', '?', '!'];
