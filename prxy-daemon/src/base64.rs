//! Base64 (RFC 4648), decoded. Not for finding it in a text: that is `redact::scan`.

/// The bytes that `digits` spell, and the bits that are left over; `None` where one is no digit.
///
/// `last` are the digits 62 and 63 of the alphabet. Padding, length and bits left over are the caller's to judge.
pub(crate) fn decode(digits: &[u8], last: [u8; 2]) -> Option<(Vec<u8>, u32)> {
    let mut out = Vec::with_capacity(digits.len() / 4 * 3 + 3);
    let (mut bits, mut held) = (0_u32, 0);
    for digit in digits {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            _ if *digit == last[0] => 62,
            _ if *digit == last[1] => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    Some((out, bits))
}

/// Digits 62 and 63 of the alphabet of RFC 4648 §4.
pub(crate) const STANDARD: [u8; 2] = *b"+/";
/// The same for URLs, §5.
pub(crate) const URL_SAFE: [u8; 2] = *b"-_";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_alphabet_is_read_and_what_is_left_over_is_told() {
        for (digits, last, wanted) in [
            ("", STANDARD, Some((&b""[..], 0))),
            ("YSxi", STANDARD, Some((b"a,b", 0))),
            ("YQ", URL_SAFE, Some((b"a", 0))),
            ("YR", URL_SAFE, Some((b"a", 1))),
            ("_-8", URL_SAFE, Some((b"\xff\xef", 0))),
            ("_-8", STANDARD, None),
            ("/+8", STANDARD, Some((b"\xff\xef", 0))),
            ("YQ=", STANDARD, None),
            ("Y\n", STANDARD, None),
        ] {
            let read = decode(digits.as_bytes(), last);
            assert_eq!(read.as_ref().map(|(out, bits)| (&**out, *bits)), wanted, "{digits}");
        }
    }
}
