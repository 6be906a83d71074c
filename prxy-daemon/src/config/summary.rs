//! The effective configuration, printed so that it could be a file of its own.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};

use super::providers::api_name;
use super::{
    Addresses, Audit, ClientLimits, Config, Embeddings, Enforcement, Host, Metrics, Module, OnFull,
    OnViolation, Peer, Provider, Transport, guardrails,
};
use crate::audit::Rotation;
use crate::provider::fetch;
use crate::provider::place::Place;
use crate::redact::note::Note;
use crate::redact::{Action, Attachments, Label, Policy, Profile};

pub(super) struct Summary<'c> {
    pub(super) config: &'c Config,
    pub(super) texts: Texts,
}

/// What is shown of the texts that the guardrails allow and deny.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Texts {
    Shown,
    Counted,
}

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let config = self.config;
        writeln!(f, "# data directory: {}", config.data_dir.display())?;
        write!(f, "listen: {}", config.listen)?;
        if config.listen.is_open() {
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
                Module::Guardrails(policy) => guardrails(f, policy, self.texts)?,
                Module::LocalEncrypt => writeln!(f, "  - {}", module.name())?,
                Module::ExactCache(options) => writeln!(f, "  - {}: {options}", module.name())?,
                Module::Patterns(options) => writeln!(f, "  - {}: {options}", module.name())?,
                Module::Ipc(options) => writeln!(f, "  - {}: {options}", module.name())?,
                Module::McpOptimizer(options) => writeln!(f, "  - {}: {options}", module.name())?,
                Module::SemanticCache(options) => writeln!(f, "  - {}: {options}", module.name())?,
                Module::CostGuard(options) => writeln!(f, "  - {}: {options}", module.name())?,
            }
        }
        let policy = config.policy();
        writeln!(f, "providers:")?;
        for each in &config.providers {
            provider(f, each)?;
            if let Some(own) = policy.and_then(|policy| policy.providers.get(&each.name)) {
                rules(f, "    ", &own.actions, &own.positions)?;
            }
        }
        if !config.clients.is_empty() {
            writeln!(f, "clients:")?;
        }
        for client in &config.clients {
            writeln!(f, "  {}:", client.name)?;
            if !client.keys.is_empty() {
                sums(f, "key_sha256", &client.keys)?;
            }
            match client.peer {
                Some(Peer::User(uid)) => writeln!(f, "    uid: {uid}")?,
                Some(Peer::Group(gid)) => writeln!(f, "    gid: {gid}")?,
                None => {}
            }
            if client.limits != ClientLimits::default() {
                writeln!(f, "    limits: {}", client.limits)?;
            }
            if let Some(own) = policy.and_then(|policy| policy.clients.get(&client.name)) {
                rules(f, "    ", &own.actions, &own.positions)?;
            }
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
        writeln!(f, "vault: {}", config.vault)?;
        if let Some(encrypt) = &config.encrypt {
            writeln!(f, "encrypt: {encrypt}")?;
        }
        if config.metrics != Metrics::default() {
            writeln!(f, "metrics: {}", config.metrics)?;
        }
        match &config.embeddings {
            Embeddings::Offline => Ok(()),
            local => writeln!(f, "embeddings: {local}"),
        }
    }
}

fn guardrails(f: &mut fmt::Formatter<'_>, policy: &Policy, texts: Texts) -> fmt::Result {
    let Policy {
        profile,
        actions,
        positions,
        providers: _,
        clients: _,
        patterns,
        ignore,
        allow,
        deny,
        merge_gap,
        attachments,
        tools_keep_masked,
        tools_restore_secrets,
        local,
        system_inject,
    } = policy;
    // What is as usual is left out; with nothing else to say, the name alone.
    let mut options = String::new();
    let out = &mut options;
    if *profile != Profile::default() {
        writeln!(out, "      profile: {}", name_in(&guardrails::PROFILES, *profile))?;
    }
    if *attachments == Attachments::Allow {
        writeln!(out, "      attachments: allow")?;
    }
    for (key, tools) in
        [("tools_keep_masked", tools_keep_masked), ("tools_restore_secrets", tools_restore_secrets)]
    {
        if !tools.is_empty() {
            writeln!(out, "      {key}: [{}]", quoted_all(tools.iter()))?;
        }
    }
    if *system_inject == Note::Omit {
        writeln!(out, "      system_inject: false")?;
    }
    if !local.providers.is_empty() {
        writeln!(out, "      local_provider: [{}]", quoted_all(&local.providers))?;
    }
    if let Some(model) = &local.model {
        writeln!(out, "      local_model: {}", quoted(model))?;
    }
    rules(out, "      ", actions, positions)?;
    if !ignore.is_empty() {
        let names: Vec<_> = ignore.iter().map(Label::as_str).collect();
        writeln!(out, "      ignore_labels: [{}]", names.join(", "))?;
    }
    if !merge_gap.is_empty() {
        writeln!(out, "      merge_gap:")?;
    }
    for (label, gap) in merge_gap {
        writeln!(out, "        {}: {gap}", label.as_str())?;
    }
    match texts {
        Texts::Shown => {
            if !allow.is_empty() {
                writeln!(out, "      allow: [{}]", quoted_all(allow))?;
            }
            if !deny.is_empty() {
                writeln!(out, "      deny:")?;
            }
            for (label, list) in deny {
                writeln!(out, "        {}: [{}]", label.as_str(), quoted_all(list))?;
            }
        }
        Texts::Counted => {
            let denied: usize = deny.values().map(BTreeSet::len).sum();
            for (key, count) in [("allow", allow.len()), ("deny", denied)] {
                if count > 0 {
                    writeln!(out, "      # {key}: {count} texts")?;
                }
            }
        }
    }
    if !patterns.is_empty() {
        writeln!(out, "      patterns:")?;
    }
    for (label, regex) in patterns {
        writeln!(out, "        {}: {}", label.as_str(), quoted(regex.as_str()))?;
    }
    if options.is_empty() {
        return writeln!(f, "  - guardrails");
    }
    // A mapping of comments would be none.
    let colon =
        if options.lines().all(|line| line.trim_start().starts_with('#')) { "" } else { ":" };
    write!(f, "  - guardrails{colon}\n{options}")
}

/// `policy` and `positions`, where there are any.
fn rules(
    out: &mut impl fmt::Write,
    indent: &str,
    actions: &BTreeMap<Label, Action>,
    positions: &BTreeMap<Place, BTreeMap<Label, Action>>,
) -> fmt::Result {
    let name = |action: Action| name_in(&guardrails::ACTIONS, action);
    if !actions.is_empty() {
        writeln!(out, "{indent}policy:")?;
    }
    for (label, action) in actions {
        writeln!(out, "{indent}  {}: {}", label.as_str(), name(*action))?;
    }
    if positions.values().any(|labels| !labels.is_empty()) {
        writeln!(out, "{indent}positions:")?;
    }
    for (place, labels) in positions.iter().filter(|(_, labels)| !labels.is_empty()) {
        writeln!(out, "{indent}  {}:", name_in(&Place::NAMED, *place))?;
        for (label, action) in labels {
            writeln!(out, "{indent}    {}: {}", label.as_str(), name(*action))?;
        }
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
        sums(f, "client_key_sha256", &provider.client_keys)?;
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

fn sums(f: &mut fmt::Formatter<'_>, key: &str, sums: &[[u8; 32]]) -> fmt::Result {
    writeln!(f, "    {key}:")?;
    for sum in sums {
        let digits: String = sum.iter().map(|byte| format!("{byte:02x}")).collect();
        writeln!(f, "      - '{digits}'")?;
    }
    Ok(())
}

fn list<T: fmt::Display>(f: &mut fmt::Formatter<'_>, key: &str, items: &[T]) -> fmt::Result {
    let items: Vec<_> = items.iter().map(|item| format!("'{item}'")).collect();
    writeln!(f, "    {key}: [{}]", items.join(", "))
}

/// The word for a value of a table that holds all values.
fn name_in<T: Copy + PartialEq>(table: &[(&'static str, T)], value: T) -> &'static str {
    table.iter().find(|(_, known)| *known == value).map_or("", |(name, _)| *name)
}

fn quoted_all<'t>(texts: impl IntoIterator<Item = &'t String>) -> String {
    texts.into_iter().map(|text| quoted(text)).collect::<Vec<_>>().join(", ")
}

/// In single quotes, which escape nothing but themselves, unless a character needs an escape.
pub(super) fn quoted(text: &str) -> Cow<'static, str> {
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
