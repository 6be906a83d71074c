//! National identity and tax numbers.

use std::ops::Range;
use std::sync::LazyLock;

use super::context::{self, IDENTITY, NATIONAL, STAFF};
use super::digits::{Groups, Runs, Separator, continues_left, continues_right, in_a_row};
use super::form::{Announced, Form, Forms};
use super::{Detector, Trigger, text};
use crate::redact::Action;

pub(super) const SSN: Detector = Detector {
    name: "us-ssn",
    label: "NATIONAL_ID",
    action: Action::Mask,
    shape: "ddd-dd-dddd, with dashes or spaces; nine bare digits beside `ssn`",
    validator: "area not 000, 666 or 9xx, group not 00, serial not 0000",
    score: 85,
    trigger: Trigger::Digits(Runs::of(3, 3).and(Runs::of(9, 9))),
    find,
    positives: &[
        "SSN ⟦536-22-8141⟧.",
        "⟦536 22 8141⟧",
        "ssn=⟦536228141⟧",
        "social security number: ⟦536228141⟧",
        "\"⟦536-22-8141⟧\"",
        "\\n⟦536-22-8141⟧",
        "x/⟦536-22-8141⟧",
        "⟦536–22–8141⟧",
        "id%3D⟦536-22-8141⟧%26",
        "%20⟦536-22-8141⟧",
        "{\\u0022ssn\\u0022:\\u0022⟦536-22-8141⟧\\u0022}",
        "\x1b[31m⟦536-22-8141⟧\x1b[0m",
        "(⟦536-22-8141⟧)",
    ],
    look_alikes: &[
        "000-12-3456",
        "666-12-3456",
        "123-00-4567",
        "123-45-0000",
        "1123-45-6789",
        "123-45-67890",
        "123-45-6789-01",
        "01-123-45-6789",
        "536228141",
        "order 536 22 8141 7",
        "a536-22-8141",
        "536-22.8141",
    ],
};

pub(super) const NATIONAL_NUMBER: Detector = Detector {
    name: "national-number",
    label: "NATIONAL_ID",
    action: Action::Mask,
    shape: "the written forms of some thirty countries, such as CPF `123.456.789-09`, DNI `12345678Z`, PESEL, Aadhaar, the Chinese resident number",
    validator: "the scheme's check digits and dates; a word such as `bsn` nearby where plain digits pass by chance",
    score: 84,
    trigger: Trigger::Digits(Runs::of(1, 19).and(Runs::WORD)),
    find: |text, run| {
        let bytes = text.as_bytes();
        FORMS.find(bytes, &run).or_else(|| {
            // Most runs begin none of these.
            let shaped = run.len() == 8 || run.len() == 2 && bytes.get(run.end) == Some(&b'.');
            let hit = shaped.then(|| SHAPES.find(bytes, &run)).flatten()?;
            (context::before(bytes, hit.start).announced & NATIONAL != 0).then_some(hit)
        })
    },
    positives: &[
        "ITIN ⟦912-70-1234⟧",
        "NINO ⟦AB 12 34 56 C⟧,",
        "⟦AB123456C⟧",
        "Steuer-ID: ⟦86 095 742 719⟧",
        "steuer_id=⟦86095742719⟧",
        "RV-Nummer ⟦15 070649 C 103⟧",
        "⟦15070649C103⟧",
        "NIR ⟦2 55 08 14 168 025 38⟧",
        "⟦255081416802538⟧",
        "né en Corse, ⟦1 85 05 2A 123 456 33⟧",
        "DNI ⟦12345678Z⟧",
        "con DNI ⟦12.345.678-Z⟧.",
        "NIE ⟦X1234567L⟧",
        "NIE: ⟦X-1234567-L⟧",
        "C.F. ⟦RSSMRA85T10A562S⟧",
        "⟦rssmra85t10a562s⟧",
        "BSN ⟦111222333⟧",
        "burgerservicenummer: ⟦1112.22.333⟧",
        "PESEL ⟦44051401359⟧",
        "o numerze ⟦44051401359⟧ (PESEL)",
        "NIP ⟦526-104-08-28⟧",
        "dowód osobisty ⟦ABA300000⟧",
        "CPF: ⟦529.982.247-25⟧",
        "con CIF ⟦A58818501⟧,",
        "C.I.F.: ⟦B65410011⟧",
        "CIF ⟦Q2826000H⟧",
        "cpf ⟦52998224725⟧",
        "CNPJ ⟦11.222.333/0001-81⟧",
        "Aadhaar ⟦2341 2341 2346⟧",
        "aadhaar_number: \"⟦234123412346⟧\"",
        "PAN ⟦ABCPE1234F⟧",
        "身份证号⟦11010519491231002X⟧。",
        "⟦440307198506144212⟧ 身份证",
        "AHV ⟦756.9217.0769.85⟧",
        "rijksregisternummer ⟦85.07.30-033.28⟧",
        "SVNR ⟦1237 010180⟧",
        "NIF ⟦501964843⟧",
        "personnummer ⟦811218-9876⟧",
        "CPR ⟦070761-4285⟧",
        "hetu ⟦131052-308T⟧",
        "PPS number ⟦1234567T⟧",
        "SIN ⟦046-454-286⟧",
        "TFN ⟦123 456 782⟧",
        "CURP ⟦HEGG560427MVZRRL04⟧",
        "주민등록번호 ⟦900101-1234568⟧",
        "マイナンバー ⟦1234 5678 9018⟧",
        "RSA ID ⟦8001015009087⟧",
        "TC Kimlik No: ⟦10000000146⟧",
        "RUT ⟦12.345.678-5⟧",
        "con CIF ⟦B96412875⟧.",
        "portador do RG ⟦44.812.907-3⟧",
    ],
    look_alikes: &[
        "529.982.247-26",
        "11010519491231002Y",
        "110105194912310022",
        "RSSMRA85T10A562T",
        "order 111222333",
        "ref 44051401359",
        "EAN 4006381333931",
        "123456789012",
        "12345678A",
        "X1234567A",
        "HEGG560427MVZRRL05",
        "tracking 9400 1000 0000 0000 0000 00",
        "commit 15070649C104",
        "1 2 3 4 5 6 7 8 9",
        "640 480 1024 768",
        "12 345 678 901",
        "AB-12-34-56-C-7",
        "2024-11-21 255081416802539",
        "GPU RTX4090 on AB12",
        "SKU AB123456C-X",
        "id=529982247",
        "Nota fiscal 000.123.456, pedido 77120",
        "epoch 5cf 1759487617320",
    ],
};

pub(super) const ANNOUNCED_ID: Detector = Detector {
    name: "announced-national-number",
    label: "NATIONAL_ID",
    action: Action::Mask,
    shape: "6 to 18 digits and up to four letters right after words such as `national insurance number`",
    validator: "none: where the word says so, a mistyped number is somebody's too",
    score: 60,
    trigger: Trigger::Announced(IDENTITY),
    find: |text, run| ANNOUNCED.find(text.as_bytes(), &run),
    positives: &[
        "NINO: ⟦QQ123456C⟧",
        "national insurance number is ⟦QQ 12 34 56 C⟧.",
        "Steuer-ID: ⟦12 345 678 901⟧",
        "Personalausweisnummer: ⟦L01X00T471⟧",
        "numer dowodu: ⟦ABC 123456⟧",
        "\"national_id\": \"⟦1234567890⟧\"",
        "身份证号：⟦123456789012345678⟧",
        "CPF ⟦123.456.789-00⟧",
        "P.IVA ⟦01234560157⟧, sede",
        "P. IVA: ⟦01234560157⟧",
        "legitymujący się dowodem osobistym ⟦CFA 774120⟧",
        "SIRET ⟦30326504500014⟧",
        "SIRET : ⟦303 265 045 00014⟧",
    ],
    look_alikes: &[
        "CIF 120000 EUR",
        "part B96412875",
        "RG 44",
        "price 44.812.907-3",
        "national insurance costs 12345",
        "ssn: 123",
        "dni 2024",
        "cpf_count = 123",
        "social security act 1935",
    ],
};

pub(super) const STAFF_NUMBER: Detector = Detector {
    name: "staff-number",
    shape: "4 to 12 digits and a few letters right after words such as `employee ID`, `Personalnr.`, `matricule`",
    validator: "at least four digits",
    score: 58,
    trigger: Trigger::Announced(STAFF),
    find: |text, run| STAFF_NUMBERS.find(text.as_bytes(), &run),
    positives: &[
        "Personalnr.: ⟦4471882⟧",
        "Personalnummer ⟦10442⟧",
        "matricule ⟦0048127⟧, demeurant",
        "employee_id: ⟦E-10442⟧",
        "Employee ID ⟦10442⟧",
        "Matrikelnummer: ⟦1234567⟧",
        "numero matricola ⟦778120⟧",
        "工号：⟦100233⟧",
        "matricule;nom\n⟦77120⟧;x\n⟦77121⟧;y\n",
    ],
    look_alikes: &[
        "employee 12 of 300",
        "employee id column 10442",
        "matricola 12",
        "EmployeeId: int",
        "student number 7",
    ],
    ..ANNOUNCED_ID
};

static FORMS: LazyLock<Forms> = LazyLock::new(|| Forms::new(super::national_forms::FORMS));

/// Forms that are enough right behind their own word, whatever their check digits say.
static SHAPES: LazyLock<Forms> = LazyLock::new(|| {
    let form = |pattern, valid| Form { pattern, valid, needs: NATIONAL };
    Forms::new(&[
        form("A99999999", |n| b"ABCDEFGHJNPQRSUVW".contains(&n[0])),
        form("99.999.999-9", |n| !super::check::is_flat(n)),
        form("99.999.999-A", |n| n.last() == Some(&b'X')),
    ])
});

const STAFF_NUMBERS: Announced = Announced { topics: STAFF, digits: (4, 12), letters: 4 };
const ANNOUNCED: Announced = Announced { topics: IDENTITY, digits: (6, 18), letters: 6 };

fn find(text: &str, run: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    if !text::word_start(bytes, run.start) || continues_left(bytes, run.start) {
        return None;
    }
    if run.len() == 9 {
        let closed = text::word_end(bytes, run.end) && !continues_right(bytes, run.end);
        let named = || context::around(bytes, run.start, run.end).near & IDENTITY != 0;
        return (closed && assignable(&bytes[run.clone()]) && named()).then_some(run);
    }
    if run.len() != 3 {
        return None;
    }
    let groups = Groups::read(bytes, run.start, 3);
    let [3, 2, 4, ..] = groups.shape() else { return None };
    let separator = groups.separator(0);
    if groups.separator(1) != separator || !matches!(separator, Separator::Dash | Separator::Space)
    {
        return None;
    }
    let range = run.start..groups.end(2);
    let digits: Vec<u8> = (0..3).flat_map(|i| groups.digits(bytes, i)).copied().collect();
    let closed = text::word_end(bytes, range.end) && !continues_right(bytes, range.end);
    let alone = separator == Separator::Dash || !in_a_row(bytes, &range);
    (assignable(&digits) && closed && alone).then_some(range)
}

/// The rules of the Social Security Administration for numbers that can be assigned.
fn assignable(digits: &[u8]) -> bool {
    let (area, group, serial) = (&digits[..3], &digits[3..5], &digits[5..]);
    area != b"000" && area != b"666" && area[0] != b'9' && group != b"00" && serial != b"0000"
}
