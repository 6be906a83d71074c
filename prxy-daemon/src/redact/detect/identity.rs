//! Passports, driving licences, health and insurance numbers, vehicles: mostly by the word that announces them.

use std::sync::LazyLock;

use super::check::{icao, luhn, value, weighted};
use super::context::{CHI, LICENSE, MEDICAL, PASSPORT, VEHICLE};
use super::digits::Runs;
use super::form::{Announced, Form, Forms};
use super::{Detector, Trigger};
use crate::redact::Action;

pub(super) const PASSPORT_NUMBER: Detector = Detector {
    name: "passport",
    label: "PASSPORT",
    action: Action::Mask,
    shape: "6 to 12 letters and digits right after a word such as `passport no.`",
    validator: "at least five digits; capitals and digits of nine characters",
    score: 87,
    trigger: Trigger::Announced(PASSPORT),
    find: |text, run| PASSPORTS.find(text.as_bytes(), &run),
    positives: &[
        "Passport No: ⟦X12345678⟧",
        "passport number is ⟦533380006⟧.",
        "US passport ⟦C03005988⟧",
        "Reisepass-Nr. ⟦C01X00T47⟧",
        "n° de passeport : ⟦12AB34567⟧",
        "pasaporte ⟦AAB123456⟧",
        "passaporto n. ⟦YA1234567⟧",
        "paspoortnummer ⟦NW1234566⟧",
        "numer paszportu: ⟦AB 1234567⟧",
        "passaporte ⟦FZ123456⟧",
        "护照号码：⟦E12345678⟧",
        "{\"passportNumber\":\"⟦X12345678⟧\"}",
        "passport_no=⟦L8982345⟧",
        "her passport copy (⟦533401372⟧) out of",
        "Reisepass ..........: ⟦C8HFX5YK5⟧",
        "Passport number ________ ⟦NUFEZB3T6⟧",
    ],
    look_alikes: &[
        "passport 2024",
        "a copy of 533401372",
        "passport renewal in 12345 offices",
        "passport.js 10.20.30",
        "passport-local v1.0.0",
        "X12345678",
        "passport issued 2019-04-11",
        "passport 0.7.0",
        "the passport office, room 123456",
    ],
};

pub(super) const DRIVER_LICENSE: Detector = Detector {
    name: "driver-license",
    label: "DRIVER_LICENSE",
    action: Action::Mask,
    shape: "5 to 18 letters and digits right after words such as `driver's license no.`",
    validator: "at least five digits",
    score: 87,
    trigger: Trigger::Announced(LICENSE),
    find: |text, run| LICENSES.find(text.as_bytes(), &run),
    positives: &[
        "Driver's License: ⟦D1234567⟧",
        "driver’s license number ⟦D123-4567-8901⟧",
        "DL# ⟦A1234567⟧",
        "DL: ⟦12345678⟧",
        "driving licence ⟦MORGA657054SM9IJ⟧",
        "Führerscheinnummer: ⟦B072RRE2I55⟧",
        "permis de conduire n° ⟦123456789012⟧",
        "permiso de conducir ⟦12345678Z⟧",
        "patente di guida n. ⟦U1H123456X⟧",
        "rijbewijsnummer ⟦5234567890⟧",
        "prawo jazdy nr ⟦12345/06/1234⟧",
        "CNH: ⟦12345678901⟧",
        "驾驶证号：⟦430523198506142212⟧",
        "\"driver_license\": \"⟦D1234567⟧\"",
    ],
    look_alikes: &[
        "D1234567",
        "driver license 2.0",
        "MIT license 2024",
        "a driver's license costs 12345",
        "dl 12",
        "glucose 98 mg/dL 70-105",
        "Hb 11.2 g/dL (12.0-15.5)",
        "| mg/dL | 70-10534 |",
        "mg/dl 135-14522, MG/DL 135-14522",
        "dL 70-10534",
        "license: Apache-2.0",
    ],
};

pub(super) const UK_LICENSE: Detector = Detector {
    name: "uk-driving-licence",
    label: "DRIVER_LICENSE",
    action: Action::Mask,
    shape: "five letters or nines, six digits of a date, two initials, three characters",
    validator: "month (women: and 5), day",
    score: 88,
    trigger: Trigger::Digits(Runs::WORD),
    find: |text, run| UK.find(text.as_bytes(), &run),
    positives: &["⟦MORGA657054SM9IJ⟧", "licence ⟦FOX99753116SM9IJ⟧"],
    look_alikes: &["MORGA999999SM9IJ", "MORGA657054SM9I", "ABCDE1234567890X"],
};

pub(super) const MEDICAL_ID: Detector = Detector {
    name: "medical-id",
    label: "MEDICAL_ID",
    action: Action::Mask,
    shape: "4 to 18 digits and a few letters right after words such as `MRN`, `patient ID`, `NHS number`, `Versichertennummer`",
    validator: "at least four digits",
    score: 87,
    trigger: Trigger::Announced(MEDICAL),
    find: |text, run| {
        let hit = MEDICAL_NUMBERS.find(text.as_bytes(), &run)?;
        // A standard; the number of a Brazilian card is longer.
        let standard = hit.len() < 11 && text.as_bytes()[..hit.start].ends_with(b"CNS ");
        (!standard).then_some(hit)
    },
    positives: &[
        "MRN ⟦12345678⟧",
        "MRN: ⟦00-12-34-56⟧",
        "Patient ID: ⟦P-104832⟧",
        "patient_id=⟦104832⟧",
        "NHS number ⟦943 476 5919⟧",
        "NHS No: ⟦9434765919⟧",
        "Medicare ⟦1EG4-TE5-MK73⟧",
        "NPI ⟦1234567893⟧",
        "Versichertennummer: ⟦A123456780⟧",
        "KVNR ⟦A 123 456 780⟧",
        "Patientennummer ⟦4711-0815⟧",
        "dossier médical n° ⟦123456⟧",
        "historia clínica ⟦1234567⟧",
        "tessera sanitaria ⟦80380000123456789012⟧",
        "patiëntnummer ⟦1234567⟧",
        "cartão SUS ⟦898 0012 3456 7890⟧",
        "病历号：⟦20240315⟧",
        "Member ID: ⟦XYZ123456789⟧",
        "Pat. Nr. ⟦884422⟧",
        "insurance_no: ⟦55012231⟧",
        "{\"policy_number\": \"⟦PX-5501223⟧\"}",
        "GMC no. ⟦4512345⟧",
        "Vers.-Nr. ⟦M123456789⟧",
        "n.º de utente ⟦123456789⟧, nascido",
        "Lab no. ⟦L25-0093412⟧",
        "Specimen ID: ⟦S-2093412⟧",
    ],
    look_alikes: &[
        "U.S. Pat. No. 7123456",
        "GMC 2500 HD",
        "patient 12 of 30",
        "the medical record of 2023",
        "medicare 65",
        "A123456780",
        "943 476 591",
        "patient id column 12345",
        "CNS 11643 and GB 18030",
        "the lab no 12 of 14",
    ],
};

pub(super) const MEDICAL_NUMBER: Detector = Detector {
    name: "medical-number",
    label: "MEDICAL_ID",
    action: Action::Mask,
    shape: "Medicare beneficiary identifier; with a word nearby NHS, NPI, KVNR and Australian Medicare numbers",
    validator: "the scheme's letters and check digits",
    score: 86,
    trigger: Trigger::Digits(Runs::of(1, 15).and(Runs::WORD)),
    find: |text, run| MEDICAL_FORMS.find(text.as_bytes(), &run),
    positives: &[
        "⟦1EG4TE5MK73⟧",
        "claim ⟦1EG4-TE5-MK73⟧",
        "her number, ⟦943 476 5919⟧, is an NHS number",
        "Krankenkasse AOK, ⟦A123456780⟧",
        "Medicare card ⟦2123 45670 1⟧",
        "CHI ⟦0305511009⟧.",
        "CHI: ⟦030551 1009⟧",
    ],
    look_alikes: &["CHI 0305511008", "chi 9305511009", "1SG4TE5MK73", "1EG4-TE5-MK7", "B123456781"],
};

pub(super) const VIN: Detector = Detector {
    name: "vin",
    label: "VEHICLE_ID",
    action: Action::Mask,
    shape: "17 letters and digits without I, O and Q",
    validator: "the check digit at the ninth place, or a word such as `VIN` nearby",
    score: 82,
    trigger: Trigger::Digits(Runs::WORD),
    find: |text, run| VINS.find(text.as_bytes(), &run),
    positives: &[
        "VIN ⟦1HGCM82633A004352⟧",
        "⟦1M8GDM9AXKP042788⟧",
        "Fahrgestellnummer ⟦WVWZZZ1JZXW000001⟧",
    ],
    look_alikes: &[
        "1HGCM82634A004352",
        "11111111111111111",
        "WVWZZZ1JZXW000001",
        "ABCDEFGHJKLMN1234",
    ],
};

pub(super) const PLATE: Detector = Detector {
    name: "vehicle-plate",
    label: "VEHICLE_ID",
    action: Action::Mask,
    shape: "3 to 9 letters and digits right after words such as `license plate`, `Kennzeichen`",
    validator: "a letter and a digit at least",
    score: 60,
    trigger: Trigger::Announced(VEHICLE),
    find: |text, run| {
        let bytes = text.as_bytes();
        let hit = PLATES.find(bytes, &run)?;
        // Much else is registered.
        const WEAK: &[&str] = &["registration", "reg", "registered"];
        const SURE: &[&str] = &["plate", "vehicle", "car", "van"];
        let weak = super::text::said_before(bytes, hit.start, 28, WEAK)
            && !super::text::said_before(bytes, hit.start, 28, SURE);
        let plate = &bytes[hit.clone()];
        let fits = plate.iter().any(u8::is_ascii_uppercase) && (!weak || is_british(plate));
        fits.then_some(hit)
    },
    positives: &[
        "license plate ⟦7ABC123⟧",
        "Kennzeichen ⟦B-AB 1234⟧",
        "plaque d'immatriculation : ⟦AB-123-CD⟧",
        "matrícula ⟦1234 BCD⟧",
        "targa ⟦AB123CD⟧",
        "nr rejestracyjny ⟦WA 12345⟧",
        "placa ⟦ABC1D23⟧",
        "licence plate: ⟦WR71 KLB⟧.",
        "a grey Golf, registration ⟦WR71 KLB⟧, was",
        "reg ⟦WR71KLB⟧",
    ],
    look_alikes: &[
        "registration AB12345",
        "registration 4711 B",
        "Reg. 12 AB",
        "plate 12",
        "number plates 2024",
        "placa 10",
        "the plate weighs 1234 g",
    ],
};

const PASSPORTS: Announced = Announced { topics: PASSPORT, digits: (5, 10), letters: 4 };
const LICENSES: Announced = Announced { topics: LICENSE, digits: (5, 18), letters: 8 };
const MEDICAL_NUMBERS: Announced = Announced { topics: MEDICAL, digits: (4, 20), letters: 5 };
const PLATES: Announced = Announced { topics: VEHICLE, digits: (1, 5), letters: 6 };

static UK: LazyLock<Forms> = LazyLock::new(|| {
    Forms::new(&[Form { pattern: "XXXXX999999AXXAA", valid: uk_license, needs: 0 }])
});

static MEDICAL_FORMS: LazyLock<Forms> = LazyLock::new(|| {
    let form = |pattern, valid, needs| Form { pattern, valid, needs };
    Forms::new(&[
        form("9AX9AX9AA99", mbi, 0),
        form("9AX9-AX9-AA99", mbi, 0),
        form("999 999 9999", nhs, MEDICAL),
        form("9999999999", chi, CHI),
        form("999999 9999", chi, CHI),
        form("999 999 9999", chi, CHI),
        form("9999999999", nhs, MEDICAL),
        form("9999999999", npi, MEDICAL),
        form("A999999999", kvnr, MEDICAL),
        form("9999 99999 9", au_medicare, MEDICAL),
        form("9999999999", au_medicare, MEDICAL),
    ])
});

static VINS: LazyLock<Forms> = LazyLock::new(|| {
    Forms::new(&[
        Form { pattern: "XXXXXXXXXXXXXXXXX", valid: vin, needs: 0 },
        Form { pattern: "XXXXXXXXXXXXXXXXX", valid: vin_shape, needs: VEHICLE },
    ])
});

fn uk_license(n: &[u8]) -> bool {
    let letters = n[..5].iter().take_while(|b| b.is_ascii_uppercase()).count();
    let month = super::check::number(&n[6..8]) % 50;
    letters > 0
        && n[letters..5].iter().all(|b| *b == b'9')
        && n[6] != b'9'
        && (1..=12).contains(&month)
        && (1..=31).contains(&super::check::number(&n[8..10]))
        && (n[12].is_ascii_uppercase() || n[12] == b'9')
}

/// The letters of Medicare beneficiary identifiers leave out S, L, O, I, B and Z.
fn mbi(n: &[u8]) -> bool {
    n[0] != b'0' && n.iter().all(|b| !b"SLOIBZ".contains(b))
}

pub(super) fn nhs(n: &[u8]) -> bool {
    let rest = 11 - weighted(n, &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    rest != 10 && rest % 11 == value(n[9])
}

/// Scotland: the date of birth, then four digits, the last of which checks them all.
fn chi(n: &[u8]) -> bool {
    super::check::is_date(&n[2..4], &n[..2]) && nhs(n)
}

fn npi(n: &[u8]) -> bool {
    matches!(n[0], b'1' | b'2') && luhn(&[b"80840", n].concat())
}

fn kvnr(n: &[u8]) -> bool {
    let letter = n[0] - b'A' + 1;
    let digits = [&[b'0' + letter / 10, b'0' + letter % 10], &n[1..9]].concat();
    let sum: u32 = digits
        .iter()
        .enumerate()
        .map(|(i, d)| value(*d) * if i % 2 == 0 { 1 } else { 2 })
        .map(|product| product / 10 + product % 10)
        .sum();
    sum % 10 == value(n[9])
}

fn au_medicare(n: &[u8]) -> bool {
    matches!(n[0], b'2'..=b'6') && weighted(n, &[1, 3, 7, 9, 1, 3, 7, 9]) % 10 == value(n[8])
}

fn vin_shape(n: &[u8]) -> bool {
    let digits = n.iter().filter(|b| b.is_ascii_digit()).count();
    n.iter().all(|b| !b"IOQ".contains(b))
        && (4..=14).contains(&digits)
        && n[13..].iter().all(u8::is_ascii_digit)
}

/// The check digit of 49 CFR 565.
fn vin(n: &[u8]) -> bool {
    if !vin_shape(n) {
        return false;
    }
    let code = |b: u8| match b {
        b'0'..=b'9' => value(b),
        b'A'..=b'H' => u32::from(b - b'A') + 1,
        b'J'..=b'R' => u32::from(b - b'J') + 1,
        letter => u32::from(letter - b'S') + 2,
    };
    let weights = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
    let sum: u32 = n.iter().zip(weights).map(|(b, weight)| code(*b) * weight).sum();
    b"0123456789X"[(sum % 11) as usize] == n[8]
}

/// Two letters, two digits, three letters.
fn is_british(plate: &[u8]) -> bool {
    let shape: Vec<u8> = plate.iter().copied().filter(|b| *b != b' ').collect();
    shape.len() == 7
        && shape[2..4].iter().all(u8::is_ascii_digit)
        && shape[..2].iter().chain(&shape[4..]).all(u8::is_ascii_uppercase)
}

/// The plates of the Chinese mainland.
pub(super) const CN_PLATE: Detector = Detector {
    name: "chinese-plate",
    shape: "a province, a letter, five or six letters and digits behind `车牌`",
    validator: "a province that there is, and a digit",
    score: 70,
    trigger: Trigger::Literals(&["车牌", "車牌", "号牌"]),
    find: |text, at| {
        const LEADS: &[char] = &['号', '號', '码', '碼', '为', '是', '：', ':', ' '];
        const PROVINCES: &str = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼";
        let rest = &text[at.end..];
        let plate = rest.char_indices().take(5).find(|(_, c)| !LEADS.contains(c))?;
        let start = at.end + plate.0;
        let mut chars = text[start..].char_indices();
        let known = chars.next().is_some_and(|(_, c)| PROVINCES.contains(c))
            && chars.next().is_some_and(|(_, c)| c.is_ascii_uppercase());
        let (first, joint) = chars.next().filter(|_| known)?;
        let from = start + first + if "·•- ".contains(joint) { joint.len_utf8() } else { 0 };
        let code = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
        let end = super::text::run_end(text.as_bytes(), from, 8, code);
        let body = &text[from..end];
        (matches!(body.len(), 5 | 6) && body.bytes().any(|b| b.is_ascii_digit()))
            .then_some(start..end)
    },
    positives: &["车牌⟦沪A·8K712⟧", "车牌号：⟦粤B12345⟧，", "号牌为⟦京AD12345⟧的车"],
    look_alikes: &["车牌A1", "车牌沪A", "车牌号码是多少", "沪A"],
    ..PLATE
};

pub(super) const MRZ: Detector = Detector {
    name: "machine-readable-zone",
    label: "PASSPORT",
    action: Action::Mask,
    shape: "the second line of a passport, with the first where it stands above; the lines of identity cards",
    validator: "check digits of document number, birth and expiry (ICAO 9303)",
    score: 99,
    trigger: Trigger::Literals(&["<<<"]),
    find: mrz,
    positives: &[
        "⟦P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10⟧",
        "scan: ⟦L898902C36UTO7408122F1204159ZE184226B<<<<<10⟧ ok",
        "⟦I<UTOD231458907<<<<<<<<<<<<<<<\n7408122F1204159UTO<<<<<<<<<<<6\nERIKSSON<<ANNA<MARIA<<<<<<<<<<⟧",
    ],
    look_alikes: &[
        "a << b",
        "cout << \"x\" << 12;",
        "L898902C37UTO7408122F1204159ZE184226B<<<<<10",
        "<<<<<<<<<< HEAD",
    ],
};

/// The lines of a machine-readable zone around the `<<` at `at`.
fn mrz(text: &str, at: std::ops::Range<usize>) -> Option<std::ops::Range<usize>> {
    let bytes = text.as_bytes();
    let part = |b: &u8| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b'<';
    let back = bytes[at.start.saturating_sub(45)..at.start].iter().rev().take_while(|b| part(b));
    let start = at.start - back.count();
    let line = |start: usize| {
        let window = &bytes[start..bytes.len().min(start + 46)];
        start..start + window.iter().position(|b| !part(b)).unwrap_or(window.len())
    };
    let next = |end: usize| match bytes.get(end..) {
        Some([b'\r', b'\n', ..]) => Some(line(end + 2)),
        Some([b'\n', ..]) => Some(line(end + 1)),
        Some([b'\\', b'n', ..]) => Some(line(end + 2)),
        _ => None,
    };
    let first = line(start);
    let passport = |line: &std::ops::Range<usize>| {
        let n = &bytes[line.clone()];
        matches!(n.len(), 36 | 44)
            && checked(&n[..10])
            && checked(&n[13..20])
            && checked(&n[21..28])
    };
    match first.len() {
        36 | 44 if passport(&first) => Some(first),
        36 | 44 => {
            let second = next(first.end)?;
            (second.len() == first.len() && passport(&second)).then_some(first.start..second.end)
        }
        30 => {
            let second = next(first.end)?;
            let third = next(second.end)?;
            let n = &bytes[second.clone()];
            let fits = n.len() == 30 && third.len() == 30 && checked(&n[..7]) && checked(&n[8..15]);
            (fits && checked(&bytes[first.start + 5..first.start + 15]))
                .then_some(first.start..third.end)
        }
        _ => None,
    }
}

/// Whether the last digit of a field checks the rest.
fn checked(field: &[u8]) -> bool {
    field
        .split_last()
        .is_some_and(|(check, body)| check.is_ascii_digit() && icao(body) == value(*check))
}
