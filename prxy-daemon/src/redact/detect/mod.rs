//! The built-in detectors: one table, one recogniser per shape.
//!
//! Each recogniser looks at a bounded window around a trigger that the scanner found, so all of them together stay linear.
//! Not for overlaps, policy or custom patterns: those are `scan` and `mask`.

mod account;
mod address;
mod again;
mod assign;
mod bank;
mod birth;
mod capital;
mod card;
mod check;
mod connection;
mod context;
mod credential;
mod crypto;
mod cued;
mod cues;
mod digits;
mod email;
mod fhir;
mod field;
mod form;
mod generic;
mod hanzi;
mod hl7;
mod iban;
mod identity;
mod ip;
mod issuer;
mod issuers;
mod jwt;
mod keyed;
mod lexicon;
mod locality;
mod lone;
mod mac;
mod name;
mod national_forms;
mod national_id;
mod organization;
mod password;
mod password_words;
mod pem;
mod person;
mod phone;
mod pin;
mod sample;
mod short;
mod spoken;
mod text;
mod token;
mod user;
mod words;

use std::ops::Range;

use super::Action;

pub(super) use again::{means_nothing_else, stands_alone, sure_parts};
pub(super) use capital::word_at;
pub(super) use context::{announcing, names_a_value};
pub(super) use digits::{CHAIN, CLASSES, Runs, begins_chain, look};
pub(super) use lexicon::Class;
pub(super) use password::names_a_secret;
pub(super) use text::{coded_len, spelled_escape, starts_word};
pub(super) use user::is_own;

/// One built-in detector: what starts it, what it recognises, and examples of both sides.
#[derive(Clone, Copy, Debug)]
pub struct Detector {
    /// A stable name, such as `openai-key`.
    pub name: &'static str,
    /// The label that its hits carry.
    pub label: &'static str,
    /// What a policy that does not name the label does.
    pub action: Action,
    /// The shape in a few words, for documentation.
    pub shape: &'static str,
    /// What the shape alone does not decide.
    pub validator: &'static str,
    /// Confidence, 0 to 100; decides between hits of equal length.
    pub score: u8,
    /// What the scanner looks for before it calls `find`.
    pub(super) trigger: Trigger,
    /// Recognises a value around the trigger at `at`.
    pub(super) find: fn(text: &str, at: Range<usize>) -> Option<Range<usize>>,
    /// Texts with a hit between `⟦` and `⟧`.
    pub positives: &'static [&'static str],
    /// Texts that resemble a hit and must stay untouched.
    pub look_alikes: &'static [&'static str],
}

/// What makes the scanner call a detector.
#[derive(Clone, Copy, Debug)]
pub(super) enum Trigger {
    /// The byte `@`, or `%40`.
    At,
    /// A maximal run of ASCII digits of one of these kinds.
    Digits(Runs),
    /// Digits that a word right before them announces: one of these [`context`] topics.
    Announced(context::Topics),
    /// A `:` between two hexadecimal digits or colons.
    Colon,
    /// A word that begins with a capital, or an ideograph, of one of these classes.
    Word(Class),
    /// The `:` behind a word or a quote, as behind the key of a field.
    Key,
    /// What follows from the hits that this label has so far: looked for once, at the end.
    Sweep(Sweep),
    /// One of these literals, of three bytes or more.
    Literals(&'static [&'static str]),
    /// One of these literals in any ASCII case, wherever it stands.
    Folded(&'static [&'static str]),
    /// A word that begins with one of these, in any ASCII case; also a part of a `camelCase` name.
    Words(&'static [&'static str]),
}

/// Finds what follows in a text from hits that it has.
pub(super) type Sweep = fn(text: &str, hits: &[Range<usize>], found: &mut Vec<Range<usize>>);

/// Every built-in detector. Order decides nothing; labels group it.
pub const DETECTORS: &[Detector] = &[
    email::EMAIL,
    email::EMAIL_SPELLED,
    phone::PHONE,
    fhir::FHIR_PHONE,
    hl7::HL7_PHONE,
    national_id::SSN,
    national_id::NATIONAL_NUMBER,
    national_id::ANNOUNCED_ID,
    national_id::STAFF_NUMBER,
    birth::DATE_OF_BIRTH,
    hl7::HL7_BIRTH,
    identity::PASSPORT_NUMBER,
    identity::MRZ,
    identity::DRIVER_LICENSE,
    identity::UK_LICENSE,
    identity::MEDICAL_ID,
    identity::MEDICAL_NUMBER,
    fhir::FHIR_ID,
    hl7::HL7_ID,
    identity::VIN,
    identity::PLATE,
    identity::CN_PLATE,
    bank::BANK_ACCOUNT,
    bank::BANK_NUMBER,
    bank::BIC,
    bank::BESIDE_BANK,
    mac::MAC,
    mac::MAC_DASHED,
    crypto::CRYPTO_ADDRESS,
    user::HOME,
    user::USERNAME,
    user::SESSION,
    account::LOGGED,
    account::COMMAND,
    account::MENTIONED,
    card::CREDIT_CARD,
    iban::IBAN,
    ip::IPV4,
    ip::IPV6,
    issuer::ISSUER,
    issuer::EMBEDDED,
    issuer::WEBHOOK,
    token::AWS_ID,
    token::AWS_SECRET,
    token::BEARER,
    token::AUTHORIZATION,
    jwt::JWT,
    pem::PRIVATE_KEY,
    person::NAME,
    person::TITLED,
    person::TITLED_LOWER,
    person::GREETED,
    person::SIGNED,
    person::INTRODUCED,
    person::FIELD,
    spoken::SAID,
    spoken::SPEAKER,
    fhir::FHIR_GIVEN,
    fhir::FHIR_DISPLAY,
    hl7::X12_NAME,
    field::MARKED,
    hl7::HL7_NAME,
    again::AGAIN,
    hanzi::PERSON_ZH,
    organization::COMPANY,
    organization::INSTITUTION,
    organization::COMPANY_SMALL,
    keyed::ORGANIZATION_FIELD,
    keyed::EMPLOYER,
    hanzi::ORGANIZATION_ZH,
    address::ADDRESS,
    address::UK_HOUSE,
    keyed::ADDRESS_FIELD,
    hl7::HL7_ADDRESS,
    hanzi::ADDRESS_ZH,
    pem::PUTTY,
    connection::URL,
    connection::CREDENTIAL,
    connection::URL_KEY,
    connection::PAIRS,
    connection::SIGNATURE,
    password::PASSWORD,
    short::SHORT,
    password::OPTION,
    credential::SESSION,
    credential::HASH,
    credential::LOGIN,
    credential::INSERTED,
    pin::PIN,
    generic::KEY,
    generic::SECRET,
];

/// The built-in labels, each once, with what a policy that does not name them does.
pub fn labels() -> impl Iterator<Item = (&'static str, Action)> {
    let first = |i: usize, label: &str| DETECTORS[..i].iter().all(|row| row.label != label);
    DETECTORS
        .iter()
        .enumerate()
        .filter(move |(i, row)| first(*i, row.label))
        .map(|(_, row)| (row.label, row.action))
}

/// The issuers whose keys are known by their prefix.
pub fn issuers() -> impl Iterator<Item = &'static str> {
    issuers::ISSUERS.iter().map(|row| row.name)
}

#[cfg(test)]
mod tests;
