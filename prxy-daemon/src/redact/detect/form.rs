//! Numbers by their written forms: a pattern, a check, and whether a word must announce them.

use std::ops::Range;

use super::context::{self, Topics};
use super::digits::{continues_left, continues_right, digits_end, in_a_row};
use super::text;

/// One way to write one kind of number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    /// `9` a digit, `A` a letter, `X` either; a space or `-` any of their kind; the rest is itself.
    pub pattern: &'static str,
    /// What the letters and digits alone, in upper case, must satisfy.
    pub valid: fn(&[u8]) -> bool,
    /// Topics of which one must be spoken of nearby; 0 where the form and its check are enough.
    pub needs: Topics,
}

/// Forms in the order in which a run of digits asks for them.
#[derive(Debug)]
pub(super) struct Forms {
    /// Those that begin with letters and digits in one word, by the length of that word.
    words: [Vec<Form>; 40],
    /// The others by the length of their first run of digits.
    runs: [Vec<Led>; 32],
}

/// A form that is found by a run of digits.
#[derive(Clone, Copy, Debug)]
struct Led {
    form: Form,
    /// The bytes before the run.
    lead: usize,
    /// What follows it in the pattern.
    follows: Option<u8>,
}

impl Forms {
    pub(super) fn new(forms: &[Form]) -> Self {
        let mut all = Self {
            words: std::array::from_fn(|_| Vec::new()),
            runs: std::array::from_fn(|_| Vec::new()),
        };
        for form in forms {
            let pattern = form.pattern.as_bytes();
            let first = pattern.split(|b| !b.is_ascii_alphanumeric()).next().unwrap_or_default();
            let digits = first.iter().any(|b| *b == b'9' || *b == b'X');
            if digits && first.iter().any(u8::is_ascii_uppercase) {
                all.words[first.len()].push(*form);
            } else {
                let run = pattern.iter().skip_while(|b| !b.is_ascii_digit());
                let len = run.take_while(|b| b.is_ascii_digit()).count();
                let lead = pattern.iter().take_while(|b| !b.is_ascii_digit()).count();
                let follows = pattern.get(lead + len).copied();
                all.runs[len].push(Led { form: *form, lead, follows });
            }
        }
        all
    }

    /// The longest form that holds around the run of digits at `run`.
    pub(super) fn find(&self, bytes: &[u8], run: &Range<usize>) -> Option<Range<usize>> {
        let letter = |i: usize| bytes.get(i).is_some_and(u8::is_ascii_alphabetic);
        let mut best: Option<Range<usize>> = None;
        // What the words around say is the same for all forms; rows of numbers have none.
        let mut said: Option<Topics> = None;
        let mut near = |start: usize| {
            *said.get_or_insert_with(|| {
                if context::is_silent(bytes, start) {
                    return 0;
                }
                let said = context::around(bytes, start, run.end);
                // `PESEL …, tel. 512 345 678`: the word right before it knows better.
                if said.announced != 0 { said.announced } else { said.near }
            })
        };
        let mut consider = |form: &Form, start: usize| {
            if let Some(hit) = form.holds(bytes, start)
                && (form.needs == 0 || near(start) & form.needs != 0)
                && best.as_ref().is_none_or(|known| hit.len() > known.len())
            {
                best = Some(hit);
            }
        };
        if letter(run.start.wrapping_sub(1)) || letter(run.end) {
            let start = text::word_begin(bytes, run.start);
            let end = text::run_end(bytes, start, 40, |b| b.is_ascii_alphanumeric());
            let forms = self.words.get(end - start);
            forms.into_iter().flatten().for_each(|form| consider(form, start));
        }
        // Bare numbers are the commonest of all, and most need a word.
        let silent = run.len() >= 9 && context::is_silent(bytes, run.start);
        let next = bytes.get(run.end).copied();
        let spaced = matches!(next, Some(b' ' | b'-' | 0x80..));
        let lettered = letter(run.end);
        for led in self.runs.get(run.len()).into_iter().flatten() {
            // Most fail at the first byte behind the run.
            let fits = match led.follows {
                None => true,
                Some(b' ' | b'-') => spaced,
                Some(b'A' | b'X') => lettered,
                mark => next == mark,
            };
            if fits
                && (led.form.needs == 0 || !silent)
                && let Some(start) = run.start.checked_sub(led.lead)
            {
                consider(&led.form, start);
            }
        }
        best
    }
}

impl Form {
    fn holds(&self, bytes: &[u8], start: usize) -> Option<Range<usize>> {
        let mut compact = [0_u8; MOST];
        let mut len = 0;
        let mut i = start;
        let (mut upper, mut lower) = (false, false);
        for wanted in self.pattern.bytes() {
            let byte = *bytes.get(i)?;
            i += match wanted {
                b'9' if byte.is_ascii_digit() => 1,
                b'A' if byte.is_ascii_alphabetic() => 1,
                b'X' if byte.is_ascii_alphanumeric() => 1,
                b' ' => text::space_len(bytes, i)?,
                b'-' => text::dash_len(bytes, i)?,
                b'9' | b'A' | b'X' => return None,
                other if other == byte => 1,
                _ => return None,
            };
            if byte.is_ascii_alphanumeric() {
                upper |= byte.is_ascii_uppercase();
                lower |= byte.is_ascii_lowercase();
                compact[len] = byte.to_ascii_uppercase();
                len += 1;
            }
        }
        let closed = text::word_start(bytes, start)
            && text::word_end(bytes, i)
            && !continues_left(bytes, start)
            && !continues_right(bytes, i)
            && !(upper && lower);
        if !closed || !(self.valid)(&compact[..len]) {
            return None;
        }
        let range = start..i;
        if self.needs != 0 {
            return Some(range);
        }
        // `AB123456C-X` is a part number.
        let more = |i: usize| bytes.get(i).is_some_and(u8::is_ascii_alphanumeric);
        let part = matches!(bytes.get(i), Some(b'-' | b'_')) && more(i + 1)
            || start >= 2 && bytes[start - 1] == b'-' && more(start - 2);
        if part && (upper || lower) {
            return None;
        }
        // Groups in a longer row of groups are a table.
        let row = self.pattern.contains(' ') && in_a_row(bytes, &range);
        (!row).then_some(range)
    }
}

/// Which values a word right before them makes somebody's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Announced {
    /// The topics of the word.
    pub topics: Topics,
    /// Fewest and most digits.
    pub digits: (usize, usize),
    /// Most letters.
    pub letters: usize,
}

impl Announced {
    /// The value around the run of digits at `run`, which such a word introduces.
    pub(super) fn find(&self, bytes: &[u8], run: &Range<usize>) -> Option<Range<usize>> {
        let mut start = text::word_begin(bytes, run.start);
        // `P-12345`, `C 1234 5678`: a short group of capitals belongs to it.
        for _ in 0..2 {
            let Some(joint) = start.checked_sub(1) else { break };
            if !matches!(bytes[joint], b'-' | b'/' | b' ' | b'.') || joint == 0 {
                break;
            }
            let before = text::word_begin(bytes, joint);
            let group = &bytes[before..joint];
            let code = !group.is_empty()
                && group.len() <= 4
                && group.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
                && (bytes[joint] != b' '
                    || group.len() <= 3 && group.iter().all(u8::is_ascii_uppercase));
            if !code || context::before(bytes, before).announced & self.topics == 0 {
                break;
            }
            start = before;
        }
        if context::before(bytes, start).announced & self.topics == 0 {
            return None;
        }
        let (mut digits, mut letters, mut end, mut groups) = (0, 0, start, 0);
        let mut i = start;
        loop {
            let stop = text::run_end(bytes, i, 40, |b| b.is_ascii_alphanumeric());
            let group = &bytes[i..stop];
            let numbers = group.iter().filter(|b| b.is_ascii_digit()).count();
            let lower = group.iter().any(u8::is_ascii_lowercase);
            let plate = self.topics == context::VEHICLE && group.len() <= 3;
            let capital = (group.len() == 1 && groups > 2 || plate) && numbers == 0 && !lower;
            let unfit = group.is_empty()
                || groups > 0
                    && (lower
                        || numbers == 0 && !capital && (group.len() > 3 || bytes[i - 1] == b' '));
            if unfit || groups > 0 && digits + numbers > self.digits.1 {
                break;
            }
            digits += numbers;
            letters += group.len() - numbers;
            (end, groups) = (stop, groups + 1);
            i = match bytes.get(stop) {
                Some(b'-' | b'/' | b'.') => stop + 1,
                Some(b' ')
                    if numbers + 1 >= group.len()
                        || !lower && (numbers == 0 || plate_goes_on(self.topics, bytes, stop)) =>
                {
                    stop + 1
                }
                _ => break,
            };
        }
        let word = &bytes[start..end];
        // `C8HFX5Y05`: letters in any place of a number of nine characters.
        let code = self.topics == context::PASSPORT
            && word.len() == 9
            && digits > 0
            && !word.iter().any(|b| b.is_ascii_lowercase() || !b.is_ascii_alphanumeric());
        let counted = (self.digits.0..=self.digits.1).contains(&digits) && letters <= self.letters;
        let fits = (counted || code)
            && text::word_start(bytes, start)
            && text::word_end(bytes, end)
            && !is_date(&bytes[start..end])
            // A year.
            && !(groups == 1 && letters == 0 && matches!(&bytes[start..end], [b'1', b'9', _, _] | [b'2', b'0', _, _]));
        fits.then_some(start..end)
    }
}

/// Whether the three letters that end a British plate stand behind the blank at `i`.
fn plate_goes_on(topics: Topics, bytes: &[u8], i: usize) -> bool {
    let end = text::run_end(bytes, i + 1, 5, |b| b.is_ascii_uppercase());
    topics == context::VEHICLE && end == i + 4 && text::word_end(bytes, end)
}

/// Whether `value` is written like a date, as `Account opened: 2024-01-15` has it.
fn is_date(value: &[u8]) -> bool {
    let mut groups = [0; 4];
    let mut count = 0;
    let mut i = 0;
    while i < value.len() && count < 4 {
        let end = digits_end(value, i);
        if end == i {
            return false;
        }
        groups[count] = end - i;
        count += 1;
        i = end + 1;
    }
    matches!((count, groups), (3, [4, 1..=2, 1..=2, _] | [1..=2, 1..=2, 4, _]))
}

/// The longest form has fewer letters and digits.
const MOST: usize = 40;
