//! Whose vault a request uses.

use http::HeaderMap;
use http::header::HeaderValue;

use super::error::Failure;
use crate::audit::sha256;
use crate::client::{CREDENTIALS, bare};
use crate::config::TenantBy;
use crate::store::TENANT;

/// The name of the tenant: the same for all, or that of the client, or else the SHA-256 of the key
/// that it brings.
///
/// Who has a name keeps the vault when the key changes. A client that brings several is told by the first of [`CREDENTIALS`]; one that brings none has
/// no vault, and must not get anybody's. Google's key may also stand in the query.
pub(super) fn tenant(
    by: TenantBy,
    client: Option<&str>,
    headers: &HeaderMap,
    in_query: Option<&HeaderValue>,
) -> Result<String, Failure> {
    if by == TenantBy::Nothing {
        return Ok(TENANT.to_owned());
    }
    if let Some(name) = client {
        return Ok(format!("{NAMED}{name}"));
    }
    for name in &CREDENTIALS {
        let mut values = headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (None, _) => {}
            (Some(value), None) => {
                if let Some(key) = bare(value.as_bytes()) {
                    return Ok(sha256(key));
                }
            }
            (Some(_), Some(_)) => return Err(Failure::NoClientKey),
        }
    }
    let key = in_query.and_then(|value| bare(value.as_bytes()));
    key.map(sha256).ok_or(Failure::NoClientKey)
}

/// What no key's sum begins with.
const NAMED: &str = "client:";

#[cfg(test)]
mod tests {
    use http::header::HeaderName;

    use super::*;

    fn of(headers: &[(&'static str, &'static str)], query: Option<&'static str>) -> Option<String> {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        tenant(TenantBy::Key, None, &headers, query.map(HeaderValue::from_static).as_ref()).ok()
    }

    #[test]
    fn a_key_makes_a_tenant_wherever_it_stands() {
        let known = of(&[("x-api-key", "key-1")], None).unwrap();
        assert_eq!(known, crate::audit::sha256(b"key-1"));
        for same in [
            of(&[("authorization", "Bearer key-1")], None),
            of(&[("authorization", "bearer  key-1 ")], None),
            of(&[("x-goog-api-key", "key-1")], None),
            of(&[], Some("key-1")),
            of(&[("x-api-key", "key-1"), ("authorization", "Bearer other")], None),
            of(&[("x-api-key", " "), ("authorization", "Bearer key-1")], None),
        ] {
            assert_eq!(same.as_ref(), Some(&known));
        }
        assert_ne!(of(&[("x-api-key", "key-2")], None), Some(known));
    }

    #[test]
    fn who_brings_no_key_or_two_gets_nobodys_vault() {
        for headers in [
            &[][..],
            &[("x-api-key", "")],
            &[("authorization", "Bearer ")],
            &[("authorization", "Bearer")],
            &[("x-api-key", "a"), ("x-api-key", "b")],
        ] {
            assert_eq!(of(headers, None), None, "{headers:?}");
        }
        assert_eq!(tenant(TenantBy::Nothing, None, &HeaderMap::new(), None).unwrap(), "default");
    }

    #[test]
    fn a_client_with_a_name_has_one_vault_that_no_key_leads_to() {
        for by in [TenantBy::Key, TenantBy::Nothing] {
            let named = tenant(by, Some("ward"), &HeaderMap::new(), None).unwrap();
            let expected = if by == TenantBy::Key { "client:ward" } else { "default" };
            assert_eq!(named, expected);
        }
        assert_ne!(of(&[("x-api-key", "client:ward")], None).unwrap(), "client:ward");
    }
}
