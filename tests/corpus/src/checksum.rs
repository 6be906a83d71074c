//! Check digits, computed from the published rules and not with the detectors' code.

use sha2::{Digest as _, Sha256};

fn values(digits: &str) -> Vec<u32> {
    digits.chars().filter_map(|c| c.to_digit(36)).collect()
}

fn weighted(digits: &str, weights: &[u32]) -> u32 {
    values(digits).iter().zip(weights).map(|(a, b)| a * b).sum()
}

/// Appends the Luhn digit.
pub fn luhn(body: &str) -> String {
    let mut sum = 0;
    for (i, digit) in values(body).iter().rev().enumerate() {
        let double = digit * 2;
        sum += if i % 2 == 1 { *digit } else { double / 10 + double % 10 };
    }
    format!("{body}{}", (10 - sum % 10) % 10)
}

/// The remainder of a long number, letters counting from 10.
fn remainder(text: &str, modulus: u32) -> u32 {
    values(text).iter().fold(0, |rest, value| {
        let shift = if *value > 9 { 100 } else { 10 };
        (rest * shift + value) % modulus
    })
}

/// An IBAN of this country and account part (ISO 13616).
pub fn iban(country: &str, account: &str) -> String {
    let check = 98 - remainder(&format!("{account}{country}00"), 97);
    format!("{country}{check:02}{account}")
}

/// German tax number of ten digits: appends the eleventh (ISO 7064, MOD 11,10).
pub fn steuer_id(body: &str) -> String {
    let mut product = 10;
    for digit in values(body) {
        let sum = (digit + product) % 10;
        product = if sum == 0 { 10 } else { sum } * 2 % 11;
    }
    format!("{body}{}", (11 - product) % 10)
}

/// French social security number of 13 digits: appends its key.
pub fn nir(body: &str) -> String {
    format!("{body}{:02}", 97 - remainder(body, 97))
}

/// Spanish DNI of eight digits: appends its letter.
pub fn dni(body: &str) -> String {
    let number = remainder(body, 23) as usize;
    format!("{body}{}", &"TRWAGMYFPDXBNJZSQVHLCKE"[number..=number])
}

/// Spanish NIE: `X`, `Y` or `Z` and seven digits.
pub fn nie(first: usize, digits: &str) -> String {
    let letter = dni(&format!("{first}{digits}")).pop().unwrap_or('T');
    format!("{}{digits}{letter}", ["X", "Y", "Z"][first % 3])
}

/// Italian codice fiscale of fifteen characters: appends the sixteenth.
pub fn codice_fiscale(body: &str) -> String {
    const ODD: [u32; 26] = [
        1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24,
        23,
    ];
    let mut sum = 0;
    for (i, value) in values(body).iter().enumerate() {
        let place = if *value > 9 { value - 10 } else { *value };
        sum += if i % 2 == 0 { ODD[place as usize % 26] } else { place };
    }
    format!("{body}{}", char::from(b'A' + (sum % 26) as u8))
}

/// Dutch BSN of eight digits: appends the ninth, if there is one.
pub fn bsn(body: &str) -> Option<String> {
    let check = weighted(body, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    (check < 10).then(|| format!("{body}{check}"))
}

/// Polish PESEL of ten digits: appends the eleventh.
pub fn pesel(body: &str) -> String {
    let sum = weighted(body, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3]);
    format!("{body}{}", (10 - sum % 10) % 10)
}

/// Portuguese NIF of eight digits: appends the ninth.
pub fn nif(body: &str) -> String {
    let rest = weighted(body, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    format!("{body}{}", if rest < 2 { 0 } else { 11 - rest })
}

/// Brazilian CPF of nine digits: appends two.
pub fn cpf(body: &str) -> String {
    let digit = |rest: u32| if rest < 2 { 0 } else { 11 - rest };
    let first = digit(weighted(body, &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11);
    let ten = format!("{body}{first}");
    let second = digit(weighted(&ten, &[11, 10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11);
    format!("{ten}{second}")
}

/// Chinese resident number of 17 digits: appends the last sign (ISO 7064, MOD 11-2).
pub fn resident(body: &str) -> String {
    let sum = weighted(body, &[7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]);
    let place = sum as usize % 11;
    format!("{body}{}", &"10X98765432"[place..=place])
}

/// British NHS number of nine digits: appends the tenth, if there is one.
pub fn nhs(body: &str) -> Option<String> {
    let check = 11 - weighted(body, &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    (check != 10).then(|| format!("{body}{}", check % 11))
}

/// German insurance number: a letter and eight digits; appends the ninth.
pub fn kvnr(letter: char, digits: &str) -> String {
    let place = u32::from(letter) - u32::from('A') + 1;
    let whole = format!("{place:02}{digits}");
    let mut sum = 0;
    for (i, digit) in values(&whole).iter().enumerate() {
        let product = digit * if i % 2 == 0 { 1 } else { 2 };
        sum += product / 10 + product % 10;
    }
    format!("{letter}{digits}{}", sum % 10)
}

/// Indian Aadhaar of eleven digits: appends the twelfth (Verhoeff).
pub fn aadhaar(body: &str) -> String {
    // The dihedral group of order ten, and the powers of its permutation.
    let times = |a: u32, b: u32| match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => 5 + (a + b - 5) % 5,
        (false, true) => 5 + (a - 5 + 5 - b) % 5,
        (false, false) => (a + 5 - b) % 5,
    };
    let step = |digit: u32| [1, 5, 7, 6, 2, 8, 3, 0, 9, 4][digit as usize % 10];
    let mut check = 0;
    for (i, digit) in values(body).iter().rev().enumerate() {
        let mut turned = *digit;
        for _ in 0..(i + 1) % 8 {
            turned = step(turned);
        }
        check = times(check, turned);
    }
    let inverse = if check < 5 { (5 - check) % 5 } else { check };
    format!("{body}{inverse}")
}

/// A Bitcoin address of a version and hash (Base58Check).
pub fn base58(version: u8, hash: [u8; 20]) -> String {
    const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    let mut bytes = vec![version];
    bytes.extend(hash);
    let check = Sha256::digest(Sha256::digest(&bytes));
    bytes.extend(&check[..4]);
    let mut digits: Vec<u32> = vec![0];
    for byte in &bytes {
        let mut carry = u32::from(*byte);
        for digit in &mut digits {
            carry += *digit << 8;
            *digit = carry % 58;
            carry /= 58;
        }
        while carry > 0 {
            digits.push(carry % 58);
            carry /= 58;
        }
    }
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let mut out = "1".repeat(zeros);
    let rest = digits.iter().rev().skip_while(|digit| **digit == 0);
    out.extend(rest.map(|digit| char::from(ALPHABET[*digit as usize])));
    out
}

/// A Bitcoin witness address of version 0 (BIP 173).
pub fn bech32(hash: [u8; 20]) -> String {
    const ALPHABET: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    let mut data = vec![0_u8];
    let (mut rest, mut bits) = (0_u32, 0);
    for byte in hash {
        rest = rest << 8 | u32::from(byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            data.push((rest >> bits & 31) as u8);
        }
        rest &= (1 << bits) - 1;
    }
    let polymod = |values: &[u8]| {
        values.iter().fold(1_u32, |sum, value| {
            let top = sum >> 25;
            let next = (sum & 0x1ff_ffff) << 5 ^ u32::from(*value);
            let rows = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
            rows.iter()
                .enumerate()
                .fold(next, |sum, (i, row)| sum ^ if top >> i & 1 == 1 { *row } else { 0 })
        })
    };
    let mut whole = vec![3, 3, 0, 2, 3];
    whole.extend(&data);
    whole.extend([0; 6]);
    let check = polymod(&whole) ^ 1;
    data.extend((0..6).map(|i| (check >> (5 * (5 - i)) & 31) as u8));
    let letters = data.iter().map(|value| char::from(ALPHABET[usize::from(*value)]));
    format!("bc1{}", letters.collect::<String>())
}

/// GitHub's tokens end in six base-62 digits of the CRC-32 of what is random in them.
pub fn crc62(random: &str) -> String {
    let mut crc = !0_u32;
    for byte in random.bytes() {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = crc >> 1 ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 };
        }
    }
    let mut left = !crc;
    let alphabet = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut out = [b'0'; 6];
    for place in out.iter_mut().rev() {
        *place = alphabet[left as usize % 62];
        left /= 62;
    }
    format!("{random}{}", String::from_utf8_lossy(&out))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that the issuers or the standards print as examples.
    #[test]
    fn check_digits_agree_with_published_examples() {
        assert_eq!(luhn("411111111111111"), "4111111111111111");
        assert_eq!(iban("DE", "370400440532013000"), "DE89370400440532013000");
        assert_eq!(iban("GB", "WEST12345698765432"), "GB82WEST12345698765432");
        assert_eq!(steuer_id("8609574271"), "86095742719");
        assert_eq!(nir("2550814168025"), "255081416802538");
        assert_eq!(dni("12345678"), "12345678Z");
        assert_eq!(nie(0, "1234567"), "X1234567L");
        assert_eq!(codice_fiscale("RSSMRA85T10A562"), "RSSMRA85T10A562S");
        assert_eq!(bsn("11122233").as_deref(), Some("111222333"));
        assert_eq!(pesel("4405140135"), "44051401359");
        assert_eq!(nif("12345678"), "123456789");
        assert_eq!(cpf("111444777"), "11144477735");
        assert_eq!(resident("11010519491231002"), "11010519491231002X");
        assert_eq!(nhs("943476591").as_deref(), Some("9434765919"));
        assert_eq!(kvnr('A', "12345678"), "A123456780");
        assert_eq!(aadhaar("236"), "2363");
        assert_eq!(base58(0, [0; 20]), "1111111111111111111114oLvT2");
        assert_eq!(
            bech32([
                0x75, 0x1e, 0x76, 0xe8, 0x19, 0x91, 0x96, 0xd4, 0x54, 0x94, 0x1c, 0x45, 0xd1, 0xb3,
                0xa3, 0x23, 0xf1, 0x43, 0x3b, 0xd6
            ]),
            "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"
        );
        assert_eq!(crc62("123456789"), "1234567893jZRME");
    }
}
