//! `--debug`: what was masked and what was restored, on the terminal of whoever started prxy.
//!
//! The one place where raw data is shown. It goes to a descriptor of a terminal that only this
//! process was given, never through the log. Not for the decision whether there is such a terminal:
//! that is made before anything starts.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fs::File;
use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::{fmt, io, thread};

use crate::json::{NumberToken, Path, StringToken, Visitor, walk};
use crate::pipeline::Watch;
use crate::redact::{Label, Lasts, Number, Typed, Vault, VaultError};

/// The terminal; lines are dropped, and counted, where it does not keep up.
pub struct Screen {
    lines: SyncSender<String>,
    lost: AtomicU64,
    next: AtomicU64,
}

impl Screen {
    /// Shows everything on `terminal`, from a thread of its own: a terminal may be stopped by a key.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn new(mut terminal: File) -> io::Result<Self> {
        let (lines, shown) = sync_channel::<String>(MAX_WAITING);
        thread::Builder::new().spawn(move || {
            // A terminal that is gone is no reason to stop serving.
            while let Ok(line) = shown.recv() {
                let _ = terminal.write_all(line.as_bytes());
            }
        })?;
        Ok(Self { lines, lost: AtomicU64::new(0), next: AtomicU64::new(1) })
    }

    /// What belongs to one request.
    pub(super) fn exchange(self: &Arc<Self>, method: &http::Method, path: &str) -> Arc<Shown> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let shown = Shown { screen: Arc::clone(self), number, restored: Mutex::default() };
        shown.line(&format!("{method} {}", printable(path)));
        Arc::new(shown)
    }

    fn show(&self, mut line: String) {
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            line.insert_str(0, &format!("debug: {lost} lines were not shown\r\n"));
        }
        if self.lines.try_send(line).is_err() {
            self.lost.fetch_add(lost + 1, Ordering::Relaxed);
        }
    }
}

/// Shows nothing of what it has shown.
impl fmt::Debug for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Screen").finish_non_exhaustive()
    }
}

/// One request and its answer, as they are shown.
pub(super) struct Shown {
    screen: Arc<Screen>,
    number: u64,
    restored: Mutex<BTreeSet<(String, Number)>>,
}

impl Shown {
    /// The vault, for the answer: what it gives back is shown, once.
    pub(super) fn watch(self: Arc<Self>, vault: Arc<dyn Vault>) -> Arc<dyn Vault> {
        Arc::new(Watched { shown: self, vault })
    }

    /// One line of this request.
    pub(super) fn line(&self, text: &str) {
        self.screen.show(format!("debug #{}: {text}\r\n", self.number));
    }
}

impl Watch for Shown {
    fn masked(&self, before: &[u8], after: &[u8]) {
        for (path, before, after) in differences(before, after) {
            self.line(&format!("masked {path}"));
            for (sign, text) in [('-', before), ('+', after)] {
                self.line(&format!("  {sign} {}", printable(&text)));
            }
        }
    }
}

struct Watched {
    shown: Arc<Shown>,
    vault: Arc<dyn Vault>,
}

impl Vault for Watched {
    fn number(&self, label: &Label, value: &str) -> Result<Number, VaultError> {
        self.vault.number(label, value)
    }

    fn number_all(&self, values: &[(&Label, &str)]) -> Result<Vec<Number>, VaultError> {
        self.vault.number_all(values)
    }

    fn original(&self, label: &str, number: Number) -> Option<Arc<str>> {
        let original = self.vault.original(label, number)?;
        let mut restored = self.shown.restored.lock().unwrap_or_else(|broken| broken.into_inner());
        if restored.len() < MAX_RESTORED && restored.insert((label.to_owned(), number)) {
            let text = format!("restored <{label}_{number}> = {}", printable(&original));
            self.shown.line(&text);
        }
        Some(original)
    }

    fn typed(&self, looks: &[(&str, Number)], lasts: Lasts) -> Result<Vec<Typed>, VaultError> {
        self.vault.typed(looks, lasts)
    }

    fn only_its_own(&self) {
        self.vault.only_its_own();
    }

    fn strange_labels(&self, known: &dyn Fn(&str) -> bool) -> Vec<Box<str>> {
        self.vault.strange_labels(known)
    }

    fn may_begin(&self, prefix: &str) -> bool {
        self.vault.may_begin(prefix)
    }
}

/// The lines of strings and the numbers that differ, with their places. Masking adds and takes none
/// away, so they correspond in order.
fn differences(before: &[u8], after: &[u8]) -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    for ((path, before), (_, after)) in texts(before).into_iter().zip(texts(after)) {
        let (mut old, mut new) = (before.lines(), after.lines());
        if before == after {
            continue;
        }
        loop {
            match (old.next(), new.next()) {
                (None, None) => break,
                (old, new) if old == new => {}
                (old, new) => {
                    let text = |line: Option<&str>| line.unwrap_or_default().to_owned();
                    found.push((path.clone(), text(old), text(new)));
                }
            }
        }
    }
    found
}

fn texts(body: &[u8]) -> Vec<(String, String)> {
    let mut texts = Texts(Vec::new());
    // What is no JSON has not been masked either.
    let _ = walk(body, &mut texts);
    texts.0
}

struct Texts(Vec<(String, String)>);

impl<'a> Visitor<'a> for Texts {
    type Error = Infallible;

    fn string(&mut self, path: &Path<'a>, token: StringToken<'a>) -> Result<(), Infallible> {
        let place = if token.is_key { format!("{path}.{{key}}") } else { path.to_string() };
        self.0.push((place, token.decode().into_owned()));
        Ok(())
    }

    fn number(&mut self, path: &Path<'a>, token: NumberToken<'a>) -> Result<(), Infallible> {
        self.0.push((path.to_string(), token.raw().to_owned()));
        Ok(())
    }
}

/// One line that cannot do anything to a terminal.
fn printable(text: &str) -> String {
    let mut shown = String::new();
    for c in text.chars().take(MAX_SHOWN) {
        match c {
            c if c.is_control() || crate::config::printable(c) != c => {
                shown.extend(c.escape_unicode())
            }
            c => shown.push(c),
        }
    }
    if text.chars().nth(MAX_SHOWN).is_some() {
        shown.push('\u{2026}');
    }
    shown
}

const MAX_WAITING: usize = 4096;
const MAX_RESTORED: usize = 4096;
const MAX_SHOWN: usize = 2000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_lines_that_differ_are_shown() {
        let before = br#"{"a":"one\nto ada@x.org\nthree","n":[4155550132,"same"],"k@x.org":1}"#;
        let after = br#"{"a":"one\nto <EMAIL_1>\nthree","n":["<PHONE_1>","same"],"<EMAIL_2>":1}"#;
        let line = |path: &str, before: &str, after: &str| {
            (path.to_owned(), before.to_owned(), after.to_owned())
        };
        assert_eq!(
            differences(before, after),
            [
                line("$[\"\u{2026}\"]", "to ada@x.org", "to <EMAIL_1>"),
                line("$[\"\u{2026}\"][0]", "4155550132", "<PHONE_1>"),
                line("$.{key}", "k@x.org", "<EMAIL_2>"),
            ]
        );
    }

    #[test]
    fn a_value_cannot_do_anything_to_the_terminal() {
        assert_eq!(printable("a\u{1b}[2J\rb\u{202e}"), "a\\u{1b}[2J\\u{d}b\\u{202e}");
        assert_eq!(printable(&"x".repeat(MAX_SHOWN + 1)).chars().count(), MAX_SHOWN + 1);
    }

    #[test]
    fn a_terminal_that_is_stopped_holds_nobody_up() {
        let (reader, writer) = nix::unistd::pipe().unwrap();
        let screen = Arc::new(Screen::new(File::from(writer)).unwrap());
        let shown = screen.exchange(&http::Method::POST, "/v1/messages");
        // Far more than pipe and queue hold; nobody reads.
        (0..MAX_WAITING * 3).for_each(|n| shown.line(&format!("{n} {}", "x".repeat(200))));
        assert!(screen.lost.load(Ordering::Relaxed) > 0);
        drop(reader);
    }
}
