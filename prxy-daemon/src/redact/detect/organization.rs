//! Companies and institutions in Latin letters.
//!
//! Not for the makers of well-known software: their names say nothing about anybody.

use std::ops::Range;

use super::lexicon::*;
use super::name::{joined, line_start};
use super::person::{before, code_around};
use super::{Detector, Trigger};
use crate::redact::Action;

pub(super) const COMPANY: Detector = Detector {
    name: "organization",
    label: "ORGANIZATION",
    action: Action::Mask,
    shape: "capitalised words and a legal form, in the languages of Europe",
    validator: "a word before the form that is its own; not a well-known maker of software",
    score: 66,
    trigger: Trigger::Word(LEGAL | CUED | NUMBERED),
    find: company,
    positives: &[
        "works at ⟦Acme Widgets Inc.⟧ in Ohio",
        "⟦Weber & Söhne GmbH⟧",
        "die ⟦Müller Bau GmbH & Co. KG⟧ hat",
        "⟦Smith, Jones & Partners LLP⟧",
        "⟦Rossi S.r.l.⟧ di Milano",
        "chez ⟦Dubois SARL⟧",
        "⟦Kowalski Sp. z o.o.⟧",
        "⟦Jansen Bouw B.V.⟧",
        "⟦Construcciones Vega S.A.⟧",
        "⟦Padaria Silva Lda⟧",
        "the ⟦Blue River Trading Co., Ltd.⟧ office",
    ],
    look_alikes: &[
        "Google LLC and Microsoft Corporation",
        "Limited time offer",
        "an AG of the state",
        "the Inc. suffix",
        "SE Linux",
        "SA keys",
        "GmbH is a legal form",
        "Amazon Web Services, Inc.",
    ],
};

/// Written in lower case, as in `Balfour Beatty plc`.
pub(super) const COMPANY_SMALL: Detector = Detector {
    name: "organization-small",
    shape: "capitalised words and a legal form in lower case",
    trigger: Trigger::Literals(&[
        " plc",
        " ltd",
        " gmbh",
        " llc",
        " inc.",
        " sp. z o.o",
        " s.r.o",
        " d.o.o",
        " s.r.l",
        " s.p.a",
        " e.K.",
        " e. K.",
        " e.V.",
        " e. V.",
        " eG",
    ]),
    find: small,
    positives: &[
        "by ⟦Balfour Beatty plc⟧ and",
        "(⟦Carr & Weston plc⟧)",
        "bei ⟦Hufnagel gmbh⟧",
        "firma ⟦Dachpol sp. z o.o.⟧ z",
        "⟦Novák Stavby s.r.o.⟧",
    ],
    look_alikes: &["a plc is", "the ltd suffix", "Google llc", "what plcs do", "The plc"],
    ..COMPANY
};

pub(super) const INSTITUTION: Detector = Detector {
    name: "organization-kind",
    shape: "a proper name and a kind of institution: `X Hospital`, `University of X`",
    validator: "a word that is no ordinary one beside the kind",
    score: 62,
    trigger: Trigger::Word(KIND),
    find: institution,
    positives: &[
        "at ⟦Springfield General Hospital⟧ on Monday",
        "the ⟦University of Leeds⟧",
        "⟦Bank of Scotland⟧",
        "⟦Universitätsklinikum Heidelberg⟧",
        "⟦Sparkasse Bochum⟧",
        "⟦Hospital Clínico San Carlos⟧",
        "⟦Université de Lille⟧",
    ],
    look_alikes: &[
        "Hospital Information System",
        "the University",
        "School starts",
        "Bank Account",
        "Group Policy",
        "Church and State",
        "Insurance Number",
    ],
    ..COMPANY
};

/// The company before a legal form.
fn company(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let form = word(bytes, at.start)?;
    let end = form_end(bytes, &form)?;
    // `KG-5067-N`: the number of an article.
    if matches!(bytes[end..], [b'-', next, ..] if next.is_ascii_alphanumeric()) {
        return None;
    }
    let start = name_start(bytes, at.start)?;
    (!vendor(bytes, start)).then_some(start..end)
}

/// The company before a legal form in lower case.
fn small(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let pointed = bytes[at.end - 2] == b'.' || bytes[at.end - 1] == b'.';
    let end = at.end
        + usize::from(pointed && bytes[at.end - 1] != b'.' && bytes.get(at.end) == Some(&b'.'));
    if bytes.get(end).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_') {
        return None;
    }
    let start = name_start(bytes, at.start + 1)?;
    (!vendor(bytes, start)).then_some(start..end)
}

/// Where the legal form that begins with `form` ends.
fn form_end(bytes: &[u8], form: &Word) -> Option<usize> {
    let rest = &bytes[form.start..];
    // Forms of letters with points between them, the longest first.
    let pointed = [
        "V.O.F.",
        "S.à r.l.",
        "S.r.l.s.",
        "S.r.l.",
        "S.p.A.",
        "S.A.S.",
        "S.A.U.",
        "S.L.U.",
        "S.A.",
        "S.L.",
        "S.C.",
        "S.n.c.",
        "B.V.",
        "N.V.",
        "Sp. z o.o.",
        "Sp. z o. o.",
        "Sp. k.",
        "Sp. j.",
        "P.C.",
        "L.L.C.",
        "L.P.",
        "A.G.",
        "A/S",
        "Co., Ltd.",
        "Co. Ltd.",
        "Co. KG",
        "Co., Inc.",
    ];
    if let Some(form) = pointed.iter().find(|form| rest.starts_with(form.as_bytes())) {
        return Some(bytes.len() - rest.len() + form.len());
    }
    // `Redwood Supply Co.`: of two words at least.
    if rest.starts_with(b"Co.") && !rest[3..].first().is_some_and(u8::is_ascii_alphanumeric) {
        let two = before(bytes, form.start)
            .filter(|word| word.case == Case::Title)
            .and_then(|word| before(bytes, word.start))
            .is_some_and(|word| word.case == Case::Title && !word.is(TITLE));
        let county = rest.starts_with(b"Co. ") && bytes[..form.start].ends_with(b", ");
        return (two && !county).then_some(form.start + 3);
    }
    if !form.is(LEGAL) || code_around(bytes, form) {
        return None;
    }
    // As they are really written: `se` and `ag` in lower case are words.
    let text = &rest[..form.len()];
    // `NOT LIMITED`, `OR LOSS AS`: a form in a text in capitals.
    let doubtful =
        matches!(text, b"LIMITED" | b"AS" | b"SE" | b"SA" | b"AB" | b"OY" | b"EV" | b"SC");
    if doubtful
        && before(bytes, form.start).is_some_and(|word| {
            word.case == Case::Upper
                && (text.len() == 2 && word.len() > 3 || word.is(ORDINARY) || word.len() < 4)
        })
    {
        return None;
    }
    let short = form.len() <= 3
        && !matches!(text, b"Inc" | b"Ltd" | b"Lda" | b"Srl" | b"Spa" | b"Pty" | b"Pte" | b"Oyj");
    if short && form.case != Case::Upper || form.case == Case::Lower {
        return None;
    }
    let mut end = form.end
        + usize::from(
            bytes.get(form.end) == Some(&b'.')
                && !matches!(text, b"GmbH" | b"AG" | b"KG" | b"LLC" | b"LLP"),
        );
    // The point of the sentence.
    let last = matches!(&bytes[end..], [] | [b'\n', ..] | [b' ', b'A'..=b'Z', ..]);
    if last
        && matches!(
            text,
            b"Ltd"
                | b"LTD"
                | b"Limited"
                | b"LIMITED"
                | b"Corporation"
                | b"AS"
                | b"AB"
                | b"BV"
                | b"NV"
        )
    {
        end = form.end;
    }
    for tail in [" & Co. KGaA", " & Co. KG", " & Co KG", " & Co. OHG", " Ltd.", " Ltd", " Inc."] {
        if bytes[form.end..].starts_with(tail.as_bytes()) {
            end = form.end + tail.len();
            break;
        }
    }
    Some(end)
}

/// Where the company's own name begins, left of the form at `at`.
fn name_start(bytes: &[u8], at: usize) -> Option<usize> {
    let mut start = None;
    let mut own = false;
    let mut i = at;
    for count in 0..7 {
        let (end, joint) = match &bytes[..i] {
            [.., b',', b' '] => (i - 2, true),
            [.., b'&', b' '] if bytes[..i - 2].last() == Some(&b' ') => (i - 3, true),
            [.., b' '] | [.., b'-'] if i > 0 => (i - 1, false),
            _ => break,
        };
        // A comma stands before the form, or in the list of a firm's partners.
        if bytes[..i].ends_with(b", ")
            && count > 0
            && !bytes[i..at].windows(3).any(|part| part == b" & ")
        {
            break;
        }
        let Some(word) = word_before(bytes, end) else {
            // `3M`, `24`: numbers belong to a name that has begun.
            let digits = bytes[..end].iter().rev().take_while(|b| b.is_ascii_digit()).count();
            if digits > 0
                && digits < 4
                && count > 0
                && bytes.get(end.wrapping_sub(digits + 1)) == Some(&b' ')
            {
                i = end - digits;
                continue;
            }
            break;
        };
        let linking = word.case == Case::Lower;
        if linking {
            let links = matches!(
                &bytes[word.start..word.end],
                b"and"
                    | b"und"
                    | b"et"
                    | b"y"
                    | b"e"
                    | b"de"
                    | b"du"
                    | b"la"
                    | b"des"
                    | b"di"
                    | b"del"
                    | b"van"
                    | b"i"
                    | b"do"
                    | b"da"
            );
            if !links || count == 0 || joint || person_ends(bytes, &word) {
                break;
            }
        } else {
            let article = matches!(
                &bytes[word.start..word.end],
                b"The"
                    | b"Die"
                    | b"Der"
                    | b"Das"
                    | b"Le"
                    | b"La"
                    | b"El"
                    | b"Firma"
                    | b"Unsere"
                    | b"Our"
                    | b"At"
                    | b"In"
                    | b"From"
                    | b"Bei"
                    | b"And"
                    | b"For"
                    | b"With"
                    | b"To"
                    | b"By"
                    | b"Dear"
                    | b"Company"
                    | b"Employer"
                    | b"Client"
                    | b"Kunde"
                    | b"Auftraggeber"
                    | b"Entre"
                    | b"Between"
                    | b"Zwischen"
                    | b"Tra"
                    | b"Tussen"
                    | b"An"
                    | b"Von"
                    | b"Chez"
                    | b"Para"
                    | b"Per"
                    | b"Voor"
                    | b"Da"
                    | b"Do"
            );
            // `Seguros La Encina S.A.`
            let inner = count > 0
                && !line_start(bytes, word.start)
                && word.is(PARTICLE)
                && before(bytes, word.start).is_some_and(|word| word.case == Case::Title);
            if article && !joint && !inner {
                break;
            }
            start = Some(word.start);
            own |= !word.is(LEGAL | TITLE) && (!word.is(ORDINARY) || count > 0);
        }
        i = word.start;
        if line_start(bytes, i) {
            break;
        }
    }
    start.filter(|_| own)
}

/// Whether the particle `link` stands behind the name of a person: `Frau van der Meulen van`, `Thiago da`.
fn person_ends(bytes: &[u8], link: &Word) -> bool {
    if !link.is(PARTICLE) {
        return false;
    }
    let Some(word) = before(bytes, link.start) else { return false };
    let particle = before(bytes, word.start)
        .is_some_and(|word| word.case == Case::Lower && word.is(PARTICLE) || word.is(TITLE));
    let next = word_at_blank(bytes, link.end);
    if particle || next.is_some_and(|next| next.is(FAMILY)) {
        return particle;
    }
    // `Ludovica De Santis di`.
    let (mut word, mut left) = (word, 3);
    while word.case == Case::Title && left > 0 {
        if word.surely(GIVEN) {
            return true;
        }
        let Some(next) = before(bytes, word.start) else { break };
        (word, left) = (next, left - 1);
    }
    false
}

fn word_at_blank(bytes: &[u8], end: usize) -> Option<Word> {
    bytes.get(end).filter(|b| **b == b' ').and_then(|_| word(bytes, end + 1))
}

/// An institution around the word for its kind.
fn institution(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let kind = joined(bytes, at.start)?;
    if code_around(bytes, &kind) || kind.case != Case::Title {
        return None;
    }
    // Left: `Springfield General Hospital`, `St. Mary's Hospital`.
    let (mut start, mut own, mut i) = (at.start, false, at.start);
    for _ in 0..5 {
        // `Hale & Sons Builders`.
        let partner = || {
            let end = bytes[..i].strip_suffix(b" & ")?.len();
            word_before(bytes, end).filter(|word| word.case == Case::Title && start < at.start)
        };
        let Some(mut word) = before(bytes, i).or_else(partner) else { break };
        if bytes[word.start..word.end] == *b"s" && word.start > 1 && bytes[word.start - 1] == b'\''
        {
            word = Word { end: word.end, ..word_before(bytes, word.start - 1).unwrap_or(word) };
        }
        let saint = bytes[i - 2] == b'.' && matches!(&bytes[word.start..word.end], b"St" | b"Dr");
        if !word.capital() || word.is(LEGAL) || bytes[i - 2] == b'.' && !saint {
            break;
        }
        if word.is(ORDINARY) && !word.is(GIVEN | FAMILY) && line_start(bytes, word.start) {
            break;
        }
        if matches!(
            &bytes[word.start..word.end],
            b"The"
                | b"El"
                | b"La"
                | b"Le"
                | b"Il"
                | b"De"
                | b"Het"
                | b"Die"
                | b"Das"
                | b"Der"
                | b"Los"
                | b"Las"
        ) {
            break;
        }
        if word.is(TITLE | SALUTE) && !word.is(GIVEN | FAMILY) && !saint {
            break;
        }
        own |= !word.is(ORDINARY | ROLE) || word.is(PLACE | FAMILY | GIVEN) && !word.is(ORDINARY);
        (start, i) = (word.start, word.start);
    }
    let care = matches!(
        &bytes[kind.start..kind.end],
        b"Hospital"
            | b"University"
            | b"College"
            | b"Clinic"
            | b"School"
            | b"Academy"
            | b"Bank"
            | b"Museum"
            | b"Trust"
    );
    own |= care
        && before(bytes, start).is_some_and(|word| word.case == Case::Lower)
        && bytes[start..at.start].iter().filter(|b| **b == b' ').count() >= 2;
    // Right: `of Leeds`, `de Lille`, `Heidelberg`, `Clínico San Carlos`.
    let (mut end, mut linked) = (kind.end, false);
    for _ in 0..5 {
        if bytes.get(end) != Some(&b' ') {
            break;
        }
        let Some(next) = joined(bytes, end + 1) else { break };
        let links = matches!(
            &bytes[next.start..next.end],
            b"of"
                | b"de"
                | b"du"
                | b"la"
                | b"di"
                | b"del"
                | b"da"
                | b"do"
                | b"des"
                | b"van"
                | b"der"
                | b"for"
                | b"degli"
                | b"zu"
                | b"w"
                | b"we"
        );
        let again = linked && own && next.is(PARTICLE) && !next.capital();
        if links && (!linked || again) {
            let Some(after) =
                bytes.get(next.end).filter(|b| **b == b' ').and_then(|_| word(bytes, next.end + 1))
            else {
                break;
            };
            let goes_on = after.case == Case::Title
                || matches!(&bytes[after.start..after.end], b"la" | b"las" | b"los" | b"the");
            if !goes_on {
                break;
            }
            linked = true;
            if after.case == Case::Title {
                let more = word_at_blank(bytes, after.end)
                    .is_some_and(|word| word.case == Case::Title && !word.is(ORDINARY));
                if after.is(ORDINARY) && !after.is(PLACE | GIVEN | FAMILY) && !own && !more {
                    break;
                }
                own |= !after.is(ORDINARY);
                end = after.end;
            } else if let Some(last) =
                word(bytes, after.end + 1).filter(|word| word.case == Case::Title)
            {
                own |= !last.is(ORDINARY);
                end = last.end;
            }
            continue;
        }
        // `Przychodnia Pod Lipami`.
        if matches!(
            &bytes[next.start..next.end],
            b"Pod" | b"Nad" | b"Het" | b"De" | b"La" | b"El" | b"Las" | b"Los" | b"Les"
        ) && start == at.start
            && let Some(last) =
                word_at_blank(bytes, next.end).filter(|last| last.case == Case::Title)
        {
            (end, own) = (last.end, true);
            break;
        }
        if next.case != Case::Title
            || next.is(ORDINARY) && !next.is(PLACE | FAMILY | GIVEN | PARTICLE)
            || next.is(KIND | LEGAL)
            || code_around(bytes, &next)
        {
            break;
        }
        // In English what follows is another thing; elsewhere it is the name.
        let english = matches!(
            bytes[kind.start..kind.end].to_ascii_lowercase().as_slice(),
            b"school"
                | b"bank"
                | b"group"
                | b"church"
                | b"insurance"
                | b"academy"
                | b"foundation"
                | b"hotel"
                | b"trust"
                | b"center"
                | b"centre"
                | b"college"
                | b"council"
                | b"agency"
                | b"station"
                | b"holding"
                | b"holdings"
                | b"partners"
                | b"associates"
                | b"solutions"
        );
        // `Bank Spółdzielczy`, `Centre Hospitalier`.
        let english = english && !(start == at.start && next.unknown());
        if english
            || end != kind.end && !next.is(PLACE | FAMILY | GIVEN | PARTICLE) && !next.unknown()
        {
            break;
        }
        if start < at.start && !next.is(PLACE) {
            break;
        }
        own |= next.is(PLACE | FAMILY | GIVEN) || next.unknown();
        end = next.end;
    }
    // `Decoder Library`, `Technical Steering Committee`: parts of software.
    if matches!(&bytes[kind.start..kind.end], b"Library" | b"Committee" | b"Council" | b"Agency") {
        own = false;
        let mut i = start;
        while let Some(word) = word(bytes, i).filter(|word| word.end < end) {
            own |= word.is(PLACE | GIVEN | FAMILY) || &bytes[i..word.end] == b"Public";
            i = word.end + 1;
        }
        own |= word_at_blank(bytes, kind.end).is_some_and(|_| end > kind.end);
    }
    let alone = start == at.start && end == kind.end;
    let company = kind.is(LEGAL) && end == kind.end;
    let fits = own && !(alone || company || vendor(bytes, start));
    fits.then_some(start..end)
}

/// Whether the name at `start` is one that everybody in the trade names all day.
pub(super) fn vendor(bytes: &[u8], start: usize) -> bool {
    let rest = &bytes[start..bytes.len().min(start + 24)];
    VENDORS.iter().any(|vendor| {
        rest.len() >= vendor.len()
            && rest[..vendor.len()].eq_ignore_ascii_case(vendor.as_bytes())
            && !rest.get(vendor.len()).is_some_and(u8::is_ascii_alphanumeric)
    })
}

const VENDORS: &[&str] = &[
    "adobe",
    "airbnb",
    "alphabet",
    "amazon",
    "amd",
    "anthropic",
    "apache",
    "apple",
    "arm",
    "atlassian",
    "aws",
    "broadcom",
    "canonical",
    "cisco",
    "cloudflare",
    "confluent",
    "databricks",
    "datadog",
    "dell",
    "docker",
    "dropbox",
    "ebay",
    "elastic",
    "facebook",
    "figma",
    "github",
    "gitlab",
    "google",
    "groq",
    "hashicorp",
    "hewlett",
    "hp",
    "hugging face",
    "ibm",
    "intel",
    "jetbrains",
    "linkedin",
    "linux foundation",
    "meta",
    "microsoft",
    "mistral",
    "mongodb",
    "mozilla",
    "netflix",
    "nvidia",
    "openai",
    "oracle",
    "paypal",
    "perplexity",
    "python software",
    "qualcomm",
    "red hat",
    "redis",
    "salesforce",
    "samsung",
    "sap",
    "shopify",
    "slack",
    "snowflake",
    "sony",
    "spotify",
    "stripe",
    "tesla",
    "the linux",
    "twitter",
    "uber",
    "vercel",
    "vmware",
    "yahoo",
    "zoom",
    "free software",
    "the apache",
    "jira",
];
