//! Base64 and hexadecimal digits that spell a text.

use std::ops::Range;

/// Calls `see` with every such run and the text in it.
///
/// What looks like data and is none costs a look at its first bytes.
pub(super) fn each(text: &str, mut see: impl FnMut(Range<usize>, &str)) {
    let bytes = text.as_bytes();
    let mut at = SHORTEST - 1;
    // A run that is long enough covers one of these positions.
    while at < bytes.len() {
        if !is_digit(bytes[at]) {
            at += SHORTEST;
            continue;
        }
        let start = at - bytes[..at].iter().rev().take_while(|byte| is_digit(**byte)).count();
        let end = at + bytes[at..].iter().take_while(|byte| is_digit(**byte)).count();
        if end - start >= SHORTEST {
            let padding = bytes[end..].iter().take(2).take_while(|byte| **byte == b'=').count();
            let run = &bytes[start..end];
            let decoded = hex(run).or_else(|| base64(run));
            if let Some(decoded) = decoded.as_deref().and_then(readable) {
                see(start..end + padding, decoded);
            }
        }
        at = end + SHORTEST;
    }
}

/// The bytes as a text, if a person could have written it.
fn readable(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    is_plain(text.as_bytes()).then_some(text)
}

fn is_plain(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| !byte.is_ascii_control() || matches!(byte, b'\n' | b'\r' | b'\t'))
}

fn hex(run: &[u8]) -> Option<Vec<u8>> {
    let (pairs, []) = run.as_chunks::<2>() else { return None };
    let value = |digit: u8| char::from(digit).to_digit(16);
    let byte = |pair: &[u8; 2]| u8::try_from(value(pair[0])? << 4 | value(pair[1])?).ok();
    let mut decoded = Vec::new();
    for pair in pairs {
        let byte = byte(pair)?;
        if !is_plain(&[byte]) {
            return None;
        }
        decoded.push(byte);
    }
    Some(decoded)
}

/// Both alphabets; what is no text is given up at once.
fn base64(run: &[u8]) -> Option<Vec<u8>> {
    if run.len() % 4 == 1 {
        return None;
    }
    let mut decoded = Vec::new();
    for group in run.chunks(4) {
        let bits = group.iter().fold(0_u32, |bits, byte| bits << 6 | u32::from(sextet(*byte)));
        let bytes = (bits << (6 * (4 - group.len()))).to_be_bytes();
        let fresh = &bytes[1..group.len()];
        if !is_plain(fresh) {
            return None;
        }
        decoded.extend_from_slice(fresh);
    }
    Some(decoded)
}

fn is_digit(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

fn sextet(byte: u8) -> u8 {
    match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        _ => 63,
    }
}

/// The digits of the shortest value that is worth hiding: `a@bc.de` in base64.
const SHORTEST: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, wanted: &[(&str, &str)]) {
        let mut seen = Vec::new();
        each(text, |range, decoded| seen.push((text[range].to_owned(), decoded.to_owned())));
        let seen: Vec<_> = seen.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        assert_eq!(seen, wanted, "{text}");
    }

    #[test]
    fn a_text_in_base64_or_hex_is_read() {
        check("", &[]);
        check("no run is long enough here", &[]);
        check("x=YW5uYUBleGFtcGxlLmNvbQ==;", &[("YW5uYUBleGFtcGxlLmNvbQ==", "anna@example.com")]);
        check("dD3DvMOkw7bDn8O8w6TDtg", &[("dD3DvMOkw7bDn8O8w6TDtg", "t=üäößüäö")]);
        check(
            "616e6e61406578616d706c652e636f6d",
            &[("616e6e61406578616d706c652e636f6d", "anna@example.com")],
        );
        // An image, a hash, a word.
        check("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk", &[]);
        check("9b74c9897bac770ffc029102a200c5de0b1d8d1c0b1d8d1c9b74c9897bac770f", &[]);
        check("internationalisation/Donaudampfschifffahrt", &[]);
    }
}
