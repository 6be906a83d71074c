//! `vault:` — what is kept of masked values, for how long, and for whom.

use std::fmt;
use std::time::Duration;

use super::decode::{Fields, Found};
use super::problem::{Kind, Quoted};

/// How the vault is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vault {
    /// How long a value keeps its placeholder.
    pub scope: Scope,
    /// Who shares placeholders.
    pub tenant_by: TenantBy,
    /// An entry that was not used for so long is deleted.
    pub expire_after: Option<Duration>,
}

/// How long a value keeps its placeholder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// For ever, in the data directory.
    #[default]
    Persistent,
    /// Until the daemon ends; nothing is on a disk.
    Memory,
    /// For one request and its answer: numbers begin at 1 each time.
    Request,
}

/// Who shares placeholders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TenantBy {
    /// All clients.
    #[default]
    Nothing,
    /// Those that bring the same API key.
    Key,
}

pub(super) fn decode(fields: Fields<'_>, found: &mut Found) -> Vault {
    let mut vault = Vault::default();
    if let Some(scope) = fields.get("scope").and_then(|node| found.word(node, "scope", &SCOPES)) {
        vault.scope = scope;
    }
    if let Some(by) = fields.get("tenant_by").and_then(|n| found.word(n, "tenant_by", &TENANTS)) {
        vault.tenant_by = by;
    }
    if let Some(node) = fields.get("expire_after")
        && let Some(text) = found.text(node, "a time such as 90d")
    {
        vault.expire_after = age(text).filter(|age| *age >= SHORTEST);
        if vault.expire_after.is_none() {
            found.add(node.span, Kind::BadAge(Quoted::new(text)));
        }
    }
    vault
}

/// `90d`, `12h`, `30m`, `10s`.
pub(crate) fn age(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let (_, seconds) = UNITS.iter().find(|(name, _)| *name == unit)?;
    let digits = number.bytes().all(|byte| byte.is_ascii_digit());
    let number: u32 = number.parse().ok().filter(|_| digits)?;
    Some(Duration::from_secs(u64::from(number) * seconds))
}

/// As [`age`] reads it.
fn spelled(age: Duration) -> String {
    let seconds = age.as_secs();
    let fits = |(_, unit): &&(&str, u64)| seconds.is_multiple_of(*unit);
    let (name, unit) = UNITS.iter().find(fits).unwrap_or(&("s", 1));
    format!("{}{name}", seconds / unit)
}

impl fmt::Display for Vault {
    /// As in the configuration.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name_of_scope = SCOPES.iter().find(|(_, known)| *known == self.scope);
        let name_of_tenant = TENANTS.iter().find(|(_, known)| *known == self.tenant_by);
        let (scope, by) =
            (name_of_scope.map_or("", |it| it.0), name_of_tenant.map_or("", |it| it.0));
        write!(f, "{{ scope: {scope}, tenant_by: {by}")?;
        if let Some(age) = self.expire_after {
            write!(f, ", expire_after: {}", spelled(age))?;
        }
        f.write_str(" }")
    }
}

pub(super) const KEYS: &[&str] = &["scope", "tenant_by", "expire_after"];
const SCOPES: [(&str, Scope); 3] =
    [("persistent", Scope::Persistent), ("memory", Scope::Memory), ("request", Scope::Request)];
const TENANTS: [(&str, TenantBy); 2] = [("none", TenantBy::Nothing), ("key", TenantBy::Key)];
const UNITS: [(&str, u64); 4] = [("d", 24 * 3600), ("h", 3600), ("m", 60), ("s", 1)];
/// Uses are noted to the hour.
const SHORTEST: Duration = Duration::from_secs(2 * 3600);

#[cfg(test)]
mod tests {
    use crate::config::tests::load;

    #[test]
    fn what_is_read_is_shown_as_it_was() {
        for (text, expected) in [
            ("", "{ scope: persistent, tenant_by: none }"),
            ("vault: {}", "{ scope: persistent, tenant_by: none }"),
            ("vault: { scope: memory, tenant_by: key }", "{ scope: memory, tenant_by: key }"),
            (
                "vault: { scope: request, expire_after: 90d }",
                "{ scope: request, tenant_by: none, expire_after: 90d }",
            ),
            (
                "vault: { expire_after: 36h }",
                "{ scope: persistent, tenant_by: none, expire_after: 36h }",
            ),
        ] {
            let config = load(text).unwrap();
            assert_eq!(config.vault.to_string(), expected);
            let again = load(&config.summary().to_string()).unwrap();
            assert_eq!(again.vault, config.vault, "{text}");
        }
    }

    #[test]
    fn what_is_no_age_is_refused() {
        for text in ["90", "d", "-1d", "1.5d", "90 d", "1y", "99999999999d", "1h", "+9d"] {
            let errors = load(&format!("vault: {{ expire_after: '{text}' }}")).unwrap_err();
            assert!(errors.to_string().contains("bad time"), "{errors}");
        }
        assert!(load("vault: { scope: none }").is_err());
        assert!(load("vault: { tenant: x }").is_err());
    }
}
