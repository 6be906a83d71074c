//! A provider key that cannot be printed.

use std::fmt;

use http::HeaderValue;

/// A credential; `Debug` shows that there is one, and nothing of it.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Takes a key without the white space around it; `None` if it is empty or cannot stand in a header.
    pub fn new(key: &str) -> Option<Self> {
        let key = key.trim();
        let visible = key.bytes().all(|byte| byte.is_ascii_graphic());
        (visible && !key.is_empty() && key.len() <= MAX_BYTES).then(|| Self(key.to_owned()))
    }

    /// `prefix` and the key, marked so that no header table prints or indexes it.
    pub(super) fn header(&self, prefix: &str) -> Option<HeaderValue> {
        let mut value = HeaderValue::try_from(format!("{prefix}{}", self.0)).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Longer than any key or OAuth token that a provider hands out.
pub(super) const MAX_BYTES: usize = 8 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_never_shows() {
        let secret = Secret::new(" sk-ant-123\n").unwrap();
        assert_eq!(format!("{secret:?}"), "Secret(…)");
        let value = secret.header("Bearer ").unwrap();
        assert_eq!(value, "Bearer sk-ant-123");
        assert!(!format!("{value:?}").contains("sk-ant"));
    }

    #[test]
    fn what_cannot_stand_in_a_header_is_no_secret() {
        for key in ["", "  ", "a b", "a\nb", "schlüssel"] {
            assert!(Secret::new(key).is_none(), "{key:?}");
        }
    }
}
