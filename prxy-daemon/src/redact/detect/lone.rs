//! Given names that stand alone: where nothing but their neighbours says that somebody is meant.
//!
//! Not for names of two words or behind a title: those are `person` and `cued`.

use super::lexicon::*;
use super::name::{line_end, line_start};

/// Whether a given name that is nothing else stands in a sentence as a person does.
pub(super) fn in_prose(bytes: &[u8], name: &Word, before: Option<Word>) -> bool {
    if name.len() < 3 || name.is(SALUTE | CLOSE | TITLE | ROLE | LEGAL | STREET) {
        return false;
    }
    let rest = &bytes[name.end..];
    let after = if rest.first() == Some(&b' ') { word(bytes, name.end + 1) } else { None };
    let ends = match rest {
        [] | [b'.' | b'!' | b'?' | b';' | b')' | b'\n' | b'\r', ..] => true,
        [b':' | b',', b' ' | b'\n', ..] => true,
        [b'\'', b's', b' ' | b'.' | b',', ..] => true,
        [0xe2, 0x80, 0x99, b's', b' ' | b'.' | b',', ..] => true,
        [b' ', b'(' | b'?' | b'!' | b':' | b';' | b'&' | b'<', ..] => true,
        [b' ', 0xe2, 0x80, ..] => true,
        [b' ', ..] => after.is_some_and(|word| word.case == Case::Lower && !software(bytes, &word)),
        _ => false,
    };
    if !ends
        || brand(bytes, name)
        || lists_things(bytes, name)
        || bytes[..name.start].ends_with(b":")
    {
        return false;
    }
    let Some(before) = before else {
        return match &bytes[..name.start] {
            // Alone on its line it may be anything.
            _ if line_start(bytes, name.start) => !line_end(bytes, name.end),
            [.., b':', b' '] => !line_end(bytes, name.end),
            [.., b',' | b'!' | b'?' | b';' | b')' | b']', b' '] => true,
            [.., b'('] => rest.starts_with(b")"),
            [.., b'\n'] | [.., 0xe2, 0x80, _] | [.., 0xe2, 0x80, _, b' '] => true,
            // `d'Anna`, `¿Anna`.
            [.., b' ', _, b'\''] | [.., b'u', b'\''] | [.., 0xc2, 0xa1 | 0xbf] => true,
            [.., b'-' | b'*' | b'+', b' '] => after.is_some(),
            // `<Anna> hello`.
            [head @ .., b'<'] => {
                line_start(bytes, head.len()) && rest.starts_with(b"> ") && rest.len() > 2
            }
            _ => false,
        };
    };
    // `St. Louis`.
    if bytes[..name.start].ends_with(b". ") && before.capital() && before.len() < 3 {
        return false;
    }
    if bytes[..name.start].ends_with(b". ")
        || (before.is(CLOSE | SALUTE | BEFORE) && !english_article(bytes, &before))
    {
        return true;
    }
    if english_article(bytes, &before) && after.is_some_and(|word| !word.is(AFTER)) {
        return false;
    }
    match before.case {
        // `a Cassandra node`, `in Julia`; but `a Beatriz pediu`.
        Case::Lower => !matches!(
            &bytes[before.start..before.end],
            b"the"
                | b"an"
                | b"this"
                | b"that"
                | b"in"
                | b"into"
                | b"on"
                | b"via"
                | b"using"
                | b"use"
                | b"install"
                | b"run"
                | b"runs"
                | b"running"
                | b"of"
                | b"each"
                | b"every"
                | b"any"
                | b"like"
                | b"les"
                | b"im"
                | b"nel"
                | b"nella"
                | b"w"
        ),
        // `Ask Anna`, `Wann kommt Anna`, `When Anna comes`.
        Case::Title => {
            before.is(ORDINARY) && !before.is(PLACE | GIVEN | FAMILY) && begins(bytes, &before)
        }
        Case::Upper => before.is(ORDINARY | CLOSE) && before.len() < 4,
        Case::Mixed => false,
    }
}

/// Whether a given name that is an ordinary word too stands where only a person can.
pub(super) fn doubtful(bytes: &[u8], name: &Word, before: Option<Word>) -> bool {
    let Some(before) = before.filter(|word| word.case == Case::Lower) else { return false };
    if name.len() < 3 || name.is(PLACE) || never(bytes, name) || lists_things(bytes, name) {
        return false;
    }
    let rest = &bytes[name.end..];
    let after = if rest.first() == Some(&b' ') { word(bytes, name.end + 1) } else { None };
    let ends = match rest {
        [] | [b',' | b'.' | b'!' | b'?' | b';' | b')' | b'\n' | b'\r', ..] => true,
        [b' ', ..] => after.is_some_and(|word| word.case == Case::Lower && !word.is(TERM)),
        _ => false,
    };
    let met = before.is(HUMAN)
        || bytes[before.start..before.end] == *b"with"
            && word_before(bytes, before.start.saturating_sub(1)).is_some_and(|w| w.is(HUMAN));
    // `with Mark and Grace`.
    let beside =
        matches!(&bytes[before.start..before.end], b"and" | b"or" | b"und" | b"et" | b"y" | b"e")
            && word_before(bytes, before.start.saturating_sub(1)).is_some_and(|other| {
                other.is(GIVEN)
                    && other.case == Case::Title
                    && super::person::before(bytes, other.start).is_some_and(|cue| {
                        cue.case == Case::Lower
                            && (cue.is(HUMAN) || bytes[cue.start..cue.end] == *b"with")
                    })
            });
    ends && (met || beside || before.is(KIN) && !bytes[..name.start].ends_with(b". "))
}

/// Whether an ordinary word that was a name in this text is one here again.
pub(super) fn doubtful_again(bytes: &[u8], name: &Word) -> bool {
    if never(bytes, name) {
        return false;
    }
    let rest = &bytes[name.end..];
    let after = if rest.first() == Some(&b' ') { word(bytes, name.end + 1) } else { None };
    let before = super::person::before(bytes, name.start);
    let inside = before.is_some_and(|word| word.case == Case::Lower)
        && !bytes[..name.start].ends_with(b". ");
    let acts = after.is_some_and(|word| word.case == Case::Lower && word.is(AFTER | HUMAN));
    let joins = after.is_some_and(|word| word.capital());
    !joins && (inside || acts)
}

/// `a` in English; in Portuguese and Spanish it stands before names.
pub(super) fn english_article(bytes: &[u8], word: &Word) -> bool {
    const WORDS: &[&str] =
        &[" the ", " and ", " of ", " is ", " for ", " with ", " an ", " to ", " it "];
    if bytes[word.start..word.end] != *b"a" {
        return false;
    }
    let around = &bytes[word.start.saturating_sub(60)..bytes.len().min(word.end + 60)];
    WORDS.iter().any(|word| memchr::memmem::find(around, word.as_bytes()).is_some())
}

/// Whether the name is a part of a brand such as `Ben & Jerry's`.
pub(super) fn brand(bytes: &[u8], name: &Word) -> bool {
    bytes[name.end..].starts_with(b" & ")
        && word(bytes, name.end + 3).is_some_and(|next| known_together(name, &next))
        || bytes[..name.start].ends_with(b" & ")
            && word_before(bytes, name.start - 3).is_some_and(|other| known_together(&other, name))
}

/// Months, and names that software has.
fn never(bytes: &[u8], name: &Word) -> bool {
    const NEVER: &[&[u8]] = &[
        b"May", b"April", b"June", b"July", b"August", b"Avril", b"Abril", b"Julio", b"Junho",
        b"Mai", b"Ruby", b"Jade", b"Pascal", b"Claude", b"Opal", b"Phoenix", b"Alexa", b"Siri",
        b"Gemma", b"Octave", b"Crystal", b"Sage", b"Ada", b"Nova", b"Dart", b"Swift", b"Basel",
        b"Sun", b"Said", b"Can", b"Job", b"Long", b"Son", b"Guy", b"Major", b"German", b"Nur",
        b"Ram", b"Made",
    ];
    NEVER.contains(&&bytes[name.start..name.end])
}

/// Whether a neighbour in the same list is a thing: `Ruby, Julia and R`.
fn lists_things(bytes: &[u8], name: &Word) -> bool {
    let thing = |word: Option<Word>, lead: bool| {
        word.is_some_and(|word| match word.case {
            Case::Lower => false,
            Case::Mixed => true,
            _ if word.is(PLACE) || never(bytes, &word) => !lead,
            _ if word.is(GIVEN | FAMILY | TITLE) => false,
            Case::Upper => !lead,
            Case::Title => word.is(ORDINARY) && !lead,
        })
    };
    const JOINTS: &[&str] =
        &[", ", " and ", " or ", " & ", " und ", " oder ", " et ", " y ", " e "];
    let ahead = JOINTS.iter().find(|joint| bytes[name.end..].starts_with(joint.as_bytes()));
    let back = JOINTS.iter().find(|joint| bytes[..name.start].ends_with(joint.as_bytes()));
    // `Today, Anna came`; but `Python, Julia and Ada`.
    let leads = ahead.is_none_or(|joint| {
        word(bytes, name.end + joint.len())
            .is_some_and(|next| next.surely(GIVEN) || next.case == Case::Lower)
    });
    back.is_some_and(|joint| {
        let word = word_before(bytes, name.start - joint.len());
        thing(word, leads && word.is_some_and(|word| begins(bytes, &word)))
    }) || ahead.is_some_and(|joint| {
        let at = name.end + joint.len();
        thing(word(bytes, at), bytes.get(at) == Some(&b'I'))
    })
}

/// Whether a sentence begins with `word`.
fn begins(bytes: &[u8], word: &Word) -> bool {
    line_start(bytes, word.start)
        || matches!(
            bytes[..word.start],
            [.., b'.' | b'!' | b'?' | b':' | b']' | b'-' | b'*' | b'>', b' ']
        )
        || matches!(
            bytes[..word.start],
            [.., b'"' | b'(' | b'\''] | [.., 0xc2, 0xa1 | 0xbf] | [.., 0xe2, 0x80, _]
        )
}

/// What programs and versions of something are called.
fn software(bytes: &[u8], word: &Word) -> bool {
    const WORDS: &[&[u8]] = &[
        b"package",
        b"packages",
        b"script",
        b"scripts",
        b"version",
        b"client",
        b"driver",
        b"query",
        b"queries",
        b"node",
        b"nodes",
        b"instance",
        b"module",
        b"modules",
        b"app",
        b"tool",
        b"release",
        b"format",
        b"file",
        b"files",
        b"project",
        b"repo",
        b"repository",
        b"runtime",
        b"syntax",
        b"image",
        b"build",
        b"developers",
        b"users",
        b"programs",
        b"programming",
        b"class",
        b"type",
    ];
    word.is(TERM) || WORDS.contains(&&bytes[word.start..word.end])
}
