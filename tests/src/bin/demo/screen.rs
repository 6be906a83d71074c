//! Plain terminal output, at most 110 columns; colours only where a person looks.

use std::io::IsTerminal;

/// The terminal.
pub(crate) struct Screen {
    colours: bool,
}

/// What a piece of text means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    Number,
    Good,
    Bad,
    Title,
    Mark,
    Faint,
}

const WIDTH: usize = 110;
const COLUMN: usize = 35;

impl Screen {
    pub(crate) fn new() -> Self {
        let colours = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { colours }
    }

    pub(crate) fn title(&self, text: &str) {
        println!("\n{}\n", self.paint(text, Tone::Title));
    }

    pub(crate) fn note(&self, text: &str) {
        println!("{}", self.paint(text, Tone::Faint));
    }

    pub(crate) fn verdict(&self, text: &str, tone: Tone) {
        println!("{}", self.paint(text, tone));
    }

    /// Three texts side by side, the same line of each beginning at the same height.
    pub(crate) fn columns(&self, heads: [&str; 3], texts: [Vec<String>; 3]) {
        let line = |cells: [&str; 3], tone| {
            let cells = cells.map(|c| {
                let pad = COLUMN.saturating_sub(c.chars().count());
                format!("{}{}", self.paint_marks(c, tone), " ".repeat(pad))
            });
            println!("{}", cells.join("  ").trim_end());
        };
        line(heads, Tone::Title);
        println!("{}", self.paint(&"─".repeat(WIDTH - 1), Tone::Faint));
        for row in 0..texts.iter().map(Vec::len).max().unwrap_or(0) {
            let wrapped = texts.each_ref().map(|t| t.get(row).map_or_else(Vec::new, |l| wrap(l)));
            for part in 0..wrapped.iter().map(Vec::len).max().unwrap_or(0) {
                let cells =
                    wrapped.each_ref().map(|w| w.get(part).map_or("", std::string::String::as_str));
                line(cells, Tone::Plain);
            }
        }
        println!();
    }

    pub(crate) fn table(&self, heads: &[&str], widths: &[usize], rows: &[Vec<(String, Tone)>]) {
        let heads: Vec<_> = heads.iter().map(|h| ((*h).to_owned(), Tone::Title)).collect();
        for (index, row) in std::iter::once(&heads).chain(rows).enumerate() {
            let mut line = String::new();
            for ((text, tone), width) in row.iter().zip(widths) {
                let text = shorten(text, width - 2);
                let text = match tone {
                    Tone::Number => format!("{text:>width$}", width = width - 2),
                    _ => format!("{text:<width$}", width = width - 2),
                };
                line.push_str(&self.paint(&text, *tone));
                line.push_str("  ");
            }
            println!("{}", line.trim_end());
            if index == 0 {
                let width = widths.iter().sum::<usize>().min(WIDTH);
                println!("{}", self.paint(&"─".repeat(width), Tone::Faint));
            }
        }
    }

    /// Paints placeholders so that the eye finds them.
    fn paint_marks(&self, text: &str, tone: Tone) -> String {
        let mut painted = self.paint(text, tone);
        for mark in prxy_tests::provider::wire::placeholders(text) {
            painted = painted.replace(&mark, &self.paint(&mark, Tone::Mark));
        }
        painted
    }

    fn paint(&self, text: &str, tone: Tone) -> String {
        let code = match tone {
            Tone::Plain | Tone::Number => return text.to_owned(),
            Tone::Good => "32",
            Tone::Bad => "31;1",
            Tone::Title => "1",
            Tone::Mark => "36;1",
            Tone::Faint => "2",
        };
        if self.colours { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

fn wrap(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let current = lines.len() - 1;
        let used = lines[current].chars().count();
        if used > 0 && used + 1 + word.chars().count() > COLUMN {
            lines.push(word.to_owned());
        } else {
            if used > 0 {
                lines[current].push(' ');
            }
            lines[current].push_str(word);
        }
    }
    lines
}

fn shorten(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width - 1).chain(['…']).collect()
}
