//! Numbers that mean a whole number without looking like one: `4.111111111111111e15`, `4111….0`.

/// The digits of the whole number that `raw` means, where it is spelled with a fraction or an
/// exponent and is long enough to be somebody's.
pub(super) fn whole(raw: &str) -> Option<String> {
    let raw = raw.strip_prefix('-').unwrap_or(raw);
    let (mantissa, exponent) = match raw.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (raw, 0),
    };
    let (before, after) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if mantissa.len() == raw.len() && after.is_empty() {
        return None;
    }
    let mut digits = format!("{before}{after}");
    let point = usize::try_from(i64::from(exponent) + i64::try_from(before.len()).ok()?).ok()?;
    if digits.get(point..).is_some_and(|fraction| fraction.bytes().any(|digit| digit != b'0')) {
        return None;
    }
    digits.truncate(point);
    let whole = digits.trim_start_matches('0');
    let zeros = point - digits.len();
    if whole.len() < FEWEST || whole.len() + zeros > MOST {
        return None;
    }
    Some(format!("{whole}{:0<zeros$}", ""))
}

/// As many as `mask` asks of a plain number; a shorter mantissa is a round figure.
const FEWEST: usize = 9;
/// Longer than any identifier that is all digits.
const MOST: usize = 34;

#[cfg(test)]
mod tests {
    #[test]
    fn whole_numbers_are_seen_through_their_spelling() {
        for (raw, expected) in [
            ("4111111111111111", None),
            ("4.111111111111111e15", Some("4111111111111111")),
            ("-4.111111111111111E+15", Some("4111111111111111")),
            ("4111111111111111.0", Some("4111111111111111")),
            ("411111111111111.10e1", Some("4111111111111111")),
            ("0.4111111111111111e16", Some("4111111111111111")),
            ("4111111111e6", Some("4111111111000000")),
            ("41111111111111110e-1", Some("4111111111111111")),
            ("4111111111111111e0", Some("4111111111111111")),
            ("4111111111111111E00", Some("4111111111111111")),
            ("4111111111111111e-0", Some("4111111111111111")),
            ("378282246310005E+0", Some("378282246310005")),
            ("4.1111111111111115", None),
            ("1.5e3", None),
            ("1e300", None),
            ("1e99999999999", None),
            ("-0", None),
            ("-0.0e0", None),
        ] {
            assert_eq!(super::whole(raw).as_deref(), expected, "{raw}");
        }
    }
}
