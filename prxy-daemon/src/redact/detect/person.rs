//! Names of people in Latin letters: by what is around them, or by being a given and a family name.
//!
//! Not for the lists and cue words (`lexicon`, `cues`), nor for second mentions and columns (`again`).

use std::ops::Range;

use super::lexicon::*;
use super::name::{Name, Reading, joined, line_end, line_start, next_line, street_like};
use super::text::spelled_escape;
use super::{Detector, Trigger};
use crate::redact::Action;

/// What all rows for people share.
const PERSON: Detector = Detector {
    name: "person",
    label: "PERSON",
    action: Action::Mask,
    shape: "a given name and a family name",
    validator: "a given name that is nothing else and what fits a family name, or both in the lists; not where a street, an institution or a theorem has the name",
    score: 60,
    trigger: Trigger::Word(GIVEN | PINYIN),
    find: full_or_lone,
    positives: &[
        "Yesterday ⟦Anna Weber⟧ called.",
        "signed by ⟦Maria Lopez-Garcia⟧, as agreed",
        "⟦Weber, Anna⟧; ⟦Smith, John⟧",
        "⟦John F. Kennedy⟧ spoke",
        "report of ⟦Ludwig van der Meer⟧ about May",
        "⟦ANNA WEBER⟧",
        "⟦Will Smith⟧ came",
        "Please ask ⟦Anna⟧ about it.",
        "⟦Anna⟧ said no.",
        "[10:02] ⟦Anna⟧: hello",
        "⟦Zhang Wei⟧ and ⟦Li Xiaoming⟧ met",
        "⟦Łukasz Wójcik⟧ podpisał umowę",
    ],
    look_alikes: &[
        "Python, Julia and Ada are languages",
        "class JohnSmithFactory extends AnnaWeber_1 {}",
        "import Anna.Weber; Anna::Weber(); anna_weber",
        "the Adam Optimizer and Claude Code",
        "Jack Daniels, Morgan Stanley and John Deere",
        "May I ask? Will it rain? Grace period",
        "Jordan River, Virginia Beach, San Jose",
    ],
};

pub(super) const NAME: Detector = PERSON;

pub(super) const TITLED: Detector = Detector {
    name: "person-title",
    shape: "a form of address and a name",
    validator: "the title is not part of the name; a role that others have too needs a word that is a name",
    score: 70,
    trigger: Trigger::Word(TITLE | ROLE),
    find: titled,
    positives: &[
        "Mr. ⟦Qwertz⟧ called",
        "Dr. med. ⟦Hans Xyzmann⟧",
        "Frau ⟦Müller-Lüdenscheidt⟧ und Herr ⟦Schmidt⟧",
        "Mme ⟦de la Fontaine⟧ est venue",
        "Patient ⟦Maria Keller⟧, 54 y/o",
        "Judge ⟦Robert Hall⟧ ruled",
        "Sig.ra ⟦Rossi⟧",
        "mevr. ⟦van den Berg⟧",
        "Prof. Dr. ⟦Weiss⟧",
        "Sr. ⟦García Márquez⟧",
    ],
    look_alikes: &[
        "Dr. Pepper",
        "Sr. Developer wanted",
        "Mr. President",
        "Ms. Office",
        "Judge the book",
        "Patient Information",
        "Sister Company Ltd is new.",
    ],
    ..PERSON
};

pub(super) const GREETED: Detector = Detector {
    name: "person-salutation",
    shape: "a salutation and a name",
    validator: "a mark or the end of the line behind it, or a given name that is nothing else",
    score: 70,
    trigger: Trigger::Word(SALUTE),
    find: greeted,
    positives: &[
        "Dear ⟦Qwertz⟧,",
        "Hi ⟦Anna⟧, how are you?",
        "Liebe ⟦Frieda⟧,",
        "Bonjour ⟦Amélie⟧ !",
        "Estimado ⟦Iñaki Zubiri⟧:",
        "Hoi ⟦Sjoerd⟧,\nhoe gaat het?",
        "Thanks ⟦Grace⟧!",
        "Cześć ⟦Kasiu⟧,",
    ],
    look_alikes: &[
        "Hello World!",
        "Dear Sir or Madam,",
        "Dear Hiring Manager,",
        "Hi all,",
        "Hi Team,",
        "Dear Customer,",
        "Hello Docker, goodbye VMs",
        "Good Morning America",
    ],
    ..PERSON
};

pub(super) const SIGNED: Detector = Detector {
    name: "person-closing",
    shape: "the line behind a closing formula",
    validator: "nothing else on the line, no ordinary word",
    score: 70,
    trigger: Trigger::Word(CLOSE),
    find: signed,
    positives: &[
        "Best regards,\n⟦Qwert Uiop⟧",
        "Mit freundlichen Grüßen\n\n⟦Frieda Xyz⟧",
        "Cheers,\\n⟦Tobi⟧\\n",
        "Best, ⟦Anna⟧",
        "Saludos cordiales,\n⟦Lucía⟧\n",
        "Kind regards,\nDr. ⟦Paul Weiss⟧\nHead of Sales",
    ],
    look_alikes: &[
        "Best regards,\nThe Support Team",
        "Thanks,\nRegards",
        "Best\nPractices",
        "Kind: Deployment\nName: x",
    ],
    ..PERSON
};

pub(super) const INTRODUCED: Detector = Detector {
    name: "person-cue",
    shape: "`my name is`, `ich heiße`, `señor`, initials or `v.` before a name",
    validator: "a word that is a name, unless the cue leaves no doubt",
    score: 65,
    trigger: Trigger::Word(CUED | FAMILY),
    find: introduced,
    positives: &[
        "my name is ⟦Qwert Zuiop⟧ and",
        "I'm ⟦Anna⟧ from Ulm",
        "ich heiße ⟦Frieda Xyz⟧",
        "je m'appelle ⟦Océane⟧",
        "me llamo ⟦Iker Zabaleta⟧",
        "nazywam się ⟦Jan Kos⟧",
        "pan ⟦Kowalski⟧ dzwonił",
        "⟦J. R. Smith⟧ wrote",
        "⟦Weber⟧ v. ⟦Smith⟧",
        "el señor ⟦Zubiri⟧",
    ],
    look_alikes: &[
        "the name is Production",
        "this is Kubernetes",
        "I am Happy",
        "it is Monday",
        "he is German",
        "by Docker",
        "e. V. and z. B. Haus",
    ],
    ..PERSON
};

pub(super) const FIELD: Detector = Detector {
    name: "person-field",
    shape: "the value of a field such as `Name:` or `\"last_name\":`",
    validator: "nothing that is ordinary; a field that may hold other things needs a word that is a name",
    score: 75,
    trigger: Trigger::Key,
    find: field,
    positives: &[
        "Name: ⟦Anna Weber⟧",
        "Full name: ⟦Qwert Zuiop⟧",
        "{\"first_name\": \"⟦Qwert⟧\", \"lastName\":\"⟦Zuiop⟧\"}",
        "Patient: ⟦Weber, Anna⟧",
        "Kunde: ⟦Frieda Müller⟧",
        "nachname: ⟦weber⟧",
        "Apellidos: ⟦Zubiri Etxeandia⟧",
        "From: ⟦Qwert Smith⟧",
        "**Name:** ⟦Anna Weber⟧",
        "Author: ⟦Maria Keller⟧",
    ],
    look_alikes: &[
        "name: nginx",
        "\"name\": \"Widget\"",
        "name: Deploy to Production",
        "file_name: Anna",
        "hostname: Berlin",
        "\"first_name\": \"string\"",
        "Name: N/A",
        "last_name: VARCHAR",
        "Full name: Required",
    ],
    ..PERSON
};

/// Around a given name: all of a full one, or a lone one where something beside it says that it is one.
fn full_or_lone(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let first = joined(bytes, at.start)?;
    if code_around(bytes, &first) {
        return None;
    }
    let before = before(bytes, at.start);
    if before.is_some_and(|word| {
        word.is(STREET) && !word.is(GIVEN | FAMILY | PARTICLE) && word.case == Case::Title
    }) {
        return None;
    }
    let name = Name::read(bytes, at.start, Reading::Plain)?;
    if !first.is(GIVEN) && !pinyin_name(bytes, &name)
        || named_after(bytes, &name, name.parts().count() > 1)
    {
        return None;
    }
    if !first.is(GIVEN) || is_full(bytes, &name, before) {
        return Some(name.start()..name.end);
    }
    let lone = first.start..first.end;
    if name.parts().count() == 1
        && let Some(family) = family_comma(bytes, at.start, &first)
    {
        return Some(family..name.end);
    }
    if first.case == Case::Upper {
        return None;
    }
    (first.surely(GIVEN) && name.parts().count() == 1 && lone_counts(bytes, &first, before)
        || speaks(bytes, &first))
    .then_some(lone)
}

/// Whether the words are a whole name.
fn is_full(bytes: &[u8], name: &Name, before: Option<Word>) -> bool {
    let mut parts = name.parts();
    let (Some(first), Some(second)) = (parts.next(), parts.next()) else { return false };
    if known_together(first, second) {
        return false;
    }
    let rest = || name.parts().skip(1);
    let family = rest().any(|word| word.surely(FAMILY | PINYIN));
    if name.parts().any(|word| word.case == Case::Upper) {
        return first.is(GIVEN)
            && rest().any(|word| word.is(FAMILY))
            && name.parts().all(|word| word.is(GIVEN | FAMILY | PARTICLE))
            && (first.surely(GIVEN) || family);
    }
    let mid_sentence = before.is_some_and(|word| word.case == Case::Lower && !word.is(PARTICLE));
    let initial = name.words().iter().any(|word| word.len() == 1 && word.capital());
    let next_capital = name.next.is_some_and(|word| {
        word.capital() && bytes[name.end] == b' ' && word.start == name.end + 1
    });
    if first.surely(GIVEN) {
        return family
            || initial
            || rest().any(|word| word.is(FAMILY) || word.surely(GIVEN))
            || !next_capital && rest().any(Word::unknown);
    }
    // `Will`, `Mark`, `Paris`: the second word has to be surer.
    family && !(first.is(PLACE) && !mid_sentence && next_capital)
        || mid_sentence
            && !first.is(PLACE)
            && !next_capital
            && rest().all(|word| word.unknown())
            && name.parts().count() == 2
            && first.is(FAMILY)
}

/// Whether something beside a given name says that a person is meant.
fn lone_counts(bytes: &[u8], name: &Word, before: Option<Word>) -> bool {
    let (start, end) = (name.start, name.end);
    if before.is_some_and(|word| known_together(&word, name)) {
        return false;
    }
    let rest = &bytes[end..];
    let after = match rest {
        [b' ', ..] => word(bytes, end + 1),
        _ => None,
    };
    if after.is_some_and(|word| word.capital() && !word.is(ORDINARY)) {
        return false;
    }
    let stop = matches!(rest, [] | [b'.' | b'!' | b'?' | b'\n' | b'\r', ..]);
    let cued = before.is_some_and(|word| word.case == Case::Lower && word.is(BEFORE));
    let acts = after.is_some_and(|word| word.case == Case::Lower && word.is(AFTER));
    let owns = matches!(rest, [b'\'', b's', b' ', ..] | [0xe2, 0x80, 0x99, b's', b' ', ..]);
    let vocative = stop
        && bytes[..start].ends_with(b", ")
        && word_before(bytes, start - 2)
            .is_some_and(|word| word.case == Case::Lower || word.is(SALUTE | CLOSE));
    let called = line_start(bytes, start)
        && rest.starts_with(b", ")
        && word(bytes, end + 2).is_some_and(|next| CALLS.contains(&&bytes[next.start..next.end]));
    let dash = [b"- ".as_slice(), "– ".as_bytes(), "— ".as_bytes(), b"~ ", b"-", b"~"].iter().any(
        |dash| {
            start >= dash.len()
                && bytes[..start].ends_with(dash)
                && line_start(bytes, start - dash.len())
        },
    );
    let alone = line_start(bytes, start) && line_end(bytes, end);
    let signed = (alone && start > 0 && behind_closing(bytes, start))
        || dash && bytes[end..].iter().all(u8::is_ascii_whitespace);
    let mail = rest.starts_with(b" <")
        || rest.starts_with(b" (") && rest.iter().take(40).any(|b| *b == b'@');
    cued && !acts_like_place(bytes, end)
        || acts
        || called
        || owns
        || vocative
        || signed
        || mail
        || in_list(bytes, name)
}

/// `by Anna-Highway`, `in Anna's`: what joins the name to something else.
fn acts_like_place(bytes: &[u8], end: usize) -> bool {
    matches!(bytes.get(end), Some(b'-' | b'_' | b'/' | b'(' | b'[' | b'='))
        || matches!(bytes[end..], [b'.', next, ..] if next.is_ascii_alphanumeric())
}

/// `Anna: hello` at the start of a line, behind a time, or before one.
fn speaks(bytes: &[u8], name: &Word) -> bool {
    if bytes.get(name.end) != Some(&b':')
        || !matches!(bytes.get(name.end + 1), Some(b' ' | b'\n' | b'*') | None)
    {
        return false;
    }
    let line = bytes[..name.start].strip_suffix(b"**").unwrap_or(&bytes[..name.start]);
    let timed = match line {
        [.., b']' | b')', b' '] => true,
        [.., b'-', b' '] => line.len() > 4 && line[line.len() - 3 - 1].is_ascii_alphanumeric(),
        [.., digit, b' '] if digit.is_ascii_digit() => {
            line.iter().rev().take(7).any(|b| *b == b':')
        }
        _ => false,
    };
    timed || name.surely(GIVEN) && line_start(bytes, line.len())
}

/// Whether the line before `start` is short and ends with a comma, as a closing formula does.
fn behind_closing(bytes: &[u8], start: usize) -> bool {
    let window = &bytes[start.saturating_sub(48)..start];
    let text = window.trim_ascii_end();
    let text = text.strip_suffix(b"\\n").unwrap_or(text);
    let text = text.strip_suffix(b"\\n").unwrap_or(text);
    let line = text.rsplit(|b| *b == b'\n').next().unwrap_or(text);
    let words = line.split(|b| *b == b' ').count();
    matches!(line.last(), Some(b',' | b'!')) && words <= 5 && line.len() < window.len()
}

/// `Anna, Paul and Maria`: a given name beside another.
fn in_list(bytes: &[u8], name: &Word) -> bool {
    let given = |word: Option<Word>| {
        word.is_some_and(|word| word.surely(GIVEN) && word.case == Case::Title && word.len() > 2)
    };
    const JOINTS: &[&str] = &[" and ", " & ", " und ", " et ", " y ", " e ", " en ", " i "];
    let ahead = JOINTS.iter().find(|joint| bytes[name.end..].starts_with(joint.as_bytes()));
    let back = JOINTS.iter().find(|joint| bytes[..name.start].ends_with(joint.as_bytes()));
    ahead.is_some_and(|joint| given(word(bytes, name.end + joint.len())))
        || back.is_some_and(|joint| given(word_before(bytes, name.start - joint.len())))
        || bytes[name.end..].starts_with(b", ")
            && given(word(bytes, name.end + 2))
            && word(bytes, name.end + 2).is_some_and(|next| {
                JOINTS.iter().any(|joint| bytes[next.end..].starts_with(joint.as_bytes()))
            })
}

/// Where the family name of `Weber, Anna` begins.
fn family_comma(bytes: &[u8], at: usize, given: &Word) -> Option<usize> {
    let end = at.checked_sub(2).filter(|end| bytes[*end..at] == *b", ")?;
    let mut family = word_before(bytes, end)?;
    if bytes.get(family.start.wrapping_sub(1)) == Some(&b'-') {
        family = Word { start: word_before(bytes, family.start - 1)?.start, ..family };
    }
    let opens = line_start(bytes, family.start)
        || matches!(bytes[family.start - 1], b'"' | b'(' | b';' | b'|' | b'\t' | b'>')
        || matches!(bytes[..family.start], [.., b';' | b':' | b'|' | b'*' | b'-', b' ']);
    let fits = given.surely(GIVEN)
        && given.case == family.case
        && (family.surely(FAMILY) || opens && family.unknown());
    (family.capital() && fits).then_some(family.start)
}

/// Whether what follows makes it a thing that is named after somebody.
fn named_after(bytes: &[u8], name: &Name, full: bool) -> bool {
    let end = name.end;
    let owned = match &bytes[end..] {
        [b'\'', b's', b' ', ..] => 3,
        [0xe2, 0x80, 0x99, b's', b' ', ..] => 5,
        [b' ' | b'-', ..] => 1,
        _ => return false,
    };
    word(bytes, end + owned).is_some_and(|word| {
        let thing =
            word.is(TERM | KIND | LEGAL | STREET) && !word.is(FAMILY | PARTICLE) && word.len() > 2;
        thing && (word.capital() || !full && word.is(TERM)) && !(full && owned > 1)
            || owned == 1 && word.capital() && street_like(&bytes[word.start..word.end])
    })
}

/// A family name in pinyin and syllables of pinyin behind it.
fn pinyin_name(bytes: &[u8], name: &Name) -> bool {
    let mut parts = name.parts();
    let (Some(family), Some(given), None) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let text = bytes[given.start..given.end].to_ascii_lowercase();
    family.is(PINYIN)
        && family.case == Case::Title
        && given.case == Case::Title
        && !given.is(ORDINARY | PLACE)
        && (syllables(&text) == Some(2)
            || syllables(&text) == Some(1) && !family.is(ORDINARY | PLACE))
}

/// The number of pinyin syllables that a word consists of.
fn syllables(text: &[u8]) -> Option<usize> {
    const FINALS: &[&[u8]] = &[
        b"iang", b"iong", b"uang", b"ang", b"eng", b"ing", b"ong", b"ian", b"iao", b"uai", b"uan",
        b"ai", b"ei", b"ao", b"ou", b"an", b"en", b"in", b"un", b"ia", b"ie", b"iu", b"ua", b"ui",
        b"uo", b"ue", b"er", b"a", b"o", b"e", b"i", b"u",
    ];
    let mut rest = text;
    for count in 1..=3 {
        let initial = match rest {
            [b'z' | b'c' | b's', b'h', ..] => 2,
            [
                b'b' | b'p' | b'm' | b'f' | b'd' | b't' | b'n' | b'l' | b'g' | b'k' | b'h' | b'j'
                | b'q' | b'x' | b'r' | b'z' | b'c' | b's' | b'y' | b'w',
                ..,
            ] => 1,
            _ => return None,
        };
        let end = FINALS.iter().find(|end| rest[initial..].starts_with(end))?;
        rest = &rest[initial + end.len()..];
        if rest.is_empty() {
            return (count < 3).then_some(count);
        }
    }
    None
}

/// The name behind a title.
fn titled(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let title = word(bytes, at.start)?;
    if code_around(bytes, &title) && bytes.get(title.end) != Some(&b'.') {
        return None;
    }
    let start = behind_titles(bytes, title.end)?;
    behind_title(bytes, start, title.is(TITLE))
}

/// The name at `start`, behind a title that only people have (`sure`) or another one.
fn behind_title(bytes: &[u8], start: usize, sure: bool) -> Option<Range<usize>> {
    let particle = word(bytes, start).filter(|word| word.case == Case::Lower && word.is(PARTICLE));
    let first = match particle {
        Some(_) => behind_particles(bytes, start)?,
        None => start,
    };
    let name = Name::read(bytes, first, Reading::Cued)?;
    let mut parts = name.parts();
    let head = parts.next()?;
    let brand = parts.next().is_some_and(|second| known_together(head, second))
        || word_before(bytes, start.saturating_sub(1))
            .or_else(|| word_before(bytes, start.saturating_sub(2)))
            .is_some_and(|title| known_together(&title, head));
    let shouted = head.case == Case::Upper && head.unknown() && head.len() < 4;
    if brand
        || head.no_name()
        || shouted
        || named_after(bytes, &name, false)
        || code_around(bytes, head)
    {
        return None;
    }
    let evidence = name.parts().any(|word| word.surely(GIVEN | FAMILY))
        || name.parts().count() > 1 && name.parts().all(|word| word.is(GIVEN | FAMILY));
    (sure && !(head.is(ORDINARY) && !head.is(GIVEN | FAMILY)) || evidence)
        .then_some(start..name.end)
}

fn behind_particles(bytes: &[u8], mut i: usize) -> Option<usize> {
    for _ in 0..3 {
        let word = word(bytes, i)?;
        if word.case != Case::Lower {
            break;
        }
        if !word.is(PARTICLE) {
            return None;
        }
        i = match &bytes[word.end..] {
            [b' ' | b'\'', ..] => word.end + 1,
            [0xe2, 0x80, 0x99, ..] => word.end + 3,
            _ => return None,
        };
    }
    Some(i)
}

/// Where the name begins behind a title that ends at `end`: over points, blanks and further titles.
fn behind_titles(bytes: &[u8], mut end: usize) -> Option<usize> {
    for _ in 0..5 {
        let mut i = end;
        if bytes.get(i) == Some(&b'.') {
            i += 1;
            // `Sig.ra`
            if let Some(tail) =
                word(bytes, i).filter(|word| word.case == Case::Lower && word.len() <= 3)
            {
                i = tail.end + usize::from(bytes.get(tail.end) == Some(&b'.'));
            }
        }
        i = match &bytes[i..] {
            [b' ', ..] => i + 1,
            [0xc2, 0xa0, ..] => i + 2,
            _ if i > end => i,
            _ => return None,
        };
        let next = word(bytes, i)?;
        let pointed = bytes.get(next.end) == Some(&b'.');
        if next.is(TITLE)
            && (next.capital() && !next.surely(FAMILY | GIVEN) || pointed || next.is(ROLE))
        {
            end = next.end;
        } else {
            return Some(i);
        }
    }
    None
}

/// The name behind a salutation.
fn greeted(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let mut last = word(bytes, at.start)?;
    // `Sehr geehrter`, `Hi again`, `Guten Tag`, `Thank you`.
    for _ in 0..3 {
        let next = word(bytes, bytes.get(last.end).filter(|b| **b == b' ').map(|_| last.end + 1)?)?;
        let goes_on = matches!(
            &bytes[next.start..next.end],
            b"geehrter"
                | b"geehrte"
                | b"you"
                | b"again"
                | b"there"
                | b"wieder"
                | b"morning"
                | b"afternoon"
                | b"evening"
                | b"Tag"
                | b"Morgen"
                | b"Abend"
                | b"Morning"
                | b"tardes"
                | b"dia"
        );
        if !goes_on {
            break;
        }
        last = next;
    }
    let mut start = last.end + 1;
    if bytes.get(last.end) == Some(&b',')
        && matches!(last.case, Case::Title)
        && last.is(SALUTE)
        && bytes.get(start) == Some(&b' ')
    {
        start += 1;
    } else if bytes.get(last.end) != Some(&b' ') {
        return None;
    }
    let next = word(bytes, start)?;
    if next.is(TITLE | ROLE) && !next.surely(GIVEN | FAMILY) {
        let sure = next.is(TITLE);
        return behind_title(bytes, behind_titles(bytes, next.end)?, sure);
    }
    let name = Name::read(bytes, start, Reading::Cued)?;
    let head = *name.parts().next()?;
    let shouted = head.case == Case::Upper && head.unknown();
    if head.no_name() || shouted || code_around(bytes, &head) || named_after(bytes, &name, false) {
        return None;
    }
    if name.parts().nth(1).is_some_and(|second| known_together(&head, second)) {
        return None;
    }
    let ends = matches!(
        &bytes[name.end..],
        [b',' | b'!' | b':' | b';' | b'\n' | b'\r', ..]
            | [b' ', b'!' | b'-' | b':' | b',', ..]
            | [b'\\', b'n', ..]
    ) || bytes.len() == name.end
        || bytes[name.end..].starts_with(" –".as_bytes());
    let evidence = name.parts().any(|word| word.surely(GIVEN | FAMILY));
    let calls = matches!(
        &bytes[at.start..at.end],
        b"Hello" | b"Good" | b"Welcome" | b"Sorry" | b"Thank" | b"Thanks" | b"Morning"
    );
    let unknown_counts = ends && !calls && head.len() > 2 && line_start_or_quote(bytes, at.start);
    (evidence || ends && head.is(GIVEN) || unknown_counts && head.case == Case::Title)
        .then_some(name.start()..name.end)
}

fn line_start_or_quote(bytes: &[u8], i: usize) -> bool {
    line_start(bytes, i)
        || matches!(bytes[i - 1], b'"' | b'\'' | b'>' | b'`')
        || bytes[..i].ends_with(b": ")
        || bytes[..i].ends_with("\u{201e}".as_bytes())
}

/// The name on the line behind a closing formula, or behind its comma.
fn signed(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let mut end = at.start;
    // The formula: up to six words.
    for _ in 0..6 {
        end = word(bytes, end)?.end;
        match bytes.get(end) {
            Some(b' ') if word(bytes, end + 1).is_some() => end += 1,
            _ => break,
        }
    }
    let comma = matches!(bytes.get(end), Some(b',' | b'.' | b'!'));
    let behind = end + usize::from(comma);
    let (start, own_line) = match next_line(bytes, behind) {
        Some(start) => (start, true),
        None if bytes[end..].starts_with(b", ") && end == at.end => (end + 2, false),
        None => return None,
    };
    if own_line && !line_start(bytes, at.start) && !bytes[..at.start].ends_with(b". ") {
        return None;
    }
    let start = start
        + bytes[start..].iter().take(2).take_while(|b| matches!(b, b'-' | b' ' | b'*')).count();
    let first = word(bytes, start)?;
    let start = if first.is(TITLE) && !first.surely(GIVEN | FAMILY) {
        behind_titles(bytes, first.end)?
    } else {
        start
    };
    let name = Name::read(bytes, start, Reading::Cued)?;
    let head = *name.parts().next()?;
    let ends = line_end(bytes, name.end)
        || matches!(&bytes[name.end..], [b',' | b'.' | b'*', ..] | [b' ', b'|' | b'(' | b'-', ..]);
    let evidence = name.parts().any(|word| word.is(GIVEN) || word.surely(FAMILY));
    let unknown = own_line
        && comma | (name.parts().count() > 1)
        && head.case == Case::Title
        && !head.is(ORDINARY | PLACE);
    let second = name.parts().nth(1).is_some_and(|second| known_together(&head, second));
    let fits = ends
        && !head.no_name()
        && !second
        && (evidence || unknown)
        && !named_after(bytes, &name, false);
    fits.then_some(name.start()..name.end)
}

/// The name behind a cue in lower case, behind initials, or between parties.
fn introduced(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let head = joined(bytes, at.start)?;
    if code_around(bytes, &head) {
        return None;
    }
    if bytes[..at.start].ends_with(b"M. ") && near_french(bytes, at.start) {
        return behind_title(bytes, at.start, true);
    }
    if let Some(start) = initials_before(bytes, at.start) {
        let two = bytes[start..at.start].iter().filter(|b| **b == b'.').count() > 1;
        let name = Name::read(bytes, at.start, Reading::Plain)?;
        if (head.surely(FAMILY) || two && head.unknown()) && !named_after(bytes, &name, false) {
            return Some(start..name.end);
        }
    }
    if head.is(FAMILY)
        && [b" v. ".as_slice(), b" vs. ", b" v "].iter().any(|versus| {
            bytes[head.end..].starts_with(versus)
                && word(bytes, head.end + versus.len())
                    .is_some_and(|word| word.capital() && (word.is(FAMILY) || word.unknown()))
        })
    {
        return Some(head.start..head.end);
    }
    let (cue, particles) = cue_before(bytes, at.start)?;
    let start = particles.unwrap_or(at.start);
    let own = (cue.end == cue.start + 1) || !cue.is(TITLE);
    if cue.is(TITLE) && !own {
        return behind_title(bytes, start, true);
    }
    let name = Name::read(bytes, at.start, Reading::Cued)?;
    if head.no_name()
        || named_after(bytes, &name, false)
        || name.parts().nth(1).is_some_and(|second| known_together(&head, second))
    {
        return None;
    }
    let cue_text = &bytes[cue.start..cue.end];
    let before_cue = word_before(bytes, cue.start.saturating_sub(1));
    let sure = match cue_text {
        b"is" | b"ist" | b"es" | b"e" | [0xc3, 0xa8] | [0xc3, 0xa9] => {
            before_cue.is_some_and(|word| {
                matches!(
                    &bytes[word.start..word.end].to_ascii_lowercase()[..],
                    b"name" | b"naam" | b"nombre" | b"nome"
                ) && word_before(bytes, word.start.saturating_sub(1)).is_some_and(|own| {
                    matches!(
                        &bytes[own.start..own.end].to_ascii_lowercase()[..],
                        b"my"
                            | b"mein"
                            | b"mijn"
                            | b"mi"
                            | b"mio"
                            | b"meu"
                            | b"his"
                            | b"her"
                            | b"sein"
                            | b"ihr"
                            | b"full"
                            | b"il"
                    )
                })
            })
        }
        _ => cue.is(NAMED),
    };
    let sie = cue_text.starts_with(b"si")
        && before_cue
            .is_some_and(|word| bytes[word.start..word.end].eq_ignore_ascii_case(b"nazywam"));
    if (sure || sie) && head.case == Case::Title && !head.is(ORDINARY | PLACE)
        || (sure || sie) && head.is(GIVEN)
    {
        return Some(start..name.end);
    }
    let selfish = cue.is(SELF)
        && match cue_text {
            b"m" => {
                bytes[..cue.start].ends_with(b"I'")
                    || bytes[..cue.start].ends_with(b"i'")
                    || bytes[..cue.start].ends_with("I\u{2019}".as_bytes())
            }
            b"is" | b"ist" => before_cue.is_some_and(|word| {
                matches!(
                    &bytes[word.start..word.end].to_ascii_lowercase()[..],
                    b"this" | b"hier" | b"dit" | b"name"
                )
            }),
            b"v" | b"vs" => {
                head.is(FAMILY)
                    || head.unknown() && before_cue.is_some_and(|word| word.surely(FAMILY))
            }
            b"es" | b"e" | b"est" => false,
            _ => true,
        };
    let given = head.surely(GIVEN)
        || head.is(GIVEN) && name.parts().count() > 1
        || cue_text.starts_with(b"v") && head.is(FAMILY | GIVEN);
    let versus = cue_text.starts_with(b"v") && selfish && head.case == Case::Title;
    if selfish && given || versus {
        return Some(start..name.end);
    }
    // `met Xiomara Smith yesterday`: the given name is not known, the family name is.
    let mut parts = name.parts();
    let (Some(_), Some(second), None) = (parts.next(), parts.next(), parts.next()) else {
        return None;
    };
    let fits = cue.is(BEFORE)
        && head.unknown()
        && head.case == Case::Title
        && second.surely(FAMILY)
        && !name.next.is_some_and(|word| word.capital());
    fits.then_some(start..name.end)
}

/// Whether French is written around `at`, where `M.` is a title.
fn near_french(bytes: &[u8], at: usize) -> bool {
    const WORDS: &[&str] = &[
        " le ", " la ", " les ", " est ", " et ", " du ", " à ", " été ", " que ", " par ",
        " pour ", " né ", " une ", " un ",
    ];
    let around = &bytes[at.saturating_sub(80)..bytes.len().min(at + 80)];
    WORDS.iter().any(|word| memchr::memmem::find(around, word.as_bytes()).is_some())
}

/// Where the initials before a family name at `at` begin: `J. R. Smith`.
fn initials_before(bytes: &[u8], at: usize) -> Option<usize> {
    let mut start = None;
    let mut i = at;
    for _ in 0..3 {
        let point = match &bytes[..i] {
            [.., b'.', b' '] => i - 2,
            [.., b'.'] => i - 1,
            _ => break,
        };
        let letter = point.checked_sub(1).filter(|letter| bytes[*letter].is_ascii_uppercase());
        let Some(letter) = letter else { break };
        if letter > 0
            && (bytes[letter - 1].is_ascii_alphanumeric() && !spelled_escape(bytes, letter)
                || bytes[letter - 1] >= 0x80)
        {
            break;
        }
        start = Some(letter);
        i = letter;
    }
    start
}

/// The cue in lower case before `at`, and where particles between them begin.
pub(super) fn cue_before(bytes: &[u8], at: usize) -> Option<(Word, Option<usize>)> {
    let mut i = at;
    let mut particles = None;
    for _ in 0..3 {
        let end = match &bytes[..i] {
            [.., b'.', b' '] => i - 2,
            [.., b' '] => i - 1,
            _ => return None,
        };
        let word = word_before(bytes, end)?;
        if word.case != Case::Lower {
            return None;
        }
        if word.is(NAMED | SELF | TITLE | BEFORE) && !(word.is(PARTICLE) && !word.is(SELF | TITLE))
        {
            return Some((word, particles));
        }
        if !word.is(PARTICLE) {
            return None;
        }
        i = word.start;
        particles = Some(i);
    }
    None
}

/// The name in the value of the field whose colon is at `at`.
fn field(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let mut i = at.end;
    let mut quotes = 0;
    while let Some(b) = bytes.get(i) {
        match b {
            b'"' | b'\'' | b'`' if quotes == 0 => quotes = 1,
            b'\\' if bytes.get(i + 1) == Some(&b'"') => {}
            b' ' | b'\t' | b'*' | b'"' | b'_' => {}
            _ => break,
        }
        i += 1;
        if i - at.end > 24 {
            return None;
        }
    }
    // Most values are no words, or words in lower case that are no names: their keys need not be read.
    let first = word(bytes, i)?;
    if first.case == Case::Mixed
        || first.case == Case::Lower && !first.is(GIVEN | FAMILY | PARTICLE | TITLE)
    {
        return None;
    }
    let kind = super::field::kind(bytes, at.start)?;
    super::field::value(bytes, i, kind)
}

/// The word on the same line before `at`.
pub(super) fn before(bytes: &[u8], at: usize) -> Option<Word> {
    let end = match &bytes[..at] {
        [.., b'.', b' '] => at - 2,
        [.., b' '] => at - 1,
        _ => return None,
    };
    word_before(bytes, end)
}

/// Whether `word` belongs to an identifier, a path or a call.
pub(super) fn code_around(bytes: &[u8], word: &Word) -> bool {
    let before = word.start.checked_sub(1).map(|before| bytes[before]);
    let behind = &bytes[word.end..];
    matches!(before, Some(b'.' | b'_' | b'$' | b'#' | b'/' | b'&' | b'=' | b'%'))
        && !(before == Some(b'.') && word.start > 1 && bytes[word.start - 2].is_ascii_uppercase())
        || before == Some(b'\\') && !spelled_escape(bytes, word.start)
        || before == Some(b'-') && word.start > 1 && bytes[word.start - 2].is_ascii_alphanumeric()
        || before == Some(b':') && word.start > 1 && bytes[word.start - 2] == b':'
        || matches!(behind, [b'(' | b'_' | b'[' | b'{' | b'=' | b'<' | b'0'..=b'9', ..] | [b':', b':', ..] | [b'.', b'a'..=b'z' | b'A'..=b'Z' | b'_', _, ..] | [b'/' | b'\\', b'a'..=b'z' | b'A'..=b'Z', ..])
            && !behind.starts_with(b"\\n")
            && !behind.starts_with(b"\\t")
            && !behind.starts_with(b"\\r")
            && !behind.starts_with(b"<br")
            && !behind.starts_with(b"</")
}

/// What follows the name of somebody who is spoken to.
const CALLS: &[&[u8]] = &[
    b"I", b"you", b"please", b"can", b"could", b"would", b"will", b"did", b"do", b"are", b"what",
    b"when", b"how", b"why", b"thanks", b"thank", b"we", b"kannst", b"bitte", b"ich", b"hast",
    b"hi", b"this", b"just",
];
