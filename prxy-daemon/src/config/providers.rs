//! The providers section, and the providers that need no section.

use std::path::{Path, PathBuf};

use super::decode::{Fields, Found};
use super::problem::{Instead, Kind, Quoted, Span};
use super::suggest::closest;
use super::url::{BaseUrl, Tls, parse_prefix};
use super::yaml::{Entry, Node, Value};
use super::{Addresses, Host, ModelPattern, Provider, Scope, Transport, models, pins, scope};
use crate::provider::{Api, fetch};

/// A provider and where its name stands.
pub(super) type Placed = (Span, Provider);

/// The providers that prxy knows, all of them.
pub(super) fn built_in() -> Vec<Provider> {
    BUILT_IN.iter().map(BuiltIn::provider).collect()
}

pub(super) fn decode(node: &Node, found: &mut Found) -> Option<Vec<Placed>> {
    let entries = found.mapping(node)?;
    if entries.is_empty() {
        found.add(node.span, Kind::NoProviders);
    }
    if let Some(excess) = entries.get(MAX_PROVIDERS) {
        found.add(excess.key_span, Kind::TooMany { what: "providers", most: MAX_PROVIDERS });
    }
    let before = found.0.len();
    let providers: Vec<_> =
        entries.iter().take(MAX_PROVIDERS).filter_map(|entry| provider(entry, found)).collect();
    // Half a list would make wrong problems of hosts that it lacks.
    (found.0.len() == before).then_some(providers)
}

/// Makes relative `ca_file`s relative to the file that names them.
pub(super) fn anchor(providers: &mut [Placed], folder: &Path) {
    for (_, provider) in providers {
        if let Transport::Tls { ca_file: Some(path), .. } = &mut provider.transport {
            *path = folder.join(&*path);
        }
    }
}

fn provider(entry: &Entry, found: &mut Found) -> Option<Placed> {
    check_name(entry, found);
    let fields = match entry.value.value {
        Value::Null => Fields::NONE,
        _ => found.fields(&entry.value, PROVIDER_KEYS)?,
    };
    let built_in = BUILT_IN.iter().find(|known| known.name == entry.key);
    let base = base(entry, fields, built_in, found);
    let private = fields.get("private").and_then(|node| found.flag(node)).unwrap_or(false);
    let plaintext = fields
        .get("dangerously_allow_plaintext")
        .and_then(|node| found.flag(node))
        .unwrap_or(false);
    let ca_file = fields.get("ca_file").and_then(|node| path(node, found));
    let keys = fields.get("spki_sha256").map(|node| pins::keys(node, found)).unwrap_or_default();
    let key_name = match fields.get("key") {
        None => built_in.map(|known| known.key.to_owned()),
        Some(node) => key_name(node, found),
    };
    let fetch = fields.get("provider_fetch").and_then(|node| fetch_policy(node, found));
    let client_keys = fields.get(CLIENT_KEYS).map(|node| {
        client_keys(CLIENT_KEYS, node, found).into_iter().map(|(_, sum)| sum).collect()
    });
    let (url, api, url_span) = base?;
    let models = match fields.get("models") {
        Some(node) => models::decode(node, found),
        None => built_in.map(BuiltIn::models).unwrap_or_default(),
    };
    let addresses = pins::addresses(fields, &url.host, private, found);

    let reserved = match &url.host {
        Host::Address(address) => scope(*address) == Scope::Private,
        Host::Name(_) => false,
    };
    let why = match url.tls {
        Tls::Http => "plain HTTP",
        Tls::Https => "a private address",
    };
    let needs_private = !private && (reserved || url.tls == Tls::Http);
    let needs_plaintext = !plaintext && url.tls == Tls::Http;
    let consent = match (needs_private, needs_plaintext) {
        (true, true) => Some("`private: true` and `dangerously_allow_plaintext: true`"),
        (true, false) => Some("`private: true`"),
        (false, true) => Some("`dangerously_allow_plaintext: true`"),
        (false, false) => None,
    };
    if let Some(keys) = consent {
        found.add(url_span, Kind::NeedsConsent { why, keys });
    }
    let prefix = match fields.get("path_prefix") {
        Some(node) => path_prefix(node, &url, found)?,
        None if url.path.is_empty() => built_in.map_or("", |known| known.path_prefix).to_owned(),
        None => url.path,
    };
    if let Some(version) = VERSIONS.iter().find(|v| prefix.rsplit('/').next() == Some(*v)) {
        let span = fields.get("path_prefix").map_or(url_span, |node| node.span);
        found.add(span, Kind::VersionInPrefix(version));
    }
    let transport = match url.tls {
        Tls::Https => Transport::Tls { ca_file, keys },
        Tls::Http => {
            for key in ["ca_file", "spki_sha256"] {
                if let Some(node) = fields.get(key) {
                    found.add(node.span, Kind::WithoutTls(key));
                }
            }
            Transport::Plaintext
        }
    };
    let provider = Provider {
        name: entry.key.clone(),
        api,
        host: url.host,
        addresses,
        port: url.port,
        path_prefix: prefix,
        transport,
        private,
        key_name,
        fetch: fetch.unwrap_or_default(),
        client_keys: client_keys.unwrap_or_default(),
        models,
    };
    Some((entry.key_span, provider))
}

/// The URL, the wire format and where the URL stands; a built-in provider has both already.
fn base(
    entry: &Entry,
    fields: Fields<'_>,
    built_in: Option<&BuiltIn>,
    found: &mut Found,
) -> Option<(BaseUrl, Api, Span)> {
    let url_node = fields.get("base_url");
    let url = url_node.and_then(|node| {
        let text = found.text(node, "a URL")?;
        BaseUrl::parse(text).map_err(|problem| found.add(node.span, problem.into())).ok()
    });
    let api_node = fields.get("api");
    let api = api_node.and_then(|node| found.word(node, "API", &APIS));
    let Some(known) = built_in else {
        let missing = match (url_node, api_node) {
            (None, None) => Some("`base_url` and `api`"),
            (None, Some(_)) => Some("`base_url`"),
            (Some(_), None) => Some("`api`: anthropic, openai or google"),
            (Some(_), Some(_)) => None,
        };
        if let Some(fields) = missing {
            let likely = closest(&entry.key, BUILT_IN.iter().map(|known| known.name));
            let instead = likely.map_or(Instead::Nothing, |word| Instead::DidYouMean(word.into()));
            let provider = Quoted::new(&entry.key);
            found.add(entry.key_span, Kind::MissingFields { provider, fields, instead });
        }
        return Some((url?, api?, url_node?.span));
    };
    if let (Some(node), Some(api)) = (api_node, api)
        && api != known.api
    {
        found.add(node.span, Kind::BuiltInApi { name: known.name, api: api_name(known.api) });
    }
    match url_node {
        Some(node) => Some((url?, known.api, node.span)),
        None => Some((known.url(), known.api, entry.key_span)),
    }
}

fn check_name(entry: &Entry, found: &mut Found) {
    let name = &entry.key;
    if !is_name(name) {
        found.add(entry.key_span, Kind::BadProviderName(Quoted::new(name)));
    } else if RESERVED_NAMES.contains(&name.as_str()) {
        found.add(entry.key_span, Kind::ReservedProviderName(Quoted::new(name)));
    }
}

/// Whether a provider or a client can be called so.
pub(crate) fn is_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
    let letter = name.as_bytes().first().is_some_and(u8::is_ascii_lowercase);
    letter && name.bytes().all(plain) && name.len() <= 32
}

fn path_prefix(node: &Node, url: &BaseUrl, found: &mut Found) -> Option<String> {
    let text = found.text(node, "a path")?;
    if !url.path.is_empty() {
        found.add(node.span, Kind::PrefixTwice);
    }
    let prefix = parse_prefix(text);
    if prefix.is_none() {
        found.add(node.span, Kind::BadPrefix);
    }
    prefix
}

pub(super) fn path(node: &Node, found: &mut Found) -> Option<PathBuf> {
    let text = found.text(node, "a path")?;
    if text.is_empty() || text.contains('\0') {
        found.add(node.span, Kind::BadPath);
        return None;
    }
    Some(PathBuf::from(text))
}

/// Only names of the usual form, so that a key put here by mistake is noticed; it is never printed.
pub(super) fn key_name(node: &Node, found: &mut Found) -> Option<String> {
    let name = match &node.value {
        Value::Null | Value::Broken => return None,
        Value::Text(name) => name.as_str(),
        _ => "",
    };
    let plain = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
    let letter = name.as_bytes().first().is_some_and(u8::is_ascii_uppercase);
    if !letter || !name.bytes().all(plain) || name.len() > 64 {
        found.add(node.span, Kind::KeyName);
        return None;
    }
    Some(name.to_owned())
}

fn fetch_policy(node: &Node, found: &mut Found) -> Option<fetch::Policy> {
    let fields = found.fields(node, FETCH_KEYS)?;
    let mut policy = fetch::Policy::default();
    if let Some(node) = fields.get("allow") {
        policy.allow = kinds(node, found).into_iter().map(|(_, kind)| kind).collect();
    }
    if let Some(node) = fields.get("strip") {
        for (span, kind) in kinds(node, found) {
            if policy.allow.has(kind) {
                found.add(span, Kind::AllowedAndStripped(kind.name()));
            } else if !kind.can_be_stripped() {
                found.add(span, Kind::NotStrippable(kind.name()));
            }
            policy.strip = policy.strip.with(kind);
        }
    }
    Some(policy)
}

fn kinds(node: &Node, found: &mut Found) -> Vec<(Span, fetch::Kind)> {
    let known = fetch::Kind::ALL.map(|kind| (kind.name(), kind));
    let mut kinds: Vec<(Span, fetch::Kind)> = Vec::new();
    for item in found.list(node, "a list of words").unwrap_or_default() {
        let Some(kind) = found.word(item, "kind", &known) else { continue };
        if kinds.iter().any(|(_, other)| *other == kind) {
            found.add(item.span, Kind::FetchKindTwice(kind.name()));
        }
        kinds.push((item.span, kind));
    }
    kinds
}

/// The sums under `name`, and where they stand. Never printed when one is wrong: it may be the key
/// itself.
pub(super) fn client_keys(
    name: &'static str,
    node: &Node,
    found: &mut Found,
) -> Vec<(Span, [u8; 32])> {
    let items = found.list(node, "a list of SHA-256 sums").unwrap_or_default();
    if items.is_empty() && matches!(node.value, Value::List(_)) {
        found.add(node.span, Kind::EmptyList(name));
    }
    if let Some(excess) = items.get(MAX_CLIENT_KEYS) {
        found.add(excess.span, Kind::TooMany { what: "client keys", most: MAX_CLIENT_KEYS });
    }
    let mut sums = Vec::new();
    for item in items.iter().take(MAX_CLIENT_KEYS) {
        let sum = match &item.value {
            Value::Text(text) | Value::Number(text) => pins::hex(text),
            _ => None,
        };
        match sum {
            Some(sum) => sums.push((item.span, sum)),
            None => found.add(item.span, Kind::ClientKey),
        }
    }
    sums
}

/// The word for a wire format in the configuration.
pub(super) fn api_name(api: Api) -> &'static str {
    match api {
        Api::Anthropic => "anthropic",
        Api::OpenAi => "openai",
        Api::Google => "google",
    }
}

struct BuiltIn {
    name: &'static str,
    host: &'static str,
    path_prefix: &'static str,
    api: Api,
    key: &'static str,
    models: &'static [&'static str],
}

impl BuiltIn {
    fn url(&self) -> BaseUrl {
        let host = Host::Name(self.host.to_owned());
        BaseUrl { tls: Tls::Https, host, port: 443, path: String::new() }
    }

    fn models(&self) -> Vec<ModelPattern> {
        self.models.iter().filter_map(|text| ModelPattern::new(text)).collect()
    }

    fn provider(&self) -> Provider {
        Provider {
            name: self.name.to_owned(),
            api: self.api,
            host: Host::Name(self.host.to_owned()),
            addresses: Addresses::Resolved,
            port: 443,
            path_prefix: self.path_prefix.to_owned(),
            transport: Transport::Tls { ca_file: None, keys: Vec::new() },
            private: false,
            key_name: Some(self.key.to_owned()),
            fetch: fetch::Policy::default(),
            client_keys: Vec::new(),
            models: self.models(),
        }
    }
}

const BUILT_IN: [BuiltIn; 4] = [
    BuiltIn {
        name: "anthropic",
        host: "api.anthropic.com",
        path_prefix: "",
        api: Api::Anthropic,
        key: "ANTHROPIC_API_KEY",
        models: &[],
    },
    BuiltIn {
        name: "openai",
        host: "api.openai.com",
        path_prefix: "",
        api: Api::OpenAi,
        key: "OPENAI_API_KEY",
        models: &[],
    },
    BuiltIn {
        name: "google",
        host: "generativelanguage.googleapis.com",
        path_prefix: "",
        api: Api::Google,
        key: "GOOGLE_API_KEY",
        models: &[],
    },
    BuiltIn {
        name: "groq",
        host: "api.groq.com",
        path_prefix: "/openai",
        api: Api::OpenAi,
        key: "GROQ_API_KEY",
        models: &["llama*", "meta-llama/*", "mixtral*", "gemma*", "groq/*"],
    },
];
const APIS: [(&str, Api); 3] =
    [("anthropic", Api::Anthropic), ("openai", Api::OpenAi), ("google", Api::Google)];
const CLIENT_KEYS: &str = "client_key_sha256";
pub(super) const PROVIDER_KEYS: &[&str] = &[
    "base_url",
    "api",
    "path_prefix",
    "private",
    "dangerously_allow_plaintext",
    "ca_file",
    "spki_sha256",
    "pinned",
    "resolve",
    "key",
    CLIENT_KEYS,
    "provider_fetch",
    "policy",
    "positions",
    "models",
];
pub(super) const FETCH_KEYS: &[&str] = &["allow", "strip"];
/// First path segments that mean something without a provider before them, now or soon.
const RESERVED_NAMES: [&str; 9] =
    ["v1", "v1alpha", "v1beta", "health", "ready", "status", "metrics", "admin", "prxy"];
/// Versions that clients put into their paths themselves.
const VERSIONS: [&str; 3] = ["v1", "v1alpha", "v1beta"];
/// Each one is a route with kernel map entries of its own.
pub(super) const MAX_PROVIDERS: usize = 64;
const MAX_CLIENT_KEYS: usize = 256;
