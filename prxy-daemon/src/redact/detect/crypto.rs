//! Addresses of cryptocurrencies.

use std::ops::Range;

use sha2::{Digest, Sha256};

use super::context::{self, CRYPTO};
use super::digits::Runs;
use super::{Detector, Trigger, text};
use crate::redact::Action;

pub(super) const CRYPTO_ADDRESS: Detector = Detector {
    name: "crypto-address",
    label: "CRYPTO_ADDRESS",
    action: Action::Mask,
    shape: "Bitcoin, Litecoin, Dogecoin (base58check, bech32), Cardano (bech32), Ethereum (0x and 40 hexadecimal digits), Monero, Solana",
    validator: "the checksum of base58check and bech32; letters of both cases or a word nearby for Ethereum; length for the others",
    score: 92,
    trigger: Trigger::Digits(Runs::CHAIN.and(Runs::WORD)),
    find,
    positives: &[
        "⟦1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa⟧",
        "send to ⟦3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy⟧.",
        "⟦bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq⟧",
        "⟦bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr⟧",
        "⟦0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed⟧",
        "ETH wallet: ⟦0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed⟧",
        "bitcoin:⟦1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa⟧?amount=1",
    ],
    look_alikes: &[
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb",
        "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdr",
        "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed",
        "0xdeadbeef",
        "tx 0x9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "3rd party, 1st place, 4x4",
        "1AbCdEfGhIjKlMnOpQrStUvWxYz",
        "bc1q",
    ],
};

fn find(text: &str, run: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let start = text::word_begin(bytes, run.start);
    let end = text::run_end(bytes, start, 120, |b| b.is_ascii_alphanumeric());
    if end - start < 25 || !text::word_start(bytes, start) || !text::word_end(bytes, end) {
        return None;
    }
    let range = start..end;
    let word = &bytes[range.clone()];
    let spoken = || context::around(bytes, start, end).near & CRYPTO != 0;
    let fits = match word {
        [b'0', b'x', hex @ ..] => {
            let letter = |case: fn(&u8) -> bool| hex.iter().any(case);
            let mixed = letter(u8::is_ascii_uppercase) && letter(u8::is_ascii_lowercase);
            hex.len() == 40 && hex.iter().all(u8::is_ascii_hexdigit) && (mixed || spoken())
        }
        [b'b', b'c', b'1', ..] => bech32(b"bc", &word[3..]),
        [b'l', b't', b'c', b'1', ..] => bech32(b"ltc", &word[4..]),
        [b'a', b'd', b'd', b'r', b'1', ..] => bech32(b"addr", &word[5..]),
        [b'1' | b'3' | b'L' | b'M' | b'D' | b'A' | b'9', ..] if word.len() <= 35 => {
            base58check(word)
        }
        [b'4' | b'8', ..] if word.len() == 95 => word.iter().all(|b| BASE58.contains(b)),
        _ => matches!(word.len(), 43 | 44) && word.iter().all(|b| BASE58.contains(b)) && spoken(),
    };
    fits.then_some(range)
}

/// Whether `word` is a version byte, 20 bytes and the first four of their double SHA-256.
fn base58check(word: &[u8]) -> bool {
    let mut number = [0_u8; 25];
    for byte in word {
        let Some(digit) = BASE58.iter().position(|known| known == byte) else { return false };
        let mut carry = digit as u32;
        for place in number.iter_mut().rev() {
            carry += u32::from(*place) * 58;
            *place = (carry & 0xFF) as u8;
            carry >>= 8;
        }
        if carry != 0 {
            return false;
        }
    }
    let hash = Sha256::digest(Sha256::digest(&number[..21]));
    matches!(number[0], 0 | 5 | 0x30 | 0x32 | 0x1E | 0x16) && hash[..4] == number[21..]
}

/// The checksum of BIP 173 or, from version 1 on, BIP 350.
fn bech32(name: &[u8], data: &[u8]) -> bool {
    let mut sum = 1_u32;
    let mut step = |value: u8| {
        let top = sum >> 25;
        sum = (sum & 0x01FF_FFFF) << 5 ^ u32::from(value);
        for (i, part) in
            [0x3B6A_57B2, 0x2650_8E6D, 0x1EA1_19FA, 0x3D42_33DD, 0x2A14_62B3].iter().enumerate()
        {
            if top >> i & 1 == 1 {
                sum ^= part;
            }
        }
    };
    name.iter().for_each(|b| step(b >> 5));
    step(0);
    name.iter().for_each(|b| step(b & 31));
    for byte in data {
        let Some(value) = BECH32.iter().position(|known| known == byte) else { return false };
        step(value as u8);
    }
    data.len() >= 30 && matches!(sum, 1 | 0x2BC8_30A3)
}

const BASE58: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const BECH32: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
