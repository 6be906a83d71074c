//! Names of people in Latin letters: by what is around them, or by being a given and a family name.
//!
//! Not for the lists and cue words (`lexicon`, `cues`), nor for second mentions and columns (`again`).

use std::ops::Range;

use super::cued::{field, greeted, introduced, lowered, signed, titled};
use super::lexicon::*;
use super::lone;
use super::name::{Name, Reading, joined, line_end, line_start, street_like};
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
        "In der Familiensache ⟦Demirtaş, Gülay⟧, geboren in Ulm",
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
        "St. John's wort was stopped, St John's wort too",
        "Ann Arbor stage IIB, Ann Arbor staging",
        "Apgar 9/10, Karnofsky 80, Glasgow Coma Scale 15",
        "Hodgkin lymphoma, Wegener's granulomatosis, Crohn's since 1990",
        "the Bradford Hill criteria",
        "drove to Santa Ana, then to Santo António with a map",
        "Parkinson's, Alzheimer's disease, morbo di Parkinson, maladie de Hodgkin",
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
        "HHJ ⟦Cotterill⟧ gave directions",
        "Herr Kollege ⟦Brandhuber⟧ hat",
        "Prof. Dr. med. ⟦H.-J. Wittgenfeld⟧",
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

pub(super) const TITLED_LOWER: Detector = Detector {
    name: "person-title-lower",
    shape: "a form of address and a name in lower case, as notes and chats have it",
    validator: "a word that is a name and nothing else",
    score: 66,
    trigger: Trigger::Words(&[
        "dr ",
        "dr. ",
        "mr ",
        "mr. ",
        "mrs ",
        "mrs. ",
        "prof ",
        "prof. ",
        "pt ",
        "pt. ",
        "patient ",
        "frau ",
        "herr ",
        "herrn ",
        "mme ",
        "madame ",
        "monsieur ",
        "señor ",
        "señora ",
        "signora ",
        "dott. ",
        "pani ",
        "mevr. ",
        "mevrouw ",
        "meneer ",
        "dhr. ",
        "senhora ",
        "wife ",
        "husband ",
        "daughter ",
        "son ",
        "brother ",
        "sister ",
        "mother ",
        "father ",
    ]),
    find: lowered,
    positives: &[
        "seen with dr ⟦patel⟧ on the ward",
        "mrs ⟦kowalski⟧ called",
        "pt ⟦Jones⟧ mobilising",
        "frau ⟦hoffmann⟧ kommt um 3",
        "told mr ⟦rodriguez⟧ about it",
        "dhr. ⟦J.P. van der Hoogenband⟧ belde",
        "and his wife ⟦ingrid⟧?",
    ],
    look_alikes: &[
        "dr will see you, mr may not",
        "patient may sit up",
        "the patient was told",
        "patient with pain",
        "herr gott",
        "pt on 2 l oxygen",
        "his wife will come, her son may not",
        "my brother paris and my sister company",
        "pt Stable today",
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
        "Liebe Kolleginnen und Kollegen,",
        "Liebe Kolleginnen,\nliebe Kollegen,",
        "Liebe Gäste,",
        "Liebe Mitglieder,",
        "Chers collègues,",
        "Cari colleghi,",
        "Queridos compañeros,",
        "Beste collega's,",
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
        "Merci de rappeler M. ⟦Fontanel⟧ au bureau",
        "vu par le Pr ⟦Delattre⟧ ce matin",
        "aqui é o ⟦Thiago⟧.",
    ],
    look_alikes: &[
        "the name is Production",
        "this is Kubernetes",
        "I am Happy",
        "it is Monday",
        "he is German",
        "by Docker",
        "e. V. and z. B. Haus",
        "Bei M. Parkinson und M. Alzheimer",
        "Dx: M. Crohn, M. Basedow",
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
        "Huisarts: ⟦W. de Graaf⟧.",
        "id,first,last\n17,⟦Omar⟧,⟦Haddad⟧\n18,⟦Anna⟧,⟦Weber⟧",
        "Author: ⟦Maria Keller⟧",
        "Name: ⟦OYELARAN, Folake T⟧",
    ],
    look_alikes: &[
        "first: Monday, last: Friday",
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
    if !first.is(GIVEN) && !pinyin_name(bytes, &name) && !romanised(bytes, &first)
        || named_after(bytes, &name, name.parts().count() > 1)
    {
        return None;
    }
    if bytes[first.start..first.end].contains(&b'-') && romanised(bytes, &first) {
        return Some(name.start()..name.end);
    }
    if !first.is(GIVEN) || is_full(bytes, &name, before) {
        return Some(name.start()..name.end);
    }
    // `Santa Ana`
    const SAINTS: &[&str] = &["Santa ", "Santo ", "San ", "São ", "Sankt ", "Sainte "];
    if name.parts().count() == 1
        && SAINTS.iter().any(|saint| bytes[..at.start].ends_with(saint.as_bytes()))
    {
        return None;
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
    let counts = name.parts().count() == 1
        && if first.surely(GIVEN) {
            lone_counts(bytes, &first, before) || lone::in_prose(bytes, &first, before)
        } else {
            lone::doubtful(bytes, &first, before)
        };
    (counts || speaks(bytes, &first)).then_some(lone)
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
        // The name above a CV.
        let heading = line_start(bytes, name.start())
            && line_end(bytes, name.end)
            && first.surely(GIVEN)
            && name.parts().count() == 2
            && second.unknown()
            && second.case == Case::Upper
            && second.len() > 3;
        return heading
            || first.is(GIVEN)
                && rest().any(|word| word.is(FAMILY))
                && name.parts().all(|word| word.is(GIVEN | FAMILY | PARTICLE))
                && (first.surely(GIVEN) || family);
    }
    let mid_sentence = before.is_some_and(|word| word.case == Case::Lower && !word.is(PARTICLE));
    let initial = name.words().iter().any(|word| word.len() == 1 && word.capital());
    let next_capital = name.next.is_some_and(|word| {
        word.capital() && bytes[name.end] == b' ' && word.start == name.end + 1
    });
    // `our insured, Patience Boateng, was`.
    if !first.is(PLACE)
        && first.is(GIVEN)
        && name.parts().count() == 2
        && second.unknown()
        && bytes[name.end..].starts_with(b", ")
        && bytes[..name.start()].ends_with(b", ")
        && word_before(bytes, name.start() - 2).is_some_and(|word| word.case == Case::Lower)
    {
        return true;
    }
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
    if before.is_some_and(|word| known_together(&word, name)) || lone::brand(bytes, name) {
        return false;
    }
    // `St. John's wort`.
    let saint = [b"St. ".as_slice(), b"St ", b"Saint "];
    if saint.iter().any(|saint| bytes[..start].ends_with(saint)) {
        return false;
    }
    // `Lake Victoria`; `drove to Jackson, Austin and Madison`.
    let place = before.is_some_and(|word| word.capital() && word.is(TERM) && !word.is(FAMILY))
        || bytes[end..].starts_with(b", ")
            && word(bytes, end + 2).is_some_and(|next| next.is(PLACE));
    if place {
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
    // `a Victoria sponge`.
    let article = before.is_some_and(|word| lone::english_article(bytes, &word))
        && after.is_some_and(|word| !word.is(AFTER));
    let cued = !article && before.is_some_and(|word| word.case == Case::Lower && word.is(BEFORE));
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
    // `Sunita Rao, Anna`: a list.
    let listed = before(bytes, family.start)
        .is_some_and(|word| word.capital() && word.is(GIVEN) && !word.is(TITLE));
    // `in the case of Demirtaş, Gülay, geboren 1988`
    const BORN: &[&str] = &[", geb", ", born", ", né", ", nat", ", nac", ", nasc", ", ur"];
    let born = BORN.iter().any(|born| bytes[given.end..].starts_with(born.as_bytes()));
    // `Affirmative, Dave.`
    const SPOKEN: &[&[u8]] = &[b"ive", b"ly", b"ing", b"ted", b"tion", b"IVE", b"LY"];
    let spoken = family.unknown()
        && SPOKEN.iter().any(|ending| bytes[family.start..family.end].ends_with(ending));
    let fits = given.surely(GIVEN)
        && !spoken
        && !listed
        && given.case == family.case
        && (family.surely(FAMILY) || (opens || born) && family.unknown());
    (family.capital() && fits).then_some(family.start)
}

/// Whether what follows makes it a thing that is named after somebody.
pub(super) fn named_after(bytes: &[u8], name: &Name, full: bool) -> bool {
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
            // `Newton's second law`.
            || owned > 1
                && !full
                && matches!(
                    &bytes[word.start..word.end],
                    b"first" | b"second" | b"third" | b"last" | b"little" | b"great"
                )
                && bytes.get(word.end) == Some(&b' ')
                && super::lexicon::word(bytes, word.end + 1).is_some_and(|word| word.is(TERM))
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

/// `Wei-Ling`: a given name of two syllables of pinyin.
fn romanised(bytes: &[u8], name: &Word) -> bool {
    let text = &bytes[name.start..name.end];
    let Some(hyphen) = memchr::memchr(b'-', text) else { return false };
    let (head, tail) =
        (text[..hyphen].to_ascii_lowercase(), text[hyphen + 1..].to_ascii_lowercase());
    name.case == Case::Title && syllables(&head) == Some(1) && syllables(&tail) == Some(1)
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
