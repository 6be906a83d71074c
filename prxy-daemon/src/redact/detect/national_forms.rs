//! How countries write their identity numbers, and what their check digits demand.

use super::check::{
    icao, is_date, is_flat, luhn, mod11_2, mod11_10, number, value, verhoeff, weighted,
};
use super::context::NATIONAL;
use super::form::Form;

/// A form that is enough by itself.
const fn sure(pattern: &'static str, valid: fn(&[u8]) -> bool) -> Form {
    Form { pattern, valid, needs: 0 }
}

/// A form that many other numbers have too.
const fn named(pattern: &'static str, valid: fn(&[u8]) -> bool) -> Form {
    Form { pattern, valid, needs: NATIONAL }
}

/// Every form, by country.
pub(super) const FORMS: &[Form] = &[
    // United States: ITIN.
    sure("999-99-9999", itin),
    named("999 99 9999", itin),
    named("999999999", itin),
    // United Kingdom: national insurance number.
    sure("AA 99 99 99 A", nino),
    sure("AA999999A", nino),
    sure("AA 999999 A", nino),
    sure("AA-99-99-99-A", nino),
    // Germany: tax number, pension insurance number, identity card.
    sure("99 999 999 999", de_tax),
    named("99999999999", de_tax),
    named("999 9999 9999", de_tax),
    sure("99999999A999", de_pension),
    sure("99 999999 A 999", de_pension),
    named("AXXXXXXXX9", card_check),
    // France: social security number with its key.
    sure("999999999999999", fr_nir),
    sure("9 99 99 99 999 999 99", fr_nir),
    sure("9 99 99 99 999 999/99", fr_nir),
    sure("9 99 99 9A 999 999 99", fr_nir),
    sure("999999A99999999", fr_nir),
    named("9 99 99 99 999 999", fr_nir_short),
    named("9999999999999", fr_nir_short),
    // Spain.
    sure("99999999A", es_dni),
    sure("99999999-A", es_dni),
    sure("99.999.999-A", es_dni),
    sure("99.999.999A", es_dni),
    sure("99 999 999 A", es_dni),
    named("99999999 A", es_dni),
    sure("A9999999A", es_nie),
    sure("A-9999999-A", es_nie),
    sure("A-9999999A", es_nie),
    named("A9999999X", es_cif),
    // Italy.
    sure("AAAAAAXXAXXAXXXA", codice_fiscale),
    // Netherlands.
    named("999999999", nl_bsn),
    named("999 999 999", nl_bsn),
    named("999.999.999", nl_bsn),
    sure("9999.99.999", nl_bsn),
    // Poland: PESEL, tax number, identity card.
    named("99999999999", pesel),
    sure("999-999-99-99", pl_nip),
    sure("999-99-99-999", pl_nip),
    named("9999999999", pl_nip),
    named("AAA999999", pl_card),
    named("AAA 999999", pl_card),
    // Brazil: persons and companies.
    sure("999.999.999-99", cpf),
    named("99999999999", cpf),
    named("999 999 999 99", cpf),
    named("999999999-99", cpf),
    sure("99.999.999/9999-99", cnpj),
    named("99999999999999", cnpj),
    // India: Aadhaar and PAN.
    sure("9999 9999 9999", aadhaar),
    sure("9999-9999-9999", aadhaar),
    named("999999999999", aadhaar),
    sure("AAAAA9999A", in_pan),
    // China.
    sure("999999999999999999", cn_id),
    sure("99999999999999999A", cn_id),
    sure("999999 99999999 9999", cn_id),
    sure("999999 99999999 999A", cn_id),
    // Switzerland.
    sure("756.9999.9999.99", ch_ahv),
    sure("7569999999999", ch_ahv),
    sure("756 9999 9999 99", ch_ahv),
    // Belgium.
    sure("99.99.99-999.99", be),
    named("99999999999", be),
    named("999999-999-99", be),
    // Austria.
    named("9999 999999", at_svnr),
    named("9999999999", at_svnr),
    named("9999-999999", at_svnr),
    // Portugal.
    named("999999999", pt_nif),
    named("999 999 999", pt_nif),
    // Sweden, Denmark, Finland, Norway.
    sure("999999-9999", se),
    sure("99999999-9999", |n| se(&n[2..]) && matches!(n[0], b'1' | b'2')),
    named("9999999999", se),
    named("999999999999", |n| se(&n[2..])),
    named("999999-9999", dk),
    named("9999999999", dk),
    sure("999999-999X", fi),
    sure("999999A999X", |n| fi(&[&n[..6], &n[7..]].concat())),
    named("99999999999", no),
    sure("999999 99999", no),
    // Ireland.
    named("9999999A", ie_pps),
    named("9999999AA", ie_pps),
    // Canada, Australia.
    named("999-999-999", ca_sin),
    named("999 999 999", ca_sin),
    named("999999999", ca_sin),
    named("999 999 999", au_tfn),
    named("999999999", au_tfn),
    // Mexico.
    sure("AAAA999999AAAAAAX9", curp),
    sure("AAAA999999XXX", rfc),
    sure("AAAA-999999-XXX", rfc),
    // Korea, Japan, South Africa, Turkey.
    sure("999999-9999999", kr),
    named("9999 9999 9999", jp),
    named("999999999999", jp),
    named("9999999999999", za),
    named("999999 9999 999", za),
    named("99999999999", tr),
    // Chile, Singapore.
    sure("99.999.999-X", cl_rut),
    sure("9.999.999-X", cl_rut),
    named("99999999-X", cl_rut),
    sure("A9999999A", sg),
];

/// The tax number of a company (Orden EHA/451/2008).
fn es_cif(n: &[u8]) -> bool {
    let sum: u32 = n[1..8]
        .iter()
        .enumerate()
        .map(|(i, d)| {
            let digit = value(*d) * if i % 2 == 0 { 2 } else { 1 };
            digit / 10 + digit % 10
        })
        .sum();
    let check = (10 - sum % 10) % 10;
    let letter = b"JABCDEFGHI"[check as usize];
    b"ABCDEFGHJNPQRSUVW".contains(&n[0])
        && match n[8] {
            b'0'..=b'9' => value(n[8]) == check && !b"NPQRSW".contains(&n[0]),
            other => other == letter && !b"ABEH".contains(&n[0]),
        }
}

fn itin(n: &[u8]) -> bool {
    n[0] == b'9' && matches!(number(&n[3..5]), 50..=65 | 70..=88 | 90..=92 | 94..=99)
}

/// HMRC's rules for prefixes and suffixes.
fn nino(n: &[u8]) -> bool {
    !b"DFIQUV".contains(&n[0])
        && !b"DFIOQUV".contains(&n[1])
        && ![b"BG", b"GB", b"NK", b"KN", b"TN", b"NT", b"ZZ"].iter().any(|p| &n[..2] == *p)
        && matches!(n[8], b'A'..=b'D')
}

/// Of the first ten digits one stands twice or three times and the others once at most.
fn de_tax(n: &[u8]) -> bool {
    let mut counts = [0_u8; 10];
    n[..10].iter().for_each(|d| counts[value(*d) as usize] += 1);
    let repeated = counts.iter().filter(|count| **count > 1).count();
    n[0] != b'0' && repeated == 1 && counts.iter().all(|count| *count <= 3) && mod11_10(n)
}

fn de_pension(n: &[u8]) -> bool {
    let letter = u32::from(n[8] - b'A') + 1;
    let digits: Vec<u8> = n[..8]
        .iter()
        .copied()
        .chain([b'0' + (letter / 10) as u8, b'0' + (letter % 10) as u8])
        .chain(n[9..].iter().copied())
        .collect();
    let weights = [2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1];
    let sum: u32 = digits
        .iter()
        .zip(weights)
        .map(|(d, weight)| value(*d) * weight)
        .map(|product| product / 10 + product % 10)
        .sum();
    is_date(&n[4..6], &n[2..4]) && sum % 10 == value(n[11])
}

/// Serial numbers of identity cards and passports: the last digit checks the others.
pub(super) fn card_check(n: &[u8]) -> bool {
    let Some((check, body)) = n.split_last() else { return false };
    body.iter().filter(|b| b.is_ascii_digit()).count() >= 2 && icao(body) == value(*check)
}

fn fr_nir(n: &[u8]) -> bool {
    // The departments of Corsica count as 19 and 18.
    let mut digits = n.to_vec();
    if digits[6].is_ascii_alphabetic() {
        match &n[5..7] {
            b"2A" => digits[5..7].copy_from_slice(b"19"),
            b"2B" => digits[5..7].copy_from_slice(b"18"),
            _ => return false,
        }
    }
    fr_nir_short(&digits[..13]) && 97 - number(&digits[..13]) % 97 == number(&digits[13..])
}

fn fr_nir_short(n: &[u8]) -> bool {
    let month = number(&n[3..5]);
    matches!(n[0], b'1' | b'2' | b'3' | b'4' | b'7' | b'8')
        && matches!(month, 1..=12 | 20..=42 | 50..=99)
        && &n[5..7] != b"00"
}

fn es_dni(n: &[u8]) -> bool {
    DNI[(number(&n[..8]) % 23) as usize] == n[8]
}

fn es_nie(n: &[u8]) -> bool {
    let first = match n[0] {
        b'X' => 0,
        b'Y' => 1,
        b'Z' => 2,
        _ => return false,
    };
    DNI[((first * 10_000_000 + number(&n[1..8])) % 23) as usize] == n[8]
}

fn codice_fiscale(n: &[u8]) -> bool {
    // Namesakes have letters in place of digits.
    let digit = |b: u8| match b {
        b'0'..=b'9' => Some(b),
        letter => b"LMNPQRSTUV".iter().position(|known| *known == letter).map(|i| b'0' + i as u8),
    };
    let digits: Option<Vec<u8>> = [6, 7, 9, 10, 12, 13, 14].iter().map(|i| digit(n[*i])).collect();
    let Some(digits) = digits else { return false };
    let day = number(&digits[2..4]);
    if !b"ABCDEHLMPRST".contains(&n[8]) || !matches!(day, 1..=31 | 41..=71) {
        return false;
    }
    let index = |b: u8| if b.is_ascii_digit() { b - b'0' } else { b - b'A' };
    let sum: u32 = n[..15]
        .iter()
        .enumerate()
        .map(|(i, b)| {
            let at = index(*b);
            if i % 2 == 0 { ODD[usize::from(at)] } else { u32::from(at) }
        })
        .sum();
    u32::from(n[15].wrapping_sub(b'A')) == sum % 26
}

pub(super) fn nl_bsn(n: &[u8]) -> bool {
    let sum = weighted(n, &[9, 8, 7, 6, 5, 4, 3, 2]);
    !is_flat(n) && sum >= value(n[8]) && (sum - value(n[8])).is_multiple_of(11)
}

fn pesel(n: &[u8]) -> bool {
    let month = number(&n[2..4]) % 20;
    let sum = weighted(n, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]);
    (1..=12).contains(&month) && matches!(number(&n[4..6]), 1..=31) && sum.is_multiple_of(10)
}

fn pl_nip(n: &[u8]) -> bool {
    n[0] != b'0' && !is_flat(n) && weighted(n, &[6, 5, 7, 2, 3, 4, 5, 6, 7]) % 11 == value(n[9])
}

fn pl_card(n: &[u8]) -> bool {
    let code = |b: u8| if b.is_ascii_digit() { value(b) } else { u32::from(b - b'A') + 10 };
    let sum: u32 = n.iter().zip([7, 3, 1, 9, 7, 3, 1, 7, 3]).map(|(b, w)| code(*b) * w).sum();
    sum.is_multiple_of(10)
}

/// Two check digits, each over all before it.
fn two_checks(n: &[u8], first: &[u32], second: &[u32]) -> bool {
    let check = |weights: &[u32]| match weighted(n, weights) % 11 {
        0 | 1 => 0,
        rest => 11 - rest,
    };
    check(first) == value(n[first.len()]) && check(second) == value(n[second.len()])
}

fn cpf(n: &[u8]) -> bool {
    let weights = [11, 10, 9, 8, 7, 6, 5, 4, 3, 2];
    !is_flat(n) && two_checks(n, &weights[1..], &weights)
}

fn cnpj(n: &[u8]) -> bool {
    let weights = [6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2];
    !is_flat(n) && two_checks(n, &weights[1..], &weights)
}

fn aadhaar(n: &[u8]) -> bool {
    n[0] > b'1' && !is_flat(n) && verhoeff(n)
}

/// The fourth letter is the kind of holder.
fn in_pan(n: &[u8]) -> bool {
    b"PCFHABTGLJ".contains(&n[3]) && &n[5..9] != b"0000"
}

fn cn_id(n: &[u8]) -> bool {
    matches!(number(&n[..2]), 11..=15 | 21..=23 | 31..=37 | 41..=46 | 50..=54 | 61..=65 | 71 | 81..=83)
        && matches!(number(&n[6..10]), 1880..=2099)
        && is_date(&n[10..12], &n[12..14])
        && mod11_2(n)
}

fn ch_ahv(n: &[u8]) -> bool {
    n.starts_with(b"756")
        && weighted(n, &[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1]).is_multiple_of(10)
}

fn be(n: &[u8]) -> bool {
    let check = number(&n[9..]);
    let body = number(&n[..9]);
    number(&n[2..4]) % 20 <= 12
        && number(&n[4..6]) <= 31
        && (97 - body % 97 == check || 97 - (2_000_000_000 + body) % 97 == check)
}

fn at_svnr(n: &[u8]) -> bool {
    let sum = weighted(&n[..3], &[3, 7, 9]) + weighted(&n[4..], &[5, 8, 4, 2, 1, 6]);
    number(&n[6..8]) <= 13 && matches!(number(&n[4..6]), 1..=31) && sum % 11 == value(n[3])
}

fn pt_nif(n: &[u8]) -> bool {
    let check = match weighted(n, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11 {
        0 | 1 => 0,
        rest => 11 - rest,
    };
    matches!(n[0], b'1'..=b'3' | b'5'..=b'9') && !is_flat(n) && check == value(n[8])
}

fn se(n: &[u8]) -> bool {
    // From 61 on the day of those without a permanent number.
    is_date(&n[2..4], &[b'0' + (n[4] - b'0') % 6, n[5]]) && luhn(n)
}

fn dk(n: &[u8]) -> bool {
    is_date(&n[2..4], &n[..2])
}

fn fi(n: &[u8]) -> bool {
    let rest = number(&[&n[..6], &n[6..9]].concat()) % 31;
    is_date(&n[2..4], &n[..2]) && b"0123456789ABCDEFHJKLMNPRSTUVWXY"[rest as usize] == n[9]
}

fn no(n: &[u8]) -> bool {
    let first = weighted(n, &[3, 7, 6, 1, 8, 9, 4, 5, 2, 1]) % 11;
    let second = weighted(n, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]) % 11;
    // The day of a D-number is 40 more.
    let day = [b'0' + (n[0] - b'0') % 4, n[1]];
    is_date(&n[2..4], &day) && first == 0 && second == 0
}

fn ie_pps(n: &[u8]) -> bool {
    let second = n.get(8).map_or(0, |b| u32::from(b - b'A') + 1);
    let rest = (weighted(n, &[8, 7, 6, 5, 4, 3, 2]) + second * 9) % 23;
    b"WABCDEFGHIJKLMNOPQRSTUV"[rest as usize] == n[7]
}

fn ca_sin(n: &[u8]) -> bool {
    n[0] != b'8' && !is_flat(n) && luhn(n)
}

fn au_tfn(n: &[u8]) -> bool {
    !is_flat(n) && weighted(n, &[1, 4, 3, 7, 5, 8, 6, 9, 10]).is_multiple_of(11)
}

fn curp(n: &[u8]) -> bool {
    let sum: u32 = n[..17]
        .iter()
        .zip((2..=18).rev())
        .map(|(b, weight)| {
            let code = match b {
                b'0'..=b'9' => value(*b),
                // The Ñ stands between N and O.
                letter => u32::from(letter - b'A') + 10 + u32::from(*letter > b'N'),
            };
            code * weight
        })
        .sum();
    is_date(&n[6..8], &n[8..10])
        && matches!(n[10], b'H' | b'M' | b'X')
        && (10 - sum % 10) % 10 == value(n[17])
}

fn rfc(n: &[u8]) -> bool {
    is_date(&n[6..8], &n[8..10]) && b"AEIOUX".contains(&n[1])
}

/// Numbers given out since 2020 have no check digit.
fn kr(n: &[u8]) -> bool {
    is_date(&n[2..4], &n[4..6]) && matches!(n[6], b'1'..=b'8')
}

fn jp(n: &[u8]) -> bool {
    let rest = weighted(n, &[6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
    !is_flat(n) && if rest <= 1 { 0 } else { 11 - rest } == value(n[11])
}

fn za(n: &[u8]) -> bool {
    is_date(&n[2..4], &n[4..6]) && matches!(n[10], b'0'..=b'2') && luhn(n)
}

fn tr(n: &[u8]) -> bool {
    let digit = |i: usize| value(n[i]);
    let odd: u32 = (0..9).step_by(2).map(digit).sum();
    let even: u32 = (1..8).step_by(2).map(digit).sum();
    let all: u32 = (0..10).map(digit).sum();
    n[0] != b'0' && (odd * 7 + 20 * 9 - even) % 10 == digit(9) && all % 10 == digit(10)
}

fn cl_rut(n: &[u8]) -> bool {
    let Some((check, body)) = n.split_last() else { return false };
    let sum: u32 =
        body.iter().rev().zip([2, 3, 4, 5, 6, 7, 2, 3]).map(|(d, w)| value(*d) * w).sum();
    *check == b"0K987654321"[(sum % 11) as usize]
}

fn sg(n: &[u8]) -> bool {
    let sum = weighted(&n[1..8], &[2, 7, 6, 5, 4, 3, 2]);
    let (offset, letters): (u32, &[u8]) = match n[0] {
        b'S' => (0, b"JZIHGFEDCBA"),
        b'T' => (4, b"JZIHGFEDCBA"),
        b'F' => (0, b"XWUTRQPNMLK"),
        b'G' => (4, b"XWUTRQPNMLK"),
        _ => return false,
    };
    letters[((sum + offset) % 11) as usize] == n[8]
}

/// The letter of a Spanish number is its rest by 23.
const DNI: &[u8; 23] = b"TRWAGMYFPDXBNJZSQVHLCKE";

/// What letters and digits at odd places count in a codice fiscale.
const ODD: [u32; 26] =
    [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
