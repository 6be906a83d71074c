//! The effective configuration, printed so that it could be a file of its own.

use std::borrow::Cow;
use std::fmt;

use super::providers::api_name;
use super::{
    Addresses, Audit, Config, Enforcement, Host, Module, OnFull, OnViolation, Provider, Transport,
    pipeline,
};
use crate::audit::Rotation;
use crate::provider::fetch;
use crate::redact::note::Note;
use crate::redact::{Action, Attachments, Policy};

pub(super) struct Summary<'c>(pub(super) &'c Config);

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let config = self.0;
        writeln!(f, "# data directory: {}", config.data_dir.display())?;
        write!(f, "listen: '{}'", config.listen)?;
        if !config.listen.ip().is_loopback() {
            write!(f, " # other machines can reach it")?;
        }
        writeln!(f, "\npipeline:")?;
        for module in &config.pipeline {
            match module {
                Module::Airgap { allowed_hosts, on_violation } => {
                    let word = match on_violation {
                        OnViolation::Block => "block",
                        OnViolation::LogOnly => "log-only",
                    };
                    let hosts: Vec<_> = allowed_hosts.iter().map(|host| quoted(host)).collect();
                    let hosts = hosts.join(", ");
                    write!(f, "  - airgap: {{ allowedHosts: [{hosts}], onViolation: {word} }}")?;
                    let says = match on_violation {
                        OnViolation::Block => "",
                        OnViolation::LogOnly => " # the kernel's policy does not protect",
                    };
                    writeln!(f, "{says}")?;
                }
                Module::Guardrails(policy) => guardrails(f, policy)?,
            }
        }
        writeln!(f, "providers:")?;
        for each in &config.providers {
            provider(f, each)?;
        }
        if !config.nameservers.is_empty() {
            let servers: Vec<_> =
                config.nameservers.iter().map(|server| format!("'{server}'")).collect();
            writeln!(f, "dns: {{ nameservers: [{}] }}", servers.join(", "))?;
        }
        let enforcement = match config.enforcement {
            Enforcement::Required => "required",
            Enforcement::BestEffort => "best-effort",
        };
        writeln!(f, "enforcement: {enforcement}")?;
        writeln!(f, "limits: {{ max_body_bytes: {} }}", config.max_body_bytes)?;
        let Audit { rotation, on_full } = config.audit;
        let on_full = match on_full {
            OnFull::Continue => "continue",
            OnFull::Stop => "stop",
        };
        let Rotation { max_bytes, keep } = rotation;
        writeln!(f, "audit: {{ max_bytes: {max_bytes}, keep: {keep}, on_full: {on_full} }}")?;
        writeln!(f, "vault: {}", config.vault)
    }
}

fn guardrails(f: &mut fmt::Formatter<'_>, policy: &Policy) -> fmt::Result {
    let Policy { actions, patterns, attachments, tools_keep_masked, system_inject } = policy;
    if actions.is_empty()
        && patterns.is_empty()
        && *attachments == Attachments::default()
        && tools_keep_masked.is_empty()
        && *system_inject == Note::Give
    {
        return writeln!(f, "  - guardrails");
    }
    writeln!(f, "  - guardrails:")?;
    if *attachments == Attachments::Allow {
        writeln!(f, "      attachments: allow")?;
    }
    if !tools_keep_masked.is_empty() {
        let tools: Vec<_> = tools_keep_masked.iter().map(|tool| quoted(tool)).collect();
        writeln!(f, "      tools_keep_masked: [{}]", tools.join(", "))?;
    }
    if *system_inject == Note::Omit {
        writeln!(f, "      system_inject: false")?;
    }
    if !actions.is_empty() {
        writeln!(f, "      policy:")?;
    }
    for (label, action) in actions {
        writeln!(f, "        {}: {}", label.as_str(), action_name(*action))?;
    }
    if !patterns.is_empty() {
        writeln!(f, "      patterns:")?;
    }
    for (label, regex) in patterns {
        writeln!(f, "        {}: {}", label.as_str(), quoted(regex.as_str()))?;
    }
    Ok(())
}

fn provider(f: &mut fmt::Formatter<'_>, provider: &Provider) -> fmt::Result {
    let scheme = match provider.transport {
        Transport::Tls { .. } => "https",
        Transport::Plaintext => "http",
    };
    writeln!(f, "  {}:", provider.name)?;
    writeln!(f, "    base_url: '{scheme}://{}:{}'", provider.host, provider.port)?;
    writeln!(f, "    api: {}", api_name(provider.api))?;
    writeln!(f, "    path_prefix: {}", quoted(&provider.path_prefix))?;
    if provider.private {
        writeln!(f, "    private: true")?;
    }
    if let Host::Name(_) = provider.host {
        match &provider.addresses {
            Addresses::Resolved => {}
            Addresses::Within(networks) => list(f, "pinned", networks)?,
            Addresses::Fixed(addresses) => {
                list(f, "pinned", addresses)?;
                writeln!(f, "    resolve: false")?;
            }
        }
    }
    match &provider.transport {
        Transport::Tls { ca_file, keys } => {
            if let Some(path) = ca_file {
                writeln!(f, "    ca_file: {}", quoted(&path.to_string_lossy()))?;
            }
            if !keys.is_empty() {
                list(f, "spki_sha256", keys)?;
            }
        }
        Transport::Plaintext => writeln!(f, "    dangerously_allow_plaintext: true")?,
    }
    match &provider.key_name {
        Some(name) => writeln!(f, "    key: {name}")?,
        None => writeln!(f, "    key: null")?,
    }
    if !provider.client_keys.is_empty() {
        writeln!(f, "    client_key_sha256:")?;
    }
    for sum in &provider.client_keys {
        let digits: String = sum.iter().map(|byte| format!("{byte:02x}")).collect();
        writeln!(f, "      - '{digits}'")?;
    }
    if !provider.models.is_empty() {
        let models: Vec<_> = provider.models.iter().map(|model| quoted(model.as_str())).collect();
        writeln!(f, "    models: [{}]", models.join(", "))?;
    }
    let fetch::Policy { allow, strip } = provider.fetch;
    if provider.fetch != fetch::Policy::default() {
        writeln!(f, "    provider_fetch: {{ allow: [{allow}], strip: [{strip}] }}")?;
    }
    Ok(())
}

fn list<T: fmt::Display>(f: &mut fmt::Formatter<'_>, key: &str, items: &[T]) -> fmt::Result {
    let items: Vec<_> = items.iter().map(|item| format!("'{item}'")).collect();
    writeln!(f, "    {key}: [{}]", items.join(", "))
}

fn action_name(action: Action) -> &'static str {
    let name = pipeline::ACTIONS.iter().find(|(_, known)| *known == action);
    name.map_or("block", |(name, _)| name)
}

/// In single quotes, which escape nothing but themselves, unless a character needs an escape.
fn quoted(text: &str) -> Cow<'static, str> {
    if text.chars().any(|c| c.is_control() || super::hide::printable(c) != c) {
        let mut shown = String::from("\"");
        for c in text.chars() {
            match c {
                '"' | '\\' => shown.extend(['\\', c]),
                c if c.is_control() || super::hide::printable(c) != c => {
                    shown.push_str(&format!("\\U{:08x}", u32::from(c)));
                }
                c => shown.push(c),
            }
        }
        shown.push('"');
        return shown.into();
    }
    format!("'{}'", text.replace('\'', "''")).into()
}
