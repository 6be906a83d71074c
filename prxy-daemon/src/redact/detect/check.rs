//! Check digits of the schemes that have them. All take digits (and, where said, letters) in ASCII.

/// ISO/IEC 7812-1, the check of cards and of many identity numbers.
pub(super) fn luhn(number: &[u8]) -> bool {
    let sum: u32 = number
        .iter()
        .rev()
        .enumerate()
        .map(|(i, d)| {
            let digit = value(*d);
            if i % 2 == 0 { digit } else { digit * 2 - if digit > 4 { 9 } else { 0 } }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// ISO/IEC 7064 MOD 11,10: the last digit checks the others.
pub(super) fn mod11_10(number: &[u8]) -> bool {
    let rest = number.iter().fold(10, |product, d| {
        let sum = (value(*d) + product) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    // The check digit makes the last sum 1, and that step doubles it.
    rest == 2
}

/// ISO/IEC 7064 MOD 11-2: the last character, `X` for ten, checks the others.
pub(super) fn mod11_2(number: &[u8]) -> bool {
    let Some((check, body)) = number.split_last() else { return false };
    let rest = body.iter().fold(0, |rest, d| (rest + value(*d)) * 2 % 11);
    let check = if *check == b'X' { 10 } else { value(*check) };
    (rest + check) % 11 == 1
}

/// The number that `digits` and letters (ten and up, as in an IBAN) mean, modulo 97.
pub(super) fn mod97(number: &[u8]) -> u32 {
    number.iter().fold(0, |rest, b| match b {
        b'0'..=b'9' => (rest * 10 + value(*b)) % 97,
        letter => (rest * 100 + u32::from(letter.to_ascii_uppercase() - b'A') + 10) % 97,
    })
}

/// The sum of digits times weights.
pub(super) fn weighted(number: &[u8], weights: &[u32]) -> u32 {
    number.iter().zip(weights).map(|(d, weight)| value(*d) * weight).sum()
}

/// Verhoeff's check over the dihedral group of ten elements.
pub(super) fn verhoeff(number: &[u8]) -> bool {
    let rest = number.iter().rev().enumerate().fold(0, |rest, (i, d)| {
        let turned = PERMUTATIONS[i % 8][value(*d) as usize];
        product(rest, turned)
    });
    rest == 0
}

/// The product in the dihedral group.
fn product(a: usize, b: usize) -> usize {
    match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => (a + b - 5) % 5 + 5,
        (false, true) => (a + 10 - b - 5) % 5 + 5,
        (false, false) => (a + 5 - b) % 5,
    }
}

/// Check digits of travel documents (ICAO 9303): weights 7, 3, 1; letters from ten up, `<` is nothing.
pub(super) fn icao(field: &[u8]) -> u32 {
    let value = |b: u8| match b {
        b'0'..=b'9' => u32::from(b - b'0'),
        b'A'..=b'Z' => u32::from(b - b'A') + 10,
        _ => 0,
    };
    field.iter().zip([7, 3, 1].iter().cycle()).map(|(b, weight)| value(*b) * weight).sum::<u32>()
        % 10
}

/// The digit that `byte` spells.
pub(super) fn value(byte: u8) -> u32 {
    u32::from(byte.wrapping_sub(b'0'))
}

/// The number that a few digits spell; of too many, the largest.
pub(super) fn number(digits: &[u8]) -> u64 {
    let digit = |d: &u8| u64::from(d.wrapping_sub(b'0'));
    digits.iter().fold(0, |sum: u64, d| sum.saturating_mul(10).saturating_add(digit(d)))
}

/// Whether `yymmdd`, as two digits each, can be a date.
pub(super) fn is_date(month: &[u8], day: &[u8]) -> bool {
    let (month, day) = (number(month), number(day));
    (1..=12).contains(&month) && (1..=31).contains(&day)
}

/// Whether all digits are the same: every check of plain sums passes for `000000000`.
pub(super) fn is_flat(number: &[u8]) -> bool {
    number.iter().all(|d| Some(d) == number.first())
}

const PERMUTATIONS: [[usize; 10]; 8] = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    [1, 5, 7, 6, 2, 8, 3, 0, 9, 4],
    [5, 8, 0, 3, 7, 9, 6, 1, 4, 2],
    [8, 9, 1, 6, 0, 4, 3, 5, 2, 7],
    [9, 4, 5, 3, 1, 2, 6, 8, 7, 0],
    [4, 2, 8, 6, 5, 7, 3, 9, 0, 1],
    [2, 7, 9, 3, 8, 0, 6, 4, 1, 5],
    [7, 0, 4, 6, 9, 1, 3, 2, 5, 8],
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_examples_pass_and_their_neighbours_fail() {
        type Check = fn(&[u8]) -> bool;
        let cases: &[(&str, Check, &str)] = &[
            ("luhn", luhn, "79927398713"),
            ("mod 11,10", mod11_10, "86095742719"),
            ("mod 11-2", mod11_2, "11010519491231002X"),
            ("verhoeff", verhoeff, "2363"),
            ("mod 97", |n| mod97(n) == 1, "3214282912345698765432161182"),
            ("icao", |n| icao(&n[..9]) == value(n[9]), "L898902C36"),
        ];
        for (name, check, good) in cases {
            assert!(check(good.as_bytes()), "{name}");
            for i in 0..good.len() {
                let mut bad = good.as_bytes().to_vec();
                if !bad[i].is_ascii_digit() {
                    continue;
                }
                bad[i] = b'0' + (bad[i] - b'0' + 1) % 10;
                assert!(!check(&bad), "{name} {i}");
            }
        }
    }
}
